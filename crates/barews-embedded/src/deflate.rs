//! permessage-deflate (RFC 7692), in memory that the host lends: [`Deflate`].

// Without the feature `plain.rs` takes the place of this file.

use core::ops::Range;

use barews::connection::{Chunk, Connection, Outgoing};
use barews::deflate::{Deflater, Direction, Inflater, Level, MAX_RESPONSE, Parameters, RSV1};
use barews::handshake::Accept;
use barews::session::{self, SessionRole};
use barews::wire::{FrameHeader, Rsv};
use barews::{BuildError, Client, MaskingKeys, ProtocolError, Role, SendError, Server};
use embedded_io_async::{Read, Write};

use crate::clock::Clock;
use crate::error::Error;
use crate::websocket::{Piece, Resources, Step, WebSocket};

/// The memory for permessage-deflate: set it in [`Resources::deflate`], and the handshake agrees on compression if the
/// peer supports it. Then [`WebSocket::receive`] inflates, and [`WebSocket::send`] deflates. [`WebSocket::put`] does not.
///
/// The lengths of the memory decide what is agreed. The WebSocket itself grows by an inflater: 1.7 KiB on 32-bit targets.
///
/// ```
/// use barews_embedded::deflate::Deflate;
/// use barews_embedded::{NoClock, Resources};
///
/// let (mut window, mut memory, mut inflated) = ([0; 512], [0; 768], [0; 256]);
/// let (mut storage, mut receive, mut transmit) = ([0; 512], [0; 256], [0; 256]);
/// let mut resources = Resources::new(&mut storage[..], &mut receive[..], &mut transmit[..], NoClock);
/// let deflate = Deflate::new(&mut window[..], &mut memory[..], &mut inflated[..]);
/// // A client offers it: `ClientConfig::extensions`.
/// let mut value = [0; 128];
/// assert_eq!(
///     deflate.offer(&mut value)?,
///     "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9"
/// );
/// resources.deflate = Some(deflate);
/// # Ok::<(), barews::BuildError>(())
/// ```
///
/// **Secrets.** See [`Deflater`] before you compress a secret together with text that someone else has chosen.
#[derive(Clone, Debug)]
pub struct Deflate<B> {
    /// The window of the peer's messages: 256 bytes to 32 KiB. Of another length, the largest power of two in it is used;
    /// with less than 256 bytes nothing is agreed.
    pub window: B,
    /// The memory to deflate: [`Level::memory`] of a window, 384 bytes at least. With less, messages are sent
    /// uncompressed.
    pub memory: B,
    /// The inflated bytes. Any length but 0; a chunk of a compressed message is at most this long.
    pub inflated: B,
    /// How to deflate. Default: [`Level::SMALL`].
    pub level: Level,
    /// Messages shorter than this are sent uncompressed. Default: 32 bytes.
    pub threshold: usize,
    /// Whether our messages are compressed independently of each other. Default: `false`.
    pub no_context_takeover: bool,
}

impl<B> Deflate<B> {
    /// Creates it with default settings.
    pub const fn new(window: B, memory: B, inflated: B) -> Self {
        Self { window, memory, inflated, level: Level::SMALL, threshold: 32, no_context_takeover: false }
    }
}

impl<B: AsRef<[u8]>> Deflate<B> {
    /// Writes a client's offer to `out`: the value of
    /// [`ClientConfig::extensions`](barews::handshake::ClientConfig::extensions). 128 bytes are enough.
    ///
    /// # Errors
    ///
    /// [`BuildError::BufferTooSmall`].
    pub fn offer<'o>(&self, out: &'o mut [u8]) -> Result<&'o str, BuildError> {
        self.limits(false).map_or(Ok(""), |limits| Parameters::offer(&[limits], out))
    }

    /// Returns the parameters for which there is memory; `None` if the window is too small.
    fn limits(&self, is_server: bool) -> Option<Parameters> {
        let largest =
            |len: usize, need: &dyn Fn(usize) -> usize| (8..=15_u8).rev().find(|&bits| need(1 << bits) <= len);
        let window_bits = largest(self.window.as_ref().len(), &|size| size)?;
        let incoming = Direction { window_bits, no_context_takeover: false };
        let window_bits = largest(self.memory.as_ref().len(), &|size| self.level.memory(size)).unwrap_or(8);
        let outgoing = Direction { window_bits, no_context_takeover: self.no_context_takeover };
        Some(match is_server {
            true => Parameters { client: incoming, server: outgoing },
            false => Parameters { client: outgoing, server: incoming },
        })
    }
}

/// The memory, and from the end of the handshake the state of the compression.
pub(crate) struct Codec<B> {
    lent: Option<Deflate<B>>,
    agreed: Option<Agreed<B>>,
}

