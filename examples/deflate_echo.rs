//! `blocking_echo` with permessage-deflate: whole messages, inflated and deflated in memory whose size depends on the
//! negotiated parameters.
//!
//!     cargo run --release --features deflate --example deflate_echo [ADDRESS [SERVER_BITS [CLIENT_BITS]]]
//!
//! ADDRESS is 127.0.0.1:9001 by default. SERVER_BITS and CLIENT_BITS, 8 to 15 (the default), limit the windows in which
//! the server deflates and inflates. With 8 to 10 for SERVER_BITS the server uses the small level, which fits a
//! microcontroller.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use barews::HandshakeError;
use barews::connection::{Config, Event, State, Transport};
use barews::deflate::{Deflater, Inflater, Level, MAX_RESPONSE, Parameters, RSV1};
use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};
use barews::message::MessageBuffer;
use barews::wire::{MAX_CONTROL_FRAME, Rsv};

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

fn main() {
    if let Err(error) = listen() {
        eprintln!("deflate_echo: {error}");
        std::process::exit(1);
    }
}

fn listen() -> Result<(), Box<dyn Error>> {
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

fn serve(mut stream: TcpStream, limits: Parameters) -> Result<(), Box<dyn Error>> {
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
                    Some(request) => limits.accept(request.extensions(), &mut value)?,
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

    // Memory for the negotiated windows. Without the extension it is none, and messages pass unchanged.
    let level = if agreed.is_some_and(|agreed| agreed.server.window_bits <= 10) { Level::SMALL } else { Level::LARGE };
    let (window, memory) =
        agreed.map_or((0, 0), |agreed| (agreed.client.window_size(), level.memory(agreed.server.window_size())));
    let Parameters { server, client } = agreed.unwrap_or_default();
    let mut inflater = Inflater::new(vec![0; window], client, MAX_MESSAGE as u64);
    let mut deflater = Deflater::new(vec![0; memory], level, server, 32);
    let mut messages = MessageBuffer::new(vec![0; MAX_MESSAGE]);
    let (mut piece, mut out) = (vec![0; 16 << 10], vec![0; MAX_MESSAGE]);

    // The connection.
    let mut closing = None;
    loop {
        let mut rest = &mut rx[unread];
        while let Ok(received) = connection.receive(rest) {
            rest = received.rest;
            let Some(event) = received.event else { break };
            if let Event::Data(mut chunk) = event {
                let failed = loop {
                    let message = match inflater.inflate(&mut chunk, &mut piece) {
                        Ok(Some(piece)) => messages.push(piece),
                        Ok(None) => break None,
                        Err(error) => break Some(error),
                    };
                    let message = match message {
                        Ok(Some(message)) => message,
                        Ok(None) => continue,
                        Err(error) => break Some(error),
                    };
                    // RFC 7692 6.1: RSV1 on the first frame, here the only one [7692-6.1-3]
                    let (rsv, payload) = match deflater.deflate_message(message.payload, &mut out) {
                        Some(deflated) => (RSV1, deflated),
                        None => (Rsv::NONE, message.payload),
                    };
                    let header = connection.begin_frame_with_rsv(message.kind, true, rsv, payload.len() as u64)?;
                    connection.mask_payload(payload)?;
                    stream.write_all(header.as_bytes())?;
                    stream.write_all(payload)?;
                };
                if let Some(error) = failed {
                    connection.fail(error);
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
