//! The fuzz targets of barews as plain functions: `fuzz_targets` passes them to libFuzzer, `tests/replay.rs` runs them on
//! stored inputs.
//!
//! Every target is a module with an `Input`, which [`arbitrary`] builds from the fuzzer's bytes, and its `check`, which
//! panics if the engine is wrong. The oracles are deliberately naive: those of the connection and of inflating are in the
//! [testkit](barews_testkit), those of the handshake in [`naive`].

mod naive;
pub mod seeds;

pub mod building;
pub mod client_handshake;
pub mod close;
pub mod deflate;
pub mod differential;
pub mod header;
pub mod inflate;
pub mod lists;
pub mod receive;
pub mod server_handshake;
pub mod session;
pub mod uri;
pub mod utf8;

use arbitrary::{Arbitrary, Unstructured};
use barews::connection::Config;
use barews::wire::Rsv;
use barews_testkit::{Host, Side};
use std::fmt;

/// A target's name, and its function of the fuzzer's bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 13] = [
    ("building", |data| run(data, |input: building::Input<'_>| input.check())),
    ("client_handshake", |data| run(data, |input: client_handshake::Input<'_>| input.check())),
    ("close", |data| run(data, |input: close::Input<'_>| input.check())),
    ("deflate", |data| run(data, |input: deflate::Input<'_>| input.check())),
    ("differential", |data| run(data, |input: differential::Input<'_>| input.check())),
    ("header", |data| run(data, |input: header::Input<'_>| input.check())),
    ("inflate", |data| run(data, |input: inflate::Input<'_>| input.check())),
    ("lists", |data| run(data, |input: lists::Input<'_>| input.check())),
    ("receive", |data| run(data, |input: receive::Input<'_>| input.check())),
    ("server_handshake", |data| run(data, |input: server_handshake::Input<'_>| input.check())),
    ("session", |data| run(data, |input: session::Input<'_>| input.check())),
    ("uri", |data| run(data, |input: uri::Input<'_>| input.check())),
    ("utf8", |data| run(data, |input: utf8::Input<'_>| input.check())),
];

/// Builds the input from the fuzzer's bytes as `fuzz_target!` does, and checks it.
fn run<'a, I: Arbitrary<'a>>(data: &'a [u8], check: impl FnOnce(I)) {
    if data.len() >= I::size_hint(0).0
        && let Ok(input) = I::arbitrary_take_rest(Unstructured::new(data))
    {
        check(input);
    }
}

/// Bytes that are readable in a report.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bytes<'a>(pub &'a [u8]);

impl fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl<'a> Arbitrary<'a> for Bytes<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        u.arbitrary().map(Self)
    }

    fn arbitrary_take_rest(u: Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self(u.take_rest()))
    }
}

/// The sizes of the reads into which a stream is cut, repeated. Without any, the stream is one read.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub struct Cuts([u8; 4]);

impl Cuts {
    /// One read.
    const NONE: Self = Self([0; 4]);
    /// Byte by byte.
    const ALL: Self = Self([1; 4]);

    /// Cuts `bytes` into pieces.
    fn pieces(self, bytes: &[u8]) -> Vec<&[u8]> {
        let mut sizes = self.0.iter().map(|size| usize::from(*size)).filter(|size| *size > 0).cycle();
        let (mut pieces, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(sizes.next().unwrap_or(rest.len()).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }

    /// Feeds `stream` in pieces. Bytes after a Close or an error are fed in one piece.
    fn feed<R: Side + fmt::Debug>(self, host: &mut Host<R>, stream: &[u8]) {
        let mut fed = 0;
        for piece in self.pieces(stream) {
            host.feed(piece);
            fed += piece.len();
            if host.log.is_over() {
                return host.feed(&stream[fed..]);
            }
        }
    }
}

/// Small limits of a connection. 0 means the default.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub struct Limits {
    frame: u8,
    message: u8,
    fragments: u8,
    fragment_size: u8,
    rsv: u8,
    opcodes: u16,
}

impl Limits {
    fn config(self) -> Config {
        let small = |limit: u8, default| if limit == 0 { default } else { u64::from(limit) - 1 };
        Config {
            max_frame_size: small(self.frame, Config::DEFAULT.max_frame_size),
            max_message_size: small(self.message, Config::DEFAULT.max_message_size),
            max_fragments: small(self.fragments, Config::DEFAULT.max_fragments.into()) as u32,
            fragment_size: small(self.fragment_size, Config::DEFAULT.fragment_size.into()) as u32,
            extension_rsv: Rsv::from_bits(self.rsv),
            extension_opcodes: self.opcodes,
            ..Config::DEFAULT
        }
    }
}
