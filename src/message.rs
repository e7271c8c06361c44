//! Complete messages, for hosts that do not handle them chunk by chunk.
//!
//! A [`MessageBuffer`] joins chunks in a buffer of its own. Many connections can share one buffer for reads, and small
//! messages are fastest. A [`ReceiveBuffer`] is the buffer into which the host reads as well. Messages of 64 KiB and
//! more are then hardly copied.

mod complete;
mod message_buffer;
mod receive_buffer;

pub use complete::Message;
pub use message_buffer::MessageBuffer;
pub(crate) use receive_buffer::Piece;
pub use receive_buffer::{Incoming, ReceiveBuffer};
