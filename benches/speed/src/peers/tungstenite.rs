use super::{Peer, Role};
use crate::session::Session;
use crate::socket::Socket;
use crate::tally::Tally;
use crate::workload::Outgoing;
use std::hint::black_box;
use std::io::ErrorKind;
use tungstenite::protocol::{self, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

pub const PEER: Peer = Peer {
    name: "tungstenite",
    package: "tungstenite",
    notes: "`WebSocket::read` and `write`, flushed when there is nothing more to read or to send. Its read buffer is \
            as large as a read: it fills what is free of it with zeros before each.",
    receive: Some(receive),
    send: Some(send),
    echo: Some(echo),
    accept: Some(|socket| black_box(tungstenite::accept(socket)).is_ok()),
    connect: Some(|socket| black_box(tungstenite::client("ws://example.com/chat", socket)).is_ok()),
    ..Peer::NEW
};

fn server(socket: Socket) -> WebSocket<Socket> {
    let config = WebSocketConfig::default().read_buffer_size(socket.read_size);
    WebSocket::from_raw_socket(socket, protocol::Role::Server, Some(config))
}

/// The next message; none when there is nothing to read.
#[inline]
fn next(websocket: &mut WebSocket<Socket>) -> Option<Message> {
    match websocket.read() {
        Ok(message) => Some(message),
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

fn receive(socket: Socket, tally: Tally) -> Session {
    let mut websocket = server(socket);
    Box::new(move || {
        while let Some(message) = next(&mut websocket) {
            match message {
                Message::Text(text) => tally.message(text.as_bytes()),
                Message::Binary(payload) => tally.message(&payload),
                _ => {}
            }
        }
        websocket.flush().expect("it is written");
    })
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    let role = match role {
        Role::Server => protocol::Role::Server,
        Role::Client => protocol::Role::Client,
    };
    let mut websocket = WebSocket::from_raw_socket(socket, role, None);
    Box::new(move || {
        for body in outgoing.bodies() {
            websocket.write(Message::Binary(body.clone())).expect("it is taken");
        }
        websocket.flush().expect("it is written");
    })
}

fn echo(socket: Socket) -> Session {
    let mut websocket = server(socket);
    Box::new(move || {
        while let Some(message) = next(&mut websocket) {
            websocket.write(message).expect("it is taken");
        }
        websocket.flush().expect("it is written");
    })
}
