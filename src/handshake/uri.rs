//! WebSocket URIs (RFC 6455 section 3, RFC 3986 section 3). Convert text that is not ASCII to its ASCII form first (RFC
//! 6455 section 11.1.1).

mod join;

use super::authority::Authority;
use super::chars::TARGET;
use super::cursor::{Cursor, is_all};
use super::error::UriError;

/// A `ws:` or `wss:` URI (RFC 6455 section 3). `http:` and `https:` mean the same, as in browsers.
///
/// ```
/// use barews::handshake::Uri;
///
/// let uri = Uri::parse("wss://[2001:db8::1]/chat?room=1")?;
/// assert!(uri.secure());
/// assert_eq!((uri.host(), uri.port()), ("[2001:db8::1]", 443));
/// assert_eq!((uri.path(), uri.query()), ("/chat", Some("room=1")));
/// assert_eq!(uri.to_string(), "wss://[2001:db8::1]/chat?room=1");
/// # Ok::<(), barews::handshake::UriError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Uri<'a> {
    secure: bool,
    host: &'a str,
    port: u16,
    path: &'a str,
    query: Option<&'a str>,
}

/// Writes the URI in its canonical form: the port only if it is not the scheme's own.
impl core::fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.secure { "wss://" } else { "ws://" })?;
        f.write_str(self.host)?;
        if self.port != default_port(self.secure) {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(self.path)?;
        self.query.map_or(Ok(()), |query| write!(f, "?{query}"))
    }
}

impl<'a> TryFrom<&'a str> for Uri<'a> {
    type Error = UriError;

    fn try_from(uri: &'a str) -> Result<Self, UriError> {
        Self::parse(uri)
    }
}

impl<'a> Uri<'a> {
    /// Parses `uri`. This does not escape anything. Path and query can have all visible ASCII but `#`, as a server
    /// accepts it: `/ocpp/CP|01`.
    ///
    /// A constant URI is parsed by the compiler, and the program has no parser of URIs:
    ///
    /// ```
    /// use barews::handshake::Uri;
    ///
    /// const SERVER: Uri<'static> = match Uri::parse("ws://192.168.1.10:9001/sensors?id=7") {
    ///     Ok(uri) => uri,
    ///     Err(_) => panic!("malformed URI"), // fails to compile
    /// };
    /// assert_eq!(SERVER.port(), 9001);
    /// ```
    ///
    /// # Errors
    ///
    /// The first part that is malformed.
    pub const fn parse(uri: &'a str) -> Result<Self, UriError> {
        // RFC 6455 3 [6455-3-1] [6455-4.1-2]
        if Cursor(uri.as_bytes()).until(b'#').len() < uri.len() {
            return Err(UriError::Fragment); // [6455-3-4] [6455-3-5]
        }
        let mut rest = Cursor(uri.as_bytes());
        let Some(secure) = scheme(&mut rest) else { return Err(UriError::Scheme) };
        let mut user_info = rest;
        while let [byte, after @ ..] = user_info.0
            && !matches!(byte, b'/' | b'?')
        {
            if *byte == b'@' {
                return Err(UriError::UserInfo);
            }
            user_info.0 = after;
        }
        let start = rest;
        let Authority { host, port } = match Authority::read(&mut rest) {
            Ok(authority) => authority,
            Err(error) => return Err(error),
        };
        let host = piece(uri, start, host.len());
        let port = if let Some(port) = port { port } else { default_port(secure) };
        let start = rest;
        let path = rest.until(b'?');
        if !is_all(path, TARGET) {
            return Err(UriError::Path);
        }
        if !is_all(rest.0, TARGET) {
            return Err(UriError::Query);
        }
        let path = if path.is_empty() { "/" } else { piece(uri, start, path.len()) };
        let query = if rest.skip(b'?') { Some(piece(uri, rest, rest.0.len())) } else { None };
        Ok(Self { secure, host, port, path, query })
    }

    /// Returns whether the connection must use TLS: the scheme is `wss`.
    #[must_use]
    pub const fn secure(&self) -> bool {
        self.secure
    }

    /// Returns the host: a name, an IPv4 address, or an IPv6 address in brackets. Remove the brackets for resolvers and
    /// TLS.
    #[must_use]
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// Returns the port. The default is 80, or 443 for `wss`.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path, which is at least `/`. Path and query together are the resource name.
    #[must_use]
    pub const fn path(&self) -> &'a str {
        self.path
    }

    /// Returns the query, without its question mark.
    #[must_use]
    pub const fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// Returns the port that Host must contain: any but the default one.
    pub(super) fn explicit_port(&self) -> Option<u16> {
        (self.port != default_port(self.secure)).then_some(self.port)
    }
}

