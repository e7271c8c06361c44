//! What the tests share: sockets, and the raw end of their peer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use barews_tokio::{Acceptor, Client, Config, Role, WebSocket};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::time::Instant;

/// A valid request for a WebSocket. Its response has the key `s3pPLMBiTxaQ9kYGzzhZRbK+xOo=`.
pub const REQUEST: &str = "GET /room?id=7 HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Returns a server's socket and the raw end of its peer. The transport holds at most `capacity` bytes each way.
pub fn server(capacity: usize, config: &Config) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (ours, peer) = duplex(capacity);
    (WebSocket::from_raw(ours, Role::Server, config, b""), peer)
}

/// Returns a client's socket and the raw end of its peer.
pub fn client(capacity: usize, config: &Config) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (ours, peer) = duplex(capacity);
    (WebSocket::from_raw(ours, Role::Client, config, b""), peer)
}

/// Returns a client and a server after an opening handshake between them.
pub async fn pair(capacity: usize, config: &Config) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (a, b) = duplex(capacity);
    let client = Client::new("ws://a.example/").config(config.clone());
    let acceptor = Acceptor::new().config(config.clone());
    let ((client, _), server) = tokio::try_join!(client.connect_on(a), acceptor.accept(b)).unwrap();
    (client, server)
}

/// Returns a client's frame whose masking key is 0. `first` is its first byte.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Asserts that the peer reads these bytes next.
pub async fn reads(peer: &mut DuplexStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    peer.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

/// Reads to the end of the transport.
pub async fn rest(peer: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Asserts how many seconds have passed, with a tolerance for the timers.
pub fn is_after(since: Instant, seconds: u64) {
    let (elapsed, seconds) = (since.elapsed(), Duration::from_secs(seconds));
    assert!((seconds..=seconds + Duration::from_millis(5)).contains(&elapsed), "{elapsed:?} instead of {seconds:?}");
}

/// A transport that makes every call wait once, and then takes at most `limit` bytes.
pub struct Slow<S> {
    pub io: S,
    limit: usize,
    waits: [bool; 3],
}

impl<S> Slow<S> {
    pub fn new(io: S, limit: usize) -> Self {
        Self { io, limit, waits: [true; 3] }
    }

    /// Returns whether this call has to wait.
    fn waits(&mut self, call: usize, cx: &mut Context<'_>) -> bool {
        let waits = std::mem::replace(&mut self.waits[call], false);
        self.waits[call] = !waits;
        if waits {
            cx.waker().wake_by_ref();
        }
        waits
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Slow<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if self.waits(0, cx) {
            return Poll::Pending;
        }
        let mut space = vec![0; self.limit.min(buf.remaining())];
        let mut part = ReadBuf::new(&mut space);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut part);
        buf.put_slice(part.filled());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Slow<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        if self.waits(1, cx) {
            return Poll::Pending;
        }
        let len = self.limit.min(buf.len());
        Pin::new(&mut self.io).poll_write(cx, &buf[..len])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.waits(2, cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.waits(2, cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
