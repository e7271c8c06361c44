//! The open data message: which frames may continue it, and whether it is text (RFC 6455 sections 5.4, 5.6 and 8.1). It
//! stores no payload. How long a message may get is decided in [`limits`](super::limits).

use super::event::{Chunk, MessageKind};
use super::limits::Limits;
use crate::target::FAST;
use crate::wire::error::ProtocolError;
use crate::wire::{FirstByte, Mask, Opcode, Rsv, Utf8Validator};

/// Which message is open, and how much of it the host has.
#[derive(Debug)]
pub(super) struct Fragmentation {
    message: Current,
    /// The host has the first chunk of the open message.
    has_chunk: bool,
}

/// What is known of the open message from its first frame.
#[derive(Debug)]
enum Current {
    /// No message is open.
    None,
    /// Text, checked so far.
    Text(Utf8Validator),
    /// Text whose first frame has a reserved bit set. Only the extension knows its bytes, so it is not checked.
    ExtendedText,
    Binary,
    /// A message of an extension's opcode.
    Extension(Opcode),
}

impl Fragmentation {
    /// Between messages.
    pub(super) const fn new() -> Self {
        Self { message: Current::None, has_chunk: false }
    }

    /// Whether a message is open.
    #[inline(always)]
    pub(super) const fn is_in_message(&self) -> bool {
        !matches!(self.message, Current::None)
    }

    /// Whether a data frame may come here, as far as its first byte says.
    #[inline(always)]
    pub(super) fn check_place(&self, first: FirstByte) -> Result<(), ProtocolError> {
        match (first.opcode(), self.is_in_message()) {
            // RFC 6455 5.4 [6455-5.4-2]
            (Opcode::CONTINUATION, false) => Err(ProtocolError::UnexpectedContinuation),
            (Opcode::CONTINUATION, true) | (_, false) => Ok(()),
            // RFC 6455 5.4: messages are not interleaved [6455-5.4-2] [6455-5.4-7]
            (_, true) => Err(ProtocolError::ExpectedContinuation),
        }
    }

    /// Begins a data frame with `len` bytes of payload.
    #[inline(always)]
    pub(super) fn begin_frame(&mut self, first: FirstByte, len: u64, limits: &mut Limits) -> Result<(), ProtocolError> {
        self.check_place(first)?;
        // RFC 6455 5.4: the type of the message is that of its first frame [6455-5.4-1] [6455-5.4-15] [6455-6.2-3]
        if !self.is_in_message() {
            self.message = match first.opcode() {
                Opcode::TEXT if first.rsv().is_empty() => Current::Text(Utf8Validator::new()),
                Opcode::TEXT => Current::ExtendedText,
                Opcode::BINARY => Current::Binary,
                opcode => Current::Extension(opcode),
            };
            self.has_chunk = false;
            limits.begin_message();
        }
        limits.begin_frame(len)
    }

    /// Unmasks the next piece of payload and checks it if it is text.
    #[inline(always)]
    pub(super) fn payload(&mut self, part: &mut [u8], mask: Option<&mut Mask>) -> Result<(), ProtocolError> {
        match &mut self.message {
            // mutant: replace match guard FAST && part.len() > BLOCK with true, false: only the speed differs
            // mutant: replace && with ||; replace > with ==, <, >=: only the speed differs
            Current::Text(utf8) if FAST && part.len() > BLOCK => unmask_long_text(part, mask, utf8),
            Current::Text(utf8) => unmask(part, mask, Mask::apply_is_ascii, Some(utf8)),
            _ => unmask(part, mask, Mask::apply_is_ascii, None),
        }
    }

    /// The next chunk of the message.
    #[inline(always)]
    pub(super) fn chunk<'b>(
        &mut self,
        payload: &'b mut [u8],
        rsv: Rsv,
        last: bool,
    ) -> Result<Option<Chunk<'b>>, ProtocolError> {
        let kind = match &self.message {
            Current::Extension(opcode) => MessageKind::Extension(*opcode),
            Current::Binary => MessageKind::Binary,
            _ => MessageKind::Text,
        };
        if last {
            // RFC 6455 5.6: the message as a whole is UTF-8, a frame need not be [6455-5.6-1]
            if let Current::Text(utf8) = &self.message {
                utf8.finish()?;
            }
            self.message = Current::None; // RFC 6455 6.2: the next data frame begins a new message [6455-6.2-4]
        }
        Ok(Chunk::next(&mut self.has_chunk, kind, rsv, last, payload))
    }
}

/// A block size that fits the first-level cache.
const BLOCK: usize = 8192;

/// A message in one frame.
#[inline(always)]
pub(super) fn whole_chunk<'b>(
    kind: MessageKind,
    payload: &'b mut [u8],
    mask: Option<&mut Mask>,
) -> Result<Chunk<'b>, ProtocolError> {
    let mut utf8 = Utf8Validator::new();
    unmask(payload, mask, Mask::apply_inline, if kind == MessageKind::Text { Some(&mut utf8) } else { None })?;
    utf8.finish()?;
    Ok(Chunk::whole(kind, payload))
}

/// In blocks, so that text is checked while it is in the cache.
#[inline(never)]
fn unmask_long_text(
    part: &mut [u8],
    mut mask: Option<&mut Mask>,
    utf8: &mut Utf8Validator,
) -> Result<(), ProtocolError> {
    part.chunks_mut(BLOCK).try_for_each(|block| unmask(block, mask.as_deref_mut(), Mask::apply_is_ascii, Some(utf8)))
}

/// Unmasks a piece of payload by `apply`. If it is text, checks it, unless unmasking has shown that it is ASCII.
/// Nothing else is done to other data.
// RFC 6455 5.3, 5.6, 6.2, 8.1 [6455-5.3-5] [6455-5.6-1] [6455-5.6-2] [6455-6.2-7] [6455-8.1-1]
#[inline(always)]
fn unmask(
    part: &mut [u8],
    mask: Option<&mut Mask>,
    apply: fn(&mut Mask, &mut [u8]) -> bool,
    text: Option<&mut Utf8Validator>,
) -> Result<(), ProtocolError> {
    let is_ascii = match mask {
        Some(mask) => apply(mask, part),
        None => text.is_some() && part.is_ascii(),
    };
    match (is_ascii, text) {
        // mutant: replace match guard FAST with true, false: only the speed differs
        (false, Some(utf8)) if FAST => *utf8 = check(*utf8, part)?,
        // mutant: delete match arm (false, Some(utf8)): not reached on 64-bit targets
        (false, Some(utf8)) => utf8.push(part)?,
        (true, Some(utf8)) if !part.is_empty() => utf8.push_ascii()?,
        _ => {}
    }
    Ok(())
}

/// Checks a piece of text that is not all ASCII. By value, so that a validator can stay in a register.
#[inline(never)]
fn check(mut utf8: Utf8Validator, text: &[u8]) -> Result<Utf8Validator, ProtocolError> {
    utf8.push(text)?;
    Ok(utf8)
}
