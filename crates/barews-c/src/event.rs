//! What was received.

use barews::connection::{Chunk, MessageKind};
use barews::wire::{Opcode, Rsv};

use crate::error::{BAREWS_ERR_ARGUMENT, BAREWS_OK, Code, barews_error};
use crate::memory::bytes_mut;

/// No time: a timeout that is switched off, a deadline that is not set, a round trip that is not known.
pub const BAREWS_NEVER: u64 = 0xFFFF_FFFF_FFFF_FFFF;

/// The most bytes of a frame's header.
pub const BAREWS_MAX_HEADER: usize = 14;

/// The most bytes of a control frame: an output of this size holds each.
pub const BAREWS_MAX_CONTROL_FRAME: usize = 131;

/// The most bytes of payload in a control frame.
pub const BAREWS_MAX_CONTROL_PAYLOAD: usize = 125;

/// What was received: one of `BAREWS_EVENT_...`. Ignore a kind that the program does not know.
pub type barews_event_kind = u8;

/// More bytes are needed, or the host has not answered `BAREWS_EVENT_REQUEST` or an accepted `BAREWS_EVENT_RESPONSE`.
pub const BAREWS_EVENT_NONE: barews_event_kind = 0;
/// A chunk of a data message: `payload`, `len`, `opcode`, `first`, `last`, `rsv`.
pub const BAREWS_EVENT_DATA: barews_event_kind = 1;
/// A Ping; its Pong is due. `payload`, `len`.
pub const BAREWS_EVENT_PING: barews_event_kind = 2;
/// A Pong. `payload`, `len`; `round_trip` if it answers the newest Ping of the keepalive.
pub const BAREWS_EVENT_PONG: barews_event_kind = 3;
/// The peer's Close frame: `close_code`, and the reason in `payload`, `len`. The answer is due, unless this one answers
/// ours.
pub const BAREWS_EVENT_CLOSE: barews_event_kind = 4;
/// A control frame with an `opcode` of a negotiated extension. `payload`, `len`.
pub const BAREWS_EVENT_EXTENSION_CONTROL: barews_event_kind = 5;
/// A server's session received a request that is valid. Answer it now: accept, respond or refuse.
pub const BAREWS_EVENT_REQUEST: barews_event_kind = 6;
/// A client's session received a response. If it is accepted, call `barews_client_connect`. Otherwise the next event is
/// `BAREWS_EVENT_OVER`.
pub const BAREWS_EVENT_RESPONSE: barews_event_kind = 7;
/// The peer was silent for `barews_timeouts.ping`; a Ping is due.
pub const BAREWS_EVENT_KEEP_ALIVE: barews_event_kind = 8;
/// There was no message for `barews_timeouts.idle`; a Close with 1001 is due.
pub const BAREWS_EVENT_IDLE: barews_event_kind = 9;
/// Failed, with `error`: report it. A refusal or a Close frame is due if the peer can still read it. Of a session only
/// `BAREWS_EVENT_OVER` follows; a connection returns this event at each call.
pub const BAREWS_EVENT_FAILED: barews_event_kind = 10;
/// The last event of a session: close the transport. `error` is the one that the session failed with, if any. With
/// `BAREWS_ERR_ARGUMENT` or `BAREWS_ERR_OVERLAP`, the call itself was wrong, and the session is unchanged.
pub const BAREWS_EVENT_OVER: barews_event_kind = 11;

/// The kind of a message, which is the opcode of its first frame: `BAREWS_TEXT`, `BAREWS_BINARY`, or 3 to 7 for one of a
/// negotiated extension.
pub type barews_opcode = u8;

/// Text, in UTF-8.
pub const BAREWS_TEXT: barews_opcode = 1;
/// Bytes.
pub const BAREWS_BINARY: barews_opcode = 2;

/// An event: what was received, or what happened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_event {
    /// Of data: in the buffer that was passed, where it was unmasked. Otherwise in the session or the connection: read it
    /// before the next call, and do not change it.
    pub payload: *mut u8,
    /// The number of bytes at `payload`.
    pub len: usize,
    /// Of a Pong: the ticks since its Ping, or `BAREWS_NEVER`.
    pub round_trip: u64,
    /// Of `BAREWS_EVENT_FAILED` and `BAREWS_EVENT_OVER`; otherwise `BAREWS_OK`.
    pub error: barews_error,
    /// Of a Close: its status code, or 0 if it has none.
    pub close_code: u16,
    /// What it is.
    pub kind: barews_event_kind,
    /// Of data: the kind of the message.
    pub opcode: barews_opcode,
    /// Of data: the reserved bits of the message's first frame, if this is its first chunk.
    pub rsv: u8,
    /// Of data: whether this chunk is the first of its message.
    pub first: bool,
    /// Of data: whether it is the last. A chunk can be both, and it can be empty.
    pub last: bool,
    /// Of `BAREWS_EVENT_PING`, `BAREWS_EVENT_PONG` and `BAREWS_EVENT_EXTENSION_CONTROL`: whether `payload` has only the
    /// beginning of the payload.
    pub cut: bool,
    /// Something is due: call `..._poll_transmit` before waiting for anything. False for data, which makes nothing due.
    pub is_due: bool,
}

impl barews_event {
    /// Nothing.
    pub(crate) const NONE: Self = Self {
        payload: core::ptr::null_mut(),
        len: 0,
        round_trip: BAREWS_NEVER,
        error: BAREWS_OK,
        close_code: 0,
        kind: BAREWS_EVENT_NONE,
        opcode: 0,
        rsv: 0,
        first: false,
        last: false,
        cut: false,
        is_due: false,
    };

