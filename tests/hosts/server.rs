//! `echo_server`.

use super::*;

pub(super) struct Server {
    pub(super) program: Program,
    pub(super) address: SocketAddr,
}

fn server() -> Server {
    Server::start("echo_server", &[])
}

/// Starts a server and reads the address at which it listens. Returns `None` if it ends instead.
fn server_at(address: &str, command: &mut Command, options: &[&str]) -> Option<Server> {
    let mut program = Program::start(command.arg(address).args(options));
    let mut line = String::new();
    BufReader::new(program.0.stdout.as_mut()?).read_line(&mut line).expect("a pipe can be read");
    let (_, rest) = line.split_once("ws://")?;
    let (address, _) = rest.split_once('/')?;
    Some(Server { program, address: address.parse().expect("an address in the URL") })
}

impl Server {
    pub(super) fn start(name: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(example(name));
        server_at("127.0.0.1:0", &mut command, arguments).expect("the server starts")
    }

    fn open(&self) -> Peer {
        Peer::open(self.address)
    }

    fn request(&self, line: &str) -> (String, String) {
        let mut peer = Peer::connect(self.address);
        peer.write(format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        (peer.head(), peer.rest())
    }

    #[cfg(target_os = "linux")]
    pub(super) fn descriptors(&self) -> Vec<usize> {
        let directory = std::fs::read_dir(format!("/proc/{}/fd", self.program.0.id())).unwrap();
        directory.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
    }
}

#[test]
fn server_serves_its_page_at_the_root_only() {
    let server = server();
    let (head, body) = server.request("GET /");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(field(&head, "Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(field(&head, "Content-Length"), Some(&*body.len().to_string()));
    assert!(body.starts_with("<!doctype html>") && body.ends_with("</html>\n"), "{body}");

    let (of_head, nothing) = server.request("HEAD /");
    assert_eq!((of_head, &*nothing), (head, ""));
    let (head, _) = server.request("GET /favicon.ico");
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
}

#[test]
fn refusal_reaches_a_peer_that_keeps_sending() {
    let server = server();
    for (request, status) in [("POST / HTTP/1.1\r\n", "405"), ("GET / HTTP/1.1\r\nA b: c\r\n", "400")] {
        let mut peer = Peer::connect(server.address);
        peer.write(request.as_bytes());
        peer.write(&vec![b'x'; 4 << 20]);
        let head = peer.head();
        assert_eq!(head.split(' ').nth(1), Some(status));
        peer.rest();
    }
}

#[test]
fn server_echoes_every_length_of_message() {
    let server = server();
    let mut peer = server.open();
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 16 << 20] {
        for first in [TEXT, BINARY] {
            let top = if first == TEXT { 0x7F } else { 0xFF };
            let message: Vec<u8> = (0..len).map(|i: u32| (i.wrapping_mul(31) >> 3) as u8 & top).collect();
            let (frame, mut writer) = (peer.frame(first, &message), peer.writer());
            let sender = thread::spawn(move || writer.write_all(&frame).unwrap());
            peer.expect(first, &message);
            sender.join().unwrap();
        }
    }
    peer.close(1000, "");
    peer.expect_close(1000, "");
    peer.expect_eof();
}

#[test]
fn server_accepts_a_stream_cut_at_every_byte() {
    let server = server();
    let mut peer = Peer::connect(server.address);
    let frames = [peer.frame(0x01, "Käse ".as_bytes()), peer.frame(PING, b"?"), peer.frame(0x80, "🧀".as_bytes())];
    for byte in [REQUEST.as_bytes(), &frames.concat(), &peer.frame(CLOSE, &close(1000, "over"))].concat() {
        peer.write(&[byte]);
    }
    peer.expect_101();
    peer.expect(PONG, b"?");
    peer.expect(TEXT, "Käse 🧀".as_bytes());
    peer.expect_close(1000, "");
    peer.expect_eof();
}

#[test]
fn server_reads_frames_that_come_with_the_request() {
    let server = server();
    let mut peer = Peer::connect(server.address);
    let frames = [peer.frame(TEXT, b"early"), peer.frame(CLOSE, &[])].concat();
    peer.write(&[REQUEST.as_bytes(), &frames].concat());
    peer.expect_101();
    peer.expect(TEXT, b"early");
    peer.expect(CLOSE, b"");
    peer.expect_eof();
}

#[test]
fn ping_between_fragments_is_answered_between_fragments() {
    let server = server();
    let mut peer = server.open();
    peer.send(0x02, &[1; 1000]);
    for i in 0..50 {
        peer.send(PING, &[i; 125]);
        peer.expect(PONG, &[i; 125]);
        peer.send(0x00, &[i; 1000]);
    }
    peer.send(0x80, b"");
    let fragments: Vec<u8> = [1].into_iter().chain(0..50).flat_map(|i| [i; 1000]).collect();
    peer.expect(BINARY, &fragments);
}

#[test]
fn server_selects_the_first_subprotocol_offered() {
    let server = server();
    let mut peer = Peer::connect(server.address);
    peer.write(REQUEST.replace("Version: 13", "Version: 13\r\nSec-WebSocket-Protocol: b, a").as_bytes());
    let head = peer.head();
    assert_eq!(field(&head, "Sec-WebSocket-Protocol"), Some("b"), "{head}");
}

#[test]
fn protocol_error_is_reported_to_a_peer_that_keeps_sending() {
    let server = server();
    let peer = server.open();
    let of_length = |len: &[u8]| [&[BINARY, 0xFF][..], len, &KEY].concat();
    for (code, broken) in [
        (1002, header(TEXT, 5, false)),                                    // unmasked
        (1002, header(0xC1, 5, true)),                                     // RSV1
        (1002, header(0x83, 0, true)),                                     // a reserved opcode
        (1002, header(0x80, 1, true)),                                     // nothing to continue
        (1002, header(0x09, 0, true)),                                     // a fragmented Ping
        (1002, header(PING, 126, true)),                                   // a Ping that is too long
        (1002, of_length(&[0, 0, 0, 0, 0, 0, 0, 1])),                      // a length not in its shortest form
        (1002, of_length(&[0x80, 0, 0, 0, 0, 0, 0, 0])),                   // a length beyond 63 bits
        (1002, peer.frame(CLOSE, &[3])),                                   // a Close of one byte
        (1002, peer.frame(CLOSE, &close(1005, ""))),                       // a status code that must not be sent
        (1002, [peer.frame(0x01, b"a"), peer.frame(TEXT, b"b")].concat()), // a message inside another
        (1007, peer.frame(TEXT, b"\xED\xA0\x80")),                         // not UTF-8
    ] {
        let mut peer = server.open();
        peer.write(&broken);
        peer.write(&vec![0xA5; 4 << 20]);
        let close_in = |(first, payload): (u8, Vec<u8>)| (first == CLOSE).then_some(payload);
        let got = std::iter::from_fn(|| peer.frame_in()).find_map(close_in); // after the echoes before the error
        assert_eq!(got, Some(close(code, "")), "{broken:x?}");
        peer.expect_eof();
    }
}

#[test]
fn close_is_answered_with_its_code_and_tcp_ends() {
    let server = server();
    for (sent, answer) in [
        (close(1000, "bye"), close(1000, "")),
        (close(1001, ""), close(1001, "")),
        (close(4999, &"r".repeat(123)), close(4999, "")),
        (vec![], vec![]),
    ] {
        for half_close in [false, true] {
            let mut peer = server.open();
            peer.send(TEXT, b"last words");
            peer.send(CLOSE, &sent);
            if half_close {
                peer.shutdown();
            }
            peer.expect(TEXT, b"last words");
            peer.expect(CLOSE, &answer);
            peer.expect_eof();
        }
    }
}

#[test]
fn server_ignores_what_follows_a_close() {
    let server = server();
    let mut peer = server.open();
    peer.close(1000, "");
    peer.send(TEXT, b"too late");
    peer.write(&vec![0xFF; 4 << 20]);
    peer.expect_close(1000, "");
    peer.expect_eof();
}

#[test]
#[cfg(target_os = "linux")]
fn server_frees_connections_of_vanished_peers() {
    let server = server();
    let mut peer = server.open();
    let before = server.descriptors().len();
    for start in [&b""[..], b"GET / HT", REQUEST.as_bytes()] {
        Peer::connect(server.address).write(start);
    }
    for len in [0, 1, 7, 100] {
        let mut peer = server.open();
        peer.send(TEXT, b"unread"); // so that a reset follows
        let frame = peer.frame(BINARY, &[0; 200]);
        peer.write(&frame[..len]);
    }
    eventually("all connections are closed", || (server.descriptors().len() == before).then_some(()));
    peer.send(TEXT, b"still here");
    peer.expect(TEXT, b"still here");
}

#[test]
#[cfg(target_os = "linux")]
fn slow_reader_costs_no_memory_and_loses_nothing() {
    const BLOCK: usize = 1 << 20; // a multiple of the mask's length
    const BLOCKS: usize = 50;
    let server = Server::start("echo_server", &["--ahead", "1"]);
    let mut peer = server.open();
    let before = resident(&server.program);

    let block: Vec<u8> = (0..BLOCK).map(|i| ((i * 7) >> 4) as u8).collect();
    let mut writer = peer.writer();
    let masked = peer.frame(BINARY, &block)[14..].to_vec();
    let sender = thread::spawn(move || {
        writer.write_all(&header(BINARY, (BLOCK * BLOCKS) as u64, true)).unwrap();
        (0..BLOCKS).for_each(|_| writer.write_all(&masked).unwrap());
    });
    // Nothing is read while the server reads as much as it wants.
    let mut other = server.open();
    for _ in 0..20 {
        other.send(PING, b"");
        other.expect(PONG, b"");
        thread::sleep(Duration::from_millis(50));
    }
    let grown = resident(&server.program).saturating_sub(before);
    assert!(grown < 4096, "{grown} KiB more for a peer that does not read");

    let mut got = 0;
    let mut last = false;
    while !last {
        let (first, payload) = peer.frame_in().expect("the rest of the message");
        assert_eq!(first & 0x7F, if got == 0 { 2 } else { 0 });
        last = first >= 0x80;
        let (head, tail) = payload.split_at(payload.len().min(BLOCK - got % BLOCK));
        assert!(block[got % BLOCK..].starts_with(head) && block.starts_with(tail), "wrong bytes near {got}");
        got += payload.len();
    }
    assert_eq!(got, BLOCK * BLOCKS);
    sender.join().unwrap();
}

/// uWSGI answers every Ping with an empty Pong, others with a payload of their own.
#[test]
fn server_keeps_a_peer_whose_pongs_have_another_payload() {
    let server = Server::start("echo_server", &["--keepalive", "1"]);
    for pong in [&b""[..], b"mine"] {
        let mut peer = server.open();
        for _ in 0..3 {
            assert_eq!(peer.next().expect("the next Ping").0, PING);
            peer.send(PONG, pong);
        }
        peer.send(TEXT, b"alive");
        peer.expect(TEXT, b"alive");
    }
}

/// A client that writes a whole message in one blocking call. The message and its echo are longer than all buffers of the
/// system, so the server must read on although the client does not.
#[test]
fn message_comes_back_to_a_peer_that_writes_all_of_it_before_it_reads() {
    const SIZE: usize = 24 << 20;
    let server = server();
    for round in 0..2 {
        let mut peer = server.open();
        let body: Vec<u8> = (0..SIZE).map(|i| (i >> 8) as u8 ^ round).collect();
        peer.send(BINARY, &body);
        peer.send(PING, b"after");
        peer.close(1000, "done");
        let mut got = Vec::new();
        let pong = loop {
            match peer.next().expect("the rest of the echo") {
                (0x02 | 0x82 | 0x00 | 0x80, payload) => got.extend(payload),
                (first, payload) => break (first, payload),
            }
        };
        assert!(got == body && pong == (PONG, b"after".to_vec()), "{} bytes, {pong:?}", got.len());
        peer.expect_close(1000, "");
        peer.expect_eof();
    }
}

/// Without any budget the server still serves a peer that reads.
#[test]
fn server_without_a_budget_echoes_to_peers_that_read() {
    let server = Server::start("echo_server", &["--ahead", "0"]);
    let mut peer = server.open();
    let body = vec![7; 8 << 20];
    let mut writer = peer.writer();
    let frame = peer.frame(BINARY, &body);
    let sender = thread::spawn(move || writer.write_all(&frame).unwrap());
    let mut got = 0;
    while got < body.len() {
        got += peer.frame_in().expect("the rest of the echo").1.len();
    }
    sender.join().unwrap();
}

#[test]
fn server_serves_hundreds_of_connections_at_once() {
    let server = server();
    let mut peers: Vec<Peer> = (0..300).map(|_| server.open()).collect();
    for round in 0..3 {
        for (i, peer) in peers.iter_mut().enumerate() {
            peer.send(TEXT, format!("{round} {i}").as_bytes());
        }
        for (i, peer) in peers.iter_mut().enumerate().rev() {
            peer.expect(TEXT, format!("{round} {i}").as_bytes());
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn closed_connection_frees_a_descriptor_for_a_waiting_one() {
    const LIMIT: usize = 20;
    let limited = format!("ulimit -n {LIMIT}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    let server = server_at("127.0.0.1:0", command.args(["-c", &limited, &example("echo_server")]), &[]).unwrap();
    let mut peers = vec![server.open()];
    while server.descriptors().iter().filter(|number| **number < LIMIT).count() < LIMIT {
        peers.push(server.open());
    }
    let mut waits = Peer::connect(server.address);
    waits.write(REQUEST.as_bytes());
    peers[0].send(TEXT, b"full house");
    peers[0].expect(TEXT, b"full house");
    waits.writer().set_read_timeout(Some(Duration::from_secs(5))).unwrap(); // shorter than all of the server's timeouts
    drop(peers.pop());
    waits.expect_101();
}

#[test]
fn server_reports_each_failed_connection_once() {
    let server = server();
    for broken in [header(0xC1, 0, true), header(TEXT, 5, false)] {
        let mut peer = server.open();
        peer.write(&broken);
        peer.expect_close(1002, "");
        peer.expect_eof();
    }
    let mut resets = server.open();
    resets.send(TEXT, b"unread");
    resets.writer().peek(&mut [0]).unwrap(); // a reset follows, because the echo is unread
    drop(resets);
    drop(server.open());
    // These do not fail.
    server.request("GET /");
    drop(Peer::connect(server.address));
    let mut closes = server.open();
    closes.close(1000, "");
    closes.expect_close(1000, "");
    drop(closes);

    server.program.interrupt();
    let (success, _, stderr) = server.program.finish();
    let mut lines: Vec<_> = stderr.lines().map(|line| line.strip_prefix("echo_server: ").expect(line)).collect();
    lines.sort_by_key(|line| line.to_lowercase());
    let [reset, masked, bits, eof] = &lines[..] else { panic!("{lines:?}") };
    assert!(success && reset.starts_with("Connection reset"), "{lines:?}");
    assert!(masked.contains("masked") && bits.contains("reserved") && eof.starts_with("transport ended"), "{lines:?}");
}

#[test]
fn ctrl_c_closes_with_1001() {
    let mut server = server();
    let [mut one, mut other] = [server.open(), server.open()];
    one.send(0x01, b"in the middle of a message");
    assert_eq!(one.frame_in(), Some((0x01, b"in the middle of a message".to_vec())));
    let mut undecided = Peer::connect(server.address);
    undecided.write(b"GET /");
    server.program.interrupt();
    for peer in [&mut one, &mut other] {
        peer.expect_close(1001, "server shuts down");
        peer.close(1001, "");
        peer.expect_eof();
    }
    assert!(server.program.wait().success());
    assert!(TcpStream::connect(server.address).is_err());
}

#[test]
fn ctrl_c_waits_for_a_limited_time() {
    let mut server = server();
    let mut peer = server.open();
    server.program.interrupt();
    peer.expect_close(1001, "server shuts down");
    // The peer does not answer.
    assert!(server.program.wait().success());
}

#[test]
fn second_ctrl_c_ends_the_server_at_once() {
    let mut server = server();
    let mut peer = server.open();
    server.program.interrupt();
    peer.expect_close(1001, "server shuts down");
    assert!(server.program.0.try_wait().unwrap().is_none(), "it waits for the peer, at most 5 s");
    let start = Instant::now();
    server.program.interrupt();
    server.program.wait();
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[test]
fn server_reports_a_port_in_use() {
    let server = server();
    let address = server.address.to_string();
    let (success, stdout, stderr) = Program::start(Command::new(example("echo_server")).arg(&address)).finish();
    assert_eq!((success, &*stdout), (false, ""));
    assert!(stderr.starts_with(&format!("echo_server: cannot listen on {address}: ")), "{stderr}");
}

#[test]
fn server_reports_bad_arguments() {
    for (arguments, error) in [
        (
            &["nonsense"][..],
            "echo_server: cannot listen on nonsense: invalid socket address; write HOST:PORT or PORT\n",
        ),
        (&["65536"], "echo_server: cannot listen on 127.0.0.1:65536: "),
        (&["127.0.0.1:0", "more"], "echo_server: unexpected argument \"more\""),
        (&["127.0.0.1:65536"], "echo_server: cannot listen on 127.0.0.1:65536: "),
        (&["--nonsense"], "echo_server: invalid option '--nonsense'"),
        (&["--keepalive"], "echo_server: missing argument for option '--keepalive'"),
        (&["--keepalive", "0"], "echo_server: --keepalive takes a number of seconds, at least 1, not '0'\n"),
        (&["--spin", "-1"], "echo_server: --spin takes a number of microseconds, not '-1'\n"),
        (&["--ahead", "-1"], "echo_server: --ahead takes a number of MiB, up to 65535, not '-1'\n"),
        (&["--backlog=many"], "echo_server: --backlog takes a number of connections, up to 65535, not 'many'\n"),
    ] {
        let (success, stdout, stderr) = Program::start(Command::new(example("echo_server")).args(arguments)).finish();
        assert_eq!((success, &*stdout), (false, ""));
        assert!(stderr.starts_with(error), "{stderr}");
    }
}

#[test]
fn server_help_lists_every_option_with_its_default() {
    let (success, help, _) = Program::start(Command::new(example("echo_server")).arg("--help")).finish();
    assert!(success && help.starts_with("usage: echo_server"));
    for option in ["ADDRESS is", "--keepalive SECONDS", "--spin MICROSECONDS", "--ahead MIB", "--backlog N"] {
        let line = help.lines().find(|line| line.trim_start().starts_with(option)).expect(option);
        assert!(line.contains("(default: "), "{line}");
    }
}

#[test]
fn server_accepts_a_bare_port() {
    let server = server_at("0", &mut Command::new(example("echo_server")), &[]).expect("the server starts");
    assert!(server.address.ip().is_loopback());
    let mut peer = server.open();
    peer.send(TEXT, b"port");
    peer.expect(TEXT, b"port");
}

/// `ss` shows the backlog of a listening socket as its send queue.
#[test]
#[cfg(target_os = "linux")]
fn server_listens_with_the_backlog_of_its_option() {
    for (options, backlog) in [(&[][..], "128"), (&["--backlog", "7"], "7")] {
        let server = Server::start("echo_server", options);
        let port = server.address.port();
        let Ok(output) = Command::new("ss").args(["-Hltn", &format!("sport = :{port}")]).output() else {
            return eprintln!("no ss on this machine");
        };
        let line = String::from_utf8(output.stdout).unwrap();
        assert_eq!(line.split_whitespace().nth(2), Some(backlog), "{line}");
    }
}

/// The server echoes before and after it stops spinning and sleeps.
#[test]
fn spinning_server_echoes_after_a_pause() {
    let server = Server::start("echo_server", &["--spin", "20000"]);
    let mut peer = server.open();
    for pause in [0, 50, 0] {
        std::thread::sleep(std::time::Duration::from_millis(pause));
        peer.send(TEXT, b"again");
        peer.expect(TEXT, b"again");
    }
}

#[test]
fn server_accepts_ipv6_connections() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return eprintln!("no IPv6 on this machine");
    }
    let server = server_at("[::1]:0", &mut Command::new(example("echo_server")), &[]).expect("the server starts");
    let mut peer = server.open();
    peer.send(TEXT, b"six");
    peer.expect(TEXT, b"six");
}

/// Whoever reads the log can end earlier than the server: `echo_server 2>&1 | tee log` and Ctrl-C, for example.
#[test]
fn server_outlives_the_reader_of_its_log() {
    let mut server = server();
    drop(server.program.0.stderr.take());
    let mut peer = server.open();
    let mut bad = Peer::connect(server.address);
    bad.write(b"garbage\r\n\r\n");
    assert!(bad.head().starts_with("HTTP/1.1 400 "), "the failure would be reported");
    peer.send(TEXT, b"still here");
    peer.expect(TEXT, b"still here");
}

#[test]
#[cfg(target_os = "linux")]
fn idle_connections_take_less_than_1_kib_each() {
    let server = server();
    let mut peers: Vec<_> = (0..50).map(|_| server.open()).collect(); // memory that does not depend on their number
    let before = resident(&server.program);
    peers.extend((0..200).map(|_| server.open()));
    let grown = resident(&server.program).saturating_sub(before);
    assert!(grown < 200, "{grown} KiB for 200 connections");
    for peer in [0, 249] {
        peers[peer].send(TEXT, b"here");
        peers[peer].expect(TEXT, b"here");
    }
}
