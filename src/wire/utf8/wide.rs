//! The formula over windows of a size known to the compiler, which become vectors. A window begins with the three bytes
//! before the first that it checks.

use super::formula::{cut_character, from, is, wrong};
#[cfg(feature = "simd")]
use crate::wire::vectors::widest;

/// The bytes before the first one that a window checks.
const BEFORE: usize = 3;
/// From this length on, wider vectors save more than the call costs.
#[cfg(feature = "simd")]
const WIDEST: usize = 128;
/// The shortest window.
const SHORT: usize = BEFORE + 16;

/// Bit 7 is set when `data` cannot follow `last`, which becomes the last three bytes.
#[inline]
pub(super) fn push(last: &mut [u8; 3], data: &[u8]) -> u8 {
    let (Some(first), Some(end)) = (data.first_chunk::<16>(), data.last_chunk()) else { return short(last, data) };
    let mut start = [0; SHORT];
    let (before, after) = start.split_at_mut(BEFORE);
    before.copy_from_slice(last);
    after.copy_from_slice(first);
    *last = *end;
    // mutant: replace > with >=: a window can be checked twice
    check(&start) | if data.len() > 16 { inner(data) } else { 0 }
}

/// Fewer than 16 bytes, at the end of a window that begins with zeros.
fn short(last: &mut [u8; 3], data: &[u8]) -> u8 {
    let mut window = [0; SHORT];
    for (to, from) in window.iter_mut().rev().zip(last.iter().chain(data).rev()) {
        *to = *from;
    }
    match window.last_chunk() {
        Some(end) => *last = *end,
        None => never!(),
    }
    check(&window)
}

/// Checks all but the first 16 of more than 16 bytes.
#[inline(never)]
fn inner(data: &[u8]) -> u8 {
    #[cfg(feature = "simd")]
    if data.len() >= WIDEST {
        return widest(
            #[inline(always)]
            || windows(data),
        );
    }
    windows(data)
}

#[inline(always)]
fn windows(data: &[u8]) -> u8 {
    // mutant: replace - with /: the windows can overlap more
    let Some(new) = data.get(16 - BEFORE..) else { return never!(0x80) };
    let Some(end) = data.last_chunk::<SHORT>() else {
        // One byte or two. If the text before them is wrong, that was seen.
        let Some((before, new)) = new.split_first_chunk() else { return never!(0x80) };
        return short(&mut cut_character(*before), new);
    };
    let mut bad = 0;
    let rest = skip_common(new);
    // mutant: replace + with *: a window can have any size
    let rest = check_windows::<{ BEFORE + 64 }>(rest, &mut bad);
    let rest = check_windows::<SHORT>(rest, &mut bad);
    // What is left is in a window that overlaps checked bytes.
    // mutant: replace > with >=: a window can be checked twice
    if rest.len() > BEFORE { bad | check(end) } else { bad }
}

/// Checks windows of W bytes as long as there are any. What is left begins with the three bytes before it.
#[inline(always)]
fn check_windows<'a, const W: usize>(mut rest: &'a [u8], bad: &mut u8) -> &'a [u8] {
    while let Some(window) = rest.first_chunk::<W>() {
        *bad |= check(window);
        // mutant: replace - with /: the windows can overlap more
        rest = rest.get(W - BEFORE..).unwrap_or_else(|| never!(&[]));
    }
    rest
}

/// Bit 7 is set when a byte of the window is wrong. Its first three bytes are not checked.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "the indices are below W, and an iterator becomes no vectors")]
fn check<const W: usize>(window: &[u8; W]) -> u8 {
    let mut bad = 0;
    for i in BEFORE..W {
        bad |= wrong(window[i], window[i - 1], window[i - 2], window[i - 3]);
    }
    bad
}

