//! `relay`, between clients and upstreams of these tests.

use super::client::accepting;
use super::server::Server;
use super::*;
use std::net::TcpListener;

/// A relay and its upstream.
struct Relay {
    server: Server,
    upstream: TcpListener,
}

impl Relay {
    fn new() -> Self {
        Self::with("", &[])
    }

    fn with(path: &str, options: &[&str]) -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        upstream.set_nonblocking(true).unwrap();
        let url = format!("ws://{}{path}", upstream.local_addr().unwrap());
        Self { server: Server::start("relay", &[&[&*url], options].concat()), upstream }
    }

    /// Connects a client that sends this request.
    fn request(&self, request: &str) -> Peer {
        let mut client = Peer::connect(self.server.address);
        client.write(request.as_bytes());
        client
    }

    /// Returns the next connection to the upstream, and its request.
    fn upstream(&self) -> (Peer, String) {
        let (stream, _) = eventually("the relay connects", || self.upstream.accept().ok());
        stream.set_nonblocking(false).unwrap();
        let mut peer = Peer::new(stream, false);
        let head = peer.head();
        (peer, head)
    }

    /// Opens a connection through the relay. Returns its ends.
    fn open(&self) -> (Peer, Peer) {
        let mut client = self.request(REQUEST);
        let (mut upstream, request) = self.upstream();
        upstream.write(accepting(&request, "").as_bytes());
        client.expect_101();
        (client, upstream)
    }

    /// Returns what the relay has written to stderr, after its end.
    fn errors(self) -> String {
        self.server.program.interrupt();
        let (success, _, errors) = self.server.program.finish();
        assert!(success);
        errors
    }
}

/// Passes frames on from one end and expects them at the other one as they were.
fn pass(from: &mut Peer, to: &mut Peer, frames: &[(u8, &[u8])]) {
    for (first, payload) in frames {
        from.send(*first, payload);
    }
    for (first, payload) in frames {
        let (got_first, got) = to.frame_in().expect("a frame");
        assert!((got_first, &got[..]) == (*first, *payload), "{got_first:#x}, {} bytes", got.len());
    }
}

#[test]
fn relay_keeps_the_boundaries_of_frames() {
    let relay = Relay::new();
    let (mut client, mut upstream) = relay.open();
    let long: Vec<u8> = (0..70_000).map(|i| (i >> 3) as u8).collect();
    let frames: [(u8, &[u8]); 9] = [
        (TEXT, b""),
        (0x01, "Kä".as_bytes()),
        (0x00, "se ".as_bytes()),
        (0x80, b""), // an empty fragment that ends its message
        (0x02, &long),
        (0x00, &long[..126]),
        (0x80, &long[..65_536]),
        (BINARY, &long[..125]),
        (TEXT, "🧀".as_bytes()),
    ];
    pass(&mut client, &mut upstream, &frames);
    pass(&mut upstream, &mut client, &frames);
}

/// The engine does not report them, and nothing is lost.
#[test]
fn relay_drops_empty_fragments_that_do_not_end_a_message() {
    let relay = Relay::new();
    let (mut client, mut upstream) = relay.open();
    for from_client in [true, false] {
        let (from, to) = if from_client { (&mut client, &mut upstream) } else { (&mut upstream, &mut client) };
        from.send(0x01, b"");
        from.send(0x00, b"a");
        from.send(0x00, b"");
        from.send(0x80, b"b");
        assert_eq!(to.frame_in(), Some((0x01, b"a".to_vec())));
        assert_eq!(to.frame_in(), Some((0x80, b"b".to_vec())));
    }
}

