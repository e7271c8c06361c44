//! barews on tokio as a `Stream` and a `Sink` of messages, over any `AsyncRead` and `AsyncWrite`: TCP, TLS, a
//! connection that hyper upgraded, a stream of HTTP/2. Copy this file; it needs `barews` with the feature `alloc`,
//! `getrandom`, `tokio` with `io-util` and `time`, and `futures-util` with `sink`.
//!
//! * **Back-pressure.** The sink holds one message and sends it in fragments as the transport accepts them. It is ready
//!   for the next message when the last fragment is written. Pongs go out between fragments. While the transport
//!   accepts nothing, either half reads on, because the peer may write a whole message before it reads. `send()` keeps
//!   those bytes for `next()`, up to `AHEAD`. A peer that writes more waits for us and we for it, until the deadlines. One
//!   that reads nothing and sends a byte now and then is alive: limit the time of `send()`, which can be dropped.
//! * **Cancel safety.** Dropping `next()` or `send()` loses nothing: bytes that were read are in the buffer, and a
//!   message that was started is kept. The next poll of either half continues a message whose `send` was dropped.
//! * **Closing.** `close()` sends a Close frame and waits for the peer's Close and for the end of the transport.
//!   `next()` answers the peer's Close, and returns `None` when the connection is over. After a protocol error of the
//!   peer, `next()` first writes the Close that reports it and waits until the transport has ended; then it returns the
//!   error. Until then `send()` fails with `BrokenPipe`. Call `next()` or `close()` in that case: dropping the socket
//!   can destroy the Close. A closing handshake is clean once both Close frames are through, even if the peer never ends
//!   the transport.
//! * **Deadlines.** Keepalive and the other timeouts run while either half polls the socket.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use barews::connection::{Config, Connection, MessageKind, State, Transport};
use barews::deadlines::Timeouts;
use barews::handshake::{Accept, ClientConfig, ClientRequest, Response, ServerConfig};
use barews::session::{Error, Event, Session, SessionRole};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME};
use barews::{Append, Client, Server};
use futures_util::task::AtomicWaker;
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};

/// A whole message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    Text(String),
    Binary(Vec<u8>),
}

/// The maximum length of a fragment and of a read.
const PIECE: usize = 16 << 10;
/// How many bytes `send()` reads while the peer does not accept the message.
const AHEAD: usize = 32 << 20;

/// Limits for what the peer sends, and timeouts in milliseconds.
#[derive(Clone, Copy, Default, Debug)]
pub struct Options {
    pub limits: Config,
    pub timeouts: Timeouts,
}

/// A session whose request waits for the host's answer: look at `request()`, then call `accept`, `respond` or `refuse`.
pub type Asked<'c> = Session<'c, Server, [u8; 1024]>;

/// A WebSocket on the transport `T`. Use it whole, or `split()` it into its stream and its sink.
pub struct WebSocket<T, R: SessionRole> {
    transport: T,
    session: Session<'static, R, [u8; 0]>,
    /// The read buffer, and the range of it that the session has not consumed.
    rx: Vec<u8>,
    unread: Range<usize>,
    /// Bytes that follow those of `rx`, read while a message waited.
    ahead: Vec<u8>,
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
    /// The peer has ended its side of the transport.
    ended: bool,
    /// Nothing more is received or sent.
    over: bool,
    shut: bool,
    start: Instant,
    sleep: Pin<Box<Sleep>>,
    halves: Arc<Halves>,
}

impl<T: Unpin, R: SessionRole> Unpin for WebSocket<T, R> {}

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

/// Accepts a WebSocket on a new transport. `answer` sees the request, and answers it with these limits; `or_page` is one.
/// Returns `None` if it did not accept.
pub async fn accept<'c, T: AsyncRead + AsyncWrite + Unpin>(
    mut transport: T,
    config: &'c ServerConfig<'c>,
    options: Options,
    answer: impl FnMut(&mut Asked<'c>, &Config) -> io::Result<()>,
) -> io::Result<Option<WebSocket<T, Server>>> {
    let opened = handshake(&mut transport, config, options, answer).await?;
    Ok(opened.map(|(connection, unread)| WebSocket::new(transport, connection, &unread, options.timeouts)))
}

