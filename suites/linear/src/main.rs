//! Inputs designed to be slow, each of a size and of [`TIMES`] that size. `run` counts the instructions of each call of
//! [`measure`]. This program prints a line for each call: the name of the case and the bytes of its input.

use barews::connection::{Chunk, Config, Event, MessageKind, Outgoing};
use barews::deflate::{Deflater, Direction, Inflater, Level, RSV1};
use barews::handshake::{ClientConfig, ClientHandshake, OriginPolicy, Progress, ServerConfig, ServerHandshake};
use barews::message::MessageBuffer;
use barews::wire::{MAX_CONTROL_FRAME, Rsv};
use barews::{Client, Connection, HandshakeError, Role, Server};
use std::hint::black_box;

const SMALL: usize = 4 << 10;
const STORAGE: usize = 60 << 10;
const TIMES: usize = 4;

fn main() {
    control();
    heads();
    lists();
    responses();
    frames();
    fragments();
    inflating();
    deflating();
}

#[inline(never)]
fn measure(work: &mut dyn FnMut()) {
    black_box(work)();
}

/// Measures a case. `make` returns an input of about this many bytes, and `work` passes it to the engine, with storage.
fn case(name: &str, make: impl Fn(usize) -> Vec<u8>, work: impl Fn(&mut [u8], &mut [u8])) {
    for size in [SMALL, SMALL * TIMES] {
        let (mut input, mut storage) = (make(size), vec![0; STORAGE]);
        measure(&mut || work(&mut input, &mut storage));
        println!("{}\t{}", name.escape_debug(), input.len());
    }
}

/// Returns the name of a case whose input arrives in reads of this many bytes.
fn named(name: &str, read: usize) -> String {
    match read {
        usize::MAX => format!("{name}, in one read"),
        1 => format!("{name}, byte by byte"),
        _ => format!("{name}, in reads of {read}"),
    }
}

/// A case of quadratic work, which `run` must detect.
fn control() {
    let look = |bytes: &mut [u8], _: &mut [u8]| {
        let sum = (0..bytes.len()).map(|end| black_box(&bytes[..end]).iter().map(|b| u64::from(*b)).sum::<u64>());
        black_box(sum.sum::<u64>());
    };
    case("quadratic", |size| vec![1; size], look);
}

/// Repeats `unit` to a size, between `start` and `end`.
fn repeated(start: &'static str, unit: &'static str, end: &'static str) -> impl Fn(usize) -> Vec<u8> {
    move |size| [start, &unit.repeat(size / unit.len()), end].concat().into_bytes()
}

fn server_config() -> ServerConfig<'static> {
    ServerConfig {
        subprotocols: &["superchat", "chat"],
        keep: &["cookie", "sec-websocket-keyring"],
        max_head_size: usize::MAX,
        max_fields: usize::MAX,
        ..ServerConfig::new(OriginPolicy::SameOrigin)
    }
}

/// Runs a server's handshake in reads of this many bytes; then the host reads everything once.
fn serve(read: usize, expected: Result<(), HandshakeError>) -> impl Fn(&mut [u8], &mut [u8]) {
    move |bytes, storage| {
        let config = server_config();
        let mut handshake = ServerHandshake::new(&config, storage);
        let mut outcome = Ok(Progress::Partial);
        for piece in bytes.chunks_mut(read) {
            outcome = handshake.receive(piece);
            if outcome != Ok(Progress::Partial) {
                break;
            }
        }
        assert_eq!(outcome.map(drop), expected);
        if let Some(request) = handshake.request() {
            black_box((request.target(), request.host(), request.origin(), request.subprotocol()));
            black_box(request.fields("Cookie").map(<[u8]>::len).sum::<usize>());
            black_box(request.extensions().flat_map(|extension| extension.params()).count());
        }
    }
}

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn heads() {
    let lines: [(&str, &str, &str, &str); 7] = [
        ("a field that does not matter", "X: ", "a", "\r\n"),
        ("a field that is kept", "Cookie: ", "a", "\r\n"),
        ("a field of spaces that is kept", "Cookie: ", " ", "x\r\n"),
        ("a name without an end", "", "a", ": \r\n"),
        ("names that nearly matter", "", "Sec-WebSocket-Keyrin: a\r\n", ""),
        ("names that matter", "", "Sec-WebSocket-Keyring: a\r\n", ""),
        ("empty fields that are kept", "", "Cookie:\r\n", ""),
    ];
    for (name, start, unit, end) in lines {
        let input = |size| [UPGRADE.as_bytes(), &repeated(start, unit, end)(size), b"\r\n"].concat();
        for read in [1, 100, usize::MAX] {
            case(&named(&format!("request, {name}"), read), input, serve(read, Ok(())));
        }
    }
    case("request, empty lines", repeated("", "\r\n", ""), serve(1, Ok(())));
    case("request, a long target", repeated("GET /", "a", " HTTP/1.1\r\nHost: a\r\n\r\n"), serve(1, Ok(())));
}

