//! A session: the handshake, the connection and the deadlines as one value.

use barews::connection::{Config, Connection, MessageKind, Outgoing, State, Transport};
use barews::deadlines::{Reason, Timeouts};
use barews::handshake::{
    Accept, ClientConfig, ClientRequest, OriginPolicy, Progress, ServerConfig, ServerHandshake, Subprotocol, Uri,
};
use barews::session::{Error, Event, Fault, Session};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME};
use barews::{BuildError, Client, HandshakeError, ProtocolError, SendError, Server};
use barews_testkit::raw;

const NONCE: [u8; 16] = *b"the sample nonce";
const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);
const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static SERVER: ServerConfig<'_> =
    ServerConfig { subprotocols: &["chat"], ..ServerConfig::new(OriginPolicy::SameOrigin) };

type Accepting = Session<'static, Server, [u8; 512]>;
type Connecting = Session<'static, Client<fn() -> [u8; 4]>, [u8; 512]>;

fn server() -> Accepting {
    Session::server(&SERVER, [0; 512], Timeouts::MILLISECONDS, 0)
}

fn client() -> Connecting {
    let request = ClientRequest::new(Uri::parse("ws://a/chat").unwrap());
    Session::client(&ClientConfig::DEFAULT, &request, NONCE, [0; 512], Timeouts::MILLISECONDS, 0).unwrap()
}

/// Returns all that is due, written through a buffer of this size.
fn drained<R: barews::session::SessionRole, S: AsRef<[u8]> + AsMut<[u8]>>(
    session: &mut Session<'_, R, S>,
    size: usize,
) -> Vec<u8> {
    let mut all = Vec::new();
    let mut out = vec![0; size];
    while let len @ 1.. = session.poll_transmit(&mut out) {
        all.extend_from_slice(&out[..len]);
    }
    assert!(!session.is_due());
    all
}

/// A server that is open, with everything written.
fn open() -> Accepting {
    let mut session = server();
    assert_eq!(session.receive(&mut REQUEST.to_owned().into_bytes(), 0).event, Some(Event::Request));
    session.accept(&Accept::default(), &Config::DEFAULT).unwrap();
    drained(&mut session, 512);
    session
}

fn event<'b>(session: &mut Accepting, bytes: &'b mut [u8], now: u64) -> Option<Event<'b>> {
    session.receive(bytes, now).event
}

#[test]
fn server_opens_and_answers_through_any_buffer_at_every_cut() {
    let expected = ACCEPTED.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
    let stream = [REQUEST.as_bytes(), &raw::frame(0x81, KEY, b"hi")].concat();
    for cut in 0..=stream.len() {
        let size = MAX_CONTROL_FRAME + cut % 50;
        let mut session = server();
        let (mut output, mut chunks) = (Vec::new(), Vec::new());
        for read in [&stream[..cut], &stream[cut..]] {
            let mut read = read.to_vec();
            let mut rest = &mut read[..];
            loop {
                output.extend(drained(&mut session, size));
                let received = session.receive(rest, 1);
                rest = received.rest;
                match received.event {
                    Some(Event::Request) => {
                        assert_eq!(session.request().unwrap().target(), "/chat");
                        assert!(!session.is_open());
                        session.accept(&Accept::default(), &Config::DEFAULT).unwrap();
                        assert!(session.request().is_none());
                        assert_eq!(session.sender(1).err(), Some(SendError::NotOpen), "its answer comes first");
                    }
                    Some(Event::Data(chunk)) => chunks.extend_from_slice(chunk.payload),
                    Some(event) => panic!("{event:?}"),
                    None => break,
                }
            }
        }
        assert_eq!((String::from_utf8(output).unwrap(), &chunks[..]), (expected.clone(), &b"hi"[..]), "cut at {cut}");
        assert!(session.is_open() && session.sender(1).is_ok());
    }
}

/// What follows the request before the host has answered it stays with the host.
#[test]
fn nothing_is_consumed_before_the_request_is_answered() {
    let mut session = server();
    let mut stream = [REQUEST.as_bytes(), &raw::frame(0x81, KEY, b"hi")].concat();
    let rest = session.receive(&mut stream, 0).rest;
    for _ in 0..2 {
        let again = session.receive(rest, 0);
        assert_eq!((again.rest.len(), again.event), (8, None));
    }
    assert_eq!(
        session.accept(&Accept { subprotocol: Subprotocol::Named("other"), ..Accept::default() }, &Config::DEFAULT),
        Err(BuildError::Subprotocol)
    );
    session.accept(&Accept::default(), &Config::DEFAULT).unwrap();
    assert_eq!(session.accept(&Accept::default(), &Config::DEFAULT), Err(BuildError::NotNow));
    assert_eq!(session.respond(404, &[], b""), Err(BuildError::NotNow));
}

