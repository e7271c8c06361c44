//! Attacks that broke other implementations do not break this one. There is one test for each attack on frames, closing and
//! text, named after what it proves; `handshake/hostile.rs` has the attacks on the handshake. To prove that work is linear,
//! these tests count calls and bytes, and `suites/linear` counts instructions. Neither measures time.

use barews::connection::{Config, Event, MessageKind, State, Transport};
use barews::deadlines::{Deadlines, Timeout, Timeouts};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME};
use barews::{Client, Connection, ProtocolError, Server};
use barews_testkit::{Drain, Entry, Host, Keys, Side, oracle, raw};
use core::fmt::Debug;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Returns a frame as the peer of an endpoint with this role sends it.
fn from_peer<R: Side>(first: u8, payload: &[u8]) -> Vec<u8> {
    raw::frame(first, R::IS_SERVER.then_some(KEY), payload)
}

/// RUSTSEC-2023-0065 (a header parsed again at every read): input of single bytes costs one call per byte, is not stored, and
/// its payload is reported as it arrives.
#[test]
fn receive_of_single_bytes_is_linear_work() {
    fn check<R: Side + Debug>() {
        let stream: Vec<u8> = (0..40u32).flat_map(|n| from_peer::<R>(0x82, &vec![n as u8; 40 * n as usize])).collect();
        let mut connection = Host::<R>::new(&Config::DEFAULT).connection;
        let (mut calls, mut reported) = (0, 0);
        for byte in &stream {
            let mut byte = [*byte];
            let received = connection.receive(&mut byte).unwrap();
            calls += 1;
            if let Some(Event::Data(chunk)) = received.event {
                reported += chunk.payload.len();
                assert!(chunk.payload.len() <= 1);
            }
            assert!(received.rest.is_empty(), "the one byte is consumed");
        }
        assert_eq!(calls, stream.len());
        assert_eq!(reported, (0..40).map(|n| 40 * n).sum::<usize>());
    }
    check::<Server>();
    check::<Client<Keys>>();
}

/// RUSTSEC-2022-0035, CVE-2020-27813 (allocations or sums based on declared lengths): a declared length reserves no memory and
/// overflows no sum, even after other fragments and between control frames. [6455-10.4-1]
#[test]
fn declared_length_reserves_no_memory_and_overflows_no_sum() {
    fn check<R: Side + Debug>() {
        let key = R::IS_SERVER.then_some(KEY);
        let unlimited = Config { max_frame_size: u64::MAX, max_message_size: u64::MAX, ..Config::DEFAULT };
        // Fragments whose declared lengths add up to more than 2^64. Their payloads never arrive in full.
        for len in [(1 << 63) - 1, 1 << 62, u64::from(u32::MAX), u64::from(u32::MAX) + 1] {
            let mut host = Host::<R>::new(&unlimited);
            host.feed(&from_peer::<R>(0x02, &[0; 3]));
            host.feed(&from_peer::<R>(0x89, b"ping"));
            host.feed(&raw::header(0x00, key, len));
            host.feed(&[0x61; 100]);
            assert_eq!(host.connection.unread_payload(), len - 100);
            assert_eq!(host.connection.state(), State::Open);
        }
        // With a limit, the header alone fails the connection, whatever fragments and control frames came before it.
        let limited = Config { max_message_size: 1000, max_frame_size: u64::MAX, ..Config::DEFAULT };
        for (before, len) in [(0, 1001), (1, 1000), (999, 2), (1000, 1), (500, (1 << 63) - 1)] {
            let mut host = Host::<R>::new(&limited);
            host.feed(&from_peer::<R>(0x02, &vec![0; before]));
            host.feed(&from_peer::<R>(0x89, &[0; 125]));
            host.feed(&raw::header(0x80, key, len));
            assert_eq!(host.log.entries.iter().rev().nth(1), Some(&Entry::Error(ProtocolError::MessageTooBig)));
        }
    }
    check::<Server>();
    check::<Client<Keys>>();
}

