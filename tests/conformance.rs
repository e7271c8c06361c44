//! Every requirement of RFC 6455, 7692, 8441 and 9220 that binds the engine (scope `E`) is cited as `[6455-5.1-3]` by the code
//! that enforces it and by a test, or is in `conformance/exceptions.tsv` with a reason. So is every requirement for tunnels
//! through proxies, redirects and credentials, from the RFCs of HTTP, URIs, Basic and Bearer. The table of all of them is
//! `conformance/requirements.tsv`. A permission (scope `P`) requires nothing: a test shows that it can be used, and no code
//! cites it.
//!
//! "Code" is `src` and the hosts in `examples`, without their tests. "Tests" are `#[cfg(test)]` items and files `tests.rs` in
//! `src`, the files in folders `tests` and in `crates/testkit`, and the `#` lines of transcripts (`tests/**/*.txt`). A row in a
//! test's table cites rules with a string of ids: `"6455-5.1-3 6455-5.1-4"`. Whether a test proves a rule that it cites is not
//! checked here. `BAREWS_BLESS=1 cargo test --test conformance` generates `CONFORMANCE.md` from the citations.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use barews_tests::root;

const TABLE: &str = "CONFORMANCE.md";
const RFCS: [u16; 9] = [3986, 6455, 6750, 7617, 7692, 8441, 9110, 9112, 9220];
/// Engine, permission, transport, application, others.
const SCOPES: [&str; 5] = ["E", "P", "T", "A", "X"];
/// The levels of rules that neither forbid nor require anything.
const PERMISSIONS: [&str; 4] = ["MAY", "MAY*", "OPTIONAL", "OPTIONAL*"];

struct Row {
    id: String,
    section: String,
    side: String,
    level: String,
    scope: String,
    rule: String,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Side {
    Code,
    Test,
}

/// An id, the file that cites it, and the item that contains the citation (empty at the top of a file and in transcripts).
#[derive(PartialEq, Debug)]
struct Citation {
    id: String,
    side: Side,
    file: String,
    item: String,
}

/// The requirements, the exceptions (id to reason) and all citations of the project.
struct Project {
    rows: Vec<Row>,
    exceptions: BTreeMap<String, String>,
    citations: Vec<Citation>,
}

impl Project {
    fn load() -> Self {
        let rows = table("tests/conformance/requirements.tsv").map(|[id, section, side, level, scope, rule]| {
            let known = RFCS.iter().any(|rfc| id.starts_with(&format!("{rfc}-{section}-")));
            assert!(known, "{id} is not of section {section}");
            assert!(SCOPES.contains(&scope.as_str()), "{id}: unknown scope {scope}");
            let permits = PERMISSIONS.contains(&level.as_str());
            assert!(if permits { scope != "E" } else { scope != "P" }, "{id}: {level} in scope {scope}");
            Row { id, section, side, level, scope, rule }
        });
        let rows: Vec<Row> = rows.collect();
        let ids: BTreeSet<_> = rows.iter().map(|row| &row.id).collect();
        assert_eq!(ids.len(), rows.len(), "an id occurs twice in the requirements");

        let mut files = Vec::new();
        for dir in ["src", "examples", "tests", "crates"] {
            collect(&root().join(dir), &mut files);
        }
        files.sort();
        let mut citations = Vec::new();
        for path in files {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            if name != "tests/conformance.rs" {
                citations.extend(citations_in(&name, &fs::read_to_string(&path).unwrap()));
            }
        }
        let exceptions = table("tests/conformance/exceptions.tsv").map(|[id, reason]| (id, reason)).collect();
        Self { rows, exceptions, citations }
    }

    /// Lists the files that cite `id`, each with the citing items.
    fn places(&self, id: &str, side: Side) -> String {
        let mut files: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for citation in self.citations.iter().filter(|citation| citation.id == id && citation.side == side) {
            let items = files.entry(&citation.file).or_default();
            if !citation.item.is_empty() {
                items.insert(format!("`{}`", citation.item));
            }
        }
        let places = files.into_iter().map(|(file, items)| {
            let items: Vec<String> = items.into_iter().collect();
            format!("{file} {}", items.join(", ")).trim_end().to_owned()
        });
        places.collect::<Vec<_>>().join("<br>")
    }

