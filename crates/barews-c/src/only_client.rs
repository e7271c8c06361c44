//! The opening of a client's session, and what only a client has.

use core::ffi::c_void;

use barews::handshake::{ClientConfig, ClientRequest, Response, Uri};
use barews::session::Session;
use barews::{Client, Connection};

use crate::config::{barews_client_config, barews_config, barews_timeouts};
use crate::endpoint::Lent;
use crate::error::{BAREWS_ERR_ARGUMENT, BAREWS_ERR_OVERLAP, BAREWS_OK, Code, barews_error, outcome};
use crate::memory::{Storage, clear, get, get_mut, holds, is_place, put, read, write};
use crate::text::{barews_field, barews_str, fields};

/// Where a client's random bytes come from: a cryptographically secure generator that has a new seed at each start. An
/// attacker who can predict them can choose the bytes on the wire (RFC 6455 section 10.3).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_key_source {
    /// Fills `len` bytes at `bytes`: 16 for a handshake, 4 for each frame. It cannot fail, and must not call a function of
    /// the same session.
    pub fill: Option<unsafe extern "C" fn(context: *mut c_void, bytes: *mut u8, len: usize)>,
    /// Passed to each call, unchanged. It must stay as long as the session.
    pub context: *mut c_void,
}

/// A key source that has a function.
#[derive(Clone, Copy)]
pub(crate) struct Keys {
    fill: unsafe extern "C" fn(*mut c_void, *mut u8, usize),
    context: *mut c_void,
}

impl Keys {
    /// Reads a key source; `None` if it has no function.
    ///
    /// # Safety
    ///
    /// `source` is null, or points to a key source that is initialised.
    unsafe fn read(source: *const barews_key_source) -> Option<Self> {
        // SAFETY: the same duty.
        let barews_key_source { fill, context } = unsafe { read(source) }?;
        Some(Self { fill: fill?, context })
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        // SAFETY: the header says that the function takes these arguments and fills these bytes, nothing else.
        unsafe { (self.fill)(self.context, bytes.as_mut_ptr(), N) };
        bytes
    }
}

impl barews::MaskingKeys for Keys {
    fn next_key(&mut self) -> [u8; 4] {
        self.random()
    }
}

/// The role.
pub(crate) type Role = Client<Keys>;

/// The size of `barews_client` in words of 8 bytes.
#[cfg(target_pointer_width = "64")]
pub const BAREWS_CLIENT_WORDS: usize = 68;
/// The size of `barews_client` in words of 8 bytes.
#[cfg(target_pointer_width = "32")]
pub const BAREWS_CLIENT_WORDS: usize = 58;

/// A client's session: one WebSocket, from the first byte of the opening handshake to the end of the transport. The caller
/// provides the memory. It must not move after `barews_client_init`, and needs no destructor.
#[repr(C)]
pub struct barews_client {
    words: [u64; BAREWS_CLIENT_WORDS],
}

/// The size of `barews_client_connection` in words of 8 bytes.
#[cfg(target_pointer_width = "64")]
pub const BAREWS_CLIENT_CONNECTION_WORDS: usize = 32;
/// The size of `barews_client_connection` in words of 8 bytes.
#[cfg(target_pointer_width = "32")]
pub const BAREWS_CLIENT_CONNECTION_WORDS: usize = 30;

/// A client's connection alone, for a host whose handshake is done elsewhere, and which keeps its own time. The caller
/// provides the memory.
#[repr(C)]
pub struct barews_client_connection {
    words: [u64; BAREWS_CLIENT_CONNECTION_WORDS],
}

opaque!(barews_client, Lent<Role>, 0x20);
opaque!(barews_client_connection, Connection<Role>, 0x21);
endpoints!(barews_client, barews_client_connection, Role);

/// What a client requests.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_client_request {
    /// The URI, `wss://example.com/room` for example. The host opens the transport, with TLS for `wss` and `https`: see
    /// `barews_uri_parse`.
    pub uri: barews_str,
    /// The value of Origin; null for none. Only browsers have to send it.
    pub origin: barews_str,
    /// Fields to add, such as Authorization or Cookie.
    pub fields: *const barews_field,
    /// The number of fields.
    pub fields_len: usize,
}

