//! See `src/session.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::session::Input<'_>| input.check());
