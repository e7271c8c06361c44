//! What the engine is built for.

/// Whether speed counts more than size. 64-bit targets get wide kernels, large tables and fast paths; the others, which
/// are microcontrollers, get the shortest code. Only this file decides such things.
pub(crate) const FAST: bool = cfg!(target_pointer_width = "64");

/// Whether a word of four bytes at any address is one load. Cortex-M0 has no such load, but looks like the other Arm
/// processors at compile time.
pub(crate) const WORDS: bool = cfg!(target_arch = "arm");

/// Whether a server's answers have reason phrases, and refusals a text that says what is wrong.
pub(crate) const REFUSAL_TEXTS: bool = FAST || cfg!(feature = "refusal-texts");
