//! Sends a line and prints the answer: `cargo run --release -p barews-tokio --example client -- ws://127.0.0.1:9001/
//! hello`
use barews_tokio::{Error, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let uri = arguments.next().unwrap_or("ws://127.0.0.1:9001/".into());
    let (mut socket, _response) = connect(uri).await?;
    socket.send(arguments.next().unwrap_or("hello".into())).await?;
    if let Some(message) = socket.next().await.transpose()? {
        println!("{}", message.to_text().unwrap_or("(no text)"));
    }
    socket.close(None).await
}
