//! Prints Markdown tables of the results that `run` has collected: `table RESULTS.TSV`.
//!
//! A line of the results has the row, WORKLOAD/CONNECTIONS/BYTES/PIPELINE, the name of a server, the day, and the fields
//! of `load`. Each cell of a table is the median of the rounds.

use std::collections::BTreeMap;
use std::fmt::Display;

/// Connections, bytes and pipeline.
type Row = [u64; 3];
/// All rounds of one server in one row.
type Rounds = Vec<Vec<f64>>;
/// The servers of a row, in the order of the results.
type Servers<'a> = Vec<(&'a str, Rounds)>;

struct Workload {
    name: &'static str,
    title: &'static str,
    /// What the server does, and what is counted.
    about: &'static str,
    /// What the rows count.
    unit: &'static str,
    /// Whether the best server of a row is marked.
    ranked: bool,
}

const ECHO: &str = "echo";
const WORKLOADS: [Workload; 9] = [
    Workload { name: ECHO, title: "", about: "", unit: "messages", ranked: true },
    Workload {
        name: "whole",
        title: "Whole messages",
        about: "The same work for all: every server joins whole messages. `barews-whole` (`src/bin/barews_whole.rs`) and\n\
            `barews-tokio` (the crate) run on tokio, as the Rust peers do.",
        unit: "messages",
        ranked: true,
    },
    Workload {
        name: "text",
        title: "Text: ASCII",
        about: "Every server validates UTF-8 unless STRICTNESS.md says otherwise.",
        unit: "messages",
        ranked: true,
    },
    Workload {
        name: "korean",
        title: "Text: Korean",
        about: "Three bytes a character, so that validation has work to do.",
        unit: "messages",
        ranked: true,
    },
    Workload {
        name: "deflate",
        title: "Compressed messages",
        about: "permessage-deflate without context takeover in either direction; text like JSON, of which the table gives the\n\
            length before compression. The libraries compress with different effort.",
        unit: "messages",
        ranked: true,
    },
    Workload {
        name: "tls",
        title: "TLS",
        about: "TLS 1.3 by rustls with `ring`, on both sides and for every server; records of 16 KiB.",
        unit: "messages",
        ranked: true,
    },
    Workload {
        name: "broadcast",
        title: "Broadcast",
        about: "One connection sends, and the server sends each message to all connections. Counted are the messages that they\n\
            receive; the round trip ends at each receiver. The next message is sent when all have the one before.",
        unit: "deliveries",
        ranked: true,
    },
    Workload {
        name: "handshake",
        title: "Handshakes",
        about: "Each connection connects, does the opening handshake, then both sides close; the next one follows. Counted are\n\
            connections that did all of that. The time is that from `connect` to the end of the handshake.",
        unit: "handshakes",
        ranked: true,
    },
    Workload {
        name: "spin",
        title: "Busy polling",
        about: "`barews-spinning` is `barews` with `--spin 100`: after the last event it polls the system for 100 us before it\n\
            sleeps. No other server was given that, so nothing here is compared with one, and no count has it.",
        unit: "messages",
        ranked: false,
    },
];

struct Metric {
    title: &'static str,
    /// The fields, in the order of `load --header`.
    fields: &'static [usize],
    /// The field by which servers are ranked.
    rank: usize,
    decimals: usize,
    most_is_best: bool,
}

const RATE: Metric = Metric { title: "Messages per second", fields: &[6], rank: 6, decimals: 0, most_is_best: true };
const METRICS: [Metric; 4] = [
    RATE,
    Metric {
        title: "CPU time of the server per message, microseconds",
        fields: &[SERVER_CPU],
        rank: SERVER_CPU,
        decimals: 2,
        most_is_best: false,
    },
    Metric {
        title: "Round trip of a message, microseconds: p50 / p99 / p99.9",
        fields: &[7, 8, 9],
        rank: 8,
        decimals: 0,
        most_is_best: false,
    },
    Metric {
        title: "Resident memory of the server, MiB",
        fields: &[RESIDENT],
        rank: RESIDENT,
        decimals: 1,
        most_is_best: false,
    },
];
const OURS: &str = "barews";
const SECONDS: usize = 4;
const SERVER_CPU: usize = 11;
const RESIDENT: usize = 12;
const LOAD_CPU: usize = 13;
const LOAD_BUSY: usize = 14;
/// The load generator is the limit from here, in percent of its core.
const SATURATED: f64 = 97.0;
/// A core that the server or the load has for itself is at least this busy, in percent.
const BUSY: f64 = 80.0;
const MARK: &str = " †";
const MARK_MEANS: &str = "† The load generator used 97 % of its core or more: the server can do more, and differences between \
    servers with\nthis mark say nothing.";

