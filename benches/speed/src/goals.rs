//! The goals, and whether this run reaches them.

use crate::groups::{echo, fragments, handshake, receive, scaling, send};
use crate::report::{Cell, Kind, Report, Row};
use crate::stream::{Content, Size};
use peers::{PEERS, Peer, READ};
use std::fmt::Write;

/// One comparison: reached if `value` is at most `most`.
struct Check {
    place: String,
    value: f64,
    most: f64,
}

struct Goals<'r> {
    report: &'r Report,
    out: String,
    /// Those of the current goal.
    checks: Vec<Check>,
}

/// Returns a line for each goal that was measured: whether it is reached, and the cell that is furthest off.
pub fn text(report: &Report) -> String {
    let mut goals = Goals { report, out: String::new(), checks: Vec::new() };
    goals.small();
    goals.large();
    goals.korean();
    goals.packets();
    goals.fragments();
    goals.sends();
    goals.echoes();
    goals.handshakes();
    goals.scaling();
    format!("{:<78}{:>8}{:>9}  {:<19}{}\n{}", "goals", "at most", "measured", "", "where it is worst", goals.out)
}

const CHUNKS: &[&str] = &["barews, chunks"];
const WHOLE: &[&str] = &["barews, whole"];
const SIZED: &[&str] = &["barews, sized chunks"];
const ANY_WHOLE: &[&str] = &["barews, whole", "barews, sized whole", "barews, sized in place"];
const SMALL: [Size; 3] = [Size::Bytes(16), Size::Bytes(125), Size::Bytes(1 << 10)];
const LARGE: [Size; 3] = [Size::Bytes(16 << 10), Size::Bytes(64 << 10), Size::Bytes(1 << 20)];

fn any_peer(_: &Peer) -> bool {
    true
}

/// Returns whether a peer does not detect wider vectors at run time than the build has. Peers that do also validate text with
/// them.
fn is_narrow(peer: &Peer) -> bool {
    !peer.is_wide
}

