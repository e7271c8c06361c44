//! Sending: which frame may come next (RFC 6455 sections 5.2, 5.4 and 5.5.1).

use super::Config;
use crate::connection::event::MessageKind;
use crate::wire::error::SendError;
use crate::wire::{EncodedHeader, FrameHeader, Mask, Opcode, Rsv};

/// What was sent so far. The code is the same for both roles, so that a program with both has it once.
#[derive(Debug)]
pub(super) struct Sequence {
    pub(super) fragment_size: u32,
    extension_opcodes: u16,
    extension_rsv: Rsv,
    stage: Stage,
    /// The mask of the current frame. A server does not use it.
    pub(super) mask: Mask,
    /// Payload bytes of the current frame that are still to be sent.
    left: u64,
}

/// Where the next frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Between messages.
    Idle,
    /// Inside a message; the opcode of its first frame.
    Fragments(Opcode),
    /// After our Close frame.
    Closed,
}

impl Sequence {
    pub(super) const fn new(config: &Config) -> Self {
        Self {
            fragment_size: config.fragment_size,
            extension_opcodes: config.extension_opcodes,
            extension_rsv: config.extension_rsv,
            stage: Stage::Idle,
            mask: Mask::new([0; 4]),
            left: 0,
        }
    }

    /// Decides whether a data frame can be sent now. Returns its opcode: that of `kind`, or CONTINUATION inside a
    /// message of this kind.
    ///
    /// If several rules forbid the frame, the first of these decides the error:
    ///
    /// 1. Nothing follows our Close frame.
    /// 2. Inside a frame only its payload can be sent.
    /// 3. The kind and the reserved bits are those of RFC 6455 or of a negotiated extension.
    /// 4. Inside a message only its own frames can be sent, and control frames.
    #[inline]
    pub(super) fn next_opcode(&self, kind: MessageKind, rsv: Rsv) -> Result<Opcode, SendError> {
        let opcode = kind.opcode();
        let by_stage = match self.stage {
            Stage::Idle => Ok(opcode),
            // RFC 6455 5.4: fragments after the first are continuations [6455-5.4-2]
            Stage::Fragments(first) if first == opcode => Ok(Opcode::CONTINUATION),
            _ => Err(SendError::MessageInProgress),
        };
        self.check_data(kind, rsv)?;
        by_stage
    }

    /// The rules 1 to 3 of [`next_opcode`](Self::next_opcode).
    fn check_data(&self, kind: MessageKind, rsv: Rsv) -> Result<(), SendError> {
        self.check_between_frames()?;
        if let MessageKind::Extension(_) = kind {
            if kind.opcode().is_control() {
                return Err(SendError::Reserved);
            }
            self.check_extension(kind.opcode())?;
        }
        // RFC 6455 5.2: no reserved bit without an extension [6455-5.2-2]
        if self.extension_rsv.contains(rsv) { Ok(()) } else { Err(SendError::Reserved) }
    }

    /// The rules 1 and 2, which bind control frames, too.
    #[inline]
    pub(super) fn check_between_frames(&self) -> Result<(), SendError> {
        // RFC 6455 5.1, 5.5.1: nothing after a Close [6455-5.5.1-6]
        if self.close_sent() {
            return Err(SendError::Closing);
        }
        if self.left > 0 { Err(SendError::FrameInProgress) } else { Ok(()) }
    }

    /// Fails unless a negotiated extension defines this opcode.
    // RFC 6455 5.2: no reserved opcode without an extension [6455-5.2-4]
    pub(super) fn check_extension(&self, opcode: Opcode) -> Result<(), SendError> {
        let is_defined = opcode.is_reserved() && opcode.is_defined(self.extension_opcodes);
        if is_defined { Ok(()) } else { Err(SendError::Reserved) }
    }

    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    pub(super) const fn close_sent(&self) -> bool {
        matches!(self.stage, Stage::Closed)
    }

    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// Begins a data frame whose payload the host sends, and returns its header.
    #[inline(always)]
    pub(super) fn begin(&mut self, kind: MessageKind, header: FrameHeader) -> EncodedHeader {
        self.data_frame_sent(kind, header.fin);
        self.mask = Mask::new(header.masking_key.unwrap_or_default());
        self.left = header.payload_len;
        header.encode()
    }

    /// Notes that a data frame is complete, or that its payload follows.
    pub(super) fn data_frame_sent(&mut self, kind: MessageKind, fin: bool) {
        self.stage = if fin { Stage::Idle } else { Stage::Fragments(kind.opcode()) };
    }

    /// Notes that our Close frame was sent.
    pub(super) fn set_close_sent(&mut self) {
        self.stage = Stage::Closed;
    }

    /// Counts payload of the current frame.
    #[inline]
    pub(super) fn count(&mut self, len: usize) -> Result<(), SendError> {
        self.left = self.left.checked_sub(len as u64).ok_or(SendError::PayloadTooLong)?;
        Ok(())
    }
}
