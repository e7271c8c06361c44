//! Errors as numbers, each with a name, whose fault it is, and what to send.

use core::ffi::{CStr, c_char};

use barews::deadlines::Reason;
use barews::handshake::{ProxyError, UriError};
use barews::session::Error;
use barews::{BuildError, HandshakeError, ProtocolError, SendError};

/// `BAREWS_OK`, or what is wrong: one of `BAREWS_ERR_...`. A later version can add some.
pub type barews_error = u16;

/// Nothing is wrong.
pub const BAREWS_OK: barews_error = 0;

// Mistakes in the call itself. The fault of the host.
/// An argument is wrong: null without a length of 0, not aligned, text that is not UTF-8, a number that is no constant of
/// its type, or an object that was not initialised. Nothing is changed.
pub const BAREWS_ERR_ARGUMENT: barews_error = 1;
/// Two arguments that must be apart have memory in common. Nothing is changed.
pub const BAREWS_ERR_OVERLAP: barews_error = 2;
/// The output buffer is too small. Nothing is changed. Where the function returns a length, it is the one that is needed.
pub const BAREWS_ERR_BUFFER_TOO_SMALL: barews_error = 3;
/// An error that this version of the header does not know.
pub const BAREWS_ERR_UNKNOWN: barews_error = 4;

// Why a send call failed. Nothing is changed. The fault of the host.
/// The opening handshake of a session is not done, or not all of it was written.
pub const BAREWS_ERR_SEND_NOT_OPEN: barews_error = 0x101;
/// The connection is closing or closed: a Close frame was sent or received, or the connection failed (RFC 6455
/// section 6.1).
pub const BAREWS_ERR_SEND_CLOSING: barews_error = 0x102;
/// Inside a frame whose payload is not yet complete.
pub const BAREWS_ERR_SEND_FRAME_IN_PROGRESS: barews_error = 0x103;
/// Inside a fragmented message, where only its own fragments may be sent (RFC 6455 section 5.4).
pub const BAREWS_ERR_SEND_MESSAGE_IN_PROGRESS: barews_error = 0x104;
/// More payload than the frame header announced, or more than 125 bytes in a control frame (RFC 6455 section 5.5).
pub const BAREWS_ERR_SEND_PAYLOAD_TOO_LONG: barews_error = 0x105;
/// A status code that must not be sent (RFC 6455 section 7.4).
pub const BAREWS_ERR_SEND_CLOSE_CODE: barews_error = 0x106;
/// A reserved bit or opcode that the configuration does not allow (RFC 6455 section 5.2).
pub const BAREWS_ERR_SEND_RESERVED: barews_error = 0x107;

// Why a request, a response or an answer could not be written. The fault of the host.
/// This cannot be sent at this point of the handshake: the request is not complete, is not an upgrade, was refused
/// by the engine, or has been answered already.
pub const BAREWS_ERR_BUILD_NOT_NOW: barews_error = 0x201;
/// A status that cannot be sent here: a 1xx, or not three digits.
pub const BAREWS_ERR_BUILD_STATUS: barews_error = 0x202;
/// A field name that is not a token, or that is reserved for the engine.
pub const BAREWS_ERR_BUILD_FIELD_NAME: barews_error = 0x203;
/// A field value with CR, LF, NUL or another control character.
pub const BAREWS_ERR_BUILD_FIELD_VALUE: barews_error = 0x204;
/// A subprotocol that is not a token, is repeated, or was not offered by the client (RFC 6455 sections 4.1 and
/// 4.2.2).
pub const BAREWS_ERR_BUILD_SUBPROTOCOL: barews_error = 0x205;
/// Extensions that are malformed, or were not offered by the client (RFC 6455 sections 4.2.2 and 9.1).
pub const BAREWS_ERR_BUILD_EXTENSIONS: barews_error = 0x206;
/// A user-id with a colon, a user-id or password with a control character (RFC 7617 section 2), or a token that is
/// not a token68 (RFC 9110 section 11.2).
pub const BAREWS_ERR_BUILD_CREDENTIALS: barews_error = 0x207;

