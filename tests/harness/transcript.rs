//! Reads and plays transcripts; the README in `tests/transcripts` has their format.

use super::{Entry, Host, Side, wire};
use barews::ProtocolError;
use barews::connection::{Config, MessageKind, Outgoing};
use std::{env, fs};

/// How a transcript's input is cut into reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reads {
    /// A line is a read.
    Lines,
    /// Everything up to the next action is one read.
    Whole,
    Bytes,
    /// As [`Reads::Whole`], cut once more behind so many bytes.
    Cut(usize),
}

/// One connection of a transcript file, for one role.
pub struct Transcript {
    pub file: String,
    pub is_server: bool,
    pub config: Config,
    lines: Vec<(usize, Line)>,
}

enum Line {
    /// Bytes from the peer.
    In(Vec<u8>),
    /// What is expected, as [`shown`] writes it.
    Is(String),
    /// What the host does.
    Do(Vec<Token>),
    /// How things are to stand.
    Ask(Vec<Token>),
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Word(String),
    Text(Vec<u8>),
    /// `{05}`: a length field, masked if the sender is a client, and the mask of the bytes that follow.
    Length(Vec<u8>),
}

impl Transcript {
    /// All transcripts in `tests/transcripts`, once for each role that they are for.
    pub fn all() -> Vec<Self> {
        let folder = format!("{}/tests/transcripts", env!("CARGO_MANIFEST_DIR"));
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
        files.sort();
        let read = |path: &std::path::PathBuf| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(path).unwrap();
            [true, false].into_iter().flat_map(move |is_server| Self::parse(&name, &text, is_server)).collect::<Vec<_>>()
        };
        files.iter().flat_map(read).collect()
    }

    /// The connections in one file, for this role; none if the file is for the other role only.
    pub fn parse(file: &str, text: &str, is_server: bool) -> Vec<Self> {
        let new = || Self { file: file.to_owned(), is_server, config: Config::DEFAULT, lines: Vec::new() };
        let (mut all, mut transcript) = (Vec::new(), new());
        let (mut peer, mut own) = (Sender::new(!is_server, 1000), Sender::new(is_server, 0));
        for (number, line) in text.lines().enumerate() {
            let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
            let parsed = match first {
                "role" if rest == "both" || (rest == "server") == is_server => continue,
                "role" => return Vec::new(),
                "#" | "" => continue,
                "---" => {
                    all.push(core::mem::replace(&mut transcript, new()));
                    (peer, own) = (Sender::new(!is_server, 1000), Sender::new(is_server, 0));
                    continue;
                }
                "config" => {
                    configure(&mut transcript.config, rest);
                    continue;
                }
                ">" => Line::In(peer.bytes(&tokens(rest))),
                "<" => Line::Is(shown(&Entry::Sent(own.bytes(&tokens(rest))))),
                "=" => Line::Is(event(&tokens(rest))),
                "?" => Line::Ask(tokens(rest)),
                "send" | "eof" | "fail" => Line::Do(tokens(line)),
                _ => panic!("{file}.txt:{}: unknown line {line:?}", number + 1),
            };
            transcript.lines.push((number + 1, parsed));
        }
        all.push(transcript);
        all
    }

    /// All bytes from the peer.
    pub fn input(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|(_, line)| if let Line::In(bytes) = line { &bytes[..] } else { &[] }).copied().collect()
    }

    pub fn play<R: Side + core::fmt::Debug>(&self, reads: Reads) {
        let mut play = Play::<R> { host: Host::new(&self.config), reads, fed: 0, input: vec![], expected: vec![], seen: 0 };
        for (number, line) in &self.lines {
            let at = format!("{}.txt:{number}, server: {}, {reads:?}", self.file, self.is_server);
            match line {
                Line::In(bytes) => {
                    if reads == Reads::Lines {
                        play.settle(&at);
                    }
                    play.input.extend_from_slice(bytes);
                }
                Line::Is(expected) => play.expected.push(expected.clone()),
                Line::Do(what) => {
                    play.settle(&at);
                    play.act(what);
                }
                Line::Ask(what) => {
                    play.settle(&at);
                    play.ask(what, &at);
                }
            }
        }
        play.settle(&format!("{}.txt, server: {}, {reads:?}", self.file, self.is_server));
    }
}

/// One side that writes frames: masked ones if it is the client.
struct Sender {
    is_server: bool,
    keys: u32,
    /// Of the payload under way: its key, and the bytes of it that are written.
    mask: Option<([u8; 4], usize)>,
}

impl Sender {
    const fn new(is_server: bool, keys: u32) -> Self {
        Self { is_server, keys, mask: None }
    }

