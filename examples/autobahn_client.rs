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

use barews::connection::{Config, Transport};
use barews::deadlines::Timeouts;
use barews::deflate::{Deflater, Inflater, Level, Parameters, RSV1};
use barews::handshake::{ClientConfig, ClientRequest, Uri};
use barews::session::{Event, Session};
use barews::wire::Rsv;

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
    let mut kept = Vec::new();

    let mut value = [0; 128];
    let config = ClientConfig { extensions: Parameters::offer(&OFFERS, &mut value)?, ..ClientConfig::DEFAULT };
    // The read timeout replaces the deadlines, so the time is always 0.
    let mut session = Session::client(&config, &ClientRequest::new(uri), random(), [0; 512], Timeouts::NEVER, 0)?;
    let mut codec = None;
    let (mut inflated, mut deflated) = (vec![0; 16 << 10], vec![0; 17 << 10]);
    let (mut rx, mut unread, mut tx) = (vec![0; 16 << 10], 0..0, [0; 512]);
    loop {
        while let len @ 1.. = session.poll_transmit(&mut tx) {
            socket.write_all(&tx[..len])?;
        }
        if session.transport() == Transport::HalfClose {
            let _gone = socket.shutdown(Shutdown::Write);
        }
        let received = session.receive(&mut rx[unread.clone()], 0);
        unread.start = unread.end - received.rest.len();
        match received.event {
            Some(Event::Response) => {
                let extensions = session.response().into_iter().flat_map(|response| response.extensions());
                let agreed = Parameters::agree(&OFFERS, extensions)?;
                let extension_rsv = if agreed.is_some() { RSV1 } else { Rsv::NONE };
                session.connect(random::<4>, &Config { extension_rsv, ..Config::DEFAULT })?;
                let Parameters { server, client } = agreed.unwrap_or_default();
                let inflater = Inflater::new(vec![0; server.window_size()], server, u64::MAX);
                let memory = vec![0; LEVEL.memory(client.window_size())];
                codec = Some((inflater, agreed.map(|_| Deflater::new(memory, LEVEL, client, 0))));
            }
            Some(Event::Data(mut chunk)) => {
                let Some((inflater, deflater)) = &mut codec else { continue };
                loop {
                    let piece = match inflater.inflate(&mut chunk, &mut inflated) {
                        Ok(Some(piece)) => piece,
                        Ok(None) => break,
                        Err(error) => {
                            session.fail(error);
                            break;
                        }
                    };
                    if !echo {
                        kept.extend_from_slice(piece.payload);
                        continue;
                    }
                    // RFC 7692 6.1: RSV1 on the first frame only [7692-6.1-3]
                    let rsv = if deflater.is_some() && piece.first { RSV1 } else { Rsv::NONE };
                    let payload = match deflater {
                        Some(deflater) => deflater.deflate_part(piece.payload, piece.last, &mut deflated)?,
                        None => piece.payload,
                    };
                    let connection = session.sender(0)?;
                    let header = connection.begin_frame_with_rsv(piece.kind, piece.last, rsv, payload.len() as u64)?;
                    connection.mask_payload(payload)?; // masks it in place
                    socket.write_all(header.as_bytes())?;
                    socket.write_all(payload)?;
                }
            }
            Some(Event::Over) => match session.error() {
                Some(error) if !session.is_open() => return Err(error.into()),
                _ => return Ok(kept), // the suite's report has the errors, which it provokes
            },
            Some(_) => {}
            None => {
                let len = socket.read(&mut rx).unwrap_or(0); // the suite ends some connections with a reset
                if len == 0 {
                    session.receive_eof(0);
                }
                unread = 0..len;
            }
        }
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}
