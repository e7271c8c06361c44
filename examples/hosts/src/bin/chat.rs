//! A chat room on axum, with barews-tokio: everyone receives each message. Open http://127.0.0.1:9001/ in two browser
//! windows.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin chat -- 127.0.0.1:9001 drop|close|wait
//!
//! A server does not mask, so a message has the same bytes for everyone: `Prepared` makes its frame once. Each
//! connection is split: one task reads, the other writes what the room says. Each has a queue of 64 messages. The policy
//! for a member whose queue is full is:
//!
//! * `drop`: that member does not get the message,
//! * `close`: end its connection with 1013 (try again later),
//! * `wait`: the sender waits, and so does everyone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::response::{Html, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use barews_tokio::{CloseCode, CloseFrame, Config, Error, Message, Prepared, WebSocket, WebSocketUpgrade, Writer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, error::TrySendError};

/// The maximum length of a message.
const LONGEST: u64 = 16 << 10;
const QUEUE: usize = 64;

const PAGE: &str = r#"<!doctype html><meta charset=utf-8><title>Chat</title><style>
body { font: 16px sans-serif; max-width: 40em; margin: 2em auto } #log { white-space: pre-wrap } input { width: 100% }
</style><div id=log></div><form><input placeholder="say something" autofocus></form><script>
const log = document.getElementById("log"), input = document.querySelector("input");
const show = line => { log.textContent += line + "\n"; input.scrollIntoView(); };
const socket = new WebSocket(`ws://${location.host}/room`);
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

/// A member of the room, as other members see it.
#[derive(Clone)]
struct Member {
    queue: mpsc::Sender<Prepared>,
    too_slow: Arc<Notify>,
}

struct Room {
    policy: Policy,
    members: Mutex<HashMap<u64, Member>>,
    ids: AtomicU64,
}

impl Room {
    fn members(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn say(&self, message: Prepared) {
        let members: Vec<_> = self.members().values().cloned().collect();
        for Member { queue, too_slow } in members {
            match (queue.try_send(message.clone()), self.policy) {
                (Err(TrySendError::Full(message)), Policy::Wait) => {
                    let _gone = queue.send(message).await;
                }
                (Err(TrySendError::Full(_)), Policy::Close) => too_slow.notify_one(),
                _ => {} // queued, dropped, or the member has left
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:9001".into());
    let policy = match args.next().as_deref() {
        None | Some("drop") => Policy::Drop,
        Some("close") => Policy::Close,
        Some("wait") => Policy::Wait,
        Some(_) => return Err("the policy is drop, close or wait".into()),
    };
    let room = Arc::new(Room { policy, members: Mutex::default(), ids: AtomicU64::new(0) });
    let listener = TcpListener::bind(address).await?;
    println!("http://{}/", listener.local_addr()?);
    let routes = Router::new().route("/", get(Html(PAGE))).route("/room", get(join)).with_state(room);
    let listener = listener.tap_io(|stream| {
        let _works_without = stream.set_nodelay(true); // messages are short
    });
    Ok(axum::serve(listener, routes).await?)
}

async fn join(State(room): State<Arc<Room>>, upgrade: WebSocketUpgrade) -> Response {
    // Only pages of this server. What everyone gets is not compressed.
    let config = Config { max_message_size: LONGEST, compression: None, ..Config::default() };
    upgrade.same_origin().config(config).on_upgrade(|socket| async move {
        let id = room.ids.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = serve(socket, &room, id).await {
            eprintln!("member {id}: {error}");
        }
    })
}

async fn serve<S>(socket: WebSocket<S>, room: &Room, id: u64) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (writer, mut reader) = socket.split();
    let (queue, messages) = mpsc::channel(QUEUE);
    let too_slow = Arc::new(Notify::new());
    room.members().insert(id, Member { queue, too_slow: Arc::clone(&too_slow) });
    let writing = tokio::spawn(write(writer, messages, too_slow));
    let read = loop {
        match reader.next().await {
            Some(Ok(Message::Text(text))) => {
                room.say(Prepared::text(format!("{id}: {}", text.as_str()))).await;
            }
            Some(Ok(_)) => {} // the room ignores binary messages
            Some(Err(error)) => break Err(error),
            None => break Ok(()),
        }
    };
    room.members().remove(&id); // closes the queue
    let written = writing.await.unwrap_or(Ok(()));
    read.and(match written {
        Err(Error::Closed) => Ok(()), // the member has left before its last messages
        written => written,
    })
}

/// Writes until the member has left or is too slow.
async fn write<O: AsyncWrite + Unpin>(
    mut writer: Writer<O>,
    mut messages: mpsc::Receiver<Prepared>,
    too_slow: Arc<Notify>,
) -> Result<(), Error> {
    loop {
        tokio::select! {
            biased;
            () = too_slow.notified() => {
                return writer.close(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "you read too slowly")).await;
            }
            message = messages.recv() => match message {
                Some(message) => writer.send_prepared(&message).await?,
                None => return Ok(()),
            },
        }
    }
}
