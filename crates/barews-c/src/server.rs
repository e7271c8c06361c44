//! A server's sessions and connections. `client.rs` is this file with the other role: `BAREWS_BLESS=1 cargo test -p barews-c
//! --test header` writes it.

use barews::Connection;

use crate::config::barews_timeouts;
use crate::endpoint::{self, Frame, Out};
use crate::error::{BAREWS_ERR_ARGUMENT, BAREWS_OK, barews_error};
use crate::event::{barews_event, barews_opcode, barews_state, barews_transport};
use crate::memory::{Storage, is_place, put, take};
use crate::message::barews_receive_buffer;
use crate::only_server::{Role, barews_server, barews_server_connection};
use crate::text::barews_str;

/// Returns the size of a session in bytes, to compare with `sizeof (barews_server)`: do the header and the library belong
/// together?
#[unsafe(no_mangle)]
pub extern "C" fn barews_server_size() -> usize {
    size_of::<barews_server>()
}

/// Makes a session of a connection whose handshake was done elsewhere. The connection moves into it, and must not be used
/// any more. `storage` can be null with length 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_init_open(
    server: *mut barews_server,
    connection: *mut barews_server_connection,
    storage: *mut u8,
    storage_len: usize,
    timeouts: *const barews_timeouts,
    now: u64,
) -> barews_error {
    if !is_place(server) {
        return BAREWS_ERR_ARGUMENT;
    }
    trusting! {
        let Some(storage) = Storage::new(storage, storage_len) else { return BAREWS_ERR_ARGUMENT };
        let Some(connection) = take(connection) else { return BAREWS_ERR_ARGUMENT };
        let timeouts = barews_timeouts::read(timeouts);
        put(server, endpoint::Lent::<Role>::from_connection(connection, storage, timeouts, now));
        BAREWS_OK
    }
}

/// Reads the next event from bytes that the transport read, where they are: it changes them. Returns how many it has
/// consumed. Call it again with the rest until `event->kind` is `BAREWS_EVENT_NONE`, and then
/// `barews_server_poll_transmit`. `now` is the time in ticks: a deadline that has passed is an event after all others.
///
/// Without bytes (null, 0) it looks at the deadlines, and after `barews_server_receive_eof` at the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_receive(
    server: *mut barews_server,
    bytes: *mut u8,
    len: usize,
    now: u64,
    event: *mut barews_event,
) -> usize {
    trusting!(endpoint::receive(server, bytes, len, now, event))
}

/// Reads the next event from a buffer that makes whole messages: of `BAREWS_EVENT_DATA` both `first` and `last` are true.
/// Call it until the kind is `BAREWS_EVENT_NONE`. A message that does not fit the buffer fails the session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_receive_into(
    server: *mut barews_server,
    buffer: *mut barews_receive_buffer,
    now: u64,
    event: *mut barews_event,
) {
    trusting!(crate::message::receive_into(server, buffer, now, event));
}

/// Reports the end of the transport, once all bytes before it were passed to `barews_server_receive`, and all output was
/// written. Then call `barews_server_receive` without bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_receive_eof(server: *mut barews_server, now: u64) -> barews_error {
    trusting!(endpoint::change(server, |session| session.receive_eof(now)))
}

/// Writes what is due: the head of the handshake, then a Pong, a Ping of the keepalive or a Close. Returns its length; 0
/// when nothing can be written now. Call it after each `barews_server_receive` until it returns 0, before waiting for
/// anything. `BAREWS_MAX_CONTROL_FRAME` bytes hold each frame.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_poll_transmit(server: *mut barews_server, out: *mut u8, len: usize) -> usize {
    trusting!(endpoint::poll_transmit(server, out, len))
}

/// Returns whether `barews_server_poll_transmit` has something to write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_is_due(server: *const barews_server) -> bool {
    trusting!(endpoint::is_due(server))
}

/// Returns when to call `barews_server_receive` again, without bytes if there are none; `BAREWS_NEVER` after
/// `BAREWS_EVENT_OVER`, or if no timeout is set. It can be in the past: then call it at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_poll_timeout(server: *const barews_server) -> u64 {
    trusting!(endpoint::poll_timeout(server))
}

/// Says what to do with the transport once `barews_server_poll_transmit` has returned 0 and its output is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_transport(server: *const barews_server) -> barews_transport {
    trusting!(endpoint::transport(server))
}

/// Returns the state: `BAREWS_STATE_CONNECTING` until the handshake is done.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_state(server: *const barews_server) -> barews_state {
    trusting!(endpoint::state(server))
}

