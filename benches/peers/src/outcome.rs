//! What an application sees of a peer.

use crate::Event;

/// What its application sees of a peer, and what it wrote.
#[derive(Default, Debug)]
pub struct Outcome {
    pub messages: Vec<Message>,
    /// The peer reported a Close frame to its application.
    pub closed: bool,
    /// The error that it reported before that.
    pub error: Option<String>,
    pub written: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    Text(Vec<u8>),
    Binary(Vec<u8>),
}

impl Outcome {
    pub fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Text(payload) => self.messages.push(Message::Text(payload.to_vec())),
            Event::Binary(payload) => self.messages.push(Message::Binary(payload.to_vec())),
            Event::Close => self.closed = true,
        }
    }

    /// An error after a Close frame is ignored: peers use it to report that the connection is closed.
    pub fn error(&mut self, error: impl core::fmt::Debug) {
        if !self.closed {
            self.error = Some(format!("{error:?}"));
        }
    }
}
