//! What the host wants of a handshake: the configuration of either role, and the choices in an answer.

use super::origin::OriginPolicy;
use super::uri::Uri;

/// The default for the most bytes that a head may have: 16 KiB.
pub const MAX_HEAD_SIZE: usize = 16 * 1024;

/// The default for the most fields that a head may have.
pub const MAX_HEADERS: usize = 100;

/// What a server accepts. One value serves all handshakes and may be a `static`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ServerConfig<'c> {
    /// Which web pages may connect.
    pub origin: OriginPolicy<'c>,
    /// The subprotocols that we speak, most wanted first.
    pub subprotocols: &'c [&'c str],
    /// Fields to keep for the host, such as `cookie` or `authorization`, in any case.
    pub keep: &'c [&'c str],
    /// The most bytes that a head may have, all of it counted. Default: [`MAX_HEAD_SIZE`].
    pub max_head_size: usize,
    /// The most fields that a head may have, whether they matter or not. Default: [`MAX_HEADERS`].
    pub max_headers: usize,
}

impl<'c> ServerConfig<'c> {
    /// A configuration with this policy and no subprotocols.
    pub const fn new(origin: OriginPolicy<'c>) -> Self {
        Self { origin, subprotocols: &[], keep: &[], max_head_size: MAX_HEAD_SIZE, max_headers: MAX_HEADERS }
    }
}

/// What [`ServerHandshake::accept`](super::ServerHandshake::accept) says to the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Accept<'a> {
    /// The subprotocol of the connection.
    pub subprotocol: Subprotocol<'a>,
    /// The value of Sec-WebSocket-Extensions, empty for none: extensions that the client offered, each with the
    /// parameters that its own specification wants in an answer (RFC 6455 section 9.1).
    pub extensions: &'a str,
    /// Fields to add, such as Set-Cookie.
    pub headers: &'a [(&'a str, &'a str)],
}

/// Which subprotocol to accept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Subprotocol<'a> {
    /// The first of [`ServerConfig::subprotocols`] that the client offered, or none.
    #[default]
    Preferred,
    /// This one, which the client must have offered. It is one of the host's own names: those of a
    /// [`Request`](super::Request) borrow the handshake.
    Named(&'a str),
    /// None.
    None,
}

/// What a client asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientConfig<'c> {
    /// The server and the resource.
    pub uri: Uri<'c>,
    /// The subprotocols that we speak, most wanted first, each once.
    pub subprotocols: &'c [&'c str],
    /// The value of Sec-WebSocket-Extensions, empty for none: the extensions that we offer, most wanted first.
    pub extensions: &'c str,
    /// The origin of the page that asks, if a page asks (RFC 6454 section 6.2).
    pub origin: Option<&'c str>,
    /// Fields to add, such as Cookie or Authorization.
    pub headers: &'c [(&'c str, &'c str)],
    /// Fields of the response to keep for the host, such as `set-cookie`, in any case. Location, WWW-Authenticate,
    /// Retry-After and Sec-WebSocket-Version are kept always.
    pub keep: &'c [&'c str],
    /// The most bytes that a head may have, all of it and interim responses before it counted. Default:
    /// [`MAX_HEAD_SIZE`].
    pub max_head_size: usize,
    /// The most fields that a head and interim responses before it may have. Default: [`MAX_HEADERS`].
    pub max_headers: usize,
}

impl<'c> ClientConfig<'c> {
    /// A request for `uri` and nothing else.
    pub const fn new(uri: Uri<'c>) -> Self {
        let (subprotocols, extensions, origin, headers, keep): (&[&str], _, _, &[(&str, &str)], &[&str]) =
            (&[], "", None, &[], &[]);
        let (max_head_size, max_headers) = (MAX_HEAD_SIZE, MAX_HEADERS);
        Self { uri, subprotocols, extensions, origin, headers, keep, max_head_size, max_headers }
    }
}
