//! WebSockets on streams of HTTP/2 (RFC 8441).

use std::io::ErrorKind;
use std::task::Poll;
use std::time::Duration;

use barews_tokio::bytes::Bytes;
use barews_tokio::h2::ext::Protocol;
use barews_tokio::h2::server::{Connection, SendResponse};
use barews_tokio::h2::{self, Reason, RecvStream, SendStream, client, server};
use barews_tokio::http::{Method, Request, Response};
use barews_tokio::{
    Accept, Acceptor, Client, CloseCode, Config, Error, Fault, HandshakeError, Http2Stream, Message, ProtocolError,
    Refusal, Timeout, Timeouts, WebSocket,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::cancel::once;
use crate::peer::is_after;

type Socket = WebSocket<Http2Stream>;
type Requests = client::SendRequest<Bytes>;
type Asked = (Request<RecvStream>, SendResponse<Bytes>);

/// Opens a connection of HTTP/2 on this transport. Returns the client's end, and the requests that reach the server.
async fn connection_on<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    (ours, theirs): (S, S),
    window: u32,
) -> (Requests, UnboundedReceiver<Asked>) {
    let (asked, requests) = unbounded_channel();
    let mut server = server::Builder::new();
    server.initial_window_size(window).enable_connect_protocol();
    tokio::spawn(async move {
        let mut connection: Connection<_, Bytes> = server.handshake(ours).await.unwrap();
        while let Some(Ok(request)) = connection.accept().await {
            let _ended = asked.send(request);
        }
    });
    let (handle, connection) = client::Builder::new().initial_window_size(window).handshake(theirs).await.unwrap();
    tokio::spawn(connection);
    (handle, requests)
}

async fn connection() -> (Requests, UnboundedReceiver<Asked>) {
    connection_on(duplex(1 << 16), 65_535).await
}

/// Opens a WebSocket on a stream of its own.
async fn open(requests: &Requests, asked: &mut UnboundedReceiver<Asked>, config: &Config) -> (Socket, Socket) {
    let client = Client::new("ws://a.example/room").config(config.clone());
    let serve = async {
        let (request, respond) = asked.recv().await.unwrap();
        Acceptor::new().config(config.clone()).accept_http2(request, respond)
    };
    let ((client, _), server) = tokio::try_join!(client.connect_http2(requests.clone()), serve).unwrap();
    (client, server)
}

async fn echo(mut socket: Socket) -> Result<(), Error> {
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_data() {
            socket.feed(message).await?;
        }
    }
    Ok(())
}

/// A client's socket and a server that echoes.
async fn echoing(
    requests: &Requests,
    asked: &mut UnboundedReceiver<Asked>,
    config: &Config,
) -> (Socket, JoinHandle<Result<(), Error>>) {
    let (client, server) = open(requests, asked, config).await;
    (client, tokio::spawn(echo(server)))
}

/// A request that is valid, for a client that reads and writes the frames itself.
fn request() -> Request<()> {
    Request::builder()
        .method(Method::CONNECT)
        .uri("http://a.example/room")
        .header("sec-websocket-version", "13")
        .extension(Protocol::from_static("websocket"))
        .body(())
        .unwrap()
}

/// A server's socket, and both directions of its raw peer.
async fn raw(
    requests: &Requests,
    asked: &mut UnboundedReceiver<Asked>,
    config: &Config,
) -> (Socket, RecvStream, SendStream<Bytes>) {
    let mut requests = requests.clone().ready().await.unwrap();
    while !requests.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
    }
    let (response, outgoing) = requests.send_request(request(), false).unwrap();
    let (request, respond) = asked.recv().await.unwrap();
    let socket = Acceptor::new().config(config.clone()).accept_http2(request, respond).unwrap();
    (socket, response.await.unwrap().into_body(), outgoing)
}

