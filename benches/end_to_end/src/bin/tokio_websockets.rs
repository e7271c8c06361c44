//! An echo server on tokio-websockets: `tokio_websockets ADDRESS:PORT`.
//!
//! Each call of `next` flushes what was sent. So the available messages are collected first, and their echoes are sent
//! together.

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::unconstrained;
use tokio_websockets::{Config, Error, Limits, ServerBuilder};

/// Maximum of messages echoed together.
const BATCH: usize = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).expect("an address");
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(unconstrained(async move {
            if let Err(error) = echo(stream).await {
                eprintln!("tokio_websockets: {error}");
            }
        }));
    }
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let config = Config::default().frame_size(usize::MAX).flush_threshold(1 << 20);
    let builder = ServerBuilder::new().config(config).limits(Limits::unlimited());
    let (_request, mut socket) = builder.accept(stream).await?;
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
