//! Handshakes, deadlines, errors and buffers of a [`WebSocket`].

mod common;

use barews_embedded::barews::connection::{Config, MessageKind};
use barews_embedded::barews::deadlines::{Backoff, Reason, Reconnect};
use barews_embedded::barews::handshake::{Accept, ClientConfig, ClientRequest, Subprotocol, Uri};
use barews_embedded::barews::message::MessageBuffer;
use barews_embedded::barews::session::{self, Fault};
use barews_embedded::barews::wire::CloseCode;
use barews_embedded::barews::{BuildError, Client, HandshakeError, ProtocolError, SendError};
use barews_embedded::{Error, Event, NoClock, Replies, Resources, WebSocket, back_off, blocking};
use common::{CONFIG, Duplex, Pipe, REQUEST, Time, close_frame, frame, join, open, poll, resources, wait};
use embassy_futures::yield_now;
use embedded_io_async::{ErrorType, Read, Write};

type Key = fn() -> [u8; 4];

/// Returns a client that sends its request to the second pipe.
fn client<'a>(input: &'a Pipe, output: &'a Pipe) -> WebSocket<'static, Duplex<'a>, Client<Key>, NoClock, Vec<u8>> {
    let resources = Resources::new(vec![0; 512], vec![0; 64], vec![0; 131], NoClock);
    let request = ClientRequest::new(Uri::parse("ws://example.com/").unwrap());
    WebSocket::client(Duplex(input, output), resources, &ClientConfig::DEFAULT, &request, (|| [7; 4]) as Key).unwrap()
}

#[test]
fn refusal_is_an_error_with_status_and_delay() {
    let (input, output) = (Pipe::default(), Pipe::default());
    let mut socket = client(&input, &output);
    input.push(b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\n\r\n");
    let error = wait(socket.connect()).unwrap_err();
    assert_eq!(error, Error::Refused { status: 503, retry_after: Some(120) });
    assert_eq!(error.fault(), Fault::Peer);
    assert!(output.take().starts_with(b"GET / HTTP/1.1\r\nHost: example.com\r\n"));
    wait(socket.finish()).unwrap();
}

#[test]
fn end_during_the_handshake_is_the_transports_fault() {
    let (input, output) = (Pipe::default(), Pipe::default());
    let mut socket = client(&input, &output);
    input.end();
    let error = wait(socket.connect()).unwrap_err();
    assert_eq!(error, Error::Session(session::Error::Handshake(HandshakeError::UnexpectedEof)));
    assert_eq!(error.fault(), Fault::Transport);

    let time = Time::default();
    let mut socket = WebSocket::server(Duplex(&input, &output), resources(&time, 64, 131), &CONFIG);
    assert_eq!(wait(socket.request()).map(|_| ()), Err(Error::Ended)); // nothing was asked
    wait(socket.finish()).unwrap();
}

/// Notes in the pipe that the transport was shut down.
async fn shut_down(Duplex(_, output): &mut Duplex<'_>) {
    output.push(b"FIN");
}

#[test]
fn end_closes_shuts_down_and_waits() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    input.push(&frame(0x81, b"late"));
    assert!(poll(1_000, socket.end(shut_down)).is_none());
    assert_eq!(output.take(), b"\x88\x02\x03\xe8"); // the peer has not answered
    input.push(&close_frame(CloseCode::NORMAL));
    assert!(poll(1_000, socket.end(shut_down)).is_none());
    assert_eq!(output.take(), b"FIN"); // the peer has not ended the transport
    input.end();
    assert_eq!(wait(socket.end(shut_down)), Ok(()));
    assert!(output.take().is_empty()); // once is enough
    assert_eq!(socket.close_code(), Some(CloseCode::NORMAL));
}

#[test]
fn end_after_the_peers_close_sends_no_second_one() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    input.push(&close_frame(CloseCode::GOING_AWAY));
    assert_eq!(wait(socket.receive()), Ok(None));
    input.end();
    assert_eq!(wait(socket.end(shut_down)), Ok(()));
    assert_eq!(output.take(), b"\x88\x02\x03\xe9FIN");
}