    fn table(&self) -> String {
        let of_scope = |scope| self.rows.iter().filter(|row| row.scope == scope).count();
        let mut out = format!(
            "# Conformance to RFC 6455, 7692, 8441 and 9220\n\n\
             All rules of RFC 6455 (WebSocket), RFC 7692 (permessage-deflate), RFC 8441 and RFC 9220 (WebSocket over HTTP/2\n\
             and HTTP/3) for endpoints. At the end: the rules for tunnels through proxies, redirects, credentials and\n\
             Retry-After from RFC 9110 and RFC 9112 (HTTP), RFC 3986 (URI), RFC 7617 (Basic) and RFC 6750 (Bearer).\n\n\
             Of these {} rules, {} bind the engine, and {} are permissions. A permission requires nothing: a test shows\n\
             that it can be used. {} rules of both kinds are exceptions. The others bind the transport, the application,\n\
             or intermediaries and authors of extensions. To find the line, search the file for the id, such as\n\
             `6455-5.1-3`: the third rule of section 5.1.\n\n\
             Level: the keyword of RFC 2119. A `*` marks a rule that the text states without a keyword. The rules are\n\
             paraphrased; the text of the RFC, with errata 3150 and 3433, is authoritative.\n\n\
             This file is generated: `BAREWS_BLESS=1 cargo test --test conformance`.\n\n\
             | id | section | side | level | rule | code | test |\n|---|---|---|---|---|---|---|\n",
            self.rows.len(),
            of_scope("E"),
            of_scope("P"),
            self.exceptions.len(),
        );
        for Row { id, section, side, level, scope, rule } in &self.rows {
            let why_not = match (self.exceptions.get(id), scope.as_str()) {
                (Some(reason), _) => reason,
                (None, "P") => "permission",
                (None, "T") => "transport",
                (None, "A") => "application",
                (None, "X") => "intermediaries, extension authors",
                (None, _) => "missing",
            };
            let mut code = self.places(id, Side::Code);
            let mut test = self.places(id, Side::Test);
            if code.is_empty() {
                code = format!("*{why_not}*");
            } else if test.is_empty() {
                test = format!("*{why_not}*");
            }
            let rule = rule.replace('|', "\\|");
            writeln!(out, "| {id} | {section} | {side} | {level} | {rule} | {code} | {test} |").unwrap();
        }
        out
    }
}

/// Returns the rows of a file with `N` tab-separated fields. Lines that begin with `#` are comments.
fn table<const N: usize>(name: &str) -> impl Iterator<Item = [String; N]> {
    let text = fs::read_to_string(root().join(name)).unwrap();
    let lines: Vec<String> = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    lines.into_iter().map(|line| {
        let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        assert!(fields.iter().all(|field| !field.is_empty()), "empty field: {line}");
        fields.try_into().unwrap_or_else(|_| panic!("not {N} fields: {line}"))
    })
}

/// Adds the sources and transcripts in `dir` to `files`, without hidden folders and build output.
fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            collect(&path, files);
        } else if path.is_file() && (name.ends_with(".rs") || name.ends_with(".txt")) {
            files.push(path);
        }
    }
}

/// Returns the citations in one file. `name` is relative to the project's root and shows whether the file is code or a test.
fn citations_in(name: &str, text: &str) -> Vec<Citation> {
    let lines: Vec<&str> = text.lines().collect();
    let transcript = name.ends_with(".txt");
    let only_tests = name.starts_with("tests/")
        || name.starts_with("crates/testkit/")
        || name.contains("/tests/")
        || name.ends_with("/tests.rs");
    let in_test = test_lines(&lines);
    let mut out = Vec::new();
    for (i, line) in lines.iter().enumerate().filter(|(_, line)| !transcript || line.starts_with('#')) {
        let side = if only_tests || in_test[i] { Side::Test } else { Side::Code };
        let of_row = if side == Side::Test && !transcript { *line } else { "" };
        for id in ids(line).chain(ids_of_row(of_row)) {
            let item = if transcript { String::new() } else { item_around(&lines, i) };
            out.push(Citation { id: id.to_owned(), side, file: name.to_owned(), item });
        }
    }
    out
}

/// Returns everything in the line that looks like an id in brackets: `[6455-5.1-3]`.
fn ids(line: &str) -> impl Iterator<Item = &str> {
    line.split('[').skip(1).filter_map(|part| part.split_once(']')).map(|(id, _)| id).filter(|id| is_id(id))
}

