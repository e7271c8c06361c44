//! Unmasks and validates UTF-8 in one pass with AVX2: the algorithm of Keiser and Lemire, "Validating UTF-8 In Less Than One
//! Instruction Per Byte" (2021).

use super::kernel::Vector;
use super::receive::Work;
use peers::Socket;
use std::arch::x86_64::*;

/// What can be wrong with two bytes.
const TOO_SHORT: u8 = 1;
const TOO_LONG: u8 = 1 << 1;
const OVERLONG_3: u8 = 1 << 2;
const TOO_LARGE: u8 = 1 << 3;
const SURROGATE: u8 = 1 << 4;
const OVERLONG_2: u8 = 1 << 5;
/// Also an overlong character of four bytes.
const TOO_LARGE_1000: u8 = 1 << 6;
const TWO_CONTINUATIONS: u8 = 1 << 7;
const CARRY: u8 = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;

/// By the high half of the first byte.
const FIRST_HIGH: [u8; 16] = {
    let mut table = [TOO_LONG; 16];
    (table[8], table[9], table[10], table[11]) =
        (TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS);
    (table[12], table[13]) = (TOO_SHORT | OVERLONG_2, TOO_SHORT);
    table[14] = TOO_SHORT | OVERLONG_3 | SURROGATE;
    table[15] = TOO_SHORT | TOO_LARGE | TOO_LARGE_1000;
    table
};

/// By the low half of the first byte.
const FIRST_LOW: [u8; 16] = {
    let mut table = [CARRY | TOO_LARGE | TOO_LARGE_1000; 16];
    table[0] = CARRY | OVERLONG_3 | OVERLONG_2 | TOO_LARGE_1000;
    (table[1], table[2], table[3]) = (CARRY | OVERLONG_2, CARRY, CARRY);
    table[4] = CARRY | TOO_LARGE;
    table[13] |= SURROGATE;
    table
};

/// By the high half of the second byte.
const SECOND_HIGH: [u8; 16] = {
    let mut table = [TOO_SHORT; 16];
    table[8] = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE_1000;
    table[9] = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE;
    table[10] = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE;
    table[11] = table[10];
    table
};

/// Its second half begins with as many bytes as are masked out.
static MASKS: [[u8; 32]; 2] = [[0xFF; 32], [0; 32]];

pub struct Fused {
    /// The bytes before, of which the last three count.
    before: __m256i,
}

impl Fused {
    pub fn new() -> Self {
        // SAFETY: a vector of zeros.
        Self { before: unsafe { std::mem::zeroed() } }
    }
}

impl Work for Fused {
    #[inline(always)]
    unsafe fn payload<V: Vector>(&mut self, part: *mut u8, len: usize, key: u32, last: bool, _: &mut Socket) {
        // SAFETY: the caller has AVX2, and MARGIN bytes after the part.
        let (before, is_valid) = unsafe { validate(self.before, part, len, key, last) };
        assert!(is_valid);
        self.before = before;
    }
}

