//! A client for the terminal: sends each line of the standard input, and prints each message.
//!
//!     cargo run --release -p barews-tokio --example terminal -- ws://127.0.0.1:9001/
//!
//! After the URI come options: `--subprotocol NAME`, which can be repeated, and `--binary-hex`, which prints binary
//! messages in hexadecimal instead of an error.

use barews_tokio::{Client, CloseFrame, Error, Message};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let uri = arguments.next().ok_or("usage: terminal URI [--subprotocol NAME]... [--binary-hex]")?;
    let (mut names, mut hex) = (Vec::new(), false);
    while let Some(option) = arguments.next() {
        match option.as_str() {
            "--subprotocol" => names.extend(arguments.next()),
            "--binary-hex" => hex = true,
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    let (mut socket, response) = Client::new(uri).subprotocols(names).connect().await?;
    if let Some(name) = response.subprotocol() {
        eprintln!("subprotocol: {name}");
    }
    // Not tokio's `stdin`, which would delay the end of the program until the next line.
    let (sender, mut lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    let mut reading = true;
    let end: Result<(), Error> = loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => println!("{text}"),
                Some(Ok(Message::Binary(data))) if hex => println!("{}", to_hex(&data)),
                Some(Ok(Message::Binary(_))) => return Err("a binary message: use --binary-hex".into()),
                Some(Ok(_)) => {}
                Some(Err(error)) => break Err(error),
                None => break Ok(()),
            },
            line = lines.recv(), if reading => {
                let message = line.map_or(Message::Close(Some(CloseFrame::new(1000, ""))), Message::from);
                reading = message.is_data();
                if socket.feed(message).await.is_err() {
                    reading = false; // `next` returns why
                }
            }
        }
    };
    match socket.close_frame() {
        Some(close) => eprintln!("closed with {close}"),
        None => eprintln!("closed with 1006"),
    }
    Ok(end?)
}

fn to_hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02x}")).collect()
}
