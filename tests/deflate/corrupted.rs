//! Corrupted messages: our inflater and zlib-rs agree on the result, on the kind of error, and on the bytes before it.
//!
//! A session is up to five messages of one direction, deflated by our deflater or by zlib-rs, with context takeover or without.
//! Some of them are corrupted. Each seed is a session. More sessions, and how often each result and difference occurs:
//!
//!     BAREWS_SESSIONS=200000 cargo test -p barews-tests --features deflate --test deflate corrupted -- --nocapture

use crate::inflate::{cut, inflater_for, message_in};
use crate::peers::{ZlibDeflate, body};
use barews::ProtocolError;
use barews::connection::MessageKind;
use barews::deflate::{Deflater, Direction, Level};
use barews_testkit::inflater::{NO_LIMIT, Naive};
use flate2::{Decompress, FlushCompress, FlushDecompress, Status};
use std::collections::BTreeMap;

/// The differences between zlib-rs and our inflater, and the reason for each. Any other difference fails the test.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Difference {
    /// The message ends inside a block, as an empty compressed message (`C1 00`) does. Ours: `DeflateTruncated`. RFC 7692
    /// 7.2.2: the message with `00 00 FF FF` appended is DEFLATE, so it consists of whole blocks. zlib waits for more input. A
    /// host that does not notice this takes the output for the message, and the next message continues the block.
    ///
    /// Checked: after the message, zlib is not between two blocks.
    Truncated,
    /// The bits that follow can only be an invalid code: the code for lengths is empty, or a match follows and the code for
    /// distances is empty. Ours: `DeflateCode` at once. zlib reports the error when it has these bits.
    ///
    /// Checked: zlib refuses several continuations.
    EmptyCode,
    /// A block follows one with BFINAL. Ours continues at the next whole byte (RFC 7692 7.2.1). zlib ends, and its host has to
    /// continue with a reset that keeps the window.
    ///
    /// Checked: then zlib agrees with ours.
    BlockAfterFinal,
    /// The message ends with a block with BFINAL, without the byte `00` after it (RFC 7692 7.2.3.4). Ours accepts it. zlib ends,
    /// and `00 00 FF FF` alone is not a block.
    ///
    /// Checked: zlib agrees with ours if nothing is appended.
    EndsWithFinal,
    /// A distance is longer than the agreed window. Ours: `DeflateDistance` (RFC 7692 7.2.1). The window of zlib-rs always has
    /// 32 KiB.
    ///
    /// Checked: ours agrees with zlib if its window has 32 KiB too, and the naive inflater refuses the distance at the same
    /// byte.
    BeyondWindow,
}