#[test]
fn relay_sends_a_header_with_the_whole_length_at_the_first_chunk() {
    let relay = Relay::new();
    let (mut client, mut upstream) = relay.open();
    let body: Vec<u8> = (0..16 << 20).map(|i: u32| (i.wrapping_mul(31) >> 3) as u8).collect();
    // The start of a frame arrives before the rest of it is sent.
    let frame = client.frame(BINARY, &body);
    client.write(&frame[..20]);
    let mut begun = [0; 20];
    upstream.read(&mut begun);
    let mut expected = vec![BINARY, 0xFF];
    expected.extend((body.len() as u64).to_be_bytes());
    assert_eq!(begun[..10], expected);
    let key = [begun[10], begun[11], begun[12], begun[13]];
    let mut writer = client.writer();
    let sender = thread::spawn(move || writer.write_all(&frame[20..]).unwrap());
    let mut rest = vec![0; body.len() - 6];
    upstream.read(&mut rest);
    let got = begun[14..].iter().chain(&rest).zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
    assert!(got.eq(body.iter().copied()), "the payload has changed");
    sender.join().unwrap();

    let (frame, mut writer) = (upstream.frame(BINARY, &body), upstream.writer());
    let sender = thread::spawn(move || writer.write_all(&frame).unwrap());
    assert!(client.frame_in() == Some((BINARY, body)), "one frame is not one frame");
    sender.join().unwrap();
}

#[test]
fn relay_accepts_a_stream_cut_at_every_byte() {
    let relay = Relay::new();
    let mut client = Peer::connect(relay.server.address);
    let frames = [client.frame(0x01, "Käse ".as_bytes()), client.frame(PING, b"?"), client.frame(0x80, b"!")];
    for byte in REQUEST.as_bytes() {
        client.write(&[*byte]);
    }
    let (mut upstream, request) = relay.upstream();
    for byte in accepting(&request, "").as_bytes() {
        upstream.write(&[*byte]);
    }
    client.expect_101();
    for byte in frames.concat() {
        client.write(&[byte]);
    }
    client.expect(PONG, b"?");
    assert_eq!(upstream.frame_in(), Some((0x01, "Käse ".as_bytes().to_vec())));
    assert_eq!(upstream.frame_in(), Some((0x80, b"!".to_vec())));
}

#[test]
fn upstream_gets_the_request_and_the_client_its_answer() {
    let relay = Relay::with("/base/", &[]);
    let more = "Origin: https://example.com\r\nCookie: a=b\r\nCookie: c=d\r\nAuthorization: Basic xyz\r\n\
        X-Forwarded-For: 192.0.2.1\r\nX-Other: no\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\
        Sec-WebSocket-Protocol: chat, superchat, chat\r\n\r\n";
    let request = REQUEST.replace("GET / ", "GET /room?id=7 ").replace("localhost", "example.com:8080");
    let mut client = relay.request(&format!("{}{more}", request.trim_end_matches("\r\n").to_owned() + "\r\n"));
    let (mut upstream, request) = relay.upstream();
    assert!(request.starts_with("GET /base/room?id=7 HTTP/1.1\r\n"), "{request}");
    for (name, value) in [
        ("Host", Some("example.com:8080")),
        ("Origin", Some("https://example.com")),
        ("Authorization", Some("Basic xyz")),
        ("X-Forwarded-For", Some("192.0.2.1, 127.0.0.1")),
        ("Sec-WebSocket-Protocol", Some("chat, superchat")),
        ("Sec-WebSocket-Extensions", None),
        ("X-Other", None),
    ] {
        assert_eq!(field(&request, name), value, "{name}");
    }
    assert!(request.contains("Cookie: a=b\r\nCookie: c=d\r\n"), "{request}");
    upstream.write(accepting(&request, "Sec-WebSocket-Protocol: superchat\r\nSet-Cookie: e=f\r\n").as_bytes());
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(field(&head, "Sec-WebSocket-Accept"), Some(ACCEPT));
    assert_eq!(field(&head, "Sec-WebSocket-Protocol"), Some("superchat"));
    assert_eq!(field(&head, "Set-Cookie"), Some("e=f"));
}

#[test]
fn frames_that_come_with_a_head_are_passed_on() {
    let relay = Relay::new();
    let mut client = Peer::connect(relay.server.address);
    let early = client.frame(TEXT, b"early");
    client.write(&[REQUEST.as_bytes(), &early].concat());
    let (mut upstream, request) = relay.upstream();
    let answer = upstream.frame(TEXT, b"as early");
    upstream.write(&[accepting(&request, "").as_bytes(), &answer].concat());
    client.expect_101();
    client.expect(TEXT, b"as early");
    upstream.expect(TEXT, b"early");
}

