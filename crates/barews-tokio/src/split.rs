//! The halves of a socket, for two tasks.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use barews::wire::CloseCode;
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::rx::Rx;
use crate::socket::{Duplex, Sending, feed, flush, poll_chunk, poll_message, send};
use crate::tx::Tx;
use crate::{Chunk, CloseFrame, Error, Message, Prepared};

/// The sending half and the output of the transport.
struct Output<O>(Mutex<(Tx, O)>);

impl<O> Output<O> {
    /// Locks for one poll: never across an await.
    fn lock(&self) -> MutexGuard<'_, (Tx, O)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn halves<I, O>(rx: Rx, tx: Tx, input: I, output: O) -> (Writer<O>, Reader<I, O>) {
    let output = Arc::new(Output(Mutex::new((tx, output))));
    (Writer { output: Arc::clone(&output) }, Reader { io: input, rx, output })
}

/// The receiving half of a [split](crate::WebSocket::split) socket, a [`Stream`] of messages.
///
/// It owns the input of the transport, its buffer and the engine's receiving half, and locks nothing to receive data.
/// Pongs and the answer to a Close go out through the other half, which a mutex guards. It is held while
/// bytes are handed to the transport, never across an await. So Pings are answered while the writer's task does
/// something else.
///
/// The timeouts run here: poll the reader until it returns `None`, also after the writer has sent a Close. If the
/// writer is dropped, the connection stays open. If the reader is dropped, Pings and Closes get no answer.
pub struct Reader<I, O> {
    io: I,
    rx: Rx,
    output: Arc<Output<O>>,
}

/// The sending half of a [split](crate::WebSocket::split) socket, a [`Sink`] of messages. See [`Reader`].
///
/// While the peer accepts nothing, this half reads nothing: that is the reader's task. A task that uses both halves,
/// such as an echo, should keep the [`WebSocket`](crate::WebSocket) whole.
pub struct Writer<O> {
    output: Arc<Output<O>>,
}

impl<I, O> std::fmt::Debug for Reader<I, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("is_over", &self.rx.over).finish_non_exhaustive()
    }
}

impl<O> std::fmt::Debug for Writer<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl<I: AsyncRead + Unpin, O: AsyncWrite + Unpin> Duplex for Reader<I, O> {
    type Input = I;
    type Output = O;

    fn input(&mut self) -> (&mut Rx, &mut I) {
        (&mut self.rx, &mut self.io)
    }

    fn with_output<T>(&mut self, call: impl FnOnce(&mut Tx, &mut O) -> T) -> T {
        let (tx, io) = &mut *self.output.lock();
        call(tx, io)
    }
}

impl<I: AsyncRead + Unpin, O: AsyncWrite + Unpin> Reader<I, O> {
    /// Returns the next message. See [`WebSocket::next`](crate::WebSocket::next).
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::next`](crate::WebSocket::next).
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| poll_message(self, cx)).await
    }

    /// Returns the next chunk of a message. See [`WebSocket::next_chunk`](crate::WebSocket::next_chunk).
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::next`](crate::WebSocket::next).
    pub async fn next_chunk(&mut self) -> Option<Result<Chunk, Error>> {
        poll_fn(|cx| poll_chunk(self, cx)).await
    }

    /// Returns the peer's Close frame, once it was received.
    #[must_use]
    pub fn close_frame(&self) -> Option<CloseFrame> {
        self.rx.close_frame()
    }

    /// Returns the time between the newest Ping of the keepalive and its Pong.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.rx.round_trip
    }
}

impl<I: AsyncRead + Unpin, O: AsyncWrite + Unpin> Stream for Reader<I, O> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        poll_message(self.get_mut(), cx)
    }
}

impl<O: AsyncWrite + Unpin> Sending for Writer<O> {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let (tx, io) = &mut *self.output.lock();
        tx.poll_ready(io, cx)
    }

    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let (tx, io) = &mut *self.output.lock();
        tx.poll_flush(io, cx)
    }

    fn queue(&mut self, queue: impl FnOnce(&mut Tx) -> Result<(), Error>) -> Result<(), Error> {
        queue(&mut self.output.lock().0)
    }
}

impl<O: AsyncWrite + Unpin> Writer<O> {
    /// Sends a message. See [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send`](crate::WebSocket::send).
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        send(self, |tx| tx.start_send(message)).await
    }

    /// Queues a message. Call [`flush`](Self::flush) after the last one.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send`](crate::WebSocket::send).
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        feed(self, |tx| tx.start_send(message)).await
    }

    /// Sends a chunk of a message. See [`WebSocket::send_chunk`](crate::WebSocket::send_chunk).
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send_chunk`](crate::WebSocket::send_chunk).
    pub async fn send_chunk(&mut self, chunk: Chunk) -> Result<(), Error> {
        send(self, |tx| tx.start_chunk(chunk)).await
    }

    /// Sends a prepared message.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send`](crate::WebSocket::send).
    pub async fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        send(self, |tx| tx.start_prepared(message)).await
    }

    /// Queues a prepared message. Call [`flush`](Self::flush) after the last one.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send`](crate::WebSocket::send).
    pub async fn feed_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        feed(self, |tx| tx.start_prepared(message)).await
    }

    /// Writes everything that was queued.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send`](crate::WebSocket::send).
    pub async fn flush(&mut self) -> Result<(), Error> {
        flush(self).await
    }

    /// Sends a Close frame after what is queued. The [`Reader`] completes the closing handshake: it returns the
    /// messages that the peer sent before its own Close, and then `None`.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::send`](crate::WebSocket::send).
    pub async fn close(&mut self, close: impl Into<Option<CloseFrame>>) -> Result<(), Error> {
        self.start_close(close.into())?;
        flush(self).await
    }

    fn start_close(&mut self, close: Option<CloseFrame>) -> Result<(), Error> {
        self.queue(|tx| tx.start_close(close))
    }
}

impl<O: AsyncWrite + Unpin> Sink<Message> for Writer<O> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.get_mut().queue(|tx| tx.start_send(message))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_written(cx)
    }

    /// Like [`close`](Self::close) with 1000.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.start_close(Some(CloseCode::NORMAL.into()))?;
        this.poll_written(cx)
    }
}