/// A generator of numbers (xorshift).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        (0..8).for_each(|_| _ = random.next());
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    /// Returns a number below `end`, which must not be 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Returns a number below `end`, smaller ones more often.
    fn small(&mut self, end: usize) -> usize {
        let end = 1 + self.below(end);
        self.below(end)
    }

    fn sizes(&mut self, most: usize) -> Vec<usize> {
        (0..1 + self.below(3)).map(|_| 1 + self.small(most)).collect()
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

struct Session {
    direction: Direction,
    messages: Vec<Vec<u8>>,
}

impl Session {
    fn new(random: &mut Random) -> Self {
        let direction = Direction {
            window_bits: [9, 9, 10, 12, 15, 15][random.below(6)],
            no_context_takeover: random.below(4) == 0,
        };
        let mut messages = deflated(random, direction);
        let crafted = random.below(4) == 0;
        if crafted {
            let n = random.below(messages.len());
            messages[n] = dynamic(random);
        }
        for _ in usize::from(crafted)..1 + random.small(4) {
            let n = random.below(messages.len());
            let message = std::mem::take(&mut messages[n]);
            messages[n] = match random.below(10) {
                0 => {
                    // The beginning of this message, and the end of one of another session.
                    let other = deflated(random, direction);
                    let other = &other[random.below(other.len())];
                    let (end, start) = (random.below(message.len() + 1), random.below(other.len() + 1));
                    [&message[..end], &other[start..]].concat()
                }
                _ => corrupted(random, message),
            };
        }
        match random.below(12) {
            0 if messages.len() > 1 => drop(messages.remove(random.below(messages.len()))),
            1 => messages.rotate_left(1),
            _ => {}
        }
        Self { direction, messages }
    }
}

/// Returns the payloads of valid messages.
fn deflated(random: &mut Random, direction: Direction) -> Vec<Vec<u8>> {
    let bodies: Vec<Vec<u8>> = (0..1 + random.below(5))
        .map(|_| {
            let most = [10, 200, 2000, 5000][random.below(4)];
            body(random.below(5), random.below(most), random.next())
        })
        .collect();
    match random.below(3) {
        0 => {
            let mut zlib = ZlibDeflate::new(random.below(10) as u32, direction.window_bits);
            let mut message = |body: &Vec<u8>| {
                if direction.no_context_takeover {
                    zlib.reset();
                }
                let (one, two) = body.split_at(random.below(body.len() + 1));
                match random.below(6) {
                    0 => [zlib.part(one, FlushCompress::Partial), zlib.message(two)].concat(),
                    1 => [zlib.part(one, FlushCompress::Full), zlib.message(two)].concat(),
                    2 => {
                        let mut payload = zlib.part(one, FlushCompress::Finish);
                        zlib.reset();
                        payload.extend(zlib.message(two));
                        payload
                    }
                    3 => {
                        let mut payload = zlib.part(body, FlushCompress::Finish);
                        zlib.reset();
                        // RFC 7692 7.2.3.4: with the byte after it, or without
                        payload.resize(payload.len() + random.below(2), 0);
                        payload
                    }
                    _ => zlib.message(body),
                }
            };
            bodies.iter().map(&mut message).collect()
        }
        level => {
            let level = if level == 1 { Level::SMALL } else { Level::LARGE };
            let mut deflater = Deflater::new(vec![0; level.memory(direction.window_size())], level, direction, 0);
            let mut message = |body: &Vec<u8>| {
                let sizes = if random.below(2) == 0 { vec![usize::MAX] } else { random.sizes(1000) };
                let parts = cut(body, &sizes);
                let mut payload = Vec::new();
                for (n, part) in parts.iter().enumerate() {
                    let mut out = vec![0; part.len() + 20];
                    payload.extend_from_slice(deflater.deflate_part(part, n + 1 == parts.len(), &mut out).unwrap());
                }
                payload
            };
            bodies.iter().map(&mut message).collect()
        }
    }
}

/// Numbers, written bit by bit.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    /// Writes a number, lowest bit first.
    fn number(&mut self, value: usize, bits: usize) {
        self.0.extend((0..bits).map(|n| value >> n & 1 != 0));
    }

    /// Writes the code of a symbol, highest bit first, given the lengths of all codes (RFC 1951 3.2.2).
    fn symbol(&mut self, lengths: &[usize], symbol: usize) {
        let bits = lengths[symbol];
        let before = |n: usize| lengths[n] > 0 && (lengths[n], n) < (bits, symbol);
        let code: usize = (0..lengths.len()).filter(|n| before(*n)).map(|n| 1 << (15 - lengths[n])).sum();
        self.0.extend((0..bits).map(|n| code >> (14 - n) & 1 != 0));
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.chunks(8).map(|bits| (0..).zip(bits).map(|(n, bit)| u8::from(*bit) << n).sum()).collect()
    }
}

/// Returns lengths of codes for this many symbols, `ends` among them: a complete code, or nearly one.
fn lengths(random: &mut Random, count: usize, ends: Option<usize>) -> Vec<usize> {
    let mut lengths = vec![0; count];
    let mut used = Vec::new();
    for symbol in ends.into_iter().chain((0..random.small(12)).map(|_| random.below(count))) {
        if !used.contains(&symbol) {
            used.push(symbol);
        }
    }
    // Each symbol after the first halves the space of an earlier one.
    for (n, symbol) in used.iter().enumerate() {
        let from = used[random.below(n.max(1))];
        match lengths[from] {
            15 => {}
            bits => (lengths[from], lengths[*symbol]) = if n == 0 { (0, 0) } else { (bits + 1, bits + 1) },
        }
    }
    match random.below(6) {
        0 => lengths[random.below(count)] = random.below(16),
        // A single code takes one bit (RFC 1951 3.2.7), or wrongly two.
        _ if used.len() == 1 => lengths[used[0]] = 1 + random.below(5) / 4,
        _ => {}
    }
    lengths
}

