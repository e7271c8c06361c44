//! The start of a request, and the fields that an extended CONNECT and its response must not have.

use crate::handshake::error::HandshakeError;

/// The start of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Start<'a> {
    /// The request line of HTTP/1.x.
    Upgrade {
        /// The method.
        method: &'a str,
        /// The request target as it was sent: path and query, or a complete URI.
        target: &'a str,
        /// The x in HTTP/1.x.
        minor_version: u8,
    },
    /// The pseudo-header fields of HTTP/2 and HTTP/3 (RFC 8441 section 4).
    ExtendedConnect {
        /// `:method`.
        method: &'a str,
        /// `:protocol`.
        protocol: &'a str,
        /// `:scheme`.
        scheme: &'a str,
        /// `:authority`; empty if there is none.
        authority: &'a str,
        /// `:path`.
        path: &'a str,
    },
}

/// RFC 9113 8.2.2, RFC 9114 4.2: no hop-by-hop field [8441-5-3]
pub(super) fn check_no_hop(name: &[u8]) -> Result<(), HandshakeError> {
    let hop: [&[u8]; 4] = [b"connection", b"upgrade", b"keep-alive", b"proxy-connection"];
    if hop.iter().any(|hop| name.eq_ignore_ascii_case(hop)) { Err(HandshakeError::Connection) } else { Ok(()) }
}