#[test]
fn refusal_is_passed_on_with_its_fields() {
    let relay = Relay::new();
    for (answer, name, value) in [
        ("404 Not Found\r\n", "Location", None),
        ("302 Found\r\nLocation: /other\r\nContent-Length: 5\r\n\r\nbody", "Location", Some("/other")),
        ("401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n", "WWW-Authenticate", Some("Basic realm=\"x\"")),
        ("103 Hints\r\nX: y\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 7\r\n", "Retry-After", Some("7")),
    ] {
        let mut client = relay.request(REQUEST);
        let (mut upstream, _) = relay.upstream();
        upstream.write(format!("HTTP/1.1 {answer}\r\n").as_bytes());
        let status = answer.rsplit("HTTP/1.1 ").next().unwrap().split(' ').next();
        let head = client.head();
        assert_eq!(head.split(' ').nth(1), status, "{head}");
        assert_eq!(field(&head, name), value, "{head}");
        assert_eq!((field(&head, "Content-Length"), &*client.rest()), (Some("0"), ""));
    }
    assert_eq!(relay.errors(), "");
}

#[test]
fn upstream_that_fails_in_the_handshake_is_a_502() {
    let relay = Relay::with("", &["--patience", "60"]);
    for answer in [
        "",
        "HTTP/1.1 101",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: 0\r\n\r\n",
    ] {
        let mut client = relay.request(REQUEST);
        let (mut upstream, _) = relay.upstream();
        upstream.write(answer.as_bytes());
        drop(upstream);
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        client.rest();
    }
    let Relay { server, upstream } = relay;
    drop(upstream); // nobody listens
    let mut client = Peer::connect(server.address);
    client.write(REQUEST.as_bytes());
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    client.shutdown();
    client.expect_eof();
    server.program.interrupt();
    let (_, _, errors) = server.program.finish();
    assert!(errors.lines().count() == 5 && errors.lines().all(|line| line.contains(": upstream: ")), "{errors}");
}

#[test]
fn upstream_that_does_not_answer_in_time_is_a_504() {
    let relay = Relay::with("", &["--patience", "1"]);
    let mut client = relay.request(REQUEST);
    let (_upstream, _) = relay.upstream();
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 504 "), "{head}");
}

#[test]
fn request_for_a_page_is_a_426() {
    let relay = Relay::new();
    let mut client = relay.request("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 426 "), "{head}");
    assert!(relay.upstream.accept().is_err(), "the upstream is not asked");
}

#[test]
fn pings_are_answered_by_the_relay() {
    let relay = Relay::new();
    let (mut client, mut upstream) = relay.open();
    for end in [&mut client, &mut upstream] {
        let pings = [end.frame(0x02, b""), end.frame(PING, b"1"), end.frame(PONG, b"unasked"), end.frame(PING, b"2")];
        end.write(&pings.concat());
        end.expect(PONG, b"1");
        end.expect(PONG, b"2");
    }
    // Nothing of it arrived at the other side.
    client.send(0x80, b"!");
    assert_eq!(upstream.frame_in(), Some((BINARY, b"!".to_vec())));
}

/// No write of the upstream ends where a frame ends, so hardly any read of the relay does.
#[test]
fn control_frames_go_between_frames_that_follow_each_other() {
    let relay = Relay::new();
    let (mut client, upstream) = relay.open();
    let frame = upstream.frame(BINARY, &[7; 100_003]);
    let (first, rest) = frame.split_at(50_000);
    let (first, cycle) = (first.to_vec(), [rest, &frame.repeat(20), first].concat());
    let mut writer = upstream.writer();
    let sender = thread::spawn(move || {
        writer.write_all(&first).unwrap();
        while writer.write_all(&cycle).is_ok() {}
    });
    client.frame_in().expect("a frame");
    client.send(PING, b"?");
    // More frames than the buffers of the system hold, and far fewer than by chance end where a read ends.
    let answer = (0..1000).map(|_| client.frame_in().expect("a frame")).find(|(first, _)| *first != BINARY);
    assert_eq!(answer, Some((PONG, b"?".to_vec())));
    relay.server.program.interrupt();
    let last = (0..1_000_000).map(|_| client.frame_in().expect("a frame")).find(|(first, _)| *first != BINARY);
    assert_eq!(last, Some((CLOSE, close(1001, "relay shuts down"))));
    drop((client, upstream));
    drop(relay);
    sender.join().unwrap();
}

