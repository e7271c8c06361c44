//! The configuration of both roles, what a client requests, and a server's choices when it accepts.
//!
//! The hidden field `_non_exhaustive` makes hosts end a value with `..DEFAULT` or the like, so that a new limit breaks
//! none of them. `#[non_exhaustive]` would forbid that syntax too.

use super::origin::OriginPolicy;
use super::uri::Uri;

/// The default limit on the bytes of a head: 16 KiB.
pub const MAX_HEAD_SIZE: usize = 16 * 1024;

/// The default limit on the fields of a head.
pub const MAX_FIELDS: usize = 100;

/// What a server accepts. All handshakes can share one value, which can be a `static`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ServerConfig<'c> {
    /// Which web pages may connect.
    pub origin: OriginPolicy<'c>,
    /// The subprotocols that the server supports, most preferred first.
    pub subprotocols: &'c [&'c str],
    /// The names, in any case, of fields to keep for the host, such as `cookie` or `authorization`.
    pub keep: &'c [&'c str],
    /// The maximum number of bytes of a head, all of them counted. Default: [`MAX_HEAD_SIZE`].
    pub max_head_size: usize,
    /// The maximum number of fields of a head, whether they matter or not. Default: [`MAX_FIELDS`].
    pub max_fields: usize,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl<'c> ServerConfig<'c> {
    /// Creates a configuration with this policy and no subprotocols.
    #[must_use]
    pub const fn new(origin: OriginPolicy<'c>) -> Self {
        Self {
            origin,
            subprotocols: &[],
            keep: &[],
            max_head_size: MAX_HEAD_SIZE,
            max_fields: MAX_FIELDS,
            _non_exhaustive: (),
        }
    }
}

/// The server's choices in the response that [`ServerHandshake::accept`](super::ServerHandshake::accept) writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Accept<'a> {
    /// The subprotocol of the connection.
    pub subprotocol: Subprotocol<'a>,
    /// The value of Sec-WebSocket-Extensions, empty for none: extensions that the client offered, each with the
    /// response parameters that its own specification requires (RFC 6455 section 9.1).
    pub extensions: &'a str,
    /// Fields to add, such as Set-Cookie.
    pub fields: &'a [(&'a str, &'a str)],
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// Which subprotocol to accept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Subprotocol<'a> {
    /// The first of [`ServerConfig::subprotocols`] that the client offered, or none.
    #[default]
    Preferred,
    /// This one, which the client must have offered. Use the host's own string: the names in a
    /// [`Request`](super::Request) borrow the handshake.
    Named(&'a str),
    /// No subprotocol.
    None,
}

/// What a client offers and accepts. All handshakes can share one value, which can be a `static`. A struct that owns a
/// handshake cannot also own its configuration; what is known only at run time is in the [`ClientRequest`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientConfig<'c> {
    /// The subprotocols that the client supports, most preferred first, each once.
    pub subprotocols: &'c [&'c str],
    /// The value of Sec-WebSocket-Extensions, empty for none: the extensions that the client offers, most preferred
    /// first.
    pub extensions: &'c str,
    /// The names, in any case, of response fields to keep for the host, such as `set-cookie`. Location,
    /// WWW-Authenticate, Retry-After and Sec-WebSocket-Version are always kept.
    pub keep: &'c [&'c str],
    /// The maximum number of bytes of a head, including interim responses before it. Default: [`MAX_HEAD_SIZE`].
    pub max_head_size: usize,
    /// The maximum number of fields of a head, including interim responses before it. Default: [`MAX_FIELDS`].
    pub max_fields: usize,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl ClientConfig<'_> {
    /// Offers nothing.
    pub const DEFAULT: Self = Self {
        subprotocols: &[],
        extensions: "",
        keep: &[],
        max_head_size: MAX_HEAD_SIZE,
        max_fields: MAX_FIELDS,
        _non_exhaustive: (),
    };
}

impl Default for ClientConfig<'_> {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What [`ClientHandshake::request`](super::ClientHandshake::request) asks for. The handshake does not keep it, so it
/// can borrow from the value that owns the handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientRequest<'r> {
    /// The server and the resource.
    pub uri: Uri<'r>,
    /// The origin of the web page that makes the request, if there is one (RFC 6454 section 6.2).
    pub origin: Option<&'r str>,
    /// Fields to add, such as Cookie or Authorization.
    pub fields: &'r [(&'r str, &'r str)],
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl<'r> ClientRequest<'r> {
    /// Creates a request for `uri` without an origin or added fields.
    #[must_use]
    pub const fn new(uri: Uri<'r>) -> Self {
        Self { uri, origin: None, fields: &[], _non_exhaustive: () }
    }
}
