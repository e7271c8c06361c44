//! SHA-1 and base64 for the handshake: the crates `sha1_smol`, which is faster, and `base64ct`, which runs in constant
//! time, or the small code of [`sha1`](super::sha1). The crates where a pointer has 64 bits, as for
//! [`FAST`](crate::target::FAST), and elsewhere with the feature `fast-sha1`. The feature `small-sha1` selects the
//! small code everywhere. With the feature `simd` the crate `sha1` takes the place of `sha1_smol`: it uses the
//! processor's own instructions for SHA-1 if there are any.

/// The string that every server appends to the key (RFC 6455 section 1.3).
const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Returns the SHA-1 digest of the key and the GUID.
pub(super) fn digest(key: &[u8; 24]) -> [u8; 20] {
    selected::digest(key)
}

/// Writes `bytes` in base64 to `text`, which must have the right length.
pub(super) fn base64(bytes: &[u8], text: &mut [u8]) {
    selected::base64(bytes, text);
}

#[cfg(all(any(target_pointer_width = "64", feature = "fast-sha1"), not(feature = "small-sha1")))]
mod selected {
    #[cfg(not(feature = "simd"))]
    pub(super) fn digest(key: &[u8; 24]) -> [u8; 20] {
        let mut hash = sha1_smol::Sha1::new();
        hash.update(key);
        hash.update(super::GUID);
        hash.digest().bytes()
    }

    #[cfg(feature = "simd")]
    pub(super) fn digest(key: &[u8; 24]) -> [u8; 20] {
        use sha1::Digest;
        sha1::Sha1::new().chain_update(key).chain_update(super::GUID).finalize().into()
    }

    pub(super) fn base64(bytes: &[u8], text: &mut [u8]) {
        let _fits = <base64ct::Base64 as base64ct::Encoding>::encode(bytes, text);
    }
}

#[cfg(not(all(any(target_pointer_width = "64", feature = "fast-sha1"), not(feature = "small-sha1"))))]
mod selected {
    use super::super::sha1;
    pub(super) use sha1::base64;

    pub(super) fn digest(key: &[u8; 24]) -> [u8; 20] {
        const BLOCK: [u32; 16] = sha1::first_block(super::GUID);
        sha1::sha1(key, BLOCK)
    }
}
