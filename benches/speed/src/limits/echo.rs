//! The limit of an echo: unmask into a buffer after a new header, and write the buffer when it is full and after each read.
//! Long payloads are written from their place.

use super::kernel::{self, Vector};
use super::receive::{self, Work};
use super::send::{HEADER, header};
use peers::{CORK, Lent, Session, Socket, Tally};
use std::slice;

/// Payloads of this size and longer ones are not copied.
const LONG: usize = 4096;

struct Echo {
    out: Lent,
    filled: usize,
}

impl Echo {
    fn flush(&mut self, socket: &mut Socket) {
        if self.filled > 0 {
            socket.write(&self.out[..self.filled]);
            self.filled = 0;
        }
    }
}

impl Work for Echo {
    #[inline(always)]
    fn begin(&mut self, first: u8, len: usize, socket: &mut Socket) {
        if self.out.len() - self.filled < HEADER + LONG {
            self.flush(socket);
        }
        // SAFETY: there is space for a header.
        self.filled += unsafe { header(self.out.as_mut_ptr().add(self.filled), first, len, None) };
    }

    #[inline(always)]
    unsafe fn payload<V: Vector>(&mut self, part: *mut u8, len: usize, mut key: u32, _: bool, socket: &mut Socket) {
        // SAFETY: as the caller promises.
        let part = unsafe { slice::from_raw_parts_mut(part, len) };
        if part.len() < LONG {
            if self.out.len() - self.filled < part.len() {
                self.flush(socket);
            }
            // SAFETY: there is space for a short part.
            unsafe {
                let to = self.out.as_mut_ptr().add(self.filled);
                kernel::mask::<V>(part.as_ptr(), to, part.len(), key);
            }
            self.filled += part.len();
            return;
        }
        self.flush(socket);
        for block in part.chunks_mut(LONG) {
            // SAFETY: in place.
            unsafe { kernel::mask::<V>(block.as_ptr(), block.as_mut_ptr(), block.len(), key) };
            key = key.rotate_right(8 * (block.len() as u32 & 3));
            socket.write(block);
        }
    }

    fn end_of_read(&mut self, socket: &mut Socket) {
        self.flush(socket);
    }
}

pub fn echo(socket: Socket) -> Session {
    receive::session(socket, Tally::default(), Echo { out: Lent::new(CORK), filled: 0 })
}
