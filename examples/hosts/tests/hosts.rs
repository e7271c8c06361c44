//! Every host of this package over a real socket, started as its first lines say. The peer is the client of
//! `websocket.rs`, on the same engine; the interoperability tests have other peers.

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use barews::Client;
use barews::connection::Config;
use barews::handshake::{Accept, ClientConfig, ClientRequest, OriginPolicy, ServerConfig, Subprotocol, Uri};
use barews::wire::CloseCode;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use h2::Reason;
use h2::ext::Protocol;
use hosts::websocket::{Asked, Message, Options, WebSocket, accept, connect, or_page};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

const PATIENCE: Duration = Duration::from_secs(30);

/// A request that each host accepts.
const REQUEST: &str = "GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static ANY: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);

type Socket = WebSocket<TcpStream, Client<fn() -> [u8; 4]>>;

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

    async fn connect(&self, path: &str, subprotocols: &[&str]) -> Socket {
        let uri = format!("ws://{}{path}", self.address());
        let config = ClientConfig { subprotocols, ..ClientConfig::DEFAULT };
        let request = ClientRequest::new(Uri::parse(&uri).unwrap());
        connect(self.stream().await, &config, &request, Options::default(), |_| Ok(())).await.unwrap()
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

async fn send(socket: &mut Socket, message: Message) {
    timeout(PATIENCE, socket.send(message)).await.unwrap().unwrap();
}

/// Asserts that messages are echoed, in both directions at once, and that the connection then closes cleanly. The
/// messages are text and binary, empty, at the limits of the length encodings, and larger than all buffers.
async fn echoes(socket: Socket) {
    let (mut sink, mut stream) = socket.split();
    let messages: Vec<_> = [0, 1, 125, 126, 65535, 65536, 3 << 20]
        .into_iter()
        .map(|len| Message::Binary((0..len).map(|i| (i % 251) as u8).collect()))
        .chain([Message::Text(String::new()), Message::Text("h\u{e9}llo \u{1f980}".repeat(20_000))])
        .collect();
    let expected = messages.clone();
    let sending = tokio::spawn(async move {
        for message in messages {
            sink.send(message).await.unwrap();
        }
        sink
    });
    for message in expected {
        let echo = timeout(PATIENCE, stream.next()).await.unwrap().unwrap().unwrap();
        assert!(echo == message, "an echo of {} bytes differs", size(&message));
    }
    let mut socket = stream.reunite(sending.await.unwrap()).unwrap();
    timeout(PATIENCE, SinkExt::close(&mut socket)).await.unwrap().unwrap();
    assert_eq!(socket.closed(), Some((CloseCode::NORMAL, "")));
}

fn size(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(body) => body.len(),
    }
}

