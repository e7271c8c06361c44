//! Errors of frames: [`ProtocolError`] is the peer's fault, [`SendError`] is the host's. Both are small, flat and
//! `Copy`.

use super::close_code::CloseCode;

/// The peer broke a rule of the protocol, or a limit that we set; the connection has failed (RFC 6455 section 7.1.7).
///
/// The error is sticky: nothing more is read from the peer. A Close frame with [`close_code`](Self::close_code) is
/// queued and waits for [`poll_transmit`](crate::Connection::poll_transmit).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ProtocolError {
    /// A reserved bit is set that no negotiated extension defines (section 5.2).
    ReservedBits,
    /// A reserved opcode that no negotiated extension defines (section 5.2).
    ReservedOpcode,
    /// A control frame without FIN (section 5.5).
    FragmentedControl,
    /// A control frame with more than 125 bytes of payload (section 5.5).
    ControlTooLong,
    /// A payload length that is not in its shortest form (section 5.2).
    LengthNotMinimal,
    /// A 64-bit payload length with its most significant bit set (section 5.2).
    LengthTooLarge,
    /// A server received a frame that is not masked (section 5.1).
    NotMasked,
    /// A client received a masked frame (section 5.1).
    Masked,
    /// A continuation frame, but no message to continue (section 5.4).
    UnexpectedContinuation,
    /// A new message began inside a fragmented one (section 5.4).
    ExpectedContinuation,
    /// A text message, or the reason in a Close frame, is not valid UTF-8 (section 8.1).
    InvalidUtf8,
    /// A Close frame whose payload is a single byte (section 5.5.1).
    InvalidClosePayload,
    /// A Close frame with a status code that must not be sent (section 7.4).
    InvalidCloseCode,
    /// A frame longer than [`Config::max_frame_size`](crate::connection::Config::max_frame_size).
    FrameTooBig,
    /// A message longer than [`Config::max_message_size`](crate::connection::Config::max_message_size), or than the
    /// storage of a [`MessageBuffer`](crate::message::MessageBuffer).
    MessageTooBig,
    /// The storage of the host's [`MessageBuffer`](crate::message::MessageBuffer) has length 0, such as an empty vector.
    /// The only error here that is the host's mistake.
    NoStorage,
    /// More frames in a message than [`Config::max_fragments`](crate::connection::Config::max_fragments).
    TooManyFragments,
    /// The transport ended before the peer sent a Close frame (section 7.1.5). No Close can be sent.
    UnexpectedEof,
    /// In a compressed message, a block of the reserved type (RFC 1951 section 3.2.3).
    #[cfg(feature = "deflate")]
    DeflateBlockType,
    /// In a compressed message, a stored block whose length does not match its complement (RFC 1951 section 3.2.4).
    #[cfg(feature = "deflate")]
    DeflateStoredLength,
    /// In a compressed message, an invalid Huffman code, or a symbol that the code does not have (RFC 1951 section
    /// 3.2.7).
    #[cfg(feature = "deflate")]
    DeflateCode,
    /// In a compressed message, a reference to before the window (RFC 7692 section 7.2.1).
    #[cfg(feature = "deflate")]
    DeflateDistance,
    /// A compressed message that ends inside a block (RFC 7692 section 7.2.1).
    #[cfg(feature = "deflate")]
    DeflateTruncated,
}

