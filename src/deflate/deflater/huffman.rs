//! Huffman's algorithm: the lengths of the shortest code for symbols with known frequencies.

use crate::deflate::rfc1951::{MAX_BITS, USED_LITERALS};

/// Sorts symbols by frequency, the rarest first, with Shell's method, which needs no memory.
pub(super) fn sort(symbols: &mut [(u16, u16)]) {
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

/// Returns how many codes have each length, up to `max_bits`, for symbols that are sorted by frequency.
pub(super) fn lengths(sorted: &[(u16, u16)], max_bits: usize) -> [u16; MAX_BITS + 1] {
    let (mut tree, mut leaf_parents) = (Tree { parents: [0; NODES], weights: [0; NODES] }, [0u16; NODES]);
    let nodes = sorted.len().saturating_sub(1);
    tree.build(sorted, &mut leaf_parents, nodes);
    tree.weights_to_depths(nodes);
    let mut counts = [0u16; MAX_BITS + 1];
    for parent in leaf_parents.iter().take(sorted.len()) {
        let bits = (tree.below(*parent) as usize).min(max_bits);
        match counts.get_mut(bits) {
            Some(count) => *count += 1,
            None => never!(),
        }
    }
    limit(&mut counts, max_bits);
    counts
}

/// The maximum number of nodes above the leaves: one less than the number of leaves, plus one that is not used.
const NODES: usize = USED_LITERALS;

/// Huffman's tree: a leaf for each symbol, and nodes that have two children each.
///
/// With sorted leaves, the nodes are made in the order of their weights. So the leaves and the nodes are two queues,
/// and the lightest one without a parent is at the front of one of them (van Leeuwen's method). A node's parent is made
/// after the node, and the last node is the root.
struct Tree {
    parents: [u16; NODES],
    /// The weights of the nodes, and at the end their depths.
    weights: [u32; NODES],
}

impl Tree {
    /// Makes each node the parent of the two lightest leaves or nodes without a parent.
    fn build(&mut self, sorted: &[(u16, u16)], leaf_parents: &mut [u16; NODES], nodes: usize) {
        let (mut leaf, mut inner) = (0usize, 0usize);
        for node in 0..nodes {
            let mut weight = 0;
            for _ in 0..2 {
                let lightest_leaf = sorted.get(leaf).map(|(frequency, _)| u32::from(*frequency));
                let lightest_node = if inner < node { self.weights.get(inner).copied() } else { None };
                let place = match (lightest_leaf, lightest_node) {
                    (Some(a), b) if b.is_none_or(|b| a <= b) => {
                        weight += a;
                        leaf += 1;
                        leaf_parents.get_mut(leaf - 1)
                    }
                    (_, b) => {
                        weight += b.unwrap_or_else(|| never!(0));
                        inner += 1;
                        self.parents.get_mut(inner - 1)
                    }
                };
                match place {
                    Some(place) => *place = node as u16,
                    None => never!(),
                }
            }
            match self.weights.get_mut(node) {
                Some(place) => *place = weight,
                None => never!(),
            }
        }
    }

    /// Replaces the weight of each node by its depth, from the root down.
    fn weights_to_depths(&mut self, nodes: usize) {
        for node in (0..nodes).rev() {
            let parent = self.parents.get(node).copied().unwrap_or_else(|| never!(0));
            let depth = if node + 1 == nodes { 0 } else { self.below(parent) };
            match self.weights.get_mut(node) {
                Some(place) => *place = depth,
                None => never!(),
            }
        }
    }

    /// Returns the depth of a child. The depth of its parent must be known.
    fn below(&self, parent: u16) -> u32 {
        self.weights.get(usize::from(parent)).map_or_else(|| never!(0), |depth| depth + 1)
    }
}

/// Makes the code valid again after codes were cut to `max_bits`. A code of n bits takes 2^(`max_bits` - n) of the
/// 2^`max_bits` numbers. While more are taken than there are, a shorter code is replaced by two that are one bit
/// longer: one for its own symbol, and one for a symbol with a longest code. That frees one number.
fn limit(counts: &mut [u16; MAX_BITS + 1], max_bits: usize) {
    let lengths = counts.iter().zip(0..).skip(1).take(max_bits);
    let mut taken: u32 = lengths.map(|(count, bits)| u32::from(*count) << (max_bits - bits)).sum();
    while taken > 1 << max_bits {
        let shorter = counts.iter().take(max_bits).skip(1).rposition(|count| *count > 0);
        let Some(shorter) = shorter.map(|n| n + 1) else { return never!() };
        for (bits, change) in [(shorter, u16::MAX), (shorter + 1, 2), (max_bits, u16::MAX)] {
            match counts.get_mut(bits) {
                Some(count) => *count = count.wrapping_add(change),
                None => never!(),
            }
        }
        taken -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the Fibonacci numbers as frequencies, the tree has the maximum depth.
    #[test]
    fn lengths_use_up_all_codes_within_the_limit() {
        let (mut sorted, mut next) = ([(0u16, 0u16); 20], (1u16, 1u16));
        for place in &mut sorted {
            *place = (next.0, 0);
            next = (next.1, next.0 + next.1);
        }
        for used in 2..sorted.len() {
            for max_bits in [7, MAX_BITS] {
                let counts = lengths(&sorted[..used], max_bits);
                let numbers: u32 = counts.iter().zip(0..).map(|(n, bits)| u32::from(*n) << (MAX_BITS - bits)).sum();
                assert_eq!(numbers, 1 << MAX_BITS, "{used} symbols of up to {max_bits} bits");
                assert_eq!(usize::from(counts.iter().sum::<u16>()), used);
                assert!(counts.iter().skip(max_bits + 1).all(|count| *count == 0));
            }
        }
    }

    /// A wrong weight or a wrong order makes messages longer, but not invalid. These codes do not exceed the limit.
    #[test]
    fn lengths_are_those_of_the_shortest_code() {
        let mut state = 1u32;
        for used in [2usize, 3, 4, 5, 10, 50, 286] {
            for largest in [1, 2, 10, 300] {
                let (mut sorted, mut weights) = ([(0u16, 0u16); USED_LITERALS], [0; USED_LITERALS]);
                let (sorted, weights) = (&mut sorted[..used], &mut weights[..used]);
                for ((place, weight), symbol) in sorted.iter_mut().zip(weights.iter_mut()).zip(0..) {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let frequency = 1 + (((state >> 16) * largest) >> 16);
                    (*place, *weight) = ((frequency as u16, symbol), frequency);
                }
                sort(sorted);
                assert!(sorted.is_sorted(), "{used} symbols up to {largest} times");
                // Huffman's algorithm: replaces the two least weights by their sum. The sums add up to the bits.
                let (mut bits, mut left) = (0, used);
                while left > 1 {
                    weights[..left].sort_unstable_by(|a, b| b.cmp(a));
                    weights[left - 2] += weights[left - 1];
                    bits += weights[left - 2];
                    left -= 1;
                }
                let counts = lengths(sorted, MAX_BITS);
                let lengths = (0u32..16).zip(counts).rev().flat_map(|(bits, count)| (0..count).map(move |_| bits));
                let taken: u32 = lengths.zip(sorted.iter()).map(|(bits, (count, _))| bits * u32::from(*count)).sum();
                assert_eq!(taken, bits, "{used} symbols up to {largest} times");
            }
        }
    }
}
