//! The input, bit by bit (RFC 1951 section 3.1.1).

/// Bits that were taken from the input and not used yet. The lowest is the next.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Bits {
    /// The bits above the counted ones are 0 or, after [`refill_word`](Self::refill_word), the next bits of the input.
    bits: u64,
    count: u32,
}

impl Bits {
    pub(super) const fn new() -> Self {
        Self { bits: 0, count: 0 }
    }

    #[inline(always)]
    pub(super) const fn peek(&self) -> u64 {
        self.bits
    }

    #[inline(always)]
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// Takes bytes from the input until there are at least 56 bits or the input ends.
    #[inline]
    pub(super) fn refill(&mut self, input: &mut &[u8]) {
        while self.count < 56
            && let Some((byte, rest)) = input.split_first()
        {
            self.bits |= u64::from(*byte) << self.count;
            self.count += 8;
            *input = rest;
        }
    }

    /// Takes bytes from the input until there are at least 56 bits. Returns false if the input has fewer than 8 bytes.
    #[inline(always)]
    pub(super) fn refill_word(&mut self, input: &mut &[u8]) -> bool {
        // mutant: replace Bits::refill_word -> bool with false: the slow path gives the same
        let Some(word) = input.first_chunk() else { return false };
        let count = self.count & 63;
        self.bits |= u64::from_le_bytes(*word) << count;
        *input = input.get((63 - count as usize) / 8..).unwrap_or_else(|| never!(Default::default()));
        self.count |= 56;
        true
    }

    /// Clears the bits above the counted ones, as [`refill`](Self::refill) requires.
    pub(super) const fn clear_above(&mut self) {
        self.bits &= !(u64::MAX << (self.count & 63));
    }

    /// Returns the next `n` bits as a number, or `None` if there are fewer.
    pub(super) fn take(&mut self, n: u32) -> Option<u32> {
        let value = self.bits & !(u64::MAX << n);
        (n <= self.count).then(|| {
            self.use_up(n);
            value as u32
        })
    }

    #[inline(always)]
    pub(super) const fn use_up(&mut self, n: u32) {
        self.bits >>= n & 63;
        self.count = self.count.wrapping_sub(n);
    }

    /// Skips the rest of the current byte.
    pub(super) const fn align(&mut self) {
        self.use_up(self.count % 8);
    }
}
