//! See `src/uri.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::uri::Input<'_>| input.check());