/// Reads to END_STREAM, or to a reset that has no error.
async fn rest(incoming: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut bytes = Vec::new();
    while let Some(data) = incoming.data().await {
        match data {
            Ok(data) => {
                incoming.flow_control().release_capacity(data.len())?;
                bytes.extend_from_slice(&data);
            }
            Err(error) if error.reason() == Some(Reason::NO_ERROR) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// Asserts that the stream was reset by the peer.
#[track_caller]
fn is_reset<T: std::fmt::Debug>(outcome: Result<T, Error>, reason: Reason) {
    let Err(Error::Io(error)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let error = error.get_ref().unwrap().downcast_ref::<h2::Error>().unwrap();
    assert_eq!(error.reason(), Some(reason));
}

/// [8441-3-2] [8441-5-8] [8441-5-9]: both sides see END_STREAM after the closing handshake.
#[tokio::test]
async fn client_and_server_talk_over_one_stream() {
    let (requests, mut asked) = connection().await;
    let client = Client::new("wss://a.example:8443/room?id=7")
        .subprotocols(["chat", "mqtt"])
        .origin("https://a.example:8443")
        .header("Cookie", "a=1");
    let serve = async {
        let (request, respond) = asked.recv().await.unwrap();
        let acceptor = Acceptor::new().subprotocols(["mqtt"]).same_origin();
        acceptor.accept_http2_with(request, respond, |request| {
            assert_eq!((request.target(), request.host()), ("/room?id=7", "a.example:8443"));
            assert!(request.is_same_origin() && request.subprotocols().eq(["chat", "mqtt"]));
            assert_eq!(request.header("Cookie"), Some("a=1"));
            Ok(Accept::new().header("Set-Cookie", "c=3"))
        })
    };
    let ((mut client, response), mut server) = tokio::try_join!(client.connect_http2(requests), serve).unwrap();
    assert_eq!((response.status().as_u16(), response.header("Set-Cookie")), (200, Some("c=3")));
    assert!(response.extensions().unwrap().starts_with("permessage-deflate"));
    assert_eq!((response.subprotocol(), server.subprotocol()), (Some("mqtt"), Some("mqtt")));
    assert_eq!((client.get_ref().id(), server.get_ref().id()), (1, 1));

    let long = "again and again ".repeat(100_000);
    let serving = async {
        let message = server.next().await.unwrap().unwrap();
        server.send(message).await.unwrap();
        assert_eq!(server.next().await.unwrap().unwrap().to_text(), Some(&*long));
        server.send(vec![7; 50_000]).await.unwrap();
        assert!(matches!(server.next().await, Some(Ok(Message::Ping(_)))));
        assert!(matches!(server.next().await, Some(Ok(Message::Close(Some(_))))));
        assert!(server.next().await.is_none());
    };
    let asking = async {
        client.send("Hello").await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap().to_text(), Some("Hello"));
        client.send(&*long).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Binary(vec![7; 50_000].into()));
        client.send(Message::Ping("?".into())).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong("?".into()));
        client.close(barews_tokio::CloseFrame::new(CloseCode::NORMAL, "done")).await.unwrap();
        assert_eq!(client.close_frame().unwrap().code, CloseCode::NORMAL);
        assert!(client.next().await.is_none());
    };
    tokio::join!(serving, asking);
}

/// Both directions at once, in fragments and in one frame, whole and split over two tasks.
#[tokio::test]
async fn messages_are_longer_than_the_windows() {
    for (window, len) in [(100, 50_000), (5_000, 2_000_000), (65_535, 16 << 20)] {
        let (requests, mut asked) = connection_on(duplex(1000), window).await;
        let config = Config { compression: None, fragment_size: len / 3, ..Config::default() };
        let (mut client, server) = echoing(&requests, &mut asked, &config).await;
        let data: Vec<u8> = (0..len as u32).map(|i| (i >> 8) as u8).collect();
        client.send(data.clone()).await.unwrap(); // reads the echo meanwhile
        assert!(client.next().await.unwrap().unwrap().into_data() == data, "{len}");
        let (mut writer, mut reader) = client.split();
        let expected = data.clone();
        let writing = tokio::spawn(async move {
            writer.send(data).await.unwrap();
            writer
        });
        assert!(reader.next().await.unwrap().unwrap().into_data() == expected, "{len}");
        writing.await.unwrap().close(None).await.unwrap();
        while reader.next().await.is_some() {}
        server.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn sockets_of_one_connection_talk_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let ours = listener.accept().await.unwrap().0;
    let (requests, mut asked) = connection_on((ours, theirs), 65_535).await;
    let mut tasks = Vec::new();
    for i in 0..20_u32 {
        let (mut client, server) = echoing(&requests, &mut asked, &Config::default()).await;
        assert_eq!(client.get_ref().id(), 2 * i + 1);
        tasks.push(server);
        tasks.push(tokio::spawn(async move {
            for n in 0..20 {
                let text = format!("{i} {n} ").repeat(1 << (n % 15));
                client.send(text.as_str()).await?;
                assert_eq!(client.next().await.unwrap()?.to_text(), Some(&*text));
            }
            client.close(None).await
        }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

/// A server that does not read holds up its client, and no other socket of the connection.
#[tokio::test(start_paused = true)]
async fn each_socket_has_its_own_back_pressure() {
    let (requests, mut asked) = connection_on(duplex(1 << 16), 10_000).await;
    let config = Config { compression: None, ..Config::default() };
    let (mut stuck, mut server) = open(&requests, &mut asked, &config).await;
    let sending = tokio::spawn(async move {
        stuck.send(vec![1; 1_000_000]).await.unwrap();
        stuck
    });
    let (mut client, _echo) = echoing(&requests, &mut asked, &config).await;
    for _ in 0..10 {
        client.send(vec![2; 100_000]).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap().len(), 100_000);
    }
    assert!(!sending.is_finished());
    assert_eq!(server.next().await.unwrap().unwrap().len(), 1_000_000);
    sending.await.unwrap();
}

/// [8441-4-4] [8441-5-1]: refusals are responses of HTTP/2, without the fields of HTTP/1.1.
#[tokio::test]
async fn requests_that_are_not_valid_are_refused_with_their_status() {
    let (requests, mut asked) = connection().await;
    let (_open, _incoming, _outgoing) = raw(&requests, &mut asked, &Config::default()).await; // the settings are here
    let valid = request;
    let with = |name: &'static str, value: &'static str| {
        let mut request = valid();
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let other = |protocol: &'static str| {
        let mut request = valid();
        request.extensions_mut().insert(Protocol::from_static(protocol));
        request
    };
    let page = Request::get("http://a.example/room").body(()).unwrap();
    for (request, status, expected) in [
        (with("sec-websocket-version", "8"), 426, HandshakeError::Version),
        (with("origin", "https://evil.example"), 403, HandshakeError::Origin),
        (with("sec-websocket-protocol", "a b"), 400, HandshakeError::Subprotocol),
        (other("connect-udp"), 501, HandshakeError::Protocol),
        (page, 501, HandshakeError::Protocol),
    ] {
        let mut requests = requests.clone().ready().await.unwrap();
        let (response, _outgoing) = requests.send_request(request, false).unwrap();
        let (request, respond) = asked.recv().await.unwrap();
        let acceptor = Acceptor::new().same_origin();
        let outcome = acceptor.accept_http2_with(request, respond, |_| panic!("it is not valid"));
        assert!(matches!(outcome, Err(Error::Handshake(error)) if error == expected), "{outcome:?}");
        let mut response = response.await.unwrap();
        assert_eq!(response.status(), status);
        assert!(!response.headers().contains_key("upgrade") && !response.headers().contains_key("connection"));
        let version = response.headers().get("sec-websocket-version");
        assert_eq!(version.is_some_and(|version| version == "13"), status == 426);
        assert_eq!(rest(response.body_mut()).await.unwrap(), expected.to_string().as_bytes());
    }
}

#[tokio::test]
async fn server_s_callback_refuses() {
    let (requests, mut asked) = connection().await;
    let long = "x".repeat(10_000);
    for (answer, rejected, status, body) in [
        (Err(Refusal::new(401).header("WWW-Authenticate", "Bearer").body("log in")), Some(401), 401, "log in"),
        (Err(Refusal::new(503).header("Retry-After", "120").body(long.clone())), Some(503), 503, &long[..4096]),
        (Err(Refusal::new(404)), Some(404), 404, ""),
        (Err(Refusal::new(101)), None, 500, ""),
        (Err(Refusal::new(403).header("a b", "")), None, 500, ""),
        (Err(Refusal::new(403).header("a", "\n")), None, 500, ""),
        (Ok(Accept::new().subprotocol("not offered")), None, 500, ""),
    ] {
        let client = Client::new("ws://a.example/");
        let serve = async {
            let (request, respond) = asked.recv().await.unwrap();
            Acceptor::new().accept_http2_with(request, respond, |_| answer)
        };
        let (connected, served) = tokio::join!(client.connect_http2(requests.clone()), serve);
        match rejected {
            Some(rejected) => assert!(matches!(served, Err(Error::Rejected(status)) if status == rejected)),
            None => assert!(matches!(served, Err(Error::Build(_))), "{served:?}"),
        }
        let error = connected.unwrap_err();
        assert_eq!(error.fault(), Fault::Peer);
        assert_eq!(error.retry_after(), (status == 503).then_some(120));
        let Error::Refused(refused) = error else { panic!("{error:?}") };
        assert_eq!((refused.response.status().as_u16(), &refused.body[..]), (status, body.as_bytes()));
        assert_eq!(refused.response.header("www-authenticate").is_some(), status == 401);
    }
    // A field that HTTP/2 forbids.
    let client = Client::new("ws://a.example/");
    let serve = async {
        let (request, respond) = asked.recv().await.unwrap();
        Acceptor::new().accept_http2_with(request, respond, |_| Err(Refusal::new(403).header("Connection", "close")))
    };
    let (connected, served) = tokio::join!(client.connect_http2(requests.clone()), serve);
    assert!(matches!(served, Err(Error::Io(_))), "{served:?}");
    assert!(matches!(connected, Err(Error::Refused(refused)) if refused.response.status() == 500));
}

/// [8441-3-3]: a client sends no request to a server without the setting.
#[tokio::test(start_paused = true)]
async fn client_needs_the_setting() {
    let (ours, theirs) = duplex(1 << 16);
    let serving = tokio::spawn(async move {
        let mut connection: Connection<_, Bytes> = server::handshake(ours).await.unwrap();
        connection.accept().await.is_none_or(|request| request.is_err())
    });
    let (requests, connection) = client::handshake(theirs).await.unwrap();
    tokio::spawn(connection);
    let start = Instant::now();
    let error = Client::new("ws://a.example/").connect_http2(requests).await.unwrap_err();
    assert!(matches!(error, Error::NoExtendedConnect), "{error:?}");
    assert_eq!((error.fault(), error.is_temporary()), (Fault::Peer, false));
    is_after(start, 1);
    assert!(serving.await.unwrap(), "the client has opened a stream");
}

/// The settings can be late: a client may send requests before they are there.
#[tokio::test(start_paused = true)]
async fn client_waits_for_the_setting() {
    let (ours, theirs) = duplex(1 << 16);
    tokio::spawn(async move {
        sleep(Duration::from_millis(900)).await;
        let mut http2 = server::Builder::new();
        let mut connection = http2.enable_connect_protocol().handshake::<_, Bytes>(ours).await.unwrap();
        let (request, respond) = connection.accept().await.unwrap().unwrap();
        tokio::spawn(echo(Acceptor::new().accept_http2(request, respond).unwrap()));
        assert!(connection.accept().await.is_none());
    });
    let (requests, connection) = client::handshake(theirs).await.unwrap();
    tokio::spawn(connection);
    let (mut socket, _) = Client::new("ws://a.example/").connect_http2(requests).await.unwrap();
    socket.send("Hello").await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().to_text(), Some("Hello"));
}

#[tokio::test(start_paused = true)]
async fn connecting_ends_in_time_or_with_the_connection() {
    // The server does not answer.
    let (requests, mut asked) = connection().await;
    let start = Instant::now();
    let error = Client::new("ws://a.example/").connect_http2(requests).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Handshake)), "{error:?}");
    is_after(start, 10);
    // [8441-5-9]: the stream is reset.
    let (mut request, _respond) = asked.recv().await.unwrap();
    let error = request.body_mut().data().await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::CANCEL));

    // The server resets the stream.
    let (requests, mut asked) = connection().await;
    let serve = async { asked.recv().await.unwrap().1.send_reset(Reason::REFUSED_STREAM) };
    let client = Client::new("ws://a.example/");
    is_reset(tokio::join!(client.connect_http2(requests), serve).0, Reason::REFUSED_STREAM);

    // The connection ends before the settings.
    let (ours, theirs) = duplex(1 << 16);
    let (requests, connection) = client::handshake(theirs).await.unwrap();
    tokio::spawn(connection);
    drop(ours);
    let error = Client::new("ws://a.example/").connect_http2(requests).await.unwrap_err();
    assert_eq!((error.fault(), error.is_temporary()), (Fault::Transport, true), "{error:?}");
}