#[test]
fn close_is_passed_on_with_code_and_reason() {
    let relay = Relay::new();
    for (sent, answer) in [
        (close(1000, "bye"), close(1000, "bye too")),
        (close(4999, &"r".repeat(123)), close(1000, "")),
        (close(1001, ""), vec![]),
        (vec![], close(3000, "x")),
        (vec![], vec![]),
    ] {
        for from_client in [true, false] {
            let (mut client, mut upstream) = relay.open();
            let (one, other) = if from_client { (&mut client, &mut upstream) } else { (&mut upstream, &mut client) };
            one.send(TEXT, b"last");
            one.send(CLOSE, &sent);
            other.expect(TEXT, b"last");
            other.expect(CLOSE, &sent);
            // What is on its way still arrives.
            other.send(TEXT, b"answer");
            other.send(CLOSE, &answer);
            one.expect(TEXT, b"answer");
            one.expect(CLOSE, &answer);
            client.expect_eof();
            client.shutdown();
            upstream.shutdown(); // the relay waits for the server to end TCP
            upstream.expect_eof();
        }
    }
    assert_eq!(relay.errors(), "");
}

/// Only clients send it.
#[test]
fn upstreams_1010_becomes_1000() {
    let relay = Relay::new();
    let (mut client, mut upstream) = relay.open();
    upstream.close(1010, "x");
    client.expect_close(1000, "x");
    client.close(1000, "");
    upstream.expect_close(1000, "");

    let (mut client, mut upstream) = relay.open();
    client.close(1010, "x");
    upstream.expect_close(1010, "x");
}

#[test]
fn close_that_the_other_side_does_not_answer_is_answered_by_the_relay() {
    let relay = Relay::new();
    let (mut client, mut upstream) = relay.open();
    client.close(4000, "bye");
    upstream.expect_close(4000, "bye");
    client.expect_close(4000, "");
    client.expect_eof();
    upstream.expect_eof();
}

#[test]
fn side_that_breaks_a_rule_gets_its_close_after_the_other_sides_data() {
    let relay = Relay::new();
    for (from_client, code) in [(true, 1001), (false, 1014)] {
        for (broken, expected) in [(0xC1, 1002), (TEXT, 1007)] {
            let (mut client, mut upstream) = relay.open();
            let (one, other) = if from_client { (&mut client, &mut upstream) } else { (&mut upstream, &mut client) };
            one.send(0x01, b"valid");
            one.send(if broken == TEXT { 0x80 } else { broken }, b"\xFF");
            assert_eq!(other.frame_in(), Some((0x01, b"valid".to_vec())));
            other.send(TEXT, b"answer");
            other.expect_close(code, if from_client { "client failed" } else { "upstream failed" });
            other.close(code, "");
            one.expect(TEXT, b"answer");
            one.expect_close(expected, "");
            one.expect_eof();
        }
    }
}

#[test]
fn other_side_gets_a_close_when_one_vanishes_between_frames() {
    let relay = Relay::new();
    for mid_message in [false, true] {
        let (client, mut upstream) = relay.open();
        let mut client = client;
        if mid_message {
            client.send(0x01, b"first");
            assert_eq!(upstream.frame_in(), Some((0x01, b"first".to_vec())));
        }
        drop(client);
        upstream.expect_close(1001, "client failed");
        upstream.close(1001, "");

        let (mut client, mut upstream) = relay.open();
        if mid_message {
            upstream.send(0x01, b"first");
        }
        drop(upstream);
        if mid_message {
            assert_eq!(client.frame_in(), Some((0x01, b"first".to_vec())));
        }
        client.expect_close(1014, "upstream failed");
        client.close(1014, "");
        client.expect_eof();
    }
    let errors = relay.errors();
    let of = |side| errors.lines().filter(|line| line.contains(side)).count();
    assert_eq!((of(": client: "), of(": upstream: ")), (2, 2), "{errors}");
}

