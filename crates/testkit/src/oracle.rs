//! A deliberately naive receiver: it has the whole stream at once, stores whatever it needs, and checks UTF-8 with `core::str`.

use crate::raw::{self, Header};
use crate::{Entry, Log, Unfinished};
use barews::ProtocolError;
use barews::connection::{Config, MessageKind, State, Transport};
use barews::wire::Opcode;

/// Returns the log of a host that receives `stream` and drains after each event. A client's n-th key is [`raw::key`] of n.
pub fn expect(is_server: bool, config: &Config, stream: &[u8]) -> Log {
    let mut receiver = Receiver { is_server, config, log: Log::default(), message: None, keys: 0 };
    match receiver.run(stream) {
        Ok(close) => {
            if let Some(code) = close {
                receiver.reply(0x88, code.map_or(vec![], |code| code.to_be_bytes().to_vec()));
            }
        }
        Err(error) => {
            receiver.log.error(error);
            receiver.reply(0x88, error.close_code().0.to_be_bytes().to_vec());
        }
    }
    receiver.log
}

/// Panics unless `log` has the events in `naive`, the log of a naive receiver. While a Pong is pending, a connection can
/// truncate the payload of a received Pong or extension control frame to 14 bytes; this does not count as a difference.
pub fn assert_same(log: &Log, naive: &Log) {
    let restored = |(entry, whole): (Entry, &Entry)| match (&entry, whole) {
        (Entry::Pong(part), Entry::Pong(all)) | (Entry::Control(_, part), Entry::Control(_, all))
            if part.len() >= all.len().min(14) && all.starts_with(part) =>
        {
            whole.clone()
        }
        _ => entry,
    };
    let expected = naive.received();
    let received = log.received();
    assert_eq!(received.len(), expected.len(), "{received:02x?} instead of {expected:02x?}");
    let received: Vec<Entry> = received.into_iter().zip(&expected).map(restored).collect();
    assert_eq!((received, &log.unfinished), (expected, &naive.unfinished), "a naive receiver gets the same events");
}

struct Receiver<'c> {
    is_server: bool,
    config: &'c Config,
    log: Log,
    message: Option<Message>,
    keys: u32,
}

/// The current message.
struct Message {
    kind: MessageKind,
    /// UTF-8 is checked: it is a text, and its first frame has no reserved bit.
    checked: bool,
    fragments: u32,
    payload: Vec<u8>,
}

/// How the stream ends: without a Close, or with a Close and its code, if any.
type End = Option<Option<u16>>;

