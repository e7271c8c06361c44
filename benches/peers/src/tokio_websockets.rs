use crate::session::{self, is_done};
use crate::{Event, OPTION, Outcome, Outgoing, Peer, Receiver, Role, Session, Socket, Tally};
use futures_util::{SinkExt, StreamExt};
use http::Uri;
use tokio_websockets::{ClientBuilder, Config, Error, Message, ServerBuilder, WebSocketStream};

pub const PEER: Peer = Peer {
    name: "tokio-websockets",
    package: "tokio-websockets",
    notes: "`WebSocketStream` as `Stream` and `Sink`; `feed`, and one `flush` at the end. An echo leaves the flush to the \
            next read. As `&str`: `Message::as_text`.",
    is_wide: true,
    write_buffers: OPTION,
    receive: Some(|socket, tally| receive(socket, false, tally)),
    receive_str: Some(|socket, tally| receive(socket, true, tally)),
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
    let config = Config::default();
    let config = socket.buffer.map_or(config, |size| config.flush_threshold(size));
    match role {
        Role::Server => ServerBuilder::new().config(config).serve(socket),
        Role::Client => ClientBuilder::new().config(config).take_over(socket),
    }
}

async fn events(role: Role, socket: Socket, as_str: bool, mut sink: impl FnMut(Event<'_>)) -> Result<(), Error> {
    let mut websocket = websocket(role, socket);
    while let Some(message) = websocket.next().await {
        let message = message?;
        if as_str && let Some(text) = message.as_text() {
            sink(Event::Text(text.as_bytes()));
        } else if message.is_text() {
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
        if let Err(error) = events(role, socket, false, |event| outcome.event(event)).await {
            outcome.error(error);
        }
    });
}

fn receive(socket: Socket, as_str: bool, tally: Tally) -> Session {
    session::receiving(events(Role::Server, socket, as_str, move |event| tally.event(event)))
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
