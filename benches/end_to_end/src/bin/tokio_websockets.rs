//! An echo server on tokio-websockets: `tokio_websockets PORT [MODE]`.
//!
//! Each call of `next` flushes what was sent. So the available messages are collected first, and their echoes are sent
//! together.

use end_to_end::{Hub, Io, Options, Result, Server};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio_websockets::{Config, Limits, Message, ServerBuilder, WebSocketStream};

/// Maximum of messages echoed together.
const BATCH: usize = 64;
static HUB: Hub<Message> = Hub::new();

fn main() -> Result {
    end_to_end::run::<TokioWebsockets>()
}

#[derive(Clone, Copy)]
struct TokioWebsockets(Options);

impl Server for TokioWebsockets {
    const NAME: &str = "tokio_websockets";

    fn new(options: Options) -> Self {
        Self(options)
    }

    async fn serve(self, stream: impl Io) -> Result {
        let config = Config::default().frame_size(usize::MAX).flush_threshold(1 << 20);
        let builder = ServerBuilder::new().config(config).limits(Limits::unlimited());
        let (_request, socket) = builder.accept(stream).await?;
        if self.0.broadcast { broadcast(socket).await } else { echo(socket).await }
    }
}

async fn echo(mut socket: WebSocketStream<impl Io>) -> Result {
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(first) = socket.next().await {
        batch.push(first?);
        while batch.len() < BATCH
            && let Some(Some(next)) = socket.next().now_or_never()
        {
            batch.push(next?);
        }
        for message in batch.drain(..) {
            if message.is_text() || message.is_binary() {
                socket.feed(message).await?;
            }
        }
        socket.flush().await?;
    }
    Ok(())
}

async fn broadcast(mut socket: WebSocketStream<impl Io>) -> Result {
    let mut queue = HUB.join();
    loop {
        tokio::select! {
            next = socket.next() => match next.transpose()? {
                None => return Ok(()),
                Some(message) if message.is_binary() => HUB.say(&message),
                Some(_) => {}
            },
            Some(message) = queue.recv() => {
                socket.feed(message).await?;
                while let Ok(message) = queue.try_recv() {
                    socket.feed(message).await?;
                }
                socket.flush().await?;
            }
        }
    }
}
