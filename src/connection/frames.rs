//! Frame after frame: which comes next, what may stand where, and what it is an event of (RFC 6455 sections 5.4, 5.5 and
//! 6.2).
//!
//! [`Frames`] go by [`Phase`] and take input that is cut anywhere. What lies in it whole needs less of that.

use core::slice;

use crate::connection::control::ControlSlot;
use crate::connection::fragmentation::Fragmentation;
use crate::connection::limits::Limits;
use crate::connection::whole::WholeFrame;
use crate::connection::{Chunk, Config, Event, Received};
use crate::wire::error::ProtocolError;
use crate::wire::{FrameHeader, MAX_CONTROL_PAYLOAD, Mask, Opcode};

/// What is the same for both roles, so that a program with both has its code once.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Frames {
    extension_opcodes: u16,
    extension_rsv: u8,

    pub(super) phase: Phase,
    /// The transport has ended.
    pub(super) eof: bool,

    /// The frame under way: FIN, the reserved bits until a chunk has told them, and the opcode, as in its first byte.
    first: u8,
    mask: Mask,
    /// Payload bytes that are still to come.
    pub(super) left: u64,

    pub(super) limits: Limits,
    message: Fragmentation,
    pub(super) control: ControlSlot,
}

/// The bits of a frame's first byte.
const FIN: u8 = 0x80;
const RSV: u8 = 0x70;

/// The first bytes of the frames that are looked for whole.
const FIRST_TEXT: u8 = Opcode::TEXT.bits();
const FIRST_BINARY: u8 = Opcode::BINARY.bits();
const CONTINUATION: u8 = Opcode::CONTINUATION.bits();
const LAST: u8 = FIN | CONTINUATION;
const PING: u8 = FIN | Opcode::PING.bits();

/// Where we are in the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum Phase {
    /// Between messages.
    Idle,
    /// Between the frames of a message.
    Between,
    /// In a header.
    Header,
    /// In a payload.
    Payload,
    /// Behind the peer's Close frame.
    Closed,
    /// Behind an error.
    Failed(ProtocolError),
}

impl Frames {
    pub(super) const fn new(config: &Config) -> Self {
        Self {
            extension_opcodes: config.extension_opcodes,
            extension_rsv: config.extension_rsv,
            phase: Phase::Idle,
            eof: false,
            first: 0,
            mask: Mask::new([0; 4]),
            left: 0,
            limits: Limits::new(config),
            message: Fragmentation::new(),
            control: ControlSlot::new(),
        }
    }

