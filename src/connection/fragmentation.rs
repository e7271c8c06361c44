//! The data message under way: what may continue it, how long it may get, and whether it is text (RFC 6455 sections 5.4, 5.6,
//! 8.1 and 10.4). It stores no payload.

use crate::ProtocolError;
use crate::connection::{Config, MessageKind};
use crate::wire::{Mask, Opcode, Utf8Validator};

#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Fragmentation {
    max_frame_size: u64,
    max_message_size: u64,
    max_fragments: u32,
    /// Frames that the message may still have.
    fragments: u32,
    /// Payload bytes that it may still have.
    room: u64,
    /// A message is under way, of this kind.
    open: bool,
    kind: MessageKind,
    /// A chunk of it was handed out.
    begun: bool,
    /// It is text in the clear, and checked for UTF-8.
    checked: bool,
    /// Complete between messages, so that it needs no reset.
    utf8: Utf8Validator,
}

impl Fragmentation {
    pub(super) const fn new(config: &Config) -> Self {
        Self {
            max_frame_size: config.max_frame_size,
            max_message_size: config.max_message_size,
            max_fragments: config.max_fragments,
            fragments: 0,
            room: 0,
            open: false,
            kind: MessageKind::Binary,
            begun: false,
            checked: false,
            utf8: Utf8Validator::new(),
        }
    }

    /// Whether a message is under way.
    pub(super) const fn is_open(&self) -> bool {
        self.open
    }

    /// Whether a message of this length may come in one frame.
    #[inline(always)]
    pub(super) const fn allows_unfragmented(&self, len: u64) -> bool {
        len <= self.max_frame_size && len <= self.max_message_size
    }

    /// A data frame begins.
    #[inline(always)]
    pub(super) fn begin_frame(&mut self, opcode: Opcode, rsv: u8, payload_len: u64) -> Result<(), ProtocolError> {
        match (opcode, self.open) {
            // RFC 6455 5.4 [6455-5.4-2]
            (Opcode::CONTINUATION, false) => return Err(ProtocolError::UnexpectedContinuation),
            (Opcode::CONTINUATION, true) => {}
            // RFC 6455 5.4: messages are not interleaved [6455-5.4-2] [6455-5.4-7]
            (_, true) => return Err(ProtocolError::ExpectedContinuation),
            // RFC 6455 5.4: the type of the message is that of its first frame [6455-5.4-1] [6455-5.4-15] [6455-6.2-3]
            (_, false) => {
                self.open = true;
                self.kind = MessageKind::of(opcode);
                self.begun = false;
                self.checked = opcode == Opcode::TEXT && rsv == 0;
                self.room = self.max_message_size;
                self.fragments = self.max_fragments.max(1);
            }
        }
        // RFC 6455 10.4: known from the header, before a byte of the payload is seen [6455-10.4-1]
        if payload_len > self.max_frame_size {
            return Err(ProtocolError::FrameTooBig);
        }
        self.room = self.room.checked_sub(payload_len).ok_or(ProtocolError::MessageTooBig)?;
        self.fragments = self.fragments.checked_sub(1).ok_or(ProtocolError::TooManyFragments)?;
        Ok(())
    }

    /// Unmasks the next piece of payload, and checks it if it is text.
    #[inline(always)]
    pub(super) fn payload(&mut self, mask: &mut Mask, part: &mut [u8], is_server: bool) -> Result<(), ProtocolError> {
        if self.checked {
            return unmask_text(&mut self.utf8, mask, part, is_server);
        }
        if is_server {
            mask.apply(part); // RFC 6455 5.6, 6.2: and nothing else is done to it [6455-5.6-2] [6455-6.2-7]
        }
        Ok(())
    }

    /// The message is complete.
    pub(super) fn end(&mut self) -> Result<(), ProtocolError> {
        // RFC 6455 5.6: the message as a whole is UTF-8, a frame need not be [6455-5.6-1]
        if self.checked {
            self.utf8.finish()?;
        }
        self.open = false; // RFC 6455 6.2: the next data frame begins a new message [6455-6.2-4]
        Ok(())
    }

    /// A chunk is handed out: the kind of its message, and whether it is the first.
    pub(super) fn chunk(&mut self) -> (MessageKind, bool) {
        (self.kind, !core::mem::replace(&mut self.begun, true))
    }
}

/// Unmasks and checks in blocks that stay in the first-level cache, where there is one to speak of.
#[inline(never)]
fn unmask_text(
    utf8: &mut Utf8Validator,
    mask: &mut Mask,
    part: &mut [u8],
    is_server: bool,
) -> Result<(), ProtocolError> {
    const BLOCK: usize = if cfg!(target_pointer_width = "64") { 8192 } else { usize::MAX };
    for block in part.chunks_mut(BLOCK) {
        let ascii = if is_server { mask.apply_is_ascii(block) } else { block.is_ascii() };
        if ascii {
            utf8.push_ascii()?;
        } else {
            utf8.push(block)?;
        }
    }
    Ok(())
}
