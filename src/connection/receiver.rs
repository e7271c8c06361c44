//! Receiving: the frame that comes next, what may stand where, and what it is an event of (RFC 6455 sections 5.4, 5.5 and 6.2).
//!
//! [`Receiver::receive`] has two ways in. [`unfragmented`] finds a whole message in one frame at the start of the input, which
//! is what most peers send, and no state is written for it. Everything else goes through [`Receiver::step`], which goes by
//! [`Phase`] and takes input that is cut anywhere.

use core::marker::PhantomData;
use core::slice;

use crate::connection::control::{ControlSlot, Reply};
use crate::connection::fragmentation::Fragmentation;
use crate::connection::state::{self, Incoming};
use crate::connection::{Chunk, Config, Event, MessageKind, Received, State, Transport};
use crate::wire::{CloseCode, CloseFrame, FrameHeader, Mask, Opcode, Utf8Validator};
use crate::{ProtocolError, Role};

/// The receiving half of a [`Connection`](crate::Connection).
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Receiver<R> {
    frames: Frames,
    role: PhantomData<fn() -> R>,
}

/// What is the same for both roles, so that a program with both has its code once.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Frames {
    extension_opcodes: u16,
    extension_rsv: u8,

    phase: Phase,
    eof: bool,

    // The frame under way.
    fin: bool,
    /// Its reserved bits, until a chunk has told them.
    rsv: u8,
    opcode: Opcode,
    mask: Mask,
    /// Payload bytes that are still to come.
    left: u64,

    message: Fragmentation,
    control: ControlSlot,
    close_code: Option<CloseCode>,
}

/// Where we are in the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Phase {
    /// Between messages, and no byte of the next header was seen.
    Idle,
    /// In a header, or between the frames of a message.
    Header,
    /// In a payload.
    Payload,
    /// Behind the peer's Close frame.
    Closed,
    /// Behind an error.
    Failed(ProtocolError),
}

impl<R: Role> Receiver<R> {
    pub(super) const fn new(config: &Config) -> Self {
        let frames = Frames {
            extension_opcodes: config.extension_opcodes,
            extension_rsv: config.extension_rsv,
            phase: Phase::Idle,
            eof: false,
            fin: false,
            rsv: 0,
            opcode: Opcode::CONTINUATION,
            mask: Mask::new([0; 4]),
            left: 0,
            message: Fragmentation::new(config),
            control: ControlSlot::new(),
            close_code: None,
        };
        Self { frames, role: PhantomData }
    }

