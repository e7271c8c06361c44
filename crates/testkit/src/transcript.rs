#![doc = include_str!("transcript.md")]

use crate::{Entry, raw};
use barews::ProtocolError;
use barews::connection::{Config, MessageKind};
use barews::wire::{Opcode, Rsv};
use std::fs;
use std::str::FromStr;

/// One connection of a transcript file, for one role.
#[derive(Debug)]
pub struct Transcript {
    /// The name of its file, without `.txt`.
    pub file: String,
    /// It is played in the role of a server, else of a client.
    pub is_server: bool,
    /// The configuration of the endpoint.
    pub config: Config,
    /// Its lines, each with its place: file, number, and the rule in the comment above it.
    pub(super) lines: Vec<(String, Line)>,
}

#[derive(Debug)]
pub(super) enum Line {
    /// Bytes from the peer.
    In(Vec<u8>),
    /// An expected entry, as [`shown`] writes it.
    Is(String),
    /// An action of the host.
    Do(Call),
    /// Questions about the connection's state, each with its answer.
    Ask(Vec<(String, String)>),
}

/// An action of the host.
#[derive(Debug)]
pub(super) enum Call {
    Eof,
    Fail(ProtocolError),
    Message(MessageKind, Vec<u8>),
    Fragments(MessageKind, Vec<u8>),
    Frame {
        kind: MessageKind,
        fin: bool,
        rsv: u8,
        len: u64,
    },
    Payload(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Control(u8, Vec<u8>),
    /// `None` is a Close without a status code.
    Close(Option<(u16, String)>),
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Word(String),
    Text(Vec<u8>),
    /// `{05}`: a length field. If the sender is a client, it sets the MASK bit and begins the mask of the following bytes.
    Length(Vec<u8>),
}

/// `Err` is what is wrong with a line.
type Outcome<T> = Result<T, String>;

impl Transcript {
    /// Returns all transcripts in a folder, each once per role it applies to.
    pub fn in_folder(folder: &str) -> Vec<Self> {
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let read = |path: &std::path::PathBuf| {
            assert_eq!(path.extension(), Some("txt".as_ref()), "{path:?} is not a transcript");
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(path).unwrap();
            [true, false]
                .into_iter()
                .flat_map(move |is_server| Self::parse(&name, &text, is_server))
                .collect::<Vec<_>>()
        };
        files.iter().flat_map(read).collect()
    }

    /// Returns the connections of one file for this role: none if the file is only for the other role.
    pub fn parse(file: &str, text: &str, is_server: bool) -> Vec<Self> {
        let mut parser = Parser::new(file, is_server);
        for (number, line) in (1..).zip(text.lines()) {
            if let Err(wrong) = parser.line(number, line) {
                panic!("{file}.txt:{number}: {wrong}: {line:?}");
            }
        }
        parser.finish().unwrap_or_else(|(number, wrong)| panic!("{file}.txt:{number}: {wrong}"))
    }

    /// Returns all bytes from the peer.
    pub fn input(&self) -> Vec<u8> {
        self.lines
            .iter()
            .flat_map(|(_, line)| if let Line::In(bytes) = line { &bytes[..] } else { &[] })
            .copied()
            .collect()
    }
}

struct Parser {
    /// The file's first comment, and the last comment of the current connection, which is initially the same.
    rule: String,
    comment: String,
    after_comment: bool,
    /// The names of the file's roles: empty before the line `role`.
    roles: &'static [&'static str],
    /// The number of the line `connections`, and how many it announces for each role.
    announced: Option<(usize, Vec<usize>)>,
    connections: Vec<Transcript>,
    /// The current connection.
    current: Transcript,
    peer: Sender,
    own: Sender,
}

impl Parser {
    fn new(file: &str, is_server: bool) -> Self {
        let file = file.to_owned();
        Self {
            rule: String::new(),
            comment: String::new(),
            after_comment: false,
            roles: &[],
            announced: None,
            connections: Vec::new(),
            current: Transcript { file, is_server, config: Config::DEFAULT, lines: Vec::new() },
            peer: Sender::new(!is_server, 1000),
            own: Sender::new(is_server, 0),
        }
    }

