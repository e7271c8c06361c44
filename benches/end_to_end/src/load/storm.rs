//! A storm of connections: each connects, does the opening handshake, closes with both Close frames and the end of TCP,
//! and is followed by the next one.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use barews::connection::{Config, Transport};
use barews::deadlines::Timeouts;
use barews::handshake::{ClientConfig, ClientRequest, Uri};
use barews::session::{Event, Session};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME};
use barews::{Append, Client};
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::session::masking_key;
use crate::stream::PATIENCE;

type Keys = fn() -> [u8; 4];

pub struct Storm<'u> {
    poll: Poll,
    events: Events,
    uri: Uri<'u>,
    address: SocketAddr,
    slots: Vec<Option<Attempt>>,
    start: Instant,
    /// Whether a connection is followed by the next one.
    pub goes_on: bool,
    pub open: usize,
    /// Connections that have closed cleanly since the last reset.
    pub completed: u64,
    /// From the call of `connect` to the end of the handshake, in nanoseconds.
    pub latency: Histogram<u64>,
}

struct Attempt {
    stream: TcpStream,
    session: Session<'static, Client<Keys>, [u8; 512]>,
    begun: Instant,
    shut: bool,
}

impl<'u> Storm<'u> {
    pub fn new(connections: usize, uri: Uri<'u>, address: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut storm = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            uri,
            address,
            slots: Vec::new(),
            start: Instant::now(),
            goes_on: true,
            open: connections,
            completed: 0,
            latency: Histogram::new(3)?,
        };
        for index in 0..connections {
            let attempt = storm.connect(index)?;
            storm.slots.push(Some(attempt));
        }
        Ok(storm)
    }

    fn connect(&self, index: usize) -> Result<Attempt, Box<dyn Error>> {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(self.address)?;
        self.poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)?;
        let now = self.start.elapsed().as_millis() as u64;
        let request = ClientRequest::new(self.uri);
        let session = Session::client(&ClientConfig::DEFAULT, &request, nonce, [0; 512], Timeouts::MILLISECONDS, now)?;
        Ok(Attempt { stream, session, begun, shut: false })
    }

    /// Runs for this many seconds.
    pub fn turn_until(&mut self, seconds: f64) -> Result<(), Box<dyn Error>> {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        while Instant::now() < end {
            self.turn(end - Instant::now())?;
        }
        Ok(())
    }

    /// Waits until all connections have closed.
    pub fn finish(&mut self) -> Result<(), Box<dyn Error>> {
        self.goes_on = false;
        let end = Instant::now() + PATIENCE;
        while self.open > 0 {
            if Instant::now() > end {
                return Err(format!("{} connections do not close", self.open).into());
            }
            self.turn(Duration::from_millis(100))?;
        }
        Ok(())
    }

    fn turn(&mut self, limit: Duration) -> Result<(), Box<dyn Error>> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(limit)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in &events {
            let Token(index) = event.token();
            let now = self.start.elapsed().as_millis() as u64;
            let Some(attempt) = &mut self.slots[index] else { continue };
            let over = attempt.turn(now, &mut self.latency).map_err(|error| format!("a connection failed: {error}"))?;
            if over {
                self.completed += 1;
                self.slots[index] = None;
                if self.goes_on {
                    self.slots[index] = Some(self.connect(index)?);
                } else {
                    self.open -= 1;
                }
            }
        }
        self.events = events;
        Ok(())
    }
}

impl Attempt {
    /// Reads and writes until the socket blocks. Returns true at the end.
    fn turn(&mut self, now: u64, latency: &mut Histogram<u64>) -> Result<bool, Box<dyn Error>> {
        let mut rx = [0; 1024];
        loop {
            // A new socket has room for a request and a Close.
            let mut tx = Vec::new();
            while tx.append_up_to(512, |out| self.session.poll_transmit(out)) > 0 {}
            if !tx.is_empty() {
                match self.stream.write(&tx) {
                    Ok(len) if len == tx.len() => {}
                    Ok(_) => return Err("the socket has no room".into()),
                    Err(error) => return Err(error.into()),
                }
            }
            if self.session.transport() == Transport::HalfClose && !self.shut {
                self.shut = true;
                self.stream.shutdown(Shutdown::Write)?;
            }
            let mut bytes = match self.stream.read(&mut rx) {
                Ok(0) => {
                    self.session.receive_eof(now);
                    &mut [][..]
                }
                Ok(len) => &mut rx[..len],
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            };
            loop {
                let received = self.session.receive(bytes, now);
                bytes = received.rest;
                match received.event {
                    Some(Event::Response) => {
                        self.session.connect(masking_key as Keys, &Config::DEFAULT)?;
                        latency.record(self.begun.elapsed().as_nanos() as u64)?;
                        let mut close = [0; MAX_CONTROL_FRAME];
                        let len = self.session.sender(now)?.write_close(CloseCode::NORMAL, "", &mut close)?.len();
                        self.stream.write_all(&close[..len])?;
                    }
                    Some(Event::Failed(error)) => return Err(error.into()),
                    Some(Event::Over) => return Ok(true),
                    Some(_) => {}
                    None => break,
                }
            }
        }
    }
}
