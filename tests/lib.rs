//! Helpers shared by several tests.

use barews_testkit::transcript::Transcript;
use proptest::test_runner::Config;
use std::path::Path;

/// Returns the project's root folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in a subfolder of the project")
}

/// Returns the transcripts in `tests/transcripts`, each once per role it applies to.
pub fn transcripts() -> Vec<Transcript> {
    Transcript::in_folder(concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts"))
}

/// Configures `cases` cases for each property, unless the environment sets `PROPTEST_CASES`.
pub fn cases(cases: u32) -> Config {
    let config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { Config { cases, ..config } }
}
