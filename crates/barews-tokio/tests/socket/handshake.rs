//! The opening handshake in both roles.

use std::time::Duration;

use barews_tokio::{
    Accept, Acceptor, Client, Compression, Config, Error, Fault, HandshakeError, Refusal, Request, Timeouts, accept,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::peer::{REQUEST, frame, is_after, rest};

/// Sends a request to an acceptor. Returns what it returns, and its response.
async fn ask(
    acceptor: &Acceptor,
    request: &str,
    answer: impl FnOnce(&Request) -> Result<Accept, Refusal>,
) -> (Result<barews_tokio::WebSocket<DuplexStream>, Error>, String) {
    let (ours, mut peer) = duplex(1 << 16);
    peer.write_all(request.as_bytes()).await.unwrap();
    let asking = acceptor.accept_with(ours, answer);
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(peer.read_u8().await.unwrap());
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            head.extend(rest(&mut peer).await);
            drop(peer);
        }
        String::from_utf8(head).unwrap()
    };
    tokio::join!(asking, reading)
}

fn refused(acceptor: &Acceptor) -> impl FnOnce(&Request) -> Result<Accept, Refusal> + use<> {
    let _ = acceptor;
    |_| panic!("the request is not valid")
}

#[tokio::test]
async fn callback_sees_the_request() {
    let acceptor = Acceptor::new().subprotocols(["mqtt", "chat"]);
    let request = format!(
        "\r\n{REQUEST}Cookie: a=1\r\nCookie: b=2\r\nOrigin: http://a.example\r\n\
         Sec-WebSocket-Protocol: chat, other,mqtt\r\nX-Gr\u{fc}n: \u{fc}\r\n\r\n"
    )
    .replace("X-Gr\u{fc}n", "X-Text");
    let (socket, response) = ask(&acceptor, &request, |request| {
        assert_eq!((request.target(), request.path(), request.query()), ("/room?id=7", "/room", Some("id=7")));
        assert_eq!((request.host(), request.origin()), ("a.example", Some("http://a.example")));
        assert!(request.is_same_origin());
        assert!(request.subprotocols().eq(["chat", "other", "mqtt"]));
        assert_eq!((request.header("Cookie"), request.header("x-text")), (Some("a=1"), None));
        assert!(request.headers().get_all("cookie").iter().eq(["a=1", "b=2"]));
        assert_eq!(request.headers()["x-text"].as_bytes(), "\u{fc}".as_bytes());
        Ok(Accept::new().header("Set-Cookie", "c=3").header("X-Room", "7"))
    })
    .await;
    assert_eq!(socket.unwrap().subprotocol(), Some("mqtt"));
    assert!(response.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{response}");
    for line in ["Sec-WebSocket-Protocol: mqtt\r\n", "Set-Cookie: c=3\r\n", "X-Room: 7\r\n"] {
        assert!(response.contains(line), "{response}");
    }
}

#[tokio::test]
async fn callback_chooses_the_subprotocol() {
    let acceptor = Acceptor::new().subprotocols(["mqtt"]);
    let request = format!("{REQUEST}Sec-WebSocket-Protocol: chat, mqtt\r\n\r\n");
    let (socket, response) = ask(&acceptor, &request, |_| Ok(Accept::new().subprotocol("chat"))).await;
    assert_eq!(socket.unwrap().subprotocol(), Some("chat"));
    assert!(response.contains("Sec-WebSocket-Protocol: chat\r\n"), "{response}");
    let (socket, response) = ask(&acceptor, &request, |_| Ok(Accept::new().subprotocol(None))).await;
    assert_eq!(socket.unwrap().subprotocol(), None);
    assert!(!response.contains("Sec-WebSocket-Protocol"), "{response}");
}

#[tokio::test]
async fn answer_that_cannot_be_written_is_an_error_and_a_500() {
    for answer in [
        Ok(Accept::new().subprotocol("chat")),
        Ok(Accept::new().header("a b", "")),
        Ok(Accept::new().header("a", "\n")),
        Err(Refusal::new(403).header("a", "\r\nb: c")),
    ] {
        let (outcome, response) = ask(&Acceptor::new(), &format!("{REQUEST}\r\n"), |_| answer).await;
        assert!(matches!(outcome, Err(Error::Build(_))), "{outcome:?}");
        assert_eq!(outcome.unwrap_err().fault(), Fault::Host);
        assert!(response.starts_with("HTTP/1.1 500 ") && response.contains("Content-Length: 0\r\n"), "{response}");
    }
}

#[tokio::test]
async fn refusal_has_status_fields_and_body() {
    let (outcome, response) = ask(&Acceptor::new(), &format!("{REQUEST}\r\n"), |_| {
        Err(Refusal::new(401).header("WWW-Authenticate", "Bearer").header("Content-Type", "text/plain").body("no"))
    })
    .await;
    assert!(matches!(outcome, Err(Error::Rejected(401))), "{outcome:?}");
    assert!(response.starts_with("HTTP/1.1 401 Unauthorized\r\n") && response.ends_with("\r\n\r\nno"), "{response}");
    assert!(
        response.contains("WWW-Authenticate: Bearer\r\n") && response.contains("Content-Length: 2\r\n"),
        "{response}"
    );
}

#[tokio::test]
async fn requests_that_are_not_valid_are_refused_with_their_status() {
    let acceptor = Acceptor::new().same_origin();
    for (request, status, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".into(), 426, HandshakeError::Upgrade),
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n".into(), 405, HandshakeError::Method),
        ("hello\r\n".into(), 400, HandshakeError::StartLine),
        (format!("{}\r\n", REQUEST.replace("13", "8")), 426, HandshakeError::Version),
        (format!("{REQUEST}Origin: https://evil.example\r\n\r\n"), 403, HandshakeError::Origin),
        (format!("{REQUEST}X: {}\r\n\r\n", "x".repeat(20_000)), 431, HandshakeError::HeadTooLarge),
    ] {
        let (outcome, response) = ask(&acceptor, &request, refused(&acceptor)).await;
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Handshake(found) if found == expected), "{error:?} instead of {expected:?}");
        assert_eq!(error.fault(), Fault::Peer);
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    }
}

