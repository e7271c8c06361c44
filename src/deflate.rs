//! permessage-deflate (RFC 7692): messages compressed with DEFLATE (RFC 1951), in memory that the host lends.
//!
//! This is a layer between a connection and its messages. A connection without compression contains none of its code.
//!
//! 1. **Negotiate.** [`Parameters`] describe the memory that the host has. They turn the peer's offers or response into
//!    the agreed parameters.
//! 2. **Allow RSV1.** If compression was agreed, set
//!    [`Config::extension_rsv`](crate::connection::Config::extension_rsv) to [`RSV1`]. The connection does not check
//!    text with this bit for UTF-8; the [`Inflater`] checks the inflated text.
//! 3. **Receive** through an [`Inflater`]: one more loop around the handling of a chunk. Messages that are not
//!    compressed pass through it unchanged.
//! 4. **Send** the result of a [`Deflater`], or the message itself.
//!
//! ```
//! use barews::connection::{Config, Connection, Event};
//! use barews::deflate::{Deflater, Inflater, Level, Parameters, RSV1};
//! use barews::wire::Rsv;
//! use barews::message::MessageBuffer;
//!
//! # let agreed = Parameters::DEFAULT;
//! # let mut socket = Vec::new();
//! # let mut connection = Connection::new(barews::Server, &Config { extension_rsv: RSV1, ..Config::DEFAULT });
//! // A server's memory: a window to inflate the client's messages, and memory to deflate its own.
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
//!         // Echo complete messages.
//!         let (rsv, payload) = match deflater.deflate_message(message.payload, &mut out) {
//!             Some(deflated) => (RSV1, deflated),
//!             None => (Rsv::NONE, message.payload),
//!         };
//!         let header = connection.begin_frame_with_rsv(message.kind, true, rsv, payload.len() as u64)?;
//!         connection.mask_payload(payload)?;
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
//! The windows of the two directions are independent. The window of an [`Inflater`] must have the agreed size; a
//! [`Deflater`] can use a smaller window than was agreed. [`Level::LARGE`] also needs 7.5 KiB of stack.
//!
//! # Limits
//!
//! [`Config::max_message_size`](crate::connection::Config::max_message_size) and `max_frame_size` count the bytes that
//! are received: those of a compressed message before it is inflated. The limit of the [`Inflater`] counts inflated
//! bytes, which can be a thousand times as many. It stops exactly at the limit.

mod deflater;
mod inflater;
mod negotiation;
mod rfc1951;
mod window;

pub use deflater::{Deflater, Level};
pub use inflater::Inflater;
pub use negotiation::{Direction, MAX_RESPONSE, Parameters, RSV1};
