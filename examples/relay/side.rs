//! One side of a pair: a socket, its session, and the bytes that the socket has not accepted yet. [`pump`] passes data
//! and Close frames from one side to the other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

use barews::connection::{Chunk, State, Transport};
use barews::deadlines::Timeouts;
use barews::session::{Event, Session, SessionRole};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME};
use mio::net::TcpStream;

use crate::report;

/// How long the answer to a Close waits for the other side, and how long TCP is read after we have ended it.
const PATIENCE: u64 = 5_000;
/// How long a side can accept nothing after the other one has ended.
const STUCK: u64 = 20_000;

pub struct Side<R: SessionRole> {
    /// `None` when it is over.
    stream: Option<TcpStream>,
    pub session: Session<'static, R, Box<[u8]>>,
    timeouts: Timeouts,
    /// The client's address, also if this is the upstream: for the log.
    address: SocketAddr,
    pub readable: bool,
    /// The end of the stream was read, or reading has failed.
    eof: bool,
    /// Bytes that the socket has not accepted yet, and whether it has refused them.
    pub unsent: Vec<u8>,
    refused: bool,
    /// How much payload is missing in the frame that we are sending.
    owed: u64,
    /// The Close to be sent: its status code, if it has one, and its reason.
    close: Option<(Option<CloseCode>, String)>,
    /// No more data will arrive: a Close has arrived, or the session has failed.
    pub ended: bool,
    /// We have ended our direction of TCP.
    shut: bool,
    /// When to stop waiting for the other side, or for the end of TCP; and whether that time has passed.
    until: Option<u64>,
    late: bool,
    /// When to drop it unless it accepts bytes.
    stuck: Option<u64>,
    /// The frame that we are sending cannot be completed.
    torn: bool,
    over: bool,
    /// Why the socket failed.
    error: Option<io::Error>,
}

impl<R: SessionRole> Side<R> {
    pub fn new(
        stream: TcpStream,
        session: Session<'static, R, Box<[u8]>>,
        timeouts: Timeouts,
        address: SocketAddr,
    ) -> Self {
        Self {
            stream: Some(stream),
            session,
            timeouts,
            address,
            readable: true,
            eof: false,
            unsent: Vec::new(),
            refused: false,
            owed: 0,
            close: None,
            ended: false,
            shut: false,
            until: None,
            late: false,
            stuck: None,
            torn: false,
            over: false,
            error: None,
        }
    }

    /// Whether its socket is closed.
    pub fn is_gone(&self) -> bool {
        self.stream.is_none()
    }

    /// Whether there is something to wait for after a refusal: that the client takes it and ends TCP.
    pub fn is_answered(&self) -> bool {
        self.session.transport() == Transport::HalfClose
    }

    pub fn due(&self) -> Option<u64> {
        let session = if self.torn { None } else { self.session.poll_timeout() };
        let until = if self.late { None } else { self.until };
        [session, until, self.stuck].into_iter().flatten().min().filter(|_| !self.is_gone())
    }

    /// Closes with this code and reason when the frame in progress is complete.
    pub fn close(&mut self, code: Option<CloseCode>, reason: &str) {
        self.close = Some((code, reason.into()));
    }

    /// Notes that the session is over.
    pub fn over(&mut self) {
        (self.ended, self.over) = (true, true);
    }

