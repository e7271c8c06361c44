//! Binary messages as a stream of bytes.

use std::io::ErrorKind;
use std::time::Duration;

use barews_tokio::{ByteStream, Config};
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::time::timeout;

use crate::peer::{frame, pair, reads, rest, server};

#[tokio::test]
async fn bounds_of_messages_do_not_matter() {
    let (socket, mut peer) = server(4096, &Config::default());
    let mut stream = ByteStream::new(socket);
    // One packet in fragments with a Ping between them, an empty message, and two packets in one message.
    let frames: [(u8, &[u8]); 5] = [(0x02, b"on"), (0x89, b""), (0x80, b"e"), (0x82, b""), (0x82, b"twothree")];
    for (first, payload) in frames {
        peer.write_all(&frame(first, payload)).await.unwrap();
    }
    for expected in ["one", "two", "three"] {
        let mut packet = vec![0; expected.len()];
        stream.read_exact(&mut packet).await.unwrap();
        assert_eq!(packet, expected.as_bytes());
    }
    stream.write_all(b"an").await.unwrap();
    stream.write_all(b"swer").await.unwrap();
    stream.flush().await.unwrap();
    reads(&mut peer, b"\x8a\x00\x82\x02an\x82\x04swer").await;
}

#[tokio::test]
async fn stream_ends_with_the_close_frame_alone() {
    let (socket, mut peer) = server(4096, &Config::default());
    let mut stream = ByteStream::new(socket);
    peer.write_all(&frame(0x82, b"last")).await.unwrap();
    peer.write_all(&frame(0x88, b"\x03\xe8")).await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"last");

    let (socket, mut peer) = server(4096, &Config::default());
    peer.write_all(&frame(0x82, b"last")).await.unwrap();
    drop(peer);
    let error = ByteStream::new(socket).read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn text_is_an_error() {
    let (socket, mut peer) = server(4096, &Config::default());
    peer.write_all(&frame(0x81, b"text")).await.unwrap();
    assert_eq!(ByteStream::new(socket).read_u8().await.unwrap_err().kind(), ErrorKind::InvalidData);
}

#[tokio::test]
async fn shutdown_makes_the_closing_handshake() {
    let (socket, mut peer) = server(4096, &Config::default());
    let mut stream = ByteStream::new(socket);
    peer.write_all(&frame(0x88, b"\x03\xe8")).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(stream);
    assert_eq!(rest(&mut peer).await, b"\x88\x02\x03\xe8");
}

/// A peer that reads nothing stops the writer at the size of the queue.
#[tokio::test(start_paused = true)]
async fn writing_has_back_pressure() {
    let config = Config { write_buffer: 10_000, ..Config::default() };
    let (socket, _peer) = server(1000, &config);
    let mut stream = ByteStream::new(socket);
    let mut written = 0;
    while let Ok(len) = timeout(Duration::from_millis(1), stream.write(&[0; 500])).await {
        written += len.unwrap();
        assert!(written <= 12_000, "{written} bytes");
    }
    assert!(written >= 10_000, "{written} bytes");
}

/// A read or a write that is dropped loses and repeats nothing.
#[tokio::test(start_paused = true)]
async fn calls_can_be_dropped_and_halves_run_at_once() {
    let (a, b) = pair(64, &Config::default()).await;
    let (a, b) = (ByteStream::new(a), ByteStream::new(b));
    let sent: Vec<u8> = (0..100_000_u32).map(|i| ((i * 7) >> 4) as u8).collect();
    let ((mut a_read, mut a_write), (mut b_read, mut b_write)) = (split(a), split(b));
    let expected = sent.clone();
    let echoing = tokio::spawn(async move { tokio::io::copy(&mut b_read, &mut b_write).await });
    let writing = tokio::spawn(async move {
        let mut rest = &sent[..];
        while !rest.is_empty() {
            if let Ok(len) = timeout(Duration::from_micros(1), a_write.write(&rest[..rest.len().min(777)])).await {
                rest = &rest[len.unwrap()..];
            }
        }
        a_write.flush().await.unwrap();
    });
    let (mut back, mut part) = (Vec::new(), [0; 100]);
    while back.len() < expected.len() {
        if let Ok(len) = timeout(Duration::from_micros(1), a_read.read(&mut part)).await {
            back.extend_from_slice(&part[..len.unwrap()]);
        }
    }
    assert!(back == expected);
    writing.await.unwrap();
    echoing.abort();
}
