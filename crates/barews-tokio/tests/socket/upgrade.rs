//! Services of hyper, and the extractor for axum.

use std::convert::Infallible;

use barews_tokio::bytes::Bytes;
use barews_tokio::hyper::body::Incoming;
use barews_tokio::hyper::server::conn::http1;
use barews_tokio::hyper::service::service_fn;
use barews_tokio::hyper_util::rt::TokioIo;
use barews_tokio::{Accept, Acceptor, Client, Error, HandshakeError, Refusal, Upgrading, WebSocket};
use http_body_util::Full;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, duplex};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

type Request = barews_tokio::http::Request<Incoming>;
type Response = barews_tokio::http::Response<Full<Bytes>>;

/// Echoes at `/echo`. What became of each request goes to `outcomes`.
fn answer(mut request: Request, outcomes: UnboundedSender<Result<(), Error>>) -> Response {
    let acceptor = Acceptor::new().subprotocols(["mqtt"]).same_origin();
    let (response, socket): (_, Upgrading) = match request.uri().path() {
        "/" => acceptor.upgrade(&mut request),
        path => {
            let path = path.to_owned();
            acceptor.upgrade_with(&mut request, |request| {
                assert_eq!(request.path(), path);
                match request.path() {
                    "/echo" => Ok(Accept::new().header("X-Room", request.query().unwrap_or_default())),
                    "/wrong" => Ok(Accept::new().subprotocol("not offered")),
                    _ => Err(Refusal::new(404).header("X-Why", "none").body("no such room")),
                }
            })
        }
    };
    tokio::spawn(async move {
        let echo = async {
            let mut socket = socket.await?;
            while let Some(message) = socket.next().await.transpose()? {
                if message.is_data() {
                    socket.feed(message).await?;
                }
            }
            Ok(())
        };
        outcomes.send(echo.await).unwrap();
    });
    response.map(Full::new)
}

/// Serves one connection of HTTP/1.1.
fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> tokio::sync::mpsc::UnboundedReceiver<Result<(), Error>> {
    let (outcomes, receiver) = unbounded_channel();
    let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(request, outcomes.clone()))));
    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades());
    receiver
}

/// Sends a short message and one that is compressed, and expects them back.
async fn expect_echoes<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocket<S>) {
    for text in ["Hello".into(), "again and again ".repeat(10_000)] {
        socket.send(text.as_str()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().to_text(), Some(text.as_str()));
    }
}

#[tokio::test]
async fn service_of_hyper_gets_a_socket() {
    let (ours, theirs) = duplex(1000);
    let mut outcomes = serve(ours);
    let client = Client::new("ws://a.example/echo?7").subprotocols(["chat", "mqtt"]).origin("http://a.example");
    let (mut socket, response) = client.connect_on(theirs).await.unwrap();
    assert_eq!((response.subprotocol(), response.header("x-room")), (Some("mqtt"), Some("7")));
    assert!(response.extensions().unwrap().starts_with("permessage-deflate"));
    expect_echoes(&mut socket).await;
    socket.close(None).await.unwrap();
    outcomes.recv().await.unwrap().unwrap();
}

/// hyper keeps the bytes that follow the head.
#[tokio::test]
async fn frames_may_follow_the_request_in_the_same_read() {
    let (ours, mut theirs) = duplex(1 << 16);
    let mut outcomes = serve(ours);
    let request = format!("{}\r\n", crate::peer::REQUEST.replace("/room", "/echo"));
    theirs.write_all(&[request.as_bytes(), b"\x88\x80abcd"].concat()).await.unwrap();
    let answer = crate::peer::rest(&mut theirs).await;
    let head = String::from_utf8_lossy(&answer);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(answer.ends_with(b"\r\n\r\n\x88\x00"), "{head}");
    outcomes.recv().await.unwrap().unwrap();
}

