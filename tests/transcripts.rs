//! Plays the files in `transcripts`, one rule each, at every cut, and the RFC's own examples (RFC 6455 section 5.7).

use barews::connection::Written;
use barews::wire::Rsv;
use barews::{Client, Server};
use barews_testkit::player::Reads;
use barews_testkit::transcript::Transcript;
use barews_testkit::{Entry, Host, Keys, Side, oracle, raw};
use barews_tests::transcripts;

fn play(transcript: &Transcript, reads: Reads) {
    if transcript.is_server {
        transcript.play::<Server>(reads);
    } else {
        transcript.play::<Client<Keys>>(reads);
    }
}

#[test]
fn transcripts_pass_line_by_line() {
    transcripts().iter().for_each(|transcript| play(transcript, Reads::Lines));
}

#[test]
fn transcripts_pass_in_one_read() {
    transcripts().iter().for_each(|transcript| play(transcript, Reads::Whole));
}

#[test]
fn transcripts_pass_byte_by_byte() {
    transcripts().iter().for_each(|transcript| play(transcript, Reads::Bytes));
}

#[test]
fn transcripts_pass_at_every_cut() {
    for transcript in transcripts() {
        (1..transcript.input().len()).for_each(|at| play(&transcript, Reads::Cut(at)));
    }
}

/// Every transcript has a rule, an input and an expectation. The announced numbers of connections ensure that each is played.
#[test]
fn every_transcript_has_a_rule_an_input_and_an_expectation() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("# "), "{path:?} begins with its rule");
            for connection in text.split("\n---") {
                let has =
                    |starts: &[&str]| connection.lines().any(|line| starts.iter().any(|start| line.starts_with(start)));
                assert!(has(&["> ", "send ", "eof"]) && has(&["< ", "= ", "? "]), "{path:?}: {connection}");
            }
            files += 1;
        }
    }
    assert!(files >= 80, "only {files} transcripts were found");
}

const HEADER: &str = "role both\nconnections server 1 client 1\n";

/// A transcript fails if its expectations do not match what happens.
#[test]
fn player_panics_on_an_unmet_expectation() {
    let right = format!("{HEADER}> 89 {{02}} \"Hi\"\n= ping \"Hi\"\n< 8a {{02}} \"Hi\"\n? state Open clean no\n");
    let wrong = [
        ("> 89", "> 8a"),
        ("= ping \"Hi\"", "= ping \"Ho\""),
        ("= ping \"Hi\"\n", ""),
        ("< 8a {02} \"Hi\"", "< 8a {02} \"Ho\""),
        ("< 8a {02} \"Hi\"\n", ""),
        ("state Open", "state Closing"),
        ("clean no", "clean yes"),
    ];
    let passes = |text: &str, is_server, reads| {
        let all = Transcript::parse("wrong", text, is_server);
        std::panic::catch_unwind(|| all.iter().for_each(|transcript| play(transcript, reads))).is_ok()
    };
    for is_server in [true, false] {
        for reads in [Reads::Lines, Reads::Whole, Reads::Bytes, Reads::Cut(3)] {
            assert!(passes(&right, is_server, reads));
            for (from, to) in wrong {
                assert!(right.contains(from) && !passes(&right.replace(from, to), is_server, reads), "{from:?}");
            }
        }
    }
}