/// Reports that the transport has accepted bytes that were waiting because it had accepted none for a while.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_on_written(server: *mut barews_server, now: u64) -> barews_error {
    trusting!(endpoint::change(server, |session| session.on_written(now)))
}

/// Reports that the peer has sent bytes, for a host that keeps them before it passes them to `barews_server_receive`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_on_bytes(server: *mut barews_server, now: u64) -> barews_error {
    trusting!(endpoint::change(server, |session| session.on_bytes(now)))
}

/// Changes the timeouts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_set_timeouts(
    server: *mut barews_server,
    timeouts: *const barews_timeouts,
    now: u64,
) -> barews_error {
    trusting! {
        let timeouts = barews_timeouts::read(timeouts);
        endpoint::set_timeouts(server, timeouts, now)
    }
}

/// Takes the storage of the handshake back once the connection is open, or a server has refused it, and the response is
/// written: one buffer can serve the handshakes of many sessions. Returns false before that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_take_storage(
    server: *mut barews_server,
    storage: *mut *mut u8,
    storage_len: *mut usize,
) -> bool {
    trusting!(endpoint::take_storage(server, storage, storage_len))
}

/// Writes a message as one frame: `BAREWS_TEXT`, which must be UTF-8, or `BAREWS_BINARY`. `out` needs up to
/// `BAREWS_MAX_HEADER` bytes more than the payload, and must be apart from it. `*written` is the length to send; with
/// `BAREWS_ERR_BUFFER_TOO_SMALL` the length that `out` needs, and nothing has changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_write_message(
    server: *mut barews_server,
    opcode: barews_opcode,
    payload: *const u8,
    payload_len: usize,
    now: u64,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    let out = Out { data: out, len: out_len, written };
    trusting!(endpoint::write_message(server, opcode, (payload, payload_len), now, out))
}

/// Like `barews_server_write_message`, for text that is known to be UTF-8, such as text that was received, and for messages
/// of an extension.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_write_unvalidated(
    server: *mut barews_server,
    opcode: barews_opcode,
    payload: *const u8,
    payload_len: usize,
    now: u64,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    let out = Out { data: out, len: out_len, written };
    trusting!(endpoint::write_unvalidated(server, opcode, (payload, payload_len), now, out))
}

/// Writes the header of a data frame whose payload the host sends by itself: `payload_len` bytes, in pieces of any size,
/// each through `barews_server_mask_payload` or `barews_server_copy_payload`. `fin` is false if another frame continues the
/// message. `rsv` is 0 without an extension. `header` has `BAREWS_MAX_HEADER` bytes at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_begin_frame(
    server: *mut barews_server,
    opcode: barews_opcode,
    fin: bool,
    rsv: u8,
    payload_len: u64,
    now: u64,
    header: *mut u8,
    header_len: usize,
    written: *mut usize,
) -> barews_error {
    let out = Out { data: header, len: header_len, written };
    trusting!(endpoint::begin_frame(server, Frame { opcode, fin, rsv, len: payload_len }, now, out))
}

/// Counts the next piece of the frame's payload, which the host then sends. A client masks it in place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_mask_payload(
    server: *mut barews_server,
    part: *mut u8,
    part_len: usize,
    now: u64,
) -> barews_error {
    trusting!(endpoint::mask_payload(server, part, part_len, now))
}

/// Copies the next piece of the frame's payload to `out`, as much of it as fits. A client masks it. `*written` is the length
/// that was taken from `part`, and that is to be sent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_copy_payload(
    server: *mut barews_server,
    part: *const u8,
    part_len: usize,
    now: u64,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    trusting!(endpoint::copy_payload(server, (part, part_len), now, Out { data: out, len: out_len, written }))
}

/// Writes a Ping with up to 125 bytes of payload, which the peer's Pong repeats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_write_ping(
    server: *mut barews_server,
    payload: *const u8,
    payload_len: usize,
    now: u64,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    trusting!(endpoint::write_ping(server, (payload, payload_len), now, Out { data: out, len: out_len, written }))
}

/// Writes a Pong that no Ping asked for. `barews_server_poll_transmit` answers Pings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_write_pong(
    server: *mut barews_server,
    payload: *const u8,
    payload_len: usize,
    now: u64,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    trusting!(endpoint::write_pong(server, (payload, payload_len), now, Out { data: out, len: out_len, written }))
}

