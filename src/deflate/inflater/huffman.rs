//! Huffman codes for inflating: built from the lengths of their codes, and decoded (RFC 1951 section 3.2.2).
//!
//! Short codes are looked up in a table of `T` entries. Longer ones are rare; they are found by comparing: the codes of
//! a length are consecutive numbers, those of a longer one begin behind them.

use crate::bytes::copy;

/// The longest code (RFC 1951 section 3.2.7).
pub(super) const MAX_BITS: usize = 15;

/// A code for up to `S` symbols, and a table for those of its codes that have at most log2 `T` bits.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Decoder<const T: usize, const S: usize> {
    /// By the next bits of the stream: a [`Symbol`], or 0 where a longer code or none begins.
    table: [u16; T],
    /// In the order of their codes.
    symbols: [u16; S],
    /// By the number of bits: the first 15-bit number above all codes up to that length, each filled up with zeros.
    above: [u16; MAX_BITS + 1],
    /// By the number of bits: what turns a code into a place in `symbols`.
    offset: [u16; MAX_BITS + 1],
}

/// A symbol and the number of bits of its code. No bits: none that the code has.
#[derive(Clone, Copy)]
pub(super) struct Symbol(u16);

impl Symbol {
    #[inline(always)]
    pub(super) const fn value(self) -> u16 {
        self.0 >> 4
    }

    #[inline(always)]
    pub(super) const fn bits(self) -> u32 {
        (self.0 & 15) as u32
    }

    /// Of a code for literals and lengths: a literal.
    #[cfg(target_pointer_width = "64")]
    #[inline(always)]
    pub(super) const fn is_literal(self) -> bool {
        self.0.wrapping_sub(1) < (256 << 4) - 1
    }
}

impl<const T: usize, const S: usize> Decoder<T, S> {
    const TABLE_BITS: usize = T.trailing_zeros() as usize;

    /// No code yet.
    pub(super) const fn new() -> Self {
        Self { table: [0; T], symbols: [0; S], above: [0; MAX_BITS + 1], offset: [0; MAX_BITS + 1] }
    }

    /// Builds the code in which symbol n has `lengths[n]` bits; 0 for a symbol that is not used. False if that is no
    /// code.
    ///
    /// A code must use up its bits, unless `partial` allows it to have no symbol, or a single one of one bit (RFC 1951
    /// section 3.2.7).
    pub(super) fn build(&mut self, lengths: &[u8], partial: bool) -> bool {
        // RFC 1951 3.2.2: how many codes have how many bits, and the first of each
        let mut count = [0u16; MAX_BITS + 1];
        for bits in lengths {
            if let Some(count) = count.get_mut(usize::from(*bits) & MAX_BITS) {
                *count += 1;
            }
        }
        let mut next = [0u16; MAX_BITS + 1];
        let (mut code, mut place) = (0u32, 0u16);
        let tables = self.above.iter_mut().zip(&mut self.offset).zip(&mut next).zip(&count);
        for ((((above, offset), next), count), bits) in tables.zip(0..).skip(1) {
            code <<= 1;
            *next = place;
            *offset = place.wrapping_sub(code as u16);
            place = place.wrapping_add(*count);
            code += u32::from(*count);
            if code > 1 << bits {
                return false; // more codes than there are numbers
            }
            *above = (code << (MAX_BITS - bits)) as u16;
        }
        let [_, one, ..] = count;
        if code < 1 << MAX_BITS && !(partial && place == one && one <= 1) {
            return false;
        }
        for (bits, symbol) in lengths.iter().zip(0u16..).filter(|(bits, _)| **bits > 0) {
            if let Some(next) = next.get_mut(usize::from(*bits) & MAX_BITS) {
                if let Some(place) = self.symbols.get_mut(usize::from(*next)) {
                    *place = symbol;
                }
                *next = next.wrapping_add(1);
            }
        }
        self.fill(&count);
        true
    }

