//! The README says what is true: its code stands in an example that is built, its commands are run by CI, and its table of
//! limits agrees with the constants.

use std::fs;

use barews::connection::Config;
use barews::deadlines::Timeouts;
use barews::handshake::{MAX_HEAD_SIZE, MAX_HEADERS};
use barews::wire::{CloseFrame, MAX_CONTROL_PAYLOAD};
use barews_tests::root;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
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

/// The rows of the table of limits: what is the default, and what happens beyond it.
fn limits(page: &str) -> Vec<(String, String)> {
    let text = read(page);
    let rows = text.lines().skip_while(|line| !line.ends_with("| limit | default | beyond it |")).skip(2);
    let rows = rows.map(|line| line.trim_start_matches("//! ")).take_while(|line| line.starts_with('|'));
    let cell = |cell: Option<&str>| {
        let cell = cell.unwrap().trim().replace("](SendError::PayloadTooLong)", "").replace(['[', '`'], "");
        cell.split(": 512 bytes").next().unwrap().to_owned() // an explanation that the one page has
    };
    rows.map(|row| row.split('|').skip(2)).map(|mut cells| (cell(cells.next()), cell(cells.next()))).collect()
}

/// [6455-10.4-2]
#[test]
fn the_limits_are_the_defaults() {
    let Config { max_frame_size, max_message_size, max_fragments, fragment_size, .. } = Config::DEFAULT;
    let (frame, message, fragment) = (max_frame_size >> 20, max_message_size >> 20, fragment_size >> 10);
    let time = |ms: Option<u64>| ms.map_or("none".to_owned(), |ms| format!("{} s", ms / 1000));
    let Timeouts { handshake, idle, ping, pong, closing } = Timeouts::MILLISECONDS;
    let defaults = [
        format!("{} KiB", MAX_HEAD_SIZE >> 10),
        format!("{MAX_HEADERS}"),
        format!("{},{:03} bytes", u16::MAX / 1000, u16::MAX % 1000),
        format!("{frame} MiB"),
        format!("{message} MiB"),
        format!("2^{}", max_fragments.ilog2()),
        format!("{MAX_CONTROL_PAYLOAD} bytes"),
        format!("{} bytes", CloseFrame::MAX_REASON),
        "2^63 - 1".into(),
        "1".into(),
        format!("{fragment} KiB"),
        time(handshake),
        time(ping),
        time(pong),
        time(idle),
        time(closing),
    ];
    let limits = ["README.md", "src/lib.rs"].map(limits);
    assert_eq!(limits[0], limits[1], "both pages tell the same");
    let told = limits[0].iter().map(|(default, _)| default);
    let told: Vec<_> =
        told.filter(|default| !default.starts_with("the host's") && !default.starts_with("as many")).collect();
    assert_eq!(told, defaults.iter().collect::<Vec<_>>());
}
