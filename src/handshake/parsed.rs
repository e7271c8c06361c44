//! Handshakes whose HTTP somebody else reads and writes: an HTTP server or client that the host has already. Fields go
//! in, fields come out, and the decisions are those of the [handshakes over bytes](super): the same checks, limits,
//! origin policy, subprotocols and extensions.
//!
//! It serves the upgrade of HTTP/1.1 and the extended CONNECT of HTTP/2 and HTTP/3 ([RFC
//! 8441](https://www.rfc-editor.org/rfc/rfc8441), [RFC 9220](https://www.rfc-editor.org/rfc/rfc9220)), as [`Start`]
//! says. An extended CONNECT is judged as the HTTP/1.1 request that a proxy would translate it to, with the fields of
//! the hop and the key put in for it. What the stream of that CONNECT brings then is the connection's input, and what
//! the connection sends goes into that stream: masking and all stay. Where TCP would be closed the stream ends
//! (END_STREAM, FIN), and where it would be reset the stream is (CANCEL, H3_REQUEST_CANCELLED).
//!
//! ```
//! use barews::handshake::parsed::{ServerHandshake, Start};
//! use barews::handshake::{Accept, OriginPolicy, ServerConfig};
//!
//! static CONFIG: ServerConfig<'_> =
//!     ServerConfig { subprotocols: &["chat"], ..ServerConfig::new(OriginPolicy::SameOrigin) };
//!
//! // From the HTTP server:
//! let (method, target) = ("GET", "/room");
//! let headers = [
//!     ("host", "example.com"), ("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-version", "13"),
//!     ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("sec-websocket-protocol", "superchat, chat"),
//! ];
//!
//! let start = Start::Upgrade { method, target, minor_version: 1 };
//! let mut handshake = ServerHandshake::new(&CONFIG, [0; 1024], &start, headers);
//! let (response, connection) = match handshake.request() {
//!     Err(error) => (handshake.refuse(error), None),
//!     Ok(request) if !request.is_upgrade() => return, // a page
//!     Ok(_) => {
//!         let (response, connection) = handshake.accept(&Accept::default(), &Default::default()).unwrap();
//!         (response, Some(connection))
//!     }
//! };
//! assert_eq!(response.status(), 101);
//! assert!(response.headers().any(|field| field == ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
//! assert!(response.headers().any(|field| field == ("sec-websocket-protocol", "chat")));
//! assert!(connection.is_some());
//! ```

use super::authority::is_authority;
use super::chars::is_control;
use super::config::{Accept, ClientConfig, ServerConfig};
use super::cursor::is_token;
use super::error::{BuildError, HandshakeError};
use super::key::answer;
use super::list::{cut, text};
use super::request::Request;
use super::response::Response;
use crate::connection::Config;
use crate::connection::Connection;
use crate::role::{Client, Server};
use crate::writer::build;

/// What a request begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Start<'a> {
    /// The request line of HTTP/1.x.
    Upgrade {
        /// The method.
        method: &'a str,
        /// The request target as it was sent: path and query, or a whole URI.
        target: &'a str,
        /// The x in HTTP/1.x.
        minor_version: u8,
    },
    /// The pseudo-header fields of HTTP/2 and HTTP/3 (RFC 8441 section 4).
    ExtendedConnect {
        /// `:method`.
        method: &'a str,
        /// `:protocol`.
        protocol: &'a str,
        /// `:scheme`.
        scheme: &'a str,
        /// `:authority`; empty if there is none.
        authority: &'a str,
        /// `:path`.
        path: &'a str,
    },
}

/// A server's opening handshake. Like [`super::ServerHandshake`], whose storage and limits it has, but for a request
/// that was parsed elsewhere.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ServerHandshake<'c, S> {
    inner: super::ServerHandshake<'c, S>,
    error: Option<HandshakeError>,
    extended: bool,
    answered: bool,
}

