//! Buffers of the host.

use std::ops::{Deref, DerefMut};

/// A buffer that begins at the start of a page. A buffer from the allocator can begin right before the end of a page, which
/// makes every small read slower.
#[derive(Debug)]
pub struct Lent {
    memory: Vec<u8>,
    start: usize,
}

const PAGE: usize = 4096;

impl Lent {
    pub fn new(len: usize) -> Self {
        let mut memory = vec![0; len + PAGE];
        let start = memory.as_ptr().align_offset(PAGE);
        memory.truncate(start + len);
        Self { memory, start }
    }
}

impl Deref for Lent {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.memory[self.start..]
    }
}

impl DerefMut for Lent {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..]
    }
}

impl AsMut<[u8]> for Lent {
    #[inline]
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}
