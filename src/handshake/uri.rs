//! WebSocket URIs (RFC 6455 section 3, RFC 3986 section 3). Text in other alphabets must already be in its ASCII form
//! (RFC 6455 section 11.1.1).

use super::chars::{DIGIT, HEX, HOST, PATH, QUERY};
use super::cursor::Cursor;
use super::error::UriError;

/// A `ws:` or `wss:` URI (RFC 6455 section 3).
///
/// ```
/// use barews::handshake::Uri;
///
/// let uri = Uri::parse("wss://[2001:db8::1]/chat?room=1")?;
/// assert!(uri.secure());
/// assert_eq!((uri.host(), uri.port()), ("[2001:db8::1]", 443));
/// assert_eq!((uri.path(), uri.query()), ("/chat", Some("room=1")));
/// # Ok::<(), barews::handshake::UriError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Uri<'a> {
    secure: bool,
    host: &'a str,
    port: u16,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Parses `uri`. Every part must be valid as it stands; nothing is escaped or resolved.
    pub fn parse(uri: &'a str) -> Result<Self, UriError> {
        // RFC 6455 3 [6455-3-1] [6455-4.1-2]
        if Cursor(uri.as_bytes()).until(b'#').len() < uri.len() {
            return Err(UriError::Fragment); // [6455-3-4] [6455-3-5]
        }
        let mut rest = Cursor(uri.as_bytes());
        let secure = rest.scheme(b"ws").ok_or(UriError::Scheme)?;
        if rest.0.iter().take_while(|b| !matches!(b, b'/' | b'?')).any(|&b| b == b'@') {
            return Err(UriError::UserInfo);
        }
        // What was read is ASCII, so that every cut is one between characters.
        let text = |from: Cursor<'_>, to: Cursor<'_>| {
            let at = |cursor: Cursor<'_>| uri.len().saturating_sub(cursor.0.len());
            uri.get(at(from)..at(to)).unwrap_or_default()
        };
        let start = rest;
        let mut port = default_port(secure); // [6455-3-2]
        let Some(host) = host_and_port(&mut rest, &mut port) else {
            return Err(if port == 0 { UriError::Port } else { UriError::Host });
        };
        let host = text(start, Cursor(start.0.get(host.len()..).unwrap_or_default()));
        let start = rest;
        rest.escaped(PATH);
        let path = text(start, rest);
        let start = rest;
        let query = rest.skip(b'?');
        if !query && !rest.0.is_empty() {
            return Err(UriError::Path);
        }
        rest.escaped(QUERY);
        if !rest.0.is_empty() {
            return Err(UriError::Query);
        }
        let query = if query { text(start, rest).get(1..) } else { None };
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { secure, host, port, path, query })
    }

    /// Whether the connection must use TLS: the scheme is `wss`.
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets, which are not for resolvers and TLS.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The port; without one in the URI 80, or 443 for `wss`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path, `/` at least. With the query it is the resource name.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The query, without its question mark.
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The port that must stand in Host: any but the default one.
    pub(super) fn explicit_port(&self) -> Option<u16> {
        (self.port != default_port(self.secure)).then_some(self.port)
    }
}

/// The port of a URI without one.
pub(super) const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Reads `host [ ":" port ]`, behind which the text ends or a path or a query begins, and returns the host. `port` is
/// left as it is where there is none, an empty one counted as none (RFC 3986 section 3.2.3). It is 0 if it is what is
/// wrong.
pub(super) fn host_and_port<'a>(rest: &mut Cursor<'a>, port: &mut u16) -> Option<&'a [u8]> {
    let start = *rest;
    let valid =
        if rest.skip(b'[') { is_ipv6(rest.until(b']')) && rest.skip(b']') } else { !rest.escaped(HOST).is_empty() };
    let host = start.before(*rest);
    let has_port = valid && rest.skip(b':');
    if has_port {
        let digits = rest.span(DIGIT);
        if !digits.is_empty() {
            *port = u16::try_from(number(digits)).unwrap_or(0);
        }
    }
    let ended = matches!(rest.0, [] | [b'/' | b'?', ..]);
    if has_port && !ended {
        *port = 0;
    }
    (valid && ended && *port > 0).then_some(host)
}

