//! A WebSocket on a transport, and how both halves work together.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use barews::connection::Transport;
use barews::deadlines::{Reason, Timeout as Due};
use barews::wire::CloseCode;
use barews::{Connection, ProtocolError};
use bytes::BytesMut;
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::config::Agreed;
use crate::engine::{Halves, KEYS, Role};
use crate::error::Timeout;
use crate::rx::{Item, Mode, Rx};
use crate::tx::{Tx, Written};
use crate::{Chunk, CloseFrame, Config, Error, Message, Prepared, Reader, Writer};

/// A WebSocket on the transport `S`: a [`Stream`] and a [`Sink`] of [`Message`]s.
///
/// [`accept`](crate::accept) and [`connect`](crate::connect) return one.
///
/// * **Pings** are answered, and the connection is kept alive, while [`next`](Self::next) is polled.
/// * **Back-pressure.** [`next`](Self::next) reads only when the program asks for a message, and [`send`](Self::send)
///   waits for the transport. While the peer accepts nothing, `send` reads on, up to
///   [`Config::read_ahead`](crate::Config::read_ahead), because the peer may write a whole message before it reads. A
///   peer that accepts nothing for [`Timeouts::send`](crate::Timeouts::send) makes `send` fail.
/// * **Cancel safety.** Every method can be dropped at any await point, in `select!` for example, without harm to the
///   stream: no byte is lost, and no frame is cut. A message whose `send` was dropped is sent whole by the next call,
///   or, if `send` was still waiting for room, not at all. To know which, call [`feed`](Self::feed), whose message is
///   not queued if it was dropped, and then [`flush`](Self::flush).
/// * **Closing.** See [`close`](Self::close). Dropping the socket closes the transport without a closing handshake.
///
/// ```
/// # use tokio::io::{AsyncRead, AsyncWrite};
/// use barews_tokio::{Error, Message, WebSocket};
///
/// async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocket<S>) -> Result<(), Error> {
///     while let Some(message) = socket.next().await {
///         match message? {
///             message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
///             _ => {} // a Ping, a Pong or a Close: the crate answers them
///         }
///     }
///     Ok(())
/// }
/// ```
pub struct WebSocket<S> {
    io: S,
    rx: Rx,
    tx: Tx,
    subprotocol: Option<Box<str>>,
}

impl<S> std::fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket")
            .field("role", &self.rx.receiver.role())
            .field("subprotocol", &self.subprotocol)
            .field("is_over", &self.rx.over)
            .finish_non_exhaustive()
    }
}

/// Access to both halves of a connection. If the receiving half is alone in its task, a lock guards the other.
pub(crate) trait Duplex {
    type Input: AsyncRead + Unpin;
    type Output: AsyncWrite + Unpin;

    fn input(&mut self) -> (&mut Rx, &mut Self::Input);

    fn with_output<T>(&mut self, call: impl FnOnce(&mut Tx, &mut Self::Output) -> T) -> T;
}

impl<S: AsyncRead + AsyncWrite + Unpin> Duplex for WebSocket<S> {
    type Input = S;
    type Output = S;

    fn input(&mut self) -> (&mut Rx, &mut S) {
        (&mut self.rx, &mut self.io)
    }

    fn with_output<T>(&mut self, call: impl FnOnce(&mut Tx, &mut S) -> T) -> T {
        call(&mut self.tx, &mut self.io)
    }
}

/// Receives the next item. When the connection is over, returns the error if there was one, and then `None`.
#[inline]
pub(crate) fn poll_item<D: Duplex>(
    duplex: &mut D,
    cx: &mut Context<'_>,
    mode: Mode,
) -> Poll<Option<Result<Item, Error>>> {
    let (rx, _) = duplex.input();
    if let Some(item) = rx.decode(mode) {
        return Poll::Ready(Some(Ok(hand_out(duplex, item))));
    }
    poll_more(duplex, cx, mode)
}

