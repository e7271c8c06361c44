//! The sending half: what waits to be written, in the order in which it must be sent.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use barews::SendError;
use barews::connection::{MessageKind, Reply};
use barews::deflate::{Deflater, RSV1};
use barews::wire::{MAX_CONTROL_FRAME, Rsv};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::task::AtomicWaker;
use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep, sleep};

use crate::config::{Agreed, Compression};
use crate::engine::Transmit;
use crate::error::Timeout;
use crate::{Chunk, CloseFrame, Config, Error, Message, Prepared};

/// Payloads from this length on are not copied into the buffer of frames.
const LARGE: usize = 8 << 10;
/// How much of a large message is masked or compressed at a time.
const PIECE: usize = 64 << 10;

/// The tasks of both halves. A transport remembers only the task that polled it last, and either half can write what
/// the other waits for, so both tasks are woken.
#[derive(Default)]
pub(crate) struct Tasks {
    pub(crate) reader: AtomicWaker,
    pub(crate) writer: AtomicWaker,
}

impl Wake for Tasks {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reader.wake();
        self.writer.wake();
    }
}

/// A message, or a chunk of one, that is sent in pieces.
struct Body {
    kind: MessageKind,
    /// What is still to be put into frames and, for a server, the rest of the current frame before it.
    data: Bytes,
    /// How many bytes of `data` belong to the current frame.
    in_frame: usize,
    /// Whether the last frame ends the message.
    last: bool,
    /// Whether the message is compressed, and whether its first frame is still to come.
    deflated: bool,
    first: bool,
}

pub(crate) struct Tx {
    transmitter: Transmit,
    /// Encoded frames.
    out: BytesMut,
    /// The message after them.
    body: Option<Body>,
    /// A message is being sent chunk by chunk; whether it is compressed.
    in_message: bool,
    message_kind: MessageKind,
    message_deflated: bool,
    reply: Option<Reply>,
    ping: Option<[u8; 4]>,
    /// Our Close, after the messages before it.
    close: Option<Option<CloseFrame>>,
    /// Bytes were written and not flushed.
    dirty: bool,
    /// The transport has failed; reported once by a send call.
    broken: Option<io::ErrorKind>,
    /// The peer accepted no bytes for [`Timeouts::send`](crate::Timeouts::send).
    timed_out: bool,
    /// Nothing more can be sent: the peer has closed, or the connection has failed or is over.
    pub(crate) ended: bool,
    /// A message that was queued was dropped because of that; reported by the next flush.
    lost: bool,
    shut: bool,
    /// The transport has made bytes wait.
    blocked: bool,
    /// When it accepted bytes after that, and when a message was sent, in milliseconds: for the deadlines.
    written_at: Option<u64>,
    sent_at: Option<u64>,
    /// Whether there is an idle timeout.
    watches_idle: bool,
    stall: Option<Pin<Box<Sleep>>>,
    /// Whether `stall` runs.
    stalled: bool,
    send_timeout: Option<Duration>,
    agreed: Option<Agreed>,
    deflater: Option<Box<Deflater<Vec<u8>>>>,
    deflated: Vec<u8>,
    fragment_size: usize,
    write_buffer: usize,
    start: Instant,
    pub(crate) tasks: Arc<Tasks>,
    waker: Waker,
}

/// What the receiving half needs to know after a write.
pub(crate) struct Written {
    /// Whether all is written and flushed, or never will be.
    pub(crate) done: bool,
    pub(crate) close_sent: bool,
    pub(crate) shut: bool,
    pub(crate) broken: Option<io::ErrorKind>,
    pub(crate) timed_out: bool,
    pub(crate) written_at: Option<u64>,
    pub(crate) sent_at: Option<u64>,
}

