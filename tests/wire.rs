//! The types of the layer `wire`, compared with naive implementations: headers, masks, Close frames and UTF-8 (RFC 6455
//! sections 5.2, 5.3, 5.5.1, 7.4 and 8.1).

use barews::connection::{Config, MessageKind};
use barews::wire::{
    CloseCode, CloseFrame, FrameHeader, MAX_CONTROL_FRAME, MAX_CONTROL_PAYLOAD, Mask, Opcode, Rsv, Utf8Validator,
};
use barews::{Client, ProtocolError, SendError, Server};
use barews_testkit::{Entry, Host, Keys, Side, oracle, raw};
use core::fmt::Debug;

/// Lengths around those at which the length field changes its form.
const LENGTHS: [u64; 15] =
    [0, 1, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537, 1 << 32, (1 << 63) - 1];

/// [6455-5.5-1]: at most 125 bytes of payload.
#[test]
fn control_frame_is_at_most_131_bytes_long() {
    let payload_len = MAX_CONTROL_PAYLOAD as u64;
    let header =
        FrameHeader { fin: true, rsv: Rsv::NONE, opcode: Opcode::PING, masking_key: Some([0; 4]), payload_len };
    assert_eq!(header.encode().as_bytes().len() + MAX_CONTROL_PAYLOAD, MAX_CONTROL_FRAME);
    assert_eq!(MAX_CONTROL_FRAME, 131);
}

/// [6455-5.2-7]: bits that do not fit into the header's fields are dropped.
#[test]
fn header_drops_the_64th_bit_of_a_length() {
    let header = FrameHeader {
        fin: true,
        rsv: Rsv::from_bits(9),
        opcode: Opcode::BINARY,
        masking_key: None,
        payload_len: u64::MAX,
    };
    assert_eq!(header.encode().as_bytes(), [&[0x92, 0x7f, 0x7f][..], &[0xff; 7]].concat());
}

/// Every first byte with every form of length, masked and unmasked, is encoded as by a naive writer, and parsed again. An
/// incomplete header yields `None`.
#[test]
fn header_encodes_and_parses_like_a_naive_writer() {
    for first in 0..=255u8 {
        for payload_len in LENGTHS {
            for masking_key in [None, Some([0, 0, 0, 0]), Some([0x37, 0xfa, 0x21, 0x3d])] {
                let (fin, rsv, opcode) = (first & 0x80 != 0, Rsv::from_bits(first >> 4), Opcode::from_bits(first));
                let header = FrameHeader { fin, rsv, opcode, masking_key, payload_len };
                let bytes = raw::header(first, masking_key, payload_len);
                let form = "[6455-5.2-5] [6455-5.2-6] [6455-5.2-7] [6455-5.2-8]";
                assert_eq!(header.encode().as_bytes(), bytes, "{form}");
                assert!(bytes.len() <= FrameHeader::MAX_LEN);
                for end in 0..bytes.len() {
                    assert_eq!(FrameHeader::parse(&bytes[..end]), Ok(None), "{bytes:02x?} up to {end}");
                }
                let (ids, expected) = match opcode.is_control() {
                    true if !fin => ("[6455-5.5-2]", Err(ProtocolError::FragmentedControl)),
                    true if payload_len > 125 => ("[6455-5.5-1]", Err(ProtocolError::ControlTooLong)),
                    _ => (form, Ok(Some((header, bytes.len())))),
                };
                assert_eq!(FrameHeader::parse(&bytes), expected, "{ids} {bytes:02x?}");
                let longer = [&bytes[..], &[0xFF; 9]].concat();
                assert_eq!(FrameHeader::parse(&longer), expected, "bytes after the header are ignored");
            }
        }
    }
}

/// A length that is not in its shortest form, or above 2^63 - 1, is refused. [6455-5.2-7] [6455-5.2-8]
#[test]
fn length_not_in_its_shortest_form_is_refused() {
    for len in 0..=0xFFFFu16 {
        let bytes = [&[0x82, 126][..], &len.to_be_bytes()].concat();
        let expected = if len < 126 { Some(ProtocolError::LengthNotMinimal) } else { None };
        assert_eq!(FrameHeader::parse(&bytes).err(), expected, "{len}");
        let bytes = [&[0x82, 127][..], &u64::from(len).to_be_bytes()].concat();
        assert_eq!(FrameHeader::parse(&bytes), Err(ProtocolError::LengthNotMinimal), "{len}");
    }
    for len in [1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX] {
        let bytes = [&[0x82, 127][..], &len.to_be_bytes()].concat();
        assert_eq!(FrameHeader::parse(&bytes), Err(ProtocolError::LengthTooLarge), "{len}");
    }
}

