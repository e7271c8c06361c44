//! An echo server on sockudo-ws: `sockudo_ws PORT [MODE]`.
//!
//! `feed` leaves an echo in the write buffer, which is flushed when no further message is available.

use bytes::{Bytes, BytesMut};
use end_to_end::{Io, Options, Result, Server};
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::{CompressedWebSocketStream, Config, DeflateConfig, Error, Message, Role, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Without context takeover, as the load offers it.
const EXTENSION: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

fn main() -> Result {
    end_to_end::run::<SockudoWs>()
}

#[derive(Clone, Copy)]
struct SockudoWs(Options);

impl Server for SockudoWs {
    const NAME: &str = "sockudo_ws";

    fn new(options: Options) -> Self {
        Self(options)
    }

    async fn serve(self, mut stream: impl Io) -> Result {
        let deflate = self.0.deflate;
        let Some(leftover) = handshake(&mut stream, deflate.then_some(EXTENSION)).await? else { return Ok(()) };
        let config = Config::default();
        if deflate {
            let parameters = DeflateConfig {
                server_no_context_takeover: true,
                client_no_context_takeover: true,
                ..DeflateConfig::default()
            };
            echo(CompressedWebSocketStream::server_with_leftover(stream, config, parameters, Some(leftover))).await
        } else {
            echo(WebSocketStream::from_raw_with_leftover(stream, Role::Server, config, Some(leftover))).await
        }
    }
}

/// Returns the bytes that follow the request.
async fn handshake(stream: &mut impl Io, extension: Option<&str>) -> Result<Option<Bytes>> {
    let mut head = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
        if let Some((request, len)) = parse_request(&head)? {
            let response = build_response(&generate_accept_key(request.key), None, extension);
            stream.write_all(&response).await?;
            stream.flush().await?;
            return Ok(Some(head.split_off(len).freeze()));
        }
    }
}

async fn echo<S>(mut socket: S) -> Result
where
    S: Stream<Item = std::result::Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
{
    loop {
        let next = match socket.next().now_or_never() {
            Some(next) => next,
            None => {
                socket.flush().await?;
                socket.next().await
            }
        };
        match next.transpose()? {
            None => return Ok(()),
            Some(message @ (Message::Text(_) | Message::Binary(_))) => socket.feed(message).await?,
            Some(_) => {}
        }
    }
}