/// Returns the ids in a row of a table: a string that contains only ids, separated by spaces.
fn ids_of_row(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2).filter(|text| text.split(' ').all(is_id)).flat_map(|text| text.split(' '))
}

/// Four digits, `-`, then digits, dots and hyphens.
fn is_id(id: &str) -> bool {
    let (rfc, rule) = id.split_once('-').unwrap_or_default();
    rfc.len() == 4 && format!("{rfc}{rule}").bytes().all(|b| b.is_ascii_digit() || b".-".contains(&b))
}

/// Marks the lines that belong to a `#[cfg(test)]` item. The sources are formatted, so an item is a single line or ends at a
/// closing brace with the item's indentation.
fn test_lines(lines: &[&str]) -> Vec<bool> {
    let mut marked = vec![false; lines.len()];
    let opens = |line: &str| {
        ["#[cfg(test)]", "#[cfg(all(test"].iter().any(|attribute| line.trim_start().starts_with(attribute))
    };
    for start in (0..lines.len()).filter(|&i| opens(lines[i])) {
        let mut rest = (start..lines.len()).skip_while(|&i| lines[i].trim_start().starts_with("#["));
        let first = rest.next().unwrap_or(start);
        let closes = |&i: &usize| indent(lines[i]) == indent(lines[start]) && lines[i].trim_start().starts_with('}');
        let end = if lines[first].ends_with(['{', '(']) { rest.find(closes).unwrap_or(lines.len() - 1) } else { first };
        marked[start..=end].fill(true);
    }
    marked
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Returns the path of the item that line `i` belongs to, such as `FrameHeader::parse`. It consists of the item below a comment
/// and of the items around the line, which are found by their indentation.
fn item_around(lines: &[&str], i: usize) -> String {
    let starts = |line: &str, with: &[&str]| with.iter().any(|start| line.trim_start().starts_with(start));
    let is_note = |line: &&&str| starts(line, &["//", "#["]);
    let item = if starts(lines[i], &["//!"]) { None } else { lines[i..].iter().find(|line| !is_note(line)) };
    let mut path: Vec<String> =
        item.filter(|item| indent(item) == indent(lines[i])).and_then(|item| item_name(item)).into_iter().collect();
    let mut limit = indent(lines[i]);
    for line in lines[..i].iter().rev().filter(|line| !line.trim().is_empty() && !is_note(line)) {
        if indent(line) < limit {
            path.extend(item_name(line));
            // After `) -> T {`, `where` and `} else {`, the opening line has the same indentation.
            limit = indent(line) + usize::from(starts(line, &[")", "{", "}", "where"]));
        }
    }
    path.reverse();
    path.join("::")
}

/// Returns the name of the item that begins on this line. The name of an `impl` is that of its type.
fn item_name(line: &str) -> Option<String> {
    let mut rest = line.trim_start();
    if rest.starts_with("pub(") {
        rest = rest.split_once(") ")?.1;
    }
    for word in ["pub ", "async ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    if let Some(head) = rest.strip_prefix("impl") {
        let head = head.replace("->", "");
        let mut depth = 0;
        let after_generics = head.trim_start_matches(|c| {
            depth += i32::from(c == '<') - i32::from(c == '>');
            depth > 0 || c == '>'
        });
        let of = after_generics.split_once(" for ").map_or(after_generics, |(_trait, of)| of).trim_start();
        let of = &of[..of.find(['<', ' ']).unwrap_or(of.len())];
        return of.rsplit("::").next().map(str::to_owned);
    }
    let kinds =
        ["fn ", "const fn ", "struct ", "enum ", "trait ", "mod ", "type ", "const ", "static ", "macro_rules! "];
    let name = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    Some(name.chars().take_while(|&c| c.is_alphanumeric() || c == '_' || c == '$').collect())
}

#[test]
fn every_rule_is_cited_by_code_and_test_or_is_an_exception() {
    let Project { rows, exceptions, citations } = &Project::load();
    let cited = |id: &String, side| citations.iter().any(|citation| citation.id == *id && citation.side == side);
    let known: BTreeSet<&String> = rows.iter().map(|row| &row.id).collect();
    let of_scope = |scope: &'static str| rows.iter().filter(move |row| row.scope == scope).map(|row| &row.id);
    let due = |scope| of_scope(scope).filter(|id| !exceptions.contains_key(*id));
    let superfluous = |id: &&String| match rows.iter().find(|row| row.id == **id).map(|row| &row.scope[..]) {
        Some("E") => cited(id, Side::Code) && cited(id, Side::Test),
        Some("P") => cited(id, Side::Test),
        _ => true,
    };

    let mut faults = String::new();
    let mut fault = |what: &str, ids: &mut dyn Iterator<Item = &String>| {
        let ids: Vec<_> = ids.collect();
        if !ids.is_empty() {
            let lines: String = ids.iter().map(|id| format!("\n    {id}")).collect();
            write!(faults, "\n{} {what}:{lines}", ids.len()).unwrap();
        }
    };
    fault("not cited in src or examples", &mut due("E").filter(|id| !cited(id, Side::Code)));
    fault("not cited in a test", &mut due("E").chain(due("P")).filter(|id| !cited(id, Side::Test)));
    fault("permissions, cited in src or examples", &mut of_scope("P").filter(|id| cited(id, Side::Code)));
    fault("cited, but not in the requirements", &mut citations.iter().map(|c| &c.id).filter(|id| !known.contains(id)));
    fault("needless exceptions: cited, or not binding the engine", &mut exceptions.keys().filter(superfluous));
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn conformance_md_is_up_to_date() {
    let path = root().join(TABLE);
    let new = Project::load().table();
    if env::var_os("BAREWS_BLESS").is_some() {
        fs::write(&path, &new).unwrap();
    }
    let old = fs::read_to_string(&path).unwrap_or_default();
    assert!(old.lines().eq(new.lines()), "{TABLE} is out of date: run BAREWS_BLESS=1 cargo test --test conformance");
}

#[test]
fn citations_are_found_with_side_and_item() {
    let source = r#"//! [6455-1-1]
pub const LIMIT: usize = 125; // [6455-1-2]

impl<K: FnMut() -> [u8; 4]> fmt::Debug for wire::Receiver<K>
where
    K: Sized,
{
    /// [6455-1-3] [6455-1-4]
    #[must_use]
    pub(crate) const fn parse(
        &self,
    ) -> u8 {
        // no id: [4], [a-b], [2026]
        if self.ok {
            0
        } else {
            1 // [6455-1-5]
        }
    }
}

#[cfg(test)]
use std::vec; // [6455-2-0]

// [6455-1-6]
enum Kind {
    Text, // [6455-1-7] "6455-1-8"
}

#[cfg(test)]
mod tests {
    #[test]
    fn text() {
        assert!(true); // [6455-2-1]
        check("6455-2-2 6455-2-3", "6455-2-4, no row"); // ["6455-2-5"]
    }
}
// [6455-bad] [6455-5.1]
"#;
    let found = |name: &str, text: &str| -> Vec<_> {
        citations_in(name, text).into_iter().map(|c| (c.id, c.side, c.item)).collect()
    };
    let expected = [
        ("6455-1-1", Side::Code, ""),
        ("6455-1-2", Side::Code, "LIMIT"),
        ("6455-1-3", Side::Code, "Receiver::parse"),
        ("6455-1-4", Side::Code, "Receiver::parse"),
        ("6455-1-5", Side::Code, "Receiver::parse"),
        ("6455-2-0", Side::Test, ""),
        ("6455-1-6", Side::Code, "Kind"),
        ("6455-1-7", Side::Code, "Kind"),
        ("6455-2-1", Side::Test, "tests::text"),
        ("6455-2-2", Side::Test, "tests::text"),
        ("6455-2-3", Side::Test, "tests::text"),
        ("6455-2-5", Side::Test, "tests::text"),
        ("6455-5.1", Side::Code, ""),
    ];
    let owned = |(id, side, item): (&str, Side, &str)| (id.to_owned(), side, item.to_owned());
    assert_eq!(found("src/wire/header.rs", source), expected.map(owned));
    assert!(found("tests/wire.rs", source).iter().all(|(_, side, _)| *side == Side::Test));
    assert!(found("src/wire/tests.rs", source).iter().all(|(_, side, _)| *side == Side::Test));
    let transcript = "# masked [6455-5.1-1]\n> 8100 [6455-5.1-2]\n";
    assert_eq!(found("tests/transcripts/a.txt", transcript), [owned(("6455-5.1-1", Side::Test, ""))]);
}
