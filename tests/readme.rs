//! The README is correct: its code is part of an example in the documentation, CI runs its commands, its limits are the
//! constants. The links of all pages in the package stay inside it.

use std::fs;
use std::path::Path;

use barews::connection::Config;
use barews::deadlines::{Backoff, Timeouts};
use barews::handshake::{MAX_FIELDS, MAX_HEAD_SIZE};
use barews::wire::{CloseFrame, MAX_CONTROL_PAYLOAD};
use barews_tests::root;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Returns a page as one line.
fn words(path: &str) -> String {
    read(path).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the fenced blocks in this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Removes the indentation of every line.
fn flat(text: &str) -> String {
    text.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

#[test]
fn readme_code_matches_the_documentation() {
    let docs = flat(&read("src/loop.md"));
    let code = blocks(&read("README.md"), "rust,ignore");
    assert!(!code.is_empty());
    for block in code {
        assert!(docs.contains(&flat(&block)), "not in src/loop.md:\n{block}");
    }
}

#[test]
fn readme_counts_the_lines_of_the_example() {
    let lines = read("examples/blocking_echo.rs").lines().count();
    assert!(words("README.md").contains(&format!("with timeouts, in {lines} lines")), "{lines}");
}

/// The other manifests and both pages name the version of the crates.
#[test]
fn versions_match_the_manifest() {
    let manifest = read("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"');
    let minor = version.rsplit_once('.').unwrap().0;
    for (file, line) in [
        ("Cargo.toml", format!(r#"barews = {{ path = ".", version = "{version}" }}"#)),
        ("crates/barews-c/Cargo.toml", format!(r#"version = "{version}""#)),
        ("crates/testkit/Cargo.toml", format!(r#"version = "{version}""#)),
        ("crates/barews-tokio/Cargo.toml", format!(r#"version = "{version}""#)),
        ("crates/barews-tokio/README.md", format!(r#"barews-tokio = "{minor}""#)),
        ("README.md", format!(r#"barews = "{minor}""#)),
        ("crates/testkit/README.md", format!(r#"barews-testkit = {{ version = "{minor}", features = ["proptest"] }}"#)),
    ] {
        assert!(read(file).lines().any(|it| it == line), "{file} does not say: {line}");
    }
}

/// Returns the targets of a page's links, without those to a website or within the page.
fn local_links(page: &str) -> Vec<&str> {
    let inline = page.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    let defined = page.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ").map(|(_, target)| target));
    let targets = inline.chain(defined.filter(|text| !text.contains(' ')));
    targets.filter(|link| !link.starts_with("https://") && !link.starts_with('#')).collect()
}

/// A registry and a folder of downloaded sources show the pages without the repository: their links lead to files of the
/// package.
#[test]
fn links_of_pages_stay_inside_the_package() {
    let manifest = read("Cargo.toml");
    let include = manifest.lines().find(|line| line.starts_with("include = ")).unwrap();
    assert_eq!(include, r#"include = ["/src", "/examples", "/*.md", "/LICENSE-*"]"#, "this test knows this list");
    let mut checked = 0;
    for page in files("", "md") {
        let text = read(&page);
        for link in local_links(&text) {
            let file = link.split('#').next().unwrap();
            let path = Path::new(file);
            let (first, is_top) = (path.iter().next().unwrap(), path.iter().count() == 1);
            let included = first == "src"
                || first == "examples"
                || is_top && (file.ends_with(".md") || file.starts_with("LICENSE-"));
            // Cargo leaves out a folder that is a package of its own.
            let nested = path
                .ancestors()
                .any(|folder| folder != Path::new("") && root().join(folder).join("Cargo.toml").exists());
            assert!(included && !nested && root().join(path).exists(), "{page}: {link} is not in the package");
            checked += 1;
        }
    }
    assert!(checked >= 20);
}

/// rustdoc shows chapters and comments on pages of their own, far from the files: a path leads nowhere. It checks links to items.
#[test]
fn links_of_the_documentation_are_no_paths() {
    let chapters = files("src", "md");
    assert!(chapters.len() >= 2);
    for chapter in &chapters {
        assert!(read("src/lib.rs").contains(chapter.strip_prefix("src/").unwrap()), "{chapter} is no chapter");
    }
    for file in chapters.into_iter().chain(files("src", "rs")) {
        let text = read(&file);
        let is_shown = |line: &&str| file.ends_with(".md") || line.starts_with("///") || line.starts_with("//!");
        for line in text.lines().map(str::trim_start).filter(is_shown) {
            let line = line.trim_start_matches(['/', '!', ' ']);
            let path = local_links(line).into_iter().find(|link| link.contains(['/', '.']));
            assert_eq!(path, None, "{file} links to a path");
        }
    }
}

/// Returns the paths of the files in this folder that have this extension. A folder that is not the root is searched with its
/// folders.
fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if path.ends_with(&format!(".{extension}")) {
            paths.push(path);
        } else if !folder.is_empty() && root().join(&path).is_dir() {
            paths.extend(files(&path, extension));
        }
    }
    paths
}

/// Splits a shell script into simple commands, at pipes, redirections, separators and parentheses, and removes comments.
fn commands(script: &str) -> Vec<String> {
    let words = |command: &str| command.split_whitespace().collect::<Vec<_>>().join(" ");
    let code = |line: &str| {
        let comment = line.match_indices('#').find(|(at, _)| *at == 0 || line[..*at].ends_with(char::is_whitespace));
        line[..comment.map_or(line.len(), |(at, _)| at)].to_owned()
    };
    let lines = script.lines().map(code);
    lines.flat_map(|line| line.split(['|', '&', ';', '>', '<', '(', ')']).map(words).collect::<Vec<_>>()).collect()
}

#[test]
fn readme_commands_are_run_by_ci() {
    let (readme, ci) = (read("README.md"), commands(&read(".ci/run")));
    let blocks = blocks(&readme, "sh");
    let of_readme: Vec<_> = blocks.iter().flat_map(|block| commands(block)).filter(|it| !it.is_empty()).collect();
    assert!(of_readme.len() >= 3);
    for command in of_readme {
        assert!(ci.contains(&command), "not run by .ci/run: {command}");
    }
}

#[test]
fn commands_of_a_script_are_found_outside_of_comments() {
    let found = commands(
        "#!/bin/sh\n# cargo test\n  a=$(echo hello |  cargo run -- x) # cargo fmt\ncargo test --lib >log 2>&1 &",
    );
    assert!(["echo hello", "cargo run -- x", "cargo test --lib"].iter().all(|it| found.contains(&(*it).to_owned())));
    assert!(!["cargo test", "cargo fmt"].iter().any(|it| found.contains(&(*it).to_owned())), "{found:?}");
}

/// The sizes in the README are those of `size_of`. The client's excludes its source of keys.
#[test]
#[cfg(target_pointer_width = "64")]
fn readme_sizes_match_the_types() {
    type WithoutSource = barews::Client<fn() -> [u8; 4]>;
    let server = size_of::<barews::Connection<barews::Server>>();
    let client = size_of::<barews::Connection<WithoutSource>>() - size_of::<WithoutSource>();
    let event = size_of::<barews::connection::Event<'_>>();
    let sentence = format!(
        "a server's connection is {server} bytes, a client's {client} and its source of keys, an event {event};"
    );
    assert!(words("README.md").contains(&sentence), "the README does not say: {sentence}");
}

/// Returns the defaults in the table of limits, without those that the host sets.
fn limits(page: &str) -> Vec<String> {
    let text = read(page);
    let rows = text.lines().skip_while(|line| *line != "//! | limit | default | beyond it |").skip(2);
    let defaults = rows.map_while(|line| Some(line.strip_prefix("//! |")?.split('|').nth(1)?.trim().to_owned()));
    defaults.filter(|default| !default.starts_with("the host's") && !default.starts_with("as many")).collect()
}

/// [6455-10.4-2]
#[test]
fn limits_match_the_defaults() {
    let Config { max_frame_size, max_message_size, max_fragments, fragment_size, .. } = Config::DEFAULT;
    let (frame, message, fragment) = (max_frame_size >> 20, max_message_size >> 20, fragment_size >> 10);
    let time = |ms: Option<u64>| ms.map_or("none".to_owned(), |ms| format!("{} s", ms / 1000));
    let Timeouts { handshake, idle, ping, pong, closing, .. } = Timeouts::MILLISECONDS;
    let Backoff { max, max_retry_after, .. } = Backoff::MILLISECONDS;
    let defaults = [
        format!("{} KiB", MAX_HEAD_SIZE >> 10),
        format!("{MAX_FIELDS}"),
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
        time(Some(max.into())),
        time(Some(max_retry_after)),
        format!("2^{} - 1", u32::BITS),
    ];
    assert_eq!(limits("src/lib.rs"), defaults);
    // The README repeats some.
    let [head, fields, _, frame, message, fragments, ..] = &defaults;
    let sentence = format!(
        "{head} and {fields} fields for the head of a handshake, {frame} for a frame, {message} for a message, {fragments} \
         fragments, {} for the handshake, a Ping after {} of silence.",
        time(handshake),
        time(ping)
    );
    assert!(words("README.md").contains(&sentence), "the README does not say: {sentence}");
}

/// Returns a number with a comma before the last three digits.
fn grouped(digits: &str) -> String {
    match digits.split_at(digits.len().saturating_sub(3)) {
        ("", rest) => rest.to_owned(),
        (thousands, rest) => format!("{thousands},{rest}"),
    }
}

/// Both READMEs repeat the figures that `examples/firmware/autobahn` records, and later compares with what it measures.
#[test]
fn firmware_figures_match_the_record() {
    let record = read("examples/firmware/figures.tsv");
    let rows: Vec<Vec<&str>> = record.lines().skip(1).map(|row| row.split('\t').collect()).collect();
    let (server, page, details) = (&rows[0], read("README.md"), read("examples/firmware/README.md"));
    for (title, column) in [("flash, with smoltcp, drivers, a page and `defmt`", 1), ("RAM: stack used", 3)] {
        let line = format!("| {title} | {} |", grouped(server[column]));
        assert!(page.contains(&line), "README.md does not say: {line}");
    }
    for (title, column) in
        [("flash, with smoltcp, defmt and the page", 1), ("static RAM", 2), ("stack used, of 8 KiB", 3)]
    {
        let figures: Vec<_> = rows.iter().map(|row| grouped(row[column])).collect();
        let line = format!("| {title} | {} |", figures.join(" | "));
        assert!(details.contains(&line), "examples/firmware/README.md does not say: {line}");
    }
}

/// The guide repeats the figures of the firmware and of the boards.
#[test]
fn guide_figures_match_the_records() {
    let guide = read("crates/barews-embedded/src/guide.md");
    let records = [read("examples/firmware/figures.tsv"), read("examples/boards/figures.tsv")];
    let rows: Vec<Vec<&str>> =
        records.iter().flat_map(|record| record.lines().skip(1)).map(|row| row.split('\t').collect()).collect();
    for (program, title) in [
        ("server, small-buffers", "server, super loop, 6 connections with TCP buffers of 2 x 512"),
        ("server", "server, super loop, 6 connections with TCP buffers of 2 x 2,048"),
        ("server, deflate", "the same with permessage-deflate"),
        ("async_server", "server, embassy, 3 connections with TCP buffers of 2 x 1,024, each in two halves"),
        ("stm32_ethernet", "client, embassy, STM32F429, Ethernet"),
        ("nrf52840", "client, embassy, nRF52840, USB"),
        ("pico_w", "client, embassy, Pico W, Wi-Fi, without the radio's firmware"),
        ("esp32c3", "client, embassy, ESP32-C3, Wi-Fi, with the radio's heap of 102,400"),
    ] {
        let row = rows.iter().find(|row| row[0] == program).expect(program);
        let stack = row.get(3).map_or(String::new(), |stack| format!("{} ", grouped(stack)));
        let line = format!("| {title} | {} | {} | {stack}|", grouped(row[1]), grouped(row[2]));
        assert!(guide.contains(&line), "crates/barews-embedded/src/guide.md does not say: {line}");
    }
}

/// Help needs no build and no emulator.
#[test]
#[cfg(unix)]
fn firmware_run_prints_its_usage() {
    let script = root().join("examples/firmware/run");
    let done = std::process::Command::new(script).arg("--help").output().expect("there is a shell");
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && text.contains("examples/firmware/run [--small-buffers] client"), "{text}");
}
