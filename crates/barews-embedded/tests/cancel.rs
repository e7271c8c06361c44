//! Drops the futures at every point where they wait: no byte is lost or sent twice.

mod common;

use barews_embedded::barews::connection::Outgoing;
use barews_embedded::barews::handshake::{Accept, ClientConfig, ClientRequest, Uri};
use barews_embedded::barews::message::MessageBuffer;
use barews_embedded::barews::wire::CloseCode;
use barews_embedded::{Event, Replies, WebSocket};
use common::{CONFIG, Duplex, Pipe, Time, again, close_frame, frame, join, open, poll, resources, wait};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;

/// Drops every future of a conversation after `polls` polls, in both roles.
fn converse(polls: usize) {
    let (to_server, to_client, time) = (Pipe::default(), Pipe::default(), Time::default());
    to_server.full_at.set(Some(40));
    to_client.full_at.set(Some(40));
    let (long, text) = ([7; 300], "Grüße");

    let client = async {
        let config = ClientConfig { subprotocols: &["echo"], ..ClientConfig::DEFAULT };
        let request = ClientRequest::new(Uri::parse("ws://example.com/echo").unwrap());
        let transport = Duplex(&to_client, &to_server);
        let mut resources = resources(&time, 64, 140);
        resources.flush = true;
        let mut socket = WebSocket::client(transport, resources, &config, &request, || [1, 2, 3, 4]).unwrap();
        let subprotocol =
            again(polls, async || socket.response().await.unwrap().subprotocol().map(str::to_owned)).await;
        assert_eq!(subprotocol.as_deref(), Some("echo"));
        again(polls, async || socket.connect().await).await.unwrap();
        let mut message = Outgoing::binary(&long);
        again(polls, async || socket.send(&mut message).await).await.unwrap();
        let mut message = Outgoing::text(text);
        again(polls, async || socket.send(&mut message).await).await.unwrap();
        let mut received = Vec::<Vec<u8>>::new();
        while received.len() < 2 {
            let mut messages = MessageBuffer::new([0; 300]);
            let receive = async || Some(socket.receive_message(&mut messages).await.unwrap()?.payload.to_vec());
            received.push(again(polls, receive).await.unwrap());
        }
        assert_eq!(received, [&long[..], text.as_bytes()], "{polls} polls");
        again(polls, async || socket.close(CloseCode::NORMAL, "done").await).await.unwrap();
        assert!(again(polls, async || socket.receive().await.unwrap().is_none()).await);
        again(polls, async || socket.finish().await).await.unwrap();
        assert_eq!(socket.close_code(), Some(CloseCode::NORMAL));
        to_server.end();
    };
    let server = async {
        let mut socket = WebSocket::server(Duplex(&to_server, &to_client), resources(&time, 50, 131), &CONFIG);
        again(polls, async || assert_eq!(socket.request().await.unwrap().target(), "/echo")).await;
        again(polls, async || socket.accept(&Accept::default()).await).await.unwrap();
        let mut messages = MessageBuffer::new([0; 300]);
        while let Some((kind, payload)) = again(polls, async || {
            let message = socket.receive_message(&mut messages).await.unwrap()?;
            Some((message.kind, message.payload.to_vec()))
        })
        .await
        {
            let mut message = Outgoing::unvalidated(kind, &payload);
            again(polls, async || socket.send(&mut message).await).await.unwrap();
        }
        to_client.end();
        again(polls, async || socket.finish().await).await.unwrap();
        assert_eq!(socket.close_code(), Some(CloseCode::NORMAL));
    };
    wait(join(client, server));
}

#[test]
fn dropped_futures_lose_nothing_in_a_whole_conversation() {
    for polls in 1..40 {
        converse(polls);
    }
    converse(1_000);
}

/// What a client writes: fragments with a Ping between them, a text, a Close.
fn stream() -> Vec<u8> {
    let parts = [frame(2, &[7; 100]), frame(0x89, b"there?"), frame(0x80, &[7; 50]), frame(0x81, "ümläut".as_bytes())];
    [parts.concat(), close_frame(CloseCode::NORMAL)].concat()
}