    /// Reads once. Returns 0 if there is nothing to read.
    pub fn read(&mut self, rx: &mut [u8]) -> usize {
        let Some(stream) = self.stream.as_mut().filter(|_| self.readable) else { return 0 };
        match stream.read(rx) {
            Ok(0) => self.eof = true,
            Ok(len) => return len,
            Err(error) if error.kind() == ErrorKind::Interrupted => return 0,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                self.eof = true;
                self.error.get_or_insert(error);
                self.unsent.clear();
            }
        }
        self.readable = false;
        0
    }

    /// Reports the end of the stream to the session, when all is written: the session can be over then.
    pub fn report_eof(&mut self, now: u64) {
        if self.eof && self.unsent.is_empty() {
            self.session.receive_eof(now);
        }
    }

    /// Prints a line with the error of the socket or, without one, with `error`.
    pub fn report(&self, error: &dyn std::error::Error) {
        let error = self.error.as_ref().map_or(error, |error| error);
        report(format_args!("{}: {}: {error}", self.address, if R::IS_SERVER { "client" } else { "upstream" }));
    }

    /// Writes what waits.
    fn send(&mut self, now: u64) {
        while !self.unsent.is_empty() {
            let Some(stream) = self.stream.as_mut().filter(|_| !self.shut) else { break };
            match stream.write(&self.unsent) {
                Ok(len) => {
                    self.unsent.drain(..len);
                    self.stuck = None;
                    // A sign of life only if the socket was full: the system's buffers accept bytes for a dead peer.
                    if std::mem::take(&mut self.refused) {
                        self.session.on_written(now);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.refused = true;
                    return;
                }
                Err(error) => {
                    // The peer can have sent a Close before it vanished, so read on.
                    self.error.get_or_insert(error);
                    (self.shut, self.readable) = (true, true);
                }
            }
        }
        (self.unsent, self.stuck) = (Vec::new(), None);
    }

    /// Writes what is due, in order, and ends TCP when it is time. `other_ended`: the other side has no more data.
    pub fn settle(&mut self, other_ended: bool, now: u64) {
        if self.ended && self.until.is_none() {
            self.until = Some(now + PATIENCE);
            // The answer to a Close waits for up to `PATIENCE`. Then the peer has as much time to end TCP.
            self.session.set_timeouts(Timeouts { closing: Some(2 * PATIENCE), ..self.timeouts }, now);
        }
        self.late |= self.until.is_some_and(|until| until <= now);
        loop {
            self.send(now);
            if !self.unsent.is_empty() {
                // Its session expires only if no bytes arrive from it.
                if other_ended && *self.stuck.get_or_insert(now + STUCK) <= now {
                    self.report(&io::Error::other("it accepts no bytes"));
                    self.over();
                    self.unsent.clear();
                }
                break;
            }
            if self.owed > 0 && other_ended && !self.torn {
                // No Close can be sent inside a frame. The peer sees the end of TCP instead.
                (self.torn, self.ended, self.until) = (true, true, Some(now + PATIENCE));
            } else if self.close.is_some() && self.owed == 0 {
                self.write_close(now);
            } else if !self.ended || other_ended || self.late {
                self.drain();
            } // otherwise its Close waits for messages of the other side
            if self.unsent.is_empty() {
                break;
            }
        }
        let ends = self.torn || self.session.transport() == Transport::HalfClose;
        if ends
            && self.unsent.is_empty()
            && !std::mem::replace(&mut self.shut, true)
            && let Some(stream) = &mut self.stream
        {
            let _gone = stream.shutdown(Shutdown::Write);
        }
        let done = self.over && (self.unsent.is_empty() || self.session.error().is_some() || self.late);
        if done || self.torn && (self.eof || self.late) {
            (self.stream, self.unsent) = (None, Vec::new());
        }
    }

    /// Appends what the session has to send.
    fn drain(&mut self) {
        let mut out = [0; MAX_CONTROL_FRAME];
        while let len @ 1.. = self.session.poll_transmit(&mut out) {
            self.unsent.extend_from_slice(&out[..len]);
        }
    }

    fn write_close(&mut self, now: u64) {
        let (Some((code, reason)), Ok(connection)) = (self.close.take(), self.session.sender(now)) else { return };
        let mut out = [0; MAX_CONTROL_FRAME];
        let written = match code {
            // Only clients may send 1010, but the upstream has sent it.
            Some(CloseCode::MANDATORY_EXTENSION) if R::IS_SERVER => {
                connection.write_close(CloseCode::NORMAL, &reason, &mut out)
            }
            Some(code) => connection.write_close(code, &reason, &mut out),
            None => connection.write_close_without_status(&mut out),
        };
        // It fails if our Close was sent before.
        self.unsent.extend_from_slice(&out[..written.map_or(0, |written| written.len())]);
    }

    /// Sends the next chunk of a frame. `left` is the length of the frame after it, `fin` is true in the last frame of a
    /// message.
    fn pass_on(&mut self, chunk: Chunk<'_>, fin: bool, left: u64, now: u64) {
        if self.owed == 0 {
            // If frames follow each other without a pause, this is the only moment between two of them.
            if self.close.is_some() {
                self.write_close(now);
            } else if !self.ended {
                self.drain();
            }
        }
        let Ok(connection) = self.session.sender(now) else { return };
        if self.stream.is_none() || self.torn || connection.state() == State::Closed {
            return;
        }
        // The connection would send no more after the peer's Close. The transmitter does, until we send ours.
        let transmitter = connection.transmitter();
        if self.owed == 0 {
            let len = chunk.payload.len() as u64 + left;
            let Ok(header) = transmitter.begin_frame(chunk.kind, fin, len) else { return };
            self.unsent.extend_from_slice(header.as_bytes());
            self.owed = len;
        }
        if transmitter.mask_payload(chunk.payload).is_ok() {
            self.owed -= chunk.payload.len() as u64;
            self.unsent.extend_from_slice(chunk.payload);
        }
    }
}

