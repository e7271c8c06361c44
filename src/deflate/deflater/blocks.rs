//! Inputs as blocks (RFC 1951 section 3.2.3): stored, with the fixed codes, or with codes of their own.

use super::bits::Bits;
use super::code::{self, Code, DISTANCES, END_OF_BLOCK, LITERALS, SHORTEST};
use super::matches::{Effort, Finder, MIN_MATCH, Match, Tables};

/// The most bytes of a stored block.
const MAX_STORED: usize = 0xFFFF;

/// Enough for what zlib gets at its level 6, give or take a few percent.
const EFFORT: Effort = Effort { candidates: 64, enough: 128 };
/// With a match this long at hand, a better one is not looked for that long.
const GOOD: u16 = 8;
/// With one this long, not at all.
const LAZY: u16 = 32;

/// The bytes that an input takes in stored blocks, and the flush behind them.
pub(super) fn stored_len(len: usize, last: bool) -> usize {
    let blocks = len.div_ceil(MAX_STORED);
    len.saturating_add(5 * blocks).saturating_add(if last { 1 } else { 5 })
}

/// Writes an input as it is.
pub(super) fn stored(bits: &mut Bits<'_>, input: &[u8]) {
    for part in input.chunks(MAX_STORED) {
        bits.push(0, 3);
        bits.align();
        // RFC 1951 3.2.4
        bits.push(part.len() as u32 | !(part.len() as u32) << 16, 32);
        bits.bytes(part);
    }
}

/// One block with the fixed codes; a match is taken as it is found.
pub(super) fn small(finder: &Finder, tables: &mut Tables<'_>, input: &[u8], bits: &mut Bits<'_>) {
    const ONE: Effort = Effort { candidates: 1, enough: 0 };
    bits.push(0b010, 3);
    let mut at = 0;
    while let Some(byte) = input.get(at)
        && !bits.is_full()
    {
        let candidate = finder.enter(tables, input, at);
        match candidate.and_then(|it| finder.longest(tables, input, at, it, MIN_MATCH as u16 - 1, ONE)) {
            Some(Match { length, distance }) => {
                push_fixed(bits, length, distance);
                for skipped in 1..length {
                    finder.enter(tables, input, at + usize::from(skipped));
                }
                at += usize::from(length);
            }
            None => {
                code::push_fixed(bits, (*byte).into());
                at += 1;
            }
        }
    }
    code::push_fixed(bits, END_OF_BLOCK);
}

fn push_fixed(bits: &mut Bits<'_>, length: u16, distance: u16) {
    let (symbol, extra, value) = code::length(length);
    code::push_fixed(bits, symbol);
    bits.push(value, extra);
    let (symbol, extra, value) = code::distance(distance);
    code::push_fixed_distance(bits, symbol);
    bits.push(value, extra);
}

/// Blocks as good as they get; a match is taken if the next byte does not begin a longer one.
pub(super) fn large(finder: &Finder, tables: &mut Tables<'_>, input: &[u8], bits: &mut Bits<'_>) {
    let mut block = Block::new(core::mem::take(&mut tables.symbols), input);
    // The byte before `at` is still to be written: as a literal, or as the beginning of this match.
    let (mut waits, mut held) = (None, None::<Match>);
    let mut at = 0;
    while let Some(byte) = input.get(at)
        && !bits.is_full()
    {
        let candidate = finder.enter(tables, input, at);
        let shorter = held.map_or(MIN_MATCH as u16 - 1, |held| held.length);
        let found = match candidate {
            Some(candidate) if shorter < LAZY => {
                let candidates = if shorter >= GOOD { EFFORT.candidates / 4 } else { EFFORT.candidates };
                finder.longest(tables, input, at, candidate, shorter, Effort { candidates, ..EFFORT })
            }
            _ => None,
        };
        if let (Some(taken), None) = (held, found) {
            block.push(taken.length.wrapping_sub(SHORTEST) as u8, taken.distance, bits);
            let end = at.saturating_sub(1) + usize::from(taken.length);
            for skipped in at + 1..end {
                finder.enter(tables, input, skipped);
            }
            at = end;
            (waits, held) = (None, None);
        } else {
            if let Some(literal) = waits {
                block.push(literal, 0, bits);
            }
            (waits, held) = (Some(*byte), found);
            at += 1;
        }
    }
    match (held, waits) {
        (Some(taken), _) => block.push(taken.length.wrapping_sub(SHORTEST) as u8, taken.distance, bits),
        (None, Some(literal)) => block.push(literal, 0, bits),
        (None, None) => {}
    }
    block.finish(bits);
}

