//! Other crates, one file each, and barews: how each is constructed over a [`Socket`] in memory and driven. To add one,
//! write its file, name it here, and put its constants into [`PEERS`] and [`RECEIVERS`].
//!
//! A [`Peer`] is for `speed`: a file drives its crate as its documentation advises, with everything switched on that makes
//! it faster. What a crate leaves to the application and the workload does not need is not done; the `notes` say so.
//!
//! A [`Receiver`] is for `strictness`: it reads until there is an error or nothing more to read, also behind a Close
//! frame, and reports to the [`Outcome`]. Checks that can be switched on are on.
//!
//! Both use the same loop, for which the sink of events is a parameter of type: in a measurement nothing is called
//! through a pointer.

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

/// The buffer for reading where the host lends it, and the most that a read brings.
pub const READ: usize = 64 << 10;
/// The buffer for writing where the host lends it: written when it is full or there is nothing more to send.
pub const CORK: usize = 16 << 10;
/// Room for the head of a request or of its answer, where the host lends it.
pub const HEAD: usize = 1024;
/// Room for a message of a [`Receiver`], where the host lends it.
const ROOM: usize = 1 << 18;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    Server,
    Client,
}

/// What an application is handed: whole messages, and that a Close frame came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    Text(&'a [u8]),
    Binary(&'a [u8]),
    Close,
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

/// How a crate is driven for speed, in all that it can do.
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
}

/// How a crate is driven when it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    /// The crate's name; its version is in the lock file.
    pub name: &'static str,
    /// How it is driven, and what of it is switched on or absent.
    pub notes: &'static str,
    pub run: fn(Role, Socket, &mut Outcome),
}

/// Its version in the lock file.
pub fn version(package: &str) -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let entry = format!("name = \"{package}\"\nversion = \"");
    let (_, rest) = lock.split_once(&entry).expect("the package is in the lock file");
    rest.split('"').next().unwrap_or_default()
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
