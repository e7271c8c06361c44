//! One endpoint of a session: what it has sent, and what it must have received.

use super::split::Split;
use super::{ERRORS, Move, Setup, kind};
use barews::connection::{Config, MessageKind, Outgoing};
use barews::{ProtocolError, SendError};
use barews_testkit::oracle::{Incoming, Situation};
use barews_testkit::{Entry, Host, Log, Outcome, Side, oracle, raw};
use std::fmt::Debug;

pub struct End<'a, R> {
    config: Config,
    half: Half<R>,
    /// The message that is sent in fragments, and its whole body.
    outgoing: Option<(MessageKind, Outgoing<'a>, &'a [u8])>,
    /// The bytes sent of the open message.
    open_message: Option<(MessageKind, Vec<u8>)>,
    /// The current frame is the last of its message.
    fin: bool,
    /// Bytes of the current frame's payload that are still to be sent.
    left: u64,
    /// Number of bytes of the other's output that have arrived.
    pub fed: usize,
    /// How many of them arrived before this endpoint's host ended the connection, if it did.
    fed_before_end: Option<usize>,
    own: Vec<Own>,
    /// What the moves have sent.
    pub sent: Vec<(MessageKind, Vec<u8>)>,
    pub pings: Vec<Vec<u8>>,
    pub pongs: Vec<Vec<u8>>,
    pub close: Option<(Option<u16>, String)>,
    /// Number of bytes of the output that were searched for a Close.
    seen: usize,
    /// A Close was found in the output.
    pub wrote_close: bool,
}

/// A way in which the endpoint's host ends the connection.
enum Own {
    Fail(ProtocolError),
    Eof,
}

enum Half<R> {
    Whole(Host<R>),
    Split(Split<R>),
    /// While it is being split.
    Neither,
}

/// Makes the same call on a whole or split endpoint.
macro_rules! either {
    ($half:expr, $endpoint:ident => $call:expr) => {
        match $half {
            Half::Whole($endpoint) => $call,
            Half::Split($endpoint) => $call,
            Half::Neither => unreachable!(),
        }
    };
}

impl<'a, R: Side + Debug> End<'a, R> {
    pub fn new(setup: &Setup) -> Self {
        let config = setup.limits.config();
        let mut host = Host::new(&config);
        host.drain = setup.drain();
        Self {
            config,
            half: Half::Whole(host),
            outgoing: None,
            open_message: None,
            fin: false,
            left: 0,
            fed: 0,
            fed_before_end: None,
            own: vec![],
            sent: vec![],
            pings: vec![],
            pongs: vec![],
            close: None,
            seen: 0,
            wrote_close: false,
        }
    }

    /// Makes a move; `body` is the body of its message.
    pub fn act(&mut self, what: &Move<'_>, body: &'a [u8]) -> Result<(), SendError> {
        let half = &mut self.half;
        match *what {
            Move::Message(ref what) => {
                either!(half, x => x.write_message(kind(what.kind), body))?;
                self.sent.push((kind(what.kind), body.to_vec()));
            }
            Move::Begin(ref what) => {
                self.outgoing.get_or_insert((kind(what.kind), Outgoing::unvalidated(kind(what.kind), body), body));
            }
            Move::Fragment(space) => self.fragment(space.into())?,
            Move::Frame(n, fin, rsv, len) => {
                if self.outgoing.is_none() {
                    either!(half, x => x.begin_frame(kind(n), fin, rsv, len.into()))?;
                    (self.fin, self.left) = (fin, len.into());
                    self.data_sent(kind(n), &[], fin && len == 0);
                }
            }
            Move::Payload(len) => self.payload(u64::from(len).min(self.left) as usize)?,
            Move::Ping(payload) => {
                either!(half, x => x.write_ping(payload))?;
                self.pings.push(payload.to_vec());
            }
            Move::Pong(payload) => {
                either!(half, x => x.write_pong(payload))?;
                self.pongs.push(payload.to_vec());
            }
            Move::Control(opcode, payload) => either!(half, x => x.write_extension_control(opcode, payload))?,
            Move::Close(code, reason) => {
                either!(half, x => x.write_close(code, reason))?;
                self.close = Some((Some(code), reason.to_owned()));
            }
            Move::CloseWithoutStatus => {
                either!(half, x => x.write_close_without_status())?;
                self.close = Some((None, String::new()));
            }
            Move::Receive(_) => unreachable!("the caller handles this"),
            Move::Drain => self.drain(),
            Move::Eof if self.transport_ended() => {}
            Move::Eof => {
                self.ends(Own::Eof);
                either!(&mut self.half, x => x.eof());
            }
            Move::Fail(n) => {
                let error = ERRORS[usize::from(n) % ERRORS.len()];
                self.ends(Own::Fail(error));
                either!(&mut self.half, x => x.fail(error));
            }
            Move::Split => {
                self.half = match std::mem::replace(&mut self.half, Half::Neither) {
                    Half::Whole(host) => Half::Split(Split::new(host)),
                    half => half,
                };
            }
        }
        Ok(())
    }

