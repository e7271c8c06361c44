//! Against independent implementations: frames and messages against tungstenite, heads of handshakes against httparse. A
//! disagreement must be one of [`FRAMES`] or [`HEADS`].

use crate::harness::{Drain, Entry, Host, Keys, Side, oracle, wire};
use crate::naive::{self, Asked, Head, Origins, TrimBlank};
use crate::{Bytes, client_handshake};
use arbitrary::Arbitrary;
use barews::connection::{Config, MessageKind, Outgoing};
use barews::handshake::{ClientConfig, ClientHandshake, OriginPolicy, Progress, ServerConfig, ServerHandshake, Uri};
use barews::{Client, HandshakeError, Server};
use std::fmt::Debug;
use std::io::{self, Cursor, Read, Write};
use tungstenite::protocol::{CloseFrame, Role, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};

#[derive(Debug, Arbitrary)]
pub enum Input<'a> {
    /// Both read the same frames.
    Frames(Frames<'a>),
    /// Each reads what the other writes.
    Messages(Messages<'a>),
    Request(Bytes<'a>),
    Response(Bytes<'a>),
}

#[derive(Debug, Arbitrary)]
pub struct Frames<'a> {
    pub server: bool,
    /// The longest message, from 125 bytes on; without a limit for 0.
    pub limit: u8,
    pub frames: Vec<Frame<'a>>,
}

#[derive(Debug, Arbitrary)]
pub struct Frame<'a> {
    pub first: u8,
    pub length: u8,
    /// Masked by the side that must not, or not masked by the side that must, for 255.
    pub mask: u8,
    pub payload: Bytes<'a>,
}

#[derive(Debug, Arbitrary)]
pub struct Messages<'a> {
    pub server: bool,
    pub fragment_size: u8,
    pub ours: Vec<Said<'a>>,
    pub theirs: Vec<Said<'a>>,
}

