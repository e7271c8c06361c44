//! Two endpoints over a pipe that loses nothing, cuts anywhere and delivers late: whatever they do, each receives what the
//! other sent, and every property holds. The testkit checks P1 to P3, P5 to P8, P11 and P13 at every call of an endpoint.
//! The log and the output of a [`Split`](split::Split) endpoint are checked at the end.
#![cfg_attr(fuzzing, no_main)]

mod end;
mod split;

use arbitrary::Arbitrary;
use barews::connection::MessageKind;
use barews::wire::Opcode;
use barews::{Client, ProtocolError, Server};
use barews_fuzz::Limits;
use barews_testkit::{Drain, Entry, Keys, Side, oracle, raw};
use end::End;
use std::fmt::Debug;

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    pub server: Setup,
    pub client: Setup,
    /// The moves; `true` marks those of the server.
    pub moves: Vec<(bool, Move<'a>)>,
}

#[derive(Debug, Arbitrary)]
pub struct Setup {
    pub limits: Limits,
    pub drain: u8,
}

impl Setup {
    fn drain(&self) -> Drain {
        [Drain::AtOnce, Drain::AfterRead, Drain::ByHand][usize::from(self.drain) % 3]
    }
}

/// The maximum of payload bytes in a session, a multiple of the longest frame. The work is linear in them, and every input
/// must be fast.
const MAX_PAYLOAD: usize = 1 << 18;

/// A move of one endpoint. If the endpoint's state does not allow it, it is refused and changes nothing.
#[derive(Debug, Arbitrary)]
pub enum Move<'a> {
    Message(Body<'a>),
    /// Begins a message that `Fragment` sends.
    Begin(Body<'a>),
    /// Sends the next fragment, with a buffer of this many bytes.
    Fragment(u8),
    /// Begins a frame whose payload is all `x` and sent by `Payload`: kind, FIN, reserved bits, length.
    Frame(u8, bool, u8, u16),
    Payload(u16),
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    Control(u8, &'a [u8]),
    Close(u16, &'a str),
    CloseWithoutStatus,
    /// Receives this many of the bytes that the other has written.
    Receive(u16),
    Drain,
    /// The transport ends.
    Eof,
    Fail(u8),
    Split,
}

#[derive(Debug, Arbitrary)]
pub struct Body<'a> {
    kind: u8,
    text: &'a str,
    /// From 200 on the text is repeated.
    times: u8,
}

impl Body<'_> {
    fn bytes(&self) -> Vec<u8> {
        self.text.repeat(1 + 16 * usize::from(self.times.saturating_sub(200))).into_bytes()
    }
}

fn kind(n: u8) -> MessageKind {
    match n {
        0..100 => MessageKind::Text,
        100..200 => MessageKind::Binary,
        _ => MessageKind::Extension(Opcode::from_bits(n)),
    }
}

const ERRORS: [ProtocolError; 5] = [
    ProtocolError::MessageTooBig,
    ProtocolError::InvalidUtf8,
    ProtocolError::ReservedBits,
    ProtocolError::TooManyFragments,
    ProtocolError::UnexpectedEof,
];

impl Input<'_> {
    pub fn check(&self) {
        let body = |(_, what): &(bool, Move<'_>)| match what {
            Move::Message(body) | Move::Begin(body) => body.bytes(),
            _ => Vec::new(),
        };
        let bodies: Vec<Vec<u8>> = self.moves.iter().map(body).collect();
        let mut server = End::<Server>::new(&self.server);
        let mut client = End::<Client<Keys>>::new(&self.client);
        let mut total = 0;
        for ((is_server, what), body) in self.moves.iter().zip(&bodies) {
            total += if let Move::Frame(_, _, _, len) = what { usize::from(*len) } else { body.len() };
            if total > MAX_PAYLOAD {
                break;
            }
            match (is_server, what) {
                (true, Move::Receive(len)) => server.receive(client.output(), (*len).into()),
                (false, Move::Receive(len)) => client.receive(server.output(), (*len).into()),
                // Any move can be refused. `act` checks that a refusal changes nothing.
                (true, what) => drop(server.act(what, body)),
                (false, what) => drop(client.act(what, body)),
            }
            server.check_state();
            client.check_state();
        }
        server.finish();
        client.finish();
        loop {
            let before = (server.fed, client.fed);
            server.receive(client.output(), usize::MAX);
            client.receive(server.output(), usize::MAX);
            server.drain();
            client.drain();
            if before == (server.fed, client.fed) {
                break;
            }
        }
        server.check_state();
        client.check_state();
        agree(&server, &client);
        agree(&client, &server);
    }
}