    /// Receives up to `len` of the bytes that the other has written.
    pub fn receive(&mut self, output: &[u8], len: usize) {
        if !self.transport_ended() {
            let waiting = &output[self.fed..];
            let read = &waiting[..len.min(waiting.len())];
            self.fed += read.len();
            either!(&mut self.half, x => x.feed(read));
        }
    }

    pub fn drain(&mut self) {
        either!(&mut self.half, x => x.drain());
    }

    /// Completes the open frame and message, as far as the state allows, unless the message takes too many fragments.
    pub fn finish(&mut self) {
        self.payload(self.left as usize).expect("an open frame can be completed");
        for _ in 0..2000 {
            if self.outgoing.is_none() || self.fragment(1000).is_err() {
                break;
            }
        }
        self.drain();
    }

    fn fragment(&mut self, space: usize) -> Result<(), SendError> {
        let Some((kind, outgoing, body)) = &mut self.outgoing else { return Ok(()) };
        let (kind, before) = (*kind, body.len() - outgoing.left());
        either!(&mut self.half, x => x.write_fragment(outgoing, kind, space))?;
        let (part, last) = (&body[before..body.len() - outgoing.left()], outgoing.is_complete());
        self.data_sent(kind, part, last);
        self.outgoing.take_if(|_| last);
        Ok(())
    }

    /// Sends this many bytes of the current frame's payload.
    fn payload(&mut self, len: usize) -> Result<(), SendError> {
        let part = vec![b'x'; len];
        either!(&mut self.half, x => x.write_payload(&part))?;
        self.left -= len as u64;
        if len > 0
            && let Some((kind, _)) = self.open_message
        {
            self.data_sent(kind, &part, self.fin && self.left == 0);
        }
        Ok(())
    }

    fn data_sent(&mut self, kind: MessageKind, part: &[u8], last: bool) {
        self.open_message.get_or_insert((kind, Vec::new())).1.extend_from_slice(part);
        if last {
            self.sent.extend(self.open_message.take());
        }
    }

    fn ends(&mut self, own: Own) {
        self.fed_before_end.get_or_insert(self.fed);
        self.own.push(own);
    }

    fn transport_ended(&self) -> bool {
        self.own.iter().any(|own| matches!(own, Own::Eof))
    }

    /// Returns whether the endpoint's host ended the connection.
    pub fn ended_it(&self) -> bool {
        !self.own.is_empty()
    }

    pub fn log(&self) -> &Log {
        either!(&self.half, x => &x.log)
    }

    pub fn output(&self) -> &[u8] {
        either!(&self.half, x => &x.output)
    }

    /// Returns the payloads of the Pongs that answered a Ping.
    pub fn answers(&self) -> impl Iterator<Item = &Vec<u8>> + Clone {
        let replies = either!(&self.half, x => &x.replies);
        replies.iter().filter(|(first, _)| *first == 0x8A).map(|(_, payload)| payload)
    }

    /// Returns the log of a naive receiver for the other's output, with the ends made by this endpoint's host.
    pub fn expected(&self, output: &[u8]) -> Log {
        let mut log = oracle::expect(R::IS_SERVER, &self.config, &output[..self.fed_before_end.unwrap_or(self.fed)]);
        for own in &self.own {
            match own {
                Own::Fail(error) if !log.is_over() => log.error(*error),
                Own::Eof if !log.is_over() => log.error(ProtocolError::UnexpectedEof),
                Own::Eof if received_close(&log) => log.entries.push(Entry::End),
                Own::Fail(_) | Own::Eof => {}
            }
        }
        log
    }

    /// Checks the connection's state, which follows from what was received, whether our Close was sent, and whether the
    /// transport has ended (RFC 6455 section 7.1).
    pub fn check_state(&mut self) {
        while let Some(header) = raw::read_header(&self.output()[self.seen..]) {
            let end = self.seen + header.size + header.len as usize;
            if end > self.output().len() {
                break;
            }
            self.wrote_close |= header.first == 0x88;
            self.seen = end;
        }
        let ends = |entry: &&Entry| matches!(entry, Entry::Close(..) | Entry::Error(_));
        let end = self.log().entries.iter().find(ends);
        let incoming = match end {
            None | Some(Entry::Error(ProtocolError::UnexpectedEof)) => Incoming::Nothing,
            Some(Entry::Close(..)) => Incoming::Close,
            Some(_) => Incoming::Error,
        };
        let eof = self.transport_ended() || matches!(end, Some(Entry::Error(ProtocolError::UnexpectedEof)));
        let (close_code, close_reason) = match end {
            None => (None, ""),
            Some(Entry::Close(code, reason)) => (Some(code.unwrap_or(1005)), reason.as_str()),
            Some(_) => (Some(1006), ""),
        };
        let clean = self.wrote_close && received_close(self.log());
        let outcome = either!(&self.half, x => x.outcome());
        let Outcome { state, transport, .. } = outcome;
        Situation { is_server: R::IS_SERVER, incoming, eof, sent: self.wrote_close, state, transport, clean }
            .assert_closing_rules();
        let expected = Outcome { state, transport, close_code, close_reason: close_reason.to_owned(), clean };
        assert_eq!(outcome, expected);
    }
}

fn received_close(log: &Log) -> bool {
    log.entries.iter().any(|entry| matches!(entry, Entry::Close(..)))
}