fn main() {
    let path = std::env::args().nth(1).expect("usage: table RESULTS.TSV");
    let text = std::fs::read_to_string(&path).expect("the results can be read");
    let mut results: BTreeMap<&str, BTreeMap<Row, Servers<'_>>> = BTreeMap::new();
    let mut days: Vec<&str> = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(4, '\t');
        let [row, server, day, fields] = [(); 4].map(|()| parts.next().expect("a row, a server, a day and fields"));
        let (workload, row) = row.split_once('/').expect("a workload and its numbers");
        let mut numbers = row.split('/').map(|number| number.parse().expect("a number"));
        let row: Row = [(); 3].map(|()| numbers.next().expect("three numbers"));
        let fields = fields.split('\t').map(|field| field.parse().unwrap_or(f64::NAN)).collect();
        let servers = results.entry(workload).or_default().entry(row).or_default();
        match servers.iter_mut().find(|(name, _)| *name == server) {
            Some((_, rounds)) => rounds.push(fields),
            None => servers.push((server, vec![fields])),
        }
        days.push(day);
    }
    println!("\n{}", extent(&results, days));
    if let Some(warning) = starved(&results) {
        println!("\n{warning}");
    }
    for workload in &WORKLOADS {
        match results.get(workload.name) {
            None => {}
            Some(rows) if workload.name == ECHO => wide(rows),
            Some(rows) => long(workload, rows),
        }
    }
}

/// Says how many rounds there were, how long, and when.
fn extent(results: &BTreeMap<&str, BTreeMap<Row, Servers<'_>>>, mut days: Vec<&str>) -> String {
    let cells: Vec<&Rounds> = results.values().flat_map(BTreeMap::values).flatten().map(|(_, rounds)| rounds).collect();
    let counts = cells.iter().map(|rounds| rounds.len());
    let seconds = || cells.iter().map(|rounds| median(rounds, SECONDS));
    days.sort_unstable();
    format!(
        "Medians of {} rounds of {} s, measured {}.",
        range(counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0)),
        range(format!("{:.1}", seconds().fold(f64::MAX, f64::min)), format!("{:.1}", seconds().fold(0.0, f64::max))),
        range(*days.first().unwrap_or(&""), *days.last().unwrap_or(&"")),
    )
}

/// Warns if other programs had the cores. With many connections either the server or the load is busy all the time,
/// except in a broadcast, where they wait for each other.
fn starved(results: &BTreeMap<&str, BTreeMap<Row, Servers<'_>>>) -> Option<String> {
    let workloads = results.iter().filter(|(name, _)| **name != "broadcast");
    let rows = workloads.flat_map(|(_, rows)| rows).filter(|(row, _)| row[0] >= 100);
    let cells: Vec<&Rounds> = rows.flat_map(|(_, servers)| servers).map(|(_, rounds)| rounds).collect();
    let is_starved = |rounds: &&&Rounds| {
        let server = median(rounds, RATE.rank) * median(rounds, SERVER_CPU) / 1e4;
        server.max(median(rounds, LOAD_BUSY)) < BUSY
    };
    let count = cells.iter().filter(is_starved).count();
    let all = cells.len();
    (count > 0).then(|| {
        format!(
            "**Other programs were running**: in {count} of {all} cells with 100 connections and more, neither the server nor the \
             load had\n{BUSY} % of its core. Do not compare their messages per second and round trips."
        )
    })
}

fn range<T: Display + PartialEq>(least: T, most: T) -> String {
    if least == most { least.to_string() } else { format!("{least} to {most}") }
}

