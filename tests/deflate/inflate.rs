//! Inflating: the RFC's examples, messages deflated by other software, malformed streams compared with a naive inflater, and
//! limits.

use crate::peers::{ZlibDeflate, body};
use barews::ProtocolError;
use barews::connection::{Chunk, MessageKind};
use barews::deflate::{Direction, Inflater, RSV1};
use barews::wire::Rsv;
use barews_testkit::inflater::{NO_LIMIT, Naive};
use flate2::FlushCompress;
use proptest::prelude::*;

const FRESH: Direction = Direction { no_context_takeover: true, ..Direction::DEFAULT };

pub fn inflater_for(direction: Direction) -> Inflater<Vec<u8>> {
    Inflater::new(vec![0; direction.window_size()], direction, u64::MAX)
}

fn inflater(window_bits: u8) -> Inflater<Vec<u8>> {
    inflater_for(Direction { window_bits, ..Direction::DEFAULT })
}

/// Inflates a message that arrives in `chunks`, into buffers whose sizes repeat `outs`. Returns the output, which includes that
/// before an error, and the result.
pub fn message_in<W: AsMut<[u8]>>(
    inflater: &mut Inflater<W>,
    kind: MessageKind,
    chunks: &[&[u8]],
    outs: &[usize],
) -> (Vec<u8>, Result<(), ProtocolError>) {
    let mut whole = Vec::new();
    let mut sizes = outs.iter().cycle();
    let (mut firsts, mut lasts) = (0, 0);
    for (n, chunk) in chunks.iter().enumerate() {
        let mut payload = chunk.to_vec();
        let (first, last) = (n == 0, n + 1 == chunks.len());
        let rsv = if first { RSV1 } else { Rsv::NONE };
        let mut chunk = Chunk { kind, first, last, rsv, payload: &mut payload };
        loop {
            let mut out = vec![0xAA; *sizes.next().unwrap()];
            match inflater.inflate(&mut chunk, &mut out) {
                Ok(Some(piece)) => {
                    assert_eq!((piece.kind, piece.rsv, lasts), (kind, Rsv::NONE, 0));
                    assert_eq!(piece.first, whole.is_empty() && firsts == 0);
                    assert!(!piece.payload.is_empty() || piece.last);
                    firsts += usize::from(piece.first);
                    lasts += usize::from(piece.last);
                    whole.extend_from_slice(piece.payload);
                }
                Ok(None) => break,
                Err(error) => return (whole, Err(error)),
            }
        }
    }
    assert_eq!((firsts, lasts), (1, 1));
    (whole, Ok(()))
}

fn message(inflater: &mut Inflater<Vec<u8>>, payload: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let (whole, outcome) = message_in(inflater, MessageKind::Binary, &[payload], &[1 << 16]);
    outcome.map(|()| whole)
}

/// Cuts `bytes` into pieces whose sizes repeat `sizes`. Returns at least one piece.
pub fn cut<'b>(bytes: &'b [u8], sizes: &[usize]) -> Vec<&'b [u8]> {
    let (mut pieces, mut rest, mut sizes) = (Vec::new(), bytes, sizes.iter().cycle());
    loop {
        let (piece, after) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        pieces.push(piece);
        rest = after;
        if rest.is_empty() {
            return pieces;
        }
    }
}

