//! Loads an echo server with messages over many connections, checks every echo and measures the round trips.
//!
//!     cargo run --release -- ws://127.0.0.1:9001/ [--connections N] [--size BYTES] [--pipeline N] [--text | --binary]
//!                            [--seconds S | --messages N] [--warm-up S] [--pid PID]
//!
//! Each connection keeps `--pipeline` messages in flight: each echo triggers the next message. All echoes of one read are
//! answered with one write. The event loop, with mio, is in this file; `session.rs` has a single connection.
//!
//! The standard output has a line for people and a line of tab-separated values, whose names `--header` prints. The
//! progress is on the standard error. The exit status is 0 only if every message came back once, complete and in order.

mod process;
mod session;

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::net::ToSocketAddrs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use barews::connection::MessageKind;
use barews::handshake::Uri;
use hdrhistogram::Histogram;
use lexopt::prelude::*;
use mio::{Events, Interest, Poll, Token};
use process::Process;
use session::{Exchange, Session, Turn};

const USAGE: &str = "usage: load URI [--connections N] [--size BYTES] [--pipeline N] [--text | --binary]
            [--seconds S | --messages N] [--warm-up S] [--pid PID], or: load --header";
/// The fields of the last line. Times are in microseconds. `server_*` are those of the process `--pid`, or empty.
const FIELDS: [&str; 15] = [
    "connections",
    "size",
    "pipeline",
    "kind",
    "seconds",
    "messages",
    "per_second",
    "p50",
    "p99",
    "p99.9",
    "max",
    "server_cpu_per_message",
    "server_rss_kib",
    "load_cpu_per_message",
    "load_busy_percent",
];
/// The longest wait for an echo once sending has stopped, and for all connections to close.
const PATIENCE: Duration = Duration::from_secs(10);
const PROGRESS: Duration = Duration::from_millis(250);

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    uri: String,
    connections: usize,
    size: usize,
    pipeline: usize,
    kind: MessageKind,
    /// How long to measure, unless `messages` come first.
    seconds: f64,
    messages: Option<u64>,
    warm_up: f64,
    pid: Option<u32>,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut arguments = Arguments {
        uri: String::new(),
        connections: 1,
        size: 16,
        pipeline: 1,
        kind: MessageKind::Binary,
        seconds: 5.0,
        messages: None,
        warm_up: 1.0,
        pid: None,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("connections") => arguments.connections = parser.value()?.parse()?,
            Long("size") => arguments.size = parser.value()?.parse()?,
            Long("pipeline") => arguments.pipeline = parser.value()?.parse()?,
            Long("text") => arguments.kind = MessageKind::Text,
            Long("binary") => arguments.kind = MessageKind::Binary,
            Long("seconds") => arguments.seconds = parser.value()?.parse()?,
            Long("messages") => {
                arguments.messages = Some(parser.value()?.parse()?);
                arguments.seconds = f64::from(u32::MAX);
            }
            Long("warm-up") => arguments.warm_up = parser.value()?.parse()?,
            Long("pid") => arguments.pid = Some(parser.value()?.parse()?),
            Long("header") => {
                println!("{}", FIELDS.join("\t"));
                std::process::exit(0);
            }
            Short('h') | Long("help") => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Value(uri) if arguments.uri.is_empty() => arguments.uri = uri.string()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    let fits = 1 <= arguments.connections && arguments.connections <= session::MAX_CONNECTIONS;
    if arguments.uri.is_empty() || !fits || arguments.size == 0 || arguments.pipeline == 0 {
        return Err(USAGE.into());
    }
    Ok(arguments)
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let uri = Uri::parse(&arguments.uri)?;
    let address = (uri.host(), uri.port()).to_socket_addrs()?.next().ok_or("the host has no address")?;
    let server = arguments.pid.map(Process::new);
    let this = Process::new(std::process::id());

    let mut load = Load {
        poll: Poll::new()?,
        events: Events::with_capacity(1024),
        sessions: Vec::with_capacity(arguments.connections),
        again: Vec::new(),
        open: arguments.connections,
        exchange: Exchange::new(arguments.kind, arguments.size, arguments.pipeline)?,
    };
    for index in 0..arguments.connections {
        let mut session = Session::open(index, uri, address)
            .map_err(|error| format!("connection {index} of {}: {error}", arguments.connections))?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        load.poll.registry().register(&mut session.stream, Token(index), interest)?;
        load.sessions.push(Some(session));
    }

    load.start()?;
    load.turn_until(arguments.warm_up, u64::MAX, "warming up")?;

    load.exchange.reset();
    let (server_before, this_before, start) = (cpu(&server)?, this.cpu()?, Instant::now());
    load.turn_until(arguments.seconds, arguments.messages.unwrap_or(u64::MAX), "measuring")?;
    let (server_after, this_after, seconds) = (cpu(&server)?, this.cpu()?, start.elapsed().as_secs_f64());
    let resident = server.as_ref().map(Process::resident).transpose()?;
    let (messages, latency) = (load.exchange.received, load.exchange.latency.clone());
    load.finish()?;

    let per_message = |cpu: Duration| cpu.as_secs_f64() * 1e6 / messages.max(1) as f64;
    let report = Report {
        arguments,
        seconds,
        messages,
        latency,
        server: server_after.zip(server_before).zip(resident).map(|((a, b), rss)| (per_message(a - b), rss)),
        load: per_message(this_after - this_before),
        busy: (this_after - this_before).as_secs_f64() * 100.0 / seconds,
    };
    println!("{}\n{}", report.for_people(), report.for_machines());
    Ok(())
}

fn cpu(process: &Option<Process>) -> std::io::Result<Option<Duration>> {
    process.as_ref().map(Process::cpu).transpose()
}

