//! The client's side of the opening handshake (RFC 6455 section 4.1). Writes a request and validates the response. The
//! host opens the transport, through a [`Tunnel`](super::Tunnel) if there is a proxy, and handles TLS, redirects and
//! authentication.

use super::config::{ClientConfig, ClientRequest};
use super::cursor::is_token;
use super::error::{BuildError, HandshakeError};
use super::extensions::is_valid;
use super::fields::Names;
use super::head::{CRLF, Head};
use super::key::{answer, encode};
use super::progress::{Progress, State};
use super::response::{Response, ResponseField, StatusLine, read_final, skip_interim};
use super::writer::{check_fields, check_value};
use crate::connection::Config;
use crate::connection::Connection;
use crate::role::{Client, MaskingKeys};
use crate::writer::{Writer, build, build_part};

/// A client's opening handshake; make a new one for each connection. See the [module](super) for an example.
///
/// `S` is the storage, `[u8; 512]` or `&mut [u8]` for example. It holds the status line and the values of the fields
/// that matter, plus 4 bytes for each of them. Other fields are validated and not stored.
pub struct ClientHandshake<'c, S> {
    pub(super) config: &'c ClientConfig<'c>,
    storage: S,
    head: Head<'c>,
    line: StatusLine,
    pub(super) state: State,
    connected: bool,
    pub(super) key: [u8; 24],
}

shown! {
    impl['c, S] ClientHandshake<'c, S> {
        state: State = this.state,
        status: u16 = this.line.status,
    } of this
}

impl<'c, S: AsRef<[u8]> + AsMut<[u8]>> ClientHandshake<'c, S> {
    /// Prepares a request.
    ///
    /// `nonce` must be 16 bytes from a cryptographically secure source, fresh for each connection (RFC 6455 section
    /// 4.1). It proves that the response was made for this request.
    pub fn new(config: &'c ClientConfig<'c>, nonce: [u8; 16], storage: S) -> Self {
        let names = Names { engine: ResponseField::NAMES, keep: config.keep };
        let head = Head::new(names, config.max_head_size, config.max_fields);
        // [6455-4.1-22] [6455-4.1-23]
        let (line, state) = (StatusLine::NONE, State::Reading);
        Self { config, storage, head, line, state, connected: false, key: encode(&nonce) }
    }

    /// Writes the request to `out` and returns its length. Send nothing after it until the response is complete.
    ///
    /// # Errors
    ///
    /// Fails if the configuration or `request` is invalid, or `out` is too small. The call can be repeated.
    pub fn request(&self, request: &ClientRequest<'_>, out: &mut [u8]) -> Result<usize, BuildError> {
        self.check(request)?;
        Ok(build(out, &|w| write_request(w, &self.key, self.config, request))?)
    }

    /// Writes as much of the request as fits `out`, after the first `sent` bytes of it, and returns the length: 0 when
    /// all was written, or `out` is empty. A long request, with a signed URI for example, goes through a short buffer. Pass the same
    /// `request` each time; [`Session::from_handshake`](crate::session::Session::from_handshake) can take over after it.
    ///
    /// ```
    /// use barews::handshake::{ClientConfig, ClientHandshake, ClientRequest, Uri};
    ///
    /// let request = ClientRequest::new(Uri::parse("ws://example.com/things?X-Signature=0123456789abcdef")?);
    /// let handshake = ClientHandshake::new(&ClientConfig::DEFAULT, *b"the sample nonce", [0; 256]);
    /// let (mut out, mut sent) = ([0; 64], 0);
    /// # let mut socket = Vec::new();
    /// loop {
    ///     let len = handshake.request_part(&request, sent, &mut out)?;
    ///     if len == 0 {
    ///         break;
    ///     }
    ///     socket.extend_from_slice(&out[..len]); // write it
    ///     sent += len;
    /// }
    /// # assert!(socket.starts_with(b"GET /things?X-Signature=0123456789abcdef HTTP/1.1\r\n") && socket.ends_with(b"\r\n\r\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the configuration or `request` is invalid.
    pub fn request_part(&self, request: &ClientRequest<'_>, sent: usize, out: &mut [u8]) -> Result<usize, BuildError> {
        self.check(request)?;
        let len = build_part(sent, out, &|w| write_request(w, &self.key, self.config, request));
        Ok(len.saturating_sub(sent).min(out.len()))
    }

    /// [`request`](Self::request) for a session: writes to the start of the storage, which the response overwrites.
    pub(crate) fn request_in_place(&mut self, request: &ClientRequest<'_>) -> Result<usize, BuildError> {
        self.check(request)?;
        let Self { storage, key, config, .. } = self;
        Ok(build(storage.as_mut(), &|w| write_request(w, key, config, request))?)
    }

    /// Whether a response that is complete opens the connection.
    pub(crate) fn is_accepted(&self) -> bool {
        self.line.status == 101
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    pub(crate) fn storage(&self) -> &[u8] {
        self.storage.as_ref()
    }

    pub(crate) const fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    pub(crate) fn into_storage(self) -> S {
        self.storage
    }

    /// Validates the configuration and the request.
    pub(super) fn check(&self, request: &ClientRequest<'_>) -> Result<(), BuildError> {
        let ClientConfig { subprotocols, extensions, .. } = self.config;
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
        request.origin.map_or(Ok(()), check_value)?;
        check_fields(request.fields)
    }

    /// Reads bytes from the transport. Consumes all of them until the response is complete, then returns the bytes
    /// after it: frames, or the body of a response other than 101.
    ///
    /// # Errors
    ///
    /// The response breaks a rule or a limit. The handshake has failed, and every later call returns the same error:
    /// close the transport.
    pub fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Progress<'b>, HandshakeError> {
        let consumed = match self.state {
            State::Failed(error) => return Err(error), // RFC 6455 7.2.1 [6455-7.2.1-1]
            State::Reading => self.read(bytes).inspect_err(|error| self.state = State::Failed(*error))?,
            State::Complete => 0,
        };
        Ok(Progress::new(self.state == State::Complete, bytes, consumed)) // [6455-4.1-43]
    }

    fn read(&mut self, bytes: &[u8]) -> Result<usize, HandshakeError> {
        let consumed = read_final(&mut self.head, &mut self.line, self.storage.as_mut(), bytes)?;
        if self.head.is_complete() {
            self.finish(false)?;
        }
        Ok(consumed)
    }

    /// Validates the final response, whose head is complete.
    fn finish(&mut self, extended: bool) -> Result<(), HandshakeError> {
        if self.line.status == 101 {
            let answer_to_key;
            let accept = if extended {
                None
            } else {
                answer_to_key = answer(&self.key);
                Some(&answer_to_key)
            };
            self.view().check(self.config, accept)?;
        }
        self.state = State::Complete;
        Ok(())
    }

    /// Begins a response that the host has parsed.
    pub(super) fn start(&mut self, line: StatusLine) -> Result<(), HandshakeError> {
        self.line = line;
        self.head.start_line(self.storage.as_mut(), "HTTP/1.1 101".len() + CRLF.len(), &[])
    }

    /// Adds a field that the host has parsed and that [`check_field`](super::head::check_field) has validated.
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), HandshakeError> {
        self.head.field(self.storage.as_mut(), name, value)
    }

    /// Ends a response, to an upgrade or to an extended CONNECT, that the host has parsed.
    pub(super) fn end(&mut self, extended: bool) -> Result<(), HandshakeError> {
        self.head.end()?;
        if skip_interim(&mut self.head, &mut self.line) {
            return Ok(());
        }
        self.finish(extended)
    }

    /// Returns the status of the response once its status line is complete, even if the rest is refused: because a
    /// redirect does not fit the storage, for example.
    ///
    /// ```
    /// use barews::HandshakeError;
    /// use barews::handshake::{ClientConfig, ClientHandshake};
    ///
    /// let nonce = *b"the sample nonce"; // 16 random bytes in a real client
    /// let mut handshake = ClientHandshake::new(&ClientConfig::DEFAULT, nonce, [0; 32]);
    /// let mut read = *b"HTTP/1.1 302 Found\r\nLocation: ws://example.org/a/path/that/is/long\r\n\r\n";
    /// assert_eq!(handshake.receive(&mut read), Err(HandshakeError::StorageFull));
    /// assert_eq!(handshake.status(), Some(302)); // a redirect: try again with more storage
    /// ```
    pub fn status(&self) -> Option<u16> {
        Some(self.line.status).filter(|&status| status > 0)
    }

    /// Reports that the transport has ended.
    ///
    /// See [`ServerHandshake::receive_eof`](super::ServerHandshake::receive_eof) for an example.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::UnexpectedEof`] if the response is not complete, or the error that the handshake failed with.
    pub fn receive_eof(&mut self) -> Result<(), HandshakeError> {
        self.state.receive_eof()
    }

    /// Returns the response once it is complete and, if its status is 101, has passed every check.
    pub fn response(&self) -> Option<Response<'_>> {
        (self.state == State::Complete).then(|| self.view())
    }

    fn view(&self) -> Response<'_> {
        Response::new(self.line, self.head.fields(self.storage.as_ref()))
    }

    /// Returns the connection once the response is 101. `keys` makes a fresh masking key for each frame; see
    /// [`Client`].
    ///
    /// # Errors
    ///
    /// [`BuildError::NotNow`] if the response is not complete or not 101, or if this was called before.
    pub fn connect<K: MaskingKeys>(&mut self, keys: K, config: &Config) -> Result<Connection<Client<K>>, BuildError> {
        // RFC 6455 4.1 [6455-4.1-1] [6455-4.1-33] [6455-4.1-42]
        if self.connected || !self.response().is_some_and(|response| response.is_accepted()) {
            return Err(BuildError::NotNow);
        }
        self.connected = true;
        Ok(Connection::new(Client(keys), config))
    }
}

