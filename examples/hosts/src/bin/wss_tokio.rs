//! `wss://` on tokio and rustls: an echo server and a client. The server makes a new certificate and writes it to a
//! file.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin wss_tokio -- server 127.0.0.1:9443 /tmp/certificate.pem
//!     cargo run --release --bin wss_tokio -- client wss://localhost:9443/ /tmp/certificate.pem hello
//!
//! A close_notify ends a TLS stream; `shutdown` sends it. If a peer sends none, rustls reports `UnexpectedEof`. After
//! both Close frames that does no harm; before them the engine reports an error as well.

use std::env::args;
use std::io;
use std::path::Path;
use std::sync::Arc;

use barews::handshake::{ClientConfig, ClientRequest, OriginPolicy, ServerConfig, Uri};
use futures_util::{SinkExt, StreamExt};
use hosts::websocket::{Message, Options, accept, connect, or_page};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any); // an echo has no secrets

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let args: Vec<_> = args().skip(1).collect();
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server", address, certificate] => server(address, Path::new(certificate)).await,
        ["client", uri, certificate, texts @ ..] => client(uri, Path::new(certificate), texts).await,
        _ => Err(io::Error::other("usage: server ADDRESS CERTIFICATE, or client URI CERTIFICATE TEXT...")),
    }
}

async fn server(address: &str, certificate: &Path) -> io::Result<()> {
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

async fn serve(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let Some(mut socket) = accept(stream, &HANDSHAKE, Options::default(), or_page("")).await? else { return Ok(()) };
    while let Some(message) = socket.next().await {
        socket.send(message?).await?;
    }
    Ok(())
}

async fn client(uri: &str, certificate: &Path, texts: &[&str]) -> io::Result<()> {
    let uri = Uri::parse(uri).map_err(io::Error::other)?;
    if !uri.secure() {
        return Err(io::Error::other("the URI is not a wss URI"));
    }
    let host = uri.host().trim_matches(['[', ']']); // remove the URI's brackets around an IPv6 address
    let stream = TcpStream::connect((host, uri.port())).await?;
    stream.set_nodelay(true)?;
    let connector = TlsConnector::from(Arc::clone(&hosts::tls::client(certificate, b"http/1.1")?));
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let stream = connector.connect(name, stream).await?;

    let mut socket =
        connect(stream, &ClientConfig::DEFAULT, &ClientRequest::new(uri), Options::default(), |_| Ok(())).await?;
    for text in texts {
        socket.send(Message::Text((*text).to_owned())).await?;
        match socket.next().await.transpose()? {
            Some(Message::Text(text)) => println!("{text}"),
            Some(Message::Binary(body)) => println!("{} bytes", body.len()),
            None => break,
        }
    }
    SinkExt::close(&mut socket).await?;
    println!("closed: {:?}", socket.closed().map(|(code, _)| code.0));
    Ok(())
}
