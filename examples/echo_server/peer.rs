//! One connection of the echo server. It echoes messages chunk by chunk, so their size does not matter. While its peer
//! does not accept the echo, it only reads ahead, up to a limit: a peer that writes a whole message before it reads must
//! not wait for us while we wait for it.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

use barews::connection::{Config, Transport};
use barews::deadlines::Timeouts;
use barews::handshake::{Accept, OriginPolicy, ServerConfig, Subprotocol};
use barews::session::{Event, Session};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME};
use barews::{BuildError, Server};
use mio::net::TcpStream;

use crate::report;

/// An echo keeps no secrets, so pages of any origin can use it. A server that trusts cookies needs `SameOrigin` or a
/// list of origins.
const HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
/// Messages are echoed chunk by chunk, so they can have any length.
const LIMITS: Config =
    Config { max_frame_size: u64::MAX, max_message_size: u64::MAX, max_fragments: u32::MAX, ..Config::DEFAULT };
const PAGE: &str = include_str!("page.html");
/// How many bytes may be read ahead.
#[derive(Clone, Copy)]
pub struct Limits {
    pub connection: usize,
    pub all: usize,
}

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
pub struct Peer {
    stream: TcpStream,
    session: Session<'static, Server, Box<[u8]>>,
    /// The time of its entry in the server's timers.
    pub armed: Option<u64>,
    /// Bytes that the peer has not accepted yet.
    unsent: Vec<u8>,
    /// Bytes that were read ahead, and how many of them the session has had.
    ahead: Vec<u8>,
    taken: usize,
    pub readable: bool,
    /// The peer has ended its side. The end of the stream is still to be read, and no further event reports it.
    pub ended: bool,
    /// The end of the stream was read.
    eof: bool,
    pub queued: bool,
    half_closed: bool,
}

impl Peer {
    pub fn new(stream: TcpStream, timeouts: Timeouts, now: u64) -> Self {
        Self {
            stream,
            session: Session::server(&HANDSHAKE, [0; 1024].into(), timeouts, now),
            armed: None,
            unsent: Vec::new(),
            ahead: Vec::new(),
            taken: 0,
            readable: false,
            ended: false,
            eof: false,
            queued: false,
            half_closed: false,
        }
    }

    /// Returns when to call [`go_on`](Self::go_on) again.
    pub fn due(&self) -> Option<u64> {
        self.session.poll_timeout()
    }

    /// The memory of the bytes that were read ahead.
    pub fn ahead(&self) -> usize {
        self.ahead.capacity()
    }

    /// Writes and reads until the socket blocks, and handles the deadlines that have passed. Reads up to `ahead` bytes
    /// ahead.
    pub fn go_on(&mut self, rx: &mut [u8], tx: &mut Vec<u8>, ahead: usize, now: u64) -> io::Result<Turn> {
        self.send_on(now)?;
        for _ in 0..TURN {
            // What has arrived counts before a deadline.
            let len = if self.unsent.is_empty() { self.next(rx, now)? } else { self.read_ahead(rx, ahead, now)? };
            tx.clear();
            let mut out = Output { short: tx, long: Vec::new() };
            let over = self.receive(&mut rx[..len], &mut out, now);
            self.send(&out.slices())?;
            if over {
                return Ok(Turn::Over);
            }
            if !self.unsent.is_empty() {
                if self.readable && self.ahead.len() < ahead {
                    continue;
                }
                return Ok(Turn::Blocked);
            }
            if self.session.transport() == Transport::HalfClose && !self.half_closed {
                self.half_closed = true;
                self.stream.shutdown(Shutdown::Write)?;
            }
            if !self.readable && self.ahead.is_empty() {
                return Ok(Turn::Blocked);
            }
        }
        Ok(Turn::Again)
    }

    /// Returns the length of the next bytes for the session: those that were read ahead come first.
    fn next(&mut self, rx: &mut [u8], now: u64) -> io::Result<usize> {
        let kept = &self.ahead[self.taken..];
        let len = kept.len().min(rx.len());
        if len > 0 {
            rx[..len].copy_from_slice(&kept[..len]);
            self.taken += len;
            if self.taken == self.ahead.len() {
                (self.ahead, self.taken) = (Vec::new(), 0);
            }
            return Ok(len);
        }
        let len = self.read(rx)?;
        if self.eof {
            self.session.receive_eof(now);
        }
        Ok(len)
    }

