//! Which parameters the two sides agree upon (RFC 7692 sections 5 and 7.1).

use crate::handshake::error::{BuildError, HandshakeError};
use crate::handshake::{Extension, ParamValue};
use crate::writer::{Writer, build};

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The "Per-Message Compressed" bit, as [`Config::extension_rsv`](crate::connection::Config::extension_rsv) and
/// [`Chunk::rsv`](crate::connection::Chunk::rsv) have it (RFC 7692 section 6).
pub const RSV1: u8 = 4;

/// No response that [`Parameters::accept`] writes is longer, in bytes.
pub const MAX_RESPONSE: usize = 18 + 2 * 28 + 2 * 27;

/// How messages are compressed in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Direction {
    /// The base-2 logarithm of the window's size in bytes, 8 to 15. What is outside counts as the nearer of these.
    pub window_bits: u8,
    /// Every message begins with an empty window: it is compressed without what earlier ones had in common with it.
    pub no_context_takeover: bool,
}

impl Direction {
    /// A window of 32 KiB that is taken over from message to message: what holds where nothing else is agreed.
    pub const DEFAULT: Self = Self { window_bits: 15, no_context_takeover: false };

    /// The size of the window, in bytes.
    // RFC 7692 7.2.2 [7692-7.2.2-7] [7692-7.2.2-9]
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

/// The parameters of permessage-deflate: those that a host can live with, and those that were agreed.
///
/// What a host can live with follows from the memory that it lends. On both sides `window_bits` is the window that
/// there is memory for: for a server `client` is what it inflates and `server` what it deflates, for a client it is the
/// other way round. `no_context_takeover` asks for messages that begin with an empty window each, in the direction in
/// question.
///
/// # A server
///
/// ```
/// use barews::deflate::{Direction, MAX_RESPONSE, Parameters};
/// # use barews::handshake::{Accept, OriginPolicy, ServerConfig, ServerHandshake};
/// # use barews::connection::Config;
/// # static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
/// # let mut handshake = ServerHandshake::new(&CONFIG, [0; 512]);
/// # let mut out = [0; 512];
/// # let mut read = *b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
/// #     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
/// #     Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
/// # let _ = handshake.receive(&mut read).unwrap();
///
/// // 4 KiB for what the clients compress, 32 KiB for what we compress.
/// let limits = Parameters { client: Direction { window_bits: 12, ..Direction::DEFAULT }, ..Parameters::DEFAULT };
///
/// let mut value = [0; MAX_RESPONSE];
/// let request = handshake.request().unwrap();
/// let agreed = limits.accept(request.extensions(), &mut value)?;
/// let extensions = agreed.map_or("", |(_, value)| value);
/// assert_eq!(extensions, "permessage-deflate; client_max_window_bits=12");
///
/// let config = Config { extension_rsv: if agreed.is_some() { barews::deflate::RSV1 } else { 0 }, ..Config::DEFAULT };
/// let (len, connection) = handshake.accept(&Accept { extensions, ..Accept::default() }, &config, &mut out)?;
/// # Ok::<(), barews::BuildError>(())
/// ```
///
/// # A client
///
/// ```
/// use barews::deflate::{Direction, Parameters};
/// # use barews::handshake::{ClientConfig, ClientHandshake, Uri};
///
/// // 1 KiB for what the server compresses, 32 KiB for what we compress.
/// let offers = [Parameters { server: Direction { window_bits: 10, ..Direction::DEFAULT }, ..Parameters::DEFAULT }];
/// let mut value = [0; 128];
/// let extensions = Parameters::offer(&offers, &mut value).unwrap();
/// assert_eq!(extensions, "permessage-deflate; server_max_window_bits=10; client_max_window_bits");
///
/// let config = ClientConfig { extensions, ..ClientConfig::new(Uri::parse("ws://example.com/").unwrap()) };
/// # let mut handshake = ClientHandshake::new(&config, *b"the sample nonce", [0; 512]);
/// # let mut read = *b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
/// #     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
/// #     Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n\r\n";
/// # let _ = handshake.receive(&mut read).unwrap();
/// // When the response is there:
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
    /// None behind a name without a value.
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    /// The defaults, as a constant: two windows of 32 KiB that are taken over.
    pub const DEFAULT: Self = Self { server: Direction::DEFAULT, client: Direction::DEFAULT };

