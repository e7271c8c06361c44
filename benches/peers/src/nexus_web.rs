use crate::{
    CORK, Cork, Event, HEAD, Lent, OPTION, Outcome, Outgoing, Peer, ROOM, Receiver, Role, Session, Socket, Tally,
};
use nexus_web::ws::{self, Client, ClientBuilder, Error, FrameReader, FrameReaderBuilder, FrameWriter, Message};
use std::hint::black_box;

pub const PEER: Peer = Peer {
    name: "nexus-web",
    package: "nexus-web",
    notes: "`ws::Client::recv`, which serves both roles; the application sends Pongs. Text in one frame that a read \
            cuts is not validated. It sends with `FrameWriter` into a buffer of ours: `Client` writes each message \
            separately, and none that is longer than its buffer.",
    is_wide: true,
    read_buffers: OPTION,
    receive: Some(receive),
    receive_str: Some(receive),
    send: Some(send),
    echo: Some(echo),
    accept: Some(|socket| black_box(builder().accept(socket)).is_ok()),
    connect: Some(|socket| black_box(builder().connect_with(socket, "ws://example.com/chat")).is_ok()),
    ..Peer::NEW
};

pub const RECEIVER: Receiver = Receiver {
    name: "nexus-web",
    notes: "`ws::Client::recv`, which serves both roles; a buffer of 256 KiB. The application sends replies.",
    run,
};

fn role_of(role: Role) -> ws::Role {
    match role {
        Role::Server => ws::Role::Server,
        Role::Client => ws::Role::Client,
    }
}

fn client(role: Role, socket: Socket, buffers: FrameReaderBuilder) -> Client<Socket> {
    let (reader, writer) = ws::pair_with(role_of(role), buffers);
    Client::from_parts(socket, reader, writer)
}

fn server(socket: Socket) -> Client<Socket> {
    // Besides a whole message. Without that its default is 1 MiB.
    let (longest, more) = (socket.longest, socket.buffer.unwrap_or(1 << 20));
    client(Role::Server, socket, FrameReader::builder().buffer_capacity(longest + more).message_capacity(longest))
}

/// Receives until there is nothing to read. `writer` answers Pings.
#[inline]
fn events(client: &mut Client<Socket>, writer: &mut FrameWriter, mut sink: impl FnMut(Event<'_>)) -> Result<(), Error> {
    let mut pong = [0; 131];
    while let Some(message) = client.recv()? {
        match message {
            Message::Text(text) => sink(Event::Text(text.as_bytes())),
            Message::Binary(payload) => sink(Event::Binary(payload)),
            Message::Ping(payload) => {
                let len = writer.encode_pong(payload, &mut pong).expect("it is short");
                client.stream_mut().write(&pong[..len]);
            }
            Message::Close(_) => sink(Event::Close),
            _ => {}
        }
    }
    Ok(())
}

fn run(role: Role, socket: Socket, outcome: &mut Outcome) {
    let mut client = client(role, socket, FrameReader::builder().buffer_capacity(ROOM));
    let mut writer = FrameWriter::new(role_of(role));
    if let Err(error) = events(&mut client, &mut writer, |event| outcome.event(event)) {
        outcome.error(error);
    }
}

fn receive(socket: Socket, tally: Tally) -> Session {
    let (mut client, mut writer) = (server(socket), FrameWriter::new(ws::Role::Server));
    Box::new(move || events(&mut client, &mut writer, |event| tally.event(event)).expect("no error"))
}

fn send(role: Role, mut socket: Socket, outgoing: Outgoing) -> Session {
    let mut writer = FrameWriter::new(role_of(role));
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
