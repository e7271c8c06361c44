//! Receiving and sending.

use crate::{Case, Work};
use barews::connection::{Config, Event, MessageKind, Outgoing};
use barews::deadlines::{Deadlines, Timeouts};
use barews::message::{Incoming, MessageBuffer, ReceiveBuffer};
use barews::session::Session;
use barews::{Client, Connection, Server};
use std::hint::black_box;

pub const CASES: &[Case] = &[
    ("receive binary 16 B", || receive(MessageKind::Binary, BINARY, &[16; 1000])),
    ("receive binary 125 B", || receive(MessageKind::Binary, BINARY, &[125; 1000])),
    ("receive binary 1 KiB", || receive(MessageKind::Binary, BINARY, &[1 << 10; 100])),
    ("receive binary 64 KiB", || receive(MessageKind::Binary, BINARY, &[1 << 16; 10])),
    ("receive binary 1-300 B", || receive(MessageKind::Binary, BINARY, &mixed())),
    ("receive ASCII 16 B", || receive(MessageKind::Text, ASCII, &[16; 1000])),
    ("receive ASCII 125 B", || receive(MessageKind::Text, ASCII, &[125; 1000])),
    ("receive ASCII 1 KiB", || receive(MessageKind::Text, ASCII, &[1 << 10; 100])),
    ("receive ASCII 64 KiB", || receive(MessageKind::Text, ASCII, &[1 << 16; 10])),
    ("receive ASCII 1-300 B", || receive(MessageKind::Text, ASCII, &mixed())),
    ("receive Korean 126 B", || receive(MessageKind::Text, KOREAN, &[126; 1000])),
    ("receive Korean 1 KiB", || receive(MessageKind::Text, KOREAN, &[1 << 10; 100])),
    ("receive Korean 64 KiB", || receive(MessageKind::Text, KOREAN, &[1 << 16; 10])),
    ("receive Ping 4 B", pings),
    ("receive binary 16 B, with deadlines", || parts(&[16; 1000])),
    ("receive binary 16 B, by session", || session(&[16; 1000])),
    ("receive binary 1 KiB, with deadlines", || parts(&[1 << 10; 100])),
    ("receive binary 1 KiB, by session", || session(&[1 << 10; 100])),
    ("64 KiB in reads of 1,460 B", || reads(1460)),
    ("64 KiB in fragments of 1 KiB with Pings", fragments),
    ("16 KiB whole in reads of 1,460 B", || whole(1460)),
    ("16 KiB in a ReceiveBuffer, reads of 1,460 B and their copies", || in_place(1 << 14, 40)),
    ("16 B in a ReceiveBuffer, reads of 1,460 B and their copies", || in_place(16, 1000)),
    ("client sends 16 B", || send(client(), &[16; 1000])),
    ("client sends 1 KiB", || send(client(), &[1 << 10; 100])),
    ("client sends 64 KiB", || send(client(), &[1 << 16; 10])),
    ("server sends 16 B", || send(server(), &[16; 1000])),
    ("server sends 1 KiB", || send(server(), &[1 << 10; 100])),
    ("server sends 64 KiB in fragments", cut),
];

const BINARY: &str = "\u{0}binary\u{7}";
const ASCII: &str = "The quick brown fox jumps over the lazy dog. ";
const KOREAN: &str = "안녕하세요 ";

fn mixed() -> Vec<usize> {
    let mut seed = 1u32;
    let mut size = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        1 + (seed >> 16) as usize % 300
    };
    (0..1000).map(|_| size()).collect()
}

fn server() -> Connection<Server> {
    Connection::new(Server, &Config::DEFAULT)
}

fn client() -> Connection<Client<impl FnMut() -> [u8; 4]>> {
    let mut key = 0x1234_5678_u32;
    let keys = move || {
        key = key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        key.to_be_bytes()
    };
    Connection::new(Client(keys), &Config::DEFAULT)
}

/// Repeats `text` to a length of `len` bytes. Instead of an incomplete character there are spaces.
fn body(text: &str, len: usize) -> Vec<u8> {
    let whole: String = text
        .chars()
        .cycle()
        .scan(0, |at, char| {
            *at += char.len_utf8();
            (*at <= len).then_some(char)
        })
        .collect();
    [whole.as_bytes(), &b"  "[..len - whole.len()]].concat()
}

/// Returns messages as a client sends them.
fn stream(kind: MessageKind, text: &str, sizes: &[usize]) -> Vec<u8> {
    let (mut client, mut stream) = (client(), Vec::new());
    let mut out = vec![0; 14 + (1 << 16)];
    for size in sizes {
        let len = client.write_unvalidated(kind, &body(text, *size), &mut out).unwrap().len();
        stream.extend_from_slice(&out[..len]);
    }
    stream
}

/// Receives all bytes, and answers Pings.
fn drain(connection: &mut Connection<Server>, mut bytes: &mut [u8]) {
    loop {
        let received = connection.receive(bytes).unwrap();
        let Some(event) = black_box(received.event) else { return };
        if matches!(event, Event::Ping) {
            let mut out = [0; 8];
            black_box(connection.poll_transmit(&mut out));
        }
        bytes = received.rest;
    }
}