#[test]
fn rfc_examples_inflate_to_hello() {
    let one_block = b"\xF2\x48\xCD\xC9\xC9\x07\x00";
    let shared = b"\xF2\x00\x11\x00\x00";
    let stored = b"\x00\x05\x00\xFA\xFFHello\x00";
    let last_block = b"\xF3\x48\xCD\xC9\xC9\x07\x00\x00";
    let two_blocks = b"\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00";
    for (ids, payload) in [
        ("7692-6.2-1 7692-7.2.2-1 7692-7.2.3-1", &one_block[..]),
        ("7692-7.2.1-3 7692-7.2.3.3-1", stored),
        ("7692-7.2.1-4 7692-7.2.1-5", last_block),
        ("7692-7.2.1-2", two_blocks),
        ("7692-7.2.1-5", &last_block[..7]),
    ] {
        for size in 1..=payload.len() {
            for out in [1, 2, 3, 5, 100] {
                let mut inflater = inflater(8);
                for _ in 0..2 {
                    let (whole, outcome) = message_in(&mut inflater, MessageKind::Text, &cut(payload, &[size]), &[out]);
                    assert_eq!((&whole[..], outcome), (&b"Hello"[..], Ok(())), "[{ids}] {payload:x?}");
                }
                // The window contains the messages before.
                let again = message(&mut inflater, shared);
                assert_eq!(again.unwrap(), b"Hello", "[7692-7.2.2-3] [7692-7.2.2-5] after {payload:x?}");
                assert_eq!(message(&mut inflater, b"\0").unwrap(), b"");
                assert_eq!(message(&mut inflater, shared).unwrap(), b"Hello");
            }
        }
    }
}

/// [7692-7.2.3.2-1] [7692-6.2-2]: its payload is not copied either.
#[test]
fn uncompressed_message_leaves_the_window_unchanged() {
    let mut inflater = inflater(15);
    assert_eq!(message(&mut inflater, b"\xF2\x48\xCD\xC9\xC9\x07\x00").unwrap(), b"Hello");
    for (first, last, text) in
        [(true, false, &b"plain "[..]), (false, false, b""), (false, true, b"text"), (true, true, b"")]
    {
        let mut payload = text.to_vec();
        let at = payload.as_ptr();
        let mut chunk = Chunk { kind: MessageKind::Text, first, last, rsv: Rsv::NONE, payload: &mut payload };
        let piece = inflater.inflate(&mut chunk, &mut []).unwrap();
        if last || !text.is_empty() {
            let piece = piece.unwrap();
            assert_eq!((piece.first, piece.last, &piece.payload[..]), (first, last, text));
            assert_eq!(piece.payload.as_ptr(), at);
        } else {
            assert_eq!(piece, None);
        }
        assert_eq!(inflater.inflate(&mut chunk, &mut []), Ok(None));
    }
    assert_eq!(message(&mut inflater, b"\xF2\x00\x11\x00\x00").unwrap(), b"Hello");
}

#[test]
fn window_is_empty_without_context_takeover() {
    let (hello, again) = (b"\xF2\x48\xCD\xC9\xC9\x07\x00", b"\xF2\x00\x11\x00\x00");
    let mut inflater = Inflater::new(vec![0; 1 << 15], FRESH, u64::MAX);
    assert_eq!(message(&mut inflater, hello).unwrap(), b"Hello");
    assert_eq!(message(&mut inflater, hello).unwrap(), b"Hello");
    let outcome = message(&mut inflater, again);
    assert_eq!(
        outcome,
        Err(ProtocolError::DeflateDistance),
        "[7692-7.2.2-2] [7692-7.2.2-4]: each message begins with an empty window"
    );
}

/// [7692-6.1-4]
#[test]
fn rsv1_is_refused_after_the_first_frame() {
    const NO: Rsv = Rsv::NONE;
    for rsv in [[NO, NO, RSV1], [RSV1, NO, RSV1], [NO, RSV1, NO], [RSV1, RSV1, NO]] {
        let mut inflater = inflater(15);
        let mut outcome = Ok(());
        for (n, rsv) in rsv.into_iter().enumerate() {
            let mut payload = [[0xF2].as_slice(), &[0x48], &[0xCD]][n].to_vec();
            let first = n == 0;
            let mut chunk = Chunk { kind: MessageKind::Binary, first, last: false, rsv, payload: &mut payload };
            outcome = outcome.and(inflater.inflate(&mut chunk, &mut [0; 9]).map(drop));
        }
        assert_eq!(outcome, Err(ProtocolError::ReservedBits));
    }
}

