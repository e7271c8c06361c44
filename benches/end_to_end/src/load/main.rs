//! Loads an echo server with messages over many connections, checks every echo and measures the round trips.
//!
//!     cargo run --release -- ws://127.0.0.1:9001/ [--connections N] [--size BYTES] [--pipeline N]
//!                            [--text | --korean | --deflate] [--broadcast | --handshakes] [--active N]
//!                            [--hold FILE] [--certificate FILE] [--seconds S | --messages N] [--warm-up S] [--pid PID]
//!
//! Each connection keeps `--pipeline` messages in flight: each echo triggers the next message. All echoes of one read are
//! answered with one write. The event loop, with mio, is in this file; `session.rs` has a single connection.
//!
//! * `--text`, `--korean`: text instead of binary messages, ASCII or Korean. `--deflate`: compressed text.
//! * `--broadcast`: connection 0 sends, and the server sends each message to all connections. Counts what they receive.
//! * `--handshakes`: connections that open and close, one after the other. Counts those that did both.
//! * `--active`: only this many connections send; the others are open.
//! * `--hold`: measures from when this file exists, so that several processes can wait for each other.
//! * `--certificate`: the file with the only certificate that is trusted for wss.
//!
//! The standard output has a line for people and a line of tab-separated values, whose names `--header` prints. The
//! progress is on the standard error. The exit status is 0 only if every message came back once, complete and in order.

mod body;
mod process;
mod session;
mod storm;
mod stream;

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::net::ToSocketAddrs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use barews::handshake::Uri;
use body::Content;
use hdrhistogram::Histogram;
use lexopt::prelude::*;
use mio::{Events, Interest, Poll, Token};
use process::Process;
use session::{Exchange, Session, Turn};
use storm::Storm;
use stream::PATIENCE;

const USAGE: &str = "usage: load URI [--connections N] [--size BYTES] [--pipeline N] [--text | --korean | --deflate]
            [--broadcast | --handshakes] [--active N] [--hold FILE] [--certificate FILE]
            [--seconds S | --messages N] [--warm-up S] [--pid PID], or: load --header";
/// The fields of the last line. Times are in microseconds. `server_*` are those of the process `--pid`, or empty.
const FIELDS: [&str; 16] = [
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
    "server_rss_kib_before",
];
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
    content: Content,
    broadcast: bool,
    handshakes: bool,
    active: usize,
    hold: Option<String>,
    certificate: Option<String>,
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
        content: Content::Binary,
        broadcast: false,
        handshakes: false,
        active: usize::MAX,
        hold: None,
        certificate: None,
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
            Long("text") => arguments.content = Content::Text,
            Long("korean") => arguments.content = Content::Korean,
            Long("deflate") => arguments.content = Content::Deflate,
            Long("broadcast") => arguments.broadcast = true,
            Long("handshakes") => arguments.handshakes = true,
            Long("active") => arguments.active = parser.value()?.parse()?,
            Long("hold") => arguments.hold = Some(parser.value()?.string()?),
            Long("certificate") => arguments.certificate = Some(parser.value()?.string()?),
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
    let empty = arguments.size == 0 && !arguments.handshakes;
    if arguments.uri.is_empty() || !fits || empty || arguments.pipeline == 0 {
        return Err(USAGE.into());
    }
    Ok(arguments)
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let uri = Uri::parse(&arguments.uri)?;
    let host = if uri.secure() { "127.0.0.1" } else { uri.host() }; // the certificate is for `localhost`
    let address = (host, uri.port()).to_socket_addrs()?.next().ok_or("the host has no address")?;
    let server = arguments.pid.map(Process::new);
    let this = Process::new(std::process::id());
    let measured = Measured { server: &server, this: &this, before: resident(&server)? };
    if arguments.handshakes {
        let mut storm = Storm::new(arguments.connections, uri, address)?;
        storm.turn_until(arguments.warm_up)?;
        storm.completed = 0;
        storm.latency.reset();
        let sample = measured.sample()?;
        storm.turn_until(arguments.seconds)?;
        let report = measured.report(arguments, sample, storm.completed, storm.latency.clone())?;
        storm.finish()?;
        report.print();
        return Ok(());
    }

    let certificate = arguments.certificate.as_ref();
    let tls = certificate.map(|file| end_to_end::tls::client(Path::new(file), b"http/1.1")).transpose()?;
    if uri.secure() != tls.is_some() {
        return Err("wss needs --certificate, and only wss does".into());
    }
    let Arguments { content, size, pipeline, broadcast, .. } = *arguments;
    let mut load = Load {
        poll: Poll::new()?,
        events: Events::with_capacity(1024),
        sessions: Vec::with_capacity(arguments.connections),
        again: Vec::new(),
        open: arguments.connections,
        exchange: Exchange::new(content, size, pipeline, broadcast)?,
        broadcast,
    };
    for index in 0..arguments.connections {
        let deflate = content == Content::Deflate;
        let mut session = Session::open(index, uri, address, tls.as_ref(), deflate)
            .map_err(|error| format!("connection {index} of {}: {error}", arguments.connections))?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        load.poll.registry().register(session.stream.tcp(), Token(index), interest)?;
        load.sessions.push(Some(session));
        if index % 256 == 255 {
            while load.turn(Duration::ZERO)? > 0 {} // answers Pings
        }
    }

    load.start(arguments.active)?;
    while arguments.hold.as_ref().is_some_and(|file| !Path::new(file).exists()) {
        load.turn_until(0.1, u64::MAX, "waiting")?;
    }
    load.turn_until(arguments.warm_up, u64::MAX, "warming up")?;

    load.exchange.reset();
    let sample = measured.sample()?;
    load.turn_until(arguments.seconds, arguments.messages.unwrap_or(u64::MAX), "measuring")?;
    let report = measured.report(arguments, sample, load.exchange.received, load.exchange.latency.clone())?;
    load.finish()?;
    report.print();
    Ok(())
}

