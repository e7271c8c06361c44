//! The extractor for axum.

use axum::response::Response;
use axum::{Router, routing::get};
use barews_tokio::{Accept, Client, Error, WebSocketUpgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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
    let routes = Router::new().route("/echo", get(echo)).route("/wrong", get(wrong));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address.to_string()
}

#[tokio::test]
async fn handler_of_axum_gets_a_socket() {
    let address = serve().await;
    let client = Client::new(format!("ws://{address}/echo?7")).subprotocols(["chat", "mqtt"]);
    let (mut socket, response) = client.origin(format!("http://{address}")).connect().await.unwrap();
    assert_eq!((response.subprotocol(), response.header("x-room")), (Some("mqtt"), Some("7")));
    assert!(response.extensions().unwrap().starts_with("permessage-deflate"));
    for text in ["Hello".into(), "again and again ".repeat(10_000)] {
        socket.send(text.as_str()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().to_text(), Some(text.as_str()));
    }
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
