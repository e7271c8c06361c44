//! The head of an HTTP/1.1 message (RFC 9112 sections 2 and 5): read from input that is split anywhere, or built from
//! fields that the host has parsed. Both roles use it. They define the start line and the fields that matter, and
//! validate the values.
//!
//! Only the start line and the values of fields that matter are kept, as a list of (id, length, value) in the storage
//! that the host lends. A value that is not complete is collected after the list. All other fields are validated and
//! not stored. A name needs no room: the bytes read so far are a prefix of a name that matters, or the field does not
//! matter. The work is linear: a byte that is not stored is scanned at most twice, and once if its line is complete in
//! the input.
//!
//! Strict where lenience has allowed request smuggling: a line ends with CR LF only, no field is folded, no white space
//! comes before a colon, and a value has no control character other than HTAB.

use super::chars::{TOKEN, is_control, trim_end, trim_start};
use super::cursor::{Cursor, is_token};
use super::error::HandshakeError;
use super::fields::{ENTRY, Fields, Id, Names};
use crate::bytes::copy;
use crate::target::FAST;

/// The incremental reader. Every call must pass the same storage.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Head<'c> {
    names: Names<'c>,
    part: Part,
    /// The length of the list.
    used: usize,
    bytes_left: usize,
    fields_left: usize,
}

/// The part of the head to which the next byte belongs.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Part {
    /// The start line or the value of a field.
    Text {
        /// The field or the start line; `None` for a field that does not matter.
        id: Option<Id>,
        /// How many bytes of it were collected.
        len: usize,
        /// Whether its CR was read.
        cr: bool,
    },
    /// A field name, or the empty line.
    Name {
        /// The first name that begins with the bytes read so far.
        candidate: Option<Id>,
        /// The number of bytes read so far.
        len: usize,
    },
    /// The LF of the empty line.
    EmptyLine,
    /// Nothing: the head is complete.
    End,
}

impl Part {
    const START_LINE: Self = Self::Text { id: Some(Id::START_LINE), len: 0, cr: false };
    const NAME: Self = Self::Name { candidate: Some(Id::FIRST), len: 0 };
}

impl<'c> Head<'c> {
    pub(super) const fn new(names: Names<'c>, max_head_size: usize, max_fields: usize) -> Self {
        let (bytes_left, fields_left) = (max_head_size, max_fields);
        Self { names, part: Part::START_LINE, used: 0, bytes_left, fields_left }
    }

