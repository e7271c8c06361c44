//! Masking: XOR with a repeating key of four bytes (RFC 6455 section 5.3).
//!
//! On 64-bit targets the bytes go through blocks of a size known to the compiler, which become vector instructions; elsewhere
//! through the plain loop of [`small`], which the tests hold the blocks against. A few bytes up to two blocks are done as the
//! first W and the last W bytes, which may overlap: both are loaded before either is stored, so there is no ladder of tails.
//! A long payload begins with one vector by itself, so that none behind it crosses a cache line.

/// A masking key and the place in it, so that a payload can be masked piece by piece.
///
/// Masking and unmasking are the same operation.
///
/// ```
/// let mut mask = barews::wire::Mask::new([0x37, 0xFA, 0x21, 0x3D]);
/// let mut payload = [0x7F, 0x9F, 0x4D, 0x51, 0x58];
/// mask.apply(&mut payload[..2]);
/// mask.apply(&mut payload[2..]);
/// assert_eq!(&payload, b"Hello");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mask {
    /// The key turned so that its lowest byte belongs to the next byte of payload.
    key: u32,
}

impl Mask {
    /// Begins a payload that is masked with `key`.
    #[inline]
    pub const fn new(key: [u8; 4]) -> Self {
        Self { key: u32::from_le_bytes(key) }
    }

    /// Masks or unmasks the next piece of the payload in place.
    pub fn apply(&mut self, data: &mut [u8]) {
        self.apply_is_ascii(data);
    }

    /// [`apply`](Self::apply), and whether the outcome is all ASCII: the OR over the words is to be had for nothing.
    #[inline(never)]
    pub(crate) fn apply_is_ascii(&mut self, data: &mut [u8]) -> bool {
        self.apply_inline(data)
    }

    /// [`apply_is_ascii`](Self::apply_is_ascii) for the one place that is worth the code.
    // RFC 6455 5.3: octet i XOR key octet i mod 4 [6455-5.3-5]
    #[inline(always)]
    pub(crate) fn apply_inline(&mut self, data: &mut [u8]) -> bool {
        let key = self.key;
        self.advance(data.len());
        kernel::apply(data, key)
    }

    /// Masks the next piece of the payload while copying it. The slices have the same length.
    #[inline]
    pub(crate) fn copy(&mut self, to: &mut [u8], from: &[u8]) {
        let key = self.key;
        self.advance(from.len());
        kernel::copy(from, to, key);
    }

    #[inline]
    fn advance(&mut self, len: usize) {
        self.key = turned(self.key, len);
    }
}

/// The key for the payload that is `len` bytes further on.
#[inline]
const fn turned(key: u32, len: usize) -> u32 {
    key.rotate_right(8 * (len as u32 & 3))
}

#[cfg(not(target_pointer_width = "64"))]
use small as kernel;
#[cfg(target_pointer_width = "64")]
use wide as kernel;

/// One byte after the other: the shortest code, and the oracle for [`wide`].
#[cfg(any(test, not(target_pointer_width = "64")))]
mod small {
    pub(super) fn apply(data: &mut [u8], mut key: u32) -> bool {
        let mut or = 0;
        for byte in data {
            *byte ^= key as u8;
            or |= *byte;
            key = key.rotate_right(8);
        }
        or < 0x80
    }

    pub(super) fn copy(from: &[u8], to: &mut [u8], mut key: u32) {
        for (from, to) in from.iter().zip(to) {
            *to = *from ^ key as u8;
            key = key.rotate_right(8);
        }
    }
}

/// Blocks for vector units. The words are u32 where a block is 32 bytes or more, since LLVM makes vectors of those only.
#[cfg(target_pointer_width = "64")]
mod wide {
    use super::turned;

    /// So long that LLVM sees a loop in each block, not a stride over blocks, which AVX-512 would make five times slower.
    const BLOCK: usize = 256;
    /// From this length on it pays that no vector crosses a cache line.
    const LONG: usize = 1200;
    const ALIGN: usize = if cfg!(target_feature = "avx2") { 32 } else { 16 };
    const NOT_ASCII: u64 = 0x8080_8080_8080_8080;

    #[inline(always)]
    pub(super) fn apply(data: &mut [u8], key: u32) -> bool {
        let wide = u64::from(key) << 32 | u64::from(key);
        let or = match data.len() {
            128.. => many(data, wide),
            64.. => ends::<64>(data, wide),
            32.. => ends::<32>(data, wide),
            16.. => ends::<16>(data, wide),
            8.. => ends::<8>(data, wide),
            _ => few(data, key),
        };
        or & NOT_ASCII == 0
    }

    /// Masks one block and returns the OR of the outcome.
    #[inline(always)]
    fn block<const W: usize>(block: &mut [u8; W], key: u64) -> u64 {
        let mut or = 0;
        if W >= 32 {
            let mut or32 = 0;
            for word in block.as_chunks_mut().0 {
                let x = u32::from_le_bytes(*word) ^ key as u32;
                *word = x.to_le_bytes();
                or32 |= x;
            }
            or |= u64::from(or32);
        } else {
            for word in block.as_chunks_mut().0 {
                let x = u64::from_le_bytes(*word) ^ key;
                *word = x.to_le_bytes();
                or |= x;
            }
        }
        or
    }

