//! The data message under way: what may continue it, and whether it is text (RFC 6455 sections 5.4, 5.6 and 8.1). It
//! stores no payload; how long it may get is for [`limits`](super::limits).

use crate::connection::MessageKind;
use crate::connection::limits::Limits;
use crate::wire::error::ProtocolError;
use crate::wire::{Mask, Opcode, Utf8Validator};

#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Fragmentation {
    /// The reserved bits and the opcode of the message under way, as in its first byte; 0 between messages.
    message: u8,
    /// A chunk of it was handed out.
    begun: bool,
    /// Complete between messages, so that it needs no reset.
    utf8: Utf8Validator,
}

impl Fragmentation {
    pub(super) const fn new() -> Self {
        Self { message: 0, begun: false, utf8: Utf8Validator::new() }
    }

    /// Whether a message is under way.
    pub(super) const fn is_open(&self) -> bool {
        self.message != 0 // an opcode of 0 begins none
    }

    /// It is text in the clear, and checked for UTF-8.
    const fn is_checked(&self) -> bool {
        self.message == Opcode::TEXT.bits()
    }

    /// A data frame begins.
    #[inline(always)]
    pub(super) fn begin_frame(&mut self, opcode: Opcode, rsv: u8, limits: &mut Limits) -> Result<(), ProtocolError> {
        match (opcode, self.is_open()) {
            // RFC 6455 5.4 [6455-5.4-2]
            (Opcode::CONTINUATION, false) => return Err(ProtocolError::UnexpectedContinuation),
            (Opcode::CONTINUATION, true) => {}
            // RFC 6455 5.4: messages are not interleaved [6455-5.4-2] [6455-5.4-7]
            (_, true) => return Err(ProtocolError::ExpectedContinuation),
            // RFC 6455 5.4: the type of the message is that of its first frame [6455-5.4-1] [6455-5.4-15] [6455-6.2-3]
            (_, false) => {
                self.message = rsv << 4 | opcode.bits();
                self.begun = false;
                limits.begin_message();
            }
        }
        Ok(())
    }

    /// Unmasks the next piece of payload, and checks it if it is text.
    #[inline(always)]
    pub(super) fn payload(&mut self, mask: &mut Mask, part: &mut [u8], is_server: bool) -> Result<(), ProtocolError> {
        if !self.is_checked() {
            if is_server {
                mask.apply(part); // RFC 6455 5.6, 6.2: and nothing else is done to it [6455-5.6-2] [6455-6.2-7]
            }
            return Ok(());
        }
        if cfg!(target_pointer_width = "64") && part.len() > BLOCK {
            return unmask_long_text(&mut self.utf8, mask, part, is_server);
        }
        unmask_text(&mut self.utf8, mask, part, is_server)
    }

    /// A chunk is handed out: the kind of its message, and whether it is the first.
    #[inline(always)]
    pub(super) fn chunk(&mut self, last: bool) -> Result<(MessageKind, bool), ProtocolError> {
        let kind = MessageKind::of(Opcode::from_bits(self.message));
        if last {
            // RFC 6455 5.6: the message as a whole is UTF-8, a frame need not be [6455-5.6-1]
            if self.is_checked() {
                self.utf8.finish()?;
            }
            self.message = 0; // RFC 6455 6.2: the next data frame begins a new message [6455-6.2-4]
        }
        Ok((kind, !core::mem::replace(&mut self.begun, true)))
    }
}

/// What stays in the first-level cache, where there is one to speak of.
const BLOCK: usize = 8192;

/// In blocks, so that what was unmasked is checked while it is in the cache.
#[inline(never)]
fn unmask_long_text(
    utf8: &mut Utf8Validator,
    mask: &mut Mask,
    part: &mut [u8],
    is_server: bool,
) -> Result<(), ProtocolError> {
    part.chunks_mut(BLOCK).try_for_each(|block| unmask_text(utf8, mask, block, is_server))
}

/// Unmasks text, and checks it unless unmasking has shown that it is ASCII.
#[cfg_attr(target_pointer_width = "64", inline(always))]
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
fn unmask_text(
    utf8: &mut Utf8Validator,
    mask: &mut Mask,
    part: &mut [u8],
    is_server: bool,
) -> Result<(), ProtocolError> {
    let ascii = if is_server { mask.apply_is_ascii(part) } else { part.is_ascii() };
    match () {
        () if part.is_empty() => Ok(()),
        () if ascii => utf8.push_ascii(),
        () => utf8.push(part),
    }
}
