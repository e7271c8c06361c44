use crate::{Event, Outcome, Outgoing, Peer, Receiver, Role, Session, Socket, Tally, session};
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, WebSocket, WebSocketError};

pub const PEER: Peer = Peer {
    name: "fastwebsockets",
    package: "fastwebsockets",
    notes: "`FragmentCollector::read_frame` and `write_frame`, which writes each frame separately. As `&str`: \
            `str::from_utf8` by the application.",
    is_wide: true,
    receive: Some(|socket, tally| receive(socket, false, tally)),
    receive_str: Some(|socket, tally| receive(socket, true, tally)),
    send: Some(send),
    echo: Some(echo),
    ..Peer::NEW
};

pub const RECEIVER: Receiver = Receiver {
    name: "fastwebsockets",
    notes: "`FragmentCollector`, which checks the text of fragmented messages; replies are automatic.",
    run,
};

fn websocket(role: Role, socket: Socket) -> WebSocket<Socket> {
    let role = match role {
        Role::Server => fastwebsockets::Role::Server,
        Role::Client => fastwebsockets::Role::Client,
    };
    WebSocket::after_handshake(socket, role)
}

async fn events(role: Role, socket: Socket, as_str: bool, mut sink: impl FnMut(Event<'_>)) -> WebSocketError {
    let mut websocket = FragmentCollector::new(websocket(role, socket));
    loop {
        match websocket.read_frame().await {
            Ok(frame) => match frame.opcode {
                OpCode::Text if as_str => sink(Event::Text(text(&frame.payload).as_bytes())),
                OpCode::Text => sink(Event::Text(&frame.payload)),
                OpCode::Binary => sink(Event::Binary(&frame.payload)),
                OpCode::Close => sink(Event::Close),
                _ => {}
            },
            Err(error) => return error,
        }
    }
}

fn run(role: Role, socket: Socket, outcome: &mut Outcome) {
    session::drive(async {
        let error = events(role, socket, false, |event| outcome.event(event)).await;
        outcome.error(error);
    });
}

/// As the application makes it. There is no function for it.
fn text(payload: &[u8]) -> &str {
    str::from_utf8(payload).expect("it is text")
}

fn receive(socket: Socket, as_str: bool, tally: Tally) -> Session {
    session::receiving(events(Role::Server, socket, as_str, move |event| tally.event(event)))
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    session::of_future(async move {
        let mut websocket = websocket(role, socket);
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
        let mut websocket = FragmentCollector::new(websocket(Role::Server, socket));
        loop {
            let frame = websocket.read_frame().await.expect("no error");
            if matches!(frame.opcode, OpCode::Text | OpCode::Binary) {
                websocket.write_frame(frame).await.expect("it is written");
            }
        }
    })
}
