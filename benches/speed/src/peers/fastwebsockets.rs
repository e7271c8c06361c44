use super::{Peer, Role};
use crate::session::{self, Session};
use crate::socket::Socket;
use crate::tally::Tally;
use crate::workload::Outgoing;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, WebSocket};

pub const PEER: Peer = Peer {
    name: "fastwebsockets",
    package: "fastwebsockets",
    notes: "`FragmentCollector::read_frame` and `write_frame`, which writes each frame by itself.",
    is_wide: true,
    receive: Some(receive),
    send: Some(send),
    echo: Some(echo),
    ..Peer::NEW
};

fn receive(socket: Socket, tally: Tally) -> Session {
    session::of_future(async move {
        let mut websocket = FragmentCollector::new(WebSocket::after_handshake(socket, fastwebsockets::Role::Server));
        loop {
            let frame = websocket.read_frame().await.expect("no error");
            if matches!(frame.opcode, OpCode::Text | OpCode::Binary) {
                tally.message(&frame.payload);
            }
        }
    })
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    let role = match role {
        Role::Server => fastwebsockets::Role::Server,
        Role::Client => fastwebsockets::Role::Client,
    };
    session::of_future(async move {
        let mut websocket = WebSocket::after_handshake(socket, role);
        loop {
            for body in outgoing.bodies() {
                websocket.write_frame(Frame::binary(Payload::Borrowed(body))).await.expect("it is written");
            }
            session::end_of_pass().await;
        }
    })
}

fn echo(socket: Socket) -> Session {
    session::of_future(async move {
        let mut websocket = FragmentCollector::new(WebSocket::after_handshake(socket, fastwebsockets::Role::Server));
        loop {
            let frame = websocket.read_frame().await.expect("no error");
            if matches!(frame.opcode, OpCode::Text | OpCode::Binary) {
                websocket.write_frame(frame).await.expect("it is written");
            }
        }
    })
}
