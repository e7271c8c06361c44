//! A chat room: every message goes to all. `cargo run --release -p barews-tokio --example chat -- 127.0.0.1:9001`
//!
//! Each member has two tasks. One reads, the other writes what the room says. A message is encoded once for all
//! members. A member that does not keep up is closed with 1013.

use barews_tokio::{CloseCode, CloseFrame, Error, Message, Prepared, Writer, accept};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(std::env::args().nth(1).unwrap_or("127.0.0.1:9001".into())).await?;
    println!("ws://{}/", listener.local_addr()?);
    let room = broadcast::channel(256).0;
    loop {
        let (stream, peer) = listener.accept().await?;
        let room = room.clone();
        tokio::spawn(async move {
            if let Err(error) = member(stream, room).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn member(stream: TcpStream, room: Sender<Prepared>) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let (writer, mut reader) = accept(stream).await?.split_with(TcpStream::into_split);
    let writing = tokio::spawn(write(writer, room.subscribe()));
    while let Some(message) = reader.next().await.transpose()? {
        if let Message::Text(text) = message {
            let _listeners = room.send(Prepared::text(text));
        }
    }
    writing.abort(); // the connection is over
    Ok(())
}

async fn write(mut writer: Writer<OwnedWriteHalf>, mut room: Receiver<Prepared>) -> Result<(), Error> {
    loop {
        match room.recv().await {
            Ok(message) => writer.feed_prepared(&message).await?,
            Err(RecvError::Closed) => return writer.close(None).await,
            Err(RecvError::Lagged(_)) => {
                return writer.close(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "too slow")).await;
            }
        }
        if room.is_empty() {
            writer.flush().await?;
        }
    }
}
