//! The server's opening handshake.

use std::future::ready;
use std::time::Duration;

use barews::connection::Transport;
use barews::deflate::MAX_RESPONSE;
use barews::handshake::{self, OriginPolicy, ServerConfig, Subprotocol};
use barews::session::Session;
use barews::{Connection, HandshakeError, Server};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use crate::config::Agreed;
use crate::engine::Halves;
use crate::error::Timeout;
use crate::open::{NEVER, Opening, STORAGE, end, parse_head, within};
use crate::{Config, Error, Timeouts, WebSocket};

/// Accepts a WebSocket on a new transport, with the defaults of [`Acceptor`].
///
/// ```no_run
/// # async fn f(listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
/// let (stream, _) = listener.accept().await?;
/// let mut socket = barews_tokio::accept(stream).await?;
/// socket.send("Hello").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Error::Handshake`] if the request is not valid: it was answered with the status that RFC 6455 requires.
/// [`Error::Timeout`], [`Error::Io`].
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Result<WebSocket<S>, Error> {
    Acceptor::new().accept(stream).await
}

/// What a server accepts, for all its connections.
///
/// ```no_run
/// use barews_tokio::{Accept, Acceptor, Refusal, Request};
///
/// # async fn f(stream: tokio::net::TcpStream) -> Result<(), barews_tokio::Error> {
/// let acceptor = Acceptor::new().subprotocols(["mqtt"]).same_origin();
/// let socket = acceptor
///     .accept_with(stream, |request: &Request| match request.path() {
///         "/mqtt" => Ok(Accept::new().header("Set-Cookie", "seen=1")),
///         _ => Err(Refusal::new(404)),
///     })
///     .await?;
/// assert_eq!(socket.subprotocol(), Some("mqtt"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Acceptor {
    config: Config,
    subprotocols: Vec<String>,
    origins: Option<Vec<String>>,
}

impl Acceptor {
    /// Creates an acceptor with the default [`Config`], without subprotocols, for pages of every origin.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets limits, timeouts and compression.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the subprotocols that the server supports, most preferred first. The first one that the client offers is
    /// agreed, unless the callback chooses another.
    #[must_use]
    pub fn subprotocols<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// Refuses browsers whose page comes from another host than this server, with 403. A server that identifies its
    /// users by cookies needs this or [`origins`](Self::origins) (RFC 6455 section 10.2).
    #[must_use]
    pub fn same_origin(mut self) -> Self {
        self.origins = Some(Vec::new());
        self
    }

