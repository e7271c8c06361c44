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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::rfc1951::{MAX_BITS, USED_DISTANCES, USED_LITERALS};

    /// The estimate decides between the fixed codes and codes made for the block. A wrong one makes messages longer, but
    /// not invalid.
    #[test]
    fn header_bits_are_those_that_are_written() {
        let mut symbols = [0; CODE_LENGTHS];
        let (mut fewest, mut most) = (CODE_LENGTHS, 0);
        // Every `step`th literal occurs, up to `end`. The frequencies grow by one bit after each `run` of them, up to
        // 2^`deepest`, so that codes of one length are in runs.
        for (step, end, run, deepest) in [
            (1, 286, 1, 0),
            (1, 286, 1, 14),
            (1, 286, 3, 14),
            (1, 286, 5, 11),
            (1, 286, 20, 12),
            (1, 130, 2, 9),
            (2, 286, 1, 3),
            (4, 286, 1, 14),
            (6, 200, 4, 6),
            (11, 286, 1, 5),
            (50, 286, 1, 2),
            (140, 286, 1, 1),
            (256, 257, 1, 0),
        ] {
            for distances in [0, 1, 2, 7, 30] {
                let mut literals = [0u16; USED_LITERALS];
                for (n, symbol) in (0..end).step_by(step).enumerate() {
                    literals[symbol] = 1 << (n / run % (deepest + 1));
                }
                literals[256] = 1;
                let mut used = [0u16; USED_DISTANCES];
                used.iter_mut().rev().take(distances).zip(0..).for_each(|(count, n)| *count = 1 + n * n);
                let (literals, used) = (Code::new(&literals, MAX_BITS), Code::new(&used, MAX_BITS));
                let header = Header::new(&literals, &used);
                let mut out = [0; 512];
                let mut bits = Bits::new(&mut out);
                header.write(&mut bits);
                assert_eq!(header.bits(), bits.written(), "{:?}", (step, end, run, deepest, distances));
                symbols.iter_mut().zip(header.frequencies).for_each(|(all, n)| *all += n);
                let used = |symbol: &u8| header.code.bits((*symbol).into()) > 0;
                let (written, rest) = CODE_LENGTH_ORDER.split_at(header.code_lengths() as usize);
                assert!(written.last().is_some_and(used) && !rest.iter().any(used));
                fewest = fewest.min(written.len());
                most = most.max(written.len());
            }
        }
        // RFC 1951 3.2.7: each length of a code, and each symbol for a run of lengths, occurs in some header.
        assert!(symbols.iter().all(|n| *n > 0), "{symbols:?}");
        assert!(fewest < 16 && most == CODE_LENGTHS, "{fewest} to {most}");
    }
}
