//! The client's side of a handshake for which the host reads and writes the HTTP messages.

use super::start::{Start, check_no_hop};
use crate::connection::{Config, Connection};
use crate::handshake::client;
use crate::handshake::config::{ClientConfig, ClientRequest};
use crate::handshake::error::{BuildError, HandshakeError};
use crate::handshake::head::check_field;
use crate::handshake::list::text;
use crate::handshake::progress::State;
use crate::handshake::response::{Response, StatusLine};
use crate::role::{Client, MaskingKeys};
use crate::writer::build;

/// A client's opening handshake. It is like [`handshake::ClientHandshake`](crate::handshake::ClientHandshake), with the
/// same limits, but the host writes the request and parses the response.
///
/// ```
/// use barews::handshake::parsed::{ClientHandshake, Start};
/// use barews::handshake::{ClientConfig, ClientRequest, Uri};
///
/// # fn random<const N: usize>() -> [u8; N] { let mut bytes = [0; N]; getrandom::fill(&mut bytes).unwrap(); bytes }
/// let mut handshake = ClientHandshake::extended_connect(&ClientConfig::DEFAULT, [0; 512]);
/// let request = ClientRequest::new(Uri::parse("wss://example.com/room")?);
/// let mut names = [0; 64];
/// let head = handshake.request(&request, &mut names)?;
/// // The host's HTTP/2 library sends it:
/// assert!(matches!(head.start, Start::ExtendedConnect { authority: "example.com", path: "/room", .. }));
/// assert!(head.fields().eq([("sec-websocket-version", "13")]));
/// // It returns the status and the fields of the response:
/// handshake.receive(200, [("server", "example")])?;
/// assert_eq!(handshake.status(), Some(200));
/// assert!(handshake.response().is_some_and(|response| response.is_accepted()));
/// let connection = handshake.connect(random::<4>, &Default::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientHandshake<'c, S> {
    inner: client::ClientHandshake<'c, S>,
    extended: bool,
    status: Option<u16>,
}

