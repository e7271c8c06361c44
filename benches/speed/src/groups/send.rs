//! Sending binary messages, which a client masks.

use super::{Bench, kind, sent};
use crate::limits;
use crate::options::Options;
use crate::report::{Kind, Report};
use crate::stream::Size;
use crate::workload;
use peers::{Outgoing, PEERS, Role, Session, Socket};

pub const CLIENT_ENCODES: &str = "client encodes, masked";
pub const CLIENT_SENDS: &str = "client sends, masked";
pub const SERVER_SENDS: &str = "server sends";

type Send = fn(Role, Socket, Outgoing) -> Session;

const LIMITS: [(&str, Send); 2] =
    [("limit: in a buffer", limits::send::corked), ("limit: in parts", limits::send::in_parts)];

pub fn run(options: &Options, report: &mut Report) {
    let sink: fn() -> Socket = Socket::sink;
    let socket: fn() -> Socket = Socket::silent;
    let tables = [
        (CLIENT_ENCODES, Role::Client, sink),
        (CLIENT_SENDS, Role::Client, socket),
        (SERVER_SENDS, Role::Server, socket),
    ];
    for (table, role, socket) in tables {
        for size in Size::ALL {
            let Some(mut bench) = Bench::new(options, table, &size.name()) else { continue };
            let outgoing = workload::outgoing(size);
            let total = outgoing.total();
            let sends = PEERS.iter().filter_map(|peer| Some((peer.name, kind(peer, true), peer.send?)));
            // After encoding, whole frames are in a buffer.
            let limits = if table == CLIENT_ENCODES { &LIMITS[..1] } else { &LIMITS };
            let names: Vec<_> = limits.iter().map(|(name, _)| *name).collect();
            let limits = limits.iter().map(|(name, send)| (*name, Kind::Limit, *send));
            for (name, kind, send) in sends.chain(limits) {
                let limits = if kind == Kind::Limit { &[] } else { &names[..] };
                let make = |_| {
                    let socket = socket();
                    let output = socket.output();
                    (send(role, socket, outgoing.clone()), output)
                };
                bench.add(name, kind, limits, &make, &|done| sent(done, total, role == Role::Client));
            }
            bench.run(report, size, total.bytes as usize, total.messages);
        }
    }
}
