//! UTF-8: any text, at any cut, at any place in a longer one, against `core::str`; by itself, and as messages.

use crate::{Bytes, Cuts};
use arbitrary::Arbitrary;
use barews::connection::Config;
use barews::wire::Utf8Validator;
use barews::{Client, Server};
use barews_testkit::{Host, Keys, Side, oracle, raw};
use std::fmt::Debug;

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    pub server: bool,
    pub key: [u8; 4],
    /// About so much ASCII stands before the text, and so much behind it.
    pub before: u16,
    pub behind: u8,
    pub cuts: Cuts,
    pub text: Bytes<'a>,
}

impl Input<'_> {
    pub fn check(&self) {
        let before = vec![b'.'; if self.before < 1 << 15 { self.before % 300 } else { self.before % 5000 }.into()];
        let text = [&before, self.text.0, &vec![b'.'; self.behind.into()]].concat();
        for pieces in [vec![&text[..]], self.cuts.pieces(&text), text.chunks(1).collect()] {
            validate(&pieces, &text);
        }
        if self.server { self.message::<Server>(&text) } else { self.message::<Client<Keys>>(&text) }
    }

    /// The text as one frame, and its pieces as fragments.
    fn message<R: Side + Debug>(&self, text: &[u8]) {
        let key = R::IS_SERVER.then_some(self.key);
        // The naive receiver reads a message from its start again for each of its pieces.
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

/// The validator fails with the piece that has the first wrong byte, and knows where a character is cut.
fn validate(pieces: &[&[u8]], text: &[u8]) {
    // Up to `valid` the text is whole characters, up to `end` it was pushed.
    let (mut utf8, mut valid, mut end) = (Utf8Validator::new(), 0, 0);
    for piece in pieces {
        end += piece.len();
        let error = str::from_utf8(&text[valid..end]).err();
        let wrong = error.is_some_and(|error| error.error_len().is_some());
        assert_eq!(utf8.push(piece).is_err(), wrong, "up to {end}");
        if wrong {
            return;
        }
        valid = error.map_or(end, |error| valid + error.valid_up_to());
        assert_eq!((utf8.is_complete(), utf8.finish().is_ok()), (valid == end, valid == end), "up to {end}");
    }
}
