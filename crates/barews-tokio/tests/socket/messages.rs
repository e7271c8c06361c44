//! Messages both ways: sizes, chunks, compression, broadcast, both halves.

use std::time::Duration;

use barews_tokio::bytes::Bytes;
use barews_tokio::{
    Chunk, CloseCode, CloseFrame, Compression, Config, Error, Message, MessageKind, Prepared, ProtocolError, Utf8Bytes,
};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

use crate::peer::{client, frame, pair, reads, rest, server};

const SIZES: [usize; 15] =
    [0, 1, 125, 126, 127, 4095, 8191, 8192, 16_384, 32_767, 32_768, 65_535, 65_536, 200_000, 3_000_000];

fn plain() -> Config {
    Config { compression: None, ..Config::default() }
}

/// Returns bytes that compress a little.
fn payload(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x4F | 0x20).collect()
}

#[tokio::test]
async fn messages_of_all_sizes_arrive_in_both_directions() {
    let no_takeover =
        Compression { send_no_context_takeover: true, receive_no_context_takeover: true, ..Compression::default() };
    for compression in [None, Some(Compression::default()), Some(no_takeover)] {
        for capacity in [100, 65_536, 1 << 20] {
            let config = Config { compression, fragment_size: 100_000, ..Config::default() };
            let (mut a, mut b) = pair(capacity, &config).await;
            let echo = tokio::spawn(async move {
                while let Some(message) = b.next().await {
                    let message = message.unwrap();
                    if message.is_data() {
                        b.feed(message).await.unwrap();
                    }
                }
            });
            for len in SIZES.into_iter().filter(|len| *len <= 2000 * capacity) {
                let data = payload(len);
                let messages = [Message::binary(data.clone()), Message::text(String::from_utf8(data).unwrap())];
                for message in messages {
                    a.send(message.clone()).await.unwrap();
                    let echoed = a.next().await.unwrap().unwrap();
                    assert!(echoed == message, "{len} bytes with {compression:?}");
                }
            }
            // Many at once.
            for i in 0..1000_u32 {
                a.feed(format!("{i} {}", "x".repeat(i as usize % 300))).await.unwrap();
                if i % 10 == 9 {
                    for j in i - 9..=i {
                        assert!(a.next().await.unwrap().unwrap().to_text().unwrap().starts_with(&format!("{j} ")));
                    }
                }
            }
            a.close(None).await.unwrap();
            echo.await.unwrap();
        }
    }
}

/// The peer writes a whole message before it reads, and so do we.
#[tokio::test]
async fn both_sides_can_write_16_mib_before_they_read() {
    const LEN: usize = 16 << 20;
    let (mut socket, mut peer) = server(64 << 10, &plain());
    let peer = tokio::spawn(async move {
        peer.write_all(&frame(0x82, &vec![1; LEN])).await.unwrap();
        let mut taken = vec![0; LEN];
        peer.read_exact(&mut taken).await.unwrap();
        peer
    });
    socket.send(vec![2; LEN]).await.unwrap();
    let message = socket.next().await.unwrap().unwrap();
    assert!(message.into_data() == vec![1; LEN]);
    drop(peer.await.unwrap());
}

/// The same between two sockets of the crate, with compression and without.
#[tokio::test]
async fn two_sockets_can_send_16_mib_at_once() {
    for config in [plain(), Config::default()] {
        let (mut a, mut b) = pair(64 << 10, &config).await;
        let data = payload(16 << 20);
        let (from_a, from_b) = (Bytes::from(data.clone()), Bytes::from(data));
        let (first, second) = tokio::join!(
            async {
                a.send(from_a.clone()).await.unwrap();
                a.next().await.unwrap().unwrap()
            },
            async {
                b.send(from_b.clone()).await.unwrap();
                b.next().await.unwrap().unwrap()
            }
        );
        assert!(first.into_data() == from_b && second.into_data() == from_a);
    }
}

#[tokio::test]
async fn read_ahead_has_a_limit() {
    let config = Config { read_ahead: 1 << 20, ..plain() };
    let (mut socket, mut peer) = server(64 << 10, &config);
    let sending = tokio::spawn(async move { socket.send(vec![0; 1 << 20]).await });
    let mut taken = 0;
    let stream = frame(0x82, &vec![0; 8 << 20]);
    while let Ok(len) = timeout(Duration::from_millis(200), peer.write(&stream[taken..])).await {
        taken += len.unwrap();
    }
    assert!((1 << 20..2 << 20).contains(&taken), "{taken}");
    sending.abort();
}

