//! SHA-1 (RFC 3174), written for small code, and so that the compiler can prove that it does not panic.
//! [`digest`](super::digest) says where crates do the same. Only the opening handshake uses SHA-1, to prove that a
//! server has read the key. Its weaknesses as a cryptographic hash do not matter here (RFC 6455 section 10.8).

/// Returns the first block without the key: room for its 24 bytes, then `suffix`, then a 1 bit (RFC 3174 section 4).
pub(super) const fn first_block(suffix: &[u8; 36]) -> [u32; 16] {
    let mut block = [0x8000_0000; 16];
    let (_, mut rest) = block.split_at_mut(6);
    let (mut suffix, _) = suffix.as_chunks();
    while let ([word, words @ ..], [bytes, chunks @ ..]) = (rest, suffix) {
        *word = u32::from_be_bytes(*bytes);
        (rest, suffix) = (words, chunks);
    }
    block
}

/// Returns the SHA-1 digest of 60 bytes: a key, and the suffix that [`first_block`] has put in `block`.
pub(super) fn sha1(key: &[u8; 24], mut block: [u32; 16]) -> [u8; 20] {
    // RFC 3174 6.1
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for (word, bytes) in block.iter_mut().zip(key.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    add_block(&mut state, &mut block);
    // RFC 3174 4: a last block of zeros, except for the length in bits
    block = [0; 16];
    if let Some(last) = block.last_mut() {
        *last = 8 * 60;
    }
    add_block(&mut state, &mut block);

    let mut digest = [0; 20];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(&state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

/// RFC 3174 6.2: the method with 16 words.
#[inline(never)]
#[expect(clippy::indexing_slicing, reason = "every index is masked to the 16 words")]
fn add_block(state: &mut [u32; 5], w: &mut [u32; 16]) {
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for t in 0..80 {
        if t >= 16 {
            w[t & 15] = (w[(t + 13) & 15]
                ^ w[(t + 8) & 15] // mutant: replace + with -: modulo 16, plus 8 and minus 8 are the same
                ^ w[(t + 2) & 15]
                ^ w[t & 15])
                .rotate_left(1);
        }
        let f = match t {
            0..20 => (d ^ (b & (c ^ d))).wrapping_add(0x5a82_7999),
            20..40 => (b ^ c ^ d).wrapping_add(0x6ed9_eba1),
            40..60 => ((d & (b | c)) // mutant: replace | with ^: if b and c are set, d does not matter
                | (b & c))
                .wrapping_add(0x8f1b_bcdc),
            _ => (b ^ c ^ d).wrapping_add(0xca62_c1d6),
        };
        let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(w[t & 15]);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    for (word, sum) in state.iter_mut().zip(&[a, b, c, d, e]) {
        *word = word.wrapping_add(*sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha1_equals_sha1_smol() {
        for seed in 0..1_000usize {
            let key = core::array::from_fn(|i| (i * seed + (seed >> (i % 8))) as u8);
            let suffix = core::array::from_fn(|i| (i ^ seed) as u8);
            let mut theirs = sha1_smol::Sha1::new();
            theirs.update(&key);
            theirs.update(&suffix);
            assert_eq!(sha1(&key, first_block(&suffix)), theirs.digest().bytes(), "{key:x?}");
        }
    }
}
