//! What sessions and connections of both roles have in common. `server.rs` and `client.rs` export it.

use barews::connection::{Connection, Event as Incoming, Received, Transport, Written};
use barews::deadlines::Timeouts;
use barews::session::{Event, Session, SessionRole};
use barews::wire::{CloseCode, EncodedHeader, Opcode, Rsv};
use barews::{ProtocolError, SendError};

use crate::error::{BAREWS_ERR_ARGUMENT, BAREWS_ERR_OVERLAP, BAREWS_OK, Code, barews_error, outcome, protocol};
use crate::event::{
    BAREWS_BINARY, BAREWS_EVENT_CLOSE, BAREWS_EVENT_EXTENSION_CONTROL, BAREWS_EVENT_IDLE, BAREWS_EVENT_KEEP_ALIVE,
    BAREWS_EVENT_OVER, BAREWS_EVENT_PING, BAREWS_EVENT_PONG, BAREWS_EVENT_REQUEST, BAREWS_EVENT_RESPONSE,
    BAREWS_MAX_CONTROL_FRAME, BAREWS_MAX_HEADER, BAREWS_NEVER, BAREWS_STATE_CONNECTING, BAREWS_TEXT,
    BAREWS_TRANSPORT_CLOSE, WRONG, barews_event, barews_opcode, barews_state, barews_transport, message_kind,
};
use crate::memory::{Opaque, Storage, bytes, bytes_mut, get, get_mut, holds, output, overlap, write};
use crate::text::barews_str;

/// The most bytes of a head that one call of `poll_transmit` writes: the output is filled with zeros before.
const HEAD_PIECE: usize = 2048;

/// A session or a connection.
pub(crate) trait Endpoint: Opaque {
    /// The role.
    type Role: SessionRole;
    /// Returns the connection to send on it.
    fn sender(inner: &mut Self::Inner, now: u64) -> Result<&mut Connection<Self::Role>, SendError>;
    /// Returns the connection, if the handshake is done.
    fn connection(inner: &Self::Inner) -> Option<&Connection<Self::Role>>;
    fn poll_transmit(inner: &mut Self::Inner, out: &mut [u8]) -> usize;
    /// Whether `poll_transmit` can write more than a control frame.
    fn has_head(inner: &Self::Inner) -> bool;
    fn transport(inner: &Self::Inner) -> Transport;
    fn fail(inner: &mut Self::Inner, error: ProtocolError);
    fn error(inner: &Self::Inner) -> barews_error;
}

/// Declares what a session and a connection of a role are.
macro_rules! endpoints {
    ($Session:ident, $Connection:ident, $Role:ty) => {
        impl crate::endpoint::Endpoint for $Session {
            type Role = $Role;

            #[inline]
            fn sender(inner: &mut Self::Inner, now: u64) -> Result<&mut barews::Connection<$Role>, barews::SendError> {
                inner.sender(now)
            }

            #[inline]
            fn connection(inner: &Self::Inner) -> Option<&barews::Connection<$Role>> {
                inner.connection()
            }

            fn poll_transmit(inner: &mut Self::Inner, out: &mut [u8]) -> usize {
                inner.poll_transmit(out)
            }

            fn has_head(inner: &Self::Inner) -> bool {
                inner.is_due()
            }

            fn transport(inner: &Self::Inner) -> barews::connection::Transport {
                inner.transport()
            }

            fn fail(inner: &mut Self::Inner, error: barews::ProtocolError) {
                inner.fail(error);
            }

            fn error(inner: &Self::Inner) -> crate::error::barews_error {
                inner.error().code()
            }
        }

        impl crate::endpoint::Endpoint for $Connection {
            type Role = $Role;

            #[inline]
            fn sender(inner: &mut Self::Inner, _: u64) -> Result<&mut barews::Connection<$Role>, barews::SendError> {
                Ok(inner)
            }

            #[inline]
            fn connection(inner: &Self::Inner) -> Option<&barews::Connection<$Role>> {
                Some(inner)
            }

            fn poll_transmit(inner: &mut Self::Inner, out: &mut [u8]) -> usize {
                inner.poll_transmit(out)
            }

            fn has_head(_: &Self::Inner) -> bool {
                false
            }

            fn transport(inner: &Self::Inner) -> barews::connection::Transport {
                inner.transport()
            }

            fn fail(inner: &mut Self::Inner, error: barews::ProtocolError) {
                inner.fail(error);
            }

            fn error(inner: &Self::Inner) -> crate::error::barews_error {
                inner.error().code()
            }
        }
    };
}

