use super::{Peer, Role};
use crate::session::{self, Session, is_done};
use crate::socket::Socket;
use crate::tally::Tally;
use crate::workload::Outgoing;
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::{Config, Message, WebSocketStream, handshake};

pub const PEER: Peer = Peer {
    name: "sockudo-ws",
    package: "sockudo-ws",
    notes: "`WebSocketStream` as `Stream` and `Sink`; `feed` and one `flush` at the end, for an echo `send`.",
    is_wide: true,
    receive: Some(receive),
    send: Some(send),
    echo: Some(echo),
    accept: Some(|socket| is_done(handshake::server_handshake(socket))),
    connect: Some(|socket| is_done(handshake::client_handshake(socket, "example.com", "/chat", None))),
    ..Peer::NEW
};

fn receive(socket: Socket, tally: Tally) -> Session {
    session::of_future(async move {
        let mut websocket = WebSocketStream::server(socket, Config::default());
        while let Some(message) = websocket.next().await {
            if let Message::Text(payload) | Message::Binary(payload) = message.expect("no error") {
                tally.message(&payload);
            }
        }
    })
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    session::of_future(async move {
        let mut websocket = match role {
            Role::Server => WebSocketStream::server(socket, Config::default()),
            Role::Client => WebSocketStream::client(socket, Config::default()),
        };
        loop {
            for body in outgoing.bodies() {
                websocket.feed(Message::Binary(body.clone())).await.expect("it is taken");
            }
            websocket.flush().await.expect("it is written");
            session::end_of_pass().await;
        }
    })
}

fn echo(socket: Socket) -> Session {
    session::of_future(async move {
        let mut websocket = WebSocketStream::server(socket, Config::default());
        while let Some(message) = websocket.next().await {
            websocket.send(message.expect("no error")).await.expect("it is written");
        }
    })
}
