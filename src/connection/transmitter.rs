//! Sending: frames in the order that the rules allow, masked by clients (RFC 6455 sections 5.1 to 5.5 and 6.1).
//!
//! Every call writes into the host's buffer or returns a header for it to send; a call that fails has changed nothing.

use crate::bytes::copy;
use crate::connection::{Config, MessageKind, Reply};
use crate::role::{Role, Server};
use crate::wire::error::SendError;
use crate::wire::{CloseCode, CloseFrame, EncodedHeader, FrameHeader, MAX_CONTROL_PAYLOAD, Mask, Opcode};

/// The sending half of a [`Connection`](crate::Connection).
///
/// By itself it knows nothing of what was received, and so sends until our own Close frame is out: what a host has queued
/// when the peer's Close comes may go out before the [`Reply`] to that (RFC 6455 section 5.5.1).
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Transmitter<R> {
    role: R,
    fragment_size: u32,
    extension_opcodes: u16,
    extension_rsv: u8,
    stage: Stage,
    /// The frame under way: its mask, of which a server makes no use, and the payload that is still to be sent.
    mask: Mask,
    left: u64,
}

/// Where a [`Transmitter`] stands between frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Stage {
    /// No message is under way.
    Idle,
    /// A fragmented message is under way; the opcode of its first frame.
    Fragments(Opcode),
    /// Our Close frame was sent.
    Closed,
}

/// A message that [`fragment`](crate::Connection::fragment) sends piece by piece.
///
/// ```
/// use barews::connection::{Config, MessageKind, Outgoing};
///
/// let config = Config { fragment_size: 4, ..Config::DEFAULT };
/// let mut connection = barews::Connection::new(barews::Server, &config);
/// let mut message = Outgoing::new(MessageKind::Text, b"fragments");
/// let (mut sent, mut out) = (Vec::new(), [0; 32]);
/// while let len @ 1.. = connection.fragment(&mut message, &mut out)? {
///     sent.extend_from_slice(&out[..len]);
///     // here a Pong may go out: `connection.poll_transmit(&mut out)`
/// }
/// assert_eq!(sent, b"\x01\x04frag\x00\x04ment\x80\x01s");
/// # Ok::<(), barews::SendError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Outgoing<'m> {
    kind: MessageKind,
    begun: bool,
    /// What is still to be sent; `None` behind the last fragment.
    rest: Option<&'m [u8]>,
}

impl<'m> Outgoing<'m> {
    /// A message of which nothing was sent.
    pub const fn new(kind: MessageKind, body: &'m [u8]) -> Self {
        Self { kind, begun: false, rest: Some(body) }
    }

    /// A message of which the first `sent` bytes are in fragments, for a host that keeps its message and not this.
    ///
    /// ```
    /// use barews::connection::{Config, MessageKind, Outgoing};
    ///
    /// let config = Config { fragment_size: 4, ..Config::DEFAULT };
    /// let mut connection = barews::Connection::new(barews::Server, &config);
    /// let (body, mut sent, mut out) = (b"fragments".to_vec(), 0, [0; 32]);
    /// while sent < body.len() {
    ///     let mut message = Outgoing::resume(MessageKind::Text, &body, sent);
    ///     let len = connection.fragment(&mut message, &mut out)?;
    ///     sent = body.len() - message.left();
    ///     // here `out[..len]` goes out
    /// }
    /// # Ok::<(), barews::SendError>(())
    /// ```
    pub fn resume(kind: MessageKind, body: &'m [u8], sent: usize) -> Self {
        Self { kind, begun: sent > 0, rest: Some(body.get(sent..).unwrap_or_default()) }
    }

    /// Bytes of the message that are still to be sent.
    pub fn left(&self) -> usize {
        self.rest.map_or(0, <[u8]>::len)
    }

    /// Whether the last fragment was sent.
    pub const fn is_complete(&self) -> bool {
        self.rest.is_none()
    }
}