#[test]
fn end_returns_why_the_connection_failed() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    input.push(b"\x81\x02hi");
    let error = wait(socket.receive()).map(|_| ()).unwrap_err();
    input.end();
    assert_eq!(wait(socket.end(shut_down)), Err(error));
    assert_eq!(output.take(), b"\x88\x02\x03\xeaFIN");

    // The peer does not answer our Close frame.
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    assert!(poll(1_000, socket.end(shut_down)).is_none());
    time.0.set(5_000);
    assert_eq!(wait(socket.end(shut_down)), Err(Error::Session(session::Error::Timeout(Reason::Closing))));
    assert_eq!(output.take(), b"\x88\x02\x03\xe8FIN");
}

#[test]
fn end_in_the_handshake_does_not_wait() {
    let (input, output) = (Pipe::default(), Pipe::default());
    let mut socket = client(&input, &output);
    input.push(b"HTTP/1.1 404 Not Found\r\n\r\n");
    assert_eq!(wait(socket.connect()), Err(Error::Refused { status: 404, retry_after: None }));
    output.take();
    assert_eq!(wait(socket.end(shut_down)), Ok(()));
    assert_eq!(output.take(), b"FIN");

    let input = Pipe::default();
    let mut socket = client(&input, &output);
    assert!(poll(10_000, socket.connect()).is_none());
    output.take();
    assert_eq!(wait(socket.end(shut_down)), Ok(())); // the host has waited long enough
    assert_eq!(output.take(), b"FIN");

    let (input, time) = (Pipe::default(), Time::default());
    input.push(REQUEST);
    let mut socket = WebSocket::server(Duplex(&input, &output), resources(&time, 64, 131), &CONFIG);
    wait(socket.request()).unwrap();
    assert_eq!(wait(socket.end(shut_down)), Ok(())); // unanswered
    assert_eq!(output.take(), b"FIN");
}

#[test]
fn server_chooses_subprotocol_and_fields() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    input.push(REQUEST);
    let mut socket = WebSocket::server(Duplex(&input, &output), resources(&time, 64, 131), &CONFIG);
    assert_eq!(wait(socket.receive()), Err(Error::Send(SendError::NotOpen)));
    let request = wait(socket.request()).unwrap();
    assert_eq!((request.target(), request.subprotocol()), ("/echo", Some("echo")));
    let not_offered = Accept { subprotocol: Subprotocol::Named("mqtt"), ..Accept::default() };
    let error = wait(socket.accept(&not_offered)).unwrap_err();
    assert_eq!((error, error.fault()), (Error::Build(BuildError::Subprotocol), Fault::Host));
    wait(socket.accept(&Accept { fields: &[("X-Board", "7")], ..Accept::default() })).unwrap();
    let response = String::from_utf8(output.take()).unwrap();
    assert!(response.contains("Sec-WebSocket-Protocol: echo\r\n") && response.contains("X-Board: 7\r\n"), "{response}");
    assert!(socket.is_open());
    assert_eq!(wait(socket.request()).map(|_| ()), Err(Error::Build(BuildError::NotNow)));
}

#[test]
fn server_answers_with_pages_and_refusals() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    input.push(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut socket = WebSocket::server(Duplex(&input, &output), resources(&time, 64, 131), &CONFIG);
    assert!(!wait(socket.request()).unwrap().is_upgrade());
    wait(socket.respond(200, &[("Content-Type", "text/plain")], b"a page")).unwrap();
    assert!(output.take().ends_with(b"\r\n\r\na page"));
    input.end();
    wait(socket.finish()).unwrap();

    let input = Pipe::default();
    input.push(REQUEST);
    let mut socket = WebSocket::server(Duplex(&input, &output), resources(&time, 64, 131), &CONFIG);
    wait(socket.request()).unwrap();
    wait(socket.refuse(HandshakeError::Origin)).unwrap();
    assert!(output.take().starts_with(b"HTTP/1.1 403 "));

    let input = Pipe::default();
    input.push(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut socket = WebSocket::server(Duplex(&input, &output), resources(&time, 64, 131), &CONFIG);
    let error = wait(socket.request()).map(|_| ()).unwrap_err();
    assert_eq!(error, Error::Session(session::Error::Handshake(HandshakeError::Method)));
    assert!(output.take().starts_with(b"HTTP/1.1 405 "));
}

#[test]
fn protocol_error_is_returned_after_its_close_frame() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    input.push(b"\x81\x02hi");
    let expected = Error::Session(session::Error::Protocol(ProtocolError::NotMasked));
    assert_eq!(wait(socket.receive()), Err(expected));
    assert_eq!(output.take(), b"\x88\x02\x03\xea");
    assert_eq!(wait(socket.receive()), Err(expected)); // again
    assert_eq!(wait(socket.send_text("late")), Err(expected));
    assert_eq!(expected.fault(), Fault::Peer);
    input.push(b"the peer has not read our Close frame yet");
    input.end();
    wait(socket.finish()).unwrap();
    assert!(input.take().is_empty());
}

