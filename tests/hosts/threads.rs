//! `threads`.

use super::server::Server;
use super::*;

#[test]
fn threads_server_sends_seconds_between_echoes_then_closes() {
    let server = Server::start("threads", &["2"]);
    let mut peer = Peer::open(server.address);
    peer.expect(TEXT, b"1 s"); // sent while the server waits for input
    peer.send(TEXT, b"between");
    peer.expect(TEXT, b"between");
    peer.expect(TEXT, b"2 s");
    peer.expect_close(1000, "time is up");
    peer.send(TEXT, b"too late");
    let start = Instant::now();
    peer.close(1000, "");
    peer.expect_eof();
    assert!(start.elapsed() < Duration::from_secs(2), "it does not wait for a deadline");
}

#[test]
fn threads_server_drops_a_peer_that_does_not_answer_its_close() {
    let server = Server::start("threads", &["0"]);
    let mut peer = Peer::open(server.address);
    peer.expect_close(1000, "time is up");
    let start = Instant::now();
    peer.expect_eof();
    assert!((4..8).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[test]
fn threads_server_pings_and_drops_a_silent_peer() {
    let server = Server::start("threads", &["60", "1000"]);
    let mut peer = Peer::open(server.address);
    for _ in 0..3 {
        let (first, payload) = peer.next().unwrap();
        if first == PING {
            peer.send(PONG, &payload);
        }
    }
    let start = Instant::now();
    while let Some((first, _)) = peer.next() {
        assert!(matches!(first, PING | TEXT), "{first:#x}");
    }
    assert!((900..8000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

/// A process that was stopped wakes after its deadlines, with the peer's answer in the socket.
#[test]
fn threads_server_keeps_a_peer_that_answered_while_it_was_stopped() {
    let server = Server::start("threads", &["60", "1000"]);
    let mut peer = Peer::open(server.address);
    for round in 0..3 {
        let payload = loop {
            let (first, payload) = peer.next().expect("the peer is not dropped");
            if first == PING {
                break payload;
            }
        };
        server.program.signal("STOP");
        peer.send(PONG, &payload);
        thread::sleep(Duration::from_millis(2500));
        server.program.signal("CONT");
        peer.send(BINARY, &[round]);
        while peer.next().expect("the peer is not dropped") != (BINARY, vec![round]) {}
    }
}

/// uWSGI answers every Ping with an empty Pong, others with a payload of their own.
#[test]
fn threads_server_keeps_a_peer_whose_pongs_have_another_payload() {
    let server = Server::start("threads", &["60", "400"]);
    for pong in [&b""[..], b"mine"] {
        let mut peer = Peer::open(server.address);
        let mut pings = 0;
        while pings < 5 {
            if peer.next().expect("the peer is not dropped").0 == PING {
                peer.send(PONG, pong);
                pings += 1;
            }
        }
    }
}

/// The peer does not answer a Ping that is queued after megabytes of data, but it reads the data.
#[test]
fn threads_server_keeps_a_slow_peer() {
    const SIZE: usize = 16 << 20;
    let server = Server::start("threads", &["60", "1500"]);
    let mut peer = Peer::open(server.address);
    peer.send(BINARY, &vec![7; SIZE]);
    let mut got = 0;
    while got < SIZE {
        got += peer.frame_in().expect("the peer is not dropped").1.len();
        // The first half takes six seconds in which the peer sends nothing, twice as long as a silent peer is kept. The other
        // half is more than the system's buffers hold, so the server is still writing all this time.
        thread::sleep(Duration::from_millis(if got < SIZE / 2 { 12 } else { 0 }));
    }
    peer.close(1000, "");
    while peer.next().expect("a Close").0 != CLOSE {}
    peer.expect_eof();
}