impl Receiver<'_> {
    fn run(&mut self, mut stream: &[u8]) -> Result<End, ProtocolError> {
        while let Some(header) = self.header(stream)? {
            let body = &stream[header.size..];
            let len = usize::try_from(header.len).unwrap_or(usize::MAX).min(body.len());
            let payload = raw::mask(header.key.unwrap_or_default(), 0, &body[..len]);
            let whole = len as u64 == header.len;
            stream = &body[len..];
            match header.first & 0x0F {
                0..8 => self.data(&header, &payload, whole)?,
                _ if !whole => {}
                0x8 => return self.close(&payload).map(Some),
                0x9 => {
                    self.log.entries.push(Entry::Ping(payload.clone()));
                    self.reply(0x8A, payload);
                }
                0xA => self.log.entries.push(Entry::Pong(payload)),
                opcode => self.log.entries.push(Entry::Control(opcode, payload)),
            }
        }
        Ok(None)
    }

    /// Reads a header. Each of its bytes is checked with the best that can follow it, so that an error counts at the first
    /// byte that proves it.
    fn header(&self, stream: &[u8]) -> Result<Option<Header>, ProtocolError> {
        for known in 1..=stream.len().min(14) {
            let best = [0, if self.is_server { 0x80 } else { 0 }, 0x7F, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0];
            let header = raw::read_header(&[&stream[..known], &best[known..]].concat()).expect("14 bytes suffice");
            self.check(&header)?;
            if header.size <= known {
                self.check_limits(&header)?;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Checks the rules that a header can break, in the engine's order.
    fn check(&self, header: &Header) -> Result<(), ProtocolError> {
        use ProtocolError as E;
        let Header { first, short, len, key, .. } = *header;
        let opcode = first & 0x0F;
        let in_message = self.message.is_some();
        let rules = [
            (len >= 1 << 63, E::LengthTooLarge),
            (short == 126 && len < 126 || short == 127 && len < 0x1_0000, E::LengthNotMinimal),
            (first >> 4 & 7 & !self.config.extension_rsv.bits() != 0, E::ReservedBits),
            (opcode >= 8 && first >> 4 & 7 != 0, E::ReservedBits),
            (!matches!(opcode, 0..=2 | 8..=10) && self.config.extension_opcodes & 1 << opcode == 0, E::ReservedOpcode),
            (opcode >= 8 && first & 0x80 == 0, E::FragmentedControl),
            (opcode >= 8 && len > 125, E::ControlTooLong),
            (opcode == 0 && !in_message, E::UnexpectedContinuation),
            ((1..8).contains(&opcode) && in_message, E::ExpectedContinuation),
            (self.is_server && key.is_none(), E::NotMasked),
            (!self.is_server && key.is_some(), E::Masked),
        ];
        rules.iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, error)| Err(*error))
    }

    /// Checks the limits for a frame.
    fn check_limits(&self, header: &Header) -> Result<(), ProtocolError> {
        use ProtocolError as E;
        let Header { first, len, .. } = *header;
        let opcode = first & 0x0F;
        let message_len = self.message.as_ref().map_or(0, |message| message.payload.len() as u128);
        let fragments = self.message.as_ref().map_or(0, |message| message.fragments) + 1;
        let rules = [
            (opcode < 8 && len > self.config.max_frame_size, E::FrameTooBig),
            (opcode < 8 && message_len + u128::from(len) > u128::from(self.config.max_message_size), E::MessageTooBig),
            (opcode < 8 && fragments > self.config.max_fragments.max(1), E::TooManyFragments),
        ];
        rules.iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, error)| Err(*error))
    }

    fn data(&mut self, header: &Header, payload: &[u8], whole: bool) -> Result<(), ProtocolError> {
        let kind = match header.first & 0x0F {
            1 => MessageKind::Text,
            2 => MessageKind::Binary,
            opcode => MessageKind::Extension(Opcode::from_bits(opcode)),
        };
        let rsv = header.first >> 4 & 7;
        let checked = kind == MessageKind::Text && rsv == 0;
        let message = self.message.get_or_insert(Message { kind, checked, fragments: 0, payload: Vec::new() });
        message.fragments += 1;
        let before = message.payload.len();
        message.payload.extend_from_slice(payload);
        let last = whole && header.first & 0x80 != 0;
        if message.checked && raw::text_is_complete(&message.payload, before).is_none_or(|whole| last && !whole) {
            return Err(ProtocolError::InvalidUtf8);
        }
        // The engine reports the message if it has payload, ends, or has a frame with reserved bits.
        if !payload.is_empty() || last || whole && rsv != 0 {
            let first = self.log.unfinished.is_none();
            let unfinished = Unfinished { kind: message.kind, rsv, reserved: vec![], payload: vec![] };
            let unfinished = self.log.unfinished.get_or_insert(unfinished);
            if !first && rsv != 0 {
                unfinished.reserved.push(Entry::Reserved(rsv, before));
            }
            unfinished.payload.extend_from_slice(payload);
        }
        if last && let Some(Unfinished { kind, rsv, mut reserved, payload }) = self.log.unfinished.take() {
            self.log.entries.append(&mut reserved);
            self.log.entries.push(Entry::Message(kind, rsv, payload));
            self.message = None;
        }
        Ok(())
    }

    fn close(&mut self, payload: &[u8]) -> Result<Option<u16>, ProtocolError> {
        let (code, reason) = match payload {
            [] => (None, ""),
            [_] => return Err(ProtocolError::InvalidClosePayload),
            [a, b, reason @ ..] => {
                let code = u16::from(*a) << 8 | u16::from(*b);
                if !may_be_sent(code) {
                    return Err(ProtocolError::InvalidCloseCode);
                }
                (Some(code), core::str::from_utf8(reason).map_err(|_| ProtocolError::InvalidUtf8)?)
            }
        };
        self.log.ended = true;
        self.log.entries.push(Entry::Close(code, reason.to_owned()));
        // Only a client is allowed to send 1010.
        Ok(code.map(|code| if self.is_server && code == 1010 { 1000 } else { code }))
    }

    fn reply(&mut self, first: u8, payload: Vec<u8>) {
        self.keys += 1;
        let key = if self.is_server { None } else { Some(raw::key(self.keys)) };
        self.log.entries.push(Entry::Sent(raw::frame(first, key, &payload)));
    }
}

