//! References to another URI, as in Location (RFC 3986 section 5.2).

use super::{Uri, scheme};
use crate::bytes::copy;
use crate::handshake::cursor::Cursor;
use crate::handshake::error::{BuildError, UriError};

impl Uri<'_> {
    /// Resolves a reference against this URI and writes the result to `out`: the Location of a redirect, which is a
    /// whole URI, `//host/path`, `/path`, `path` or `?query`. Dot segments are removed, and so is a fragment.
    ///
    /// A client that follows redirects should limit their number, and send credentials only to the
    /// [same origin](Self::is_same_origin).
    ///
    /// ```
    /// use barews::handshake::{Uri, UriError};
    /// use barews::BuildError;
    ///
    /// let uri = Uri::parse("wss://example.com/chat/room?id=7")?;
    /// let mut out = [0; 256];
    /// assert_eq!(uri.join(b"../lobby#top", &mut out)?.to_string(), "wss://example.com/lobby");
    /// assert_eq!(uri.join(b"https://b.example:8443/", &mut out)?.to_string(), "wss://b.example:8443/");
    /// assert_eq!(uri.join(b"http://example.com/", &mut out), Err(BuildError::Uri(UriError::Downgrade)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`BuildError::Uri`] if the result is not a WebSocket URI, or would leave TLS; text that is not UTF-8 counts as a
    /// bad path. [`BuildError::BufferTooSmall`] if
    /// `out` is too small for both URIs together.
    pub fn join<'b>(&self, reference: &[u8], out: &'b mut [u8]) -> Result<Uri<'b>, BuildError> {
        // RFC 9110 10.2.2: relative to the URI of the request [9110-10.2.2-1]
        let mut rest = Cursor(Cursor(reference).until(b'#'));
        let secure = scheme(&mut rest);
        // RFC 3986 5.2.2: a scheme or an authority replaces that of the base [3986-5.2.2-1]
        let is_absolute = secure.is_some() || rest.eat(b"//");
        let secure = secure.unwrap_or(self.secure);
        let authority = if is_absolute { rest.until_any(b"/?") } else { &[] };
        let path = rest.until(b'?');
        if !is_absolute && Cursor(path).until_any(b"/:").len() < Cursor(path).until(b'/').len() {
            return Err(BuildError::Uri(UriError::Scheme)); // another scheme, as in `mailto:a`
        }
        // RFC 3986 5.2.2: without a path, the base's path and query [3986-5.2.2-2]
        let query =
            if !is_absolute && path.is_empty() && rest.0.is_empty() { self.query.map(str::as_bytes) } else { None };

        let need = "wss://:65535?".len() + self.host.len() + self.path.len() + self.query.map_or(0, str::len);
        let need = need.saturating_add(reference.len());
        let mut tail = Tail { free: out.get_mut(..need).ok_or(BuildError::BufferTooSmall { need })?.len(), out };
        tail.prepend(query.unwrap_or(rest.0));
        if query.is_some() {
            tail.prepend(b"?");
        }
        if !is_absolute && path.is_empty() {
            tail.prepend(self.path.as_bytes());
        } else {
            // RFC 3986 5.2.3: after the last "/" of the base [3986-5.2.3-1]
            let slash = self.path.bytes().rposition(|byte| byte == b'/').unwrap_or(0);
            let directory = self.path.as_bytes().get(..slash).unwrap_or_default();
            let base: &[u8] = if is_absolute || path.starts_with(b"/") { &[] } else { directory };
            tail.prepend_path(base, path);
        }
        if is_absolute {
            tail.prepend(authority);
        } else {
            tail.prepend_port(self.explicit_port());
            tail.prepend(self.host.as_bytes());
        }
        tail.prepend(if secure { b"wss://" } else { b"ws://" });
        let Tail { out, free } = tail;
        let text = out.get(free..need).unwrap_or_else(|| never!(&[]));
        let uri = Uri::parse(core::str::from_utf8(text).map_err(|_| BuildError::Uri(UriError::Path))?);
        let uri = uri.map_err(BuildError::Uri)?;
        if self.secure && !uri.secure {
            return Err(BuildError::Uri(UriError::Downgrade));
        }
        Ok(uri)
    }

    /// Returns whether both URIs have the same scheme, host and port (RFC 6454 section 5). Only then send the same
    /// credentials.
    ///
    /// ```
    /// use barews::handshake::Uri;
    ///
    /// let uri = Uri::parse("ws://example.com/a")?;
    /// assert!(uri.is_same_origin(&Uri::parse("ws://EXAMPLE.com:80/b")?));
    /// assert!(!uri.is_same_origin(&Uri::parse("wss://example.com/a")?));
    /// # Ok::<(), barews::handshake::UriError>(())
    /// ```
    #[must_use]
    pub fn is_same_origin(&self, other: &Uri<'_>) -> bool {
        (self.secure, self.port) == (other.secure, other.port) && self.host.eq_ignore_ascii_case(other.host)
    }
}

/// Writes text from the end of a buffer to its start.
struct Tail<'o> {
    out: &'o mut [u8],
    /// The bytes before the text.
    free: usize,
}