// Why a connection failed. Sections are of RFC 6455.
/// A reserved bit is set that no negotiated extension defines (section 5.2).
pub const BAREWS_ERR_RESERVED_BITS: barews_error = 0x301;
/// A reserved opcode that no negotiated extension defines (section 5.2).
pub const BAREWS_ERR_RESERVED_OPCODE: barews_error = 0x302;
/// A control frame without FIN (section 5.5).
pub const BAREWS_ERR_FRAGMENTED_CONTROL: barews_error = 0x303;
/// A control frame with more than 125 bytes of payload (section 5.5).
pub const BAREWS_ERR_CONTROL_TOO_LONG: barews_error = 0x304;
/// A payload length that is not in its shortest form (section 5.2).
pub const BAREWS_ERR_LENGTH_NOT_MINIMAL: barews_error = 0x305;
/// A 64-bit payload length with its most significant bit set (section 5.2).
pub const BAREWS_ERR_LENGTH_TOO_LARGE: barews_error = 0x306;
/// A server received a frame that is not masked (section 5.1).
pub const BAREWS_ERR_NOT_MASKED: barews_error = 0x307;
/// A client received a masked frame (section 5.1).
pub const BAREWS_ERR_MASKED: barews_error = 0x308;
/// A continuation frame, but no message to continue (section 5.4).
pub const BAREWS_ERR_UNEXPECTED_CONTINUATION: barews_error = 0x309;
/// A new message began inside a fragmented one (section 5.4).
pub const BAREWS_ERR_EXPECTED_CONTINUATION: barews_error = 0x30a;
/// A text message, or the reason in a Close frame, is not valid UTF-8 (section 8.1).
pub const BAREWS_ERR_INVALID_UTF8: barews_error = 0x30b;
/// A Close frame whose payload is a single byte (section 5.5.1).
pub const BAREWS_ERR_INVALID_CLOSE_PAYLOAD: barews_error = 0x30c;
/// A Close frame with a status code that must not be sent (section 7.4).
pub const BAREWS_ERR_INVALID_CLOSE_CODE: barews_error = 0x30d;
/// A frame longer than `max_frame_size`.
pub const BAREWS_ERR_FRAME_TOO_BIG: barews_error = 0x30e;
/// A message longer than `max_message_size`, or than the storage of a `barews_message_buffer`.
pub const BAREWS_ERR_MESSAGE_TOO_BIG: barews_error = 0x30f;
/// The storage of the host's `barews_message_buffer` has length 0, such as an empty vector. The host's fault.
pub const BAREWS_ERR_NO_STORAGE: barews_error = 0x310;
/// More frames in a message than `max_fragments`.
pub const BAREWS_ERR_TOO_MANY_FRAGMENTS: barews_error = 0x311;
/// The transport ended before the peer sent a Close frame (section 7.1.5). No Close can be sent.
pub const BAREWS_ERR_UNEXPECTED_EOF: barews_error = 0x312;
/// In a compressed message, a block of the reserved type (RFC 1951 section 3.2.3).
pub const BAREWS_ERR_DEFLATE_BLOCK_TYPE: barews_error = 0x313;
/// In a compressed message, a stored block whose length does not match its complement (RFC 1951 section 3.2.4).
pub const BAREWS_ERR_DEFLATE_STORED_LENGTH: barews_error = 0x314;
/// In a compressed message, an invalid Huffman code, or a symbol that the code does not have (RFC 1951 section
/// 3.2.7).
pub const BAREWS_ERR_DEFLATE_CODE: barews_error = 0x315;
/// In a compressed message, a reference to before the window (RFC 7692 section 7.2.1).
pub const BAREWS_ERR_DEFLATE_DISTANCE: barews_error = 0x316;
/// A compressed message that ends inside a block (RFC 7692 section 7.2.1).
pub const BAREWS_ERR_DEFLATE_TRUNCATED: barews_error = 0x317;

