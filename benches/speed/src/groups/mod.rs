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
use peers::{Output, PEERS, Peer, Session, Tally, Total};

pub const ALL: [fn(&Options, &mut Report); 6] =
    [scaling::run, receive::run, fragments::run, send::run, echo::run, handshake::run];

/// Approximate bytes of payload of a contender in a round.
fn work(size: Size) -> usize {
    if size.longest() <= 300 { 1 << 20 } else { 6 << 20 }
}

/// A workload that is being prepared.
struct Bench<'o> {
    options: &'o Options,
    table: String,
    name: String,
    entries: Vec<Entry>,
    contenders: Vec<Contender>,
}

/// The properties of a contender, without its times.
struct Entry {
    kind: Kind,
    /// The contender that is its limit. If there are several, the fastest counts.
    limits: Vec<&'static str>,
}

impl<'o> Bench<'o> {
    /// Returns the workload, unless the options exclude it.
    fn new(options: &'o Options, table: &str, name: &str) -> Option<Self> {
        let (table, name) = (table.to_owned(), name.to_owned());
        options.wants(&table, &name).then(|| Self { options, table, name, entries: vec![], contenders: vec![] })
    }

    fn add(
        &mut self,
        name: &str,
        kind: Kind,
        limits: &[&'static str],
        make: &dyn Fn(Tally) -> (Session, Output),
        verify: &dyn Fn(&Done<'_>) -> Result<(), String>,
    ) {
        if !self.options.wants_contender(name) {
            return;
        }
        self.entries.push(Entry { kind, limits: limits.to_vec() });
        self.contenders.push(Contender::new(name, make, verify));
    }

    /// Measures, and adds the result to the report. A pass is `pass` bytes and `units` units of work, messages usually.
    fn run(mut self, report: &mut Report, size: Size, pass: usize, units: u64) {
        eprintln!("{}: {}", self.table, self.name);
        let work = if self.options.quick { 1 } else { work(size) };
        let times = rounds::measure(&mut self.contenders, self.options.rounds, work.div_ceil(pass), units);
        let names: Vec<_> = self.contenders.iter().map(|contender| contender.name.clone()).collect();
        let median_of = |limit: &str| names.iter().position(|name| name == limit).map(|at| times[at].median);
        let cells = self.entries.iter().zip(&names).zip(&times).map(|((entry, name), times)| {
            let Quartiles { low, median, high } = *times;
            let limit = entry.limits.iter().filter_map(|limit| median_of(limit)).reduce(f64::min);
            let is_streaming = PEERS.iter().any(|peer| peer.name == name && peer.is_streaming);
            Cell { name: name.clone(), kind: entry.kind, is_streaming, low, median, high, limit }
        });
        report.rows.push(Row { table: self.table, name: self.name, cells: cells.collect() });
    }
}

/// `checks` is whether the peer makes all checks of the workload, apart from those of frames.
fn kind(peer: &Peer, checks: bool) -> Kind {
    match peer {
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
