//! barews, driven as its documentation says.

#![no_std]
#![no_main]

use barews::connection::{Config, Event, MessageKind, Written};
use barews::message::MessageBuffer;
use barews::wire::MAX_CONTROL_FRAME;
use barews::{Client, Connection, Role, Server};
use cortex_m_bench::{Aligned, Frame, KEY, Kind, LONGEST, ROOM, fail, random, receives, sends, sink};

cortex_m_bench::program!({
    receives("a server receives binary", Kind::Binary, Some(KEY), |frame, messages| chunks(server(), frame, messages));
    receives("a server receives binary, whole", Kind::Binary, Some(KEY), |frame, messages| {
        whole(server(), frame, messages)
    });
    receives("a server receives text", Kind::Text, Some(KEY), |frame, messages| chunks(server(), frame, messages));
    receives("a server receives text, whole", Kind::Text, Some(KEY), |frame, messages| {
        whole(server(), frame, messages)
    });
    sends("a server sends binary", Kind::Binary, None, |frame, messages| send(server(), frame, messages));
    sends("a server sends binary, apart", Kind::Binary, None, send_apart);
    receives("a client receives binary", Kind::Binary, None, |frame, messages| chunks(client(), frame, messages));
    sends("a client sends binary", Kind::Binary, Some(KEY), |frame, messages| send(client(), frame, messages));
});

fn server() -> Connection<Server> {
    Connection::new(Server, &Config::DEFAULT)
}

type Keys = fn() -> [u8; 4];

fn client() -> Connection<Client<Keys>> {
    Connection::new(Client(|| random().to_le_bytes()), &Config::DEFAULT)
}

#[inline(never)]
fn chunks<R: Role>(connection: Connection<R>, frame: &Frame, messages: u32) {
    receive(connection, frame, messages, |_, event| {
        if let Event::Data(chunk) = event {
            sink(chunk.payload);
        }
    });
}

#[inline(never)]
fn whole<R: Role>(connection: Connection<R>, frame: &Frame, messages: u32) {
    let mut buffer = MessageBuffer::new([0; LONGEST]);
    receive(connection, frame, messages, |connection, event| {
        if let Event::Data(chunk) = event {
            match buffer.push(chunk) {
                Ok(Some(message)) => sink(message.payload),
                Ok(None) => {}
                Err(error) => connection.fail(error),
            }
        }
    });
}

#[inline(always)]
fn receive<R: Role>(
    mut connection: Connection<R>,
    frame: &Frame,
    messages: u32,
    mut handle: impl FnMut(&mut Connection<R>, Event<'_>),
) {
    let (Aligned(rx), tx) = (&mut Aligned([0; ROOM]), &mut [0; MAX_CONTROL_FRAME]);
    for _ in 0..messages {
        let len = frame.read(rx);
        let mut rest = rx.get_mut(..len).unwrap_or_default();
        loop {
            match connection.receive(rest) {
                Ok(received) => {
                    rest = received.rest;
                    match received.event {
                        Some(event) => handle(&mut connection, event),
                        None => break,
                    }
                }
                Err(_) => fail("receive"),
            }
        }
        while let len @ 1.. = connection.poll_transmit(tx) {
            sink(tx.get(..len).unwrap_or_default());
        }
    }
}

#[inline(never)]
fn send<R: Role>(mut connection: Connection<R>, frame: &Frame, messages: u32) {
    let Aligned(tx) = &mut Aligned([0; ROOM]);
    for _ in 0..messages {
        match connection.write_binary(frame.payload(), tx) {
            Ok(Written(len)) => sink(tx.get(..len).unwrap_or_default()),
            Err(_) => fail("send"),
        }
    }
}

/// The payload is written to the transport from its place.
#[inline(never)]
fn send_apart(frame: &Frame, messages: u32) {
    let mut connection = server();
    for _ in 0..messages {
        let payload = frame.payload();
        match connection.begin_frame(MessageKind::Binary, true, payload.len() as u64) {
            Ok(header) if connection.count_payload(payload).is_ok() => {
                sink(header.as_bytes());
                sink(payload);
            }
            _ => fail("send"),
        }
    }
}
