//! The host and port in a URI or in Host (RFC 3986 section 3.2).

use super::chars::{DIGIT, HEX, HOST};
use super::cursor::Cursor;
use super::error::UriError;

/// `host [ ":" port ]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Authority<'a> {
    pub(super) host: &'a [u8],
    /// The port, never 0. An empty port counts as absent (RFC 3986 section 3.2.3).
    pub(super) port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads an authority, which ends before a path, before a query or at the end of the text.
    pub(super) const fn read(rest: &mut Cursor<'a>) -> Result<Self, UriError> {
        let start = *rest;
        let valid =
            if rest.skip(b'[') { is_ipv6(rest.until(b']')) && rest.skip(b']') } else { !rest.escaped(HOST).is_empty() };
        let host = start.before(*rest);
        let has_port = valid && rest.skip(b':');
        let port = match if has_port { read_port(rest) } else { Ok(None) } {
            Ok(port) => port,
            Err(error) => return Err(error),
        };
        match rest.0 {
            [] | [b'/' | b'?', ..] if valid => Ok(Self { host, port }),
            _ if has_port => Err(UriError::Port),
            _ => Err(UriError::Host),
        }
    }
}

/// Returns whether all of `text` is an authority.
pub(super) fn is_authority(text: &[u8]) -> bool {
    let mut rest = Cursor(text);
    Authority::read(&mut rest).is_ok() && rest.0.is_empty()
}

const fn read_port(rest: &mut Cursor<'_>) -> Result<Option<u16>, UriError> {
    match rest.span(DIGIT) {
        [] => Ok(None),
        digits => match number(digits) {
            port @ 1..=0xffff => Ok(Some(port as u16)),
            _ => Err(UriError::Port),
        },
    }
}

/// Returns the value of `digits`, or more than 2^16 if it has more than 16 bits.
const fn number(mut digits: &[u8]) -> u32 {
    let mut number = 0;
    while let [digit, rest @ ..] = digits
        && number <= 0xffff
    {
        number = number * 10 + (*digit & 15) as u32;
        digits = rest;
    }
    number
}

/// Returns whether `text` is an IPv6 address (RFC 3986 section 3.2.2): eight groups of 16 bits. The last two may be an
/// IPv4 address, and one run of groups may be omitted.
const fn is_ipv6(text: &[u8]) -> bool {
    let mut rest = Cursor(text);
    if rest.skip(b':') && !matches!(rest.0, [b':', ..]) {
        return false;
    }
    let (mut groups, mut run) = (0, false);
    loop {
        let start = rest;
        let group = rest.span(HEX);
        if group.is_empty() {
            // an omitted run is written as two colons
            if run || !rest.skip(b':') {
                return false;
            }
            run = true;
        } else {
            groups += 1;
            if is_ipv4(start) {
                groups += 1;
                break;
            }
            if group.len() > 4 || !(rest.0.is_empty() || rest.skip(b':') && !rest.0.is_empty()) {
                return false;
            }
        }
        if rest.0.is_empty() {
            break;
        }
    }
    if run { groups < 8 } else { groups == 8 }
}

/// Returns whether `text` is four numbers of 8 bits.
const fn is_ipv4(mut text: Cursor<'_>) -> bool {
    let mut octets = 0;
    loop {
        let octet = text.span(DIGIT);
        if matches!(octet, [] | [b'0', _, ..]) || number(octet) > 255 {
            return false;
        }
        octets += 1;
        if !text.skip(b'.') {
            return octets == 4 && text.0.is_empty();
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;

    #[test]
    fn authority_has_a_host_and_may_have_a_port() {
        let ok = |host: &'static str, port| Ok(Authority { host: host.as_bytes(), port });
        for (text, expected, rest) in [
            ("a", ok("a", None), ""),
            ("a:", ok("a", None), ""),
            ("a:1/b", ok("a", Some(1)), "/b"),
            ("a?b", ok("a", None), "?b"),
            ("[::1]:65535", ok("[::1]", Some(65535)), ""),
            ("a:0", Err(UriError::Port), ""),
            ("a:65536", Err(UriError::Port), ""),
            ("a:1b", Err(UriError::Port), "b"),
            ("a:b", Err(UriError::Port), "b"),
            ("", Err(UriError::Host), ""),
            (":1", Err(UriError::Host), ":1"),
            ("a b", Err(UriError::Host), " b"),
            ("[::1", Err(UriError::Host), ""),
            ("[::1]a", Err(UriError::Host), "a"),
        ] {
            let mut cursor = Cursor(text.as_bytes());
            assert_eq!((Authority::read(&mut cursor), cursor.0), (expected, rest.as_bytes()), "{text:?}");
            assert_eq!(is_authority(text.as_bytes()), expected.is_ok() && rest.is_empty(), "{text:?}");
        }
    }

    /// Compares with the parser of the standard library, on addresses of up to nine groups with one unusual group.
    #[test]
    fn ipv6_literal_is_valid_if_the_standard_library_parses_it() {
        let pieces = ["", "0", "ffff", "12345", "g", "1.2.3.4"];
        let check = |text: &str| {
            assert_eq!(is_ipv6(text.as_bytes()), text.parse::<core::net::Ipv6Addr>().is_ok(), "{text:?}");
        };
        for piece in pieces {
            for at in 0..10 {
                for len in 0..10 {
                    let groups: alloc::vec::Vec<_> = (0..len).map(|i| if i == at { piece } else { "a" }).collect();
                    check(&groups.join(":"));
                    for gap in 0..10 {
                        check(&alloc::format!(
                            "{}::{}",
                            groups[..gap.min(len)].join(":"),
                            groups[gap.min(len)..].join(":")
                        ));
                    }
                }
            }
        }
        for text in [
            "::",
            ":",
            ":::",
            "::1.2.3.255",
            "::1.2.3.256",
            "::1.2.3",
            "::1.2.3.4.5",
            "::01.2.3.4",
            "::1.2.3.4:5",
            "1.2.3.4::",
            "1::2::3",
        ] {
            check(text);
        }
    }
}
