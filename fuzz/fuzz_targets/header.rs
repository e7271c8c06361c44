//! See `src/header.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::header::Input<'_>| input.check());
