//! The server's side of the opening handshake (RFC 6455 section 4.2). Reads a request, and answers it with a WebSocket,
//! a refusal or a page. The last two always end the connection.

use super::config::{Accept, ServerConfig, Subprotocol};
use super::error::{BuildError, HandshakeError};
use super::extensions::is_valid;
use super::fields::Names;
use super::head::{CRLF, Head};
use super::key::answer;
use super::progress::{Progress, State};
use super::request::{Method, Request, RequestField, RequestLine};
use super::writer::check_fields;
use crate::target::REFUSAL_TEXTS;
use crate::writer::{Writer, build, build_part};

/// A server's opening handshake; make a new one for each connection. See the [module](super) for an example.
///
/// `S` is the storage, `[u8; 512]` or `&mut [u8]` for example. It holds the request line and the values of the fields
/// that matter, plus 4 bytes for each of them. Other fields are validated and not stored.
pub struct ServerHandshake<'c, S> {
    config: &'c ServerConfig<'c>,
    storage: S,
    head: Head<'c>,
    pub(super) line: RequestLine,
    pub(super) state: State,
    pub(super) answered: bool,
    /// The answer to the key of an upgrade, computed at the end of the request.
    pub(super) accept: [u8; 28],
}

shown! {
    impl['c, S] ServerHandshake<'c, S> {
        state: State = this.state,
        answered: bool = this.answered,
    } of this
}

impl<'c, S: AsRef<[u8]> + AsMut<[u8]>> ServerHandshake<'c, S> {
    /// Creates a handshake that waits for a request.
    pub const fn new(config: &'c ServerConfig<'c>, storage: S) -> Self {
        let names = Names { engine: RequestField::NAMES, keep: config.keep };
        let head = Head::new(names, config.max_head_size, config.max_fields);
        let (line, state) = (RequestLine::NONE, State::Reading);
        Self { config, storage, head, line, state, answered: false, accept: [0; 28] }
    }

    /// Reads bytes from the transport. Consumes all of them until the request is complete, then returns the bytes after
    /// it.
    ///
    /// # Errors
    ///
    /// The request breaks a rule or a limit. The handshake has failed, and every later call returns the same error:
    /// [`refuse`](Self::refuse) it, send the response, and close the transport.
    pub fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Progress<'b>, HandshakeError> {
        let consumed = match self.state {
            State::Failed(error) => return Err(error), // RFC 6455 10.7
            State::Reading if !self.answered => {
                self.read(bytes).inspect_err(|error| self.state = State::Failed(*error))?
            }
            _ => 0, // the handshake reads nothing after the request
        };
        Ok(Progress::new(self.state == State::Complete || self.answered, bytes, consumed))
    }

    fn read(&mut self, bytes: &[u8]) -> Result<usize, HandshakeError> {
        let line = &mut self.line;
        let mut start_line = |read: &[u8]| {
            // RFC 9112 2.2: empty lines before the request line are ignored
            if !read.is_empty() {
                *line = RequestLine::parse(read)?;
            }
            Ok(!read.is_empty())
        };
        let consumed = self.head.read(self.storage.as_mut(), bytes, &mut start_line)?;
        if self.head.is_complete() {
            self.finish()?;
        }
        Ok(consumed)
    }

    /// Validates the request, whose head is complete.
    fn finish(&mut self) -> Result<(), HandshakeError> {
        self.view().check()?;
        self.state = State::Complete;
        if let Some(key) = self.view().key() {
            self.accept = answer(key); // [6455-4.2.2-1]
        }
        Ok(())
    }

    /// Begins a request that the host has parsed. The caller must set `line`.
    pub(super) fn start(&mut self, method: &str, target: &str) -> Result<(), HandshakeError> {
        let size = method.len() + " ".len() + target.len() + " HTTP/1.1".len() + CRLF.len();
        self.head.start_line(self.storage.as_mut(), size, target.as_bytes())
    }

    /// Adds a field that the host has parsed and that [`check_field`](super::head::check_field) has validated.
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), HandshakeError> {
        self.head.field(self.storage.as_mut(), name, value)
    }

    /// Ends a request that the host has parsed.
    pub(super) fn end(&mut self) -> Result<(), HandshakeError> {
        self.head.end()?;
        self.finish()
    }

    /// Reports that the transport has ended.
    ///
    /// ```
    /// use barews::HandshakeError;
    /// use barews::handshake::{OriginPolicy, Progress, ServerConfig, ServerHandshake};
    ///
    /// let config = ServerConfig::new(OriginPolicy::SameOrigin);
    /// let mut handshake = ServerHandshake::new(&config, [0; 512]);
    /// let mut read = *b"GET / HTTP/1.1\r\nHost: exam";
    /// assert_eq!(handshake.receive(&mut read), Ok(Progress::Partial));
    /// // The socket's `read` returned 0:
    /// assert_eq!(handshake.receive_eof(), Err(HandshakeError::UnexpectedEof));
    /// ```
    ///
    /// # Errors
    ///
    /// [`HandshakeError::UnexpectedEof`] if the request is not complete, or the error that the handshake failed with.
    pub fn receive_eof(&mut self) -> Result<(), HandshakeError> {
        self.state.receive_eof()
    }

    /// Returns the request once it is complete and has passed every check.
    pub fn request(&self) -> Option<Request<'_>> {
        (self.state == State::Complete).then(|| self.view())
    }

    fn view(&self) -> Request<'_> {
        Request::new(&self.line, self.head.fields(self.storage.as_ref()), self.config)
    }

    /// Accepts an upgrade. Writes the response to `out` and returns its length. Then create the connection with
    /// [`Connection::new`](crate::Connection::new); it may send right after the response (RFC 6455 section 4.2.2).
    ///
    /// # Errors
    ///
    /// [`BuildError::NotNow`] if there is no upgrade request to answer. Any other error means that `response` is
    /// invalid or `out` is too small, and the call can be repeated.
    pub fn accept(&mut self, response: &Accept<'_>, out: &mut [u8]) -> Result<usize, BuildError> {
        let subprotocol = self.chosen(response)?;
        let len = build(out, &|w| write_accepted(w, &self.accept, subprotocol, response))?;
        self.answered = true;
        Ok(len)
    }

    /// Validates `response`, and returns the subprotocol of the connection.
    pub(super) fn chosen<'n>(&'n self, response: &Accept<'n>) -> Result<Option<&'n str>, BuildError> {
        let request = self.request().filter(|request| request.is_upgrade() && !self.answered);
        let request = request.ok_or(BuildError::NotNow)?;
        // RFC 6455 4.2.2: only what the client asked for [6455-4.2.2-9] [6455-4.2.2-11] [6455-4.2.2-12] [6455-9-3]
        let subprotocol = request.chosen(response.subprotocol)?;
        let extensions = response.extensions.as_bytes();
        if !(extensions.is_empty() || is_valid(extensions) && request.offers_extensions(extensions)) {
            return Err(BuildError::Extensions);
        }
        check_fields(response.fields)?;
        Ok(subprotocol)
    }

    /// Writes as much of the response of [`accept`](Self::accept) as fits `out`, after the first `sent` bytes of it, and
    /// returns the length: 0 when all was written, or `out` is empty. Pass the same `response` each time. Then create the
    /// connection with [`Connection::new`](crate::Connection::new), and drop the handshake, which does not know that it was answered.
    ///
    /// ```
    /// use barews::connection::{Config, Connection};
    /// use barews::handshake::{Accept, OriginPolicy, ServerConfig, ServerHandshake};
    ///
    /// let config = ServerConfig::new(OriginPolicy::Any);
    /// let mut handshake = ServerHandshake::new(&config, [0; 512]);
    /// # let mut read = *b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    /// #     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    /// let _complete = handshake.receive(&mut read)?;
    /// let (mut out, mut sent) = ([0; 64], 0);
    /// # let mut socket = Vec::new();
    /// loop {
    ///     let len = handshake.accept_part(&Accept::default(), sent, &mut out)?;
    ///     if len == 0 {
    ///         break;
    ///     }
    ///     socket.extend_from_slice(&out[..len]); // write it
    ///     sent += len;
    /// }
    /// let connection = Connection::new(barews::Server, &Config::DEFAULT);
    /// # assert!(socket.len() == 129 && socket.ends_with(b"\r\n\r\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`accept`](Self::accept) but `BufferTooSmall`.
    pub fn accept_part(&self, response: &Accept<'_>, sent: usize, out: &mut [u8]) -> Result<usize, BuildError> {
        let subprotocol = self.chosen(response)?;
        let len = build_part(sent, out, &|w| write_accepted(w, &self.accept, subprotocol, response));
        Ok(len.saturating_sub(sent).min(out.len()))
    }

    /// [`accept`](Self::accept) for a session: writes the response over the request, to the start of the storage.
    pub(crate) fn accept_in_place(&mut self, response: &Accept<'_>) -> Result<usize, BuildError> {
        let chosen = self.chosen(response)?;
        // The same name, but borrowed from the configuration or from the host.
        let mut names = self.config.subprotocols.iter().copied();
        let subprotocol = match response.subprotocol {
            Subprotocol::Named(name) => Some(name),
            _ => names.find(|name| Some(*name) == chosen),
        };
        let Self { storage, accept, .. } = self;
        let len = build(storage.as_mut(), &|w| write_accepted(w, accept, subprotocol, response))?;
        self.answered = true;
        Ok(len)
    }

    /// [`respond_head`](Self::respond_head) for a session: writes over the request, to the start of the storage.
    pub(crate) fn respond_in_place(
        &mut self,
        status: u16,
        fields: &[(&str, &str)],
        content_length: usize,
    ) -> Result<usize, BuildError> {
        self.check_response(status, fields)?;
        let len = build(self.storage.as_mut(), &|w| write_response(w, status, fields, content_length, &[]))?;
        self.answered = true;
        Ok(len)
    }

    /// Whether a response with this status has a body.
    pub(crate) fn sends_body(&self, status: u16) -> bool {
        self.line.method != Method::Head && has_body(status)
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

    /// Answers with a page, a redirect or a refusal. Writes the response to `out` and returns its length. Send it, then
    /// close the transport.
    ///
    /// The response has `Connection: close` and Content-Length; a 405 also has Allow, and a 426 also has Upgrade and
    /// Sec-WebSocket-Version. `fields` adds others. The body is omitted if the request is HEAD, or `status` is 204 or
    /// 304. The host can call this before the request is complete, with 408 or 503 for example.
    ///
    /// # Errors
    ///
    /// [`BuildError::NotNow`] if the request has been answered already. Any other error means that an argument is
    /// invalid or `out` is too small, and the call can be repeated.
    pub fn respond(
        &mut self,
        status: u16,
        fields: &[(&str, &str)],
        body: &[u8],
        out: &mut [u8],
    ) -> Result<usize, BuildError> {
        let sent = if self.line.method == Method::Head { &[] } else { body };
        self.answer(status, fields, body.len(), sent, out)
    }

    /// Like [`respond`](Self::respond), but writes only the head. The host then sends the body of `content_length`
    /// bytes itself, from flash or from a file, as the transport accepts it. Send no body if the request is HEAD, or
    /// `status` is 204 or 304.
    ///
    /// ```
    /// use barews::handshake::{OriginPolicy, ServerConfig, ServerHandshake};
    ///
    /// static PAGE: &[u8] = b"<!doctype html><title>Chat</title>"; // in flash
    /// let config = ServerConfig::new(OriginPolicy::SameOrigin);
    /// let mut handshake = ServerHandshake::new(&config, [0; 512]);
    /// let mut read = *b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    /// let _progress = handshake.receive(&mut read)?;
    /// let mut out = [0; 128];
    /// let len = handshake.respond_head(200, &[("Content-Type", "text/html")], PAGE.len(), &mut out)?;
    /// assert!(out[..len].starts_with(b"HTTP/1.1 200 OK\r\n"));
    /// assert!(out[..len].ends_with(b"Content-Length: 34\r\n\r\n")); // PAGE follows
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`respond`](Self::respond).
    pub fn respond_head(
        &mut self,
        status: u16,
        fields: &[(&str, &str)],
        content_length: usize,
        out: &mut [u8],
    ) -> Result<usize, BuildError> {
        self.answer(status, fields, content_length, &[], out)
    }

    fn answer(
        &mut self,
        status: u16,
        fields: &[(&str, &str)],
        content_length: usize,
        body: &[u8],
        out: &mut [u8],
    ) -> Result<usize, BuildError> {
        self.check_response(status, fields)?;
        let len = build(out, &|w| write_response(w, status, fields, content_length, body))?;
        self.answered = true;
        Ok(len)
    }

    fn check_response(&self, status: u16, fields: &[(&str, &str)]) -> Result<(), BuildError> {
        if self.answered {
            return Err(BuildError::NotNow);
        }
        if !matches!(status, 200..=999) {
            return Err(BuildError::Status);
        }
        check_fields(fields)
    }

    /// Calls [`respond`](Self::respond) with the status of `error`, and with its text as a readable body. `error` comes
    /// from [`receive`](Self::receive) or from a check of the host's own.
    ///
    /// Targets other than 64-bit ones send no text and no reason phrase, unless the feature `refusal-texts` is enabled.
    ///
    /// # Errors
    ///
    /// Those of [`respond`](Self::respond).
    pub fn refuse(&mut self, error: HandshakeError, out: &mut [u8]) -> Result<usize, BuildError> {
        // RFC 6455 4.2.1, 10.7 [6455-4.2.1-1] [6455-10.7-4] [6455-10.2-2]
        let (fields, body) = refusal(error.text());
        self.respond(error.status(), fields, body, out)
    }
}

