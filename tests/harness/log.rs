//! What happened at one endpoint, merged, so that logs are equal for any cut of the input.

use super::wire;
use barews::connection::{Chunk, Event, MessageKind};
use barews::{ProtocolError, SendError};

/// Something that happened at one endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A whole message came; with the reserved bits of its first frame.
    Message(MessageKind, u8, Vec<u8>),
    /// A later frame of the message that follows has reserved bits, and begins behind so many bytes of it.
    Reserved(u8, usize),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// A Close came, with its code and reason.
    Close(Option<u16>, String),
    /// A control frame of an extension came: opcode and payload.
    Control(u8, Vec<u8>),
    Error(ProtocolError),
    /// The transport ended as it should.
    End,
    /// Bytes were written: a whole frame, or a header, or a piece of payload.
    Sent(Vec<u8>),
    Refused(SendError),
}

/// What came of a message that is not complete.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfinished {
    pub kind: MessageKind,
    pub rsv: u8,
    pub reserved: Vec<Entry>,
    pub payload: Vec<u8>,
}

/// What happened, with the chunks of a message joined. Equal for any cut of the input.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Log {
    pub entries: Vec<Entry>,
    /// The message under way. Forgotten after an error: how much of it comes ahead of one depends on the cut.
    pub unfinished: Option<Unfinished>,
    pub(super) ended: bool,
}

impl Log {
    /// An event; `control` and `reason` are the connection's control payload and close reason.
    pub fn event(&mut self, event: Event<'_>, control: &[u8], reason: &str) {
        assert!(!self.ended, "P5: nothing follows a Close or an error, but {event:?} did");
        let entry = match event {
            Event::Data(chunk) => return self.chunk(chunk),
            Event::Ping => Entry::Ping(control.to_vec()),
            Event::Pong => Entry::Pong(control.to_vec()),
            Event::ExtensionControl(opcode) => Entry::Control(opcode.bits(), control.to_vec()),
            Event::Close(code) => {
                self.ended = true;
                Entry::Close(code.map(|code| code.0), reason.to_owned())
            }
            event => panic!("an event that the harness does not know: {event:?}"),
        };
        self.entries.push(entry);
    }

    fn chunk(&mut self, Chunk { kind, first, last, rsv, payload }: Chunk<'_>) {
        assert_eq!(first, self.unfinished.is_none(), "`first` stands at the first chunk of a message only");
        let message = self.unfinished.get_or_insert(Unfinished { kind, rsv, reserved: vec![], payload: vec![] });
        assert_eq!(kind, message.kind, "a message has one kind");
        let before = message.payload.len();
        if !first && rsv != 0 {
            message.reserved.push(Entry::Reserved(rsv, before));
        }
        message.payload.extend_from_slice(payload);
        if kind == MessageKind::Text && message.rsv == 0 {
            assert!(wire::text_goes_on(&message.payload, before).is_some_and(|whole| whole || !last), "text is UTF-8");
        }
        if last && let Some(Unfinished { kind, rsv, mut reserved, payload }) = self.unfinished.take() {
            self.entries.append(&mut reserved);
            self.entries.push(Entry::Message(kind, rsv, payload));
        }
    }

    pub fn error(&mut self, error: ProtocolError) {
        self.ended = true;
        self.unfinished = None;
        self.entries.push(Entry::Error(error));
    }

    /// A Close or an error came.
    pub const fn is_over(&self) -> bool {
        self.ended
    }

    /// What the peer's bytes made happen, without what was written.
    pub fn received(&self) -> Vec<Entry> {
        self.entries.iter().filter(|e| !matches!(e, Entry::Sent(_) | Entry::Refused(_))).cloned().collect()
    }

    /// The messages that came.
    pub fn messages(&self) -> Vec<(MessageKind, Vec<u8>)> {
        let message = |entry: &Entry| match entry {
            Entry::Message(kind, _, payload) => Some((*kind, payload.clone())),
            _ => None,
        };
        self.entries.iter().filter_map(message).collect()
    }

    /// The frames that were written, each as its first byte and its unmasked payload.
    pub fn sent(&self) -> Vec<(u8, Vec<u8>)> {
        let bytes =
            self.entries.iter().filter_map(|e| if let Entry::Sent(bytes) = e { Some(&bytes[..]) } else { None });
        wire::frames(&bytes.collect::<Vec<_>>().concat())
    }
}
