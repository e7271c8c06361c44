//! A server receives masked messages, each in one frame.

use super::{Bench, expect, kind, received};
use crate::limits;
use crate::options::Options;
use crate::report::{Kind, Report};
use crate::stream::{Content, Size};
use crate::workload::Incoming;
use peers::{PEERS, READ, Reads, Receive, Session, Socket, Tally};
use std::panic::{self, AssertUnwindSafe};

/// The payload of an Ethernet packet.
pub const PACKET: usize = 1460;

pub fn reads(read_size: usize) -> String {
    if read_size == PACKET { "reads of 1,460 B".to_owned() } else { format!("reads of {} KiB", read_size >> 10) }
}

pub fn table(content: Content, read_size: usize) -> String {
    format!("receive {}, {}", content.name(), reads(read_size))
}

pub fn run(options: &Options, report: &mut Report) {
    for content in Content::ALL {
        for read_size in [READ, PACKET] {
            for size in Size::ALL {
                let is_quick = size != Size::Bytes(1 << 20) && (content == Content::Ascii || read_size == READ);
                if options.quick && !is_quick {
                    continue;
                }
                let Some(mut bench) = Bench::new(options, &table(content, read_size), &size.name()) else { continue };
                let incoming = Incoming::messages(content, size);
                add_all(&mut bench, content, &incoming, read_size);
                bench.run(report, size, incoming.total.bytes as usize, incoming.total.messages);
            }
        }
    }
}

/// All peers and all limits.
pub(super) fn add_all(bench: &mut Bench<'_>, content: Content, incoming: &Incoming, read_size: usize) {
    let socket = || incoming.socket(read_size);
    for peer in PEERS.iter().filter(|peer| !peer.is_sized || peer.is_collecting || read_size > PACKET) {
        if incoming.is_fragmented && !peer.takes_fragments {
            continue;
        }
        let Some(receive) = peer.receive else { continue };
        let limits = own_limits(content, peer.is_sized && !peer.is_collecting);
        let make = |tally: Tally| {
            let socket = socket();
            let output = socket.output();
            (receive(socket, tally), output)
        };
        let checks = !content.is_text() || peer.checks_text && refuses_bad_text(receive, incoming, read_size);
        assert!(checks || !peer.is_barews(), "{}: text that is not", peer.name);
        bench
            .add(peer.name, kind(peer, checks), limits, &make, &|done| received(done, incoming.total, &incoming.pongs));
    }
    for limit in LIMITS {
        let is_wanted = match limit.work {
            Work::Less(_) => true,
            Work::Unmask => !content.is_text(),
            Work::Text => content.is_text(),
        };
        if !is_wanted || limit.reads == Reads::Sized && read_size == PACKET || !(limit.is_there)() {
            continue;
        }
        let make = |tally: Tally| {
            let socket = socket();
            let output = socket.output();
            ((limit.make)(socket, limit.reads, tally), output)
        };
        bench.add(limit.name, Kind::Limit, &[], &make, &|done| match limit.work {
            Work::Less(0) => Ok(()),
            Work::Less(_) => expect("messages", done.tally.total().messages, incoming.total.messages),
            _ => received(done, incoming.total, &incoming.pongs),
        });
    }
}

/// Returns whether a peer refuses invalid text in every message of the stream, with reads of this size.
fn refuses_bad_text(receive: Receive, incoming: &Incoming, read_size: usize) -> bool {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let refuses = incoming.with_bad_text().all(|bytes| {
        let tally = Tally::default();
        let mut session = receive(Socket::new(bytes, read_size, incoming.longest), tally.clone());
        let ended = panic::catch_unwind(AssertUnwindSafe(&mut *session));
        ended.is_err() && tally.total().messages < incoming.total.messages
    });
    panic::set_hook(hook);
    refuses
}

struct Limit {
    name: &'static str,
    reads: Reads,
    work: Work,
    is_there: fn() -> bool,
    make: fn(Socket, Reads, Tally) -> Session,
}

/// The work of a limit.
enum Work {
    /// 0 is only a copy, 1 is headers too.
    Less(u8),
    Unmask,
    Text,
}

const COPY: &str = "limit: copy";
const PARSE: &str = "limit: parse";
const UNMASK: &str = "limit: unmask";
const SIZED_UNMASK: &str = "limit: sized, unmask";
const UNMASK_AVX2: &str = "limit: unmask AVX2";
pub const STD: &str = "limit: unmask, std UTF-8";
const SIZED_STD: &str = "limit: sized, unmask, std UTF-8";
pub const SIMD: &str = "limit: unmask, simdutf8";
const SIZED_SIMD: &str = "limit: sized, unmask, simdutf8";
const SIMD_AVX2: &str = "limit: unmask AVX2, simdutf8";

/// The limits that do all necessary work with the vectors of this build. simdutf8 is one of them only in a build with AVX2,
/// because it detects the processor's vectors.
fn own_limits(content: Content, is_sized: bool) -> &'static [&'static str] {
    match (content.is_text(), is_sized, cfg!(target_feature = "avx2")) {
        (false, false, _) => &[UNMASK],
        (false, true, _) => &[SIZED_UNMASK],
        (true, false, false) => &[STD],
        (true, true, false) => &[SIZED_STD],
        (true, false, true) => &[STD, SIMD],
        (true, true, true) => &[SIZED_STD, SIZED_SIMD],
    }
}

const LIMITS: &[Limit] = &[
    limit(COPY, Work::Less(0), |socket, reads, _| limits::receive::copy(socket, reads)),
    limit(PARSE, Work::Less(1), limits::receive::parse),
    limit(UNMASK, Work::Unmask, limits::receive::unmask),
    sized(SIZED_UNMASK, Work::Unmask, limits::receive::unmask),
    limit(STD, Work::Text, |socket, reads, tally| limits::receive::text(socket, reads, tally, is_utf8)),
    sized(SIZED_STD, Work::Text, |socket, reads, tally| limits::receive::text(socket, reads, tally, is_utf8)),
    limit(SIMD, Work::Text, |socket, reads, tally| limits::receive::text(socket, reads, tally, is_utf8_simd)),
    sized(SIZED_SIMD, Work::Text, |socket, reads, tally| limits::receive::text(socket, reads, tally, is_utf8_simd)),
    #[cfg(target_arch = "x86_64")]
    Limit { is_there: has_avx2, ..limit(UNMASK_AVX2, Work::Unmask, limits::receive::avx2::unmask) },
    #[cfg(target_arch = "x86_64")]
    Limit {
        is_there: has_avx2,
        ..limit(SIMD_AVX2, Work::Text, |socket, reads, tally| {
            limits::receive::avx2::text(socket, reads, tally, is_utf8_simd)
        })
    },
];

const fn limit(name: &'static str, work: Work, make: fn(Socket, Reads, Tally) -> Session) -> Limit {
    Limit { name, reads: Reads::Full, work, is_there: || true, make }
}

const fn sized(name: &'static str, work: Work, make: fn(Socket, Reads, Tally) -> Session) -> Limit {
    Limit { reads: Reads::Sized, ..limit(name, work, make) }
}

/// In a build with AVX2 there is nothing to compare.
#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    !cfg!(target_feature = "avx2") && is_x86_feature_detected!("avx2")
}

fn is_utf8(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok()
}

fn is_utf8_simd(text: &[u8]) -> bool {
    simdutf8::basic::from_utf8(text).is_ok()
}
