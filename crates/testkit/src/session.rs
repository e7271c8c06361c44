//! Connects two endpoints to each other. Whatever one sends, the other accepts and reports unchanged (P9).

use crate::host::Engine;
use crate::{Drain, Entry, Host, Keys, Side, oracle};
use barews::connection::{Config, MessageKind, Outgoing};
use barews::{Client, SendError, Server};
use std::fmt::Debug;

/// An action of one endpoint. If the endpoint's state does not allow it, it is refused and changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Sends a message in one frame.
    Message(MessageKind, Vec<u8>),
    /// Begins a message. [`Action::Fragment`] sends it.
    Begin(MessageKind, Vec<u8>),
    /// Sends the next fragment, with a buffer of this many bytes.
    Fragment(usize),
    /// Begins a frame with this kind, FIN and length. [`Action::Payload`] sends its payload, which consists of `x`.
    Frame(MessageKind, bool, usize),
    /// Sends this many bytes of the payload of the current frame.
    Payload(usize),
    /// Sends a Ping.
    Ping(Vec<u8>),
    /// Sends an unsolicited Pong.
    Pong(Vec<u8>),
    /// Sends a Close; `None` is one without a status code.
    Close(Option<u16>, String),
    /// Delivers this many of the bytes written to the peer.
    Deliver(usize),
    /// Drains: see [`Host::drain`].
    Drain,
}

/// One endpoint of a session.
struct End<'a, R, E> {
    host: Host<R, E>,
    outgoing: Option<(MessageKind, Outgoing<'a>)>,
    /// Number of bytes of its output that the peer has received.
    delivered: usize,
    pings: Vec<Vec<u8>>,
    pongs: Vec<Vec<u8>>,
    close: Option<(Option<u16>, String)>,
}

impl<'a, R: Side + Debug, E: Engine<R>> End<'a, R, E> {
    fn new(mut host: Host<R, E>, drain: Drain) -> Self {
        host.drain = drain;
        Self { host, outgoing: None, delivered: 0, pings: vec![], pongs: vec![], close: None }
    }

    fn act(&mut self, action: &'a Action) -> Result<(), SendError> {
        let host = &mut self.host;
        match action {
            Action::Message(kind, body) => host.write_message(*kind, body)?,
            Action::Begin(kind, body) => {
                if self.outgoing.is_none() {
                    self.outgoing = Some((*kind, Outgoing::unvalidated(*kind, body)));
                }
            }
            Action::Fragment(space) => {
                if let Some((kind, outgoing)) = &mut self.outgoing {
                    host.write_fragment(outgoing, *kind, *space)?;
                    self.outgoing.take_if(|(_, outgoing)| outgoing.is_complete());
                }
            }
            Action::Frame(kind, fin, len) => {
                if self.outgoing.is_none() {
                    host.begin_frame(*kind, *fin, 0, *len as u64)?;
                }
            }
            Action::Payload(len) => {
                let len = (*len as u64).min(host.frame_left) as usize;
                host.write_payload(&vec![b'x'; len])?;
            }
            Action::Ping(payload) => {
                host.write_ping(payload)?;
                self.pings.push(payload.clone());
            }
            Action::Pong(payload) => {
                host.write_pong(payload)?;
                self.pongs.push(payload.clone());
            }
            Action::Close(code, reason) => {
                match code {
                    Some(code) => host.write_close(*code, reason)?,
                    None => host.write_close_without_status()?,
                }
                self.close = Some((*code, if code.is_some() { reason.clone() } else { String::new() }));
            }
            Action::Drain => host.drain(),
            Action::Deliver(_) => {}
        }
        Ok(())
    }

    /// Completes the current frame and message, as far as the state allows.
    fn finish(&mut self) {
        let rest = vec![b'x'; self.host.frame_left as usize];
        self.host.write_payload(&rest).expect("an open frame can be completed");
        if let Some((kind, mut outgoing)) = self.outgoing.take() {
            while let Ok(true) = self.host.write_fragment(&mut outgoing, kind, 50) {}
        }
        self.host.drain();
    }
}

