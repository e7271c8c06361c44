use crate::{Event, OPTION, Outcome, Outgoing, Peer, READ, Receiver, Role, Session, Socket, Tally};
use std::hint::black_box;
use std::io::ErrorKind;
use tungstenite::protocol::{self, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

pub const PEER: Peer = Peer {
    name: "tungstenite",
    package: "tungstenite",
    notes: "`WebSocket::read` and `write`, flushed when there is nothing more to read or to send.",
    // Also that of a packet, because it fills the free part with zeros before each read.
    read_buffers: &[Some(1460), Some(16 << 10), Some(READ), None],
    write_buffers: OPTION,
    receive: Some(receive),
    receive_str: Some(receive), // as `Utf8Bytes`
    send: Some(send),
    echo: Some(echo),
    accept: Some(|socket| black_box(tungstenite::accept(socket)).is_ok()),
    connect: Some(|socket| black_box(tungstenite::client("ws://example.com/chat", socket)).is_ok()),
    ..Peer::NEW
};

pub const RECEIVER: Receiver =
    Receiver { name: "tungstenite", notes: "`WebSocket::read`, default configuration, flushed after an error.", run };

fn websocket(role: Role, socket: Socket, config: WebSocketConfig) -> WebSocket<Socket> {
    let role = match role {
        Role::Server => protocol::Role::Server,
        Role::Client => protocol::Role::Client,
    };
    WebSocket::from_raw_socket(socket, role, Some(config))
}

fn server(socket: Socket) -> WebSocket<Socket> {
    let config = WebSocketConfig::default();
    let config = socket.buffer.map_or(config, |size| config.read_buffer_size(size));
    websocket(Role::Server, socket, config)
}

/// Returns the next message, or `None` if there is nothing to read.
#[inline]
fn next(websocket: &mut WebSocket<Socket>) -> Result<Option<Message>, Error> {
    match websocket.read() {
        Ok(message) => Ok(Some(message)),
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Receives until there is nothing to read.
#[inline]
fn events(websocket: &mut WebSocket<Socket>, mut sink: impl FnMut(Event<'_>)) -> Result<(), Error> {
    while let Some(message) = next(websocket)? {
        match message {
            Message::Text(text) => sink(Event::Text(text.as_bytes())),
            Message::Binary(payload) => sink(Event::Binary(&payload)),
            Message::Close(_) => sink(Event::Close),
            _ => {}
        }
    }
    Ok(())
}

fn run(role: Role, socket: Socket, outcome: &mut Outcome) {
    let mut websocket = websocket(role, socket, WebSocketConfig::default());
    if let Err(error) = events(&mut websocket, |event| outcome.event(event)) {
        outcome.error(error);
    }
    let _ = websocket.flush();
}

fn receive(socket: Socket, tally: Tally) -> Session {
    let mut websocket = server(socket);
    Box::new(move || {
        events(&mut websocket, |event| tally.event(event)).expect("no error");
        websocket.flush().expect("it is written");
    })
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    let config = WebSocketConfig::default();
    let config = socket.buffer.map_or(config, |size| config.write_buffer_size(size));
    let mut websocket = websocket(role, socket, config);
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
        while let Some(message) = next(&mut websocket).expect("no error") {
            websocket.write(message).expect("it is taken");
        }
        websocket.flush().expect("it is written");
    })
}