/// Passes the reply to a control frame to the sending half.
#[inline]
fn hand_out<D: Duplex>(duplex: &mut D, item: Item) -> Item {
    if let Item::Message(message @ (Message::Ping(_) | Message::Close(_))) = &item {
        let is_close = message.is_close();
        let (rx, _) = duplex.input();
        if let Some(reply) = rx.receiver.take_reply() {
            duplex.with_output(|tx, io| {
                tx.reply(reply);
                if is_close {
                    let _later = tx.write(io); // the program may drop the socket now
                }
            });
        } else if is_close {
            duplex.with_output(|tx, _| tx.ended = true); // it answers ours
        }
    }
    item
}

fn poll_more<D: Duplex>(duplex: &mut D, cx: &mut Context<'_>, mode: Mode) -> Poll<Option<Result<Item, Error>>> {
    loop {
        let (rx, _) = duplex.input();
        if rx.over {
            return Poll::Ready(rx.error.take().map(Err));
        }
        if let Some(item) = rx.decode(mode) {
            return Poll::Ready(Some(Ok(hand_out(duplex, item))));
        }
        if !rx.is_receiving() {
            rx.discard();
        }
        let reply = rx.receiver.take_reply(); // the Close that reports an error
        let written = duplex.with_output(|tx, io| {
            tx.tasks.reader.register(cx.waker());
            if let Some(reply) = reply {
                tx.reply(reply);
            }
            tx.write(io)
        });
        match poll_transport(duplex, cx, &written) {
            Poll::Ready(Step::Again) => {}
            Poll::Ready(Step::Over(error)) => over(duplex, error),
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// What follows.
enum Step {
    /// Something has changed.
    Again,
    /// The connection is over. An earlier error explains more than this one.
    Over(Option<Error>),
}

fn over<D: Duplex>(duplex: &mut D, error: Option<Error>) {
    let (rx, _) = duplex.input();
    rx.over = true;
    rx.error = rx.error.take().or(error);
    crate::trace::over(rx.error.as_ref(), rx.close_frame().as_ref());
    duplex.with_output(|tx, _| tx.end());
}

/// Reads from the transport, ends it when the time has come, and handles the deadlines.
fn poll_transport<D: Duplex>(duplex: &mut D, cx: &mut Context<'_>, written: &Written) -> Poll<Step> {
    let (rx, _) = duplex.input();
    let now = rx.now();
    if let Some(sent_at) = written.sent_at {
        rx.deadlines.on_message(sent_at);
    }
    if let Some(written_at) = written.written_at {
        rx.deadlines.on_written(written_at);
    }
    rx.deadlines.on_state(rx.receiver.state(written.close_sent), now);
    if written.timed_out {
        return Poll::Ready(Step::Over(None)); // the send call has reported it
    }
    let is_clean = rx.receiver.close_received() && written.close_sent && written.done;
    let mut reads = true;
    if rx.eof && rx.is_drained() {
        if rx.is_receiving() {
            let _ended = rx.receiver.receive_eof();
            let error = rx.read_error.take().or(written.broken.map(io::Error::from));
            return Poll::Ready(Step::Over(Some(error.map_or(ProtocolError::UnexpectedEof.into(), Error::Io))));
        }
        if written.done {
            return Poll::Ready(Step::Over(None));
        }
        reads = false; // a peer that has ended its side can still read our Close
    } else if written.done && rx.receiver.transport(written.close_sent) == Transport::HalfClose {
        let is_server = rx.receiver.role() == Role::Server;
        if !written.shut && duplex.with_output(Tx::poll_shutdown).is_pending() {
            reads = false;
        } else if is_server && is_clean {
            return Poll::Ready(Step::Over(None)); // a peer that has sent a Close sends nothing after it
        }
    }
    let (rx, io) = duplex.input();
    // What has arrived is read before the deadlines are asked what did not. But a peer that sends without end must not
    // hold up the end.
    let mut due = if rx.deadlines.reason() == Some(Reason::Closing) { rx.deadlines.handle_timeout(now) } else { None };
    if due.is_none()
        && reads
        && let Poll::Ready(read) = rx.poll_fill(io, cx)
    {
        match read {
            Ok(1..) => rx.deadlines.on_bytes(now),
            Ok(0) => rx.eof = true,
            Err(error) => {
                rx.eof = true;
                rx.read_error = Some(error);
            }
        }
        return Poll::Ready(Step::Again);
    }
    due = due.or_else(|| rx.deadlines.handle_timeout(now));
    let Some(due) = due else {
        return rx.poll_deadline(cx).map(|()| Step::Again);
    };
    Poll::Ready(match due {
        Due::Ping(payload) => {
            rx.release();
            duplex.with_output(|tx, _| {
                tx.release();
                tx.ping(payload);
            });
            Step::Again
        }
        Due::Idle => {
            let _valid = duplex.with_output(|tx, _| tx.start_close(Some(CloseCode::GOING_AWAY.into())));
            Step::Again
        }
        Due::Closing if is_clean => Step::Over(None), // the peer only does not end the transport
        Due::Closing => Step::Over(Some(Error::Timeout(Timeout::Closing))),
        Due::Pong | Due::Handshake => Step::Over(Some(Error::Timeout(Timeout::Pong))),
    })
}

/// The sending side of a [`WebSocket`] or of a [`Writer`].
pub(crate) trait Sending {
    /// Writes until there is room for a message.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;

    /// Writes everything.
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;

    fn queue(&mut self, queue: impl FnOnce(&mut Tx) -> Result<(), Error>) -> Result<(), Error>;
}

pub(crate) async fn feed<T: Sending>(
    sender: &mut T,
    queue: impl FnOnce(&mut Tx) -> Result<(), Error>,
) -> Result<(), Error> {
    poll_fn(|cx| sender.poll_room(cx)).await?;
    sender.queue(queue)
}

pub(crate) async fn send<T: Sending>(
    sender: &mut T,
    queue: impl FnOnce(&mut Tx) -> Result<(), Error>,
) -> Result<(), Error> {
    feed(sender, queue).await?;
    flush(sender).await
}

pub(crate) async fn flush<T: Sending>(sender: &mut T) -> Result<(), Error> {
    poll_fn(|cx| sender.poll_written(cx)).await
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Reads what the peer sends while it does not accept what we send.
    fn read_ahead<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        if polled.is_pending() {
            let waker = self.tx.waker();
            if self.rx.read_ahead(&mut self.io, &mut Context::from_waker(&waker)) {
                self.tx.tasks.reader.wake(); // it may wait for these bytes
            }
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sending for WebSocket<S> {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let polled = self.tx.poll_ready(&mut self.io, cx);
        self.read_ahead(polled)
    }

    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let polled = self.tx.poll_flush(&mut self.io, cx);
        self.read_ahead(polled)
    }

    fn queue(&mut self, queue: impl FnOnce(&mut Tx) -> Result<(), Error>) -> Result<(), Error> {
        queue(&mut self.tx)
    }
}

impl<S> WebSocket<S> {
    pub(crate) fn new(
        io: S,
        halves: Halves,
        config: &Config,
        agreed: Option<Agreed>,
        unread: BytesMut,
        subprotocol: Option<&str>,
    ) -> Self {
        let (Halves(receiver, transmitter), start) = (halves, Instant::now());
        crate::trace::opened(receiver.role(), subprotocol);
        Self {
            io,
            rx: Rx::new(receiver, config, agreed, unread, start),
            tx: Tx::new(transmitter, config, agreed, start),
            subprotocol: subprotocol.map(Into::into),
        }
    }

    /// Creates a WebSocket after an opening handshake that was done elsewhere, by an HTTP library for example.
    ///
    /// `unread` are bytes that the peer has sent after the handshake. Compression is not in use, whatever the
    /// configuration says: the handshake must not have agreed to any extension.
    ///
    /// ```
    /// use barews_tokio::{Config, Role, WebSocket};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), barews_tokio::Error> {
    /// let (ours, _theirs) = tokio::io::duplex(4096);
    /// let mut socket = WebSocket::from_raw(ours, Role::Server, &Config::default(), b"\x81\x82\0\0\0\0Hi");
    /// assert_eq!(socket.next().await.unwrap()?.to_text(), Some("Hi"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_raw(io: S, role: Role, config: &Config, unread: &[u8]) -> Self {
        let engine = config.engine(false);
        let halves = match role {
            Role::Server => Connection::new(barews::Server, &engine).into(),
            Role::Client => Connection::new(barews::Client(KEYS), &engine).into(),
        };
        Self::new(io, halves, config, None, unread.into(), None)
    }

    /// Returns the subprotocol that was agreed.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Returns which side this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.rx.receiver.role()
    }

    /// Returns the peer's Close frame, once it was received. `None` also if it had no status code.
    #[must_use]
    pub fn close_frame(&self) -> Option<CloseFrame> {
        self.rx.close_frame()
    }

    /// Returns the time between the newest Ping of the keepalive and its Pong.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.rx.round_trip
    }

    /// Returns the transport.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.io
    }

    /// Returns the transport, to set options of its socket for example. Do not read or write.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.io
    }

    /// Returns the transport. Bytes that were read and messages that were not written are lost.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.io
    }

    /// Splits the transport with `split`, and the socket with it, for two tasks. See [`Reader`].
    ///
    /// The halves of a TCP stream share no lock of their own:
    ///
    /// ```no_run
    /// use barews_tokio::accept;
    /// use tokio::net::TcpStream;
    ///
    /// # async fn f(stream: TcpStream) -> Result<(), barews_tokio::Error> {
    /// let (writer, reader) = accept(stream).await?.split_with(TcpStream::into_split);
    /// # Ok(())
    /// # }
    /// ```
    pub fn split_with<I, O>(self, split: impl FnOnce(S) -> (I, O)) -> (Writer<O>, Reader<I, O>) {
        let (input, output) = split(self.io);
        crate::split::halves(self.rx, self.tx, input, output)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Returns the next message; `None` after the last one, when the connection is over. An error is followed by
    /// `None`.
    ///
    /// Writes what [`feed`](Self::feed) has queued before it waits. Cancel safe: if it is dropped, nothing is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] if the peer breaks a rule or a limit: the Close frame that reports it is sent, and the
    /// transport is ended, before the error is returned. [`Error::Timeout`], [`Error::Io`].
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| poll_message(self, cx)).await
    }

    /// Returns the next chunk of a message, as it arrives: for messages that are larger than memory. Control frames are
    /// handled and not reported; see [`close_frame`](Self::close_frame).
    ///
    /// After this, [`next`](Self::next) skips the rest of a message whose chunks were not all taken. Cancel safe.
    ///
    /// ```
    /// # use tokio::io::{AsyncRead, AsyncWrite};
    /// use barews_tokio::{Error, WebSocket};
    ///
    /// /// Returns messages of any length to the peer.
    /// async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocket<S>) -> Result<(), Error> {
    ///     while let Some(chunk) = socket.next_chunk().await {
    ///         socket.send_chunk(chunk?).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next).
    pub async fn next_chunk(&mut self) -> Option<Result<Chunk, Error>> {
        poll_fn(|cx| poll_chunk(self, cx)).await
    }

    /// Sends a message, and waits until the transport has accepted all of it.
    ///
    /// Cancel safe in that no frame is cut; see [`WebSocket`]. The future can be dropped to limit its time.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the connection is closing or closed: then [`next`](Self::next) returns why.
    /// [`Error::Timeout`], [`Error::Io`]; [`Error::Send`] for a control message that is too long.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        send(self, |tx| tx.start_send(message)).await
    }

    /// Queues a message, and waits only while too much is queued. The next call of [`next`](Self::next),
    /// [`flush`](Self::flush) or [`send`](Self::send) writes it, together with other queued messages.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        feed(self, |tx| tx.start_send(message)).await
    }

    /// Sends a chunk of a message. All chunks of a message have the same kind; the last one has `last`. Between them
    /// only control messages can be sent.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), and [`Error::MessageInProgress`] for a chunk of another kind.
    pub async fn send_chunk(&mut self, chunk: Chunk) -> Result<(), Error> {
        send(self, |tx| tx.start_chunk(chunk)).await
    }

    /// Sends a prepared message, like [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub async fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        send(self, |tx| tx.start_prepared(message)).await
    }

    /// Queues a prepared message, like [`feed`](Self::feed).
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub async fn feed_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        feed(self, |tx| tx.start_prepared(message)).await
    }

    /// Writes everything that was queued.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), Error> {
        flush(self).await
    }

    /// Closes the connection: writes what is queued and a Close frame, drops the messages that the peer sent before it
    /// received that, and waits for the peer's Close frame and for the end of the transport (RFC 6455 section 7.1.2).
    ///
    /// `Ok` once both Close frames went through, whoever began, even if the peer does not end the transport. Cancel
    /// safe: it can be called again.
    ///
    /// ```no_run
    /// # async fn f(mut socket: barews_tokio::WebSocket<tokio::net::TcpStream>) -> Result<(), barews_tokio::Error> {
    /// use barews_tokio::{CloseCode, CloseFrame};
    ///
    /// socket.close(CloseFrame::new(CloseCode::GOING_AWAY, "restart")).await?; // or `None`: no status code
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if the peer does not answer within [`Timeouts::closing`](crate::Timeouts::closing),
    /// [`Error::Protocol`], [`Error::Io`]; [`Error::Send`] if the code or the reason must not be sent.
    pub async fn close(&mut self, close: impl Into<Option<CloseFrame>>) -> Result<(), Error> {
        self.tx.start_close(close.into())?;
        poll_fn(|cx| self.poll_closed(cx)).await
    }

    /// Completes the closing handshake.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            if let Poll::Ready(Err(error @ Error::Timeout(_))) = self.poll_written(cx) {
                return Poll::Ready(Err(error));
            }
            match ready!(poll_item(self, cx, Mode::Messages)) {
                Some(Ok(_dropped)) => {}
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None if self.rx.receiver.close_received() => return Poll::Ready(Ok(())),
                None => return Poll::Ready(Err(Error::Closed)),
            }
        }
    }

    /// Splits the socket for two tasks. See [`Reader`], and [`split_with`](Self::split_with), which is faster on TCP.
    ///
    /// The order is that of `StreamExt::split`, which works as well: its halves share the whole socket and a lock.
    #[allow(clippy::type_complexity, reason = "a type for it would only have a name")]
    pub fn split(self) -> (Writer<tokio::io::WriteHalf<S>>, Reader<tokio::io::ReadHalf<S>, tokio::io::WriteHalf<S>>) {
        self.split_with(tokio::io::split)
    }
}

