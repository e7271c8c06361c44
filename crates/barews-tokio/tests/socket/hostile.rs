//! What a peer can do wrong, and the Close that it gets.

use barews_tokio::{Compression, Config, Error, Fault, Message, ProtocolError};
use tokio::io::AsyncWriteExt;

use crate::peer::{client, frame, pair, rest, server};

/// Sends bytes to a server, and returns its messages, its error and what it answers.
async fn play(config: &Config, stream: &[u8]) -> (Vec<Message>, Option<Error>, Vec<u8>) {
    let (mut socket, mut peer) = server(1 << 20, config);
    peer.write_all(stream).await.unwrap();
    let playing = async {
        let (mut messages, mut error) = (Vec::new(), None);
        while let Some(message) = socket.next().await {
            match message {
                Ok(message) => messages.push(message),
                Err(found) => error = Some(found),
            }
        }
        drop(socket);
        (messages, error)
    };
    let reading = async {
        let answer = rest(&mut peer).await;
        drop(peer);
        answer
    };
    let ((messages, error), answer) = tokio::join!(playing, reading);
    (messages, error, answer)
}

#[tokio::test]
async fn each_violation_is_answered_with_its_code() {
    let small = Config { max_message_size: 100, max_frame_size: 60, max_fragments: 3, ..Config::default() };
    let fragments: Vec<u8> = [0x02, 0x00, 0x00, 0x00].iter().flat_map(|first| frame(*first, b"a")).collect();
    let message: Vec<u8> = [0x02, 0x80].iter().flat_map(|first| frame(*first, &[0; 55])).collect();
    for (stream, code, expected) in [
        (b"\x81\x00".to_vec(), 1002, ProtocolError::NotMasked),
        (b"\xC1\x80".to_vec(), 1002, ProtocolError::ReservedBits),
        (b"\x83\x80".to_vec(), 1002, ProtocolError::ReservedOpcode),
        (b"\x80\x80\0\0\0\0".to_vec(), 1002, ProtocolError::UnexpectedContinuation),
        (b"\x09\x80".to_vec(), 1002, ProtocolError::FragmentedControl),
        (b"\x89\xFE\x00\x7E".to_vec(), 1002, ProtocolError::ControlTooLong),
        (b"\x82\xFE\x00\x7D".to_vec(), 1002, ProtocolError::LengthNotMinimal),
        (b"\x82\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF".to_vec(), 1002, ProtocolError::LengthTooLarge),
        (frame(0x81, b"\xC0\xAF"), 1007, ProtocolError::InvalidUtf8),
        (frame(0x88, b"\x03"), 1002, ProtocolError::InvalidClosePayload),
        (frame(0x88, b"\x03\xED"), 1002, ProtocolError::InvalidCloseCode),
        (b"\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF".to_vec(), 1009, ProtocolError::FrameTooBig),
        (message, 1009, ProtocolError::MessageTooBig),
        (fragments, 1008, ProtocolError::TooManyFragments),
    ] {
        let mut whole = frame(0x81, b"before");
        whole.extend(stream);
        whole.extend(frame(0x81, b"after"));
        let (messages, error, answer) = play(&small, &whole).await;
        assert_eq!(messages, [Message::text("before")], "{expected:?}");
        let error = error.unwrap();
        assert!(matches!(error, Error::Protocol(found) if found == expected), "{error:?} instead of {expected:?}");
        assert_eq!((error.fault(), error.close_code().map(u16::from)), (Fault::Peer, Some(code)));
        assert_eq!(answer[..2], *b"\x88\x02", "{expected:?}");
        assert_eq!(answer[2..], code.to_be_bytes());
    }
}

#[tokio::test]
async fn client_refuses_a_masked_frame() {
    let (mut socket, mut peer) = client(4096, &Config::default());
    peer.write_all(&frame(0x81, b"x")).await.unwrap();
    let (error, _) = tokio::join!(socket.next(), async {
        rest(&mut peer).await;
        drop(peer)
    });
    assert!(matches!(error, Some(Err(Error::Protocol(ProtocolError::Masked)))), "{error:?}");
}

#[tokio::test]
async fn end_without_a_close_frame_is_the_network_s_fault() {
    for stream in [&b""[..], b"\x81", b"\x81\x85\0\0\0\0Hel"] {
        let (mut socket, mut peer) = server(4096, &Config::default());
        peer.write_all(stream).await.unwrap();
        drop(peer);
        let error = socket.next().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Protocol(ProtocolError::UnexpectedEof)), "{error:?}");
        assert_eq!((error.fault(), error.is_temporary()), (Fault::Transport, true));
        assert!(socket.next().await.is_none());
        assert!(matches!(socket.close(None).await, Err(Error::Closed)));
    }
}

