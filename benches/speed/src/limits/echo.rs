//! The limit of an echo: unmask into a buffer after a new header, and write the buffer when it is full and after each read.
//! Long payloads are written from their place.
#![allow(unsafe_code)]

use super::kernel::{self, Own};
use super::receive::{self, Work};
use super::send::{HEADER, header};
use peers::{CORK, Lent, Reads, Session, Socket, Tally};

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
    unsafe fn payload(&mut self, part: &mut [u8], mut key: u32, _: bool, socket: &mut Socket) {
        if part.len() < LONG {
            if self.out.len() - self.filled < part.len() {
                self.flush(socket);
            }
            // SAFETY: there is space for a short part.
            unsafe {
                let to = self.out.as_mut_ptr().add(self.filled);
                kernel::mask::<Own>(part.as_ptr(), to, part.len(), key);
            }
            self.filled += part.len();
            return;
        }
        self.flush(socket);
        for block in part.chunks_mut(LONG) {
            // SAFETY: in place.
            unsafe { kernel::mask::<Own>(block.as_ptr(), block.as_mut_ptr(), block.len(), key) };
            key = key.rotate_right(8 * (block.len() as u32 & 3));
            socket.write(block);
        }
    }

    fn end_of_read(&mut self, socket: &mut Socket) {
        self.flush(socket);
    }
}

pub fn echo(socket: Socket, reads: Reads) -> Session {
    receive::session(socket, reads, Tally::default(), Echo { out: Lent::new(CORK), filled: 0 })
}