impl Tail<'_> {
    /// Writes `bytes` before the text, for which there is room.
    fn prepend(&mut self, bytes: &[u8]) {
        let start = self.free.saturating_sub(bytes.len());
        match self.out.get_mut(start..self.free) {
            Some(room) => _ = copy(room, bytes),
            None => never!(),
        }
        self.free = start;
    }

    /// Writes a path without dot segments: `path` in the directory `base` (RFC 3986 section 5.2.4).
    // RFC 3986 5.2.4: remove "." and ".." [3986-5.2.4-1]
    fn prepend_path(&mut self, base: &[u8], path: &[u8]) {
        let split = |path| <[u8]>::rsplit(path, |byte| *byte == b'/');
        // A path that begins with a slash has an empty first segment, which is not one.
        let base = base.strip_prefix(b"/");
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let (mut is_last, mut removed) = (true, 0usize);
        for segment in split(path).chain(base.into_iter().flat_map(split)) {
            let is_dot = matches!(segment, b"." | b"..");
            if segment == b".." {
                removed = removed.saturating_add(1);
            }
            if is_last && is_dot {
                self.prepend(b"/");
            } else if !is_dot && removed > 0 {
                removed -= 1;
            } else if !is_dot {
                self.prepend(segment);
                self.prepend(b"/");
            }
            is_last = false;
        }
    }

    fn prepend_port(&mut self, port: Option<u16>) {
        let Some(mut port) = port else { return };
        while port > 0 {
            // mutant: replace | with ^: the bits are disjoint
            self.prepend(&[b'0' | (port % 10) as u8]);
            port /= 10;
        }
        self.prepend(b":");
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::string::ToString;

    fn joined(base: &str, reference: &str) -> Result<alloc::string::String, BuildError> {
        let mut out = [0; 200];
        Uri::parse(base).unwrap().join(reference.as_bytes(), &mut out).map(|uri| uri.to_string())
    }

    /// RFC 3986 sections 5.4.1 and 5.4.2, without the references that keep a fragment or are no WebSocket URI.
    /// [3986-5.2.2-2] [3986-5.2.3-1] [3986-5.2.4-1] [9110-10.2.2-1]
    #[test]
    fn reference_is_resolved_as_rfc_3986_has_it() {
        for (reference, target) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            ("g?y#s", "/b/c/g?y"),
            (";x", "/b/c/;x"),
            ("g;x", "/b/c/g;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"),
            ("../../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            (".g", "/b/c/.g"),
            ("g..", "/b/c/g.."),
            ("..g", "/b/c/..g"),
            ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"),
            ("g/./h", "/b/c/g/h"),
            ("g/../h", "/b/c/h"),
            ("g;x=1/./y", "/b/c/g;x=1/y"),
            ("g;x=1/../y", "/b/c/y"),
            ("g?y/./x", "/b/c/g?y/./x"),
            ("g?y/../x", "/b/c/g?y/../x"),
            ("?", "/b/c/d;p?"),
            ("g//../h", "/b/c/g/h"),
            ("/g:h", "/g:h"),
            ("./g:h", "/b/c/g:h"),
        ] {
            let expected = alloc::format!("ws://a:8080{target}");
            assert_eq!(joined("ws://a:8080/b/c/d;p?q", reference), Ok(expected), "{reference:?}");
        }
        assert_eq!(joined("ws://a", "g"), Ok("ws://a/g".into()));
        assert_eq!(joined("ws://a", ".."), Ok("ws://a/".into()));
        assert_eq!(joined("wss://[::1]:65535/x", "y"), Ok("wss://[::1]:65535/y".into()));
    }

    /// [3986-5.2.2-1] [9110-15.4-1]
    #[test]
    fn reference_can_name_another_server() {
        for (reference, result) in [
            ("wss://b/c/../d", "wss://b/d"),
            ("HTTPS://b:1", "wss://b:1/"),
            ("https://b?q", "wss://b/?q"),
            ("//b", "wss://b/"),
            ("//b:443/c", "wss://b/c"),
            ("//b/..", "wss://b/"),
        ] {
            assert_eq!(joined("wss://a/x?y", reference), Ok(result.into()), "{reference:?}");
        }
        assert_eq!(joined("ws://a/", "http://b/"), Ok("ws://b/".into()));
        assert_eq!(joined("ws://a/", "wss://b/"), Ok("wss://b/".into()));
    }

    #[test]
    fn bad_reference_is_refused() {
        use UriError::*;
        for (reference, error) in [
            ("ws://b/", Downgrade),
            ("http://a/", Downgrade),
            ("mailto:a", Scheme),
            ("ftp://b/", Scheme),
            ("wsss://b/", Scheme),
            ("https://", Host),
            ("//", Host),
            ("///x", Host),
            ("//b:x/", Port),
            ("//user@b/", UserInfo),
            ("/a b", Path),
            ("/\r\nX: y", Path),
            ("/\u{e9}", Path),
            ("?\u{0}", Query),
        ] {
            assert_eq!(joined("wss://a/", reference), Err(BuildError::Uri(error)), "{reference:?}");
        }
        let uri = Uri::parse("wss://a/").unwrap();
        assert_eq!(uri.join(b"/\xff", &mut [0; 99]), Err(BuildError::Uri(Path)));
    }

    #[test]
    fn reported_size_suffices() {
        let uri = Uri::parse("ws://a:65535/b/c?d").unwrap();
        for reference in [&b""[..], b"x", b"?", b"//b", b"wss://b", b"/../../x"] {
            let Err(BuildError::BufferTooSmall { need }) = uri.join(reference, &mut []) else { panic!() };
            assert_eq!(uri.join(reference, &mut alloc::vec![0; need - 1]), Err(BuildError::BufferTooSmall { need }));
            assert!(uri.join(reference, &mut alloc::vec![0; need]).is_ok());
            let mut larger = alloc::vec![7; need + 9];
            assert!(uri.join(reference, &mut larger).is_ok());
            assert_eq!(larger[need..], [7; 9]);
        }
    }
}