/// The symbols of a block.
struct Block<'a> {
    /// A literal and 0, or the length less 3 and the distance.
    symbols: &'a mut [[u8; 3]],
    count: usize,
    literals: [u16; LITERALS],
    distances: [u16; DISTANCES],
    /// Bits of the matches besides their symbols.
    extra: u32,
    /// The input from the block's first byte, and how many bytes the symbols stand for.
    input: &'a [u8],
    len: usize,
}

impl<'a> Block<'a> {
    fn new(symbols: &'a mut [[u8; 3]], input: &'a [u8]) -> Self {
        Self { symbols, count: 0, literals: [0; LITERALS], distances: [0; DISTANCES], extra: 0, input, len: 0 }
    }

    #[inline]
    fn push(&mut self, literal_or_length: u8, distance: u16, bits: &mut Bits<'_>) {
        let Some(place) = self.symbols.get_mut(self.count) else { return };
        let [low, high] = distance.to_le_bytes();
        *place = [literal_or_length, low, high];
        self.count += 1;
        let literal = match distance {
            0 => {
                self.len += 1;
                literal_or_length.into()
            }
            _ => {
                let length = u16::from(literal_or_length) + SHORTEST;
                self.len += usize::from(length);
                let (distance, distance_extra, _) = code::distance(distance);
                if let Some(count) = self.distances.get_mut(usize::from(distance)) {
                    *count += 1;
                }
                let (length, extra, _) = code::length(length);
                self.extra += extra + distance_extra;
                length
            }
        };
        if let Some(count) = self.literals.get_mut(usize::from(literal)) {
            *count += 1;
        }
        if self.count == self.symbols.len() {
            self.finish(bits);
        }
    }

    /// Writes the block in the form that is shortest, and begins the next one.
    fn finish(&mut self, bits: &mut Bits<'_>) {
        if self.count == 0 {
            return;
        }
        if let Some(end) = self.literals.get_mut(usize::from(END_OF_BLOCK)) {
            *end = 1;
        }
        let (input, rest) = self.input.split_at_checked(self.len).unwrap_or((self.input, &[]));
        let literals = Code::new(&self.literals, 15);
        let distances = Code::new(&self.distances, 15);
        let header = Header::new(&literals, &distances);
        let (mut fixed, mut dynamic) = (3, header.bits());
        for (symbol, count) in (0..).zip(&self.literals) {
            fixed += code::fixed_bits(symbol) * u32::from(*count);
            dynamic += literals.bits(symbol) * u32::from(*count);
        }
        for (symbol, count) in (0..).zip(&self.distances) {
            fixed += 5 * u32::from(*count);
            dynamic += distances.bits(symbol) * u32::from(*count);
        }
        if 8 * stored_len(input.len(), true) as u32 <= self.extra + fixed.min(dynamic) {
            stored(bits, input);
        } else {
            let is_fixed = fixed <= dynamic;
            if is_fixed {
                bits.push(0b010, 3)
            } else {
                header.write(bits)
            }
            for [byte, low, high] in self.symbols.iter().take(self.count) {
                let distance = u16::from_le_bytes([*low, *high]);
                match (distance, is_fixed) {
                    (0, true) => code::push_fixed(bits, (*byte).into()),
                    (0, false) => literals.push(bits, (*byte).into()),
                    (_, true) => push_fixed(bits, u16::from(*byte) + SHORTEST, distance),
                    (_, false) => {
                        let (symbol, extra, value) = code::length(u16::from(*byte) + SHORTEST);
                        literals.push(bits, symbol);
                        bits.push(value, extra);
                        let (symbol, extra, value) = code::distance(distance);
                        distances.push(bits, symbol);
                        bits.push(value, extra);
                    }
                }
                if bits.is_full() {
                    break;
                }
            }
            if is_fixed { code::push_fixed(bits, END_OF_BLOCK) } else { literals.push(bits, END_OF_BLOCK) }
        }
        self.input = rest;
        (self.len, self.count, self.extra) = (0, 0, 0);
        self.literals = [0; LITERALS];
        self.distances = [0; DISTANCES];
    }
}

