//! An engine and its socket: what both roles need.
//!
//! Back-pressure is one rule: read no more than can be answered. An answer then always fits the socket's send buffer, and
//! nothing ever waits elsewhere.

use barews::connection::{Chunk, Event, MessageKind, Transport};
use barews::deadlines::{Deadlines, Timeout};
use barews::wire::MAX_CONTROL_FRAME;
use barews::{Connection, Role};
use smoltcp::socket::tcp::{Socket, State};

/// The longest text that [`Link::send_text`] sends.
pub const TEXT_SIZE: usize = 160;

/// What an answer may need whatever the size of what it answers: a Pong or a Close, most of whose Ping or Close came before,
/// and the header of a fragment whose frame began before.
const RESERVE: usize = MAX_CONTROL_FRAME + 8;

/// A connection in its turn.
pub struct Link<'a, 's, R> {
    pub connection: &'a mut Connection<R>,
    pub socket: &'a mut Socket<'s>,
    pub deadlines: &'a mut Deadlines,
    pub now: u64,
}

impl<R: Role> Link<'_, '_, R> {
    /// Reads into `rx` what can be answered, and hands each piece of a message to `handle`. True if there was something.
    pub fn receive(&mut self, rx: &mut [u8], handle: impl FnMut(&mut Self, Chunk<'_>)) -> bool {
        let room = room(self.socket).saturating_sub(RESERVE);
        let limit = if !self.socket.may_send() {
            rx.len() // we have ended the stream: what still comes is read, so that its end comes too, and is not answered
        } else if R::IS_SERVER {
            room // no frame of ours is longer than the client's that it echoes
        } else {
            room / 3 // ours have a masking key in addition: an empty message of 2 bytes comes back as one of 6
        };
        let bytes = read(self.socket, rx, limit);
        let is_some = !bytes.is_empty();
        if is_some {
            self.deadlines.received(self.now);
            self.process(bytes, handle);
        }
        is_some
    }

    /// The same for bytes that were read already, behind the handshake.
    pub fn process(&mut self, mut bytes: &mut [u8], mut handle: impl FnMut(&mut Self, Chunk<'_>)) {
        // After an error the Close that tells the peer is due, and the rest is of no interest.
        while let Ok(received) = self.connection.receive(bytes) {
            bytes = received.rest;
            match received.event {
                Some(Event::Data(chunk)) => {
                    self.deadlines.message(self.now);
                    handle(self, chunk);
                }
                Some(Event::Pong) => {
                    self.deadlines.pong(self.connection.control_payload(), self.now);
                }
                Some(_) => {}
                None => break,
            }
            self.drain();
        }
        self.drain();
    }

    /// Sends a piece of a message back, as a fragment of a message: so messages may be of any size.
    pub fn echo(&mut self, chunk: Chunk<'_>) {
        let header = self.connection.frame(chunk.kind, chunk.last, chunk.payload.len() as u64);
        // Both fail if we have sent a Close: the peer may go on until it has read that.
        if let (Ok(header), Ok(())) = (header, self.connection.payload(chunk.payload)) {
            send(self.socket, header.as_bytes());
            send(self.socket, chunk.payload);
        }
    }

    /// Sends a text. False if it has to wait, for room or for ever.
    pub fn send_text(&mut self, text: &str) -> bool {
        let mut out = [0; TEXT_SIZE + 8];
        let sent = room(self.socket) >= out.len() + RESERVE
            && match self.connection.message(MessageKind::Text, text.as_bytes(), &mut out) {
                Ok(len) => send(self.socket, &out[..len]),
                Err(_) => false,
            };
        if sent {
            self.deadlines.message(self.now);
        }
        sent
    }

    /// Does what the deadlines that have passed ask for.
    pub fn timeouts(&mut self) {
        while let Some(timeout) = self.deadlines.handle_timeout(self.now) {
            let Timeout::Ping(payload) = timeout else { return expire(self.socket, timeout) };
            let mut out = [0; MAX_CONTROL_FRAME];
            // If there is no room, it is the peer that takes nothing, and the deadline of the Pong is for that too.
            if room(self.socket) >= out.len()
                && let Ok(len) = self.connection.ping(&payload, &mut out)
            {
                send(self.socket, &out[..len]);
            }
        }
    }

    /// The end of a turn: whether the stream has ended, and what the engine says about the socket.
    pub fn settle(&mut self) {
        if is_finished(self.socket) {
            let _ = self.connection.receive_eof();
            self.drain();
        }
        match self.connection.transport() {
            Transport::Keep | Transport::AwaitEof => {}
            // smoltcp sends what is queued first, and goes on receiving. Once closed, closing changes nothing.
            Transport::HalfClose | Transport::Close => self.socket.close(),
        }
        self.deadlines.state(self.connection.state(), self.now);
    }

    /// The drain law: sends the Pong or the Close that is due.
    fn drain(&mut self) {
        let mut out = [0; MAX_CONTROL_FRAME];
        while room(self.socket) >= out.len()
            && let len @ 1.. = self.connection.poll_transmit(&mut out)
        {
            send(self.socket, &out[..len]);
        }
    }
}

/// Reads at most `limit` bytes.
pub fn read<'b>(socket: &mut Socket<'_>, rx: &'b mut [u8], limit: usize) -> &'b mut [u8] {
    let limit = limit.min(rx.len());
    let len = socket.recv_slice(&mut rx[..limit]).unwrap_or(0);
    &mut rx[..len]
}

/// Hands bytes to the socket, which has room for them.
pub fn send(socket: &mut Socket<'_>, bytes: &[u8]) -> bool {
    let sent = socket.send_slice(bytes) == Ok(bytes.len());
    if !sent {
        socket.abort(); // behind half a frame nothing makes sense to the peer
    }
    sent
}

/// Whether the peer has ended the stream, and all of it was read.
pub fn is_finished(socket: &Socket<'_>) -> bool {
    !socket.may_recv() && !matches!(socket.state(), State::SynSent | State::SynReceived)
}

/// Gives the peer up.
pub fn expire(socket: &mut Socket<'_>, timeout: Timeout) {
    defmt::warn!("timeout: {}", timeout);
    socket.abort();
}

/// The bytes that the socket takes at once.
fn room(socket: &Socket<'_>) -> usize {
    if socket.may_send() { socket.send_capacity() - socket.send_queue() } else { 0 }
}

/// Watches how much of what was sent the peer has yet to take.
#[derive(Default)]
pub struct Queue(usize);

impl Queue {
    /// Whether the peer has taken bytes since the last turn. Who does is alive, just as who sends some.
    pub fn has_shrunk(&self, socket: &Socket<'_>) -> bool {
        socket.send_queue() < self.0
    }

    /// Whether bytes were added since then, which TCP has to send now.
    pub fn has_grown(&mut self, socket: &Socket<'_>) -> bool {
        let before = core::mem::replace(&mut self.0, socket.send_queue());
        self.0 > before
    }
}
