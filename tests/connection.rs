//! The connection: pending replies, split halves, the closing rules, and extensions. (RFC 6455 sections 5.5, 5.8, 7.1.)

use barews::connection::{
    Config, Event, MessageKind, Outgoing, Receiver, Reply, State, Transmitter, Transport, Written,
};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME, Opcode, Rsv};
use barews::{Client, Connection, ProtocolError, SendError, Server};
use barews_testkit::oracle::{Incoming, Situation};
use barews_testkit::transcript::Transcript;
use barews_testkit::{Drain, Entry, Host, Keys, Log, Side, oracle, raw};
use barews_tests::transcripts;
use core::fmt::Debug;

const PING: u8 = 0x89;
const PONG: u8 = 0x8A;
const CLOSE: u8 = 0x88;

/// Returns a frame as the peer of an endpoint with this role sends it.
fn from_peer<R: Side>(first: u8, payload: &[u8]) -> Vec<u8> {
    raw::frame(first, R::IS_SERVER.then_some([0x37, 0xfa, 0x21, 0x3d]), payload)
}

/// Returns a payload in which neighbouring bytes differ.
fn counting(from: u8, len: usize) -> Vec<u8> {
    (from..=255).cycle().take(len).collect()
}

/// P6, P7: the Pong for Ping A is pending because a frame of ours is in progress. Then another frame arrives in two reads, and
/// our frame ends between the two. Wherever the cut is, the bytes sent are complete and correct, and only a newer Ping or a
/// Close discards the Pong for A. [6455-5.5.2-2] [6455-5.5.3-1] [6455-5.5.3-2]
#[test]
fn p06_p07_pending_pong_is_neither_lost_nor_corrupted() {
    fn check<R: Side + Debug>() {
        for a in [0, 5, 14, 15, 124, 125] {
            for b in [0, 5, 14, 15, 110, 125] {
                let (ping, second) = (counting(1, a), counting(100, b));
                let close = [&1000u16.to_be_bytes()[..], &vec![b'r'; b.saturating_sub(2)]].concat();
                for (first, payload) in
                    [(PING, &second), (PONG, &second), (CLOSE, &close), (0x82, &second), (0x02, &second)]
                {
                    let head = from_peer::<R>(PING, &ping);
                    let stream = [&head[..], &from_peer::<R>(first, payload), &from_peer::<R>(PONG, b"end")].concat();
                    for cut in head.len()..=stream.len() {
                        let ended = cut == stream.len() || cut >= stream.len() - from_peer::<R>(PONG, b"end").len();
                        let mut host = Host::<R>::new(&Config::DEFAULT);
                        host.begin_frame(MessageKind::Binary, true, 0, 1).unwrap();
                        host.feed(&stream[..cut]);
                        assert_eq!(host.replies, [], "P6: nothing inside a frame");
                        host.write_payload(b"x").unwrap();
                        let at_the_cut = host.replies.len();
                        host.feed(&stream[cut..]);
                        let (a, newest) = (
                            (PONG, ping.clone()),
                            match first {
                                PING => Some((PONG, payload.clone())),
                                CLOSE => Some((CLOSE, payload[..2].to_vec())),
                                _ => None,
                            },
                        );
                        // If both do not fit, the header of the other already discards A.
                        let superseded = at_the_cut == 0 && newest.is_some() && ping.len() + payload.len() > 125;
                        let expected = match newest {
                            Some(newest) if ended => vec![newest],
                            Some(newest) if superseded => vec![newest],
                            Some(newest) => vec![a, newest],
                            None => vec![a],
                        };
                        let what = format!("{first:x}, {} and {} bytes, cut at {cut}", ping.len(), payload.len());
                        assert_eq!(host.replies, expected, "{what}");
                        oracle::assert_same(&host.log, &oracle::expect(R::IS_SERVER, &Config::DEFAULT, &stream));
                    }
                }
            }
        }
    }
    check::<Server>();
    check::<Client<Keys>>();
}

