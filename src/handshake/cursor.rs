//! Text that is read piece by piece, from its start.

use super::chars::{Class, HEX, TOKEN, trim_start};
use crate::target::FAST;

/// The unread text.
///
/// Each method returns a single slice, which fits in registers. That keeps the code of the grammars small.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    /// Takes `n` bytes, or all if there are fewer.
    pub(super) const fn take(&mut self, n: usize) -> &'a [u8] {
        let all = self.0;
        let n = if n < all.len() { n } else { all.len() };
        let (piece, rest) = all.split_at(n);
        self.0 = rest;
        piece
    }

    /// Takes the bytes before `byte`, or all.
    pub(super) const fn until(&mut self, byte: u8) -> &'a [u8] {
        let mut rest = self.0;
        while let [first, after @ ..] = rest
            && *first != byte
        {
            rest = after;
        }
        self.take(self.0.len() - rest.len())
    }

    /// Takes the bytes before any of `bytes`, or all.
    pub(super) fn until_any(&mut self, bytes: &[u8]) -> &'a [u8] {
        self.take(self.0.iter().position(|b| bytes.contains(b)).unwrap_or(usize::MAX))
    }

    /// Like [`until`](Self::until), and skips `byte`.
    pub(super) fn field(&mut self, byte: u8) -> &'a [u8] {
        let field = self.until(byte);
        self.take(1);
        field
    }

    /// Takes the characters of `class` at the start.
    pub(super) const fn span(&mut self, class: Class) -> &'a [u8] {
        let start = *self;
        if FAST {
            // Four at a time as long as all four are of the class.
            while let [a, b, c, d, rest @ ..] = self.0
                && class.has(*a) & class.has(*b) & class.has(*c) & class.has(*d)
            {
                self.0 = rest;
            }
        }
        while let [byte, rest @ ..] = self.0
            && class.has(*byte)
        {
            self.0 = rest;
        }
        start.before(*self)
    }

    /// Skips white space.
    pub(super) fn space(&mut self) {
        self.0 = trim_start(self.0);
    }

    /// Takes a token, or nothing if there is none, and skips the white space around it.
    pub(super) fn word(&mut self) -> &'a [u8] {
        self.space();
        let token = self.span(TOKEN);
        self.space();
        token
    }

    /// Takes the characters at the start that are of `class` or escaped (`%` and two hexadecimal digits).
    pub(super) const fn escaped(&mut self, class: Class) -> &'a [u8] {
        let start = *self;
        loop {
            self.span(class);
            match self.0 {
                // RFC 3986 2.1
                [b'%', high, low, rest @ ..] if HEX.has(*high) && HEX.has(*low) => self.0 = rest,
                _ => return start.before(*self),
            }
        }
    }

    /// Skips `byte` if it is next.
    pub(super) const fn skip(&mut self, byte: u8) -> bool {
        let found = matches!(self.0, [first, ..] if *first == byte);
        if found {
            self.take(1);
        }
        found
    }

    /// Skips `text` if it is next, case-insensitively.
    #[expect(clippy::manual_ignore_case_cmp, reason = "smaller than a call for each byte")]
    pub(super) const fn eat(&mut self, mut text: &[u8]) -> bool {
        let mut rest = self.0;
        while let ([byte, after @ ..], [expected, others @ ..]) = (rest, text)
            && byte.to_ascii_lowercase() == expected.to_ascii_lowercase()
        {
            (rest, text) = (after, others);
        }
        if text.is_empty() {
            self.0 = rest;
        }
        text.is_empty()
    }

    /// Skips a scheme and `://`. The scheme is `name`, or `name` and an `s`; returns whether it has the `s` and is
    /// secure.
    // RFC 3986 3.1: the scheme is case-insensitive [6455-3-3]
    pub(super) const fn scheme(&mut self, name: &[u8]) -> Option<bool> {
        if !self.eat(name) {
            return None;
        }
        let secure = self.eat(b"s");
        if self.eat(b"://") { Some(secure) } else { None }
    }

    /// Returns the text from here to `end`.
    pub(super) const fn before(mut self, end: Self) -> &'a [u8] {
        self.take(self.0.len().saturating_sub(end.0.len()))
    }
}

/// Returns whether all of `text` is of `class`.
pub(super) const fn is_all(text: &[u8], class: Class) -> bool {
    Cursor(text).span(class).len() == text.len()
}

/// Returns whether `text` is a token: at least one byte, and only token bytes.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && is_all(text, TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_reads_text_piece_by_piece() {
        let mut cursor = Cursor(b"ab%4Fc%4g;d;;");
        assert_eq!(cursor.escaped(HEX), b"ab%4Fc");
        assert!(!cursor.eat(b"%4gg") && cursor.eat(b"%4g"));
        assert_eq!((cursor.field(b';'), cursor.field(b';'), cursor.until(b';')), (&b""[..], &b"d"[..], &b""[..]));
        assert_eq!((cursor.0, cursor.take(2), cursor.field(b';')), (&b";"[..], &b";"[..], &b""[..]));
        for (text, secure, rest) in [
            ("ws://a", Some(false), "a"),
            ("WSS://", Some(true), ""),
            ("wsx://", None, "x://"),
            ("wss:/", None, ":/"),
            ("s://", None, "s://"),
            ("", None, ""),
        ] {
            let mut cursor = Cursor(text.as_bytes());
            assert_eq!((cursor.scheme(b"ws"), cursor.0), (secure, rest.as_bytes()), "{text:?}");
        }
    }
}
