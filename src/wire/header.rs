//! The frame header (RFC 6455 section 5.2): parsed with every rule that a header alone can break, encoded in its
//! shortest form.

use super::error::ProtocolError;
use super::first_byte::{FirstByte, Opcode};
use super::rsv::Rsv;
use crate::target::FAST;

/// The most payload that a control frame may carry, in bytes (RFC 6455 section 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// The longest control frame, in bytes: header, masking key and payload. An output buffer of this size always suffices
/// for
/// [`poll_transmit`](crate::Connection::poll_transmit).
pub const MAX_CONTROL_FRAME: usize = 2 + 4 + MAX_CONTROL_PAYLOAD;

/// The header of one frame.
///
/// ```
/// use barews::wire::{FrameHeader, Opcode, Rsv};
///
/// let header = FrameHeader { fin: true, rsv: Rsv::NONE, opcode: Opcode::TEXT, masking_key: None, payload_len: 5 };
/// assert_eq!(header.encode().as_bytes(), [0x81, 5]);
/// assert_eq!(FrameHeader::parse(&[0x81, 5, b'H']), Ok(Some((header, 2))));
/// assert_eq!(FrameHeader::parse(&[0x81]), Ok(None)); // more bytes are needed
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameHeader {
    /// The last frame of a message.
    pub fin: bool,
    /// The reserved bits.
    pub rsv: Rsv,
    /// The type of the frame.
    pub opcode: Opcode,
    /// The masking key, in every frame that a client sends.
    pub masking_key: Option<[u8; 4]>,
    /// Bytes of payload that follow, at most 2^63 - 1.
    pub payload_len: u64,
}

impl FrameHeader {
    /// The longest header, in bytes.
    pub const MAX_LEN: usize = 14;

    /// Reads the header at the start of `bytes`, and how many bytes it takes; `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// A length that is not in its shortest form or above 2^63 - 1, and a control frame that is fragmented or too long.
    /// Reserved bits and opcodes and the masking bit are left to the [connection](crate::connection), which knows what
    /// was negotiated.
    // RFC 6455 5.7 has examples [6455-5.7-1]
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some((header, len)) = Self::read(bytes)? else { return Ok(None) };
        Self::check_control(header.first_byte(), header.payload_len)?;
        Ok(Some((header, len)))
    }

    /// [`parse`](Self::parse) without [`check_control`](Self::check_control).
    #[inline]
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let masked = bytes.get(1).is_some_and(|second| second & MASK != 0);
        Self::read_expected(bytes, masked)
    }

    /// [`read`](Self::read) for a header whose MASK bit is expected to be `masked`; `None` also if it is not.
    #[inline(always)]
    pub(crate) fn read_expected(bytes: &[u8], masked: bool) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some(&[first, second]) = bytes.first_chunk() else { return Ok(None) };
        // RFC 6455 5.2: the length in 7, 16 or 64 bits, network order [6455-5.2-6]
        let (payload_len, least, start) = match second ^ mask_bit(masked) {
            // In a copy of its own it needs none of the checks.
            // mutant: replace match guard FAST with true, false: only the speed differs
            len @ ..126 if FAST => return Self::with_key(first, len.into(), 0, bytes, 2, masked),
            // mutant: delete match arm len @..126: not reached on 64-bit targets
            len @ ..126 => (len.into(), 0, 2),
            126 => match array_at(bytes, 2) {
                Some(len) => (u16::from_be_bytes(len).into(), LONGER, 4),
                None => return Ok(None),
            },
            127 => match array_at(bytes, 2) {
                Some(len) => (u64::from_be_bytes(len), LONGEST, 10),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        Self::with_key(first, payload_len, least, bytes, start, masked)
    }

    /// Reads the key after the length. `least` is the least length that has this form.
    #[inline(always)]
    fn with_key(
        first: u8,
        payload_len: u64,
        least: u64,
        bytes: &[u8],
        start: usize,
        masked: bool,
    ) -> Result<Option<(Self, usize)>, ProtocolError> {
        // RFC 6455 5.2: the key is there exactly when MASK is set, and counts as no payload [6455-5.2-5] [6455-5.2-9]
        let (masking_key, start) = match masked {
            false => (None, start),
            true => match array_at(bytes, start) {
                Some(key) => (Some(key), start + 4),
                None => return Ok(None),
            },
        };
        // RFC 6455 5.2: the most significant bit is 0 [6455-5.2-7]
        if payload_len >> 63 != 0 {
            return Err(ProtocolError::LengthTooLarge);
        }
        // RFC 6455 5.2: the minimal number of bytes [6455-5.2-8]
        if payload_len < least {
            return Err(ProtocolError::LengthNotMinimal);
        }
        let first = FirstByte::from_byte(first);
        let header = Self { fin: first.fin(), rsv: first.rsv(), opcode: first.opcode(), masking_key, payload_len };
        Ok(Some((header, start)))
    }

    /// A header whose every byte is valid after those before it, whatever they are: no bytes of payload, and the greatest
    /// of the longer lengths.
    #[inline(always)]
    pub(crate) const fn valid_rest(masked: bool) -> [u8; Self::MAX_LEN] {
        let mut bytes = [0xFF; Self::MAX_LEN];
        [bytes[0], bytes[1], bytes[2]] = [FirstByte::PING.to_byte(), mask_bit(masked), 0x7F];
        bytes
    }

    /// The header's first byte.
    #[inline]
    pub(crate) const fn first_byte(&self) -> FirstByte {
        FirstByte::new(self.fin, self.rsv, self.opcode)
    }

    /// The rules for the header of a control frame; data frames pass.
    // RFC 6455 5.4, 5.5 [6455-5.4-5] [6455-5.5-1] [6455-5.5-2]
    #[inline]
    pub(crate) const fn check_control(first: FirstByte, payload_len: u64) -> Result<(), ProtocolError> {
        if !first.opcode().is_control() {
            return Ok(());
        }
        if !first.fin() {
            return Err(ProtocolError::FragmentedControl);
        }
        if payload_len > MAX_CONTROL_PAYLOAD as u64 {
            return Err(ProtocolError::ControlTooLong);
        }
        Ok(())
    }

    /// Encodes the header, with the length in its shortest form. Bits that have no place in it are left out. The caller
    /// keeps the rules for control frames.
    #[inline]
    pub fn encode(&self) -> EncodedHeader {
        let mut bytes = [0; Self::MAX_LEN];
        if self.write(&mut bytes).is_none() {
            never!();
        }
        EncodedHeader { bytes, len: Self::encoded_len(self.masking_key.is_some(), self.payload_len) as u8 }
    }

    /// Returns the length of the encoded header in bytes: 2 to 14.
    #[inline]
    pub(crate) const fn encoded_len(masked: bool, payload_len: u64) -> usize {
        let unmasked = match payload_len {
            ..LONGER => 2,
            LONGER..LONGEST => 4,
            LONGEST.. => 10,
        };
        if masked { unmasked + 4 } else { unmasked }
    }

    // mutants: replace | with ^: the bits are disjoint
    /// Writes the [encoded](Self::encode) header to the start of `out`. `None` if `out` is shorter than the header.
    #[inline]
    pub(crate) fn write(&self, out: &mut [u8]) -> Option<()> {
        let masked = mask_bit(self.masking_key.is_some());
        let (start, out) = out.split_first_chunk_mut()?;
        let first = self.first_byte().to_byte();
        // RFC 6455 5.2: the shortest form, most significant bit 0 [6455-5.2-7] [6455-5.2-8]
        let out = match self.payload_len {
            len @ ..LONGER => {
                *start = [first, masked | len as u8];
                out
            }
            len @ LONGER..LONGEST => {
                *start = [first, masked | 126];
                put((len as u16).to_be_bytes(), out)?
            }
            len @ LONGEST.. => {
                *start = [first, masked | 127];
                put((len & u64::MAX >> 1).to_be_bytes(), out)?
            }
        };
        if let Some(key) = self.masking_key {
            put(key, out)?;
        }
        Some(())
    }
}

