//! An echo server for thousands of connections in one thread, with a page to try it from a browser.
//!
//!     cargo run --release --example echo_server [-- [--keepalive SECONDS] [--spin MICROSECONDS] [--backlog N] [ADDRESS]]
//!
//! ADDRESS is HOST:PORT, or only PORT for 127.0.0.1. The default is 127.0.0.1:9001; port 0 picks a free port.
//!
//! * `--keepalive`: the silence after which the server sends a Ping, by default 20 s. It must be shorter than the
//!   timeout of a proxy on the path.
//! * `--spin`: for how long after the last event the server polls without sleeping, by default 0. That uses a whole core
//!   and saves the time to wake up.
//! * `--ahead`: how much is read of a connection whose peer does not accept the echo, by default 32 MiB, and 8 times as
//!   much for all together. A peer that writes a longer message before it reads anything waits for the server, which
//!   waits for it, until the deadlines end the connection.
//! * `--backlog`: how many connections can wait to be accepted, by default 128 as in `std::net` and mio. The system can
//!   have a lower limit, such as `net.core.somaxconn`. A client that connects to a full backlog waits and may time out.
//!
//! This file has the readiness loop, on mio, which cannot set the backlog, so socket2 makes the listener. `peer.rs`
//! handles one connection. One read buffer and one write buffer serve all connections; the system's limit of open files
//! (`ulimit -n`) limits their number. Ctrl-C closes every connection with 1001 and waits for the peers; a second Ctrl-C
//! ends the server at once.
//!
//! A line on stderr says why a connection failed: the peer broke a rule, it ended TCP without a Close frame, TCP failed,
//! or a deadline passed. Each failed connection has one line.
//!
//! The server echoes each piece of a message as it arrives: a message sent byte by byte comes back in
//! fragments of one byte.

mod peer;

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use barews::deadlines::Timeouts;
use lexopt::prelude::*;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use peer::{Limits, Peer, Turn};
use socket2::{Domain, Socket, Type};

/// One write answers the bytes of one read. A large read needs fewer system calls.
const READ_SIZE: usize = 256 << 10;

const LISTENER: Token = Token(usize::MAX);
const SIGNAL: Token = Token(usize::MAX - 1);

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match arguments().and_then(|arguments| serve(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error);
            ExitCode::FAILURE
        }
    }
}

/// Prints an error. `eprintln!` would panic, and so end all connections, if the log is full or closed.
fn report(error: impl Display) {
    let _ = writeln!(io::stderr(), "echo_server: {error}");
}

const HELP: &str = "\
usage: echo_server [OPTION...] [ADDRESS]

ADDRESS is HOST:PORT, or only PORT for 127.0.0.1 (default: 127.0.0.1:9001; port 0 picks a free port)

  --keepalive SECONDS   send a Ping after this silence (default: 20)
  --spin MICROSECONDS   poll for this long after an event without sleeping (default: 0)
  --ahead MIB           read this much while the peer does not accept the echo (default: 32)
  --backlog N           let up to N connections wait to be accepted (default: 128)
  -h, --help            print this text";

struct Arguments {
    address: String,
    timeouts: Timeouts,
    spin: Duration,
    ahead: usize,
    backlog: u16,
}

fn arguments() -> Result<Arguments, Error> {
    let (mut address, mut timeouts, mut spin) = (None, Timeouts::MILLISECONDS, Duration::ZERO);
    let (mut ahead, mut backlog) = (32 << 20, 128);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("keepalive") => {
                let seconds: NonZeroU32 = number(&mut parser, "--keepalive takes a number of seconds, at least 1")?;
                timeouts.ping = Some(u64::from(seconds.get()) * 1000);
            }
            Long("spin") => {
                let micros: u32 = number(&mut parser, "--spin takes a number of microseconds")?;
                spin = Duration::from_micros(micros.into());
            }
            Long("ahead") => {
                let mib: u16 = number(&mut parser, "--ahead takes a number of MiB, up to 65535")?;
                ahead = usize::from(mib) << 20;
            }
            Long("backlog") => backlog = number(&mut parser, "--backlog takes a number of connections, up to 65535")?,
            Short('h') | Long("help") => {
                println!("{HELP}");
                std::process::exit(0);
            }
            Value(given) if address.is_none() => address = Some(given.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let mut address = address.unwrap_or("127.0.0.1:9001".into());
    if address.bytes().all(|byte| byte.is_ascii_digit()) {
        address = format!("127.0.0.1:{address}");
    }
    Ok(Arguments { address, timeouts, spin, ahead, backlog })
}

/// Parses the value of an option. `rule` begins the error.
fn number<T: FromStr>(parser: &mut lexopt::Parser, rule: &str) -> Result<T, Error> {
    let value = parser.value()?.string()?;
    value.parse().map_err(|_| format!("{rule}, not '{value}'").into())
}

/// Like `TcpListener::bind`, with a backlog of our choice.
fn listen(address: SocketAddr, backlog: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Allows to bind while connections of an earlier server are in TIME-WAIT. On Windows it would allow more than that.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog.into())?;
    Ok(TcpListener::from_std(socket.into()))
}

