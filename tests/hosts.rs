//! The examples on real sockets, with one test for each documented behaviour.
//!
//! The tests write and read frames without the engine, so that they check engine and host from outside. Cargo builds the
//! programs first, which is quick after a `cargo test` of the whole project. The system picks the ports, and `PATIENCE` is the
//! longest wait.
#![cfg(unix)] // signals, descriptors, and the memory of another process
#![allow(clippy::std_instead_of_core)]

use std::env;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

#[path = "hosts/client.rs"]
mod client;
#[path = "hosts/relay.rs"]
mod relay;
#[path = "hosts/server.rs"]
mod server;
#[path = "hosts/small.rs"]
mod small;
#[path = "hosts/threads.rs"]
mod threads;

/// Longer than any answer takes, and shorter than the 20 s after which the server sends a Ping.
const PATIENCE: Duration = Duration::from_secs(15);

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;
/// The masking key of every frame that a `Peer` sends as a client.
const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
/// RFC 6455 section 1.3.
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Returns the path of an example of the engine's package, built with the profile and the features of this test.
fn example(name: &str) -> String {
    static BUILT: Once = Once::new();
    let test = env::current_exe().expect("a test has a path"); // target/PROFILE/deps/hosts-HASH
    let folder = test.ancestors().nth(2).expect("cargo puts tests into target/PROFILE/deps");
    BUILT.call_once(|| build_examples(folder));
    let program = folder.join("examples").join(name);
    assert!(program.exists(), "{} is missing: run `cargo build --profile test --examples`", program.display());
    program.to_str().expect("a path in UTF-8").into()
}

/// Builds the examples, because cargo does not build another package's examples for a test. After a `cargo test` of all
/// packages they are already built.
fn build_examples(folder: &Path) {
    let Some(cargo) = env::var_os("CARGO") else { return }; // not started by cargo: the examples must exist
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "test",
        Some(profile) => profile,
        None => panic!("no profile in {}", folder.display()),
    };
    let mut build = Command::new(cargo);
    build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).args(["build", "--examples", "--profile", profile]);
    if cfg!(feature = "deflate") {
        build.args(["--features", "deflate"]);
    }
    let target = folder.parent().expect("the profile is in the target directory");
    let output = build.arg("--target-dir").arg(target).output().expect("cargo starts");
    assert!(output.status.success(), "the examples do not build:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// A program that is killed at the end of its test.
struct Program(Child);

impl Program {
    fn start(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(piped.spawn().expect("the program starts"))
    }

    fn interrupt(&self) {
        self.signal("INT");
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.0.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("there is a shell").success());
    }

    fn wait(&mut self) -> ExitStatus {
        eventually("the program ends", || self.0.try_wait().expect("it is our child"))
    }

    /// Waits for the end. Returns whether the status is 0, the standard output and the standard error.
    fn finish(mut self) -> (bool, String, String) {
        let stdout = self.0.stdout.take().map(read_to_end);
        let stderr = self.0.stderr.take().map(read_to_end);
        let status = self.wait();
        let [stdout, stderr] = [stdout, stderr].map(|it| it.map_or(String::new(), |it| it.join().unwrap()));
        (status.success(), stdout, stderr)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn read_to_end(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8(bytes).expect("the examples print UTF-8")
    })
}

