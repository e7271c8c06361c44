//! Receiving: whatever comes, at any cut, for both roles and any limits, is heard as a naive receiver hears it. The harness
//! holds each call against P1 to P3, P5 to P8 and P13; here are P4, late replies, and whole messages.

use crate::harness::{Drain, Entry, Host, Keys, Log, Side, oracle};
use crate::{Bytes, Cuts, Limits};
use arbitrary::Arbitrary;
use barews::connection::{Event, MessageKind};
use barews::message::MessageBuffer;
use barews::{Client, ProtocolError, Server};
use std::fmt::Debug;

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    pub server: bool,
    pub limits: Limits,
    pub storage: u8,
    pub cuts: Cuts,
    pub wire: Bytes<'a>,
}

impl Input<'_> {
    pub fn check(&self) {
        if self.server { self.check_as::<Server>() } else { self.check_as::<Client<Keys>>() }
    }

    fn check_as<R: Side + Debug>(&self) {
        let naive = oracle::expect(R::IS_SERVER, &self.limits.config(), self.wire.0);
        self.any_cut::<R>(&naive);
        self.late::<R>(&naive);
        self.inside_a_frame::<R>(&naive);
        for cuts in [Cuts::NONE, self.cuts] {
            self.whole_messages::<R>(&naive, cuts);
        }
    }

    fn host<R: Side + Debug>(&self, drain: Drain) -> Host<R> {
        let mut host = Host::new(&self.limits.config());
        host.drain = drain;
        host
    }

    /// P4: events, replies and the end do not depend on the cut.
    fn any_cut<R: Side + Debug>(&self, naive: &Log) {
        let mut whole = self.host::<R>(Drain::AtOnce);
        whole.feed(self.wire.0);
        assert_eq!(&whole.log, naive);
        let outcome = whole.outcome();
        whole.eof();
        for cuts in [self.cuts, Cuts::ALL] {
            let mut cut = self.host::<R>(Drain::AtOnce);
            cuts.feed(&mut cut, self.wire.0);
            assert_eq!((&cut.log, cut.outcome()), (naive, outcome.clone()), "{cuts:?}");
            cut.eof();
            assert_eq!((&cut.log, cut.outcome()), (&whole.log, whole.outcome()), "at the end, {cuts:?}");
        }
    }

    /// P7, P13: a host that drains at the end hears the same and sends the newest reply.
    fn late<R: Side + Debug>(&self, naive: &Log) {
        let mut host = self.host::<R>(Drain::ByHand);
        self.cuts.feed(&mut host, self.wire.0);
        oracle::assert_same(&host.log, naive);
        host.drain();
        newest_reply(&host, naive);
    }

    /// P6: in the middle of a frame of its own a host hears the same, and the newest reply goes out behind the frame.
    fn inside_a_frame<R: Side + Debug>(&self, naive: &Log) {
        let mut host = self.host::<R>(Drain::AtOnce);
        host.frame(MessageKind::Binary, true, 0, 3).expect("a frame may begin");
        self.cuts.feed(&mut host, self.wire.0);
        oracle::assert_same(&host.log, naive);
        host.payload(&[1, 2, 3]).expect("a frame that was begun may be finished");
        let frames = host.log.sent();
        assert_eq!(frames.first(), Some(&(0x82, vec![1, 2, 3])));
        newest_reply(&host, naive);
    }

    /// A [`MessageBuffer`] of any size gives the messages that fit, up to the first that does not.
    fn whole_messages<R: Side + Debug>(&self, naive: &Log, cuts: Cuts) {
        let storage = usize::from(self.storage);
        let mut buffer = MessageBuffer::new(vec![0; storage]);
        let (mut connection, mut messages, mut error) = (self.host::<R>(Drain::ByHand).connection, Vec::new(), None);
        for read in cuts.pieces(self.wire.0) {
            let mut bytes = read.to_vec();
            let mut rest = &mut bytes[..];
            while error.is_none() {
                let got = match connection.receive(rest) {
                    Ok(got) => got,
                    Err(broken) => {
                        error = Some(broken);
                        break;
                    }
                };
                rest = got.rest;
                match got.event.map(|event| if let Event::Data(chunk) = event { buffer.push(chunk) } else { Ok(None) })
                {
                    Some(Ok(Some(message))) => messages.push((message.kind, message.payload.to_vec())),
                    Some(Ok(None)) => {}
                    Some(Err(broken)) => {
                        connection.fail(broken);
                        assert_eq!(connection.receive(&mut [0]), Err(broken), "P5: an error is sticky");
                        error = Some(broken);
                    }
                    None => break,
                }
            }
        }
        let all = naive.messages();
        let fit = all.iter().position(|(_, payload)| payload.len() > storage).unwrap_or(all.len());
        assert_eq!(messages, all[..fit], "the messages that fit");
        let broken = naive.entries.iter().find_map(|e| if let Entry::Error(e) = e { Some(*e) } else { None });
        let too_big = Some(ProtocolError::MessageTooBig);
        if fit < all.len() {
            assert_eq!(error, too_big);
        } else {
            // A message that is not complete may be too big, or be it ahead of the error.
            let unfinished = naive.unfinished.as_ref().is_some_and(|message| message.payload.len() > storage);
            assert!(if unfinished {
                error == too_big
            } else {
                error == broken || broken.is_some() && error == too_big
            });
        }
    }
}

/// The reply that was sent last is the one to what came last, and before it there was none.
fn newest_reply<R: Side + Debug>(host: &Host<R>, naive: &Log) {
    let (sent, due) = (&host.replies, naive.sent());
    // A Pong that waits makes room for a longer control frame that is under way, if both do not fit.
    let room = FITS_BESIDE < due.last().map_or(0, |(_, payload)| payload.len());
    if sent.is_empty() && room && due.last().is_some_and(|(first, _)| *first == 0x8A) {
        assert!(host.connection.payload_left() > 0, "only a control frame that is under way displaces a Pong");
    } else {
        assert_eq!(sent.last(), due.last(), "the newest reply");
        assert!(sent.len() <= 1);
    }
}

/// The payload of a Pong that waits fits beside any control frame up to this length.
const FITS_BESIDE: usize = barews::wire::FrameHeader::MAX_LEN;
