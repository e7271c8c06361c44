//! Receiving: for any stream, at any cut, in both roles and with any limits, the log is that of a naive receiver. The testkit
//! checks P1 to P3, P5 to P8 and P13 at every call; this target checks P4, late replies, and whole messages.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use barews::connection::{Event, MessageKind, Received};
use barews::message::MessageBuffer;
use barews::wire::{FrameHeader, MAX_CONTROL_PAYLOAD};
use barews::{Client, ProtocolError, Server};
use barews_fuzz::{Bytes, Cuts, Limits};
use barews_testkit::{Drain, Entry, Host, Keys, Log, Side, oracle, raw};
use std::fmt::Debug;

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    pub server: bool,
    pub limits: Limits,
    pub storage: u8,
    pub cuts: Cuts,
    pub stream: Bytes<'a>,
}

impl Input<'_> {
    pub fn check(&self) {
        if self.server { self.check_as::<Server>() } else { self.check_as::<Client<Keys>>() }
    }

    fn check_as<R: Side + Debug>(&self) {
        let naive = oracle::expect(R::IS_SERVER, &self.limits.config(), self.stream.0);
        self.any_cut::<R>(&naive);
        self.late::<R>(&naive);
        self.inside_a_frame::<R>(&naive);
        for cuts in [Cuts::NONE, self.cuts] {
            self.whole_messages::<R>(&naive, cuts, true);
            self.whole_messages::<R>(&naive, cuts, false);
        }
    }

    fn host<R: Side + Debug>(&self, drain: Drain) -> Host<R> {
        let mut host = Host::new(&self.limits.config());
        host.drain = drain;
        host
    }

    /// P4: events, replies and final state do not depend on the cut.
    fn any_cut<R: Side + Debug>(&self, naive: &Log) {
        let mut whole = self.host::<R>(Drain::AtOnce);
        whole.feed(self.stream.0);
        assert_eq!(&whole.log, naive);
        let outcome = whole.outcome();
        whole.eof();
        for cuts in [self.cuts, Cuts::ALL] {
            let mut cut = self.host::<R>(Drain::AtOnce);
            cuts.feed(&mut cut, self.stream.0);
            assert_eq!((&cut.log, cut.outcome()), (naive, outcome.clone()), "{cuts:?}");
            cut.eof();
            assert_eq!((&cut.log, cut.outcome()), (&whole.log, whole.outcome()), "at the end, {cuts:?}");
        }
    }

    /// P7, P13: a host that drains only at the end gets the same events and sends the newest reply.
    fn late<R: Side + Debug>(&self, naive: &Log) {
        let mut host = self.host::<R>(Drain::ByHand);
        self.cuts.feed(&mut host, self.stream.0);
        oracle::assert_same(&host.log, naive);
        host.drain();
        newest_reply(&host, naive, self.stream.0);
    }

    /// P6: a host with a frame in progress gets the same events, and the newest reply is sent after the frame.
    fn inside_a_frame<R: Side + Debug>(&self, naive: &Log) {
        let mut host = self.host::<R>(Drain::AtOnce);
        host.begin_frame(MessageKind::Binary, true, 0, 3).expect("a frame can begin");
        self.cuts.feed(&mut host, self.stream.0);
        oracle::assert_same(&host.log, naive);
        host.write_payload(&[1, 2, 3]).expect("an open frame can be completed");
        let frames = host.log.sent();
        assert_eq!(frames.first(), Some(&(0x82, vec![1, 2, 3])));
        newest_reply(&host, naive, self.stream.0);
    }

    /// A [`MessageBuffer`] of any size returns the messages that fit: those before the first that does not if the host then
    /// fails the connection, else all of them.
    fn whole_messages<R: Side + Debug>(&self, naive: &Log, cuts: Cuts, host_fails: bool) {
        let storage = usize::from(self.storage);
        let mut buffer = MessageBuffer::new(vec![0; storage]);
        let refusal = if storage == 0 { ProtocolError::NoStorage } else { ProtocolError::MessageTooBig };
        let (mut connection, mut messages, mut error) = (self.host::<R>(Drain::ByHand).connection, Vec::new(), None);
        for read in cuts.pieces(self.stream.0) {
            let mut bytes = read.to_vec();
            let mut rest = &mut bytes[..];
            while error.is_none() {
                let received = connection.receive(rest);
                error = received.as_ref().err().copied();
                let Ok(Received { rest: after, event: Some(event) }) = received else { break };
                rest = after;
                let Event::Data(chunk) = event else { continue };
                match buffer.push(chunk) {
                    Ok(message) => messages.extend(message.map(|message| (message.kind, message.payload.to_vec()))),
                    Err(error_of_buffer) => {
                        assert_eq!(error_of_buffer, refusal);
                        if host_fails {
                            connection.fail(refusal);
                            assert_eq!(connection.receive(&mut [0]), Err(refusal), "P5: an error is sticky");
                            error = Some(refusal);
                        }
                    }
                }
            }
        }
        let all = naive.messages();
        let fits = |message: &&(MessageKind, Vec<u8>)| message.1.len() <= storage;
        let broken = naive.entries.iter().find_map(|e| if let Entry::Error(e) = e { Some(*e) } else { None });
        if host_fails {
            assert!(all.iter().take_while(fits).eq(&messages), "the messages up to the first that does not fit");
            let too_big = all.len() > messages.len()
                || naive.unfinished.as_ref().is_some_and(|message| message.payload.len() > storage);
            // A message can be too big before it fails for another reason.
            let failed = broken.is_some() && error == Some(refusal)
                || error == broken && broken == Some(ProtocolError::MessageTooBig); // by the limit of the connection
            assert!(error == if too_big { Some(refusal) } else { broken } || failed);
        } else {
            assert!(all.iter().filter(fits).eq(&messages), "the messages that fit");
            assert_eq!(error, broken);
        }
    }
}

/// Checks that a late drain sends only the newest reply.
fn newest_reply<R: Side + Debug>(host: &Host<R>, naive: &Log, stream: &[u8]) {
    let mut due = naive.sent();
    // The header of a Ping or a Close discards a pending Pong if both payloads together exceed 139 bytes.
    let room = ROOM - due.last().map_or(0, |(_, payload)| payload.len());
    let displaces = |header: &raw::Header| matches!(header.first, 0x88 | 0x89) && header.len > room as u64;
    if due.last().is_some_and(|(first, _)| *first == 0x8A)
        && open_header(stream).is_some_and(|header| displaces(&header))
    {
        due.clear();
    }
    assert_eq!(host.replies, due.split_off(due.len().saturating_sub(1)), "the newest reply");
}

/// The space for the payloads of two control frames: a pending one, and one that is being received.
const ROOM: usize = MAX_CONTROL_PAYLOAD + FrameHeader::MAX_LEN;

/// Returns the header of the frame in which the stream ends.
fn open_header(mut stream: &[u8]) -> Option<raw::Header> {
    loop {
        let header = raw::read_header(stream)?;
        let end = header.size.checked_add(usize::try_from(header.len).ok()?);
        match end.and_then(|end| stream.get(end..)) {
            Some(rest) => stream = rest,
            None => return Some(header),
        }
    }
}

barews_fuzz::target!(|input: Input<'_>| input.check());
