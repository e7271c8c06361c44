//! Decodes symbols while the input has whole words and the room is enough for any symbol. Only for builds for speed.

use super::bits::Bits;
use super::codes::Codes;
use super::huffman::Decoded;
use super::output::Output;
use crate::deflate::rfc1951::{END_OF_BLOCK, MAX_MATCH, distance, length};
use crate::wire::error::ProtocolError;

/// Matches are copied in chunks of this size, or of twice this size.
const CHUNK: usize = 16;
/// The maximum number of bytes that are written between two checks of the room: two literals, and a match with the
/// chunks after its end.
pub(super) const ROOM: usize = 2 + MAX_MATCH as usize + 2 * CHUNK;

/// Decodes up to the end of the block, which the caller must decode, or until the input or the room might not suffice.
#[inline(never)]
pub(super) fn symbols(
    codes: &Codes,
    bits: &mut Bits,
    input: &mut &[u8],
    output: &mut Output<'_>,
) -> Result<(), ProtocolError> {
    // Local copies of the state that the loop changes stay in registers.
    let mut reader = Reader { bits: *bits, input };
    let mut local = output.reborrow();
    let mut produced = local.produced;
    let outcome = loop {
        let room = local.room.get_mut(produced..).and_then(<[u8]>::first_chunk_mut::<ROOM>);
        let Some([first, second, third, ..]) = room else { break Ok(()) };
        if !reader.refill() {
            break Ok(());
        }
        let mut symbol = codes.literals.look_up(reader.bits.peek());
        if reader.literal(symbol, first) {
            produced += 1;
            symbol = codes.literals.look_up(reader.bits.peek());
            if reader.literal(symbol, second) {
                produced += 1;
                symbol = codes.literals.look_up(reader.bits.peek());
                if reader.literal(symbol, third) {
                    produced += 1;
                    continue;
                }
            }
            if !reader.refill() {
                break Ok(());
            }
        }
        if symbol.bits() == 0 {
            symbol = codes.literals.decode_long(reader.bits.peek());
            if symbol.bits() == 0 {
                break Err(ProtocolError::DeflateCode);
            }
            let Some(place) = local.room.get_mut(produced) else { break never!(Ok(())) };
            if reader.literal(symbol, place) {
                produced += 1;
                continue;
            }
        }
        let Some((length, extra)) = length(symbol.symbol(), reader.bits.peek() >> symbol.bits()) else {
            break if symbol.symbol() == END_OF_BLOCK { Ok(()) } else { Err(ProtocolError::DeflateCode) };
        };
        reader.bits.use_up(symbol.bits() + extra);
        let Some(distance) = reader.distance(codes) else { break Err(ProtocolError::DeflateCode) };
        local.produced = produced;
        if let Err(error) = copy_match(&mut local, length, distance) {
            break Err(error);
        }
        produced += usize::from(length);
    };
    output.produced = produced;
    reader.bits.clear_above();
    (*bits, *input) = (reader.bits, reader.input);
    outcome
}

/// The source of the symbols.
struct Reader<'i> {
    bits: Bits,
    input: &'i [u8],
}

impl Reader<'_> {
    /// Takes bytes until there are at least 56 bits. That is enough for three literals in the table, or for a match,
    /// which has at most 48 bits. Returns false if the input has no further word.
    #[inline(always)]
    fn refill(&mut self) -> bool {
        self.bits.refill_word(&mut self.input)
    }

    /// Writes a literal. Returns false if the symbol is not a literal.
    #[inline(always)]
    fn literal(&mut self, symbol: Decoded, place: &mut u8) -> bool {
        if symbol.is_literal() {
            *place = symbol.symbol() as u8;
            self.bits.use_up(symbol.bits());
        }
        symbol.is_literal()
    }

    /// Reads a distance. Returns `None` if it is invalid.
    #[inline(always)]
    fn distance(&mut self, codes: &Codes) -> Option<u16> {
        let symbol = codes.distances.decode(self.bits.peek());
        if symbol.bits() == 0 {
            return None;
        }
        let (distance, extra) = distance(symbol.symbol(), self.bits.peek() >> symbol.bits())?;
        self.bits.use_up(symbol.bits() + extra);
        Some(distance)
    }
}

/// Copies a match, but does not count it as produced. Whole chunks are copied, which go beyond the end of the match.
/// There is room for them, and later output overwrites them.
#[inline(always)]
fn copy_match(output: &mut Output<'_>, length: u16, distance: u16) -> Result<(), ProtocolError> {
    let (whole, back) = (usize::from(length), usize::from(distance));
    let end = output.produced.wrapping_add(whole);
    if let Some(start) = output.produced.checked_sub(back)
        && back <= output.ring.len()
    {
        let source = output.room.get_mut(start..end.wrapping_add(2 * CHUNK));
        repeat(source.unwrap_or_else(|| never!(Default::default())), back, whole);
        return Ok(());
    }
    output.check(distance)?;
    // Is it all in the window, and neither around the ring's end nor in this call's output?
    let in_window = back - output.produced;
    let start = output.window.place(output.ring, in_window);
    match output.ring.get(start..start.saturating_add(whole + CHUNK)) {
        Some(from) if whole <= in_window => {
            let places = output.room.get_mut(output.produced..end.wrapping_add(CHUNK));
            let places = places.unwrap_or_else(|| never!(Default::default()));
            for (place, chunk) in places.as_chunks_mut::<CHUNK>().0.iter_mut().zip(from.as_chunks().0) {
                *place = *chunk;
            }
        }
        _ => _ = output.reborrow().copy_match(length, distance),
    }
    Ok(())
}

/// Repeats the first `back` bytes of a slice after them, for `len` bytes and up to two chunks more.
#[inline(always)]
fn repeat(bytes: &mut [u8], back: usize, len: usize) {
    if back >= 2 * CHUNK {
        return copy_after::<{ 2 * CHUNK }>(bytes, back, len);
    }
    let mut step = back;
    while step < CHUNK {
        // The repeated bytes are shorter than a chunk: double them.
        copy_chunk(bytes, 0, step);
        step *= 2;
    }
    copy_after::<CHUNK>(bytes, step, (back + len).saturating_sub(step));
}

/// Copies one chunk within a slice, if it is long enough.
#[inline(always)]
fn copy_chunk(bytes: &mut [u8], from: usize, to: usize) {
    let chunk: Option<&[u8; CHUNK]> = bytes.get(from..).and_then(<[u8]>::first_chunk);
    let Some(&chunk) = chunk else { return never!() };
    match bytes.get_mut(to..).and_then(<[u8]>::first_chunk_mut) {
        Some(place) => *place = chunk,
        None => never!(),
    }
}

/// Copies the beginning of a slice `step` bytes further, chunk by chunk: `len` bytes, rounded up to whole chunks.
#[inline(always)]
fn copy_after<const C: usize>(mut bytes: &mut [u8], step: usize, len: usize) {
    for _ in 0..len.div_ceil(C) {
        let Some((head, tail)) = bytes.split_at_mut_checked(step) else { return never!() };
        let (Some(from), Some(to)) = (head.first_chunk::<C>(), tail.first_chunk_mut()) else { return never!() };
        *to = *from;
        bytes = bytes.get_mut(C..).unwrap_or_else(|| never!(Default::default()));
    }
}
