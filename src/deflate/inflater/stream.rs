//! The decoder of DEFLATE blocks (RFC 1951), in messages as RFC 7692 section 7.2.2 has them.
//!
//! Input comes at any cut, output goes to room of any size, and the next call goes on where the last one stopped.
//! Symbols are decoded one by one where each might be the last that the input or the room has; elsewhere, on hosts with
//! wide words, by `fast`.

use super::huffman::Decoder;
use super::window::{Place, Ring};
use crate::bytes::copy;
use crate::wire::error::ProtocolError;

/// Literals and lengths: 256 literals, the end of the block, and 31 lengths of which the last two mean nothing.
const LITERALS: usize = 288;
/// Distances, of which the last two mean nothing.
const DISTANCES: usize = 32;
pub(super) const END_OF_BLOCK: u16 = 256;

/// The tables for short codes: as large as they may be for hosts with memory, smaller for others. That of the distances
/// takes the seven bits of the codes for lengths too.
const LITERAL_TABLE: usize = if cfg!(target_pointer_width = "64") { 512 } else { 128 };
const DISTANCE_TABLE: usize = 128;

/// What a receiver appends to a message: the end of an empty stored block (RFC 7692 section 7.2.2).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The lengths of the codes for lengths come in this order (RFC 1951 section 3.2.7).
const CODE_LENGTHS: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// By symbol, from 257: the shortest length, and the extra bits to add (RFC 1951 section 3.2.5).
#[rustfmt::skip]
const LENGTH_BASES: [(u16, u8); 29] = [
    (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0), (11, 1), (13, 1),
    (15, 1), (17, 1), (19, 2), (23, 2), (27, 2), (31, 2), (35, 3), (43, 3), (51, 3), (59, 3),
    (67, 4), (83, 4), (99, 4), (115, 4), (131, 5), (163, 5), (195, 5), (227, 5), (258, 0),
];

/// By symbol: the shortest distance, and the extra bits to add (RFC 1951 section 3.2.5).
#[rustfmt::skip]
const DISTANCE_BASES: [(u16, u8); 30] = [
    (1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (7, 1), (9, 2), (13, 2), (17, 3), (25, 3),
    (33, 4), (49, 4), (65, 5), (97, 5), (129, 6), (193, 6), (257, 7), (385, 7), (513, 8), (769, 8),
    (1025, 9), (1537, 9), (2049, 10), (3073, 10), (4097, 11), (6145, 11), (8193, 12), (12289, 12), (16385, 13),
    (24577, 13),
];

/// What stands in the stream next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Step {
    /// The header of a block.
    Header,
    /// The length of a stored block.
    StoredLength,
    /// So many bytes of a stored block.
    Stored(u16),
    /// In a dynamic block: how many lengths of codes follow,
    Counts,
    /// the lengths of the codes for lengths, from this place in their order,
    CodeLengths(u8),
    /// and the lengths, from this symbol.
    Lengths(u16),
    /// A literal, a match, or the end of the block.
    Symbol,
    /// The rest of a match.
    Match { left: u16, distance: u16 },
    /// Nothing: the message has ended, or an error came.
    Over(Result<(), ProtocolError>),
}

/// What a code or two stand for.
enum Symbol {
    Literal(u8),
    EndOfBlock,
    Match { length: u16, distance: u16 },
}

/// A decoder, but for its window.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Stream {
    pub(super) literals: Decoder<LITERAL_TABLE, LITERALS>,
    /// In the header of a dynamic block, the code for lengths.
    pub(super) distances: Decoder<DISTANCE_TABLE, DISTANCES>,
    /// The lengths of the codes, those of the distances behind the others.
    lengths: [u8; LITERALS + DISTANCES],
    literal_count: u16,
    distance_count: u8,
    code_length_count: u8,
    /// The decoders are those of fixed blocks.
    fixed: bool,
    /// The block is the last of a DEFLATE stream. Another stream may follow.
    last_block: bool,
    step: Step,
    /// The bits that were taken from the input and not used, the next one lowest, zeros behind them. How many they are.
    pub(super) bits: u64,
    pub(super) count: u32,
    /// Bytes of [`TAIL`] that were taken.
    tail: u8,
    pub(super) ring: Ring,
}

/// How far a call has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Inflated {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// The room is used up, and there is more to write. If not, all input was consumed.
    pub(super) more: bool,
}

impl Stream {
    pub(super) const fn new() -> Self {
        Self {
            literals: Decoder::new(),
            distances: Decoder::new(),
            lengths: [0; LITERALS + DISTANCES],
            literal_count: 0,
            distance_count: 0,
            code_length_count: 0,
            fixed: false,
            last_block: false,
            step: Step::Over(Ok(())),
            bits: 0,
            count: 0,
            tail: 0,
            ring: Ring::new(),
        }
    }

