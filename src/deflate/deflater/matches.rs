//! Finds what was there before: in the input, and in the window, a ring with the end of what earlier calls have
//! deflated.
//!
//! A position is that of a byte in all that was deflated, modulo 2^16. The tables hold positions where bytes with a
//! certain hash stood. They need no clearing, and no care when a call fails: every candidate is compared with the
//! input, and what is further back than the window is long, or than there are bytes, is none.

use super::Level;
use crate::bytes::copy;
use crate::deflate::Direction;

/// The shortest match that is looked for. RFC 1951 has those of three bytes too: they save little, and there are many
/// candidates for them.
pub(super) const MIN_MATCH: usize = 4;
/// The longest match (RFC 1951 section 3.2.5).
const MAX_MATCH: usize = 258;

/// The host's memory, divided.
pub(super) struct Tables<'m> {
    /// A power of two in size.
    pub(super) window: &'m mut [u8],
    /// By hash: the newest position.
    newest: &'m mut [[u8; 2]],
    /// By position, as long as the window: the position before it with the same hash.
    older: &'m mut [[u8; 2]],
    /// Room for symbols, three bytes each.
    pub(super) symbols: &'m mut [[u8; 3]],
    /// What leaves of a 32-bit hash a place in `newest`.
    shift: u32,
}

impl<'m> Tables<'m> {
    /// For the largest window that was agreed and that there is memory for.
    pub(super) fn new(memory: &'m mut [u8], level: Level, agreed: Direction) -> Option<Self> {
        let size = (8..=agreed.bits()).rev().map(|bits| 1 << bits).find(|size| level.memory(*size) <= memory.len())?;
        let (window, rest) = memory.split_at_mut_checked(size)?;
        let [newest, older, symbols] = level.halves.map(|halves| usize::from(halves) * (size / 2));
        let (newest, rest) = rest.split_at_mut_checked(newest)?;
        let (older, rest) = rest.split_at_mut_checked(older)?;
        let symbols = rest.get_mut(..symbols)?;
        let newest = newest.as_chunks_mut().0;
        let shift = (newest.len() as u32).leading_zeros() + 1;
        Some(Self { window, newest, older: older.as_chunks_mut().0, symbols: symbols.as_chunks_mut().0, shift })
    }

    /// Enters position `at`, where `bytes` stand, and returns the newest one before it with the same hash.
    #[inline]
    fn enter(&mut self, at: u16, bytes: [u8; MIN_MATCH]) -> u16 {
        // Multiplicative hashing: the highest bits depend on all bytes.
        let hash = u32::from_le_bytes(bytes).wrapping_mul(0x9E37_79B1) >> (self.shift & 31);
        let Some(place) = self.newest.get_mut(hash as usize) else { return at };
        let before = core::mem::replace(place, at.to_le_bytes());
        let mask = self.older.len().wrapping_sub(1);
        if let Some(place) = self.older.get_mut(usize::from(at) & mask) {
            *place = before;
        }
        u16::from_le_bytes(before)
    }

    /// The position that had the hash of `at` before it; `at` if there is none.
    #[inline]
    fn before(&self, at: u16) -> u16 {
        let mask = self.older.len().wrapping_sub(1);
        self.older.get(usize::from(at) & mask).map_or(at, |place| u16::from_le_bytes(*place))
    }
}

/// A match: so many bytes stand also so far back.
#[derive(Clone, Copy)]
pub(super) struct Match {
    pub(super) length: u16,
    pub(super) distance: u16,
}

/// How long to look for a match.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// How many candidates are compared at most.
    pub(super) candidates: u16,
    /// A match of this length is good enough.
    pub(super) enough: u16,
}

/// Where in all that is deflated an input stands.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Finder {
    /// Of the next input.
    position: u16,
    /// Bytes of the window that may be referred to.
    known: u16,
}

impl Finder {
    pub(super) const fn new() -> Self {
        Self { position: 0, known: 0 }
    }

    /// Empties the window.
    pub(super) const fn forget(&mut self) {
        self.known = 0;
    }

    /// Adds an input to the window.
    pub(super) fn remember(&mut self, window: &mut [u8], input: &[u8]) {
        let end = input.get(input.len().saturating_sub(window.len())..).unwrap_or_default();
        self.position = self.position.wrapping_add(input.len() as u16);
        self.known = (usize::from(self.known) + end.len()).min(window.len()) as u16;
        let start = usize::from(self.position).wrapping_sub(end.len()) & window.len().wrapping_sub(1);
        let copied = copy(window.get_mut(start..).unwrap_or_default(), end);
        copy(window, end.get(copied..).unwrap_or_default());
    }

