//! Close frames and status codes are parsed, sent and answered as RFC 6455 sections 5.5.1 and 7.4 require.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use barews::connection::Config;
use barews::wire::{CloseCode, CloseFrame};
use barews::{Client, ProtocolError, SendError, Server};
use barews_fuzz::{Bytes, Cuts};
use barews_testkit::{Drain, Entry, Host, Keys, Side, oracle, raw};
use std::fmt::Debug;

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    pub server: bool,
    pub key: [u8; 4],
    pub cuts: Cuts,
    /// The payload of a Close frame, or of a longer control frame.
    pub payload: Bytes<'a>,
}

impl Input<'_> {
    pub fn check(&self) {
        self.parsed();
        if self.server {
            self.received::<Server>();
            self.sent::<Server, Client<Keys>>();
        } else {
            self.received::<Client<Keys>>();
            self.sent::<Client<Keys>, Server>();
        }
    }

    fn parsed(&self) {
        let expected = match self.payload.0 {
            [] => Ok(None),
            [_] => Err(ProtocolError::InvalidClosePayload),
            [a, b, reason @ ..] => match (u16::from_be_bytes([*a, *b]), str::from_utf8(reason)) {
                (code, _) if !oracle::may_be_sent(code) => Err(ProtocolError::InvalidCloseCode),
                (_, Err(_)) => Err(ProtocolError::InvalidUtf8),
                (code, Ok(reason)) => Ok(Some((CloseCode(code), reason))),
            },
        };
        let parsed = CloseFrame::parse(self.payload.0);
        assert_eq!(parsed.map(|close| close.map(|close| (close.code(), close.reason()))), expected);
    }

    /// Checks that a Close is received as by a naive receiver, and answered with its code, at any cut.
    fn received<R: Side + Debug>(&self) {
        let stream = raw::frame(0x88, R::IS_SERVER.then_some(self.key), self.payload.0);
        let naive = oracle::expect(R::IS_SERVER, &Config::DEFAULT, &stream);
        for cuts in [Cuts::NONE, self.cuts, Cuts::ALL] {
            let mut host = Host::<R>::new(&Config::DEFAULT);
            cuts.feed(&mut host, &stream);
            assert_eq!(host.log, naive);
        }
    }

    /// Checks that a Close arrives unchanged at the other side, and is answered with its code.
    fn sent<A: Side + Debug, B: Side + Debug>(&self) {
        let [a, b, reason @ ..] = self.payload.0 else { return };
        let (code, Ok(reason)) = (u16::from_be_bytes([*a, *b]), str::from_utf8(reason)) else { return };
        let (mut from, mut to) = (Host::<A>::new(&Config::DEFAULT), Host::<B>::new(&Config::DEFAULT));
        from.drain = Drain::AtOnce;
        let allowed = CloseCode(code).is_allowed();
        assert_eq!(allowed, oracle::may_be_sent(code));
        let expected = match () {
            // RFC 6455 7.4.1: only a client sends 1010
            () if !allowed || A::IS_SERVER && code == 1010 => Err(SendError::CloseCode),
            () if reason.len() > 123 => Err(SendError::PayloadTooLong),
            () => Ok(()),
        };
        assert_eq!(from.write_close(code, reason), expected);
        if expected.is_ok() {
            self.cuts.feed(&mut to, &from.output);
            assert_eq!(to.log.received(), [Entry::Close(Some(code), reason.to_owned())]);
            self.cuts.feed(&mut from, &to.output);
            let answer = if B::IS_SERVER && code == 1010 { 1000 } else { code };
            assert_eq!(from.log.received(), [Entry::Close(Some(answer), String::new())], "the answer has the code");
            assert!(from.outcome().clean && to.outcome().clean);
        }
    }
}

barews_fuzz::target!(|input: Input<'_>| input.check());