#[test]
fn ping_is_answered_while_idle_and_before_a_message() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 256, 131));
    input.push(&frame(0x89, b"idle"));
    assert!(poll(1_000, socket.receive()).is_none());
    assert_eq!(output.take(), b"\x8a\x04idle");

    // The Ping arrives with a message. The application is busy with that.
    input.fast.set(true);
    input.push(&[frame(0x89, b"busy"), frame(0x81, b"work")].concat());
    let Ok(Some(Event::Chunk(chunk))) = wait(socket.receive()) else { panic!() };
    assert_eq!(chunk.payload, b"work");
    wait(socket.send_text("done")).unwrap();
    assert_eq!(output.take(), b"\x8a\x04busy\x81\x04done");
}

#[test]
fn message_that_does_not_fit_fails_the_connection() {
    for (receive, first) in [(3, 0x82), (64, 0x82), (64, 0x02)] {
        let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
        let mut socket = open(Duplex(&input, &output), resources(&time, receive, 131));
        input.push(&frame(first, b"too long"));
        input.push(&frame(0x80, b""));
        let error = wait(socket.receive_message(&mut MessageBuffer::new([0; 4]))).map(|_| ()).unwrap_err();
        assert_eq!(error, Error::Session(session::Error::Protocol(ProtocolError::MessageTooBig)));
        input.end();
        wait(socket.finish()).unwrap();
        assert_eq!(output.take(), b"\x88\x02\x03\xf1");
    }
}

#[test]
fn silent_peer_gets_a_ping_and_then_fails() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    assert!(poll(100, socket.receive()).is_none());
    time.0.set(20_000);
    assert!(poll(100, socket.receive()).is_none());
    assert_eq!(output.take(), b"\x89\x04\0\0\0\x01");
    time.0.set(20_500);
    input.push(&frame(0x8a, b"\0\0\0\x01"));
    assert_eq!(wait(socket.receive()), Ok(Some(Event::Pong(Some(500)))));
    time.0.set(40_500);
    assert!(poll(100, socket.receive()).is_none());
    time.0.set(60_500);
    let error = wait(socket.receive()).unwrap_err();
    assert_eq!(error, Error::Session(session::Error::Timeout(Reason::Pong)));
    assert_eq!(error.fault(), Fault::Transport);
    wait(socket.finish()).unwrap(); // does not wait
}

#[test]
fn bytes_that_arrived_count_before_a_deadline() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    time.0.set(20_000);
    assert!(poll(100, socket.receive()).is_none());
    // The application is busy for a minute, while the Pong arrives.
    input.push(&frame(0x8a, b"\0\0\0\x01"));
    time.0.set(80_000);
    input.fast.set(true);
    assert_eq!(wait(socket.receive()), Ok(Some(Event::Pong(Some(60_000)))));
}

#[test]
fn peer_that_reads_nothing_cannot_block_a_send_without_limit() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    output.full_at.set(Some(0));
    for now in [0, 20_000] {
        time.0.set(now);
        assert!(poll(100, socket.send_text("Hello")).is_none());
    }
    time.0.set(40_000);
    let error = wait(socket.send_text("Hello")).unwrap_err();
    assert_eq!(error, Error::Session(session::Error::Timeout(Reason::Pong)));
}

#[test]
fn deadline_that_passes_while_a_call_waits_is_its_error() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    output.full_at.set(Some(0));
    let send = socket.send_text("Hello"); // never dropped
    let clock = async {
        for now in [20_000, 40_000] {
            time.0.set(now);
            yield_now().await;
        }
    };
    assert_eq!(wait(join(send, clock)).0, Err(Error::Session(session::Error::Timeout(Reason::Pong))));
}

#[test]
fn request_that_does_not_come_is_refused_with_408() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = WebSocket::server(Duplex(&input, &output), resources(&time, 64, 131), &CONFIG);
    input.push(b"GET /");
    assert!(poll(100, socket.request()).is_none());
    time.0.set(10_000);
    let error = wait(socket.request()).map(|_| ()).unwrap_err();
    assert_eq!(error, Error::Session(session::Error::Timeout(Reason::Handshake)));
    assert!(output.take().starts_with(b"HTTP/1.1 408 "));
    assert!(poll(100, socket.finish()).is_none()); // waits for the peer's end
    time.0.set(15_000);
    wait(socket.finish()).unwrap();
}

