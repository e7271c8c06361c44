//! A reverse proxy for WebSockets in one thread: each client gets its own connection to the upstream, a server.
//!
//!     cargo run --release --example relay -- [--keepalive SECONDS] [--patience SECONDS] LISTEN UPSTREAM_URI
//!
//! LISTEN is HOST:PORT, or only PORT for 127.0.0.1; port 0 picks a free port. UPSTREAM_URI is a `ws:` URI: this example
//! has no TLS on either side. Its name is resolved once, at the start.
//!
//! * `--keepalive`: the silence of a side after which the relay sends it a Ping, by default 20 s.
//! * `--patience`: how long the upstream can take to accept the connection and to answer the request, by default 10 s.
//!
//! # What the peers see
//!
//! * **Handshake.** The client's request waits until the upstream has answered. The upstream gets the path of
//!   UPSTREAM_URI followed by the client's target, as with `proxy_pass` in nginx's `location /`. It also gets the
//!   client's Host, Origin, subprotocols and the fields in `KEPT`; the client's address is added to X-Forwarded-For.
//!   Other fields and all extensions are left out, so no side compresses. The client gets the upstream's subprotocol
//!   and Set-Cookie. A field that is not UTF-8 is left out as well.
//! * **Refusals.** The client gets the upstream's status, Location, WWW-Authenticate and Retry-After, without a body.
//!   It gets 502 if the upstream cannot be reached or breaks a rule, 504 if it does not answer in time, and 426 if it
//!   asked for a page.
//! * **Frames** keep their boundaries. The relay sends a frame's header with its full length at the first chunk, and
//!   each chunk as it arrives. Exception: an empty frame that does not end its message is dropped, because the engine
//!   does not report it.
//! * **Pings and Pongs** are not passed on. The relay answers Pings, ignores unsolicited Pongs, and pings both sides.
//! * **Close.** Code and reason are passed on, or that there is no code. The answer to a Close waits up to 5 s for the
//!   other side's answer, which is passed back, so messages that were in flight arrive before it. A side that breaks a
//!   rule gets the engine's Close, also after those messages.
//! * **Failures.** When one side fails, the other one gets a Close: 1001 for the upstream, 1014 for the client. If that
//!   side has received only a part of a frame, no Close can follow. The relay then ends TCP, and the peer reports 1006.
//! * **Back-pressure.** While one side does not accept bytes, the other one is not read. A pair keeps up to 64 KiB in
//!   each direction, and nothing when all is written; during the handshake up to 128 KiB. A side that accepts nothing
//!   for 20 s after the other side has ended is dropped.
//!
//! Ctrl-C closes all connections with 1001, each after its frame in progress, and waits for the peers; a second Ctrl-C
//! ends the relay at once. Each failure is a line on stderr with the address of the client and the side at fault.
//!
//! This file has the readiness loop, on mio. `pair.rs` has the handshakes, and `side.rs` what follows them.

mod pair;
mod side;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use barews::deadlines::Timeouts;
use barews::handshake::Uri;
use lexopt::prelude::*;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use pair::{Pair, Settings};

const READ_SIZE: usize = 64 << 10;

const LISTENER: Token = Token(usize::MAX);
const SIGNAL: Token = Token(usize::MAX - 1);

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match arguments().and_then(|(listen, settings, to)| serve(&listen, settings, &to)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error);
            ExitCode::FAILURE
        }
    }
}

/// Prints an error. `eprintln!` would panic, and so end all connections, if the log is full or closed.
fn report(error: impl Display) {
    let _ = writeln!(io::stderr(), "relay: {error}");
}

const HELP: &str = "\
usage: relay [OPTION...] LISTEN UPSTREAM_URI

LISTEN is HOST:PORT, or only PORT for 127.0.0.1; port 0 picks a free port
UPSTREAM_URI is ws://HOST[:PORT][/PATH]; PATH comes before the target of each request

  --keepalive SECONDS   send a Ping after this silence (default: 20)
  --patience SECONDS    wait this long for the upstream's answer (default: 10)
  -h, --help            print this text";

