use super::Peer;
use crate::stream::Role;
use crate::transport::{Transport, drive};
use crate::verdict::Outcome;
use yawc::frame::OpCode;
use yawc::{Options, WebSocket};

pub const PEER: Peer = Peer { name: "yawc", notes: "`WebSocket::next_frame`, with the option `with_utf8`.", run };

fn run(role: Role, transport: Transport, outcome: &mut Outcome) {
    let role = match role {
        Role::Server => yawc::Role::Server,
        Role::Client => yawc::Role::Client,
    };
    drive(async {
        let options = Options::default().without_compression().with_utf8();
        let mut socket = WebSocket::from_stream(transport, role, options).expect("no extension, nothing to refuse");
        loop {
            match socket.next_frame().await {
                Ok(frame) if frame.opcode() == OpCode::Text => outcome.text(frame.payload()),
                Ok(frame) if frame.opcode() == OpCode::Binary => outcome.binary(frame.payload()),
                Ok(frame) if frame.opcode() == OpCode::Close => outcome.closed = true,
                Ok(_) => {}
                Err(error) => return outcome.error(error),
            }
        }
    });
}
