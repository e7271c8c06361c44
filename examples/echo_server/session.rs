//! One connection of the echo server: handshake, echo, closing. It keeps bytes only while its peer is slow to accept
//! them, and reads nothing in that time. It echoes messages chunk by chunk, so their size does not matter.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

use barews::connection::{Config, Event, State, Transport, Written};
use barews::deadlines::{Deadlines, Timeout, Timeouts};
use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake, Subprotocol};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME};
use barews::{BuildError, Connection, Server};
use mio::net::TcpStream;

/// An echo keeps no secrets, so pages of any origin can use it. A server that trusts cookies needs `SameOrigin` or a
/// list of origins.
const HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
/// Messages are echoed chunk by chunk, so they can have any length.
const LIMITS: Config =
    Config { max_frame_size: u64::MAX, max_message_size: u64::MAX, max_fragments: u32::MAX, ..Config::DEFAULT };
const PAGE: &str = include_str!("page.html");
/// The reads of one connection before the next connection has its turn.
const TURN: usize = 4;

/// Payloads of this length and longer are not copied.
const LONG: usize = 8 << 10;

/// How a turn of a connection ended.
pub enum Turn {
    /// There is nothing to do until the next readiness event or deadline.
    Blocked,
    /// There can be more to read, but other connections are waiting.
    Again,
    /// The connection is to be dropped.
    Over,
}

/// The answers to the bytes of one read, sent with one write. Short ones are copied to a buffer that all connections
/// share; long ones stay in the read buffer.
struct Output<'b> {
    short: &'b mut Vec<u8>,
    /// Each payload with the length of `short` before it.
    long: Vec<(usize, &'b [u8])>,
}

impl<'b> Output<'b> {
    fn put(&mut self, payload: &'b [u8]) {
        if payload.len() < LONG {
            self.short.extend_from_slice(payload);
        } else {
            self.long.push((self.short.len(), payload));
        }
    }

    /// Returns all answers in order.
    fn slices(&self) -> Vec<IoSlice<'_>> {
        let (mut slices, mut start) = (Vec::with_capacity(2 * self.long.len() + 1), 0);
        for &(end, payload) in &self.long {
            slices.extend([&self.short[start..end], payload].map(IoSlice::new));
            start = end;
        }
        slices.push(IoSlice::new(&self.short[start..]));
        slices
    }
}

/// One connection.
pub struct Session {
    stream: TcpStream,
    stage: Stage,
    pub deadlines: Deadlines,
    /// The time of its entry in the server's timers.
    pub armed: Option<u64>,
    /// Bytes that the peer has not accepted yet.
    unsent: Vec<u8>,
    pub readable: bool,
    /// The peer has ended its side. The end of the stream is still to be read, and no further event reports it.
    pub ended: bool,
    pub queued: bool,
    half_closed: bool,
}

enum Stage {
    Handshake(Box<ServerHandshake<'static, [u8; 1024]>>),
    Open(Box<Connection<Server>>),
    /// A page or a refusal was sent; nothing follows.
    Answered,
    /// The server ends during the handshake.
    Over,
}

impl Session {
    pub fn new(stream: TcpStream, timeouts: Timeouts, now: u64) -> Self {
        Self {
            stream,
            stage: Stage::Handshake(Box::new(ServerHandshake::new(&HANDSHAKE, [0; 1024]))),
            deadlines: Deadlines::new(timeouts, now),
            armed: None,
            unsent: Vec::new(),
            readable: false,
            ended: false,
            queued: false,
            half_closed: false,
        }
    }