#[derive(Clone, Debug, Arbitrary)]
pub enum Said<'a> {
    Text(&'a str),
    Binary(Bytes<'a>),
    Ping(Bytes<'a>),
    Close(u16, &'a str),
}

impl Input<'_> {
    pub fn check(&self) {
        match self {
            Self::Frames(frames) if frames.server => frames.check::<Server>(Role::Server),
            Self::Frames(frames) => frames.check::<Client<Keys>>(Role::Client),
            Self::Messages(messages) if messages.server => messages.check::<Server>(Role::Client),
            Self::Messages(messages) => messages.check::<Client<Keys>>(Role::Server),
            Self::Request(wire) => request(wire.0),
            Self::Response(wire) => response(wire.0),
        }
    }
}

/// A way in which the other implementation differs.
pub struct Known<T> {
    /// What it does.
    pub difference: &'static str,
    /// The line that we go by.
    pub rule: &'static str,
    applies: fn(&T) -> bool,
}

/// Where tungstenite differs, by a frame's header and payload. What comes behind such a frame is not compared.
pub const FRAMES: [Known<(wire::Header, Vec<u8>)>; 2] = [
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
    fn check<R: Side + Debug>(&self, role: Role) {
        let mut wire = Vec::new();
        let mut known = None;
        for (frame, n) in self.frames.iter().zip(1..) {
            let masked = R::IS_SERVER != (frame.mask == 255);
            let key = masked.then(|| wire::key(n));
            let mut header = wire::header(frame.first, key, frame.payload.0.len() as u64);
            let digits = header[1] & 0x80;
            let len = frame.payload.0.len() as u64;
            let long = match frame.length {
                // Longer forms, and lengths that no frame has.
                250 if len < 1 << 16 => [&[digits | 126][..], &(len as u16).to_be_bytes()].concat(),
                251 => [&[digits | 127][..], &len.to_be_bytes()].concat(),
                252 => [&[digits | 127][..], &(len | 1 << 63).to_be_bytes()].concat(),
                253 => [&[digits | 127][..], &(len | 1 << 40).to_be_bytes()].concat(),
                _ => vec![],
            };
            if !long.is_empty() {
                header = [&[frame.first][..], &long, key.as_ref().map_or(&[], |key| &key[..])].concat();
            }
            let parsed = (wire::read_header(&header).expect("a header"), frame.payload.0.to_vec());
            if FRAMES.iter().any(|known| (known.applies)(&parsed)) {
                known = Some(header);
                break;
            }
            wire.extend(header);
            wire.extend(wire::mask(key.unwrap_or_default(), 0, frame.payload.0));
        }
        let limit = (self.limit > 0).then_some(124 + usize::from(self.limit));
        let config = match limit {
            Some(limit) => Config { max_message_size: limit as u64, max_frame_size: limit as u64, ..Config::DEFAULT },
            None => Config::DEFAULT,
        };
        let mut host = Host::<R>::new(&config);
        host.feed(&wire);
        let ours = host.log.received();

        let mut socket = socket(role, wire, limit);
        let theirs = heard(&mut socket);
        assert_eq!(ours.iter().map(plain).collect::<Vec<_>>(), theirs, "tungstenite hears the same");
        if let Some(header) = known
            && header[0] != 0x88
            && !ours.iter().any(|entry| matches!(entry, Entry::Close(..) | Entry::Error(_)))
        {
            host.feed(&header);
            assert!(matches!(host.log.received().last(), Some(Entry::Error(_))), "the rule that we follow");
        }
    }
}

/// What was heard, as both have it.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Heard {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    Refused,
}

fn plain(entry: &Entry) -> Heard {
    match entry.clone() {
        Entry::Message(MessageKind::Text, 0, payload) => Heard::Text(payload),
        Entry::Message(MessageKind::Binary, 0, payload) => Heard::Binary(payload),
        Entry::Ping(payload) => Heard::Ping(payload),
        Entry::Pong(payload) => Heard::Pong(payload),
        Entry::Close(code, reason) => Heard::Close(code, reason),
        Entry::Error(_) => Heard::Refused,
        entry => panic!("nothing that tungstenite knows: {entry:?}"),
    }
}

/// A transport that gives these bytes, then nothing for now.
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

/// All that tungstenite hears.
fn heard(socket: &mut WebSocket<Pipe>) -> Vec<Heard> {
    let mut heard = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => heard.push(Heard::Text(text.as_bytes().to_vec())),
            Ok(Message::Binary(payload)) => heard.push(Heard::Binary(payload.to_vec())),
            Ok(Message::Ping(payload)) => heard.push(Heard::Ping(payload.to_vec())),
            Ok(Message::Pong(payload)) => heard.push(Heard::Pong(payload.to_vec())),
            Ok(Message::Close(frame)) => {
                // A code that must not be sent comes back as what tungstenite answers.
                let refused = frame.as_ref().is_some_and(|frame| frame.reason.as_str() == "Protocol violation");
                heard.push(match frame {
                    _ if refused => Heard::Refused,
                    None => Heard::Close(None, String::new()),
                    Some(frame) => Heard::Close(Some(frame.code.into()), frame.reason.as_str().to_owned()),
                });
                break;
            }
            Ok(Message::Frame(_)) => unreachable!("not read"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(_) => {
                heard.push(Heard::Refused);
                break;
            }
        }
    }
    heard
}

impl Messages<'_> {
    fn check<R: Side + Debug>(&self, them: Role) {
        // What we say, they hear.
        let config = Config { fragment_size: u32::from(self.fragment_size) + 1, ..Config::DEFAULT };
        let mut host = Host::<R>::new(&config);
        let mut said = Vec::new();
        for what in &self.ours {
            let sent = match what {
                Said::Text(text) if text.len() % 2 == 0 => host.message(MessageKind::Text, text.as_bytes()),
                Said::Text(text) => fragments(&mut host, MessageKind::Text, text.as_bytes()),
                Said::Binary(body) if body.0.len() % 2 == 0 => host.message(MessageKind::Binary, body.0),
                Said::Binary(body) => fragments(&mut host, MessageKind::Binary, body.0),
                Said::Ping(payload) => host.ping(payload.0),
                Said::Close(1014, _) => continue, // see `FRAMES`
                Said::Close(code, reason) => host.close(*code, reason),
            };
            said.extend(sent.is_ok().then(|| meant(what)));
        }
        assert_eq!(heard(&mut socket(them, host.output.clone(), None)), said, "tungstenite hears what we say");

        // What they say, we hear.
        let mut peer = socket(them, vec![], None);
        let mut said = Vec::new();
        for what in &self.theirs {
            let message = match what {
                Said::Text(text) => Message::text(*text),
                Said::Binary(body) => Message::binary(body.0.to_vec()),
                Said::Ping(payload) if payload.0.len() <= 125 => Message::Ping(payload.0.to_vec().into()),
                // tungstenite leaves it to the caller that a Close frame is one.
                Said::Close(code, reason) if oracle::may_be_sent(*code) && reason.len() <= 123 => {
                    Message::Close(Some(CloseFrame { code: (*code).into(), reason: (*reason).into() }))
                }
                _ => continue,
            };
            said.extend(peer.send(message).is_ok().then(|| meant(what)));
        }
        let mut host = Host::<R>::new(&Config::DEFAULT);
        host.drain = Drain::AfterRead;
        host.feed(&peer.get_ref().output);
        assert_eq!(host.log.received().iter().map(plain).collect::<Vec<_>>(), said, "we hear what tungstenite says");
        // And what we answer, they take.
        let replies = host.replies.len();
        assert_eq!(heard(&mut socket(them, host.output, None)).len(), replies);
    }
}