    /// A server's part: the first offer that it can accept, and the value of Sec-WebSocket-Extensions that says so,
    /// written to `out`. None if it accepts no offer; then the connection goes without compression.
    ///
    /// An offer is declined that has an unknown, repeated or invalid parameter, or that does not let the server limit
    /// the client's window to the memory that it has. A window smaller than 32 KiB that the server uses is told to the
    /// client, which may save memory.
    ///
    /// # Errors
    ///
    /// [`BuildError::BufferTooSmall`]; it cannot be with [`MAX_RESPONSE`] bytes.
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

    /// What is agreed if this offer is accepted, and what is answered.
    fn answer(&self, offer: &Element) -> Option<(Self, Element)> {
        let server_bits = offer.server_max_window_bits.unwrap_or(15).min(self.server.bits());
        let client_bits = match offer.client_max_window_bits {
            Some(hint) => hint.unwrap_or(15).min(self.client.bits()),
            // RFC 7692 7.1.2.2: it cannot be asked to use less [7692-7.1.2.2-6]
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

    /// A client's offers, most wanted first, as the value of Sec-WebSocket-Extensions for
    /// [`ClientConfig::extensions`](crate::handshake::ClientConfig::extensions), written to `out`.
    ///
    /// The server may decline each of them, but not accept one and disregard a limit for its own direction. So a client
    /// that only *prefers* a small window, or messages by themselves, offers this first and what it can live with
    /// behind it. The values of `client` are hints, which the server may make use of.
    ///
    /// # Errors
    ///
    /// [`BuildError::BufferTooSmall`].
    // RFC 7692 5, 7.1 [7692-5-1] [7692-5-4]
    pub fn offer<'o>(offers: &[Self], out: &'o mut [u8]) -> Result<&'o str, BuildError> {
        write(out, offers.iter().map(Element::from))
    }

    /// A client's part when the response has come: what the server has agreed to; none if it goes without compression.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Extensions`], and the connection must not be used: the server has accepted something that was
    /// not offered, that is malformed, repeated or conflicts, or that asks for more memory than every offer did.
    // RFC 7692 5, 7 [7692-5-14] [7692-7-8]
    pub fn agree<'a>(
        offers: &[Self],
        mut response: impl Iterator<Item = Extension<'a>>,
    ) -> Result<Option<Self>, HandshakeError> {
        let error = HandshakeError::Extensions;
        // RFC 7692 5: two extensions that compress messages both want RSV1 [7692-5-10] [7692-5-12]
        let is_one = |extension: &Extension<'_>| extension.name().starts_with("permessage-");
        let Some(chosen) = response.by_ref().find(is_one) else { return Ok(None) };
        if chosen.name() != NAME || response.any(|other| is_one(&other)) {
            return Err(error);
        }
        // RFC 7692 7.1.2.2: in a response the client's window has a number too [7692-7.1.2.2-5]
        let answer =
            Element::parse(&chosen).filter(|answer| answer.client_max_window_bits != Some(None)).ok_or(error)?;
        let agreed = answer.agreed();
        let offer = offers.iter().find(|offer| {
            // RFC 7692 7.1.1.1, 7.1.2.1: requests must have been granted
            agreed.server.bits() <= offer.server.bits()
                && (answer.server_no_context_takeover || !offer.server.no_context_takeover)
        });
        let Self { client, .. } = offer.ok_or(error)?;
        // RFC 7692 7.1.1.2, 7.2.1: a smaller window is within the agreement, and hints are kept
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
                // RFC 7692 7.1.2: a value, for the client's in offers too if it likes
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

    /// What holds with these parameters in a response.
    // RFC 7692 7.1.2: 32 KiB where there is none [7692-7.1.2.1-7] [7692-7.1.2.2-7] [7692-5-8]
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
    /// What a client offers: it can be told to use a smaller window always.
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

/// Fills a place that is empty; false if it is not.
fn once<T: PartialEq>(place: &mut T, value: T, empty: T) -> bool {
    let first = *place == empty;
    *place = value;
    first
}

/// A number from 8 to 15 without leading zeros (RFC 7692 section 7.1.2).
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