    #[inline(never)]
    pub(super) fn receive_any<'b>(
        &mut self,
        bytes: &'b mut [u8],
        is_server: bool,
    ) -> Result<Received<'b>, ProtocolError> {
        // Elsewhere it would cost more flash than it saves time.
        if cfg!(target_pointer_width = "64")
            && let Some(frame) = self.next_whole(bytes, is_server)
        {
            return self.whole(frame, bytes, is_server).map_err(|error| self.fail_with(error));
        }
        self.step(bytes, is_server).map_err(|error| self.fail_with(error))
    }

    /// The next frame, if it lies in the input whole: a fragment that may stand here, or a Ping.
    #[inline(always)]
    fn next_whole(&self, bytes: &[u8], is_server: bool) -> Option<WholeFrame> {
        let frame = WholeFrame::find(bytes, is_server, |first| match self.phase {
            Phase::Idle => matches!(first, FIRST_TEXT | FIRST_BINARY | PING),
            Phase::Between => matches!(first, CONTINUATION | LAST | PING),
            _ => false,
        })?;
        match frame.first {
            PING => frame.len <= MAX_CONTROL_PAYLOAD,
            _ => frame.len > 0,
        }
        .then_some(frame)
    }

    /// What [`step`](Self::step) does with it, but for the state that cuts need.
    #[inline(always)]
    fn whole<'b>(
        &mut self,
        frame: WholeFrame,
        bytes: &'b mut [u8],
        is_server: bool,
    ) -> Result<Received<'b>, ProtocolError> {
        let (payload, rest) = frame.split(bytes);
        let WholeFrame { first, mut mask, len, .. } = frame;
        if first == PING {
            self.control.ping(mask, payload); // RFC 6455 5.5.2 [6455-5.5.2-2]
            return Ok(Received { rest, event: Some(Event::Ping) });
        }
        self.message.begin_frame(Opcode::from_bits(first), 0, &mut self.limits)?;
        self.limits.begin_frame(len as u64)?;
        self.message.payload(&mut mask, payload, is_server)?;
        let last = first & FIN != 0;
        self.phase = if last { Phase::Idle } else { Phase::Between };
        let (kind, first) = self.message.chunk(last)?;
        Ok(Received { rest, event: Some(Event::Data(Chunk { kind, first, last, rsv: 0, payload })) })
    }

    /// Goes through the input up to the first event or its end.
    #[inline(always)]
    fn step<'b>(&mut self, mut bytes: &'b mut [u8], is_server: bool) -> Result<Received<'b>, ProtocolError> {
        loop {
            if self.phase != Phase::Payload {
                let Some(len) = self.header(bytes, is_server)? else { return self.nothing(bytes) };
                bytes = bytes.get_mut(len..).unwrap_or_default();
            }
            let taken = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
            let Some((payload, rest)) = bytes.split_at_mut_checked(taken) else { return Ok(Received::nothing()) };
            self.left -= taken as u64;
            if self.opcode().is_control() {
                self.control(payload, is_server)?;
                if self.left == 0 {
                    return Ok(Received { rest, event: Some(self.control_event()) });
                }
            } else {
                self.message.payload(&mut self.mask, payload, is_server)?;
                let ends = self.left == 0;
                let last = ends && self.first & FIN != 0; // RFC 6455 5.2 [6455-5.2-1]
                if ends {
                    self.phase = if last { Phase::Idle } else { Phase::Between };
                }
                // Nothing is worth an event in an empty fragment, unless it ends the message or carries reserved bits.
                if !payload.is_empty() || last || (ends && self.first & RSV != 0) {
                    let (kind, first) = self.message.chunk(last)?;
                    let rsv = (self.first & RSV) >> 4;
                    self.first &= !RSV;
                    let chunk = Chunk { kind, first, last, rsv, payload };
                    return Ok(Received { rest, event: Some(Event::Data(chunk)) });
                }
            }
            if self.left > 0 {
                return Ok(Received { rest, event: None });
            }
            bytes = rest;
        }
    }

    /// All of the input is consumed, without an event.
    #[inline(always)]
    pub(super) fn nothing<'b>(&self, bytes: &'b mut [u8]) -> Result<Received<'b>, ProtocolError> {
        match self.phase {
            Phase::Failed(error) => Err(error),
            _ => Ok(Received { rest: bytes.get_mut(bytes.len()..).unwrap_or_default(), event: None }),
        }
    }

    /// Begins the next frame, and returns how much of the input its header took; `None` when more bytes are needed, and
    /// behind a Close or an error. Small machines gather every header, which is less code.
    #[inline(always)]
    fn header(&mut self, input: &[u8], is_server: bool) -> Result<Option<usize>, ProtocolError> {
        if cfg!(target_pointer_width = "64")
            && matches!(self.phase, Phase::Idle | Phase::Between)
            && let Some((header, len)) = FrameHeader::parse(input)?
        {
            self.begin_frame(header, is_server)?;
            return Ok(Some(len));
        }
        self.gather_header(input, is_server)
    }

    /// A header that arrives in pieces is gathered byte by byte.
    #[cfg_attr(target_pointer_width = "64", inline(never))]
    #[cfg_attr(not(target_pointer_width = "64"), inline(always))]
    fn gather_header(&mut self, input: &[u8], is_server: bool) -> Result<Option<usize>, ProtocolError> {
        // RFC 6455 5.5.1, 7.1.7: what comes behind a Close or an error is not processed [6455-7.1.7-7]
        if !self.is_open() {
            return Ok(None);
        }
        if self.phase != Phase::Header {
            self.control.begin();
        }
        for (byte, taken) in input.iter().zip(1..) {
            self.phase = Phase::Header;
            self.control.gather(slice::from_ref(byte));
            if let Some((header, _)) = FrameHeader::parse(self.control.gathered())? {
                self.begin_frame(header, is_server)?;
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }

    /// What a frame must not do in this place.
    #[inline(always)]
    fn begin_frame(&mut self, header: FrameHeader, is_server: bool) -> Result<(), ProtocolError> {
        let FrameHeader { fin, rsv, opcode, masking_key, payload_len } = header;
        // RFC 6455 5.2, 5.8: reserved bits and opcodes only as negotiated [6455-5.2-3] [6455-5.2-4] [6455-5.2-10] [6455-5.8-1]
        if rsv != 0 && (opcode.is_control() || rsv & !self.extension_rsv != 0) {
            return Err(ProtocolError::ReservedBits);
        }
        if opcode.is_reserved() && self.extension_opcodes >> opcode.bits() & 1 == 0 {
            return Err(ProtocolError::ReservedOpcode);
        }
        // RFC 6455 5.1: clients mask, servers do not [6455-5.1-2] [6455-5.1-3] [6455-5.1-5] [6455-5.1-6]
        if masking_key.is_some() != is_server {
            return Err(if is_server { ProtocolError::NotMasked } else { ProtocolError::Masked });
        }
        if opcode.is_control() {
            self.control.begin_payload(opcode, payload_len as u8); // at most MAX_CONTROL_PAYLOAD
        } else {
            self.message.begin_frame(opcode, rsv, &mut self.limits)?;
            self.limits.begin_frame(payload_len)?;
        }
        self.first = u8::from(fin) << 7 | rsv << 4 | opcode.bits();
        self.mask = Mask::new(masking_key.unwrap_or_default());
        self.left = payload_len;
        self.phase = Phase::Payload;
        Ok(())
    }

    fn opcode(&self) -> Opcode {
        Opcode::from_bits(self.first)
    }

    fn between_frames(&self) -> Phase {
        if self.message.is_open() { Phase::Between } else { Phase::Idle }
    }

    /// A piece of a control frame's payload.
    // RFC 6455 5.4, 5.5: also in the middle of a message [6455-5.4-4] [6455-5.4-8] [6455-6.2-2]
    #[inline(never)]
    fn control(&mut self, part: &mut [u8], is_server: bool) -> Result<(), ProtocolError> {
        if is_server {
            self.mask.apply(part);
        }
        self.control.gather(part);
        if self.left > 0 {
            return Ok(());
        }
        self.phase = self.between_frames();
        match self.opcode() {
            Opcode::PING => self.control.answer_ping(), // RFC 6455 5.5.2 [6455-5.5.2-2]
            Opcode::CLOSE => {
                self.control.answer_close(is_server)?; // RFC 6455 5.5.1 [6455-5.5.1-7]
                self.phase = Phase::Closed;
            }
            _ => {} // RFC 6455 5.5.3: a Pong, unsolicited or not [6455-5.5.3-3]
        }
        Ok(())
    }

    /// The control frame that is complete.
    fn control_event(&self) -> Event<'static> {
        match self.opcode() {
            Opcode::PING => Event::Ping,
            Opcode::PONG => Event::Pong,
            Opcode::CLOSE => Event::Close(self.control.close_code()),
            opcode => Event::ExtensionControl(opcode),
        }
    }

    // RFC 6455 7.1.7 [6455-7.1.7-1] [6455-7.1.7-3]
    #[cold]
    #[inline(never)]
    pub(super) fn fail_with(&mut self, error: ProtocolError) -> ProtocolError {
        if !matches!(self.phase, Phase::Failed(_)) {
            self.phase = Phase::Failed(error);
            // Behind the end of the stream no Close is of use [6455-7.1.7-6], else the peer is told why [6455-7.1.7-5] [6455-10.7-3]
            if error == ProtocolError::UnexpectedEof {
                self.eof = true;
                self.control.forget();
            } else {
                self.control.close(error.close_code());
            }
        }
        error
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Between | Phase::Header | Phase::Payload)
    }
}