/// Reserved bits of other extensions are reported once per frame, even if the frame yields no output.
#[test]
fn other_reserved_bits_are_reported_once_a_frame() {
    for rsv1 in [RSV1, Rsv::NONE] {
        let mut inflater = inflater(15);
        let mut reported = Vec::new();
        let (two, three) = (Rsv::RSV2, Rsv::RSV3);
        for (first, rsv, payload) in
            [(true, rsv1 | two, &b"\xF2\x48\xCD"[..]), (false, three, b""), (false, two | three, b"\xC9\xC9")]
        {
            let mut payload = payload.to_vec();
            let mut chunk = Chunk { kind: MessageKind::Binary, first, last: false, rsv, payload: &mut payload };
            while let Some(piece) = inflater.inflate(&mut chunk, &mut [0; 1]).unwrap() {
                reported.push((piece.first, piece.rsv));
            }
        }
        reported.retain(|(first, rsv)| *first || !rsv.is_empty());
        assert_eq!(reported, [(true, two), (false, three), (false, two | three)], "{rsv1:?}");
    }
}

/// [7692-6.1-5]: UTF-8 is checked in the inflated text, at any cut.
#[test]
fn inflated_text_is_utf8() {
    let mut zlib = ZlibDeflate::new(6, 15);
    for (text, valid) in [("한국어 😀".as_bytes(), true), (b"caf\xC3", false), (b"\xED\xA0\x80", false), (b"", true)]
    {
        zlib.reset();
        let payload = zlib.message(text);
        for out in [1, 2, 100] {
            let (_, outcome) = message_in(&mut inflater(15), MessageKind::Text, &[&payload], &[out]);
            assert_eq!(outcome, if valid { Ok(()) } else { Err(ProtocolError::InvalidUtf8) });
            let (_, outcome) = message_in(&mut inflater(15), MessageKind::Binary, &[&payload], &[out]);
            assert_eq!(outcome, Ok(()));
        }
    }
}

#[test]
fn malformed_streams_are_refused_with_their_error() {
    use ProtocolError::*;
    for (payload, error) in [
        (&b""[..], DeflateTruncated), // not even an empty block
        (b"\x07", DeflateBlockType),  // the reserved type
        (b"\x06", DeflateBlockType),
        (b"\x00\x05\x00\xFA\xFE", DeflateStoredLength),
        (b"\xF2\x48\xCD", DeflateTruncated), // inside a block
        (b"\xF2\x48\xCD\xC9\xC9\x07\x00\x00\x00\xFF\xFF", DeflateTruncated), // the tail was not removed
        (b"\x00\x05\x00\xFA\xFFHell", DeflateTruncated),
        (b"\x02\x02\x00", DeflateDistance), // a match at the very start
        (b"\x04", DeflateCode),             // an empty code for the code lengths
        (b"\xFC\xFF\xFF", DeflateCode),     // too many codes
        (b"\x1B\x03\x00", DeflateCode),     // symbol 286 in a fixed block
    ] {
        let mut naive = Naive::new(1 << 15, true, NO_LIMIT);
        assert_eq!(naive.message(payload).1, Err(error), "{payload:x?}: the naive inflater");
        for size in 1..=payload.len().max(1) {
            let mut inflater = inflater(15);
            let cuts = cut(payload, &[size]);
            let (_, outcome) = message_in(&mut inflater, MessageKind::Binary, &cuts, &[64]);
            assert_eq!(outcome, Err(error), "{payload:x?}");
            assert_eq!(message(&mut inflater, b"\0"), Err(error), "the error is sticky");
        }
        assert_eq!(error.close_code().0, 1007);
    }
}

