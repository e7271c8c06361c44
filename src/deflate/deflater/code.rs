//! Huffman codes for deflating: the fixed ones, and those made for the symbols of a block (RFC 1951 section 3.2).

use super::bits::Bits;

/// Literals, the end of the block, and lengths.
pub(super) const LITERALS: usize = 286;
pub(super) const DISTANCES: usize = 30;
pub(super) const END_OF_BLOCK: u16 = 256;
/// The shortest match that there are codes for.
pub(super) const SHORTEST: u16 = 3;

/// The symbol of a match's length, and its extra bits: their number and value.
#[inline]
pub(super) fn length(length: u16) -> (u16, u32, u32) {
    let n = u32::from(length.saturating_sub(SHORTEST));
    match n {
        ..8 => (257 + n as u16, 0, 0),
        255.. => (285, 0, 0),
        // RFC 1951 3.2.5: four symbols for each number of extra bits
        _ => {
            let extra = 29 - n.leading_zeros();
            ((257 + 4 * extra + (n >> extra)) as u16, extra, n & !(u32::MAX << extra))
        }
    }
}

/// The symbol of a match's distance, and its extra bits.
#[inline]
pub(super) fn distance(distance: u16) -> (u16, u32, u32) {
    let n = u32::from(distance.saturating_sub(1));
    match n {
        ..4 => (n as u16, 0, 0),
        _ => {
            let extra = 30 - n.leading_zeros();
            ((2 * extra + (n >> extra)) as u16, extra, n & !(u32::MAX << extra))
        }
    }
}

/// The bits of a literal or length in the fixed code.
pub(super) const fn fixed_bits(symbol: u16) -> u32 {
    match symbol {
        ..144 => 8,
        144..256 => 9,
        256..280 => 7,
        _ => 8,
    }
}

/// Writes a literal or length in the fixed code.
// RFC 1951 3.2.6
#[inline]
pub(super) fn push_fixed(bits: &mut Bits<'_>, symbol: u16) {
    let code = match symbol {
        ..144 => 0x30 + symbol,
        144..256 => 0x190 + (symbol - 144),
        256..280 => symbol - 256,
        _ => 0xC0 + symbol.wrapping_sub(280),
    };
    push_code(bits, code, fixed_bits(symbol));
}

/// Writes a distance in the fixed code.
pub(super) fn push_fixed_distance(bits: &mut Bits<'_>, symbol: u16) {
    push_code(bits, symbol, 5);
}

/// RFC 1951 3.1.1: a code comes first bit first, all else last bit first
#[inline]
fn push_code(bits: &mut Bits<'_>, code: u16, n: u32) {
    bits.push(u32::from(code.reverse_bits() >> (16 - n)), n);
}

/// A code for `S` symbols.
pub(super) struct Code<const S: usize> {
    /// By symbol: the code, ready to be written, and its bits; none for a symbol that does not occur.
    codes: [(u16, u8); S],
}

impl<const S: usize> Code<S> {
    /// The code with the fewest bits for symbols that occur so often, none longer than `max_bits`.
    pub(super) fn new(frequencies: &[u16; S], max_bits: usize) -> Self {
        let mut code = Self { codes: [(0, 0); S] };
        let mut sorted = [(0u16, 0u16); S];
        let mut used = 0;
        for (symbol, frequency) in (0..).zip(frequencies).filter(|(_, frequency)| **frequency > 0) {
            if let Some(place) = sorted.get_mut(used) {
                *place = (*frequency, symbol);
                used += 1;
            }
        }
        // RFC 1951 3.2.7: one symbol alone would do, but some decoders want a complete code
        for symbol in 0..2 {
            if used < 2
                && frequencies.get(usize::from(symbol)) == Some(&0)
                && let Some(place) = sorted.get_mut(used)
            {
                *place = (1, symbol);
                used += 1;
            }
        }
        let sorted = sorted.get_mut(..used).unwrap_or_default();
        sort(sorted);
        let counts = lengths(sorted, max_bits);
        // The rarest have the longest codes.
        let mut symbols = sorted.iter();
        for (count, bits) in counts.iter().zip(0u8..16).rev() {
            for (_, (_, symbol)) in (0..*count).zip(&mut symbols) {
                if let Some((_, place)) = code.codes.get_mut(usize::from(*symbol)) {
                    *place = bits;
                }
            }
        }
        // RFC 1951 3.2.2
        let (mut next, mut first) = ([0u16; 16], 0u16);
        for (next, count) in next.iter_mut().zip(&counts).skip(1) {
            first <<= 1;
            *next = first;
            first = first.wrapping_add(*count);
        }
        for (code, bits) in code.codes.iter_mut().filter(|(_, bits)| *bits > 0) {
            if let Some(next) = next.get_mut(usize::from(*bits)) {
                *code = next.reverse_bits() >> ((16 - *bits) & 15);
                *next = next.wrapping_add(1);
            }
        }
        code
    }

