//! The C interface of the WebSocket engine [barews]. See the README, the guide, and the header
//! `include/barews.h`, which is made of this crate.
//!
//! All unsafe code of the project is here. `memory.rs` and `text.rs` turn pointers into references; the other files call
//! them.
#![no_std]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]
#![deny(missing_docs)]
#![allow(unsafe_code, reason = "a C interface: the engine forbids it")]
#![allow(non_camel_case_types, reason = "the names are those of the header")]
#![allow(clippy::too_many_arguments, reason = "C has no slices")]
#![allow(clippy::missing_safety_doc, reason = "the header's introduction states the duties, once for all functions")]
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(test, allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used))]

// With unwinding, which the profiles of a workspace have, a program links std, and with it a panic handler. The products
// of `make` are built with `panic = "abort"` and have one of their own.
#[cfg(any(test, panic = "unwind"))]
extern crate std;

#[macro_use]
mod memory;
#[macro_use]
mod endpoint;

mod client;
mod config;
mod deadlines;
#[cfg(feature = "deflate")]
mod deflate;
mod error;
mod event;
mod message;
mod only_client;
mod only_server;
mod server;
mod text;
mod tunnel;
mod uri;

pub use client::*;
pub use config::*;
pub use deadlines::*;
#[cfg(feature = "deflate")]
pub use deflate::*;
pub use error::*;
pub use event::*;
pub use message::*;
pub use only_client::*;
pub use only_server::*;
pub use server::*;
pub use text::*;
pub use tunnel::*;
pub use uri::*;

#[cfg(not(any(test, panic = "unwind")))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        /// Of the C library, or of a program that has none.
        safe fn abort() -> !;
    }
    abort() // the engine does not panic; the symbol check shows that a release has no call of this
}
