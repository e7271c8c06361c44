//! The README says what is true: its code stands in an example that is built, its commands are run by CI, and its table of
//! limits agrees with the constants.

use std::fs;
use std::path::Path;

use barews::connection::Config;
use barews::handshake::{MAX_HEAD_SIZE, MAX_HEADERS};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The fenced blocks of this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Lines without their indentation.
fn flat(text: &str) -> String {
    text.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

#[test]
fn the_code_is_that_of_the_example() {
    let example = flat(&read("examples/blocking_echo.rs"));
    let code = blocks(&read("README.md"), "rust,ignore");
    assert!(!code.is_empty());
    for block in code {
        assert!(example.contains(&flat(&block)), "not in the example:\n{block}");
    }
}

#[test]
fn every_command_is_run_by_ci() {
    let (readme, ci) = (read("README.md"), read(".ci/run"));
    let blocks = blocks(&readme, "sh");
    let commands: Vec<_> = blocks.iter().flat_map(|block| block.lines()).collect();
    assert!(commands.len() >= 3);
    for command in commands {
        let command = command.split('#').next().unwrap().trim();
        assert!(ci.contains(command), "not in .ci/run: {command}");
    }
}

/// [6455-10.4-2]
#[test]
fn the_limits_are_the_defaults() {
    let limits = |text: &str| -> Vec<String> {
        let rows = text.lines().skip_while(|line| !line.ends_with("| limit | default | beyond it |")).skip(2);
        let rows = rows.map(|line| line.trim_start_matches("//! ")).take_while(|line| line.starts_with('|'));
        rows.map(|row| row.split('|').nth(2).unwrap().trim().to_owned()).collect()
    };
    let Config { max_frame_size, max_message_size, max_fragments, fragment_size, .. } = Config::DEFAULT;
    let (frame, message, fragment) = (max_frame_size >> 20, max_message_size >> 20, fragment_size >> 10);
    let defaults = [
        format!("{} KiB", MAX_HEAD_SIZE >> 10),
        format!("{MAX_HEADERS}"),
        format!("{frame} MiB"),
        format!("{message} MiB"),
        format!("2^{}", max_fragments.ilog2()),
        format!("{fragment} KiB"),
    ];
    for page in ["README.md", "src/lib.rs"] {
        let mut limits = limits(&read(page));
        limits.retain(|default| !default.starts_with("the host's"));
        assert_eq!(limits, defaults, "{page}");
    }
}
