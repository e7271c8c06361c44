//! The limit of receiving: only copy from the socket, read headers, unmask, and check text. There is no state except the open
//! frame, no limit, and no error except a panic.

use super::Pass;
use super::kernel::{self, Vector};
use peers::{Lent, Session, Socket, Tally};
use std::slice;

/// The work on a payload.
pub(super) trait Work: 'static {
    /// # Safety
    /// The processor has the vectors; `part` is valid for `len` bytes and [`MARGIN`] more.
    unsafe fn payload<V: Vector>(&mut self, part: *mut u8, len: usize, key: u32, last: bool, socket: &mut Socket);

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

struct Unmask;

impl Work for Unmask {
    #[inline(always)]
    unsafe fn payload<V: Vector>(&mut self, part: *mut u8, len: usize, key: u32, _: bool, _: &mut Socket) {
        unsafe { kernel::mask::<V>(part, part, len, key) };
    }
}

/// Unmasks and validates in blocks that stay in the first-level cache.
#[derive(Default)]
struct Blocks {
    /// A character cut by the end of the read.
    cut: [u8; 4],
    cut_len: usize,
}

fn is_utf8(text: &[u8]) -> bool {
    simdutf8::basic::from_utf8(text).is_ok()
}

const BLOCK: usize = 4096;

impl Work for Blocks {
    #[inline(always)]
    unsafe fn payload<V: Vector>(&mut self, part: *mut u8, len: usize, key: u32, last: bool, _: &mut Socket) {
        let part = unsafe { slice::from_raw_parts_mut(part, len) };
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
                assert!(is_utf8(&part[valid..end]));
                valid = end;
            }
        }
        self.end_of_part(&part[valid..], last);
    }
}

impl Blocks {
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
            assert!(is_utf8(&self.cut[..len]));
            self.cut_len = 0;
        }
        missing
    }

    #[inline]
    fn end_of_part(&mut self, text: &[u8], last: bool) {
        let cut = if last { 0 } else { cut_len(text) };
        let (whole, cut) = text.split_at(text.len() - cut);
        assert!(is_utf8(whole));
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

struct Receive<W> {
    socket: Socket,
    buffer: Lent,
    tally: Tally,
    work: W,
}

impl<W: Work> Pass for Receive<W> {
    /// Reads whole frames first. A frame cut by a read continues in the next read; a header cut by a read is moved to the
    /// front.
    #[inline(always)]
    unsafe fn pass<V: Vector>(&mut self) {
        let Self { socket, buffer, tally, work } = self;
        let (mut carried, mut left, mut key, mut is_last) = (0, 0, 0_u32, false);
        let room = buffer.len() - MARGIN;
        let buffer = buffer.as_mut_ptr();
        // SAFETY: the buffer has MARGIN bytes after all that is read: a header can be read there, but is not used.
        unsafe {
            loop {
                let free = slice::from_raw_parts_mut(buffer.add(carried), room - carried);
                let Some(len) = socket.read(free) else { return };
                let (mut at, end) = (0, carried + len);
                carried = 0;
                if left > 0 {
                    at = left.min(end);
                    left -= at;
                    data::<V>(work, tally, buffer, at, key, is_last && left == 0, socket);
                    key = key.rotate_right(8 * (at as u32 & 3));
                }
                while at < end {
                    let header = buffer.add(at);
                    let (first, len) = (*header, *header.add(1) & 0x7F);
                    let (len, start) = match len {
                        127 => (u64::from_be(header.add(2).cast::<u64>().read_unaligned()) as usize, 14),
                        126 => (u16::from_be(header.add(2).cast::<u16>().read_unaligned()).into(), 8),
                        len => (len.into(), 6),
                    };
                    let (is_control, part) = (first & 8 != 0, header.add(start));
                    if end - at >= start + len && !is_control {
                        key = part.sub(4).cast::<u32>().read_unaligned();
                        work.begin(first, len, socket);
                        data::<V>(work, tally, part, len, key, first & 0x80 != 0, socket);
                        at += start + len;
                        continue;
                    }
                    if end - at < start || is_control && end - at < start + len {
                        buffer.copy_from(header, end - at);
                        carried = end - at;
                        break;
                    }
                    key = part.sub(4).cast::<u32>().read_unaligned();
                    at += start;
                    if is_control {
                        pong(socket, slice::from_raw_parts(part, len), key);
                        at += len;
                        continue;
                    }
                    let here = end - at;
                    left = len - here;
                    is_last = first & 0x80 != 0;
                    work.begin(first, len, socket);
                    data::<V>(work, tally, part, here, key, false, socket);
                    key = key.rotate_right(8 * (here as u32 & 3));
                    break;
                }
                work.end_of_read(socket);
            }
        }
    }
}

/// # Safety
/// As [`Work::payload`].
#[inline(always)]
unsafe fn data<V: Vector>(
    work: &mut impl Work,
    tally: &Tally,
    part: *mut u8,
    len: usize,
    key: u32,
    last: bool,
    socket: &mut Socket,
) {
    unsafe {
        work.payload::<V>(part, len, key, last, socket);
        tally.chunk(slice::from_raw_parts(part, len), last);
    }
}

/// Space after a read for a header or a vector.
pub(super) const MARGIN: usize = 256;

#[inline(never)]
fn pong(socket: &mut Socket, payload: &[u8], key: u32) {
    let mut frame = [0x8A; 127];
    frame[1] = payload.len() as u8;
    // SAFETY: the frame has space for 125 bytes of payload, and u64 needs no special processor.
    unsafe { kernel::mask::<u64>(payload.as_ptr(), frame[2..].as_mut_ptr(), payload.len().min(125), key) };
    socket.write(&frame[..2 + payload.len()]);
}

pub(super) fn session(socket: Socket, tally: Tally, work: impl Work) -> Session {
    let buffer = Lent::new(socket.host_buffer() + MARGIN);
    super::session(Receive { socket, buffer, tally, work })
}

pub fn unmask(socket: Socket, tally: Tally) -> Session {
    session(socket, tally, Unmask)
}

pub fn blocks(socket: Socket, tally: Tally) -> Session {
    session(socket, tally, Blocks::default())
}

/// Validates each vector in the register in which it was unmasked. Needs AVX2.
#[cfg(target_arch = "x86_64")]
pub fn fused(socket: Socket, tally: Tally) -> Session {
    assert!(super::has_avx2());
    session(socket, tally, super::utf8::Fused::new())
}
