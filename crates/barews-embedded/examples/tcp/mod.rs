//! A transport and a clock of `std`, for the examples.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use barews_embedded::blocking::Clock;
use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};

/// The clock.
pub struct Board(pub Instant);

impl Clock for Board {
    fn now(&self) -> u64 {
        self.0.elapsed().as_millis() as u64
    }

    fn idle(&self) {
        std::thread::sleep(Duration::from_millis(1)); // on a microcontroller: until the next interrupt
    }
}

/// The transport. `std` cannot say whether a write would block, so here writes can.
pub struct Tcp(TcpStream);

impl Tcp {
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self(stream))
    }

    /// Shuts down the writing side.
    pub fn shut_down(&mut self) {
        let _gone = self.0.shutdown(Shutdown::Write);
    }
}

impl ErrorType for Tcp {
    type Error = io::Error;
}

impl Read for Tcp {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}

impl ReadReady for Tcp {
    fn read_ready(&mut self) -> io::Result<bool> {
        self.0.set_nonblocking(true)?;
        let peeked = self.0.peek(&mut [0]);
        self.0.set_nonblocking(false)?;
        match peeked {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            peeked => peeked.map(|_| true),
        }
    }
}

impl Write for Tcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl WriteReady for Tcp {
    fn write_ready(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}