#[tokio::test]
async fn origins_can_be_listed() {
    let acceptor = Acceptor::new().origins(["https://b.example"]);
    for origin in ["https://b.example", "http://a.example"] {
        let request = format!("{REQUEST}Origin: {origin}\r\n\r\n");
        assert!(ask(&acceptor, &request, |_| Ok(Accept::new())).await.0.is_ok(), "{origin}");
    }
}

#[tokio::test]
async fn frames_may_follow_the_request_in_the_same_read() {
    let (ours, mut peer) = duplex(1 << 16);
    let mut stream = format!("{REQUEST}\r\n").into_bytes();
    stream.extend(frame(0x81, b"early"));
    peer.write_all(&stream).await.unwrap();
    let mut socket = accept(ours).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().to_text(), Some("early"));
}

#[tokio::test]
async fn transport_that_ends_early_is_the_network_s_fault() {
    for sent in ["", "GET / HT"] {
        let (ours, mut peer) = duplex(1 << 16);
        peer.write_all(sent.as_bytes()).await.unwrap();
        drop(peer);
        let error = accept(ours).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Transport, "{error:?}");
    }
}

/// Connects, and answers with these bytes. Returns the request, too.
async fn answer(client: &Client, response: &str) -> (Result<barews_tokio::Response, Error>, String) {
    let (ours, mut peer) = duplex(1 << 16);
    let answering = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(peer.read_u8().await.unwrap());
        }
        peer.write_all(response.as_bytes()).await.unwrap();
        drop(peer);
        String::from_utf8(head).unwrap()
    };
    let (connected, request) = tokio::join!(client.connect_on(ours), answering);
    (connected.map(|(_, response)| response), request)
}

#[tokio::test]
async fn client_sends_what_the_builder_says() {
    let client = Client::new("wss://b.example:8443/chat?x=1")
        .subprotocols(["ocpp2.0.1", "ocpp1.6"])
        .origin("https://c.example")
        .header("Cookie", "a=1");
    let (_, request) = answer(&client.clone().basic("Aladdin", "open sesame").unwrap(), "").await;
    for line in [
        "GET /chat?x=1 HTTP/1.1\r\n",
        "Host: b.example:8443\r\n",
        "Sec-WebSocket-Protocol: ocpp2.0.1, ocpp1.6\r\n",
        "Origin: https://c.example\r\n",
        "Cookie: a=1\r\n",
        "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12\r\n",
    ] {
        assert!(request.contains(line), "{line:?} is not in {request}");
    }
    let (_, request) = answer(&client.clone().bearer("to.ken").unwrap(), "").await;
    assert!(request.contains("Authorization: Bearer to.ken\r\n"), "{request}");
    let (_, request) = answer(&client.config(Config { compression: None, ..Config::default() }), "").await;
    assert!(!request.contains("Extensions"), "{request}");
}

#[tokio::test]
async fn arguments_that_are_not_valid_are_the_host_s_fault() {
    for client in [
        Client::new("http//a"),
        Client::new("ws://user@a/"),
        Client::new("ws://a/").header("Host", "b"),
        Client::new("ws://a/").subprotocols(["a b"]),
    ] {
        let error = client.connect_on(duplex(1 << 16).0).await.unwrap_err();
        assert_eq!((error.fault(), error.is_temporary()), (Fault::Host, false), "{error:?}");
    }
    let error = Client::new("ws://a/").proxy("socks5://a:1").connect().await.unwrap_err();
    assert!(matches!(error, Error::ProxyUri(_)), "{error:?}");
    assert!(Client::new("ws://a/").basic("a:b", "").is_err() && Client::new("ws://a/").bearer("a b").is_err());
}

