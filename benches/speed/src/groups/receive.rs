//! A server receives masked messages, each in one frame.

use super::{Bench, kind, received};
use crate::limits;
use crate::options::Options;
use crate::report::{Kind, Report};
use crate::stream::{Content, Size};
use crate::workload::Incoming;
use peers::{Buffer, HOST, PEERS, READ, Receive, Socket, Tally};
use std::panic::{self, AssertUnwindSafe};

/// The payload of an Ethernet packet.
pub const PACKET: usize = 1460;

pub fn reads(read_size: usize) -> String {
    if read_size == PACKET { "reads of 1,460 B".to_owned() } else { format!("reads of {} KiB", read_size >> 10) }
}

pub fn table(content: Content, read_size: usize) -> String {
    format!("receive {}, {}", content.name(), reads(read_size))
}

/// The table of text that is passed on as `str`.
pub fn str_table(content: Content) -> String {
    format!("receive {} as str, {}", content.name(), reads(READ))
}

pub fn run(options: &Options, report: &mut Report) {
    let tables = Content::ALL
        .map(|content| [READ, PACKET].map(|read_size| (table(content, read_size), content, read_size, false)));
    let texts = [Content::Ascii, Content::Korean].map(|content| (str_table(content), content, READ, true));
    for (table, content, read_size, as_str) in tables.into_iter().flatten().chain(texts) {
        for size in Size::ALL {
            let is_quick = size != Size::Bytes(1 << 20) && (content == Content::Ascii || read_size == READ);
            if options.quick && !is_quick {
                continue;
            }
            let Some(mut bench) = Bench::new(options, &table, &size.name()) else { continue };
            let incoming = Incoming::messages(content, size);
            add_all(&mut bench, content, &incoming, read_size, as_str);
            bench.run(report, size, incoming.total.bytes as usize, incoming.total.messages);
        }
    }
}

/// All peers and all limits.
pub(super) fn add_all(bench: &mut Bench<'_>, content: Content, incoming: &Incoming, read_size: usize, as_str: bool) {
    let mut add = |(name, kind, has_limit), buffers: &[Buffer], receive: Receive| {
        let make = |buffer, tally| {
            let socket = incoming.socket(read_size).with_buffer(buffer);
            let output = socket.output();
            (receive(socket, tally), output)
        };
        bench.add((name, kind, has_limit), buffers, &make, &|done| received(done, incoming.total, &incoming.pongs));
    };
    for peer in PEERS.iter().filter(|peer| peer.takes_fragments || !incoming.is_fragmented) {
        let Some(receive) = (if as_str { peer.receive_str } else { peer.receive }) else { continue };
        if peer.is_sized && read_size == PACKET {
            continue;
        }
        let refuses = || refuses_bad_text(receive, incoming, read_size);
        let checks = !content.is_text() || (peer.checks_text || as_str) && refuses();
        assert!(checks || !peer.is_barews(), "{}: text that is not", peer.name);
        add((peer.name, kind(peer, checks), !peer.is_sized), peer.read_buffers, receive);
        if let (true, Some(receive)) = (as_str && peer.is_barews(), peer.receive) {
            add((AS_BYTES, Kind::OtherWay, true), peer.read_buffers, receive);
        }
    }
    let limits: &[(&str, Receive)] = match content.is_text() {
        false => &[("limit: unmask", limits::receive::unmask)],
        #[cfg(target_arch = "x86_64")]
        true if limits::has_avx2() => {
            &[("limit: unmask, simdutf8", limits::receive::blocks), ("limit: fused UTF-8", limits::receive::fused)]
        }
        true => &[("limit: unmask, simdutf8", limits::receive::blocks)],
    };
    for &(name, receive) in limits {
        add((name, Kind::Limit, true), HOST, receive);
    }
}

/// The same messages as bytes, for comparison.
pub const AS_BYTES: &str = "barews, whole, as bytes";

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