/// RFC 1951 3.2.4: a stored block begins at a byte, wherever the block before it ends.
#[test]
fn stored_block_follows_a_block_that_ends_at_any_bit() {
    /// Writes `len` bits, the lowest first.
    fn put(bits: &mut Vec<bool>, value: u32, len: u32) {
        bits.extend((0..len).map(|n| value >> n & 1 != 0));
    }
    /// A block whose codes are 0 for `a`, 10 for `b` and 11 for its end, with these literals. Codes come highest bit first.
    fn block(literals: usize) -> Vec<u8> {
        let mut bits = Vec::new();
        let (zero, one, two, zeros) = ((0b00, 2), (0b10, 2), (0b01, 2), (0b11, 2)); // codes of lengths
        let counts = [(0b100, 3), (0, 5), (0, 5), (14, 4)];
        let lengths_of_lengths = [0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2].map(|len| (len, 3));
        let lengths = [zeros, (97 - 11, 7), one, two, zeros, (138 - 11, 7), zeros, (19 - 11, 7), two, zero];
        let all = [&counts[..], &lengths_of_lengths, &lengths].concat();
        all.into_iter().for_each(|(value, len)| put(&mut bits, value, len));
        (0..literals).for_each(|i| if i % 5 == 0 { put(&mut bits, 0b01, 2) } else { put(&mut bits, 0, 1) });
        put(&mut bits, 0b11, 2);
        put(&mut bits, 0, 3); // the header of the stored block
        bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, bit| all << 1 | u8::from(*bit))).collect()
    }
    let stored = [0xFF; 64];
    let (len, hello) = (b"\x40\x00\xBF\xFF", b"\x00\x05\x00\xFA\xFFHello\x00");
    for literals in 0..300 {
        let payload = [&block(literals)[..], len, &stored, hello].concat();
        let literals: Vec<u8> = (0..literals).map(|i| if i % 5 == 0 { b'b' } else { b'a' }).collect();
        assert_eq!(message(&mut inflater(15), &payload), Ok([&literals[..], &stored, b"Hello"].concat()));
    }
}

/// RFC 7692 7.2.1: a match must not reach back beyond the agreed window, even if the same call has written the bytes there.
#[test]
fn distance_beyond_the_window_is_refused() {
    /// A fixed block: this many zeros, a match of three bytes, then more zeros.
    fn block(zeros: usize, distance: u32, after: usize) -> Vec<u8> {
        let mut bits: Vec<bool> = vec![false, true, false];
        let mut code = |value: u32, len: u32| bits.extend((0..len).rev().map(|n| value >> n & 1 != 0));
        (0..zeros).for_each(|_| code(0x30, 8));
        code(1, 7); // length 3
        let extra = match distance {
            193..257 => (15, distance - 193, 6),
            _ => (16, distance - 257, 7),
        };
        code(extra.0, 5);
        code(extra.1.reverse_bits() >> (32 - extra.2), extra.2); // extra bits come lowest first
        (0..after).for_each(|_| code(0x30, 8));
        code(0, 7);
        bits.extend([false; 3]); // the empty block that ends the message
        bits.chunks(8)
            .map(|byte| {
                byte.iter().rev().fold(0, |all, bit| all << 1 | u8::from(*bit)) << (8 - byte.len()) >> (8 - byte.len())
            })
            .collect()
    }
    for (zeros, distance, outcome) in [
        (300, 256, Ok(())),
        (300, 257, Err(ProtocolError::DeflateDistance)),
        (200, 201, Err(ProtocolError::DeflateDistance)),
    ] {
        // With spare input and a large buffer, the fast path of 64-bit targets decodes the match, otherwise the slow path.
        for (after, out) in [(0, 1024), (40, 1024), (40, 7)] {
            let payload = block(zeros, distance, after);
            let (_, result) = message_in(&mut inflater(8), MessageKind::Binary, &[&payload], &[out]);
            assert_eq!(
                result, outcome,
                "distance {distance} after {zeros} bytes, {after} more, a buffer of {out} bytes"
            );
        }
    }
}

