//! An extractor for axum.

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use barews::HandshakeError;
use barews::handshake::parsed::{ServerHandshake, Start};
use bytes::BytesMut;
use http::request::Parts;
use http::{HeaderMap, Method, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;

use crate::open::STORAGE;
use crate::server::{engine_config, pairs};
use crate::{Accept, Acceptor, Config, Request, WebSocket};

/// An extractor for axum (feature `axum`): a request for a WebSocket over HTTP/1.1.
///
/// ```
/// use axum::response::Response;
/// use axum::{Router, routing::get};
/// use barews_tokio::WebSocketUpgrade;
///
/// async fn echo(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.subprotocols(["chat"]).same_origin().on_upgrade(|mut socket| async move {
///         while let Some(Ok(message)) = socket.next().await {
///             if message.is_data() && socket.feed(message).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
///
/// let routes: Router = Router::new().route("/echo", get(echo));
/// ```
#[derive(Debug)]
pub struct WebSocketUpgrade {
    acceptor: Acceptor,
    accept: Accept,
    method: Method,
    target: String,
    minor_version: u8,
    request: Request,
    upgrade: OnUpgrade,
}

/// Why a request is not one for a WebSocket. It is answered with the status that RFC 6455 requires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpgradeRejection(HandshakeError);

impl UpgradeRejection {
    /// Returns the rule that the request breaks.
    #[must_use]
    pub const fn error(self) -> HandshakeError {
        self.0
    }
}

impl std::fmt::Display for UpgradeRejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for UpgradeRejection {}

impl IntoResponse for UpgradeRejection {
    fn into_response(self) -> Response {
        static CONFIG: barews::handshake::ServerConfig<'_> = engine_config(&[], None);
        let start = Start::Upgrade { method: "GET", target: "/", minor_version: 1 };
        let none: [(&str, &str); 0] = [];
        let handshake = ServerHandshake::new(&CONFIG, [0; 16], &start, none);
        let head = handshake.refuse(self.0);
        response(head.status(), head.fields(), self.0.to_string())
    }
}

fn response<'a>(status: u16, fields: impl Iterator<Item = (&'a str, &'a str)>, body: String) -> Response {
    let response = Response::builder().status(status);
    let response = fields.fold(response, |response, (name, value)| response.header(name, value));
    response.body(Body::from(body)).unwrap_or_default()
}

impl<S: Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = UpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, UpgradeRejection> {
        let acceptor = Acceptor::new();
        let (target, minor_version) = (parts.uri.to_string(), u8::from(parts.version != Version::HTTP_10));
        let start = Start::Upgrade { method: parts.method.as_str(), target: &target, minor_version };
        let config = engine_config(&[], None);
        let handshake = ServerHandshake::new(&config, vec![0; STORAGE], &start, &parts.headers);
        let asked = handshake.request().map_err(UpgradeRejection)?;
        let upgrade = parts.extensions.remove().filter(|_: &OnUpgrade| asked.is_upgrade());
        let upgrade = upgrade.ok_or(UpgradeRejection(HandshakeError::Upgrade))?;
        let request = Request::new(&asked, parts.headers.clone());
        drop(handshake);
        let method = parts.method.clone();
        Ok(Self { acceptor, accept: Accept::new(), method, target, minor_version, request, upgrade })
    }
}

impl WebSocketUpgrade {
    /// Sets limits, timeouts and compression.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.acceptor = self.acceptor.config(config);
        self
    }

    /// Sets the subprotocols that the server supports, as [`Acceptor::subprotocols`] does.
    #[must_use]
    pub fn subprotocols<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.acceptor = self.acceptor.subprotocols(names);
        self
    }

    /// Refuses pages of other hosts, as [`Acceptor::same_origin`] does.
    #[must_use]
    pub fn same_origin(mut self) -> Self {
        self.acceptor = self.acceptor.same_origin();
        self
    }

    /// Accepts pages from these origins and from this server's own, as [`Acceptor::origins`] does.
    #[must_use]
    pub fn origins<T: Into<String>>(mut self, origins: impl IntoIterator<Item = T>) -> Self {
        self.acceptor = self.acceptor.origins(origins);
        self
    }

    /// Chooses the subprotocol, and adds header fields to the response.
    #[must_use]
    pub fn accept(mut self, accept: Accept) -> Self {
        self.accept = accept;
        self
    }

    /// Returns the request.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// Returns the response of the handler, and runs `serve` in a task when the connection is open.
    ///
    /// The response is 403 if the page comes from another origin, and 500 if [`accept`](Self::accept) cannot be
    /// written.
    pub fn on_upgrade<F: Future<Output = ()> + Send + 'static>(
        self,
        serve: impl FnOnce(WebSocket<TokioIo<Upgraded>>) -> F + Send + 'static,
    ) -> Response {
        let Self { acceptor, accept, method, target, minor_version, request, upgrade } = self;
        let (names, origins) = acceptor.lists();
        let config = engine_config(&names, origins.as_deref());
        let start = Start::Upgrade { method: method.as_str(), target: &target, minor_version };
        let headers: &HeaderMap = request.headers();
        let mut handshake = ServerHandshake::new(&config, vec![0; STORAGE], &start, headers);
        let terms = match handshake.request() {
            Ok(asked) => acceptor.terms(&accept, &asked),
            Err(error) => return UpgradeRejection(error).into_response(),
        };
        let Ok(terms) = terms else { return response(500, std::iter::empty(), String::new()) };
        let (fields, engine) = (pairs(&accept.fields), acceptor.config_ref().engine(terms.agreed.is_some()));
        let response = match handshake.accept(&terms.response(&fields), &engine) {
            Ok((head, connection)) => (response(head.status(), head.fields(), String::new()), connection),
            Err(_) => return response(500, std::iter::empty(), String::new()),
        };
        let (response, connection) = response;
        let config = acceptor.config_ref().clone();
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                serve(terms.socket(TokioIo::new(upgraded), connection, &config, BytesMut::new())).await;
            }
        });
        response
    }
}
