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
    let mut writer = Writer { out: &mut [], len: 0 };
    message(&mut writer);
    let need = writer.len;
    let out = out.get_mut(..need).ok_or(BufferTooSmall { need })?;
    message(&mut Writer { out, len: 0 });
    Ok(need)
}

/// Counts all bytes, and writes those that fit.
pub(crate) struct Writer<'o> {
    out: &'o mut [u8],
    len: usize,
}

impl Writer<'_> {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let start = self.len;
        self.len = self.len.saturating_add(bytes.len());
        if let Some(room) = self.out.get_mut(start..self.len) {
            copy(room, bytes);
        }
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
