//! Tokens and comma-separated lists (RFC 9110 sections 5.6.1 to 5.6.3).

use super::chars::trim;
use super::cursor::Cursor;

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
    fn list_has_elements_without_white_space_and_empty_ones() {
        assert!(elements(b" , keep-alive ,,\tUpgrade ,").eq([&b"keep-alive"[..], b"Upgrade"]));
        assert!(contains(b"keep-alive,UPGRADE", b"upgrade"));
        assert!(!contains(b"keep-alive, Upgraded", b"upgrade"));
    }
}
