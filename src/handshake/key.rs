//! Sec-WebSocket-Key and Sec-WebSocket-Accept (RFC 6455 sections 1.3, 4.1 and 4.2.2).

use super::base64::base64;
use super::chars::BASE64;
use super::cursor::Cursor;
use super::digest::digest;

/// Returns the value of Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2), or `None` if `key` is not 16 bytes in
/// base64.
///
/// The handshakes of this crate call it themselves; it is public for hosts that parse HTTP on their own. `key` is the
/// value of Sec-WebSocket-Key as it was sent, without white space around it.
///
/// ```
/// let accept = barews::handshake::accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept.as_ref(), Some(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
/// ```
pub fn accept_key(key: &[u8]) -> Option<[u8; 28]> {
    key.first_chunk().filter(|_| is_key(key)).map(answer)
}

/// Returns the value of Sec-WebSocket-Accept for a valid key.
pub(super) fn answer(key: &[u8; 24]) -> [u8; 28] {
    let mut accept = [0; 28];
    // RFC 6455 4.2.2: base64(SHA-1(key + GUID)); only the handshake relies on SHA-1 [6455-4.2.2-17]
    base64(&digest(key), &mut accept);
    accept
}

/// Returns a client's nonce in base64.
pub(super) fn encode(nonce: &[u8; 16]) -> [u8; 24] {
    let mut key = [0; 24];
    base64(nonce, &mut key);
    key
}

/// Returns whether `key` is 16 bytes in base64: 22 characters and two of padding.
///
/// The last character can have bits set that do not count, as in the misprinted example of RFC 6455 section 4.1
/// (erratum 3150). The decoded value is 16 bytes even so.
pub(super) fn is_key(key: &[u8]) -> bool {
    // RFC 6455 4.2.1 [6455-4.2.1-6]
    let mut rest = Cursor(key);
    rest.span(BASE64).len() == 22 && rest.0 == b"=="
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [6455-4.2.2-17]: the example in RFC 6455 section 1.3, and keys from other software.
    #[test]
    fn accept_key_answers_known_keys() {
        for (key, accept) in [
            ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("VnZ9oyUU18BVohuELlSkQA==", "V2bG3i/4rNoOe4ODcYE1Ya7I9cQ="),
            ("KtvKERGqMACVCeyB/4hWCA==", "KqV0xd3LtnSb0QGgX2SvGfvI9Z0="),
        ] {
            assert_eq!(accept_key(key.as_bytes()).as_ref().map(|accept| &accept[..]), Some(accept.as_bytes()), "{key}");
        }
    }

    /// [6455-4.1-22], erratum 3150.
    #[test]
    fn nonce_is_encoded_in_24_characters() {
        let nonce: [u8; 16] = core::array::from_fn(|i| i as u8 + 1);
        assert_eq!(&encode(&nonce), b"AQIDBAUGBwgJCgsMDQ4PEA==");
    }

    /// [6455-4.2.1-6]
    #[test]
    fn key_must_decode_to_16_bytes() {
        for (key, valid) in [
            ("dGhlIHNhbXBsZSBub25jZQ==", true),
            ("AAAAAAAAAAAAAAAAAAAAA+/+==", false),
            ("++++++++++//////////+/==", true),
            ("AQIDBAUGBwgJCgsMDQ4PEC==", true), // pad bits that are not zero
            ("", false),
            ("==", false),
            ("AAAAAAAAAAAAAAAAAAAA", false),         // 15 bytes
            ("AAAAAAAAAAAAAAAAAAAAAAA=", false),     // 17 bytes
            ("AAAAAAAAAAAAAAAAAAAAAAAA", false),     // 18 bytes
            ("SGVsbG8sIHdvcmxkIQ==", false),         // 13 bytes: a recipe for curl that is often copied
            ("AAAAAAAAAAAAAAAAAAAAAA=", false),      // padding cut short
            ("AAAAAAAAAAAAAAAAAAAAAA===", false),    // padding too long
            ("AAAAAAAAAAAAAAAAAAAA-A==", false),     // the URL alphabet
            ("AAAAAAAAAAAA AAAAAAAAA==", false),     // white space inside
            ("AAAAAAAAAAAAAAAAAAAAAA==AAAA", false), // data after the padding
        ] {
            assert_eq!(is_key(key.as_bytes()), valid, "{key:?}");
        }
    }
}
