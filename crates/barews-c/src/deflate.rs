//! permessage-deflate (RFC 7692).

use barews::deflate::{Deflater, Direction, Inflater, Level, MAX_RESPONSE, Parameters};

use crate::endpoint::{Out, change};
use crate::error::{
    BAREWS_ERR_ARGUMENT, BAREWS_ERR_BUFFER_TOO_SMALL, BAREWS_ERR_OVERLAP, BAREWS_OK, Code, barews_error,
};
use crate::event::barews_event;
use crate::memory::{Storage, bytes, get, get_mut, holds, output, overlap, put, read, write};
use crate::only_client::barews_client;
use crate::only_server::barews_server;

/// The reserved bit of compressed messages, for `barews_config.extension_rsv`, `barews_event.rsv` and
/// `barews_server_begin_frame`.
pub const BAREWS_RSV1: u8 = 4;

/// The most bytes that `barews_server_accept_deflate` writes.
pub const BAREWS_MAX_DEFLATE_RESPONSE: usize = 128;

/// The most offers of a client.
pub const BAREWS_MAX_DEFLATE_OFFERS: usize = 4;

const _: () = assert!(BAREWS_RSV1 == barews::deflate::RSV1.bits() && MAX_RESPONSE <= BAREWS_MAX_DEFLATE_RESPONSE);

/// How messages are compressed in one direction.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_deflate_direction {
    /// The base-2 logarithm of the window's size in bytes, 8 to 15. Default 15. Values outside this range count as the
    /// nearest of these.
    pub window_bits: u8,
    /// 1 if every message begins with an empty window, otherwise 0.
    pub no_context_takeover: u8,
}

/// The parameters of permessage-deflate: the limits of a host, which depend on its memory, or what was agreed. A server
/// inflates the direction `client` and deflates the direction `server`; a client does the reverse.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_deflate_parameters {
    /// How the server compresses.
    pub server: barews_deflate_direction,
    /// How the client compresses.
    pub client: barews_deflate_direction,
}

impl From<barews_deflate_direction> for Direction {
    fn from(direction: barews_deflate_direction) -> Self {
        let barews_deflate_direction { window_bits, no_context_takeover } = direction;
        Self { window_bits, no_context_takeover: no_context_takeover != 0 }
    }
}

impl From<Direction> for barews_deflate_direction {
    fn from(direction: Direction) -> Self {
        let Direction { window_bits, no_context_takeover } = direction;
        Self { window_bits, no_context_takeover: no_context_takeover.into() }
    }
}

impl From<barews_deflate_parameters> for Parameters {
    fn from(parameters: barews_deflate_parameters) -> Self {
        Self { server: parameters.server.into(), client: parameters.client.into() }
    }
}

impl From<Parameters> for barews_deflate_parameters {
    fn from(parameters: Parameters) -> Self {
        Self { server: parameters.server.into(), client: parameters.client.into() }
    }
}

/// Sets the defaults: two windows of 32 KiB that are kept from message to message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deflate_parameters_init(parameters: *mut barews_deflate_parameters) {
    trusting!(write(parameters, Parameters::DEFAULT.into()));
}

/// Accepts the first of the client's offers that `limits` allow, after `BAREWS_EVENT_REQUEST`. Stores what was agreed in
/// `agreed`, and writes the value for `barews_accept.extensions` to `out`: `*written` is its length, 0 if there is no
/// compression. If there is, set `barews_config.extension_rsv` to `BAREWS_RSV1`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_accept_deflate(
    server: *const barews_server,
    limits: *const barews_deflate_parameters,
    agreed: *mut barews_deflate_parameters,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    if agreed.is_null() || written.is_null() || !written.is_aligned() {
        return BAREWS_ERR_ARGUMENT;
    }
    if holds(server, out, out_len) || holds(written, out, out_len) || holds(agreed, out, out_len) {
        return BAREWS_ERR_OVERLAP;
    }
    trusting! {
        let (Some(limits), Some(session)) = (read(limits), get(server)) else { return BAREWS_ERR_ARGUMENT };
        let Some(place) = output(out, out_len, BAREWS_MAX_DEFLATE_RESPONSE) else { return BAREWS_ERR_ARGUMENT };
        let Some(request) = session.request() else { return crate::error::BAREWS_ERR_BUILD_NOT_NOW };
        let result = Parameters::from(limits).accept(request.extensions(), place);
        let result = result.map(|found| {
            let Some((parameters, value)) = found else { return 0 };
            write(agreed, parameters.into());
            value.len()
        });
        Out { data: out, len: out_len, written }.finish(result)
    }
}

