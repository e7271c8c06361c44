//! `deflate_echo` with a zlib of the host's choice instead of the engine's inflater and deflater: zlib-rs through
//! flate2. No trait is needed: chunks report RSV1, `begin_frame_with_rsv` sets it, and `Parameters` negotiates.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin zlib_echo [ADDRESS]           (127.0.0.1:9001)
//!
//! Limit: a message with more than 64 blocks that have BFINAL is refused (1007), because zlib needs the window again
//! after each of them.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use barews::connection::{Chunk, Config, Event, MessageKind, State, Transport};
use barews::deflate::{MAX_RESPONSE, Parameters, RSV1};
use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};
use barews::wire::{MAX_CONTROL_FRAME, Rsv};
use barews::{HandshakeError, ProtocolError};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// An echo keeps no secrets, so pages of any origin can use it.
static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
/// The longest message, in bytes, compressed or not.
const MAX_MESSAGE: usize = 1 << 20;
/// Timeout for the opening handshake.
const HANDSHAKING: Duration = Duration::from_secs(10);
/// Timeout for the peer to send or to accept bytes.
const SILENCE: Duration = Duration::from_secs(60);
/// Timeout for the peer's Close and for the end of the transport.
const CLOSING: Duration = Duration::from_secs(5);
/// The end of an empty stored block, which a sender removes from each message (RFC 7692 sections 7.2.1 and 7.2.2).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
/// An empty block with BFINAL.
const FINAL: [u8; 2] = [0x03, 0x00];
const MAX_FINALS: u32 = 64;
/// The maximum number of earlier bytes that a message can refer to.
const WINDOW: usize = 1 << 15;

/// The compression state of a connection.
struct Zlib {
    agreed: Parameters,
    decompress: Decompress,
    /// `None` for a window of 8 bits, which zlib does not support: then messages are sent uncompressed.
    compress: Option<Compress>,
    /// The window, and from `start` the current message, with room for one byte more than the limit.
    message: Vec<u8>,
    start: usize,
    /// Whether the message is compressed.
    compressed: bool,
    /// The number of its blocks with BFINAL, and whether it can end here because such a block has ended.
    finals: u32,
    ended: bool,
    deflated: Vec<u8>,
}

impl Zlib {
    fn new(agreed: Parameters) -> Self {
        let bits = agreed.server.window_bits;
        Self {
            agreed,
            decompress: Decompress::new_with_window_bits(false, 15),
            compress: (bits > 8).then(|| Compress::new_with_window_bits(Compression::new(6), false, bits)),
            message: Vec::with_capacity(WINDOW + MAX_MESSAGE + 1),
            start: 0,
            compressed: false,
            finals: 0,
            ended: false,
            deflated: Vec::new(),
        }
    }

    /// Receives a chunk. Returns true when the message is complete.
    fn receive(&mut self, chunk: &Chunk<'_>) -> Result<bool, ProtocolError> {
        let rsv1 = chunk.rsv.contains(RSV1);
        if chunk.first {
            if !self.compressed {
                self.message.truncate(self.start); // uncompressed messages are not in the window (RFC 7692 7.2.3.2)
            }
            if rsv1 && self.agreed.client.no_context_takeover {
                self.message.clear();
                self.decompress.reset(false);
            }
            self.message.drain(..self.message.len().saturating_sub(WINDOW));
            self.start = self.message.len();
            (self.compressed, self.finals, self.ended) = (rsv1, 0, false);
        } else if rsv1 {
            return Err(ProtocolError::ReservedBits);
        }
        if !self.compressed {
            let room = self.message.capacity() - self.message.len();
            self.message.extend_from_slice(&chunk.payload[..chunk.payload.len().min(room)]);
        } else {
            self.inflate(chunk.payload)?;
        }
        if self.message.len() - self.start > MAX_MESSAGE {
            return Err(ProtocolError::MessageTooBig);
        }
        if chunk.last && self.compressed && !self.ended {
            self.end()?;
        }
        // The connection has validated uncompressed text.
        if chunk.last
            && self.compressed
            && chunk.kind == MessageKind::Text
            && std::str::from_utf8(&self.message[self.start..]).is_err()
        {
            return Err(ProtocolError::InvalidUtf8);
        }
        Ok(chunk.last)
    }

    /// Inflates into the room that is left for the message.
    fn inflate(&mut self, mut input: &[u8]) -> Result<(), ProtocolError> {
        while !input.is_empty() {
            let before = self.decompress.total_in();
            let status = self.decompress.decompress_vec(input, &mut self.message, FlushDecompress::Sync);
            let status = status.map_err(|_| ProtocolError::DeflateCode)?;
            input = &input[(self.decompress.total_in() - before) as usize..];
            self.ended = status == Status::StreamEnd;
            if self.ended {
                // RFC 7692 7.2.3.4: another block can follow, with the same window
                self.finals += 1;
                self.renew()?;
            } else if !input.is_empty() {
                return Err(ProtocolError::MessageTooBig);
            }
        }
        Ok(())
    }

