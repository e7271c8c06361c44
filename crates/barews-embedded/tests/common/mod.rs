//! Scripted transports, a clock that the test sets, and futures that are dropped.

#![allow(dead_code, reason = "no test uses all of it")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use barews_embedded::barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews_embedded::barews::{Server, wire::CloseCode};
use barews_embedded::{Clock, Resources, WebSocket, blocking};
use embedded_io_async::{ErrorType, Read, Write};

pub static CONFIG: ServerConfig<'_> =
    ServerConfig { subprotocols: &["mqtt", "echo"], ..ServerConfig::new(OriginPolicy::Any) };

pub const REQUEST: &[u8] = b"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: echo\r\n\r\n";

/// One direction of a transport. It moves one byte at a time and is ready at every third poll.
#[derive(Default)]
pub struct Pipe {
    bytes: RefCell<VecDeque<u8>>,
    ended: Cell<bool>,
    /// The capacity, if it has a limit.
    pub full_at: Cell<Option<usize>>,
    /// Ready at every poll, if bytes can move; a read returns all of them.
    pub fast: Cell<bool>,
    polls: Cell<usize>,
}

impl Pipe {
    pub fn push(&self, bytes: &[u8]) {
        self.bytes.borrow_mut().extend(bytes);
    }

    pub fn end(&self) {
        self.ended.set(true);
    }

    pub fn take(&self) -> Vec<u8> {
        self.bytes.take().into()
    }

    fn is_turn(&self) -> bool {
        self.polls.set(self.polls.get() + 1);
        self.fast.get() || self.polls.get().is_multiple_of(3)
    }

    fn can_read(&self) -> bool {
        self.ended.get() || !self.bytes.borrow().is_empty()
    }

    fn can_write(&self) -> bool {
        self.full_at.get().is_none_or(|size| self.bytes.borrow().len() < size)
    }

    async fn ready(&self, can_move: impl Fn() -> bool) {
        poll_fn(|_| if self.is_turn() && can_move() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn read_now(&self, to: &mut [u8]) -> usize {
        let mut bytes = self.bytes.borrow_mut();
        let len = bytes.len().min(if self.fast.get() { to.len() } else { 1 });
        for (place, byte) in to.iter_mut().zip(bytes.drain(..len)) {
            *place = byte;
        }
        len
    }
}

impl ErrorType for &Pipe {
    type Error = Infallible;
}

impl Read for &Pipe {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        self.ready(|| self.can_read()).await;
        Ok(self.read_now(to))
    }
}

impl Write for &Pipe {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.ready(|| self.can_write()).await;
        self.bytes.borrow_mut().push_back(bytes[0]);
        Ok(1)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        self.ready(|| true).await;
        Ok(())
    }
}

/// A transport: the pipe that it reads, and the pipe that it writes.
#[derive(Clone, Copy)]
pub struct Duplex<'p>(pub &'p Pipe, pub &'p Pipe);

impl ErrorType for Duplex<'_> {
    type Error = Infallible;
}

impl Read for Duplex<'_> {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        self.0.read(to).await
    }
}

impl Write for Duplex<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.1.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        self.1.flush().await
    }
}

// A blocking transport. A read or write that would block forever panics.

impl embedded_io::Read for Duplex<'_> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        assert!(self.0.can_read(), "a read blocks");
        Ok(self.0.read_now(to))
    }
}

impl embedded_io::ReadReady for Duplex<'_> {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(self.0.is_turn() && self.0.can_read())
    }
}

impl embedded_io::Write for Duplex<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        assert!(self.1.can_write(), "a write blocks");
        self.1.bytes.borrow_mut().push_back(bytes[0]);
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io::WriteReady for Duplex<'_> {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok(self.1.is_turn() && self.1.can_write())
    }
}

/// A clock that the test sets.
#[derive(Default)]
pub struct Time(pub Cell<u64>);

impl Clock for Time {
    fn now(&self) -> u64 {
        self.0.get()
    }

    async fn wait_until(&self, time: u64) {
        poll_fn(|_| if Clock::now(self) < time { Poll::Pending } else { Poll::Ready(()) }).await;
    }
}

/// A millisecond passes at each idle turn.
impl blocking::Clock for Time {
    fn now(&self) -> u64 {
        self.0.get()
    }

    fn idle(&self) {
        self.0.set(self.0.get() + 1);
        assert!(self.0.get() < 1_000_000, "the call stalls");
    }
}

/// Polls a future `polls` times at most, then drops it.
pub fn poll<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}

/// Polls a future until it is ready.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    poll(1_000_000, future).expect("the future stalls")
}

/// Drops the future of `call` after `polls` polls and calls again, until one is ready.
pub async fn again<T>(polls: usize, mut call: impl AsyncFnMut() -> T) -> T {
    loop {
        let mut left = polls;
        let mut future = pin!(call());
        let output = poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 1 => Poll::Ready(None),
            Poll::Pending => {
                left -= 1;
                Poll::Pending
            }
        })
        .await;
        if let Some(output) = output {
            return output;
        }
        let mut yielded = false;
        poll_fn(|_| if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

/// Runs both futures to their ends.
pub async fn join<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut a, mut b) = (None, None);
    poll_fn(|context| {
        if a.is_none()
            && let Poll::Ready(output) = first.as_mut().poll(context)
        {
            a = Some(output);
        }
        if b.is_none()
            && let Poll::Ready(output) = second.as_mut().poll(context)
        {
            b = Some(output);
        }
        if a.is_some() && b.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (a.unwrap(), b.unwrap())
}

pub type ServerSocket<'a> = WebSocket<'static, Duplex<'a>, Server, &'a Time, Vec<u8>>;

/// Returns a server's resources.
pub fn resources(time: &Time, receive: usize, transmit: usize) -> Resources<Vec<u8>, &Time> {
    Resources::new(vec![0; 512], vec![0; receive], vec![0; transmit], time)
}

/// Returns a server whose handshake is done. What it writes after that is in the second pipe.
pub fn open<'a>(transport: Duplex<'a>, resources: Resources<Vec<u8>, &'a Time>) -> ServerSocket<'a> {
    transport.0.push(REQUEST);
    let mut socket = WebSocket::server(transport, resources, &CONFIG);
    assert!(wait(socket.request()).unwrap().is_upgrade());
    wait(socket.accept(&Accept::default())).unwrap();
    transport.1.take();
    socket
}

/// Returns a frame of a client with a masking key of zeros.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

/// Returns a Close frame of a client.
pub fn close_frame(code: CloseCode) -> Vec<u8> {
    frame(0x88, &code.0.to_be_bytes())
}
