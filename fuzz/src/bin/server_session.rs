//! A server's session: for any stream, at any cut, with any storage and output buffers, it reports and writes what its parts
//! do, a `ServerHandshake` and a connection. It reports at most one error, and it ends.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use barews::connection::{Event as Incoming, MessageKind, State, Transport};
use barews::deadlines::{Reason, Timeouts};
use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};
use barews::session::{Error, Event, Session};
use barews::wire::MAX_CONTROL_FRAME;
use barews::{BuildError, HandshakeError, SendError, Server};
use barews_fuzz::{Bytes, Cuts, Limits};
use barews_testkit::{Drain, Entry, Host, Log, oracle, raw};

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    /// Bytes of storage. 0 means 512.
    pub storage: u16,
    /// Bit 0: an upgrade is answered with a page. Bit 1: the host drains only after each read. Bit 2: the transport ends after
    /// the stream. Bit 3: there is an idle timeout. Bit 4: without bit 1, a frame is begun at once and ends after the stream.
    /// Bit 5: with bit 2, without such a frame, the host notes the end before it passes the last read.
    pub flags: u8,
    /// The size of the output buffers. One that suffices follows if it is too small for anything.
    pub out: u8,
    /// Tenths of a second between two reads.
    pub ticks: u8,
    pub limits: Limits,
    pub cuts: Cuts,
    pub stream: Bytes<'a>,
}

static SERVER: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);
const FIELDS: &[(&str, &str)] = &[("Content-Type", "text/html")];
const FRAME: &[u8] = b"abc";
const PAGE: &[u8] = b"<!doctype html>";

impl Input<'_> {
    pub fn check(&self) {
        let mut parts = Parts::new(self);
        let mut host = SessionHost::new(self);
        let (mut fed, mut now) = (0, 0);
        let pieces = self.cuts.pieces(self.stream.0);
        for (index, piece) in pieces.iter().enumerate() {
            now += 100 * u64::from(self.ticks);
            let is_end = self.ends_early() && index + 1 == pieces.len();
            if is_end {
                host.note_eof(now);
            }
            host.feed(piece, now);
            let of_request = parts.request.saturating_sub(fed).min(piece.len());
            fed += piece.len();
            if let Some(connection) = &mut parts.connection {
                if is_end && self.has(2) {
                    connection.drain = Drain::ByHand; // the session also writes after its end
                }
                if of_request < piece.len() {
                    connection.feed(&piece[of_request..]);
                }
            }
        }
        if let (Some(connection), true) = (&mut parts.connection, self.is_in_frame()) {
            connection.write_payload(FRAME).expect("the frame can be completed");
            if host.session.is_open() {
                host.end_frame(now); // else the request took too long
            }
        }
        if !host.is_eof {
            host.compare(&parts);
        }
        if self.has(4) {
            parts.eof();
            if !host.is_eof {
                host.note_eof(now);
            }
            host.feed(&[], now); // the end counts once the answer to the request is written
            host.compare(&parts);
        }
        host.end(now);
    }

    fn ends_early(&self) -> bool {
        self.has(4) && self.has(32) && !self.is_in_frame()
    }

    fn is_in_frame(&self) -> bool {
        self.has(16) && !self.has(2)
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn storage(&self) -> Vec<u8> {
        vec![0; if self.storage == 0 { 512 } else { self.storage.into() }]
    }
}

/// The parts of a session, used one by one, with an output buffer that is large enough.
struct Parts {
    handshake: ServerHandshake<'static, Vec<u8>>,
    /// The number of bytes up to the end of the request.
    request: usize,
    /// The answer of the host, or the refusal of a request that is invalid, with the length of its head.
    answer: Option<(Vec<u8>, usize)>,
    /// It is open if the upgrade was accepted.
    connection: Option<Host<Server>>,
    failed: Option<HandshakeError>,
    /// The stream has bytes. A peer that sends none does not fail.
    heard: bool,
}

