//! WebSockets over HTTP/2 (RFC 8441), on the crate `h2` and rustls: an echo server with a page, and a client. The
//! server accepts only HTTP/2.
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
use std::io;
use std::path::Path;

use barews::connection::Config;
use barews::deadlines::Timeouts;
use barews::handshake::parsed::{ClientHandshake, ServerHandshake, Start};
use barews::handshake::{Accept, ClientConfig, ClientRequest, OriginPolicy, ServerConfig, Uri};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use h2::RecvStream;
use h2::ext::Protocol;
use h2::server::SendResponse;
use hosts::http2::Http2Stream;
use hosts::websocket::{Message, WebSocket, random};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};

static HANDSHAKE: ServerConfig<'_> =
    ServerConfig { subprotocols: &["echo"], ..ServerConfig::new(OriginPolicy::SameOrigin) };

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
async fn serve(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let mut http2 = h2::server::Builder::new();
    // SETTINGS_ENABLE_CONNECT_PROTOCOL = 1, and never 0 after that [8441-3-1] [8441-3-5]
    let mut connection = http2.enable_connect_protocol().handshake(stream).await.map_err(io::Error::other)?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request.map_err(io::Error::other)?;
        tokio::spawn(async move {
            if let Err(error) = answer(request, respond).await {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> io::Result<()> {
    let uri = request.uri();
    let Some(protocol) = request.extensions().get::<Protocol>() else {
        println!("{:?} stream {}: {} {uri}", request.version(), respond.stream_id().as_u32(), request.method());
        let page = Response::builder().header("content-type", "text/html").body(()).unwrap_or_default();
        let mut body = respond.send_response(page, false).map_err(io::Error::other)?;
        return body.send_data(PAGE.into(), true).map_err(io::Error::other);
    };
    println!("{:?} stream {}: {} {uri}", request.version(), respond.stream_id().as_u32(), protocol.as_str());
    let start = Start::ExtendedConnect {
        method: request.method().as_str(),
        protocol: protocol.as_str(),
        scheme: uri.scheme_str().unwrap_or_default(),
        authority: uri.authority().map_or("", |authority| authority.as_str()),
        path: uri.path_and_query().map_or("", |path| path.as_str()),
    };
    let mut handshake = ServerHandshake::new(&HANDSHAKE, [0; 1024], &start, request.headers());
    let refused = handshake.request().err();
    let (head, connection) = match handshake.accept(&Accept::default(), &Config::DEFAULT) {
        Ok((head, connection)) => (head, Some(connection)),
        Err(error) => match refused {
            Some(error) => (ServerHandshake::refuse(&handshake, error), None),
            None => return Err(io::Error::other(error)),
        },
    };
    let response = Response::builder().status(head.status());
    let response = head.fields().fold(response, |response, (name, value)| response.header(name, value));
    let response = response.body(()).map_err(io::Error::other)?;
    let outgoing = respond.send_response(response, connection.is_none()).map_err(io::Error::other)?;
    let Some(connection) = connection else { return Ok(()) };
    let mut socket =
        WebSocket::new(Http2Stream::new(request.into_body(), outgoing), connection, &[], Timeouts::MILLISECONDS);
    while let Some(message) = socket.next().await {
        socket.send(message?).await?;
    }
    Ok(())
}

async fn client(uri: &str, certificate: &Path, texts: &[&str]) -> io::Result<()> {
    let uri = Uri::parse(uri).map_err(io::Error::other)?;
    let host = uri.host().trim_matches(['[', ']']); // remove the URI's brackets around an IPv6 address
    let stream = TcpStream::connect((host, uri.port())).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(hosts::tls::client(certificate, b"h2")?).connect(name, stream).await?;
    let (mut requests, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);

    let config = ClientConfig { subprotocols: &["echo"], ..ClientConfig::DEFAULT };
    let mut handshake = ClientHandshake::extended_connect(&config, [0; 512]);
    let mut names = [0; 1024];
    let head = handshake.request(&ClientRequest::new(uri), &mut names).map_err(io::Error::other)?;
    let Start::ExtendedConnect { method, protocol, scheme, authority, path } = head.start else { unreachable!() };
    let request = Request::builder()
        .method(method)
        .uri(format!("{scheme}://{authority}{path}"))
        .extension(if protocol == "websocket" { Protocol::from_static("websocket") } else { Protocol::from(protocol) });
    let request = head.fields().fold(request, |request, (name, value)| request.header(name, value));
    let request = request.body(()).map_err(io::Error::other)?;

    // Wait for the server's settings, which come with its first frames. [8441-3-3]
    for _ in 0..100 {
        requests = requests.ready().await.map_err(io::Error::other)?;
        if requests.is_extended_connect_protocol_enabled() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    if !requests.is_extended_connect_protocol_enabled() {
        return Err(io::Error::other("the server supports no WebSockets over HTTP/2"));
    }
    let (response, outgoing) = requests.send_request(request, false).map_err(io::Error::other)?;
    let response = response.await.map_err(io::Error::other)?;
    handshake.receive(response.status().as_u16(), response.headers()).map_err(io::Error::other)?;
    let status = response.status();
    let keys: fn() -> [u8; 4] = random;
    let connected = handshake.connect(keys, &Config::DEFAULT);
    let connected = connected.map_err(|_| io::Error::other(format!("the server answered {status}")))?;
    println!("{:?} {status}", response.version());

    let mut socket =
        WebSocket::new(Http2Stream::new(response.into_body(), outgoing), connected, &[], Timeouts::MILLISECONDS);
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
    drop((socket, requests));
    connection.await?.map_err(io::Error::other)
}
