//! An endpoint with its host: [`Host`] checks every call of the engine.

use crate::raw;
use crate::{Entry, Log};
use barews::connection::{Config, Event, MessageKind, Outgoing, Received, State, Transport, Written};
use barews::deadlines::Timeouts;
use barews::session::{self, Session, SessionRole};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME, Opcode, Rsv};
use barews::{Client, Connection, ProtocolError, Role, SendError, Server};
use std::cell::Cell;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::rc::Rc;

/// A source of masking keys.
pub type Keys = Box<dyn FnMut() -> [u8; 4]>;

/// A role that a [`Host`] can have: [`Server`], or [`Client`] with [`Keys`].
pub trait Side: SessionRole + Sized {
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

/// What a [`Host`] drives: a [`Connection`], or a [`Session`] with the same calls.
pub trait Engine<R> {
    /// `Connection::receive`
    fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Received<'b>, ProtocolError>;
    /// `Connection::receive_eof`
    fn receive_eof(&mut self) -> Result<(), ProtocolError>;
    /// `Connection::fail`
    fn fail(&mut self, error: ProtocolError);
    /// `Connection::poll_transmit`
    fn poll_transmit(&mut self, out: &mut [u8]) -> usize;
    /// `Connection::transport`
    fn transport(&self) -> Transport;
    /// The connection, to look at.
    fn connection(&self) -> &Connection<R>;
    /// The connection, to send on it.
    fn sender(&mut self) -> &mut Connection<R>;
}

impl<R: Role> Engine<R> for Connection<R> {
    fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Received<'b>, ProtocolError> {
        self.receive(bytes)
    }

    fn receive_eof(&mut self) -> Result<(), ProtocolError> {
        self.receive_eof()
    }

    fn fail(&mut self, error: ProtocolError) {
        self.fail(error);
    }

    fn poll_transmit(&mut self, out: &mut [u8]) -> usize {
        self.poll_transmit(out)
    }

    fn transport(&self) -> Transport {
        self.transport()
    }

    fn connection(&self) -> &Connection<R> {
        self
    }

    fn sender(&mut self) -> &mut Connection<R> {
        self
    }
}

/// An open session, without timeouts.
pub type Opened<R> = Session<'static, R, [u8; 0]>;

impl<R: Side> Engine<R> for Opened<R> {
    fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Received<'b>, ProtocolError> {
        let session::Received { rest, event, is_due } = self.receive(bytes, 0);
        let is_data = matches!(event, Some(session::Event::Data(_)));
        assert!(is_data && !is_due || is_due == self.is_due(), "what is due shows in the result");
        let event = match event {
            Some(session::Event::Data(chunk)) => Some(Event::Data(chunk)),
            Some(session::Event::Ping) => Some(Event::Ping),
            Some(session::Event::Pong(_)) => Some(Event::Pong),
            Some(session::Event::ExtensionControl(opcode)) => Some(Event::ExtensionControl(opcode)),
            Some(session::Event::Close(code)) => Some(Event::Close(code)),
            Some(session::Event::Failed(_) | session::Event::Over) | None => match self.error() {
                Some(session::Error::Protocol(error)) => return Err(error),
                Some(error) => panic!("{error}"),
                None => None,
            },
            Some(event) => panic!("{event:?}"),
        };
        Ok(Received { rest, event })
    }

    fn receive_eof(&mut self) -> Result<(), ProtocolError> {
        self.receive_eof(0);
        Engine::receive(self, &mut []).map(|received| assert_eq!(received.event, None))
    }

    fn fail(&mut self, error: ProtocolError) {
        self.fail(error);
    }

    fn poll_transmit(&mut self, out: &mut [u8]) -> usize {
        let is_due = self.is_due();
        let len = self.poll_transmit(out);
        assert_eq!(len > 0, is_due, "what is due is written");
        len
    }

    fn transport(&self) -> Transport {
        self.transport()
    }

    fn connection(&self) -> &Connection<R> {
        self.connection().expect("it is open")
    }

    fn sender(&mut self) -> &mut Connection<R> {
        self.sender(0).expect("it is open")
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
pub struct Host<R, E = Connection<R>> {
    /// The engine: a connection, or a session.
    pub connection: E,
    role: PhantomData<R>,
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
        Self::with(Connection::new(role, config), keys)
    }
}

impl<R: Side + Debug> Host<R, Opened<R>> {
    /// Returns a host with a new session, which drains after each event.
    pub fn by_session(config: &Config) -> Self {
        let (role, keys) = R::counted();
        let session = Session::from_connection(Connection::new(role, config), [], Timeouts::NEVER, 0);
        Self::with(session, keys)
    }
}

impl<R: Side + Debug, E: Engine<R>> Host<R, E> {
    fn with(connection: E, keys: Rc<Cell<u32>>) -> Self {
        Self {
            connection,
            role: PhantomData,
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
            let connection = self.connection.connection();
            self.log.event(event, connection.control_payload(), connection.close_reason());
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
        assert_eq!(
            self.connection.connection().error(),
            Some(error),
            "the error that is reported is the one that is kept"
        );
        if self.error.is_none() {
            self.error = Some(error);
            self.log.error(error);
        }
        assert_eq!(self.error, Some(error), "P5: an error is sticky");
        let before = format!("{:?}", self.connection.connection().internals());
        for junk in [&mut b"\x81\x00"[..].to_vec(), &mut Vec::new()] {
            assert_eq!(self.connection.receive(junk).err(), Some(error), "P5: nothing is read after an error");
        }
        assert_eq!(
            format!("{:?}", self.connection.connection().internals()),
            before,
            "P5: nothing changes after an error"
        );
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
            assert_eq!(self.connection.connection().buffered_amount(), 0, "P13: nothing is due after a drain");
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
        let (before, keys) = (format!("{:?}", self.connection.connection().internals()), self.keys.get());
        let result = call(self.connection.sender());
        match &result {
            Ok(_) if R::IS_SERVER => assert_eq!(self.keys.get(), 0, "P8: a server has no keys"),
            Ok(_) => {}
            Err(_) => {
                assert_eq!(
                    format!("{:?}", self.connection.connection().internals()),
                    before,
                    "P11: a failed call changes nothing"
                );
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
            state: self.connection.connection().state(),
            transport: self.connection.transport(),
            close_code: self.connection.connection().close_code().map(|code| code.0),
            close_reason: self.connection.connection().close_reason().to_owned(),
            clean: self.connection.connection().is_clean(),
        }
    }
}
