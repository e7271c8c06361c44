//! permessage-deflate (RFC 7692): messages compressed with DEFLATE (RFC 1951).

mod deflater;
mod inflater;
mod negotiation;

pub use deflater::{Deflater, Level};
pub use inflater::Inflater;
pub use negotiation::{Direction, MAX_RESPONSE, Parameters};

/// The "Per-Message Compressed" bit, as [`Config::extension_rsv`](crate::connection::Config::extension_rsv) and
/// [`Chunk::rsv`](crate::connection::Chunk::rsv) have it (RFC 7692 section 6).
pub const RSV1: u8 = 4;