#[test]
fn tcp_ends_inside_a_frame_that_cannot_be_completed() {
    let relay = Relay::new();
    for from_client in [true, false] {
        let (mut client, mut upstream) = relay.open();
        let (mut one, other) = if from_client { (client, &mut upstream) } else { (upstream, &mut client) };
        one.send(TEXT, b"complete");
        let frame = one.frame(BINARY, &[7; 1000]);
        one.write(&frame[..500]);
        one.shutdown();
        assert_eq!(other.frame_in(), Some((TEXT, b"complete".to_vec())));
        let mut rest = Vec::new();
        other.stream.read_to_end(&mut rest).expect("no reset");
        assert_eq!(rest.len(), 500);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn side_that_does_not_read_holds_up_the_other_one() {
    const BLOCK: usize = 1 << 20; // a multiple of the mask's length
    const BLOCKS: usize = 50;
    let relay = Relay::new();
    for from_client in [true, false] {
        let (mut client, mut upstream) = relay.open();
        let before = resident(&relay.server.program);
        let (one, other) = if from_client { (&mut client, &mut upstream) } else { (&mut upstream, &mut client) };
        let block: Vec<u8> = (0..BLOCK).map(|i| ((i * 7) >> 4) as u8).collect();
        let masked = one.frame(BINARY, &block);
        let masked = masked[masked.len() - BLOCK..].to_vec();
        let (mut writer, is_client) = (one.writer(), one.is_client);
        let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = sent.clone();
        let sender = thread::spawn(move || {
            writer.write_all(&header(BINARY, (BLOCK * BLOCKS) as u64, is_client)).unwrap();
            for _ in 0..BLOCKS {
                writer.write_all(&masked).unwrap();
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        });
        // Other pairs go on meanwhile.
        let (mut a, mut b) = relay.open();
        for _ in 0..10 {
            pass(&mut a, &mut b, &[(TEXT, b"other")]);
            thread::sleep(Duration::from_millis(50));
        }
        let grown = resident(&relay.server.program).saturating_sub(before);
        assert!(grown < 2048, "{grown} KiB more for a peer that does not read");
        let sent = sent.load(std::sync::atomic::Ordering::Relaxed);
        assert!(sent < BLOCKS, "all was read");
        let (first, payload) = other.frame_in().expect("one frame");
        assert!(first == BINARY && payload.len() == BLOCK * BLOCKS);
        assert!(payload.chunks(BLOCK).all(|got| got == block), "the payload has changed");
        sender.join().unwrap();
    }
}

/// Both directions are full: each end writes all before it reads. More than the system's buffers hold would be a deadlock of
/// these ends, also without a relay.
#[test]
fn directions_do_not_wait_for_each_other() {
    let relay = Relay::new();
    let (mut client, mut upstream) = relay.open();
    let body = vec![7; 24 << 20];
    let frame = client.frame(BINARY, &body);
    let mut writer = client.writer();
    // The client writes without reading; the upstream reads, and its answers stay where they are.
    let sender = thread::spawn(move || writer.write_all(&frame).unwrap());
    let mut answers = upstream.writer();
    let answer = upstream.frame(BINARY, &body);
    let answering = thread::spawn(move || answers.write_all(&answer).unwrap());
    assert!(upstream.frame_in() == Some((BINARY, body.clone())), "not the frame");
    sender.join().unwrap();
    assert!(client.frame_in() == Some((BINARY, body)), "not the frame");
    answering.join().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn relay_serves_a_hundred_pairs_and_frees_them() {
    let relay = Relay::new();
    let _pair = relay.open();
    let before = relay.server.descriptors().len();
    let mut pairs: Vec<_> = (0..100).map(|_| relay.open()).collect();
    for (i, (client, upstream)) in pairs.iter_mut().enumerate() {
        let message = i.to_string();
        pass(client, upstream, &[(TEXT, message.as_bytes())]);
        pass(upstream, client, &[(TEXT, message.as_bytes())]);
    }
    drop(pairs);
    // Clients that go away while the upstream has not answered, or before they have asked.
    for request in [&b""[..], b"GET / HT", REQUEST.as_bytes()] {
        Peer::connect(relay.server.address).write(request);
    }
    drop(relay.upstream());
    eventually("all connections are closed", || (relay.server.descriptors().len() == before).then_some(()));
}

#[test]
fn silent_sides_get_pings_of_the_relay() {
    let relay = Relay::with("", &["--keepalive", "1"]);
    let (mut client, mut upstream) = relay.open();
    for _ in 0..2 {
        for end in [&mut client, &mut upstream] {
            let (first, payload) = end.next().expect("a Ping");
            assert_eq!(first, PING);
            end.send(PONG, &payload);
        }
    }
    pass(&mut client, &mut upstream, &[(TEXT, b"still here")]);
}

#[test]
fn ctrl_c_closes_both_sides_with_1001() {
    let mut relay = Relay::new();
    let (mut client, mut upstream) = relay.open();
    let mut waits = relay.request(REQUEST);
    let (_undecided, _) = relay.upstream();
    relay.server.program.interrupt();
    for end in [&mut client, &mut upstream] {
        end.expect_close(1001, "relay shuts down");
    }
    let head = waits.head();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    waits.shutdown();
    upstream.close(1001, "");
    client.close(1001, "");
    client.expect_eof();
    upstream.shutdown();
    upstream.expect_eof();
    client.shutdown();
    assert!(relay.server.program.wait().success());
}

#[test]
fn ctrl_c_waits_for_the_end_of_a_frame() {
    let mut relay = Relay::new();
    let (mut client, mut upstream) = relay.open();
    let frame = client.frame(BINARY, &[7; 1000]);
    client.write(&frame[..500]);
    upstream.read(&mut [0; 400]);
    relay.server.program.interrupt();
    client.expect_close(1001, "relay shuts down");
    client.write(&frame[500..]);
    upstream.read(&mut [0; 608]);
    upstream.expect_close(1001, "relay shuts down");
    drop((client, upstream));
    assert!(relay.server.program.wait().success());
}

#[test]
fn second_ctrl_c_ends_the_relay_at_once() {
    let mut relay = Relay::new();
    let (mut client, _upstream) = relay.open();
    relay.server.program.interrupt();
    client.expect_close(1001, "relay shuts down");
    assert!(relay.server.program.0.try_wait().unwrap().is_none(), "it waits for the peers");
    relay.server.program.interrupt();
    relay.server.program.wait();
}

#[test]
fn relay_reports_bad_arguments() {
    for (arguments, error) in [
        (&["0"][..], "relay: usage: relay "),
        (&["0", "ws://127.0.0.1:1/", "more"], "relay: unexpected argument \"more\""),
        (&["0", "wss://127.0.0.1/"], "relay: this example has no TLS; "),
        (&["0", "ws://127.0.0.1/?a"], "relay: UPSTREAM_URI has a query; "),
        (&["0", "127.0.0.1:1"], "relay: "),
        (&["nonsense", "ws://127.0.0.1:1/"], "relay: cannot listen on nonsense: "),
        (&["0", "ws://127.0.0.1:1/", "--keepalive", "0"], "relay: --keepalive takes a number of seconds, at least 1, "),
        (&["0", "ws://127.0.0.1:1/", "--patience", "x"], "relay: --patience takes a number of seconds, at least 1, "),
    ] {
        let (success, stdout, stderr) = Program::start(Command::new(example("relay")).args(arguments)).finish();
        assert_eq!((success, &*stdout), (false, ""));
        assert!(stderr.starts_with(error), "{stderr}");
    }
}

#[test]
fn relay_outlives_the_reader_of_its_log() {
    let mut relay = Relay::new();
    drop(relay.server.program.0.stderr.take());
    let (mut client, mut upstream) = relay.open();
    let mut bad = Peer::connect(relay.server.address);
    bad.write(b"garbage\r\n\r\n");
    assert!(bad.head().starts_with("HTTP/1.1 400 "), "the failure would be reported");
    pass(&mut client, &mut upstream, &[(TEXT, b"still here")]);
}
