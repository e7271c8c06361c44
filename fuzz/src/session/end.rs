//! One endpoint of a session: what it did, and what it must have heard.

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
    /// The message that goes out in fragments, and all of its body.
    outgoing: Option<(MessageKind, Outgoing<'a>, &'a [u8])>,
    /// What was sent of the message under way; of its frame, whether it is the last and what is still to come.
    under_way: Option<(MessageKind, Vec<u8>)>,
    fin: bool,
    left: u64,
    /// Bytes of the other's output that arrived, and those of them that came ahead of an end of our own making.
    pub fed: usize,
    heard: Option<usize>,
    own: Vec<Own>,
    /// What was sent by our own calls.
    pub sent: Vec<(MessageKind, Vec<u8>)>,
    pub pings: Vec<Vec<u8>>,
    pub pongs: Vec<Vec<u8>>,
    pub close: Option<(Option<u16>, String)>,
    /// Bytes of our output that were looked through for a Close, and whether there was one.
    seen: usize,
    pub wrote_close: bool,
}

/// An end that the endpoint's host makes.
enum Own {
    Fail(ProtocolError),
    Eof,
}

enum Half<R> {
    Whole(Host<R>),
    Split(Split<R>),
    /// For the moment of being split.
    Neither,
}

/// The same call of either.
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
            under_way: None,
            fin: false,
            left: 0,
            fed: 0,
            heard: None,
            own: vec![],
            sent: vec![],
            pings: vec![],
            pongs: vec![],
            close: None,
            seen: 0,
            wrote_close: false,
        }
    }

    /// A move of this endpoint's; `body` is that of its message.
    pub fn act(&mut self, what: &Move<'_>, body: &'a [u8]) -> Result<(), SendError> {
        let half = &mut self.half;
        match *what {
            Move::Message(ref what) => {
                either!(half, x => x.message(kind(what.kind), body))?;
                self.sent.push((kind(what.kind), body.to_vec()));
            }
            Move::Begin(ref what) => {
                self.outgoing.get_or_insert((kind(what.kind), Outgoing::new(kind(what.kind), body), body));
            }
            Move::Fragment(space) => self.fragment(space.into())?,
            Move::Frame(n, fin, rsv, len) => {
                if self.outgoing.is_none() {
                    either!(half, x => x.frame(kind(n), fin, rsv, len.into()))?;
                    (self.fin, self.left) = (fin, len.into());
                    self.data_sent(kind(n), &[], fin && len == 0);
                }
            }
            Move::Payload(len) => self.payload(u64::from(len).min(self.left) as usize)?,
            Move::Ping(payload) => {
                either!(half, x => x.ping(payload))?;
                self.pings.push(payload.to_vec());
            }
            Move::Pong(payload) => {
                either!(half, x => x.pong(payload))?;
                self.pongs.push(payload.to_vec());
            }
            Move::Control(opcode, payload) => either!(half, x => x.extension_control(opcode, payload))?,
            Move::Close(code, reason) => {
                either!(half, x => x.close(code, reason))?;
                self.close = Some((Some(code), reason.to_owned()));
            }
            Move::CloseWithoutStatus => {
                either!(half, x => x.close_without_status())?;
                self.close = Some((None, String::new()));
            }
            Move::Receive(_) => unreachable!("this takes both endpoints"),
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

    /// The next bytes that the other has written, `len` at most.
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

    /// Ends the frame and the message under way, as far as they may be, and unless the message would take too many fragments.
    pub fn finish(&mut self) {
        self.payload(self.left as usize).expect("a frame that was begun can be finished");
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
        either!(&mut self.half, x => x.fragment(outgoing, kind, space))?;
        let (part, last) = (&body[before..body.len() - outgoing.left()], outgoing.is_complete());
        self.data_sent(kind, part, last);
        self.outgoing.take_if(|_| last);
        Ok(())
    }

    /// So much of the payload of the frame under way.
    fn payload(&mut self, len: usize) -> Result<(), SendError> {
        let part = vec![b'x'; len];
        either!(&mut self.half, x => x.payload(&part))?;
        self.left -= len as u64;
        if len > 0
            && let Some((kind, _)) = self.under_way
        {
            self.data_sent(kind, &part, self.fin && self.left == 0);
        }
        Ok(())
    }

    fn data_sent(&mut self, kind: MessageKind, part: &[u8], last: bool) {
        self.under_way.get_or_insert((kind, Vec::new())).1.extend_from_slice(part);
        if last {
            self.sent.extend(self.under_way.take());
        }
    }

    fn ends(&mut self, own: Own) {
        self.heard.get_or_insert(self.fed);
        self.own.push(own);
    }

    fn transport_ended(&self) -> bool {
        self.own.iter().any(|own| matches!(own, Own::Eof))
    }

    /// The endpoint's host ended the connection.
    pub fn ended_it(&self) -> bool {
        !self.own.is_empty()
    }

    pub fn log(&self) -> &Log {
        either!(&self.half, x => &x.log)
    }

    pub fn output(&self) -> &[u8] {
        either!(&self.half, x => &x.output)
    }

    /// The payloads of the Pongs that answered a Ping.
    pub fn answers(&self) -> impl Iterator<Item = &Vec<u8>> + Clone {
        let replies = either!(&self.half, x => &x.replies);
        replies.iter().filter(|(first, _)| *first == 0x8A).map(|(_, payload)| payload)
    }

    /// What a naive receiver hears of the other's output, and what our own host made of it.
    pub fn expected(&self, output: &[u8]) -> Log {
        let mut log = oracle::expect(R::IS_SERVER, &self.config, &output[..self.heard.unwrap_or(self.fed)]);
        for own in &self.own {
            match own {
                Own::Fail(error) if !log.is_over() => log.error(*error),
                Own::Eof if !log.is_over() => log.error(ProtocolError::UnexpectedEof),
                Own::Eof if heard_close(&log) => log.entries.push(Entry::End),
                Own::Fail(_) | Own::Eof => {}
            }
        }
        log
    }

    /// Where the connection stands: what was heard, whether our Close is out and the transport has ended say it all
    /// (RFC 6455 section 7.1).
    pub fn stands(&mut self) {
        while let Some(header) = raw::read_header(&self.output()[self.seen..]) {
            let end = self.seen + header.size + header.len as usize;
            if end > self.output().len() {
                break;
            }
            self.wrote_close |= header.first == 0x88;
            self.seen = end;
        }
        let ends = |entry: &&Entry| matches!(entry, Entry::Close(..) | Entry::Error(_));
        let heard = self.log().entries.iter().find(ends);
        let incoming = match heard {
            None | Some(Entry::Error(ProtocolError::UnexpectedEof)) => Incoming::Nothing,
            Some(Entry::Close(..)) => Incoming::Close,
            Some(_) => Incoming::Error,
        };
        let eof = self.transport_ended() || matches!(heard, Some(Entry::Error(ProtocolError::UnexpectedEof)));
        let (close_code, close_reason) = match heard {
            None => (None, ""),
            Some(Entry::Close(code, reason)) => (Some(code.unwrap_or(1005)), reason.as_str()),
            Some(_) => (Some(1006), ""),
        };
        let clean = self.wrote_close && heard_close(self.log());
        let outcome = either!(&self.half, x => x.outcome());
        let Outcome { state, transport, .. } = outcome;
        Situation { is_server: R::IS_SERVER, incoming, eof, sent: self.wrote_close, state, transport, clean }
            .assert_closing_rules();
        let expected = Outcome { state, transport, close_code, close_reason: close_reason.to_owned(), clean };
        assert_eq!(outcome, expected);
    }
}

fn heard_close(log: &Log) -> bool {
    log.entries.iter().any(|entry| matches!(entry, Entry::Close(..)))
}
