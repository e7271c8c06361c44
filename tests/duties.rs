//! The duties of a host that drives a session: every sequence of calls up to a length, from every stage, in both roles.
//!
//! The sequences include hosts that are late with everything and hosts that forget it. After each call the session must
//! show what is due, and a host that only waits from then on must reach [`Event::Over`].

use barews::connection::{Config, State, Transport};
use barews::deadlines::Timeouts;
use barews::handshake::{Accept, ClientConfig, ClientRequest, OriginPolicy, ServerConfig, Uri};
use barews::session::{Event, Session, SessionRole};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME};
use barews::{Client, Server};
use barews_testkit::raw;

type Keys = fn() -> [u8; 4];
/// A call of the host. It has no effect when it is not possible.
type Call<R> = (&'static str, fn(&mut Driven<R>));

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const ACCEPTED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);

/// A session, and what its host has seen.
struct Driven<R: SessionRole> {
    session: Session<'static, R, [u8; 256]>,
    now: u64,
    output: Vec<u8>,
    /// Input that the session has left.
    unread: Vec<u8>,
    failed: bool,
    over: bool,
}

impl<R: SessionRole> Driven<R> {
    fn new(session: Session<'static, R, [u8; 256]>) -> Self {
        Self { session, now: 0, output: vec![], unread: vec![], failed: false, over: false }
    }

    /// Receives until there is no event.
    fn receive(&mut self, bytes: &[u8]) {
        let mut input = [&self.unread, bytes].concat();
        let mut rest = &mut input[..];
        loop {
            let received = self.session.receive(rest, self.now);
            rest = received.rest;
            let is_data = matches!(received.event, Some(Event::Data(_)));
            assert!(is_data && !received.is_due || received.is_due == self.session.is_due(), "what is due shows");
            assert!(!self.over || received.event.is_none(), "nothing follows Over");
            match received.event {
                Some(Event::Over) => self.over = true,
                Some(Event::Failed(error)) => {
                    assert!(!self.failed, "a failure is reported once");
                    assert_eq!(self.session.error(), Some(error));
                    self.failed = true;
                }
                Some(event) => assert!(!self.failed, "only Over follows a failure, not {event:?}"),
                None => break,
            }
        }
        self.unread = rest.to_vec();
    }

    /// Writes once, with a buffer of this size.
    fn write(&mut self, size: usize) -> usize {
        let mut out = vec![0; size];
        let was_due = self.session.is_due();
        let len = self.session.poll_transmit(&mut out);
        assert!(was_due || len == 0, "what is written was due");
        assert!(len > 0 || !was_due || size < MAX_CONTROL_FRAME, "what is due is written");
        self.output.extend_from_slice(&out[..len]);
        len
    }

    fn drain(&mut self) {
        while self.write(MAX_CONTROL_FRAME) > 0 {}
        assert!(!self.session.is_due());
    }

    fn check(&self) {
        let session = &self.session;
        assert!(!self.over || session.transport() == Transport::Close, "Over is the time to close the transport");
        assert_eq!(session.poll_timeout().is_none(), self.over, "there is a deadline until Over");
        assert!(session.error().is_some() || !self.failed);
        assert!(!self.failed || session.connection().is_none_or(|connection| connection.state() != State::Open));
        if session.transport() == Transport::HalfClose {
            assert!(!session.is_due(), "the writing side is shut down after everything is written");
        }
    }

    /// A host that only waits: it neither writes nor answers nor reads.
    fn wait_for_the_end(&mut self) {
        for _ in 0..10 {
            let Some(due) = self.session.poll_timeout() else { break };
            self.now = self.now.max(due);
            self.receive(&[]);
        }
        assert!(self.over, "a host that only waits reaches the end");
        assert_eq!((self.session.poll_timeout(), self.session.transport()), (None, Transport::Close));
        self.receive(b"late");
        self.session.receive_eof(self.now);
        self.receive(&[]);
    }
}

/// Makes every sequence of `length` calls.
fn explore<R: SessionRole>(start: impl Fn() -> Driven<R>, calls: &[Call<R>], length: u32) {
    for number in 0..calls.len().pow(length) {
        let sequence: Vec<_> = (0..length).map(|place| &calls[number / calls.len().pow(place) % calls.len()]).collect();
        let name = || sequence.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let _shown_on_panic = Shown(&name);
        let mut driven = start();
        for (_, call) in &sequence {
            call(&mut driven);
            driven.check();
        }
        driven.wait_for_the_end();
    }
}

