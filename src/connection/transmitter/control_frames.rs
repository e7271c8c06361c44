//! Sending: control frames (RFC 6455 section 5.5).

use super::Transmitter;
use crate::bytes::copy;
use crate::connection::control::Reply;
use crate::connection::written::Written;
use crate::role::Role;
use crate::wire::error::SendError;
use crate::wire::{CloseCode, CloseFrame, MAX_CONTROL_PAYLOAD, Opcode};

impl<R: Role> Transmitter<R> {
    /// Writes a Ping with up to 125 bytes of payload, which the peer's Pong repeats.
    ///
    /// See [`Connection::write_ping`](crate::Connection::write_ping) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    // RFC 6455 5.5.2
    pub fn write_ping(&mut self, payload: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        self.control(Opcode::PING, payload, out)
    }

    /// Writes a Pong that answers no Ping.
    ///
    /// See [`Connection::write_pong`](crate::Connection::write_pong) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    // RFC 6455 5.5.3
    pub fn write_pong(&mut self, payload: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        self.control(Opcode::PONG, payload, out)
    }

    /// Writes a control frame with an opcode from 11 to 15 that
    /// [`Config::extension_opcodes`](crate::connection::Config::extension_opcodes) allows.
    ///
    /// See [`Connection::write_extension_control`](crate::Connection::write_extension_control) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    pub fn write_extension_control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<Written, SendError> {
        if !opcode.is_control() {
            return Err(SendError::Reserved);
        }
        self.sequence.check_extension(opcode)?;
        self.control(opcode, payload, out)
    }

    /// Writes the reply that [`Receiver::take_reply`](crate::connection::Receiver::take_reply) returned. Its length is
    /// 0 after our Close frame, which nothing follows.
    ///
    /// # Errors
    ///
    /// [`SendError::FrameInProgress`] inside a frame, and [`SendError::BufferTooSmall`]: keep the reply and try again.
    pub fn write_reply(&mut self, reply: &Reply, out: &mut [u8]) -> Result<Written, SendError> {
        if self.close_sent() { Ok(Written(0)) } else { self.control(reply.opcode, reply.payload(), out) }
    }

    /// Writes a Close frame. Nothing can be sent after it.
    ///
    /// See [`Connection::write_close`](crate::Connection::write_close) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed. [`SendError::CloseCode`] for a code that must not be sent, and for a server's 1010.
    // RFC 6455 5.5.1, 7.1.2 [6455-7.1.2-1] [6455-7.3-3]
    pub fn write_close(&mut self, code: CloseCode, reason: &str, out: &mut [u8]) -> Result<Written, SendError> {
        // RFC 6455 7.4.1: only a client sends 1010 [6455-7.4.1-8]
        if R::IS_SERVER && code == CloseCode::MANDATORY_EXTENSION {
            return Err(SendError::CloseCode);
        }
        let close = CloseFrame::new(code, reason)?;
        let mut payload = [0; MAX_CONTROL_PAYLOAD];
        let [a, b, rest @ ..] = &mut payload;
        [*a, *b] = code.0.to_be_bytes();
        let len = 2 + copy(rest, close.reason_bytes());
        let payload = payload.get(..len).unwrap_or_else(|| never!(Default::default()));
        self.control(Opcode::CLOSE, payload, out)
    }

    /// Writes a Close frame without a status code. Nothing can be sent after it.
    ///
    /// See [`Connection::write_close_without_status`](crate::Connection::write_close_without_status) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    pub fn write_close_without_status(&mut self, out: &mut [u8]) -> Result<Written, SendError> {
        self.control(Opcode::CLOSE, &[], out)
    }

    /// Returns whether our Close frame was sent.
    #[must_use]
    pub const fn close_sent(&self) -> bool {
        self.sequence.close_sent()
    }

    /// Writes a control frame, also between the fragments of a message.
    // RFC 6455 5.4, 5.5
    #[inline(never)]
    pub(in crate::connection) fn control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<Written, SendError> {
        self.sequence.check_between_frames()?;
        // RFC 6455 5.5 [6455-5.5-1]
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(SendError::PayloadTooLong);
        }
        let written = self.write(opcode, true, payload, out)?;
        if opcode == Opcode::CLOSE {
            self.sequence.set_close_sent();
        }
        Ok(written)
    }
}
