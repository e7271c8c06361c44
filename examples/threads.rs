//! Two threads for each connection on blocking sockets: one reads, the other writes what any thread queues. The server
//! echoes messages, sends a count every second, and closes after SECONDS.
//!
//!     cargo run --release --example threads [ADDRESS [SECONDS [KEEPALIVE]]]     (127.0.0.1:9001, 60 s, 20000 ms)
//!
//! KEEPALIVE is the silence after which the server sends a Ping, and the timeout for its Pong. All orders to the writer
//! go through one channel, so a Close follows every message that was queued before it. A session does the handshake. Then
//! its parts go on, because two threads share the connection without a lock.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use barews::Server;
use barews::connection::{Config, Event, MessageKind, Outgoing, Reply, State, Transmitter, Transport};
use barews::deadlines::{Timeout, Timeouts};
use barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews::session::{self, Session};
use barews::wire::CloseCode;

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any); // nothing here is secret
/// A whole message is kept until it is echoed.
const LIMITS: Config = Config { max_message_size: 16 << 20, ..Config::DEFAULT };
/// While more bytes than this wait to be written, nothing is read.
const ROOM: usize = 1 << 20;
/// The longest delay until the reader notices a deadline, or that our Close was sent.
const POLL: Duration = Duration::from_millis(50);

enum Order {
    Message(MessageKind, Vec<u8>),
    Reply(Reply),
    Ping([u8; 4]),
    Close(&'static str),
}

/// What the other threads know about the writer.
#[derive(Default)]
struct Writing {
    /// The number of bytes that wait to be written.
    queued: AtomicUsize,
    /// The peer has accepted bytes that had waited.
    taken: AtomicBool,
    /// Our Close was sent.
    closed: AtomicBool,
}

/// Sends orders to the writer.
#[derive(Clone)]
struct Orders(mpsc::Sender<Order>, Arc<Writing>);

impl Orders {
    /// Returns false if the writer has ended.
    fn give(&self, order: Order) -> bool {
        self.1.queued.fetch_add(size(&order), SeqCst);
        self.0.send(order).is_ok()
    }
}

fn size(order: &Order) -> usize {
    size_of::<Order>() + if let Order::Message(_, body) = order { body.len() } else { 0 }
}

fn main() {
    if let Err(error) = listen() {
        eprintln!("threads: {error}");
        std::process::exit(1);
    }
}

fn listen() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listener = TcpListener::bind(arguments.next().unwrap_or_else(|| "127.0.0.1:9001".into()))?;
    let seconds = arguments.next().map_or(Ok(60), |seconds| seconds.parse())?;
    let keepalive = Some(arguments.next().map_or(Ok(20_000), |keepalive| keepalive.parse())?);
    println!("echoing at ws://{}/", listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, timeouts) = (stream?, Timeouts { ping: keepalive, pong: keepalive, ..Timeouts::MILLISECONDS });
        thread::spawn(move || {
            serve(&stream, timeouts, seconds).unwrap_or_else(|error| eprintln!("{error}"));
            let _ = stream.shutdown(Shutdown::Both); // ends a write that waits
        });
    }
    Ok(())
}