#[tokio::test]
async fn arguments_that_are_not_valid_are_the_host_s_fault() {
    let (requests, _asked) = connection().await;
    for client in [
        Client::new("http//a"),
        Client::new("ws://a/").header("Host", "b"),
        Client::new("ws://a/").subprotocols(["a b"]),
    ] {
        let error = client.connect_http2(requests.clone()).await.unwrap_err();
        assert_eq!((error.fault(), error.is_temporary()), (Fault::Host, false), "{error:?}");
    }
}

/// [8441-5-9]: a reset of the stream is one of TCP, for a socket that reads and for one that writes. The connection
/// continues to serve.
#[tokio::test]
async fn stream_that_the_peer_resets_is_a_reset() {
    let (requests, mut asked) = connection().await;
    for reason in [Reason::CANCEL, Reason::INTERNAL_ERROR] {
        let (mut socket, _incoming, mut outgoing) = raw(&requests, &mut asked, &Config::default()).await;
        outgoing.send_data(Bytes::from_static(b"\x81\x82\0\0\0\0hi\x81"), false).unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().to_text(), Some("hi"));
        outgoing.send_reset(reason);
        is_reset(socket.next().await.unwrap(), reason);
        assert!(socket.next().await.is_none());
        assert!(matches!(socket.send("late").await, Err(Error::Closed)));

        let config = Config { compression: None, ..Config::default() };
        let (mut socket, _incoming, mut outgoing) = raw(&requests, &mut asked, &config).await;
        let sending = tokio::spawn(async move { socket.send(vec![7; 1_000_000]).await });
        tokio::task::yield_now().await;
        outgoing.send_reset(reason);
        is_reset(sending.await.unwrap(), reason);
    }
    let (mut client, _echo) = echoing(&requests, &mut asked, &Config::default()).await;
    client.send("Hello").await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap().to_text(), Some("Hello"));
}

