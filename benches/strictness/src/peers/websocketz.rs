use super::{Peer, ROOM};
use crate::stream::Role;
use crate::transport::{Keys, Transport, drive};
use crate::verdict::Outcome;
use websocketz::{Message, WebSocket, next};

pub const PEER: Peer = Peer {
    name: "websocketz",
    notes: "`WebSocket` and `next!` with automatic replies, buffers of 256 KiB. The end of the stream is taken as the \
            sign of a Close, as its documentation has it.",
    run,
};

fn run(role: Role, transport: Transport, outcome: &mut Outcome) {
    let (mut read, mut write, mut fragments) = (vec![0; ROOM], vec![0; ROOM], vec![0; ROOM]);
    drive(async {
        let mut socket = match role {
            Role::Server => WebSocket::server(transport, Keys(1), &mut read, &mut write, &mut fragments),
            Role::Client => WebSocket::client(transport, Keys(1), &mut read, &mut write, &mut fragments),
        };
        loop {
            match next!(socket) {
                Some(Ok(Message::Text(text))) => outcome.text(text),
                Some(Ok(Message::Binary(payload))) => outcome.binary(payload),
                Some(Ok(Message::Close(_))) => outcome.closed = true,
                Some(Ok(_)) => {}
                Some(Err(error)) => return outcome.error(error),
                None => {
                    outcome.closed = true;
                    return;
                }
            }
        }
    });
}