struct Agreed<B> {
    inflater: Inflater<Window<B>>,
    inflated: B,
    /// The rest of the chunk that is being inflated, in the receive buffer.
    pending: Option<Piece>,
    /// Whether the pieces of the current message are in `inflated`.
    is_inflated: bool,
    deflater: Deflater<B>,
    threshold: usize,
    /// A message was begun, compressed or not.
    is_deflating: bool,
    is_plain: bool,
}

/// The beginning of a buffer.
struct Window<B>(B, usize);

impl<B: AsMut<[u8]>> AsMut<[u8]> for Window<B> {
    fn as_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().get_mut(..self.1).unwrap_or_default()
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Codec<B> {
    /// Takes the memory out of the resources.
    pub(crate) fn of<C>(resources: &mut Resources<B, C>) -> Self {
        Self { lent: resources.deflate.take(), agreed: None }
    }

    /// Returns whether compression was agreed.
    pub(crate) const fn is_agreed(&self) -> bool {
        self.agreed.is_some()
    }

    /// Returns a piece's chunk, until the next piece is inflated.
    pub(crate) fn chunk<'b>(&'b mut self, piece: Piece, receive: &'b mut [u8]) -> Chunk<'b> {
        match &mut self.agreed {
            Some(agreed) if agreed.is_inflated => piece.in_buffer(agreed.inflated.as_mut()),
            _ => piece.in_buffer(receive),
        }
    }

    /// Drops the rest of the chunk that is being inflated.
    pub(crate) fn forget(&mut self) {
        if let Some(agreed) = &mut self.agreed {
            agreed.pending = None;
        }
    }

    fn start(&mut self, incoming: Direction, outgoing: Direction, max_message_size: u64) {
        if let Some(lent) = self.lent.take() {
            let Deflate { window, memory, inflated, level, threshold, .. } = lent;
            let has_memory = level.memory(1 << 8) <= memory.as_ref().len();
            self.agreed = Some(Agreed {
                inflater: Inflater::new(Window(window, incoming.window_size()), incoming, max_message_size),
                inflated,
                pending: None,
                is_inflated: false,
                deflater: Deflater::new(memory, level, outgoing, 0),
                threshold: if has_memory { threshold } else { usize::MAX },
                is_deflating: false,
                is_plain: false,
            });
        }
    }

    /// Inflates the next part of `piece`, or of the last one, which has a rest.
    fn inflate(&mut self, piece: Option<Piece>, receive: &mut [u8]) -> Result<Option<Piece>, ProtocolError> {
        let Some(agreed) = &mut self.agreed else { return Ok(piece) };
        let Some(piece) = piece.or_else(|| agreed.pending.take()) else { return Ok(None) };
        if piece.first {
            agreed.is_inflated = piece.rsv.contains(RSV1);
        }
        let end = piece.range.end;
        let mut chunk = piece.in_buffer(receive);
        let inflated = agreed.inflater.inflate(&mut chunk, agreed.inflated.as_mut())?;
        let inflated = inflated.map(|inflated| {
            let end = if agreed.is_inflated { inflated.payload.len() } else { end };
            Piece::of(&inflated, end)
        });
        agreed.pending = inflated.is_some().then(|| Piece::of(&chunk, end));
        Ok(inflated)
    }
}

impl<B: AsMut<[u8]>> Agreed<B> {
    /// Writes the next fragment of a message, compressed if it can be. Returns where it is in `out`.
    fn write_fragment<R: Role>(
        &mut self,
        connection: &mut Connection<R>,
        message: &mut Outgoing<'_>,
        out: &mut [u8],
        fragment_size: usize,
    ) -> Result<Range<usize>, SendError> {
        // What a part of up to MAX bytes can grow by: `Deflater::deflate_part`.
        const MARGIN: usize = 10;
        const MAX: usize = 65_535;
        // Deflating changes the window, so find out first whether the message can be sent now.
        match connection.write_fragment(&mut message.clone(), &mut []) {
            Ok(_) | Err(SendError::BufferTooSmall { .. }) => {}
            Err(error) => return Err(error),
        }
        let start = FrameHeader::MAX_LEN;
        let part_len = out.len().saturating_sub(start + MARGIN).min(fragment_size.max(1)).min(MAX);
        let is_first = !self.is_deflating;
        let declines = self.is_plain || is_first && (message.left() < self.threshold || part_len == 0);
        let mut rest = message.clone();
        let deflated = match out.get_mut(start..) {
            Some(place) if !declines => {
                let part = rest.take(part_len).unwrap_or_default();
                if is_first && rest.is_complete() {
                    self.deflater.deflate_message(part, place).map(|deflated| deflated.len())
                } else {
                    Some(self.deflater.deflate_part(part, rest.is_complete(), place)?.len())
                }
            }
            _ => None,
        };
        let Some(len) = deflated else {
            let len = connection.write_fragment(message, out)?.len();
            self.is_plain = !message.is_complete();
            return Ok(0..len);
        };
        let (rsv, fin) = (if is_first { RSV1 } else { Rsv::NONE }, rest.is_complete());
        let header = connection.begin_frame_with_rsv(message.kind(), fin, rsv, len as u64)?;
        connection.mask_payload(out.get_mut(start..start + len).unwrap_or_default())?;
        let header = header.as_bytes();
        let start = start - header.len();
        if let Some(place) = out.get_mut(start..FrameHeader::MAX_LEN) {
            place.copy_from_slice(header);
        }
        *message = rest;
        self.is_deflating = !fin;
        Ok(start..FrameHeader::MAX_LEN + len)
    }
}

impl<T, R: SessionRole, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'_, T, R, C, B> {
    /// Returns whether permessage-deflate was agreed.
    #[must_use]
    pub const fn is_deflated(&self) -> bool {
        self.codec.is_agreed()
    }

