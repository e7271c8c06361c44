//! Draws the tables: bars for a table's workloads with a line for the limit, and two overviews with a selection. The plots
//! are readable in light and dark mode.

use crate::groups::{echo, fragments, handshake, receive, send};
use crate::report::{Cell, Kind, PROCESSOR, Report, Row};
use crate::stream::Content;
use crate::table::nanoseconds;
use peers::READ;
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

const STYLE: &str = "\
text { font: 11px sans-serif; fill: #24292f } .title { font-weight: bold; font-size: 13px }
.right { text-anchor: end } .barews { fill: #0a6cd6 } .other { fill: #0a6cd6; opacity: .45 } .peer { fill: #8c959f } .lesser { fill: #8c959f; opacity: .45 }
.limit { stroke: #cf222e } .limit-text { fill: #cf222e }
@media (prefers-color-scheme: dark) { text { fill: #d0d7de } .barews, .other { fill: #4aa3ff }
.limit { stroke: #ff7b72 } .limit-text { fill: #ff7b72 } }";

/// Widths and heights.
const PANEL: usize = 470;
const NAME: usize = 132;
const BAR: usize = 190;
const LINE: usize = 15;
/// Below the panels.
const CAPTION: [&str; 5] = [
    "L, the red line: the fastest of all with the same reads. Handwritten loops, which",
    "only copy, read headers, unmask and validate text, are among them.",
    "*: does less than required. Pale blue: another way of barews, which does not",
    "count. barews, session is README's loop; chunks and whole make the same calls",
    "without its deadlines. //: the bar is cut at 6 L.",
];
/// Bars are cut at this multiple of the limit.
const LONGEST: f64 = 6.0;

/// Writes a file for each table that has peers, and the overviews.
pub fn write(report: &Report, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for table in report.tables() {
        let panels: Vec<_> = report.rows_of(table).map(|row| (row.name.clone(), row)).collect();
        put(report, folder, table, &panels)?;
    }
    let [binary, ascii, korean] = Content::ALL.map(|content| receive::table(content, READ));
    let fragmented = fragments::table(Content::Binary);
    let receives = [
        ("binary, 16 B", &*binary, "16 B"),
        ("ASCII text, 125 B", &ascii, "125 B"),
        ("binary, 64 KiB", &binary, "64 KiB"),
        ("Korean text, 1 KiB", &korean, "1 KiB"),
    ];
    overview(report, folder, "a server receives", &receives)?;
    let rest = [
        ("64 KiB in 1 KiB and Pings", &*fragmented, "64 KiB"),
        ("client sends 125 B", send::CLIENT_SENDS, "125 B"),
        ("server echoes 1 KiB", echo::TABLE, "1 KiB"),
        ("opening handshake, server", handshake::TABLE, handshake::SERVER),
    ];
    overview(report, folder, "fragments, sending, echo, handshake", &rest)
}

/// Draws workloads of different tables with captions, if all of them were measured.
fn overview(report: &Report, folder: &Path, title: &str, workloads: &[(&str, &str, &str)]) -> io::Result<()> {
    let panels = workloads.iter().map(|(caption, table, name)| Some((caption.to_string(), report.row(table, name)?)));
    let panels: Option<Vec<_>> = panels.collect();
    panels.map_or(Ok(()), |panels| put(report, folder, title, &panels))
}

/// Draws a panel for each workload that has peers.
fn put(report: &Report, folder: &Path, title: &str, panels: &[(String, &Row)]) -> io::Result<()> {
    let panels: Vec<_> = panels.iter().filter(|(_, row)| row.best_peer().is_some()).collect();
    let processor = report.about.get(PROCESSOR).map_or("", String::as_str);
    if panels.is_empty() { Ok(()) } else { fs::write(folder.join(file_name(title)), svg(title, processor, &panels)) }
}

fn file_name(table: &str) -> String {
    let letters = table.replace(", reads of", " by").replace(|c: char| !c.is_ascii_alphanumeric(), "-").to_lowercase();
    let words: Vec<&str> = letters.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-") + ".svg"
}

fn svg(title: &str, processor: &str, panels: &[&(String, &Row)]) -> String {
    let bars = panels.iter().map(|(_, row)| contenders(row).len()).max().unwrap_or(0);
    let (panel_height, columns) = (LINE * (bars + 3), if panels.len() > 1 { 2 } else { 1 });
    let bottom = 30 + panel_height * panels.len().div_ceil(columns);
    let (width, height) = (PANEL * columns, bottom + LINE * CAPTION.len() + 8);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <text class=\"title\" x=\"8\" y=\"18\">{title}: time for a message; {processor}</text>\n"
    );
    for (i, (name, row)) in panels.iter().enumerate() {
        panel(&mut out, name, row, PANEL * (i % columns), 30 + panel_height * (i / columns));
    }
    for (i, text) in CAPTION.iter().enumerate() {
        let _ = writeln!(out, "<text x=\"8\" y=\"{}\">{text}</text>", bottom + LINE * (i + 1));
    }
    out + "</svg>\n"
}

/// Returns all contenders except the limits, the fastest first.
fn contenders(row: &Row) -> Vec<&Cell> {
    let mut cells: Vec<&Cell> = row.cells.iter().filter(|cell| cell.kind != Kind::Limit).collect();
    cells.sort_by(|a, b| a.median.total_cmp(&b.median));
    cells
}

/// Draws one workload. Bars are in units of the limit, or of the best peer if there is no limit.
fn panel(out: &mut String, name: &str, row: &Row, x: usize, y: usize) {
    let limit = row.limit();
    let Some(unit) = limit.or(row.best_peer().map(|cell| cell.median)) else { return };
    let scale = BAR as f64 / LONGEST;
    let _ = writeln!(out, "<g transform=\"translate({x} {y})\">");
    let _ = writeln!(out, "<text class=\"title\" x=\"{NAME}\" y=\"{LINE}\">{name}</text>");
    let mut end = LINE + 6;
    for cell in contenders(row) {
        let length = (cell.median / unit).min(LONGEST) * scale;
        let class = match cell.kind {
            Kind::Barews => "barews",
            Kind::OtherWay => "other",
            Kind::LesserPeer => "lesser",
            _ => "peer",
        };
        let mark = if cell.kind == Kind::LesserPeer { " *" } else { "" };
        let cut = if cell.median / unit > LONGEST { "// " } else { "" };
        let multiple = cell.ratio().map_or(String::new(), |ratio| format!("{ratio:.2} L, "));
        let text_y = end + LINE - 4;
        let _ = writeln!(
            out,
            "<text class=\"right\" x=\"{}\" y=\"{text_y}\">{}{mark}</text><rect class=\"{class}\" x=\"{NAME}\" \
             y=\"{}\" width=\"{length:.1}\" height=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{text_y}\">{cut}{multiple}{} ns</text>",
            NAME - 5,
            cell.name,
            end + 2,
            LINE - 4,
            // Drawn behind the line of the limit.
            NAME as f64 + limit.map_or(length, |_| length.max(scale)) + 5.0,
            nanoseconds(cell.median),
        );
        end += LINE;
    }
    if let Some(limit) = limit {
        let x = NAME as f64 + scale;
        let _ = writeln!(
            out,
            "<line class=\"limit\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{end}\"/>\
             <text class=\"limit-text right\" x=\"{}\" y=\"{LINE}\">L = {} ns</text>",
            LINE + 4,
            PANEL - 20,
            nanoseconds(limit),
        );
    }
    out.push_str("</g>\n");
}