#[tokio::test]
async fn refusal_of_the_server_has_status_fields_and_body() {
    let body = "x".repeat(10_000);
    let response = format!(
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 120\r\nServer: s\r\nSet-Cookie: a\r\n\
         Content-Length: 10000\r\n\r\n{body}"
    );
    let (outcome, _) = answer(&Client::new("ws://a/"), &response).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.fault(), error.is_temporary(), error.retry_after()), (Fault::Peer, true, Some(120)));
    assert_eq!(error.to_string(), "the server answers with status 503 Service Unavailable");
    let Error::Refused(refused) = error else { panic!("{error:?}") };
    assert_eq!(refused.body, body[..4096]);
    assert_eq!((refused.response.status().as_u16(), refused.response.header("Server")), (503, Some("s")));
    assert!(refused.response.headers().get("link").is_none()); // of the interim response

    let (outcome, _) = answer(&Client::new("ws://a/"), "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno").await;
    let Err(Error::Refused(refused)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refused.body, "no");
}

#[tokio::test]
async fn response_that_is_not_valid_is_the_peer_s_fault() {
    let head = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    for (response, expected) in [
        ("SSH-2.0-x\r\n".into(), HandshakeError::StartLine),
        (format!("{head}\r\n"), HandshakeError::Accept),
        (format!("{head}Sec-WebSocket-Accept: x\r\n\r\n"), HandshakeError::Accept),
        (String::new(), HandshakeError::UnexpectedEof),
    ] {
        let (outcome, _) = answer(&Client::new("ws://a/"), &response).await;
        assert!(matches!(outcome, Err(Error::Handshake(found)) if found == expected), "{outcome:?}");
    }
}

#[tokio::test]
async fn compression_is_agreed_within_both_sides_memory() {
    let compression = |send_window_bits, receive_window_bits| {
        Some(Compression { send_window_bits, receive_window_bits, threshold: 0, ..Compression::default() })
    };
    for (client, server, expected) in [
        (
            compression(12, 15),
            compression(12, 15),
            Some("permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"),
        ),
        (
            compression(9, 10),
            compression(15, 15),
            Some("permessage-deflate; server_max_window_bits=10; client_max_window_bits=9"),
        ),
        (compression(15, 15), compression(15, 8), Some("permessage-deflate; client_max_window_bits=8")),
        (None, compression(15, 15), None),
        (compression(15, 15), None, None),
    ] {
        let (a, b) = duplex(1 << 16);
        let of = |compression| Config { compression, ..Config::default() };
        let (client, acceptor) = (Client::new("ws://a/").config(of(client)), Acceptor::new().config(of(server)));
        let ((mut client, response), mut server) = tokio::try_join!(client.connect_on(a), acceptor.accept(b)).unwrap();
        assert_eq!(response.extensions(), expected);
        for _ in 0..20 {
            client.send("the same text, again and again").await.unwrap();
            let message = server.next().await.unwrap().unwrap();
            server.send(message).await.unwrap();
            assert_eq!(client.next().await.unwrap().unwrap().to_text(), Some("the same text, again and again"));
        }
    }
}

/// A client that reads nothing of the refusal does not hold up the server.
#[tokio::test(start_paused = true)]
async fn refused_client_that_stays_is_left_after_the_closing_timeout() {
    let (ours, mut peer) = duplex(1 << 16);
    peer.write_all(b"hello\r\n").await.unwrap();
    let start = tokio::time::Instant::now();
    accept(ours).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(6));
}

/// Nor does one that stays longer than the handshake can take.
#[tokio::test(start_paused = true)]
async fn refused_client_that_stays_is_left_after_the_handshake_timeout() {
    let handshake = Some(Duration::from_secs(1));
    let acceptor =
        Acceptor::new().config(Config { timeouts: Timeouts { handshake, ..Timeouts::default() }, ..Config::default() });
    let (ours, mut peer) = duplex(1 << 16);
    peer.write_all(b"hello\r\n").await.unwrap();
    let start = tokio::time::Instant::now();
    let error = acceptor.accept(ours).await.unwrap_err();
    assert!(matches!(error, Error::Handshake(HandshakeError::StartLine)), "{error:?}");
    is_after(start, 1);
}

/// A refusal whose body has no declared end is returned soon, also by a server that keeps the connection open.
#[tokio::test(start_paused = true)]
async fn refusal_without_content_length_is_returned_soon() {
    for (head, body, patience) in [
        ("404 Not Found\r\n\r\n", "", 100),
        ("404 Not Found\r\n\r\n", "no", 100),
        ("204 No Content\r\n\r\n", "", 0),
        ("304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", 0),
        ("404 Not Found\r\nContent-Length: 5\r\n\r\n", "no", 1000),
    ] {
        let (ours, mut peer) = duplex(1 << 16);
        peer.write_all(format!("HTTP/1.1 {head}{body}").as_bytes()).await.unwrap();
        let start = tokio::time::Instant::now();
        let outcome = Client::new("ws://a/").connect_on(ours).await;
        let Err(Error::Refused(refused)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(refused.body, body);
        let (elapsed, patience) = (start.elapsed(), Duration::from_millis(patience));
        assert!((patience..=patience + Duration::from_millis(5)).contains(&elapsed), "{elapsed:?} for {head}");
    }
}
