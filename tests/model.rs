//! A model check of the real engine: every state that a client and a server reach which are joined by two pipes, whole and
//! split, whatever the order of their calls and of the bytes' arrival.
//!
//! A world is bounded by the number of calls with which each side sends. The worlds of `cargo test` are small;
//! `MODEL=2000000 cargo test --release --test model campaign -- --ignored --nocapture` visits up to that many states of larger
//! ones. A violation is reported with the shortest way to it. [`Fault`] plants faults, each of which must be found.

use std::collections::HashSet;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use barews::connection::{Config, Event, MessageKind, Receiver, Reply, State, Transmitter, Transport};
use barews::wire::{CloseCode, EncodedHeader, MAX_CONTROL_FRAME};
use barews::{Client, Connection, ProtocolError, Role, SendError, Server};

type Key = fn() -> [u8; 4];
type Checked<T = ()> = Result<T, &'static str>;

/// Returns the violation unless the condition holds.
macro_rules! hold {
    ($condition:expr, $rule:literal) => {
        if !$condition {
            return Err($rule);
        }
    };
}

/// An engine: a connection, or its halves.
enum Engine<R: Role> {
    Whole(Connection<R>),
    Halves { receiver: Receiver<R>, transmitter: Transmitter<R>, reply: Option<Reply> },
}

/// Makes a call that sends on the connection or on the transmitter.
macro_rules! sender {
    ($engine:expr, $sender:ident => $call:expr) => {
        match $engine {
            Engine::Whole($sender) => $call,
            Engine::Halves { transmitter: $sender, .. } => $call,
        }
    };
}

impl<R: Role> Engine<R> {
    fn new(role: R, is_split: bool) -> Self {
        let connection = Connection::new(role, &Config::DEFAULT);
        if !is_split {
            return Self::Whole(connection);
        }
        let (receiver, transmitter) = connection.split();
        Self::Halves { receiver, transmitter, reply: None }
    }

    /// The receiver of halves keeps its newest reply, as a host's queue of one does.
    fn take_reply(&mut self) {
        if let Self::Halves { receiver, reply, .. } = self
            && let Some(newer) = receiver.take_reply()
        {
            *reply = Some(newer);
        }
    }

    fn poll_transmit(&mut self, out: &mut [u8]) -> usize {
        match self {
            Self::Whole(connection) => connection.poll_transmit(out),
            Self::Halves { transmitter, reply, .. } => {
                let written = reply.as_ref().and_then(|reply| transmitter.write_reply(reply, out).ok());
                if written.is_some() {
                    *reply = None;
                }
                written.map_or(0, |written| written.len())
            }
        }
    }

    fn begin_frame(&mut self, kind: MessageKind, fin: bool, len: u64) -> Result<EncodedHeader, SendError> {
        sender!(self, it => it.begin_frame(kind, fin, len))
    }

    fn fail(&mut self, error: ProtocolError) {
        match self {
            Self::Whole(connection) => connection.fail(error),
            Self::Halves { receiver, .. } => receiver.fail(error),
        }
        self.take_reply();
    }

    fn receive_eof(&mut self) {
        let _ = match self {
            Self::Whole(connection) => connection.receive_eof(),
            Self::Halves { receiver, .. } => receiver.receive_eof(),
        };
    }

    fn state(&self) -> State {
        match self {
            Self::Whole(connection) => connection.state(),
            Self::Halves { receiver, transmitter, .. } => receiver.state(transmitter.close_sent()),
        }
    }

    fn transport(&self) -> Transport {
        match self {
            Self::Whole(connection) => connection.transport(),
            Self::Halves { receiver, transmitter, .. } => receiver.transport(transmitter.close_sent()),
        }
    }

    fn error(&self) -> Option<ProtocolError> {
        match self {
            Self::Whole(connection) => connection.error(),
            Self::Halves { receiver, .. } => receiver.error(),
        }
    }

    fn write_state(&self, key: &mut String) {
        let _ = match self {
            Self::Whole(connection) => write!(key, "{:?}", connection.internals()),
            Self::Halves { receiver, transmitter, reply } => {
                write!(key, "{:?}{:?}{reply:?}", receiver.internals(), transmitter.internals())
            }
        };
    }
}

