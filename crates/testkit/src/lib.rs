//! Tests and fuzzes hosts of the WebSocket engine [`barews`], and the streams that they read and write.
//!
//! * [`Host`] drives a connection, or a session, as a program does, and checks every call. Its [`Log`] is the same for any cut of
//!   the input.
//! * [`oracle`] is a naive receiver: it returns what a correct endpoint receives and sends back.
//! * [`raw`] writes and reads frames without the engine.
//! * [`session`] connects two endpoints to each other.
//! * [`transcript`] reads tests written as text, [`player`] plays them.
//! * `random`, with the feature `proptest`, generates streams, limits and actions.
//! * `inflater`, with the feature `deflate`, is a naive inflater.
//!
//! Everything here reports a failure by a panic, which test runners and fuzzers detect. The only dependencies are `std` and the
//! engine.
//!
//! # Your own stream
//!
//! Does the engine accept what your client writes? Record its bytes after the handshake, and feed them at several cuts:
//!
//! ```
//! use barews::Server;
//! use barews::connection::Config;
//! use barews_testkit::{Entry, Host, oracle, raw};
//!
//! let mut stream = raw::frame(0x89, Some([1, 2, 3, 4]), b"ping"); // instead of a recording
//! stream.extend(raw::frame(0x81, Some([5, 6, 7, 8]), "caf\u{e9}".as_bytes()));
//!
//! let expected = oracle::expect(true, &Config::DEFAULT, &stream);
//! assert!(!expected.entries.iter().any(|entry| matches!(entry, Entry::Error(_))));
//! for size in [1, 7, usize::MAX] {
//!     let mut host = Host::<Server>::new(&Config::DEFAULT);
//!     host.feed_cut(&stream, &[size]); // checks P1 to P3, P5 to P8 and P13 at each call
//!     assert_eq!(host.log, expected); // P4
//! }
//! ```
//!
//! # Your own host
//!
//! Give your host a transport in memory, let the fuzzer choose the input and the size of the reads, and compare the messages it
//! received and the bytes it wrote with the oracle. The host in this example stores received messages, and answers Pings:
//!
//! ```
//! use barews::connection::{Config, Event, MessageKind};
//! use barews::{Connection, Server};
//! use barews_testkit::{oracle, raw};
//!
//! /// Returns the messages received and the bytes written.
//! fn my_host(input: &[u8], size: usize) -> (Vec<(MessageKind, Vec<u8>)>, Vec<u8>) {
//!     let mut connection = Connection::new(Server, &Config::DEFAULT);
//!     let (mut messages, mut message, mut written) = (Vec::new(), Vec::new(), Vec::new());
//!     for read in input.chunks(size) {
//!         let mut buffer = read.to_vec();
//!         let mut rest = &mut buffer[..];
//!         while let Ok(received) = connection.receive(rest) {
//!             rest = received.rest;
//!             match received.event {
//!                 Some(Event::Data(chunk)) => {
//!                     message.extend_from_slice(chunk.payload);
//!                     if chunk.last {
//!                         messages.push((chunk.kind, std::mem::take(&mut message)));
//!                     }
//!                 }
//!                 Some(_) => {}
//!                 None => break,
//!             }
//!             drain(&mut connection, &mut written);
//!         }
//!         drain(&mut connection, &mut written); // also after an error, which makes a Close due
//!     }
//!     (messages, written)
//! }
//!
//! fn drain(connection: &mut Connection<Server>, written: &mut Vec<u8>) {
//!     let mut frame = [0; 131];
//!     while let len @ 1.. = connection.poll_transmit(&mut frame) {
//!         written.extend_from_slice(&frame[..len]);
//!     }
//! }
//!
//! /// The body of a `fuzz_target!`, or of a property test.
//! fn check(input: &[u8], size: usize) {
//!     let expected = oracle::expect(true, &Config::DEFAULT, input);
//!     let (messages, written) = my_host(input, size);
//!     assert_eq!(messages, expected.messages());
//!     assert_eq!(raw::frames(&written), expected.sent());
//! }
//!
//! let key = Some([1, 2, 3, 4]);
//! let valid = [raw::frame(0x01, key, b"a"), raw::frame(0x89, key, b"?"), raw::frame(0x80, key, b"b")].concat();
//! let malformed = [raw::frame(0x81, key, b"c"), raw::frame(0x81, None, b"d")].concat();
//! for size in 1..20 {
//!     check(&valid, size);
//!     check(&malformed, size);
//! }
//! ```
//!
//! # A rule as a transcript
//!
//! ```
//! use barews::Server;
//! use barews_testkit::player::Reads;
//! use barews_testkit::transcript::Transcript;
//!
//! let text = r#"# A Ping is answered with its payload.
//! role server
//! connections server 1
//! > 89 {05} "Hello"
//! = ping "Hello"
//! < 8a {05} "Hello"
//! ? state Open clean no
//! "#;
//! for transcript in Transcript::parse("ping", text, true) {
//!     transcript.play::<Server>(Reads::Whole);
//!     transcript.play::<Server>(Reads::Bytes);
//! }
//! ```
//!
//! # Properties
//!
//! What a caller of the engine relies on, and where it is checked. [`Host`] checks its properties at every call; the messages
//! of its assertions begin with the number of the property. Paths are relative to the engine's repository.
//!
//! | | property | checked by |
//! |---|---|---|
//! | P1 | progress: `receive` consumes a byte or returns an event, unless its input is empty | [`Host::feed`] |
//! | P2 | without an event, `receive` has consumed all of its input | [`Host::feed`] |
//! | P3 | the payload of a data event is at the end of the bytes that the call consumed | [`Host::feed`] |
//! | P4 | events, replies and final state do not depend on the cut of the input | a comparison of [`Host::log`] and [`Host::outcome`] with [`oracle::expect`]; `p04_...` in `tests/properties.rs`, `fuzz/src/bin/receive.rs` |
//! | P5 | nothing follows a Close or an error: an error is sticky, and no event comes after either | [`Host::feed`], [`Host::eof`], [`Log::event`] |
//! | P6 | `poll_transmit` writes whole control frames, never inside a data frame; 131 bytes suffice | [`Host::drain`] |
//! | P7 | at most one control frame is due; one Close is sent, and nothing after it | [`Host::drain`], all methods that send |
//! | P8 | a client masks every frame with a new key, a server masks none; receivers enforce both | all methods that send; [`oracle`] |
//! | P9 | whatever one side sends, the other accepts and reports unchanged | [`session::play`] |
//! | P10 | no panic, no `unsafe`, no allocation, no I/O; linear work; no overflow for any length | the lints in `src/lib.rs`, `suites/panic_free`, `suites/no_std`, `suites/linear`; `p10_...` in `tests/properties.rs`; every test, as it is built with overflow checks |
//! | P11 | a send call that fails changes nothing, and reports the size needed if the buffer is too small | all methods that send |
//! | P12 | the memory for a connection is constant, and below a recorded ceiling | `p12_...` in `tests/properties.rs`, `suites/footprint` |
//! | P13 | after `poll_transmit` has returned 0, nothing is due | [`Host::drain`]; late draining in `tests/properties.rs` and `fuzz/src/bin/receive.rs` |

#![deny(missing_docs)]

mod host;
#[cfg(feature = "deflate")]
pub mod inflater;
mod log;
pub mod oracle;
pub mod player;
#[cfg(feature = "proptest")]
pub mod random;
pub mod raw;
pub mod session;
pub mod transcript;

pub use host::{Drain, Engine, Host, Keys, Opened, Outcome, Side};
pub use log::{Entry, Log, Unfinished};