/// P7: only a newer Ping or a Close replaces a pending Pong; an extension's control frame does not. [6455-5.5.2-2]
#[test]
fn p07_pending_pong_survives_an_extensions_control_frame() {
    let config = Config { extension_opcodes: 1 << 11, ..Config::DEFAULT };
    for len in [0, 14, 15, 125] {
        let mut host = Host::<Server>::new(&config);
        host.begin_frame(MessageKind::Binary, true, 0, 1).unwrap();
        host.feed(&from_peer::<Server>(PING, &[7; 125]));
        host.feed(&from_peer::<Server>(0x8B, &vec![8; len]));
        host.write_payload(b"x").unwrap();
        assert_eq!(host.replies, [(PONG, vec![7; 125])], "{len} bytes");
    }
}

/// A pending Pong is not lost while the rest of its buffer is used, again and again, to collect headers that arrive in pieces.
#[test]
fn pending_pong_survives_frames_split_across_reads() {
    for size in [1, 2, 3, 5, 1000] {
        let mut host = Host::<Server>::new(&Config::DEFAULT);
        host.begin_frame(MessageKind::Binary, true, 0, 1).unwrap();
        host.feed(&from_peer::<Server>(PING, &[7; 125]));
        let passing: Vec<Vec<u8>> = (0..20)
            .map(|i| match i % 3 {
                0 => from_peer::<Server>(PONG, &counting(1, 125)),
                1 => from_peer::<Server>(0x82, &counting(2, 200)),
                _ => from_peer::<Server>(0x81, b"text"),
            })
            .collect();
        host.feed_cut(&passing.concat(), &[size]);
        host.write_payload(b"x").unwrap();
        assert_eq!(host.replies, [(PONG, vec![7; 125])], "in reads of {size}");
        assert_eq!(host.log.messages().len(), 13);
    }
}

/// A host with split halves and a channel between them.
struct Halves<R> {
    receiver: Receiver<R>,
    transmitter: Transmitter<R>,
    channel: Vec<Reply>,
    log: Log,
}

impl<R: Side + Debug> Halves<R> {
    fn new(config: &Config) -> Self {
        let (receiver, transmitter) = Connection::new(R::counted().0, config).split();
        Self { receiver, transmitter, channel: Vec::new(), log: Log::default() }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let mut buffer = bytes.to_vec();
        let mut rest = &mut buffer[..];
        loop {
            match self.receiver.receive(rest) {
                Ok(received) => {
                    rest = received.rest;
                    let Some(event) = received.event else { break };
                    self.log.event(event, self.receiver.control_payload(), self.receiver.close_reason());
                }
                Err(error) => {
                    if !self.log.entries.contains(&Entry::Error(error)) {
                        self.log.error(error);
                    }
                    break;
                }
            }
            self.pass();
        }
        self.pass();
    }

    /// Passes the reply of the reading task to the writing task, which sends it.
    fn pass(&mut self) {
        self.channel.extend(self.receiver.take_reply());
        assert_eq!(self.receiver.take_reply(), None, "a reply is taken once");
        for reply in self.channel.drain(..) {
            let mut out = [0; MAX_CONTROL_FRAME];
            let len = self.transmitter.write_reply(&reply, &mut out).unwrap().len();
            if len > 0 {
                self.log.entries.push(Entry::Sent(out[..len].to_vec()));
            }
        }
    }
}

