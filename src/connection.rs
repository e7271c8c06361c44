//! The connection after the opening handshake: bytes in, events out; messages in, bytes out (RFC 6455 sections 5 to 7).
//!
//! A [`Connection`] is a [`Receiver`] and a [`Transmitter`]. It owns no buffer: [`receive`](Connection::receive)
//! decodes in the host's buffer and returns the rest, and every send call writes into a buffer of the host. The engine
//! keeps the state, a frame header that arrived in pieces, and the payload of at most one control frame: the reply that
//! is pending until
//! [`poll_transmit`](Connection::poll_transmit) sends it.
//!
//! [`Transport`] says when to close TCP.

mod config;
mod control;
mod event;
mod fragmentation;
mod frames;
mod limits;
mod machine;
mod outgoing;
mod receiver;
mod state;
mod transmitter;
mod written;

pub use config::Config;
pub use control::Reply;
pub use event::{Chunk, Event, MessageKind, Received};
pub use outgoing::Outgoing;
pub use receiver::Receiver;
pub use state::{State, Transport};
pub use transmitter::Transmitter;
pub use written::Written;

use crate::role::{Role, Server};
use crate::wire::error::{ProtocolError, SendError};
use crate::wire::{CloseCode, EncodedHeader, FrameHeader, Opcode, Rsv};

/// Both halves of a connection, for a host that reads and writes in one task. [`split`](Self::split) separates them.
///
/// It begins in the state OPEN: the [opening handshake](crate::handshake) returns it. A host that did the handshake by
/// itself calls [`new`](Self::new).
pub struct Connection<R> {
    receiver: Receiver<R>,
    transmitter: Transmitter<R>,
}

shown! {
    impl[R: Role] Connection<R> {
        state: State = this.state(),
        error: Option<ProtocolError> = this.error(),
        unread_payload: u64 = this.unread_payload(),
        buffered_amount: u64 = this.buffered_amount(),
    } of this
}

impl<R: Role> Connection<R> {
    /// Creates an open connection. The first byte that it receives is the first one after the opening handshake.
    ///
    /// ```
    /// use barews::connection::{Config, State};
    /// use barews::{Connection, Server};
    ///
    /// // The host's HTTP server has sent a 101 with `accept_key`, and hands over the socket:
    /// let config = Config { max_message_size: 4096, ..Config::DEFAULT };
    /// let connection = Connection::new(Server, &config);
    /// assert_eq!(connection.state(), State::Open);
    /// ```
    // RFC 6455 4.1, 4.2.2 [6455-4.1-42]
    pub const fn new(role: R, config: &Config) -> Self {
        Self { receiver: Receiver::new(config), transmitter: Transmitter::new(role, config) }
    }