/// What these digits say, up to 2^16.
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number, digit| (number * 10 + u32::from(digit & 15)).min(1 << 16))
}

/// Whether `text` is an IPv6 address (RFC 3986 section 3.2.2): eight groups of 16 bits, of which the last two may be an
/// IPv4 address and one run of one or more may be left out.
fn is_ipv6(text: &[u8]) -> bool {
    let mut rest = Cursor(text);
    if rest.skip(b':') && !rest.0.starts_with(b":") {
        return false;
    }
    let (mut groups, mut run) = (0, false);
    loop {
        let start = rest;
        let group = rest.span(HEX);
        if group.is_empty() {
            // what is left out stands between two colons, or ends with the text
            if run || !rest.skip(b':') {
                return false;
            }
            run = true;
        } else {
            groups += 1;
            if is_ipv4(start) {
                groups += 1;
                break;
            }
            if group.len() > 4 || !(rest.0.is_empty() || rest.skip(b':') && !rest.0.is_empty()) {
                return false;
            }
        }
        if rest.0.is_empty() {
            break;
        }
    }
    if run { groups < 8 } else { groups == 8 }
}

/// Whether `text` is four numbers of 8 bits.
fn is_ipv4(mut text: Cursor<'_>) -> bool {
    let mut octets = 0;
    loop {
        let octet = text.span(DIGIT);
        if matches!(octet, [] | [b'0', _, ..]) || number(octet) > 255 {
            return false;
        }
        octets += 1;
        if !text.skip(b'.') {
            return octets == 4 && text.0.is_empty();
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;

    /// [6455-3-1] [6455-3-2] [6455-3-3]
    #[test]
    fn parts() {
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
        ] {
            let parsed = Uri::parse(uri).unwrap();
            assert_eq!((parsed.secure(), parsed.host(), parsed.port()), (secure, host, port), "{uri}");
            assert_eq!((parsed.path(), parsed.query()), (path, query), "{uri}");
        }
    }

    /// [6455-3-4] [6455-3-5] [6455-4.1-2]
    #[test]
    fn malformed() {
        use UriError::*;
        for (uri, error) in [
            ("", Scheme),
            ("example.com", Scheme),
            ("http://a/", Scheme),
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
            ("ws://a/%", Path),
            ("ws://a/%4", Path),
            ("ws://a/%4g", Path),
            ("ws://a/[b]", Path),
            ("ws://a/?b c", Query),
            ("ws://a/?\0", Query),
            ("ws://a/?<", Query),
            ("ws://a/?%%41", Query),
        ] {
            assert_eq!(Uri::parse(uri), Err(error), "{uri:?}");
        }
    }

    /// Against the parser of the standard library, on all combinations of up to nine pieces.
    #[test]
    fn ipv6_literals() {
        let pieces = ["", "0", "ffff", "12345", "g", "1.2.3.4"];
        let check = |text: &str| {
            assert_eq!(is_ipv6(text.as_bytes()), text.parse::<core::net::Ipv6Addr>().is_ok(), "{text:?}");
        };
        for piece in pieces {
            for at in 0..10 {
                for len in 0..10 {
                    let groups: alloc::vec::Vec<_> = (0..len).map(|i| if i == at { piece } else { "a" }).collect();
                    check(&groups.join(":"));
                    for gap in 0..10 {
                        check(&alloc::format!(
                            "{}::{}",
                            groups[..gap.min(len)].join(":"),
                            groups[gap.min(len)..].join(":")
                        ));
                    }
                }
            }
        }
        for text in [
            "::",
            ":",
            ":::",
            "::1.2.3.255",
            "::1.2.3.256",
            "::1.2.3",
            "::1.2.3.4.5",
            "::01.2.3.4",
            "::1.2.3.4:5",
            "1.2.3.4::",
            "1::2::3",
        ] {
            check(text);
        }
    }
}
