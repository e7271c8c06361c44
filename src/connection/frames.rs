//! RFC 6455's framing: reads headers from input that is split anywhere, and passes the frames on to the [`Machine`]
//! (RFC 6455 sections 5.1 to 5.3).
//!
//! A message that is complete in the input takes a shorter path: [`receive_inline`](Frames::receive_inline) reads its
//! header, and takes it without writing any state. Where speed counts, that is inlined in the host's code, and other
//! frames whose header is complete go through [`receive_frame`](Frames::receive_frame). All else goes through
//! [`receive_any`](Frames::receive_any), which keeps the state that split input needs.

use super::config::Config;
use super::event::{MessageKind, Received};
use super::machine::Machine;
use crate::bytes::copy;
use crate::role::Side;
use crate::target::FAST;
use crate::wire::error::ProtocolError;
use crate::wire::{FirstByte, FrameHeader, Mask, Rsv};

/// The code is the same for both roles, so that a program with both has it once.
///
/// A message in one frame needs no field after the first 56 bytes. Most often they are in one cache line, which counts
/// with 100,000 connections.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Frames {
    /// Payload bytes of the current frame that are still to come.
    left: u64,
    /// The current frame's mask.
    mask: Mask,
    extension_opcodes: u16,
    extension_rsv: Rsv,
    machine: Machine,
}

const _: () = assert!(core::mem::offset_of!(Frames, machine) + Machine::HOT <= 56);

impl Frames {
    pub(super) const fn new(config: &Config) -> Self {
        Self {
            extension_opcodes: config.extension_opcodes,
            extension_rsv: config.extension_rsv,
            mask: Mask::new([0; 4]),
            left: 0,
            machine: Machine::new(config),
        }
    }

    pub(super) const fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(super) fn machine_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// Payload bytes of the current frame that are still to come; 0 between frames.
    pub(super) fn left(&self) -> u64 {
        if self.machine.is_in_payload() { self.left } else { 0 }
    }

