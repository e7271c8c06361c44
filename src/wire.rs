//! The values on the wire, without state and without policy: frame headers, masking, close frames and UTF-8
//! (RFC 6455 sections 5.2, 5.3, 5.5.1, 7.4 and 8.1).
//!
//! What was parsed can be encoded again and is the same. Which frame may follow which is the business of
//! [`connection`](crate::connection).

mod close;
mod close_code;
pub(crate) mod error;
mod first_byte;
mod header;
mod mask;
mod utf8;

pub use close::CloseFrame;
pub use close_code::CloseCode;
pub(crate) use first_byte::FirstByte;
pub use first_byte::Opcode;
pub use header::{EncodedHeader, FrameHeader};
pub use mask::Mask;
pub use utf8::Utf8Validator;

/// The most payload that a control frame may carry, in bytes (RFC 6455 section 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// The longest control frame, in bytes: header, masking key and payload. An output buffer of this size always suffices for
/// [`poll_transmit`](crate::Connection::poll_transmit).
pub const MAX_CONTROL_FRAME: usize = 2 + 4 + MAX_CONTROL_PAYLOAD;
