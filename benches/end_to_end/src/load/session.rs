//! One connection of the load: its messages in flight, and the check of their echoes.

use std::cell::Cell;
use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use barews::connection::{Chunk, Config, Event, MessageKind, Transport};
use barews::deflate::{Inflater, Parameters, RSV1};
use barews::handshake::{ClientConfig, ClientHandshake, ClientRequest, Progress, Uri};
use barews::wire::{CloseCode, FrameHeader, MAX_CONTROL_FRAME, Rsv};
use barews::{Client, Connection, ProtocolError};
use hdrhistogram::Histogram;
use tokio_rustls::rustls;

use crate::body::{Bodies, Content, OFFER};
use crate::stream::{ReadWrite, Stream, connect};

/// A message begins with the number of its connection (21 bits) and its own number in the connection (35 bits).
pub const MAX_CONNECTIONS: usize = 1 << 21;
const READ_SIZE: usize = 256 << 10;
/// Space for an inflated piece.
const PIECE: usize = 4 << 10;

type Keys = fn() -> [u8; 4];
/// A connection after its handshake, and the parameters of its compression.
type Opened = (Connection<Client<Keys>>, Option<Parameters>);

/// What all connections share.
pub struct Exchange {
    kind: MessageKind,
    bodies: Bodies,
    pipeline: usize,
    /// All connections receive the messages of connection 0.
    broadcast: bool,
    rx: Vec<u8>,
    /// Has space for all messages that a connection has in flight.
    tx: Vec<u8>,
    piece: Vec<u8>,
    start: Instant,
    /// Messages since the last reset, and their round trips in nanoseconds.
    pub received: u64,
    pub latency: Histogram<u64>,
    /// Messages still to be received, by all connections.
    pub in_flight: usize,
    /// Whether an echo is followed by a new message.
    pub sending: bool,
    /// In a broadcast, when the messages in flight were sent, and how many everyone has.
    sent_at: VecDeque<u64>,
    pub whole: u64,
}

impl Exchange {
    pub fn new(content: Content, size: usize, pipeline: usize, broadcast: bool) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            kind: content.kind(),
            bodies: Bodies::new(content, size),
            pipeline,
            broadcast,
            rx: vec![0; READ_SIZE],
            tx: vec![0; pipeline * (size + 64 + FrameHeader::MAX_LEN)],
            piece: vec![0; PIECE],
            start: Instant::now(),
            received: 0,
            latency: Histogram::new(3)?,
            in_flight: 0,
            sending: false,
            sent_at: VecDeque::new(),
            whole: 0,
        })
    }

    /// Resets the counts and the round trips.
    pub fn reset(&mut self) {
        self.received = 0;
        self.latency.reset();
    }
}

pub enum Turn {
    Blocked,
    Again,
    Over,
}

pub struct Session {
    pub stream: Stream,
    pub readable: bool,
    /// The server has ended its side: reading continues to the end, without a further event.
    pub ended: bool,
    pub queued: bool,
    connection: Connection<Client<Keys>>,
    /// Set if the connection is compressed.
    inflater: Option<Inflater<Vec<u8>>>,
    index: u64,
    /// When each message in flight was sent, in nanoseconds.
    sent_at: VecDeque<u64>,
    sent: u64,
    received: u64,
    /// Number of bytes received of the current message.
    offset: usize,
    /// Bytes still to be written.
    unsent: Vec<u8>,
}

impl Session {
    /// Connects and does the opening handshake.
    pub fn open(
        index: usize,
        uri: Uri<'_>,
        address: SocketAddr,
        tls: Option<&Arc<rustls::ClientConfig>>,
        deflate: bool,
    ) -> Result<Self, Box<dyn Error>> {
        let (stream, (connection, agreed)) = connect(index, address, tls, |stream| handshake(stream, uri, deflate))?;
        let inflater =
            agreed.map(|agreed| Inflater::new(vec![0; agreed.server.window_size()], agreed.server, u64::MAX));
        Ok(Self {
            stream,
            readable: false,
            ended: false,
            queued: false,
            connection,
            inflater,
            index: index as u64,
            sent_at: VecDeque::new(),
            sent: 0,
            received: 0,
            offset: 0,
            unsent: Vec::new(),
        })
    }

