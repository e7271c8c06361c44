use super::Peer;
use crate::stream::Role;
use crate::transport::{Transport, drive};
use crate::verdict::Outcome;
use futures_util::StreamExt;
use sockudo_ws::{Config, Message, WebSocketStream};

pub const PEER: Peer =
    Peer { name: "sockudo-ws", notes: "`WebSocketStream`, default configuration, which checks text.", run };

fn run(role: Role, transport: Transport, outcome: &mut Outcome) {
    drive(async {
        let mut socket = match role {
            Role::Server => WebSocketStream::server(transport, Config::default()),
            Role::Client => WebSocketStream::client(transport, Config::default()),
        };
        while let Some(message) = socket.next().await {
            match message {
                Ok(Message::Text(payload)) => outcome.text(payload),
                Ok(Message::Binary(payload)) => outcome.binary(payload),
                Ok(Message::Close(_)) => outcome.closed = true,
                Ok(_) => {}
                Err(error) => return outcome.error(error),
            }
        }
    });
}
