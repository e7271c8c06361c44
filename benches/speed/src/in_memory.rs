//! Measures barews, its peers and the limit in memory: `cargo bench -p speed`. See the README.

mod goals;
mod groups;
mod json;
mod limits;
mod options;
mod plot;
mod report;
mod rounds;
mod stream;
mod table;
mod workload;

use options::Options;
use peers::{PEERS, version};
use report::{PROCESSOR, Report};
use std::path::Path;

fn main() -> std::io::Result<()> {
    let options = Options::from_args();
    if options.quick {
        limits::verify();
    }
    let mut report = Report::default();
    about(&mut report, &options);
    for run in groups::ALL {
        let measured = report.rows.len();
        run(&options, &mut report);
        print!("{}", table::text(&report.rows[measured..]));
    }
    println!("{}\non {}", contenders(), report.about[PROCESSOR]);
    print!("{}", goals::text(&report));
    if let Some(path) = &options.compare {
        print!("{}", json::changes(&json::read(path)?, &report));
    }
    if !options.quick {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let out = options.out.as_deref().unwrap_or(package);
        json::write(&report, &out.join("results.json"))?;
        plot::write(&report, &out.join("plots"))?;
    }
    Ok(())
}

/// Returns the processor's model, as Linux names it.
fn processor() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Notes where this runs, how it was built, and the contenders.
fn about(report: &mut Report, options: &Options) {
    report.note(
        "README's loop",
        "barews, session; the same calls without deadlines are barews, chunks and barews, whole",
    );
    let vectors = if cfg!(target_feature = "avx512f") {
        "AVX-512"
    } else if cfg!(target_feature = "avx2") {
        "AVX2"
    } else {
        "those of every processor"
    };
    report.note(PROCESSOR, &processor().unwrap_or("unknown".into()));
    report.note("vectors of the build", vectors);
    report.note("vectors of L", if limits::has_avx2() { "AVX2" } else { "those of every processor" });
    report.note("feature simd", &cfg!(feature = "simd").to_string());
    report.note("rounds", &options.rounds.to_string());
    report.note("target", &format!("{} {}", std::env::consts::ARCH, std::env::consts::OS));
    for peer in PEERS {
        report.note(peer.package, version(peer.package));
    }
}

/// Describes the contenders.
fn contenders() -> String {
    let mut out =
        String::from("contenders; * does less than required; other ways of barews do not count in comparisons\n");
    for peer in PEERS {
        let facts = [
            (!peer.checks_text, "; does not validate text"),
            (!peer.checks_frames, "; does not check frames"),
            (peer.is_other_way, "; another way"),
            (peer.is_wide, "; wider vectors at run time"),
        ];
        let facts: String = facts.into_iter().filter_map(|(is_so, fact)| is_so.then_some(fact)).collect();
        out += &format!("  {} {}{facts}\n    {}\n", peer.name, version(peer.package), peer.notes);
    }
    out
}