/// [6455-5.2-4]
#[test]
fn opcode_reports_whether_it_is_control_or_reserved() {
    let table = [
        (Opcode::CONTINUATION, 0x0, false, false),
        (Opcode::TEXT, 0x1, false, false),
        (Opcode::BINARY, 0x2, false, false),
        (Opcode::CLOSE, 0x8, true, false),
        (Opcode::PING, 0x9, true, false),
        (Opcode::PONG, 0xA, true, false),
    ];
    let reserved = [3, 4, 5, 6, 7].map(|bits| (Opcode::from_bits(bits), bits, false, true));
    let reserved_control = [11, 12, 13, 14, 15].map(|bits| (Opcode::from_bits(bits), bits, true, true));
    let all: Vec<_> = table.into_iter().chain(reserved).chain(reserved_control).collect();
    assert_eq!(all.len(), 16);
    for (opcode, bits, is_control, is_reserved) in all {
        assert_eq!((opcode.bits(), opcode.is_control(), opcode.is_reserved()), (bits, is_control, is_reserved));
        assert_eq!(Opcode::from_bits(0xF0 | bits), opcode, "the high bits are ignored");
    }
}

/// Masking is octet i XOR key octet i mod 4, at any cut. Masking twice restores the original. [6455-5.3-5]
#[test]
fn mask_is_the_same_at_every_cut() {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    for len in (0..40).chain([64, 127, 128, 255, 256, 300, 600]) {
        let plain: Vec<u8> = (0..len).map(|i| (i * 31 + 7) as u8).collect();
        for cut in 0..=len {
            let mut masked = plain.clone();
            let mut mask = Mask::new(key);
            mask.apply(&mut masked[..cut]);
            mask.apply(&mut masked[cut..]);
            assert_eq!(masked, raw::mask(key, 0, &plain), "{len} bytes, cut at {cut}");
            Mask::new(key).apply(&mut masked);
            assert_eq!(masked, plain);
        }
    }
}

/// Every possible status code, received and sent.
#[test]
fn close_code_is_allowed_if_the_rfc_allows_it() {
    for code in 0..=u16::MAX {
        let allowed = oracle::may_be_sent(code);
        let ids = match code {
            ..1000 => "6455-7.4.2-1",
            1004 => "6455-7.4.1-6",
            1005 => "6455-7.4.1-3",
            1006 => "6455-7.4.1-4",
            1015 => "6455-7.4.1-5",
            1000..3000 if allowed => "6455-7.4.1-1",
            1000..3000 => "6455-7.4.2-2",
            _ => "6455-7.4.2-3",
        };
        assert_eq!(CloseCode(code).is_allowed(), allowed, "[{ids}] {code}");
        let received = CloseFrame::parse(&code.to_be_bytes()).map(|close| close.map(|close| close.code().0));
        assert_eq!(
            received,
            if allowed { Ok(Some(code)) } else { Err(ProtocolError::InvalidCloseCode) },
            "[{ids}] {code}"
        );
        let sent = CloseFrame::new(CloseCode(code), "").map(|close| close.code().0);
        assert_eq!(sent, if allowed { Ok(code) } else { Err(SendError::CloseCode) }, "[{ids}] {code}");
    }
}