impl<R: Role> Transmitter<R> {
    pub(super) const fn new(role: R, config: &Config) -> Self {
        Self {
            role,
            fragment_size: config.fragment_size,
            extension_opcodes: config.extension_opcodes,
            extension_rsv: config.extension_rsv,
            stage: Stage::Idle,
            mask: Mask::new([0; 4]),
            left: 0,
        }
    }

    /// Writes a whole message as one frame, masked while it is copied, and returns the frame's length: `body` and at most 14
    /// bytes. `body` of a text message must be UTF-8. Many messages may be written behind each other into one buffer.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    #[inline]
    pub fn message(&mut self, kind: MessageKind, body: &[u8], out: &mut [u8]) -> Result<usize, SendError> {
        if self.stage != Stage::Idle {
            return self.check_may_begin(kind).and(Err(SendError::MessageInProgress));
        }
        self.check_may_begin(kind)?; // the compiler knows that no Close was sent
        self.write(kind.opcode(), true, body, out)
    }

    /// Writes the next fragment of `message`, and returns its length; 0 when the message is complete. A fragment is as long as
    /// `out` and [`Config::fragment_size`](crate::connection::Config::fragment_size) let it be. Between fragments control
    /// frames may be sent, so that none waits for a large message; other messages may not.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed. [`BufferTooSmall`](SendError::BufferTooSmall) when not even one byte of payload fits.
    // RFC 6455 5.4, 6.1 [6455-5.4-9] [6455-6.1-4]
    pub fn fragment(&mut self, message: &mut Outgoing<'_>, out: &mut [u8]) -> Result<usize, SendError> {
        let Some(rest) = message.rest else { return Ok(0) };
        self.check_may_begin(message.kind)?;
        let opcode = message.kind.opcode();
        if self.stage != (if message.begun { Stage::Fragments(opcode) } else { Stage::Idle }) {
            return Err(SendError::MessageInProgress);
        }
        let fragment_size = usize::try_from(self.fragment_size).unwrap_or(usize::MAX).max(1);
        let wanted = rest.len().min(fragment_size);
        let header = header_len::<R>(wanted as u64);
        let fits = wanted.min(out.len().saturating_sub(header));
        let Some((part, after)) = rest.split_at_checked(fits) else { return Ok(0) };
        if part.is_empty() && !after.is_empty() {
            return Err(SendError::BufferTooSmall { need: header + 1 });
        }
        let fin = after.is_empty(); // RFC 6455 6.1 [6455-6.1-6]
        let len = self.write(self.next_opcode(opcode), fin, part, out)?;
        message.begun = true;
        message.rest = if fin { None } else { Some(after) };
        self.stage = if fin { Stage::Idle } else { Stage::Fragments(opcode) };
        Ok(len)
    }

    /// The header of a data frame with `len` bytes of payload, which the host sends behind it: piece by piece, from where it
    /// lies, in one vectored write. Each piece goes through [`payload`](Self::payload) first. `fin` ends the message; a frame
    /// behind one without `fin` continues its message and has the same `kind`.
    ///
    /// ```
    /// use barews::connection::MessageKind;
    ///
    /// let mut connection = barews::Connection::new(barews::Client(|| [1, 2, 3, 4]), &Default::default());
    /// let mut body = *b"Hello"; // one's own copy: it is masked in place
    /// let header = connection.frame(MessageKind::Text, true, body.len() as u64)?;
    /// connection.payload(&mut body)?;
    /// assert_eq!(header.as_bytes(), b"\x81\x85\x01\x02\x03\x04");
    /// assert_eq!(&body, b"Igohn");
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    #[inline]
    pub fn frame(&mut self, kind: MessageKind, fin: bool, len: u64) -> Result<EncodedHeader, SendError> {
        self.frame_with_rsv(kind, fin, 0, len)
    }

