//! Checks inputs without libFuzzer.

use crate::seeds;
use arbitrary::{Arbitrary, Unstructured};
use std::{env, fs, panic};

/// Builds the input from the fuzzer's bytes as `fuzz_target!` does, and checks it.
pub fn build<'a, I: Arbitrary<'a>>(data: &'a [u8], check: impl FnOnce(I)) {
    if data.len() >= I::size_hint(0).0
        && let Ok(input) = I::arbitrary_take_rest(Unstructured::new(data))
    {
        check(input);
    }
}

/// Checks the target's seeds, the minimised corpus of earlier campaigns, which includes the inputs that found bugs, and random
/// bytes. These check a target that has no stored inputs yet.
pub fn stored(target: &str, check: fn(&[u8])) {
    let of_target = |(name, input): seeds::Seed| (name == target).then_some(input);
    let stored: Vec<_> = seeds::all().into_iter().filter_map(of_target).chain(seeds::minimised(target)).collect();
    println!("{target}: {} stored inputs", stored.len());
    for input in stored.into_iter().chain(random()) {
        let shown = input.escape_ascii().to_string();
        assert!(panic::catch_unwind(|| check(&input)).is_ok(), "{target} fails on b\"{shown}\"");
    }
}

/// Checks the files that the program's arguments name.
pub fn files(check: fn(&[u8])) {
    for file in env::args_os().skip(1) {
        check(&fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
    }
}

/// Returns random inputs of all sizes up to 255 bytes, the same each time.
fn random() -> impl Iterator<Item = Vec<u8>> {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut byte = move || {
        state ^= state << 13; // xorshift
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 56) as u8
    };
    (0..256).map(move |len| (0..len).map(|_| byte()).collect())
}
