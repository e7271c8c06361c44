//! Prints Markdown tables of the results that `run` has collected: `table RESULTS.TSV`.
//!
//! A line of the results has the name of a server, then the fields of `load`. Each cell of a table is the median of the
//! rounds.

use std::collections::BTreeMap;

type Row = [u64; 3];
/// All rounds of one server in one row.
type Rounds = Vec<Vec<f64>>;

struct Metric {
    title: &'static str,
    /// The fields, in the order of `load --header`.
    fields: &'static [usize],
    decimals: usize,
    most_is_best: bool,
}

const METRICS: [Metric; 4] = [
    Metric { title: "Messages per second", fields: &[6], decimals: 0, most_is_best: true },
    Metric {
        title: "CPU time of the server per message, microseconds",
        fields: &[11],
        decimals: 2,
        most_is_best: false,
    },
    Metric {
        title: "Round trip of a message, microseconds: p50 / p99 / p99.9",
        fields: &[7, 8, 9],
        decimals: 0,
        most_is_best: false,
    },
    Metric { title: "Resident memory of the server, MiB", fields: &[12], decimals: 1, most_is_best: false },
];
const OURS: &str = "barews";
const SPINNING: &str = "barews-spinning";
const LOAD_CPU: usize = 13;
const LOAD_BUSY: usize = 14;
const RESIDENT: usize = 12;

fn main() {
    let path = std::env::args().nth(1).expect("usage: table RESULTS.TSV");
    let text = std::fs::read_to_string(&path).expect("the results can be read");
    let mut servers: Vec<&str> = Vec::new();
    let mut cells: BTreeMap<Row, BTreeMap<&str, Rounds>> = BTreeMap::new();
    for line in text.lines() {
        let (server, fields) = line.split_once('\t').expect("a server and its fields");
        if !servers.contains(&server) {
            servers.push(server);
        }
        let fields: Vec<f64> = fields.split('\t').map(|field| field.parse().unwrap_or(f64::NAN)).collect();
        let row = [fields[0], fields[1], fields[2]].map(|field| field as u64);
        cells.entry(row).or_default().entry(server).or_default().push(fields);
    }
    for metric in &METRICS {
        println!("\n## {}\n", metric.title);
        println!("| connections | size | pipeline | {} |", servers.join(" | "));
        println!("|{}", "---:|".repeat(3 + servers.len()));
        let (mut firsts, mut spinning) = (0, 0);
        for (row, rounds) in &cells {
            print!("| {} | {} | {} |", row[0], size(row[1]), row[2]);
            let medians: Vec<Option<f64>> =
                servers.iter().map(|server| Some(median(rounds.get(server)?, metric.fields[0]))).collect();
            let best = medians
                .iter()
                .flatten()
                .copied()
                .reduce(|best, next| if metric.most_is_best { best.max(next) } else { best.min(next) });
            for (server, median) in servers.iter().zip(&medians) {
                match (rounds.get(server), median.is_some() && *median == best) {
                    (None, _) => print!(" - |"),
                    (Some(rounds), true) => print!(" **{}** |", cell(metric, rounds)),
                    (Some(rounds), false) => print!(" {} |", cell(metric, rounds)),
                }
            }
            println!();
            let is_best = |name| {
                let at = servers.iter().position(|server| *server == name);
                at.is_some_and(|at| medians[at].is_some() && medians[at] == best)
            };
            firsts += usize::from(is_best(OURS) || is_best(SPINNING));
            spinning += usize::from(is_best(SPINNING));
        }
        println!("\n{OURS} is the best in {firsts} of {} rows, in {spinning} of them as {SPINNING}.", cells.len());
    }
    println!("\n## The load itself: CPU time per message in microseconds, and how busy its core was\n");
    println!("| connections | size | pipeline | {} |", servers.join(" | "));
    println!("|{}", "---:|".repeat(3 + servers.len()));
    for (row, rounds) in &cells {
        print!("| {} | {} | {} |", row[0], size(row[1]), row[2]);
        for server in &servers {
            match rounds.get(server) {
                None => print!(" - |"),
                Some(rounds) => print!(" {:.2}, {:.0} % |", median(rounds, LOAD_CPU), median(rounds, LOAD_BUSY)),
            }
        }
        println!();
    }
}

fn size(bytes: u64) -> String {
    if bytes < 1024 { format!("{bytes} B") } else { format!("{} KiB", bytes / 1024) }
}

fn cell(metric: &Metric, rounds: &Rounds) -> String {
    let values = metric.fields.iter().map(|field| {
        let unit = if *field == RESIDENT { 1024.0 } else { 1.0 };
        format!("{:.*}", metric.decimals, median(rounds, *field) / unit)
    });
    values.collect::<Vec<_>>().join(" / ")
}

fn median(rounds: &Rounds, field: usize) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(|fields| fields[field]).collect();
    values.sort_by(f64::total_cmp);
    (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
}
