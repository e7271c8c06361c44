//! `deflate_echo` with a zlib of the host's choice in place of the engine's own inflater and deflater, here zlib-rs
//! through flate2. No trait is needed for that: chunks tell RSV1, frames are sent with it, and `Parameters` agrees.
//!
//! flate2 does not tell whether a message ends where a block does. One that was cut short is found by what the end of a
//! block, which comes behind every message, turns into; not all are. The engine's own inflater finds them all.
//!
//!     cargo run --release --features deflate --example zlib_echo [ADDRESS]
//!
//! The address is 127.0.0.1:9001 if none is given.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use barews::connection::{Chunk, Config, Event, MessageKind, State, Transport};
use barews::deflate::{MAX_RESPONSE, Parameters, RSV1};
use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};
use barews::wire::MAX_CONTROL_FRAME;
use barews::{HandshakeError, ProtocolError};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// An echo keeps no secrets: pages of any origin may use it.
static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
/// The longest message, in bytes, compressed or not.
const MAX_MESSAGE: usize = 1 << 20;
/// The end of an empty stored block, which no message brings along (RFC 7692 sections 7.2.1 and 7.2.2).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// What zlib needs for a connection.
struct Zlib {
    agreed: Parameters,
    decompress: Decompress,
    /// None for a window of 8 bits, which zlib does not have: then messages are sent as they are.
    compress: Option<Compress>,
    /// The message under way, with room for one byte too many, and whether it came compressed.
    message: Vec<u8>,
    compressed: bool,
    /// Some byte of it came.
    any: bool,
    deflated: Vec<u8>,
}

impl Zlib {
    fn new(agreed: Parameters) -> Self {
        let bits = agreed.server.window_bits;
        Self {
            agreed,
            decompress: Decompress::new_with_window_bits(false, 15),
            compress: (bits > 8).then(|| Compress::new_with_window_bits(Compression::new(6), false, bits)),
            message: Vec::with_capacity(MAX_MESSAGE + 1),
            compressed: false,
            any: false,
            deflated: Vec::new(),
        }
    }

    /// Takes a chunk. True when the message is complete.
    fn receive(&mut self, chunk: &Chunk<'_>) -> Result<bool, ProtocolError> {
        let rsv1 = chunk.rsv & RSV1 != 0;
        if chunk.first {
            self.message.clear();
            (self.compressed, self.any) = (rsv1, false);
            if rsv1 && self.agreed.client.no_context_takeover {
                self.decompress.reset(false);
            }
        } else if rsv1 {
            return Err(ProtocolError::ReservedBits);
        }
        if self.compressed {
            self.any |= !chunk.payload.is_empty();
            self.inflate(chunk.payload)?;
            if chunk.last {
                let len = self.message.len();
                self.inflate(&TAIL)?;
                // RFC 7692 7.2.3.6: what is empty is compressed to a byte. The end of a block says nothing more.
                if !self.any || (self.message.len() != len && len <= MAX_MESSAGE) {
                    return Err(ProtocolError::DeflateTruncated);
                }
            }
        } else {
            let room = self.message.capacity() - self.message.len();
            self.message.extend_from_slice(&chunk.payload[..chunk.payload.len().min(room)]);
        }
        if self.message.len() > MAX_MESSAGE {
            return Err(ProtocolError::MessageTooBig);
        }
        // What came as it is was checked by the connection.
        if chunk.last
            && self.compressed
            && chunk.kind == MessageKind::Text
            && std::str::from_utf8(&self.message).is_err()
        {
            return Err(ProtocolError::InvalidUtf8);
        }
        Ok(chunk.last)
    }

    /// Inflates into what room the message has.
    fn inflate(&mut self, mut input: &[u8]) -> Result<(), ProtocolError> {
        while !input.is_empty() && self.message.len() <= MAX_MESSAGE {
            let before = self.decompress.total_in();
            let status = self.decompress.decompress_vec(input, &mut self.message, FlushDecompress::Sync);
            let taken = (self.decompress.total_in() - before) as usize;
            input = &input[taken..];
            match status {
                Ok(Status::StreamEnd) => self.decompress.reset(false), // RFC 7692 7.2.3.4: a block with BFINAL
                Ok(_) if taken > 0 => {}
                _ => return Err(ProtocolError::DeflateCode),
            }
        }
        Ok(())
    }

