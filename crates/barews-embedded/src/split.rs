//! One WebSocket in two tasks: a [`Reader`] and a [`Writer`] that share only a slot for what the reader makes due. No
//! lock is held across an `await`.

use core::future::poll_fn;
use core::ops::Range;

use barews::connection::{Event as Incoming, MessageKind, Outgoing, Receiver, Reply, Transmitter};
use barews::deadlines::{Deadlines, Reason, Timeout};
use barews::session::{self, SessionRole};
use barews::wire::CloseCode;
use barews::{Role, SendError};
use embassy_sync::blocking_mutex::raw::{NoopRawMutex, RawMutex};
use embassy_sync::channel::Channel;
use embedded_io_async::{Read, Write};

use crate::clock::{Clock, until};
use crate::error::Error;
use crate::websocket::{Event, Piece, WebSocket, put};

/// The slot in which a [`Reader`] leaves what the [`Writer`] has to send: a Pong, a Ping of the keepalive or a Close. The
/// reader continues when the writer has taken it.
///
/// `M` is the mutex of `embassy-sync` around the slot. The default is for two tasks of one executor. If the halves run
/// on several executors or in an interrupt, use `CriticalSectionRawMutex`.
pub struct Replies<M: RawMutex = NoopRawMutex>(Channel<M, Due, 1>);

enum Due {
    Reply(Reply),
    Ping([u8; 4]),
}

impl Replies {
    /// Creates an empty slot for two tasks of one executor.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_mutex()
    }
}

impl<M: RawMutex> Replies<M> {
    /// Creates an empty slot with another mutex.
    #[must_use]
    pub const fn with_mutex() -> Self {
        Self(Channel::new())
    }
}

impl<M: RawMutex> Default for Replies<M> {
    fn default() -> Self {
        Self::with_mutex()
    }
}

impl<T, R: SessionRole, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'_, T, R, C, B> {
    /// Splits an open WebSocket. `halves` splits its transport.
    ///
    /// The reader watches the deadlines of the keepalive, and of closing from the peer's Close frame on. There is no idle
    /// timeout. A Close frame that the writer sends starts no deadline: if the peer does not answer it, the keepalive ends
    /// the wait. After a timeout drop both halves.
    ///
    /// ```
    /// use barews::Server;
    /// use barews::connection::Outgoing;
    /// use barews_embedded::{Clock, Error, Event, Replies, WebSocket};
    /// use embedded_io_async::{Read, Write};
    /// # async fn select<F: Future, G: Future>(_: F, _: G) {}
    /// # async fn reading() -> String { String::new() }
    ///
    /// async fn run<R: Read, W: Write<Error = R::Error>, C: Clock>(
    ///     socket: WebSocket<'_, (R, W), Server, C, &mut [u8]>,
    /// ) {
    ///     let replies = Replies::new();
    ///     let Ok((mut reader, mut writer)) = socket.split(&replies, |(read, write)| (read, write)) else { return };
    ///     let incoming = async {
    ///         while let Some(event) = reader.receive().await? {
    ///             if let Event::Chunk(chunk) = event {
    ///                 // Use `chunk.payload`. The writer answers Pings meanwhile.
    ///             }
    ///         }
    ///         Ok::<_, Error<R::Error>>(())
    ///     };
    ///     let outgoing = async {
    ///         loop {
    ///             select(reading(), writer.idle()).await; // the next reading, or the end of `idle`
    ///             # let reading = String::new();
    ///             writer.send(&mut Outgoing::text(&reading)).await?;
    ///         }
    ///         # #[allow(unreachable_code)]
    ///         Ok::<_, Error<R::Error>>(())
    ///     };
    ///     select(incoming, outgoing).await;
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The WebSocket, if the handshake is not done, something is still to be written, or the connection has failed. Call
    /// [`receive`](Self::receive) then. Also if compression was agreed: a connection that is to be split needs
    /// `Resources::deflate` to be `None`.
    #[allow(
        clippy::result_large_err,
        clippy::type_complexity,
        reason = "it is the WebSocket, which the host goes on with"
    )]
    pub fn split<'s, M: RawMutex, T1, T2>(
        mut self,
        replies: &'s Replies<M>,
        halves: impl FnOnce(T) -> (T1, T2),
    ) -> Result<(Reader<'s, T1, R, C, B, M>, Writer<'s, T2, R, B, M>), Self> {
        if !self.unsent.is_empty() || self.codec.is_agreed() {
            return Err(self);
        }
        let (connection, deadlines, _) = match self.session.into_parts() {
            Ok(parts) => parts,
            Err(session) => {
                self.session = session;
                return Err(self);
            }
        };
        let (receiver, transmitter) = connection.split();
        let (transport, write_half) = halves(self.transport);
        let Self { receive, unread, transmit, clock, .. } = self;
        let reader = Reader { transport, receiver, deadlines, buffer: receive, unread, eof: false, clock, replies };
        let writer = Writer { transport: write_half, transmitter, buffer: transmit, unsent: 0..0, replies };
        Ok((reader, writer))
    }
}

