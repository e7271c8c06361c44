//! The header of a dynamic block: the lengths of its codes, which are themselves coded (RFC 1951 section 3.2.7).

use super::bits::Bits;
use super::codes::Codes;
use crate::deflate::rfc1951::{
    CODE_LENGTH_ORDER, CODE_LENGTHS, DISTANCES, LITERALS, MANY_ZEROS, REPEAT, USED_DISTANCES, USED_LITERALS, ZEROS,
    repeated,
};
use crate::wire::error::ProtocolError;

/// The lengths of the codes of a block.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Lengths {
    /// The lengths for literals and lengths, followed by those for distances. Before that, the lengths of the code for
    /// lengths.
    lengths: [u8; LITERALS + DISTANCES],
    /// How many there are for literals and lengths, minus 257, and for distances, minus 1.
    literals: u8,
    distances: u8,
}

impl Lengths {
    pub(super) const fn new() -> Self {
        Self { lengths: [0; LITERALS + DISTANCES], literals: 0, distances: 0 }
    }

    /// Returns working memory. Do not use it inside the header of a dynamic block.
    pub(super) const fn scratch(&mut self) -> &mut [u8; LITERALS + DISTANCES] {
        &mut self.lengths
    }

    /// Begins a header with its first 14 bits. Returns how many lengths the code for lengths has.
    pub(super) fn begin(&mut self, counts: u32) -> Result<u8, ProtocolError> {
        self.literals = (counts & 31) as u8;
        self.distances = (counts >> 5 & 31) as u8;
        self.lengths = [0; LITERALS + DISTANCES];
        // RFC 1951 3.2.6: the last two symbols of each code never occur
        if self.literal_count() > USED_LITERALS as u16 || self.count() - self.literal_count() > USED_DISTANCES as u16 {
            return Err(ProtocolError::DeflateCode);
        }
        Ok(4 + (counts >> 10) as u8)
    }

    const fn literal_count(&self) -> u16 {
        257 + self.literals as u16
    }

    /// Returns the total number of lengths.
    pub(super) const fn count(&self) -> u16 {
        self.literal_count() + 1 + self.distances as u16
    }

    /// Sets length `n`, in the order of the header, of the code for lengths.
    pub(super) fn set_code_length(&mut self, n: u8, length: u8) {
        let symbol = CODE_LENGTH_ORDER.get(usize::from(n)).copied().unwrap_or_else(|| never!(0));
        match self.lengths.get_mut(usize::from(symbol)) {
            Some(place) => *place = length,
            None => never!(),
        }
    }

    /// Builds the code for lengths.
    pub(super) fn build_code_lengths(&self, codes: &mut Codes) -> Result<(), ProtocolError> {
        codes.build_code_lengths(self.lengths.get(..CODE_LENGTHS).unwrap_or_else(|| never!(Default::default())))
    }

    /// Reads the next length, for symbol `n` and possibly those after it. Returns the number of symbols, or `None` if
    /// some bits are missing.
    pub(super) fn read(&mut self, n: u16, codes: &Codes, bits: &mut Bits) -> Result<Option<u16>, ProtocolError> {
        let decoded = codes.distances.decode(bits.peek());
        if decoded.bits() == 0 {
            return Err(ProtocolError::DeflateCode);
        }
        let symbol = decoded.symbol() as u8;
        let (least, extra) = repeated(symbol);
        if decoded.bits() + extra > bits.count() {
            return Ok(None);
        }
        bits.use_up(decoded.bits());
        let times = least + bits.take(extra).unwrap_or_else(|| never!(0)) as u16;
        let length = match symbol {
            REPEAT => n.checked_sub(1).and_then(|n| self.lengths.get(usize::from(n))).copied(),
            ZEROS | MANY_ZEROS => Some(0),
            length => Some(length),
        };
        let length = length.ok_or(ProtocolError::DeflateCode)?;
        if n + times > self.count() {
            return Err(ProtocolError::DeflateCode);
        }
        self.lengths.iter_mut().skip(n.into()).take(times.into()).for_each(|place| *place = length);
        Ok(Some(times))
    }

    /// Builds the codes of the block.
    pub(super) fn build(&self, codes: &mut Codes) -> Result<(), ProtocolError> {
        let lengths = self.lengths.get(..self.count().into()).unwrap_or_else(|| never!(Default::default()));
        let split = lengths.split_at_checked(self.literal_count().into());
        let (literals, distances) = split.unwrap_or_else(|| never!(Default::default()));
        codes.build(literals, distances)
    }
}
