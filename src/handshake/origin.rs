//! The origin policy of a server (RFC 6455 sections 4.2.2 and 10.2, RFC 6454).

use super::authority::{Authority, is_authority};
use super::cursor::Cursor;
use super::uri::default_port;
use crate::target::FAST;

/// Which web pages may connect (RFC 6455 section 10.2). There is no default: the host must choose.
///
/// A browser sends the origin of the page in every upgrade request, together with the cookies of *this* server. A
/// server that identifies its users by cookies must therefore not allow [`Any`](Self::Any) page to act for them.
///
/// The policy protects only users of browsers: other software can send any Origin or none (RFC 6455 section 10.1). A
/// request without Origin therefore passes every policy.
///
/// ```
/// use barews::HandshakeError;
/// use barews::handshake::{OriginPolicy, ServerConfig, ServerHandshake};
///
/// static CONFIG: ServerConfig<'_> =
///     ServerConfig::new(OriginPolicy::List(&["https://example.com", "http://localhost:8080"]));
/// let mut handshake = ServerHandshake::new(&CONFIG, [0; 512]);
/// let mut read = *b"GET /account HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Origin: https://evil.example\r\nCookie: user=1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
///     Sec-WebSocket-Version: 13\r\n\r\n";
/// assert_eq!(handshake.receive(&mut read), Err(HandshakeError::Origin));
/// let mut out = [0; 256];
/// let len = handshake.refuse(HandshakeError::Origin, &mut out)?;
/// assert!(out[..len].starts_with(b"HTTP/1.1 403 Forbidden\r\n"));
/// # Ok::<(), barews::BuildError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OriginPolicy<'c> {
    /// Every page.
    Any,
    /// Pages from the host and port that the request names ([`Request::host`](super::Request::host)). An origin of
    /// `null` does not pass. The scheme is not compared, since the engine does not know whether there is TLS: to keep
    /// out pages that came over `http`, [list](Self::List) the `https` origins.
    SameOrigin,
    /// Pages from these origins, such as `https://example.com` or `http://localhost:8080`: complete, without a path and
    /// without a default port. `null` can be one of them.
    List(&'c [&'c str]),
    /// Those of [`SameOrigin`](Self::SameOrigin), and those of a [list](Self::List): for a device with a page of its own
    /// at an address that it does not know in advance. Clients on Arduino often send `file://`.
    SameOriginOr(&'c [&'c str]),
}

impl OriginPolicy<'_> {
    /// Returns whether a page from `origin` may connect to `host`.
    pub(super) fn allows(&self, origin: &[u8], host: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::SameOrigin => is_same(origin, host),
            Self::List(list) => is_listed(origin, list),
            Self::SameOriginOr(list) => is_same(origin, host) || is_listed(origin, list),
        }
    }
}

fn is_listed(origin: &[u8], list: &[&str]) -> bool {
    list.iter().any(|allowed| origin.eq_ignore_ascii_case(allowed.as_bytes()))
}

pub(super) fn is_same(origin: &[u8], host: &[u8]) -> bool {
    // RFC 6454 5: the same host and port. Host has no scheme, so the origin's scheme gives the default port.
    let (mut origin, mut host) = (Cursor(origin), Cursor(host));
    let Some(secure) = origin.scheme(b"http") else { return false };
    // mutant: all in this condition: what follows gives the same
    if FAST && origin.0 == host.0 {
        return is_authority(host.0); // the common case
    }
    let (Ok(a), Ok(b)) = (Authority::read(&mut origin), Authority::read(&mut host)) else { return false };
    let port = |authority: Authority<'_>| authority.port.unwrap_or(default_port(secure));
    a.host.eq_ignore_ascii_case(b.host) && port(a) == port(b) && origin.0.is_empty() && host.0.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [6455-10.2-2]
    #[test]
    fn same_origin_allows_the_host_and_port_of_the_request() {
        for (origin, host, same) in [
            ("http://example.com", "example.com", true),
            ("HTTPS://Example.COM", "example.com", true),
            ("http://example.com", "example.com:80", true),
            ("http://example.com:80", "example.com", true),
            ("https://example.com", "example.com:443", true),
            ("http://127.0.0.1:9001", "127.0.0.1:9001", true),
            ("http://[::1]:9001", "[::1]:9001", true),
            ("http://example.com", "example.com:443", false),
            ("https://example.com", "example.com:80", false),
            ("http://example.com:8080", "example.com", false),
            ("http://example.com", "example.com:8080", false),
            ("http://example.com.evil.example", "example.com", false),
            ("http://evilexample.com", "example.com", false),
            ("http://sub.example.com", "example.com", false),
            ("http://example.com.", "example.com", false),
            ("http://example.com@evil.example", "example.com", false),
            ("http://example.com/", "example.com", false),
            ("http://example.com:80:80", "example.com", false),
            ("http:example.com", "example.com", false),
            ("ftp://example.com", "example.com", false),
            ("example.com", "example.com", false),
            ("://example.com", "example.com", false),
            ("http://", "", false),
            ("null", "example.com", false),
            ("null", "null", false),
            ("", "example.com", false),
        ] {
            assert_eq!(OriginPolicy::SameOrigin.allows(origin.as_bytes(), host.as_bytes()), same, "{origin} at {host}");
            assert!(OriginPolicy::Any.allows(origin.as_bytes(), host.as_bytes()));
            let either = OriginPolicy::SameOriginOr(&["file://"]);
            assert_eq!(either.allows(origin.as_bytes(), host.as_bytes()), same, "{origin} at {host}");
            assert!(either.allows(b"FILE://", host.as_bytes()) && !either.allows(b"file:///", host.as_bytes()));
        }
    }

    /// [6455-10.2-2]
    #[test]
    fn list_allows_the_origins_that_it_names() {
        let list = OriginPolicy::List(&["https://example.com", "http://localhost:8080"]);
        for (origin, listed) in [
            ("https://example.com", true),
            ("https://EXAMPLE.com", true),
            ("http://localhost:8080", true),
            ("http://example.com", false),
            ("http://localhost", false),
            ("https://example.com.evil.example", false),
            ("https://evil.example/https://example.com", false),
            ("https://example.comm", false),
            ("https://example.co", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(list.allows(origin.as_bytes(), b"example.com"), listed, "{origin}");
        }
        assert!(OriginPolicy::List(&["null"]).allows(b"null", b"example.com"));
    }
}
