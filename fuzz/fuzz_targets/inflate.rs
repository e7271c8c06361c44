//! See `src/inflate.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::inflate::Input<'_>| input.check());
