//! The feature `simd`: code for vectors as wide as the processor has them, which is found at run time. The crate
//! `fearless_simd` has the checks and the calls.

use fearless_simd::{Level, Simd, dispatch};

/// Runs `code`, which is compiled once for each level of vectors. All that it calls must be inlined.
#[inline(always)]
pub(super) fn widest<T>(code: impl FnOnce() -> T) -> T {
    #[inline(always)]
    fn run<S: Simd, T>(simd: S, code: impl FnOnce() -> T) -> T {
        simd.vectorize(code)
    }
    dispatch!(Level::new(), simd => run(simd, code))
}