    /// A message begins; with an empty window, unless it is `taken_over`.
    pub(super) fn begin(&mut self, taken_over: bool) {
        if !taken_over {
            self.ring.forget();
        }
        if !matches!(self.step, Step::Over(Err(_))) {
            self.step = Step::Header;
        }
        self.last_block = false;
        self.tail = 0;
    }

    /// The error that came, if one did.
    pub(super) fn outcome(&self) -> Result<(), ProtocolError> {
        if let Step::Over(outcome) = self.step { outcome } else { Ok(()) }
    }

    /// Nothing more is decoded.
    pub(super) fn fail(&mut self, error: ProtocolError) {
        self.step = Step::Over(Err(error));
    }

    /// Decodes as much of `input` as there is room for in `out`. `last`: the input ends the message.
    pub(super) fn inflate(
        &mut self,
        window: &mut [u8],
        input: &[u8],
        out: &mut [u8],
        last: bool,
    ) -> Result<Inflated, ProtocolError> {
        // RFC 7692 7.2.1: no window is longer [7692-7.2.1-7]
        let len = window.len().min(1 << 15);
        let window = window.get_mut(..len).unwrap_or_default();
        let mut at = Place { window, out, consumed: 0, produced: 0 };
        let more = self.message(&mut at, input, last).inspect_err(|error| self.step = Step::Over(Err(*error)))?;
        let Place { window, out, consumed, produced } = at;
        self.ring.remember(window, out.get(..produced).unwrap_or_default());
        Ok(Inflated { consumed, produced, more })
    }

    /// True if there is more to write than there is room.
    fn message(&mut self, at: &mut Place<'_>, input: &[u8], last: bool) -> Result<bool, ProtocolError> {
        if self.blocks(at, input)? {
            return Ok(true);
        }
        if !last {
            return Ok(false);
        }
        // RFC 7692 7.2.2 [7692-7.2.2-1]. What ended with a last block may lack the empty block behind it: none is
        // needed to see that nothing is missing.
        if !(self.is_between_blocks() && self.last_block) {
            let consumed = at.consumed;
            at.consumed = self.tail.into();
            let more = self.blocks(at, &TAIL)?;
            self.tail = at.consumed as u8;
            at.consumed = consumed;
            if more {
                return Ok(true);
            }
        }
        if !self.is_between_blocks() {
            return Err(ProtocolError::DeflateTruncated);
        }
        self.step = Step::Over(Ok(()));
        Ok(false)
    }

    const fn is_between_blocks(&self) -> bool {
        matches!(self.step, Step::Header) && self.count == 0
    }

