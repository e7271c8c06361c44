use crate::session::{self, is_done};
use crate::{Event, Outcome, Outgoing, Peer, Receiver, Role, Session, Socket, Tally};
use futures_util::{SinkExt, StreamExt};
use http::Uri;
use tokio_websockets::{ClientBuilder, Error, Message, ServerBuilder, WebSocketStream};

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

pub const RECEIVER: Receiver =
    Receiver { name: "tokio-websockets", notes: "`WebSocketStream`, default configuration.", run };

fn websocket(role: Role, socket: Socket) -> WebSocketStream<Socket> {
    match role {
        Role::Server => ServerBuilder::new().serve(socket),
        Role::Client => ClientBuilder::new().take_over(socket),
    }
}

async fn events(role: Role, socket: Socket, mut sink: impl FnMut(Event<'_>)) -> Result<(), Error> {
    let mut websocket = websocket(role, socket);
    while let Some(message) = websocket.next().await {
        let message = message?;
        if message.is_text() {
            sink(Event::Text(message.as_payload()));
        } else if message.is_binary() {
            sink(Event::Binary(message.as_payload()));
        } else if message.is_close() {
            sink(Event::Close);
        }
    }
    Ok(())
}

fn run(role: Role, socket: Socket, outcome: &mut Outcome) {
    session::drive(async {
        if let Err(error) = events(role, socket, |event| outcome.event(event)).await {
            outcome.error(error);
        }
    });
}

fn receive(socket: Socket, tally: Tally) -> Session {
    session::receiving(events(Role::Server, socket, move |event| tally.event(event)))
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    session::of_future(async move {
        let mut websocket = websocket(role, socket);
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
        let mut websocket = websocket(Role::Server, socket);
        while let Some(message) = websocket.next().await {
            websocket.feed(message.expect("no error")).await.expect("it is taken");
        }
    })
}
