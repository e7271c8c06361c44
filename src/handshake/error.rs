//! Errors of the opening handshake. [`HandshakeError`] is the peer's fault, [`BuildError`] is the host's, and
//! [`UriError`] and [`ProxyError`] are the fault of the author of the URI or of the settings. All are small, flat and
//! `Copy`.

use crate::writer::BufferTooSmall;

/// Why the peer's opening handshake is refused. The error is sticky: nothing more is read from the peer.
///
/// A server answers with [`status`](Self::status); a client closes the transport.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum HandshakeError {
    /// The request line or the status line is malformed (RFC 9112 sections 3 and 4).
    StartLine,
    /// A method other than GET or HEAD, or other than GET on an upgrade (RFC 6455 section 4.1).
    Method,
    /// The request target has a fragment, or is neither an absolute path nor an absolute `http` or `https` URI (RFC
    /// 6455 section 4.2.1).
    Target,
    /// An HTTP version without upgrades: below 1.1, or 2 and above (RFC 6455 section 4.2.1).
    HttpVersion,
    /// A line that does not end with CR LF, or a CR elsewhere (RFC 9112 section 2.2).
    LineEnding,
    /// A field name that is empty or not a token, or white space before the colon (RFC 9112 section 5).
    FieldName,
    /// A control character in a field value (RFC 9110 section 5.5).
    FieldValue,
    /// A field continued on the next line (RFC 9112 section 5.2).
    ObsoleteFolding,
    /// The start line alone exceeds the limit of the head or the storage (RFC 9112 section 3).
    StartLineTooLong,
    /// The head is longer than the limit.
    HeadTooLarge,
    /// The head has more fields than the limit.
    TooManyFields,
    /// The fields that matter do not fit the storage that the host lent: it is too small, or the peer sends too much.
    StorageFull,
    /// The host lent storage of length 0, such as an empty vector. The only error here that is the host's mistake.
    NoStorage,
    /// Host is missing, empty, repeated or malformed (RFC 6455 section 4.2.1).
    Host,
    /// Upgrade is missing, or is not `websocket` or does not include it (RFC 6455 sections 4.1 and 4.2.1).
    Upgrade,
    /// Connection is missing or does not include `Upgrade` (RFC 6455 sections 4.1 and 4.2.1). Over HTTP/2 and HTTP/3:
    /// Connection, Upgrade or another hop-by-hop field is present, which is forbidden there (RFC 8441 section 5).
    Connection,
    /// Sec-WebSocket-Key is missing, repeated or not 16 bytes in base64 (RFC 6455 section 4.2.1).
    Key,
    /// Sec-WebSocket-Version is missing, repeated or not 13 (RFC 6455 section 4.2.1).
    Version,
    /// Sec-WebSocket-Accept is missing, repeated or wrong (RFC 6455 section 4.1).
    Accept,
    /// Sec-WebSocket-Protocol is malformed; in a response also: repeated, or not requested (RFC 6455 section 4.1).
    Subprotocol,
    /// Sec-WebSocket-Extensions is malformed; in a response also: not offered (RFC 6455 sections 4.1 and 9.1).
    Extensions,
    /// The origin policy does not allow this Origin, or Origin is repeated (RFC 6455 sections 4.2.2 and 10.2).
    Origin,
    /// The request has a body: Content-Length above 0, or Transfer-Encoding.
    Body,
    /// The `:protocol` of an extended CONNECT is not `websocket` (RFC 8441 section 5, RFC 9220 section 3).
    Protocol,
    /// The transport ended before the handshake did (RFC 6455 section 7.2.1).
    UnexpectedEof,
}

impl HandshakeError {
    /// Returns the HTTP status of a server's refusal (RFC 6455 sections 4.2.1, 4.2.2, 4.4 and 10.2).
    ///
    /// ```
    /// use barews::handshake::{OriginPolicy, ServerConfig, ServerHandshake};
    ///
    /// let config = ServerConfig::new(OriginPolicy::SameOrigin);
    /// let mut handshake = ServerHandshake::new(&config, [0; 512]);
    /// let mut read = *b"POST / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    /// let Err(error) = handshake.receive(&mut read) else { panic!() };
    /// // A page of the host's own, instead of `refuse`:
    /// let (page, mut out) = ([("Content-Type", "text/html")], [0; 256]);
    /// let len = handshake.respond(error.status(), &page, b"<!doctype html>", &mut out)?;
    /// assert!(out[..len].starts_with(b"HTTP/1.1 405 Method Not Allowed\r\n"));
    /// # Ok::<(), barews::BuildError>(())
    /// ```
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Origin => 403, // [6455-10.2-2]
            Self::Method => 405,
            Self::Upgrade | Self::Version => 426, // [6455-4.2.2-7]
            Self::StartLineTooLong => 414,
            Self::HeadTooLarge | Self::TooManyFields | Self::StorageFull => 431,
            Self::NoStorage => 500,
            Self::Protocol => 501, // [9220-3-3]
            Self::HttpVersion => 505,
            _ => 400, // [6455-4.2.1-1] [6455-10.7-4]
        }
    }

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::StartLine => "malformed start line",
            Self::Method => "method is not GET",
            Self::Target => "request target is not a path",
            Self::HttpVersion => "HTTP version is not 1.1",
            Self::LineEnding => "line does not end with CR LF",
            Self::FieldName => "malformed field name",
            Self::FieldValue => "control character in a field value",
            Self::ObsoleteFolding => "field continued on the next line",
            Self::StartLineTooLong => "start line over the size limit",
            Self::HeadTooLarge => "head over the size limit",
            Self::TooManyFields => "too many fields in the head",
            Self::StorageFull => "fields do not fit the handshake storage",
            Self::NoStorage => "host lent no storage for the handshake",
            Self::Host => "Host is missing, malformed or repeated",
            Self::Upgrade => "Upgrade is not websocket",
            Self::Connection => "Connection does not include Upgrade",
            Self::Key => "Sec-WebSocket-Key is missing, repeated or not 16 bytes in base64",
            Self::Version => "Sec-WebSocket-Version is not 13",
            Self::Accept => "Sec-WebSocket-Accept is missing, repeated or wrong",
            Self::Subprotocol => "Sec-WebSocket-Protocol is malformed or was not requested",
            Self::Extensions => "Sec-WebSocket-Extensions is malformed or was not offered",
            Self::Origin => "origin is not allowed or is repeated",
            Self::Body => "request has a body",
            Self::Protocol => ":protocol is not websocket",
            Self::UnexpectedEof => "transport ended during the opening handshake",
        }
    }
}

