//! An endpoint with its host: [`Host`] checks every call of the engine.

use crate::raw;
use crate::{Entry, Log};
use barews::connection::{Config, Event, MessageKind, Outgoing, Received, State, Transport, Written};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME, Opcode, Rsv};
use barews::{Client, Connection, ProtocolError, Role, SendError, Server};
use std::cell::Cell;
use std::fmt::Debug;
use std::rc::Rc;

/// A source of masking keys.
pub type Keys = Box<dyn FnMut() -> [u8; 4]>;

/// A role that a [`Host`] can have: [`Server`], or [`Client`] with [`Keys`].
pub trait Side: Role + Sized {
    /// Returns the role, and a counter of the masking keys that it draws. The n-th key is [`raw::key`] of n.
    fn counted() -> (Self, Rc<Cell<u32>>);
}

impl Side for Server {
    fn counted() -> (Self, Rc<Cell<u32>>) {
        (Server, Rc::default())
    }
}

impl Side for Client<Keys> {
    fn counted() -> (Self, Rc<Cell<u32>>) {
        let keys = Rc::new(Cell::new(0));
        let counter = Rc::clone(&keys);
        let source = move || {
            counter.set(counter.get() + 1);
            raw::key(counter.get())
        };
        (Client(Box::new(source)), keys)
    }
}

/// When a [`Host`] drains. To drain is to call `poll_transmit` until it returns 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drain {
    /// After each event.
    AtOnce,
    /// After each read, once all of its bytes are consumed.
    AfterRead,
    /// Only when [`Host::drain`] is called.
    ByHand,
}

/// The state of a connection, in one value to compare.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// `Connection::state`
    pub state: State,
    /// `Connection::transport`
    pub transport: Transport,
    /// `Connection::close_code`
    pub close_code: Option<u16>,
    /// `Connection::close_reason`
    pub close_reason: String,
    /// `Connection::is_clean`
    pub clean: bool,
}

/// An endpoint with its host. It feeds bytes, drains, sends, keeps a [`Log`], and checks the [properties](crate#properties) at
/// every call. It panics if one does not hold.
///
/// The methods that send are named like those of [`Connection`], and write to [`output`](Self::output).
///
/// ```
/// use barews::connection::{Config, MessageKind};
/// use barews::{Client, Server};
/// use barews_testkit::{Entry, Host, Keys};
///
/// let mut client = Host::<Client<Keys>>::new(&Config::DEFAULT);
/// let mut server = Host::<Server>::new(&Config::DEFAULT);
/// client.write_message(MessageKind::Text, b"Hello").unwrap();
/// server.feed(&client.output);
/// assert_eq!(server.log.entries, [Entry::Message(MessageKind::Text, 0, b"Hello".to_vec())]);
/// ```
pub struct Host<R> {
    /// The engine.
    pub connection: Connection<R>,
    /// Everything that happened.
    pub log: Log,
    /// When it drains.
    pub drain: Drain,
    /// All bytes written, for a peer to receive.
    pub output: Vec<u8>,
    /// The frames that `poll_transmit` wrote, each as its first byte and its unmasked payload.
    pub replies: Vec<(u8, Vec<u8>)>,
    /// Masking keys drawn.
    pub keys: Rc<Cell<u32>>,
    /// Number of calls of `receive`.
    pub calls: usize,
    /// The messages sent completely.
    pub messages_sent: Vec<(MessageKind, Vec<u8>)>,
    message_in_progress: Option<(MessageKind, Vec<u8>)>,
    /// The current frame is the last of its message.
    frame_fin: bool,
    /// Bytes of the current frame's payload that are still to be sent.
    pub frame_left: u64,
    error: Option<ProtocolError>,
    close_sent: bool,
}

/// Fills output buffers, to check that a call does not change the bytes after those it wrote.
const UNTOUCHED: u8 = 0xA5;

