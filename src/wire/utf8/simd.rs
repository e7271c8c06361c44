//! The whole characters of longer pieces by the crate `simdutf8`, which has vectors as wide as the processor. What is
//! cut off at both ends goes to [`wide`].

use super::formula::cut_character;
use super::wide;

/// Below this, the crate costs more than it saves.
const LONG: usize = 512;

/// Bit 7 is set when `data` cannot follow `last`, which becomes the last three bytes.
#[inline]
pub(super) fn push(last: &mut [u8; 3], data: &[u8]) -> u8 {
    // mutant: replace < with <=: every window may be checked by all rules, and twice
    if data.len() < LONG { wide::push(last, data) } else { long(last, data) }
}

#[inline(never)]
fn long(last: &mut [u8; 3], data: &[u8]) -> u8 {
    let is_continuation = |byte: &&u8| **byte & 0xC0 == 0x80;
    let head = data.iter().take(3).take_while(is_continuation).count();
    let Some(end) = data.last_chunk() else { return never!(0x80) };
    let tail = cut_character(*end).iter().filter(|byte| **byte != 0).count();
    // No two of the three overlap: the data is longer than both ends.
    let Some((head, rest)) = data.split_at_checked(head) else { return never!(0x80) };
    let Some((middle, tail)) = rest.split_at_checked(rest.len().saturating_sub(tail)) else { return never!(0x80) };
    let mut bad = wide::push(last, head);
    if cut_character(*last) != [0; 3] || simdutf8::basic::from_utf8(middle).is_err() {
        bad = 0x80;
    }
    *last = [0; 3];
    bad | wide::push(last, tail)
}
