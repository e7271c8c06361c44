//! What several tests share.

use barews_testkit::transcript::Transcript;
use proptest::test_runner::Config;
use std::path::Path;

/// The folder of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in a folder of the project")
}

/// All transcripts in `tests/transcripts`, once for each role that they are for.
pub fn transcripts() -> Vec<Transcript> {
    Transcript::in_folder(concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts"))
}

/// This number of cases for each property, unless the environment sets `PROPTEST_CASES`.
pub fn cases(cases: u32) -> Config {
    let config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { Config { cases, ..config } }
}
