//! A server and a client that exchange compressed messages, with `Deflater` and `Inflater` between connection and messages.

use crate::negotiation::{parameters, some_parameters};
use crate::peers::{ZlibDeflate, ZlibInflate, body};
use barews::connection::{Config, Connection, Event, MessageKind};
use barews::deflate::{Deflater, Direction, Inflater, Level, Parameters, RSV1};
use barews::message::MessageBuffer;
use barews::wire::{CloseCode, Rsv};
use barews::{Client, ProtocolError, Role, Server};
use proptest::prelude::*;

const CONFIG: Config = Config { extension_rsv: RSV1, ..Config::DEFAULT };

type Keys = fn() -> [u8; 4];

struct Host<R> {
    connection: Connection<R>,
    inflater: Inflater<Vec<u8>>,
    deflater: Deflater<Vec<u8>>,
    messages: MessageBuffer<Vec<u8>>,
    /// Receives inflated pieces.
    out: Vec<u8>,
    received: Vec<(MessageKind, Vec<u8>)>,
    failed: Option<ProtocolError>,
}

impl<R: Role> Host<R> {
    /// `receives` and `sends` are the two directions, which determine the sizes of memory.
    fn new(role: R, receives: Direction, sends: Direction, level: Level, limit: u64) -> Self {
        Self {
            connection: Connection::new(role, &CONFIG),
            inflater: Inflater::new(vec![0; receives.window_size()], receives, limit),
            deflater: Deflater::new(vec![0; level.memory(sends.window_size())], level, sends, 0),
            messages: MessageBuffer::new(vec![0; 1 << 16]),
            out: vec![0; 1000],
            received: Vec::new(),
            failed: None,
        }
    }

    /// Returns the frames of a message: one, or one for each part. Only the first has RSV1.
    fn send(&mut self, kind: MessageKind, body: &[u8], parts: Option<usize>) -> Vec<u8> {
        let mut stream = Vec::new();
        let mut frame = |fin, rsv, payload: &mut [u8]| {
            let header = self.connection.begin_frame_with_rsv(kind, fin, rsv, payload.len() as u64).unwrap();
            self.connection.mask_payload(payload).unwrap();
            stream.extend_from_slice(header.as_bytes());
            stream.extend_from_slice(payload);
        };
        let mut out = vec![0; body.len() + 100];
        match parts {
            Some(size) => {
                let mut rest = body;
                let mut rsv = RSV1;
                loop {
                    let (part, after) = rest.split_at(size.min(rest.len()));
                    let last = after.is_empty();
                    frame(last, rsv, self.deflater.deflate_part(part, last, &mut out).unwrap());
                    (rest, rsv) = (after, Rsv::NONE);
                    if last {
                        return stream;
                    }
                }
            }
            None => match self.deflater.deflate_message(body, &mut out) {
                Some(payload) => frame(true, RSV1, payload),
                None => frame(true, Rsv::NONE, &mut body.to_vec()),
            },
        }
        stream
    }

    fn receive(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        let mut rest = &mut bytes[..];
        while let Ok(received) = self.connection.receive(rest) {
            rest = received.rest;
            match received.event {
                Some(Event::Data(mut chunk)) => {
                    let outcome = loop {
                        let piece = match self.inflater.inflate(&mut chunk, &mut self.out) {
                            Ok(Some(piece)) => piece,
                            Ok(None) => break Ok(()),
                            Err(error) => break Err(error),
                        };
                        match self.messages.push(piece) {
                            Ok(Some(message)) => self.received.push((message.kind, message.payload.to_vec())),
                            Ok(None) => {}
                            Err(error) => break Err(error),
                        }
                    };
                    if let Err(error) = outcome {
                        self.failed = Some(error);
                        self.connection.fail(error);
                    }
                }
                Some(_) => {}
                None => break,
            }
        }
    }

    /// Returns the code of the Close that is due.
    fn close_sent(&mut self) -> Option<u16> {
        let mut out = [0; 131];
        let len = self.connection.poll_transmit(&mut out);
        let (key, code) = if R::IS_SERVER { ([0; 2], [out[2], out[3]]) } else { ([out[2], out[3]], [out[6], out[7]]) };
        (len >= 4 && out[0] == 0x88).then(|| u16::from_be_bytes([code[0] ^ key[0], code[1] ^ key[1]]))
    }
}

fn server(limit: u64) -> Host<Server> {
    Host::new(Server, Direction::DEFAULT, Direction::DEFAULT, Level::LARGE, limit)
}

fn client(limit: u64) -> Host<Client<Keys>> {
    Host::new(Client(|| [1, 2, 3, 4]), Direction::DEFAULT, Direction::DEFAULT, Level::LARGE, limit)
}

