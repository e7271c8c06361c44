//! barews on the traits of `embedded-io-async`: a [`Reader`] and a [`Writer`] that share nothing but a slot for the
//! reply that is due, so that a Pong goes out whatever the application does, and no lock is held across an `await`.
//!
//! Cancel safety: wherever one of these futures is dropped, in a `select` or by a timeout, no byte is lost or sent
//! twice, as long as that holds for the transport's `read` and `write`. What was read stands in the buffer before
//! anything else is awaited; what is to be written is put into the buffer as a whole frame, and [`Writer::flush`] goes
//! on where it was dropped.

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

/// Where the reader leaves the reply that is due. It reads on when the writer has taken that.
pub type Replies = Channel<NoopRawMutex, Reply, 1>;

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error<E> {
    /// The transport's.
    Transport(E),
    /// The peer broke a rule. The Close frame that says so is in [`Replies`].
    Protocol(ProtocolError),
}

/// Reads a request and accepts the upgrade of those that `is_wanted`; everything else is answered and refused. Returns
/// the connection, and where in `rx` its first bytes are.
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
            Ok(Progress::Complete { rest }) => Ok(len - rest.len()..len),
            Err(error) => Err(error),
        };
        let wanted = handshake.request().is_some_and(|request| is_wanted(request.target()));
        let (answer, accepted) = match complete {
            Ok(rest) if wanted => match handshake.accept(&Accept::default(), limits, &mut out) {
                Ok((answer, connection)) => (Ok(answer), Ok((connection, rest))),
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
    /// What was read into the buffer and not looked at.
    unread: Range<usize>,
    replies: &'a Replies,
}

impl<'a, T: Read, R: Role> Reader<'a, T, R> {
    /// `unread` is what of `buffer` came behind the handshake.
    pub fn new(
        transport: T,
        receiver: Receiver<R>,
        buffer: &'a mut [u8],
        unread: Range<usize>,
        replies: &'a Replies,
    ) -> Self {
        Self { transport, receiver, buffer, unread, replies }
    }

    /// The next piece of a message, in the buffer; `None` behind the peer's Close frame, when the transport has ended.
    pub async fn next(&mut self) -> Result<Option<Chunk<'_>>, Error<T::Error>> {
        loop {
            // What cannot be answered is not read: then no reply is lost with a future that waits for room.
            poll_fn(|context| self.replies.poll_ready_to_send(context)).await;
            let received = self.receiver.receive(&mut self.buffer[self.unread.clone()]);
            if let Some(reply) = self.receiver.take_reply() {
                let _has_room = self.replies.try_send(reply);
            }
            let received = received.map_err(Error::Protocol)?;
            self.unread.start = self.unread.end - received.rest.len();
            match received.event {
                // A chunk cannot leave the loop that lent it. Its payload is the last that was consumed, so it can be
                // lent anew.
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
    /// What of the buffer is still to be written.
    unsent: Range<usize>,
}

impl<'a, T: Write, R: Role> Writer<'a, T, R> {
    /// `buffer` takes a control frame, so it has 131 bytes at least.
    pub fn new(transport: T, transmitter: Transmitter<R>, buffer: &'a mut [u8]) -> Self {
        Self { transport, transmitter, buffer, unsent: 0..0 }
    }

    /// Whether our Close frame was put.
    pub fn is_closed(&self) -> bool {
        self.transmitter.is_closed()
    }

    /// Puts a frame: a whole message, or the next piece of one.
    pub fn put(&mut self, kind: MessageKind, last: bool, payload: &[u8]) -> Result<(), SendError> {
        let need = payload.len() + 14;
        let room = self.room();
        if room.len() < need {
            return Err(SendError::BufferTooSmall { need });
        }
        let header = self.transmitter.frame(kind, last, payload.len() as u64)?;
        let (start, end) = (self.unsent.end, self.unsent.end + header.as_bytes().len());
        self.buffer[start..end].copy_from_slice(header.as_bytes());
        let place = &mut self.buffer[end..end + payload.len()];
        place.copy_from_slice(payload);
        self.transmitter.payload(place)?;
        self.unsent.end = end + payload.len();
        Ok(())
    }

    /// Puts what the reader left in [`Replies`].
    pub fn reply(&mut self, reply: &Reply) -> Result<(), SendError> {
        let start = self.room().start;
        self.unsent.end += self.transmitter.reply(reply, &mut self.buffer[start..])?;
        Ok(())
    }

    /// Puts a Close frame.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        let start = self.room().start;
        self.unsent.end += self.transmitter.close(code, reason, &mut self.buffer[start..])?;
        Ok(())
    }

    /// The transport: one that buffers, as TLS does, has to be flushed too where nothing more is put for now.
    pub fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Writes what was put. If it is dropped, the next one goes on.
    pub async fn flush(&mut self) -> Result<(), T::Error> {
        while !self.unsent.is_empty() {
            self.unsent.start += self.transport.write(&self.buffer[self.unsent.clone()]).await?;
        }
        Ok(())
    }

    /// Where the next frame goes.
    fn room(&mut self) -> Range<usize> {
        if self.unsent.is_empty() {
            self.unsent = 0..0;
        }
        self.unsent.end..self.buffer.len()
    }
}