/// websockets#1715 (a message just over the limit silently truncated): the limit applies to the output, exactly to the byte.
#[test]
fn inflated_size_limit_is_exact() {
    for kind in 0..5 {
        let body = body(kind, 3000, 7);
        for level in [0, 1, 6] {
            let payload = ZlibDeflate::new(level, 15).message(&body);
            for limit in [2998, 2999, 3000, 3001, 3002] {
                for out in [1, 7, 1000, 3000, 5000] {
                    let mut inflater = Inflater::new(vec![0; 1 << 15], FRESH, limit);
                    let (whole, outcome) = message_in(&mut inflater, MessageKind::Binary, &[&payload], &[out]);
                    let fits = limit >= 3000;
                    assert_eq!(outcome, if fits { Ok(()) } else { Err(ProtocolError::MessageTooBig) });
                    assert!(whole.len() as u64 <= limit && body.starts_with(&whole));
                    // The next message has the whole limit again.
                    if fits {
                        assert_eq!(message(&mut inflater, &payload).unwrap(), body);
                    }
                }
            }
        }
    }
}

/// CVE-2026-1526, CVE-2018-1000518 (a limit that counts compressed bytes): inflating a message with a ratio of up to a thousand
/// to one stops at the limit, however much input is left.
#[test]
fn bomb_stops_at_the_limit() {
    let zeros = vec![0; 64 << 20];
    for level in [1, 6, 9] {
        let payload = ZlibDeflate::new(level, 15).message(&zeros);
        assert!(payload.len() < zeros.len() / 200 || level == 1);
        let mut inflater = Inflater::new(vec![0; 1 << 15], FRESH, 1 << 20);
        let (whole, outcome) = message_in(&mut inflater, MessageKind::Binary, &[&payload], &[4096]);
        assert_eq!(outcome, Err(ProtocolError::MessageTooBig));
        assert!(whole.len() <= 1 << 20 && whole.len() + 4096 >= 1 << 20);
    }
}

#[test]
fn inflate_into_an_empty_buffer_fails_unless_the_message_is_empty() {
    let mut payload = *b"\xF2\x48\xCD\xC9\xC9\x07\x00";
    let mut inflater = inflater(15);
    let mut chunk = Chunk { kind: MessageKind::Binary, first: true, last: true, rsv: RSV1, payload: &mut payload };
    assert_eq!(inflater.inflate(&mut chunk, &mut []), Err(ProtocolError::MessageTooBig));
    // An empty message needs no buffer.
    let mut inflater = Inflater::new(vec![0; 256], FRESH, 0);
    let mut payload = [0];
    let mut chunk = Chunk { kind: MessageKind::Binary, first: true, last: true, rsv: RSV1, payload: &mut payload };
    let piece = inflater.inflate(&mut chunk, &mut []).unwrap().unwrap();
    assert!(piece.first && piece.last && piece.payload.is_empty());
}

/// The state without the window is at most 2.5 KiB on 64-bit targets, and 1.7 KiB on others.
#[test]
fn inflater_state_has_its_documented_size() {
    let size = size_of::<Inflater<[u8; 256]>>() - 256;
    println!("Inflater: {size} bytes plus the window");
    let most = if cfg!(target_pointer_width = "64") { 2560 } else { 1740 };
    assert!(size <= most, "{size}");
}