impl<'c, S: AsRef<[u8]> + AsMut<[u8]>> ServerHandshake<'c, S> {
    /// Judges a request. `fields` are its header fields in their order, such as `request.headers()` where those are of
    /// the crate `http`.
    pub fn new<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        config: &'c ServerConfig<'c>,
        storage: S,
        start: &Start<'_>,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let inner = super::ServerHandshake::new(config, storage);
        let (extended, authority) = match start {
            Start::ExtendedConnect { authority, .. } => (true, *authority),
            Start::Upgrade { .. } => (false, ""),
        };
        let mut this = Self { inner, error: None, extended, answered: false };
        let read = this.start(start).and_then(|()| {
            fields.into_iter().try_for_each(|(name, value)| this.field(authority, name.as_ref(), value.as_ref()))?;
            this.feed(&[b"\r\n"])
        });
        this.error = read.err();
        this
    }

    fn feed(&mut self, parts: &[&[u8]]) -> Result<(), HandshakeError> {
        parts.iter().try_for_each(|part| self.inner.read(part).map(|_| ()))
    }

    fn start(&mut self, start: &Start<'_>) -> Result<(), HandshakeError> {
        use HandshakeError::{Host, HttpVersion, Method, Protocol, StartLine, Target};
        match *start {
            Start::Upgrade { method, target, minor_version } => {
                if !is_token(method.as_bytes()) {
                    return Err(StartLine);
                }
                if target.bytes().any(|b| b == b' ' || is_control(b)) {
                    return Err(Target);
                }
                if minor_version > 9 {
                    return Err(HttpVersion);
                }
                let minor_version = [b'0' | minor_version];
                self.feed(&[method.as_bytes(), b" ", target.as_bytes(), b" HTTP/1.", &minor_version, b"\r\n"])
            }
            // RFC 8441 4, 5; RFC 9220 3 says the same for HTTP/3 [9220-3-1]
            Start::ExtendedConnect { method, protocol, scheme, authority, path } => match () {
                // [8441-4-1] [8441-4-4] [9220-3-3]
                () if !protocol.eq_ignore_ascii_case("websocket") => Err(Protocol),
                () if method != "CONNECT" => Err(Method), // [8441-5-1]
                // [8441-4-2] [8441-5-2]
                () if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") => Err(Target),
                () if !path.starts_with('/') || path.bytes().any(|b| b == b' ' || is_control(b)) => Err(Target),
                () if !authority.is_empty() && !is_authority(authority.as_bytes()) => Err(Host),
                () => {
                    self.feed(&[b"GET ", path.as_bytes(), b" HTTP/1.1\r\n", TRANSLATED, KEY_FIELD, KEY, b"\r\n"])?;
                    // An ordinary request's host, and no place to open a tunnel to [8441-4-3] [8441-5-4]
                    let host: [&[u8]; 3] = [b"host: ", authority.as_bytes(), b"\r\n"];
                    self.feed(if authority.is_empty() { &[] } else { &host })
                }
            },
        }
    }

    fn field(&mut self, authority: &str, name: &[u8], value: &[u8]) -> Result<(), HandshakeError> {
        check_field(name, value)?;
        if self.extended {
            check_no_hop(name)?;
            // [8441-5-5]
            if name.eq_ignore_ascii_case(b"sec-websocket-key") {
                return Ok(());
            }
            // RFC 9113 8.3.1: beside :authority it must say the same [8441-5-4]
            if name.eq_ignore_ascii_case(b"host") && !authority.is_empty() {
                let same = value.eq_ignore_ascii_case(authority.as_bytes());
                return if same { Ok(()) } else { Err(HandshakeError::Host) };
            }
        }
        self.feed(&[name, b": ", value, b"\r\n"]) // [8441-5-6]
    }

    /// The request, if it passed every check. A plain request for a page is one that is no
    /// [upgrade](Request::is_upgrade). The [method](Request::method) of an extended CONNECT reads as `GET`.
    ///
    /// # Errors
    ///
    /// Why the request is to be [refused](Self::refuse).
    pub fn request(&self) -> Result<Request<'_>, HandshakeError> {
        match self.error {
            Some(error) => Err(error),
            None => self.inner.request().ok_or(HandshakeError::UnexpectedEof),
        }
    }

    /// Accepts the WebSocket: the response to be sent, and the connection, which may send right behind it.
    ///
    /// # Errors
    ///
    /// [`BuildError::NotNow`] if there is no upgrade to accept, or if it was accepted before; the others tell what is
    /// wrong with `response`, and the call can be repeated.
    pub fn accept<'a>(
        &'a mut self,
        response: &Accept<'a>,
        config: &Config,
    ) -> Result<(ResponseHead<'a>, Connection<Server>), BuildError> {
        if self.answered || self.error.is_some() {
            return Err(BuildError::NotNow);
        }
        valid(self.inner.accept(response, config, &mut []).map(|(len, _)| len))?;
        self.answered = true;
        let request = self.inner.request().ok_or(BuildError::NotNow)?;
        let accept = request.key().map(answer);
        let subprotocol = request.chosen(response.subprotocol)?;
        let head = ResponseHead {
            status: if self.extended { 200 } else { 101 }, // [8441-5-7]
            accept: accept.filter(|_| !self.extended),     // [8441-5-5]
            upgrade: !self.extended,                       // [8441-5-3]
            subprotocol: subprotocol.unwrap_or_default(),
            extensions: response.extensions,
            added: response.headers,
            ..ResponseHead::EMPTY
        };
        Ok((head, Connection::new(Server, config))) // [8441-5-8]
    }

    /// The response to a request that is not accepted: status and fields. `error` is from [`request`](Self::request) or
    /// one that the host found by itself. As text it is a body for people who look on. Its length is for the host's HTTP
    /// to tell, and over HTTP/1.1 a request that had a body is the connection's last.
    pub fn refuse(&self, error: HandshakeError) -> ResponseHead<'static> {
        let status = error.status();
        ResponseHead {
            status, // [9220-3-3]
            // RFC 6455 4.4, RFC 9110 7.8, 15.5.22: HTTP/2 has no field Upgrade [6455-4.4-1]
            upgrade: status == 426 && !self.extended,
            version: if status == 426 { "13" } else { "" },
            allow: match status {
                405 if self.extended => "CONNECT",
                405 => "GET, HEAD",
                _ => "",
            },
            ..ResponseHead::EMPTY
        }
    }
}