fn meant(said: &Said<'_>) -> Heard {
    match said {
        Said::Text(text) => Heard::Text(text.as_bytes().to_vec()),
        Said::Binary(body) => Heard::Binary(body.0.to_vec()),
        Said::Ping(payload) => Heard::Ping(payload.0.to_vec()),
        Said::Close(code, reason) => Heard::Close(Some(*code), (*reason).to_owned()),
    }
}

fn fragments<R: Side + Debug>(host: &mut Host<R>, kind: MessageKind, body: &[u8]) -> Result<(), barews::SendError> {
    let mut message = Outgoing::new(kind, body);
    while host.fragment(&mut message, kind, 64)? {}
    Ok(())
}

/// What comes of a handshake: an error, `None` while bytes are missing, or what was seen and how much follows.
type Outcome<T> = Result<Option<(T, usize)>, HandshakeError>;

/// Where httparse differs.
pub const HEADS: [Known<Heads>; 4] = [
    Known {
        difference: "a line may end with LF alone",
        rule: "RFC 9112 2.2: the line terminator is CRLF; a recipient MAY recognize a single LF",
        applies: |heads| heads.ours == Err(HandshakeError::LineEnding) && heads.has_bare_lf(),
    },
    Known {
        difference: "of HTTP/1.x only 1.0 and 1.1 are known",
        rule: "RFC 9110 2.5: a higher minor version is processed as the highest that one conforms to",
        applies: |heads| {
            heads.ours.is_ok() && heads.theirs == Err(httparse::Error::Version) && heads.has_later_version()
        },
    },
    Known {
        difference: "a start line is refused at its first wrong byte",
        rule: "RFC 9112 3: what is answered is an invalid request-line, so it is judged when it is one",
        applies: |heads| {
            heads.ours == Ok(false)
                && heads.theirs.is_err()
                && !heads.wire[heads.at..].trim_ascii_start().contains(&b'\n')
        },
    },
    Known {
        difference: "a start line is only cut in parts",
        rule: "RFC 6455 4.2.1 and 4.1: its method, target, version and status are judged, before the rest of the head is there",
        applies: |heads| heads.ours.is_err_and(is_of_start_line) && heads.theirs == Ok(false),
    },
];

/// A head that we disagree on: whether it is complete, or refused.
pub struct Heads {
    wire: Vec<u8>,
    /// Where the last head begins, behind interim responses.
    at: usize,
    ours: Result<bool, HandshakeError>,
    theirs: Result<bool, httparse::Error>,
}

impl Heads {
    fn has_later_version(&self) -> bool {
        self.wire.windows(8).any(|word| word.starts_with(b"HTTP/1.") && (b'2'..=b'9').contains(&word[7]))
    }

    fn has_bare_lf(&self) -> bool {
        self.wire.starts_with(b"\n") || self.wire.windows(2).any(|pair| pair[0] != b'\r' && pair[1] == b'\n')
    }
}

fn is_of_start_line(error: HandshakeError) -> bool {
    use HandshakeError::{HttpVersion, Method, StartLine, Target};
    matches!(error, StartLine | Method | Target | HttpVersion)
}