/// Skips the windows at the start of `data` that are [common](is_common). What is left begins with the three bytes
/// before it.
#[inline(always)]
fn skip_common(data: &[u8]) -> &[u8] {
    // The three bytes before a window must not be rare. Only the first window has some that no common window contains.
    // mutant: replace >= with <: three rare bytes in a row are a mistake that was seen before
    if data.iter().take(BEFORE).any(|byte| order(*byte) >= RARE) {
        return data;
    }
    // mutants: replace + with *: a window can have any size
    let rest = skip_windows::<{ BEFORE + 1024 }>(data, data);
    let rest = skip_windows::<{ BEFORE + 256 }>(data, rest);
    skip_windows::<{ BEFORE + 64 }>(data, rest)
}

/// Skips windows of W bytes in `rest`, the end of `data`, up to the first that is not [common](is_common). The last
/// window can begin before `rest` if at least half of it is new.
#[inline(always)]
fn skip_windows<'a, const W: usize>(data: &'a [u8], mut rest: &'a [u8]) -> &'a [u8] {
    let end = data.last_chunk::<W>();
    // mutant: replace > with ==, >=; replace / with %, *: any last window can be skipped, or none
    while let Some(window) = rest.first_chunk().or(end.filter(|_| rest.len() > W / 2))
        && is_common(window)
    {
        // mutant: replace - with /: the windows can overlap more
        rest = rest.get(W - BEFORE..).unwrap_or(&[]); // nothing is left after the last one
    }
    rest
}

/// An order of the bytes in which those with rules that few texts need are the greatest. XOR with 0F reverses each row
/// of 16 bytes, which puts E0 at the end of its row, next to the row from F0:
///
/// | byte | order | rules |
/// |---|---|---|
/// | 00 to DF | 00 to DF | those that [`is_common`] checks |
/// | E1 to EF | EE to E0 | the same |
/// | E0 | EF: [`RARE`] | A0 to BF follows |
/// | F0 to F4 | FF to FB | three bytes follow, 90 to BF after F0, 80 to 8F after F4 |
/// | F5 to FF | FA to F0 | not allowed |
#[inline(always)]
const fn order(b: u8) -> u8 {
    // mutant: replace ^ with &, |; replace order -> u8 with 0, 1: more bytes are rare, and are checked by all rules
    b ^ 0x0F
}
const RARE: u8 = order(0xE0);

/// Whether every byte of the window but the first three is right and not rare, for half the price of [`check`]. The
/// caller makes sure that the first three are not rare.
///
/// `kind` adds 0x40 to the signed byte, which puts the bytes that are never allowed below all others:
///
/// | byte | kind |
/// |---|---|
/// | 00 to 7F | 40 to 7F |
/// | 80 to BF, continuation bytes | C0 to FF: bit 7 is set |
/// | C0 and C1, overlong | 00 and 01 |
/// | C2 to FF | 02 to 3F |
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "the indices are below W, and windows(3) becomes no vectors")]
fn is_common<const W: usize>(window: &[u8; W]) -> bool {
    // mutant: replace is_common -> bool with false: all windows can be checked by all rules
    let (mut misplaced, mut after_ed, mut lowest, mut highest) = (0, 0, 0xFF, 0);
    for i in BEFORE..W {
        let (b, p1, p2) = (window[i], window[i - 1], window[i - 2]);
        let kind = b.cast_signed().saturating_add(0x40).cast_unsigned();
        // mutant: replace | with ^; replace ^ with |: two leads in a row are a mistake anyway, and a lead can be rare
        misplaced |= (from(p1, 0xC0) | from(p2, 0xE0)) ^ kind; // a lead three bytes back would be F0 or more: rare
        // mutant: replace & with |: fewer windows are common
        after_ed |= is(p1, 0xED) & b;
        lowest = lowest.min(kind);
        highest = highest.max(order(b));
    }
    // mutant: replace & with ^, |: fewer windows are common, and a byte below 0x80 is misplaced after ED
    let surrogate = after_ed & 0x20 != 0; // ED A0 to ED BF
    misplaced < 0x80 // mutant: replace < with ==, <=: no window of this length has 0x80 alone
        && !surrogate
        && lowest > 1
        && highest < RARE
}