/// Prints a table for each metric, with a column for each server.
fn wide(rows: &BTreeMap<Row, Servers<'_>>) {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.values().flatten() {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let head = |title: &str| {
        println!("\n## {title}\n\n| connections | size | pipeline | {} |", names.join(" | "));
        println!("|{}", "---:|".repeat(3 + names.len()));
    };
    let line = |row: &Row, servers: &Servers<'_>, cell: &dyn Fn(&str, &Rounds) -> String| {
        print!("| {} | {} | {} |", row[0], size(row[1]), row[2]);
        for name in &names {
            let rounds = servers.iter().find(|(server, _)| server == name);
            print!(" {} |", rounds.map_or("-".into(), |(_, rounds)| cell(name, rounds)));
        }
        println!();
    };
    for metric in &METRICS {
        head(metric.title);
        let is_rate = metric.rank == RATE.rank;
        let (mut firsts, mut saturated) = (0, 0);
        for (row, servers) in rows {
            let best = best(metric, servers);
            line(row, servers, &|name, rounds| {
                let mark = if is_rate && is_saturated(rounds) { MARK } else { "" };
                format!("{}{mark}", bold(cell(metric, rounds), Some(name) == best))
            });
            if best == Some(OURS) {
                firsts += 1;
                let ours = servers.iter().find(|(name, _)| *name == OURS);
                saturated += usize::from(is_rate && ours.is_some_and(|(_, rounds)| is_saturated(rounds)));
            }
        }
        print!("\n{OURS} is the best in {firsts} of {} rows", rows.len());
        println!("{}", if is_rate { format!(", with † in {saturated} of them.\n\n{MARK_MEANS}") } else { ".".into() });
    }
    head("The load itself: CPU time per message in microseconds, and how busy its core was");
    for (row, servers) in rows {
        line(row, servers, &|_, rounds| load(rounds));
    }
}

/// Prints one table, with a line for each server in each row.
fn long(workload: &Workload, rows: &BTreeMap<Row, Servers<'_>>) {
    let Workload { title, about, unit, .. } = workload;
    println!("\n## {title}\n\n{about}\n");
    println!(
        "| connections | size | pipeline | server | {unit} per second | server's CPU, us | p50 / p99 / p99.9, us \
         | server's memory, MiB | load's CPU, us, and core |"
    );
    println!("|---:|---:|---:|---|---:|---:|---:|---:|---:|");
    let mut marked = false;
    for (row, servers) in rows {
        for (index, (name, rounds)) in servers.iter().enumerate() {
            match index {
                0 => print!("| {} | {} | {} |", row[0], size(row[1]), row[2]),
                _ => print!("| | | |"),
            }
            let mark = if is_saturated(rounds) { MARK } else { "" };
            marked |= !mark.is_empty();
            print!(" {name} |");
            for metric in &METRICS {
                let is_best = workload.ranked && best(metric, servers) == Some(name);
                let mark = if metric.rank == RATE.rank { mark } else { "" };
                print!(" {}{mark} |", bold(cell(metric, rounds), is_best));
            }
            println!(" {} |", load(rounds));
        }
    }
    if marked {
        println!("\n{MARK_MEANS}");
    }
}

fn best<'a>(metric: &Metric, servers: &Servers<'a>) -> Option<&'a str> {
    let values = servers.iter().map(|(name, rounds)| (*name, median(rounds, metric.rank)));
    let best = values.reduce(|best, next| {
        let is_better = if metric.most_is_best { next.1 > best.1 } else { next.1 < best.1 };
        if is_better { next } else { best }
    });
    best.map(|(name, _)| name)
}

fn is_saturated(rounds: &Rounds) -> bool {
    median(rounds, LOAD_BUSY) >= SATURATED
}

fn bold(text: String, is_best: bool) -> String {
    if is_best { format!("**{text}**") } else { text }
}

fn size(bytes: u64) -> String {
    match bytes {
        0 => "-".into(),
        1..1024 => format!("{bytes} B"),
        _ => format!("{} KiB", bytes / 1024),
    }
}

fn cell(metric: &Metric, rounds: &Rounds) -> String {
    let values = metric.fields.iter().map(|field| {
        let unit = if *field == RESIDENT { 1024.0 } else { 1.0 };
        format!("{:.*}", metric.decimals, median(rounds, *field) / unit)
    });
    values.collect::<Vec<_>>().join(" / ")
}

fn load(rounds: &Rounds) -> String {
    format!("{:.2}, {:.0} %", median(rounds, LOAD_CPU), median(rounds, LOAD_BUSY))
}

fn median(rounds: &Rounds, field: usize) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(|fields| fields[field]).collect();
    values.sort_by(f64::total_cmp);
    (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
}