#[tokio::test]
async fn service_of_hyper_refuses() {
    let good = crate::peer::REQUEST;
    for (request, status, line, expected) in [
        (format!("{good}Origin: http://evil.example\r\n"), 403, "", Some(HandshakeError::Origin)),
        (good.replace("13", "12"), 426, "sec-websocket-version: 13", Some(HandshakeError::Version)),
        (good.replace("dGhl", ""), 400, "", Some(HandshakeError::Key)),
        (
            "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n".into(),
            426,
            "upgrade: websocket",
            Some(HandshakeError::Upgrade),
        ),
        (good.replace("HTTP/1.1", "HTTP/1.0"), 505, "", Some(HandshakeError::HttpVersion)),
        (good.into(), 404, "x-why: none", None),
        (good.replace("/room", "/wrong"), 500, "", None),
    ] {
        let (ours, mut theirs) = duplex(1 << 16);
        let mut outcomes = serve(ours);
        let request = format!("{request}\r\n").replace("Connection: Upgrade", "Connection: Upgrade, close");
        theirs.write_all(request.as_bytes()).await.unwrap();
        let response = String::from_utf8(crate::peer::rest(&mut theirs).await).unwrap();
        let response = response.to_ascii_lowercase();
        assert!(response.starts_with(&format!("http/1.{} {status} ", u8::from(status != 505))), "{request}{response}");
        assert!(response.contains(line), "{request}{response}");
        let error = outcomes.recv().await.unwrap().unwrap_err();
        match (status, expected) {
            (404, _) => assert!(matches!(error, Error::Rejected(404)), "{error:?}"),
            (500, _) => assert!(matches!(error, Error::Build(_)), "{error:?}"),
            (_, expected) => assert!(matches!(error, Error::Handshake(error) if Some(error) == expected), "{error:?}"),
        }
    }
}

/// The connection is served without upgrades.
#[tokio::test]
async fn transport_that_hyper_does_not_hand_out_is_an_error() {
    let (ours, mut theirs) = duplex(1 << 16);
    let (outcomes, mut receiver) = unbounded_channel();
    let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(request, outcomes.clone()))));
    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(ours), service));
    let request = format!("{}\r\n", crate::peer::REQUEST.replace("/room", "/echo"));
    theirs.write_all(request.as_bytes()).await.unwrap();
    let error = receiver.recv().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error:?}");
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn service_of_hyper_gets_a_socket_over_http2() {
    use barews_tokio::hyper::server::conn::http2;
    use barews_tokio::hyper_util::rt::TokioExecutor;

    let (ours, theirs) = duplex(1000);
    let (outcomes, mut receiver) = unbounded_channel();
    let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(request, outcomes.clone()))));
    let mut http2 = http2::Builder::new(TokioExecutor::new());
    tokio::spawn(http2.enable_connect_protocol().serve_connection(TokioIo::new(ours), service));
    let (requests, connection) = barews_tokio::h2::client::handshake(theirs).await.unwrap();
    tokio::spawn(connection);
    let client = Client::new("http://a.example/echo?7").subprotocols(["chat", "mqtt"]).origin("http://a.example");
    let (mut socket, response) = client.connect_http2(requests.clone()).await.unwrap();
    assert_eq!((response.status().as_u16(), response.header("x-room")), (200, Some("7")));
    assert_eq!(response.subprotocol(), Some("mqtt"));
    for text in ["Hello".into(), "again and again ".repeat(100_000)] {
        socket.send(text.as_str()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().to_text(), Some(text.as_str()));
    }
    socket.close(None).await.unwrap();
    receiver.recv().await.unwrap().unwrap();
    for (path, origin, status) in [("/echo", "http://evil.example", 403), ("/room", "http://a.example", 404)] {
        let client = Client::new(format!("http://a.example{path}")).origin(origin);
        let outcome = client.connect_http2(requests.clone()).await;
        assert!(matches!(outcome, Err(Error::Refused(refused)) if refused.response.status() == status));
        receiver.recv().await.unwrap().unwrap_err();
    }
}

