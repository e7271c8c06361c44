//! The timeouts, on tokio's paused clock: it jumps to the next deadline as soon as every task waits, so the seconds are
//! exact and take no time.

use std::future::poll_fn;
use std::time::Duration;

use barews_tokio::{Acceptor, Client, Config, Error, Message, Timeout, Timeouts, accept};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

use crate::peer::{REQUEST, client, frame, is_after, reads, rest, server};

const HOUR: Duration = Duration::from_secs(3600);

fn with(timeouts: Timeouts) -> Config {
    Config { timeouts, ..Config::default() }
}

#[tokio::test(start_paused = true)]
async fn silent_peer_is_pinged_and_its_pong_keeps_it() {
    let (mut socket, mut peer) = server(4096, &Config::default());
    let task = tokio::spawn(async move { (socket.next().await.unwrap().unwrap(), socket.round_trip()) });
    let start = Instant::now();
    reads(&mut peer, b"\x89\x04\0\0\0\x01").await;
    is_after(start, 20);
    sleep(Duration::from_secs(2)).await;
    peer.write_all(&frame(0x8A, b"\0\0\0\x01")).await.unwrap(); // not handed out
    reads(&mut peer, b"\x89\x04\0\0\0\x02").await;
    is_after(start, 42);
    for byte in frame(0x81, b"hello") {
        sleep(Duration::from_secs(19)).await; // any byte counts
        peer.write_all(&[byte]).await.unwrap();
    }
    let (message, round_trip) = task.await.unwrap();
    assert_eq!(message, Message::text("hello"));
    assert!(round_trip.unwrap().abs_diff(Duration::from_secs(2)) < Duration::from_millis(5), "{round_trip:?}");
    is_after(start, 42 + 11 * 19);
}

#[tokio::test(start_paused = true)]
async fn silent_peer_is_dropped_after_the_pong_timeout() {
    let (mut socket, mut peer) = server(4096, &Config::default());
    let start = Instant::now();
    let error = socket.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Pong)), "{error:?}");
    is_after(start, 40);
    assert!(socket.next().await.is_none());
    assert!(matches!(socket.send("late").await, Err(Error::Closed)));
    drop(socket);
    assert_eq!(rest(&mut peer).await, b"\x89\x04\0\0\0\x01");
}

#[tokio::test(start_paused = true)]
async fn split_reader_keeps_the_connection_alive_and_drops_a_silent_peer() {
    let (socket, mut peer) = client(4096, &Config::default());
    let (_writer, mut reader) = socket.split();
    let start = Instant::now();
    let task = tokio::spawn(async move { reader.next().await });
    let mut ping = [0; 10];
    peer.read_exact(&mut ping).await.unwrap();
    assert_eq!(ping[..2], [0x89, 0x84]);
    is_after(start, 20);
    let error = task.await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Pong)), "{error:?}");
    is_after(start, 40);
}

/// Bytes that it sends do not count: it must accept some.
#[tokio::test(start_paused = true)]
async fn peer_that_accepts_nothing_cannot_block_send() {
    for split in [false, true] {
        let (mut socket, mut peer) = server(4096, &Config::default());
        let start = Instant::now();
        let talking = tokio::spawn(async move {
            while peer.write_all(&frame(0x81, b"alive")).await.is_ok() {
                sleep(Duration::from_secs(7)).await;
            }
            peer
        });
        let big = vec![0; 1 << 20];
        let error = if split {
            let (mut writer, mut reader) = socket.split();
            let reading = tokio::spawn(async move { while let Some(Ok(_)) = reader.next().await {} });
            let error = writer.send(big).await.unwrap_err();
            reading.await.unwrap();
            error
        } else {
            let error = socket.send(big).await.unwrap_err();
            assert!(matches!(socket.send("late").await, Err(Error::Closed)));
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("alive")); // what was read ahead
            error
        };
        assert!(matches!(error, Error::Timeout(Timeout::Send)), "{error:?}");
        is_after(start, 40);
        talking.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn peer_that_accepts_nothing_cannot_block_close() {
    let (mut socket, mut peer) = server(64, &Config::default());
    let start = Instant::now();
    let talking = tokio::spawn(async move {
        while peer.write_all(&frame(0x81, b"alive")).await.is_ok() {
            sleep(Duration::from_secs(7)).await;
        }
        peer
    });
    socket.feed(vec![0; 1000]).await.unwrap();
    let error = socket.close(None).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Send)), "{error:?}");
    is_after(start, 40);
    talking.abort();
}

