//! The parts of URIs.

use barews::handshake::UriError;
use std::net::Ipv6Addr;

/// Splits and checks `host [ ":" port ]` (RFC 3986 section 3.2).
pub fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), UriError> {
    let end = if authority.starts_with('[') {
        authority.find(']').map_or(authority.len(), |end| end + 1)
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(end);
    let valid = match host.strip_prefix('[') {
        Some(literal) => literal.strip_suffix(']').is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty() && is_escaped(host, "-._~!$&'()*+,;="),
    };
    if !valid || !port.is_empty() && !port.starts_with(':') {
        return Err(UriError::Host);
    }
    match port.trim_start_matches(':') {
        _ if port.len() < 2 => Ok((host, None)),
        digits if port.len() == digits.len() + 1 && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            match digits.trim_start_matches('0').parse() {
                Ok(number) => Ok((host, Some(number))),
                Err(_) => Err(UriError::Port),
            }
        }
        _ => Err(UriError::Port),
    }
}

/// Returns whether `text` consists of letters, digits, characters in `marks`, and `%` with two hexadecimal digits.
pub fn is_escaped(text: &str, marks: &str) -> bool {
    let (plain, escapes) = text.split_once('%').map_or((text, None), |(plain, escapes)| (plain, Some(escapes)));
    plain.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
        && escapes.is_none_or(|escapes| {
            escapes.split('%').all(|part| {
                part.len() >= 2
                    && part.bytes().take(2).all(|digit| digit.is_ascii_hexdigit())
                    && part.chars().skip(2).all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
            })
        })
}