/// Split halves with a channel behave like the whole connection: same events, replies and state, for the input of every
/// transcript.
#[test]
fn split_halves_behave_like_the_connection() {
    fn check<R: Side + Debug>(transcript: &Transcript, reads: usize) {
        let input = transcript.input();
        let mut whole = Host::<R>::new(&transcript.config);
        let mut halves = Halves::<R>::new(&transcript.config);
        for read in input.chunks(reads) {
            whole.feed(read);
            halves.feed(read);
            let (closed, outcome) = (halves.transmitter.close_sent(), whole.outcome());
            assert_eq!(halves.receiver.state(closed), outcome.state, "{}", transcript.file);
            assert_eq!(halves.receiver.transport(closed), outcome.transport, "{}", transcript.file);
            assert_eq!(halves.receiver.close_code().map(|code| code.0), outcome.close_code);
            assert_eq!(halves.receiver.close_reason(), outcome.close_reason);
            assert_eq!(halves.receiver.unread_payload(), whole.connection.unread_payload());
        }
        assert_eq!(halves.log, whole.log, "{}", transcript.file);
    }
    for transcript in transcripts() {
        for reads in [1, 1000] {
            if transcript.is_server {
                check::<Server>(&transcript, reads);
            } else {
                check::<Client<Keys>>(&transcript, reads);
            }
        }
    }
}

/// A reply that the writing half refuses can be passed again later. After its Close it sends nothing.
/// [6455-5.5.1-6] [6455-5.5.1-9]
#[test]
fn split_reply_waits_for_space_and_the_end_of_the_frame() {
    let (mut receiver, mut transmitter) = Connection::new(Server, &Config::DEFAULT).split();
    let mut out = [0; MAX_CONTROL_FRAME];
    let reply = |receiver: &mut Receiver<Server>, first, payload: &[u8]| {
        assert!(receiver.receive(&mut from_peer::<Server>(first, payload)).unwrap().event.is_some());
        receiver.take_reply().unwrap()
    };
    let pong = reply(&mut receiver, PING, b"ping");
    assert!(!pong.is_close());
    assert_eq!(transmitter.write_reply(&pong, &mut out[..5]), Err(SendError::BufferTooSmall { need: 6 }));
    assert!(transmitter.begin_frame(MessageKind::Binary, true, 1).is_ok());
    assert_eq!(transmitter.write_reply(&pong, &mut out), Err(SendError::FrameInProgress));
    transmitter.mask_payload(&mut [0]).unwrap();
    assert_eq!(transmitter.write_reply(&pong, &mut out), Ok(Written(6)));
    assert_eq!(out[..6], *b"\x8a\x04ping");

    let close = reply(&mut receiver, CLOSE, b"\x03\xe8");
    assert!(close.is_close());
    assert_eq!(transmitter.write_reply(&close, &mut out), Ok(Written(4)));
    assert!(transmitter.close_sent());
    for reply in [pong, close] {
        assert_eq!(transmitter.write_reply(&reply, &mut out), Ok(Written(0)), "nothing is sent after our Close");
    }
    assert_eq!(transmitter.write_text("", &mut out), Err(SendError::Closing));
}

/// [6455-10.3-2] [6455-5.1-4]: `copy_payload` copies as much as fits into the buffer; `count_payload` sends bytes that other
/// connections send too.
#[test]
fn copy_payload_leaves_the_source_unchanged() {
    let mut client = Connection::new(Client(|| [1, 2, 3, 4]), &Config::DEFAULT);
    let mut server = Connection::new(Server, &Config::DEFAULT);
    let mut out = [9; 4];
    assert_eq!(client.copy_payload(b"a", &mut out), Err(SendError::PayloadTooLong));
    assert_eq!(server.count_payload(b"a"), Err(SendError::PayloadTooLong));
    assert_eq!((out, client.copy_payload(b"", &mut out)), ([9; 4], Ok(Written(0))));

    _ = client.begin_frame(MessageKind::Binary, true, 7).unwrap();
    _ = server.begin_frame(MessageKind::Binary, true, 7).unwrap();
    assert_eq!(client.copy_payload(&[0; 7], &mut out[..3]), Ok(Written(3)));
    assert_eq!((client.copy_payload(&[0; 4], &mut []), out), (Ok(Written(0)), [1, 2, 3, 9]));
    assert_eq!((client.copy_payload(&[0; 5], &mut out), out), (Ok(Written(4)), [4, 1, 2, 3]));
    assert_eq!((client.buffered_amount(), client.copy_payload(&[0], &mut out)), (0, Err(SendError::PayloadTooLong)));
    assert_eq!((server.copy_payload(b"abc", &mut out), out), (Ok(Written(3)), *b"abc\x03"));
    assert_eq!(server.count_payload(b"abcde"), Err(SendError::PayloadTooLong));
    assert_eq!((server.buffered_amount(), server.count_payload(b"defg"), server.buffered_amount()), (4, Ok(()), 0));
}