    /// Writes and reads until the socket blocks. Sends the kept bytes before it reads.
    pub fn go_on(&mut self, rx: &mut [u8], tx: &mut Vec<u8>, now: u64) -> io::Result<Turn> {
        for _ in 0..TURN {
            if !self.unsent.is_empty() {
                self.send_on(now)?;
                if !self.unsent.is_empty() {
                    return Ok(Turn::Blocked);
                }
            }
            match self.transport() {
                Transport::HalfClose if !self.half_closed => {
                    self.half_closed = true;
                    self.stream.shutdown(Shutdown::Write)?;
                }
                Transport::Keep | Transport::HalfClose | Transport::AwaitEof => {}
                Transport::Close => return Ok(Turn::Over),
            }
            if !self.readable {
                return Ok(Turn::Blocked);
            }
            match self.stream.read(rx) {
                Ok(0) => {
                    self.readable = false;
                    let Stage::Open(connection) = &mut self.stage else { return Ok(Turn::Over) };
                    let _ = connection.receive_eof();
                    drain(connection, &mut self.unsent);
                }
                Ok(len) => {
                    // A short read means that the socket is empty; epoll and kqueue report new bytes.
                    self.readable = len == rx.len() || self.ended || !cfg!(unix);
                    tx.clear();
                    let mut out = Output { short: tx, long: Vec::new() };
                    self.receive(&mut rx[..len], &mut out, now);
                    self.send(&out.slices())?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Turn::Again)
    }

    fn receive<'b>(&mut self, mut bytes: &'b mut [u8], out: &mut Output<'b>, now: u64) {
        if let Stage::Handshake(handshake) = &mut self.stage {
            match handshake.receive(bytes) {
                Ok(Progress::Partial) => return,
                Ok(Progress::Complete { rest, .. }) => {
                    bytes = rest;
                    self.stage = answer(handshake, out.short);
                    self.deadlines.on_open(now);
                }
                Err(error) => {
                    bytes = &mut [];
                    build(out.short, |out| Ok((handshake.refuse(error, out)?, ())));
                    self.stage = Stage::Answered;
                }
            }
        }
        if let Stage::Open(connection) = &mut self.stage {
            self.deadlines.on_bytes(now);
            echo(connection, bytes, out, &mut self.deadlines, now);
        }
        self.deadlines.on_state(self.state(), now);
    }

    fn state(&self) -> State {
        match &self.stage {
            Stage::Handshake(_) => State::Open,
            Stage::Open(connection) => connection.state(),
            Stage::Answered | Stage::Over => State::Closing,
        }
    }

    fn transport(&self) -> Transport {
        match &self.stage {
            Stage::Handshake(_) => Transport::Keep,
            Stage::Open(connection) => connection.transport(),
            Stage::Answered => Transport::HalfClose,
            Stage::Over => Transport::Close,
        }
    }

    /// Writes with one call and keeps the bytes that the socket does not accept.
    fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<()> {
        let outcome = match slices {
            [bytes] if bytes.is_empty() => Ok(0),
            [bytes] => self.stream.write(bytes),
            _ => self.stream.write_vectored(slices),
        };
        let mut written = match outcome {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            outcome => outcome?,
        };
        self.unsent.reserve_exact(slices.iter().map(|slice| slice.len()).sum::<usize>() - written);
        for slice in slices {
            let skipped = written.min(slice.len());
            self.unsent.extend_from_slice(&slice[skipped..]);
            written -= skipped;
        }
        Ok(())
    }

    /// Writes kept bytes. When the peer accepts bytes, that is a sign of life like bytes that it sends.
    fn send_on(&mut self, now: u64) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(len) => drop(self.unsent.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            self.deadlines.on_bytes(now);
        }
        self.unsent = Vec::new();
        Ok(())
    }

    pub fn timeout(&mut self, now: u64) -> io::Result<()> {
        self.send_on(now)?; // the socket can have room before the system reports it
        while let Some(timeout) = self.deadlines.handle_timeout(now) {
            match (timeout, &mut self.stage) {
                (Timeout::Ping(payload), Stage::Open(connection)) => {
                    let mut out = [0; MAX_CONTROL_FRAME];
                    if let Ok(Written(len)) = connection.write_ping(&payload, &mut out) {
                        self.unsent.extend_from_slice(&out[..len]);
                    }
                }
                _ => return Err(io::Error::new(ErrorKind::TimedOut, format!("timeout: {timeout:?}"))),
            }
        }
        Ok(())
    }

