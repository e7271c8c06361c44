//! What a send call returns.

/// The number of bytes that a call has written to the start of the buffer; 0 if there was nothing to write. Send these
/// bytes: the engine keeps no copy.
///
/// ```
/// let mut connection = barews::Connection::new(barews::Server, &Default::default());
/// let mut out = [0; 64];
/// let mut len = connection.write_text("one", &mut out)?.len();
/// len += connection.write_text("two", &mut out[len..])?.len(); // many frames in one buffer
/// assert_eq!(out[..len], *b"\x81\x03one\x81\x03two");
/// # Ok::<(), barews::SendError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "the bytes are in the buffer and have to be sent"]
pub struct Written(
    /// The number of bytes.
    pub usize,
);

impl Written {
    /// Returns the number of bytes.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "it is a length, not a collection")]
    #[must_use]
    pub const fn len(self) -> usize {
        self.0
    }
}
