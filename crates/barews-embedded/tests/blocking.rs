//! The WebSocket over a blocking transport. `cancel.rs` tests that any call can be made again.

mod common;

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Waker};

use barews_embedded::barews::Server;
use barews_embedded::barews::connection::{MessageKind, Outgoing};
use barews_embedded::barews::deadlines::Reason;
use barews_embedded::barews::handshake::{Accept, ClientConfig, ClientRequest, Uri};
use barews_embedded::barews::message::MessageBuffer;
use barews_embedded::barews::session;
use barews_embedded::barews::wire::CloseCode;
use barews_embedded::blocking::{AlwaysReady, Clock, WebSocket};
use barews_embedded::{Error, Event, NoClock, Resources};
use common::{CONFIG, Duplex, Pipe, REQUEST, Time, close_frame, frame, resources};
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};

type ServerSocket<'a> = WebSocket<'static, Duplex<'a>, Server, &'a Time, Vec<u8>>;

/// Returns a server whose handshake is done. What it writes after that is in the second pipe.
fn open<'a>(input: &'a Pipe, output: &'a Pipe, time: &'a Time) -> ServerSocket<'a> {
    input.push(REQUEST);
    let mut socket = WebSocket::server(Duplex(input, output), resources(time, 64, 131), &CONFIG);
    assert!(socket.request().unwrap().is_upgrade());
    socket.accept(&Accept::default()).unwrap();
    output.take();
    socket
}

/// A clock whose idle turns poll the peer.
struct Peer<'f>(RefCell<Option<Pin<Box<dyn Future<Output = ()> + 'f>>>>);

impl<'f> Peer<'f> {
    fn new(peer: impl Future<Output = ()> + 'f) -> Self {
        Self(RefCell::new(Some(Box::pin(peer))))
    }

    fn is_done(&self) -> bool {
        self.0.borrow().is_none()
    }
}

impl Clock for Peer<'_> {
    fn now(&self) -> u64 {
        0
    }

    fn idle(&self) {
        let mut peer = self.0.borrow_mut();
        if let Some(future) = peer.as_mut()
            && future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
        {
            *peer = None;
        }
    }
}

#[test]
fn client_converses_with_a_server() {
    let (to_server, to_client, time) = (Pipe::default(), Pipe::default(), Time::default());
    to_server.full_at.set(Some(40));
    let peer = Peer::new(async {
        let transport = Duplex(&to_server, &to_client);
        let mut socket = barews_embedded::WebSocket::server(transport, resources(&time, 50, 131), &CONFIG);
        assert_eq!(socket.request().await.unwrap().subprotocol(), Some("echo"));
        socket.accept(&Accept::default()).await.unwrap();
        let mut messages = MessageBuffer::new([0; 300]);
        while let Some(message) = socket.receive_message(&mut messages).await.unwrap() {
            let (kind, payload) = (message.kind, message.payload.to_vec());
            socket.send(&mut Outgoing::unvalidated(kind, &payload)).await.unwrap();
        }
        to_client.end();
        socket.finish().await.unwrap();
        assert_eq!(socket.close_code(), Some(CloseCode::NORMAL));
    });

    let config = ClientConfig { subprotocols: &["echo"], ..ClientConfig::DEFAULT };
    let request = ClientRequest::new(Uri::parse("ws://example.com/echo").unwrap());
    let mut resources = Resources::new(vec![0; 512], vec![0; 512], vec![0; 140], &peer);
    resources.flush = true;
    let transport = Duplex(&to_client, &to_server);
    let mut socket = WebSocket::client(transport, resources, &config, &request, || [1, 2, 3, 4]).unwrap();
    assert_eq!(socket.response().unwrap().subprotocol(), Some("echo"));
    socket.connect().unwrap();
    assert!(socket.is_open());
    let mut messages = MessageBuffer::new([0; 300]);
    socket.send_binary(&[7; 300]).unwrap();
    assert_eq!(socket.receive_message(&mut messages).unwrap().unwrap().payload, [7; 300]);
    socket.put(MessageKind::Text, false, "Grü".as_bytes()).unwrap();
    socket.flush().unwrap();
    socket.put(MessageKind::Text, true, "ße".as_bytes()).unwrap();
    socket.ping(b"there?").unwrap();
    assert_eq!(socket.receive_message(&mut messages).unwrap().unwrap().text(), Some("Grüße"));
    socket.close(CloseCode::NORMAL, "done").unwrap();
    assert_eq!(socket.receive(), Ok(Some(Event::Pong(None))));
    assert_eq!(socket.receive(), Ok(None));
    to_server.end();
    socket.finish().unwrap();
    assert_eq!(socket.close_code(), Some(CloseCode::NORMAL));
    while !peer.is_done() {
        peer.idle();
    }
}

