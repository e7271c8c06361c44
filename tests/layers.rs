//! The engine's layers are those in `ARCHITECTURE.md`: no layer uses one above it, and no two files use each other.
//!
//! The test reads the paths in the sources (`use` lines and paths in expressions), without comments and unit tests. It follows
//! each path through `pub use` to the file that defines the item.

use barews_tests::root;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The layers from the bottom up. A layer is allowed to use itself and the layers in earlier rows.
const LAYERS: [&[&str]; 5] = [
    &["bytes", "macros", "role", "target", "writer"],
    &["wire"],
    &["connection"],
    &["deadlines", "handshake", "message"],
    &["append", "deflate", "session"],
];

/// A module's path from the crate's root, such as `["wire", "mask"]`. The root's path is empty.
type Module = Vec<String>;

/// The modules that are files, each with its code.
struct Sources(BTreeMap<Module, String>);

impl Sources {
    fn of_engine() -> Self {
        let mut files = BTreeMap::new();
        let mut folders = vec![root().join("src")];
        let root = folders[0].clone();
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.strip_prefix(&root).unwrap().with_extension("");
                    let name = name.to_string_lossy().replace('\\', "/");
                    files.insert(module(&name), fs::read_to_string(&path).unwrap());
                }
            }
        }
        Self::new(files)
    }

    fn new(files: BTreeMap<Module, String>) -> Self {
        Self(files.into_iter().map(|(module, source)| (module, code(&source))).collect())
    }

    /// Returns, for each file, the files that define the items it names.
    fn uses(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let uses = self.0.iter().map(|(module, code)| {
            let paths = paths(code).into_iter().filter_map(|(inside, path)| self.absolute(module, inside, path));
            let owners = paths.map(|path| self.owner(&path)).filter(|owner| owner != module);
            (module, owners.collect())
        });
        uses.collect()
    }

    /// Converts a path in a file to a path from the crate's root. `inside` is how many inline modules the path is nested in.
    /// Returns `None` if the path leads to another crate or to the file's own items.
    fn absolute(&self, module: &Module, inside: usize, path: Vec<String>) -> Option<Vec<String>> {
        let path = if path[0] == "self" { &path[1..] } else { &path[..] };
        let supers = path.iter().take_while(|name| *name == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (&module[..0], &path[1..]),
            "super" => (&module[..module.len().checked_sub(supers.checked_sub(inside)?)?], &path[supers..]),
            child if self.0.contains_key(&[&module[..], &[child.to_owned()]].concat()) => (&module[..], path),
            _ => return None,
        };
        Some([base, rest].concat())
    }

    /// Returns the file that defines the item with this path.
    fn owner(&self, path: &[String]) -> Module {
        let mut len = 0;
        while len < path.len() && self.0.contains_key(&path[..=len]) {
            len += 1;
        }
        let module = path[..len].to_vec();
        let Some(item) = path.get(len) else { return module };
        let reexports =
            paths(&self.0[&module]).into_iter().filter(|(_, path)| path.last() == Some(item) && path.len() > 1);
        let mut owners = reexports.filter_map(|(inside, path)| self.absolute(&module, inside, path));
        owners.next().filter(|target| target != path).map_or(module, |target| self.owner(&target))
    }

    /// Returns the violations of the rules, one per line.
    fn faults(&self) -> Vec<String> {
        let uses = self.uses();
        let rank = |module: &Module| LAYERS.iter().position(|row| row.contains(&module[0].as_str()));
        let mut faults = Vec::new();
        for (user, used) in uses.iter().filter(|(user, _)| !user.is_empty()) {
            for used in used {
                let (from, to) = (name(user), name(used));
                match (rank(user), used.first().and_then(|_| rank(used))) {
                    (None, _) => faults.push(format!("{from} is in no layer")),
                    (_, None) => faults.push(format!("{from} uses {to}, which is in no layer")),
                    (Some(own), Some(other)) if other > own || other == own && user[0] != used[0] && own > 0 => {
                        faults.push(format!("{from} uses {to}, which is not in a layer below it"));
                    }
                    _ if uses[used].contains(*user) => faults.push(format!("{from} and {to} use each other")),
                    _ => {}
                }
            }
        }
        faults.extend(cycle(&uses));
        faults.sort();
        faults.dedup();
        faults
    }
}