/// Returns an unmasked frame, for a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = match payload.len() {
        len @ ..126 => vec![first, len as u8],
        len => [&[first, 126], &(len as u16).to_be_bytes()[..]].concat(),
    };
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn frames_set_rsv1_as_in_the_rfc_examples() {
    let mut server = server(100);
    let frame = server.send(MessageKind::Text, b"Hello", Some(5));
    assert_eq!(frame, b"\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00", "[7692-6-1] [7692-6.1-1]");
    let mut server = self::server(100);
    let parts = server.send(MessageKind::Text, b"Hello", Some(2));
    let (mut firsts, mut at) = (Vec::new(), 0);
    while at < parts.len() {
        firsts.push(parts[at]);
        at += 2 + usize::from(parts[at + 1]);
    }
    assert_eq!(firsts, [0x41, 0x00, 0x80], "[7692-6.1-1] [7692-6.1-3] RSV1 is on the first frame only: {parts:x?}");
    let mut client = client(100);
    client.receive(&parts);
    client.receive(b"\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00");
    client.receive(b"\x41\x03\xF2\x48\xCD\x80\x04\xC9\xC9\x07\x00");
    client.receive(b"\xC1\x0B\x00\x05\x00\xFA\xFFHello\x00");
    client.receive(b"\x81\x05Hello");
    assert_eq!(client.received, vec![(MessageKind::Text, b"Hello".to_vec()); 5], "[7692-7.2.3-1]");
}

/// For peers that misread an uncompressed message on a connection with compression.
#[test]
fn deflate_always_sets_rsv1_on_every_message() {
    for level in [Level::SMALL, Level::LARGE] {
        for no_context_takeover in [false, true] {
            let direction = Direction { no_context_takeover, ..Direction::DEFAULT };
            let mut sender = Host::new(Server, direction, direction, level, 0);
            let memory = vec![0; level.memory(direction.window_size())];
            sender.deflater = Deflater::new(memory, level, direction, usize::MAX); // the threshold does not count
            let mut client = Host::new(Client((|| [1, 2, 3, 4]) as Keys), direction, direction, level, 1 << 16);
            let mut zlib = ZlibInflate::new(15);
            let bodies: Vec<Vec<u8>> = [0, 1, 2, 10, 3000, 65_535, 65_536]
                .into_iter()
                .flat_map(|len| [1, 3].map(|kind| body(kind, len, len as u64 + 1)))
                .flat_map(|body| [body.clone(), Vec::new(), body])
                .collect();
            for body in &bodies {
                let mut out = vec![0; body.len() + 11];
                let payload = sender.deflater.deflate_always(body, &mut out).unwrap();
                assert_eq!(zlib.message(payload, body.len()).as_ref(), Some(body));
                let kind = MessageKind::Binary;
                let header = sender.connection.begin_frame_with_rsv(kind, true, RSV1, payload.len() as u64).unwrap();
                sender.connection.mask_payload(payload).unwrap();
                client.receive(&[header.as_bytes(), payload].concat());
            }
            assert_eq!(client.failed, None);
            assert!(client.received.iter().map(|(_, body)| body).eq(&bodies));
        }
    }
}

/// [7692-6.1-4]: it does not matter whether the message is compressed, or where the stream is cut.
#[test]
fn rsv1_is_refused_on_control_and_continuation_frames() {
    let opens = frame(0x42, b"\xF2\x48\xCD");
    let plain = frame(0x02, b"plain");
    for (before, first, payload) in [
        (&b""[..], 0xC8, &b""[..]),
        (b"", 0xC9, b""),
        (b"", 0xCA, b""),
        (&opens, 0x40, b""),
        (&opens, 0x40, b"\xC9"),
        (&opens, 0xC0, b"\xC9\xC9\x07\x00"),
        (&plain, 0xC0, b"\xF2\x48\xCD\xC9\xC9\x07\x00"),
    ] {
        let stream = [before, &frame(first, payload)].concat();
        for size in 1..=stream.len() {
            let mut client = client(100);
            stream.chunks(size).for_each(|piece| client.receive(piece));
            assert_eq!(
                client.close_sent(),
                Some(CloseCode::PROTOCOL_ERROR.0),
                "{first:x} {payload:x?}, in reads of {size}"
            );
        }
    }
}

/// Malformed or too large messages and invalid text fail the connection with their status code.
#[test]
fn deflate_errors_close_with_their_code() {
    let bomb = ZlibDeflate::new(9, 15).message(&vec![0; 1 << 20]);
    let text = ZlibDeflate::new(9, 15).message(b"\xFF\xFF\xFF");
    for (first, payload, code) in [
        (0xC2, &b"\x07"[..], 1007),
        (0xC2, b"\xF2\x48", 1007),
        (0xC2, b"", 1007),
        (0xC1, &text, 1007),
        (0xC2, &text, 1000),
        (0xC2, &bomb, 1009),
    ] {
        let mut client = client(1 << 14);
        client.receive(&frame(first, payload));
        let failed = client.failed.map_or(1000, |error| error.close_code().0);
        assert_eq!((failed, client.close_sent()), (code, (code != 1000).then_some(code)));
        assert!(client.received.iter().all(|(_, body)| body.len() == 3));
        // No message is received after an error.
        let before = client.received.len();
        client.receive(&frame(0x82, b"more"));
        assert_eq!(client.received.len(), if code == 1000 { before + 1 } else { before });
    }
}