#[test]
fn server_converses_with_a_client() {
    let (to_server, to_client, time) = (Pipe::default(), Pipe::default(), Time::default());
    to_client.full_at.set(Some(40));
    let peer = Peer::new(async {
        let request = ClientRequest::new(Uri::parse("ws://example.com/echo").unwrap());
        let transport = Duplex(&to_client, &to_server);
        let (resources, config) = (resources(&time, 50, 131), &ClientConfig::DEFAULT);
        let mut socket =
            barews_embedded::WebSocket::client(transport, resources, config, &request, || [1, 2, 3, 4]).unwrap();
        socket.connect().await.unwrap();
        socket.send_text("Grüße").await.unwrap();
        socket.ping(b"there?").await.unwrap();
        let Ok(Some(Event::Pong(_))) = socket.receive().await else { panic!() };
        let mut messages = MessageBuffer::new([0; 300]);
        assert_eq!(socket.receive_message(&mut messages).await.unwrap().unwrap().payload, [7; 300]);
        assert!(socket.receive().await.unwrap().is_none()); // the server closes
        to_server.end();
        socket.finish().await.unwrap();
        assert_eq!(socket.close_code(), Some(CloseCode::GOING_AWAY));
    });

    let resources = Resources::new(vec![0; 512], vec![0; 64], vec![0; 131], &peer);
    let mut socket = WebSocket::server(Duplex(&to_server, &to_client), resources, &CONFIG);
    assert_eq!(socket.request().unwrap().target(), "/echo");
    socket.accept(&Accept::default()).unwrap();
    let mut messages = MessageBuffer::new([0; 300]);
    assert_eq!(socket.receive_message(&mut messages).unwrap().unwrap().text(), Some("Grüße"));
    assert!(socket.poll(|socket| socket.receive()).is_none()); // the Ping has not arrived
    for _ in 0..200 {
        peer.idle();
        assert!(socket.poll(|socket| socket.receive()).is_none()); // answers it
    }
    socket.send(&mut Outgoing::binary(&[7; 300])).unwrap();
    socket.close(CloseCode::GOING_AWAY, "").unwrap();
    assert_eq!(socket.receive(), Ok(None));
    to_client.end();
    socket.finish().unwrap();
    while !peer.is_done() {
        peer.idle();
    }
}

#[test]
fn server_answers_with_a_page() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    input.push(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut socket = WebSocket::server(Duplex(&input, &output), resources(&time, 64, 131), &CONFIG);
    assert!(!socket.request().unwrap().is_upgrade());
    socket.respond(200, &[("Content-Type", "text/plain")], b"a page").unwrap();
    assert!(output.take().ends_with(b"\r\n\r\na page"));
    input.end();
    socket.finish().unwrap();
}

#[test]
fn polling_answers_pings_and_does_not_wait() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(&input, &output, &time);
    let start = time.0.get();
    input.push(&frame(0x89, b"idle"));
    for _ in 0..100 {
        assert!(socket.poll(|socket| socket.receive()).is_none());
    }
    assert_eq!(output.take(), b"\x8a\x04idle");
    assert_eq!(time.0.get(), start);

    input.push(&frame(0x82, b"7"));
    let mut turns = 1;
    while match socket.poll(|socket| socket.receive()) {
        Some(Ok(Some(Event::Chunk(chunk)))) => chunk.payload != b"7",
        Some(other) => panic!("{other:?}"),
        None => true,
    } {
        turns += 1;
    }
    assert!((7..30).contains(&turns), "{turns}"); // the pipe moves a byte at every third turn
}

#[test]
fn silent_peer_gets_a_ping_and_then_fails() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(&input, &output, &time);
    let start = time.0.get();
    assert_eq!(socket.receive(), Err(Error::Session(session::Error::Timeout(Reason::Pong))));
    assert_eq!(output.take(), b"\x89\x04\0\0\0\x01");
    let waited = time.0.get() - start;
    assert!((39_000..41_000).contains(&waited), "{waited} ms");
}

#[test]
fn peer_that_takes_nothing_ends_a_send() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(&input, &output, &time);
    output.full_at.set(Some(0));
    let start = time.0.get();
    assert_eq!(socket.send_text("Hello"), Err(Error::Session(session::Error::Timeout(Reason::Pong))));
    let waited = time.0.get() - start;
    assert!((39_000..41_000).contains(&waited), "{waited} ms");
}

#[test]
fn peer_that_does_not_close_ends_the_wait() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(&input, &output, &time);
    socket.close(CloseCode::NORMAL, "").unwrap();
    input.push(&close_frame(CloseCode::NORMAL));
    assert_eq!(socket.receive(), Ok(None));
    let start = time.0.get();
    socket.finish().unwrap(); // the peer does not end the transport
    let waited = time.0.get() - start;
    assert!((4_900..5_100).contains(&waited), "{waited} ms");
}

/// A transport that fails where it is asked.
struct Broken {
    read_ready: Result<bool, ErrorKind>,
}

impl ErrorType for Broken {
    type Error = ErrorKind;
}

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, ErrorKind> {
        Err(ErrorKind::ConnectionReset)
    }
}

impl ReadReady for Broken {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        self.read_ready
    }
}

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> Result<usize, ErrorKind> {
        Ok(0)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl WriteReady for Broken {
    fn write_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(true)
    }
}

#[test]
fn failure_of_the_transport_is_its_own_error() {
    for (read_ready, error) in
        [(Ok(true), ErrorKind::ConnectionReset), (Err(ErrorKind::NotConnected), ErrorKind::NotConnected)]
    {
        let resources = Resources::new([0; 512], [0; 512], [0; 512], NoClock);
        let mut socket = WebSocket::server(Broken { read_ready }, resources, &CONFIG);
        assert_eq!(socket.request().map(|_| ()), Err(Error::Transport(error)));
    }
}

#[test]
fn transport_without_readiness_is_always_ready() {
    let resources = || Resources::new([0; 512], [0; 512], [0; 512], NoClock);
    let never = Broken { read_ready: Ok(false) };
    let mut socket = WebSocket::server(AlwaysReady(never), resources(), &CONFIG);
    assert_eq!(socket.request().map(|_| ()), Err(Error::Transport(ErrorKind::ConnectionReset)));
    assert_eq!(socket.transport_mut().0.read_ready, Ok(false));
    let request = ClientRequest::new(Uri::parse("ws://example.com/").unwrap());
    let transport = socket.into_transport();
    let mut socket = WebSocket::client(transport, resources(), &ClientConfig::DEFAULT, &request, || [0; 4]).unwrap();
    assert_eq!(socket.connect(), Err(Error::WriteZero));
}
