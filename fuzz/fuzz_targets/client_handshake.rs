//! See `src/client_handshake.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::client_handshake::Input<'_>| input.check());
