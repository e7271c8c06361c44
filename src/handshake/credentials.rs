//! Credentials for the fields Authorization and Proxy-Authorization (RFC 9110 sections 11.4, 11.6.2 and 11.7.2).

use super::base64::base64;
use super::cursor::Cursor;
use super::error::BuildError;
use super::list::text;
use crate::writer::build;

/// Writes `Basic` credentials (RFC 7617) to `out` and returns them: a value for Authorization in
/// [`ClientRequest::fields`](super::ClientRequest::fields), or for Proxy-Authorization in
/// [`Tunnel::request`](super::Tunnel::request).
///
/// The user-id and the password are sent as UTF-8. They take 6 bytes, and 4 for every 3 bytes of `user_id:password`.
/// Base64 hides nothing: send them over TLS only, or to a proxy in a network that is trusted.
///
/// # Errors
///
/// [`BuildError::Credentials`] if the user-id has a colon, or one of the two has a control character (RFC 7617 section
/// 2). [`BuildError::BufferTooSmall`].
///
/// ```
/// use barews::handshake::{self, ClientConfig, ClientHandshake, ClientRequest, Uri};
///
/// # let mut out = [0; 512];
/// # let nonce = *b"the sample nonce";
/// let mut handshake = ClientHandshake::new(&ClientConfig::DEFAULT, nonce, [0; 512]);
/// let mut read = *b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"room\"\r\n\r\n";
/// let _progress = handshake.receive(&mut read)?;
/// let Some(response) = handshake.response() else { panic!() };
/// if response.status() == 401
///     && response.fields("WWW-Authenticate").any(|challenge| challenge.starts_with(b"Basic "))
/// {
///     // Connect again, with a new handshake:
///     let again = ClientHandshake::new(&ClientConfig::DEFAULT, *b"another nonce 16", [0; 512]);
///     let mut value = [0; 64];
///     let value = handshake::basic_credentials("Aladdin", "open sesame", &mut value)?;
///     assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
///     let uri = Uri::parse("wss://example.com/room")?;
///     let request = ClientRequest { fields: &[("Authorization", value)], ..ClientRequest::new(uri) };
///     let len = again.request(&request, &mut out)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn basic_credentials<'o>(user_id: &str, password: &str, out: &'o mut [u8]) -> Result<&'o str, BuildError> {
    // RFC 7617 2: the first colon ends the user-id [7617-2-3]
    if user_id.bytes().any(|byte| byte == b':') {
        return Err(BuildError::Credentials);
    }
    // RFC 7617 2, 2.1: user-id, colon and password, in UTF-8 [7617-2-1] [7617-2.1-1]
    write_basic(user_id.bytes().chain([b':']).chain(password.bytes()), out)
}

/// Writes `Bearer` credentials (RFC 6750 section 2.1) to `out` and returns them, like [`basic_credentials`].
///
/// # Errors
///
/// [`BuildError::Credentials`] if the token is not a token68 (RFC 9110 section 11.2): letters, digits and `-._~+/`, at
/// least one, and `=` at the end only. [`BuildError::BufferTooSmall`].
///
/// ```
/// use barews::handshake;
///
/// let mut value = [0; 64];
/// assert_eq!(handshake::bearer_credentials("mF_9.B5f-4.1JqM", &mut value)?, "Bearer mF_9.B5f-4.1JqM");
/// # Ok::<(), barews::BuildError>(())
/// ```
pub fn bearer_credentials<'o>(token: &str, out: &'o mut [u8]) -> Result<&'o str, BuildError> {
    if !is_token68(token.as_bytes()) {
        return Err(BuildError::Credentials);
    }
    let len = build(out, &|w| {
        // RFC 6750 2.1: the scheme and the token [6750-2.1-1]
        w.bytes(b"Bearer ");
        w.bytes(token.as_bytes());
    })?;
    Ok(text(out.get(..len).unwrap_or_else(|| never!(&[]))))
}

/// Writes `Basic` credentials. `user_pass` is the user-id, a colon and the password.
pub(super) fn write_basic(user_pass: impl Iterator<Item = u8> + Clone, out: &mut [u8]) -> Result<&str, BuildError> {
    // RFC 7617 2: no control characters, and unlike in a field value no HTAB either [7617-2-2]
    if user_pass.clone().any(|byte| byte.is_ascii_control()) {
        return Err(BuildError::Credentials);
    }
    let len = build(out, &|w| {
        w.bytes(b"Basic ");
        let mut rest = user_pass.clone();
        while let Some(first) = rest.next() {
            let (second, third) = (rest.next(), rest.next());
            let mut digits = [0; 4];
            base64(&[first, second.unwrap_or(0), third.unwrap_or(0)], &mut digits);
            let [a, b, c, d] = digits;
            // RFC 4648 4: the last group is padded
            let (c, d) = (second.map_or(b'=', |_| c), third.map_or(b'=', |_| d));
            w.bytes(&[a, b, c, d]);
        }
    })?;
    Ok(text(out.get(..len).unwrap_or_else(|| never!(&[]))))
}

/// Returns whether `text` is a token68 (RFC 9110 section 11.2).
// RFC 9110 11.2: the grammar of token68 [9110-11.2-1]
fn is_token68(text: &[u8]) -> bool {
    let has = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    let mut rest = Cursor(text);
    let token = rest.until(b'=');
    !token.is_empty() && token.iter().all(has) && rest.0.iter().all(|byte| *byte == b'=')
}