// Why an opening handshake or a tunnel failed.
/// The request line or the status line is malformed (RFC 9112 sections 3 and 4).
pub const BAREWS_ERR_HANDSHAKE_START_LINE: barews_error = 0x401;
/// A method other than GET or HEAD, or other than GET on an upgrade (RFC 6455 section 4.1).
pub const BAREWS_ERR_HANDSHAKE_METHOD: barews_error = 0x402;
/// The request target has a fragment, or is neither an absolute path nor an absolute `http` or `https` URI (RFC
/// 6455 section 4.2.1).
pub const BAREWS_ERR_HANDSHAKE_TARGET: barews_error = 0x403;
/// An HTTP version without upgrades: below 1.1, or 2 and above (RFC 6455 section 4.2.1).
pub const BAREWS_ERR_HANDSHAKE_HTTP_VERSION: barews_error = 0x404;
/// A line that does not end with CR LF, or a CR elsewhere (RFC 9112 section 2.2).
pub const BAREWS_ERR_HANDSHAKE_LINE_ENDING: barews_error = 0x405;
/// A field name that is empty or not a token, or white space before the colon (RFC 9112 section 5).
pub const BAREWS_ERR_HANDSHAKE_FIELD_NAME: barews_error = 0x406;
/// A control character in a field value (RFC 9110 section 5.5).
pub const BAREWS_ERR_HANDSHAKE_FIELD_VALUE: barews_error = 0x407;
/// A field continued on the next line (RFC 9112 section 5.2).
pub const BAREWS_ERR_HANDSHAKE_OBSOLETE_FOLDING: barews_error = 0x408;
/// The start line alone exceeds the limit of the head or the storage (RFC 9112 section 3).
pub const BAREWS_ERR_HANDSHAKE_START_LINE_TOO_LONG: barews_error = 0x409;
/// The head is longer than the limit.
pub const BAREWS_ERR_HANDSHAKE_HEAD_TOO_LARGE: barews_error = 0x40a;
/// The head has more fields than the limit.
pub const BAREWS_ERR_HANDSHAKE_TOO_MANY_FIELDS: barews_error = 0x40b;
/// The fields that matter do not fit the storage that the host lent: it is too small, or the peer sends too much.
pub const BAREWS_ERR_HANDSHAKE_STORAGE_FULL: barews_error = 0x40c;
/// The host lent storage of length 0, such as an empty vector. The host's fault.
pub const BAREWS_ERR_HANDSHAKE_NO_STORAGE: barews_error = 0x40d;
/// Host is missing, empty, repeated or malformed (RFC 6455 section 4.2.1).
pub const BAREWS_ERR_HANDSHAKE_HOST: barews_error = 0x40e;
/// Upgrade is missing, or is not `websocket` or does not include it (RFC 6455 sections 4.1 and 4.2.1).
pub const BAREWS_ERR_HANDSHAKE_UPGRADE: barews_error = 0x40f;
/// Connection is missing or does not include `Upgrade` (RFC 6455 sections 4.1 and 4.2.1). Over HTTP/2 and HTTP/3:
/// Connection, Upgrade or another hop-by-hop field is present, which is forbidden there (RFC 8441 section 5).
pub const BAREWS_ERR_HANDSHAKE_CONNECTION: barews_error = 0x410;
/// Sec-WebSocket-Key is missing, repeated or not 16 bytes in base64 (RFC 6455 section 4.2.1).
pub const BAREWS_ERR_HANDSHAKE_KEY: barews_error = 0x411;
/// Sec-WebSocket-Version is missing, repeated or not 13 (RFC 6455 section 4.2.1).
pub const BAREWS_ERR_HANDSHAKE_VERSION: barews_error = 0x412;
/// Sec-WebSocket-Accept is missing, repeated or wrong (RFC 6455 section 4.1).
pub const BAREWS_ERR_HANDSHAKE_ACCEPT: barews_error = 0x413;
/// Sec-WebSocket-Protocol is malformed; in a response also: repeated, or not requested (RFC 6455 section 4.1).
pub const BAREWS_ERR_HANDSHAKE_SUBPROTOCOL: barews_error = 0x414;
/// Sec-WebSocket-Extensions is malformed; in a response also: not offered (RFC 6455 sections 4.1 and 9.1).
pub const BAREWS_ERR_HANDSHAKE_EXTENSIONS: barews_error = 0x415;
/// The origin policy does not allow this Origin, or Origin is repeated (RFC 6455 sections 4.2.2 and 10.2).
pub const BAREWS_ERR_HANDSHAKE_ORIGIN: barews_error = 0x416;
/// The request has a body: Content-Length above 0, or Transfer-Encoding.
pub const BAREWS_ERR_HANDSHAKE_BODY: barews_error = 0x417;
/// The `:protocol` of an extended CONNECT is not `websocket` (RFC 8441 section 5, RFC 9220 section 3).
pub const BAREWS_ERR_HANDSHAKE_PROTOCOL: barews_error = 0x418;
/// The transport ended before the handshake did (RFC 6455 section 7.2.1).
pub const BAREWS_ERR_HANDSHAKE_UNEXPECTED_EOF: barews_error = 0x419;

