//! The client's opening handshake.

use std::fmt;
use std::time::Duration;

use barews::HandshakeError;
use barews::deflate::Parameters;
use barews::handshake::{self, ClientConfig, ClientRequest, Uri, basic_credentials, bearer_credentials};
use barews::session::Session;
use bytes::BytesMut;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::Agreed;
use crate::engine::{Halves, KEYS, random};
use crate::error::{Refused, Timeout};
use crate::open::{NEVER, Opening, STORAGE, parse_head, within};
use crate::{Config, Error, MaybeTls, Reconnecting, WebSocket, dial};

/// How much of the body of a refusal is kept, and how long the client waits for it.
const BODY: usize = 4 << 10;
const BODY_TIMEOUT: Duration = Duration::from_secs(1);
/// The same for a body without Content-Length, which a connection that stays open does not end.
const UNSIZED_BODY_TIMEOUT: Duration = Duration::from_millis(100);

/// Connects to a server, with the defaults of [`Client`].
///
/// ```no_run
/// # async fn f() -> Result<(), barews_tokio::Error> {
/// let (mut socket, response) = barews_tokio::connect("ws://127.0.0.1:9001/").await?;
/// assert_eq!(response.status(), 101);
/// socket.send("Hello").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of [`Client::connect`].
pub async fn connect(uri: impl Into<String>) -> Result<(WebSocket<MaybeTls<TcpStream>>, Response), Error> {
    Client::new(uri).connect().await
}

/// The target of a client, and what it offers.
///
/// ```no_run
/// use barews_tokio::Client;
///
/// # async fn f() -> Result<(), barews_tokio::Error> {
/// let client = Client::new("ws://example.com/ocpp/CP01").subprotocols(["ocpp2.0.1"]).basic("CP01", "secret")?;
/// let (mut socket, response) = client.connect().await?;
/// assert_eq!(response.subprotocol(), Some("ocpp2.0.1"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    uri: String,
    config: Config,
    subprotocols: Vec<String>,
    origin: Option<String>,
    fields: Vec<(String, String)>,
    proxy: Option<String>,
    redirects: u8,
    #[cfg(feature = "rustls")]
    tls: Option<std::sync::Arc<tokio_rustls::rustls::ClientConfig>>,
}

