//! The first byte of a frame: FIN, the reserved bits and the opcode (RFC 6455 section 5.2).

use super::error::ProtocolError;
use super::rsv::Rsv;

/// The type of a frame: one of the six opcodes of RFC 6455 section 5.2, or a reserved one.
///
/// ```
/// use barews::wire::Opcode;
///
/// let of_frame = Opcode::from_bits(0x89); // FIN and Ping
/// assert_eq!((of_frame, of_frame.bits()), (Opcode::PING, 9));
/// assert!(of_frame.is_control() && !of_frame.is_reserved());
/// assert!(Opcode::from_bits(0x3).is_reserved()); // for an extension that defines it
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Opcode(u8);

impl Opcode {
    /// A further fragment of the current message.
    pub const CONTINUATION: Self = Self(0x0);
    /// A text message, or its first fragment.
    pub const TEXT: Self = Self(0x1);
    /// A binary message, or its first fragment.
    pub const BINARY: Self = Self(0x2);
    /// The closing handshake.
    pub const CLOSE: Self = Self(0x8);
    /// A request for a Pong.
    pub const PING: Self = Self(0x9);
    /// The answer to a Ping, or an unsolicited Pong.
    pub const PONG: Self = Self(0xA);

    /// Returns the opcode in the low four bits of a frame's first byte.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x0F)
    }

    /// Returns the four bits of the opcode.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Returns true for Close, Ping, Pong and the reserved opcodes 0xB-0xF (section 5.5).
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.0 & 0x8 != 0
    }

    /// Returns true for 0x3-0x7 and 0xB-0xF, which only an extension can define (section 5.2).
    #[must_use]
    pub const fn is_reserved(self) -> bool {
        self.0 & 0x7 > 2
    }

    /// Returns true if RFC 6455 or a negotiated extension defines the opcode: `extension_opcodes` has bit n for opcode
    /// n.
    pub(crate) const fn is_defined(self, extension_opcodes: u16) -> bool {
        !self.is_reserved() || extension_opcodes >> self.0 & 1 != 0
    }
}

/// The first byte of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct FirstByte(u8);

impl FirstByte {
    /// RFC 6455 5.2: FIN marks a message's last frame, also if it is the only one [6455-5.2-1]
    const FIN: u8 = 0x80;
    const RSV: u8 = 0x70;

    /// A text message in one frame.
    pub(crate) const WHOLE_TEXT: Self = Self::new(true, Rsv::NONE, Opcode::TEXT);
    /// A binary message in one frame.
    pub(crate) const WHOLE_BINARY: Self = Self::new(true, Rsv::NONE, Opcode::BINARY);

    pub(crate) const PING: Self = Self::new(true, Rsv::NONE, Opcode::PING);

    #[inline]
    pub(crate) const fn new(fin: bool, rsv: Rsv, opcode: Opcode) -> Self {
        Self((fin as u8) << 7 | rsv.bits() << 4 | opcode.0)
    }

    /// The byte on the wire.
    #[inline]
    pub(crate) const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    #[inline]
    pub(crate) const fn to_byte(self) -> u8 {
        self.0
    }

    /// The last frame of a message.
    #[inline]
    pub(crate) const fn fin(self) -> bool {
        self.0 & Self::FIN != 0
    }

    #[inline]
    pub(crate) const fn rsv(self) -> Rsv {
        Rsv::from_bits(self.0 >> 4)
    }

    #[inline]
    pub(crate) const fn opcode(self) -> Opcode {
        Opcode::from_bits(self.0)
    }

    /// The same without reserved bits.
    #[inline]
    pub(crate) const fn without_rsv(self) -> Self {
        Self(self.0 & !Self::RSV)
    }

    /// Refuses reserved bits and a reserved opcode that no negotiated extension defines. `extension_opcodes` has
    /// bit n for opcode n.
    // RFC 6455 5.2, 5.8 [6455-5.2-3] [6455-5.2-4] [6455-5.2-10] [6455-5.8-1]
    #[inline]
    pub(crate) const fn check_negotiated(
        self,
        extension_rsv: Rsv,
        extension_opcodes: u16,
    ) -> Result<(), ProtocolError> {
        // mutant: replace & with |; replace | with &, ^: the slow path gives the same
        if self.0 & !(Self::FIN | 0x8) <= Opcode::BINARY.0 {
            return Ok(()); // neither reserved bits nor a reserved opcode
        }
        let opcode = self.opcode();
        if !self.rsv().is_empty() && (opcode.is_control() || !extension_rsv.contains(self.rsv())) {
            return Err(ProtocolError::ReservedBits);
        }
        if !opcode.is_defined(extension_opcodes) {
            return Err(ProtocolError::ReservedOpcode);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{FirstByte, Opcode, Rsv};

    #[test]
    fn first_byte_keeps_each_of_its_fields() {
        for byte in 0..=255 {
            let first = FirstByte::from_byte(byte);
            assert_eq!(FirstByte::new(first.fin(), first.rsv(), first.opcode()), first);
            assert_eq!(first.without_rsv(), FirstByte::new(first.fin(), Rsv::NONE, first.opcode()));
            assert_eq!(first.opcode(), Opcode::from_bits(byte));
        }
    }
}
