//! What is aimed at, and what was reached in this run.

use crate::groups::{echo, fragments, handshake, receive, scaling, send};
use crate::peers::{PEERS, Peer, READ};
use crate::report::{Cell, Kind, Report, Row};
use crate::wire::{Content, Size};
use std::fmt::Write;

/// One comparison: met if `value` is at most `most`.
struct Check {
    place: String,
    value: f64,
    most: f64,
}

struct Goals<'r> {
    report: &'r Report,
    out: String,
    /// Of the goal at hand.
    checks: Vec<Check>,
}

/// A line for each goal of which anything was measured: met or not, and the cell that is furthest off.
pub fn text(report: &Report) -> String {
    let mut goals = Goals { report, out: String::new(), checks: Vec::new() };
    goals.small();
    goals.mixed();
    goals.large();
    goals.korean();
    goals.packets();
    goals.fragments();
    goals.sends();
    goals.echoes();
    goals.handshakes();
    goals.scaling();
    format!("{:<76}{:>7}{:>8}  {}\n{}", "goals", "most", "worst", "where", goals.out)
}

const CHUNKS: &[&str] = &["barews, chunks"];
const WHOLE: &[&str] = &["barews, whole"];
const SIZED: &[&str] = &["barews, sized chunks"];
const ANY_WHOLE: &[&str] = &["barews, whole", "barews, sized whole", "barews, sized in place"];
const SMALL: [Size; 3] = [Size::Bytes(16), Size::Bytes(125), Size::Bytes(1 << 10)];
const LARGE: [Size; 3] = [Size::Bytes(16 << 10), Size::Bytes(64 << 10), Size::Bytes(1 << 20)];

fn peer(cell: &Cell) -> Option<&'static Peer> {
    PEERS.iter().find(|peer| peer.name == cell.name && !peer.is_barews())
}

fn everybody(_: &Peer) -> bool {
    true
}

/// Whoever does not choose wider vectors at run time than the build has; those that do validate text with them, too.
fn is_narrow(peer: &Peer) -> bool {
    !peer.is_wide
}