#[tokio::test]
async fn fed_messages_are_written_together_when_next_has_nothing_to_read() {
    let (mut socket, mut peer) = server(4096, &plain());
    for _ in 0..3 {
        socket.feed("hello").await.unwrap();
    }
    assert!(timeout(Duration::from_millis(10), peer.read_u8()).await.is_err()); // nothing is written yet
    assert!(timeout(Duration::from_millis(10), socket.next()).await.is_err());
    reads(&mut peer, b"\x81\x05hello\x81\x05hello\x81\x05hello").await;
}

#[tokio::test]
async fn ping_is_answered_before_next_waits() {
    let (mut socket, mut peer) = server(4096, &plain());
    peer.write_all(&frame(0x89, b"one")).await.unwrap();
    peer.write_all(&frame(0x89, b"two")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Ping("one".into()));
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Ping("two".into()));
    peer.write_all(&frame(0x8A, b"alone")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("alone".into()));
    assert!(timeout(Duration::from_millis(10), socket.next()).await.is_err());
    reads(&mut peer, b"\x8A\x03one\x8A\x03two").await;
}

#[tokio::test]
async fn control_messages_can_be_sent() {
    let (mut socket, mut peer) = server(4096, &plain());
    socket.send(Message::Ping("a".into())).await.unwrap();
    socket.send(Message::Pong("b".into())).await.unwrap();
    let long = Message::Ping(Bytes::from_static(&[0; 126]));
    assert!(matches!(socket.send(long).await, Err(Error::Send(_))));
    assert!(matches!(socket.close(CloseFrame::new(1005, "")).await, Err(Error::Send(_))));
    let long = CloseFrame::new(1000, "x".repeat(124));
    assert!(matches!(socket.send(Message::Close(Some(long))).await, Err(Error::Send(_))));
    socket.send(Message::Close(Some(CloseFrame::new(4000, "bye")))).await.unwrap();
    assert!(matches!(socket.send("late").await, Err(Error::Closed)));
    reads(&mut peer, b"\x89\x01a\x8A\x01b\x88\x05\x0F\xA0bye").await;
}

#[tokio::test]
async fn chunks_are_handed_out_as_they_arrive() {
    let (mut socket, mut peer) = server(4096, &plain());
    let chunk = |data: &'static str, last| Chunk { kind: MessageKind::Text, data: data.into(), last };
    let stream = frame(0x81, b"Hello");
    peer.write_all(&stream[..8]).await.unwrap();
    assert_eq!(socket.next_chunk().await.unwrap().unwrap(), chunk("He", false));
    peer.write_all(&stream[8..]).await.unwrap();
    peer.write_all(&frame(0x89, b"ping")).await.unwrap();
    peer.write_all(&frame(0x81, b"next")).await.unwrap();
    assert_eq!(socket.next_chunk().await.unwrap().unwrap(), chunk("llo", true));
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Ping("ping".into()));
    assert_eq!(socket.next_chunk().await.unwrap().unwrap(), chunk("next", true));
    socket.flush().await.unwrap();
    reads(&mut peer, b"\x8A\x04ping").await;
}

#[tokio::test]
async fn next_skips_a_message_that_was_read_in_part() {
    let (mut socket, mut peer) = server(4096, &plain());
    peer.write_all(&frame(0x01, b"one")).await.unwrap();
    assert_eq!(socket.next_chunk().await.unwrap().unwrap().data, "one");
    peer.write_all(&frame(0x80, b"two")).await.unwrap();
    peer.write_all(&frame(0x81, b"three")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("three"));
    peer.write_all(&frame(0x01, b"four ")).await.unwrap();
    assert!(timeout(Duration::from_millis(10), socket.next()).await.is_err());
    peer.write_all(&frame(0x80, b"five")).await.unwrap();
    assert_eq!(socket.next_chunk().await.unwrap().unwrap().data, "four five"); // what `next` had joined
}

