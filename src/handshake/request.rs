//! The client's opening handshake, for the server: the request line, the checks of RFC 6455 section 4.2.1, and the
//! host's view of a request.

use super::authority::{Authority, is_authority};
use super::chars::TARGET;
use super::config::{ServerConfig, Subprotocol};
use super::cursor::{Cursor, is_all, is_token};
use super::error::{BuildError, HandshakeError};
use super::extensions::{self, Extension, is_list, is_offered};
use super::fields::{Fields, Id, Rule, Rules, Set, fields};
use super::head::minor_version;
use super::key::is_key;
use super::list::{self, contains, elements, text};
use super::origin::is_same;

fields! {
    /// The fields that matter in a request. Errors are reported in this order: the most informative first.
    // RFC 6455 4.2.1 [6455-4.2.1-3] [6455-4.2.1-4] [6455-4.2.1-5] [6455-4.2.1-6] [6455-4.2.1-7] [6455-4.2.1-10]
    enum RequestField {
        // A body could be read as frames, or frames as a body.
        ContentLength = "Content-Length", Rule::optional(HandshakeError::Body);
        TransferEncoding = "Transfer-Encoding", Rule::optional(HandshakeError::Body);
        Host = "Host", Rule::required(HandshakeError::Host).once();
        Upgrade = "Upgrade", Rule::required(HandshakeError::Upgrade);
        Connection = "Connection", Rule::required(HandshakeError::Connection);
        Version = "Sec-WebSocket-Version", Rule::required(HandshakeError::Version).once(); // [6455-11.3.5-2]
        Key = "Sec-WebSocket-Key", Rule::required(HandshakeError::Key).once(); // [6455-11.3.1-1]
        Protocol = "Sec-WebSocket-Protocol", Rule::optional(HandshakeError::Subprotocol);
        Extensions = "Sec-WebSocket-Extensions", Rule::optional(HandshakeError::Extensions);
        Origin = "Origin", Rule::optional(HandshakeError::Origin).once();
    }
}

impl RequestField {
    /// The fields that are checked in a plain request too.
    const OF_EVERY_REQUEST: Set = Set::of(&[Self::ContentLength.id(), Self::TransferEncoding.id(), Self::Host.id()]);
}

/// A request that has passed every check: an opening handshake, or a plain request for a page.
///
/// ```
/// use barews::handshake::{OriginPolicy, ServerConfig, ServerHandshake};
///
/// let config = ServerConfig {
///     subprotocols: &["chat"],
///     keep: &["cookie"],
///     ..ServerConfig::new(OriginPolicy::List(&["https://example.com"]))
/// };
/// let mut handshake = ServerHandshake::new(&config, [0; 512]);
/// let mut read = *b"GET /room?id=7 HTTP/1.1\r\nHost: ws.example.com:8080\r\nUpgrade: websocket\r\n\
///     Connection: Upgrade\r\nOrigin: https://example.com\r\nCookie: user=1\r\nCookie: theme=dark\r\n\
///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
///     Sec-WebSocket-Protocol: superchat, chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
/// let _progress = handshake.receive(&mut read)?;
/// let Some(request) = handshake.request() else { panic!() };
/// assert!(request.is_upgrade());
/// assert_eq!((request.method(), request.target()), ("GET", "/room?id=7"));
/// assert_eq!((request.host(), request.origin()), ("ws.example.com:8080", Some("https://example.com")));
/// assert!(!request.is_same_origin());
/// assert!(request.subprotocols().eq(["superchat", "chat"]));
/// assert_eq!(request.subprotocol(), Some("chat")); // the one that `accept` chooses
/// assert!(request.extensions().any(|extension| extension.name() == "permessage-deflate"));
/// assert_eq!(request.field("Cookie"), Some(&b"user=1"[..]));
/// assert!(request.fields("Cookie").eq([&b"user=1"[..], b"theme=dark"]));
/// # Ok::<(), barews::HandshakeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Request<'a> {
    line: &'a RequestLine,
    fields: Fields<'a>,
    config: &'a ServerConfig<'a>,
}

impl<'a> Request<'a> {
    pub(super) fn new(line: &'a RequestLine, fields: Fields<'a>, config: &'a ServerConfig<'a>) -> Self {
        Self { line, fields, config }
    }

