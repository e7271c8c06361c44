//! An echo server on tokio: one task for each connection, with no layer between the engine and the socket.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin tokio_echo -- 127.0.0.1:9001
//!
//! The task waits in one place, for bytes or for a deadline. `read` is safe to cancel, and its bytes go to the engine
//! before the next `await`. The task echoes each chunk from the buffer that received it, so memory is constant. While a
//! peer accepts nothing, the task reads nothing from it: `write_all` waits until its timeout.

use std::io;
use std::time::Duration;

use barews::connection::{Config, Event, Transport, Written};
use barews::deadlines::{Deadlines, Timeout, Timeouts};
use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME};
use barews::{Connection, SendError, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any); // an echo has no secrets
const TIMEOUTS: Timeouts = Timeouts::MILLISECONDS;
/// Timeout for the peer to accept written bytes.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).await?;
    println!("ws://{}/", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = serve(stream).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut rx = vec![0; 16 << 10];
    let handshake =
        timeout(Duration::from_millis(TIMEOUTS.handshake.unwrap_or(10_000)), handshake(&mut stream, &mut rx));
    let Some((mut connection, mut unread)) = handshake.await?? else { return stream.shutdown().await };

    let start = Instant::now();
    let now = || start.elapsed().as_millis() as u64;
    let mut deadlines = Deadlines::new(TIMEOUTS, 0);
    deadlines.on_open(0);
    let mut shut = false;
    loop {
        let mut rest = &mut rx[unread];
        while let Ok(received) = connection.receive(rest) {
            rest = received.rest;
            match received.event {
                None => break,
                Some(Event::Data(chunk)) => {
                    let header = connection.begin_frame(chunk.kind, chunk.last, chunk.payload.len() as u64);
                    if let Ok(header) = header {
                        connection.mask_payload(chunk.payload).map_err(io::Error::other)?;
                        send(&mut stream, header.as_bytes()).await?;
                        send(&mut stream, chunk.payload).await?;
                        deadlines.on_message(now());
                    }
                }
                Some(Event::Pong) => {
                    let _round_trip = deadlines.on_pong(connection.control_payload(), now());
                }
                Some(_) => {}
            }
            drain(&mut connection, &mut stream).await?;
        }
        // The Close that answers an error. That error also explains why TCP fails later.
        let drained = drain(&mut connection, &mut stream).await;
        drained.map_err(|late| connection.error().map_or(late, io::Error::other))?;

        match connection.transport() {
            Transport::Close => return Ok(()),
            Transport::HalfClose if !shut => {
                shut = true;
                stream.shutdown().await.map_err(|late| connection.error().map_or(late, io::Error::other))?;
            }
            _ => {}
        }
        deadlines.on_state(connection.state(), now());
        let due = deadlines
            .poll_timeout()
            .map_or(start + Duration::from_secs(1 << 30), |due| start + Duration::from_millis(due));
        tokio::select! {
            read = stream.read(&mut rx) => {
                let len = read.map_err(|late| connection.error().map_or(late, io::Error::other))?;
                deadlines.on_bytes(now());
                if len == 0 {
                    connection.receive_eof().map_err(io::Error::other)?;
                }
                unread = 0..len;
            }
            () = sleep_until(due) => {
                unread = 0..0;
                let mut tx = [0; MAX_CONTROL_FRAME];
                while let Some(timeout) = deadlines.handle_timeout(now()) {
                    let written = match timeout {
                        Timeout::Ping(payload) => connection.write_ping(&payload, &mut tx),
                        Timeout::Idle => connection.write_close(CloseCode::GOING_AWAY, "idle", &mut tx),
                        Timeout::Handshake | Timeout::Pong | Timeout::Closing => {
                            return Err(connection.error().map_or(io::ErrorKind::TimedOut.into(), io::Error::other));
                        }
                    };
                    match written {
                        Ok(Written(len)) => send(&mut stream, &tx[..len]).await?,
                        Err(SendError::Closing) => {}
                        Err(error) => return Err(io::Error::other(error)),
                    }
                }
            }
        }
    }
}

/// Performs the handshake. Returns the connection and the range of its first bytes in `rx`, or `None` if the request
/// was refused.
async fn handshake(
    stream: &mut TcpStream,
    rx: &mut [u8],
) -> io::Result<Option<(Connection<Server>, std::ops::Range<usize>)>> {
    let mut handshake = ServerHandshake::new(&HANDSHAKE, [0; 512]);
    let mut out = [0; 512];
    loop {
        let len = stream.read(rx).await?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (len, connection) = match handshake.receive(&mut rx[..len]) {
            Ok(Progress::Partial) => continue,
            Ok(Progress::Complete { consumed, .. }) => {
                let unread = consumed..len;
                match handshake.accept(&Accept::default(), &Config::DEFAULT, &mut out) {
                    Ok((len, connection)) => (len, Some((connection, unread))),
                    Err(_) => (handshake.respond(404, &[], b"", &mut out).map_err(io::Error::other)?, None),
                }
            }
            Err(error) => (handshake.refuse(error, &mut out).map_err(io::Error::other)?, None),
        };
        stream.write_all(&out[..len]).await?;
        return Ok(connection);
    }
}

/// Writes the control frames that are due. The host calls this before it waits.
async fn drain(connection: &mut Connection<Server>, stream: &mut TcpStream) -> io::Result<()> {
    let mut tx = [0; MAX_CONTROL_FRAME];
    while let len @ 1.. = connection.poll_transmit(&mut tx) {
        send(stream, &tx[..len]).await?;
    }
    Ok(())
}

async fn send(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    timeout(PATIENCE, stream.write_all(bytes)).await?
}