/// Chunks of text are handed out before the message is known to be UTF-8.
#[tokio::test]
async fn chunk_of_text_can_precede_the_error() {
    let (mut socket, mut peer) = server(4096, &Config::default());
    peer.write_all(&frame(0x01, b"valid \xc3")).await.unwrap();
    assert_eq!(socket.next_chunk().await.unwrap().unwrap().data, b"valid \xc3"[..]);
    peer.write_all(&frame(0x80, b"(")).await.unwrap();
    let error = socket.next_chunk().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::InvalidUtf8)), "{error:?}");
}

#[tokio::test]
async fn chunks_can_be_relayed_with_and_without_compression() {
    for config in [plain(), Config::default()] {
        let (mut a, mut b) = pair(10_000, &Config { max_message_size: u64::MAX, ..config.clone() }).await;
        let (mut c, mut d) = pair(10_000, &config).await;
        let relay = tokio::spawn(async move {
            while let Some(chunk) = b.next_chunk().await {
                c.send_chunk(chunk.unwrap()).await.unwrap();
            }
            c.close(None).await.unwrap();
        });
        for len in [0, 5, 1000, 1_000_000] {
            let (sent, received) = tokio::join!(a.send(payload(len)), d.next());
            sent.unwrap();
            assert!(received.unwrap().unwrap().into_data() == payload(len), "{len}");
        }
        let (closed, end) = tokio::join!(a.close(None), d.next());
        closed.unwrap();
        assert!(end.unwrap().unwrap().is_close());
        let (end, ()) = tokio::join!(d.next(), async { relay.await.unwrap() });
        assert!(end.is_none());
    }
}

/// A program that breaks the contract of `Sink` gets an error, and the peer no broken frame.
#[tokio::test]
async fn sink_that_is_not_ready_refuses_a_message() {
    use futures_util::Sink;
    use std::pin::Pin;

    let (mut socket, mut peer) = server(1 << 20, &plain());
    Pin::new(&mut socket).start_send(Message::binary(vec![7; 100_000])).unwrap();
    for message in [Message::text("a"), Message::Ping("b".into()), Message::binary(vec![0; 100_000])] {
        let refused = Pin::new(&mut socket).start_send(message);
        assert!(matches!(refused, Err(Error::Send(_))), "{refused:?}");
    }
    socket.send("after").await.unwrap();
    drop(socket);
    let sent = rest(&mut peer).await;
    assert_eq!(sent.len(), 10 + 100_000 + 7);
    assert!(sent.ends_with(b"\x81\x05after"));
}

#[tokio::test]
async fn other_messages_wait_for_the_last_chunk() {
    let (mut socket, mut peer) = server(4096, &plain());
    let chunk = |kind, data: &'static str, last| Chunk { kind, data: data.into(), last };
    socket.send_chunk(chunk(MessageKind::Text, "a", false)).await.unwrap();
    assert!(matches!(socket.send("b").await, Err(Error::MessageInProgress)));
    assert!(matches!(socket.send_prepared(&Prepared::text("b")).await, Err(Error::MessageInProgress)));
    let other = socket.send_chunk(chunk(MessageKind::Binary, "b", true)).await;
    assert!(matches!(other, Err(Error::MessageInProgress)), "{other:?}");
    socket.send(Message::Ping("p".into())).await.unwrap();
    socket.send_chunk(chunk(MessageKind::Text, "c", true)).await.unwrap();
    socket.send("d").await.unwrap();
    reads(&mut peer, b"\x01\x01a\x89\x01p\x80\x01c\x81\x01d").await;
}

/// A large message that the peer compresses arrives in chunks of bounded size.
#[tokio::test]
async fn compressed_messages_arrive_in_small_chunks() {
    let (mut a, mut b) = pair(1 << 20, &Config::default()).await;
    let sending = tokio::spawn(async move { a.send(vec![0; 5_000_000]).await.map(|()| a) });
    let mut total = 0;
    loop {
        let chunk = b.next_chunk().await.unwrap().unwrap();
        assert!(chunk.data.len() <= 64 << 10);
        total += chunk.data.len();
        if chunk.last {
            break;
        }
    }
    assert_eq!(total, 5_000_000);
    sending.await.unwrap().unwrap();
}

#[tokio::test]
async fn compression_makes_messages_smaller() {
    for (config, most) in [(Config::default(), 600), (plain(), 20_000)] {
        let (mut a, b) = pair(1 << 20, &config).await;
        let (mut b, sent) = count(b);
        a.send("squeeze me ".repeat(1000)).await.unwrap();
        assert_eq!(b.next().await.unwrap().unwrap().len(), 11_000);
        assert!(*sent.lock().unwrap() < most, "{sent:?}");
    }
}

