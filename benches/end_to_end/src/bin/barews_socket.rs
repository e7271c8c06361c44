//! Echo servers on the crate `barews-tokio`: `barews_socket PORT [MODE]`. `broadcast` makes one frame for all receivers.

use barews_tokio::{Acceptor, Compression, Config, Prepared, WebSocket};
use end_to_end::{Hub, Io, Options, Result, Server};

static HUB: Hub<Prepared> = Hub::new();

fn main() -> Result {
    end_to_end::run::<Socket>()
}

#[derive(Clone, Copy)]
struct Socket(Options);

impl Server for Socket {
    const NAME: &str = "barews_socket";

    fn new(options: Options) -> Self {
        Self(options)
    }

    async fn serve(self, stream: impl Io) -> Result {
        let compression =
            Compression { send_no_context_takeover: true, receive_no_context_takeover: true, ..Compression::default() };
        let config = Config { compression: self.0.deflate.then_some(compression), ..Config::default() };
        let socket = Acceptor::new().config(config).accept(stream).await?;
        Ok(if self.0.broadcast { broadcast(socket).await } else { echo(socket).await }?)
    }
}

async fn echo(mut socket: WebSocket<impl Io>) -> std::result::Result<(), barews_tokio::Error> {
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_data() {
            socket.feed(message).await?;
        }
    }
    Ok(())
}

async fn broadcast(mut socket: WebSocket<impl Io>) -> std::result::Result<(), barews_tokio::Error> {
    let mut queue = HUB.join();
    loop {
        tokio::select! {
            next = socket.next() => match next.transpose()? {
                None => return Ok(()),
                Some(message) if message.is_data() => HUB.say(&Prepared::binary(message.as_bytes())),
                Some(_) => {}
            },
            Some(message) = queue.recv() => {
                socket.feed_prepared(&message).await?;
                while let Ok(message) = queue.try_recv() {
                    socket.feed_prepared(&message).await?;
                }
                socket.flush().await?;
            }
        }
    }
}
