//! What the hosts in `src/bin` share: files to copy. Each of them says at its top what it needs.

pub mod http2;
pub mod tls;
pub mod websocket;
