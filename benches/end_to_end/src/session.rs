//! One connection of the load: its messages in flight, and the check of their echoes.

use std::cell::Cell;
use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use barews::connection::{Chunk, Config, Event, MessageKind, Transport};
use barews::handshake::{ClientConfig, ClientHandshake, ClientRequest, Progress, Uri};
use barews::wire::{CloseCode, FrameHeader, MAX_CONTROL_FRAME};
use barews::{Client, Connection};
use hdrhistogram::Histogram;
use mio::net::TcpStream;

/// A message begins with the number of its connection (21 bits) and its own number in the connection (35 bits).
pub const MAX_CONNECTIONS: usize = 1 << 21;
const READ_SIZE: usize = 256 << 10;
const PATIENCE: Duration = Duration::from_secs(10);

type Keys = fn() -> [u8; 4];

/// What all connections share.
pub struct Exchange {
    kind: MessageKind,
    /// The payload of every message, except its first bytes, the [`stamp`].
    body: Vec<u8>,
    pipeline: usize,
    rx: Vec<u8>,
    /// Has space for all messages that a connection has in flight.
    tx: Vec<u8>,
    start: Instant,
    /// Echoes since the last reset, and their round trips in nanoseconds.
    pub received: u64,
    pub latency: Histogram<u64>,
    pub in_flight: usize,
    /// Whether an echo is followed by a new message.
    pub sending: bool,
}

impl Exchange {
    pub fn new(kind: MessageKind, size: usize, pipeline: usize) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            kind,
            body: (0..size).map(|index| b'!' + (index * 7 % 89) as u8).collect(),
            pipeline,
            rx: vec![0; READ_SIZE],
            tx: vec![0; pipeline * (size + FrameHeader::MAX_LEN)],
            start: Instant::now(),
            received: 0,
            latency: Histogram::new(3)?,
            in_flight: 0,
            sending: true,
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
    pub stream: TcpStream,
    pub readable: bool,
    /// The server has ended its side: reading continues to the end, without a further event.
    pub ended: bool,
    pub queued: bool,
    connection: Connection<Client<Keys>>,
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
    pub fn open(index: usize, uri: Uri<'_>, address: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut stream = std::net::TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)?;
        let mut handshake = ClientHandshake::new(&ClientConfig::DEFAULT, nonce, [0; 1024]);
        let mut buffer = [0; 1024];
        let len = handshake.request(&ClientRequest::new(uri), &mut buffer)?;
        stream.write_all(&buffer[..len])?;
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
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            readable: false,
            ended: false,
            queued: false,
            connection: handshake.connect(masking_key as Keys, &Config::DEFAULT)?,
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
                self.readable = len == rx.len() || self.ended; // fewer bytes than requested: the socket is empty
                self.receive(&mut rx[..len], exchange)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error.into()),
        };
        exchange.rx = rx;
        outcome?;
        match self.connection.transport() {
            Transport::Close => return Ok(Turn::Over),
            Transport::HalfClose => self.stream.shutdown(Shutdown::Write)?,
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
                Some(Event::Data(chunk)) => self.check(&chunk, now, exchange)?,
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
        if exchange.sending && echoes > 0 { self.send(echoes, now, exchange) } else { Ok(()) }
    }

    /// Compares a piece of an echo with the message sent, byte by byte.
    fn check(&mut self, chunk: &Chunk<'_>, now: u64, exchange: &mut Exchange) -> Result<(), Box<dyn Error>> {
        stamp(&mut exchange.body, self.index, self.received);
        let end = self.offset + chunk.payload.len();
        let right = exchange.body.get(self.offset..end).is_some_and(|part| part == &*chunk.payload);
        if !right || chunk.kind != exchange.kind || chunk.last != (end == exchange.body.len()) {
            return Err(format!("the echo of message {} is wrong at byte {}", self.received, self.offset).into());
        }
        self.offset = end;
        if chunk.last {
            let sent_at = self.sent_at.pop_front().ok_or("an echo of nothing")?;
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
        let mut len = 0;
        for _ in 0..count {
            stamp(&mut exchange.body, self.index, self.sent);
            len += self.connection.write_unvalidated(exchange.kind, &exchange.body, &mut exchange.tx[len..])?.len();
            self.sent_at.push_back(now);
            self.sent += 1;
        }
        exchange.in_flight += count;
        Ok(self.write(&exchange.tx[..len])?)
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

/// Writes the numbers of the connection and of the message into the first bytes, seven bits in each, so that they are text
/// too.
fn stamp(body: &mut [u8], index: u64, message: u64) {
    let number = message << 21 | index;
    for (place, byte) in body.iter_mut().take(8).enumerate() {
        *byte = (number >> (7 * place)) as u8 & 0x7F;
    }
}

/// A xorshift generator. The load sends its own payload to its own machine, so its keys must differ but need not be secret.
fn masking_key() -> [u8; 4] {
    thread_local!(static STATE: Cell<u32> = const { Cell::new(0x9E37_79B9) });
    let mut state = STATE.get();
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    STATE.set(state);
    state.to_ne_bytes()
}