/// The parser ignores nothing. Each text breaks one rule of the format, and the panic names the line and the rule.
#[test]
fn parser_panics_on_a_malformed_transcript() {
    let after_header = [
        // The role: once, at the top, with its numbers of connections.
        ("role server", 3, "a second role"),
        ("eof\n---\nrole server\neof", 5, "a second role"),
        ("connections server 1 client 1", 3, "a second line with the connections"),
        ("eof\n---\neof", 2, "1 connections for a server are announced, and 2 follow"),
        ("", 2, "nothing happens in the last connection"),
        ("eof\n---\n---\neof", 5, "nothing happens in the connection before"),
        // Lines that the format does not have, or not at this place.
        ("> 81 {00}\nconfig max_fragments 3", 4, "a config comes before"),
        ("config max_frames 3", 3, "an unknown field of Config"),
        ("config max_fragments", 3, "a value is missing"),
        ("config max_fragments many", 3, "many is not a number"),
        ("config extension_rsv 256", 3, "256 is not a number, or too large"),
        ("config extension_opcode 16", 3, "an opcode is below 16"),
        ("rol server", 3, "an unknown line"),
        (" > 81 {00}", 3, "an unknown line"),
        ("-- -", 3, "an unknown line"),
        ("--- role server", 3, "an unknown line"),
        ("eof now", 3, "an unknown line"),
        ("fail NoSuchError", 3, "an unknown error"),
        // The contents of the lines.
        ("> 8", 3, "8 is not hex"),
        ("> 8x", 3, "8x is not hex"),
        ("> +1", 3, "+1 is not hex"),
        ("> 61*x", 3, "x is not a number"),
        ("> 81 {02", 3, "a brace is missing"),
        ("> 81 {0100} 00", 3, "a length has 1, 3 or 9 bytes"),
        ("> 81 {02} \"Hi", 3, "a quotation mark is missing"),
        ("> .. 00", 3, "there is nothing to continue"),
        ("< .. 00", 3, "there is nothing to continue"),
        ("= txt \"Hi\"", 3, "an unknown event"),
        ("= text {02}", 3, "a length in the wrong place"),
        ("= close", 3, "a word is missing"),
        ("= error Masked twice", 3, "more than the event has"),
        ("send txt \"Hi\"", 3, "an unknown action"),
        ("send", 3, "a word is missing"),
        ("send frame text last 2", 3, "neither fin nor more"),
        ("send frame text fin", 3, "a word is missing"),
        ("send frame text fin 2 bits 4", 3, "a frame has a length"),
        ("send close 1000 ff", 3, "a reason is UTF-8"),
        ("send control 300", 3, "300 is not a number, or too large"),
        ("?", 3, "a question is missing"),
        ("? stat Open", 3, "an unknown question"),
        ("? state", 3, "a word is missing"),
    ];
    let whole = [
        ("eof", 1, "the role and the connections come first"),
        ("# nothing", 1, "the role and the connections are missing"),
        ("role both\neof", 2, "the role and the connections come first"),
        ("role peer\nconnections peer 1\neof", 1, "an unknown role"),
        ("connections server 1\nrole server\neof", 1, "after the line with the role"),
        ("role both\nconnections server 1\neof", 2, "each role has its number of connections"),
        ("role server\nconnections client 1\neof", 2, "each role has its number of connections"),
        ("role server\nconnections server\neof", 2, "each role has its number of connections"),
        ("role server\nconnections server one\neof", 2, "one is not a number"),
        ("role server\nconnections server 2\neof", 2, "2 connections for a server are announced, and 1 follow"),
    ];
    let whole = whole.map(|(text, line, reason)| (text.to_owned(), line, reason));
    let all = after_header.map(|(text, line, reason)| (format!("{HEADER}{text}"), line, reason));
    for (text, line, reason) in all.into_iter().chain(whole) {
        let outcome = std::panic::catch_unwind(|| Transcript::parse("malformed", &text, true).len());
        let panic = outcome.expect_err(&text).downcast::<String>().expect("a message");
        assert!(panic.starts_with(&format!("malformed.txt:{line}: ")) && panic.contains(reason), "{text:?}: {panic}");
    }
    // Each number is compared with the connections for its role.
    let wrong = "role both\nconnections server 1 client 2\neof";
    assert_eq!(Transcript::parse("malformed", wrong, true).len(), 1);
    let panic = std::panic::catch_unwind(|| Transcript::parse("malformed", wrong, false).len()).unwrap_err();
    assert!(panic.downcast::<String>().unwrap().contains("2 connections for a client are announced, and 1 follow"));
}

