//! SHA-1 for the handshake. Where a pointer has 64 bits, as for [`FAST`](crate::target::FAST), and elsewhere with the
//! feature `fast-sha1`, it is the crate `sha1_smol`, or with the feature `simd` the crate `sha1`, which uses the
//! processor's own instructions if there are any. Otherwise, and everywhere with the feature `small-sha1`, it is the
//! small code of [`sha1`](super::sha1).

/// The string that every server appends to the key (RFC 6455 section 1.3).
const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Returns the SHA-1 digest of the key and the GUID.
#[cfg(all(
    any(target_pointer_width = "64", feature = "fast-sha1"),
    not(any(feature = "simd", feature = "small-sha1"))
))]
pub(super) fn digest(key: &[u8; 24]) -> [u8; 20] {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key);
    hash.update(GUID);
    hash.digest().bytes()
}

/// Returns the SHA-1 digest of the key and the GUID.
#[cfg(all(feature = "simd", not(feature = "small-sha1")))]
pub(super) fn digest(key: &[u8; 24]) -> [u8; 20] {
    use sha1::Digest;
    sha1::Sha1::new().chain_update(key).chain_update(GUID).finalize().into()
}

/// Returns the SHA-1 digest of the key and the GUID.
#[cfg(any(feature = "small-sha1", not(any(target_pointer_width = "64", feature = "fast-sha1", feature = "simd"))))]
pub(super) fn digest(key: &[u8; 24]) -> [u8; 20] {
    use super::sha1;
    const BLOCK: [u32; 16] = sha1::first_block(GUID);
    sha1::sha1(key, BLOCK)
}
