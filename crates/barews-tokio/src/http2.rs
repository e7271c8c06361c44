//! WebSockets on streams of HTTP/2 (RFC 8441), with the crate `h2`.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use barews::HandshakeError;
use barews::handshake::Uri;
use barews::handshake::parsed::{ClientHandshake, Start};
use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::sleep;

use crate::client::refused;
use crate::engine::{Halves, KEYS};
use crate::error::Timeout;
use crate::open::{STORAGE, within};
use crate::parsed::Line;
use crate::{Accept, Acceptor, Client, Error, Refusal, Request, Response, WebSocket};

/// How long the client waits for the server's settings, which are its first frame, and how often it looks: `h2` wakes
/// nobody for them.
const SETTINGS: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(10);
/// The longest DATA of one write. A stream that asks for more takes it from the other streams of the connection.
const WRITE: usize = 64 << 10;

/// A stream of HTTP/2 as the transport of a WebSocket (feature `http2`).
///
/// * **Flow control.** Bytes are released to the peer when they are read, and written only within the window that the
///   peer grants, so each WebSocket has its own back-pressure. `h2` grants 64 KiB for each stream and 64 KiB for the
///   connection: for messages over a long way set `initial_window_size` and `initial_connection_window_size` of its
///   builder.
/// * **Flushing.** What is flushed is in the queue of `h2`. The task of the connection writes it.
/// * **The end.** Shutting down ends our direction (END_STREAM). Dropping the transport does that, too, and resets the
///   other direction unless the peer has ended it: a server with NO_ERROR after everything is written, a client with
///   CANCEL, which discards what is not written. A reset by the peer is [`ErrorKind::ConnectionReset`]; its source is
///   the [`h2::Error`].
pub struct Http2Stream {
    incoming: RecvStream,
    outgoing: SendStream<Bytes>,
    /// Bytes that were received but not read.
    unread: Bytes,
    ended: bool,
}

impl fmt::Debug for Http2Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2Stream").field("id", &self.id()).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Http2Stream {
    /// Creates a transport from the body of the peer's HTTP message, `incoming`, and that of ours, `outgoing`: after an
    /// opening handshake that was done elsewhere. See [`WebSocket::from_raw`].
    #[must_use]
    pub fn new(incoming: RecvStream, outgoing: SendStream<Bytes>) -> Self {
        Self { incoming, outgoing, unread: Bytes::new(), ended: false }
    }

    /// Returns the identifier of the stream.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.outgoing.stream_id().as_u32()
    }

    /// Waits until the peer's window has room. Returns for how many of these bytes.
    fn poll_capacity(&mut self, cx: &mut Context<'_>, len: usize) -> Poll<io::Result<usize>> {
        let len = len.min(WRITE);
        self.outgoing.reserve_capacity(len);
        while self.outgoing.capacity() == 0 {
            match ready!(self.outgoing.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
                None => return Poll::Ready(Err(self.why_closed(cx))),
            }
        }
        Poll::Ready(Ok(len.min(self.outgoing.capacity())))
    }

    /// Returns why nothing can be sent.
    fn why_closed(&mut self, cx: &mut Context<'_>) -> io::Error {
        match self.outgoing.poll_reset(cx) {
            Poll::Ready(Ok(reason)) => io_error(reason.into()),
            Poll::Ready(Err(error)) => io_error(error),
            Poll::Pending => ErrorKind::BrokenPipe.into(), // we have ended it
        }
    }
}

