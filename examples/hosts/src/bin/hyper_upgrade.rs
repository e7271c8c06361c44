//! A web server on hyper that hands WebSockets to barews-tokio: hyper parses the request, barews-tokio validates it and
//! returns the response, and then uses the connection that hyper has upgraded.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin hyper_upgrade -- 127.0.0.1:9001
//!     curl http://127.0.0.1:9001/

use std::convert::Infallible;
use std::io;

use barews_tokio::{Acceptor, Error, Upgrading};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

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

async fn service(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match request.uri().path() {
        "/" => Response::new("the WebSocket is at /echo\n".into()),
        "/echo" => {
            let (response, socket) = Acceptor::new().subprotocols(["echo"]).same_origin().upgrade(&mut request);
            tokio::spawn(async move {
                if let Err(error) = echo(socket).await {
                    eprintln!("{error}");
                }
            });
            response.map(Full::new)
        }
        _ => {
            let mut response = Response::new("not here\n".into());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    })
}

/// Waits until hyper has sent the response, and echoes until the connection ends.
async fn echo(socket: Upgrading) -> Result<(), Error> {
    let mut socket = socket.await?;
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_data() {
            socket.feed(message).await?;
        }
    }
    Ok(())
}
