//! How much a peer may send in one message (RFC 6455 section 10.4).

use super::config::Config;
use crate::wire::error::ProtocolError;

/// A separate struct, so that a connection has no padding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    max_frame_size: u64,
    max_message_size: u64,
    /// Payload bytes that the open message may still have.
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

    /// Begins a message.
    #[inline(always)]
    pub(super) fn begin_message(&mut self) {
        self.room = self.max_message_size;
        self.fragments = self.max_fragments.max(1);
    }

    /// Begins a data frame with `len` bytes of payload.
    // RFC 6455 10.4: known from the header, before a byte of the payload is seen [6455-10.4-1]
    #[inline(always)]
    pub(super) fn begin_frame(&mut self, len: u64) -> Result<(), ProtocolError> {
        self.announce(len)?;
        self.fragments = self.fragments.checked_sub(1).ok_or(ProtocolError::TooManyFragments)?;
        Ok(())
    }

    /// Reserves room for payload that follows: of a whole frame, or the next piece of one whose length is not known.
    #[inline(always)]
    pub(super) fn announce(&mut self, len: u64) -> Result<(), ProtocolError> {
        if len > self.max_frame_size {
            return Err(ProtocolError::FrameTooBig);
        }
        self.room = self.room.checked_sub(len).ok_or(ProtocolError::MessageTooBig)?;
        Ok(())
    }
}