/// A session in the caller's memory.
pub(crate) type Lent<R> = Session<'static, R, Storage>;

/// Returns the payload of the newest control frame, and whether it is cut.
fn control<R: SessionRole>(connection: Option<&Connection<R>>) -> (&[u8], bool) {
    connection.map_or((&[], false), |connection| (connection.control_payload(), connection.is_control_payload_cut()))
}

/// Returns a Close as an event, with its reason.
fn close<R: SessionRole>(code: Option<CloseCode>, connection: Option<&Connection<R>>) -> barews_event {
    let close_code = code.map_or(0, |code| code.0);
    let reason = connection.map_or("", Connection::close_reason);
    barews_event { kind: BAREWS_EVENT_CLOSE, close_code, ..barews_event::NONE }.with(reason.as_bytes(), false)
}

/// Returns an event without a payload.
const fn plain(kind: u8) -> barews_event {
    barews_event { kind, ..barews_event::NONE }
}

/// Returns a session's event in the form of C.
#[inline(never)]
pub(crate) fn event<R: SessionRole>(session: &Lent<R>, event: Option<Event<'_>>) -> barews_event {
    let connection = session.connection();
    let (payload, cut) = control(connection);
    match event {
        None => barews_event::NONE,
        Some(Event::Data(chunk)) => barews_event::data(chunk),
        Some(Event::Ping) => plain(BAREWS_EVENT_PING).with(payload, cut),
        Some(Event::Pong(round_trip)) => {
            let pong = plain(BAREWS_EVENT_PONG).with(payload, cut);
            barews_event { round_trip: round_trip.unwrap_or(BAREWS_NEVER), ..pong }
        }
        Some(Event::Close(code)) => close(code, connection),
        Some(Event::ExtensionControl(opcode)) => {
            let control = plain(BAREWS_EVENT_EXTENSION_CONTROL).with(payload, cut);
            barews_event { opcode: opcode.bits(), ..control }
        }
        Some(Event::Request) => plain(BAREWS_EVENT_REQUEST),
        Some(Event::Response) => plain(BAREWS_EVENT_RESPONSE),
        Some(Event::KeepAlive) => plain(BAREWS_EVENT_KEEP_ALIVE),
        Some(Event::Idle) => plain(BAREWS_EVENT_IDLE),
        Some(Event::Over) => barews_event { error: session.error().code(), ..plain(BAREWS_EVENT_OVER) },
        Some(Event::Failed(error)) => barews_event::failed(error),
        Some(_) => plain(u8::MAX), // of a later engine: neither nothing nor the end
    }
}

/// Returns a connection's event in the form of C.
#[inline(never)]
pub(crate) fn connection_event<R: SessionRole>(
    connection: &Connection<R>,
    event: Option<Incoming<'_>>,
) -> barews_event {
    let (payload, cut) = control(Some(connection));
    let event = match event {
        Some(Incoming::Data(chunk)) => barews_event::data(chunk),
        Some(Incoming::Ping) => plain(BAREWS_EVENT_PING).with(payload, cut),
        Some(Incoming::Pong) => plain(BAREWS_EVENT_PONG).with(payload, cut),
        Some(Incoming::ExtensionControl(opcode)) => {
            let control = plain(BAREWS_EVENT_EXTENSION_CONTROL).with(payload, cut);
            barews_event { opcode: opcode.bits(), ..control }
        }
        Some(Incoming::Close(code)) => close(code, Some(connection)),
        Some(_) => plain(u8::MAX), // of a later engine
        None => barews_event::NONE,
    };
    barews_event { is_due: connection.buffered_amount() > 0, ..event }
}

/// Whether an event can be written, without a byte of the object.
fn is_place_apart<T>(object: *const T, event: *const barews_event) -> bool {
    !event.is_null() && event.is_aligned() && !holds(object, event, size_of::<barews_event>())
}

/// Whether the input of a call is apart from its object and its event.
fn is_input_apart<T>(object: *const T, data: *const u8, len: usize, event: *const barews_event) -> bool {
    !holds(object, data, len) && !holds(event, data, len)
}

