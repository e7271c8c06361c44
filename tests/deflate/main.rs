//! permessage-deflate (RFC 7692): negotiation, both directions, and both together with a connection.

mod attacks;
mod deflate;
mod inflate;
mod naive;
mod negotiation;
mod peers;
mod session;

use proptest::test_runner::Config;

/// As many cases, or as PROPTEST_CASES says.
fn cases(cases: u32) -> Config {
    let config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { Config { cases, ..config } }
}
