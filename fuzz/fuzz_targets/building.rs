//! See `src/building.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::building::Input<'_>| input.check());
