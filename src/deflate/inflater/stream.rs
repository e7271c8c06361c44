//! The decoder of DEFLATE blocks (RFC 1951) in messages (RFC 7692 section 7.2.2).
//!
//! The input can be split anywhere, and the room for the output can have any size. Each call continues where the last
//! one stopped. In builds for speed, `fast` decodes most symbols. The slow path decodes one symbol at a time near the
//! end of the input or of the room.

use super::bits::Bits;
use super::codes::{Codes, Symbol};
use super::fast;
use super::lengths::Lengths;
use super::output::Output;
use crate::deflate::rfc1951::{DYNAMIC, EMPTY, FIXED, MAX_DISTANCE, STORED};
use crate::deflate::window::Window;
use crate::target::FAST;
use crate::wire::error::ProtocolError;

/// The next item in the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Step {
    /// The header of a block.
    Header,
    /// The length of a stored block.
    StoredLength,
    /// This many bytes of a stored block.
    Stored(u16),
    /// In a dynamic block: the numbers of lengths that follow.
    Counts,
    /// In a dynamic block: the lengths of the code for lengths, from number `next` to `count`.
    CodeLengths { next: u8, count: u8 },
    /// In a dynamic block: the lengths of the codes, from this symbol.
    Lengths(u16),
    /// A literal, a match, or the end of the block.
    Symbol,
    /// The rest of a match.
    Match { left: u16, distance: u16 },
    /// Nothing: the message has ended, or there was an error.
    Over(Result<(), ProtocolError>),
}

/// What decoding needs to continue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    Input,
    Room,
}

/// A decoder, without the bytes of its window.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Stream {
    bits: Bits,
    codes: Codes,
    lengths: Lengths,
    window: Window,
    step: Step,
    /// Whether the block is the last of a DEFLATE stream. Another stream can follow.
    last_block: bool,
    /// How many bytes of [`EMPTY`] were read. A receiver appends `EMPTY` to each message (RFC 7692 section 7.2.2).
    tail: u8,
}

/// The result of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Inflated {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// Whether the room is full and there is more to write. If not, all input was consumed.
    pub(super) more: bool,
}

impl Stream {
    pub(super) const fn new() -> Self {
        Self {
            bits: Bits::new(),
            codes: Codes::new(),
            lengths: Lengths::new(),
            window: Window::new(),
            step: Step::Over(Ok(())),
            last_block: false,
            tail: 0,
        }
    }

    /// Begins a message. Empties the window unless it is `taken_over`.
    pub(super) fn begin(&mut self, taken_over: bool) {
        if !taken_over {
            self.window.forget();
        }
        if !matches!(self.step, Step::Over(Err(_))) {
            self.step = Step::Header;
        }
        self.last_block = false;
        self.tail = 0;
    }

    /// Returns the error, if there was one.
    pub(super) fn outcome(&self) -> Result<(), ProtocolError> {
        if let Step::Over(outcome) = self.step { outcome } else { Ok(()) }
    }

    /// Ends decoding.
    pub(super) fn fail(&mut self, error: ProtocolError) {
        self.step = Step::Over(Err(error));
    }

    /// Decodes as much of `input` as there is room for. With `last`, the input ends the message.
    pub(super) fn inflate(
        &mut self,
        ring: &mut [u8],
        input: &[u8],
        room: &mut [u8],
        last: bool,
    ) -> Result<Inflated, ProtocolError> {
        // RFC 7692 7.2.1: no window is longer [7692-7.2.1-7]
        let len = ring.len().min(MAX_DISTANCE);
        let ring = ring.get_mut(..len).unwrap_or_else(|| never!(Default::default()));
        let mut rest = input;
        let mut output = Output { window: self.window, ring, room: &mut *room, produced: 0 };
        let more = self.message(&mut rest, &mut output, last).inspect_err(|error| self.fail(*error))?;
        let produced = output.produced;
        self.window.remember(ring, room.get(..produced).unwrap_or_else(|| never!(Default::default())));
        Ok(Inflated { consumed: input.len().wrapping_sub(rest.len()), produced, more })
    }

