//! `deflate_echo` with a zlib of the host's choice instead of the engine's inflater and deflater: zlib-rs through
//! flate2. No trait is needed: chunks report RSV1, `begin_frame_with_rsv` sets it, and `Parameters` negotiates.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin zlib_echo [ADDRESS]           (127.0.0.1:9001)
//!
//! Limit: a message with more than 64 blocks that have BFINAL is refused (1007), because zlib needs the window again
//! after each of them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use barews::connection::{Chunk, Config, MessageKind, Transport};
use barews::deadlines::Timeouts;
use barews::deflate::{MAX_RESPONSE, Parameters, RSV1};
use barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews::session::{Error, Event, Session};
use barews::wire::Rsv;
use barews::{ProtocolError, Server};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// An echo keeps no secrets, so pages of any origin can use it.
static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
/// The longest message, in bytes, compressed or not.
const MAX_MESSAGE: usize = 1 << 20;
/// Timeout for the peer to accept bytes.
const PATIENCE: Duration = Duration::from_secs(60);
/// The end of an empty stored block, which a sender removes from each message (RFC 7692 sections 7.2.1 and 7.2.2).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
/// An empty block with BFINAL.
const FINAL: [u8; 2] = [0x03, 0x00];
const MAX_FINALS: u32 = 64;
/// The maximum number of earlier bytes that a message can refer to.
const WINDOW: usize = 1 << 15;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The compression state of a connection.
struct Zlib {
    agreed: Parameters,
    decompress: Decompress,
    /// `None` without the extension, and for a window of 8 bits, which zlib does not support: then messages are sent
    /// uncompressed.
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
    fn new(agreed: Option<Parameters>) -> Self {
        let bits = agreed.map_or(0, |agreed| agreed.server.window_bits);
        Self {
            agreed: agreed.unwrap_or_default(),
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
    fn receive(&mut self, chunk: &Chunk<'_>) -> std::result::Result<bool, ProtocolError> {
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
    fn inflate(&mut self, mut input: &[u8]) -> std::result::Result<(), ProtocolError> {
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
    fn end(&mut self) -> std::result::Result<(), ProtocolError> {
        let len = self.message.len();
        self.inflate(&TAIL)?;
        let status = self.decompress.decompress_vec(&FINAL, &mut self.message, FlushDecompress::Sync);
        if !matches!(status, Ok(Status::StreamEnd)) || self.message.len() > len {
            return Err(ProtocolError::DeflateTruncated);
        }
        self.renew()
    }

    /// Begins a new zlib stream with the window of the last one.
    fn renew(&mut self) -> std::result::Result<(), ProtocolError> {
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

fn listen() -> Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address)?;
    println!("echoing at ws://{}/", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || serve(stream).unwrap_or_else(|error| eprintln!("{error}")));
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut session = Session::server(&HANDSHAKE, [0; 1024], Timeouts::MILLISECONDS, 0);
    let ended = run(&mut session, &mut stream);
    // An error of the session also explains why TCP fails later.
    session.error().map_or(ended, |error| Err(error.into()))
}

fn run(session: &mut Session<'_, Server, [u8; 1024]>, stream: &mut TcpStream) -> Result<()> {
    let (start, mut now) = (Instant::now(), 0);
    let (mut rx, mut unread, mut tx, mut zlib) = ([0; 4096], 0..0, [0; 1024], None);
    loop {
        while let len @ 1.. = session.poll_transmit(&mut tx) {
            stream.write_all(&tx[..len])?;
        }
        if session.transport() == Transport::HalfClose {
            let _gone = stream.shutdown(Shutdown::Write);
        }
        let received = session.receive(&mut rx[unread.clone()], now);
        unread.start = unread.end - received.rest.len();
        match received.event {
            Some(Event::Request) => {
                let mut value = [0; MAX_RESPONSE];
                let agreed = match session.request() {
                    Some(request) => Parameters::DEFAULT.accept(request.extensions(), &mut value)?,
                    None => None,
                };
                let (agreed, extensions) = agreed.unzip();
                let accept = Accept { extensions: extensions.unwrap_or(""), ..Accept::default() };
                let extension_rsv = if agreed.is_some() { RSV1 } else { Rsv::NONE };
                session.accept(&accept, &Config { extension_rsv, ..Config::DEFAULT })?;
                zlib = Some(Zlib::new(agreed));
            }
            Some(Event::Data(chunk)) => {
                let Some(zlib) = &mut zlib else { continue };
                match zlib.receive(&chunk) {
                    Ok(true) => {
                        let (rsv, payload) = zlib.answer();
                        let connection = session.sender(now)?;
                        let header = connection.begin_frame_with_rsv(chunk.kind, true, rsv, payload.len() as u64)?;
                        connection.mask_payload(payload)?;
                        stream.write_all(header.as_bytes())?;
                        stream.write_all(payload)?;
                    }
                    Ok(false) => {}
                    Err(error) => session.fail(error),
                }
            }
            Some(Event::Over | Event::Failed(Error::Timeout(_))) => return Ok(()), // a late peer gets no more time
            Some(_) => {}
            None => {
                let due = Duration::from_millis(session.poll_timeout().unwrap_or(u64::MAX));
                stream.set_read_timeout(Some(due.saturating_sub(start.elapsed()).max(Duration::from_millis(1))))?;
                match stream.read(&mut rx) {
                    Ok(0) => session.receive_eof(now),
                    Ok(len) => unread = 0..len,
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue, // read before the clock
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    Err(error) => return Err(error.into()),
                }
                now = start.elapsed().as_millis() as u64;
            }
        }
    }
}
