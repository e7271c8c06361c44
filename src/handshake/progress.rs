//! The progress of a handshake: [`Progress`] for the host, `State` for the handshakes themselves.

use super::error::HandshakeError;

/// The progress of a handshake.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Progress<'b> {
    /// All bytes were consumed, and the head is not complete.
    Partial,
    /// The head is complete.
    Complete {
        /// The number of bytes that belong to the head.
        consumed: usize,
        /// The bytes after them. It borrows the whole input. To go on with them after the match, give the variable a
        /// new value in every arm (`Partial => &mut [], Complete { rest, .. } => rest`), or use `consumed`.
        rest: &'b mut [u8],
    },
}

impl<'b> Progress<'b> {
    pub(super) fn new(complete: bool, bytes: &'b mut [u8], consumed: usize) -> Self {
        if complete {
            Self::Complete { consumed, rest: bytes.get_mut(consumed..).unwrap_or_else(|| never!(&mut [])) }
        } else {
            Self::Partial
        }
    }
}

/// The state of a handshake. An error is sticky, and nothing is read once the head is complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum State {
    Reading,
    Complete,
    Failed(HandshakeError),
}

impl State {
    pub(super) fn receive_eof(&mut self) -> Result<(), HandshakeError> {
        match *self {
            Self::Complete => Ok(()),
            Self::Failed(error) => Err(error),
            Self::Reading => {
                *self = Self::Failed(HandshakeError::UnexpectedEof);
                Err(HandshakeError::UnexpectedEof) // RFC 6455 7.1.4, 7.2.1 [6455-7.1.4-2] [6455-7.2.1-2]
            }
        }
    }
}