// Why a URI could not be used. The fault of its author.
/// The text does not begin with `ws://`, `wss://`, `http://` or `https://`.
pub const BAREWS_ERR_URI_SCHEME: barews_error = 0x601;
/// The URI has a user name or password, which a WebSocket URI must not have. Parse it without them, and send them
/// in Authorization: `barews_basic_credentials`.
pub const BAREWS_ERR_URI_USER_INFO: barews_error = 0x602;
/// The host is empty, begins with `[` but is not an IPv6 literal, or has a character that must be escaped.
pub const BAREWS_ERR_URI_HOST: barews_error = 0x603;
/// The port is not a number from 1 to 65,535.
pub const BAREWS_ERR_URI_PORT: barews_error = 0x604;
/// The path has a character that must be escaped: white space, a control character, or one that is not ASCII.
pub const BAREWS_ERR_URI_PATH: barews_error = 0x605;
/// The same in the query.
pub const BAREWS_ERR_URI_QUERY: barews_error = 0x606;
/// The URI has a fragment. A literal `#` must be written as `%23`.
pub const BAREWS_ERR_URI_FRAGMENT: barews_error = 0x607;
/// A reference leads from `wss` to `ws`.
pub const BAREWS_ERR_URI_DOWNGRADE: barews_error = 0x608;

// Why the settings of a proxy could not be used. The fault of their author.
/// The scheme is unknown: none of `http`, `https` and `socks`.
pub const BAREWS_ERR_PROXY_SCHEME: barews_error = 0x701;
/// `https:`, a proxy over TLS, is not supported.
pub const BAREWS_ERR_PROXY_TLS: barews_error = 0x702;
/// `socks:`, `socks4:`, `socks5:` and the like are not supported.
pub const BAREWS_ERR_PROXY_SOCKS: barews_error = 0x703;
/// The user name or the password has a character that must be escaped, a `%` without two hexadecimal digits, or an
/// escaped control character; or the user name has an escaped colon (RFC 7617 section 2).
pub const BAREWS_ERR_PROXY_USER_INFO: barews_error = 0x704;
/// The host is empty, begins with `[` but is not an IPv6 literal, or has a character that must be escaped.
pub const BAREWS_ERR_PROXY_HOST: barews_error = 0x705;
/// The port is missing, or is not a number from 1 to 65,535.
pub const BAREWS_ERR_PROXY_PORT: barews_error = 0x706;
/// There is a path or a query after the port.
pub const BAREWS_ERR_PROXY_PATH: barews_error = 0x707;

// Why a session failed, if none of the above. The first three are the fault of the network, the last of the host.
/// The opening handshake took longer than `barews_timeouts.handshake`.
pub const BAREWS_ERR_TIMEOUT_HANDSHAKE: barews_error = 0x501;
/// The peer did not answer a Ping within `barews_timeouts.pong`.
pub const BAREWS_ERR_TIMEOUT_PONG: barews_error = 0x502;
/// The peer did not end the connection within `barews_timeouts.closing`.
pub const BAREWS_ERR_TIMEOUT_CLOSING: barews_error = 0x503;
/// The host did not answer the request or the response within `barews_timeouts.handshake`.
pub const BAREWS_ERR_UNANSWERED: barews_error = 0x504;

/// Whose fault an error is: one of `BAREWS_FAULT_...`.
pub type barews_fault = u8;