    /// Reads the next event from the bytes that the transport brought, unmasks them in place, and hands the rest back.
    ///
    /// At least one byte is consumed, or an event is returned, unless `bytes` is empty; without an event all bytes were
    /// consumed. Any cut of the stream will do, down to a byte at a time: nothing has to be kept by the host. To exert
    /// back-pressure, keep the rest and call later. Behind the peer's Close frame everything is consumed and ignored.
    ///
    /// # Errors
    ///
    /// The peer broke a rule or a limit. The connection has failed: every later call returns the same error, and a Close
    /// frame is due.
    // RFC 6455 5.4, 6.2, 10.7: in fragments or not [6455-5.4-10] [6455-6.2-1] [6455-10.7-1]
    #[inline(always)]
    pub fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Received<'b>, ProtocolError> {
        // Elsewhere it would cost more flash than it saves time.
        if cfg!(target_pointer_width = "64")
            && self.frames.phase == Phase::Idle
            && let Some(Unfragmented { kind, start, len, mut mask }) = unfragmented::<R>(bytes)
            && self.frames.message.allows_unfragmented(len as u64)
        // RFC 6455 10.4 [6455-10.4-1]
        {
            let Some((frame, rest)) = bytes.split_at_mut_checked(start + len) else { return Ok(Received::nothing()) };
            let payload = frame.get_mut(start..).unwrap_or_default();
            // RFC 6455 5.3, 5.6, 8.1 [6455-5.3-5] [6455-5.6-1] [6455-6.2-7] [6455-8.1-1]
            let ascii =
                if R::IS_SERVER { mask.apply_inline(payload) } else { kind == MessageKind::Text && payload.is_ascii() };
            if kind == MessageKind::Text && !ascii && !is_utf8(payload) {
                return Err(self.frames.fail_with(ProtocolError::InvalidUtf8));
            }
            let chunk = Chunk { kind, first: true, last: true, rsv: 0, payload };
            return Ok(Received { rest, event: Some(Event::Data(chunk)) });
        }
        self.frames.receive_any(bytes, R::IS_SERVER)
    }

    /// The payload of the Ping, Pong or Close that [`receive`](Self::receive) returned last, until it is called again.
    ///
    /// What arrives while a Pong of ours waits to be sent may be cut short behind its first 14 bytes, unless it is a Ping or a
    /// Close; a host that matches Pongs with its Pings gives those 14 bytes of payload at most.
    pub fn control_payload(&self) -> &[u8] {
        self.frames.control.completed()
    }

    /// Payload bytes that the frame under way still has to bring; 0 between frames. A hint for the size of the next read:
    /// one that ends where the frame ends spares the host a message that straddles two buffers.
    pub fn payload_left(&self) -> u64 {
        if self.frames.phase == Phase::Payload { self.frames.left } else { 0 }
    }

    /// The transport has no more bytes.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::UnexpectedEof`] when no Close frame came before, or the error that the connection failed with.
    // RFC 6455 7.1.5, 7.2.1 [6455-7.2.1-2]
    pub fn receive_eof(&mut self) -> Result<(), ProtocolError> {
        self.frames.eof = true;
        match self.frames.phase {
            Phase::Closed => Ok(()),
            Phase::Failed(error) => Err(error),
            _ => Err(self.frames.fail_with(ProtocolError::UnexpectedEof)),
        }
    }

    /// Fails the connection for a reason of the host's, such as an extension that finds bad data, or a
    /// [`MessageBuffer`](crate::message::MessageBuffer) that is too small: nothing more is received, and a Close frame with
    /// the error's code is due. Does nothing behind a Close frame or another error.
    pub fn fail(&mut self, error: ProtocolError) {
        if !matches!(self.frames.phase, Phase::Closed | Phase::Failed(_)) {
            self.frames.fail_with(error);
        }
    }

    /// The opcode and the payload of the control frame that is due.
    pub(super) fn due(&self) -> Option<(Opcode, &[u8])> {
        self.frames.control.due()
    }

    pub(super) fn forget_due(&mut self) {
        self.frames.control.forget();
    }

    /// The control frame that is due, for the transmitter of a [split](crate::Connection::split) connection. Take it after
    /// each [`receive`](Self::receive); a Pong that waits in the host's channel may be replaced by a newer one.
    #[must_use]
    pub fn take_reply(&mut self) -> Option<Reply> {
        self.frames.control.take()
    }

    pub(super) const fn is_open(&self) -> bool {
        self.frames.is_open()
    }

    /// Whether the peer's Close frame was received.
    pub const fn is_closed(&self) -> bool {
        matches!(self.frames.phase, Phase::Closed)
    }

    /// Whether the transport ended without a Close frame: nothing can be sent any more.
    pub(super) const fn is_lost(&self) -> bool {
        matches!(self.frames.phase, Phase::Failed(ProtocolError::UnexpectedEof))
    }

    const fn incoming(&self) -> Incoming {
        match self.frames.phase {
            Phase::Closed => Incoming::Close,
            Phase::Failed(_) if !self.is_lost() => Incoming::Error,
            _ => Incoming::Open,
        }
    }

    /// Where the connection stands; `close_sent` says whether the transmitter has [closed](super::Transmitter::is_closed).
    pub const fn state(&self, close_sent: bool) -> State {
        state::next(self.incoming(), self.frames.eof, close_sent, R::IS_SERVER).0
    }

    /// What is to be done with the transport; `close_sent` says whether the transmitter has
    /// [closed](super::Transmitter::is_closed).
    pub const fn transport(&self, close_sent: bool) -> Transport {
        state::next(self.incoming(), self.frames.eof, close_sent, R::IS_SERVER).1
    }

    /// See [`Connection::close_code`](crate::Connection::close_code).
    // RFC 6455 7.1.5 [6455-7.1.5-1]
    pub const fn close_code(&self) -> Option<CloseCode> {
        self.frames.close_code
    }

    /// See [`Connection::close_reason`](crate::Connection::close_reason).
    // RFC 6455 7.1.6 [6455-7.1.6-1]
    pub fn close_reason(&self) -> &str {
        match CloseFrame::parse(self.control_payload()) {
            Ok(Some(close)) if self.is_closed() => close.reason(),
            _ => "",
        }
    }
}