impl Tx {
    pub(crate) fn new(transmitter: Transmit, config: &Config, agreed: Option<Agreed>, start: Instant) -> Self {
        let tasks = Arc::new(Tasks::default());
        Self {
            transmitter,
            out: BytesMut::new(),
            body: None,
            in_message: false,
            message_kind: MessageKind::Binary,
            message_deflated: false,
            reply: None,
            ping: None,
            close: None,
            dirty: false,
            broken: None,
            timed_out: false,
            ended: false,
            lost: false,
            shut: false,
            blocked: false,
            written_at: None,
            sent_at: None,
            watches_idle: config.timeouts.idle.is_some(),
            stall: None,
            stalled: false,
            send_timeout: config.timeouts.send,
            agreed,
            deflater: None,
            deflated: Vec::new(),
            fragment_size: config.fragment_size.max(1),
            write_buffer: config.write_buffer,
            start,
            waker: Waker::from(Arc::clone(&tasks)),
            tasks,
        }
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_idle(&self) -> bool {
        self.out.is_empty()
            && self.body.is_none()
            && self.reply.is_none()
            && self.ping.is_none()
            && self.close.is_none()
            && !self.dirty
    }

    /// Whether another message can be queued now.
    fn has_room(&self) -> bool {
        self.body.is_none() && self.out.len() < self.write_buffer.max(1)
    }

    fn check_open(&self) -> Result<(), Error> {
        if self.ended
            || self.close.is_some()
            || self.broken.is_some()
            || self.timed_out
            || self.transmitter.close_sent()
        {
            return Err(Error::Closed);
        }
        // A `Sink` whose `poll_ready` was not asked: what follows must not get into this message.
        if self.body.is_some() { Err(Error::Send(SendError::FrameInProgress)) } else { Ok(()) }
    }

    /// Queues a message. Call it when [`poll_ready`](Self::poll_ready) is ready.
    pub(crate) fn start_send(&mut self, message: Message) -> Result<(), Error> {
        match message {
            Message::Text(text) => self.start_message(MessageKind::Text, text.into_bytes()),
            Message::Binary(data) => self.start_message(MessageKind::Binary, data),
            Message::Ping(data) => self.control(|tx, out| tx.write_ping(&data, out)),
            Message::Pong(data) => self.control(|tx, out| tx.write_pong(&data, out)),
            Message::Close(close) => self.start_close(close),
        }
    }

    fn control(
        &mut self,
        write: impl FnOnce(&mut Transmit, &mut [u8]) -> Result<barews::connection::Written, SendError>,
    ) -> Result<(), Error> {
        self.check_open()?;
        let mut frame = [0; MAX_CONTROL_FRAME];
        let len = write(&mut self.transmitter, &mut frame)?.len();
        self.out.extend_from_slice(&frame[..len]);
        Ok(())
    }

    fn start_message(&mut self, kind: MessageKind, data: Bytes) -> Result<(), Error> {
        self.check_open()?;
        if self.in_message {
            return Err(Error::MessageInProgress);
        }
        self.start_body(kind, data, true, true)
    }

    /// Queues a chunk of a message.
    pub(crate) fn start_chunk(&mut self, chunk: Chunk) -> Result<(), Error> {
        self.check_open()?;
        let first = !self.in_message;
        let Chunk { kind, data, last } = chunk;
        if !first && kind != self.message_kind {
            return Err(Error::MessageInProgress);
        }
        self.start_body(kind, data, first, last)?;
        (self.in_message, self.message_kind) = (!last, kind);
        Ok(())
    }

    /// Queues a prepared message.
    pub(crate) fn start_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        let Prepared { kind, frame, header } = prepared;
        if !self.transmitter.is_server() || frame.len() - header > self.fragment_size {
            self.check_open()?;
            if self.in_message {
                return Err(Error::MessageInProgress);
            }
            return self.start_frames(*kind, frame.slice(*header..), true, true);
        }
        self.check_open()?;
        if self.in_message {
            return Err(Error::MessageInProgress);
        }
        self.note_message();
        let payload = &frame[*header..];
        let _same = self.transmitter.begin_frame(*kind, true, Rsv::NONE, payload.len())?;
        self.transmitter.count_payload(payload)?;
        if frame.len() < LARGE {
            self.out.extend_from_slice(frame);
        } else {
            let (kind, in_frame) = (*kind, frame.len());
            let data = frame.clone();
            self.body = Some(Body { kind, data, in_frame, last: true, deflated: false, first: false });
        }
        Ok(())
    }

    fn note_message(&mut self) {
        if self.watches_idle {
            self.sent_at = Some(self.now());
        }
    }

