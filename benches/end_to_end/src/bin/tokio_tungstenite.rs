//! An echo server on tokio-tungstenite: `tokio_tungstenite ADDRESS:PORT [READ_BUFFER]`.
//!
//! `feed` leaves an echo in the write buffer, which is flushed when no further message is available.

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::unconstrained;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Result};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().expect("an address");
    let mut config = WebSocketConfig::default();
    if let Some(size) = arguments.next() {
        config.read_buffer_size = size.parse().expect("a size");
    }
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(unconstrained(async move {
            match echo(stream, config).await {
                Ok(()) | Err(Error::ConnectionClosed) => {}
                Err(error) => eprintln!("tokio_tungstenite: {error}"),
            }
        }));
    }
}

async fn echo(stream: TcpStream, config: WebSocketConfig) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut socket = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await?;
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
