//! URIs, proxies and credentials.

use barews::handshake::{Proxy, Uri, basic_credentials, bearer_credentials};

use crate::endpoint::Out;
use crate::error::{
    BAREWS_ERR_ARGUMENT, BAREWS_ERR_BUFFER_TOO_SMALL, BAREWS_ERR_OVERLAP, BAREWS_OK, Code, barews_error,
};
use crate::memory::{bytes, holds, output, overlap, write};
use crate::text::barews_str;

/// The parts of a URI. The strings are in the text that was parsed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_uri {
    /// The host. An IPv6 address is in brackets: remove them to connect.
    pub host: barews_str,
    /// The path; can be empty.
    pub path: barews_str,
    /// The query without its `?`; null if there is none.
    pub query: barews_str,
    /// The port: 80 or 443 if the text has none.
    pub port: u16,
    /// Whether the transport needs TLS: `wss` and `https`.
    pub is_secure: bool,
}

/// Parses a URI: `ws`, `wss`, `http` or `https`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_uri_parse(text: barews_str, uri: *mut barews_uri) -> barews_error {
    if uri.is_null() || !uri.is_aligned() {
        return BAREWS_ERR_ARGUMENT;
    }
    if holds(uri, text.data, text.len) {
        return BAREWS_ERR_OVERLAP;
    }
    let Some(text) = trusting!(text.text()) else { return BAREWS_ERR_ARGUMENT };
    let parsed = match Uri::parse(text) {
        Ok(parsed) => parsed,
        Err(error) => return error.code(),
    };
    let parts = barews_uri {
        host: parsed.host().into(),
        path: parsed.path().into(),
        query: parsed.query().map_or(barews_str::NONE, Into::into),
        port: parsed.port(),
        is_secure: parsed.secure(),
    };
    trusting!(write(uri, parts));
    BAREWS_OK
}

/// The settings of a proxy. The host is in the text that was parsed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_proxy {
    /// The host. An IPv6 address is in brackets: remove them to connect.
    pub host: barews_str,
    /// The port.
    pub port: u16,
}

/// Parses the settings of an HTTP proxy, `http://user:password@host:port` for example.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_proxy_parse(text: barews_str, proxy: *mut barews_proxy) -> barews_error {
    if proxy.is_null() || !proxy.is_aligned() {
        return BAREWS_ERR_ARGUMENT;
    }
    if holds(proxy, text.data, text.len) {
        return BAREWS_ERR_OVERLAP;
    }
    let Some(text) = trusting!(text.text()) else { return BAREWS_ERR_ARGUMENT };
    match Proxy::parse(text) {
        Ok(parsed) => trusting!(write(proxy, barews_proxy { host: parsed.host().into(), port: parsed.port() })),
        Err(error) => return error.code(),
    }
    BAREWS_OK
}

/// Whether text can be written there from these inputs.
fn check(out: Out, inputs: [barews_str; 2]) -> barews_error {
    if out.written.is_null() || !out.written.is_aligned() {
        return BAREWS_ERR_ARGUMENT;
    }
    let is_apart = |text: &barews_str| {
        !overlap(out.data, out.len, text.data, text.len) && !holds(out.written, text.data, text.len)
    };
    if inputs.iter().all(is_apart) && !holds(out.written, out.data, out.len) { BAREWS_OK } else { BAREWS_ERR_OVERLAP }
}

/// Writes the value of Proxy-Authorization for these settings: `*written` is 0 if they have no user name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_proxy_authorization(
    text: barews_str,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    let to = Out { data: out, len: out_len, written };
    match check(to, [text, barews_str::NONE]) {
        BAREWS_OK => {}
        error => return error,
    }
    trusting! {
        let (Some(text), Some(place)) = (text.text(), output(out, out_len, out_len)) else { return BAREWS_ERR_ARGUMENT };
        match Proxy::parse(text) {
            Ok(proxy) => to.finish(proxy.authorization(place).map(|value| value.map_or(0, str::len))),
            Err(error) => error.code(),
        }
    }
}

/// Writes the value of Authorization or Proxy-Authorization for a user name and a password (RFC 7617).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_basic_credentials(
    user: barews_str,
    password: barews_str,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    let to = Out { data: out, len: out_len, written };
    match check(to, [user, password]) {
        BAREWS_OK => {}
        error => return error,
    }
    trusting! {
        let parts = (user.text(), password.text(), output(out, out_len, out_len));
        let (Some(user), Some(password), Some(place)) = parts else { return BAREWS_ERR_ARGUMENT };
        to.finish(basic_credentials(user, password, place).map(str::len))
    }
}

