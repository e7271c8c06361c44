//! `instructions NAME` does the work of one case, in `measure`, and prints its number of operations. `instructions` lists the
//! cases. `run` counts the instructions with valgrind; code outside of `measure` is not counted.

mod connection;
mod deflate;
mod handshake;

use std::hint::black_box;
use std::process::ExitCode;

/// The number of operations in a case, and the function that does all of them.
pub struct Work {
    operations: usize,
    run: Box<dyn FnMut()>,
}

impl Work {
    fn new(operations: usize, run: impl FnMut() + 'static) -> Self {
        Self { operations, run: Box::new(run) }
    }
}

type Case = (&'static str, fn() -> Work);

fn main() -> ExitCode {
    let mut cases = connection::CASES.iter().chain(deflate::CASES).chain(handshake::CASES);
    let Some(name) = std::env::args().nth(1) else {
        cases.for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let Some((_, prepare)) = cases.find(|case| case.0 == name) else {
        eprintln!("no case is named {name}");
        return ExitCode::FAILURE;
    };
    let mut work = prepare();
    println!("{}", work.operations);
    measure(&mut work.run);
    ExitCode::SUCCESS
}

#[inline(never)]
fn measure(run: &mut dyn FnMut()) {
    black_box(run)();
}
