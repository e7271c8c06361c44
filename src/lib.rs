//! A WebSocket protocol engine: push bytes in, pull events out.
//!
//! barews speaks [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455) as a client and as a server. It opens no socket,
//! allocates no memory, reads no clock and draws no random number; it has no `unsafe` code and does not panic. The host
//! owns the transport, every buffer, the time and the randomness, so the same engine runs in a microcontroller, in an
//! event loop, under an async runtime and in a fuzzer.
//!
//! # The layers
//!
//! | module | what it is |
//! |---|---|
//! | [`wire`] | the values on the wire: frame headers, masks, Close frames, UTF-8 |
//! | [`connection`] | frames and messages both ways, control frames, limits, closing |
//! | [`handshake`] | the HTTP/1.1 upgrade for both roles, and the extended CONNECT of HTTP/2 and HTTP/3; returns a connection |
//! | [`message`] | whole messages in storage that the host lends (optional) |
//! | [`deadlines`] | timeouts and keepalive as data (optional) |
//! | [`session`] | all of these as one value, from the first byte of the handshake to the end of the transport (optional) |
//! | [`append`] | what the engine writes, at the end of a vector (optional) |
//! | `deflate` | permessage-deflate (RFC 7692): messages compressed in memory that the host lends (feature `deflate`) |
//!
//! `connection` builds on `wire`; `handshake`, `message` and `deadlines` build on `connection` and not on each other;
//! `append` and `deflate` build on `connection` and `handshake`; `session` builds on these and on `deadlines`. A role is
//! a type, [`Server`] or [`Client`]. The chapter `hosts` covers event loops, runtimes, TLS and HTTP; the chapter
//! `microcontroller` covers the choices of a firmware.
//!
//! # The host's loop
//!
//! A server that echoes. Its [`Session`](session::Session) joins the layers:
//!
#![doc = include_str!("loop.md")]
//!
//! The module [`session`] lists the [duties of the host](session#the-hosts-duties), and what happens if it forgets one.
//! `examples/blocking_echo.rs` is this program with timeouts.
//!
//! # Guide for hosts
//!
//! With a session, follow its [steps](session#the-hosts-duties). A host that uses the layers one by one does this:
//!
//! 1. **Handshake.** Lend storage to a [`ServerHandshake`](handshake::ServerHandshake) or
//!    [`ClientHandshake`](handshake::ClientHandshake), and pass it the bytes that the transport reads until it is
//!    complete. The bytes after the head are returned as `rest`: they are the first ones of the connection.
//! 2. **Receive.** Pass the bytes read to [`receive`](Connection::receive), and call it again with `rest` until there
//!    is no event. The input can be split anywhere. The engine consumes all of it and keeps what it needs.
//! 3. **Drain.** After each `receive`, `write_close`, `fail` and timeout, call
//!    [`poll_transmit`](Connection::poll_transmit) until it returns 0, and write its output before waiting for
//!    anything. This is the *drain law*: it is the only way in which Pongs, and the Close that answers a Close or an
//!    error, reach the peer.
//! 4. **Send.** [`write_text`](Connection::write_text) and [`write_binary`](Connection::write_binary) write a message
//!    as one frame into a buffer. [`write_fragment`](Connection::write_fragment) splits a large one to fit the buffer,
//!    so that control frames can be sent in between. [`begin_frame`](Connection::begin_frame) and
//!    [`mask_payload`](Connection::mask_payload) send a payload from the memory that it is in.
//!    [`copy_payload`](Connection::copy_payload) leaves it unchanged and copies it piece by piece. To send many short
//!    messages, write them into one buffer, and write that to the transport once. [`Append`] does so with a vector.
//! 5. **Close.** [`write_close`](Connection::write_close) starts the closing handshake; a peer's Close is answered by
//!    step 3.
//! 6. **Close the transport** when [`transport`](Connection::transport) says so, not before: it says when to shut down
//!    the writing side, when to wait for the peer, and when to close. Report the end of the stream with
//!    [`receive_eof`](Connection::receive_eof). If no Close frame came before it, that is an error, like the end of a
//!    truncated TLS stream.
//!
//! The rest of this guide is for both.
//!
//! **Errors.** After an error from `receive`, do steps 3 and 6 as usual: they report the error to the peer. Go on reading, and
//! discard the bytes, until the peer ends the stream or the closing deadline passes: a socket that is closed with
//! unread bytes in it sends a reset, which can destroy the Close frame. [`error`](Connection::error) returns the error
//! for the log.
//!
//! **Back-pressure.** While the host cannot write, it should not read: keep `rest`, or leave the bytes in the
//! transport. The engine never queues more than one control frame. A peer that floods Pings gets an answer to the
//! newest one.
//!
//! **Cancel safety.** No call waits, so no call can be cancelled half-way. What `receive` has consumed stays consumed,
//! even if the future around the call is dropped. The engine counts the bytes that it wrote into a buffer as sent: a
//! host that stops in the middle of writing them must close the transport.
//!
//! **The size of reads.** Read into a large buffer, 64 KiB or more for large messages: each read is a system call. Do not
//! limit reads from a socket to [`unread_payload`](Connection::unread_payload): that takes up to twice the calls, and is
//! not reliably faster. A relay needs that number.
//!
//! **Two tasks.** [`split`](Connection::split) gives a [`Receiver`](connection::Receiver) and a
//! [`Transmitter`](connection::Transmitter) that share nothing. The reading task passes each
//! [`Reply`](connection::Reply) to the writing task, which reports when it has sent our Close frame.
//!
//! **Text.** A received text message is valid UTF-8, unless an extension uses its reserved bits; a chunk of it can
//! begin and end inside a character. Calls that send bytes as text without validating them have `unvalidated` in their
//! names, or take a payload in pieces.
//!
//! **Randomness.** A client needs a source of masking keys, and 16 random bytes for each handshake. Both must come from
//! a cryptographically secure generator with a new seed at each start: an attacker who can predict masking keys can
//! choose the bytes on the wire (RFC 6455 section 10.3). A server needs no randomness.
//!
//! **Origin.** Browsers let any page open a WebSocket to any host, with the user's cookies. A server that trusts
//! cookies must check which site the page came from, so a [`ServerConfig`](handshake::ServerConfig) needs an
//! [`OriginPolicy`](handshake::OriginPolicy).
//!
//! # Limits
//!
//! | limit | default | beyond it |
//! |---|---|---|
//! | `max_head_size` of a [server](handshake::ServerConfig) or [client](handshake::ClientConfig) | 16 KiB | 431, or 414 if the request line alone exceeds it; a client's handshake or [tunnel](handshake::Tunnel) fails |
//! | `max_fields`, likewise | 100 | 431; a client's handshake or tunnel fails |
//! | storage of a handshake or tunnel | the host's | 431, or 414 likewise, or 500 if its length is 0; a client's handshake or tunnel fails |
//! | a value in that storage | 65,535 bytes | 431; a client's handshake or tunnel fails |
//! | subprotocols and extensions of the peer | as many as the head and the storage hold | 431; a client's handshake fails |
//! | [`Config::max_frame_size`](connection::Config::max_frame_size) | 16 MiB | Close 1009 |
//! | [`Config::max_message_size`](connection::Config::max_message_size) | 64 MiB | Close 1009 |
//! | [`Config::max_fragments`](connection::Config::max_fragments) | 2^20 | Close 1008 |
//! | storage of a [`MessageBuffer`](message::MessageBuffer) or [`ReceiveBuffer`](message::ReceiveBuffer) | the host's | Close 1009 |
//! | size of an inflated message (feature `deflate`) | the host's | Close 1009 |
//! | [payload of a control frame](wire::MAX_CONTROL_PAYLOAD) | 125 bytes | received: Close 1002; to be sent: [`PayloadTooLong`](SendError::PayloadTooLong) |
//! | [reason in a Close frame](wire::CloseFrame::MAX_REASON) | 123 bytes | to be sent: [`PayloadTooLong`](SendError::PayloadTooLong) |
//! | length that a frame can declare | 2^63 - 1 | received: Close 1002; to be sent: [`PayloadTooLong`](SendError::PayloadTooLong) |
//! | control frames that wait to be sent | 1 | a newer Ping's Pong, or a Close, takes its place |
//! | [`Config::fragment_size`](connection::Config::fragment_size) | 16 KiB | the message goes on in the next one |
//! | [`Timeouts::handshake`](deadlines::Timeouts::handshake) | 10 s | close the transport, or 408 |
//! | [`Timeouts::ping`](deadlines::Timeouts::ping) | 20 s | a Ping is due |
//! | [`Timeouts::pong`](deadlines::Timeouts::pong) | 20 s | close the transport |
//! | [`Timeouts::idle`](deadlines::Timeouts::idle) | none | Close 1001 or 1008, as the host decides |
//! | [`Timeouts::closing`](deadlines::Timeouts::closing) | 5 s | close the transport |
//! | [`Backoff::max`](deadlines::Backoff::max): a delay before a client connects again | 60 s | a further failure makes it no longer |
//! | [`Backoff::max_retry_after`](deadlines::Backoff::max_retry_after) | 3600 s | a longer Retry-After counts as this |
//! | [seconds in Retry-After](handshake::Response::retry_after) | 2^32 - 1 | counts as this many |
//!
//! The times are those of [`Timeouts::MILLISECONDS`](deadlines::Timeouts::MILLISECONDS) and
//! [`Backoff::MILLISECONDS`](deadlines::Backoff::MILLISECONDS). After a timeout the host acts; every other limit is
//! enforced by the engine. The time that a proxy takes to answer has no limit in the engine: a tunnel has no deadlines.
//!
//! # Features
//!
//! * `alloc`, `heapless`: [`Append`] for the vectors of these crates.
//! * `deflate`: the layer `deflate`, permessage-deflate.
//! * `defmt`: `defmt::Format` on every public type.
//! * `fast-sha1`: SHA-1 of the crate `sha1_smol` for the handshake, also on 32-bit and 16-bit targets. On 64-bit targets
//!   it is the default.
//! * `small-sha1`: SHA-1 written for size, also on 64-bit targets. On the others it is the default. If both features are
//!   set, `small-sha1` wins.
//! * `refusal-texts`: reason phrases, and the error's text as the body of a
//!   [refusal](handshake::ServerHandshake::refuse), also on 32-bit and 16-bit targets. 64-bit targets always send them.
//! * `simd`: masking from 512 bytes on and validation of text from 128 bytes on use the widest vectors of the processor,
//!   which are found at run time, and the handshake its instructions for SHA-1. For desktops: it needs `std`, and Rust
//!   1.89.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(unreachable_pub)]
#![warn(clippy::missing_errors_doc, clippy::must_use_candidate)]
// Nothing panics: what could fail has a typed error, or a fallback that `never!` marks as unreachable.
#![cfg_attr(
    not(test),
    warn(
        clippy::alloc_instead_of_core,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::std_instead_of_core,
        clippy::unwrap_used
    )
)]

#[macro_use]
mod macros;

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod append;
mod bytes;
pub mod connection;
pub mod deadlines;
#[cfg(feature = "deflate")]
pub mod deflate;
pub mod handshake;
#[cfg(doc)]
#[doc = include_str!("hosts.md")]
pub mod hosts {}
pub mod message;
#[cfg(doc)]
#[doc = include_str!("microcontroller.md")]
pub mod microcontroller {}
mod role;
pub mod session;
mod target;
pub mod wire;
mod writer;

pub use append::Append;
pub use connection::Connection;
pub use handshake::error::{BuildError, HandshakeError};
pub use role::{Client, MaskingKeys, Role, Server};
pub use wire::error::{ProtocolError, SendError};

/// The README's code is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