/// Returns a message with a dynamic block that is valid, or invalid in one of the few ways that only its header can have.
fn dynamic(random: &mut Random) -> Vec<u8> {
    // 286 and 30 are the most (RFC 1951 3.2.6). The fields can hold two more.
    let more = [0, 2][random.below(8) / 7];
    let (literal_count, distance_count) = (257 + random.below(30 + more), 1 + random.below(30 + more));
    let ends = if random.below(8) == 0 { None } else { Some(256) };
    let (literals, distances) = (lengths(random, literal_count, ends), lengths(random, distance_count, None));
    let mut bits = Bits::default();
    bits.number(0b100 | random.below(2), 3);
    bits.number(literal_count - 257, 5);
    bits.number(distance_count - 1, 5);
    // A code for lengths with all symbols.
    bits.number(15, 4);
    let code: Vec<usize> = (0..19).map(|symbol| if symbol < 13 { 4 } else { 5 }).collect();
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] {
        bits.number(code[symbol], 3);
    }
    let all = [&literals[..], &distances].concat();
    let (mut at, exceeds) = (0, random.below(8) == 0);
    while at < all.len() {
        let same = all[at..].iter().take_while(|length| **length == all[at]).count();
        let before = at > 0 && all[at - 1] == all[at];
        // With `exceeds`, the last run is longer than what is left.
        let run = |least: usize, most: usize| match same + usize::from(exceeds && at + same == all.len()) {
            run if run >= least => Some(run.min(most)),
            _ => None,
        };
        let (symbol, extra, times) = match (all[at], run(11, 138), run(3, 10), run(3, 6)) {
            (0, Some(times), ..) => (18, (times - 11, 7), times),
            (0, None, Some(times), _) => (17, (times - 3, 3), times),
            (_, _, _, Some(times)) if before || (at == 0 && random.below(8) == 0) => (16, (times - 3, 2), times),
            (length, ..) => (length, (0, 0), 1),
        };
        bits.symbol(&code, symbol);
        bits.number(extra.0, extra.1);
        at += times;
    }
    let used: Vec<usize> = (0..literal_count).filter(|symbol| literals[*symbol] > 0).collect();
    let distances_used: Vec<usize> = (0..distance_count).filter(|symbol| distances[*symbol] > 0).collect();
    for _ in 0..random.small(20) {
        match used.get(random.below(used.len().max(1))) {
            None | Some(256) => {}
            Some(symbol) => {
                bits.symbol(&literals, *symbol);
                if *symbol > 256 {
                    let extra = if *symbol < 265 || *symbol >= 285 { 0 } else { (*symbol - 261) / 4 };
                    bits.number(random.below(1 << extra), extra);
                    match distances_used.get(random.below(distances_used.len().max(1))) {
                        Some(symbol) => {
                            bits.symbol(&distances, *symbol);
                            let extra = (*symbol / 2).saturating_sub(1);
                            bits.number(random.below(1 << extra), extra);
                        }
                        None => bits.number(random.below(4), 2),
                    }
                }
            }
        }
    }
    bits.symbol(&literals, 256);
    bits.number(0, 3);
    bits.bytes()
}

/// Corrupts one place of a message.
fn corrupted(random: &mut Random, mut message: Vec<u8>) -> Vec<u8> {
    // Half of the places are near the beginning, where the header of a dynamic block is.
    let len = if random.below(2) == 0 { message.len().min(40) } else { message.len() };
    let at = random.below(len + 1);
    let end = at + random.small(20).min(message.len() - at);
    match random.below(10) {
        0..4 if at < message.len() => message[at] ^= 1 << random.below(8),
        4 | 5 if at < message.len() => message[at] = [0, 0xFF, random.next() as u8][random.below(3)],
        6 => message.truncate(at),
        7 => drop(message.drain(at..end)),
        8 => {
            let again = message[at..end].to_vec();
            drop(message.splice(at..at, again));
        }
        _ => {
            let len = 1 + random.small(20);
            drop(message.splice(at..at, random.bytes(len)));
        }
    }
    message
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// It has read all input and reported no error.
    AllRead,
    Error(ProtocolError),
}

