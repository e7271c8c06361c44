//! A handwritten XOR with a masking key: the fastest way for a processor with vectors of some width.
//!
//! The first and the last vector of a payload can overlap, so there are no special cases for tails: the last vector is loaded
//! before the first is stored, and stored last. The OR of all vectors is the ASCII test.

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

/// Vectors that every processor of the target has.
#[cfg(target_arch = "x86_64")]
pub type Own = std::arch::x86_64::__m128i;
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
            many::<Own>(from, to, len, key)
        } else if len >= 8 {
            many::<u64>(from, to, len, key)
        } else if len >= 4 {
            many::<u32>(from, to, len, key)
        } else {
            few(from, to, len, key)
        }
    }
}

/// # Safety
/// As [`mask`]; `len` is at least a vector.
#[inline(always)]
unsafe fn many<V: Vector>(from: *const u8, to: *mut u8, len: usize, key: u32) -> bool {
    unsafe {
        if len <= 2 * V::SIZE {
            ends::<V, 1>(from, to, len, key, |_| None)
        } else if len <= 4 * V::SIZE {
            ends::<V, 2>(from, to, len, key, |_| None)
        } else {
            let size = 4 * V::SIZE;
            ends::<V, 4>(from, to, len, key, |at| (at + 2 * size < len).then_some(at + size))
        }
    }
}

/// Masks blocks of `N` vectors, each at the place that `next` returns for the one before, and then the block at the end, which
/// can overlap with the last of them.
///
/// # Safety
/// As [`mask`]; `len` is at least `N` vectors, and all places have space for `N` vectors.
#[inline(always)]
unsafe fn ends<V: Vector, const N: usize>(
    from: *const u8,
    to: *mut u8,
    len: usize,
    key: u32,
    next: impl Fn(usize) -> Option<usize>,
) -> bool {
    unsafe {
        let load =
            |at: usize, keys: V| std::array::from_fn::<V, N, _>(|i| V::load(from.add(at + i * V::SIZE)).xor(keys));
        let store = |at: usize, block: [V; N]| (0..N).for_each(|i| block[i].store(to.add(at + i * V::SIZE)));
        let or = |block: [V; N]| block.into_iter().reduce(|a, b| a.or(b)).unwrap_unchecked();
        let end = len - N * V::SIZE;
        let last = load(end, V::splat(key.rotate_right(8 * (len as u32 & 3))));
        let (keys, mut all, mut place) = (V::splat(key), or(last), Some(0));
        while let Some(at) = place {
            let block = load(at, keys);
            store(at, block);
            all = all.or(or(block));
            place = next(at);
        }
        store(end, last);
        all.is_ascii()
    }
}

/// Copies; short payloads without a call.
///
/// # Safety
/// As [`mask`].
#[inline(always)]
pub unsafe fn copy<V: Vector>(from: *const u8, to: *mut u8, len: usize) {
    unsafe {
        if len <= 256 {
            mask::<V>(from, to, len, 0);
        } else {
            to.copy_from_nonoverlapping(from, len);
        }
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
