//! Generates streams, limits and actions for property tests.
//!
//! A stream is generated as a list of [`Part`]s. [`written`] masks them for one direction, so that each case serves both roles.
//!
//! ```
//! use barews::Server;
//! use barews::connection::Config;
//! use barews_testkit::{Host, oracle, random};
//! use proptest::prelude::*;
//!
//! proptest! {
//!     # #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) })]
//!     # /*
//!     #[test]
//!     # */
//!     fn server_receives_what_a_naive_receiver_does(parts in random::parts(), size in 1..20usize) {
//!         let stream = random::written(&parts, true);
//!         let mut host = Host::<Server>::new(&Config::DEFAULT);
//!         host.feed_cut(&stream, &[size]);
//!         prop_assert_eq!(&host.log, &oracle::expect(true, &Config::DEFAULT, &stream));
//!     }
//! }
//! # server_receives_what_a_naive_receiver_does();
//! ```

use crate::session::Action;
use crate::{Drain, raw};
use barews::connection::{Config, MessageKind};
use barews::wire::Rsv;
use proptest::collection::vec;
use proptest::prelude::*;

/// A part of a stream, still unmasked.
#[derive(Clone, Debug)]
pub enum Part {
    /// A frame: its first byte and its payload.
    Frame(u8, Vec<u8>),
    /// A header with any length field: its first byte, the 7 bits of the length, and the bytes that follow.
    Length(u8, u8, Vec<u8>),
    /// A frame masked by a server, or not masked by a client: its first byte and its payload.
    WrongMask(u8, Vec<u8>),
    /// Any bytes.
    Junk(Vec<u8>),
}

/// The payload of a text message: up to 11 characters of 1 to 4 bytes.
pub fn text() -> impl Strategy<Value = Vec<u8>> {
    let character = prop_oneof![Just('a'), Just('é'), Just('漢'), Just('😀'), any::<char>()];
    vec(character, 0..12).prop_map(|text| text.into_iter().collect::<String>().into_bytes())
}

/// Fewer than `most` bytes.
pub fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

/// A Ping or a Pong.
pub fn control() -> impl Strategy<Value = Part> {
    (prop_oneof![Just(0x89), Just(0x8A)], prop_oneof![4 => bytes(8), 1 => bytes(126)])
        .prop_map(|(first, p)| Part::Frame(first, p))
}

/// A message in one or more frames, with control frames between them. One message in eight is a text of random bytes.
pub fn message() -> impl Strategy<Value = Vec<Part>> {
    let payload = prop_oneof![
        3 => text().prop_map(|p| (0x01, p)),
        3 => bytes(40).prop_map(|p| (0x02, p)),
        1 => bytes(400).prop_map(|p| (0x02, p)),
        1 => bytes(12).prop_map(|p| (0x01, p)), // mostly not UTF-8
    ];
    (payload, vec((any::<prop::sample::Index>(), proptest::option::of(control())), 0..4)).prop_map(
        |((opcode, payload), cuts)| {
            let mut places: Vec<_> =
                cuts.iter().map(|(at, control)| (at.index(payload.len() + 1), control.clone())).collect();
            places.sort_by_key(|(at, _)| *at);
            let (mut parts, mut from) = (Vec::new(), 0);
            for (i, (at, control)) in places.into_iter().enumerate() {
                parts.push(Part::Frame(if i == 0 { opcode } else { 0 }, payload[from..at].to_vec()));
                parts.extend(control);
                from = at;
            }
            parts.push(Part::Frame(if parts.is_empty() { 0x80 | opcode } else { 0x80 }, payload[from..].to_vec()));
            parts
        },
    )
}

/// A Close with any payload, often a valid one.
pub fn close() -> impl Strategy<Value = Part> {
    let code = prop_oneof![Just(1000u16), Just(4999), 990..1020u16, any::<u16>()];
    let body = prop_oneof![
        Just(vec![]),
        bytes(4),
        (code, text()).prop_map(|(code, reason)| [&code.to_be_bytes()[..], &reason].concat()),
    ];
    body.prop_map(|body| Part::Frame(0x88, body))
}

/// A frame with any first byte, with any length field or with the wrong mask, or any bytes.
pub fn malformed() -> impl Strategy<Value = Part> {
    prop_oneof![
        (any::<u8>(), bytes(10)).prop_map(|(first, payload)| Part::Frame(first, payload)),
        (any::<u8>(), 0..=127u8, vec(prop_oneof![Just(0), Just(0x80), any::<u8>()], 0..9))
            .prop_map(|(first, short, digits)| Part::Length(first, short, digits)),
        (prop_oneof![Just(0x81), Just(0x89), Just(0x02)], bytes(4))
            .prop_map(|(first, payload)| Part::WrongMask(first, payload)),
        bytes(20).prop_map(Part::Junk),
    ]
}