/// CVE-2026-43678, CVE-2020-13935 (a length with its most significant bit set): the connection closes with 1002, and every call
/// makes progress. [6455-5.2-7]
#[test]
fn length_with_its_most_significant_bit_set_closes_with_1002() {
    fn check<R: Side + Debug>() {
        for len in [1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX] {
            for first in [0x81, 0x82, 0x02, 0x89, 0x88] {
                let stream = [&raw::header(first, R::IS_SERVER.then_some(KEY), len)[..], b"more"].concat();
                for size in [1, 2, 9, 100] {
                    let mut host = Host::<R>::new(&Config::DEFAULT);
                    host.feed_cut(&stream, &[size]);
                    assert_eq!(host.log.sent(), [(0x88, vec![0x03, 0xEA])]);
                    assert_eq!(host.log.received().len(), 1);
                }
            }
        }
    }
    check::<Server>();
    check::<Client<Keys>>();
}

/// RUSTSEC-2020-0043, ping floods (a Pong queued for each Ping): a peer that floods Pings and never reads costs no memory. Only
/// the newest Ping is answered. [6455-5.5.3-2]
#[test]
fn flood_of_pings_leaves_one_pong() {
    fn check<R: Side + Debug>() {
        let mut connection = Host::<R>::new(&Config::DEFAULT).connection;
        let mut stream: Vec<u8> = (0..50_000u32).flat_map(|n| from_peer::<R>(0x89, &n.to_be_bytes())).collect();
        let (mut rest, mut pings) = (&mut stream[..], 0u32);
        while let received = connection.receive(rest).unwrap()
            && let Some(event) = received.event
        {
            rest = received.rest;
            assert_eq!(event, Event::Ping);
            assert_eq!(connection.control_payload(), pings.to_be_bytes());
            assert!(connection.buffered_amount() <= MAX_CONTROL_FRAME as u64);
            pings += 1;
        }
        assert_eq!(pings, 50_000);
        let mut out = [0; MAX_CONTROL_FRAME];
        let len = connection.poll_transmit(&mut out);
        assert_eq!(raw::frames(&out[..len]), [(0x8A, 49_999u32.to_be_bytes().to_vec())]);
        assert_eq!(connection.poll_transmit(&mut out), 0);
    }
    check::<Server>();
    check::<Client<Keys>>();
}

/// The same while a frame of ours is in progress, because the peer does not read: no Pong is written inside that frame.
#[test]
fn flood_of_pings_inside_a_frame_is_answered_after_it() {
    let mut host = Host::<Server>::new(&Config::DEFAULT);
    host.begin_frame(MessageKind::Binary, true, 0, 1000).unwrap();
    for n in 0..10_000u32 {
        host.feed(&from_peer::<Server>(0x89, &vec![n as u8; n as usize % 126]));
    }
    assert_eq!(host.replies, []);
    host.write_payload(&[0; 1000]).unwrap();
    assert_eq!(host.replies, [(0x8A, vec![9_999u32 as u8; 9_999 % 126])]);
}

/// CVE-2026-48779, CVE-2026-12151 (floods of tiny or empty fragments): a million empty fragments cost one call and no memory.
/// Exceeding the limit on their number closes with 1008. [6455-10.4-1] [6455-7.4.1-9]
#[test]
fn million_empty_fragments_cost_no_memory() {
    let mut stream = from_peer::<Client<Keys>>(0x02, b"");
    stream.extend(from_peer::<Client<Keys>>(0x00, b"").repeat(1_000_000));
    let mut host = Host::<Client<Keys>>::new(&Config::DEFAULT);
    host.feed(&stream);
    assert_eq!((host.calls, &host.log.entries[..]), (1, &[][..]));
    host.feed(&from_peer::<Client<Keys>>(0x80, b"end"));
    assert_eq!(host.log.received(), [Entry::Message(MessageKind::Binary, 0, b"end".to_vec())]);
    // Twice as many exceed the default limit of 2^20 frames.
    host.feed(&stream);
    host.feed(&stream[2..]); // without the frame that begins a message
    assert_eq!(host.log.received().last(), Some(&Entry::Error(ProtocolError::TooManyFragments)));
    assert_eq!(host.log.sent(), [(0x88, vec![0x03, 0xF0])]);
}