    /// Accepts browsers only with pages from these origins, such as `https://example.com`, and from this server's own.
    #[must_use]
    pub fn origins<T: Into<String>>(mut self, origins: impl IntoIterator<Item = T>) -> Self {
        self.origins = Some(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Accepts every valid request.
    ///
    /// # Errors
    ///
    /// Those of [`accept`](fn@accept).
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Result<WebSocket<S>, Error> {
        self.accept_with(stream, |_| Ok(Accept::new())).await
    }

    /// Shows each request for a WebSocket to `answer`, which accepts or refuses it. Requests that are not valid, and
    /// requests for a page, are refused before.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if `answer` refuses; [`Error::Build`] if its answer cannot be written, because of a
    /// subprotocol that the client does not offer for example: the client gets a 500. Those of [`accept`](fn@accept).
    pub async fn accept_with<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        answer: impl FnOnce(&Request) -> Result<Accept, Refusal>,
    ) -> Result<WebSocket<S>, Error> {
        self.accept_async(stream, |request| ready(answer(&request))).await
    }

    /// Like [`accept_with`](Self::accept_with), for an answer that waits for something, a database for example. The
    /// [timeout of the handshake](crate::Timeouts::handshake) counts that time.
    ///
    /// # Errors
    ///
    /// Those of [`accept_with`](Self::accept_with).
    pub async fn accept_async<S: AsyncRead + AsyncWrite + Unpin, F: Future<Output = Result<Accept, Refusal>>>(
        &self,
        mut stream: S,
        answer: impl FnOnce(Request) -> F,
    ) -> Result<WebSocket<S>, Error> {
        let (start, Timeouts { handshake, closing, .. }) = (Instant::now(), &self.config.timeouts);
        let mut refused = false;
        let opening = Box::pin(self.open(&mut stream, answer, &mut refused));
        match within(*handshake, Timeout::Handshake, opening).await {
            Ok((terms, connection, unread)) => Ok(terms.socket(stream, connection, &self.config, unread)),
            Err(error) => {
                if refused {
                    // Outside the timeout, which would hide the error.
                    let left = handshake.map_or(Duration::MAX, |it| it.saturating_sub(start.elapsed()));
                    end(&mut stream, closing.unwrap_or(Duration::from_secs(5)).min(left)).await;
                }
                Err(error)
            }
        }
    }

    /// Makes the handshake. `refused` is set if an answer was written that opens no WebSocket.
    async fn open<S: AsyncRead + AsyncWrite + Unpin, F: Future<Output = Result<Accept, Refusal>>>(
        &self,
        stream: &mut S,
        answer: impl FnOnce(Request) -> F,
        refused: &mut bool,
    ) -> Result<(Terms, Connection<Server>, BytesMut), Error> {
        let (names, origins) = self.lists();
        let config = engine_config(&names, origins.as_deref());
        let mut opening = Opening::new(stream, Session::server(&config, vec![0; STORAGE], NEVER, 0));
        let head = match opening.head().await {
            Ok(head) => head,
            Err(error) => {
                opening.transmit().await?;
                *refused = opening.session.transport() == Transport::HalfClose;
                return Err(error);
            }
        };
        let asked = opening.session.request().filter(|request| request.is_upgrade());
        let Some(request) = asked.map(|request| Request::new(&request, parse_head(head))) else {
            opening.session.refuse(HandshakeError::Upgrade)?;
            opening.transmit().await?;
            *refused = true;
            return Err(HandshakeError::Upgrade.into());
        };
        let accept = match answer(request).await {
            Ok(accept) => accept,
            Err(refusal) => {
                let fields = pairs(&refusal.fields);
                let head = opening.session.respond_head(refusal.status, &fields, refusal.body.len());
                if let Err(error) = head {
                    *refused = fail(&mut opening).await;
                    return Err(error.into());
                }
                opening.transmit().await?;
                opening.io.write_all(&refusal.body).await?;
                opening.io.flush().await?;
                *refused = true;
                return Err(Error::Rejected(refusal.status));
            }
        };
        let terms = self.terms(&accept, &opening.session.request().ok_or(Error::Closed)?)?;
        let fields = pairs(&accept.fields);
        let engine = self.config.engine(terms.agreed.is_some());
        if let Err(error) = opening.session.accept(&terms.response(&fields), &engine) {
            *refused = fail(&mut opening).await;
            return Err(error.into());
        }
        opening.transmit().await?;
        let (connection, unread) = opening.finish()?;
        Ok((terms, connection, unread))
    }

    #[cfg(any(feature = "hyper", feature = "http2"))]
    pub(crate) const fn config_ref(&self) -> &Config {
        &self.config
    }

    /// Returns the subprotocols and the origins, for [`engine_config`].
    pub(crate) fn lists(&self) -> (Vec<&str>, Option<Vec<&str>>) {
        fn strs(list: &[String]) -> Vec<&str> {
            list.iter().map(String::as_str).collect()
        }
        (strs(&self.subprotocols), self.origins.as_deref().map(strs))
    }

    /// Decides what is agreed with the client.
    pub(crate) fn terms(&self, accept: &Accept, request: &handshake::Request<'_>) -> Result<Terms, Error> {
        let subprotocol = match &accept.subprotocol {
            Choice::Preferred => request.subprotocol().map(Into::into),
            Choice::Named(name) => Some(name.clone()),
            Choice::None => None,
        };
        let (mut agreed, mut extensions) = (None, String::new());
        if let Some(compression) = &self.config.compression {
            let mut value = [0; MAX_RESPONSE];
            if let Some((parameters, value)) = compression.parameters(true).accept(request.extensions(), &mut value)? {
                agreed = Some(Agreed::new(parameters, true, compression));
                extensions = value.into();
            }
        }
        Ok(Terms { subprotocol, agreed, extensions })
    }
}

/// Sends a 500, because the host's answer cannot be written. Returns whether it is written.
async fn fail<S: AsyncRead + AsyncWrite + Unpin>(opening: &mut Opening<'_, '_, S, Server>) -> bool {
    opening.session.respond_head(500, &[], 0).is_ok() && opening.transmit().await.is_ok()
}

pub(crate) const fn engine_config<'c>(names: &'c [&'c str], origins: Option<&'c [&'c str]>) -> ServerConfig<'c> {
    let origin = match origins {
        Some(origins) => OriginPolicy::SameOriginOr(origins),
        None => OriginPolicy::Any,
    };
    ServerConfig { subprotocols: names, ..ServerConfig::new(origin) }
}

pub(crate) fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// What is agreed for a connection.
pub(crate) struct Terms {
    subprotocol: Option<String>,
    pub(crate) agreed: Option<Agreed>,
    extensions: String,
}

impl Terms {
    pub(crate) fn response<'a>(&'a self, fields: &'a [(&'a str, &'a str)]) -> handshake::Accept<'a> {
        handshake::Accept {
            subprotocol: self.subprotocol.as_deref().map_or(Subprotocol::None, Subprotocol::Named),
            extensions: &self.extensions,
            fields,
            ..handshake::Accept::default()
        }
    }

    pub(crate) fn socket<S>(
        self,
        stream: S,
        connection: Connection<Server>,
        config: &Config,
        unread: BytesMut,
    ) -> WebSocket<S> {
        WebSocket::new(stream, Halves::from(connection), config, self.agreed, unread, self.subprotocol.as_deref())
    }
}

/// A client's request for a WebSocket: it has passed every check of RFC 6455 section 4.2.1.
#[derive(Clone, Debug)]
pub struct Request {
    target: String,
    host: String,
    headers: HeaderMap,
    subprotocols: Vec<String>,
    is_same_origin: bool,
}

impl Request {
    pub(crate) fn new(request: &handshake::Request<'_>, headers: HeaderMap) -> Self {
        Self {
            target: request.target().into(),
            host: request.host().into(),
            headers,
            subprotocols: request.subprotocols().map(Into::into).collect(),
            is_same_origin: request.is_same_origin(),
        }
    }

    /// Returns path and query as the client wrote them: visible ASCII that begins with `/`. Escapes are not decoded.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the path of the [target](Self::target).
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Returns the query of the [target](Self::target), without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// Returns the host that the client addresses, and the port if the client wrote one.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
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

    /// Returns where the page that makes the request comes from. Only browsers say so.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.header("origin")
    }

    /// Returns whether that is the host of the request. False without Origin.
    #[must_use]
    pub const fn is_same_origin(&self) -> bool {
        self.is_same_origin
    }

    /// Returns the subprotocols that the client offers, most preferred first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.subprotocols.iter().map(String::as_str)
    }
}

/// The answer that opens a WebSocket.
#[derive(Clone, Debug, Default)]
pub struct Accept {
    subprotocol: Choice,
    pub(crate) fields: Vec<(String, String)>,
}

/// Which subprotocol.
#[derive(Clone, Debug, Default)]
enum Choice {
    /// The first of the acceptor's that the client offers.
    #[default]
    Preferred,
    Named(String),
    None,
}

impl Accept {
    /// Accepts with the first subprotocol of [`Acceptor::subprotocols`] that the client offers, or without one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses this subprotocol, which the client must have offered; `None` for none.
    #[must_use]
    pub fn subprotocol<'a>(mut self, name: impl Into<Option<&'a str>>) -> Self {
        self.subprotocol = name.into().map_or(Choice::None, |name| Choice::Named(name.into()));
        self
    }

    /// Adds a header field, such as Set-Cookie.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }
}

/// The answer that opens none: a status with header fields and a body.
///
/// ```
/// use barews_tokio::Refusal;
///
/// let refusal = Refusal::new(401).header("WWW-Authenticate", "Bearer").body("log in first");
/// ```
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Refusal {
    /// Creates a refusal with this status: three digits, and no 1xx.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, fields: Vec::new(), body: Bytes::new() }
    }

    /// Adds a header field, such as WWW-Authenticate, Location or Retry-After.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Sets the body. Set its Content-Type with [`header`](Self::header).
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}
