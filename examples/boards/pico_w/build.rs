//! Puts the radio's firmware where `src/main.rs` includes it: from the folder `CYW43_FIRMWARE`, or empty files. A program
//! with empty files builds, but stops when it starts.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=CYW43_FIRMWARE");
    let (folder, out) =
        (env::var_os("CYW43_FIRMWARE").map(PathBuf::from), PathBuf::from(env::var_os("OUT_DIR").unwrap()));
    for name in ["43439A0.bin", "43439A0_clm.bin", "nvram_rp2040.bin"] {
        let bytes = folder.as_ref().map_or_else(Vec::new, |folder| {
            let path = folder.join(name);
            println!("cargo::rerun-if-changed={}", path.display());
            fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        });
        fs::write(out.join(name), bytes).unwrap();
    }
    if folder.is_none() {
        println!(
            "cargo::warning=CYW43_FIRMWARE is not set: the program has no firmware for the radio, and stops at its start"
        );
    }
}