/// Performs the handshake, starts the writer and the clock, and reads until the connection ends.
fn serve(mut stream: &TcpStream, timeouts: Timeouts, seconds: u32) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let now = || start.elapsed().as_millis() as u64;
    stream.set_nodelay(true)?;
    // A thread that reads is not woken by a deadline, nor by the Close that another thread sends.
    stream.set_read_timeout(Some(POLL))?;
    let mut rx = vec![0; 16 << 10];

    let mut session = Session::server(&HANDSHAKE, [0; 512], timeouts, 0);
    let (mut unread, mut tx) = (0..0, [0; 512]);
    let (connection, mut deadlines, _) = loop {
        while let len @ 1.. = session.poll_transmit(&mut tx) {
            stream.write_all(&tx[..len])?;
        }
        session = match session.into_parts() {
            Ok(parts) => break parts,
            Err(session) => session, // it is not open yet
        };
        if session.transport() == Transport::HalfClose {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let received = session.receive(&mut rx[unread.clone()], now());
        unread.start = unread.end - received.rest.len();
        match received.event {
            Some(session::Event::Request) => session.accept(&Accept::default(), &LIMITS)?,
            Some(session::Event::Over) => return session.error().map_or(Ok(()), |error| Err(error.into())),
            Some(_) => {}
            None => match read(stream, &mut rx)? {
                Some(0) => session.receive_eof(now()),
                len => unread = 0..len.unwrap_or(0),
            },
        }
    };

    let (mut receiver, transmitter) = connection.split();
    let (orders, queue) = mpsc::channel();
    let (orders, writing_end) = (Orders(orders, Arc::default()), stream.try_clone()?);
    let (for_writer, for_clock, writing) = (orders.1.clone(), orders.clone(), orders.1.clone());
    // An error of the writer also ends the reader.
    thread::spawn(move || write(writing_end, transmitter, &queue, &for_writer));
    thread::spawn(move || tell_the_seconds(&for_clock, seconds));

    let mut message = Vec::new();
    loop {
        let mut rest = &mut rx[unread];
        loop {
            let received = receiver.receive(rest);
            if let Some(reply) = receiver.take_reply() {
                orders.give(Order::Reply(reply)); // the writer ends once it has sent a Close
            }
            let Ok(received) = received else { break };
            rest = received.rest;
            match received.event {
                Some(Event::Data(chunk)) => {
                    message.extend_from_slice(chunk.payload);
                    if chunk.last {
                        orders.give(Order::Message(chunk.kind, std::mem::take(&mut message)));
                    }
                }
                Some(Event::Pong) => drop(deadlines.on_pong(receiver.control_payload(), now())),
                Some(_) => {}
                None => break,
            }
        }
        unread = loop {
            // Only the writer knows whether our Close was sent.
            let closed = writing.closed.load(SeqCst);
            match receiver.transport(closed) {
                Transport::Keep | Transport::AwaitEof => {}
                Transport::HalfClose => drop(stream.shutdown(Shutdown::Write)),
                Transport::Close => return receiver.error().map_or(Ok(()), |error| Err(error.into())),
            }
            // The reader has the deadlines, because it receives the bytes. A slow peer gives no other sign of life: our
            // Ping has not reached it yet.
            if writing.taken.swap(false, SeqCst) {
                deadlines.on_written(now());
            }
            let read = if receiver.state(closed) == State::Open && writing.queued.load(SeqCst) > ROOM {
                thread::sleep(POLL); // read no more than can be answered
                None
            } else {
                read(stream, &mut rx).map_err(|late| receiver.error().map_or(late, io::Error::other))?
            };
            if read.is_some() {
                deadlines.on_bytes(now());
            }
            // After the read: when a process was stopped, the peer's bytes wait in the socket.
            deadlines.on_state(receiver.state(closed), now());
            match deadlines.handle_timeout(now()) {
                Some(Timeout::Ping(payload)) => drop(orders.give(Order::Ping(payload))),
                Some(timeout) => {
                    return Err(receiver.error().map_or(format!("timeout: {timeout:?}").into(), Into::into));
                }
                None => {}
            }
            match read {
                Some(0) => {
                    let _ = receiver.receive_eof();
                    thread::sleep(POLL); // the writer may not have sent the answer to a Close yet
                }
                Some(len) => break 0..len,
                None => {}
            }
        };
    }
}

/// Returns `None` if no bytes arrive within the read timeout.
fn read(mut stream: &TcpStream, rx: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        return match stream.read(rx) {
            // A process that was stopped and goes on.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            outcome => outcome.map(Some),
        };
    }
}

/// Writes until a Close is sent or the stream has ended.
fn write(
    mut stream: TcpStream,
    mut transmitter: Transmitter<Server>,
    queue: &mpsc::Receiver<Order>,
    writing: &Writing,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut tx = vec![0; 17 << 10];
    let mut put = |bytes: &[u8]| {
        let start = Instant::now();
        stream.write_all(bytes)?;
        // A write that the system accepts at once says nothing about the peer.
        if start.elapsed() > Duration::from_millis(1) {
            writing.taken.store(true, SeqCst);
        }
        io::Result::Ok(())
    };
    for order in queue {
        let len = match &order {
            Order::Message(kind, body) => {
                let mut message = Outgoing::unvalidated(*kind, body);
                while let len @ 1.. = transmitter.write_fragment(&mut message, &mut tx)?.len() {
                    put(&tx[..len])?;
                }
                0
            }
            Order::Reply(reply) => transmitter.write_reply(reply, &mut tx)?.len(),
            Order::Ping(payload) => transmitter.write_ping(payload, &mut tx)?.len(),
            Order::Close(reason) => transmitter.write_close(CloseCode::NORMAL, reason, &mut tx)?.len(),
        };
        put(&tx[..len])?;
        writing.queued.fetch_sub(size(&order), SeqCst);
        if transmitter.close_sent() {
            writing.closed.store(true, SeqCst);
            break;
        }
    }
    Ok(())
}

/// The application. It skips a message while the queue is full.
fn tell_the_seconds(orders: &Orders, seconds: u32) {
    for second in 1..=seconds {
        thread::sleep(Duration::from_secs(1));
        let text = format!("{second} s").into_bytes();
        if orders.1.queued.load(SeqCst) < ROOM && !orders.give(Order::Message(MessageKind::Text, text)) {
            return;
        }
    }
    orders.give(Order::Close("time is up"));
}
