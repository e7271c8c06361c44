//! The receiving side: between the chunks of a connection and whatever takes messages (RFC 7692 section 6.2).

mod bits;
mod codes;
mod fast;
mod huffman;
mod lengths;
mod output;
mod stream;

use super::negotiation::{Direction, RSV1};
use crate::connection::{Chunk, MessageKind};
use crate::wire::Utf8Validator;
use crate::wire::error::ProtocolError;
use stream::Stream;

/// Inflates the compressed messages of a connection, and hands on the others as they are.
///
/// The host lends the window, an array, a slice or a vector: all of `window.as_mut()` counts, and it must have the
/// agreed [`Direction::window_size`]. What the type needs besides is a compile-time constant, at most 2.5 KiB. Inflated
/// bytes go to a buffer of the host's of any size: a chunk is inflated in as many pieces as that takes.
///
/// ```
/// use barews::connection::{Config, Event};
/// use barews::deflate::{Direction, Inflater, RSV1};
/// use barews::message::MessageBuffer;
///
/// let config = Config { extension_rsv: RSV1, ..Config::DEFAULT };
/// let mut connection = barews::Connection::new(barews::Client(|| [0; 4]), &config);
/// let mut inflater = Inflater::new([0; 32768], Direction::DEFAULT, 4096);
/// let mut messages = MessageBuffer::new([0; 4096]);
///
/// let mut bytes = *b"\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00"; // "Hello", compressed
/// let mut rest = &mut bytes[..];
/// let mut out = [0; 512];
/// let mut whole = None;
/// while let got = connection.receive(rest)?
///     && let Some(event) = got.event
/// {
///     rest = got.rest;
///     if let Event::Data(mut chunk) = event {
///         while let Some(piece) =
///             inflater.inflate(&mut chunk, &mut out).inspect_err(|&error| connection.fail(error))?
///         {
///             if let Some(message) = messages.push(piece).inspect_err(|&error| connection.fail(error))? {
///                 whole = message.text().map(String::from);
///             }
///         }
///     }
/// }
/// assert_eq!(whole.as_deref(), Some("Hello"));
/// # Ok::<(), barews::ProtocolError>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Inflater<W> {
    window: W,
    no_context_takeover: bool,
    max_message_size: u64,
    /// Bytes that the message may still have.
    room: u64,
    stream: Stream,
    /// The message under way is compressed.
    compressed: bool,
    /// A piece of it was handed out.
    begun: bool,
    utf8: Utf8Validator,
}

impl<W: AsMut<[u8]>> Inflater<W> {
    /// For messages from a peer that compresses as agreed. A message may have `max_message_size` bytes when it is
    /// inflated; beyond that the connection fails with 1009.
    pub const fn new(window: W, agreed: Direction, max_message_size: u64) -> Self {
        Self {
            window,
            no_context_takeover: agreed.no_context_takeover,
            max_message_size,
            room: 0,
            stream: Stream::new(),
            compressed: false,
            begun: false,
            utf8: Utf8Validator::new(),
        }
    }

    /// The next piece of what `chunk` brings: inflated into `out`, or the chunk itself if its message is not
    /// compressed. Call it with the same chunk until there is none; `chunk` shrinks meanwhile. The pieces are like
    /// chunks: `first` and `last` frame the message, and text is valid UTF-8.
    ///
    /// A piece ends where `out` does, or the chunk. Bytes of `out` behind the piece are of no meaning.
    ///
    /// # Errors
    ///
    /// Hand them to [`Connection::fail`](crate::Connection::fail); every later call returns the same error.
    /// * [`ProtocolError::DeflateBlockType`], `DeflateStoredLength`, `DeflateCode`, `DeflateDistance`,
    ///   `DeflateTruncated`: the message is not what DEFLATE makes. Closes with 1007.
    /// * [`ProtocolError::InvalidUtf8`]: the inflated text is none. Closes with 1007.
    /// * [`ProtocolError::MessageTooBig`]: the message has more than the most bytes, or `out` is empty. Closes with
    ///   1009. It was inflated up to the limit and no further.
    /// * [`ProtocolError::ReservedBits`]: RSV1 is set on a frame that is not the first of its message. Closes with
    ///   1002.
    pub fn inflate<'a>(
        &mut self,
        chunk: &'a mut Chunk<'_>,
        out: &'a mut [u8],
    ) -> Result<Option<Chunk<'a>>, ProtocolError> {
        let piece = self.piece(chunk, out);
        if let Err(error) = &piece {
            self.stream.fail(*error);
        }
        piece
    }

    fn piece<'a>(&mut self, chunk: &'a mut Chunk<'_>, out: &'a mut [u8]) -> Result<Option<Chunk<'a>>, ProtocolError> {
        self.stream.outcome()?;
        let compressed = chunk.rsv & RSV1 != 0;
        if chunk.first {
            // RFC 7692 6: the bit of the first frame tells [7692-6-1]
            chunk.first = false;
            self.compressed = compressed;
            self.begun = false;
            if compressed {
                self.room = self.max_message_size;
                // RFC 7692 7.2.2 [7692-7.2.2-3] [7692-7.2.2-5]
                self.stream.begin(!self.no_context_takeover);
            }
        } else if compressed {
            return Err(ProtocolError::ReservedBits); // RFC 7692 6.1 [7692-6.1-4]
        }
        // What is left of the chunk has none of its frame's bits, nor begins the message.
        let (kind, rsv, last) = (chunk.kind, core::mem::take(&mut chunk.rsv) & !RSV1, chunk.last);
        let payload = core::mem::take(&mut chunk.payload);
        if !self.compressed {
            // RFC 7692 6.2: it is handed on as it is, and the window stays what it was [7692-6.2-2] [7692-7.2.3.2-1]
            chunk.last = false;
            return Ok(Chunk::next(&mut self.begun, kind, rsv, last, payload));
        }
        // RFC 7692 6.2: the payloads of the frames together are what is inflated [7692-6.2-1]
        let len = usize::try_from(self.room).map_or(out.len(), |room| room.min(out.len()));
        let room = out.get_mut(..len).unwrap_or_else(|| never!(Default::default()));
        let inflated = self.stream.inflate(self.window.as_mut(), payload, room, last)?;
        self.room = self.room.saturating_sub(inflated.produced as u64);
        if inflated.more && (self.room == 0 || out.is_empty()) {
            return Err(ProtocolError::MessageTooBig);
        }
        chunk.payload = payload.get_mut(inflated.consumed..).unwrap_or_else(|| never!(Default::default()));
        let last = last && !inflated.more;
        if last {
            chunk.last = false;
        }
        let payload = out.get_mut(..inflated.produced).unwrap_or_else(|| never!(Default::default()));
        // RFC 7692 6.1: it is the inflated text that must be UTF-8 [7692-6.1-5]
        if kind == MessageKind::Text {
            self.utf8.push(payload)?;
            if last {
                self.utf8.finish()?;
            }
        }
        Ok(Chunk::next(&mut self.begun, kind, rsv, last, payload))
    }
}