fn lists() {
    use HandshakeError::{Extensions, Subprotocol};
    let values: [(&str, &str, &str, Result<(), HandshakeError>); 12] = [
        ("Sec-WebSocket-Protocol: a", " ", ",b", Ok(())),
        ("Sec-WebSocket-Protocol: a", " ", "b", Err(Subprotocol)),
        ("Sec-WebSocket-Protocol: a", ", b", "", Ok(())),
        ("Sec-WebSocket-Protocol: a", ",", "", Ok(())),
        ("Sec-WebSocket-Extensions: a", ";a", "", Ok(())),
        ("Sec-WebSocket-Extensions: a", ",a;b=c", "", Ok(())),
        ("Sec-WebSocket-Extensions: a;b=\"", "\\c", "\"", Ok(())),
        ("Sec-WebSocket-Extensions: a;b=\"", "\\\"", "", Err(Extensions)),
        ("Sec-WebSocket-Extensions: a", ";b=\"c", "", Err(Extensions)),
        ("Sec-WebSocket-Extensions: a", " ;\t ", "", Err(Extensions)),
        ("Sec-WebSocket-Extensions: a;b=", "\"", "", Err(Extensions)),
        ("Connection: a", ", ,", "", Ok(())),
    ];
    for (start, unit, end, expected) in values {
        let input = |size| [UPGRADE.as_bytes(), &repeated(start, unit, end)(size), b"\r\n\r\n"].concat();
        case(&format!("request, {start}{unit}{unit}...{end}"), input, serve(usize::MAX, expected));
    }
    let fields = |size| [UPGRADE.as_bytes(), &repeated("", "Sec-WebSocket-Extensions: a\r\n", "\r\n")(size)].concat();
    case("request, extensions in many fields", fields, serve(1, Ok(())));
}

fn responses() {
    let accept = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let connect = |read: usize| {
        move |bytes: &mut [u8], storage: &mut [u8]| {
            let config = ClientConfig {
                extensions: "foo; bar, baz",
                max_head_size: usize::MAX,
                max_fields: usize::MAX,
                ..ClientConfig::DEFAULT
            };
            let mut handshake = ClientHandshake::new(&config, *b"the sample nonce", storage);
            let mut pieces = bytes.chunks_mut(read);
            let complete = |piece| matches!(handshake.receive(piece).expect("good"), Progress::Complete { .. });
            assert!(pieces.any(complete));
            assert!(handshake.connect(|| [0; 4], &Config::DEFAULT).is_ok());
        }
    };
    for (name, start, unit, end) in [
        ("interim responses", "", "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n", accept),
        ("extensions", "Sec-WebSocket-Extensions: foo", ", baz;a=b", "\r\n"),
        ("a field that does not matter", "X: ", "a", "\r\n"),
    ] {
        let input = |size| match start {
            "" => [&repeated(start, unit, end)(size)[..], b"\r\n"].concat(),
            _ => [accept.as_bytes(), &repeated(start, unit, end)(size), b"\r\n"].concat(),
        };
        for read in [1, usize::MAX] {
            case(&named(&format!("response, {name}"), read), input, connect(read));
        }
    }
}

/// Returns a frame for a server. Its masking key is zero, so that the payload is not changed.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).expect("a short frame");
    let mut frame = vec![first, 0x80 | len.min(126) as u8];
    if len >= 126 {
        frame.extend(len.to_be_bytes());
    }
    [&frame[..], &[0; 4], payload].concat()
}

