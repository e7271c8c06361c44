//! The two codes of a block, and the meaning of their symbols (RFC 1951 section 3.2.5).

use super::bits::Bits;
use super::huffman::{Decoder, fixed_distances, fixed_literals};
use crate::deflate::rfc1951::{DISTANCES, END_OF_BLOCK, FIXED_DISTANCE_BITS, LITERALS, distance, fixed_bits, length};
use crate::target::FAST;
use crate::wire::error::ProtocolError;

/// The sizes of the tables for short codes: with `FAST` as large as is useful, otherwise smaller. The table for
/// distances also has to hold the code for lengths, which has up to seven bits.
const LITERAL_TABLE: usize = if FAST { 512 } else { 128 };
const DISTANCE_TABLE: usize = 128;

/// The fixed codes. If the tables are large, all codes fit them.
static FIXED_LITERALS: [u16; LITERAL_TABLE] = fixed_literals();
static FIXED_DISTANCES: [u16; DISTANCE_TABLE] = fixed_distances();

/// The meaning of a code or two.
pub(super) enum Symbol {
    Literal(u8),
    EndOfBlock,
    Match { length: u16, distance: u16 },
}

/// The codes of the current block.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Codes {
    pub(super) literals: Decoder<LITERAL_TABLE, LITERALS>,
    /// In the header of a dynamic block, the code for lengths of codes.
    pub(super) distances: Decoder<DISTANCE_TABLE, DISTANCES>,
    /// Whether they are the fixed codes. These are kept between blocks, since most small messages are fixed blocks.
    fixed: bool,
}

impl Codes {
    pub(super) const fn new() -> Self {
        Self { literals: Decoder::new(), distances: Decoder::new(), fixed: false }
    }

    /// Builds the code for lengths of codes.
    pub(super) fn build_code_lengths(&mut self, lengths: &[u8]) -> Result<(), ProtocolError> {
        self.fixed = false;
        if self.distances.build(lengths, false) { Ok(()) } else { Err(ProtocolError::DeflateCode) }
    }

    /// Builds the codes of a dynamic block. It is an error if no code ends the block.
    pub(super) fn build(&mut self, literals: &[u8], distances: &[u8]) -> Result<(), ProtocolError> {
        let ends = literals.get(usize::from(END_OF_BLOCK)).is_some_and(|length| *length > 0);
        if !ends || !self.literals.build(literals, true) || !self.distances.build(distances, true) {
            return Err(ProtocolError::DeflateCode);
        }
        Ok(())
    }

    /// Builds the fixed codes (RFC 1951 section 3.2.6): from constants if the tables hold all codes, otherwise from
    /// lengths, with `lengths` as working memory.
    pub(super) fn build_fixed(&mut self, lengths: &mut [u8; LITERALS + DISTANCES]) {
        if self.fixed {
            return;
        }
        self.fixed = true;
        if FAST {
            self.literals.use_table(&FIXED_LITERALS);
            self.distances.use_table(&FIXED_DISTANCES);
            return;
        }
        for (length, symbol) in lengths.iter_mut().zip(0u16..) {
            let bits = if symbol < LITERALS as u16 { fixed_bits(symbol) } else { FIXED_DISTANCE_BITS };
            *length = bits as u8;
        }
        let (literals, distances) = lengths.split_at_checked(LITERALS).unwrap_or_else(|| never!(Default::default()));
        self.literals.build(literals, false);
        self.distances.build(distances, false);
    }

    /// Returns the next symbol and the number of its bits, or `None` if some of these bits are missing.
    #[inline]
    pub(super) fn decode(&self, bits: &Bits) -> Result<Option<(Symbol, u32)>, ProtocolError> {
        let (bits, count) = (bits.peek(), bits.count());
        let first = self.literals.decode(bits);
        if first.bits() > count {
            return Ok(None);
        }
        let symbol = match first.symbol() {
            _ if first.bits() == 0 => return Err(ProtocolError::DeflateCode),
            literal @ ..END_OF_BLOCK => Symbol::Literal(literal as u8),
            END_OF_BLOCK => Symbol::EndOfBlock,
            symbol => {
                let (length, extra) = length(symbol, bits >> first.bits()).ok_or(ProtocolError::DeflateCode)?;
                let used = first.bits() + extra;
                let second = self.distances.decode(bits >> used);
                if used + second.bits() > count {
                    return Ok(None);
                }
                if second.bits() == 0 {
                    return Err(ProtocolError::DeflateCode);
                }
                let used = used + second.bits();
                let (distance, extra) = distance(second.symbol(), bits >> used).ok_or(ProtocolError::DeflateCode)?;
                let complete = used + extra <= count;
                return Ok(complete.then_some((Symbol::Match { length, distance }, used + extra)));
            }
        };
        Ok(Some((symbol, first.bits())))
    }
}
