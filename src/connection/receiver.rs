//! What the host sees of receiving, and the short way through it.
//!
//! [`Receiver::receive`] has two ways in. A whole message in one frame at the start of the input, which is what most peers
//! send, is handed out at once, and no state is written for it. Everything else goes through [`Frames`].

use core::marker::PhantomData;

use crate::connection::control::Reply;
use crate::connection::frames::{Frames, Phase};
use crate::connection::state::{self, Incoming};
use crate::connection::whole::WholeFrame;
use crate::connection::{Chunk, Config, Event, MessageKind, Received, State, Transport};
use crate::role::Role;
use crate::wire::error::ProtocolError;
use crate::wire::{CloseCode, CloseFrame, Opcode, Utf8Validator};

/// The receiving half of a [`Connection`](crate::Connection).
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Receiver<R> {
    frames: Frames,
    role: PhantomData<fn() -> R>,
}

impl<R: Role> Receiver<R> {
    pub(super) const fn new(config: &Config) -> Self {
        Self { frames: Frames::new(config), role: PhantomData }
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
            && let Some(mut frame) = WholeFrame::find(bytes, R::IS_SERVER, |first| matches!(first, TEXT | BINARY))
            && self.frames.limits.allow_unfragmented(frame.len as u64)
        // RFC 6455 10.4 [6455-10.4-1]
        {
            let (payload, rest) = frame.split(bytes);
            let kind = if frame.first == TEXT { MessageKind::Text } else { MessageKind::Binary };
            // RFC 6455 5.3, 5.6, 8.1 [6455-5.3-5] [6455-5.6-1] [6455-6.2-7] [6455-8.1-1]
            let ascii = if R::IS_SERVER {
                frame.mask.apply_inline(payload)
            } else {
                kind == MessageKind::Text && payload.is_ascii()
            };
            if kind == MessageKind::Text && !ascii && !is_utf8(payload) {
                return Err(self.frames.fail_with(ProtocolError::InvalidUtf8));
            }
            let chunk = Chunk { kind, first: true, last: true, rsv: 0, payload };
            return Ok(Received { rest, event: Some(Event::Data(chunk)) });
        }
        if cfg!(target_pointer_width = "64") && bytes.is_empty() {
            return self.frames.nothing(bytes); // the last call for each read
        }
        self.frames.receive_any(bytes, R::IS_SERVER)
    }

    /// The payload of the Ping, Pong or Close that [`receive`](Self::receive) returned last, until it is called again.
    ///
    /// What arrives while a Pong of ours waits to be sent may be cut short behind its first 14 bytes, unless it is a Ping or a
    /// Close; a host that matches Pongs with its Pings gives those 14 bytes of payload at most.
    pub fn control_payload(&self) -> &[u8] {
        self.frames.control.gathered()
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
    pub fn close_code(&self) -> Option<CloseCode> {
        match self.frames.phase {
            Phase::Closed => Some(self.frames.control.close_code().unwrap_or(CloseCode::NO_STATUS)),
            Phase::Failed(_) => Some(CloseCode::ABNORMAL),
            _ => None,
        }
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

/// The first byte of a message in one frame: FIN, no reserved bits, and the opcode.
// RFC 6455 5.2 [6455-5.2-1] [6455-5.2-3]
const TEXT: u8 = 0x80 | Opcode::TEXT.bits();
const BINARY: u8 = 0x80 | Opcode::BINARY.bits();

/// Whether a whole text is UTF-8.
#[inline(never)]
fn is_utf8(text: &[u8]) -> bool {
    let mut utf8 = Utf8Validator::new();
    utf8.push(text).and_then(|()| utf8.finish()).is_ok()
}
