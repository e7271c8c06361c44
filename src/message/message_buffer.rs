//! Whole messages in a buffer of their own.

use super::complete::Message;
use crate::bytes::copy;
use crate::connection::Chunk;
use crate::wire::error::ProtocolError;

/// Joins the chunks of a message in storage that the host lends: an array, a slice, a vector.
///
/// A message in a single chunk is returned in place, in the receive buffer, without a copy. In both cases the storage
/// is the limit: a message longer than the storage is refused, however it was split. All of `storage.as_mut()` counts,
/// so resize a vector first:
///
/// ```
/// use barews::connection::Event;
/// use barews::message::MessageBuffer;
///
/// let mut storage = heapless::Vec::<u8, 64>::new();
/// storage.resize_default(64).unwrap();
/// let mut messages = MessageBuffer::new(storage);
///
/// let mut connection = barews::Connection::new(barews::Client(|| [0; 4]), &Default::default());
/// let mut bytes = *b"\x01\x03Hel\x80\x02lo";
/// let mut rest = &mut bytes[..];
/// let mut whole = None;
/// while let got = connection.receive(rest)?
///     && let Some(event) = got.event
/// {
///     rest = got.rest;
///     if let Event::Data(chunk) = event
///         && let Some(message) = messages.push(chunk).inspect_err(|&error| connection.fail(error))?
///     {
///         whole = message.text().map(String::from);
///     }
/// }
/// assert_eq!(whole.as_deref(), Some("Hello"));
/// # Ok::<(), barews::ProtocolError>(())
/// ```
#[derive(Clone, Copy)]
pub struct MessageBuffer<S> {
    storage: S,
    len: usize,
}

shown! {
    impl[S] MessageBuffer<S> { len: usize = this.len } of this
}

impl<S: AsMut<[u8]>> MessageBuffer<S> {
    /// Uses all of `storage`.
    pub const fn new(storage: S) -> Self {
        Self { storage, len: 0 }
    }

    /// Adds the next chunk. Returns the message if this chunk is its last.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::MessageTooBig`] if the message is longer than the storage. Pass the error to
    /// [`Connection::fail`](crate::Connection::fail), which closes with 1009: a part of the message is lost. To refuse
    /// such a message at its frame header, set
    /// [`Config::max_message_size`](crate::connection::Config::max_message_size) to the length of the storage.
    /// [`ProtocolError::NoStorage`] if that length is 0.
    ///
    /// A method that returns the message out of a loop does so for the last chunk only: with the arm
    /// `Event::Data(chunk) if chunk.last => return self.messages.push(chunk)`, and another arm for all other chunks.
    // RFC 6455 5.4, 6.2: the payload is the fragments' in order [6455-5.4-3] [6455-5.4-6] [6455-6.2-4]
    #[inline]
    pub fn push<'a>(&'a mut self, chunk: Chunk<'a>) -> Result<Option<Message<'a>>, ProtocolError> {
        let Chunk { kind, first, last, payload, .. } = chunk;
        if first && last && payload.len() <= self.storage.as_mut().len() {
            return Ok(Some(Message { kind, payload }));
        }
        self.join(first, payload)?;
        if !last {
            return Ok(None);
        }
        let payload = self.storage.as_mut().get_mut(..self.len).unwrap_or_else(|| never!(&mut []));
        Ok(Some(Message { kind, payload }))
    }

    #[inline(never)]
    fn join(&mut self, first: bool, part: &[u8]) -> Result<(), ProtocolError> {
        if first {
            self.len = 0;
        }
        let start = self.len;
        self.len = usize::MAX; // until the next message, if it does not fit: never return one with a gap
        let storage = self.storage.as_mut();
        let error = if storage.is_empty() { ProtocolError::NoStorage } else { ProtocolError::MessageTooBig };
        let rest = storage.get_mut(start..).ok_or(error)?;
        let place = rest.get_mut(..part.len()).ok_or(error)?;
        self.len = start.saturating_add(copy(place, part));
        Ok(())
    }
}