pub(crate) unsafe fn receive<T, R>(object: *mut T, data: *mut u8, len: usize, now: u64, to: *mut barews_event) -> usize
where
    T: Opaque<Inner = Lent<R>>,
    R: SessionRole,
{
    if !is_place_apart(object, to) {
        return 0;
    }
    if !is_input_apart(object, data, len, to) {
        trusting!(write(to, barews_event::wrong(BAREWS_ERR_OVERLAP)));
        return 0;
    }
    let (Some(session), Some(input)) = (trusting!(get_mut(object)), trusting!(bytes_mut(data, len))) else {
        trusting!(write(to, WRONG));
        return 0;
    };
    let got = session.receive(input, now);
    let consumed = len.saturating_sub(got.rest.len());
    let is_due = got.is_due;
    let event = match got.event {
        Some(Event::Data(chunk)) => barews_event::data(chunk),
        other => event(session, other),
    };
    trusting!(write(to, barews_event { is_due, ..event }));
    consumed
}

pub(crate) unsafe fn receive_connection<T, R>(object: *mut T, data: *mut u8, len: usize, to: *mut barews_event) -> usize
where
    T: Opaque<Inner = Connection<R>>,
    R: SessionRole,
{
    if !is_place_apart(object, to) {
        return 0;
    }
    if !is_input_apart(object, data, len, to) {
        trusting!(write(to, barews_event::wrong(BAREWS_ERR_OVERLAP)));
        return 0;
    }
    let (Some(connection), Some(input)) = (trusting!(get_mut(object)), trusting!(bytes_mut(data, len))) else {
        trusting!(write(to, WRONG));
        return 0;
    };
    let (rest, event) = match connection.receive(input) {
        Err(error) => (0, barews_event { is_due: true, ..barews_event::failed(error) }),
        Ok(Received { rest, event: Some(Incoming::Data(chunk)) }) => (rest.len(), barews_event::data(chunk)),
        Ok(Received { rest, event }) => (rest.len(), connection_event(connection, event)),
    };
    trusting!(write(to, event));
    len.saturating_sub(rest)
}

pub(crate) unsafe fn poll_transmit<T: Endpoint>(object: *mut T, data: *mut u8, len: usize) -> usize {
    if holds(object, data, len) {
        return 0;
    }
    let Some(inner) = trusting!(get_mut(object)) else { return 0 };
    let most = if T::has_head(inner) { HEAD_PIECE } else { BAREWS_MAX_CONTROL_FRAME };
    let Some(out) = trusting!(output(data, len, most)) else { return 0 };
    T::poll_transmit(inner, out)
}

pub(crate) unsafe fn transport<T: Endpoint>(object: *const T) -> barews_transport {
    trusting!(get(object)).map_or(BAREWS_TRANSPORT_CLOSE, |inner| crate::event::transport(T::transport(inner)))
}

pub(crate) unsafe fn state<T: Endpoint>(object: *const T) -> barews_state {
    trusting!(get(object))
        .and_then(T::connection)
        .map_or(BAREWS_STATE_CONNECTING, |connection| crate::event::state(connection.state()))
}

pub(crate) unsafe fn error<T: Endpoint>(object: *const T) -> barews_error {
    trusting!(get(object)).map_or(BAREWS_ERR_ARGUMENT, T::error)
}

pub(crate) unsafe fn fail<T: Endpoint>(object: *mut T, error: barews_error) -> barews_error {
    let (Some(inner), Some(error)) = (trusting!(get_mut(object)), protocol(error)) else { return BAREWS_ERR_ARGUMENT };
    T::fail(inner, error);
    BAREWS_OK
}

/// Asks the connection; returns `none` if there is none.
pub(crate) unsafe fn ask<T: Endpoint, A>(
    object: *const T,
    none: A,
    question: impl FnOnce(&Connection<T::Role>) -> A,
) -> A {
    trusting!(get(object)).and_then(T::connection).map_or(none, question)
}

pub(crate) unsafe fn close_reason<T: Endpoint>(object: *const T) -> barews_str {
    trusting!(ask(object, barews_str::NONE, |connection| connection.close_reason().into()))
}

/// Memory to write to, with the place for the length.
#[derive(Clone, Copy)]
pub(crate) struct Out {
    pub(crate) data: *mut u8,
    pub(crate) len: usize,
    pub(crate) written: *mut usize,
}

impl Out {
    /// Whether the length can be written, and the output is apart from everything else.
    fn check<T>(self, object: *const T, input: *const u8, input_len: usize) -> Result<(), barews_error> {
        let Self { data, len, written } = self;
        if written.is_null() || !written.is_aligned() {
            return Err(BAREWS_ERR_ARGUMENT);
        }
        let is_apart = !overlap(data, len, input, input_len)
            && !holds(object, data, len)
            && !holds(object, input, input_len)
            && !holds(written, data, len)
            && !holds(written, input, input_len)
            && !holds(object, written, size_of::<usize>());
        if is_apart { Ok(()) } else { Err(BAREWS_ERR_OVERLAP) }
    }

