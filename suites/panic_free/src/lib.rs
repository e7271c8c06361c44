//! Calls every public function of barews with arguments and states that are unknown to the optimiser.
//!
//! The panic handler calls a function that is not defined. If this crate's object does not refer to that function, the
//! optimiser has proved that no call can panic; `run` checks this. `which` selects a single call, so that the optimiser cannot
//! use what it knows from an earlier one.

#![no_std]

mod connection;
mod deflate;
mod handshake;
mod session;
mod wire;

use barews::connection::MessageKind;

/// Arguments for any function.
pub struct Unknown<'a> {
    which: u32,
    bytes: &'a mut [u8],
    out: &'a mut [u8],
    text: &'a str,
    long: u64,
    short: u16,
    byte: u8,
    flag: bool,
    kind: MessageKind,
}

/// Makes each call reachable, and uses its result.
macro_rules! calls {
    ($which:expr; $($call:expr),* $(,)?) => {
        let mut number = 0;
        $(
            number += 1;
            if $which == number {
                let _ = core::hint::black_box($call);
                return;
            }
        )*
        let _ = number;
    };
}
use calls;

unsafe extern "Rust" {
    safe fn a_panic_remains() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    a_panic_remains()
}

/// An index that can be out of bounds, which `run` must find to show that its check works.
#[cfg(panics)]
#[unsafe(no_mangle)]
pub fn index(unknown: &Unknown<'_>) -> u8 {
    unknown.bytes[usize::from(unknown.short)]
}

/// A use of core's formatting, which `run` must find too.
#[cfg(formats)]
#[unsafe(no_mangle)]
pub fn format(unknown: &Unknown<'_>, to: &mut dyn core::fmt::Write) {
    let _ = core::hint::black_box(write!(to, "{}", unknown.long));
}
