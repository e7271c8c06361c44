//! The receiving half: one buffer, in which messages are decoded and joined.

use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use barews::ProtocolError;
use barews::connection::{Chunk as Decoded, Event, MessageKind};
use barews::deadlines::Deadlines;
use barews::deflate::{Inflater, RSV1};
use barews::wire::Rsv;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Agreed;
use crate::engine::Receive;
use crate::{Chunk, CloseFrame, Config, Error, Message, Utf8Bytes};

/// A connection without much traffic reads into this much stack and holds no buffer.
const SCRATCH: usize = 8 << 10;
/// How much is read at a time otherwise, unless a frame is longer.
const READ: usize = 64 << 10;
/// Messages from this length on are handed out in the buffer itself; shorter ones are copied, so that they do not keep
/// it.
const SPLIT: usize = 16 << 10;
/// The same in a buffer that was read ahead, which can be large.
const SPLIT_AHEAD: usize = 1 << 20;
/// A buffer from `SPLIT` up to this size is used again when the message that was handed out in it is dropped, because
/// the pages of a new one have to be mapped.
const REUSED: usize = 128 << 10;
/// The longest time that a timer is set for, in milliseconds: about a century.
const FAR: u64 = 1 << 41;

/// What the program asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Messages,
    Chunks,
}

/// What was received.
pub(crate) enum Item {
    Message(Message),
    Chunk(Chunk),
}

/// A chunk in the buffer.
struct Place {
    kind: MessageKind,
    first: bool,
    last: bool,
    rsv: Rsv,
    place: Range<usize>,
}

pub(crate) struct Rx {
    pub(crate) receiver: Receive,
    pub(crate) deadlines: Deadlines,
    pub(crate) start: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    /// When `timer` fires, in milliseconds.
    armed: u64,
    /// The message so far at `joined`, and bytes that the engine has not seen from `at` on.
    buf: BytesMut,
    joined: Range<usize>,
    at: usize,
    /// A chunk of the current message was handed out.
    handed_out: bool,
    /// The last read filled its space.
    busy: bool,
    /// The transport has ended.
    pub(crate) eof: bool,
    pub(crate) read_error: Option<io::Error>,
    /// `buf` has bytes that were read ahead.
    is_ahead: bool,
    agreed: Option<Agreed>,
    max_message_size: u64,
    read_ahead: usize,
    inflater: Option<Box<Inflater<Vec<u8>>>>,
    /// Whether the current message is compressed, the chunk of it that is being inflated, and what was inflated.
    is_compressed: bool,
    compressed: Option<Place>,
    inflated: BytesMut,
    /// The error that is returned when the transport is closed.
    pub(crate) error: Option<Error>,
    pub(crate) over: bool,
    pub(crate) round_trip: Option<Duration>,
}

