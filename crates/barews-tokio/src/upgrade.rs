//! Upgrades for a server on hyper.

use std::pin::Pin;

use bytes::Bytes;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;

use crate::error::Timeout;
use crate::open::within;
use crate::parsed::{Line, Opened};
use crate::{Accept, Acceptor, Error, Refusal, Request, WebSocket};

/// A socket that opens when hyper has written the response of [`Acceptor::upgrade`].
pub type Upgrading = Pin<Box<dyn Future<Output = Result<WebSocket<TokioIo<Upgraded>>, Error>> + Send>>;

impl Acceptor {
    /// Accepts a WebSocket in a service of hyper (feature `hyper`). Returns the response, which the service returns in
    /// any case, and a future of the socket, which needs a task of its own.
    ///
    /// Serve the connection with upgrades. For WebSockets over HTTP/2 (feature `http2`) call
    /// `enable_connect_protocol` of hyper's builder. If a page has the same path, tell them apart: a request for a
    /// WebSocket has the field Upgrade, or over HTTP/2 the extension `hyper::ext::Protocol`.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use barews_tokio::{Acceptor, Error, bytes::Bytes};
    /// use http_body_util::Full;
    /// use hyper::body::Incoming;
    /// use hyper::server::conn::http1;
    /// use hyper::service::service_fn;
    /// use hyper::{Request, Response};
    /// use hyper_util::rt::TokioIo;
    /// use tokio::net::TcpStream;
    ///
    /// async fn service(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    ///     if request.uri().path() != "/echo" {
    ///         return Ok(Response::new("a page".into()));
    ///     }
    ///     let (response, socket) = Acceptor::new().same_origin().upgrade(&mut request);
    ///     tokio::spawn(async move {
    ///         let mut socket = socket.await?;
    ///         while let Some(message) = socket.next().await.transpose()? {
    ///             if message.is_data() {
    ///                 socket.feed(message).await?;
    ///             }
    ///         }
    ///         Ok::<(), Error>(())
    ///     });
    ///     Ok(response.map(Full::new))
    /// }
    ///
    /// async fn serve(stream: TcpStream) -> hyper::Result<()> {
    ///     http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(service)).with_upgrades().await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Of the future: [`Error::Handshake`] if the request is not valid, or not one for a WebSocket;
    /// [`Error::Timeout`], [`Error::Io`].
    pub fn upgrade<B>(&self, request: &mut http::Request<B>) -> (http::Response<Bytes>, Upgrading) {
        self.upgrade_with(request, |_| Ok(Accept::new()))
    }

    /// Like [`upgrade`](Self::upgrade), and shows a request that is valid to `answer`, which accepts or refuses it.
    ///
    /// # Errors
    ///
    /// Of the future: [`Error::Rejected`] if `answer` refuses; [`Error::Build`] if its answer cannot be written: then
    /// the response is a 500. Those of [`upgrade`](Self::upgrade).
    pub fn upgrade_with<B>(
        &self,
        request: &mut http::Request<B>,
        answer: impl FnOnce(&Request) -> Result<Accept, Refusal>,
    ) -> (http::Response<Bytes>, Upgrading) {
        let line = Line::new(request);
        let upgrade = request.extensions_mut().remove();
        let (response, outcome) = self.answer_with(&line, request.headers(), upgrade, answer);
        let socket = async {
            let (opened, upgrade) = outcome?;
            upgraded(opened, upgrade).await
        };
        (response, Box::pin(socket))
    }
}

/// Waits until hyper has written the response. The bytes that the client has sent after its request are in the
/// transport.
pub(crate) async fn upgraded(opened: Opened, upgrade: OnUpgrade) -> Result<WebSocket<TokioIo<Upgraded>>, Error> {
    let upgrade = async { upgrade.await.map_err(|error| std::io::Error::other(error).into()) };
    let upgraded = within(opened.config.timeouts.handshake, Timeout::Handshake, upgrade).await?;
    Ok(opened.socket(TokioIo::new(upgraded)))
}