/// Counts what a socket reads.
fn count(
    socket: barews_tokio::WebSocket<DuplexStream>,
) -> (barews_tokio::Reader<Counting, DuplexStream>, std::sync::Arc<std::sync::Mutex<usize>>) {
    let sum = std::sync::Arc::default();
    let (_writer, reader) = socket.split_with(|io| {
        let (_unused, output) = tokio::io::duplex(1);
        (Counting(io, std::sync::Arc::clone(&sum)), output)
    });
    (reader, sum)
}

struct Counting(DuplexStream, std::sync::Arc<std::sync::Mutex<usize>>);

impl tokio::io::AsyncRead for Counting {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = std::pin::Pin::new(&mut self.0).poll_read(cx, buf);
        *self.1.lock().unwrap() += buf.filled().len() - before;
        polled
    }
}

#[tokio::test]
async fn prepared_message_reaches_servers_and_clients() {
    for len in [5, 1000, 40_000, 2_000_000] {
        let message = Prepared::text("x".repeat(len));
        for (mut a, mut b) in [pair(10_000, &Config::default()).await, pair(10_000, &plain()).await] {
            let (sent, received) = tokio::join!(a.send_prepared(&message), b.next());
            sent.unwrap();
            assert!(received.unwrap().unwrap().into_data() == message.payload());
            let (sent, received) = tokio::join!(b.send_prepared(&message), a.next());
            sent.unwrap();
            assert!(received.unwrap().unwrap().into_data() == message.payload());
        }
    }
    let (mut socket, mut peer) = server(4096, &plain());
    socket.feed_prepared(&Prepared::text("a")).await.unwrap();
    socket.feed_prepared(&Prepared::binary("b")).await.unwrap();
    socket.flush().await.unwrap();
    reads(&mut peer, b"\x81\x01a\x82\x01b").await;
}