/// [6455-5.4-2]: an `Outgoing` that is resumed for each fragment behaves like one that is kept.
#[test]
fn resumed_message_sends_the_same_fragments() {
    let config = Config { fragment_size: 4, ..Config::DEFAULT };
    for body in [&b""[..], b"abcd", b"fragments"] {
        let mut connection = Connection::new(Server, &config);
        let (mut kept, mut sent, mut out, mut again) =
            (Outgoing::unvalidated(MessageKind::Text, body), 0, [0; 16], [0; 16]);
        let mut other = Connection::new(Server, &config);
        while let len @ 1.. = connection.write_fragment(&mut kept, &mut out).unwrap().len() {
            let mut resumed = Outgoing::unvalidated(MessageKind::Text, body).resume_at(sent);
            assert_eq!(other.write_fragment(&mut resumed, &mut again), Ok(Written(len)));
            sent = body.len() - resumed.left();
            assert_eq!((out, resumed), (again, kept.clone()));
        }
    }
    assert_eq!(Outgoing::text("abc").resume_at(4).left(), 0);
}

#[test]
fn taken_parts_are_the_body_once() {
    let mut message = Outgoing::binary(b"abc");
    assert_eq!((message.kind(), message.take(2)), (MessageKind::Binary, Some(&b"ab"[..])));
    assert_eq!((message.left(), message.is_complete()), (1, false));
    let mut connection = Connection::new(Server, &Config::DEFAULT);
    let written = connection.write_fragment(&mut message.clone(), &mut [0; 8]);
    assert_eq!(written, Err(SendError::MessageInProgress)); // it was begun, but not on this connection
    assert_eq!((message.take(2), message.is_complete()), (Some(&b"c"[..]), true));
    assert_eq!(message.take(2), None);
    for len in [0, 1] {
        let mut empty = Outgoing::text("");
        assert_eq!((empty.take(len), empty.is_complete()), (Some(&b""[..]), true));
    }
    let mut whole = Outgoing::text("abc");
    assert_eq!((whole.take(3), whole.is_complete()), (Some(&b"abc"[..]), true));
}

/// The closing rules hold for a real connection, in every order of events.
#[test]
fn closing_rules_hold_in_every_order_of_events() {
    fn check<R: Side + Debug>(incoming: Incoming, eof: bool, sent: bool) {
        // The frame is received before the end of the transport; our Close is sent before, between or after these two.
        for when in 0..3 {
            let mut host = Host::<R>::new(&Config::DEFAULT);
            host.drain = Drain::ByHand;
            for step in 0..3 {
                if sent && step == when && !(incoming == Incoming::Nothing && eof && step == 2) {
                    host.write_close(1000, "").unwrap();
                }
                match (step, incoming) {
                    (0, Incoming::Close) => host.feed(&from_peer::<R>(CLOSE, b"")),
                    (0, Incoming::Error) => host.feed(&from_peer::<R>(0x80, b"")),
                    (1, _) if eof => host.eof(),
                    _ => {}
                }
            }
            let (state, transport) = (host.connection.state(), host.connection.transport());
            let clean = host.connection.is_clean();
            Situation { is_server: R::IS_SERVER, incoming, eof, sent, state, transport, clean }.assert_closing_rules();
        }
    }
    for incoming in [Incoming::Nothing, Incoming::Close, Incoming::Error] {
        for (eof, sent) in [(false, false), (false, true), (true, false), (true, true)] {
            check::<Server>(incoming, eof, sent);
            check::<Client<Keys>>(incoming, eof, sent);
        }
    }
}

