//! The limit of receiving: only copy from the socket, read headers, unmask, and check text. There is no state except the open
//! frame, no limit, and no error except a panic.
#![allow(unsafe_code)]

use super::kernel::{self, Own, Vector};
use peers::{Lent, Reads, Session, Socket, Tally};
use std::marker::PhantomData;
use std::slice;

/// The work on a payload.
pub(super) trait Work {
    /// # Safety
    /// The processor has the vectors.
    unsafe fn payload(&mut self, part: &mut [u8], key: u32, last: bool, socket: &mut Socket);

    /// A data frame begins, with `first` for its first byte.
    #[inline(always)]
    fn begin(&mut self, first: u8, len: usize, socket: &mut Socket) {
        let _ = (first, len, socket);
    }

    #[inline(always)]
    fn end_of_read(&mut self, socket: &mut Socket) {
        let _ = socket;
    }
}

/// Nothing.
struct Parse;

impl Work for Parse {
    #[inline(always)]
    unsafe fn payload(&mut self, _: &mut [u8], _: u32, _: bool, _: &mut Socket) {}
}

struct Unmask<V>(PhantomData<V>);

impl<V: Vector> Work for Unmask<V> {
    #[inline(always)]
    unsafe fn payload(&mut self, part: &mut [u8], key: u32, _: bool, _: &mut Socket) {
        unsafe { kernel::mask::<V>(part.as_ptr(), part.as_mut_ptr(), part.len(), key) };
    }
}

/// Unmasks and validates in blocks that stay in the first-level cache.
struct Text<V> {
    is_utf8: fn(&[u8]) -> bool,
    /// A character cut by the end of the read.
    cut: [u8; 4],
    cut_len: usize,
    vector: PhantomData<V>,
}

const BLOCK: usize = 4096;

impl<V: Vector> Work for Text<V> {
    #[inline(always)]
    unsafe fn payload(&mut self, part: &mut [u8], key: u32, last: bool, _: &mut Socket) {
        if part.len() <= BLOCK {
            let ascii = unsafe { kernel::mask::<V>(part.as_ptr(), part.as_mut_ptr(), part.len(), key) };
            if !ascii || self.cut_len > 0 {
                self.short(part, last);
            }
            return;
        }
        let mut valid = 0;
        for start in (0..part.len()).step_by(BLOCK) {
            let block = &mut part[start..];
            let len = block.len().min(BLOCK);
            let ascii = unsafe { kernel::mask::<V>(block.as_ptr(), block.as_mut_ptr(), len, key) };
            if start == 0 {
                valid = self.complete(part);
            }
            let end = start + len;
            if ascii && valid == start {
                valid = end;
            } else if end < part.len() {
                let end = end - cut_len(&part[..end]);
                assert!((self.is_utf8)(&part[valid..end]));
                valid = end;
            }
        }
        self.end_of_part(&part[valid..], last);
    }
}

impl<V> Text<V> {
    fn new(is_utf8: fn(&[u8]) -> bool) -> Self {
        Self { is_utf8, cut: [0; 4], cut_len: 0, vector: PhantomData }
    }

    #[inline(never)]
    fn short(&mut self, part: &[u8], last: bool) {
        let valid = self.complete(part);
        self.end_of_part(&part[valid..], last);
    }

    /// Returns how many bytes of the part belong to a character that was cut.
    #[inline]
    fn complete(&mut self, part: &[u8]) -> usize {
        if self.cut_len == 0 {
            return 0;
        }
        let len = character_len(self.cut[0]);
        let missing = (len - self.cut_len).min(part.len());
        self.cut[self.cut_len..][..missing].copy_from_slice(&part[..missing]);
        self.cut_len += missing;
        if self.cut_len == len {
            assert!((self.is_utf8)(&self.cut[..len]));
            self.cut_len = 0;
        }
        missing
    }

    #[inline]
    fn end_of_part(&mut self, text: &[u8], last: bool) {
        let cut = if last { 0 } else { cut_len(text) };
        let (whole, cut) = text.split_at(text.len() - cut);
        assert!((self.is_utf8)(whole));
        if !cut.is_empty() {
            self.cut[..cut.len()].copy_from_slice(cut);
            self.cut_len = cut.len();
        }
    }
}

