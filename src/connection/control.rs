//! The one slot for control frames: the reply that is due, and what is being gathered (RFC 6455 sections 5.5.1 to 5.5.3).
//!
//! A Ping that was received is the Pong that is due; its payload stays where it was gathered until the transmitter has sent
//! it. As long as it waits, the transmitter may be inside a data frame, whatever arrives in pieces is gathered behind it.

use crate::bytes::copy;
use crate::wire::error::ProtocolError;
use crate::wire::{CloseCode, CloseFrame, FrameHeader, MAX_CONTROL_PAYLOAD, Mask, Opcode};

/// A control payload, and behind it a whole header.
const SIZE: usize = MAX_CONTROL_PAYLOAD + FrameHeader::MAX_LEN;

#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct ControlSlot {
    due: Due,
    /// Where a header or a payload is gathered: behind the Pong that was due when this began.
    at: u8,
    /// How much of it was gathered so far.
    gathered: u8,
    bytes: [u8; SIZE],
}

/// The control frame that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Due {
    Nothing,
    /// A Pong whose payload is the first `len` bytes.
    Pong {
        len: u8,
    },
    /// A Close whose payload is this status code, if any.
    Close(Option<[u8; 2]>),
}

/// The reply to a control frame or to an error, as an owned value: what the reading half of a [split](crate::Connection::split)
/// connection passes to the writing half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct Reply {
    pub(super) opcode: Opcode,
    len: u8,
    payload: [u8; MAX_CONTROL_PAYLOAD],
}

impl Reply {
    /// Whether this is a Close. It replaces a Pong that still waits, and nothing follows it.
    pub fn is_close(&self) -> bool {
        self.opcode == Opcode::CLOSE
    }

    pub(super) fn payload(&self) -> &[u8] {
        self.payload.get(..self.len.into()).unwrap_or_default()
    }
}

impl ControlSlot {
    pub(super) const fn new() -> Self {
        Self { due: Due::Nothing, at: 0, gathered: 0, bytes: [0; SIZE] }
    }

    /// A header or a payload is going to be gathered. There is always room for a header.
    pub(super) fn begin(&mut self) {
        self.at = self.reserved();
        self.gathered = 0;
    }

    /// A control payload of this length is going to be gathered. Where it does not fit behind the Pong that is due, that one
    /// is given up for a newer Ping, which is answered in its place, and for a Close, behind which no Pong is wanted. Anything
    /// else displaces nothing and is kept as far as it fits.
    // RFC 6455 5.5.2, 5.5.3 [6455-5.5.3-2]
    pub(super) fn begin_payload(&mut self, opcode: Opcode, len: u8) {
        let fits = usize::from(self.reserved()) + usize::from(len) <= SIZE;
        if !fits && matches!(opcode, Opcode::PING | Opcode::CLOSE) {
            self.due = Due::Nothing;
        }
        self.begin();
    }

    /// A whole Ping, as it came: its Pong is due, in place of one that still waits.
    // RFC 6455 5.5.2, 5.5.3 [6455-5.5.2-2] [6455-5.5.3-1] [6455-5.5.3-2]
    pub(super) fn ping(&mut self, mut mask: Mask, payload: &[u8]) {
        if let Some(place) = self.bytes.get_mut(..payload.len()) {
            mask.copy(place, payload);
        }
        (self.at, self.gathered) = (0, payload.len() as u8);
        self.due = Due::Pong { len: self.gathered };
    }

    /// Bytes that the Pong that is due occupies.
    fn reserved(&self) -> u8 {
        if let Due::Pong { len } = self.due { len } else { 0 }
    }

    pub(super) fn gather(&mut self, bytes: &[u8]) {
        let start = usize::from(self.at) + usize::from(self.gathered);
        let copied = copy(self.bytes.get_mut(start..).unwrap_or_default(), bytes);
        self.gathered = self.gathered.wrapping_add(copied as u8); // at most SIZE
    }

    /// What was gathered last: a header, or a control payload.
    pub(super) fn gathered(&self) -> &[u8] {
        let start = usize::from(self.at);
        self.bytes.get(start..start + usize::from(self.gathered)).unwrap_or_default()
    }

    /// The gathered payload is that of a Ping: its Pong is due, in place of one that still waits.
    // RFC 6455 5.5.2, 5.5.3 [6455-5.5.2-2] [6455-5.5.3-1] [6455-5.5.3-2]
    pub(super) fn answer_ping(&mut self) {
        let start = usize::from(self.at);
        if start > 0 {
            for i in 0..usize::from(self.gathered) {
                let byte = self.bytes.get(start + i).copied().unwrap_or_default();
                if let Some(place) = self.bytes.get_mut(i) {
                    *place = byte;
                }
            }
            self.at = 0;
        }
        self.due = Due::Pong { len: self.gathered };
    }

    /// The gathered payload is that of a Close: a Close with the same status code is due, and Pongs are not any more.
    // RFC 6455 5.5.1, 5.5.2 [6455-5.5.1-7] [6455-5.5.2-2]
    pub(super) fn answer_close(&mut self, is_server: bool) -> Result<(), ProtocolError> {
        let close = CloseFrame::parse(self.gathered())?;
        self.due = Due::Close(close.map(|close| match close.code() {
            // RFC 6455 7.4.1: this one is the client's alone [6455-7.4.1-8]
            CloseCode::MANDATORY_EXTENSION if is_server => CloseCode::NORMAL.0.to_be_bytes(),
            code => code.0.to_be_bytes(),
        }));
        Ok(())
    }

    /// The status code of the Close that was gathered, if it has one. Behind a Close nothing else is gathered.
    pub(super) fn close_code(&self) -> Option<CloseCode> {
        self.gathered().first_chunk().map(|code| CloseCode(u16::from_be_bytes(*code)))
    }

    /// A Close with this status code is due.
    pub(super) fn close(&mut self, code: CloseCode) {
        self.due = Due::Close(Some(code.0.to_be_bytes()));
    }

    /// The opcode and the payload of the control frame that is due.
    pub(super) fn due(&self) -> Option<(Opcode, &[u8])> {
        match &self.due {
            Due::Nothing => None,
            Due::Pong { len } => Some((Opcode::PONG, self.bytes.get(..usize::from(*len)).unwrap_or_default())),
            Due::Close(code) => Some((Opcode::CLOSE, code.as_ref().map_or(&[], |code| code))),
        }
    }

    /// What was due is sent, or not wanted any more.
    pub(super) fn forget(&mut self) {
        self.due = Due::Nothing;
    }

    pub(super) fn take(&mut self) -> Option<Reply> {
        let (opcode, from) = self.due()?;
        let mut reply = Reply { opcode, len: 0, payload: [0; MAX_CONTROL_PAYLOAD] };
        reply.len = copy(&mut reply.payload, from) as u8; // at most MAX_CONTROL_PAYLOAD
        self.forget();
        Some(reply)
    }
}