#[cfg(feature = "axum")]
mod extractor {
    use axum::response::Response;
    use axum::{Router, routing::any};
    use barews_tokio::WebSocketUpgrade;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn echo(upgrade: WebSocketUpgrade) -> Response {
        let room = upgrade.request().query().unwrap_or_default().to_owned();
        let upgrade = upgrade.subprotocols(["mqtt"]).same_origin();
        upgrade.accept(Accept::new().header("X-Room", &room)).on_upgrade(|mut socket| async move {
            while let Some(Ok(message)) = socket.next().await {
                if message.is_data() {
                    socket.feed(message).await.unwrap();
                }
            }
        })
    }

    async fn wrong(upgrade: WebSocketUpgrade) -> Response {
        upgrade.accept(Accept::new().subprotocol("not offered")).on_upgrade(|_| async { panic!("it is not open") })
    }

    async fn serve() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/echo", any(echo)).route("/wrong", any(wrong));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        address.to_string()
    }

    #[tokio::test]
    async fn handler_of_axum_gets_a_socket() {
        let address = serve().await;
        let client = Client::new(format!("ws://{address}/echo?7")).subprotocols(["chat", "mqtt"]);
        let client = client.origin(format!("http://{address}"));
        let (mut socket, response) = client.connect().await.unwrap();
        assert_eq!((response.subprotocol(), response.header("x-room")), (Some("mqtt"), Some("7")));
        assert!(response.extensions().unwrap().starts_with("permessage-deflate"));
        expect_echoes(&mut socket).await;
        socket.close(None).await.unwrap();
    }

    #[tokio::test]
    async fn handler_of_axum_refuses() {
        let address = serve().await;
        let connect = async |path: &str, origin: &str| match Client::new(format!("ws://{address}{path}"))
            .origin(origin)
            .connect()
            .await
        {
            Err(Error::Refused(refused)) => refused.response.status().as_u16(),
            other => panic!("{other:?}"),
        };
        assert_eq!(connect("/echo", "http://evil.example").await, 403);
        assert_eq!(connect("/wrong", "http://evil.example").await, 500);
        for (head, status) in [("", 426), ("Upgrade: websocket\r\nConnection: Upgrade\r\n", 426)] {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            let request = format!("GET /echo HTTP/1.1\r\nHost: {address}\r\n{head}\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut bytes = [0; 1000];
            let len = stream.read(&mut bytes).await.unwrap();
            let response = String::from_utf8_lossy(&bytes[..len]);
            assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
        }
    }

    #[cfg(feature = "http2")]
    #[tokio::test]
    async fn handler_of_axum_gets_a_socket_over_http2() {
        let address = serve().await;
        let stream = TcpStream::connect(&address).await.unwrap();
        let (requests, connection) = barews_tokio::h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let client = Client::new(format!("ws://{address}/echo?7")).subprotocols(["chat", "mqtt"]);
        let own = client.clone().origin(format!("http://{address}"));
        let (mut socket, response) = own.connect_http2(requests.clone()).await.unwrap();
        assert_eq!((response.status().as_u16(), response.header("x-room")), (200, Some("7")));
        assert_eq!(response.subprotocol(), Some("mqtt"));
        socket.send("Hello").await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().to_text(), Some("Hello"));
        socket.close(None).await.unwrap();
        let outcome = client.origin("http://evil.example").connect_http2(requests.clone()).await;
        assert!(matches!(outcome, Err(Error::Refused(refused)) if refused.response.status() == 403));
        // A request for a page does not ask for a WebSocket.
        let mut requests = requests.ready().await.unwrap();
        let page = barews_tokio::http::Request::get(format!("http://{address}/echo")).body(()).unwrap();
        assert_eq!(requests.send_request(page, true).unwrap().0.await.unwrap().status(), 501);
    }
}
