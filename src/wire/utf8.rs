//! UTF-8, incrementally (RFC 6455 section 8.1, RFC 3629).
//!
//! Whether a byte may stand where it stands depends on the three bytes before it and on nothing else. So the whole state is
//! the last three bytes, a cut may fall anywhere, and the rule is a formula without branches, [`wrong`], that the compiler
//! turns into vector instructions.

use super::error::ProtocolError;

/// Validates a text that arrives in pieces, and fails at the first byte that cannot continue what came before.
///
/// ```
/// let mut utf8 = barews::wire::Utf8Validator::new();
/// utf8.push(b"caf\xC3").unwrap(); // the cut falls inside a character
/// assert!(!utf8.is_complete());
/// utf8.push(b"\xA9").unwrap();
/// assert!(utf8.finish().is_ok());
/// assert!(utf8.push(b"\xED\xA0").is_err()); // a surrogate is seen at its second byte
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Utf8Validator {
    /// The bytes of a character that is cut off, behind zeros.
    last: [u8; 3],
}

impl Utf8Validator {
    /// At the start of a text.
    pub const fn new() -> Self {
        Self { last: [0; 3] }
    }

    /// Whether the text so far ends with a whole character.
    #[inline]
    pub const fn is_complete(&self) -> bool {
        let [_, _, last] = self.last;
        last == 0 // a cut character ends with a lead or a continuation byte
    }

    /// The text ends here.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::InvalidUtf8`] when its last character is cut off.
    #[inline]
    pub const fn finish(&self) -> Result<(), ProtocolError> {
        if self.is_complete() { Ok(()) } else { Err(ProtocolError::InvalidUtf8) }
    }

    /// The next piece of the text. After an error the validator is of no more use.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::InvalidUtf8`] when `data` holds a byte that cannot continue the text, be it complete or not.
    // RFC 6455 8.1 [6455-8.1-1] [6455-5.6-1]
    #[cfg_attr(target_pointer_width = "64", inline)]
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub fn push(&mut self, data: &[u8]) -> Result<(), ProtocolError> {
        if kernel::push(&mut self.last, data) < 0x80 {
            self.last = cut_character(self.last);
            Ok(())
        } else {
            Err(ProtocolError::InvalidUtf8)
        }
    }

    /// The next piece, of which the caller knows that it is ASCII and not empty.
    #[inline]
    pub(crate) fn push_ascii(&self) -> Result<(), ProtocolError> {
        self.finish()
    }
}

/// Of the last three bytes of valid text, those of a character that is cut off.
#[inline]
const fn cut_character(last: [u8; 3]) -> [u8; 3] {
    let [p3, p2, p1] = last;
    if p1 >= 0xC0 {
        [0, 0, p1]
    } else if p2 >= 0xE0 {
        [0, p2, p1]
    } else if p3 >= 0xF0 {
        last
    } else {
        [0; 3]
    }
}

/// Bit 7 is set when x >= n, for n from 0x80.
#[inline(always)]
const fn from(x: u8, n: u8) -> u8 {
    x.saturating_sub(n - 0x80)
}

/// All bits are set when x = y.
#[inline(always)]
const fn is(x: u8, y: u8) -> u8 {
    if x == y { 0xFF } else { 0 }
}

/// Bit 7 is set unless `b` is a continuation byte exactly where a lead byte within reach asks for one.
#[inline(always)]
const fn misplaced(b: u8, p1: u8, p2: u8, p3: u8) -> u8 {
    let needed = from(p1, 0xC0) | from(p2, 0xE0) | from(p3, 0xF0);
    let continuation = b & !(b << 1);
    needed ^ continuation
}

/// Bit 7 is set when `b` must not stand after `p3 p2 p1`.
#[inline(always)]
const fn wrong(b: u8, p1: u8, p2: u8, p3: u8) -> u8 {
    misplaced(b, p1, p2, p3)
        | is(b & 0xFE, 0xC0) // C0, C1: overlong
        | from(b, 0xF5) // above U+10FFFF
        | is(p1, 0xE0) & !from(b, 0xA0) // overlong
        | is(p1, 0xED) & from(b, 0xA0) // a surrogate
        | is(p1, 0xF0) & !from(b, 0x90) // overlong
        | is(p1, 0xF4) & from(b, 0x90) // above U+10FFFF
}

