//! The small servers on blocking sockets, and `inspect`.

use super::server::Server;
use super::*;

#[cfg(feature = "deflate")]
const DEFLATE: &str = "Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate";

/// Returns the names of the servers that are built.
fn servers() -> impl Iterator<Item = &'static str> {
    let all = ["blocking_echo", "threads", "deflate_echo"];
    all.into_iter().take(if cfg!(feature = "deflate") { 3 } else { 2 })
}

/// Writes a byte every 200 ms until the server has closed its socket. Returns how long that took.
fn dribble(mut peer: Peer) -> Duration {
    let (start, mut writer) = (Instant::now(), peer.writer());
    let reset = thread::spawn(move || peer.stream.read_to_end(&mut Vec::new()).is_err());
    while start.elapsed() < 2 * PATIENCE && writer.write_all(b"x").is_ok() {
        thread::sleep(Duration::from_millis(200));
    }
    drop(reset.join());
    start.elapsed()
}

#[test]
fn dripping_bytes_do_not_extend_the_handshake_timeout() {
    let dribbles = servers().map(|name| {
        let server = Server::start(name, &[]);
        let mut peer = Peer::connect(server.address);
        peer.write(b"GET / HTTP/1.1\r\nX: ");
        (name, thread::spawn(move || dribble(peer)), server)
    });
    for (name, dribble, _server) in dribbles.collect::<Vec<_>>() {
        let took = dribble.join().unwrap();
        // A session answers with 408. Then the peer has 5 s to end the stream.
        let expected = if matches!(name, "blocking_echo" | "threads") { 14..19 } else { 9..14 };
        assert!(expected.contains(&took.as_secs()), "{name}: 10 s for the handshake, but {took:?}");
    }
}

#[test]
fn dripping_bytes_do_not_extend_the_closing_timeout() {
    let dribbles = servers().map(|name| {
        let server = Server::start(name, &[]);
        let mut peer = Peer::open(server.address);
        peer.close(1000, "");
        peer.expect_close(1000, "");
        (name, thread::spawn(move || dribble(peer)), server)
    });
    for (name, dribble, _server) in dribbles.collect::<Vec<_>>() {
        let took = dribble.join().unwrap();
        assert!((4..9).contains(&took.as_secs()), "{name}: 5 s for closing, but {took:?}");
    }
}

#[test]
fn close_follows_the_echoes_of_earlier_messages() {
    for name in servers() {
        let server = Server::start(name, &[]);
        let mut peer = Peer::open(server.address);
        let messages: Vec<_> = (0..20).map(|i| format!("message {i}")).collect();
        let mut segment = messages.iter().flat_map(|it| peer.frame(TEXT, it.as_bytes())).collect::<Vec<_>>();
        segment.extend(peer.frame(CLOSE, &close(1000, "")));
        peer.write(&segment);
        for message in messages {
            peer.expect(TEXT, message.as_bytes());
        }
        peer.expect_close(1000, "");
        peer.expect_eof();
    }
}

/// The messages are examples of RFC 7692 section 7.2.3: "Hello", and messages that use it in the window.
#[test]
#[cfg(feature = "deflate")]
fn deflate_echo_accepts_messages_that_end_between_two_blocks() {
    const HELLO: &[u8] = b"\xF2\x48\xCD\xC9\xC9\x07\x00";
    const AGAIN: &[u8] = b"\xF2\x00\x11\x00\x00";
    const LAST_BLOCK: &[u8] = b"\xF3\x48\xCD\xC9\xC9\x07\x00\x00"; // with BFINAL, section 7.2.3.4
    let two_blocks = [&LAST_BLOCK[..7], AGAIN].concat();
    let server = Server::start("deflate_echo", &[]);
    let open = || {
        let mut peer = Peer::connect(server.address);
        peer.write(REQUEST.replace("Version: 13", DEFLATE).as_bytes());
        peer.expect_101();
        peer
    };
    for first in [HELLO, LAST_BLOCK, &LAST_BLOCK[..7]] {
        let mut peer = open();
        peer.send(0xC1, first);
        peer.expect(TEXT, b"Hello");
        peer.send(TEXT, b"plain, not in the window");
        peer.expect(TEXT, b"plain, not in the window");
        for part in [AGAIN, AGAIN] {
            peer.send(0xC1, part);
            peer.expect(TEXT, b"Hello");
        }
        peer.send(0xC1, &two_blocks);
        peer.expect(TEXT, b"HelloHello");
        peer.send(0xC1, &[0]); // section 7.2.3.6
        peer.expect(TEXT, b"");
    }
    for bad in [&HELLO[..5], &LAST_BLOCK[..5], &HELLO[..0], b"\x07", b"\x4B\x04\x13\x01\x00"] {
        let mut peer = open();
        peer.send(0xC1, bad);
        peer.expect_close(1007, "");
        peer.expect_eof();
    }
    // Stored blocks, whose contents do not include the appended bytes.
    let mut peer = open();
    peer.send(0xC2, b"\x00\x04\x00\xFB\xFFbyte\x00");
    peer.expect(BINARY, b"byte");
}

/// The text is not UTF-8.
#[test]
fn small_servers_report_the_rule_that_a_peer_broke() {
    for name in servers() {
        let mut server = Server::start(name, &[]);
        let mut peer = Peer::open(server.address);
        peer.write(b"\x81\x81\0\0\0\0\xFF");
        while peer.next().expect("a Close").0 != CLOSE {} // `threads` can send a message before
        drop(peer);
        let mut lines = BufReader::new(server.program.0.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains("UTF-8"), "{name}: {line}");
    }
}

#[test]
fn small_servers_report_bad_arguments() {
    for name in servers() {
        let (success, stdout, stderr) = Program::start(Command::new(example(name)).arg("nonsense")).finish();
        assert_eq!((success, &*stdout), (false, ""));
        assert!(stderr.starts_with(&format!("{name}: ")) && !stderr.contains('{'), "{stderr}");
    }
}

#[test]
fn inspect_reports_its_usage_and_a_missing_file() {
    for arguments in [&[][..], &["--nonsense"]] {
        let output = Command::new(example("inspect")).args(arguments).output().unwrap();
        assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]));
        assert_eq!(output.stderr, b"usage: inspect FILE...\n");
    }
    let (success, stdout, stderr) = Program::start(Command::new(example("inspect")).arg("no/such.pcap")).finish();
    assert_eq!((success, &*stdout), (false, ""));
    assert!(stderr.starts_with("inspect: no/such.pcap: "), "{stderr}");
}
