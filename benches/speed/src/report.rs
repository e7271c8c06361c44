//! The results, from which tables, plots, the JSON file and the goals are made.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One contender on one workload.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Cell {
    pub name: String,
    pub kind: Kind,
    /// It passes on messages in pieces.
    pub is_streaming: bool,
    /// The size of its buffer, if there was a choice: the fastest.
    pub buffer: Option<String>,
    /// Nanoseconds for a unit of work.
    pub low: f64,
    pub median: f64,
    pub high: f64,
    /// L in nanoseconds, if it has the reads of the workload.
    pub limit: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub enum Kind {
    Barews,
    /// Not the documented way of barews, or not the work of this table. It does not count in comparisons.
    OtherWay,
    Peer,
    /// A peer that does less than required.
    LesserPeer,
    /// A handwritten loop.
    Limit,
}

impl Cell {
    /// Returns the time in units of its limit.
    pub fn ratio(&self) -> Option<f64> {
        self.limit.map(|limit| self.median / limit)
    }
}

/// One workload.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Row {
    /// The table to which it belongs.
    pub table: String,
    pub name: String,
    pub cells: Vec<Cell>,
}

impl Row {
    pub fn cell(&self, name: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.name == name)
    }

    /// Returns the limit: the time of the fastest handwritten loop, or of the fastest contender if that is faster.
    pub fn limit(&self) -> Option<f64> {
        self.cells.iter().find_map(|cell| cell.limit)
    }

    /// Returns the contender that is faster than every handwritten loop, if there is one, and its time in units of theirs.
    pub fn beaten(&self) -> Option<(&Cell, f64)> {
        let loops = self.best(|cell| cell.kind == Kind::Limit && cell.limit.is_some())?;
        let fastest = self.best(|cell| cell.limit == Some(cell.median))?;
        let ratio = fastest.median / loops.median;
        (ratio < 0.995).then_some((fastest, ratio))
    }

    pub fn best_peer(&self) -> Option<&Cell> {
        self.best(|cell| cell.kind == Kind::Peer)
    }

    pub fn best(&self, counts: impl Fn(&Cell) -> bool) -> Option<&Cell> {
        self.cells.iter().filter(|cell| counts(cell)).min_by(|a, b| a.median.total_cmp(&b.median))
    }

    /// Returns barews in units of the best peer: among all, or among those with whole messages, whichever is worse.
    pub fn ratio_to_best(&self) -> Option<f64> {
        let ratios = [true, false].into_iter().filter_map(|in_pieces| {
            let fits = |cell: &Cell| in_pieces || !cell.is_streaming;
            let barews = self.best(|cell| cell.kind == Kind::Barews && fits(cell))?;
            let peer = self.best(|cell| cell.kind == Kind::Peer && fits(cell))?;
            Some(barews.median / peer.median)
        });
        ratios.reduce(f64::max)
    }
}

/// The name of the note with the processor's model.
pub const PROCESSOR: &str = "processor";

/// A whole run.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct Report {
    /// How it was built and run.
    pub about: BTreeMap<String, String>,
    pub rows: Vec<Row>,
}

impl Report {
    pub fn note(&mut self, key: &str, value: &str) {
        self.about.insert(key.into(), value.into());
    }

    pub fn row(&self, table: &str, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.table == table && row.name == name)
    }

    /// The tables, in the order in which they were measured.
    pub fn tables(&self) -> Vec<&str> {
        let mut tables: Vec<&str> = self.rows.iter().map(|row| row.table.as_str()).collect();
        tables.dedup();
        tables
    }

    pub fn rows_of<'r>(&'r self, table: &'r str) -> impl Iterator<Item = &'r Row> {
        self.rows.iter().filter(move |row| row.table == table)
    }
}
