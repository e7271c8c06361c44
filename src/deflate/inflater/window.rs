//! What matches are copied from: what the same call has written and, where that does not reach back far enough, the
//! window, a ring with the end of what earlier calls have written.

use crate::bytes::copy;
use crate::wire::error::ProtocolError;

/// Where a call reads and writes.
pub(super) struct Place<'a> {
    pub(super) window: &'a mut [u8],
    pub(super) out: &'a mut [u8],
    pub(super) consumed: usize,
    pub(super) produced: usize,
}

/// Where the ring stands.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Ring {
    /// Bytes of the window that are known.
    known: u16,
    /// Where the next one goes.
    next: u16,
}

impl Ring {
    pub(super) const fn new() -> Self {
        Self { known: 0, next: 0 }
    }

    /// Empties the window.
    pub(super) const fn forget(&mut self) {
        self.known = 0;
    }

    /// Whether a match reaches back no further than there are bytes, and than the window is long.
    #[inline(always)]
    pub(super) fn check(&self, distance: u16, at: &Place<'_>) -> Result<(), ProtocolError> {
        let known = at.produced.saturating_add(self.known.into()).min(at.window.len());
        if usize::from(distance) > known { Err(ProtocolError::DeflateDistance) } else { Ok(()) }
    }

    /// The place of what was written so far back from the beginning of the call.
    #[inline]
    pub(super) fn place(&self, window: &[u8], back: usize) -> usize {
        let next = usize::from(self.next);
        next.checked_sub(back).unwrap_or((window.len() + next).saturating_sub(back))
    }

    /// Copies as much of a match as there is room for.
    pub(super) fn copy(&self, at: &mut Place<'_>, length: u16, distance: u16) -> u16 {
        let (length, distance) = (usize::from(length), usize::from(distance));
        let mut copied = 0;
        // What is older than this call's output is in the window, in two pieces if the ring's end is between them.
        while copied < length
            && let Some(back @ 1..) = distance.checked_sub(at.produced)
        {
            let from = at.window.get(self.place(at.window, back)..).unwrap_or_default();
            let from = from.get(..back.min(length - copied)).unwrap_or(from);
            let n = copy(at.out.get_mut(at.produced..).unwrap_or_default(), from);
            at.produced += n;
            copied += n;
            if n == 0 {
                return copied as u16;
            }
        }
        // What is repeated within the match doubles with each round.
        let start = at.produced.saturating_sub(distance);
        while copied < length {
            let Some((from, to)) = at.out.split_at_mut_checked(at.produced) else { break };
            let from = from.get(start..).unwrap_or_default();
            let from = from.get(..length - copied).unwrap_or(from);
            let n = copy(to, from);
            at.produced += n;
            copied += n;
            if n == 0 {
                break;
            }
        }
        copied as u16
    }

    /// Adds what was written to the window.
    pub(super) fn remember(&mut self, window: &mut [u8], written: &[u8]) {
        let end = written.get(written.len().saturating_sub(window.len())..).unwrap_or_default();
        if end.len() == window.len() {
            copy(window, end);
            self.next = 0;
            self.known = window.len() as u16;
            return;
        }
        let room = window.get_mut(self.next.into()..).unwrap_or_default();
        let n = copy(room, end);
        let wrapped = n == room.len();
        self.next = if wrapped { copy(window, end.get(n..).unwrap_or_default()) as u16 } else { self.next + n as u16 };
        self.known = (usize::from(self.known) + end.len()).min(window.len()) as u16;
    }
}
