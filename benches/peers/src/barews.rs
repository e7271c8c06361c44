use crate::{
    Cork, FIXED, HEAD, HOST, Lent, Outcome, Outgoing, Peer, ROOM, Random, Receiver, Role, Session, Socket, Tally,
};
use barews::connection::{Chunk, Event, MessageKind, Transport};
use barews::deadlines::Timeouts;
use barews::handshake::{
    Accept, ClientConfig, ClientHandshake, ClientRequest, OriginPolicy, Progress, ServerConfig, ServerHandshake, Uri,
};
use barews::message::{Incoming, Message, MessageBuffer, ReceiveBuffer};
use barews::wire::{FrameHeader, MAX_CONTROL_FRAME};
use barews::{Client, Connection, ProtocolError, Server, session};
use std::hint::black_box;

pub const CHUNKS: Peer = Peer {
    name: "barews, chunks",
    package: "barews",
    notes: "`Connection::receive` on each read of the whole buffer, each chunk as it comes.",
    is_streaming: true,
    read_buffers: HOST,
    receive: Some(|socket, tally| receive(socket, false, move |chunk| tally.chunk(chunk.payload, chunk.last))),
    ..Peer::NEW
};

pub const WHOLE: Peer = Peer {
    name: "barews, whole",
    notes: "The same with `MessageBuffer`. As `&str`: `Message::text` of each message.",
    is_streaming: false,
    receive: Some(|socket, tally| whole(socket, move |message| tally.message(message.payload))),
    receive_str: Some(|socket, tally| {
        whole(socket, move |message| tally.message(message.text().expect("it is text").as_bytes()))
    }),
    ..CHUNKS
};

pub const SESSION: Peer = Peer {
    name: "barews, session",
    notes: "The loop of README: `Session`, which has the deadlines too, with a clock that stands still. Each chunk as it \
            comes.",
    is_other_way: true,
    receive: Some(session),
    ..CHUNKS
};

pub const SIZED_CHUNKS: Peer = Peer {
    name: "barews, sized chunks",
    notes: "Chunks with reads of at most 16 KiB that end at the end of the frame, as reported by `unread_payload`.",
    is_other_way: true,
    is_sized: true,
    read_buffers: FIXED,
    receive: Some(|socket, tally| receive(socket, true, move |chunk| tally.chunk(chunk.payload, chunk.last))),
    ..CHUNKS
};

pub const IN_PLACE: Peer = Peer {
    name: "barews, in place",
    notes: "`ReceiveBuffer`, in which reads continue the message that they belong to.",
    is_streaming: false,
    is_other_way: true,
    receive: Some(in_place),
    ..CHUNKS
};

pub const SEND_MESSAGES: Peer = Peer {
    name: "barews, message",
    package: "barews",
    notes: "`Connection::write_binary` into a buffer that is written when it is full: the way of a client.",
    send: Some(|role, socket, outgoing| match role {
        Role::Server => send_messages(Server, socket, outgoing),
        Role::Client => send_messages(Client(keys()), socket, outgoing),
    }),
    ..Peer::NEW
};

pub const SEND_FRAMES: Peer = Peer {
    name: "barews, frame",
    notes: "`Connection::begin_frame`: a server's payload is written from its place (`count_payload`), as in README's loop, a \
            client's is masked into blocks of 4 KiB (`copy_payload`).",
    send: Some(|role, socket, outgoing| match role {
        Role::Server => send_server_frames(socket, outgoing),
        Role::Client => send_client_frames(socket, outgoing),
    }),
    ..SEND_MESSAGES
};

pub const ECHO: Peer = Peer {
    name: "barews",
    package: "barews",
    notes: "`write_unvalidated` into a buffer that is written when it is full and after each read, for long chunks \
            `begin_frame` and `mask_payload` in place.",
    read_buffers: HOST,
    echo: Some(echo),
    ..Peer::NEW
};

pub const HANDSHAKE: Peer = Peer {
    name: "barews",
    package: "barews",
    notes: "`ServerHandshake` and `ClientHandshake` with 512 bytes of storage.",
    accept: Some(accept),
    connect: Some(connect),
    ..Peer::NEW
};

/// Returns the size of a sized read: what stays in the first-level cache, and no more than the open frame still needs.
#[inline(always)]
fn sized(unread_payload: u64) -> usize {
    const MOST: usize = 16 << 10;
    if unread_payload > 0 { unread_payload.min(MOST as u64) as usize } else { MOST }
}

