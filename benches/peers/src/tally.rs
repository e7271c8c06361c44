//! A record of what arrived: a hash of everything while results are verified. While time is measured, it has counts and
//! reads a little of the payload, so that no peer can skip it.

use crate::Event;
use std::cell::Cell;
use std::rc::Rc;

#[derive(Clone, Default, Debug)]
pub struct Tally(Rc<Counts>);

#[derive(Default, Debug)]
struct Counts {
    messages: Cell<u64>,
    bytes: Cell<u64>,
    glance: Cell<u64>,
    verifies: Cell<bool>,
    hash: Cell<u64>,
}

/// How much arrived and, during verification, a hash of it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Total {
    pub messages: u64,
    pub bytes: u64,
    pub hash: u64,
}

impl Tally {
    pub fn verifying() -> Self {
        let tally = Self::default();
        tally.0.verifies.set(true);
        tally
    }

    pub fn restart(&self) {
        let Counts { messages, bytes, hash, .. } = &*self.0;
        [messages, bytes, hash].into_iter().for_each(|count| count.set(0));
    }

    #[inline]
    pub fn message(&self, payload: &[u8]) {
        self.chunk(payload, true);
    }

    #[inline]
    pub fn event(&self, event: Event<'_>) {
        if let Event::Text(payload) | Event::Binary(payload) = event {
            self.message(payload);
        }
    }

    /// Adds a piece of a message.
    #[inline]
    pub fn chunk(&self, payload: &[u8], last: bool) {
        let Counts { messages, bytes, glance, verifies, .. } = &*self.0;
        messages.set(messages.get() + u64::from(last));
        bytes.set(bytes.get() + payload.len() as u64);
        glance.set(glance.get() ^ u64::from(payload.first().copied().unwrap_or_default()));
        if verifies.get() {
            self.hash(payload, last);
        }
    }

    #[cold]
    fn hash(&self, payload: &[u8], last: bool) {
        // FNV-1a, with a symbol that is not a byte for the end of a message
        let step = |hash: u64, symbol: u64| (hash ^ symbol).wrapping_mul(0x100_0000_01b3);
        let hash = payload.iter().fold(self.0.hash.get(), |hash, byte| step(hash, u64::from(*byte)));
        self.0.hash.set(if last { step(hash, 0x100) } else { hash });
    }

    pub fn total(&self) -> Total {
        std::hint::black_box(self.0.glance.get());
        Total { messages: self.0.messages.get(), bytes: self.0.bytes.get(), hash: self.0.hash.get() }
    }
}
