//! The cost is linear: nanoseconds per unit, from a thousand messages or fragments to a million, and from one connection to
//! 100,000. Connections that do not fit the cache cost more; two loops that only touch the same amount of memory show how
//! much. It also measures the memory of a connection.

use super::{Bench, expect};
use crate::options::Options;
use crate::report::{Kind, Report};
use crate::stream::{self, Content, Size};
use barews::connection::{Config, Event};
use barews::{Connection, Server};
use peers::{Lent, Output, READ, Random, Session, Tally};

pub const TABLE: &str = "scaling, ns for a unit";
pub const MESSAGES: &str = "messages";
pub const FRAGMENTS: &str = "fragments";
pub const CONNECTIONS: &str = "connections";
/// The names of the loops that touch one cache line, or all, of as many connections.
const ONE_LINE: &str = "one line";
pub const ALL_LINES: &str = "all lines";

/// The name of the note with the memory of a connection, in bytes.
pub const MEMORY: &str = "memory of a connection";

const PAYLOAD: usize = 125;

/// Makes a pass: something of `count` units, repeated `times` times.
type Make = fn(count: usize, times: usize, Tally) -> Session;

pub fn run(options: &Options, report: &mut Report) {
    // Measured first, while the process has no memory to reuse.
    if options.wants(TABLE, MEMORY)
        && let Some(bytes) = memory()
    {
        report.note(MEMORY, &format!("{bytes:.1}"));
    }
    let series: [(&str, Kind, [u32; 2], Make); 5] = [
        (CONNECTIONS, Kind::Barews, [0, 5], connections),
        (MESSAGES, Kind::Barews, [3, 6], |count, times, tally| repeated([0x82; 3], count, times, tally)),
        (FRAGMENTS, Kind::Barews, [3, 6], |count, times, tally| repeated([0x02, 0x00, 0x80], count, times, tally)),
        (ONE_LINE, Kind::Limit, [0, 5], |count, times, tally| looks(count, times, 1, tally)),
        (ALL_LINES, Kind::Limit, [0, 5], |count, times, tally| looks(count, times, WORDS, tally)),
    ];
    for (name, kind, [least, most], make) in series {
        let Some(mut bench) = Bench::new(options, TABLE, name) else { continue };
        let most = if options.quick { most - 1 } else { most };
        let units = 10_usize.pow(most);
        for power in least..=most {
            let count = 10_usize.pow(power);
            let make = |tally| (make(count, units / count, tally), Output::default());
            bench.add(&format!("10^{power}"), kind, &[], &make, &|done| {
                expect("bytes", done.tally.total().bytes, (units * PAYLOAD) as u64)
            });
        }
        bench.run(report, Size::Bytes(PAYLOAD), units * PAYLOAD, units as u64);
    }
}

/// Returns frames that begin with `first`. All frames here have the same length.
fn frames(first: u8, count: usize) -> Vec<u8> {
    let (mut bytes, mut random) = (Vec::new(), Random::default());
    for _ in 0..count {
        stream::put_frame(
            &mut bytes,
            first,
            Some(random.key()),
            &stream::payload(Content::Binary, PAYLOAD, &mut random),
        );
    }
    bytes
}

/// Runs `times` connections one after the other, each of which receives `count` frames. `firsts` are the first bytes of the
/// first frame, of those in between and of the last. The frames in between are a few, repeated.
fn repeated(firsts: [u8; 3], count: usize, times: usize, tally: Tally) -> Session {
    let [first, middle, last] = firsts;
    let (first, middles, last) = (frames(first, 1), frames(middle, READ / (PAYLOAD + 6)), frames(last, 1));
    let mut buffer = Lent::new(READ);
    let config = Config { max_message_size: u64::MAX, ..Config::DEFAULT };
    Box::new(move || {
        for _ in 0..times {
            let mut connection = Connection::new(Server, &config);
            let mut feed = |bytes: &[u8]| {
                buffer[..bytes.len()].copy_from_slice(bytes);
                receive(&mut connection, &mut buffer[..bytes.len()], &tally);
            };
            let mut left = (count - 2) * last.len();
            feed(&first);
            while left > 0 {
                let bytes = &middles[..left.min(middles.len())];
                feed(bytes);
                left -= bytes.len();
            }
            feed(&last);
        }
    })
}

/// A buffer for a frame. It is aligned, because access across the border of two pages is slow.
#[repr(align(4096))]
struct Page([u8; 4096]);

impl Page {
    fn new() -> Box<Self> {
        Box::new(Self([0; 4096]))
    }
}

/// Runs this many connections in random order. Each receives a message, and all of this is repeated `times` times.
fn connections(count: usize, times: usize, tally: Tally) -> Session {
    let mut connections: Vec<_> = (0..count).map(|_| Connection::new(Server, &Default::default())).collect();
    let (frame, mut buffer, order) = (frames(0x82, 1), Page::new(), order(count));
    Box::new(move || {
        let buffer = &mut buffer.0;
        for &i in std::iter::repeat_n(&order, times).flatten() {
            buffer[..frame.len()].copy_from_slice(&frame);
            receive(&mut connections[i], &mut buffer[..frame.len()], &tally);
        }
    })
}

fn order(count: usize) -> Vec<usize> {
    let (mut order, mut random) = (Vec::from_iter(0..count), Random::default());
    (1..count).for_each(|i| order.swap(i, random.draw() as usize % (i + 1)));
    order
}

/// The size of a connection in words.
const WORDS: usize = size_of::<Connection<Server>>() / 8;

/// The same without WebSocket: counts in some words of a value that has the size of a connection.
fn looks(count: usize, times: usize, words: usize, tally: Tally) -> Session {
    let mut connections = vec![[0_u64; WORDS]; count];
    let (frame, mut buffer, order) = (frames(0x82, 1), Page::new(), order(count));
    Box::new(move || {
        let buffer = &mut buffer.0;
        for &i in std::iter::repeat_n(&order, times).flatten() {
            buffer[..frame.len()].copy_from_slice(&frame);
            connections[i][..words].iter_mut().step_by(8).for_each(|word| *word += u64::from(buffer[0]));
            tally.message(&buffer[6..frame.len()]);
        }
    })
}

fn receive(connection: &mut Connection<Server>, mut bytes: &mut [u8], tally: &Tally) {
    while let got = connection.receive(bytes).expect("no error")
        && let Some(event) = got.event
    {
        bytes = got.rest;
        if let Event::Data(chunk) = event {
            tally.chunk(chunk.payload, chunk.last);
        }
    }
}

/// Returns the bytes that each of 100,000 connections in the middle of a message adds to the process.
fn memory() -> Option<f64> {
    const COUNT: usize = 100_000;
    let frame = frames(0x82, 1);
    let before = resident()?;
    let mut connections: Vec<_> = (0..COUNT).map(|_| Connection::new(Server, &Default::default())).collect();
    for connection in &mut connections {
        receive(connection, &mut frame[..100].to_vec(), &Tally::default());
    }
    let after = resident()?;
    std::hint::black_box(&connections);
    Some((after - before) / COUNT as f64)
}

/// Returns the resident set in bytes, or `None` if the system has no such file.
fn resident() -> Option<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as f64)
}