/// Shows no values of fields and no proxy, because they can have passwords.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> = self.fields.iter().map(|(name, _)| name).collect();
        f.debug_struct("Client")
            .field("uri", &self.uri)
            .field("config", &self.config)
            .field("subprotocols", &self.subprotocols)
            .field("origin", &self.origin)
            .field("fields", &fields)
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Creates a client for this URI: `ws:`, or `wss:` for TLS (feature `rustls`). `http:` and `https:` mean the same.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            config: Config::default(),
            subprotocols: Vec::new(),
            origin: None,
            fields: Vec::new(),
            proxy: None,
            redirects: 0,
            #[cfg(feature = "rustls")]
            tls: None,
        }
    }

    /// Sets limits, timeouts and compression.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the subprotocols that the client offers, most preferred first.
    #[must_use]
    pub fn subprotocols<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets Origin, which browsers send and other clients seldom need.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Adds a header field, such as Cookie.
    ///
    /// The fields of the handshake itself are refused when connecting, with [`Error::Build`]: Host, Upgrade, Connection,
    /// Content-Length, Transfer-Encoding and all that begin with Sec-WebSocket. For Origin and for subprotocols there are
    /// [`origin`](Self::origin) and [`subprotocols`](Self::subprotocols).
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Sends a user name and a password (RFC 7617). Use it with TLS only: base64 hides nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Build`] if the name has a colon, or one of both has a control character.
    pub fn basic(self, user: &str, password: &str) -> Result<Self, Error> {
        let mut value = vec![0; 16 + 2 * (user.len() + password.len())];
        let value = basic_credentials(user, password, &mut value)?;
        Ok(self.header("Authorization", value))
    }

    /// Sends a token (RFC 6750).
    ///
    /// # Errors
    ///
    /// [`Error::Build`] if the token has a character that a header field cannot have.
    pub fn bearer(self, token: &str) -> Result<Self, Error> {
        let mut value = vec![0; 16 + token.len()];
        let value = bearer_credentials(token, &mut value)?;
        Ok(self.header("Authorization", value))
    }

    /// Connects through an HTTP proxy, `http://user:password@host:port`.
    #[must_use]
    pub fn proxy(mut self, proxy: impl Into<String>) -> Self {
        self.proxy = Some(proxy.into());
        self
    }

    /// Follows at most this many redirects; by default none. Authorization, Cookie and Proxy-Authorization go to the
    /// origin of the first URI only. All other fields, Origin and the subprotocols go to every origin, also if they
    /// carry a token. A redirect from `wss:` to `ws:` is an error.
    #[must_use]
    pub fn redirects(mut self, redirects: u8) -> Self {
        self.redirects = redirects;
        self
    }

    /// Sets the TLS configuration: certificates, roots, ALPN.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, tls: std::sync::Arc<tokio_rustls::rustls::ClientConfig>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Connects again and again: a stream of connections.
    #[must_use]
    pub fn reconnecting(self) -> Reconnecting {
        Reconnecting::new(self)
    }

    /// Connects, and returns the socket with the server's response.
    ///
    /// All addresses of the host are tried, each 250 ms after the one before (RFC 8305). Cancel safe: dropping the
    /// future closes the transport.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for every status but 101. [`Error::Handshake`] if the response is not valid.
    /// [`Error::Timeout`],
    /// [`Error::Io`]. [`Error::Uri`], [`Error::Build`], [`Error::Tls`] and the like for arguments that are not valid.
    pub async fn connect(&self) -> Result<(WebSocket<MaybeTls<TcpStream>>, Response), Error> {
        within(self.config.timeouts.connect, Timeout::Connect, Box::pin(self.follow())).await
    }

    /// Makes the opening handshake on a transport that is open. For a URI of `wss:` the transport must be TLS already:
    /// this call adds none. Redirects are not followed.
    ///
    /// ```
    /// use barews_tokio::{Client, accept};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), barews_tokio::Error> {
    /// let (a, b) = tokio::io::duplex(4096);
    /// let client = Client::new("ws://example.com/");
    /// let (client, server) = tokio::try_join!(client.connect_on(a), accept(b))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect).
    pub async fn connect_on<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Result<(WebSocket<S>, Response), Error> {
        self.open(stream, &Uri::parse(&self.uri)?, true).await
    }

    async fn follow(&self) -> Result<(WebSocket<MaybeTls<TcpStream>>, Response), Error> {
        let first = Uri::parse(&self.uri)?;
        let (mut target, mut trusted) = (self.uri.clone(), true);
        for _ in 0..=self.redirects {
            let uri = Uri::parse(&target)?;
            trusted &= uri.is_same_origin(&first);
            let stream = self.dial(&uri).await?;
            let refused = match self.open(stream, &uri, trusted).await {
                Err(Error::Refused(refused)) if self.redirects > 0 => refused,
                outcome => return outcome,
            };
            let location = match (refused.response.status.as_u16(), refused.response.headers.get("location")) {
                (301..=303 | 307 | 308, Some(location)) => location,
                _ => return Err(Error::Refused(refused)),
            };
            let mut joined = vec![0; 64 + target.len() + location.len()];
            target = uri.join(location.as_bytes(), &mut joined)?.to_string();
        }
        Err(Error::TooManyRedirects(target))
    }

    /// Opens the transport.
    async fn dial(&self, uri: &Uri<'_>) -> Result<MaybeTls<TcpStream>, Error> {
        if uri.secure() && !cfg!(feature = "rustls") {
            return Err(Error::Tls("wss needs the feature rustls"));
        }
        let stream = match &self.proxy {
            Some(proxy) => dial::tunnel(proxy, uri).await?,
            None => dial::tcp(uri.host(), uri.port()).await?,
        };
        #[cfg(feature = "rustls")]
        if uri.secure() {
            use tokio_rustls::rustls::pki_types::ServerName;
            let name = uri.host().trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(name).map_err(|_| Error::Tls("host name is not valid for TLS"))?;
            let config = self.tls.clone().unwrap_or_else(crate::tls::default_config);
            let stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await?;
            return Ok(MaybeTls::Tls(Box::new(stream)));
        }
        Ok(MaybeTls::Plain(stream))
    }

    async fn open<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        uri: &Uri<'_>,
        trusted: bool,
    ) -> Result<(WebSocket<S>, Response), Error> {
        let handshake = Box::pin(self.shake_hands(stream, uri, trusted));
        within(self.config.timeouts.handshake, Timeout::Handshake, handshake).await
    }

    async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        uri: &Uri<'_>,
        trusted: bool,
    ) -> Result<(WebSocket<S>, Response), Error> {
        let offer = self.offer(trusted)?;
        let (config, request) = (offer.config(), offer.request(*uri));
        let session = Session::client(&config, &request, random(), vec![0; STORAGE], NEVER, 0)?;
        let mut opening = Opening::new(&mut stream, session);
        let head = opening.head().await?;
        let asked = opening.session.response().ok_or(HandshakeError::StartLine)?;
        let (response, agreed) = offer.check(&asked, asked.status(), parse_head(head))?;
        if !asked.is_accepted() {
            let Opening { io, read, .. } = opening;
            return Err(refused(response, io, read).await);
        }
        opening.session.connect(KEYS, &self.config.engine(agreed.is_some()))?;
        let (connection, unread): (_, BytesMut) = opening.finish()?;
        let subprotocol = response.subprotocol();
        let socket = WebSocket::new(stream, Halves::from(connection), &self.config, agreed, unread, subprotocol);
        Ok((socket, response))
    }

    #[cfg(feature = "http2")]
    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    #[cfg(feature = "http2")]
    pub(crate) const fn config_ref(&self) -> &Config {
        &self.config
    }

    /// `trusted`: whether the server may have the secrets.
    pub(crate) fn offer(&self, trusted: bool) -> Result<Offer<'_>, Error> {
        let secrets = ["authorization", "cookie", "proxy-authorization"];
        let is_secret = |name: &str| secrets.iter().any(|secret| name.eq_ignore_ascii_case(secret));
        let fields = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let parameters: Vec<_> = self.config.compression.iter().map(|it| it.parameters(false)).collect();
        Ok(Offer {
            client: self,
            subprotocols: self.subprotocols.iter().map(String::as_str).collect(),
            fields: fields.filter(|(name, _)| trusted || !is_secret(name)).collect(),
            extensions: Parameters::offer(&parameters, &mut [0; 256])?.into(),
            parameters,
        })
    }
}