    /// W to 2 W bytes.
    #[inline(always)]
    fn ends<const W: usize>(data: &mut [u8], key: u64) -> u64 {
        let turn = 8 * (data.len() as u32 & 3);
        let (Some(first), Some(last)) = (data.first_chunk::<W>(), data.last_chunk::<W>()) else { return 0 };
        let (mut first, mut last) = (*first, *last);
        let or = block(&mut first, key) | block(&mut last, key.rotate_right(turn));
        if let Some(place) = data.first_chunk_mut() {
            *place = first;
        }
        if let Some(place) = data.last_chunk_mut() {
            *place = last;
        }
        or
    }

    /// Up to seven bytes.
    #[inline(always)]
    fn few(data: &mut [u8], key: u32) -> u64 {
        if let (Some(first), Some(last)) = (data.first_chunk(), data.last_chunk()) {
            let first = u32::from_le_bytes(*first) ^ key;
            let last = u32::from_le_bytes(*last) ^ turned(key, data.len());
            if let Some(place) = data.first_chunk_mut() {
                *place = first.to_le_bytes();
            }
            if let Some(place) = data.last_chunk_mut() {
                *place = last.to_le_bytes();
            }
            return u64::from(first | last);
        }
        let mut or = 0;
        for (byte, key) in data.iter_mut().zip(key.to_le_bytes()) {
            *byte ^= key;
            or |= *byte;
        }
        u64::from(or)
    }

    #[inline(never)]
    fn many(data: &mut [u8], key: u64) -> u64 {
        let ahead = ahead(data);
        if ahead == 0 { blocks(data, key) } else { long(data, key, ahead) }
    }

    #[inline(always)]
    fn blocks(data: &mut [u8], key: u64) -> u64 {
        let (blocks, rest) = data.as_chunks_mut::<BLOCK>();
        let mut or = 0;
        for whole in blocks {
            or |= block(whole, key);
        }
        or | match rest.len() {
            128.. => ends::<128>(rest, key),
            64.. => ends::<64>(rest, key),
            32.. => ends::<32>(rest, key),
            16.. => ends::<16>(rest, key),
            8.. => ends::<8>(rest, key),
            _ => few(rest, key as u32),
        }
    }

    /// Begins with one vector by itself, so that none behind it crosses a cache line.
    #[inline(never)]
    fn long(data: &mut [u8], key: u64, ahead: usize) -> u64 {
        let Some(first) = data.first_chunk::<ALIGN>() else { return 0 };
        let mut first = *first;
        let turned = key.rotate_right(8 * (ahead as u32 & 3));
        let or = block(&mut first, key) | blocks(data.get_mut(ahead..).unwrap_or_default(), turned);
        if let Some(place) = data.first_chunk_mut() {
            *place = first; // it overlaps what is behind, and says the same there
        }
        or
    }

    /// How many bytes stand before the first vector that is aligned, where it pays to begin with that.
    #[inline(always)]
    fn ahead(data: &[u8]) -> usize {
        if data.len() < LONG { 0 } else { data.as_ptr().addr().wrapping_neg() % ALIGN }
    }

    #[inline]
    pub(super) fn copy(from: &[u8], to: &mut [u8], key: u32) {
        let wide = u64::from(key) << 32 | u64::from(key);
        match from.len() {
            128.. => copy_many(from, to, wide),
            64.. => copy_ends::<64>(from, to, wide),
            32.. => copy_ends::<32>(from, to, wide),
            16.. => copy_ends::<16>(from, to, wide),
            8.. => copy_ends::<8>(from, to, wide),
            _ => copy_few(from, to, key),
        }
    }

    #[inline(always)]
    fn copy_block<const W: usize>(from: &[u8; W], to: &mut [u8; W], key: u64) {
        if W >= 32 {
            for (from, to) in from.as_chunks().0.iter().zip(to.as_chunks_mut().0) {
                *to = (u32::from_le_bytes(*from) ^ key as u32).to_le_bytes();
            }
        } else {
            for (from, to) in from.as_chunks().0.iter().zip(to.as_chunks_mut().0) {
                *to = (u64::from_le_bytes(*from) ^ key).to_le_bytes();
            }
        }
    }

    #[inline(always)]
    fn copy_ends<const W: usize>(from: &[u8], to: &mut [u8], key: u64) {
        let turn = 8 * (from.len() as u32 & 3);
        if let (Some(from), Some(to)) = (from.first_chunk::<W>(), to.first_chunk_mut()) {
            copy_block(from, to, key);
        }
        if let (Some(from), Some(to)) = (from.last_chunk::<W>(), to.last_chunk_mut()) {
            copy_block(from, to, key.rotate_right(turn));
        }
    }