/// Returns the next `len` bytes of `text`, of which `rest` is unread. What was read is ASCII.
const fn piece<'a>(text: &'a str, rest: Cursor<'_>, len: usize) -> &'a str {
    if let Some((_, rest)) = text.split_at_checked(text.len().saturating_sub(rest.0.len()))
        && let Some((piece, _)) = rest.split_at_checked(len)
    {
        return piece;
    }
    never!("")
}

/// Skips the scheme of a WebSocket URI and `://`. Returns whether it is secure.
const fn scheme(rest: &mut Cursor<'_>) -> Option<bool> {
    let (mut ws, mut http) = (*rest, *rest);
    match (ws.scheme(b"ws"), http.scheme(b"http")) {
        (None, None) => None,
        (None, secure) => {
            *rest = http;
            secure
        }
        (secure, _) => {
            *rest = ws;
            secure
        }
    }
}

/// Returns the port of a URI that has none.
pub(super) const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [6455-3-1] [6455-3-2] [6455-3-3]
    #[test]
    fn uri_has_five_parts_with_defaults() {
        for (uri, secure, host, port, path, query) in [
            ("ws://example.com", false, "example.com", 80, "/", None),
            ("wss://example.com", true, "example.com", 443, "/", None),
            ("WS://EXAMPLE.com:80/", false, "EXAMPLE.com", 80, "/", None),
            ("WsS://a:1/b/c;d=1/?", true, "a", 1, "/b/c;d=1/", Some("")),
            ("ws://a?q=/?:@", false, "a", 80, "/", Some("q=/?:@")),
            ("ws://a/%7Euser/%00", false, "a", 80, "/%7Euser/%00", None),
            ("ws://127.0.0.1:9001/a", false, "127.0.0.1", 9001, "/a", None),
            ("ws://[::1]:65535/", false, "[::1]", 65535, "/", None),
            ("ws://[2001:db8::192.0.2.1]", false, "[2001:db8::192.0.2.1]", 80, "/", None),
            ("ws://a:/", false, "a", 80, "/", None),
            ("ws://a%20b:0080/", false, "a%20b", 80, "/", None),
            ("http://a/", false, "a", 80, "/", None),
            ("HTTPS://a:1?b", true, "a", 1, "/", Some("b")),
            ("ws://a/ocpp/CP|01?[%]", false, "a", 80, "/ocpp/CP|01", Some("[%]")),
            ("ws://a/%4g\\?a?b", false, "a", 80, "/%4g\\", Some("a?b")),
        ] {
            let parsed = Uri::parse(uri).unwrap();
            assert_eq!((parsed.secure(), parsed.host(), parsed.port()), (secure, host, port), "{uri}");
            assert_eq!((parsed.path(), parsed.query()), (path, query), "{uri}");
        }
    }

    /// [6455-3-4] [6455-3-5] [6455-4.1-2]
    #[test]
    fn malformed_uri_is_refused_with_the_part_at_fault() {
        use UriError::*;
        for (uri, error) in [
            ("", Scheme),
            ("example.com", Scheme),
            ("httpss://a/", Scheme),
            ("wsss://a/", Scheme),
            ("ws:a/", Scheme),
            ("ws:/a/", Scheme),
            (" ws://a/", Scheme),
            ("ws://", Host),
            ("ws:///path", Host),
            ("ws://:80/", Host),
            ("ws://a b/", Host),
            ("ws://a\r\nX: y/", Host),
            ("ws://a\0/", Host),
            ("ws://b\u{fc}cher/", Host),
            ("ws://a%2/", Host),
            ("ws://a\\b/", Host),
            ("ws://[::1", Host),
            ("ws://[::1]a/", Host),
            ("ws://[]/", Host),
            ("ws://[fe80::1%25eth0]/", Host),
            ("ws://::1/", Host),
            ("ws://a]/", Host),
            ("ws://a:0/", Port),
            ("ws://a:65536/", Port),
            ("ws://a:+1/", Port),
            ("ws://a:b/", Port),
            ("ws://a:1:2/", Port),
            ("ws://[::1]:x/", Port),
            ("ws://user@a/", UserInfo),
            ("ws://user:pass@a/", UserInfo),
            ("ws://a/#f", Fragment),
            ("ws://a/?q#", Fragment),
            ("ws://a#", Fragment),
            ("ws://a/b c", Path),
            ("ws://a/\r\nHost: b", Path),
            ("ws://a/\u{e9}", Path),
            ("ws://a/?b c", Query),
            ("ws://a/?\0", Query),
            ("ws://a/?\u{e9}", Query),
        ] {
            assert_eq!(Uri::parse(uri), Err(error), "{uri:?}");
        }
    }
}