    #[inline]
    pub(super) fn push(&self, bits: &mut Bits<'_>, symbol: u16) {
        let (code, n) = self.codes.get(usize::from(symbol)).copied().unwrap_or_default();
        bits.push(code.into(), n.into());
    }

    /// The lengths of the codes, up to the last symbol that has one but at least `min` of them.
    pub(super) fn lengths(&self, min: usize) -> impl Iterator<Item = u8> + Clone + '_ {
        let used = self.codes.iter().rposition(|(_, bits)| *bits > 0).map_or(0, |last| last + 1);
        self.codes.iter().take(used.max(min)).map(|(_, bits)| *bits)
    }

    pub(super) fn bits(&self, symbol: u16) -> u32 {
        self.codes.get(usize::from(symbol)).map_or(0, |(_, bits)| u32::from(*bits))
    }
}

/// By frequency, the rarest first: Shell's method, which needs no memory.
fn sort(symbols: &mut [(u16, u16)]) {
    for gap in [132, 57, 23, 10, 4, 1] {
        for start in gap..symbols.len() {
            let mut at = start;
            while let Some(before) = at.checked_sub(gap)
                && let Some((low, high)) = symbols.split_at_mut_checked(at)
                && let (Some(a), Some(b)) = (low.get_mut(before), high.first_mut())
                && *a > *b
            {
                core::mem::swap(a, b);
                at = before;
            }
        }
    }
}

/// How many symbols have codes of which length, in Huffman's tree for symbols that are sorted.
fn lengths(sorted: &[(u16, u16)], max_bits: usize) -> [u16; 16] {
    /// Nodes above the leaves: one less than the largest number of those.
    const NODES: usize = 286;
    let (mut weights, mut parents) = ([0u32; NODES], [0u16; NODES]);
    let mut leaf_parents = [0u16; NODES];
    // The two lightest of what is left have the next node as their parent. Nodes are made in the order of their
    // weights.
    let (mut leaf, mut inner) = (0usize, 0usize);
    let nodes = sorted.len().saturating_sub(1);
    for node in 0..nodes {
        let mut weight = 0;
        for _ in 0..2 {
            let lightest_leaf = sorted.get(leaf).map(|(frequency, _)| u32::from(*frequency));
            let lightest_inner = if inner < node { weights.get(inner).copied() } else { None };
            let place = match (lightest_leaf, lightest_inner) {
                (Some(a), b) if b.is_none_or(|b| a <= b) => {
                    weight += a;
                    leaf += 1;
                    leaf_parents.get_mut(leaf - 1)
                }
                (_, b) => {
                    weight += b.unwrap_or(0);
                    inner += 1;
                    parents.get_mut(inner - 1)
                }
            };
            if let Some(place) = place {
                *place = node as u16;
            }
        }
        if let Some(place) = weights.get_mut(node) {
            *place = weight;
        }
    }
    // From the root down: the depth of each node takes the place of its weight.
    let depth_of = |depths: &[u32; NODES], parent: u16| depths.get(usize::from(parent)).map_or(0, |depth| depth + 1);
    for node in (0..nodes).rev() {
        let depth = if node + 1 == nodes { 0 } else { depth_of(&weights, parents.get(node).copied().unwrap_or(0)) };
        if let Some(place) = weights.get_mut(node) {
            *place = depth;
        }
    }
    let mut counts = [0u16; 16];
    for parent in leaf_parents.iter().take(sorted.len()) {
        let bits = (depth_of(&weights, *parent) as usize).min(max_bits);
        if let Some(count) = counts.get_mut(bits) {
            *count += 1;
        }
    }
    limit(&mut counts, max_bits);
    counts
}

/// Where codes were cut to `max_bits` there are too many: as long as there are, a shorter one makes room for two that
/// are a bit longer, one of them in place of a longest.
fn limit(counts: &mut [u16; 16], max_bits: usize) {
    let space = |counts: &[u16; 16]| -> u32 {
        counts.iter().zip(0..).skip(1).take(max_bits).map(|(count, bits)| u32::from(*count) << (max_bits - bits)).sum()
    };
    let mut used = space(counts);
    while used > 1 << max_bits {
        let Some(shorter) = counts.iter().take(max_bits).skip(1).rposition(|count| *count > 0).map(|n| n + 1) else {
            return;
        };
        for (bits, change) in [(shorter, u16::MAX), (shorter + 1, 2), (max_bits, u16::MAX)] {
            if let Some(count) = counts.get_mut(bits) {
                *count = count.wrapping_add(change);
            }
        }
        used -= 1;
    }
}
