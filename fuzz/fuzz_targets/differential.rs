//! See `src/differential.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::differential::Input<'_>| input.check());