/// Calls `ask` until it returns an answer.
fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        match ask() {
            Some(answer) => return answer,
            None if start.elapsed() > PATIENCE => panic!("not within {PATIENCE:?}: {what}"),
            None => thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Returns the program's resident memory in KiB.
#[cfg(target_os = "linux")]
fn resident(program: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.0.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// One end of a connection, without the engine.
struct Peer {
    stream: BufReader<TcpStream>,
    is_client: bool,
    /// The data message in progress.
    message: Option<(u8, Vec<u8>)>,
}

impl Peer {
    fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).expect("the server listens"), true)
    }

    fn new(stream: TcpStream, is_client: bool) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::with_capacity(1 << 16, stream), is_client, message: None }
    }

    /// Returns a client after its opening handshake.
    fn open(address: SocketAddr) -> Self {
        let mut peer = Self::connect(address);
        peer.write(REQUEST.as_bytes());
        peer.expect_101();
        peer
    }

    fn expect_101(&mut self) {
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert_eq!(field(&head, "Sec-WebSocket-Accept"), Some(ACCEPT));
    }

    /// Reads a head, up to and including its empty line.
    fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.stream.read_line(&mut head).expect("a head arrives"), 0, "the head ends early: {head}");
        }
        head
    }

    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).expect("no reset");
        rest
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the other end reads");
    }

    /// Returns a second handle, to write while this one reads.
    fn writer(&self) -> TcpStream {
        self.stream.get_ref().try_clone().unwrap()
    }

    fn shutdown(&mut self) {
        self.stream.get_mut().shutdown(Shutdown::Write).unwrap();
    }

    fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = header(first, payload.len() as u64, self.is_client);
        let key = if self.is_client { KEY } else { [0; 4] };
        frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        frame
    }

    fn send(&mut self, first: u8, payload: &[u8]) {
        let frame = self.frame(first, payload);
        self.write(&frame);
    }

    fn close(&mut self, code: u16, reason: &str) {
        self.send(CLOSE, &close(code, reason));
    }

    /// Reads the next frame. Returns its first byte and its payload, or `None` at the end of the stream.
    fn frame_in(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut header = [0; 2];
        match self.stream.read_exact(&mut header[..1]) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
            outcome => outcome.expect("a frame or the end, no reset"),
        }
        self.read(&mut header[1..]);
        assert_eq!(header[1] >= 0x80, !self.is_client, "clients mask, servers do not");
        let mut bytes = [0; 8];
        match header[1] & 0x7F {
            short @ ..126 => bytes[7] = short,
            126 => self.read(&mut bytes[6..]),
            _ => self.read(&mut bytes),
        }
        let mut key = [0; 4];
        if !self.is_client {
            self.read(&mut key);
        }
        let mut payload = vec![0; u64::from_be_bytes(bytes) as usize];
        self.read(&mut payload);
        if key != [0; 4] {
            payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
        Some((header[0], payload))
    }

    fn read(&mut self, into: &mut [u8]) {
        self.stream.read_exact(into).expect("the frame is complete");
    }

    /// Reads the next control frame or whole data message.
    fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let (first, payload) = self.frame_in()?;
            if first & 8 != 0 {
                return Some((first, payload));
            }
            let kind = first & 0x0F;
            assert_eq!(kind == 0, self.message.is_some(), "continuations, and only they, continue a message");
            let (kind, mut message) = self.message.take().unwrap_or((0x80 | kind, Vec::new()));
            message.extend(payload);
            if first & 0x80 != 0 {
                return Some((kind, message));
            }
            self.message = Some((kind, message));
        }
    }

    fn expect(&mut self, first: u8, payload: &[u8]) {
        let (got_first, got) = self.next().expect("a frame, not the end");
        let shown = String::from_utf8_lossy(&got[..got.len().min(80)]);
        assert!((got_first, &got[..]) == (first, payload), "{got_first:#x}, {} bytes: {shown:?}", got.len());
    }

    fn expect_close(&mut self, code: u16, reason: &str) {
        self.expect(CLOSE, &close(code, reason));
    }

    /// Expects the other end to have closed TCP without a reset.
    fn expect_eof(&mut self) {
        assert_eq!(self.next(), None);
    }
}

fn header(first: u8, len: u64, masked: bool) -> Vec<u8> {
    let bit = if masked { 0x80 } else { 0 };
    let mut header = match len {
        ..126 => vec![first, bit | len as u8],
        126..=0xFFFF => [&[first, bit | 126], &(len as u16).to_be_bytes()[..]].concat(),
        _ => [&[first, bit | 127], &len.to_be_bytes()[..]].concat(),
    };
    header.extend(KEY.iter().filter(|_| masked));
    header
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// Returns the value of a field in a head.
fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}
