//! Size, speed and memory of permessage-deflate, compared with zlib-rs, miniz_oxide and sockudo-ws.
//!
//! Every contender deflates all messages of a workload, inflates them again, and the result is checked. The contenders take
//! turns; the figures are the medians of the rounds, in MB of messages per second. With takeover the window is kept from
//! message to message, as on a connection. Memory is the contender's heap between two messages, for both directions.
//! sockudo-ws and yawc deflate with zlib-rs too; yawc is missing because its code cannot be called without a connection.

#[path = "../../../tests/deflate/peers.rs"]
#[allow(dead_code)]
mod peers;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use barews::connection::{Chunk, MessageKind};
use barews::deflate::{Deflater, Direction, Inflater, Level, RSV1};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::inflate::stream::{InflateState, MinReset};
use miniz_oxide::{DataFormat, MZFlush};
use sockudo_ws::DeflateWindowBits;
use sockudo_ws::deflate::{DeflateDecoder, DeflateEncoder};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 15;
/// Minimum of message bytes in a round.
const ROUND: usize = 200_000;
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// Deflates and inflates messages. A deflated message includes the tail, which a receiver would append.
trait Contender {
    fn begin(&mut self);
    fn deflate(&mut self, message: &[u8], out: &mut Vec<u8>);
    fn inflate(&mut self, payload: &mut [u8], out: &mut [u8]) -> usize;
}

struct Barews {
    deflater: Deflater<Vec<u8>>,
    inflater: Inflater<Vec<u8>>,
}

impl Barews {
    fn boxed(level: Level, window_bits: u8, taken_over: bool) -> Box<dyn Contender> {
        let direction = Direction { window_bits, no_context_takeover: !taken_over };
        let window = direction.window_size();
        Box::new(Self {
            deflater: Deflater::new(vec![0; level.memory(window)], level, direction, 0),
            inflater: Inflater::new(vec![0; window], direction, u64::MAX),
        })
    }
}

impl Contender for Barews {
    fn begin(&mut self) {
        self.deflater.forget();
    }

    fn deflate(&mut self, message: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + message.len() + 4096, 0);
        let len = self.deflater.deflate_part(message, true, &mut out[start..]).expect("the output fits").len();
        out.truncate(start + len);
        out.extend_from_slice(&TAIL);
    }

    fn inflate(&mut self, payload: &mut [u8], out: &mut [u8]) -> usize {
        let (payload, _) = payload.split_at_mut(payload.len() - TAIL.len());
        let mut chunk = Chunk { kind: MessageKind::Binary, first: true, last: true, rsv: RSV1, payload };
        let mut len = 0;
        while let Some(piece) = self.inflater.inflate(&mut chunk, &mut out[len..]).expect("no error") {
            len += piece.payload.len();
            if piece.last {
                break;
            }
        }
        len
    }
}

struct Zlib {
    compress: Compress,
    decompress: Decompress,
    taken_over: bool,
}

impl Zlib {
    fn boxed(level: u32, taken_over: bool) -> Box<dyn Contender> {
        let compress = Compress::new_with_window_bits(Compression::new(level), false, 15);
        Box::new(Self { compress, decompress: Decompress::new_with_window_bits(false, 15), taken_over })
    }
}

impl Contender for Zlib {
    fn begin(&mut self) {
        self.compress.reset();
        self.decompress.reset(false);
    }

    fn deflate(&mut self, message: &[u8], out: &mut Vec<u8>) {
        if !self.taken_over {
            self.compress.reset();
        }
        out.reserve(2 * message.len() + 4096);
        self.compress.compress_vec(message, out, FlushCompress::Sync).expect("zlib-rs");
    }

    fn inflate(&mut self, payload: &mut [u8], out: &mut [u8]) -> usize {
        if !self.taken_over {
            self.decompress.reset(false);
        }
        let before = self.decompress.total_out();
        self.decompress.decompress(payload, out, FlushDecompress::Sync).expect("zlib-rs");
        (self.decompress.total_out() - before) as usize
    }
}

struct Miniz {
    compressor: Box<CompressorOxide>,
    state: Box<InflateState>,
    taken_over: bool,
}

impl Miniz {
    fn boxed(taken_over: bool) -> Box<dyn Contender> {
        let flags = create_comp_flags_from_zip_params(6, -15, 0);
        let compressor = Box::new(CompressorOxide::new(flags));
        Box::new(Self { compressor, state: InflateState::new_boxed(DataFormat::Raw), taken_over })
    }
}

