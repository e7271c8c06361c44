//! One WebSocket in one task.

use core::ops::Range;

use barews::SendError;
use barews::connection::{Chunk, Config, MessageKind, Outgoing, State, Transport};
use barews::deadlines::Timeouts;
use barews::message::{Message, MessageBuffer};
use barews::session::{self, Session, SessionRole};
use barews::wire::{CloseCode, EncodedHeader, FrameHeader, Rsv};
use embedded_io_async::{Read, Write};

use crate::clock::{Clock, until};
#[cfg(feature = "deflate")]
use crate::deflate::{Codec, Deflate};
use crate::error::Error;
#[cfg(not(feature = "deflate"))]
use crate::plain::Codec;

/// What the host lends to a [`WebSocket`], and its settings.
///
/// `B` is a slice (`&mut [u8]`), an array, or a `heapless::Vec<u8, N>` that was resized: only its length counts.
///
/// ```
/// use barews::connection::Config;
/// use barews_embedded::{NoClock, Resources};
///
/// let mut memory = [0; 512 + 256 + 256];
/// let (storage, rest) = memory.split_at_mut(512);
/// let (receive, transmit) = rest.split_at_mut(256);
/// let mut resources = Resources::new(storage, receive, transmit, NoClock);
/// resources.limits = Config { max_message_size: 4096, ..Config::DEFAULT };
/// ```
#[derive(Clone, Debug)]
pub struct Resources<B, C> {
    /// Keeps the request and the response of the handshake: 512 bytes are enough for most.
    pub storage: B,
    /// The bytes that are read. Any length but 0; a chunk of a message is at most this long.
    pub receive: B,
    /// The bytes to be written: at least 131. A message that does not fit is sent in fragments.
    pub transmit: B,
    /// The clock for the deadlines.
    pub clock: C,
    /// The deadlines. Default: [`Timeouts::MILLISECONDS`].
    pub timeouts: Timeouts,
    /// The limits of the connection. Default: [`Config::DEFAULT`]. Messages of any length can be received in chunks: set
    /// the limits to their maximum.
    pub limits: Config,
    /// Whether to flush the transport when all frames are written. Default: `false`. TLS and other transports that
    /// buffer need it. The `flush` of embassy-net's socket waits for the peer's acknowledgement, so leave it `false`
    /// there.
    pub flush: bool,
    /// The memory for permessage-deflate. Default: `None`.
    #[cfg(feature = "deflate")]
    pub deflate: Option<Deflate<B>>,
}

impl<B, C> Resources<B, C> {
    /// Creates resources with default settings.
    pub const fn new(storage: B, receive: B, transmit: B, clock: C) -> Self {
        let (timeouts, limits) = (Timeouts::MILLISECONDS, Config::DEFAULT);
        Self {
            storage,
            receive,
            transmit,
            clock,
            timeouts,
            limits,
            flush: false,
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }

    /// Replaces the clock.
    pub(crate) fn with_clock<D>(self, clock: impl FnOnce(C) -> D) -> Resources<B, D> {
        Resources {
            storage: self.storage,
            receive: self.receive,
            transmit: self.transmit,
            clock: clock(self.clock),
            timeouts: self.timeouts,
            limits: self.limits,
            flush: self.flush,
            #[cfg(feature = "deflate")]
            deflate: self.deflate,
        }
    }
}

/// What a [`WebSocket`] receives.
#[derive(PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<'b> {
    /// A chunk of a message, in the receive buffer.
    Chunk(Chunk<'b>),
    /// A Pong; if it answers the newest Ping of the keepalive, with the milliseconds of the round trip.
    Pong(Option<u64>),
}

/// A WebSocket over a transport: a client ([`client`](Self::client)) or a server ([`server`](Self::server)).
///
/// Call [`receive`](Self::receive) or [`receive_message`](Self::receive_message) whenever the application has nothing
/// else to do: it answers Pings and the peer's Close, sends the Pings of the keepalive and watches the deadlines. The
/// send calls answer what is due before they send. A task that must answer Pings while it waits for something else calls
/// `receive` in a `select` with it, or [splits](Self::split) the connection.
///
/// When `receive` returns `None`, or any call an error, or the application is done: call [`end`](Self::end), and then close
/// the transport.
///
/// # Cancel safety
///
/// Each future can be dropped at any point, in a `select` or by a timeout, and the call repeated: no byte is lost or sent
/// twice, as long as that holds for the transport's `read` and `write`, and for the clock. What that means for a message
/// is documented at [`send`](Self::send).
pub struct WebSocket<'c, T, R: SessionRole, C, B: AsRef<[u8]> + AsMut<[u8]>> {
    pub(crate) transport: T,
    pub(crate) session: Session<'c, R, B>,
    /// The role of a client, until the connection is open.
    pub(crate) role: Option<R>,
    pub(crate) receive: B,
    /// The bytes in `receive` that the session has not consumed.
    pub(crate) unread: Range<usize>,
    pub(crate) transmit: B,
    /// The bytes in `transmit` that are still to be written.
    pub(crate) unsent: Range<usize>,
    pub(crate) clock: C,
    pub(crate) limits: Config,
    pub(crate) codec: Codec<B>,
    flush: bool,
    /// Bytes were written since the last flush.
    unflushed: bool,
    /// The transport has ended.
    eof: bool,
    /// [`session::Event::Over`] was returned.
    over: bool,
    /// [`end`](Self::end) has shut down the transport.
    is_shut: bool,
}

