//! An echo server on the host that `examples/hosts/src/websocket.rs` is, a stream and a sink of whole messages:
//! `host_tokio PORT [MODE]`.

use barews::handshake::{OriginPolicy, ServerConfig};
use end_to_end::websocket::{Options as Settings, accept, or_page};
use end_to_end::{Io, Options, Result, Server};
use futures_util::{SinkExt, StreamExt};

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any); // an echo has no secrets

fn main() -> Result {
    end_to_end::run::<Host>()
}

#[derive(Clone, Copy)]
struct Host;

impl Server for Host {
    const NAME: &str = "host_tokio";

    fn new(_: Options) -> Self {
        Self
    }

    async fn serve(self, stream: impl Io) -> Result {
        let Some(mut socket) = accept(stream, &HANDSHAKE, Settings::default(), or_page("")).await? else {
            return Ok(());
        };
        while let Some(message) = socket.next().await {
            socket.send(message?).await?;
        }
        Ok(())
    }
}