#[test]
fn page_is_written_after_its_head_and_ends_the_transport() {
    let page = [b'x'; 1000];
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (request, body) in [(get, &page[..]), (&get.replace("GET", "HEAD"), b"")] {
        let mut session = Session::server(&SERVER, [0; 512], Timeouts::MILLISECONDS, 0);
        let mut bytes = request.as_bytes().to_vec();
        assert_eq!(session.receive(&mut bytes, 0).event, Some(Event::Request));
        session.respond(200, &[("A", "b")], &page).unwrap();
        assert_eq!(session.transport(), Transport::Keep);
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nA: b\r\nContent-Length: 1000\r\n\r\n";
        assert_eq!(drained(&mut session, 131), [head.as_bytes(), body].concat());
        assert_eq!(session.transport(), Transport::HalfClose);
        let mut second = *b"GET";
        let more = session.receive(&mut second, 1);
        assert_eq!((more.rest.len(), more.event), (0, None), "a second request is discarded");
        assert_eq!(session.poll_timeout(), Some(5001), "the peer has the closing timeout to end");
        session.receive_eof(2);
        assert_eq!(session.receive(&mut [], 2).event, Some(Event::Over));
        assert_eq!((session.transport(), session.error()), (Transport::Close, None));
    }
}

#[test]
fn bad_request_is_reported_and_refused() {
    let mut session = server();
    let mut bytes = REQUEST.replace("Host: a", "Host: a b").into_bytes();
    let received = session.receive(&mut bytes, 0);
    let error = Error::Handshake(HandshakeError::Host);
    assert_eq!((received.event, received.is_due), (Some(Event::Failed(error)), true));
    assert_eq!(error.fault(), Fault::Peer);
    let refusal = drained(&mut session, 131);
    assert!(refusal.starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
    assert!(refusal.ends_with(b"\r\n\r\nHost is missing, malformed or repeated"));
    assert_eq!(session.transport(), Transport::HalfClose);
    assert_eq!(session.receive(&mut [1, 2], 1).event, None);
    // An answer that does not fit the storage is not sent.
    let mut session = Session::server(&SERVER, [0; 8], Timeouts::MILLISECONDS, 0);
    let error = Error::Handshake(HandshakeError::StartLineTooLong);
    assert_eq!(session.receive(&mut REQUEST.to_owned().into_bytes(), 0).event, Some(Event::Failed(error)));
    assert_eq!((drained(&mut session, 131).len(), session.transport()), (0, Transport::HalfClose));
}

#[test]
fn client_opens_through_any_buffer_at_every_cut() {
    let stream = [ACCEPTED.as_bytes(), &raw::frame(0x82, None, b"hi")].concat();
    for cut in 0..=stream.len() {
        let mut session = client();
        let request = drained(&mut session, 1 + cut);
        let mut handshake = ServerHandshake::new(&SERVER, [0; 512]);
        assert!(matches!(handshake.receive(&mut request.clone()), Ok(Progress::Complete { rest: [], .. })));
        let mut chunks = Vec::new();
        for read in [&stream[..cut], &stream[cut..]] {
            let mut read = read.to_vec();
            let mut rest = &mut read[..];
            loop {
                let received = session.receive(rest, 1);
                rest = received.rest;
                match received.event {
                    Some(Event::Response) => {
                        assert!(session.response().unwrap().is_accepted());
                        session.connect(|| [1, 2, 3, 4], &Config::DEFAULT).unwrap();
                    }
                    Some(Event::Data(chunk)) => chunks.extend_from_slice(chunk.payload),
                    Some(event) => panic!("{event:?}"),
                    None => break,
                }
            }
        }
        assert_eq!((&chunks[..], session.transport()), (&b"hi"[..], Transport::Keep));
        let mut out = [0; 16];
        let len = session.sender(2).unwrap().write_text("a", &mut out).unwrap().len();
        assert_eq!(out[..len], *b"\x81\x81\x01\x02\x03\x04\x60");
    }
}

#[test]
fn refused_client_sees_the_response_and_closes() {
    let mut session = client();
    drained(&mut session, 131);
    let mut stream = b"HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\nmoved".to_vec();
    let received = session.receive(&mut stream, 0);
    assert_eq!((&received.rest[..], received.event), (&b"moved"[..], Some(Event::Response)));
    assert_eq!(session.response().unwrap().field("location"), Some(&b"/b"[..]));
    assert_eq!(session.connect(|| [0; 4], &Config::DEFAULT), Err(BuildError::NotNow));
    assert_eq!((session.transport(), session.error()), (Transport::Close, None));
    assert_eq!(session.receive(&mut [1], 0).rest.len(), 0);
}

/// A server that refuses a request before it has read all of it gets no more of it.
#[test]
fn early_refusal_ends_the_request() {
    let mut session = client();
    let mut out = [0; 16];
    assert_eq!(session.poll_transmit(&mut out), 16);
    let mut response = *b"HTTP/1.1 431 x\r\n\r\n";
    let received = session.receive(&mut response, 0);
    assert_eq!((received.event, received.is_due), (Some(Event::Response), false));
    assert_eq!((session.poll_transmit(&mut out), session.transport()), (0, Transport::Close));
    // It cannot accept such a request.
    let mut session = client();
    assert_eq!(session.poll_transmit(&mut out), 16);
    let error = Error::Handshake(HandshakeError::Accept);
    let (first, rest) = ACCEPTED.as_bytes().split_at(9);
    assert_eq!(session.receive(&mut first.to_vec(), 0).event, None);
    assert_eq!(session.receive(&mut rest.to_vec(), 0).event, Some(Event::Failed(error)));
    assert_eq!(session.connect(|| [0; 4], &Config::DEFAULT), Err(BuildError::NotNow));
    assert_eq!((session.poll_transmit(&mut out), session.transport()), (0, Transport::Close));
}

#[test]
fn request_and_response_must_fit_the_storage() {
    let request = ClientRequest::new(Uri::parse("ws://a/chat").unwrap());
    let new = |storage| {
        Session::<Client<fn() -> [u8; 4]>, _>::client(
            &ClientConfig::DEFAULT,
            &request,
            NONCE,
            storage,
            Timeouts::NEVER,
            0,
        )
    };
    let Err(BuildError::BufferTooSmall { need }) = new(vec![0; 10]) else { panic!("it fits") };
    assert!(new(vec![0; need - 1]).is_err() && new(vec![0; need]).is_ok());

    let mut session = Session::server(&SERVER, [0; 140], Timeouts::NEVER, 0);
    let request = REQUEST.replace("Sec-WebSocket-Protocol: chat\r\n", "");
    assert_eq!(session.receive(&mut request.into_bytes(), 0).event, Some(Event::Request));
    let long = Accept { fields: &[("A", "long enough not to fit")], ..Accept::default() };
    let Err(BuildError::BufferTooSmall { need: 141.. }) = session.accept(&long, &Config::DEFAULT) else { panic!() };
    session.accept(&Accept::default(), &Config::DEFAULT).unwrap();
    assert_eq!(drained(&mut session, 131), ACCEPTED.as_bytes());
}

#[test]
fn keepalive_pings_and_measures_the_round_trip() {
    let mut session = open();
    assert_eq!(session.poll_timeout(), Some(20_000));
    let received = session.receive(&mut [], 20_000);
    assert_eq!((received.event, received.is_due), (Some(Event::KeepAlive), true));
    assert_eq!(drained(&mut session, 131), b"\x89\x04\0\0\0\x01");
    let mut pong = raw::frame(0x8A, KEY, &[0, 0, 0, 1]);
    assert_eq!(event(&mut session, &mut pong, 20_030), Some(Event::Pong(Some(30))));
    let mut unsolicited = raw::frame(0x8A, KEY, b"x");
    assert_eq!(event(&mut session, &mut unsolicited, 20_040), Some(Event::Pong(None)));
    assert_eq!(session.poll_timeout(), Some(40_040));

    assert_eq!(event(&mut session, &mut [], 40_040), Some(Event::KeepAlive));
    drained(&mut session, 131);
    let error = Error::Timeout(Reason::Pong);
    assert_eq!((event(&mut session, &mut [], 60_040), error.fault()), (Some(Event::Failed(error)), Fault::Transport));
    assert_eq!(session.transport(), Transport::Close);
    assert_eq!(event(&mut session, &mut [], 60_040), Some(Event::Over), "it is reported once");
    assert_eq!(event(&mut session, &mut [], 60_040), None);
}

/// uWSGI answers every Ping with an empty Pong. The second Ping is due when nothing follows.
#[test]
fn peer_lives_whose_pongs_have_another_payload() {
    let mut session = open();
    for round in 1..5 {
        let now = session.poll_timeout().unwrap();
        assert_eq!(event(&mut session, &mut [], now), Some(Event::KeepAlive));
        drained(&mut session, 131);
        assert_eq!(event(&mut session, &mut raw::frame(0x8A, KEY, b""), now + 1), Some(Event::Pong(None)), "{round}");
        assert_eq!(session.poll_timeout(), Some(now + 20_001));
    }
}

#[test]
fn handshake_timeout_is_answered_with_408_by_a_server_only() {
    let failed = Error::Timeout(Reason::Handshake);
    let mut session = server();
    assert_eq!(session.receive(&mut b"GET / HT".clone(), 0).event, None);
    assert_eq!(event(&mut session, &mut [], 10_000), Some(Event::Failed(failed)));
    assert!(drained(&mut session, 131).starts_with(b"HTTP/1.1 408 Request Timeout\r\n"));
    assert_eq!((event(&mut session, &mut [], 10_000), session.transport()), (None, Transport::HalfClose));
    assert_eq!(session.poll_timeout(), Some(15_000));
    assert_eq!(event(&mut session, &mut [], 15_000), Some(Event::Over));
    assert_eq!((session.transport(), session.error()), (Transport::Close, Some(failed)));

    let mut session = client();
    assert_eq!(session.receive(&mut [], 10_000).event, Some(Event::Failed(failed)));
    assert_eq!((drained(&mut session, 131).len(), session.transport()), (0, Transport::Close));
}

#[test]
fn idle_session_is_closed_with_1001() {
    let timeouts = Timeouts { idle: Some(100), ..Timeouts::MILLISECONDS };
    let connection = Connection::new(Server, &Config::DEFAULT);
    let mut session = Session::from_connection(connection, [0; 0], timeouts, 0);
    let mut out = [0; 16];
    let _frame = session.sender(50).unwrap().write_text("a", &mut out).unwrap();
    assert_eq!(session.poll_timeout(), Some(150), "a sent message counts");
    assert_eq!(session.receive(&mut [], 150).event, Some(Event::Idle));
    assert_eq!(drained(&mut session, 131), b"\x88\x02\x03\xe9");
    assert_eq!((session.receive(&mut [], 150).event, session.transport()), (None, Transport::Keep));
    assert_eq!(session.poll_timeout(), Some(5_150));
    let error = Error::Timeout(Reason::Closing);
    assert_eq!(session.receive(&mut [], 5_150).event, Some(Event::Failed(error)));
    assert_eq!((session.transport(), session.error()), (Transport::Close, Some(error)));
}

#[test]
fn protocol_error_is_reported_once_and_closes() {
    let mut session = open();
    let mut bytes = [raw::frame(0x83, KEY, b""), raw::frame(0x81, KEY, b"a")].concat();
    let received = session.receive(&mut bytes, 7);
    let error = Error::Protocol(ProtocolError::ReservedOpcode);
    assert_eq!((received.event, received.is_due, session.error()), (Some(Event::Failed(error)), true, Some(error)));
    assert_eq!(event(&mut session, &mut [1, 2, 3], 8), None);
    assert_eq!(drained(&mut session, 131), b"\x88\x02\x03\xea");
    assert_eq!((session.transport(), session.poll_timeout()), (Transport::HalfClose, Some(5_008)));
    session.receive_eof(9);
    assert_eq!((event(&mut session, &mut [], 9), session.transport()), (Some(Event::Over), Transport::Close));
}

#[test]
fn end_of_the_transport_is_an_error_unless_a_close_came_first() {
    let mut session = server(); // a peer that only connects asks for nothing
    session.receive_eof(0);
    assert_eq!((event(&mut session, &mut [], 0), session.transport()), (Some(Event::Over), Transport::Close));

    let mut session = server();
    assert_eq!(event(&mut session, &mut b"G".to_vec(), 0), None);
    session.receive_eof(0);
    let error = Error::Handshake(HandshakeError::UnexpectedEof);
    assert_eq!((event(&mut session, &mut [], 0), error.fault()), (Some(Event::Failed(error)), Fault::Transport));
    assert_eq!(session.transport(), Transport::Close);

    let mut session = open();
    session.receive_eof(0);
    let error = Error::Protocol(ProtocolError::UnexpectedEof);
    assert_eq!((event(&mut session, &mut [], 0), session.transport()), (Some(Event::Failed(error)), Transport::Close));

    let mut session = open();
    let mut close = raw::frame(0x88, KEY, b"\x03\xe8");
    assert_eq!(event(&mut session, &mut close, 0), Some(Event::Close(Some(CloseCode::NORMAL))));
    assert_eq!(drained(&mut session, 131), b"\x88\x02\x03\xe8");
    assert_eq!(session.transport(), Transport::HalfClose);
    session.receive_eof(0);
    assert_eq!((event(&mut session, &mut [], 0), session.error()), (Some(Event::Over), None));
    assert_eq!((event(&mut session, &mut [], 0), session.transport()), (None, Transport::Close));
}

#[test]
fn storage_is_free_once_the_response_is_written() {
    let mut storage = [0; 512];
    let mut session = Session::server(&SERVER, &mut storage[..], Timeouts::MILLISECONDS, 0);
    assert_eq!(session.take_storage(), None);
    assert_eq!(session.receive(&mut REQUEST.to_owned().into_bytes(), 0).event, Some(Event::Request));
    assert_eq!(session.take_storage(), None);
    session.accept(&Accept::default(), &Config::DEFAULT).unwrap();
    assert_eq!(session.poll_transmit(&mut [0; 100]), 100);
    assert_eq!(session.take_storage(), None);
    drained(&mut session, 131);
    assert_eq!(session.take_storage().map(|storage| storage.len()), Some(512));
    assert_eq!(session.take_storage().map(|storage| storage.len()), Some(0));
    assert_eq!(session.receive(&mut raw::frame(0x89, KEY, b"p"), 1).event, Some(Event::Ping));
    assert_eq!(drained(&mut session, 131), b"\x8A\x01p");
}

#[test]
fn request_for_a_page_is_refused_by_accept() {
    let mut session = server();
    let mut get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    assert_eq!(event(&mut session, &mut get, 0), Some(Event::Request));
    session.accept(&Accept::default(), &Config::DEFAULT).unwrap();
    assert!(!session.is_open() && drained(&mut session, 131).starts_with(b"HTTP/1.1 426 Upgrade Required\r\n"));
    assert_eq!((session.transport(), session.error()), (Transport::HalfClose, None));
}

#[test]
fn parts_are_returned_when_nothing_is_due() {
    let mut session = server();
    assert_eq!(session.receive(&mut REQUEST.to_owned().into_bytes(), 0).event, Some(Event::Request));
    let mut session = session.into_parts().map(drop).unwrap_err();
    session.accept(&Accept::default(), &Config::DEFAULT).unwrap();
    let mut session = session.into_parts().map(drop).unwrap_err();
    drained(&mut session, 512);
    let (connection, deadlines, _) = session.into_parts().unwrap();
    assert_eq!((connection.state(), deadlines.poll_timeout()), (State::Open, Some(20_000)));
}

/// Bytes that were read before the deadline count, even if the host passes them after it.
#[test]
fn late_host_does_not_drop_a_peer_that_lives() {
    let mut session = open();
    assert_eq!(event(&mut session, &mut [], 20_000), Some(Event::KeepAlive));
    drained(&mut session, 131);
    let mut late = [raw::frame(0x81, KEY, b"a"), raw::frame(0x8A, KEY, &[0, 0, 0, 1])].concat();
    let received = session.receive(&mut late, 90_000);
    assert!(matches!(received.event, Some(Event::Data(_))));
    assert_eq!(event(&mut session, received.rest, 90_000), Some(Event::Pong(Some(70_000))));
    assert_eq!((event(&mut session, &mut [], 90_000), session.transport()), (None, Transport::Keep));
}

/// A host reports the end once. It can come between the request and its answer.
#[test]
fn end_of_the_transport_before_the_answer_is_not_lost() {
    let failed = Some(Event::Failed(Error::Protocol(ProtocolError::UnexpectedEof)));
    let mut session = server();
    assert_eq!(event(&mut session, &mut REQUEST.to_owned().into_bytes(), 0), Some(Event::Request));
    session.receive_eof(0);
    session.accept(&Accept::default(), &Config::DEFAULT).unwrap();
    assert_eq!((event(&mut session, &mut [], 0), session.error().is_some()), (failed, true));

    let mut session = client();
    drained(&mut session, 131);
    assert_eq!(session.receive(&mut ACCEPTED.to_owned().into_bytes(), 0).event, Some(Event::Response));
    session.receive_eof(0);
    session.connect(|| [0; 4], &Config::DEFAULT).unwrap();
    assert!(matches!(session.receive(&mut [], 0).event, Some(Event::Failed(_))));
    assert_eq!(session.transport(), Transport::Close);
}

#[test]
fn close_of_the_host_starts_the_closing_timeout() {
    for drains in [true, false] {
        let mut session = open();
        let mut out = [0; 16];
        let close = session.sender(1_000).unwrap().write_close(CloseCode::NORMAL, "", &mut out).unwrap();
        assert_eq!(out[..close.len()], *b"\x88\x02\x03\xe8");
        if drains {
            assert_eq!(session.poll_transmit(&mut out), 0);
        }
        assert_eq!(session.poll_timeout(), Some(1_000), "at once");
        assert_eq!((event(&mut session, &mut [], 1_000), session.poll_timeout()), (None, Some(6_000)));
    }
}

#[test]
fn session_that_is_over_has_no_deadline() {
    let mut session = open();
    let mut close = raw::frame(0x88, KEY, b"");
    assert_eq!(event(&mut session, &mut close, 0), Some(Event::Close(None)));
    drained(&mut session, 131);
    session.receive_eof(1);
    assert_eq!((event(&mut session, &mut [], 1), session.transport()), (Some(Event::Over), Transport::Close));
    assert_eq!((session.poll_timeout(), event(&mut session, &mut [], 90_000)), (None, None));
    assert_eq!(session.error(), None);
    assert!(session.connection().unwrap().is_clean());

    let mut session = client();
    drained(&mut session, 131);
    assert_eq!(session.receive(&mut b"HTTP/1.1 404 x\r\n\r\n".to_vec(), 0).event, Some(Event::Response));
    assert_eq!((session.transport(), session.poll_timeout()), (Transport::Close, Some(0)));
    assert_eq!((session.receive(&mut [], 0).event, session.poll_timeout()), (Some(Event::Over), None));
}

#[test]
fn body_can_be_written_by_the_host() {
    let mut session = server();
    let mut get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    assert_eq!(event(&mut session, &mut get, 0), Some(Event::Request));
    session.respond_head(200, &[], 5).unwrap();
    assert_eq!(drained(&mut session, 131), b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(
        (session.transport(), session.refuse(HandshakeError::Host)),
        (Transport::HalfClose, Err(BuildError::NotNow))
    );
}

/// A slow reader gives no other sign of life: our Ping waits behind the bytes that it has not read.
#[test]
fn accepted_bytes_give_the_peer_more_time() {
    let mut session = open();
    assert_eq!(event(&mut session, &mut [], 20_000), Some(Event::KeepAlive));
    drained(&mut session, 131);
    session.on_written(39_000);
    assert_eq!((event(&mut session, &mut [], 40_000), session.poll_timeout()), (None, Some(59_000)));
}

/// A transport with a small buffer accepts the Ping itself in two parts, also for a peer that is gone.
#[test]
fn ping_that_is_written_in_parts_is_no_sign_of_life() {
    let mut session = open();
    assert_eq!(event(&mut session, &mut [], 20_000), Some(Event::KeepAlive));
    drained(&mut session, 131);
    session.on_written(20_001);
    assert_eq!(event(&mut session, &mut [], 40_001), Some(Event::Failed(Error::Timeout(Reason::Pong))));
}

/// A peer that can set the interval of our Pings must not postpone the end.
#[test]
fn new_timeouts_do_not_postpone_closing() {
    let mut session = open();
    let _ = session.sender(0).unwrap().write_close(CloseCode::NORMAL, "", &mut [0; 131]).unwrap();
    for now in (0..5_000).step_by(1_000) {
        assert_eq!(event(&mut session, &mut [], now), None);
        session.set_timeouts(Timeouts { ping: Some(now), ..Timeouts::MILLISECONDS }, now);
    }
    assert_eq!(event(&mut session, &mut [], 5_000), Some(Event::Failed(Error::Timeout(Reason::Closing))));
}

/// The Ping waits for the end of a frame that the host sends slowly. A host that sends nothing more has a peer that accepts
/// nothing.
#[test]
fn ping_waits_for_a_frame_that_goes_on() {
    let mut session = open();
    let _header = session.sender(0).unwrap().begin_frame(MessageKind::Binary, true, 11).unwrap();
    assert_eq!(event(&mut session, &mut [], 20_000), Some(Event::KeepAlive));
    for now in (35_000..185_000).step_by(15_000) {
        session.sender(now).unwrap().mask_payload(&mut [7]).unwrap();
        assert_eq!((event(&mut session, &mut [], now), session.poll_timeout()), (None, Some(now + 20_000)));
    }
    session.sender(190_000).unwrap().mask_payload(&mut [7]).unwrap();
    assert_eq!(drained(&mut session, 131), b"\x89\x04\0\0\0\x01");
    let mut pong = raw::frame(0x8A, KEY, &[0, 0, 0, 1]);
    assert_eq!(event(&mut session, &mut pong, 190_007), Some(Event::Pong(Some(7))), "since it was written");
}

#[test]
fn data_is_a_sign_of_life() {
    let mut session = open();
    let mut text = raw::frame(0x81, KEY, b"a");
    assert!(matches!(event(&mut session, &mut text, 15_000), Some(Event::Data(_))));
    assert_eq!((event(&mut session, &mut [], 15_000), session.poll_timeout()), (None, Some(35_000)));
}

#[test]
fn client_fails_if_the_server_sends_nothing() {
    let mut session = client();
    drained(&mut session, 512);
    session.receive_eof(1);
    let error = Error::Handshake(HandshakeError::UnexpectedEof);
    assert_eq!(session.receive(&mut [], 1).event, Some(Event::Failed(error)));
    assert_eq!(session.receive(&mut [], 1).event, Some(Event::Over));
}

#[test]
fn refusal_of_head_has_no_body() {
    let mut session = server();
    let mut bad = b"HEAD / HTTP/1.1\r\nHost: a b\r\n\r\n".to_vec();
    assert!(matches!(event(&mut session, &mut bad, 0), Some(Event::Failed(_))));
    assert!(drained(&mut session, 131).ends_with(b"\r\n\r\n"));
}

#[test]
fn parts_are_not_returned_while_something_would_be_lost() {
    let idle = Timeouts { idle: Some(5), ..Timeouts::MILLISECONDS };
    let mut session = Session::from_connection(Connection::new(Server, &Config::DEFAULT), [0; 0], idle, 0);
    let _header = session.sender(0).unwrap().begin_frame(MessageKind::Binary, true, 1).unwrap();
    assert_eq!(session.receive(&mut [], 5).event, Some(Event::Idle));
    session.set_timeouts(idle, 6);
    assert_eq!(session.receive(&mut [], 11).event, None, "its Close waits for the end of the frame");
    assert!(session.into_parts().is_err());

    let mut ended = open();
    ended.receive_eof(1);
    assert!(ended.into_parts().is_err(), "the end would not be noticed");

    let mut failed = open();
    assert!(matches!(event(&mut failed, &mut raw::frame(0xC1, KEY, b""), 1), Some(Event::Failed(_))));
    drained(&mut failed, 131);
    assert!(failed.into_parts().is_err());
}

#[test]
fn answers_at_a_wrong_time_are_refused() {
    let mut session = server();
    assert_eq!(session.accept(&Accept::default(), &Config::DEFAULT), Err(BuildError::NotNow));
    let mut session = Session::server(&SERVER, vec![0; 512], Timeouts::MILLISECONDS, 0);
    assert_eq!(session.receive(&mut REQUEST.to_owned().into_bytes(), 0).event, Some(Event::Request));
    session.accept(&Accept::default(), &Config::DEFAULT).unwrap();
    drained(&mut session, 512);
    assert!(session.take_storage().is_some());
    assert_eq!(session.accept(&Accept::default(), &Config::DEFAULT), Err(BuildError::NotNow));
    assert_eq!(session.respond(200, &[], b""), Err(BuildError::NotNow));
}

#[test]
fn storage_is_free_after_a_page() {
    let mut session = Session::server(&SERVER, vec![0; 512], Timeouts::MILLISECONDS, 0);
    let mut get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    assert_eq!(session.receive(&mut get, 0).event, Some(Event::Request));
    session.respond(200, &[], b"page").unwrap();
    assert!(session.take_storage().is_none());
    drained(&mut session, 131);
    assert_eq!(session.take_storage().map(|storage| storage.len()), Some(512));
    assert_eq!((session.request().is_none(), session.receive(&mut b"more".to_vec(), 0).event), (true, None));
    session.receive_eof(0);
    assert_eq!(session.receive(&mut [], 0).event, Some(Event::Over));
}

#[test]
fn first_error_is_kept() {
    let mut session = open();
    session.fail(ProtocolError::MessageTooBig);
    session.fail(ProtocolError::InvalidUtf8);
    assert_eq!(session.error(), Some(Error::Protocol(ProtocolError::MessageTooBig)));
}

#[test]
fn refused_response_needs_no_answer() {
    let mut session = client();
    drained(&mut session, 512);
    let mut busy = b"HTTP/1.1 503 x\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy".to_vec();
    let received = session.receive(&mut busy, 1);
    assert_eq!((received.event, &*received.rest), (Some(Event::Response), &b"busy"[..]));
    let received = session.receive(received.rest, 1);
    assert_eq!((received.event, received.rest.len()), (Some(Event::Over), 0));
    assert_eq!(session.response().and_then(|response| response.retry_after()), Some(7));
}

/// After a complete exchange a peer that does not end the stream is no failure.
#[test]
fn peer_that_does_not_end_the_stream_is_over_without_an_error() {
    let mut closed = open();
    let mut close = raw::frame(0x88, KEY, b"");
    assert_eq!(event(&mut closed, &mut close, 0), Some(Event::Close(None)));
    let mut page = server();
    let mut get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    assert_eq!(event(&mut page, &mut get, 0), Some(Event::Request));
    page.respond(200, &[], b"page").unwrap();
    for mut session in [closed, page] {
        drained(&mut session, 131);
        assert_eq!(event(&mut session, &mut [], 0), None);
        assert_eq!((event(&mut session, &mut [], 5_000), session.error()), (Some(Event::Over), None));
        assert_eq!(session.transport(), Transport::Close);
    }
}

#[test]
fn time_does_not_run_backwards() {
    let mut session = open();
    assert_eq!(event(&mut session, &mut raw::frame(0x8A, KEY, b""), 10_000), Some(Event::Pong(None)));
    assert!(session.sender(0).is_ok());
    assert_eq!((event(&mut session, &mut [1][..0], 0), session.poll_timeout()), (None, Some(30_000)));
    let calls: [fn(&mut Accepting); 4] = [
        |session| session.on_bytes(0),
        |session| session.on_written(0),
        |session| session.set_timeouts(Timeouts::MILLISECONDS, 0),
        |session| session.receive_eof(0),
    ];
    for call in calls {
        call(&mut session);
        assert_eq!(session.poll_timeout(), Some(30_000));
    }
}

/// No event but `Over` follows a failure.
#[test]
fn nothing_is_received_after_a_timeout() {
    let mut session = open();
    assert_eq!(event(&mut session, &mut [], 20_000), Some(Event::KeepAlive));
    drained(&mut session, 131);
    assert!(matches!(event(&mut session, &mut [], 40_000), Some(Event::Failed(_))));
    let mut late = raw::frame(0x81, KEY, b"a");
    assert_eq!((event(&mut session, &mut late, 40_001), session.transport()), (Some(Event::Over), Transport::Close));
    assert_eq!(event(&mut session, &mut late, 40_002), None);
}

/// What was read before the end is received before it is reported.
#[test]
fn end_of_the_transport_is_reported_after_the_last_bytes() {
    let mut session = open();
    let mut last = [raw::frame(0x81, KEY, b"a"), raw::frame(0x88, KEY, b"")].concat();
    session.receive_eof(1);
    let received = session.receive(&mut last, 1);
    assert!(matches!(received.event, Some(Event::Data(_))));
    assert_eq!(event(&mut session, received.rest, 1), Some(Event::Close(None)));
    drained(&mut session, 131);
    assert_eq!((event(&mut session, &mut [], 1), session.error()), (Some(Event::Over), None));
}

/// A Ping that waits for the end of a frame gets its full time when it is written.
#[test]
fn pong_timeout_starts_when_the_ping_is_written() {
    let mut session = open();
    let _header = session.sender(1).unwrap().begin_frame(MessageKind::Binary, true, 1).unwrap();
    assert_eq!(event(&mut session, &mut [], 20_000), Some(Event::KeepAlive));
    assert_eq!(drained(&mut session, 131), b"");
    let mut session = session.into_parts().map(drop).unwrap_err(); // the Ping would be lost
    session.sender(35_000).unwrap().mask_payload(&mut [7]).unwrap();
    assert_eq!(drained(&mut session, 131).len(), 6);
    assert_eq!((event(&mut session, &mut [], 50_000), session.poll_timeout()), (None, Some(55_000)));
}

/// A peer that has half-closed can still read the answer.
#[test]
fn end_of_the_transport_waits_for_the_answer() {
    for accepts in [true, false] {
        let mut session = server();
        assert_eq!(event(&mut session, &mut REQUEST.to_owned().into_bytes(), 0), Some(Event::Request));
        session.receive_eof(1);
        assert_eq!((event(&mut session, &mut [], 1), session.transport()), (None, Transport::Keep));
        if accepts {
            session.accept(&Accept::default(), &Config::DEFAULT).unwrap();
            assert!(drained(&mut session, 131).starts_with(b"HTTP/1.1 101 "));
            assert!(matches!(event(&mut session, &mut [], 1), Some(Event::Failed(_))));
        } else {
            session.respond(200, &[], b"page").unwrap();
            assert!(drained(&mut session, 131).starts_with(b"HTTP/1.1 200 "));
            assert_eq!(event(&mut session, &mut [], 1), Some(Event::Over));
        }
        assert_eq!(session.transport(), Transport::Close);
    }
}

/// `Over` comes once. While something is still to be written, the closing timeout goes on instead.
#[test]
fn over_comes_once_and_not_before_the_output_is_written() {
    let mut session = server();
    let mut get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    assert_eq!(event(&mut session, &mut get, 0), Some(Event::Request));
    session.respond(200, &[], b"page").unwrap();
    session.receive_eof(1);
    assert_eq!((event(&mut session, &mut [], 1), session.transport()), (None, Transport::Keep));
    let failed = Some(Event::Failed(Error::Timeout(Reason::Closing)));
    assert_eq!((event(&mut session, &mut [], 5_001), session.transport()), (failed, Transport::Close));
    assert_eq!(event(&mut session, &mut [], 5_001), Some(Event::Over));
    assert_eq!(event(&mut session, &mut [], 20_000), None);

    let mut session = open();
    let mut close = raw::frame(0x88, KEY, b"");
    assert_eq!(event(&mut session, &mut close, 0), Some(Event::Close(None)));
    drained(&mut session, 131);
    assert_eq!(event(&mut session, &mut [], 0), None);
    assert_eq!(event(&mut session, &mut [], 5_000), Some(Event::Over));
    session.receive_eof(5_001);
    assert_eq!((event(&mut session, &mut [], 5_001), event(&mut session, &mut [], 20_000)), (None, None));
}

#[test]
fn unanswered_request_is_answered_with_503() {
    let mut session = server();
    assert_eq!(event(&mut session, &mut REQUEST.to_owned().into_bytes(), 0), Some(Event::Request));
    assert_eq!(event(&mut session, &mut [], 10_000), Some(Event::Failed(Error::Unanswered)));
    assert_eq!(Error::Unanswered.fault(), Fault::Host);
    assert!(drained(&mut session, 131).starts_with(b"HTTP/1.1 503 Service Unavailable\r\n"));
    assert_eq!(session.respond(200, &[], b""), Err(BuildError::NotNow));
}

#[test]
fn closing_without_a_timeout_does_not_spin() {
    let timeouts = Timeouts { closing: None, ..Timeouts::MILLISECONDS };
    let mut session = Session::from_connection(Connection::new(Server, &Config::DEFAULT), [0; 0], timeouts, 0);
    let mut out = [0; 16];
    let _close = session.sender(1).unwrap().write_close(CloseCode::NORMAL, "", &mut out).unwrap();
    assert_eq!((session.receive(&mut [], 1).event, session.poll_timeout()), (None, None));
}

/// The transport is not closed before the host has seen why.
#[test]
fn error_is_reported_before_the_transport_is_closed() {
    let mut session = open();
    session.receive_eof(0);
    assert_eq!(session.transport(), Transport::Keep);
    assert!(matches!(event(&mut session, &mut [], 0), Some(Event::Failed(_))));
    assert_eq!(session.transport(), Transport::Close);
}

/// A large message and the replies share the transport: a Pong waits for the end of a frame, not of the message.
#[test]
fn pong_is_due_between_frames_only() {
    let mut session = open();
    let mut ping = raw::frame(0x89, KEY, b"p");
    let header = session.sender(1).unwrap().begin_frame(MessageKind::Binary, true, 3).unwrap();
    assert_eq!(header.as_bytes(), b"\x82\x03");
    let received = session.receive(&mut ping, 1);
    assert_eq!((received.event, received.is_due), (Some(Event::Ping), false));
    assert_eq!(drained(&mut session, 131), b"");
    session.sender(1).unwrap().mask_payload(&mut [1, 2, 3]).unwrap();
    assert_eq!((session.is_due(), drained(&mut session, 131)), (true, b"\x8A\x01p".to_vec()));

    let mut message = Outgoing::text("fragments");
    let mut out = [0; 6];
    assert_eq!(session.sender(1).unwrap().write_fragment(&mut message, &mut out).unwrap().len(), 6);
    assert_eq!(event(&mut session, &mut [], 20_001), Some(Event::KeepAlive));
    assert_eq!(drained(&mut session, 131), b"\x89\x04\0\0\0\x01");
}
