//! Writes the seeds and the minimised corpus to `seeds/TARGET/`, one file per input. libFuzzer starts with these.

use std::fs;

fn main() -> std::io::Result<()> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds");
    for (target, _) in barews_fuzz::TARGETS {
        fs::create_dir_all(format!("{folder}/{target}"))?;
    }
    for (target, input) in barews_fuzz::seeds::all().into_iter().chain(barews_fuzz::seeds::minimised()) {
        let name = input.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3) // FNV-1a
        });
        fs::write(format!("{folder}/{target}/{name:016x}"), input)?;
    }
    Ok(())
}
