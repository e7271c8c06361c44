//! The reserved bits of a frame (RFC 6455 section 5.2).

use core::ops::BitOr;

/// A set of the reserved bits RSV1, RSV2 and RSV3, which only negotiated extensions use (RFC 6455 section 9).
///
/// ```
/// use barews::wire::Rsv;
///
/// let both = Rsv::RSV1 | Rsv::RSV3;
/// assert!(both.contains(Rsv::RSV1) && !both.contains(Rsv::RSV2));
/// assert_eq!((both.bits(), Rsv::from_bits(0b101)), (0b101, both));
/// assert_eq!(both.without(Rsv::RSV1), Rsv::RSV3);
/// assert!(both.without(both).is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rsv(u8);

impl Rsv {
    /// None of the bits.
    pub const NONE: Self = Self(0);
    /// RSV1. In permessage-deflate it marks a compressed message (RFC 7692 section 6).
    pub const RSV1: Self = Self(4);
    /// RSV2.
    pub const RSV2: Self = Self(2);
    /// RSV3.
    pub const RSV3: Self = Self(1);

    /// Creates a set from the lowest three bits: 4 for RSV1, 2 for RSV2, 1 for RSV3. Ignores the others.
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x7)
    }

    /// Returns the bits: 4 for RSV1, 2 for RSV2, 1 for RSV3.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Returns whether no bit is set.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns whether all bits of `other` are set.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        other.without(self).is_empty()
    }

    /// Returns the bits of this set that are not in `other`.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for Rsv {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
