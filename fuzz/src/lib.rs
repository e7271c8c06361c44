//! What the fuzz targets share. Each target is a program in `src/bin`: an `Input`, which [`arbitrary`] builds from bytes, and
//! its `check`, which panics if the engine is wrong. [`target!`] passes both to libFuzzer, and in `cargo test` to the stored
//! inputs.
//!
//! The oracles are deliberately naive: those of the connection and of inflating are in the [testkit](barews_testkit), those of
//! the handshake in [`naive`].

pub mod naive;
pub mod replay;
pub mod seeds;
pub mod seen;

use arbitrary::{Arbitrary, Unstructured};
use barews::connection::Config;
use barews::wire::Rsv;
use barews_testkit::{Host, Side};
use std::fmt;

pub use libfuzzer_sys;

/// Makes a program a fuzz target: `target!(|input: Input<'_>| input.check());`. The program begins with
/// `#![cfg_attr(fuzzing, no_main)]`.
///
/// * `cargo fuzz` lets libFuzzer make the inputs.
/// * `cargo test` checks those that are stored for the program's name, and random ones.
/// * Otherwise the program checks the files in its arguments.
#[macro_export]
macro_rules! target {
    (|$input:ident: $type:ty| $check:expr) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|$input: $type| $check);

        #[cfg(not(fuzzing))]
        fn check(data: &[u8]) {
            $crate::replay::build(data, |$input: $type| $check);
        }

        #[cfg(not(fuzzing))]
        fn main() {
            $crate::replay::files(check);
        }

        #[test]
        fn stored_inputs_pass() {
            $crate::replay::stored(env!("CARGO_BIN_NAME"), check);
        }
    };
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
    pub const NONE: Self = Self([0; 4]);
    /// Byte by byte.
    pub const ALL: Self = Self([1; 4]);

    /// Cuts `bytes` into pieces.
    pub fn pieces(self, bytes: &[u8]) -> Vec<&[u8]> {
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
    pub fn feed<R: Side + fmt::Debug>(self, host: &mut Host<R>, stream: &[u8]) {
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
    pub fn config(self) -> Config {
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

/// The example in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// These tests check the engine's arithmetic for overflow, as `cargo fuzz` does.
#[test]
#[cfg_attr(not(debug_assertions), ignore = "built without overflow checks")]
fn tests_check_arithmetic_for_overflow() {
    let most = std::hint::black_box(u8::MAX);
    assert!(std::panic::catch_unwind(|| most + std::hint::black_box(1)).is_err());
}