/// Reads a client's offers.
unsafe fn offers(
    list: *const barews_deflate_parameters,
    len: usize,
) -> Option<[Parameters; BAREWS_MAX_DEFLATE_OFFERS]> {
    if len == 0 || len > BAREWS_MAX_DEFLATE_OFFERS {
        return None;
    }
    let mut offers = [Parameters::DEFAULT; BAREWS_MAX_DEFLATE_OFFERS];
    for (n, offer) in offers.iter_mut().take(len).enumerate() {
        *offer = trusting!(read(list.wrapping_add(n)))?.into();
    }
    Some(offers)
}

/// Writes a client's offers, 1 to `BAREWS_MAX_DEFLATE_OFFERS`, most preferred first: the value for
/// `barews_client_settings.extensions`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deflate_offer(
    list: *const barews_deflate_parameters,
    list_len: usize,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    if written.is_null() || !written.is_aligned() {
        return BAREWS_ERR_ARGUMENT;
    }
    if holds(written, out, out_len) {
        return BAREWS_ERR_OVERLAP;
    }
    trusting! {
        let (Some(offers), Some(place)) = (offers(list, list_len), output(out, out_len, out_len)) else {
            return BAREWS_ERR_ARGUMENT;
        };
        let offers = offers.get(..list_len).unwrap_or_default();
        Out { data: out, len: out_len, written }.finish(Parameters::offer(offers, place).map(str::len))
    }
}

/// Stores in `agreed` what the server has agreed to, and in `is_agreed` whether there is compression, after an accepted
/// `BAREWS_EVENT_RESPONSE`. If there is, set `barews_config.extension_rsv` to `BAREWS_RSV1`. Fails with
/// `BAREWS_ERR_HANDSHAKE_EXTENSIONS` if the server has agreed to what was not offered: then close the transport.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_client_agree_deflate(
    client: *const barews_client,
    list: *const barews_deflate_parameters,
    list_len: usize,
    agreed: *mut barews_deflate_parameters,
    is_agreed: *mut bool,
) -> barews_error {
    if agreed.is_null() || is_agreed.is_null() {
        return BAREWS_ERR_ARGUMENT;
    }
    trusting! {
        let (Some(offers), Some(session)) = (offers(list, list_len), get(client)) else { return BAREWS_ERR_ARGUMENT };
        let Some(response) = session.response() else { return crate::error::BAREWS_ERR_BUILD_NOT_NOW };
        let offers = offers.get(..list_len).unwrap_or_default();
        let found = match Parameters::agree(offers, response.extensions()) {
            Ok(found) => found,
            Err(error) => return error.code(),
        };
        write(is_agreed, found.is_some());
        if let Some(found) = found {
            write(agreed, found.into());
        }
        BAREWS_OK
    }
}

/// Returns the size of the window of a direction, in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn barews_deflate_window_size(direction: barews_deflate_direction) -> usize {
    Direction::from(direction).window_size()
}

/// The size of `barews_inflater` in words of 8 bytes.
#[cfg(target_pointer_width = "64")]
pub const BAREWS_INFLATER_WORDS: usize = 312;
/// The size of `barews_inflater` in words of 8 bytes.
#[cfg(target_pointer_width = "32")]
pub const BAREWS_INFLATER_WORDS: usize = 214;

/// Inflates the messages of a connection.
#[repr(C)]
pub struct barews_inflater {
    words: [u64; BAREWS_INFLATER_WORDS],
}

/// An inflater, with the memory for its pieces.
pub(crate) struct Inflating {
    inflater: Inflater<Storage>,
    out: Storage,
}

opaque!(barews_inflater, Inflating, 0x60);

