//! Frames that lie in the input whole, as most do. No state has to be kept of them.

use crate::wire::Mask;

/// Where a frame at the start of the input has its parts. Its length has at most 16 bits.
pub(super) struct WholeFrame {
    /// FIN, the reserved bits and the opcode.
    pub(super) first: u8,
    pub(super) mask: Mask,
    start: usize,
    pub(super) len: usize,
}

impl WholeFrame {
    /// Finds such a frame, if its first byte is wanted. Whatever is unusual about one makes it go the long way, which knows
    /// all the rules.
    #[inline(always)]
    pub(super) fn find(bytes: &[u8], is_server: bool, is_wanted: impl Fn(u8) -> bool) -> Option<Self> {
        let (&[first, second], tail) = bytes.split_first_chunk()?;
        if !is_wanted(first) {
            return None;
        }
        // RFC 6455 5.1: a client's MASK bit is set, a server's is not [6455-5.1-2] [6455-5.1-5]
        let (len, start, tail) = match if is_server { second ^ 0x80 } else { second } {
            short @ ..126 => (usize::from(short), 2, tail),
            126 => {
                let (len, tail) = tail.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*len)), 4, tail)
            }
            _ => return None,
        };
        // RFC 6455 5.2: the minimal number of bytes [6455-5.2-8]
        if start == 4 && len < 126 {
            return None;
        }
        let (mask, start) =
            if is_server { (Mask::new(*tail.first_chunk()?), start + 4) } else { (Mask::new([0; 4]), start) };
        (bytes.len().checked_sub(start)? >= len).then_some(Self { first, mask, start, len })
    }

    /// The payload, and what is behind it.
    #[inline(always)]
    pub(super) fn split<'b>(&self, bytes: &'b mut [u8]) -> (&'b mut [u8], &'b mut [u8]) {
        let (_, tail) = bytes.split_at_mut_checked(self.start).unwrap_or_default();
        tail.split_at_mut_checked(self.len).unwrap_or_default()
    }
}
