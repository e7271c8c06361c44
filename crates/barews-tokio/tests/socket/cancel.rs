//! Futures are dropped at every await point: each is polled once and dropped, until the work is done.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use barews_tokio::{Acceptor, Client, Config, Error, Message, WebSocket, accept};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use crate::peer::{REQUEST, Slow, frame, pair, rest, server};

/// Polls a future once, and drops it. Without tokio's budget, which only a task that returns gets again.
pub fn once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(tokio::task::unconstrained(future)).poll(&mut Context::from_waker(Waker::noop()))
}

/// Returns the output of the first future that is ready, and how many were dropped before.
fn until_ready<T>(mut poll: impl FnMut() -> Poll<T>) -> (T, usize) {
    for dropped in 0..100_000 {
        if let Poll::Ready(output) = poll() {
            return (output, dropped);
        }
    }
    panic!("it makes no progress");
}

fn slow_server(limit: usize) -> (WebSocket<Slow<DuplexStream>>, DuplexStream) {
    let (ours, peer) = duplex(1 << 20);
    let config = Config::default();
    (WebSocket::from_raw(Slow::new(ours, limit), barews_tokio::Role::Server, &config, b""), peer)
}

#[tokio::test]
async fn next_loses_nothing() {
    for limit in [1, 3, 7, 100] {
        let (mut socket, mut peer) = slow_server(limit);
        let mut stream = frame(0x01, b"Hel");
        stream.extend(frame(0x89, b"ping"));
        stream.extend(frame(0x80, b"lo"));
        stream.extend(frame(0x82, &[7; 300]));
        stream.extend(frame(0x88, b"\x03\xE8"));
        peer.write_all(&stream).await.unwrap();
        let (mut messages, mut dropped) = (Vec::new(), 0);
        while let (Some(message), polls) = until_ready(|| once(socket.next())) {
            messages.push(message.unwrap());
            dropped += polls;
        }
        let [ping, text, binary, Message::Close(Some(close))] = &messages[..] else { panic!("{messages:?}") };
        assert_eq!(*ping, Message::Ping("ping".into()));
        assert_eq!((text.to_text(), binary.as_bytes()), (Some("Hello"), &[7; 300][..]));
        assert_eq!(u16::from(close.code), 1000);
        assert!(dropped > stream.len() / limit / 2, "{dropped}");
        drop(socket);
        assert_eq!(rest(&mut peer).await, b"\x8A\x04ping\x88\x02\x03\xE8");
    }
}

/// A message is sent once and whole, whenever its `send` is dropped; those that follow wait for it.
#[tokio::test]
async fn send_cuts_no_frame() {
    for limit in [1, 5, 50] {
        let (mut socket, mut peer) = slow_server(limit);
        assert!(once(socket.send("first")).is_pending()); // queued, then dropped
        assert!(once(socket.send(vec![7; 200])).is_pending());
        let (flushed, dropped) = until_ready(|| once(socket.flush()));
        flushed.unwrap();
        assert!(dropped > 0);
        drop(socket);
        let mut expected = b"\x81\x05first\x82\x7E\x00\xC8".to_vec();
        expected.extend([7; 200]);
        assert_eq!(rest(&mut peer).await, expected);
    }
}

/// `next` completes a message whose `send` was dropped, also a large one.
#[tokio::test]
async fn next_writes_what_a_dropped_send_has_left() {
    let (ours, mut peer) = duplex(1 << 20);
    let config = Config { fragment_size: 50_000, ..Config::default() };
    let mut socket = WebSocket::from_raw(Slow::new(ours, 999), barews_tokio::Role::Server, &config, b"");
    assert!(once(socket.send(vec![7; 120_000])).is_pending());
    for _ in 0..1000 {
        assert!(once(socket.next()).is_pending());
    }
    drop(socket);
    let sent = rest(&mut peer).await;
    assert_eq!(sent.len(), 120_000 + 3 * 4);
    assert_eq!((sent[0], sent[50_004], sent[100_008]), (0x02, 0x00, 0x80));
}