    /// [`frame`](Self::frame) with reserved bits: 4 for RSV1, 2 for RSV2, 1 for RSV3, as far as
    /// [`Config::extension_rsv`](crate::connection::Config::extension_rsv) allows them.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    // RFC 6455 6.1 [6455-6.1-8]
    pub fn frame_with_rsv(
        &mut self,
        kind: MessageKind,
        fin: bool,
        rsv: u8,
        len: u64,
    ) -> Result<EncodedHeader, SendError> {
        self.check_may_begin(kind)?;
        // RFC 6455 5.2 [6455-5.2-2]
        if rsv & !self.extension_rsv != 0 {
            return Err(SendError::Reserved);
        }
        let begun = kind.opcode();
        let opcode = self.next_opcode(begun);
        if self.stage != Stage::Idle && self.stage != Stage::Fragments(begun) {
            return Err(SendError::MessageInProgress);
        }
        // RFC 6455 5.2 [6455-5.2-7]
        if len >> 63 != 0 {
            return Err(SendError::PayloadTooLong);
        }
        let masking_key = self.role.next_masking_key();
        self.stage = if fin { Stage::Idle } else { Stage::Fragments(begun) };
        self.mask = Mask::new(masking_key.unwrap_or_default());
        self.left = len;
        Ok(FrameHeader { fin, rsv, opcode, masking_key, payload_len: len }.encode())
    }

    /// The next piece of the payload that [`frame`](Self::frame) announced: a client's is masked in place, a server's is
    /// only counted. A piece must not be changed afterwards.
    ///
    /// # Errors
    ///
    /// [`SendError::PayloadTooLong`] when the frame has less payload left; nothing is changed.
    // RFC 6455 10.3: masked once, with the key of its frame [6455-10.3-2]
    #[inline]
    pub fn payload(&mut self, part: &mut [u8]) -> Result<(), SendError> {
        self.count(part.len())?;
        if !R::IS_SERVER {
            self.mask.apply(part);
        }
        Ok(())
    }

    /// [`payload`](Self::payload) of which the host keeps the original: masked while it is copied to `out`, as much of it as
    /// fits. Returns how much that is.
    ///
    /// ```
    /// use barews::connection::MessageKind;
    ///
    /// let mut connection = barews::Connection::new(barews::Client(|| [1, 2, 3, 4]), &Default::default());
    /// let (mut body, mut out, mut sent) = (&b"Hello"[..], [0; 4], Vec::new());
    /// sent.extend_from_slice(connection.frame(MessageKind::Text, true, 5)?.as_bytes());
    /// while !body.is_empty() {
    ///     let len = connection.copy_payload(body, &mut out)?;
    ///     sent.extend_from_slice(&out[..len]);
    ///     body = &body[len..];
    /// }
    /// assert_eq!(sent, b"\x81\x85\x01\x02\x03\x04Igohn");
    /// # Ok::<(), barews::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError::PayloadTooLong`] when the frame has less payload left; nothing is changed.
    // RFC 6455 10.3 [6455-10.3-2]
    #[inline]
    pub fn copy_payload(&mut self, part: &[u8], out: &mut [u8]) -> Result<usize, SendError> {
        let len = part.len().min(out.len());
        let (Some(part), Some(out)) = (part.get(..len), out.get_mut(..len)) else { return Ok(0) };
        self.count(len)?;
        if R::IS_SERVER {
            copy(out, part);
        } else {
            self.mask.copy(out, part);
        }
        Ok(len)
    }

    #[inline]
    fn count(&mut self, len: usize) -> Result<(), SendError> {
        self.left = self.left.checked_sub(len as u64).ok_or(SendError::PayloadTooLong)?;
        Ok(())
    }

    /// Payload bytes that the frame under way still has to bring. No other frame can be sent before they are.
    pub const fn payload_left(&self) -> u64 {
        self.left
    }

