//! permessage-deflate: negotiated, inflated and deflated by a [`WebSocket`].

mod common;

use barews_embedded::barews::connection::{Config, Connection, Event as Incoming, MessageKind, Outgoing};
use barews_embedded::barews::deflate::{Direction, Inflater, RSV1};
use barews_embedded::barews::handshake::{Accept, ClientConfig, ClientRequest, Uri};
use barews_embedded::barews::message::MessageBuffer;
use barews_embedded::barews::session;
use barews_embedded::barews::wire::CloseCode;
use barews_embedded::barews::{Client, HandshakeError, ProtocolError, Role, SendError, Server};
use barews_embedded::deflate::Deflate;
use barews_embedded::{Error, Event, Replies, Resources, WebSocket, blocking};
use common::{CONFIG, Duplex, Pipe, REQUEST, ServerSocket, Time, again, frame, join, poll, resources, wait};

/// "Hello" (RFC 7692 section 7.2.3.1), and again with context takeover (section 7.2.3.2).
const HELLO: [&[u8]; 2] = [b"\xF2\x48\xCD\xC9\xC9\x07\x00", b"\xF2\x00\x11\x00\x00"];
const TEXT: &str = "what is said again is said again, and what is said again is said again";
const OFFER: &str = "permessage-deflate; client_max_window_bits";
const AGREED: Direction = Direction { window_bits: 9, no_context_takeover: false };

/// Windows of 512 bytes.
fn deflate(inflated: usize) -> Deflate<Vec<u8>> {
    Deflate::new(vec![0; 512], vec![0; 768], vec![0; inflated])
}

fn with_deflate<C>(mut resources: Resources<Vec<u8>, C>, inflated: usize) -> Resources<Vec<u8>, C> {
    resources.deflate = Some(deflate(inflated));
    resources
}

/// Returns a server that has answered this offer, and the Sec-WebSocket-Extensions of its response.
fn open<'a>(
    transport: Duplex<'a>,
    resources: Resources<Vec<u8>, &'a Time>,
    offer: &str,
) -> (ServerSocket<'a>, Option<String>) {
    transport.0.push(&REQUEST[..REQUEST.len() - 2]);
    transport.0.push(format!("Sec-WebSocket-Extensions: {offer}\r\n\r\n").as_bytes());
    let mut socket = WebSocket::server(transport, resources, &CONFIG);
    wait(socket.request()).unwrap();
    wait(socket.accept(&Accept::default())).unwrap();
    let response = String::from_utf8(transport.1.take()).unwrap();
    let value = response.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    (socket, value.map(str::to_owned))
}

/// Returns the payloads of frames, as their receiver inflates them, and the first byte of each frame.
fn inflate(receiver: impl Role, mut frames: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let mut connection = Connection::new(receiver, &Config { extension_rsv: RSV1, ..Config::DEFAULT });
    let mut inflater = Inflater::new([0; AGREED.window_size()], AGREED, u64::MAX);
    let (mut rest, mut firsts, mut message, mut piece) = (&mut frames[..], Vec::new(), Vec::new(), [0; 4096]);
    let mut is_first = true;
    while !rest.is_empty() {
        if is_first {
            firsts.push(rest[0]);
        }
        let received = connection.receive(rest).unwrap();
        rest = received.rest;
        match received.event {
            Some(Incoming::Data(mut chunk)) => {
                while let Some(piece) = inflater.inflate(&mut chunk, &mut piece).unwrap() {
                    message.extend_from_slice(piece.payload);
                }
            }
            other => panic!("{other:?}"),
        }
        is_first = connection.unread_payload() == 0;
    }
    (message, firsts)
}

#[test]
fn server_accepts_the_windows_for_which_it_has_memory() {
    let time = Time::default();
    for (offer, value) in [
        (OFFER, Some("permessage-deflate; server_max_window_bits=9; client_max_window_bits=9")),
        ("permessage-deflate", None), // does not let the server limit the client's window
        (
            "permessage-deflate; client_max_window_bits=8; server_no_context_takeover",
            Some("permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=8"),
        ),
        ("permessage-bzip2", None),
    ] {
        let (input, output) = (Pipe::default(), Pipe::default());
        let resources = with_deflate(resources(&time, 64, 131), 64);
        let (socket, answer) = open(Duplex(&input, &output), resources, offer);
        assert_eq!((answer.as_deref(), socket.is_deflated()), (value, value.is_some()), "{offer}");
    }
}

