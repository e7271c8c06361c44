//! A session: one value from the first byte of the opening handshake to the end of the transport.
//!
//! A [`Session`] joins the [handshake](crate::handshake), the [`Connection`] and the [`Deadlines`], and keeps what is
//! to be written. The host moves bytes and passes the time. This loop is complete, but for the transport's deadline and
//! its half-close:
//!
//! ```
//! use barews::HandshakeError;
//! use barews::connection::{Config, Transport};
//! use barews::deadlines::Timeouts;
//! use barews::handshake::{Accept, OriginPolicy, ServerConfig};
//! use barews::session::{Event, Session};
//! # use std::io::{Read, Write};
//! # fn clock() -> u64 { 0 }
//!
//! static SERVER: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);
//!
//! fn serve(mut stream: impl Read + Write) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut now = clock(); // in milliseconds
//!     let mut session = Session::server(&SERVER, [0; 512], Timeouts::MILLISECONDS, now);
//!     let (mut rx, mut unread, mut tx) = ([0; 4096], 0..0, [0; 512]);
//!     loop {
//!         while let len @ 1.. = session.poll_transmit(&mut tx) {
//!             stream.write_all(&tx[..len])?;
//!         }
//!         match session.transport() {
//!             Transport::Close => return Ok(()),
//!             Transport::HalfClose => {} // shut down the writing side, and go on reading
//!             Transport::Keep | Transport::AwaitEof => {}
//!         }
//!         let received = session.receive(&mut rx[unread.clone()], now);
//!         unread.start = unread.end - received.rest.len();
//!         match received.event {
//!             Some(Event::Request) => {
//!                 if session.accept(&Accept::default(), &Config::DEFAULT).is_err() {
//!                     session.refuse(HandshakeError::Upgrade)?; // a request for a page
//!                 }
//!             }
//!             Some(Event::Data(chunk)) => {
//!                 let connection = session.sender(now)?;
//!                 let header = connection.begin_frame(chunk.kind, chunk.last, chunk.payload.len() as u64)?;
//!                 connection.mask_payload(chunk.payload)?;
//!                 stream.write_all(header.as_bytes())?;
//!                 stream.write_all(chunk.payload)?;
//!             }
//!             Some(Event::Failed(error)) => eprintln!("{error}"),
//!             Some(_) => {}
//!             None => {
//!                 unread = 0..stream.read(&mut rx)?; // wait until `session.poll_timeout()` at most
//!                 now = clock();
//!                 if unread.is_empty() {
//!                     session.receive_eof(now);
//!                 }
//!             }
//!         }
//!     }
//! }
//! # struct Script(&'static [u8], Vec<u8>);
//! # impl Read for &mut Script { fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> { self.0.read(out) } }
//! # impl Write for &mut Script {
//! #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> { self.1.write(bytes) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # let mut script = Script(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//! #     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\
//! #     \x81\x82\0\0\0\0hi\x88\x80\0\0\0\0", Vec::new());
//! # serve(&mut script).unwrap();
//! # assert!(script.1.ends_with(b"\r\n\r\n\x81\x02hi\x88\x00"));
//! ```
//!
//! What is due must be written before the loop waits. A response of the handshake must be written before a send call,
//! so [`sender`](Session::sender) is an error until then. Read the clock after a wait, not before each call: a write
//! that blocks must not make bytes late that have arrived meanwhile. A host that closes by itself, or sets
//! [`Timeouts::idle`], can still receive data: then `begin_frame` fails with [`SendError::Closing`], which is no reason
//! to leave the loop.
//!
//! A host that needs the parts, for two tasks for example, takes them when the handshake is done:
//! [`into_parts`](Session::into_parts).

mod error;
mod event;
mod opening;

pub use error::{Error, Fault};
pub use event::{Event, Received};
use opening::Opening;
pub use opening::SessionRole;