    fn bytes(&mut self, tokens: &[Token]) -> Vec<u8> {
        if !tokens.first().is_some_and(|token| *token == Token::Word("..".into())) {
            self.mask = None;
        }
        let mut bytes = Vec::new();
        for token in tokens {
            match token {
                Token::Length(length) if self.is_server => bytes.extend(length),
                Token::Length(length) => {
                    self.keys += 1;
                    bytes.push(length[0] | 0x80);
                    bytes.extend(&length[1..]);
                    bytes.extend(wire::key(self.keys));
                    self.mask = Some((wire::key(self.keys), 0));
                }
                token => {
                    let plain = plain(token);
                    match &mut self.mask {
                        Some((key, from)) => {
                            bytes.extend(wire::mask(*key, *from, &plain));
                            *from += plain.len();
                        }
                        None => bytes.extend(plain),
                    }
                }
            }
        }
        bytes
    }
}

/// Words, `"text"` and `{length}`.
fn tokens(line: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '"' => {
                let (text, after) = rest[1..].split_once('"').expect("a closing quotation mark");
                (Token::Text(text.as_bytes().to_vec()), after)
            }
            '{' => {
                let (length, after) = rest[1..].split_once('}').expect("a closing brace");
                (Token::Length(plain(&Token::Word(length.replace(' ', "")))), after)
            }
            _ => {
                let (word, after) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
                (Token::Word(word.to_owned()), after)
            }
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// The bytes of hex, of hex repeated (`61*125`) or of a text; none of `..`.
fn plain(token: &Token) -> Vec<u8> {
    match token {
        Token::Word(word) if word == ".." => Vec::new(),
        Token::Word(word) => {
            let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
            assert!(digits.len().is_multiple_of(2), "an odd number of hex digits: {word}");
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or_else(|_| panic!("no hex: {word}"));
            (0..digits.len()).step_by(2).map(byte).collect::<Vec<_>>().repeat(times.parse().unwrap())
        }
        Token::Text(text) => text.clone(),
        Token::Length(_) => panic!("a length in the wrong place"),
    }
}

fn word(token: Option<&Token>) -> &str {
    match token {
        Some(Token::Word(word)) => word,
        other => panic!("a word is missing: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An expected event in the words of [`shown`].
fn event(tokens: &[Token]) -> String {
    let name = word(tokens.first());
    let words = match name {
        "text" | "binary" | "ping" | "pong" | "end" => 1,
        "extension" | "control" | "close" | "rsv" => 2,
        "error" | "refused" => tokens.len(),
        _ => panic!("an unknown event {name}"),
    };
    let (words, payload) = tokens.split_at(words.min(tokens.len()));
    let mut line: Vec<String> = words.iter().map(|token| word(Some(token)).to_owned()).collect();
    if name == "rsv" {
        return format!("{} {}", line.join(" "), event(payload));
    }
    if !matches!(name, "end" | "error" | "refused") {
        line.push(hex(&payload.iter().flat_map(plain).collect::<Vec<_>>()));
    }
    line.join(" ")
}

/// An entry of the log as a line.
fn shown(entry: &Entry) -> String {
    match entry {
        Entry::Message(kind, rsv, payload) => {
            let rsv = if *rsv == 0 { String::new() } else { format!("rsv {rsv} ") };
            let kind = match kind {
                MessageKind::Text => "text".to_owned(),
                MessageKind::Binary => "binary".to_owned(),
                MessageKind::Extension(opcode) => format!("extension {opcode}"),
            };
            format!("{rsv}{kind} {}", hex(payload))
        }
        Entry::Ping(payload) => format!("ping {}", hex(payload)),
        Entry::Pong(payload) => format!("pong {}", hex(payload)),
        Entry::Close(None, reason) => format!("close - {}", hex(reason.as_bytes())),
        Entry::Close(Some(code), reason) => format!("close {code} {}", hex(reason.as_bytes())),
        Entry::Control(opcode, payload) => format!("control {opcode} {}", hex(payload)),
        Entry::Error(error) => format!("error {error:?}"),
        Entry::End => "end".to_owned(),
        Entry::Sent(bytes) => format!("< {}", hex(bytes)),
        Entry::Refused(error) => format!("refused {error:?}"),
    }
}

fn configure(config: &mut Config, line: &str) {
    let (name, value) = line.split_once(' ').unwrap();
    let number: u64 = value.parse().unwrap();
    match name {
        "max_frame_size" => config.max_frame_size = number,
        "max_message_size" => config.max_message_size = number,
        "max_fragments" => config.max_fragments = number.try_into().unwrap(),
        "fragment_size" => config.fragment_size = number.try_into().unwrap(),
        "extension_rsv" => config.extension_rsv = number.try_into().unwrap(),
        "extension_opcode" => config.extension_opcodes |= 1 << number,
        _ => panic!("an unknown limit {name}"),
    }
}

fn kind(tokens: &[Token]) -> (MessageKind, &[Token]) {
    match word(tokens.first()) {
        "text" => (MessageKind::Text, &tokens[1..]),
        "binary" => (MessageKind::Binary, &tokens[1..]),
        "extension" => (MessageKind::Extension(word(tokens.get(1)).parse().unwrap()), &tokens[2..]),
        other => panic!("no kind of message: {other}"),
    }
}

struct Play<R> {
    host: Host<R>,
    reads: Reads,
    /// Bytes that were fed.
    fed: usize,
    /// What is to be fed, and what is expected then.
    input: Vec<u8>,
    expected: Vec<String>,
    /// Entries of the log that were compared.
    seen: usize,
}

impl<R: Side + core::fmt::Debug> Play<R> {
    /// Feeds what there is and compares the log with what is expected.
    fn settle(&mut self, at: &str) {
        let input = core::mem::take(&mut self.input);
        if !input.is_empty() {
            let sizes = match self.reads {
                Reads::Bytes => vec![1],
                Reads::Cut(at) if (self.fed + 1..self.fed + input.len()).contains(&at) => vec![at - self.fed, usize::MAX],
                _ => vec![input.len()],
            };
            self.host.feed_cut(&input, &sizes);
            self.fed += input.len();
        }
        let entries = &self.host.log.entries[self.seen..];
        let happened: Vec<String> = entries.iter().map(shown).collect();
        assert_eq!(happened, core::mem::take(&mut self.expected), "before {at}");
        self.seen = self.host.log.entries.len();
    }

    fn act(&mut self, what: &[Token]) {
        let host = &mut self.host;
        let bytes = |tokens: &[Token]| tokens.iter().flat_map(plain).collect::<Vec<u8>>();
        let result = match word(what.first()) {
            "eof" => {
                host.eof();
                Ok(())
            }
            "fail" => {
                host.fail(match word(what.get(1)) {
                    "MessageTooBig" => ProtocolError::MessageTooBig,
                    "InvalidUtf8" => ProtocolError::InvalidUtf8,
                    other => panic!("an unknown error {other}"),
                });
                Ok(())
            }
            "send" => match word(what.get(1)) {
                "ping" => host.ping(&bytes(&what[2..])),
                "pong" => host.pong(&bytes(&what[2..])),
                "control" => host.extension_control(word(what.get(2)).parse().unwrap(), &bytes(&what[3..])),
                "close" if what.len() == 2 => host.close_without_status(),
                "close" => {
                    let reason = String::from_utf8(bytes(&what[3..])).unwrap();
                    host.close(word(what.get(2)).parse().unwrap(), &reason)
                }
                "fragments" => {
                    let (kind, body) = kind(&what[2..]);
                    let body = bytes(body);
                    let mut outgoing = Outgoing::new(kind, &body);
                    loop {
                        match host.fragment(&mut outgoing, kind, 200) {
                            Ok(true) => {}
                            Ok(false) => break Ok(()),
                            Err(error) => break Err(error),
                        }
                    }
                }
                "frame" => {
                    let (kind, rest) = kind(&what[2..]);
                    let fin = match word(rest.first()) {
                        "fin" => true,
                        "more" => false,
                        other => panic!("neither fin nor more: {other}"),
                    };
                    let rsv = rest.get(2).map_or(0, |rsv| word(Some(rsv)).parse().unwrap());
                    host.frame(kind, fin, rsv, word(rest.get(1)).parse().unwrap()).map(drop)
                }
                "payload" => host.payload(&bytes(&what[2..])),
                _ => {
                    let (kind, body) = kind(&what[1..]);
                    host.message(kind, &bytes(body))
                }
            },
            other => panic!("an unknown action {other}"),
        };
        if let Err(error) = result {
            host.log.entries.push(Entry::Refused(error));
        }
    }

    fn ask(&self, what: &[Token], at: &str) {
        let outcome = self.host.outcome();
        for pair in what.chunks(2) {
            let is = match word(pair.first()) {
                "state" => format!("{:?}", outcome.state),
                "transport" => format!("{:?}", outcome.transport),
                "code" => outcome.close_code.map_or("-".to_owned(), |code| code.to_string()),
                "reason" => outcome.close_reason.clone(),
                "clean" => if outcome.clean { "yes" } else { "no" }.to_owned(),
                "buffered" => self.host.connection.buffered_amount().to_string(),
                other => panic!("{at}: nothing is known about {other}"),
            };
            let expected = match &pair[1] {
                Token::Text(text) => String::from_utf8(text.clone()).unwrap(),
                token => word(Some(token)).to_owned(),
            };
            assert_eq!(is, expected, "{:?} at {at}", pair[0]);
        }
    }
}