#[test]
fn server_without_memory_accepts_no_offer() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let (mut socket, answer) = open(Duplex(&input, &output), resources(&time, 64, 131), OFFER);
    assert_eq!((answer, socket.is_deflated()), (None, false));
    input.push(&frame(0xC1, HELLO[0]));
    let error = wait(socket.receive()).map(|_| ()).unwrap_err();
    assert_eq!(error, Error::Session(session::Error::Protocol(ProtocolError::ReservedBits)));

    let (input, output) = (Pipe::default(), Pipe::default());
    let mut resources = resources(&time, 64, 131);
    resources.deflate = Some(Deflate::new(vec![0; 255], vec![0; 768], vec![0; 64]));
    let (socket, answer) = open(Duplex(&input, &output), resources, OFFER);
    assert_eq!((answer, socket.is_deflated()), (None, false));
}

#[test]
fn server_inflates_what_arrives_in_pieces_of_its_buffer() {
    for fast in [false, true] {
        let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
        let (mut socket, _) = open(Duplex(&input, &output), with_deflate(resources(&time, 64, 131), 3), OFFER);
        input.fast.set(fast);
        input.push(&[frame(0xC1, HELLO[0]), frame(0x89, b"?"), frame(0x81, b"plain"), frame(0x41, HELLO[1])].concat());
        input.push(&frame(0x80, b""));
        let mut messages = vec![Vec::new()];
        while messages.len() < 4 {
            let Ok(Some(Event::Chunk(chunk))) = wait(socket.receive()) else { panic!() };
            let message = messages.last_mut().unwrap();
            assert_eq!((chunk.kind, chunk.first), (MessageKind::Text, message.is_empty()));
            message.extend_from_slice(chunk.payload);
            if chunk.last {
                messages.push(Vec::new());
            }
        }
        assert_eq!(messages, [&b"Hello"[..], b"plain", b"Hello", b""]);
        assert_eq!(output.take(), b"\x8A\x01?");
    }
}

#[test]
fn whole_messages_are_inflated() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let (mut socket, _) = open(Duplex(&input, &output), with_deflate(resources(&time, 64, 131), 3), OFFER);
    input.push(&[frame(0xC1, HELLO[0]), frame(0x81, b"plain"), frame(0xC1, HELLO[1])].concat());
    let mut messages = MessageBuffer::new([0; 5]);
    for text in ["Hello", "plain", "Hello"] {
        assert_eq!(wait(socket.receive_message(&mut messages)).unwrap().unwrap().text(), Some(text));
    }
    // One that does not fit when it is inflated.
    let mut messages = MessageBuffer::new([0; 4]);
    input.push(&frame(0xC1, HELLO[1]));
    let error = wait(socket.receive_message(&mut messages)).map(|_| ()).unwrap_err();
    assert_eq!(error, Error::Session(session::Error::Protocol(ProtocolError::MessageTooBig)));
    input.end();
    wait(socket.finish()).unwrap();
    assert_eq!(output.take(), b"\x88\x02\x03\xF1");
}

#[test]
fn what_cannot_be_inflated_fails_the_connection() {
    /// 5,000 zeros.
    const ZEROS: &[u8] = b"\xEC\xC1\x31\x01\0\0\0\xC2\xA0\xF5\x4F\x6D\x0A\x3F\xA0\0\0\0\0\x80\xB7\x01";
    for (payload, error, close) in [
        (ZEROS, ProtocolError::MessageTooBig, b"\x88\x02\x03\xF1"),
        (&b"\x07\x00"[..], ProtocolError::DeflateBlockType, b"\x88\x02\x03\xEF"),
    ] {
        let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
        let mut resources = with_deflate(resources(&time, 64, 131), 64);
        resources.limits.max_message_size = 4_999;
        let (mut socket, _) = open(Duplex(&input, &output), resources, OFFER);
        input.push(&frame(0xC2, payload));
        let error = Error::Session(session::Error::Protocol(error));
        let ended = std::iter::repeat_with(|| wait(socket.receive()).map(|_| ())).find_map(Result::err);
        assert_eq!(ended, Some(error));
        assert_eq!(output.take(), close);
        input.end();
        assert_eq!(wait(socket.end(async |_| {})), Err(error));
    }
}

#[test]
fn server_deflates_what_gets_shorter() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let (mut socket, _) = open(Duplex(&input, &output), with_deflate(resources(&time, 64, 131), 64), OFFER);
    wait(socket.send_text(TEXT)).unwrap();
    wait(socket.send_text("short")).unwrap();
    wait(socket.send_binary(&std::array::from_fn::<_, 40, _>(|n| (n * n) as u8 ^ n as u8))).unwrap();
    wait(socket.send_text("")).unwrap();
    wait(socket.send_text(TEXT)).unwrap();
    let frames = output.take();
    assert!(frames.len() < 2 * TEXT.len() + 40, "{}", frames.len());
    let (payloads, firsts) = inflate(Client(|| [0; 4]), frames);
    assert_eq!(firsts, [0xC1, 0x81, 0x82, 0x81, 0xC1]);
    assert!(payloads.starts_with([TEXT, "short"].concat().as_bytes()) && payloads.ends_with(TEXT.as_bytes()));
}