fn serve(arguments: &Arguments) -> Result<(), Error> {
    let Arguments { address, timeouts, spin, ahead, backlog } = arguments;
    let listener = address.to_socket_addrs().and_then(|mut addresses| {
        let listener = listen(addresses.next().ok_or(ErrorKind::NotFound)?, *backlog)?;
        Ok((listener.local_addr()?, listener))
    });
    let (address, mut listener) = listener.map_err(|error| {
        let hint = if error.kind() == ErrorKind::InvalidInput { "; write HOST:PORT or PORT" } else { "" };
        format!("cannot listen on {address}: {error}{hint}")
    })?;
    println!("echoing at ws://{address}/ - open http://{address}/ in a browser, end with Ctrl-C");

    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let signals = Arc::new(AtomicU32::new(0));
    let waker = Waker::new(poll.registry(), SIGNAL)?;
    let count = signals.clone();
    ctrlc::set_handler(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let _ = waker.wake();
    })?;

    let limits = Limits { connection: *ahead, all: ahead.saturating_mul(8) };
    let mut server = Peers::new(*timeouts, limits);
    let mut listener = Some(listener);
    let mut events = Events::with_capacity(1024);
    let mut last = Instant::now();
    while listener.is_some() || server.open > 0 {
        let wait = if !spin.is_zero() && last.elapsed() < *spin { Some(Duration::ZERO) } else { server.wait() };
        match poll.poll(&mut events, wait) {
            Ok(()) => {}
            // The process was stopped and goes on: first see what has arrived meanwhile.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        }
        if !spin.is_zero() && !events.is_empty() {
            last = Instant::now();
        }
        for event in &events {
            match event.token() {
                LISTENER => server.backlog = true,
                SIGNAL if signals.load(Ordering::Relaxed) > 1 => return Ok(()),
                SIGNAL => {
                    listener = None;
                    server.go_away();
                }
                Token(index) => server.ready(index, event.is_readable(), event.is_read_closed()),
            }
        }
        server.work();
        if let Some(listener) = &listener {
            server.accept(listener, &poll); // after `work`, which can free file descriptors
        }
    }
    Ok(())
}

/// All connections. A connection's index is its token.
struct Peers {
    slots: Vec<Option<Peer>>,
    free: Vec<usize>,
    open: usize,
    /// Whether connections wait to be accepted.
    backlog: bool,
    /// Whether a failure to accept was reported.
    full: bool,
    /// The connections that have work to do, in order.
    turn: VecDeque<usize>,
    /// The time of a connection's next deadline, in milliseconds since the start, and its index.
    timers: BTreeSet<(u64, usize)>,
    start: Instant,
    timeouts: Timeouts,
    limits: Limits,
    /// The memory of the bytes that were read ahead.
    ahead: usize,
    rx: Box<[u8]>,
    tx: Vec<u8>,
}