    /// Returns why the connection failed. `end` is an error of the transport, or a timeout. An error of the engine came
    /// before that and explains it. `None` if nothing failed, or only after the closing handshake or a response.
    pub fn failure(&self, end: Option<io::Error>) -> Option<io::Error> {
        match &self.stage {
            Stage::Open(connection) if connection.is_clean() => None,
            Stage::Open(connection) => connection.error().map(io::Error::other).or(end),
            Stage::Handshake(_) => end,
            Stage::Answered | Stage::Over => None,
        }
    }

    pub fn go_away(&mut self, now: u64) {
        match &mut self.stage {
            Stage::Open(connection) => {
                let mut out = [0; MAX_CONTROL_FRAME];
                if let Ok(Written(len)) = connection.write_close(CloseCode::GOING_AWAY, "server shuts down", &mut out) {
                    self.unsent.extend_from_slice(&out[..len]);
                }
            }
            Stage::Handshake(_) => self.stage = Stage::Over,
            Stage::Answered | Stage::Over => {}
        }
        self.deadlines.on_state(self.state(), now);
    }
}

/// Answers a complete request: accepts an upgrade with the first subprotocol that the client offers, sends the page for
/// `/`, and 404 for other targets.
fn answer(handshake: &mut ServerHandshake<'static, [u8; 1024]>, tx: &mut Vec<u8>) -> Stage {
    let Some(request) = handshake.request() else { return Stage::Over };
    let page = request.target() == "/";
    if request.is_upgrade() {
        let offered = request.subprotocols().next().map(String::from);
        let subprotocol = offered.as_deref().map_or(Subprotocol::None, Subprotocol::Named);
        let response = Accept { subprotocol, ..Accept::default() };
        match build(tx, |out| handshake.accept(&response, &LIMITS, out)) {
            Some(connection) => return Stage::Open(Box::new(connection)),
            None => return Stage::Over,
        }
    }
    let html = [("Content-Type", "text/html; charset=utf-8")];
    if page {
        build(tx, |out| Ok((handshake.respond(200, &html, PAGE.as_bytes(), out)?, ())));
    } else {
        build(tx, |out| Ok((handshake.respond(404, &[], b"not found\n", out)?, ())));
    }
    Stage::Answered
}

/// Echoes data and queues the answers to control frames.
fn echo<'b>(
    connection: &mut Connection<Server>,
    mut bytes: &'b mut [u8],
    out: &mut Output<'b>,
    deadlines: &mut Deadlines,
    now: u64,
) {
    // After an error only the Close that reports it is sent; the rest of the input is dropped.
    while let Ok(received) = connection.receive(bytes) {
        bytes = received.rest;
        match received.event {
            Some(Event::Data(chunk)) => {
                let header = connection.begin_frame(chunk.kind, chunk.last, chunk.payload.len() as u64);
                if let (Ok(header), Ok(())) = (header, connection.mask_payload(chunk.payload)) {
                    out.short.extend_from_slice(header.as_bytes());
                    out.put(chunk.payload);
                }
                deadlines.on_message(now);
            }
            Some(Event::Pong) => {
                deadlines.on_pong(connection.control_payload(), now);
            }
            Some(_) => {}
            None => break,
        }
        drain(connection, out.short);
    }
    drain(connection, out.short);
}

/// Appends the control frames that are due.
fn drain(connection: &mut Connection<Server>, tx: &mut Vec<u8>) {
    let mut out = [0; MAX_CONTROL_FRAME];
    while let len @ 1.. = connection.poll_transmit(&mut out) {
        tx.extend_from_slice(&out[..len]);
    }
}

/// Appends the output of `write`, and makes room for it first if necessary.
fn build<T>(tx: &mut Vec<u8>, mut write: impl FnMut(&mut [u8]) -> Result<(usize, T), BuildError>) -> Option<T> {
    let start = tx.len();
    loop {
        let (len, outcome) = match write(&mut tx[start..]) {
            Err(BuildError::BufferTooSmall { need }) => {
                tx.resize(start + need, 0);
                continue;
            }
            Ok((len, value)) => (len, Some(value)),
            Err(_) => (0, None),
        };
        tx.truncate(start + len);
        return outcome;
    }
}
