//! Completion-based I/O: the kernel owns a buffer from the submission of an operation to its completion. An echo server
//! on io_uring, Linux only.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin io_uring -- 127.0.0.1:9001
//!
//! A connection has one buffer and one operation in flight, and the state says whether the kernel or the program owns
//! the buffer. The engine decodes in place and guarantees that a payload is the last of the bytes it consumed. A
//! server's header is never longer than the client's, which has a masking key. So the echo's header fits directly
//! before the payload, over consumed bytes. The kernel sends from the buffer that it received into, without a copy.
//!
//! While a peer does not accept its echo, nothing is read from it, because the buffer is in use. A peer that writes more
//! than the buffers of both sockets hold before it reads waits until the deadlines end its connection. `echo_server` reads
//! ahead for such peers, and needs memory for that.
//!
//! Each operation is linked to a timeout at the session's next deadline. A cancelled operation has transferred nothing,
//! and its completion returns the buffer like any other.

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("io_uring needs Linux");
}

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    linux::main()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{self, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::ops::Range;
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::slice;
    use std::time::{Duration, Instant};

    use barews::Server;
    use barews::connection::{Config, Transport};
    use barews::deadlines::Timeouts;
    use barews::handshake::{Accept, OriginPolicy, ServerConfig};
    use barews::session::{Error, Event, Session};
    use io_uring::{IoUring, opcode, squeue, types};

    static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any); // an echo has no secrets
    /// Room for the longest header, in front of the received bytes.
    const ROOM: usize = 16;
    const PIECE: usize = 16 << 10;
    /// User data of operations that belong to no peer.
    const ACCEPT: u64 = u64::MAX;
    const TIMEOUT: u64 = u64::MAX - 1;

    /// The operation in flight, whose buffer the kernel owns.
    #[derive(Clone, Copy)]
    enum Operation {
        Receive,
        /// Sends the range from the first to the second index of `buffer`.
        Send(usize, usize),
        /// Sends such a range of `control`.
        SendControl(usize, usize),
    }

    struct Peer {
        stream: TcpStream,
        session: Session<'static, Server, [u8; 512]>,
        operation: Operation,
        /// Not touched while `operation` is `Receive` or `Send`.
        buffer: Box<[u8]>,
        /// The received bytes that the session has not consumed.
        unread: Range<usize>,
        /// Replies, and responses to handshakes. Not touched while `operation` is `SendControl`.
        control: Box<[u8; 512]>,
        /// The timeout of the operation in flight: the time until the next deadline.
        timeout: Box<types::Timespec>,
    }

    pub(super) fn main() -> io::Result<()> {
        let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
        let listener = TcpListener::bind(address)?;
        println!("ws://{}/", listener.local_addr()?);
        let mut ring = IoUring::new(256)?;
        let accept = opcode::Accept::new(types::Fd(listener.as_raw_fd()), std::ptr::null_mut(), std::ptr::null_mut());
        let accept = accept.build().user_data(ACCEPT);
        submit(&mut ring, slice::from_ref(&accept))?;
        let start = Instant::now();
        let now = || start.elapsed().as_millis() as u64;
        let mut peers: Vec<Option<Peer>> = Vec::new();
        loop {
            match ring.submit_and_wait(1) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue, // it was stopped and goes on
                outcome => drop(outcome?),
            }
            let done: Vec<_> = ring.completion().map(|entry| (entry.user_data(), entry.result())).collect();
            for (id, result) in done {
                if id != ACCEPT {
                    let Some(place) = peers.get_mut(id as usize) else { continue }; // ignore completions of timeouts
                    let Some(peer) = place else { continue };
                    // SAFETY of the calls below: the operation is complete, so the kernel no longer uses the buffers.
                    match peer.completed(result, now()) {
                        Ok(()) => submit(&mut ring, &peer.submission(id, now()))?,
                        Err(end) => {
                            if let Some(error) = peer.failure(end) {
                                let _ = writeln!(io::stderr(), "{error}"); // `eprintln!` can panic, which ends all
                            }
                            *place = None; // drops buffers that no operation uses, and closes the socket
                        }
                    }
                    continue;
                }
                submit(&mut ring, slice::from_ref(&accept))?;
                if result < 0 {
                    let _ = writeln!(io::stderr(), "accept: {}", io::Error::from_raw_os_error(-result));
                    continue;
                }
                // SAFETY: the kernel has just opened this descriptor, and nothing else owns it.
                let stream = unsafe { TcpStream::from_raw_fd(result) };
                stream.set_nodelay(true)?;
                let free = peers.iter().position(Option::is_none).unwrap_or(peers.len());
                if free == peers.len() {
                    peers.push(None);
                }
                let peer = peers[free].insert(Peer::new(stream, now()));
                submit(&mut ring, &peer.submission(free as u64, now()))?;
            }
        }
    }

    /// Submits entries. Linked entries have to be in one call.
    fn submit(ring: &mut IoUring, entries: &[squeue::Entry]) -> io::Result<()> {
        // SAFETY: `Accept` has null pointers. The others point into the boxes of a peer, which do not move, are
        // dropped only when nothing is in flight, and are not touched before the completion. The kernel reads a timeout
        // when it is submitted, which is before its operation completes.
        while unsafe { ring.submission().push_multiple(entries) }.is_err() {
            ring.submit()?;
        }
        Ok(())
    }

    /// The end of a connection, with the error of the transport if there was one.
    type End = Option<io::Error>;

    impl Peer {
        fn new(stream: TcpStream, now: u64) -> Self {
            Self {
                stream,
                session: Session::server(&HANDSHAKE, [0; 512], Timeouts::MILLISECONDS, now),
                operation: Operation::Receive,
                buffer: vec![0; ROOM + PIECE].into(),
                unread: 0..0,
                control: Box::new([0; 512]),
                timeout: Box::default(),
            }
        }

        /// Returns the entries of the next operation, with a timeout at the next deadline. The kernel then owns its
        /// buffer.
        fn submission(&mut self, id: u64, now: u64) -> [squeue::Entry; 2] {
            let fd = types::Fd(self.stream.as_raw_fd());
            let operation = match self.operation {
                Operation::Receive => {
                    let place = &mut self.buffer[ROOM..];
                    opcode::Recv::new(fd, place.as_mut_ptr(), place.len() as u32).build()
                }
                Operation::Send(start, end) => send(fd, &self.buffer[start..end]),
                Operation::SendControl(start, end) => send(fd, &self.control[start..end]),
            };
            let due = self.session.poll_timeout().unwrap_or(u64::MAX);
            *self.timeout = Duration::from_millis(due.saturating_sub(now)).into();
            let timeout = opcode::LinkTimeout::new(&raw const *self.timeout).build();
            [operation.flags(squeue::Flags::IO_LINK).user_data(id), timeout.user_data(TIMEOUT)]
        }

        /// Returns why the connection failed, if it did. An error of the session came first and explains the end.
        fn failure(&self, end: End) -> Option<io::Error> {
            match self.session.connection() {
                Some(connection) if connection.is_clean() => None,
                _ => self.session.error().map(io::Error::other).or(end),
            }
        }

        /// Handles a completion and chooses the next operation. Returns the error when the connection is over.
        fn completed(&mut self, result: i32, now: u64) -> Result<(), End> {
            let len = match result {
                0.. => Some(result as usize),
                _ if result == -libc::ECANCELED => None, // a deadline has passed
                _ => return Err(Some(io::Error::from_raw_os_error(-result))),
            };
            match &mut self.operation {
                Operation::Receive => {
                    self.unread = ROOM..ROOM + len.unwrap_or(0);
                    if len == Some(0) {
                        self.session.receive_eof(now);
                    }
                }
                Operation::Send(start, end) | Operation::SendControl(start, end) => {
                    if let Some(len) = len {
                        *start += len;
                        self.session.on_written(now);
                    }
                    if start < end {
                        // Handle the deadline, then send the rest. What becomes due follows.
                        return match self.session.receive(&mut [], now).event {
                            Some(Event::Over | Event::Failed(_)) => Err(None),
                            _ => Ok(()),
                        };
                    }
                }
            }
            self.operation = self.next(now)?;
            Ok(())
        }

        /// Returns the next operation. No operation is in flight.
        fn next(&mut self, now: u64) -> Result<Operation, End> {
            loop {
                // Send what is due first, including the reply to the last event.
                if let len @ 1.. = self.session.poll_transmit(&mut self.control[..]) {
                    return Ok(Operation::SendControl(0, len));
                }
                if self.session.transport() == Transport::HalfClose {
                    let _gone = self.stream.shutdown(Shutdown::Write);
                }
                let received = self.session.receive(&mut self.buffer[self.unread.clone()], now);
                let rest = self.unread.end - received.rest.len();
                self.unread.start = rest;
                match received.event {
                    Some(Event::Request) => {
                        self.session.accept(&Accept::default(), &Config::DEFAULT).map_err(io::Error::other)?;
                    }
                    Some(Event::Data(chunk)) => {
                        let payload = rest - chunk.payload.len();
                        let connection = self.session.sender(now).map_err(io::Error::other)?;
                        let header =
                            connection.frame(chunk.kind, chunk.last, chunk.payload).map_err(io::Error::other)?;
                        let start = payload - header.as_bytes().len();
                        self.buffer[start..payload].copy_from_slice(header.as_bytes());
                        return Ok(Operation::Send(start, rest));
                    }
                    // A late peer gets no more time.
                    Some(Event::Over | Event::Failed(Error::Timeout(_))) => return Err(None),
                    Some(_) => {}
                    None => return Ok(Operation::Receive),
                }
            }
        }
    }

    fn send(fd: types::Fd, bytes: &[u8]) -> squeue::Entry {
        opcode::Send::new(fd, bytes.as_ptr(), bytes.len() as u32).flags(libc::MSG_NOSIGNAL).build()
    }
}