#[tokio::test]
async fn end_of_the_connection_ends_its_sockets() {
    let (ours, theirs) = duplex(1 << 16);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        let mut http2 = server::Builder::new();
        let mut connection = http2.enable_connect_protocol().handshake::<_, Bytes>(ours).await.unwrap();
        let (request, respond) = connection.accept().await.unwrap().unwrap();
        let _socket = Acceptor::new().accept_http2(request, respond).unwrap();
        let serve = async { while connection.accept().await.is_some() {} };
        tokio::select! { () = serve => {}, _ = stopped => {} }
    });
    let (requests, connection) = client::handshake(theirs).await.unwrap();
    tokio::spawn(connection);
    let (mut socket, _) = Client::new("ws://a.example/").connect_http2(requests).await.unwrap();
    stop.send(()).unwrap();
    let error = socket.next().await.unwrap().unwrap_err();
    assert_eq!(error.fault(), Fault::Transport, "{error:?}");
    assert!(socket.next().await.is_none());
}

/// [8441-5-9]: END_STREAM without a Close frame is the end of TCP; the server ends its side, too.
#[tokio::test]
async fn end_of_the_stream_without_a_close_is_unexpected() {
    let (requests, mut asked) = connection().await;
    let (mut socket, mut incoming, mut outgoing) = raw(&requests, &mut asked, &Config::default()).await;
    outgoing.send_data(Bytes::from_static(b"\x81\x82\0\0\0\0hi"), true).unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().to_text(), Some("hi"));
    socket.send("answer").await.unwrap(); // a half-close is no end of our side
    let error = socket.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::UnexpectedEof)), "{error:?}");
    drop(socket);
    assert_eq!(rest(&mut incoming).await.unwrap(), b"\x81\x06answer");
}