fn io_error(error: h2::Error) -> io::Error {
    let kind = match error.get_io() {
        Some(error) => error.kind(),
        None if error.reason().is_some() => ErrorKind::ConnectionReset,
        None => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

impl AsyncRead for Http2Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.unread.is_empty() {
            match ready!(this.incoming.poll_data(cx)) {
                None => return Poll::Ready(Ok(())), // END_STREAM is the end of TCP [8441-5-9]
                Some(Ok(bytes)) => this.unread = bytes,
                // RFC 9113 8.1: a server that has ended its direction reads no more
                Some(Err(error)) if error.reason() == Some(Reason::NO_ERROR) => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
            }
        }
        let piece = this.unread.split_to(this.unread.len().min(out.remaining()));
        out.put_slice(&piece);
        // Only bytes that were read are released: this is back-pressure for this stream alone.
        Poll::Ready(this.incoming.flow_control().release_capacity(piece.len()).map_err(io_error))
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    /// Writes as much as the window has room for, as one DATA.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let len = slices.iter().map(|slice| slice.len()).sum();
        if len == 0 {
            return Poll::Ready(Ok(0));
        }
        let len = ready!(this.poll_capacity(cx, len))?;
        let mut data = BytesMut::with_capacity(len);
        for slice in slices {
            data.put_slice(&slice[..slice.len().min(len - data.len())]);
        }
        let sent = this.outgoing.send_data(data.freeze(), false);
        Poll::Ready(sent.map(|()| len).map_err(io_error))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // the task of the connection writes
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::replace(&mut this.ended, true) {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(this.outgoing.send_data(Bytes::new(), true).map_err(io_error)) // END_STREAM [8441-5-9]
    }
}

impl Drop for Http2Stream {
    fn drop(&mut self) {
        if !self.ended {
            let _gone = self.outgoing.send_data(Bytes::new(), true); // as TCP ends when a socket is dropped [8441-5-9]
        }
    }
}

impl Acceptor {
    /// Accepts a WebSocket on a stream of HTTP/2 (feature `http2`).
    ///
    /// The server enables the extended CONNECT (RFC 8441), and serves requests that have no [`h2::ext::Protocol`] by
    /// itself:
    ///
    /// ```
    /// use barews_tokio::h2::{ext::Protocol, server::Builder};
    /// use barews_tokio::{Acceptor, Error};
    /// use tokio::net::TcpStream;
    ///
    /// async fn serve(stream: TcpStream) -> Result<(), h2::Error> {
    ///     let acceptor = Acceptor::new().same_origin();
    ///     let mut connection = Builder::new().enable_connect_protocol().handshake(stream).await?;
    ///     while let Some(request) = connection.accept().await {
    ///         let (request, mut respond) = request?;
    ///         if request.extensions().get::<Protocol>().is_none() {
    ///             respond.send_response(http::Response::new(()), true)?; // a page
    ///             continue;
    ///         }
    ///         let acceptor = acceptor.clone();
    ///         tokio::spawn(async move {
    ///             let mut socket = acceptor.accept_http2(request, respond)?;
    ///             while let Some(message) = socket.next().await.transpose()? {
    ///                 if message.is_data() {
    ///                     socket.feed(message).await?;
    ///                 }
    ///             }
    ///             Ok::<(), Error>(())
    ///         });
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Handshake`] if the request is not valid: it was answered with the status that the RFCs require.
    /// [`Error::Io`] if the stream is reset.
    pub fn accept_http2(
        &self,
        request: http::Request<RecvStream>,
        respond: SendResponse<Bytes>,
    ) -> Result<WebSocket<Http2Stream>, Error> {
        self.accept_http2_with(request, respond, |_| Ok(Accept::new()))
    }

    /// Like [`accept_http2`](Self::accept_http2), and shows a request that is valid to `answer`, which accepts or
    /// refuses it.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if `answer` refuses; [`Error::Build`] if its answer cannot be written: the client gets a
    /// 500. Those of [`accept_http2`](Self::accept_http2).
    pub fn accept_http2_with(
        &self,
        request: http::Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
        answer: impl FnOnce(&Request) -> Result<Accept, Refusal>,
    ) -> Result<WebSocket<Http2Stream>, Error> {
        let (response, opened) = self.answer_with(&Line::new(&request), request.headers(), Some(()), answer);
        let (head, body) = response.into_parts();
        let ends = opened.is_err() && body.is_empty();
        let mut outgoing = match respond.send_response(http::Response::from_parts(head, ()), ends) {
            Ok(outgoing) => outgoing,
            Err(error) => {
                // A field that HTTP/2 forbids, or a stream that was reset.
                let mut failed = http::Response::new(());
                *failed.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                let _gone = respond.send_response(failed, true);
                return Err(io_error(error).into());
            }
        };
        match opened {
            Ok((opened, ())) => Ok(opened.socket(Http2Stream::new(request.into_body(), outgoing))),
            Err(error) => {
                if !ends {
                    outgoing.send_data(body, true).map_err(io_error)?;
                }
                Err(error)
            }
        }
    }
}

impl Client {
    /// Makes the opening handshake on a stream of an HTTP/2 connection (feature `http2`, RFC 8441). Redirects are not
    /// followed; the proxy and the TLS configuration are not used.
    ///
    /// Clones of `requests` open more WebSockets on the same connection, whose task the caller runs:
    ///
    /// ```no_run
    /// use barews_tokio::{Client, h2};
    ///
    /// # async fn f(stream: tokio::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    /// let (requests, connection) = h2::client::handshake(stream).await?;
    /// tokio::spawn(connection);
    /// let (mut socket, response) = Client::new("ws://example.com/").connect_http2(requests.clone()).await?;
    /// assert_eq!(response.status(), 200);
    /// socket.send("Hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoExtendedConnect`] if the server has not enabled the extended CONNECT within a second.
    /// [`Error::Refused`] for every status but 200 to 299. Those of [`connect_on`](Self::connect_on).
    pub async fn connect_http2(
        &self,
        requests: SendRequest<Bytes>,
    ) -> Result<(WebSocket<Http2Stream>, Response), Error> {
        let handshake = Box::pin(self.request_http2(requests));
        within(self.config_ref().timeouts.handshake, Timeout::Handshake, handshake).await
    }

    async fn request_http2(&self, requests: SendRequest<Bytes>) -> Result<(WebSocket<Http2Stream>, Response), Error> {
        let (offer, config) = (self.offer(true)?, self.config_ref());
        let engine_config = offer.config();
        let mut handshake = ClientHandshake::extended_connect(&engine_config, vec![0; STORAGE]);
        let request = {
            let (asked, mut names) = (offer.request(Uri::parse(self.uri())?), vec![0; self.uri().len() + 64]);
            let head = handshake.request(&asked, &mut names)?;
            let Start::ExtendedConnect { method, scheme, authority, path, .. } = head.start else {
                return Err(HandshakeError::Protocol.into());
            };
            let request = http::Request::builder()
                .method(method)
                .uri(format!("{scheme}://{authority}{path}"))
                .extension(Protocol::from_static("websocket"));
            let request = head.fields().fold(request, |request, (name, value)| request.header(name, value.as_bytes()));
            request.body(()).map_err(io::Error::other)?
        };
        let mut requests = enabled(requests).await?;
        let (response, outgoing) = requests.send_request(request, false).map_err(io_error)?;
        let (head, incoming) = response.await.map_err(io_error)?.into_parts();
        let status = head.status.as_u16();
        handshake.receive(status, &head.headers)?;
        let asked = handshake.response().ok_or(HandshakeError::StartLine)?;
        let (response, agreed) = offer.check(&asked, status, head.headers)?;
        let is_accepted = asked.is_accepted();
        let mut stream = Http2Stream::new(incoming, outgoing);
        if !is_accepted {
            return Err(refused(response, &mut stream, BytesMut::new()).await);
        }
        let connection = handshake.connect(KEYS, &config.engine(agreed.is_some()))?;
        let subprotocol = response.subprotocol();
        let socket = WebSocket::new(stream, Halves::from(connection), config, agreed, BytesMut::new(), subprotocol);
        Ok((socket, response))
    }
}

/// Waits until a request can be sent and the server has enabled the extended CONNECT. [8441-3-3]
async fn enabled(requests: SendRequest<Bytes>) -> Result<SendRequest<Bytes>, Error> {
    let mut requests = requests.ready().await.map_err(io_error)?;
    let mut waited = Duration::ZERO;
    while !requests.is_extended_connect_protocol_enabled() {
        if waited >= SETTINGS {
            return Err(Error::NoExtendedConnect);
        }
        sleep(LOOK).await;
        waited += LOOK;
        requests = requests.ready().await.map_err(io_error)?; // fails if the connection has ended
    }
    Ok(requests)
}
