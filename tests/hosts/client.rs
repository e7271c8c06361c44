//! `client`, with `echo_server` and with servers that misbehave.

use super::*;
use std::net::TcpListener;

fn client(arguments: &[&str]) -> Program {
    Program::start(Command::new(example("client")).args(arguments))
}

/// Runs the client with this input until it ends.
fn run(arguments: &[&str], input: &str) -> (bool, String, String) {
    let mut program = client(arguments);
    let mut stdin = program.0.stdin.take().unwrap();
    let input = input.to_string();
    thread::spawn(move || stdin.write_all(input.as_bytes()));
    program.finish()
}

/// A server without the engine, for one client.
struct Fake(TcpListener);

impl Fake {
    fn new() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/path?query", listener.local_addr().unwrap());
        (Self(listener), url)
    }

    /// Reads the client's request.
    fn request(self) -> (String, Peer) {
        self.0.set_nonblocking(true).unwrap();
        let (stream, _) = eventually("the client connects", || self.0.accept().ok());
        stream.set_nonblocking(false).unwrap();
        let mut peer = Peer::new(stream, false);
        (peer.head(), peer)
    }

    /// Returns the connection after the handshake, and the request.
    fn accept(self, more: &str) -> (Peer, String) {
        let (request, mut peer) = self.request();
        peer.write(accepting(&request, more).as_bytes());
        (peer, request)
    }
}