use crate::bytes::copy;
use crate::connection::{Config, Connection, State, Transport, Written};
use crate::connection::{Event as Incoming, Received as Taken};
use crate::deadlines::{Deadlines, Reason, Timeout, Timeouts};
use crate::handshake::error::{BuildError, HandshakeError};
use crate::handshake::{Accept, ClientConfig, ClientHandshake, ClientRequest, Progress, Request, Response};
use crate::handshake::{ServerConfig, ServerHandshake};
use crate::role::{Client, MaskingKeys, Server};
use crate::target::FAST;
use crate::wire::error::{ProtocolError, SendError};

/// One WebSocket, from the first byte of the opening handshake to the end of the transport. See the [module](self).
///
/// `R` is the role, [`Server`] or [`Client`]. `S` is the storage of the handshake, as for a [`ServerHandshake`]. The
/// session also keeps its request or its response there until that is sent. A response takes 129 bytes and what
/// [`Accept`] adds; a refusal that does not fit is not sent. The storage stays in the session: a lent slice,
/// `&mut [u8]`, can serve another one afterwards.
///
/// A client:
///
/// ```
/// use barews::connection::Config;
/// use barews::deadlines::Timeouts;
/// use barews::handshake::{ClientConfig, ClientRequest, Uri};
/// use barews::session::{Error, Event, Fault, Session};
/// use barews::wire::CloseCode;
/// # fn random<const N: usize>() -> [u8; N] { [7; N] }
/// # let nonce = *b"the sample nonce";
///
/// let request = ClientRequest::new(Uri::parse("ws://example.com/")?);
/// let mut session = Session::client(&ClientConfig::DEFAULT, &request, nonce, [0; 512], Timeouts::MILLISECONDS, 0)?;
/// let mut out = [0; 512];
/// let len = session.poll_transmit(&mut out); // the request, to be written
/// # assert!(out[..len].starts_with(b"GET / HTTP/1.1\r\n"));
///
/// # let mut read = *b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
/// #     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// // `read` holds bytes from the transport.
/// assert_eq!(session.receive(&mut read, 5).event, Some(Event::Response));
/// if session.response().is_some_and(|response| response.is_accepted()) {
///     session.connect(random::<4>, &Config::DEFAULT)?;
/// }
/// assert!(session.is_open());
/// let len = session.sender(6)?.write_text("Hello", &mut out)?.len();
/// assert_eq!(len, 11);
///
/// // The transport ends without a Close frame.
/// session.receive_eof(7);
/// let Some(Event::Failed(error)) = session.receive(&mut [], 7).event else { panic!() };
/// assert_eq!((session.error(), error.fault()), (Some(error), Fault::Transport));
/// assert_eq!(session.connection().and_then(|connection| connection.close_code()), Some(CloseCode::ABNORMAL));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session<'c, R: SessionRole, S: AsRef<[u8]> + AsMut<[u8]>> {
    stage: Stage<'c, R, S>,
    deadlines: Deadlines,
    /// The latest time that the host has passed. An earlier one counts as this.
    now: u64,
    /// The head that is still to be sent, a range of the storage, and a body after it.
    head: core::ops::Range<usize>,
    body: &'c [u8],
    /// A request was answered without a WebSocket, or refused: the transport ends after the answer.
    answered: bool,
    /// The transport has ended; and whether that was reported.
    eof: bool,
    eof_reported: bool,
    /// The peer did not answer a Ping or a Close in time.
    expired: bool,
    /// A Ping of the keepalive that is due.
    ping: Option<[u8; 4]>,
    /// A Close is due because of [`Timeouts::idle`].
    idle: bool,
    error: Option<Error>,
    /// Bytes arrived that the deadlines do not know of yet: they need to know once a read, not at each event.
    heard: bool,
}

#[allow(clippy::large_enum_variant, reason = "without an allocator the session has room for the largest")]
enum Stage<'c, R: SessionRole, S: AsRef<[u8]> + AsMut<[u8]>> {
    Opening(R::Handshake<'c, S>),
    Open {
        connection: Connection<R>,
        storage: S,
    },
    /// Between the two, inside a call.
    Moving,
}