/// Writes a control frame with an opcode that a negotiated extension defines.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_write_extension_control(
    server: *mut barews_server,
    opcode: barews_opcode,
    payload: *const u8,
    payload_len: usize,
    now: u64,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    let out = Out { data: out, len: out_len, written };
    trusting!(endpoint::write_extension_control(server, opcode, (payload, payload_len), now, out))
}

/// Writes a Close frame: starts the closing handshake. Go on receiving until `BAREWS_EVENT_OVER`. With 0 for `code` it has
/// no status code. `reason` has up to 123 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_write_close(
    server: *mut barews_server,
    code: u16,
    reason: barews_str,
    now: u64,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    trusting!(endpoint::write_close(server, code, reason, now, Out { data: out, len: out_len, written }))
}

/// Fails the connection for a reason that the host found: an error of `barews_message_buffer_push` or
/// `barews_inflater_inflate` for example. A Close frame with its code is due.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_fail(server: *mut barews_server, error: barews_error) -> barews_error {
    trusting!(endpoint::fail(server, error))
}

/// Returns the first error of the session, or `BAREWS_OK`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_error(server: *const barews_server) -> barews_error {
    trusting!(endpoint::error(server))
}

/// Returns how the connection closed: the code of the Close frame received, 1005 if it had none, 1006 if the connection
/// failed or ended without a Close frame; 0 before that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_close_code(server: *const barews_server) -> u16 {
    trusting!(endpoint::ask(server, 0, |connection| connection.close_code().map_or(0, |code| code.0)))
}

/// Returns the reason in the Close frame received, or the empty string. It is in the session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_close_reason(server: *const barews_server) -> barews_str {
    trusting!(endpoint::close_reason(server))
}

/// Returns whether Close frames were sent both ways.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_is_clean(server: *const barews_server) -> bool {
    trusting!(endpoint::ask(server, false, Connection::is_clean))
}

/// Returns how many payload bytes of the frame that is being received are still to come.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_unread_payload(server: *const barews_server) -> u64 {
    trusting!(endpoint::ask(server, 0, Connection::unread_payload))
}

/// Returns whether the data frame that is being received is the last of its message, for a relay that keeps frames.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_is_last_frame(server: *const barews_server) -> bool {
    trusting!(endpoint::ask(server, false, Connection::is_last_frame))
}

/// Returns how many bytes are still to be sent: the control frame that is due, and the rest of the current frame's payload.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_buffered_amount(server: *const barews_server) -> u64 {
    trusting!(endpoint::ask(server, 0, Connection::buffered_amount))
}

/// Reads the next event from bytes that the transport read, where they are: it changes them. Returns how many it has
/// consumed. Call it again with the rest until `event->kind` is `BAREWS_EVENT_NONE`, and then
/// `barews_server_connection_poll_transmit`. After `BAREWS_EVENT_FAILED` nothing more is received.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_receive(
    connection: *mut barews_server_connection,
    bytes: *mut u8,
    len: usize,
    event: *mut barews_event,
) -> usize {
    trusting!(endpoint::receive_connection(connection, bytes, len, event))
}

/// Reads the next event from a buffer that makes whole messages: of `BAREWS_EVENT_DATA` both `first` and `last` are true.
/// Call it until the kind is `BAREWS_EVENT_NONE`. A message that does not fit the buffer fails the connection.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_receive_into(
    connection: *mut barews_server_connection,
    buffer: *mut barews_receive_buffer,
    event: *mut barews_event,
) {
    trusting!(crate::message::receive_connection_into(connection, buffer, event));
}

/// Notes the end of the transport. Returns `BAREWS_ERR_UNEXPECTED_EOF` if no Close frame came before it, or the error that
/// the connection failed with.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_receive_eof(
    connection: *mut barews_server_connection,
) -> barews_error {
    let mut outcome = BAREWS_OK;
    match trusting!(endpoint::change(connection, |connection| outcome = endpoint::eof(connection))) {
        BAREWS_OK => outcome,
        wrong => wrong,
    }
}

/// Writes the control frame that is due: a Pong or a Close. Returns its length; 0 when nothing is due, or while the payload
/// of a data frame is not complete. Call it after each `barews_server_connection_receive` until it returns 0, before waiting
/// for anything. `BAREWS_MAX_CONTROL_FRAME` bytes hold each frame.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_poll_transmit(
    connection: *mut barews_server_connection,
    out: *mut u8,
    len: usize,
) -> usize {
    trusting!(endpoint::poll_transmit(connection, out, len))
}

/// Says what to do with the transport once `barews_server_connection_poll_transmit` has returned 0 and its output is
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_transport(
    connection: *const barews_server_connection,
) -> barews_transport {
    trusting!(endpoint::transport(connection))
}