/// What the host is in the middle of sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sending {
    Nothing,
    /// A text, after its first fragment.
    Text,
    /// A frame, after its header.
    Frame,
}

/// One side: an engine, and a host that drains after each call and obeys `transport()`.
struct Side<R: Role> {
    engine: Engine<R>,
    /// The bytes on their way to the peer.
    pipe: Vec<u8>,
    /// The calls with which it can still send.
    left: u8,
    sending: Sending,
    /// The messages that were sent and received, without the peer's knowledge.
    sent: Vec<&'static [u8]>,
    received: Vec<Vec<u8>>,
    joined: Vec<u8>,
    /// The writing side is shut down; the peer's is, and we know; the transport is closed.
    shut: bool,
    eof: bool,
    closed: bool,
    transport: Transport,
    close_sent: bool,
    close_received: bool,
    error: Option<ProtocolError>,
    /// The payload of the newest Ping that has no answer.
    ping: Option<Vec<u8>>,
    pings: u8,
    fault: Option<Fault>,
}

/// A fault that is planted between the engine and its host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// A Pong is dropped.
    NoPong,
    /// The Close frame is written twice.
    TwoCloses,
    /// A message is written after the Close frame.
    TextAfterClose,
    /// The host is not told to shut the transport down.
    NoHalfClose,
    /// The second of two messages is returned first.
    Swapped,
    /// The first byte of a message's last piece is lost.
    LostByte,
}

/// A step of the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Text,
    FirstFragment,
    LastFragment,
    FrameHeader,
    FramePayload,
    Ping,
    Pong,
    Close,
    CloseWithoutStatus,
    /// The host fails the connection.
    Fail,
    /// A frame that breaks a rule.
    BadFrame,
    /// So many bytes of the peer arrive.
    Arrive(usize),
    ArriveAll,
    /// The end of the peer's stream arrives.
    End,
    /// The link is cut: nothing more arrives on either side.
    Cut,
    /// The host's time for closing has passed.
    Timeout,
}

/// What can happen in a world.
struct Setup {
    is_split: bool,
    /// How often the client and the server can send.
    sends: [u8; 2],
    steps: Vec<Step>,
    fault: Option<Fault>,
}

const TEXT: &[u8] = "\u{e9}".as_bytes();
const FRAGMENTED: &[u8] = "\u{e8}".as_bytes();
const FRAME: &[u8] = b"12";

impl<R: Role> Side<R> {
    fn new(role: R, left: u8, setup: &Setup) -> Self {
        Self {
            engine: Engine::new(role, setup.is_split),
            pipe: vec![],
            left,
            sending: Sending::Nothing,
            sent: vec![],
            received: vec![],
            joined: vec![],
            shut: false,
            eof: false,
            closed: false,
            transport: Transport::Keep,
            close_sent: false,
            close_received: false,
            error: None,
            ping: None,
            pings: 0,
            fault: setup.fault,
        }
    }

    /// Takes a step, if it is possible now.
    fn step(&mut self, peer: &mut Side<impl Role>, step: Step) -> Checked<bool> {
        if self.closed || step == Step::Cut && self.eof && peer.eof {
            return Ok(false);
        }
        let taken = match step {
            Step::Arrive(len) => self.arrive(peer, len, len < peer.pipe.len())?,
            Step::ArriveAll => self.arrive(peer, peer.pipe.len(), !peer.pipe.is_empty())?,
            Step::End => self.end(peer.shut && peer.pipe.is_empty()),
            Step::Cut => {
                peer.pipe.clear();
                self.pipe.clear();
                self.end(true) | peer.end(true)
            }
            Step::Timeout => {
                let is_closing = self.engine.state() != State::Open;
                (self.shut, self.closed) = (self.shut | is_closing, is_closing);
                return Ok(is_closing);
            }
            Step::FramePayload => self.send(step)?,
            _ if self.left == 0 => false,
            _ => {
                let sent = self.send(step)?;
                self.left -= u8::from(sent);
                sent
            }
        };
        self.drain()?;
        Ok(taken)
    }

    fn end(&mut self, ended: bool) -> bool {
        let is_new = ended && !self.eof && !self.closed;
        if is_new {
            self.eof = true;
            self.engine.receive_eof();
            self.error = self.engine.error();
        }
        is_new
    }