shown! {
    impl['c, R: SessionRole, S: AsRef<[u8]> + AsMut<[u8]>] Session<'c, R, S> {
        is_open: bool = this.is_open(),
        transport: Transport = this.transport(),
        error: Option<Error> = this.error,
    } of this
}

impl<'c, S: AsRef<[u8]> + AsMut<[u8]>> Session<'c, Server, S> {
    /// Creates a server's session when a transport was accepted.
    pub const fn server(config: &'c ServerConfig<'c>, storage: S, timeouts: Timeouts, now: u64) -> Self {
        Self::new(Stage::Opening(ServerHandshake::new(config, storage)), 0, timeouts, now)
    }

    /// Returns the request after [`Event::Request`], until it is answered. It borrows the session: copy what you need
    /// when it is answered. See [`respond`](Self::respond) for an example.
    #[must_use]
    pub fn request(&self) -> Option<Request<'_>> {
        match &self.stage {
            Stage::Opening(handshake) if !self.answered => handshake.request(),
            _ => None,
        }
    }

    /// Accepts the upgrade. The response is due; the connection can send after it.
    ///
    /// # Errors
    ///
    /// Those of [`ServerHandshake::accept`]. [`BuildError::BufferTooSmall`] if the storage is too small for the
    /// response.
    pub fn accept(&mut self, response: &Accept<'_>, config: &Config) -> Result<(), BuildError> {
        let Stage::Opening(handshake) = &mut self.stage else { return Err(BuildError::NotNow) };
        let len = handshake.accept_in_place(response)?;
        self.open(Connection::new(Server, config));
        self.head = 0..len;
        Ok(())
    }

    /// Answers with a page, a redirect or a refusal, as [`ServerHandshake::respond`] does. The response is due, then
    /// the transport ends. `body` must live as long as the configuration; for others there is
    /// [`respond_head`](Self::respond_head). The peer has [`Timeouts::closing`] to take the response and to end the
    /// stream.
    ///
    /// ```
    /// # use barews::connection::{Config, Transport};
    /// # use barews::deadlines::Timeouts;
    /// # use barews::handshake::{Accept, OriginPolicy, ServerConfig};
    /// # use barews::session::{Event, Session};
    /// # static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
    /// # let mut session = Session::server(&CONFIG, [0; 512], Timeouts::MILLISECONDS, 0);
    /// # let mut out = [0; 512];
    /// # let mut read = *b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    /// # assert_eq!(session.receive(&mut read, 0).event, Some(Event::Request));
    /// // After `Event::Request`:
    /// let request = session.request().map(|request| (request.is_upgrade(), request.target()));
    /// match request {
    ///     Some((true, "/chat")) => session.accept(&Accept::default(), &Config::DEFAULT)?,
    ///     Some((false, "/")) => session.respond(200, &[("Content-Type", "text/html")], b"<!doctype html>")?,
    ///     _ => session.respond(404, &[], b"")?,
    /// }
    /// let len = session.poll_transmit(&mut out);
    /// assert!(out[..len].ends_with(b"\r\n\r\n<!doctype html>"));
    /// assert_eq!(session.transport(), Transport::HalfClose);
    /// # Ok::<(), barews::BuildError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`ServerHandshake::respond`]. [`BuildError::BufferTooSmall`] if the storage is too small for the head.
    pub fn respond(&mut self, status: u16, fields: &[(&str, &str)], body: &'c [u8]) -> Result<(), BuildError> {
        let has_body = matches!(&self.stage, Stage::Opening(handshake) if handshake.sends_body(status));
        self.respond_head(status, fields, body.len())?;
        self.body = if has_body { body } else { &[] };
        Ok(())
    }

    /// Like [`respond`](Self::respond), but without the body. The host writes its `content_length` bytes itself when
    /// [`poll_transmit`](Self::poll_transmit) has returned 0, and then does what [`transport`](Self::transport) says.
    /// See [`ServerHandshake::respond_head`] for an example.
    ///
    /// # Errors
    ///
    /// Those of [`respond`](Self::respond).
    pub fn respond_head(
        &mut self,
        status: u16,
        fields: &[(&str, &str)],
        content_length: usize,
    ) -> Result<(), BuildError> {
        let Stage::Opening(handshake) = &mut self.stage else { return Err(BuildError::NotNow) };
        if self.answered {
            return Err(BuildError::NotNow);
        }
        self.head = 0..handshake.respond_in_place(status, fields, content_length)?;
        self.answered = true;
        Ok(())
    }

    /// Calls [`respond`](Self::respond) with the status of `error`, and with its text as a readable body.
    ///
    /// # Errors
    ///
    /// Those of [`respond`](Self::respond).
    pub fn refuse(&mut self, error: HandshakeError) -> Result<(), BuildError> {
        self.respond(error.status(), &[("Content-Type", "text/plain")], error.text().as_bytes())
    }
}

