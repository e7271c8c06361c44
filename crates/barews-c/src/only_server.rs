//! The opening of a server's session, and what only a server has.

use barews::handshake::{Accept, Request, ServerConfig, Subprotocol};
use barews::session::Session;
use barews::{BuildError, Connection};

use crate::config::{barews_config, barews_server_config, barews_timeouts};
use crate::endpoint::Lent;
use crate::error::{BAREWS_ERR_ARGUMENT, BAREWS_ERR_OVERLAP, BAREWS_OK, Code, barews_error, handshake, outcome};
use crate::memory::{Storage, bytes, get, get_mut, holds, is_place, put, read, write};
use crate::text::{barews_field, barews_str, fields};

/// The role.
pub(crate) type Role = barews::Server;

/// The size of `barews_server` in words of 8 bytes.
#[cfg(target_pointer_width = "64")]
pub const BAREWS_SERVER_WORDS: usize = 68;
/// The size of `barews_server` in words of 8 bytes.
#[cfg(target_pointer_width = "32")]
pub const BAREWS_SERVER_WORDS: usize = 58;

/// A server's session: one WebSocket, from the first byte of the opening handshake to the end of the transport. The caller
/// provides the memory. It must not move after `barews_server_init`, and needs no destructor.
#[repr(C)]
pub struct barews_server {
    words: [u64; BAREWS_SERVER_WORDS],
}

/// The size of `barews_server_connection` in words of 8 bytes.
#[cfg(target_pointer_width = "64")]
pub const BAREWS_SERVER_CONNECTION_WORDS: usize = 30;
/// The size of `barews_server_connection` in words of 8 bytes.
#[cfg(target_pointer_width = "32")]
pub const BAREWS_SERVER_CONNECTION_WORDS: usize = 30;

/// A server's connection alone, for a host whose handshake is done elsewhere, and which keeps its own time. The caller
/// provides the memory.
#[repr(C)]
pub struct barews_server_connection {
    words: [u64; BAREWS_SERVER_CONNECTION_WORDS],
}

opaque!(barews_server, Lent<Role>, 0x10);
opaque!(barews_server_connection, Connection<Role>, 0x11);
endpoints!(barews_server, barews_server_connection, Role);

/// Begins a session when a transport was accepted. `storage` holds the head of the request, as much of it as matters, and
/// then the response: 512 bytes are enough for most. `config` and `storage` must stay until the end of the session, or
/// `barews_server_take_storage`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_init(
    server: *mut barews_server,
    config: *const barews_server_config,
    storage: *mut u8,
    storage_len: usize,
    timeouts: *const barews_timeouts,
    now: u64,
) -> barews_error {
    if !is_place(server) {
        return BAREWS_ERR_ARGUMENT;
    }
    if holds(server, storage, storage_len) || holds(config, storage, storage_len) {
        return BAREWS_ERR_OVERLAP;
    }
    trusting! {
        crate::memory::clear(server);
        let config: Option<&'static ServerConfig<'static>> = get(config);
        let (Some(config), Some(storage)) = (config, Storage::new(storage, storage_len)) else {
            return BAREWS_ERR_ARGUMENT;
        };
        put(server, Session::server(config, storage, barews_timeouts::read(timeouts), now));
        BAREWS_OK
    }
}

/// Begins a connection whose handshake was done elsewhere.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_init(
    connection: *mut barews_server_connection,
    config: *const barews_config,
) -> barews_error {
    trusting! {
        let made = Connection::new(barews::Server, &barews_config::read(config));
        if put(connection, made) { BAREWS_OK } else { BAREWS_ERR_ARGUMENT }
    }
}

/// Returns the size of a connection in bytes, to compare with `sizeof (barews_server_connection)`.
#[unsafe(no_mangle)]
pub extern "C" fn barews_server_connection_size() -> usize {
    size_of::<barews_server_connection>()
}

