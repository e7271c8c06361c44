//! The deadlines of `websocket.rs`, on tokio's paused clock. The clock jumps to the next deadline as soon as every task
//! waits, so the seconds are exact and take no time. The tests write and read the peer's bytes directly.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use barews::Server;
use barews::connection::Config;
use barews::deadlines::Timeouts;
use barews::handshake::parsed::{self, Start};
use barews::handshake::{Accept, ClientConfig, ClientRequest, OriginPolicy, ServerConfig, Uri};
use barews::wire::CloseCode;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use h2::Reason;
use h2::ext::Protocol;
use hosts::http2::Http2Stream;
use hosts::websocket::{Message, Options, WebSocket, accept, connect, or_page};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};

/// Longer than all of the deadlines.
const PATIENCE: Duration = Duration::from_secs(3600);

static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Returns a server's socket and the raw end of its peer. The transport holds at most `capacity` bytes each way.
async fn open(capacity: usize) -> (WebSocket<DuplexStream, Server>, DuplexStream) {
    let (ours, mut peer) = duplex(capacity);
    let head = async {
        peer.write_all(REQUEST.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(peer.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
    };
    let (socket, ()) = tokio::join!(accept(ours, &CONFIG, Options::default(), or_page("")), head);
    (socket.unwrap().unwrap(), peer)
}

/// Asserts that the peer reads these bytes next, this many seconds after `since`, with a tolerance for the timers.
async fn reads(peer: &mut DuplexStream, expected: &[u8], since: Instant, seconds: u64) {
    let mut bytes = vec![0; expected.len()];
    peer.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, expected);
    is_after(since, seconds);
}

fn is_after(since: Instant, seconds: u64) {
    let (elapsed, seconds) = (since.elapsed(), Duration::from_secs(seconds));
    assert!((seconds..=seconds + Duration::from_millis(5)).contains(&elapsed), "{elapsed:?} instead of {seconds:?}");
}

/// Sends a Ping after 20 s without a byte, another 20 s after its Pong, and none while bytes arrive, even if their
/// message stays incomplete for a long time.
#[tokio::test(start_paused = true)]
async fn idle_peer_is_pinged_and_its_pong_keeps_it() {
    let (mut socket, mut peer) = open(4096).await;
    let server = tokio::spawn(async move { (socket.next().await.unwrap().unwrap(), socket.next().await) });
    let start = Instant::now();
    reads(&mut peer, b"\x89\x04\0\0\0\x01", start, 20).await;
    peer.write_all(b"\x8a\x84\0\0\0\0\0\0\0\x01").await.unwrap();
    reads(&mut peer, b"\x89\x04\0\0\0\x02", start, 40).await;
    sleep(Duration::from_secs(19)).await;
    peer.write_all(b"\x8a\x84\0\0\0\0\0\0\0\x02").await.unwrap();
    for byte in b"\x81\x85\0\0\0\0hell" {
        sleep(Duration::from_secs(19)).await;
        peer.write_all(&[*byte]).await.unwrap();
    }
    reads(&mut peer, b"\x89\x04\0\0\0\x03", start, 40 + 19 + 10 * 19 + 20).await;
    peer.write_all(b"o\x88\x80\0\0\0\0").await.unwrap();
    reads(&mut peer, b"\x88\0", start, 40 + 19 + 10 * 19 + 20).await;
    drop(peer);
    let (message, end) = server.await.unwrap();
    assert_eq!(message, Message::Text("hello".into()));
    assert!(end.is_none(), "{end:?}");
}

/// A peer that does not answer the Ping within 20 s is dropped: the transport ends without a Close frame.
#[tokio::test(start_paused = true)]
async fn silent_peer_is_dropped_after_the_pong_timeout() {
    let (mut socket, mut peer) = open(4096).await;
    let start = Instant::now();
    let server = tokio::spawn(async move { socket.next().await });
    reads(&mut peer, b"\x89\x04\0\0\0\x01", start, 20).await;
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "{rest:?}");
    is_after(start, 40);
    assert_eq!(server.await.unwrap().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
}

/// [8441-5-9]: a peer over HTTP/2 is dropped by a reset of its stream, with CANCEL.
#[tokio::test(start_paused = true)]
async fn silent_peer_is_dropped_from_http2_after_the_pong_timeout() {
    let (ours, peer) = duplex(1 << 16);
    tokio::spawn(async move {
        let mut http2 = h2::server::Builder::new();
        let mut http2 = http2.enable_connect_protocol().handshake::<_, Bytes>(ours).await.unwrap();
        let (request, mut respond) = http2.accept().await.unwrap().unwrap();
        let outgoing = respond.send_response(Response::new(()), false).unwrap();
        let start = Start::ExtendedConnect {
            method: "CONNECT",
            protocol: "websocket",
            scheme: "http",
            authority: "a",
            path: "/",
        };
        let mut handshake = parsed::ServerHandshake::new(&CONFIG, [0; 256], &start, [("sec-websocket-version", "13")]);
        let (_, connection) = handshake.accept(&Accept::default(), &Config::DEFAULT).unwrap();
        let stream = Http2Stream::new(request.into_body(), outgoing);
        let mut socket = WebSocket::new(stream, connection, &[], Timeouts::MILLISECONDS);
        tokio::spawn(async move { socket.next().await });
        assert!(http2.accept().await.is_none());
    });
    let (requests, connection) = h2::client::handshake(peer).await.unwrap();
    tokio::spawn(connection);
    let mut requests = requests.ready().await.unwrap();
    while !requests.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
    }
    let protocol = Protocol::from_static("websocket");
    let request = Request::builder().method("CONNECT").uri("http://a/").extension(protocol).body(()).unwrap();
    let (answer, _outgoing) = requests.send_request(request, false).unwrap();
    let mut incoming = answer.await.unwrap().into_body();
    let start = Instant::now();
    assert_eq!(incoming.data().await.unwrap().unwrap(), &b"\x89\x04\0\0\0\x01"[..]);
    is_after(start, 20);
    let error = incoming.data().await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::CANCEL));
    assert!(error.is_remote(), "{error}");
    is_after(start, 40);
}

