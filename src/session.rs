//! A session: one value from the first byte of the opening handshake to the end of the transport.
//!
//! A [`Session`] joins the [handshake](crate::handshake), the [`Connection`] and the [`Deadlines`], and keeps what is
//! to be written. The host moves bytes and passes the time:
//!
#![doc = include_str!("loop.md")]
//!
//! # The host's duties
//!
//! 1. **Drain.** Call [`poll_transmit`](Session::poll_transmit) until it returns 0, and write its output, after each
//!    call of the session and before waiting for anything.
//! 2. **Shut down** the writing side of the transport when [`transport`](Session::transport) says so.
//! 3. **Receive.** Call [`receive`](Session::receive) with the bytes read, and again with `rest`, until it returns no
//!    event.
//! 4. **Answer** [`Request`](Event::Request), and a [`Response`](Event::Response) that is accepted.
//! 5. **Wait** for bytes, or until [`poll_timeout`](Session::poll_timeout). Then read the clock. Do not read it before
//!    each call: a write that blocks must not make bytes late that have arrived meanwhile.
//! 6. **Report the end** of the transport with [`receive_eof`](Session::receive_eof), once all bytes before it were
//!    passed to `receive`, and all output was written: `Over` can follow at once.
//! 7. **Close the transport** after [`Over`](Event::Over), the last event of each session. Bytes that wait to be written
//!    then are of no use: the peer did not take them in time, or is gone. (Without [`Timeouts::closing`], a peer that does
//!    not end the stream holds it up.)
//!
//! What happens if the host forgets one:
//!
//! | forgotten | happens | shows in |
//! |---|---|---|
//! | 1 | the peer gets no answer, Pong or Close, and ends with a timeout of its own; then this session fails, too | [`is_due`](Received::is_due) of each result; [`SendError::NotOpen`] from [`sender`](Session::sender) while the response is due |
//! | 2 | the peer does not see the end; `Over` comes after [`Timeouts::closing`] | |
//! | 3: `rest` | frames are lost: messages are missing, or what follows is taken for something else, and [`Failed`](Event::Failed) comes | nothing: `rest` is easy to drop |
//! | 4 | `Failed` after [`Timeouts::handshake`]; a server sends 503. A refused response needs no answer: `Over` follows | [`request`](Session::request), [`response`](Session::response) |
//! | 5 | no Ping and no timeout: a peer that is gone keeps its connection without limit | [`poll_timeout`](Session::poll_timeout) is in the past |
//! | 6 | a Ping, and `Failed` when its Pong does not come; after both Close frames, `Over` after `Timeouts::closing` | |
//! | 7 | this session returns no event, and discards all bytes; the peer waits for its own timeout, and the socket stays in use | |
//!
//! A host can be late with all of these: nothing panics, and nothing is lost. `{session:?}` prints what is due, for a
//! log or a debugger. A host that cannot read, because it still has to write, calls `receive` without bytes for the
//! deadlines. A host that closes by itself, or sets [`Timeouts::idle`], can still receive data: then a send call fails
//! with [`SendError::Closing`], which is no reason to leave the loop.
//!
//! A host that needs the parts, for two tasks for example, takes them when the handshake is done:
//! [`into_parts`](Session::into_parts).

mod client;
mod error;
mod event;
mod opening;
mod server;

pub use error::{Error, Fault};
pub use event::{Event, Received};
use opening::Opening;
pub use opening::SessionRole;

use crate::bytes::copy;
use crate::connection::{Connection, State, Transport, Written};
use crate::connection::{Event as Incoming, Received as Taken};
use crate::deadlines::{Deadlines, Reason, Timeout, Timeouts};
use crate::handshake::Progress;
use crate::handshake::error::HandshakeError;
use crate::message::{Incoming as Whole, Piece, ReceiveBuffer};
use crate::wire::error::{ProtocolError, SendError};

