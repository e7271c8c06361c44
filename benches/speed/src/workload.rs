//! The work of the peers: the streams that they receive and the messages that they send.

use crate::stream::{self, Content, Frame, Size};
use peers::{Outgoing, Random, Socket, Tally, Total};
use std::rc::Rc;

/// A stream that a client sends.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub bytes: Rc<[u8]>,
    /// Its contents, for one pass.
    pub total: Total,
    /// The frames that must be written in response: the answers to its Pings.
    pub pongs: Vec<Vec<u8>>,
    pub is_fragmented: bool,
    /// The longest message.
    pub longest: usize,
    /// The index in `bytes` of the middle of each message.
    middles: Vec<usize>,
}

/// The approximate number of bytes in a pass, which has at least a few messages.
fn pass(size: Size) -> usize {
    (256 << 10).max(4 * size.longest())
}

impl Incoming {
    /// Builds messages, each in one frame.
    pub fn messages(content: Content, size: Size) -> Self {
        let (mut bytes, mut middles, mut random) = (Vec::new(), Vec::new(), Random::default());
        let tally = Tally::verifying();
        for payload in stream::payloads(content, size, pass(size)) {
            stream::put_frame(&mut bytes, 0x80 | content.opcode(), Some(random.key()), &payload);
            middles.push(bytes.len() - 1 - payload.len() / 2);
            tally.message(&payload);
        }
        let (total, pongs, longest) = (tally.total(), Vec::new(), size.longest());
        Self { bytes: bytes.into(), total, pongs, is_fragmented: false, longest, middles }
    }

    /// Builds messages in fragments with a Ping between each two.
    pub fn fragments(content: Content, size: usize, fragment: usize) -> Self {
        let (mut bytes, mut random, mut pongs, tally) = (Vec::new(), Random::default(), Vec::new(), Tally::verifying());
        let mut middles = Vec::new();
        for payload in stream::payloads(content, Size::Bytes(size), pass(Size::Bytes(size))) {
            let mut fragments = payload.chunks(fragment).enumerate().peekable();
            while let Some((i, part)) = fragments.next() {
                let opcode = if i == 0 { content.opcode() } else { 0 };
                let fin = if fragments.peek().is_none() { 0x80 } else { 0 };
                stream::put_frame(&mut bytes, fin | opcode, Some(random.key()), part);
                if i == size / fragment / 2 {
                    middles.push(bytes.len() - 1 - part.len() / 2);
                }
                if fin == 0 {
                    let ping = stream::payload(Content::Ascii, 8, &mut random);
                    stream::put_frame(&mut bytes, 0x89, Some(random.key()), &ping);
                    pongs.push(ping);
                }
            }
            tally.message(&payload);
        }
        Self { bytes: bytes.into(), total: tally.total(), pongs, is_fragmented: true, longest: size, middles }
    }
}

impl Incoming {
    /// Returns a socket with this stream.
    pub fn socket(&self, read_size: usize) -> Socket {
        Socket::new(self.bytes.clone(), read_size, self.longest)
    }

    /// Returns the same stream a few times, each time with an invalid byte in the middle of another message.
    pub fn with_bad_text(&self) -> impl Iterator<Item = Rc<[u8]>> {
        const COUNT: usize = 8;
        self.middles.iter().step_by(self.middles.len().div_ceil(COUNT) | 1).map(|&middle| {
            let mut bytes = self.bytes.to_vec();
            bytes[middle] ^= 0xC0;
            bytes.into()
        })
    }
}

/// Returns binary messages to send in one pass.
pub fn outgoing(size: Size) -> Outgoing {
    Outgoing::new(stream::payloads(Content::Binary, size, pass(size)))
}

/// Returns the messages in the frames of `log`, and the payloads of the Pongs between them. Fails if these are not valid
/// frames, or not masked as required.
pub fn written(log: &[u8], is_masked: bool) -> Result<(Total, Vec<Vec<u8>>), String> {
    let (tally, mut pongs) = (Tally::verifying(), Vec::new());
    for Frame { first, is_masked: masked, payload } in stream::frames(log).ok_or("not frames")? {
        if masked != is_masked {
            return Err(format!("masked: {masked}"));
        }
        match first {
            0x8A => pongs.push(payload),
            0x00..=0x02 | 0x80..=0x82 => tally.chunk(&payload, first & 0x80 != 0),
            _ => return Err(format!("a frame that begins with {first:#x}")),
        }
    }
    Ok((tally.total(), pongs))
}
