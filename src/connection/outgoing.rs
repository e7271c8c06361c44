//! A message that is sent in fragments.

use super::event::MessageKind;

/// A message that [`write_fragment`](crate::Connection::write_fragment) sends in fragments.
///
/// ```
/// use barews::connection::{Config, Outgoing};
///
/// let config = Config { fragment_size: 4, ..Config::DEFAULT };
/// let mut connection = barews::Connection::new(barews::Server, &config);
/// let mut message = Outgoing::text("fragments");
/// let (mut sent, mut out) = (Vec::new(), [0; 32]);
/// while let len @ 1.. = connection.write_fragment(&mut message, &mut out)?.len() {
///     sent.extend_from_slice(&out[..len]);
///     // here a Pong can be sent: `connection.poll_transmit(&mut out)`
/// }
/// assert_eq!(sent, b"\x01\x04frag\x00\x04ment\x80\x01s");
/// # Ok::<(), barews::SendError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Outgoing<'m> {
    pub(super) kind: MessageKind,
    pub(super) begun: bool,
    /// What is still to be sent; `None` after the last fragment.
    pub(super) rest: Option<&'m [u8]>,
}

impl<'m> Outgoing<'m> {
    /// Creates a text message.
    #[must_use]
    pub const fn text(text: &'m str) -> Self {
        Self::unvalidated(MessageKind::Text, text.as_bytes())
    }

    /// Creates a binary message. See [`is_complete`](Self::is_complete) for an example.
    #[must_use]
    pub const fn binary(data: &'m [u8]) -> Self {
        Self::unvalidated(MessageKind::Binary, data)
    }

    /// Creates a message of any kind. Does not validate text: the host knows that `body` is UTF-8.
    ///
    /// ```
    /// use barews::connection::{MessageKind, Outgoing};
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let (kind, body) = (MessageKind::Text, b"Hello"); // a message that was received: the engine has validated it
    /// let mut message = Outgoing::unvalidated(kind, body);
    /// let mut out = [0; 5];
    /// let len = connection.write_fragment(&mut message, &mut out)?.len(); // as long as `out` allows
    /// assert_eq!((&out[..len], message.left()), (&b"\x01\x03Hel"[..], 2));
    /// # Ok::<(), barews::SendError>(())
    /// ```
    #[must_use]
    pub const fn unvalidated(kind: MessageKind, body: &'m [u8]) -> Self {
        Self { kind, begun: false, rest: Some(body) }
    }

    /// Continues after `sent` bytes that earlier fragments have sent. Use this on a new value, if the host keeps the
    /// body but not the value.
    ///
    /// ```
    /// use barews::connection::{Config, Outgoing};
    ///
    /// let config = Config { fragment_size: 4, ..Config::DEFAULT };
    /// let mut connection = barews::Connection::new(barews::Server, &config);
    /// let (body, mut sent, mut out) = ("fragments", 0, [0; 32]);
    /// while sent < body.len() {
    ///     let mut message = Outgoing::text(body).resume_at(sent);
    ///     let len = connection.write_fragment(&mut message, &mut out)?.len();
    ///     sent = body.len() - message.left();
    ///     // here the host writes `out[..len]`
    /// }
    /// # Ok::<(), barews::SendError>(())
    /// ```
    #[must_use]
    pub fn resume_at(self, sent: usize) -> Self {
        let rest = self.rest.map(|body| body.get(sent..).unwrap_or_default());
        Self { begun: self.begun || sent > 0, rest, ..self }
    }

    /// Takes up to `len` bytes of the body, 0 counts as 1, for the next fragment, for a host that writes the frame itself because it
    /// compresses the payload, for example. `None` when the message is complete.
    ///
    /// ```
    /// use barews::connection::Outgoing;
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let (mut message, mut headers) = (Outgoing::text("fragments"), Vec::new());
    /// while let Some(part) = message.take(4) {
    ///     let header = connection.begin_frame(message.kind(), message.is_complete(), part.len() as u64)?;
    ///     connection.mask_payload(&mut part.to_vec())?;
    ///     headers.extend_from_slice(header.as_bytes()); // here the host sends `header` and the masked part
    /// }
    /// assert_eq!(headers, b"\x01\x04\x00\x04\x80\x01");
    /// # Ok::<(), barews::SendError>(())
    /// ```
    pub fn take(&mut self, len: usize) -> Option<&'m [u8]> {
        let (part, after) = self.rest?.split_at_checked(len.max(1)).unwrap_or((self.rest?, &[]));
        self.begun = true;
        self.rest = if after.is_empty() { None } else { Some(after) };
        Some(part)
    }

    /// Returns the kind of the message. See [`take`](Self::take) for an example.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Returns how many bytes of the message are still to be sent. See [`resume_at`](Self::resume_at) for an example.
    #[must_use]
    pub fn left(&self) -> usize {
        self.rest.map_or(0, <[u8]>::len)
    }

    /// Returns whether the last fragment was sent.
    ///
    /// ```
    /// use barews::connection::Outgoing;
    ///
    /// let mut connection = barews::Connection::new(barews::Server, &Default::default());
    /// let mut message = Outgoing::binary(b"");
    /// assert!(message.left() == 0 && !message.is_complete()); // an empty message is one empty frame
    /// let mut out = [0; 64];
    /// let len = connection.write_fragment(&mut message, &mut out)?.len();
    /// assert_eq!(out[..len], *b"\x82\0");
    /// assert!(message.is_complete());
    /// # Ok::<(), barews::SendError>(())
    /// ```
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.rest.is_none()
    }
}
