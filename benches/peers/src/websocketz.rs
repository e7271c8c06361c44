use crate::session::{self, is_done};
use crate::{Event, HEAD, HOST, Lent, Outcome, Outgoing, Peer, ROOM, Random, Receiver, Role, Session, Socket, Tally};
use std::convert::Infallible;
use websocketz::error::Error;
use websocketz::http::Header;
use websocketz::options::{AcceptOptions, ConnectOptions};
use websocketz::{Message, WebSocket, next, send as send_message};

pub const PEER: Peer = Peer {
    name: "websocketz",
    package: "websocketz",
    notes: "`WebSocket` with `next!` and `send!`, which writes each frame separately.",
    read_buffers: HOST,
    receive: Some(receive),
    receive_str: Some(receive), // which it validated
    send: Some(send),
    echo: Some(echo),
    accept: Some(|socket| {
        let (mut read, mut write) = ([0; HEAD], [0; HEAD]);
        let options = AcceptOptions::default();
        is_done(WebSocket::accept::<16>(options, socket, Random::default(), &mut read, &mut write, &mut []))
    }),
    connect: Some(|socket| {
        let (mut read, mut write) = ([0; HEAD], [0; HEAD]);
        let headers = [Header { name: "Host", value: b"example.com" }];
        let options = ConnectOptions::new_unchecked("/chat").with_headers(&headers);
        is_done(WebSocket::connect::<16>(options, socket, Random::default(), &mut read, &mut write, &mut []))
    }),
    ..Peer::NEW
};

/// Buffers for reads, for a frame to write and for a fragmented message.
fn buffers(socket: &Socket) -> [Lent; 3] {
    [socket.longest + socket.host_buffer(), socket.longest + 14, socket.longest].map(Lent::new)
}

pub const RECEIVER: Receiver = Receiver {
    name: "websocketz",
    notes: "`WebSocket` and `next!` with automatic replies, buffers of 256 KiB. The end of the stream counts as a \
            Close, as its documentation describes.",
    run,
};

fn websocket<'b>(role: Role, socket: Socket, buffers: [&'b mut [u8]; 3]) -> WebSocket<'b, Socket, Random> {
    let [read, write, fragments] = buffers;
    match role {
        Role::Server => WebSocket::server(socket, Random::default(), read, write, fragments),
        Role::Client => WebSocket::client(socket, Random::default(), read, write, fragments),
    }
}

async fn events(
    role: Role,
    socket: Socket,
    mut buffers: [Lent; 3],
    mut sink: impl FnMut(Event<'_>),
) -> Result<(), Error<Infallible>> {
    let mut websocket = websocket(role, socket, buffers.each_mut().map(|buffer| &mut **buffer));
    while let Some(message) = next!(websocket) {
        match message {
            Ok(Message::Text(text)) => sink(Event::Text(text.as_bytes())),
            Ok(Message::Binary(payload)) => sink(Event::Binary(payload)),
            Ok(Message::Close(_)) => sink(Event::Close),
            Ok(_) => {}
            Err(error) => return Err(error),
        }
    }
    sink(Event::Close);
    Ok(())
}

fn run(role: Role, socket: Socket, outcome: &mut Outcome) {
    session::drive(async {
        let buffers = [ROOM; 3].map(Lent::new);
        if let Err(error) = events(role, socket, buffers, |event| outcome.event(event)).await {
            outcome.error(error);
        }
    });
}

fn receive(socket: Socket, tally: Tally) -> Session {
    let buffers = buffers(&socket);
    session::receiving(events(Role::Server, socket, buffers, move |event| tally.event(event)))
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    session::of_future(async move {
        let (mut read, mut write, mut fragments) = ([], Lent::new(outgoing.longest() + 14), []);
        let mut websocket = websocket(role, socket, [&mut read, &mut write, &mut fragments]);
        loop {
            for body in outgoing.bodies() {
                send_message!(websocket, Message::Binary(body)).expect("it is written");
            }
            session::end_of_pass().await;
        }
    })
}

fn echo(socket: Socket) -> Session {
    session::of_future(async move {
        let mut buffers = buffers(&socket);
        let mut websocket = websocket(Role::Server, socket, buffers.each_mut().map(|buffer| &mut **buffer));
        while let Some(message) = next!(websocket) {
            send_message!(websocket, message.expect("no error")).expect("it is written");
        }
    })
}