fn whole(socket: Socket, mut sink: impl FnMut(Message<'_>) + 'static) -> Session {
    let mut messages = MessageBuffer::new(Lent::new(socket.longest));
    receive(socket, false, move |chunk| {
        if let Some(message) = messages.push(chunk).expect("the message fits") {
            sink(message);
        }
    })
}

fn receive(mut socket: Socket, is_sized: bool, mut sink: impl FnMut(Chunk<'_>) + 'static) -> Session {
    let mut connection = Connection::new(Server, &Default::default());
    let (mut buffer, mut frame) = (Lent::new(socket.host_buffer()), [0; MAX_CONTROL_FRAME]);
    Box::new(move || {
        loop {
            let room = if is_sized { sized(connection.unread_payload()) } else { buffer.len() };
            let Some(len) = socket.read(&mut buffer[..room]) else { return };
            let mut rest = &mut buffer[..len];
            while let got = connection.receive(rest).expect("no error")
                && let Some(event) = got.event
            {
                rest = got.rest;
                match event {
                    Event::Data(chunk) => sink(chunk),
                    _ => drain(&mut connection, &mut frame, &mut socket),
                }
            }
        }
    })
}

fn session(mut socket: Socket, tally: Tally) -> Session {
    let connection = Connection::new(Server, &Default::default());
    let mut session = session::Session::from_connection(connection, [], Timeouts::MILLISECONDS, 0);
    let (mut buffer, mut unread, mut out) = (Lent::new(socket.host_buffer()), 0..0, [0; 512]);
    Box::new(move || {
        loop {
            while let len @ 1.. = session.poll_transmit(&mut out) {
                socket.write(&out[..len]);
            }
            assert!(session.transport() != Transport::HalfClose);
            let received = session.receive(&mut buffer[unread.clone()], 0);
            unread.start = unread.end - received.rest.len();
            match received.event {
                Some(session::Event::Data(chunk)) => tally.chunk(chunk.payload, chunk.last),
                Some(_) => {}
                None => {
                    let Some(len) = socket.read(&mut buffer) else { return };
                    unread = 0..len;
                }
            }
        }
    })
}

fn in_place(mut socket: Socket, tally: Tally) -> Session {
    let mut connection = Connection::new(Server, &Default::default());
    let mut buffer = ReceiveBuffer::new(Lent::new(socket.longest + socket.host_buffer()));
    let mut frame = [0; MAX_CONTROL_FRAME];
    Box::new(move || {
        while let Some(len) = socket.read(buffer.unfilled()) {
            buffer.advance(len);
            while let Some(incoming) = buffer.receive(&mut connection).expect("no error") {
                match incoming {
                    Incoming::Message(message) => tally.message(message.payload),
                    Incoming::Event(_) => drain(&mut connection, &mut frame, &mut socket),
                }
            }
        }
    })
}

#[inline(never)]
fn drain(connection: &mut Connection<impl barews::Role>, frame: &mut [u8; MAX_CONTROL_FRAME], socket: &mut Socket) {
    while let len @ 1.. = connection.poll_transmit(frame) {
        socket.write(&frame[..len]);
    }
}

fn keys() -> impl FnMut() -> [u8; 4] {
    let mut random = Random::default();
    move || random.key()
}

fn send_messages(role: impl barews::Role + 'static, mut socket: Socket, outgoing: Outgoing) -> Session {
    let mut connection = Connection::new(role, &Default::default());
    let mut cork = Cork::new(outgoing.longest());
    Box::new(move || {
        for body in outgoing.bodies() {
            let room = cork.room(body.len() + FrameHeader::MAX_LEN, &mut socket);
            let len = connection.write_binary(body, room).expect("it fits").len();
            cork.take(len);
        }
        cork.flush(&mut socket);
    })
}

fn send_server_frames(mut socket: Socket, outgoing: Outgoing) -> Session {
    let mut connection = Connection::new(Server, &Default::default());
    let mut cork = Cork::new(0);
    Box::new(move || {
        for body in outgoing.bodies() {
            let header =
                connection.begin_frame(MessageKind::Binary, true, body.len() as u64).expect("a frame may begin");
            connection.count_payload(body).expect("it is as long as announced");
            cork.put(header.as_bytes(), &mut socket);
            cork.put(body, &mut socket);
        }
        cork.flush(&mut socket);
    })
}

fn send_client_frames(mut socket: Socket, outgoing: Outgoing) -> Session {
    let mut connection = Connection::new(Client(keys()), &Default::default());
    let mut cork = Cork::new(0);
    Box::new(move || {
        for body in outgoing.bodies() {
            let header =
                connection.begin_frame(MessageKind::Binary, true, body.len() as u64).expect("a frame may begin");
            cork.put(header.as_bytes(), &mut socket);
            for part in body.chunks(4096) {
                let room = cork.room(part.len(), &mut socket);
                let len = connection.copy_payload(part, room).expect("it is as long as announced").len();
                cork.take(len);
            }
        }
        cork.flush(&mut socket);
    })
}

fn echo(mut socket: Socket) -> Session {
    let mut connection = Connection::new(Server, &Default::default());
    let (mut buffer, mut frame, mut cork) = (Lent::new(socket.host_buffer()), [0; MAX_CONTROL_FRAME], Cork::new(0));
    Box::new(move || {
        while let Some(len) = socket.read(&mut buffer) {
            let mut rest = &mut buffer[..len];
            while let got = connection.receive(rest).expect("no error")
                && let Some(event) = got.event
            {
                rest = got.rest;
                match event {
                    Event::Data(chunk) => send_back(&mut connection, chunk, &mut cork, &mut socket),
                    _ => drain(&mut connection, &mut frame, &mut socket),
                }
            }
            cork.flush(&mut socket);
        }
    })
}

#[inline(always)]
fn send_back(connection: &mut Connection<Server>, chunk: Chunk<'_>, cork: &mut Cork, socket: &mut Socket) {
    let Chunk { kind, first, last, payload, .. } = chunk;
    if first && last && payload.len() < Cork::LONG {
        let room = cork.room(payload.len() + FrameHeader::MAX_LEN, socket);
        let len = connection.write_unvalidated(kind, payload, room).expect("it fits").len();
        return cork.take(len);
    }
    let header = connection.begin_frame(kind, last, payload.len() as u64).expect("a frame may begin");
    connection.mask_payload(payload).expect("it is as long as announced");
    cork.put(header.as_bytes(), socket);
    cork.put(payload, socket);
}

pub const RECEIVER: Receiver =
    Receiver { name: "barews", notes: "`Connection` and `MessageBuffer`, default limits.", run };

fn run(role: Role, socket: Socket, outcome: &mut Outcome) {
    match role {
        Role::Server => receive_all(Server, socket, outcome),
        Role::Client => receive_all(Client(|| [1, 2, 3, 4]), socket, outcome),
    }
}

fn receive_all(role: impl barews::Role, mut socket: Socket, outcome: &mut Outcome) {
    let mut connection = Connection::new(role, &Default::default());
    let (mut messages, mut buffer) = (MessageBuffer::new(vec![0; ROOM]), vec![0; ROOM]);
    while let Some(len) = socket.read(&mut buffer) {
        if let Err(error) = whole_messages(&mut connection, &mut messages, &mut buffer[..len], &mut socket, outcome) {
            drain(&mut connection, &mut [0; MAX_CONTROL_FRAME], &mut socket);
            outcome.error(error);
        }
    }
}

fn whole_messages(
    connection: &mut Connection<impl barews::Role>,
    messages: &mut MessageBuffer<Vec<u8>>,
    mut bytes: &mut [u8],
    socket: &mut Socket,
    outcome: &mut Outcome,
) -> Result<(), ProtocolError> {
    while let got = connection.receive(bytes)?
        && let Some(event) = got.event
    {
        bytes = got.rest;
        match event {
            Event::Data(chunk) => match messages.push(chunk).inspect_err(|&error| connection.fail(error))? {
                Some(message) if message.kind == MessageKind::Text => {
                    outcome.event(crate::Event::Text(message.payload));
                }
                Some(message) => outcome.event(crate::Event::Binary(message.payload)),
                None => {}
            },
            Event::Close(_) => outcome.event(crate::Event::Close),
            _ => {}
        }
        drain(connection, &mut [0; MAX_CONTROL_FRAME], socket);
    }
    Ok(())
}

static HANDSHAKE_CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);

fn accept(socket: &mut Socket) -> bool {
    let mut handshake = ServerHandshake::new(&HANDSHAKE_CONFIG, [0; 512]);
    let (mut buffer, mut out) = ([0; HEAD], [0; 512]);
    while let Some(len) = socket.read(&mut buffer) {
        match handshake.receive(&mut buffer[..len]) {
            Ok(Progress::Partial) => {}
            Ok(Progress::Complete { .. }) => {
                let accepted = handshake.accept(&Accept::default(), &mut out);
                return accepted.is_ok_and(|len| {
                    socket.write(&out[..len]);
                    black_box(&Connection::new(Server, &Default::default()));
                    true
                });
            }
            Err(_) => return false,
        }
    }
    false
}

fn connect(socket: &mut Socket) -> bool {
    let uri = Uri::parse("ws://example.com/chat").expect("a URI");
    let mut random = Random::default();
    let mut nonce = [0; 16];
    nonce.iter_mut().for_each(|byte| *byte = random.draw() as u8);
    let mut handshake = ClientHandshake::new(&ClientConfig::DEFAULT, nonce, [0; 512]);
    let mut buffer = [0; HEAD];
    let len = handshake.request(&ClientRequest::new(uri), &mut buffer).expect("it fits");
    socket.write(&buffer[..len]);
    while let Some(len) = socket.read(&mut buffer) {
        match handshake.receive(&mut buffer[..len]) {
            Ok(Progress::Partial) => {}
            Ok(Progress::Complete { .. }) => {
                let connection = handshake.connect(keys(), &Default::default());
                return black_box(connection).is_ok();
            }
            Err(_) => return false,
        }
    }
    false
}
