//! WebSocket URIs (RFC 6455 section 3, RFC 3986 section 3). Text in other alphabets must already be in its ASCII form
//! (RFC 6455 section 11.1.1).

use super::list::cut;
pub use crate::error::UriError;

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
        let position = |text: &str, end: &dyn Fn(u8) -> bool| text.bytes().position(end);
        if position(uri, &|b| b == b'#').is_some() {
            return Err(UriError::Fragment); // [6455-3-4] [6455-3-5]
        }
        let (scheme, rest) = cut_text(uri, position(uri, &|b| b == b':'));
        // RFC 3986 3.1: the scheme is case-insensitive [6455-3-3]
        let secure = scheme.eq_ignore_ascii_case("wss");
        let rest = rest.strip_prefix("://").ok_or(UriError::Scheme)?;
        if !secure && !scheme.eq_ignore_ascii_case("ws") {
            return Err(UriError::Scheme);
        }
        let (authority, rest) = cut_text(rest, position(rest, &|b| matches!(b, b'/' | b'?')));
        if position(authority, &|b| b == b'@').is_some() {
            return Err(UriError::UserInfo);
        }
        let (host, port) = host_and_port(authority.as_bytes())?;
        let (host, _) = cut_text(authority, Some(host.len()));
        let port = port.unwrap_or(default_port(secure)); // [6455-3-2]
        let (path, query) = cut_text(rest, position(rest, &|b| b == b'?'));
        let query = query.strip_prefix('?');
        let is_path = |b| is_pchar(b) || b == b'/';
        if !is_escaped(path.as_bytes(), &is_path) {
            return Err(UriError::Path);
        }
        if !query.is_none_or(|query| is_escaped(query.as_bytes(), &|b| is_path(b) || b == b'?')) {
            return Err(UriError::Query);
        }
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

/// [`cut`] for text.
fn cut_text(text: &str, position: Option<usize>) -> (&str, &str) {
    position.and_then(|n| text.split_at_checked(n)).unwrap_or((text, ""))
}

/// The port of a URI without one.
pub(super) const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Splits `host [ ":" port ]`. A port that is empty counts as none (RFC 3986 section 3.2.3).
pub(super) fn host_and_port(authority: &[u8]) -> Result<(&[u8], Option<u16>), UriError> {
    let end = if authority.starts_with(b"[") {
        authority.iter().position(|&b| b == b']').map(|end| end.saturating_add(1))
    } else {
        authority.iter().position(|&b| b == b':')
    };
    let (host, port) = cut(authority, end);
    let valid = match host.strip_prefix(b"[") {
        Some(literal) => literal.strip_suffix(b"]").is_some_and(is_ipv6),
        None => !host.is_empty() && is_escaped(host, &is_reg_name),
    };
    if !valid {
        return Err(UriError::Host);
    }
    let port = match port.split_first() {
        None | Some((b':', [])) => None,
        Some((b':', digits)) => Some(number(digits).filter(|&port| port != 0).ok_or(UriError::Port)?),
        Some(_) => return Err(UriError::Host),
    };
    Ok((host, port))
}

fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |number, b| {
        b.is_ascii_digit().then_some(())?;
        number.checked_mul(10)?.checked_add(u16::from(b & 15))
    })
}

/// A character of a registered name (RFC 3986 section 3.2.2), and so of an IPv4 address.
const fn is_reg_name(b: u8) -> bool {
    // RFC 3986 2.2, 2.3: unreserved / sub-delims
    b.is_ascii_alphanumeric()
        || matches!(b, b'-' | b'.' | b'_' | b'~')
        || matches!(b, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

const fn is_pchar(b: u8) -> bool {
    // RFC 3986 3.3
    is_reg_name(b) || matches!(b, b':' | b'@')
}

/// Whether all of `text` is allowed as it stands, or escaped as `%` and two hexadecimal digits (RFC 3986 section 2.1).
fn is_escaped(mut text: &[u8], allowed: &dyn Fn(u8) -> bool) -> bool {
    loop {
        text = match text {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            [b, rest @ ..] if allowed(*b) => rest,
            _ => return false,
        }
    }
}

/// Whether `text` is an IPv6 address (RFC 3986 section 3.2.2): eight groups of 16 bits, of which the last two may be an
/// IPv4 address and one run of one or more may be left out.
fn is_ipv6(text: &[u8]) -> bool {
    let (mut groups, mut run, mut rest) = (0usize, false, text);
    if let [b':', b':', behind @ ..] = text {
        (run, rest) = (true, behind);
    }
    while !(run && rest.is_empty()) {
        let (group, behind) = cut(rest, rest.iter().position(|b| !b.is_ascii_hexdigit()));
        groups = groups.saturating_add(1);
        rest = match behind {
            [b'.', ..] if is_ipv4(rest) => {
                groups = groups.saturating_add(1);
                break;
            }
            _ if !matches!(group.len(), 1..=4) => return false,
            [] => break,
            [b':', b':', behind @ ..] if !run => {
                run = true;
                behind
            }
            [b':', behind @ ..] if !behind.is_empty() => behind,
            _ => return false,
        };
    }
    if run { groups < 8 } else { groups == 8 }
}

fn is_ipv4(text: &[u8]) -> bool {
    let octet = |octet: &[u8]| {
        number(octet).is_some_and(|n| n <= 255) && !octet.is_empty() && (octet.len() == 1 || !octet.starts_with(b"0"))
    };
    text.split(|&b| b == b'.').all(octet) && text.split(|&b| b == b'.').count() == 4
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
