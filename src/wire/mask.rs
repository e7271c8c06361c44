//! Masking: XOR with a repeating key of four bytes (RFC 6455 section 5.3).
//!
//! One kernel masks in place and while copying: a [`Source`] says where the bytes come from. On 64-bit targets it works
//! on blocks of a size known to the compiler, which become vector instructions, and on Arm microcontrollers on
//! [`words`]. Both leave the rest to the loop [`bytes`], which the tests compare them with.

use crate::target::{FAST, WORDS};

/// A masking key and the position in it, so that a payload can be masked in several calls.
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
    #[must_use]
    pub const fn new(key: [u8; 4]) -> Self {
        Self { key: u32::from_le_bytes(key) }
    }

    /// Masks or unmasks the next bytes of the payload in place.
    pub fn apply(&mut self, data: &mut [u8]) {
        self.apply_is_ascii(data);
    }

    /// Like [`apply`](Self::apply), and returns whether the result is ASCII, which comes for free from the OR of all
    /// words.
    #[inline(never)]
    pub(crate) fn apply_is_ascii(&mut self, data: &mut [u8]) -> bool {
        self.apply_inline(data)
    }

    /// [`apply_is_ascii`](Self::apply_is_ascii) for the one caller that is worth the code.
    #[inline(always)]
    pub(crate) fn apply_inline(&mut self, data: &mut [u8]) -> bool {
        let key = self.advance(data.len());
        mask(InPlace, data, key)
    }

    /// Masks the next bytes of the payload while copying them. The slices have the same length.
    #[inline]
    pub(crate) fn copy(&mut self, to: &mut [u8], from: &[u8]) {
        let key = self.advance(from.len());
        mask_copy(from, to, key);
    }

    /// Returns the key for the next `len` bytes, and turns it for what follows them.
    #[inline]
    fn advance(&mut self, len: usize) -> u32 {
        let key = self.key;
        self.key = key.rotate_right(8 * (len as u32 & 3));
        key
    }
}

#[inline]
fn mask_copy(from: &[u8], to: &mut [u8], key: u32) {
    match to.get_mut(..from.len()) {
        Some(to) => _ = mask(from, to, key),
        None => never!(),
    }
}

/// Masks all bytes, and returns whether the result is ASCII.
// RFC 6455 5.3: octet i XOR key octet i mod 4 [6455-5.3-5]
#[inline(always)]
fn mask<S: Source>(from: S, to: &mut [u8], key: u32) -> bool {
    // mutant: all but the first branch: not reached on 64-bit targets
    match (FAST, WORDS) {
        (true, _) => wide::mask(from, to, key),
        (false, true) => words(from, to, key),
        (false, false) => bytes(from, to, key) < 0x80,
    }
}

/// Where the bytes come from: the slice that the result goes to, or another slice of the same length.
trait Source: Copy {
    /// Whether the caller wants to know if the result is ASCII.
    const ASCII: bool;

    /// The W bytes from `at` on. `to` is the slice that the result goes to.
    fn load<const W: usize>(self, to: &[u8], at: usize) -> Option<[u8; W]>;

    /// Masks words. Returns the OR of the result if `ASCII`, and the source after them.
    fn words(self, to: &mut [[u8; 4]], key: u32) -> (u32, Self);

    /// The source without its first `len` bytes.
    fn skip(self, len: usize) -> Self;

    /// The source in chunks of W bytes, and what is left after the last one.
    fn chunks<const W: usize>(self) -> (impl Iterator<Item = Self>, Self);
}

/// The source is the slice that the result goes to.
#[derive(Clone, Copy)]
struct InPlace;

impl Source for InPlace {
    const ASCII: bool = true;

    #[inline(always)]
    fn load<const W: usize>(self, to: &[u8], at: usize) -> Option<[u8; W]> {
        to.load(&[], at)
    }

    #[inline(always)]
    fn words(self, to: &mut [[u8; 4]], key: u32) -> (u32, Self) {
        let mut or = 0;
        for to in to {
            let word = u32::from_le_bytes(*to) ^ key;
            or |= word;
            *to = word.to_le_bytes();
        }
        (or, self)
    }

    #[inline(always)]
    fn skip(self, _: usize) -> Self {
        self
    }

    #[inline(always)]
    fn chunks<const W: usize>(self) -> (impl Iterator<Item = Self>, Self) {
        (core::iter::repeat(self), self)
    }
}

impl Source for &[u8] {
    const ASCII: bool = false;

    #[inline(always)]
    fn words(self, to: &mut [[u8; 4]], key: u32) -> (u32, Self) {
        let put = |from: &[u8; 4], to: &mut [u8; 4]| *to = (u32::from_le_bytes(*from) ^ key).to_le_bytes();
        let (words, rest) = self.as_chunks::<4>();
        // The blocks are unrolled, also when the compiler optimises for size.
        let ((blocks, words), (to_blocks, to_words)) = (words.as_chunks::<4>(), to.as_chunks_mut::<4>());
        for ([a, b, c, d], [to_a, to_b, to_c, to_d]) in blocks.iter().zip(to_blocks) {
            put(a, to_a);
            put(b, to_b);
            put(c, to_c);
            put(d, to_d);
        }
        words.iter().zip(to_words).for_each(|(from, to)| put(from, to));
        (0, rest)
    }

