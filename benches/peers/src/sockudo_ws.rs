use crate::session;
use crate::{CORK, Event, HEAD, HOST, OPTION, Outcome, Outgoing, Peer, Receiver, Role, Session, Socket, Tally};
use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::protocol::Protocol;
use sockudo_ws::{Config, Error, Message, WebSocketStream, handshake};
use std::hint::black_box;

pub const PEER: Peer = Peer {
    name: "sockudo-ws",
    package: "sockudo-ws",
    notes: "`WebSocketStream` as `Stream` and `Sink`; `feed`, and one `flush` at the end. An echo leaves the flush to the \
            next read. As `&str`: `Message::as_text`, which validates again.",
    is_wide: true,
    write_buffers: OPTION,
    receive: Some(|socket, tally| receive(socket, false, tally)),
    receive_str: Some(|socket, tally| receive(socket, true, tally)),
    send: Some(send),
    echo: Some(echo),
    ..Peer::NEW
};

pub const PROTOCOL: Peer = Peer {
    name: "sockudo-ws, Protocol",
    notes: "`Protocol::process_into` and `encode_message`, without the stream around them: it reads into a \
            `BytesMut`, and writes another when it is full and when there is nothing more to read or to send. The \
            functions of its module `handshake`, without I/O.",
    read_buffers: HOST,
    write_buffers: HOST,
    receive: Some(|socket, tally| protocol_receive(socket, false, tally)),
    receive_str: Some(|socket, tally| protocol_receive(socket, true, tally)),
    send: Some(protocol_send),
    echo: Some(protocol_echo),
    accept: Some(accept),
    connect: Some(connect),
    ..PEER
};

pub const RECEIVER: Receiver =
    Receiver { name: "sockudo-ws", notes: "`WebSocketStream`, default configuration, which checks text.", run };

fn websocket(role: Role, socket: Socket) -> WebSocketStream<Socket> {
    let mut config = Config::default();
    config.write_buffer_size = socket.buffer.unwrap_or(config.write_buffer_size);
    match role {
        Role::Server => WebSocketStream::server(socket, config),
        Role::Client => WebSocketStream::client(socket, config),
    }
}

async fn events(role: Role, socket: Socket, as_str: bool, mut sink: impl FnMut(Event<'_>)) -> Result<(), Error> {
    let mut websocket = websocket(role, socket);
    while let Some(message) = websocket.next().await {
        let message = message?;
        if as_str && let Some(text) = message.as_text() {
            sink(Event::Text(text.as_bytes()));
            continue;
        }
        match message {
            Message::Text(payload) => sink(Event::Text(&payload)),
            Message::Binary(payload) => sink(Event::Binary(&payload)),
            Message::Close(_) => sink(Event::Close),
            _ => {}
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
                websocket.feed(Message::Binary(body.clone())).await.expect("it is taken");
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

fn protocol(role: Role) -> Protocol {
    let role = match role {
        Role::Server => sockudo_ws::Role::Server,
        Role::Client => sockudo_ws::Role::Client,
    };
    let Config { max_frame_size, max_message_size, .. } = Config::default();
    Protocol::new(role, max_frame_size, max_message_size)
}

/// Passes on each message, and after each read writes the bytes that `on_message` has put into the buffer.
fn serve(mut socket: Socket, mut on_message: impl FnMut(&mut Protocol, &Message, &mut BytesMut) + 'static) -> Session {
    let (mut protocol, mut messages) = (protocol(Role::Server), Vec::new());
    let (room, mut buffer, mut out) = (socket.host_buffer(), BytesMut::new(), BytesMut::with_capacity(CORK));
    Box::new(move || {
        while let Some(bytes) = socket.take(room) {
            buffer.extend_from_slice(bytes);
            protocol.process_into(&mut buffer, &mut messages).expect("no error");
            for message in messages.drain(..) {
                on_message(&mut protocol, &message, &mut out);
                if out.len() >= CORK {
                    flush(&mut socket, &mut out);
                }
            }
            flush(&mut socket, &mut out);
        }
    })
}

fn flush(socket: &mut Socket, out: &mut BytesMut) {
    socket.write(out);
    out.clear();
}

fn protocol_receive(socket: Socket, as_str: bool, tally: Tally) -> Session {
    serve(socket, move |protocol, message, out| match message {
        Message::Text(_) if as_str => tally.message(message.as_text().expect("it is text").as_bytes()),
        Message::Text(payload) | Message::Binary(payload) => tally.message(payload),
        Message::Ping(payload) => protocol.encode_pong(payload, out),
        _ => {}
    })
}

fn protocol_echo(socket: Socket) -> Session {
    serve(socket, |protocol, message, out| protocol.encode_message(message, out).expect("it is encoded"))
}

fn protocol_send(role: Role, mut socket: Socket, outgoing: Outgoing) -> Session {
    let room = socket.buffer.unwrap_or(CORK);
    let (mut protocol, mut out) = (protocol(role), BytesMut::with_capacity(room));
    Box::new(move || {
        for body in outgoing.bodies() {
            protocol.encode_message(&Message::Binary(body.clone()), &mut out).expect("it is encoded");
            if out.len() >= room {
                flush(&mut socket, &mut out);
            }
        }
        flush(&mut socket, &mut out);
    })
}

fn accept(socket: &mut Socket) -> bool {
    let mut buffer = [0; HEAD];
    let Some(len) = socket.read(&mut buffer) else { return false };
    let Ok(Some((request, _))) = handshake::parse_request(&buffer[..len]) else { return false };
    let key = handshake::generate_accept_key(request.key);
    socket.write(&handshake::build_response(&key, None, None));
    black_box(&protocol(Role::Server));
    true
}

fn connect(socket: &mut Socket) -> bool {
    let (mut buffer, key) = ([0; HEAD], handshake::generate_key());
    socket.write(&handshake::build_request("example.com", "/chat", &key, None, None));
    let Some(len) = socket.read(&mut buffer) else { return false };
    let Ok(Some((response, _))) = handshake::parse_response(&buffer[..len]) else { return false };
    black_box(&protocol(Role::Client));
    // It offered no subprotocol and no extension.
    response.protocol.or(response.extensions).is_none()
        && response.accept.is_some_and(|accept| handshake::validate_accept_key(&key, accept))
}
