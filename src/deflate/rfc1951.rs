//! The constants of DEFLATE (RFC 1951), for both directions.

/// Types of blocks (section 3.2.3).
pub(super) const STORED: u32 = 0;
pub(super) const FIXED: u32 = 1;
pub(super) const DYNAMIC: u32 = 2;

/// The length field of an empty stored block, and its complement (section 3.2.4).
pub(super) const EMPTY: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
/// The maximum number of bytes in a stored block (section 3.2.4).
pub(super) const MAX_STORED: usize = 0xFFFF;

/// The maximum bits of a code for literals and lengths, or for distances (section 3.2.7).
pub(super) const MAX_BITS: usize = 15;
/// The maximum bits of a code for lengths of codes (section 3.2.7).
pub(super) const MAX_CODE_LENGTH_BITS: usize = 7;

/// The number of symbols for literals and lengths in the fixed code: 256 literals, the end of the block, and 31 lengths
/// (section 3.2.6).
pub(super) const LITERALS: usize = 288;
/// The number of symbols for literals and lengths that can occur. The last two lengths have no meaning (section 3.2.6).
pub(super) const USED_LITERALS: usize = 286;
/// The number of symbols for distances in the fixed code (section 3.2.6).
pub(super) const DISTANCES: usize = 32;
/// The number of symbols for distances that can occur. The last two have no meaning (section 3.2.6).
pub(super) const USED_DISTANCES: usize = 30;

/// The symbol that ends a block (section 3.2.5).
pub(super) const END_OF_BLOCK: u16 = 256;
/// The first symbol for a length (section 3.2.5).
const FIRST_LENGTH: u16 = 257;
/// The shortest match (section 3.2.5).
pub(super) const MIN_MATCH: u16 = 3;
/// The longest match (section 3.2.5).
pub(super) const MAX_MATCH: u16 = 258;
/// The longest distance, and so the longest useful window (section 3.2.5).
pub(super) const MAX_DISTANCE: usize = 1 << 15;

/// By length symbol, from 257: the shortest length, and the number of extra bits to add to it (section 3.2.5).
#[rustfmt::skip]
pub(super) const LENGTH_BASES: [(u16, u8); 29] = [
    (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0), (11, 1), (13, 1),
    (15, 1), (17, 1), (19, 2), (23, 2), (27, 2), (31, 2), (35, 3), (43, 3), (51, 3), (59, 3),
    (67, 4), (83, 4), (99, 4), (115, 4), (131, 5), (163, 5), (195, 5), (227, 5), (258, 0),
];

