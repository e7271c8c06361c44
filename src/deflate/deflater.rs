//! The sending side: deflates the bodies of messages (RFC 7692 section 7.2.1).

mod bits;
mod block;
mod code;
mod header;
mod huffman;
mod levels;
mod matches;

use super::negotiation::Direction;
use crate::wire::error::SendError;
use bits::Bits;
use matches::{Finder, Shares, Tables};

/// The effort to make messages small, and the memory for it. A program contains only the code of the levels that it
/// uses.
#[derive(Clone, Copy, Debug)]
pub struct Level(&'static Method);

#[derive(Debug)]
struct Method {
    shares: Shares,
    deflate: fn(&Finder, &mut Tables<'_>, &[u8], &mut Bits<'_>),
}

impl Level {
    /// For microcontrollers: one candidate for a match at each byte, and the fixed codes of DEFLATE. Takes 1.5 times
    /// the window, and little stack.
    pub const SMALL: Self =
        Self(&Method { shares: Shares { newest: 1, older: 0, symbols: 0 }, deflate: levels::small });
    /// For other targets: chains of candidates, lazy matching, and codes made for the data. Takes 6.5 times the window,
    /// and 7.5 KiB of stack.
    pub const LARGE: Self =
        Self(&Method { shares: Shares { newest: 4, older: 4, symbols: 3 }, deflate: levels::large });

    /// Returns the memory for a window of this size, in bytes. The smallest window of `SMALL` takes 384 bytes, the
    /// largest of `LARGE` 208 KiB.
    ///
    /// ```
    /// use barews::deflate::{Deflater, Direction, Level};
    ///
    /// const AGREED: Direction = Direction { window_bits: 9, ..Direction::DEFAULT };
    /// const MEMORY: usize = Level::SMALL.memory(AGREED.window_size()); // a constant, for an array
    /// assert_eq!(MEMORY, 768);
    /// let deflater = Deflater::new([0; MEMORY], Level::SMALL, AGREED, 32);
    /// ```
    #[must_use]
    pub const fn memory(self, window_size: usize) -> usize {
        self.0.shares.memory(window_size)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Level {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Shares { newest, older, symbols } = self.0.shares;
        defmt::write!(f, "Level {}", [newest, older, symbols]);
    }
}

/// Deflates messages, or parts of messages.
///
/// The host lends the memory, an array, a slice or a vector: all of `memory.as_mut()` counts, and its initial content
/// does not matter. [`Level::memory`] returns how much a window takes. With less memory, the deflater uses a smaller
/// window than was agreed, as RFC 7692 allows. The host chooses for each message whether to compress it:
/// [`deflate_message`](Self::deflate_message) declines a message that would not get shorter, and
/// [`deflate_always`](Self::deflate_always) declines none.
///
/// **Old peers.** Some peers misread an uncompressed message on a connection with compression, for example libwebsockets
/// 4.1.6. A threshold of 0 does not help: `deflate_message` still declines empty and incompressible messages. If such
/// peers connect, call `deflate_always` and set RSV1 on every message.
///
/// **Secrets.** The length of a message is visible even over TLS. If a secret and text chosen by an attacker are
/// compressed together, in one message or (with context takeover) in several, the attacker can recover the secret from
/// the lengths of messages (CRIME, BREACH; RFC 7692 section 8). Send such messages uncompressed, or agree on
/// `no_context_takeover` and keep the two in different messages.
///
/// ```
/// use barews::connection::{Config, MessageKind};
/// use barews::deflate::{Deflater, Direction, Level, RSV1};
///
/// let config = Config { extension_rsv: RSV1, ..Config::DEFAULT };
/// let mut connection = barews::Connection::new(barews::Server, &config);
/// let agreed = Direction { window_bits: 9, ..Direction::DEFAULT };
/// let mut deflater = Deflater::new([0; Level::SMALL.memory(512)], Level::SMALL, agreed, 16);
///
/// let mut socket = Vec::new();
/// let (kind, mut body) = (MessageKind::Text, *b"what is said again is what is said again");
/// let mut out = [0; 128];
/// match deflater.deflate_message(&body, &mut out) {
///     Some(deflated) => {
///         let header = connection.begin_frame_with_rsv(kind, true, RSV1, deflated.len() as u64)?;
///         connection.mask_payload(deflated)?; // masks it, if we are a client
///         socket.extend_from_slice(header.as_bytes());
///         socket.extend_from_slice(deflated);
///     }
///     None => {
///         let len = connection.write_unvalidated(kind, &body, &mut out)?.len();
///         socket.extend_from_slice(&out[..len]);
///     }
/// }
/// assert!(socket.len() < body.len());
/// # Ok::<(), barews::SendError>(())
/// ```
pub struct Deflater<M> {
    memory: M,
    level: Level,
    /// The window in use can be smaller than the agreed one.
    agreed: Direction,
    threshold: usize,
    finder: Finder,
    /// Whether a message was deflated in part and is not complete.
    in_progress: bool,
}

shown! {
    impl[M] Deflater<M> {
        level: Level = this.level,
        agreed: Direction = this.agreed,
        threshold: usize = this.threshold,
        in_progress: bool = this.in_progress,
    } of this
}

impl<M: AsMut<[u8]>> Deflater<M> {
    /// Creates a deflater for the agreed parameters. Messages shorter than `threshold` bytes are not compressed.
    // RFC 7692 5 [7692-5-15]
    pub const fn new(memory: M, level: Level, agreed: Direction, threshold: usize) -> Self {
        Self { memory, level, agreed, threshold, finder: Finder::new(), in_progress: false }
    }

    /// Deflates the body of a message into `out`, and returns the bytes to send instead; set RSV1 on the first frame.
    /// Returns `None` if the host should send the message itself, without RSV1: it is shorter than the threshold, does
    /// not get shorter, or does not fit `out`. [`deflate_always`](Self::deflate_always) is for peers that misread such
    /// messages.
    ///
    /// Send all results, in the order of the calls: the peer needs them to inflate the messages that follow. If that is
    /// impossible, call [`forget`](Self::forget).
    // RFC 7692 6.1, 7.2.1 [7692-6.1-1] [7692-6.1-2] [7692-7.2.1-1]
    pub fn deflate_message<'o>(&mut self, body: &[u8], out: &'o mut [u8]) -> Option<&'o mut [u8]> {
        if body.len() < self.threshold.max(1) || self.in_progress {
            return None;
        }
        let len = out.len().min(body.len() - 1);
        let len = self.deflate(body, true, out.get_mut(..len)?)?;
        out.get_mut(..len)
    }

    /// Deflates the body of a message into `out`, whatever its length, and returns the bytes to send instead; set RSV1
    /// on the first frame. A message that does not get shorter is stored, and grows by a few bytes.
    ///
    /// Unlike [`deflate_message`](Self::deflate_message), this ignores the threshold and never declines, so the host
    /// sends no message without RSV1. Send all results, in the order of the calls.
    ///
    /// ```
    /// use barews::connection::{Config, MessageKind};
    /// use barews::deflate::{Deflater, Direction, Level, RSV1};
    ///
    /// let config = Config { extension_rsv: RSV1, ..Config::DEFAULT };
    /// let mut connection = barews::Connection::new(barews::Server, &config);
    /// let mut deflater = Deflater::new([0; Level::SMALL.memory(512)], Level::SMALL, Direction::DEFAULT, 32);
    /// let (mut out, mut socket) = ([0; 128], Vec::new());
    /// for body in ["", "short"] {
    ///     let deflated = deflater.deflate_always(body.as_bytes(), &mut out)?;
    ///     let header = connection.begin_frame_with_rsv(MessageKind::Text, true, RSV1, deflated.len() as u64)?;
    ///     connection.mask_payload(deflated)?;
    ///     socket.extend_from_slice(header.as_bytes());
    ///     socket.extend_from_slice(deflated);
    /// }
    /// assert_eq!(socket, b"\xC1\x01\x00\xC1\x07\x2A\xCE\xC8\x2F\x2A\x01\x00");
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError::BufferTooSmall`] if `out` is too small for the body itself, plus 5 bytes for each 65,535 and 1 more.
    /// Nothing is changed. Do not send the message uncompressed then.
    // RFC 7692 7.2.3.3, 7.2.3.6
    pub fn deflate_always<'o>(&mut self, body: &[u8], out: &'o mut [u8]) -> Result<&'o mut [u8], SendError> {
        self.deflate_part(body, true, out)
    }

    /// Deflates the next part of a message into `out`, and returns the bytes to send instead, in one frame or several.
    /// Set RSV1 on the first frame of the message, and FIN on its last.
    ///
    /// Each part is flushed, so the peer can inflate it at once: that costs 5 bytes. The last part of a message can be
    /// empty. Unlike [`deflate_message`](Self::deflate_message), this does not decline a part: one that does not get
    /// smaller grows by a few bytes.
    ///
    /// ```
    /// use barews::connection::{Config, MessageKind};
    /// use barews::deflate::{Deflater, Direction, Level, RSV1};
    /// use barews::wire::Rsv;
    ///
    /// let config = Config { extension_rsv: RSV1, ..Config::DEFAULT };
    /// let mut connection = barews::Connection::new(barews::Server, &config);
    /// let mut deflater = Deflater::new([0; Level::SMALL.memory(512)], Level::SMALL, Direction::DEFAULT, 0);
    /// let (mut out, mut first_bytes) = ([0; 128], Vec::new());
    /// // A live log: the host sends each line as soon as it has it.
    /// for (line, rsv, last) in [("a line\n", RSV1, false), ("another line\n", Rsv::NONE, true)] {
    ///     let deflated = deflater.deflate_part(line.as_bytes(), last, &mut out)?;
    ///     let header = connection.begin_frame_with_rsv(MessageKind::Text, last, rsv, deflated.len() as u64)?;
    ///     connection.mask_payload(deflated)?;
    ///     first_bytes.push(header.as_bytes()[0]); // here the host sends `header` and `deflated`
    /// }
    /// assert_eq!(first_bytes, [0x41, 0x80]); // RSV1 on the first frame, FIN on the last
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError::BufferTooSmall`] if `out` is too small for the part itself, plus 5 bytes for each 65,535 and up to 5
    /// for the flush. Nothing is changed.
    // RFC 7692 7.2.1, 7.2.3.3, 7.2.3.6 [7692-7.2.1-6] [7692-7.2.3.3-1] [7692-7.2.3.6-1]
    pub fn deflate_part<'o>(&mut self, part: &[u8], last: bool, out: &'o mut [u8]) -> Result<&'o mut [u8], SendError> {
        let need = block::stored_len(part.len(), last);
        if out.len() < need {
            return Err(SendError::BufferTooSmall { need });
        }
        let room = out.get_mut(..need).unwrap_or_else(|| never!(Default::default()));
        let len = self.deflate(part, last, room).unwrap_or_else(|| {
            let mut bits = Bits::new(out);
            block::stored(&mut bits, part);
            self.finish(part, last, bits).unwrap_or_else(|| never!(0))
        });
        Ok(out.get_mut(..len).unwrap_or_else(|| never!(Default::default())))
    }

    /// Empties the window. Call this if the peer has not received a result, or if earlier messages have secrets. It
    /// also ends a message that was deflated in part.
    ///
    /// ```
    /// use barews::deflate::{Deflater, Direction, Level};
    ///
    /// let mut deflater = Deflater::new([0; Level::SMALL.memory(512)], Level::SMALL, Direction::DEFAULT, 0);
    /// let (body, mut out) = (b"token token", [0; 64]);
    /// let mut len = |deflater: &mut Deflater<_>| deflater.deflate_message(body, &mut out).map(|bytes| bytes.len());
    /// assert_eq!(len(&mut deflater), Some(10));
    /// assert_eq!(len(&mut deflater), Some(5)); // it refers to the first message
    /// deflater.forget(); // before a message whose text an attacker can choose
    /// assert_eq!(len(&mut deflater), Some(10));
    /// ```
    pub const fn forget(&mut self) {
        self.finder.forget();
        self.in_progress = false;
    }

    /// Returns `None` if the result does not fit. Then the window is unchanged, like the peer's.
    fn deflate(&mut self, input: &[u8], last: bool, out: &mut [u8]) -> Option<usize> {
        if self.agreed.no_context_takeover && !self.in_progress {
            // RFC 7692 7.2.1 [7692-7.2.1-8] [7692-7.2.1-10]
            self.finder.forget();
        }
        let mut bits = Bits::new(out);
        if !input.is_empty() {
            // RFC 7692 7.2.1 [7692-7.2.1-12] [7692-7.2.1-14]
            let mut tables = Tables::new(self.memory.as_mut(), self.level.0.shares, self.agreed.bits())?;
            (self.level.0.deflate)(&self.finder, &mut tables, input, &mut bits);
        }
        self.finish(input, last, bits)
    }

    fn finish(&mut self, input: &[u8], last: bool, mut bits: Bits<'_>) -> Option<usize> {
        block::flush(&mut bits, last);
        let len = bits.finish()?;
        if let Some(tables) = Tables::new(self.memory.as_mut(), self.level.0.shares, self.agreed.bits()) {
            self.finder.remember(tables.ring, input);
        }
        self.in_progress = !last;
        Some(len)
    }
}
