//! The head of an HTTP/1.1 message, read at any cut (RFC 9112 sections 2 and 5). It serves both roles, which say what
//! fields matter and what a start line is, and which judge the values.
//!
//! Only the start line and the values of fields that matter are kept, as a list of (id, length, value) in the storage
//! that the host lends; a value that is still coming in is gathered behind the list. All other fields stream past and
//! are only validated. A name needs no room at all: what was seen of it is a prefix of a name that matters, or it does
//! not matter. The work is linear: no byte that streams past is scanned more than twice, and once if its line is there
//! whole.
//!
//! Strict where lenience has been a way to smuggle requests: a line ends with CR LF and with nothing else, no field is
//! folded, no white space stands before a colon, and no control character other than HTAB in a value.

use super::chars::{TOKEN, is_control, trim_end, trim_start};
use super::cursor::Cursor;
use super::error::HandshakeError;
use super::fields::{ENTRY, Fields, Names, OTHER, START_LINE};
use crate::bytes::copy;
use crate::target::FAST;

/// The incremental reader. The storage is passed to each call, always the same one.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Head<'c> {
    names: Names<'c>,
    part: Part,
    /// A CR was read; only LF may follow.
    cr: bool,
    /// In a name the first that begins like it, in a value that of its field.
    id: u16,
    /// Of a name the bytes seen, of a value those that are gathered behind the list and room for id and length.
    len: usize,
    /// The length of the list.
    used: usize,
    bytes_left: usize,
    fields_left: usize,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Part {
    StartLine,
    /// A field name, or the empty line.
    Name,
    Value,
    /// Nothing: the head is complete.
    End,
}

impl<'c> Head<'c> {
    pub(super) const fn new(names: Names<'c>, max_head_size: usize, max_headers: usize) -> Self {
        let (bytes_left, fields_left) = (max_head_size, max_headers);
        Self { names, part: Part::StartLine, cr: false, id: START_LINE, len: 0, used: 0, bytes_left, fields_left }
    }

