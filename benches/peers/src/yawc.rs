use crate::session;
use crate::{Buffer, Event, OPTION, Outcome, Outgoing, Peer, Receiver, Role, Session, Socket, Tally};
use futures_util::SinkExt;
use yawc::frame::{Frame, OpCode};
use yawc::{Options, WebSocket, WebSocketError};

pub const PEER: Peer = Peer {
    name: "yawc",
    package: "yawc",
    notes: "`WebSocket::next_frame`, with the option `with_utf8`; `feed` and one `flush` at the end, for an echo \
            `send`. As `&str`: `Frame::as_str`, which validates again.",
    is_wide: true,
    read_buffers: OPTION,
    write_buffers: OPTION,
    receive: Some(|socket, tally| receive(socket, false, tally)),
    receive_str: Some(|socket, tally| receive(socket, true, tally)),
    send: Some(send),
    echo: Some(echo),
    ..Peer::NEW
};

pub const RECEIVER: Receiver =
    Receiver { name: "yawc", notes: "`WebSocket::next_frame`, with the option `with_utf8`.", run };

fn options() -> Options {
    Options::default().without_compression().with_utf8()
}

/// Returns options with space for the workloads.
fn roomy(buffer: Buffer) -> Options {
    let options = options().with_limits(2 << 20, 4 << 20);
    buffer.map_or(options.clone(), |size| options.with_read_buffer_capacity(size).with_write_buffer_capacity(size))
}

fn websocket(role: Role, socket: Socket, options: Options) -> WebSocket<Socket> {
    let role = match role {
        Role::Server => yawc::Role::Server,
        Role::Client => yawc::Role::Client,
    };
    WebSocket::from_stream(socket, role, options).expect("no extension, nothing to refuse")
}

async fn events(
    role: Role,
    socket: Socket,
    options: Options,
    as_str: bool,
    mut sink: impl FnMut(Event<'_>),
) -> WebSocketError {
    let mut websocket = websocket(role, socket, options);
    loop {
        match websocket.next_frame().await {
            Ok(frame) => match frame.opcode() {
                OpCode::Text if as_str => sink(Event::Text(frame.as_str().as_bytes())),
                OpCode::Text => sink(Event::Text(frame.payload())),
                OpCode::Binary => sink(Event::Binary(frame.payload())),
                OpCode::Close => sink(Event::Close),
                _ => {}
            },
            Err(error) => return error,
        }
    }
}

fn run(role: Role, socket: Socket, outcome: &mut Outcome) {
    session::drive(async {
        let error = events(role, socket, options(), false, |event| outcome.event(event)).await;
        outcome.error(error);
    });
}

fn receive(socket: Socket, as_str: bool, tally: Tally) -> Session {
    let options = roomy(socket.buffer);
    session::receiving(events(Role::Server, socket, options, as_str, move |event| tally.event(event)))
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    session::of_future(async move {
        let options = roomy(socket.buffer);
        let mut websocket = websocket(role, socket, options);
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
        let options = roomy(socket.buffer);
        let mut websocket = websocket(Role::Server, socket, options);
        loop {
            let frame = websocket.next_frame().await.expect("no error");
            if matches!(frame.opcode(), OpCode::Text | OpCode::Binary) {
                websocket.send(frame).await.expect("it is written");
            }
        }
    })
}
