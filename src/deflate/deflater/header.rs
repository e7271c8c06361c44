//! The header of a dynamic block: the lengths of its codes, which are themselves coded (RFC 1951 section 3.2.7).

use super::bits::Bits;
use super::code::Code;
use crate::deflate::rfc1951::{
    CODE_LENGTH_ORDER, CODE_LENGTHS, DYNAMIC, MANY_ZEROS, MAX_CODE_LENGTH_BITS, REPEAT, ZEROS, repeated,
};

pub(super) struct Header<'c, const L: usize, const D: usize> {
    literals: &'c Code<L>,
    distances: &'c Code<D>,
    /// The code for lengths, and how often its symbols occur.
    code: Code<CODE_LENGTHS>,
    frequencies: [u16; CODE_LENGTHS],
}

impl<'c, const L: usize, const D: usize> Header<'c, L, D> {
    pub(super) fn new(literals: &'c Code<L>, distances: &'c Code<D>) -> Self {
        let mut frequencies = [0; CODE_LENGTHS];
        runs(literals, distances, |symbol, _| match frequencies.get_mut(usize::from(symbol)) {
            Some(count) => *count += 1,
            None => never!(),
        });
        Self { literals, distances, code: Code::new(&frequencies, MAX_CODE_LENGTH_BITS), frequencies }
    }

    /// Returns how many lengths of the code for lengths are written.
    fn code_lengths(&self) -> u32 {
        CODE_LENGTH_ORDER
            .iter()
            .rposition(|symbol| self.code.bits((*symbol).into()) > 0)
            .map_or(4, |last| (last as u32 + 1).max(4))
    }

    /// Returns the number of bits of the header, including the three that begin every block.
    pub(super) fn bits(&self) -> u32 {
        let lengths = (0u8..).zip(&self.frequencies);
        let lengths: u32 =
            lengths.map(|(symbol, n)| u32::from(*n) * (self.code.bits(u16::from(symbol)) + repeated(symbol).1)).sum();
        3 + 14 + 3 * self.code_lengths() + lengths
    }

    pub(super) fn write(&self, bits: &mut Bits<'_>) {
        let code_lengths = self.code_lengths();
        bits.push(DYNAMIC << 1, 3);
        bits.push(self.literals.lengths(257).count() as u32 - 257, 5);
        bits.push(self.distances.lengths(1).count() as u32 - 1, 5);
        bits.push(code_lengths - 4, 4);
        for symbol in CODE_LENGTH_ORDER.iter().take(code_lengths as usize) {
            bits.push(self.code.bits((*symbol).into()), 3);
        }
        runs(self.literals, self.distances, |symbol, value| {
            self.code.push(bits, symbol.into());
            bits.push(value, repeated(symbol).1);
        });
    }
}

/// Calls `run` for the lengths of both codes, with each symbol for a length or a run of them and the value of its extra
/// bits.
fn runs<const L: usize, const D: usize>(literals: &Code<L>, distances: &Code<D>, mut run: impl FnMut(u8, u32)) {
    let mut lengths = literals.lengths(257).chain(distances.lengths(1));
    while let Some(length) = lengths.next() {
        let mut more = 0u32;
        let most = if length == 0 { 137 } else { 6 };
        while more < most && lengths.clone().next() == Some(length) {
            lengths.next();
            more += 1;
        }
        match (length, more) {
            (0, 2..10) => run(ZEROS, more - 2),
            (0, 10..) => run(MANY_ZEROS, more - 10),
            (_, 3..) => {
                run(length, 0);
                run(REPEAT, more - 3);
            }
            _ => (0..=more).for_each(|_| run(length, 0)),
        }
    }
}