#[test]
fn finish_ends_when_the_peer_does_not_close() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    wait(socket.close(CloseCode::GOING_AWAY, "update")).unwrap();
    wait(socket.close(CloseCode::NORMAL, "")).unwrap(); // no second one
    assert_eq!(output.take(), b"\x88\x08\x03\xe9update");
    assert_eq!(wait(socket.send_text("late")), Err(Error::Send(SendError::Closing)));
    input.push(&frame(0x81, b"the peer has not received it yet"));
    assert!(poll(1_000, socket.finish()).is_none());
    time.0.set(5_000);
    wait(socket.finish()).unwrap();
}

#[test]
fn close_frames_end_the_connection_in_order() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    input.push(&close_frame(CloseCode::GOING_AWAY));
    input.end(); // the peer ends at once; our Close frame is still sent
    assert_eq!(wait(socket.receive()), Ok(None));
    assert_eq!(output.take(), b"\x88\x02\x03\xe9");
    assert_eq!(socket.close_code(), Some(CloseCode::GOING_AWAY));
    assert_eq!(wait(socket.receive()), Ok(None));
    wait(socket.finish()).unwrap();
}

#[test]
fn heapless_vectors_and_arrays_are_buffers() {
    let (input, output) = (Pipe::default(), Pipe::default());
    let buffer = || {
        let mut buffer = heapless::Vec::<u8, 512>::new();
        buffer.resize_default(512).unwrap();
        buffer
    };
    let resources = Resources::new(buffer(), buffer(), buffer(), NoClock);
    input.push(REQUEST);
    let mut socket = WebSocket::server(Duplex(&input, &output), resources, &CONFIG);
    wait(socket.request()).unwrap();
    wait(socket.accept(&Accept::default())).unwrap();
    output.take();
    input.push(&[frame(0x01, b"whole "), frame(0x80, b"message")].concat());
    let mut messages = MessageBuffer::new(buffer());
    let message = wait(socket.receive_message(&mut messages)).unwrap().unwrap();
    assert_eq!(message.text(), Some("whole message"));
    wait(socket.close(CloseCode::NORMAL, "")).unwrap();
    input.push(&close_frame(CloseCode::NORMAL));
    assert_eq!(wait(socket.receive()), Ok(None)); // without a clock, too
}

#[test]
fn message_of_any_length_arrives_in_a_small_buffer() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut resources = resources(&time, 16, 131);
    let unlimited = Config { max_frame_size: u64::MAX, max_message_size: u64::MAX, ..Config::DEFAULT };
    resources.limits = unlimited;
    let mut socket = open(Duplex(&input, &output), resources);
    input.push(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0");
    input.push(&[7; 100]);
    for _ in 0..100 {
        let Ok(Some(Event::Chunk(chunk))) = wait(socket.receive()) else { panic!() };
        assert!(chunk.payload.len() <= 16 && !chunk.last);
    }
}

#[test]
fn fragments_are_put_one_by_one() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let mut socket = open(Duplex(&input, &output), resources(&time, 64, 40));
    socket.put(MessageKind::Text, false, b"Hello, ").unwrap();
    assert_eq!(socket.put(MessageKind::Text, true, &[0; 18]), Err(SendError::BufferTooSmall { need: 32 }));
    assert_eq!(wait(socket.send_text("between")), Err(Error::Send(SendError::MessageInProgress)));
    assert_eq!(output.take(), b"\x01\x07Hello, ");
    let replies = Replies::new();
    let Ok((_, mut writer)) = socket.split(&replies, |Duplex(input, output)| (input, output)) else { panic!() };
    writer.put(MessageKind::Text, false, b"wor").unwrap();
    writer.put(MessageKind::Text, true, b"ld").unwrap();
    wait(writer.flush()).unwrap();
    assert_eq!(output.take(), b"\x00\x03wor\x80\x02ld");
}