    /// Forgets what was read, but not what the limits still allow.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.names, self.bytes_left, self.fields_left);
    }

    pub(super) fn is_complete(&self) -> bool {
        self.part == Part::End
    }

    /// Reads on, up to the end of the head, and returns the number of bytes consumed.
    ///
    /// `start_line` judges the first line, and says false for one to ignore. After an error nothing more may be read.
    pub(super) fn read(
        &mut self,
        storage: &mut [u8],
        bytes: &[u8],
        start_line: &mut dyn FnMut(&[u8]) -> Result<bool, HandshakeError>,
    ) -> Result<usize, HandshakeError> {
        let mut beyond = Cursor(bytes);
        let allowed = beyond.take(self.bytes_left);
        let mut rest = allowed;
        while let Some((&byte, after)) = rest.split_first()
            && !self.is_complete()
        {
            let free = storage.get_mut(self.used..).unwrap_or_default();
            if !self.cr {
                rest = match self.line(free, rest) {
                    Some(rest) => rest,
                    None => self.piece(free, rest)?,
                };
                continue;
            }
            if byte != b'\n' {
                return Err(HandshakeError::LineEnding);
            }
            rest = after;
            self.cr = false;
            match self.part {
                Part::Name => self.part = Part::End,
                Part::StartLine if !start_line(self.gathered(free))? => {}
                _ => self.keep(free)?,
            }
        }
        let consumed = allowed.len() - rest.len();
        self.bytes_left -= consumed;
        if self.is_complete() || beyond.0.is_empty() {
            Ok(consumed)
        } else {
            Err(self.exceeds(HandshakeError::HeadTooLarge))
        }
    }

    /// What exceeds this limit. A server has a status of its own for a target that is too long (RFC 9112 section 3).
    fn exceeds(&self, limit: HandshakeError) -> HandshakeError {
        if self.part == Part::StartLine { HandshakeError::StartLineTooLong } else { limit }
    }

    /// Reads the line of a field if it lies in `bytes` whole: the short way of what [`piece`](Self::piece) and
    /// [`keep`](Self::keep) do. It leaves to them what is cut, too much or wrong.
    fn line<'b>(&mut self, free: &mut [u8], bytes: &'b [u8]) -> Option<&'b [u8]> {
        // Where flash is scarce, one way has to do.
        if !FAST || self.part != Part::Name || self.len > 0 {
            return None;
        }
        let mut rest = Cursor(bytes);
        let name = rest.span(TOKEN);
        if name.is_empty() || !rest.skip(b':') {
            return None;
        }
        let value = rest.take(before_control(rest.0));
        let rest = rest.0.strip_prefix(b"\r\n")?;
        let fields_left = self.fields_left.checked_sub(1)?;
        let id = self.names.id(name);
        if id != OTHER {
            let value = trim_start(value);
            copy(free.get_mut(ENTRY..)?.get_mut(..value.len())?, value);
            self.append(free, id, value.len())?;
        }
        self.fields_left = fields_left;
        Some(rest)
    }

    /// Reads a name with its colon, or a value or the start line with its CR, or as much of it as there is.
    // A function of its own keeps the state in memory alone; in the loop a copy in registers would take more flash.
    #[inline(never)]
    fn piece<'b>(&mut self, free: &mut [u8], bytes: &'b [u8]) -> Result<&'b [u8], HandshakeError> {
        let in_name = self.part == Part::Name;
        let mut rest = Cursor(bytes);
        let mut piece = if in_name { rest.span(TOKEN) } else { rest.take(before_control(bytes)) };
        let end = rest.0.first().copied();
        if self.id != OTHER {
            if in_name {
                self.id = self.names.find(self.id, self.len, piece, end == Some(b':'));
            } else {
                if self.part == Part::Value && self.len == 0 {
                    piece = trim_start(piece);
                }
                let start = ENTRY + self.len;
                let room = free.get_mut(start..start + piece.len());
                copy(room.ok_or(self.exceeds(HandshakeError::StorageFull))?, piece);
            }
        }
        self.len += piece.len();
        let Some((&end, rest)) = rest.0.split_first() else { return Ok(&[]) };
        match end {
            b'\r' if !in_name || self.len == 0 => self.cr = true,
            b':' if in_name && self.len > 0 => {
                self.fields_left = self.fields_left.checked_sub(1).ok_or(HandshakeError::TooManyHeaders)?;
                (self.part, self.len) = (Part::Value, 0);
            }
            b'\n' => return Err(HandshakeError::LineEnding),
            // RFC 9112 2.2, 5.2: refused, not replaced
            b' ' | b'\t' if self.len == 0 => return Err(HandshakeError::ObsoleteFolding),
            _ => {
                return Err(match self.part {
                    Part::StartLine => HandshakeError::StartLine,
                    Part::Value => HandshakeError::HeaderValue,
                    _ => HandshakeError::HeaderName, // RFC 9112 5.1: no white space before the colon
                });
            }
        }
        Ok(rest)
    }

    fn gathered<'s>(&self, free: &'s [u8]) -> &'s [u8] {
        let mut entry = Cursor(free);
        entry.take(ENTRY);
        entry.take(self.len)
    }

    /// Appends the gathered value to the list if it matters, and begins the next line.
    fn keep(&mut self, free: &mut [u8]) -> Result<(), HandshakeError> {
        if self.id != OTHER {
            self.append(free, self.id, self.len).ok_or(HandshakeError::StorageFull)?;
        }
        (self.part, self.id, self.len) = (Part::Name, 0, 0);
        Ok(())
    }

    /// Makes an entry of the `len` bytes that lie in `free` behind room for id and length, without white space at their
    /// end; `None` if it does not fit.
    fn append(&mut self, free: &mut [u8], id: u16, len: usize) -> Option<()> {
        let (entry, value) = free.split_first_chunk_mut::<ENTRY>()?;
        let len = trim_end(value.get(..len)?).len();
        let ([i0, i1], [l0, l1]) = (id.to_le_bytes(), u16::try_from(len).ok()?.to_le_bytes());
        *entry = [i0, i1, l0, l1];
        self.used += ENTRY + len;
        Some(())
    }

    /// What was kept so far.
    pub(super) fn fields<'s>(&'s self, storage: &'s [u8]) -> Fields<'s> {
        Fields { names: &self.names, list: storage.get(..self.used).unwrap_or_default() }
    }
}