    /// Starts a new head, with the remainder of the limits.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.names, self.bytes_left, self.fields_left);
    }

    pub(super) fn is_complete(&self) -> bool {
        self.part == Part::End
    }

    /// Reads up to the end of the head, and returns the number of bytes consumed.
    ///
    /// `start_line` validates the first line, and returns false to ignore it. After an error, do not call this again.
    pub(super) fn read(
        &mut self,
        storage: &mut [u8],
        bytes: &[u8],
        start_line: &mut dyn FnMut(&[u8]) -> Result<bool, HandshakeError>,
    ) -> Result<usize, HandshakeError> {
        check_storage(storage)?;
        let mut beyond = Cursor(bytes);
        let allowed = beyond.take(self.bytes_left);
        let mut rest = Cursor(allowed);
        while !rest.0.is_empty() && !self.is_complete() {
            self.step(storage, &mut rest, start_line)?;
        }
        let consumed = allowed.len() - rest.0.len();
        self.bytes_left -= consumed;
        if self.is_complete() || beyond.0.is_empty() {
            Ok(consumed)
        } else {
            Err(self.exceeds(HandshakeError::HeadTooLarge))
        }
    }

    /// Reads one part, or the beginning of it that is in the input.
    #[inline(always)]
    fn step(
        &mut self,
        storage: &mut [u8],
        rest: &mut Cursor<'_>,
        start_line: &mut dyn FnMut(&[u8]) -> Result<bool, HandshakeError>,
    ) -> Result<(), HandshakeError> {
        let free = free(storage, self.used);
        let part = self.part;
        match part {
            // mutant: replace match guard FAST && self.line(free, rest)? with false: the slow path gives the same
            Part::Name { len: 0, .. } if FAST && self.line(free, rest)? => Ok(()),
            Part::Name { candidate, len } => self.name(candidate, len, rest),
            Part::Text { id, len, cr: false } => self.text(free, id, len, rest),
            // The LF after a CR.
            _ if !rest.skip(b'\n') => Err(HandshakeError::LineEnding),
            Part::Text { id: Some(Id::START_LINE), len, .. } if !start_line(gathered(free, len))? => {
                self.part = Part::START_LINE;
                Ok(())
            }
            Part::Text { id, len, .. } => self.keep(free, id, len),
            Part::EmptyLine | Part::End => {
                self.part = Part::End;
                Ok(())
            }
        }
    }

    /// Adds a start line that the host has parsed. It counts as `size` bytes, and only `kept` is stored.
    pub(super) fn start_line(&mut self, storage: &mut [u8], size: usize, kept: &[u8]) -> Result<(), HandshakeError> {
        check_storage(storage)?;
        self.spend(size)?;
        let free = free(storage, self.used);
        gather(free, 0, kept).ok_or(self.exceeds(HandshakeError::StorageFull))?;
        self.keep(free, Some(Id::START_LINE), kept.len())
    }

    /// Adds a field that the host has parsed and [`check_field`] has validated. It counts as its line in HTTP/1.1.
    pub(super) fn field(&mut self, storage: &mut [u8], name: &[u8], value: &[u8]) -> Result<(), HandshakeError> {
        self.spend(name.len() + ": ".len() + value.len() + CRLF.len())?;
        self.complete_field(free(storage, self.used), name, value)
    }

    /// Ends a head that the host has parsed.
    pub(super) fn end(&mut self) -> Result<(), HandshakeError> {
        self.spend(CRLF.len())?;
        self.part = Part::End;
        Ok(())
    }

    fn spend(&mut self, bytes: usize) -> Result<(), HandshakeError> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(self.exceeds(HandshakeError::HeadTooLarge))?;
        Ok(())
    }

    /// Returns the error when `limit` is exceeded. A server has a separate status for a target that is too long (RFC
    /// 9112 section 3).
    fn exceeds(&self, limit: HandshakeError) -> HandshakeError {
        match self.part {
            Part::Text { id: Some(Id::START_LINE), .. } => HandshakeError::StartLineTooLong,
            _ => limit,
        }
    }

    /// Reads the line of a field if it is valid and complete in the input; otherwise returns false. Then the slow path
    /// of [`name`](Self::name) and [`text`](Self::text) reads it, and finds the error if there is one.
    #[inline(always)]
    fn line(&mut self, free: &mut [u8], input: &mut Cursor<'_>) -> Result<bool, HandshakeError> {
        // mutant: replace Head<'c>::line -> Result<bool, HandshakeError> with Ok(false): the slow path gives the same
        let mut rest = *input;
        let name = rest.span(TOKEN);
        if name.is_empty() || !rest.skip(b':') {
            return Ok(false);
        }
        let value = rest.take(before_control(rest.0));
        let Some(after) = rest.0.strip_prefix(CRLF) else { return Ok(false) };
        self.complete_field(free, name, value)?;
        input.0 = after;
        Ok(true)
    }

    /// Counts a field, and stores its value if the field matters.
    fn complete_field(&mut self, free: &mut [u8], name: &[u8], value: &[u8]) -> Result<(), HandshakeError> {
        self.count_field()?;
        let Some(id) = self.names.id(name) else { return Ok(()) };
        let value = trim_start(value);
        gather(free, 0, value).ok_or(HandshakeError::StorageFull)?;
        self.append(free, id, value.len()).ok_or(HandshakeError::StorageFull)
    }

    fn count_field(&mut self) -> Result<(), HandshakeError> {
        self.fields_left = self.fields_left.checked_sub(1).ok_or(HandshakeError::TooManyFields)?;
        Ok(())
    }

    /// Reads a name with its colon, or the CR of the empty line, or the beginning of it that is in the input.
    fn name(&mut self, candidate: Option<Id>, len: usize, rest: &mut Cursor<'_>) -> Result<(), HandshakeError> {
        let piece = rest.span(TOKEN);
        let end = rest.take(1).first();
        let id = self.names.extend(candidate, len, piece, end == Some(&b':'));
        let len = len + piece.len();
        self.part = match end {
            None => Part::Name { candidate: id, len },
            Some(b':') if len > 0 => {
                self.count_field()?;
                Part::Text { id, len: 0, cr: false }
            }
            Some(b'\r') if len == 0 => Part::EmptyLine,
            Some(b'\n') => return Err(HandshakeError::LineEnding),
            // RFC 9112 2.2, 5.2: refused, not replaced
            Some(b' ' | b'\t') if len == 0 => return Err(HandshakeError::ObsoleteFolding),
            Some(_) => return Err(HandshakeError::FieldName), // RFC 9112 5.1: no white space before the colon
        };
        Ok(())
    }

    /// Reads a value or the start line with its CR, or the beginning of it that is in the input.
    fn text(
        &mut self,
        free: &mut [u8],
        id: Option<Id>,
        len: usize,
        rest: &mut Cursor<'_>,
    ) -> Result<(), HandshakeError> {
        let is_start_line = id == Some(Id::START_LINE);
        let (full, malformed) = match is_start_line {
            true => (HandshakeError::StartLineTooLong, HandshakeError::StartLine),
            false => (HandshakeError::StorageFull, HandshakeError::FieldValue),
        };
        let mut piece = rest.take(before_control(rest.0));
        if id.is_some() {
            if len == 0 && !is_start_line {
                piece = trim_start(piece);
            }
            gather(free, len, piece).ok_or(full)?;
        }
        let end = rest.take(1).first();
        match end {
            None | Some(b'\r') => {}
            Some(b'\n') => return Err(HandshakeError::LineEnding),
            Some(_) => return Err(malformed),
        }
        self.part = Part::Text { id, len: len + piece.len(), cr: end.is_some() };
        Ok(())
    }

    /// Appends the collected bytes to the list if they matter, and begins the next line.
    fn keep(&mut self, free: &mut [u8], id: Option<Id>, len: usize) -> Result<(), HandshakeError> {
        if let Some(id) = id {
            self.append(free, id, len).ok_or(HandshakeError::StorageFull)?;
        }
        self.part = Part::NAME;
        Ok(())
    }

    /// Makes an entry of the `len` collected bytes, without white space at their end. Returns `None` if it does not
    /// fit.
    #[inline(always)]
    fn append(&mut self, free: &mut [u8], id: Id, len: usize) -> Option<()> {
        let (entry, value) = free.split_first_chunk_mut::<ENTRY>()?;
        let len = trim_end(value.get(..len)?).len();
        let ([i0, i1], [l0, l1]) = (id.to_bytes(), u16::try_from(len).ok()?.to_le_bytes());
        *entry = [i0, i1, l0, l1];
        self.used += ENTRY + len;
        Some(())
    }

    /// Returns the start line and the fields that are kept so far.
    pub(super) fn fields<'s>(&'s self, storage: &'s [u8]) -> Fields<'s> {
        Fields { names: &self.names, list: storage.get(..self.used).unwrap_or_else(|| never!(&[])) }
    }
}

