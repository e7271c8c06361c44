//! Whole messages in storage provided by the host: limits, missing chunks, copies (RFC 6455 sections 5.4, 6.2 and 10.4).

use barews::connection::{Config, Event, MessageKind};
use barews::deadlines::Timeouts;
use barews::message::{Incoming, MessageBuffer, ReceiveBuffer};
use barews::session::{self, Session};
use barews::wire::{CloseCode, Rsv};
use barews::{Connection, ProtocolError, Server};
use barews_testkit::raw;

const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

/// Returns the messages that arrive in these reads, and the error that follows them. Like the host that the documentation
/// describes, it fails the connection if `push` returns an error.
fn joined<S: AsMut<[u8]>>(storage: S, reads: &[&[u8]]) -> (Vec<(MessageKind, Vec<u8>)>, Option<ProtocolError>) {
    let mut connection = Connection::new(Server, &Config::DEFAULT);
    let mut buffer = MessageBuffer::new(storage);
    let mut messages = Vec::new();
    for read in reads {
        let mut bytes = read.to_vec();
        let mut rest = &mut bytes[..];
        loop {
            let received = match connection.receive(rest) {
                Ok(received) => received,
                Err(error) => return (messages, Some(error)),
            };
            rest = received.rest;
            match received.event {
                None => break,
                Some(Event::Data(chunk)) => match buffer.push(chunk) {
                    Ok(Some(message)) => messages.push((message.kind, message.payload.to_vec())),
                    Ok(None) => {}
                    Err(error) => connection.fail(error),
                },
                Some(_) => {}
            }
        }
    }
    (messages, None)
}

/// Returns a stream with two messages of each length: one in a single frame, then one in three fragments.
fn stream_of(lengths: &[usize]) -> Vec<u8> {
    let mut stream = Vec::new();
    for len in lengths {
        let payload: Vec<u8> = (0..*len as u8).collect();
        stream.extend(raw::frame(0x82, KEY, &payload));
        stream.extend(raw::frame(0x02, KEY, &payload[..len / 3]));
        stream.extend(raw::frame(0x89, KEY, b"ping"));
        stream.extend(raw::frame(0x00, KEY, &payload[len / 3..len / 2]));
        stream.extend(raw::frame(0x80, KEY, &payload[len / 2..]));
    }
    stream
}

/// Returns the messages that fit, and an error at the first that does not. [6455-10.4-1] [6455-5.4-3] [6455-6.2-4]
fn expected(lengths: &[usize], limit: usize) -> (Vec<(MessageKind, Vec<u8>)>, Option<ProtocolError>) {
    let fit = lengths.iter().take_while(|len| **len <= limit);
    let messages = fit.clone().flat_map(|len| [(); 2].map(|()| (MessageKind::Binary, (0..*len as u8).collect())));
    (messages.collect(), (fit.count() < lengths.len()).then_some(ProtocolError::MessageTooBig))
}

