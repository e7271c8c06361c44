//! The goals, and whether this run reaches them.

use crate::groups::{echo, fragments, handshake, receive, scaling, send};
use crate::report::{Cell, Kind, Report, Row};
use crate::stream::Size;
use peers::PEERS;
use std::fmt::Write;

const CHUNKS: &str = "barews, chunks";
const WHOLE: &str = "barews, whole";

/// Returns a line for each goal that was measured: whether it is reached, and the workload that is furthest off.
pub fn text(report: &Report) -> String {
    let head = format!("{:<70}{:>8}{:>9}  {:<24}where it is worst\n", "goals", "at most", "measured", "");
    let mut goals = Goals { report, out: head };
    if cfg!(feature = "simd") {
        goals.check("first everywhere, of the best peer", 1.0, has_peers, Row::ratio_to_best);
        goals.check("receive 1 KiB and more, chunks, of L", 1.15, is_receive, |row| {
            row.cell(CHUNKS).filter(|_| at_least(row, 1 << 10))?.ratio()
        });
        goals.check("text as str, of the same as bytes", 1.1, is_str, |row| of(row, WHOLE, receive::AS_BYTES));
    } else {
        let is_whole = |row: &Row| is_receive(row) || is_fragments(row);
        let all = |row: &Row| to_best(row, |_| true);
        let ratios: Vec<f64> = report.rows.iter().filter(|row| is_whole(row)).filter_map(all).collect();
        let first = ratios.iter().filter(|ratio| !is_more(**ratio, 1.0)).count();
        let title = format!("whole messages, first in {first} of {}, of the best peer", ratios.len());
        goals.check(&title, 1.25, is_whole, all);
        goals.check("whole messages, of the best peer without wider vectors", 1.0, is_whole, |row| {
            to_best(row, |cell| !PEERS.iter().any(|peer| peer.name == cell.name && peer.is_wide))
        });
    }
    let is_handshake = |row: &Row| row.table == handshake::TABLE;
    goals.check("opening handshake, of the best peer that checks as much", 0.85, is_handshake, |row| {
        // The work of the other side does not count.
        let other = row.cell(handshake::OTHER_SIDE).map_or(0.0, |cell| cell.median);
        Some((row.best(|cell| cell.kind == Kind::Barews)?.median - other) / (row.best_peer()?.median - other))
    });
    goals.check("receive 16 KiB and more, whole messages, of chunks", 1.15, is_receive, |row| {
        of(row, WHOLE, CHUNKS).filter(|_| at_least(row, 16 << 10))
    });
    let is_packets = |row: &Row| is_fragments(row) && row.name == fragments::name(receive::PACKET);
    let chunks = |row: &Row| row.cell(CHUNKS)?.ratio();
    goals.check("fragments and Pings in reads of 1,460 B, chunks, of L", 1.3, is_packets, chunks);
    goals.check("fragments and Pings in reads of 1,460 B, of the best peer", 1.0, is_packets, Row::ratio_to_best);
    let is_connections = |row: &Row| row.name == scaling::CONNECTIONS;
    goals.check("most connections, of the same with one cache line each", 1.3, is_connections, |row| {
        let most = |kind| row.cells.iter().rfind(|cell| cell.kind == kind);
        Some(most(Kind::Barews)?.median / most(Kind::Limit)?.median)
    });
    goals.out
}

fn is_str(row: &Row) -> bool {
    row.table.contains("as str")
}

fn is_receive(row: &Row) -> bool {
    row.table.starts_with("receive") && !is_str(row)
}

fn is_fragments(row: &Row) -> bool {
    fragments::CONTENTS.iter().any(|&content| row.table == fragments::table(content))
}

fn has_peers(row: &Row) -> bool {
    let sends = [send::CLIENT_ENCODES, send::CLIENT_SENDS, send::SERVER_SENDS, echo::TABLE];
    is_receive(row) || is_str(row) || is_fragments(row) || sends.contains(&&*row.table)
}

fn at_least(row: &Row, len: usize) -> bool {
    Size::ALL.iter().any(|size| size.name() == row.name && size.longest() >= len)
}

/// Returns the time of a contender in units of another's.
fn of(row: &Row, name: &str, other: &str) -> Option<f64> {
    Some(row.cell(name)?.median / row.cell(other)?.median)
}

/// Returns the time for whole messages in units of the best peer that returns them, makes all checks and counts.
fn to_best(row: &Row, counts: impl Fn(&Cell) -> bool) -> Option<f64> {
    let peer = row.best(|cell| cell.kind == Kind::Peer && !cell.is_streaming && counts(cell))?;
    Some(row.cell(WHOLE)?.median / peer.median)
}

/// Compares the rounded values that are printed: 1.004 is 1.00.
fn is_more(value: f64, most: f64) -> bool {
    (value * 100.0).round() > (most * 100.0).round()
}

struct Goals<'r> {
    report: &'r Report,
    out: String,
}

impl Goals<'_> {
    /// Adds a line: `value` is at most `most` in all workloads for which `is_of` is true, if any were measured.
    fn check(&mut self, title: &str, most: f64, is_of: impl Fn(&Row) -> bool, value: impl Fn(&Row) -> Option<f64>) {
        let rows = self.report.rows.iter().filter(|row| is_of(row));
        let values: Vec<_> = rows.filter_map(|row| Some((value(row)?, row))).collect();
        let Some((worst, row)) = values.iter().max_by(|a, b| a.0.total_cmp(&b.0)) else { return };
        let met = values.iter().filter(|(value, _)| !is_more(*value, most)).count();
        let result = if met == values.len() { "reached" } else { "NOT REACHED" };
        let result = format!("{result}, {met} of {}", values.len());
        let _ = writeln!(self.out, "  {title:<68}{most:>8.2}{worst:>9.2}  {result:<24}{}, {}", row.table, row.name);
    }
}
