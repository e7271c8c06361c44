//! base64 (RFC 4648 section 4).

/// Writes `bytes` in base64 to `text`, which must have the right length.
#[expect(clippy::indexing_slicing, reason = "the index is masked to the 64 digits")]
pub(super) fn base64(bytes: &[u8], text: &mut [u8]) {
    for (digits, group) in text.as_chunks_mut::<4>().0.iter_mut().zip(bytes.chunks(3)) {
        // RFC 4648 4: n bytes are n + 1 digits, and the rest is padding
        let mut bits = (0..3).fold(0, |bits, i| bits << 8 | u32::from(*group.get(i).unwrap_or(&0)));
        for (place, digit) in digits.iter_mut().enumerate().rev() {
            *digit = if place <= group.len() { DIGITS[(bits & 63) as usize] } else { b'=' };
            bits >>= 6;
        }
    }
}

static DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers every digit, and every length of the last group.
    #[test]
    fn base64_equals_base64ct() {
        let bytes: [u8; 255] = core::array::from_fn(|i| (i * 67) as u8);
        for len in 0..bytes.len() {
            let (mut ours, mut theirs) = ([0; 340], [0; 340]);
            let ours = &mut ours[..len.div_ceil(3) * 4];
            base64(&bytes[..len], ours);
            let theirs = <base64ct::Base64 as base64ct::Encoding>::encode(&bytes[..len], &mut theirs);
            assert_eq!(theirs.map(str::as_bytes), Ok(&ours[..]));
        }
    }
}