#[test]
fn dropped_receive_loses_nothing() {
    for polls in 1..10 {
        let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
        let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
        input.push(&stream());
        let mut message = Vec::new();
        loop {
            match poll(polls, socket.receive()) {
                None => {} // dropped
                Some(Ok(Some(Event::Chunk(chunk)))) => message.extend_from_slice(chunk.payload),
                Some(Ok(Some(other))) => panic!("{other:?}"),
                Some(Ok(None)) => break,
                Some(Err(error)) => panic!("{error}"),
            }
        }
        assert_eq!(message, [&[7; 150][..], "ümläut".as_bytes()].concat(), "{polls} polls");
        assert_eq!(output.take(), b"\x8a\x06there?\x88\x02\x03\xe8");
    }
}

#[test]
fn dropped_halves_lose_nothing() {
    for polls in 1..10 {
        let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
        let socket = open(Duplex(&input, &output), resources(&time, 64, 131));
        input.push(&stream());
        let replies = Replies::<CriticalSectionRawMutex>::with_mutex();
        let Ok((mut reader, mut writer)) = socket.split(&replies, |Duplex(input, output)| (input, output)) else {
            panic!("not open")
        };
        let reading = async {
            let mut message = Vec::new();
            while again(polls, async || match reader.receive().await.unwrap() {
                Some(Event::Chunk(chunk)) => {
                    message.extend_from_slice(chunk.payload);
                    true
                }
                Some(other) => panic!("{other:?}"),
                None => false,
            })
            .await
            {}
            assert_eq!(message, [&[7; 150][..], "ümläut".as_bytes()].concat(), "{polls} polls");
            assert_eq!(reader.close_code(), Some(CloseCode::NORMAL));
        };
        let writing = async {
            again(polls, async || writer.idle().await).await.unwrap();
            input.end();
        };
        wait(join(reading, writing));
        assert_eq!(output.take(), b"\x8a\x06there?\x88\x02\x03\xe8");
    }
}

#[test]
fn dropped_writer_sends_each_byte_once() {
    for polls in 1..100 {
        let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
        let socket = open(Duplex(&input, &output), resources(&time, 64, 131));
        let replies = Replies::new();
        let Ok((mut reader, mut writer)) = socket.split(&replies, |Duplex(input, output)| (input, output)) else {
            panic!("not open")
        };
        let _ = poll(polls, writer.send(&mut Outgoing::text("Hello")));
        input.push(&frame(0x89, b"hi"));
        assert!(poll(1_000, reader.receive()).is_none());
        let mut message = Outgoing::binary(b"world");
        wait(again(polls, async || writer.send(&mut message).await)).unwrap();
        wait(again(polls, async || writer.close(CloseCode::GOING_AWAY, "").await)).unwrap();
        assert_eq!(output.take(), b"\x81\x05Hello\x8a\x02hi\x82\x05world\x88\x02\x03\xe9", "{polls} polls");
    }
}

#[test]
fn dropped_send_is_completed_by_the_next_call() {
    for polls in 1..40 {
        let (input, output, time) = (Pipe::default(), Pipe::default(), Time::default());
        let mut socket = open(Duplex(&input, &output), resources(&time, 64, 131));
        let _ = poll(polls, socket.send_text("Hello"));
        input.push(&frame(0x89, b"hi"));
        let _ = poll(polls, socket.ping(b"?")); // whole or not at all
        assert!(poll(1_000, socket.receive()).is_none()); // also answers the Ping
        let (with, without) = (&b"\x81\x05Hello\x89\x01?\x8a\x02hi"[..], &b"\x81\x05Hello\x8a\x02hi"[..]);
        let sent = output.take();
        assert!(sent == with || sent == without, "{polls} polls: {sent:?}");
    }
}