/// A host fails the connection because its transport broke. The result is the same as after `receive_eof`.
#[test]
fn fail_with_unexpected_eof_closes_the_transport() {
    let mut connection = Connection::new(Server, &Config::DEFAULT);
    connection.fail(ProtocolError::UnexpectedEof);
    assert_eq!((connection.state(), connection.transport()), (State::Closed, Transport::Close));
    assert_eq!(connection.close_code(), Some(CloseCode::ABNORMAL));
}

/// If the host answers a Close with its own code, the engine sends no answer. [6455-5.5.1-7] [6455-7.1.2-1]
#[test]
fn host_can_answer_a_close_with_its_own_code() {
    let mut host = Host::<Server>::new(&Config::DEFAULT);
    host.drain = Drain::ByHand;
    host.feed(&from_peer::<Server>(CLOSE, b"\x03\xe9"));
    host.write_close(4001, "seen").unwrap();
    host.drain();
    assert_eq!(host.log.sent(), [(CLOSE, b"\x0f\xa1seen".to_vec())]);
    assert!(host.connection.is_clean());
}

/// A header whose payload is still missing yields no event, whatever its bits are.
/// Of a frame in progress, the rest; of others, all. [6455-5.5.1-6] [6455-5.5.1-9]
#[test]
fn transmitter_sends_until_our_close_is_sent() {
    let mut out = [0; 64];
    for (read, ours) in [(&b"\x88\x80\0\0\0\0"[..], &b"\x88\0"[..]), (b"\xC1\x80\0\0\0\0", b"\x88\x02\x03\xEA")] {
        let mut connection = Connection::new(Server, &Config::DEFAULT);
        let _header = connection.begin_frame(MessageKind::Binary, false, 2).unwrap();
        let _closing = connection.receive(&mut read.to_owned());
        assert_eq!(connection.begin_frame(MessageKind::Binary, true, 1), Err(SendError::Closing));
        let transmitter = connection.transmitter();
        assert_eq!(transmitter.begin_frame(MessageKind::Binary, true, 1), Err(SendError::FrameInProgress));
        transmitter.mask_payload(&mut [1, 2]).unwrap();
        assert_eq!(transmitter.begin_frame(MessageKind::Binary, true, 1).unwrap().as_bytes(), b"\x80\x01");
        assert_eq!(connection.poll_transmit(&mut out), 0); // inside the frame
        connection.mask_payload(&mut [3]).unwrap();
        let len = connection.poll_transmit(&mut out);
        assert_eq!(&out[..len], ours);
        assert_eq!(connection.transmitter().write_text("late", &mut out), Err(SendError::Closing));
        assert_eq!(connection.transport(), Transport::HalfClose);
    }
}

#[test]
fn header_without_payload_yields_no_event() {
    let config = Config { extension_rsv: Rsv::from_bits(7), ..Config::DEFAULT };
    for first in [0x01, 0x51, 0x81, 0xD1, 0x82, 0x89] {
        let mut connection = Connection::new(Client(|| [0; 4]), &config);
        assert_eq!(connection.receive(&mut [first, 1]).unwrap().event, None, "{first:#x}");
        assert!(connection.receive(&mut [b'a']).unwrap().event.is_some(), "{first:#x}");
    }
}

