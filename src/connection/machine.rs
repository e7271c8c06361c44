//! The receive state machine below a frame's header: which frame may come next, and which event it is (RFC 6455
//! sections 5.4, 5.5 and 6.2).
//!
//! The machine knows a frame by its first byte, pieces of its payload, and where that ends. How a frame's length and
//! masking key are read is up to the framing above it, [`Frames`](super::frames::Frames):
//!
//! 1. [`begin_frame`](Machine::begin_frame) with the first byte, already checked against the negotiated extensions.
//! 2. [`payload`](Machine::payload) with each piece, at least one, the last with `ends`.
//!
//! A framing without lengths passes 0 as the length of a data frame, and
//! [`MAX_CONTROL_PAYLOAD`](crate::wire::MAX_CONTROL_PAYLOAD) for a control frame. It announces each piece of data by
//! [`Limits::announce`]. A framing without masks passes `None`.

use super::config::Config;
use super::control::ControlSlot;
use super::event::{Event, MessageKind};
use super::fragmentation::{Fragmentation, whole_chunk};
use super::limits::Limits;
use crate::bytes::copy;
use crate::role::Side;
use crate::wire::error::ProtocolError;
use crate::wire::{FirstByte, Mask, Opcode};

/// The fields are in the order in which [`Frames`](super::frames::Frames) wants them.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Machine {
    phase: Phase,
    message: Fragmentation,
    /// The first byte of the current frame. Its reserved bits are cleared once a chunk has reported them.
    first: FirstByte,
    /// The transport has ended.
    eof: bool,
    limits: Limits,
    control: ControlSlot,
}

/// Where we are in the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Between frames.
    Between,
    /// In a header, of which the first bytes are in the control slot.
    Header,
    /// In a payload.
    Payload,
    /// After the peer's Close frame.
    Closed,
    /// After an error.
    Failed(ProtocolError),
}

impl Machine {
    /// The length of the fields that every message needs.
    pub(super) const HOT: usize = core::mem::offset_of!(Machine, control);

    pub(super) const fn new(config: &Config) -> Self {
        Self {
            phase: Phase::Between,
            eof: false,
            first: FirstByte::from_byte(0),
            limits: Limits::new(config),
            message: Fragmentation::new(),
            control: ControlSlot::new(),
        }
    }

    /// Collects a byte of a header that arrives in pieces, and returns what there is of the header.
    #[inline(always)]
    pub(super) fn collect_header(&mut self, byte: u8) -> &[u8] {
        if self.phase != Phase::Header {
            self.phase = Phase::Header;
            self.control.begin();
        }
        self.control.collect(&[byte]);
        self.control.collected()
    }

    /// Whether a frame may come here, as far as its first byte says.
    #[inline(always)]
    pub(super) fn check_place(&self, first: FirstByte) -> Result<(), ProtocolError> {
        if first.opcode().is_control() { Ok(()) } else { self.message.check_place(first) }
    }

    /// Begins a frame with `len` bytes of payload, if it may come here.
    #[inline(always)]
    pub(super) fn begin_frame(&mut self, first: FirstByte, len: u64) -> Result<(), ProtocolError> {
        // RFC 6455 5.4, 5.5: a control frame also in the middle of a message [6455-5.4-8] [6455-6.2-2]
        if first.opcode().is_control() {
            self.control.begin_payload(first.opcode(), len as u8); // at most MAX_CONTROL_PAYLOAD
        } else {
            self.message.begin_frame(first, len, &mut self.limits)?;
        }
        self.first = first;
        self.phase = Phase::Payload;
        Ok(())
    }