/// A response to be sent.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ResponseHead<'a> {
    status: u16,
    upgrade: bool,
    accept: Option<[u8; 28]>,
    subprotocol: &'a str,
    extensions: &'a str,
    version: &'static str,
    allow: &'static str,
    added: &'a [(&'a str, &'a str)],
}

impl ResponseHead<'_> {
    const EMPTY: Self = Self {
        status: 0,
        upgrade: false,
        accept: None,
        subprotocol: "",
        extensions: "",
        version: "",
        allow: "",
        added: &[],
    };

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The header fields, all of them to be sent and none of them twice: names in lower case, and behind them those of
    /// [`Accept::headers`] as the host wrote them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let [upgrade, connection] = if self.upgrade { ["websocket", "upgrade"] } else { [""; 2] };
        let ours = [
            ("upgrade", upgrade),
            ("connection", connection),
            ("sec-websocket-accept", self.accept.as_ref().map_or("", |accept| text(accept))),
            ("sec-websocket-protocol", self.subprotocol),
            ("sec-websocket-extensions", self.extensions),
            ("sec-websocket-version", self.version),
            ("allow", self.allow),
        ];
        ours.into_iter().filter(|(_, value)| !value.is_empty()).chain(self.added.iter().copied())
    }
}

/// A client's opening handshake. Like [`super::ClientHandshake`], whose storage and limits it has, but for a request
/// that is written, and a response that is parsed, elsewhere.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientHandshake<'c, S> {
    inner: super::ClientHandshake<'c, S>,
    config: &'c ClientConfig<'c>,
    key: Option<[u8; 24]>,
    status: Option<u16>,
}