/// A task that only sends also notices that the peer no longer accepts bytes.
#[tokio::test(start_paused = true)]
async fn peer_that_reads_nothing_is_dropped() {
    let (mut socket, mut peer) = open(4096).await;
    let start = Instant::now();
    let sending = socket.send(Message::Binary(vec![0; 1 << 20]));
    let error = timeout(PATIENCE, sending).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    is_after(start, 40);
    drop(socket);
    let mut taken = Vec::new();
    peer.read_to_end(&mut taken).await.unwrap();
    assert_eq!(taken.len(), 4096);
}

/// A peer that accepts a part of a large message now and then is not dropped, however long the message takes.
#[tokio::test(start_paused = true)]
async fn slow_peer_is_not_dropped() {
    let (mut socket, mut peer) = open(4096).await;
    let sent = tokio::spawn(async move {
        socket.send(Message::Binary(vec![7; 100_000])).await.unwrap();
        socket
    });
    let mut taken = vec![0; 1000];
    for _ in 0..50 {
        sleep(Duration::from_secs(19)).await;
        peer.read_exact(&mut taken).await.unwrap();
    }
    assert!(!sent.is_finished());
    let mut rest = vec![0; 4096];
    while !sent.is_finished() {
        assert_ne!(peer.read(&mut rest).await.unwrap(), 0);
    }
    sent.await.unwrap();
}

/// The closing handshake times out after 5 s if the peer does not answer our Close.
#[tokio::test(start_paused = true)]
async fn close_without_an_answer_times_out() {
    let (mut socket, mut peer) = open(4096).await;
    let start = Instant::now();
    let error = SinkExt::close(&mut socket).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    is_after(start, 5);
    reads(&mut peer, b"\x88\x02\x03\xe8", start, 5).await;
}

/// RFC 6455 7.1.4: once both Close frames are through, the close is clean, whichever side begins it and although the peer
/// leaves the transport open. The socket waits 5 s for its end.
#[tokio::test(start_paused = true)]
async fn close_is_ok_although_the_peer_leaves_the_transport_open() {
    let code = CloseCode(4003);
    let (mut socket, mut peer) = open(4096).await;
    let start = Instant::now();
    socket.start_close(code, "").unwrap();
    let closing = tokio::spawn(async move { (SinkExt::close(&mut socket).await, socket) });
    reads(&mut peer, b"\x88\x02\x0f\xa3", start, 0).await;
    peer.write_all(b"\x88\x82\0\0\0\0\x0f\xa3").await.unwrap();
    let (closed, socket) = closing.await.unwrap();
    closed.unwrap();
    assert_eq!(socket.closed(), Some((code, "")));
    is_after(start, 5);

    let (mut socket, mut peer) = open(4096).await;
    let start = Instant::now();
    peer.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
    let end = socket.next().await;
    assert!(end.is_none(), "{end:?}");
    assert_eq!(socket.closed(), Some((CloseCode::NORMAL, "")));
    is_after(start, 5);
}

