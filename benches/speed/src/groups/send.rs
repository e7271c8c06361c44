//! Sending binary messages, which a client masks.

use super::{Bench, kind, sent};
use crate::limits;
use crate::options::Options;
use crate::report::{Kind, Report};
use crate::stream::Size;
use crate::workload;
use peers::{FIXED, Outgoing, PEERS, Peer, Role, Session, Socket};

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
            let sends =
                PEERS.iter().filter_map(|peer| Some((peer.name, kind_as(role, peer), peer.write_buffers, peer.send?)));
            let limits = LIMITS.map(|(name, send)| (name, Kind::Limit, FIXED, send));
            for (name, kind, buffers, send) in sends.chain(limits) {
                let make = |buffer, _| {
                    let socket = socket().with_buffer(buffer);
                    let output = socket.output();
                    (send(role, socket, outgoing.clone()), output)
                };
                bench.add((name, kind, true), buffers, &make, &|done| sent(done, total, role == Role::Client));
            }
            bench.run(report, size, total.bytes as usize, total.messages);
        }
    }
}

/// Servers in the documentation of barews write a header and then the payload from its place, clients whole messages.
fn kind_as(role: Role, peer: &Peer) -> Kind {
    let other = if role == Role::Server { "barews, message" } else { "barews, frame" };
    if peer.name == other { Kind::OtherWay } else { kind(peer, true) }
}
