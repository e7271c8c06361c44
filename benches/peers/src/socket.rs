//! The socket in memory: returns a stream of bytes in reads of a given size, and accepts writes. Both are copies, as with a
//! kernel. It implements the I/O traits of all peers.

use crate::{Buffer, READ};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The size of the buffer for written bytes. Larger writes are split into parts of this size.
const ROOM: usize = 64 << 10;

/// The other side: returns its answer to the bytes written.
pub type Respond = fn(&[u8]) -> Vec<u8>;

/// A socket in memory. Its stream is repeated: at its end there is nothing to read once, which ends a pass.
#[derive(Debug)]
pub struct Socket {
    input: Rc<[u8]>,
    at: usize,
    /// The stream is not repeated: at its end there is nothing more to read.
    is_once: bool,
    /// The maximum of bytes in a read.
    pub read_size: usize,
    /// The length of the longest message in the stream.
    pub longest: usize,
    /// The size of the buffer that this contender shall have.
    pub(crate) buffer: Buffer,
    room: Box<[u8]>,
    filled: usize,
    /// Writing costs nothing.
    is_sink: bool,
    /// The other side's answer to what was written.
    respond: Option<Respond>,
    output: Output,
}

/// What was written, for the harness to look at.
#[derive(Clone, Default, Debug)]
pub struct Output(Rc<Written>);

#[derive(Default, Debug)]
struct Written {
    bytes: Cell<u64>,
    /// All of it, while results are verified.
    log: RefCell<Option<Vec<u8>>>,
}

impl Output {
    pub fn bytes(&self) -> u64 {
        self.0.bytes.get()
    }

    pub fn keep_log(&self) {
        self.0.log.replace(Some(Vec::new()));
    }

    pub fn take_log(&self) -> Vec<u8> {
        self.0.log.take().unwrap_or_default()
    }
}

impl Socket {
    pub fn new(input: Rc<[u8]>, read_size: usize, longest: usize) -> Self {
        let (room, output) = (vec![0; ROOM].into(), Output::default());
        Self {
            input,
            at: 0,
            is_once: false,
            read_size,
            longest,
            buffer: None,
            room,
            filled: 0,
            is_sink: false,
            respond: None,
            output,
        }
    }

    /// Returns a socket that has the stream once and then stays open.
    pub fn once(input: &[u8], read_size: usize) -> Self {
        Self { is_once: true, ..Self::new(input.into(), read_size, 0) }
    }

    /// Returns the socket for a contender with a buffer of this size.
    #[must_use]
    pub fn with_buffer(self, buffer: Buffer) -> Self {
        Self { buffer, ..self }
    }

    /// Returns the size of the host's read buffer.
    pub fn host_buffer(&self) -> usize {
        self.buffer.unwrap_or(READ)
    }

    /// Returns a socket that is only written to.
    pub fn silent() -> Self {
        Self::new(Rc::default(), usize::MAX, 0)
    }

    /// Returns a socket whose other side answers: the next read returns `respond` of the bytes written before.
    pub fn responding(respond: Respond) -> Self {
        Self { respond: Some(respond), ..Self::silent() }
    }

    /// Begins a new pass without ending the one before.
    pub fn restart(&mut self) {
        self.at = 0;
        if self.respond.is_some() {
            (self.input, self.filled) = (Rc::default(), 0);
        }
    }

    /// Returns a socket that accepts writes without a copy, so that only the encoding is measured.
    pub fn sink() -> Self {
        Self { is_sink: true, ..Self::silent() }
    }

    pub fn output(&self) -> Output {
        self.output.clone()
    }

    /// Returns up to `room` of the next bytes, or `None` if `room` is 0, and once at the end of each pass.
    #[inline]
    pub fn take(&mut self, room: usize) -> Option<&[u8]> {
        let start = self.at;
        let len = (self.input.len() - start).min(room).min(self.read_size);
        if len == 0 {
            return self.end_of_pass(room);
        }
        self.at += len;
        Some(&self.input[start..self.at])
    }

    #[cold]
    fn end_of_pass(&mut self, room: usize) -> Option<&[u8]> {
        if room == 0 || self.is_once {
            return None;
        }
        self.at = 0;
        let respond = self.respond?;
        self.input = Rc::default();
        if self.filled == 0 {
            return None;
        }
        self.input = respond(&self.room[..self.filled]).into();
        self.filled = 0;
        self.take(room)
    }

    /// Reads into `to`. Returns the number of bytes, or `None` once at the end of each pass.
    #[inline]
    pub fn read(&mut self, to: &mut [u8]) -> Option<usize> {
        let bytes = self.take(to.len())?;
        to[..bytes.len()].copy_from_slice(bytes);
        Some(bytes.len())
    }

    #[inline]
    pub fn write(&mut self, mut bytes: &[u8]) {
        self.output.0.bytes.set(self.output.0.bytes.get() + bytes.len() as u64);
        if let Some(log) = &mut *self.output.0.log.borrow_mut() {
            log.extend(bytes);
        }
        if self.is_sink {
            std::hint::black_box(bytes);
            return;
        }
        while !bytes.is_empty() {
            if self.filled == ROOM {
                self.filled = 0;
            }
            let (now, later) = bytes.split_at(bytes.len().min(ROOM - self.filled));
            self.room[self.filled..][..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
        }
    }
}

impl io::Read for Socket {
    #[inline]
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        Socket::read(self, to).ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

impl io::Write for Socket {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Socket::write(self, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Socket {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        to: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(bytes) = self.take(to.remaining()) else { return Poll::Pending };
        to.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Socket {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        parts.iter().for_each(|part| self.write(part));
        Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures_util::AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        Socket::read(&mut self, to).map_or(Poll::Pending, |len| Poll::Ready(Ok(len)))
    }
}

impl futures_util::AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl embedded_io_async::ErrorType for Socket {
    type Error = Infallible;
}

impl embedded_io_async::Read for Socket {
    #[inline]
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        std::future::poll_fn(|_| Socket::read(self, to).map_or(Poll::Pending, |len| Poll::Ready(Ok(len)))).await
    }
}

impl embedded_io_async::Write for Socket {
    #[inline]
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Socket::write(self, bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