#[cfg(all(target_pointer_width = "64", feature = "simdutf8"))]
use simd as kernel;
#[cfg(not(target_pointer_width = "64"))]
use small as kernel;
#[cfg(all(target_pointer_width = "64", not(feature = "simdutf8")))]
use wide as kernel;

/// The formula byte by byte: the shortest code.
#[cfg(any(test, not(target_pointer_width = "64")))]
mod small {
    use super::wrong;

    /// Bit 7 is set when `data` cannot follow `last`, which becomes the last three bytes.
    pub(super) fn push(last: &mut [u8; 3], data: &[u8]) -> u8 {
        let [mut p3, mut p2, mut p1] = *last;
        let mut bad = 0;
        for &b in data {
            bad |= wrong(b, p1, p2, p3);
            (p3, p2, p1) = (p2, p1, b);
        }
        *last = [p3, p2, p1];
        bad
    }
}

/// The formula over windows of a size known to the compiler. A window begins three bytes before the bytes that it looks at.
#[cfg(target_pointer_width = "64")]
mod wide {
    use super::{from, is, wrong};

    /// Bit 7 is set when `data` cannot follow `last`, which becomes the last three bytes.
    #[inline]
    pub(super) fn push(last: &mut [u8; 3], data: &[u8]) -> u8 {
        let mut start = [0; 19];
        let (before, after) = start.split_at_mut(3);
        if let (Some(first), Some(end)) = (data.first_chunk::<16>(), data.last_chunk()) {
            before.copy_from_slice(last);
            after.copy_from_slice(first);
            *last = *end;
            window(&start) | if data.len() > 16 { inner(data) } else { 0 }
        } else {
            short(last, data)
        }
    }

    /// Fewer than 16 bytes, at the end of a window that begins with zeros.
    fn short(last: &mut [u8; 3], data: &[u8]) -> u8 {
        let mut w = [0; 19];
        for (to, from) in w.iter_mut().rev().zip(last.iter().chain(data).rev()) {
            *to = *from;
        }
        if let Some(end) = w.last_chunk() {
            *last = *end;
        }
        window(&w)
    }

    /// Every byte of the window that has three before it.
    #[inline(always)]
    fn window<const W: usize>(w: &[u8; W]) -> u8 {
        let mut bad = 0;
        for i in 3..W {
            bad |= wrong(w[i], w[i - 1], w[i - 2], w[i - 3]);
        }
        bad
    }

    /// More than 16 bytes, all but the first 16.
    #[inline(never)]
    fn inner(data: &[u8]) -> u8 {
        let Some(last) = data.last_chunk::<19>() else {
            // 17 or 18 bytes
            return data.windows(4).skip(13).fold(0, |bad, w| match *w {
                [p3, p2, p1, b] => bad | wrong(b, p1, p2, p3),
                _ => bad,
            });
        };
        let (mut bad, data) = (0, data.get(13..).unwrap_or(&[]));
        let mut rest = data;
        // What `common` asks of the three bytes before a window: the first three are looked at here, all others lie in common
        // windows.
        if data.iter().take(3).all(|before| order(*before) < RARE) {
            rest = common_windows::<1027>(data, rest);
            rest = common_windows::<259>(data, rest);
            rest = common_windows::<67>(data, rest);
        }
        rest = windows::<67>(rest, &mut bad);
        rest = windows::<19>(rest, &mut bad);
        // What is left, in a window that overlaps what was seen.
        if rest.len() > 3 { bad | window(last) } else { bad }
    }