    /// Sends the first messages.
    pub fn start(&mut self, exchange: &mut Exchange) -> Result<(), Box<dyn Error>> {
        let now = exchange.start.elapsed().as_nanos() as u64;
        self.send(exchange.pipeline, now, exchange)
    }

    /// Makes one read and one write.
    pub fn go_on(&mut self, exchange: &mut Exchange) -> Result<Turn, Box<dyn Error>> {
        if !self.unsent.is_empty() {
            let kept = std::mem::take(&mut self.unsent);
            self.write(&kept)?;
        }
        if let Stream::Tls(stream) = &mut self.stream
            && stream.conn.wants_write()
        {
            let _blocked = stream.flush();
        }
        if !self.readable {
            return Ok(Turn::Blocked);
        }
        let mut rx = std::mem::take(&mut exchange.rx);
        let outcome = match self.stream.read(&mut rx) {
            Ok(0) => {
                self.readable = false;
                self.connection.receive_eof().map_err(Into::into)
            }
            Ok(len) => {
                // Fewer bytes than requested: the socket is empty.
                self.readable = len == rx.len() || self.ended || !self.stream.short_read_is_last();
                self.receive(&mut rx[..len], exchange)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            // TLS without a close_notify. After both Close frames that does no harm.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                self.readable = false;
                self.connection.receive_eof().map_err(Into::into)
            }
            Err(error) => Err(error.into()),
        };
        exchange.rx = rx;
        outcome?;
        match self.connection.transport() {
            Transport::Close => return Ok(Turn::Over),
            Transport::HalfClose => self.stream.shutdown()?,
            Transport::Keep | Transport::AwaitEof => {}
        }
        Ok(if self.readable { Turn::Again } else { Turn::Blocked })
    }

    fn receive(&mut self, mut bytes: &mut [u8], exchange: &mut Exchange) -> Result<(), Box<dyn Error>> {
        let now = exchange.start.elapsed().as_nanos() as u64;
        let before = self.received;
        loop {
            let received = self.connection.receive(bytes)?;
            bytes = received.rest;
            match received.event {
                Some(Event::Data(mut chunk)) => match &mut self.inflater {
                    None => self.check(&chunk, now, exchange)?,
                    Some(_) => {
                        let mut piece = std::mem::take(&mut exchange.piece);
                        while let Some(inflated) = self.inflate(&mut chunk, &mut piece)? {
                            self.check(&inflated, now, exchange)?;
                        }
                        exchange.piece = piece;
                    }
                },
                Some(Event::Close(code)) if exchange.in_flight > 0 => {
                    return Err(format!("the server closes: {code:?} {}", self.connection.close_reason()).into());
                }
                Some(_) => {}
                None => break,
            }
            let mut out = [0; MAX_CONTROL_FRAME];
            while let len @ 1.. = self.connection.poll_transmit(&mut out) {
                self.write(&out[..len])?;
            }
        }
        let echoes = (self.received - before) as usize;
        if exchange.broadcast {
            return Ok(()); // `Load` sends the next message when everyone has this one
        }
        if exchange.sending && echoes > 0 { self.send(echoes, now, exchange) } else { Ok(()) }
    }

