//! See `src/close.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::close::Input<'_>| input.check());
