//! The same echo of whole messages with websocketz, as its documentation shows it. The transport is never pending, so a single
//! poll replaces an executor.

#![no_std]
#![no_main]

use core::convert::Infallible;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};

use embedded_io_async::{ErrorType, Read, Write};
use rand_core::TryRng;
use websocketz::{Message, WebSocket, next, send};

footprint::program!({
    loop {
        #[cfg(not(any(feature = "server", feature = "client")))]
        run(async {
            let (mut rx, mut tx, mut fragments) = ([0; 528], [0; 528], [0; 512]);
            echo(WebSocket::server(Transport, Random, &mut rx, &mut tx, &mut fragments)).await;
        });
        #[cfg(feature = "server")]
        run(async {
            use websocketz::options::AcceptOptions;
            let (mut rx, mut tx, mut fragments) = ([0; 528], [0; 528], [0; 512]);
            let accepted =
                WebSocket::accept::<16>(AcceptOptions::default(), Transport, Random, &mut rx, &mut tx, &mut fragments);
            if let Ok(websocket) = accepted.await {
                echo(websocket).await;
            }
        });
        #[cfg(feature = "client")]
        run(async {
            use websocketz::http::Header;
            use websocketz::options::ConnectOptions;
            let (mut rx, mut tx, mut fragments) = ([0; 528], [0; 528], [0; 512]);
            let headers = [Header { name: "Host", value: b"example.com" }];
            let options = ConnectOptions::new_unchecked("/chat").with_headers(&headers);
            let connected = WebSocket::connect::<16>(options, Transport, Random, &mut rx, &mut tx, &mut fragments);
            if let Ok(websocket) = connected.await {
                echo(websocket).await;
            }
        });
    }
});

fn run(future: impl Future<Output = ()>) {
    let _ = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
}

async fn echo(mut websocket: WebSocket<'_, Transport, Random>) {
    while let Some(Ok(message)) = next!(websocket) {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && send!(websocket, message).is_err() {
            return;
        }
    }
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

struct Random;

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        footprint::random(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.try_next_u32().map(u64::from)
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        footprint::random(to);
        Ok(())
    }
}