proptest! {
    #![proptest_config(crate::cases(512))]

    /// Messages deflated by zlib, at any level, window, cut and output size, with and without takeover. The parts of a message
    /// are flushed in several ways.
    #[test]
    fn inflater_reads_what_zlib_deflates(
        level in 0u32..10,
        bits in 9u8..16,
        taken_over: bool,
        messages in prop::collection::vec((0usize..5, 0usize..5000, any::<u64>(), 0usize..4), 1..6),
        cuts in prop::collection::vec(1usize..300, 1..4),
        outs in prop::collection::vec(1usize..600, 1..4),
    ) {
        let mut zlib = ZlibDeflate::new(level, bits);
        let direction = Direction { window_bits: bits, no_context_takeover: !taken_over };
        let mut inflater = Inflater::new(vec![0; direction.window_size()], direction, 1 << 20);
        let mut naive = Naive::new(direction.window_size(), taken_over, NO_LIMIT);
        let short = messages.iter().all(|(_, len, ..)| *len < 1500);
        for (kind, len, seed, flush) in messages {
            if !taken_over {
                zlib.reset();
            }
            let body = body(kind, len, seed);
            let (one, two) = body.split_at(len / 3);
            let flush = [FlushCompress::None, FlushCompress::Partial, FlushCompress::Sync, FlushCompress::Full][flush];
            let payload = [zlib.part(one, flush), zlib.message(two)].concat();
            let (whole, outcome) = message_in(&mut inflater, MessageKind::Binary, &cut(&payload, &cuts), &outs);
            prop_assert_eq!(outcome, Ok(()));
            prop_assert!(whole == body);
            if short {
                prop_assert!(naive.message(&payload).0 == body);
            }
        }
    }

    /// Large outputs, where the fast path does most of the work.
    #[test]
    fn inflater_reads_large_messages(
        level in 0u32..10,
        messages in prop::collection::vec((0usize..5, 0usize..200_000, any::<u64>()), 1..4),
        cuts in prop::collection::vec(1usize..50_000, 1..4),
        outs in prop::collection::vec(1usize..70_000, 1..4),
    ) {
        let mut zlib = ZlibDeflate::new(level, 15);
        let mut inflater = inflater(15);
        for (kind, len, seed) in messages {
            let body = body(kind, len, seed);
            let payload = zlib.message(&body);
            let (whole, outcome) = message_in(&mut inflater, MessageKind::Binary, &cut(&payload, &cuts), &outs);
            prop_assert_eq!(outcome, Ok(()));
            prop_assert!(whole == body);
        }
    }

    /// For any bytes at any cut, the result and the output are those of the naive inflater.
    #[test]
    fn inflater_agrees_with_the_naive_one_on_any_bytes(
        payload in prop::collection::vec(any::<u8>(), 0..80),
        start in 0u8..8,
        bits in 8u8..16,
        cuts in prop::collection::vec(1usize..20, 1..4),
        outs in prop::collection::vec(1usize..600, 1..4),
    ) {
        let mut payload = payload;
        if let Some(first) = payload.first_mut() {
            *first = *first & !7 | start;
        }
        compare_with_naive(&payload, bits, &cuts, &outs)?;
    }

    /// The same for messages deflated by zlib, with a few bits changed, or truncated.
    #[test]
    fn inflater_agrees_with_the_naive_one_on_damaged_messages(
        level in 0u32..10,
        (kind, len, seed) in (0usize..5, 0usize..700, any::<u64>()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4),
        truncated: bool,
        bits in 8u8..16,
        cuts in prop::collection::vec(1usize..100, 1..4),
        outs in prop::collection::vec(1usize..600, 1..4),
    ) {
        let mut payload = ZlibDeflate::new(level, 15).message(&body(kind, len, seed));
        for (at, bit) in damage {
            if truncated {
                payload.truncate(at.index(payload.len()) + 1);
            } else {
                let at = at.index(payload.len());
                payload[at] ^= 1 << bit;
            }
        }
        compare_with_naive(&payload, bits, &cuts, &outs)?;
    }
}

fn compare_with_naive(payload: &[u8], bits: u8, cuts: &[usize], outs: &[usize]) -> Result<(), TestCaseError> {
    const LIMIT: usize = 1000;
    let (naive, expected) = Naive::new(1 << bits, true, LIMIT).message(payload);
    for (cuts, outs) in [(cuts, outs), (&[1][..], &[1][..]), (&[1 << 20], &[1 << 20])] {
        let direction = Direction { window_bits: bits, ..Direction::DEFAULT };
        let mut inflater = Inflater::new(vec![0; direction.window_size()], direction, LIMIT as u64);
        let (whole, outcome) = message_in(&mut inflater, MessageKind::Binary, &cut(payload, cuts), outs);
        prop_assert_eq!(outcome, expected);
        // A call that returns an error does not return the output that it had before it.
        let agree = if expected.is_ok() { whole == naive } else { naive.starts_with(&whole) };
        prop_assert!(agree, "other bytes");
    }
    Ok(())
}