/// Performs only the handshake, for hosts that do the rest themselves. Returns the connection and its first bytes.
pub async fn handshake<'c, T: AsyncRead + AsyncWrite + Unpin>(
    transport: &mut T,
    config: &'c ServerConfig<'c>,
    options: Options,
    mut answer: impl FnMut(&mut Asked<'c>, &Config) -> io::Result<()>,
) -> io::Result<Option<(Connection<Server>, Vec<u8>)>> {
    let session = Session::server(config, [0; 1024], opening(options), 0);
    open(transport, session, options, |session| answer(session, &options.limits)).await
}

/// Accepts every valid request for a WebSocket. Answers others with the page.
pub fn or_page<'c>(page: &'c str) -> impl FnMut(&mut Asked<'c>, &Config) -> io::Result<()> {
    move |session, limits| {
        let answered = if session.request().is_some_and(|request| request.is_upgrade()) {
            session.accept(&Accept::default(), limits)
        } else {
            session.respond(200, &[("Content-Type", "text/html; charset=utf-8")], page.as_bytes())
        };
        answered.map_err(io::Error::other)
    }
}

/// Returns random bytes from the operating system, for masking keys and nonces.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

/// Requests a WebSocket on a new transport to the host and port of `request.uri`. `read` sees the response, also if it is
/// a refusal; its error ends the handshake.
pub async fn connect<T: AsyncRead + AsyncWrite + Unpin>(
    mut transport: T,
    config: &ClientConfig<'_>,
    request: &ClientRequest<'_>,
    options: Options,
    mut read: impl FnMut(&Response<'_>) -> io::Result<()>,
) -> io::Result<WebSocket<T, Client<fn() -> [u8; 4]>>> {
    let session = Session::client(config, request, random(), [0; 4096], opening(options), 0);
    let opened = open(&mut transport, session.map_err(io::Error::other)?, options, |session| {
        let response = session.response().ok_or(ErrorKind::NotConnected)?;
        read(&response)?;
        let status = response.status();
        let keys: fn() -> [u8; 4] = random;
        let connected = session.connect(keys, &options.limits);
        connected.map_err(|_| io::Error::other(format!("the server answers {status}")))
    });
    let (connection, unread) = opened.await?.ok_or(ErrorKind::UnexpectedEof)?;
    Ok(WebSocket::new(transport, connection, &unread, options.timeouts))
}

/// Returns the timeouts of a session that does the handshake. `open` limits the time for all of it.
fn opening(options: Options) -> Timeouts {
    Timeouts { handshake: None, ..options.timeouts }
}

/// Performs the handshake of either role. `answer` answers the head that was received. Returns `None` if a server did not
/// accept.
async fn open<'c, T: AsyncRead + AsyncWrite + Unpin, R: SessionRole, S: AsRef<[u8]> + AsMut<[u8]>>(
    transport: &mut T,
    mut session: Session<'c, R, S>,
    options: Options,
    mut answer: impl FnMut(&mut Session<'c, R, S>) -> io::Result<()>,
) -> io::Result<Option<(Connection<R>, Vec<u8>)>> {
    let handshake = async {
        let (start, mut now) = (Instant::now(), 0);
        let (mut rx, mut unread, mut tx) = ([0; 4096], 0..0, [0; 1024]);
        loop {
            while let len @ 1.. = session.poll_transmit(&mut tx) {
                transport.write_all(&tx[..len]).await?;
            }
            transport.flush().await?;
            session = match session.into_parts() {
                Ok((connection, ..)) => return Ok(Some((connection, rx[unread].to_vec()))),
                Err(session) => session, // it is not open yet
            };
            if session.transport() == Transport::HalfClose {
                let _gone = transport.shutdown().await;
            }
            let received = session.receive(&mut rx[unread.clone()], now);
            unread.start = unread.end - received.rest.len();
            match received.event {
                Some(Event::Request | Event::Response) => answer(&mut session)?,
                Some(Event::Over) => return session.error().map_or(Ok(None), |error| Err(io::Error::other(error))),
                Some(_) => {}
                None => {
                    let due = start + Duration::from_millis(session.poll_timeout().unwrap_or(u64::MAX));
                    let read = timeout_at(due, transport.read(&mut rx)).await;
                    now = start.elapsed().as_millis() as u64;
                    match read {
                        Ok(Ok(0)) => session.receive_eof(now),
                        Ok(read) => unread = 0..read?,
                        Err(_due) => {}
                    }
                }
            }
        }
    };
    timeout(Duration::from_millis(options.timeouts.handshake.unwrap_or(u64::MAX)), handshake).await?
}

impl<T: AsyncRead + AsyncWrite + Unpin, R: SessionRole> WebSocket<T, R> {
    /// Wraps a connection after its handshake. `unread` has the bytes that followed the handshake.
    pub fn new(transport: T, connection: Connection<R>, unread: &[u8], timeouts: Timeouts) -> Self {
        Self {
            transport,
            session: Session::from_connection(connection, [], timeouts, 0),
            rx: unread.to_vec(),
            unread: 0..unread.len(),
            ahead: Vec::new(),
            incoming: Vec::new(),
            tx: Vec::new(),
            written: 0,
            waiting: false,
            outgoing: None,
            error: None,
            ended: false,
            over: false,
            shut: false,
            start: Instant::now(),
            sleep: Box::pin(sleep_until(Instant::now())),
            halves: Arc::default(),
        }
    }

    /// Returns the code and the reason of the peer's Close frame, once it was received.
    pub fn closed(&self) -> Option<(CloseCode, &str)> {
        let connection = self.session.connection()?;
        connection.close_code().map(|code| (code, connection.close_reason()))
    }

    /// Starts the closing handshake with this code. Then call `close()`, which completes it.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> io::Result<()> {
        let connection = self.session.sender(self.now()).map_err(io::Error::other)?;
        self.tx.append_with(|out| connection.write_close(code, reason, out)).map_err(io::Error::other)?;
        self.outgoing = None; // nothing can follow a Close
        Ok(())
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    fn is_open(&self) -> bool {
        self.session.connection().is_some_and(|connection| connection.state() == State::Open)
    }

    /// Ends the connection for both halves. Keeps the first error.
    fn end(&mut self, error: Option<io::Error>) {
        self.over = true;
        self.error = self.error.take().or(error);
        self.halves.wake_by_ref();
    }

    /// Wakes the task at the next deadline.
    fn wake_at_deadline(&mut self, cx: &mut Context<'_>) {
        let Some(due) = self.session.poll_timeout() else { return };
        // One millisecond more, so that the clock has reached the deadline for certain.
        self.sleep.as_mut().reset(self.start + Duration::from_millis(due + 1));
        if self.sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    /// Fills `tx` with the frames that are due: first replies, then a fragment.
    fn fill(&mut self) {
        self.tx.clear();
        self.written = 0;
        while self.tx.append_up_to(MAX_CONTROL_FRAME, |out| self.session.poll_transmit(out)) > 0 {}
        let Some((kind, body, framed)) = &mut self.outgoing else { return };
        let now = self.start.elapsed().as_millis() as u64;
        let end = (*framed + PIECE).min(body.len());
        let last = end == body.len();
        let piece = &mut body[*framed..end];
        match self.session.sender(now).and_then(|connection| connection.frame(*kind, last, piece)) {
            Ok(header) => {
                self.tx.extend_from_slice(header.as_bytes());
                self.tx.extend_from_slice(piece);
                *framed = end;
                if last {
                    self.outgoing = None;
                }
            }
            Err(_closing) => self.outgoing = None, // the peer reads no more
        }
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
                    self.session.on_written(self.now());
                }
                if len == 0 {
                    return Poll::Ready(Err(ErrorKind::WriteZero.into()));
                }
                self.written += len;
            }
            self.fill();
            if self.tx.is_empty() {
                return Pin::new(&mut self.transport).poll_flush(cx);
            }
        }
    }

    /// Reads what the peer sends while it does not accept what we send, and keeps it for `next()`.
    fn read_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.ended && self.ahead.len() < AHEAD {
            let len = self.ahead.len();
            self.ahead.resize(len + PIECE, 0);
            let mut buffer = ReadBuf::new(&mut self.ahead[len..]);
            let read = Pin::new(&mut self.transport).poll_read(cx, &mut buffer);
            let got = buffer.filled().len();
            self.ahead.truncate(len + got);
            match read {
                Poll::Pending => break,
                Poll::Ready(Err(error)) if self.is_open() => return Err(error),
                Poll::Ready(_) => self.ended = got == 0,
            }
            self.session.on_bytes(self.now());
            self.halves.stream.wake(); // it may wait for these bytes
        }
        Ok(())
    }

    /// Like `poll_write`, for a task that only sends. Reads ahead, and handles the deadlines, so that it does not wait
    /// without limit.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.over {
            let written = self.poll_write(cx);
            if let Poll::Ready(Err(error)) = &written
                && self.is_open()
            {
                self.end(Some(error.kind().into()));
                return written;
            }
            if written.is_pending()
                && let Err(error) = self.read_ahead(cx)
            {
                self.end(Some(error.kind().into()));
                return Poll::Ready(Err(error));
            }
            match self.session.receive(&mut [], self.now()).event {
                Some(Event::Over) => {
                    let late = self.late();
                    self.end(late);
                }
                Some(Event::Failed(_)) => {
                    self.end(Some(ErrorKind::TimedOut.into()));
                    return Poll::Ready(Err(ErrorKind::TimedOut.into()));
                }
                Some(_) => {} // a Ping or a Close is due
                None => {
                    self.wake_at_deadline(cx);
                    return written;
                }
            }
        }
        let sent = self.outgoing.is_none() && self.written == self.tx.len();
        Poll::Ready(if sent { Ok(()) } else { Err(ErrorKind::BrokenPipe.into()) })
    }

    /// Returns the error of a session that is over before the peer has accepted our Close.
    fn late(&self) -> Option<io::Error> {
        (self.written < self.tx.len() && self.error.is_none()).then(|| ErrorKind::TimedOut.into())
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
            let written = self.poll_write(cx);
            if matches!(written, Poll::Ready(Err(_))) && self.is_open() {
                return written.map_ok(|()| None);
            }
            // A peer that has ended its side can still read our Close: the session is not over before that is written.
            if self.ended && self.ahead.is_empty() && (written.is_ready() || self.closed().is_none()) {
                self.session.receive_eof(self.now());
            }
            let now = self.now();
            let received = self.session.receive(&mut self.rx[self.unread.clone()], now);
            self.unread.start = self.unread.end - received.rest.len();
            match received.event {
                Some(Event::Data(chunk)) => {
                    self.incoming.extend_from_slice(chunk.payload);
                    if chunk.last {
                        let body = std::mem::take(&mut self.incoming);
                        return Poll::Ready(Ok(Some(match chunk.kind {
                            MessageKind::Text => String::from_utf8(body).map_or_else(
                                |error| Message::Binary(error.into_bytes()), // the engine has validated it
                                Message::Text,
                            ),
                            _ => Message::Binary(body),
                        })));
                    }
                    continue;
                }
                Some(Event::Over) => return Poll::Ready(self.late().map_or(Ok(None), Err)),
                Some(Event::Failed(Error::Timeout(_))) => return Poll::Ready(Err(ErrorKind::TimedOut.into())),
                Some(Event::Failed(error)) => {
                    let kind = if self.ended { ErrorKind::UnexpectedEof } else { ErrorKind::InvalidData };
                    self.error = Some(io::Error::new(kind, error));
                    continue; // writes the Close that reports it
                }
                Some(_) => continue,
                None if !self.ahead.is_empty() => {
                    self.rx = std::mem::take(&mut self.ahead);
                    self.unread = 0..self.rx.len();
                    continue;
                }
                None => {}
            }
            self.wake_at_deadline(cx);
            if self.session.transport() == Transport::HalfClose && written.is_ready() && !self.shut {
                let _gone = ready!(Pin::new(&mut self.transport).poll_shutdown(cx));
                self.shut = true;
            }
            if self.ended {
                // A peer that has gone needs no Close.
                return if written.is_ready() { Poll::Ready(Ok(None)) } else { Poll::Pending };
            }
            self.unread = 0..0;
            self.rx.resize(PIECE, 0);
            self.rx.shrink_to(PIECE); // after bytes that were read ahead
            let mut buffer = ReadBuf::new(&mut self.rx);
            let read = ready!(Pin::new(&mut self.transport).poll_read(cx, &mut buffer));
            self.unread = 0..buffer.filled().len();
            match read {
                Ok(()) => self.ended = self.unread.is_empty(),
                Err(error) if self.is_open() => return Poll::Ready(Err(error)),
                Err(_reset) if self.closed().is_some() => return Poll::Ready(Ok(None)), // the peer needs no Close
                Err(_reset) => self.ended = true,
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, R: SessionRole> Stream for WebSocket<T, R> {
    type Item = io::Result<Message>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.halves.stream.register(cx.waker());
        let waker = Waker::from(Arc::clone(&this.halves));
        this.poll_message(&mut Context::from_waker(&waker)).map(Result::transpose)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, R: SessionRole> Sink<Message> for WebSocket<T, R> {
    type Error = io::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.halves.sink.register(cx.waker());
        let waker = Waker::from(Arc::clone(&this.halves));
        if this.outgoing.is_none() { Poll::Ready(Ok(())) } else { this.poll_send(&mut Context::from_waker(&waker)) }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> io::Result<()> {
        let this = self.get_mut();
        if this.over || !this.is_open() {
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
        if this.is_open() {
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
