//! An echo server on fastwebsockets and hyper: `fastwebsockets PORT [MODE]`.
//!
//! Each call of its `write_frame` writes to the socket. [`Corked`] is between the two and collects small frames until the
//! next read would have to wait.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use end_to_end::{Io, Options, Server};
use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket, WebSocketError};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::task::unconstrained;

fn main() -> end_to_end::Result {
    end_to_end::run::<Fastwebsockets>()
}

#[derive(Clone, Copy)]
struct Fastwebsockets;

impl Server for Fastwebsockets {
    const NAME: &str = "fastwebsockets";

    fn new(_: Options) -> Self {
        Self
    }

    async fn serve(self, stream: impl Io) -> end_to_end::Result {
        let http = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        Ok(http.with_upgrades().await?)
    }
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, socket) = upgrade(&mut request)?;
    tokio::spawn(unconstrained(async move {
        if let Err(error) = echo(socket).await {
            eprintln!("fastwebsockets: {error}");
        }
    }));
    Ok(response)
}

async fn echo(socket: UpgradeFut) -> Result<(), WebSocketError> {
    let stream = Corked { stream: socket.await?.into_inner(), buffer: Vec::with_capacity(CORK) };
    let mut socket = FragmentCollector::new(WebSocket::after_handshake(stream, Role::Server));
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => break,
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
    Ok(socket.into_inner().shutdown().await?)
}

/// Maximum of bytes written together. Longer writes are passed on directly.
const CORK: usize = 16 << 10;

struct Corked<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    fn poll_uncork(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.buffer.is_empty() {
            let len = ready!(Pin::new(&mut self.stream).poll_write(context, &self.buffer))?;
            self.buffer.drain(..len);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Corked<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_read(context, out);
        if outcome.is_pending() {
            let _ = self.poll_uncork(context)?;
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = parts.iter().map(|part| part.len()).sum();
        if self.buffer.len() + len > CORK {
            ready!(self.poll_uncork(context))?;
        }
        if len > CORK {
            return Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        }
        parts.iter().for_each(|part| self.buffer.extend_from_slice(part));
        Poll::Ready(Ok(len))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_uncork(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_uncork(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
