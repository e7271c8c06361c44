//! Compares the engine with independent implementations: frames and messages with tungstenite, the heads of handshakes with
//! httparse. A difference must be one of [`frames::KNOWN`] or [`heads::KNOWN`].
#![cfg_attr(fuzzing, no_main)]

pub mod frames;
pub mod heads;

use arbitrary::Arbitrary;
use barews::{Client, Server};
use barews_fuzz::Bytes;
use barews_testkit::Keys;
use frames::{Frames, Messages};
use tungstenite::protocol::Role;

#[derive(Debug, Arbitrary)]
pub enum Input<'a> {
    /// Both read the same frames.
    Frames(Frames<'a>),
    /// Each reads what the other writes.
    Messages(Messages<'a>),
    Request(Bytes<'a>),
    Response(Bytes<'a>),
}

impl Input<'_> {
    pub fn check(&self) {
        match self {
            Self::Frames(frames) if frames.server => frames.check::<Server>(Role::Server),
            Self::Frames(frames) => frames.check::<Client<Keys>>(Role::Client),
            Self::Messages(messages) if messages.server => messages.check::<Server>(Role::Client),
            Self::Messages(messages) => messages.check::<Client<Keys>>(Role::Server),
            Self::Request(stream) => heads::request(stream.0),
            Self::Response(stream) => heads::response(stream.0),
        }
    }
}

/// A known difference of the other implementation.
pub struct Known<T> {
    /// What it does.
    pub difference: &'static str,
    /// The rule that the engine follows.
    pub rule: &'static str,
    applies: fn(&T) -> bool,
}

barews_fuzz::target!(|input: Input<'_>| input.check());
