//! A connection split over two tasks without barews-tokio: one reads, the other writes. The server echoes, and sends a
//! message every second.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin tokio_split -- 127.0.0.1:9001
//!
//! `WebSocket::split` of `barews-tokio` does the same with messages. This is the pattern for a host of your own.
//!
//! A session does the handshake. Then the two tasks need its connection in halves, which share no lock. The reading task
//! passes each pending reply to the writing task, and waits while that is busy, so it reads no more than can be
//! answered. The writing task ends when it has sent our Close frame. That closes the channel, which the reading task
//! notices. Both wait in `select!`, only for operations that can be cancelled: `read`, `recv` and `closed` lose nothing,
//! and no write is in a `select!`.

use std::io;
use std::time::Duration;

use barews::connection::{Config, Connection, Event, MessageKind, Receiver, Reply, Transmitter, Transport};
use barews::deadlines::Timeouts;
use barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews::session::{self, Session};
use barews::{Append, HandshakeError, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any); // nothing here is secret
/// Timeout for the peer to accept 16 KiB. A message goes out every second, so a peer that has disappeared is noticed.
const PATIENCE: Duration = Duration::from_secs(20);
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
const CLOSING: Duration = Duration::from_secs(5);

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
    let (connection, unread) = timeout(HANDSHAKE_TIME, handshake(&mut stream)).await??;
    let (receiver, transmitter) = connection.split();
    let (incoming, outgoing) = stream.into_split();
    let (replies, replies_due) = mpsc::channel(1);
    let (messages, messages_due) = mpsc::channel(4);
    let writing = tokio::spawn(write(outgoing, transmitter, replies_due, messages_due));
    let read = read(incoming, receiver, unread, replies, messages).await;
    // The reader knows the error of the protocol, which explains one of the writer.
    read.and(writing.await.map_err(io::Error::other)?)
}

/// Performs the handshake. Returns the connection, and the bytes that followed the request.
async fn handshake(stream: &mut TcpStream) -> io::Result<(Connection<Server>, Vec<u8>)> {
    let mut session = Session::server(&HANDSHAKE, [0; 1024], Timeouts::NEVER, 0); // the caller has a timeout
    let (mut rx, mut unread, mut tx) = (vec![0; 4096], 0..0, [0; 512]);
    loop {
        while let len @ 1.. = session.poll_transmit(&mut tx) {
            stream.write_all(&tx[..len]).await?;
        }
        session = match session.into_parts() {
            Ok((connection, ..)) => return Ok((connection, rx[unread].to_vec())),
            Err(session) => session, // it is not open yet
        };
        if session.transport() == Transport::HalfClose {
            let _gone = stream.shutdown().await;
        }
        let received = session.receive(&mut rx[unread.clone()], 0);
        unread.start = unread.end - received.rest.len();
        match received.event {
            Some(session::Event::Request) if session.request().is_some_and(|request| request.is_upgrade()) => {
                session.accept(&Accept::default(), &Config::DEFAULT).map_err(io::Error::other)?;
            }
            Some(session::Event::Request) => session.refuse(HandshakeError::Upgrade).map_err(io::Error::other)?,
            Some(session::Event::Over) => {
                return Err(session.error().map_or(io::ErrorKind::ConnectionRefused.into(), io::Error::other));
            }
            Some(_) => {}
            None => match stream.read(&mut rx).await? {
                0 => session.receive_eof(0),
                read => unread = 0..read,
            },
        }
    }
}

/// Reads until the transport ends. Dropping the senders ends the writing task.
async fn read(
    mut stream: OwnedReadHalf,
    mut receiver: Receiver<Server>,
    mut rx: Vec<u8>,
    replies: mpsc::Sender<Reply>,
    messages: mpsc::Sender<(MessageKind, Vec<u8>)>,
) -> io::Result<()> {
    let mut unread = rx.len();
    rx.resize(rx.len().max(16 << 10), 0);
    let mut message = Vec::new();
    loop {
        let mut rest = &mut rx[..unread];
        loop {
            let received = receiver.receive(rest);
            if let Some(reply) = receiver.take_reply() {
                let _writer_gone = replies.send(reply).await;
            }
            let Ok(received) = received else { break };
            rest = received.rest;
            match received.event {
                None => break,
                Some(Event::Data(chunk)) => {
                    message.extend_from_slice(chunk.payload);
                    if chunk.last {
                        let _writer_gone = messages.send((chunk.kind, std::mem::take(&mut message))).await;
                    }
                }
                Some(_) => {}
            }
        }
        tokio::select! {
            read = stream.read(&mut rx) => {
                unread = read.map_err(|late| receiver.error().map_or(late, io::Error::other))?;
                if unread == 0 {
                    return receiver.receive_eof().map_err(io::Error::other); // no error after a Close
                }
            }
            () = replies.closed() => {
                // The writer has shut down its side. Wait until the peer does the same.
                let drained = async { while stream.read(&mut rx).await? > 0 {} Ok(()) };
                let drained = timeout(CLOSING, drained).await.unwrap_or_else(|late| Err(late.into()));
                return receiver.error().map_or(drained, |error| Err(io::Error::other(error)));
            }
        }
    }
}

/// Writes until a Close frame is sent or the reader has ended.
async fn write(
    mut stream: OwnedWriteHalf,
    mut transmitter: Transmitter<Server>,
    mut replies: mpsc::Receiver<Reply>,
    mut messages: mpsc::Receiver<(MessageKind, Vec<u8>)>,
) -> io::Result<()> {
    let mut tx = Vec::new();
    let mut second = interval(Duration::from_secs(1));
    let mut seconds = 0;
    while !transmitter.close_sent() {
        tx.clear();
        tokio::select! {
            biased; // a Pong before other frames
            reply = replies.recv() => {
                let Some(reply) = reply else { break };
                if reply.is_close() {
                    // RFC 6455 5.5.1: nothing can follow a Close, so send the queued messages first
                    while let Ok((kind, body)) = messages.try_recv() {
                        tx.append_with(|out| transmitter.write_unvalidated(kind, &body, out)).map_err(io::Error::other)?;
                    }
                }
                tx.append_with(|out| transmitter.write_reply(&reply, out)).map_err(io::Error::other)?;
            }
            message = messages.recv() => {
                let Some((kind, body)) = message else { break };
                tx.append_with(|out| transmitter.write_unvalidated(kind, &body, out)).map_err(io::Error::other)?;
            }
            _ = second.tick() => {
                let text = format!("{seconds} s");
                tx.append_with(|out| transmitter.write_text(&text, out)).map_err(io::Error::other)?;
                seconds += 1;
            }
        }
        for part in tx.chunks(16 << 10) {
            timeout(PATIENCE, stream.write_all(part)).await??;
        }
    }
    stream.shutdown().await
}
