//! The levels: an input is written as a block with the fixed codes, or as blocks in the shortest form.

use super::bits::Bits;
use super::block::Block;
use super::code::{Codes, push_fixed_match};
use super::matches::{Effort, Finder, Match, SHORTEST, Tables};
use crate::deflate::rfc1951::{END_OF_BLOCK, FIXED};

/// Enough for the compression of zlib at level 6, within a few percent.
const EFFORT: Effort = Effort { candidates: 64, enough: 128 };
/// After a match of this length, fewer candidates are compared for a better one.
const GOOD: u16 = 8;
/// After a match of this length, none are.
const LAZY: u16 = 32;

/// Writes one block with the fixed codes. Takes each match that it finds.
pub(super) fn small(finder: &Finder, tables: &mut Tables<'_>, input: &[u8], bits: &mut Bits<'_>) {
    const ONE: Effort = Effort { candidates: 1, enough: 0 };
    bits.push(FIXED << 1, 3);
    let mut at = 0;
    while let Some(byte) = input.get(at)
        && !bits.is_full()
    {
        let candidate = finder.enter(tables, input, at);
        match candidate.and_then(|it| finder.longest(tables, input, at, it, SHORTEST as u16 - 1, ONE)) {
            Some(Match { length, distance }) => {
                push_fixed_match(bits, length, distance);
                for skipped in 1..length {
                    finder.enter(tables, input, at + usize::from(skipped));
                }
                at += usize::from(length);
            }
            None => {
                Codes::Fixed.push(bits, (*byte).into());
                at += 1;
            }
        }
    }
    Codes::Fixed.push(bits, END_OF_BLOCK);
}

/// Writes blocks in the shortest form. Takes a match if the next byte does not begin a longer one.
pub(super) fn large(finder: &Finder, tables: &mut Tables<'_>, input: &[u8], bits: &mut Bits<'_>) {
    let mut block = Block::new(core::mem::take(&mut tables.symbols), input);
    // The byte before `at` is not written yet. It becomes a literal or the beginning of the held match.
    let (mut waits, mut held) = (None, None::<Match>);
    let mut at = 0;
    while let Some(byte) = input.get(at)
        && !bits.is_full()
    {
        let candidate = finder.enter(tables, input, at);
        let shorter = held.map_or(SHORTEST as u16 - 1, |held| held.length);
        let found = match candidate {
            Some(candidate) if shorter < LAZY => {
                let candidates = if shorter >= GOOD { EFFORT.candidates / 4 } else { EFFORT.candidates };
                finder.longest(tables, input, at, candidate, shorter, Effort { candidates, ..EFFORT })
            }
            _ => None,
        };
        if let (Some(taken), None) = (held, found) {
            block.push_match(taken.length, taken.distance, bits);
            let end = at.wrapping_sub(1) + usize::from(taken.length);
            for skipped in at + 1..end {
                finder.enter(tables, input, skipped);
            }
            at = end;
            (waits, held) = (None, None);
        } else {
            if let Some(literal) = waits {
                block.push_literal(literal, bits);
            }
            (waits, held) = (Some(*byte), found);
            at += 1;
        }
    }
    match (held, waits) {
        (Some(taken), _) => block.push_match(taken.length, taken.distance, bits),
        (None, Some(literal)) => block.push_literal(literal, bits),
        (None, None) => {}
    }
    block.finish(bits);
}
