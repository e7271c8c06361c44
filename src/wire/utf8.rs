//! UTF-8, incrementally (RFC 6455 section 8.1, RFC 3629).
//!
//! Whether a byte is allowed depends on the three bytes before it and on nothing else. So the whole state is the last
//! three bytes, and the text can be split anywhere. The rule is the [formula]; the other files apply it to many bytes
//! at a time.

mod formula;
mod wide;

use super::error::ProtocolError;
use crate::target::FAST;
use formula::cut_character;

/// Validates a text that arrives in pieces. Fails at the first byte that cannot continue what came before.
///
/// ```
/// let mut utf8 = barews::wire::Utf8Validator::new();
/// utf8.push(b"caf\xC3")?; // split inside a character
/// assert!(!utf8.is_complete());
/// utf8.push(b"\xA9")?;
/// assert!(utf8.finish().is_ok());
/// assert!(utf8.push(b"\xED\xA0").is_err()); // a surrogate is seen at its second byte
/// # Ok::<(), barews::ProtocolError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Utf8Validator {
    /// Zeros, then the bytes of a character that is cut off.
    last: [u8; 3],
}

impl Utf8Validator {
    /// Creates a validator at the start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: [0; 3] }
    }

    /// Returns whether the text so far ends with a whole character.
    #[inline]
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        let [_, _, last] = self.last;
        last == 0 // a cut character ends with a lead or a continuation byte
    }

    /// Ends the text.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::InvalidUtf8`] when its last character is cut off.
    #[inline]
    pub const fn finish(&self) -> Result<(), ProtocolError> {
        if self.is_complete() { Ok(()) } else { Err(ProtocolError::InvalidUtf8) }
    }

    /// Validates the next piece of the text. Do not use the validator after an error.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::InvalidUtf8`] when `data` holds a byte that cannot continue the text, even if the character is not complete.
    // RFC 6455 8.1 [6455-8.1-1] [6455-5.6-1]
    #[inline]
    pub fn push(&mut self, data: &[u8]) -> Result<(), ProtocolError> {
        if FAST {
            let bad = wide::push(&mut self.last, data);
            self.pushed(bad)
        } else {
            self.push_bytes(data)
        }
    }

    #[inline(never)]
    fn push_bytes(&mut self, data: &[u8]) -> Result<(), ProtocolError> {
        let bad = formula::push(&mut self.last, data);
        self.pushed(bad)
    }

    #[inline(always)]
    fn pushed(&mut self, bad: u8) -> Result<(), ProtocolError> {
        if bad < 0x80 {
            self.last = cut_character(self.last);
            Ok(())
        } else {
            Err(ProtocolError::InvalidUtf8)
        }
    }

    /// The next piece, which the caller knows to be ASCII and not empty.
    #[inline]
    pub(crate) fn push_ascii(&self) -> Result<(), ProtocolError> {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    /// What `core` says of a text that may go on: valid so far, and complete.
    fn core_says(text: &[u8]) -> Option<bool> {
        match core::str::from_utf8(text) {
            Ok(_) => Some(true),
            Err(e) if e.error_len().is_none() => Some(false),
            Err(_) => None,
        }
    }

    fn we_say(pieces: &[&[u8]]) -> Option<bool> {
        let mut utf8 = Utf8Validator::new();
        pieces.iter().try_for_each(|p| utf8.push(p)).ok().map(|()| utf8.is_complete())
    }

    fn formula_says(text: &[u8]) -> Option<bool> {
        let mut utf8 = Utf8Validator::new();
        utf8.push_bytes(text).ok().map(|()| utf8.is_complete())
    }

    /// [6455-8.1-1]: every sequence of bytes that can matter, byte by byte, whole, and at every cut.
    #[test]
    fn push_agrees_with_core_on_every_short_sequence() {
        for a in 0..=255 {
            for b in 0..=255 {
                for c in [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC2, 0xE0, 0xF0, 0xFF] {
                    for d in [0x41, 0x80, 0xBF, 0xC3] {
                        let text = [a, b, c, d];
                        let mut utf8 = Utf8Validator::new();
                        let mut ours = Some(true);
                        for (i, byte) in text.iter().enumerate() {
                            ours = ours.and_then(|_| utf8.push(&[*byte]).ok().map(|()| utf8.is_complete()));
                            assert_eq!(ours, core_says(&text[..=i]), "{text:x?} up to {i}");
                        }
                        assert_eq!(we_say(&[&text]), ours);
                        assert_eq!(formula_says(&text), ours);
                    }
                }
            }
        }
    }

    /// What goes wrong, and what does not, at every place in texts that have all kinds of characters, or no rare ones,
    /// or only short ones.
    #[test]
    fn push_agrees_with_core_on_a_mistake_at_every_place_in_a_long_text() {
        const PARTS: [&[u8]; 19] = [
            b"\x00",
            b"\x80",
            b"\xBF",
            b"\xC1",
            b"\xED",
            b"\xF4",
            b"\xFF",
            b"\xC0\x80",
            b"\xC2\x80",
            b"\xE2\x80",
            b"\xE2a\x80",
            b"\xE0\x9F\xBF",
            b"\xE0\xA0\x80",
            b"\xED\x9F\xBF",
            b"\xED\xA0\x80",
            b"\xF0\x8F\xBF\xBF",
            b"\xF0\x90\x80\x80",
            b"\xF4\x8F\xBF\xBF",
            b"\xF4\x90\x80\x80",
        ];
        let texts = [
            "ascii ",
            "ümläut ",
            "한국어 漢字 ü ",
            "a한국어 漢字 ü ",
            "ab한국어 漢字 ü ",
            "ascii, ümläut, 한국어, 漢字, 😀 ",
        ];
        for characters in texts {
            let long: Vec<u8> = characters.bytes().cycle().take(1800).collect();
            for len in (0..40).chain([60, 67, 80, 100, 120, 290, 530, 600, 1200, 1800]) {
                for (at, part) in (0..len).flat_map(|at| PARTS.map(|part| (at, part))) {
                    let mut text = long[..len].to_vec();
                    // In place of whole characters, so that nothing else goes wrong.
                    let at = (0..=at).rev().find(|&at| text[at] & 0xC0 != 0x80).unwrap_or(0);
                    let mut end = len.min(at + part.len());
                    while end < len && text[end] & 0xC0 == 0x80 {
                        end += 1;
                    }
                    text.splice(at..end, part.iter().copied());
                    let want = core_says(&text);
                    assert_eq!(we_say(&[&text]), want, "{len} {at} {part:x?}");
                    assert_eq!(we_say(&[&text[..at + 1], &text[at + 1..]]), want);
                    assert_eq!(formula_says(&text), want);
                }
            }
        }
    }

    /// No other byte of the window has bit 5, by which a surrogate is found.
    #[test]
    fn push_refuses_a_surrogate_at_the_start_of_a_window() {
        for at in 0..100 {
            let mut text: Vec<u8> = b"A".repeat(300);
            text.splice(at..at + 3, *b"\xED\xA0\x80");
            assert_eq!(we_say(&[&text]), None, "{at}");
        }
    }

    #[test]
    fn push_ascii_refuses_to_follow_a_cut_character() {
        let mut utf8 = Utf8Validator::new();
        assert!(utf8.push_ascii().is_ok());
        utf8.push(&[0xC3]).unwrap();
        assert_eq!(utf8.push_ascii(), Err(ProtocolError::InvalidUtf8));
    }
}
