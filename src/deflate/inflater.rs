//! The receiving side: inflates the chunks of a connection (RFC 7692 section 6.2).

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

/// Inflates the compressed messages of a connection, and returns the others unchanged.
///
/// The host lends the window, an array, a slice or a vector: all of `window.as_mut()` counts, and it must have the
/// agreed [`Direction::window_size`]. The type itself takes a constant size of at most 2.5 KiB. Inflated bytes go to a
/// buffer of the host's, of any size: a chunk is inflated in as many pieces as the buffer requires.
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
pub struct Inflater<W> {
    window: W,
    no_context_takeover: bool,
    max_message_size: u64,
    /// How many more bytes the message may have.
    room: u64,
    stream: Stream,
    /// Whether the current message is compressed.
    compressed: bool,
    /// Whether a piece of it was returned.
    begun: bool,
    utf8: Utf8Validator,
}

shown! {
    impl[W] Inflater<W> {
        compressed: bool = this.compressed,
        begun: bool = this.begun,
        error: Option<ProtocolError> = this.stream.outcome().err(),
    } of this
}

impl<W: AsMut<[u8]>> Inflater<W> {
    /// Creates an inflater for the agreed parameters. A message may have `max_message_size` bytes after it is inflated;
    /// a longer one fails the connection with 1009.
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

    /// Returns the next piece of `chunk`: inflated into `out`, or the chunk itself if its message is not compressed.
    /// Call this with the same chunk until it returns `None`; each call shortens `chunk`. The pieces are like chunks:
    /// `first` and `last` mark the ends of the message, and text is valid UTF-8.
    ///
    /// A piece ends at the end of `out` or of the chunk. Ignore the bytes of `out` after the piece.
    ///
    /// # Errors
    ///
    /// Pass the error to [`Connection::fail`](crate::Connection::fail). Every later call returns the same error.
    /// * [`ProtocolError::DeflateBlockType`], `DeflateStoredLength`, `DeflateCode`, `DeflateDistance`,
    ///   `DeflateTruncated`: the message is not valid DEFLATE. Closes with 1007.
    /// * [`ProtocolError::InvalidUtf8`]: the inflated text is not UTF-8. Closes with 1007.
    /// * [`ProtocolError::MessageTooBig`]: the message exceeds `max_message_size`, or `out` is empty. Closes with 1009.
    ///   The message was inflated up to the limit only.
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
        let compressed = chunk.rsv.contains(RSV1);
        if chunk.first {
            // RFC 7692 6: the first frame's RSV1 marks a compressed message [7692-6-1]
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
        // The rest of the chunk has no RSV bits and does not begin the message.
        let (kind, rsv, last) = (chunk.kind, core::mem::take(&mut chunk.rsv).without(RSV1), chunk.last);
        let payload = core::mem::take(&mut chunk.payload);
        if !self.compressed {
            // RFC 7692 6.2: it is returned as it is, and the window does not change [7692-6.2-2] [7692-7.2.3.2-1]
            chunk.last = false;
            return Ok(Chunk::next(&mut self.begun, kind, rsv, last, payload));
        }
        // RFC 7692 6.2: the payloads of all frames together are inflated [7692-6.2-1]
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
        // RFC 7692 6.1: the inflated text must be UTF-8 [7692-6.1-5]
        if kind == MessageKind::Text {
            self.utf8.push(payload)?;
            if last {
                self.utf8.finish()?;
            }
        }
        Ok(Chunk::next(&mut self.begun, kind, rsv, last, payload))
    }
}