/// [6455-5.7-1]: the frames in RFC 6455 section 5.7 are parsed and encoded as shown there.
#[test]
fn section_5_7_examples_are_received_as_shown() {
    let table = include_str!("data/rfc6455/frames.tsv");
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 8);
    // A row is one frame: its header with the masking key, its payload as sent, and its payload. `*N` is any N bytes.
    let bytes = |field: &str| match field.strip_prefix('*') {
        Some(len) => vec![b'x'; len.parse().unwrap()],
        None => (0..field.len()).step_by(2).map(|at| u8::from_str_radix(&field[at..at + 2], 16).unwrap()).collect(),
    };
    for row in &rows {
        let [name, fin, opcode, key, header, as_sent, payload] = row[..] else { panic!("{row:?}") };
        let (header, as_sent, payload) = (bytes(header), bytes(as_sent), bytes(payload));
        let (parsed, len) = barews::wire::FrameHeader::parse(&header).unwrap().unwrap();
        assert_eq!(len, header.len(), "{name}");
        assert_eq!(
            (u8::from(parsed.fin).to_string(), format!("{:x}", parsed.opcode.bits())),
            (fin.into(), opcode.into())
        );
        assert_eq!((parsed.payload_len, parsed.rsv), (payload.len() as u64, Rsv::NONE), "{name}");
        assert_eq!(parsed.masking_key.map(Vec::from).unwrap_or_default(), bytes(key.trim_matches('-')), "{name}");
        assert_eq!(parsed.encode().as_bytes(), header, "{name}");
        assert_eq!(raw::mask(parsed.masking_key.unwrap_or_default(), 0, &as_sent), payload, "{name}");
        // The example's last fragment needs its first fragment before it.
        let mut stream = if opcode == "0" { bytes("010348656c") } else { Vec::new() };
        stream.extend(header.iter().chain(&as_sent));
        if parsed.masking_key.is_some() {
            assert_received::<Server>(name, &stream);
        } else {
            assert_received::<Client<Keys>>(name, &stream);
        }
    }
}

/// Checks that `stream` is received without an error, as by the naive receiver.
fn assert_received<R: Side + core::fmt::Debug>(name: &str, stream: &[u8]) {
    for sizes in [usize::MAX, 1, 1000] {
        let mut host = Host::<R>::new(&Default::default());
        host.feed_cut(stream, &[sizes]);
        assert_eq!(host.log, oracle::expect(R::IS_SERVER, &Default::default(), stream), "{name}");
        assert!(!host.log.entries.iter().any(|entry| matches!(entry, Entry::Error(_))), "{name}");
        assert!(!host.log.entries.is_empty() || host.log.unfinished.is_some(), "{name}");
    }
}

/// [6455-5.7-1]: the engine sends the frames in RFC 6455 section 5.7 byte for byte.
#[test]
fn section_5_7_examples_are_sent_as_shown() {
    use barews::connection::MessageKind::{Binary, Text};
    use barews::{Connection, connection::Config, connection::Outgoing};

    let mut server = Connection::new(Server, &Config { fragment_size: 3, ..Config::DEFAULT });
    let mut client = Connection::new(Client(|| [0x37, 0xfa, 0x21, 0x3d]), &Config::DEFAULT);
    let mut out = vec![0; 70_000];
    let len = server.write_unvalidated(Text, b"Hello", &mut out).unwrap().len();
    assert_eq!(out[..len], *b"\x81\x05\x48\x65\x6c\x6c\x6f");
    let len = client.write_unvalidated(Text, b"Hello", &mut out).unwrap().len();
    assert_eq!(out[..len], *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");

    let mut message = Outgoing::text("Hello");
    let len = server.write_fragment(&mut message, &mut out).unwrap().len();
    assert_eq!(out[..len], *b"\x01\x03\x48\x65\x6c");
    let len = server.write_fragment(&mut message, &mut out).unwrap().len();
    assert_eq!(out[..len], *b"\x80\x02\x6c\x6f");
    assert_eq!(server.write_fragment(&mut message, &mut out), Ok(Written(0)));

    let len = server.write_ping(b"Hello", &mut out).unwrap().len();
    assert_eq!(out[..len], *b"\x89\x05\x48\x65\x6c\x6c\x6f");
    assert!(client.receive(&mut out[..len]).unwrap().event.is_some());
    let len = client.poll_transmit(&mut out);
    assert_eq!(out[..len], *b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");

    let len = server.write_unvalidated(Binary, &[0; 256], &mut out).unwrap().len();
    assert_eq!((&out[..4], len), (&b"\x82\x7E\x01\x00"[..], 260));
    let len = server.write_unvalidated(Binary, &[0; 65536], &mut out).unwrap().len();
    assert_eq!((&out[..10], len), (&b"\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00"[..], 65546));
}