struct Shown<'a>(&'a dyn Fn() -> String);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in the sequence: {}", (self.0)());
        }
    }
}

/// The calls that both roles have in common. `frame` makes a frame of the peer.
macro_rules! calls {
    ($R:ty, $key:expr, $($more:expr),*) => {
        &[
            ("nothing", |it: &mut Driven<$R>| it.receive(&[])),
            ("Ping", |it| it.receive(&raw::frame(0x89, $key, b"p"))),
            ("text", |it| it.receive(&raw::frame(0x81, $key, b"a"))),
            ("Close", |it| it.receive(&raw::frame(0x88, $key, b""))),
            ("bad frame", |it| it.receive(&raw::frame(0xC1, $key, b""))),
            ("junk", |it| it.receive(b"junk\r\n\r\n")),
            ("part of a head", |it| it.receive(b"GET")),
            ("end", |it| it.session.receive_eof(it.now)),
            ("write 20 bytes", |it| _ = it.write(20)),
            ("drain", Driven::drain),
            ("wait", |it| {
                it.now = it.session.poll_timeout().unwrap_or(0).max(it.now);
                it.receive(&[]);
            }),
            ("send", |it| {
                let mut out = [0; 16];
                let sendable = it.session.is_open() && !it.session.is_due();
                match it.session.sender(it.now) {
                    Ok(connection) => {
                        let written = connection.write_text("hi", &mut out);
                        assert_eq!(written.is_ok(), connection.state() == State::Open, "an open session can send");
                        if let Ok(written) = written {
                            it.output.extend_from_slice(&out[..written.len()]);
                        }
                    }
                    Err(_) => assert!(!sendable),
                }
            }),
            ("close", |it| {
                let mut out = [0; 16];
                if let Ok(connection) = it.session.sender(it.now)
                    && let Ok(written) = connection.write_close(CloseCode::NORMAL, "", &mut out)
                {
                    it.output.extend_from_slice(&out[..written.len()]);
                }
            }),
            $($more),*
        ]
    };
}

const KEY: Option<[u8; 4]> = Some([1, 2, 3, 4]);

const SERVER: &[Call<Server>] = calls!(
    Server,
    KEY,
    ("request", |it| it.receive(REQUEST)),
    ("request for a page", |it| it.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
    ("accept", |it| _ = it.session.accept(&Accept::default(), &Config::DEFAULT)),
    ("respond", |it| _ = it.session.respond(200, &[], b"page"))
);

const CLIENT: &[Call<Client<Keys>>] = calls!(
    Client<Keys>,
    None,
    ("101", |it| it.receive(ACCEPTED)),
    ("404", |it| it.receive(b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n")),
    ("connect", |it| _ = it.session.connect(|| [5, 6, 7, 8], &Config::DEFAULT))
);

fn server() -> Driven<Server> {
    Driven::new(Session::server(&CONFIG, [0; 256], Timeouts::MILLISECONDS, 0))
}

fn open_server() -> Driven<Server> {
    let mut driven = server();
    driven.receive(REQUEST);
    driven.session.accept(&Accept::default(), &Config::DEFAULT).unwrap();
    driven.drain();
    driven
}

fn client() -> Driven<Client<Keys>> {
    let request = ClientRequest::new(Uri::parse("ws://a/").unwrap());
    let (nonce, timeouts) = (*b"the sample nonce", Timeouts::MILLISECONDS);
    Driven::new(Session::client(&ClientConfig::DEFAULT, &request, nonce, [0; 256], timeouts, 0).unwrap())
}

fn open_client() -> Driven<Client<Keys>> {
    let mut driven = client();
    driven.drain();
    driven.receive(ACCEPTED);
    driven.session.connect(|| [5, 6, 7, 8], &Config::DEFAULT).unwrap();
    driven
}

#[test]
fn server_shows_its_duties_from_the_first_byte() {
    explore(server, SERVER, 4);
}

#[test]
fn open_server_shows_its_duties() {
    explore(open_server, SERVER, 4);
}

#[test]
fn client_shows_its_duties_from_the_first_byte() {
    explore(client, CLIENT, 4);
}

#[test]
fn open_client_shows_its_duties() {
    explore(open_client, CLIENT, 4);
}
