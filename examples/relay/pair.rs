//! A client and its upstream, from the client's request to the end of both connections. While the upstream has not
//! answered, the client's request waits, and nothing more is read from the client.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use barews::connection::{Config, Connection};
use barews::deadlines::Timeouts;
use barews::handshake::{
    Accept, ClientConfig, ClientHandshake, ClientRequest, OriginPolicy, Progress, Request, ServerConfig, Subprotocol,
    Uri,
};
use barews::session::{Event, Session};
use barews::wire::CloseCode;
use barews::{Client, HandshakeError, Server};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::report;
use crate::side::{Side, can_read, pump, receive};

/// Frames are passed on chunk by chunk, so they can have any length. A limit here would close with 1009.
const LIMITS: Config =
    Config { max_frame_size: u64::MAX, max_message_size: u64::MAX, max_fragments: u32::MAX, ..Config::DEFAULT };
/// The fields of a request that the upstream gets as they are. X-Forwarded-For gets the client's address in addition.
const KEPT: &[&str] =
    &["Cookie", "Authorization", "User-Agent", "Accept-Language", "X-Forwarded-Proto", "X-Request-Id", FORWARDED];
const FORWARDED: &str = "X-Forwarded-For";
/// The fields of a response that the client gets.
const RETURNED: &[&str] = &["Set-Cookie", "Location", "WWW-Authenticate", "Retry-After"];
/// The upstream gets the field Origin and decides which pages may connect.
static HANDSHAKE: ServerConfig<'_> = ServerConfig { keep: KEPT, ..ServerConfig::new(OriginPolicy::Any) };
/// Storage of a handshake: a head of the greatest length, and a list of its fields.
const STORAGE: usize = 17 << 10;
/// The reads of one side before another pair has its turn.
const TURN: usize = 4;