/// Returns the files in a cycle, if there is one. It removes files that use no other and files that no other uses, until only
/// files in cycles, or between two cycles, remain.
fn cycle(uses: &BTreeMap<&Module, BTreeSet<Module>>) -> Option<String> {
    let mut left: BTreeMap<_, _> = uses.iter().map(|(user, used)| ((*user).clone(), used.clone())).collect();
    loop {
        let used: BTreeSet<Module> = left.values().flatten().cloned().collect();
        let before = left.len();
        left.retain(|user, uses| !uses.is_empty() && used.contains(user));
        if left.len() == before {
            break;
        }
        let kept: BTreeSet<Module> = left.keys().cloned().collect();
        left.values_mut().for_each(|uses| uses.retain(|used| kept.contains(used)));
    }
    let files: Vec<_> = left.keys().map(name).collect();
    (!files.is_empty()).then(|| format!("there is a cycle among {}", files.join(", ")))
}

fn module(name: &str) -> Module {
    if name == "lib" { Vec::new() } else { name.split('/').map(str::to_owned).collect() }
}

fn name(module: &Module) -> String {
    if module.is_empty() { "lib".to_owned() } else { module.join("/") }
}

/// Removes the unit tests (which are at the end), the comments and the contents of strings from a source.
fn code(source: &str) -> String {
    let engine = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut code = String::new();
    let mut rest = engine;
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => 1 + string_len(&rest[1..]),
            '\'' if rest.get(2..3) == Some("'") => 3, // 'c'
            '\'' if rest.starts_with("'\\") => 3 + rest[3..].find('\'').map_or(0, |end| end + 1),
            _ => {
                code.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[len..];
    }
    code
}

/// Returns the length of a string literal from its first character to the closing quote. The engine has no raw strings.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    let end = text.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    end.map_or(text.len(), |end| end + 1)
}

/// Returns the paths in the code that can begin with a module, each with the number of inline modules around it.
fn paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut blocks = Vec::new(); // whether each open brace is a module's
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let follows = |n: usize, what: &str| tokens.get(at + n).is_some_and(|token| token == what);
        match token.as_str() {
            "{" => blocks.push(at >= 2 && tokens[at - 2] == "mod"),
            "}" => drop(blocks.pop()),
            "use" => {
                let inside = blocks.iter().filter(|module| **module).count();
                let end = tokens[at..].iter().position(|token| token == ";").map_or(tokens.len(), |len| at + len);
                tree(&tokens[at + 1..end], &mut Vec::new(), &mut found, inside);
                at = end;
            }
            word if follows(1, "::") && (at == 0 || tokens[at - 1] != "::") && is_word(word) => {
                let mut path = vec![word.to_owned()];
                while tokens.get(at + 1).is_some_and(|token| token == "::")
                    && tokens.get(at + 2).is_some_and(|t| is_word(t))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                found.push((blocks.iter().filter(|module| **module).count(), path));
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Adds the paths of a `use` tree, such as `a::{b, c::d}`, to `found`. Returns the number of tokens read.
fn tree(tokens: &[String], prefix: &mut Vec<String>, found: &mut Vec<(usize, Vec<String>)>, inside: usize) -> usize {
    let len = prefix.len();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "{" => at += tree(&tokens[at + 1..], prefix, found, inside) + 1,
            "," | "}" => {
                if prefix.len() > len {
                    found.push((inside, prefix.clone()));
                }
                prefix.truncate(len);
                if token == "}" {
                    return at;
                }
            }
            "as" => at += 1,
            "::" | "*" => {}
            "self" if !prefix.is_empty() => found.push((inside, prefix.clone())),
            word => prefix.push(word.to_owned()),
        }
        at += 1;
    }
    if prefix.len() > len {
        found.push((inside, prefix.clone()));
    }
    prefix.truncate(len);
    at
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Splits code into words, `::` and single characters.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let len = if word > 0 {
            word
        } else if rest.starts_with("::") {
            2
        } else {
            c.len_utf8()
        };
        if !c.is_whitespace() {
            tokens.push(rest[..len].to_owned());
        }
        rest = &rest[len..];
    }
    tokens
}