/// Returns the state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_state(connection: *const barews_server_connection) -> barews_state {
    trusting!(endpoint::state(connection))
}

/// As `barews_server_write_message`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_write_message(
    connection: *mut barews_server_connection,
    opcode: barews_opcode,
    payload: *const u8,
    payload_len: usize,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    let out = Out { data: out, len: out_len, written };
    trusting!(endpoint::write_message(connection, opcode, (payload, payload_len), 0, out))
}

/// As `barews_server_write_unvalidated`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_write_unvalidated(
    connection: *mut barews_server_connection,
    opcode: barews_opcode,
    payload: *const u8,
    payload_len: usize,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    let out = Out { data: out, len: out_len, written };
    trusting!(endpoint::write_unvalidated(connection, opcode, (payload, payload_len), 0, out))
}

/// As `barews_server_begin_frame`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_begin_frame(
    connection: *mut barews_server_connection,
    opcode: barews_opcode,
    fin: bool,
    rsv: u8,
    payload_len: u64,
    header: *mut u8,
    header_len: usize,
    written: *mut usize,
) -> barews_error {
    let out = Out { data: header, len: header_len, written };
    trusting!(endpoint::begin_frame(connection, Frame { opcode, fin, rsv, len: payload_len }, 0, out))
}

/// As `barews_server_mask_payload`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_mask_payload(
    connection: *mut barews_server_connection,
    part: *mut u8,
    part_len: usize,
) -> barews_error {
    trusting!(endpoint::mask_payload(connection, part, part_len, 0))
}

/// As `barews_server_copy_payload`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_copy_payload(
    connection: *mut barews_server_connection,
    part: *const u8,
    part_len: usize,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    trusting!(endpoint::copy_payload(connection, (part, part_len), 0, Out { data: out, len: out_len, written }))
}

/// As `barews_server_write_ping`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_write_ping(
    connection: *mut barews_server_connection,
    payload: *const u8,
    payload_len: usize,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    trusting!(endpoint::write_ping(connection, (payload, payload_len), 0, Out { data: out, len: out_len, written }))
}

/// As `barews_server_write_pong`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_write_pong(
    connection: *mut barews_server_connection,
    payload: *const u8,
    payload_len: usize,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    trusting!(endpoint::write_pong(connection, (payload, payload_len), 0, Out { data: out, len: out_len, written }))
}

/// As `barews_server_write_extension_control`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_write_extension_control(
    connection: *mut barews_server_connection,
    opcode: barews_opcode,
    payload: *const u8,
    payload_len: usize,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    let out = Out { data: out, len: out_len, written };
    trusting!(endpoint::write_extension_control(connection, opcode, (payload, payload_len), 0, out))
}

/// As `barews_server_write_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_write_close(
    connection: *mut barews_server_connection,
    code: u16,
    reason: barews_str,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    trusting!(endpoint::write_close(connection, code, reason, 0, Out { data: out, len: out_len, written }))
}

/// As `barews_server_fail`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_fail(
    connection: *mut barews_server_connection,
    error: barews_error,
) -> barews_error {
    trusting!(endpoint::fail(connection, error))
}

/// Returns the error that the connection failed with, or `BAREWS_OK`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_error(connection: *const barews_server_connection) -> barews_error {
    trusting!(endpoint::error(connection))
}

/// As `barews_server_close_code`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_close_code(connection: *const barews_server_connection) -> u16 {
    trusting!(endpoint::ask(connection, 0, |connection| connection.close_code().map_or(0, |code| code.0)))
}

/// As `barews_server_close_reason`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_close_reason(
    connection: *const barews_server_connection,
) -> barews_str {
    trusting!(endpoint::close_reason(connection))
}

/// As `barews_server_is_clean`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_is_clean(connection: *const barews_server_connection) -> bool {
    trusting!(endpoint::ask(connection, false, Connection::is_clean))
}

/// As `barews_server_unread_payload`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_unread_payload(connection: *const barews_server_connection) -> u64 {
    trusting!(endpoint::ask(connection, 0, Connection::unread_payload))
}

/// As `barews_server_is_last_frame`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_is_last_frame(connection: *const barews_server_connection) -> bool {
    trusting!(endpoint::ask(connection, false, Connection::is_last_frame))
}

/// As `barews_server_buffered_amount`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_buffered_amount(connection: *const barews_server_connection) -> u64 {
    trusting!(endpoint::ask(connection, 0, Connection::buffered_amount))
}