/// An event without a borrow.
pub(crate) enum Step {
    /// The head of the handshake is complete.
    Head,
    Chunk(Piece),
    Pong(Option<u64>),
    /// Any other event. It has an effect on the state of the session, which the callers look at.
    Other,
}

/// A chunk without a borrow. Its payload is a range of the receive buffer.
pub(crate) struct Piece {
    kind: MessageKind,
    pub(crate) first: bool,
    last: bool,
    pub(crate) rsv: Rsv,
    pub(crate) range: Range<usize>,
}

impl Piece {
    /// `end` is where the bytes that were not consumed begin: the payload is directly before.
    pub(crate) fn of(chunk: &Chunk<'_>, end: usize) -> Self {
        let Chunk { kind, first, last, rsv, ref payload } = *chunk;
        Self { kind, first, last, rsv, range: end.saturating_sub(payload.len())..end }
    }

    pub(crate) fn in_buffer(self, buffer: &mut [u8]) -> Chunk<'_> {
        let Self { kind, first, last, rsv, range } = self;
        Chunk { kind, first, last, rsv, payload: buffer.get_mut(range).unwrap_or_default() }
    }
}

impl<'c, T, R: SessionRole, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'c, T, R, C, B> {
    /// Creates a WebSocket in the handshake. `session` makes its session from the storage.
    pub(crate) fn new<E>(
        transport: T,
        mut resources: Resources<B, C>,
        role: Option<R>,
        session: impl FnOnce(B, Timeouts, u64) -> Result<Session<'c, R, B>, E>,
    ) -> Result<Self, E> {
        let codec = Codec::of(&mut resources);
        let Resources { storage, receive, transmit, clock, timeouts, limits, flush, .. } = resources;
        Ok(Self {
            transport,
            session: session(storage, timeouts, clock.now())?,
            role,
            receive,
            unread: 0..0,
            transmit,
            unsent: 0..0,
            clock,
            limits,
            codec,
            flush,
            unflushed: false,
            eof: false,
            over: false,
            is_shut: false,
        })
    }

