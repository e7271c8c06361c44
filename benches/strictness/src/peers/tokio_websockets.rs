use super::Peer;
use crate::stream::Role;
use crate::transport::{Transport, drive};
use crate::verdict::Outcome;
use futures_util::StreamExt;
use tokio_websockets::{ClientBuilder, ServerBuilder};

pub const PEER: Peer = Peer { name: "tokio-websockets", notes: "`WebSocketStream`, default configuration.", run };

fn run(role: Role, transport: Transport, outcome: &mut Outcome) {
    drive(async {
        let mut socket = match role {
            Role::Server => ServerBuilder::new().serve(transport),
            Role::Client => ClientBuilder::new().take_over(transport),
        };
        while let Some(message) = socket.next().await {
            match message {
                Ok(message) if message.is_text() => outcome.text(&message.as_payload()[..]),
                Ok(message) if message.is_binary() => outcome.binary(&message.as_payload()[..]),
                Ok(message) if message.is_close() => outcome.closed = true,
                Ok(_) => {}
                Err(error) => return outcome.error(error),
            }
        }
    });
}
