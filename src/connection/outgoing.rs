//! A message that is sent in fragments.

use super::event::MessageKind;

/// A message that [`fragment`](crate::Connection::fragment) sends in fragments.
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
    /// Creates a message of which nothing was sent.
    pub const fn new(kind: MessageKind, body: &'m [u8]) -> Self {
        Self { kind, begun: false, rest: Some(body) }
    }

    /// Creates a message whose first `sent` bytes were sent in fragments, for a host that keeps the body but not this value.
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
    ///     // here the host writes `out[..len]`
    /// }
    /// # Ok::<(), barews::SendError>(())
    /// ```
    pub fn resume(kind: MessageKind, body: &'m [u8], sent: usize) -> Self {
        Self { kind, begun: sent > 0, rest: Some(body.get(sent..).unwrap_or_default()) }
    }

    /// Returns how many bytes of the message are still to be sent.
    pub fn left(&self) -> usize {
        self.rest.map_or(0, <[u8]>::len)
    }

    /// Returns whether the last fragment was sent.
    pub const fn is_complete(&self) -> bool {
        self.rest.is_none()
    }
}
