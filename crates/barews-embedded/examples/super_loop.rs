//! A server without an executor: one loop echoes on up to four connections, and a peer that is silent delays no other. On
//! a microcontroller the transport is a socket of a network chip, a modem or smoltcp, and the clock a timer; here both are
//! of `std`.
//!
//!     cargo run --release -p barews-embedded --example super_loop [ADDRESS]
//!
//! ADDRESS is 127.0.0.1:9001 by default.

mod tcp;

use std::io;
use std::net::TcpListener;
use std::time::Instant;

use barews_embedded::barews::Server;
use barews_embedded::barews::connection::Config;
use barews_embedded::barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews_embedded::blocking::{Clock, WebSocket};
use barews_embedded::{Error, Event, Resources};
use tcp::{Board, Tcp};

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
                *place = Some(Peer::new(Tcp::new(stream)?, &board));
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
    fn new(tcp: Tcp, board: &'b Board) -> Self {
        // The transmit buffer has room for a chunk and its header.
        let mut resources = Resources::new(vec![0; 512], vec![0; 512], vec![0; 512 + 14], board);
        // The echo keeps no message, so it needs no limit.
        resources.limits = Config { max_frame_size: u64::MAX, max_message_size: u64::MAX, ..Config::DEFAULT };
        Self { socket: WebSocket::server(tcp, resources, &CONFIG), is_ending: false }
    }

    /// Does what can be done without waiting. Returns `false` at the end of the connection.
    fn turn(&mut self) -> bool {
        self.is_ending = self.is_ending || !matches!(self.echo(), Ok(true));
        if !self.is_ending {
            return true;
        }
        match self.socket.poll(|socket| socket.end(async |tcp| tcp.0.shut_down())) {
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
