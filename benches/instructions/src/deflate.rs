//! Deflating and inflating.

use crate::{Case, Work};
use barews::connection::{Chunk, MessageKind};
use barews::deflate::{Deflater, Direction, Inflater, Level, RSV1};
use barews::wire::Rsv;
use std::hint::black_box;

pub const CASES: &[Case] = &[
    ("deflate small, JSON 200 B", || deflate(Level::SMALL, messages(json, 200, 100))),
    ("deflate small, words 16 KiB", || deflate(Level::SMALL, messages(words, 16 << 10, 5))),
    ("deflate large, JSON 200 B", || deflate(Level::LARGE, messages(json, 200, 100))),
    ("deflate large, JSON 16 KiB", || deflate(Level::LARGE, messages(json, 16 << 10, 5))),
    ("deflate large, words 16 KiB", || deflate(Level::LARGE, messages(words, 16 << 10, 5))),
    ("deflate large, noise 16 KiB", || deflate(Level::LARGE, messages(noise, 16 << 10, 5))),
    ("inflate JSON 200 B", || inflate(Level::LARGE, &messages(json, 200, 100), usize::MAX, 1 << 16)),
    ("inflate JSON 16 KiB", || inflate(Level::LARGE, &messages(json, 16 << 10, 5), usize::MAX, 1 << 16)),
    ("inflate words 16 KiB", || inflate(Level::LARGE, &messages(words, 16 << 10, 5), usize::MAX, 1 << 16)),
    ("inflate words 16 KiB, fixed codes", || inflate(Level::SMALL, &messages(words, 16 << 10, 5), usize::MAX, 1 << 16)),
    ("inflate words 16 KiB in reads of 50 B", || inflate(Level::LARGE, &messages(words, 16 << 10, 5), 50, 128)),
    ("inflate noise 16 KiB", || inflate(Level::LARGE, &messages(noise, 16 << 10, 5), usize::MAX, 1 << 16)),
];

type Random<'a> = &'a mut dyn FnMut(u32) -> u32;

/// Returns `count` messages of `len` bytes, which `item` fills by repeated calls.
fn messages(item: fn(&mut Vec<u8>, Random<'_>), len: usize, count: usize) -> Vec<Vec<u8>> {
    let mut seed = 1u32;
    let mut random = |below| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % below
    };
    let mut message = || {
        let mut body = Vec::new();
        while body.len() < len {
            item(&mut body, &mut random);
        }
        body.truncate(len);
        body
    };
    (0..count).map(|_| message()).collect()
}

fn json(body: &mut Vec<u8>, random: Random<'_>) {
    let symbol = ["BTC-EUR", "ETH-EUR", "BTC-USD", "ETH-USD"][random(4) as usize];
    let side = ["buy", "sell"][random(2) as usize];
    let (price, size, time) = (random(60_000), random(1_000), random(60_000));
    let item = format!(
        r#"{{"type":"trade","symbol":"{symbol}","side":"{side}","price":{price}.5,"size":0.{size:03},"time":17000{time:05}}},"#
    );
    body.extend_from_slice(item.as_bytes());
}

/// Words; the first are the most frequent.
fn words(body: &mut Vec<u8>, random: Random<'_>) {
    const WORDS: &str = "the of and to a in that is was he for it with as his on be at by had not are but from or have \
        which one you were her all she there would their we him been has when who will more no if out so said what up \
        its about into than them can only other new some could time these two may then do first any my now such like \
        our over man me even most made after also did many before must through back years where much your way well down \
        should because each just those people how too little state good very make world still own see men work long get \
        here between both life being under never day same another know while last might us great old year off come \
        since against go came right used take three";
    let word = WORDS.split(' ').nth((random(12) * random(13)) as usize).unwrap_or("websocket");
    body.extend_from_slice(word.as_bytes());
    body.push(b' ');
}

fn noise(body: &mut Vec<u8>, random: Random<'_>) {
    body.push(random(256) as u8);
}

fn deflater(level: Level) -> Deflater<Vec<u8>> {
    Deflater::new(vec![0; level.memory(1 << 15)], level, Direction::DEFAULT, 0)
}

fn deflate(level: Level, messages: Vec<Vec<u8>>) -> Work {
    let (mut deflater, mut out) = (deflater(level), vec![0; 1 << 16]);
    Work::new(messages.len(), move || {
        for message in &messages {
            black_box(deflater.deflate_part(black_box(message), true, &mut out)).unwrap();
        }
    })
}

/// Inflates messages that a deflater of this level has compressed, in reads of `read` bytes, into pieces of up to `room`
/// bytes.
fn inflate(level: Level, messages: &[Vec<u8>], read: usize, room: usize) -> Work {
    let (mut deflater, mut out) = (deflater(level), vec![0; 1 << 16]);
    let mut payloads: Vec<_> =
        messages.iter().map(|message| deflater.deflate_part(message, true, &mut out).unwrap().to_vec()).collect();
    let mut inflater = Inflater::new(vec![0; 1 << 15], Direction::DEFAULT, u64::MAX);
    Work::new(payloads.len(), move || {
        for payload in &mut payloads {
            let (len, mut at) = (payload.len(), 0);
            for payload in payload.chunks_mut(read) {
                let first = at == 0;
                at += payload.len();
                let rsv = if first { RSV1 } else { Rsv::NONE };
                let mut chunk = Chunk { kind: MessageKind::Binary, first, last: at == len, rsv, payload };
                while let Some(piece) = inflater.inflate(&mut chunk, &mut out[..room]).unwrap() {
                    black_box(piece);
                }
            }
        }
    })
}
