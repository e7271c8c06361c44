//! The limit of sending: only a header, and the payload, which is masked while it is copied.

use super::Pass;
use super::kernel::{self, Vector};
use peers::{CORK, Lent, Outgoing, Random, Role, Session, Socket};

/// The maximum length of a header with a masking key.
pub(super) const HEADER: usize = 14;

/// Writes a header and returns its length.
///
/// # Safety
/// `out` is writable for [`HEADER`] bytes.
#[inline(always)]
pub(super) unsafe fn header(out: *mut u8, first: u8, len: usize, key: Option<[u8; 4]>) -> usize {
    let mask = if key.is_some() { 0x80 } else { 0 };
    unsafe {
        out.write(first);
        let at = match len {
            ..126 => {
                out.add(1).write(mask | len as u8);
                2
            }
            126..0x1_0000 => {
                out.add(1).write(mask | 126);
                out.add(2).cast::<[u8; 2]>().write((len as u16).to_be_bytes());
                4
            }
            _ => {
                out.add(1).write(mask | 127);
                out.add(2).cast::<[u8; 8]>().write((len as u64).to_be_bytes());
                10
            }
        };
        let Some(key) = key else { return at };
        out.add(at).cast::<[u8; 4]>().write(key);
        at + 4
    }
}

/// Writes a frame and returns its length.
///
/// # Safety
/// `out` is writable for the payload and a header.
#[inline(always)]
unsafe fn frame<V: Vector>(out: *mut u8, first: u8, payload: &[u8], key: Option<[u8; 4]>) -> usize {
    unsafe {
        let start = header(out, first, payload.len(), key);
        match key {
            Some(key) => {
                let key = u32::from_le_bytes(key);
                kernel::mask::<V>(payload.as_ptr(), out.add(start), payload.len(), key);
            }
            None => kernel::copy::<V>(payload.as_ptr(), out.add(start), payload.len()),
        }
        start + payload.len()
    }
}

struct Send {
    role: Role,
    socket: Socket,
    outgoing: Outgoing,
    random: Random,
    out: Lent,
}

/// Many frames in a buffer, which is written when it is full.
struct Corked(Send);

impl Pass for Corked {
    #[inline(always)]
    unsafe fn pass<V: Vector>(&mut self) {
        let Send { role, socket, outgoing, random, out } = &mut self.0;
        let mut at = 0;
        for body in outgoing.bodies() {
            if out.len() - at < body.len() + HEADER {
                socket.write(&out[..at]);
                at = 0;
            }
            let key = (*role == Role::Client).then(|| random.key());
            // SAFETY: there is space for the payload and a header.
            at += unsafe { frame::<V>(out.as_mut_ptr().add(at), 0x82, body, key) };
        }
        socket.write(&out[..at]);
    }
}

/// Writes each frame separately: a server's payload from its place, a client's in blocks that stay in the first-level cache.
struct InParts(Send);

impl Pass for InParts {
    #[inline(always)]
    unsafe fn pass<V: Vector>(&mut self) {
        const BLOCK: usize = 4096;
        let Send { role, socket, outgoing, random, out } = &mut self.0;
        for body in outgoing.bodies() {
            let key = (*role == Role::Client).then(|| random.key());
            // SAFETY: there is space for a header.
            let len = unsafe { header(out.as_mut_ptr(), 0x82, body.len(), key) };
            socket.write(&out[..len]);
            let Some(key) = key.map(u32::from_le_bytes) else {
                socket.write(body);
                continue;
            };
            for block in body.chunks(BLOCK) {
                // SAFETY: `out` is longer than a block.
                unsafe { kernel::mask::<V>(block.as_ptr(), out.as_mut_ptr(), block.len(), key) };
                socket.write(&out[..block.len()]);
            }
        }
    }
}

impl Send {
    fn new(role: Role, socket: Socket, outgoing: Outgoing) -> Self {
        let out = Lent::new(CORK.max(outgoing.longest() + HEADER));
        Self { role, socket, outgoing, random: Random::default(), out }
    }
}

pub fn corked(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    super::session(Corked(Send::new(role, socket, outgoing)))
}

pub fn in_parts(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    super::session(InParts(Send::new(role, socket, outgoing)))
}
