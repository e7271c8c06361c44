//! Classes of characters in the grammars (RFC 9110 section 5.6.2, RFC 3986 sections 2 and 3), white space, and control
//! characters.

use crate::target::FAST;

/// A class of characters, as a bit.
#[derive(Clone, Copy)]
pub(super) struct Class(u8);

// RFC 9110 5.6.2; the same set as in RFC 6455 4.1: U+0021 to U+007E without separators
pub(super) const TOKEN: Class = Class(1);
/// A character of a registered name or an IPv4 address: unreserved or sub-delims.
pub(super) const HOST: Class = Class(2); // RFC 3986 2.2, 2.3, 3.2.2
/// A hexadecimal digit.
pub(super) const HEX: Class = Class(4);
/// A character of base64 (RFC 4648 section 4).
pub(super) const BASE64: Class = Class(8);
/// Visible ASCII except `#`, which would begin a fragment.
pub(super) const TARGET: Class = Class(16);
pub(super) const DIGIT: Class = Class(32);

/// ASCII only, to save memory; with `FAST` all bytes, so that the index needs no check.
const CHARACTERS: usize = if FAST { 256 } else { 128 };

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

// mutants: replace | with ^: the bits are disjoint
const fn classes(byte: u8) -> u8 {
    let alphanumeric = byte.is_ascii_alphanumeric();
    let token =
        alphanumeric || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
    let unreserved = alphanumeric || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let host =
        unreserved || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
    let hex = byte.is_ascii_hexdigit();
    let base64 = alphanumeric || matches!(byte, b'+' | b'/');
    let target = byte.is_ascii_graphic() && byte != b'#';
    token as u8
        | (host as u8) << 1
        | (hex as u8) << 2
        | (base64 as u8) << 3
        | (target as u8) << 4
        | (byte.is_ascii_digit() as u8) << 5
}

impl Class {
    #[inline(always)]
    pub(super) const fn has(self, byte: u8) -> bool {
        match CLASSES.split_at_checked(byte as usize) {
            Some((_, [classes, ..])) => *classes & self.0 != 0,
            _ => false,
        }
    }
}

/// Returns whether a field value must not contain `byte`: a control character other than HTAB.
pub(super) const fn is_control(byte: u8) -> bool {
    // RFC 9110 5.5
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

pub(super) const fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

pub(super) const fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Returns `text` without white space at its ends.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [6455-4.1-29]: a token byte is a visible ASCII character that is not a separator.
    #[test]
    fn class_has_the_characters_of_its_grammar() {
        for byte in 0..=u8::MAX {
            let separator = b"()<>@,;:\\\"/[]?={} \t".contains(&byte);
            assert_eq!(TOKEN.has(byte), byte.is_ascii_graphic() && !separator, "{byte:#x}");
            let sub_delim = b"!$&'()*+,;=".contains(&byte);
            let host = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || sub_delim;
            assert_eq!(HOST.has(byte), host, "{byte:#x}");
            assert_eq!(HEX.has(byte), byte.is_ascii_hexdigit(), "{byte:#x}");
            assert_eq!(DIGIT.has(byte), byte.is_ascii_digit(), "{byte:#x}");
            assert_eq!(BASE64.has(byte), byte.is_ascii_alphanumeric() || b"+/".contains(&byte), "{byte:#x}");
            assert_eq!(TARGET.has(byte), (b'!'..=b'~').contains(&byte) && byte != b'#', "{byte:#x}");
        }
    }

    #[test]
    fn trim_removes_space_and_tab_at_both_ends() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
