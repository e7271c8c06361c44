//! Negotiation of the parameters (RFC 7692 sections 5 and 7.1).

use crate::handshake::error::{BuildError, HandshakeError};
use crate::handshake::{Extension, ParamValue};
use crate::wire::Rsv;
use crate::writer::{Writer, build};

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The "Per-Message Compressed" bit in [`Config::extension_rsv`](crate::connection::Config::extension_rsv) and
/// [`Chunk::rsv`](crate::connection::Chunk::rsv) (RFC 7692 section 6).
pub const RSV1: Rsv = Rsv::RSV1;

/// The maximum length of the value that [`Parameters::accept`] writes, in bytes.
pub const MAX_RESPONSE: usize = 18 + 2 * 28 + 2 * 27;

/// How messages are compressed in one direction.
///
/// ```
/// use barews::deflate::{Direction, Inflater};
///
/// const AGREED: Direction = Direction { window_bits: 10, no_context_takeover: true };
/// assert_eq!(AGREED.window_size(), 1024);
/// let inflater = Inflater::new([0; AGREED.window_size()], AGREED, 4096);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Direction {
    /// The base-2 logarithm of the window's size in bytes, 8 to 15. Values outside this range count as the nearest of
    /// these.
    pub window_bits: u8,
    /// Whether every message begins with an empty window, so that it is compressed independently of earlier messages.
    pub no_context_takeover: bool,
}

impl Direction {
    /// A window of 32 KiB that is kept from message to message. This applies if nothing else is agreed.
    pub const DEFAULT: Self = Self { window_bits: 15, no_context_takeover: false };

    /// Returns the size of the window, in bytes.
    // RFC 7692 7.2.2 [7692-7.2.2-7] [7692-7.2.2-9]
    #[must_use]
    pub const fn window_size(self) -> usize {
        1 << self.bits()
    }

    pub(super) const fn bits(self) -> u8 {
        match self.window_bits {
            ..8 => 8,
            bits @ 8..=15 => bits,
            _ => 15, // RFC 7692 7.2.1 [7692-7.2.1-7]
        }
    }
}

impl Default for Direction {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The parameters of permessage-deflate: the limits of a host, or the agreed parameters.
///
/// A host's limits depend on the memory that it lends. In both directions `window_bits` is the largest window for which
/// there is memory. A server inflates the direction `client` and deflates the direction `server`; a client does the
/// reverse. `no_context_takeover` requests that each message in that direction begins with an empty window.
///
/// # A server
///
/// ```
/// use barews::deflate::{Direction, MAX_RESPONSE, Parameters, RSV1};
/// use barews::wire::Rsv;
/// # use barews::handshake::{Accept, OriginPolicy, ServerConfig, ServerHandshake};
/// # use barews::connection::{Config, Connection};
/// # static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
/// # let mut handshake = ServerHandshake::new(&CONFIG, [0; 512]);
/// # let mut out = [0; 512];
/// # let mut read = *b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
/// #     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
/// #     Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
/// # let _ = handshake.receive(&mut read).unwrap();
///
/// // 4 KiB to inflate the client's messages, 32 KiB to deflate the server's own.
/// let limits = Parameters { client: Direction { window_bits: 12, ..Direction::DEFAULT }, ..Parameters::DEFAULT };
///
/// let mut value = [0; MAX_RESPONSE];
/// let request = handshake.request().unwrap();
/// let agreed = limits.accept(request.extensions(), &mut value)?;
/// let extensions = agreed.map_or("", |(_, value)| value);
/// assert_eq!(extensions, "permessage-deflate; client_max_window_bits=12");
///
/// let config = Config { extension_rsv: if agreed.is_some() { RSV1 } else { Rsv::NONE }, ..Config::DEFAULT };
/// let len = handshake.accept(&Accept { extensions, ..Accept::default() }, &mut out)?;
/// let connection = Connection::new(barews::Server, &config);
/// # Ok::<(), barews::BuildError>(())
/// ```
///
/// # A client
///
/// ```
/// use barews::deflate::{Direction, Parameters};
/// # use barews::handshake::{ClientConfig, ClientHandshake};
///
/// // 1 KiB to inflate the server's messages, 32 KiB to deflate the client's own.
/// let offers = [Parameters { server: Direction { window_bits: 10, ..Direction::DEFAULT }, ..Parameters::DEFAULT }];
/// let mut value = [0; 128];
/// let extensions = Parameters::offer(&offers, &mut value).unwrap();
/// assert_eq!(extensions, "permessage-deflate; server_max_window_bits=10; client_max_window_bits");
///
/// let config = ClientConfig { extensions, ..ClientConfig::DEFAULT };
/// # let mut handshake = ClientHandshake::new(&config, *b"the sample nonce", [0; 512]);
/// # let mut read = *b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
/// #     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
/// #     Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n\r\n";
/// # let _ = handshake.receive(&mut read).unwrap();
/// // When the response is complete:
/// let response = handshake.response().unwrap();
/// let agreed = Parameters::agree(&offers, response.extensions())?;
/// assert_eq!(agreed.map(|agreed| agreed.server.window_size()), Some(512));
/// # Ok::<(), barews::HandshakeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Parameters {
    /// How the server compresses: `server_max_window_bits`, `server_no_context_takeover`.
    pub server: Direction,
    /// How the client compresses: `client_max_window_bits`, `client_no_context_takeover`.
    pub client: Direction,
}