/// Whether there can be something to read that the other side would accept.
pub fn can_read<A: SessionRole, B: SessionRole>(from: &Side<A>, to: &Side<B>) -> bool {
    from.readable && !from.is_gone() && (from.ended || to.unsent.is_empty())
}

/// Reads once, passes on what it has read, and writes.
pub fn pump<A: SessionRole, B: SessionRole>(from: &mut Side<A>, to: &mut Side<B>, rx: &mut [u8], now: u64) {
    // Give `from` more time if it cannot prove that it is alive: it is not read while `to` accepts nothing, and it gets
    // no Ping inside a frame that `to` has not finished. Then the deadlines of `to` apply.
    if from.unsent.is_empty() && (!to.unsent.is_empty() || from.owed > 0 && to.owed == 0) {
        from.session.on_written(now);
    }
    let len = if can_read(from, to) { from.read(rx) } else { 0 };
    if len > 0 && !from.ended {
        to.unsent.reserve_exact(len + MAX_CONTROL_FRAME); // otherwise the vector would double
    }
    from.report_eof(now);
    receive(from, to, &mut rx[..len], now);
    to.settle(from.ended, now);
    from.settle(to.ended, now);
}

/// Passes on what is in `bytes`, and handles the deadlines.
pub fn receive<A: SessionRole, B: SessionRole>(from: &mut Side<A>, to: &mut Side<B>, bytes: &mut [u8], now: u64) {
    if from.torn || from.is_gone() {
        return;
    }
    let (mut rest, writes) = (bytes, from.unsent.is_empty());
    loop {
        let received = from.session.receive(rest, now);
        rest = received.rest;
        let connection = from.session.connection();
        match received.event {
            Some(Event::Data(chunk)) => {
                let left = connection.map_or(0, |connection| connection.unread_payload());
                let fin = chunk.last || connection.is_some_and(|connection| connection.is_last_frame());
                to.pass_on(chunk, fin, left, now);
            }
            Some(Event::Close(code)) => {
                from.ended = true;
                // A side that broke a rule gets the engine's Close, which says so.
                if to.session.error().is_none() {
                    to.close(code, connection.map_or("", |connection| connection.close_reason()));
                }
            }
            Some(Event::Failed(error)) => {
                from.report(&error);
                from.ended = true;
                if !to.ended {
                    let (code, reason) = if A::IS_SERVER {
                        (CloseCode::GOING_AWAY, "client failed")
                    } else {
                        (CloseCode::BAD_GATEWAY, "upstream failed")
                    };
                    to.close(Some(code), reason);
                }
            }
            Some(Event::Over) => from.over(),
            Some(Event::Ping) if writes => from.drain(), // each of them, unless its peer does not read
            Some(_) => {}
            None => return,
        }
    }
}