/// [7692-7.2.2-7] [7692-7.2.2-9] [7692-7.2.1-7]
#[test]
fn window_without_parameters_has_32_kib() {
    assert_eq!(Parameters::DEFAULT.client.window_size(), 32_768);
    assert_eq!(Direction { window_bits: 16, ..Direction::DEFAULT }.window_size(), 32_768);
    let far = [&body(3, 32_768, 1)[..], &body(3, 1000, 1)].concat(); // the farthest possible repetition
    let payload = ZlibDeflate::new(9, 15).message(&far);
    let mut server = server(1 << 16);
    let stream = server.send(MessageKind::Binary, &far, Some(1 << 16));
    assert!(stream.len() < far.len() - 900, "the repetition is found");
    let mut client = client(1 << 16);
    client.receive(&stream);
    let mut zlib = self::client(1 << 16);
    zlib.receive(&frame(0xC2, &payload));
    assert!(client.received[0].1 == far && zlib.received[0].1 == far);
}

/// The bytes that real clients sent are in `tests/data/deflate`.
#[test]
fn captured_sessions_are_inflated_at_every_cut() {
    let json = r#"{"sensor":7,"value":93,"unit":"kPa","ok":true}"#;
    let text = |text: &str| (MessageKind::Text, text.as_bytes().to_vec());
    let expected = [
        text("Hello"),
        text(json),
        text(&json.replace("93", "94")),
        text(&"온도가 올라가고 있습니다 😀 ".repeat(4)),
        (MessageKind::Binary, (0..64).collect()),
        text(""),
        text(&format!("[{}]", [json; 12].join(","))),
    ];
    let table = include_str!("../data/deflate/sessions.tsv");
    assert_eq!(table.lines().count(), 5);
    for line in table.lines().skip(1) {
        let [from, agreed, stream] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("three fields: {line}") };
        let agreed = parameters(agreed);
        let stream: Vec<u8> =
            (0..stream.len()).step_by(2).map(|at| u8::from_str_radix(&stream[at..at + 2], 16).unwrap()).collect();
        for size in 1..=stream.len() {
            let mut server = Host::new(Server, agreed.client, agreed.server, Level::SMALL, 1000);
            stream.chunks(size).for_each(|piece| server.receive(piece));
            assert_eq!((server.failed, server.close_sent()), (None, Some(1000)), "{from}, in reads of {size}");
            assert!(server.received == expected, "{from}, in reads of {size}");
        }
    }
}

proptest! {
    #![proptest_config(crate::cases(256))]

    /// For all agreed parameters, with the least memory for them, and at any cut, each side receives the other's messages.
    /// [7692-5-15] [7692-7.2.1-11] [7692-7.2.1-12] [7692-7.2.1-14] [7692-7.2.2-6] [7692-7.2.2-8]
    #[test]
    fn each_side_receives_what_the_other_sent(
        agreed in some_parameters(),
        large: bool,
        messages in prop::collection::vec(
            (any::<bool>(), 0usize..5, 0usize..3000, any::<u64>(), prop::option::of(1usize..2000)),
            1..12,
        ),
        cuts in prop::collection::vec(1usize..700, 1..4),
    ) {
        let level = if large { Level::LARGE } else { Level::SMALL };
        let mut server = Host::new(Server, agreed.client, agreed.server, level, 1 << 16);
        let keys: Keys = || [9, 8, 7, 6];
        let mut client = Host::new(Client(keys), agreed.server, agreed.client, level, 1 << 16);
        let mut expected = (Vec::new(), Vec::new());
        for (by_server, kind, len, seed, parts) in messages {
            let body = body(kind, len, seed);
            let kind = if str::from_utf8(&body).is_ok() { MessageKind::Text } else { MessageKind::Binary };
            let stream = if by_server { server.send(kind, &body, parts) } else { client.send(kind, &body, parts) };
            let (mut rest, mut sizes) = (&stream[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                if by_server { client.receive(piece) } else { server.receive(piece) }
                rest = after;
            }
            if by_server { expected.0.push((kind, body)) } else { expected.1.push((kind, body)) }
        }
        prop_assert_eq!((server.failed, client.failed), (None, None));
        prop_assert!(client.received == expected.0 && server.received == expected.1);
    }
}
