//! A server sends back the messages that it receives.

use super::{Bench, kind, sent};
use crate::limits;
use crate::options::Options;
use crate::report::{Kind, Report};
use crate::stream::{Content, Size};
use crate::workload::Incoming;
use peers::{PEERS, READ, Reads, Session, Socket};

pub const TABLE: &str = "server echoes";

const LIMITS: [&str; 2] = ["limit: reads of 64 KiB", "limit: sized reads"];

pub fn run(options: &Options, report: &mut Report) {
    for size in Size::ALL {
        let Some(mut bench) = Bench::new(options, TABLE, &size.name()) else { continue };
        let incoming = Incoming::messages(Content::Binary, size);
        let echoes = PEERS.iter().filter_map(|peer| Some((peer.name, kind(peer, true), peer.echo?)));
        let limits: [fn(Socket) -> Session; 2] =
            [|socket| limits::echo::echo(socket, Reads::Full), |socket| limits::echo::echo(socket, Reads::Sized)];
        let limits = LIMITS.into_iter().zip(limits).map(|(name, echo)| (name, Kind::Limit, echo));
        for (name, kind, echo) in echoes.chain(limits) {
            let make = |_| {
                let socket = incoming.socket(READ);
                let output = socket.output();
                (echo(socket), output)
            };
            let limits = if kind == Kind::Limit { &[] } else { &LIMITS[..] };
            bench.add(name, kind, limits, &make, &|done| sent(done, incoming.total, false));
        }
        bench.run(report, size, incoming.total.bytes as usize, incoming.total.messages);
    }
}
