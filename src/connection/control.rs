//! The one slot for control frames: the reply that is due, and what is being collected (RFC 6455 sections 5.5.1 to
//! 5.5.3).
//!
//! A received Ping's payload stays in the slot as the pending Pong, until the transmitter has sent it. Headers and
//! control payloads that arrive in pieces while it is pending are collected after it:
//!
//! ```text
//! 0                 at                      at + collected                139
//! +-----------------+-----------------------+------------------------------+
//! | pending Pong:   | a header (at most 14  |                              |
//! | up to 125 bytes | bytes) or a control   |             free             |
//! |                 | payload (up to 125)   |                              |
//! +-----------------+-----------------------+------------------------------+
//! ```
//!
//! `at` is 0 if no Pong is pending. It is also 0 once a Ping is complete: its payload is then the pending Pong. A
//! header always fits. If a payload does not, a Ping or a Close discards the pending Pong, and others are cut short.

use crate::bytes::copy;
use crate::role::Side;
use crate::wire::error::ProtocolError;
use crate::wire::{CloseCode, CloseFrame, FrameHeader, MAX_CONTROL_PAYLOAD, Opcode};

/// A control payload and a whole header.
const SIZE: usize = MAX_CONTROL_PAYLOAD + FrameHeader::MAX_LEN;

#[derive(Debug)]
pub(super) struct ControlSlot {
    due: Due,
    /// Start of the header or payload being collected, after any Pong that was pending when it began.
    at: u8,
    /// How much of it has arrived, including what does not fit.
    collected: u8,
    bytes: [u8; SIZE],
}

/// The control frame that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Due {
    Nothing,
    /// A Pong whose payload is the first `len` bytes.
    Pong {
        len: u8,
    },
    /// A Close whose payload is this status code, if any.
    Close(Option<[u8; 2]>),
}

/// The reply to a control frame or to an error, as an owned value: what the reading half of a
/// [split](crate::Connection::split) connection passes to the writing half.
///
/// A newer reply can replace one that the writing half has not sent. So a single slot is enough:
///
/// ```
/// let (mut receiver, _transmitter) = barews::Connection::new(barews::Server, &Default::default()).split();
/// let mut slot = None; // the host shares it with the writing task
/// let mut read = *b"\x89\x81\0\0\0\0a\x88\x80\0\0\0\0"; // a Ping and a Close
/// let mut rest = &mut read[..];
/// while let got = receiver.receive(rest)?
///     && got.event.is_some()
/// {
///     rest = got.rest;
///     slot = receiver.take_reply().or(slot);
/// }
/// assert!(slot.is_some_and(|reply| reply.is_close()));
/// # Ok::<(), barews::ProtocolError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct Reply {
    pub(super) opcode: Opcode,
    len: u8,
    payload: [u8; MAX_CONTROL_PAYLOAD],
}

impl Reply {
    /// Whether this is a Close. It replaces a pending Pong, and nothing follows it.
    #[must_use]
    pub fn is_close(&self) -> bool {
        self.opcode == Opcode::CLOSE
    }

    pub(super) fn payload(&self) -> &[u8] {
        self.payload.get(..self.len.into()).unwrap_or_else(|| never!(&[]))
    }
}

impl ControlSlot {
    pub(super) const fn new() -> Self {
        Self { due: Due::Nothing, at: 0, collected: 0, bytes: [0; SIZE] }
    }

    /// Begins to collect a header.
    pub(super) fn begin(&mut self) {
        self.at = self.pending();
        self.collected = 0;
    }

    /// Begins to collect a control payload of this length. If it does not fit after the pending Pong, a Ping or a Close
    /// discards that: a newer Ping supersedes it, and nothing follows a Close.
    // RFC 6455 5.5.2, 5.5.3: only the newest Ping needs a Pong
    pub(super) fn begin_payload(&mut self, opcode: Opcode, len: u8) {
        let fits = usize::from(self.pending()) + usize::from(len) <= SIZE;
        if !fits && matches!(opcode, Opcode::PING | Opcode::CLOSE) {
            self.due = Due::Nothing;
        }
        self.begin();
    }

    /// The length of the pending Pong.
    fn pending(&self) -> u8 {
        if let Due::Pong { len } = self.due { len } else { 0 }
    }

