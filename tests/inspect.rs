//! `examples/inspect.rs`, run on recordings built here: bytes, hexadecimal digits, and a capture with segments that are
//! reordered, repeated and overlapping.

#[path = "../examples/inspect.rs"]
mod inspect;

use inspect::inspect;

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// "Hello" as in RFC 6455 section 5.7, then a Ping.
const MASKED: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x89\x82\x00\x00\x00\x00hi";

/// Returns the rows without the title, with single spaces between their columns.
fn rows(file: &[u8]) -> Vec<String> {
    let table = inspect(file).unwrap();
    table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

#[test]
fn inspect_reads_bytes_and_hex_digits_of_one_direction() {
    let expected = ["client 0 text 1 000 37fa213d 5 \"Hello\"", "client 11 Ping 1 000 00000000 2 \"hi\""];
    assert_eq!(rows(MASKED), expected);
    let digits: Vec<_> = MASKED.iter().map(|byte| format!("{byte:02x}")).collect();
    for between in ["", " ", ":", ", ", "\n", " 0x"] {
        assert_eq!(rows(digits.join(between).as_bytes()), expected, "{between:?}");
    }
    let server = [b"\x02\x03\x00\x01\x02\x80\x01\x03\x88\x05\x03\xe8bye", &b"\x81\x7e\x01"[..]].concat();
    assert_eq!(
        rows(&server),
        [
            "server 0 binary 0 000 - 3 00 01 02",
            "server 5 continuation 1 000 - 1 03",
            "server 8 Close 1 000 - 5 1000 \"bye\"",
            "server 15 CUT OFF: the recording ends 3 bytes into it",
        ]
    );
}

/// One malformed frame for each of the engine's rules, after a valid one.
#[test]
fn inspect_names_the_rule_that_a_bad_frame_breaks() {
    for (bad, rule) in [
        (masked(0xC1, b"a"), "BAD: reserved bits set without an extension (Close 1002)"),
        (masked(0x83, b"a"), "BAD: reserved opcode without an extension (Close 1002)"),
        (masked(0x09, b"a"), "BAD: fragmented control frame (Close 1002)"),
        (masked(0x80, b"a"), "BAD: continuation frame without a message to continue (Close 1002)"),
        (masked(0x81, b"\xff"), "BAD: invalid UTF-8 (Close 1007)"),
        (masked(0x88, b"a"), "BAD: Close frame with a payload of one byte (Close 1002)"),
        (masked(0x88, b"\x03\xed"), "BAD: Close frame with a status code that must not be sent (Close 1002)"),
        (b"\x81\x01a".to_vec(), "BAD: frame from a client is not masked (Close 1002)"),
        (b"\x89\xfe\0\x7e\0\0\0\0".to_vec(), "BAD: control frame longer than 125 bytes (Close 1002)"),
        (b"\x82\xfe\0\x01\0\0\0\0a".to_vec(), "BAD: payload length not in its shortest form (Close 1002)"),
    ] {
        let found = rows(&[MASKED, &bad, MASKED].concat());
        assert_eq!(found.len(), 3, "nothing follows: {found:#?}");
        assert!(found[2].starts_with("client 19 ") && found[2].ends_with(rule), "{found:#?}");
    }
}

#[test]
fn inspect_prints_handshakes_with_their_errors() {
    let found = rows(&[REQUEST, MASKED, &masked(0xC1, b"\xf2H\xcd\xc9\xc9\x07\0")].concat());
    assert_eq!(
        found[..3],
        [
            "client 0 handshake GET /chat HTTP/1.1",
            "client 0 Host: a",
            "client 0 Sec-WebSocket-Extensions: permessage-deflate",
        ]
    );
    assert!(found[5].ends_with("text 1 100 00000000 7 f2 48 cd c9 c9 07 00"), "{found:#?}");
    let found = rows(&[RESPONSE, b"\x81\x02hi"].concat());
    assert_eq!(found[1], format!("server {} text 1 000 - 2 \"hi\"", RESPONSE.len()));
    let short = String::from_utf8(REQUEST.to_vec()).unwrap().replace("dGhl", "");
    let found = rows(short.as_bytes());
    assert!(found.last().unwrap().contains("BAD: Sec-WebSocket-Key is missing"), "{found:#?}");
    assert!(rows(b"HTTP/1.1 404 \r\n\r\n").last().unwrap().ends_with("BAD: refused"));
    assert!(rows(b"\x16\x03\x01\x02\x00").last().unwrap().contains("encrypted"));
}

/// A capture of Ethernet frames that contain IPv4 or IPv6 packets.
struct Capture {
    file: Vec<u8>,
    packets: u32,
    v6: bool,
}

impl Capture {
    fn new(v6: bool) -> Self {
        let mut file = 0xa1b2_c3d4u32.to_le_bytes().to_vec();
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]);
        Self { file, packets: 0, v6 }
    }

    fn add(&mut self, from_client: bool, flags: u8, sequence: u32, payload: &[u8]) {
        let ports = if from_client { [0x9c, 0x40, 0x23, 0x29] } else { [0x23, 0x29, 0x9c, 0x40] };
        let tcp = [&ports[..], &sequence.to_be_bytes(), &[0, 0, 0, 0, 0x50, flags], &[0; 6], payload].concat();
        let addresses = if from_client { [1, 2] } else { [2, 1] };
        let ip = if self.v6 {
            let len = (tcp.len() as u16).to_be_bytes();
            [&[0x60, 0, 0, 0, len[0], len[1], 6, 64], &[addresses[0]; 16][..], &[addresses[1]; 16], &tcp].concat()
        } else {
            let len = (tcp.len() as u16 + 20).to_be_bytes();
            let head = [0x45, 0, len[0], len[1], 0, 0, 0, 0, 64, 6, 0, 0];
            [&head[..], &[127, 0, 0, addresses[0]], &[127, 0, 0, addresses[1]], &tcp].concat()
        };
        // Ethernet pads short frames.
        let frame = [&[0; 14][..], &ip, &[0; 6]].concat();
        let len = (frame.len() as u32).to_le_bytes();
        self.packets += 1;
        let time = (self.packets * 1000).to_le_bytes();
        self.file.extend([[0; 4], time, len, len].concat());
        self.file.extend(frame);
    }
}

