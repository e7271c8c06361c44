//! The workloads, and the contenders in each.

pub mod echo;
pub mod fragments;
pub mod handshake;
pub mod receive;
pub mod scaling;
pub mod send;

use crate::options::Options;
use crate::report::{Cell, Kind, Report, Row};
use crate::rounds::{self, Contender, Done, Quartiles};
use crate::stream::Size;
use crate::workload;
use peers::{Buffer, Output, PEERS, Peer, Session, Tally, Total};

pub const ALL: [fn(&Options, &mut Report); 6] =
    [scaling::run, receive::run, fragments::run, send::run, echo::run, handshake::run];

/// Approximate bytes of payload of a contender in a round.
fn work(size: Size) -> usize {
    if size.longest() <= 300 { 1 << 20 } else { 6 << 20 }
}

/// Rounds in which the size of a buffer is chosen.
const CHOICE: usize = 5;

/// A workload that is being prepared.
struct Bench<'o> {
    options: &'o Options,
    table: String,
    name: String,
    contenders: Vec<Contender>,
}

impl<'o> Bench<'o> {
    /// Returns the workload, unless the options exclude it.
    fn new(options: &'o Options, table: &str, name: &str) -> Option<Self> {
        let (table, name) = (table.to_owned(), name.to_owned());
        options.wants(&table, &name).then(|| Self { options, table, name, contenders: vec![] })
    }

    /// Adds a contender with each of these buffers, of which the fastest will count.
    fn add(
        &mut self,
        (name, kind, has_limit): (&str, Kind, bool),
        buffers: &[Buffer],
        make: &dyn Fn(Buffer, Tally) -> (Session, Output),
        verify: &dyn Fn(&Done<'_>) -> Result<(), String>,
    ) {
        if !self.options.wants_contender(name) {
            return;
        }
        for &buffer in buffers {
            let choice = (buffers.len() > 1).then_some(buffer);
            let make = |tally| make(buffer, tally);
            self.contenders.push(Contender::new((name, kind, choice, has_limit), &make, verify));
        }
    }

    /// Measures, and adds the result to the report. A pass is `pass` bytes and `units` units of work, messages usually.
    fn run(mut self, report: &mut Report, size: Size, pass: usize, units: u64) {
        eprintln!("{}: {}", self.table, self.name);
        let passes = if self.options.quick { 1 } else { work(size).div_ceil(pass) };
        if self.contenders.iter().any(|contender| contender.buffer.is_some()) {
            let rounds = CHOICE.min(self.options.rounds);
            let times = rounds::measure(&mut self.contenders, rounds, passes, units);
            let medians: Vec<_> = times.iter().map(|times| times.median).collect();
            let names: Vec<_> = self.contenders.iter().map(|contender| contender.name.clone()).collect();
            let is_faster = |i: usize, other: usize| (medians[other], other) < (medians[i], i);
            let is_best = |i: usize| !(0..names.len()).any(|other| names[other] == names[i] && is_faster(i, other));
            let mut best = (0..names.len()).map(is_best);
            self.contenders.retain(|_| best.next().unwrap_or(false));
        }
        let times = rounds::measure(&mut self.contenders, self.options.rounds, passes, units);
        let counts = |contender: &Contender| contender.has_limit && contender.kind != Kind::LesserPeer;
        let timed = || self.contenders.iter().zip(&times).filter(|(contender, _)| counts(contender));
        let has_loop = timed().any(|(contender, _)| contender.kind == Kind::Limit);
        let limit = timed().map(|(_, times)| times.median).reduce(f64::min).filter(|_| has_loop);
        let cells = self.contenders.iter().zip(&times).map(|(contender, times)| {
            let Quartiles { low, median, high } = *times;
            let (name, kind) = (contender.name.clone(), contender.kind);
            let is_streaming = PEERS.iter().any(|peer| peer.name == name && peer.is_streaming);
            let buffer = contender.buffer.map(|buffer| buffer.map_or("own".into(), |size| Size::Bytes(size).name()));
            Cell { name, kind, is_streaming, buffer, low, median, high, limit: limit.filter(|_| contender.has_limit) }
        });
        report.rows.push(Row { table: self.table, name: self.name, cells: cells.collect() });
    }
}

/// `checks` is whether the peer makes all checks of the workload, apart from those of frames.
fn kind(peer: &Peer, checks: bool) -> Kind {
    match peer {
        Peer { is_other_way: true, .. } => Kind::OtherWay,
        _ if peer.is_barews() => Kind::Barews,
        Peer { checks_frames: true, .. } if checks => Kind::Peer,
        _ => Kind::LesserPeer,
    }
}

/// Checks that everything was received, and each Ping answered.
fn received(done: &Done<'_>, total: Total, pongs: &[Vec<u8>]) -> Result<(), String> {
    expect("received", done.tally.total(), total)?;
    let (_, answers) = workload::written(&done.written, false)?;
    expect("Pongs", answers, pongs.to_vec())
}

/// Checks that everything was sent.
fn sent(done: &Done<'_>, total: Total, is_masked: bool) -> Result<(), String> {
    expect("sent", workload::written(&done.written, is_masked)?.0, total)
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, got: T, expected: T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{what}: {got:?}, expected {expected:?}")) }
}
