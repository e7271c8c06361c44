//! The byte streams of `streams.tsv`, and the results that RFC 6455 requires.

use peers::{Message, Role};

/// A line of the file, for one role.
#[derive(Debug)]
pub struct Stream {
    pub name: &'static str,
    pub section: &'static str,
    /// The role of the receiver: a server receives what a client sends.
    pub role: Role,
    pub notation: &'static str,
    pub expectation: &'static str,
    pub bytes: Vec<u8>,
    pub expected: Expected,
}

#[derive(PartialEq, Debug)]
pub struct Expected {
    pub messages: Vec<Message>,
    pub end: End,
}

/// What follows the messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The connection stays open.
    Open,
    /// A Close frame, with a status code or without.
    Close(Option<u16>),
    /// The connection fails; the status code is the one that section 7.4.1 defines for the case.
    Refused(u16),
    /// A matter of limits, or one that the RFC leaves open. This is the code for a refusal.
    Either(u16),
}

/// Returns all streams. A line for both roles gives two.
pub fn all() -> Vec<Stream> {
    include_str!("../streams.tsv").lines().filter(|line| !line.starts_with('#')).flat_map(line).collect()
}

fn line(line: &'static str) -> Vec<Stream> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, section, roles, notation, expectation] = fields[..] else { panic!("not five fields: {line:?}") };
    let roles: &[Role] = match roles {
        "both" => &[Role::Server, Role::Client],
        "server" => &[Role::Server],
        "client" => &[Role::Client],
        _ => panic!("no role: {line:?}"),
    };
    let stream = |&role| {
        let bytes = notation.split(" / ").flat_map(|frame| frame_bytes(frame, role)).collect();
        Stream { name, section, role, notation, expectation, bytes, expected: expected(expectation) }
    };
    roles.iter().map(stream).collect()
}

/// Returns the bytes of one frame: hex, text and a length field. If a client sends the frame, or with `!` if a server does, a
/// masking key follows the length field and the rest is masked.
fn frame_bytes(frame: &str, receiver: Role) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let Some((head, rest)) = frame.split_once('{') else { return bytes(frame) };
    let (length, payload) = rest.split_once('}').expect("a closing brace");
    let (length, is_wrong) = length.strip_prefix('!').map_or((length, false), |length| (length, true));
    let (mut out, mut length, mut payload) = (bytes(head), bytes(length), bytes(payload));
    if (receiver == Role::Server) != is_wrong {
        length[0] |= 0x80;
        length.extend(KEY);
        payload.iter_mut().zip(KEY.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    out.append(&mut length);
    out.append(&mut payload);
    out
}

/// Parses hex (`00ff`), repeated hex (`61*125`) and text without spaces (`"Hello"`).
fn bytes(words: &str) -> Vec<u8> {
    words.split_whitespace().flat_map(word_bytes).collect()
}

fn word_bytes(word: &str) -> Vec<u8> {
    if let Some(text) = word.strip_prefix('"') {
        return text.strip_suffix('"').expect("a closing quotation mark").into();
    }
    let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).expect("hex");
    assert!(digits.len().is_multiple_of(2), "an odd number of digits: {word}");
    digits.as_bytes().chunks(2).map(byte).collect::<Vec<_>>().repeat(times.parse().expect("a number"))
}

fn expected(words: &str) -> Expected {
    let mut expected = Expected { messages: Vec::new(), end: End::Open };
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        let mut next = || words.next().expect("another word");
        match word {
            "nothing" => {}
            "text" => expected.messages.push(Message::Text(word_bytes(next()))),
            "binary" => expected.messages.push(Message::Binary(word_bytes(next()))),
            "close" => expected.end = End::Close(next().parse().ok()),
            "refused" => expected.end = End::Refused(next().parse().expect("a code")),
            "either" => expected.end = End::Either(next().parse().expect("a code")),
            _ => panic!("an unknown word: {word:?}"),
        }
    }
    expected
}