/// What was sent arrives although the program drops its socket: a message, and the answer to a Close.
#[tokio::test]
async fn dropped_server_loses_no_bytes() {
    let (requests, mut asked) = connection().await;
    let (mut socket, mut incoming, _outgoing) = raw(&requests, &mut asked, &Config::default()).await;
    socket.send("last").await.unwrap();
    drop(socket);
    assert_eq!(rest(&mut incoming).await.unwrap(), b"\x81\x04last");

    let (mut socket, mut incoming, mut outgoing) = raw(&requests, &mut asked, &Config::default()).await;
    outgoing.send_data(Bytes::from_static(b"\x88\x82\0\0\0\0\x03\xe8"), false).unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
    drop(socket);
    assert_eq!(rest(&mut incoming).await.unwrap(), b"\x88\x02\x03\xe8");
}

/// RFC 9113 8.1: a server that has ended its stream and reads no more resets it with NO_ERROR. That is an end.
#[tokio::test]
async fn reset_without_an_error_is_an_end() {
    let (requests, mut asked) = connection().await;
    let client = Client::new("ws://a.example/");
    let serve = async {
        let (_request, mut respond) = asked.recv().await.unwrap();
        let mut outgoing = respond.send_response(Response::new(()), false).unwrap();
        outgoing.send_data(Bytes::from_static(b"\x81\x02hi"), true).unwrap();
    };
    let (connected, ()) = tokio::join!(client.connect_http2(requests), serve);
    let (mut socket, _) = connected.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(socket.next().await.unwrap().unwrap().to_text(), Some("hi"));
    let error = socket.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::UnexpectedEof)), "{error:?}");
}

