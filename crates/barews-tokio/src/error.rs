//! Errors, and whose fault they are.

use std::fmt;
use std::io;

use barews::handshake::{ProxyError, UriError};
pub use barews::session::Fault;
use barews::wire::CloseCode;
use barews::{BuildError, HandshakeError, ProtocolError, SendError};
use bytes::Bytes;

use crate::Response;

/// Why a call failed.
///
/// ```
/// use barews_tokio::{Error, Fault, ProtocolError};
///
/// let error = Error::Protocol(ProtocolError::InvalidUtf8); // from `next`, for the log
/// assert_eq!((error.fault(), error.close_code().map(u16::from)), (Fault::Peer, Some(1007)));
/// assert!(!error.is_temporary());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The transport failed.
    Io(io::Error),
    /// The peer broke a rule of RFC 6455 or RFC 7692, or a limit; or the transport ended without a Close frame
    /// ([`ProtocolError::UnexpectedEof`]).
    Protocol(ProtocolError),
    /// The peer's opening handshake is not valid.
    Handshake(HandshakeError),
    /// The peer took too long.
    Timeout(Timeout),
    /// The server answered the client with another status than 101, or over HTTP/2 than 200 to 299.
    Refused(Box<Refused>),
    /// The server's callback refused the request with this status.
    Rejected(u16),
    /// The proxy answered CONNECT with this status, and asks to wait for this many seconds.
    Proxy {
        /// The status.
        status: u16,
        /// The seconds of Retry-After.
        retry_after: Option<u32>,
    },
    /// More redirects than allowed. The URI is that of the last one.
    TooManyRedirects(String),
    /// The connection is closing or closed, so nothing can be sent.
    Closed,
    /// A message that was sent chunk by chunk is not complete, so no other message can be sent.
    MessageInProgress,
    /// A control message with more than 125 bytes, or a Close frame with a code or a reason that must not be sent.
    Send(SendError),
    /// A request or a response cannot be written: a header field, a subprotocol or a status is not valid.
    Build(BuildError),
    /// The URI is not a WebSocket URI.
    Uri(UriError),
    /// The address of the proxy is not valid.
    ProxyUri(ProxyError),
    /// The server does not enable WebSockets over HTTP/2: SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 section 3).
    NoExtendedConnect,
    /// The URI is `wss:`, but the crate was built without the feature `rustls`, or the host name is not valid for TLS.
    Tls(&'static str),
}

/// What took too long.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timeout {
    /// [`Timeouts::connect`](crate::Timeouts::connect).
    Connect,
    /// [`Timeouts::handshake`](crate::Timeouts::handshake).
    Handshake,
    /// [`Timeouts::pong`](crate::Timeouts::pong): the peer is silent.
    Pong,
    /// [`Timeouts::send`](crate::Timeouts::send): the peer accepts no bytes.
    Send,
    /// [`Timeouts::closing`](crate::Timeouts::closing): the peer does not answer our Close.
    Closing,
}

/// An answer of a server that does not open a WebSocket.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Status and header fields.
    pub response: Response,
    /// The beginning of the body as it was received, at most 4 KiB; a chunked body is not decoded.
    pub body: Bytes,
}

impl Error {
    /// Returns whose fault it is: the peer's, the network's, or this program's ([`Fault::Host`]).
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Protocol(error) => barews::session::Error::Protocol(*error).fault(),
            Self::Handshake(error) => barews::session::Error::Handshake(*error).fault(),
            Self::Io(_) | Self::Timeout(_) => Fault::Transport,
            Self::Refused(_) | Self::Proxy { .. } | Self::TooManyRedirects(_) | Self::NoExtendedConnect => Fault::Peer,
            Self::Closed
            | Self::Rejected(_)
            | Self::MessageInProgress
            | Self::Send(_)
            | Self::Build(_)
            | Self::Uri(_)
            | Self::ProxyUri(_)
            | Self::Tls(_) => Fault::Host,
        }
    }

    /// Returns the status code that the connection was closed with because of this error; 1006 if no Close frame was
    /// sent. `None` for an error that does not end a connection.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Protocol(error) => Some(error.close_code()),
            Self::Io(_) | Self::Timeout(Timeout::Pong | Timeout::Send | Timeout::Closing) => Some(CloseCode::ABNORMAL),
            _ => None,
        }
    }

    /// Returns whether another attempt to connect can succeed: the server could not be reached, is too slow or busy
    /// (429 or 5xx), or ended the transport.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Io(_) | Self::Timeout(_) => true,
            Self::Protocol(error) => *error == ProtocolError::UnexpectedEof,
            Self::Handshake(error) => *error == HandshakeError::UnexpectedEof,
            Self::Refused(refused) => matches!(refused.response.status().as_u16(), 429 | 500..=599),
            Self::Proxy { status, .. } => matches!(status, 429 | 500..=599),
            _ => false,
        }
    }

    /// Returns the seconds that the server or the proxy asks to wait (RFC 9110 section 10.2.3).
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Refused(refused) => refused.response.retry_after,
            Self::Proxy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Handshake(error) => error.fmt(f),
            Self::Timeout(timeout) => f.write_str(match timeout {
                Timeout::Connect => "connecting took too long",
                Timeout::Handshake => "opening handshake took too long",
                Timeout::Pong => "peer does not answer a Ping",
                Timeout::Send => "peer accepts no bytes",
                Timeout::Closing => "peer does not answer the Close frame",
            }),
            Self::Refused(refused) => write!(f, "the server answers with status {}", refused.response.status()),
            Self::Rejected(status) => write!(f, "the request was refused with status {status}"),
            Self::Proxy { status, .. } => write!(f, "the proxy answers with status {status}"),
            Self::TooManyRedirects(uri) => write!(f, "too many redirects, the last to {uri}"),
            Self::Closed => f.write_str("the connection is closing"),
            Self::MessageInProgress => f.write_str("inside a message that is sent in chunks"),
            Self::Send(error) => error.fmt(f),
            Self::Build(error) => error.fmt(f),
            Self::Uri(error) => error.fmt(f),
            Self::ProxyUri(error) => error.fmt(f),
            Self::NoExtendedConnect => f.write_str("the server does not enable WebSockets over HTTP/2"),
            Self::Tls(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<BuildError> for Error {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Uri(error) => Self::Uri(error),
            error => Self::Build(error),
        }
    }
}

impl From<UriError> for Error {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

impl From<ProxyError> for Error {
    fn from(error: ProxyError) -> Self {
        Self::ProxyUri(error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Closing => Self::Closed,
            SendError::MessageInProgress => Self::MessageInProgress,
            error => Self::Send(error),
        }
    }
}

/// For programs whose own functions return [`io::Error`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Io(error) => return error,
            Error::Timeout(_) => io::ErrorKind::TimedOut,
            Error::Protocol(ProtocolError::UnexpectedEof) | Error::Handshake(HandshakeError::UnexpectedEof) => {
                io::ErrorKind::UnexpectedEof
            }
            Error::Closed => io::ErrorKind::BrokenPipe,
            ref error if error.fault() == Fault::Peer => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}