#[inline]
pub(crate) fn poll_message<D: Duplex>(duplex: &mut D, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
    loop {
        match ready!(poll_item(duplex, cx, Mode::Messages)) {
            Some(Ok(Item::Message(message))) => return Poll::Ready(Some(Ok(message))),
            Some(Ok(Item::Chunk(_))) => {}
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        }
    }
}

pub(crate) fn poll_chunk<D: Duplex>(duplex: &mut D, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, Error>>> {
    loop {
        match ready!(poll_item(duplex, cx, Mode::Chunks)) {
            Some(Ok(Item::Chunk(chunk))) => return Poll::Ready(Some(Ok(chunk))),
            Some(Ok(Item::Message(_))) => {}
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        poll_message(self.get_mut(), cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.get_mut().tx.start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_written(cx)
    }

    /// Like [`close`](Self::close) with 1000.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.tx.start_close(Some(CloseCode::NORMAL.into()))?;
        this.poll_closed(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an idle connection takes in its task, apart from the socket.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn socket_is_small() {
        let size = size_of::<WebSocket<()>>();
        assert!(size <= 1200, "{size}");
    }

    #[test]
    fn future_of_accept_does_not_contain_the_handshake() {
        let size = size_of_val(&crate::accept(tokio::io::duplex(1).0));
        assert!(size <= 2000, "{size}");
    }
}
