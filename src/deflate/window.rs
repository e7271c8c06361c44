//! The sliding window: the last bytes that earlier calls have written or deflated, in a ring that the host lends.

use crate::bytes::copy;

/// The position in a ring, and how much of it is filled. Every method takes the ring itself, of up to 2^15 bytes.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Window {
    /// Where the next byte goes.
    next: u16,
    /// How many bytes before that are filled.
    known: u16,
}

impl Window {
    pub(super) const fn new() -> Self {
        Self { next: 0, known: 0 }
    }

    /// Empties the window.
    pub(super) const fn forget(&mut self) {
        self.known = 0;
    }

    /// Returns the longest distance that a match may have, after `written` bytes of the current call.
    #[inline(always)]
    pub(super) fn reach(&self, ring: &[u8], written: usize) -> usize {
        written.saturating_add(self.known.into()).min(ring.len())
    }

    /// Returns the place of the byte `back` bytes before the current call's first, for `back` up to the ring's length.
    #[inline]
    pub(super) fn place(&self, ring: &[u8], back: usize) -> usize {
        let next = usize::from(self.next);
        next.checked_sub(back).unwrap_or(ring.len().wrapping_add(next).wrapping_sub(back))
    }

    /// Does the same in a ring whose length is a power of two, which takes fewer instructions.
    #[inline]
    pub(super) fn place_by_mask(&self, ring: &[u8], back: usize) -> usize {
        usize::from(self.next).wrapping_sub(back) & ring.len().wrapping_sub(1)
    }

    /// Returns the last `back` bytes, the oldest first, in two pieces. The second is empty unless the ring's end is
    /// between them.
    #[inline]
    pub(super) fn last<'r>(&self, ring: &'r [u8], back: usize) -> [&'r [u8]; 2] {
        let first = ring.get(self.place(ring, back)..).unwrap_or_default();
        let first = first.get(..back).unwrap_or(first);
        let second = ring.get(..back.saturating_sub(first.len())).unwrap_or_default();
        [first, second]
    }

    /// Adds the bytes that the current call has written.
    pub(super) fn remember(&mut self, ring: &mut [u8], written: &[u8]) {
        let end = written.get(written.len().saturating_sub(ring.len())..).unwrap_or_default();
        let copied = copy(ring.get_mut(self.next.into()..).unwrap_or_default(), end);
        copy(ring, end.get(copied..).unwrap_or_default());
        let next = usize::from(self.next) + end.len();
        self.next = next.checked_sub(ring.len()).unwrap_or(next) as u16;
        self.known = self.reach(ring, end.len()) as u16;
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn window_keeps_the_last_bytes_written() {
        for len in [0, 1, 7, 8, 256, 300] {
            let (mut ring, mut window, mut all) = (vec![0xA5; len], Window::new(), Vec::new());
            for n in 0..100u8 {
                let written: Vec<u8> = (0..u16::from(n) * 7 % 450).map(|byte| byte as u8 ^ n).collect();
                window.remember(&mut ring, &written);
                all.extend_from_slice(&written);
                let known = all.len().min(len);
                assert_eq!(window.reach(&ring, 0), known);
                for back in 0..=known {
                    assert_eq!(window.last(&ring, back).concat(), all[all.len() - back..]);
                    if len.is_power_of_two() && back > 0 {
                        assert_eq!(window.place_by_mask(&ring, back), window.place(&ring, back));
                    }
                }
            }
            window.forget();
            assert_eq!(window.reach(&ring, 5), len.min(5));
        }
    }
}