/// A request. The strings are in the storage of the session: copy what you need when it is answered.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_request {
    /// `GET` or `HEAD`.
    pub method: barews_str,
    /// The path and the query, `/room?user=7` for example.
    pub target: barews_str,
    /// The host, and the port if the client sent one.
    pub host: barews_str,
    /// The origin of the page that connects; null if there is none.
    pub origin: barews_str,
    /// The subprotocol that accepting chooses; null if there is none.
    pub subprotocol: barews_str,
    /// Whether it asks for a WebSocket. If not, it asks for a page.
    pub is_upgrade: bool,
    /// Whether `origin` is the same host and port as `host`.
    pub is_same_origin: bool,
}

/// Asks about the request.
unsafe fn request<A>(server: *const barews_server, question: impl FnOnce(Request<'_>) -> A) -> Option<A> {
    trusting!(get(server)).and_then(|session| session.request()).map(question)
}

/// Returns the request after `BAREWS_EVENT_REQUEST`, until it is answered. Returns false at other times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_request(server: *const barews_server, to: *mut barews_request) -> bool {
    let found = trusting! {
        request(server, |request| barews_request {
            method: request.method().into(),
            target: request.target().into(),
            host: request.host().into(),
            origin: request.origin().map_or(barews_str::NONE, Into::into),
            subprotocol: request.subprotocol().map_or(barews_str::NONE, Into::into),
            is_upgrade: request.is_upgrade(),
            is_same_origin: request.is_same_origin(),
        })
    };
    match found {
        Some(request) if !to.is_null() => trusting!(write(to, request)),
        _ => return false,
    }
    true
}

/// Returns the value of field `name`, the n-th from 0 on if there are several: one that
/// `barews_server_settings.keep` names, or that the engine keeps. The value can have bytes that are not UTF-8. Returns
/// false if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_request_field(
    server: *const barews_server,
    name: barews_str,
    n: usize,
    value: *mut barews_str,
) -> bool {
    let Some(name) = trusting!(name.text()) else { return false };
    let found = trusting!(request(server, |request| request.fields(name).nth(n).map(barews_str::from)));
    match found.flatten() {
        Some(found) => trusting!(write(value, found)),
        None => return false,
    }
    true
}

/// Returns the n-th subprotocol, from 0 on, that the client requests. Returns false if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_request_subprotocol(
    server: *const barews_server,
    n: usize,
    name: *mut barews_str,
) -> bool {
    let found = trusting!(request(server, |request| request.subprotocols().nth(n).map(barews_str::from)));
    match found.flatten() {
        Some(found) => trusting!(write(name, found)),
        None => return false,
    }
    true
}

/// Which subprotocol a server chooses: one of `BAREWS_SUBPROTOCOL_...`.
pub type barews_subprotocol = u8;

/// The first of `barews_server_settings.subprotocols` that the client requests; none if there is no such.
pub const BAREWS_SUBPROTOCOL_PREFERRED: barews_subprotocol = 0;
/// The one that `barews_accept.subprotocol` names.
pub const BAREWS_SUBPROTOCOL_NAMED: barews_subprotocol = 1;
/// None.
pub const BAREWS_SUBPROTOCOL_NONE: barews_subprotocol = 2;

/// What a server adds to the response that accepts. All zeros are the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_accept {
    /// The name for `BAREWS_SUBPROTOCOL_NAMED`.
    pub subprotocol: barews_str,
    /// The value of Sec-WebSocket-Extensions, empty for none. See `barews_server_accept_deflate`.
    pub extensions: barews_str,
    /// Fields to add.
    pub fields: *const barews_field,
    /// The number of fields.
    pub fields_len: usize,
    /// Which subprotocol.
    pub choice: barews_subprotocol,
}