/// Returns the fields and the body of a refusal.
pub(crate) const fn refusal(text: &'static str) -> (&'static [(&'static str, &'static str)], &'static [u8]) {
    if REFUSAL_TEXTS { (&[("Content-Type", "text/plain")], text.as_bytes()) } else { (&[], &[]) }
}

/// Writes a response that accepts an upgrade. Everything in it must be valid.
fn write_accepted(w: &mut Writer<'_>, accept: &[u8; 28], subprotocol: Option<&str>, response: &Accept<'_>) {
    // RFC 6455 4.2.2 [6455-4.2.2-13] [6455-4.2.2-14] [6455-4.2.2-15] [6455-4.2.2-16]
    w.bytes(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    w.field("Sec-WebSocket-Accept", accept); // [6455-4.2.2-17]
    if let Some(name) = subprotocol {
        w.field("Sec-WebSocket-Protocol", name.as_bytes()); // [6455-4.2.2-10]
    }
    if !response.extensions.is_empty() {
        w.field("Sec-WebSocket-Extensions", response.extensions.as_bytes());
    }
    w.fields(response.fields);
    w.bytes(b"\r\n");
}

/// Writes any other response. Everything in it must be valid.
// RFC 6455 4.2.2 [6455-4.2.2-6] [6455-4.2.2-8]
fn write_response(w: &mut Writer<'_>, status: u16, fields: &[(&str, &str)], content_length: usize, body: &[u8]) {
    w.bytes(b"HTTP/1.1 ");
    w.number(status.into());
    w.bytes(b" ");
    w.bytes(reason(status).as_bytes());
    // RFC 9112 9.6: the bytes after a refused request are not the next request [6455-7.2.2-1]
    w.bytes(b"\r\nConnection: close");
    match status {
        405 => w.bytes(b"\r\nAllow: GET, HEAD\r\n"), // RFC 9110 15.5.6
        // RFC 6455 4.4, RFC 9110 7.8, 15.5.22 [6455-4.2.2-7] [6455-4.4-1]
        426 => w.bytes(b", Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
        _ => w.bytes(b"\r\n"),
    }
    w.fields(fields);
    if has_body(status) {
        w.bytes(b"Content-Length: ");
        w.number(content_length);
        w.bytes(b"\r\n\r\n");
        w.bytes(body);
    } else {
        w.bytes(b"\r\n");
    }
}

/// RFC 9110 6.4.1, 8.6
const fn has_body(status: u16) -> bool {
    !matches!(status, 204 | 304)
}

/// Returns the reason phrase of a status that the engine sends, or of a few others. It is optional (RFC 9112 section
/// 4).
const fn reason(status: u16) -> &'static str {
    match status {
        _ if !REFUSAL_TEXTS => "",
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        414 => "URI Too Long",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
