//! Each public function has an example: a code block in rustdoc that calls it. The block belongs to the function, its
//! type, its module or a module around that, or to what a line of the function's documentation links to "for an
//! example". Calls are found by name, so a method of the same name can stand in for another.

use barews_tests::root;
use std::{fs, mem, path::Path};

/// A function, a type or a module, with the lines of its documentation. The name of a module is `//!`.
struct Item {
    file: String,
    /// The type of a method; empty for other items.
    owner: String,
    name: String,
    docs: Vec<String>,
}

impl Item {
    fn example_calls(&self, function: &Item) -> bool {
        let calls = [format!(".{}(", function.name), format!("{}::{}(", function.owner, function.name)];
        let blocks = self.docs.split(|line| line.starts_with("```")).skip(1).step_by(2);
        blocks.flatten().any(|line| calls.iter().any(|call| line.contains(call)))
    }

    /// Returns whether an example of `other` is one of this function.
    fn leads_to(&self, other: &Item) -> bool {
        let link = format!("{}`]", other.name);
        let around = self.file.starts_with(other.file.trim_end_matches(".rs"));
        (&self.owner, &self.name) == (&other.owner, &other.name) && self.file == other.file
            || around && (other.name == "//!" || other.owner.is_empty() && other.name == self.owner)
            || self.docs.iter().any(|line| line.contains("for an example") && line.contains(&link))
    }
}

fn collect(path: &Path, items: &mut Vec<Item>) {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().for_each(|entry| collect(&entry.unwrap().path(), items));
    }
    let (text, file) = (fs::read_to_string(path).unwrap(), path.strip_prefix(root()).unwrap().display().to_string());
    let word = |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
    let mut add = |owner: &str, name, docs| items.push(Item { file: file.clone(), owner: owner.into(), name, docs });
    let docs = |line: &str, mark| line.trim_start().strip_prefix(mark).map(|text: &str| text.trim().to_owned());
    const INCLUDE: &str = "#![doc = include_str!(\"";
    let module = text.lines().flat_map(|line| match line.strip_prefix(INCLUDE) {
        Some(name) => fs::read_to_string(path.with_file_name(name.trim_end_matches("\")]")))
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect(),
        None => Vec::from_iter(docs(line, "//!")),
    });
    add("", "//!".into(), module.collect());
    let (mut owner, mut above) = (String::new(), Vec::new());
    for line in text.lines() {
        let starts = |starts: &[&str]| starts.iter().find_map(|start| line.trim_start().strip_prefix(start)).map(word);
        above.extend(docs(line, "///"));
        if line.starts_with("impl") && line.ends_with('{') {
            owner = word(line.trim_end_matches(" {").rsplit("> ").next().unwrap().trim_start_matches("impl "));
        } else if let Some(name) = starts(&["pub fn ", "pub const fn "]) {
            add(&owner, name, mem::take(&mut above));
        } else if let Some(name) = starts(&["pub struct ", "pub enum ", "pub trait "]) {
            add("", name, mem::take(&mut above));
        } else if line.trim() == "#[doc(hidden)]" || starts(&["//", "#["]).is_none() {
            above.clear();
        }
    }
}

#[test]
fn each_public_function_has_an_example() {
    let mut items = Vec::new();
    collect(&root().join("src"), &mut items);
    let functions = items.iter().filter(|item| item.name.starts_with(char::is_lowercase) && !item.docs.is_empty());
    assert!(functions.clone().count() > 150);
    let has_one = |it: &&Item| items.iter().any(|other| it.leads_to(other) && other.example_calls(it));
    let without: Vec<_> = functions.filter(|it| !has_one(it)).map(|it| [&it.owner[..], &it.name].join("::")).collect();
    assert!(without.is_empty(), "{without:#?}");
}
