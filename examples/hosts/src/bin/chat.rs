//! A chat room: everyone receives each message. Open http://127.0.0.1:9001/ in two browser windows.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin chat -- 127.0.0.1:9001 drop|close|wait
//!
//! A server does not mask, so a message has the same bytes for everyone: the program makes one frame and shares it.
//! After the handshake each connection is split, because its frames come from other tasks while its own task reads.
//! Each connection has a queue of 64 frames. The policy for a member whose queue is full is:
//!
//! * `drop`: that member does not get the message,
//! * `close`: end its connection with 1013 (try again later),
//! * `wait`: the sender waits, and so does everyone.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use barews::connection::{Event, MessageKind, Receiver, Reply, Transmitter, Written};
use barews::handshake::{OriginPolicy, ServerConfig};
use barews::wire::{CloseCode, FrameHeader, MAX_CONTROL_FRAME, Opcode, Rsv};
use barews::{ProtocolError, Server};
use hosts::websocket::{Options, handshake, or_page};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{interval, timeout};

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin); // for our own page
/// The maximum length of a message, with the member's name.
const LONGEST: usize = 16 << 10;
const QUEUE: usize = 64;
const PING: Duration = Duration::from_secs(20);
/// Timeout for the peer to accept a frame, and to end its connection.
const PATIENCE: Duration = Duration::from_secs(20);

const PAGE: &str = r#"<!doctype html><meta charset=utf-8><title>Chat</title><style>
body { font: 16px sans-serif; max-width: 40em; margin: 2em auto } #log { white-space: pre-wrap } input { width: 100% }
</style><div id=log></div><form><input placeholder="say something" autofocus></form><script>
const log = document.getElementById("log"), input = document.querySelector("input");
const show = line => { log.textContent += line + "\n"; input.scrollIntoView(); };
const socket = new WebSocket(`ws://${location.host}/`);
socket.onmessage = event => show(event.data);
socket.onclose = event => show(`(closed: ${event.code} ${event.reason})`);
document.querySelector("form").onsubmit = () => { socket.send(input.value); input.value = ""; return false; };
</script>"#;

#[derive(Clone, Copy)]
enum Policy {
    Drop,
    Close,
    Wait,
}

type Frame = Arc<[u8]>;

/// A member of the room, as other members see it.
#[derive(Clone)]
struct Member {
    queue: mpsc::Sender<Frame>,
    too_slow: Arc<Notify>,
}

struct Room {
    policy: Policy,
    members: Mutex<HashMap<u64, Member>>,
}