impl Parts {
    fn new(input: &Input<'_>) -> Self {
        let handshake = ServerHandshake::new(&SERVER, input.storage());
        let mut parts = Self {
            handshake,
            request: 0,
            answer: None,
            connection: None,
            failed: None,
            heard: !input.stream.0.is_empty(),
        };
        let (mut bytes, mut out) = (input.stream.0.to_vec(), [0; 1024]);
        match parts.handshake.receive(&mut bytes) {
            Ok(Progress::Complete { rest, .. }) => parts.request = input.stream.0.len() - rest.len(),
            Ok(Progress::Partial) => return parts,
            Err(error) => {
                let len = parts.handshake.refuse(error, &mut out).expect("a refusal");
                parts.answered(&out[..len]);
                parts.failed = Some(error);
                return parts;
            }
        }
        let is_upgrade = parts.handshake.request().expect("a valid request").is_upgrade();
        let len = match (is_upgrade, input.has(1)) {
            (false, _) => parts.handshake.refuse(HandshakeError::Upgrade, &mut out),
            (true, true) => parts.handshake.respond(200, FIELDS, PAGE, &mut out),
            (true, false) => parts.handshake.accept(&Accept::default(), &mut out),
        };
        let head = parts.answered(&out[..len.expect("an answer")]);
        if head <= input.storage().len() && out.starts_with(b"HTTP/1.1 101 ") {
            let mut host = Host::new(&input.limits.config());
            host.drain = if input.has(2) { Drain::AfterRead } else { Drain::AtOnce };
            if input.is_in_frame() {
                host.begin_frame(MessageKind::Binary, true, 0, FRAME.len() as u64).expect("a frame can begin");
            }
            parts.connection = Some(host);
        }
        parts
    }

    fn answered(&mut self, answer: &[u8]) -> usize {
        let head = end_of_head(answer).expect("a whole head");
        self.answer = Some((answer.to_vec(), head));
        head
    }

    fn eof(&mut self) {
        match &mut self.connection {
            Some(host) => {
                host.eof();
                host.drain();
            }
            None => self.failed = self.handshake.receive_eof().err().filter(|_| self.heard),
        }
    }
}

/// A session and its host.
struct SessionHost<'a> {
    input: &'a Input<'a>,
    session: Session<'static, Server, Vec<u8>>,
    /// What the connection received. Bytes that were sent are only in `output`.
    log: Log,
    output: Vec<u8>,
    /// What was reported.
    failed: Option<Error>,
    answer: Option<Result<(), BuildError>>,
    /// The peer's Close was reported.
    is_closed: bool,
    /// `Over` was reported.
    is_over: bool,
    is_eof: bool,
    /// When the peer's last bytes were read.
    heard: u64,
    /// A deadline has passed. The parts have none, so they do something else from here on.
    is_late: bool,
}

impl<'a> SessionHost<'a> {
    fn new(input: &'a Input<'a>) -> Self {
        let timeouts = Timeouts { idle: input.has(8).then_some(30_000), ..Timeouts::MILLISECONDS };
        let session = Session::server(&SERVER, input.storage(), timeouts, 0);
        Self {
            input,
            session,
            log: Log::default(),
            output: vec![],
            failed: None,
            answer: None,
            is_closed: false,
            is_over: false,
            is_eof: false,
            heard: 0,
            is_late: false,
        }
    }

    /// Receives a read, and returns the number of events.
    fn feed(&mut self, read: &[u8], now: u64) -> usize {
        if !read.is_empty() {
            self.heard = now;
        }
        let mut bytes = read.to_vec();
        let mut rest = &mut bytes[..];
        let mut events = 0;
        loop {
            let before = rest.len();
            let received = self.session.receive(rest, now);
            rest = received.rest;
            let is_data = matches!(received.event, Some(Event::Data(_)));
            assert_eq!(received.is_due, !is_data && self.session.is_due(), "what is due shows in the result");
            let Some(event) = received.event else {
                let waits = self.session.request().is_some();
                assert_eq!(rest.len(), if waits { before } else { 0 }, "all bytes are consumed without an event");
                break;
            };
            events += 1;
            assert!(events <= read.len() + 3, "{event:?} is one event too many");
            self.order(&event);
            let is_request = event == Event::Request;
            self.event(event, now);
            assert_eq!(self.session.error(), self.failed, "every error is reported, once");
            if !self.input.has(2) {
                self.drain();
            }
            if is_request && self.session.is_open() && self.input.is_in_frame() {
                self.begin_frame(now);
            }
        }
        self.drain();
        let (timeout, is_over) = (self.session.poll_timeout(), self.session.transport() == Transport::Close);
        assert!(timeout.is_none_or(|at| at >= now), "what has passed was handled");
        assert_eq!(timeout.is_none(), self.is_over, "there is a deadline until Over");
        assert!(!self.is_over || is_over, "Over is the time to close the transport");
        if self.session.connection().is_some_and(|connection| connection.state() != State::Open) && !is_over {
            assert!(timeout.is_some_and(|at| at <= now + 5_000), "the peer has 5 s for closing");
        }
        events
    }

