//! The smallest complete server: an echo on blocking sockets, a thread for each connection.
//!
//!     cargo run --release --example blocking_echo [ADDRESS]       (127.0.0.1:9001)

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use barews::HandshakeError;
use barews::connection::{Config, Event, State, Transport};
use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};
use barews::wire::MAX_CONTROL_FRAME;

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);
/// Timeout for the opening handshake.
const HANDSHAKING: Duration = Duration::from_secs(10);
/// Timeout for the peer to send or to accept bytes.
const SILENCE: Duration = Duration::from_secs(60);
/// Timeout for the peer's Close and for the end of the transport.
const CLOSING: Duration = Duration::from_secs(5);

fn main() {
    if let Err(error) = listen() {
        eprintln!("blocking_echo: {error}");
        std::process::exit(1);
    }
}

fn listen() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address)?;
    println!("echoing at ws://{}/", listener.local_addr()?);
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => drop(std::thread::spawn(|| serve(stream).unwrap_or_else(|error| eprintln!("{error}")))),
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> Result<(), Box<dyn Error>> {
    stream.set_write_timeout(Some(SILENCE))?;
    stream.set_nodelay(true)?; // the payload must not wait until the header is acknowledged
    let (mut rx, mut tx) = ([0; 4096], [0; 512]);

    // The opening handshake. Bytes that the client sent after it stay in `rx`, at `unread`.
    let end = Instant::now() + HANDSHAKING;
    let mut handshake = ServerHandshake::new(&HANDSHAKE, [0; 512]);
    let (mut connection, mut unread) = loop {
        let len = read(&mut stream, &mut rx, end)?;
        let refusal = match handshake.receive(&mut rx[..len]) {
            Ok(Progress::Partial) if len == 0 => return Ok(()),
            Ok(Progress::Partial) => continue,
            Ok(Progress::Complete { consumed, .. }) => {
                let unread = consumed..len;
                match handshake.accept(&Accept::default(), &Config::DEFAULT, &mut tx) {
                    Ok((len, connection)) => {
                        stream.write_all(&tx[..len])?;
                        break (connection, unread);
                    }
                    Err(_) => HandshakeError::Upgrade, // not an upgrade request
                }
            }
            Err(error) => error,
        };
        let len = handshake.refuse(refusal, &mut tx)?;
        return Ok(stream.write_all(&tx[..len])?);
    };

    // The connection.
    let mut closing = None;
    loop {
        let mut rest = &mut rx[unread];
        while let Ok(received) = connection.receive(rest) {
            rest = received.rest;
            let Some(event) = received.event else { break };
            if let Event::Data(chunk) = event {
                let header = connection.begin_frame(chunk.kind, chunk.last, chunk.payload.len() as u64)?;
                connection.mask_payload(chunk.payload)?;
                stream.write_all(header.as_bytes())?;
                stream.write_all(chunk.payload)?;
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