/// A peer that writes a whole message before it reads gets rid of it while ours waits. Both arrive, and so does a Close.
#[tokio::test(start_paused = true)]
async fn send_reads_ahead_while_the_peer_only_writes() {
    let (mut socket, mut peer) = open(4096).await;
    let theirs = vec![5; 1 << 20];
    let start = Instant::now();
    let other = async {
        let header = [&b"\x82\xff"[..], &(theirs.len() as u64).to_be_bytes(), &[0; 4]].concat();
        peer.write_all(&[&header, &theirs[..]].concat()).await.unwrap();
        let mut ours = vec![0; 10 + (1 << 20)];
        let mut got = Vec::new();
        while got.len() < 1 << 20 {
            let len = peer.read(&mut ours).await.unwrap();
            got.extend_from_slice(&ours[..len]);
        }
        peer
    };
    let (sent, mut peer) = tokio::join!(socket.send(Message::Binary(vec![7; 1 << 20])), other);
    sent.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Binary(theirs));
    for _ in 0..2 {
        assert!(timeout(Duration::from_millis(1), socket.next()).await.is_err(), "there is nothing to read");
    }
    peer.write_all(b"\x88\x80\0\0\0\0").await.unwrap();
    peer.shutdown().await.unwrap();
    let end = socket.next().await;
    assert!(end.is_none(), "{end:?}");
    is_after(start, 0);
}

/// `send()` reads ahead up to its bound. Then the deadlines end the connection.
#[tokio::test(start_paused = true)]
async fn send_reads_ahead_up_to_a_bound() {
    let (mut socket, mut peer) = open(4096).await;
    let start = Instant::now();
    let writing = async {
        let header = [&b"\x82\xff"[..], &(64_u64 << 20).to_be_bytes(), &[0; 4]].concat();
        peer.write_all(&header).await.unwrap();
        let mut written = 0;
        while let Ok(len) = timeout(Duration::from_secs(1), peer.write(&[0; 4096])).await {
            written += len.unwrap();
        }
        written
    };
    let (sent, written) = tokio::join!(socket.send(Message::Binary(vec![7; 1 << 20])), writing);
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::TimedOut);
    assert!((32 << 20..33 << 20).contains(&written), "{written} bytes");
    is_after(start, 40);
}

/// `next()` keeps a protocol error until the peer has read the Close that reports it, so that dropping the socket then
/// destroys nothing. Bytes that the peer sends in the meantime are discarded. Then the connection is over.
#[tokio::test(start_paused = true)]
async fn error_is_kept_until_the_peer_has_ended() {
    let (mut socket, mut peer) = open(4096).await;
    let server = tokio::spawn(async move {
        let message = socket.next().await.unwrap().unwrap();
        (message, socket.next().await.unwrap().unwrap_err().kind()) // then drops the socket
    });
    peer.write_all(b"\x81\x81\0\0\0\0a\x83\x80\0\0\0\0").await.unwrap();
    for _ in 0..4 {
        sleep(Duration::from_secs(1)).await;
        peer.write_all(&[0; 10_000]).await.unwrap();
    }
    let mut frames = Vec::new();
    peer.read_to_end(&mut frames).await.unwrap(); // the server has half-closed
    assert_eq!(frames, b"\x88\x02\x03\xea");
    assert!(!server.is_finished());
    drop(peer);
    assert_eq!(server.await.unwrap(), (Message::Text("a".into()), ErrorKind::InvalidData));
}

/// The same if the peer ends its side before the transport accepts the Close.
#[tokio::test(start_paused = true)]
async fn error_is_kept_until_the_close_is_written() {
    let (mut socket, mut peer) = open(256).await;
    let message = Message::Binary(vec![7; 1000]);
    timeout(Duration::from_secs(1), socket.send(message)).await.unwrap_err();
    peer.write_all(b"\x83\x80\0\0\0\0").await.unwrap();
    peer.shutdown().await.unwrap();
    let server = tokio::spawn(async move { socket.next().await.unwrap().unwrap_err().kind() });
    sleep(Duration::from_secs(4)).await;
    assert!(!server.is_finished());
    let mut frames = Vec::new();
    peer.read_to_end(&mut frames).await.unwrap();
    assert_eq!(frames, [b"\x82\x7e\x03\xe8", &[7; 1000][..], b"\x88\x02\x03\xea"].concat());
    assert_eq!(server.await.unwrap(), ErrorKind::InvalidData);
}

