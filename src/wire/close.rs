//! Status codes and the payload of Close frames (RFC 6455 sections 5.5.1 and 7.4).

use crate::wire::{MAX_CONTROL_PAYLOAD, Utf8Validator};
use crate::{ProtocolError, SendError};

/// Why a connection closes (RFC 6455 section 7.4).
///
/// Any number can be a `CloseCode`; [`is_allowed`](Self::is_allowed) tells which may stand in a Close frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server goes down, or a page was left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a type of data that cannot be accepted.
    // RFC 6455 7.4.1 [6455-7.4.1-2]
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: the Close frame had no status code. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: there was no Close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: data that does not fit the type of its message, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a message against the receiver's policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the server did not agree to an extension that the client needs. Sent by clients only.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: overload; connect again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid answer from behind it.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never sent.
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// Whether the code may stand in a Close frame: the assigned codes below 3000, and all from 3000 to 4999.
    pub const fn is_allowed(self) -> bool {
        // RFC 6455 7.4.1: 1004, 1005, 1006 and 1015 never [6455-7.4.1-3] [6455-7.4.1-4] [6455-7.4.1-5] [6455-7.4.1-6]
        // RFC 6455 7.4.2: nothing below 1000, nothing unassigned [6455-7.4.2-1] [6455-7.4.2-2] [6455-7.4.2-3]
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

/// What a Close frame says: a status code and a reason (RFC 6455 section 5.5.1).
///
/// ```
/// use barews::wire::{CloseCode, CloseFrame};
///
/// let close = CloseFrame::parse(b"\x03\xE8bye").unwrap().unwrap();
/// assert_eq!((close.code(), close.reason()), (CloseCode::NORMAL, "bye"));
/// assert_eq!(CloseFrame::parse(b""), Ok(None)); // a Close without a status code
/// assert!(CloseFrame::new(CloseCode::NO_STATUS, "").is_err()); // 1005 is never sent
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

    /// A Close frame that may be sent.
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
        // RFC 6455 5.5.1, 8.1: the reason is UTF-8 [6455-5.5.1-3] [6455-8.1-1]
        let mut utf8 = Utf8Validator::new();
        utf8.push(reason)?;
        utf8.finish()?;
        Ok(Some(Self { code, reason }))
    }

    /// The status code.
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// The reason, which may be empty.
    pub fn reason(&self) -> &'a str {
        core::str::from_utf8(self.reason).unwrap_or_default()
    }

    pub(crate) const fn reason_bytes(&self) -> &'a [u8] {
        self.reason
    }
}