    /// Returns whether the client requests a WebSocket. If not, it requests a page, with [`method`](Self::method) GET
    /// or HEAD.
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        self.line.method == Method::Connect || self.key().is_some()
    }

    /// Returns the method, `GET` or `HEAD`; always `GET` on an upgrade.
    #[must_use]
    pub fn method(&self) -> &'a str {
        match self.line.method {
            Method::Get | Method::Connect => "GET",
            Method::Head => "HEAD",
        }
    }

    /// Returns the path and query as the client wrote them: visible ASCII that begins with `/`. Escapes are not
    /// decoded, and segments such as `..` are not resolved.
    #[must_use]
    pub fn target(&self) -> &'a str {
        match text(self.part(self.line.path, self.line.end)) {
            "" => "/",
            target => target,
        }
    }

    /// Returns the host that the client addresses, and the port if the client wrote one.
    ///
    /// It comes from the request target if that is a complete URI (RFC 9112 section 3.2.2), otherwise from Host. It is
    /// empty only in a plain HTTP/1.0 request.
    #[must_use]
    pub fn host(&self) -> &'a str {
        text(self.authority())
    }

    fn authority(&self) -> &'a [u8] {
        match self.part(self.line.authority, self.line.path) {
            [] => self.fields.first(RequestField::Host.id()).unwrap_or_default(),
            authority => authority,
        }
    }

    /// Returns a part of the request line.
    fn part(&self, start: u16, end: u16) -> &'a [u8] {
        self.fields
            .first(Id::START_LINE)
            .and_then(|line| line.get(start.into()..end.into()))
            .unwrap_or_else(|| never!(&[]))
    }

    /// Returns the value of Origin: where the page that makes the request comes from. On an upgrade it has passed the
    /// origin policy. A value that is not valid UTF-8 reads as empty; on an upgrade, only
    /// [`OriginPolicy::Any`](super::OriginPolicy::Any) lets it pass.
    pub fn origin(&self) -> Option<&'a str> {
        self.fields.first(RequestField::Origin.id()).map(text)
    }

    /// Returns whether Origin names the host and port that the request names, as
    /// [`OriginPolicy::SameOrigin`](super::OriginPolicy::SameOrigin) compares them. False without Origin.
    #[must_use]
    pub fn is_same_origin(&self) -> bool {
        self.fields.first(RequestField::Origin.id()).is_some_and(|origin| is_same(origin, self.authority()))
    }

    /// Returns the subprotocols that the client offers, most preferred first. A name can be repeated.
    pub fn subprotocols(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        // RFC 6455 4.2.1, 11.3.4: several fields equal one list [6455-4.2.1-10]
        self.fields.values(RequestField::Protocol.id()).flat_map(elements).map(text)
    }

    /// Returns the first of [`ServerConfig::subprotocols`] that the client offers.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&'a str> {
        self.config.subprotocols.iter().copied().find(|ours| self.offers_subprotocol(ours))
    }

    /// Returns the extensions that the client offers, most preferred first. The same extension can be offered several
    /// times, with different parameters.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'a>> + Clone + use<'a> {
        // RFC 6455 9.1, 11.3.2 [6455-9.1-8]
        self.fields.values(RequestField::Extensions.id()).flat_map(extensions::extensions)
    }

    /// Returns the first value of a field that [`ServerConfig::keep`] names, without white space around it. `name` can
    /// be in any case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.fields(name).next()
    }

    /// Returns all values of a field that [`ServerConfig::keep`] names, in order.
    pub fn fields(&self, name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.fields.named(name)
    }

    pub(super) fn key(&self) -> Option<&'a [u8; 24]> {
        self.fields.first(RequestField::Key.id())?.first_chunk()
    }

    fn offers_subprotocol(&self, name: &str) -> bool {
        self.fields.any(RequestField::Protocol.id(), |offer| offer == name.as_bytes())
    }

    /// Returns the subprotocol that the host wants. The client must have offered it.
    pub(super) fn chosen<'n>(&self, wanted: Subprotocol<'n>) -> Result<Option<&'n str>, BuildError>
    where
        'a: 'n,
    {
        match wanted {
            Subprotocol::Preferred => Ok(self.subprotocol()),
            Subprotocol::Named(name) if self.offers_subprotocol(name) => Ok(Some(name)),
            Subprotocol::Named(_) => Err(BuildError::Subprotocol),
            Subprotocol::None => Ok(None),
        }
    }

    /// Returns whether the client offers every extension in the valid list `chosen`.
    pub(super) fn offers_extensions(&self, chosen: &[u8]) -> bool {
        list::some_and_all(chosen, |chosen| {
            self.fields.any(RequestField::Extensions.id(), |offer| is_offered(chosen, offer))
        })
    }

    /// Validates the whole head.
    pub(super) fn check(&self) -> Result<(), HandshakeError> {
        const RULES: Rules = RequestField::RULES;
        const HOST: Id = RequestField::Host.id();
        const UPGRADE: Id = RequestField::Upgrade.id();
        let mut found = RULES.validate(self.fields, &|place, value| self.is_valid(place, value))?;
        let old = self.line.minor == 0;
        if old && !found.present.has(HOST) {
            found.invalid.remove(HOST); // RFC 9112 3.2: HTTP/1.0 does not require it
        }
        if self.line.method == Method::Connect {
            // RFC 8441 5: no hop-by-hop fields and no key [8441-5-3] [8441-5-5]
            for field in [RequestField::Upgrade, RequestField::Connection, RequestField::Key] {
                found.invalid.remove(field.id());
            }
        }
        // RFC 9112 3.2 [6455-4.2.1-3]
        RULES.check(found.invalid, RequestField::OF_EVERY_REQUEST)?;
        // RFC 9110 7.8: Upgrade is ignored in HTTP/1.0
        let is_upgrade = !old && !found.invalid.has(UPGRADE);
        if !is_upgrade && !found.present.has(RequestField::Key.id()) && !found.present.has(RequestField::Version.id()) {
            return Ok(()); // a plain request
        }
        if old {
            return Err(HandshakeError::HttpVersion); // [6455-4.2.1-2]
        }
        if self.line.method == Method::Head {
            return Err(HandshakeError::Method); // [6455-4.2.1-2]
        }
        RULES.check(found.invalid, Set::ALL)
    }

    fn is_valid(&self, place: usize, value: &[u8]) -> bool {
        use RequestField::*;
        match RequestField::at(place) {
            Some(ContentLength) => !value.is_empty() && value.iter().all(|&b| b == b'0'),
            Some(TransferEncoding) => false,
            Some(Host) => is_authority(value),
            Some(Upgrade) => contains(value, b"websocket"), // [6455-4.2.1-4]
            Some(Connection) => contains(value, b"upgrade"), // [6455-4.2.1-5]
            Some(Version) => value == b"13",                // [6455-4.2.1-7] [6455-4.2.2-7]
            Some(Key) => is_key(value),                     // [6455-4.2.1-6]
            // An empty list counts as absent (RFC 9110 5.6.1): several clients send one.
            Some(Protocol) => is_list(value, false), // [6455-4.2.1-10] [6455-4.3-1]
            Some(Extensions) => is_list(value, true), // [6455-4.2.1-10] [6455-9.1-1]
            Some(Origin) => self.config.origin.allows(value, self.authority()), // RFC 6455 4.2.2, 10.2 [6455-10.2-2]
            None => never!(false),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum Method {
    Get,
    Head,
    /// The extended CONNECT of HTTP/2 and HTTP/3.
    Connect,
}

/// A request line (RFC 9112 section 3). Its parts are places in the bytes that were kept of it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct RequestLine {
    pub(super) method: Method,
    /// The x in HTTP/1.x.
    minor: u8,
    /// Where the authority begins. It is empty unless the target is a complete URI.
    authority: u16,
    /// Where the authority ends, and path and query begin.
    path: u16,
    /// Where path and query end.
    end: u16,
}

impl RequestLine {
    pub(super) const NONE: Self = Self { method: Method::Get, minor: 0, authority: 0, path: 0, end: 0 };

    pub(super) fn parse(line: &[u8]) -> Result<Self, HandshakeError> {
        // RFC 9112 3: single spaces and nothing else between the parts
        let mut rest = Cursor(line);
        let (method, target, version) = (rest.field(b' '), rest.field(b' '), rest.0);
        Self::from_parts(method, target, minor_version(version), method.len() + 1)
    }

    /// Makes the request line of an extended CONNECT, of which only `path` is kept.
    pub(super) fn extended_connect(path: &[u8]) -> Result<Self, HandshakeError> {
        Ok(Self { method: Method::Connect, ..Self::from_parts(b"GET", path, Ok(1), 0)? })
    }

    /// Makes a request line of these parts. `target` begins `start` bytes after the beginning of the bytes that are
    /// kept.
    pub(super) fn from_parts(
        method: &[u8],
        target: &[u8],
        minor_version: Result<u8, HandshakeError>,
        start: usize,
    ) -> Result<Self, HandshakeError> {
        if !is_token(method) || target.is_empty() {
            return Err(HandshakeError::StartLine);
        }
        let minor = minor_version?;
        let method = match method {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            _ => return Err(HandshakeError::Method),
        };
        // RFC 9112 3.2.1, 3.2.2 [6455-4.2.1-2]: an absolute path or an absolute `http` or `https` URI. All visible
        // ASCII is accepted, although RFC 3986 requires escapes for some of it: browsers send `|`, `[` and others
        // unescaped. A fragment is never sent (RFC 6455 3).
        let mut rest = Cursor(target);
        let mut authority: &[u8] = &[];
        if !target.starts_with(b"/") {
            rest.scheme(b"http").ok_or(HandshakeError::Target)?;
            let start = rest;
            Authority::read(&mut rest).map_err(|_| HandshakeError::Target)?;
            authority = start.before(rest);
        }
        // Refuse a query without a path: the resource name must begin with `/`, and the storage has none.
        let path = rest.0;
        if path.starts_with(b"?") || !is_all(target, TARGET) {
            return Err(HandshakeError::Target);
        }
        let end = start + target.len();
        let path = end - path.len();
        let authority = path - authority.len();
        // A line too long for u16 does not fit an entry of the list and is refused.
        Ok(Self { method, minor, authority: authority as u16, path: path as u16, end: end as u16 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HandshakeError::*;

    /// [6455-4.2.1-2]
    #[test]
    fn request_line_has_three_parts() {
        for (line, expected) in [
            ("GET / HTTP/1.1", Ok(("GET", None, "/", 1))),
            ("HEAD /a?b=%20&c=[|] HTTP/1.0", Ok(("HEAD", None, "/a?b=%20&c=[|]", 0))),
            ("GET //a:b@c HTTP/1.9", Ok(("GET", None, "//a:b@c", 9))),
            ("GET http://a:80/b?c HTTP/1.1", Ok(("GET", Some("a:80"), "/b?c", 1))),
            ("GET HTTPS://[::1] HTTP/1.1", Ok(("GET", Some("[::1]"), "", 1))),
            ("POST / HTTP/1.1", Err(Method)),
            ("CONNECT a:80 HTTP/1.1", Err(Method)),
            ("get / HTTP/1.1", Err(Method)),
            ("GET / HTTP/2.0", Err(HttpVersion)),
            ("GET / HTTP/0.9", Err(HttpVersion)),
            ("PRI * HTTP/2.0", Err(HttpVersion)),
            ("GET /", Err(StartLine)),
            ("GET  / HTTP/1.1", Err(StartLine)),
            ("GET /  HTTP/1.1", Err(StartLine)),
            (" GET / HTTP/1.1", Err(StartLine)),
            ("GET / HTTP/1.1 ", Err(StartLine)),
            ("GET / a HTTP/1.1", Err(StartLine)),
            ("GET\t/ HTTP/1.1", Err(StartLine)),
            ("G(T / HTTP/1.1", Err(StartLine)),
            ("GET / HTTP/1.10", Err(StartLine)),
            ("GET / HTTP/1", Err(StartLine)),
            ("GET / http/1.1", Err(StartLine)),
            ("GET / ICY/1.1", Err(StartLine)),
            ("GET * HTTP/1.1", Err(Target)),
            ("GET a HTTP/1.1", Err(Target)),
            ("GET /a#b HTTP/1.1", Err(Target)),
            ("GET /\u{e9} HTTP/1.1", Err(Target)),
            ("GET /\t HTTP/1.1", Err(Target)),
            ("GET ws://a/ HTTP/1.1", Err(Target)),
            ("GET http:a HTTP/1.1", Err(Target)),
            ("GET http//a HTTP/1.1", Err(Target)),
            ("GET https/a HTTP/1.1", Err(Target)),
            ("GET http:///a HTTP/1.1", Err(Target)),
            ("GET http://a@b/ HTTP/1.1", Err(Target)),
            ("GET http://a?b HTTP/1.1", Err(Target)),
        ] {
            let parts = RequestLine::parse(line.as_bytes()).map(|l| {
                let authority = Some(&line[l.authority.into()..l.path.into()]).filter(|part| !part.is_empty());
                (
                    if l.method == super::Method::Head { "HEAD" } else { "GET" },
                    authority,
                    &line[l.path.into()..l.end.into()],
                    l.minor,
                )
            });
            assert_eq!(parts, expected, "{line:?}");
        }
    }
}