type Keys = fn() -> [u8; 4];
type Fields = Vec<(&'static str, String)>;

/// What all pairs have in common.
pub struct Settings {
    /// The addresses of the upstream, tried in turn.
    pub addresses: Vec<SocketAddr>,
    /// The path that comes before the client's target.
    pub base: String,
    pub timeouts: Timeouts,
    /// How long the upstream can take for its answer, all its addresses together.
    pub patience: u64,
}

pub struct Pair {
    client: Side<Server>,
    upstream: Upstream,
    address: SocketAddr,
    /// The token of the upstream's socket.
    token: Token,
    /// What the client sent after its request.
    early: Vec<u8>,
    /// The time of its entry in the timers.
    pub armed: Option<u64>,
}

enum Upstream {
    /// Before the request, and after a refusal.
    None,
    Opening(Opening),
    Open(Box<Side<Client<Keys>>>),
}

/// The handshake with the upstream. A session would borrow its `ClientConfig`, and that has the client's subprotocols,
/// which do not live long enough. So the handshake is done here, and the session is made from its connection.
struct Opening {
    stream: Option<TcpStream>,
    /// How many addresses were tried.
    tried: usize,
    subprotocols: Vec<String>,
    nonce: [u8; 16],
    request: Vec<u8>,
    sent: usize,
    /// The beginning of the response.
    head: Vec<u8>,
    readable: bool,
    until: u64,
}

/// An answer of the upstream.
struct Answer {
    /// The connection and its subprotocol, or the status of a refusal.
    outcome: Result<(Connection<Client<Keys>>, Option<String>), u16>,
    fields: Fields,
    /// What follows the head.
    rest: Vec<u8>,
}

impl Pair {
    pub fn new(stream: TcpStream, address: SocketAddr, token: Token, settings: &Settings, now: u64) -> Self {
        let session = Session::server(&HANDSHAKE, vec![0; STORAGE].into(), settings.timeouts, now);
        let client = Side::new(stream, session, settings.timeouts, address);
        Self { client, upstream: Upstream::None, address, token, early: Vec::new(), armed: None }
    }

    /// Notes that a socket may have bytes.
    pub fn readable(&mut self, is_upstream: bool) {
        match &mut self.upstream {
            _ if !is_upstream => self.client.readable = true,
            Upstream::None => {}
            Upstream::Opening(opening) => opening.readable = true,
            Upstream::Open(upstream) => upstream.readable = true,
        }
    }

    /// Returns when to call [`go_on`](Self::go_on) again.
    pub fn due(&self) -> Option<u64> {
        let upstream = match &self.upstream {
            Upstream::None => None,
            Upstream::Opening(opening) => Some(opening.until),
            Upstream::Open(upstream) => upstream.due(),
        };
        [self.client.due(), upstream].into_iter().flatten().min()
    }

    pub fn is_over(&self) -> bool {
        let upstream_is_gone = match &self.upstream {
            Upstream::Open(upstream) => upstream.is_gone(),
            _ => true,
        };
        self.client.is_gone() && upstream_is_gone
    }

    /// Reads and writes until the sockets block, and handles the deadlines that have passed. Returns true if there can be
    /// more to read, but other pairs are waiting.
    pub fn go_on(&mut self, rx: &mut [u8], settings: &Settings, registry: &Registry, now: u64) -> bool {
        for _ in 0..TURN {
            let more = match &mut self.upstream {
                Upstream::None => self.ask(rx, settings, now),
                Upstream::Opening(opening) => match opening.go_on(rx, settings, registry, self.token) {
                    Ok(Some(answer)) => self.answer(answer, settings, now),
                    Ok(None) if now < opening.until => false,
                    Ok(None) => self.fail(504, "no answer in time", now),
                    Err(error) => self.fail(502, &error.to_string(), now),
                },
                Upstream::Open(upstream) => {
                    pump(&mut self.client, upstream, rx, now);
                    pump(upstream, &mut self.client, rx, now);
                    can_read(&self.client, upstream) || can_read(upstream, &self.client)
                }
            };
            if !more {
                return false;
            }
        }
        true
    }

    /// Reads the client's request. After a refusal, reads what follows until the client ends TCP.
    fn ask(&mut self, rx: &mut [u8], settings: &Settings, now: u64) -> bool {
        let client = &mut self.client;
        let len = client.read(rx);
        client.report_eof(now);
        let mut rest = &mut rx[..len];
        loop {
            let received = client.session.receive(rest, now);
            rest = received.rest;
            match received.event {
                Some(Event::Request) => {
                    self.early = rest.to_vec();
                    // From now on the relay waits for the upstream, so its own time limit applies.
                    client.session.set_timeouts(Timeouts { handshake: None, ..settings.timeouts }, now);
                    let address = self.address;
                    let opening = client.session.request().map(|request| begin(&request, address, settings, now));
                    match opening {
                        Some(Ok(opening)) => self.upstream = Upstream::Opening(opening),
                        Some(Err(error)) => drop(self.client.session.refuse(error)),
                        None => {}
                    }
                    self.client.settle(true, now);
                    return true;
                }
                Some(Event::Failed(error)) => client.report(&error),
                Some(Event::Over) => client.over(),
                Some(_) => {}
                None => break,
            }
        }
        client.settle(true, now);
        client.readable && !client.is_gone()
    }

    /// Answers the client as the upstream has answered.
    fn answer(&mut self, answer: Answer, settings: &Settings, now: u64) -> bool {
        let Answer { outcome, fields, mut rest } = answer;
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let Upstream::Opening(Opening { stream: Some(stream), .. }) =
            std::mem::replace(&mut self.upstream, Upstream::None)
        else {
            return true;
        };
        let client = &mut self.client;
        let answered = match outcome {
            Ok((connection, subprotocol)) => {
                let subprotocol = subprotocol.as_deref().map_or(Subprotocol::None, Subprotocol::Named);
                let accept = Accept { subprotocol, fields: &fields, ..Accept::default() };
                let accepted = client.session.accept(&accept, &LIMITS);
                if accepted.is_ok() {
                    client.session.set_timeouts(settings.timeouts, now);
                    client.settle(false, now);
                    drop(client.session.take_storage());
                    let session = Session::from_connection(connection, Box::default(), settings.timeouts, now);
                    let mut upstream = Side::new(stream, session, settings.timeouts, self.address);
                    receive(client, &mut upstream, &mut std::mem::take(&mut self.early), now);
                    receive(&mut upstream, client, &mut rest, now);
                    self.upstream = Upstream::Open(upstream.into());
                }
                accepted
            }
            Err(status) => client.session.respond(status, &fields, b""),
        };
        match answered {
            Ok(()) => true,
            Err(error) => self.fail(502, &error.to_string(), now),
        }
    }

    /// Refuses the client's request because of the upstream.
    fn fail(&mut self, status: u16, error: &str, now: u64) -> bool {
        report(format_args!("{}: upstream: {error}", self.address));
        self.upstream = Upstream::None;
        self.refuse(status, now);
        true
    }

    fn refuse(&mut self, status: u16, now: u64) {
        let _answered = self.client.session.respond(status, &[], b"");
        self.client.settle(true, now);
    }

    /// Closes both sides because the relay ends. Returns false if there is nothing to wait for.
    pub fn go_away(&mut self, now: u64) -> bool {
        match &mut self.upstream {
            Upstream::Open(upstream) => {
                self.client.close(Some(CloseCode::GOING_AWAY), "relay shuts down");
                upstream.close(Some(CloseCode::GOING_AWAY), "relay shuts down");
                true
            }
            Upstream::Opening(_) => {
                self.upstream = Upstream::None;
                self.refuse(503, now);
                true
            }
            Upstream::None => self.client.is_answered(),
        }
    }
}

/// Makes the request for the upstream: the client's target after the path of the upstream's URI, the client's Host and
/// Origin, its subprotocols and the fields in [`KEPT`].
fn begin(request: &Request<'_>, client: SocketAddr, settings: &Settings, now: u64) -> Result<Opening, HandshakeError> {
    if !request.is_upgrade() {
        return Err(HandshakeError::Upgrade);
    }
    let uri = format!("ws://{}{}{}", request.host(), settings.base, request.target());
    let uri = Uri::parse(&uri).map_err(|_| HandshakeError::Target)?;
    let mut subprotocols: Vec<String> = Vec::new();
    for name in request.subprotocols() {
        if !subprotocols.iter().any(|other| other == name) {
            subprotocols.push(name.into());
        }
    }
    let (forwarded, mut fields): (Fields, Fields) =
        texts(KEPT, |name| request.fields(name)).into_iter().partition(|(name, _)| *name == FORWARDED);
    let path = forwarded.into_iter().map(|(_, value)| value).chain([client.ip().to_string()]);
    fields.push((FORWARDED, path.collect::<Vec<_>>().join(", ")));
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let request = ClientRequest { origin: request.origin(), fields: &fields, ..ClientRequest::new(uri) };

    let (nonce, mut bytes) = (random(), vec![0; 2 * STORAGE]);
    let names: Vec<_> = subprotocols.iter().map(String::as_str).collect();
    let config = ClientConfig { subprotocols: &names, ..ClientConfig::DEFAULT };
    let handshake = ClientHandshake::new(&config, nonce, []);
    let len = handshake.request(&request, &mut bytes).map_err(|_| HandshakeError::HeadTooLarge)?;
    bytes.truncate(len);
    bytes.shrink_to_fit();
    Ok(Opening {
        stream: None,
        tried: 0,
        subprotocols,
        nonce,
        request: bytes,
        sent: 0,
        head: Vec::new(),
        readable: true,
        until: now + settings.patience,
    })
}

impl Opening {
    fn go_on(
        &mut self,
        rx: &mut [u8],
        settings: &Settings,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Option<Answer>> {
        loop {
            match self.exchange(rx, settings, registry, token) {
                Err(_) if self.sent == 0 && self.tried < settings.addresses.len() => self.stream = None,
                outcome => return outcome,
            }
        }
    }

    /// Connects, writes the request and reads the response.
    fn exchange(
        &mut self,
        rx: &mut [u8],
        settings: &Settings,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Option<Answer>> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                self.tried += 1;
                let stream = TcpStream::connect(settings.addresses[self.tried - 1])?;
                let stream = self.stream.insert(stream);
                registry.register(stream, token, Interest::READABLE | Interest::WRITABLE)?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        while self.sent < self.request.len() {
            match stream.write(&self.request[self.sent..]) {
                Ok(len) => self.sent += len,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The connection is not open yet. Systems report that as different errors.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        while let Some(stream) = self.stream.as_mut().filter(|_| self.readable) {
            match stream.read(rx) {
                Ok(0) => return Err(io::Error::other("no answer before the end of the transport")),
                Ok(len) => {
                    self.head.extend_from_slice(&rx[..len]);
                    if let Some(answer) = self.parse().map_err(io::Error::other)? {
                        return Ok(Some(answer));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Reads the response from its beginning.
    fn parse(&mut self) -> Result<Option<Answer>, Box<dyn std::error::Error + Send + Sync>> {
        let names: Vec<_> = self.subprotocols.iter().map(String::as_str).collect();
        let config = ClientConfig { subprotocols: &names, keep: RETURNED, ..ClientConfig::DEFAULT };
        let mut handshake = ClientHandshake::new(&config, self.nonce, vec![0; STORAGE]);
        let Progress::Complete { rest, .. } = handshake.receive(&mut self.head)? else { return Ok(None) };
        let Some(response) = handshake.response() else { return Ok(None) };
        let fields = texts(RETURNED, |name| response.fields(name));
        let (status, subprotocol) = (response.status(), response.subprotocol().map(String::from));
        let outcome = match response.is_accepted() {
            true => Ok((handshake.connect(random as Keys, &LIMITS)?, subprotocol)),
            false => Err(status),
        };
        Ok(Some(Answer { outcome, fields, rest: rest.to_vec() }))
    }
}

/// Returns the values of these fields that are UTF-8.
fn texts<'a, I: Iterator<Item = &'a [u8]>>(
    names: &'static [&'static str],
    fields: impl Fn(&'static str) -> I,
) -> Fields {
    let of = |name| fields(name).filter_map(|value| str::from_utf8(value).ok()).map(move |value| (name, value.into()));
    names.iter().copied().flat_map(of).collect()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}