    /// Decodes by a table in which all codes are.
    #[cfg(target_pointer_width = "64")]
    pub(super) const fn use_table(&mut self, table: &[u16; T]) {
        self.table = *table;
    }

    /// Fills the table, by the number of bits that are looked at: with one more, all that was there is there twice, and
    /// the codes of that length come in.
    fn fill(&mut self, count: &[u16; MAX_BITS + 1]) {
        let mut symbols = self.symbols.iter();
        // RFC 1951 3.1.1: a code comes first bit first, all else last bit first. The codes of a length are consecutive
        // numbers, those of the next one go on with a zero behind them.
        let mut place = 0u16;
        if let Some(first) = self.table.first_mut() {
            *first = 0;
        }
        for (count, bits) in count.iter().zip(0u16..).skip(1).take(Self::TABLE_BITS) {
            if let Some((there, above)) = self.table.split_at_mut_checked(1 << (bits - 1)) {
                copy(above, there);
            }
            for symbol in symbols.by_ref().take((*count).into()) {
                if let Some(place) = self.table.get_mut(usize::from(place)) {
                    *place = symbol << 4 | bits;
                }
                // One more, with the carry going down: the highest zero becomes a one, and what is above it zeros.
                let zero = 1 << (15 - (!place & ((1 << bits) - 1) | 1).leading_zeros());
                place = place & (zero - 1) | zero;
            }
        }
    }

    /// The symbol that the bits begin with. Bits that are not known yet are 0: if the symbol has more than are known,
    /// or none, it has as many or none whatever they are.
    #[inline(always)]
    pub(super) fn decode(&self, bits: u64) -> Symbol {
        match self.look_up(bits) {
            Symbol(0) => self.decode_long(bits),
            symbol => symbol,
        }
    }

    /// The same for the codes in the table; no bits for others.
    #[inline(always)]
    pub(super) fn look_up(&self, bits: u64) -> Symbol {
        Symbol(self.table.get(bits as usize & (T - 1)).copied().unwrap_or(0))
    }

    /// And for the others.
    #[inline(never)]
    pub(super) fn decode_long(&self, bits: u64) -> Symbol {
        let code = (bits as u16).reverse_bits() >> 1;
        let lengths = self.above.iter().zip(&self.offset).zip(0u16..).skip(Self::TABLE_BITS + 1);
        for ((above, offset), bits) in lengths {
            if code < *above {
                let place = (code >> (MAX_BITS as u16 - bits)).wrapping_add(*offset);
                return Symbol(self.symbols.get(usize::from(place)).map_or(0, |symbol| symbol << 4 | bits));
            }
        }
        Symbol(0)
    }
}

/// The fixed code for literals and lengths (RFC 1951 section 3.2.6).
#[cfg(target_pointer_width = "64")]
pub(super) static FIXED_LITERALS: [u16; 512] = {
    let mut table = [0; 512];
    let mut rest: &mut [u16] = &mut table;
    let mut bits = 0u16;
    while let Some((place, behind)) = rest.split_first_mut() {
        let code = bits.reverse_bits() >> 7;
        *place = match (code >> 2, code >> 1) {
            (n @ ..24, _) => (256 + n) << 4 | 7,
            (_, n @ ..192) => (n - 48) << 4 | 8,
            (_, n @ ..200) => (280 + n - 192) << 4 | 8,
            _ => (144 + code - 400) << 4 | 9,
        };
        (rest, bits) = (behind, bits + 1);
    }
    table
};

/// The fixed code for distances.
#[cfg(target_pointer_width = "64")]
pub(super) static FIXED_DISTANCES: [u16; 128] = {
    let mut table = [0; 128];
    let mut rest: &mut [u16] = &mut table;
    let mut bits = 0u16;
    while let Some((place, behind)) = rest.split_first_mut() {
        *place = (bits.reverse_bits() >> 11) << 4 | 5;
        (rest, bits) = (behind, bits + 1);
    }
    table
};
