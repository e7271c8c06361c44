//! Binary messages as a stream of bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use barews::connection::MessageKind;
use bytes::{Buf, Bytes};
use futures_util::Sink;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::poll_chunk;
use crate::{Message, WebSocket};

/// The longest message that a write creates.
const MESSAGE: usize = 64 << 10;

/// A WebSocket as a stream of bytes, for protocols that ignore the bounds of messages: MQTT, or TCP in a tunnel.
///
/// Reading joins the payloads of binary messages, as they arrive. It ends with the peer's Close frame, and fails with
/// [`InvalidData`](io::ErrorKind::InvalidData) on a text message.
///
/// Each write becomes a binary message of at most 64 KiB. It waits while
/// [`write_buffer`](crate::Config::write_buffer) bytes are queued. Flushing or reading writes queued messages to the
/// transport. Shutting down makes the closing handshake with 1000. A WebSocket has no half-close: what the peer sends
/// before its Close frame is dropped then.
///
/// Cancel safe: a dropped `read` has taken no bytes, a dropped `write` has sent none.
///
/// ```
/// use barews_tokio::{ByteStream, Client, accept};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (a, b) = tokio::io::duplex(4096);
/// # let client = Client::new("ws://example.com/");
/// # let ((client, _), server) = tokio::try_join!(client.connect_on(a), accept(b))?;
/// let (mut client, mut server) = (ByteStream::new(client), ByteStream::new(server));
/// client.write_all(b"Hel").await?;
/// client.write_all(b"lo").await?;
/// client.flush().await?;
/// let mut read = [0; 5];
/// server.read_exact(&mut read).await?;
/// assert_eq!(&read, b"Hello");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// An error of the connection becomes an [`io::Error`] that has the [`Error`](crate::Error) as its source, except
/// [`Error::Io`](crate::Error::Io), which is returned as it is.
#[derive(Debug)]
pub struct ByteStream<S> {
    socket: WebSocket<S>,
    /// Received, and not read yet.
    unread: Bytes,
}

impl<S> ByteStream<S> {
    /// Creates a stream of the socket's bytes.
    pub const fn new(socket: WebSocket<S>) -> Self {
        Self { socket, unread: Bytes::new() }
    }

    /// Returns the socket.
    #[must_use]
    pub const fn get_ref(&self) -> &WebSocket<S> {
        &self.socket
    }

    /// Returns the socket. Received bytes that were not read are lost.
    #[must_use]
    pub fn into_inner(self) -> WebSocket<S> {
        self.socket
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ByteStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.unread.is_empty() {
            match ready!(poll_chunk(&mut this.socket, cx)) {
                Some(Ok(chunk)) if chunk.kind == MessageKind::Binary => this.unread = chunk.data,
                Some(Ok(_text)) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a text message")));
                }
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                None => return Poll::Ready(Ok(())),
            }
        }
        let len = this.unread.len().min(buf.remaining());
        buf.put_slice(&this.unread[..len]);
        this.unread.advance(len);
        if this.unread.is_empty() {
            this.unread = Bytes::new(); // an empty one keeps its memory
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ByteStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut socket = Pin::new(&mut self.socket);
        ready!(socket.as_mut().poll_ready(cx))?;
        let part = &buf[..buf.len().min(MESSAGE)];
        socket.start_send(Message::from(part))?;
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(Into::into)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx).map_err(Into::into)
    }
}
