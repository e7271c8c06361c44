use super::Peer;
use crate::stream::Role;
use crate::transport::{Transport, drive};
use crate::verdict::Outcome;
use fastwebsockets::{FragmentCollector, OpCode, WebSocket};

pub const PEER: Peer = Peer {
    name: "fastwebsockets",
    notes: "`FragmentCollector`, which checks the text of fragmented messages; replies are automatic.",
    run,
};

fn run(role: Role, transport: Transport, outcome: &mut Outcome) {
    let role = match role {
        Role::Server => fastwebsockets::Role::Server,
        Role::Client => fastwebsockets::Role::Client,
    };
    drive(async {
        let mut socket = FragmentCollector::new(WebSocket::after_handshake(transport, role));
        loop {
            match socket.read_frame().await {
                Ok(frame) if frame.opcode == OpCode::Text => outcome.text(&*frame.payload),
                Ok(frame) if frame.opcode == OpCode::Binary => outcome.binary(&*frame.payload),
                Ok(frame) if frame.opcode == OpCode::Close => outcome.closed = true,
                Ok(_) => {}
                Err(error) => return outcome.error(error),
            }
        }
    });
}
