//! `STRICTNESS.md`.

use crate::rating::Rating;
use crate::stream::{End, Stream};
use crate::{Cell, READS};
use peers::{RECEIVERS, Role, version};
use std::collections::BTreeSet;
use std::fmt::Write;

const ABOUT: &str = "# Strictness of WebSocket crates

Byte streams that break one rule of RFC 6455, or are just within it, and how published crates receive them. Written by
`cargo run --release` in this folder. The streams are in `streams.tsv`; each crate has a file in `../peers/src`. For
barews, the results are also a test: `cargo test`.

Every stream is received in the role of a server and of a client, after the opening handshake, once in one read and
once byte by byte. The transport then stays open. No extension is negotiated. Only receiving is rated; in the totals, a
stream counts with the worse of the two results.

| entry | meaning |
|---|---|
| ok | as the RFC requires |
| **accepts** | accepts what must be refused, or has not refused it when all bytes are read |
| **refuses** | refuses what is valid |
| **differs** | delivers other messages than those sent, messages after a Close or of a refused stream, or no Close |
| **panics**, **aborts**, **hangs** | ends the thread, ends the process, or does not finish in 10 s |
| (server), (client) | in this role only |
| (whole), (cut) | in one read only, byte by byte only |

A crate refuses a stream if it reports an error, or sends a Close frame with the code of an error. An error after the
peer's Close frame counts as the report that the connection is closed.

";

const NOTATION: &str = "
## The streams

Bytes are hex, repeated hex (`61*125`) or text; ` / ` separates frames. `{05}` or `{7e 0100}` is the length field: if
the sender is a client, its MASK bit is set, a masking key follows, and the payload is masked. `{!05}` reverses this,
which is an error. In the last column, *refused* has the status code of section 7.4.1; *either* marks what the RFC
leaves open (limits, codes from 5000, 1010 from a server): accepting and refusing are both ok. The codes 1012 to 1014
are from the IANA registry that section 11.7 establishes.

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
    out.push_str("\n## The results\n\n| stream |");
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

/// Returns the totals, one row per crate. A stream is right if it is right in one read and byte by byte.
pub(crate) fn totals(streams: &[Stream], columns: &[Vec<Cell>]) -> String {
    let refused = streams.iter().filter(|stream| matches!(stream.expected.end, End::Refused(_))).count();
    let mut out = format!("{} streams, of which {refused} are to be refused.\n\n| crate | ok |", streams.len());
    Rating::WRONG.iter().for_each(|rating| write!(out, " {} |", rating.word()).unwrap());
    out.push_str("\n|---|---|");
    out.push_str(&"---|".repeat(Rating::WRONG.len()));
    out.push('\n');
    for (peer, column) in RECEIVERS.iter().zip(columns) {
        let count = |rating| column.iter().filter(|cell| worst(cell) == rating).count();
        write!(out, "| {} {} | {} |", peer.name, version(peer.name), count(Rating::Right)).unwrap();
        Rating::WRONG.iter().for_each(|&rating| write!(out, " {} |", count(rating)).unwrap());
        out.push('\n');
    }
    out
}

fn worst(cell: &Cell) -> Rating {
    cell.iter().copied().max().unwrap_or(Rating::Right)
}

/// Groups the numbers of streams with the same name, which are next to each other.
fn by_name(streams: &[Stream]) -> Vec<Vec<usize>> {
    let numbers: Vec<usize> = (0..streams.len()).collect();
    numbers.chunk_by(|&a, &b| streams[a].name == streams[b].name).map(<[usize]>::to_vec).collect()
}

fn entry(streams: &[Stream], lines: &[usize], column: &[Cell]) -> String {
    let all = || lines.iter().flat_map(|&line| (0..READS.len()).map(move |read| (line, read)));
    let wrong: BTreeSet<Rating> =
        all().map(|(line, read)| column[line][read]).filter(|&rating| rating != Rating::Right).collect();
    if wrong.is_empty() {
        return "ok".into();
    }
    let words = wrong.iter().map(|&rating| {
        let has = |line: usize, read: usize| column[line][read] == rating;
        let in_line = |&&line: &&usize| (0..READS.len()).any(|read| has(line, read));
        let in_read = |read: &usize| lines.iter().any(|&line| has(line, *read));
        let (of, reads): (Vec<_>, Vec<_>) =
            (lines.iter().filter(in_line).collect(), (0..READS.len()).filter(in_read).collect());
        let mut word = format!("**{}**", rating.word());
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
