//! A client for the Autobahn TestSuite, which is the server here: echoes the messages of every case.
//!
//!     cargo run --release -p barews-tokio --example autobahn -- ws://127.0.0.1:PORT
//!
//! `suites/autobahn/run --tokio client` starts both.

use barews_tokio::{Error, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let suite = std::env::args().nth(1).ok_or("usage: autobahn ws://127.0.0.1:PORT")?;
    let (mut socket, _) = connect(format!("{suite}/getCaseCount")).await?;
    let count = socket.next().await.ok_or("the suite does not say how many cases it has")??;
    let count: u32 = count.to_text().ok_or("the number of cases is not text")?.parse()?;
    for case in 1..=count {
        if let Err(error) = echo(format!("{suite}/runCase?case={case}&agent=barews")).await {
            eprintln!("case {case}: {error}"); // the suite records the result
        }
    }
    let (mut socket, _) = connect(format!("{suite}/updateReports?agent=barews")).await?;
    while socket.next().await.is_some() {}
    Ok(())
}

async fn echo(uri: String) -> Result<(), Error> {
    let (mut socket, _) = connect(uri).await?;
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_data() {
            socket.feed(message).await?;
        }
    }
    Ok(())
}
