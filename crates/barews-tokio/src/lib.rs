//! WebSockets for tokio: client and server, on the engine [barews](https://docs.rs/barews).
//!
//! A server that echoes, over any `AsyncRead + AsyncWrite`:
//!
//! ```no_run
//! use barews_tokio::{Error, accept};
//! use tokio::net::{TcpListener, TcpStream};
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:9001").await?;
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         tokio::spawn(async move {
//!             if let Err(error) = echo(stream).await {
//!                 eprintln!("{error}");
//!             }
//!         });
//!     }
//! }
//!
//! async fn echo(stream: TcpStream) -> Result<(), Error> {
//!     let mut socket = accept(stream).await?;
//!     while let Some(message) = socket.next().await {
//!         let message = message?;
//!         if message.is_data() {
//!             socket.feed(message).await?; // `next` writes it when it finds nothing more to read
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! A client:
//!
//! ```no_run
//! # #[tokio::main]
//! # async fn main() -> Result<(), barews_tokio::Error> {
//! let (mut socket, _response) = barews_tokio::connect("ws://127.0.0.1:9001/").await?;
//! socket.send("Hello").await?;
//! if let Some(message) = socket.next().await {
//!     println!("{:?}", message?);
//! }
//! socket.close(None).await?;
//! # Ok(())
//! # }
//! ```
//!
//! | for | there is |
//! |---|---|
//! | a server, with subprotocols, origins and a callback that sees the request | [`accept`], [`Acceptor`] |
//! | a client, with headers, credentials, TLS, a proxy, redirects | [`connect`], [`Client`] |
//! | connecting again | [`Client::reconnecting`] |
//! | messages, as methods and as `Stream` and `Sink` | [`WebSocket`], [`Message`] |
//! | two tasks | [`WebSocket::split`], [`Reader`], [`Writer`] |
//! | messages larger than memory | [`WebSocket::next_chunk`], [`WebSocket::send_chunk`] |
//! | one message for many connections | [`Prepared`] |
//! | limits, timeouts, compression | [`Config`], [`Timeouts`], [`Compression`] |
//! | a service of hyper | `Acceptor::upgrade` (feature `hyper`) |
//! | a handler of axum | `WebSocketUpgrade` (feature `axum`) |
//! | HTTP/2 (RFC 8441) | `Acceptor::accept_http2`, `Client::connect_http2` (feature `http2`) |
//! | an opening handshake that was done elsewhere | [`WebSocket::from_raw`] |
//! | what went wrong, and whose fault it is | [`Error`], [`Fault`] |
//!
//! The crate needs a runtime with I/O and time: `#[tokio::main]`, or a `Builder` with `enable_all`. Without time it
//! panics.
//!
//! # Features
//!
//! None is on by default.
//!
//! * `rustls`: TLS for `wss:`, with the root certificates of Mozilla.
//! * `rustls-native-certs`: the same with the root certificates of the operating system.
//! * `hyper`: `Acceptor::upgrade`, for a service of hyper.
//! * `axum`: `WebSocketUpgrade`, an extractor for axum.
//! * `http2`: WebSockets on streams of HTTP/2, with the crate `h2`. Together with `hyper` or `axum` those take requests
//!   over HTTP/2, too.
//! * `tracing`: an event at level debug when a connection is opened, closed or has failed.
//! * `simd`: masks and validates with the widest vectors of the processor. Needs Rust 1.89.
#![deny(unsafe_code)]
#![deny(missing_docs)]
#![warn(unreachable_pub)]
#![warn(clippy::missing_errors_doc, clippy::must_use_candidate)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod byte_stream;
mod client;
mod config;
mod dial;
mod engine;
mod error;
#[cfg(feature = "axum")]
mod extractor;
#[cfg(feature = "http2")]
mod http2;
mod message;
mod open;
#[cfg(any(feature = "hyper", feature = "http2"))]
mod parsed;
mod prepared;
mod reconnect;
mod rx;
mod server;
mod socket;
mod split;
mod tls;
mod trace;
mod tx;
#[cfg(feature = "hyper")]
mod upgrade;

pub use barews::wire::CloseCode;
pub use barews::{BuildError, HandshakeError, ProtocolError, SendError};
pub use byte_stream::ByteStream;
pub use client::{Client, Response, connect};
pub use config::{Compression, Config, Timeouts};
pub use engine::Role;
pub use error::{Error, Fault, Refused, Timeout};
#[cfg(feature = "axum")]
pub use extractor::{UpgradeRejection, WebSocketUpgrade};
#[cfg(feature = "http2")]
pub use http2::Http2Stream;
pub use message::{Chunk, CloseFrame, Message, MessageKind, Utf8Bytes};
pub use prepared::Prepared;
pub use reconnect::{Backoff, Reconnecting};
pub use server::{Accept, Acceptor, Refusal, Request, accept};
pub use socket::WebSocket;
pub use split::{Reader, Writer};
pub use tls::MaybeTls;
#[cfg(feature = "hyper")]
pub use upgrade::Upgrading;

#[cfg(feature = "http2")]
pub use h2;
/// The crates whose types are in this API.
pub use {bytes, http};
#[cfg(feature = "hyper")]
pub use {hyper, hyper_util};

#[cfg(feature = "rustls")]
pub use tokio_rustls::rustls;

/// The README's code is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
