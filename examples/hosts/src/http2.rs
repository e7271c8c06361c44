//! An HTTP/2 stream of the crate `h2` as a transport: the bytes in DATA frames are read and written as if they were a
//! TCP stream (RFC 8441 section 5). Copy this file; it needs `bytes`, `h2` and `tokio`.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Both directions of a stream.
pub struct Http2Stream {
    incoming: RecvStream,
    outgoing: SendStream<Bytes>,
    /// Bytes that were received but not read.
    unread: Bytes,
    ended: bool,
}

impl Http2Stream {
    /// Creates a transport from the body of the peer's HTTP message, `incoming`, and that of ours, `outgoing`.
    pub fn new(incoming: RecvStream, outgoing: SendStream<Bytes>) -> Self {
        Self { incoming, outgoing, unread: Bytes::new(), ended: false }
    }
}

impl AsyncRead for Http2Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.unread.is_empty() {
            match ready!(this.incoming.poll_data(cx)) {
                None => return Poll::Ready(Ok(())), // END_STREAM is the end of TCP [8441-5-9]
                Some(Err(error)) => return Poll::Ready(Err(io::Error::new(ErrorKind::ConnectionReset, error))),
                Some(Ok(bytes)) => this.unread = bytes,
            }
        }
        let piece = this.unread.split_to(this.unread.len().min(out.remaining()));
        out.put_slice(&piece);
        // Release only bytes that were read: this is back-pressure for this stream alone.
        Poll::Ready(this.incoming.flow_control().release_capacity(piece.len()).map_err(io::Error::other))
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.outgoing.reserve_capacity(bytes.len());
        while this.outgoing.capacity() == 0 && !bytes.is_empty() {
            match ready!(this.outgoing.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(io::Error::new(ErrorKind::ConnectionReset, error))),
                None => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
            }
        }
        let len = bytes.len().min(this.outgoing.capacity());
        let sent = this.outgoing.send_data(Bytes::copy_from_slice(&bytes[..len]), false);
        Poll::Ready(sent.map(|()| len).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // h2's connection task writes
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.ended, true) {
            let sent = this.outgoing.send_data(Bytes::new(), true); // END_STREAM [8441-5-9]
            return Poll::Ready(sent.map_err(io::Error::other));
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Http2Stream {
    fn drop(&mut self) {
        if !self.ended {
            self.outgoing.send_reset(Reason::CANCEL); // corresponds to a TCP reset [8441-5-9]
        }
    }
}
