//! The same as `session`, made from barews-embedded, on an executor that only polls.

#![no_std]
#![no_main]

use core::convert::Infallible;
use core::future::pending;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use barews::session::SessionRole;
use barews_embedded::{Clock, Error, Event, Resources, WebSocket};
use embedded_io_async::{ErrorType, Read, Write};

footprint::program!({
    loop {
        #[cfg(feature = "server")]
        poll(serve());
        #[cfg(feature = "client")]
        poll(connect());
    }
});

#[inline(never)]
fn poll(task: impl Future<Output = ()>) {
    let mut task = pin!(task);
    while let Poll::Pending = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {}
}

struct Transport;

impl ErrorType for Transport {
    type Error = Infallible;
}

impl Read for Transport {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        Ok(footprint::read(to).len())
    }
}

impl Write for Transport {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        footprint::write(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Time;

impl Clock for Time {
    fn now(&self) -> u64 {
        footprint::now()
    }

    async fn wait_until(&self, time: u64) {
        footprint::write(&time.to_le_bytes()); // the alarm
        pending().await
    }
}

type Socket<'c, R> = WebSocket<'c, Transport, R, Time, [u8; 528]>;

fn resources() -> Resources<[u8; 528], Time> {
    Resources::new([0; _], [0; _], [0; _], Time)
}

#[cfg(feature = "server")]
async fn serve() {
    use barews::handshake::{Accept, OriginPolicy, ServerConfig};

    static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);
    let mut socket = WebSocket::server(Transport, resources(), &CONFIG);
    let opened = async {
        socket.request().await?;
        socket.accept(&Accept::default()).await
    };
    let opened = opened.await;
    run(socket, opened).await;
}

#[cfg(feature = "client")]
async fn connect() {
    use barews::handshake::{ClientConfig, ClientRequest, Uri};

    let Ok(uri) = Uri::parse("ws://example.com/chat") else { return };
    let request = ClientRequest::new(uri);
    let Ok(mut socket) =
        WebSocket::client(Transport, resources(), &ClientConfig::DEFAULT, &request, random as fn() -> _)
    else {
        return;
    };
    let opened = socket.connect().await;
    run(socket, opened).await;
}

#[cfg(feature = "client")]
fn random() -> [u8; 4] {
    let mut bytes = [0; _];
    footprint::random(&mut bytes);
    bytes
}

async fn run<R: SessionRole>(mut socket: Socket<'_, R>, opened: Result<(), Error<Infallible>>) {
    let echoing = async {
        opened?;
        let mut copy = [0; 512];
        while let Some(event) = socket.receive().await? {
            let Event::Chunk(chunk) = event else { continue };
            let (kind, last) = (chunk.kind, chunk.last);
            let Some(payload) = copy.get_mut(..chunk.payload.len()) else { continue };
            payload.copy_from_slice(chunk.payload);
            socket.put(kind, last, payload)?;
            socket.flush().await?;
        }
        Ok::<_, Error<_>>(())
    };
    if let Err(error) = echoing.await {
        footprint::write(&[error.fault() as u8]);
    }
    let _ = socket.finish().await;
}