/// By distance symbol: the shortest distance, and the number of extra bits to add to it (section 3.2.5).
#[rustfmt::skip]
pub(super) const DISTANCE_BASES: [(u16, u8); USED_DISTANCES] = [
    (1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (7, 1), (9, 2), (13, 2), (17, 3), (25, 3),
    (33, 4), (49, 4), (65, 5), (97, 5), (129, 6), (193, 6), (257, 7), (385, 7), (513, 8), (769, 8),
    (1025, 9), (1537, 9), (2049, 10), (3073, 10), (4097, 11), (6145, 11), (8193, 12), (12289, 12), (16385, 13),
    (24577, 13),
];

/// Returns the length for a symbol and the bits that follow its code, and the number of its extra bits. Returns `None`
/// for a symbol that is not a length.
#[inline(always)]
pub(super) fn length(symbol: u16, bits: u64) -> Option<(u16, u32)> {
    let (base, extra) = *LENGTH_BASES.get(usize::from(symbol).wrapping_sub(FIRST_LENGTH.into()))?;
    Some((base + (bits & !(u64::MAX << extra)) as u16, extra.into()))
}

/// Returns the distance for a symbol and the bits that follow its code, and the number of its extra bits. Returns
/// `None` for a symbol without a meaning.
#[inline(always)]
pub(super) fn distance(symbol: u16, bits: u64) -> Option<(u16, u32)> {
    let (base, extra) = *DISTANCE_BASES.get(usize::from(symbol))?;
    Some((base.wrapping_add((bits & !(u64::MAX << extra)) as u16), extra.into()))
}

/// Returns the symbol for a length, and the number and value of its extra bits. There are four symbols for each number
/// of extra bits, but 258 has a symbol of its own.
#[inline]
pub(super) fn length_symbol(length: u16) -> (u16, u32, u32) {
    let n = u32::from(length.wrapping_sub(MIN_MATCH));
    match n {
        ..8 => (FIRST_LENGTH + n as u16, 0, 0),
        255.. => (285, 0, 0),
        _ => {
            let extra = 29 - n.leading_zeros();
            ((257 + 4 * extra + (n >> extra)) as u16, extra, n & !(u32::MAX << extra))
        }
    }
}

/// Returns the symbol for a distance, and the number and value of its extra bits. There are two symbols for each number
/// of extra bits.
#[inline]
pub(super) fn distance_symbol(distance: u16) -> (u16, u32, u32) {
    let n = u32::from(distance.wrapping_sub(1));
    match n {
        ..4 => (n as u16, 0, 0),
        _ => {
            let extra = 30 - n.leading_zeros();
            ((2 * extra + (n >> extra)) as u16, extra, n & !(u32::MAX << extra))
        }
    }
}

/// Returns the number of bits of the fixed code for a literal or length (section 3.2.6).
pub(super) const fn fixed_bits(symbol: u16) -> u32 {
    match symbol {
        ..144 => 8, // mutant: delete match arm ..144: the last arm gives the same
        144..256 => 9,
        256..280 => 7,
        _ => 8,
    }
}

/// Returns the fixed code for a literal or length (section 3.2.6).
#[inline]
pub(super) const fn fixed_code(symbol: u16) -> u16 {
    match symbol {
        ..144 => 0x30 + symbol,
        144..256 => 0x190 + (symbol - 144),
        256..280 => symbol - 256,
        _ => 0xC0 + symbol.wrapping_sub(280),
    }
}

/// The number of bits of the fixed code for a distance. The code equals the symbol (section 3.2.6).
pub(super) const FIXED_DISTANCE_BITS: u32 = 5;

/// The number of symbols in the lengths of codes: a length, or one of the three below (section 3.2.7).
pub(super) const CODE_LENGTHS: usize = 19;
/// The previous length, 3 to 6 times.
pub(super) const REPEAT: u8 = 16;
/// The length 0, 3 to 10 times.
pub(super) const ZEROS: u8 = 17;
/// The length 0, 11 to 138 times.
pub(super) const MANY_ZEROS: u8 = 18;

/// The order of the symbols for which the header of a block contains the lengths of the codes (section 3.2.7).
pub(super) const CODE_LENGTH_ORDER: [u8; CODE_LENGTHS] =
    [REPEAT, ZEROS, MANY_ZEROS, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Returns how many lengths such a symbol represents at least, and the number of extra bits to add (section 3.2.7).
#[inline]
pub(super) const fn repeated(symbol: u8) -> (u16, u32) {
    match symbol {
        REPEAT => (3, 2),
        ZEROS => (3, 3),
        MANY_ZEROS => (11, 7),
        _ => (1, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_symbol_is_the_inverse_of_length() {
        for expected in MIN_MATCH..=MAX_MATCH {
            let (symbol, extra, value) = length_symbol(expected);
            assert_eq!(length(symbol, value.into()), Some((expected, extra)));
        }
        assert_eq!(length(END_OF_BLOCK, 0), None);
        assert_eq!(length(USED_LITERALS as u16, 0), None);
    }

    #[test]
    fn distance_symbol_is_the_inverse_of_distance() {
        for expected in 1..=MAX_DISTANCE as u16 {
            let (symbol, extra, value) = distance_symbol(expected);
            assert_eq!(distance(symbol, value.into()), Some((expected, extra)));
        }
        assert_eq!(distance(USED_DISTANCES as u16, 0), None);
    }

    #[test]
    fn fixed_code_uses_up_its_bits() {
        let used: u32 = (0..LITERALS as u16).map(|symbol| 1 << (9 - fixed_bits(symbol))).sum();
        assert_eq!(used, 1 << 9);
        assert!((0..LITERALS as u16).all(|symbol| u32::from(fixed_code(symbol)) < 1 << fixed_bits(symbol)));
    }
}