    fn send(&mut self, step: Step) -> Checked<bool> {
        let is_open = self.engine.state() == State::Open && !self.shut;
        let mut out = [0; MAX_CONTROL_FRAME];
        let (kind, text) = (MessageKind::Binary, MessageKind::Text);
        let written = match step {
            Step::Text => sender!(&mut self.engine, it => it.write_unvalidated(text, TEXT, &mut out)),
            Step::Ping => {
                let payload = [self.pings; 2];
                sender!(&mut self.engine, it => it.write_ping(&payload, &mut out))
            }
            Step::Pong => sender!(&mut self.engine, it => it.write_pong(b"unasked", &mut out)),
            Step::Close => sender!(&mut self.engine, it => it.write_close(CloseCode::NORMAL, "bye", &mut out)),
            Step::CloseWithoutStatus => sender!(&mut self.engine, it => it.write_close_without_status(&mut out)),
            Step::FirstFragment | Step::LastFragment => {
                let (is_last, part) = (step == Step::LastFragment, usize::from(step == Step::LastFragment));
                if is_last != (self.sending == Sending::Text) {
                    return Ok(false);
                }
                return self.frame(text, is_last, &FRAGMENTED[part..=part], is_open);
            }
            Step::FrameHeader => {
                let Ok(header) = self.engine.begin_frame(kind, true, FRAME.len() as u64) else { return Ok(false) };
                hold!(is_open && self.sending == Sending::Nothing, "a frame begins only while the connection is open");
                self.sending = Sending::Frame;
                return self.put(header.as_bytes());
            }
            Step::FramePayload => {
                if self.sending != Sending::Frame {
                    return Ok(false);
                }
                let mut part = [0; FRAME.len()];
                part.copy_from_slice(FRAME);
                let masked = sender!(&mut self.engine, it => it.mask_payload(&mut part));
                hold!(masked.is_ok(), "a frame that was begun can be completed");
                self.sending = Sending::Nothing;
                self.sent.push(FRAME);
                return self.put_payload(&part);
            }
            Step::Fail => {
                if self.engine.state() == State::Open {
                    self.engine.fail(ProtocolError::MessageTooBig);
                    self.error = self.engine.error();
                    hold!(self.error == Some(ProtocolError::MessageTooBig), "a failure is kept");
                    return Ok(true);
                }
                return Ok(false);
            }
            Step::BadFrame => {
                if !is_open || self.sending == Sending::Frame {
                    return Ok(false);
                }
                let masked = if R::IS_SERVER { &b"\x83\0"[..] } else { b"\x83\x80\0\0\0\0" };
                return self.put(masked);
            }
            _ => return Ok(false),
        };
        let Ok(written) = written else { return Ok(false) };
        hold!(self.sending != Sending::Frame, "nothing is sent inside a frame");
        hold!(is_open || step == Step::Pong, "nothing is sent unless the connection is open");
        match step {
            Step::Text => {
                hold!(self.sending == Sending::Nothing, "no message is sent inside another");
                self.sent.push(TEXT);
            }
            Step::Ping => self.pings += 1,
            _ => {}
        }
        self.put(&out[..written.len()])
    }

    /// Sends a fragment of a text.
    fn frame(&mut self, kind: MessageKind, fin: bool, part: &[u8], is_open: bool) -> Checked<bool> {
        let Ok(header) = self.engine.begin_frame(kind, fin, part.len() as u64) else { return Ok(false) };
        hold!(is_open, "a fragment is sent only while the connection is open");
        self.put(header.as_bytes())?;
        let mut part = part.to_vec();
        hold!(
            sender!(&mut self.engine, it => it.mask_payload(&mut part)).is_ok(),
            "a frame that was begun is completed"
        );
        self.sending = if fin { Sending::Nothing } else { Sending::Text };
        if fin {
            self.sent.push(FRAGMENTED);
        }
        self.put_payload(&part)
    }

    /// Puts a frame, or its header, into the pipe.
    fn put(&mut self, frame: &[u8]) -> Checked<bool> {
        hold!(!self.close_sent, "nothing follows the Close frame");
        self.close_sent = frame[0] == 0x88;
        self.put_payload(frame)
    }

