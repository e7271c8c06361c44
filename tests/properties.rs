//! The properties P1 to P13 that callers rely on. The number of a property is part of the test's name.
//!
//! The testkit's documentation lists the properties. Its [`Host`] checks P1 to P3, P5 to P8, P11 and P13 at every call; the
//! tests here supply the input: transcripts, and random streams, valid and malformed, for both roles and with small limits. For
//! more cases: `PROPTEST_CASES=100000 cargo test --test properties`.

use barews::connection::{Config, Event, MessageKind, Received};
use barews::wire::MAX_CONTROL_FRAME;
use barews::{Client, Connection, ProtocolError, SendError, Server};
use barews_testkit::player::Reads;
use barews_testkit::random::{Part, action, bytes, config, drain, parts, valid, written};
use barews_testkit::session;
use barews_testkit::transcript::Transcript;
use barews_testkit::{Drain, Entry, Host, Keys, Log, Outcome, Side, oracle, raw};
use barews_tests::{cases, transcripts};
use core::fmt::Debug;
use proptest::collection::vec;
use proptest::prelude::*;

/// Feeds a stream to an endpoint in reads of these sizes. Returns its log, its final state and the endpoint itself. A session
/// must have the same log and state.
fn receive_all<R: Side + Debug>(
    config: &Config,
    stream: &[u8],
    sizes: &[usize],
    drain: Drain,
) -> (Log, Outcome, Host<R>) {
    let mut host = Host::<R>::new(config);
    host.drain = drain;
    host.feed_cut(stream, sizes);
    let mut by_session = Host::<R, _>::by_session(config);
    by_session.drain = drain;
    by_session.feed_cut(stream, sizes);
    assert_eq!((&by_session.log, by_session.outcome()), (&host.log, host.outcome()), "by session");
    (host.log.clone(), host.outcome(), host)
}