impl<R: Side + Debug> Host<R> {
    /// Returns a host with a new connection, which drains after each event.
    pub fn new(config: &Config) -> Self {
        let (role, keys) = R::counted();
        Self {
            connection: Connection::new(role, config),
            log: Log::default(),
            drain: Drain::AtOnce,
            output: Vec::new(),
            replies: Vec::new(),
            keys,
            calls: 0,
            messages_sent: Vec::new(),
            message_in_progress: None,
            frame_fin: false,
            frame_left: 0,
            error: None,
            close_sent: false,
        }
    }

    /// Receives `input` as one read of the transport: calls `receive` until all of it is consumed.
    pub fn feed(&mut self, input: &[u8]) {
        let mut buffer = input.to_vec();
        let mut bytes = &mut buffer[..];
        loop {
            let (start, len) = (bytes.as_ptr().addr(), bytes.len());
            let next = bytes.get(..16).unwrap_or(bytes).to_vec();
            self.calls += 1;
            let Received { rest, event } = match self.connection.receive(bytes) {
                Ok(received) => received,
                Err(error) => return self.failed(error),
            };
            let consumed = len - rest.len();
            assert_eq!(rest.as_ptr().addr(), start + consumed, "the rest is the end of the input");
            // Only near the end, because comparing after each event would be quadratic work.
            assert!(rest.len() > 4096 || *rest == input[input.len() - rest.len()..], "the rest is unchanged");
            assert!(consumed > 0 || event.is_some() || len == 0, "P1: no progress at {next:02x?}");
            assert!(event.is_some() || rest.is_empty(), "P2: a call without an event consumes all of its input");
            assert_eq!(self.error, None, "P5: an error is sticky");
            let Some(event) = event else { break };
            if let Event::Data(chunk) = &event {
                assert!(chunk.payload.len() <= consumed);
                let end = chunk.payload.as_ptr().addr() + chunk.payload.len();
                assert_eq!(end, start + consumed, "P3: the payload is at the end of the consumed bytes");
            }
            self.log.event(event, self.connection.control_payload(), self.connection.close_reason());
            bytes = rest;
            if self.drain == Drain::AtOnce {
                self.drain();
            }
        }
        if self.drain != Drain::ByHand {
            self.drain();
        }
    }