fn arguments() -> Result<(String, Settings, String), Error> {
    let (mut given, mut timeouts, mut patience) = (Vec::new(), Timeouts::MILLISECONDS, 10_000);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("keepalive") => timeouts.ping = Some(milliseconds(&mut parser, "--keepalive")?),
            Long("patience") => patience = milliseconds(&mut parser, "--patience")?,
            Short('h') | Long("help") => {
                println!("{HELP}");
                std::process::exit(0);
            }
            Value(value) if given.len() < 2 => given.push(value.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let Ok([mut listen, upstream]) = <[String; 2]>::try_from(given) else { return Err(HELP.into()) };
    if listen.bytes().all(|byte| byte.is_ascii_digit()) {
        listen = format!("127.0.0.1:{listen}");
    }
    let uri = Uri::parse(&upstream)?;
    if uri.secure() {
        return Err("this example has no TLS; use a ws: URI, or put a proxy that has it before the upstream".into());
    }
    if uri.query().is_some() {
        return Err("UPSTREAM_URI has a query; the query of each request is passed on instead".into());
    }
    let addresses = (uri.host().trim_matches(['[', ']']), uri.port()).to_socket_addrs();
    let addresses = addresses.map_err(|error| format!("cannot resolve {}: {error}", uri.host()))?.collect();
    let base = uri.path().trim_end_matches('/').into();
    Ok((listen, Settings { addresses, base, timeouts, patience }, uri.to_string()))
}

/// Parses the value of an option, in seconds.
fn milliseconds(parser: &mut lexopt::Parser, option: &str) -> Result<u64, Error> {
    let value = parser.value()?.string()?;
    let seconds: NonZeroU32 =
        value.parse().map_err(|_| format!("{option} takes a number of seconds, at least 1, not '{value}'"))?;
    Ok(u64::from(seconds.get()) * 1000)
}

fn serve(listen: &str, settings: Settings, upstream: &str) -> Result<(), Error> {
    let listener = listen.to_socket_addrs().and_then(|mut addresses| {
        let listener = TcpListener::bind(addresses.next().ok_or(ErrorKind::NotFound)?)?;
        Ok((listener.local_addr()?, listener))
    });
    let (address, mut listener) = listener.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    println!("relaying ws://{address}/ to {upstream} - end with Ctrl-C");

    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let signals = Arc::new(AtomicU32::new(0));
    let waker = Waker::new(poll.registry(), SIGNAL)?;
    let count = signals.clone();
    ctrlc::set_handler(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let _ = waker.wake();
    })?;

    let mut pairs = Pairs::new(settings);
    let mut listener = Some(listener);
    let mut events = Events::with_capacity(1024);
    while listener.is_some() || !pairs.pairs.is_empty() {
        match poll.poll(&mut events, pairs.wait()) {
            Ok(()) => {}
            // The process was stopped and goes on: first see what has arrived meanwhile.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            match event.token() {
                LISTENER => pairs.backlog = true,
                SIGNAL if signals.load(Ordering::Relaxed) > 1 => return Ok(()),
                SIGNAL => {
                    listener = None;
                    pairs.go_away();
                }
                Token(token) => {
                    if let Some(pair) = pairs.pairs.get_mut(&(token / 2)) {
                        if event.is_readable() {
                            pair.readable(token % 2 == 1);
                        }
                        pairs.ready.insert(token / 2);
                    }
                }
            }
        }
        pairs.work(poll.registry());
        if let Some(listener) = &listener {
            pairs.accept(listener, poll.registry()); // after `work`, which can free file descriptors
        }
    }
    Ok(())
}

/// All pairs by number. The token of a client's socket is twice the number, that of the upstream's socket is one more.
struct Pairs {
    pairs: HashMap<usize, Pair>,
    /// The number of the next pair.
    next: usize,
    /// Whether connections wait to be accepted.
    backlog: bool,
    /// Whether a failure to accept was reported.
    full: bool,
    /// The pairs that have work to do.
    ready: BTreeSet<usize>,
    /// The time of a pair's next deadline, in milliseconds since the start, and its number.
    timers: BTreeSet<(u64, usize)>,
    start: Instant,
    settings: Settings,
    rx: Box<[u8]>,
}

impl Pairs {
    fn new(settings: Settings) -> Self {
        Self {
            pairs: HashMap::new(),
            next: 0,
            backlog: false,
            full: false,
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            start: Instant::now(),
            settings,
            rx: vec![0; READ_SIZE].into(),
        }
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// How long the poll can sleep.
    fn wait(&self) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let (due, _) = self.timers.first()?;
        Some(Duration::from_millis(due.saturating_sub(self.now())))
    }

    fn accept(&mut self, listener: &TcpListener, registry: &Registry) {
        while self.backlog {
            match listener.accept() {
                Ok((stream, address)) => {
                    self.full = false;
                    if let Err(error) = self.add(stream, address, registry) {
                        report(format_args!("{address}: client: {error}"));
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

    fn add(&mut self, mut stream: TcpStream, address: SocketAddr, registry: &Registry) -> io::Result<()> {
        registry.register(&mut stream, Token(2 * self.next), Interest::READABLE | Interest::WRITABLE)?;
        stream.set_nodelay(true)?;
        let pair = Pair::new(stream, address, Token(2 * self.next + 1), &self.settings, self.now());
        self.pairs.insert(self.next, pair);
        self.ready.insert(self.next);
        self.next += 1;
        Ok(())
    }

    /// Gives one turn to each pair that is ready, or has a deadline that has passed.
    fn work(&mut self, registry: &Registry) {
        let now = self.now();
        while let Some(&(due, number)) = self.timers.first()
            && due <= now
        {
            self.timers.pop_first();
            if let Some(pair) = self.pairs.get_mut(&number) {
                pair.armed = None;
                pair.readable(false); // what has arrived counts before the deadline
                pair.readable(true);
                self.ready.insert(number);
            }
        }
        for number in std::mem::take(&mut self.ready) {
            let Some(pair) = self.pairs.get_mut(&number) else { continue };
            if pair.go_on(&mut self.rx, &self.settings, registry, now) {
                self.ready.insert(number);
            }
            // A timer that fires early does no harm, so it changes only when the deadline is earlier than the timer.
            let due = pair.due().filter(|due| pair.armed.is_none_or(|armed| *due < armed));
            let (over, armed) = (pair.is_over(), pair.armed);
            if (over || due.is_some())
                && let Some(armed) = armed
            {
                self.timers.remove(&(armed, number));
            }
            if over {
                self.pairs.remove(&number);
            } else if let Some(due) = due {
                pair.armed = Some(due);
                self.timers.insert((due, number));
            }
        }
    }

    fn go_away(&mut self) {
        let now = self.now();
        self.pairs.retain(|_, pair| pair.go_away(now));
        self.ready.extend(self.pairs.keys());
    }
}
