//! Every host of this package over a real socket, started as its first lines say. The peer is the client of
//! `barews-tokio`, on the same engine; the interoperability tests have other peers.

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use barews_tokio::{Client, CloseCode, CloseFrame, Config, MaybeTls, Message, Response, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// A request that each host accepts.
const REQUEST: &str = "GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

type Socket = WebSocket<MaybeTls<TcpStream>>;

/// A server under test. Dropping it ends the process.
struct Server {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    /// The first line that it prints.
    uri: String,
}

impl Server {
    fn start(program: &str, args: &[&str]) -> Self {
        Self::spawn(Command::new(program).args(args))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let uri = lines.next().unwrap().unwrap();
        Self { process, lines, uri }
    }

    fn address(&self) -> String {
        let uri = self.uri.split("//").nth(1).unwrap();
        uri.split('/').next().unwrap().to_owned()
    }

    async fn stream(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    async fn connect(&self, path: &str) -> Socket {
        self.open(path, &[]).await.0
    }

    async fn open(&self, path: &str, subprotocols: &[&str]) -> (Socket, Response) {
        let client = Client::new(format!("ws://{}{path}", self.address())).subprotocols(subprotocols.to_vec());
        client.config(Config { compression: None, ..Config::default() }).connect().await.unwrap()
    }

    /// Sends `request`, and returns the answer until the server closes.
    async fn answer(&self, request: &str) -> String {
        let mut stream = self.stream().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_before = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn next(socket: &mut Socket) -> Option<Message> {
    timeout(PATIENCE, socket.next()).await.unwrap().transpose().unwrap()
}

/// Returns the next text or its end.
async fn text(socket: &mut Socket) -> Option<String> {
    next(socket).await.and_then(|message| message.to_text().map(str::to_owned))
}

async fn send(socket: &mut Socket, message: impl Into<Message>) {
    timeout(PATIENCE, socket.send(message)).await.unwrap().unwrap();
}

/// Asserts that the connection closes cleanly.
async fn close(socket: &mut Socket) {
    timeout(PATIENCE, socket.close(CloseFrame::from(CloseCode::NORMAL))).await.unwrap().unwrap();
    assert_eq!(socket.close_frame().unwrap().code, CloseCode::NORMAL);
}

/// Asserts that messages are echoed, in both directions at once, and that the connection then closes cleanly. The
/// messages are text and binary, empty, at the limits of the length encodings, and larger than all buffers.
async fn echoes(mut socket: Socket) {
    let messages: Vec<Message> = [0, 1, 125, 126, 65535, 65536, 3 << 20]
        .into_iter()
        .map(|len| (0..len).map(|i| (i % 251) as u8).collect::<Vec<_>>().into())
        .chain([Message::from(""), Message::from("h\u{e9}llo \u{1f980}".repeat(20_000))])
        .collect();
    for message in &messages {
        send(&mut socket, message.clone()).await; // reads the echoes meanwhile
    }
    for message in &messages {
        let echo = next(&mut socket).await.unwrap();
        assert!(echo == *message, "an echo of {} bytes differs", message.len());
    }
    close(&mut socket).await;
}

#[tokio::test]
async fn tokio_host_echoes_messages() {
    let server = Server::start(env!("CARGO_BIN_EXE_tokio_echo"), &["127.0.0.1:0"]);
    echoes(server.connect("/").await).await;
    let answer = server.answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let answer = server.answer("POST / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

/// Returns the frames after the head of an answer to `REQUEST`.
fn frames(answer: &[u8]) -> &[u8] {
    &answer[answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4..]
}

/// The chat has its WebSocket on another path.
fn request_for(program: &str) -> String {
    REQUEST.replace("/echo", if program.ends_with("chat") { "/room" } else { "/echo" })
}

/// RFC 6455 5.1: an unmasked frame is answered with Close 1002. The Close arrives even if more bytes follow the frame
/// and the peer reads late. Then the server ends the stream.
#[tokio::test]
async fn protocol_error_is_reported_to_the_peer() {
    for program in [
        env!("CARGO_BIN_EXE_tokio_echo"),
        env!("CARGO_BIN_EXE_tokio_split"),
        env!("CARGO_BIN_EXE_chat"),
        env!("CARGO_BIN_EXE_hyper_upgrade"),
        #[cfg(target_os = "linux")]
        env!("CARGO_BIN_EXE_io_uring"),
    ] {
        let server = Server::start(program, &["127.0.0.1:0"]);
        let (mut stream, request) = (server.stream().await, request_for(program));
        stream.write_all(&[request.as_bytes(), b"\x81\x01a", &[0; 1 << 20]].concat()).await.expect(program);
        tokio::time::sleep(Duration::from_millis(100)).await;
        timeout(PATIENCE, stream.write_all(&[0; 100_000])).await.unwrap().expect(program);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().expect(program);
        let frames = frames(&answer);
        assert!(frames.ends_with(b"\x88\x02\x03\xea"), "{program}: {frames:?}");
    }
}

/// The first client breaks a rule, the second ends TCP without a Close frame, and the third closes cleanly.
#[tokio::test]
async fn each_failed_connection_is_reported_once() {
    for program in [
        env!("CARGO_BIN_EXE_tokio_echo"),
        env!("CARGO_BIN_EXE_tokio_split"),
        env!("CARGO_BIN_EXE_chat"),
        env!("CARGO_BIN_EXE_hyper_upgrade"),
        env!("CARGO_BIN_EXE_zlib_echo"),
        #[cfg(target_os = "linux")]
        env!("CARGO_BIN_EXE_io_uring"),
    ] {
        let mut server = Server::spawn(Command::new(program).arg("127.0.0.1:0").stderr(Stdio::piped()));
        for frames in [&b"\x81\x01a"[..], b"", b"\x88\x80\0\0\0\0"] {
            let mut stream = server.stream().await;
            stream.write_all(&[request_for(program).as_bytes(), frames].concat()).await.expect(program);
            stream.shutdown().await.unwrap();
            timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.unwrap().expect(program);
        }
        let mut lines = BufReader::new(server.process.stderr.take().unwrap()).lines();
        let reading = tokio::task::spawn_blocking(move || (lines.by_ref().take(2).collect::<Vec<_>>(), lines));
        let (two, mut more) = timeout(PATIENCE, reading).await.expect(program).unwrap();
        // In any order: the threads of two connections can end in another order than their peers.
        let two: Vec<_> = two.into_iter().map(Result::unwrap).collect();
        for text in ["frame from a client is not masked", "transport ended without a Close"] {
            assert!(two.iter().any(|line| line.contains(text)), "{program}: {two:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(server);
        assert!(more.next().is_none(), "{program}");
    }
}

/// RFC 6455 5.5.1: the server answers all messages before the peer's Close, then sends its own Close.
#[tokio::test]
async fn close_follows_all_messages_sent_before_it() {
    let server = Server::start(env!("CARGO_BIN_EXE_tokio_split"), &["127.0.0.1:0"]);
    let mut stream = server.stream().await;
    let (mut request, mut expected) = (REQUEST.as_bytes().to_vec(), Vec::new());
    for i in 10..30 {
        request.extend([b"\x81\x82\0\0\0\0", i.to_string().as_bytes()].concat());
        expected.extend([b"\x81\x02", i.to_string().as_bytes()].concat());
    }
    request.extend(b"\x88\x82\0\0\0\0\x03\xe8");
    expected.extend(b"\x88\x02\x03\xe8");
    stream.write_all(&request).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let mut frames = frames(&answer).to_vec();
    if let Some(second) = frames.windows(5).position(|w| w == b"\x81\x030 s") {
        frames.drain(second..second + 5); // a message that the server starts
    }
    assert_eq!(frames, expected);
}

/// The echoes arrive in order, with the messages of the seconds between them.
#[tokio::test]
async fn split_host_receives_while_it_sends() {
    let server = Server::start(env!("CARGO_BIN_EXE_tokio_split"), &["127.0.0.1:0"]);
    let mut socket = server.connect("/").await;
    let (mut echoes, mut seconds) = (0, 0);
    for i in 0..50 {
        send(&mut socket, vec![i; 10_000]).await;
    }
    while echoes < 50 || seconds < 2 {
        let message = next(&mut socket).await.unwrap();
        if let Some(text) = message.to_text() {
            assert_eq!(text, format!("{seconds} s"));
            seconds += 1;
        } else {
            assert_eq!(message.as_bytes(), [echoes; 10_000]);
            echoes += 1;
        }
    }
    close(&mut socket).await;
    let answer = server.answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn io_uring_host_echoes_messages() {
    let server = Server::start(env!("CARGO_BIN_EXE_io_uring"), &["127.0.0.1:0"]);
    let all: Vec<_> = (0..4).map(|_| async { echoes(server.connect("/").await).await }).collect();
    futures_util::future::join_all(all).await;
    let answer = server.answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

/// The server closes after 10 s without the rest of the handshake, and 5 s after the Close frames.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn io_uring_host_times_out_in_handshake_and_closing() {
    let server = Server::start(env!("CARGO_BIN_EXE_io_uring"), &["127.0.0.1:0"]);
    let start = Instant::now();
    let opening = async {
        let mut stream = server.stream().await;
        stream.write_all(&REQUEST.as_bytes()[..REQUEST.len() - 1]).await.unwrap();
        let len = timeout(PATIENCE, stream.read(&mut [0; 100])).await.unwrap().unwrap();
        (len, start.elapsed().as_secs())
    };
    let closing = async {
        let mut stream = server.stream().await;
        stream.write_all(&[REQUEST.as_bytes(), b"\x88\x80\0\0\0\0"].concat()).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert_eq!(frames(&answer), b"\x88\0");
        // The server has half-closed. A reset shows that it has closed.
        while start.elapsed() < PATIENCE && stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        start.elapsed().as_secs()
    };
    let (opening, closing) = tokio::join!(opening, closing);
    assert!(matches!(opening, (0, 10..=14)), "{opening:?}");
    assert!(matches!(closing, 5..=9), "{closing}");
}

/// The server sends a Ping after 20 s of silence, continues after a Pong, and closes 20 s after a Ping without one. It
/// also closes if it cannot send the Ping because the peer accepts nothing.
#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "takes a minute"]
async fn io_uring_host_pings_and_drops_a_silent_peer() {
    let server = Server::start(env!("CARGO_BIN_EXE_io_uring"), &["127.0.0.1:0"]);
    let start = Instant::now();
    let silent = async {
        let mut stream = server.stream().await;
        stream.write_all(REQUEST.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\x89\x04\0\0\0\x01") {
            answer.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
        }
        let asked = start.elapsed().as_secs();
        stream.write_all(b"\x8a\x84\0\0\0\0\0\0\0\x01").await.unwrap();
        let mut rest = Vec::new();
        timeout(2 * PATIENCE, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert_eq!(rest, b"\x89\x04\0\0\0\x02");
        (asked, start.elapsed().as_secs())
    };
    let stuck = async {
        let mut stream = server.stream().await;
        stream.write_all(REQUEST.as_bytes()).await.unwrap();
        let message = [b"\x82\xfe\xff\xff\0\0\0\0", &[0; 65535][..]].concat();
        while let Ok(written) = timeout(Duration::from_secs(2), stream.write_all(&message)).await {
            written.unwrap();
        }
        let full = start.elapsed();
        let error = timeout(2 * PATIENCE, stream.write_all(&vec![0; 64 << 20])).await.unwrap().unwrap_err();
        (error.kind(), (start.elapsed() - full).as_secs())
    };
    let (silent, stuck) = tokio::join!(silent, stuck);
    assert!(matches!(silent, (20..=22, 60..=64)), "{silent:?}");
    // A Ping after 20 s, and 20 s for its Pong. A busy system can accept some bytes once more in the meantime.
    assert!(matches!(stuck, (ErrorKind::ConnectionReset, 36..=65)), "{stuck:?}");
}

/// Requests that the web server answers itself, that it hands over, and that the engine refuses.
#[tokio::test]
async fn hyper_host_upgrades_and_serves_pages() {
    let server = Server::start(env!("CARGO_BIN_EXE_hyper_upgrade"), &["127.0.0.1:0"]);
    let (socket, response) = server.open("/echo", &["other", "echo"]).await;
    assert_eq!(response.subprotocol(), Some("echo"));
    echoes(socket).await;
    let host = server.address();
    let good = format!(
        "Host: {host}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    for (request, status, says) in [
        (format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"), 200, "the WebSocket is at /echo"),
        (format!("GET /echo HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"), 426, "upgrade: websocket"),
        (format!("GET /echo HTTP/1.1\r\n{}\r\n", good.replace("13", "12")), 426, "sec-websocket-version: 13"),
        (format!("GET /echo HTTP/1.1\r\n{good}Origin: http://elsewhere\r\n\r\n"), 403, "not allowed"),
        (format!("GET /echo HTTP/1.1\r\n{}\r\n", good.replace("dGhl", "")), 400, "Sec-WebSocket-Key"),
    ] {
        let answer = server.answer(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{answer}");
        assert!(answer.contains(says), "{request}{answer}");
    }
}

fn certificate(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pem"))
}

/// Returns what a client of this package prints.
fn client(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).arg("client").args(args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Each TLS server with each TLS client: on tokio and on threads.
#[tokio::test]
async fn tls_hosts_interoperate() {
    let long = "x".repeat(50_000);
    let programs = [env!("CARGO_BIN_EXE_wss_tokio"), env!("CARGO_BIN_EXE_wss_blocking")];
    for (i, server) in programs.into_iter().enumerate() {
        let file = certificate(&format!("wss{i}"));
        let file = file.to_str().unwrap();
        let server = Server::start(server, &["server", "127.0.0.1:0", file]);
        for program in programs {
            let printed = client(program, &[&server.uri, file, "hello", "", &long]);
            assert_eq!(printed, format!("hello\n\n{long}\nclosed: Some(1000)\n"), "{program}");
        }
    }
    // The clients trust no other certificate.
    let (one, other) = (certificate("one"), certificate("wss0"));
    let (one, other) = (one.to_str().unwrap(), other.to_str().unwrap());
    let server = Server::start(programs[0], &["server", "127.0.0.1:0", one]);
    for program in programs {
        let output = Command::new(program).args(["client", &server.uri, other, "hello"]).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{program}");
    }
}

/// [8441-3-2] [8441-3-3] [8441-5-9]: over HTTP/2 from end to end, with a clean end.
#[tokio::test]
async fn http2_host_echoes_messages() {
    let file = certificate("http2");
    let file = file.to_str().unwrap();
    let mut server = Server::start(env!("CARGO_BIN_EXE_http2"), &["server", "127.0.0.1:0", file]);
    let long = "x".repeat(100_000); // more than a stream's first window
    let printed = client(env!("CARGO_BIN_EXE_http2"), &[&server.uri, file, "hello", "", &long]);
    assert_eq!(printed, format!("200 OK\nhello\n\n{long}\nclosed: Some(1000)\n"));
    let line = server.lines.next().unwrap().unwrap();
    assert_eq!(line, format!("HTTP/2.0 stream 1: websocket {}", server.uri.replace("wss:", "https:")));
}

/// [8441-4-4] [8441-5-1] [8441-5-8]: Chromium loads a page and opens its WebSocket on another stream of the same HTTP/2
/// connection. The server offers only HTTP/2 in TLS, and prints both requests.
#[test]
#[ignore = "needs Chromium"]
fn chromium_connects_over_http2() {
    let file = certificate("chromium");
    let mut server = Server::start(env!("CARGO_BIN_EXE_http2"), &["server", "127.0.0.1:0", file.to_str().unwrap()]);
    let profile = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("chromium");
    let _none = std::fs::remove_dir_all(&profile);
    let page = server.uri.replace("wss:", "https:").replace("/echo", "/");
    let mut chromium = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"])
        .args(["--disable-background-networking", "--disable-component-update", "--ignore-certificate-errors"])
        .args(["--remote-debugging-port=0", &format!("--user-data-dir={}", profile.display()), &page])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("Chromium is installed");
    let id = chromium.id();
    // Without a result the server is ended, and so are its lines.
    let watchdog = std::thread::spawn(move || {
        std::thread::park_timeout(Duration::from_secs(60));
        let _ended = Command::new("kill").arg(id.to_string()).status();
    });
    let mut seen = Vec::new();
    for line in server.lines.by_ref().map_while(Result::ok) {
        let result = line.contains("/result?");
        seen.push(line);
        if result || chromium.try_wait().unwrap().is_some() {
            break;
        }
    }
    watchdog.thread().unpark();
    watchdog.join().unwrap();
    chromium.wait().unwrap();
    let socket = seen.iter().find(|line| line.contains(": websocket ")).unwrap_or_else(|| panic!("{seen:#?}"));
    assert!(socket.starts_with("HTTP/2.0 stream ") && socket.ends_with("/echo"), "{socket}");
    let result = "/result?echo=hello+over+HTTP%2F2&protocol=echo&code=1000&clean=true&http=h2";
    assert!(seen.iter().any(|line| line.ends_with(result)), "{seen:#?}");
}

/// Every member receives each message, in the same order.
#[tokio::test]
async fn chat_host_sends_each_message_to_all() {
    let server = Server::start(env!("CARGO_BIN_EXE_chat"), &["127.0.0.1:0"]);
    let mut members = Vec::new();
    for id in 0..3 {
        members.push(server.connect("/room").await);
        // A member that receives its own message is in the room.
        send(&mut members[id], "hello").await;
        for member in &mut members {
            assert_eq!(text(member).await, Some(format!("{id}: hello")));
        }
    }
    for i in 0..30 {
        send(&mut members[i % 3], format!("{i}")).await;
        for member in &mut members {
            assert_eq!(text(member).await, Some(format!("{}: {i}", i % 3)));
        }
    }
    send(&mut members[0], "x".repeat(17 << 10)).await;
    assert!(matches!(next(&mut members[0]).await, Some(Message::Close(_))));
    assert_eq!(members[0].close_frame().unwrap().code, CloseCode::MESSAGE_TOO_BIG);
    let answer = server.answer("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("<title>Chat</title>"), "{answer}");
    let other = REQUEST.replace("/echo", "/room").replace("\r\n\r\n", "\r\nOrigin: http://b\r\n\r\n");
    let mut stream = server.stream().await;
    stream.write_all(other.as_bytes()).await.unwrap();
    let mut status = [0; 13];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 403 ");
}

/// A member that reads nothing does not delay the others, and with `close` its connection is closed.
#[tokio::test]
async fn chat_host_is_not_held_up_by_a_slow_reader() {
    for policy in ["drop", "close"] {
        let server = Server::start(env!("CARGO_BIN_EXE_chat"), &["127.0.0.1:0", policy]);
        let mut slow = server.connect("/room").await;
        send(&mut slow, "hello").await;
        assert_eq!(text(&mut slow).await, Some("0: hello".into()));
        let mut quick = server.connect("/room").await;
        let said = "x".repeat(16_000);
        for _ in 0..1000 {
            send(&mut quick, said.as_str()).await; // 16 MB, which no buffer of a socket takes
            assert_eq!(next(&mut quick).await.unwrap().len(), 16_003);
        }
        let mut heard = 0;
        while let Ok(Some(message)) = timeout(Duration::from_secs(2), slow.next()).await {
            heard += usize::from(message.unwrap().len() > 16_000);
        }
        assert!((1..1000).contains(&heard), "{heard}");
        let closed = slow.close_frame().map(|close| (close.code, close.reason.to_string()));
        let expected = (CloseCode::TRY_AGAIN_LATER, "you read too slowly".to_owned());
        assert_eq!(closed, (policy == "close").then_some(expected));
    }
}

/// A sender waits for a member that does not read, and continues when it does. No message is lost.
#[tokio::test]
async fn chat_host_waits_for_a_slow_reader() {
    let server = Server::start(env!("CARGO_BIN_EXE_chat"), &["127.0.0.1:0", "wait"]);
    let mut slow = server.connect("/room").await;
    send(&mut slow, "hello").await;
    assert_eq!(text(&mut slow).await, Some("0: hello".into()));
    let (mut sink, mut stream) = server.connect("/room").await.split();
    let speaking = tokio::spawn(async move {
        for _ in 0..1000 {
            sink.send("x".repeat(16_000)).await.unwrap();
        }
    });
    let hearing = tokio::spawn(async move {
        for _ in 0..1000 {
            stream.next().await.unwrap().unwrap();
        }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!hearing.is_finished(), "the sender does not wait");
    for _ in 0..1000 {
        assert_eq!(next(&mut slow).await.unwrap().len(), 16_003);
    }
    timeout(PATIENCE, async { tokio::try_join!(speaking, hearing) }).await.unwrap().unwrap();
}
