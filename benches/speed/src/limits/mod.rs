//! The limits: loops by hand that do what has to be done and nothing else, in one run with the peers.

pub mod echo;
mod kernel;
pub mod receive;
pub mod send;
