//! A client for the Autobahn TestSuite, which is the server here: it echoes the messages of every case of the suite.
//!
//!     cargo run --release --features deflate --example autobahn_client -- ws://127.0.0.1:PORT
//!
//! `suites/autobahn/run client` starts both. The client echoes each piece of a message as it arrives, as a fragment of
//! the answer, so messages can be longer than the buffer. It offers permessage-deflate; if the suite accepts, it
//! deflates each fragment by itself.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use barews::connection::{Config, Event, Transport};
use barews::deflate::{Deflater, Inflater, Level, Parameters, RSV1};
use barews::handshake::{ClientConfig, ClientHandshake, ClientRequest, Progress, Uri};
use barews::wire::{MAX_CONTROL_FRAME, Rsv};

/// The largest windows, with context takeover.
const OFFERS: [Parameters; 1] = [Parameters::DEFAULT];
const LEVEL: Level = Level::LARGE;

fn main() {
    if let Err(error) = run() {
        eprintln!("autobahn_client: {error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let suite = std::env::args().nth(1).ok_or("usage: autobahn_client ws://127.0.0.1:PORT")?;
    let count: u32 = String::from_utf8(talk(&format!("{suite}/getCaseCount"), false)?)?.parse()?;
    for case in 1..=count {
        if let Err(error) = talk(&format!("{suite}/runCase?case={case}&agent=barews"), true) {
            eprintln!("case {case}: {error}"); // the suite records the result; go on with the next case
        }
    }
    talk(&format!("{suite}/updateReports?agent=barews"), false)?;
    Ok(())
}

/// Runs one connection from its opening handshake to its end. Echoes all messages or, without `echo`, returns their
/// payload.
fn talk(uri: &str, echo: bool) -> Result<Vec<u8>, Box<dyn Error>> {
    let uri = Uri::parse(uri)?;
    let mut socket = TcpStream::connect((uri.host(), uri.port()))?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(60)))?;
    let (mut rx, mut tx) = (vec![0; 16 << 10], [0; 1024]);
    let mut kept = Vec::new();

    // The opening handshake. Bytes that the server sent after it stay in `rx`, at `unread`.
    let mut value = [0; 128];
    let extensions = Parameters::offer(&OFFERS, &mut value)?;
    let config = ClientConfig { extensions, ..ClientConfig::DEFAULT };
    let mut handshake = ClientHandshake::new(&config, random(), [0; 512]);
    let len = handshake.request(&ClientRequest::new(uri), &mut tx)?;
    socket.write_all(&tx[..len])?;
    let (mut connection, agreed, mut unread) = loop {
        let len = socket.read(&mut rx)?;
        if len == 0 {
            handshake.receive_eof()?;
        }
        if let Progress::Complete { consumed, .. } = handshake.receive(&mut rx[..len])? {
            let unread = consumed..len;
            let extensions = handshake.response().into_iter().flat_map(|response| response.extensions());
            let agreed = Parameters::agree(&OFFERS, extensions)?;
            let config = Config { extension_rsv: if agreed.is_some() { RSV1 } else { Rsv::NONE }, ..Config::DEFAULT };
            break (handshake.connect(random::<4>, &config)?, agreed, unread);
        }
    };

    let Parameters { server, client } = agreed.unwrap_or_default();
    let mut inflater = Inflater::new(vec![0; server.window_size()], server, u64::MAX);
    let mut deflater = Deflater::new(vec![0; LEVEL.memory(client.window_size())], LEVEL, client, 0);
    let (mut inflated, mut deflated) = (vec![0; 16 << 10], vec![0; 17 << 10]);

    // The connection.
    loop {
        let mut rest = &mut rx[unread];
        while let Ok(received) = connection.receive(rest) {
            rest = received.rest;
            match received.event {
                Some(Event::Data(mut chunk)) => loop {
                    let piece = match inflater.inflate(&mut chunk, &mut inflated) {
                        Ok(Some(piece)) => piece,
                        Ok(None) => break,
                        Err(error) => {
                            connection.fail(error);
                            break;
                        }
                    };
                    if !echo {
                        kept.extend_from_slice(piece.payload);
                        continue;
                    }
                    let payload = match agreed {
                        Some(_) => deflater.deflate_part(piece.payload, piece.last, &mut deflated)?,
                        None => piece.payload,
                    };
                    // RFC 7692 6.1: RSV1 on the first frame only [7692-6.1-3]
                    let rsv = if agreed.is_some() && piece.first { RSV1 } else { Rsv::NONE };
                    let header = connection.begin_frame_with_rsv(piece.kind, piece.last, rsv, payload.len() as u64)?;
                    connection.mask_payload(payload)?; // masks it in place
                    socket.write_all(header.as_bytes())?;
                    socket.write_all(payload)?;
                },
                Some(_) => {}
                None => break,
            }
            while let len @ 1.. = connection.poll_transmit(&mut tx[..MAX_CONTROL_FRAME]) {
                socket.write_all(&tx[..len])?; // a Pong, or the Close that answers a Close
            }
        }
        while let len @ 1.. = connection.poll_transmit(&mut tx[..MAX_CONTROL_FRAME]) {
            socket.write_all(&tx[..len])?; // the Close that answers an error
        }
        match connection.transport() {
            Transport::Keep | Transport::AwaitEof => {}
            Transport::HalfClose => drop(socket.shutdown(Shutdown::Write)),
            Transport::Close => return Ok(kept), // the suite's report has the errors, which it provokes
        }
        let len = socket.read(&mut rx).unwrap_or(0); // the suite ends some connections with a reset
        if len == 0 {
            let _ = connection.receive_eof();
        }
        unread = 0..len;
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}
