//! The values on the wire, without state and without policy: frame headers, masking, close frames and UTF-8
//! (RFC 6455 sections 5.2, 5.3, 5.5.1, 7.4 and 8.1).
//!
//! Encoding a parsed value gives the same bytes again. [`connection`](crate::connection) decides which frame may follow
//! which.

mod close;
mod close_code;
pub(crate) mod error;
mod first_byte;
mod header;
mod mask;
mod rsv;
mod utf8;
#[cfg(feature = "simd")]
mod vectors;

pub use close::CloseFrame;
pub use close_code::CloseCode;
pub(crate) use first_byte::FirstByte;
pub use first_byte::Opcode;
pub use header::{EncodedHeader, FrameHeader, MAX_CONTROL_FRAME, MAX_CONTROL_PAYLOAD};
pub use mask::Mask;
pub use rsv::Rsv;
pub use utf8::Utf8Validator;
