//! A server receives 64 KiB messages in fragments of 1 KiB, with a Ping between each two, and answers the Pings.

use super::Bench;
use super::receive::{PACKET, add_all, reads};
use crate::options::Options;
use crate::report::Report;
use crate::stream::{Content, Size};
use crate::workload::Incoming;
use peers::READ;

const SIZE: Size = Size::Bytes(64 << 10);

pub const CONTENTS: [Content; 2] = [Content::Binary, Content::Ascii];
pub const READS: [usize; 3] = [READ, 16 << 10, PACKET];

pub fn table(content: Content) -> String {
    format!("64 KiB in 1 KiB and Pings, {}, reads of", content.name())
}

pub fn name(read_size: usize) -> String {
    reads(read_size).replace("reads of ", "")
}

pub fn run(options: &Options, report: &mut Report) {
    for content in CONTENTS {
        for read_size in READS {
            let Some(mut bench) = Bench::new(options, &table(content), &name(read_size)) else { continue };
            let incoming = Incoming::fragments(content, SIZE.longest(), 1 << 10);
            add_all(&mut bench, content, &incoming, read_size, false);
            bench.run(report, SIZE, incoming.total.bytes as usize, incoming.total.messages);
        }
    }
}