    #[inline(always)]
    fn load<const W: usize>(self, _: &[u8], at: usize) -> Option<[u8; W]> {
        self.get(at..)?.first_chunk().copied()
    }

    #[inline(always)]
    fn skip(self, len: usize) -> Self {
        self.get(len..).unwrap_or_else(|| never!(Default::default()))
    }

    #[inline(always)]
    fn chunks<const W: usize>(self) -> (impl Iterator<Item = Self>, Self) {
        let (chunks, rest) = self.as_chunks::<W>();
        (chunks.iter().map(<[u8; W]>::as_slice), rest)
    }
}

/// Masks words of four bytes, and then the rest. Returns whether the result is ASCII.
#[inline]
fn words<S: Source>(from: S, to: &mut [u8], key: u32) -> bool {
    let (words, rest) = to.as_chunks_mut();
    let (or, from) = from.words(words, key);
    (or & 0x8080_8080 == 0) & (bytes(from, rest, key) < 0x80)
}

/// Masks one byte after the other, in the shortest code. Returns the OR of the result.
#[inline]
fn bytes<S: Source>(from: S, to: &mut [u8], mut key: u32) -> u8 {
    let mut or = 0;
    for (from, to) in from.chunks::<1>().0.zip(to.as_chunks_mut::<1>().0) {
        let Some([byte]) = from.load(to, 0) else { return never!(0) };
        let masked = byte ^ key as u8;
        *to = [masked];
        or |= masked;
        key = key.rotate_right(8);
    }
    or
}

/// Blocks for vector units. Each function returns the OR of the result.
///
/// What is not a whole number of blocks is done as the first W bytes and the last W bytes, which can overlap: both are
/// loaded before either is stored. So there is one step for each power of two, and no loop over single bytes from four
/// bytes on.
mod wide {
    use super::{InPlace, Source, bytes};
    #[cfg(feature = "simd")]
    use crate::wire::vectors::widest;

    /// So long that LLVM sees a loop in each block, not a stride over blocks, which AVX-512 would make five times
    /// slower.
    const BLOCK: usize = 256;
    /// From this length on it pays that no vector crosses a cache line.
    const LONG: usize = 1200;
    const ALIGN: usize = if cfg!(target_feature = "avx2") { 32 } else { 16 };
    /// From this length on, wider vectors save more than the call costs.
    #[cfg(feature = "simd")]
    const WIDEST: usize = 512;
    const NOT_ASCII: u64 = 0x8080_8080_8080_8080;

    /// Returns whether the result is ASCII.
    #[inline(always)]
    pub(super) fn mask<S: Source>(from: S, to: &mut [u8], key: u32) -> bool {
        let key = u64::from(key) << 32 | u64::from(key); // mutant: replace | with ^: the bits are disjoint
        // mutant: replace < with ==, <=: only the speed differs
        let or = match to.len() {
            ..128 => rest(from, to, key),
            #[cfg(feature = "simd")]
            WIDEST.. => widest_many(from, to, key),
            _ => many(from, to, key),
        };
        or & NOT_ASCII == 0
    }

    #[inline(never)]
    fn many<S: Source>(from: S, to: &mut [u8], key: u64) -> u64 {
        vectors::<S, ALIGN>(from, to, key)
    }

    #[cfg(feature = "simd")]
    #[inline(never)]
    fn widest_many<S: Source>(from: S, to: &mut [u8], key: u64) -> u64 {
        widest(
            #[inline(always)]
            || vectors::<S, 32>(from, to, key),
        )
    }

    #[inline(always)]
    fn vectors<S: Source, const ALIGN: usize>(from: S, to: &mut [u8], key: u64) -> u64 {
        // mutant: replace < with ==, >, <=: only the speed differs
        let unaligned = if to.len() < LONG { 0 } else { to.as_ptr().addr().wrapping_neg() % ALIGN };
        // mutant: replace == with !=: only the speed differs
        let or = if unaligned == 0 { blocks(from, to, key) } else { long::<S, ALIGN>(from, to, key, unaligned) };
        if S::ASCII { or } else { 0 }
    }

    /// Begins with one vector by itself, so that no later one crosses a cache line: the next one begins after the
    /// `unaligned` bytes that precede the first aligned address. The two overlap and store the same bytes there.
    #[cfg_attr(feature = "simd", inline(always))]
    #[cfg_attr(not(feature = "simd"), inline(never))]
    fn long<S: Source, const ALIGN: usize>(from: S, to: &mut [u8], key: u64, unaligned: usize) -> u64 {
        let Some(mut first) = from.load::<ALIGN>(to, 0) else { return never!(0) };
        let Some(aligned) = to.get_mut(unaligned..) else { return never!(0) };
        let or = block(InPlace, &mut first, key) | blocks(from.skip(unaligned), aligned, turn(key, unaligned));
        store(to, 0, first);
        if S::ASCII { or } else { 0 }
    }

