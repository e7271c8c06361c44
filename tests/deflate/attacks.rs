//! Attacks that broke other implementations of compression do not break this one. Attacks that are missing here are named at
//! the tests of the rules that they broke.

use crate::inflate::{cut, inflater_for, message_in};
use crate::peers::{ZlibDeflate, body};
use barews::ProtocolError;
use barews::connection::{Chunk, MessageKind};
use barews::deflate::{Deflater, Direction, Inflater, Level, Parameters, RSV1};
use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};

/// CVE-2026-29035 (inflating beyond the end of a buffer): nothing is written after the given buffer, whatever its size.
#[test]
fn inflate_writes_nothing_past_the_given_buffer() {
    for kind in 0..5 {
        let body = body(kind, 2000, 5);
        for level in [0, 1, 6, 9] {
            let payload = ZlibDeflate::new(level, 15).message(&body);
            for space in [1, 2, 257, 258, 259, 292, 293, 1999, 2000, 2001] {
                let mut inflater = inflater_for(Direction::DEFAULT);
                let mut payload = payload.clone();
                let mut chunk =
                    Chunk { kind: MessageKind::Binary, first: true, last: true, rsv: RSV1, payload: &mut payload };
                let mut buffer = vec![0xA5; space + 64];
                let mut whole = Vec::new();
                while let Some(piece) = inflater.inflate(&mut chunk, &mut buffer[..space]).unwrap() {
                    whole.extend_from_slice(piece.payload);
                    assert!(buffer[space..].iter().all(|byte| *byte == 0xA5), "a buffer of {space} bytes");
                }
                assert!(whole == body);
            }
        }
    }
}

/// CVE-2016-10518, CVE-2026-45736 (leaked memory): no message reveals earlier contents of the window, neither those of another
/// connection nor those of an earlier message without context takeover.
#[test]
fn window_does_not_leak_earlier_bytes() {
    let secret = vec![b's'; 1 << 15];
    // A literal, and a match that reaches back by two.
    let reaches_back = (2u64 | 0x89 << 3 | 0x40 << 11 | 0x10 << 18).to_le_bytes();
    let reaches_back = &reaches_back[..5];
    for window_bits in 8..16 {
        for no_context_takeover in [false, true] {
            let direction = Direction { window_bits, no_context_takeover };
            let mut inflater = Inflater::new(secret[..direction.window_size()].to_vec(), direction, 100);
            if no_context_takeover {
                let hello = message_in(&mut inflater, MessageKind::Text, &[b"\xF2\x48\xCD\xC9\xC9\x07\x00"], &[100]);
                assert_eq!(hello, (b"Hello".to_vec(), Ok(())));
            }
            let (got, outcome) = message_in(&mut inflater, MessageKind::Binary, &[reaches_back], &[100]);
            assert_eq!(outcome, Err(ProtocolError::DeflateDistance));
            assert!(!got.contains(&b's'));
        }
    }
    // The bytes sent depend only on the messages, not on the initial memory.
    for level in [Level::SMALL, Level::LARGE] {
        let sent = [0, b's', 0xFF].map(|fill| {
            let memory = vec![fill; level.memory(1 << 9)];
            let mut deflater =
                Deflater::new(memory, level, Direction { window_bits: 9, no_context_takeover: false }, 0);
            let mut out = vec![fill; 4000];
            [vec![b's'; 300], body(1, 2000, 3)].map(|body| deflater.deflate_message(&body, &mut out).unwrap().to_vec())
        });
        assert!(sent[0] == sent[1] && sent[1] == sent[2]);
    }
}

/// zlib#171 and its consequences (a raw window of 8 bits that is really one of 9): if both windows have 8 bits, no match
/// reaches back further than 256 bytes, and every message is restored.
#[test]
fn window_of_256_bytes_is_respected_in_both_directions() {
    static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
    let mut request = *b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: \
        permessage-deflate; server_max_window_bits=8; client_max_window_bits=8\r\n\r\n";
    let mut handshake = ServerHandshake::new(&CONFIG, [0; 512]);
    assert!(matches!(handshake.receive(&mut request), Ok(Progress::Complete { .. })));
    let mut value = [0; 128];
    let (agreed, extensions) =
        Parameters::DEFAULT.accept(handshake.request().unwrap().extensions(), &mut value).unwrap().unwrap();
    assert_eq!(extensions, "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8");
    assert!(handshake.accept(&Accept { extensions, ..Accept::default() }, &mut [0; 512]).is_ok());
    for (direction, level) in [(agreed.server, Level::SMALL), (agreed.client, Level::LARGE)] {
        assert_eq!(direction.window_size(), 256);
        let mut deflater = Deflater::new(vec![0; 1 << 18], level, direction, 0);
        let mut inflater = inflater_for(direction);
        for (distance, repeats) in [(100, true), (255, true), (256, true), (257, false), (300, false), (512, false)] {
            let noise = body(3, distance, 2 * distance as u64);
            let body = [&noise[..], &noise].concat();
            let mut out = vec![0; body.len() + 100];
            let payload = deflater.deflate_part(&body, true, &mut out).unwrap();
            assert_eq!(payload.len() < body.len() - distance / 2, repeats, "{distance}");
            let (got, outcome) = message_in(&mut inflater, MessageKind::Binary, &cut(payload, &[7]), &[100]);
            assert!(outcome.is_ok() && got == body);
        }
    }
}

/// CRIME, BREACH: an attacker whose text is compressed together with a secret can see from the lengths whether a guess is
/// right, with context takeover even if the two are in different messages. The countermeasures in the documentation of
/// `Deflater` work: not to compress, to call `forget`, or to agree on no takeover.
#[test]
fn forget_keeps_lengths_from_revealing_a_secret() {
    let secret = b"{\"session\":\"kD83hf0qLm2x9TzP\"}";
    let (right, wrong) = (&secret[5..], b"session\":\"qT5rbN1wYc7v4GsE\"}");
    let lengths = |no_context_takeover, forget: bool, compress: bool| {
        [&right[..right.len().min(wrong.len())], &wrong[..right.len().min(wrong.len())]].map(|guess| {
            let direction = Direction { no_context_takeover, ..Direction::DEFAULT };
            let mut deflater = Deflater::new(vec![0; 1 << 18], Level::LARGE, direction, 0);
            let mut out = [0; 200];
            if compress {
                deflater.deflate_part(secret, true, &mut out).unwrap();
            }
            if forget {
                deflater.forget();
            }
            deflater.deflate_part(guess, true, &mut out).unwrap().len()
        })
    };
    let [right, wrong] = lengths(false, false, true);
    assert!(right < wrong, "the attack works without a countermeasure");
    for (no_context_takeover, forget, compress) in [(true, false, true), (false, true, true), (false, false, false)] {
        let [right, wrong] = lengths(no_context_takeover, forget, compress);
        assert!(right.abs_diff(wrong) <= 2, "{right} and {wrong}");
    }
}
