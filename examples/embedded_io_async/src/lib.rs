//! barews on the traits of `embedded-io-async`: a [`Reader`] and a [`Writer`] that share only a slot for the pending
//! reply. A Pong therefore goes out whatever the application does, and no lock is held across an `await`. This package
//! uses the halves of a connection instead of a session, because reader and writer are separate futures and the timeouts
//! are the application's.
//!
//! Cancel safety: if one of these futures is dropped, in a `select` or by a timeout, no byte is lost or sent twice, as
//! long as that holds for the transport's `read` and `write`. Bytes that were read are in the buffer before the next
//! `await`. Frames are put into the buffer whole, and [`Writer::flush`] continues where an earlier `flush` was dropped.

#![no_std]

use core::future::poll_fn;
use core::ops::Range;

use barews::connection::{Chunk, Config, Event, MessageKind, Receiver, Reply, Transmitter};
use barews::handshake::{Accept, Progress, ServerConfig, ServerHandshake};
use barews::wire::CloseCode;
use barews::{Connection, HandshakeError, ProtocolError, Role, SendError, Server};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embedded_io_async::{Read, Write};

/// The slot in which the reader leaves a pending reply. The reader continues when the writer has taken the reply.
pub type Replies = Channel<NoopRawMutex, Reply, 1>;

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error<E> {
    /// The transport failed.
    Transport(E),
    /// The peer broke a rule. The Close frame that reports it is in [`Replies`].
    Protocol(ProtocolError),
}

/// Reads a request and accepts the upgrade if `is_wanted` returns true for its target. Answers and refuses all other
/// requests. Returns the connection and the range of its first bytes in `rx`.
pub async fn accept<T: Read + Write>(
    transport: &mut T,
    rx: &mut [u8],
    config: &ServerConfig<'_>,
    limits: &Config,
    is_wanted: impl FnOnce(&str) -> bool,
) -> Result<Result<(Connection<Server>, Range<usize>), HandshakeError>, T::Error> {
    let mut handshake = ServerHandshake::new(config, [0; 512]);
    let mut out = [0; 256];
    loop {
        let len = transport.read(rx).await?;
        let complete = match handshake.receive(&mut rx[..len]) {
            Ok(Progress::Partial) if len == 0 => Err(HandshakeError::UnexpectedEof),
            Ok(Progress::Partial) => continue,
            Ok(Progress::Complete { consumed, .. }) => Ok(consumed..len),
            Err(error) => Err(error),
        };
        let wanted = handshake.request().is_some_and(|request| is_wanted(request.target()));
        let (answer, accepted) = match complete {
            Ok(rest) if wanted => match handshake.accept(&Accept::default(), &mut out) {
                Ok(answer) => (Ok(answer), Ok((Connection::new(Server, limits), rest))),
                Err(_) => (handshake.refuse(HandshakeError::Upgrade, &mut out), Err(HandshakeError::Upgrade)),
            },
            Ok(_) => (handshake.respond(404, &[], b"", &mut out), Err(HandshakeError::Target)),
            Err(error) => (handshake.refuse(error, &mut out), Err(error)),
        };
        transport.write_all(&out[..answer.unwrap_or(0)]).await?;
        return Ok(accepted);
    }
}

/// The receiving half.
pub struct Reader<'a, T, R> {
    transport: T,
    receiver: Receiver<R>,
    buffer: &'a mut [u8],
    /// The bytes in the buffer that the receiver has not consumed.
    unread: Range<usize>,
    replies: &'a Replies,
}

impl<'a, T: Read, R: Role> Reader<'a, T, R> {
    /// Creates a reader. `unread` is the range of `buffer` with the bytes that followed the handshake.
    pub fn new(
        transport: T,
        receiver: Receiver<R>,
        buffer: &'a mut [u8],
        unread: Range<usize>,
        replies: &'a Replies,
    ) -> Self {
        Self { transport, receiver, buffer, unread, replies }
    }

