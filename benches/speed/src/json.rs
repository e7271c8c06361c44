//! Results as a file, and changes since an earlier one.

use crate::report::{Kind, Report};
use std::fmt::Write;
use std::{fs, io, path::Path};

pub fn write(report: &Report, path: &Path) -> io::Result<()> {
    fs::write(path, serde_json::to_string_pretty(report)? + "\n")
}

pub fn read(path: &Path) -> io::Result<Report> {
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

/// Changes below this are noise.
const NOTABLE: f64 = 0.05;

/// Lists where barews has become faster or slower, in units of L, or in nanoseconds without it.
pub fn changes(before: &Report, after: &Report) -> String {
    let mut out = String::from("changed since the earlier run, in units of the limit:\n");
    for row in &after.rows {
        for cell in row.cells.iter().filter(|cell| cell.kind == Kind::Barews) {
            let Some(old) = before.row(&row.table, &row.name).and_then(|row| row.cell(&cell.name)) else { continue };
            let (old, new) = match (old.ratio(), cell.ratio()) {
                (Some(old), Some(new)) => (old, new),
                _ => (old.median, cell.median),
            };
            if (new / old - 1.0).abs() > NOTABLE {
                let percent = (new / old - 1.0) * 100.0;
                let _ = writeln!(
                    out,
                    "  {percent:+5.0} %  {old:.2} -> {new:.2}  {}, {}: {}",
                    row.table, row.name, cell.name
                );
            }
        }
    }
    out
}