/// The parameters of one element of Sec-WebSocket-Extensions.
#[derive(Clone, Copy, Default)]
struct Element {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// `Some(None)` for a name without a value.
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    /// The defaults, as a constant: two windows of 32 KiB that are kept from message to message.
    pub const DEFAULT: Self = Self { server: Direction::DEFAULT, client: Direction::DEFAULT };

    /// Accepts the first offer that the server can accept. Returns the agreed parameters and the value of
    /// Sec-WebSocket-Extensions, written to `out`. Returns `None` if the server accepts no offer; then the connection
    /// has no compression.
    ///
    /// The server declines an offer that has an unknown, repeated or invalid parameter, or that does not let it limit
    /// the client's window to its memory. If the server's own window is smaller than 32 KiB, the response says so,
    /// which lets the client save memory.
    ///
    /// # Errors
    ///
    /// [`BuildError::BufferTooSmall`] if `out` is too small; [`MAX_RESPONSE`] bytes always suffice.
    // RFC 7692 5, 5.1, 7 [7692-5-3] [7692-5-7] [7692-5-13] [7692-7-4]
    pub fn accept<'a, 'o>(
        &self,
        offers: impl Iterator<Item = Extension<'a>>,
        out: &'o mut [u8],
    ) -> Result<Option<(Self, &'o str)>, BuildError> {
        let mut elements = offers.filter(|offer| offer.name() == NAME).filter_map(|offer| Element::parse(&offer));
        let Some((agreed, answer)) = elements.find_map(|offer| self.answer(&offer)) else { return Ok(None) };
        let value = write(out, [answer].into_iter())?; // [7692-5-6]
        Ok(Some((agreed, value)))
    }

    /// Returns the agreed parameters if this offer is accepted, and the response.
    fn answer(&self, offer: &Element) -> Option<(Self, Element)> {
        let server_bits = offer.server_max_window_bits.unwrap_or(15).min(self.server.bits());
        let client_bits = match offer.client_max_window_bits {
            Some(hint) => hint.unwrap_or(15).min(self.client.bits()),
            // RFC 7692 7.1.2.2: the server must not limit this client's window [7692-7.1.2.2-6]
            None if self.client.bits() < 15 => return None,
            None => 15,
        };
        let answer = Element {
            // RFC 7692 7.1.1 [7692-7.1.1.1-2] [7692-7.1.1.1-3]
            server_no_context_takeover: offer.server_no_context_takeover || self.server.no_context_takeover,
            client_no_context_takeover: offer.client_no_context_takeover || self.client.no_context_takeover,
            // RFC 7692 7.1.2.1 [7692-7.1.2.1-3] [7692-7.1.2.1-4]
            server_max_window_bits: (offer.server_max_window_bits.is_some() || server_bits < 15).then_some(server_bits),
            // RFC 7692 7.1.2.2 [7692-7.1.2.2-7]
            client_max_window_bits: (client_bits < 15).then_some(Some(client_bits)),
        };
        Some((answer.agreed(), answer))
    }