    #[inline(always)]
    fn blocks<S: Source>(from: S, to: &mut [u8], key: u64) -> u64 {
        let (from, from_rest) = from.chunks::<BLOCK>();
        let (to, to_rest) = to.as_chunks_mut::<BLOCK>();
        let mut or = 0;
        for (from, to) in from.zip(to) {
            or |= block(from, to, key);
        }
        or | rest(from_rest, to_rest, key)
    }

    /// Masks less than a block.
    #[inline(always)]
    fn rest<S: Source>(from: S, to: &mut [u8], key: u64) -> u64 {
        match to.len() {
            128.. => ends::<S, 128>(from, to, key),
            64.. => ends::<S, 64>(from, to, key),
            32.. => ends::<S, 32>(from, to, key),
            16.. => ends::<S, 16>(from, to, key),
            8.. => ends::<S, 8>(from, to, key),
            4.. => ends::<S, 4>(from, to, key), // mutant: delete match arm 4..: only the speed differs
            _ => bytes(from, to, key as u32).into(),
        }
    }

    /// Masks W to 2 W bytes.
    #[inline(always)]
    fn ends<S: Source, const W: usize>(from: S, to: &mut [u8], key: u64) -> u64 {
        let at = to.len().wrapping_sub(W);
        let (Some(mut first), Some(mut last)) = (from.load::<W>(to, 0), from.load::<W>(to, at)) else {
            return never!(0);
        };
        let or = block(InPlace, &mut first, key) | block(InPlace, &mut last, turn(key, to.len()));
        store(to, 0, first);
        store(to, at, last);
        or
    }

    /// Masks one block. LLVM makes vectors of 32 bytes or more only if the words are u32.
    #[inline(always)]
    fn block<S: Source, const W: usize>(from: S, to: &mut [u8; W], key: u64) -> u64 {
        let (mut or, mut or32) = (0, 0);
        if matches!(W, 8 | 16) {
            for (from, to) in from.chunks::<8>().0.zip(to.as_chunks_mut::<8>().0) {
                let Some(word) = from.load(to, 0) else { return never!(0) };
                let masked = u64::from_le_bytes(word) ^ key;
                *to = masked.to_le_bytes();
                or |= masked;
            }
        } else {
            for (from, to) in from.chunks::<4>().0.zip(to.as_chunks_mut::<4>().0) {
                let Some(word) = from.load(to, 0) else { return never!(0) };
                let masked = u32::from_le_bytes(word) ^ key as u32;
                *to = masked.to_le_bytes();
                or32 |= masked;
            }
        }
        or | u64::from(or32) // mutant: replace | with ^: one of them is 0
    }

    #[inline(always)]
    fn store<const W: usize>(to: &mut [u8], at: usize, block: [u8; W]) {
        match to.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            Some(place) => *place = block,
            None => never!(),
        }
    }

    /// [`turned`] for the key twice in a row.
    #[inline(always)]
    const fn turn(key: u64, len: usize) -> u64 {
        key.rotate_right(8 * (len as u32 & 3))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{InPlace, Mask, bytes, words};
    use std::vec::Vec;

    /// [6455-5.3-5]: every length up to two blocks and a tail and some long ones, every phase, anywhere in memory, against
    /// octet i XOR key octet i mod 4.
    #[test]
    fn mask_xors_octet_i_with_key_octet_i_mod_4() {
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
                assert_eq!(bytes(InPlace, &mut plain[at..], start.key) < 0x80, want.is_ascii());
                assert_eq!(plain[at..], want);
                let mut plainly_copied = std::vec![0; len];
                bytes(&data[at..], &mut plainly_copied, start.key);
                assert_eq!(plainly_copied, want);

                let mut by_words = data.clone();
                assert_eq!(words(InPlace, &mut by_words[at..], start.key), want.is_ascii());
                assert_eq!(by_words[at..], want);
                let mut copied_by_words = std::vec![0; len];
                words(&data[at..], &mut copied_by_words, start.key);
                assert_eq!(copied_by_words, want);
            }
        }
    }

    #[test]
    fn mask_reports_a_single_byte_that_is_not_ascii() {
        for len in (1..600).chain([1300]) {
            for at in (0..len.min(40)).chain([len / 3, len / 2, len - 1]) {
                for start in [1, 8] {
                    let mut data = std::vec![b'x'; start + len];
                    data[start + at] = 0x80;
                    assert!(!Mask::new([0; 4]).apply_is_ascii(&mut data[start..]));
                    assert!(bytes(InPlace, &mut data[start..], 0) >= 0x80);
                    assert!(!words(InPlace, &mut data[start..], 0));
                }
            }
        }
    }

    #[test]
    fn mask_in_two_pieces_equals_the_whole() {
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