/// Both refuse a head, or both see the same in it, or the difference is known.
fn compare<T: PartialEq + Debug>(
    wire: &[u8],
    at: usize,
    ours: Outcome<T>,
    theirs: Result<Outcome<T>, httparse::Error>,
) {
    let agrees = match &theirs {
        Ok(theirs) => ours == *theirs,
        Err(_) => ours.is_err(),
    };
    let heads = Heads {
        wire: wire.to_vec(),
        at,
        ours: ours.as_ref().map(Option::is_some).map_err(|error| *error),
        theirs: theirs.as_ref().map(|theirs| !matches!(theirs, Ok(None))).map_err(|error| *error),
    };
    let known = HEADS.iter().any(|known| (known.applies)(&heads));
    assert!(agrees || known, "{:?}: {ours:?} and not {theirs:?}", Bytes(wire));
}

fn request(wire: &[u8]) {
    let config = ServerConfig {
        max_head_size: usize::MAX,
        max_headers: usize::MAX,
        ..ServerConfig::new(OriginPolicy::SameOrigin)
    };
    let mut handshake = ServerHandshake::new(&config, vec![0; wire.len() + 64]);
    let mut bytes = wire.to_vec();
    let ours = match handshake.receive(&mut bytes) {
        Ok(Progress::Partial) => Ok(None),
        Err(error) => Err(error),
        Ok(Progress::Complete { rest }) => {
            let behind = rest.len();
            Ok(Some((crate::server_handshake::seen(handshake.request().unwrap()), behind)))
        }
    };
    let mut slots = vec![httparse::EMPTY_HEADER; wire.len() / 3];
    let mut parsed = httparse::Request::new(&mut slots);
    let theirs = parsed.parse(wire).map(|status| match status {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(len) => {
            let (method, path, version) = (parsed.method.unwrap(), parsed.path.unwrap(), parsed.version.unwrap());
            let line = format!("{method} {path} HTTP/1.{version}");
            let head = head(line.as_bytes(), parsed.headers, len);
            naive::request(&head, Origins::Same).map(|request| Some((request, wire.len() - len)))
        }
    });
    compare(wire, 0, ours, theirs);
}

fn response(wire: &[u8]) {
    let asked = Asked { subprotocols: &["chat"], extensions: "permessage-deflate" };
    let config = ClientConfig {
        subprotocols: asked.subprotocols,
        extensions: asked.extensions,
        max_head_size: usize::MAX,
        max_headers: usize::MAX,
        ..ClientConfig::new(Uri::parse("ws://example.com/").unwrap())
    };
    let mut handshake = ClientHandshake::new(&config, naive::NONCE, vec![0; wire.len() + 64]);
    let mut bytes = wire.to_vec();
    let ours = match handshake.receive(&mut bytes) {
        Ok(Progress::Partial) => Ok(None),
        Err(error) => Err(error),
        Ok(Progress::Complete { rest }) => {
            let behind = rest.len();
            Ok(Some((client_handshake::seen(handshake.response().unwrap()), behind)))
        }
    };
    let mut at = 0;
    let theirs = loop {
        let mut slots = vec![httparse::EMPTY_HEADER; wire.len() / 3];
        let mut parsed = httparse::Response::new(&mut slots);
        match parsed.parse(&wire[at..]) {
            Err(error) => break Err(error),
            Ok(httparse::Status::Partial) => break Ok(Ok(None)),
            Ok(httparse::Status::Complete(len)) => {
                let line = format!("HTTP/1.{} {:03} x", parsed.version.unwrap(), parsed.code.unwrap());
                match naive::response(&head(line.as_bytes(), parsed.headers, len), asked) {
                    Ok(response) if (100..200).contains(&response.status) && response.status != 101 => at += len,
                    judged => break Ok(judged.map(|response| Some((response, wire.len() - at - len)))),
                }
            }
        }
    };
    compare(wire, at, ours, theirs);
}

/// What httparse found, for the naive judge.
fn head<'h>(start_line: &'h [u8], headers: &'h [httparse::Header<'_>], len: usize) -> Head<'h> {
    let field = |field: &'h httparse::Header<'_>| (field.name.to_ascii_lowercase(), field.value.trim_blank());
    Head { start_line, fields: headers.iter().map(field).collect(), raw: vec![], len }
}
