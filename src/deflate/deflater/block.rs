//! The symbols of a block, and the form in which it is written (RFC 1951 section 3.2.3).

use super::bits::Bits;
use super::code::{Code, Codes};
use super::header::Header;
use crate::deflate::rfc1951::{
    EMPTY, END_OF_BLOCK, FIXED, FIXED_DISTANCE_BITS, MAX_BITS, MAX_STORED, MIN_MATCH, STORED, USED_DISTANCES,
    USED_LITERALS, distance_symbol, fixed_bits, length_symbol,
};

/// Returns the bytes that an input takes in stored blocks, including the flush after them.
pub(super) fn stored_len(len: usize, last: bool) -> usize {
    let blocks = len.div_ceil(MAX_STORED);
    len.saturating_add(5 * blocks).saturating_add(if last { 1 } else { 5 })
}

/// Writes an input in stored blocks.
pub(super) fn stored(bits: &mut Bits<'_>, input: &[u8]) {
    for part in input.chunks(MAX_STORED) {
        bits.push(STORED << 1, 3);
        bits.align();
        // RFC 1951 3.2.4
        bits.push(part.len() as u32 | !(part.len() as u32) << 16, 32);
        bits.bytes(part);
    }
}

/// Writes the flush: an empty block, without its last four bytes at the end of the message (RFC 7692 section 7.2.1).
pub(super) fn flush(bits: &mut Bits<'_>, last: bool) {
    bits.push(STORED << 1, 3);
    bits.align();
    if !last {
        bits.push(u32::from_le_bytes(EMPTY), 32);
    }
}

/// The symbols of a block.
pub(super) struct Block<'a> {
    /// A literal and 0, or the length minus 3 and the distance.
    symbols: &'a mut [[u8; 3]],
    count: usize,
    literals: [u16; USED_LITERALS],
    distances: [u16; USED_DISTANCES],
    /// The number of extra bits of the matches.
    extra: u32,
    /// The input from the block's first byte, and how many bytes of it the symbols represent.
    input: &'a [u8],
    len: usize,
}

impl<'a> Block<'a> {
    pub(super) fn new(symbols: &'a mut [[u8; 3]], input: &'a [u8]) -> Self {
        let (literals, distances) = ([0; USED_LITERALS], [0; USED_DISTANCES]);
        Self { symbols, count: 0, literals, distances, extra: 0, input, len: 0 }
    }

    /// Adds a literal.
    pub(super) fn push_literal(&mut self, byte: u8, bits: &mut Bits<'_>) {
        self.push(byte, 0, bits);
    }

    /// Adds a match.
    pub(super) fn push_match(&mut self, length: u16, distance: u16, bits: &mut Bits<'_>) {
        self.push(length.wrapping_sub(MIN_MATCH) as u8, distance, bits);
    }

    #[inline]
    fn push(&mut self, literal_or_length: u8, distance: u16, bits: &mut Bits<'_>) {
        let Some(place) = self.symbols.get_mut(self.count) else { return never!() };
        let [low, high] = distance.to_le_bytes();
        *place = [literal_or_length, low, high];
        self.count += 1;
        let literal = match distance {
            0 => {
                self.len += 1;
                literal_or_length.into()
            }
            _ => {
                let length = u16::from(literal_or_length) + MIN_MATCH;
                self.len += usize::from(length);
                let (distance, distance_extra, _) = distance_symbol(distance);
                match self.distances.get_mut(usize::from(distance)) {
                    Some(count) => *count += 1,
                    None => never!(),
                }
                let (length, extra, _) = length_symbol(length);
                self.extra += extra + distance_extra;
                length
            }
        };
        match self.literals.get_mut(usize::from(literal)) {
            Some(count) => *count += 1,
            None => never!(),
        }
        if self.count == self.symbols.len() {
            self.finish(bits);
        }
    }

