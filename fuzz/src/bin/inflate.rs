//! Inflates messages of any bytes, at any cut, into buffers of any size. A naive inflater has the same result and the same
//! output, and so do zlib-rs and miniz_oxide, as far as their interfaces allow a comparison.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use barews::ProtocolError;
use barews::connection::{Chunk, MessageKind};
use barews::deflate::{Direction, Inflater, RSV1};
use barews::wire::Rsv;
use barews_fuzz::{Bytes, Cuts};
use barews_testkit::inflater::Naive;
use flate2::{Decompress, FlushDecompress, Status};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    /// The window has 15 bits minus this number, modulo 8.
    pub fewer_bits: u8,
    pub no_context_takeover: bool,
    /// The limit in bytes. 0 means 64 KiB.
    pub limit: u8,
    pub cuts: Cuts,
    pub outs: Cuts,
    /// The place where the first message ends and the second begins.
    pub end: u8,
    pub payload: Bytes<'a>,
}

const MOST: usize = 1 << 16;

impl Input<'_> {
    pub fn check(&self) {
        let direction =
            Direction { window_bits: 15 - self.fewer_bits % 8, no_context_takeover: self.no_context_takeover };
        let limit = if self.limit == 0 { MOST } else { usize::from(self.limit) };
        let (one, two) = self.payload.0.split_at(self.payload.0.len() * usize::from(self.end) / 256);
        let messages = if one.is_empty() { vec![two] } else { vec![one, two] };
        let mut naive = Naive::new(direction.window_size(), !direction.no_context_takeover, limit);
        let mut inflater = Inflater::new(vec![0; direction.window_size()], direction, limit as u64);
        let mut whole = Inflater::new(vec![0; direction.window_size()], direction, limit as u64);
        for (n, payload) in messages.into_iter().enumerate() {
            let (expected, result) = naive.message(payload);
            for (got, outcome) in [
                inflate(&mut inflater, &self.cuts.pieces(payload), &self.outs),
                inflate(&mut whole, &[payload], &Cuts::NONE),
            ] {
                assert_eq!(outcome, result);
                assert!(if result.is_ok() { got == expected } else { expected.starts_with(&got) });
            }
            if n == 0 && direction.window_bits == 15 && limit == MOST {
                others(payload, &expected, result);
            }
            if result.is_err() {
                return;
            }
        }
    }
}

fn inflate(inflater: &mut Inflater<Vec<u8>>, pieces: &[&[u8]], outs: &Cuts) -> (Vec<u8>, Result<(), ProtocolError>) {
    // The largest output, and one more byte.
    let mut buffer = vec![0; MOST + 1];
    let sizes: Vec<usize> = outs.pieces(&buffer).iter().map(|piece| piece.len()).collect();
    let mut sizes = sizes.iter().copied().cycle();
    let mut got = Vec::new();
    let pieces = if pieces.is_empty() { &[&[][..]] } else { pieces };
    for (n, piece) in pieces.iter().enumerate() {
        let mut payload = piece.to_vec();
        let (first, last) = (n == 0, n + 1 == pieces.len());
        let rsv = if first { RSV1 } else { Rsv::NONE };
        let mut chunk = Chunk { kind: MessageKind::Binary, first, last, rsv, payload: &mut payload };
        loop {
            let size = sizes.next().unwrap_or(1);
            match inflater.inflate(&mut chunk, &mut buffer[..size]) {
                Ok(Some(piece)) => {
                    assert_eq!(piece.first, got.is_empty());
                    got.extend_from_slice(piece.payload);
                }
                Ok(None) => break,
                Err(error) => return (got, Err(error)),
            }
        }
    }
    (got, Ok(()))
}

/// Compares with zlib-rs and miniz_oxide. They stop after a block with BFINAL; up to there they must agree.
fn others(payload: &[u8], expected: &[u8], result: Result<(), ProtocolError>) {
    let bytes = [payload, &[0, 0, 0xFF, 0xFF]].concat();
    let mut out = Vec::with_capacity(2 * MOST);
    let status = Decompress::new_with_window_bits(false, 15).decompress_vec(&bytes, &mut out, FlushDecompress::Sync);
    let most = out.len().min(MOST);
    match status {
        Ok(Status::StreamEnd) => assert!(expected.starts_with(&out[..most])),
        Ok(_) if out.len() < 2 * MOST => {
            // It can detect an error later than our inflater: a code without a symbol, if more bits are needed.
            assert!(
                out[..most] == expected[..most] && (out.len() <= MOST) == (result != Err(ProtocolError::MessageTooBig))
            );
        }
        Ok(_) => {}
        Err(_) => assert!(result.is_err(), "zlib-rs finds an error"),
    }
    let mut out = vec![0; 2 * MOST];
    let flags = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, _, len) = decompress(&mut DecompressorOxide::new(), &bytes, &mut out, 0, flags);
    if status == TINFLStatus::NeedsMoreInput && result.is_ok() {
        assert!(out[..len] == *expected, "miniz_oxide has another output");
    }
}

barews_fuzz::target!(|input: Input<'_>| input.check());