impl Goals<'_> {
    /// Ends a goal and adds its line, if any of its cells was measured.
    fn goal(&mut self, title: &str) {
        let off = |check: &Check| check.value / check.most;
        let Some(worst) = self.checks.iter().max_by(|a, b| off(a).total_cmp(&off(b))) else { return };
        // Compares the rounded values that are printed: 1.004 is 1.00.
        let is_missed = |check: &&Check| (check.value * 100.0).round() > (check.most * 100.0).round();
        let missed = self.checks.iter().filter(is_missed).count();
        let result = match missed {
            0 => "reached".to_owned(),
            _ => format!("NOT REACHED {missed}/{}", self.checks.len()),
        };
        let Check { place, value, most } = worst;
        let _ = writeln!(self.out, "  {title:<76}{most:>8.2}{value:>9.2}  {result:<19}{place}");
        self.checks.clear();
    }

    fn check(&mut self, row: &Row, value: f64, most: f64) {
        self.checks.push(Check { place: format!("{}, {}", row.table, row.name), value, most });
    }

    /// Checks the best of these contenders, in units of its limit.
    fn limit(&mut self, table: &str, name: &str, contenders: &[&str], most: f64) {
        let Some(row) = self.report.row(table, name) else { return };
        let ratios = contenders.iter().filter_map(|name| row.cell(name)?.ratio());
        if let Some(ratio) = ratios.reduce(f64::min) {
            self.check(row, ratio, most);
        }
    }

    /// Checks barews in units of the best of these peers; for text, of those that validate it in this table. Peers that do
    /// not check frames count too.
    fn ahead(&mut self, table: &str, name: &str, most: f64, counts: fn(&Peer) -> bool) {
        let Some(row) = self.report.row(table, name) else { return };
        let counts = |cell: &Cell| {
            let validates = |peer: &Peer| cell.kind == Kind::Peer || peer.checks_text && !peer.checks_frames;
            let mut peers = PEERS.iter().filter(|peer| peer.name == cell.name && !peer.is_barews());
            peers.any(|peer| counts(peer) && (validates(peer) || !table.contains("text")))
        };
        if let Some(ratio) = row.ratio_to_best(counts) {
            self.check(row, ratio, most);
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

    /// The goals for messages up to 1 KiB.
    fn small(&mut self) {
        let bounds = [(&SMALL[..1], 1.25), (&SMALL[1..], 1.05), (&[Size::Mixed], 1.2)];
        for (sizes, most) in bounds {
            let names = sizes.iter().map(|size| size.name()).collect::<Vec<_>>().join(", ");
            self.receive(READ, sizes, |goals, table, name| goals.limit(table, name, CHUNKS, most));
            self.goal(&format!("receive {names}, chunks, in L"));
            self.receive(READ, sizes, |goals, table, name| goals.limit(table, name, WHOLE, most + 0.1));
            self.goal(&format!("receive {names}, whole messages, in L"));
            self.receive(READ, sizes, |goals, table, name| goals.ahead(table, name, 1.0, any_peer));
            self.goal(&format!("receive {names}, of the best peer"));
        }
    }

    fn large(&mut self) {
        self.receive(READ, &LARGE, |goals, table, name| goals.limit(table, name, SIZED, 1.0));
        self.goal("receive 16 KiB and more, chunks of sized reads, in L");
        self.receive(READ, &LARGE, |goals, table, name| goals.limit(table, name, ANY_WHOLE, 1.1));
        self.goal("receive 16 KiB and more, whole messages, in L");
        if cfg!(target_feature = "avx2") {
            self.receive(READ, &LARGE, |goals, table, name| goals.ahead(table, name, 1.1, any_peer));
            self.goal("receive 16 KiB and more, vectors of this build, of the best peer");
        } else {
            self.receive(READ, &LARGE, |goals, table, name| goals.ahead(table, name, 1.0, is_narrow));
            self.goal("receive 16 KiB and more, of the best peer without wider vectors");
        }
    }

    fn korean(&mut self) {
        let table = receive::table(Content::Korean, READ);
        if cfg!(feature = "simd") {
            for size in Size::ALL.map(Size::name) {
                self.of_limit(&table, &size, receive::SIMD, 1.35);
            }
            self.goal("receive Korean text with simd, of unmasking and simdutf8");
            Size::ALL.into_iter().for_each(|size| self.ahead(&table, &size.name(), 1.0, any_peer));
            self.goal("receive Korean text with simd, of the best peer");
            return;
        }
        for (size, times) in [(Size::Bytes(1 << 10), 3.0), (Size::Bytes(64 << 10), 5.0)] {
            self.of_limit(&table, &size.name(), receive::STD, 1.0 / times);
            self.goal(&format!("receive Korean text, {}, of unmasking and core::str::from_utf8", size.name()));
        }
        Size::ALL.into_iter().for_each(|size| self.ahead(&table, &size.name(), 1.0, is_narrow));
        self.goal("receive Korean text, of the best peer without wider vectors");
    }

    /// Checks chunks in units of this limit.
    fn of_limit(&mut self, table: &str, name: &str, limit: &str, most: f64) {
        let Some(row) = self.report.row(table, name) else { return };
        if let (Some(barews), Some(limit)) = (row.cell(CHUNKS[0]), row.cell(limit)) {
            self.check(row, barews.median / limit.median, most);
        }
    }

    fn packets(&mut self) {
        for (sizes, what) in [(&SMALL[..], "up to 1 KiB"), (&LARGE, "from 16 KiB"), (&[Size::Mixed], "1-300 B")] {
            self.receive(receive::PACKET, sizes, |goals, table, name| goals.limit(table, name, CHUNKS, 1.1));
            self.goal(&format!("reads of 1,460 B, {what}, chunks, in L"));
            self.receive(receive::PACKET, sizes, |goals, table, name| goals.limit(table, name, ANY_WHOLE, 1.4));
            self.goal(&format!("reads of 1,460 B, {what}, whole messages, in L"));
        }
        self.receive(receive::PACKET, &Size::ALL, |goals, table, name| goals.ahead(table, name, 1.0, any_peer));
        self.goal("reads of 1,460 B, of the best peer");
    }

    fn fragments(&mut self) {
        for reads in fragments::READS {
            let (chunks, whole) = if reads == receive::PACKET { (1.3, 1.7) } else { (1.1, 1.3) };
            let title = format!("fragments of 1 KiB with Pings, {}", receive::reads(reads));
            let mut each = |end: &str, check: &dyn Fn(&mut Self, &str, &str)| {
                for content in fragments::CONTENTS {
                    check(self, &fragments::table(content), &fragments::name(reads));
                }
                self.goal(&format!("{title}, {end}"));
            };
            each("chunks, in L", &|goals, table, name| goals.limit(table, name, CHUNKS, chunks));
            each("whole messages, in L", &|goals, table, name| goals.limit(table, name, ANY_WHOLE, whole));
            let times = if reads == READ { 1.3 } else { 1.9 };
            each("of the best peer", &|goals, table, name| goals.ahead(table, name, 1.0 / times, any_peer));
        }
    }

    fn sends(&mut self) {
        for (sizes, most) in [(&SMALL[..1], 1.5), (&[SMALL[2], LARGE[0], LARGE[1], LARGE[2]], 1.1)] {
            for size in sizes {
                self.limit(send::CLIENT_ENCODES, &size.name(), &["barews, message"], most);
            }
            self.goal(&format!("client encodes {}, in L", if most > 1.1 { "16 B" } else { "1 KiB and more" }));
        }
        for table in [send::CLIENT_ENCODES, send::CLIENT_SENDS] {
            Size::ALL.into_iter().for_each(|size| self.ahead(table, &size.name(), 1.0, any_peer));
            self.goal(&format!("{table}, of the best peer"));
        }
        for size in Size::ALL {
            self.limit(send::SERVER_SENDS, &size.name(), &["barews, message", "barews, frame"], 1.0);
        }
        self.goal("server sends, in L");
    }

    fn echoes(&mut self) {
        Size::ALL.into_iter().for_each(|size| self.ahead(echo::TABLE, &size.name(), 1.0, is_narrow));
        self.goal("server echoes, of the best peer without wider vectors");
    }

    fn handshakes(&mut self) {
        for name in [handshake::SERVER, handshake::CLIENT] {
            let Some(row) = self.report.row(handshake::TABLE, name) else { continue };
            // The work of the other side does not count.
            let other = row.cell(handshake::OTHER_SIDE).map_or(0.0, |cell| cell.median);
            if let (Some(peer), Some(barews)) = (row.best_peer(), row.best(|cell| cell.kind == Kind::Barews)) {
                self.check(row, (barews.median - other) / (peer.median - other), 0.75);
            }
            self.goal(&format!("opening handshake, {name}, of the best peer that checks as much"));
        }
    }

    fn scaling(&mut self) {
        for name in [scaling::MESSAGES, scaling::FRAGMENTS, scaling::CONNECTIONS] {
            // A hundred thousand connections do not fit the cache, so their cost is compared with that of cache misses.
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

    /// Returns the cost of a unit with the most units, divided by the lowest cost of a unit.
    fn growth(&self, name: &str) -> Option<f64> {
        let cells = &self.report.row(scaling::TABLE, name)?.cells;
        let least = cells.iter().map(|cell| cell.median).reduce(f64::min)?;
        Some(cells.last()?.median / least)
    }
}
