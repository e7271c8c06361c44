//! Handshakes for a host that already has an HTTP server or client, which reads and writes the HTTP messages. The input
//! and the output are fields. The rules are those of the [handshakes over bytes](super): the same checks, limits,
//! origin policy, subprotocols and extensions.
//!
//! [`Start`] selects the upgrade of HTTP/1.1 or the extended CONNECT of HTTP/2 and HTTP/3 ([RFC
//! 8441](https://www.rfc-editor.org/rfc/rfc8441), [RFC 9220](https://www.rfc-editor.org/rfc/rfc9220)). An extended
//! CONNECT must pass the same checks, except those of the hop-by-hop fields and the key, which it does not have. The
//! bytes of its stream are the connection's input and output, masked as over TCP. Closing the transport
//! means ending the stream (END_STREAM, FIN). Resetting it means resetting the stream (CANCEL, H3_REQUEST_CANCELLED).
//!
//! Limits count a start line and a field as the bytes that they take in HTTP/1.1. The storage holds the request target
//! and the values of the fields that matter, plus 4 bytes for each of them.
//!
//! ```
//! use barews::handshake::parsed::{ServerHandshake, Start};
//! use barews::handshake::{Accept, OriginPolicy, ServerConfig};
//!
//! static CONFIG: ServerConfig<'_> =
//!     ServerConfig { subprotocols: &["chat"], ..ServerConfig::new(OriginPolicy::SameOrigin) };
//!
//! // From the HTTP server:
//! let (method, target) = ("GET", "/room");
//! let headers = [
//!     ("host", "example.com"), ("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-version", "13"),
//!     ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("sec-websocket-protocol", "superchat, chat"),
//! ];
//!
//! let start = Start::Upgrade { method, target, minor_version: 1 };
//! let mut handshake = ServerHandshake::new(&CONFIG, [0; 1024], &start, headers);
//! let (response, connection) = match handshake.request() {
//!     Err(error) => (handshake.refuse(error), None),
//!     Ok(request) if !request.is_upgrade() => return, // a page
//!     Ok(_) => {
//!         let (response, connection) = handshake.accept(&Accept::default(), &Default::default()).unwrap();
//!         (response, Some(connection))
//!     }
//! };
//! assert_eq!(response.status(), 101);
//! assert!(response.fields().any(|field| field == ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
//! assert!(response.fields().any(|field| field == ("sec-websocket-protocol", "chat")));
//! assert!(connection.is_some());
//! ```

mod client;
mod server;
mod start;

pub use client::{ClientHandshake, RequestHead};
pub use server::{ResponseHead, ServerHandshake};
pub use start::Start;
