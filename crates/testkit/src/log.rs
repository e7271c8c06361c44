//! Records the events of one endpoint and joins chunks, so that logs are equal for any cut of the input.

use crate::raw;
use barews::connection::{Chunk, Event, MessageKind};
use barews::{ProtocolError, SendError};

/// Something that happened at one endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A whole message was received: its kind, the reserved bits of its first frame, its payload.
    Message(MessageKind, u8, Vec<u8>),
    /// A later frame of the following [`Message`](Self::Message) has reserved bits: these bits, and the number of payload bytes
    /// before the frame.
    Reserved(u8, usize),
    /// A Ping was received.
    Ping(Vec<u8>),
    /// A Pong was received. Its payload can be truncated to 14 bytes if a Pong of ours was pending.
    Pong(Vec<u8>),
    /// A Close was received, with its code and reason.
    Close(Option<u16>, String),
    /// A control frame of an extension was received: its opcode and its payload, which can be truncated like that of a Pong.
    Control(u8, Vec<u8>),
    /// The connection failed.
    Error(ProtocolError),
    /// The transport ended after the closing handshake.
    End,
    /// Bytes were written: a whole frame, a header, or a piece of payload.
    Sent(Vec<u8>),
    /// A call that sends was refused.
    Refused(SendError),
}

/// An incomplete message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfinished {
    /// Its kind.
    pub kind: MessageKind,
    /// The reserved bits of its first frame.
    pub rsv: u8,
    /// An [`Entry::Reserved`] for each later frame with reserved bits.
    pub reserved: Vec<Entry>,
    /// Its payload so far.
    pub payload: Vec<u8>,
}

/// The history of one endpoint, with the chunks of each message joined. It is equal for any cut of the input.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Log {
    /// Everything that happened, in order.
    pub entries: Vec<Entry>,
    /// The current message. `None` after an error: how much of it is reported before the error depends on the cut.
    pub unfinished: Option<Unfinished>,
    pub(super) ended: bool,
}

impl Log {
    /// Adds an event; `control` and `reason` are the connection's control payload and close reason. Panics if the event follows
    /// a Close or an error (P5), or if a chunk does not continue its message.
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
            event => panic!("an event unknown to the testkit: {event:?}"),
        };
        self.entries.push(entry);
    }

    fn chunk(&mut self, Chunk { kind, first, last, rsv, payload }: Chunk<'_>) {
        let rsv = rsv.bits();
        assert_eq!(first, self.unfinished.is_none(), "`first` is set on the first chunk of a message only");
        let message = self.unfinished.get_or_insert(Unfinished { kind, rsv, reserved: vec![], payload: vec![] });
        assert_eq!(kind, message.kind, "a message has one kind");
        let before = message.payload.len();
        if !first && rsv != 0 {
            message.reserved.push(Entry::Reserved(rsv, before));
        }
        message.payload.extend_from_slice(payload);
        if kind == MessageKind::Text && message.rsv == 0 {
            assert!(
                raw::text_is_complete(&message.payload, before).is_some_and(|whole| whole || !last),
                "text is UTF-8"
            );
        }
        if last && let Some(Unfinished { kind, rsv, mut reserved, payload }) = self.unfinished.take() {
            self.entries.append(&mut reserved);
            self.entries.push(Entry::Message(kind, rsv, payload));
        }
    }

    /// Adds an error, and discards the incomplete message.
    pub fn error(&mut self, error: ProtocolError) {
        self.ended = true;
        self.unfinished = None;
        self.entries.push(Entry::Error(error));
    }

    /// Returns whether a Close or an error has been added.
    pub const fn is_over(&self) -> bool {
        self.ended
    }

    /// Returns the entries without those of sent bytes and refused calls.
    pub fn received(&self) -> Vec<Entry> {
        self.entries.iter().filter(|e| !matches!(e, Entry::Sent(_) | Entry::Refused(_))).cloned().collect()
    }

    /// Returns the complete messages received.
    pub fn messages(&self) -> Vec<(MessageKind, Vec<u8>)> {
        let message = |entry: &Entry| match entry {
            Entry::Message(kind, _, payload) => Some((*kind, payload.clone())),
            _ => None,
        };
        self.entries.iter().filter_map(message).collect()
    }

    /// Returns the frames sent, each as its first byte and its unmasked payload.
    pub fn sent(&self) -> Vec<(u8, Vec<u8>)> {
        let bytes =
            self.entries.iter().filter_map(|e| if let Entry::Sent(bytes) = e { Some(&bytes[..]) } else { None });
        raw::frames(&bytes.collect::<Vec<_>>().concat())
    }
}