/// Makes an inflater for the agreed direction of the peer. `window` has `barews_deflate_window_size` bytes at least, for this
/// connection alone. Pieces of messages go to `out`, of any size but 0, which many inflaters can share: a piece is valid
/// until one of them is called. A message may have `max_message_size` bytes after it is inflated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_inflater_init(
    inflater: *mut barews_inflater,
    direction: barews_deflate_direction,
    window: *mut u8,
    window_len: usize,
    max_message_size: u64,
    out: *mut u8,
    out_len: usize,
) -> barews_error {
    if overlap(window, window_len, out, out_len) || holds(inflater, window, window_len) || holds(inflater, out, out_len)
    {
        return BAREWS_ERR_OVERLAP;
    }
    let direction = Direction::from(direction);
    if window_len < direction.window_size() {
        return BAREWS_ERR_BUFFER_TOO_SMALL;
    }
    trusting! {
        let parts = (Storage::new(window, direction.window_size()), Storage::new(out, out_len));
        let (Some(window), Some(out)) = parts else { return BAREWS_ERR_ARGUMENT };
        let made = Inflating { inflater: Inflater::new(window, direction, max_message_size), out };
        if put(inflater, made) { BAREWS_OK } else { BAREWS_ERR_ARGUMENT }
    }
}

/// Stores in `piece` the next piece of `chunk`, a `BAREWS_EVENT_DATA`: inflated, or the chunk itself if its message is not
/// compressed. Call it with the same chunk, which it shortens, until `piece->kind` is `BAREWS_EVENT_NONE`. Pieces are like
/// chunks: `first` and `last` mark the ends of the message, and text is UTF-8. An error goes to `barews_server_fail` or the
/// like.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_inflater_inflate(
    inflater: *mut barews_inflater,
    chunk: *mut barews_event,
    piece: *mut barews_event,
) -> barews_error {
    let event = size_of::<barews_event>();
    if piece.is_null() || !piece.is_aligned() {
        return BAREWS_ERR_ARGUMENT;
    }
    if holds(inflater, piece, event) || holds(inflater, chunk, event) || holds(chunk, piece, event) {
        return BAREWS_ERR_OVERLAP;
    }
    trusting! {
        let Some(given) = read(chunk) else { return BAREWS_ERR_ARGUMENT };
        let Some(Inflating { inflater: inner, out }) = get_mut(inflater) else { return BAREWS_ERR_ARGUMENT };
        let out = out.as_mut();
        let is_apart = |data: *const u8, len: usize| {
            !holds(inflater, data, len) && !holds(piece, data, len) && !holds(chunk, data, len)
        };
        if overlap(out.as_ptr(), out.len(), given.payload, given.len)
            || !is_apart(given.payload, given.len)
            || !is_apart(out.as_ptr(), out.len())
        {
            return BAREWS_ERR_OVERLAP;
        }
        let Some(mut rest) = given.chunk() else { return BAREWS_ERR_ARGUMENT };
        let (found, code) = match inner.inflate(&mut rest, out) {
            Ok(Some(part)) => (barews_event::data(part), BAREWS_OK),
            Ok(None) => (barews_event::NONE, BAREWS_OK),
            Err(error) => (barews_event::NONE, error.code()),
        };
        write(chunk, barews_event::data(rest));
        write(piece, found);
        code
    }
}

/// How much memory a deflater uses, and how well it compresses: one of `BAREWS_LEVEL_...`.
pub type barews_level = u8;

/// 1.5 times the window.
pub const BAREWS_LEVEL_SMALL: barews_level = 0;
/// 6.5 times the window, and 7.5 KiB of stack.
pub const BAREWS_LEVEL_LARGE: barews_level = 1;

fn level(level: barews_level) -> Option<Level> {
    match level {
        BAREWS_LEVEL_SMALL => Some(Level::SMALL),
        BAREWS_LEVEL_LARGE => Some(Level::LARGE),
        _ => None,
    }
}

/// Returns the memory that a deflater needs, in bytes; 0 for an unknown level.
#[unsafe(no_mangle)]
pub extern "C" fn barews_deflater_memory(size: barews_level, direction: barews_deflate_direction) -> usize {
    level(size).map_or(0, |level| level.memory(Direction::from(direction).window_size()))
}

/// The size of `barews_deflater` in words of 8 bytes.
#[cfg(target_pointer_width = "64")]
pub const BAREWS_DEFLATER_WORDS: usize = 8;
/// The size of `barews_deflater` in words of 8 bytes.
#[cfg(target_pointer_width = "32")]
pub const BAREWS_DEFLATER_WORDS: usize = 6;