/// Receives in reads of this many bytes. If not `drains`, it sends nothing, as if the peer never read.
fn receive<R: Role>(connection: &mut Connection<R>, bytes: &mut [u8], read: usize, drains: bool) {
    let mut out = [0; MAX_CONTROL_FRAME];
    for mut rest in bytes.chunks_mut(read) {
        loop {
            let received = connection.receive(rest).expect("a valid stream");
            rest = received.rest;
            if black_box(received.event).is_none() {
                break;
            }
            if drains {
                black_box(connection.poll_transmit(&mut out));
            }
        }
    }
}

fn frames() {
    let cases: [(&str, Vec<u8>, bool); 7] = [
        ("Pings that are answered", frame(0x89, b"ping"), true),
        ("Pings that are not answered", frame(0x89, &[7; 100]), false),
        ("Pongs", frame(0x8A, b"pong"), true),
        ("messages of nothing", frame(0x82, b""), true),
        ("messages of a byte", frame(0x82, b"b"), true),
        ("texts", frame(0x81, "한국어".as_bytes()), true),
        ("long texts", frame(0x81, "aé漢😀".repeat(100).as_bytes()), true),
    ];
    for (name, unit, drains) in cases {
        for read in [1, 3, usize::MAX] {
            let input = |size: usize| unit.repeat(size / unit.len());
            let work = |bytes: &mut [u8], _: &mut [u8]| {
                let mut connection = Connection::new(Server, &Config::DEFAULT);
                receive(&mut connection, bytes, read, drains);
            };
            case(&named(name, read), input, work);
        }
    }
}

fn fragments() {
    for (name, unit, first) in [
        ("empty fragments", frame(0x00, b""), 0x01),
        ("fragments of a byte", frame(0x00, b"f"), 0x02),
        ("a character in pieces", [0xF0, 0x9F, 0x98, 0x80].map(|byte| frame(0x00, &[byte])).concat(), 0x01),
        ("fragments and Pings", [frame(0x00, b"f"), frame(0x89, b"ping")].concat(), 0x02),
    ] {
        for read in [1, usize::MAX] {
            let input = |size: usize| [frame(first, b""), unit.repeat(size / unit.len()), frame(0x80, b"")].concat();
            let work = |bytes: &mut [u8], _: &mut [u8]| {
                let mut connection = Connection::new(Server, &Config::DEFAULT);
                receive(&mut connection, bytes, read, true);
            };
            case(&named(name, read), input, work);
            let work = |bytes: &mut [u8], storage: &mut [u8]| {
                let mut connection = Connection::new(Server, &Config::DEFAULT);
                let mut message = MessageBuffer::new(storage);
                for mut rest in bytes.chunks_mut(read) {
                    loop {
                        let received = connection.receive(rest).expect("a valid stream");
                        rest = received.rest;
                        match received.event {
                            Some(Event::Data(chunk)) => drop(black_box(message.push(chunk))),
                            Some(_) => {}
                            None => break,
                        }
                    }
                }
            };
            case(&named(&format!("{name} to a MessageBuffer"), read), input, work);
        }
    }
    // The host chooses the fragment size, so a peer cannot cause many small fragments. The work is linear anyway.
    let work = |bytes: &mut [u8], _: &mut [u8]| {
        let mut connection = Connection::new(Client(|| [1, 2, 3, 4]), &Config { fragment_size: 1, ..Config::DEFAULT });
        let (mut outgoing, mut out) = (Outgoing::binary(bytes), [0; 64]);
        while connection.write_fragment(&mut outgoing, &mut out).expect("an open connection").len() > 0 {}
        assert!(outgoing.is_complete());
    };
    case("sending in fragments of a byte", |size| vec![0; size], work);
}

/// Returns a compressed message of this many bytes: `unit` repeated, and the empty block that ends it.
fn blocks(unit: Vec<u8>) -> impl Fn(usize) -> Vec<u8> {
    move |size| [&unit.repeat(size / unit.len())[..], b"\0"].concat()
}

