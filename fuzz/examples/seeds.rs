//! Writes the seeds and the minimised corpus to `seeds/TARGET/`, one file per input. libFuzzer starts with these.

use barews_fuzz::seeds;
use std::fs;

fn main() -> std::io::Result<()> {
    let seeds = seeds::all();
    for target in seeds::targets() {
        let folder = format!("{}/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
        fs::create_dir_all(&folder)?;
        let of_target = seeds.iter().filter(|(name, _)| *name == target).map(|(_, input)| input.clone());
        for input in of_target.chain(seeds::minimised(&target)) {
            let name = input.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3) // FNV-1a
            });
            fs::write(format!("{folder}/{name:016x}"), input)?;
        }
    }
    Ok(())
}
