//! One message for many connections.

use barews::connection::MessageKind;
use barews::wire::{FrameHeader, Rsv};
use bytes::{Bytes, BytesMut};

use crate::Utf8Bytes;

/// A message that is encoded once and sent to many connections: a broadcast.
///
/// A server's frame has the same bytes on every connection, so the connections share one copy of it. A client masks
/// each frame with a key of its own and copies the payload. A prepared message is not compressed.
///
/// ```
/// use barews_tokio::{Error, Prepared, Writer};
/// # use tokio::io::AsyncWrite;
///
/// async fn to_all<W: AsyncWrite + Unpin>(room: &mut [Writer<W>]) -> Result<(), Error> {
///     let message = Prepared::text("the same for all");
///     for writer in room {
///         writer.send_prepared(&message).await?;
///     }
///     Ok(())
/// }
/// ```
///
/// Here a member that accepts nothing holds the others up until [`Timeouts::send`](crate::Timeouts::send). The example
/// `chat` has a task and a queue for each member instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prepared {
    pub(crate) kind: MessageKind,
    /// A server's frame.
    pub(crate) frame: Bytes,
    /// Where its payload begins.
    pub(crate) header: usize,
}

impl Prepared {
    /// Prepares a text message.
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::new(MessageKind::Text, text.into().as_bytes())
    }

    /// Prepares a binary message.
    pub fn binary(data: impl AsRef<[u8]>) -> Self {
        Self::new(MessageKind::Binary, data.as_ref())
    }

    fn new(kind: MessageKind, payload: &[u8]) -> Self {
        let payload_len = payload.len() as u64;
        let header =
            FrameHeader { fin: true, rsv: Rsv::NONE, opcode: kind.opcode(), masking_key: None, payload_len }.encode();
        let header = header.as_bytes();
        let mut frame = BytesMut::with_capacity(header.len() + payload.len());
        frame.extend_from_slice(header);
        frame.extend_from_slice(payload);
        Self { kind, frame: frame.freeze(), header: header.len() }
    }

    /// Returns the payload.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.frame.slice(self.header..)
    }
}
