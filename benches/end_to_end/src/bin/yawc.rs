//! An echo server on yawc and hyper: `yawc PORT [MODE]`.
//!
//! `feed` leaves an echo in the write buffer, which is flushed when no further message is available.

use end_to_end::{Io, Options, Result, Server};
use futures_util::{FutureExt, SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task::unconstrained;
use yawc::{OpCode, UpgradeFut, WebSocket, WebSocketError};

fn main() -> Result {
    end_to_end::run::<Yawc>()
}

#[derive(Clone, Copy)]
struct Yawc(Options);

impl Server for Yawc {
    const NAME: &str = "yawc";

    fn new(options: Options) -> Self {
        Self(options)
    }

    async fn serve(self, stream: impl Io) -> Result {
        let service = service_fn(move |request| self.answer(request));
        Ok(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await?)
    }
}

impl Yawc {
    async fn answer(
        self,
        mut request: Request<Incoming>,
    ) -> std::result::Result<Response<Empty<Bytes>>, WebSocketError> {
        let options = if self.0.deflate {
            // Without context takeover, as the load offers it.
            yawc::Options::default().server_no_context_takeover().client_no_context_takeover()
        } else {
            yawc::Options::default().without_compression()
        };
        let (response, socket) = WebSocket::upgrade_with_options(&mut request, options.with_utf8())?;
        tokio::spawn(unconstrained(async move {
            if let Err(error) = echo(socket).await {
                eprintln!("yawc: {error}");
            }
        }));
        Ok(response)
    }
}

async fn echo(socket: UpgradeFut) -> std::result::Result<(), WebSocketError> {
    let mut socket = socket.await?;
    loop {
        let next = match socket.next().now_or_never() {
            Some(next) => next,
            None => {
                socket.flush().await?;
                socket.next().await
            }
        };
        let Some(frame) = next else { return Ok(()) };
        if matches!(frame.opcode(), OpCode::Text | OpCode::Binary) {
            socket.feed(frame).await?;
        }
    }
}
