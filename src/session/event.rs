//! What a session returns to the host.

use super::error::Error;
use crate::connection::Chunk;
use crate::wire::{CloseCode, Opcode};

/// The outcome of one call of [`Session::receive`](super::Session::receive).
#[derive(PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct Received<'b> {
    /// The bytes after the event: pass them to the next call.
    pub rest: &'b mut [u8],
    /// The next event; `None` when more bytes are needed, or the host has not answered [`Event::Request`] or an accepted
    /// [`Event::Response`].
    pub event: Option<Event<'b>>,
    /// Something is due: call [`Session::poll_transmit`](super::Session::poll_transmit) before waiting for anything.
    /// False with [`Event::Data`], which makes nothing due; the calls after it report what was due before.
    pub is_due: bool,
}

/// Something that the peer sent, or the failure of the session.
#[derive(PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<'b> {
    /// A server received a [request](super::Session::request) that is valid. Answer it now:
    /// [`accept`](super::Session::accept) an upgrade, [`respond`](super::Session::respond), or
    /// [`refuse`](super::Session::refuse).
    Request,
    /// A client received a [response](super::Session::response). If it is accepted,
    /// [`connect`](super::Session::connect). Otherwise it is a redirect, a demand for authentication or another
    /// refusal: `rest` is the beginning of its body, and the next call returns [`Over`](Self::Over). The response can
    /// still be read then.
    Response,
    /// A chunk of a data message.
    Data(Chunk<'b>),
    /// A Ping; its Pong is due.
    Ping,
    /// A Pong; if it answers the newest Ping of the keepalive, with the ticks of the round trip.
    Pong(Option<u64>),
    /// The peer's Close frame; its answer is due, unless it answers ours. Only [`Over`](Self::Over) and
    /// [`Failed`](Self::Failed) can follow.
    Close(Option<CloseCode>),
    /// A control frame with an opcode of a negotiated extension.
    ExtensionControl(Opcode),
    /// The peer has been silent for [`Timeouts::ping`](crate::deadlines::Timeouts::ping); a Ping is due.
    KeepAlive,
    /// There was no message for [`Timeouts::idle`](crate::deadlines::Timeouts::idle); a Close with 1001 is due.
    Idle,
    /// The last event: the transport has ended in order, or it is time to close it, after an error, after a refused
    /// response, or because the peer does not end it.
    Over,
    /// The session has failed: report it. A refusal or a Close frame is due if the peer can still read it. Only
    /// [`Over`](Self::Over) can follow.
    Failed(Error),
}

impl Event<'_> {
    /// Returns the event unless it is data.
    pub(super) fn without_data(self) -> Option<Event<'static>> {
        Some(match self {
            Self::Data(_) => return None,
            Self::Request => Event::Request,
            Self::Response => Event::Response,
            Self::Ping => Event::Ping,
            Self::Pong(round_trip) => Event::Pong(round_trip),
            Self::Close(code) => Event::Close(code),
            Self::ExtensionControl(opcode) => Event::ExtensionControl(opcode),
            Self::KeepAlive => Event::KeepAlive,
            Self::Idle => Event::Idle,
            Self::Over => Event::Over,
            Self::Failed(error) => Event::Failed(error),
        })
    }
}