    /// What to send in place of the message that was received last: its reserved bits, and its payload.
    fn answer(&mut self) -> (u8, &mut [u8]) {
        if self.message.len() >= 32
            && let Some(compress) = &mut self.compress
        {
            if self.agreed.server.no_context_takeover {
                compress.reset();
            }
            self.deflated.clear();
            self.deflated.reserve(self.message.len() + self.message.len() / 8 + 64);
            let done = compress.compress_vec(&self.message, &mut self.deflated, FlushCompress::Sync);
            if done.is_ok() && self.deflated.ends_with(&TAIL) {
                self.deflated.truncate(self.deflated.len() - TAIL.len());
                return (RSV1, &mut self.deflated);
            }
            self.compress = None; // its window is no longer the client's
        }
        (0, &mut self.message)
    }
}
/// How long the opening handshake may take, silence, and what the peer does when the connection closes.
const OPENING: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(60);
const CLOSING: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address)?;
    println!("echoing at ws://{}/", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || serve(stream).unwrap_or_else(|error| eprintln!("{error}")));
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> Result<(), Box<dyn Error>> {
    stream.set_write_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let (mut rx, mut tx) = ([0; 4096], [0; 1024]);

    // The opening handshake. What the client sent behind it stays in `rx`, at `unread`.
    let mut handshake = ServerHandshake::new(&HANDSHAKE, [0; 1024]);
    let end = Instant::now() + OPENING;
    let (mut connection, agreed, mut unread) = loop {
        let len = read(&mut stream, &mut rx, end)?;
        let refusal = match handshake.receive(&mut rx[..len]) {
            Ok(Progress::Partial) if len == 0 => return Ok(()),
            Ok(Progress::Partial) => continue,
            Ok(Progress::Complete { rest }) => {
                let unread = len - rest.len()..len;
                let mut value = [0; MAX_RESPONSE];
                let agreed = match handshake.request() {
                    Some(request) => Parameters::DEFAULT.accept(request.extensions(), &mut value)?,
                    None => None,
                };
                let (agreed, extensions) = agreed.unzip();
                let accept = Accept { extensions: extensions.unwrap_or(""), ..Accept::default() };
                let config = Config { extension_rsv: if agreed.is_some() { RSV1 } else { 0 }, ..Config::DEFAULT };
                match handshake.accept(&accept, &config, &mut tx) {
                    Ok((len, connection)) => {
                        stream.write_all(&tx[..len])?;
                        break (connection, agreed, unread);
                    }
                    Err(_) => HandshakeError::Upgrade, // a plain request
                }
            }
            Err(error) => error,
        };
        let len = handshake.refuse(refusal, &mut tx)?;
        return Ok(stream.write_all(&tx[..len])?);
    };
    let mut zlib = Zlib::new(agreed.unwrap_or_default());
    if agreed.is_none() {
        zlib.compress = None;
    }

    // The connection.
    let mut end = Instant::now();
    loop {
        let was_open = connection.state() == State::Open;
        let mut rest = &mut rx[unread];
        while let Ok(received) = connection.receive(rest) {
            rest = received.rest;
            let Some(event) = received.event else { break };
            if let Event::Data(chunk) = event {
                match zlib.receive(&chunk) {
                    Ok(true) => {
                        let (rsv, payload) = zlib.answer();
                        let header = connection.frame_with_rsv(chunk.kind, true, rsv, payload.len() as u64)?;
                        connection.payload(payload)?;
                        stream.write_all(header.as_bytes())?;
                        stream.write_all(payload)?;
                    }
                    Ok(false) => {}
                    Err(error) => connection.fail(error),
                }
            }
            while let len @ 1.. = connection.poll_transmit(&mut tx[..MAX_CONTROL_FRAME]) {
                stream.write_all(&tx[..len])?; // a Pong, or the Close that answers a Close
            }
        }
        while let len @ 1.. = connection.poll_transmit(&mut tx[..MAX_CONTROL_FRAME]) {
            stream.write_all(&tx[..len])?; // the Close that answers an error
        }
        match connection.transport() {
            Transport::Keep | Transport::AwaitEof => {}
            Transport::HalfClose => drop(stream.shutdown(Shutdown::Write)),
            Transport::Close => return Ok(()),
        }
        if was_open {
            end = Instant::now() + if connection.state() == State::Open { IDLE } else { CLOSING };
        }
        let len = read(&mut stream, &mut rx, end)?;
        if len == 0 {
            let _ = connection.receive_eof();
        }
        unread = 0..len;
    }
}

/// Reads until that time, which no dribble of bytes prolongs.
fn read(stream: &mut TcpStream, rx: &mut [u8], end: Instant) -> io::Result<usize> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    stream.read(rx)
}
