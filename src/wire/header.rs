//! The frame header (RFC 6455 section 5.2): parsed with every rule that a header alone can break, encoded in its shortest form.

use super::error::ProtocolError;

/// The most payload that a control frame may carry, in bytes (RFC 6455 section 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// The longest control frame, in bytes: header, masking key and payload. An output buffer of this size always suffices for
/// [`poll_transmit`](crate::Connection::poll_transmit).
pub const MAX_CONTROL_FRAME: usize = 2 + 4 + MAX_CONTROL_PAYLOAD;

/// What a frame is: one of the six opcodes of RFC 6455 section 5.2, or a reserved one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Opcode(u8);

impl Opcode {
    /// A further fragment of the message under way.
    pub const CONTINUATION: Self = Self(0x0);
    /// A text message, or its first fragment.
    pub const TEXT: Self = Self(0x1);
    /// A binary message, or its first fragment.
    pub const BINARY: Self = Self(0x2);
    /// The closing handshake.
    pub const CLOSE: Self = Self(0x8);
    /// Asks for a Pong.
    pub const PING: Self = Self(0x9);
    /// Answers a Ping, or is sent unasked.
    pub const PONG: Self = Self(0xA);

    /// The opcode in the low four bits of a frame's first byte.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x0F)
    }

    /// The four bits on the wire.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// True for Close, Ping, Pong and the reserved opcodes 0xB-0xF (section 5.5).
    pub const fn is_control(self) -> bool {
        self.0 & 0x8 != 0
    }

    /// True for 0x3-0x7 and 0xB-0xF, which only an extension can define (section 5.2).
    pub const fn is_reserved(self) -> bool {
        self.0 & 0x7 > 2
    }
}

/// The header of one frame.
///
/// ```
/// use barews::wire::{FrameHeader, Opcode};
///
/// let header = FrameHeader { fin: true, rsv: 0, opcode: Opcode::TEXT, masking_key: None, payload_len: 5 };
/// assert_eq!(header.encode().as_bytes(), [0x81, 5]);
/// assert_eq!(FrameHeader::parse(&[0x81, 5, b'H']), Ok(Some((header, 2))));
/// assert_eq!(FrameHeader::parse(&[0x81]), Ok(None)); // more bytes are needed
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameHeader {
    /// The last frame of a message.
    pub fin: bool,
    /// RSV1, RSV2 and RSV3 as the bits 4, 2 and 1. All other bits are 0.
    pub rsv: u8,
    /// What the frame is.
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
    /// A length that is not in its shortest form or above 2^63 - 1, and a control frame that is fragmented or too long. Reserved
    /// bits and opcodes and the masking bit are left to the [connection](crate::connection), which knows what was negotiated.
    // RFC 6455 5.7 has examples [6455-5.7-1]
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some((&[first, second], tail)) = bytes.split_first_chunk() else { return Ok(None) };
        // RFC 6455 5.2: the length in 7, 16 or 64 bits, network order [6455-5.2-6]
        let (payload_len, tail, start) = match second & 0x7F {
            126 => match tail.split_first_chunk() {
                Some((len, tail)) => (u64::from(u16::from_be_bytes(*len)), tail, 4),
                None => return Ok(None),
            },
            127 => match tail.split_first_chunk() {
                Some((len, tail)) => (u64::from_be_bytes(*len), tail, 10),
                None => return Ok(None),
            },
            len => (u64::from(len), tail, 2),
        };
        // RFC 6455 5.2: the key is there exactly when MASK is set, and counts as no payload [6455-5.2-5] [6455-5.2-9]
        let (masking_key, start) = if second & 0x80 == 0 {
            (None, start)
        } else {
            match tail.first_chunk() {
                Some(key) => (Some(*key), start + 4),
                None => return Ok(None),
            }
        };
        let header = Self {
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 0x7,
            opcode: Opcode::from_bits(first),
            masking_key,
            payload_len,
        };
        header.check(second & 0x7F)?;
        Ok(Some((header, start)))
    }

    /// The rules that a header can break by itself; `short` is its 7-bit length.
    #[inline]
    fn check(&self, short: u8) -> Result<(), ProtocolError> {
        // RFC 6455 5.2: the most significant bit is 0 [6455-5.2-7]
        if self.payload_len >> 63 != 0 {
            return Err(ProtocolError::LengthTooLarge);
        }
        // RFC 6455 5.2: the minimal number of bytes [6455-5.2-8]
        let least = match short {
            ..126 => 0,
            126 => 126,
            _ => 0x1_0000,
        };
        if self.payload_len < least {
            return Err(ProtocolError::LengthNotMinimal);
        }
        if self.opcode.is_control() {
            // RFC 6455 5.4, 5.5 [6455-5.4-5] [6455-5.5-2]
            if !self.fin {
                return Err(ProtocolError::FragmentedControl);
            }
            // RFC 6455 5.5 [6455-5.5-1]
            if usize::from(short) > MAX_CONTROL_PAYLOAD {
                return Err(ProtocolError::ControlTooLong);
            }
        }
        Ok(())
    }

    /// The header as it goes on the wire, its length in the shortest form. Bits that have no place in it are left out. The
    /// caller sees to the rules for control frames.
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

    /// Writes the [encoded](Self::encode) header to the start of `out`. `None` if `out` is shorter than the header.
    #[inline]
    pub(crate) fn write(&self, out: &mut [u8]) -> Option<()> {
        let masked = if self.masking_key.is_some() { 0x80 } else { 0 };
        let (start, out) = out.split_first_chunk_mut()?;
        let first = u8::from(self.fin) << 7 | (self.rsv & 0x7) << 4 | self.opcode.bits();
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

/// A frame header as bytes, to be sent ahead of its payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EncodedHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    len: u8,
}

impl EncodedHeader {
    /// The bytes on the wire, 2 to 14 of them.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_else(|| never!(&[]))
    }
}

impl AsRef<[u8]> for EncodedHeader {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}