    fn put_payload(&mut self, bytes: &[u8]) -> Checked<bool> {
        hold!(!self.shut && !self.closed, "nothing is sent after the writing side was shut down");
        self.pipe.extend_from_slice(bytes);
        Ok(true)
    }

    /// Receives bytes of the peer.
    fn arrive(&mut self, peer: &mut Side<impl Role>, len: usize, is_possible: bool) -> Checked<bool> {
        if !is_possible || self.eof {
            return Ok(false);
        }
        let mut bytes: Vec<u8> = peer.pipe.drain(..len).collect();
        let mut rest = &mut bytes[..];
        let before = self.error;
        loop {
            let received = match &mut self.engine {
                Engine::Whole(connection) => connection.receive(rest),
                Engine::Halves { receiver, .. } => receiver.receive(rest),
            };
            let received = match received {
                Ok(received) => received,
                Err(error) => {
                    hold!(before.is_none_or(|before| before == error), "an error stays the same");
                    self.error = Some(error);
                    break;
                }
            };
            hold!(before.is_none(), "nothing is received after an error");
            let Some(event) = received.event else { break };
            hold!(!self.close_received, "nothing is received after a Close frame");
            let mut is_ping = false;
            match event {
                Event::Data(chunk) => {
                    hold!(chunk.first == self.joined.is_empty(), "a message has one first chunk");
                    let lost = usize::from(self.fault == Some(Fault::LostByte) && chunk.last);
                    self.joined.extend_from_slice(&chunk.payload[lost..]);
                    if chunk.last {
                        self.received.push(std::mem::take(&mut self.joined));
                    }
                }
                Event::Ping => is_ping = true,
                Event::Close(_) => self.close_received = true,
                _ => {}
            }
            rest = received.rest;
            if is_ping {
                let payload = match &self.engine {
                    Engine::Whole(connection) => connection.control_payload(),
                    Engine::Halves { receiver, .. } => receiver.control_payload(),
                };
                self.ping = Some(payload.to_vec());
            }
            self.engine.take_reply();
        }
        self.engine.take_reply();
        if self.fault == Some(Fault::Swapped) && self.received.len() == 2 {
            self.received.swap(0, 1);
        }
        Ok(true)
    }

    /// Writes what is due, then does what `transport()` says.
    fn drain(&mut self) -> Checked {
        if self.closed {
            return Ok(());
        }
        let mut out = [0; MAX_CONTROL_FRAME];
        loop {
            let len = self.engine.poll_transmit(&mut out);
            if len == 0 {
                break;
            }
            hold!(self.sending != Sending::Frame, "no control frame is written inside a frame");
            let frame = barews_testkit::raw::frames(&out[..len]).pop();
            match frame {
                Some((0x8A, payload)) => {
                    hold!(self.ping.as_ref() == Some(&payload), "a Pong answers the newest Ping, once");
                    if self.fault == Some(Fault::NoPong) {
                        continue;
                    }
                    self.ping = None;
                }
                Some((0x88, _)) => {}
                _ => return Err("a Pong or a Close frame is due"),
            }
            self.put(&out[..len])?;
            match self.fault {
                Some(Fault::TwoCloses) if self.close_sent => _ = self.put(&out[..len])?,
                Some(Fault::TextAfterClose) if self.close_sent => _ = self.put(b"\x81\0")?,
                _ => {}
            }
        }
        let transport = self.engine.transport();
        let rank = |transport| match transport {
            Transport::Keep => 0,
            Transport::HalfClose | Transport::AwaitEof => 1,
            Transport::Close => 2,
        };
        hold!(rank(transport) >= rank(self.transport), "what `transport()` says does not go back");
        self.transport = transport;
        if self.fault != Some(Fault::NoHalfClose) {
            self.shut |= transport == Transport::HalfClose;
        }
        if transport == Transport::Close {
            (self.shut, self.closed) = (true, true);
        }
        Ok(())
    }

    fn write_state(&self, key: &mut String) {
        let Self { engine, pipe, left, sending, sent, received, joined, shut, eof, closed, .. } = self;
        let Self { transport, close_sent, close_received, error, ping, pings, .. } = self;
        engine.write_state(key);
        let flags = (shut, eof, closed, close_sent, close_received);
        let _ = write!(
            key,
            "{pipe:?}{left}{sending:?}{sent:?}{received:?}{joined:?}{flags:?}{transport:?}{error:?}{ping:?}{pings}|"
        );
    }
}