#[test]
fn long_message_is_deflated_in_fragments() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let (mut socket, _) = open(Duplex(&input, &output), with_deflate(resources(&time, 64, 131), 64), OFFER);
    let text = TEXT.repeat(5);
    wait(socket.send_text(&text)).unwrap();
    let frames = output.take();
    assert!(frames.len() < text.len() / 2, "{}", frames.len());
    let (message, firsts) = inflate(Client(|| [0; 4]), frames);
    assert_eq!(firsts, [0x41, 0x00, 0x00, 0x80]); // 107 bytes each
    assert_eq!(message, text.as_bytes());
}

#[test]
fn without_memory_to_deflate_messages_are_plain() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut resources = resources(&time, 64, 131);
    resources.deflate = Some(Deflate::new(vec![0; 512], Vec::new(), vec![0; 64]));
    let (mut socket, _) = open(Duplex(&input, &output), resources, OFFER);
    assert!(socket.is_deflated());
    wait(socket.send_text(&TEXT.repeat(2))).unwrap();
    let (message, firsts) = inflate(Client(|| [0; 4]), output.take());
    assert_eq!((message, firsts), (TEXT.repeat(2).into_bytes(), vec![0x01, 0x80]));
}

#[test]
fn message_that_cannot_be_sent_leaves_the_window() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let (mut socket, _) = open(Duplex(&input, &output), with_deflate(resources(&time, 64, 131), 64), OFFER);
    socket.put(MessageKind::Binary, false, b"begun").unwrap();
    assert_eq!(wait(socket.send_text(TEXT)), Err(Error::Send(SendError::MessageInProgress)));
    wait(socket.flush()).unwrap();
    socket.put(MessageKind::Binary, true, b"done").unwrap();
    wait(socket.send_text(TEXT)).unwrap();
    let (payloads, firsts) = inflate(Client(|| [0; 4]), output.take());
    assert_eq!(payloads, [b"begundone", TEXT.as_bytes()].concat());
    assert_eq!(firsts, [0x02, 0x80, 0xC1]);
}

#[test]
fn split_is_refused() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let (socket, _) = open(Duplex(&input, &output), with_deflate(resources(&time, 64, 131), 64), OFFER);
    let replies = Replies::new();
    let Err(mut socket) = socket.split(&replies, |Duplex(input, output)| (input, output)) else { panic!() };
    input.push(&frame(0xC1, HELLO[0]));
    assert!(matches!(wait(socket.receive()), Ok(Some(Event::Chunk(_)))));
}

