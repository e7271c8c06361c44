use super::{Peer, Role};
use crate::session::{self, Session, is_done};
use crate::socket::Socket;
use crate::tally::Tally;
use crate::workload::Outgoing;
use futures_util::{SinkExt, StreamExt};
use http::Uri;
use tokio_websockets::{ClientBuilder, Message, ServerBuilder};

pub const PEER: Peer = Peer {
    name: "tokio-websockets",
    package: "tokio-websockets",
    notes: "`WebSocketStream` as `Stream` and `Sink`; `feed`, and one `flush` at the end. An echo leaves the flush to the \
            next read.",
    is_wide: true,
    receive: Some(receive),
    send: Some(send),
    echo: Some(echo),
    accept: Some(|socket| is_done(ServerBuilder::new().accept(socket))),
    connect: Some(|socket| {
        let uri = Uri::from_static("ws://example.com/chat");
        is_done(ClientBuilder::from_uri(uri).connect_on(socket))
    }),
    ..Peer::NEW
};

fn receive(socket: Socket, tally: Tally) -> Session {
    session::of_future(async move {
        let mut websocket = ServerBuilder::new().serve(socket);
        while let Some(message) = websocket.next().await {
            let message = message.expect("no error");
            if message.is_text() || message.is_binary() {
                tally.message(message.as_payload());
            }
        }
    })
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    session::of_future(async move {
        let mut websocket = match role {
            Role::Server => ServerBuilder::new().serve(socket),
            Role::Client => ClientBuilder::new().take_over(socket),
        };
        loop {
            for body in outgoing.bodies() {
                websocket.feed(Message::binary(body.clone())).await.expect("it is taken");
            }
            websocket.flush().await.expect("it is written");
            session::end_of_pass().await;
        }
    })
}

fn echo(socket: Socket) -> Session {
    session::of_future(async move {
        let mut websocket = ServerBuilder::new().serve(socket);
        while let Some(message) = websocket.next().await {
            websocket.feed(message.expect("no error")).await.expect("it is taken");
        }
    })
}