    /// Puts the next fragment of `message` into the transmit buffer, which is free.
    pub(crate) fn put_fragment(&mut self, message: &mut Outgoing<'_>) -> Result<(), SendError> {
        let connection = self.session.sender(self.clock.now())?;
        let out = self.transmit.as_mut();
        let fragment_size = usize::try_from(self.limits.fragment_size).unwrap_or(usize::MAX);
        self.unsent = match &mut self.codec.agreed {
            Some(agreed) => agreed.write_fragment(connection, message, out, fragment_size)?,
            None => 0..connection.write_fragment(message, out)?.len(),
        };
        Ok(())
    }
}

impl<T: Read + Write, R: SessionRole, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'_, T, R, C, B> {
    /// Returns the next event, with inflated chunks; `None` at the end.
    pub(crate) async fn next_step(&mut self) -> Result<Option<Step>, Error<T::Error>> {
        loop {
            let piece = if self.codec.agreed.as_ref().is_some_and(|agreed| agreed.pending.is_some()) {
                self.flush().await?;
                None
            } else {
                match self.step().await? {
                    Some(Step::Chunk(piece)) => Some(piece),
                    other => return Ok(other),
                }
            };
            match self.codec.inflate(piece, self.receive.as_mut()) {
                Ok(Some(piece)) => return Ok(Some(Step::Chunk(piece))),
                Ok(None) => {}
                Err(error) => self.session.fail(error), // the next step writes the Close frame, and returns the error
            }
        }
    }
}

impl<T, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'_, T, Server, C, B> {
    /// Accepts the upgrade, and the first offer of compression for which there is memory.
    pub(crate) fn build_response(&mut self, response: &Accept<'_>) -> Result<(), BuildError> {
        let (mut limits, mut value, mut agreed) = (self.limits, [0; MAX_RESPONSE], None);
        if response.extensions.is_empty()
            && let Some(memory) = self.codec.lent.as_ref().and_then(|lent| lent.limits(true))
            && let Some(request) = self.session.request()
        {
            agreed = memory.accept(request.extensions(), &mut value)?;
        }
        let (agreed, extensions) = agreed.unzip();
        if agreed.is_some() {
            limits.extension_rsv = RSV1;
        }
        let extensions = extensions.unwrap_or(response.extensions);
        self.session.accept(&Accept { extensions, ..*response }, &limits)?;
        if self.session.is_open()
            && let Some(Parameters { client, server }) = agreed
        {
            self.codec.start(client, server, limits.max_message_size);
        }
        Ok(())
    }
}

impl<T: Read, K: MaskingKeys, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'_, T, Client<K>, C, B> {
    /// Opens the connection after a response that is accepted, with the compression that the server has chosen.
    pub(crate) fn open(&mut self) -> Result<(), Error<T::Error>> {
        let (mut limits, mut agreed) = (self.limits, None);
        if let Some(offer) = self.codec.lent.as_ref().and_then(|lent| lent.limits(false))
            && let Some(response) = self.session.response()
        {
            agreed = Parameters::agree(&[offer], response.extensions())
                .map_err(|error| Error::Session(session::Error::Handshake(error)))?;
        }
        if agreed.is_some() {
            limits.extension_rsv = RSV1;
        }
        let Client(keys) = self.role.take().ok_or(BuildError::NotNow)?;
        self.session.connect(keys, &limits)?;
        if let Some(Parameters { client, server }) = agreed {
            self.codec.start(server, client, limits.max_message_size);
        }
        Ok(())
    }
}