    fn line(&mut self, number: usize, line: &str) -> Outcome<()> {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        if line.is_empty() || first == "#" {
            self.comment(rest);
            return Ok(());
        }
        self.after_comment = false;
        match first {
            "role" => return self.role(rest),
            "connections" => return self.announce(number, rest),
            _ if self.announced.is_none() => return Err("the role and the connections come first".into()),
            "---" if rest.is_empty() => return self.end_connection(),
            "config" if self.current.lines.is_empty() => return configure(&mut self.current.config, rest),
            "config" => return Err("a config comes before everything else of its connection".into()),
            _ => {}
        }
        let parsed = match first {
            ">" => Line::In(self.peer.bytes(&tokens(rest)?)?),
            "<" => Line::Is(shown(&Entry::Sent(self.own.bytes(&tokens(rest)?)?))),
            "=" => Line::Is(event(&tokens(rest)?)?),
            "?" => Line::Ask(questions(&tokens(rest)?)?),
            "send" => Line::Do(send(&tokens(rest)?)?),
            "eof" if rest.is_empty() => Line::Do(Call::Eof),
            "fail" => Line::Do(Call::Fail(match rest {
                "MessageTooBig" => ProtocolError::MessageTooBig,
                "InvalidUtf8" => ProtocolError::InvalidUtf8,
                _ => return Err("an unknown error".into()),
            })),
            _ => return Err("an unknown line".into()),
        };
        self.current.lines.push((format!("{}.txt:{number} ({})", self.current.file, self.comment), parsed));
        Ok(())
    }

    /// Reads a comment line, which continues the comment on the line before or begins a new one.
    fn comment(&mut self, text: &str) {
        if !self.after_comment {
            self.comment.clear();
        }
        self.comment.push_str(if self.comment.is_empty() { "" } else { " " });
        self.comment.push_str(text);
        self.after_comment = true;
        if self.roles.is_empty() {
            self.rule.clone_from(&self.comment);
        }
    }

    fn role(&mut self, name: &str) -> Outcome<()> {
        if !self.roles.is_empty() {
            return Err("a second role".into());
        }
        self.roles = match name {
            "server" => &["server"],
            "client" => &["client"],
            "both" => &["server", "client"],
            _ => return Err("an unknown role".into()),
        };
        Ok(())
    }

    /// Reads `server N client N`, or only one of these if the file has one role.
    fn announce(&mut self, number: usize, line: &str) -> Outcome<()> {
        if self.announced.is_some() {
            return Err("a second line with the connections".into());
        }
        let words: Vec<&str> = line.split(' ').collect();
        let names: Vec<&str> = words.iter().step_by(2).copied().collect();
        let counts: Outcome<Vec<usize>> = words.iter().skip(1).step_by(2).map(|word| parsed(word)).collect();
        let counts = counts?;
        if self.roles.is_empty() || names != self.roles || counts.len() != names.len() {
            return Err("each role has its number of connections, after the line with the role".into());
        }
        self.announced = Some((number, counts));
        Ok(())
    }

    fn end_connection(&mut self) -> Outcome<()> {
        if self.current.lines.is_empty() {
            return Err("nothing happens in the connection before this line".into());
        }
        let Self { connections, current, .. } = self;
        let next = Self::new(&current.file, current.is_server);
        connections.push(core::mem::replace(current, next.current));
        (self.peer, self.own) = (next.peer, next.own);
        self.comment.clone_from(&self.rule);
        Ok(())
    }

    /// Returns the connections for the role, or the number of a line and what is wrong with it.
    fn finish(mut self) -> Result<Vec<Transcript>, (usize, String)> {
        let Some((number, counts)) = self.announced.take() else {
            return Err((1, "the role and the connections are missing".into()));
        };
        self.end_connection().map_err(|_| (number, "nothing happens in the last connection".into()))?;
        let name = if self.current.is_server { "server" } else { "client" };
        let Some(at) = self.roles.iter().position(|role| *role == name) else { return Ok(Vec::new()) };
        let (announced, there_are) = (counts[at], self.connections.len());
        if announced != there_are {
            return Err((
                number,
                format!("{announced} connections for a {name} are announced, and {there_are} follow"),
            ));
        }
        Ok(self.connections)
    }
}