    /// Returns whether the handshake is done and the connection has not begun to close.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.session.connection().is_some_and(|connection| connection.state() == State::Open)
    }

    /// Returns the session, for its questions.
    #[must_use]
    pub const fn session(&self) -> &Session<'c, R, B> {
        &self.session
    }

    /// Returns the status code of the peer's Close frame; 1006 if the transport ended without one. `None` while the
    /// connection is open.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        self.session.connection()?.close_code()
    }

    /// Returns the transport, to shut it down for example.
    pub const fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Returns the transport.
    pub fn into_transport(self) -> T {
        self.transport
    }

    /// Puts a fragment of a message into the transmit buffer, for a message that is never in memory as a whole. `kind` is the
    /// same for all fragments of the message; `last` ends it. Text must be UTF-8 when it is complete. Call
    /// [`flush`](Self::flush) before, to free the buffer, and after, to write it.
    ///
    /// ```
    /// # use barews_embedded::barews::{Server, connection::MessageKind};
    /// # use barews_embedded::{Clock, Error, WebSocket};
    /// # use embedded_io_async::{Read, Write};
    /// async fn dump<T: Read + Write, C: Clock>(
    ///     socket: &mut WebSocket<'_, T, Server, C, &mut [u8]>,
    ///     flash: &[[u8; 256]],
    /// ) -> Result<(), Error<T::Error>> {
    ///     for (i, page) in flash.iter().enumerate() {
    ///         socket.flush().await?;
    ///         socket.put(MessageKind::Binary, i + 1 == flash.len(), page)?;
    ///     }
    ///     socket.flush().await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed. [`SendError::BufferTooSmall`] if the buffer has no room for the payload and a
    /// header of 14 bytes.
    pub fn put(&mut self, kind: MessageKind, last: bool, payload: &[u8]) -> Result<(), SendError> {
        let connection = self.session.sender(self.clock.now())?;
        let place =
            put(self.transmit.as_mut(), &mut self.unsent, payload, |len| connection.begin_frame(kind, last, len))?;
        connection.mask_payload(place)
    }

    /// Lets the session handle the deadlines.
    fn handle_timeout(&mut self) {
        let unread = core::mem::replace(&mut self.unread, 0..0);
        let _ = self.advance();
        self.unread = unread;
    }

    /// Passes the unread bytes to the session, and returns its next event. Not inlined, because it has all of the
    /// engine's receiving path in it.
    #[inline(never)]
    fn advance(&mut self) -> Option<Step> {
        let bytes = self.receive.as_mut().get_mut(self.unread.clone()).unwrap_or_default();
        let received = self.session.receive(bytes, self.clock.now());
        self.unread.start = self.unread.end - received.rest.len();
        Some(match received.event? {
            session::Event::Data(chunk) => Step::Chunk(Piece::of(&chunk, self.unread.start)),
            session::Event::Pong(round_trip) => Step::Pong(round_trip),
            session::Event::Request | session::Event::Response => Step::Head,
            session::Event::Over => {
                self.over = true;
                Step::Other
            }
            _ => Step::Other,
        })
    }
}

/// Puts a frame after those in `buffer`. Returns where its payload is.
pub(crate) fn put<'b>(
    buffer: &'b mut [u8],
    unsent: &mut Range<usize>,
    payload: &[u8],
    begin: impl FnOnce(u64) -> Result<EncodedHeader, SendError>,
) -> Result<&'b mut [u8], SendError> {
    if Range::is_empty(unsent) {
        *unsent = 0..0;
    }
    let free = buffer.get_mut(unsent.end..).unwrap_or_default();
    let need = payload.len().saturating_add(FrameHeader::MAX_LEN);
    if free.len() < need {
        return Err(SendError::BufferTooSmall { need });
    }
    let header = begin(payload.len() as u64)?;
    let header = header.as_bytes();
    let (head, free) = free.split_at_mut(header.len());
    head.copy_from_slice(header);
    let (place, _) = free.split_at_mut(payload.len());
    place.copy_from_slice(payload);
    unsent.end += header.len() + payload.len();
    Ok(place)
}