#[test]
fn max_fragments_is_an_exact_limit() {
    fn check<R: Side + Debug>() {
        for limit in [1, 2, 10, 100] {
            let config = Config { max_fragments: limit, ..Config::DEFAULT };
            for frames in [limit - 1, limit, limit + 1].into_iter().filter(|frames| *frames > 0) {
                let mut host = Host::<R>::new(&config);
                for n in 1..=frames {
                    let opcode = if n == 1 { 0x02 } else { 0x00 };
                    host.feed(&from_peer::<R>(opcode | if n == frames { 0x80 } else { 0 }, b"x"));
                    host.feed(&from_peer::<R>(0x8A, b"does not count"));
                }
                let failed = host.log.entries.contains(&Entry::Error(ProtocolError::TooManyFragments));
                assert_eq!(failed, frames > limit, "{frames} of {limit}");
                assert_eq!(host.log.messages().len(), usize::from(!failed));
            }
        }
    }
    check::<Server>();
    check::<Client<Keys>>();
}

/// CVE-2025-51495, libhv#769 (wrong mask offset when a masked payload arrives in several reads): masked fragments with control
/// frames between them give the same result at every cut. [6455-5.3-5]
#[test]
fn masked_fragments_are_unmasked_alike_at_every_cut() {
    let frames = [(0x01, &b"first "[..]), (0x89, b"ping"), (0x00, b"second fragment "), (0x8A, b"p"), (0x80, b"third")];
    let stream: Vec<u8> = frames.iter().flat_map(|(first, payload)| from_peer::<Server>(*first, payload)).collect();
    let whole = oracle::expect(true, &Config::DEFAULT, &stream);
    assert_eq!(whole.messages(), [(MessageKind::Text, b"first second fragment third".to_vec())]);
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let mut host = Host::<Server>::new(&Config::DEFAULT);
            for read in [&stream[..first], &stream[first..second], &stream[second..]] {
                host.feed(read);
            }
            assert_eq!(host.log, whole, "cut at {first} and {second}");
        }
    }
}

/// facil.io#169 (data delivered after an error): no event follows the first error, in the same read or in later ones.
/// [6455-7.1.7-7]
#[test]
fn nothing_follows_the_first_error() {
    fn check<R: Side + Debug>() {
        let wrong_mask = if R::IS_SERVER { None } else { Some(KEY) };
        let errors = [
            from_peer::<R>(0xC1, b"x"),
            from_peer::<R>(0x83, b"x"),
            from_peer::<R>(0x80, b"x"),
            from_peer::<R>(0x09, b"x"),
            from_peer::<R>(0x81, b"\xff"),
            from_peer::<R>(0x88, b"x"),
            from_peer::<R>(0x89, &[0; 126]),
            raw::frame(0x81, wrong_mask, b"x"),
        ];
        for error in errors {
            let follows =
                [from_peer::<R>(0x81, b"message"), from_peer::<R>(0x89, b"ping"), from_peer::<R>(0x88, b"")].concat();
            let stream = [&from_peer::<R>(0x81, b"before")[..], &error, &follows].concat();
            for size in [1, 5, stream.len()] {
                let mut host = Host::<R>::new(&Config::DEFAULT);
                host.feed_cut(&stream, &[size]);
                host.eof();
                let [Entry::Message(..), Entry::Error(error), Entry::Sent(_)] = &host.log.entries[..] else {
                    panic!("{:?}", host.log.entries)
                };
                assert_eq!(host.log.sent()[0].1, error.close_code().0.to_be_bytes());
            }
        }
    }
    check::<Server>();
    check::<Client<Keys>>();
}

/// CVE-2016-10518, CVE-2026-45736 (uninitialised memory sent to the peer): the bytes sent do not depend on earlier contents of
/// the buffer or of the control slot, and a reply repeats only the peer's own bytes.
#[test]
fn output_does_not_depend_on_earlier_memory() {
    fn outputs<R: Side + Debug>(filler: u8) -> Vec<Vec<u8>> {
        let mut c = Host::<R>::new(&Config::DEFAULT).connection;
        let mut out = vec![filler; 400];
        let mut outputs = Vec::new();
        let mut keep = |len: usize, out: &mut [u8]| {
            assert!(out[len..].iter().all(|byte| *byte == filler), "nothing is written after the frame");
            outputs.push(out[..len].to_vec());
            out.fill(filler);
        };
        keep(c.write_text("Hello", &mut out).unwrap().len(), &mut out);
        keep(c.write_binary(&[1; 300], &mut out).unwrap().len(), &mut out);
        keep(c.write_ping(b"", &mut out).unwrap().len(), &mut out);
        keep(c.write_pong(&[2; 125], &mut out).unwrap().len(), &mut out);
        for payload in [&[filler; 125][..], b"short", b""] {
            // The answer to a shorter Ping must not contain bytes of an earlier, longer one.
            assert_eq!(c.receive(&mut from_peer::<R>(0x89, payload)).unwrap().event, Some(Event::Ping));
            assert_eq!(c.control_payload(), payload);
            let len = c.poll_transmit(&mut out);
            assert_eq!(raw::frames(&out[..len]), [(0x8A, payload.to_vec())]);
            if payload.len() == 125 {
                out.fill(filler);
            } else {
                keep(len, &mut out);
            }
        }
        keep(c.write_close(CloseCode::NORMAL, "bye", &mut out).unwrap().len(), &mut out);
        outputs
    }
    assert_eq!(outputs::<Server>(0x00), outputs::<Server>(0xFF));
    assert_eq!(outputs::<Client<Keys>>(0x00), outputs::<Client<Keys>>(0xFF));
}