/// One WebSocket, from the first byte of the opening handshake to the end of the transport. See the [module](self).
///
/// `R` is the role, [`Server`](crate::Server) or [`Client`](crate::Client). `S` is the storage of the handshake, as for a
/// [`ServerHandshake`](crate::handshake::ServerHandshake). The session also keeps its request or its response there
/// until that is sent. A response takes 129 bytes and what [`Accept`](crate::handshake::Accept) adds; a refusal that
/// does not fit is not sent. Later the storage can serve [another session](Self::take_storage).
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
    handshake: R::Handshake<'c, S>,
    /// From the end of the handshake.
    connection: Option<Connection<R>>,
    deadlines: Deadlines,
    /// The latest time that the host has passed. An earlier one counts as this.
    now: u64,
    /// The head that is still to be sent, a range of the storage, and a body after it.
    head: core::ops::Range<usize>,
    body: &'c [u8],
    /// A request was answered without a WebSocket, or refused: the transport ends after the answer.
    answered: bool,
    /// The transport has ended; and whether that was handled.
    eof: bool,
    eof_handled: bool,
    /// The peer did not answer a Ping or a Close in time.
    expired: bool,
    /// [`Event::Over`] was returned.
    over: bool,
    /// A Ping of the keepalive that is due.
    ping: Option<[u8; 4]>,
    /// A Close is due because of [`Timeouts::idle`].
    idle: bool,
    error: Option<Error>,
    /// Bytes arrived that the deadlines do not know of yet: they need to know once a read, not at each event. During the
    /// handshake: any bytes.
    heard: bool,
}