#[tokio::test]
async fn tokio_host_echoes_messages() {
    let server = Server::start(env!("CARGO_BIN_EXE_tokio_echo"), &["127.0.0.1:0"]);
    echoes(server.connect("/", &[]).await).await;
    let answer = server.answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let answer = server.answer("POST / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

/// The limits of `websocket.rs` are parameters: a frame of 17 MiB is refused by the defaults, and received with more.
#[tokio::test]
async fn frame_of_17_mib_is_received_with_raised_limits() {
    const LEN: usize = 17 << 20;
    let raised = Config { max_frame_size: 32 << 20, ..Config::DEFAULT };
    for (limits, expected) in [(Config::DEFAULT, None), (raised, Some(LEN))] {
        let (ours, mut peer) = tokio::io::duplex(1 << 16);
        let options = Options { limits, ..Options::default() };
        let writing = tokio::spawn(async move {
            let header = [&b"\x82\xff"[..], &(LEN as u64).to_be_bytes(), &[0; 4]].concat();
            let frame = [&header, &vec![0; LEN][..]].concat();
            peer.write_all(&[REQUEST.as_bytes(), &frame].concat()).await.unwrap(); // and leaves
        });
        let mut socket = accept(ours, &ANY, options, or_page("")).await.unwrap().unwrap();
        let received = timeout(PATIENCE, socket.next()).await.unwrap().unwrap();
        writing.await.unwrap();
        match expected {
            Some(len) => assert_eq!(size(&received.unwrap()), len),
            None => {
                let error = received.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidData);
                assert!(error.to_string().contains("frame"), "{error}");
            }
        }
    }
}

/// The server of `websocket.rs` sees the request before it answers, and the client reads the response: a subprotocol that
/// the server chooses, 404 for another path, and 401 with a field.
#[tokio::test]
async fn websocket_server_chooses_its_answer_and_the_client_reads_it() {
    static KEEPING: ServerConfig<'_> =
        ServerConfig { keep: &["Authorization"], ..ServerConfig::new(OriginPolicy::Any) };
    let answer = |asked: &mut Asked<'static>, limits: &Config| {
        let request = asked.request().unwrap();
        let (known, entitled) = (request.target() == "/mqtt", request.field("Authorization").is_some());
        let mqtt = request.subprotocols().any(|name| name == "mqtt");
        let answered = match (known, entitled, mqtt) {
            (false, ..) => asked.respond(404, &[], b""),
            (_, false, _) => asked.respond(401, &[("WWW-Authenticate", "Basic realm=\"a\"")], b""),
            (.., false) => asked.accept(&Accept::default(), limits),
            (.., true) => {
                asked.accept(&Accept { subprotocol: Subprotocol::Named("mqtt"), ..Accept::default() }, limits)
            }
        };
        answered.map_err(std::io::Error::other)
    };
    let config =
        ClientConfig { subprotocols: &["other", "mqtt"], keep: &["WWW-Authenticate"], ..ClientConfig::DEFAULT };
    let basic = [("Authorization", "Basic YTpi")];
    for (uri, fields, expected) in [
        ("ws://a/mqtt", &basic[..], (101, Some("mqtt"), None)),
        ("ws://a/else", &basic, (404, None, None)),
        ("ws://a/mqtt", &[], (401, None, Some("Basic realm=\"a\""))),
    ] {
        let (ours, peer) = tokio::io::duplex(4096);
        let request = ClientRequest { fields, ..ClientRequest::new(Uri::parse(uri).unwrap()) };
        let mut seen = Vec::new();
        let options = Options::default();
        let asking = connect(peer, &config, &request, options, |response| {
            let field = response.field("WWW-Authenticate").map(|value| String::from_utf8(value.to_vec()).unwrap());
            seen.push((response.status(), response.subprotocol().map(str::to_owned), field));
            Ok(())
        });
        let (server, client) = timeout(PATIENCE, async {
            let serving = tokio::spawn(async move { accept(ours, &KEEPING, options, answer).await });
            let client = asking.await;
            (serving.await.unwrap(), client)
        })
        .await
        .unwrap();
        let (status, subprotocol, field) = expected;
        assert_eq!(seen, [(status, subprotocol.map(str::to_owned), field.map(str::to_owned))], "{uri}");
        assert_eq!(client.is_ok(), status == 101, "{uri}");
        assert_eq!(server.unwrap().is_some(), status == 101, "{uri}");
        if let Err(error) = client {
            assert_eq!(error.to_string(), format!("the server answers {status}"));
        }
    }
}

/// `send()` reads the echo while the server does not read, so a message and its echo can be longer than all buffers.
#[tokio::test]
async fn message_comes_back_to_a_client_that_sends_all_of_it_before_it_reads() {
    let server = Server::start(env!("CARGO_BIN_EXE_tokio_echo"), &["127.0.0.1:0"]);
    let mut socket = server.connect("/", &[]).await;
    let message = Message::Binary((0..16 << 20).map(|i: u32| (i >> 8) as u8).collect());
    send(&mut socket, message.clone()).await;
    assert!(next(&mut socket).await.unwrap() == message);
    timeout(PATIENCE, SinkExt::close(&mut socket)).await.unwrap().unwrap();
}