impl Rx {
    /// `unread`: bytes that followed the opening handshake.
    pub(crate) fn new(
        receiver: Receive,
        config: &Config,
        agreed: Option<Agreed>,
        unread: BytesMut,
        start: Instant,
    ) -> Self {
        let mut deadlines = Deadlines::new(config.timeouts.engine(), 0);
        deadlines.on_open(0);
        Self {
            receiver,
            deadlines,
            start,
            timer: None,
            armed: 0,
            buf: unread,
            joined: 0..0,
            at: 0,
            handed_out: false,
            busy: false,
            eof: false,
            read_error: None,
            is_ahead: false,
            agreed,
            max_message_size: config.max_message_size,
            read_ahead: config.read_ahead,
            inflater: None,
            is_compressed: false,
            compressed: None,
            inflated: BytesMut::new(),
            error: None,
            over: false,
            round_trip: None,
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Whether the engine has seen all bytes.
    pub(crate) fn is_drained(&self) -> bool {
        self.at == self.buf.len() && self.compressed.is_none()
    }

    /// Whether the peer can send messages.
    pub(crate) fn is_receiving(&self) -> bool {
        self.error.is_none() && !self.receiver.close_received()
    }

    /// Returns the peer's Close frame.
    pub(crate) fn close_frame(&self) -> Option<CloseFrame> {
        let code = self.receiver.close_code().filter(|_| self.receiver.close_received())?;
        code.is_allowed().then(|| CloseFrame::new(code, self.receiver.close_reason()))
    }

    fn fail(&mut self, error: ProtocolError) {
        self.receiver.fail(error);
        self.error = self.error.take().or(Some(Error::Protocol(error)));
    }

    /// Decodes the bytes that were read up to the next item. Fails the connection if they break a rule: then `error` is
    /// set, and a reply is due.
    #[inline]
    pub(crate) fn decode(&mut self, mode: Mode) -> Option<Item> {
        while self.is_receiving() {
            if self.compressed.is_some() {
                match self.inflate(mode) {
                    Ok(None) => {}
                    Ok(item) => return item,
                    Err(error) => self.fail(error),
                }
                continue;
            }
            if self.at == self.buf.len() {
                break;
            }
            let end = self.buf.len();
            let received = match self.receiver.receive(&mut self.buf[self.at..]) {
                Ok(received) => received,
                Err(error) => {
                    self.fail(error);
                    break;
                }
            };
            self.at = end - received.rest.len();
            let item = match received.event {
                Some(Event::Data(Decoded { kind, first, last, rsv, payload })) => {
                    let place = self.at - payload.len()..self.at;
                    self.data(mode, Place { kind, first, last, rsv, place })
                }
                Some(Event::Ping) => Some(Item::Message(Message::Ping(self.control_payload()))),
                Some(Event::Pong) => self.pong(),
                Some(Event::Close(_)) => Some(Item::Message(Message::Close(self.close_frame()))),
                _ => None,
            };
            if item.is_some() {
                return item;
            }
        }
        None
    }

    fn control_payload(&self) -> Bytes {
        Bytes::copy_from_slice(self.receiver.control_payload())
    }

    /// Hands out a Pong, unless it answers a Ping of the keepalive.
    fn pong(&mut self) -> Option<Item> {
        let now = self.now();
        match self.deadlines.on_pong(self.receiver.control_payload(), now) {
            None => Some(Item::Message(Message::Pong(self.control_payload()))),
            Some(ms) => {
                self.round_trip = Some(Duration::from_millis(ms));
                None
            }
        }
    }

    /// Joins a chunk to its message, in the buffer.
    fn data(&mut self, mode: Mode, chunk: Place) -> Option<Item> {
        let has_rsv1 = chunk.rsv.contains(RSV1) && self.agreed.is_some();
        if chunk.first {
            self.is_compressed = has_rsv1;
            self.handed_out = false;
        } else if has_rsv1 && !self.is_compressed {
            self.fail(ProtocolError::ReservedBits); // RFC 7692 6.1: on the first frame only
            return None;
        }
        if self.is_compressed {
            self.compressed = Some(chunk);
            return None;
        }
        let Place { kind, first, last, place, .. } = chunk;
        if mode == Mode::Messages {
            if self.handed_out {
                return None; // the rest of a message that is read in chunks
            }
            // The fast path of many small messages in one read.
            if first && last && place.len() < SPLIT && self.at < self.buf.len() {
                return Some(message(kind, Bytes::copy_from_slice(&self.buf[place])));
            }
        }
        if self.joined.is_empty() {
            self.joined = place;
        } else {
            // A header was between the two, unless they are of the same frame.
            let end = self.joined.end;
            self.joined.end += place.len();
            if place.start != end {
                self.buf.copy_within(place, end);
            }
        }
        match mode {
            Mode::Messages if last => Some(message(kind, self.take())),
            Mode::Messages => None,
            Mode::Chunks => {
                self.handed_out = true;
                Some(Item::Chunk(Chunk { kind, data: self.take(), last }))
            }
        }
    }

    /// Takes what was joined.
    fn take(&mut self) -> Bytes {
        let Range { start, end } = std::mem::replace(&mut self.joined, 0..0);
        let (len, capacity) = (end - start, self.buf.capacity());
        let is_alone = self.at == self.buf.len() && len >= capacity / 2;
        if is_alone && !(SPLIT..=REUSED).contains(&capacity) {
            let mut whole = std::mem::take(&mut self.buf);
            self.at = 0;
            whole.truncate(end);
            whole.advance(start);
            return whole.freeze();
        }
        if is_alone || len >= if self.is_ahead { SPLIT_AHEAD } else { SPLIT } {
            self.buf.advance(start);
            let data = self.buf.split_to(len).freeze();
            self.buf.advance(self.at - end);
            self.at = 0;
            return data;
        }
        Bytes::copy_from_slice(&self.buf[start..end])
    }

    /// Drops the bytes that were handed out. Without this, a buffer into which more is read before it is empty would
    /// grow without limit.
    fn compact(&mut self) {
        let used = match &mut self.compressed {
            Some(part) => {
                let used = part.place.start;
                part.place = 0..part.place.len();
                used
            }
            None if self.joined.is_empty() => self.at,
            None => self.joined.start,
        };
        self.buf.advance(used);
        self.at -= used;
        self.joined = self.joined.start.saturating_sub(used)..self.joined.end.saturating_sub(used);
    }

    /// Inflates the next piece of the chunk.
    fn inflate(&mut self, mode: Mode) -> Result<Option<Item>, ProtocolError> {
        let (Some(part), Some(agreed)) = (&mut self.compressed, self.agreed) else { return Ok(None) };
        if part.place.is_empty() && !part.first && !part.last {
            self.compressed = None;
            return Ok(None);
        }
        let inflater = self.inflater.get_or_insert_with(|| {
            Box::new(Inflater::new(vec![0; agreed.receive.window_size()], agreed.receive, self.max_message_size))
        });
        let start = self.inflated.len();
        self.inflated.resize(start + (4 * part.place.len()).clamp(1 << 10, READ), 0);
        let payload = &mut self.buf[part.place.clone()];
        let mut chunk = Decoded { kind: part.kind, first: part.first, last: part.last, rsv: part.rsv, payload };
        let piece = inflater.inflate(&mut chunk, &mut self.inflated[start..])?;
        let piece = piece.map(|piece| (piece.payload.len(), piece.last));
        (part.first, part.last, part.rsv) = (chunk.first, chunk.last, chunk.rsv);
        part.place.start = part.place.end - chunk.payload.len();
        let kind = part.kind;
        let Some((len, last)) = piece else {
            self.inflated.truncate(start);
            self.compressed = None;
            return Ok(None);
        };
        self.inflated.truncate(start + len);
        match mode {
            Mode::Messages if self.handed_out => self.inflated.clear(),
            Mode::Messages if last => return Ok(Some(message(kind, self.take_inflated()))),
            Mode::Messages => {}
            Mode::Chunks => {
                self.handed_out = true;
                return Ok(Some(Item::Chunk(Chunk { kind, data: self.take_inflated(), last })));
            }
        }
        Ok(None)
    }

    fn take_inflated(&mut self) -> Bytes {
        if self.inflated.len() >= self.inflated.capacity() / 2 {
            return std::mem::take(&mut self.inflated).freeze();
        }
        let data = Bytes::copy_from_slice(&self.inflated);
        self.inflated.clear();
        data
    }

    /// Drops bytes that follow a Close frame or an error.
    pub(crate) fn discard(&mut self) {
        self.buf.clear();
        self.inflated = BytesMut::new();
        (self.at, self.joined, self.compressed) = (0, 0..0, None);
    }

    /// Reads from the transport when the engine has seen all bytes.
    pub(crate) fn poll_fill<I: AsyncRead + Unpin>(
        &mut self,
        io: &mut I,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.joined.is_empty() {
            self.buf.clear();
            if std::mem::take(&mut self.is_ahead) {
                self.buf = BytesMut::new(); // it can be as long as `read_ahead`
            }
        } else {
            self.buf.truncate(self.joined.end);
        }
        self.at = self.buf.len();
        self.compact();
        let in_frame = usize::try_from(self.receiver.unread_payload()).unwrap_or(usize::MAX);
        if self.buf.is_empty() && !self.busy && in_frame <= SCRATCH {
            let mut space = [MaybeUninit::uninit(); SCRATCH];
            let mut space = ReadBuf::uninit(&mut space);
            ready!(Pin::new(io).poll_read(cx, &mut space))?;
            let read = space.filled();
            self.busy = read.len() == SCRATCH;
            self.buf.extend_from_slice(read);
            return Poll::Ready(Ok(read.len()));
        }
        // The end of a long frame ends the read, so that its payload is alone in the buffer. The room grows with what
        // the peer has really sent.
        let is_long = in_frame >= SPLIT;
        let room = if is_long { in_frame.min(READ.max(3 * self.buf.len())) } else { READ };
        let len = ready!(self.read(io, cx, room))?;
        if !is_long {
            self.busy = len >= SCRATCH;
        }
        Poll::Ready(Ok(len))
    }

    fn read<I: AsyncRead + Unpin>(&mut self, io: &mut I, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        self.buf.reserve(room);
        let mut space = (&mut self.buf).limit(room);
        pin!(io.read_buf(&mut space)).poll(cx)
    }

    /// Reads while the peer does not accept what is sent, and keeps the bytes. Returns whether there were any.
    pub(crate) fn read_ahead<I: AsyncRead + Unpin>(&mut self, io: &mut I, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        self.compact();
        while self.is_receiving() && !self.eof && self.buf.len() - self.at < self.read_ahead {
            match self.read(io, cx, READ) {
                Poll::Pending => break,
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Ok(0)) => self.eof = true,
                Poll::Ready(Err(error)) => {
                    self.read_error = Some(error);
                    self.eof = true;
                }
            }
            (any, self.is_ahead) = (true, true);
        }
        if any {
            self.deadlines.on_bytes(self.now());
        }
        any
    }

    /// Waits for the next deadline.
    pub(crate) fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.deadlines.poll_timeout() else { return Poll::Pending };
        // One millisecond more, so that the clock has reached the deadline for certain.
        let at = self.start + Duration::from_millis(due.saturating_add(1).min(FAR));
        let timer = self.timer.get_or_insert_with(|| {
            self.armed = due;
            Box::pin(sleep_until(at))
        });
        // A timer that fires too early is set again then: that is cheaper than to set it after each read.
        if due < self.armed || timer.is_elapsed() {
            self.armed = due;
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx)
    }

