//! The transport: brings the bytes of a stream in reads of a given size, then has nothing more to read but stays open,
//! and takes everything that is written. It implements the I/O traits of all peers.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

#[derive(Clone, Debug)]
pub struct Transport {
    input: Vec<u8>,
    /// The most bytes of a read.
    read_size: usize,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Transport {
    pub fn new(input: &[u8], read_size: usize) -> Self {
        Self { input: input.to_vec(), read_size, written: Arc::default() }
    }

    /// What the peer wrote, once it is done with its own clone of the transport.
    pub fn written(&self) -> Vec<u8> {
        self.written.lock().unwrap().clone()
    }

    /// The next bytes, at most as many as `room`; none when all was read.
    pub fn take(&mut self, room: usize) -> Option<Vec<u8>> {
        let len = room.min(self.read_size).min(self.input.len());
        if len == 0 { None } else { Some(self.input.drain(..len).collect()) }
    }

    pub fn put(&self, bytes: &[u8]) {
        self.written.lock().unwrap().extend(bytes);
    }
}

impl io::Read for Transport {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let bytes = self.take(to.len()).ok_or(io::ErrorKind::WouldBlock)?;
        to[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl io::Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        to: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(bytes) = self.take(to.remaining()) else { return Poll::Pending };
        to.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.put(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures_util::AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(bytes) = self.take(to.len()) else { return Poll::Pending };
        to[..bytes.len()].copy_from_slice(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }
}

impl futures_util::AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.put(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl embedded_io_async::ErrorType for Transport {
    type Error = Infallible;
}

impl embedded_io_async::Read for Transport {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        let Some(bytes) = self.take(to.len()) else { return std::future::pending().await };
        to[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl embedded_io_async::Write for Transport {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.put(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Polls until the future is done, or waits for bytes that never come. Timers find a runtime, but no time passes.
pub fn drive(future: impl Future<Output = ()>) {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _inside = runtime.enter();
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = pin!(future);
    while woken.0.swap(false, Ordering::Relaxed) {
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return;
        }
    }
}

/// A source of masking keys for peers that ask for one.
#[derive(Clone, Copy, Debug)]
pub struct Keys(pub u64);

impl rand_core::TryRng for Keys {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0 += 1;
        Ok(self.0 as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 += 1;
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(7);
        Ok(())
    }
}

impl rand_core_06::RngCore for Keys {
    fn next_u32(&mut self) -> u32 {
        self.0 += 1;
        self.0 as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_06::Error> {
        bytes.fill(7);
        Ok(())
    }
}