    /// Writes a client's offers, most preferred first, to `out`. Returns the value of Sec-WebSocket-Extensions for
    /// [`ClientConfig::extensions`](crate::handshake::ClientConfig::extensions).
    ///
    /// The server may decline any offer, but if it accepts one it must keep the limits for its own direction. So a
    /// client that only *prefers* a small window or independent messages should offer these first, and then an offer
    /// without those limits. The values of `client` are hints, which the server may use or ignore.
    ///
    /// # Errors
    ///
    /// [`BuildError::BufferTooSmall`].
    // RFC 7692 5, 7.1 [7692-5-1] [7692-5-4]
    pub fn offer<'o>(offers: &[Self], out: &'o mut [u8]) -> Result<&'o str, BuildError> {
        write(out, offers.iter().map(Element::from))
    }

    /// Returns the parameters that the server has agreed to in its response, or `None` if there is no compression.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Extensions`] if the server has accepted something that was not offered, that is malformed,
    /// repeated or conflicting, or that requires more memory than every offer. Then do not use the connection.
    // RFC 7692 5, 7 [7692-5-14] [7692-7-8]
    pub fn agree<'a>(
        offers: &[Self],
        mut response: impl Iterator<Item = Extension<'a>>,
    ) -> Result<Option<Self>, HandshakeError> {
        let error = HandshakeError::Extensions;
        // RFC 7692 5: two extensions that compress messages would both use RSV1 [7692-5-10] [7692-5-12]
        let is_one = |extension: &Extension<'_>| extension.name().starts_with("permessage-");
        let Some(chosen) = response.by_ref().find(is_one) else { return Ok(None) };
        if chosen.name() != NAME || response.any(|other| is_one(&other)) {
            return Err(error);
        }
        // RFC 7692 7.1.2.2: in a response the client's window must have a value [7692-7.1.2.2-5]
        let answer =
            Element::parse(&chosen).filter(|answer| answer.client_max_window_bits != Some(None)).ok_or(error)?;
        let agreed = answer.agreed();
        let offer = offers.iter().find(|offer| {
            // RFC 7692 7.1.1.1, 7.1.2.1: the response must keep the limits of the offer
            agreed.server.bits() <= offer.server.bits()
                && (answer.server_no_context_takeover || !offer.server.no_context_takeover)
        });
        let Self { client, .. } = offer.ok_or(error)?;
        // RFC 7692 7.1.1.2, 7.2.1: the client keeps its own hints; a smaller window than agreed is allowed
        // [7692-7.1.1.2-3]
        let no_context_takeover = agreed.client.no_context_takeover || client.no_context_takeover;
        let window_bits = agreed.client.bits().min(client.bits());
        Ok(Some(Self { client: Direction { window_bits, no_context_takeover }, ..agreed }))
    }
}