    /// Decodes, and returns whether there is more to write than fits the room.
    fn message(&mut self, input: &mut &[u8], output: &mut Output<'_>, last: bool) -> Result<bool, ProtocolError> {
        if self.blocks(input, output)? == Need::Room {
            return Ok(true);
        }
        if !last {
            return Ok(false);
        }
        // RFC 7692 7.2.2 [7692-7.2.2-1]. A message that ends with a last block can lack the empty block after it. It is
        // complete without that block.
        if !(self.is_between_blocks() && self.last_block) {
            let mut tail = EMPTY.get(self.tail.into()..).unwrap_or_else(|| never!(Default::default()));
            let need = self.blocks(&mut tail, output)?;
            self.tail = EMPTY.len().wrapping_sub(tail.len()) as u8;
            if need == Need::Room {
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
        matches!(self.step, Step::Header) && self.bits.count() == 0
    }

    /// Decodes up to the end of the input or of the room, and returns which of them ended.
    fn blocks(&mut self, input: &mut &[u8], output: &mut Output<'_>) -> Result<Need, ProtocolError> {
        loop {
            if !matches!(self.step, Step::Stored(_)) {
                self.bits.refill(input);
            }
            let need = match self.step {
                Step::Over(outcome) => return outcome.map(|()| Need::Input),
                Step::Header => self.header()?,
                Step::StoredLength => self.stored_length()?,
                Step::Stored(left) => self.stored(left, input, output),
                Step::Counts => self.counts()?,
                Step::CodeLengths { next, count } => self.code_lengths(next, count)?,
                Step::Lengths(n) => self.lengths(n)?,
                Step::Symbol => self.symbol(input, output)?,
                Step::Match { left, distance } => self.copy_match(left, distance, output),
            };
            if need != Need::Nothing {
                return Ok(need);
            }
        }
    }

    /// Reads the header of a block. There can be several blocks, of any type.
    // RFC 1951 3.2.3 [7692-7.2.3-1]
    fn header(&mut self) -> Result<Need, ProtocolError> {
        let Some(header) = self.bits.take(3) else { return Ok(Need::Input) };
        self.last_block = header & 1 != 0;
        self.step = match header >> 1 {
            STORED => {
                self.bits.align(); // RFC 1951 3.2.4
                Step::StoredLength
            }
            FIXED => {
                self.codes.build_fixed(self.lengths.scratch());
                Step::Symbol
            }
            DYNAMIC => Step::Counts,
            _ => return Err(ProtocolError::DeflateBlockType),
        };
        Ok(Need::Nothing)
    }

    const fn end_block(&mut self) {
        if self.last_block {
            self.bits.align(); // RFC 7692 7.2.1: the next block begins at a whole byte [7692-7.2.1-5]
        }
        self.step = Step::Header;
    }

    fn stored_length(&mut self) -> Result<Need, ProtocolError> {
        let Some(length) = self.bits.take(32) else { return Ok(Need::Input) };
        if length as u16 != !(length >> 16) as u16 {
            return Err(ProtocolError::DeflateStoredLength);
        }
        self.step = Step::Stored(length as u16);
        Ok(Need::Nothing)
    }

    /// Copies bytes of a stored block. The first of them can be in `bits` already.
    fn stored(&mut self, left: u16, input: &mut &[u8], output: &mut Output<'_>) -> Need {
        if left == 0 {
            self.end_block();
            return Need::Nothing;
        }
        let copied = if self.bits.count() > 0 {
            let mut copied = 0;
            while copied < left && self.bits.count() > 0 && output.push(self.bits.peek() as u8) {
                self.bits.use_up(8);
                copied += 1;
            }
            copied
        } else {
            let copied = output.extend(input, left);
            *input = input.get(copied..).unwrap_or_else(|| never!(Default::default()));
            copied as u16
        };
        self.step = Step::Stored(left.wrapping_sub(copied));
        match copied {
            0 if self.bits.count() > 0 || !input.is_empty() => Need::Room,
            0 => Need::Input,
            _ => Need::Nothing,
        }
    }

    fn counts(&mut self) -> Result<Need, ProtocolError> {
        let Some(counts) = self.bits.take(14) else { return Ok(Need::Input) };
        let count = self.lengths.begin(counts)?;
        self.step = Step::CodeLengths { next: 0, count };
        Ok(Need::Nothing)
    }

    fn code_lengths(&mut self, next: u8, count: u8) -> Result<Need, ProtocolError> {
        if next == count {
            self.lengths.build_code_lengths(&mut self.codes)?;
            self.step = Step::Lengths(0);
            return Ok(Need::Nothing);
        }
        let Some(length) = self.bits.take(3) else { return Ok(Need::Input) };
        self.lengths.set_code_length(next, length as u8);
        self.step = Step::CodeLengths { next: next + 1, count };
        Ok(Need::Nothing)
    }

    fn lengths(&mut self, n: u16) -> Result<Need, ProtocolError> {
        if n == self.lengths.count() {
            self.lengths.build(&mut self.codes)?;
            self.step = Step::Symbol;
            return Ok(Need::Nothing);
        }
        let Some(times) = self.lengths.read(n, &self.codes, &mut self.bits)? else { return Ok(Need::Input) };
        self.step = Step::Lengths(n + times);
        Ok(Need::Nothing)
    }

    /// Decodes symbols with `fast`, and then the next symbol.
    #[inline]
    fn symbol(&mut self, input: &mut &[u8], output: &mut Output<'_>) -> Result<Need, ProtocolError> {
        if FAST && input.len() >= 8 && output.room.len().wrapping_sub(output.produced) >= fast::ROOM {
            fast::symbols(&self.codes, &mut self.bits, input, output)?;
        }
        let Some((symbol, bits)) = self.codes.decode(&self.bits)? else {
            // `fast` can leave fewer bits than the input has.
            return Ok(if input.is_empty() { Need::Input } else { Need::Nothing });
        };
        match symbol {
            Symbol::Literal(byte) => {
                if !output.push(byte) {
                    return Ok(Need::Room);
                }
                self.bits.use_up(bits);
            }
            Symbol::EndOfBlock => {
                self.bits.use_up(bits);
                self.end_block();
            }
            Symbol::Match { length, distance } => {
                output.check(distance)?;
                self.bits.use_up(bits);
                self.step = Step::Match { left: length, distance };
            }
        }
        Ok(Need::Nothing)
    }

    fn copy_match(&mut self, left: u16, distance: u16, output: &mut Output<'_>) -> Need {
        let copied = output.copy_match(left, distance);
        if copied < left {
            self.step = Step::Match { left: left - copied, distance };
            return Need::Room;
        }
        self.step = Step::Symbol;
        Need::Nothing
    }
}
