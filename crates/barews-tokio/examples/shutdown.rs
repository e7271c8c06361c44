//! An echo server that closes its connections with 1001 on Ctrl-C, waits for their ends, and then ends itself:
//! `cargo run --release -p barews-tokio --example shutdown -- 127.0.0.1:9001`

use barews_tokio::{Acceptor, CloseCode, CloseFrame, Error};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(std::env::args().nth(1).unwrap_or("127.0.0.1:9001".into())).await?;
    println!("ws://{}/", listener.local_addr()?);
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, peer) = accepted?;
                let stopped = stopped.clone();
                connections.spawn(async move {
                    if let Err(error) = echo(stream, stopped).await {
                        eprintln!("{peer}: {error}");
                    }
                });
            }
            Some(_ended) = connections.join_next() => {}
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                break;
            }
        }
    }
    drop(stop);
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn echo(stream: TcpStream, mut stopped: watch::Receiver<()>) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut socket = Acceptor::new().subprotocols(["v2.chat", "chat"]).accept(stream).await?;
    loop {
        tokio::select! {
            message = socket.next() => match message.transpose()? {
                Some(message) if message.is_data() => socket.feed(message).await?,
                Some(_) => {}
                None => return Ok(()),
            },
            _ = stopped.changed() => return socket.close(CloseFrame::new(CloseCode::GOING_AWAY, "server shuts down")).await,
        }
    }
}
