//! Tests of the crate, over transports in memory unless they say otherwise.

mod cancel;
mod deadlines;
mod handshake;
mod hostile;
mod messages;
mod network;
mod peer;
mod random;
#[cfg(feature = "axum")]
mod upgrade;
