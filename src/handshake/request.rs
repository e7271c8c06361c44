//! The client's opening handshake as a server reads it: the request line, the checks of RFC 6455 section 4.2.1, and the
//! view of a request that the host gets.

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

fields! {
    /// The fields that matter in a request: the errors first that say most.
    // RFC 6455 4.2.1 [6455-4.2.1-3] [6455-4.2.1-4] [6455-4.2.1-5] [6455-4.2.1-6] [6455-4.2.1-7] [6455-4.2.1-10]
    enum RequestField {
        // A body would be taken for frames, or frames for a body.
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
    /// What is checked in a request for a page too.
    const OF_EVERY_REQUEST: Set = Set::of(&[Self::ContentLength.id(), Self::TransferEncoding.id(), Self::Host.id()]);
}

/// A request that passed every check: an opening handshake, or a plain request for a page.
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

    /// Whether the client asks for a WebSocket. If not, it asks for a page, with [`method`](Self::method) GET or HEAD.
    pub fn is_upgrade(&self) -> bool {
        self.line.method == Method::Connect || self.key().is_some()
    }

    /// The method, `GET` or `HEAD`; always `GET` on an upgrade.
    pub fn method(&self) -> &'a str {
        match self.line.method {
            Method::Get | Method::Connect => "GET",
            Method::Head => "HEAD",
        }
    }

    /// The path and query that the client asked for, as it wrote them. Begins with `/` and holds visible ASCII only;
    /// nothing is decoded, and `..` and the like are still there.
    pub fn target(&self) -> &'a str {
        match text(self.part(self.line.path, self.line.end)) {
            "" => "/",
            target => target,
        }
    }

    /// The host and, unless it is the default one, the port that the client believes to talk to.
    ///
    /// It comes from the request target if that is a whole URI (RFC 9112 section 3.2.2), else from Host. It is empty
    /// only in a plain HTTP/1.0 request.
    pub fn host(&self) -> &'a str {
        text(self.authority())
    }

    fn authority(&self) -> &'a [u8] {
        match self.part(self.line.authority, self.line.path) {
            [] => self.fields.first(RequestField::Host.id()).unwrap_or_default(),
            authority => authority,
        }
    }

    /// A part of the request line.
    fn part(&self, start: u16, end: u16) -> &'a [u8] {
        self.fields
            .first(Id::START_LINE)
            .and_then(|line| line.get(start.into()..end.into()))
            .unwrap_or_else(|| never!(&[]))
    }

    /// The value of Origin: where the page comes from that asks. It has passed the origin policy on an upgrade. What is
    /// not valid UTF-8 reads as empty; no policy but [`OriginPolicy::Any`](super::OriginPolicy::Any) lets it pass.
    pub fn origin(&self) -> Option<&'a str> {
        self.fields.first(RequestField::Origin.id()).map(text)
    }

    /// The subprotocols that the client would speak, most wanted first. One may be named twice.
    pub fn subprotocols(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        // RFC 6455 4.2.1, 11.3.4: several fields equal one list [6455-4.2.1-10]
        self.fields.values(RequestField::Protocol.id()).flat_map(elements).map(text)
    }

    /// The first of [`ServerConfig::subprotocols`] that the client would speak.
    pub fn subprotocol(&self) -> Option<&'a str> {
        self.config.subprotocols.iter().copied().find(|ours| self.offers_subprotocol(ours))
    }

    /// The extensions that the client offers, most wanted first. One may be offered several times, with other
    /// parameters.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'a>> + Clone + use<'a> {
        // RFC 6455 9.1, 11.3.2 [6455-9.1-8]
        self.fields.values(RequestField::Extensions.id()).flat_map(extensions::extensions)
    }

    /// The first value of a field that [`ServerConfig::keep`] names, without white space around it. `name` in any case.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers(name).next()
    }

    /// All values of a field that [`ServerConfig::keep`] names, in their order.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.fields.named(name)
    }

    pub(super) fn key(&self) -> Option<&'a [u8; 24]> {
        self.fields.first(RequestField::Key.id())?.first_chunk()
    }

    fn offers_subprotocol(&self, name: &str) -> bool {
        self.fields.any(RequestField::Protocol.id(), |offer| offer == name.as_bytes())
    }

    /// The subprotocol that the host wants, which the client must have offered.
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

    /// Whether every extension in `chosen`, a valid list, is one that the client offers.
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
            found.invalid.remove(HOST); // RFC 9112 3.2: required since HTTP/1.1
        }
        if self.line.method == Method::Connect {
            // RFC 8441 5: neither the fields of the hop nor the key [8441-5-3] [8441-5-5]
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
            Some(Protocol) => is_list(value, false),        // [6455-4.2.1-10] [6455-4.3-1]
            Some(Extensions) => extensions::is_valid(value), // [6455-4.2.1-10] [6455-9.1-1]
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

/// A request line (RFC 9112 section 3): its parts by their places in what was kept of it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct RequestLine {
    pub(super) method: Method,
    /// The x in HTTP/1.x.
    minor: u8,
    /// Where the authority begins, which only a target has that is a whole URI.
    authority: u16,
    /// Where it ends, and path and query begin.
    path: u16,
    /// Where these end.
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

    /// The start of an extended CONNECT, of which `path` is kept.
    pub(super) fn extended_connect(path: &[u8]) -> Result<Self, HandshakeError> {
        Ok(Self { method: Method::Connect, ..Self::from_parts(b"GET", path, Ok(1), 0)? })
    }

    /// A request line with these parts, of which `target` is kept, `start` bytes after the beginning of what is kept.
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
        // RFC 9112 3.2.1, 3.2.2 [6455-4.2.1-2]: an absolute path or an absolute `http` or `https` URI. Visible ASCII is
        // let through although RFC 3986 wants some of it escaped: browsers send `|`, `[` and the like as they are. A
        // fragment is never sent (RFC 6455 3).
        let mut rest = Cursor(target);
        let mut authority: &[u8] = &[];
        if !target.starts_with(b"/") {
            rest.scheme(b"http").ok_or(HandshakeError::Target)?;
            let start = rest;
            Authority::read(&mut rest).map_err(|_| HandshakeError::Target)?;
            authority = start.before(rest);
        }
        // A query without a path has no resource name to lend.
        let path = rest.0;
        if path.starts_with(b"?") || !is_all(target, TARGET) {
            return Err(HandshakeError::Target);
        }
        let end = start + target.len();
        let path = end - path.len();
        let authority = path - authority.len();
        // A line too long for these is too long for the storage.
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
