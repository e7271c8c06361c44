//! UTF-8: any text, at any cut, at any place in a longer text, compared with `core::str`: in the validator, and as messages.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use barews::connection::Config;
use barews::wire::Utf8Validator;
use barews::{Client, Server};
use barews_fuzz::{Bytes, Cuts};
use barews_testkit::{Host, Keys, Side, oracle, raw};
use std::fmt::Debug;

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    pub server: bool,
    pub key: [u8; 4],
    /// Determines the length of the ASCII before the text. `after` is the length of that after it.
    pub before: u16,
    pub after: u8,
    pub cuts: Cuts,
    pub text: Bytes<'a>,
}

impl Input<'_> {
    pub fn check(&self) {
        let before = vec![b'.'; if self.before < 1 << 15 { self.before % 300 } else { self.before % 5000 }.into()];
        let text = [&before, self.text.0, &vec![b'.'; self.after.into()]].concat();
        for pieces in [vec![&text[..]], self.cuts.pieces(&text), text.chunks(1).collect()] {
            validate(&pieces, &text);
        }
        if self.server { self.message::<Server>(&text) } else { self.message::<Client<Keys>>(&text) }
    }

    /// Checks the text as one frame, and its pieces as fragments.
    fn message<R: Side + Debug>(&self, text: &[u8]) {
        let key = R::IS_SERVER.then_some(self.key);
        // A long text in many pieces would be slow: the naive receiver copies a message for each piece.
        let some = if text.len() > 600 { Cuts::NONE } else { self.cuts };
        let mut fragments = Vec::new();
        for (n, piece) in some.pieces(text).into_iter().enumerate() {
            fragments.extend(raw::frame(if n == 0 { 0x01 } else { 0x00 }, key, piece));
        }
        fragments.extend(raw::frame(if fragments.is_empty() { 0x81 } else { 0x80 }, key, &[]));
        for stream in [raw::frame(0x81, key, text), fragments] {
            let naive = oracle::expect(R::IS_SERVER, &Config::DEFAULT, &stream);
            for cuts in [Cuts::NONE, some] {
                let mut host = Host::<R>::new(&Config::DEFAULT);
                cuts.feed(&mut host, &stream);
                assert_eq!(host.log, naive, "{cuts:?}");
            }
        }
    }
}

/// Checks that the validator fails in the piece with the first invalid byte, and reports whether a character is incomplete.
fn validate(pieces: &[&[u8]], text: &[u8]) {
    // Up to `valid` the text consists of whole characters; up to `end` it was pushed.
    let (mut utf8, mut valid, mut end) = (Utf8Validator::new(), 0, 0);
    for piece in pieces {
        end += piece.len();
        let error = str::from_utf8(&text[valid..end]).err();
        let invalid = error.is_some_and(|error| error.error_len().is_some());
        assert_eq!(utf8.push(piece).is_err(), invalid, "up to {end}");
        if invalid {
            return;
        }
        valid = error.map_or(end, |error| valid + error.valid_up_to());
        assert_eq!((utf8.is_complete(), utf8.finish().is_ok()), (valid == end, valid == end), "up to {end}");
    }
}

barews_fuzz::target!(|input: Input<'_>| input.check());
