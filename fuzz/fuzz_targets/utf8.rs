//! See `src/utf8.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::utf8::Input<'_>| input.check());