/// All connections. The index of a connection is its token.
struct Load {
    poll: Poll,
    events: Events,
    sessions: Vec<Option<Session>>,
    /// The connections with more bytes to read than one turn allows.
    again: Vec<usize>,
    open: usize,
    exchange: Exchange,
}

impl Load {
    /// Sends the first messages of all connections.
    fn start(&mut self) -> Result<(), Box<dyn Error>> {
        for session in self.sessions.iter_mut().flatten() {
            session.start(&mut self.exchange)?;
        }
        Ok(())
    }

    /// Waits once, for at most `limit`, and gives one turn to each connection that is ready.
    fn turn(&mut self, limit: Duration) -> Result<(), Box<dyn Error>> {
        let limit = if self.again.is_empty() { limit } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in &self.events {
            let Token(index) = event.token();
            if let Some(session) = &mut self.sessions[index] {
                session.readable |= event.is_readable();
                session.ended |= event.is_read_closed();
                if !session.queued {
                    session.queued = true;
                    self.again.push(index);
                }
            }
        }
        for index in std::mem::take(&mut self.again) {
            let Some(session) = &mut self.sessions[index] else { continue };
            session.queued = false;
            match session.go_on(&mut self.exchange) {
                Ok(Turn::Blocked) => {}
                Ok(Turn::Again) => {
                    session.queued = true;
                    self.again.push(index);
                }
                Ok(Turn::Over) => {
                    self.sessions[index] = None;
                    self.open -= 1;
                }
                Err(error) => return Err(format!("connection {index}: {error}").into()),
            }
        }
        Ok(())
    }

    /// Runs for this many seconds or messages, and shows the progress on a terminal.
    fn turn_until(&mut self, seconds: f64, messages: u64, what: &str) -> Result<(), Box<dyn Error>> {
        let (start, shows) = (Instant::now(), std::io::stderr().is_terminal());
        let end = start + Duration::from_secs_f64(seconds);
        let (mut shown, mut before) = (start, self.exchange.received);
        while Instant::now() < end && self.exchange.received < messages {
            self.turn(PROGRESS.min(end - Instant::now()))?;
            if shows && shown.elapsed() >= PROGRESS {
                let rate = (self.exchange.received - before) as f64 / shown.elapsed().as_secs_f64();
                let of = if messages == u64::MAX { format!(" of {seconds} s") } else { String::new() };
                eprint!("\r{what}: {:.1} s{of}, {rate:.0} messages/s   ", start.elapsed().as_secs_f64());
                std::io::stderr().flush()?;
                (shown, before) = (Instant::now(), self.exchange.received);
            }
        }
        if shows {
            eprint!("\r{:60}\r", "");
        }
        Ok(())
    }

    /// Waits for the last echoes, then closes all connections.
    fn finish(&mut self) -> Result<(), Box<dyn Error>> {
        self.exchange.sending = false;
        let (mut end, mut left) = (Instant::now() + PATIENCE, self.exchange.in_flight);
        while left > 0 {
            if Instant::now() > end {
                return Err(format!("{left} messages did not come back").into());
            }
            self.turn(PROGRESS)?;
            if self.exchange.in_flight < left {
                (end, left) = (Instant::now() + PATIENCE, self.exchange.in_flight);
            }
        }
        for session in self.sessions.iter_mut().flatten() {
            session.close()?;
        }
        end = Instant::now() + PATIENCE;
        while self.open > 0 {
            if Instant::now() > end {
                return Err(format!("{} connections do not close", self.open).into());
            }
            self.turn(PROGRESS)?;
        }
        Ok(())
    }
}

struct Report<'a> {
    arguments: &'a Arguments,
    seconds: f64,
    messages: u64,
    latency: Histogram<u64>,
    /// The server's CPU time per message in microseconds, and its resident memory in KiB.
    server: Option<(f64, u64)>,
    load: f64,
    busy: f64,
}

impl Report<'_> {
    fn kind(&self) -> &'static str {
        if self.arguments.kind == MessageKind::Text { "text" } else { "binary" }
    }

    fn percentiles(&self) -> [f64; 4] {
        [0.5, 0.99, 0.999, 1.0].map(|quantile| self.latency.value_at_quantile(quantile) as f64 / 1e3)
    }

    fn for_people(&self) -> String {
        let Arguments { connections, size, pipeline, .. } = self.arguments;
        let [p50, p99, p999, max] = self.percentiles();
        let server = match self.server {
            Some((cpu, rss)) => format!("; the server took {cpu:.2} us of CPU per message and holds {rss} KiB"),
            None => String::new(),
        };
        format!(
            "{connections} connections, {size} bytes {}, pipeline {pipeline}: {:.0} messages/s; \
             p50 {p50:.0}, p99 {p99:.0}, p99.9 {p999:.0}, max {max:.0} us{server}; \
             the load took {:.2} us and was {:.0} % busy",
            self.kind(),
            self.messages as f64 / self.seconds,
            self.load,
            self.busy,
        )
    }

    fn for_machines(&self) -> String {
        let [p50, p99, p999, max] = self.percentiles().map(|it| format!("{it:.1}"));
        let (cpu, rss) = self.server.map_or_else(Default::default, |(cpu, rss)| (format!("{cpu:.3}"), rss.to_string()));
        let fields: [String; FIELDS.len()] = [
            self.arguments.connections.to_string(),
            self.arguments.size.to_string(),
            self.arguments.pipeline.to_string(),
            self.kind().into(),
            format!("{:.3}", self.seconds),
            self.messages.to_string(),
            format!("{:.0}", self.messages as f64 / self.seconds),
            p50,
            p99,
            p999,
            max,
            cpu,
            rss,
            format!("{:.3}", self.load),
            format!("{:.1}", self.busy),
        ];
        fields.join("\t")
    }
}