/// Begins a session when its transport is open. The request is due: it is in `storage`, which then holds the head of the
/// response. `config` and `storage` must stay until the end of the session, or `barews_client_take_storage`; `request` need
/// not. Fails with an error of the URI or of a field; with `BAREWS_ERR_BUFFER_TOO_SMALL` if `storage` is too small.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_client_init(
    client: *mut barews_client,
    config: *const barews_client_config,
    request: *const barews_client_request,
    keys: *const barews_key_source,
    storage: *mut u8,
    storage_len: usize,
    timeouts: *const barews_timeouts,
    now: u64,
) -> barews_error {
    if !is_place(client) {
        return BAREWS_ERR_ARGUMENT;
    }
    if holds(client, storage, storage_len) || holds(config, storage, storage_len) {
        return BAREWS_ERR_OVERLAP;
    }
    trusting! {
        clear(client);
        let config: Option<&'static ClientConfig<'static>> = get(config);
        let (Some(config), Some(request), Some(keys)) = (config, read(request), Keys::read(keys)) else {
            return BAREWS_ERR_ARGUMENT;
        };
        let parts = (request.uri.text(), request.origin.text(), fields(request.fields, request.fields_len));
        let (Some(uri), Some(origin), Some(fields)) = parts else { return BAREWS_ERR_ARGUMENT };
        let uri = match Uri::parse(uri) {
            Ok(uri) => uri,
            Err(error) => return error.code(),
        };
        let origin = (!request.origin.data.is_null()).then_some(origin);
        let request = ClientRequest { origin, fields, ..ClientRequest::new(uri) };
        let Some(storage) = Storage::new(storage, storage_len) else { return BAREWS_ERR_ARGUMENT };
        let timeouts = barews_timeouts::read(timeouts);
        match Session::client(config, &request, keys.random(), storage, timeouts, now) {
            Ok(session) => put(client, session),
            Err(error) => return error.code(),
        };
        BAREWS_OK
    }
}

/// Begins a connection whose handshake was done elsewhere.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_client_connection_init(
    connection: *mut barews_client_connection,
    config: *const barews_config,
    keys: *const barews_key_source,
) -> barews_error {
    trusting! {
        let Some(keys) = Keys::read(keys) else { return BAREWS_ERR_ARGUMENT };
        let made = Connection::new(Client(keys), &barews_config::read(config));
        if put(connection, made) { BAREWS_OK } else { BAREWS_ERR_ARGUMENT }
    }
}

/// Returns the size of a connection in bytes, to compare with `sizeof (barews_client_connection)`.
#[unsafe(no_mangle)]
pub extern "C" fn barews_client_connection_size() -> usize {
    size_of::<barews_client_connection>()
}

/// A response. The strings are in the storage of the session.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_response {
    /// The subprotocol that the server chose; null if there is none.
    pub subprotocol: barews_str,
    /// The seconds after which to try again, from Retry-After; 0 if the server did not say so in this form.
    pub retry_after: u32,
    /// The status, 101 for example.
    pub status: u16,
    /// Whether the server accepted: then call `barews_client_connect`.
    pub is_accepted: bool,
}

/// Asks about the response.
unsafe fn response<A>(client: *const barews_client, question: impl FnOnce(Response<'_>) -> A) -> Option<A> {
    trusting!(get(client)).and_then(|session| session.response()).map(question)
}

/// Returns the response after `BAREWS_EVENT_RESPONSE`, until `barews_client_connect`. Returns false at other times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_client_response(client: *const barews_client, to: *mut barews_response) -> bool {
    let found = trusting! {
        response(client, |response| barews_response {
            subprotocol: response.subprotocol().map_or(barews_str::NONE, Into::into),
            retry_after: response.retry_after().unwrap_or(0),
            status: response.status(),
            is_accepted: response.is_accepted(),
        })
    };
    match found {
        Some(response) if !to.is_null() => trusting!(write(to, response)),
        _ => return false,
    }
    true
}

/// Returns the value of field `name`, the n-th from 0 on if there are several: one that `barews_client_settings.keep`
/// names, or that the engine keeps. The value can have bytes that are not UTF-8. Returns false if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_client_response_field(
    client: *const barews_client,
    name: barews_str,
    n: usize,
    value: *mut barews_str,
) -> bool {
    let Some(name) = trusting!(name.text()) else { return false };
    let found = trusting!(response(client, |response| response.fields(name).nth(n).map(barews_str::from)));
    match found.flatten() {
        Some(found) => trusting!(write(value, found)),
        None => return false,
    }
    true
}

/// Opens the connection after a response that is accepted. `keys` gives the masking keys. `config` can be null for the
/// defaults.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_client_connect(
    client: *mut barews_client,
    keys: *const barews_key_source,
    config: *const barews_config,
) -> barews_error {
    trusting! {
        let (Some(session), Some(keys)) = (get_mut(client), Keys::read(keys)) else { return BAREWS_ERR_ARGUMENT };
        outcome(session.connect(keys, &barews_config::read(config)))
    }
}
