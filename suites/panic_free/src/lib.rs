//! Every public function of barews, called with arguments and in states of which the optimiser knows nothing.
//!
//! The panic handler calls a function that exists nowhere. If an object made of this crate does not need that function,
//! the optimiser has proved that no call can panic; `run` checks it. `which` keeps the calls apart, so that none of
//! them profits from what an earlier one has established.

#![no_std]

mod connection;
mod deflate;
mod handshake;
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

/// Makes each of the calls reachable and its result used.
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

/// What `run` must find, lest it be blind: an index that may be out of bounds.
#[cfg(panics)]
#[unsafe(no_mangle)]
pub fn index(unknown: &Unknown<'_>) -> u8 {
    unknown.bytes[usize::from(unknown.short)]
}

/// What `run` must find, too: core's formatting machinery.
#[cfg(formats)]
#[unsafe(no_mangle)]
pub fn format(unknown: &Unknown<'_>, to: &mut dyn core::fmt::Write) {
    let _ = core::hint::black_box(write!(to, "{}", unknown.long));
}