    /// Decodes to the end of the input, or to that of the room: then true.
    fn blocks(&mut self, at: &mut Place<'_>, input: &[u8]) -> Result<bool, ProtocolError> {
        loop {
            if !matches!(self.step, Step::Stored(_)) {
                self.refill(at, input);
            }
            match self.step {
                Step::Over(outcome) => return outcome.map(|()| false),
                Step::Header => {
                    let Some(header) = self.take(3) else { return Ok(false) };
                    self.last_block = header & 1 != 0;
                    // RFC 1951 3.2.3: several blocks, of any type [7692-7.2.3-1] [7692-7.2.1-2] [7692-7.2.1-3]
                    // [7692-7.2.1-4]
                    self.step = match header >> 1 {
                        0 => {
                            self.use_up(self.count % 8); // RFC 1951 3.2.4
                            Step::StoredLength
                        }
                        1 => {
                            self.build_fixed();
                            Step::Symbol
                        }
                        2 => Step::Counts,
                        _ => return Err(ProtocolError::DeflateBlockType),
                    };
                }
                Step::StoredLength => {
                    let Some(length) = self.take(32) else { return Ok(false) };
                    if length as u16 != !(length >> 16) as u16 {
                        return Err(ProtocolError::DeflateStoredLength);
                    }
                    self.step = Step::Stored(length as u16);
                }
                Step::Stored(0) => self.end_block(),
                Step::Stored(left) => {
                    let copied = self.stored(at, input, left);
                    if copied == 0 {
                        return Ok(self.count > 0 || at.consumed < input.len());
                    }
                    self.step = Step::Stored(left.wrapping_sub(copied));
                }
                Step::Counts => {
                    let Some(counts) = self.take(14) else { return Ok(false) };
                    self.literal_count = 257 + (counts & 31) as u16;
                    self.distance_count = 1 + (counts >> 5 & 31) as u8;
                    self.code_length_count = 4 + (counts >> 10) as u8;
                    // RFC 1951 3.2.6: the last two of either never occur
                    if self.literal_count > 286 || self.distance_count > 30 {
                        return Err(ProtocolError::DeflateCode);
                    }
                    self.lengths = [0; LITERALS + DISTANCES];
                    self.step = Step::CodeLengths(0);
                }
                Step::CodeLengths(n) if n < self.code_length_count => {
                    let Some(length) = self.take(3) else { return Ok(false) };
                    let symbol = CODE_LENGTHS.get(usize::from(n)).copied().unwrap_or(0);
                    if let Some(place) = self.lengths.get_mut(usize::from(symbol)) {
                        *place = length as u8;
                    }
                    self.step = Step::CodeLengths(n + 1);
                }
                Step::CodeLengths(_) => {
                    self.fixed = false;
                    let lengths = self.lengths.get(..CODE_LENGTHS.len()).unwrap_or_default();
                    if !self.distances.build(lengths, false) {
                        return Err(ProtocolError::DeflateCode);
                    }
                    self.step = Step::Lengths(0);
                }
                Step::Lengths(n) if n < self.literal_count + u16::from(self.distance_count) => {
                    let Some(repeated) = self.length(n)? else { return Ok(false) };
                    self.step = Step::Lengths(n + repeated);
                }
                Step::Lengths(_) => {
                    self.build_dynamic()?;
                    self.step = Step::Symbol;
                }
                Step::Symbol => {
                    #[cfg(target_pointer_width = "64")]
                    if at.consumed.saturating_add(8) <= input.len() {
                        self.fast(at, input)?;
                    }
                    let Some((symbol, bits)) = self.symbol()? else {
                        if at.consumed < input.len() {
                            continue; // `fast` has left fewer bits than there are
                        }
                        return Ok(false);
                    };
                    match symbol {
                        Symbol::Literal(byte) => {
                            let Some(place) = at.out.get_mut(at.produced) else { return Ok(true) };
                            *place = byte;
                            at.produced += 1;
                        }
                        Symbol::EndOfBlock => {
                            self.use_up(bits);
                            self.end_block();
                            continue;
                        }
                        Symbol::Match { length, distance } => {
                            self.ring.check(distance, at)?;
                            self.step = Step::Match { left: length, distance };
                        }
                    }
                    self.use_up(bits);
                }
                Step::Match { left, distance } => {
                    let copied = self.ring.copy(at, left, distance);
                    if copied < left {
                        self.step = Step::Match { left: left - copied, distance };
                        return Ok(true);
                    }
                    self.step = Step::Symbol;
                }
            }
        }
    }

    /// Takes whole bytes of the input as long as they fit.
    #[inline]
    fn refill(&mut self, at: &mut Place<'_>, input: &[u8]) {
        while self.count < 56
            && let Some(byte) = input.get(at.consumed)
        {
            self.bits |= u64::from(*byte) << self.count;
            self.count += 8;
            at.consumed += 1;
        }
    }

    /// The next `n` bits as a number, if there are so many.
    fn take(&mut self, n: u32) -> Option<u32> {
        let value = self.bits & !(u64::MAX << n);
        (n <= self.count).then(|| {
            self.use_up(n);
            value as u32
        })
    }

    #[inline]
    const fn use_up(&mut self, n: u32) {
        self.bits >>= n;
        self.count = self.count.wrapping_sub(n);
    }

    const fn end_block(&mut self) {
        if self.last_block {
            self.use_up(self.count % 8); // RFC 7692 7.2.1: the next block follows at a whole byte [7692-7.2.1-5]
        }
        self.step = Step::Header;
    }

    /// Copies bytes of a stored block; 0 if there are none or no room. Some may have been taken as bits.
    fn stored(&mut self, at: &mut Place<'_>, input: &[u8], left: u16) -> u16 {
        let end = at.produced.saturating_add(left.into()).min(at.out.len());
        let room = at.out.get_mut(at.produced..end).unwrap_or_default();
        let mut copied = 0;
        if self.count > 0 {
            for place in room {
                let Some(byte) = self.take(8) else { break };
                *place = byte as u8;
                copied += 1;
            }
        } else {
            copied = copy(room, input.get(at.consumed..).unwrap_or_default());
            at.consumed += copied;
        }
        at.produced += copied;
        copied as u16
    }

