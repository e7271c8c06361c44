//! The source of masking keys for peers that need one, and of the workloads' contents.

use std::convert::Infallible;

/// xorshift64: the same numbers in each run.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Random {
    #[inline]
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Returns a masking key, fit only for measurements.
    #[inline]
    pub fn key(&mut self) -> [u8; 4] {
        (self.draw() as u32).to_le_bytes()
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.draw() >> 11) as usize % end
    }
}

impl rand_core::TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.draw() as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.draw())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.chunks_mut(8).for_each(|part| part.copy_from_slice(&self.draw().to_le_bytes()[..part.len()]));
        Ok(())
    }
}

impl rand_core_06::RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        self.draw() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.draw()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.chunks_mut(8).for_each(|part| part.copy_from_slice(&self.draw().to_le_bytes()[..part.len()]));
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}
