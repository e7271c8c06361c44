//! What the programs in `bin` share: the board, and TCP/IP on top of it. barews comes in there, in the programs.

#![no_std]

pub mod board;
pub mod client;
pub mod clock;
pub mod ethernet;
pub mod link;
pub mod network;
pub mod random;
pub mod stack;

/// The size of a socket's receive buffer, of its send buffer, and of what is read at once.
pub const BUFFER_SIZE: usize = if cfg!(feature = "small-buffers") { 512 } else { 2048 };

/// What became of a session's turn.
#[derive(Default)]
pub struct Turn {
    /// Something moved, so there may be more to do at once.
    pub busy: bool,
    /// When the next turn is due at the latest, in milliseconds.
    pub due: Option<u64>,
}
