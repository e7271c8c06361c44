//! The messages of the load, and their compressed forms.

use barews::connection::MessageKind;
use barews::deflate::{Deflater, Direction, Level, Parameters};

/// What the payloads are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Binary,
    /// ASCII.
    Text,
    /// Korean text: three bytes a character.
    Korean,
    /// Text like JSON, compressed by both sides.
    Deflate,
}

impl Content {
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Text => "text",
            Self::Korean => "korean",
            Self::Deflate => "deflate",
        }
    }

    pub fn kind(self) -> MessageKind {
        if self == Self::Binary { MessageKind::Binary } else { MessageKind::Text }
    }
}

/// Without context takeover each message is independent, so the load compresses its messages only once.
const DIRECTION: Direction = Direction { no_context_takeover: true, ..Direction::DEFAULT };
pub const OFFER: Parameters = Parameters { server: DIRECTION, client: DIRECTION };
/// How many compressed messages there are. A connection sends them in turn.
const VARIANTS: u64 = 64;

/// The payloads of all messages.
pub enum Bodies {
    /// Everything but the first bytes, the [`stamp`], is equal.
    Stamped(Vec<u8>),
    /// The messages, plain and compressed.
    Deflated(Vec<(Vec<u8>, Vec<u8>)>),
}

impl Bodies {
    pub fn new(content: Content, size: usize) -> Self {
        match content {
            Content::Binary | Content::Text => {
                Self::Stamped((0..size).map(|index| b'!' + (index * 7 % 89) as u8).collect())
            }
            Content::Korean => {
                let mut body = vec![b'.'; size.min(STAMP)];
                // All syllables, so that no text is repeated soon.
                let syllables = ('가'..='힣').step_by(7).cycle();
                for (place, syllable) in (STAMP..size.saturating_sub(2)).step_by(3).zip(syllables) {
                    body.resize(place, 0);
                    body.extend(syllable.encode_utf8(&mut [0; 4]).bytes());
                }
                body.resize(size, b'.');
                Self::Stamped(body)
            }
            Content::Deflate => {
                let mut memory = vec![0; Level::LARGE.memory(DIRECTION.window_size())];
                let mut deflater = Deflater::new(&mut memory[..], Level::LARGE, DIRECTION, 0);
                Self::Deflated((0..VARIANTS).map(|variant| deflated(json(variant, size), &mut deflater)).collect())
            }
        }
    }

    /// Returns the payload of this message of this connection, and whether it is compressed.
    pub fn sent(&mut self, connection: u64, message: u64) -> (&[u8], bool) {
        match self {
            Self::Stamped(body) => (stamp(body, connection, message), false),
            Self::Deflated(bodies) => (&bodies[(message % VARIANTS) as usize].1, true),
        }
    }

    /// Returns the payload that must come back.
    pub fn expected(&mut self, connection: u64, message: u64) -> &[u8] {
        match self {
            Self::Stamped(body) => stamp(body, connection, message),
            Self::Deflated(bodies) => &bodies[(message % VARIANTS) as usize].0,
        }
    }
}

const STAMP: usize = 8;

/// Writes the numbers of the connection and of the message into the first bytes, seven bits in each, so that they are text
/// too.
fn stamp(body: &mut [u8], connection: u64, message: u64) -> &[u8] {
    let number = message << 21 | connection;
    for (place, byte) in body.iter_mut().take(STAMP).enumerate() {
        *byte = (number >> (7 * place)) as u8 & 0x7F;
    }
    body
}

/// Returns about `size` bytes as a program sends them: the same names, other values.
fn json(variant: u64, size: usize) -> Vec<u8> {
    let mut text = String::from("[");
    for index in 0.. {
        let random = (variant * 1000 + index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let (price, amount, id) = (random >> 40, random >> 20 & 0xFFFF, random & 0xF_FFFF);
        text += &format!(r#"{{"type":"trade","id":{id},"symbol":"BTC-USD","price":{price}.25,"amount":{amount}}},"#);
        if text.len() >= size {
            break;
        }
    }
    text.truncate(size - 1);
    text.push(']');
    text.into()
}

fn deflated(plain: Vec<u8>, deflater: &mut Deflater<&mut [u8]>) -> (Vec<u8>, Vec<u8>) {
    let mut out = vec![0; plain.len() + 64];
    let body = deflater.deflate_always(&plain, &mut out).expect("it fits").to_vec();
    (plain, body)
}
