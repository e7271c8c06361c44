//! The settings of a proxy, as people write them: `http://user:password@host:port` (RFC 3986 section 3.2, RFC 9110
//! section 4.2.1).

use super::authority::Authority;
use super::chars::{HEX, TARGET};
use super::credentials::write_basic;
use super::cursor::{Cursor, is_all};
use super::error::{BuildError, ProxyError, UriError};
use super::list::text;

/// A proxy that is reached over plain TCP: `host:port` or `http://host:port`, where `user:password@` can precede the
/// host. See [`Tunnel`](super::Tunnel).
///
/// The port is required, because programs differ in the port of a proxy that has none: 80 is the one of `http:`, and
/// curl takes 1080. A user name and a password are percent-encoded, above all their `%`, `/`, `?`, `#` and spaces; an
/// `@` can be written as it is. [`authorization`](Self::authorization) decodes them. `Debug` does not show them.
///
/// ```
/// use barews::handshake::{Proxy, ProxyError};
///
/// let proxy = Proxy::parse("http://Aladdin:open%20sesame@proxy.example:3128")?;
/// assert_eq!((proxy.host(), proxy.port()), ("proxy.example", 3128));
/// let mut value = [0; 64];
/// assert_eq!(proxy.authorization(&mut value), Ok(Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")));
/// assert_eq!(format!("{proxy:?}"), r#"Proxy { host: "proxy.example", port: 3128, .. }"#);
///
/// assert_eq!(Proxy::parse("[2001:db8::1]:8080")?.authorization(&mut value), Ok(None));
/// assert_eq!(Proxy::parse("proxy.example"), Err(ProxyError::Port));
/// assert_eq!(Proxy::parse("https://proxy.example:3128"), Err(ProxyError::Tls));
/// assert_eq!(Proxy::parse("socks5://proxy.example:1080"), Err(ProxyError::Socks));
/// # Ok::<(), ProxyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Proxy<'a> {
    /// The user name, a colon and the password, percent-encoded.
    user_info: Option<&'a str>,
    host: &'a str,
    port: u16,
}

impl core::fmt::Debug for Proxy<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Proxy").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Proxy<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Proxy {{ host: {=str}, port: {=u16}, .. }}", self.host, self.port);
    }
}

impl<'a> TryFrom<&'a str> for Proxy<'a> {
    type Error = ProxyError;

    fn try_from(proxy: &'a str) -> Result<Self, ProxyError> {
        Self::parse(proxy)
    }
}

impl<'a> Proxy<'a> {
    /// Parses `proxy`. A `/` at its end is accepted.
    ///
    /// # Errors
    ///
    /// The first part that is malformed or not supported.
    pub fn parse(proxy: &'a str) -> Result<Self, ProxyError> {
        let mut rest = Cursor(proxy.as_bytes());
        if !rest.eat(b"http://") && proxy.as_bytes().windows(3).any(|three| three == b"://") {
            return Err(match rest {
                _ if rest.eat(b"https:") => ProxyError::Tls,
                _ if rest.eat(b"socks") => ProxyError::Socks,
                _ => ProxyError::Scheme,
            });
        }
        // A password can contain an @, as curl, Go and browsers have it. The host cannot.
        let user_info = match rest.0.iter().rposition(|byte| *byte == b'@') {
            None => None,
            Some(len) => {
                let user_info = rest.take(len);
                rest.take(1);
                check_user_info(user_info)?;
                Some(text(user_info))
            }
        };
        let Authority { host, port } = Authority::read(&mut rest).map_err(|error| match error {
            UriError::Port => ProxyError::Port,
            _ => ProxyError::Host,
        })?;
        let port = port.ok_or(ProxyError::Port)?;
        if !matches!(rest.0, [] | [b'/']) {
            return Err(ProxyError::Path);
        }
        Ok(Self { user_info, host: text(host), port })
    }

    /// Returns the host: a name, an IPv4 address, or an IPv6 address in brackets. Remove the brackets for resolvers.
    #[must_use]
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Writes the credentials to `out` and returns them: the value of Proxy-Authorization, of the scheme `Basic` (RFC
    /// 7617). Returns `None` if there is no user name. Without a password it is empty.
    ///
    /// # Errors
    ///
    /// [`BuildError::BufferTooSmall`].
    pub fn authorization<'o>(&self, out: &'o mut [u8]) -> Result<Option<&'o str>, BuildError> {
        let Some(user_info) = self.user_info else { return Ok(None) };
        let mut rest = Cursor(user_info.as_bytes());
        let user_id = rest.field(b':');
        write_basic(decoded(user_id).chain([b':']).chain(decoded(rest.0)), out).map(Some)
    }
}

/// Validates a user name, and a password after the first colon.
fn check_user_info(user_info: &[u8]) -> Result<(), ProxyError> {
    let mut rest = Cursor(user_info);
    let user_id = rest.field(b':');
    let is_valid = |text: &[u8]| {
        // RFC 3986 2.1
        let mut escapes = text.split(|byte| *byte == b'%').skip(1);
        let is_escaped = escapes.all(|part| matches!(part, [high, low, ..] if HEX.has(*high) && HEX.has(*low)));
        // RFC 7617 2: no control characters [7617-2-2]
        is_escaped
            && is_all(text, TARGET)
            && !text.iter().any(|byte| matches!(byte, b'/' | b'?'))
            && !decoded(text).any(|byte| byte.is_ascii_control())
    };
    // RFC 7617 2: the first colon ends the user-id, so that it cannot have one [7617-2-3]
    if is_valid(user_id) && !decoded(user_id).any(|byte| byte == b':') && is_valid(rest.0) {
        Ok(())
    } else {
        Err(ProxyError::UserInfo)
    }
}

/// Returns the bytes of a percent-encoded text (RFC 3986 section 2.1).
fn decoded(text: &[u8]) -> impl Iterator<Item = u8> + Clone {
    let mut rest = Cursor(text);
    core::iter::from_fn(move || {
        let byte = *rest.take(1).first()?;
        match (byte, rest.0) {
            (b'%', [high, low, after @ ..]) => {
                rest.0 = after;
                Some(digit(*high) << 4 | digit(*low))
            }
            _ => Some(byte),
        }
    })
}

/// Returns the value of a hexadecimal digit.
const fn digit(byte: u8) -> u8 {
    if byte.is_ascii_digit() { byte & 15 } else { (byte & 7) + 9 }
}