/// Each error closes the connection with its status code. [6455-7.4.1-9]
#[test]
fn error_closes_with_its_code() {
    use ProtocolError as E;
    let table = [
        (E::ReservedBits, 1002),
        (E::ReservedOpcode, 1002),
        (E::FragmentedControl, 1002),
        (E::ControlTooLong, 1002),
        (E::LengthNotMinimal, 1002),
        (E::LengthTooLarge, 1002),
        (E::NotMasked, 1002),
        (E::Masked, 1002),
        (E::UnexpectedContinuation, 1002),
        (E::ExpectedContinuation, 1002),
        (E::InvalidUtf8, 1007),
        (E::InvalidClosePayload, 1002),
        (E::InvalidCloseCode, 1002),
        (E::FrameTooBig, 1009),
        (E::MessageTooBig, 1009),
        (E::TooManyFragments, 1008),
        (E::UnexpectedEof, 1006),
    ];
    for (error, code) in table {
        assert_eq!(error.close_code().0, code, "{error:?}");
        assert_eq!(error.close_code().is_allowed(), error != E::UnexpectedEof);
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn error_text_says_what_is_wrong() {
    assert_eq!(ProtocolError::Masked.to_string(), "frame from a server is masked");
    assert_eq!(SendError::Closing.to_string(), "connection is closing");
    assert_eq!(SendError::BufferTooSmall { need: 6 }.to_string(), "output buffer too small: 6 bytes are needed");
}

/// Close reasons of every length, and with valid and invalid UTF-8. [6455-5.5.1-2] [6455-5.5.1-3] [6455-8.1-1]
#[test]
fn close_reason_is_utf8_of_at_most_123_bytes() {
    assert_eq!(CloseFrame::MAX_REASON, 123);
    for len in 0..=125 {
        let reason = "r".repeat(len);
        let close = CloseFrame::new(CloseCode::NORMAL, &reason);
        if len > 123 {
            assert_eq!(close, Err(SendError::PayloadTooLong));
        } else {
            assert_eq!(close.map(|close| close.reason()), Ok(&reason[..]));
            let payload = [&[0x03, 0xE8], reason.as_bytes()].concat();
            assert_eq!(CloseFrame::parse(&payload).unwrap(), close.ok());
        }
    }
    assert_eq!(CloseFrame::parse(&[]), Ok(None));
    for byte in 0..=255 {
        assert_eq!(CloseFrame::parse(&[byte]), Err(ProtocolError::InvalidClosePayload));
    }
    for vector in utf8_vectors() {
        let reason = vector.pieces.concat();
        let payload = [&[0x03, 0xE8], &reason[..]].concat();
        match CloseFrame::parse(&payload) {
            Ok(close) => {
                assert_eq!((close.unwrap().reason().as_bytes(), vector.expected), (&reason[..], Expected::Valid))
            }
            Err(error) => {
                assert!(error == ProtocolError::InvalidUtf8 && vector.expected != Expected::Valid, "{}", vector.case)
            }
        }
    }
}

/// The expected result for a sequence in `data/utf8`; its README describes the format.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Expected {
    Valid,
    /// Valid so far, but it ends inside a character.
    End,
    /// The byte at this index is invalid.
    Index(usize),
}

struct Vector {
    case: String,
    pieces: Vec<Vec<u8>>,
    expected: Expected,
}

fn utf8_vectors() -> Vec<Vector> {
    let files = [include_str!("data/utf8/autobahn.tsv"), include_str!("data/utf8/kuhn.tsv")];
    let hex =
        |piece: &str| (0..piece.len()).step_by(2).map(|i| u8::from_str_radix(&piece[i..i + 2], 16).unwrap()).collect();
    let vector = |line: &str| {
        let [case, pieces, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        let pieces: Vec<Vec<u8>> = pieces.split('|').map(hex).collect();
        let expected = match expected {
            "valid" => Expected::Valid,
            "end" => Expected::End,
            index => Expected::Index(index.parse().unwrap()),
        };
        Vector { case: case.to_owned(), pieces, expected }
    };
    let vectors: Vec<_> =
        files.iter().flat_map(|file| file.lines()).filter(|line| !line.starts_with('#')).map(vector).collect();
    assert!(vectors.len() > 200, "only {} vectors", vectors.len());
    vectors
}

/// At every cut into two pieces, the validator fails in the piece with the first invalid byte. [6455-8.1-1] [6455-5.6-1]
#[test]
fn utf8_validator_fails_at_the_first_invalid_byte_at_every_cut() {
    for Vector { case, pieces, expected } in utf8_vectors() {
        let text = pieces.concat();
        for cut in 0..=text.len() {
            let mut utf8 = Utf8Validator::new();
            let (first, second) = (utf8.push(&text[..cut]), &text[cut..]);
            if let Expected::Index(wrong) = expected {
                assert_eq!(first.is_err(), wrong < cut, "{case}, cut at {cut}");
                assert!(first.is_err() || utf8.push(second).is_err(), "{case}, cut at {cut}");
            } else {
                assert!(first.is_ok() && utf8.push(second).is_ok(), "{case}, cut at {cut}");
                assert_eq!(utf8.finish().is_ok(), expected == Expected::Valid, "{case}, cut at {cut}");
                assert_eq!(utf8.is_complete(), expected == Expected::Valid, "{case}, cut at {cut}");
            }
        }
    }
}

/// The connection fails at the first invalid byte, whether the text is in one frame or in fragments with Pings between them. A
/// text that ends inside a character fails at its end. [6455-8.1-1] [6455-5.6-1] [6455-7.4.1-9]
#[test]
fn text_message_fails_at_the_first_invalid_byte() {
    fn check<R: Side + Debug>(case: &str, pieces: &[&[u8]], expected: Expected) {
        let key = R::IS_SERVER.then_some([0x37, 0xfa, 0x21, 0x3d]);
        let mut host = Host::<R>::new(&Config::DEFAULT);
        let (mut seen, mut failed_at) = (0, None);
        let fails = |host: &Host<R>| host.log.entries.contains(&Entry::Error(ProtocolError::InvalidUtf8));
        for (i, piece) in pieces.iter().enumerate() {
            let first = if i == 0 { 0x01 } else { 0x00 } | if i + 1 == pieces.len() { 0x80 } else { 0 };
            let frame = raw::frame(first, key, piece);
            let (header, payload) = frame.split_at(frame.len() - piece.len());
            host.feed(header);
            for byte in payload {
                host.feed(&[*byte]);
                if fails(&host) {
                    failed_at.get_or_insert(seen);
                }
                seen += 1;
            }
            if i + 1 < pieces.len() {
                host.feed(&raw::frame(0x89, key, &[0xFF]));
            }
        }
        let messages = host.log.messages();
        match expected {
            Expected::Valid => assert_eq!(messages, [(MessageKind::Text, pieces.concat())], "{case}"),
            Expected::Index(wrong) => assert_eq!((failed_at, messages), (Some(wrong), vec![]), "{case}, {pieces:02x?}"),
            Expected::End => {
                // At its last byte, or at the empty fragment that ends the message.
                assert!(fails(&host) && failed_at.is_none_or(|at| at + 1 == seen), "{case}, {pieces:02x?}");
                assert!(messages.is_empty());
            }
        }
        assert_eq!(host.log.entries.contains(&Entry::Error(ProtocolError::InvalidUtf8)), expected != Expected::Valid);
    }
    for Vector { case, pieces, expected } in utf8_vectors() {
        let text = pieces.concat();
        let as_given: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let in_two = (0..=text.len()).map(|cut| vec![&text[..cut], &text[cut..]]);
        for fragments in in_two.chain([as_given, vec![&text]]) {
            check::<Server>(&case, &fragments, expected);
            check::<Client<Keys>>(&case, &fragments, expected);
        }
    }
}

/// A text in one frame and one read, as most texts arrive, yields either a message or an error, never both. [6455-8.1-1]
#[test]
fn text_message_in_one_read_is_valid_or_an_error() {
    fn check<R: Side + Debug>(text: &[u8], expected: Expected) {
        let mut host = Host::<R>::new(&Config::DEFAULT);
        host.feed(&raw::frame(0x81, R::IS_SERVER.then_some([1, 2, 3, 4]), text));
        let expected = match expected {
            Expected::Valid => Entry::Message(MessageKind::Text, 0, text.to_vec()),
            _ => Entry::Error(ProtocolError::InvalidUtf8),
        };
        assert_eq!(host.log.received(), [expected], "{text:02x?}");
    }
    for Vector { pieces, expected, .. } in utf8_vectors() {
        // After texts of every length, so that the invalid byte is at every position of the validator's windows.
        for len in 0..70 {
            let text = [&vec![b'a'; len][..], &pieces.concat()].concat();
            check::<Server>(&text, expected);
            check::<Client<Keys>>(&text, expected);
        }
    }
}

/// Two mistakes in one text do not cancel each other, wherever they are in the blocks that the validator reads.
#[test]
fn text_with_two_mistakes_is_refused() {
    let mistakes = [&b"\xff"[..], b"\xe0\x80", b"\xed\xa0", b"\xf0\x8f", b"\xf4\x90", b"\xc0", b"\xf8", b"\x80"];
    for len in [20, 127, 128, 200, 1000] {
        for (first, last) in mistakes.iter().flat_map(|first| mistakes.map(|last| (first, last))) {
            for at in [0, 1, len / 2, len] {
                let text = [&vec![b'a'; at][..], first, &vec![b'a'; len - at], last].concat();
                assert!(Utf8Validator::new().push(&text).is_err(), "{first:x?} at {at}, {last:x?} at the end of {len}");
            }
        }
    }
}
