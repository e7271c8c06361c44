#![doc = include_str!("transcript.md")]

use crate::{Entry, raw};
use barews::connection::{Config, MessageKind};
use std::fs;

/// One connection of a transcript file, for one role.
pub struct Transcript {
    /// The name of its file, without `.txt`.
    pub file: String,
    /// It is played for a server, else for a client.
    pub is_server: bool,
    /// The configuration of the endpoint.
    pub config: Config,
    /// Its lines with their numbers.
    pub(super) lines: Vec<(usize, Line)>,
}

pub(super) enum Line {
    /// Bytes from the peer.
    In(Vec<u8>),
    /// What is expected, as [`shown`] writes it.
    Is(String),
    /// What the host does.
    Do(Vec<Token>),
    /// What is expected of the state.
    Ask(Vec<Token>),
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token {
    Word(String),
    Text(Vec<u8>),
    /// `{05}`: a length field, masked if the sender is a client, and the mask of the bytes that follow.
    Length(Vec<u8>),
}

impl Transcript {
    /// All transcripts in a folder, once for each role that they are for.
    pub fn in_folder(folder: &str) -> Vec<Self> {
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
        files.sort();
        let read = |path: &std::path::PathBuf| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(path).unwrap();
            [true, false]
                .into_iter()
                .flat_map(move |is_server| Self::parse(&name, &text, is_server))
                .collect::<Vec<_>>()
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
        self.lines
            .iter()
            .flat_map(|(_, line)| if let Line::In(bytes) = line { &bytes[..] } else { &[] })
            .copied()
            .collect()
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
                    bytes.extend(raw::key(self.keys));
                    self.mask = Some((raw::key(self.keys), 0));
                }
                token => {
                    let plain = plain(token);
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
pub(super) fn plain(token: &Token) -> Vec<u8> {
    match token {
        Token::Word(word) if word == ".." => Vec::new(),
        Token::Word(word) => {
            let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
            assert!(digits.len().is_multiple_of(2), "an odd number of hex digits: {word}");
            let byte =
                |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or_else(|_| panic!("no hex: {word}"));
            (0..digits.len()).step_by(2).map(byte).collect::<Vec<_>>().repeat(times.parse().unwrap())
        }
        Token::Text(text) => text.clone(),
        Token::Length(_) => panic!("a length in the wrong place"),
    }
}

pub(super) fn word(token: Option<&Token>) -> &str {
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
        "error" | "refused" | "reserved" => tokens.len(),
        _ => panic!("an unknown event {name}"),
    };
    let (words, payload) = tokens.split_at(words.min(tokens.len()));
    let mut line: Vec<String> = words.iter().map(|token| word(Some(token)).to_owned()).collect();
    if name == "rsv" {
        return format!("{} {}", line.join(" "), event(payload));
    }
    if !matches!(name, "end" | "error" | "refused" | "reserved") {
        line.push(hex(&payload.iter().flat_map(plain).collect::<Vec<_>>()));
    }
    line.join(" ")
}

/// An entry of the log as a line.
pub(super) fn shown(entry: &Entry) -> String {
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
