//! SHA-1 (RFC 3174), which the opening handshake uses to show that a server has read the key, and nothing else does: what
//! it lacks as a cryptographic hash does not matter here (RFC 6455 section 10.8). This is the feature `small-sha1`: a loop
//! written for size, and so that the compiler can prove that it does not panic. Without it the crate `sha1_smol` does the
//! same, faster.

use crate::bytes::copy;

/// The SHA-1 digest of a message.
pub(super) fn sha1(message: &[u8]) -> [u8; 20] {
    // RFC 3174 6.1
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let (blocks, rest) = message.as_chunks();
    blocks.iter().for_each(|block| add_block(&mut state, block));

    // RFC 3174 4: a bit that is set, zeros, and in the last 8 bytes of a block the length in bits
    let mut padded = [[0; 64]; 2];
    let [first, second] = &mut padded;
    copy(first, rest);
    if let Some(place) = first.get_mut(rest.len()) {
        *place = 0x80;
    }
    let one = rest.len() < 56;
    let [.., a, b, c, d, e, f, g, h] = if one { first } else { second };
    [*a, *b, *c, *d, *e, *f, *g, *h] = (message.len() as u64).wrapping_mul(8).to_be_bytes();
    padded.iter().take(if one { 1 } else { 2 }).for_each(|block| add_block(&mut state, block));

    let mut digest = [0; 20];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

/// RFC 3174 6.2: the method that needs 16 words.
fn add_block(state: &mut [u32; 5], block: &[u8; 64]) {
    let mut w = [0u32; 16];
    for (word, bytes) in w.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for t in 0..80 {
        if t >= 16 {
            w[t & 15] = (w[(t + 13) & 15] ^ w[(t + 8) & 15] ^ w[(t + 2) & 15] ^ w[t & 15]).rotate_left(1);
        }
        let f = match t {
            0..20 => (d ^ (b & (c ^ d))).wrapping_add(0x5a82_7999),
            20..40 => (b ^ c ^ d).wrapping_add(0x6ed9_eba1),
            40..60 => ((b & c) | (d & (b | c))).wrapping_add(0x8f1b_bcdc),
            _ => (b ^ c ^ d).wrapping_add(0xca62_c1d6),
        };
        let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(w[t & 15]);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    for (word, sum) in state.iter_mut().zip([a, b, c, d, e]) {
        *word = word.wrapping_add(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digests of another implementation, at every length around the ends of blocks.
    #[test]
    fn equals_sha1_smol() {
        let message: [u8; 300] = core::array::from_fn(|i| (i * 7) as u8);
        for len in 0..message.len() {
            let message = &message[..len];
            assert_eq!(sha1(message), sha1_smol::Sha1::from(message).digest().bytes(), "{len} bytes");
        }
    }
}