/// Returns the frames after the head of an answer to `REQUEST`.
fn frames(answer: &[u8]) -> &[u8] {
    &answer[answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4..]
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
        env!("CARGO_BIN_EXE_axum_upgrade"),
        #[cfg(target_os = "linux")]
        env!("CARGO_BIN_EXE_io_uring"),
    ] {
        let server = Server::start(program, &["127.0.0.1:0"]);
        let mut stream = server.stream().await;
        stream.write_all(&[REQUEST.as_bytes(), b"\x81\x01a", &[0; 1 << 20]].concat()).await.expect(program);
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
        env!("CARGO_BIN_EXE_axum_upgrade"),
        env!("CARGO_BIN_EXE_zlib_echo"),
        #[cfg(target_os = "linux")]
        env!("CARGO_BIN_EXE_io_uring"),
    ] {
        let mut server = Server::spawn(Command::new(program).arg("127.0.0.1:0").stderr(Stdio::piped()));
        for frames in [&b"\x81\x01a"[..], b"", b"\x88\x80\0\0\0\0"] {
            let mut stream = server.stream().await;
            stream.write_all(&[REQUEST.as_bytes(), frames].concat()).await.expect(program);
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
    for (program, name) in [(env!("CARGO_BIN_EXE_tokio_split"), ""), (env!("CARGO_BIN_EXE_chat"), "0: ")] {
        let server = Server::start(program, &["127.0.0.1:0"]);
        let mut stream = server.stream().await;
        let (mut request, mut expected) = (REQUEST.as_bytes().to_vec(), Vec::new());
        for i in 10..30 {
            let said = format!("{name}{i}");
            request.extend([b"\x81\x82\0\0\0\0", i.to_string().as_bytes()].concat());
            expected.extend([&[0x81, said.len() as u8], said.as_bytes()].concat());
        }
        request.extend(b"\x88\x82\0\0\0\0\x03\xe8");
        expected.extend(b"\x88\x02\x03\xe8");
        stream.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        let mut frames = frames(&answer).to_vec();
        if let Some(second) = frames.windows(5).position(|w| w == b"\x81\x030 s") {
            frames.drain(second..second + 5); // a message that `tokio_split` starts
        }
        assert_eq!(frames, expected, "{program}");
    }
}

/// The echoes arrive in order, with the messages of the seconds between them.
#[tokio::test]
async fn split_host_receives_while_it_sends() {
    let server = Server::start(env!("CARGO_BIN_EXE_tokio_split"), &["127.0.0.1:0"]);
    let mut socket = server.connect("/", &[]).await;
    let (mut echoes, mut seconds) = (0, 0);
    for i in 0..50 {
        send(&mut socket, Message::Binary(vec![i; 10_000])).await;
    }
    while echoes < 50 || seconds < 2 {
        match next(&mut socket).await.unwrap() {
            Message::Binary(body) => {
                assert_eq!(body, [echoes; 10_000]);
                echoes += 1;
            }
            Message::Text(text) => {
                assert_eq!(text, format!("{seconds} s"));
                seconds += 1;
            }
        }
    }
    timeout(PATIENCE, SinkExt::close(&mut socket)).await.unwrap().unwrap();
    assert_eq!(socket.closed(), Some((CloseCode::NORMAL, "")));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn io_uring_host_echoes_messages() {
    let server = Server::start(env!("CARGO_BIN_EXE_io_uring"), &["127.0.0.1:0"]);
    let all: Vec<_> = (0..4).map(|_| async { echoes(server.connect("/", &[]).await).await }).collect();
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
async fn web_server(program: &str) {
    let server = Server::start(program, &["127.0.0.1:0"]);
    let socket = server.connect("/echo", &["other", "echo"]).await;
    echoes(socket).await;
    let host = server.address();
    let good = format!(
        "Host: {host}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    for (request, status, says) in [
        (format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"), 200, "the WebSocket is at /echo"),
        (format!("GET /echo HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"), 200, "a WebSocket is here"),
        (format!("GET /echo HTTP/1.1\r\n{}\r\n", good.replace("13", "12")), 426, "sec-websocket-version: 13"),
        (format!("GET /echo HTTP/1.1\r\n{good}Origin: http://elsewhere\r\n\r\n"), 403, "not allowed"),
        (format!("GET /echo HTTP/1.1\r\n{}\r\n", good.replace("dGhl", "")), 400, "Sec-WebSocket-Key"),
    ] {
        let answer = server.answer(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{answer}");
        assert!(answer.contains(says), "{request}{answer}");
    }
    let mut stream = server.stream().await;
    let request = format!("GET /echo HTTP/1.1\r\n{good}Sec-WebSocket-Protocol: echo\r\n\r\n\u{1}");
    stream.write_all(&[request.trim_end_matches('\u{1}').as_bytes(), b"\x88\x80abcd"].concat()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let head = String::from_utf8_lossy(&answer);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(head.contains("\r\nsec-websocket-protocol: echo\r\n"), "{head}");
    assert!(answer.ends_with(b"\r\n\r\n\x88\x00"), "the Close that came with the head is answered: {head}");
}

#[tokio::test]
async fn hyper_host_upgrades_and_serves_pages() {
    web_server(env!("CARGO_BIN_EXE_hyper_upgrade")).await;
}

#[tokio::test]
async fn axum_host_upgrades_and_serves_pages() {
    web_server(env!("CARGO_BIN_EXE_axum_upgrade")).await;
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
    assert_eq!(printed, format!("HTTP/2.0 200 OK\nhello\n\n{long}\nclosed: Some(1000)\n"));
    let line = server.lines.next().unwrap().unwrap();
    assert_eq!(line, format!("HTTP/2.0 stream 1: websocket {}", server.uri.replace("wss:", "https:")));
}

/// [8441-5-9]: the server resets the stream with CANCEL instead of resetting TCP, and the connection continues to
/// serve. The peer ends its side without a Close, or resets the stream itself.
#[tokio::test]
async fn http2_stream_is_reset_with_cancel_without_a_close() {
    let file = certificate("reset");
    let server = Server::start(env!("CARGO_BIN_EXE_http2"), &["server", "127.0.0.1:0", file.to_str().unwrap()]);
    let tls = TlsConnector::from(hosts::tls::client(&file, b"h2").unwrap());
    let tls = tls.connect("localhost".try_into().unwrap(), server.stream().await).await.unwrap();
    let (requests, connection) = h2::client::handshake(tls).await.unwrap();
    tokio::spawn(connection);
    let mut requests = requests.ready().await.unwrap();
    let page = || Request::get("https://localhost/").body(()).unwrap();
    let socket = Request::builder()
        .method("CONNECT")
        .uri("https://localhost/echo")
        .header("sec-websocket-version", "13")
        .extension(Protocol::from_static("websocket"))
        .body(())
        .unwrap();
    let answer = timeout(PATIENCE, requests.send_request(page(), true).unwrap().0).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    for reset in [false, true] {
        let (answer, mut outgoing) = requests.send_request(socket.clone(), false).unwrap();
        let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        let mut incoming = answer.into_body();
        outgoing.send_data(Bytes::from_static(b"\x81\x82\0\0\0\0hi"), false).unwrap();
        assert_eq!(timeout(PATIENCE, incoming.data()).await.unwrap().unwrap().unwrap(), &b"\x81\x02hi"[..]);
        if reset {
            outgoing.send_reset(Reason::CANCEL);
        } else {
            outgoing.send_data(Bytes::new(), true).unwrap();
            let error = timeout(PATIENCE, incoming.data()).await.unwrap().unwrap().unwrap_err();
            assert!(error.is_reset() && error.is_remote(), "{error}");
            assert_eq!(error.reason(), Some(Reason::CANCEL));
        }
    }
    let answer = timeout(PATIENCE, requests.send_request(page(), true).unwrap().0).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
}

/// [8441-3-3]: a client sends no request to an HTTP/2 server without the setting.
#[tokio::test]
async fn http2_client_needs_the_setting() {
    let file = certificate("plain");
    let tls = TlsAcceptor::from(hosts::tls::server(&file, b"h2").unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let client = tokio::task::spawn_blocking(move || {
        let args = ["client", &uri, file.to_str().unwrap(), "hello"];
        Command::new(env!("CARGO_BIN_EXE_http2")).args(args).output().unwrap()
    });
    let stream = tls.accept(listener.accept().await.unwrap().0).await.unwrap();
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let asked = timeout(PATIENCE, connection.accept()).await.unwrap();
    assert!(asked.is_none_or(|request| request.is_err()), "the client has opened a stream");
    let errors = client.await.unwrap().stderr;
    assert!(String::from_utf8_lossy(&errors).contains("no WebSockets over HTTP/2"));
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
        members.push(server.connect("/", &[]).await);
        // A member that receives its own message is in the room.
        send(&mut members[id], Message::Text("hello".into())).await;
        for member in &mut members {
            assert_eq!(next(member).await, Some(Message::Text(format!("{id}: hello"))));
        }
    }
    for i in 0..30 {
        send(&mut members[i % 3], Message::Text(format!("{i}"))).await;
        for member in &mut members {
            assert_eq!(next(member).await, Some(Message::Text(format!("{}: {i}", i % 3))));
        }
    }
    send(&mut members[0], Message::Text("x".repeat(17 << 10))).await;
    assert_eq!(next(&mut members[0]).await, None);
    assert_eq!(members[0].closed(), Some((CloseCode::MESSAGE_TOO_BIG, "")));
    let answer = server.answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.contains("<title>Chat</title>"), "{answer}");
}

/// A member that reads nothing does not delay the others, and with `close` its connection is closed.
#[tokio::test]
async fn chat_host_is_not_held_up_by_a_slow_reader() {
    for policy in ["drop", "close"] {
        let server = Server::start(env!("CARGO_BIN_EXE_chat"), &["127.0.0.1:0", policy]);
        let mut slow = server.connect("/", &[]).await;
        send(&mut slow, Message::Text("hello".into())).await;
        assert_eq!(next(&mut slow).await, Some(Message::Text("0: hello".into())));
        let mut quick = server.connect("/", &[]).await;
        let said = Message::Text("x".repeat(16_000));
        for _ in 0..1000 {
            send(&mut quick, said.clone()).await; // 16 MB, which no buffer of a socket takes
            assert_eq!(size(&next(&mut quick).await.unwrap()), 16_003);
        }
        let mut heard = 0;
        loop {
            match timeout(Duration::from_secs(2), slow.next()).await {
                Ok(Some(message)) => heard += usize::from(size(&message.unwrap()) > 16_000),
                Ok(None) => break,
                Err(_silence) => break,
            }
        }
        assert!((1..1000).contains(&heard), "{heard}");
        let closed = (policy == "close").then_some((CloseCode::TRY_AGAIN_LATER, "you read too slowly"));
        assert_eq!(slow.closed(), closed);
    }
}

/// A sender waits for a member that does not read, and continues when it does. No message is lost.
#[tokio::test]
async fn chat_host_waits_for_a_slow_reader() {
    let server = Server::start(env!("CARGO_BIN_EXE_chat"), &["127.0.0.1:0", "wait"]);
    let mut slow = server.connect("/", &[]).await;
    send(&mut slow, Message::Text("hello".into())).await;
    assert_eq!(next(&mut slow).await, Some(Message::Text("0: hello".into())));
    let (mut sink, mut stream) = server.connect("/", &[]).await.split();
    let speaking = tokio::spawn(async move {
        for _ in 0..1000 {
            sink.send(Message::Text("x".repeat(16_000))).await.unwrap();
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
        assert_eq!(size(&next(&mut slow).await.unwrap()), 16_003);
    }
    timeout(PATIENCE, async { tokio::try_join!(speaking, hearing) }).await.unwrap().unwrap();
}
