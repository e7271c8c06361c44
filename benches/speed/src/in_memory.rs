//! barews, its peers and the limit, in memory: `cargo bench -p speed`. See the README.

mod goals;
mod groups;
mod json;
mod lent;
mod limits;
mod options;
mod peers;
mod plot;
mod report;
mod rounds;
mod session;
mod socket;
mod stream;
mod table;
mod tally;
mod workload;

use options::Options;
use report::Report;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let options = Options::from_args();
    let mut report = Report::default();
    about(&mut report, &options);
    for run in groups::ALL {
        let measured = report.rows.len();
        run(&options, &mut report);
        print!("{}", table::text(&report.rows[measured..]));
    }
    print!("{}\n{}", peers::text(), goals::text(&report));
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

/// How this was built, and who takes part.
fn about(report: &mut Report, options: &Options) {
    let vectors = if cfg!(target_feature = "avx512f") {
        "AVX-512"
    } else if cfg!(target_feature = "avx2") {
        "AVX2"
    } else {
        "those of every processor"
    };
    report.note("vectors of the build", vectors);
    report.note("rounds", &options.rounds.to_string());
    report.note("target", &format!("{} {}", std::env::consts::ARCH, std::env::consts::OS));
    for peer in peers::PEERS {
        report.note(peer.package, peer.version());
    }
}
