//! `STRICTNESS.md`.

use crate::stream::{End, Stream};
use crate::verdict::Verdict;
use crate::{Cell, READS};
use peers::{RECEIVERS, Role, version};
use std::collections::BTreeSet;
use std::fmt::Write;

const ABOUT: &str = "# Who accepts what

Byte streams that break one rule of RFC 6455, or just do not break it, and what published crates make of them. Written
by `cargo run --release` in this folder; the streams are in `streams.tsv`, and a file in `../peers/src` is a crate. What
barews makes of them is also a test: `cargo test`.

Every stream is received in the role of a server and of a client, behind the opening handshake, once in one read and
once byte by byte. The transport then stays open. No extension is negotiated. Only receiving is judged, and a stream
counts in the totals as the worse of the two.

| entry | meaning |
|---|---|
| ok | as the RFC says |
| **accepts** | accepts what must be refused, or has not refused it when all bytes are read |
| **refuses** | refuses what is valid |
| **differs** | delivers other messages than were sent, or some behind a Close or from what it refuses, or no Close |
| **panics**, **aborts**, **hangs** | ends the thread, ends the process, or gives no answer in 10 s |
| (server), (client) | in this role only |
| (whole), (cut) | in one read only, byte by byte only |

To refuse is to report an error, or to send a Close frame with a code that tells of one. An error behind the peer's
Close frame is taken as the report that the connection is closed.

";

const NOTATION: &str = "
## The streams

Bytes are hex, hex repeated (`61*125`) or text; ` / ` stands between frames. `{05}`, `{7e 0100}` is the length field: if
the sender is a client, its MASK bit is set, a masking key follows and the payload behind it is masked. With `{!05}` it
is the other way round, which is wrong. In the last column, *refused* has the status code of section 7.4.1; *either* is
for what the RFC leaves open (limits, codes from 5000, 1010 from a server): accepting and refusing are both ok. The
codes 1012 to 1014 came with the IANA registry that section 11.7 sets up.

";

pub(crate) fn markdown(streams: &[Stream], columns: &[Vec<Cell>]) -> String {
    let mut out = ABOUT.to_owned();
    out.push_str("## Totals\n\n");
    out.push_str(&totals(streams, columns));
    out.push_str("\n## Crates\n\n| crate | version | how it is driven |\n|---|---|---|\n");
    for peer in &RECEIVERS {
        writeln!(out, "| {} | {} | {} |", peer.name, version(peer.name), peer.notes).unwrap();
    }
    out.push_str(NOTATION);
    out.push_str("| stream | section | role | bytes | RFC 6455 |");
    let rows = |out: &mut String, end: &str| writeln!(out, "{end}").unwrap();
    rows(&mut out, "\n|---|---|---|---|---|");
    for lines in by_name(streams) {
        let stream = &streams[lines[0]];
        let role = match (lines.len(), stream.role) {
            (2, _) => "both",
            (_, Role::Server) => "server",
            (_, Role::Client) => "client",
        };
        let (name, section) = (stream.name, stream.section);
        writeln!(out, "| {name} | {section} | {role} | `{}` | {} |", stream.notation, stream.expectation).unwrap();
    }
    out.push_str("\n## The verdicts\n\n| stream |");
    RECEIVERS.iter().for_each(|peer| write!(out, " {} |", peer.name).unwrap());
    writeln!(out, "\n|---|{}", "---|".repeat(RECEIVERS.len())).unwrap();
    for lines in by_name(streams) {
        write!(out, "| {} |", streams[lines[0]].name).unwrap();
        for column in columns {
            write!(out, " {} |", entry(streams, &lines, column)).unwrap();
        }
        out.push('\n');
    }
    out
}

/// One row a crate; a stream is right when it is right whole and cut.
pub(crate) fn totals(streams: &[Stream], columns: &[Vec<Cell>]) -> String {
    let refused = streams.iter().filter(|stream| matches!(stream.expected.end, End::Refused(_))).count();
    let mut out = format!("{} streams, of which {refused} are to be refused.\n\n| crate | ok |", streams.len());
    Verdict::WRONG.iter().for_each(|verdict| write!(out, " {} |", verdict.word()).unwrap());
    out.push_str("\n|---|---|");
    out.push_str(&"---|".repeat(Verdict::WRONG.len()));
    out.push('\n');
    for (peer, column) in RECEIVERS.iter().zip(columns) {
        let count = |verdict| column.iter().filter(|cell| worst(cell) == verdict).count();
        write!(out, "| {} {} | {} |", peer.name, version(peer.name), count(Verdict::Right)).unwrap();
        Verdict::WRONG.iter().for_each(|&verdict| write!(out, " {} |", count(verdict)).unwrap());
        out.push('\n');
    }
    out
}

fn worst(cell: &Cell) -> Verdict {
    cell.iter().copied().max().unwrap_or(Verdict::Right)
}

/// The numbers of the streams with the same name, which stand together.
fn by_name(streams: &[Stream]) -> Vec<Vec<usize>> {
    let numbers: Vec<usize> = (0..streams.len()).collect();
    numbers.chunk_by(|&a, &b| streams[a].name == streams[b].name).map(<[usize]>::to_vec).collect()
}

fn entry(streams: &[Stream], lines: &[usize], column: &[Cell]) -> String {
    let all = || lines.iter().flat_map(|&line| (0..READS.len()).map(move |read| (line, read)));
    let wrong: BTreeSet<Verdict> =
        all().map(|(line, read)| column[line][read]).filter(|&verdict| verdict != Verdict::Right).collect();
    if wrong.is_empty() {
        return "ok".into();
    }
    let words = wrong.iter().map(|&verdict| {
        let has = |line: usize, read: usize| column[line][read] == verdict;
        let in_line = |&&line: &&usize| (0..READS.len()).any(|read| has(line, read));
        let in_read = |read: &usize| lines.iter().any(|&line| has(line, *read));
        let (of, reads): (Vec<_>, Vec<_>) =
            (lines.iter().filter(in_line).collect(), (0..READS.len()).filter(in_read).collect());
        let mut word = format!("**{}**", verdict.word());
        if of.len() < lines.len() {
            word += if streams[*of[0]].role == Role::Server { " (server)" } else { " (client)" };
        }
        if reads.len() < READS.len() {
            word += if reads[0] == 0 { " (whole)" } else { " (cut)" };
        }
        word
    });
    words.collect::<Vec<_>>().join(", ")
}