    /// Releases memory that a connection without traffic does not need.
    pub(crate) fn release(&mut self) {
        if self.joined.is_empty() && self.is_drained() {
            self.buf = BytesMut::new();
            self.at = 0;
        }
        if self.inflated.is_empty() {
            self.inflated = BytesMut::new();
        }
        self.busy = false;
    }
}

/// Makes an item of the whole payload of a message that the engine, or the inflater, has reported to its end.
#[expect(unsafe_code, reason = "a received text is not validated twice")]
fn message(kind: MessageKind, data: Bytes) -> Item {
    Item::Message(match kind {
        // SAFETY: the engine validates a text while it receives it, the inflater one that was compressed. Either fails
        // the connection before the last chunk of a message that is not UTF-8. `data` has all chunks, unchanged.
        MessageKind::Text => Message::Text(unsafe { Utf8Bytes::from_validated(data) }),
        _ => Message::Binary(data),
    })
}

#[cfg(test)]
mod tests {
    use barews::deflate::Direction;
    use barews::{Connection, Server};

    use super::*;
    use crate::engine::Halves;

    /// A peer that writes the same frame without end, cut anywhere.
    struct Endless(&'static [u8], usize);

    impl AsyncRead for Endless {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            for _ in 0..out.remaining().min(100) {
                out.put_slice(&[self.0[self.1]]);
                self.1 = (self.1 + 1) % self.0.len();
            }
            Poll::Ready(Ok(()))
        }
    }