/// websockets#1715 (a message just over the limit silently truncated): a message of up to two bytes below or above a limit, in
/// one or several reads and frames, is delivered in full or closes with 1009. [6455-10.4-1] [6455-10.4-2]
#[test]
fn size_limits_are_exact_and_truncate_nothing() {
    fn check<R: Side + Debug>(config: &Config, limit: usize, fragments: bool) {
        for len in limit - 2..=limit + 2 {
            let payload = vec![7; len];
            let stream = if fragments {
                [from_peer::<R>(0x02, &payload[..len / 2]), from_peer::<R>(0x80, &payload[len / 2..])].concat()
            } else {
                from_peer::<R>(0x82, &payload)
            };
            for size in [stream.len() / 200 + 1, stream.len() / 60 + 1, stream.len()] {
                let mut host = Host::<R>::new(config);
                host.feed_cut(&stream, &[size]);
                if len <= limit {
                    assert_eq!(host.log.messages(), [(MessageKind::Binary, payload.clone())]);
                } else {
                    assert_eq!(host.log.messages(), []);
                    assert_eq!(host.log.sent(), [(0x88, vec![0x03, 0xF1])], "{len} bytes, limit {limit}");
                }
            }
        }
    }
    for limit in [10, 125, 126, 65535] {
        let frame = Config { max_frame_size: limit as u64, ..Config::DEFAULT };
        let message = Config { max_message_size: limit as u64, ..Config::DEFAULT };
        for (config, fragments) in [(&frame, false), (&message, false), (&message, true)] {
            check::<Server>(config, limit, fragments);
            check::<Client<Keys>>(config, limit, fragments);
        }
    }
}

/// okhttp#9472, undici#3204 (predictable keys) and "Talking to Yourself" (Huang 2011, an attacker chooses the bytes sent): a
/// client masks every frame with a key that its source returned for this frame. A client cannot be created without a source.
/// [6455-5.3-2] [6455-10.3-1] [6455-10.3-2]
#[test]
fn masking_hides_chosen_payloads() {
    let chosen = b"GET /script.js HTTP/1.1\r\nHost: victim.example\r\n\r\n";
    let mut host = Host::<Client<Keys>>::new(&Config { fragment_size: 100, ..Config::DEFAULT });
    host.write_message(MessageKind::Binary, chosen).unwrap();
    host.write_message(MessageKind::Binary, chosen).unwrap();
    host.write_ping(chosen).unwrap();
    host.write_pong(chosen).unwrap();
    let mut outgoing = barews::connection::Outgoing::binary(chosen);
    while host.write_fragment(&mut outgoing, MessageKind::Binary, 100).unwrap() {}
    host.begin_frame(MessageKind::Binary, true, 0, chosen.len() as u64).unwrap();
    host.write_payload(chosen).unwrap();
    host.feed(&from_peer::<Client<Keys>>(0x89, chosen)); // the client repeats it in its Pong
    host.write_close(1000, core::str::from_utf8(chosen).unwrap()).unwrap();
    let (mut at, mut seen) = (0, Vec::new());
    while at < host.output.len() {
        let header = raw::read_header(&host.output[at..]).unwrap();
        let end = at + header.size + header.len as usize;
        let payload = &host.output[at + header.size..end];
        assert!(!payload.windows(8).any(|bytes| chosen.windows(8).any(|plain| plain == bytes)), "sent unmasked");
        seen.push((header.key.unwrap(), payload.to_vec()));
        at = end;
    }
    assert_eq!(seen.len(), 8);
    seen.sort();
    seen.dedup_by_key(|(key, _)| *key);
    assert_eq!(seen.len(), 8, "no key was used twice");
}

