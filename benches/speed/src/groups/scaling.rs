//! The cost is linear: nanoseconds per unit, from a thousand messages or fragments to a million, and from one connection to
//! 100,000. Connections that do not fit the cache cost more; a loop with one connection, which touches one cache line of as
//! many, shows how much at least.

use super::{Bench, expect};
use crate::options::Options;
use crate::report::{Kind, Report};
use crate::stream::{self, Content, Size};
use barews::connection::{Config, Event};
use barews::{Connection, Server};
use peers::{FIXED, Lent, Output, READ, Random, Session, Tally};

pub const TABLE: &str = "scaling, ns for a unit";
pub const CONNECTIONS: &str = "connections";
/// The same work with one connection, and one cache line for each of as many.
const LINES: &str = ", one cache line";

const PAYLOAD: usize = 125;

/// Makes a pass: something of `count` units, repeated `times` times.
type Make = fn(count: usize, times: usize, Tally) -> Session;

/// The end of its name, and what it is.
type Part = (&'static str, Kind, Make);

pub fn run(options: &Options, report: &mut Report) {
    let messages: Make = |count, times, tally| repeated([0x82; 3], count, times, tally);
    let fragments: Make = |count, times, tally| repeated([0x02, 0x00, 0x80], count, times, tally);
    let series: [(&str, [u32; 2], &[Part]); 3] = [
        (CONNECTIONS, [0, 5], &[("", Kind::Barews, connections), (LINES, Kind::Limit, lines)]),
        ("messages", [3, 6], &[("", Kind::Barews, messages)]),
        ("fragments", [3, 6], &[("", Kind::Barews, fragments)]),
    ];
    for (name, [least, most], makes) in series {
        let Some(mut bench) = Bench::new(options, TABLE, name) else { continue };
        let most = if options.quick { most - 1 } else { most };
        let units = 10_usize.pow(most);
        for (power, (what, kind, make)) in (least..=most).flat_map(|power| makes.iter().map(move |make| (power, make)))
        {
            let count = 10_usize.pow(power);
            let make = |_, tally| (make(count, units / count, tally), Output::default());
            bench.add((&format!("10^{power}{what}"), *kind, false), FIXED, &make, &|done| {
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

/// The same work with a single connection, and a cache line that is touched for each message.
fn lines(count: usize, times: usize, tally: Tally) -> Session {
    let mut lines = vec![[0_u64; size_of::<Connection<Server>>() / 8]; count];
    let mut connection = Connection::new(Server, &Default::default());
    let (frame, mut buffer, order) = (frames(0x82, 1), Page::new(), order(count));
    Box::new(move || {
        let buffer = &mut buffer.0;
        for &i in std::iter::repeat_n(&order, times).flatten() {
            buffer[..frame.len()].copy_from_slice(&frame);
            lines[i][0] += u64::from(buffer[0]);
            receive(&mut connection, &mut buffer[..frame.len()], &tally);
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