/// [8441-5-9]
#[tokio::test]
async fn dropped_client_resets_its_stream() {
    let (requests, mut asked) = connection().await;
    let (client, mut server) = open(&requests, &mut asked, &Config::default()).await;
    drop(client);
    is_reset(server.next().await.unwrap(), Reason::CANCEL);
}

/// The server breaks a rule in the middle of much data. Its Close arrives, although more was sent.
#[tokio::test]
async fn protocol_error_is_reported_to_the_peer() {
    let (requests, mut asked) = connection().await;
    let (mut socket, mut incoming, mut outgoing) = raw(&requests, &mut asked, &Config::default()).await;
    outgoing.send_data([&b"\x81\x01a"[..], &[0; 30_000]].concat().into(), false).unwrap();
    let serving = tokio::spawn(async move { socket.next().await.unwrap().unwrap_err() });
    assert_eq!(rest(&mut incoming).await.unwrap(), b"\x88\x02\x03\xea");
    outgoing.send_data(Bytes::from_static(&[0; 30_000]), true).unwrap();
    assert!(matches!(serving.await.unwrap(), Error::Protocol(ProtocolError::NotMasked)));
}

/// A peer that answers no Ping is dropped, and so is one that accepts no bytes.
#[tokio::test(start_paused = true)]
async fn silent_peer_is_dropped_after_its_timeouts() {
    let (requests, mut asked) = connection().await;
    let (mut socket, mut incoming, _outgoing) = raw(&requests, &mut asked, &Config::default()).await;
    let start = Instant::now();
    let error = socket.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Pong)), "{error:?}");
    is_after(start, 40);
    drop(socket);
    assert_eq!(rest(&mut incoming).await.unwrap(), b"\x89\x04\0\0\0\x01");

    let config = Config { compression: None, ..Config::default() };
    let (mut socket, mut incoming, _outgoing) = raw(&requests, &mut asked, &config).await;
    let start = Instant::now();
    let error = timeout(Duration::from_secs(3600), socket.send(vec![7; 1_000_000])).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Send)), "{error:?}");
    is_after(start, 40);
    drop(socket);
    assert_eq!(rest(&mut incoming).await.unwrap().len(), 65_535, "the window");
}