    /// As many windows of W bytes as there are; what is left begins with the three bytes before it.
    #[inline(always)]
    fn windows<'a, const W: usize>(mut rest: &'a [u8], bad: &mut u8) -> &'a [u8] {
        while let Some(w) = rest.first_chunk::<W>() {
            *bad |= window(w);
            rest = rest.get(W - 3..).unwrap_or(&[]);
        }
        rest
    }

    /// What is left of `rest`, the end of `data`, behind the windows of W bytes up to the first that is not [`common`]. The
    /// last one may overlap the one before, if half of it is new.
    #[inline(always)]
    fn common_windows<'a, const W: usize>(data: &[u8], mut rest: &'a [u8]) -> &'a [u8] {
        let end = data.last_chunk::<W>();
        while let Some(w) = rest.first_chunk().or(end.filter(|_| rest.len() > W / 2))
            && common(w)
        {
            rest = rest.get(W - 3..).unwrap_or(&[]);
        }
        rest
    }

    /// An order of the bytes in which those with rules that few texts need come last: E0 is [`RARE`], those from F0 are above.
    #[inline(always)]
    const fn order(b: u8) -> u8 {
        b ^ 0x0F
    }
    const RARE: u8 = order(0xE0);

    /// Whether every byte of the window that has three before it is right and not rare, for half the price of [`window`].
    /// Those three must not be rare either.
    #[inline(always)]
    fn common<const W: usize>(w: &[u8; W]) -> bool {
        let (mut out_of_place, mut behind_ed, mut lowest, mut highest) = (0, 0, 0xFF, 0);
        for i in 3..W {
            let (b, p1, p2) = (w[i], w[i - 1], w[i - 2]);
            // Bit 7 is set for a continuation byte; C0 and C1 (overlong) become 0 and 1.
            let kind = b.cast_signed().saturating_add(0x40).cast_unsigned();
            out_of_place |= (from(p1, 0xC0) | from(p2, 0xE0)) ^ kind; // three back would be F0 or more, which is rare
            behind_ed |= is(p1, 0xED) & b;
            lowest = lowest.min(kind);
            highest = highest.max(order(b));
        }
        let surrogate = behind_ed & 0x20 != 0; // a continuation byte from A0
        out_of_place < 0x80 && !surrogate && lowest > 1 && highest < RARE
    }
}

/// The whole characters of longer pieces by the `simdutf8` crate, which has vectors as wide as the processor; what cuts leave
/// at both ends by [`wide`].
#[cfg(all(target_pointer_width = "64", feature = "simdutf8"))]
mod simd {
    use super::{cut_character, wide};

    /// Below this, the crate costs more than it saves.
    const LONG: usize = 512;

    /// Bit 7 is set when `data` cannot follow `last`, which becomes the last three bytes.
    #[inline]
    pub(super) fn push(last: &mut [u8; 3], data: &[u8]) -> u8 {
        if data.len() < LONG { wide::push(last, data) } else { long(last, data) }
    }

    #[inline(never)]
    fn long(last: &mut [u8; 3], data: &[u8]) -> u8 {
        let is_continuation = |byte: &&u8| **byte & 0xC0 == 0x80;
        let head = data.iter().take(3).take_while(is_continuation).count();
        let tail = data.last_chunk().map_or(0, |end| cut_character(*end).iter().filter(|byte| **byte != 0).count());
        let (head, rest) = data.split_at_checked(head).unwrap_or_default();
        let (middle, tail) = rest.split_at_checked(rest.len().saturating_sub(tail)).unwrap_or_default();
        let mut bad = wide::push(last, head);
        if cut_character(*last) != [0; 3] || simdutf8::basic::from_utf8(middle).is_err() {
            bad = 0x80;
        }
        *last = [0; 3];
        bad | wide::push(last, tail)
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

    fn small_says(text: &[u8]) -> Option<bool> {
        let mut last = [0; 3];
        let bad = small::push(&mut last, text);
        (bad < 0x80).then(|| cut_character(last) == [0; 3])
    }

    /// [6455-8.1-1]: every sequence of bytes that can matter, byte by byte, whole, and at every cut.
    #[test]
    fn agrees_with_core_on_every_short_sequence() {
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
                        assert_eq!(small_says(&text), ours);
                    }
                }
            }
        }
    }

    /// What goes wrong, and what does not, at every place in texts that have all kinds of characters, or no rare ones, or
    /// only short ones.
    #[test]
    fn agrees_with_core_at_every_place_in_a_long_text() {
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
                    assert_eq!(small_says(&text), want);
                }
            }
        }
    }

    #[test]
    fn ascii_completes_nothing() {
        let mut utf8 = Utf8Validator::new();
        assert!(utf8.push_ascii().is_ok());
        utf8.push(&[0xC3]).unwrap();
        assert_eq!(utf8.push_ascii(), Err(ProtocolError::InvalidUtf8));
    }
}
