//! Compares a peer's outcome with the result that RFC 6455 requires.

use crate::stream::{End, Stream};
use peers::Outcome;

/// Returns the status code of the first Close frame written, or 1005 if it has none.
pub fn close_sent(written: &[u8]) -> Option<u16> {
    let mut rest = written;
    while let [first, second, after @ ..] = rest {
        let (len, after) = match (second & 0x7f, after) {
            (126, [a, b, after @ ..]) => (usize::from(u16::from_be_bytes([*a, *b])), after),
            (len, after) => (usize::from(len), after),
        };
        let (key, after) = match after.split_first_chunk::<4>() {
            Some((key, after)) if second & 0x80 != 0 => (*key, after),
            _ => ([0; 4], after),
        };
        match after.get(..len)? {
            [a, b, ..] if first & 0xf == 8 => return Some(u16::from_be_bytes([a ^ key[0], b ^ key[1]])),
            [] if first & 0xf == 8 => return Some(1005),
            _ => rest = &after[len..],
        }
    }
    None
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rating {
    /// As the RFC requires.
    Right,
    /// Accepts what it must refuse.
    Accepts,
    /// Refuses what it must accept.
    Refuses,
    /// Delivers something else: other messages than those sent, messages after a Close or an error, or no notice of the
    /// Close.
    Differs,
    Panics,
    Aborts,
    Hangs,
}

impl Rating {
    pub const WRONG: [Self; 6] = [Self::Accepts, Self::Refuses, Self::Differs, Self::Panics, Self::Aborts, Self::Hangs];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Right => "ok",
            Self::Accepts => "accepts",
            Self::Refuses => "refuses",
            Self::Differs => "differs",
            Self::Panics => "panics",
            Self::Aborts => "aborts",
            Self::Hangs => "hangs",
        }
    }
}

/// Rates an outcome. A peer refuses a stream if it reports an error, or sends a Close frame with the code of an error that
/// is not an echo.
pub fn rate(stream: &Stream, outcome: &Outcome) -> Rating {
    let own = match stream.expected.end {
        End::Close(code) => code,
        _ => None,
    };
    let is_error = |code: u16| matches!(code, 1002 | 1003 | 1007..=1009 | 1011) && Some(code) != own;
    let refused = outcome.error.is_some() || close_sent(&outcome.written).is_some_and(is_error);
    let messages = &stream.expected.messages;
    match stream.expected.end {
        End::Refused(_) | End::Either(_) if !messages.starts_with(&outcome.messages) => {
            if refused {
                Rating::Differs
            } else {
                Rating::Accepts
            }
        }
        End::Refused(_) if !refused => Rating::Accepts,
        End::Refused(_) | End::Either(_) => Rating::Right,
        _ if refused => Rating::Refuses,
        End::Open if outcome.closed => Rating::Differs,
        End::Close(_) if !outcome.closed => Rating::Differs,
        _ if outcome.messages != *messages => Rating::Differs,
        _ => Rating::Right,
    }
}
