//! A session of a client.

use super::opening::Opening;
use super::{Error, Event, Session};
use crate::connection::Config;
use crate::deadlines::Timeouts;
use crate::handshake::error::{BuildError, HandshakeError};
use crate::handshake::{ClientConfig, ClientHandshake, ClientRequest, Progress, Response};
use crate::role::{Client, MaskingKeys};

impl<'c, K: MaskingKeys, S: AsRef<[u8]> + AsMut<[u8]>> Session<'c, Client<K>, S> {
    /// Creates a client's session when its transport is open, with TLS if
    /// [`Uri::secure`](crate::handshake::Uri::secure). The request is due. `nonce` must be 16 fresh random bytes, as
    /// for [`ClientHandshake::new`].
    ///
    /// Where stack is scarce, keep the result and borrow the session from it: `let Ok(session) = &mut result else { .. }`.
    /// A move can take the stack of a second session.
    ///
    /// # Errors
    ///
    /// Those of [`ClientHandshake::request`]. [`BuildError::BufferTooSmall`] if the storage is too small for the
    /// request.
    pub fn client(
        config: &'c ClientConfig<'c>,
        request: &ClientRequest<'_>,
        nonce: [u8; 16],
        storage: S,
        timeouts: Timeouts,
        now: u64,
    ) -> Result<Self, BuildError> {
        let mut handshake = ClientHandshake::new(config, nonce, storage);
        let len = handshake.request_in_place(request)?;
        Ok(Self::new(handshake, len, timeouts, now))
    }

    /// Creates a session from a handshake whose request the host has written, in
    /// [parts](ClientHandshake::request_part) for example: the storage can be smaller than the request. The handshake must
    /// not have read all of its response.
    ///
    /// ```
    /// use barews::Client;
    /// use barews::deadlines::Timeouts;
    /// use barews::handshake::{ClientConfig, ClientHandshake};
    /// use barews::session::{Event, Session};
    /// # fn random() -> [u8; 4] { [7; 4] }
    ///
    /// let handshake = ClientHandshake::new(&ClientConfig::DEFAULT, *b"the sample nonce", [0; 128]);
    /// // Write the request, then:
    /// let mut session: Session<'_, Client<fn() -> [u8; 4]>, _> =
    ///     Session::from_handshake(handshake, Timeouts::MILLISECONDS, 0);
    /// assert!(!session.is_due());
    /// # let mut bytes = *b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    /// #     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    /// assert_eq!(session.receive(&mut bytes, 0).event, Some(Event::Response));
    /// session.connect(random, &barews::connection::Config::DEFAULT)?;
    /// # Ok::<(), barews::BuildError>(())
    /// ```
    #[must_use]
    pub fn from_handshake(handshake: ClientHandshake<'c, S>, timeouts: Timeouts, now: u64) -> Self {
        let mut session = Self::new(handshake, 1, timeouts, now);
        session.head.start = session.head.end; // written, so a response is no surprise
        session
    }

    /// Returns the response after [`Event::Response`], until [`connect`](Self::connect).
    #[must_use]
    pub fn response(&self) -> Option<Response<'_>> {
        if self.connection.is_none() { self.handshake.response() } else { None }
    }

    /// Opens the connection after a response that is accepted.
    ///
    /// # Errors
    ///
    /// Those of [`ClientHandshake::connect`].
    pub fn connect(&mut self, keys: K, config: &Config) -> Result<(), BuildError> {
        if self.answered {
            return Err(BuildError::NotNow); // it failed
        }
        let connection = self.handshake.connect(keys, config)?;
        self.open(connection);
        Ok(())
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Opening<S> for ClientHandshake<'_, S> {
    fn unused(storage: S) -> Self {
        Self::new(&ClientConfig::DEFAULT, [0; 16], storage)
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
        (Event::Response, self.is_accepted())
    }

    fn refuse(&mut self, _: Error) -> (usize, &'static [u8]) {
        (0, &[]) // the client closes the transport
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