impl ProtocolError {
    /// Returns the status code that this error closes the connection with; 1006, which is never sent, for
    /// [`UnexpectedEof`](Self::UnexpectedEof).
    ///
    /// ```
    /// use barews::ProtocolError;
    /// use barews::wire::CloseCode;
    ///
    /// let error = ProtocolError::FrameTooBig; // from `receive`, for the log
    /// assert_eq!(error.close_code(), CloseCode::MESSAGE_TOO_BIG);
    /// assert_eq!(format!("{}: {error}", error.close_code()), "1009: frame over the size limit");
    /// ```
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        // RFC 6455 7.4.1 [6455-7.4.1-9]
        match self {
            Self::InvalidUtf8 => CloseCode::INVALID_PAYLOAD,
            #[cfg(feature = "deflate")]
            Self::DeflateBlockType
            | Self::DeflateStoredLength
            | Self::DeflateCode
            | Self::DeflateDistance
            | Self::DeflateTruncated => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooBig | Self::MessageTooBig => CloseCode::MESSAGE_TOO_BIG,
            Self::NoStorage => CloseCode::INTERNAL_ERROR,
            Self::TooManyFragments => CloseCode::POLICY_VIOLATION,
            Self::UnexpectedEof => CloseCode::ABNORMAL,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved bits set without an extension",
            Self::ReservedOpcode => "reserved opcode without an extension",
            Self::FragmentedControl => "fragmented control frame",
            Self::ControlTooLong => "control frame longer than 125 bytes",
            Self::LengthNotMinimal => "payload length not in its shortest form",
            Self::LengthTooLarge => "payload length above 2^63 - 1",
            Self::NotMasked => "frame from a client is not masked",
            Self::Masked => "frame from a server is masked",
            Self::UnexpectedContinuation => "continuation frame without a message to continue",
            Self::ExpectedContinuation => "new message inside a fragmented message",
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::InvalidClosePayload => "Close frame with a payload of one byte",
            Self::InvalidCloseCode => "Close frame with a status code that must not be sent",
            Self::FrameTooBig => "frame over the size limit",
            Self::MessageTooBig => "message over the size limit",
            Self::NoStorage => "host lent no storage for messages",
            Self::TooManyFragments => "message in too many fragments",
            Self::UnexpectedEof => "transport ended without a Close frame",
            #[cfg(feature = "deflate")]
            Self::DeflateBlockType => "compressed block of a reserved type",
            #[cfg(feature = "deflate")]
            Self::DeflateStoredLength => "stored block with a wrong length",
            #[cfg(feature = "deflate")]
            Self::DeflateCode => "invalid Huffman code",
            #[cfg(feature = "deflate")]
            Self::DeflateDistance => "reference to before the compression window",
            #[cfg(feature = "deflate")]
            Self::DeflateTruncated => "compressed message ends inside a block",
        }
    }
}
/// The host's call cannot be carried out. It has changed nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SendError {
    /// The output buffer is too small.
    BufferTooSmall {
        /// The bytes that the call needs.
        need: usize,
    },
    /// The opening handshake of a [`Session`](crate::session::Session) is not done, or not all of it was written.
    NotOpen,
    /// The connection is closing or closed: a Close frame was sent or received, or the connection failed (RFC 6455
    /// section 6.1). The [`Transmitter`](crate::connection::Transmitter) of a split connection only knows what was
    /// sent.
    Closing,
    /// Inside a frame whose payload is not yet complete.
    FrameInProgress,
    /// Inside a fragmented message, where only its own fragments may be sent (RFC 6455 section 5.4).
    MessageInProgress,
    /// More payload than the frame header announced, or more than 125 bytes in a control frame (RFC 6455 section 5.5).
    PayloadTooLong,
    /// A status code that must not be sent (RFC 6455 section 7.4).
    CloseCode,
    /// A reserved bit or opcode that the configuration does not allow (RFC 6455 section 5.2).
    Reserved,
}

impl SendError {
    const fn text(self) -> &'static str {
        match self {
            Self::BufferTooSmall { .. } => "output buffer too small",
            Self::NotOpen => "opening handshake is not done",
            Self::Closing => "connection is closing",
            Self::FrameInProgress => "inside a frame",
            Self::MessageInProgress => "inside a fragmented message",
            Self::PayloadTooLong => "payload too long for its frame",
            Self::CloseCode => "status code must not be sent",
            Self::Reserved => "reserved bit or opcode without an extension",
        }
    }
}

display!(ProtocolError, SendError: BufferTooSmall);
