//! The output of a call. Matches are copied from this output and, if they begin before it, from the window.

use crate::bytes::copy;
use crate::deflate::window::Window;
use crate::wire::error::ProtocolError;

/// The room of a call, and the window with the output of earlier calls.
pub(super) struct Output<'a> {
    pub(super) window: Window,
    /// The window's bytes.
    pub(super) ring: &'a [u8],
    pub(super) room: &'a mut [u8],
    pub(super) produced: usize,
}

impl Output<'_> {
    /// Lends the room. Only the copy counts the bytes that are written with it.
    #[inline(always)]
    pub(super) const fn reborrow(&mut self) -> Output<'_> {
        Output { window: self.window, ring: self.ring, room: self.room, produced: self.produced }
    }

    /// Checks that a match does not begin before the first byte or before the window.
    #[inline(always)]
    pub(super) fn check(&self, distance: u16) -> Result<(), ProtocolError> {
        let reach = self.window.reach(self.ring, self.produced);
        if usize::from(distance) > reach { Err(ProtocolError::DeflateDistance) } else { Ok(()) }
    }

    /// Writes a literal. Returns false if there is no room.
    #[inline]
    pub(super) fn push(&mut self, byte: u8) -> bool {
        let Some(place) = self.room.get_mut(self.produced) else { return false };
        *place = byte;
        self.produced += 1;
        true
    }

    /// Writes as many of the bytes as there is room for, but at most `most`. Returns how many.
    pub(super) fn extend(&mut self, bytes: &[u8], most: u16) -> usize {
        let end = self.produced.saturating_add(most.into()).min(self.room.len());
        let copied = copy(self.room.get_mut(self.produced..end).unwrap_or_else(|| never!(Default::default())), bytes);
        self.produced += copied;
        copied
    }

    /// Copies as much of a match as there is room for, and returns how much. The distance must have been checked.
    #[inline(never)]
    pub(super) fn copy_match(&mut self, length: u16, distance: u16) -> u16 {
        let (start, distance) = (self.produced, usize::from(distance));
        let end = start.saturating_add(length.into()).min(self.room.len());
        let room = self.room.get_mut(..end).unwrap_or_else(|| never!(Default::default()));
        let mut at = start;
        if let Some(back @ 1..) = distance.checked_sub(at) {
            for piece in &self.window.last(self.ring, back) {
                at += copy(room.get_mut(at..).unwrap_or_else(|| never!(Default::default())), piece);
            }
        }
        // The rest is in the output. A match can be longer than its distance. Then it repeats, and each round doubles
        // the bytes to copy.
        let from = at.saturating_sub(distance);
        while let Some((written, to)) = room.split_at_mut_checked(at)
            && !to.is_empty()
        {
            let copied = copy(to, written.get(from..).unwrap_or_else(|| never!(Default::default())));
            if copied == 0 {
                never!();
                break;
            }
            at += copied;
        }
        self.produced = at;
        at.wrapping_sub(start) as u16
    }
}