#[test]
fn inspect_reassembles_a_capture() {
    for v6 in [false, true] {
        let mut capture = Capture::new(v6);
        let (client, server) = (u32::MAX - 100, 7); // the sequence numbers wrap inside the request
        capture.add(true, 2, client.wrapping_sub(1), b"");
        capture.add(false, 0x12, server - 1, b"");
        capture.add(true, 0x10, client.wrapping_add(50), &REQUEST[50..]); // early
        capture.add(true, 0x18, client, &REQUEST[..50]);
        capture.add(true, 0x18, client, &REQUEST[..60]); // repeated
        capture.add(false, 0x18, server, RESPONSE);
        let client = client.wrapping_add(REQUEST.len() as u32);
        capture.add(true, 0x18, client, &MASKED[..4]);
        capture.add(true, 0x18, client.wrapping_add(2), &MASKED[2..]); // overlapping
        capture.add(false, 0x18, server + RESPONSE.len() as u32, b"\x8a\x02hi\x81\x81");
        let found = rows(&capture.file);
        let short: Vec<_> = found.iter().map(|row| row.split(' ').skip(1).collect::<Vec<_>>().join(" ")).collect();
        let (client, server) = (REQUEST.len(), RESPONSE.len());
        assert_eq!(
            short,
            [
                "client 0 handshake GET /chat HTTP/1.1".to_owned(),
                "client 0 Host: a".to_owned(),
                "client 0 Sec-WebSocket-Extensions: permessage-deflate".to_owned(),
                "server 0 handshake HTTP/1.1 101 Switching Protocols".to_owned(),
                format!("client {client} text 1 000 37fa213d 5 \"Hello\""),
                format!("client {} Ping 1 000 00000000 2 \"hi\"", client + 11),
                format!("server {server} Pong 1 000 - 2 \"hi\""),
                format!("server {} CUT OFF: the recording ends 2 bytes into it", server + 4),
            ]
        );
        assert!(found[0].starts_with("0.003000 ") && found[6].starts_with("0.008000 "), "{found:#?}");
    }
}
