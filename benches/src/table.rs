//! The tables as text: workloads side by side, contenders below each other, in units of their limit.

use crate::report::{Cell, Kind, Row};
use std::fmt::Write;

/// All tables of these rows.
pub fn text(rows: &[Row]) -> String {
    rows.chunk_by(|a, b| a.table == b.table).map(|rows| one(rows) + "\n").collect()
}

/// One table. The first line gives the limit in nanoseconds for a unit of work; below are multiples of it, or
/// nanoseconds where there is no limit.
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
    if rows.iter().any(|row| row.best_peer().is_some()) {
        line(&mut out, "  best peer / best of barews", rows.iter().map(lead));
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

/// The limit of reads of whatever size is there.
pub fn limit(row: &Row) -> Option<f64> {
    row.cells.iter().find(|cell| !cell.name.contains("sized")).and_then(|cell| cell.limit)
}

/// Every contender, in the order of its first appearance.
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
    let value = match cell.ratio().or_else(|| limit.map(|limit| cell.median / limit)) {
        Some(ratio @ ..10.0) => format!("{ratio:.2}"),
        Some(ratio) => format!("{ratio:.1}"),
        None => nanoseconds(cell.median),
    };
    value + if cell.kind == Kind::LesserPeer { "*" } else { " " }
}

/// How many times longer the best peer takes, and who it is.
fn lead(row: &Row) -> String {
    match (row.best_peer(), row.best_barews()) {
        (Some(peer), Some(barews)) => format!("{:.2} ", peer.median / barews.median),
        _ => String::new(),
    }
}

pub fn nanoseconds(ns: f64) -> String {
    match ns {
        ..100.0 => format!("{ns:.1}"),
        ..10_000.0 => format!("{ns:.0}"),
        _ => format!("{:.1}k", ns / 1000.0),
    }
}
