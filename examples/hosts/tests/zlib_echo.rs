//! `zlib_echo` over a real socket: where compressed messages end, and how long the server waits.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use barews_testkit::raw;

const PATIENCE: Duration = Duration::from_secs(30);
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const COMPRESSED_TEXT: u8 = 0xC1;
const COMPRESSED_BINARY: u8 = 0xC2;
const NORMAL: &[u8] = &1000u16.to_be_bytes();
const INVALID_PAYLOAD: &[u8] = &1007u16.to_be_bytes();
/// RFC 7692 section 7.2.3: "Hello", a reference to it in the window, and "Hello" with BFINAL (section 7.2.3.4).
const HELLO: &[u8] = b"\xF2\x48\xCD\xC9\xC9\x07\x00";
const AGAIN: &[u8] = b"\xF2\x00\x11\x00\x00";
const LAST_BLOCK: &[u8] = b"\xF3\x48\xCD\xC9\xC9\x07\x00\x00";

/// A frame: its first byte and its payload.
type Frame = (u8, Vec<u8>);

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zlib_echo"));
        let mut process = command.arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().trim_start_matches("echoing at ws://").trim_end_matches('/').to_owned();
        Self { process, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request and these frames in one segment. Returns the frames that the server answers until it closes.
    fn answers(&self, frames: &[Frame]) -> Vec<Frame> {
        let mut segment = REQUEST.as_bytes().to_vec();
        segment.extend(frames.iter().flat_map(|(first, payload)| raw::frame(*first, Some([1, 2, 3, 4]), payload)));
        let mut stream = BufReader::new(self.connect());
        stream.get_mut().write_all(&segment).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(stream.read_line(&mut head).unwrap(), 0, "the head ends early: {head}");
        }
        assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("permessage-deflate"), "{head}");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        raw::frames(&answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_before = self.process.kill();
        let _ = self.process.wait();
    }
}

fn owned(frames: &[(u8, &[u8])]) -> Vec<Frame> {
    frames.iter().map(|(first, payload)| (*first, payload.to_vec())).collect()
}

/// RFC 7692 section 7.2.3: one window, messages of one and of several blocks, messages that are not compressed.
#[test]
fn messages_are_echoed_in_order_before_the_close() {
    let server = Server::start();
    let two_blocks = [&LAST_BLOCK[..7], AGAIN].concat();
    for first in [HELLO, LAST_BLOCK, &LAST_BLOCK[..7]] {
        let sent = owned(&[
            (COMPRESSED_TEXT, first),
            (TEXT, b"plain, and in no window"),
            (COMPRESSED_TEXT, AGAIN),
            (COMPRESSED_TEXT, AGAIN),
            (COMPRESSED_TEXT, &two_blocks),
            (COMPRESSED_TEXT, &[0]), // section 7.2.3.6
            (COMPRESSED_BINARY, b"\x00\x04\x00\xFB\xFFbyte\x00"),
            (CLOSE, NORMAL),
        ]);
        let expected = owned(&[
            (TEXT, b"Hello"),
            (TEXT, b"plain, and in no window"),
            (TEXT, b"Hello"),
            (TEXT, b"Hello"),
            (TEXT, b"HelloHello"),
            (TEXT, b""),
            (BINARY, b"byte"),
            (CLOSE, NORMAL),
        ]);
        assert_eq!(server.answers(&sent), expected, "after {first:x?}");
    }
}

#[test]
fn message_that_ends_inside_a_block_is_refused() {
    let server = Server::start();
    for bad in [&HELLO[..5], &LAST_BLOCK[..5], &HELLO[..0], b"\x07", b"\x4B\x04\x13\x01\x00"] {
        assert_eq!(server.answers(&owned(&[(COMPRESSED_TEXT, bad)])), owned(&[(CLOSE, INVALID_PAYLOAD)]), "{bad:x?}");
    }
}

#[test]
fn message_of_more_than_64_final_blocks_is_refused() {
    let (few, many) = (b"\x03\x00".repeat(60), b"\x03\x00".repeat(65));
    let answers = Server::start().answers(&owned(&[(COMPRESSED_BINARY, &few), (COMPRESSED_BINARY, &many)]));
    assert_eq!(answers, owned(&[(BINARY, b""), (CLOSE, INVALID_PAYLOAD)]));
}

/// Single bytes now and then extend neither the handshake (10 s) nor closing (5 s).
#[test]
fn slow_bytes_extend_no_deadline() {
    /// Writes `bytes`, then a byte now and then until the server has closed. Returns how long that took, in seconds.
    fn dribble(server: &Server, bytes: &[u8]) -> u64 {
        let (start, mut stream) = (Instant::now(), server.connect());
        stream.write_all(bytes).unwrap();
        while start.elapsed() < PATIENCE && stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(200));
        }
        start.elapsed().as_secs()
    }
    let server = Server::start();
    let closing = [REQUEST.as_bytes(), &raw::frame(CLOSE, Some([1, 2, 3, 4]), NORMAL)].concat();
    let (handshake, closing) = thread::scope(|scope| {
        let handshake = scope.spawn(|| dribble(&server, &REQUEST.as_bytes()[..20]));
        let closing = dribble(&server, &closing);
        (handshake.join().unwrap(), closing)
    });
    assert!((9..14).contains(&handshake), "{handshake} s");
    assert!((4..9).contains(&closing), "{closing} s");
}

#[test]
fn invalid_address_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_zlib_echo")).arg("nonsense").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(error.starts_with("zlib_echo: ") && !error.contains('{'), "{error}");
}
