//! barews on tokio as a `Stream` and a `Sink` of messages, over any `AsyncRead` and `AsyncWrite`: TCP, TLS, a
//! connection that hyper upgraded, a stream of HTTP/2. Copy this file; it needs `barews`, `getrandom`, `tokio` and
//! `futures-util`.
//!
//! * **Back-pressure.** The sink holds one message and sends it in fragments as the transport accepts them. It is ready
//!   for the next message when the last fragment is written. Pongs go out between fragments. While the transport
//!   accepts nothing, reading goes on, so that two peers that both send never wait for each other.
//! * **Cancel safety.** Dropping `next()` or `send()` loses nothing: bytes that were read are in the buffer, and a
//!   message that was started is kept. The next poll of either half continues a message whose `send` was dropped.
//! * **Closing.** `close()` sends a Close frame and waits for the peer's Close and for the end of the transport.
//!   `next()` answers the peer's Close, and returns `None` when the connection is over. After a protocol error of the
//!   peer, `next()` first writes the Close that reports it and waits until the transport has ended; then it returns the
//!   error. Until then `send()` fails with `BrokenPipe`. Call `next()` or `close()` in that case: dropping the socket
//!   can destroy the Close.
//! * **Deadlines.** Keepalive and the timeouts of `Timeouts::MILLISECONDS` run while either half polls the socket.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use barews::connection::{Config, Event, MessageKind, State, Transport, Written};
use barews::deadlines::{Deadlines, Timeout, Timeouts};
use barews::handshake::{
    Accept, ClientConfig, ClientHandshake, ClientRequest, Progress, ServerConfig, ServerHandshake,
};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME};
use barews::{Client, Connection, Role, Server};
use futures_util::task::AtomicWaker;
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// A whole message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    Text(String),
    Binary(Vec<u8>),
}

/// The maximum length of a fragment and of a read.
const PIECE: usize = 16 << 10;

/// A WebSocket on the transport `T`. Use it whole, or `split()` it into its stream and its sink.
pub struct WebSocket<T, R> {
    transport: T,
    connection: Connection<R>,
    /// The read buffer, and the range of it that the engine has not consumed.
    rx: Box<[u8]>,
    unread: Range<usize>,
    /// The message that is being received.
    incoming: Vec<u8>,
    /// Whole frames to write, and the number of their bytes that were written.
    tx: Vec<u8>,
    written: usize,
    /// Whether the transport has made the bytes of `tx` wait.
    waiting: bool,
    /// The message that is being sent, and the number of its bytes that were put into frames.
    outgoing: Option<(MessageKind, Vec<u8>, usize)>,
    /// The error that `next()` returns before its first `None`.
    error: Option<io::Error>,
    /// The transport has ended, has failed or has timed out.
    over: bool,
    shut: bool,
    deadlines: Deadlines,
    start: Instant,
    sleep: Pin<Box<Sleep>>,
    halves: Arc<Halves>,
}

/// The tasks of both halves. A transport remembers only the task that polled it last, and either half can write what
/// the other waits for, so both tasks are woken.
#[derive(Default)]
struct Halves {
    stream: AtomicWaker,
    sink: AtomicWaker,
}

impl Wake for Halves {
    fn wake(self: Arc<Self>) {
        self.stream.wake();
        self.sink.wake();
    }
}

/// Accepts a WebSocket on a new transport. Answers a request without an upgrade with the page, and returns `None`.
pub async fn accept<T: AsyncRead + AsyncWrite + Unpin>(
    mut transport: T,
    config: &ServerConfig<'_>,
    page: &str,
) -> io::Result<Option<WebSocket<T, Server>>> {
    match handshake(&mut transport, config, page).await? {
        Some((connection, unread)) => Ok(Some(WebSocket::new(transport, connection, &unread))),
        None => transport.shutdown().await.map(|()| None),
    }
}

