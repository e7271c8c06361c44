//! The payload of Close frames (RFC 6455 section 5.5.1).

use super::close_code::CloseCode;
use super::error::{ProtocolError, SendError};
use super::header::MAX_CONTROL_PAYLOAD;
use super::utf8::Utf8Validator;

/// The payload of a Close frame: a status code and a reason (RFC 6455 section 5.5.1).
///
/// ```
/// use barews::wire::{CloseCode, CloseFrame};
///
/// let Some(close) = CloseFrame::parse(b"\x03\xE8bye")? else { panic!() };
/// assert_eq!((close.code(), close.reason()), (CloseCode::NORMAL, "bye"));
/// assert_eq!(CloseFrame::parse(b""), Ok(None)); // a Close without a status code
/// assert!(CloseFrame::new(CloseCode::NO_STATUS, "").is_err()); // 1005 is never sent
/// # Ok::<(), barews::ProtocolError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CloseFrame<'a> {
    code: CloseCode,
    /// Valid UTF-8, at most 123 bytes.
    reason: &'a [u8],
}

impl<'a> CloseFrame<'a> {
    /// The longest reason, in bytes.
    pub const MAX_REASON: usize = MAX_CONTROL_PAYLOAD - 2;

    /// Creates the payload of a Close frame to send.
    ///
    /// # Errors
    ///
    /// [`SendError::CloseCode`] unless the code [is allowed](CloseCode::is_allowed), and [`SendError::PayloadTooLong`] for a
    /// reason of more than 123 bytes.
    pub const fn new(code: CloseCode, reason: &'a str) -> Result<Self, SendError> {
        if !code.is_allowed() {
            return Err(SendError::CloseCode);
        }
        if reason.len() > Self::MAX_REASON {
            return Err(SendError::PayloadTooLong);
        }
        Ok(Self { code, reason: reason.as_bytes() })
    }

    /// Reads the payload of a Close frame, already unmasked; `None` when it is empty.
    ///
    /// # Errors
    ///
    /// A payload of one byte, a status code that must not be sent, or a reason that is not UTF-8.
    pub fn parse(payload: &'a [u8]) -> Result<Option<Self>, ProtocolError> {
        let (code, reason) = match payload {
            [] => return Ok(None),
            // RFC 6455 5.5.1: a body begins with a two-byte code, network order [6455-5.5.1-2]
            [a, b, reason @ ..] => (CloseCode(u16::from_be_bytes([*a, *b])), reason),
            [_] => return Err(ProtocolError::InvalidClosePayload),
        };
        // RFC 6455 7.4 [6455-7.4.2-2]
        if !code.is_allowed() {
            return Err(ProtocolError::InvalidCloseCode);
        }
        // RFC 6455 5.5.1, 8.1: the reason is UTF-8 [6455-8.1-1]
        let mut utf8 = Utf8Validator::new();
        utf8.push(reason)?;
        utf8.finish()?;
        Ok(Some(Self { code, reason }))
    }

    /// Returns the status code.
    #[must_use]
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// Returns the reason, which can be empty.
    #[must_use]
    pub fn reason(&self) -> &'a str {
        core::str::from_utf8(self.reason).unwrap_or_default()
    }

    pub(crate) const fn reason_bytes(&self) -> &'a [u8] {
        self.reason
    }
}
