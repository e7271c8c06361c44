//! Our inflater, a naive one and zlib-rs inflate what our deflater deflates, and our inflater inflates what zlib-rs and
//! miniz_oxide deflate. Messages are whole or in parts, at any level, with any window and memory, with and without takeover.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use barews::connection::{Chunk, MessageKind};
use barews::deflate::{Deflater, Direction, Inflater, Level, RSV1};
use barews_fuzz::{Bytes, Cuts};
use barews_testkit::inflater::{NO_LIMIT, Naive};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    pub large: bool,
    /// The window has 15 bits minus this number, modulo 8.
    pub fewer_bits: u8,
    pub no_context_takeover: bool,
    /// Halves the memory this many times, modulo 4.
    pub less_memory: u8,
    /// The level of zlib-rs and miniz_oxide, modulo 10.
    pub level: u8,
    /// The body is repeated this many times, modulo 16, with a byte changed each time.
    pub times: u8,
    /// Cuts the body into messages.
    pub ends: Cuts,
    /// Cuts messages into parts. Without cuts they are whole.
    pub parts: Cuts,
    pub body: Bytes<'a>,
}

impl Input<'_> {
    pub fn check(&self) {
        let direction =
            Direction { window_bits: 15 - self.fewer_bits % 8, no_context_takeover: self.no_context_takeover };
        let level = if self.large { Level::LARGE } else { Level::SMALL };
        let memory = level.memory(direction.window_size()) >> (self.less_memory % 4);
        let mut body = self.body.0.to_vec();
        for n in 0..self.times % 16 {
            body.extend_from_slice(self.body.0);
            let at = usize::from(n) * 37 % body.len().max(1);
            if let Some(byte) = body.get_mut(at) {
                *byte ^= n;
            }
        }
        let mut deflater = Deflater::new(vec![0xA5; memory], level, direction, 0);
        let mut ours = Ours::new(direction);
        let mut naive = Naive::new(direction.window_size(), !direction.no_context_takeover, NO_LIMIT);
        let mut zlib = Decompress::new_with_window_bits(false, direction.window_bits.max(9));
        let mut others = Others::new(direction, self.level % 10);
        for message in self.ends.pieces(&body) {
            for payload in others.deflate(message) {
                // Each of the others has its own inflater.
                assert!(payload.1.inflate(&payload.0) == message);
            }
            let mut payload = Vec::new();
            let parts = self.parts.pieces(message);
            if parts.len() < 2 {
                let mut out = vec![0; message.len()];
                let Some(deflated) = deflater.deflate_message(message, &mut out) else { continue };
                assert!(deflated.len() < message.len());
                payload.extend_from_slice(deflated);
            } else {
                for (n, part) in parts.iter().enumerate() {
                    let mut out = vec![0; part.len() + 10];
                    payload.extend_from_slice(deflater.deflate_part(part, n + 1 == parts.len(), &mut out).unwrap());
                }
            }
            assert!(ours.inflate(&payload) == message);
            if body.len() < 3000 {
                assert!(naive.message(&payload) == (message.to_vec(), Ok(())));
            }
            let mut out = Vec::with_capacity(message.len() + 64);
            let tailed = [&payload, &[0, 0, 0xFF, 0xFF][..]].concat();
            zlib.decompress_vec(&tailed, &mut out, FlushDecompress::Sync).expect("zlib-rs finds no error");
            assert!(out == message);
        }
    }
}

struct Ours(Inflater<Vec<u8>>);

impl Ours {
    fn new(direction: Direction) -> Self {
        Self(Inflater::new(vec![0; direction.window_size()], direction, 1 << 30))
    }

    fn inflate(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut payload = payload.to_vec();
        let (mut out, mut whole) = (vec![0; 700], Vec::new());
        let mut chunk = Chunk { kind: MessageKind::Binary, first: true, last: true, rsv: RSV1, payload: &mut payload };
        while let Some(piece) = self.0.inflate(&mut chunk, &mut out).expect("no error") {
            whole.extend_from_slice(piece.payload);
        }
        whole
    }
}

/// zlib-rs and miniz_oxide, each with one of our inflaters for the messages it deflates.
struct Others {
    zlib: Compress,
    miniz: Box<CompressorOxide>,
    inflaters: [Ours; 2],
    no_context_takeover: bool,
    level: u8,
}

impl Others {
    fn new(direction: Direction, level: u8) -> Self {
        let bits = direction.window_bits.max(9);
        Self {
            zlib: Compress::new_with_window_bits(Compression::new(level.into()), false, bits),
            miniz: Self::miniz(level),
            inflaters: [
                Ours::new(Direction { window_bits: bits, ..direction }),
                Ours::new(Direction { window_bits: 15, ..direction }),
            ],
            no_context_takeover: direction.no_context_takeover,
            level,
        }
    }

    fn miniz(level: u8) -> Box<CompressorOxide> {
        Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(level.into(), -15, 0)))
    }

    fn deflate(&mut self, message: &[u8]) -> impl Iterator<Item = (Vec<u8>, &mut Ours)> {
        if self.no_context_takeover {
            self.zlib.reset();
            self.miniz = Self::miniz(self.level);
        }
        let mut by_zlib = Vec::with_capacity(2 * message.len() + 4096);
        self.zlib.compress_vec(message, &mut by_zlib, FlushCompress::Sync).expect("zlib-rs");
        let mut by_miniz = vec![0; 2 * message.len() + 4096];
        let miniz =
            miniz_oxide::deflate::stream::deflate(&mut self.miniz, message, &mut by_miniz, miniz_oxide::MZFlush::Sync);
        by_miniz.truncate(miniz.bytes_written);
        let payloads = [by_zlib, by_miniz].map(|mut payload| {
            assert!(payload.ends_with(&[0, 0, 0xFF, 0xFF]));
            payload.truncate(payload.len() - 4);
            payload
        });
        payloads.into_iter().zip(&mut self.inflaters)
    }
}

barews_fuzz::target!(|input: Input<'_>| input.check());
