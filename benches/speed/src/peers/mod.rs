//! The implementations, one file each. To add one, write its file and name it here twice.
//!
//! A file drives its crate as its documentation tells an application to, with everything switched on that makes it
//! faster. What a crate leaves to the application and the workload does not need is not done, and the peer's `notes`
//! say so.

mod barews;
mod embedded_websocket;
mod fastwebsockets;
mod nexus_web;
mod sockudo_ws;
mod tokio_websockets;
mod tungstenite;
mod websocket_sans_io;
mod websocketz;
mod ws_framer;
mod yawc;

use crate::lent::Lent;
use crate::session::Session;
use crate::socket::Socket;
use crate::stream::Random;
use crate::tally::Tally;
use crate::workload::Outgoing;
use std::convert::Infallible;

/// The buffer for reading where the host lends it, and the most that a read brings.
pub const READ: usize = 64 << 10;
/// The buffer for writing where the host lends it: written when it is full or there is nothing more to send.
pub const CORK: usize = 16 << 10;

/// Room for the head of a request or of its answer, where the host lends it.
pub const HEAD: usize = 1024;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Server,
    Client,
}

/// How much a host asks its socket for, if that is up to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reads {
    /// All that is there.
    Full,
    /// What stays in the first-level cache, and no more than the frame under way still has to bring.
    Sized,
}

impl Reads {
    /// The size of the next read, when the frame under way has so many bytes to bring.
    #[inline(always)]
    pub fn room(self, payload_left: u64) -> usize {
        const SIZED: usize = 16 << 10;
        match self {
            Self::Full => READ,
            Self::Sized if payload_left > 0 => payload_left.min(SIZED as u64) as usize,
            Self::Sized => SIZED,
        }
    }
}

pub type Receive = fn(Socket, Tally) -> Session;

/// How a crate is driven, in all that it can do.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// In the tables.
    pub name: &'static str,
    /// In the lock file.
    pub package: &'static str,
    /// How it is driven, and what it leaves to the application and is not done for it.
    pub notes: &'static str,
    /// Whether text is validated. Its claim is tried out.
    pub checks_text: bool,
    /// Whether it is an error if the MASK bit is wrong, a continuation continues nothing, and the like.
    pub checks_frames: bool,
    /// Whether it can read messages in fragments, however they are cut.
    pub takes_fragments: bool,
    /// Whether it uses vectors that not every processor of the target has, if the processor at hand has them.
    pub is_wide: bool,
    /// Whether it hands on what it receives in pieces, not in whole messages.
    pub is_streaming: bool,
    /// Whether its reads end with frames.
    pub is_sized: bool,
    /// Whether it collects whole messages from such reads, which do not stay in the first-level cache then.
    pub is_collecting: bool,
    /// A server receives.
    pub receive: Option<Receive>,
    /// A server or a client sends.
    pub send: Option<fn(Role, Socket, Outgoing) -> Session>,
    /// A server sends back what it receives.
    pub echo: Option<fn(Socket) -> Session>,
    /// A server's opening handshake, up to a connection. Whether it came so far.
    pub accept: Option<fn(&mut Socket) -> bool>,
    /// A client's opening handshake, up to a connection. Whether it came so far.
    pub connect: Option<fn(&mut Socket) -> bool>,
}

impl Peer {
    const NEW: Self = Self {
        name: "",
        package: "",
        notes: "",
        checks_text: true,
        checks_frames: true,
        takes_fragments: true,
        is_wide: false,
        is_streaming: false,
        is_sized: false,
        is_collecting: false,
        receive: None,
        send: None,
        echo: None,
        accept: None,
        connect: None,
    };

    pub fn is_barews(&self) -> bool {
        self.package == "barews"
    }

    /// The version in the lock file.
    pub fn version(&self) -> &'static str {
        let lock = include_str!("../../../../Cargo.lock");
        let entry = format!("name = \"{}\"\nversion = \"", self.package);
        let (_, rest) = lock.split_once(&entry).expect("the peer is in the lock file");
        rest.split('"').next().unwrap_or_default()
    }
}

pub const PEERS: &[Peer] = &[
    barews::CHUNKS,
    barews::WHOLE,
    barews::SIZED_CHUNKS,
    barews::SIZED_WHOLE,
    barews::IN_PLACE,
    barews::SEND_MESSAGES,
    barews::SEND_FRAMES,
    barews::ECHO,
    barews::HANDSHAKE,
    embedded_websocket::PEER,
    fastwebsockets::PEER,
    nexus_web::PEER,
    sockudo_ws::PEER,
    sockudo_ws::PROTOCOL,
    tokio_websockets::PEER,
    tungstenite::PEER,
    websocket_sans_io::PEER,
    websocketz::PEER,
    ws_framer::PEER,
    yawc::PEER,
];

/// Who is who.
pub fn text() -> String {
    let mut out = String::from("contenders; * does less than what is asked for\n");
    for peer in PEERS {
        let facts = [
            (!peer.checks_text, "; does not validate text"),
            (!peer.checks_frames, "; does not check frames"),
            (peer.is_wide, "; wider vectors at run time"),
        ];
        let facts: String = facts.into_iter().filter_map(|(is_so, fact)| is_so.then_some(fact)).collect();
        out += &format!("  {} {}{facts}\n    {}\n", peer.name, peer.version(), peer.notes);
    }
    out
}

/// Frames that wait to be written together, where the buffer is the application's. What is long is written from where it is.
#[derive(Debug)]
pub struct Cork {
    buffer: Lent,
    at: usize,
}

impl Cork {
    /// What is written from where it lies.
    pub const LONG: usize = 4 << 10;

    /// With room for one more message of this length.
    pub fn new(longest: usize) -> Self {
        Self { buffer: Lent::new(CORK.max(longest + 14)), at: 0 }
    }

    /// Room for `len` bytes at least; `take` says how many of them were filled.
    #[inline]
    pub fn room(&mut self, len: usize, socket: &mut Socket) -> &mut [u8] {
        if self.buffer.len() - self.at < len {
            self.flush(socket);
        }
        &mut self.buffer[self.at..]
    }

    #[inline]
    pub fn take(&mut self, len: usize) {
        self.at += len;
    }

    #[inline]
    pub fn put(&mut self, bytes: &[u8], socket: &mut Socket) {
        if bytes.len() >= Self::LONG {
            self.flush(socket);
            return socket.write(bytes);
        }
        self.room(bytes.len(), socket)[..bytes.len()].copy_from_slice(bytes);
        self.take(bytes.len());
    }

    pub fn flush(&mut self, socket: &mut Socket) {
        socket.write(&self.buffer[..self.at]);
        self.at = 0;
    }
}

impl rand_core::TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.next() as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.chunks_mut(8).for_each(|part| part.copy_from_slice(&self.next().to_le_bytes()[..part.len()]));
        Ok(())
    }
}

impl rand_core_06::RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        self.next() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.next()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.chunks_mut(8).for_each(|part| part.copy_from_slice(&self.next().to_le_bytes()[..part.len()]));
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}
