//! Decodes symbols as long as the input has whole words and the room any symbol; for hosts with wide words.

use super::stream::{END_OF_BLOCK, Stream, distance, length};
use super::window::Place;
use crate::wire::error::ProtocolError;

/// Matches are copied in chunks of so many bytes, or of twice as many.
const CHUNK: usize = 16;
/// No symbols between two looks at the room write further than this: two literals, and a match with the chunks at its
/// end.
const ROOM: usize = 2 + 258 + 2 * CHUNK;

/// The input, bit by bit.
struct Reader<'i> {
    input: &'i [u8],
    consumed: usize,
    /// What was taken from the input and not used, the next bit lowest. What is above the counted bits is of no meaning
    /// but agrees with the input.
    bits: u64,
    count: u32,
}

impl Reader<'_> {
    /// Fills up to at least 56 bits; false if the input has no word more. A length and a distance have 48 at most.
    #[inline(always)]
    fn refill(&mut self) -> bool {
        let word = self.input.get(self.consumed..).and_then(<[u8]>::first_chunk);
        let Some(word) = word else { return false };
        self.bits |= u64::from_le_bytes(*word) << (self.count & 63);
        self.consumed += (63 - (self.count & 63) as usize) / 8;
        self.count |= 56;
        true
    }

    #[inline(always)]
    const fn use_up(&mut self, n: u32) {
        self.bits >>= n & 63;
        self.count = self.count.wrapping_sub(n);
    }
}

impl Stream {
    /// Goes on to the end of the block, or until the input or the room might not do.
    pub(super) fn fast(&mut self, at: &mut Place<'_>, input: &[u8]) -> Result<(), ProtocolError> {
        let mut reader = Reader { input, consumed: at.consumed, bits: self.bits, count: self.count };
        let outcome = self.symbols(at, &mut reader);
        at.consumed = reader.consumed;
        self.bits = reader.bits & !(u64::MAX << (reader.count & 63));
        self.count = reader.count;
        outcome
    }

    #[inline(always)]
    fn symbols(&self, at: &mut Place<'_>, reader: &mut Reader<'_>) -> Result<(), ProtocolError> {
        let mut produced = at.produced;
        let outcome = loop {
            let room = at.out.get_mut(produced..).and_then(<[u8]>::first_chunk_mut::<ROOM>);
            let Some([first, second, third, ..]) = room else { break Ok(()) };
            if !reader.refill() {
                break Ok(());
            }
            // Up to three literals that are found in the table.
            let mut symbol = self.literals.look_up(reader.bits);
            if symbol.is_literal() {
                *first = symbol.value() as u8;
                produced += 1;
                reader.use_up(symbol.bits());
                symbol = self.literals.look_up(reader.bits);
                if symbol.is_literal() {
                    *second = symbol.value() as u8;
                    produced += 1;
                    reader.use_up(symbol.bits());
                    symbol = self.literals.look_up(reader.bits);
                    if symbol.is_literal() {
                        *third = symbol.value() as u8;
                        produced += 1;
                        reader.use_up(symbol.bits());
                        continue;
                    }
                }
                if !reader.refill() {
                    break Ok(());
                }
            }
            if symbol.bits() == 0 {
                symbol = self.literals.decode_long(reader.bits);
                if symbol.bits() == 0 {
                    break Err(ProtocolError::DeflateCode);
                }
                if symbol.is_literal() {
                    let Some(place) = at.out.get_mut(produced) else { break Ok(()) };
                    *place = symbol.value() as u8;
                    produced += 1;
                    reader.use_up(symbol.bits());
                    continue;
                }
            }
            let (length, extra) = match length(reader.bits >> symbol.bits(), symbol.value()) {
                Ok(length) => length,
                Err(_) if symbol.value() == END_OF_BLOCK => break Ok(()), // for the one who called
                Err(error) => break Err(error),
            };
            reader.use_up(symbol.bits() + extra);
            let symbol = self.distances.decode(reader.bits);
            if symbol.bits() == 0 {
                break Err(ProtocolError::DeflateCode);
            }
            let (distance, extra) = match distance(reader.bits >> symbol.bits(), symbol.value()) {
                Ok(distance) => distance,
                Err(error) => break Err(error),
            };
            reader.use_up(symbol.bits() + extra);
            at.produced = produced;
            if let Err(error) = self.copy_match(at, length, distance) {
                break Err(error);
            }
            produced += usize::from(length);
        };
        at.produced = produced;
        outcome
    }

    /// There is room for the match and more: chunks go beyond it, where what follows is written over them.
    #[inline(always)]
    fn copy_match(&self, at: &mut Place<'_>, length: u16, distance: u16) -> Result<(), ProtocolError> {
        let (whole, back) = (usize::from(length), usize::from(distance));
        let end = at.produced.wrapping_add(whole);
        if let Some(start) = at.produced.checked_sub(back)
            && back <= at.window.len()
        {
            let stretch = at.out.get_mut(start..end.wrapping_add(2 * CHUNK)).unwrap_or_default();
            if back >= 2 * CHUNK {
                copy_behind::<{ 2 * CHUNK }>(stretch, back, whole);
            } else {
                let mut step = back;
                while step < CHUNK {
                    // Of a shorter repetition twice as much is there each time.
                    copy_chunk(stretch, 0, step);
                    step *= 2;
                }
                copy_behind::<CHUNK>(stretch, step, (back + whole).saturating_sub(step));
            }
            return Ok(());
        }
        self.ring.check(distance, at)?;
        // In the window, not around the ring's end nor into what this call has written?
        let back = back - at.produced;
        let start = self.ring.place(at.window, back);
        let places = at.out.get_mut(at.produced..end.wrapping_add(CHUNK)).unwrap_or_default();
        match at.window.get(start..start.saturating_add(whole + CHUNK)) {
            Some(from) if whole <= back => {
                for (place, chunk) in places.as_chunks_mut::<CHUNK>().0.iter_mut().zip(from.as_chunks().0) {
                    *place = *chunk;
                }
            }
            _ => {
                self.ring.copy(at, length, distance);
            }
        }
        Ok(())
    }
}

/// Copies one chunk within a slice, if it is long enough.
#[inline(always)]
fn copy_chunk(stretch: &mut [u8], from: usize, to: usize) {
    let chunk: Option<&[u8; CHUNK]> = stretch.get(from..).and_then(<[u8]>::first_chunk);
    let Some(&chunk) = chunk else { return };
    if let Some(place) = stretch.get_mut(to..).and_then(<[u8]>::first_chunk_mut) {
        *place = chunk;
    }
}

/// Copies the beginning of a slice to the place `step` behind it, chunk by chunk, up to `len` bytes or a bit more.
#[inline(always)]
fn copy_behind<const C: usize>(mut stretch: &mut [u8], step: usize, len: usize) {
    for _ in 0..len.div_ceil(C) {
        let Some((head, tail)) = stretch.split_at_mut_checked(step) else { return };
        let (Some(from), Some(to)) = (head.first_chunk::<C>(), tail.first_chunk_mut()) else { return };
        *to = *from;
        stretch = stretch.get_mut(C..).unwrap_or_default();
    }
}
