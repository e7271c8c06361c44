//! The opening handshake, for both roles: moves bytes for a session of the engine.

use std::time::Duration;

use barews::Connection;
use barews::deadlines::Timeouts;
use barews::session::{Error as SessionError, Event, Session, SessionRole};
use bytes::{Buf, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::Error;
use crate::error::Timeout;

/// The storage of a handshake: as much as a head can have.
pub(crate) const STORAGE: usize = 16 << 10;
/// How much is read at a time: most heads are shorter.
const READ: usize = 2 << 10;
/// The session has no timeouts of its own: one around all of it is enough.
pub(crate) const NEVER: Timeouts = Timeouts::NEVER;

pub(crate) struct Opening<'i, 'c, S, R: SessionRole> {
    pub(crate) io: &'i mut S,
    pub(crate) session: Session<'c, R, Vec<u8>>,
    /// What was read, and how much of it the session has seen.
    pub(crate) read: BytesMut,
    at: usize,
}

impl<'i, 'c, S: AsyncRead + AsyncWrite + Unpin, R: SessionRole> Opening<'i, 'c, S, R> {
    pub(crate) fn new(io: &'i mut S, session: Session<'c, R, Vec<u8>>) -> Self {
        Self { io, session, read: BytesMut::new(), at: 0 }
    }

    /// Reads the peer's head. What follows it stays in `read`.
    pub(crate) async fn head(&mut self) -> Result<BytesMut, Error> {
        loop {
            self.transmit().await?;
            let len = self.read.len();
            let received = self.session.receive(&mut self.read[self.at..], 0);
            self.at = len - received.rest.len();
            match received.event {
                Some(Event::Request | Event::Response) => {
                    let head = self.read.split_to(std::mem::take(&mut self.at));
                    return Ok(head);
                }
                Some(Event::Failed(error)) => {
                    let SessionError::Handshake(error) = error else { return Err(Error::Timeout(Timeout::Handshake)) };
                    return Err(error.into());
                }
                Some(_) => {}
                None => {
                    self.read.reserve(READ);
                    if self.io.read_buf(&mut self.read).await? == 0 {
                        self.session.receive_eof(0);
                        let _over = self.session.receive(&mut [], 0);
                        return Err(barews::HandshakeError::UnexpectedEof.into());
                    }
                }
            }
        }
    }

    /// Writes what the session has due.
    pub(crate) async fn transmit(&mut self) -> Result<(), Error> {
        let mut out = [0; 1024];
        let mut any = false;
        while let len @ 1.. = self.session.poll_transmit(&mut out) {
            self.io.write_all(&out[..len]).await?;
            any = true;
        }
        if any {
            self.io.flush().await?;
        }
        Ok(())
    }

    /// Returns the connection of a handshake that is done, and the bytes that followed it.
    pub(crate) fn finish(self) -> Result<(Connection<R>, BytesMut), Error> {
        let (connection, ..) = self.session.into_parts().map_err(|_| Error::Closed)?;
        let unread = if self.read.is_empty() { BytesMut::new() } else { self.read }; // an empty one can keep memory
        Ok((connection, unread))
    }
}

/// Ends a transport after an answer that opens no WebSocket, so that the peer can read that: a socket that is closed with
/// unread bytes in it sends a reset.
pub(crate) async fn end<S: AsyncRead + AsyncWrite + Unpin>(io: &mut S, patience: Duration) {
    let drained = async {
        if io.shutdown().await.is_ok() {
            let mut read = BytesMut::with_capacity(READ);
            while let Ok(1..) = io.read_buf(&mut read).await {
                read.clear();
            }
        }
    };
    let _done = timeout(patience, drained).await;
}

/// Runs a future for a limited time. The caller boxes it: a handshake takes some KiB, which the task need not keep.
pub(crate) async fn within<T>(
    patience: Option<Duration>,
    reason: Timeout,
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match patience {
        Some(patience) => timeout(patience, future).await.unwrap_or(Err(Error::Timeout(reason))),
        None => future.await,
    }
}

/// Returns the fields of a head that the engine has validated: of the last one, after interim responses.
pub(crate) fn parse_head(mut head: BytesMut) -> HeaderMap {
    const END: &[u8] = b"\r\n\r\n";
    head.truncate(head.len().saturating_sub(END.len()));
    if let Some(before) = head.windows(END.len()).rposition(|it| it == END) {
        head.advance(before + END.len());
    }
    while head.starts_with(b"\r\n") {
        head.advance(2); // RFC 9112 2.2: empty lines before a request
    }
    let lines = head[..].split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).skip(1); // the start line
    let mut fields = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(line[colon + 1..].trim_ascii()))
        {
            fields.append(name, value);
        }
    }
    fields
}