impl Frames {
    #[inline(never)]
    fn receive_any<'b>(&mut self, bytes: &'b mut [u8], is_server: bool) -> Result<Received<'b>, ProtocolError> {
        // The last call for each read.
        if bytes.is_empty() {
            return self.nothing(bytes);
        }
        self.step(bytes, is_server).map_err(|error| self.fail_with(error))
    }

    /// Goes through the input up to the first event or its end.
    #[inline(always)]
    fn step<'b>(&mut self, mut bytes: &'b mut [u8], is_server: bool) -> Result<Received<'b>, ProtocolError> {
        loop {
            if self.phase != Phase::Payload {
                let Some((header, len)) = self.header(bytes)? else { return self.nothing(bytes) };
                self.begin_frame(header, is_server)?;
                bytes = bytes.get_mut(len..).unwrap_or_default();
            }
            let taken = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
            let Some((payload, rest)) = bytes.split_at_mut_checked(taken) else { return Ok(Received::nothing()) };
            self.left -= taken as u64;
            if self.opcode.is_control() {
                self.control(payload, is_server)?;
                if self.left == 0 {
                    return Ok(Received { rest, event: Some(self.control_event()) });
                }
            } else {
                self.message.payload(&mut self.mask, payload, is_server)?;
                let ends = self.left == 0;
                let last = ends && self.fin; // RFC 6455 5.2 [6455-5.2-1]
                if last {
                    self.message.end()?;
                }
                if ends {
                    self.phase = self.between_frames();
                }
                // Nothing is worth an event in an empty fragment, unless it ends the message or carries reserved bits.
                if !payload.is_empty() || last || (ends && self.rsv != 0) {
                    let (kind, first) = self.message.chunk();
                    let rsv = core::mem::take(&mut self.rsv);
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
    fn nothing<'b>(&self, bytes: &'b mut [u8]) -> Result<Received<'b>, ProtocolError> {
        match self.phase {
            Phase::Failed(error) => Err(error),
            _ => Ok(Received { rest: bytes.get_mut(bytes.len()..).unwrap_or_default(), event: None }),
        }
    }

    /// The next header and its length in the input; `None` when more bytes are needed, and behind a Close or an error. Small
    /// machines gather every header, which is less code.
    #[inline(always)]
    fn header(&mut self, input: &[u8]) -> Result<Option<(FrameHeader, usize)>, ProtocolError> {
        if cfg!(target_pointer_width = "64")
            && self.is_open()
            && !self.control.is_gathering()
            && let Some(header) = FrameHeader::parse(input)?
        {
            return Ok(Some(header));
        }
        Ok(self.gather_header(input))
    }

    /// A header that arrives in pieces is gathered byte by byte.
    #[inline(never)]
    fn gather_header(&mut self, input: &[u8]) -> Option<(FrameHeader, usize)> {
        // RFC 6455 5.5.1, 7.1.7: what comes behind a Close or an error is not processed [6455-7.1.7-7]
        if !self.is_open() {
            return None;
        }
        if !self.control.is_gathering() {
            self.control.begin_header();
        }
        for (byte, taken) in input.iter().zip(1..) {
            self.phase = Phase::Header;
            self.control.gather(slice::from_ref(byte));
            match FrameHeader::parse(self.control.gathered()) {
                Ok(None) => {}
                Ok(Some((header, _))) => {
                    self.control.begin_header();
                    return Some((header, taken));
                }
                Err(error) => {
                    self.fail_with(error);
                    return None;
                }
            }
        }
        None
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
            self.control.begin_payload(opcode, payload_len);
        } else {
            self.message.begin_frame(opcode, rsv, payload_len)?;
        }
        self.fin = fin;
        self.rsv = rsv;
        self.opcode = opcode;
        self.mask = Mask::new(masking_key.unwrap_or_default());
        self.left = payload_len;
        self.phase = Phase::Payload;
        Ok(())
    }

    fn between_frames(&self) -> Phase {
        if self.message.is_open() { Phase::Header } else { Phase::Idle }
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
        self.control.complete();
        self.phase = self.between_frames();
        match self.opcode {
            Opcode::PING => self.control.answer_ping(), // RFC 6455 5.5.2 [6455-5.5.2-2]
            Opcode::CLOSE => {
                let code = self.control.answer_close(is_server)?; // RFC 6455 5.5.1 [6455-5.5.1-7]
                self.close_code = Some(code.unwrap_or(CloseCode::NO_STATUS)); // RFC 6455 7.1.5 [6455-7.1.5-1]
                self.phase = Phase::Closed;
            }
            _ => {} // RFC 6455 5.5.3: a Pong, unsolicited or not [6455-5.5.3-3]
        }
        Ok(())
    }

    /// The control frame that is complete.
    fn control_event(&self) -> Event<'static> {
        match self.opcode {
            Opcode::PING => Event::Ping,
            Opcode::PONG => Event::Pong,
            Opcode::CLOSE => Event::Close(self.close_code.filter(|&code| code != CloseCode::NO_STATUS)),
            opcode => Event::ExtensionControl(opcode),
        }
    }

    // RFC 6455 7.1.7 [6455-7.1.7-1] [6455-7.1.7-3]
    #[cold]
    #[inline(never)]
    fn fail_with(&mut self, error: ProtocolError) -> ProtocolError {
        if !matches!(self.phase, Phase::Failed(_)) {
            self.phase = Phase::Failed(error);
            // Behind the end of the stream no Close is of use [6455-7.1.7-6], else the peer is told why [6455-7.1.7-5] [6455-10.7-3]
            if error == ProtocolError::UnexpectedEof {
                self.eof = true;
                self.control.forget();
            } else {
                self.control.close(error.close_code());
            }
            self.close_code = Some(CloseCode::ABNORMAL); // [6455-7.1.5-1]
        }
        error
    }

    const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Header | Phase::Payload)
    }
}

