//! See `src/deflate.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::deflate::Input<'_>| input.check());