impl<'c, K: MaskingKeys, S: AsRef<[u8]> + AsMut<[u8]>> Session<'c, Client<K>, S> {
    /// Creates a client's session when its transport is open, with TLS if
    /// [`Uri::secure`](crate::handshake::Uri::secure). The request is due. `nonce` must be 16 fresh random bytes, as
    /// for [`ClientHandshake::new`].
    ///
    /// # Errors
    ///
    /// Those of [`ClientHandshake::request`]. [`BuildError::BufferTooSmall`] if the storage is too small for the
    /// request.
    pub fn client(
        config: &'c ClientConfig<'c>,
        request: &ClientRequest<'_>,
        nonce: [u8; 16],
        storage: S,
        timeouts: Timeouts,
        now: u64,
    ) -> Result<Self, BuildError> {
        let mut handshake = ClientHandshake::new(config, nonce, storage);
        let len = handshake.request_in_place(request)?;
        Ok(Self::new(Stage::Opening(handshake), len, timeouts, now))
    }

    /// Returns the response after [`Event::Response`], until [`connect`](Self::connect).
    #[must_use]
    pub fn response(&self) -> Option<Response<'_>> {
        if let Stage::Opening(handshake) = &self.stage { handshake.response() } else { None }
    }

    /// Opens the connection after a response that is accepted.
    ///
    /// # Errors
    ///
    /// Those of [`ClientHandshake::connect`].
    pub fn connect(&mut self, keys: K, config: &Config) -> Result<(), BuildError> {
        let Stage::Opening(handshake) = &mut self.stage else { return Err(BuildError::NotNow) };
        if self.answered {
            return Err(BuildError::NotNow); // it failed
        }
        let connection = handshake.connect(keys, config)?;
        self.open(connection);
        Ok(())
    }
}

impl<'c, R: SessionRole, S: AsRef<[u8]> + AsMut<[u8]>> Session<'c, R, S> {
    const fn new(stage: Stage<'c, R, S>, head: usize, timeouts: Timeouts, now: u64) -> Self {
        Self {
            stage,
            deadlines: Deadlines::new(timeouts, now),
            now,
            head: 0..head,
            body: &[],
            answered: false,
            eof: false,
            eof_reported: false,
            expired: false,
            ping: None,
            idle: false,
            error: None,
            heard: false,
        }
    }
}

impl<'c, R: SessionRole, S: AsRef<[u8]> + AsMut<[u8]>> Session<'c, R, S> {
    /// Creates a session from a connection whose handshake was done elsewhere, by
    /// [`parsed`](crate::handshake::parsed) for example. `storage` can be empty.
    ///
    /// ```
    /// use barews::connection::Config;
    /// use barews::deadlines::Timeouts;
    /// use barews::session::{Event, Session};
    ///
    /// let connection = barews::Connection::new(barews::Server, &Config::DEFAULT);
    /// let mut session = Session::from_connection(connection, [], Timeouts::MILLISECONDS, 0);
    /// let received = session.receive(&mut [], 20_000); // after 20 s without a byte
    /// assert_eq!(received.event, Some(Event::KeepAlive));
    /// assert!(session.is_due()); // a Ping
    /// ```
    pub fn from_connection(connection: Connection<R>, storage: S, timeouts: Timeouts, now: u64) -> Self {
        let mut session = Self::new(Stage::Open { connection, storage }, 0, timeouts, now);
        session.deadlines.on_open(now);
        session
    }

