//! How our own messages are built: checked and measured first, then written. What comes from the host cannot add a line
//! to the head or replace a field that the engine answers for.

use super::cursor::Cursor;
use super::error::BuildError;
use super::list::{is_control, is_token};
use super::request::NAMES;
use crate::bytes::copy;

/// Builds a message in `out` and returns its length.
///
/// `message` runs twice, first without a buffer: if it fails, or if `out` turns out too small, nothing was written.
pub(crate) fn build(
    out: &mut [u8],
    message: &dyn Fn(&mut Writer<'_>) -> Result<(), BuildError>,
) -> Result<usize, BuildError> {
    let mut writer = Writer { out: &mut [], len: 0 };
    message(&mut writer)?;
    let need = writer.len;
    let out = out.get_mut(..need).ok_or(BuildError::BufferTooSmall { need })?;
    message(&mut Writer { out, len: 0 })?;
    Ok(need)
}

/// Counts what is written, and writes what there is room for.
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
            unit = unit.saturating_mul(10);
        }
        while let Some(digits) = number.checked_div(unit) {
            self.bytes(&[b'0' | (digits % 10) as u8]);
            unit /= 10;
        }
    }

    /// Writes a field of our own, whose value is valid.
    pub(super) fn field(&mut self, name: &str, value: &[u8]) {
        self.bytes(name.as_bytes());
        self.bytes(b": ");
        self.bytes(value);
        self.bytes(b"\r\n");
    }

    /// Writes a field whose value comes from the host.
    pub(super) fn checked_field(&mut self, name: &str, value: &str) -> Result<(), BuildError> {
        if value.bytes().any(is_control) {
            return Err(BuildError::HeaderValue);
        }
        self.field(name, value.as_bytes());
        Ok(())
    }

    /// Writes the fields that the host adds.
    pub(super) fn host_fields(&mut self, fields: &[(&str, &str)]) -> Result<(), BuildError> {
        fields.iter().try_for_each(|(name, value)| {
            if !is_token(name.as_bytes()) || is_reserved(name.as_bytes()) {
                return Err(BuildError::HeaderName);
            }
            self.checked_field(name, value)
        })
    }
}

/// Whether a field is the engine's own to write: it says what protocol is spoken, or where the message ends.
fn is_reserved(name: &[u8]) -> bool {
    Cursor(name).eat(b"sec-websocket-") || NAMES.iter().any(|ours| name.eq_ignore_ascii_case(ours.as_bytes()))
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;

    #[test]
    fn numbers() {
        for number in [0, 1, 9, 10, 99, 100, 101, 12345, usize::MAX / 10, usize::MAX - 1, usize::MAX] {
            let mut out = [0; 24];
            let len = build(&mut out, &|w| {
                w.number(number);
                Ok(())
            });
            assert_eq!(&out[..len.unwrap()], alloc::format!("{number}").as_bytes());
        }
    }

    #[test]
    fn nothing_is_written_when_it_does_not_fit() {
        let message: &dyn Fn(&mut Writer<'_>) -> _ = &|w| w.host_fields(&[("A", "b"), ("C", "d")]);
        let mut out = [b'.'; 12];
        assert_eq!(build(&mut out[..11], message), Err(BuildError::BufferTooSmall { need: 12 }));
        assert_eq!(&out, b"............");
        assert_eq!(build(&mut out, message), Ok(12));
        assert_eq!(&out, b"A: b\r\nC: d\r\n");
    }

    #[test]
    fn fields_of_the_host() {
        for (name, value, error) in [
            ("", "b", BuildError::HeaderName),
            ("a b", "b", BuildError::HeaderName),
            ("a:", "b", BuildError::HeaderName),
            ("a\r\nb", "b", BuildError::HeaderName),
            ("Host", "b", BuildError::HeaderName),
            ("UPGRADE", "b", BuildError::HeaderName),
            ("connection", "close", BuildError::HeaderName),
            ("Sec-WebSocket-Anything", "b", BuildError::HeaderName),
            ("Content-Length", "5", BuildError::HeaderName),
            ("Transfer-Encoding", "chunked", BuildError::HeaderName),
            ("a", "b\r\nc: d", BuildError::HeaderValue),
            ("a", "b\r", BuildError::HeaderValue),
            ("a", "\n", BuildError::HeaderValue),
            ("a", "b\0", BuildError::HeaderValue),
            ("a", "\x7f", BuildError::HeaderValue),
        ] {
            assert_eq!(build(&mut [0; 64], &|w| w.host_fields(&[(name, value)])), Err(error), "{name:?}: {value:?}");
        }
    }
}