impl<'c, S: AsRef<[u8]> + AsMut<[u8]>> ClientHandshake<'c, S> {
    /// Prepares an upgrade of HTTP/1.1. `nonce` as in [`super::ClientHandshake::new`].
    pub fn upgrade(config: &'c ClientConfig<'c>, nonce: [u8; 16], storage: S) -> Self {
        let key = Some(super::key::encode(&nonce));
        Self { inner: super::ClientHandshake::new(config, nonce, storage), config, key, status: None }
    }

    /// Prepares an extended CONNECT, for a connection of HTTP/2 or HTTP/3 whose server has sent
    /// SETTINGS_ENABLE_CONNECT_PROTOCOL with the value 1 (0x8 in both, RFC 8441 section 3, RFC 9220 section 3).
    pub fn extended_connect(config: &'c ClientConfig<'c>, storage: S) -> Self {
        Self { inner: super::ClientHandshake::new(config, [0; 16], storage), config, key: None, status: None }
    }

    /// The request to be sent. `names` gets host, port, path and query: a few bytes more than the URI has always
    /// suffice.
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration or `names`; the call can be repeated.
    pub fn request<'a>(&'a self, names: &'a mut [u8]) -> Result<RequestHead<'a>, BuildError> {
        valid(self.inner.request(&mut []))?;
        let uri = &self.config.uri;
        let len = build(names, &|w| {
            w.bytes(uri.host().as_bytes());
            if let Some(port) = uri.explicit_port() {
                w.bytes(b":");
                w.number(port.into());
            }
            w.bytes(uri.path().as_bytes());
            if let Some(query) = uri.query() {
                w.bytes(b"?");
                w.bytes(query.as_bytes());
            }
        })?;
        let names = names.get(..len).unwrap_or_default();
        // No host holds a slash, and every path begins with one.
        let (authority, path) = cut(names, names.iter().position(|&b| b == b'/'));
        let (authority, path) = (text(authority), text(path));
        let start = match self.key {
            Some(_) => Start::Upgrade { method: "GET", target: path, minor_version: 1 },
            // [8441-4-1] [8441-4-2] [8441-5-1] [8441-5-2] [8441-5-4]
            None => Start::ExtendedConnect {
                method: "CONNECT",
                protocol: "websocket",
                scheme: if uri.secure() { "https" } else { "http" },
                authority,
                path,
            },
        };
        Ok(RequestHead { start, authority, key: self.key, config: self.config })
    }

    /// Judges a response: its status and its header fields. Interim ones (1xx but 101) may be passed or not; nothing
    /// comes of them. That it is HTTP/1.1 and not 1.0 is for who parsed it to see to.
    ///
    /// # Errors
    ///
    /// The handshake has failed: close the transport, or reset the stream.
    pub fn receive<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: u16,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), HandshakeError> {
        let extended = self.key.is_none();
        self.status = Some(status);
        // A stream of HTTP/2 cannot change its protocol (RFC 9113 8.6)
        if !matches!(status, 100..=999) || (extended && status == 101) {
            return Err(HandshakeError::StartLine);
        }
        let open = extended && matches!(status, 200..=299); // [8441-5-7]
        let read = if open { 101 } else { status };
        let digits = [read / 100, read / 10, read].map(|digit| b'0' | (digit % 10) as u8);
        self.feed(&[b"HTTP/1.1 ", &digits, b"\r\n"])?;
        if open {
            self.feed(&[TRANSLATED_BACK, &answer(KEY), b"\r\n"])?;
        }
        for (name, value) in fields {
            let (name, value) = (name.as_ref(), value.as_ref());
            check_field(name, value)?;
            if extended {
                check_no_hop(name)?;
                // [8441-5-5]
                if name.eq_ignore_ascii_case(b"sec-websocket-accept") {
                    continue;
                }
            }
            self.feed(&[name, b": ", value, b"\r\n"])?; // [8441-5-6]
        }
        self.feed(&[b"\r\n"])
    }

    fn feed(&mut self, parts: &[&[u8]]) -> Result<(), HandshakeError> {
        parts.iter().try_for_each(|part| self.inner.read(part).map(|_| ()))
    }

    /// The status of the response as it was passed.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The response, once it passed every check. One that opens an extended CONNECT has the status 101 here, as over
    /// HTTP/1.1.
    pub fn response(&self) -> Option<Response<'_>> {
        self.inner.response()
    }

    /// The connection. See [`super::ClientHandshake::connect`].
    ///
    /// # Errors
    ///
    /// [`BuildError::NotNow`] if the response opens none, or if this was called before.
    pub fn connect<K: FnMut() -> [u8; 4]>(
        &mut self,
        keys: K,
        config: &Config,
    ) -> Result<Connection<Client<K>>, BuildError> {
        self.inner.connect(keys, config) // [8441-5-8]
    }
}