    /// Receives `input` in reads of these sizes, repeated until all of it is consumed. Without a size above 0, it is one read.
    pub fn feed_cut(&mut self, input: &[u8], sizes: &[usize]) {
        let mut sizes = sizes.iter().copied().filter(|size| *size > 0).cycle();
        let mut rest = input;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(sizes.next().unwrap_or(rest.len()).min(rest.len()));
            self.feed(piece);
            rest = after;
        }
    }

    fn failed(&mut self, error: ProtocolError) {
        assert_eq!(self.connection.error(), Some(error), "the error that is reported is the one that is kept");
        if self.error.is_none() {
            self.error = Some(error);
            self.log.error(error);
        }
        assert_eq!(self.error, Some(error), "P5: an error is sticky");
        let before = format!("{:?}", self.connection.internals());
        for junk in [&mut b"\x81\x00"[..].to_vec(), &mut Vec::new()] {
            assert_eq!(self.connection.receive(junk).err(), Some(error), "P5: nothing is read after an error");
        }
        assert_eq!(format!("{:?}", self.connection.internals()), before, "P5: nothing changes after an error");
        if self.drain != Drain::ByHand {
            self.drain();
        }
    }

    /// Ends the transport: calls `receive_eof`.
    pub fn eof(&mut self) {
        match self.connection.receive_eof() {
            Ok(()) => self.log.entries.push(Entry::End),
            Err(error) => self.failed(error),
        }
        if self.drain != Drain::ByHand {
            self.drain();
        }
    }

    /// Fails the connection, as a host does that detects an error itself.
    pub fn fail(&mut self, error: ProtocolError) {
        let was_over = self.log.is_over();
        self.connection.fail(error);
        if !was_over {
            self.failed(error);
        }
    }

    /// Calls `poll_transmit` until it returns 0 (P13).
    pub fn drain(&mut self) {
        for frames in 0.. {
            let mut out = [UNTOUCHED; MAX_CONTROL_FRAME];
            let len = self.connection.poll_transmit(&mut out);
            if len == 0 {
                break;
            }
            assert_eq!(frames, 0, "P7: at most one control frame is due");
            assert_eq!(self.frame_left, 0, "P6: no control frame is written inside a data frame");
            let (frame, untouched) = out.split_at(len);
            assert!(untouched.iter().all(|b| *b == UNTOUCHED), "no byte is written after the returned length");
            let (first, payload) = raw::frames(frame).pop().expect("P6: the bytes are a whole frame");
            assert!([0x88, 0x8A].contains(&first), "P6: the frame is a Pong or a Close, not {first:x}");
            assert!(payload.len() <= 125);
            self.replies.push((first, payload));
            self.written(frame);
        }
        if self.frame_left == 0 {
            assert_eq!(self.connection.buffered_amount(), 0, "P13: nothing is due after a drain");
        }
    }

    /// Records written bytes, which begin with the first byte of a frame.
    fn written(&mut self, frame: &[u8]) {
        assert!(!self.close_sent, "P7: nothing is sent after a Close");
        assert_eq!(frame[1] & 0x80 == 0, R::IS_SERVER, "P8: a client masks, a server does not");
        self.close_sent = frame[0] & 0x0F == 0x8;
        self.emit(frame);
    }

    fn emit(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
        self.log.entries.push(Entry::Sent(bytes.to_vec()));
    }

    /// Makes a call that sends. Checks that a failed call changes nothing (P11), and that a server draws no key (P8).
    fn attempt<T>(&mut self, call: impl FnOnce(&mut Connection<R>) -> Result<T, SendError>) -> Result<T, SendError> {
        let (before, keys) = (format!("{:?}", self.connection.internals()), self.keys.get());
        let result = call(&mut self.connection);
        match &result {
            Ok(_) if R::IS_SERVER => assert_eq!(self.keys.get(), 0, "P8: a server has no keys"),
            Ok(_) => {}
            Err(_) => {
                assert_eq!(format!("{:?}", self.connection.internals()), before, "P11: a failed call changes nothing");
                assert_eq!(self.keys.get(), keys, "P11: a failed call draws no key");
            }
        }
        result
    }

    /// Makes a call that writes a frame, with an empty buffer, with one byte too little and with the size it needs. Checks that
    /// this size suffices, and one byte less does not (P11).
    fn write(
        &mut self,
        mut call: impl FnMut(&mut Connection<R>, &mut [u8]) -> Result<Written, SendError>,
    ) -> Result<Vec<u8>, SendError> {
        let keys = self.keys.get();
        let need = match self.attempt(|c| call(c, &mut [])) {
            Err(SendError::BufferTooSmall { need }) => need,
            Err(error) => return Err(error),
            Ok(_) => panic!("P6: a frame in an empty buffer"),
        };
        let mut out = vec![UNTOUCHED; need + 7];
        let short = self.attempt(|c| call(c, &mut out[..need - 1]));
        assert_eq!(short, Err(SendError::BufferTooSmall { need }), "P11: one byte less does not suffice");
        let Written(len) = self.attempt(|c| call(c, &mut out[..need])).expect("P11: the reported size suffices");
        assert!(out[len..].iter().all(|b| *b == UNTOUCHED), "no byte is written after the returned length");
        out.truncate(len);
        self.one_key_after(keys);
        self.written(&out);
        Ok(out)
    }

    fn one_key_after(&self, keys: u32) {
        assert_eq!(self.keys.get(), keys + u32::from(!R::IS_SERVER), "P8: each frame has a new key");
    }

    /// Sends a message in one frame.
    pub fn write_message(&mut self, kind: MessageKind, body: &[u8]) -> Result<(), SendError> {
        self.write(|c, out| c.write_unvalidated(kind, body, out))?;
        self.messages_sent.push((kind, body.to_vec()));
        Ok(())
    }

    /// Sends the next fragment, with a buffer of `space` bytes. Returns false if the message is complete.
    pub fn write_fragment(
        &mut self,
        message: &mut Outgoing<'_>,
        kind: MessageKind,
        space: usize,
    ) -> Result<bool, SendError> {
        let (before, keys, left) = (message.clone(), self.keys.get(), message.left());
        let mut out = vec![UNTOUCHED; space];
        let len = match self.attempt(|c| c.write_fragment(message, &mut out)) {
            Ok(Written(0)) => return Ok(false),
            Ok(Written(len)) => len,
            Err(error) => {
                assert_eq!(*message, before, "P11: a failed call changes nothing");
                return Err(error);
            }
        };
        assert!(out[len..].iter().all(|b| *b == UNTOUCHED), "no byte is written after the returned length");
        self.one_key_after(keys);
        self.written(&out[..len]);
        let (_, payload) = raw::frames(&out[..len]).pop().expect("a whole frame");
        assert_eq!(payload.len(), left - message.left());
        self.data_sent(kind, &payload, message.is_complete());
        Ok(true)
    }

    /// Sends the header of a frame. Send its payload with [`write_payload`](Self::write_payload).
    pub fn begin_frame(&mut self, kind: MessageKind, fin: bool, rsv: u8, len: u64) -> Result<(), SendError> {
        let keys = self.keys.get();
        let header = self.attempt(|c| match rsv {
            0 => c.begin_frame(kind, fin, len),
            rsv => c.begin_frame_with_rsv(kind, fin, Rsv::from_bits(rsv), len),
        })?;
        self.one_key_after(keys);
        self.written(header.as_bytes());
        (self.frame_left, self.frame_fin) = (len, fin);
        self.data_sent(kind, &[], fin && len == 0);
        Ok(())
    }

    /// Sends a piece of the current frame's payload: masked in place if its length is even, copied if it is odd.
    pub fn write_payload(&mut self, part: &[u8]) -> Result<(), SendError> {
        let mut masked = part.to_vec();
        let result = self.attempt(|c| match part.len() % 2 {
            0 => c.mask_payload(&mut masked),
            _ => c.copy_payload(part, &mut masked).map(|written| assert_eq!(written.len(), part.len())),
        });
        if result.is_err() {
            assert_eq!(masked, part, "P11: a failed call changes nothing");
            return result;
        }
        if part.is_empty() {
            return Ok(());
        }
        self.frame_left -= part.len() as u64;
        self.emit(&masked);
        let kind = self.message_in_progress.as_ref().map_or(MessageKind::Binary, |(kind, _)| *kind);
        self.data_sent(kind, part, self.frame_fin && self.frame_left == 0);
        if self.drain != Drain::ByHand {
            self.drain(); // a reply may have been waiting for the end of the frame
        }
        Ok(())
    }

    fn data_sent(&mut self, kind: MessageKind, part: &[u8], last: bool) {
        let (_, body) = self.message_in_progress.get_or_insert((kind, Vec::new()));
        body.extend_from_slice(part);
        if last {
            self.messages_sent.extend(self.message_in_progress.take());
        }
    }

    /// Sends a Ping.
    pub fn write_ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.write(|c, out| c.write_ping(payload, out)).map(drop)
    }

    /// Sends an unsolicited Pong.
    pub fn write_pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.write(|c, out| c.write_pong(payload, out)).map(drop)
    }

    /// Sends a control frame of an extension.
    pub fn write_extension_control(&mut self, opcode: u8, payload: &[u8]) -> Result<(), SendError> {
        self.write(|c, out| c.write_extension_control(Opcode::from_bits(opcode), payload, out)).map(drop)
    }

    /// Sends a Close with a status code.
    pub fn write_close(&mut self, code: u16, reason: &str) -> Result<(), SendError> {
        self.write(|c, out| c.write_close(CloseCode(code), reason, out)).map(drop)
    }

    /// Sends a Close without a status code.
    pub fn write_close_without_status(&mut self) -> Result<(), SendError> {
        self.write(|c, out| c.write_close_without_status(out)).map(drop)
    }

    /// Returns the present state of the connection.
    pub fn outcome(&self) -> Outcome {
        Outcome {
            state: self.connection.state(),
            transport: self.connection.transport(),
            close_code: self.connection.close_code().map(|code| code.0),
            close_reason: self.connection.close_reason().to_owned(),
            clean: self.connection.is_clean(),
        }
    }
}