#[tokio::test(start_paused = true)]
async fn slow_peer_is_not_dropped() {
    let (mut socket, mut peer) = server(4096, &Config::default());
    let sent = tokio::spawn(async move { socket.send(vec![7; 100_000]).await });
    let mut taken = vec![0; 1000];
    for _ in 0..50 {
        sleep(Duration::from_secs(39)).await;
        peer.read_exact(&mut taken).await.unwrap();
    }
    assert!(!sent.is_finished());
    let mut rest = vec![0; 4096];
    while !sent.is_finished() {
        assert_ne!(peer.read(&mut rest).await.unwrap(), 0);
    }
    sent.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn close_without_an_answer_times_out() {
    let (mut socket, mut peer) = server(4096, &Config::default());
    let start = Instant::now();
    let error = socket.close(None).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Closing)), "{error:?}");
    is_after(start, 5);
    reads(&mut peer, b"\x88\0").await;
}

/// RFC 6455 7.1.4: the close is clean once both Close frames are through. A client waits for the end of the transport.
#[tokio::test(start_paused = true)]
async fn close_is_ok_although_the_peer_leaves_the_transport_open() {
    let (mut socket, mut peer) = client(4096, &Config::default());
    let start = Instant::now();
    let closing = tokio::spawn(async move { (socket.close(None).await, socket.close(None).await) });
    let mut close = [0; 6];
    peer.read_exact(&mut close).await.unwrap();
    peer.write_all(b"\x88\x00").await.unwrap();
    let (first, second) = closing.await.unwrap();
    first.unwrap();
    second.unwrap();
    is_after(start, 5);

    let (mut socket, mut peer) = server(4096, &Config::default());
    let start = Instant::now();
    peer.write_all(&frame(0x88, b"\x03\xE8bye")).await.unwrap();
    socket.close(None).await.unwrap();
    is_after(start, 0);
    assert_eq!(socket.close_frame().unwrap().reason, "bye");
}

#[tokio::test(start_paused = true)]
async fn protocol_error_is_returned_after_the_peer_had_time_to_read_the_close() {
    let (mut socket, mut peer) = server(4096, &Config::default());
    let start = Instant::now();
    peer.write_all(b"\x81\x00").await.unwrap(); // not masked
    let task = tokio::spawn(async move { (socket.next().await, socket.next().await, socket) });
    reads(&mut peer, b"\x88\x02\x03\xEA").await;
    assert_eq!(rest(&mut peer).await, b""); // the transport is shut down
    let (error, end, _socket) = task.await.unwrap();
    let error = error.unwrap().unwrap_err();
    assert_eq!(error.close_code().map(u16::from), Some(1002));
    assert!(end.is_none());
    is_after(start, 5);
}

#[tokio::test(start_paused = true)]
async fn idle_connection_is_closed_with_1001() {
    let idle = Some(Duration::from_secs(300));
    let (mut socket, mut peer) = server(4096, &with(Timeouts { idle, ..Timeouts::NEVER }));
    let start = Instant::now();
    sleep(Duration::from_secs(100)).await;
    socket.send("hello").await.unwrap();
    reads(&mut peer, b"\x81\x05hello").await;
    let task = tokio::spawn(async move { socket.next().await });
    reads(&mut peer, b"\x88\x02\x03\xE9").await;
    is_after(start, 400);
    peer.write_all(&frame(0x88, b"\x03\xE9")).await.unwrap();
    assert!(matches!(task.await.unwrap(), Some(Ok(Message::Close(Some(_))))));
}

#[tokio::test(start_paused = true)]
async fn without_timeouts_nothing_is_sent() {
    let (mut socket, mut peer) = server(4096, &with(Timeouts::NEVER));
    assert!(timeout(HOUR, socket.next()).await.is_err());
    drop(socket);
    assert_eq!(rest(&mut peer).await, b"");
}

#[tokio::test(start_paused = true)]
async fn handshake_has_a_timeout_in_both_roles() {
    let (ours, mut peer) = duplex(4096);
    let start = Instant::now();
    let trickle = async {
        for byte in REQUEST.bytes() {
            sleep(Duration::from_secs(1)).await;
            if peer.write_all(&[byte]).await.is_err() {
                break;
            }
        }
    };
    let (accepted, ()) = tokio::join!(accept(ours), trickle);
    assert!(matches!(accepted, Err(Error::Timeout(Timeout::Handshake))), "{accepted:?}");
    is_after(start, 11); // when the next byte fails

    let (ours, _peer) = duplex(4096);
    let start = Instant::now();
    let connected = Client::new("ws://a.example/").connect_on(ours).await;
    assert!(matches!(connected, Err(Error::Timeout(Timeout::Handshake))), "{connected:?}");
    is_after(start, 10);
}

