use super::{HEAD, Peer, READ, Role};
use crate::lent::Lent;
use crate::session::{self, Session, is_done};
use crate::socket::Socket;
use crate::stream::Random;
use crate::tally::Tally;
use crate::workload::Outgoing;
use websocketz::http::Header;
use websocketz::options::{AcceptOptions, ConnectOptions};
use websocketz::{Message, WebSocket, next, send as send_message};

pub const PEER: Peer = Peer {
    name: "websocketz",
    package: "websocketz",
    notes: "`WebSocket` with `next!` and `send!`, which writes each frame by itself.",
    receive: Some(receive),
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

/// Room for reads, for a frame to write and for a message in fragments.
fn buffers(socket: &Socket) -> [Lent; 3] {
    [socket.longest + READ, socket.longest + 14, socket.longest].map(Lent::new)
}

fn receive(socket: Socket, tally: Tally) -> Session {
    session::of_future(async move {
        let [mut read, mut write, mut fragments] = buffers(&socket);
        let mut websocket = WebSocket::server(socket, Random::default(), &mut read, &mut write, &mut fragments);
        while let Some(message) = next!(websocket) {
            match message.expect("no error") {
                Message::Text(text) => tally.message(text.as_bytes()),
                Message::Binary(payload) => tally.message(payload),
                _ => {}
            }
        }
    })
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    session::of_future(async move {
        let (mut read, mut write, mut fragments) = ([], Lent::new(outgoing.longest() + 14), []);
        let keys = Random::default();
        let mut websocket = match role {
            Role::Server => WebSocket::server(socket, keys, &mut read, &mut write, &mut fragments),
            Role::Client => WebSocket::client(socket, keys, &mut read, &mut write, &mut fragments),
        };
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
        let [mut read, mut write, mut fragments] = buffers(&socket);
        let mut websocket = WebSocket::server(socket, Random::default(), &mut read, &mut write, &mut fragments);
        while let Some(message) = next!(websocket) {
            send_message!(websocket, message.expect("no error")).expect("it is written");
        }
    })
}
