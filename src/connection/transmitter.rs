//! Sending: frames in the order that the rules allow, masked by clients (RFC 6455 sections 5.1 to 5.5 and 6.1).
//!
//! Every call writes into the host's buffer or returns a header for it to send; a call that fails has changed nothing.

mod control_frames;
mod sequence;

use core::hint::black_box;

use super::Config;
use super::event::MessageKind;
use super::outgoing::Outgoing;
use super::written::Written;
use crate::bytes::copy;
use crate::role::{Role, Server};
use crate::target::{FAST, WORDS};
use crate::wire::error::SendError;
use crate::wire::{EncodedHeader, FrameHeader, Mask, Opcode, Rsv};
use sequence::Sequence;

/// The sending half of a [`Connection`](crate::Connection).
///
/// It does not know what was received. Until our Close frame is sent it accepts messages, so the host can send those
/// that it has queued before the [`Reply`](super::Reply) to the peer's Close (RFC 6455 section 5.5.1).
///
/// ```
/// use barews::SendError;
///
/// let (mut receiver, mut transmitter) = barews::Connection::new(barews::Server, &Default::default()).split();
/// // The reading task receives a Close frame, and passes the reply on:
/// let mut read = *b"\x88\x80\0\0\0\0";
/// let _close = receiver.receive(&mut read)?;
/// let reply = receiver.take_reply();
/// // The writing task sends the messages in its queue, then the reply:
/// let mut out = [0; 256];
/// let mut len = transmitter.write_text("last", &mut out)?.len();
/// if let Some(reply) = &reply {
///     len += transmitter.write_reply(reply, &mut out[len..])?.len();
/// }
/// assert_eq!(out[..len], *b"\x81\x04last\x88\0");
/// assert!(transmitter.close_sent()); // report this to the reading task
/// assert_eq!(transmitter.write_text("late", &mut out), Err(SendError::Closing));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Transmitter<R> {
    role: R,
    sequence: Sequence,
}

shown! {
    impl[R: Role] Transmitter<R> {
        close_sent: bool = this.close_sent(),
        unsent_payload: u64 = this.unsent_payload(),
    } of this
}

impl<R: Role> Transmitter<R> {
    pub(super) const fn new(role: R, config: &Config) -> Self {
        Self { role, sequence: Sequence::new(config) }
    }

    /// Writes a text message as one frame, masked while it is copied: at most 14 bytes longer than `text`. One buffer
    /// can take many messages, one after the other.
    ///
    /// See [`Connection::write_text`](crate::Connection::write_text) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    #[inline]
    pub fn write_text(&mut self, text: &str, out: &mut [u8]) -> Result<Written, SendError> {
        self.write_unvalidated(MessageKind::Text, text.as_bytes(), out)
    }

    /// Writes a binary message as one frame, like [`write_text`](Self::write_text).
    ///
    /// See [`Connection::write_binary`](crate::Connection::write_binary) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    #[inline]
    pub fn write_binary(&mut self, data: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        self.write_unvalidated(MessageKind::Binary, data, out)
    }

    /// Writes a message of any kind as one frame, like [`write_text`](Self::write_text). Does not validate text: the
    /// host knows that `body` is UTF-8, because it was received as text, for example.
    ///
    /// See [`Connection::write_unvalidated`](crate::Connection::write_unvalidated) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    // RFC 6455 8.1
    #[inline]
    pub fn write_unvalidated(&mut self, kind: MessageKind, body: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        let opcode = self.sequence.next_opcode(kind, Rsv::NONE)?;
        if !self.sequence.is_idle() {
            return Err(SendError::MessageInProgress);
        }
        self.write(opcode, true, body, out)
    }