struct World {
    client: Side<Client<Key>>,
    server: Side<Server>,
    /// The steps so far include one that is not the engines' fault: a bad frame, a failure, a cut.
    is_disturbed: bool,
    is_cut: bool,
}

impl World {
    fn new(setup: &Setup) -> Self {
        let key: Key = || [0; 4];
        Self {
            client: Side::new(Client(key), setup.sends[0], setup),
            server: Side::new(Server, setup.sends[1], setup),
            is_disturbed: false,
            is_cut: false,
        }
    }

    fn step(&mut self, is_client: bool, step: Step) -> Checked<bool> {
        let taken = match is_client {
            true => self.client.step(&mut self.server, step)?,
            false => self.server.step(&mut self.client, step)?,
        };
        if step == Step::Cut && taken {
            self.is_cut = true;
            self.client.drain()?;
            self.server.drain()?;
        }
        self.is_disturbed |= taken && matches!(step, Step::BadFrame | Step::Fail | Step::Cut | Step::Timeout);
        for (sent, received) in [(&self.client.sent, &self.server.received), (&self.server.sent, &self.client.received)]
        {
            let is_prefix = received.len() <= sent.len() && received.iter().zip(sent).all(|(a, b)| a == b);
            hold!(is_prefix, "what is received is what was sent, from its beginning on");
        }
        let is_clean = self.client.error.is_none() && self.server.error.is_none();
        hold!(self.is_disturbed || is_clean, "two engines never break a rule for each other");
        Ok(taken)
    }

    /// Checks a state in which nothing can happen any more, but for a timeout.
    fn check_end(&self) -> Checked {
        let Self { client, server, .. } = self;
        let has_begun = client.close_sent || server.close_sent || client.error.is_some() || server.error.is_some();
        hold!(!has_begun || client.closed && server.closed, "closing that has begun ends on both sides");
        if !has_begun {
            let all = client.sent.len() == server.received.len() && server.sent.len() == client.received.len();
            hold!(all || client.sending != Sending::Nothing || server.sending != Sending::Nothing, "all is received");
            let is_waiting = |ping: &Option<Vec<u8>>, sending| ping.is_some() && sending != Sending::Frame;
            let unanswered = is_waiting(&client.ping, client.sending) || is_waiting(&server.ping, server.sending);
            hold!(!unanswered, "the newest Ping is answered");
        }
        Ok(())
    }

    fn key(&self) -> (u64, u64) {
        let mut key = String::with_capacity(2000);
        self.client.write_state(&mut key);
        self.server.write_state(&mut key);
        let _ = write!(key, "{}{}", self.is_disturbed, self.is_cut);
        let hash = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, &key).hash(&mut hasher);
            hasher.finish()
        };
        (hash(0), hash(1))
    }
}

/// A state, by the state before it and the step that leads to it.
struct Node {
    before: usize,
    is_client: bool,
    step: Step,
}

/// What an exploration has seen.
struct Explored {
    states: usize,
    ends: usize,
    is_complete: bool,
}

/// Visits the states of a world, nearest first, up to `most`. The engine cannot be cloned, so each state is made again from
/// the steps that lead to it.
fn explore(setup: &Setup, most: usize) -> Result<Explored, String> {
    let mut nodes = vec![Node { before: 0, is_client: true, step: Step::Text }]; // the first is the beginning
    let mut seen = HashSet::from([World::new(setup).key()]);
    let (mut ends, mut at) = (0, 0);
    while at < nodes.len() && nodes.len() < most {
        let mut path = Vec::new();
        let mut back = at;
        while back > 0 {
            path.push((nodes[back].is_client, nodes[back].step));
            back = nodes[back].before;
        }
        path.reverse();
        let replay = || {
            let mut world = World::new(setup);
            for (is_client, step) in &path {
                world.step(*is_client, *step).expect("it was taken before");
            }
            world
        };
        let report = |rule: &str, last: String| {
            let name = |is_client: bool| if is_client { "client" } else { "server" };
            let steps: Vec<_> = path.iter().map(|(who, step)| format!("{} {step:?}", name(*who))).collect();
            format!("{rule}, after: {}{last}", steps.join(", "))
        };
        let mut is_end = true;
        let mut world = replay();
        for is_client in [true, false] {
            for step in &setup.steps {
                match world.step(is_client, *step) {
                    Err(rule) => return Err(report(rule, format!(", then is_client={is_client} {step:?}"))),
                    Ok(false) => continue, // nothing has changed
                    Ok(true) => {}
                }
                is_end &= matches!(step, Step::Timeout | Step::Cut);
                if seen.insert(world.key()) {
                    nodes.push(Node { before: at, is_client, step: *step });
                }
                world = replay();
            }
        }
        if is_end {
            world.check_end().map_err(|rule| report(rule, String::new()))?;
            ends += 1;
        }
        at += 1;
    }
    Ok(Explored { states: nodes.len(), ends, is_complete: at == nodes.len() })
}

