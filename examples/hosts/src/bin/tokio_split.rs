//! A connection split over two tasks: one reads, the other writes. The server echoes, and tells the seconds meanwhile.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin tokio_split -- 127.0.0.1:9001
//!
//! The halves share no lock. The reading task hands each reply that is due to the writing task, and waits while that is
//! busy: what cannot be answered is not read. It hears from it when our Close frame is out. Both wait in `select!`, and
//! all they wait for there can be cancelled: `read`, `recv` and `changed` lose nothing, and nothing is written there.

use std::io;
use std::time::Duration;

use barews::connection::{Event, MessageKind, Receiver, Reply, Transmitter, Transport};
use barews::handshake::{OriginPolicy, ServerConfig};
use barews::wire::MAX_CONTROL_FRAME;
use barews::{Connection, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{interval, timeout};

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any); // nothing here is secret
/// For the peer to take 16 KiB. It is told the seconds, so one that is gone is noticed, too.
const PATIENCE: Duration = Duration::from_secs(20);
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
    let Some((connection, unread)) = hosts::websocket::handshake(&mut stream, &HANDSHAKE, "").await? else {
        return stream.shutdown().await;
    };
    let (receiver, transmitter) = Connection::split(connection);
    let (incoming, outgoing) = stream.into_split();
    let (replies, replies_due) = mpsc::channel(1);
    let (messages, messages_due) = mpsc::channel(4);
    let (closed, close_sent) = watch::channel(false);
    let writing = tokio::spawn(write(outgoing, transmitter, replies_due, messages_due, closed));
    let read = read(incoming, receiver, unread, replies, messages, close_sent).await;
    writing.await.map_err(io::Error::other)??;
    read
}

/// Reads until the transport is to be closed. Dropping the senders tells the writing task that it is over.
async fn read(
    mut stream: OwnedReadHalf,
    mut receiver: Receiver<Server>,
    mut rx: Vec<u8>,
    replies: mpsc::Sender<Reply>,
    messages: mpsc::Sender<(MessageKind, Vec<u8>)>,
    mut close_sent: watch::Receiver<bool>,
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
        unread = 0;
        let sent = *close_sent.borrow_and_update();
        if receiver.transport(sent) == Transport::Close {
            return Ok(());
        }
        tokio::select! {
            read = stream.read(&mut rx) => {
                unread = read?;
                if unread == 0 && receiver.receive_eof().is_err() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            changed = close_sent.changed() => if changed.is_err() {
                // The writer is gone: it has shut down its side. The peer has its time to do the same.
                let drained = async { while stream.read(&mut rx).await? > 0 {} Ok::<_, io::Error>(()) };
                return timeout(CLOSING, drained).await?;
            }
        }
    }
}

/// Writes until a Close frame is out, or the reader has gone.
async fn write(
    mut stream: OwnedWriteHalf,
    mut transmitter: Transmitter<Server>,
    mut replies: mpsc::Receiver<Reply>,
    mut messages: mpsc::Receiver<(MessageKind, Vec<u8>)>,
    closed: watch::Sender<bool>,
) -> io::Result<()> {
    let mut tx = Vec::new();
    let mut second = interval(Duration::from_secs(1));
    let mut seconds = 0;
    while !transmitter.is_closed() {
        tokio::select! {
            biased; // a Pong before all else
            reply = replies.recv() => {
                let Some(reply) = reply else { break };
                tx.resize(MAX_CONTROL_FRAME, 0);
                let len = transmitter.reply(&reply, &mut tx).map_err(io::Error::other)?;
                tx.truncate(len);
            }
            message = messages.recv() => {
                let Some((kind, body)) = message else { break };
                put(&mut transmitter, kind, &body, &mut tx)?;
            }
            _ = second.tick() => {
                put(&mut transmitter, MessageKind::Text, format!("{seconds} s").as_bytes(), &mut tx)?;
                seconds += 1;
            }
        }
        for part in tx.chunks(16 << 10) {
            timeout(PATIENCE, stream.write_all(part)).await??;
        }
    }
    closed.send_replace(true);
    stream.shutdown().await
}

fn put(transmitter: &mut Transmitter<Server>, kind: MessageKind, body: &[u8], tx: &mut Vec<u8>) -> io::Result<()> {
    tx.resize(body.len() + 14, 0);
    let len = transmitter.message(kind, body, tx).map_err(io::Error::other)?;
    tx.truncate(len);
    Ok(())
}
