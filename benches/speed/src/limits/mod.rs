//! The limits: handwritten loops that do only the necessary work, in the same run as the peers.

pub mod echo;
mod kernel;
pub mod receive;
pub mod send;