/// Masked, compressed or neither: a message is whole, although every future on both sides is dropped after one poll.
#[tokio::test]
async fn large_messages_survive_dropped_futures() {
    for config in [Config { compression: None, fragment_size: 90_000, ..Config::default() }, Config::default()] {
        let (mut a, mut b) = pair(1000, &config).await;
        for len in [10, 40_000, 300_000] {
            let data: Vec<u8> = (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x3F).collect();
            let _pending = once(a.send(data.clone()));
            let message = loop {
                let _pending = once(a.flush());
                if let Poll::Ready(message) = once(b.next()) {
                    break message.unwrap().unwrap();
                }
            };
            assert!(message.into_data() == data, "{len} to the server");
            let _pending = once(b.send(data.clone()));
            let message = loop {
                let _pending = once(b.next()); // writes as well
                if let Poll::Ready(message) = once(a.next()) {
                    break message.unwrap().unwrap();
                }
            };
            assert!(message.into_data() == data, "{len} to the client");
        }
    }
}

#[tokio::test]
async fn close_can_be_called_again() {
    let (mut socket, mut peer) = slow_server(2);
    peer.write_all(&frame(0x81, b"dropped")).await.unwrap();
    let (mut calls, mut answered) = (0, false);
    let closed = loop {
        calls += 1;
        if let Poll::Ready(closed) = once(socket.close(None)) {
            break closed;
        }
        if calls > 100 && !answered {
            answered = true;
            peer.write_all(&frame(0x88, b"")).await.unwrap();
        }
        assert!(calls < 10_000);
    };
    closed.unwrap();
    drop(socket);
    assert_eq!(rest(&mut peer).await, b"\x88\0");
}

/// Dropping `accept` or `connect` at any await point closes the transport, and nothing panics.
#[tokio::test]
async fn handshakes_can_be_dropped_at_each_await_point() {
    let mut points = [0, 0];
    for role in [0, 1] {
        for polls in 0.. {
            let (ours, mut peer) = duplex(4096);
            let ours = Slow::new(ours, 40);
            let mut handshake = Box::pin(async move {
                match role {
                    0 => accept(ours).await,
                    _ => Client::new("ws://a.example/").connect_on(ours).await.map(|(socket, _)| socket),
                }
            });
            if role == 0 {
                peer.write_all(format!("{REQUEST}\r\n").as_bytes()).await.unwrap();
            } else {
                peer.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy").await.unwrap();
            }
            let polled: Vec<_> = (0..polls).map(|_| once(handshake.as_mut())).take_while(Poll::is_pending).collect();
            let is_done = polled.len() < polls;
            drop(handshake);
            let sent = String::from_utf8(rest(&mut peer).await).unwrap(); // ends
            points[role] = polls;
            if is_done {
                let start = ["HTTP/1.1 101", "GET / HTTP/1.1"][role];
                assert!(sent.starts_with(start), "{sent}");
                break;
            }
        }
    }
    assert!(points.iter().all(|polls| *polls > 5), "{points:?}");
}

/// The usual loop of a program: `select!` drops `next` whenever something else is ready.
#[tokio::test]
async fn select_drops_next_without_harm() {
    let (mut a, mut b) = pair(50, &Config::default()).await;
    let echo = tokio::spawn(async move {
        while let Some(message) = StreamExt::next(&mut b).await {
            let message = message.unwrap();
            if message.is_data() {
                SinkExt::send(&mut b, message).await.unwrap();
            }
        }
    });
    let (queue, mut queued) = tokio::sync::mpsc::channel(1);
    let filling = tokio::spawn(async move {
        for i in 0..500 {
            queue.send(format!("message {i}")).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let mut received = 0;
    while received < 500 {
        tokio::select! {
            biased;
            Some(text) = queued.recv() => a.feed(text).await.unwrap(),
            message = a.next() => {
                assert_eq!(message.unwrap().unwrap().to_text().unwrap(), format!("message {received}"));
                received += 1;
            }
        }
    }
    filling.await.unwrap();
    a.close(None).await.unwrap();
    echo.await.unwrap();
}

#[tokio::test]
async fn answer_in_progress_can_be_dropped() {
    let (ours, mut peer) = duplex(4096);
    peer.write_all(format!("{REQUEST}\r\n").as_bytes()).await.unwrap();
    let acceptor = Acceptor::new();
    let mut accepting = Box::pin(acceptor.accept_async(ours, |_| std::future::pending()));
    assert!(once(accepting.as_mut()).is_pending());
    drop(accepting);
    assert_eq!(rest(&mut peer).await, b"");
}

#[tokio::test]
async fn nothing_is_sent_after_the_peer_has_closed() {
    let (mut socket, mut peer) = server(4096, &Config::default());
    peer.write_all(&frame(0x88, b"")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Close(None));
    assert!(matches!(socket.send("late").await, Err(Error::Closed)));
    assert!(socket.next().await.is_none());
    drop(socket);
    assert_eq!(rest(&mut peer).await, b"\x88\0");
}
