//! Compares frames and messages with tungstenite.

use super::Known;
use arbitrary::Arbitrary;
use barews::connection::{Config, MessageKind, Outgoing};
use barews_fuzz::Bytes;
use barews_testkit::{Drain, Entry, Host, Side, oracle, raw};
use std::fmt::Debug;
use std::io::{self, Cursor, Read, Write};
use tungstenite::protocol::{CloseFrame, Role, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};

#[derive(Debug, Arbitrary)]
pub struct Frames<'a> {
    pub server: bool,
    /// The longest message is 124 bytes plus this number. 0 means no limit.
    pub limit: u8,
    pub frames: Vec<Frame<'a>>,
}

#[derive(Debug, Arbitrary)]
pub struct Frame<'a> {
    pub first: u8,
    pub length: u8,
    /// 255 means that the frame is masked by a server, or not masked by a client.
    pub mask: u8,
    pub payload: Bytes<'a>,
}

#[derive(Debug, Arbitrary)]
pub struct Messages<'a> {
    pub server: bool,
    pub fragment_size: u8,
    pub ours: Vec<Sent<'a>>,
    pub theirs: Vec<Sent<'a>>,
}

#[derive(Clone, Debug, Arbitrary)]
pub enum Sent<'a> {
    Text(&'a str),
    Binary(Bytes<'a>),
    Ping(Bytes<'a>),
    Close(u16, &'a str),
}

/// The differences of tungstenite, by a frame's header and payload. Bytes after such a frame are not compared.
pub const KNOWN: [Known<(raw::Header, Vec<u8>)>; 2] = [
    Known {
        difference: "a length that is not in its shortest form is accepted",
        rule: "RFC 6455 5.2: the minimal number of bytes MUST be used to encode the length",
        applies: |(header, _)| header.short == 126 && header.len < 126 || header.short == 127 && header.len < 1 << 16,
    },
    Known {
        difference: "a Close with 1014 is refused",
        rule: "RFC 6455 7.4.2: 1000 to 2999 are for future revisions and extensions; IANA has registered 1014",
        applies: |(header, payload)| header.first == 0x88 && payload.starts_with(&1014u16.to_be_bytes()),
    },
];

impl Frames<'_> {
    pub fn check<R: Side + Debug>(&self, role: Role) {
        let mut stream = Vec::new();
        let mut known = None;
        for (frame, n) in self.frames.iter().zip(1..) {
            let masked = R::IS_SERVER != (frame.mask == 255);
            let key = masked.then(|| raw::key(n));
            let mut header = raw::header(frame.first, key, frame.payload.0.len() as u64);
            let digits = header[1] & 0x80;
            let len = frame.payload.0.len() as u64;
            let long = match frame.length {
                // Longer forms, and lengths that are too large.
                250 if len < 1 << 16 => [&[digits | 126][..], &(len as u16).to_be_bytes()].concat(),
                251 => [&[digits | 127][..], &len.to_be_bytes()].concat(),
                252 => [&[digits | 127][..], &(len | 1 << 63).to_be_bytes()].concat(),
                253 => [&[digits | 127][..], &(len | 1 << 40).to_be_bytes()].concat(),
                _ => vec![],
            };
            if !long.is_empty() {
                header = [&[frame.first][..], &long, key.as_ref().map_or(&[], |key| &key[..])].concat();
            }
            let parsed = (raw::read_header(&header).expect("a header"), frame.payload.0.to_vec());
            if KNOWN.iter().any(|known| (known.applies)(&parsed)) {
                known = Some(header);
                break;
            }
            stream.extend(header);
            stream.extend(raw::mask(key.unwrap_or_default(), 0, frame.payload.0));
        }
        let limit = (self.limit > 0).then_some(124 + usize::from(self.limit));
        let config = match limit {
            Some(limit) => Config { max_message_size: limit as u64, max_frame_size: limit as u64, ..Config::DEFAULT },
            None => Config::DEFAULT,
        };
        let mut host = Host::<R>::new(&config);
        host.feed(&stream);
        let ours = host.log.received();

        let mut socket = socket(role, stream, limit);
        let theirs = received(&mut socket);
        assert_eq!(ours.iter().map(plain).collect::<Vec<_>>(), theirs, "tungstenite receives the same");
        if let Some(header) = known
            && header[0] != 0x88
            && !ours.iter().any(|entry| matches!(entry, Entry::Close(..) | Entry::Error(_)))
        {
            host.feed(&header);
            assert!(matches!(host.log.received().last(), Some(Entry::Error(_))), "the rule that we follow");
        }
    }
}

/// What was received, in a form common to both.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Received {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    Refused,
}

fn plain(entry: &Entry) -> Received {
    match entry.clone() {
        Entry::Message(MessageKind::Text, 0, payload) => Received::Text(payload),
        Entry::Message(MessageKind::Binary, 0, payload) => Received::Binary(payload),
        Entry::Ping(payload) => Received::Ping(payload),
        Entry::Pong(payload) => Received::Pong(payload),
        Entry::Close(code, reason) => Received::Close(code, reason),
        Entry::Error(_) => Received::Refused,
        entry => panic!("unknown to tungstenite: {entry:?}"),
    }
}

/// A transport that returns these bytes, then `WouldBlock`.
struct Pipe {
    input: Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.output.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn socket(role: Role, input: Vec<u8>, limit: Option<usize>) -> WebSocket<Pipe> {
    let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
    let config = match limit {
        Some(_) => config.max_message_size(limit).max_frame_size(limit),
        None => config,
    };
    WebSocket::from_raw_socket(Pipe { input: Cursor::new(input), output: Vec::new() }, role, Some(config))
}

/// Returns everything that tungstenite receives.
fn received(socket: &mut WebSocket<Pipe>) -> Vec<Received> {
    let mut received = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => received.push(Received::Text(text.as_bytes().to_vec())),
            Ok(Message::Binary(payload)) => received.push(Received::Binary(payload.to_vec())),
            Ok(Message::Ping(payload)) => received.push(Received::Ping(payload.to_vec())),
            Ok(Message::Pong(payload)) => received.push(Received::Pong(payload.to_vec())),
            Ok(Message::Close(frame)) => {
                // For a code that must not be sent, tungstenite returns the frame of its answer.
                let refused = frame.as_ref().is_some_and(|frame| frame.reason.as_str() == "Protocol violation");
                received.push(match frame {
                    _ if refused => Received::Refused,
                    None => Received::Close(None, String::new()),
                    Some(frame) => Received::Close(Some(frame.code.into()), frame.reason.as_str().to_owned()),
                });
                break;
            }
            Ok(Message::Frame(_)) => unreachable!("not read"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(_) => {
                received.push(Received::Refused);
                break;
            }
        }
    }
    received
}

impl Messages<'_> {
    pub fn check<R: Side + Debug>(&self, them: Role) {
        // tungstenite receives what the engine sends.
        let config = Config { fragment_size: u32::from(self.fragment_size) + 1, ..Config::DEFAULT };
        let mut host = Host::<R>::new(&config);
        let mut expected = Vec::new();
        for what in &self.ours {
            let sent = match what {
                Sent::Text(text) if text.len() % 2 == 0 => host.write_message(MessageKind::Text, text.as_bytes()),
                Sent::Text(text) => fragments(&mut host, MessageKind::Text, text.as_bytes()),
                Sent::Binary(body) if body.0.len() % 2 == 0 => host.write_message(MessageKind::Binary, body.0),
                Sent::Binary(body) => fragments(&mut host, MessageKind::Binary, body.0),
                Sent::Ping(payload) => host.write_ping(payload.0),
                Sent::Close(1014, _) => continue, // see `KNOWN`
                Sent::Close(code, reason) => host.write_close(*code, reason),
            };
            expected.extend(sent.is_ok().then(|| as_received(what)));
        }
        assert_eq!(
            received(&mut socket(them, host.output.clone(), None)),
            expected,
            "tungstenite receives what was sent"
        );

        // The engine receives what tungstenite sends.
        let mut peer = socket(them, vec![], None);
        let mut expected = Vec::new();
        for what in &self.theirs {
            let message = match what {
                Sent::Text(text) => Message::text(*text),
                Sent::Binary(body) => Message::binary(body.0.to_vec()),
                Sent::Ping(payload) if payload.0.len() <= 125 => Message::Ping(payload.0.to_vec().into()),
                // tungstenite does not check the code and the length of a Close frame that it sends.
                Sent::Close(code, reason) if oracle::may_be_sent(*code) && reason.len() <= 123 => {
                    Message::Close(Some(CloseFrame { code: (*code).into(), reason: (*reason).into() }))
                }
                _ => continue,
            };
            expected.extend(peer.send(message).is_ok().then(|| as_received(what)));
        }
        let mut host = Host::<R>::new(&Config::DEFAULT);
        host.drain = Drain::AfterRead;
        host.feed(&peer.get_ref().output);
        assert_eq!(
            host.log.received().iter().map(plain).collect::<Vec<_>>(),
            expected,
            "the engine receives what was sent"
        );
        // tungstenite accepts the replies.
        let replies = host.replies.len();
        assert_eq!(received(&mut socket(them, host.output, None)).len(), replies);
    }
}

fn as_received(sent: &Sent<'_>) -> Received {
    match sent {
        Sent::Text(text) => Received::Text(text.as_bytes().to_vec()),
        Sent::Binary(body) => Received::Binary(body.0.to_vec()),
        Sent::Ping(payload) => Received::Ping(payload.0.to_vec()),
        Sent::Close(code, reason) => Received::Close(Some(*code), (*reason).to_owned()),
    }
}

fn fragments<R: Side + Debug>(host: &mut Host<R>, kind: MessageKind, body: &[u8]) -> Result<(), barews::SendError> {
    let mut message = Outgoing::unvalidated(kind, body);
    while host.write_fragment(&mut message, kind, 64)? {}
    Ok(())
}