/// Performs only the handshake, for hosts that do the rest themselves. Returns the connection and its first bytes.
pub async fn handshake<T: AsyncRead + AsyncWrite + Unpin>(
    transport: &mut T,
    config: &ServerConfig<'_>,
    page: &str,
) -> io::Result<Option<(Connection<Server>, Vec<u8>)>> {
    let handshake = async {
        let mut handshake = ServerHandshake::new(config, [0; 1024]);
        let (mut rx, mut out) = ([0; 4096], vec![0; 1024 + page.len()]);
        loop {
            let len = transport.read(&mut rx).await?;
            if len == 0 {
                handshake.receive_eof().map_err(io::Error::other)?;
            }
            let upgrade = match handshake.receive(&mut rx[..len]) {
                Ok(Progress::Partial) => continue,
                Ok(Progress::Complete { rest, .. }) => Ok(rest.to_vec()),
                Err(error) => Err(error),
            };
            let is_upgrade = handshake.request().is_some_and(|request| request.is_upgrade());
            let answered = match upgrade {
                Ok(unread) if is_upgrade => {
                    let accepted = handshake.accept(&Accept::default(), &Config::DEFAULT, &mut out);
                    accepted.map(|(len, connection)| (len, Some((connection, unread))))
                }
                Ok(_) => {
                    let html = [("Content-Type", "text/html; charset=utf-8")];
                    handshake.respond(200, &html, page.as_bytes(), &mut out).map(|len| (len, None))
                }
                Err(error) => handshake.refuse(error, &mut out).map(|len| (len, None)),
            };
            let (len, connection) = answered.map_err(io::Error::other)?;
            transport.write_all(&out[..len]).await?;
            transport.flush().await?;
            return Ok::<_, io::Error>(connection);
        }
    };
    timeout(limit(), handshake).await?
}

/// Returns random bytes from the operating system, for masking keys and nonces.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

/// Requests a WebSocket on a new transport to the host and port of `request.uri`.
pub async fn connect<T: AsyncRead + AsyncWrite + Unpin>(
    mut transport: T,
    config: &ClientConfig<'_>,
    request: &ClientRequest<'_>,
) -> io::Result<WebSocket<T, Client<fn() -> [u8; 4]>>> {
    let handshake = async {
        let mut handshake = ClientHandshake::new(config, random(), [0; 1024]);
        let (mut rx, mut out) = ([0; 4096], [0; 4096]);
        let len = handshake.request(request, &mut out).map_err(io::Error::other)?;
        transport.write_all(&out[..len]).await?;
        transport.flush().await?;
        loop {
            let len = transport.read(&mut rx).await?;
            if len == 0 {
                handshake.receive_eof().map_err(io::Error::other)?;
            }
            let Progress::Complete { rest, .. } = handshake.receive(&mut rx[..len]).map_err(io::Error::other)? else {
                continue;
            };
            let keys: fn() -> [u8; 4] = random;
            return match handshake.connect(keys, &Config::DEFAULT) {
                Ok(connection) => Ok((connection, rest.to_vec())),
                Err(_) => Err(io::Error::other(format!("the server answers {}", handshake.status().unwrap_or(0)))),
            };
        }
    };
    let (connection, unread) = timeout(limit(), handshake).await??;
    Ok(WebSocket::new(transport, connection, &unread))
}

fn limit() -> Duration {
    Duration::from_millis(Timeouts::MILLISECONDS.handshake.unwrap_or(u64::MAX))
}

impl<T: AsyncRead + AsyncWrite + Unpin, R: Role> WebSocket<T, R> {
    /// Wraps a connection after its handshake. `unread` has the bytes that followed the handshake.
    pub fn new(transport: T, connection: Connection<R>, unread: &[u8]) -> Self {
        let mut rx = vec![0; PIECE.max(unread.len())].into_boxed_slice();
        rx[..unread.len()].copy_from_slice(unread);
        let mut deadlines = Deadlines::new(Timeouts::MILLISECONDS, 0);
        deadlines.on_open(0);
        Self {
            transport,
            connection,
            rx,
            unread: 0..unread.len(),
            incoming: Vec::new(),
            tx: Vec::new(),
            written: 0,
            waiting: false,
            outgoing: None,
            error: None,
            over: false,
            shut: false,
            deadlines,
            start: Instant::now(),
            sleep: Box::pin(sleep_until(Instant::now())),
            halves: Arc::default(),
        }
    }

    /// Returns the code and the reason of the peer's Close frame, once it was received.
    pub fn closed(&self) -> Option<(CloseCode, &str)> {
        self.connection.close_code().map(|code| (code, self.connection.close_reason()))
    }

    /// Starts the closing handshake with this code. Then call `close()`, which completes it.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> io::Result<()> {
        let mut frame = [0; MAX_CONTROL_FRAME];
        let Written(len) = self.connection.write_close(code, reason, &mut frame).map_err(io::Error::other)?;
        self.tx.extend_from_slice(&frame[..len]);
        self.outgoing = None; // nothing can follow a Close
        Ok(())
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Ends the connection for both halves. Keeps the first error.
    fn end(&mut self, error: Option<io::Error>) {
        self.over = true;
        self.error = self.error.take().or(error);
        self.halves.wake_by_ref();
    }

