//! What the hosts in `src/bin` share.

pub mod tls;
