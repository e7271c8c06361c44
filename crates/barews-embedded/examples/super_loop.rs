//! A server without an executor: one loop echoes on up to four connections, and a peer that is silent delays no other. On
//! a microcontroller the transport is a socket of a network chip, a modem or smoltcp, and the clock a timer; here both are
//! of `std`.
//!
//!     cargo run --release -p barews-embedded --example super_loop [ADDRESS]
//!
//! ADDRESS is 127.0.0.1:9001 by default.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use barews_embedded::barews::Server;
use barews_embedded::barews::connection::Config;
use barews_embedded::barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews_embedded::blocking::{Clock, WebSocket};
use barews_embedded::{Error, Event, Resources};
use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};

static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("echoing at ws://{}/", listener.local_addr()?);
    let board = Board(Instant::now());
    let mut peers = [const { None::<Peer<'_>> }; 4];
    loop {
        for place in &mut peers {
            if place.as_mut().is_some_and(|peer| !peer.turn()) {
                *place = None; // closes the transport
            }
            if place.is_none()
                && let Ok((stream, _)) = listener.accept()
            {
                *place = Some(Peer::new(stream, &board)?);
            }
        }
        board.idle();
    }
}

struct Peer<'b> {
    socket: WebSocket<'static, Tcp, Server, &'b Board, Vec<u8>>,
    is_ending: bool,
}

impl<'b> Peer<'b> {
    fn new(stream: TcpStream, board: &'b Board) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        // The transmit buffer has room for a chunk and its header.
        let mut resources = Resources::new(vec![0; 512], vec![0; 512], vec![0; 512 + 14], board);
        // The echo keeps no message, so it needs no limit.
        resources.limits = Config { max_frame_size: u64::MAX, max_message_size: u64::MAX, ..Config::DEFAULT };
        Ok(Self { socket: WebSocket::server(Tcp(stream), resources, &CONFIG), is_ending: false })
    }

    /// Does what can be done without waiting. Returns `false` at the end of the connection.
    fn turn(&mut self) -> bool {
        self.is_ending = self.is_ending || !matches!(self.echo(), Ok(true));
        if !self.is_ending {
            return true;
        }
        match self.socket.poll(|socket| socket.end(async |tcp| tcp.0.0.shutdown(Shutdown::Write))) {
            None => return true,
            Some(Ok(())) => {}
            Some(Err(error)) => eprintln!("{error}"),
        }
        false
    }

    /// Echoes the chunks that have arrived. Returns `false` when the peer has closed the connection.
    fn echo(&mut self) -> Result<bool, Error<io::Error>> {
        let socket = &mut self.socket;
        if !socket.session().is_open() {
            match socket.poll(|socket| socket.request()) {
                None => return Ok(true),
                Some(request) => request?,
            };
            socket.accept(&Accept::default())?; // has room in TCP's buffer, which is empty
        }
        loop {
            // While the last chunk is not sent, none is received: a peer that reads nothing is not read either.
            match socket.poll(|socket| socket.flush()) {
                None => return Ok(true),
                Some(flushed) => flushed?,
            }
            let Some(event) = socket.poll(|socket| socket.receive()) else { return Ok(true) };
            match event? {
                None => return Ok(false),
                Some(Event::Chunk(chunk)) => {
                    let (kind, last, payload) = (chunk.kind, chunk.last, chunk.payload.to_vec());
                    socket.put(kind, last, &payload)?;
                }
                Some(_) => {}
            }
        }
    }
}

/// The clock.
struct Board(Instant);

impl Clock for Board {
    fn now(&self) -> u64 {
        self.0.elapsed().as_millis() as u64
    }

    fn idle(&self) {
        std::thread::sleep(Duration::from_millis(1)); // on a microcontroller: until the next interrupt
    }
}

/// The transport. `std` cannot say whether a write would block, so here writes can.
struct Tcp(TcpStream);

impl ErrorType for Tcp {
    type Error = io::Error;
}

impl Read for Tcp {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}

impl ReadReady for Tcp {
    fn read_ready(&mut self) -> io::Result<bool> {
        self.0.set_nonblocking(true)?;
        let peeked = self.0.peek(&mut [0]);
        self.0.set_nonblocking(false)?;
        match peeked {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            peeked => peeked.map(|_| true),
        }
    }
}

impl Write for Tcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl WriteReady for Tcp {
    fn write_ready(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}
