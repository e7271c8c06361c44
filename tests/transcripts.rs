//! Plays the files in `transcripts`, one rule each, cut in every way, and the RFC's own examples (RFC 6455 section 5.7).

use barews::{Client, Server};
use barews_testkit::player::Reads;
use barews_testkit::transcript::Transcript;
use barews_testkit::{Entry, Host, Keys, Side, oracle, raw as wire};
use barews_tests::transcripts;

fn play(transcript: &Transcript, reads: Reads) {
    if transcript.is_server {
        transcript.play::<Server>(reads);
    } else {
        transcript.play::<Client<Keys>>(reads);
    }
}

#[test]
fn line_by_line() {
    transcripts().iter().for_each(|transcript| play(transcript, Reads::Lines));
}

#[test]
fn in_one_read() {
    transcripts().iter().for_each(|transcript| play(transcript, Reads::Whole));
}

#[test]
fn byte_by_byte() {
    transcripts().iter().for_each(|transcript| play(transcript, Reads::Bytes));
}

#[test]
fn cut_at_every_single_place() {
    for transcript in transcripts() {
        (1..transcript.input().len()).for_each(|at| play(&transcript, Reads::Cut(at)));
    }
}

/// A test that proves nothing: no input, no expectation, no rule.
#[test]
fn every_file_has_a_rule_and_something_happens_in_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let text = std::fs::read_to_string(&path).unwrap();
            let has = |starts: &[&str]| text.lines().any(|line| starts.iter().any(|start| line.starts_with(start)));
            assert!(text.starts_with("# ") && text.contains("\nrole "), "{path:?} begins with its rule, then the role");
            assert!(has(&["> ", "send ", "eof"]) && has(&["< ", "= ", "? "]), "{path:?}");
            files += 1;
        }
    }
    assert!(files >= 80, "only {files} transcripts were found");
}

/// The player itself: a transcript that is wrong in one place fails.
#[test]
fn a_wrong_transcript_fails() {
    let right = "> 89 {02} \"Hi\"\n= ping \"Hi\"\n< 8a {02} \"Hi\"\n? state Open clean no\n";
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
            assert!(passes(right, is_server, reads));
            for (from, to) in wrong {
                assert!(right.contains(from) && !passes(&right.replace(from, to), is_server, reads), "{from:?}");
            }
        }
    }
}

/// [6455-5.7-1]: the frames of RFC 6455 section 5.7 are read as shown, and written as shown.
#[test]
fn examples_of_section_5_7() {
    let table = include_str!("data/rfc6455/frames.tsv");
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 8);
    // A row is one frame: its header with the masking key, and its payload on the wire; `*N` is any N bytes.
    let bytes = |field: &str| match field.strip_prefix('*') {
        Some(len) => vec![b'x'; len.parse().unwrap()],
        None => (0..field.len()).step_by(2).map(|at| u8::from_str_radix(&field[at..at + 2], 16).unwrap()).collect(),
    };
    for row in &rows {
        let [name, fin, opcode, key, header, on_the_wire, payload] = row[..] else { panic!("{row:?}") };
        let (header, on_the_wire, payload) = (bytes(header), bytes(on_the_wire), bytes(payload));
        let (parsed, len) = barews::wire::FrameHeader::parse(&header).unwrap().unwrap();
        assert_eq!(len, header.len(), "{name}");
        assert_eq!(
            (u8::from(parsed.fin).to_string(), format!("{:x}", parsed.opcode.bits())),
            (fin.into(), opcode.into())
        );
        assert_eq!((parsed.payload_len, parsed.rsv), (payload.len() as u64, 0), "{name}");
        assert_eq!(parsed.masking_key.map(Vec::from).unwrap_or_default(), bytes(key.trim_matches('-')), "{name}");
        assert_eq!(parsed.encode().as_bytes(), header, "{name}");
        assert_eq!(wire::mask(parsed.masking_key.unwrap_or_default(), 0, &on_the_wire), payload, "{name}");
        // The last fragment alone continues nothing; the first fragment is put before it.
        let mut stream = if opcode == "0" { bytes("010348656c") } else { Vec::new() };
        stream.extend(header.iter().chain(&on_the_wire));
        if parsed.masking_key.is_some() {
            hear::<Server>(name, &stream);
        } else {
            hear::<Client<Keys>>(name, &stream);
        }
    }
}

/// `stream` is heard as a naive receiver hears it, and nothing is wrong with it.
fn hear<R: Side + core::fmt::Debug>(name: &str, stream: &[u8]) {
    for sizes in [usize::MAX, 1, 1000] {
        let mut host = Host::<R>::new(&Default::default());
        host.feed_cut(stream, &[sizes]);
        assert_eq!(host.log, oracle::expect(R::IS_SERVER, &Default::default(), stream), "{name}");
        assert!(!host.log.entries.iter().any(|entry| matches!(entry, Entry::Error(_))), "{name}");
        assert!(!host.log.entries.is_empty() || host.log.unfinished.is_some(), "{name}");
    }
}

/// [6455-5.7-1]: and the frames that we send, byte for byte.
#[test]
fn examples_of_section_5_7_sent() {
    use barews::connection::MessageKind::{Binary, Text};
    use barews::{Connection, connection::Config, connection::Outgoing};

    let mut server = Connection::new(Server, &Config { fragment_size: 3, ..Config::DEFAULT });
    let mut client = Connection::new(Client(|| [0x37, 0xfa, 0x21, 0x3d]), &Config::DEFAULT);
    let mut out = vec![0; 70_000];
    let len = server.message(Text, b"Hello", &mut out).unwrap();
    assert_eq!(out[..len], *b"\x81\x05\x48\x65\x6c\x6c\x6f");
    let len = client.message(Text, b"Hello", &mut out).unwrap();
    assert_eq!(out[..len], *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");

    let mut message = Outgoing::new(Text, b"Hello");
    let len = server.fragment(&mut message, &mut out).unwrap();
    assert_eq!(out[..len], *b"\x01\x03\x48\x65\x6c");
    let len = server.fragment(&mut message, &mut out).unwrap();
    assert_eq!(out[..len], *b"\x80\x02\x6c\x6f");
    assert_eq!(server.fragment(&mut message, &mut out), Ok(0));

    let len = server.ping(b"Hello", &mut out).unwrap();
    assert_eq!(out[..len], *b"\x89\x05\x48\x65\x6c\x6c\x6f");
    assert!(client.receive(&mut out[..len]).unwrap().event.is_some());
    let len = client.poll_transmit(&mut out);
    assert_eq!(out[..len], *b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");

    let len = server.message(Binary, &[0; 256], &mut out).unwrap();
    assert_eq!((&out[..4], len), (&b"\x82\x7E\x01\x00"[..], 260));
    let len = server.message(Binary, &[0; 65536], &mut out).unwrap();
    assert_eq!((&out[..10], len), (&b"\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00"[..], 65546));
}