    fn start_body(&mut self, kind: MessageKind, data: Bytes, first: bool, last: bool) -> Result<(), Error> {
        let Some(agreed) = self.agreed else { return self.start_frames(kind, data, first, last) };
        if first {
            self.message_deflated = data.len() >= agreed.threshold.max(1) || !last;
        }
        if !self.message_deflated {
            return self.start_frames(kind, data, first, last);
        }
        if !(first && last && data.len() <= PIECE) {
            self.note_message();
            self.body = Some(Body { kind, data, in_frame: 0, last, deflated: true, first });
            return Ok(());
        }
        self.note_message();
        // A message that does not get shorter is sent as it is.
        self.deflated.resize(data.len(), 0);
        let deflater = self.deflater.get_or_insert_with(|| Box::new(deflater(&agreed)));
        let Some(deflated) = deflater.deflate_message(&data, &mut self.deflated) else {
            return self.start_frames(kind, data, first, last);
        };
        let header = self.transmitter.begin_frame(kind, true, RSV1, deflated.len())?;
        self.out.extend_from_slice(header.as_bytes());
        self.transmitter.mask_payload(deflated)?;
        self.out.extend_from_slice(deflated);
        Ok(())
    }

    fn start_frames(&mut self, kind: MessageKind, data: Bytes, first: bool, last: bool) -> Result<(), Error> {
        self.note_message();
        if data.len() >= LARGE || data.len() > self.fragment_size {
            self.body = Some(Body { kind, data, in_frame: 0, last, deflated: false, first });
            return Ok(());
        }
        let header = self.transmitter.begin_frame(kind, last, Rsv::NONE, data.len())?;
        self.out.extend_from_slice(header.as_bytes());
        self.append_payload(&data)
    }

    /// Appends payload of the current frame to the buffer.
    fn append_payload(&mut self, part: &[u8]) -> Result<(), Error> {
        let start = self.out.len();
        self.out.extend_from_slice(part);
        Ok(self.transmitter.mask_payload(&mut self.out[start..])?)
    }

    /// Queues our Close after the messages before it.
    pub(crate) fn start_close(&mut self, close: Option<CloseFrame>) -> Result<(), Error> {
        if let Some(close) = &close {
            barews::wire::CloseFrame::new(close.code, &close.reason).map_err(Error::Send)?;
            if self.transmitter.is_server() && close.code == barews::wire::CloseCode::MANDATORY_EXTENSION {
                return Err(Error::Send(SendError::CloseCode)); // RFC 6455 7.4.1: only a client sends it
            }
        }
        if !self.ended && self.close.is_none() && !self.transmitter.close_sent() {
            self.close = Some(close);
        }
        Ok(())
    }

    /// Queues the answer to a control frame or to an error. A Pong goes before the messages that are queued after it.
    /// If too much is queued, a newer Pong replaces it, so that a flood of Pings takes no memory.
    pub(crate) fn reply(&mut self, reply: Reply) {
        self.ended |= reply.is_close();
        self.reply = Some(reply);
        let is_in_frame = self.body.as_ref().is_some_and(|body| body.in_frame > 0);
        if !self.ended && !is_in_frame && self.out.len() < self.write_buffer {
            let _queued = self.fill();
        }
    }

    pub(crate) fn ping(&mut self, payload: [u8; 4]) {
        self.ping = Some(payload);
    }

    /// Puts what is due next into `out`. Returns false if there is nothing.
    fn fill(&mut self) -> Result<bool, Error> {
        if self.body.as_ref().is_some_and(|body| body.in_frame > 0) {
            return self.fill_frame();
        }
        let mut frame = [0; MAX_CONTROL_FRAME];
        let transmitter = &mut self.transmitter;
        let len = if let Some(reply) = self.reply.take() {
            transmitter.write_reply(&reply, &mut frame)?.len()
        } else if transmitter.close_sent() {
            0
        } else if let Some(payload) = self.ping.take() {
            transmitter.write_ping(&payload, &mut frame)?.len()
        } else if self.body.is_some() && !self.ended {
            return self.begin_frame();
        } else {
            match self.close.take() {
                Some(Some(close)) => transmitter.write_close(close.code, &close.reason, &mut frame)?.len(),
                Some(None) => transmitter.write_close_without_status(&mut frame)?.len(),
                None => 0,
            }
        };
        self.out.extend_from_slice(&frame[..len]);
        if self.transmitter.close_sent() || self.ended {
            self.tasks.reader.wake(); // the time for closing starts
            self.lost |= self.body.is_some();
            (self.body, self.close, self.ping) = (None, None, None); // nothing follows a Close
        }
        Ok(len > 0)
    }

