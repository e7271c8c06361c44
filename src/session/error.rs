//! Why a session failed.

use crate::deadlines::Reason;
use crate::handshake::error::HandshakeError;
use crate::wire::error::ProtocolError;

/// Why a [`Session`](super::Session) failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The opening handshake failed.
    Handshake(HandshakeError),
    /// The connection failed.
    Protocol(ProtocolError),
    /// The peer took too long.
    Timeout(Reason),
    /// The host did not answer the request or the response within [`Timeouts::handshake`].
    ///
    /// [`Timeouts::handshake`]: crate::deadlines::Timeouts::handshake
    Unanswered,
}

/// Whose fault an error is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Fault {
    /// The peer broke a rule or a limit.
    Peer,
    /// The peer is silent, or the transport has ended: the network, or a peer that is gone.
    Transport,
    /// The host lent no storage, or did not answer.
    Host,
}

impl Error {
    /// Returns whose fault it is. See [`Session`](super::Session) for an example.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Handshake(HandshakeError::NoStorage)
            | Self::Protocol(ProtocolError::NoStorage)
            | Self::Unanswered => Fault::Host,
            Self::Handshake(HandshakeError::UnexpectedEof) | Self::Protocol(ProtocolError::UnexpectedEof) => {
                Fault::Transport
            }
            Self::Handshake(_) | Self::Protocol(_) => Fault::Peer,
            Self::Timeout(_) => Fault::Transport,
        }
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Handshake(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Timeout(reason) => f.write_str(match reason {
                Reason::Handshake => "opening handshake timed out",
                Reason::Pong => "peer does not answer a Ping",
                _ => "closing timed out",
            }),
            Self::Unanswered => f.write_str("the host did not answer the opening handshake in time"),
        }
    }
}

impl core::error::Error for Error {}