#[test]
fn reader_sends_pings_through_the_writer_and_detects_a_dead_peer() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    let replies = Replies::new();
    let Ok((mut reader, mut writer)) = socket.split(&replies, |Duplex(input, output)| (input, output)) else {
        panic!("not open")
    };
    time.0.set(20_000);
    assert!(poll(100, reader.receive()).is_none());
    assert!(poll(100, writer.idle()).is_none());
    assert_eq!(output.take(), b"\x89\x04\0\0\0\x01");
    time.0.set(40_000);
    let error = wait(reader.receive()).unwrap_err();
    assert_eq!(error, Error::Session(session::Error::Timeout(Reason::Pong)));
}

#[test]
fn writer_that_sends_nothing_cannot_block_the_reader_without_limit() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    let replies = Replies::new();
    let Ok((mut reader, mut writer)) = socket.split(&replies, |Duplex(input, output)| (input, output)) else {
        panic!("not open")
    };
    wait(writer.close(CloseCode::NORMAL, "")).unwrap(); // the peer does not answer it
    assert!(poll(100, reader.receive()).is_none());
    time.0.set(20_000);
    assert!(poll(100, reader.receive()).is_none());
    time.0.set(40_000);
    assert_eq!(wait(reader.receive()), Err(Error::Session(session::Error::Timeout(Reason::Pong))));
}

#[test]
fn writer_reports_the_error_that_the_reader_found() {
    let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
    let socket = open(Duplex(&input, &output), resources(&time, 64, 131));
    let replies = Replies::new();
    let Ok((mut reader, mut writer)) = socket.split(&replies, |Duplex(input, output)| (input, output)) else {
        panic!("not open")
    };
    input.push(b"\x81\x02hi");
    let (error, idle) = wait(join(async { reader.receive().await.map(|_| ()) }, writer.idle()));
    assert_eq!(error, Err(Error::Session(session::Error::Protocol(ProtocolError::NotMasked))));
    assert_eq!(idle, Ok(()));
    assert!(writer.close_sent());
    assert_eq!(output.take(), b"\x88\x02\x03\xea");
}

#[test]
fn socket_in_its_handshake_cannot_be_split() {
    let (input, output) = (Pipe::default(), Pipe::default());
    let socket = client(&input, &output);
    let replies = Replies::new();
    let Err(mut socket) = socket.split(&replies, |Duplex(input, output)| (input, output)) else { panic!() };
    input.push(b"HTTP/1.1 404 Not Found\r\n\r\n");
    assert_eq!(wait(socket.connect()), Err(Error::Refused { status: 404, retry_after: None }));
}

/// A transport that fails.
struct Broken;

impl ErrorType for Broken {
    type Error = embedded_io_async::ErrorKind;
}

impl Read for Broken {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> {
        Err(embedded_io_async::ErrorKind::ConnectionReset)
    }
}

impl Write for Broken {
    async fn write(&mut self, _: &[u8]) -> Result<usize, Self::Error> {
        Ok(0)
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[test]
fn failure_of_the_transport_is_its_own_error() {
    let resources = Resources::new([0; 512], [0; 512], [0; 512], NoClock);
    let mut socket = WebSocket::server(Broken, resources, &CONFIG);
    let error = wait(socket.request()).map(|_| ()).unwrap_err();
    assert_eq!(error, Error::Transport(embedded_io_async::ErrorKind::ConnectionReset));

    let resources = Resources::new([0; 512], [0; 512], [0; 512], NoClock);
    let request = ClientRequest::new(Uri::parse("ws://example.com/").unwrap());
    let mut socket = WebSocket::client(Broken, resources, &ClientConfig::DEFAULT, &request, || [0; 4]).unwrap();
    assert_eq!(wait(socket.connect()), Err(Error::WriteZero));
}

#[test]
fn back_off_waits_as_long_as_the_server_asks() {
    let error = Error::<()>::Refused { status: 503, retry_after: Some(2) };
    let (time, mut reconnect) = (Time::default(), Reconnect::new(Backoff::MILLISECONDS));
    let wait_for = async {
        back_off(&mut reconnect, &time, 1 << 31, Some(&error)).await;
        time.0.get()
    };
    let clock = async {
        for now in [1_999, 2_500] {
            yield_now().await;
            time.0.set(now);
        }
    };
    assert_eq!(wait(join(wait_for, clock)).0, 2_500);

    // Without an error the delay is at most the first one of the back-off.
    let (time, mut reconnect) = (Time::default(), Reconnect::new(Backoff::MILLISECONDS));
    blocking::back_off(&mut reconnect, &time, u32::MAX, None::<&Error<()>>);
    assert!((1..=1_000).contains(&time.0.get()), "{}", time.0.get());
}