#[tokio::test(start_paused = true)]
async fn answer_of_the_callback_counts_for_the_handshake() {
    let (ours, mut peer) = duplex(4096);
    peer.write_all(format!("{REQUEST}\r\n").as_bytes()).await.unwrap();
    let start = Instant::now();
    let accepted = Acceptor::new()
        .accept_async(ours, |_| async {
            sleep(HOUR).await;
            Ok(barews_tokio::Accept::new())
        })
        .await;
    assert!(matches!(accepted, Err(Error::Timeout(Timeout::Handshake))), "{accepted:?}");
    is_after(start, 10);
}

#[tokio::test]
async fn connecting_has_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap(); // accepts, and never answers
    let connect = Some(Duration::from_millis(50));
    let config = with(Timeouts { connect, ..Timeouts::default() });
    let connected = Client::new(format!("ws://{}/", listener.local_addr().unwrap())).config(config).connect().await;
    assert!(matches!(connected, Err(Error::Timeout(Timeout::Connect))), "{connected:?}");
}

/// Its messages are dropped, but do not put off the end.
#[tokio::test(start_paused = true)]
async fn peer_that_sends_without_end_cannot_hold_up_close() {
    let (mut socket, mut peer) = server(4096, &Config::default());
    let start = Instant::now();
    let flood = tokio::spawn(async move {
        while peer.write_all(&frame(0x82, &[0; 1000])).await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    let error = socket.close(None).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Closing)), "{error:?}");
    assert!(start.elapsed() < Duration::from_millis(5_100));
    drop(socket);
    flood.await.unwrap();
}

/// The keepalive of the reader does not stop the timeout of a writer that waits.
#[tokio::test(start_paused = true)]
async fn ping_of_the_reader_leaves_the_writer_its_timeout() {
    let send = Some(Duration::from_secs(30));
    let (socket, _peer) = server(4096, &with(Timeouts { send, pong: Some(HOUR), ..Timeouts::default() }));
    let (mut writer, mut reader) = socket.split();
    let start = Instant::now();
    let reading = tokio::spawn(async move { while let Some(Ok(_)) = reader.next().await {} });
    let error = writer.send(vec![0; 10_000]).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Send)), "{error:?}");
    is_after(start, 30);
    reading.await.unwrap();
}

/// The peer has ended its side before the transport accepts the Close that reports its error.
#[tokio::test(start_paused = true)]
async fn error_is_kept_until_its_close_is_written() {
    let (mut socket, mut peer) = server(256, &Config { compression: None, ..Config::default() });
    timeout(Duration::from_secs(1), socket.send(vec![7; 1000])).await.unwrap_err();
    peer.write_all(b"\x83\x80\0\0\0\0").await.unwrap();
    peer.shutdown().await.unwrap();
    let server = tokio::spawn(async move { socket.next().await.unwrap().unwrap_err() });
    sleep(Duration::from_secs(4)).await;
    assert!(!server.is_finished());
    assert_eq!(rest(&mut peer).await, [b"\x82\x7e\x03\xe8", &[7; 1000][..], b"\x88\x02\x03\xea"].concat());
    assert_eq!(server.await.unwrap().close_code().map(u16::from), Some(1002));
}

/// A peer that ends its side and reads nothing is dropped in time; one that has gone is dropped at once. The task never
/// spins.
#[tokio::test(start_paused = true)]
async fn peer_that_ends_and_reads_nothing_is_dropped() {
    for (frame, gone) in [("close", false), ("close", true), ("error", false), ("error", true)] {
        let (mut socket, mut peer) = server(256, &Config { compression: None, ..Config::default() });
        timeout(Duration::from_secs(1), socket.send(vec![7; 1000])).await.unwrap_err();
        let is_close = frame == "close";
        peer.write_all(if is_close { b"\x88\x80\0\0\0\0" } else { b"\x83\x80\0\0\0\0" }).await.unwrap();
        peer.shutdown().await.unwrap();
        if is_close {
            assert!(matches!(socket.next().await, Some(Ok(Message::Close(None)))));
        }
        let start = Instant::now();
        let _peer = (!gone).then_some(peer);
        let mut polls = 0;
        let polled = poll_fn(|cx| {
            polls += 1;
            assert!(polls < 20, "a busy loop");
            socket.poll_next_unpin(cx)
        });
        let end =
            timeout(HOUR, polled).await.unwrap_or_else(|_| panic!("{frame}, gone: {gone}: it waits without limit"));
        match (is_close, gone) {
            (true, false) => assert!(matches!(end, Some(Err(Error::Timeout(Timeout::Closing)))), "{end:?}"),
            (true, true) => assert!(end.is_none(), "{end:?}"),
            (false, _) => assert_eq!(end.unwrap().unwrap_err().close_code().map(u16::from), Some(1002)),
        }
        is_after(start, if gone { 0 } else { 5 });
        assert!(socket.next().await.is_none());
    }
}
