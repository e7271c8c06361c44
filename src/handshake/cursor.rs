//! Text read from its start, piece by piece, and the characters that each kind of piece is made of
//! (RFC 9110 section 5.6.2, RFC 3986 sections 2 and 3).

use super::list::trim_start;

/// What is still to be read.
///
/// Its methods hand back one slice, which fits registers: that is what keeps the grammars small that are made of them.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

/// A kind of character, as a bit.
#[derive(Clone, Copy)]
pub(super) struct Class(u8);

// RFC 9110 5.6.2; the same set as in RFC 6455 4.1: U+0021 to U+007E without separators
pub(super) const TOKEN: Class = Class(1);
/// A character of a registered name, and so of an IPv4 address: unreserved or sub-delims.
pub(super) const HOST: Class = Class(2); // RFC 3986 2.2, 2.3, 3.2.2
/// A character of a path: pchar or the slash.
pub(super) const PATH: Class = Class(4); // RFC 3986 3.3
pub(super) const QUERY: Class = Class(8); // RFC 3986 3.4
/// A hexadecimal digit.
pub(super) const HEX: Class = Class(16);
/// A character of base64 (RFC 4648 section 4).
pub(super) const BASE64: Class = Class(32);
/// Visible ASCII but the `#` that would begin a fragment.
pub(super) const TARGET: Class = Class(64);
pub(super) const DIGIT: Class = Class(128);

/// All of ASCII; where memory is plenty, all bytes, which spares the check of the index.
const CHARACTERS: usize = if cfg!(target_pointer_width = "64") { 256 } else { 128 };

/// The classes of each character.
static CLASSES: [u8; CHARACTERS] = {
    let mut table = [0; CHARACTERS];
    let mut rest: &mut [u8] = &mut table;
    let mut byte = 0u8;
    while let [place, after @ ..] = rest {
        *place = classes(byte);
        (rest, byte) = (after, byte.wrapping_add(1));
    }
    table
};

const fn classes(byte: u8) -> u8 {
    let alphanumeric = byte.is_ascii_alphanumeric();
    let token =
        alphanumeric || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
    let unreserved = alphanumeric || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let host =
        unreserved || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
    let path = host || matches!(byte, b':' | b'@' | b'/');
    let query = path || byte == b'?';
    let hex = byte.is_ascii_hexdigit();
    let base64 = alphanumeric || matches!(byte, b'+' | b'/');
    let target = byte.is_ascii_graphic() && byte != b'#';
    token as u8
        | (host as u8) << 1
        | (path as u8) << 2
        | (query as u8) << 3
        | (hex as u8) << 4
        | (base64 as u8) << 5
        | (target as u8) << 6
        | (byte.is_ascii_digit() as u8) << 7
}

impl Class {
    #[inline(always)]
    pub(super) fn has(self, byte: u8) -> bool {
        CLASSES.get(usize::from(byte)).is_some_and(|classes| classes & self.0 != 0)
    }

    /// Whether all of `text` is of this class.
    pub(super) fn has_all(self, text: &[u8]) -> bool {
        Cursor(text).span(self).len() == text.len()
    }
}

impl<'a> Cursor<'a> {
    /// Takes `n` bytes, or all that there are.
    pub(super) fn take(&mut self, n: usize) -> &'a [u8] {
        let (piece, rest) = self.0.split_at_checked(n).unwrap_or((self.0, &[]));
        self.0 = rest;
        piece
    }

    /// Takes what stands before `byte`, or all.
    pub(super) fn until(&mut self, byte: u8) -> &'a [u8] {
        self.take(self.0.iter().position(|b| *b == byte).unwrap_or(usize::MAX))
    }

    /// [`until`](Self::until), and skips the byte.
    pub(super) fn field(&mut self, byte: u8) -> &'a [u8] {
        let field = self.until(byte);
        self.take(1);
        field
    }

    /// Takes the characters of `class` at the start.
    pub(super) fn span(&mut self, class: Class) -> &'a [u8] {
        let start = *self;
        if cfg!(target_pointer_width = "64") {
            // Where memory is plenty, four at a time as long as all four are of the class.
            let all = |four: &&[u8; 4]| four.iter().fold(true, |all, byte| all & class.has(*byte));
            self.take(4 * self.0.as_chunks::<4>().0.iter().take_while(all).count());
        }
        self.take(self.0.iter().position(|byte| !class.has(*byte)).unwrap_or(usize::MAX));
        start.before(*self)
    }

    /// Skips white space.
    pub(super) fn space(&mut self) {
        self.0 = trim_start(self.0);
    }

    /// Takes a token, or nothing if there is none, and the white space around it.
    pub(super) fn word(&mut self) -> &'a [u8] {
        self.space();
        let token = self.span(TOKEN);
        self.space();
        token
    }

    /// Takes the characters at the start that are of `class`, or escaped: `%` and two hexadecimal digits.
    pub(super) fn escaped(&mut self, class: Class) -> &'a [u8] {
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

    /// Skips `byte` if it is what comes next.
    pub(super) fn skip(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.take(1);
        }
        found
    }

    /// Skips `text` if it is what comes next, in any case; `text` is lower case.
    pub(super) fn eat(&mut self, text: &[u8]) -> bool {
        let mut rest = *self;
        let found = rest.take(text.len()).eq_ignore_ascii_case(text);
        if found {
            *self = rest;
        }
        found
    }

    /// Skips a scheme: `name`, or with an `s` behind it that makes it secure, and `://`. Whether it was secure.
    // RFC 3986 3.1: the scheme is case-insensitive [6455-3-3]
    pub(super) fn scheme(&mut self, name: &[u8]) -> Option<bool> {
        if !self.eat(name) {
            return None;
        }
        let secure = self.eat(b"s");
        self.eat(b"://").then_some(secure)
    }

    /// What was read from here up to `end`.
    pub(super) fn before(mut self, end: Self) -> &'a [u8] {
        self.take(self.0.len().saturating_sub(end.0.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [6455-4.1-29]: a token byte is a visible ASCII character that is no separator.
    #[test]
    fn characters() {
        for byte in 0..=u8::MAX {
            let separator = b"()<>@,;:\\\"/[]?={} \t".contains(&byte);
            assert_eq!(TOKEN.has(byte), byte.is_ascii_graphic() && !separator, "{byte:#x}");
            let sub_delim = b"!$&'()*+,;=".contains(&byte);
            let host = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || sub_delim;
            assert_eq!(HOST.has(byte), host, "{byte:#x}");
            assert_eq!(PATH.has(byte), host || b":@/".contains(&byte), "{byte:#x}");
            assert_eq!(QUERY.has(byte), host || b":@/?".contains(&byte), "{byte:#x}");
            assert_eq!(HEX.has(byte), byte.is_ascii_hexdigit(), "{byte:#x}");
            assert_eq!(DIGIT.has(byte), byte.is_ascii_digit(), "{byte:#x}");
            assert_eq!(BASE64.has(byte), byte.is_ascii_alphanumeric() || b"+/".contains(&byte), "{byte:#x}");
            assert_eq!(TARGET.has(byte), (b'!'..=b'~').contains(&byte) && byte != b'#', "{byte:#x}");
        }
    }

    #[test]
    fn pieces() {
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
