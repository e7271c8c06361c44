//! Writes and reads frames without the engine, in the format of RFC 6455 section 5.2.

/// Returns the n-th masking key of a test. Each byte differs from the same byte of the key before.
pub fn key(n: u32) -> [u8; 4] {
    n.wrapping_mul(0x9E37_79B9).to_be_bytes()
}

/// Masks or unmasks a piece of a payload that begins `from` bytes into it: octet i XOR key octet i mod 4.
pub fn mask(key: [u8; 4], from: usize, payload: &[u8]) -> Vec<u8> {
    payload.iter().enumerate().map(|(i, byte)| byte ^ key[(from + i) % 4]).collect()
}

/// Returns a header with its length in the shortest form. `first` has FIN, the reserved bits and the opcode.
pub fn header(first: u8, key: Option<[u8; 4]>, len: u64) -> Vec<u8> {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match len {
        0..126 => bytes.push(masked | len as u8),
        126..0x1_0000 => {
            bytes.push(masked | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(masked | 127);
            bytes.extend(len.to_be_bytes());
        }
    }
    bytes.extend(key.into_iter().flatten());
    bytes
}

/// Returns a whole frame, masked if there is a key.
pub fn frame(first: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, key, payload.len() as u64);
    bytes.extend(mask(key.unwrap_or_default(), 0, payload));
    bytes
}

/// A parsed header.
pub struct Header {
    /// FIN, the reserved bits and the opcode.
    pub first: u8,
    /// The 7-bit length.
    pub short: u8,
    /// The length of the payload.
    pub len: u64,
    /// The masking key, if MASK is set.
    pub key: Option<[u8; 4]>,
    /// The length of the header in bytes.
    pub size: usize,
}

/// Reads a header. Returns `None` if bytes are missing.
pub fn read_header(bytes: &[u8]) -> Option<Header> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let short = second & 0x7F;
    let extended = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let digits = bytes.get(2..2 + extended)?;
    let len = if extended == 0 { u64::from(short) } else { digits.iter().fold(0, |len, d| len << 8 | u64::from(*d)) };
    let mut size = 2 + extended;
    let mut key = None;
    if second & 0x80 != 0 {
        key = Some(<[u8; 4]>::try_from(bytes.get(size..size + 4)?).unwrap());
        size += 4;
    }
    Some(Header { first, short, len, key, size })
}

/// Splits bytes into frames, each as its first byte and its unmasked payload. Panics unless the bytes end at the end of a frame
/// and every length has its shortest form.
pub fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let Header { first, len, key, size, .. } = read_header(bytes).expect("a whole header");
        assert_eq!(header(first, key, len), bytes[..size], "the header is in its shortest form");
        let end = size + usize::try_from(len).unwrap();
        frames.push((first, mask(key.unwrap_or_default(), 0, &bytes[size..end])));
        bytes = &bytes[end..];
    }
    frames
}

/// Returns whether `text` ends with a complete character, or `None` if it is not valid UTF-8. The caller has already checked
/// the first `before` bytes, so this checks (with `core::str`) only the bytes after them and a character that they may complete.
pub fn text_is_complete(text: &[u8], before: usize) -> Option<bool> {
    let lead = (before.saturating_sub(3)..before).rev().find(|at| text[*at] >= 0xC0);
    match core::str::from_utf8(&text[lead.unwrap_or(before)..]) {
        Ok(_) => Some(true),
        Err(error) if error.error_len().is_none() => Some(false),
        Err(_) => None,
    }
}
