//! Payloads and frames: builds workloads, and parses the frames that a peer wrote. The code is simple rather than fast.

use peers::Random;

/// The contents of the payloads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    Binary,
    Ascii,
    Korean,
}

impl Content {
    pub const ALL: [Self; 3] = [Self::Binary, Self::Ascii, Self::Korean];

    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Ascii => "ASCII text",
            Self::Korean => "Korean text",
        }
    }

    pub fn opcode(self) -> u8 {
        if self == Self::Binary { 2 } else { 1 }
    }

    pub fn is_text(self) -> bool {
        self != Self::Binary
    }
}

/// The length of the payloads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    Bytes(usize),
    /// From 1 to 300 bytes, all equally frequent.
    Mixed,
}

impl Size {
    pub const ALL: [Self; 7] = [
        Self::Bytes(16),
        Self::Bytes(125),
        Self::Bytes(1 << 10),
        Self::Bytes(16 << 10),
        Self::Bytes(64 << 10),
        Self::Bytes(1 << 20),
        Self::Mixed,
    ];

    pub fn name(self) -> String {
        match self {
            Self::Bytes(len) if len % 1024 != 0 => format!("{len} B"),
            Self::Bytes(len @ ..0x10_0000) => format!("{} KiB", len >> 10),
            Self::Bytes(len) => format!("{} MiB", len >> 20),
            Self::Mixed => "1-300 B".into(),
        }
    }

    pub fn longest(self) -> usize {
        match self {
            Self::Bytes(len) => len,
            Self::Mixed => 300,
        }
    }

    fn next(self, random: &mut Random) -> usize {
        match self {
            Self::Bytes(len) => len,
            Self::Mixed => 1 + random.below(300),
        }
    }
}

const KOREAN: &str = "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이성과 양심을 \
                      부여받았으며 서로 형제애의 정신으로 행동하여야 한다. ";
const ASCII: &str = "All human beings are born free and equal in dignity and rights. They are endowed with reason and \
                     conscience and should act towards one another in a spirit of brotherhood. ";

/// Returns a payload of `len` bytes.
pub fn payload(content: Content, len: usize, random: &mut Random) -> Vec<u8> {
    match content {
        Content::Binary => (0..len).map(|_| random.draw() as u8).collect(),
        Content::Ascii => ASCII.bytes().cycle().skip(random.below(ASCII.len())).take(len).collect(),
        Content::Korean => {
            let characters = KOREAN.chars().cycle().skip(random.below(KOREAN.chars().count()));
            let mut text = String::new();
            for character in characters {
                if text.len() + character.len_utf8() > len {
                    break;
                }
                text.push(character);
            }
            text.extend((text.len()..len).map(|_| ' '));
            text.into()
        }
    }
}

/// Returns payloads of about `total` bytes, at least one.
pub fn payloads(content: Content, size: Size, total: usize) -> Vec<Vec<u8>> {
    let (mut random, mut payloads, mut sum) = (Random::default(), Vec::new(), 0);
    while sum < total || payloads.is_empty() {
        let len = size.next(&mut random);
        payloads.push(payload(content, len, &mut random));
        sum += len + 8;
    }
    payloads
}

/// Appends a frame with the FIN bit and the opcode in `first`, masked if there is a key.
pub fn put_frame(out: &mut Vec<u8>, first: u8, key: Option<[u8; 4]>, payload: &[u8]) {
    let mask = if key.is_some() { 0x80 } else { 0 };
    out.push(first);
    match payload.len() {
        len @ ..126 => out.push(mask | len as u8),
        len @ ..0x1_0000 => {
            out.push(mask | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(mask | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(key.iter().flatten());
    out.extend(payload.iter().zip(key.unwrap_or_default().iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// A frame that was written.
#[derive(PartialEq, Eq, Debug)]
pub struct Frame {
    pub first: u8,
    pub is_masked: bool,
    pub payload: Vec<u8>,
}

/// Parses the frames in `bytes`, which end at the end of a frame.
pub fn frames(mut bytes: &[u8]) -> Option<Vec<Frame>> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let [first, second] = *take(&mut bytes, 2)? else { return None };
        let len = match second & 0x7F {
            126 => u16::from_be_bytes(take(&mut bytes, 2)?.try_into().ok()?).into(),
            127 => u64::from_be_bytes(take(&mut bytes, 8)?.try_into().ok()?) as usize,
            len => len.into(),
        };
        let is_masked = second & 0x80 != 0;
        let key = if is_masked { take(&mut bytes, 4)? } else { &[0; 4] };
        let payload = take(&mut bytes, len)?.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        frames.push(Frame { first, is_masked, payload });
    }
    Some(frames)
}

fn take<'b>(bytes: &mut &'b [u8], len: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}