/// The first chunk of a frame has its reserved bits, and an empty fragment with reserved bits yields a chunk. [6455-5.2-10]
/// [6455-6.2-5] [6455-6.2-6]
#[test]
fn reserved_bits_are_reported_frame_by_frame() {
    let config = Config { extension_rsv: Rsv::from_bits(7), ..Config::DEFAULT };
    let frames = [(0x41, &b""[..]), (0x00, b""), (0x10, b"ab"), (0x20, b""), (0x80, b"c")];
    let stream: Vec<u8> = frames.iter().flat_map(|(first, payload)| from_peer::<Server>(*first, payload)).collect();
    let expected = [(4, true, false, 0), (1, false, false, 2), (2, false, false, 0), (0, false, true, 1)];
    for cut in 0..stream.len() {
        let mut connection = Connection::new(Server, &config);
        let mut chunks: Vec<(u8, bool, bool, usize)> = Vec::new();
        for read in [&stream[..cut], &stream[cut..]] {
            let mut read = read.to_vec();
            let mut rest = &mut read[..];
            while let Ok(received) = connection.receive(rest)
                && let Some(event) = received.event
            {
                rest = received.rest;
                let Event::Data(chunk) = event else { panic!("{event:?}") };
                assert_eq!(chunk.kind, MessageKind::Text);
                match chunks.last_mut() {
                    // The cut is inside the payload of one frame.
                    Some(last) if last.0 == 1 && chunk.rsv.is_empty() && !chunk.last => last.3 += chunk.payload.len(),
                    _ => chunks.push((chunk.rsv.bits(), chunk.first, chunk.last, chunk.payload.len())),
                }
            }
        }
        assert_eq!(chunks, expected, "cut at {cut}");
    }
}

/// `buffered_amount` is the length of the pending reply plus the missing payload of the open frame.
#[test]
fn buffered_amount_counts_the_reply_and_the_open_frame() {
    fn check<R: Side + Debug>(header: u64) {
        let mut host = Host::<R>::new(&Config::DEFAULT);
        host.drain = Drain::ByHand;
        host.begin_frame(MessageKind::Binary, true, 0, 1000).unwrap();
        host.write_payload(&[0; 300]).unwrap();
        assert_eq!(host.connection.buffered_amount(), 700);
        host.feed(&from_peer::<R>(PING, b"ping"));
        assert_eq!(host.connection.buffered_amount(), 700 + header + 4);
        host.write_payload(&[0; 700]).unwrap();
        assert_eq!(host.connection.buffered_amount(), header + 4);
        host.drain();
        assert_eq!(host.connection.buffered_amount(), 0);
        host.write_close(1000, "").unwrap();
        host.feed(&from_peer::<R>(PING, b"ping"));
        assert_eq!(host.connection.buffered_amount(), 0, "nothing is sent after our Close");
    }
    check::<Server>(2);
    check::<Client<Keys>>(6);
}

/// [6455-5.6-1]: a long text fragment in a single read is unmasked and validated to its end.
#[test]
fn long_text_fragment_is_unmasked_and_validated_throughout() {
    fn check<R: Side + Debug>() {
        for text in ["a".repeat(20_000), "한국어".repeat(2_000)] {
            for bad in [None, Some(0), Some(8_191), Some(8_192), Some(17_999)] {
                let mut payload = text.clone().into_bytes();
                if let Some(at) = bad {
                    payload[at] = 0xFF;
                }
                let mut host = Host::<R>::new(&Config::DEFAULT);
                let mut bytes = from_peer::<R>(0x01, &payload);
                match host.connection.receive(&mut bytes) {
                    Ok(received) if bad.is_none() => {
                        let Some(Event::Data(chunk)) = received.event else { panic!("no chunk") };
                        assert_eq!(chunk.payload, payload);
                    }
                    outcome => assert_eq!((outcome.map(drop), bad.is_some()), (Err(ProtocolError::InvalidUtf8), true)),
                }
            }
        }
    }
    check::<Server>();
    check::<Client<Keys>>();
}

