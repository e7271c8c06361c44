//! The opening handshake over HTTP/1.1 (RFC 6455 section 4). [`ServerHandshake`] and [`ClientHandshake`] accept the
//! transport's bytes, split anywhere, and produce a [`Connection`](crate::Connection). If the host has its own HTTP
//! implementation, or uses HTTP/2 or HTTP/3, start with [`parsed`].
//!
//! # A server
//!
//! 1. Describe what the server accepts in a [`ServerConfig`], above all which web pages may connect.
//! 2. Pass the bytes from the transport to [`receive`](ServerHandshake::receive) until it returns
//!    [`Progress::Complete`].
//! 3. Look at the [`request`](ServerHandshake::request) and answer: [`accept`](ServerHandshake::accept) an upgrade,
//!    [`respond`](ServerHandshake::respond) with a page or a status, or [`refuse`](ServerHandshake::refuse) on an
//!    error.
//! 4. Send the answer. After `accept`, create the [`Connection`](crate::Connection) and pass the remaining bytes to it;
//!    otherwise close the transport.
//!
//! ```
//! use barews::Connection;
//! use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};
//!
//! static CONFIG: ServerConfig<'_> =
//!     ServerConfig { subprotocols: &["chat"], keep: &["cookie"], ..ServerConfig::new(OriginPolicy::SameOrigin) };
//!
//! let mut handshake = ServerHandshake::new(&CONFIG, [0; 512]);
//! let mut out = [0; 512];
//! # let mut read = *b"GET /room HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//! #     Origin: https://example.com\r\nCookie: id=7\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
//! #     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: superchat, chat\r\n\r\n";
//! // `read` holds bytes from the transport.
//! let (len, connection) = match handshake.receive(&mut read) {
//!     Ok(Progress::Partial) => return, // read more
//!     Err(error) => (handshake.refuse(error, &mut out).unwrap(), None),
//!     Ok(Progress::Complete { rest, .. }) => {
//!         assert!(rest.is_empty()); // otherwise pass it to the connection first
//!         let request = handshake.request().unwrap();
//!         assert_eq!(request.field("Cookie"), Some(&b"id=7"[..]));
//!         match (request.is_upgrade(), request.target()) {
//!             (true, "/room") => {
//!                 let len = handshake.accept(&Accept::default(), &mut out).unwrap();
//!                 (len, Some(Connection::new(barews::Server, &Default::default())))
//!             }
//!             (false, "/") => {
//!                 let page = [("Content-Type", "text/html")];
//!                 (handshake.respond(200, &page, b"<!doctype html>", &mut out).unwrap(), None)
//!             }
//!             _ => (handshake.respond(404, &[], b"", &mut out).unwrap(), None),
//!         }
//!     }
//! };
//! assert!(out[..len].starts_with(b"HTTP/1.1 101 ") && connection.is_some());
//! ```
//!
//! # A client
//!
//! ```
//! use barews::handshake::{ClientConfig, ClientHandshake, ClientRequest, Progress, Uri};
//!
//! # fn random<const N: usize>() -> [u8; N] { let mut bytes = [0; N]; getrandom::fill(&mut bytes).unwrap(); bytes }
//! let uri = Uri::parse("ws://example.com/room").unwrap();
//! let config = ClientConfig { subprotocols: &["chat"], ..ClientConfig::DEFAULT };
//! let mut handshake = ClientHandshake::new(&config, random(), [0; 512]);
//! let mut out = [0; 512];
//! let len = handshake.request(&ClientRequest::new(uri), &mut out).unwrap();
//! // Connect to uri.host() (remove the brackets of an IPv6 address) and uri.port(), with TLS if uri.secure(). Send
//! // out[..len], then read:
//! # let mut read = *b"HTTP/1.1 302 Found\r\nLocation: ws://example.org/\r\n\r\n";
//! match handshake.receive(&mut read) {
//!     Ok(Progress::Partial) => {} // read more
//!     Err(_) => {}                // close
//!     Ok(Progress::Complete { rest, .. }) => {
//!         let response = handshake.response().unwrap();
//!         if response.is_accepted() {
//!             let connection = handshake.connect(random::<4>, &Default::default()).unwrap();
//!             // Pass `rest` to the connection first.
//!         } else {
//!             assert_eq!((response.status(), response.field("location")), (302, Some(&b"ws://example.org/"[..])));
//!         }
//!     }
//! }
//! ```
//!
//! # A client that the server or a proxy asks for credentials
//!
//! [`basic_credentials`] and [`bearer_credentials`] write the value of Authorization after a 401, or of
//! Proxy-Authorization after a 407. Behind a proxy, a [`Tunnel`] leads to the server; the handshake follows over the
//! same transport. [`Proxy`] parses the settings of a proxy.
//!
//! # Storage and limits
//!
//! The host lends the storage. It holds only the start line and the fields that matter: 512 bytes are enough for a
//! browser that sends 8 KiB of cookies, unless the host wants to keep the cookies. The number of bytes, the number of
//! fields and the storage are limits, and a head that exceeds one is refused. The host needs a deadline for a head that
//! never ends.
//!
//! # Strictness
//!
//! Strict: lines end with CR LF only; no folded fields, no white space before a colon, no control characters; single
//! spaces in the request line; Host not empty; Host, Origin, Sec-WebSocket-Key, -Version and -Accept not repeated; a
//! request must not have a body; lists, tokens and quoted strings must follow their grammar. In two cases HTTP accepts
//! more: a client refuses folded fields too (RFC 9112 section 5.2), and a server refuses a target that has a query but
//! no path after the host (section 3.2.2).
//!
//! Lenient, where HTTP requires it or it does no harm:
//!
//! | accepted | by | reason |
//! |---|---|---|
//! | empty lines before a request | server | RFC 9112 section 2.2 |
//! | empty elements of a list, and an empty Sec-WebSocket-Protocol or -Extensions, also on one of several lines | server | RFC 9110 section 5.6.1; several clients send them |
//! | empty elements of Upgrade, Connection and Sec-WebSocket-Extensions in a 101; not an empty Sec-WebSocket-Protocol or -Extensions | client | the same |
//! | a subprotocol that is offered twice | server | the choice is the same |
//! | a key whose padding bits are not 0 | server | the key is not decoded |
//! | any visible ASCII but `#` in a request target | server | browsers do not escape all that RFC 3986 requires |
//! | a status line that ends with the status | client | some servers omit the space after it |
//! | a response of HTTP/1.0 to CONNECT | client | Tinyproxy sends it; a 101 must be of HTTP/1.1 |

mod authority;
mod base64;
mod chars;
mod client;
mod config;
mod credentials;
mod cursor;
mod digest;
pub(crate) mod error;
mod extensions;
mod fields;
mod head;
mod key;
mod list;
mod origin;
pub mod parsed;
mod progress;
mod proxy;
mod request;
mod response;
mod server;
#[cfg(any(
    test,
    feature = "small-sha1",
    not(any(target_pointer_width = "64", feature = "fast-sha1", feature = "simd"))
))]
mod sha1;
mod tunnel;
mod uri;
mod writer;

pub use client::ClientHandshake;
pub use config::{Accept, ClientConfig, ClientRequest, MAX_FIELDS, MAX_HEAD_SIZE, ServerConfig, Subprotocol};
pub use credentials::{basic_credentials, bearer_credentials};
pub use error::{ProxyError, UriError};
pub use extensions::{Extension, Param, ParamValue};
pub use key::accept_key;
pub use origin::OriginPolicy;
pub use progress::Progress;
pub use proxy::Proxy;
pub use request::Request;
pub use response::Response;
pub use server::ServerHandshake;
pub(crate) use server::refusal;
pub use tunnel::Tunnel;
pub use uri::Uri;
