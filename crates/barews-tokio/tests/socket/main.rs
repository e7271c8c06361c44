//! Tests of the crate, over transports in memory unless they say otherwise.

mod byte_stream;
mod cancel;
mod deadlines;
mod handshake;
mod hostile;
#[cfg(feature = "http2")]
mod http2;
mod messages;
mod network;
mod peer;
mod random;
#[cfg(feature = "hyper")]
mod upgrade;