pub(super) const CRLF: &[u8] = b"\r\n";

/// Validates a name and a value. Otherwise they could be more than one line in HTTP/1.1.
pub(super) fn check_field(name: &[u8], value: &[u8]) -> Result<(), HandshakeError> {
    if !is_token(name) {
        Err(HandshakeError::FieldName)
    } else if before_control(value) < value.len() {
        Err(HandshakeError::FieldValue)
    } else {
        Ok(())
    }
}

/// Every head needs storage. Without this check, an empty vector would look like a start line that is too long.
fn check_storage(storage: &[u8]) -> Result<(), HandshakeError> {
    if storage.is_empty() { Err(HandshakeError::NoStorage) } else { Ok(()) }
}

/// Returns the storage after the list. The host passes the storage, so another one can be shorter.
fn free(storage: &mut [u8], used: usize) -> &mut [u8] {
    storage.get_mut(used..).unwrap_or_default()
}

/// Writes `piece` to `free`, after room for the id and the length and after the `len` bytes collected so far. Returns
/// `None` if it does not fit.
fn gather(free: &mut [u8], len: usize, piece: &[u8]) -> Option<()> {
    let start = ENTRY + len;
    copy(free.get_mut(start..start + piece.len())?, piece);
    Some(())
}

fn gathered(free: &[u8], len: usize) -> &[u8] {
    let mut entry = Cursor(free);
    entry.take(ENTRY);
    entry.take(len)
}

/// Returns the minor version of `HTTP/1.x` (RFC 9112 section 2.3). Any other major version is refused.
pub(super) fn minor_version(version: &[u8]) -> Result<u8, HandshakeError> {
    match version.strip_prefix(b"HTTP/") {
        Some([b'1', b'.', minor @ b'0'..=b'9']) => Ok(*minor & 15),
        Some([b'0'..=b'9', b'.', b'0'..=b'9']) => Err(HandshakeError::HttpVersion),
        _ => Err(HandshakeError::StartLine),
    }
}

/// Returns how many bytes precede the first control character other than HTAB: the CR, if the line is valid.
fn before_control(bytes: &[u8]) -> usize {
    let start = if FAST { without_control(bytes) } else { 0 };
    let rest = bytes.get(start..).unwrap_or_else(|| never!(&[]));
    start + rest.iter().position(|&byte| is_control(byte)).unwrap_or(rest.len())
}

