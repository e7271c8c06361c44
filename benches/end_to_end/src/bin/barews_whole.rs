//! Echo servers of whole messages on tokio with barews: `barews_whole PORT [MODE]`.
//!
//! All connections share one read buffer, and the answers to the bytes of one read are written together. `deflate` uses
//! one deflater for all connections, which is possible without context takeover. `broadcast` makes one frame for all
//! receivers. `barews_socket` is the other server of ours on tokio.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use barews::connection::{Chunk, Config, Connection, Transport};
use barews::deadlines::Timeouts;
use barews::deflate::{Deflater, Direction, Inflater, Level, MAX_RESPONSE, Parameters, RSV1};
use barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews::message::Message;
use barews::session::{Event, Session};
use barews::wire::{FrameHeader, Opcode, Rsv};
use barews::{Append, ProtocolError, SendError};
use end_to_end::{Hub, Io, Options, Result, Server};
use tokio::io::{AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout_at};

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any); // an echo has no secrets
/// The longest message.
const LIMITS: Config = Config::DEFAULT;
const READ_SIZE: usize = 256 << 10;
/// Without context takeover, as the load offers it.
const INDEPENDENT: Direction = Direction { no_context_takeover: true, ..Direction::DEFAULT };

type Frame = Arc<[u8]>;
static HUB: Hub<Frame> = Hub::new();

thread_local! {
    static RX: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_SIZE]);
    static DEFLATER: RefCell<(Deflater<Vec<u8>>, Vec<u8>)> = RefCell::new((
        Deflater::new(vec![0; Level::LARGE.memory(INDEPENDENT.window_size())], Level::LARGE, INDEPENDENT, 32),
        Vec::new(),
    ));
}

fn main() -> Result {
    end_to_end::run::<Barews>()
}

#[derive(Clone, Copy)]
struct Barews(Options);

impl Server for Barews {
    const NAME: &str = "barews_whole";

    fn new(options: Options) -> Self {
        Self(options)
    }

    async fn serve(self, stream: impl Io) -> Result {
        let Options { deflate, broadcast, .. } = self.0;
        let mut peer = Peer {
            stream,
            session: Session::server(&HANDSHAKE, [0; 1024], Timeouts::MILLISECONDS, 0),
            incoming: Vec::new(),
            inflater: None,
            deflate,
            broadcast,
            tx: Vec::new(),
            start: Instant::now(),
        };
        let mut frames = broadcast.then(|| HUB.join());
        while !peer.turn(&mut frames).await? {}
        Ok(())
    }
}

struct Peer<S> {
    stream: S,
    session: Session<'static, barews::Server, [u8; 1024]>,
    /// A message that did not arrive in one piece. A `MessageBuffer` does not grow, so each connection would need one of
    /// the longest message.
    incoming: Vec<u8>,
    /// Set if the connection is compressed, with the memory for a piece.
    inflater: Option<(Inflater<Vec<u8>>, Vec<u8>)>,
    deflate: bool,
    broadcast: bool,
    tx: Vec<u8>,
    start: Instant,
}

impl<S: Io> Peer<S> {
    /// Waits for bytes, for a frame of a broadcast or for a deadline, and writes all answers. Returns true at the end.
    async fn turn(&mut self, frames: &mut Option<UnboundedReceiver<Frame>>) -> Result<bool> {
        let due = self.start + Duration::from_millis(self.session.poll_timeout().unwrap_or(u64::MAX));
        let over = match frames {
            None => self.read(due).await?,
            Some(frames) => {
                // A frame of a broadcast does not pass through the session. That is valid because no message of our own
                // is in progress.
                let frame = tokio::select! {
                    frame = frames.recv() => frame,
                    over = self.read(due) => if over? { return Ok(true) } else { None },
                };
                if let Some(frame) = &frame {
                    self.tx.extend_from_slice(frame);
                }
                while let Ok(frame) = frames.try_recv() {
                    self.tx.extend_from_slice(&frame);
                }
                false
            }
        };
        if !self.tx.is_empty() {
            self.stream.write_all(&self.tx).await?;
            self.stream.flush().await?;
            self.tx.clear();
            self.tx.shrink_to(READ_SIZE);
        }
        if self.session.transport() == Transport::HalfClose {
            let _gone = self.stream.shutdown().await;
        }
        Ok(over)
    }

    /// Reads once and receives the bytes. Reading is safe to cancel.
    async fn read(&mut self, due: Instant) -> Result<bool> {
        let read = std::future::poll_fn(|context| {
            RX.with_borrow_mut(|rx| {
                let mut buffer = ReadBuf::new(rx);
                ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
                let now = self.start.elapsed().as_millis() as u64;
                let bytes = buffer.filled_mut();
                if bytes.is_empty() {
                    self.session.receive_eof(now);
                }
                Poll::Ready(self.receive(bytes, now))
            })
        });
        match timeout_at(due, read).await {
            Ok(over) => over,
            Err(_due) => self.receive(&mut [], self.start.elapsed().as_millis() as u64),
        }
    }