/// A server sends a large prepared message to many from one allocation.
#[tokio::test]
async fn prepared_message_is_not_copied_for_a_server() {
    let message = Prepared::binary(vec![0; 100_000]);
    let (mut socket, _peer) = server(1000, &plain());
    assert!(timeout(Duration::from_millis(10), socket.send_prepared(&message)).await.is_err());
    let shared = message.payload();
    drop(message);
    assert!(!shared.is_unique()); // the socket holds it
    drop(socket);
    assert!(shared.is_unique());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_work_in_two_tasks() {
    for config in [plain(), Config::default()] {
        let (a, b) = pair(10_000, &config).await;
        let (mut writer, mut reader) = a.split();
        let (mut other_writer, mut other_reader) = b.split();
        let echo = tokio::spawn(async move {
            let (queue, mut queued) = tokio::sync::mpsc::channel(4);
            let writing = tokio::spawn(async move {
                while let Some(message) = queued.recv().await {
                    let message: Message = message;
                    other_writer.send(message).await.unwrap();
                }
            });
            while let Some(message) = other_reader.next().await {
                let message = message.unwrap();
                if message.is_data() {
                    queue.send(message).await.unwrap();
                }
            }
            drop(queue);
            writing.await.unwrap();
        });
        let writing = tokio::spawn(async move {
            for i in 0..300 {
                writer.send(payload(i * 10)).await.unwrap();
                if i % 50 == 0 {
                    writer.send(Message::Ping("?".into())).await.unwrap();
                }
            }
            writer
        });
        let (mut received, mut pongs) = (0, 0);
        while received < 300 {
            match reader.next().await.unwrap().unwrap() {
                Message::Binary(data) => {
                    assert!(data == payload(received * 10));
                    received += 1;
                }
                Message::Pong(_) => pongs += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(pongs > 0);
        writing.await.unwrap().close(CloseFrame::from(CloseCode::NORMAL)).await.unwrap();
        let mut last = None;
        while let Some(message) = reader.next().await {
            last = Some(message.unwrap());
        }
        assert!(last.unwrap().is_close());
        echo.await.unwrap();
    }
}

/// The writer's task does nothing: the reader answers.
#[tokio::test]
async fn split_reader_answers_pings_and_closes_by_itself() {
    let (socket, mut peer) = server(4096, &plain());
    let (_writer, mut reader) = socket.split();
    peer.write_all(&frame(0x89, b"ping")).await.unwrap();
    peer.write_all(&frame(0x88, b"\x03\xE8")).await.unwrap();
    assert!(reader.next().await.unwrap().unwrap().is_ping());
    assert!(reader.next().await.unwrap().unwrap().is_close());
    assert!(reader.next().await.is_none());
    assert_eq!(reader.close_frame(), Some(CloseCode::NORMAL.into()));
    assert_eq!(rest(&mut peer).await, b"\x8A\x04ping\x88\x02\x03\xE8");
}

/// The halves of `StreamExt::split` share the whole socket. Each wakes the other's task.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_of_futures_work_in_two_tasks() {
    let (a, b) = pair(1000, &plain()).await;
    let (sink, stream) = StreamExt::split(b);
    let echo = tokio::spawn(stream.filter(|it| std::future::ready(it.as_ref().unwrap().is_data())).forward(sink));
    let (mut sink, mut stream) = StreamExt::split(a);
    let writing = tokio::spawn(async move {
        for i in 0..500 {
            sink.send(Message::binary(payload(i * 7))).await.unwrap();
        }
        sink
    });
    for i in 0..500 {
        let message = timeout(Duration::from_secs(20), stream.next()).await.unwrap().unwrap().unwrap();
        assert!(message.into_data() == payload(i * 7), "{i}");
    }
    let mut sink = writing.await.unwrap();
    let (closed, _rest) = tokio::join!(sink.close(), async { while stream.next().await.is_some() {} });
    closed.unwrap();
    let _closed = echo.await.unwrap();
}

#[tokio::test]
async fn client_masks_every_frame_with_another_key() {
    let (mut socket, mut peer) = client(1 << 20, &Config { fragment_size: 40_000, ..plain() });
    let mut keys = std::collections::HashSet::new();
    for _ in 0..600 {
        socket.send("abcd").await.unwrap();
        let mut bytes = [0; 10];
        peer.read_exact(&mut bytes).await.unwrap();
        assert_eq!(bytes[..2], [0x81, 0x84]);
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| bytes[2 + i] ^ bytes[6 + i]);
        assert_eq!([a, b, c, d], *b"abcd");
        keys.insert([bytes[2], bytes[3], bytes[4], bytes[5]]);
    }
    assert!(keys.len() > 595, "{}", keys.len());
}

/// A small message does not keep a large buffer.
#[tokio::test]
async fn small_messages_have_their_own_memory() {
    let (mut socket, mut peer) = server(1 << 20, &plain());
    let mut stream = Vec::new();
    for _ in 0..10 {
        stream.extend(frame(0x82, &[1; 3000]));
    }
    peer.write_all(&stream).await.unwrap();
    let mut messages = Vec::new();
    for _ in 0..10 {
        messages.push(socket.next().await.unwrap().unwrap().into_data());
    }
    for message in messages {
        assert!(message.is_unique());
        let memory: Vec<u8> = message.into();
        assert!(memory.capacity() <= 8192, "{}", memory.capacity());
    }
}

#[test]
fn text_compares_converts_and_shares() {
    let (text, owned) = (Utf8Bytes::from("grün"), String::from("grün"));
    assert!(text == "grün" && text == *"grün" && text == owned && text.len() == 5);
    assert_eq!(format!("{text:>6} {text:?}"), "  grün \"grün\"");
    assert_eq!(Utf8Bytes::try_from(text.clone().into_bytes()).unwrap(), text);
    assert!(Utf8Bytes::try_from(Bytes::from_static(b"\xFF")).is_err());
    assert_eq!((String::from(text.clone()), text.to_uppercase()), ("grün".into(), "GRÜN".into()));
    assert_eq!(Message::from("a"), Message::from("a".to_owned()));
    assert_eq!(Message::from(vec![1]), Message::from(&[1_u8][..]));
    assert_eq!(CloseFrame::new(4000, "bye").to_string(), "4000 bye");
}

/// A Close that must not be sent is an error, and the connection goes on.
#[tokio::test]
async fn close_with_a_code_of_the_client_is_refused_by_a_server() {
    let (mut client, mut server) = pair(4096, &plain()).await;
    let close = || CloseFrame::new(CloseCode::MANDATORY_EXTENSION, "x");
    assert!(matches!(server.close(close()).await, Err(Error::Send(_))));
    assert!(matches!(server.send(Message::Close(Some(close()))).await, Err(Error::Send(_))));
    server.send("still open").await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap().to_text(), Some("still open"));
    let server = tokio::spawn(async move { while server.next().await.is_some() {} });
    client.close(close()).await.unwrap();
    server.await.unwrap();
}