#[test]
fn storage_size_is_the_exact_limit_at_every_cut() {
    const LIMIT: usize = 12;
    for last in LIMIT - 2..=LIMIT + 2 {
        let lengths = [0, 1, LIMIT - 2, LIMIT - 1, LIMIT, last, 3];
        let stream = stream_of(&lengths);
        let expected = expected(&lengths, LIMIT);
        assert_eq!(joined([0; LIMIT], &[&stream]), expected, "{last} bytes, whole");
        for cut in 0..=stream.len() {
            assert_eq!(joined([0; LIMIT], &[&stream[..cut], &stream[cut..]]), expected, "{last} bytes, cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(joined([0; LIMIT], &bytes), expected, "{last} bytes, byte by byte");
    }
}

#[test]
fn message_buffer_accepts_any_storage() {
    let lengths = [3, 8, 9];
    let stream = stream_of(&lengths);
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    let mut vector = heapless::Vec::<u8, 8>::new();
    vector.resize_default(8).unwrap();
    for reads in [&[&stream[..]][..], &bytes] {
        assert_eq!(joined([0; 8], reads), expected(&lengths, 8));
        assert_eq!(joined(&mut [0; 8][..], reads), expected(&lengths, 8));
        assert_eq!(joined(vec![0; 8], reads), expected(&lengths, 8));
        assert_eq!(joined(&mut vector, reads), expected(&lengths, 8));
        assert_eq!(joined([0; 0], &[&stream_of(&[0])]), expected(&[0], 0));
    }
}

/// A message with missing chunks is never returned, even if the host continues after the error; the next message is complete.
#[test]
fn message_after_an_error_is_complete() {
    let frames = [(0x02, &b"abc"[..]), (0x00, b"TOO LONG"), (0x00, b"d"), (0x80, b"e"), (0x02, b"n"), (0x80, b"ext")];
    let stream: Vec<u8> = frames.iter().flat_map(|(first, payload)| raw::frame(*first, KEY, payload)).collect();
    for size in [1, 2, 3, 7, stream.len()] {
        let mut connection = Connection::new(Server, &Config::DEFAULT);
        let mut buffer = MessageBuffer::new([0; 6]);
        let (mut messages, mut errors) = (Vec::new(), 0);
        for read in stream.chunks(size) {
            let mut bytes = read.to_vec();
            let mut rest = &mut bytes[..];
            while let Ok(received) = connection.receive(rest)
                && let Some(Event::Data(chunk)) = received.event
            {
                rest = received.rest;
                let last = chunk.last;
                match buffer.push(chunk) {
                    Ok(message) => {
                        assert_eq!(message.is_some(), last);
                        messages.extend(message.map(|message| message.payload.to_vec()));
                    }
                    Err(error) => {
                        assert_eq!(error, ProtocolError::MessageTooBig);
                        errors += 1;
                    }
                }
            }
        }
        assert!(errors > 0);
        assert_eq!(messages, [b"next"], "in reads of {size}");
    }
}

/// A message in one chunk remains in the receive buffer; a message in two chunks is in the storage.
#[test]
fn message_in_one_chunk_is_not_copied() {
    let mut storage = [0xEE; 64];
    let place = storage.as_ptr().addr();
    let mut buffer = MessageBuffer::new(&mut storage[..]);
    let mut connection = Connection::new(Server, &Config::DEFAULT);
    for frame in [raw::frame(0x81, KEY, b"Hello"), raw::frame(0x82, KEY, &[7; 64]), raw::frame(0x82, KEY, b"")] {
        let mut bytes = frame.clone();
        let within = bytes.as_ptr_range();
        let Some(Event::Data(chunk)) = connection.receive(&mut bytes).unwrap().event else { panic!() };
        let message = buffer.push(chunk).unwrap().unwrap();
        let payload = message.payload.as_ptr_range();
        assert!(within.start <= payload.start && payload.end <= within.end, "the payload is in the receive buffer");
    }
    let frame = raw::frame(0x81, KEY, b"Hello");
    for read in frame.chunks(8) {
        let mut bytes = read.to_vec();
        if let Some(Event::Data(chunk)) = connection.receive(&mut bytes).unwrap().event
            && let Some(message) = buffer.push(chunk).unwrap()
        {
            assert_eq!(message.text(), Some("Hello"));
            assert_eq!(message.payload.as_ptr().addr(), place, "the payload is in the storage");
        }
    }
    assert_eq!(storage[..5], *b"Hello");
    assert_eq!(storage[5..], [0xEE; 59], "the rest of the storage is unchanged");
}

#[test]
fn text_returns_a_str_for_text_only() {
    let text = |first, payload: &[u8]| {
        let mut connection = Connection::new(Server, &Config { extension_rsv: Rsv::RSV1, ..Config::DEFAULT });
        let mut buffer = MessageBuffer::new([0; 64]);
        let mut bytes = raw::frame(first, KEY, payload);
        let Some(Event::Data(chunk)) = connection.receive(&mut bytes).unwrap().event else { panic!() };
        buffer.push(chunk).unwrap().unwrap().text().map(str::to_owned)
    };
    assert_eq!(text(0x81, "é".as_bytes()).as_deref(), Some("é"));
    assert_eq!(text(0x81, b"").as_deref(), Some(""));
    assert_eq!(text(0x82, b"ascii"), None);
    assert_eq!(text(0xC1, b"\xff"), None, "an extension's text need not be UTF-8");
}

/// A message above the limit closes with 1009, and no event follows. [6455-7.4.1-9]
#[test]
fn message_too_big_closes_with_1009() {
    let mut connection = Connection::new(Server, &Config::DEFAULT);
    let mut buffer = MessageBuffer::new([0; 4]);
    let mut bytes = [raw::frame(0x82, KEY, b"12345"), raw::frame(0x82, KEY, b"next")].concat();
    let received = connection.receive(&mut bytes).unwrap();
    let Some(Event::Data(chunk)) = received.event else { panic!() };
    let error = buffer.push(chunk).unwrap_err();
    connection.fail(error);
    assert_eq!(connection.receive(received.rest), Err(ProtocolError::MessageTooBig));
    let mut out = [0; 131];
    assert_eq!(connection.poll_transmit(&mut out), 4);
    assert_eq!(out[..4], [0x88, 2, 0x03, 0xF1]);
}

/// An empty storage is the host's mistake, so the error does not blame the message.
#[test]
fn storage_of_length_0_is_the_hosts_mistake() {
    let whole = raw::frame(0x82, KEY, b"a");
    let fragments = [raw::frame(0x02, KEY, b"a"), raw::frame(0x80, KEY, b"b")].concat();
    for stream in [&whole, &fragments] {
        let (messages, error) = joined(Vec::with_capacity(512), &[stream]);
        assert_eq!((messages.len(), error), (0, Some(ProtocolError::NoStorage)));
    }
    assert_eq!(ProtocolError::NoStorage.close_code(), CloseCode::INTERNAL_ERROR);
    // An empty message needs no storage.
    let (messages, error) = joined([0; 0], &[&raw::frame(0x81, KEY, b"")]);
    assert_eq!((messages, error), (vec![(MessageKind::Text, vec![])], None));
}

#[test]
fn debug_shows_no_payload() {
    let mut buffer = MessageBuffer::new(*b"secret");
    assert_eq!(format!("{buffer:?}"), "MessageBuffer { len: 0, .. }");
    let mut bytes = raw::frame(0x02, KEY, b"sec");
    let mut connection = Connection::new(Server, &Config::DEFAULT);
    let Some(Event::Data(chunk)) = connection.receive(&mut bytes).unwrap().event else { panic!() };
    assert!(buffer.push(chunk).unwrap().is_none());
    assert_eq!(format!("{buffer:?}"), "MessageBuffer { len: 3, .. }");
}

/// Reads `stream` in reads of at most these sizes, in turn, through a [`ReceiveBuffer`] of this size. Returns the messages, and
/// the error that follows them.
fn received(storage: usize, stream: &[u8], reads: &[usize]) -> (Vec<(MessageKind, Vec<u8>)>, Option<ProtocolError>) {
    let mut connection = Connection::new(Server, &Config::DEFAULT);
    let (mut buffer, mut messages, mut stream) = (ReceiveBuffer::new(vec![0xEE; storage]), vec![], stream);
    for size in reads.iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let place = buffer.unfilled();
        assert!(!place.is_empty(), "there is room to read");
        let (read, rest) = stream.split_at(*size.min(&place.len()).min(&stream.len()));
        place[..read.len()].copy_from_slice(read);
        buffer.advance(read.len());
        stream = rest;
        loop {
            match buffer.receive(&mut connection) {
                Ok(Some(Incoming::Message(message))) => messages.push((message.kind, message.payload.to_vec())),
                Ok(Some(Incoming::Event(event))) => assert_eq!(event, Event::Ping),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(connection.error(), Some(error));
                    return (messages, Some(error));
                }
            }
        }
    }
    (messages, None)
}