/// Writes the value of Authorization for a bearer token (RFC 6750).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_bearer_credentials(
    token: barews_str,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    let to = Out { data: out, len: out_len, written };
    match check(to, [token, barews_str::NONE]) {
        BAREWS_OK => {}
        error => return error,
    }
    trusting! {
        let (Some(token), Some(place)) = (token.text(), output(out, out_len, out_len)) else { return BAREWS_ERR_ARGUMENT };
        to.finish(bearer_credentials(token, place).map(str::len))
    }
}

/// Copies text to the start of `out`, which becomes the rest. Counts its length also where it does not fit.
fn append(out: &mut &mut [u8], len: &mut usize, text: &[u8]) {
    *len = len.saturating_add(text.len());
    let (place, rest) = match core::mem::take(out).split_at_mut_checked(text.len()) {
        Some(split) => split,
        None => return, // no more fits
    };
    for (to, from) in place.iter_mut().zip(text) {
        *to = *from;
    }
    *out = rest;
}

/// Returns the digits of a port.
fn digits(port: u16, buffer: &mut [u8; 5]) -> &[u8] {
    let (mut rest, mut count) = (port, 0);
    for place in buffer.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    buffer.get(5 - count..).unwrap_or_default()
}

/// Resolves a reference against a URI: the Location of a redirect, which can be a whole URI, `//host/path`, `/path`, `path`
/// or `?query`. Writes the URI to `out`, always with its port. `scratch` needs the length of both texts
/// together; if it is shorter, the call fails with `BAREWS_ERR_ARGUMENT`.
///
/// A client that follows redirects should limit their number, and send credentials only to the same origin:
/// `barews_uri_is_same_origin`. Fails with `BAREWS_ERR_URI_DOWNGRADE` if the reference leaves TLS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_uri_join(
    base: barews_str,
    reference: barews_str,
    scratch: *mut u8,
    scratch_len: usize,
    out: *mut u8,
    out_len: usize,
    written: *mut usize,
) -> barews_error {
    let to = Out { data: out, len: out_len, written };
    let scratched = Out { data: scratch, len: scratch_len, written };
    match (check(to, [base, reference]), check(scratched, [base, reference])) {
        (BAREWS_OK, BAREWS_OK) if overlap(out, out_len, scratch, scratch_len) => return BAREWS_ERR_OVERLAP,
        (BAREWS_OK, error) if error != BAREWS_OK => return error,
        (BAREWS_OK, _) => {}
        (error, _) => return error,
    }
    trusting! {
        let parts = (
            base.text(),
            bytes(reference.data.cast(), reference.len),
            output(scratch, scratch_len, scratch_len),
            output(out, out_len, out_len),
        );
        let (Some(base), Some(reference), Some(scratch), Some(mut place)) = parts else { return BAREWS_ERR_ARGUMENT };
        let base = match Uri::parse(base) {
            Ok(base) => base,
            Err(error) => return error.code(),
        };
        let joined = match base.join(reference, scratch) {
            Ok(joined) => joined,
            // It is of `scratch`, and `*written` is about `out`.
            Err(error) if error.need().is_some() => return BAREWS_ERR_ARGUMENT,
            Err(error) => return error.code(),
        };
        let mut len = 0;
        append(&mut place, &mut len, if joined.secure() { b"wss://" } else { b"ws://" });
        append(&mut place, &mut len, joined.host().as_bytes());
        append(&mut place, &mut len, b":");
        append(&mut place, &mut len, digits(joined.port(), &mut [0; 5]));
        append(&mut place, &mut len, joined.path().as_bytes());
        if let Some(query) = joined.query() {
            append(&mut place, &mut len, b"?");
            append(&mut place, &mut len, query.as_bytes());
        }
        write(written, len);
        if len > out_len { BAREWS_ERR_BUFFER_TOO_SMALL } else { BAREWS_OK }
    }
}

/// Returns whether two URIs have the same scheme, host and port. False if one cannot be parsed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_uri_is_same_origin(one: barews_str, other: barews_str) -> bool {
    let (Some(one), Some(other)) = (trusting!(one.text()), trusting!(other.text())) else { return false };
    match (Uri::parse(one), Uri::parse(other)) {
        (Ok(one), Ok(other)) => one.is_same_origin(&other),
        _ => false,
    }
}
