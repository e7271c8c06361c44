//! Streams made at random, cut at random, read in every way: compared with the messages that they were made from.

use barews_tokio::{Chunk, Config, Message, MessageKind, Role, WebSocket};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use crate::peer::{Slow, frame, pair, rest};

/// A generator of random numbers that is good enough for tests: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// Returns small numbers more often than large ones.
    fn len(&mut self) -> usize {
        let end = 1 << self.below(16);
        self.below(end)
    }
}

/// Returns messages, and their frames with Pings between them.
fn stream(random: &mut Random) -> (Vec<Message>, Vec<u8>) {
    let (mut messages, mut bytes) = (Vec::new(), Vec::new());
    for _ in 0..1 + random.below(20) {
        let text = "\u{e4}b".repeat(random.len() / 3);
        let is_text = random.below(2) == 0;
        let mut rest = text.as_bytes();
        let mut first = if is_text { 1 } else { 2 };
        for _ in 0..random.below(5) {
            let (part, after) = rest.split_at(random.below(rest.len() + 1));
            bytes.extend(frame(std::mem::take(&mut first), part));
            if random.below(3) == 0 {
                bytes.extend(frame(0x89, b"between"));
            }
            rest = after;
        }
        bytes.extend(frame(0x80 | first, rest));
        messages.push(if is_text { Message::text(text.as_str()) } else { Message::from(text.as_bytes()) });
    }
    bytes.extend(frame(0x88, b"\x03\xE8"));
    (messages, bytes)
}

/// Writes the stream in random pieces while `read` reads.
async fn play<T, F: Future<Output = T>>(
    bytes: &[u8],
    random: &mut Random,
    read: impl FnOnce(WebSocket<Slow<DuplexStream>>) -> F,
) -> T {
    let (ours, mut peer) = duplex(1 + random.len());
    let limit = 1 + random.len();
    let socket = WebSocket::from_raw(Slow::new(ours, limit), Role::Server, &Config::default(), b"");
    let writing = async {
        let mut left = bytes;
        while !left.is_empty() {
            let (now, later) = left.split_at((1 + random.len()).min(left.len()));
            peer.write_all(now).await.unwrap();
            tokio::task::yield_now().await;
            left = later;
        }
        rest(&mut peer).await;
    };
    tokio::join!(read(socket), writing).0
}

#[tokio::test]
async fn messages_and_chunks_are_the_same_however_the_stream_is_cut() {
    for seed in 0..60 {
        let random = &mut Random(seed);
        let (messages, bytes) = stream(random);
        let whole = play(&bytes, random, |mut socket| async move {
            let mut received = Vec::new();
            while let Some(message) = socket.next().await {
                received.extend(Some(message.unwrap()).filter(Message::is_data));
            }
            received
        });
        assert!(whole.await == messages, "messages of seed {seed}");

        // The same in chunks, whose boundaries have no meaning, and now and then by `next`.
        let seed_of_reader = seed + 1000;
        let mixed = play(&bytes, random, |mut socket| async move {
            let random = &mut Random(seed_of_reader);
            let (mut received, mut joined, mut is_between) = (Vec::new(), Vec::new(), true);
            loop {
                if is_between && random.below(3) == 0 {
                    match socket.next().await {
                        Some(message) => received.extend(Some(message.unwrap()).filter(Message::is_data)),
                        None => return received,
                    }
                    continue;
                }
                let Some(chunk) = socket.next_chunk().await else { return received };
                let Chunk { kind, data, last } = chunk.unwrap();
                joined.extend_from_slice(&data);
                is_between = last;
                if last {
                    let body = std::mem::take(&mut joined);
                    received.push(match kind {
                        MessageKind::Text => Message::text(String::from_utf8(body).unwrap()),
                        _ => Message::binary(body),
                    });
                }
            }
        });
        assert!(mixed.await == messages, "chunks of seed {seed}");
    }
}

/// A `Utf8Bytes` is made of a received text without a second validation: here each byte of some texts is replaced, whole and
/// in fragments, compressed and not, and `std` says which messages come out.
#[tokio::test]
async fn only_utf8_comes_out_as_text() {
    let mut refused = 0;
    for seed in 0..400 {
        let random = &mut Random(seed);
        let (client, socket) = pair(1 << 20, &Config::default()).await;
        let mut peer = client.into_inner();
        let (mut expected, mut is_valid) = (Vec::new(), true);
        for _ in 0..1 + random.below(6) {
            let mut text = "k\u{e4}\u{6c34}\u{1f980}".repeat(random.len() / 30).into_bytes();
            if random.below(3) == 0 && !text.is_empty() {
                let at = random.below(text.len());
                text[at] = random.below(256) as u8;
            }
            if is_valid {
                expected.extend(std::str::from_utf8(&text).map(String::from));
                is_valid = std::str::from_utf8(&text).is_ok();
            }
            let is_compressed = random.below(2) == 0;
            if is_compressed {
                let len = text.len() as u16; // one stored block (RFC 1951 3.2.4), and the empty one without its end
                text = [&[0][..], &len.to_le_bytes(), &(!len).to_le_bytes(), &text, &[0]].concat();
            }
            let (mut rest, mut first) = (&text[..], if is_compressed { 0x41 } else { 1 });
            for _ in 0..random.below(4) {
                let (part, after) = rest.split_at(random.below(rest.len() + 1));
                peer.write_all(&frame(std::mem::take(&mut first), part)).await.unwrap();
                rest = after;
            }
            peer.write_all(&frame(0x80 | first, rest)).await.unwrap();
        }
        peer.shutdown().await.unwrap();
        let (received, error) = receive_all(socket).await;
        assert!(received == expected, "texts of seed {seed}");
        let code = error.and_then(|error| error.close_code()).map(u16::from);
        assert_eq!(code == Some(1007), !is_valid, "seed {seed}: {code:?}");
        refused += u32::from(!is_valid);
    }
    assert!((100..300).contains(&refused), "{refused} of 400 streams have a text that is not UTF-8");
}

async fn receive_all(mut socket: WebSocket<DuplexStream>) -> (Vec<String>, Option<barews_tokio::Error>) {
    let (mut texts, mut error) = (Vec::new(), None);
    while let Some(message) = socket.next().await {
        match message {
            Ok(message) => texts.extend(message.to_text().map(String::from)),
            Err(found) => error = Some(found),
        }
    }
    (texts, error)
}
