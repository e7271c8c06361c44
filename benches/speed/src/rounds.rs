//! Measures all contenders in turn, round by round, so that other work of the machine affects all of them equally. The
//! result is the median of the rounds. Each contender is verified before it is timed.
//!
//! Times are processor times of the thread, so an interrupted round is as good as any other.

use crate::report::Kind;
use peers::{Buffer, Output, Random, Session, Tally};
use rustix::time::{ClockId, clock_gettime};

/// A participant in the rounds.
pub struct Contender {
    pub name: String,
    pub kind: Kind,
    /// The size of its buffer, one of several to choose from.
    pub buffer: Option<Buffer>,
    /// It has the reads of the workload.
    pub has_limit: bool,
    session: Session,
    tally: Tally,
    output: Output,
    /// What a pass receives and writes.
    pass: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Progress {
    messages: u64,
    received: u64,
    written: u64,
}

impl Progress {
    fn of(tally: &Tally, output: &Output) -> Self {
        let total = tally.total();
        Self { messages: total.messages, received: total.bytes, written: output.bytes() }
    }
}

/// What a contender did in one pass.
pub struct Done<'d> {
    pub tally: &'d Tally,
    pub written: Vec<u8>,
}

impl Contender {
    /// Makes two sessions: `verify` checks two passes of the first, and the second is timed.
    ///
    /// # Panics
    ///
    /// Panics with the name of the contender if `verify` returns an error.
    pub fn new(
        (name, kind, buffer, has_limit): (&str, Kind, Option<Buffer>, bool),
        make: &dyn Fn(Tally) -> (Session, Output),
        verify: &dyn Fn(&Done<'_>) -> Result<(), String>,
    ) -> Self {
        let tally = Tally::verifying();
        let (mut session, output) = make(tally.clone());
        let mut pass = Progress { messages: 0, received: 0, written: 0 };
        for number in 0..2_u64 {
            tally.restart();
            let written = output.bytes();
            output.keep_log();
            session();
            let done = Done { tally: &tally, written: output.take_log() };
            verify(&done).unwrap_or_else(|error| panic!("{name}, pass {number}: {error}"));
            pass = Progress::of(&tally, &output);
            pass.written -= written;
        }
        let tally = Tally::default();
        let (session, output) = make(tally.clone());
        Self { name: name.into(), kind, buffer, has_limit, session, tally, output, pass }
    }

    /// Returns the nanoseconds for `passes` passes.
    fn time(&mut self, passes: usize) -> f64 {
        let before = Progress::of(&self.tally, &self.output);
        let start = processor_time();
        (0..passes).for_each(|_| (self.session)());
        let time = processor_time() - start;
        let (after, passes) = (Progress::of(&self.tally, &self.output), passes as u64);
        let expected = Progress {
            messages: before.messages + passes * self.pass.messages,
            received: before.received + passes * self.pass.received,
            written: before.written + passes * self.pass.written,
        };
        assert_eq!(after, expected, "{}: the result differs from the verified one", self.name);
        time
    }
}

/// Returns the processor time of this thread in nanoseconds.
pub fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Nanoseconds for a unit of work: the quartiles of all rounds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quartiles {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

/// Times `rounds` rounds of `passes` passes of `units` units of work each.
pub fn measure(contenders: &mut [Contender], rounds: usize, passes: usize, units: u64) -> Vec<Quartiles> {
    let mut times = vec![Vec::with_capacity(rounds); contenders.len()];
    // In another order in each round: the time depends on what the contender before has left in the caches.
    let (mut order, mut random) = (Vec::from_iter(0..contenders.len()), Random::default());
    // The first round is additional and not counted: it fills caches and buffers.
    for round in 0..=rounds {
        (1..order.len()).for_each(|i| order.swap(i, random.below(i + 1)));
        for &i in &order {
            let time = contenders[i].time(passes);
            if round > 0 {
                times[i].push(time / (passes as u64 * units) as f64);
            }
        }
    }
    times.into_iter().map(quartiles).collect()
}

fn quartiles(mut times: Vec<f64>) -> Quartiles {
    times.sort_by(f64::total_cmp);
    let at = |quarter: usize| times[(times.len() - 1) * quarter / 4];
    Quartiles { low: at(1), median: at(2), high: at(3) }
}
