//! Whole messages in the buffer into which the host reads.

use core::mem;
use core::ops::Range;

use super::complete::Message;
use crate::bytes::move_down;
use crate::connection::{Chunk, Connection, Event, MessageKind};
use crate::role::Role;
use crate::wire::error::ProtocolError;

/// One buffer for the bytes that are read and for the message that they belong to, in storage that the host lends.
///
/// It makes whole messages with hardly any copy. A message that a read has in one piece is returned in place. The next
/// piece of one that is not complete is read directly after the piece before. So reads do not need a buffer of their
/// own, as they do with a [`MessageBuffer`](super::MessageBuffer).
///
/// The storage holds the longest message, and should have room for a read besides: 16 KiB or more on a desktop. Every
/// message that is shorter than the storage fits. A longer one is refused with [`ProtocolError::MessageTooBig`] and a
/// Close with 1009, as soon as its frame header and the first byte of the payload were read.
///
/// ```
/// use barews::connection::{Config, Event};
/// use barews::message::{Incoming, ReceiveBuffer};
/// use std::io::Read;
///
/// let mut socket = &b"\x89\x00\x81\x05Hello\x82\x02\x01"[..]; // a Ping, a text message, the beginning of another message
/// let mut connection = barews::Connection::new(barews::Client(|| [0; 4]), &Config::DEFAULT);
/// let mut buffer = ReceiveBuffer::new(vec![0; 64 << 10]);
/// let mut seen = Vec::new();
/// loop {
///     let len = socket.read(buffer.unfilled())?;
///     if len == 0 {
///         break; // then `connection.receive_eof()`
///     }
///     buffer.advance(len);
///     while let Some(incoming) = buffer.receive(&mut connection)? {
///         match incoming {
///             Incoming::Message(message) => seen.push(message.text().unwrap_or_default().to_owned()),
///             Incoming::Event(event) => assert_eq!(event, Event::Ping),
///         }
///         // Here the host calls `poll_transmit`, as always.
///     }
/// }
/// assert_eq!(seen, ["Hello"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Session::receive_into`](crate::session::Session::receive_into) does the same for a session.
#[derive(Clone)]
pub struct ReceiveBuffer<S> {
    storage: S,
    /// Where the pieces of the message in progress are.
    message: Range<usize>,
    /// How many payload bytes of its frame are still to be read.
    left: usize,
    /// The bytes that were read and not received. They follow the message.
    unread: Range<usize>,
}

/// How far to read beyond the end of a large frame. What is read of the next message must be moved.
const READ_AHEAD: usize = 4 << 10;

shown! {
    impl[S] ReceiveBuffer<S> {
        message: usize = this.message.len(),
        unread: usize = this.unread.len(),
    } of this
}

/// What arrived in a [`ReceiveBuffer`].
#[derive(PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Incoming<'a, E> {
    /// A whole message.
    Message(Message<'a>),
    /// Any other event; never a chunk of data.
    Event(E),
}

/// A chunk without the borrow of its payload, which is the last `len` bytes of those received.
pub(crate) struct Piece {
    pub(crate) kind: MessageKind,
    first: bool,
    last: bool,
    len: usize,
}

impl Piece {
    #[inline]
    pub(crate) fn of(chunk: &Chunk<'_>) -> Self {
        Self { kind: chunk.kind, first: chunk.first, last: chunk.last, len: chunk.payload.len() }
    }
}

impl<S: AsMut<[u8]>> ReceiveBuffer<S> {
    /// Uses all of `storage`. It must not be empty: a read into no bytes returns 0, as at the end of the stream.
    pub const fn new(storage: S) -> Self {
        Self { storage, message: 0..0, left: 0, unread: 0..0 }
    }

    /// Returns where the host reads next; then call [`advance`](Self::advance). It is not empty if
    /// [`receive`](Self::receive) was called until there was no event.
    pub fn unfilled(&mut self) -> &mut [u8] {
        if self.message.is_empty() {
            self.message = self.unread.start..self.unread.start;
        }
        if self.unread.is_empty() {
            self.unread = self.message.end..self.message.end; // the header before it is not needed any more
        }
        let size = self.storage.as_mut().len();
        let kept = self.message.len() + self.unread.len();
        if kept == 0 || size.saturating_sub(self.unread.end) < self.message.start {
            self.move_to_front();
        }
        let place = self.storage.as_mut().get_mut(self.unread.end..).unwrap_or_else(|| never!(&mut []));
        let len = if self.message.len() + self.left >= size / 2 { self.left + READ_AHEAD } else { size };
        let len = len.min(place.len());
        place.split_at_mut(len).0
    }

