//! Huffman codes for deflating: the fixed codes, and codes made for the symbols of a block (RFC 1951 section 3.2).

use super::bits::Bits;
use super::huffman;
use crate::deflate::rfc1951::{
    FIXED_DISTANCE_BITS, MAX_BITS, USED_DISTANCES, USED_LITERALS, distance_symbol, fixed_bits, fixed_code,
    length_symbol,
};

/// The codes of a block.
pub(super) enum Codes<'c> {
    Fixed,
    Dynamic(&'c Code<USED_LITERALS>, &'c Code<USED_DISTANCES>),
}

impl Codes<'_> {
    /// Writes a literal, a length, or the end of the block.
    #[inline]
    pub(super) fn push(&self, bits: &mut Bits<'_>, symbol: u16) {
        match self {
            Self::Fixed => push_code(bits, fixed_code(symbol), fixed_bits(symbol)),
            Self::Dynamic(literals, _) => literals.push(bits, symbol),
        }
    }

    /// Writes a match.
    #[inline(always)]
    pub(super) fn push_match(&self, bits: &mut Bits<'_>, length: u16, distance: u16) {
        let (symbol, extra, value) = length_symbol(length);
        self.push(bits, symbol);
        bits.push(value, extra);
        let (symbol, extra, value) = distance_symbol(distance);
        match self {
            Self::Fixed => push_code(bits, symbol, FIXED_DISTANCE_BITS),
            Self::Dynamic(_, distances) => distances.push(bits, symbol),
        }
        bits.push(value, extra);
    }
}

/// Writes a match with the fixed codes.
#[inline(never)]
pub(super) fn push_fixed_match(bits: &mut Bits<'_>, length: u16, distance: u16) {
    Codes::Fixed.push_match(bits, length, distance);
}

/// RFC 1951 3.1.1: a code is written from its highest bit, all other numbers from their lowest
#[inline]
fn push_code(bits: &mut Bits<'_>, code: u16, n: u32) {
    bits.push(u32::from(code.reverse_bits() >> (16 - n)), n);
}

/// A code for `S` symbols.
pub(super) struct Code<const S: usize> {
    /// By symbol: the code, ready to be written, and its number of bits, which is 0 for a symbol that does not occur.
    codes: [(u16, u8); S],
}

impl<const S: usize> Code<S> {
    /// Makes the shortest code for symbols with these frequencies. No symbol has more than `max_bits`.
    pub(super) fn new(frequencies: &[u16; S], max_bits: usize) -> Self {
        let mut code = Self { codes: [(0, 0); S] };
        let mut sorted = [(0u16, 0u16); S];
        let used = occurring(frequencies, &mut sorted);
        let sorted = sorted.get_mut(..used).unwrap_or_else(|| never!(Default::default()));
        huffman::sort(sorted);
        let counts = huffman::lengths(sorted, max_bits);
        code.set_lengths(sorted, &counts);
        code.set_codes(&counts);
        code
    }

    /// Sets the lengths of the codes, given how many codes have each length: the rarest symbols get the longest.
    fn set_lengths(&mut self, sorted: &[(u16, u16)], counts: &[u16; MAX_BITS + 1]) {
        let mut symbols = sorted.iter();
        for (count, bits) in counts.iter().zip(0u8..16).rev() {
            for (_, (_, symbol)) in (0..*count).zip(&mut symbols) {
                match self.codes.get_mut(usize::from(*symbol)) {
                    Some((_, place)) => *place = bits,
                    None => never!(),
                }
            }
        }
    }

    /// Sets the codes: the codes of each length are consecutive numbers.
    // RFC 1951 3.2.2, steps 2 and 3
    fn set_codes(&mut self, counts: &[u16; MAX_BITS + 1]) {
        let (mut next, mut first) = ([0u16; MAX_BITS + 1], 0u16);
        for (next, count) in next.iter_mut().zip(counts).skip(1) {
            first <<= 1;
            *next = first;
            first = first.wrapping_add(*count);
        }
        for (code, bits) in self.codes.iter_mut().filter(|(_, bits)| *bits > 0) {
            match next.get_mut(usize::from(*bits)) {
                Some(next) => {
                    *code = next.reverse_bits() >> ((16 - *bits) & 15);
                    *next = next.wrapping_add(1);
                }
                None => never!(),
            }
        }
    }

    #[inline]
    pub(super) fn push(&self, bits: &mut Bits<'_>, symbol: u16) {
        let (code, n) = self.codes.get(usize::from(symbol)).copied().unwrap_or_else(|| never!((0, 0)));
        bits.push(code.into(), n.into());
    }

    /// Returns the lengths of the codes, up to the last symbol that has a code, but at least `min` of them.
    pub(super) fn lengths(&self, min: usize) -> impl Iterator<Item = u8> + Clone + '_ {
        let used = self.codes.iter().rposition(|(_, bits)| *bits > 0).map_or(0, |last| last + 1);
        self.codes.iter().take(used.max(min)).map(|(_, bits)| *bits)
    }

    pub(super) fn bits(&self, symbol: u16) -> u32 {
        self.codes.get(usize::from(symbol)).map_or_else(|| never!(0), |(_, bits)| u32::from(*bits))
    }
}

/// Collects the symbols that occur, with their frequencies, and returns how many there are.
fn occurring<const S: usize>(frequencies: &[u16; S], found: &mut [(u16, u16); S]) -> usize {
    let mut used = 0;
    for (symbol, frequency) in (0..).zip(frequencies).filter(|(_, frequency)| **frequency > 0) {
        match found.get_mut(used) {
            Some(place) => *place = (*frequency, symbol),
            None => never!(),
        }
        used += 1;
    }
    // RFC 1951 3.2.7: a single symbol is allowed, but some decoders require a complete code
    for symbol in 0..2 {
        if used < 2
            && frequencies.get(usize::from(symbol)) == Some(&0)
            && let Some(place) = found.get_mut(used)
        {
            *place = (1, symbol);
            used += 1;
        }
    }
    used
}
