//! The smallest complete server: an echo on blocking sockets, a thread for each connection.
//!
//!     cargo run --release --example blocking_echo [ADDRESS]       (127.0.0.1:9001)

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::{error::Error, time::Duration, time::Instant};

use barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews::{connection::Config, connection::Transport, deadlines::Timeouts, session::Event, session::Session};

fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).unwrap_or_else(|error| {
        eprintln!("blocking_echo: {error}");
        std::process::exit(1)
    });
    println!("echoing at ws://{}/", listener.local_addr().expect("it is bound"));
    for stream in listener.incoming() {
        std::thread::spawn(|| serve(stream?).inspect_err(|error| eprintln!("{error}")));
    }
}

fn serve(mut stream: TcpStream) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (start, mut now) = (Instant::now(), 0); // in milliseconds
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    let config = ServerConfig::new(OriginPolicy::SameOrigin);
    let mut session = Session::server(&config, [0; 512], Timeouts::MILLISECONDS, now);
    let (mut rx, mut unread, mut tx) = ([0; 4096], 0..0, [0; 512]);
    loop {
        while let len @ 1.. = session.poll_transmit(&mut tx) {
            stream.write_all(&tx[..len])?;
        }
        if session.transport() == Transport::HalfClose {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let received = session.receive(&mut rx[unread.clone()], now);
        unread.start = unread.end - received.rest.len();
        match received.event {
            Some(Event::Request) => session.accept(&Accept::default(), &Config::DEFAULT)?,
            Some(Event::Data(chunk)) => {
                let header = session.sender(now)?.frame(chunk.kind, chunk.last, chunk.payload)?;
                stream.write_all(&[header.as_bytes(), chunk.payload].concat())?;
            }
            Some(Event::Over) => return session.error().map_or(Ok(()), |error| Err(error.into())),
            Some(_) => {}
            None => {
                let due = session.poll_timeout().map(|due| Duration::from_millis(due.saturating_sub(now).max(1)));
                stream.set_read_timeout(due)?;
                match stream.read(&mut rx) {
                    Ok(len @ 1..) => unread = 0..len,
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue, // read before the clock
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    _ => session.receive_eof(now), // the end of the stream, or a reset
                }
                now = start.elapsed().as_millis() as u64;
            }
        }
    }
}
