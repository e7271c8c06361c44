use super::{Peer, ROOM};
use crate::stream::Role;
use crate::transport::Transport;
use crate::verdict::Outcome;
use nexus_web::ws::{self, Client, FrameReader, Message};

pub const PEER: Peer = Peer {
    name: "nexus-web",
    notes: "`ws::Client::recv`, which serves both roles; a buffer of 256 KiB. Replies are the application's.",
    run,
};

fn run(role: Role, transport: Transport, outcome: &mut Outcome) {
    let role = match role {
        Role::Server => ws::Role::Server,
        Role::Client => ws::Role::Client,
    };
    let (reader, writer) = ws::pair_with(role, FrameReader::builder().buffer_capacity(ROOM));
    let mut socket = Client::from_parts(transport, reader, writer);
    loop {
        match socket.recv() {
            Ok(Some(Message::Text(text))) => outcome.text(text),
            Ok(Some(Message::Binary(payload))) => outcome.binary(payload),
            Ok(Some(Message::Close(_))) => outcome.closed = true,
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => return outcome.error(error),
        }
    }
}
