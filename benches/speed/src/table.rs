//! The tables as text: the columns are workloads, the rows contenders, and the figures are in units of the limit.

use crate::report::{Cell, Kind, Row};
use std::fmt::Write;

/// Formats all tables of these rows.
pub fn text(rows: &[Row]) -> String {
    rows.chunk_by(|a, b| a.table == b.table).map(|rows| one(rows) + "\n").collect()
}

/// Formats one table. The first line has the limit in nanoseconds per unit of work. The lines below have multiples of it, or
/// nanoseconds if there is no limit. The last line is how many times longer the best peer takes.
fn one(rows: &[Row]) -> String {
    let mut out = String::new();
    line(&mut out, &rows[0].table, rows.iter().map(|row| row.name.clone() + " "));
    if rows.iter().any(|row| limit(row).is_some()) {
        line(
            &mut out,
            "  L, ns",
            rows.iter().map(|row| limit(row).map_or(String::new(), |limit| nanoseconds(limit) + " ")),
        );
    }
    for name in names(rows) {
        let cells = rows.iter().map(|row| row.cell(name).map_or("- ".into(), |cell| multiple(cell, limit(row))));
        line(&mut out, &format!("  {name}"), cells);
    }
    let leads = || rows.iter().map(|row| row.ratio_to_best(|cell| cell.kind == Kind::Peer).map(|ratio| 1.0 / ratio));
    if leads().any(|lead| lead.is_some()) {
        line(
            &mut out,
            "  best peer / barews",
            leads().map(|lead| lead.map_or(String::new(), |it| format!("{it:.2} "))),
        );
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

/// Returns the limit of reads that are not sized.
pub fn limit(row: &Row) -> Option<f64> {
    row.cells.iter().find(|cell| !cell.name.contains("sized")).and_then(|cell| cell.limit)
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

fn multiple(cell: &Cell, limit: Option<f64>) -> String {
    let value = match limit.map(|limit| cell.median / limit) {
        Some(ratio @ ..10.0) => format!("{ratio:.2}"),
        Some(ratio) => format!("{ratio:.1}"),
        None => nanoseconds(cell.median),
    };
    value + if cell.kind == Kind::LesserPeer { "*" } else { " " }
}

pub fn nanoseconds(ns: f64) -> String {
    match ns {
        ..100.0 => format!("{ns:.1}"),
        ..10_000.0 => format!("{ns:.0}"),
        _ => format!("{:.1}k", ns / 1000.0),
    }
}