/// The receiving half of a [`WebSocket`]: [`WebSocket::split`].
pub struct Reader<'s, T, R, C, B, M: RawMutex = NoopRawMutex> {
    transport: T,
    receiver: Receiver<R>,
    deadlines: Deadlines,
    buffer: B,
    /// The bytes in the buffer that the receiver has not consumed.
    unread: Range<usize>,
    eof: bool,
    clock: C,
    replies: &'s Replies<M>,
}

impl<T: Read, R: Role, C: Clock, B: AsMut<[u8]>, M: RawMutex> Reader<'_, T, R, C, B, M> {
    /// Receives the next chunk of a message, or a Pong. Returns `None` when the peer has ended the transport after its
    /// Close frame, or does not do so in time. If the future is dropped, no byte is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Session`] if the peer broke a rule or did not answer a Ping. In the first case the writer sends the Close
    /// frame that reports it: its [`idle`](Writer::idle) then returns. [`Error::Transport`].
    pub async fn receive(&mut self) -> Result<Option<Event<'_>>, Error<T::Error>> {
        loop {
            // Receive and read only when the slot is free; then dropping this future loses no reply.
            let is_free = poll_fn(|context| self.replies.0.poll_ready_to_send(context));
            if until(&self.clock, self.deadlines.poll_timeout(), is_free).await.is_none() {
                if self.is_over()? {
                    return Ok(None);
                }
                continue;
            }
            let bytes = self.buffer.as_mut().get_mut(self.unread.clone()).unwrap_or_default();
            let received = self.receiver.receive(bytes);
            if let Some(reply) = self.receiver.take_reply() {
                let _is_free = self.replies.0.try_send(Due::Reply(reply));
            }
            let received = received.map_err(session::Error::Protocol)?;
            self.unread.start = self.unread.end - received.rest.len();
            let now = self.clock.now();
            match received.event {
                Some(Incoming::Data(chunk)) => {
                    let piece = Piece::of(&chunk, self.unread.start);
                    return Ok(Some(Event::Chunk(piece.in_buffer(self.buffer.as_mut()))));
                }
                Some(Incoming::Pong) => {
                    return Ok(Some(Event::Pong(self.deadlines.on_pong(self.receiver.control_payload(), now))));
                }
                Some(Incoming::Close(_)) => {
                    self.deadlines.on_state(barews::connection::State::Closing, now);
                    continue;
                }
                Some(_) => continue,
                None if self.eof => {
                    return Ok(self.receiver.receive_eof().map(|()| None).map_err(session::Error::Protocol)?);
                }
                None => {}
            }
            let read = self.transport.read(self.buffer.as_mut());
            match until(&self.clock, self.deadlines.poll_timeout(), read).await {
                Some(read) => {
                    self.unread = 0..read.map_err(Error::Transport)?;
                    self.eof = self.unread.is_empty();
                    self.deadlines.on_bytes(self.clock.now());
                }
                None if self.is_over()? => return Ok(None),
                None => {}
            }
        }
    }

    /// Handles a deadline that has passed. Returns whether the peer has not ended the transport in time.
    fn is_over(&mut self) -> Result<bool, session::Error> {
        match self.deadlines.handle_timeout(self.clock.now()) {
            Some(Timeout::Ping(payload)) => {
                // If the writer cannot send it because the peer takes nothing, the Pong does not come in time either.
                let _is_free = self.replies.0.try_send(Due::Ping(payload));
                Ok(false)
            }
            Some(Timeout::Pong) => Err(session::Error::Timeout(Reason::Pong)),
            Some(Timeout::Closing) => Ok(true),
            _ => Ok(false),
        }
    }

    /// Returns the status code of the peer's Close frame; 1006 if the transport ended without one. `None` while neither
    /// has arrived.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        self.receiver.close_code()
    }
}