/// Unmasks and validates. Returns the bytes before the next part, and whether these are valid.
///
/// # Safety
/// `part` is valid for `len` bytes and 32 more.
#[inline(always)]
unsafe fn validate(mut before: __m256i, part: *mut u8, len: usize, key: u32, last: bool) -> (__m256i, bool) {
    unsafe {
        let keys = _mm256_set1_epi32(key as i32);
        let zero = _mm256_setzero_si256();
        let (mut errors, mut at, mut is_cut) = (zero, 0, false);
        while at + 64 <= len {
            let to = part.add(at).cast::<__m256i>();
            let [a, b] = [0, 1].map(|i| _mm256_xor_si256(_mm256_loadu_si256(to.add(i)), keys));
            _mm256_storeu_si256(to, a);
            _mm256_storeu_si256(to.add(1), b);
            if _mm256_movemask_epi8(_mm256_or_si256(a, b)) == 0 {
                errors = _mm256_or_si256(errors, unfinished(before));
            } else {
                errors = _mm256_or_si256(errors, _mm256_or_si256(check(before, a), check(a, b)));
            }
            before = b;
            at += 64;
        }
        while at < len {
            let (to, len) = (part.add(at).cast::<__m256i>(), (len - at).min(32));
            let mask = _mm256_loadu_si256(MASKS.as_ptr().cast::<u8>().add(32 - len).cast());
            let masked = _mm256_loadu_si256(to);
            let all = _mm256_xor_si256(masked, _mm256_and_si256(keys, mask));
            _mm256_storeu_si256(to, all);
            let text = _mm256_and_si256(all, mask);
            at += 32;
            is_cut = len < 32;
            if _mm256_movemask_epi8(_mm256_or_si256(before, text)) != 0 {
                let wrong = check(before, text);
                // The zeros after the last part are wrong if a character is not complete there.
                errors = _mm256_or_si256(errors, if last { wrong } else { _mm256_and_si256(wrong, mask) });
            }
            if is_cut && !last {
                let both = [before, text];
                before = _mm256_loadu_si256(both.as_ptr().cast::<u8>().add(len).cast());
            } else {
                before = text;
            }
        }
        if last {
            if !is_cut {
                errors = _mm256_or_si256(errors, unfinished(before));
            }
            before = zero;
        }
        (before, _mm256_testz_si256(errors, errors) != 0)
    }
}

/// Returns what is wrong with `text` after `before`.
#[inline(always)]
unsafe fn check(before: __m256i, text: __m256i) -> __m256i {
    unsafe {
        let table = |bytes: &[u8; 16]| _mm256_broadcastsi128_si256(_mm_loadu_si128(bytes.as_ptr().cast()));
        let low = _mm256_set1_epi8(0x0F);
        let high = |bytes| _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), low);
        let middle = _mm256_permute2x128_si256::<0x21>(before, text);
        let first = _mm256_alignr_epi8::<15>(text, middle);
        let pair = _mm256_and_si256(
            _mm256_and_si256(
                _mm256_shuffle_epi8(table(&FIRST_HIGH), high(first)),
                _mm256_shuffle_epi8(table(&FIRST_LOW), _mm256_and_si256(first, low)),
            ),
            _mm256_shuffle_epi8(table(&SECOND_HIGH), high(text)),
        );
        let third = _mm256_subs_epu8(_mm256_alignr_epi8::<14>(text, middle), _mm256_set1_epi8(0x60));
        let fourth = _mm256_subs_epu8(_mm256_alignr_epi8::<13>(text, middle), _mm256_set1_epi8(0x70));
        let continues = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8(0x80_u8 as i8));
        _mm256_xor_si256(continues, pair)
    }
}

/// Returns what is wrong if ASCII or the end comes after these bytes.
#[inline(always)]
unsafe fn unfinished(before: __m256i) -> __m256i {
    const MOST: [u8; 32] = {
        let mut most = [0xFF; 32];
        (most[29], most[30], most[31]) = (0xEF, 0xDF, 0xBF);
        most
    };
    unsafe { _mm256_subs_epu8(before, _mm256_loadu_si256(MOST.as_ptr().cast())) }
}

/// Compares with `core::str` a few thousand texts, some of them invalid, each cut anywhere.
///
/// # Panics
///
/// Panics if they disagree.
#[target_feature(enable = "avx2")]
pub fn verify() {
    let mut random = peers::Random::default();
    for _ in 0..20_000 {
        let len = random.below(150);
        let mut text: Vec<u8> = "aé한😀\u{7ff}\u{ffff}".bytes().cycle().skip(random.below(16)).take(len).collect();
        for _ in 0..random.below(3).min(len) {
            text[random.below(len)] = random.draw() as u8;
        }
        let (cut, mut buffer) = (random.below(len + 1), [&text, &[0xE0; 64][..]].concat());
        // SAFETY: 64 bytes follow the text.
        let is_valid = unsafe {
            let part = buffer.as_mut_ptr();
            let (before, is_valid) = validate(_mm256_setzero_si256(), part, cut, 0, false);
            validate(before, part.add(cut), len - cut, 0, true).1 && is_valid
        };
        assert_eq!(is_valid, str::from_utf8(&text).is_ok(), "{text:x?} cut at {cut}");
    }
}