/// A request to be sent.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RequestHead<'a> {
    /// What it begins with.
    pub start: Start<'a>,
    authority: &'a str,
    key: Option<[u8; 24]>,
    config: &'a ClientConfig<'a>,
}

impl RequestHead<'_> {
    /// The header fields, all of them to be sent: names in lower case, with one Sec-WebSocket-Protocol for each
    /// subprotocol, and behind them those of [`ClientConfig::headers`] as the host wrote them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        // RFC 8441 5: neither the fields of the hop nor the key [8441-5-3] [8441-5-4] [8441-5-5]
        let [host, upgrade, connection, key] = match &self.key {
            Some(key) => [self.authority, "websocket", "Upgrade", text(key)],
            None => [""; 4],
        };
        let ours = [
            ("host", host),
            ("upgrade", upgrade),
            ("connection", connection),
            ("sec-websocket-key", key),
            ("sec-websocket-version", "13"), // [8441-5-6]
            ("sec-websocket-extensions", self.config.extensions),
            ("origin", self.config.origin.unwrap_or_default()),
        ];
        let protocols = self.config.subprotocols.iter().map(|name| ("sec-websocket-protocol", *name));
        let added = self.config.headers.iter().copied();
        ours.into_iter().filter(|(_, value)| !value.is_empty()).chain(protocols).chain(added)
    }
}

/// What a proxy adds that translates an extended CONNECT to HTTP/1.1, and what it adds to the response.
const TRANSLATED: &[u8] = b"upgrade: websocket\r\nconnection: upgrade\r\n";
const KEY_FIELD: &[u8] = b"sec-websocket-key: ";
const KEY: &[u8; 24] = b"AAAAAAAAAAAAAAAAAAAAAA==";
const TRANSLATED_BACK: &[u8] = b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ";

/// What would not survive as a line of a head, so that no field becomes two.
fn check_field(name: &[u8], value: &[u8]) -> Result<(), HandshakeError> {
    match () {
        () if !is_token(name) => Err(HandshakeError::HeaderName),
        () if value.iter().any(|&b| is_control(b)) => Err(HandshakeError::HeaderValue),
        () => Ok(()),
    }
}

/// RFC 9113 8.2.2, RFC 9114 4.2: no field that belongs to one hop [8441-5-3]
fn check_no_hop(name: &[u8]) -> Result<(), HandshakeError> {
    let hop: [&[u8]; 4] = [b"connection", b"upgrade", b"keep-alive", b"proxy-connection"];
    if hop.iter().any(|hop| name.eq_ignore_ascii_case(hop)) { Err(HandshakeError::Connection) } else { Ok(()) }
}

/// Whether a message could be built if only there were room.
fn valid(built: Result<usize, BuildError>) -> Result<(), BuildError> {
    match built {
        Ok(_) | Err(BuildError::BufferTooSmall { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