/// Messages and control frames. All are valid except texts that are not UTF-8.
pub fn valid() -> impl Strategy<Value = Vec<Part>> {
    vec(prop_oneof![2 => message(), 1 => control().prop_map(|part| vec![part])], 0..8).prop_map(|parts| parts.concat())
}

/// Messages and control frames, sometimes with a Close or something malformed among them, after which anything can follow.
pub fn parts() -> impl Strategy<Value = Vec<Part>> {
    let some = prop_oneof![
        8 => message(),
        4 => control().prop_map(|part| vec![part]),
        1 => close().prop_map(|part| vec![part]),
        1 => malformed().prop_map(|part| vec![part]),
    ];
    vec(some, 0..8).prop_map(|parts| parts.concat())
}

/// Returns the bytes of these parts, masked as a client sends them if `to_server`, else unmasked as a server sends them.
pub fn written(parts: &[Part], to_server: bool) -> Vec<u8> {
    let mut stream = Vec::new();
    for (part, n) in parts.iter().zip(5000..) {
        let key = to_server.then(|| raw::key(n));
        match part {
            Part::Frame(first, payload) => stream.extend(raw::frame(*first, key, payload)),
            Part::WrongMask(first, payload) => {
                stream.extend(raw::frame(*first, if to_server { None } else { Some(raw::key(n)) }, payload));
            }
            Part::Length(first, short, digits) => {
                stream.extend([*first, short | if to_server { 0x80 } else { 0 }]);
                stream.extend(digits);
            }
            Part::Junk(junk) => stream.extend(junk),
        }
    }
    stream
}

/// Limits close to the sizes in the streams. Most allow no reserved bits and no opcodes of extensions.
pub fn config() -> impl Strategy<Value = Config> {
    let limit = || prop_oneof![4 => Just(u64::MAX), 1 => 0..60u64];
    let fragments = prop_oneof![4 => Just(u32::MAX), 1 => 1..4u32];
    let rsv = prop_oneof![4 => Just(Rsv::NONE), 1 => (0..8u8).prop_map(Rsv::from_bits)];
    let opcodes = prop_oneof![4 => Just(0), 1 => any::<u16>()];
    (limit(), limit(), fragments, rsv, opcodes).prop_map(
        |(max_frame_size, max_message_size, max_fragments, extension_rsv, extension_opcodes)| Config {
            max_frame_size,
            max_message_size,
            max_fragments,
            extension_rsv,
            extension_opcodes,
            ..Config::DEFAULT
        },
    )
}

/// Any [`Drain`].
pub fn drain() -> impl Strategy<Value = Drain> {
    prop_oneof![Just(Drain::AtOnce), Just(Drain::AfterRead), Just(Drain::ByHand)]
}

/// Any action of an endpoint.
pub fn action() -> impl Strategy<Value = Action> {
    let message = || {
        prop_oneof![
            text().prop_map(|body| (MessageKind::Text, body)),
            bytes(200).prop_map(|body| (MessageKind::Binary, body)),
            (vec(any::<u8>(), 1..9), 1..800usize).prop_map(|(body, n)| (MessageKind::Binary, body.repeat(n))),
        ]
    };
    let kind = prop_oneof![Just(MessageKind::Text), Just(MessageKind::Binary)];
    let payload = || prop_oneof![4 => bytes(10), 1 => bytes(130)];
    let code = proptest::option::of(prop_oneof![Just(1000), Just(1010), Just(4000), any::<u16>()]);
    let reason = text().prop_map(|reason| String::from_utf8(reason).unwrap());
    prop_oneof![
        4 => message().prop_map(|(kind, body)| Action::Message(kind, body)),
        3 => message().prop_map(|(kind, body)| Action::Begin(kind, body)),
        6 => (0..60usize).prop_map(Action::Fragment),
        3 => (kind, any::<bool>(), 0..300usize).prop_map(|(kind, fin, len)| Action::Frame(kind, fin, len)),
        6 => (0..200usize).prop_map(Action::Payload),
        3 => payload().prop_map(Action::Ping),
        2 => payload().prop_map(Action::Pong),
        1 => (code, reason).prop_map(|(code, reason)| Action::Close(code, reason)),
        10 => prop_oneof![1..12usize, 0..300usize].prop_map(Action::Deliver),
        3 => Just(Action::Drain),
    ]
}