/// zlib-rs as the inflater of a connection.
struct Zlib {
    inflate: Decompress,
    direction: Direction,
    /// All output since the window was emptied.
    history: Vec<u8>,
    /// The blocks with BFINAL that were followed by others, and the messages that end with one.
    finals: (usize, usize),
}

impl Zlib {
    fn new(direction: Direction) -> Self {
        let inflate = Decompress::new_with_window_bits(false, 15);
        Self { inflate, direction, history: Vec::new(), finals: (0, 0) }
    }

    fn message(&mut self, payload: &[u8]) -> (Vec<u8>, Outcome) {
        if self.direction.no_context_takeover {
            self.inflate.reset(false);
            self.history.clear();
        }
        let start = self.history.len();
        let bytes = [payload, &[0, 0, 0xFF, 0xFF]].concat();
        let mut at = 0;
        let outcome = loop {
            let (used, status) = self.blocks(&bytes[at..]);
            at += used;
            match status {
                Ok(Status::StreamEnd) => {
                    self.inflate.reset(false);
                    let window = self.history.len().saturating_sub(1 << 15);
                    if window < self.history.len() {
                        self.inflate.set_dictionary(&self.history[window..]).unwrap();
                    }
                    if at == payload.len() {
                        self.finals.1 += 1;
                        break Outcome::AllRead;
                    }
                    self.finals.0 += 1;
                    if at == bytes.len() {
                        break Outcome::AllRead;
                    }
                }
                Ok(_) => break Outcome::AllRead,
                Err(error) => break Outcome::Error(error),
            }
        };
        (self.history[start..].to_vec(), outcome)
    }

    /// Inflates up to the end of the input or of zlib's stream. Returns how much was read.
    fn blocks(&mut self, bytes: &[u8]) -> (usize, Result<Status, ProtocolError>) {
        // A buffer of one byte: in its fast path, zlib-rs reports an error without saying which.
        let (mut at, mut room) = (0, [0]);
        loop {
            let before = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(&bytes[at..], &mut room, FlushDecompress::Sync);
            let used = (self.inflate.total_in() - before.0) as usize;
            let produced = (self.inflate.total_out() - before.1) as usize;
            at += used;
            self.history.extend_from_slice(&room[..produced]);
            match status {
                Ok(Status::StreamEnd) => return (at, Ok(Status::StreamEnd)),
                Ok(_) if used == 0 && produced == 0 => {
                    assert_eq!(at, bytes.len(), "zlib reads all input");
                    return (at, Ok(Status::Ok));
                }
                Ok(_) => {}
                Err(error) => return (at, Err(kind(error.message().unwrap_or_default()))),
            }
        }
    }

    /// Returns a new one that has read these messages.
    fn after(direction: Direction, messages: &[Vec<u8>]) -> Self {
        let mut zlib = Self::new(direction);
        messages.iter().for_each(|message| drop(zlib.message(message)));
        zlib
    }

    /// Returns whether it reads a stored block, as it does between two blocks, at a whole byte. Ends the connection.
    fn reads_a_block(mut self) -> bool {
        let start = self.history.len();
        let (used, status) = self.blocks(b"\x01\x03\x00\xFC\xFFend");
        used == 8 && status == Ok(Status::StreamEnd) && self.history[start..] == *b"end"
    }

    /// Returns whether it reports an error if these bytes follow. Ends the connection.
    fn refuses(mut self, bytes: &[u8]) -> bool {
        self.blocks(bytes).1.is_err()
    }
}

/// Returns the error of ours for zlib's message.
fn kind(message: &str) -> ProtocolError {
    match message.trim_end_matches('\0') {
        "invalid block type" => ProtocolError::DeflateBlockType,
        "invalid stored block lengths" => ProtocolError::DeflateStoredLength,
        "invalid distance too far back" => ProtocolError::DeflateDistance,
        "too many length or distance symbols"
        | "invalid code lengths set"
        | "invalid bit length repeat"
        | "invalid code -- missing end-of-block"
        | "invalid literal/lengths set"
        | "invalid literal/length code"
        | "invalid distances set"
        | "invalid distance code" => ProtocolError::DeflateCode,
        message => panic!("a new message of zlib's: {message:?}"),
    }
}