    /// Reads the next event.
    #[inline(always)]
    pub(super) fn receive<'b>(&mut self, bytes: &'b mut [u8], side: Side) -> Result<Received<'b>, ProtocolError> {
        if FAST { self.receive_inline(bytes, side) } else { self.receive_out_of_line(bytes, side) }
    }

    #[inline(never)]
    fn receive_out_of_line<'b>(&mut self, bytes: &'b mut [u8], side: Side) -> Result<Received<'b>, ProtocolError> {
        self.receive_inline(bytes, side)
    }

    #[inline(always)]
    fn receive_inline<'b>(&mut self, bytes: &'b mut [u8], side: Side) -> Result<Received<'b>, ProtocolError> {
        if self.machine.is_between_frames()
            && let Ok(Some((header, len))) = FrameHeader::read_expected(bytes, side.is_peer_masking())
            // mutant: replace || with &&: the slow path gives the same
            && (FAST || self.is_whole_message(&header, bytes.len().saturating_sub(len)))
        {
            let Some(tail) = bytes.get_mut(len..) else { return never!(Ok(Received::unreachable())) };
            let first = header.first_byte();
            let mut mask = Mask::new(header.masking_key.unwrap_or_default());
            let kind = match first {
                // mutant: delete match arm FirstByte::WHOLE_TEXT: the slow path gives the same
                FirstByte::WHOLE_TEXT => Some(MessageKind::Text),
                // mutant: delete match arm FirstByte::WHOLE_BINARY: the slow path gives the same
                FirstByte::WHOLE_BINARY => Some(MessageKind::Binary),
                _ => None,
            };
            if let Some(kind) = kind
                && self.machine.is_between_messages()
                && header.payload_len <= tail.len() as u64
            {
                let Some((payload, rest)) = tail.split_at_mut_checked(header.payload_len as usize) else {
                    return never!(Ok(Received::unreachable()));
                };
                return match self.machine.whole_message(kind, payload, mask_of(&mut mask, side)) {
                    Ok(event) => Ok(Received { rest, event: Some(event) }),
                    Err(error) => Err(self.machine.fail(error)),
                };
            }
            self.set_current(&header);
            return if FAST { self.receive_frame(first, tail, side) } else { never!(Ok(Received::unreachable())) };
        }
        if bytes.is_empty() {
            return self.consume(bytes); // the last call for each read
        }
        self.receive_any(bytes, side)
    }

    /// Returns whether this header begins a message in one frame that is complete in the `len` bytes after it.
    fn is_whole_message(&self, header: &FrameHeader, len: usize) -> bool {
        let is_whole = matches!(header.first_byte(), FirstByte::WHOLE_TEXT | FirstByte::WHOLE_BINARY);
        is_whole && self.machine.is_between_messages() && header.payload_len <= len as u64
    }

    /// Receives the current frame, whose header is complete. `bytes` follow the header.
    #[inline(never)]
    fn receive_frame<'b>(
        &mut self,
        first: FirstByte,
        bytes: &'b mut [u8],
        side: Side,
    ) -> Result<Received<'b>, ProtocolError> {
        let received = if self.left <= bytes.len() as u64 {
            self.whole_frame(first, bytes, side)
        } else {
            self.begin_frame(first).map(|()| Received { rest: bytes, event: None })
        };
        match received {
            Ok(Received { rest, event: None }) => self.receive_any(rest, side),
            Ok(received) => Ok(received),
            Err(error) => Err(self.machine.fail(error)),
        }
    }

    /// Receives the current frame, which is complete in the input.
    #[inline(always)]
    fn whole_frame<'b>(
        &mut self,
        first: FirstByte,
        bytes: &'b mut [u8],
        side: Side,
    ) -> Result<Received<'b>, ProtocolError> {
        let Some((payload, rest)) = bytes.split_at_mut_checked(self.left as usize) else {
            return never!(Ok(Received::unreachable()));
        };
        if first == FirstByte::PING {
            self.check(FirstByte::PING)?;
            let event = self.machine.whole_ping(payload, mask_of(&mut self.mask, side));
            return Ok(Received { rest, event: Some(event) });
        }
        self.begin_frame(first)?;
        let event = self.machine.payload(payload, mask_of(&mut self.mask, side), true, side)?;
        Ok(Received { rest, event })
    }

    /// Receives input that is split anywhere, up to the first event or its end.
    #[inline(never)]
    fn receive_any<'b>(&mut self, bytes: &'b mut [u8], side: Side) -> Result<Received<'b>, ProtocolError> {
        self.step(bytes, side).map_err(|error| self.machine.fail(error))
    }

    #[inline(always)]
    fn step<'b>(&mut self, mut bytes: &'b mut [u8], side: Side) -> Result<Received<'b>, ProtocolError> {
        loop {
            if !self.machine.is_in_payload() {
                let Some(len) = self.header(bytes, side)? else { return self.consume(bytes) };
                bytes = bytes.get_mut(len..).unwrap_or_else(|| never!(&mut []));
            }
            let taken = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
            let Some((payload, rest)) = bytes.split_at_mut_checked(taken) else {
                return never!(Ok(Received::unreachable()));
            };
            self.left -= taken as u64;
            let event = self.machine.payload(payload, mask_of(&mut self.mask, side), self.left == 0, side)?;
            if event.is_some() || self.left > 0 {
                return Ok(Received { rest, event });
            }
            bytes = rest;
        }
    }

    /// All of the input is consumed, without an event.
    #[inline(always)]
    fn consume<'b>(&self, bytes: &'b mut [u8]) -> Result<Received<'b>, ProtocolError> {
        match self.machine.error() {
            Some(error) => Err(error),
            None => Ok(Received { rest: bytes.get_mut(bytes.len()..).unwrap_or_else(|| never!(&mut [])), event: None }),
        }
    }

    /// Begins the next frame, and returns how much of the input its header took; `None` when more bytes are needed, and
    /// after a Close or an error. Where size counts, such headers are collected byte by byte, which is less code.
    #[inline(always)]
    fn header(&mut self, input: &[u8], side: Side) -> Result<Option<usize>, ProtocolError> {
        // mutant: delete !: the slow path gives the same
        if !FAST {
            return self.collect_header(input, side);
        }
        if self.machine.is_between_frames()
            && let Ok(Some((header, len))) = FrameHeader::read_expected(input, side.is_peer_masking())
        {
            self.set_current(&header);
            self.begin_frame(header.first_byte())?;
            return Ok(Some(len));
        }
        self.collect_header_out_of_line(input, side)
    }

    #[inline(never)]
    fn collect_header_out_of_line(&mut self, input: &[u8], side: Side) -> Result<Option<usize>, ProtocolError> {
        self.collect_header(input, side)
    }

    /// Reads a header that arrives in pieces, and refuses it at the first byte that proves an error. What is missing counts
    /// as in a valid header.
    #[inline(always)]
    fn collect_header(&mut self, input: &[u8], side: Side) -> Result<Option<usize>, ProtocolError> {
        // RFC 6455 5.5.1, 7.1.7: what comes after a Close or an error is not processed [6455-7.1.7-7]
        if !self.machine.is_receiving() {
            return Ok(None);
        }
        for (byte, taken) in input.iter().zip(1..) {
            let known = self.machine.collect_header(*byte);
            let mut bytes = FrameHeader::valid_rest(side.is_peer_masking());
            let known = copy(&mut bytes, known);
            let Some((header, len)) = FrameHeader::read(&bytes)? else { return never!(Ok(None)) };
            self.set_current(&header);
            let first = header.first_byte();
            self.check(first)?;
            self.machine.check_place(first)?;
            // RFC 6455 5.1: clients mask, servers do not [6455-5.1-2] [6455-5.1-5]
            match (header.masking_key.is_some(), side.is_peer_masking()) {
                (true, false) => return Err(ProtocolError::Masked),
                (false, true) => return Err(ProtocolError::NotMasked),
                _ => {}
            }
            if len <= known {
                self.machine.begin_frame(first, self.left)?;
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }

    /// Notes the mask and the length of the frame that begins.
    #[inline(always)]
    fn set_current(&mut self, header: &FrameHeader) {
        self.mask = Mask::new(header.masking_key.unwrap_or_default());
        self.left = header.payload_len;
    }

    /// Begins the current frame, whose MASK bit is as expected.
    #[inline(always)]
    fn begin_frame(&mut self, first: FirstByte) -> Result<(), ProtocolError> {
        self.check(first)?;
        self.machine.begin_frame(first, self.left)
    }

    /// The rules for the current frame's header that need no more than the header and what was negotiated. Those of the
    /// first byte come first, so that a header has the same error wherever it is split.
    #[inline(always)]
    fn check(&self, first: FirstByte) -> Result<(), ProtocolError> {
        first.check_negotiated(self.extension_rsv, self.extension_opcodes)?;
        FrameHeader::check_control(first, self.left)
    }
}

/// The mask of a frame that the peer sends: none if the peer is a server.
#[inline(always)]
fn mask_of(mask: &mut Mask, side: Side) -> Option<&mut Mask> {
    if side.is_peer_masking() { Some(mask) } else { None }
}
