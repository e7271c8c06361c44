//! A session of a server.

use super::opening::Opening;
use super::{Error, Event, Session};
use crate::connection::{Config, Connection};
use crate::deadlines::Timeouts;
use crate::handshake::error::{BuildError, HandshakeError};
use crate::handshake::refusal;
use crate::handshake::{Accept, OriginPolicy, Progress, Request, ServerConfig, ServerHandshake};
use crate::role::Server;

impl<'c, S: AsRef<[u8]> + AsMut<[u8]>> Session<'c, Server, S> {
    /// Creates a server's session when a transport was accepted.
    pub const fn server(config: &'c ServerConfig<'c>, storage: S, timeouts: Timeouts, now: u64) -> Self {
        Self::new(ServerHandshake::new(config, storage), 0, timeouts, now)
    }

    /// Returns the request after [`Event::Request`], until it is answered. It borrows the session: copy what you need
    /// when it is answered. See [`respond`](Self::respond) for an example.
    #[must_use]
    pub fn request(&self) -> Option<Request<'_>> {
        if self.waits() { self.handshake.request() } else { None }
    }

    /// Accepts the upgrade. The response is due; the connection can send after it. A request for a page, which
    /// asks for no upgrade, is refused with 426 instead: ask [`is_open`](Self::is_open) if it matters.
    ///
    /// # Errors
    ///
    /// Those of [`ServerHandshake::accept`]. [`BuildError::BufferTooSmall`] if the storage is too small for the
    /// response.
    pub fn accept(&mut self, response: &Accept<'_>, config: &Config) -> Result<(), BuildError> {
        if !self.request().ok_or(BuildError::NotNow)?.is_upgrade() {
            return self.refuse(HandshakeError::Upgrade);
        }
        let len = self.handshake.accept_in_place(response)?;
        self.open(Connection::new(Server, config));
        self.head = 0..len;
        Ok(())
    }

    /// Answers with a page, a redirect or a refusal, as [`ServerHandshake::respond`] does, also before the request is
    /// complete. The response is due, then the transport ends. `body` must live as long as the configuration; for
    /// others there is [`respond_head`](Self::respond_head). The peer has [`Timeouts::closing`] to take the response and
    /// to end the stream.
    ///
    /// ```
    /// # use barews::connection::{Config, Transport};
    /// # use barews::deadlines::Timeouts;
    /// # use barews::handshake::{Accept, OriginPolicy, ServerConfig};
    /// # use barews::session::{Event, Session};
    /// # static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
    /// # let mut session = Session::server(&CONFIG, [0; 512], Timeouts::MILLISECONDS, 0);
    /// # let mut out = [0; 512];
    /// # let mut read = *b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    /// # assert_eq!(session.receive(&mut read, 0).event, Some(Event::Request));
    /// // After `Event::Request`:
    /// let request = session.request().map(|request| (request.is_upgrade(), request.target()));
    /// match request {
    ///     Some((true, "/private")) => session.refuse(barews::HandshakeError::Origin)?, // 403
    ///     Some((true, "/chat")) => session.accept(&Accept::default(), &Config::DEFAULT)?,
    ///     Some((false, "/")) => session.respond(200, &[("Content-Type", "text/html")], b"<!doctype html>")?,
    ///     _ => session.respond(404, &[], b"")?,
    /// }
    /// let len = session.poll_transmit(&mut out);
    /// assert!(out[..len].ends_with(b"\r\n\r\n<!doctype html>"));
    /// assert_eq!(session.transport(), Transport::HalfClose);
    /// # Ok::<(), barews::BuildError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`ServerHandshake::respond`]. [`BuildError::BufferTooSmall`] if the storage is too small for the head.
    pub fn respond(&mut self, status: u16, fields: &[(&str, &str)], body: &'c [u8]) -> Result<(), BuildError> {
        self.respond_head(status, fields, body.len())?;
        self.body = if self.handshake.sends_body(status) { body } else { &[] };
        Ok(())
    }

    /// Like [`respond`](Self::respond), but without the body. The host writes its `content_length` bytes itself when
    /// [`poll_transmit`](Self::poll_transmit) has returned 0, and then does what [`transport`](Self::transport) says.
    /// See [`ServerHandshake::respond_head`] for an example.
    ///
    /// # Errors
    ///
    /// Those of [`respond`](Self::respond).
    pub fn respond_head(
        &mut self,
        status: u16,
        fields: &[(&str, &str)],
        content_length: usize,
    ) -> Result<(), BuildError> {
        if self.answered || self.eof_handled || self.connection.is_some() {
            return Err(BuildError::NotNow);
        }
        self.head = 0..self.handshake.respond_in_place(status, fields, content_length)?;
        self.answered = true;
        Ok(())
    }

    /// Calls [`respond`](Self::respond) with the status of `error`, and with its text as a readable body.
    /// See [`respond`](Self::respond) for an example, and [`ServerHandshake::refuse`] for targets without the text.
    ///
    /// # Errors
    ///
    /// Those of [`respond`](Self::respond).
    pub fn refuse(&mut self, error: HandshakeError) -> Result<(), BuildError> {
        let (fields, body) = refusal(error.text());
        self.respond(error.status(), fields, body)
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Opening<S> for ServerHandshake<'_, S> {
    fn unused(storage: S) -> Self {
        static NONE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
        Self::new(&NONE, storage)
    }

    fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Progress<'b>, HandshakeError> {
        self.receive(bytes)
    }

    fn receive_eof(&mut self) -> Result<(), HandshakeError> {
        self.receive_eof()
    }

    fn is_complete(&self) -> bool {
        self.is_complete()
    }

    fn event(&self) -> (Event<'static>, bool) {
        (Event::Request, true)
    }

    fn refuse(&mut self, error: Error) -> (usize, &'static [u8]) {
        let (status, text) = match error {
            Error::Handshake(error) => (error.status(), error.text()),
            Error::Unanswered => (503, ""),
            _ => (408, ""),
        };
        let (fields, body) = refusal(text);
        match self.respond_in_place(status, fields, body.len()) {
            Ok(head) => (head, if self.sends_body(status) { body } else { &[] }),
            Err(_) => (0, &[]), // without room there is no answer
        }
    }

    fn storage(&self) -> &[u8] {
        self.storage()
    }

    fn storage_mut(&mut self) -> &mut S {
        self.storage_mut()
    }

    fn into_storage(self) -> S {
        self.into_storage()
    }
}