/// Returns a length at the start without control characters, found in words of eight bytes. It can be too short: it
/// stops at HTAB and before a last incomplete word.
fn without_control(bytes: &[u8]) -> usize {
    // mutant: replace without_control -> usize with 0: the search byte by byte starts earlier
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut words = bytes.as_chunks().0.iter().zip(0usize..);
    let control = words.find_map(|(word, i)| {
        let word = u64::from_le_bytes(*word);
        // The lowest byte below n has bit 7 set, and no byte before it has.
        // mutant: replace & with ^, |: the search byte by byte starts earlier
        let below = |word: u64, n: u64| word.wrapping_sub(n * EACH) & !word & (0x80 * EACH);
        // mutant: replace | with ^: no byte is both below 0x20 and equal to 0x7F
        let found = below(word, 0x20) | below(word ^ (0x7F * EACH), 1);
        (found != 0).then(|| 8 * i + (found.trailing_zeros() / 8) as usize)
    });
    // mutant: replace & with ^, |: the search byte by byte starts earlier
    control.unwrap_or(bytes.len() & !7)
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::{string::String, vec, vec::Vec};

    const NAMES: Names<'static> =
        Names { engine: &["host", "sec-websocket-key", "sec-websocket-keyring"], keep: &["Cookie"] };

    type Kept = (Option<usize>, Vec<(Id, String)>);

    /// Reads `input` split at the positions `cuts`, each counted from the start.
    fn read(input: &[u8], storage: usize, limits: (usize, usize), cuts: &[usize]) -> Result<Kept, HandshakeError> {
        let mut storage = vec![0; storage];
        let mut head = Head::new(NAMES, limits.0, limits.1);
        let mut start = 0;
        for &end in cuts.iter().chain([&input.len()]) {
            let n = head.read(&mut storage, &input[start..end], &mut |line| Ok(!line.is_empty()))?;
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

    /// [6455-4.2.1-9]: a field that matters is kept, in any order and case; every other field is only validated.
    #[test]
    fn head_keeps_the_fields_that_matter_at_any_cut() {
        let wire = b"\r\nGET / HTTP/1.1\r\nHOST:a \t\r\nHos:x\r\nX:\r\ncookie: \t1; 2\r\nSec-WebSocket-Keyring:r\r\n\
            sec-websocket-keys: no\r\nCookie:\r\nSec-WebSocket-Key: k\r\n\r\nrest";
        let kept =
            [(0, "a"), (3, "1; 2"), (2, "r"), (3, ""), (1, "k")].map(|(place, value)| (Id::of(place), value.into()));
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
            assert_eq!(read(wire, 45, (200, 7), cuts), Err(HandshakeError::TooManyFields));
        }
    }

    /// The start line, the field and the end have 20, 9 and 2 bytes.
    #[test]
    fn parsed_field_counts_as_its_line() {
        let read = |limit| {
            let (mut storage, mut head) = ([0; 64], Head::new(NAMES, limit, 1));
            head.start_line(&mut storage, 20, b"GET /")?;
            head.field(&mut storage, b"Host", b"a")?;
            head.end()
        };
        assert_eq!((read(31), read(30)), (Ok(()), Err(HandshakeError::HeadTooLarge)));
    }

    #[test]
    fn head_refuses_lines_that_are_not_strict() {
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
            ("A : b\r\n\r\n", FieldName),
            ("A\t: b\r\n\r\n", FieldName),
            (": b\r\n\r\n", FieldName),
            ("A\r\n\r\n", FieldName),
            ("\"A\": b\r\n\r\n", FieldName),
            ("A\u{e9}: b\r\n\r\n", FieldName),
            ("A\0: b\r\n\r\n", FieldName),
            ("A: b\0\r\n\r\n", FieldValue),
            ("A: \x1bb\r\n\r\n", FieldValue),
            ("A: b\x7f\r\n\r\n", FieldValue),
            ("Host: \0\r\n\r\n", FieldValue),
        ] {
            let wire = [b"GET / HTTP/1.1\r\n", lines.as_bytes()].concat();
            let every: Vec<_> = (0..wire.len()).collect();
            assert_eq!(read(&wire, 64, (200, 9), &[]), Err(error), "{lines:?}");
            assert_eq!(read(&wire, 64, (200, 9), &every), Err(error), "{lines:?}");
        }
        assert_eq!(read(b"GET /\x01 HTTP/1.1\r\n\r\n", 64, (200, 9), &[]), Err(StartLine));
        assert_eq!(read(b"GET / HTTP/1.1\n\r\n", 64, (200, 9), &[]), Err(LineEnding));
        assert_eq!(read(b"\nGET / HTTP/1.1\r\n\r\n", 64, (200, 9), &[]), Err(LineEnding));
        // RFC 9110 5.5: a value may contain HTAB and bytes above 0x7f.
        assert!(read(b"GET / HTTP/1.1\r\nA: b\t\xe9\xff\r\n\r\n", 64, (200, 9), &[]).is_ok());
    }

    #[test]
    fn control_character_is_found_at_every_place() {
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
