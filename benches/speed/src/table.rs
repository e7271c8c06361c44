//! The tables as text: the columns are workloads, the rows contenders, and the figures are in units of the limit.

use crate::report::{Cell, Kind, Row};
use std::fmt::Write;

/// Formats all tables of these rows.
pub fn text(rows: &[Row]) -> String {
    rows.chunk_by(|a, b| a.table == b.table).map(|rows| one(rows) + "\n").collect()
}

/// Formats one table. The first line has the limit in nanoseconds per unit of work. The lines below have multiples of it, or
/// nanoseconds if there is none or the contender has other reads. Then: how many times longer the best peer takes, which
/// contenders are faster than the loops, and which buffers were the fastest.
fn one(rows: &[Row]) -> String {
    let mut out = String::new();
    let mut optional = |head: &str, cells: Vec<Option<String>>| {
        if cells.iter().any(Option::is_some) {
            line(&mut out, head, cells.into_iter().map(|cell| cell.unwrap_or_default() + " "));
        }
    };
    optional(&rows[0].table, rows.iter().map(|row| Some(row.name.clone())).collect());
    optional("  L, ns", rows.iter().map(|row| row.limit().map(nanoseconds)).collect());
    for name in names(rows) {
        let cells = rows.iter().map(|row| Some(row.cell(name).map_or("-".into(), multiple)));
        let unit =
            rows.iter().any(|row| row.limit().is_some() && row.cell(name).is_some_and(|cell| cell.limit.is_none()));
        optional(&format!("  {name}{}", if unit { ", ns" } else { "" }), cells.collect());
    }
    let leads = rows.iter().map(|row| row.ratio_to_best().map(|ratio| format!("{:.2}", 1.0 / ratio)));
    optional("  best peer / barews", leads.collect());
    let beaten = |row: &Row| row.beaten().map(|(_, ratio)| format!("{ratio:.2}"));
    optional("  L / fastest loop", rows.iter().map(beaten).collect());
    for name in names(rows) {
        let buffers = rows.iter().map(|row| row.cell(name)?.buffer.clone());
        optional(&format!("  buffer of {name}"), buffers.collect());
    }
    for row in rows {
        if let Some((cell, ratio)) = row.beaten() {
            let _ = writeln!(out, "  the loops for {} are beaten by {}, {ratio:.2}", row.name, cell.name);
        }
    }
    out
}

fn line(out: &mut String, head: &str, cells: impl Iterator<Item = String>) {
    let _ = write!(out, "{head:<44}");
    cells.for_each(|cell| {
        let _ = write!(out, "{cell:>11}");
    });
    *out = out.trim_end().to_owned() + "\n";
}

/// Returns every contender, in the order of first appearance.
fn names(rows: &[Row]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for cell in rows.iter().flat_map(|row| &row.cells) {
        if !names.contains(&cell.name.as_str()) {
            names.push(&cell.name);
        }
    }
    names
}

fn multiple(cell: &Cell) -> String {
    let value = match cell.ratio() {
        Some(ratio @ ..10.0) => format!("{ratio:.2}"),
        Some(ratio) => format!("{ratio:.1}"),
        None => nanoseconds(cell.median),
    };
    value + if cell.kind == Kind::LesserPeer { "*" } else { "" }
}

pub fn nanoseconds(ns: f64) -> String {
    match ns {
        ..100.0 => format!("{ns:.1}"),
        ..10_000.0 => format!("{ns:.0}"),
        _ => format!("{:.1}k", ns / 1000.0),
    }
}