    /// Writes the length, or the one that is needed.
    pub(crate) unsafe fn finish<E: Code>(self, result: Result<usize, E>) -> barews_error {
        let (len, code) = match result {
            Ok(len) => (len, BAREWS_OK),
            Err(error) => (error.need().unwrap_or(0), error.code()),
        };
        trusting!(write(self.written, len));
        code
    }
}

/// Sends `input` with `call`, which writes at most `extra` bytes more than that.
unsafe fn send<T: Endpoint>(
    object: *mut T,
    now: u64,
    (input, input_len): (*const u8, usize),
    extra: usize,
    out: Out,
    call: impl FnOnce(&mut Connection<T::Role>, &[u8], &mut [u8]) -> Result<Written, Failure>,
) -> barews_error {
    if let Err(error) = out.check(object, input, input_len) {
        return error;
    }
    let Some(input) = trusting!(bytes(input, input_len)) else { return BAREWS_ERR_ARGUMENT };
    let Some(place) = trusting!(output(out.data, out.len, input_len.saturating_add(extra))) else {
        return BAREWS_ERR_ARGUMENT;
    };
    let Some(inner) = trusting!(get_mut(object)) else { return BAREWS_ERR_ARGUMENT };
    let result = match T::sender(inner, now) {
        Ok(connection) => call(connection, input, place).map(Written::len),
        Err(error) => Err(error.into()),
    };
    trusting!(out.finish(result))
}

/// Why a send call failed.
#[derive(Clone, Copy)]
pub(crate) enum Failure {
    Engine(SendError),
    Argument,
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self::Engine(error)
    }
}

impl Code for Failure {
    fn code(self) -> barews_error {
        match self {
            Self::Engine(error) => error.code(),
            Self::Argument => BAREWS_ERR_ARGUMENT,
        }
    }

    fn need(self) -> Option<usize> {
        if let Self::Engine(error) = self { error.need() } else { None }
    }
}

pub(crate) unsafe fn write_message<T: Endpoint>(
    object: *mut T,
    opcode: barews_opcode,
    payload: (*const u8, usize),
    now: u64,
    out: Out,
) -> barews_error {
    trusting!(send(object, now, payload, BAREWS_MAX_HEADER, out, |connection, payload, out| {
        let written = match opcode {
            BAREWS_TEXT => {
                let text = core::str::from_utf8(payload).map_err(|_| Failure::Argument)?;
                connection.write_text(text, out)
            }
            BAREWS_BINARY => connection.write_binary(payload, out),
            _ => return Err(Failure::Argument),
        };
        Ok(written?)
    }))
}

pub(crate) unsafe fn write_unvalidated<T: Endpoint>(
    object: *mut T,
    opcode: barews_opcode,
    payload: (*const u8, usize),
    now: u64,
    out: Out,
) -> barews_error {
    let Some(kind) = message_kind(opcode) else { return BAREWS_ERR_ARGUMENT };
    trusting!(send(object, now, payload, BAREWS_MAX_HEADER, out, |connection, payload, out| {
        Ok(connection.write_unvalidated(kind, payload, out)?)
    }))
}

/// What the header of a frame says.
pub(crate) struct Frame {
    pub(crate) opcode: barews_opcode,
    pub(crate) fin: bool,
    pub(crate) rsv: u8,
    pub(crate) len: u64,
}

pub(crate) unsafe fn begin_frame<T: Endpoint>(object: *mut T, frame: Frame, now: u64, out: Out) -> barews_error {
    if let Err(error) = out.check(object, core::ptr::null(), 0) {
        return error;
    }
    let Some(kind) = message_kind(frame.opcode) else { return BAREWS_ERR_ARGUMENT };
    // The header is made before its length is known, so there must be room for the longest.
    if out.data.is_null() {
        return BAREWS_ERR_ARGUMENT;
    }
    let Some(inner) = trusting!(get_mut(object)) else { return BAREWS_ERR_ARGUMENT };
    if out.len < BAREWS_MAX_HEADER {
        return trusting!(out.finish(Err(SendError::BufferTooSmall { need: BAREWS_MAX_HEADER })));
    }
    let header = T::sender(inner, now)
        .and_then(|connection| connection.begin_frame_with_rsv(kind, frame.fin, Rsv::from_bits(frame.rsv), frame.len));
    trusting!(out.finish(header.map(|header: EncodedHeader| {
        let header = header.as_bytes();
        out.data.copy_from_nonoverlapping(header.as_ptr(), header.len());
        header.len()
    })))
}