/// One side that writes frames, masked if it is the client.
struct Sender {
    is_server: bool,
    keys: u32,
    /// The last line wrote a payload that the next can continue.
    has_written: bool,
    /// The current payload's masking key, and how many of its bytes are written.
    mask: Option<([u8; 4], usize)>,
}

impl Sender {
    const fn new(is_server: bool, keys: u32) -> Self {
        Self { is_server, keys, has_written: false, mask: None }
    }

    fn bytes(&mut self, tokens: &[Token]) -> Outcome<Vec<u8>> {
        let continues = tokens.first().is_some_and(|token| *token == Token::Word("..".into()));
        if continues && !self.has_written {
            return Err("there is nothing to continue".into());
        }
        if !continues {
            self.mask = None;
        }
        self.has_written = true;
        let mut bytes = Vec::new();
        for token in tokens {
            match token {
                Token::Length(length) if self.is_server => bytes.extend(length),
                Token::Length(length) => {
                    self.keys += 1;
                    bytes.push(length[0] | 0x80);
                    bytes.extend(&length[1..]);
                    bytes.extend(raw::key(self.keys));
                    self.mask = Some((raw::key(self.keys), 0));
                }
                token => {
                    let plain = plain(token)?;
                    match &mut self.mask {
                        Some((key, from)) => {
                            bytes.extend(raw::mask(*key, *from, &plain));
                            *from += plain.len();
                        }
                        None => bytes.extend(plain),
                    }
                }
            }
        }
        Ok(bytes)
    }
}

/// Splits a line into words, `"text"` and `{length}`.
fn tokens(line: &str) -> Outcome<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '"' => {
                let (text, after) = rest[1..].split_once('"').ok_or("a quotation mark is missing")?;
                (Token::Text(text.as_bytes().to_vec()), after)
            }
            '{' => {
                let (length, after) = rest[1..].split_once('}').ok_or("a brace is missing")?;
                let length = plain(&Token::Word(length.replace(' ', "")))?;
                if ![1, 3, 9].contains(&length.len()) {
                    return Err("a length has 1, 3 or 9 bytes".into());
                }
                (Token::Length(length), after)
            }
            _ => {
                let (word, after) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
                (Token::Word(word.to_owned()), after)
            }
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// Returns the bytes of hex, repeated hex (`61*125`) or a text. `..` has none.
fn plain(token: &Token) -> Outcome<Vec<u8>> {
    match token {
        Token::Word(word) if word == ".." => Ok(Vec::new()),
        Token::Word(word) => {
            let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) || !digits.len().is_multiple_of(2) {
                return Err(format!("{word} is not hex"));
            }
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            Ok((0..digits.len()).step_by(2).map(byte).collect::<Vec<_>>().repeat(parsed(times)?))
        }
        Token::Text(text) => Ok(text.clone()),
        Token::Length(_) => Err("a length in the wrong place".into()),
    }
}

fn payload(tokens: &[Token]) -> Outcome<Vec<u8>> {
    Ok(tokens.iter().map(plain).collect::<Outcome<Vec<_>>>()?.concat())
}

fn word(token: Option<&Token>) -> Outcome<&str> {
    match token {
        Some(Token::Word(word)) => Ok(word),
        _ => Err("a word is missing".into()),
    }
}

fn parsed<T: FromStr>(word: &str) -> Outcome<T> {
    word.parse().map_err(|_| format!("{word} is not a number, or too large"))
}

fn number<T: FromStr>(token: Option<&Token>) -> Outcome<T> {
    parsed(word(token)?)
}

fn kind(tokens: &[Token]) -> Outcome<(MessageKind, &[Token])> {
    match word(tokens.first())? {
        "text" => Ok((MessageKind::Text, &tokens[1..])),
        "binary" => Ok((MessageKind::Binary, &tokens[1..])),
        "extension" => Ok((MessageKind::Extension(Opcode::from_bits(number(tokens.get(1))?)), &tokens[2..])),
        _ => Err("an unknown action".into()),
    }
}