    /// Writes the block in the shortest form, and begins the next one.
    pub(super) fn finish(&mut self, bits: &mut Bits<'_>) {
        if self.count == 0 {
            return;
        }
        if let Some(end) = self.literals.get_mut(usize::from(END_OF_BLOCK)) {
            *end = 1;
        }
        let (input, rest) = self.input.split_at_checked(self.len).unwrap_or_else(|| never!((self.input, &[])));
        let literals = Code::new(&self.literals, MAX_BITS);
        let distances = Code::new(&self.distances, MAX_BITS);
        let header = Header::new(&literals, &distances);
        let (fixed, dynamic) = self.sizes(&literals, &distances, &header);
        if 8 * stored_len(input.len(), true) as u32 <= fixed.min(dynamic) {
            stored(bits, input);
        } else if fixed <= dynamic {
            bits.push(FIXED << 1, 3);
            self.write(bits, &Codes::Fixed);
        } else {
            header.write(bits);
            self.write(bits, &Codes::Dynamic(&literals, &distances));
        }
        self.input = rest;
        (self.len, self.count, self.extra) = (0, 0, 0);
        self.literals = [0; USED_LITERALS];
        self.distances = [0; USED_DISTANCES];
    }

    /// Returns the number of bits of the whole block with the fixed codes, and with these codes.
    fn sizes(
        &self,
        literals: &Code<USED_LITERALS>,
        distances: &Code<USED_DISTANCES>,
        header: &Header<'_, USED_LITERALS, USED_DISTANCES>,
    ) -> (u32, u32) {
        let (mut fixed, mut dynamic) = (3 + self.extra, header.bits() + self.extra);
        for (symbol, count) in (0..).zip(&self.literals) {
            fixed += fixed_bits(symbol) * u32::from(*count);
            dynamic += literals.bits(symbol) * u32::from(*count);
        }
        for (symbol, count) in (0..).zip(&self.distances) {
            fixed += FIXED_DISTANCE_BITS * u32::from(*count);
            dynamic += distances.bits(symbol) * u32::from(*count);
        }
        (fixed, dynamic)
    }

    /// Writes the symbols, and the end of the block.
    fn write(&self, bits: &mut Bits<'_>, codes: &Codes<'_>) {
        for [byte, low, high] in self.symbols.iter().take(self.count) {
            match u16::from_le_bytes([*low, *high]) {
                0 => codes.push(bits, (*byte).into()),
                distance => codes.push_match(bits, u16::from(*byte) + MIN_MATCH, distance),
            }
            if bits.is_full() {
                break;
            }
        }
        codes.push(bits, END_OF_BLOCK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::rfc1951::{MAX_DISTANCE, MAX_MATCH};

    /// A wrong size makes messages longer, but not invalid.
    #[test]
    fn block_sizes_are_those_that_are_written() {
        let input = [0; 1 << 16];
        for count in [1u16, 2, 40, 300, 4000] {
            for (matches, longest, farthest) in
                [(0, 3, 1), (1, 3, 1), (1, MAX_MATCH, MAX_DISTANCE as u16), (2, 20, 300), (5, 100, 5000)]
            {
                let mut symbols = [[0; 3]; 4096];
                let mut block = Block::new(&mut symbols, &input);
                let mut unused = Bits::new(&mut []);
                for n in 0..count {
                    let random = n.wrapping_mul(40_503);
                    if n % 7 < matches {
                        let length = MIN_MATCH + random % (longest - MIN_MATCH + 1);
                        block.push_match(length, 1 + random.rotate_left(5) % farthest, &mut unused);
                    } else {
                        block.push_literal((random >> 8) as u8 & if n % 3 == 0 { 0xFF } else { 7 }, &mut unused);
                    }
                }
                block.literals[usize::from(END_OF_BLOCK)] = 1;
                let literals = Code::new(&block.literals, MAX_BITS);
                let distances = Code::new(&block.distances, MAX_BITS);
                let header = Header::new(&literals, &distances);
                let mut out = [0; 1 << 15];
                let mut bits = Bits::new(&mut out);
                bits.push(FIXED << 1, 3);
                block.write(&mut bits, &Codes::Fixed);
                let fixed = bits.written();
                let mut bits = Bits::new(&mut out);
                header.write(&mut bits);
                block.write(&mut bits, &Codes::Dynamic(&literals, &distances));
                let sizes = block.sizes(&literals, &distances, &header);
                assert_eq!(sizes, (fixed, bits.written()), "{:?}", (count, matches, longest, farthest));
            }
        }
    }
}
