//! The server's side of a handshake for which the host reads and writes the HTTP messages.

use super::start::{Start, check_no_hop};
use crate::connection::{Config, Connection};
use crate::handshake::authority::is_authority;
use crate::handshake::chars::is_control;
use crate::handshake::config::{Accept, ServerConfig};
use crate::handshake::cursor::is_token;
use crate::handshake::error::{BuildError, HandshakeError};
use crate::handshake::head::check_field;
use crate::handshake::list::text;
use crate::handshake::progress::State;
use crate::handshake::request::{Method, Request, RequestLine};
use crate::handshake::server;
use crate::role::Server;

/// A server's opening handshake. It is like [`handshake::ServerHandshake`](crate::handshake::ServerHandshake), with the
/// same limits, but the host parses the request and writes the response.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ServerHandshake<'c, S> {
    inner: server::ServerHandshake<'c, S>,
}

impl<'c, S: AsRef<[u8]> + AsMut<[u8]>> ServerHandshake<'c, S> {
    /// Validates a request. `fields` are its header fields in order, such as `request.headers()` of the crate `http`.
    pub fn new<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        config: &'c ServerConfig<'c>,
        storage: S,
        start: &Start<'_>,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut this = Self { inner: server::ServerHandshake::new(config, storage) };
        let read = this.start(start).and_then(|()| {
            fields.into_iter().try_for_each(|(name, value)| this.field(start, name.as_ref(), value.as_ref()))?;
            this.inner.end()
        });
        if let Err(error) = read {
            this.inner.state = State::Failed(error);
        }
        this
    }

    fn start(&mut self, start: &Start<'_>) -> Result<(), HandshakeError> {
        use HandshakeError::{Host, HttpVersion, Method, Protocol, StartLine, Target};
        match *start {
            Start::Upgrade { method, target, minor_version } => {
                match () {
                    () if !is_token(method.as_bytes()) => return Err(StartLine),
                    () if has_gap(target) => return Err(Target),
                    () if minor_version > 9 => return Err(HttpVersion),
                    () => self.inner.start(method, target)?,
                }
                self.inner.line = RequestLine::from_parts(method.as_bytes(), target.as_bytes(), Ok(minor_version), 0)?;
                Ok(())
            }
            // RFC 8441 4, 5; RFC 9220 3 says the same for HTTP/3 [9220-3-1]
            Start::ExtendedConnect { method, protocol, scheme, authority, path } => {
                let is_http = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
                match () {
                    // [8441-4-4] [9220-3-3]
                    () if !protocol.eq_ignore_ascii_case("websocket") => return Err(Protocol),
                    () if method != "CONNECT" => return Err(Method), // [8441-5-1]
                    () if !is_http || !path.starts_with('/') || has_gap(path) => return Err(Target), // [8441-4-2] [8441-5-2]
                    () if !authority.is_empty() && !is_authority(authority.as_bytes()) => return Err(Host),
                    () => self.inner.start(method, path)?,
                }
                self.inner.line = RequestLine::extended_connect(path.as_bytes())?;
                // The host as in an ordinary request, not the target of a tunnel [8441-4-3] [8441-5-4]
                if authority.is_empty() { Ok(()) } else { self.inner.field(b"host", authority.as_bytes()) }
            }
        }
    }

    fn field(&mut self, start: &Start<'_>, name: &[u8], value: &[u8]) -> Result<(), HandshakeError> {
        check_field(name, value)?;
        if let Start::ExtendedConnect { authority, .. } = start {
            check_no_hop(name)?;
            // [8441-5-5]
            if name.eq_ignore_ascii_case(b"sec-websocket-key") {
                return Ok(());
            }
            // RFC 9113 8.3.1: it must be equal to :authority [8441-5-4]
            if name.eq_ignore_ascii_case(b"host") && !authority.is_empty() {
                let same = value.eq_ignore_ascii_case(authority.as_bytes());
                return if same { Ok(()) } else { Err(HandshakeError::Host) };
            }
        }
        self.inner.field(name, value) // [8441-5-6]
    }

    fn is_extended(&self) -> bool {
        self.inner.line.method == Method::Connect
    }

    /// Returns the request if it has passed every check. A request that is not an [upgrade](Request::is_upgrade) is a
    /// plain request for a page. The [method](Request::method) of an extended CONNECT reads as `GET`.
    ///
    /// # Errors
    ///
    /// Returns the reason for which to [refuse](Self::refuse) the request.
    pub fn request(&self) -> Result<Request<'_>, HandshakeError> {
        match self.inner.state {
            State::Failed(error) => Err(error),
            _ => self.inner.request().ok_or_else(|| never!(HandshakeError::UnexpectedEof)),
        }
    }

    /// Accepts the WebSocket. Returns the response to send, and the connection, which may send right after it.
    ///
    /// # Errors
    ///
    /// [`BuildError::NotNow`] if there is no upgrade to accept, or if it was accepted before. Any other error means
    /// that `response` is invalid, and the call can be repeated.
    pub fn accept<'a>(
        &'a mut self,
        response: &Accept<'a>,
        config: &Config,
    ) -> Result<(ResponseHead<'a>, Connection<Server>), BuildError> {
        self.inner.chosen(response)?;
        self.inner.answered = true;
        let extended = self.is_extended();
        let chosen = |request: Request<'a>| request.chosen(response.subprotocol).unwrap_or_else(|_| never!(None));
        let subprotocol = self.inner.request().and_then(chosen);
        let head = ResponseHead {
            status: if extended { 200 } else { 101 },         // [8441-5-7]
            accept: (!extended).then_some(self.inner.accept), // [8441-5-5]
            upgrade: !extended,                               // [8441-5-3]
            subprotocol: subprotocol.unwrap_or_default(),
            extensions: response.extensions,
            added: response.fields,
            ..ResponseHead::EMPTY
        };
        Ok((head, Connection::new(Server, config))) // [8441-5-8]
    }

    /// Returns the response to a request that is not accepted: status and fields. `error` comes from
    /// [`request`](Self::request) or from a check of the host's own. The host can send the error's text as a body, and
    /// adds Content-Length itself. Over HTTP/1.1, close the transport after a request that has a body.
    pub fn refuse(&self, error: HandshakeError) -> ResponseHead<'static> {
        let (status, extended) = (error.status(), self.is_extended());
        ResponseHead {
            status, // [9220-3-3]
            // RFC 6455 4.4, RFC 9110 7.8, 15.5.22: HTTP/2 has no field Upgrade [6455-4.4-1]
            upgrade: status == 426 && !extended,
            version: if status == 426 { "13" } else { "" },
            allow: match status {
                405 if extended => "CONNECT",
                405 => "GET, HEAD",
                _ => "",
            },
            ..ResponseHead::EMPTY
        }
    }
}

/// Returns whether the target contains a byte that would end it in a request line of HTTP/1.1.
fn has_gap(target: &str) -> bool {
    target.bytes().any(|byte| byte == b' ' || is_control(byte))
}

/// A response to send.
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

    /// Returns the status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the header fields; send all of them. The names are in lower case, and none is repeated. The fields in
    /// [`Accept::fields`] follow unchanged.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
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
