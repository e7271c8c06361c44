//! A server sends back the messages that it receives.

use super::{Bench, kind, sent};
use crate::limits;
use crate::options::Options;
use crate::report::{Kind, Report};
use crate::stream::{Content, Size};
use crate::workload::Incoming;
use peers::{HOST, PEERS, READ, Session, Socket};

pub const TABLE: &str = "server echoes";

pub fn run(options: &Options, report: &mut Report) {
    for size in Size::ALL {
        let Some(mut bench) = Bench::new(options, TABLE, &size.name()) else { continue };
        let incoming = Incoming::messages(Content::Binary, size);
        let echoes = PEERS.iter().filter_map(|peer| Some((peer.name, kind(peer, true), peer.read_buffers, peer.echo?)));
        let limit: fn(Socket) -> Session = limits::echo::echo;
        for (name, kind, buffers, echo) in echoes.chain([("limit: in a buffer", Kind::Limit, HOST, limit)]) {
            let make = |buffer, _| {
                let socket = incoming.socket(READ).with_buffer(buffer);
                let output = socket.output();
                (echo(socket), output)
            };
            bench.add((name, kind, true), buffers, &make, &|done| sent(done, incoming.total, false));
        }
        bench.run(report, size, incoming.total.bytes as usize, incoming.total.messages);
    }
}
