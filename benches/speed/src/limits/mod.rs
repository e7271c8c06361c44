//! The limits: handwritten loops that do only the necessary work, in the same run as the peers. They use the widest vectors
//! that this processor has, up to AVX2.
#![allow(unsafe_code)]

pub mod echo;
mod kernel;
pub mod receive;
pub mod send;
#[cfg(target_arch = "x86_64")]
mod utf8;

use kernel::{Own, Vector};
use peers::Session;

/// A loop for vectors of any width.
trait Pass: 'static {
    /// # Safety
    /// The processor has vectors `V`.
    unsafe fn pass<V: Vector>(&mut self);
}

fn session(mut pass: impl Pass) -> Session {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: this processor has AVX2.
        return Box::new(move || unsafe { avx2(&mut pass) });
    }
    // SAFETY: every processor of the target has the vectors of the build.
    Box::new(move || unsafe { pass.pass::<Own>() })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(pass: &mut impl Pass) {
    // SAFETY: as the caller promises.
    unsafe { pass.pass::<std::arch::x86_64::__m256i>() }
}

/// Verifies what the runs cannot: that L refuses all invalid text, and nothing else.
pub fn verify() {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: this processor has AVX2.
        unsafe { utf8::verify() };
    }
}

pub fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}
