//! Memory that the host lends.

use std::ops::{Deref, DerefMut};

/// So many bytes, from the start of a page on. Wherever the allocator puts it, some contenders would have a buffer that
/// begins right before the end of a page, and be a fifth slower in small reads.
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