    /// Reads the next event. See [`Receiver::receive`].
    ///
    /// ```
    /// use barews::connection::{Event, MessageKind};
    /// use barews::{Connection, Server};
    ///
    /// let mut connection = Connection::new(Server, &Default::default());
    /// let mut bytes = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x89\x80\x01\x02\x03\x04";
    /// let got = connection.receive(&mut bytes)?;
    /// let Some(Event::Data(chunk)) = got.event else { panic!() };
    /// assert_eq!((chunk.kind, &chunk.payload[..]), (MessageKind::Text, &b"Hello"[..]));
    ///
    /// let got = connection.receive(got.rest)?; // the rest holds a Ping
    /// assert_eq!(got.event, Some(Event::Ping));
    /// let mut out = [0; barews::wire::MAX_CONTROL_FRAME];
    /// assert_eq!(connection.poll_transmit(&mut out), 2); // and its Pong is due
    /// assert_eq!(out[..2], [0x8A, 0]);
    /// # Ok::<(), barews::ProtocolError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The connection failed, mostly because the peer broke a rule or a limit. Every later call returns the same error.
    /// A Close frame is due, unless the transport has ended.
    #[inline(always)]
    pub fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Received<'b>, ProtocolError> {
        self.receiver.receive(bytes)
    }

    /// Notes the end of the transport: TCP's FIN, a reset, the end of the TLS stream. See [`Receiver::receive_eof`].
    ///
    /// ```
    /// use barews::ProtocolError;
    /// use barews::connection::Transport;
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// // The socket's `read` returned 0, and no Close frame came before:
    /// assert_eq!(connection.receive_eof(), Err(ProtocolError::UnexpectedEof));
    /// assert_eq!(connection.transport(), Transport::Close);
    /// assert_eq!(connection.write_text("late", &mut [0; 64]), Err(barews::SendError::Closing));
    /// ```
    ///
    /// # Errors
    ///
    /// [`ProtocolError::UnexpectedEof`] when no Close frame came before, or the error that the connection failed with.
    pub fn receive_eof(&mut self) -> Result<(), ProtocolError> {
        self.receiver.receive_eof()
    }

    /// Fails the connection for a reason that the host found, such as bad data in an extension. See [`Receiver::fail`].
    ///
    /// ```
    /// use barews::ProtocolError;
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// connection.fail(ProtocolError::InvalidUtf8); // the host's own inflater returned text that is not UTF-8
    /// let mut out = [0; barews::wire::MAX_CONTROL_FRAME];
    /// let len = connection.poll_transmit(&mut out);
    /// assert_eq!(out[..len], *b"\x88\x02\x03\xEF"); // a Close with 1007
    /// assert_eq!(connection.receive(&mut [0x81]), Err(ProtocolError::InvalidUtf8)); // nothing more is received
    /// ```
    pub fn fail(&mut self, error: ProtocolError) {
        self.receiver.fail(error);
    }

    /// Returns the payload of the control frame that [`receive`](Self::receive) returned last. See
    /// [`Receiver::control_payload`].
    ///
    /// See [`write_ping`](Self::write_ping) for an example.
    #[must_use]
    pub fn control_payload(&self) -> &[u8] {
        self.receiver.control_payload()
    }

    /// Returns whether [`control_payload`](Self::control_payload) has only the beginning of the payload. See
    /// [`Receiver::is_control_payload_cut`].
    ///
    /// ```
    /// use barews::connection::{Event, MessageKind};
    ///
    /// let mut connection = barews::Connection::new(barews::Client(|| [0; 4]), &Default::default());
    /// // The Pong for a long Ping is pending, because a frame of ours is in progress.
    /// let _header = connection.begin_frame(MessageKind::Binary, true, 1)?;
    /// let mut ping = [7; 127];
    /// ping[..2].copy_from_slice(b"\x89\x7D");
    /// assert_eq!(connection.receive(&mut ping)?.event, Some(Event::Ping));
    /// let mut pong = *b"\x8A\x100123456789abcdef";
    /// assert_eq!(connection.receive(&mut pong)?.event, Some(Event::Pong));
    /// assert_eq!(connection.control_payload(), b"0123456789abcd");
    /// assert!(connection.is_control_payload_cut());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_control_payload_cut(&self) -> bool {
        self.receiver.is_control_payload_cut()
    }

    /// Returns how many payload bytes of the frame being received are still to come. See [`Receiver::unread_payload`].
    ///
    /// ```
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut read = *b"\x82\xFE\x10\x00\0\0\0\0start"; // a header that announces 4,096 bytes, and the first 5
    /// let _chunk = connection.receive(&mut read)?;
    /// assert_eq!(connection.unread_payload(), 4091);
    /// # Ok::<(), barews::ProtocolError>(())
    /// ```
    #[must_use]
    pub fn unread_payload(&self) -> u64 {
        self.receiver.unread_payload()
    }

    /// Returns whether the data frame in progress is the last of its message. See [`Receiver::is_last_frame`].
    ///
    /// A relay keeps the boundaries of frames with it. The length of a frame is that of its first chunk and what is still
    /// to come:
    ///
    /// ```
    /// use barews::connection::Event;
    ///
    /// let mut client = barews::Connection::new(barews::Client(|| [0; 4]), &Default::default());
    /// let mut server = barews::Connection::new(barews::Server, &Default::default());
    /// let (mut left, mut out) = (0, Vec::new());
    /// for mut read in [b"\x02\x05He".to_vec(), b"llo\x80\x01".to_vec(), b"!".to_vec()] {
    ///     let mut rest = &mut read[..];
    ///     while let received = client.receive(rest)?
    ///         && let Some(Event::Data(chunk)) = received.event
    ///     {
    ///         if left == 0 {
    ///             left = chunk.payload.len() as u64 + client.unread_payload();
    ///             let header = server.begin_frame(chunk.kind, chunk.last || client.is_last_frame(), left)?;
    ///             out.extend_from_slice(header.as_bytes());
    ///         }
    ///         left -= chunk.payload.len() as u64;
    ///         server.mask_payload(chunk.payload)?;
    ///         out.extend_from_slice(chunk.payload);
    ///         rest = received.rest;
    ///     }
    /// }
    /// assert_eq!(out, b"\x02\x05Hello\x80\x01!");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_last_frame(&self) -> bool {
        self.receiver.is_last_frame()
    }

    /// Writes the control frame that is due: the Pong that answers the newest Ping, or the Close that answers a Close
    /// or an error. Returns its length; 0 when nothing is due, or while the payload of a data frame is not complete.
    ///
    /// Call it after each [`receive`](Self::receive) until it returns 0, before waiting for anything. `out` should have
    /// [`MAX_CONTROL_FRAME`](crate::wire::MAX_CONTROL_FRAME) bytes; a frame that does not fit stays due. No Pong is sent after
    /// our Close frame. A newer Ping replaces a pending Pong: when it is complete or, if both payloads together exceed
    /// 139 bytes, as soon as its header is.
    ///
    /// ```
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut read = *b"\x89\x81\0\0\0\0a\x89\x81\0\0\0\0b"; // two Pings, while the transport accepts no bytes
    /// let mut rest = &mut read[..];
    /// while let got = connection.receive(rest)?
    ///     && got.event.is_some()
    /// {
    ///     rest = got.rest;
    /// }
    /// let (mut out, mut socket) = ([0; barews::wire::MAX_CONTROL_FRAME], Vec::new());
    /// while let len @ 1.. = connection.poll_transmit(&mut out) {
    ///     socket.extend_from_slice(&out[..len]); // here the host writes to the transport
    /// }
    /// assert_eq!(socket, b"\x8A\x01b"); // only the newest Ping is answered
    /// # Ok::<(), barews::ProtocolError>(())
    /// ```
    // RFC 6455 5.5.1, 5.5.2: as soon as practical, after the current frame
    // [6455-5.5.1-8] [6455-5.5.2-3]
    #[must_use]
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> usize {
        let Some((opcode, payload)) = self.receiver.due() else { return 0 };
        match self.transmitter.control(opcode, payload, out) {
            Ok(written) => {
                self.receiver.forget_due();
                written.len()
            }
            Err(SendError::Closing) => {
                self.receiver.forget_due(); // our Close is out, and nothing follows it
                0
            }
            Err(_) => 0,
        }
    }

    /// Returns how many bytes are still to be sent: the control frame that is due, and the rest of the current frame's
    /// payload.
    ///
    /// ```
    /// use barews::connection::MessageKind;
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut read = *b"\x89\x80\0\0\0\0"; // a Ping
    /// let _ping = connection.receive(&mut read)?;
    /// assert_eq!(connection.buffered_amount(), 2); // its Pong, without payload
    /// let _header = connection.begin_frame(MessageKind::Binary, true, 1000)?;
    /// connection.mask_payload(&mut [7; 400])?;
    /// assert_eq!(connection.buffered_amount(), 602); // the rest of the frame, then the Pong
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn buffered_amount(&self) -> u64 {
        let reply = match self.receiver.due() {
            Some((_, payload)) if !self.transmitter.close_sent() => {
                let len = payload.len() as u64;
                len.saturating_add(FrameHeader::encoded_len(!R::IS_SERVER, len) as u64)
            }
            _ => 0,
        };
        reply.saturating_add(self.transmitter.unsent_payload())
    }

    /// Returns whether [`poll_transmit`](Self::poll_transmit) has something to write.
    pub(crate) fn is_due(&self) -> bool {
        self.receiver.is_due() && self.transmitter.unsent_payload() == 0 && !self.transmitter.close_sent()
    }

    /// Returns whether a Ping or our Close can be sent now.
    pub(crate) fn can_send(&self) -> bool {
        self.state() == State::Open && self.transmitter.unsent_payload() == 0
    }

    /// Writes a text message as one frame. See [`Transmitter::write_text`].
    ///
    /// ```
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut out = [0; 64];
    /// let len = connection.write_text("Hello", &mut out)?.len();
    /// assert_eq!(out[..len], *b"\x81\x05Hello");
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    #[inline]
    pub fn write_text(&mut self, text: &str, out: &mut [u8]) -> Result<Written, SendError> {
        self.write_unvalidated(MessageKind::Text, text.as_bytes(), out)
    }

    /// Writes a binary message as one frame. See [`Transmitter::write_binary`].
    ///
    /// ```
    /// use barews::SendError;
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let reading = 21.5_f32.to_be_bytes();
    /// assert_eq!(connection.write_binary(&reading, &mut [0; 4]), Err(SendError::BufferTooSmall { need: 6 }));
    /// let mut out = [0; 6]; // nothing has changed, so the call can be repeated
    /// let len = connection.write_binary(&reading, &mut out)?.len();
    /// assert_eq!(out[..len], *b"\x82\x04\x41\xAC\0\0");
    /// # Ok::<(), SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    #[inline]
    pub fn write_binary(&mut self, data: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        self.write_unvalidated(MessageKind::Binary, data, out)
    }

    /// Writes a message of any kind as one frame. Text must be UTF-8. See [`Transmitter::write_unvalidated`].
    ///
    /// ```
    /// use barews::connection::Event;
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut read = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    /// let Some(Event::Data(chunk)) = connection.receive(&mut read)?.event else { panic!() };
    /// assert!(chunk.first && chunk.last); // a whole message: send it back, whatever its kind
    /// let mut out = [0; 64];
    /// let len = connection.write_unvalidated(chunk.kind, chunk.payload, &mut out)?.len();
    /// assert_eq!(out[..len], *b"\x81\x05Hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    #[inline]
    pub fn write_unvalidated(&mut self, kind: MessageKind, body: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        self.check_open()?;
        self.transmitter.write_unvalidated(kind, body, out)
    }

    /// Writes the next fragment of a message; its length is 0 when the message is complete. See
    /// [`Transmitter::write_fragment`].
    ///
    /// See [`Outgoing`] for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    pub fn write_fragment(&mut self, message: &mut Outgoing<'_>, out: &mut [u8]) -> Result<Written, SendError> {
        self.check_open()?;
        self.transmitter.write_fragment(message, out)
    }

    /// Returns the header of a data frame whose payload the host sends by itself. See [`Transmitter::begin_frame`].
    ///
    /// ```
    /// use barews::connection::MessageKind;
    ///
    /// let mut connection = barews::Connection::new(barews::Client(|| [1, 2, 3, 4]), &Default::default());
    /// let mut body = *b"Hello"; // a copy of ours: it is masked in place
    /// let header = connection.begin_frame(MessageKind::Text, true, body.len() as u64)?;
    /// connection.mask_payload(&mut body)?;
    /// assert_eq!(header.as_bytes(), b"\x81\x85\x01\x02\x03\x04");
    /// assert_eq!(&body, b"Igohn");
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    #[inline]
    pub fn begin_frame(&mut self, kind: MessageKind, fin: bool, len: u64) -> Result<EncodedHeader, SendError> {
        self.check_open()?;
        self.transmitter.begin_frame(kind, fin, len)
    }

    /// Returns the header of a data frame with this payload, and masks the payload in place if this is a client. See
    /// [`Transmitter::frame`].
    ///
    /// ```
    /// use barews::connection::MessageKind;
    ///
    /// let mut connection = barews::Connection::new(barews::Client(|| [1, 2, 3, 4]), &Default::default());
    /// let mut body = *b"Hello"; // a copy of ours: it is masked
    /// let header = connection.frame(MessageKind::Text, true, &mut body)?;
    /// assert_eq!((header.as_bytes(), &body), (&b"\x81\x85\x01\x02\x03\x04"[..], b"Igohn")); // write both
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    #[inline]
    pub fn frame(&mut self, kind: MessageKind, fin: bool, payload: &mut [u8]) -> Result<EncodedHeader, SendError> {
        self.check_open()?;
        self.transmitter.frame(kind, fin, payload)
    }

    /// [`begin_frame`](Self::begin_frame) with reserved bits, for an extension. See [`Transmitter::begin_frame_with_rsv`].
    ///
    /// ```
    /// use barews::connection::{Config, MessageKind};
    /// use barews::wire::Rsv;
    ///
    /// // The handshake agreed to permessage-deflate, and the host deflates by itself.
    /// let config = Config { extension_rsv: Rsv::RSV1, ..Config::DEFAULT };
    /// let mut connection = barews::Connection::new(barews::Server, &config);
    /// let hello = b"\xF2\x48\xCD\xC9\xC9\x07\x00";
    /// let header = connection.begin_frame_with_rsv(MessageKind::Text, true, Rsv::RSV1, hello.len() as u64)?;
    /// connection.count_payload(hello)?;
    /// assert_eq!(header.as_bytes(), b"\xC1\x07");
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    pub fn begin_frame_with_rsv(
        &mut self,
        kind: MessageKind,
        fin: bool,
        rsv: Rsv,
        len: u64,
    ) -> Result<EncodedHeader, SendError> {
        self.check_open()?;
        self.transmitter.begin_frame_with_rsv(kind, fin, rsv, len)
    }

    /// Counts the next piece of the frame's payload, and masks it in place if this is a client. See
    /// [`Transmitter::mask_payload`].
    ///
    /// See [`begin_frame`](Self::begin_frame) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError::PayloadTooLong`]; nothing is changed.
    #[inline]
    pub fn mask_payload(&mut self, part: &mut [u8]) -> Result<(), SendError> {
        self.transmitter.mask_payload(part) // while closing, too: the current frame is completed
    }

    /// Copies the next piece of the frame's payload to `out`, as much of it as fits, and masks it if this is a client.
    /// See
    /// [`Transmitter::copy_payload`].
    ///
    /// ```
    /// use barews::connection::MessageKind;
    ///
    /// let mut connection = barews::Connection::new(barews::Client(|| [1, 2, 3, 4]), &Default::default());
    /// let (mut body, mut out, mut sent) = (&b"Hello"[..], [0; 4], Vec::new());
    /// sent.extend_from_slice(connection.begin_frame(MessageKind::Text, true, 5)?.as_bytes());
    /// while !body.is_empty() {
    ///     let len = connection.copy_payload(body, &mut out)?.len();
    ///     sent.extend_from_slice(&out[..len]);
    ///     body = &body[len..];
    /// }
    /// assert_eq!(sent, b"\x81\x85\x01\x02\x03\x04Igohn");
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError::PayloadTooLong`]; nothing is changed.
    #[inline]
    pub fn copy_payload(&mut self, part: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        self.transmitter.copy_payload(part, out)
    }

    /// Writes a Ping with up to 125 bytes of payload, which the peer's Pong repeats.
    ///
    /// ```
    /// use barews::connection::Event;
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut out = [0; 16];
    /// let len = connection.write_ping(b"no 7", &mut out)?.len();
    /// assert_eq!(out[..len], *b"\x89\x04no 7");
    ///
    /// let mut read = *b"\x8A\x84\0\0\0\0no 7"; // the peer's Pong repeats the payload
    /// assert_eq!(connection.receive(&mut read)?.event, Some(Event::Pong));
    /// assert_eq!(connection.control_payload(), b"no 7");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    pub fn write_ping(&mut self, payload: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        self.check_open()?;
        self.transmitter.write_ping(payload, out)
    }

    /// Writes an unsolicited Pong. [`poll_transmit`](Self::poll_transmit) answers Pings.
    ///
    /// ```
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut out = [0; 2];
    /// let len = connection.write_pong(b"", &mut out)?.len(); // a heartbeat that the peer does not answer
    /// assert_eq!(out[..len], [0x8A, 0]);
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    pub fn write_pong(&mut self, payload: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        self.check_open()?;
        self.transmitter.write_pong(payload, out)
    }

    /// Writes a control frame with an opcode that an extension defines. See [`Transmitter::write_extension_control`].
    ///
    /// ```
    /// use barews::connection::{Config, Event};
    /// use barews::wire::Opcode;
    ///
    /// let opcode = Opcode::from_bits(0xB); // defined by an extension that the handshake agreed to
    /// let config = Config { extension_opcodes: 1 << opcode.bits(), ..Config::DEFAULT };
    /// let mut connection = barews::Connection::new(barews::Server, &config);
    /// let mut out = [0; 16];
    /// let len = connection.write_extension_control(opcode, b"?", &mut out)?.len();
    /// assert_eq!(out[..len], *b"\x8B\x01?");
    ///
    /// let mut read = *b"\x8B\x81\0\0\0\0!"; // the peer may send it as well
    /// assert_eq!(connection.receive(&mut read)?.event, Some(Event::ExtensionControl(opcode)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        self.check_open()?;
        self.transmitter.write_extension_control(opcode, payload, out)
    }

    /// Writes a Close frame: starts the closing handshake, or answers the peer's Close instead of
    /// [`poll_transmit`](Self::poll_transmit). See [`Transmitter::write_close`].
    ///
    /// ```
    /// use barews::connection::State;
    /// use barews::wire::CloseCode;
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut out = [0; barews::wire::MAX_CONTROL_FRAME];
    /// let len = connection.write_close(CloseCode::GOING_AWAY, "restart", &mut out)?.len();
    /// assert_eq!(out[..len], *b"\x88\x09\x03\xE9restart");
    /// // Go on receiving: the peer can send messages until it answers with its own Close frame.
    /// assert_eq!(connection.state(), State::Closing);
    /// assert_eq!(connection.write_text("late", &mut out), Err(barews::SendError::Closing));
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    pub fn write_close(&mut self, code: CloseCode, reason: &str, out: &mut [u8]) -> Result<Written, SendError> {
        self.check_not_lost()?;
        self.transmitter.write_close(code, reason, out)
    }

    /// Writes a Close frame with 1001 and no reason. Smaller than [`write_close`](Self::write_close).
    pub(crate) fn go_away(&mut self, out: &mut [u8]) -> Result<Written, SendError> {
        self.check_open()?;
        self.transmitter.control(Opcode::CLOSE, &CloseCode::GOING_AWAY.0.to_be_bytes(), out)
    }

    /// Like [`write_close`](Self::write_close), without a status code.
    ///
    /// ```
    /// let mut connection = barews::Connection::new(barews::Client(|| [1, 2, 3, 4]), &Default::default());
    /// let mut out = [0; 6];
    /// let len = connection.write_close_without_status(&mut out)?.len();
    /// assert_eq!(out[..len], *b"\x88\x80\x01\x02\x03\x04"); // the server reports 1005 for it
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    pub fn write_close_without_status(&mut self, out: &mut [u8]) -> Result<Written, SendError> {
        self.check_not_lost()?;
        self.transmitter.write_close_without_status(out)
    }

    /// Returns the state of the connection.
    ///
    /// See [`write_close`](Self::write_close) for an example.
    #[must_use]
    pub fn state(&self) -> State {
        self.receiver.state(self.transmitter.close_sent())
    }

    /// Says what to do with the transport once [`poll_transmit`](Self::poll_transmit) has returned 0. The answer stays
    /// the same after the host has done it.
    ///
    /// ```
    /// use barews::connection::Transport;
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut read = *b"\x88\x80\0\0\0\0"; // the peer's Close frame
    /// let _close = connection.receive(&mut read)?;
    /// assert_eq!(connection.transport(), Transport::Keep); // ours is due
    /// assert_eq!(connection.poll_transmit(&mut [0; barews::wire::MAX_CONTROL_FRAME]), 2);
    /// assert_eq!(connection.transport(), Transport::HalfClose); // shut down writing, then read and discard
    /// connection.receive_eof()?;
    /// assert_eq!(connection.transport(), Transport::Close);
    /// # Ok::<(), barews::ProtocolError>(())
    /// ```
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.receiver.transport(self.transmitter.close_sent())
    }

    /// Returns the error that the connection failed with. See [`Receiver::error`].
    ///
    /// ```
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut bytes = *b"\x81\x00"; // a frame without a mask
    /// while connection.receive(&mut bytes).is_ok() {} // a loop that ends at an error
    /// assert_eq!(connection.error(), Some(barews::ProtocolError::NotMasked));
    /// ```
    #[must_use]
    pub const fn error(&self) -> Option<ProtocolError> {
        self.receiver.error()
    }

    /// Returns how the connection closed, as RFC 6455 section 7.1.5 defines it: the code of the Close frame received,
    /// 1005 if that had no code, 1006 if the connection failed or ended without a Close frame. `None` before that.
    ///
    /// ```
    /// use barews::connection::Event;
    /// use barews::wire::CloseCode;
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut read = *b"\x88\x85\0\0\0\0\x03\xE9bye"; // the user leaves the page
    /// assert_eq!(connection.receive(&mut read)?.event, Some(Event::Close(Some(CloseCode::GOING_AWAY))));
    /// assert_eq!(connection.close_code(), Some(CloseCode::GOING_AWAY));
    /// assert_eq!(connection.close_reason(), "bye");
    /// let mut out = [0; barews::wire::MAX_CONTROL_FRAME];
    /// let len = connection.poll_transmit(&mut out); // the answer repeats the code
    /// assert_eq!(out[..len], *b"\x88\x02\x03\xE9");
    /// assert!(connection.is_clean());
    /// # Ok::<(), barews::ProtocolError>(())
    /// ```
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        self.receiver.close_code()
    }

    /// Returns the reason in the Close frame received, or the empty string (RFC 6455 section 7.1.6).
    ///
    /// See [`close_code`](Self::close_code) for an example.
    #[must_use]
    pub fn close_reason(&self) -> &str {
        self.receiver.close_reason()
    }

    /// Returns whether the closing handshake is complete: Close frames were sent both ways (RFC 6455 section 7.1.4).
    ///
    /// See [`close_code`](Self::close_code) for an example.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.receiver.close_received() && self.transmitter.close_sent() // [6455-7.1.4-1]
    }

    /// Returns the transmitter, which sends until our own Close is sent: also after the peer's Close or an error, when the
    /// calls of the connection fail with [`SendError::Closing`].
    ///
    /// A relay needs it, because what comes from its other side was on its way before that Close. Its peer need not read
    /// it (RFC 6455 section 5.5.1). The transmitter does not know whether the transport has ended.
    ///
    /// ```
    /// use barews::SendError;
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut read = *b"\x88\x80\0\0\0\0"; // the peer's Close frame
    /// let _close = connection.receive(&mut read)?;
    /// let mut out = [0; 16];
    /// assert_eq!(connection.write_text("last", &mut out), Err(SendError::Closing));
    /// let len = connection.transmitter().write_text("last", &mut out)?.len();
    /// assert_eq!(out[..len], *b"\x81\x04last");
    /// assert_eq!(connection.poll_transmit(&mut out), 2); // then our Close
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn transmitter(&mut self) -> &mut Transmitter<R> {
        &mut self.transmitter
    }

    /// Separates the two halves, for two tasks without a lock between them.
    ///
    /// The reading task takes each reply by [`Receiver::take_reply`] and passes it to the writing task through a
    /// channel of the host. The writing task sends it by [`Transmitter::write_reply`]: a Pong at once, a Close after
    /// the messages that were queued before it. It reports to the reading task when our Close frame was sent, which
    /// [`Receiver::transport`] needs to know.
    ///
    /// See [`Receiver`] and [`Transmitter`] for an example of each half.
    pub fn split(self) -> (Receiver<R>, Transmitter<R>) {
        (self.receiver, self.transmitter)
    }

    /// Returns the whole state, for tests that compare it. `Debug` omits keys and payloads.
    #[doc(hidden)]
    pub fn internals(&self) -> impl core::fmt::Debug + '_ {
        (self.receiver.internals(), self.transmitter.internals())
    }

    /// RFC 6455 6.1: data is sent in the state OPEN only [6455-6.1-2]
    #[inline]
    fn check_open(&self) -> Result<(), SendError> {
        if self.receiver.is_open() { Ok(()) } else { Err(SendError::Closing) }
    }

    fn check_not_lost(&self) -> Result<(), SendError> {
        if self.receiver.is_lost() { Err(SendError::Closing) } else { Ok(()) }
    }
}

impl Connection<Server> {
    /// Counts the next piece of a payload that other connections send as well. See [`Transmitter::count_payload`].
    ///
    /// ```
    /// use barews::connection::MessageKind;
    ///
    /// let message: std::sync::Arc<[u8]> = (*b"to all").into();
    /// let mut room = [0; 3].map(|_| barews::Connection::new(barews::Server, &Default::default()));
    /// for connection in &mut room {
    ///     let header = connection.begin_frame(MessageKind::Text, true, message.len() as u64)?;
    ///     connection.count_payload(&message)?;
    ///     // here the host writes both, in one vectored write
    ///     assert_eq!(header.as_bytes(), b"\x81\x06");
    /// }
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError::PayloadTooLong`]; nothing is changed.
    #[inline]
    pub fn count_payload(&mut self, part: &[u8]) -> Result<(), SendError> {
        self.transmitter.count_payload(part)
    }
}
