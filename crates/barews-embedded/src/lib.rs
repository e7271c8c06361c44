#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(unreachable_pub)]
#![warn(clippy::missing_errors_doc, clippy::must_use_candidate)]
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

pub mod blocking;
mod clock;
#[cfg(feature = "deflate")]
pub mod deflate;
mod error;
mod handshake;
#[cfg(not(feature = "deflate"))]
mod plain;
mod split;
mod websocket;

#[cfg(doc)]
#[doc = include_str!("guide.md")]
pub mod guide {
    #[doc = include_str!("guide/embassy.md")]
    pub mod embassy {}
    #[doc = include_str!("guide/esp_idf.md")]
    pub mod esp_idf {}
    #[doc = include_str!("guide/rtic.md")]
    pub mod rtic {}
    #[doc = include_str!("guide/super_loop.md")]
    pub mod super_loop {}
}

pub use barews;
#[cfg(feature = "embassy-time")]
pub use clock::EmbassyClock;
pub use clock::{Clock, NoClock, back_off};
pub use error::Error;
pub use split::{Reader, Replies, Writer};
pub use websocket::{Event, Resources, WebSocket};