#[test]
fn receive_buffer_returns_all_messages_shorter_than_the_storage_at_every_cut() {
    const SIZE: usize = 20;
    for last in SIZE - 3..=SIZE + 1 {
        let lengths = [0, 1, SIZE - 2, SIZE - 1, last, 3];
        let stream = stream_of(&lengths);
        let expected = expected(&lengths, SIZE - 1);
        for size in 1..=stream.len() {
            assert_eq!(received(SIZE, &stream, &[size]), expected, "{last} bytes in reads of {size}");
            assert_eq!(received(SIZE, &stream, &[size, 1, 7]), expected, "{last} bytes in reads of {size}, 1 and 7");
        }
    }
}

/// Every storage from one byte on, whatever the lengths of the messages.
#[test]
fn receive_buffer_accepts_any_storage() {
    for storage in 1..60 {
        let lengths: Vec<_> = (0..storage).rev().chain(0..storage + 3).collect();
        let stream = stream_of(&lengths);
        for reads in [&[usize::MAX][..], &[1], &[13, 2], &[5, 64]] {
            assert_eq!(
                received(storage, &stream, reads),
                expected(&lengths, storage - 1),
                "{storage} bytes, {reads:?}"
            );
        }
    }
}

/// A message in one frame stays where it was read: each read goes after the one before.
#[test]
fn receive_buffer_does_not_copy_a_message_in_one_frame() {
    let mut connection = Connection::new(Server, &Config::DEFAULT);
    let mut storage = [0xEE; 64];
    let place = storage.as_ptr().addr();
    let mut buffer = ReceiveBuffer::new(&mut storage[..]);
    let frame = raw::frame(0x82, KEY, &[7; 50]);
    for (i, read) in frame.chunks(10).enumerate() {
        let next = buffer.unfilled();
        assert_eq!(next.as_ptr().addr() - place, 10 * i);
        next[..read.len()].copy_from_slice(read);
        buffer.advance(read.len());
        if let Some(Incoming::Message(message)) = buffer.receive(&mut connection).unwrap() {
            assert_eq!((i, message.payload.as_ptr().addr() - place, message.payload.len()), (5, 6, 50));
        }
    }
    assert_eq!(buffer.unfilled().as_ptr().addr(), place, "the storage is free again");
}