    /// The length that comes next in the header of a dynamic block, for symbol `n`, and for how many it counts.
    // RFC 1951 3.2.7
    fn length(&mut self, n: u16) -> Result<Option<u16>, ProtocolError> {
        let symbol = self.distances.decode(self.bits);
        if symbol.bits() == 0 {
            return Err(ProtocolError::DeflateCode);
        }
        let value = symbol.value() as u8;
        let (extra, base) = match value {
            16 => (2, 3),
            17 => (3, 3),
            18 => (7, 11),
            _ => (0, 1),
        };
        if symbol.bits() + extra > self.count {
            return Ok(None);
        }
        self.use_up(symbol.bits());
        let repeated = base + self.take(extra).unwrap_or(0) as u16;
        let length = match value {
            16 => n.checked_sub(1).and_then(|n| self.lengths.get(usize::from(n))).copied(),
            17 | 18 => Some(0),
            _ => Some(value),
        };
        let length = length.ok_or(ProtocolError::DeflateCode)?;
        if n + repeated > self.literal_count + u16::from(self.distance_count) {
            return Err(ProtocolError::DeflateCode);
        }
        self.lengths.iter_mut().skip(n.into()).take(repeated.into()).for_each(|place| *place = length);
        Ok(Some(repeated))
    }

    fn build_dynamic(&mut self) -> Result<(), ProtocolError> {
        let used = usize::from(self.literal_count) + usize::from(self.distance_count);
        let lengths = self.lengths.get(..used).unwrap_or_default();
        let (literals, distances) = lengths.split_at_checked(self.literal_count.into()).unwrap_or_default();
        // A block that cannot end is an error at once.
        let ends = literals.get(usize::from(END_OF_BLOCK)).is_some_and(|length| *length > 0);
        if !ends || !self.literals.build(literals, true) || !self.distances.build(distances, true) {
            return Err(ProtocolError::DeflateCode);
        }
        Ok(())
    }

    /// RFC 1951 3.2.6. Small messages are fixed blocks more often than not: these decoders are kept, and where codes of
    /// nine bits are in the table they come from a constant.
    fn build_fixed(&mut self) {
        if self.fixed {
            return;
        }
        self.fixed = true;
        #[cfg(target_pointer_width = "64")]
        {
            self.literals.use_table(&super::huffman::FIXED_LITERALS);
            self.distances.use_table(&super::huffman::FIXED_DISTANCES);
        }
        #[cfg(not(target_pointer_width = "64"))]
        self.build_fixed_in_place();
    }

    #[cfg(not(target_pointer_width = "64"))]
    fn build_fixed_in_place(&mut self) {
        for (length, symbol) in self.lengths.iter_mut().zip(0u16..) {
            *length = match symbol {
                0..144 => 8,
                144..256 => 9,
                256..280 => 7,
                280..288 => 8,
                _ => 5,
            };
        }
        let (literals, distances) = self.lengths.split_at_checked(LITERALS).unwrap_or_default();
        self.literals.build(literals, false);
        self.distances.build(distances, false);
    }

    /// The next symbol and its bits; none if they are not all there.
    #[inline]
    fn symbol(&self) -> Result<Option<(Symbol, u32)>, ProtocolError> {
        let first = self.literals.decode(self.bits);
        if first.bits() > self.count {
            return Ok(None);
        }
        let symbol = match first.value() {
            _ if first.bits() == 0 => return Err(ProtocolError::DeflateCode),
            value @ ..END_OF_BLOCK => Symbol::Literal(value as u8),
            END_OF_BLOCK => Symbol::EndOfBlock,
            value => {
                let (length, used) = length(self.bits >> first.bits(), value)?;
                let used = first.bits() + used;
                let second = self.distances.decode(self.bits >> used);
                if used + second.bits() > self.count {
                    return Ok(None);
                }
                if second.bits() == 0 {
                    return Err(ProtocolError::DeflateCode);
                }
                let used = used + second.bits();
                let (distance, extra) = distance(self.bits >> used, second.value())?;
                let used = used + extra;
                if used > self.count {
                    return Ok(None);
                }
                return Ok(Some((Symbol::Match { length, distance }, used)));
            }
        };
        Ok(Some((symbol, first.bits())))
    }
}

/// The length that a symbol above 256 stands for with the bits behind it, and how many bits they are.
#[inline(always)]
pub(super) fn length(bits: u64, symbol: u16) -> Result<(u16, u32), ProtocolError> {
    let place = usize::from(symbol).wrapping_sub(usize::from(END_OF_BLOCK) + 1);
    let (base, extra) = *LENGTH_BASES.get(place).ok_or(ProtocolError::DeflateCode)?;
    Ok((base + (bits & !(u64::MAX << extra)) as u16, extra.into()))
}

/// The same for a distance.
#[inline(always)]
pub(super) fn distance(bits: u64, symbol: u16) -> Result<(u16, u32), ProtocolError> {
    let (base, extra) = *DISTANCE_BASES.get(usize::from(symbol)).ok_or(ProtocolError::DeflateCode)?;
    Ok((base.wrapping_add((bits & !(u64::MAX << extra)) as u16), extra.into()))
}
