use super::Peer;
use crate::stream::Role;
use crate::transport::Transport;
use crate::verdict::Outcome;
use std::io::ErrorKind;
use tungstenite::{Error, Message, WebSocket, protocol};

pub const PEER: Peer =
    Peer { name: "tungstenite", notes: "`WebSocket::read`, default configuration, flushed after an error.", run };

fn run(role: Role, transport: Transport, outcome: &mut Outcome) {
    let role = match role {
        Role::Server => protocol::Role::Server,
        Role::Client => protocol::Role::Client,
    };
    let mut socket = WebSocket::from_raw_socket(transport, role, None);
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => outcome.text(text.as_bytes()),
            Ok(Message::Binary(payload)) => outcome.binary(payload),
            Ok(Message::Close(_)) => outcome.closed = true,
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => {
                outcome.error(error);
                break;
            }
        }
    }
    let _ = socket.flush();
}
