//! Tokens and comma-separated lists (RFC 9110 sections 5.6.1 to 5.6.3).

/// Whether `byte` may stand in a token.
#[inline(always)]
pub(super) fn is_token_byte(byte: u8) -> bool {
    if cfg!(target_pointer_width = "64") {
        matches!(TOKEN_TABLE.get(usize::from(byte)), Some(true))
    } else {
        TOKEN_BITS[(byte >> 5) as usize] >> (byte & 31) & 1 != 0
    }
}

/// The bytes of tokens as a table, which is fast.
static TOKEN_TABLE: [bool; 256] = {
    let mut table = [false; 256];
    let mut rest: &mut [bool] = &mut table;
    let mut byte = 0u8;
    while let [place, after @ ..] = rest {
        *place = is_tchar(byte);
        (rest, byte) = (after, byte.wrapping_add(1));
    }
    table
};

/// The same with one bit for each byte, which is small.
static TOKEN_BITS: [u32; 8] = {
    let mut bits = [0; 8];
    let mut byte = 0u8;
    while byte < 128 {
        bits[(byte >> 5) as usize] |= (is_tchar(byte) as u32) << (byte & 31);
        byte += 1;
    }
    bits
};

// RFC 9110 5.6.2; the same set as in RFC 6455 4.1: U+0021 to U+007E without separators
const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Whether `text` is a token: at least one byte, all of them token bytes.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_token_byte(byte))
}

/// Whether `byte` must not stand in a field value: a control character other than HTAB.
pub(super) const fn is_control(byte: u8) -> bool {
    // RFC 9110 5.5
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

const fn is_white_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    cut(text, text.iter().position(|byte| !is_white_space(byte))).1
}

pub(super) fn trim_end(text: &[u8]) -> &[u8] {
    let keep = text.iter().rposition(|byte| !is_white_space(byte)).map_or(0, |last| last.saturating_add(1));
    cut(text, Some(keep)).0
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
pub(super) fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    list.split(|&byte| byte == b',').map(trim).filter(|element| !element.is_empty())
}

/// Whether `test` holds for an element of `list`. Not generic: one loop serves every list, which small parts profit
/// from.
pub(super) fn any(list: &[u8], test: &dyn Fn(&[u8]) -> bool) -> bool {
    elements(list).any(test)
}

/// Whether `list` has an element, and `test` holds for all of them.
pub(super) fn some_and_all(list: &[u8], test: &dyn Fn(&[u8]) -> bool) -> bool {
    any(list, &|_| true) && !any(list, &|element| !test(element))
}

/// Whether `list` has an element that equals `token`, case-insensitively.
pub(super) fn contains(list: &[u8], token: &[u8]) -> bool {
    any(list, &|element| element.eq_ignore_ascii_case(token))
}

/// Whether `list` has an element, and all of them are tokens.
pub(super) fn is_token_list(list: &[u8]) -> bool {
    some_and_all(list, &is_token)
}

/// ASCII as text.
pub(super) fn text(ascii: &[u8]) -> &str {
    core::str::from_utf8(ascii).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [6455-4.1-29]: a token byte is a visible ASCII character that is no separator.
    #[test]
    fn token_bytes() {
        for byte in 0..=u8::MAX {
            let separator = b"()<>@,;:\\\"/[]?={} \t".contains(&byte);
            assert_eq!(is_token_byte(byte), byte.is_ascii_graphic() && !separator, "{byte:#x}");
            assert_eq!(TOKEN_BITS[(byte >> 5) as usize] >> (byte & 31) & 1 != 0, is_token_byte(byte));
        }
        assert!(!is_token(b""));
    }

    #[test]
    fn lists() {
        assert!(elements(b" , keep-alive ,,\tUpgrade ,").eq([&b"keep-alive"[..], b"Upgrade"]));
        assert!(contains(b"keep-alive,UPGRADE", b"upgrade"));
        assert!(!contains(b"keep-alive, Upgraded", b"upgrade"));
        for (list, valid) in
            [("a", true), (",a,", true), ("a b", false), ("a,\"b\"", false), ("", false), (" , ", false)]
        {
            assert_eq!(is_token_list(list.as_bytes()), valid, "{list:?}");
        }
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