    /// A client: masks the next piece of the current frame.
    fn fill_frame(&mut self) -> Result<bool, Error> {
        let Some(body) = &mut self.body else { return Ok(false) };
        let piece = body.data.split_to(body.in_frame.min(PIECE));
        body.in_frame -= piece.len();
        self.append_payload(&piece)?;
        self.finish_body();
        Ok(true)
    }

    /// Begins the next frame of a large message.
    fn begin_frame(&mut self) -> Result<bool, Error> {
        let Some(body) = &mut self.body else { return Ok(false) };
        if body.deflated {
            return self.begin_deflated();
        }
        let len = body.data.len().min(self.fragment_size);
        let fin = body.last && len == body.data.len();
        let header = self.transmitter.begin_frame(body.kind, fin, Rsv::NONE, len)?;
        self.out.extend_from_slice(header.as_bytes());
        (body.in_frame, body.first) = (len, false);
        if self.transmitter.is_server() {
            self.transmitter.count_payload(&body.data[..len])?;
            self.finish_body();
        } else if len > 0 {
            return self.fill_frame();
        }
        self.finish_body();
        Ok(true)
    }

    /// Compresses the next piece of a large message, as one fragment.
    fn begin_deflated(&mut self) -> Result<bool, Error> {
        let (Some(body), Some(agreed)) = (&mut self.body, self.agreed) else { return Ok(false) };
        let deflater = self.deflater.get_or_insert_with(|| Box::new(deflater(&agreed)));
        let piece = body.data.split_to(body.data.len().min(PIECE));
        let last = body.last && body.data.is_empty();
        self.deflated.resize(piece.len() + 64, 0); // 5 bytes for each 65,535, and 6 more
        let part = deflater.deflate_part(&piece, last, &mut self.deflated)?;
        let rsv = if std::mem::take(&mut body.first) { RSV1 } else { Rsv::NONE };
        let header = self.transmitter.begin_frame(body.kind, last, rsv, part.len())?;
        self.out.extend_from_slice(header.as_bytes());
        self.transmitter.mask_payload(part)?;
        self.out.extend_from_slice(part);
        self.finish_body();
        Ok(true)
    }

    /// Forgets a message of which everything is in frames.
    fn finish_body(&mut self) {
        if self.body.as_ref().is_some_and(|body| body.in_frame == 0 && body.data.is_empty()) {
            self.body = None;
        }
    }