    /// Appends the answers to `tx`. Returns true at the end of the session.
    fn receive(&mut self, mut bytes: &mut [u8], now: u64) -> Result<bool> {
        loop {
            let received = self.session.receive(bytes, now);
            bytes = received.rest;
            match received.event {
                Some(Event::Data(chunk)) => {
                    if let Err(error) = self.data(chunk, now) {
                        self.session.fail(error);
                    }
                    continue;
                }
                Some(Event::Request) => self.accept()?,
                Some(Event::Failed(error)) => eprintln!("barews_whole: {error}"),
                Some(Event::Over) => return Ok(true),
                Some(_) => {}
                None => {
                    self.drain();
                    return Ok(false);
                }
            }
            self.drain();
        }
    }

    fn drain(&mut self) {
        while self.tx.append_up_to(512, |out| self.session.poll_transmit(out)) > 0 {}
    }

    fn accept(&mut self) -> Result {
        let mut value = [0; MAX_RESPONSE];
        let limits = Parameters { server: INDEPENDENT, client: INDEPENDENT };
        let agreed = match self.session.request() {
            Some(request) if self.deflate => limits.accept(request.extensions(), &mut value)?,
            _ => None,
        };
        let (agreed, extensions) = agreed.unzip();
        let accept = Accept { extensions: extensions.unwrap_or(""), ..Accept::default() };
        let extension_rsv = if agreed.is_some() { RSV1 } else { Rsv::NONE };
        self.session.accept(&accept, &Config { extension_rsv, ..LIMITS })?;
        self.inflater = agreed.map(|Parameters { client, .. }| {
            (Inflater::new(vec![0; client.window_size()], client, LIMITS.max_message_size), vec![0; 4096])
        });
        Ok(())
    }

    /// Answers the message that ends with this chunk, if one does.
    fn data(&mut self, mut chunk: Chunk<'_>, now: u64) -> std::result::Result<(), ProtocolError> {
        let Self { session, incoming, inflater, tx, broadcast, .. } = self;
        let Some((inflater, piece)) = inflater else {
            match join(incoming, chunk) {
                Some(message) if *broadcast => HUB.say(&frame(&message)),
                Some(message) => {
                    let _after_our_close = session.sender(now).and_then(|connection| echo(connection, message, tx));
                }
                None => {}
            }
            return Ok(());
        };
        while let Some(piece) = inflater.inflate(&mut chunk, piece)? {
            if let Some(message) = join(incoming, piece) {
                let _after_our_close =
                    session.sender(now).and_then(|connection| echo_deflated(connection, message, tx));
            }
        }
        Ok(())
    }
}

/// Returns the message that ends with this chunk: in place if it is in one piece.
fn join<'a>(incoming: &'a mut Vec<u8>, chunk: Chunk<'a>) -> Option<Message<'a>> {
    let Chunk { kind, first, last, payload, .. } = chunk;
    if first && last {
        return Some(Message { kind, payload });
    }
    if first {
        incoming.clear();
    }
    incoming.extend_from_slice(payload);
    last.then_some(Message { kind, payload: incoming })
}

/// Returns the frame that every receiver gets.
fn frame(message: &Message<'_>) -> Frame {
    let payload_len = message.payload.len() as u64;
    let header =
        FrameHeader { fin: true, rsv: Rsv::NONE, opcode: Opcode::BINARY, masking_key: None, payload_len }.encode();
    [header.as_bytes(), message.payload].concat().into()
}

type Sent = std::result::Result<(), SendError>;

fn echo(connection: &mut Connection<barews::Server>, message: Message<'_>, tx: &mut Vec<u8>) -> Sent {
    let header = connection.frame(message.kind, true, message.payload)?;
    tx.extend_from_slice(header.as_bytes());
    tx.extend_from_slice(message.payload);
    Ok(())
}

fn echo_deflated(connection: &mut Connection<barews::Server>, message: Message<'_>, tx: &mut Vec<u8>) -> Sent {
    DEFLATER.with_borrow_mut(|(deflater, out)| {
        if out.len() < message.payload.len() {
            out.resize(message.payload.len(), 0);
        }
        let (rsv, payload) = match deflater.deflate_message(message.payload, out) {
            Some(deflated) => (RSV1, deflated),
            None => (Rsv::NONE, message.payload),
        };
        let header = connection.begin_frame_with_rsv(message.kind, true, rsv, payload.len() as u64)?;
        connection.mask_payload(payload)?;
        tx.extend_from_slice(header.as_bytes());
        tx.extend_from_slice(payload);
        Ok(())
    })
}