pub(super) fn accepting(request: &str, more: &str) -> String {
    let key = field(request, "Sec-WebSocket-Key").expect("a key");
    let accept = barews::handshake::accept_key(key.as_bytes()).unwrap();
    let accept = str::from_utf8(&accept).unwrap();
    format!(
        "HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
}

/// Returns a client that is connected to this process. Its standard input is open; dropping the input ends it.
fn connected(arguments: &[&str]) -> (Program, Peer) {
    let (fake, url) = Fake::new();
    let program = client(&[&[&*url], arguments].concat());
    let (peer, _) = fake.accept("");
    (program, peer)
}

/// Ends the input. The client closes, and the server answers.
fn end_input(program: &mut Program, mut peer: Peer) {
    drop(program.0.stdin.take());
    peer.expect_close(1000, "");
    peer.close(1000, "");
}

#[test]
fn client_prints_the_echo_of_each_line_in_order() {
    let mut server = Program::start(Command::new(example("echo_server")).arg("127.0.0.1:0"));
    let mut line = String::new();
    BufReader::new(server.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let url = line.split(' ').find(|word| word.starts_with("ws://")).unwrap();

    let mut lines: String = (0..2000).map(|i| format!("line {i} 🦀\n")).collect();
    lines += "\n";
    lines += &"a long line ".repeat(100_000);
    lines += "\n";
    let (success, stdout, stderr) = run(&[url], &lines);
    assert_eq!((success, &*stderr), (true, "closed with 1000\n"));
    assert!(stdout == lines, "{} bytes were sent, {} came back", lines.len(), stdout.len());
    assert_eq!(run(&[url], ""), (true, String::new(), "closed with 1000\n".into()));
    assert_eq!(run(&[url], "a\r\nb"), (true, "a\nb\n".into(), "closed with 1000\n".into()));
    let localhost = url.replace("127.0.0.1", "localhost");
    assert_eq!(run(&[&localhost], "by name\n").1, "by name\n");
}

#[test]
fn options_appear_in_the_request() {
    let (fake, url) = Fake::new();
    let options = "--subprotocol a --subprotocol b --origin http://example.com --header X-One:1";
    let mut arguments: Vec<&str> = options.split(' ').collect();
    arguments.extend(["--header", "Cookie: a=b; c=d", &url]);
    let mut program = client(&arguments);
    let (peer, request) = fake.accept("Sec-WebSocket-Protocol: b\r\n");
    assert!(request.starts_with("GET /path?query HTTP/1.1\r\n"), "{request}");
    for (name, value) in [
        ("Host", url.split('/').nth(2).unwrap()),
        ("Sec-WebSocket-Protocol", "a, b"),
        ("Sec-WebSocket-Version", "13"),
        ("Origin", "http://example.com"),
        ("X-One", "1"),
        ("Cookie", "a=b; c=d"),
    ] {
        assert_eq!(field(&request, name), Some(value), "{name}");
    }
    end_input(&mut program, peer);
    let (success, _, stderr) = program.finish();
    assert!(success && stderr.contains("subprotocol: b\n"), "{stderr}");
}

#[test]
fn client_succeeds_when_the_server_closes() {
    for (sent, printed) in [
        (close(1000, "that is all"), "closed with 1000 that is all\n"),
        (close(4000, ""), "closed with 4000\n"),
        (close(4000, "\x1b[31m\u{9b}1m ü"), "closed with 4000 \\u{1b}[31m\\u{9b}1m ü\n"),
        (vec![], "closed with 1005\n"),
    ] {
        let (program, mut peer) = connected(&[]);
        peer.send(TEXT, b"one");
        peer.send(CLOSE, &sent);
        peer.expect(CLOSE, &sent[..sent.len().min(2)]);
        drop(peer);
        assert_eq!(program.finish(), (true, "one\n".into(), printed.into()));
    }
}

#[test]
fn client_reads_frames_that_come_with_the_response() {
    let (fake, url) = Fake::new();
    let program = client(&[&url]);
    let (request, mut peer) = fake.request();
    let frames = [peer.frame(TEXT, b"at once"), peer.frame(CLOSE, &close(1000, ""))].concat();
    peer.write(&[accepting(&request, "").as_bytes(), &frames].concat());
    peer.expect_close(1000, "");
    drop(peer);
    assert_eq!(program.finish(), (true, "at once\n".into(), "closed with 1000\n".into()));
}

#[test]
fn client_prints_one_message_a_line() {
    for (arguments, binary) in [(&[][..], "<5 bytes>"), (&["--binary-hex"], "00017f80ff")] {
        let (mut program, mut peer) = connected(arguments);
        peer.send(BINARY, b"\x00\x01\x7F\x80\xFF");
        peer.send(0x01, b"in \xC3");
        peer.send(PING, b"ping");
        peer.send(0x80, b"\xBC fragments");
        peer.send(0x02, b"");
        peer.send(0x80, b"");
        peer.expect(PONG, b"ping");
        end_input(&mut program, peer);
        let empty = if arguments.is_empty() { "<0 bytes>" } else { "" };
        assert_eq!(program.finish().1, format!("{binary}\nin ü fragments\n{empty}\n"));
    }
}

#[test]
fn client_prints_the_size_of_a_fragmented_message_once() {
    let (program, mut peer) = connected(&[]);
    peer.send(0x02, &[0; 3]);
    peer.send(0x80, &[0; 100_000]);
    peer.close(1000, "");
    peer.expect_close(1000, "");
    drop(peer);
    assert_eq!(program.finish().1, "<100003 bytes>\n");
}

#[test]
fn client_shows_a_refusal_with_its_fields() {
    for (status, more) in [
        (302, "Location: ws://example.com/"),
        (401, "WWW-Authenticate: Basic realm=\"it\""),
        (403, "X: y"),
        (426, "Sec-WebSocket-Version: 14, 15"),
        (429, "Retry-After: 60"),
        (200, "X: y"),
    ] {
        let (fake, url) = Fake::new();
        let program = client(&[&url, "--redirects", "0"]);
        let (_, mut peer) = fake.request();
        peer.write(format!("HTTP/1.1 {status} \r\nContent-Length: 0\r\n{more}\r\n\r\n").as_bytes());
        let (success, stdout, stderr) = program.finish();
        assert_eq!((success, &*stdout), (false, ""));
        assert!(stderr.starts_with(&format!("client: the server answers with status {status}\n")), "{stderr}");
        assert!(stderr.contains(more) || more == "X: y", "{stderr}");
    }
}

#[test]
fn client_refuses_an_invalid_response() {
    let wrong_key = accepting("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "");
    for response in ["", "HTTP", "HTTP/1.1 101 \r\n\r\n", &wrong_key, "HTTP/1.1 101 \r\nUpgra"] {
        let (fake, url) = Fake::new();
        let program = client(&[&url]);
        let (_, mut peer) = fake.request();
        peer.write(response.as_bytes());
        drop(peer);
        let (success, stdout, stderr) = program.finish();
        assert_eq!((success, &*stdout), (false, ""));
        assert!(stderr.starts_with("client: "), "{stderr}");
    }
}

#[test]
fn client_shows_what_a_server_without_http_sends() {
    let long = "\u{1b}[31m".repeat(1000);
    for (response, shown) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", r"SSH-2.0-OpenSSH_9.2\r\n"),
        ("220 ready", "220 ready"),
        ("HTTQ/1.1 101 \r\n", r"HTTQ/1.1 101 \r\n"),
        (&long, r"\x1b[31m\x1b[31m"), // no escape sequence reaches the terminal
    ] {
        let (fake, url) = Fake::new();
        let program = client(&[&url]);
        let (_, mut peer) = fake.request();
        peer.write(response.as_bytes());
        let (success, stdout, stderr) = program.finish();
        assert_eq!((success, &*stdout), (false, ""));
        assert!(stderr.starts_with(&format!("client: not an HTTP server: it sends \"{shown}")), "{stderr}");
        assert!(stderr.len() < 300, "{stderr}");
    }
}

/// On a terminal, and only there, the client marks sent and received lines and says that it is connected.
#[test]
#[cfg(target_os = "linux")]
fn client_marks_lines_on_a_terminal() {
    let (fake, url) = Fake::new();
    let command = format!("{} --subprotocol b {url}", example("client"));
    let mut script = Command::new("script"); // runs the command on a terminal, and copies that to its own output
    let mut program = Program::start(script.args(["--quiet", "--return", "--command", &command, "/dev/null"]));
    let (mut peer, _) = fake.accept("Sec-WebSocket-Protocol: b\r\n");
    let mut stdin = program.0.stdin.take().unwrap();
    stdin.write_all(b"hello\n").unwrap();
    peer.expect(TEXT, b"hello");
    peer.send(TEXT, b"hello");
    peer.send(0x02, b"\x01");
    peer.send(0x80, b"\x02");
    peer.close(1000, "");
    peer.expect_close(1000, "");
    drop(peer);
    let (success, stdout, _) = program.finish();
    let (first, rest) = stdout.split_once(" ms\r\n").expect("a line about the connection");
    assert!(first.contains(&format!("connected to {url}, subprotocol b, in ")), "{stdout:?}");
    for text in ["> ", "\r< hello\r\n> ", "\r< <2 bytes>\r\n> ", "\rclosed with 1000\r\n"] {
        assert!(rest.contains(text), "no {text:?} in {stdout:?}");
    }
    assert!(success);
}

#[test]
fn client_fails_at_an_end_without_a_close() {
    let (program, mut peer) = connected(&[]);
    peer.send(TEXT, b"one");
    drop(peer);
    let (success, stdout, stderr) = program.finish(); // while its input is still open
    assert_eq!((success, &*stdout), (false, "one\n"));
    assert!(stderr.starts_with("closed with 1006\nclient: "), "{stderr}");
}

#[test]
fn client_reports_a_protocol_error_to_server_and_user() {
    for (code, broken) in [
        (1002, [header(TEXT, 0, true)].concat()), // masked
        (1002, header(0xC1, 0, false)),           // RSV1
        (1002, header(0x80, 0, false)),           // nothing to continue
        (1007, [header(TEXT, 1, false), vec![0xFF]].concat()),
    ] {
        let (program, mut peer) = connected(&[]);
        peer.write(&broken);
        peer.expect_close(code, "");
        drop(peer);
        let (success, stdout, stderr) = program.finish();
        assert_eq!((success, &*stdout), (false, ""));
        assert!(stderr.starts_with("closed with 1006\nclient: "), "{stderr}");
    }
}

/// Answers a request with a redirect.
fn redirect(fake: Fake, status: u16, location: &str) -> String {
    let (request, mut peer) = fake.request();
    peer.write(format!("HTTP/1.1 {status} \r\nLocation: {location}\r\nContent-Length: 2\r\n\r\nno").as_bytes());
    request
}

#[test]
fn client_follows_redirects_and_keeps_credentials_from_other_servers() {
    let (first, url) = Fake::new();
    let (second, other) = Fake::new();
    let back = first.0.try_clone().map(Fake).unwrap();
    let (secrets, public) = (["Authorization: Basic eA==", "cookie: a=b"], "X-Public: 1");
    let mut program = client(&[&url, "--header", secrets[0], "--header", secrets[1], "--header", public]);
    let again = first.0.try_clone().map(Fake).unwrap();
    for (fake, location, target, trusted) in [
        (first, "/next#part", "/path?query", true), // a path on the same server
        (again, &*other.replace("ws:", "http:"), "/next", true),
        (second, &*url, "/path?query", false),
    ] {
        let request = redirect(fake, 307, location);
        assert!(request.starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{request}");
        assert_eq!(field(&request, "Authorization").is_some(), trusted, "{request}");
        assert_eq!(field(&request, "Cookie").is_some(), trusted, "{request}");
        assert_eq!(field(&request, "X-Public"), Some("1"), "{request}");
    }
    // The first server again: another one has named it, so it does not get them either.
    let (peer, request) = back.accept("");
    assert_eq!((field(&request, "Authorization"), field(&request, "Cookie")), (None, None), "{request}");
    end_input(&mut program, peer);
    assert_eq!(program.finish(), (true, String::new(), "closed with 1000\n".into()));
}

#[test]
fn client_refuses_redirects_that_lead_nowhere() {
    for (location, shown) in [
        ("https://a/", "this example has no TLS"),
        ("mailto:a", "ws:// or wss://"),
        ("//user:password@a/", "user name"),
        ("/a b", "path"),
    ] {
        let (fake, url) = Fake::new();
        let program = client(&[&url]);
        redirect(fake, 302, location);
        let (success, _, stderr) = program.finish();
        assert!(!success && stderr.starts_with("client: ") && stderr.contains(shown), "{location}: {stderr}");
    }
    let (fake, url) = Fake::new();
    let program = client(&[&url, "--redirects", "2"]);
    for _ in 0..3 {
        redirect(fake.0.try_clone().map(Fake).unwrap(), 301, "/loop");
    }
    let (success, _, stderr) = program.finish();
    assert!(!success && stderr.starts_with("client: more than 2 redirects, the last to ws://"), "{stderr}");
}

#[test]
fn client_tries_again_after_a_temporary_failure() {
    let (fake, url) = Fake::new();
    let listener = || fake.0.try_clone().map(Fake).unwrap();
    let mut program = client(&[&url, "--retries", "3"]);
    let start = Instant::now();
    let (_, mut peer) = listener().request();
    peer.write(b"HTTP/1.1 503 \r\nRetry-After: 1\r\n\r\n");
    let (_, mut peer) = listener().request();
    assert!(start.elapsed() >= Duration::from_secs(1), "Retry-After was ignored");
    peer.write(b"HTTP/1.1 101 Switch"); // and the server ends
    drop(peer);
    let (peer, _) = listener().accept("");
    end_input(&mut program, peer);
    let (success, _, stderr) = program.finish();
    assert!(success && stderr.ends_with("s\nclosed with 1000\n"), "{stderr}");
    assert_eq!(stderr.matches("next attempt in ").count(), 2, "{stderr}");

    let program = client(&[&url, "--retries", "1"]);
    let (_, mut peer) = listener().request();
    peer.write(b"HTTP/1.1 401 \r\n\r\n"); // this does not change by itself
    let (success, _, stderr) = program.finish();
    assert!(!success && !stderr.contains("next attempt"), "{stderr}");
    drop((fake, peer));
    let (success, _, stderr) = run(&[&url, "--retries", "1"], "");
    assert!(!success && stderr.matches("cannot connect to ").count() == 2, "{stderr}");
}

#[test]
fn client_closes_with_1001_when_it_is_interrupted() {
    let talking = || {
        let (program, mut peer) = connected(&[]);
        peer.send(TEXT, b"one");
        peer.send(PING, b"");
        peer.expect(PONG, b"");
        (program, peer)
    };
    let (program, mut peer) = talking();
    program.interrupt();
    peer.expect_close(1001, "");
    peer.close(1001, "");
    drop(peer);
    assert_eq!(program.finish(), (true, "one\n".into(), "closed with 1001\n".into()));
    let (program, mut peer) = talking();
    program.interrupt();
    peer.expect_close(1001, "");
    program.interrupt(); // the server does not answer
    assert!(!program.finish().0);
}

#[test]
fn client_connects_through_a_proxy() {
    for (credentials, expected) in [
        ("", None),
        ("Aladdin:open%20sesame@", Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")),
        ("%C3%BCser@", Some("Basic w7xzZXI6")),
    ] {
        let (fake, url) = Fake::new();
        let address = url.split('/').nth(2).unwrap();
        let proxy = format!("http://{credentials}{address}");
        let mut program = client(&["ws://[2001:db8::1]/chat", "--proxy", &proxy, "--header", "Cookie: a"]);
        let (request, mut peer) = fake.request();
        assert!(request.starts_with("CONNECT [2001:db8::1]:80 HTTP/1.1\r\n"), "{request}");
        assert_eq!(field(&request, "Host"), Some("[2001:db8::1]:80"));
        assert_eq!(field(&request, "Proxy-Authorization"), expected);
        assert_eq!(field(&request, "Cookie"), None, "the server's fields are not for the proxy");
        peer.write(b"HTTP/1.0 200 Connection established\r\nContent-Length: 5\r\n\r\n");
        let request = peer.head();
        assert!(request.starts_with("GET /chat HTTP/1.1\r\n"), "{request}");
        assert_eq!((field(&request, "Cookie"), field(&request, "Proxy-Authorization")), (Some("a"), None));
        peer.write(accepting(&request, "").as_bytes());
        end_input(&mut program, peer);
        assert_eq!(program.finish(), (true, String::new(), "closed with 1000\n".into()));
    }
}

#[test]
fn client_shows_why_there_is_no_tunnel() {
    for (response, shown) in [
        (
            "HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm=\"it\"\r\n\r\n",
            "it answers with status 407\nProxy-Authenticate: Negotiate\nProxy-Authenticate: Basic realm=\"it\"\n",
        ),
        ("HTTP/1.1 403 Filtered\r\nContent-Length: 2\r\n\r\nno", "it answers with status 403\n"),
        ("HTTP/1.1 503 \r\nRetry-After: 9\r\n\r\n", "it answers with status 503\nRetry-After: 9\n"),
        ("HTTP/1.1 200 \r\n\r\nSSH-2.0", "the server sends before it gets the request\n"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "malformed start line\n"),
        ("HTTP/1.1 200 \r\nVia", "transport ended during the opening handshake\n"),
        ("", "transport ended during the opening handshake\n"),
    ] {
        let (fake, url) = Fake::new();
        let program = client(&["ws://example.com/", "--proxy", url.split('/').nth(2).unwrap()]);
        let (_, mut peer) = fake.request();
        peer.write(response.as_bytes());
        drop(peer);
        assert_eq!(program.finish(), (false, String::new(), format!("client: proxy: {shown}")));
    }
    for (proxy, shown) in [
        ("socks5://127.0.0.1:1", "SOCKS proxy is not supported"),
        ("https://127.0.0.1:1", "proxy over TLS (https) is not supported"),
        ("127.0.0.1", "port of the proxy is missing or is not a number from 1 to 65535"),
    ] {
        let (success, _, stderr) = run(&["ws://example.com/", "--proxy", proxy], "");
        assert!(!success && stderr == format!("client: proxy: {shown}\n"), "{stderr}");
    }
    let (fake, url) = Fake::new();
    let address = url.split('/').nth(2).unwrap().to_owned();
    drop(fake);
    let (success, _, stderr) = run(&["ws://example.com/", "--proxy", &address], "");
    assert!(!success && stderr.starts_with(&format!("client: proxy: cannot connect to {address}: ")), "{stderr}");
}

/// Kinds of missing answers: of a proxy, to the handshake, the end of its answer, to a Close, bytes but no Close, no
/// reading, and no end of TCP. They run in
/// parallel, because each waits for a timeout.
#[test]
fn client_times_out_on_a_server_that_does_not_answer() {
    thread::scope(|scope| {
        scope.spawn(|| {
            let (fake, url) = Fake::new();
            let program = client(&["ws://example.com/", "--proxy", url.split('/').nth(2).unwrap()]);
            let _no_answer = fake.request();
            let (success, _, stderr) = program.finish();
            assert!(!success && stderr == "client: proxy: it does not answer within 5s\n", "{stderr}");
        });
        scope.spawn(|| {
            let (fake, url) = Fake::new();
            let program = client(&[&url]);
            let _no_answer = fake.request();
            let (success, _, stderr) = program.finish();
            assert!(!success && stderr == "client: the server does not answer the handshake within 5s\n", "{stderr}");
        });
        scope.spawn(|| {
            let (fake, url) = Fake::new();
            let program = client(&[&url]);
            let (_, peer) = fake.request();
            let (start, mut writer) = (Instant::now(), peer.writer());
            writer.write_all(b"HTTP/1.1 101 \r\nX: ").unwrap();
            while start.elapsed() < PATIENCE && writer.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(200));
            }
            let took = start.elapsed();
            let (success, _, stderr) = program.finish();
            assert!(!success && stderr == "client: the server does not answer the handshake within 5s\n", "{stderr}");
            assert!((4..9).contains(&took.as_secs()), "5 s for the handshake, but {took:?}");
        });
        scope.spawn(|| {
            let (mut program, mut peer) = connected(&[]);
            drop(program.0.stdin.take());
            peer.expect_close(1000, "");
            let (success, _, stderr) = program.finish();
            assert!(!success && stderr.starts_with("closed with 1006\nclient: "), "{stderr}");
        });
        scope.spawn(|| {
            let (mut program, mut peer) = connected(&[]);
            drop(program.0.stdin.take());
            peer.expect_close(1000, "");
            let start = Instant::now();
            while program.0.try_wait().unwrap().is_none() && start.elapsed() < PATIENCE {
                let (mut writer, ping) = (peer.writer(), peer.frame(PING, b"")); // it talks on, without a Close
                let _has_ended = writer.write_all(&ping);
                thread::sleep(Duration::from_millis(200));
            }
            assert!(program.0.try_wait().unwrap().is_some(), "the client waits for more than {:?}", start.elapsed());
        });
        scope.spawn(|| {
            let (mut program, peer) = connected(&[]);
            let mut stdin = program.0.stdin.take().unwrap();
            let sender =
                thread::spawn(move || while stdin.write_all(&[b'a'; 999]).and(stdin.write_all(b"\n")).is_ok() {});
            thread::sleep(Duration::from_secs(1)); // the server reads nothing, so the writer is blocked
            program.interrupt();
            assert!(!program.finish().0);
            sender.join().unwrap();
            drop(peer);
        });
        scope.spawn(|| {
            let (mut program, mut peer) = connected(&[]);
            drop(program.0.stdin.take());
            peer.expect_close(1000, "");
            peer.close(1000, ""); // TCP stays open
            assert_eq!(program.finish(), (true, String::new(), "closed with 1000\n".into()));
        });
    });
}

#[test]
fn client_ends_when_its_output_is_closed() {
    let (mut program, peer) = connected(&[]);
    drop(program.0.stdout.take());
    // A program that another test starts at this moment holds the pipe open until it runs, so a first line can be written.
    let (mut writer, line) = (peer.writer(), peer.frame(TEXT, b"unread"));
    let status = eventually("the program ends", || {
        let _has_ended = writer.write_all(&line);
        program.0.try_wait().expect("it is our child")
    });
    assert!(!status.success());
}

/// Lines that cannot be sent yet remain in the input, not in memory, and do not delay the answer to a Close.
#[test]
#[cfg(target_os = "linux")]
fn client_reads_input_no_faster_than_it_sends() {
    let (mut program, mut peer) = connected(&[]);
    let mut stdin = program.0.stdin.take().unwrap();
    let line = "a".repeat(999) + "\n";
    let many = line.repeat(100);
    let sender = thread::spawn(move || while stdin.write_all(many.as_bytes()).is_ok() {});
    peer.expect(TEXT, line.trim_end().as_bytes());
    thread::sleep(Duration::from_secs(1)); // the server does not read
    let resident = resident(&program);
    assert!(resident < 16 << 10, "{resident} KiB");

    peer.close(1001, "enough");
    let waiting = std::iter::from_fn(|| peer.next()).take_while(|(first, _)| *first != CLOSE);
    let sent = waiting.take(150_000).count(); // 150 MB are more than socket buffers hold
    assert!(sent < 150_000, "the Close is not answered");
    drop(peer);
    assert_eq!(program.finish().2, "closed with 1001 enough\n");
    sender.join().unwrap();
}

#[test]
fn client_refuses_a_line_that_is_not_utf8() {
    let (mut program, mut peer) = connected(&[]);
    let mut stdin = program.0.stdin.take().unwrap();
    stdin.write_all(b"text\n\xFF\nmore\n").unwrap();
    peer.expect(TEXT, b"text");
    peer.expect_close(1000, "");
    peer.close(1000, "");
    drop(peer);
    let (success, _, stderr) = program.finish();
    assert!(!success && stderr.starts_with("closed with 1000\nclient: standard input: "), "{stderr}");
}

#[test]
fn client_rejects_unusable_arguments() {
    let (fake, url) = Fake::new();
    drop(fake); // no server listens there
    for (arguments, text) in [
        (&[&*url][..], "cannot connect"),
        (&[], "usage: "),
        (&["HTTPS://localhost/"], "cargo run -p hosts --bin wss_tokio -- client wss://localhost/ "),
        (&["ftp://localhost/"], "ws://"),
        (&["wss://localhost/"], "cargo run -p hosts --bin wss_tokio -- client wss://localhost/ "),
        (&["--nonsense"], "--nonsense"),
        (&[&url, "--retries", "x"], "--retries takes a number up to 255, not 'x'"),
        (&[&url, "--redirects", "256"], "--redirects takes a number up to 255, not '256'"),
        (&[&url, "--header", "no colon"], "Name: value"),
    ] {
        let (success, stdout, stderr) = run(arguments, "");
        assert_eq!((success, &*stdout), (false, ""));
        assert!(stderr.starts_with("client: ") && stderr.contains(text), "{stderr}");
    }
    let (success, stdout, _) = run(&["--help"], "");
    assert!(success && stdout.starts_with("usage: client "), "{stdout}");
}
