//! Every stored input, as an ordinary test: the seeds that are made from the project's data, and the minimised corpus
//! of the campaigns, where inputs that found something stay for good.

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
        /// A test's name says of which target: `stored_inputs_pass::uri`.
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

/// The engine's arithmetic is checked here, as it is by `cargo fuzz`.
#[test]
#[cfg_attr(not(debug_assertions), ignore = "built without overflow checks")]
fn tests_check_arithmetic_for_overflow() {
    let most = std::hint::black_box(u8::MAX);
    assert!(std::panic::catch_unwind(|| most + std::hint::black_box(1)).is_err());
}