    #[inline(always)]
    fn copy_few(from: &[u8], to: &mut [u8], key: u32) {
        if let (Some(first), Some(last)) = (from.first_chunk(), from.last_chunk()) {
            let turned = turned(key, from.len());
            if let Some(place) = to.first_chunk_mut() {
                *place = (u32::from_le_bytes(*first) ^ key).to_le_bytes();
            }
            if let Some(place) = to.last_chunk_mut() {
                *place = (u32::from_le_bytes(*last) ^ turned).to_le_bytes();
            }
            return;
        }
        for ((from, to), i) in from.iter().zip(to).zip(0..) {
            *to = *from ^ turned(key, i) as u8;
        }
    }

    #[inline(never)]
    fn copy_long(from: &[u8], to: &mut [u8], key: u64, ahead: usize) {
        if let (Some(from), Some(to)) = (from.first_chunk::<ALIGN>(), to.first_chunk_mut()) {
            copy_block(from, to, key);
        }
        if let (Some(from), Some(to)) = (from.get(ahead..), to.get_mut(ahead..)) {
            copy_blocks(from, to, key.rotate_right(8 * (ahead as u32 & 3)));
        }
    }

    #[inline(never)]
    fn copy_many(from: &[u8], to: &mut [u8], key: u64) {
        let ahead = ahead(to);
        if ahead == 0 { copy_blocks(from, to, key) } else { copy_long(from, to, key, ahead) }
    }

    #[inline(always)]
    fn copy_blocks(from: &[u8], to: &mut [u8], key: u64) {
        let (from, from_rest) = from.as_chunks::<BLOCK>();
        let (to, to_rest) = to.as_chunks_mut::<BLOCK>();
        for (from, to) in from.iter().zip(to) {
            copy_block(from, to, key);
        }
        match from_rest.len() {
            128.. => copy_ends::<128>(from_rest, to_rest, key),
            64.. => copy_ends::<64>(from_rest, to_rest, key),
            32.. => copy_ends::<32>(from_rest, to_rest, key),
            16.. => copy_ends::<16>(from_rest, to_rest, key),
            8.. => copy_ends::<8>(from_rest, to_rest, key),
            _ => copy_few(from_rest, to_rest, key as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Mask, small};
    use std::vec::Vec;

    /// [6455-5.3-5]: every length up to two blocks and a tail and some long ones, every phase, anywhere in memory, against
    /// octet i XOR key octet i mod 4.
    #[test]
    fn masks_octet_i_with_key_octet_i_mod_4() {
        let key = [0xA1, 0x42, 0xC3, 0x07];
        let short = (0..700).map(|len| (len, len % 4));
        let long = [1199, 1200, 1201, 1456, 1990].into_iter().flat_map(|len| (0..40).map(move |at| (len, at)));
        for (len, at) in short.chain(long) {
            for phase in 0..4 {
                let data: Vec<u8> = (0..at + len).map(|i| (i * 7 + i / 5) as u8).collect();
                let want: Vec<u8> = data[at..].iter().enumerate().map(|(i, b)| b ^ key[(i + phase) % 4]).collect();
                let mut mask = Mask::new(key);
                mask.apply(&mut [0; 4][..phase]);
                let start = mask;

                let mut applied = data.clone();
                assert_eq!(mask.apply_is_ascii(&mut applied[at..]), want.is_ascii());
                assert_eq!(applied[at..], want, "{len} bytes, phase {phase}");
                let after = mask;

                mask = start;
                let mut copied = std::vec![0; at + len];
                mask.copy(&mut copied[at..], &data[at..]);
                assert_eq!(copied[at..], want, "{len} bytes copied, phase {phase}");
                assert_eq!(mask, after);

                let mut plain = data.clone();
                assert_eq!(small::apply(&mut plain[at..], start.key), want.is_ascii());
                assert_eq!(plain[at..], want);
                let mut plainly_copied = std::vec![0; len];
                small::copy(&data[at..], &mut plainly_copied, start.key);
                assert_eq!(plainly_copied, want);
            }
        }
    }

    #[test]
    fn one_byte_that_is_not_ascii_is_seen_wherever_it_stands() {
        for len in (1..600).chain([1300]) {
            for at in (0..len.min(40)).chain([len / 3, len / 2, len - 1]) {
                for start in [1, 8] {
                    let mut data = std::vec![b'x'; start + len];
                    data[start + at] = 0x80;
                    assert!(!Mask::new([0; 4]).apply_is_ascii(&mut data[start..]));
                    assert!(!small::apply(&mut data[start..], 0));
                }
            }
        }
    }

    #[test]
    fn pieces_equal_the_whole() {
        let data: Vec<u8> = (0..=255).collect();
        let mut whole = data.clone();
        Mask::new(*b"key!").apply(&mut whole);
        for cut in 0..=256 {
            let mut cut_in_two = data.clone();
            let mut mask = Mask::new(*b"key!");
            mask.apply(&mut cut_in_two[..cut]);
            mask.apply(&mut cut_in_two[cut..]);
            assert_eq!(cut_in_two, whole);
        }
    }
}