/// Plays a session to both. Returns the result of ours and the differences that are explained, or fails with one that is not.
fn play(session: &Session, random: &mut Random) -> Result<(Result<(), ProtocolError>, Vec<Difference>), String> {
    let direction = session.direction;
    let wide = Direction { window_bits: 15, ..direction };
    let mut differences = Vec::new();
    let (mut ours, mut ours_wide, mut zlib) = (inflater_for(direction), inflater_for(wide), Zlib::new(direction));
    let mut result = Ok(());
    for (n, payload) in session.messages.iter().enumerate() {
        let messages = &session.messages[..=n];
        let (got, outcome) = message_in(&mut ours_wide, MessageKind::Binary, &[payload], &[1]);
        let (expected, theirs) = zlib.message(payload);
        // A call that fails does not return the byte that it has written.
        let alike = expected.starts_with(&got) && expected.len() - got.len() <= usize::from(outcome.is_err());
        let explained = match (outcome, theirs) {
            (Ok(()), Outcome::AllRead) => true,
            (Err(ours), Outcome::Error(theirs)) => theirs == ours,
            (Err(ProtocolError::DeflateTruncated), Outcome::AllRead) => {
                differences.push(Difference::Truncated);
                !Zlib::after(direction, messages).reads_a_block()
            }
            (Err(ProtocolError::DeflateCode), Outcome::AllRead) => {
                differences.push(Difference::EmptyCode);
                let refuses = |bytes: &[u8]| Zlib::after(direction, messages).refuses(bytes);
                [0, 0xFF, 0x55, 0xAA].iter().all(|byte| refuses(&[*byte; 80]))
                    && (0..4).all(|_| refuses(&random.bytes(80)))
            }
            _ => false,
        };
        if !alike || !explained {
            let lens = (got.len(), expected.len());
            return Err(format!("message {n}: {outcome:?}, zlib: {theirs:?}, {lens:?} bytes"));
        }
        // At any cut, into buffers of any size, in the agreed window.
        let (cuts, outs) = (random.sizes(300), random.sizes(3000));
        let (got, narrow) = message_in(&mut ours, MessageKind::Binary, &cut(payload, &cuts), &outs);
        if narrow != outcome || (outcome.is_ok() && got.len() != expected.len()) || !expected.starts_with(&got) {
            let mut naive = Naive::new(direction.window_size(), !direction.no_context_takeover, NO_LIMIT);
            let (naively, refused) = messages.iter().map(|message| naive.message(message)).last().unwrap();
            differences.push(Difference::BeyondWindow);
            if (narrow, refused) != (Err(ProtocolError::DeflateDistance), narrow) || !naively.starts_with(&got) {
                return Err(format!("message {n}: {narrow:?}, byte by byte {outcome:?}, naive: {refused:?}"));
            }
        }
        result = narrow;
        if result.is_err() {
            break;
        }
    }
    differences.extend((zlib.finals.0 > 0).then_some(Difference::BlockAfterFinal));
    differences.extend((zlib.finals.1 > 0).then_some(Difference::EndsWithFinal));
    if result.is_ok() && !zlib.reads_a_block() {
        return Err("zlib is inside a block at the end".into());
    }
    Ok((result, differences))
}

#[test]
fn corrupted_messages_are_inflated_as_by_zlib() {
    let sessions = std::env::var("BAREWS_SESSIONS").map_or(3_000, |sessions| sessions.parse().expect("a number"));
    let (mut results, mut differences) = (BTreeMap::new(), BTreeMap::new());
    for seed in 0..sessions {
        let mut random = Random::new(seed);
        let session = Session::new(&mut random);
        match play(&session, &mut random) {
            Ok((result, found)) => {
                *results.entry(format!("{result:?}")).or_insert(0) += 1;
                found.into_iter().for_each(|it| *differences.entry(it).or_insert(0) += 1);
            }
            Err(difference) => panic!("session {seed} ({:?}): {difference}", session.direction),
        }
    }
    println!("{sessions} sessions: {results:?}, {differences:?}");
    assert!(differences.len() == 5 || sessions < 3_000, "a difference that does not occur: {differences:?}");
}
