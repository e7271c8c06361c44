//! Ten times as much of anything costs ten times as much: nanoseconds for a unit, from a thousand messages or fragments to a
//! million, and from one connection to 100,000. And what a connection takes in memory.

use super::{Bench, expect};
use crate::options::Options;
use crate::peers::READ;
use crate::report::{Kind, Report};
use crate::session::Session;
use crate::socket::Output;
use crate::tally::Tally;
use crate::wire::{self, Content, Random, Size};
use barews::connection::{Config, Event};
use barews::{Connection, Server};

pub const TABLE: &str = "scaling";
pub const MESSAGES: &str = "barews, messages of 125 B";
pub const FRAGMENTS: &str = "barews, fragments of 125 B";
pub const CONNECTIONS: &str = "barews, connections";

const ONE_LINE: &str = "limit: one cache line each";
pub const ALL_LINES: &str = "limit: all cache lines each";

/// With what a connection takes of memory, in bytes.
pub const MEMORY: &str = "memory of a connection";

const PAYLOAD: usize = 125;

pub fn run(options: &Options, report: &mut Report) {
    // First, as long as the process has no memory to reuse.
    if options.wants(TABLE, MEMORY)
        && let Some(bytes) = memory()
    {
        report.note(MEMORY, &format!("{bytes:.1}"));
    }
    let most = if options.quick { 4 } else { 6 };
    for power in 0..=most {
        let Some(mut bench) = Bench::new(options, TABLE, &format!("10^{power}")) else { continue };
        let count = 10_usize.pow(power);
        if power >= 3 {
            let repeated = move |tally| (repeated(0x82, 0x82, 0x82, count, tally), Output::default());
            bench.add(MESSAGES, Kind::Barews, &[], &repeated, &|done| {
                expect("messages", done.tally.total().messages, count as u64)
            });
            let repeated = move |tally| (self::repeated(0x02, 0x00, 0x80, count, tally), Output::default());
            bench.add(FRAGMENTS, Kind::Barews, &[], &repeated, &|done| {
                expect("bytes", (done.tally.total().messages, done.tally.total().bytes), (1, (count * PAYLOAD) as u64))
            });
        }
        if power <= 5 {
            let connections = move |tally| (connections(count, tally), Output::default());
            bench.add(CONNECTIONS, Kind::Barews, &[], &connections, &|done| {
                expect("messages", done.tally.total().messages, count as u64)
            });
        }
        if power <= 5 {
            for (name, words) in [(ONE_LINE, 1), (ALL_LINES, WORDS)] {
                let looks = move |tally| (looks(count, words, tally), Output::default());
                bench.add(name, Kind::Limit, &[], &looks, &|done| {
                    expect("messages", done.tally.total().messages, count as u64)
                });
            }
        }
        bench.run(report, Size::Bytes(PAYLOAD), count * PAYLOAD, count as u64);
    }
}

/// Frames that begin with `first` and are as long as all others here.
fn frames(first: u8, count: usize) -> Vec<u8> {
    let (mut bytes, mut random) = (Vec::new(), Random::default());
    for _ in 0..count {
        wire::put_frame(&mut bytes, first, Some(random.key()), &wire::payload(Content::Binary, PAYLOAD, &mut random));
    }
    bytes
}

/// A connection that receives `count` frames: one that begins with `first`, one that begins with `last`, and between them
/// those that begin with `middle`, again and again the same.
fn repeated(first: u8, middle: u8, last: u8, count: usize, tally: Tally) -> Session {
    let (first, middles, last) = (frames(first, 1), frames(middle, READ / (PAYLOAD + 6)), frames(last, 1));
    let mut buffer = vec![0; READ];
    Box::new(move || {
        let config = Config { max_message_size: u64::MAX, ..Config::DEFAULT };
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
    })
}

/// So many connections, in no order. Each receives a message.
fn connections(count: usize, tally: Tally) -> Session {
    let mut connections: Vec<_> = (0..count).map(|_| Connection::new(Server, &Default::default())).collect();
    let (frame, mut buffer, order) = (frames(0x82, 1), vec![0; READ], order(count));
    Box::new(move || {
        for &i in &order {
            buffer[..frame.len()].copy_from_slice(&frame);
            receive(&mut connections[i], &mut buffer[..frame.len()], &tally);
        }
    })
}

fn order(count: usize) -> Vec<usize> {
    let (mut order, mut random) = (Vec::from_iter(0..count), Random::default());
    (1..count).for_each(|i| order.swap(i, random.next() as usize % (i + 1)));
    order
}

/// What a connection has in words.
const WORDS: usize = size_of::<Connection<Server>>() / 8;

/// The same without WebSocket: counts in some words of something of the size of a connection.
fn looks(count: usize, words: usize, tally: Tally) -> Session {
    let mut connections = vec![[0_u64; WORDS]; count];
    let (frame, mut buffer, order) = (frames(0x82, 1), vec![0; READ], order(count));
    Box::new(move || {
        for &i in &order {
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

/// What each of 100,000 connections in the middle of a message adds to the process, in bytes.
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

/// The resident set, in bytes. None where the system has no such file.
fn resident() -> Option<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as f64)
}