/// A text or binary message in one frame, all of it at the start of the input, with a length of at most 16 bits.
struct Unfragmented {
    kind: MessageKind,
    start: usize,
    len: usize,
    mask: Mask,
}

/// Finds such a message. Whatever is unusual about a frame makes it go the long way, which knows all the rules.
#[inline(always)]
fn unfragmented<R: Role>(bytes: &[u8]) -> Option<Unfragmented> {
    let (&[first, second], tail) = bytes.split_first_chunk()?;
    // RFC 6455 5.2: FIN, and no reserved bits [6455-5.2-1] [6455-5.2-3]
    let kind = match first {
        0x81 => MessageKind::Text,
        0x82 => MessageKind::Binary,
        _ => return None,
    };
    // RFC 6455 5.1: a client's MASK bit is set, a server's is not [6455-5.1-2] [6455-5.1-5]
    let (len, start, tail) = match if R::IS_SERVER { second ^ 0x80 } else { second } {
        short @ ..126 => (usize::from(short), 2, tail),
        126 => {
            let (len, tail) = tail.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*len)), 4, tail)
        }
        _ => return None,
    };
    // RFC 6455 5.2: the minimal number of bytes [6455-5.2-8]
    if start == 4 && len < 126 {
        return None;
    }
    let (mask, start) =
        if R::IS_SERVER { (Mask::new(*tail.first_chunk()?), start + 4) } else { (Mask::new([0; 4]), start) };
    (bytes.len().checked_sub(start)? >= len).then_some(Unfragmented { kind, start, len, mask })
}

/// Whether a whole text is UTF-8.
#[inline(never)]
fn is_utf8(text: &[u8]) -> bool {
    let mut utf8 = Utf8Validator::new();
    utf8.push(text).and_then(|()| utf8.finish()).is_ok()
}
