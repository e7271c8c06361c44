use super::{CORK, Cork, HEAD, Peer, READ, Role};
use crate::lent::Lent;
use crate::session::Session;
use crate::socket::Socket;
use crate::tally::Tally;
use crate::workload::Outgoing;
use nexus_web::ws::{self, Client, ClientBuilder, FrameReader, FrameWriter, Message};
use std::hint::black_box;

pub const PEER: Peer = Peer {
    name: "nexus-web",
    package: "nexus-web",
    notes: "`ws::Client::recv`, which serves both roles; Pongs are the application's. Text in one frame that a read \
            cuts is not validated. It sends with `FrameWriter` into a buffer of ours: `Client` writes each message \
            by itself and none that is longer than its buffer.",
    is_wide: true,
    receive: Some(receive),
    send: Some(send),
    echo: Some(echo),
    accept: Some(|socket| black_box(builder().accept(socket)).is_ok()),
    connect: Some(|socket| black_box(builder().connect_with(socket, "ws://example.com/chat")).is_ok()),
    ..Peer::NEW
};

fn server(socket: Socket) -> Client<Socket> {
    let longest = socket.longest;
    let buffers = FrameReader::builder().buffer_capacity(longest + READ).message_capacity(longest);
    let (reader, writer) = ws::pair_with(ws::Role::Server, buffers);
    Client::from_parts(socket, reader, writer)
}

fn receive(socket: Socket, tally: Tally) -> Session {
    let (mut client, mut writer, mut pong) = (server(socket), FrameWriter::new(ws::Role::Server), [0; 127]);
    Box::new(move || {
        while let Some(message) = client.recv().expect("no error") {
            match message {
                Message::Text(text) => tally.message(text.as_bytes()),
                Message::Binary(payload) => tally.message(payload),
                Message::Ping(payload) => {
                    let len = writer.encode_pong(payload, &mut pong).expect("it is short");
                    client.stream_mut().write(&pong[..len]);
                }
                _ => {}
            }
        }
    })
}

fn send(role: Role, mut socket: Socket, outgoing: Outgoing) -> Session {
    let mut writer = FrameWriter::new(match role {
        Role::Server => ws::Role::Server,
        Role::Client => ws::Role::Client,
    });
    let mut cork = Cork::new(outgoing.longest());
    Box::new(move || {
        for body in outgoing.bodies() {
            let len = writer.max_encoded_len(body.len());
            let len = writer.encode_binary(body, cork.room(len, &mut socket));
            cork.take(len);
        }
        cork.flush(&mut socket);
    })
}

fn echo(socket: Socket) -> Session {
    let (mut out, mut filled) = (Lent::new(CORK + socket.longest + 14), 0);
    let (mut client, mut writer) = (server(socket), FrameWriter::new(ws::Role::Server));
    Box::new(move || {
        while let Some(message) = client.recv().expect("no error") {
            if let Message::Binary(payload) = message {
                filled += writer.encode_binary(payload, &mut out[filled..]);
            }
            if filled >= CORK {
                client.stream_mut().write(&out[..filled]);
                filled = 0;
            }
        }
        client.stream_mut().write(&out[..filled]);
        filled = 0;
    })
}

/// For handshakes: no large buffers.
fn builder() -> ClientBuilder {
    ClientBuilder::new().buffer_capacity(HEAD).write_buffer_capacity(HEAD)
}