/// The kind of a message in progress cannot change, however its chunks are sent.
#[tokio::test]
async fn chunk_of_another_kind_is_refused_and_changes_nothing() {
    for config in [plain(), Config::default()] {
        for len in [10, 20_000] {
            let (mut a, mut b) = pair(1 << 20, &config).await;
            let chunk = |kind, last, len| Chunk { kind, data: Bytes::from(vec![b'a'; len]), last };
            a.send_chunk(chunk(MessageKind::Binary, false, 500)).await.unwrap();
            let refused = a.send_chunk(chunk(MessageKind::Text, true, len)).await;
            assert!(matches!(refused, Err(Error::MessageInProgress)), "{refused:?}");
            a.send_chunk(chunk(MessageKind::Binary, true, 5)).await.unwrap();
            assert_eq!(b.next().await.unwrap().unwrap(), Message::binary(vec![b'a'; 505]));
        }
    }
}

#[tokio::test]
async fn largest_settings_do_not_overflow() {
    let mut config = Config { fragment_size: usize::MAX, ..plain() };
    let longest = Some(Duration::MAX);
    (config.timeouts.send, config.timeouts.closing, config.timeouts.handshake) = (longest, longest, longest);
    (config.timeouts.ping, config.timeouts.pong, config.timeouts.idle) = (longest, longest, longest);
    config.timeouts.connect = longest;
    let (mut a, mut b) = pair(100, &config).await;
    let data = Message::binary(payload(100_000));
    let sent = data.clone();
    let sender = tokio::spawn(async move {
        a.send(sent).await.unwrap();
        a.close(None).await.unwrap();
    });
    assert!(b.next().await.unwrap().unwrap() == data);
    while b.next().await.is_some() {}
    sender.await.unwrap();
}

#[test]
fn debug_shows_no_credentials() {
    let client = barews_tokio::Client::new("ws://a.example/").basic("user", "secret").unwrap();
    let client = client.proxy("http://user:secret@proxy.example:1").header("X-Token", "secret");
    let (text, base64) = (format!("{client:?}"), "dXNlcjpzZWNyZXQ=");
    assert!(text.contains("X-Token") && !text.contains("secret") && !text.contains(base64), "{text}");
    let text = format!("{:?}", client.reconnecting());
    assert!(!text.contains("secret") && !text.contains(base64), "{text}");
}

/// A transport that wakes only the task whose write it refused last, and forgets that task at the next write.
struct Forgetful {
    io: DuplexStream,
    gate: std::sync::Arc<std::sync::Mutex<(bool, Option<std::task::Waker>)>>,
}

impl tokio::io::AsyncRead for Forgetful {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl tokio::io::AsyncWrite for Forgetful {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        {
            let mut gate = self.gate.lock().unwrap();
            if gate.0 {
                gate.1 = Some(cx.waker().clone());
                return std::task::Poll::Pending;
            }
            gate.1 = None;
        }
        std::pin::Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The reader's task can write what the writer waits for. Then it wakes the writer.
#[tokio::test]
async fn writer_is_woken_when_the_reader_writes_its_message() {
    let gate = std::sync::Arc::default();
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let ours = Forgetful { io: ours, gate: std::sync::Arc::clone(&gate) };
    let client = barews_tokio::Client::new("ws://a.example/").config(plain());
    let acceptor = barews_tokio::Acceptor::new().config(plain());
    let ((client, _), mut server) =
        tokio::try_join!(client.connect_on(ours), acceptor.accept(theirs)).expect("a handshake");
    let (mut writer, mut reader) = client.split();
    gate.lock().unwrap().0 = true;
    let sender = tokio::spawn(async move { writer.send("hello").await });
    let receiver = tokio::spawn(async move { reader.next().await });
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    gate.lock().unwrap().0 = false; // it accepts bytes again, and wakes nobody
    server.send("to the reader").await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap().to_text(), Some("hello"));
    let sent = timeout(Duration::from_secs(5), sender).await.expect("the writer is woken");
    sent.unwrap().unwrap();
    drop(receiver);
}
