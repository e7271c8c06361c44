use super::{Peer, ROOM};
use crate::stream::Role;
use crate::transport::{Keys, Transport};
use crate::verdict::Outcome;
use embedded_websocket::{Error, WebSocketReceiveMessageType as Received};
use embedded_websocket::{WebSocket, WebSocketClient, WebSocketOptions, WebSocketServer, WebSocketType};
use rand_core_06::RngCore;

pub const PEER: Peer = Peer {
    name: "embedded-websocket",
    notes: "`WebSocket::read`, behind its own handshake; an incomplete header is passed again with more bytes. \
            Text comes as bytes: each whole message is checked with `str::from_utf8`, as its `Framer` does.",
    run,
};

fn run(role: Role, transport: Transport, outcome: &mut Outcome) {
    let (mut client, mut server) = (WebSocketClient::new_client(Keys(1)), WebSocketServer::new_server());
    let options =
        WebSocketOptions { path: "/", host: "localhost", origin: "", sub_protocols: None, additional_headers: None };
    let mut head = [0; 1024];
    let (_, key) = client.client_connect(&options, &mut head).expect("the request fits");
    let len = server.server_accept(&key, None, &mut head).expect("the answer fits");
    client.client_accept(&key, &head[..len]).expect("the answer is sound");
    match role {
        Role::Server => receive(&mut server, transport, outcome),
        Role::Client => receive(&mut client, transport, outcome),
    }
}

fn receive<R: RngCore, T: WebSocketType>(
    socket: &mut WebSocket<R, T>,
    mut transport: Transport,
    outcome: &mut Outcome,
) {
    let (mut payload, mut message, mut pending) = (vec![0; ROOM], Vec::new(), Vec::new());
    while let Some(bytes) = transport.take(ROOM) {
        pending.extend(bytes);
        while !pending.is_empty() {
            let got = match socket.read(&pending, &mut payload) {
                Ok(got) => got,
                Err(Error::ReadFrameIncomplete) => break,
                Err(error) => return outcome.error(error),
            };
            if got.len_from == 0 {
                break; // it takes nothing more of these bytes
            }
            pending.drain(..got.len_from);
            let is_text = match got.message_type {
                Received::Text => true,
                Received::Binary => false,
                Received::CloseMustReply | Received::CloseCompleted => {
                    outcome.closed = true;
                    continue;
                }
                Received::Ping | Received::Pong => continue,
            };
            message.extend(&payload[..got.len_to]);
            if got.end_of_message {
                match str::from_utf8(&message) {
                    Ok(text) if is_text => outcome.text(text),
                    Err(error) if is_text => return outcome.error(error),
                    _ => outcome.binary(&message),
                }
                message.clear();
            }
        }
    }
}
