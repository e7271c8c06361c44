//! `wss://` on tokio and rustls, with barews-tokio: an echo server and a client. The server makes a new certificate and
//! writes it to a file.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin wss_tokio -- server 127.0.0.1:9443 /tmp/certificate.pem
//!     cargo run --release --bin wss_tokio -- client wss://localhost:9443/ /tmp/certificate.pem hello
//!
//! A socket of barews-tokio takes any transport, so a server accepts TLS first. A client does it by itself; the
//! configuration says which certificates it trusts.

use std::env::args;
use std::error::Error;
use std::path::Path;

use barews_tokio::{Client, CloseCode, CloseFrame, accept};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

type Result = std::result::Result<(), Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let args: Vec<_> = args().skip(1).collect();
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server", address, certificate] => server(address, Path::new(certificate)).await,
        ["client", uri, certificate, texts @ ..] => client(uri, Path::new(certificate), texts).await,
        _ => Err("usage: server ADDRESS CERTIFICATE, or client URI CERTIFICATE TEXT...".into()),
    }
}

async fn server(address: &str, certificate: &Path) -> Result {
    let acceptor = TlsAcceptor::from(hosts::tls::server(certificate, b"http/1.1")?);
    let listener = TcpListener::bind(address).await?;
    println!("wss://localhost:{}/", listener.local_addr()?.port());
    loop {
        let (stream, peer) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(acceptor, stream).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream) -> Result {
    stream.set_nodelay(true)?;
    let mut socket = accept(acceptor.accept(stream).await?).await?;
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_data() {
            socket.feed(message).await?;
        }
    }
    Ok(())
}

async fn client(uri: &str, certificate: &Path, texts: &[&str]) -> Result {
    let client = Client::new(uri).tls(hosts::tls::client(certificate, b"http/1.1")?);
    let (mut socket, _response) = client.connect().await?;
    for text in texts {
        socket.send(*text).await?;
        let Some(echo) = socket.next().await.transpose()? else { break };
        println!("{}", echo.to_text().unwrap_or("(no text)"));
    }
    socket.close(CloseFrame::from(CloseCode::NORMAL)).await?;
    println!("closed: {:?}", socket.close_frame().map(|close| u16::from(close.code)));
    Ok(())
}
