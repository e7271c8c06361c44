//! Huffman codes for inflating: building them from the lengths of their codes, and decoding (RFC 1951 section 3.2.2).
//!
//! The codes of a canonical code are in the order of their lengths, and the codes of each length are consecutive
//! numbers. Short codes are looked up in a table of `T` entries. Longer codes are rare, and are found by comparing with
//! the largest of each length.

use crate::bytes::copy;
use crate::deflate::rfc1951::{FIXED_DISTANCE_BITS, LITERALS, MAX_BITS, fixed_bits, fixed_code};

/// A code for up to `S` symbols, with a table of the codes that have at most log2 `T` bits.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Decoder<const T: usize, const S: usize> {
    /// By the next bits of the stream: a [`Decoded`], or 0 for a longer code or no code.
    table: [u16; T],
    /// The symbols, in the order of their codes.
    symbols: [u16; S],
    /// By the number of bits: the first 15-bit number above all codes up to that length, each padded with zeros.
    above: [u16; MAX_BITS + 1],
    /// By the number of bits: the offset from a code to its place in `symbols`.
    offset: [u16; MAX_BITS + 1],
}

/// A symbol and the number of bits of its code, which is 0 if there is no symbol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Decoded(u16);

impl Decoded {
    /// The bits are not a code.
    const NONE: Self = Self(0);

    const fn new(symbol: u16, bits: u16) -> Self {
        Self(symbol << 4 | bits)
    }

    #[inline(always)]
    pub(super) const fn symbol(self) -> u16 {
        self.0 >> 4
    }

    #[inline(always)]
    pub(super) const fn bits(self) -> u32 {
        (self.0 & 15) as u32
    }

    /// Returns whether a symbol for literals and lengths is a literal.
    #[inline(always)]
    pub(super) const fn is_literal(self) -> bool {
        self.0.wrapping_sub(1) < (256 << 4) - 1
    }
}

impl<const T: usize, const S: usize> Decoder<T, S> {
    const TABLE_BITS: usize = T.trailing_zeros() as usize;

    /// Creates a code without symbols.
    pub(super) const fn new() -> Self {
        Self { table: [0; T], symbols: [0; S], above: [0; MAX_BITS + 1], offset: [0; MAX_BITS + 1] }
    }

    /// Builds the code in which symbol n has `lengths[n]` bits; 0 means that the symbol is not used. Returns false if
    /// there is no such code.
    ///
    /// A code must be complete. With `partial`, it may also have no symbol, or a single one of one bit (RFC 1951
    /// section 3.2.7).
    pub(super) fn build(&mut self, lengths: &[u8], partial: bool) -> bool {
        let mut count = [0u16; MAX_BITS + 1];
        for bits in lengths {
            if let Some(count) = count.get_mut(usize::from(*bits) & MAX_BITS) {
                *count += 1;
            }
        }
        let mut next = [0u16; MAX_BITS + 1];
        if !self.place(&count, &mut next, partial) {
            return false;
        }
        self.sort(lengths, &mut next);
        self.fill(&count);
        true
    }

    /// Sets the bounds of the codes of each length, given how many there are, and sets `next` to their first places in
    /// `symbols`. Returns false if there is no such code.
    // RFC 1951 3.2.2, step 2
    fn place(&mut self, count: &[u16; MAX_BITS + 1], next: &mut [u16; MAX_BITS + 1], partial: bool) -> bool {
        let (mut code, mut place) = (0u32, 0u16);
        let tables = self.above.iter_mut().zip(&mut self.offset).zip(next).zip(count);
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
        let [_, one, ..] = *count;
        code == 1 << MAX_BITS || partial && place == one && one <= 1
    }

    /// Sorts the symbols by their codes, given the first place for each length.
    fn sort(&mut self, lengths: &[u8], next: &mut [u16; MAX_BITS + 1]) {
        for (bits, symbol) in lengths.iter().zip(0u16..).filter(|(bits, _)| **bits > 0) {
            if let Some(next) = next.get_mut(usize::from(*bits) & MAX_BITS) {
                match self.symbols.get_mut(usize::from(*next)) {
                    Some(place) => *place = symbol,
                    None => never!(),
                }
                *next = next.wrapping_add(1);
            }
        }
    }

