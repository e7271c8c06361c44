//! Drives barews and other crates, one file each, over a [`Socket`] in memory. To add a crate, write its file, name it
//! here, and add its constants to [`PEERS`] and [`RECEIVERS`].
//!
//! A [`Peer`] is for `speed`: its file drives the crate as the crate's documentation advises, with every option that makes it
//! faster. If a crate leaves something to the application that the workload does not need, it is not done; `notes` lists it.
//!
//! A [`Receiver`] is for `strictness`: it reads until there is an error or nothing more to read, even after a Close frame,
//! and reports to the [`Outcome`]. All optional checks are enabled.
//!
//! Both use the same loop. The sink of events is a type parameter, so that a measurement calls nothing through a pointer.

mod barews;
mod embedded_websocket;
mod fastwebsockets;
mod lent;
mod nexus_web;
mod outcome;
mod outgoing;
mod random;
mod session;
mod socket;
mod sockudo_ws;
mod soketto;
mod tally;
mod tokio_websockets;
mod tungstenite;
mod websocket_sans_io;
mod websocketz;
mod ws_framer;
mod yawc;

pub use lent::Lent;
pub use outcome::{Message, Outcome};
pub use outgoing::{Cork, Outgoing};
pub use random::Random;
pub use session::Session;
pub use socket::{Output, Respond, Socket};
pub use tally::{Tally, Total};

/// The maximum of a read.
pub const READ: usize = 64 << 10;
/// The size of the host's write buffer, which is written when it is full or there is nothing more to send.
pub const CORK: usize = 16 << 10;
/// The size of the host's buffer for the head of a request or response.
pub const HEAD: usize = 1024;
/// The size of the host's buffer for a message of a [`Receiver`].
const ROOM: usize = 1 << 18;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    Server,
    Client,
}

/// What an application receives: whole messages, and a notice of a Close frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    Text(&'a [u8]),
    Binary(&'a [u8]),
    Close,
}

/// The size of a buffer to try. `None` is the crate's default.
pub type Buffer = Option<usize>;
/// There is no choice.
pub const FIXED: &[Buffer] = &[None];
/// The host owns the buffer.
pub const HOST: &[Buffer] = &[Some(16 << 10), Some(READ)];
/// The crate owns the buffer and has an option for its size.
const OPTION: &[Buffer] = &[Some(16 << 10), Some(READ), None];

pub type Receive = fn(Socket, Tally) -> Session;

/// How a crate is driven for speed, in everything it supports.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its name in the tables.
    pub name: &'static str,
    /// Its name in the lock file.
    pub package: &'static str,
    /// How it is driven, and what it leaves to the application and is not done.
    pub notes: &'static str,
    /// Whether it validates text. The benchmark checks this claim.
    pub checks_text: bool,
    /// Whether it reports a wrong MASK bit, a continuation without a message, and similar errors.
    pub checks_frames: bool,
    /// Whether it can read fragmented messages at any cut.
    pub takes_fragments: bool,
    /// Whether it detects at run time, and then uses, vectors that not every processor of the target has.
    pub is_wide: bool,
    /// Whether it passes on messages in pieces, not as a whole.
    pub is_streaming: bool,
    /// Whether this is not the documented way of barews. Such rows do not count in comparisons.
    pub is_other_way: bool,
    /// Whether its reads are of other sizes than those of the workload.
    pub is_sized: bool,
    /// The sizes of the read buffer. The fastest counts in each workload.
    pub read_buffers: &'static [Buffer],
    /// The sizes of the write buffer, likewise.
    pub write_buffers: &'static [Buffer],
    /// A server receives.
    pub receive: Option<Receive>,
    /// A server receives text, and gets each message as a `str`.
    pub receive_str: Option<Receive>,
    /// A server or a client sends.
    pub send: Option<fn(Role, Socket, Outgoing) -> Session>,
    /// A server sends back what it receives.
    pub echo: Option<fn(Socket) -> Session>,
    /// A server's opening handshake, up to a connection. Returns whether it succeeded.
    pub accept: Option<fn(&mut Socket) -> bool>,
    /// A client's opening handshake, up to a connection. Returns whether it succeeded.
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
        is_other_way: false,
        is_sized: false,
        read_buffers: FIXED,
        write_buffers: FIXED,
        receive: None,
        receive_str: None,
        send: None,
        echo: None,
        accept: None,
        connect: None,
    };

    pub fn is_barews(&self) -> bool {
        self.package == "barews"
    }
}

/// How a crate is driven to test its strictness.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    /// The crate's name; its version is in the lock file.
    pub name: &'static str,
    /// How it is driven, and which of its features are enabled or missing.
    pub notes: &'static str,
    pub run: fn(Role, Socket, &mut Outcome),
}

/// Returns the package's version in the lock file.
pub fn version(package: &str) -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let entry = format!("name = \"{package}\"\nversion = \"");
    let (_, rest) = lock.split_once(&entry).expect("the package is in the lock file");
    rest.split('"').next().unwrap_or_default()
}

pub const PEERS: &[Peer] = &[
    barews::CHUNKS,
    barews::WHOLE,
    barews::SESSION,
    barews::SIZED_CHUNKS,
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
    soketto::PEER,
    tokio_websockets::PEER,
    tungstenite::PEER,
    websocket_sans_io::PEER,
    websocketz::PEER,
    ws_framer::PEER,
    yawc::PEER,
];

pub const RECEIVERS: [Receiver; 11] = [
    barews::RECEIVER,
    embedded_websocket::RECEIVER,
    fastwebsockets::RECEIVER,
    nexus_web::RECEIVER,
    sockudo_ws::RECEIVER,
    soketto::RECEIVER,
    tokio_websockets::RECEIVER,
    tungstenite::RECEIVER,
    websocketz::RECEIVER,
    ws_framer::RECEIVER,
    yawc::RECEIVER,
];
