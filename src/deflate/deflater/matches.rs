//! Finds matches: in the input, and in the window, a ring with the last bytes that earlier calls have deflated.
//!
//! A position is the number of a byte among all bytes that were deflated, modulo 2^16. The tables hold positions of
//! bytes with a certain hash. They need not be cleared or initialised, nor restored when a call fails: every candidate
//! is compared with the input, and a candidate before the beginning of the window is not used.

use crate::deflate::rfc1951::MAX_MATCH;
use crate::deflate::window::Window;
use crate::target::FAST;

/// The shortest match to look for. RFC 1951 also allows matches of three bytes, but they save little and have many
/// candidates.
pub(super) const SHORTEST: usize = 4;

/// The memory in addition to the window, in units of half a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    /// For positions by hash.
    pub(super) newest: u8,
    /// For positions by position.
    pub(super) older: u8,
    /// For symbols.
    pub(super) symbols: u8,
}

impl Shares {
    /// Returns the memory for a window of this size, including the window.
    pub(super) const fn memory(self, window_size: usize) -> usize {
        window_size + (self.newest as usize + self.older as usize + self.symbols as usize) * (window_size / 2)
    }
}

/// The host's memory, divided.
pub(super) struct Tables<'m> {
    /// The window, a power of two in size.
    pub(super) ring: &'m mut [u8],
    /// By hash: the newest position.
    newest: &'m mut [[u8; 2]],
    /// By position, modulo the size of the window: the position before it with the same hash.
    older: &'m mut [[u8; 2]],
    /// Room for symbols, three bytes each.
    pub(super) symbols: &'m mut [[u8; 3]],
    /// Shifts a 32-bit hash to a place in `newest`.
    shift: u32,
}

impl<'m> Tables<'m> {
    /// Divides the memory for the largest window of up to `window_bits` that fits it. Returns `None` if no window fits.
    pub(super) fn new(memory: &'m mut [u8], shares: Shares, window_bits: u8) -> Option<Self> {
        let size = (8..=window_bits).rev().map(|bits| 1 << bits).find(|size| shares.memory(*size) <= memory.len())?;
        let (ring, rest) = memory.split_at_mut_checked(size)?;
        let part = |halves: u8| usize::from(halves) * (size / 2);
        let (newest, rest) = rest.split_at_mut_checked(part(shares.newest))?;
        let (older, rest) = rest.split_at_mut_checked(part(shares.older))?;
        let symbols = rest.get_mut(..part(shares.symbols))?;
        let newest = newest.as_chunks_mut().0;
        let shift = (newest.len() as u32).leading_zeros() + 1;
        Some(Self { ring, newest, older: older.as_chunks_mut().0, symbols: symbols.as_chunks_mut().0, shift })
    }

    /// Enters position `at`, which has these bytes. Returns the newest position before it with the same hash.
    #[inline]
    fn enter(&mut self, at: u16, bytes: [u8; SHORTEST]) -> u16 {
        // Multiplicative hashing: the highest bits depend on all bytes.
        let hash = u32::from_le_bytes(bytes).wrapping_mul(0x9E37_79B1) >> (self.shift & 31);
        let Some(place) = self.newest.get_mut(hash as usize) else { return never!(at) };
        let before = core::mem::replace(place, at.to_le_bytes());
        let mask = self.older.len().wrapping_sub(1);
        if let Some(place) = self.older.get_mut(usize::from(at) & mask) {
            *place = before;
        }
        u16::from_le_bytes(before)
    }

    /// Returns the position before `at` with the same hash, or `at` if there is none.
    #[inline]
    fn before(&self, at: u16) -> u16 {
        let mask = self.older.len().wrapping_sub(1);
        self.older.get(usize::from(at) & mask).map_or(at, |place| u16::from_le_bytes(*place))
    }
}

/// A match: `length` bytes equal those `distance` bytes before them.
#[derive(Clone, Copy)]
pub(super) struct Match {
    pub(super) length: u16,
    pub(super) distance: u16,
}

/// How long to look for a match.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// The maximum number of candidates to compare.
    pub(super) candidates: u16,
    /// A match of this length is good enough.
    pub(super) enough: u16,
}

/// The position of an input among all bytes that are deflated.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Finder {
    /// Of the next input.
    position: u16,
    window: Window,
}