    /// Writes a Ping with up to 125 bytes of payload, which the peer's Pong repeats.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    // RFC 6455 5.5.2 [6455-5.5.2-1] [6455-5.5.2-4]
    pub fn ping(&mut self, payload: &[u8], out: &mut [u8]) -> Result<usize, SendError> {
        self.control(Opcode::PING, payload, out)
    }

    /// Writes a Pong that answers no Ping.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    // RFC 6455 5.5.3 [6455-5.5.3-3]
    pub fn pong(&mut self, payload: &[u8], out: &mut [u8]) -> Result<usize, SendError> {
        self.control(Opcode::PONG, payload, out)
    }

    /// Writes a control frame with an opcode from 11 to 15 that
    /// [`Config::extension_opcodes`](crate::connection::Config::extension_opcodes) allows.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    pub fn extension_control(&mut self, opcode: u8, payload: &[u8], out: &mut [u8]) -> Result<usize, SendError> {
        let opcode = Opcode::from_bits(opcode);
        if !opcode.is_control() || !opcode.is_reserved() {
            return Err(SendError::Reserved);
        }
        self.check_reserved(opcode)?;
        self.control(opcode, payload, out)
    }

    /// Writes the reply that [`Receiver::take_reply`](crate::connection::Receiver::take_reply) gave. 0 when our Close frame
    /// is out already: then nothing may follow.
    ///
    /// # Errors
    ///
    /// [`SendError::FrameInProgress`] inside a frame, and [`SendError::BufferTooSmall`]: keep the reply and try again.
    pub fn reply(&mut self, reply: &Reply, out: &mut [u8]) -> Result<usize, SendError> {
        if self.is_closed() { Ok(0) } else { self.control(reply.opcode, reply.payload(), out) }
    }

    /// Writes a Close frame. Nothing can be sent after it.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed. [`SendError::CloseCode`] for a code that must not be sent, and for a server's 1010.
    // RFC 6455 5.5.1, 7.1.2 [6455-5.5.1-1] [6455-7.1.2-1] [6455-7.3-1] [6455-7.3-3] [6455-7.4-1] [6455-7.4.1-1]
    pub fn close(&mut self, code: CloseCode, reason: &str, out: &mut [u8]) -> Result<usize, SendError> {
        // RFC 6455 7.4.1: 1010 is the client's alone [6455-7.4.1-8]
        if R::IS_SERVER && code == CloseCode::MANDATORY_EXTENSION {
            return Err(SendError::CloseCode);
        }
        let close = CloseFrame::new(code, reason)?;
        let mut payload = [0; MAX_CONTROL_PAYLOAD];
        let [a, b, rest @ ..] = &mut payload;
        [*a, *b] = code.0.to_be_bytes();
        let len = 2 + copy(rest, close.reason_bytes());
        let payload = payload.get(..len).unwrap_or_default();
        self.control(Opcode::CLOSE, payload, out)
    }

    /// Writes a Close frame without a status code. Nothing can be sent after it.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    pub fn close_without_status(&mut self, out: &mut [u8]) -> Result<usize, SendError> {
        self.control(Opcode::CLOSE, &[], out)
    }

    /// Whether our Close frame was sent.
    pub const fn is_closed(&self) -> bool {
        matches!(self.stage, Stage::Closed)
    }

    /// Writes a control frame, between the fragments of a message if need be.
    // RFC 6455 5.4, 5.5 [6455-5.4-4]
    #[inline(never)]
    pub(super) fn control(&mut self, opcode: Opcode, payload: &[u8], out: &mut [u8]) -> Result<usize, SendError> {
        self.check_between_frames()?;
        // RFC 6455 5.5 [6455-5.5-1]
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(SendError::PayloadTooLong);
        }
        let len = self.write(opcode, true, payload, out)?;
        if opcode == Opcode::CLOSE {
            self.stage = Stage::Closed;
        }
        Ok(len)
    }

    /// Writes one frame: header, then the payload, masked while it is copied.
    // RFC 6455 6.1 [6455-6.1-1] [6455-6.1-3] [6455-5.5.1-5]
    #[inline]
    fn write(&mut self, opcode: Opcode, fin: bool, payload: &[u8], out: &mut [u8]) -> Result<usize, SendError> {
        match payload.len() {
            // Most messages are short; with a constant for the header's length most checks are known to hold. A client
            // would save instructions, too, but took longer.
            ..126 if R::IS_SERVER && cfg!(target_pointer_width = "64") => {
                self.write_with(header_len::<R>(0), opcode, fin, payload, out)
            }
            len => self.write_with(header_len::<R>(len as u64), opcode, fin, payload, out),
        }
    }

    /// [`write`](Self::write), with the length of the header.
    #[inline(always)]
    fn write_with(
        &mut self,
        header_len: usize,
        opcode: Opcode,
        fin: bool,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<usize, SendError> {
        let need = header_len.wrapping_add(payload.len()); // no slice is so long that it wraps
        let Some(out) = out.get_mut(..need) else { return Err(SendError::BufferTooSmall { need }) };
        let masking_key = self.role.next_masking_key();
        let header = FrameHeader { fin, rsv: 0, opcode, masking_key, payload_len: payload.len() as u64 };
        let Some(body) = header.write(out) else { return Ok(0) };
        if let Some(key) = masking_key {
            Mask::new(key).copy(body, payload);
        } else if let Some(body) = body.get_mut(..payload.len()) {
            // All of it, but now the compiler knows its length. A key of zeros costs less than a call of memcpy.
            if cfg!(target_pointer_width = "64") && payload.len() < 32 {
                Mask::new([0; 4]).copy(body, payload);
            } else {
                copy(body, payload);
            }
        }
        Ok(need)
    }

    fn check_may_begin(&self, kind: MessageKind) -> Result<(), SendError> {
        self.check_between_frames()?;
        match kind {
            MessageKind::Text | MessageKind::Binary => Ok(()),
            MessageKind::Extension(_) => match kind.opcode() {
                opcode if opcode.is_control() || !opcode.is_reserved() => Err(SendError::Reserved),
                opcode => self.check_reserved(opcode),
            },
        }
    }

    fn check_between_frames(&self) -> Result<(), SendError> {
        // RFC 6455 5.1, 5.5.1: nothing behind a Close [6455-5.1-7] [6455-5.5.1-6]
        if self.is_closed() {
            return Err(SendError::Closing);
        }
        if self.left > 0 { Err(SendError::FrameInProgress) } else { Ok(()) }
    }

    // RFC 6455 5.2 [6455-5.2-4]
    fn check_reserved(&self, opcode: Opcode) -> Result<(), SendError> {
        if self.extension_opcodes >> opcode.bits() & 1 == 0 { Err(SendError::Reserved) } else { Ok(()) }
    }

    /// RFC 6455 5.4: fragments behind the first are continuations [6455-5.4-2]
    fn next_opcode(&self, begun: Opcode) -> Opcode {
        if self.stage == Stage::Idle { begun } else { Opcode::CONTINUATION }
    }
}

impl Transmitter<Server> {
    /// [`payload`](Self::payload) in memory that must not change, because others send it too: a server masks nothing, so it
    /// is counted only.
    ///
    /// # Errors
    ///
    /// [`SendError::PayloadTooLong`] when the frame has less payload left; nothing is changed.
    // RFC 6455 5.1 [6455-5.1-4]
    #[inline]
    pub fn shared_payload(&mut self, part: &[u8]) -> Result<(), SendError> {
        self.count(part.len())
    }
}

/// The length of a frame's header, in bytes.
const fn header_len<R: Role>(payload_len: u64) -> usize {
    let length = match payload_len {
        ..126 => 2,
        126..=0xFFFF => 4,
        _ => 10,
    };
    if R::IS_SERVER { length } else { length + 4 }
}