/// Parses what follows `send`.
fn send(tokens: &[Token]) -> Outcome<Call> {
    let rest = tokens.get(1..).unwrap_or_default();
    Ok(match word(tokens.first())? {
        "ping" => Call::Ping(payload(rest)?),
        "pong" => Call::Pong(payload(rest)?),
        "payload" => Call::Payload(payload(rest)?),
        "control" => Call::Control(number(rest.first())?, payload(&rest[1..])?),
        "close" if rest.is_empty() => Call::Close(None),
        "close" => {
            let reason = String::from_utf8(payload(&rest[1..])?).map_err(|_| "a reason is UTF-8")?;
            Call::Close(Some((number(rest.first())?, reason)))
        }
        "fragments" => {
            let (kind, body) = kind(rest)?;
            Call::Fragments(kind, payload(body)?)
        }
        "frame" => {
            let (kind, rest) = kind(rest)?;
            let fin = match word(rest.first())? {
                "fin" => true,
                "more" => false,
                _ => return Err("neither fin nor more".into()),
            };
            let rsv = match rest.get(2..) {
                None | Some([]) => 0,
                Some([name, bits]) if word(Some(name))? == "rsv" => number(Some(bits))?,
                Some(_) => return Err("a frame has a length, and perhaps reserved bits".into()),
            };
            Call::Frame { kind, fin, rsv, len: number(rest.get(1))? }
        }
        _ => {
            let (kind, body) = kind(tokens)?;
            Call::Message(kind, payload(body)?)
        }
    })
}

fn questions(tokens: &[Token]) -> Outcome<Vec<(String, String)>> {
    let question = |pair: &[Token]| {
        let name = word(pair.first())?;
        if !["state", "transport", "code", "reason", "clean", "buffered"].contains(&name) {
            return Err("an unknown question".into());
        }
        let answer = match pair.get(1) {
            Some(Token::Text(text)) => String::from_utf8(text.clone()).unwrap(),
            token => word(token)?.to_owned(),
        };
        Ok((name.to_owned(), answer))
    };
    if tokens.is_empty() { Err("a question is missing".into()) } else { tokens.chunks(2).map(question).collect() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Formats an expected event like [`shown`].
fn event(tokens: &[Token]) -> Outcome<String> {
    let name = word(tokens.first())?;
    let words = match name {
        "text" | "binary" | "ping" | "pong" | "end" => 1,
        "extension" | "control" | "close" | "rsv" | "error" | "refused" => 2,
        "reserved" => 3,
        _ => return Err("an unknown event".into()),
    };
    let (words, rest) = tokens.split_at_checked(words).ok_or("a word is missing")?;
    let mut line = words.iter().map(|token| word(Some(token)).map(str::to_owned)).collect::<Outcome<Vec<_>>>()?;
    match name {
        "rsv" => line.push(event(rest)?),
        "end" | "error" | "refused" | "reserved" if rest.is_empty() => {}
        "end" | "error" | "refused" | "reserved" => return Err("more than the event has".into()),
        _ => line.push(hex(&payload(rest)?)),
    }
    Ok(line.join(" "))
}

/// Formats an entry of the log as a line.
pub(super) fn shown(entry: &Entry) -> String {
    match entry {
        Entry::Message(kind, rsv, payload) => {
            let rsv = if *rsv == 0 { String::new() } else { format!("rsv {rsv} ") };
            let kind = match kind {
                MessageKind::Text => "text".to_owned(),
                MessageKind::Binary => "binary".to_owned(),
                MessageKind::Extension(opcode) => format!("extension {}", opcode.bits()),
            };
            format!("{rsv}{kind} {}", hex(payload))
        }
        Entry::Reserved(rsv, at) => format!("reserved {rsv} {at}"),
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

fn configure(config: &mut Config, line: &str) -> Outcome<()> {
    let (name, value) = line.split_once(' ').ok_or("a value is missing")?;
    match name {
        "max_frame_size" => config.max_frame_size = parsed(value)?,
        "max_message_size" => config.max_message_size = parsed(value)?,
        "max_fragments" => config.max_fragments = parsed(value)?,
        "fragment_size" => config.fragment_size = parsed(value)?,
        "extension_rsv" => config.extension_rsv = Rsv::from_bits(parsed(value)?),
        "extension_opcode" => {
            config.extension_opcodes |= 1u16.checked_shl(parsed(value)?).ok_or("an opcode is below 16")?;
        }
        _ => return Err("an unknown field of Config".into()),
    }
    Ok(())
}