    /// Writes the next fragment of `message`; its length is 0 when the message is complete. A fragment is as long as
    /// `out` and [`Config::fragment_size`](crate::connection::Config::fragment_size) allow. Control frames can be sent
    /// between fragments, so that none waits for a large message. Other messages cannot.
    ///
    /// See [`Outgoing`] for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed. [`BufferTooSmall`](SendError::BufferTooSmall) when not even one byte of payload
    /// fits.
    // RFC 6455 5.4, 6.1
    pub fn write_fragment(&mut self, message: &mut Outgoing<'_>, out: &mut [u8]) -> Result<Written, SendError> {
        let Some(rest) = message.rest else { return Ok(Written(0)) };
        let opcode = self.sequence.next_opcode(message.kind, Rsv::NONE)?;
        if message.begun != (opcode == Opcode::CONTINUATION) {
            return Err(SendError::MessageInProgress);
        }
        let fragment_size = usize::try_from(self.sequence.fragment_size).unwrap_or(usize::MAX).max(1);
        let wanted = rest.len().min(fragment_size);
        let header = FrameHeader::encoded_len(!R::IS_SERVER, wanted as u64);
        let fits = wanted.min(out.len().saturating_sub(header));
        let Some((part, after)) = rest.split_at_checked(fits) else { return never!(Ok(Written(0))) };
        if part.is_empty() && !after.is_empty() {
            return Err(SendError::BufferTooSmall { need: header + 1 });
        }
        let fin = after.is_empty(); // RFC 6455 6.1 [6455-6.1-6]
        let written = self.write(opcode, fin, part, out)?;
        message.begun = true;
        message.rest = if fin { None } else { Some(after) };
        self.sequence.data_frame_sent(message.kind, fin);
        Ok(written)
    }

    /// Returns the header of a data frame with `len` bytes of payload. The host sends the payload after it: in pieces,
    /// from the memory that it is in, in one vectored write. Call [`mask_payload`](Self::mask_payload) for each piece
    /// first. `fin` ends the message. A frame after one without `fin` continues its message and has the same `kind`.
    ///
    /// See [`Connection::begin_frame`](crate::Connection::begin_frame) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    #[inline]
    pub fn begin_frame(&mut self, kind: MessageKind, fin: bool, len: u64) -> Result<EncodedHeader, SendError> {
        self.begin_frame_with_rsv(kind, fin, Rsv::NONE, len)
    }

    /// Returns the header of a data frame with this payload, and masks the payload in place if this is a client. The
    /// host sends both. The same as [`begin_frame`](Self::begin_frame) and [`mask_payload`](Self::mask_payload).
    ///
    /// See [`Connection::frame`](crate::Connection::frame) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    #[inline]
    pub fn frame(&mut self, kind: MessageKind, fin: bool, payload: &mut [u8]) -> Result<EncodedHeader, SendError> {
        let header = self.begin_frame(kind, fin, payload.len() as u64)?;
        self.mask_payload(payload)?;
        Ok(header)
    }

    /// [`begin_frame`](Self::begin_frame) with reserved bits that [`Config::extension_rsv`](crate::connection::Config::extension_rsv)
    /// allows.
    ///
    /// See [`Connection::begin_frame_with_rsv`](crate::Connection::begin_frame_with_rsv) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    // RFC 6455 6.1 [6455-6.1-8]
    pub fn begin_frame_with_rsv(
        &mut self,
        kind: MessageKind,
        fin: bool,
        rsv: Rsv,
        len: u64,
    ) -> Result<EncodedHeader, SendError> {
        let opcode = self.sequence.next_opcode(kind, rsv)?;
        // RFC 6455 5.2 [6455-5.2-7]
        if len >> 63 != 0 {
            return Err(SendError::PayloadTooLong);
        }
        let masking_key = self.role.next_masking_key();
        Ok(self.sequence.begin(kind, FrameHeader { fin, rsv, opcode, masking_key, payload_len: len }))
    }

    /// Counts the next piece of the payload that [`begin_frame`](Self::begin_frame) announced; a client masks it in
    /// place. Do not change the piece afterwards.
    ///
    /// See [`Connection::begin_frame`](crate::Connection::begin_frame) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError::PayloadTooLong`] when the frame has less payload left; nothing is changed.
    // RFC 6455 10.3: masked once, with the key of its frame [6455-10.3-2]
    #[inline]
    pub fn mask_payload(&mut self, part: &mut [u8]) -> Result<(), SendError> {
        self.sequence.count(part.len())?;
        if !R::IS_SERVER {
            self.sequence.mask.apply(part);
        }
        Ok(())
    }