/// `unfilled` keeps what was read and not received, and `advance` does not go beyond the storage.
#[test]
fn receive_buffer_keeps_bytes_that_were_not_received() {
    let mut connection = Connection::new(Server, &Config::DEFAULT);
    let mut buffer = ReceiveBuffer::new([0; 24]);
    let stream =
        [raw::frame(0x81, KEY, b"one"), raw::frame(0x81, KEY, b"two"), raw::frame(0x81, KEY, b"three")].concat();
    let (first, rest) = stream.split_at(20);
    buffer.unfilled()[..20].copy_from_slice(first);
    buffer.advance(20);
    for text in ["one", "two", "three"] {
        let Some(Incoming::Message(message)) = buffer.receive(&mut connection).unwrap() else {
            panic!("{text} is missing");
        };
        assert_eq!(message.text(), Some(text));
        if text == "one" {
            let place = buffer.unfilled(); // the bytes of "two" and the beginning of "three" remain
            assert_eq!(place.len(), 24 - 11);
            place[..rest.len()].copy_from_slice(rest);
            buffer.advance(rest.len());
        }
    }
    assert_eq!(format!("{buffer:?}"), "ReceiveBuffer { message: 0, unread: 0, .. }");
    assert_eq!(buffer.receive(&mut connection), Ok(None));
    assert_eq!(buffer.unfilled().len(), 24);
    buffer.advance(usize::MAX);
    assert_eq!(buffer.unfilled().len(), 0);
}

#[test]
fn session_receives_into_a_receive_buffer() {
    let connection = Connection::new(Server, &Config::DEFAULT);
    let mut session = Session::from_connection(connection, [], Timeouts::MILLISECONDS, 0);
    let mut buffer = ReceiveBuffer::new([0; 16]);
    let mut push = |session: &mut Session<'_, Server, [u8; 0]>, frame: &[u8]| -> Vec<String> {
        let mut seen = vec![];
        for read in frame.chunks(4) {
            buffer.unfilled()[..read.len()].copy_from_slice(read);
            buffer.advance(read.len());
            while let Some(incoming) = session.receive_into(&mut buffer, 0) {
                seen.push(match incoming {
                    Incoming::Message(message) => message.text().unwrap().to_owned(),
                    Incoming::Event(event) => format!("{event:?}"),
                });
            }
        }
        seen
    };
    assert_eq!(push(&mut session, &raw::frame(0x89, KEY, b"?")), ["Ping"]);
    assert_eq!(push(&mut session, &raw::frame(0x81, KEY, b"Hello")), ["Hello"]);
    assert_eq!(push(&mut session, &raw::frame(0x81, KEY, b"fifteen bytes!!")), ["fifteen bytes!!"]);
    let seen = push(&mut session, &raw::frame(0x81, KEY, b"sixteen bytes!!!"));
    assert_eq!(seen, ["Failed(Protocol(MessageTooBig))"]);
    assert_eq!(session.error(), Some(session::Error::Protocol(ProtocolError::MessageTooBig)));
    let mut out = [0; 131];
    let mut written = vec![];
    while let len @ 1.. = session.poll_transmit(&mut out) {
        written.extend_from_slice(&out[..len]);
    }
    assert_eq!(written, b"\x88\x02\x03\xF1", "the Close takes the place of the Pong");
}