pub(crate) unsafe fn mask_payload<T: Endpoint>(object: *mut T, part: *mut u8, len: usize, now: u64) -> barews_error {
    if holds(object, part, len) {
        return BAREWS_ERR_OVERLAP;
    }
    let (Some(inner), Some(part)) = (trusting!(get_mut(object)), trusting!(bytes_mut(part, len))) else {
        return BAREWS_ERR_ARGUMENT;
    };
    outcome(T::sender(inner, now).and_then(|connection| connection.mask_payload(part)))
}

pub(crate) unsafe fn copy_payload<T: Endpoint>(
    object: *mut T,
    part: (*const u8, usize),
    now: u64,
    out: Out,
) -> barews_error {
    trusting!(send(object, now, part, 0, out, |connection, part, out| Ok(connection.copy_payload(part, out)?)))
}

pub(crate) unsafe fn write_ping<T: Endpoint>(
    object: *mut T,
    payload: (*const u8, usize),
    now: u64,
    out: Out,
) -> barews_error {
    trusting!(send(object, now, payload, BAREWS_MAX_HEADER, out, |connection, payload, out| {
        Ok(connection.write_ping(payload, out)?)
    }))
}

pub(crate) unsafe fn write_pong<T: Endpoint>(
    object: *mut T,
    payload: (*const u8, usize),
    now: u64,
    out: Out,
) -> barews_error {
    trusting!(send(object, now, payload, BAREWS_MAX_HEADER, out, |connection, payload, out| {
        Ok(connection.write_pong(payload, out)?)
    }))
}

pub(crate) unsafe fn write_extension_control<T: Endpoint>(
    object: *mut T,
    opcode: barews_opcode,
    payload: (*const u8, usize),
    now: u64,
    out: Out,
) -> barews_error {
    if opcode > 15 {
        return BAREWS_ERR_ARGUMENT;
    }
    trusting!(send(object, now, payload, BAREWS_MAX_HEADER, out, |connection, payload, out| {
        Ok(connection.write_extension_control(Opcode::from_bits(opcode), payload, out)?)
    }))
}

pub(crate) unsafe fn write_close<T: Endpoint>(
    object: *mut T,
    code: u16,
    reason: barews_str,
    now: u64,
    out: Out,
) -> barews_error {
    let input = (reason.data.cast(), reason.len);
    trusting!(send(object, now, input, BAREWS_MAX_CONTROL_FRAME, out, |connection, reason, out| {
        let reason = core::str::from_utf8(reason).map_err(|_| Failure::Argument)?;
        Ok(match code {
            0 if reason.is_empty() => connection.write_close_without_status(out)?,
            0 => return Err(Failure::Argument),
            _ => connection.write_close(CloseCode(code), reason, out)?,
        })
    }))
}

/// Calls a function of a session that changes it.
pub(crate) unsafe fn change<T: Opaque>(object: *mut T, call: impl FnOnce(&mut T::Inner)) -> barews_error {
    let Some(inner) = trusting!(get_mut(object)) else { return BAREWS_ERR_ARGUMENT };
    call(inner);
    BAREWS_OK
}

pub(crate) unsafe fn set_timeouts<T, R>(object: *mut T, timeouts: Timeouts, now: u64) -> barews_error
where
    T: Opaque<Inner = Lent<R>>,
    R: SessionRole,
{
    trusting!(change(object, |session| session.set_timeouts(timeouts, now)))
}

pub(crate) unsafe fn poll_timeout<T, R>(object: *const T) -> u64
where
    T: Opaque<Inner = Lent<R>>,
    R: SessionRole,
{
    trusting!(get(object)).and_then(|session| session.poll_timeout()).unwrap_or(BAREWS_NEVER)
}

pub(crate) unsafe fn is_due<T, R>(object: *const T) -> bool
where
    T: Opaque<Inner = Lent<R>>,
    R: SessionRole,
{
    trusting!(get(object)).is_some_and(|session| session.is_due())
}

pub(crate) unsafe fn take_storage<T, R>(object: *mut T, data: *mut *mut u8, len: *mut usize) -> bool
where
    T: Opaque<Inner = Lent<R>>,
    R: SessionRole,
{
    let Some(storage) = trusting!(get_mut(object)).and_then(|session| session.take_storage()) else { return false };
    let (start, size) = storage.parts();
    trusting! {
        write(data, start);
        write(len, size);
    }
    true
}

pub(crate) fn eof<R: SessionRole>(connection: &mut Connection<R>) -> barews_error {
    outcome(connection.receive_eof())
}