/// Returns whether RFC 6455 section 7.4 and the IANA registry allow this status code in a Close frame.
pub fn may_be_sent(code: u16) -> bool {
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].contains(&code)
        || (3000..4000).contains(&code)
        || (4000..5000).contains(&code)
}

/// What was received, as far as it determines the connection's state.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Incoming {
    /// Neither a Close frame nor an error.
    Nothing,
    /// A Close frame.
    Close,
    /// An error: the connection has failed.
    Error,
}

/// The events that determine a connection's state, and the state that the engine reports after them.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// The endpoint is a server.
    pub is_server: bool,
    /// What it has received.
    pub incoming: Incoming,
    /// The transport has ended.
    pub eof: bool,
    /// Our Close was sent.
    pub sent: bool,
    /// What `Connection::state` returns.
    pub state: State,
    /// What `Connection::transport` returns.
    pub transport: Transport,
    /// What `Connection::is_clean` returns.
    pub clean: bool,
}

/// The ids of a rule, its text, and the check that it holds.
type ClosingRule = (&'static str, &'static str, fn(&Situation) -> bool);

/// The rules of the closing table in `src/connection/state.rs`. Each holds in all situations; together they allow only one
/// state and transport for each.
const CLOSING_RULES: [ClosingRule; 8] = {
    use Incoming::{Close, Error, Nothing};
    [
        ("6455-7.1.3-1", "OPEN ends with a Close, sent or received, with an error or with the transport's end", |it| {
            (it.state == State::Open) == (it.incoming == Nothing && !it.eof && !it.sent)
        }),
        (
            "6455-7.2.1-2",
            "CLOSED begins at the transport's end: at once if nothing was received, else after our Close",
            |it| (it.state == State::Closed) == (it.eof && (it.incoming == Nothing || it.sent)),
        ),
        (
            "6455-7.1.4-1",
            "the transport is closed when the connection is CLOSED; it is clean after a Close in both directions",
            |it| {
                (it.transport == Transport::Close) == (it.state == State::Closed)
                    && it.clean == (it.incoming == Close && it.sent)
            },
        ),
        ("6455-7.1.7-5", "the transport is kept until our Close is sent, as long as that is possible", |it| {
            it.sent || it.state == State::Closed || it.transport == Transport::Keep
        }),
        ("6455-5.5.1-9", "reading continues after our own Close", |it| {
            !(it.incoming == Nothing && it.sent && !it.eof) || it.transport == Transport::Keep
        }),
        (
            "6455-5.5.1-11 6455-7.1.1-3 6455-7.1.1-5",
            "after a Close in both directions the server closes TCP at once",
            |it| !(it.is_server && it.incoming == Close && it.sent && !it.eof) || it.transport == Transport::HalfClose,
        ),
        (
            "6455-5.5.1-10 6455-5.5.1-12 6455-7.1.1-6",
            "only a client after a Close in both directions waits for the end of the stream",
            |it| (it.transport == Transport::AwaitEof) == (!it.is_server && it.incoming == Close && it.sent && !it.eof),
        ),
        (
            "6455-7.1.7-1 6455-7.1.7-3",
            "both roles close a failed connection once the Close for the error is sent",
            |it| !(it.incoming == Error && it.sent && !it.eof) || it.transport == Transport::HalfClose,
        ),
    ]
};

impl Situation {
    /// Checks the closing rules.
    ///
    /// # Panics
    ///
    /// Panics with the rule's ids if a rule does not hold.
    pub fn assert_closing_rules(&self) {
        for (ids, rule, holds) in CLOSING_RULES {
            assert!(holds(self), "[{ids}] {rule}: {self:?}");
        }
    }
}
