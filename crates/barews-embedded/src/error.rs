//! Why a call failed, and whose fault it is.

use barews::session::{self, Fault};
use barews::{BuildError, SendError};

/// Why a call failed. `E` is the error of the transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error<E> {
    /// The transport failed.
    Transport(E),
    /// The transport accepted no byte of a write, and reported no error.
    WriteZero,
    /// The transport ended before the handshake, without an error of the peer.
    Ended,
    /// The WebSocket failed: the handshake, a rule of the protocol, a limit or a timeout. Later calls return the same
    /// error.
    Session(session::Error),
    /// The server answered the request with another status than 101.
    Refused {
        /// The status: a redirect, a demand for authentication or a refusal.
        status: u16,
        /// The seconds of Retry-After.
        retry_after: Option<u32>,
    },
    /// The message cannot be sent now, or not with this buffer.
    Send(SendError),
    /// The request or the response cannot be written.
    Build(BuildError),
}

impl<E> Error<E> {
    /// Returns whose fault it is.
    ///
    /// ```
    /// use barews::SendError;
    /// use barews::session::Fault;
    /// use barews_embedded::Error;
    ///
    /// let refused = Error::<()>::Refused { status: 503, retry_after: Some(120) };
    /// assert_eq!(refused.fault(), Fault::Peer);
    /// assert_eq!(Error::<()>::Send(SendError::NotOpen).fault(), Fault::Host);
    /// assert_eq!(Error::Transport("reset").fault(), Fault::Transport);
    /// ```
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Transport(_) | Self::WriteZero | Self::Ended => Fault::Transport,
            Self::Session(error) => error.fault(),
            Self::Refused { .. } => Fault::Peer,
            // The peer or a timeout began to close: sending was right when the host decided to.
            Self::Send(SendError::Closing) => Fault::Transport,
            Self::Send(_) | Self::Build(_) => Fault::Host,
        }
    }
}

impl<E> From<session::Error> for Error<E> {
    fn from(error: session::Error) -> Self {
        Self::Session(error)
    }
}

impl<E> From<SendError> for Error<E> {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl<E> From<BuildError> for Error<E> {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl<E: core::fmt::Display> core::fmt::Display for Error<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Transport(error) => error.fmt(f),
            Self::WriteZero => f.write_str("transport accepts no bytes"),
            Self::Ended => f.write_str("transport ended before the handshake"),
            Self::Session(error) => error.fmt(f),
            Self::Refused { status, .. } => write!(f, "server answered with status {status}"),
            Self::Send(error) => error.fmt(f),
            Self::Build(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for Error<E> {}
