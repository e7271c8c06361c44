//! The halves of the engine's connection, for a role that is known at run time, and the randomness of a client.

use std::cell::RefCell;

use barews::connection::{Connection, MessageKind, Received, Receiver, Reply, State, Transmitter, Transport, Written};
use barews::wire::{CloseCode, EncodedHeader, Rsv};
use barews::{Client, ProtocolError, SendError, Server};

/// Which side of a connection this program is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// The side that accepted the transport.
    Server,
    /// The side that opened the transport.
    Client,
}

type Keys = fn() -> [u8; 4];

/// Fills an array with random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

/// Returns the next masking key of a client. One system call provides the keys of 256 frames.
fn masking_key() -> [u8; 4] {
    const KEYS: usize = 256;
    thread_local!(static POOL: RefCell<(Vec<u8>, usize)> = const { RefCell::new((Vec::new(), 0)) });
    POOL.with_borrow_mut(|(bytes, at)| {
        if *at == bytes.len() {
            bytes.resize(4 * KEYS, 0);
            getrandom::fill(bytes).expect("the operating system has randomness");
            *at = 0;
        }
        let key = [bytes[*at], bytes[*at + 1], bytes[*at + 2], bytes[*at + 3]];
        bytes[*at..*at + 4].fill(0); // a used key does not stay in memory
        *at += 4;
        key
    })
}

/// A source of masking keys.
pub(crate) const KEYS: Keys = masking_key;

pub(crate) enum Receive {
    Server(Receiver<Server>),
    Client(Receiver<Client<Keys>>),
}

pub(crate) enum Transmit {
    Server(Transmitter<Server>),
    Client(Transmitter<Client<Keys>>),
}

macro_rules! each {
    ($self:expr, $half:ident => $call:expr) => {
        match $self {
            Self::Server($half) => $call,
            Self::Client($half) => $call,
        }
    };
}

/// A connection of the engine, of either role, in halves.
pub(crate) struct Halves(pub(crate) Receive, pub(crate) Transmit);

impl From<Connection<Server>> for Halves {
    fn from(connection: Connection<Server>) -> Self {
        let (receiver, transmitter) = connection.split();
        Self(Receive::Server(receiver), Transmit::Server(transmitter))
    }
}

impl From<Connection<Client<Keys>>> for Halves {
    fn from(connection: Connection<Client<Keys>>) -> Self {
        let (receiver, transmitter) = connection.split();
        Self(Receive::Client(receiver), Transmit::Client(transmitter))
    }
}

impl Receive {
    pub(crate) const fn role(&self) -> Role {
        match self {
            Self::Server(_) => Role::Server,
            Self::Client(_) => Role::Client,
        }
    }

    #[inline]
    pub(crate) fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Received<'b>, ProtocolError> {
        each!(self, half => half.receive(bytes))
    }

    pub(crate) fn receive_eof(&mut self) -> Result<(), ProtocolError> {
        each!(self, half => half.receive_eof())
    }

    pub(crate) fn fail(&mut self, error: ProtocolError) {
        each!(self, half => half.fail(error));
    }

    pub(crate) fn take_reply(&mut self) -> Option<Reply> {
        each!(self, half => half.take_reply())
    }

    pub(crate) fn control_payload(&self) -> &[u8] {
        each!(self, half => half.control_payload())
    }

    pub(crate) fn unread_payload(&self) -> u64 {
        each!(self, half => half.unread_payload())
    }

    pub(crate) fn close_received(&self) -> bool {
        each!(self, half => half.close_received())
    }

    pub(crate) fn close_code(&self) -> Option<CloseCode> {
        each!(self, half => half.close_code())
    }

    pub(crate) fn close_reason(&self) -> &str {
        each!(self, half => half.close_reason())
    }

    pub(crate) fn state(&self, close_sent: bool) -> State {
        each!(self, half => half.state(close_sent))
    }

    pub(crate) fn transport(&self, close_sent: bool) -> Transport {
        each!(self, half => half.transport(close_sent))
    }
}

impl Transmit {
    pub(crate) const fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    pub(crate) fn close_sent(&self) -> bool {
        each!(self, half => half.close_sent())
    }

    #[inline]
    pub(crate) fn begin_frame(
        &mut self,
        kind: MessageKind,
        fin: bool,
        rsv: Rsv,
        len: usize,
    ) -> Result<EncodedHeader, SendError> {
        each!(self, half => half.begin_frame_with_rsv(kind, fin, rsv, len as u64))
    }

    /// Counts the next piece of the frame's payload. A client masks it.
    #[inline]
    pub(crate) fn mask_payload(&mut self, part: &mut [u8]) -> Result<(), SendError> {
        each!(self, half => half.mask_payload(part))
    }

    /// Counts a piece of a payload that is sent as it is: only a server's is.
    pub(crate) fn count_payload(&mut self, part: &[u8]) -> Result<(), SendError> {
        match self {
            Self::Server(half) => half.count_payload(part),
            Self::Client(_) => Err(SendError::Reserved),
        }
    }

    pub(crate) fn write_reply(&mut self, reply: &Reply, out: &mut [u8]) -> Result<Written, SendError> {
        each!(self, half => half.write_reply(reply, out))
    }

    pub(crate) fn write_ping(&mut self, payload: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        each!(self, half => half.write_ping(payload, out))
    }

    pub(crate) fn write_pong(&mut self, payload: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        each!(self, half => half.write_pong(payload, out))
    }

    pub(crate) fn write_close(&mut self, code: CloseCode, reason: &str, out: &mut [u8]) -> Result<Written, SendError> {
        each!(self, half => half.write_close(code, reason, out))
    }

    pub(crate) fn write_close_without_status(&mut self, out: &mut [u8]) -> Result<Written, SendError> {
        each!(self, half => half.write_close_without_status(out))
    }
}