/// The sending half of a [`WebSocket`]: [`WebSocket::split`].
pub struct Writer<'s, T, R, B, M: RawMutex = NoopRawMutex> {
    transport: T,
    transmitter: Transmitter<R>,
    buffer: B,
    /// The range of the buffer that is still to be written.
    unsent: Range<usize>,
    replies: &'s Replies<M>,
}

impl<T: Write, R: Role, B: AsRef<[u8]> + AsMut<[u8]>, M: RawMutex> Writer<'_, T, R, B, M> {
    /// Sends what the reader makes due, until our Close frame is written: then it returns. Poll it whenever there is
    /// nothing to send, in a `select` with what produces the next message. If the future is dropped, the next call of
    /// any method continues.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`]. [`Error::Send`] if the buffer is too small for a control frame: 131 bytes.
    pub async fn idle(&mut self) -> Result<(), Error<T::Error>> {
        loop {
            self.flush().await?;
            if self.transmitter.close_sent() {
                return Ok(());
            }
            let due = self.replies.0.receive().await;
            self.put_due(&due)?;
        }
    }

    /// Sends a message, in fragments if the buffer is smaller. Sends what is due before it, and between fragments. If the
    /// future is dropped, call it again with the same `message`, as for [`WebSocket::send`].
    ///
    /// # Errors
    ///
    /// [`Error::Send`] and [`Error::Transport`].
    pub async fn send(&mut self, message: &mut Outgoing<'_>) -> Result<(), Error<T::Error>> {
        while !message.is_complete() {
            self.answer().await?;
            self.unsent = 0..self.transmitter.write_fragment(message, self.buffer.as_mut())?.len();
        }
        self.flush().await
    }

    /// Puts a fragment of a message into the buffer, as [`WebSocket::put`] does. Call [`flush`](Self::flush) before and
    /// after.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    pub fn put(&mut self, kind: MessageKind, last: bool, payload: &[u8]) -> Result<(), SendError> {
        let transmitter = &mut self.transmitter;
        let place =
            put(self.buffer.as_mut(), &mut self.unsent, payload, |len| transmitter.begin_frame(kind, last, len))?;
        transmitter.mask_payload(place)
    }

    /// Sends a Ping with up to 125 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] and [`Error::Transport`].
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error<T::Error>> {
        self.answer().await?;
        self.unsent = 0..self.transmitter.write_ping(payload, self.buffer.as_mut())?.len();
        self.flush().await
    }

    /// Sends a Close frame, unless one was sent. Then the reader receives until the peer's Close frame.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] and [`Error::Transport`].
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error<T::Error>> {
        self.flush().await?;
        if !self.transmitter.close_sent() {
            self.unsent = 0..self.transmitter.write_close(code, reason, self.buffer.as_mut())?.len();
        }
        self.flush().await
    }

    /// Returns whether our Close frame is in the buffer or was written.
    #[must_use]
    pub const fn close_sent(&self) -> bool {
        self.transmitter.close_sent()
    }

    /// Returns the transport. If it buffers, as TLS does, flush it when there is nothing more to write for now.
    pub const fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Writes the frames in the buffer. If the future is dropped, the next call continues.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] and [`Error::WriteZero`].
    pub async fn flush(&mut self) -> Result<(), Error<T::Error>> {
        while !self.unsent.is_empty() {
            let bytes = self.buffer.as_ref().get(self.unsent.clone()).unwrap_or_default();
            match self.transport.write(bytes).await.map_err(Error::Transport)? {
                0 => return Err(Error::WriteZero),
                len => self.unsent.start += len,
            }
        }
        Ok(())
    }

    /// Writes the frames in the buffer, and what the reader has made due. Then the buffer is free.
    async fn answer(&mut self) -> Result<(), Error<T::Error>> {
        self.flush().await?;
        while let Ok(due) = self.replies.0.try_receive() {
            self.put_due(&due)?;
            self.flush().await?;
        }
        Ok(())
    }

    /// Puts a control frame into the buffer, which is free.
    fn put_due(&mut self, due: &Due) -> Result<(), SendError> {
        let out = self.buffer.as_mut();
        let written = match due {
            Due::Reply(reply) => self.transmitter.write_reply(reply, out),
            Due::Ping(payload) => self.transmitter.write_ping(payload, out),
        };
        match written {
            Ok(written) => self.unsent = 0..written.len(),
            Err(SendError::Closing) => {} // nothing follows our Close frame
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
