//! See `src/receive.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::receive::Input<'_>| input.check());
