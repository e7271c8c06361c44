//! Replays every stored input as an ordinary test: the seeds built from the project's data, and the minimised corpus of
//! earlier campaigns, which includes the inputs that found bugs.

use barews_fuzz::{TARGETS, seeds};

fn replay(target: &str) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    let inputs: Vec<_> =
        seeds::all().into_iter().chain(seeds::minimised()).filter(|(name, _)| *name == target).collect();
    println!("{target}: {} inputs", inputs.len());
    assert!(inputs.len() >= 20, "only {} inputs", inputs.len());
    for (_, input) in inputs {
        let shown = input.escape_ascii().to_string();
        assert!(std::panic::catch_unwind(|| run(&input)).is_ok(), "{target} fails on b\"{shown}\"");
    }
}

macro_rules! replay {
    ($($target:ident)*) => {
        /// A test's name contains its target: `stored_inputs_pass::uri`.
        mod stored_inputs_pass {
            $(
                #[test]
                fn $target() {
                    super::replay(stringify!($target));
                }
            )*
        }

        #[test]
        fn replay_covers_every_target() {
            assert!(TARGETS.iter().map(|(name, _)| *name).eq([$(stringify!($target)),*]));
        }
    };
}

replay!(building client_handshake close deflate differential header inflate lists receive server_handshake session uri utf8);

/// These tests check the engine's arithmetic for overflow, as `cargo fuzz` does.
#[test]
#[cfg_attr(not(debug_assertions), ignore = "built without overflow checks")]
fn tests_check_arithmetic_for_overflow() {
    let most = std::hint::black_box(u8::MAX);
    assert!(std::panic::catch_unwind(|| most + std::hint::black_box(1)).is_err());
}
