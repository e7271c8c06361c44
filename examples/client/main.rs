//! A client for the terminal and for pipes: sends each line of the standard input as a text message, and prints each
//! received message on its own line.
//!
//!     cargo run --release --example client -- ws://127.0.0.1:9001/ [--subprotocol P]... [--header 'K: V']... [--origin O]
//!                                             [--binary-hex] [--proxy http://USER:PASSWORD@HOST:PORT]
//!                                             [--redirects N] [--retries N]
//!
//! At the end of the input, when the server has been silent for 300 ms, the client starts the closing handshake. Ctrl-C
//! starts it at once, with 1001; a second Ctrl-C ends the client. Its exit status is 0 only if the handshake completes. On a terminal `> ` asks for a line and `< ` precedes a received message; a
//! pipe gets the messages alone. The connection is split: the main thread reads the socket, another thread writes to it,
//! a third thread waits for lines. They share channels and two flags. It uses the layers one by one, because two threads
//! share the connection, and its timeouts are those of the socket.
//!
//! `open.rs` connects: through a proxy, after redirects (5, or `--redirects N`), and again with a growing delay if the
//! server cannot be reached or is busy (never, or `--retries N`).

mod open;

use std::io::{self, BufRead, ErrorKind, IsTerminal, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use barews::Client;
use barews::connection::{Chunk, Config, Event, MessageKind, Outgoing, Receiver, Reply, Transmitter};
use barews::wire::CloseCode;
use lexopt::prelude::*;
use open::{Opened, open};

/// Messages are printed as they arrive, so they can have any length.
const LIMITS: Config =
    Config { max_frame_size: u64::MAX, max_message_size: u64::MAX, max_fragments: u32::MAX, ..Config::DEFAULT };
const USAGE: &str = "usage: client URI [--subprotocol P]... [--header 'K: V']... [--origin O] [--binary-hex] \
    [--proxy http://USER:PASSWORD@HOST:PORT] [--redirects N] [--retries N]";
/// Timeout for the TCP connection, for the tunnel through a proxy, for the whole opening handshake and for the answer to
/// a Close.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the reader looks whether the connection is closing.
const TICK: Duration = Duration::from_millis(250);
/// After this long without bytes the client closes. Many servers drop unsent messages when they receive a Close.
const SILENCE: Duration = Duration::from_millis(300);
/// The most lines that wait to be written, ahead of a Pong or a Close. All other lines stay in the input.
const LINES: usize = 64;

/// Whether bytes have arrived since this was reset.
static HEARD: AtomicBool = AtomicBool::new(false);
/// A Close was sent or is due: the connection ends after `PATIENCE`.
static CLOSING: AtomicBool = AtomicBool::new(false);

type Error = Box<dyn std::error::Error + Send + Sync>;
type Keys = fn() -> [u8; 4];

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(format_args!("client: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Arguments {
    /// How many redirects the client follows.
    redirects: u8,
    /// How often the client tries again.
    retries: u8,
    uri: String,
    subprotocols: Vec<String>,
    headers: Vec<(String, String)>,
    origin: Option<String>,
    proxy: Option<String>,
    binary_hex: bool,
}

fn arguments() -> Result<Arguments, Error> {
    let mut arguments = Arguments { redirects: 5, ..Arguments::default() };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("subprotocol") => arguments.subprotocols.push(parser.value()?.string()?),
            Long("origin") => arguments.origin = Some(parser.value()?.string()?),
            Long("proxy") => arguments.proxy = Some(parser.value()?.string()?),
            Long("binary-hex") => arguments.binary_hex = true,
            Long("redirects") => arguments.redirects = number(&mut parser, "--redirects")?,
            Long("retries") => arguments.retries = number(&mut parser, "--retries")?,
            Long("header") => {
                let header = parser.value()?.string()?;
                let (name, value) = header.split_once(':').ok_or("a header has the form 'Name: value'")?;
                arguments.headers.push((name.trim().into(), value.trim().into()));
            }
            Short('h') | Long("help") => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Value(uri) if arguments.uri.is_empty() => arguments.uri = uri.string()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    if arguments.uri.is_empty() { Err(USAGE.into()) } else { Ok(arguments) }
}

fn number(parser: &mut lexopt::Parser, option: &str) -> Result<u8, Error> {
    let value = parser.value()?.string()?;
    value.parse().map_err(|_| format!("{option} takes a number up to 255, not '{value}'").into())
}

/// Returns true after a clean close.
fn run(arguments: &Arguments) -> Result<bool, Error> {
    let start = Instant::now();
    let Opened { connection, uri, subprotocol, mut socket, mut rx, unread } = open(arguments)?;
    socket.set_read_timeout(Some(TICK))?;
    if io::stderr().is_terminal() {
        let subprotocol = subprotocol.map_or(String::new(), |name| format!(", subprotocol {name},"));
        let line = format!("connected to {uri}{subprotocol} in {} ms\n", start.elapsed().as_millis());
        io::stderr().write_all(line.as_bytes())?; // at once: the terminal echoes what is typed meanwhile
    } else if let Some(subprotocol) = subprotocol {
        say(format_args!("subprotocol: {subprotocol}"));
    }
    let marks = match (io::stdout().is_terminal(), io::stdin().is_terminal()) {
        (true, true) => Marks { prompt: "> ", clear: "\r", received: "< " },
        (true, false) => Marks { received: "< ", ..Marks::default() },
        (false, _) => Marks::default(),
    };
    let (receiver, transmitter) = connection.split();
    let (orders, queue) = mpsc::channel();
    let (written, room) = mpsc::channel();
    let (ended, end) = mpsc::channel();
    let (lines, writing_end) = (orders.clone(), socket.try_clone()?);
    let (interrupt, interrupts) = (orders.clone(), AtomicU32::new(0));
    ctrlc::set_handler(move || match interrupts.fetch_add(1, Ordering::Relaxed) {
        0 => {
            CLOSING.store(true, Ordering::Relaxed); // the writer may be blocked
            let _ = interrupt.send(Order::GoAway);
        }
        _ => std::process::exit(130),
    })?;
    (0..LINES).try_for_each(|_| written.send(()))?;
    thread::spawn(move || read_lines(&lines, &room, marks));
    thread::spawn(move || ended.send(write(transmitter, writing_end, &queue, &written)));
    let clean = receive(receiver, &mut socket, &mut rx, unread, &orders, arguments.binary_hex, marks)?;
    end.recv_timeout(PATIENCE).map_err(|_| "the server does not accept our Close frame")??;
    Ok(clean)
}

/// Prints a line. `eprintln!` would panic if the log is full or closed.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Escapes control characters of the server's, which a terminal would obey.
fn printable(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect()
}

/// Whether the read timeout has passed. Systems report it as different errors.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

/// A task for the writing thread.
enum Order {
    Send(String),
    Reply(Reply),
    /// The input has ended, with or without an error.
    Close(io::Result<()>),
    /// The user has interrupted the client.
    GoAway,
}

fn read_lines(orders: &Sender<Order>, room: &mpsc::Receiver<()>, marks: Marks) {
    let mut outcome = Ok(());
    marks.prompt();
    for line in io::stdin().lock().lines() {
        marks.prompt();
        match line {
            Ok(line) => {
                if room.recv().is_err() || orders.send(Order::Send(line)).is_err() {
                    return; // the connection is closing
                }
            }
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    loop {
        HEARD.store(false, Ordering::Relaxed);
        thread::sleep(SILENCE);
        if !HEARD.load(Ordering::Relaxed) {
            break;
        }
    }
    let _ = orders.send(Order::Close(outcome));
}

/// Writes until a Close frame is sent or all senders are gone. A large message goes out in fragments.
fn write(
    mut transmitter: Transmitter<Client<Keys>>,
    mut socket: TcpStream,
    queue: &mpsc::Receiver<Order>,
    written: &Sender<()>,
) -> Result<(), Error> {
    let mut tx = vec![0; 17 << 10];
    let mut outcome = Ok(());
    for order in queue {
        match order {
            Order::Send(line) => {
                let mut message = Outgoing::text(&line);
                while let len @ 1.. = transmitter.write_fragment(&mut message, &mut tx)?.len() {
                    socket.write_all(&tx[..len])?;
                }
                let _ = written.send(()); // the reader of lines may have ended
            }
            Order::Reply(reply) => {
                let len = transmitter.write_reply(&reply, &mut tx)?.len();
                socket.write_all(&tx[..len])?;
            }
            Order::Close(input) => {
                outcome = input.map_err(|error| format!("standard input: {error}").into());
                let len = transmitter.write_close(CloseCode::NORMAL, "", &mut tx)?.len();
                socket.write_all(&tx[..len])?;
            }
            Order::GoAway => {
                let len = transmitter.write_close(CloseCode::GOING_AWAY, "", &mut tx)?.len();
                socket.write_all(&tx[..len])?;
            }
        }
        if transmitter.close_sent() {
            CLOSING.store(true, Ordering::Relaxed);
            break;
        }
    }
    outcome
}

/// Prints what the server sends until the transport ends. Returns true after a clean close.
fn receive(
    mut receiver: Receiver<Client<Keys>>,
    socket: &mut TcpStream,
    rx: &mut [u8],
    mut unread: Range<usize>,
    orders: &Sender<Order>,
    binary_hex: bool,
    marks: Marks,
) -> Result<bool, Error> {
    let mut stdout = io::stdout().lock();
    let (mut size, mut end) = (0, None);
    loop {
        let mut rest = &mut rx[unread];
        loop {
            let received = receiver.receive(rest);
            if let Some(reply) = receiver.take_reply() {
                CLOSING.fetch_or(reply.is_close(), Ordering::Relaxed);
                let _ = orders.send(Order::Reply(reply)); // the writer ends once it has sent a Close
            }
            let Ok(received) = received else { break };
            rest = received.rest;
            match received.event {
                Some(Event::Data(chunk)) => print(&mut stdout, &chunk, &mut size, binary_hex, marks)?,
                Some(_) => {}
                None => break,
            }
        }
        stdout.flush()?;
        if CLOSING.load(Ordering::Relaxed) {
            end.get_or_insert_with(|| Instant::now() + PATIENCE);
        }
        if end.is_some_and(|end| end <= Instant::now()) {
            break;
        }
        let len = match socket.read(rx) {
            Ok(0) => break,
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::Interrupted || is_timeout(&error) => 0,
            Err(_) => break, // a reset by the server
        };
        HEARD.fetch_or(len > 0, Ordering::Relaxed);
        unread = 0..len;
    }
    let outcome = receiver.receive_eof();
    let code = receiver.close_code().unwrap_or(CloseCode::ABNORMAL);
    say(format!("{}closed with {} {}", marks.clear, code.0, printable(receiver.close_reason())).trim_end());
    match outcome {
        Ok(()) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// What a terminal shows in addition to the lines. All are empty in a pipe.
#[derive(Clone, Copy, Default)]
struct Marks {
    prompt: &'static str,
    /// Returns to the start of the prompt's line.
    clear: &'static str,
    received: &'static str,
}

impl Marks {
    fn prompt(self) {
        let _ = write!(io::stderr(), "{}", self.prompt);
    }
}

/// Prints a message on one line: text unchanged, binary data as hexadecimal digits or only its size.
fn print(out: &mut impl Write, chunk: &Chunk<'_>, size: &mut usize, binary_hex: bool, marks: Marks) -> io::Result<()> {
    if chunk.first {
        *size = 0;
        write!(out, "{}{}", marks.clear, marks.received)?;
    }
    *size += chunk.payload.len();
    match chunk.kind {
        MessageKind::Text => out.write_all(chunk.payload)?,
        _ if binary_hex => chunk.payload.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?,
        _ if chunk.last => write!(out, "<{size} bytes>")?,
        _ => {}
    }
    if chunk.last {
        writeln!(out)?; // this also flushes the line
        marks.prompt();
    }
    Ok(())
}