    /// Returns the next piece of a message, in the buffer. Returns `None` when the transport has ended after the peer's
    /// Close frame.
    pub async fn next(&mut self) -> Result<Option<Chunk<'_>>, Error<T::Error>> {
        loop {
            // Read only when a reply has room; then dropping this future loses no reply.
            poll_fn(|context| self.replies.poll_ready_to_send(context)).await;
            let received = self.receiver.receive(&mut self.buffer[self.unread.clone()]);
            if let Some(reply) = self.receiver.take_reply() {
                let _has_room = self.replies.try_send(reply);
            }
            let received = received.map_err(Error::Protocol)?;
            self.unread.start = self.unread.end - received.rest.len();
            match received.event {
                // The borrow checker does not let the chunk leave the loop. Its payload is the last of the bytes that
                // were consumed, so it can be borrowed again.
                Some(Event::Data(Chunk { kind, first, last, rsv, payload })) => {
                    let payload = self.unread.start - payload.len()..self.unread.start;
                    return Ok(Some(Chunk { kind, first, last, rsv, payload: &mut self.buffer[payload] }));
                }
                Some(_) => continue,
                None => {}
            }
            let len = self.transport.read(self.buffer).await.map_err(Error::Transport)?;
            self.unread = 0..len;
            if len == 0 {
                return self.receiver.receive_eof().map(|()| None).map_err(Error::Protocol);
            }
        }
    }
}

/// The sending half.
pub struct Writer<'a, T, R> {
    transport: T,
    transmitter: Transmitter<R>,
    buffer: &'a mut [u8],
    /// The range of the buffer that is still to be written.
    unsent: Range<usize>,
}

impl<'a, T: Write, R: Role> Writer<'a, T, R> {
    /// Creates a writer. `buffer` needs room for a control frame: at least 131 bytes.
    pub fn new(transport: T, transmitter: Transmitter<R>, buffer: &'a mut [u8]) -> Self {
        Self { transport, transmitter, buffer, unsent: 0..0 }
    }

    /// Returns whether our Close frame is in the buffer or was written.
    pub fn close_sent(&self) -> bool {
        self.transmitter.close_sent()
    }

    /// Puts a frame into the buffer: a whole message, or the next piece of one. Then call [`Self::flush`].
    pub fn put(&mut self, kind: MessageKind, last: bool, payload: &[u8]) -> Result<(), SendError> {
        let need = payload.len() + 14;
        let room = self.room();
        if room.len() < need {
            return Err(SendError::BufferTooSmall { need });
        }
        let header = self.transmitter.begin_frame(kind, last, payload.len() as u64)?;
        let (start, end) = (self.unsent.end, self.unsent.end + header.as_bytes().len());
        self.buffer[start..end].copy_from_slice(header.as_bytes());
        let place = &mut self.buffer[end..end + payload.len()];
        place.copy_from_slice(payload);
        self.transmitter.mask_payload(place)?;
        self.unsent.end = end + payload.len();
        Ok(())
    }

    /// Puts the reply that the reader left in [`Replies`] into the buffer. Then call [`Self::flush`].
    pub fn reply(&mut self, reply: &Reply) -> Result<(), SendError> {
        let start = self.room().start;
        self.unsent.end += self.transmitter.write_reply(reply, &mut self.buffer[start..])?.len();
        Ok(())
    }

    /// Puts a Close frame into the buffer. Then call [`Self::flush`].
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        let start = self.room().start;
        self.unsent.end += self.transmitter.write_close(code, reason, &mut self.buffer[start..])?.len();
        Ok(())
    }

    /// Returns the transport. If it buffers, as TLS does, flush it too when there is nothing more to write for now.
    pub fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Writes the frames in the buffer. If the future is dropped, the next call continues.
    pub async fn flush(&mut self) -> Result<(), T::Error> {
        while !self.unsent.is_empty() {
            self.unsent.start += self.transport.write(&self.buffer[self.unsent.clone()]).await?;
        }
        Ok(())
    }

    /// Returns the free range of the buffer, for the next frame.
    fn room(&mut self) -> Range<usize> {
        if self.unsent.is_empty() {
            self.unsent = 0..0;
        }
        self.unsent.end..self.buffer.len()
    }
}
