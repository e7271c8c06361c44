//! The server's opening handshake, for the client: the status line, the checks of RFC 6455 section 4.1, and the host's
//! view of a response.

use super::config::ClientConfig;
use super::cursor::Cursor;
use super::error::HandshakeError;
use super::extensions::{self, Extension, is_offered};
use super::fields::{Fields, Rule, Rules, Set, fields};
use super::head::{Head, minor_version};
use super::list::{self, contains, text};

fields! {
    /// The fields that matter in a response. The engine checks those that have a rule; the others are for the host,
    /// when the status is not 101.
    // RFC 6455 4.1 [6455-4.1-34] [6455-4.1-41]
    enum ResponseField {
        Upgrade = "Upgrade", Rule::required(HandshakeError::Upgrade).once();
        Connection = "Connection", Rule::required(HandshakeError::Connection);
        Accept = "Sec-WebSocket-Accept", Rule::required(HandshakeError::Accept).once(); // [6455-11.3.3-1]
        Extensions = "Sec-WebSocket-Extensions", Rule::optional(HandshakeError::Extensions);
        Protocol = "Sec-WebSocket-Protocol", Rule::optional(HandshakeError::Subprotocol).once(); // [6455-11.3.4-2]
        Version = "Sec-WebSocket-Version", Rule::NONE;
        Location = "Location", Rule::NONE;
        Authenticate = "WWW-Authenticate", Rule::NONE;
        RetryAfter = "Retry-After", Rule::NONE;
    }
}

/// A response: a 101 that has passed every check, or another final status.
///
/// ```
/// use barews::handshake::{ClientConfig, ClientHandshake};
///
/// let config = ClientConfig {
///     subprotocols: &["chat"],
///     extensions: "permessage-deflate",
///     keep: &["set-cookie"],
///     ..ClientConfig::DEFAULT
/// };
/// let nonce = *b"the sample nonce"; // 16 random bytes in a real client
/// let mut handshake = ClientHandshake::new(&config, nonce, [0; 512]);
/// let mut read = *b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\
///     Sec-WebSocket-Extensions: permessage-deflate\r\nSet-Cookie: user=1\r\nSet-Cookie: theme=dark\r\n\r\n";
/// let _progress = handshake.receive(&mut read)?;
/// let Some(response) = handshake.response() else { panic!() };
/// assert!(response.is_accepted());
/// assert_eq!((response.status(), response.subprotocol()), (101, Some("chat")));
/// assert!(response.extensions().any(|extension| extension.name() == "permessage-deflate"));
/// assert_eq!(response.field("Set-Cookie"), Some(&b"user=1"[..]));
/// assert!(response.fields("Set-Cookie").eq([&b"user=1"[..], b"theme=dark"]));
/// # Ok::<(), barews::HandshakeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Response<'a> {
    line: StatusLine,
    fields: Fields<'a>,
}

impl<'a> Response<'a> {
    pub(super) fn new(line: StatusLine, fields: Fields<'a>) -> Self {
        Self { line, fields }
    }

    /// Returns the status code. Any status but 101 is an ordinary HTTP answer: a redirect, a demand for authentication,
    /// another version, or a refusal (RFC 6455 section 4.1).
    #[must_use]
    pub fn status(&self) -> u16 {
        self.line.status
    }

    /// Returns whether the connection is open: the status is 101.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.status() == 101 // [6455-4.1-35] [6455-4.1-42]
    }

    /// Returns the seconds that the server asks to wait before the next attempt (RFC 9110 section 10.2.3). `None` without
    /// the field Retry-After, or if it has a date. See [`Reconnect`](crate::deadlines::Reconnect).
    ///
    /// ```
    /// use barews::handshake::{ClientConfig, ClientHandshake};
    ///
    /// let mut handshake = ClientHandshake::new(&ClientConfig::DEFAULT, *b"the sample nonce", [0; 512]);
    /// let _progress = handshake.receive(&mut b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\n\r\n".to_owned())?;
    /// assert_eq!(handshake.response().and_then(|response| response.retry_after()), Some(120));
    /// # Ok::<(), barews::HandshakeError>(())
    /// ```
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        seconds(self.field("Retry-After")?)
    }

    /// Returns the subprotocol that the server chose.
    pub fn subprotocol(&self) -> Option<&'a str> {
        self.values(ResponseField::Protocol).next().map(text)
    }

    /// Returns the extensions that the server chose, in the order in which they apply to messages that are sent (RFC
    /// 6455 section 9.1).
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'a>> + Clone + use<'a> {
        // RFC 6455 9.1, erratum 3433 [6455-9.1-7]
        self.values(ResponseField::Extensions).flat_map(extensions::extensions)
    }

    /// Returns the first value of a field, without white space around it: Location, WWW-Authenticate, Retry-After,
    /// Sec-WebSocket-Version or one that [`ClientConfig::keep`] names. `name` can be in any case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.fields(name).next()
    }

    /// Returns all values of such a field, in order.
    pub fn fields(&self, name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.fields.named(name) // RFC 9110 11.6.1: it can occur several times [9110-11.6.1-1]
    }

    /// Returns the values of a field that is checked only in a 101; none in another response.
    fn values(&self, field: ResponseField) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let checked = if self.is_accepted() { usize::MAX } else { 0 };
        self.fields.values(field.id()).take(checked)
    }

    /// Validates the head of a 101, or of the response to an extended CONNECT, which has no `accept`.
    pub(super) fn check(&self, config: &ClientConfig<'_>, accept: Option<&[u8; 28]>) -> Result<(), HandshakeError> {
        use ResponseField::*;
        let offered = |chosen: &[u8]| is_offered(chosen, config.extensions.as_bytes());
        let is_valid = |place, value: &[u8]| match ResponseField::at(place) {
            Some(Upgrade) => value.eq_ignore_ascii_case(b"websocket"), // [6455-4.1-36]
            Some(Connection) => contains(value, b"upgrade"),           // [6455-4.1-37]
            Some(Accept) => accept.is_some_and(|accept| value == accept), // [6455-4.1-38]
            // [6455-4.1-39] [6455-9.1-1]
            Some(Extensions) => extensions::is_valid(value) && list::some_and_all(value, offered),
            Some(Protocol) => config.subprotocols.iter().any(|ours| ours.as_bytes() == value), // [6455-4.1-40]
            _ => never!(false),
        };
        let mut found = ResponseField::RULES.validate(self.fields, &is_valid)?;
        if accept.is_none() {
            // RFC 8441 5: no hop-by-hop fields and no answer to a key [8441-5-3] [8441-5-5]
            for field in [Upgrade, Connection, Accept] {
                found.invalid.remove(field.id());
            }
        }
        if self.line.minor == 0 {
            return Err(HandshakeError::HttpVersion);
        }
        ResponseField::RULES.check(found.invalid, Set::ALL)
    }
}