    /// A call that was wrong.
    pub(crate) const fn wrong(error: barews_error) -> Self {
        Self { kind: BAREWS_EVENT_OVER, error, ..Self::NONE }
    }

    pub(crate) fn failed(error: impl Code) -> Self {
        Self { kind: BAREWS_EVENT_FAILED, error: error.code(), ..Self::NONE }
    }

    pub(crate) fn data(chunk: Chunk<'_>) -> Self {
        Self {
            payload: chunk.payload.as_mut_ptr(),
            len: chunk.payload.len(),
            kind: BAREWS_EVENT_DATA,
            opcode: chunk.kind.opcode().bits(),
            rsv: chunk.rsv.bits(),
            first: chunk.first,
            last: chunk.last,
            ..Self::NONE
        }
    }

    /// Adds a payload that is in the session or the connection.
    pub(crate) fn with(self, payload: &[u8], cut: bool) -> Self {
        Self { payload: payload.as_ptr().cast_mut(), len: payload.len(), cut, ..self }
    }

    /// Returns the chunk; none if this is no data.
    ///
    /// # Safety
    ///
    /// `payload` is null, or points to `len` bytes that nobody else uses during `'a`.
    pub(crate) unsafe fn chunk<'a>(&self) -> Option<Chunk<'a>> {
        if self.kind != BAREWS_EVENT_DATA {
            return None;
        }
        Some(Chunk {
            kind: message_kind(self.opcode)?,
            first: self.first,
            last: self.last,
            rsv: Rsv::from_bits(self.rsv),
            // SAFETY: the same duty.
            payload: unsafe { bytes_mut(self.payload, self.len) }?,
        })
    }
}

/// A whole message.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_message {
    /// The payload, or null while the message is not complete.
    pub payload: *mut u8,
    /// The number of bytes at `payload`.
    pub len: usize,
    /// The kind of the message.
    pub opcode: barews_opcode,
    /// Whether the message is complete. A message can be complete and empty.
    pub is_complete: bool,
}

impl barews_message {
    pub(crate) const NONE: Self = Self { payload: core::ptr::null_mut(), len: 0, opcode: 0, is_complete: false };

    pub(crate) fn of(message: barews::message::Message<'_>) -> Self {
        let (payload, len) = (message.payload.as_mut_ptr(), message.payload.len());
        Self { payload, len, opcode: message.kind.opcode().bits(), is_complete: true }
    }
}

/// Returns the kind of a message with this opcode.
pub(crate) fn message_kind(opcode: barews_opcode) -> Option<MessageKind> {
    match opcode {
        BAREWS_TEXT => Some(MessageKind::Text),
        BAREWS_BINARY => Some(MessageKind::Binary),
        3..=7 => Some(MessageKind::Extension(Opcode::from_bits(opcode))),
        _ => None,
    }
}

/// What to do with the transport once `..._poll_transmit` has returned 0 and its output is written: one of
/// `BAREWS_TRANSPORT_...`.
pub type barews_transport = u8;

/// Go on reading and writing.
pub const BAREWS_TRANSPORT_KEEP: barews_transport = 0;
/// Shut down the writing side, then read and discard until the end of the stream or the closing timeout, then close.
/// Unread bytes would cause a reset, which can destroy the Close frame.
pub const BAREWS_TRANSPORT_HALF_CLOSE: barews_transport = 1;
/// Read and discard until the peer ends the stream or the closing timeout, then close: the server closes first.
pub const BAREWS_TRANSPORT_AWAIT_EOF: barews_transport = 2;
/// Close now.
pub const BAREWS_TRANSPORT_CLOSE: barews_transport = 3;

/// The state of a connection: one of `BAREWS_STATE_...`.
pub type barews_state = u8;

/// The opening handshake is not done. Only of a session.
pub const BAREWS_STATE_CONNECTING: barews_state = 0;
/// Messages can be sent both ways.
pub const BAREWS_STATE_OPEN: barews_state = 1;
/// A Close frame was sent or received, or the connection failed.
pub const BAREWS_STATE_CLOSING: barews_state = 2;
/// Nothing can be sent or received any more.
pub const BAREWS_STATE_CLOSED: barews_state = 3;

pub(crate) const fn transport(transport: barews::connection::Transport) -> barews_transport {
    use barews::connection::Transport;
    match transport {
        Transport::Keep => BAREWS_TRANSPORT_KEEP,
        Transport::HalfClose => BAREWS_TRANSPORT_HALF_CLOSE,
        Transport::AwaitEof => BAREWS_TRANSPORT_AWAIT_EOF,
        Transport::Close => BAREWS_TRANSPORT_CLOSE,
    }
}

pub(crate) const fn state(state: barews::connection::State) -> barews_state {
    use barews::connection::State;
    match state {
        State::Open => BAREWS_STATE_OPEN,
        State::Closing => BAREWS_STATE_CLOSING,
        State::Closed => BAREWS_STATE_CLOSED,
    }
}

/// An error of an argument, for a host that looks at [`barews_event::error`] only.
pub(crate) const WRONG: barews_event = barews_event::wrong(BAREWS_ERR_ARGUMENT);

const _: () = assert!(BAREWS_MAX_HEADER == barews::wire::FrameHeader::MAX_LEN);
const _: () = assert!(BAREWS_MAX_CONTROL_FRAME == barews::wire::MAX_CONTROL_FRAME);
const _: () = assert!(BAREWS_MAX_CONTROL_PAYLOAD == barews::wire::MAX_CONTROL_PAYLOAD);
