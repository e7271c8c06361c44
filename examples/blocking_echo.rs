//! The smallest complete server: an echo on blocking sockets, a thread for each connection.
//!
//!     cargo run --release --example blocking_echo [ADDRESS]       (127.0.0.1:9001)

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use barews::HandshakeError;
use barews::connection::{Config, Transport};
use barews::deadlines::Timeouts;
use barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews::session::{Event, Session};

static SERVER: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);

fn main() {
    listen().unwrap_or_else(|error| {
        eprintln!("blocking_echo: {error}");
        std::process::exit(1);
    });
}

fn listen() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into()))?;
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
    let (start, mut now) = (Instant::now(), 0); // in milliseconds
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    let mut session = Session::server(&SERVER, [0; 512], Timeouts::MILLISECONDS, now);
    let (mut rx, mut unread, mut tx) = ([0; 4096], 0..0, [0; 512]);
    loop {
        while let len @ 1.. = session.poll_transmit(&mut tx) {
            stream.write_all(&tx[..len])?;
        }
        match session.transport() {
            Transport::Keep | Transport::AwaitEof => {}
            Transport::HalfClose => drop(stream.shutdown(Shutdown::Write)),
            Transport::Close => return Ok(()),
        }
        let received = session.receive(&mut rx[unread.clone()], now);
        unread.start = unread.end - received.rest.len();
        match received.event {
            Some(Event::Request) => {
                if session.accept(&Accept::default(), &Config::DEFAULT).is_err() {
                    session.refuse(HandshakeError::Upgrade)?; // a request for a page
                }
            }
            Some(Event::Data(chunk)) => {
                let connection = session.sender(now)?;
                let header = connection.begin_frame(chunk.kind, chunk.last, chunk.payload.len() as u64)?;
                connection.mask_payload(chunk.payload)?;
                stream.write_all(header.as_bytes())?;
                stream.write_all(chunk.payload)?;
            }
            Some(Event::Failed(error)) => eprintln!("{error}"),
            Some(_) => {}
            None => {
                let due = session.poll_timeout().map(|due| Duration::from_millis(due.saturating_sub(now).max(1)));
                stream.set_read_timeout(due)?;
                let len = match stream.read(&mut rx) {
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
                    len => Some(len?),
                };
                now = start.elapsed().as_millis() as u64;
                if len == Some(0) {
                    session.receive_eof(now);
                }
                unread = 0..len.unwrap_or(0);
            }
        }
    }
}
