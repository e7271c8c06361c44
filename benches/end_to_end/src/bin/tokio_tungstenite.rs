//! An echo server on tokio-tungstenite: `tokio_tungstenite PORT [MODE [READ_BUFFER]]`.
//!
//! `feed` leaves an echo in the write buffer, which is flushed when no further message is available.

use end_to_end::{Hub, Io, Options, Result, Server};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

static HUB: Hub<Message> = Hub::new();

fn main() -> Result {
    end_to_end::run::<TokioTungstenite>()
}

#[derive(Clone, Copy)]
struct TokioTungstenite(Options);

impl Server for TokioTungstenite {
    const NAME: &str = "tokio_tungstenite";

    fn new(options: Options) -> Self {
        Self(options)
    }

    async fn serve(self, stream: impl Io) -> Result {
        let mut config = WebSocketConfig::default();
        if let Some(size) = self.0.read_buffer {
            config.read_buffer_size = size;
        }
        let socket = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await?;
        match if self.0.broadcast { broadcast(socket).await } else { echo(socket).await } {
            Ok(()) | Err(Error::ConnectionClosed) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

async fn echo(mut socket: WebSocketStream<impl Io>) -> std::result::Result<(), Error> {
    loop {
        let next = match socket.next().now_or_never() {
            Some(next) => next,
            None => {
                socket.flush().await?;
                socket.next().await
            }
        };
        let Some(message) = next.transpose()? else { return Ok(()) };
        if message.is_text() || message.is_binary() {
            socket.feed(message).await?;
        }
    }
}

async fn broadcast(mut socket: WebSocketStream<impl Io>) -> std::result::Result<(), Error> {
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
