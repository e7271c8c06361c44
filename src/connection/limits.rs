//! How much a peer may send in one message (RFC 6455 section 10.4).

use crate::connection::Config;
use crate::wire::error::ProtocolError;

/// Apart from what else is known of a message, so that no byte of a connection is padding.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Limits {
    max_frame_size: u64,
    max_message_size: u64,
    /// Payload bytes that the message under way may still have.
    room: u64,
    max_fragments: u32,
    /// Frames that it may still have.
    fragments: u32,
}

impl Limits {
    pub(super) const fn new(config: &Config) -> Self {
        Self {
            max_frame_size: config.max_frame_size,
            max_message_size: config.max_message_size,
            room: 0,
            max_fragments: config.max_fragments,
            fragments: 0,
        }
    }

    /// Whether a message of this length may come in one frame.
    #[inline(always)]
    pub(super) const fn allow_unfragmented(&self, len: u64) -> bool {
        len <= self.max_frame_size && len <= self.max_message_size
    }

    #[inline(always)]
    pub(super) fn begin_message(&mut self) {
        self.room = self.max_message_size;
        self.fragments = self.max_fragments.max(1);
    }

    /// A data frame begins.
    // RFC 6455 10.4: known from the header, before a byte of the payload is seen [6455-10.4-1]
    #[inline(always)]
    pub(super) fn begin_frame(&mut self, payload_len: u64) -> Result<(), ProtocolError> {
        if payload_len > self.max_frame_size {
            return Err(ProtocolError::FrameTooBig);
        }
        self.room = self.room.checked_sub(payload_len).ok_or(ProtocolError::MessageTooBig)?;
        self.fragments = self.fragments.checked_sub(1).ok_or(ProtocolError::TooManyFragments)?;
        Ok(())
    }
}