    fn inflate<'a>(
        &mut self,
        chunk: &'a mut Chunk<'_>,
        piece: &'a mut [u8],
    ) -> Result<Option<Chunk<'a>>, ProtocolError> {
        self.inflater.as_mut().map_or(Ok(None), |inflater| inflater.inflate(chunk, piece))
    }

    /// Compares a piece of an echo with the message sent, byte by byte.
    fn check(&mut self, chunk: &Chunk<'_>, now: u64, exchange: &mut Exchange) -> Result<(), Box<dyn Error>> {
        let sender = if exchange.broadcast { 0 } else { self.index };
        let end = self.offset + chunk.payload.len();
        let body = exchange.bodies.expected(sender, self.received);
        let right = body.get(self.offset..end).is_some_and(|part| part == &*chunk.payload);
        // With compression the last piece can be empty.
        let last_is_right = !chunk.last || end == body.len();
        let ends_in_time = self.inflater.is_some() || chunk.last == (end == body.len());
        if !right || chunk.kind != exchange.kind || !last_is_right || !ends_in_time {
            return Err(format!("the echo of message {} is wrong at byte {}", self.received, self.offset).into());
        }
        self.offset = end;
        if chunk.last {
            let sent_at = if exchange.broadcast {
                exchange.sent_at.get((self.received - exchange.whole) as usize).copied()
            } else {
                self.sent_at.pop_front()
            };
            let sent_at = sent_at.ok_or("an echo of nothing")?;
            exchange.latency.record(now.saturating_sub(sent_at))?;
            exchange.received += 1;
            exchange.in_flight -= 1;
            self.received += 1;
            self.offset = 0;
        }
        Ok(())
    }

    /// Sends this many messages with one write.
    fn send(&mut self, count: usize, now: u64, exchange: &mut Exchange) -> Result<(), Box<dyn Error>> {
        let Exchange { bodies, tx, .. } = exchange;
        let mut len = 0;
        for _ in 0..count {
            let (body, deflated) = bodies.sent(self.index, self.sent);
            let rsv = if deflated { RSV1 } else { Rsv::NONE };
            if deflated {
                let header = self.connection.begin_frame_with_rsv(exchange.kind, true, rsv, body.len() as u64)?;
                let start = len + header.as_bytes().len();
                tx[len..start].copy_from_slice(header.as_bytes());
                len = start + self.connection.copy_payload(body, &mut tx[start..])?.len();
            } else {
                len += self.connection.write_unvalidated(exchange.kind, body, &mut tx[len..])?.len();
            }
            self.sent_at.push_back(now);
            self.sent += 1;
        }
        exchange.in_flight += count;
        let tx = std::mem::take(&mut exchange.tx);
        let outcome = self.write(&tx[..len]);
        exchange.tx = tx;
        Ok(outcome?)
    }

    /// Sends the next messages of a broadcast to `receivers` connections, ours included.
    pub fn broadcast(&mut self, receivers: usize, exchange: &mut Exchange) -> Result<(), Box<dyn Error>> {
        let now = exchange.start.elapsed().as_nanos() as u64;
        exchange.whole = self.sent;
        self.send(exchange.pipeline, now, exchange)?;
        exchange.sent_at = std::mem::take(&mut self.sent_at);
        exchange.in_flight = receivers * exchange.pipeline;
        Ok(())
    }

    pub fn close(&mut self) -> Result<(), Box<dyn Error>> {
        let mut out = [0; MAX_CONTROL_FRAME];
        let len = self.connection.write_close(CloseCode::NORMAL, "", &mut out)?.len();
        Ok(self.write(&out[..len])?)
    }

    /// Writes as much as the socket accepts, and keeps the rest.
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.unsent.is_empty() && !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(len) => bytes = &bytes[len..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsent.extend_from_slice(bytes);
        Ok(())
    }
}

/// Does the opening handshake. With `deflate` the server must agree to compress.
fn handshake(stream: &mut dyn ReadWrite, uri: Uri<'_>, deflate: bool) -> Result<Opened, Box<dyn Error>> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)?;
    let mut offer = [0; 128];
    let extensions = if deflate { Parameters::offer(&[OFFER], &mut offer)? } else { "" };
    let config = ClientConfig { extensions, ..ClientConfig::DEFAULT };
    let mut handshake = ClientHandshake::new(&config, nonce, [0; 1024]);
    let mut buffer = [0; 1024];
    let len = handshake.request(&ClientRequest::new(uri), &mut buffer)?;
    stream.write_all(&buffer[..len])?;
    stream.flush()?;
    loop {
        let len = stream.read(&mut buffer)?;
        if len == 0 {
            handshake.receive_eof()?;
        }
        if let Progress::Complete { rest, .. } = handshake.receive(&mut buffer[..len])? {
            if !rest.is_empty() {
                return Err("the server speaks before it is asked".into());
            }
            break;
        }
    }
    let agreed = match handshake.response() {
        Some(response) if deflate => Parameters::agree(&[OFFER], response.extensions())?,
        _ => None,
    };
    if deflate && agreed.is_none() {
        return Err("the server declines compression".into());
    }
    let extension_rsv = if deflate { RSV1 } else { Rsv::NONE };
    Ok((handshake.connect(masking_key as Keys, &Config { extension_rsv, ..Config::DEFAULT })?, agreed))
}

/// A xorshift generator. The load sends its own payload to its own machine, so its keys must differ but need not be secret.
pub fn masking_key() -> [u8; 4] {
    thread_local!(static STATE: Cell<u32> = const { Cell::new(0x9E37_79B9) });
    let mut state = STATE.get();
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    STATE.set(state);
    state.to_ne_bytes()
}
