//! What a host sets for a connection.

use crate::wire::Rsv;

/// The limits of a connection, and what its negotiated extensions define. End it with `..Config::DEFAULT`: any release
/// can add fields.
///
/// ```
/// use barews::connection::Config;
///
/// let config = Config { max_message_size: 4096, ..Config::DEFAULT };
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// The longest payload of a received data frame, in bytes; above it the connection fails with 1009. Default 16 MiB.
    pub max_frame_size: u64,
    /// The longest received message, in bytes over all its fragments; above it the connection fails with 1009. Default
    /// 64 MiB. The engine stores no message: a host that handles chunks as they come can set `u64::MAX`.
    pub max_message_size: u64,
    /// The most frames in a received message; above it the connection fails with 1008. Default 2^20.
    pub max_fragments: u32,
    /// The longest payload of a frame that [`write_fragment`](crate::Connection::write_fragment) sends, in bytes; 0
    /// counts as 1. Default 16 KiB. A Pong can be sent between two fragments. It cannot interrupt a message written as
    /// one frame.
    pub fragment_size: u32,
    /// The reserved bits that a negotiated extension defines for data frames. Default none. Text
    /// whose first frame has one of them set is not checked for UTF-8: only the extension knows what its bytes mean.
    // RFC 6455 6.2: extensions may change how data is read
    pub extension_rsv: Rsv,
    /// The reserved opcodes that a negotiated extension defines: bit n for opcode n. Default none.
    pub extension_opcodes: u16,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl Config {
    /// The defaults, as a constant. [RFC 6455 section 10.4](https://www.rfc-editor.org/rfc/rfc6455#section-10.4)
    // [6455-10.4-2]
    pub const DEFAULT: Self = Self {
        max_frame_size: 16 << 20,
        max_message_size: 64 << 20,
        max_fragments: 1 << 20,
        fragment_size: 16 << 10,
        extension_rsv: Rsv::NONE,
        extension_opcodes: 0,
        _non_exhaustive: (),
    };
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}