impl<T: Read + Write, R: SessionRole, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'_, T, R, C, B> {
    /// Receives the next chunk of a message, or a Pong. Writes what is due, and watches the deadlines, while it waits.
    ///
    /// Returns `None` when the closing handshake is done, and the transport is to be ended. [`WebSocket`] says how.
    ///
    /// A chunk is what the receive buffer holds of a message, so a message of any length can be received in a small
    /// buffer. For whole messages see [`receive_message`](Self::receive_message).
    ///
    /// # Errors
    ///
    /// [`Error::Session`] if the connection failed, after the Close frame that reports it was written;
    /// [`Error::Transport`]. [`SendError::NotOpen`] before the handshake is done.
    pub async fn receive(&mut self) -> Result<Option<Event<'_>>, Error<T::Error>> {
        if !self.session.is_open() {
            return Err(Error::Send(SendError::NotOpen));
        }
        Ok(match self.next_step().await? {
            Some(Step::Chunk(piece)) => Some(Event::Chunk(self.codec.chunk(piece, self.receive.as_mut()))),
            Some(Step::Pong(round_trip)) => Some(Event::Pong(round_trip)),
            Some(Step::Head | Step::Other) | None => None,
        })
    }

    /// Receives the next whole message, like [`receive`](Self::receive). Pass the same buffer to each call: it keeps the
    /// chunks of a message that is not complete. A message in one chunk is returned in the receive buffer, without a
    /// copy.
    ///
    /// # Errors
    ///
    /// Those of [`receive`](Self::receive). [`MessageTooBig`](barews::ProtocolError::MessageTooBig) if the message does
    /// not fit `messages`; [`end`](Self::end) then writes the Close frame. To refuse such a message earlier, at
    /// its header, set [`Config::max_message_size`].
    pub async fn receive_message<'a, M: AsMut<[u8]>>(
        &'a mut self,
        messages: &'a mut MessageBuffer<M>,
    ) -> Result<Option<Message<'a>>, Error<T::Error>> {
        if !self.session.is_open() {
            return Err(Error::Send(SendError::NotOpen));
        }
        loop {
            let piece = match self.next_step().await? {
                Some(Step::Chunk(piece)) => piece,
                Some(_) => continue,
                None => return Ok(None),
            };
            if piece.last {
                return messages.push(self.codec.chunk(piece, self.receive.as_mut())).map_err(|error| {
                    self.session.fail(error);
                    Error::Session(session::Error::Protocol(error))
                });
            }
            if let Err(error) = messages.push(self.codec.chunk(piece, self.receive.as_mut())) {
                self.session.fail(error); // the next step writes the Close frame, and returns the error
            }
        }
    }

    /// Sends a message: in one frame if the transmit buffer holds it, in fragments otherwise. Writes what is due before
    /// it, and between fragments.
    ///
    /// If the future is dropped, call it again with the same `message`, even if that is complete: it continues. What was
    /// put into the buffer before goes out with the next call of `send`, `receive` or any other. A message of which no
    /// fragment was put into the buffer can be dropped; one that was begun must be completed.
    ///
    /// ```
    /// # use barews::connection::Outgoing;
    /// # use barews_embedded::{Clock, Error, WebSocket};
    /// # use embedded_io_async::{Read, Write};
    /// # async fn with_timeout<F: Future>(_: u32, future: F) -> Option<F::Output> { Some(future.await) }
    /// async fn report<T: Read + Write, C: Clock>(
    ///     socket: &mut WebSocket<'_, T, barews::Server, C, &mut [u8]>,
    ///     log: &str,
    /// ) -> Result<(), Error<T::Error>> {
    ///     let mut message = Outgoing::text(log); // several KB, in fragments
    ///     loop {
    ///         match with_timeout(100, socket.send(&mut message)).await {
    ///             Some(sent) => return sent,
    ///             None => {} // here the watchdog is fed
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Send`] if it cannot be sent: before the handshake is done, while closing, inside another message, or
    /// with a transmit buffer that is too small. [`Error::Session`] if the connection has failed or a deadline passes
    /// while it waits; [`Error::Transport`].
    pub async fn send(&mut self, message: &mut Outgoing<'_>) -> Result<(), Error<T::Error>> {
        while !message.is_complete() {
            self.flush().await?;
            self.put_fragment(message)?;
        }
        self.flush().await
    }

    /// Sends a text message. If the future is dropped, a message that fits the transmit buffer goes out whole or not at
    /// all. For a longer one use [`send`](Self::send), which can be continued.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub async fn send_text(&mut self, text: &str) -> Result<(), Error<T::Error>> {
        self.send(&mut Outgoing::text(text)).await
    }

    /// Sends a binary message, like [`send_text`](Self::send_text).
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub async fn send_binary(&mut self, data: &[u8]) -> Result<(), Error<T::Error>> {
        self.send(&mut Outgoing::binary(data)).await
    }

    /// Sends a Ping with up to 125 bytes. The keepalive needs no call: it is a matter of
    /// [`Timeouts::ping`]. If the future is dropped, the Ping goes out whole or not at all.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), and [`SendError::PayloadTooLong`].
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error<T::Error>> {
        self.flush().await?;
        let connection = self.session.sender(self.clock.now())?;
        let len = connection.write_ping(payload, self.transmit.as_mut())?.len();
        self.unsent = 0..len;
        self.flush().await
    }

    /// Writes the bytes in the transmit buffer, and what is due. Then the buffer is free. If the future is dropped, the
    /// next call of any method continues.
    ///
    /// # Errors
    ///
    /// [`Error::Session`] if the connection has failed or a deadline passes while it waits; [`Error::Transport`].
    pub async fn flush(&mut self) -> Result<(), Error<T::Error>> {
        self.drain().await?;
        self.check()
    }

    /// Starts the closing handshake: sends a Close frame, unless one was sent. Then call [`receive`](Self::receive) until
    /// it returns `None`, and [`end`](Self::end); or `end` at once, which discards the messages that still arrive. If the
    /// future is dropped, call it again.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), and [`SendError::PayloadTooLong`] or [`SendError::CloseCode`].
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error<T::Error>> {
        self.drain().await?;
        let connection = self.session.sender(self.clock.now())?;
        if connection.state() == State::Open {
            let len = connection.write_close(code, reason, self.transmit.as_mut())?.len();
            self.unsent = 0..len;
        }
        self.flush().await
    }

    /// Ends the connection: the one call after [`receive`](Self::receive) has returned `None`, or any call an error, or
    /// when the application has nothing more to say. Sends a Close frame with 1000, unless one was sent or received, and
    /// discards the messages that still arrive. Calls `shut_down` when all is written: it shuts down the writing side of
    /// the transport, for which `embedded-io-async` has no call. Then waits until the peer ends the transport or
    /// [`Timeouts::closing`] passes: a socket that is closed with unread bytes in it sends a reset, which can destroy our
    /// Close frame. Then close the transport.
    ///
    /// If the future is dropped, call it again. `shut_down` is called until its future is done, and then no more.
    ///
    /// ```
    /// # use barews::session::SessionRole;
    /// # use barews_embedded::{Clock, Error, Event, WebSocket};
    /// # use embedded_io_async::{Read, Write};
    /// # trait Tcp: Read + Write { fn close(&mut self); }
    /// async fn listen<T: Tcp, R: SessionRole, C: Clock>(
    ///     mut socket: WebSocket<'_, T, R, C, &mut [u8]>,
    /// ) -> Result<(), Error<T::Error>> {
    ///     while let Ok(Some(event)) = socket.receive().await {
    ///         if let Event::Chunk(chunk) = event {
    ///             // Use `chunk.payload`.
    ///         }
    ///     }
    ///     socket.end(async |tcp| tcp.close()).await // returns the error of `receive`, too
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Session`] if the connection failed, now or before: why it ended. [`Error::Transport`].
    pub async fn end<O>(&mut self, shut_down: impl AsyncFnOnce(&mut T) -> O) -> Result<(), Error<T::Error>> {
        if self.is_open()
            && let Err(error) = self.close(CloseCode::NORMAL, "").await
            && !matches!(error, Error::Session(_))
        {
            return Err(error);
        }
        self.drain().await?;
        // In a handshake that is not done there is nothing to wait for.
        let is_waiting = !self.session.is_open() && self.session.transport() == Transport::Keep;
        if !self.is_shut {
            if !is_waiting {
                self.discard(false).await?;
            }
            let _ = shut_down(&mut self.transport).await;
            self.is_shut = true;
        }
        if !is_waiting {
            self.discard(true).await?;
        }
        self.check()
    }

    /// Does what [`end`](Self::end) does after it has shut down the transport: for a host that does that itself, when
    /// [`receive`](Self::receive) has returned `None` or an error, or a server has refused the request.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`].
    pub async fn finish(&mut self) -> Result<(), Error<T::Error>> {
        self.discard(true).await
    }

    /// Writes what is due, then reads and discards until the end, or until the transport is to be shut down.
    async fn discard(&mut self, is_shut_down: bool) -> Result<(), Error<T::Error>> {
        loop {
            self.drain().await?;
            let transport = self.session.transport();
            if self.over || !is_shut_down && transport == Transport::HalfClose {
                return Ok(());
            }
            self.unread = 0..0;
            if transport != Transport::Close && !self.eof {
                self.read().await?;
            }
            while self.advance().is_some() {}
            self.unread = 0..0;
            self.codec.forget();
            if self.eof && !self.session.is_due() {
                return Ok(());
            }
        }
    }

    /// Returns the error of the session.
    fn check(&self) -> Result<(), Error<T::Error>> {
        self.session.error().map_or(Ok(()), |error| Err(Error::Session(error)))
    }

    /// Returns the next event; `None` at the end.
    pub(crate) async fn step(&mut self) -> Result<Option<Step>, Error<T::Error>> {
        loop {
            self.drain().await?;
            self.check()?;
            if self.over || self.session.transport() == Transport::HalfClose {
                return Ok(None);
            }
            if self.unread.is_empty() && !self.eof && self.session.transport() != Transport::Close {
                self.read().await?;
            }
            match self.advance() {
                Some(Step::Other) => {}
                Some(step) => return Ok(Some(step)),
                None if !self.unread.is_empty() => return Ok(Some(Step::Head)), // the host has not answered yet
                None if self.eof && !self.session.is_due() => return Ok(None),
                None => {}
            }
        }
    }

    /// Reads bytes, unless a deadline passes before.
    async fn read(&mut self) -> Result<(), Error<T::Error>> {
        let read = self.transport.read(self.receive.as_mut());
        if let Some(read) = until(&self.clock, self.session.poll_timeout(), read).await {
            let len = read.map_err(Error::Transport)?;
            let now = self.clock.now();
            self.unread = 0..len;
            if len == 0 {
                self.eof = true;
                self.session.receive_eof(now);
            } else {
                self.session.on_bytes(now); // a write can have to wait before they are received
            }
        }
        Ok(())
    }

    /// Writes the bytes in the transmit buffer, and all that is due. At the end the buffer is free, or the session over.
    pub(crate) async fn drain(&mut self) -> Result<(), Error<T::Error>> {
        while !self.over {
            if self.unsent.is_empty() {
                self.unsent = 0..self.session.poll_transmit(self.transmit.as_mut());
            }
            let bytes = self.transmit.as_ref().get(self.unsent.clone()).unwrap_or_default();
            let is_flush = bytes.is_empty();
            if is_flush && !(self.flush && self.unflushed) {
                return Ok(());
            }
            let write = async {
                if is_flush { self.transport.flush().await.map(|()| 0) } else { self.transport.write(bytes).await }
            };
            let before = self.clock.now();
            match until(&self.clock, self.session.poll_timeout(), write).await {
                None => self.handle_timeout(),
                Some(Err(error)) => return Err(Error::Transport(error)),
                Some(Ok(0)) if !is_flush => return Err(Error::WriteZero),
                Some(Ok(len)) => {
                    self.unsent.start += len;
                    self.unflushed = !is_flush;
                    let now = self.clock.now();
                    if now > before {
                        self.session.on_written(now); // the transport had accepted nothing for a while
                    }
                }
            }
        }
        self.unsent = 0..0;
        Ok(())
    }
}

impl<R: SessionRole, T: core::fmt::Debug, C, B: AsRef<[u8]> + AsMut<[u8]>> core::fmt::Debug
    for WebSocket<'_, T, R, C, B>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WebSocket")
            .field("transport", &self.transport)
            .field("session", &self.session)
            .field("unread", &self.unread.len())
            .field("unsent", &self.unsent.len())
            .finish_non_exhaustive()
    }
}
