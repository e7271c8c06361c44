//! Appending to a buffer that has a length of its own.

use crate::connection::Written;
use crate::handshake::error::BuildError;
use crate::wire::error::SendError;

/// A buffer to which calls of the engine append: `Vec<u8>` (feature `alloc`) and `heapless::Vec<u8, N>` (feature
/// `heapless`). Every other method of the engine writes to a slice, whose length does not change.
///
#[cfg_attr(feature = "alloc", doc = "```")]
#[cfg_attr(not(feature = "alloc"), doc = "```ignore")]
/// use barews::connection::Outgoing;
/// use barews::wire::MAX_CONTROL_FRAME;
/// use barews::{Append, Connection, Server};
///
/// let mut connection = Connection::new(Server, &Default::default());
/// let mut out = Vec::new();
/// out.append_with(|out| connection.write_text("one", out))?;
/// out.append_with(|out| connection.write_text("two", out))?;
/// assert_eq!(out, b"\x81\x03one\x81\x03two");
///
/// out.append_up_to(MAX_CONTROL_FRAME, |out| connection.poll_transmit(out)); // until it returns 0
/// let mut message = Outgoing::text("a large message");
/// while out.append_up_to(16 << 10, |out| connection.write_fragment(&mut message, out))? > 0 {}
/// # Ok::<(), barews::SendError>(())
/// ```
pub trait Append {
    /// Returns the contents.
    fn contents(&self) -> &[u8];

    /// Sets the length, but not above the capacity of a fixed buffer. New bytes are 0. Returns the contents.
    fn set_len(&mut self, len: usize) -> &mut [u8];

    /// Appends a frame or a message of the opening handshake, and returns what `write` does: its length, or the error. If
    /// it fails, nothing is appended.
    ///
    /// `write` runs twice, first with an empty slice to learn the size: a call that fails has changed nothing. A fixed
    /// buffer without enough room leads to `BufferTooSmall`, whose `need` is the free room that suffices. For calls that
    /// write as much as fits, `write_fragment` and `copy_payload`, use [`append_up_to`](Self::append_up_to).
    fn append_with<O: ReportsSize>(&mut self, mut write: impl FnMut(&mut [u8]) -> O) -> O::Appended {
        let outcome = write(&mut []);
        match outcome.need() {
            Some(need) => self.append_up_to(need, write),
            None => outcome.appended(),
        }
    }

    /// Appends at most `room` bytes, and returns what `write` does: for calls that write as much as fits, and for
    /// [`poll_transmit`](crate::Connection::poll_transmit). A fixed buffer provides the room that it has.
    fn append_up_to<O: Outcome>(&mut self, room: usize, write: impl FnOnce(&mut [u8]) -> O) -> O::Appended {
        let start = self.contents().len();
        let out = self.set_len(start.saturating_add(room)).get_mut(start..);
        let outcome = write(out.unwrap_or_else(|| never!(&mut [])));
        self.set_len(start.saturating_add(outcome.written()));
        outcome.appended()
    }
}

/// The result of a call that writes.
pub trait Outcome: sealed::Sealed {
    /// The same when the bytes are appended: with a `usize` instead of [`Written`], which had to be used.
    type Appended;

    #[doc(hidden)]
    fn appended(self) -> Self::Appended;

    /// Returns the number of bytes written; 0 after an error.
    #[doc(hidden)]
    fn written(&self) -> usize;
}

/// An [`Outcome`] that reports the size of the buffer that the call needs.
pub trait ReportsSize: Outcome {
    /// Returns that size if the buffer is too small.
    #[doc(hidden)]
    fn need(&self) -> Option<usize>;
}

impl Outcome for usize {
    type Appended = Self;

    fn appended(self) -> Self {
        self
    }

    fn written(&self) -> usize {
        *self
    }
}

impl Outcome for Result<Written, SendError> {
    type Appended = Result<usize, SendError>;

    fn appended(self) -> Self::Appended {
        self.map(Written::len)
    }

    fn written(&self) -> usize {
        self.map_or(0, Written::len)
    }
}

impl<T> Outcome for Result<(usize, T), BuildError> {
    type Appended = Self;

    fn appended(self) -> Self {
        self
    }

    fn written(&self) -> usize {
        self.as_ref().map_or(0, |(len, _)| *len)
    }
}

impl Outcome for Result<usize, BuildError> {
    type Appended = Self;

    fn appended(self) -> Self {
        self
    }

    fn written(&self) -> usize {
        self.unwrap_or(0)
    }
}

impl ReportsSize for Result<Written, SendError> {
    fn need(&self) -> Option<usize> {
        if let Err(SendError::BufferTooSmall { need }) = self { Some(*need) } else { None }
    }
}

impl<T> ReportsSize for Result<T, BuildError>
where
    Self: Outcome,
{
    fn need(&self) -> Option<usize> {
        if let Err(BuildError::BufferTooSmall { need }) = self { Some(*need) } else { None }
    }
}

#[cfg(feature = "alloc")]
impl Append for alloc::vec::Vec<u8> {
    fn contents(&self) -> &[u8] {
        self
    }

    fn set_len(&mut self, len: usize) -> &mut [u8] {
        self.resize(len, 0);
        self
    }
}

#[cfg(feature = "heapless")]
impl<const N: usize> Append for heapless::Vec<u8, N> {
    fn contents(&self) -> &[u8] {
        self
    }

    fn set_len(&mut self, len: usize) -> &mut [u8] {
        if self.resize(len.min(N), 0).is_err() {
            never!();
        }
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for usize {}
    impl<T, E> Sealed for Result<T, E> {}
}
