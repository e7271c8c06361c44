//! `hyper_upgrade` in axum: a handler that takes the whole request and sends the engine's answer.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin axum_upgrade -- 127.0.0.1:9001
//!     curl http://127.0.0.1:9001/

use std::io;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Version;
use axum::response::Response;
use axum::routing::get;
use barews::connection::Config;
use barews::deadlines::Timeouts;
use barews::handshake::parsed::{ServerHandshake, Start};
use barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews::{Connection, Server};
use futures_util::{SinkExt, StreamExt};
use hosts::websocket::WebSocket;
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
    let routes = Router::new().route("/", get("the WebSocket is at /echo\n")).route("/echo", get(echo));
    axum::serve(listener, routes).await
}

async fn echo(mut request: Request) -> Response {
    let target = request.uri().to_string();
    let minor_version = u8::from(request.version() != Version::HTTP_10);
    let start = Start::Upgrade { method: request.method().as_str(), target: &target, minor_version };
    let mut handshake = ServerHandshake::new(&HANDSHAKE, [0; 1024], &start, request.headers());
    let refused = handshake.request().err();
    let (head, body) = match (refused, handshake.accept(&Accept::default(), &Config::DEFAULT)) {
        (None, Ok((head, connection))) => {
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                if let Err(error) = echo_messages(upgraded, connection).await {
                    eprintln!("{error}");
                }
            });
            (head, String::new())
        }
        (None, Err(_)) => return Response::new("a WebSocket is here\n".into()), // not an upgrade request
        (Some(error), _) => (handshake.refuse(error), error.to_string()),
    };
    let response = Response::builder().status(head.status());
    let response = head.fields().fold(response, |response, (name, value)| response.header(name, value));
    response.body(Body::from(body)).unwrap_or_default()
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