impl Peers {
    fn new(timeouts: Timeouts, limits: Limits) -> Self {
        Self {
            timeouts,
            limits,
            ahead: 0,
            slots: Vec::new(),
            free: Vec::new(),
            open: 0,
            backlog: false,
            full: false,
            turn: VecDeque::new(),
            timers: BTreeSet::new(),
            start: Instant::now(),
            rx: vec![0; READ_SIZE].into(),
            tx: Vec::new(),
        }
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// How long the poll can sleep.
    fn wait(&self) -> Option<Duration> {
        if !self.turn.is_empty() {
            return Some(Duration::ZERO);
        }
        let (due, _) = self.timers.first()?;
        Some(Duration::from_millis(due.saturating_sub(self.now())))
    }

    fn accept(&mut self, listener: &TcpListener, poll: &Poll) {
        while self.backlog {
            match listener.accept() {
                Ok((stream, _)) => {
                    self.full = false;
                    if let Err(error) = self.add(stream, poll) {
                        report(error);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.backlog = false,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                // Most likely out of descriptors; the next connection that ends frees one.
                Err(error) => {
                    if !std::mem::replace(&mut self.full, true) {
                        report(format_args!("cannot accept: {error}"));
                    }
                    return;
                }
            }
        }
    }

    fn add(&mut self, mut stream: TcpStream, poll: &Poll) -> io::Result<()> {
        let index = self.free.last().copied().unwrap_or(self.slots.len());
        poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        stream.set_nodelay(true)?;
        let peer = Some(Peer::new(stream, self.timeouts, self.now()));
        match self.free.pop() {
            Some(_) => self.slots[index] = peer,
            None => self.slots.push(peer),
        }
        self.open += 1;
        self.ready(index, false, false);
        Ok(())
    }

    /// Queues a connection because its socket is ready, or because there is something else to do.
    fn ready(&mut self, index: usize, readable: bool, ended: bool) {
        if let Some(Some(peer)) = self.slots.get_mut(index) {
            peer.readable |= readable;
            peer.ended |= ended;
            if !peer.queued {
                peer.queued = true;
                self.turn.push_back(index);
            }
        }
    }

    /// Gives one turn to each connection that is queued, or has a deadline that has passed.
    fn work(&mut self) {
        let now = self.now();
        while let Some(&(due, index)) = self.timers.first()
            && due <= now
        {
            self.timers.pop_first();
            if let Some(peer) = &mut self.slots[index] {
                peer.armed = None;
                self.ready(index, true, false); // what has arrived counts before the deadline
            }
        }
        for _ in 0..self.turn.len() {
            let Some(index) = self.turn.pop_front() else { break };
            let Some(peer) = &mut self.slots[index] else { continue };
            peer.queued = false;
            let before = peer.ahead();
            let left = self.limits.all.saturating_sub(self.ahead - before);
            let outcome = peer.go_on(&mut self.rx, &mut self.tx, left.min(self.limits.connection), now);
            self.ahead = self.ahead - before + peer.ahead();
            match outcome {
                Ok(Turn::Blocked) => {}
                Ok(Turn::Again) => self.ready(index, false, false),
                Ok(Turn::Over) => self.remove(index, None),
                Err(error) => self.remove(index, Some(error)),
            }
            self.arm(index);
        }
    }

    /// Sets the timer of a connection. A timer that fires early does no harm, so it changes only when the deadline is
    /// earlier than the timer.
    fn arm(&mut self, index: usize) {
        let Some(peer) = &mut self.slots[index] else { return };
        if let Some(due) = peer.due()
            && peer.armed.is_none_or(|armed| due < armed)
        {
            if let Some(armed) = peer.armed.replace(due) {
                self.timers.remove(&(armed, index));
            }
            self.timers.insert((due, index));
        }
    }

    /// Drops a connection, and reports an error of its transport unless it was over.
    fn remove(&mut self, index: usize, error: Option<io::Error>) {
        let now = self.now();
        if let Some(mut peer) = self.slots[index].take() {
            if let Some(error) = error
                && peer.fails(now)
            {
                report(error);
            }
            if let Some(armed) = peer.armed {
                self.timers.remove(&(armed, index));
            }
            self.ahead -= peer.ahead();
            self.free.push(index);
            self.open -= 1;
        }
    }

    fn go_away(&mut self) {
        let now = self.now();
        for index in 0..self.slots.len() {
            if let Some(peer) = &mut self.slots[index] {
                if peer.go_away(now) {
                    self.ready(index, false, false);
                } else {
                    self.remove(index, None);
                }
            }
        }
    }
}
