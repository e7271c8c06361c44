//! permessage-deflate (RFC 7692): messages compressed with DEFLATE (RFC 1951), in memory that the host lends.
//!
//! A layer between a connection and its messages, not a branch inside it: a connection without compression knows
//! nothing of it.
//!
//! 1. **Negotiate.** [`Parameters`] say what memory there is, and from the other side's offer or answer what is agreed.
//! 2. **Allow RSV1.** If something was agreed, set [`Config::extension_rsv`](crate::connection::Config::extension_rsv)
//!    to [`RSV1`]. Text that carries it is not checked for UTF-8 by the connection; the [`Inflater`] does that behind
//!    it.
//! 3. **Receive** through an [`Inflater`]: one loop more around what is done with a chunk. Messages that are not
//!    compressed pass through it as they are.
//! 4. **Send** what a [`Deflater`] makes of a message, or the message.
//!
//! ```
//! use barews::connection::{Config, Connection, Event};
//! use barews::deflate::{Deflater, Inflater, Level, Parameters, RSV1};
//! use barews::message::MessageBuffer;
//!
//! # let agreed = Parameters::DEFAULT;
//! # let mut socket = Vec::new();
//! # let mut connection = Connection::new(barews::Server, &Config { extension_rsv: RSV1, ..Config::DEFAULT });
//! // A server's memory: the window of what clients send, and what it takes to send.
//! let mut inflater = Inflater::new(vec![0; agreed.client.window_size()], agreed.client, 1 << 16);
//! let level = Level::LARGE;
//! let memory = vec![0; level.memory(agreed.server.window_size())];
//! let mut deflater = Deflater::new(memory, level, agreed.server, 32);
//! let mut messages = MessageBuffer::new(vec![0; 1 << 16]);
//! let (mut piece, mut out) = ([0; 4096], [0; 4096]);
//!
//! # let mut read = *b"\xC1\x87\0\0\0\0\xF2\x48\xCD\xC9\xC9\x07\x00";
//! let mut rest = &mut read[..]; // from the transport
//! while let got = connection.receive(rest)?
//!     && let Some(event) = got.event
//! {
//!     rest = got.rest;
//!     let Event::Data(mut chunk) = event else { continue };
//!     while let Some(piece) = inflater.inflate(&mut chunk, &mut piece).inspect_err(|&error| connection.fail(error))? {
//!         let message = messages.push(piece).inspect_err(|&error| connection.fail(error))?;
//!         let Some(message) = message else { continue };
//!         // An echo, of whole messages.
//!         let (rsv, payload) = match deflater.message(message.payload, &mut out) {
//!             Some(deflated) => (RSV1, deflated),
//!             None => (0, message.payload),
//!         };
//!         let header = connection.frame_with_rsv(message.kind, true, rsv, payload.len() as u64)?;
//!         connection.payload(payload)?;
//!         socket.extend_from_slice(header.as_bytes());
//!         socket.extend_from_slice(payload);
//!     }
//! }
//! assert_eq!(socket, b"\x81\x05Hello"); // shorter than the threshold
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Memory
//!
//! | | for a window of 2^n bytes | n = 8 | n = 15 |
//! |---|---|---|---|
//! | [`Inflater`] | 2^n + 2.5 KiB; on 32-bit targets 2^n + 1.7 KiB | 2.7 KiB | 34.5 KiB |
//! | [`Deflater`], [`Level::SMALL`] | 1.5 × 2^n | 0.4 KiB | 48 KiB |
//! | [`Deflater`], [`Level::LARGE`] | 6.5 × 2^n | 1.6 KiB | 208 KiB |
//!
//! The windows of the two directions are independent. A client may deflate in a smaller one than was agreed without a
//! word; the window of what is received must have the agreed size. `Large` also needs 7.5 KiB of stack.
//!
//! # Limits
//!
//! [`Config::max_message_size`](crate::connection::Config::max_message_size) and `max_frame_size` count bytes as they
//! come: those of a compressed message before it is inflated. The limit of the [`Inflater`] counts those that come out,
//! which may be a thousand times as many, and stops at it to the byte.

mod deflater;
mod inflater;
mod negotiation;
mod rfc1951;
mod window;

pub use deflater::{Deflater, Level};
pub use inflater::Inflater;
pub use negotiation::{Direction, MAX_RESPONSE, Parameters, RSV1};