/// Packs numbers of the given bits into bytes, lowest bit first.
fn packed(fill: impl FnOnce(&mut dyn FnMut(u32, u32))) -> Vec<u8> {
    let mut bits = Vec::new();
    fill(&mut |value, n| bits.extend((0..n).map(|bit| (value >> bit & 1) as u8)));
    bits.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit)).collect()
}

/// Eight dynamic blocks that consist of headers only: the most work per byte, and no output.
fn dynamic_blocks() -> Vec<u8> {
    packed(|push| {
        for _ in 0..8 {
            push(0b100, 3);
            push(0, 10); // 257 lengths of literals, one of a distance
            push(14, 4); // 18 lengths of codes for lengths: one bit each for 18 and 1
            (0..18).for_each(|place| push(u32::from(place == 2 || place == 17), 3));
            for zeros in [138, 118] {
                push(1, 1);
                push(zeros - 11, 7);
            }
            push(0, 2); // a length of 1 for the end of the block, and for a distance
            push(0, 1); // the end of the block
        }
    })
}

/// A fixed block with one zero, then 258 more for every 13 bits.
fn bomb(size: usize) -> Vec<u8> {
    packed(|push| {
        push(0b010, 3);
        push(0x0C, 8);
        (0..size * 8 / 13).for_each(|_| push(0xA3, 13));
        push(0, 7 + 3);
    })
}

fn inflating() {
    let inflate = |read: usize, room: usize| {
        move |bytes: &mut [u8], storage: &mut [u8]| {
            let (window, out) = storage.split_at_mut(1 << 15);
            let mut inflater = Inflater::new(window, Direction::DEFAULT, u64::MAX);
            let pieces = bytes.len().div_ceil(read);
            for (n, payload) in bytes.chunks_mut(read).enumerate() {
                let (first, last) = (n == 0, n + 1 == pieces);
                let rsv = if first { RSV1 } else { Rsv::NONE };
                let mut chunk = Chunk { kind: MessageKind::Binary, first, last, rsv, payload };
                while let Some(piece) = inflater.inflate(&mut chunk, &mut out[..room]).expect("no fault") {
                    black_box(piece.payload);
                }
            }
        }
    };
    type Make = Box<dyn Fn(usize) -> Vec<u8>>;
    let makes: [(&str, Make); 5] = [
        ("dynamic blocks without symbols", Box::new(blocks(dynamic_blocks()))),
        ("empty fixed blocks", Box::new(blocks(packed(|push| (0..4).for_each(|_| push(0b010, 10)))))),
        ("empty stored blocks", Box::new(blocks(b"\0\0\0\xFF\xFF".to_vec()))),
        ("stored blocks of a byte", Box::new(blocks(b"\0\x01\0\xFE\xFFx".to_vec()))),
        ("a bomb", Box::new(bomb)),
    ];
    for read in [1, 100, usize::MAX] {
        for (name, make) in &makes {
            if read == 1 {
                case(&named(&format!("inflated, {name}, a byte of room"), read), make, inflate(read, 1));
            }
            case(&named(&format!("inflated, {name}"), read), make, inflate(read, 4096));
        }
    }
}

fn deflating() {
    let deflate = |level: Level, part: usize| {
        move |bytes: &mut [u8], storage: &mut [u8]| {
            let (memory, out) = storage.split_at_mut(level.memory(512));
            let mut deflater = Deflater::new(memory, level, Direction { window_bits: 9, ..Direction::DEFAULT }, 0);
            for part in bytes.chunks(part) {
                black_box(deflater.deflate_part(part, false, out).expect("there is room"));
            }
        }
    };
    for (name, unit) in [
        ("zeros", &b"\0"[..]),
        ("a period of four", b"abcd"),
        ("runs that nearly match", b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
        ("matches that end early", b"abcdeabcdfabcdgabcdhabcdiabcdjabcdkabcdlabcdm"),
    ] {
        for (level, which) in [(Level::SMALL, "small"), (Level::LARGE, "large")] {
            for part in [1, 100, usize::MAX] {
                let name = named(&format!("deflated, {which}, {name}"), part);
                case(&name, |size| unit.repeat(size / unit.len()), deflate(level, part));
            }
        }
    }
}
