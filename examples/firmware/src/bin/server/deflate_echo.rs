//! The echo with permessage-deflate. A few bytes can inflate to a thousand times as many, so the rule of `link.rs`, to
//! read no more than can be answered, is not enough. This echo keeps some compressed bytes, and inflates and answers
//! them piece by piece as there is room.

use core::ops::Range;

use barews::Server;
use barews::connection::{Chunk, MessageKind};
use barews::deflate::{Deflater, Direction, Inflater, Level, Parameters, RSV1};
use barews::session::Event;
use barews::wire::Rsv;
use firmware::link::{HANDSHAKE_READ, Link, send};

/// Windows of 512 bytes in both directions, for clients that support them.
pub const LIMITS: Parameters = {
    let direction = Direction { window_bits: 9, ..Direction::DEFAULT };
    Parameters { server: direction, client: direction }
};
const WINDOW: usize = LIMITS.client.window_size();
/// The maximum length of a read, which is kept until it is answered.
const READ: usize = 128;
const _: () = assert!(READ >= HANDSHAKE_READ);
/// The maximum length of an inflated piece.
const PIECE: usize = 128;
/// Room for a deflated piece and its header.
const ROOM: usize = PIECE + 10 + 4;

pub struct DeflateEcho {
    inflater: Inflater<[u8; WINDOW]>,
    deflater: Deflater<[u8; Level::SMALL.memory(WINDOW)]>,
    kept: [u8; READ],
    /// The range of `kept` that the engine has not received.
    unread: Range<usize>,
    /// The chunk that is being inflated.
    chunk: Option<Kept>,
}

/// A chunk, with the range of `kept` that is its payload.
struct Kept {
    kind: MessageKind,
    first: bool,
    last: bool,
    rsv: Rsv,
    payload: Range<usize>,
}

impl DeflateEcho {
    /// Creates the echo with the negotiated parameters.
    pub fn new(agreed: Parameters) -> Self {
        Self {
            inflater: Inflater::new([0; WINDOW], agreed.client, u64::MAX),
            deflater: Deflater::new([0; Level::SMALL.memory(WINDOW)], Level::SMALL, agreed.server, 0),
            kept: [0; READ],
            unread: 0..0,
            chunk: None,
        }
    }

    /// Keeps the bytes that followed the request, at most [`HANDSHAKE_READ`].
    pub fn keep(&mut self, rest: &[u8]) {
        self.kept[..rest.len()].copy_from_slice(rest);
        self.unread = 0..rest.len();
    }

    /// Answers kept bytes while there is room, and reads when all are answered. Returns true if bytes were received or
    /// answered.
    pub fn turn(&mut self, link: &mut Link<'_, '_, Server>) -> bool {
        let mut busy = false;
        loop {
            busy |= self.answer(link);
            if self.chunk.is_some() {
                let _ = link.next(&mut Default::default()); // there is no room: handle only the deadlines
                return busy;
            }
            if self.unread.is_empty() {
                self.unread = 0..link.read_to(&mut self.kept, READ).len();
            }
            let received = !self.unread.is_empty();
            let mut rest = &mut self.kept[self.unread.clone()];
            let event = link.next(&mut rest);
            self.unread.start = self.unread.end - rest.len();
            match event {
                Some(Event::Data(Chunk { kind, first, last, rsv, payload })) => {
                    let end = self.unread.start;
                    self.chunk = Some(Kept { kind, first, last, rsv, payload: end - payload.len()..end });
                }
                _ if !received => return busy,
                _ => {}
            }
            busy = true;
        }
    }

    /// Inflates the chunk and sends it back while there is room. Returns true if bytes were inflated or sent.
    fn answer(&mut self, link: &mut Link<'_, '_, Server>) -> bool {
        let mut busy = false;
        while let Some(Kept { kind, first, last, rsv, payload }) = &mut self.chunk
            // After we have ended the stream, read the rest and answer nothing.
            && (link.room() >= ROOM || !link.socket.may_send())
        {
            busy = true;
            let end = payload.end;
            let bytes = &mut self.kept[payload.clone()];
            let mut chunk = Chunk { kind: *kind, first: *first, last: *last, rsv: *rsv, payload: bytes };
            let (mut piece, mut out) = ([0; PIECE], [0; PIECE + 10]);
            let inflated = self.inflater.inflate(&mut chunk, &mut piece).inspect_err(|&error| link.fail(error));
            let Ok(Some(piece)) = inflated else {
                self.chunk = None;
                break;
            };
            let (rsv, last) = (if piece.first { RSV1 } else { Rsv::NONE }, piece.last);
            let (kind, piece) = (piece.kind, piece.payload);
            // These fail only if we have sent a Close; the peer can send data until it has read that.
            if let Ok(part) = self.deflater.deflate_part(piece, last, &mut out)
                && let Ok(connection) = link.session.sender(link.now)
                && let Ok(header) = connection.begin_frame_with_rsv(kind, last, rsv, part.len() as u64)
                && connection.mask_payload(part).is_ok()
            {
                send(link.socket, header.as_bytes());
                send(link.socket, part);
            }
            let Chunk { kind, first, last, rsv, payload } = chunk;
            self.chunk = Some(Kept { kind, first, last, rsv, payload: end - payload.len()..end });
        }
        busy
    }
}