impl Contender for Miniz {
    fn begin(&mut self) {
        self.compressor.reset();
        self.state.reset_as(MinReset);
    }

    fn deflate(&mut self, message: &[u8], out: &mut Vec<u8>) {
        if !self.taken_over {
            self.compressor.reset();
        }
        let start = out.len();
        out.resize(start + 2 * message.len() + 4096, 0);
        let done =
            miniz_oxide::deflate::stream::deflate(&mut self.compressor, message, &mut out[start..], MZFlush::Sync);
        out.truncate(start + done.bytes_written);
    }

    fn inflate(&mut self, payload: &mut [u8], out: &mut [u8]) -> usize {
        if !self.taken_over {
            self.state.reset_as(MinReset);
        }
        miniz_oxide::inflate::stream::inflate(&mut self.state, payload, out, MZFlush::Sync).bytes_written
    }
}

struct Sockudo {
    encoder: DeflateEncoder,
    decoder: DeflateDecoder,
    taken_over: bool,
    /// Whether each message was deflated.
    deflated: VecDeque<bool>,
}

impl Sockudo {
    fn new(taken_over: bool) -> Self {
        let bits = DeflateWindowBits::Bits15;
        Self {
            encoder: DeflateEncoder::new(bits, !taken_over, 6, 0),
            decoder: DeflateDecoder::new(bits, !taken_over),
            taken_over,
            deflated: VecDeque::with_capacity(4096),
        }
    }
}

impl Contender for Sockudo {
    fn begin(&mut self) {
        *self = Self::new(self.taken_over);
    }

    fn deflate(&mut self, message: &[u8], out: &mut Vec<u8>) {
        let deflated = self.encoder.compress(message).expect("sockudo-ws");
        self.deflated.push_back(deflated.is_some());
        out.extend_from_slice(deflated.as_deref().unwrap_or(message)); // some are sent uncompressed
        out.extend_from_slice(&TAIL);
    }

    fn inflate(&mut self, payload: &mut [u8], out: &mut [u8]) -> usize {
        let (payload, _) = payload.split_at(payload.len() - TAIL.len());
        let deflated = self.deflated.pop_front().expect("a message");
        let inflated = deflated.then(|| self.decoder.decompress(payload, out.len()).expect("sockudo-ws"));
        let inflated = inflated.as_deref().unwrap_or(payload);
        out[..inflated.len()].copy_from_slice(inflated);
        inflated.len()
    }
}

struct Measured {
    deflated: usize,
    deflating: Vec<Duration>,
    inflating: Vec<Duration>,
}

