//! The messages to send, and the buffer that collects their frames.

use crate::{CORK, Lent, Socket, Tally, Total};
use std::rc::Rc;

/// Binary messages to send, in one pass.
#[derive(Clone, Debug)]
pub struct Outgoing(Rc<[bytes::Bytes]>);

impl Outgoing {
    pub fn new(bodies: Vec<Vec<u8>>) -> Self {
        Self(bodies.into_iter().map(bytes::Bytes::from).collect())
    }

    pub fn bodies(&self) -> impl Iterator<Item = &bytes::Bytes> {
        self.0.iter()
    }

    pub fn longest(&self) -> usize {
        self.bodies().map(bytes::Bytes::len).max().unwrap_or(0)
    }

    pub fn total(&self) -> Total {
        let tally = Tally::verifying();
        self.bodies().for_each(|body| tally.message(body));
        tally.total()
    }
}

/// Frames to be written together, in the application's buffer. Long payloads are not copied.
#[derive(Debug)]
pub struct Cork {
    buffer: Lent,
    at: usize,
}

impl Cork {
    /// Payloads of this length and longer ones are written from their place, without a copy.
    pub const LONG: usize = 4 << 10;

    /// Returns a cork with space for at least one message of this length.
    pub fn new(longest: usize) -> Self {
        Self { buffer: Lent::new(CORK.max(longest + 14)), at: 0 }
    }

    /// Returns space for at least `len` bytes. Call `take` with the number of bytes filled.
    #[inline]
    pub fn room(&mut self, len: usize, socket: &mut Socket) -> &mut [u8] {
        if self.buffer.len() - self.at < len {
            self.flush(socket);
        }
        &mut self.buffer[self.at..]
    }

    #[inline]
    pub fn take(&mut self, len: usize) {
        self.at += len;
    }

    #[inline]
    pub fn put(&mut self, bytes: &[u8], socket: &mut Socket) {
        if bytes.len() >= Self::LONG {
            self.flush(socket);
            return socket.write(bytes);
        }
        self.room(bytes.len(), socket)[..bytes.len()].copy_from_slice(bytes);
        self.take(bytes.len());
    }

    pub fn flush(&mut self, socket: &mut Socket) {
        socket.write(&self.buffer[..self.at]);
        self.at = 0;
    }
}