/// A status line (RFC 9112 section 4).
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct StatusLine {
    /// The x in HTTP/1.x.
    minor: u8,
    pub(super) status: u16,
}

impl StatusLine {
    pub(super) const NONE: Self = Self { minor: 0, status: 0 };

    /// Makes the status line of a response that the host has parsed.
    pub(super) fn of(status: u16) -> Self {
        Self { minor: 1, status }
    }

    pub(super) fn parse(line: &[u8]) -> Result<Self, HandshakeError> {
        let mut rest = Cursor(line);
        let minor = minor_version(rest.field(b' '))?;
        match rest.field(b' ') {
            // The space after the status can be missing if there is no reason phrase.
            [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                let digit = |b: &u8| u16::from(b & 15);
                Ok(Self { minor, status: digit(a) * 100 + digit(b) * 10 + digit(c) })
            }
            _ => Err(HandshakeError::StartLine),
        }
    }
}

/// Returns the value of Retry-After, unless it is a date, and at most `u32::MAX`.
// RFC 9110 10.2.3: digits only [9110-10.2.3-1]
pub(super) fn seconds(value: &[u8]) -> Option<u32> {
    let (first, rest) = value.split_first()?;
    let digit = |byte: &u8| byte.is_ascii_digit().then_some(u32::from(byte & 15));
    rest.iter().try_fold(digit(first)?, |seconds, byte| Some(seconds.saturating_mul(10).saturating_add(digit(byte)?)))
}

/// Reads up to the end of the final response's head, and returns the number of bytes consumed.
pub(super) fn read_final(
    head: &mut Head<'_>,
    line: &mut StatusLine,
    storage: &mut [u8],
    bytes: &[u8],
) -> Result<usize, HandshakeError> {
    let mut consumed = 0;
    loop {
        let mut start_line = |read: &[u8]| {
            *line = StatusLine::parse(read)?;
            Ok(true)
        };
        let rest = bytes.get(consumed..).unwrap_or_else(|| never!(&[]));
        consumed += head.read(storage, rest, &mut start_line)?;
        if !head.is_complete() || !skip_interim(head, line) {
            return Ok(consumed);
        }
    }
}

/// Begins a new head after an interim response. Returns whether it was one.
pub(super) fn skip_interim(head: &mut Head<'_>, line: &mut StatusLine) -> bool {
    // RFC 9110 15.2: the final response follows an interim one [9110-15.2-1]
    let interim = matches!(line.status, 100 | 102..=199);
    if interim {
        head.restart();
        *line = StatusLine::NONE;
    }
    interim
}

#[cfg(test)]
mod tests {
    use super::*;
    use HandshakeError::*;

    #[test]
    fn status_line_has_version_and_status() {
        for (line, expected) in [
            ("HTTP/1.1 101 Switching Protocols", Ok((1, 101))),
            ("HTTP/1.1 101 ", Ok((1, 101))),
            ("HTTP/1.1 101", Ok((1, 101))),
            ("HTTP/1.0 999 \u{e9}", Ok((0, 999))),
            ("HTTP/2.0 101 x", Err(HttpVersion)),
            ("HTTP/2 101 x", Err(StartLine)),
            ("HTTP/1.1 1010", Err(StartLine)),
            ("HTTP/1.1 10", Err(StartLine)),
            ("HTTP/1.1 099 x", Err(StartLine)),
            ("HTTP/1.1  101 x", Err(StartLine)),
            ("HTTP/1.1\t101 x", Err(StartLine)),
            ("HTTP/1.1", Err(StartLine)),
            ("http/1.1 101 x", Err(StartLine)),
            (" HTTP/1.1 101 x", Err(StartLine)),
            ("FOO BAR BAZ", Err(StartLine)),
            ("", Err(StartLine)),
        ] {
            let expected = expected.map(|(minor, status)| StatusLine { minor, status });
            assert_eq!(StatusLine::parse(line.as_bytes()), expected, "{line:?}");
        }
    }
}