/// Accepts the upgrade. The response is due; the connection can send after it. A request that asks for no upgrade is
/// refused with 426 instead: `barews_server_state` says which. `accept` and `config` can be null for the defaults.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_accept(
    server: *mut barews_server,
    accept: *const barews_accept,
    config: *const barews_config,
) -> barews_error {
    trusting! {
        let accept = match read(accept) {
            None if accept.is_null() => Accept::default(),
            None => return BAREWS_ERR_ARGUMENT,
            Some(accept) => {
                let subprotocol = match accept.choice {
                    BAREWS_SUBPROTOCOL_PREFERRED => Some(Subprotocol::Preferred),
                    BAREWS_SUBPROTOCOL_NAMED => accept.subprotocol.text().map(Subprotocol::Named),
                    BAREWS_SUBPROTOCOL_NONE => Some(Subprotocol::None),
                    _ => None,
                };
                let parts = (subprotocol, accept.extensions.text(), fields(accept.fields, accept.fields_len));
                let (Some(subprotocol), Some(extensions), Some(fields)) = parts else { return BAREWS_ERR_ARGUMENT };
                Accept { subprotocol, extensions, fields, ..Accept::default() }
            }
        };
        let config = barews_config::read(config);
        let Some(session) = get_mut(server) else { return BAREWS_ERR_ARGUMENT };
        outcome(session.accept(&accept, &config))
    }
}

/// Answers with a page, a redirect or a refusal, also before the request is complete. The storage holds the head of the
/// answer. `body` must stay until `barews_server_poll_transmit` has returned 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_respond(
    server: *mut barews_server,
    status: u16,
    list: *const barews_field,
    list_len: usize,
    body: *const u8,
    body_len: usize,
) -> barews_error {
    trusting! {
        let (Some(session), Some(fields), Some(body)) = (get_mut(server), fields(list, list_len), bytes(body, body_len))
        else {
            return BAREWS_ERR_ARGUMENT;
        };
        outcome(session.respond(status, fields, body))
    }
}

/// Like `barews_server_respond`, but the host writes the body, `content_length` bytes, by itself when
/// `barews_server_poll_transmit` has returned 0, and then does what `barews_server_transport` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_respond_head(
    server: *mut barews_server,
    status: u16,
    list: *const barews_field,
    list_len: usize,
    content_length: usize,
) -> barews_error {
    trusting! {
        let (Some(session), Some(fields)) = (get_mut(server), fields(list, list_len)) else {
            return BAREWS_ERR_ARGUMENT;
        };
        outcome(session.respond_head(status, fields, content_length))
    }
}

/// Refuses the request with the HTTP status of an error of the handshake, such as `BAREWS_ERR_HANDSHAKE_ORIGIN` for 403,
/// and with a readable body where a pointer has 64 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_refuse(server: *mut barews_server, error: barews_error) -> barews_error {
    let (Some(session), Some(error)) = (trusting!(get_mut(server)), handshake(error)) else {
        return BAREWS_ERR_ARGUMENT;
    };
    outcome::<BuildError>(session.refuse(error))
}

/// Counts the next piece of a frame's payload that is sent to other peers as well, and that must not change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_count_payload(
    server: *mut barews_server,
    part: *const u8,
    part_len: usize,
    now: u64,
) -> barews_error {
    let (Some(session), Some(part)) = (trusting!(get_mut(server)), trusting!(bytes(part, part_len))) else {
        return BAREWS_ERR_ARGUMENT;
    };
    outcome(session.sender(now).and_then(|connection| connection.count_payload(part)))
}

/// As `barews_server_count_payload`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_connection_count_payload(
    connection: *mut barews_server_connection,
    part: *const u8,
    part_len: usize,
) -> barews_error {
    let (Some(connection), Some(part)) = (trusting!(get_mut(connection)), trusting!(bytes(part, part_len))) else {
        return BAREWS_ERR_ARGUMENT;
    };
    outcome(connection.count_payload(part))
}

/// Writes the value of Sec-WebSocket-Accept for a value of Sec-WebSocket-Key to `out`, 28 bytes without a NUL: for a host
/// that does the handshake by itself. Returns false if the key is not valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_accept_key(key: barews_str, out: *mut u8) -> bool {
    trusting! {
        let Some(accept) = bytes(key.data.cast(), key.len).and_then(barews::handshake::accept_key) else { return false };
        if out.is_null() {
            return false;
        }
        out.cast::<[u8; 28]>().write(accept);
    }
    true
}