    fn rx(config: &Config, agreed: Option<Agreed>) -> Rx {
        let Halves(receiver, _) = Connection::new(Server, &config.engine(agreed.is_some())).into();
        Rx::new(receiver, config, agreed, BytesMut::new(), Instant::now())
    }

    /// Reads ahead between every two messages, as `send` does, so that the buffer is never empty.
    fn longest_buffer(agreed: Option<Agreed>, frame: &'static [u8]) -> usize {
        let config = Config { read_ahead: 1000, ..Config::default() };
        let (mut rx, mut peer) = (rx(&config, agreed), Endless(frame, 0));
        let mut longest = 0;
        for _ in 0..5000 {
            rx.read_ahead(&mut peer, &mut Context::from_waker(std::task::Waker::noop()));
            let Some(Item::Message(message)) = rx.decode(Mode::Messages) else { panic!("{:?}", rx.error) };
            assert_eq!(message, Message::binary(""));
            longest = longest.max(rx.buf.len());
        }
        longest
    }

    #[test]
    fn buffer_that_is_never_empty_does_not_grow() {
        assert!(longest_buffer(None, b"\x82\x80keys") < 1200);
        let both = Direction::DEFAULT;
        let agreed = Some(Agreed { send: both, receive: both, threshold: 128 });
        assert!(longest_buffer(agreed, b"\xC2\x81\0eys\0") < 1200);
    }

    #[test]
    fn buffer_of_a_message_is_used_again_once_the_message_is_dropped() {
        const LEN: u16 = 40_000;
        let mut rx = rx(&Config::default(), None);
        let mut frame = BytesMut::from(&b"\x82\xFE\0\0keys"[..]);
        frame[2..4].copy_from_slice(&LEN.to_be_bytes());
        frame.resize(8 + usize::from(LEN), 0);
        rx.buf = frame;
        let Some(Item::Message(message)) = rx.decode(Mode::Messages) else { panic!("{:?}", rx.error) };
        assert_eq!(message.len(), usize::from(LEN));
        assert!(!rx.buf.try_reclaim(message.len()), "the program still has the message");
        drop(message);
        assert!(rx.buf.try_reclaim(usize::from(LEN)));
    }
}
