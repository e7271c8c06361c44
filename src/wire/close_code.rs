//! Status codes of Close frames (RFC 6455 section 7.4).

/// Why a connection closes (RFC 6455 section 7.4).
///
/// Any number can be a `CloseCode`; [`is_allowed`](Self::is_allowed) says whether a Close frame may carry it.
///
/// ```
/// use barews::wire::CloseCode;
///
/// assert_eq!(CloseCode::from(1001), CloseCode::GOING_AWAY);
/// assert_eq!((u16::from(CloseCode(4000)), CloseCode(4000).to_string()), (4000, "4000".to_owned()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server goes down, or the user left the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a type of data that cannot be accepted.
    // RFC 6455 7.4.1
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
    /// 1014: a gateway got an invalid response from the server that it forwards to.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never sent.
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// Returns whether a Close frame may carry the code: the assigned codes below 3000, and all from 3000 to 4999.
    ///
    /// ```
    /// use barews::wire::CloseCode;
    ///
    /// // A proxy closes one side with the code that it received on the other, if that can be sent:
    /// let forwarded = |code: CloseCode| Some(code).filter(|code| code.is_allowed());
    /// assert_eq!(forwarded(CloseCode(4001)), Some(CloseCode(4001)));
    /// assert_eq!(forwarded(CloseCode::NO_STATUS), None); // here: connection.write_close_without_status(..)
    /// ```
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        // RFC 6455 7.4.1: 1004, 1005, 1006 and 1015 never [6455-7.4.1-3] [6455-7.4.1-4] [6455-7.4.1-5] [6455-7.4.1-6]
        // RFC 6455 7.4.2: nothing below 1000, nothing unassigned [6455-7.4.2-1] [6455-7.4.2-2]
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// Writes the number.
impl core::fmt::Display for CloseCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}
