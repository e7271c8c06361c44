//! Files that the hosts in `src/bin` share, and that you can copy. The first lines of each say which crates it needs.

pub mod http2;
pub mod tls;
pub mod websocket;