impl Room {
    fn members(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn say(&self, frame: Frame) {
        let members: Vec<_> = self.members().values().cloned().collect();
        for Member { queue, too_slow } in members {
            match (queue.try_send(Arc::clone(&frame)), self.policy) {
                (Err(TrySendError::Full(frame)), Policy::Wait) => {
                    let _gone = queue.send(frame).await;
                }
                (Err(TrySendError::Full(_)), Policy::Close) => too_slow.notify_one(),
                _ => {} // queued, dropped, or the member has left
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:9001".into());
    let policy = match args.next().as_deref() {
        None | Some("drop") => Policy::Drop,
        Some("close") => Policy::Close,
        Some("wait") => Policy::Wait,
        Some(_) => return Err(io::Error::other("the policy is drop, close or wait")),
    };
    let room = Arc::new(Room { policy, members: Mutex::default() });
    let listener = TcpListener::bind(address).await?;
    println!("http://{}/", listener.local_addr()?);
    for id in 0.. {
        let (stream, peer) = listener.accept().await?;
        let room = Arc::clone(&room);
        tokio::spawn(async move {
            if let Err(error) = serve(stream, &room, id).await {
                eprintln!("{peer}: {error}");
            }
            room.members().remove(&id);
        });
    }
    Ok(())
}

/// Returns the frame of a message, which every connection sends.
fn framed(text: &[u8]) -> Frame {
    let payload_len = text.len() as u64;
    let header =
        FrameHeader { fin: true, rsv: Rsv::NONE, opcode: Opcode::TEXT, masking_key: None, payload_len }.encode();
    [header.as_bytes(), text].concat().into()
}

async fn serve(mut stream: TcpStream, room: &Arc<Room>, id: u64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some((connection, unread)) = handshake(&mut stream, &HANDSHAKE, Options::default(), or_page(PAGE)).await?
    else {
        return Ok(());
    };
    let (queue, frames) = mpsc::channel(QUEUE);
    let (replies, replies_due) = mpsc::channel(1);
    let too_slow = Arc::new(Notify::new());
    room.members().insert(id, Member { queue, too_slow: Arc::clone(&too_slow) });

    let (receiver, transmitter) = connection.split();
    let (incoming, outgoing) = stream.into_split();
    let writing = tokio::spawn(write(outgoing, transmitter, replies_due, frames, too_slow));
    let read = read(incoming, receiver, unread, room, id, replies).await;
    room.members().remove(&id);
    // The reader knows the error of the protocol, which explains one of the writer.
    read.and(writing.await.map_err(io::Error::other)?)
}

async fn read(
    mut stream: OwnedReadHalf,
    mut receiver: Receiver<Server>,
    mut rx: Vec<u8>,
    room: &Room,
    id: u64,
    replies: mpsc::Sender<Reply>,
) -> io::Result<()> {
    let mut unread = rx.len();
    rx.resize(rx.len().max(4096), 0);
    let mut said = format!("{id}: ").into_bytes();
    let name = said.len();
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
                Some(Event::Data(chunk)) if said.len() + chunk.payload.len() > LONGEST => {
                    receiver.fail(ProtocolError::MessageTooBig); // 1009
                }
                Some(Event::Data(chunk)) if chunk.kind == MessageKind::Text => {
                    said.extend_from_slice(chunk.payload);
                    if chunk.last {
                        room.say(framed(&said)).await;
                        said.truncate(name);
                    }
                }
                Some(_) => {} // the room ignores binary messages
            }
        }
        // The writer sends Pings, so a live peer is never silent for this long.
        let read = timeout(2 * PING, stream.read(&mut rx));
        tokio::select! {
            read = read => {
                let read = read.unwrap_or_else(|late| Err(late.into()));
                unread = read.map_err(|late| receiver.error().map_or(late, io::Error::other))?;
                if unread == 0 {
                    return receiver.receive_eof().map_err(io::Error::other);
                }
            }
            () = replies.closed() => {
                // The writer has ended: it has sent our Close.
                let drained = async { while stream.read(&mut rx).await? > 0 {} Ok(()) };
                let drained = timeout(PATIENCE, drained).await.unwrap_or_else(|late| Err(late.into()));
                return receiver.error().map_or(drained, |error| Err(io::Error::other(error)));
            }
        }
    }
}

async fn write(
    mut stream: OwnedWriteHalf,
    mut transmitter: Transmitter<Server>,
    mut replies: mpsc::Receiver<Reply>,
    mut frames: mpsc::Receiver<Frame>,
    too_slow: Arc<Notify>,
) -> io::Result<()> {
    let mut pings = interval(PING);
    pings.tick().await; // the first tick is immediate
    let mut control = [0; MAX_CONTROL_FRAME];
    while !transmitter.close_sent() {
        let (written, frame) = tokio::select! {
            biased;
            reply = replies.recv() => {
                let Some(reply) = reply else { break };
                if reply.is_close() {
                    // RFC 6455 5.5.1: nothing can follow a Close, so send the queued messages first
                    frames.close();
                    while let Ok(frame) = frames.try_recv() {
                        timeout(PATIENCE, stream.write_all(&frame)).await??;
                    }
                }
                (transmitter.write_reply(&reply, &mut control), None)
            }
            () = too_slow.notified() => {
                (transmitter.write_close(CloseCode::TRY_AGAIN_LATER, "you read too slowly", &mut control), None)
            }
            frame = frames.recv() => match frame {
                Some(frame) => (Ok(Written(0)), Some(frame)),
                None => break,
            },
            _ = pings.tick() => (transmitter.write_ping(b"", &mut control), None),
        };
        // The shared frame does not pass through the transmitter. That is valid between the transmitter's frames, which
        // are all control frames here, so no message is in progress.
        let bytes = frame.as_deref().unwrap_or(&control[..written.map_err(io::Error::other)?.len()]);
        timeout(PATIENCE, stream.write_all(bytes)).await??;
    }
    stream.shutdown().await
}
