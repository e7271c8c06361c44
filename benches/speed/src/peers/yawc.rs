use super::{Peer, READ, Role};
use crate::session::{self, Session};
use crate::socket::Socket;
use crate::tally::Tally;
use crate::workload::Outgoing;
use futures_util::SinkExt;
use yawc::frame::{Frame, OpCode};
use yawc::{Options, WebSocket};

pub const PEER: Peer = Peer {
    name: "yawc",
    package: "yawc",
    notes: "`WebSocket::next_frame`, with the option `with_utf8`; `feed` and one `flush` at the end, for an echo \
            `send`.",
    is_wide: true,
    receive: Some(receive),
    send: Some(send),
    echo: Some(echo),
    ..Peer::NEW
};

fn websocket(socket: Socket, role: Role) -> WebSocket<Socket> {
    let role = match role {
        Role::Server => yawc::Role::Server,
        Role::Client => yawc::Role::Client,
    };
    let options = Options::default()
        .without_compression()
        .with_utf8()
        .with_limits(2 << 20, 4 << 20)
        .with_read_buffer_capacity(READ);
    WebSocket::from_stream(socket, role, options).expect("no extension, nothing to refuse")
}

fn receive(socket: Socket, tally: Tally) -> Session {
    session::of_future(async move {
        let mut websocket = websocket(socket, Role::Server);
        loop {
            let frame = websocket.next_frame().await.expect("no error");
            if matches!(frame.opcode(), OpCode::Text | OpCode::Binary) {
                tally.message(frame.payload());
            }
        }
    })
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    session::of_future(async move {
        let mut websocket = websocket(socket, role);
        loop {
            for body in outgoing.bodies() {
                websocket.feed(Frame::binary(body.clone())).await.expect("it is taken");
            }
            websocket.flush().await.expect("it is written");
            session::end_of_pass().await;
        }
    })
}

fn echo(socket: Socket) -> Session {
    session::of_future(async move {
        let mut websocket = websocket(socket, Role::Server);
        loop {
            let frame = websocket.next_frame().await.expect("no error");
            if matches!(frame.opcode(), OpCode::Text | OpCode::Binary) {
                websocket.send(frame).await.expect("it is written");
            }
        }
    })
}
