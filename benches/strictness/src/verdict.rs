//! What a peer made of a stream, and whether that is what RFC 6455 says.

use crate::stream::{End, Stream};
use peers::Outcome;

/// The status code of the first Close frame that was written; 1005 for one without.
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
pub enum Verdict {
    /// As the RFC says.
    Right,
    /// What it must refuse.
    Accepts,
    /// What it must accept.
    Refuses,
    /// Delivers something else: other messages than were sent, some after a Close or an error, or no sign of the Close.
    Differs,
    Panics,
    Aborts,
    Hangs,
}

impl Verdict {
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

/// Compares. A peer refuses when it reports an error, or sends a Close frame with a code that tells of one and is no
/// echo.
pub fn judge(stream: &Stream, outcome: &Outcome) -> Verdict {
    let own = match stream.expected.end {
        End::Close(code) => code,
        _ => None,
    };
    let tells = |code: u16| matches!(code, 1002 | 1003 | 1007..=1009 | 1011) && Some(code) != own;
    let refused = outcome.error.is_some() || close_sent(&outcome.written).is_some_and(tells);
    let messages = &stream.expected.messages;
    match stream.expected.end {
        End::Refused(_) | End::Either(_) if !messages.starts_with(&outcome.messages) => {
            if refused {
                Verdict::Differs
            } else {
                Verdict::Accepts
            }
        }
        End::Refused(_) if !refused => Verdict::Accepts,
        End::Refused(_) | End::Either(_) => Verdict::Right,
        _ if refused => Verdict::Refuses,
        End::Open if outcome.closed => Verdict::Differs,
        End::Close(_) if !outcome.closed => Verdict::Differs,
        _ if outcome.messages != *messages => Verdict::Differs,
        _ => Verdict::Right,
    }
}
