//! A server that returns every message: `cargo run --release -p barews-tokio --example echo -- 127.0.0.1:9001`
use barews_tokio::{Error, accept};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(std::env::args().nth(1).unwrap_or("127.0.0.1:9001".into())).await?;
    println!("ws://{}/", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move { echo(stream).await.inspect_err(|error| eprintln!("{peer}: {error}")) });
    }
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut socket = accept(stream).await?;
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_data() {
            socket.feed(message).await?; // `next` writes it, together with others, when there is nothing more to read
        }
    }
    Ok(())
}