impl<'c, S: AsRef<[u8]> + AsMut<[u8]>> ClientHandshake<'c, S> {
    /// Prepares an upgrade of HTTP/1.1. For `nonce` see
    /// [`handshake::ClientHandshake::new`](crate::handshake::ClientHandshake::new).
    ///
    /// ```
    /// use barews::handshake::parsed::{ClientHandshake, Start};
    /// use barews::handshake::{ClientConfig, ClientRequest, Uri};
    ///
    /// let nonce = *b"the sample nonce"; // 16 random bytes in a real client
    /// let handshake = ClientHandshake::upgrade(&ClientConfig::DEFAULT, nonce, [0; 512]);
    /// let request = ClientRequest::new(Uri::parse("ws://example.com/room")?);
    /// let mut names = [0; 64];
    /// let head = handshake.request(&request, &mut names)?;
    /// assert!(matches!(head.start, Start::Upgrade { method: "GET", target: "/room", .. }));
    /// assert!(head.fields().any(|field| field == ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn upgrade(config: &'c ClientConfig<'c>, nonce: [u8; 16], storage: S) -> Self {
        Self { inner: client::ClientHandshake::new(config, nonce, storage), extended: false, status: None }
    }

    /// Prepares an extended CONNECT, for a connection of HTTP/2 or HTTP/3 whose server has sent
    /// SETTINGS_ENABLE_CONNECT_PROTOCOL with the value 1 (0x8 in both, RFC 8441 section 3, RFC 9220 section 3).
    pub fn extended_connect(config: &'c ClientConfig<'c>, storage: S) -> Self {
        Self { inner: client::ClientHandshake::new(config, [0; 16], storage), extended: true, status: None }
    }

    /// Returns the request to send. Its host, port, path and query are written to `names`: the length of the URI plus a
    /// few bytes always suffices.
    ///
    /// # Errors
    ///
    /// Fails if the configuration or `request` is invalid, or `names` is too small. The call can be repeated.
    pub fn request<'a>(
        &'a self,
        request: &ClientRequest<'a>,
        names: &'a mut [u8],
    ) -> Result<RequestHead<'a>, BuildError> {
        self.inner.check(request)?;
        let uri = &request.uri;
        let len = build(names, &|w| {
            w.host(uri);
            w.target(uri);
        })?;
        let names = names.get(..len).unwrap_or_else(|| never!(&[]));
        // A host contains no slash, and every path begins with one.
        let path = names.iter().position(|&byte| byte == b'/').and_then(|n| names.split_at_checked(n));
        let (authority, path) = path.unwrap_or_else(|| never!((names, &[])));
        let (authority, path) = (text(authority), text(path));
        let start = if self.extended {
            // [8441-4-2] [8441-5-1] [8441-5-2] [8441-5-4]
            Start::ExtendedConnect {
                method: "CONNECT",
                protocol: "websocket",
                scheme: if uri.secure() { "https" } else { "http" },
                authority,
                path,
            }
        } else {
            Start::Upgrade { method: "GET", target: path, minor_version: 1 }
        };
        let key = (!self.extended).then_some(self.inner.key);
        Ok(RequestHead { start, authority, key, config: self.inner.config, request: *request })
    }

    /// Validates a response: its status and its header fields. Interim responses (1xx but 101) have no effect, so the
    /// host can omit them. Over HTTP/1.x, the host must make sure that the version is 1.1 and not 1.0.
    ///
    /// # Errors
    ///
    /// The handshake has failed: close the transport, or reset the stream.
    pub fn receive<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: u16,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), HandshakeError> {
        self.status = Some(status);
        match self.inner.state {
            State::Failed(error) => Err(error),
            State::Complete => Ok(()),
            State::Reading => self.read(status, fields).inspect_err(|error| self.inner.state = State::Failed(*error)),
        }
    }

    fn read<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: u16,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), HandshakeError> {
        // A stream of HTTP/2 cannot change its protocol (RFC 9113 8.6)
        if !matches!(status, 100..=999) || (self.extended && status == 101) {
            return Err(HandshakeError::StartLine);
        }
        let opens = self.extended && matches!(status, 200..=299); // [8441-5-7]
        self.inner.start(StatusLine::of(if opens { 101 } else { status }))?;
        for (name, value) in fields {
            let (name, value) = (name.as_ref(), value.as_ref());
            check_field(name, value)?;
            if self.extended {
                check_no_hop(name)?;
                // [8441-5-5]
                if name.eq_ignore_ascii_case(b"sec-websocket-accept") {
                    continue;
                }
            }
            self.inner.field(name, value)?; // [8441-5-6]
        }
        self.inner.end(self.extended)
    }

    /// Returns the status that was passed to [`receive`](Self::receive).
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Returns the response once it has passed every check. If it opens an extended CONNECT, its status reads as 101,
    /// as over HTTP/1.1.
    pub fn response(&self) -> Option<Response<'_>> {
        self.inner.response()
    }

    /// Returns the connection. See [`handshake::ClientHandshake::connect`](crate::handshake::ClientHandshake::connect).
    ///
    /// # Errors
    ///
    /// [`BuildError::NotNow`] if the response does not open a connection, or if this was called before.
    pub fn connect<K: MaskingKeys>(&mut self, keys: K, config: &Config) -> Result<Connection<Client<K>>, BuildError> {
        self.inner.connect(keys, config) // [8441-5-8]
    }
}

/// A request to send.
///
/// See [`ClientHandshake`] for an example.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RequestHead<'a> {
    /// The request line or the pseudo-header fields.
    pub start: Start<'a>,
    authority: &'a str,
    key: Option<[u8; 24]>,
    config: &'a ClientConfig<'a>,
    request: ClientRequest<'a>,
}

impl RequestHead<'_> {
    /// Returns the header fields; send all of them. The names are in lower case, and each subprotocol has its own
    /// Sec-WebSocket-Protocol. The fields in [`ClientRequest::fields`] follow unchanged.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        // RFC 8441 5: no hop-by-hop fields and no key [8441-5-3] [8441-5-4] [8441-5-5]
        let [host, upgrade, connection, key] = match &self.key {
            Some(key) => [self.authority, "websocket", "Upgrade", text(key)],
            None => [""; 4],
        };
        let ours = [
            ("host", host),
            ("upgrade", upgrade),
            ("connection", connection),
            ("sec-websocket-key", key),
            ("sec-websocket-version", "13"), // [8441-5-6]
            ("sec-websocket-extensions", self.config.extensions),
            ("origin", self.request.origin.unwrap_or_default()),
        ];
        let protocols = self.config.subprotocols.iter().map(|name| ("sec-websocket-protocol", *name));
        let added = self.request.fields.iter().copied();
        ours.into_iter().filter(|(_, value)| !value.is_empty()).chain(protocols).chain(added)
    }
}
