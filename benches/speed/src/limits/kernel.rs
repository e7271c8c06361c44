//! A handwritten XOR with a masking key: the fastest way for a processor with vectors of some width.
//!
//! The first and the last vector of a payload can overlap, so there are no special cases for tails: the last vector is loaded
//! before the first is stored, and stored last. The OR of all vectors is the ASCII test.
#![allow(unsafe_code)]

/// Vectors of a width.
pub trait Vector: Copy {
    const SIZE: usize;
    /// # Safety
    /// The processor has these vectors; `from` is readable for [`SIZE`](Self::SIZE) bytes.
    unsafe fn load(from: *const u8) -> Self;
    /// # Safety
    /// The processor has these vectors; `to` is writable for [`SIZE`](Self::SIZE) bytes.
    unsafe fn store(self, to: *mut u8);
    /// # Safety
    /// The processor has these vectors.
    unsafe fn splat(key: u32) -> Self;
    /// # Safety
    /// The processor has these vectors.
    unsafe fn xor(self, other: Self) -> Self;
    /// # Safety
    /// The processor has these vectors.
    unsafe fn or(self, other: Self) -> Self;
    /// # Safety
    /// The processor has these vectors.
    unsafe fn is_ascii(self) -> bool;
}

macro_rules! word {
    ($($word:ty)*) => {$(
        impl Vector for $word {
            const SIZE: usize = size_of::<Self>();
            #[inline(always)]
            unsafe fn load(from: *const u8) -> Self {
                unsafe { from.cast::<Self>().read_unaligned() }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut u8) {
                unsafe { to.cast::<Self>().write_unaligned(self) }
            }
            #[inline(always)]
            unsafe fn splat(key: u32) -> Self {
                (0x1_0000_0001_u64.wrapping_mul(key.into())) as Self
            }
            #[inline(always)]
            unsafe fn xor(self, other: Self) -> Self {
                self ^ other
            }
            #[inline(always)]
            unsafe fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline(always)]
            unsafe fn is_ascii(self) -> bool {
                self as u64 & 0x8080_8080_8080_8080 == 0
            }
        }
    )*};
}

word!(u32 u64);

#[cfg(target_arch = "x86_64")]
macro_rules! x86 {
    ($vector:ident, $load:ident, $store:ident, $splat:ident, $xor:ident, $or:ident, $signs:ident) => {
        impl Vector for std::arch::x86_64::$vector {
            const SIZE: usize = size_of::<Self>();
            #[inline(always)]
            unsafe fn load(from: *const u8) -> Self {
                unsafe { std::arch::x86_64::$load(from.cast()) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut u8) {
                unsafe { std::arch::x86_64::$store(to.cast(), self) }
            }
            #[inline(always)]
            unsafe fn splat(key: u32) -> Self {
                unsafe { std::arch::x86_64::$splat(key as i32) }
            }
            #[inline(always)]
            unsafe fn xor(self, other: Self) -> Self {
                unsafe { std::arch::x86_64::$xor(self, other) }
            }
            #[inline(always)]
            unsafe fn or(self, other: Self) -> Self {
                unsafe { std::arch::x86_64::$or(self, other) }
            }
            #[inline(always)]
            unsafe fn is_ascii(self) -> bool {
                unsafe { std::arch::x86_64::$signs(self) == 0 }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
x86!(__m128i, _mm_loadu_si128, _mm_storeu_si128, _mm_set1_epi32, _mm_xor_si128, _mm_or_si128, _mm_movemask_epi8);
#[cfg(target_arch = "x86_64")]
x86!(
    __m256i,
    _mm256_loadu_si256,
    _mm256_storeu_si256,
    _mm256_set1_epi32,
    _mm256_xor_si256,
    _mm256_or_si256,
    _mm256_movemask_epi8
);

/// The widest vectors of this build, which every processor of the target has.
#[cfg(all(target_arch = "x86_64", not(target_feature = "avx2")))]
pub type Own = std::arch::x86_64::__m128i;
#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
pub type Own = std::arch::x86_64::__m256i;
#[cfg(not(target_arch = "x86_64"))]
pub type Own = u64;

/// Masks `len` bytes of `from` into `to`, which can be `from` itself. Returns whether the result is ASCII.
///
/// # Safety
/// The processor has vectors `V`; `from` is readable and `to` writable for `len` bytes; they are equal or do not
/// overlap.
#[inline(always)]
pub unsafe fn mask<V: Vector>(from: *const u8, to: *mut u8, len: usize, key: u32) -> bool {
    unsafe {
        if len >= V::SIZE {
            many::<V>(from, to, len, key)
        } else if V::SIZE > 16 && len >= 16 {
            many::<Half>(from, to, len, key)
        } else if len >= 8 {
            many::<u64>(from, to, len, key)
        } else if len >= 4 {
            many::<u32>(from, to, len, key)
        } else {
            few(from, to, len, key)
        }
    }
}

#[cfg(target_arch = "x86_64")]
type Half = std::arch::x86_64::__m128i;
#[cfg(not(target_arch = "x86_64"))]
type Half = u64;

/// # Safety
/// As [`mask`]; `len` is at least a vector.
#[inline(always)]
unsafe fn many<V: Vector>(mut from: *const u8, mut to: *mut u8, len: usize, key: u32) -> bool {
    unsafe {
        let keys = V::splat(key);
        let (last_from, last_to) = (from.add(len - V::SIZE), to.add(len - V::SIZE));
        let last = V::load(last_from).xor(V::splat(key.rotate_right(8 * (len as u32 & 3))));
        let mut all = last;
        while (last_from as usize) >= from as usize + 3 * V::SIZE {
            let step = |i| V::load(from.add(i * V::SIZE)).xor(keys);
            let [a, b, c, d] = [step(0), step(1), step(2), step(3)];
            a.store(to);
            b.store(to.add(V::SIZE));
            c.store(to.add(2 * V::SIZE));
            d.store(to.add(3 * V::SIZE));
            all = all.or(a.or(b).or(c.or(d)));
            (from, to) = (from.add(4 * V::SIZE), to.add(4 * V::SIZE));
        }
        while from < last_from {
            let vector = V::load(from).xor(keys);
            vector.store(to);
            all = all.or(vector);
            (from, to) = (from.add(V::SIZE), to.add(V::SIZE));
        }
        last.store(last_to);
        all.is_ascii()
    }
}

/// # Safety
/// As [`mask`]; `len` is at most 3.
#[inline(always)]
unsafe fn few(from: *const u8, to: *mut u8, len: usize, key: u32) -> bool {
    let mut all = 0;
    for i in 0..len {
        unsafe {
            let byte = *from.add(i) ^ (key >> (8 * i)) as u8;
            *to.add(i) = byte;
            all |= byte;
        }
    }
    all < 0x80
}