    /// Handles expired deadlines, and wakes the task at the next one.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.deadlines.on_state(self.connection.state(), self.now());
        loop {
            while let Some(due) = self.deadlines.handle_timeout(self.now()) {
                match due {
                    Timeout::Ping(payload) => {
                        let mut frame = [0; MAX_CONTROL_FRAME];
                        let len = self.connection.write_ping(&payload, &mut frame).map_or(0, Written::len);
                        self.tx.extend_from_slice(&frame[..len]);
                    }
                    Timeout::Idle => self.start_close(CloseCode::GOING_AWAY, "idle")?,
                    Timeout::Handshake | Timeout::Pong | Timeout::Closing => return Err(ErrorKind::TimedOut.into()),
                }
            }
            let Some(next) = self.deadlines.poll_timeout() else { return Ok(()) };
            // One millisecond more, so that the clock has reached the deadline for certain.
            self.sleep.as_mut().reset(self.start + Duration::from_millis(next + 1));
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
        }
    }

    /// Fills `tx` with the frames that are due: first replies, then a fragment.
    fn fill(&mut self) -> io::Result<()> {
        self.tx.clear();
        self.written = 0;
        let mut frame = [0; MAX_CONTROL_FRAME];
        while let len @ 1.. = self.connection.poll_transmit(&mut frame) {
            self.tx.extend_from_slice(&frame[..len]);
        }
        let Some((kind, body, framed)) = &mut self.outgoing else { return Ok(()) };
        let piece = &body[*framed..(*framed + PIECE).min(body.len())];
        let last = *framed + piece.len() == body.len();
        let Ok(header) = self.connection.begin_frame(*kind, last, piece.len() as u64) else {
            self.outgoing = None; // the connection is closing, so the peer reads no more
            return Ok(());
        };
        self.tx.extend_from_slice(header.as_bytes());
        let payload = self.tx.len();
        self.tx.resize(payload + piece.len(), 0);
        _ = self.connection.copy_payload(piece, &mut self.tx[payload..]).map_err(io::Error::other)?;
        *framed += piece.len();
        if last {
            self.outgoing = None;
            self.deadlines.on_message(self.now());
        }
        Ok(())
    }

    /// Writes until nothing is due.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.written < self.tx.len() {
                let Poll::Ready(len) = Pin::new(&mut self.transport).poll_write(cx, &self.tx[self.written..]) else {
                    self.waiting = true;
                    return Poll::Pending;
                };
                let len = len?;
                if std::mem::take(&mut self.waiting) {
                    self.deadlines.on_bytes(self.now()); // accepting bytes that waited is a sign of life
                }
                if len == 0 {
                    return Poll::Ready(Err(ErrorKind::WriteZero.into()));
                }
                self.written += len;
            }
            self.fill()?;
            if self.tx.is_empty() {
                return Pin::new(&mut self.transport).poll_flush(cx);
            }
        }
    }

    /// Like `poll_write`, for a task that does not read. Handles the deadlines as well, so that it does not wait
    /// without limit.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.over {
            let sent = self.outgoing.is_none() && self.written == self.tx.len();
            return Poll::Ready(if sent { Ok(()) } else { Err(ErrorKind::BrokenPipe.into()) });
        }
        let polled = match self.poll_deadlines(cx) {
            Ok(()) => self.poll_write(cx),
            Err(error) => {
                self.end(Some(error.kind().into()));
                return Poll::Ready(Err(error));
            }
        };
        if let Poll::Ready(Err(error)) = &polled
            && self.connection.state() == State::Open
        {
            self.end(Some(error.kind().into()));
        }
        polled
    }

    /// Reads the next message. When the connection is over, returns the error if there was one, and then `None`.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Message>>> {
        if !self.over {
            match ready!(self.poll_receive(cx)) {
                Ok(Some(message)) => return Poll::Ready(Ok(Some(message))),
                Ok(None) => self.end(None),
                Err(error) => self.end(Some(error)),
            }
        }
        Poll::Ready(self.error.take().map_or(Ok(None), Err))
    }

    /// Reads the next message. Returns `None` when the host has to close the transport.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Message>>> {
        loop {
            self.poll_deadlines(cx)?;
            let mut written = self.poll_write(cx);
            if matches!(written, Poll::Ready(Err(_))) && self.connection.state() == State::Open {
                return written.map_ok(|()| None);
            }
            match self.connection.receive(&mut self.rx[self.unread.clone()]) {
                Err(error) => {
                    // Discard all further bytes until the transport ends.
                    self.unread = 0..0;
                    if self.error.is_none() {
                        self.error = Some(io::Error::new(ErrorKind::InvalidData, error));
                        continue; // writes the Close that reports it
                    }
                }
                Ok(received) => {
                    self.unread.start = self.unread.end - received.rest.len();
                    match received.event {
                        Some(Event::Data(chunk)) => {
                            self.incoming.extend_from_slice(chunk.payload);
                            if chunk.last {
                                let kind = chunk.kind;
                                self.deadlines.on_message(self.start.elapsed().as_millis() as u64);
                                let body = std::mem::take(&mut self.incoming);
                                return Poll::Ready(Ok(Some(match kind {
                                    MessageKind::Text => String::from_utf8(body).map_or_else(
                                        |error| Message::Binary(error.into_bytes()), // the engine has validated it
                                        Message::Text,
                                    ),
                                    _ => Message::Binary(body),
                                })));
                            }
                            continue;
                        }
                        Some(Event::Pong) => {
                            let now = self.now();
                            let _round_trip = self.deadlines.on_pong(self.connection.control_payload(), now);
                            continue;
                        }
                        Some(_) => continue,
                        None => {}
                    }
                }
            }
            match self.connection.transport() {
                Transport::Close => return Poll::Ready(Ok(None)),
                Transport::HalfClose if written.is_ready() && !self.shut => {
                    let _gone = ready!(Pin::new(&mut self.transport).poll_shutdown(cx));
                    self.shut = true;
                }
                _ => {}
            }
            let mut buffer = ReadBuf::new(&mut self.rx);
            let end = match ready!(Pin::new(&mut self.transport).poll_read(cx, &mut buffer)) {
                Ok(()) => buffer.filled().is_empty(),
                Err(error) if self.connection.state() == State::Open => return Poll::Ready(Err(error)),
                Err(error) => {
                    written = Poll::Ready(Err(error)); // a reset ends both directions
                    true
                }
            };
            self.unread = 0..buffer.filled().len();
            let now = self.now();
            self.deadlines.on_bytes(now);
            if end {
                let eof = self.connection.receive_eof();
                if let (Err(error), None) = (eof, &self.error) {
                    return Poll::Ready(Err(io::Error::new(ErrorKind::UnexpectedEof, error)));
                }
                match written {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(Ok(None)), // the peer needs no Close
                    Poll::Pending => return Poll::Pending,               // the peer can still read our Close
                }
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, R: Role + Unpin> Stream for WebSocket<T, R> {
    type Item = io::Result<Message>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.halves.stream.register(cx.waker());
        let waker = Waker::from(Arc::clone(&this.halves));
        this.poll_message(&mut Context::from_waker(&waker)).map(Result::transpose)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, R: Role + Unpin> Sink<Message> for WebSocket<T, R> {
    type Error = io::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.halves.sink.register(cx.waker());
        let waker = Waker::from(Arc::clone(&this.halves));
        if this.outgoing.is_none() { Poll::Ready(Ok(())) } else { this.poll_send(&mut Context::from_waker(&waker)) }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> io::Result<()> {
        let this = self.get_mut();
        if this.over || this.connection.state() != State::Open {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let (kind, body) = match message {
            Message::Text(text) => (MessageKind::Text, text.into_bytes()),
            Message::Binary(body) => (MessageKind::Binary, body),
        };
        this.outgoing = Some((kind, body, 0));
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.halves.sink.register(cx.waker());
        let waker = Waker::from(Arc::clone(&this.halves));
        this.poll_send(&mut Context::from_waker(&waker))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.halves.sink.register(cx.waker());
        let waker = Waker::from(Arc::clone(&this.halves));
        let cx = &mut Context::from_waker(&waker);
        if this.connection.state() == State::Open {
            if this.outgoing.is_some() {
                ready!(this.poll_send(cx))?;
            }
            if !this.over {
                this.start_close(CloseCode::NORMAL, "")?;
            }
        }
        // Drop the messages that the peer sent before it received our Close.
        while ready!(this.poll_message(cx))?.is_some() {}
        Poll::Ready(Ok(()))
    }
}
