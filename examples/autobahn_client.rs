//! The client for the Autobahn TestSuite in the server's role: it echoes the messages of every case that the suite has.
//!
//!     cargo run --release --example autobahn_client -- ws://127.0.0.1:PORT
//!
//! `tests/autobahn/run client` starts both. A piece of a message is echoed as it arrives, as a fragment of the message
//! that goes back, so messages may be longer than the buffer.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use barews::connection::{Config, Event, Transport};
use barews::handshake::{ClientConfig, ClientHandshake, Progress, Uri};
use barews::wire::MAX_CONTROL_FRAME;

fn main() -> Result<(), Box<dyn Error>> {
    let suite = std::env::args().nth(1).ok_or("usage: autobahn_client ws://127.0.0.1:PORT")?;
    let count: u32 = String::from_utf8(talk(&format!("{suite}/getCaseCount"), false)?)?.parse()?;
    for case in 1..=count {
        if let Err(error) = talk(&format!("{suite}/runCase?case={case}&agent=barews"), true) {
            eprintln!("case {case}: {error}"); // the suite judges, and it has more cases
        }
    }
    talk(&format!("{suite}/updateReports?agent=barews"), false)?;
    Ok(())
}

/// One connection from its opening handshake to its end. Echoes all messages, or else returns their payload.
fn talk(uri: &str, echo: bool) -> Result<Vec<u8>, Box<dyn Error>> {
    let uri = Uri::parse(uri)?;
    let mut socket = TcpStream::connect((uri.host(), uri.port()))?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(60)))?;
    let (mut rx, mut tx) = (vec![0; 16 << 10], [0; 512]);
    let mut kept = Vec::new();

    // The opening handshake. What the server sent behind it stays in `rx`, at `unread`.
    let config = ClientConfig::new(uri);
    let mut handshake = ClientHandshake::new(&config, random(), [0; 512]);
    let len = handshake.request(&mut tx)?;
    socket.write_all(&tx[..len])?;
    let (mut connection, mut unread) = loop {
        let len = socket.read(&mut rx)?;
        if len == 0 {
            handshake.receive_eof()?;
        }
        if let Progress::Complete { rest } = handshake.receive(&mut rx[..len])? {
            let unread = len - rest.len()..len;
            break (handshake.connect(random::<4>, &Config::DEFAULT)?, unread);
        }
    };

    // The connection.
    loop {
        let mut rest = &mut rx[unread];
        while let Ok(received) = connection.receive(rest) {
            rest = received.rest;
            match received.event {
                Some(Event::Data(chunk)) if echo => {
                    let header = connection.frame(chunk.kind, chunk.last, chunk.payload.len() as u64)?;
                    connection.payload(chunk.payload)?; // masks it where it lies
                    socket.write_all(header.as_bytes())?;
                    socket.write_all(chunk.payload)?;
                }
                Some(Event::Data(chunk)) => kept.extend_from_slice(chunk.payload),
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
            Transport::Close => return Ok(kept),
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
