//! WebSockets over HTTP/2 (RFC 8441) with barews-tokio, the crate `h2` and rustls: an echo server with a page, and a
//! client. The server accepts only HTTP/2.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin http2 -- server 127.0.0.1:9443 /tmp/certificate.pem
//!     cargo run --release --bin http2 -- client wss://localhost:9443/echo /tmp/certificate.pem hello
//!
//! A browser that trusts the certificate opens https://localhost:9443/ and its WebSocket over one TCP connection:
//! `chromium --ignore-certificate-errors https://localhost:9443/`. The server prints each request.
//!
//! There is no such example for HTTP/3, because no release of the crate `h3` can carry a WebSocket: `h3` 0.0.8, the
//! newest in November 2026, resets a request whose `:protocol` is `websocket`, and its clients cannot send one.

use std::env::args;
use std::error::Error;
use std::path::Path;

use barews::handshake::Uri;
use barews_tokio::{Acceptor, Client, CloseCode, CloseFrame};
use bytes::Bytes;
use h2::RecvStream;
use h2::ext::Protocol;
use h2::server::SendResponse;
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};

const PAGE: &str = r#"<!doctype html><title>WebSocket over HTTP/2</title><pre id=log></pre><script>
const show = line => log.textContent += line + "\n";
const socket = new WebSocket(`wss://${location.host}/echo`, ["echo"]);
let echo = "";
socket.onopen = () => socket.send("hello over HTTP/2");
socket.onmessage = event => { show(echo = event.data); socket.close(1000, "enough"); };
socket.onclose = event => {
    const http = performance.getEntriesByType("navigation")[0].nextHopProtocol;
    const { code, wasClean: clean } = event;
    const result = new URLSearchParams({ echo, protocol: socket.protocol, code, clean, http });
    show(result);
    fetch(`/result?${result}`);
};
</script>"#;

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
    let acceptor = TlsAcceptor::from(hosts::tls::server(certificate, b"h2")?);
    let listener = TcpListener::bind(address).await?;
    println!("wss://localhost:{}/echo", listener.local_addr()?.port());
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

/// Serves one TCP connection, which carries pages and WebSockets at the same time.
async fn serve(acceptor: TlsAcceptor, stream: TcpStream) -> Result {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let mut http2 = h2::server::Builder::new();
    // SETTINGS_ENABLE_CONNECT_PROTOCOL = 1, and never 0 after that [8441-3-1] [8441-3-5]
    let mut connection = http2.enable_connect_protocol().handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        tokio::spawn(async move {
            if let Err(error) = answer(request, respond).await {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result {
    let (uri, protocol) = (request.uri(), request.extensions().get::<Protocol>());
    let method = protocol.map_or(request.method().as_str(), Protocol::as_str);
    println!("{:?} stream {}: {method} {uri}", request.version(), respond.stream_id().as_u32());
    if protocol.is_none() {
        let page = Response::builder().header("content-type", "text/html").body(())?;
        respond.send_response(page, false)?.send_data(PAGE.into(), true)?;
        return Ok(());
    }
    let mut socket = Acceptor::new().subprotocols(["echo"]).same_origin().accept_http2(request, respond)?;
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_data() {
            socket.feed(message).await?;
        }
    }
    Ok(())
}

async fn client(uri: &str, certificate: &Path, texts: &[&str]) -> Result {
    let parsed = Uri::parse(uri)?;
    let host = parsed.host().trim_matches(['[', ']']); // remove the URI's brackets around an IPv6 address
    let stream = TcpStream::connect((host, parsed.port())).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(host.to_owned())?;
    let stream = TlsConnector::from(hosts::tls::client(certificate, b"h2")?).connect(name, stream).await?;
    let (requests, connection) = h2::client::handshake(stream).await?;
    let connection = tokio::spawn(connection);

    let (mut socket, response) = Client::new(uri).subprotocols(["echo"]).connect_http2(requests).await?;
    println!("{}", response.status());
    for text in texts {
        socket.send(*text).await?;
        let Some(echo) = socket.next().await.transpose()? else { break };
        println!("{}", echo.to_text().unwrap_or("(no text)"));
    }
    socket.close(CloseFrame::from(CloseCode::NORMAL)).await?;
    println!("closed: {:?}", socket.close_frame().map(|close| u16::from(close.code)));
    drop(socket);
    Ok(connection.await??)
}