/// Messages that arrived before the transport failed are handed out first.
#[tokio::test]
async fn messages_before_the_end_are_handed_out() {
    let (mut socket, mut peer) = server(4096, &Config::default());
    peer.write_all(&frame(0x81, b"last words")).await.unwrap();
    drop(peer);
    assert!(socket.send(vec![0; 10_000]).await.is_err());
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("last words"));
    let error = socket.next().await.unwrap().unwrap_err();
    assert_eq!(error.fault(), Fault::Transport, "{error:?}");
    assert!(socket.next().await.is_none());
}

/// 20 MB of zeros in 20 KB.
#[tokio::test]
async fn decompression_bomb_stops_at_the_limit() {
    let (mut a, _) = pair(1 << 20, &Config::default()).await;
    let config = Config { max_message_size: 1 << 20, ..Config::default() };
    let (mut c, mut b) = pair(1 << 20, &config).await;
    let sending = tokio::spawn(async move {
        let _refused = c.send(vec![0; 20 << 20]).await;
        while let Some(message) = c.next().await {
            if let Ok(Message::Close(close)) = message {
                return close;
            }
        }
        None
    });
    let error = b.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::MessageTooBig)), "{error:?}");
    drop(b);
    assert_eq!(sending.await.unwrap().map(|close| u16::from(close.code)), Some(1009));
    drop(a.close(None));
}

#[tokio::test]
async fn compressed_garbage_closes_with_1007() {
    let (a, mut b) = pair(1 << 20, &Config::default()).await;
    let mut raw = a.into_inner();
    raw.write_all(&frame(0xC1, b"\xFF\xFF\xFF")).await.unwrap();
    let (error, answer) = tokio::join!(b.next(), async {
        let answer = rest(&mut raw).await;
        drop(raw);
        answer
    });
    assert_eq!(error.unwrap().unwrap_err().close_code().map(u16::from), Some(1007));
    assert_eq!(answer, b"\x88\x02\x03\xEF");
}

/// RFC 7692 6.1: only the first frame of a message has RSV1.
#[tokio::test]
async fn rsv1_on_a_continuation_is_refused() {
    for first in [0x01, 0x41] {
        let (a, mut b) = pair(1 << 20, &Config::default()).await;
        let mut raw = a.into_inner();
        raw.write_all(&frame(first, b"\xF2\x48\xCD\xC9\xC9\x07")).await.unwrap();
        raw.write_all(&frame(0xC0, b"\x00")).await.unwrap();
        let (error, _) = tokio::join!(b.next(), async {
            rest(&mut raw).await;
            drop(raw)
        });
        let error = error.unwrap().unwrap_err();
        let is_expected = match first {
            0x41 => matches!(error, Error::Protocol(ProtocolError::ReservedBits)),
            _ => matches!(error, Error::Protocol(ProtocolError::ReservedBits | ProtocolError::InvalidUtf8)),
        };
        assert!(is_expected, "{error:?}");
    }
}

/// Pings without end, and nothing is read: memory stays constant, because only the newest one is answered.
#[tokio::test]
async fn flood_of_pings_is_answered_with_one_pong() {
    let (mut socket, mut peer) = server(1 << 16, &Config::default());
    for i in 0..10_000_u32 {
        peer.write_all(&frame(0x89, &i.to_be_bytes())).await.unwrap();
        assert!(socket.next().await.unwrap().unwrap().is_ping());
    }
    peer.write_all(&frame(0x88, b"")).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().is_close());
    drop(socket);
    let answers = rest(&mut peer).await;
    assert!(answers.ends_with(b"\x88\0"));
}

/// A frame that declares 60 MB reserves no such memory.
#[tokio::test]
async fn declared_length_reserves_nothing() {
    let (mut socket, mut peer) =
        server(1 << 16, &Config { compression: Some(Compression::default()), ..Config::default() });
    let mut head = b"\x82\xFF".to_vec();
    head.extend((60_u64 << 20).to_be_bytes());
    head.extend([0; 4]);
    peer.write_all(&head).await.unwrap();
    peer.write_all(&[7; 100]).await.unwrap();
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(20), socket.next()).await;
    assert!(waiting.is_err());
    let chunk = socket.next_chunk();
    peer.write_all(&[7; 100]).await.unwrap();
    let chunk = chunk.await.unwrap().unwrap();
    assert_eq!(chunk.data.len(), 200);
    let memory: Vec<u8> = chunk.data.into();
    assert!(memory.capacity() <= 256 << 10, "{}", memory.capacity());
}
