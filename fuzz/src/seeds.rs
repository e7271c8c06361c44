//! The seeds, built from the project's own data: the transcripts, the handshakes, and the lists of UTF-8. An input begins
//! with the fields of its target's `Input`, mostly zeros, and ends with bytes of the data.

use crate::naive;
use barews::connection::Config;
use barews_testkit::raw;
use barews_testkit::transcript::Transcript;
use std::fs;

/// A seed: its target and its bytes.
pub type Seed = (&'static str, Vec<u8>);

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests");

/// URIs that do not occur in the handshakes.
const URIS: [&str; 5] = [
    "wss://[1:2:3:4:5:6:7:8]:8443/",
    "ws://[1:2:3:4::5:6:7:8]",
    "WS://[::ffff:192.0.2.1]/?a=%20b",
    "ws://user@example.com",
    "ws://example.com:080/#",
];

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Returns all seeds.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    connections(&mut seeds);
    handshakes(&mut seeds);
    texts(&mut seeds);
    deflated(&mut seeds);
    seeds.extend(URIS.map(|uri| ("uri", uri.as_bytes().to_vec())));
    seeds.sort();
    seeds.dedup();
    seeds
}

/// Returns the target's inputs in `minimised/TARGET.txt`, one per line in hex.
pub fn minimised(target: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/minimised/{target}.txt", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap_or_default().lines().map(bytes).collect()
}

/// Returns the names of the targets: those of the files and folders in `src/bin`.
pub fn targets() -> Vec<String> {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin")).expect("the targets");
    let name = |entry: fs::DirEntry| entry.path().file_stem().expect("a name").to_string_lossy().into_owned();
    let mut names: Vec<_> = folder.map(|entry| name(entry.expect("a target"))).collect();
    names.sort();
    names
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

/// Adds the peer's bytes in the transcripts.
fn connections(seeds: &mut Vec<Seed>) {
    for transcript in Transcript::in_folder(&format!("{TESTS}/transcripts")) {
        let (server, stream) = (u8::from(transcript.is_server), transcript.input());
        let limits = limits(&transcript.config);
        seeds.push(("receive", [&[server][..], &limits, &[0], &[0; 4], &stream].concat()));
        if transcript.is_server {
            // The host drains at once, or after each read, and notes the end after the last read, or before it.
            for flags in [0, 2 | 4, 2 | 4 | 32, 4 | 32, 4 | 16] {
                let input = [&[0, 0, flags, 0, 0][..], &limits, &[0; 4], UPGRADE, &stream].concat();
                seeds.push(("server_session", input));
            }
        }
        let mut rest = &stream[..];
        while let Some(header) = raw::read_header(rest) {
            seeds.push(("header", [&[0; 21][..], &rest[..header.size]].concat()));
            let len = usize::try_from(header.len).unwrap_or(usize::MAX);
            let payload = &rest[header.size..];
            let (payload, after) = payload.split_at(len.min(payload.len()));
            if header.first == 0x88 {
                let payload = raw::mask(header.key.unwrap_or_default(), 0, payload);
                seeds.push(("close", [&[server][..], &[0; 8], &payload].concat()));
            }
            rest = after;
        }
    }
}

/// Encodes small limits as [`Limits`](crate::Limits) reads them.
fn limits(config: &Config) -> Vec<u8> {
    let small = |limit: u64| u8::try_from(limit.saturating_add(1)).unwrap_or(0);
    let mut bytes = vec![
        small(config.max_frame_size),
        small(config.max_message_size),
        small(config.max_fragments.into()),
        small(config.fragment_size.into()),
        config.extension_rsv.bits(),
    ];
    bytes.extend(config.extension_opcodes.to_le_bytes());
    bytes
}

fn handshakes(seeds: &mut Vec<Seed>) {
    for folder in ["handshakes", "rfc6455"] {
        for entry in fs::read_dir(format!("{TESTS}/data/{folder}")).expect("the project's data") {
            let path = entry.expect("a file").path();
            let stream = fs::read(&path).expect("a file");
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("req") => {
                    seeds.push(("server_handshake", [&[0; 11][..], &stream].concat()));
                    seeds.push(("server_session", [&[0; 16][..], &stream].concat()));
                    seeds.push(("differential", [&[0, 0, 0, 0x80][..], &stream].concat()));
                    request(&stream, seeds);
                }
                Some("resp") => {
                    // The client requested two subprotocols and permessage-deflate.
                    seeds.push(("client_handshake", [&[2, 1][..], &[0; 9], &stream].concat()));
                    seeds.push(("differential", [&[0, 0, 0, 0xC0][..], &stream].concat()));
                    let interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
                    seeds.push(("client_handshake", [&[2, 1][..], &[0; 9], interim, &stream].concat()));
                }
                _ => {}
            }
        }
    }
}