/// A peer that ends its side and reads nothing is dropped after 5 s; one that has gone is dropped at once. The task
/// never spins.
#[tokio::test(start_paused = true)]
async fn peer_that_ends_and_reads_nothing_is_dropped() {
    // A loop within one poll would not end.
    let (_ended, watch) = channel::<()>();
    std::thread::spawn(move || {
        if watch.recv_timeout(Duration::from_secs(30)) == Err(RecvTimeoutError::Timeout) {
            eprintln!("a busy loop");
            std::process::abort();
        }
    });
    let (close, bad) = (b"\x88\x80\0\0\0\0", b"\x83\x80\0\0\0\0");
    for (frame, gone, expected) in [
        (close, false, Some(ErrorKind::TimedOut)),
        (close, true, None),
        (bad, false, Some(ErrorKind::InvalidData)),
        (bad, true, Some(ErrorKind::InvalidData)),
    ] {
        let (mut socket, mut peer) = open(256).await;
        timeout(Duration::from_secs(1), socket.send(Message::Binary(vec![7; 1000]))).await.unwrap_err();
        peer.write_all(frame).await.unwrap();
        peer.shutdown().await.unwrap();
        let (start, mut polls) = (Instant::now(), 0);
        timeout(Duration::from_secs(1), socket.next()).await.unwrap_err();
        let _peer = (!gone).then_some(peer);
        let polled = poll_fn(|cx| {
            polls += 1;
            assert!(polls < 20, "a busy loop");
            socket.poll_next_unpin(cx)
        });
        assert_eq!(polled.await.map(|polled| polled.unwrap_err().kind()), expected);
        is_after(start, if gone { 1 } else { 5 });
        assert!(socket.next().await.is_none());
    }
}

/// When the connection is over, `next()` returns one error and then `None`. Nothing waits without limit, whichever half
/// notices the end first.
#[tokio::test(start_paused = true)]
async fn next_returns_one_error_and_then_none() {
    // The peer does not answer a Ping: the whole socket, the stream first, the sink first.
    let (mut socket, _peer) = open(4096).await;
    assert_eq!(socket.next().await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(timeout(PATIENCE, socket.next()).await.unwrap().is_none());
    assert_eq!(socket.send(Message::Text("a".into())).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    timeout(PATIENCE, SinkExt::close(&mut socket)).await.unwrap().unwrap();

    let (socket, _peer) = open(4096).await;
    let (mut sink, mut stream) = socket.split();
    let start = Instant::now();
    let sending = tokio::spawn(async move { sink.send(Message::Binary(vec![0; 1 << 20])).await });
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
    is_after(start, 40);
    let sent = timeout(PATIENCE, sending).await.unwrap().unwrap();
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert!(timeout(PATIENCE, stream.next()).await.unwrap().is_none());

    let (mut socket, _peer) = open(4096).await;
    let sent = socket.send(Message::Binary(vec![0; 1 << 20])).await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(timeout(PATIENCE, socket.next()).await.unwrap().is_none());

    // The closing deadline.
    let (mut socket, _peer) = open(4096).await;
    socket.start_close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(timeout(PATIENCE, socket.next()).await.unwrap().is_none());
    timeout(PATIENCE, SinkExt::close(&mut socket)).await.unwrap().unwrap();

    // The transport fails.
    let (mut socket, peer) = open(4096).await;
    drop(peer);
    let sent = socket.send(Message::Text("a".into())).await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(socket.next().await.unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert!(timeout(PATIENCE, socket.next()).await.unwrap().is_none());
    timeout(PATIENCE, SinkExt::close(&mut socket)).await.unwrap().unwrap();

    // The transport ends without a Close.
    let (mut socket, peer) = open(4096).await;
    drop(peer);
    assert_eq!(socket.next().await.unwrap().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert!(timeout(PATIENCE, socket.next()).await.unwrap().is_none());
}

/// The opening handshake times out after 10 s in both roles.
#[tokio::test(start_paused = true)]
async fn handshake_times_out_in_both_roles() {
    let (ours, mut peer) = duplex(4096);
    peer.write_all(&REQUEST.as_bytes()[..REQUEST.len() - 1]).await.unwrap();
    let start = Instant::now();
    let error = accept(ours, &CONFIG, Options::default(), or_page("")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    is_after(start, 10);

    let (ours, _peer) = duplex(4096);
    let start = Instant::now();
    let request = ClientRequest::new(Uri::parse("ws://a/").unwrap());
    let error = connect(ours, &ClientConfig::DEFAULT, &request, Options::default(), |_| Ok(())).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    is_after(start, 10);
}