/// Deflates and inflates all messages once.
fn pass(contender: &mut dyn Contender, messages: &[Vec<u8>], measured: &mut Measured) {
    contender.begin();
    let mut stream = Vec::new();
    let mut ends = Vec::new();
    let start = Instant::now();
    for message in messages {
        contender.deflate(message, &mut stream);
        ends.push(stream.len());
    }
    measured.deflating.push(start.elapsed());
    measured.deflated = stream.len() - TAIL.len() * messages.len();
    let longest = messages.iter().map(Vec::len).max().unwrap_or(0);
    let mut out = vec![0; longest + 512];
    let mut at = 0;
    let mut spent = Duration::ZERO;
    for (message, end) in messages.iter().zip(ends) {
        let start = Instant::now();
        let len = contender.inflate(&mut stream[at..end], &mut out);
        spent += start.elapsed();
        assert!(out[..len] == message[..], "another message comes back");
        at = end;
    }
    measured.inflating.push(spent);
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn main() {
    let text = include_bytes!("../../../README.md");
    let prose = |len: usize| text.iter().copied().cycle().take(len).collect::<Vec<u8>>();
    let json = |len, count| (0..count).map(|n| peers::body(1, len, 99 + n)).collect::<Vec<_>>();
    let workloads = [
        ("JSON, 100 B each, takeover", true, json(100, 2000)),
        ("JSON, 100 B each, no takeover", false, json(100, 2000)),
        ("JSON, 1 KB each, takeover", true, json(1000, 200)),
        ("JSON, 64 KB each", true, json(65_536, 4)),
        ("prose, README, 8 KB", false, vec![prose(8_192); ROUND / 8_192]),
        ("Korean, 16 KB", false, vec![peers::body(2, 16_384, 3); ROUND / 16_384]),
        ("noise, 16 KB each", true, (0..12).map(|n| peers::body(3, 16_384, 3 + 2 * n)).collect()),
    ];
    println!("# Compression: size, speed, memory\n");
    println!(
        "Written by `cargo run --release >DEFLATE.md` in this folder; [`src/main.rs`](src/main.rs) explains the method. Sizes are"
    );
    println!(
        "in % of the messages, speeds in MB/s (medians of {ROUNDS} interleaved rounds), memory in KiB. The machine had other work:"
    );
    println!("compare only figures of the same table.");
    let mut goals = Vec::new();
    for (name, taken_over, messages) in workloads {
        let total: usize = messages.iter().map(Vec::len).sum();
        type Make<'a> = &'a dyn Fn() -> Box<dyn Contender>;
        let makes: [(&str, Make<'_>); 7] = [
            ("barews small, 9 bits", &|| Barews::boxed(Level::SMALL, 9, taken_over)),
            ("barews large, 12 bits", &|| Barews::boxed(Level::LARGE, 12, taken_over)),
            ("barews large, 15 bits", &|| Barews::boxed(Level::LARGE, 15, taken_over)),
            ("zlib-rs 1", &|| Zlib::boxed(1, taken_over)),
            ("zlib-rs 6", &|| Zlib::boxed(6, taken_over)),
            ("miniz_oxide 6", &|| Miniz::boxed(taken_over)),
            ("sockudo-ws 6", &|| Box::new(Sockudo::new(taken_over))),
        ];
        let empty = || Measured { deflated: 0, deflating: Vec::new(), inflating: Vec::new() };
        let mut contenders = Vec::new();
        for (name, make) in makes {
            let region = Region::new(ALLOCATOR);
            let mut contender = make();
            pass(&mut *contender, &messages, &mut empty()); // some allocate memory at the first message
            let change = region.change();
            contenders.push((name, contender, change.bytes_allocated.wrapping_sub(change.bytes_deallocated)));
        }
        let mut measured: Vec<Measured> = contenders.iter().map(|_| empty()).collect();
        for _ in 0..ROUNDS {
            for ((_, contender, _), measured) in contenders.iter_mut().zip(&mut measured) {
                pass(&mut **contender, &messages, measured);
            }
        }
        println!("\n| {name} | size | deflate | inflate | memory |\n|---|---:|---:|---:|---:|");
        let mut rows = Vec::new();
        for ((contender, _, held), Measured { deflated, deflating, inflating }) in contenders.iter().zip(measured) {
            let (size, speed) = (100.0 * deflated as f64 / total as f64, |seconds: f64| total as f64 / seconds / 1e6);
            let (deflating, inflating) = (speed(median(deflating)), speed(median(inflating)));
            println!("| {contender} | {size:.1} | {deflating:.0} | {inflating:.0} | {} |", held.div_ceil(1024));
            rows.push([size, deflating, inflating]);
        }
        let [_, _, ours, _, zlib, miniz, _] = rows[..] else { unreachable!("seven contenders") };
        let ratios = [ours[0] / zlib[0], ours[1] / zlib[1], ours[2] / miniz[2], ours[2] / zlib[2]];
        let reached = ratios[0] <= 1.05 && ratios[1] >= 0.5 && ratios[2] >= 1.0 && ratios[3] >= 1.0 / 1.5;
        let [size, deflating, by_miniz, by_zlib] = ratios;
        let reached = if reached { "yes" } else { "**no**" };
        goals.push(format!("| {name} | {size:.2} | {deflating:.2} | {by_miniz:.2} | {by_zlib:.2} | {reached} |"));
    }
    println!("\n## Goals\n");
    println!(
        "The large level with 15 bits: at most 1.05 times the size of zlib-rs at level 6, and at least half its speed. Inflating:"
    );
    println!("at least as fast as miniz_oxide, and at least two thirds of the speed of zlib-rs.\n");
    println!(
        "| | size, of zlib-rs 6 | deflate, of zlib-rs 6 | inflate, of miniz_oxide | inflate, of zlib-rs | reached |"
    );
    println!("|---|---:|---:|---:|---:|---|");
    goals.iter().for_each(|goal| println!("{goal}"));
}