    /// Enters the place `at` of the input; the newest candidate for a match there.
    #[inline]
    pub(super) fn enter(&self, tables: &mut Tables<'_>, input: &[u8], at: usize) -> Option<u16> {
        let bytes = input.get(at..).and_then(<[u8]>::first_chunk)?;
        Some(tables.enter(self.position.wrapping_add(at as u16), *bytes))
    }

    /// The longest match at the place `at` of the input that is longer than `shorter`, from a candidate and those
    /// before it.
    pub(super) fn longest(
        &self,
        tables: &Tables<'_>,
        input: &[u8],
        at: usize,
        mut candidate: u16,
        shorter: u16,
        effort: Effort,
    ) -> Option<Match> {
        let rest = input.get(at..).unwrap_or_default();
        let rest = rest.get(..MAX_MATCH).unwrap_or(rest);
        let position = self.position.wrapping_add(at as u16);
        let known = at.saturating_add(self.known.into()).min(tables.window.len());
        let mut longest = usize::from(shorter);
        let mut end = end_of(rest, longest)?;
        let mut best = None;
        let mut last = 0;
        for _ in 0..effort.candidates {
            let distance = usize::from(position.wrapping_sub(candidate));
            // Candidates that do not lie further back with each step are left over from long ago.
            if distance <= last || distance > known {
                break;
            }
            last = distance;
            let length = match at.checked_sub(distance) {
                Some(start) if end_of(input, start + longest) == Some(end) => {
                    prefix(input.get(start..).unwrap_or_default(), rest)
                }
                None if self.ends_alike(tables.window, distance - at, longest, end) => {
                    self.in_window(tables.window, input, distance - at, rest)
                }
                _ => 0,
            };
            if length > longest {
                longest = length;
                best = Some(Match { length: length as u16, distance: distance as u16 });
                if length >= usize::from(effort.enough) {
                    break;
                }
                // None: it goes to the end of the input, or is as long as a match can be.
                let Some(longer) = end_of(rest, longest) else { break };
                end = longer;
            }
            candidate = tables.before(candidate);
        }
        best
    }

    /// Whether the window, so far back from the beginning of the input, may have what a longer match has at its end.
    /// What goes beyond the ring's end, or into the input, is not looked at here.
    #[inline]
    fn ends_alike(&self, window: &[u8], back: usize, shorter: usize, end: [u8; 4]) -> bool {
        let start = usize::from(self.position).wrapping_sub(back) & window.len().wrapping_sub(1);
        shorter >= back || end_of(window, start + shorter).is_none_or(|there| there == end)
    }

    /// How many bytes of `rest` stand also so far back from the beginning of the input: in the window, in one piece or
    /// two, and then in the input.
    #[inline(never)]
    fn in_window(&self, window: &[u8], input: &[u8], back: usize, rest: &[u8]) -> usize {
        let start = usize::from(self.position).wrapping_sub(back) & window.len().wrapping_sub(1);
        let first = window.get(start..).unwrap_or_default();
        let first = first.get(..back).unwrap_or(first);
        let second = window.get(..back - first.len().min(back)).unwrap_or_default();
        let mut length = 0;
        for piece in [first, second, input] {
            let common = prefix(piece, rest.get(length..).unwrap_or_default());
            length += common;
            if common < piece.len() {
                break;
            }
        }
        length
    }
}

/// The last bytes of a match that is longer than `shorter`, as long as the shortest at least: where most candidates
/// differ.
#[inline(always)]
fn end_of(bytes: &[u8], shorter: usize) -> Option<[u8; MIN_MATCH]> {
    bytes.get((shorter + 1).wrapping_sub(MIN_MATCH)..).and_then(<[u8]>::first_chunk).copied()
}

/// How many bytes two slices begin with alike.
#[cfg(target_pointer_width = "64")]
#[inline(always)]
fn prefix(a: &[u8], b: &[u8]) -> usize {
    let mut same = 0;
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        let differ = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differ != 0 {
            return same + differ.trailing_zeros() as usize / 8;
        }
        same += 8;
    }
    let rests = a.iter().skip(same).zip(b.iter().skip(same));
    same + rests.take_while(|(a, b)| a == b).count()
}

/// How many bytes two slices begin with alike.
#[cfg(not(target_pointer_width = "64"))]
fn prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