impl Finder {
    pub(super) const fn new() -> Self {
        Self { position: 0, window: Window::new() }
    }

    /// Empties the window.
    pub(super) const fn forget(&mut self) {
        self.window.forget();
    }

    /// Adds an input to the window.
    pub(super) fn remember(&mut self, ring: &mut [u8], input: &[u8]) {
        self.position = self.position.wrapping_add(input.len() as u16);
        self.window.remember(ring, input);
    }

    /// Enters the place `at` of the input. Returns the newest candidate for a match there.
    #[inline]
    pub(super) fn enter(&self, tables: &mut Tables<'_>, input: &[u8], at: usize) -> Option<u16> {
        let bytes = input.get(at..).and_then(<[u8]>::first_chunk)?;
        Some(tables.enter(self.position.wrapping_add(at as u16), *bytes))
    }

    /// Returns the longest match at the place `at` of the input, among a candidate and those before it, if it is longer
    /// than `shorter`.
    pub(super) fn longest(
        &self,
        tables: &Tables<'_>,
        input: &[u8],
        at: usize,
        mut candidate: u16,
        shorter: u16,
        effort: Effort,
    ) -> Option<Match> {
        let rest = input.get(at..).unwrap_or_else(|| never!(Default::default()));
        let rest = rest.get(..MAX_MATCH.into()).unwrap_or(rest);
        let position = self.position.wrapping_add(at as u16);
        let reach = self.window.reach(tables.ring, at);
        let mut longest = usize::from(shorter);
        let mut end = end_of(rest, longest)?;
        let mut best = None;
        let mut last = 0;
        for _ in 0..effort.candidates {
            let distance = usize::from(position.wrapping_sub(candidate));
            // A candidate that is not further back than the last one is an old entry of the table.
            if distance <= last || distance > reach {
                break;
            }
            last = distance;
            let length = match at.checked_sub(distance) {
                Some(start) if end_of(input, start + longest) == Some(end) => {
                    prefix(input.get(start..).unwrap_or_else(|| never!(Default::default())), rest)
                }
                None if self.ends_alike(tables.ring, distance - at, longest, end) => {
                    self.in_window(tables.ring, input, distance - at, rest)
                }
                _ => 0,
            };
            if length > longest {
                longest = length;
                best = Some(Match { length: length as u16, distance: distance as u16 });
                if length >= usize::from(effort.enough) {
                    break;
                }
                // `None` if the match has the maximum length or ends with the input.
                let Some(longer) = end_of(rest, longest) else { break };
                end = longer;
            }
            candidate = tables.before(candidate);
        }
        best
    }

    /// Returns whether the window, `back` bytes before the input, can have a longer match: one with `end` at its end.
    /// Returns true without a comparison if that is after the ring's end or in the input.
    #[inline]
    fn ends_alike(&self, ring: &[u8], back: usize, shorter: usize, end: [u8; 4]) -> bool {
        let start = self.window.place_by_mask(ring, back);
        shorter >= back || end_of(ring, start + shorter).is_none_or(|there| there == end)
    }

    /// Returns how many bytes of `rest` equal those `back` bytes before the input: in one piece or two of the window,
    /// and then in the input.
    #[inline(never)]
    fn in_window(&self, ring: &[u8], input: &[u8], back: usize, rest: &[u8]) -> usize {
        let [first, second] = self.window.last(ring, back);
        let mut length = 0;
        for piece in [first, second, input] {
            let common = prefix(piece, rest.get(length..).unwrap_or_else(|| never!(Default::default())));
            length += common;
            if common < piece.len() {
                break;
            }
        }
        length
    }
}

/// Returns the last bytes of a match that is one byte longer than `shorter`. That is where most candidates differ.
#[inline(always)]
fn end_of(bytes: &[u8], shorter: usize) -> Option<[u8; SHORTEST]> {
    bytes.get((shorter + 1).wrapping_sub(SHORTEST)..).and_then(<[u8]>::first_chunk).copied()
}

/// Returns how many bytes two slices have in common at their beginning.
#[inline(always)]
fn prefix(a: &[u8], b: &[u8]) -> usize {
    if FAST { prefix_by_words(a, b) } else { a.iter().zip(b).take_while(|(a, b)| a == b).count() }
}

#[inline(always)]
fn prefix_by_words(a: &[u8], b: &[u8]) -> usize {
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
