//! A web server on hyper that hands WebSockets to the engine: hyper parses the request, the engine validates it and
//! returns the answer, and then the engine uses the connection that hyper has upgraded.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin hyper_upgrade -- 127.0.0.1:9001
//!     curl http://127.0.0.1:9001/

use std::convert::Infallible;
use std::io;

use barews::connection::Config;
use barews::deadlines::Timeouts;
use barews::handshake::parsed::{ServerHandshake, Start};
use barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews::{Connection, Server};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hosts::websocket::WebSocket;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

static HANDSHAKE: ServerConfig<'_> =
    ServerConfig { subprotocols: &["echo"], ..ServerConfig::new(OriginPolicy::SameOrigin) };

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).await?;
    println!("ws://{}/echo", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(service));
            if let Err(error) = connection.with_upgrades().await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn service(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match request.uri().path() {
        "/" => Response::new("the WebSocket is at /echo\n".into()),
        "/echo" => upgrade(request),
        _ => answer(404, [], "not here\n".into()),
    })
}

fn upgrade(mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    let target = request.uri().to_string();
    let minor_version = u8::from(request.version() != Version::HTTP_10);
    let start = Start::Upgrade { method: request.method().as_str(), target: &target, minor_version };
    let mut handshake = ServerHandshake::new(&HANDSHAKE, [0; 1024], &start, request.headers());
    if let Err(error) = handshake.request() {
        let head = handshake.refuse(error);
        return answer(head.status(), head.fields(), error.to_string());
    }
    let Ok((head, connection)) = handshake.accept(&Accept::default(), &Config::DEFAULT) else {
        return answer(200, [], "a WebSocket is here\n".into()); // not an upgrade request
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Err(error) = echo_messages(upgraded, connection).await {
            eprintln!("{error}");
        }
    });
    answer(head.status(), head.fields(), String::new())
}

/// Echoes until the connection ends. hyper keeps the bytes that follow the head.
async fn echo_messages(upgraded: OnUpgrade, connection: Connection<Server>) -> io::Result<()> {
    let mut socket = WebSocket::new(
        TokioIo::new(upgraded.await.map_err(io::Error::other)?),
        connection,
        &[],
        Timeouts::MILLISECONDS,
    );
    while let Some(message) = socket.next().await {
        socket.send(message?).await?;
    }
    Ok(())
}

/// Converts the engine's head to a hyper response.
fn answer<'a>(
    status: u16,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: String,
) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status);
    let response = headers.into_iter().fold(response, |response, (name, value)| response.header(name, value));
    response.body(body.into()).unwrap_or_default()
}