    /// Moves the storage from the handshake.
    fn open(&mut self, connection: Connection<R>) {
        match core::mem::replace(&mut self.stage, Stage::Moving) {
            Stage::Opening(handshake) => {
                self.stage = Stage::Open { connection, storage: handshake.into_storage() };
                self.deadlines.on_open(self.now);
            }
            stage => {
                self.stage = stage;
                never!();
            }
        }
    }

    /// Reads the next event from bytes that the transport read. Call it with `rest` until there is no event. `now` is
    /// the time in ticks: a deadline that has passed is an event after all others, so bytes that were read in time
    /// count.
    ///
    /// It consumes all bytes but those after an event. Between [`Event::Request`] or [`Event::Response`] and its answer
    /// it consumes none.
    #[inline(always)]
    pub fn receive<'b>(&mut self, bytes: &'b mut [u8], now: u64) -> Received<'b> {
        self.now = self.now.max(now);
        let (rest, event) = match &mut self.stage {
            Stage::Open { connection, .. } if !self.expired => {
                self.heard |= !bytes.is_empty();
                match connection.receive(bytes) {
                    // The usual event, apart so that it is not copied more often than necessary.
                    Ok(Taken { rest, event: Some(Incoming::Data(chunk)) }) if FAST => {
                        self.deadlines.on_message(self.now);
                        if rest.is_empty() {
                            self.hear();
                        }
                        return Received { rest, event: Some(Event::Data(chunk)), is_due: false };
                    }
                    Ok(Taken { rest, event }) => {
                        self.hear();
                        (rest, event.and_then(|event| self.convert(event)))
                    }
                    Err(error) => self.connection_failed(error),
                }
            }
            _ => self.read_head(bytes),
        };
        let event = event.or_else(|| self.expire());
        let is_due = !matches!(event, Some(Event::Data(_))) && self.is_due();
        Received { rest, event, is_due }
    }

    #[inline(never)]
    fn convert<'b>(&mut self, event: Incoming<'b>) -> Option<Event<'b>> {
        let Stage::Open { connection, .. } = &self.stage else { return never!(None) };
        Some(match event {
            Incoming::Data(chunk) => {
                self.deadlines.on_message(self.now);
                Event::Data(chunk)
            }
            Incoming::Ping => Event::Ping,
            Incoming::Pong => Event::Pong(self.deadlines.on_pong(connection.control_payload(), self.now)),
            Incoming::ExtensionControl(opcode) => Event::ExtensionControl(opcode),
            Incoming::Close(code) => Event::Close(code),
        })
    }

    fn hear(&mut self) {
        if core::mem::take(&mut self.heard) {
            self.deadlines.on_bytes(self.now);
        }
    }

    #[cold]
    fn connection_failed<'b>(&mut self, error: ProtocolError) -> (&'b mut [u8], Option<Event<'b>>) {
        let is_first = self.error.is_none();
        self.error = self.error.or(Some(Error::Protocol(error)));
        (&mut [], if is_first { self.error.map(Event::Failed) } else { None })
    }

    /// Reads the head of the handshake.
    #[inline(never)]
    fn read_head<'b>(&mut self, bytes: &'b mut [u8]) -> (&'b mut [u8], Option<Event<'b>>) {
        let Stage::Opening(handshake) = &mut self.stage else { return (&mut [], None) }; // the time is over
        if self.answered || self.error.is_some() {
            return (&mut [], None); // the rest of a request that was refused, or the body of a response
        }
        if handshake.is_complete() {
            return (bytes, None); // the host has not answered yet: `waits`
        }
        // A server that answers earlier than it has the request refuses it, so the rest of it is not sent.
        if !bytes.is_empty() && !self.head.is_empty() {
            self.head = 0..0;
        }
        match handshake.receive(bytes) {
            Ok(Progress::Partial) => (&mut [], None),
            Ok(Progress::Complete { rest, .. }) => {
                let (event, is_open) = handshake.event();
                if is_open && !R::IS_SERVER && self.head.end == 0 {
                    return self.handshake_failed(Error::Handshake(HandshakeError::Accept), HandshakeError::Accept);
                }
                self.answered = !is_open;
                (rest, Some(event))
            }
            Err(error) => self.handshake_failed(Error::Handshake(error), error),
        }
    }

    /// Refuses the request, if this is a server.
    fn handshake_failed<'b>(&mut self, error: Error, reason: HandshakeError) -> (&'b mut [u8], Option<Event<'b>>) {
        let Stage::Opening(handshake) = &mut self.stage else { return never!((&mut [], None)) };
        self.error = Some(error);
        let (head, body) = handshake.refuse(error, reason);
        (self.head, self.body) = (0..head, body);
        self.answered = true;
        (&mut [], Some(Event::Failed(error)))
    }

    /// Notes the end of the transport: TCP's FIN, a reset, the end of the TLS stream. [`receive`](Self::receive)
    /// returns [`Event::Failed`] after the last bytes if the peer had to send more, else [`Event::Over`] unless
    /// something is still to be written. After a request it waits for the host's answer.
    pub fn receive_eof(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.eof = true;
    }

    /// Fails an open session for a reason that the host found, as [`Connection::fail`] does. The host knows the reason,
    /// so no event reports it.
    ///
    /// ```
    /// # use barews::connection::Config;
    /// # use barews::deadlines::Timeouts;
    /// use barews::message::MessageBuffer;
    /// use barews::session::{Error, Event, Session};
    /// # let connection = barews::Connection::new(barews::Server, &Config::DEFAULT);
    /// # let mut session = Session::from_connection(connection, [], Timeouts::MILLISECONDS, 0);
    /// # let mut read = *b"\x81\x85\0\0\0\0Hello";
    ///
    /// let mut messages = MessageBuffer::new([0; 4]);
    /// if let Some(Event::Data(chunk)) = session.receive(&mut read, 0).event {
    ///     match messages.push(chunk) {
    ///         Ok(message) => {} // `Some` at the end of the message
    ///         Err(error) => session.fail(error),
    ///     }
    /// }
    /// assert_eq!(session.error(), Some(Error::Protocol(barews::ProtocolError::MessageTooBig)));
    /// let mut out = [0; 131];
    /// let len = session.poll_transmit(&mut out);
    /// assert_eq!(out[..len], *b"\x88\x02\x03\xF1"); // Close 1009
    /// ```
    pub fn fail(&mut self, error: ProtocolError) {
        if let Stage::Open { connection, .. } = &mut self.stage {
            connection.fail(error);
            self.error = self.error.or(connection.error().map(Error::Protocol));
        }
    }

    /// Writes what is due, in the order in which it must be sent: the request or the response of the handshake, then a
    /// Pong, a Ping of the keepalive or a Close. Returns its length; 0 when nothing can be written now. Call it after
    /// each [`receive`](Self::receive) until it returns 0.
    ///
    /// A head can go out in pieces of any size. A frame needs an `out` that holds it, and
    /// [`MAX_CONTROL_FRAME`](crate::wire::MAX_CONTROL_FRAME) bytes hold each. One that does not fit stays due, as it
    /// does inside a frame that the host sends.
    #[must_use]
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> usize {
        if self.has_head() {
            return self.write_head(out);
        }
        let Stage::Open { connection, .. } = &mut self.stage else { return 0 };
        let mut len = connection.poll_transmit(out);
        if len == 0 && (self.idle || self.ping.is_some()) {
            let written = match self.ping {
                _ if self.idle => connection.go_away(out),
                Some(payload) => connection.write_ping(&payload, out),
                None => Ok(Written(0)),
            };
            match written {
                Ok(written) => len = written.len(),
                Err(SendError::Closing) => {}
                Err(_) => return 0, // inside a frame, or `out` is too small
            }
            (self.idle, self.ping) = (false, None); // no Ping follows a Close
            self.deadlines.on_bytes(self.now); // the time for a Pong begins when the Ping is written
        }
        len
    }

    #[inline(never)]
    fn write_head(&mut self, out: &mut [u8]) -> usize {
        let storage = match &self.stage {
            Stage::Opening(handshake) => handshake.storage(),
            Stage::Open { storage, .. } => storage.as_ref(),
            Stage::Moving => never!(&[]),
        };
        let head = storage.get(self.head.clone()).unwrap_or_else(|| never!(&[]));
        let len = copy(out, head);
        self.head.start = self.head.start.saturating_add(len);
        let rest = out.get_mut(len..).unwrap_or_else(|| never!(&mut []));
        let of_body = copy(rest, self.body);
        self.body = self.body.get(of_body..).unwrap_or_else(|| never!(&[]));
        len.saturating_add(of_body)
    }

    /// Returns whether [`poll_transmit`](Self::poll_transmit) has something to write. See
    /// [`from_connection`](Self::from_connection) for an example.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.has_head() || self.has_frame()
    }

    fn has_head(&self) -> bool {
        !self.head.is_empty() || !self.body.is_empty()
    }

    fn has_frame(&self) -> bool {
        let Stage::Open { connection, .. } = &self.stage else { return false };
        connection.is_due() || (self.ping.is_some() || self.idle) && connection.can_send()
    }

    /// Returns when to call [`receive`](Self::receive) again, without bytes if there are none. That is at once if the
    /// host has sent a Close, because its timeout has to start.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        match self.state() {
            _ if self.transport() == Transport::Close => None,
            State::Open => self.deadlines.poll_timeout(),
            _ if !self.deadlines.is_closing() => Some(self.now),
            _ => self.deadlines.poll_timeout(),
        }
    }

    /// Reports that the peer has accepted bytes that were waiting to be written: it is alive. A host needs this only if
    /// it keeps such bytes while it waits.
    ///
    /// ```
    /// # use barews::connection::Config;
    /// # use barews::deadlines::Timeouts;
    /// # use barews::session::Session;
    /// # let connection = barews::Connection::new(barews::Server, &Config::DEFAULT);
    /// # let mut session = Session::from_connection(connection, [], Timeouts::MILLISECONDS, 0);
    /// # struct Socket;
    /// # impl Socket { fn write(&mut self, bytes: &[u8]) -> usize { bytes.len().min(2) } }
    /// # let (mut socket, mut unsent, now) = (Socket, b"waiting".to_vec(), 15_000);
    /// let accepted = socket.write(&unsent);
    /// if accepted > 0 {
    ///     unsent.drain(..accepted);
    ///     session.on_bytes(now);
    /// }
    /// assert_eq!(session.poll_timeout(), Some(35_000)); // no Ping before
    /// ```
    pub fn on_bytes(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.deadlines.on_bytes(self.now);
    }

    /// Whether the host has not answered a head yet.
    fn waits(&self) -> bool {
        matches!(&self.stage, Stage::Opening(handshake) if handshake.is_complete() && !self.answered)
    }

    /// The state, for the deadlines.
    fn state(&self) -> State {
        match &self.stage {
            _ if self.expired => State::Closed,
            Stage::Open { connection, .. } => connection.state(),
            _ if self.answered || self.error.is_some() => State::Closing,
            _ => State::Open,
        }
    }

    /// Handles the end of the transport, or a deadline that has passed.
    #[inline(never)]
    fn expire<'b>(&mut self) -> Option<Event<'b>> {
        if self.eof && !self.eof_reported && !self.waits() {
            self.eof_reported = true;
            let ended = match &mut self.stage {
                Stage::Opening(handshake) if !self.answered => handshake.receive_eof().map_err(Error::Handshake),
                Stage::Open { connection, .. } => connection.receive_eof().map_err(Error::Protocol),
                _ => Ok(()),
            };
            match (ended, self.error) {
                (Err(error), None) => {
                    self.error = Some(error);
                    return Some(Event::Failed(error));
                }
                _ if self.transport() == Transport::Close && !self.expired => return Some(Event::Over),
                _ => {} // something is still to be written
            }
        }
        self.deadlines.on_state(self.state(), self.now);
        self.poll_timeout()?;
        let reason = match self.deadlines.handle_timeout(self.now)? {
            Timeout::Ping(payload) => {
                self.ping = Some(payload);
                return Some(Event::KeepAlive);
            }
            Timeout::Idle => {
                self.idle = true;
                return Some(Event::Idle);
            }
            Timeout::Handshake => {
                let error = Error::Timeout(Reason::Handshake);
                return self.handshake_failed(error, HandshakeError::UnexpectedEof).1;
            }
            Timeout::Pong => Reason::Pong,
            Timeout::Closing => Reason::Closing,
        };
        self.expired = true;
        let is_done = match &self.stage {
            Stage::Open { connection, .. } => connection.is_clean(),
            _ => self.answered && !self.has_head(),
        };
        if is_done || self.error.is_some() {
            return Some(Event::Over); // the peer only has not ended the stream
        }
        self.error = Some(Error::Timeout(reason));
        self.error.map(Event::Failed)
    }

    /// Says what to do with the transport once [`poll_transmit`](Self::poll_transmit) has returned 0 and its output is
    /// written. See [`Connection::transport`]. The answer stays the same after the host has done it. After a timeout of
    /// a Pong or of closing it is [`Transport::Close`], even if the output is not written.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match &self.stage {
            _ if self.expired => Transport::Close,
            _ if self.has_head() => Transport::Keep,
            Stage::Open { connection, .. } => connection.transport(),
            _ if self.eof_reported => Transport::Close,
            _ if !self.answered => Transport::Keep,
            _ if R::IS_SERVER => Transport::HalfClose,
            _ => Transport::Close,
        }
    }

    /// Returns the connection of an open session, for its questions: how it closed, the payload of a Ping.
    #[must_use]
    pub const fn connection(&self) -> Option<&Connection<R>> {
        if let Stage::Open { connection, .. } = &self.stage { Some(connection) } else { None }
    }

    /// Returns the connection, to send on it: every `write_*` call, `begin_frame` and the calls for its payload. Leave
    /// receiving to the session. Each call counts as a message for [`Timeouts::idle`].
    ///
    /// # Errors
    ///
    /// [`SendError::NotOpen`] before the handshake is done and all of it was written by
    /// [`poll_transmit`](Self::poll_transmit).
    pub fn sender(&mut self, now: u64) -> Result<&mut Connection<R>, SendError> {
        match &mut self.stage {
            Stage::Open { connection, .. } if self.head.is_empty() => {
                self.now = self.now.max(now);
                self.deadlines.on_message(self.now);
                Ok(connection)
            }
            _ => Err(SendError::NotOpen),
        }
    }

    /// Returns whether the handshake is done.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open { .. })
    }

    /// Returns the first error: [`Event::Failed`] has reported or will report it, or the host passed it to
    /// [`fail`](Self::fail).
    #[must_use]
    pub const fn error(&self) -> Option<Error> {
        self.error
    }

    /// Returns the parts of an open session, for two tasks for example: [`Connection::split`].
    ///
    /// ```
    /// # use barews::connection::Config;
    /// # use barews::deadlines::Timeouts;
    /// # use barews::session::Session;
    /// # let connection = barews::Connection::new(barews::Server, &Config::DEFAULT);
    /// # let session = Session::from_connection(connection, [], Timeouts::MILLISECONDS, 0);
    /// if let Ok((connection, deadlines, storage)) = session.into_parts() {
    ///     let (receiver, transmitter) = connection.split();
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The session, if the handshake is not done, or something is due.
    #[allow(clippy::result_large_err, reason = "it is the session, which the host goes on with")]
    pub fn into_parts(self) -> Result<(Connection<R>, Deadlines, S), Self> {
        if self.is_due() || self.ping.is_some() || self.idle {
            return Err(self);
        }
        match self.stage {
            Stage::Open { connection, storage } => Ok((connection, self.deadlines, storage)),
            stage => Err(Self { stage, ..self }),
        }
    }
}
