//! See `src/lists.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::lists::Input<'_>| input.check());