/// The header of a block with codes of its own (RFC 1951 section 3.2.7).
struct Header<'c, const L: usize, const D: usize> {
    literals: &'c Code<L>,
    distances: &'c Code<D>,
    code: Code<19>,
    frequencies: [u16; 19],
}

/// The lengths of the codes for lengths come in this order.
const ORDER: [u16; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

impl<'c, const L: usize, const D: usize> Header<'c, L, D> {
    fn new(literals: &'c Code<L>, distances: &'c Code<D>) -> Self {
        let mut frequencies = [0; 19];
        runs(literals, distances, |symbol, _, _| {
            if let Some(count) = frequencies.get_mut(usize::from(symbol)) {
                *count += 1;
            }
        });
        Self { literals, distances, code: Code::new(&frequencies, 7), frequencies }
    }

    /// How many of the lengths of the codes for lengths are written.
    fn code_lengths(&self) -> u32 {
        ORDER.iter().rposition(|symbol| self.code.bits(*symbol) > 0).map_or(4, |last| (last as u32 + 1).max(4))
    }

    fn bits(&self) -> u32 {
        let extra = |symbol| match symbol {
            16 => 2,
            17 => 3,
            18 => 7,
            _ => 0,
        };
        let lengths = (0..).zip(&self.frequencies);
        let lengths: u32 = lengths.map(|(symbol, n)| u32::from(*n) * (self.code.bits(symbol) + extra(symbol))).sum();
        3 + 14 + 3 * self.code_lengths() + lengths
    }

    fn write(&self, bits: &mut Bits<'_>) {
        let code_lengths = self.code_lengths();
        bits.push(0b100, 3);
        bits.push(self.literals.lengths(257).count() as u32 - 257, 5);
        bits.push(self.distances.lengths(1).count() as u32 - 1, 5);
        bits.push(code_lengths - 4, 4);
        for symbol in ORDER.iter().take(code_lengths as usize) {
            bits.push(self.code.bits(*symbol), 3);
        }
        runs(self.literals, self.distances, |symbol, extra, value| {
            self.code.push(bits, symbol);
            bits.push(value, extra);
        });
    }
}

/// The lengths of both codes, as the symbols that stand for runs of them: symbol, extra bits and their value.
fn runs<const L: usize, const D: usize>(literals: &Code<L>, distances: &Code<D>, mut run: impl FnMut(u16, u32, u32)) {
    let mut lengths = literals.lengths(257).chain(distances.lengths(1));
    while let Some(length) = lengths.next() {
        let mut more = 0u32;
        let most = if length == 0 { 137 } else { 6 };
        while more < most && lengths.clone().next() == Some(length) {
            lengths.next();
            more += 1;
        }
        match (length, more) {
            (0, 2..10) => run(17, 3, more - 2),
            (0, 10..) => run(18, 7, more - 10),
            (_, 3..) => {
                run(length.into(), 0, 0);
                run(16, 2, more - 3);
            }
            _ => (0..=more).for_each(|_| run(length.into(), 0, 0)),
        }
    }
}