/// Slowloris: dripping bytes do not extend the handshake timeout.
#[test]
fn dripping_handshake_times_out() {
    let mut deadlines = Deadlines::new(Timeouts::MILLISECONDS, 0);
    let mut now = 0;
    let timeout = loop {
        deadlines.on_bytes(now);
        if let Some(timeout) = deadlines.handle_timeout(now) {
            break timeout;
        }
        now += 100;
        assert!(now <= 10_000, "the deadline was extended");
    };
    assert_eq!((timeout, now), (Timeout::Handshake, 10_000));
}

/// Close frames whose payload breaks a rule, or whose code must not be sent, are refused. Data after a Close is ignored.
#[test]
fn close_frame_that_breaks_a_rule_is_refused() {
    // The code that is reported and sent back, or the code with which the connection fails.
    type Row = (&'static str, &'static [u8], Result<Option<u16>, u16>);
    let table: [Row; 21] = [
        ("6455-5.5.1-1", b"", Ok(None)),
        ("6455-5.5.1-2", b"\x03", Err(1002)),
        ("6455-5.5.1-2", b"\x03\xe8", Ok(Some(1000))),
        ("6455-5.5.1-3", b"\x03\xe8reason", Ok(Some(1000))),
        ("6455-5.5.1-3", b"\x03\xe8\xc3\xa9", Ok(Some(1000))),
        ("6455-8.1-1", b"\x03\xe8\xc3", Err(1007)),
        ("6455-8.1-1", b"\x03\xe8\xff", Err(1007)),
        ("6455-8.1-1", b"\x03\xe8\xed\xa0\x80", Err(1007)),
        ("6455-7.4.2-1", b"\x00\x00", Err(1002)), // 0
        ("6455-7.4.2-1", b"\x03\xe7", Err(1002)), // 999
        ("6455-7.4.1-6", b"\x03\xec", Err(1002)), // 1004
        ("6455-7.4.1-3", b"\x03\xed", Err(1002)), // 1005
        ("6455-7.4.1-4", b"\x03\xee", Err(1002)), // 1006
        ("6455-7.4.2-2", b"\x03\xf6", Ok(Some(1014))),
        ("6455-7.4.1-5", b"\x03\xf7", Err(1002)), // 1015
        ("6455-7.4.2-2", b"\x03\xf8", Err(1002)), // 1016
        ("6455-7.4.2-2", b"\x0b\xb7", Err(1002)), // 2999
        ("6455-7.4.2-3", b"\x0b\xb8", Ok(Some(3000))),
        ("6455-7.4.2-3", b"\x13\x87", Ok(Some(4999))),
        ("", b"\x13\x88", Err(1002)), // 5000
        ("", b"\xff\xff", Err(1002)),
    ];
    fn check<R: Side + Debug>(ids: &str, body: &[u8], expected: Result<Option<u16>, u16>) {
        let follows = [from_peer::<R>(0x81, b"data"), from_peer::<R>(0x88, b"\x03\xe9")].concat();
        let stream = [&from_peer::<R>(0x88, body)[..], &follows].concat();
        for size in [1, stream.len()] {
            let mut host = Host::<R>::new(&Config::DEFAULT);
            host.feed_cut(&stream, &[size]);
            let (answer, code) = match expected {
                Ok(code) => (code, code.unwrap_or(1005)),
                Err(code) => (Some(code), 1006),
            };
            let answer = answer.map_or(vec![], |code| code.to_be_bytes().to_vec());
            assert_eq!(host.log.sent(), [(0x88, answer)], "[{ids}] {body:02x?}");
            assert_eq!(host.outcome().close_code, Some(code), "[{ids}] {body:02x?}");
            assert_eq!(host.outcome().clean, expected.is_ok(), "[{ids}] {body:02x?}");
            assert_eq!(host.log.received().len(), 1, "[{ids}] nothing follows: {body:02x?}");
        }
    }
    for (ids, body, expected) in table {
        check::<Server>(ids, body, expected);
        check::<Client<Keys>>(ids, body, expected);
    }
}

