//! How other implementations of compression fell, and what becomes of that here. Those that are not here have a test
//! that names them where the rule is tested.

use crate::inflate::{cut, inflater_for, message_in};
use crate::peers::{ZlibDeflate, body};
use barews::ProtocolError;
use barews::connection::{Chunk, MessageKind};
use barews::deflate::{Deflater, Direction, Inflater, Level, Parameters, RSV1};
use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};

/// CVE-2026-29035 (inflating beyond the end of a buffer): nothing is written behind the room that was given, whatever its
/// size is; and nothing behind the piece that the next message would be told.
#[test]
fn inflate_writes_nothing_after_the_room() {
    for kind in 0..5 {
        let body = body(kind, 2000, 5);
        for level in [0, 1, 6, 9] {
            let payload = ZlibDeflate::new(level, 15).message(&body);
            for room in [1, 2, 257, 258, 259, 292, 293, 1999, 2000, 2001] {
                let mut inflater = inflater_for(Direction::DEFAULT);
                let mut payload = payload.clone();
                let mut chunk =
                    Chunk { kind: MessageKind::Binary, first: true, last: true, rsv: RSV1, payload: &mut payload };
                let mut buffer = vec![0xA5; room + 64];
                let mut whole = Vec::new();
                while let Some(piece) = inflater.inflate(&mut chunk, &mut buffer[..room]).unwrap() {
                    whole.extend_from_slice(piece.payload);
                    assert!(buffer[room..].iter().all(|byte| *byte == 0xA5), "{room} bytes of room");
                }
                assert!(whole == body);
            }
        }
    }
}

/// CVE-2016-10518, CVE-2026-45736 (memory of others on the wire): no message shows what the window held before, be it
/// from another connection or from before a context that was not taken over.
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
    // And what is sent depends on no memory that the host did not pass as a message.
    for level in [Level::SMALL, Level::LARGE] {
        let sent = [0, b's', 0xFF].map(|fill| {
            let memory = vec![fill; level.memory(1 << 9)];
            let mut deflater =
                Deflater::new(memory, level, Direction { window_bits: 9, no_context_takeover: false }, 0);
            let mut out = vec![fill; 4000];
            [vec![b's'; 300], body(1, 2000, 3)].map(|body| deflater.message(&body, &mut out).unwrap().to_vec())
        });
        assert!(sent[0] == sent[1] && sent[1] == sent[2]);
    }
}

/// zlib#171 and what followed (a raw window of 8 bits that is one of 9 in truth): with 8 both ways nothing that is sent
/// reaches back further than 256 bytes, and everything comes back.
#[test]
fn window_of_256_bytes_is_kept_both_ways() {
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
    assert!(handshake.accept(&Accept { extensions, ..Accept::default() }, &Default::default(), &mut [0; 512]).is_ok());
    for (direction, level) in [(agreed.server, Level::SMALL), (agreed.client, Level::LARGE)] {
        assert_eq!(direction.window_size(), 256);
        let mut deflater = Deflater::new(vec![0; 1 << 18], level, direction, 0);
        let mut inflater = inflater_for(direction);
        for (distance, repeats) in [(100, true), (255, true), (256, true), (257, false), (300, false), (512, false)] {
            let noise = body(3, distance, 2 * distance as u64);
            let body = [&noise[..], &noise].concat();
            let mut out = vec![0; body.len() + 100];
            let payload = deflater.part(&body, true, &mut out).unwrap();
            assert_eq!(payload.len() < body.len() - distance / 2, repeats, "{distance}");
            let (got, outcome) = message_in(&mut inflater, MessageKind::Binary, &cut(payload, &[7]), &[100]);
            assert!(outcome.is_ok() && got == body);
        }
    }
}

/// CRIME, BREACH: whoever chooses text beside a secret sees from lengths whether he has guessed it, with context
/// takeover from message to message, too. What `Deflater` tells hosts to do helps: not to compress, to `forget`, or to
/// agree on no takeover.
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
                deflater.part(secret, true, &mut out).unwrap();
            }
            if forget {
                deflater.forget();
            }
            deflater.part(guess, true, &mut out).unwrap().len()
        })
    };
    let [right, wrong] = lengths(false, false, true);
    assert!(right < wrong, "the attack works where the host does nothing against it");
    for (no_context_takeover, forget, compress) in [(true, false, true), (false, true, true), (false, false, false)] {
        let [right, wrong] = lengths(no_context_takeover, forget, compress);
        assert!(right.abs_diff(wrong) <= 2, "{right} and {wrong}");
    }
}
