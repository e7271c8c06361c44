//! The opening handshakes of both roles.

use barews::handshake::{Accept, ClientConfig, ClientRequest, Request, Response, ServerConfig};
use barews::session::{self, Session};
use barews::{BuildError, Client, HandshakeError, MaskingKeys, Server};
use embedded_io_async::{Read, Write};

use crate::clock::Clock;
use crate::error::Error;
use crate::websocket::{Resources, Step, WebSocket};

impl<'c, T, K: MaskingKeys, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'c, T, Client<K>, C, B> {
    /// Creates a client over a transport that is open, with TLS if [`Uri::secure`](barews::handshake::Uri::secure). Then
    /// call [`connect`](Self::connect).
    ///
    /// `keys` returns four fresh bytes of a cryptographically secure generator at each call: the masking keys, and
    /// before them the nonce of the handshake.
    ///
    /// # Errors
    ///
    /// Those of [`Session::client`]: the request is malformed, or does not fit the storage.
    pub fn client(
        transport: T,
        resources: Resources<B, C>,
        config: &'c ClientConfig<'c>,
        request: &ClientRequest<'_>,
        mut keys: K,
    ) -> Result<Self, BuildError> {
        let mut nonce = [0; 16];
        for part in nonce.chunks_exact_mut(4) {
            part.copy_from_slice(&keys.next_key());
        }
        Self::new(transport, resources, Some(Client(keys)), |storage, timeouts, now| {
            Session::client(config, request, nonce, storage, timeouts, now)
        })
    }
}

impl<T: Read + Write, K: MaskingKeys, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'_, T, Client<K>, C, B> {
    /// Sends the request and waits for the response. Use it before [`connect`](Self::connect) to read the response: the
    /// subprotocol that the server chose, the location of a redirect. If the future is dropped, call it again.
    ///
    /// # Errors
    ///
    /// [`Error::Session`] if the response breaks a rule or does not come in time. [`Error::Transport`]. [`Error::Build`]
    /// after [`connect`](Self::connect).
    pub async fn response(&mut self) -> Result<Response<'_>, Error<T::Error>> {
        if self.session.is_open() {
            return Err(Error::Build(BuildError::NotNow));
        }
        if self.session.response().is_none() && self.step().await?.is_none() {
            return Err(Error::Ended);
        }
        self.session.response().ok_or(Error::Build(BuildError::NotNow))
    }

    /// Completes the handshake. If the future is dropped, call it again.
    ///
    /// ```
    /// use barews::handshake::{ClientConfig, ClientRequest, Uri};
    /// use barews_embedded::{Clock, Error, Resources, WebSocket};
    /// use embedded_io_async::{Read, Write};
    ///
    /// static CONFIG: ClientConfig<'_> = ClientConfig { subprotocols: &["mqtt"], ..ClientConfig::DEFAULT };
    ///
    /// async fn run<T: Read + Write>(
    ///     transport: T,
    ///     clock: impl Clock,
    ///     random: impl FnMut() -> [u8; 4],
    /// ) -> Result<(), Error<T::Error>> {
    ///     let (mut storage, mut receive, mut transmit) = ([0; 512], [0; 256], [0; 256]);
    ///     let resources = Resources::new(&mut storage[..], &mut receive[..], &mut transmit[..], clock);
    ///     let uri = Uri::parse("ws://broker.example/mqtt").map_err(barews::BuildError::Uri)?;
    ///     let mut socket = WebSocket::client(transport, resources, &CONFIG, &ClientRequest::new(uri), random)?;
    ///     let speaks_mqtt = socket.response().await?.subprotocol() == Some("mqtt");
    ///     socket.connect().await?;
    ///     if speaks_mqtt {
    ///         socket.send_binary(b"\x10\x0C\0\x04MQTT\x04\x02\0\x3C\0\0").await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the status is not 101, and the errors of [`response`](Self::response).
    pub async fn connect(&mut self) -> Result<(), Error<T::Error>> {
        if self.session.is_open() {
            return Ok(());
        }
        let response = self.response().await?;
        if !response.is_accepted() {
            return Err(Error::Refused { status: response.status(), retry_after: response.retry_after() });
        }
        self.open()
    }
}

impl<'c, T, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'c, T, Server, C, B> {
    /// Creates a server over a transport that was accepted. Then call [`request`](Self::request).
    pub fn server(transport: T, resources: Resources<B, C>, config: &'c ServerConfig<'c>) -> Self {
        let created = Self::new(transport, resources, None, |storage, timeouts, now| {
            Ok::<_, core::convert::Infallible>(Session::server(config, storage, timeouts, now))
        });
        match created {
            Ok(socket) => socket,
            Err(never) => match never {},
        }
    }
}