/// The connection fails at the first byte after which the text cannot become valid, as `core::str` reports it, however the text
/// is split into fragments. [6455-8.1-1] [6455-5.6-1]
#[test]
fn invalid_text_fails_at_the_first_byte_that_core_refuses() {
    // Split characters, surrogates, overlong forms, above U+10FFFF, stray and missing continuation bytes.
    let texts: [&[u8]; 10] = [
        "aé漢😀b".as_bytes(),
        b"a\xed\xa0\x80b",
        b"a\xed\x9f\xbfb",
        b"a\xc0\x80b",
        b"a\xe0\x9f\xbfb",
        b"a\xf0\x8f\xbf\xbfb",
        b"a\xf4\x90\x80\x80b",
        b"a\xf5\x80\x80\x80b",
        b"a\x80b",
        b"a\xe2\x82",
    ];
    fn check<R: Side + Debug>(text: &[u8], fragments: [&[u8]; 2]) {
        let wrong_at = (0..text.len())
            .find(|at| core::str::from_utf8(&text[..=*at]).is_err_and(|error| error.error_len().is_some()));
        let mut host = Host::<R>::new(&Config::DEFAULT);
        let failed = |host: &Host<R>| host.log.entries.contains(&Entry::Error(ProtocolError::InvalidUtf8));
        let mut seen = 0;
        for (first, payload) in [0x01, 0x80].into_iter().zip(fragments) {
            let frame = from_peer::<R>(first, payload);
            let header = frame.len() - payload.len();
            host.feed(&frame[..header]);
            for byte in &frame[header..] {
                assert_eq!(failed(&host), wrong_at.is_some_and(|at| at < seen), "{text:02x?}, {seen} bytes");
                host.feed(&[*byte]);
                seen += 1;
            }
        }
        assert_eq!(failed(&host), core::str::from_utf8(text).is_err(), "{text:02x?}");
    }
    for text in texts {
        for cut in 0..=text.len() {
            check::<Server>(text, [&text[..cut], &text[cut..]]);
            check::<Client<Keys>>(text, [&text[..cut], &text[cut..]]);
        }
    }
}

/// TLS truncation: an end of the stream before a Close is reported as unclean, wherever it is. [6455-7.1.5-1] [6455-7.1.4-1]
#[test]
fn truncated_stream_does_not_end_cleanly() {
    fn check<R: Side + Debug>() {
        let close = from_peer::<R>(0x88, b"\x03\xe8");
        let stream = [&from_peer::<R>(0x81, b"message")[..], &from_peer::<R>(0x02, b"part"), &close].concat();
        for end in 0..=stream.len() {
            let mut host = Host::<R>::new(&Config::DEFAULT);
            host.drain = Drain::AfterRead;
            host.feed(&stream[..end]);
            host.eof();
            let whole = end == stream.len();
            let last = host.log.entries.last().unwrap();
            assert_eq!(*last, if whole { Entry::End } else { Entry::Error(ProtocolError::UnexpectedEof) });
            let outcome = host.outcome();
            assert_eq!((outcome.close_code, outcome.clean), (Some(if whole { 1000 } else { 1006 }), whole), "{end}");
            assert_eq!((outcome.state, outcome.transport), (State::Closed, Transport::Close));
        }
    }
    check::<Server>();
    check::<Client<Keys>>();
}

/// A frequent mistake of implementations: a Close inside an unfinished message is not an error, and is answered. [6455-5.4-4]
#[test]
fn close_inside_a_message_is_answered() {
    let mut host = Host::<Server>::new(&Config::DEFAULT);
    host.feed(&from_peer::<Server>(0x01, b"half"));
    host.feed(&from_peer::<Server>(0x88, b"\x03\xe8"));
    assert_eq!(host.log.sent(), [(0x88, vec![0x03, 0xE8])]);
    assert!(host.connection.is_clean());
}

/// Every client has a source of keys, and the engine draws exactly one key per frame. So the host knows how many random bytes
/// it needs.
#[test]
fn client_draws_one_key_per_frame() {
    let mut drawn = 0;
    let mut connection = Connection::new(
        Client(|| {
            drawn += 1;
            KEY
        }),
        &Config::DEFAULT,
    );
    let mut out = [0; 64];
    for n in 0..10 {
        _ = connection.write_unvalidated(MessageKind::Text, &b"message!!!"[..n], &mut out).unwrap();
        assert!(connection.write_ping(&[0; 126], &mut out).is_err(), "a refused call draws no key");
    }
    assert_eq!(drawn, 10);
}
