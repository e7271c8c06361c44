//! Messages.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

pub use barews::connection::MessageKind;
use barews::wire::CloseCode;
use bytes::Bytes;

/// A message, or a control frame that came or goes between messages.
///
/// ```
/// use barews_tokio::Message;
///
/// let message = Message::text("Hello");
/// assert_eq!(message.to_text(), Some("Hello"));
/// assert_eq!(message.into_data(), "Hello");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// A text message (RFC 6455 section 5.6).
    Text(Utf8Bytes),
    /// A binary message (RFC 6455 section 5.6).
    Binary(Bytes),
    /// A Ping with up to 125 bytes. A received one is answered by the crate: no program needs to send its Pong.
    Ping(Bytes),
    /// A Pong with up to 125 bytes. Those that answer the crate's own Pings are not handed out.
    Pong(Bytes),
    /// A Close frame. A received one is the last message; the crate answers it. Sending one starts the closing
    /// handshake: then call [`close`](crate::WebSocket::close), or [`next`](crate::WebSocket::next) until it returns
    /// `None`.
    Close(Option<CloseFrame>),
}

impl Message {
    /// Creates a text message.
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// Creates a binary message.
    pub fn binary(data: impl Into<Bytes>) -> Self {
        Self::Binary(data.into())
    }

    /// Returns whether this is a text message.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Returns whether this is a binary message.
    #[must_use]
    pub const fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_))
    }

    /// Returns whether this is a data message: text or binary.
    #[must_use]
    pub const fn is_data(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Binary(_))
    }

    /// Returns whether this is a Ping.
    #[must_use]
    pub const fn is_ping(&self) -> bool {
        matches!(self, Self::Ping(_))
    }

    /// Returns whether this is a Pong.
    #[must_use]
    pub const fn is_pong(&self) -> bool {
        matches!(self, Self::Pong(_))
    }

    /// Returns whether this is a Close frame.
    #[must_use]
    pub const fn is_close(&self) -> bool {
        matches!(self, Self::Close(_))
    }

    /// Returns the payload; that of a Close frame is its reason.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data,
            Self::Close(close) => close.as_ref().map_or(&[], |close| close.reason.as_bytes()),
        }
    }

    /// Returns the payload without copying it.
    #[must_use]
    pub fn into_data(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data,
            Self::Close(close) => close.map_or_else(Bytes::new, |close| close.reason.into_bytes()),
        }
    }

    /// Returns the text of a text message.
    #[must_use]
    pub fn to_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text.as_str()) } else { None }
    }

    /// Returns the text of a text message without copying it.
    #[must_use]
    pub fn into_text(self) -> Option<Utf8Bytes> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Returns the length of the payload in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Returns whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<Utf8Bytes> for Message {
    fn from(text: Utf8Bytes) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for Message {
    fn from(data: Bytes) -> Self {
        Self::Binary(data)
    }
}

impl From<Vec<u8>> for Message {
    fn from(data: Vec<u8>) -> Self {
        Self::binary(data)
    }
}

impl From<&[u8]> for Message {
    fn from(data: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(data))
    }
}

/// The payload of a Close frame (RFC 6455 section 5.5.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CloseFrame {
    /// Why the connection closes.
    pub code: CloseCode,
    /// A text for people, at most 123 bytes.
    pub reason: Utf8Bytes,
}

impl CloseFrame {
    /// Creates a Close frame with this reason.
    pub fn new(code: impl Into<CloseCode>, reason: impl Into<Utf8Bytes>) -> Self {
        Self { code: code.into(), reason: reason.into() }
    }
}

impl From<CloseCode> for CloseFrame {
    fn from(code: CloseCode) -> Self {
        Self::new(code, "")
    }
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.reason)
    }
}

/// A chunk of a data message: what [`next_chunk`](crate::WebSocket::next_chunk) returns and
/// [`send_chunk`](crate::WebSocket::send_chunk) sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Text or binary.
    pub kind: MessageKind,
    /// The payload. A chunk of text can begin and end inside a character.
    ///
    /// Received text is valid as far as it came. The message can still turn out not to be UTF-8: then the next call of
    /// [`next_chunk`](crate::WebSocket::next_chunk) fails with
    /// [`InvalidUtf8`](crate::ProtocolError::InvalidUtf8), after earlier chunks were handed out. Text that is sent in
    /// chunks is not validated: the chunks together must be UTF-8, or the peer fails the connection with 1007.
    pub data: Bytes,
    /// Whether this is the last chunk of its message.
    pub last: bool,
}

/// Text in shared memory, like [`Bytes`]: cloning copies nothing.
///
/// The bytes are always UTF-8. The engine validates those of a received message once, while it unmasks them; after that
/// the text is a `str` at no cost.
///
/// ```
/// use barews_tokio::Utf8Bytes;
///
/// let text = Utf8Bytes::from("Hello");
/// assert!(text == "Hello" && text.len() == 5 && text.starts_with('H'));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Utf8Bytes(Bytes);

impl Utf8Bytes {
    /// Creates a text from a constant. Allocates nothing.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// For a text that the engine has validated.
    ///
    /// # Safety
    /// `bytes` are UTF-8.
    #[expect(unsafe_code, reason = "`as_str` relies on it")]
    pub(crate) unsafe fn from_validated(bytes: Bytes) -> Self {
        debug_assert!(std::str::from_utf8(&bytes).is_ok(), "the engine validates text");
        Self(bytes)
    }

    /// Returns the text.
    #[must_use]
    #[expect(unsafe_code, reason = "a received text is not validated twice")]
    pub fn as_str(&self) -> &str {
        // SAFETY: every way to make a `Utf8Bytes` takes a `str`, validates, or has the caller promise UTF-8. Nobody can
        // change the bytes.
        unsafe { std::str::from_utf8_unchecked(&self.0) }
    }

    /// Returns the bytes of the text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the bytes of the text without copying them.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Returns the length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the text is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Deref for Utf8Bytes {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<str> for Utf8Bytes {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Utf8Bytes {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl PartialEq<String> for Utf8Bytes {
    fn eq(&self, other: &String) -> bool {
        *self == **other
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<&String> for Utf8Bytes {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Cow<'_, str>> for Utf8Bytes {
    fn from(text: Cow<'_, str>) -> Self {
        text.into_owned().into()
    }
}

/// Fails if the bytes are not UTF-8.
impl TryFrom<Bytes> for Utf8Bytes {
    type Error = std::str::Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Self::Error> {
        std::str::from_utf8(&bytes)?;
        Ok(Self(bytes))
    }
}

impl From<Utf8Bytes> for Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.0
    }
}

impl From<Utf8Bytes> for String {
    fn from(text: Utf8Bytes) -> Self {
        text.as_str().to_owned()
    }
}