/// Why the engine cannot build a handshake message. The failed call has changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BuildError {
    /// The output buffer is too small.
    BufferTooSmall {
        /// The number of bytes that the call needs.
        need: usize,
    },
    /// This cannot be sent at this point of the handshake: the request is not complete, is not an upgrade, was refused
    /// by the engine, or has been answered already.
    NotNow,
    /// A status that cannot be sent here: a 1xx, or not three digits.
    Status,
    /// A field name that is not a token, or that is reserved for the engine.
    FieldName,
    /// A field value with CR, LF, NUL or another control character.
    FieldValue,
    /// A subprotocol that is not a token, is repeated, or was not offered by the client (RFC 6455 sections 4.1 and
    /// 4.2.2).
    Subprotocol,
    /// Extensions that are malformed, or were not offered by the client (RFC 6455 sections 4.2.2 and 9.1).
    Extensions,
    /// A reference that does not lead to a WebSocket URI.
    Uri(UriError),
    /// A user-id with a colon, a user-id or password with a control character (RFC 7617 section 2), or a token that is
    /// not a token68 (RFC 9110 section 11.2).
    Credentials,
}

impl From<BufferTooSmall> for BuildError {
    fn from(BufferTooSmall { need }: BufferTooSmall) -> Self {
        Self::BufferTooSmall { need }
    }
}

impl BuildError {
    const fn text(self) -> &'static str {
        match self {
            Self::BufferTooSmall { .. } => "output buffer too small",
            Self::NotNow => "not possible at this point of the handshake",
            Self::Status => "status cannot be sent",
            Self::FieldName => "field name is not a token or is reserved for the engine",
            Self::FieldValue => "control character in a field value",
            Self::Subprotocol => "subprotocol is malformed, repeated or was not offered",
            Self::Extensions => "extensions are malformed or were not offered",
            Self::Uri(error) => error.text(),
            Self::Credentials => "user-id, password or token with a character that it must not have",
        }
    }
}

/// Why a text is not a `ws:` or `wss:` URI (RFC 6455 section 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum UriError {
    /// The text does not begin with `ws://`, `wss://`, `http://` or `https://`.
    Scheme,
    /// The URI has a user name or password, which a WebSocket URI must not have. Parse it without them, and send them in
    /// Authorization: [`basic_credentials`](super::basic_credentials).
    UserInfo,
    /// The host is empty, begins with `[` but is not an IPv6 literal, or has a character that must be escaped.
    Host,
    /// The port is not a number from 1 to 65,535.
    Port,
    /// The path has a character that must be escaped: white space, a control character, or one that is not ASCII.
    Path,
    /// The same in the query.
    Query,
    /// The URI has a fragment. A literal `#` must be written as `%23`.
    Fragment,
    /// A reference leads from `wss` to `ws`.
    Downgrade,
}

impl UriError {
    const fn text(self) -> &'static str {
        match self {
            Self::Scheme => "URI does not begin with ws:// or wss://",
            Self::UserInfo => "URI with a user name",
            Self::Host => "malformed host in the URI",
            Self::Port => "port in the URI is not a number from 1 to 65535",
            Self::Path => "malformed path in the URI",
            Self::Query => "malformed query in the URI",
            Self::Fragment => "URI with a fragment",
            Self::Downgrade => "reference leads from wss to ws",
        }
    }
}

/// Why a text is not a proxy that a [`Tunnel`](super::Tunnel) can lead through.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ProxyError {
    /// The scheme is unknown: none of `http`, `https` and `socks`.
    Scheme,
    /// `https:`, a proxy over TLS, is not supported.
    Tls,
    /// `socks:`, `socks4:`, `socks5:` and the like are not supported.
    Socks,
    /// The user name or the password has a character that must be escaped, a `%` without two hexadecimal digits, or an
    /// escaped control character; or the user name has an escaped colon (RFC 7617 section 2).
    UserInfo,
    /// The host is empty, begins with `[` but is not an IPv6 literal, or has a character that must be escaped.
    Host,
    /// The port is missing, or is not a number from 1 to 65,535.
    Port,
    /// There is a path or a query after the port.
    Path,
}

impl ProxyError {
    const fn text(self) -> &'static str {
        match self {
            Self::Scheme => "scheme of the proxy is not http",
            Self::Tls => "proxy over TLS (https) is not supported",
            Self::Socks => "SOCKS proxy is not supported",
            Self::UserInfo => "user name or password of the proxy is malformed or not percent-encoded",
            Self::Host => "malformed host of the proxy",
            Self::Port => "port of the proxy is missing or is not a number from 1 to 65535",
            Self::Path => "path after the port of the proxy",
        }
    }
}

display!(HandshakeError, BuildError: BufferTooSmall, UriError, ProxyError);