    /// Like [`mask_payload`](Self::mask_payload), but leaves `part` unchanged: masks it while copying as much of it to
    /// `out` as fits. Returns the number of bytes copied.
    ///
    /// See [`Connection::copy_payload`](crate::Connection::copy_payload) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError::PayloadTooLong`] when the frame has less payload left; nothing is changed.
    // RFC 6455 10.3 [6455-10.3-2]
    #[inline]
    pub fn copy_payload(&mut self, part: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        let len = part.len().min(out.len());
        let (Some(part), Some(out)) = (part.get(..len), out.get_mut(..len)) else { return never!(Ok(Written(0))) };
        self.sequence.count(len)?;
        if R::IS_SERVER {
            copy(out, part);
        } else {
            self.sequence.mask.copy(out, part);
        }
        Ok(Written(len))
    }

    /// Returns how many payload bytes of the current frame are still to be sent. No other frame can be sent before
    /// them.
    ///
    /// ```
    /// use barews::SendError;
    /// use barews::connection::MessageKind;
    ///
    /// let (_, mut transmitter) = barews::Connection::new(barews::Server, &Default::default()).split();
    /// let _header = transmitter.begin_frame(MessageKind::Binary, true, 3)?;
    /// assert_eq!(transmitter.unsent_payload(), 3);
    /// assert_eq!(transmitter.write_ping(b"", &mut [0; 8]), Err(SendError::FrameInProgress)); // try again later
    /// transmitter.count_payload(b"abc")?;
    /// assert_eq!(transmitter.unsent_payload(), 0);
    /// # Ok::<(), SendError>(())
    /// ```
    #[must_use]
    pub const fn unsent_payload(&self) -> u64 {
        self.sequence.left()
    }

    /// Returns the whole state, for tests that compare it. `Debug` omits keys and payloads.
    #[doc(hidden)]
    pub const fn internals(&self) -> impl core::fmt::Debug + '_ {
        &self.sequence
    }

    /// Writes one frame: the header, then the payload, masked while it is copied.
    // RFC 6455 6.1 [6455-6.1-1] [6455-6.1-3] [6455-5.5.1-5]
    #[inline]
    fn write(&mut self, opcode: Opcode, fin: bool, payload: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        match FrameHeader::encoded_len(!R::IS_SERVER, payload.len() as u64) {
            // Most messages are short. Their branch has a constant header length, so the compiler drops bounds checks.
            // For clients this saved instructions but cost time, so only servers have it.
            // mutant: replace match guard FAST with true, false: only the speed differs
            2 if FAST => self.write_with(2, opcode, fin, payload, out),
            header_len => self.write_with(header_len, opcode, fin, payload, out),
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
    ) -> Result<Written, SendError> {
        let need = header_len.wrapping_add(payload.len()); // no slice is so long that it wraps
        let Some((header_place, body)) = out.get_mut(..need).and_then(|out| out.split_at_mut_checked(header_len))
        else {
            return Err(SendError::BufferTooSmall { need });
        };
        let masking_key = self.role.next_masking_key();
        let header = FrameHeader { fin, rsv: Rsv::NONE, opcode, masking_key, payload_len: payload.len() as u64 };
        if header.write(header_place).is_none() {
            never!();
        }
        match masking_key {
            Some(key) => Mask::new(key).copy(body, payload),
            // A key of zeros costs less than a call of memcpy, and than a loop of bytes on a microcontroller of Arm. There
            // the compiler must not see that the key is zero, or it makes that loop of it.
            // mutant: replace match guard WORDS || FAST && payload.len() < 32 with true, false: only the speed differs
            // mutant: replace || with &&; replace && with ||; replace < with ==, >, <=: only the speed differs
            None if WORDS || FAST && payload.len() < 32 => {
                Mask::new(if FAST { [0; 4] } else { black_box([0; 4]) }).copy(body, payload);
            }
            None => _ = copy(body, payload),
        }
        Ok(Written(need))
    }
}

impl Transmitter<Server> {
    /// Like [`mask_payload`](Self::mask_payload), but takes a shared slice, which other connections can send as well. A
    /// server masks nothing, so this only counts.
    ///
    /// See [`Connection::count_payload`](crate::Connection::count_payload) for an example.
    ///
    /// # Errors
    ///
    /// [`SendError::PayloadTooLong`] when the frame has less payload left; nothing is changed.
    // RFC 6455 5.1 [6455-5.1-4]
    #[inline]
    pub fn count_payload(&mut self, part: &[u8]) -> Result<(), SendError> {
        self.sequence.count(part.len())
    }
}
