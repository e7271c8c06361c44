//! The rules of UTF-8 for one byte and the three bytes before it (RFC 3629), without branches, so that the compiler can
//! turn them into vector instructions. A result is in bit 7 of a byte.

/// Bit 7 is set when `data` cannot follow `last`, which becomes the last three bytes. The formula byte by byte is the
/// shortest code.
pub(super) fn push(last: &mut [u8; 3], data: &[u8]) -> u8 {
    let [mut p3, mut p2, mut p1] = *last;
    let mut bad = 0;
    for &b in data {
        bad |= wrong(b, p1, p2, p3);
        (p3, p2, p1) = (p2, p1, b);
    }
    *last = [p3, p2, p1];
    bad
}

/// Bit 7 is set when x >= n, for n from 0x80.
#[inline(always)]
pub(super) const fn from(x: u8, n: u8) -> u8 {
    x.saturating_sub(n - 0x80)
}

/// All bits are set when x = y.
#[inline(always)]
pub(super) const fn is(x: u8, y: u8) -> u8 {
    if x == y { 0xFF } else { 0 }
}

// mutants: replace | with ^: both have bit 7 only after an earlier mistake
/// Bit 7 is set unless `b` is a continuation byte exactly where one of the three bytes before it, as a lead, needs one.
#[inline(always)]
const fn misplaced(b: u8, p1: u8, p2: u8, p3: u8) -> u8 {
    let needed = from(p1, 0xC0) | from(p2, 0xE0) | from(p3, 0xF0);
    let continuation = b & !(b << 1);
    needed ^ continuation
}

/// Bit 7 is set when `b` must not follow `p3 p2 p1`.
#[inline(always)]
pub(super) const fn wrong(b: u8, p1: u8, p2: u8, p3: u8) -> u8 {
    misplaced(b, p1, p2, p3)
        | is(b & 0xFE, 0xC0) // C0, C1: overlong
        // mutants: replace | with ^: no two neighbors have bit 7 at once
        | from(b, 0xF5) // above U+10FFFF
        | is(p1, 0xE0) & !from(b, 0xA0) // overlong
        | is(p1, 0xED) & from(b, 0xA0) // a surrogate
        | is(p1, 0xF0) & !from(b, 0x90) // overlong
        | is(p1, 0xF4) & from(b, 0x90) // above U+10FFFF
}

/// Keeps of the last three bytes of valid text those of a character that is cut off, and puts zeros in front.
#[inline]
pub(super) const fn cut_character(last: [u8; 3]) -> [u8; 3] {
    let [p3, p2, p1] = last;
    if p1 >= 0xC0 {
        [0, 0, p1]
    } else if p2 >= 0xE0 {
        [0, p2, p1]
    } else if p3 >= 0xF0 {
        last
    } else {
        [0; 3]
    }
}
