//! Code that the programs in `bin` share: the board, TCP/IP, and a connection on a socket.

#![no_std]

pub mod board;
pub mod client;
pub mod clock;
pub mod ethernet;
pub mod link;
pub mod network;
pub mod random;
pub mod stack;

/// The size of a socket's receive buffer, of its send buffer, and of the read buffer.
pub const BUFFER_SIZE: usize = if cfg!(feature = "small-buffers") { 512 } else { 2048 };

/// The result of a session's turn.
#[derive(Default)]
pub struct Turn {
    /// Whether the session received or sent bytes, so that there can be more to do at once.
    pub busy: bool,
    /// The latest time of the next turn, in milliseconds.
    pub due: Option<u64>,
}