/// Checks that the result is that of the naive receiver, at any cut.
fn assert_cuts_change_nothing<R: Side + Debug>(config: &Config, stream: &[u8], sizes: &[usize]) {
    let naive = oracle::expect(R::IS_SERVER, config, stream);
    let (log, outcome, mut whole) = receive_all::<R>(config, stream, &[usize::MAX], Drain::AtOnce);
    assert_eq!(log, naive);
    whole.eof();
    for sizes in [sizes, &[1]] {
        let (cut_log, cut_outcome, mut cut) = receive_all::<R>(config, stream, sizes, Drain::AtOnce);
        assert_eq!((cut_log, cut_outcome), (log.clone(), outcome.clone()), "in reads of {sizes:?}");
        cut.eof();
        assert_eq!((&cut.log, cut.outcome()), (&whole.log, whole.outcome()), "at the end, in reads of {sizes:?}");
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    /// P1: each call consumes a byte or returns an event. So the number of calls for a stream is bounded, however it is cut.
    #[test]
    fn p01_every_call_makes_progress(parts in parts(), junk in bytes(60), sizes in vec(1..20usize, 1..5)) {
        fn calls<R: Side + Debug>(stream: &[u8], sizes: &[usize]) {
            let (log, _, host) = receive_all::<R>(&Config::DEFAULT, stream, sizes, Drain::AtOnce);
            let reads = stream.len() + 1;
            assert!(host.calls <= reads + stream.len() + log.entries.len());
        }
        for stream in [written(&parts, true), written(&parts, false), junk] {
            calls::<Server>(&stream, &sizes);
            calls::<Client<Keys>>(&stream, &sizes);
        }
    }

    /// P3: each payload is at the end of the consumed bytes, so that a wrapper can keep positions instead of borrows.
    #[test]
    fn p03_payload_is_at_the_end_of_the_consumed_bytes(parts in parts()) {
        let mut buffer = written(&parts, true);
        let mut connection = Connection::new(Server, &Config::DEFAULT);
        let mut at = 0;
        loop {
            let bytes = &mut buffer[at..];
            let len = bytes.len();
            let Ok(Received { rest, event }) = connection.receive(bytes) else { break };
            let consumed = len - rest.len();
            let payload = match event {
                Some(Event::Data(chunk)) => chunk.payload.to_vec(),
                Some(_) => Vec::new(),
                None => break,
            };
            at += consumed;
            prop_assert_eq!(&buffer[at - payload.len()..at], payload);
        }
    }

    /// P4: however the input is cut, the events, replies and final state are those of the naive receiver.
    #[test]
    fn p04_cuts_change_no_result_on_random_streams(
        parts in parts(), config in config(), sizes in vec(1..20usize, 1..5),
    ) {
        assert_cuts_change_nothing::<Server>(&config, &written(&parts, true), &sizes);
        assert_cuts_change_nothing::<Client<Keys>>(&config, &written(&parts, false), &sizes);
    }

    /// P4 on random bytes, which form a frame only by chance.
    #[test]
    fn p04_cuts_change_no_result_on_junk(junk in bytes(60), config in config(), sizes in vec(1..20usize, 1..5)) {
        assert_cuts_change_nothing::<Server>(&config, &junk, &sizes);
        assert_cuts_change_nothing::<Client<Keys>>(&config, &junk, &sizes);
    }

    /// P5: no event follows a Close or an error, whatever is received then. [6455-7.1.7-7]
    #[test]
    fn p05_nothing_follows_a_close_or_an_error(
        parts in valid(), broken in any::<bool>(), after in parts(), sizes in vec(1..20usize, 1..5),
    ) {
        fn nothing_follows<R: Side + Debug>(stream: &[u8], after: &[u8], sizes: &[usize]) {
            let (log, outcome, mut host) = receive_all::<R>(&Config::DEFAULT, stream, sizes, Drain::AtOnce);
            let end = log.entries.iter().position(|entry| matches!(entry, Entry::Close(..) | Entry::Error(_))).unwrap();
            assert!(matches!(log.entries[end + 1..], [Entry::Sent(_)]), "one Close, and nothing else");
            host.feed_cut(after, sizes);
            host.feed(&[]);
            assert_eq!((&host.log, host.outcome()), (&log, outcome));
        }
        let end = if broken { Part::Frame(0xF8, vec![]) } else { Part::Frame(0x88, vec![]) };
        let parts = [parts, vec![Part::Frame(0x80, vec![]), end]].concat(); // ends every message, or is an error
        nothing_follows::<Server>(&written(&parts, true), &written(&after, true), &sizes);
        nothing_follows::<Client<Keys>>(&written(&parts, false), &written(&after, false), &sizes);
    }

    /// P7, P13: a host that drains late gets the same events, and then sends only the newest reply, once.
    #[test]
    fn p07_p13_late_drain_sends_the_newest_reply_once(parts in parts(), config in config(), sizes in vec(1..20usize, 1..5)) {
        fn late<R: Side + Debug>(config: &Config, stream: &[u8], sizes: &[usize]) {
            let naive = oracle::expect(R::IS_SERVER, config, stream);
            let (log, _, mut host) = receive_all::<R>(config, stream, sizes, Drain::ByHand);
            assert!(log.sent().is_empty());
            oracle::assert_same(&log, &naive);
            host.drain();
            let (sent, newest) = (host.log.sent(), naive.sent().pop());
            assert!(sent.len() <= 1);
            if sent.last() != newest.as_ref() {
                // The header of a long Ping or of a Close already discards a long pending Pong.
                let (first, payload) = newest.unwrap();
                assert!(sent.is_empty() && first == 0x8A && payload.len() > 14, "the newest reply is sent");
                assert!(host.connection.unread_payload() > 0, "unless an incomplete control frame has discarded it");
            }
        }
        late::<Server>(&config, &written(&parts, true), &sizes);
        late::<Client<Keys>>(&config, &written(&parts, false), &sizes);
    }

    /// P9: whatever one side sends, by any calls in any order, the other accepts, and its events equal what was sent.
    /// P6, P7, P8, P11 are checked at every call. [6455-6.1-1]
    #[test]
    fn p09_peer_receives_what_was_sent(actions in vec((any::<bool>(), action()), 0..60), small in 1..40u32, drain in drain()) {
        session::play(&actions, &Config { fragment_size: small, ..Config::DEFAULT }, drain);
    }
}

/// P2: if a call returns no event, it has consumed the whole input, wherever the input ends.
#[test]
fn p02_no_event_means_all_is_consumed() {
    /// Returns the number of events in the whole input.
    fn events<R: Side + Debug>(transcript: &Transcript) -> usize {
        let input = transcript.input();
        let mut events = 0;
        for end in 0..=input.len() {
            let mut connection = Host::<R>::new(&transcript.config).connection;
            let mut bytes = input[..end].to_vec();
            let mut rest = &mut bytes[..];
            events = 0;
            while let Ok(received) = connection.receive(rest) {
                rest = received.rest;
                if received.event.is_none() {
                    assert!(rest.is_empty(), "P2: {} up to {end}", transcript.file);
                    break;
                }
                events += 1;
            }
        }
        events
    }
    let (mut by_server, mut by_client) = (0, 0);
    for transcript in transcripts() {
        if transcript.is_server {
            by_server += events::<Server>(&transcript);
        } else {
            by_client += events::<Client<Keys>>(&transcript);
        }
    }
    assert!(by_server.min(by_client) >= 160, "{by_server} events at servers, {by_client} at clients");
}

/// P4 on every transcript, at every single cut and byte by byte. The transcripts contain the expectations.
#[test]
fn p04_cuts_change_no_result_on_transcripts() {
    for transcript in transcripts() {
        for reads in (1..transcript.input().len()).map(Reads::Cut).chain([Reads::Bytes]) {
            if transcript.is_server {
                transcript.play::<Server>(reads);
            } else {
                transcript.play::<Client<Keys>>(reads);
            }
        }
    }
}

/// P4: the smallest limits apply in the same way to a frame in one read and to a frame in several.
#[test]
fn p04_cuts_change_no_result_at_the_limits() {
    for max in 0..3 {
        for config in [
            Config { max_frame_size: max, ..Config::DEFAULT },
            Config { max_message_size: max, ..Config::DEFAULT },
            Config { max_fragments: max as u32, ..Config::DEFAULT },
        ] {
            for len in 0..4 {
                let whole = [Part::Frame(0x82, vec![0; len])];
                let two = [Part::Frame(0x02, vec![0; len]), Part::Frame(0x80, vec![0; len])];
                for parts in [&whole[..], &two] {
                    assert_cuts_change_nothing::<Server>(&config, &written(parts, true), &[3]);
                    assert_cuts_change_nothing::<Client<Keys>>(&config, &written(parts, false), &[3]);
                }
            }
        }
    }
}

/// P6: a control frame fits into 131 bytes, and an unmasked one into 127. If it does not fit, nothing is written, and the frame
/// remains due.
#[test]
fn p06_control_frame_is_written_whole_or_not_at_all() {
    fn longest<R: Side + Debug>(suffices: usize) {
        for len in [0, 1, 124, 125] {
            let mut host = Host::<R>::new(&Config::DEFAULT);
            host.drain = Drain::ByHand;
            host.feed(&raw::frame(0x89, R::IS_SERVER.then_some([1, 2, 3, 4]), &vec![7; len]));
            let need = suffices - 125 + len;
            for space in 0..need {
                let mut out = [0xA5; MAX_CONTROL_FRAME];
                assert_eq!(host.connection.poll_transmit(&mut out[..space]), 0);
                assert_eq!(out, [0xA5; MAX_CONTROL_FRAME], "no byte is written");
                assert_eq!(host.connection.buffered_amount(), need as u64, "the Pong remains due");
            }
            assert_eq!(host.connection.poll_transmit(&mut [0; MAX_CONTROL_FRAME][..need]), need);
            assert_eq!(host.connection.poll_transmit(&mut [0; MAX_CONTROL_FRAME]), 0);
        }
    }
    longest::<Server>(127);
    longest::<Client<Keys>>(131);
    assert_eq!(MAX_CONTROL_FRAME, 131);
}

/// P8: a client masks every frame with a new key from its source; a server masks none.
#[test]
fn p08_every_frame_has_a_fresh_key() {
    fn everything<R: Side + Debug>() -> Host<R> {
        let config = Config { fragment_size: 10, extension_opcodes: 1 << 11, ..Config::DEFAULT };
        let mut host = Host::<R>::new(&config);
        host.write_message(MessageKind::Text, b"message").unwrap();
        let body = [7; 35];
        let mut outgoing = barews::connection::Outgoing::binary(&body);
        while host.write_fragment(&mut outgoing, MessageKind::Binary, 100).unwrap() {}
        host.begin_frame(MessageKind::Binary, true, 0, 3).unwrap();
        host.write_payload(&[1, 2, 3]).unwrap();
        host.write_ping(b"ping").unwrap();
        host.write_pong(b"pong").unwrap();
        host.write_extension_control(11, b"control").unwrap();
        host.feed(&raw::frame(0x89, R::IS_SERVER.then_some([1, 2, 3, 4]), b"ping"));
        host.feed(&raw::frame(0x88, R::IS_SERVER.then_some([1, 2, 3, 4]), b""));
        assert_eq!(raw::frames(&host.output).len(), 1 + 4 + 1 + 3 + 2);
        host
    }
    assert_eq!(everything::<Server>().keys.get(), 0, "[6455-5.1-4] a server masks nothing");
    let client = everything::<Client<Keys>>();
    assert_eq!(client.keys.get(), 11, "[6455-5.3-2] a key for each frame");
    // The n-th frame has the n-th key, and every frame has one.
    let (mut at, mut keys) = (0, Vec::new());
    while at < client.output.len() {
        let header = raw::read_header(&client.output[at..]).unwrap();
        keys.push(header.key.expect("P8 [6455-5.1-1]: a client masks every frame"));
        at += header.size + header.len as usize;
    }
    let drawn: Vec<_> = (1..=11).map(raw::key).collect();
    assert_eq!(keys, drawn, "[6455-10.3-1] the keys are those of the source, each once");
}

/// P10: a declared length reserves no memory and overflows no sum, whatever it is, alone or in the middle of a message and
/// between control frames. [6455-5.2-7] [6455-10.4-1]
///
/// Three more checks ensure the other half of P10, that nothing panics: the lints in `src/lib.rs` (no indexing, no `unwrap`, no
/// `panic!`, no `std`) with clippy's `-D warnings` in CI, `suites/panic_free/run`, and the fuzz targets.
#[test]
fn p10_declared_length_never_overflows() {
    fn declare<R: Side + Debug>(len: u64, config: &Config) {
        let key = R::IS_SERVER.then_some([1, 2, 3, 4]);
        let open = [&raw::frame(0x02, key, &[0; 3])[..], &raw::frame(0x89, key, b"ping")].concat();
        for (start, first) in
            [(&[][..], 0x82), (&[][..], 0x02), (&[][..], 0x81), (&open, 0x80), (&open, 0x00), (&[][..], 0x89)]
        {
            let mut stream = [start, &raw::header(first, key, len)].concat();
            stream.extend([0x61; 40]);
            for size in [usize::MAX, 1, 7] {
                let (log, _, host) = receive_all::<R>(config, &stream, &[size], Drain::AtOnce);
                if len < 1 << 63 && first < 0x88 && len <= config.max_frame_size {
                    let room = u128::from(config.max_message_size) - if first & 0x7F == 0 { 3 } else { 0 };
                    let fits = u128::from(len) <= room;
                    assert_eq!(log.entries.iter().any(|entry| matches!(entry, Entry::Error(_))), !fits, "{len:x}");
                    assert_eq!(host.connection.unread_payload(), if fits { len - 40 } else { 0 });
                } else {
                    let error = match first {
                        0x89 => ProtocolError::ControlTooLong, // its second byte says so
                        _ if len >= 1 << 63 => ProtocolError::LengthTooLarge,
                        _ => ProtocolError::FrameTooBig,
                    };
                    assert_eq!(log.received().last(), Some(&Entry::Error(error)), "{len:x}");
                }
            }
        }
    }
    let unlimited = Config { max_frame_size: u64::MAX, max_message_size: u64::MAX, ..Config::DEFAULT };
    let up_to_63_bits = Config { max_frame_size: u64::MAX, max_message_size: (1 << 63) - 1, ..Config::DEFAULT };
    let edges = [1 << 16, 1 << 31, 1 << 32, 1 << 48, 1 << 62, 1 << 63];
    let around = edges.into_iter().flat_map(|edge: u64| edge - 4..=edge + 4);
    for len in around.chain((0..8).map(|k| u64::MAX - k)) {
        for config in [&Config::DEFAULT, &unlimited, &up_to_63_bits] {
            declare::<Server>(len, config);
            declare::<Client<Keys>>(len, config);
        }
    }
}

/// P10: code built by `cargo test` checks every addition, subtraction, multiplication and shift for overflow.
#[test]
#[cfg_attr(not(debug_assertions), ignore = "built without overflow checks")]
fn p10_tests_check_arithmetic_for_overflow() {
    let most = core::hint::black_box(u8::MAX);
    assert!(std::panic::catch_unwind(|| most + core::hint::black_box(1)).is_err());
}

/// P11: in every state, a refused call returns the reason, changes nothing and draws no key. If the buffer is too small, the
/// error contains the smallest sufficient size; the testkit checks this at every call.
#[test]
fn p11_refused_calls_change_nothing() {
    use SendError::{Closing, FrameInProgress, MessageInProgress, PayloadTooLong};
    type Situation<R> = (&'static str, fn(&mut Host<R>), Option<SendError>, Option<SendError>, Option<SendError>);
    fn situations<R: Side + Debug>() -> [Situation<R>; 8] {
        // The result for a data message, for a control frame and for a Close.
        [
            ("open", |_| {}, None, None, None),
            (
                "in a frame",
                |h| assert!(h.begin_frame(MessageKind::Text, true, 0, 9).is_ok()),
                Some(FrameInProgress),
                Some(FrameInProgress),
                Some(FrameInProgress),
            ),
            (
                "in a message",
                |h| assert!(h.begin_frame(MessageKind::Binary, false, 0, 0).is_ok()),
                Some(MessageInProgress),
                None,
                None,
            ),
            ("Close sent", |h| h.write_close(1000, "").unwrap(), Some(Closing), Some(Closing), Some(Closing)),
            (
                "Close received, unanswered",
                |h| {
                    h.drain = Drain::ByHand;
                    h.feed(&raw::frame(0x88, R::IS_SERVER.then_some([9; 4]), b""));
                },
                Some(Closing),
                Some(Closing),
                None,
            ),
            (
                "failed, untold",
                |h| {
                    h.drain = Drain::ByHand;
                    h.feed(&raw::frame(0x80, R::IS_SERVER.then_some([9; 4]), b""));
                },
                Some(Closing),
                Some(Closing),
                None,
            ),
            (
                "failed",
                |h| h.feed(&raw::frame(0x80, R::IS_SERVER.then_some([9; 4]), b"")),
                Some(Closing),
                Some(Closing),
                Some(Closing),
            ),
            ("ended", |h| h.eof(), Some(Closing), Some(Closing), Some(Closing)),
        ]
    }
    fn check<R: Side + Debug>() {
        for (name, prepare, data, control, close) in situations::<R>() {
            let new = || {
                let mut host = Host::<R>::new(&Config::DEFAULT);
                prepare(&mut host);
                host
            };
            assert_eq!(new().write_message(MessageKind::Text, b"Hello").err(), data, "message, {name}");
            assert_eq!(new().write_ping(b"Hello").err(), control, "ping, {name}");
            assert_eq!(new().write_pong(&[0; 125]).err(), control, "pong, {name}");
            assert_eq!(new().write_close(1000, "bye").err(), close, "close, {name}");
            assert_eq!(new().write_close_without_status().err(), close, "close_without_status, {name}");
            let body = [0; 300];
            let mut outgoing = barews::connection::Outgoing::unvalidated(MessageKind::Text, &body);
            assert_eq!(new().write_fragment(&mut outgoing, MessageKind::Text, 100).err(), data, "fragment, {name}");
            let text_frame = if name == "in a message" { Some(MessageInProgress) } else { data };
            assert_eq!(new().begin_frame(MessageKind::Text, true, 0, 7).err(), text_frame, "frame, {name}");
            let left = new().frame_left;
            assert_eq!(new().write_payload(&vec![0; left as usize + 1]), Err(PayloadTooLong), "payload, {name}");
            // Too long for any state that would send it.
            let too_long = control.or(Some(PayloadTooLong));
            assert_eq!(new().write_ping(&[0; 126]).err(), too_long, "long ping, {name}");
            if close.is_none() {
                assert_eq!(new().write_close(1000, &"x".repeat(124)), Err(PayloadTooLong), "long reason, {name}");
                assert_eq!(new().write_close(1005, ""), Err(SendError::CloseCode), "1005, {name}");
            }
        }
    }
    check::<Server>();
    check::<Client<Keys>>();
}

/// P11: the size needed for a message, at the lengths where the header grows, and for a fragment.
#[test]
fn p11_need_is_the_smallest_sufficient_size() {
    fn check<R: Side + Debug>() {
        let key = if R::IS_SERVER { 0 } else { 4 };
        for (len, header) in [(0, 2), (1, 2), (125, 2), (126, 4), (65535, 4), (65536, 10), (70000, 10)] {
            let mut host = Host::<R>::new(&Config::DEFAULT);
            host.write_message(MessageKind::Binary, &vec![3; len]).unwrap();
            assert_eq!(host.output.len(), header + key + len);

            // A fragment needs its header and one byte; an empty message only its header.
            let config = Config { fragment_size: u32::MAX, ..Config::DEFAULT };
            let body = vec![3; len];
            let mut outgoing = barews::connection::Outgoing::binary(&body);
            let mut connection = Host::<R>::new(&config).connection;
            let mut out = [0; 100];
            let Err(SendError::BufferTooSmall { need }) = connection.write_fragment(&mut outgoing, &mut []) else {
                panic!()
            };
            assert_eq!(need, header + key + len.min(1));
            for space in 0..need {
                let short = connection.write_fragment(&mut outgoing, &mut out[..space]);
                assert_eq!(short, Err(SendError::BufferTooSmall { need }));
            }
            assert!(connection.write_fragment(&mut outgoing, &mut out[..need]).is_ok_and(|written| written.len() > 0));
        }
    }
    check::<Server>();
    check::<Client<Keys>>();
}

/// P12: memory per connection is constant. The ceilings are the present sizes on a 64-bit host, which are also in the README.
#[test]
#[cfg(target_pointer_width = "64")]
fn p12_types_stay_within_their_sizes() {
    use barews::connection::{Chunk, Receiver, Reply, Transmitter};
    use barews::deadlines::Deadlines;
    use barews::message::MessageBuffer;
    use core::mem::size_of;
    type ByFn = Client<fn() -> [u8; 4]>;
    let ceilings = [
        ("Connection<Server>", size_of::<Connection<Server>>(), 224),
        ("Connection<Client<fn>>", size_of::<Connection<ByFn>>(), 232),
        ("Receiver<Server>", size_of::<Receiver<Server>>(), 200),
        ("Transmitter<Server>", size_of::<Transmitter<Server>>(), 24),
        ("Transmitter<Client<fn>>", size_of::<Transmitter<ByFn>>(), 32),
        ("Event", size_of::<Event<'_>>(), 24),
        ("Chunk", size_of::<Chunk<'_>>(), 24),
        ("Received", size_of::<Received<'_>>(), 40),
        ("Reply", size_of::<Reply>(), 127),
        ("Deadlines", size_of::<Deadlines>(), 96),
        ("MessageBuffer<&mut [u8]>", size_of::<MessageBuffer<&mut [u8]>>(), 24),
        ("ProtocolError", size_of::<ProtocolError>(), 1),
        ("SendError", size_of::<SendError>(), 16),
    ];
    for (name, size, ceiling) in ceilings {
        println!("{name}: {size} bytes, at most {ceiling}");
        if cfg!(target_pointer_width = "64") {
            assert_eq!(size, ceiling, "{name}: lower the ceiling, or make the type smaller");
        }
        assert!(size <= ceiling, "{name} has {size} bytes; at most {ceiling} are allowed");
    }
}

/// P13: after each call of `receive`, `write_close` or `receive_eof`, at most one frame is due.
#[test]
fn p13_at_most_one_frame_is_due() {
    fn check<R: Side + Debug>() {
        let key = R::IS_SERVER.then_some([9; 4]);
        let events: [(&str, Vec<u8>, usize); 5] = [
            ("a message", raw::frame(0x82, key, b"x"), 0),
            ("a Ping", raw::frame(0x89, key, b"x"), 1),
            ("a Pong", raw::frame(0x8A, key, b"x"), 0),
            ("a Close", raw::frame(0x88, key, b""), 1),
            ("an error", raw::frame(0x80, key, b""), 1),
        ];
        for (name, bytes, due) in events {
            let mut host = Host::<R>::new(&Config::DEFAULT);
            host.drain = Drain::ByHand;
            host.feed(&bytes);
            let mut out = [0; MAX_CONTROL_FRAME];
            assert_eq!(host.connection.buffered_amount() > 0, due == 1, "{name}");
            let frames = core::iter::from_fn(|| Some(host.connection.poll_transmit(&mut out)).filter(|len| *len > 0));
            assert_eq!(frames.count(), due, "{name}");
            assert_eq!(host.connection.buffered_amount(), 0, "{name}");
        }
        let mut host = Host::<R>::new(&Config::DEFAULT);
        host.eof();
        assert!(host.log.sent().is_empty(), "no Close is sent after the end of the stream");
    }
    check::<Server>();
    check::<Client<Keys>>();
}