    /// Begins a frame, in which nothing is due until [`end_frame`](Self::end_frame).
    fn begin_frame(&mut self, now: u64) {
        let connection = self.session.sender(now).expect("the answer is written");
        let header = connection.begin_frame(MessageKind::Binary, true, FRAME.len() as u64).expect("a frame can begin");
        self.output.extend_from_slice(header.as_bytes());
    }

    fn end_frame(&mut self, now: u64) {
        let connection = self.session.sender(now).expect("the session is open");
        let mut payload = FRAME.to_vec();
        connection.mask_payload(&mut payload).expect("the frame can be completed");
        self.output.extend_from_slice(&payload);
        self.drain();
    }

    fn note_eof(&mut self, now: u64) {
        self.session.receive_eof(now);
        self.is_eof = true;
    }

    /// Only `Over` follows an error, and only it or the deadline of closing follows a Close. Otherwise it ends a session whose
    /// request was answered without a connection.
    fn order(&self, event: &Event<'_>) {
        assert!(!self.is_over, "{event:?} after Over");
        if self.failed.is_some() {
            assert_eq!(*event, Event::Over, "after an error");
        } else if self.is_closed {
            let late = Event::Failed(Error::Timeout(Reason::Closing));
            assert!(*event == Event::Over || *event == late, "{event:?} after a Close");
        } else if *event == Event::Over {
            let asked_nothing = self.is_eof && self.input.stream.0.is_empty();
            let answered = self.answer == Some(Ok(())) && !self.session.is_open();
            assert!(answered || asked_nothing, "Over without a reason");
        }
    }

    fn event(&mut self, event: Event<'_>, now: u64) {
        let incoming = match event {
            Event::Request => return self.answer(now),
            Event::Failed(error) => {
                self.failed = Some(error);
                match error {
                    Error::Protocol(error) => self.log.error(error),
                    Error::Handshake(_) => {}
                    Error::Unanswered => {
                        assert!(self.session.request().is_none() && self.answer != Some(Ok(())), "it was answered");
                        self.is_late = true;
                    }
                    Error::Timeout(reason) => {
                        assert!(reason != Reason::Handshake || self.answer != Some(Ok(())), "the request is answered");
                        self.is_late = true;
                    }
                    _ => panic!("an error unknown to this target: {error:?}"),
                }
                return;
            }
            Event::Over => {
                self.is_over = true;
                self.is_late |= !self.is_eof;
                if self.failed.is_none() {
                    self.log.entries.push(Entry::End);
                }
                return;
            }
            Event::KeepAlive | Event::Idle => {
                let silent = event == Event::Idle || now >= self.heard + 20_000;
                assert!(silent, "a Ping is due after 20 s without a byte");
                self.is_late = true;
                return;
            }
            Event::Data(chunk) => Incoming::Data(chunk),
            Event::Ping => Incoming::Ping,
            Event::Pong(_) => Incoming::Pong,
            Event::ExtensionControl(opcode) => Incoming::ExtensionControl(opcode),
            Event::Close(code) => {
                self.is_closed = true;
                Incoming::Close(code)
            }
            event => panic!("an event unknown to this target: {event:?}"),
        };
        let connection = self.session.connection().expect("an event of a connection");
        self.log.event(incoming, connection.control_payload(), connection.close_reason());
    }