fn receive(kind: MessageKind, text: &str, sizes: &[usize]) -> Work {
    let mut stream = stream(kind, text, sizes);
    Work::new(sizes.len(), move || drain(&mut server(), &mut stream))
}

/// Does by hand what a session does: reports to the deadlines, and drains when something can be due.
fn parts(sizes: &[usize]) -> Work {
    let mut stream = stream(MessageKind::Binary, BINARY, sizes);
    Work::new(sizes.len(), move || {
        let (mut server, mut deadlines, mut out) = (server(), Deadlines::new(Timeouts::MILLISECONDS, 0), [0; 131]);
        deadlines.on_open(0);
        deadlines.on_bytes(1);
        let mut bytes = &mut stream[..];
        loop {
            let received = server.receive(bytes).unwrap();
            let Some(event) = black_box(received.event) else { return };
            match event {
                Event::Data(_) => deadlines.on_message(1),
                Event::Pong => drop(deadlines.on_pong(server.control_payload(), 1)),
                _ => _ = black_box(server.poll_transmit(&mut out)),
            }
            bytes = received.rest;
        }
    })
}

fn session(sizes: &[usize]) -> Work {
    let mut stream = stream(MessageKind::Binary, BINARY, sizes);
    Work::new(sizes.len(), move || {
        let mut session = Session::from_connection(server(), [0; 0], Timeouts::MILLISECONDS, 0);
        let (mut bytes, mut out) = (&mut stream[..], [0; 131]);
        loop {
            let received = session.receive(bytes, 1);
            if received.is_due {
                black_box(session.poll_transmit(&mut out));
            }
            if black_box(received.event).is_none() {
                return;
            }
            bytes = received.rest;
        }
    })
}

fn pings() -> Work {
    let (mut client, mut stream, mut out) = (client(), Vec::new(), [0; 10]);
    for _ in 0..1000 {
        let len = client.write_ping(b"ping", &mut out).unwrap().len();
        stream.extend_from_slice(&out[..len]);
    }
    Work::new(1000, move || drain(&mut server(), &mut stream))
}

fn reads(size: usize) -> Work {
    let mut stream = stream(MessageKind::Text, ASCII, &[1 << 16; 10]);
    Work::new(10, move || {
        let mut server = server();
        stream.chunks_mut(size).for_each(|read| drain(&mut server, read));
    })
}

fn fragments() -> Work {
    let (mut client, mut stream, mut out) = (client(), Vec::new(), [0; 1 << 11]);
    let text = body(ASCII, 1 << 16);
    for _ in 0..10 {
        let mut message = Outgoing::unvalidated(MessageKind::Text, &text);
        while !message.is_complete() {
            let len = client.write_fragment(&mut message, &mut out[..(1 << 10) + 8]).unwrap().len();
            let ping = client.write_ping(b"ping", &mut out[len..]).unwrap().len();
            stream.extend_from_slice(&out[..len + ping]);
        }
    }
    Work::new(10, move || drain(&mut server(), &mut stream))
}

fn whole(size: usize) -> Work {
    let mut stream = stream(MessageKind::Binary, BINARY, &[1 << 14; 40]);
    let mut buffer = MessageBuffer::new(vec![0; 1 << 14]);
    Work::new(40, move || {
        let (mut server, mut messages) = (server(), 0);
        for mut read in stream.chunks_mut(size) {
            while let Ok(received) = server.receive(read) {
                let Some(event) = received.event else { break };
                if let Event::Data(chunk) = event {
                    messages += usize::from(black_box(buffer.push(chunk)).unwrap().is_some());
                }
                read = received.rest;
            }
        }
        assert_eq!(messages, 40);
    })
}

fn in_place(size: usize, count: usize) -> Work {
    let stream = stream(MessageKind::Binary, BINARY, &vec![size; count]);
    let mut buffer = ReceiveBuffer::new(vec![0; 1 << 15]);
    Work::new(count, move || {
        let (mut server, mut messages) = (server(), 0);
        for read in stream.chunks(1460) {
            buffer.unfilled()[..read.len()].copy_from_slice(read);
            buffer.advance(read.len());
            while let Ok(Some(Incoming::Message(message))) = buffer.receive(&mut server) {
                black_box(message.payload);
                messages += 1;
            }
        }
        assert_eq!(messages, count);
    })
}

fn send<R: barews::Role + 'static>(mut connection: Connection<R>, sizes: &'static [usize]) -> Work {
    let bodies: Vec<_> = sizes.iter().map(|size| body(ASCII, *size)).collect();
    let mut out = vec![0; 14 + (1 << 16)];
    Work::new(sizes.len(), move || {
        for body in &bodies {
            _ = black_box(connection.write_binary(body, &mut out)).unwrap();
            black_box(&mut out);
        }
    })
}

fn cut() -> Work {
    let (text, mut out) = (body(ASCII, 1 << 16), vec![0; 1 << 12]);
    Work::new(10, move || {
        let mut server = server();
        for _ in 0..10 {
            let mut message = Outgoing::unvalidated(MessageKind::Text, &text);
            while !message.is_complete() {
                _ = black_box(server.write_fragment(&mut message, &mut out)).unwrap();
            }
        }
    })
}