#[test]
fn layers_use_only_lower_ones_and_files_do_not_use_each_other() {
    let sources = Sources::of_engine();
    let found = sources.uses().values().map(BTreeSet::len).sum::<usize>();
    assert!(found > 100, "only {found} uses were found");
    let faults = sources.faults();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The check reports each kind of fault that is added to valid sources.
#[test]
fn layer_check_finds_planted_faults() {
    let valid = [
        ("lib", "pub mod connection; pub mod wire; pub use connection::Connection;"),
        ("wire", "mod mask; pub use mask::Mask;"),
        ("wire/mask", "pub struct Mask; mod wide { use super::Mask; }"),
        ("connection", "mod frames; pub use frames::Frames; pub struct Connection { f: Frames }"),
        ("connection/frames", "use crate::wire::{Mask as M}; pub struct Frames(M); // crate::handshake::Uri"),
        ("handshake", "use crate::connection::Connection; fn f() -> crate::wire::Mask {}"),
    ];
    for (file, code, fault) in [
        ("wire/mask", "", ""),
        (
            "wire/mask",
            "use crate::connection::Frames;",
            "wire/mask uses connection/frames, which is not in a layer below it",
        ),
        ("wire/mask", "fn f() { crate::handshake::g() }", "wire/mask uses handshake, which is not in a layer below it"),
        ("message", "use crate::handshake::Uri;", "message uses handshake, which is not in a layer below it"),
        ("connection/frames", "use super::Connection;", "connection and connection/frames use each other"),
        (
            "connection/frames",
            "mod x { use super::super::{Connection}; }",
            "connection and connection/frames use each other",
        ),
        ("wire/mask", "use super::{self};", "wire and wire/mask use each other"),
        ("extra", "use crate::wire::Mask;", "extra is in no layer"),
        ("wire/a", "use super::b; mod c { use super::super::b; }", ""),
        (
            "wire/a",
            "fn f() { self::super::super::handshake::g() }",
            "wire/a uses handshake, which is not in a layer below it",
        ),
        (
            "wire/a",
            "const A: &str = \"//\"; use crate::handshake::B;",
            "wire/a uses handshake, which is not in a layer below it",
        ),
        (
            "wire/a",
            "const A: [char; 2] = ['}', '\\''; mod c { use super::super::super::handshake::B; }",
            "wire/a uses handshake, which is not in a layer below it",
        ),
        ("wire/a", "const A: &str = \"crate::handshake::b\"; /* crate::handshake::c */", ""),
    ] {
        let mut files: BTreeMap<_, _> = valid.map(|(file, code)| (module(file), code.to_owned())).into();
        let source = files.entry(module(file)).or_default();
        *source = format!("{code}\n{source}");
        let faults = Sources::new(files).faults();
        assert_eq!(faults.is_empty(), fault.is_empty(), "{file}: {code}: {faults:?}");
        assert!(fault.is_empty() || faults.iter().any(|found| found == fault), "{file}: {code}: {faults:?}");
    }
    let ring = [
        ("lib", "mod wire;"),
        ("wire", "pub mod a;"),
        ("wire/a", "use super::b::B;"),
        ("wire/b", "use super::c::C;"),
        ("wire/c", "use super::a::A;"),
    ];
    let faults = Sources::new(ring.map(|(file, code)| (module(file), code.to_owned())).into()).faults();
    assert_eq!(faults, ["there is a cycle among wire/a, wire/b, wire/c"]);
}