/// What a client offers in a request.
pub(crate) struct Offer<'a> {
    client: &'a Client,
    subprotocols: Vec<&'a str>,
    fields: Vec<(&'a str, &'a str)>,
    extensions: String,
    parameters: Vec<Parameters>,
}

impl Offer<'_> {
    pub(crate) fn config(&self) -> ClientConfig<'_> {
        ClientConfig { subprotocols: &self.subprotocols, extensions: &self.extensions, ..ClientConfig::DEFAULT }
    }

    pub(crate) fn request<'r>(&'r self, uri: Uri<'r>) -> ClientRequest<'r> {
        ClientRequest { origin: self.client.origin.as_deref(), fields: &self.fields, ..ClientRequest::new(uri) }
    }

    /// Returns the response, and the compression that is agreed in it.
    pub(crate) fn check(
        &self,
        response: &handshake::Response<'_>,
        status: u16,
        headers: HeaderMap,
    ) -> Result<(Response, Option<Agreed>), Error> {
        let agreed = Parameters::agree(&self.parameters, response.extensions())?;
        let agreed = self.client.config.compression.as_ref().zip(agreed);
        let response = Response {
            status: StatusCode::from_u16(status).map_err(|_| HandshakeError::StartLine)?,
            headers,
            subprotocol: response.subprotocol().map(Into::into),
            retry_after: response.retry_after(),
        };
        Ok((response, agreed.map(|(compression, parameters)| Agreed::new(parameters, false, compression))))
    }
}

/// Returns the error for a response that opens no WebSocket, with the beginning of its body. `read` has what was read of
/// that.
pub(crate) async fn refused<S: AsyncRead + Unpin>(response: Response, io: &mut S, mut read: BytesMut) -> Error {
    let (len, patience) = match (response.status, response.content_length()) {
        (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED, _) => (0, BODY_TIMEOUT), // RFC 9112 6.3: no body
        (_, Some(len)) => (len.min(BODY), BODY_TIMEOUT),
        (_, None) => (BODY, UNSIZED_BODY_TIMEOUT),
    };
    read.reserve(BODY);
    let read_body = async { while read.len() < len && matches!(io.read_buf(&mut read).await, Ok(1..)) {} };
    let _cut = timeout(patience, read_body).await;
    read.truncate(BODY);
    Error::Refused(Box::new(Refused { response, body: read.freeze() }))
}

/// The server's response to the opening handshake.
#[derive(Clone, Debug)]
pub struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    subprotocol: Option<String>,
    pub(crate) retry_after: Option<u32>,
}

impl Response {
    /// Returns the status: 101 if the WebSocket is open, over HTTP/2 one from 200 to 299.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns all header fields.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the first value of a header field, if it is visible ASCII. `name` can be in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| HeaderValue::to_str(value).ok())
    }

    /// Returns the subprotocol that the server chose.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Returns the extensions that the server chose, such as `permessage-deflate`, with their parameters.
    #[must_use]
    pub fn extensions(&self) -> Option<&str> {
        self.header("sec-websocket-extensions")
    }

    fn content_length(&self) -> Option<usize> {
        self.header("content-length")?.parse().ok()
    }
}
