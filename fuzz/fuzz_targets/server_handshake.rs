//! See `src/server_handshake.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: barews_fuzz::server_handshake::Input<'_>| input.check());