/// The bytes from `at` on.
#[inline(always)]
fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.first_chunk().copied()
}

/// The MASK bit of a header's second byte.
const MASK: u8 = 0x80;

#[inline(always)]
const fn mask_bit(masked: bool) -> u8 {
    if masked { MASK } else { 0 }
}

/// From this length on, the header has it in 16 bits.
const LONGER: u64 = 126;
/// From this length on, the header has it in 64 bits.
const LONGEST: u64 = 0x1_0000;

/// Writes `bytes` to the start of `out`, and returns what follows them.
#[inline(always)]
fn put<const N: usize>(bytes: [u8; N], out: &mut [u8]) -> Option<&mut [u8]> {
    let (place, rest) = out.split_first_chunk_mut()?;
    *place = bytes;
    Some(rest)
}

/// A frame header as bytes, to send before its payload.
///
/// ```
/// use barews::connection::MessageKind;
/// use std::io::{IoSlice, Write};
///
/// let mut connection = barews::Connection::new(barews::Server, &Default::default());
/// let (body, mut socket) = (b"Hello", Vec::new());
/// let header = connection.begin_frame(MessageKind::Text, true, body.len() as u64)?;
/// connection.count_payload(body)?;
/// let written = socket.write_vectored(&[IoSlice::new(header.as_bytes()), IoSlice::new(body)])?;
/// assert_eq!((written, &socket[..]), (7, &b"\x81\x05Hello"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A header that is not sent is a warning of the compiler, here an error:
///
/// ```compile_fail
/// # #![deny(unused_must_use)]
/// # let mut connection = barews::Connection::new(barews::Server, &Default::default());
/// connection.begin_frame(barews::connection::MessageKind::Text, true, 5)?;
/// # Ok::<(), barews::SendError>(())
/// ```
#[must_use = "the header has to be sent"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EncodedHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    len: u8,
}

impl EncodedHeader {
    /// Returns the encoded bytes: 2 to 14.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_else(|| never!(&[]))
    }
}

impl AsRef<[u8]> for EncodedHeader {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}
