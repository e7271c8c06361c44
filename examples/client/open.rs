//! Opens the connection: TCP, a proxy, the opening handshake, redirects, and further attempts.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use barews::deadlines::{Backoff, Reconnect};
use barews::handshake::{ClientConfig, ClientHandshake, ClientRequest, Progress, Proxy, Response, Tunnel, Uri};
use barews::{Client, Connection};

use crate::{Arguments, Error, Keys, LIMITS, PATIENCE, is_timeout, printable, random, say};

/// A connection after the opening handshake.
pub struct Opened {
    pub connection: Connection<Client<Keys>>,
    /// The server that has accepted, after redirects.
    pub uri: String,
    pub subprotocol: Option<String>,
    pub socket: TcpStream,
    pub rx: Vec<u8>,
    /// The range of `rx` with the bytes that the server sent after the handshake.
    pub unread: Range<usize>,
}

/// Why there is no connection.
struct Failure {
    error: Error,
    /// Whether another attempt can succeed, and after how many seconds at the earliest.
    again: bool,
    retry_after: Option<u32>,
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), again: false, retry_after: None }
    }
}

impl Failure {
    fn temporary(error: impl Into<Error>) -> Self {
        Self { again: true, ..Self::from(error) }
    }
}

/// What the server answers.
enum Answer {
    Opened(Box<Opened>),
    Redirect(String),
}

/// Connects, again after each temporary failure.
pub fn open(arguments: &Arguments) -> Result<Opened, Error> {
    let (start, mut reconnect) = (Instant::now(), Reconnect::new(Backoff::MILLISECONDS));
    let mut retries = 0..arguments.retries;
    loop {
        let Failure { error, again, retry_after } = match follow(arguments) {
            Ok(opened) => return Ok(opened),
            Err(failure) => failure,
        };
        if !again || retries.next().is_none() {
            return Err(error);
        }
        let now = start.elapsed().as_millis() as u64;
        let retry_after = retry_after.map(|seconds| u64::from(seconds) * 1000);
        let delay = Duration::from_millis(reconnect.on_end(now, u32::from_ne_bytes(random()), retry_after) - now);
        say(format_args!("client: {error}\nnext attempt in {:.1} s", delay.as_secs_f32()));
        thread::sleep(delay);
    }
}

/// Connects to the server, and to the one that it redirects to.
fn follow(arguments: &Arguments) -> Result<Opened, Failure> {
    let (mut uri, mut trusted) = (arguments.uri.clone(), true);
    for _ in 0..=arguments.redirects {
        let target = Uri::parse(&uri)?;
        trusted &= target.is_same_origin(&Uri::parse(&arguments.uri)?);
        match attempt(arguments, target, trusted)? {
            Answer::Opened(opened) => return Ok(*opened),
            Answer::Redirect(target) => uri = target,
        }
    }
    Err(format!("more than {} redirects, the last to {uri}", arguments.redirects).into())
}

/// Connects to one server, and sends it credentials if it is trusted.
fn attempt(arguments: &Arguments, uri: Uri<'_>, trusted: bool) -> Result<Answer, Failure> {
    if uri.secure() {
        let other = format!("cargo run -p hosts --bin wss_tokio -- client {uri} CERTIFICATE.pem TEXT...");
        return Err(format!("this example has no TLS; use a ws: URI, or the example that has it:\n{other}").into());
    }
    let mut rx = vec![0; 16 << 10];
    let socket = match &arguments.proxy {
        Some(proxy) => tunnel(proxy, uri, &mut rx)
            .map_err(|failure| Failure { error: format!("proxy: {}", failure.error).into(), ..failure })?,
        None => connect(uri.host(), uri.port())
            .map_err(|error| Failure::temporary(format!("cannot connect to {uri}: {error}")))?,
    };
    socket.set_nodelay(true)?;
    shake_hands(arguments, uri, trusted, socket, rx)
}