/// The processes that are measured, and the resident memory of the server before the first connection.
struct Measured<'a> {
    server: &'a Option<Process>,
    this: &'a Process,
    before: Option<u64>,
}

/// The CPU time of the server and of the load, and when it was read.
struct Sample(Option<Duration>, Duration, Instant);

impl Measured<'_> {
    fn sample(&self) -> std::io::Result<Sample> {
        Ok(Sample(self.server.as_ref().map(Process::cpu).transpose()?, self.this.cpu()?, Instant::now()))
    }

    fn report<'a>(
        &self,
        arguments: &'a Arguments,
        Sample(server, this, start): Sample,
        messages: u64,
        latency: Histogram<u64>,
    ) -> Result<Report<'a>, Box<dyn Error>> {
        let Sample(server_after, this_after, end) = self.sample()?;
        let per_message = |cpu: Duration| cpu.as_secs_f64() * 1e6 / messages.max(1) as f64;
        let seconds = (end - start).as_secs_f64();
        Ok(Report {
            arguments,
            seconds,
            messages,
            latency,
            server: server_after
                .zip(server)
                .zip(resident(self.server)?)
                .map(|((after, before), rss)| (per_message(after - before), rss, self.before.unwrap_or(0))),
            load: per_message(this_after - this),
            busy: (this_after - this).as_secs_f64() * 100.0 / seconds,
        })
    }
}

fn resident(process: &Option<Process>) -> std::io::Result<Option<u64>> {
    process.as_ref().map(Process::resident).transpose()
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
    broadcast: bool,
}

impl Load {
    /// Sends the first messages of the first connections.
    fn start(&mut self, active: usize) -> Result<(), Box<dyn Error>> {
        self.exchange.sending = true;
        if self.broadcast {
            return self.broadcast();
        }
        for session in self.sessions.iter_mut().flatten().take(active) {
            session.start(&mut self.exchange)?;
        }
        Ok(())
    }

    /// Sends the next messages of a broadcast.
    fn broadcast(&mut self) -> Result<(), Box<dyn Error>> {
        let receivers = self.sessions.len();
        let Some(Some(session)) = self.sessions.first_mut() else { return Ok(()) };
        session.broadcast(receivers, &mut self.exchange)
    }

    /// Waits once, for at most `limit`, and gives one turn to each connection that is ready. Returns
    /// the number of events.
    fn turn(&mut self, limit: Duration) -> Result<usize, Box<dyn Error>> {
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
        if self.broadcast && self.exchange.sending && self.exchange.in_flight == 0 {
            self.broadcast()?;
        }
        Ok(self.events.iter().count())
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
    /// The server's CPU time per message in microseconds, and its resident memory in KiB, now and before it had
    /// connections.
    server: Option<(f64, u64, u64)>,
    load: f64,
    busy: f64,
}

impl Report<'_> {
    fn print(&self) {
        println!("{}\n{}", self.for_people(), self.for_machines());
    }

    /// What was counted.
    fn kind(&self) -> &'static str {
        match self.arguments {
            Arguments { handshakes: true, .. } => "handshakes",
            Arguments { broadcast: true, .. } => "broadcast",
            Arguments { content, .. } => content.name(),
        }
    }

    fn percentiles(&self) -> [f64; 4] {
        [0.5, 0.99, 0.999, 1.0].map(|quantile| self.latency.value_at_quantile(quantile) as f64 / 1e3)
    }

    fn for_people(&self) -> String {
        let Arguments { connections, size, pipeline, .. } = self.arguments;
        let [p50, p99, p999, max] = self.percentiles();
        let server = match self.server {
            Some((cpu, rss, _)) => format!("; the server took {cpu:.2} us of CPU per message and holds {rss} KiB"),
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
        let (cpu, rss, before) = self.server.map_or_else(Default::default, |(cpu, rss, before)| {
            (format!("{cpu:.3}"), rss.to_string(), before.to_string())
        });
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
            before,
        ];
        fields.join("\t")
    }
}
