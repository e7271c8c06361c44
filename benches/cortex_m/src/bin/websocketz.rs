//! websocketz, as its documentation shows it. The transport is never pending, so a single poll replaces an executor.

#![no_std]
#![no_main]

use core::convert::Infallible;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};

use cortex_m_bench::{Aligned, Frame, KEY, Kind, LONGEST, ROOM, fail, random, receives, sends, sink};
use embedded_io_async::{ErrorType, Read, Write};
use rand_core::TryRng;
use websocketz::{Message, WebSocket, next, send};

/// It draws a number for each byte of a masking key.
const OWN_KEY: [u8; 4] = [KEY[0]; 4];

cortex_m_bench::program!({
    receives("a server receives binary", Kind::Binary, Some(KEY), |frame, messages| receive(true, frame, messages));
    receives("a server receives text", Kind::Text, Some(KEY), |frame, messages| receive(true, frame, messages));
    sends("a server sends binary", Kind::Binary, None, |frame, messages| send(true, frame, messages));
    receives("a client receives binary", Kind::Binary, None, |frame, messages| receive(false, frame, messages));
    sends("a client sends binary", Kind::Binary, Some(OWN_KEY), |frame, messages| send(false, frame, messages));
});

fn run(future: impl Future<Output = ()>) {
    if pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        fail("a transport that waits");
    }
}

#[inline(never)]
fn receive(is_server: bool, frame: &Frame, messages: u32) {
    run(async {
        // It reads until the buffer is full, and only then moves what is left to the start.
        let (Aligned(rx), tx, fragments) = (&mut Aligned([0; 2 * ROOM]), &mut [0; 131], &mut [0; LONGEST]);
        let mut websocket = websocket(is_server, frame, [rx, tx, fragments]);
        for _ in 0..messages {
            match next!(websocket) {
                Some(Ok(Message::Text(text))) => sink(text.as_bytes()),
                Some(Ok(Message::Binary(payload))) => sink(payload),
                _ => fail("receive"),
            }
        }
    });
}

#[inline(never)]
fn send(is_server: bool, frame: &Frame, messages: u32) {
    run(async {
        let (rx, Aligned(tx), fragments) = (&mut [0; 131], &mut Aligned([0; ROOM]), &mut [0; 131]);
        let mut websocket = websocket(is_server, frame, [rx, tx, fragments]);
        for _ in 0..messages {
            if send!(websocket, Message::Binary(frame.payload())).is_err() {
                fail("send");
            }
        }
    });
}

fn websocket<'a>(
    is_server: bool,
    frame: &'a Frame,
    [rx, tx, fragments]: [&'a mut [u8]; 3],
) -> WebSocket<'a, Transport<'a>, Random> {
    if is_server {
        WebSocket::server(Transport(frame), Random, rx, tx, fragments)
    } else {
        WebSocket::client(Transport(frame), Random, rx, tx, fragments)
    }
}

struct Transport<'a>(&'a Frame);

impl ErrorType for Transport<'_> {
    type Error = Infallible;
}

impl Read for Transport<'_> {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        Ok(self.0.read(to))
    }
}

impl Write for Transport<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        sink(bytes);
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
        Ok(random())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(random().into())
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        for bytes in to.chunks_mut(4) {
            bytes.copy_from_slice(&random().to_le_bytes()[..bytes.len()]);
        }
        Ok(())
    }
}