/// Checks that `to` has received what `from` has sent.
fn agree<A: Side + Debug, B: Side + Debug>(from: &End<'_, A>, to: &End<'_, B>) {
    well_formed::<A>(from.output());
    let naive = to.expected(from.output());
    oracle::assert_same(to.log(), &naive);

    let entries = &naive.entries;
    let messages = naive.messages();
    let received = |pick: fn(&Entry) -> Option<&Vec<u8>>| entries.iter().filter_map(pick).cloned().collect::<Vec<_>>();
    let pings = received(|entry| if let Entry::Ping(payload) = entry { Some(payload) } else { None });
    let pongs = received(|entry| if let Entry::Pong(payload) = entry { Some(payload) } else { None });
    let error = entries.iter().find_map(|entry| if let Entry::Error(error) = entry { Some(*error) } else { None });
    assert!(from.sent.starts_with(&messages), "P9: the messages arrive as they were sent");
    assert!(from.pings.starts_with(&pings), "P9: the Pings arrive");
    if !to.ended_it() && error.is_none() {
        assert_eq!((&messages, &pings), (&from.sent, &from.pings), "P9: everything arrives");
        let mut sent: Vec<_> = from.answers().chain(&from.pongs).cloned().collect();
        let mut pongs = pongs;
        sent.sort();
        pongs.sort();
        assert_eq!(pongs, sent, "P9: the Pongs arrive");
        let closes = entries.iter().filter_map(|entry| match entry {
            Entry::Close(code, reason) => Some((*code, reason.clone())),
            _ => None,
        });
        if let Some(close) = &from.close {
            assert!(closes.eq([close.clone()]), "P9: the Close arrives, once");
        }
    } else if !to.ended_it() {
        use ProtocolError::{FrameTooBig, MessageTooBig, ReservedBits, ReservedOpcode, TooManyFragments};
        let limits = [FrameTooBig, MessageTooBig, TooManyFragments, ReservedBits, ReservedOpcode];
        assert!(limits.contains(&error.unwrap()), "P9: refused only for a limit, or for what was not negotiated");
    }

    let mut asked = from.log().entries.iter().filter_map(|e| if let Entry::Ping(ping) = e { Some(ping) } else { None });
    let newest = asked.clone().next_back();
    assert!(from.answers().all(|pong| asked.any(|ping| ping == pong)), "each reply answers a Ping, in order");
    if !from.log().is_over() && !from.wrote_close {
        assert_eq!(from.answers().last(), newest, "the newest Ping is answered");
    }
}

/// Checks P6 to P8: the output consists of whole frames in their shortest form; a client masks each with a new key, a
/// server masks none; nothing follows a Close.
fn well_formed<R: Side>(output: &[u8]) {
    let (mut at, mut keys) = (0, Vec::new());
    for (first, _) in raw::frames(output) {
        let header = raw::read_header(&output[at..]).expect("a header");
        at += header.size + header.len as usize;
        assert_eq!(header.key.is_none(), R::IS_SERVER, "P8: a client masks, a server does not");
        keys.extend(header.key);
        assert!(first != 0x88 || at == output.len(), "P7: nothing follows a Close");
    }
    let drawn = (1..).map(raw::key).take(keys.len());
    assert!(keys.iter().copied().eq(drawn), "P8: each frame has the next key");
}

barews_fuzz::target!(|input: Input<'_>| input.check());