/// Nobody's: there is no error.
pub const BAREWS_FAULT_NONE: barews_fault = 0;
/// The peer broke a rule or a limit.
pub const BAREWS_FAULT_PEER: barews_fault = 1;
/// The peer is silent, or the transport has ended: the network, or a peer that is gone.
pub const BAREWS_FAULT_NETWORK: barews_fault = 2;
/// The host: a wrong argument, a call at the wrong time, too little memory, or no answer in time.
pub const BAREWS_FAULT_HOST: barews_fault = 3;

/// Makes of one table: from the engine's error to the number, back, and the name.
macro_rules! errors {
    (
        plain { $($PLAIN:ident,)* }
        $($to:ident: $Error:ident { $($(#[$attribute:meta])* $Variant:ident = $CODE:ident,)* })*
    ) => {
        mod to {
            use super::*;
            $(
                #[allow(unreachable_patterns, reason = "the engine's errors are not exhaustive")]
                pub(super) const fn $to(error: $Error) -> barews_error {
                    match error {
                        $($(#[$attribute])* $Error::$Variant => $CODE,)*
                        _ => BAREWS_ERR_UNKNOWN,
                    }
                }
            )*
        }
        mod from {
            use super::*;
            $(
                #[allow(dead_code, reason = "not all are needed")]
                pub(super) const fn $to(code: barews_error) -> Option<$Error> {
                    Some(match code {
                        $($(#[$attribute])* $CODE => $Error::$Variant,)*
                        _ => return None,
                    })
                }
            )*
        }
        const fn name(code: barews_error) -> &'static CStr {
            let name = match code {
                $($($CODE => concat!(stringify!($CODE), "\0"),)*)*
                $($PLAIN => concat!(stringify!($PLAIN), "\0"),)*
                _ => "BAREWS_ERR_UNKNOWN\0",
            };
            match CStr::from_bytes_until_nul(name.as_bytes()) {
                Ok(name) => name,
                Err(_) => c"",
            }
        }
        /// All numbers.
        #[cfg(test)]
        pub(crate) const ALL: &[barews_error] = &[$($($CODE,)*)* $($PLAIN,)*];
    };
}

errors! {
    plain {
        BAREWS_OK,
        BAREWS_ERR_ARGUMENT,
        BAREWS_ERR_OVERLAP,
        BAREWS_ERR_BUFFER_TOO_SMALL,
        BAREWS_ERR_UNKNOWN,
        BAREWS_ERR_TIMEOUT_HANDSHAKE,
        BAREWS_ERR_TIMEOUT_PONG,
        BAREWS_ERR_TIMEOUT_CLOSING,
        BAREWS_ERR_UNANSWERED,
    }
    send: SendError {
        NotOpen = BAREWS_ERR_SEND_NOT_OPEN,
        Closing = BAREWS_ERR_SEND_CLOSING,
        FrameInProgress = BAREWS_ERR_SEND_FRAME_IN_PROGRESS,
        MessageInProgress = BAREWS_ERR_SEND_MESSAGE_IN_PROGRESS,
        PayloadTooLong = BAREWS_ERR_SEND_PAYLOAD_TOO_LONG,
        CloseCode = BAREWS_ERR_SEND_CLOSE_CODE,
        Reserved = BAREWS_ERR_SEND_RESERVED,
    }
    build: BuildError {
        NotNow = BAREWS_ERR_BUILD_NOT_NOW,
        Status = BAREWS_ERR_BUILD_STATUS,
        FieldName = BAREWS_ERR_BUILD_FIELD_NAME,
        FieldValue = BAREWS_ERR_BUILD_FIELD_VALUE,
        Subprotocol = BAREWS_ERR_BUILD_SUBPROTOCOL,
        Extensions = BAREWS_ERR_BUILD_EXTENSIONS,
        Credentials = BAREWS_ERR_BUILD_CREDENTIALS,
    }
    protocol: ProtocolError {
        ReservedBits = BAREWS_ERR_RESERVED_BITS,
        ReservedOpcode = BAREWS_ERR_RESERVED_OPCODE,
        FragmentedControl = BAREWS_ERR_FRAGMENTED_CONTROL,
        ControlTooLong = BAREWS_ERR_CONTROL_TOO_LONG,
        LengthNotMinimal = BAREWS_ERR_LENGTH_NOT_MINIMAL,
        LengthTooLarge = BAREWS_ERR_LENGTH_TOO_LARGE,
        NotMasked = BAREWS_ERR_NOT_MASKED,
        Masked = BAREWS_ERR_MASKED,
        UnexpectedContinuation = BAREWS_ERR_UNEXPECTED_CONTINUATION,
        ExpectedContinuation = BAREWS_ERR_EXPECTED_CONTINUATION,
        InvalidUtf8 = BAREWS_ERR_INVALID_UTF8,
        InvalidClosePayload = BAREWS_ERR_INVALID_CLOSE_PAYLOAD,
        InvalidCloseCode = BAREWS_ERR_INVALID_CLOSE_CODE,
        FrameTooBig = BAREWS_ERR_FRAME_TOO_BIG,
        MessageTooBig = BAREWS_ERR_MESSAGE_TOO_BIG,
        NoStorage = BAREWS_ERR_NO_STORAGE,
        TooManyFragments = BAREWS_ERR_TOO_MANY_FRAGMENTS,
        UnexpectedEof = BAREWS_ERR_UNEXPECTED_EOF,
        #[cfg(feature = "deflate")]
        DeflateBlockType = BAREWS_ERR_DEFLATE_BLOCK_TYPE,
        #[cfg(feature = "deflate")]
        DeflateStoredLength = BAREWS_ERR_DEFLATE_STORED_LENGTH,
        #[cfg(feature = "deflate")]
        DeflateCode = BAREWS_ERR_DEFLATE_CODE,
        #[cfg(feature = "deflate")]
        DeflateDistance = BAREWS_ERR_DEFLATE_DISTANCE,
        #[cfg(feature = "deflate")]
        DeflateTruncated = BAREWS_ERR_DEFLATE_TRUNCATED,
    }
    handshake: HandshakeError {
        StartLine = BAREWS_ERR_HANDSHAKE_START_LINE,
        Method = BAREWS_ERR_HANDSHAKE_METHOD,
        Target = BAREWS_ERR_HANDSHAKE_TARGET,
        HttpVersion = BAREWS_ERR_HANDSHAKE_HTTP_VERSION,
        LineEnding = BAREWS_ERR_HANDSHAKE_LINE_ENDING,
        FieldName = BAREWS_ERR_HANDSHAKE_FIELD_NAME,
        FieldValue = BAREWS_ERR_HANDSHAKE_FIELD_VALUE,
        ObsoleteFolding = BAREWS_ERR_HANDSHAKE_OBSOLETE_FOLDING,
        StartLineTooLong = BAREWS_ERR_HANDSHAKE_START_LINE_TOO_LONG,
        HeadTooLarge = BAREWS_ERR_HANDSHAKE_HEAD_TOO_LARGE,
        TooManyFields = BAREWS_ERR_HANDSHAKE_TOO_MANY_FIELDS,
        StorageFull = BAREWS_ERR_HANDSHAKE_STORAGE_FULL,
        NoStorage = BAREWS_ERR_HANDSHAKE_NO_STORAGE,
        Host = BAREWS_ERR_HANDSHAKE_HOST,
        Upgrade = BAREWS_ERR_HANDSHAKE_UPGRADE,
        Connection = BAREWS_ERR_HANDSHAKE_CONNECTION,
        Key = BAREWS_ERR_HANDSHAKE_KEY,
        Version = BAREWS_ERR_HANDSHAKE_VERSION,
        Accept = BAREWS_ERR_HANDSHAKE_ACCEPT,
        Subprotocol = BAREWS_ERR_HANDSHAKE_SUBPROTOCOL,
        Extensions = BAREWS_ERR_HANDSHAKE_EXTENSIONS,
        Origin = BAREWS_ERR_HANDSHAKE_ORIGIN,
        Body = BAREWS_ERR_HANDSHAKE_BODY,
        Protocol = BAREWS_ERR_HANDSHAKE_PROTOCOL,
        UnexpectedEof = BAREWS_ERR_HANDSHAKE_UNEXPECTED_EOF,
    }
    uri: UriError {
        Scheme = BAREWS_ERR_URI_SCHEME,
        UserInfo = BAREWS_ERR_URI_USER_INFO,
        Host = BAREWS_ERR_URI_HOST,
        Port = BAREWS_ERR_URI_PORT,
        Path = BAREWS_ERR_URI_PATH,
        Query = BAREWS_ERR_URI_QUERY,
        Fragment = BAREWS_ERR_URI_FRAGMENT,
        Downgrade = BAREWS_ERR_URI_DOWNGRADE,
    }
    proxy: ProxyError {
        Scheme = BAREWS_ERR_PROXY_SCHEME,
        Tls = BAREWS_ERR_PROXY_TLS,
        Socks = BAREWS_ERR_PROXY_SOCKS,
        UserInfo = BAREWS_ERR_PROXY_USER_INFO,
        Host = BAREWS_ERR_PROXY_HOST,
        Port = BAREWS_ERR_PROXY_PORT,
        Path = BAREWS_ERR_PROXY_PATH,
    }
}

/// An error of the engine as a number.
pub(crate) trait Code: Copy {
    fn code(self) -> barews_error;

    /// The length that the output buffer needs, if that is what is wrong.
    fn need(self) -> Option<usize> {
        None
    }
}

impl Code for barews_error {
    fn code(self) -> barews_error {
        self
    }
}

impl Code for SendError {
    fn code(self) -> barews_error {
        if self.need().is_some() { BAREWS_ERR_BUFFER_TOO_SMALL } else { to::send(self) }
    }

    fn need(self) -> Option<usize> {
        if let Self::BufferTooSmall { need } = self { Some(need) } else { None }
    }
}

impl Code for BuildError {
    fn code(self) -> barews_error {
        match self {
            Self::BufferTooSmall { .. } => BAREWS_ERR_BUFFER_TOO_SMALL,
            Self::Uri(error) => to::uri(error),
            error => to::build(error),
        }
    }

    fn need(self) -> Option<usize> {
        if let Self::BufferTooSmall { need } = self { Some(need) } else { None }
    }
}

impl Code for ProtocolError {
    fn code(self) -> barews_error {
        to::protocol(self)
    }
}

impl Code for HandshakeError {
    fn code(self) -> barews_error {
        to::handshake(self)
    }
}

impl Code for UriError {
    fn code(self) -> barews_error {
        to::uri(self)
    }
}

impl Code for ProxyError {
    fn code(self) -> barews_error {
        to::proxy(self)
    }
}

impl Code for Error {
    fn code(self) -> barews_error {
        match self {
            Self::Handshake(error) => error.code(),
            Self::Protocol(error) => error.code(),
            Self::Timeout(Reason::Handshake) => BAREWS_ERR_TIMEOUT_HANDSHAKE,
            Self::Timeout(Reason::Pong) => BAREWS_ERR_TIMEOUT_PONG,
            Self::Timeout(_) => BAREWS_ERR_TIMEOUT_CLOSING,
            Self::Unanswered => BAREWS_ERR_UNANSWERED,
            _ => BAREWS_ERR_UNKNOWN,
        }
    }
}

impl<E: Code> Code for Option<E> {
    fn code(self) -> barews_error {
        self.map_or(BAREWS_OK, Code::code)
    }
}

/// Returns the number of a result.
pub(crate) fn outcome<E: Code>(result: Result<(), E>) -> barews_error {
    result.err().code()
}

/// Returns the engine's error of a connection; `None` for another number.
pub(crate) const fn protocol(code: barews_error) -> Option<ProtocolError> {
    from::protocol(code)
}

/// Returns the engine's error of a handshake; `None` for another number.
pub(crate) const fn handshake(code: barews_error) -> Option<HandshakeError> {
    from::handshake(code)
}

/// Returns the name of an error as it is in this header, with a NUL at its end. Never null.
#[unsafe(no_mangle)]
pub extern "C" fn barews_error_name(error: barews_error) -> *const c_char {
    name(error).as_ptr()
}

/// Returns whose fault an error is.
#[unsafe(no_mangle)]
pub extern "C" fn barews_error_fault(error: barews_error) -> barews_fault {
    match error {
        BAREWS_OK => BAREWS_FAULT_NONE,
        BAREWS_ERR_NO_STORAGE | BAREWS_ERR_HANDSHAKE_NO_STORAGE | BAREWS_ERR_UNANSWERED | ..0x300 => BAREWS_FAULT_HOST,
        BAREWS_ERR_UNEXPECTED_EOF | BAREWS_ERR_HANDSHAKE_UNEXPECTED_EOF | 0x500..0x600 => BAREWS_FAULT_NETWORK,
        0x600.. => BAREWS_FAULT_HOST,
        _ => BAREWS_FAULT_PEER,
    }
}

/// Returns the status code of the Close frame that reports an error of a connection to the peer, 1002 for example; 0 for
/// other errors. The session or the connection sends it by itself.
#[unsafe(no_mangle)]
pub extern "C" fn barews_error_close_code(error: barews_error) -> u16 {
    protocol(error).map_or(0, |error| error.close_code().0)
}

/// Returns the HTTP status of the response that reports an error of the opening handshake to the peer, 400 for example; 0
/// for other errors. A server's session sends it by itself.
#[unsafe(no_mangle)]
pub extern "C" fn barews_error_http_status(error: barews_error) -> u16 {
    match error {
        BAREWS_ERR_TIMEOUT_HANDSHAKE => 408,
        BAREWS_ERR_UNANSWERED => 503,
        _ => handshake(error).map_or(0, HandshakeError::status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_have_names() {
        for (at, code) in ALL.iter().enumerate() {
            assert!(!ALL[..at].contains(code), "{code:#x} is there twice");
            assert!(*code == BAREWS_ERR_UNKNOWN || name(*code) != c"BAREWS_ERR_UNKNOWN", "{code:#x} has no name");
        }
        assert_eq!(name(0xFFFF), c"BAREWS_ERR_UNKNOWN");
    }

    #[test]
    fn errors_of_the_engine_survive_the_round_trip() {
        let (mut protocols, mut handshakes) = (0, 0);
        for code in ALL {
            if let Some(error) = protocol(*code) {
                assert_eq!(error.code(), *code);
                assert_eq!(barews_error_close_code(*code), error.close_code().0);
                assert_eq!(u32::from(barews_error_fault(*code)), fault(Error::Protocol(error)));
                protocols += 1;
            }
            if let Some(error) = handshake(*code) {
                assert_eq!(error.code(), *code);
                assert_eq!(barews_error_http_status(*code), error.status());
                assert_eq!(u32::from(barews_error_fault(*code)), fault(Error::Handshake(error)));
                handshakes += 1;
            }
        }
        assert_eq!((protocols, handshakes), (if cfg!(feature = "deflate") { 23 } else { 18 }, 25));
    }

    fn fault(error: Error) -> u32 {
        match error.fault() {
            barews::session::Fault::Peer => BAREWS_FAULT_PEER.into(),
            barews::session::Fault::Transport => BAREWS_FAULT_NETWORK.into(),
            barews::session::Fault::Host => BAREWS_FAULT_HOST.into(),
        }
    }

    #[test]
    fn faults_of_the_other_errors() {
        for (code, fault) in [
            (BAREWS_OK, BAREWS_FAULT_NONE),
            (BAREWS_ERR_ARGUMENT, BAREWS_FAULT_HOST),
            (BAREWS_ERR_SEND_CLOSING, BAREWS_FAULT_HOST),
            (BAREWS_ERR_BUILD_NOT_NOW, BAREWS_FAULT_HOST),
            (BAREWS_ERR_TIMEOUT_PONG, BAREWS_FAULT_NETWORK),
            (BAREWS_ERR_UNANSWERED, BAREWS_FAULT_HOST),
            (BAREWS_ERR_URI_PORT, BAREWS_FAULT_HOST),
        ] {
            assert_eq!(barews_error_fault(code), fault, "{code:#x}");
        }
    }
}