/// `unread_payload` is how much of a frame is still missing, so that the host can read exactly to the frame's end.
#[test]
fn unread_payload_counts_down_to_the_end_of_the_frame() {
    let mut host = Host::<Server>::new(&Config::DEFAULT);
    let frame = from_peer::<Server>(0x82, &[0; 1000]);
    let header = frame.len() - 1000;
    for (at, byte) in frame.iter().enumerate() {
        let left = if at < header { 0 } else { frame.len() - at };
        assert_eq!(host.connection.unread_payload(), left as u64, "before byte {at}");
        host.feed(&[*byte]);
    }
    assert_eq!(host.connection.unread_payload(), 0);
    host.feed(&from_peer::<Server>(0x81, b"a\xFF and more")[..8]);
    assert_eq!(host.connection.unread_payload(), 0, "no payload is expected after an error");
}

/// The defaults are those in the table of limits. [6455-10.4-2]
#[test]
fn config_defaults_match_the_documentation() {
    let config = Config::default();
    assert_eq!((config.max_frame_size, config.max_message_size), (16 * 1024 * 1024, 64 * 1024 * 1024));
    assert_eq!((config.max_fragments, config.fragment_size), (1024 * 1024, 16 * 1024));
    assert_eq!((config.extension_rsv, config.extension_opcodes), (Rsv::NONE, 0));
}

/// A buffer of `MAX_CONTROL_FRAME` bytes suffices for every control frame; a smaller one does not.
#[test]
fn max_control_frame_fits_every_control_frame() {
    let mut client = Connection::new(Client(|| [1, 2, 3, 4]), &Config::DEFAULT);
    let payload = [0; 125];
    assert_eq!(
        client.write_ping(&payload, &mut [0; MAX_CONTROL_FRAME - 1]),
        Err(SendError::BufferTooSmall { need: MAX_CONTROL_FRAME })
    );
    assert_eq!(client.write_ping(&payload, &mut [0; MAX_CONTROL_FRAME]), Ok(Written(MAX_CONTROL_FRAME)));
}

/// An extension cannot send a control opcode as data or a data opcode as control, and cannot use the RFC's own opcodes.
/// [6455-5.2-4]
#[test]
fn only_reserved_opcodes_are_sent_for_extensions() {
    let mut server = Connection::new(Server, &Config { extension_opcodes: u16::MAX, ..Config::DEFAULT });
    let mut out = [0; 16];
    for opcode in 0..=15 {
        let data = server.write_unvalidated(MessageKind::Extension(Opcode::from_bits(opcode)), b"", &mut out);
        assert_eq!(data.is_ok(), (3..=7).contains(&opcode), "{opcode}");
        let control = server.write_extension_control(Opcode::from_bits(opcode), b"", &mut out);
        assert_eq!(control.is_ok(), (11..=15).contains(&opcode), "{opcode}");
        for refused in [data, control].into_iter().filter(Result::is_err) {
            assert_eq!(refused, Err(SendError::Reserved));
        }
    }
}

/// A log must not contain masking keys, payloads or cookies.
#[test]
fn debug_shows_the_state_without_keys_and_payloads() {
    let mut client = Connection::new(Client(|| [0xA1, 0xB2, 0xC3, 0xD4]), &Config::DEFAULT);
    let _header = client.begin_frame(MessageKind::Text, true, 5).unwrap();
    assert!(client.receive(&mut [0x89, 4, 0xEE, 0xEE, 0xEE, 0xEE]).unwrap().event.is_some());
    let shown = format!("{client:?}");
    assert_eq!(shown, "Connection { state: Open, error: None, unread_payload: 0, buffered_amount: 15, .. }");
    let (receiver, transmitter) = client.split();
    assert_eq!(format!("{receiver:?}"), "Receiver { error: None, close_received: false, unread_payload: 0, .. }");
    assert_eq!(format!("{transmitter:?}"), "Transmitter { close_sent: false, unsent_payload: 5, .. }");
}