    fn answer(&mut self, now: u64) {
        let is_upgrade = self.session.request().expect("a valid request").is_upgrade();
        let result = match (is_upgrade, self.input.has(1)) {
            (false, true) => self.session.refuse(HandshakeError::Upgrade),
            (true, true) => self.session.respond(200, FIELDS, PAGE),
            (_, false) => self.session.accept(&Accept::default(), &self.input.limits.config()),
        };
        assert_eq!(self.session.request().is_none(), result.is_ok(), "a request is answered once");
        assert_eq!(self.session.is_due(), result.is_ok());
        assert_eq!(self.session.sender(now).err(), Some(SendError::NotOpen), "the answer comes first");
        self.answer = Some(result);
    }

    /// Writes what is due through buffers of the input's size, or of one that suffices for every frame.
    fn drain(&mut self) {
        let mut out = [0; MAX_CONTROL_FRAME];
        loop {
            let is_due = self.session.is_due();
            let small = usize::from(self.input.out).min(out.len());
            let mut len = self.session.poll_transmit(&mut out[..small]);
            if len == 0 {
                assert_eq!(self.session.is_due(), is_due, "a buffer that is too small changes nothing");
                len = self.session.poll_transmit(&mut out);
            }
            assert_eq!(is_due, len > 0, "what is due is written");
            if len == 0 {
                return;
            }
            self.output.extend_from_slice(&out[..len]);
        }
    }

    /// Compares what was reported and written so far.
    fn compare(&self, parts: &Parts) {
        if self.is_late {
            return;
        }
        let (mut expected, mut transport) = (Vec::new(), Transport::Keep);
        if let Some((answer, head)) = &parts.answer {
            let fits = *head <= self.input.storage().len();
            if fits {
                expected.extend_from_slice(answer);
            }
            if self.failed.is_none() || parts.connection.is_some() {
                let result = if fits { Ok(()) } else { Err(BuildError::BufferTooSmall { need: *head }) };
                assert_eq!(self.answer, Some(result), "an answer fits the storage or not");
            }
            if fits || parts.failed.is_some() {
                transport = Transport::HalfClose; // after a page or a refusal
            }
        }
        if let Some(host) = &parts.connection {
            expected.extend_from_slice(&host.output);
            oracle::assert_same(&self.log, &host.log);
            transport = host.outcome().transport;
        } else {
            assert_eq!(self.failed, parts.failed.map(Error::Handshake));
            let waits = matches!(self.answer, Some(Err(_))); // the end is not reported before the answer
            transport = if self.is_eof && !waits { Transport::Close } else { transport };
        }
        assert_eq!(self.session.transport(), transport);
        assert_eq!(Bytes(&self.output), Bytes(&expected), "the bytes that the parts write");
    }

    /// Lets all deadlines pass: after a few events the transport is to be closed, and nothing is due.
    fn end(mut self, mut now: u64) {
        let mut events = 0;
        for _ in 0..9 {
            let Some(at) = self.session.poll_timeout() else { break };
            let new = self.feed(&[], at);
            let is_later = self.session.poll_timeout().is_some_and(|next| next > at);
            assert!(new > 0 || is_later, "a deadline that has passed is an event, or starts another");
            events += new;
            now = at;
        }
        assert!(events < 6, "a silent peer causes a few events");
        assert_eq!(self.session.transport(), Transport::Close);
        assert!(!self.session.is_due() && self.session.poll_timeout().is_none());
        let mut late = *b"late";
        let received = self.session.receive(&mut late, now + 3_600_000);
        assert!(received.rest.is_empty() && !received.is_due);
        assert!(self.is_over && received.event.is_none(), "Over is the last event");
        let frames = if self.output.starts_with(b"HTTP/1.1 101 ") { end_of_head(&self.output) } else { None };
        if let Some(at) = frames {
            raw::frames(&self.output[at..]);
        }
        assert!(self.session.into_parts().is_err(), "nothing can go on with the parts of a session that is over");
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4)
}

barews_fuzz::target!(|input: Input<'_>| input.check());
