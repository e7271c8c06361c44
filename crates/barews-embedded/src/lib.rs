#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(unreachable_pub)]
#![warn(clippy::missing_errors_doc, clippy::must_use_candidate)]
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod clock;
mod error;
mod handshake;
mod split;
mod websocket;

pub use barews;
#[cfg(feature = "embassy-time")]
pub use clock::EmbassyClock;
pub use clock::{Clock, NoClock, back_off};
pub use error::Error;
pub use split::{Reader, Replies, Writer};
pub use websocket::{Event, Resources, WebSocket};