    /// Fills the table, one length of codes after the other. The table for one more bit is two copies of the table
    /// before it, plus the codes of that length.
    fn fill(&mut self, count: &[u16; MAX_BITS + 1]) {
        let mut symbols = self.symbols.iter();
        let mut code = 0u16;
        if let Some(first) = self.table.first_mut() {
            *first = 0;
        }
        for (count, bits) in count.iter().zip(0u16..).skip(1).take(Self::TABLE_BITS) {
            match self.table.split_at_mut_checked(1 << (bits - 1)) {
                Some((shorter, twice)) => _ = copy(twice, shorter),
                None => never!(),
            }
            for symbol in symbols.by_ref().take((*count).into()) {
                match self.table.get_mut(usize::from(code)) {
                    Some(place) => *place = Decoded::new(*symbol, bits).0,
                    None => never!(),
                }
                code = successor(code, bits);
            }
        }
    }

    /// Sets the table to one that has all codes.
    pub(super) const fn use_table(&mut self, table: &[u16; T]) {
        self.table = *table;
    }

    /// Returns the symbol of the code at the start of the bits. Unread bits are taken as 0, which gives the smallest
    /// code with that beginning. Larger codes are at least as long, and invalid codes are larger than all others. So a
    /// result that needs more bits than were read, or that is not a symbol, stays so whatever the unread bits are.
    #[inline(always)]
    pub(super) fn decode(&self, bits: u64) -> Decoded {
        match self.look_up(bits) {
            Decoded::NONE => self.decode_long(bits),
            decoded => decoded,
        }
    }

    /// Does the same for the codes in the table. The result has no bits for other codes.
    #[inline(always)]
    pub(super) fn look_up(&self, bits: u64) -> Decoded {
        Decoded(self.table.get(bits as usize & (T - 1)).copied().unwrap_or_else(|| never!(0)))
    }

    /// Does the same for the codes that are longer than those in the table.
    #[inline(never)]
    pub(super) fn decode_long(&self, bits: u64) -> Decoded {
        let code = (bits as u16).reverse_bits() >> 1;
        let lengths = self.above.iter().zip(&self.offset).zip(0u16..).skip(Self::TABLE_BITS + 1);
        for ((above, offset), bits) in lengths {
            if code < *above {
                let place = (code >> (MAX_BITS as u16 - bits)).wrapping_add(*offset);
                let symbol = self.symbols.get(usize::from(place));
                return symbol.map_or_else(|| never!(Decoded::NONE), |symbol| Decoded::new(*symbol, bits));
            }
        }
        Decoded::NONE
    }
}

/// Returns the code that follows `code`. In the table the first bit of a code is the lowest (RFC 1951 section 3.1.1),
/// so the carry goes down: the highest zero becomes a one, and the ones above it become zeros. The result after the
/// last code is not a code.
#[inline(always)]
const fn successor(code: u16, bits: u16) -> u16 {
    let zero = 1 << (15 - (!code & ((1 << bits) - 1) | 1).leading_zeros());
    code & (zero - 1) | zero
}

/// Returns the table of the fixed code for literals and lengths (RFC 1951 section 3.2.6), with the codes that fit.
#[allow(clippy::indexing_slicing, reason = "only the compiler calls it")]
pub(super) const fn fixed_literals<const T: usize>() -> [u16; T] {
    let (mut table, mut symbol) = ([0; T], 0);
    while symbol < LITERALS as u16 {
        let bits = fixed_bits(symbol);
        let mut place = (fixed_code(symbol).reverse_bits() >> (16 - bits)) as usize;
        while 1 << bits <= T && place < T {
            table[place] = Decoded::new(symbol, bits as u16).0;
            place += 1 << bits;
        }
        symbol += 1;
    }
    table
}

/// Returns the table of the fixed code for distances.
#[allow(clippy::indexing_slicing, reason = "only the compiler calls it")]
pub(super) const fn fixed_distances<const T: usize>() -> [u16; T] {
    let (mut table, mut place) = ([0; T], 0);
    while place < T {
        let symbol = (place as u16).reverse_bits() >> (16 - FIXED_DISTANCE_BITS);
        table[place] = Decoded::new(symbol, FIXED_DISTANCE_BITS as u16).0;
        place += 1;
    }
    table
}
