//! Comma-separated lists (RFC 9110 section 5.6.1).

use super::chars::trim;
use super::cursor::Cursor;

/// The elements of a comma-separated list. Empty ones are skipped, as a recipient must (RFC 9110 section 5.6.1).
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

/// Returns whether `list` has at least one element and `test` holds for all of them.
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

/// Returns whether `list` has an element that equals `token`, case-insensitively.
pub(super) fn contains(list: &[u8], token: &[u8]) -> bool {
    elements(list).any(|element| element.eq_ignore_ascii_case(token))
}

/// Returns ASCII as text. A value that is not UTF-8 reads as empty; it can occur in the fields of a plain request,
/// which are not validated.
pub(super) fn text(ascii: &[u8]) -> &str {
    core::str::from_utf8(ascii).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_skips_white_space_and_empty_elements() {
        assert!(elements(b" , keep-alive ,,\tUpgrade ,").eq([&b"keep-alive"[..], b"Upgrade"]));
        assert!(contains(b"keep-alive,UPGRADE", b"upgrade"));
        assert!(!contains(b"keep-alive, Upgraded", b"upgrade"));
    }
}