/// The host must see when a payload is not whole: at every cut, and no longer than for that frame.
#[test]
fn cut_control_payload_shows() {
    const KEY: Option<[u8; 4]> = Some([1, 2, 3, 4]);
    for (ping, pong) in [(125, 14), (125, 15), (125, 125), (14, 125), (15, 125), (0, 125), (20, 20)] {
        let is_cut = ping + pong > 139;
        let stream =
            [raw::frame(0x89, KEY, &vec![1; ping]), raw::frame(0x8A, KEY, &vec![2; pong]), raw::frame(0x8A, KEY, b"x")];
        for cut in 1..=stream[1].len() {
            let mut server = Connection::new(Server, &Config::DEFAULT);
            let _header = server.begin_frame(MessageKind::Binary, true, 1).unwrap();
            assert_eq!(server.receive(&mut stream[0].clone()).unwrap().event, Some(Event::Ping));
            assert!(!server.is_control_payload_cut());
            let (mut first, mut second) = (stream[1][..cut].to_vec(), stream[1][cut..].to_vec());
            let event = server.receive(&mut first).unwrap().event;
            if cut < stream[1].len() {
                assert_eq!((event, server.receive(&mut second).unwrap().event), (None, Some(Event::Pong)));
            }
            assert_eq!(server.is_control_payload_cut(), is_cut, "{ping} {pong} {cut}");
            assert_eq!(server.control_payload(), vec![2; if is_cut { 139 - ping } else { pong }]);
            server.mask_payload(&mut [0]).unwrap();
            let mut out = [0; 131];
            assert_eq!(server.poll_transmit(&mut out), 2 + ping);
            assert_eq!(server.receive(&mut stream[2].clone()).unwrap().event, Some(Event::Pong));
            assert!(!server.is_control_payload_cut());
        }
    }
}

/// At every cut, a relay that asks at the first chunk of each frame makes the same frames.
#[test]
fn frames_can_be_forwarded_with_their_boundaries() {
    const KEY: Option<[u8; 4]> = Some([1, 2, 3, 4]);
    let frames: [(u8, &[u8]); 9] = [
        (0x01, b"a text "),
        (0x89, b"ping"),
        (0x00, b"in three"),
        (0x8A, b""),
        (0x80, b" frames"),
        (0x82, b"\0"),
        (0x02, &[7; 200]),
        (0x80, b""),
        (0x81, b"end"),
    ];
    let stream: Vec<u8> = frames.iter().flat_map(|(first, payload)| raw::frame(*first, KEY, payload)).collect();
    let data: Vec<u8> = frames
        .iter()
        .filter(|(first, _)| first & 8 == 0)
        .flat_map(|(first, payload)| raw::frame(*first, None, payload))
        .collect();
    for first in 0..stream.len() {
        for second in [first, (first + 1).min(stream.len()), stream.len()] {
            let mut receiver = Connection::new(Server, &Config::DEFAULT);
            let mut sender = Connection::new(Server, &Config::DEFAULT);
            let (mut left, mut out) = (0, Vec::new());
            for read in [&stream[..first], &stream[first..second], &stream[second..]] {
                let mut read = read.to_vec();
                let mut rest = &mut read[..];
                loop {
                    let received = receiver.receive(rest).unwrap();
                    rest = received.rest;
                    let chunk = match received.event {
                        Some(Event::Data(chunk)) => chunk,
                        Some(_) => {
                            assert!(!receiver.is_last_frame(), "a control frame is not the last of a message");
                            continue;
                        }
                        None => break,
                    };
                    if left == 0 {
                        left = chunk.payload.len() as u64 + receiver.unread_payload();
                        let is_last = chunk.last || receiver.is_last_frame();
                        out.extend_from_slice(sender.begin_frame(chunk.kind, is_last, left).unwrap().as_bytes());
                    }
                    left -= chunk.payload.len() as u64;
                    sender.mask_payload(chunk.payload).unwrap();
                    out.extend_from_slice(chunk.payload);
                }
            }
            assert_eq!(out, data, "cut at {first} and {second}");
        }
    }
}
