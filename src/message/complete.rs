//! A message that is complete.

use crate::connection::MessageKind;

/// A complete message.
#[derive(PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Message<'a> {
    /// Text or binary.
    pub kind: MessageKind,
    /// The payload: in the receive buffer if it arrived in a single chunk, otherwise in the storage.
    pub payload: &'a mut [u8],
}

impl Message<'_> {
    /// Returns the text of a text message. The engine has validated it already, but safe Rust has to validate it again
    /// to make a `str`. The feature `simd` makes that several times faster. See
    /// [`MessageBuffer`](super::MessageBuffer) for an example.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        #[cfg(not(feature = "simd"))]
        use core::str as utf8;
        #[cfg(feature = "simd")]
        use simdutf8::basic as utf8;
        if self.kind == MessageKind::Text { utf8::from_utf8(self.payload).ok() } else { None }
    }
}