    /// Writes until nothing is due, and flushes.
    fn poll_write<W: AsyncWrite + Unpin>(&mut self, io: &mut W) -> Poll<Result<(), Error>> {
        if self.is_idle() {
            return Poll::Ready(Ok(()));
        }
        let waker = self.waker();
        let cx = &mut Context::from_waker(&waker);
        let mut io = Pin::new(io);
        loop {
            // A server writes a large payload from where it is.
            let direct = match &self.body {
                Some(body) if self.transmitter.is_server() => &body.data[..body.in_frame],
                _ => &[],
            };
            if self.out.is_empty() && direct.is_empty() {
                if self.fill()? {
                    continue;
                }
                break;
            }
            let polled = if direct.is_empty() {
                io.as_mut().poll_write(cx, &self.out)
            } else if self.out.is_empty() {
                io.as_mut().poll_write(cx, direct)
            } else {
                io.as_mut().poll_write_vectored(cx, &[IoSlice::new(&self.out), IoSlice::new(direct)])
            };
            let Poll::Ready(written) = polled else {
                self.blocked = true;
                return Poll::Pending;
            };
            let written = match written? {
                0 => return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into())),
                written => written,
            };
            if std::mem::take(&mut self.blocked) {
                self.written_at = Some(self.now());
                self.stalled = false;
            }
            self.dirty = true;
            let of_out = written.min(self.out.len());
            self.out.advance(of_out);
            if let Some(body) = &mut self.body
                && written > of_out
            {
                body.data.advance(written - of_out);
                body.in_frame -= written - of_out;
                self.finish_body();
            }
        }
        self.out.clear();
        if self.dirty {
            ready!(io.poll_flush(cx))?;
            self.dirty = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Drops output that cannot be sent any more.
    fn discard(&mut self) {
        self.lost |= self.body.is_some() || !self.out.is_empty();
        self.out.clear();
        (self.body, self.reply, self.ping, self.close, self.dirty) = (None, None, None, None, false);
    }

    /// Notes that the transport takes nothing more.
    fn break_off(&mut self, error: &Error) {
        self.broken = Some(if let Error::Io(error) = error { error.kind() } else { io::ErrorKind::Other });
        self.discard();
        self.tasks.reader.wake();
    }

    /// Ends the connection for the sending half.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.discard();
        self.tasks.writer.wake();
    }

    /// Writes what is due, for the receiving half.
    pub(crate) fn write<W: AsyncWrite + Unpin>(&mut self, io: &mut W) -> Written {
        let writer_waits = self.stalled;
        let polled = self.poll_write(io);
        if writer_waits && polled.is_ready() {
            self.tasks.writer.wake(); // the transport need not wake it for what it accepted in this task
        }
        if let Poll::Ready(Err(error)) = &polled {
            self.break_off(error);
        }
        Written {
            done: polled.is_ready(),
            close_sent: self.transmitter.close_sent(),
            shut: self.shut,
            broken: self.broken,
            timed_out: self.timed_out,
            written_at: self.written_at.take(),
            sent_at: self.sent_at.take(),
        }
    }

    /// Shuts down the writing side of the transport.
    pub(crate) fn poll_shutdown<W: AsyncWrite + Unpin>(&mut self, io: &mut W) -> Poll<()> {
        let waker = self.waker();
        let _gone = ready!(Pin::new(io).poll_shutdown(&mut Context::from_waker(&waker)));
        self.shut = true;
        Poll::Ready(())
    }

    /// Returns whether another message can be queued; writes until that is so.
    pub(crate) fn poll_ready<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if self.has_room() {
            return Poll::Ready(Ok(()));
        }
        self.tasks.writer.register(cx.waker());
        match self.poll_send(io, cx) {
            Poll::Pending if self.has_room() => Poll::Ready(Ok(())),
            polled => polled,
        }
    }

    /// Writes everything that was queued.
    pub(crate) fn poll_flush<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        self.tasks.writer.register(cx.waker());
        self.poll_send(io, cx)
    }

    fn poll_send<W: AsyncWrite + Unpin>(&mut self, io: &mut W, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.broken.is_some() || self.timed_out {
            return Poll::Ready(Err(Error::Closed));
        }
        let had_output = !self.is_idle();
        match self.poll_write(io) {
            Poll::Ready(Ok(())) if std::mem::take(&mut self.lost) => Poll::Ready(Err(Error::Closed)),
            Poll::Ready(Ok(())) => {
                if had_output && self.transmitter.close_sent() {
                    self.tasks.reader.wake(); // it waits until the Close is written
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.break_off(&error);
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                let Some(patience) = self.send_timeout else { return Poll::Pending };
                let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(patience)));
                if !std::mem::replace(&mut self.stalled, true) {
                    stall.set(sleep(patience)); // any length: it does not overflow
                }
                ready!(stall.as_mut().poll(cx));
                self.timed_out = true;
                self.end();
                self.tasks.reader.wake();
                Poll::Ready(Err(Error::Timeout(Timeout::Send)))
            }
        }
    }

    /// Releases memory that a connection without traffic does not need.
    pub(crate) fn release(&mut self) {
        if self.is_idle() {
            (self.out, self.deflated) = (BytesMut::new(), Vec::new());
            (self.stall, self.stalled) = (None, false);
        }
    }
}

fn deflater(agreed: &Agreed) -> Deflater<Vec<u8>> {
    let level = Compression::LEVEL;
    Deflater::new(vec![0; level.memory(agreed.send.window_size())], level, agreed.send, agreed.threshold)
}