fn character_len(lead: u8) -> usize {
    match lead {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

/// Returns how many bytes at the end of valid text begin a character that continues after it.
fn cut_len(text: &[u8]) -> usize {
    (1..=3.min(text.len())).find(|&len| character_len(text[text.len() - len]) > len).unwrap_or(0)
}

/// The loop. It reads whole frames first. A frame cut by a read continues in the next read; a header cut by a read is moved
/// to the front.
#[inline(always)]
unsafe fn run(socket: &mut Socket, buffer: &mut [u8], reads: Reads, tally: &Tally, work: &mut impl Work) {
    let (mut carried, mut left, mut key, mut is_last) = (0, 0, 0_u32, false);
    let buffer = buffer.as_mut_ptr();
    // SAFETY: the buffer has MARGIN bytes after all that is read: a header can be read there, but is not used.
    unsafe {
        loop {
            let room = reads.room(left as u64);
            let Some(len) = socket.read(slice::from_raw_parts_mut(buffer.add(carried), room)) else { return };
            let (mut at, end) = (0, carried + len);
            carried = 0;
            if left > 0 {
                let part = slice::from_raw_parts_mut(buffer, left.min(end));
                at = part.len();
                left -= part.len();
                work.payload(part, key, is_last && left == 0, socket);
                tally.chunk(part, is_last && left == 0);
                key = key.rotate_right(8 * (part.len() as u32 & 3));
            }
            while at < end {
                let header = buffer.add(at);
                let (first, len) = (*header, *header.add(1) & 0x7F);
                let (len, start) = match len {
                    127 => (u64::from_be(header.add(2).cast::<u64>().read_unaligned()) as usize, 14),
                    126 => (u16::from_be(header.add(2).cast::<u16>().read_unaligned()).into(), 8),
                    len => (len.into(), 6),
                };
                let is_control = first & 8 != 0;
                if end - at >= start + len && !is_control {
                    key = header.add(start - 4).cast::<u32>().read_unaligned();
                    let part = slice::from_raw_parts_mut(header.add(start), len);
                    work.begin(first, len, socket);
                    work.payload(part, key, first & 0x80 != 0, socket);
                    tally.chunk(part, first & 0x80 != 0);
                    at += start + len;
                    continue;
                }
                if end - at < start || is_control && end - at < start + len {
                    buffer.copy_from(header, end - at);
                    carried = end - at;
                    break;
                }
                key = header.add(start - 4).cast::<u32>().read_unaligned();
                at += start;
                let part = slice::from_raw_parts_mut(header.add(start), len.min(end - at));
                at += part.len();
                if is_control {
                    pong(socket, part, key);
                    continue;
                }
                left = len - part.len();
                is_last = first & 0x80 != 0;
                work.begin(first, len, socket);
                work.payload(part, key, is_last && left == 0, socket);
                tally.chunk(part, is_last && left == 0);
                if left > 0 {
                    key = key.rotate_right(8 * (part.len() as u32 & 3));
                }
            }
            work.end_of_read(socket);
        }
    }
}

/// Space after a read for a header, and before it for an incomplete control frame.
const MARGIN: usize = 256;

#[inline(never)]
fn pong(socket: &mut Socket, payload: &[u8], key: u32) {
    let mut frame = [0x8A; 127];
    frame[1] = payload.len() as u8;
    // SAFETY: the frame has space for 125 bytes of payload, and u64 needs no special processor.
    unsafe { kernel::mask::<u64>(payload.as_ptr(), frame[2..].as_mut_ptr(), payload.len().min(125), key) };
    socket.write(&frame[..2 + payload.len()]);
}

/// Only copies from the socket.
pub fn copy(mut socket: Socket, reads: Reads) -> Session {
    let mut buffer = Lent::new(reads.room(0));
    Box::new(move || while socket.read(&mut buffer).is_some() {})
}

pub(super) fn session(mut socket: Socket, reads: Reads, tally: Tally, mut work: impl Work + 'static) -> Session {
    let mut buffer = Lent::new(reads.room(0) + MARGIN);
    // SAFETY: every processor of the target has the vectors used here.
    Box::new(move || unsafe { run(&mut socket, &mut buffer, reads, &tally, &mut work) })
}

/// Also reads headers.
pub fn parse(socket: Socket, reads: Reads, tally: Tally) -> Session {
    session(socket, reads, tally, Parse)
}

/// Also unmasks, with the vectors of the build.
pub fn unmask(socket: Socket, reads: Reads, tally: Tally) -> Session {
    session(socket, reads, tally, Unmask::<Own>(PhantomData))
}

/// Also validates text.
pub fn text(socket: Socket, reads: Reads, tally: Tally, is_utf8: fn(&[u8]) -> bool) -> Session {
    session(socket, reads, tally, Text::<Own>::new(is_utf8))
}

/// The same with AVX2, if the processor has it.
#[cfg(target_arch = "x86_64")]
pub mod avx2 {
    use super::*;
    use std::arch::x86_64::__m256i;

    #[target_feature(enable = "avx2")]
    fn run(socket: &mut Socket, buffer: &mut [u8], reads: Reads, tally: &Tally, work: &mut impl Work) {
        unsafe { super::run(socket, buffer, reads, tally, work) };
    }

    fn session(mut socket: Socket, reads: Reads, tally: Tally, mut work: impl Work + 'static) -> Session {
        assert!(is_x86_feature_detected!("avx2"));
        let mut buffer = Lent::new(reads.room(0) + MARGIN);
        // SAFETY: this processor has AVX2.
        Box::new(move || unsafe { run(&mut socket, &mut buffer, reads, &tally, &mut work) })
    }

    pub fn unmask(socket: Socket, reads: Reads, tally: Tally) -> Session {
        session(socket, reads, tally, Unmask::<__m256i>(PhantomData))
    }

    pub fn text(socket: Socket, reads: Reads, tally: Tally, is_utf8: fn(&[u8]) -> bool) -> Session {
        session(socket, reads, tally, Text::<__m256i>::new(is_utf8))
    }
}
