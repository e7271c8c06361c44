//! The implementations, one file each. To add one, write its file and name it here twice.
//!
//! A file drives its crate as its documentation tells an application to: it reads until there is an error or nothing
//! more to read, also behind a Close frame, and tells the [`Outcome`] what it got. Checks that can be switched on are
//! on.

mod barews;
mod embedded_websocket;
mod fastwebsockets;
mod nexus_web;
mod sockudo_ws;
mod soketto;
mod tokio_websockets;
mod tungstenite;
mod websocketz;
mod ws_framer;
mod yawc;

use crate::stream::Role;
use crate::transport::Transport;
use crate::verdict::Outcome;

/// Room for a message where the host lends it.
const ROOM: usize = 1 << 18;

pub struct Peer {
    /// The crate's name; its version is in the lock file.
    pub name: &'static str,
    /// How it is driven, and what of it is switched on or absent.
    pub notes: &'static str,
    pub run: fn(Role, Transport, &mut Outcome),
}

pub const PEERS: [Peer; 11] = [
    barews::PEER,
    embedded_websocket::PEER,
    fastwebsockets::PEER,
    nexus_web::PEER,
    sockudo_ws::PEER,
    soketto::PEER,
    tokio_websockets::PEER,
    tungstenite::PEER,
    websocketz::PEER,
    ws_framer::PEER,
    yawc::PEER,
];

impl Peer {
    /// The version in the lock file.
    pub fn version(&self) -> &'static str {
        let lock = include_str!("../../../../Cargo.lock");
        let entry = format!("name = \"{}\"\nversion = \"", self.name);
        let (_, rest) = lock.split_once(&entry).expect("the peer is in the lock file");
        rest.split('"').next().unwrap_or_default()
    }
}