/// Delivers up to `len` of the bytes that `from` has written and `to` has not received yet.
fn deliver<A: Side + Debug, B: Side + Debug>(
    from: &mut End<'_, A, impl Engine<A>>,
    to: &mut End<'_, B, impl Engine<B>>,
    len: usize,
) {
    let waiting = &from.host.output[from.delivered..];
    let len = len.min(waiting.len());
    to.host.feed(&waiting[..len]);
    from.delivered += len;
}

/// Checks that `to` has received what `from` has sent.
fn check<A: Side, B: Side, E, F>(from: &End<'_, A, E>, to: &End<'_, B, F>, config: &Config) {
    let naive = oracle::expect(B::IS_SERVER, config, &from.host.output);
    oracle::assert_same(&to.host.log, &naive);
    assert_eq!(to.host.log.messages(), from.host.messages_sent, "P9: the messages arrive as they were sent");

    let entries = &naive.entries;
    let received = |pick: fn(&Entry) -> Option<&Vec<u8>>| entries.iter().filter_map(pick).cloned().collect::<Vec<_>>();
    let pings = received(|entry| if let Entry::Ping(payload) = entry { Some(payload) } else { None });
    assert_eq!(pings, from.pings, "P9: the Pings arrive");
    let mut pongs = received(|entry| if let Entry::Pong(payload) = entry { Some(payload) } else { None });
    let answers = from.host.replies.iter().filter(|(first, _)| *first == 0x8A).map(|(_, payload)| payload);
    let mut asked = to.pings.iter();
    assert!(answers.clone().all(|pong| asked.any(|ping| ping == pong)), "each reply answers a Ping, in order");
    let mut sent: Vec<_> = answers.chain(&from.pongs).cloned().collect();
    sent.sort();
    pongs.sort();
    assert_eq!(pongs, sent, "P9: the Pongs arrive");
    let closes = entries.iter().filter_map(|entry| match entry {
        Entry::Close(code, reason) => Some((*code, reason.clone())),
        _ => None,
    });
    if let Some(close) = &from.close {
        assert_eq!(closes.collect::<Vec<_>>(), core::slice::from_ref(close), "P9: the Close arrives, once");
    }
}

/// Plays the actions (`true` marks those of the server), lets both sides finish, and compares what was sent and received.
/// Then does the same with two sessions. Panics if sent and received differ, or if a call breaks a property.
pub fn play(actions: &[(bool, Action)], config: &Config, drain: Drain) {
    let (server, client) = (Host::<Server>::new(config), Host::<Client<Keys>>::new(config));
    run(actions, config, End::new(server, drain), End::new(client, drain));
    let (server, client) = (Host::<Server, _>::by_session(config), Host::<Client<Keys>, _>::by_session(config));
    run(actions, config, End::new(server, drain), End::new(client, drain));
}

fn run<'a>(
    actions: &'a [(bool, Action)],
    config: &Config,
    mut server: End<'a, Server, impl Engine<Server>>,
    mut client: End<'a, Client<Keys>, impl Engine<Client<Keys>>>,
) {
    for (is_server, action) in actions {
        // Any action can be refused. The host checks that a refusal changes nothing.
        let _refused = if *is_server { server.act(action) } else { client.act(action) };
        match action {
            Action::Deliver(len) if *is_server => deliver(&mut server, &mut client, *len),
            Action::Deliver(len) => deliver(&mut client, &mut server, *len),
            _ => {}
        }
    }
    server.finish();
    client.finish();
    while server.delivered < server.host.output.len() || client.delivered < client.host.output.len() {
        deliver(&mut server, &mut client, usize::MAX);
        deliver(&mut client, &mut server, usize::MAX);
        server.host.drain();
        client.host.drain();
    }
    check(&server, &client, config);
    check(&client, &server, config);
    if server.close.is_some() || client.close.is_some() {
        let both_clean = server.host.outcome().clean && client.host.outcome().clean;
        assert!(both_clean, "Close frames were sent in both directions");
    }
}