shown! {
    impl['c, R: SessionRole, S: AsRef<[u8]> + AsMut<[u8]>] Session<'c, R, S> {
        is_open: bool = this.is_open(),
        transport: Transport = this.transport(),
        error: Option<Error> = this.error,
        is_due: bool = this.is_due(),
        awaits_answer: bool = this.waits(),
    } of this
}

impl<'c, R: SessionRole, S: AsRef<[u8]> + AsMut<[u8]>> Session<'c, R, S> {
    const fn new(handshake: R::Handshake<'c, S>, head: usize, timeouts: Timeouts, now: u64) -> Self {
        Self {
            handshake,
            connection: None,
            deadlines: Deadlines::new(timeouts, now),
            now,
            head: 0..head,
            body: &[],
            answered: false,
            eof: false,
            eof_handled: false,
            expired: false,
            over: false,
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
        let mut session = Self::new(R::Handshake::unused(storage), 0, timeouts, now);
        session.open(connection);
        session
    }

    fn open(&mut self, connection: Connection<R>) {
        self.connection = Some(connection);
        self.heard = false;
        self.deadlines.on_open(self.now);
    }

    /// Reads the next event from bytes that the transport read. Call it with `rest` until there is no event. `now` is
    /// the time in ticks: a deadline that has passed is an event after all others, so bytes that were read in time
    /// count.
    ///
    /// It consumes all bytes but those after an event. Between [`Event::Request`] or an accepted [`Event::Response`] and
    /// its answer it consumes none.
    #[inline(always)]
    pub fn receive<'b>(&mut self, bytes: &'b mut [u8], now: u64) -> Received<'b> {
        self.now = self.now.max(now);
        let (rest, event) = match &mut self.connection {
            Some(connection) => {
                let has_bytes = !bytes.is_empty();
                match connection.receive(bytes) {
                    // The usual event, apart so that it is not copied more often than necessary.
                    Ok(Taken { rest, event: Some(Incoming::Data(chunk)) }) => {
                        self.deadlines.on_message(self.now);
                        self.heard = true;
                        return Received { rest, event: Some(Event::Data(chunk)), is_due: false };
                    }
                    Ok(Taken { rest, event }) => {
                        self.heard |= has_bytes;
                        self.hear();
                        let event = match event {
                            Some(Incoming::Ping) => Some(Event::Ping),
                            Some(Incoming::Pong) => Some(Event::Pong(self.on_pong())),
                            Some(Incoming::ExtensionControl(opcode)) => Some(Event::ExtensionControl(opcode)),
                            Some(Incoming::Close(code)) => Some(Event::Close(code)),
                            _ => None,
                        };
                        (rest, event)
                    }
                    Err(error) => self.connection_failed(error),
                }
            }
            None => self.read_head(bytes),
        };
        let event = event.or_else(|| self.expire());
        let is_due = !matches!(event, Some(Event::Data(_))) && self.is_due();
        Received { rest, event, is_due }
    }

    /// Receives the next message or other event through a [`ReceiveBuffer`], which makes whole messages. `None` when more
    /// bytes are needed, or the host has to answer first. See [`receive`](Self::receive). A message that does not fit
    /// the buffer fails the session.
    ///
    /// ```
    /// use barews::connection::Config;
    /// use barews::deadlines::Timeouts;
    /// use barews::message::{Incoming, ReceiveBuffer};
    /// use barews::session::Session;
    ///
    /// let connection = barews::Connection::new(barews::Client(|| [0; 4]), &Config::DEFAULT);
    /// let mut session = Session::from_connection(connection, [], Timeouts::MILLISECONDS, 0);
    /// let mut buffer = ReceiveBuffer::new([0; 100]);
    /// for read in [&b"\x81\x05He"[..], b"llo"] {
    ///     buffer.unfilled()[..read.len()].copy_from_slice(read); // usually `socket.read(buffer.unfilled())`
    ///     buffer.advance(read.len());
    /// }
    /// let Some(Incoming::Message(message)) = session.receive_into(&mut buffer, 0) else { panic!() };
    /// assert_eq!(message.text(), Some("Hello"));
    /// assert_eq!(session.receive_into(&mut buffer, 0), None);
    /// ```
    pub fn receive_into<'b, B: AsMut<[u8]>>(
        &mut self,
        buffer: &'b mut ReceiveBuffer<B>,
        now: u64,
    ) -> Option<Whole<'b, Event<'static>>> {
        loop {
            let Received { rest, event, .. } = self.receive(buffer.unread(), now);
            let rest = rest.len();
            let piece = match event {
                Some(Event::Data(chunk)) => Piece::of(&chunk),
                event => {
                    let event = event.and_then(Event::without_data);
                    buffer.consume(rest);
                    return event.map(Whole::Event);
                }
            };
            buffer.consume(rest);
            let left = self.connection.as_ref().map_or(0, Connection::unread_payload);
            match buffer.join(&piece, left) {
                Ok(None) => {}
                Ok(Some(place)) => return Some(Whole::Message(buffer.message(piece.kind, place))),
                Err(error) => {
                    self.fail(error);
                    return Some(Whole::Event(Event::Failed(Error::Protocol(error))));
                }
            }
        }
    }

    #[inline(never)]
    fn on_pong(&mut self) -> Option<u64> {
        let connection = self.connection.as_ref()?;
        self.deadlines.on_pong(connection.control_payload(), self.now)
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
        if self.answered || self.error.is_some() || self.eof_handled {
            return (&mut [], None); // the rest of a request that was refused, or the body of a response
        }
        if self.handshake.is_complete() {
            return (bytes, None); // the host has not answered yet: `waits`
        }
        self.heard |= !bytes.is_empty();
        // A server that answers earlier than it has the request refuses it, so the rest of it is not sent.
        if !bytes.is_empty() && !self.head.is_empty() {
            self.head = 0..0;
        }
        match self.handshake.receive(bytes) {
            Ok(Progress::Partial) => (&mut [], None),
            Ok(Progress::Complete { rest, .. }) => {
                let (event, is_open) = self.handshake.event();
                if is_open && !R::IS_SERVER && self.head.end == 0 {
                    return self.handshake_failed(Error::Handshake(HandshakeError::Accept));
                }
                self.answered = !is_open;
                (rest, Some(event))
            }
            Err(error) => self.handshake_failed(Error::Handshake(error)),
        }
    }

    /// Refuses the request, if this is a server.
    fn handshake_failed<'b>(&mut self, error: Error) -> (&'b mut [u8], Option<Event<'b>>) {
        self.error = Some(error);
        let (head, body) = self.handshake.refuse(error);
        (self.head, self.body) = (0..head, body);
        self.answered = true;
        (&mut [], Some(Event::Failed(error)))
    }

    /// Notes the end of the transport: TCP's FIN, a reset, the end of the TLS stream. [`receive`](Self::receive)
    /// returns [`Event::Failed`] after the last bytes if the peer had to send more. A server's session does not fail if
    /// its peer has sent nothing at all: that may have wanted to know whether the port is open. After a request it waits
    /// for the host's answer.
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
        if let Some(connection) = &mut self.connection {
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
        let Some(connection) = &mut self.connection else { return 0 };
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
            self.deadlines.on_ping_written(self.now);
        }
        len
    }

    #[inline(never)]
    fn write_head(&mut self, out: &mut [u8]) -> usize {
        let head = self.handshake.storage().get(self.head.clone()).unwrap_or_else(|| never!(&[]));
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
        let Some(connection) = &self.connection else { return false };
        connection.is_due() || (self.ping.is_some() || self.idle) && connection.can_send()
    }

    /// Returns when to call [`receive`](Self::receive) again, without bytes if there are none: at once after anything that
    /// starts the time for closing, a Close that the host sends for example. `None` after [`Event::Over`], or if no
    /// timeout is set.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        match self.state() {
            _ if self.over => None,
            state if state != State::Open && !self.deadlines.is_closing() || self.transport() == Transport::Close => {
                Some(self.now)
            }
            _ => self.deadlines.poll_timeout(),
        }
    }

    /// Reports that the transport has accepted bytes that were waiting because it had accepted none for a while. A host
    /// needs this only if it keeps such bytes while it waits. See [`Deadlines::on_written`].
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
    /// let accepted = socket.write(&unsent); // it had accepted nothing before
    /// if accepted > 0 {
    ///     unsent.drain(..accepted);
    ///     session.on_written(now);
    /// }
    /// assert_eq!(session.poll_timeout(), Some(35_000)); // no Ping before
    /// ```
    pub fn on_written(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.deadlines.on_written(self.now);
    }

    /// Reports that the peer has sent bytes, for a host that keeps them before it passes them to
    /// [`receive`](Self::receive). See [`Deadlines::on_bytes`].
    ///
    /// ```
    /// # use barews::connection::Config;
    /// # use barews::deadlines::Timeouts;
    /// # use barews::session::Session;
    /// # let connection = barews::Connection::new(barews::Server, &Config::DEFAULT);
    /// # let mut session = Session::from_connection(connection, [], Timeouts::MILLISECONDS, 0);
    /// session.on_bytes(15_000);
    /// assert_eq!(session.poll_timeout(), Some(35_000)); // no Ping before
    /// ```
    pub fn on_bytes(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.deadlines.on_bytes(self.now);
    }

    /// Changes the timeouts, as [`Deadlines::set_timeouts`] does.
    ///
    /// ```
    /// # use barews::connection::Config;
    /// # use barews::deadlines::Timeouts;
    /// # use barews::session::Session;
    /// # let connection = barews::Connection::new(barews::Server, &Config::DEFAULT);
    /// # let mut session = Session::from_connection(connection, [], Timeouts::MILLISECONDS, 0);
    /// session.set_timeouts(Timeouts { ping: Some(300_000), ..Timeouts::MILLISECONDS }, 5_000);
    /// assert_eq!(session.poll_timeout(), Some(305_000));
    /// ```
    pub fn set_timeouts(&mut self, timeouts: Timeouts, now: u64) {
        self.now = self.now.max(now);
        self.deadlines.set_timeouts(timeouts, self.now);
    }

    /// Whether the host has not answered a head yet.
    fn waits(&self) -> bool {
        self.connection.is_none() && self.handshake.is_complete() && !self.answered
    }

    /// The state, for the deadlines.
    fn state(&self) -> State {
        match &self.connection {
            _ if self.expired => State::Closed,
            Some(connection) => connection.state(),
            _ if self.answered || self.error.is_some() => State::Closing,
            _ => State::Open,
        }
    }

    /// Handles the end of the transport, or a deadline that has passed.
    #[inline(never)]
    fn expire<'b>(&mut self) -> Option<Event<'b>> {
        if self.eof && !self.eof_handled && !self.waits() {
            self.eof_handled = true;
            let ended = match &mut self.connection {
                Some(connection) => connection.receive_eof().map_err(Error::Protocol),
                None if self.answered || R::IS_SERVER && !self.heard => Ok(()), // nothing was asked
                None => self.handshake.receive_eof().map_err(Error::Handshake),
            };
            if let (Err(error), None) = (ended, self.error) {
                self.error = Some(error);
                return Some(Event::Failed(error));
            }
        }
        self.deadlines.on_state(self.state(), self.now);
        if self.transport() == Transport::Close {
            return (!core::mem::replace(&mut self.over, true)).then_some(Event::Over);
        }
        let reason = match self.deadlines.handle_timeout(self.now)? {
            Timeout::Idle if self.idle => return None, // its Close is due already
            Timeout::Ping(payload) => {
                self.ping = Some(payload);
                return Some(Event::KeepAlive);
            }
            Timeout::Idle => {
                self.idle = true;
                return Some(Event::Idle);
            }
            Timeout::Handshake => {
                let error = if self.waits() { Error::Unanswered } else { Error::Timeout(Reason::Handshake) };
                return self.handshake_failed(error).1;
            }
            Timeout::Pong => Reason::Pong,
            Timeout::Closing => Reason::Closing,
        };
        self.expired = true;
        let is_done = match &mut self.connection {
            Some(connection) => {
                let is_clean = connection.is_clean();
                let _ = connection.receive_eof(); // so that it receives nothing more
                is_clean
            }
            None => self.answered && !self.has_head(),
        };
        if is_done || self.error.is_some() {
            self.over = true;
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
        match &self.connection {
            _ if self.expired => Transport::Close,
            _ if self.has_head() => Transport::Keep,
            Some(connection) => connection.transport(),
            _ if self.eof_handled => Transport::Close,
            _ if !self.answered => Transport::Keep,
            _ if R::IS_SERVER => Transport::HalfClose,
            _ => Transport::Close,
        }
    }

    /// Returns the connection, from the end of the handshake on, for its questions: how it closed, the payload of a Ping.
    #[must_use]
    pub const fn connection(&self) -> Option<&Connection<R>> {
        self.connection.as_ref()
    }

    /// Returns the connection, to send on it: every `write_*` call, `begin_frame` and the calls for its payload. Leave
    /// receiving to the session. Each call counts as a message for [`Timeouts::idle`].
    ///
    /// # Errors
    ///
    /// [`SendError::NotOpen`] before the handshake is done and all of it was written by
    /// [`poll_transmit`](Self::poll_transmit).
    pub fn sender(&mut self, now: u64) -> Result<&mut Connection<R>, SendError> {
        match &mut self.connection {
            Some(connection) if self.head.is_empty() => {
                self.now = self.now.max(now);
                self.deadlines.on_message(self.now);
                if self.ping.is_some() {
                    self.deadlines.on_written(self.now); // it waits for the end of a frame that the host sends
                }
                Ok(connection)
            }
            _ => Err(SendError::NotOpen),
        }
    }

    /// Returns whether the handshake is done. It stays so after the connection was closed; for that, ask
    /// [`connection`](Self::connection) for its state.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// Returns the first error: [`Event::Failed`] has reported or will report it, or the host passed it to
    /// [`fail`](Self::fail).
    #[must_use]
    pub const fn error(&self) -> Option<Error> {
        self.error
    }

    /// Returns the storage of the handshake and leaves an empty one, once the connection is open or a server has refused
    /// it, and the response is written. One buffer can serve the handshakes of many sessions that way.
    ///
    /// ```
    /// # use barews::connection::Config;
    /// # use barews::deadlines::Timeouts;
    /// # use barews::session::Session;
    /// # let connection = barews::Connection::new(barews::Server, &Config::DEFAULT);
    /// # let mut session = Session::from_connection(connection, vec![0; 512], Timeouts::MILLISECONDS, 0);
    /// assert_eq!(session.take_storage().map(|storage| storage.len()), Some(512)); // a vector, a box or a lent slice
    /// ```
    #[must_use]
    pub fn take_storage(&mut self) -> Option<S>
    where
        S: Default,
    {
        let is_done = self.is_open() || R::IS_SERVER && (self.answered || self.over);
        (is_done && !self.has_head()).then(|| core::mem::take(self.handshake.storage_mut()))
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
    /// The session, if the handshake is not done, something is due, or the session has failed or is to end.
    #[allow(clippy::result_large_err, reason = "it is the session, which the host goes on with")]
    pub fn into_parts(mut self) -> Result<(Connection<R>, Deadlines, S), Self> {
        let has_ended = self.eof || self.expired || self.error.is_some();
        if has_ended || self.is_due() || self.ping.is_some() || self.idle {
            return Err(self);
        }
        self.hear();
        match self.connection {
            Some(connection) => Ok((connection, self.deadlines, self.handshake.into_storage())),
            None => Err(self),
        }
    }
}