    /// Checks that the message ends between two blocks. zlib does not report its position, but only there does a block
    /// with BFINAL end the stream.
    fn end(&mut self) -> Result<(), ProtocolError> {
        let len = self.message.len();
        self.inflate(&TAIL)?;
        let status = self.decompress.decompress_vec(&FINAL, &mut self.message, FlushDecompress::Sync);
        if !matches!(status, Ok(Status::StreamEnd)) || self.message.len() > len {
            return Err(ProtocolError::DeflateTruncated);
        }
        self.renew()
    }

    /// Begins a new zlib stream with the window of the last one.
    fn renew(&mut self) -> Result<(), ProtocolError> {
        if self.finals > MAX_FINALS {
            return Err(ProtocolError::DeflateCode);
        }
        self.decompress.reset(false);
        let window = &self.message[self.message.len().saturating_sub(WINDOW)..];
        self.decompress.set_dictionary(window).map_err(|_| ProtocolError::DeflateCode).map(drop)
    }

    /// Returns the reserved bits and the payload of the answer to the last message.
    fn answer(&mut self) -> (Rsv, &mut [u8]) {
        let message = &mut self.message[self.start..];
        if message.len() >= 32
            && let Some(compress) = &mut self.compress
        {
            if self.agreed.server.no_context_takeover {
                compress.reset();
            }
            self.deflated.clear();
            self.deflated.reserve(message.len() + message.len() / 8 + 64);
            let done = compress.compress_vec(message, &mut self.deflated, FlushCompress::Sync);
            if done.is_ok() && self.deflated.ends_with(&TAIL) {
                self.deflated.truncate(self.deflated.len() - TAIL.len());
                return (RSV1, &mut self.deflated);
            }
            self.compress = None; // its window now differs from the client's
        }
        (Rsv::NONE, message)
    }
}

fn main() {
    if let Err(error) = listen() {
        eprintln!("zlib_echo: {error}");
        std::process::exit(1);
    }
}

fn listen() -> Result<(), Box<dyn Error>> {
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
    stream.set_write_timeout(Some(SILENCE))?;
    stream.set_nodelay(true)?;
    let (mut rx, mut tx) = ([0; 4096], [0; 1024]);

    // The opening handshake. Bytes that the client sent after it stay in `rx`, at `unread`.
    let end = Instant::now() + HANDSHAKING;
    let mut handshake = ServerHandshake::new(&HANDSHAKE, [0; 1024]);
    let (mut connection, agreed, mut unread) = loop {
        let len = read(&mut stream, &mut rx, end)?;
        let refusal = match handshake.receive(&mut rx[..len]) {
            Ok(Progress::Partial) if len == 0 => return Ok(()),
            Ok(Progress::Partial) => continue,
            Ok(Progress::Complete { consumed, .. }) => {
                let unread = consumed..len;
                let mut value = [0; MAX_RESPONSE];
                let agreed = match handshake.request() {
                    Some(request) => Parameters::DEFAULT.accept(request.extensions(), &mut value)?,
                    None => None,
                };
                let (agreed, extensions) = agreed.unzip();
                let accept = Accept { extensions: extensions.unwrap_or(""), ..Accept::default() };
                let config =
                    Config { extension_rsv: if agreed.is_some() { RSV1 } else { Rsv::NONE }, ..Config::DEFAULT };
                match handshake.accept(&accept, &config, &mut tx) {
                    Ok((len, connection)) => {
                        stream.write_all(&tx[..len])?;
                        break (connection, agreed, unread);
                    }
                    Err(_) => HandshakeError::Upgrade, // not an upgrade request
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
    let mut closing = None;
    loop {
        let mut rest = &mut rx[unread];
        while let Ok(received) = connection.receive(rest) {
            rest = received.rest;
            let Some(event) = received.event else { break };
            if let Event::Data(chunk) = event {
                match zlib.receive(&chunk) {
                    Ok(true) => {
                        let (rsv, payload) = zlib.answer();
                        let header = connection.begin_frame_with_rsv(chunk.kind, true, rsv, payload.len() as u64)?;
                        connection.mask_payload(payload)?;
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
            Transport::Close => return connection.error().map_or(Ok(()), |error| Err(error.into())),
        }
        let end = match connection.state() {
            State::Open => Instant::now() + SILENCE,
            _ => *closing.get_or_insert_with(|| Instant::now() + CLOSING),
        };
        // An error before the end explains it.
        let cause = |end: io::Error| connection.error().map_or(end.into(), Box::<dyn Error>::from);
        let len = read(&mut stream, &mut rx, end).map_err(cause)?;
        if len == 0 {
            let _ = connection.receive_eof();
        }
        unread = 0..len;
    }
}

/// Reads; fails with `TimedOut` if `end` passes.
fn read(stream: &mut TcpStream, rx: &mut [u8], end: Instant) -> io::Result<usize> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into()); // even if bytes keep arriving
    }
    stream.set_read_timeout(Some(left))?;
    stream.read(rx)
}
