//! A blocking echo with permessage-deflate, in the memory of a large microcontroller: windows of 4 KiB. It serves one
//! connection after the other.
//!
//!     cargo run --release -p barews-embedded --features deflate --example deflate_echo [ADDRESS]
//!
//! ADDRESS is 127.0.0.1:9001 by default.

mod tcp;

use std::io;
use std::net::TcpListener;
use std::time::Instant;

use barews_embedded::barews::connection::Outgoing;
use barews_embedded::barews::deflate::Level;
use barews_embedded::barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews_embedded::barews::message::MessageBuffer;
use barews_embedded::blocking::WebSocket;
use barews_embedded::deflate::Deflate;
use barews_embedded::{Error, Resources};
use tcp::{Board, Tcp};

static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
const WINDOW: usize = 4096;
/// The longest message, in bytes.
const MAX_MESSAGE: usize = 1 << 18;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address)?;
    println!("echoing at ws://{}/", listener.local_addr()?);
    let board = Board(Instant::now());
    for stream in listener.incoming() {
        if let Err(error) = serve(Tcp::new(stream?)?, &board) {
            eprintln!("{error}");
        }
    }
    Ok(())
}

fn serve(tcp: Tcp, board: &Board) -> Result<(), Error<io::Error>> {
    let mut resources = Resources::new(vec![0; 1024], vec![0; 1024], vec![0; 1024], board);
    resources.limits.max_message_size = MAX_MESSAGE as u64;
    resources.deflate = Some(Deflate::new(vec![0; WINDOW], vec![0; Level::SMALL.memory(WINDOW)], vec![0; 1024]));
    let mut socket = WebSocket::server(tcp, resources, &CONFIG);
    socket.request()?;
    socket.accept(&Accept::default())?;
    let mut messages = MessageBuffer::new(vec![0; MAX_MESSAGE]);
    while let Ok(Some(message)) = socket.receive_message(&mut messages) {
        let (kind, payload) = (message.kind, message.payload.to_vec());
        if socket.send(&mut Outgoing::unvalidated(kind, &payload)).is_err() {
            break; // `end` says why
        }
    }
    socket.end(Tcp::shut_down)
}