/// Deflates the messages of a connection.
///
/// If a secret and text chosen by an attacker are compressed together, in one message or (with context takeover) in several,
/// the attacker can recover the secret from the lengths of messages (CRIME, BREACH).
#[repr(C)]
pub struct barews_deflater {
    words: [u64; BAREWS_DEFLATER_WORDS],
}

opaque!(barews_deflater, Deflater<Storage>, 0x61);

/// Makes a deflater for the agreed direction of the host. `memory` has `barews_deflater_memory` bytes at least, for this
/// connection alone. Messages shorter than `threshold` bytes are not compressed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deflater_init(
    deflater: *mut barews_deflater,
    size: barews_level,
    direction: barews_deflate_direction,
    memory: *mut u8,
    memory_len: usize,
    threshold: usize,
) -> barews_error {
    let Some(level) = level(size) else { return BAREWS_ERR_ARGUMENT };
    let direction = Direction::from(direction);
    if memory_len < level.memory(direction.window_size()) {
        return BAREWS_ERR_BUFFER_TOO_SMALL;
    }
    if holds(deflater, memory, memory_len) {
        return BAREWS_ERR_OVERLAP;
    }
    trusting! {
        let Some(memory) = Storage::new(memory, memory_len) else { return BAREWS_ERR_ARGUMENT };
        if put(deflater, Deflater::new(memory, level, direction, threshold)) { BAREWS_OK } else { BAREWS_ERR_ARGUMENT }
    }
}

/// Whether a call that deflates has its arguments apart.
fn check(deflater: *const barews_deflater, body: *const u8, body_len: usize, out: Out) -> barews_error {
    if out.written.is_null() || !out.written.is_aligned() {
        return BAREWS_ERR_ARGUMENT;
    }
    let is_apart = !overlap(body, body_len, out.data, out.len)
        && !holds(deflater, body, body_len)
        && !holds(deflater, out.data, out.len)
        && !holds(out.written, body, body_len)
        && !holds(out.written, out.data, out.len);
    if is_apart { BAREWS_OK } else { BAREWS_ERR_OVERLAP }
}

/// Deflates a whole message to `out`. `*written` is the length to send, in one frame with `BAREWS_RSV1`; 0 if the message
/// does not become shorter, does not fit `out`, or is shorter than the threshold: then send the message itself, without it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deflater_deflate_message(
    deflater: *mut barews_deflater,
    body: *const u8,
    body_len: usize,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    let to = Out { data: out, len: out_len, written };
    match check(deflater, body, body_len, to) {
        BAREWS_OK => {}
        error => return error,
    }
    trusting! {
        let parts = (get_mut(deflater), bytes(body, body_len), output(out, out_len, body_len));
        let (Some(inner), Some(body), Some(place)) = parts else { return BAREWS_ERR_ARGUMENT };
        write(written, inner.deflate_message(body, place).map_or(0, |deflated| deflated.len()));
        BAREWS_OK
    }
}

/// Deflates a part of a message, for one frame: `BAREWS_RSV1` is for the first frame of the message only. `last` ends the
/// message. Fails with `BAREWS_ERR_BUFFER_TOO_SMALL` if `out` could be too small, and then `*written` is the length that it
/// needs: some bytes more than the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deflater_deflate_part(
    deflater: *mut barews_deflater,
    part: *const u8,
    part_len: usize,
    last: bool,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    let to = Out { data: out, len: out_len, written };
    match check(deflater, part, part_len, to) {
        BAREWS_OK => {}
        error => return error,
    }
    trusting! {
        // A stored block adds 5 bytes to 65,535.
        let most = part_len.saturating_add(part_len / 4096).saturating_add(64);
        let parts = (get_mut(deflater), bytes(part, part_len), output(out, out_len, most));
        let (Some(inner), Some(part), Some(place)) = parts else { return BAREWS_ERR_ARGUMENT };
        to.finish(inner.deflate_part(part, last, place).map(|deflated| deflated.len()))
    }
}

/// Empties the window: the next message does not depend on earlier ones.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deflater_forget(deflater: *mut barews_deflater) -> barews_error {
    trusting!(change(deflater, Deflater::forget))
}