impl Goals<'_> {
    /// Ends a goal: its line, and nothing if nothing of it was measured.
    fn goal(&mut self, title: &str) {
        let off = |check: &Check| check.value / check.most;
        let Some(worst) = self.checks.iter().max_by(|a, b| off(a).total_cmp(&off(b))) else { return };
        let missed = self.checks.iter().filter(|check| check.value > check.most).count();
        let verdict = if missed == 0 { "met".into() } else { format!("MISSED {missed}/{}", self.checks.len()) };
        let Check { place, value, most } = worst;
        let _ = writeln!(self.out, "  {title:<74}{most:>7.2}{value:>8.2}  {place}: {verdict}");
        self.checks.clear();
    }

    fn check(&mut self, row: &Row, value: f64, most: f64) {
        self.checks.push(Check { place: format!("{}, {}", row.table, row.name), value, most });
    }

    /// The best of these contenders in units of its limit.
    fn limit(&mut self, table: &str, name: &str, contenders: &[&str], most: f64) {
        let Some(row) = self.report.row(table, name) else { return };
        let ratios = contenders.iter().filter_map(|name| row.cell(name)?.ratio());
        if let Some(ratio) = ratios.reduce(f64::min) {
            self.check(row, ratio, most);
        }
    }

    /// The best of barews in units of the best peer of these; text counts only where it is validated.
    fn ahead(&mut self, table: &str, name: &str, most: f64, counts: fn(&Peer) -> bool) {
        let Some(row) = self.report.row(table, name) else { return };
        let Some(barews) = row.best_barews() else { return };
        let counts =
            |cell: &&Cell| peer(cell).is_some_and(|peer| counts(peer) && (peer.checks_text || !table.contains("text")));
        if let Some(best) = row.cells.iter().filter(counts).map(|cell| cell.median).reduce(f64::min) {
            self.check(row, barews.median / best, most);
        }
    }

    /// Calls `each` with the tables of binary and ASCII messages and the names of the sizes.
    fn receive(&mut self, read_size: usize, sizes: &[Size], mut each: impl FnMut(&mut Self, &str, &str)) {
        for content in [Content::Binary, Content::Ascii] {
            for size in sizes {
                each(self, &receive::table(content, read_size), &size.name());
            }
        }
    }

    fn small(&mut self) {
        for (size, most) in SMALL.into_iter().zip([1.25, 1.05, 1.05]) {
            self.receive(READ, &[size], |goals, table, name| goals.limit(table, name, CHUNKS, most));
        }
        self.goal("receive 16 B / 125 B / 1 KiB, chunks, in L");
        for (size, most) in SMALL.into_iter().zip([1.35, 1.15, 1.15]) {
            self.receive(READ, &[size], |goals, table, name| goals.limit(table, name, WHOLE, most));
        }
        self.goal("receive 16 B / 125 B / 1 KiB, whole messages, in L");
        self.receive(READ, &SMALL, |goals, table, name| goals.ahead(table, name, 1.0, everybody));
        self.goal("receive 16 B / 125 B / 1 KiB, of the best peer");
    }

    fn mixed(&mut self) {
        self.receive(READ, &[Size::Mixed], |goals, table, name| goals.limit(table, name, CHUNKS, 1.2));
        self.goal("receive 1-300 B, in L");
        self.receive(READ, &[Size::Mixed], |goals, table, name| goals.ahead(table, name, 1.0, everybody));
        self.goal("receive 1-300 B, of the best peer");
    }

    fn large(&mut self) {
        self.receive(READ, &LARGE, |goals, table, name| goals.limit(table, name, SIZED, 1.0));
        self.goal("receive 16 KiB and more, chunks of sized reads, in L");
        self.receive(READ, &LARGE, |goals, table, name| goals.limit(table, name, ANY_WHOLE, 1.1));
        self.goal("receive 16 KiB and more, whole messages, in L");
        if cfg!(target_feature = "avx2") {
            self.receive(READ, &LARGE, |goals, table, name| goals.ahead(table, name, 1.1, everybody));
            self.goal("receive 16 KiB and more, vectors of this build, of the best peer");
        } else {
            self.receive(READ, &LARGE, |goals, table, name| goals.ahead(table, name, 1.0, is_narrow));
            self.goal("receive 16 KiB and more, of the best peer without wider vectors");
        }
    }

    fn korean(&mut self) {
        let table = receive::table(Content::Korean, READ);
        if cfg!(feature = "simdutf8") {
            for size in Size::ALL.map(Size::name) {
                let Some(row) = self.report.row(&table, &size) else { continue };
                let (Some(barews), Some(limit)) = (row.cell(CHUNKS[0]), row.cell(receive::SIMD)) else { continue };
                self.check(row, barews.median / limit.median, 1.35);
            }
            self.goal("receive Korean text with simdutf8, in that limit");
            for size in Size::ALL {
                self.ahead(&table, &size.name(), 1.0, everybody);
            }
            self.goal("receive Korean text with simdutf8, of the best peer");
            return;
        }
        for (size, times) in [(Size::Bytes(1 << 10), 3.0), (Size::Bytes(64 << 10), 5.0)] {
            let Some(row) = self.report.row(&table, &size.name()) else { continue };
            let (Some(barews), Some(limit)) = (row.cell(CHUNKS[0]), row.cell(receive::STD)) else { continue };
            self.check(row, barews.median / limit.median, 1.0 / times);
        }
        self.goal("receive Korean text, of unmasking and core::str::from_utf8");
        for size in Size::ALL {
            self.ahead(&table, &size.name(), 1.0, is_narrow);
        }
        self.goal("receive Korean text, of the best peer without simdutf8");
    }

    fn packets(&mut self) {
        self.receive(receive::PACKET, &Size::ALL, |goals, table, name| goals.limit(table, name, CHUNKS, 1.1));
        self.goal("reads of 1,460 B, chunks, in L");
        self.receive(receive::PACKET, &Size::ALL, |goals, table, name| goals.limit(table, name, WHOLE, 1.4));
        self.goal("reads of 1,460 B, whole messages, in L");
        self.receive(receive::PACKET, &Size::ALL, |goals, table, name| goals.ahead(table, name, 1.0, everybody));
        self.goal("reads of 1,460 B, of the best peer");
    }

    fn fragments(&mut self) {
        type Bound = (fn(usize) -> f64, &'static str, Option<&'static [&'static str]>);
        let bounds: [Bound; 3] = [
            (|reads| if reads == receive::PACKET { 1.3 } else { 1.1 }, "chunks, in L", Some(CHUNKS)),
            (|reads| if reads == receive::PACKET { 1.7 } else { 1.3 }, "whole messages, in L", Some(WHOLE)),
            (|reads| if reads == READ { 1.0 / 1.3 } else { 1.0 / 1.9 }, "of the best peer", None),
        ];
        for (most, title, contenders) in bounds {
            for content in fragments::CONTENTS {
                for reads in fragments::READS {
                    let (table, name) = (fragments::table(content), fragments::name(reads));
                    match contenders {
                        Some(contenders) => self.limit(&table, &name, contenders, most(reads)),
                        None => self.ahead(&table, &name, most(reads), everybody),
                    }
                }
            }
            self.goal(&format!("64 KiB in fragments of 1 KiB with Pings, {title}"));
        }
    }

    fn sends(&mut self) {
        for size in Size::ALL {
            let most = match size {
                Size::Bytes(16) => 1.5,
                size if size.longest() >= 1 << 10 => 1.1,
                _ => continue,
            };
            self.limit(send::CLIENT_ENCODES, &size.name(), &["barews, message"], most);
        }
        self.goal("client encodes 16 B / from 1 KiB, in L");
        for table in [send::CLIENT_ENCODES, send::CLIENT_SENDS] {
            Size::ALL.into_iter().for_each(|size| self.ahead(table, &size.name(), 1.0, everybody));
            self.goal(&format!("{table}, of the best peer"));
        }
        Size::ALL
            .into_iter()
            .for_each(|size| self.limit(send::SERVER_SENDS, &size.name(), &["barews, message", "barews, frame"], 1.0));
        self.goal("server sends, in L");
    }

    fn echoes(&mut self) {
        Size::ALL.into_iter().for_each(|size| self.ahead(echo::TABLE, &size.name(), 1.0, everybody));
        self.goal("server echoes, of the best peer");
    }

    fn handshakes(&mut self) {
        for name in [handshake::SERVER, handshake::CLIENT] {
            let Some(row) = self.report.row(handshake::TABLE, name) else { continue };
            // What the other side does is not ours.
            let other = row.cell(handshake::OTHER_SIDE).map_or(0.0, |cell| cell.median);
            let peers = row.cells.iter().filter(|cell| cell.kind == Kind::Peer);
            let best = peers.map(|cell| cell.median - other).reduce(f64::min);
            if let (Some(best), Some(barews)) = (best, row.best_barews()) {
                self.check(row, (barews.median - other) / best, 0.75);
            }
        }
        self.goal("opening handshake, of the best peer that checks as much");
    }

    fn scaling(&mut self) {
        for name in [scaling::MESSAGES, scaling::FRAGMENTS, scaling::CONNECTIONS] {
            // A hundred thousand of anything do not fit the cache: connections grow by what its misses cost.
            let unit = if name == scaling::CONNECTIONS { self.growth(scaling::ALL_LINES) } else { Some(1.0) };
            if let (Some(growth), Some(unit)) = (self.growth(name), unit) {
                self.checks.push(Check { place: scaling::TABLE.into(), value: growth / unit, most: 1.2 });
            }
            self.goal(&format!("cost of a unit where there are most, by the least: {name}"));
        }
        if let Some(bytes) = self.report.about.get(scaling::MEMORY).and_then(|bytes| bytes.parse().ok()) {
            self.checks.push(Check { place: "100,000 connections".into(), value: bytes, most: 256.0 });
            self.goal("memory of a connection, in bytes");
        }
    }

    /// What a unit costs where there are most of them, by what it costs where it costs least.
    fn growth(&self, name: &str) -> Option<f64> {
        let cells = &self.report.row(scaling::TABLE, name)?.cells;
        let least = cells.iter().map(|cell| cell.median).reduce(f64::min)?;
        Some(cells.last()?.median / least)
    }
}
