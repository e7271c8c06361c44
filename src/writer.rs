//! Writes the engine's own messages: measures them first, then writes them.

use crate::bytes::copy;

/// The output buffer is too small. Nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BufferTooSmall {
    /// The number of bytes that the message needs.
    pub(crate) need: usize,
}

/// Writes `message` to `out` and returns its length.
///
/// `message` runs twice, first without a buffer: if `out` is too small, nothing is written.
pub(crate) fn build(out: &mut [u8], message: &dyn Fn(&mut Writer<'_>)) -> Result<usize, BufferTooSmall> {
    let mut writer = Writer { put: put_whole, start: 0, out: &mut [], len: 0 };
    message(&mut writer);
    let need = writer.len;
    let out = out.get_mut(..need).ok_or(BufferTooSmall { need })?;
    message(&mut Writer { put: put_whole, start: 0, out, len: 0 });
    Ok(need)
}

/// Writes the bytes of `message` from `start` on that fit `out`. Returns the length of the whole message.
pub(crate) fn build_part(start: usize, out: &mut [u8], message: &dyn Fn(&mut Writer<'_>)) -> usize {
    let mut writer = Writer { put: put_part, start, out, len: 0 };
    message(&mut writer);
    writer.len
}

/// Counts all bytes, and writes those from `start` on that fit.
pub(crate) struct Writer<'o> {
    /// [`put_whole`] or [`put_part`]. A program that writes no parts does not link the second.
    put: fn(&mut Writer<'_>, &[u8]),
    start: usize,
    out: &'o mut [u8],
    len: usize,
}

impl Writer<'_> {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        (self.put)(self, bytes);
    }

    /// Writes `number` in decimal digits.
    pub(crate) fn number(&mut self, number: usize) {
        let mut unit = 1usize;
        while number / 10 >= unit {
            unit *= 10;
        }
        while let Some(digits) = number.checked_div(unit) {
            // mutant: replace | with ^: the bits are disjoint
            self.bytes(&[b'0' | (digits % 10) as u8]);
            unit /= 10;
        }
    }
}

fn put_whole(w: &mut Writer<'_>, bytes: &[u8]) {
    let start = w.len;
    w.len = w.len.saturating_add(bytes.len());
    if let Some(room) = w.out.get_mut(start..w.len) {
        copy(room, bytes);
    }
}

fn put_part(w: &mut Writer<'_>, bytes: &[u8]) {
    let written = w.len;
    w.len = w.len.saturating_add(bytes.len());
    if let Some(bytes) = bytes.get(w.start.saturating_sub(written)..)
        && let Some(room) = w.out.get_mut(written.saturating_sub(w.start)..)
    {
        copy(room, bytes);
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;

    #[test]
    fn number_is_written_in_decimal() {
        for number in [0, 1, 9, 10, 99, 100, 101, 12345, usize::MAX / 10, usize::MAX - 1, usize::MAX] {
            let mut out = [0; 24];
            let len = build(&mut out, &|w| w.number(number)).unwrap();
            assert_eq!(&out[..len], alloc::format!("{number}").as_bytes());
        }
    }

    #[test]
    fn parts_of_any_size_join_to_the_message() {
        let message: &dyn Fn(&mut Writer<'_>) = &|w| {
            w.bytes(b"abc");
            w.bytes(b"");
            w.number(12);
            w.bytes(b"d");
        };
        for size in 0..8 {
            for start in 0..8 {
                let mut out = [b'.'; 8];
                assert_eq!(build_part(start, &mut out[..size], message), 6);
                let part = b"abc12d".get(start..).unwrap_or_default();
                let part = &part[..part.len().min(size)];
                assert_eq!(&out[..part.len()], part, "{size} from {start}");
                assert!(out[part.len()..].iter().all(|byte| *byte == b'.'), "{size} from {start}");
            }
        }
    }

    #[test]
    fn build_writes_nothing_if_the_message_does_not_fit() {
        let mut out = [b'.'; 4];
        let message: &dyn Fn(&mut Writer<'_>) = &|w| {
            w.bytes(b"ab");
            w.number(12);
        };
        assert_eq!(build(&mut out[..3], message), Err(BufferTooSmall { need: 4 }));
        assert_eq!(&out, b"....");
        assert_eq!(build(&mut out, message), Ok(4));
        assert_eq!(&out, b"ab12");
    }
}
