//! What `receive` returns. Payloads are borrowed from the host's buffer, in which they were decoded.

use crate::wire::{CloseCode, Opcode, Rsv};

/// The outcome of one call of [`receive`](crate::Connection::receive).
#[derive(PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct Received<'b> {
    /// The bytes after the event: pass them to the next call. Empty when there is no event. It borrows the whole input. A
    /// host that keeps a position instead takes the end of the input before the call, and continues at
    /// `end - rest.len()`.
    pub rest: &'b mut [u8],
    /// The next event; `None` when all bytes were consumed and more are needed.
    pub event: Option<Event<'b>>,
}

impl Received<'_> {
    /// For a branch that no input reaches.
    pub(super) const fn unreachable() -> Self {
        Self { rest: &mut [], event: None }
    }
}

/// Something that the peer sent.
#[derive(PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<'b> {
    /// A chunk of a data message.
    Data(Chunk<'b>),
    /// A Ping; its Pong is due. [`control_payload`](crate::Connection::control_payload) returns its payload.
    Ping,
    /// A Pong. [`control_payload`](crate::Connection::control_payload) returns its payload, which can be
    /// [cut short](crate::Connection::is_control_payload_cut).
    Pong,
    /// The peer's Close frame with its status code, if it has one; the Close that answers it is due.
    /// [`close_reason`](crate::Connection::close_reason) returns the reason. No event follows.
    Close(Option<CloseCode>),
    /// A control frame with an opcode of a negotiated extension.
    /// [`control_payload`](crate::Connection::control_payload) returns its payload, which can be
    /// [cut short](crate::Connection::is_control_payload_cut).
    ExtensionControl(Opcode),
}

impl Event<'_> {
    /// Returns the event unless it is data.
    pub(crate) fn without_data(self) -> Option<Event<'static>> {
        Some(match self {
            Self::Data(_) => return None,
            Self::Ping => Event::Ping,
            Self::Pong => Event::Pong,
            Self::Close(code) => Event::Close(code),
            Self::ExtensionControl(opcode) => Event::ExtensionControl(opcode),
        })
    }
}

/// A piece of one data message: as much of it as is in the input, at most one frame.
///
/// The chunks of a message come in order, with only control frames between them. A fragment without payload is a chunk
/// only if it ends the message or carries reserved bits. The length of a chunk has no meaning: it depends on the reads,
/// and proxies can split and join frames. A relay can keep the boundaries of frames:
/// [`is_last_frame`](crate::Connection::is_last_frame).
// RFC 6455 5.4: no boundary of a frame is kept [6455-5.4-16]
#[derive(PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Chunk<'b> {
    /// The kind of the message, from its first frame.
    pub kind: MessageKind,
    /// The first chunk of its message.
    pub first: bool,
    /// The last chunk of its message. It can be the first, too.
    pub last: bool,
    /// The reserved bits of the frame that begins with this chunk. None unless an extension uses them, and none in the
    /// frame's other chunks.
    pub rsv: Rsv,
    /// The payload, unmasked: the last `payload.len()` of the bytes consumed, so that a wrapper can keep its position
    /// instead of the borrow. The chunks of a text message together are valid UTF-8; one chunk can begin and end inside
    /// a character.
    pub payload: &'b mut [u8],
}

impl<'b> Chunk<'b> {
    /// A message in one frame.
    #[inline(always)]
    pub(super) const fn whole(kind: MessageKind, payload: &'b mut [u8]) -> Self {
        Self { kind, first: true, last: true, rsv: Rsv::NONE, payload }
    }

    /// Returns the next chunk of a message; `None` if it is empty, unless it ends the message or carries reserved bits.
    /// `begun`: the host already has a chunk of this message.
    #[inline(always)]
    pub(crate) fn next(
        begun: &mut bool,
        kind: MessageKind,
        rsv: Rsv,
        last: bool,
        payload: &'b mut [u8],
    ) -> Option<Self> {
        if payload.is_empty() && !last && rsv.is_empty() {
            return None;
        }
        let first = !core::mem::replace(begun, true);
        Some(Self { kind, first, last, rsv, payload })
    }
}

/// The type of a data message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MessageKind {
    /// UTF-8 text (RFC 6455 section 5.6).
    Text,
    /// Any bytes (RFC 6455 section 5.6).
    Binary,
    /// A type that a negotiated extension defines, by its opcode, 3 to 7 (RFC 6455 section 5.8).
    Extension(Opcode),
}

impl MessageKind {
    /// The opcode of the message's first frame.
    ///
    /// ```
    /// use barews::connection::MessageKind;
    /// use barews::wire::Opcode;
    ///
    /// assert_eq!(MessageKind::Text.opcode(), Opcode::TEXT);
    /// assert_eq!(MessageKind::Binary.opcode().bits(), 2); // for a log
    /// ```
    // RFC 6455 6.1 [6455-6.1-5]
    #[inline]
    #[must_use]
    pub const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::TEXT,
            Self::Binary => Opcode::BINARY,
            Self::Extension(opcode) => opcode,
        }
    }
}
