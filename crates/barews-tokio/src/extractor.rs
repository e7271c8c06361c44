//! An extractor for axum.

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use barews::HandshakeError;
use http::request::Parts;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;

use crate::parsed::{Invalid, Line};
use crate::upgrade::upgraded;
use crate::{Accept, Acceptor, Config, Request, WebSocket};

/// An extractor for axum (feature `axum`): a request for a WebSocket over HTTP/1.1, or over HTTP/2 with the feature
/// `http2` too.
///
/// Such a request has the method CONNECT over HTTP/2: use `any` for the route, not `get`.
///
/// ```
/// use axum::response::Response;
/// use axum::{Router, routing::any};
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
/// let routes: Router = Router::new().route("/echo", any(echo));
/// ```
#[derive(Debug)]
pub struct WebSocketUpgrade {
    acceptor: Acceptor,
    accept: Accept,
    line: Line,
    request: Request,
    upgrade: OnUpgrade,
}

/// Why a request is not one for a WebSocket. It is answered with the status that RFC 6455 requires.
#[derive(Clone, Debug)]
pub struct UpgradeRejection(Box<Invalid>);

impl UpgradeRejection {
    /// Returns the rule that the request breaks.
    #[must_use]
    pub fn error(&self) -> HandshakeError {
        self.0.1
    }
}

impl std::fmt::Display for UpgradeRejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.1.fmt(f)
    }
}

impl std::error::Error for UpgradeRejection {}

impl IntoResponse for UpgradeRejection {
    fn into_response(self) -> Response {
        self.0.0.map(Body::from)
    }
}

impl<S: Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = UpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, UpgradeRejection> {
        let line = Line::from_parts(&parts.method, &parts.uri, parts.version, &parts.extensions);
        let (acceptor, accept) = (Acceptor::new(), Accept::new());
        match acceptor.check(&line, &parts.headers, parts.extensions.remove()) {
            Ok((request, upgrade)) => Ok(Self { acceptor, accept, line, request, upgrade }),
            Err(invalid) => Err(UpgradeRejection(invalid)),
        }
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
        let Self { acceptor, accept, line, request, upgrade } = self;
        let (response, opened) = acceptor.answer(&line, request.headers(), Ok(accept));
        if let Ok(opened) = opened {
            let socket = upgraded(opened, upgrade);
            tokio::spawn(async move {
                if let Ok(socket) = socket.await {
                    serve(socket).await;
                }
            });
        }
        response.map(Body::from)
    }
}
