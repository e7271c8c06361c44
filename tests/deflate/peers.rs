//! Other software that deflates and inflates, and test data.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// zlib-rs, with windows of 9 bits and more.
pub struct ZlibDeflate(Compress);

impl ZlibDeflate {
    pub fn new(level: u32, window_bits: u8) -> Self {
        Self(Compress::new_with_window_bits(Compression::new(level), false, window_bits.max(9)))
    }

    /// Deflates a message: flushes it and removes the tail.
    pub fn message(&mut self, body: &[u8]) -> Vec<u8> {
        let mut out = self.part(body, FlushCompress::Sync);
        if out.is_empty() {
            return vec![0]; // a second flush writes nothing (RFC 7692 section 7.2.3.6)
        }
        assert_eq!(out.split_off(out.len() - 4), [0, 0, 0xFF, 0xFF]);
        out
    }

    pub fn part(&mut self, body: &[u8], flush: FlushCompress) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 * body.len() + 4096);
        let before = self.0.total_in();
        self.0.compress_vec(body, &mut out, flush).unwrap();
        assert_eq!(self.0.total_in() - before, body.len() as u64);
        out
    }

    pub fn reset(&mut self) {
        self.0.reset();
    }
}

/// zlib-rs.
pub struct ZlibInflate(Decompress);

impl ZlibInflate {
    pub fn new(window_bits: u8) -> Self {
        Self(Decompress::new_with_window_bits(false, window_bits))
    }

    /// Inflates a message. Returns `None` if it is malformed.
    pub fn message(&mut self, payload: &[u8], capacity: usize) -> Option<Vec<u8>> {
        let bytes = [payload, &[0, 0, 0xFF, 0xFF]].concat();
        let mut out = Vec::with_capacity(capacity + 64);
        let before = self.0.total_in();
        let status = self.0.decompress_vec(&bytes, &mut out, FlushDecompress::Sync).ok()?;
        (status != Status::StreamEnd && self.0.total_in() - before == bytes.len() as u64).then_some(out)
    }
}

/// Returns a body of one of five kinds, which compress well, badly or not at all.
pub fn body(kind: usize, len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut out = Vec::new();
    while out.len() < len {
        match kind % 5 {
            0 => out.push(b'a'),
            1 => {
                let (id, value) = (random() % 50, random() % 1000);
                out.extend(format!("{{\"sensor\":{id},\"value\":{value},\"unit\":\"kPa\",\"ok\":true}},").bytes());
            }
            2 => out.extend("온도가 올라가고 있습니다. ".bytes().skip((random() % 3 * 3) as usize)),
            3 => out.push(random() as u8),
            _ => out.push(b"abcd"[(random() % 4) as usize]),
        }
    }
    out.truncate(len);
    out
}