    /// Returns the place of the next `len` bytes that are collected, or of those that fit.
    #[inline(always)]
    pub(super) fn place(&mut self, len: usize) -> &mut [u8] {
        let start = self.end();
        self.collected = self.collected.wrapping_add(len as u8); // at most MAX_CONTROL_PAYLOAD
        let end = self.end();
        self.bytes.get_mut(start..end).unwrap_or_else(|| never!(&mut []))
    }

    /// The end of what was collected.
    #[inline(always)]
    fn end(&self) -> usize {
        SIZE.min(usize::from(self.at) + usize::from(self.collected))
    }

    /// Whether what was collected is cut short.
    pub(super) fn is_cut(&self) -> bool {
        usize::from(self.at) + usize::from(self.collected) > SIZE
    }

    /// Collects as much as fits.
    pub(super) fn collect(&mut self, bytes: &[u8]) {
        copy(self.place(bytes.len()), bytes);
    }

    /// What was collected last: a header, or a control payload.
    pub(super) fn collected(&self) -> &[u8] {
        self.bytes.get(self.at.into()..self.end()).unwrap_or_else(|| never!(&[]))
    }

    /// Answers a Ping whose payload was collected: its Pong is due, in place of one that is pending.
    // RFC 6455 5.5.2, 5.5.3 [6455-5.5.2-2] [6455-5.5.3-1]
    pub(super) fn answer_ping(&mut self) {
        let start = usize::from(self.at);
        // mutant: replace > with >=: a payload in its place is moved onto itself
        if start > 0 {
            for i in 0..usize::from(self.collected) {
                let byte = self.bytes.get(start + i).copied().unwrap_or_else(|| never!(0));
                match self.bytes.get_mut(i) {
                    Some(place) => *place = byte,
                    None => never!(),
                }
            }
            self.at = 0;
        }
        self.due = Due::Pong { len: self.collected };
    }

    /// Answers a Close whose payload was collected: a Close with the same status code is due, instead of a Pong.
    // RFC 6455 5.5.1, 5.5.2 [6455-5.5.1-7] [6455-5.5.2-2]
    pub(super) fn answer_close(&mut self, side: Side) -> Result<(), ProtocolError> {
        let close = CloseFrame::parse(self.collected())?;
        self.due = Due::Close(close.map(|close| match close.code() {
            // RFC 6455 7.4.1: this one is the client's alone [6455-7.4.1-8]
            CloseCode::MANDATORY_EXTENSION if side.is_server() => CloseCode::NORMAL.0.to_be_bytes(),
            code => code.0.to_be_bytes(),
        }));
        Ok(())
    }

    /// The status code of the Close that was collected, if it has one. Nothing else is collected after a Close.
    pub(super) fn close_code(&self) -> Option<CloseCode> {
        self.collected().first_chunk().map(|code| CloseCode(u16::from_be_bytes(*code)))
    }

    /// A Close with this status code is due.
    pub(super) fn close(&mut self, code: CloseCode) {
        self.due = Due::Close(Some(code.0.to_be_bytes()));
    }

    /// Whether a control frame is due.
    pub(super) const fn is_due(&self) -> bool {
        !matches!(self.due, Due::Nothing)
    }

    /// The opcode and the payload of the control frame that is due.
    pub(super) fn due(&self) -> Option<(Opcode, &[u8])> {
        match &self.due {
            Due::Nothing => None,
            Due::Pong { len } => {
                Some((Opcode::PONG, self.bytes.get(..usize::from(*len)).unwrap_or_else(|| never!(&[]))))
            }
            Due::Close(code) => Some((Opcode::CLOSE, code.as_ref().map_or(&[], |code| code))),
        }
    }

    /// Drops what is due: it was sent, or must not be sent any more.
    pub(super) fn forget(&mut self) {
        self.due = Due::Nothing;
    }

    /// Takes what is due, as an owned value.
    pub(super) fn take(&mut self) -> Option<Reply> {
        let (opcode, from) = self.due()?;
        let mut reply = Reply { opcode, len: 0, payload: [0; MAX_CONTROL_PAYLOAD] };
        reply.len = copy(&mut reply.payload, from) as u8; // at most MAX_CONTROL_PAYLOAD
        self.forget();
        Some(reply)
    }
}