impl Element {
    /// RFC 7692 7: no parameter is unknown, repeated or invalid
    /// [7692-7-1] [7692-7-2] [7692-7-3] [7692-7-5] [7692-7-6] [7692-7-7]
    fn parse(extension: &Extension<'_>) -> Option<Self> {
        let mut element = Self::default();
        for param in extension.params() {
            let known = match (param.name, param.value) {
                // RFC 7692 7.1.1: no value
                (SERVER_NO_CONTEXT_TAKEOVER, None) => once(&mut element.server_no_context_takeover, true, false),
                (CLIENT_NO_CONTEXT_TAKEOVER, None) => once(&mut element.client_no_context_takeover, true, false),
                // RFC 7692 7.1.2: a value, which is optional for the client's in offers
                // [7692-7.1.2.1-2] [7692-7.1.2.1-5] [7692-7.1.2.2-2]
                (SERVER_MAX_WINDOW_BITS, Some(value)) => {
                    once(&mut element.server_max_window_bits, Some(window_bits(value)?), None)
                }
                (CLIENT_MAX_WINDOW_BITS, None) => once(&mut element.client_max_window_bits, Some(None), None),
                (CLIENT_MAX_WINDOW_BITS, Some(value)) => {
                    once(&mut element.client_max_window_bits, Some(Some(window_bits(value)?)), None)
                }
                _ => false,
            };
            if !known {
                return None;
            }
        }
        Some(element)
    }

    /// Returns what is agreed by a response with these parameters.
    // RFC 7692 7.1.2: 32 KiB if there is no value [7692-7.1.2.1-7] [7692-7.1.2.2-7] [7692-5-8]
    fn agreed(&self) -> Parameters {
        Parameters {
            server: Direction {
                window_bits: self.server_max_window_bits.unwrap_or(15),
                no_context_takeover: self.server_no_context_takeover,
            },
            client: Direction {
                window_bits: self.client_max_window_bits.flatten().unwrap_or(15),
                no_context_takeover: self.client_no_context_takeover,
            },
        }
    }
}

impl From<&Parameters> for Element {
    /// Makes a client's offer. It always allows the server to limit the client's window.
    fn from(offer: &Parameters) -> Self {
        let limit = |direction: Direction| (direction.bits() < 15).then_some(direction.bits());
        Self {
            server_no_context_takeover: offer.server.no_context_takeover,
            client_no_context_takeover: offer.client.no_context_takeover,
            server_max_window_bits: limit(offer.server),
            client_max_window_bits: Some(limit(offer.client)),
        }
    }
}

/// Fills `place`. Returns false if it was not empty.
fn once<T: PartialEq>(place: &mut T, value: T, empty: T) -> bool {
    let first = *place == empty;
    *place = value;
    first
}

/// Parses a number from 8 to 15 without leading zeros (RFC 7692 section 7.1.2).
fn window_bits(value: ParamValue<'_>) -> Option<u8> {
    let mut digits = value.bytes();
    match (digits.next(), digits.next(), digits.next()) {
        (Some(digit @ b'8'..=b'9'), None, _) => Some(digit - b'0'),
        (Some(b'1'), Some(digit @ b'0'..=b'5'), None) => Some(digit - b'0' + 10),
        _ => None,
    }
}

fn write(out: &mut [u8], elements: impl Iterator<Item = Element> + Clone) -> Result<&str, BuildError> {
    let len = build(out, &|w| {
        let mut separator: &[u8] = b"";
        for element in elements.clone() {
            w.bytes(separator);
            write_element(w, &element);
            separator = b", ";
        }
    })?;
    Ok(out.get(..len).and_then(|value| core::str::from_utf8(value).ok()).unwrap_or_else(|| never!(Default::default())))
}

fn write_element(w: &mut Writer<'_>, element: &Element) {
    w.bytes(NAME.as_bytes());
    let mut param = |wanted: bool, name: &str, value: Option<u8>| {
        if wanted {
            w.bytes(b"; ");
            w.bytes(name.as_bytes());
            if let Some(value) = value {
                w.bytes(b"=");
                w.number(value.into());
            }
        }
    };
    param(element.server_no_context_takeover, SERVER_NO_CONTEXT_TAKEOVER, None);
    param(element.client_no_context_takeover, CLIENT_NO_CONTEXT_TAKEOVER, None);
    param(element.server_max_window_bits.is_some(), SERVER_MAX_WINDOW_BITS, element.server_max_window_bits);
    let client = element.client_max_window_bits;
    param(client.is_some(), CLIENT_MAX_WINDOW_BITS, client.flatten());
}