/// Tries the addresses of the host in turn.
fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut outcome = Err(ErrorKind::NotFound.into());
    for address in (host.trim_matches(['[', ']']), port).to_socket_addrs()? {
        outcome = TcpStream::connect_timeout(&address, PATIENCE);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Connects to the proxy, and asks it for a tunnel to the server.
fn tunnel(proxy: &str, uri: Uri<'_>, rx: &mut [u8]) -> Result<TcpStream, Failure> {
    let mut value = vec![0; 16 + 2 * proxy.len()];
    let proxy = Proxy::parse(proxy)?;
    let (host, port) = (proxy.host(), proxy.port());
    let mut socket =
        connect(host, port).map_err(|error| Failure::temporary(format!("cannot connect to {host}:{port}: {error}")))?;
    let credentials = proxy.authorization(&mut value)?.map(|value| ("Proxy-Authorization", value));
    let mut tunnel = Tunnel::new(&ClientConfig::DEFAULT, vec![0; 16 << 10]);
    let mut tx = vec![0; 64 << 10];
    let len = tunnel.request(&uri, credentials.as_slice(), &mut tx)?;
    let end = Instant::now() + PATIENCE;
    socket.write_all(&tx[..len]).map_err(Failure::temporary)?;
    loop {
        let late = || Failure::temporary(format!("it does not answer within {PATIENCE:?}"));
        let len = read(&mut socket, rx, end).map_err(Failure::temporary)?.ok_or_else(late)?;
        if len == 0 {
            tunnel.receive_eof().map_err(Failure::temporary)?;
        }
        match tunnel.receive(&mut rx[..len])? {
            Progress::Partial => {}
            Progress::Complete { .. } if !tunnel.is_open() => {
                let mut text = format!("it answers with status {}", tunnel.status().expect("it is complete"));
                explain(&mut text, &["Proxy-Authenticate", "Location", "Retry-After"], |name| tunnel.fields(name));
                return Err(refused(text, tunnel.status(), tunnel.retry_after()));
            }
            Progress::Complete { rest: [], .. } => return Ok(socket),
            Progress::Complete { .. } => return Err("the server sends before it gets the request".into()),
        }
    }
}

/// Reads until `end`; then returns `None`.
fn read(socket: &mut TcpStream, rx: &mut [u8], end: Instant) -> io::Result<Option<usize>> {
    let left = end.saturating_duration_since(Instant::now());
    match socket.set_read_timeout(Some(left)).and_then(|()| socket.read(rx)) {
        Err(error) if left.is_zero() || is_timeout(&error) => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// Performs the opening handshake.
fn shake_hands(
    arguments: &Arguments,
    uri: Uri<'_>,
    trusted: bool,
    mut socket: TcpStream,
    mut rx: Vec<u8>,
) -> Result<Answer, Failure> {
    let secrets = ["Authorization", "Proxy-Authorization", "Cookie"];
    let is_secret = |name: &str| secrets.iter().any(|secret| name.eq_ignore_ascii_case(secret));
    let subprotocols: Vec<_> = arguments.subprotocols.iter().map(String::as_str).collect();
    let fields = arguments.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let fields: Vec<_> = fields.filter(|(name, _)| trusted || !is_secret(name)).collect();
    let config = ClientConfig { subprotocols: &subprotocols, ..ClientConfig::DEFAULT };
    let mut handshake = ClientHandshake::new(&config, random(), vec![0; 16 << 10]);
    let request = ClientRequest { origin: arguments.origin.as_deref(), fields: &fields, ..ClientRequest::new(uri) };
    let mut tx = vec![0; 64 << 10];
    let len = handshake.request(&request, &mut tx)?;
    let end = Instant::now() + PATIENCE;
    socket.write_all(&tx[..len]).map_err(Failure::temporary)?;

    let mut first = Vec::new(); // the beginning of the answer
    loop {
        let late = || Failure::temporary(format!("the server does not answer the handshake within {PATIENCE:?}"));
        let len = read(&mut socket, &mut rx, end).map_err(Failure::temporary)?.ok_or_else(late)?;
        first.extend_from_slice(&rx[..len.min(64 - first.len())]);
        if first.iter().zip(b"HTTP/").any(|(got, expected)| got != expected) {
            return Err(format!("not an HTTP server: it sends \"{}\"", first.escape_ascii()).into());
        }
        if len == 0 {
            handshake.receive_eof().map_err(Failure::temporary)?;
        }
        if let Progress::Complete { consumed, .. } = handshake.receive(&mut rx[..len])? {
            let unread = consumed..len;
            let response = handshake.response().expect("it is complete");
            if let (301..=303 | 307 | 308, Some(location)) = (response.status(), response.field("Location"))
                && arguments.redirects > 0
            {
                let mut target = vec![0; 64 << 10];
                let target = uri
                    .join(location, &mut target)
                    .map_err(|error| format!("{error}: the server redirects to \"{}\"", location.escape_ascii()))?;
                return Ok(Answer::Redirect(target.to_string()));
            }
            if !response.is_accepted() {
                return Err(refused(refusal(&response), Some(response.status()), response.retry_after()));
            }
            let subprotocol = response.subprotocol().map(String::from);
            let (connection, uri) = (handshake.connect(random as Keys, &LIMITS)?, uri.to_string());
            return Ok(Answer::Opened(Box::new(Opened { connection, uri, subprotocol, socket, rx, unread })));
        }
    }
}

/// A refusal. The server or the proxy may accept later if it is busy or unreachable.
fn refused(text: String, status: Option<u16>, retry_after: Option<u32>) -> Failure {
    Failure { again: matches!(status, Some(429 | 500..=599)), retry_after, ..Failure::from(text) }
}

/// Describes an answer other than 101: the status and the fields that explain it.
fn refusal(response: &Response<'_>) -> String {
    let mut text = format!("the server answers with status {}", response.status());
    explain(&mut text, &["Location", "WWW-Authenticate", "Retry-After", "Sec-WebSocket-Version"], |name| {
        response.fields(name)
    });
    text
}

/// Appends the values of these fields to `text`, one per line.
fn explain<'a, I: Iterator<Item = &'a [u8]>>(text: &mut String, names: &[&str], fields: impl Fn(&str) -> I) {
    for name in names {
        for value in fields(name) {
            *text += &format!("\n{name}: {}", printable(&String::from_utf8_lossy(value)));
        }
    }
}