impl<'c, T: Read + Write, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'c, T, Server, C, B> {
    /// Reads the request. Answer it: [`accept`](Self::accept), [`respond`](Self::respond) or [`refuse`](Self::refuse).
    /// If the future is dropped, call it again.
    ///
    /// ```
    /// use barews::handshake::{Accept, OriginPolicy, ServerConfig};
    /// use barews_embedded::{Clock, Error, Event, Resources, WebSocket};
    /// use embedded_io_async::{Read, Write};
    ///
    /// static CONFIG: ServerConfig<'_> =
    ///     ServerConfig { subprotocols: &["echo"], ..ServerConfig::new(OriginPolicy::SameOrigin) };
    ///
    /// async fn serve<T: Read + Write>(transport: T, clock: impl Clock) -> Result<(), Error<T::Error>> {
    ///     let resources = Resources::new([0; 512], [0; 512], [0; 512], clock);
    ///     let mut socket = WebSocket::server(transport, resources, &CONFIG);
    ///     let request = socket.request().await?;
    ///     match (request.is_upgrade(), request.target()) {
    ///         (true, "/echo") => socket.accept(&Accept::default()).await?,
    ///         (false, "/") => return socket.respond(200, &[("Content-Type", "text/html")], b"<!doctype html>").await,
    ///         _ => return socket.respond(404, &[], b"").await,
    ///     }
    ///     // Messages of up to 256 bytes.
    ///     let mut messages = barews::message::MessageBuffer::new([0; 256]);
    ///     while let Some(message) = socket.receive_message(&mut messages).await? {
    ///         let mut copy = [0; 256];
    ///         let len = message.payload.len();
    ///         copy[..len].copy_from_slice(message.payload);
    ///         socket.send_binary(&copy[..len]).await?;
    ///     }
    ///     Ok(()) // then `socket.end(..)`, also after an error
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Session`] if the request breaks a rule or does not come in time, after the refusal was written.
    /// [`Error::Ended`] if the peer has sent nothing. [`Error::Transport`]. [`Error::Build`] after an answer.
    pub async fn request(&mut self) -> Result<Request<'_>, Error<T::Error>> {
        if self.session.is_open() {
            return Err(Error::Build(BuildError::NotNow));
        }
        if self.session.request().is_none() && !matches!(self.step().await?, Some(Step::Head)) {
            return Err(Error::Ended);
        }
        self.session.request().ok_or(Error::Build(BuildError::NotNow))
    }

    /// Accepts the upgrade with a subprotocol and fields of the host. If the future is dropped, call it again.
    ///
    /// # Errors
    ///
    /// [`Error::Build`] if the response cannot be sent: the subprotocol was not offered, a field is malformed, the
    /// storage is too small, or there is no request. The request can then be answered in another way. [`Error::Session`]
    /// if the request asks for no upgrade: it was refused with 426. [`Error::Transport`]. If the peer does not take the
    /// response in time, the next call returns the error.
    pub fn accept<'a>(
        &'a mut self,
        response: &Accept<'_>,
    ) -> impl Future<Output = Result<(), Error<T::Error>>> + use<'a, 'c, T, C, B> {
        // Not in the future, so that the compiler knows a constant `response`.
        let built = if self.session.is_open() { Ok(()) } else { self.build_response(response) };
        async move {
            built?;
            self.drain().await?;
            match self.session.is_open() {
                true => Ok(()),
                false => Err(Error::Session(session::Error::Handshake(HandshakeError::Upgrade))),
            }
        }
    }

    /// Answers with a page, a redirect or a refusal. `body` must live as long as the configuration. Then call
    /// [`end`](Self::end), which also writes what is left if the future is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Build`] if the response cannot be sent; [`Error::Session`] if the peer does not take it in time;
    /// [`Error::Transport`].
    pub async fn respond(
        &mut self,
        status: u16,
        fields: &[(&str, &str)],
        body: &'c [u8],
    ) -> Result<(), Error<T::Error>> {
        self.session.respond(status, fields, body)?;
        self.flush().await
    }

    /// Refuses the request with the status of `error`, like [`respond`](Self::respond).
    ///
    /// # Errors
    ///
    /// Those of [`respond`](Self::respond).
    pub async fn refuse(&mut self, error: HandshakeError) -> Result<(), Error<T::Error>> {
        self.session.refuse(error)?;
        self.flush().await
    }
}