    /// Takes a piece of the current frame's payload. `ends`: it is the last one.
    #[inline(always)]
    pub(super) fn payload<'b>(
        &mut self,
        part: &'b mut [u8],
        mask: Option<&mut Mask>,
        ends: bool,
        side: Side,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        if ends {
            self.phase = Phase::Between;
        }
        if self.first.opcode().is_control() {
            self.control_payload(part, mask, ends, side)?;
            return Ok(if ends { Some(self.control_event()) } else { None });
        }
        self.message.payload(part, mask)?;
        let last = ends && self.first.fin();
        let rsv = self.first.rsv();
        if part.is_empty() && !ends {
            return Ok(None); // more of the frame is to come
        }
        self.first = self.first.without_rsv();
        Ok(self.message.chunk(part, rsv, last)?.map(Event::Data))
    }

    /// A piece of a control frame's payload.
    #[inline(always)]
    fn control_payload(
        &mut self,
        part: &mut [u8],
        mask: Option<&mut Mask>,
        ends: bool,
        side: Side,
    ) -> Result<(), ProtocolError> {
        if let Some(mask) = mask {
            mask.apply(part);
        }
        self.control.collect(part);
        match self.first.opcode() {
            // RFC 6455 5.5.2 [6455-5.5.2-2]
            Opcode::PING if ends => self.control.answer_ping(),
            // RFC 6455 5.5.1 [6455-5.5.1-7]
            Opcode::CLOSE if ends => {
                self.control.answer_close(side)?;
                self.phase = Phase::Closed;
            }
            // RFC 6455 5.5.3: a Pong, unsolicited or not
            _ => {}
        }
        Ok(())
    }

    /// The control frame that is complete.
    fn control_event(&self) -> Event<'static> {
        match self.first.opcode() {
            Opcode::PING => Event::Ping,
            Opcode::PONG => Event::Pong,
            Opcode::CLOSE => Event::Close(self.control.close_code()),
            opcode => Event::ExtensionControl(opcode),
        }
    }

    /// Takes a Ping that is whole in the input.
    #[inline(always)]
    pub(super) fn whole_ping(&mut self, payload: &[u8], mask: Option<&mut Mask>) -> Event<'static> {
        self.control.forget(); // a newer Ping supersedes a pending Pong
        self.control.begin();
        let place = self.control.place(payload.len());
        match mask {
            Some(mask) => mask.copy(place, payload),
            None => {
                copy(place, payload);
            }
        }
        self.control.answer_ping();
        Event::Ping
    }

    /// Takes a message in one frame, [between messages](Self::is_between_messages), and writes no state.
    #[inline(always)]
    pub(super) fn whole_message<'b>(
        &self,
        kind: MessageKind,
        payload: &'b mut [u8],
        mask: Option<&mut Mask>,
    ) -> Result<Event<'b>, ProtocolError> {
        let mut limits = self.limits;
        limits.begin_message();
        limits.begin_frame(payload.len() as u64)?;
        Ok(Event::Data(whole_chunk(kind, payload, mask)?))
    }

    #[inline(always)]
    pub(super) fn is_between_messages(&self) -> bool {
        self.phase == Phase::Between && !self.message.is_in_message()
    }

    #[inline(always)]
    pub(super) fn is_between_frames(&self) -> bool {
        self.phase == Phase::Between
    }

    #[inline(always)]
    pub(super) fn is_in_payload(&self) -> bool {
        self.phase == Phase::Payload
    }

    /// Whether received bytes are still processed: neither a Close frame nor an error came before.
    pub(super) const fn is_receiving(&self) -> bool {
        matches!(self.phase, Phase::Between | Phase::Header | Phase::Payload)
    }

    /// Whether the peer's Close frame was received.
    pub(super) const fn close_received(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// The error that the connection failed with.
    #[inline(always)]
    pub(super) const fn error(&self) -> Option<ProtocolError> {
        match self.phase {
            Phase::Failed(error) => Some(error),
            _ => None,
        }
    }

    pub(super) const fn eof(&self) -> bool {
        self.eof
    }

    /// The transport has ended: an error, unless the peer's Close frame came before.
    pub(super) fn receive_eof(&mut self) -> Result<(), ProtocolError> {
        self.eof = true;
        match self.phase {
            Phase::Closed => Ok(()),
            Phase::Failed(error) => Err(error),
            _ => Err(self.fail(ProtocolError::UnexpectedEof)),
        }
    }

    /// Whether the current frame is the last of a data message.
    pub(super) fn is_last_frame(&self) -> bool {
        self.first.fin() && !self.first.opcode().is_control()
    }

    pub(super) const fn control(&self) -> &ControlSlot {
        &self.control
    }

    pub(super) fn control_mut(&mut self) -> &mut ControlSlot {
        &mut self.control
    }

    /// Fails with `error`, unless it has failed before, and returns it.
    // RFC 6455 7.1.7 [6455-7.1.7-1] [6455-7.1.7-3]
    #[cold]
    #[inline(never)]
    pub(super) fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        if self.error().is_none() {
            self.phase = Phase::Failed(error);
            // After the end of the stream no Close can be sent; otherwise it gives the peer the reason
            // [6455-7.1.7-5] [6455-10.7-3]
            if error == ProtocolError::UnexpectedEof {
                self.eof = true;
                self.control.forget();
            } else {
                self.control.close(error.close_code());
            }
        }
        error
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Config, Event, FirstByte, Machine, ProtocolError, Side};
    use crate::connection::event::{Chunk, MessageKind};
    use crate::wire::MAX_CONTROL_PAYLOAD;
    use std::string::String;

    /// Drives the machine as a framing without lengths and masks would: each piece is announced to the limits.
    fn frame(machine: &mut Machine, first: u8, pieces: &[&str]) -> Result<String, ProtocolError> {
        let first = FirstByte::from_byte(first);
        let is_control = first.opcode().is_control();
        machine.begin_frame(first, if is_control { MAX_CONTROL_PAYLOAD as u64 } else { 0 })?;
        let mut events = String::new();
        for (i, piece) in pieces.iter().enumerate() {
            if !is_control {
                machine.limits.announce(piece.len() as u64)?;
            }
            let mut piece = std::vec::Vec::from(piece.as_bytes());
            match machine.payload(&mut piece, None, i + 1 == pieces.len(), Side::Server)? {
                Some(Event::Data(Chunk { kind, first, last, payload, .. })) => {
                    let text = std::str::from_utf8(payload).unwrap();
                    events += &std::format!("{}{text}{}", if first { "<" } else { "" }, if last { ">" } else { "" });
                    assert_eq!(kind, MessageKind::Text);
                }
                Some(event) => events += &std::format!("{event:?} {:?}", machine.control().collected()),
                None => {}
            }
        }
        Ok(events)
    }

    #[test]
    fn machine_needs_neither_lengths_nor_masks() {
        let mut machine = Machine::new(&Config { max_message_size: 9, ..Config::DEFAULT });
        assert_eq!(frame(&mut machine, 0x01, &["ab", "", "c"]).unwrap(), "<abc");
        assert_eq!(frame(&mut machine, 0x89, &["1", "2"]).unwrap(), "Ping [49, 50]");
        assert_eq!(frame(&mut machine, 0x80, &["def"]).unwrap(), "def>");
        assert_eq!(frame(&mut machine, 0x81, &[""]).unwrap(), "<>");
        assert_eq!(frame(&mut machine, 0x80, &["x"]), Err(ProtocolError::UnexpectedContinuation));
        assert_eq!(frame(&mut machine, 0x01, &["abcde", "fghij"]), Err(ProtocolError::MessageTooBig));
    }
}
