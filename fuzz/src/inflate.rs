//! Compressed messages of any bytes, at any cut, into buffers of any size: a naive inflater gives the same verdict and
//! the same bytes, and so do zlib-rs and miniz_oxide, as far as they can be asked.

use crate::{Bytes, Cuts};
use arbitrary::Arbitrary;
use barews::ProtocolError;
use barews::connection::{Chunk, MessageKind};
use barews::deflate::{Direction, Inflater, RSV1};
use barews_testkit::inflater::Naive;
use flate2::{Decompress, FlushDecompress, Status};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    /// The window has so many bits less than 15, modulo 8.
    pub fewer_bits: u8,
    pub no_context_takeover: bool,
    /// For 0, 64 KiB.
    pub limit: u8,
    pub cuts: Cuts,
    pub outs: Cuts,
    /// Where the first message ends and the second begins.
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
            let (expected, verdict) = naive.message(payload);
            for (got, outcome) in [
                inflate(&mut inflater, &self.cuts.pieces(payload), &self.outs),
                inflate(&mut whole, &[payload], &Cuts::NONE),
            ] {
                assert_eq!(outcome, verdict);
                assert!(if verdict.is_ok() { got == expected } else { expected.starts_with(&got) });
            }
            if n == 0 && direction.window_bits == 15 && limit == MOST {
                others(payload, &expected, verdict);
            }
            if verdict.is_err() {
                return;
            }
        }
    }
}

fn inflate(inflater: &mut Inflater<Vec<u8>>, pieces: &[&[u8]], outs: &Cuts) -> (Vec<u8>, Result<(), ProtocolError>) {
    // As many bytes in all as are allowed, and one more.
    let mut room = vec![0; MOST + 1];
    let sizes: Vec<usize> = outs.pieces(&room).iter().map(|piece| piece.len()).collect();
    let mut sizes = sizes.iter().copied().cycle();
    let mut got = Vec::new();
    let pieces = if pieces.is_empty() { &[&[][..]] } else { pieces };
    for (n, piece) in pieces.iter().enumerate() {
        let mut payload = piece.to_vec();
        let (first, last) = (n == 0, n + 1 == pieces.len());
        let rsv = if first { RSV1 } else { 0 };
        let mut chunk = Chunk { kind: MessageKind::Binary, first, last, rsv, payload: &mut payload };
        loop {
            let size = sizes.next().unwrap_or(1);
            match inflater.inflate(&mut chunk, &mut room[..size]) {
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

/// zlib-rs and miniz_oxide stop behind a block with BFINAL; up to there they agree.
fn others(payload: &[u8], expected: &[u8], verdict: Result<(), ProtocolError>) {
    let bytes = [payload, &[0, 0, 0xFF, 0xFF]].concat();
    let mut out = Vec::with_capacity(2 * MOST);
    let status = Decompress::new_with_window_bits(false, 15).decompress_vec(&bytes, &mut out, FlushDecompress::Sync);
    let most = out.len().min(MOST);
    match status {
        Ok(Status::StreamEnd) => assert!(expected.starts_with(&out[..most])),
        Ok(_) if out.len() < 2 * MOST => {
            // It may find a fault later than we do: where a code has no symbol for bits that are still to come.
            assert!(
                out[..most] == expected[..most]
                    && (out.len() <= MOST) == (verdict != Err(ProtocolError::MessageTooBig))
            );
        }
        Ok(_) => {}
        Err(_) => assert!(verdict.is_err(), "zlib-rs finds a fault"),
    }
    let mut out = vec![0; 2 * MOST];
    let flags = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, _, len) = decompress(&mut DecompressorOxide::new(), &bytes, &mut out, 0, flags);
    if status == TINFLStatus::NeedsMoreInput && verdict.is_ok() {
        assert!(out[..len] == *expected, "miniz_oxide gets something else out");
    }
}