#[test]
fn client_agrees_to_what_it_has_offered() {
    let time = Time::default();
    let mut value = [0; 128];
    let extensions = deflate(64).offer(&mut value).unwrap();
    let config = ClientConfig { extensions, ..ClientConfig::DEFAULT };
    let request = ClientRequest::new(Uri::parse("ws://example.com/").unwrap());
    for (response, agreed) in [
        ("permessage-deflate; server_max_window_bits=9; client_max_window_bits=9", Ok(true)),
        ("permessage-deflate; server_max_window_bits=8", Ok(true)),
        ("", Ok(false)),
        ("permessage-deflate; server_max_window_bits=10", Err(HandshakeError::Extensions)),
        ("permessage-deflate", Err(HandshakeError::Extensions)), // a window of 32 KiB
    ] {
        let (input, output) = (Pipe::default(), Pipe::default());
        let resources = with_deflate(resources(&time, 64, 131), 64);
        let transport = Duplex(&input, &output);
        let mut socket = WebSocket::client(transport, resources, &config, &request, || [7; 4]).unwrap();
        input.push(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        input.push(b"Sec-WebSocket-Accept: CdXSYUsvsaMthlEXWDNURGWA/1o=\r\n");
        if !response.is_empty() {
            input.push(format!("Sec-WebSocket-Extensions: {response}\r\n").as_bytes());
        }
        input.push(b"\r\n");
        let connected = wait(socket.connect());
        let request = String::from_utf8(output.take()).unwrap();
        assert!(request.contains(&format!("Sec-WebSocket-Extensions: {extensions}\r\n")), "{request}");
        match agreed {
            Ok(agreed) => assert_eq!((connected, socket.is_deflated()), (Ok(()), agreed), "{response}"),
            Err(error) => {
                let error = Err(Error::Session(session::Error::Handshake(error)));
                assert_eq!((connected, wait(socket.connect())), (error, error), "{response}");
                continue;
            }
        }
        if socket.is_deflated() {
            input.fast.set(true);
            input.push(&[&[0xC1, 7], HELLO[0]].concat());
            let Ok(Some(Event::Chunk(chunk))) = wait(socket.receive()) else { panic!() };
            assert_eq!((&*chunk.payload, chunk.last), (&b"Hello"[..], true));
        }
        wait(socket.send_text(TEXT)).unwrap();
        let (message, firsts) = inflate(Server, output.take());
        assert_eq!(message, TEXT.as_bytes());
        assert_eq!(firsts, [if socket.is_deflated() { 0xC1 } else { 0x81 }]);
    }
}

#[test]
fn dropped_futures_lose_nothing() {
    for polls in (1..20).chain([1_000]) {
        let (to_server, to_client, time) = (Pipe::default(), Pipe::default(), Time::default());
        to_server.full_at.set(Some(40));
        to_client.full_at.set(Some(40));
        let texts = [TEXT.repeat(6), "short".to_owned(), TEXT.to_owned()];
        let client = async {
            let mut value = [0; 128];
            let config = ClientConfig { extensions: deflate(0).offer(&mut value).unwrap(), ..ClientConfig::DEFAULT };
            let request = ClientRequest::new(Uri::parse("ws://example.com/echo").unwrap());
            let resources = with_deflate(resources(&time, 64, 140), 50);
            let transport = Duplex(&to_client, &to_server);
            let mut socket = WebSocket::client(transport, resources, &config, &request, || [1, 2, 3, 4]).unwrap();
            again(polls, async || socket.connect().await).await.unwrap();
            assert!(socket.is_deflated());
            for text in &texts {
                let mut message = Outgoing::text(text);
                again(polls, async || socket.send(&mut message).await).await.unwrap();
                let mut messages = MessageBuffer::new([0; 600]);
                let receive = async || Some(socket.receive_message(&mut messages).await.unwrap()?.payload.to_vec());
                let received = again(polls, receive).await.unwrap();
                assert_eq!(String::from_utf8(received).unwrap(), *text, "{polls} polls");
            }
            again(polls, async || socket.end(async |Duplex(_, output)| output.end()).await).await.unwrap();
            assert_eq!(socket.close_code(), Some(CloseCode::NORMAL));
        };
        let server = async {
            let resources = with_deflate(resources(&time, 50, 131), 60);
            let mut socket = WebSocket::server(Duplex(&to_server, &to_client), resources, &CONFIG);
            again(polls, async || assert_eq!(socket.request().await.unwrap().target(), "/echo")).await;
            again(polls, async || socket.accept(&Accept::default()).await).await.unwrap();
            let mut messages = MessageBuffer::new([0; 600]);
            while let Some((kind, payload)) = again(polls, async || {
                let message = socket.receive_message(&mut messages).await.unwrap()?;
                Some((message.kind, message.payload.to_vec()))
            })
            .await
            {
                let mut message = Outgoing::unvalidated(kind, &payload);
                again(polls, async || socket.send(&mut message).await).await.unwrap();
            }
            again(polls, async || socket.end(async |Duplex(_, output)| output.end()).await).await.unwrap();
        };
        wait(join(client, server));
    }
}

#[test]
fn blocking_socket_inflates_and_deflates() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    input.push(&REQUEST[..REQUEST.len() - 2]);
    input.push(format!("Sec-WebSocket-Extensions: {OFFER}\r\n\r\n").as_bytes());
    let resources = with_deflate(resources(&time, 64, 131), 64);
    let mut socket = blocking::WebSocket::server(Duplex(&input, &output), resources, &CONFIG);
    socket.request().unwrap();
    socket.accept(&Accept::default()).unwrap();
    output.take();
    input.fast.set(true);
    input.push(&frame(0xC1, HELLO[0]));
    let Ok(Some(Event::Chunk(chunk))) = socket.receive() else { panic!() };
    assert_eq!(chunk.payload, b"Hello");
    socket.send_text(TEXT).unwrap();
    assert_eq!(inflate(Client(|| [0; 4]), output.take()), (TEXT.as_bytes().to_vec(), vec![0xC1]));
}

#[test]
fn rest_of_a_chunk_is_dropped_when_the_host_ends_the_connection() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let (mut socket, _) = open(Duplex(&input, &output), with_deflate(resources(&time, 64, 131), 2), OFFER);
    input.fast.set(true);
    input.push(&frame(0xC1, HELLO[0]));
    assert!(matches!(wait(socket.receive()), Ok(Some(Event::Chunk(_)))));
    assert!(poll(100, socket.end(async |_| {})).is_none());
    input.push(&common::close_frame(CloseCode::NORMAL));
    input.end();
    wait(socket.end(async |_| {})).unwrap();
    assert_eq!(wait(socket.receive()), Ok(None));
}
