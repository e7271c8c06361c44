//! `blocking_echo` with permessage-deflate: whole messages, inflated and deflated in memory whose size depends on the
//! negotiated parameters.
//!
//!     cargo run --release --features deflate --example deflate_echo [ADDRESS [SERVER_BITS [CLIENT_BITS]]]
//!
//! ADDRESS is 127.0.0.1:9001 by default. SERVER_BITS and CLIENT_BITS, 8 to 15 (the default), limit the windows in which
//! the server deflates and inflates. With 8 to 10 for SERVER_BITS the server uses the small level, which fits a
//! microcontroller.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use barews::Server;
use barews::connection::{Chunk, Config, Transport};
use barews::deadlines::Timeouts;
use barews::deflate::{Deflater, Inflater, Level, MAX_RESPONSE, Parameters, RSV1};
use barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews::message::MessageBuffer;
use barews::session::{Error, Event, Session};
use barews::wire::Rsv;

/// An echo keeps no secrets, so pages of any origin can use it.
static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
/// The longest message, in bytes, compressed or not.
const MAX_MESSAGE: usize = 1 << 20;
/// Timeout for the peer to accept bytes.
const PATIENCE: Duration = Duration::from_secs(60);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() {
    if let Err(error) = listen() {
        eprintln!("deflate_echo: {error}");
        std::process::exit(1);
    }
}

fn listen() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9001".into());
    let mut limits = Parameters::DEFAULT;
    for direction in [&mut limits.server, &mut limits.client] {
        if let Some(bits) = arguments.next() {
            direction.window_bits = bits.parse().ok().filter(|bits| (8..=15).contains(bits)).ok_or("bits: 8 to 15")?;
        }
    }
    let listener = TcpListener::bind(address)?;
    println!("echoing at ws://{}/", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || serve(stream, limits).unwrap_or_else(|error| eprintln!("{error}")));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, limits: Parameters) -> Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut session = Session::server(&HANDSHAKE, [0; 1024], Timeouts::MILLISECONDS, 0);
    let ended = run(&mut session, &mut stream, limits);
    // An error of the session also explains why TCP fails later.
    session.error().map_or(ended, |error| Err(error.into()))
}

fn run(session: &mut Session<'_, Server, [u8; 1024]>, stream: &mut TcpStream, limits: Parameters) -> Result<()> {
    let (start, mut now) = (Instant::now(), 0);
    let (mut rx, mut unread, mut tx, mut codec) = ([0; 4096], 0..0, [0; 1024], None);
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
                    Some(request) => limits.accept(request.extensions(), &mut value)?,
                    None => None,
                };
                let (agreed, extensions) = agreed.unzip();
                let accept = Accept { extensions: extensions.unwrap_or(""), ..Accept::default() };
                let extension_rsv = if agreed.is_some() { RSV1 } else { Rsv::NONE };
                session.accept(&accept, &Config { extension_rsv, ..Config::DEFAULT })?;
                codec = Some(Codec::new(agreed));
            }
            Some(Event::Data(chunk)) => {
                if let Some(codec) = &mut codec {
                    codec.echo(chunk, session, now, stream)?;
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

/// Memory for the negotiated windows and for a message. Without the extension there is no window, and messages pass
/// unchanged.
struct Codec {
    inflater: Inflater<Vec<u8>>,
    deflater: Deflater<Vec<u8>>,
    messages: MessageBuffer<Vec<u8>>,
    piece: Vec<u8>,
    out: Vec<u8>,
}

impl Codec {
    fn new(agreed: Option<Parameters>) -> Self {
        let is_small = agreed.is_some_and(|agreed| agreed.server.window_bits <= 10);
        let level = if is_small { Level::SMALL } else { Level::LARGE };
        let (window, memory) =
            agreed.map_or((0, 0), |agreed| (agreed.client.window_size(), level.memory(agreed.server.window_size())));
        let Parameters { server, client } = agreed.unwrap_or_default();
        Self {
            inflater: Inflater::new(vec![0; window], client, MAX_MESSAGE as u64),
            deflater: Deflater::new(vec![0; memory], level, server, 32),
            messages: MessageBuffer::new(vec![0; MAX_MESSAGE]),
            piece: vec![0; 16 << 10],
            out: vec![0; MAX_MESSAGE],
        }
    }

    /// Echoes the message that ends with this chunk, if one does.
    fn echo(
        &mut self,
        mut chunk: Chunk<'_>,
        session: &mut Session<'_, Server, [u8; 1024]>,
        now: u64,
        stream: &mut TcpStream,
    ) -> Result<()> {
        loop {
            let message = match self.inflater.inflate(&mut chunk, &mut self.piece) {
                Ok(Some(piece)) => self.messages.push(piece),
                Ok(None) => return Ok(()),
                Err(error) => Err(error),
            };
            match message {
                Ok(Some(message)) => {
                    // RFC 7692 6.1: RSV1 on the first frame, here the only one [7692-6.1-3]
                    let (rsv, payload) = match self.deflater.deflate_message(message.payload, &mut self.out) {
                        Some(deflated) => (RSV1, deflated),
                        None => (Rsv::NONE, message.payload),
                    };
                    let connection = session.sender(now)?;
                    let header = connection.begin_frame_with_rsv(message.kind, true, rsv, payload.len() as u64)?;
                    connection.mask_payload(payload)?;
                    stream.write_all(header.as_bytes())?;
                    stream.write_all(payload)?;
                }
                Ok(None) => {}
                Err(error) => {
                    session.fail(error);
                    return Ok(());
                }
            }
        }
    }
}