/// Writes a request. Everything in it must be valid.
// RFC 6455 4.1 [6455-4.1-15]
fn write_request(w: &mut Writer<'_>, key: &[u8; 24], config: &ClientConfig<'_>, request: &ClientRequest<'_>) {
    let ClientConfig { subprotocols, extensions, .. } = config;
    let ClientRequest { uri, origin, fields, .. } = request;
    // [6455-4.1-16] [6455-4.1-17]
    w.bytes(b"GET ");
    w.target(uri);
    w.bytes(b" HTTP/1.1\r\nHost: ");
    w.host(uri); // [6455-4.1-18]
    // [6455-4.1-19] [6455-4.1-20] [6455-4.1-26] [6455-4.1-27]
    w.bytes(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
    w.field("Sec-WebSocket-Key", key); // [6455-4.1-21]
    if let Some((first, others)) = subprotocols.split_first() {
        w.bytes(b"Sec-WebSocket-Protocol: ");
        w.bytes(first.as_bytes());
        for name in others {
            w.bytes(b", ");
            w.bytes(name.as_bytes());
        }
        w.bytes(b"\r\n");
    }
    if !extensions.is_empty() {
        w.field("Sec-WebSocket-Extensions", extensions.as_bytes());
    }
    if let Some(origin) = origin {
        w.field("Origin", origin.as_bytes()); // [6455-4.1-24]
    }
    w.fields(fields);
    w.bytes(b"\r\n");
}
