//! Tokens and comma-separated lists (RFC 9110 sections 5.6.1 to 5.6.3).

use super::cursor::{Cursor, TOKEN};

/// Whether `text` is a token: at least one byte, all of them token bytes.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && TOKEN.has_all(text)
}

/// Whether `byte` must not stand in a field value: a control character other than HTAB.
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

/// `text` without white space at its ends.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

/// What stands before `position`, and the rest; everything and nothing if there is no position.
pub(super) fn cut(text: &[u8], position: Option<usize>) -> (&[u8], &[u8]) {
    position.and_then(|n| text.split_at_checked(n)).unwrap_or((text, &[]))
}

/// The elements of a comma-separated list. Empty ones are passed over, as a recipient must (RFC 9110 section 5.6.1).
#[derive(Clone)]
pub(super) struct Elements<'a>(pub(super) Cursor<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.0.0.is_empty() {
            let element = trim(self.0.field(b','));
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

pub(super) fn elements(list: &[u8]) -> Elements<'_> {
    Elements(Cursor(list))
}

/// Whether `list` has an element, and `test` holds for all of them.
pub(super) fn some_and_all(list: &[u8], test: impl Fn(&[u8]) -> bool) -> bool {
    let mut some = false;
    for element in elements(list) {
        if !test(element) {
            return false;
        }
        some = true;
    }
    some
}

/// Whether `list` has an element that equals `token`, case-insensitively.
pub(super) fn contains(list: &[u8], token: &[u8]) -> bool {
    elements(list).any(|element| element.eq_ignore_ascii_case(token))
}

/// ASCII as text.
pub(super) fn text(ascii: &[u8]) -> &str {
    core::str::from_utf8(ascii).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        assert!(!is_token(b""));
        assert!(elements(b" , keep-alive ,,\tUpgrade ,").eq([&b"keep-alive"[..], b"Upgrade"]));
        assert!(contains(b"keep-alive,UPGRADE", b"upgrade"));
        assert!(!contains(b"keep-alive, Upgraded", b"upgrade"));
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
