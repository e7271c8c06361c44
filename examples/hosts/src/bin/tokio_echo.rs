//! An echo server on tokio without barews-tokio: one task for each connection, and nothing between the engine and the
//! socket.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin tokio_echo -- 127.0.0.1:9001
//!
//! On tokio take `barews-tokio`. Write a host like this one if memory must be constant whatever the peer sends, if frames
//! must stay as they are, or if the runtime or the transport is not tokio's: this is the pattern.
//!
//! The task waits in one place, for bytes or for a deadline. `read` is safe to cancel, and its bytes go to the engine
//! before the next `await`. The task echoes each chunk from the buffer that received it. While a peer accepts nothing,
//! the task reads nothing from it: `write_all` waits until its timeout. A peer that writes more than the buffers of both
//! sockets hold before it reads waits as well, and after the timeout its connection ends. `echo_server` and barews-tokio
//! read ahead for such peers, and need memory for that.

use std::error::Error;
use std::io;
use std::time::Duration;

use barews::Server;
use barews::connection::{Config, Transport};
use barews::deadlines::Timeouts;
use barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews::session::{Event, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout, timeout_at};

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any); // an echo has no secrets
/// Timeout for the peer to accept written bytes.
const PATIENCE: Duration = Duration::from_secs(20);

type Result = std::result::Result<(), Box<dyn Error + Send + Sync>>;

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

async fn serve(mut stream: TcpStream) -> Result {
    stream.set_nodelay(true)?;
    let mut session = Session::server(&HANDSHAKE, [0; 512], Timeouts::MILLISECONDS, 0);
    let ended = run(&mut session, &mut stream).await;
    // An error of the session also explains why TCP fails later.
    session.error().map_or(ended, |error| Err(error.into()))
}

async fn run(session: &mut Session<'_, Server, [u8; 512]>, stream: &mut TcpStream) -> Result {
    let (start, mut now) = (Instant::now(), 0);
    let (mut rx, mut unread, mut tx) = (vec![0; 16 << 10], 0..0, [0; 512]);
    loop {
        while let len @ 1.. = session.poll_transmit(&mut tx) {
            send(stream, &tx[..len]).await?;
        }
        if session.transport() == Transport::HalfClose {
            let _gone = stream.shutdown().await;
        }
        let received = session.receive(&mut rx[unread.clone()], now);
        unread.start = unread.end - received.rest.len();
        match received.event {
            Some(Event::Request) if session.request().is_some_and(|request| request.is_upgrade()) => {
                session.accept(&Accept::default(), &Config::DEFAULT)?;
            }
            Some(Event::Request) => session.respond(404, &[], b"")?,
            Some(Event::Data(chunk)) => {
                let header = session.sender(now)?.frame(chunk.kind, chunk.last, chunk.payload)?;
                send(stream, header.as_bytes()).await?;
                send(stream, chunk.payload).await?;
            }
            Some(Event::Over) => return Ok(()),
            Some(_) => {}
            None => {
                let due = start + Duration::from_millis(session.poll_timeout().unwrap_or(u64::MAX));
                let read = timeout_at(due, stream.read(&mut rx)).await;
                now = start.elapsed().as_millis() as u64;
                match read {
                    Ok(Ok(0)) => session.receive_eof(now),
                    Ok(read) => unread = 0..read?,
                    Err(_due) => {}
                }
            }
        }
    }
}

async fn send(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    timeout(PATIENCE, stream.write_all(bytes)).await?
}