/// A future of `connect_http2` that is dropped resets its stream, wherever it waits.
#[tokio::test(start_paused = true)]
async fn connecting_can_be_dropped() {
    let (requests, mut asked) = connection().await;
    let client = Client::new("ws://a.example/");
    assert!(once(client.connect_http2(requests.clone())).is_pending()); // waits for the settings
    assert!(timeout(Duration::from_millis(100), client.connect_http2(requests.clone())).await.is_err());
    let (mut request, _respond) = asked.recv().await.unwrap();
    let error = request.body_mut().data().await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::CANCEL));
    let (mut client, _echo) = echoing(&requests, &mut asked, &Config::default()).await;
    client.send("Hello").await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap().to_text(), Some("Hello"));
}

/// Every future is dropped after one poll. Messages are whole all the same.
#[tokio::test]
async fn messages_survive_dropped_futures() {
    for config in [Config { compression: None, fragment_size: 90_000, ..Config::default() }, Config::default()] {
        let (requests, mut asked) = connection_on(duplex(1000), 1000).await;
        let (mut client, mut server) = open(&requests, &mut asked, &config).await;
        for len in [10_u32, 40_000, 300_000] {
            let data: Vec<u8> = (0..len).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x3F).collect();
            for to_server in [true, false] {
                let (from, to) = if to_server { (&mut client, &mut server) } else { (&mut server, &mut client) };
                let _pending = once(from.send(data.clone()));
                let message = loop {
                    let _pending = once(from.flush());
                    if let Poll::Ready(message) = once(to.next()) {
                        break message.unwrap().unwrap();
                    }
                    tokio::task::yield_now().await; // the tasks of the connection
                };
                assert!(message.into_data() == data, "{len} to the server: {to_server}");
            }
        }
    }
}

/// After a handshake that was done elsewhere.
#[tokio::test]
async fn stream_is_a_transport_of_its_own() {
    let (requests, mut asked) = connection().await;
    let (_first, _incoming, _outgoing) = raw(&requests, &mut asked, &Config::default()).await; // the settings are here
    let mut requests = requests.ready().await.unwrap();
    let (response, outgoing) = requests.send_request(request(), false).unwrap();
    let (request, mut respond) = asked.recv().await.unwrap();
    let ours = respond.send_response(Response::new(()), false).unwrap();
    let config = Config { timeouts: Timeouts::NEVER, ..Config::default() };
    let role = barews_tokio::Role::Server;
    let mut server = WebSocket::from_raw(Http2Stream::new(request.into_body(), ours), role, &config, b"");
    let stream = Http2Stream::new(response.await.unwrap().into_body(), outgoing);
    let mut client = WebSocket::from_raw(stream, barews_tokio::Role::Client, &config, b"");
    server.send("Hello").await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap().to_text(), Some("Hello"));
    let (closed, end) = tokio::join!(client.close(None), async {
        while server.next().await.transpose()?.is_some() {}
        Ok::<(), Error>(())
    });
    closed.unwrap();
    end.unwrap();
}

/// The transport is one more type of [`DuplexStream`]'s kind: it can be sent to another thread and shared in halves.
const _: fn() = || {
    fn is_transport<S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static>() {}
    is_transport::<Http2Stream>();
    is_transport::<DuplexStream>();
};