    /// Reads while the peer does not accept the echo. The session gets nothing yet: it would answer.
    fn read_ahead(&mut self, rx: &mut [u8], limit: usize, now: u64) -> io::Result<usize> {
        let room = limit.saturating_sub(self.ahead.len()).min(rx.len());
        let len = if room > 0 { self.read(&mut rx[..room])? } else { 0 };
        if len > 0 {
            // Doubles, but not beyond the limit.
            self.ahead.reserve_exact(len.max(self.ahead.len()).min(limit - self.ahead.len()));
            self.ahead.extend_from_slice(&rx[..len]);
            self.session.on_bytes(now);
        }
        Ok(0)
    }

    /// Returns 0 if there is nothing to read.
    fn read(&mut self, rx: &mut [u8]) -> io::Result<usize> {
        if !self.readable {
            return Ok(0);
        }
        match self.stream.read(rx) {
            Ok(0) => {
                (self.readable, self.eof) = (false, true);
                Ok(0)
            }
            Ok(len) => {
                // A short read means that the socket is empty; epoll and kqueue report new bytes.
                self.readable = len == rx.len() || self.ended || !cfg!(unix);
                Ok(len)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(0)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Returns true at the end of the session.
    fn receive<'b>(&mut self, mut bytes: &'b mut [u8], out: &mut Output<'b>, now: u64) -> bool {
        loop {
            let received = self.session.receive(bytes, now);
            bytes = received.rest;
            match received.event {
                Some(Event::Data(chunk)) => {
                    // Sending fails after our Close; the peer can send data until it has read that.
                    if let Ok(connection) = self.session.sender(now)
                        && let Ok(header) = connection.frame(chunk.kind, chunk.last, chunk.payload)
                    {
                        out.short.extend_from_slice(header.as_bytes());
                        out.put(chunk.payload);
                    }
                    continue;
                }
                Some(Event::Request) => {
                    if let Err(error) = self.answer() {
                        report(error);
                        let _ = self.session.respond(500, &[], b"");
                    }
                    self.drain(out.short);
                    drop(self.session.take_storage());
                }
                Some(Event::Failed(error)) => report(error),
                Some(Event::Over) => return true,
                Some(_) => {}
                None => {
                    self.drain(out.short);
                    return false;
                }
            }
            self.drain(out.short);
        }
    }

    /// Appends what the session has to send.
    fn drain(&mut self, tx: &mut Vec<u8>) {
        let mut out = [0; 512];
        while let len @ 1.. = self.session.poll_transmit(&mut out) {
            tx.extend_from_slice(&out[..len]);
        }
    }

    /// Answers a request: accepts an upgrade with the first subprotocol that the client offers, sends the page for `/`,
    /// and 404 for other targets.
    fn answer(&mut self) -> Result<(), BuildError> {
        let Some(request) = self.session.request() else { return Ok(()) };
        if request.is_upgrade() {
            let offered = request.subprotocols().next().map(String::from);
            let subprotocol = offered.as_deref().map_or(Subprotocol::None, Subprotocol::Named);
            self.session.accept(&Accept { subprotocol, ..Accept::default() }, &LIMITS)
        } else if request.target() == "/" {
            self.session.respond(200, &[("Content-Type", "text/html; charset=utf-8")], PAGE.as_bytes())
        } else {
            self.session.respond(404, &[], b"not found\n")
        }
    }

    /// Writes with one call and keeps the bytes that the socket does not accept.
    fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<()> {
        let outcome = match slices {
            _ if !self.unsent.is_empty() => Ok(0),
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
            self.session.on_written(now);
        }
        self.unsent = Vec::new();
        Ok(())
    }

    /// Ends the session because the transport has failed. Returns whether that is a failure of the session: not if it
    /// had failed before, or only the end of the stream was missing.
    pub fn fails(&mut self, now: u64) -> bool {
        self.session.receive_eof(now);
        matches!(self.session.receive(&mut [], now).event, Some(Event::Failed(_)))
    }

    /// Closes because the server ends. Returns false if there is nothing to wait for.
    pub fn go_away(&mut self, now: u64) -> bool {
        let mut out = [0; MAX_CONTROL_FRAME];
        if let Ok(connection) = self.session.sender(now)
            && let Ok(written) = connection.write_close(CloseCode::GOING_AWAY, "server shuts down", &mut out)
        {
            self.unsent.extend_from_slice(&out[..written.len()]);
        }
        self.session.is_open() || self.session.transport() == Transport::HalfClose
    }
}