/// What both sides can send.
const SENDS: [Step; 7] = [
    Step::Text,
    Step::FirstFragment,
    Step::LastFragment,
    Step::FrameHeader,
    Step::FramePayload,
    Step::Ping,
    Step::Close,
];

fn setup(sends: [u8; 2], more: &[Step]) -> Setup {
    let steps = SENDS.iter().chain(&[Step::ArriveAll, Step::End]).chain(more).copied().collect();
    Setup { is_split: false, sends, steps, fault: None }
}

/// The worlds of each test run: every message and every cut of a frame; bad frames and failures; a link that is cut, and
/// timeouts.
fn small() -> Vec<Setup> {
    vec![
        setup([2, 1], &[Step::Arrive(1), Step::Arrive(3)]),
        setup([1, 2], &[Step::Arrive(1), Step::Pong, Step::CloseWithoutStatus]),
        setup([1, 1], &[Step::Arrive(2), Step::BadFrame, Step::Fail]),
        setup([1, 1], &[Step::Arrive(1), Step::Cut, Step::Timeout]),
    ]
}

fn explore_all(setups: Vec<Setup>, most: usize) -> usize {
    let mut states = 0;
    for mut setup in setups {
        for is_split in [false, true] {
            setup.is_split = is_split;
            let Explored { states: seen, ends, is_complete } = match explore(&setup, most) {
                Ok(explored) => explored,
                Err(violation) => panic!("{violation}"),
            };
            println!("{:?}, split: {is_split}: {seen} states, {ends} ends, complete: {is_complete}", setup.sends);
            assert!(ends > 0 && (is_complete || seen >= most));
            states += seen;
        }
    }
    states
}

#[test]
fn every_state_of_small_worlds_keeps_the_rules() {
    let states = explore_all(small(), usize::MAX);
    assert!(states > 10_000, "{states} states");
}

/// `MODEL`: the most states of each world.
#[test]
#[ignore = "takes minutes or hours"]
fn campaign() {
    let most = std::env::var("MODEL").map_or(1_000_000, |most| most.parse().expect("MODEL is a number of states"));
    let all = [
        Step::Arrive(1),
        Step::Arrive(3),
        Step::Pong,
        Step::CloseWithoutStatus,
        Step::Fail,
        Step::BadFrame,
        Step::Cut,
        Step::Timeout,
    ];
    println!("{} states", explore_all(vec![setup([2, 2], &all), setup([3, 3], &all), setup([4, 2], &all)], most));
}

#[test]
fn planted_faults_are_found() {
    use Fault as F;
    for (fault, rule) in [
        (F::NoPong, "the newest Ping is answered"),
        (F::TwoCloses, "nothing follows the Close frame"),
        (F::TextAfterClose, "nothing follows the Close frame"),
        (F::NoHalfClose, "closing that has begun ends on both sides"),
        (F::Swapped, "what is received is what was sent, from its beginning on"),
        (F::LostByte, "what is received is what was sent, from its beginning on"),
    ] {
        let setup = Setup { fault: Some(fault), ..setup([2, 1], &[Step::Arrive(1)]) };
        let found = explore(&setup, usize::MAX).err().unwrap_or_else(|| panic!("{fault:?} is not found"));
        assert!(found.starts_with(rule), "{fault:?}: {found}");
    }
}