    /// Moves all that is kept to the front of the storage: once a message, if at all.
    #[inline(never)]
    fn move_to_front(&mut self) {
        let storage = self.storage.as_mut();
        let (message, unread) = (self.message.len(), self.unread.len());
        move_down(storage, self.message.clone(), 0);
        move_down(storage, self.unread.clone(), message);
        self.message = 0..message;
        self.unread = message..message + unread;
    }

    /// Notes that the host has read `len` bytes into [`unfilled`](Self::unfilled).
    pub fn advance(&mut self, len: usize) {
        self.unread.end = self.unread.end.saturating_add(len).min(self.storage.as_mut().len());
    }

    /// Receives the next message or other event from the bytes that were read; `None` when more are needed. Call it
    /// until then, and drain the connection after each call as after [`Connection::receive`].
    ///
    /// # Errors
    ///
    /// Those of [`Connection::receive`], and [`ProtocolError::MessageTooBig`] if the message does not fit the storage. In
    /// both cases the connection has failed, and a Close frame is due.
    #[inline]
    pub fn receive<R: Role>(
        &mut self,
        connection: &mut Connection<R>,
    ) -> Result<Option<Incoming<'_, Event<'static>>>, ProtocolError> {
        loop {
            let got = connection.receive(self.unread())?;
            let rest = got.rest.len();
            let piece = match got.event {
                Some(Event::Data(chunk)) => Piece::of(&chunk),
                event => {
                    let event = event.and_then(Event::without_data);
                    self.consume(rest);
                    return Ok(event.map(Incoming::Event));
                }
            };
            self.consume(rest);
            match self.join(&piece, connection.unread_payload()) {
                Ok(Some(place)) => return Ok(Some(Incoming::Message(self.message(piece.kind, place)))),
                Ok(None) if self.unread.is_empty() => return Ok(None),
                Ok(None) => {}
                Err(error) => {
                    connection.fail(error);
                    return Err(error);
                }
            }
        }
    }

    /// Returns the bytes that were not received yet.
    #[inline]
    pub(crate) fn unread(&mut self) -> &mut [u8] {
        self.storage.as_mut().get_mut(self.unread.clone()).unwrap_or_else(|| never!(&mut []))
    }

    /// Notes that all but `rest` bytes were received.
    #[inline]
    pub(crate) fn consume(&mut self, rest: usize) {
        self.unread.start = self.unread.end.saturating_sub(rest);
    }

    /// Adds a piece, which was received last, to the message. Returns where that is if it is complete. `left` payload
    /// bytes of the frame are still to come.
    #[inline]
    pub(crate) fn join(&mut self, piece: &Piece, left: u64) -> Result<Option<Range<usize>>, ProtocolError> {
        let end = self.unread.start;
        let place = end.saturating_sub(piece.len)..end;
        if piece.first && piece.last && place.start > 0 {
            return Ok(Some(place)); // shorter than the storage
        }
        self.join_slowly(piece, place, left)
    }

    #[inline(never)]
    fn join_slowly(
        &mut self,
        piece: &Piece,
        place: Range<usize>,
        left: u64,
    ) -> Result<Option<Range<usize>>, ProtocolError> {
        let end = place.end;
        if piece.first {
            self.message = place;
        } else if place.start == self.message.end {
            self.message.end = end;
        } else {
            // over the header of a fragment
            self.message.end += move_down(self.storage.as_mut(), place, self.message.end);
        }
        let needed = (self.message.len() as u64).saturating_add(left);
        if needed >= self.storage.as_mut().len() as u64 {
            return Err(ProtocolError::MessageTooBig); // the next header needs a byte at least
        }
        self.left = left as usize; // it is less than the length of the storage
        Ok(piece.last.then(|| mem::replace(&mut self.message, end..end)))
    }

    #[inline]
    pub(crate) fn message(&mut self, kind: MessageKind, place: Range<usize>) -> Message<'_> {
        Message { kind, payload: self.storage.as_mut().get_mut(place).unwrap_or_else(|| never!(&mut [])) }
    }
}
