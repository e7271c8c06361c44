//! Writes numbers of any width, the lowest bit first (RFC 1951 section 3.1.1).

pub(super) struct Bits<'o> {
    out: &'o mut [u8],
    len: usize,
    bits: u64,
    count: u32,
    /// Whether something did not fit.
    full: bool,
}

impl<'o> Bits<'o> {
    pub(super) const fn new(out: &'o mut [u8]) -> Self {
        Self { out, len: 0, bits: 0, count: 0, full: false }
    }

    /// Returns whether something did not fit. Then the rest need not be written.
    pub(super) const fn is_full(&self) -> bool {
        self.full // mutant: replace Bits<'o>::is_full -> bool with false: the last byte shows it too
    }

    /// Writes the lowest `n` bits of `value`, up to 32. The bits above them must be 0.
    #[inline]
    pub(super) fn push(&mut self, value: u32, n: u32) {
        self.bits |= u64::from(value) << self.count;
        self.count += n;
        if self.count >= 32 {
            self.write(4);
        }
    }

    /// Writes zeros up to the next whole byte.
    pub(super) fn align(&mut self) {
        self.count = (self.count + 7) & !7;
    }

    /// Writes bytes as they are. The bits before them must be whole bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.write(self.count / 8);
        let room = self.out.get_mut(self.len..).unwrap_or_default();
        let copied = crate::bytes::copy(room, bytes);
        self.len += copied;
        // mutant: replace |= with &=: the only caller makes sure that the bytes fit
        // mutant: replace < with >: the only caller makes sure that the bytes fit
        self.full |= copied < bytes.len();
    }

    /// Writes the first `bytes` bytes of the bits.
    #[inline]
    fn write(&mut self, bytes: u32) {
        let from = self.bits.to_le_bytes();
        match (self.out.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut), from.first_chunk::<4>()) {
            // mutant: replace match guard bytes == 4 with false: any number of bytes is written the same way
            // mutant: replace match guard bytes == 4 with true: any number of bytes is written the same way
            // mutant: replace == with !=: any number of bytes is written the same way
            (Some(place), Some(from)) if bytes == 4 => *place = *from,
            _ => {
                let room = self.out.get_mut(self.len..).unwrap_or_default();
                let from = from.get(..bytes as usize).unwrap_or_else(|| never!(Default::default()));
                self.full |= crate::bytes::copy(room, from) < from.len();
            }
        }
        self.len += bytes as usize;
        self.bits = self.bits.checked_shr(8 * bytes).unwrap_or(0);
        self.count = self.count.wrapping_sub(8 * bytes);
    }

    /// Returns the number of bytes written, or `None` if something did not fit.
    pub(super) fn finish(mut self) -> Option<usize> {
        self.write(self.count / 8);
        (!self.full).then_some(self.len)
    }

    /// Returns the number of bits written. They must have fitted.
    #[cfg(test)]
    pub(super) fn written(&self) -> u32 {
        assert!(!self.full);
        8 * self.len as u32 + self.count
    }
}
