//! A tunnel through an HTTP proxy.

use barews::handshake::{ClientConfig, Progress, Tunnel, Uri};

use crate::config::barews_client_config;
use crate::endpoint::{self, Out};
use crate::error::{BAREWS_ERR_ARGUMENT, BAREWS_ERR_OVERLAP, BAREWS_OK, Code, barews_error};
use crate::memory::{Storage, bytes_mut, get, get_mut, holds, output, overlap, put, write};
use crate::text::{barews_field, barews_str, fields};

/// The size of `barews_tunnel` in words of 8 bytes.
#[cfg(target_pointer_width = "64")]
pub const BAREWS_TUNNEL_WORDS: usize = 14;
/// The size of `barews_tunnel` in words of 8 bytes.
#[cfg(target_pointer_width = "32")]
pub const BAREWS_TUNNEL_WORDS: usize = 9;

/// A tunnel through an HTTP proxy (CONNECT). The host opens the transport to the proxy; a client's session follows over the
/// same transport.
#[repr(C)]
pub struct barews_tunnel {
    words: [u64; BAREWS_TUNNEL_WORDS],
}

opaque!(barews_tunnel, Tunnel<'static, Storage>, 0x40);

/// Begins a tunnel. `storage` holds the head of the proxy's response. It and `config` must stay as long as the tunnel.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_tunnel_init(
    tunnel: *mut barews_tunnel,
    config: *const barews_client_config,
    storage: *mut u8,
    storage_len: usize,
) -> barews_error {
    if holds(tunnel, storage, storage_len) || holds(config, storage, storage_len) {
        return BAREWS_ERR_OVERLAP;
    }
    trusting! {
        let config: Option<&'static ClientConfig<'static>> = get(config);
        let (Some(config), Some(storage)) = (config, Storage::new(storage, storage_len)) else {
            return BAREWS_ERR_ARGUMENT;
        };
        if put(tunnel, Tunnel::new(config, storage)) { BAREWS_OK } else { BAREWS_ERR_ARGUMENT }
    }
}

/// Writes the request for a tunnel to the host of `uri`. `list` can have Proxy-Authorization: see
/// `barews_proxy_authorization`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_tunnel_request(
    tunnel: *const barews_tunnel,
    uri: barews_str,
    list: *const barews_field,
    list_len: usize,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    if written.is_null() || !written.is_aligned() {
        return BAREWS_ERR_ARGUMENT;
    }
    let is_apart = !holds(tunnel, out, out_len)
        && !holds(written, out, out_len)
        && !overlap(uri.data, uri.len, out, out_len)
        && !overlap(list, list_len.saturating_mul(size_of::<barews_field>()), out, out_len);
    if !is_apart {
        return BAREWS_ERR_OVERLAP;
    }
    trusting! {
        let parts = (get(tunnel), uri.text(), fields(list, list_len));
        let (Some(inner), Some(uri), Some(fields)) = parts else { return BAREWS_ERR_ARGUMENT };
        if fields.iter().any(|(name, value)| {
            overlap(name.as_ptr(), name.len(), out, out_len) || overlap(value.as_ptr(), value.len(), out, out_len)
        }) {
            return BAREWS_ERR_OVERLAP;
        }
        let uri = match Uri::parse(uri) {
            Ok(uri) => uri,
            Err(error) => return error.code(),
        };
        let Some(place) = output(out, out_len, out_len) else { return BAREWS_ERR_ARGUMENT };
        Out { data: out, len: out_len, written }.finish(inner.request(&uri, fields, place))
    }
}

/// Reads the proxy's response. Stores in `consumed` how many bytes it took, and in `is_complete` whether the response is
/// complete: the rest is then of the server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_tunnel_receive(
    tunnel: *mut barews_tunnel,
    bytes: *mut u8,
    len: usize,
    consumed: *mut usize,
    is_complete: *mut bool,
) -> barews_error {
    if consumed.is_null() || is_complete.is_null() {
        return BAREWS_ERR_ARGUMENT;
    }
    if holds(tunnel, bytes, len) || holds(consumed, bytes, len) || holds(is_complete, bytes, len) {
        return BAREWS_ERR_OVERLAP;
    }
    trusting! {
        let (Some(inner), Some(input)) = (get_mut(tunnel), bytes_mut(bytes, len)) else { return BAREWS_ERR_ARGUMENT };
        let (taken, complete, code) = match inner.receive(input) {
            Ok(Progress::Partial) => (len, false, BAREWS_OK),
            Ok(Progress::Complete { consumed, .. }) => (consumed, true, BAREWS_OK),
            Err(error) => (len, false, error.code()),
        };
        write(consumed, taken);
        write(is_complete, complete);
        code
    }
}

/// Notes the end of the transport. Returns `BAREWS_ERR_HANDSHAKE_UNEXPECTED_EOF` unless the response is complete.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_tunnel_receive_eof(tunnel: *mut barews_tunnel) -> barews_error {
    let mut outcome = BAREWS_OK;
    match trusting!(endpoint::change(tunnel, |tunnel| outcome = crate::error::outcome(tunnel.receive_eof()))) {
        BAREWS_OK => outcome,
        wrong => wrong,
    }
}

/// Returns whether the proxy has opened the tunnel.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_tunnel_is_open(tunnel: *const barews_tunnel) -> bool {
    trusting!(get(tunnel)).is_some_and(|tunnel| tunnel.is_open())
}

/// Returns the status of the response, 407 for example; 0 before it is known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_tunnel_status(tunnel: *const barews_tunnel) -> u16 {
    trusting!(get(tunnel)).and_then(|tunnel| tunnel.status()).unwrap_or(0)
}

/// Returns the seconds after which to try again, from Retry-After; 0 if there are none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_tunnel_retry_after(tunnel: *const barews_tunnel) -> u32 {
    trusting!(get(tunnel)).and_then(|tunnel| tunnel.retry_after()).unwrap_or(0)
}

/// Returns the value of field `name` of a complete response, the n-th from 0 on: Proxy-Authenticate, Location, Retry-After,
/// or one that `barews_client_settings.keep` names. Returns false if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_tunnel_field(
    tunnel: *const barews_tunnel,
    name: barews_str,
    n: usize,
    value: *mut barews_str,
) -> bool {
    trusting! {
        let (Some(inner), Some(name)) = (get(tunnel), name.text()) else { return false };
        let Some(found) = inner.fields(name).nth(n) else { return false };
        write(value, found.into());
    }
    true
}