/// The minor version in `HTTP/1.x`, from an HTTP-version (RFC 9112 section 2.3). Another major version is refused.
pub(super) fn minor_version(version: &[u8]) -> Result<u8, HandshakeError> {
    match version.strip_prefix(b"HTTP/") {
        Some([b'1', b'.', minor @ b'0'..=b'9']) => Ok(*minor & 15),
        Some([b'0'..=b'9', b'.', b'0'..=b'9']) => Err(HandshakeError::HttpVersion),
        _ => Err(HandshakeError::StartLine),
    }
}

/// How many bytes stand before the first control character other than HTAB: before the end of the line, if it is valid.
fn before_control(bytes: &[u8]) -> usize {
    let start = if FAST { without_control(bytes) } else { 0 };
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().position(|&byte| is_control(byte)).unwrap_or(rest.len())
}

/// How many bytes at the start are no control characters, in words of eight: as many as there are, or fewer.
fn without_control(bytes: &[u8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut words = bytes.as_chunks().0.iter().zip(0usize..);
    let control = words.find_map(|(word, i)| {
        let word = u64::from_le_bytes(*word);
        // Bit 7 of the lowest byte below n is set, and of no byte before it.
        let below = |word: u64, n: u64| word.wrapping_sub(n * EACH) & !word & (0x80 * EACH);
        let found = below(word, 0x20) | below(word ^ (0x7F * EACH), 1);
        (found != 0).then(|| i.saturating_mul(8).saturating_add((found.trailing_zeros() / 8) as usize))
    });
    control.unwrap_or(bytes.len() & !7)
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::{string::String, vec, vec::Vec};

    const NAMES: Names<'static> =
        Names { engine: &["host", "sec-websocket-key", "sec-websocket-keyring"], keep: &["Cookie"] };

    type Kept = (Option<usize>, Vec<(u16, String)>);

    /// Reads `wire` in the pieces that `cuts` ends, each position counted from the start.
    fn read(wire: &[u8], storage: usize, limits: (usize, usize), cuts: &[usize]) -> Result<Kept, HandshakeError> {
        let mut storage = vec![0; storage];
        let mut head = Head::new(NAMES, limits.0, limits.1);
        let mut start = 0;
        for &end in cuts.iter().chain([&wire.len()]) {
            let n = head.read(&mut storage, &wire[start..end], &mut |line| Ok(!line.is_empty()))?;
            if head.is_complete() {
                let fields = head.fields(&storage);
                let kept =
                    fields.iter().skip(1).map(|(id, value)| (id, String::from_utf8_lossy(value).into())).collect();
                return Ok((Some(start + n), kept));
            }
            start = end;
        }
        Ok((None, Vec::new()))
    }

    /// [6455-4.2.1-9]: what matters is kept, whatever its order and case; all else is only validated.
    #[test]
    fn keeps_what_matters_at_any_cut() {
        let wire = b"\r\nGET / HTTP/1.1\r\nHOST:a \t\r\nHos:x\r\nX:\r\ncookie: \t1; 2\r\nSec-WebSocket-Keyring:r\r\n\
            sec-websocket-keys: no\r\nCookie:\r\nSec-WebSocket-Key: k\r\n\r\nrest";
        let kept = [(0, "a"), (3, "1; 2"), (2, "r"), (3, ""), (1, "k")].map(|(id, value)| (id, value.into()));
        let expected = Ok((Some(wire.len() - 4), Vec::from(kept)));
        for i in 0..wire.len() {
            assert_eq!(read(wire, 64, (200, 9), &[i]), expected, "cut at {i}");
        }
        let every: Vec<_> = (0..wire.len()).collect();
        for cuts in [&every[..], &[]] {
            assert_eq!(read(wire, 64, (200, 9), cuts), expected);
            // The start line takes 4 + 14 bytes, the values 4 each and their length: 45 in all.
            assert_eq!(read(wire, 44, (200, 9), cuts), Err(HandshakeError::StorageFull));
            assert_eq!(read(wire, 45, (wire.len() - 4, 8), cuts), expected);
            assert_eq!(read(wire, 45, (wire.len() - 5, 8), cuts), Err(HandshakeError::HeadTooLarge));
            assert_eq!(read(wire, 45, (200, 7), cuts), Err(HandshakeError::TooManyHeaders));
        }
    }

    #[test]
    fn names_without_an_id_do_not_matter() {
        let keep = vec![""; usize::from(OTHER) + 2];
        let names = Names { engine: &["a"], keep: &keep };
        assert_eq!((names.id(b"A"), names.id(b""), names.id(b"b")), (0, 1, OTHER));
        assert_eq!((names.find(0, 0, b"A", true), names.find(0, 0, b"b", true)), (0, OTHER));
    }

    #[test]
    fn strict_lines() {
        use HandshakeError::*;
        for (lines, error) in [
            ("A: b\n\n", LineEnding),
            ("A: b\r\n\n", LineEnding),
            ("A: b\rc\r\n\r\n", LineEnding),
            ("A: b\r\r\n\r\n", LineEnding),
            ("A: b\r\n\rC: d\r\n\r\n", LineEnding),
            ("A: b\r\n c\r\n\r\n", ObsoleteFolding),
            ("A: b\r\n\tc: d\r\n\r\n", ObsoleteFolding),
            (" A: b\r\n\r\n", ObsoleteFolding),
            ("A : b\r\n\r\n", HeaderName),
            ("A\t: b\r\n\r\n", HeaderName),
            (": b\r\n\r\n", HeaderName),
            ("A\r\n\r\n", HeaderName),
            ("\"A\": b\r\n\r\n", HeaderName),
            ("A\u{e9}: b\r\n\r\n", HeaderName),
            ("A\0: b\r\n\r\n", HeaderName),
            ("A: b\0\r\n\r\n", HeaderValue),
            ("A: \x1bb\r\n\r\n", HeaderValue),
            ("A: b\x7f\r\n\r\n", HeaderValue),
            ("Host: \0\r\n\r\n", HeaderValue),
        ] {
            let wire = [b"GET / HTTP/1.1\r\n", lines.as_bytes()].concat();
            let every: Vec<_> = (0..wire.len()).collect();
            assert_eq!(read(&wire, 64, (200, 9), &[]), Err(error), "{lines:?}");
            assert_eq!(read(&wire, 64, (200, 9), &every), Err(error), "{lines:?}");
        }
        assert_eq!(read(b"GET /\x01 HTTP/1.1\r\n\r\n", 64, (200, 9), &[]), Err(StartLine));
        assert_eq!(read(b"GET / HTTP/1.1\n\r\n", 64, (200, 9), &[]), Err(LineEnding));
        assert_eq!(read(b"\nGET / HTTP/1.1\r\n\r\n", 64, (200, 9), &[]), Err(LineEnding));
        // RFC 9110 5.5: HTAB and bytes above 0x7f may stand in a value.
        assert!(read(b"GET / HTTP/1.1\r\nA: b\t\xe9\xff\r\n\r\n", 64, (200, 9), &[]).is_ok());
    }

    #[test]
    fn control_is_found_at_every_place() {
        for len in 0..70 {
            for at in 0..len {
                let mut bytes = vec![b'a'; len];
                bytes[at] = b'\r';
                assert_eq!(before_control(&bytes), at);
            }
            assert_eq!(before_control(&vec![b'\t'; len]), len);
        }
        for byte in 0..=u8::MAX {
            assert_eq!(is_control(byte), byte.is_ascii_control() && byte != b'\t', "{byte:#x}");
        }
    }
}
