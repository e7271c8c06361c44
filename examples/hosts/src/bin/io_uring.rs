//! Completion-based I/O: the kernel owns a buffer from the submission of an operation to its completion. An echo server
//! on io_uring, Linux only.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin io_uring -- 127.0.0.1:9001
//!
//! A connection has one buffer and one operation in flight, so the buffer is either the kernel's or ours, and the state
//! says whose. The engine decodes in place and promises that a payload is the last of the bytes it consumed; a server's
//! header is never longer than the client's, which had a masking key. So the echo's header goes right before the
//! payload, over bytes that were consumed, and the kernel sends from the buffer that it received into: nothing is
//! copied.
//!
//! Each operation is linked to a timeout at the session's next deadline. One that is cancelled by it has transferred
//! nothing, and its completion gives the buffer back as any other does.

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("io_uring is Linux's");
}

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    linux::main()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::ops::Range;
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::slice;
    use std::time::{Duration, Instant};

    use barews::connection::{Config, Event, Transport};
    use barews::deadlines::{Deadlines, Timeout, Timeouts};
    use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};
    use barews::wire::MAX_CONTROL_FRAME;
    use barews::{Connection, HandshakeError, Server};
    use io_uring::{IoUring, opcode, squeue, types};

    static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any); // an echo has no secrets
    /// For the longest header, in front of what is received.
    const ROOM: usize = 16;
    const PIECE: usize = 16 << 10;
    /// What is not a session's place.
    const ACCEPT: u64 = u64::MAX;
    const TIMEOUT: u64 = u64::MAX - 1;

    enum Phase {
        Handshake(Box<ServerHandshake<'static, [u8; 512]>>),
        Open(Box<Connection<Server>>),
        /// A response is being sent; then it is over.
        Refused,
    }

    /// What is in flight, and is the kernel's.
    #[derive(Clone, Copy)]
    enum Operation {
        Receive,
        /// This of `buffer`.
        Send(usize, usize),
        /// The same of `control`.
        SendControl(usize, usize),
    }

    struct Session {
        stream: TcpStream,
        phase: Phase,
        operation: Operation,
        /// Not touched while `operation` is `Receive` or `Send`.
        buffer: Box<[u8]>,
        /// What was received and not looked at.
        unread: Range<usize>,
        /// Not touched while `operation` is `SendControl`. Replies, and responses to handshakes.
        control: Box<[u8; 512]>,
        shut: bool,
        deadlines: Deadlines,
        /// A Ping that is due.
        ping: Option<[u8; 4]>,
        /// For the operation in flight, until the next deadline.
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
        let mut sessions: Vec<Option<Session>> = Vec::new();
        loop {
            ring.submit_and_wait(1)?;
            let done: Vec<_> = ring.completion().map(|entry| (entry.user_data(), entry.result())).collect();
            for (id, result) in done {
                if id != ACCEPT {
                    let Some(place) = sessions.get_mut(id as usize) else { continue }; // a timeout's end tells nothing
                    let Some(session) = place else { continue };
                    // SAFETY of what follows: the operation is complete, so the buffers are ours again.
                    match session.completed(result, now()) {
                        Some(()) => submit(&mut ring, &session.submission(id, now()))?,
                        None => *place = None, // drops buffers that no operation uses, and closes the socket
                    }
                    continue;
                }
                submit(&mut ring, slice::from_ref(&accept))?;
                if result < 0 {
                    eprintln!("accept: {}", io::Error::from_raw_os_error(-result));
                    continue;
                }
                // SAFETY: the kernel has just opened it for us alone.
                let stream = unsafe { TcpStream::from_raw_fd(result) };
                stream.set_nodelay(true)?;
                let free = sessions.iter().position(Option::is_none).unwrap_or(sessions.len());
                if free == sessions.len() {
                    sessions.push(None);
                }
                let session = sessions[free].insert(Session::new(stream, now()));
                submit(&mut ring, &session.submission(free as u64, now()))?;
            }
        }
    }

    /// Linked entries must come together.
    fn submit(ring: &mut IoUring, entries: &[squeue::Entry]) -> io::Result<()> {
        // SAFETY: `Accept` points nowhere. The others point into the boxes of a session, which stay where they are, are
        // dropped only when nothing is in flight, and are not touched before the completion. A timeout is read when it
        // is submitted, which is before its operation completes.
        while unsafe { ring.submission().push_multiple(entries) }.is_err() {
            ring.submit()?;
        }
        Ok(())
    }

    impl Session {
        fn new(stream: TcpStream, now: u64) -> Self {
            let handshake = Box::new(ServerHandshake::new(&HANDSHAKE, [0; 512]));
            Self {
                stream,
                phase: Phase::Handshake(handshake),
                operation: Operation::Receive,
                buffer: vec![0; ROOM + PIECE].into(),
                unread: 0..0,
                control: Box::new([0; 512]),
                shut: false,
                deadlines: Deadlines::new(Timeouts::MILLISECONDS, now),
                ping: None,
                timeout: Box::default(),
            }
        }

        /// Gives the operation's buffer away, until the next deadline at most.
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
            let due = self.deadlines.poll_timeout().unwrap_or(u64::MAX);
            *self.timeout = Duration::from_millis(due.saturating_sub(now)).into();
            let timeout = opcode::LinkTimeout::new(&raw const *self.timeout).build();
            [operation.flags(squeue::Flags::IO_LINK).user_data(id), timeout.user_data(TIMEOUT)]
        }

        /// Goes on when an operation is complete; `None` when the connection is over.
        fn completed(&mut self, result: i32, now: u64) -> Option<()> {
            let len = if result == -libc::ECANCELED { None } else { Some(usize::try_from(result).ok()?) };
            if len.is_some() {
                self.deadlines.received(now); // who takes an echo is there, too
            }
            while let Some(due) = self.deadlines.handle_timeout(now) {
                match due {
                    Timeout::Ping(payload) => self.ping = Some(payload),
                    Timeout::Idle | Timeout::Handshake | Timeout::Pong | Timeout::Closing => return None,
                }
            }
            match &mut self.operation {
                Operation::Receive => {
                    self.unread = ROOM..ROOM + len.unwrap_or(0);
                    if len == Some(0) {
                        match &mut self.phase {
                            Phase::Open(connection) => connection.receive_eof().ok()?,
                            _ => return None,
                        }
                    }
                }
                // What was sent in part goes on.
                Operation::Send(start, end) | Operation::SendControl(start, end) => {
                    *start += len.unwrap_or(0);
                    if start < end {
                        return Some(());
                    }
                }
            }
            self.operation = self.next(now)?;
            if let Phase::Open(connection) = &self.phase {
                self.deadlines.state(connection.state(), now);
            }
            Some(())
        }

        /// What to do next, while all buffers are ours.
        fn next(&mut self, now: u64) -> Option<Operation> {
            let connection = match &mut self.phase {
                Phase::Refused => return None,
                Phase::Handshake(_) => return self.handshake(now),
                Phase::Open(connection) => connection,
            };
            loop {
                // The drain law, for what the last event made due as well.
                let due = connection.poll_transmit(&mut self.control[..MAX_CONTROL_FRAME]);
                if due > 0 {
                    return Some(Operation::SendControl(0, due));
                }
                if let Some(payload) = self.ping.take()
                    && let Ok(len) = connection.ping(&payload, &mut self.control[..])
                {
                    return Some(Operation::SendControl(0, len));
                }
                let Ok(received) = connection.receive(&mut self.buffer[self.unread.clone()]) else {
                    self.unread = 0..0;
                    let due = connection.poll_transmit(&mut self.control[..MAX_CONTROL_FRAME]);
                    if due > 0 {
                        return Some(Operation::SendControl(0, due));
                    }
                    break;
                };
                let rest = self.unread.end - received.rest.len();
                self.unread.start = rest;
                match received.event {
                    None => break,
                    Some(Event::Data(chunk)) => {
                        let payload = rest - chunk.payload.len();
                        let Ok(header) = connection.frame(chunk.kind, chunk.last, chunk.payload.len() as u64) else {
                            continue;
                        };
                        connection.payload(chunk.payload).ok()?;
                        let start = payload - header.as_bytes().len();
                        self.buffer[start..payload].copy_from_slice(header.as_bytes());
                        return Some(Operation::Send(start, rest));
                    }
                    Some(Event::Pong) => {
                        let _round_trip = self.deadlines.pong(connection.control_payload(), now);
                    }
                    Some(_) => {}
                }
            }
            match connection.transport() {
                Transport::Close => return None,
                Transport::HalfClose if !self.shut => {
                    self.shut = true;
                    self.stream.shutdown(Shutdown::Write).ok()?;
                }
                _ => {}
            }
            Some(Operation::Receive)
        }

        fn handshake(&mut self, now: u64) -> Option<Operation> {
            let Phase::Handshake(handshake) = &mut self.phase else { return None };
            let out = &mut self.control[..];
            let rest = match handshake.receive(&mut self.buffer[self.unread.clone()]) {
                Ok(Progress::Partial) => return Some(Operation::Receive),
                Ok(Progress::Complete { rest }) => Ok(rest.len()),
                Err(error) => Err(error),
            };
            let (len, phase) = match rest.map(|_| handshake.accept(&Accept::default(), &Config::DEFAULT, out)) {
                Ok(Ok((len, connection))) => {
                    self.deadlines.opened(now);
                    (len, Phase::Open(connection.into()))
                }
                Ok(Err(_)) => (handshake.refuse(HandshakeError::Upgrade, out).ok()?, Phase::Refused),
                Err(error) => (handshake.refuse(error, out).ok()?, Phase::Refused),
            };
            self.unread.start = self.unread.end - rest.unwrap_or(0);
            self.phase = phase;
            Some(Operation::SendControl(0, len))
        }
    }

    fn send(fd: types::Fd, bytes: &[u8]) -> squeue::Entry {
        opcode::Send::new(fd, bytes.as_ptr(), bytes.len() as u32).flags(libc::MSG_NOSIGNAL).build()
    }
}
