//! The client's side of the opening handshake (RFC 6455 section 4.1). Writes a request and judges the response. Opening
//! the transport, TLS, proxies, redirects and authentication are left to the host.

use super::error::{BuildError, HandshakeError};
use super::extensions::is_valid;
use super::fields::Names;
use super::head::Head;
use super::key::{answer, encode};
use super::list::is_token;
use super::response::{self, Response, StatusLine};
use super::writer::build;
use super::{MAX_HEAD_SIZE, MAX_HEADERS, Progress, State, Uri};
use crate::connection::Config;
use crate::connection::Connection;
use crate::role::Client;

/// What a client asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientConfig<'c> {
    /// Whom and what to ask.
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

/// A client's opening handshake on one connection, made anew for each. See the [module](super) for how it is used.
///
/// `S` is the storage, `[u8; 512]` or `&mut [u8]` for example. It holds the status line and the values of the fields
/// that matter with 4 bytes for each of them; all else streams past.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientHandshake<'c, S> {
    config: &'c ClientConfig<'c>,
    storage: S,
    head: Head<'c>,
    line: StatusLine,
    state: State,
    connected: bool,
    key: [u8; 24],
}

impl<'c, S: AsRef<[u8]> + AsMut<[u8]>> ClientHandshake<'c, S> {
    /// Prepares a request.
    ///
    /// `nonce` must be 16 fresh bytes from a cryptographically secure source, for every connection anew (RFC 6455
    /// section 4.1): it is what shows that the response was made for this request.
    pub fn new(config: &'c ClientConfig<'c>, nonce: [u8; 16], storage: S) -> Self {
        let names = Names { engine: response::NAMES, keep: config.keep };
        let head = Head::new(names, config.max_head_size, config.max_headers);
        // [6455-4.1-22] [6455-4.1-23]
        let (line, state) = (StatusLine::NONE, State::Reading);
        Self { config, storage, head, line, state, connected: false, key: encode(&nonce) }
    }

    /// Writes the request to `out` and returns its length. Send nothing behind it until the response is complete.
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration or `out`; the call can be repeated.
    pub fn request(&self, out: &mut [u8]) -> Result<usize, BuildError> {
        let ClientConfig { uri, subprotocols, extensions, .. } = self.config;
        let mut rest = subprotocols.iter();
        while let Some(name) = rest.next() {
            // [6455-4.1-29] [6455-4.1-30]
            if !is_token(name.as_bytes()) || rest.clone().any(|other| other == name) {
                return Err(BuildError::Subprotocol);
            }
        }
        if !extensions.is_empty() && !is_valid(extensions.as_bytes()) {
            return Err(BuildError::Extensions);
        }
        // RFC 6455 4.1 [6455-4.1-15]
        build(out, &|w| {
            // [6455-4.1-16] [6455-4.1-17]
            w.bytes(b"GET ");
            w.bytes(uri.path().as_bytes());
            if let Some(query) = uri.query() {
                w.bytes(b"?");
                w.bytes(query.as_bytes());
            }
            w.bytes(b" HTTP/1.1\r\nHost: ");
            w.bytes(uri.host().as_bytes()); // [6455-4.1-18]
            if let Some(port) = uri.explicit_port() {
                w.bytes(b":");
                w.number(port.into());
            }
            // [6455-4.1-19] [6455-4.1-20] [6455-4.1-26] [6455-4.1-27]
            w.bytes(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
            w.field("Sec-WebSocket-Key", &self.key); // [6455-4.1-21]
            if let Some((first, others)) = subprotocols.split_first() {
                w.bytes(b"Sec-WebSocket-Protocol: "); // [6455-4.1-28]
                w.bytes(first.as_bytes());
                for name in others {
                    w.bytes(b", ");
                    w.bytes(name.as_bytes());
                }
                w.bytes(b"\r\n");
            }
            if !extensions.is_empty() {
                w.field("Sec-WebSocket-Extensions", extensions.as_bytes()); // [6455-4.1-31] [6455-9-1]
            }
            if let Some(origin) = self.config.origin {
                w.checked_field("Origin", origin)?; // [6455-4.1-24] [6455-4.1-25]
            }
            w.host_fields(self.config.headers)?; // [6455-4.1-32]
            w.bytes(b"\r\n");
            Ok(())
        })
    }

    /// Reads on. Everything is consumed until the response is complete; then the bytes behind it are handed back: frames,
    /// or the body of a response other than 101.
    ///
    /// On an error the handshake has failed for good: close the transport.
    pub fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Progress<'b>, HandshakeError> {
        let consumed = match self.state {
            State::Failed(error) => return Err(error), // RFC 6455 7.2.1 [6455-7.2.1-1]
            State::Reading => self.read(bytes).inspect_err(|error| self.state = State::Failed(*error))?,
            State::Complete => 0,
        };
        Ok(Progress::new(self.state == State::Complete, bytes, consumed)) // [6455-4.1-43]
    }

    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<usize, HandshakeError> {
        let mut consumed = 0;
        loop {
            let line = &mut self.line;
            let mut start_line = |read: &[u8]| {
                *line = StatusLine::parse(read)?;
                Ok(true)
            };
            let rest = bytes.get(consumed..).unwrap_or_default();
            consumed += self.head.read(self.storage.as_mut(), rest, &mut start_line)?;
            if !self.head.is_complete() {
                return Ok(consumed);
            }
            if matches!(self.line.status, 100 | 102..=199) {
                // RFC 9110 15.2: an interim response, which the final one follows
                self.head.restart();
                self.line = StatusLine::NONE;
                continue;
            }
            if self.line.status == 101 {
                self.view().check(self.config, &answer(&self.key))?;
            }
            self.state = State::Complete;
            return Ok(consumed);
        }
    }

    /// The status of the response, as soon as its status line is complete, and also if the rest is refused: because a
    /// redirect does not fit the storage, for example.
    pub fn status(&self) -> Option<u16> {
        Some(self.line.status).filter(|&status| status > 0)
    }

    /// The transport has ended: an error, unless the response was complete.
    pub fn receive_eof(&mut self) -> Result<(), HandshakeError> {
        self.state.receive_eof()
    }

    /// The response, once it is complete and, if it is 101, passed every check.
    pub fn response(&self) -> Option<Response<'_>> {
        (self.state == State::Complete).then(|| self.view())
    }

    fn view(&self) -> Response<'_> {
        Response::new(self.line, self.head.fields(self.storage.as_ref()))
    }

    /// The connection, once the response is 101. `keys` makes a fresh masking key for each frame; see [`Client`].
    ///
    /// # Errors
    ///
    /// [`BuildError::NotNow`] if the response is not complete or not 101, or if this was called before.
    pub fn connect<K: FnMut() -> [u8; 4]>(
        &mut self,
        keys: K,
        config: &Config,
    ) -> Result<Connection<Client<K>>, BuildError> {
        // RFC 6455 4.1 [6455-4.1-1] [6455-4.1-33] [6455-4.1-42]
        if self.connected || !self.response().is_some_and(|response| response.is_open()) {
            return Err(BuildError::NotNow);
        }
        self.connected = true;
        Ok(Connection::new(Client(keys), config))
    }
}