/// Adds the parts of a request.
fn request(stream: &[u8], seeds: &mut Vec<Seed>) {
    let naive::End::Complete(head) = naive::head(stream, |_| Ok(true)) else { return };
    for list in ["sec-websocket-extensions", "sec-websocket-protocol"].map(|name| head.values(name)) {
        seeds.extend((!list.is_empty()).then(|| ("lists", [&[0, 0][..], &list.join(&b'\n')].concat())));
    }
    if let Ok((_, _, target, _)) = naive::request_line(head.start_line) {
        seeds.push(("uri", target.clone().into_bytes()));
        for host in head.values("host") {
            seeds.push(("uri", [b"ws://", host, target.as_bytes()].concat()));
        }
    }
}

fn texts(seeds: &mut Vec<Seed>) {
    for file in ["autobahn", "kuhn"] {
        let table = fs::read_to_string(format!("{TESTS}/data/utf8/{file}.tsv")).expect("the project's data");
        for row in table.lines().skip(1) {
            let pieces = row.split('\t').nth(1).expect("a text in pieces");
            seeds.push(("utf8", [&[0; 12][..], &bytes(&pieces.replace('|', ""))].concat()));
        }
    }
}

/// Adds the RFC's examples of compressed messages, and a text of the project, plain and compressed by zlib-rs.
fn deflated(seeds: &mut Vec<Seed>) {
    for hex in [
        "f248cdc9c90700",
        "f200110000",
        "000500faff48656c6c6f00",
        "f348cdc9c9070000",
        "f248050000 00ffffcac9c90700",
        "00",
    ] {
        let payload = bytes(&hex.replace(' ', ""));
        seeds.push(("inflate", [&[0; 12][..], &payload].concat()));
    }
    let text = fs::read(format!("{TESTS}/data/rfc6455/README.md")).expect("the project's data");
    for level in 0..10 {
        for len in [20, 200, 2000] {
            let body = &text[..len.min(text.len())];
            let mut zlib = flate2::Compress::new(flate2::Compression::new(level), false);
            let mut payload = Vec::with_capacity(2 * body.len() + 1000);
            zlib.compress_vec(body, &mut payload, flate2::FlushCompress::Sync).expect("zlib-rs");
            payload.truncate(payload.len() - 4);
            seeds.push(("inflate", [&[0; 12][..], &payload].concat()));
            seeds.push(("inflate", [&[0; 12][..], &payload[..payload.len() / 2]].concat()));
            let fields = [level as u8 % 2, level as u8, 0, 0, level as u8, 0, 90, 0, 0, 0, 0, 0, 0, 0];
            seeds.push(("deflate", [&fields[..], body].concat()));
        }
    }
}

/// A target that is renamed takes its inputs along.
#[test]
fn stored_inputs_belong_to_targets() {
    let minimised = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/minimised")).expect("stored inputs");
    let file_stem = |entry: fs::DirEntry| entry.path().file_stem().unwrap().to_string_lossy().into_owned();
    for name in minimised.map(|entry| file_stem(entry.unwrap())) {
        assert!(targets().contains(&name), "minimised/{name}.txt has no target src/bin/{name}.rs");
    }
    let mut counts = std::collections::BTreeMap::<_, usize>::new();
    for (name, _) in all() {
        *counts.entry(name).or_default() += 1;
    }
    for (name, count) in counts {
        assert!(
            targets().contains(&name.to_owned()),
            "src/seeds.rs makes seeds for {name}, but there is no src/bin/{name}.rs"
        );
        let count = count + self::minimised(name).len();
        assert!(count >= 20, "{name} has only {count} inputs");
    }
}

/// Without these lines the fuzzer does not link, or `cargo test` fuzzes without end.
#[test]
fn targets_have_both_lines_of_a_target() {
    for name in targets() {
        let path = |file: &str| format!("{}/src/bin/{name}{file}", env!("CARGO_MANIFEST_DIR"));
        let text =
            fs::read_to_string(path(".rs")).or_else(|_| fs::read_to_string(path("/main.rs"))).expect("a program");
        for line in ["#![cfg_attr(fuzzing, no_main)]", "barews_fuzz::target!(|"] {
            assert!(text.lines().any(|it| it.starts_with(line)), "add to the target {name} the line: {line}");
        }
    }
}
