//! Deadlines and keepalive as data: the host tells the time, and asks what is due.
//!
//! Time is counted in ticks of the host's choice, milliseconds for instance, that never run backwards. Nothing here
//! touches a connection; the host says what happened and does what is asked:
//!
//! ```
//! use barews::connection::State;
//! use barews::deadlines::{Deadlines, Timeout, Timeouts};
//!
//! let mut deadlines = Deadlines::new(Timeouts::MILLISECONDS, 0);
//! deadlines.opened(200); // the handshake is done
//! deadlines.received(1_000); // bytes came
//! assert_eq!(deadlines.poll_timeout(), Some(21_000)); // sleep until then, or until bytes come
//!
//! let Some(Timeout::Ping(payload)) = deadlines.handle_timeout(21_000) else { panic!() };
//! // here: connection.ping(&payload, &mut out)
//! deadlines.received(21_040);
//! assert_eq!(deadlines.pong(&payload, 21_040), Some(40)); // the round trip
//!
//! deadlines.state(State::Closing, 30_000); // a Close frame was sent or received
//! assert_eq!(deadlines.handle_timeout(35_000), Some(Timeout::Closing)); // the peer takes too long: close TCP
//! ```

use crate::connection::State;

/// How long the host waits for what, in its ticks. `None`: for ever. So is what would end at the end of time, at
/// `u64::MAX`, or behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timeouts {
    /// For the opening handshake, from the transport's start.
    pub handshake: Option<u64>,
    /// For a data message of either side.
    pub idle: Option<u64>,
    /// For bytes from the peer, before it is asked by a Ping whether it is there.
    pub ping: Option<u64>,
    /// For the Pong, or at least any bytes, after that Ping.
    pub pong: Option<u64>,
    /// For the peer's part of the closing handshake, and for the end of the transport.
    pub closing: Option<u64>,
}

impl Timeouts {
    /// The defaults where a tick is a millisecond: 10 s for the handshake, no idle timeout, a Ping after 20 s of
    /// silence, 20 s for its Pong, 5 s for closing.
    pub const MILLISECONDS: Self =
        Self { handshake: Some(10_000), idle: None, ping: Some(20_000), pong: Some(20_000), closing: Some(5_000) };

    /// No deadline at all.
    pub const NEVER: Self = Self { handshake: None, idle: None, ping: None, pong: None, closing: None };
}

/// What a deadline is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reason {
    /// The opening handshake takes too long.
    Handshake,
    /// No data message for too long.
    Idle,
    /// The peer is to be asked by a Ping.
    Ping,
    /// The peer does not answer a Ping.
    Pong,
    /// Closing takes too long.
    Closing,
}

/// A deadline that has passed, and what the host does about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Timeout {
    /// The opening handshake took too long: [respond](crate::handshake::ServerHandshake::respond) with 408, or just
    /// close the transport.
    Handshake,
    /// There was no data message for too long: close with 1001 or 1008, as the host's policy has it.
    Idle,
    /// Send a Ping with this payload, or as soon as the frame under way is complete: its Pong is awaited from now on.
    Ping([u8; 4]),
    /// The peer does not answer: it is gone, close the transport.
    Pong,
    /// Closing took too long: close the transport.
    Closing,
}

/// The deadlines of one connection.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Deadlines {
    /// How long to wait for each [`Reason`], and when it is due; [`NEVER`] for what is not.
    timeouts: [u64; REASONS.len()],
    due: [u64; REASONS.len()],
    /// When the Ping that is unanswered was due.
    asked: u64,
    /// Pings sent so far; the payload of the newest.
    pings: u32,
    /// The closing deadline was set; there is only one.
    closing: bool,
}

const REASONS: [Reason; 5] = [Reason::Handshake, Reason::Idle, Reason::Ping, Reason::Pong, Reason::Closing];

/// In place of an `Option`, which takes twice the RAM.
const NEVER: u64 = u64::MAX;

const fn ticks(timeout: Option<u64>) -> u64 {
    match timeout {
        Some(ticks) => ticks,
        None => NEVER,
    }
}

impl Deadlines {
    /// The transport has just been opened; the handshake is on its way.
    pub const fn new(timeouts: Timeouts, now: u64) -> Self {
        let Timeouts { handshake, idle, ping, pong, closing } = timeouts;
        let timeouts = [ticks(handshake), ticks(idle), ticks(ping), ticks(pong), ticks(closing)];
        let due = [now.saturating_add(ticks(handshake)), NEVER, NEVER, NEVER, NEVER];
        Self { timeouts, due, asked: NEVER, pings: 0, closing: false }
    }

    /// The opening handshake is complete.
    pub fn opened(&mut self, now: u64) {
        self.clear(Reason::Handshake);
        self.set(Reason::Idle, now);
        self.set(Reason::Ping, now);
    }

    /// Bytes came from the peer of an open connection, or it took bytes that had waited: it is alive. A Pong that is
    /// awaited may be stuck behind them, so its time begins anew.
    pub fn received(&mut self, now: u64) {
        if self.is_due(Reason::Pong) {
            self.set(Reason::Pong, now);
        } else if self.is_due(Reason::Ping) {
            self.set(Reason::Ping, now);
        }
    }

    /// A data message was sent or received.
    pub fn message(&mut self, now: u64) {
        if self.is_due(Reason::Idle) {
            self.set(Reason::Idle, now);
        }
    }

    /// A Pong with this payload was received. When it answers the newest Ping: the ticks that the round trip took.
    pub fn pong(&mut self, payload: &[u8], now: u64) -> Option<u64> {
        if *payload != self.pings.to_be_bytes() || self.asked == NEVER {
            return None;
        }
        let asked = core::mem::replace(&mut self.asked, NEVER);
        if self.is_due(Reason::Pong) {
            self.clear(Reason::Pong);
            self.set(Reason::Ping, now);
        }
        Some(now.saturating_sub(asked))
    }

    /// The connection is in this state. To be told after each receive and send; only changes matter.
    pub fn state(&mut self, state: State, now: u64) {
        if state != State::Open {
            for reason in [Reason::Handshake, Reason::Idle, Reason::Ping, Reason::Pong] {
                self.clear(reason);
            }
            if !self.closing {
                self.closing = true;
                self.set(Reason::Closing, now);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next, unless something happens before.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.next().map(|(_, due)| due)
    }

    /// What the next deadline is for.
    pub fn reason(&self) -> Option<Reason> {
        self.next().map(|(reason, _)| reason)
    }

    /// The deadline that has passed by now, if any. To be called until it returns `None`.
    #[must_use]
    pub fn handle_timeout(&mut self, now: u64) -> Option<Timeout> {
        let (reason, _) = self.next().filter(|(_, due)| *due <= now)?;
        self.clear(reason);
        Some(match reason {
            Reason::Handshake => Timeout::Handshake,
            Reason::Idle => Timeout::Idle,
            Reason::Ping => {
                self.pings = self.pings.wrapping_add(1);
                self.asked = now;
                self.set(Reason::Pong, now);
                if !self.is_due(Reason::Pong) {
                    self.set(Reason::Ping, now); // without a limit for the Pong the next Ping comes in its time
                }
                Timeout::Ping(self.pings.to_be_bytes())
            }
            Reason::Pong => Timeout::Pong,
            Reason::Closing => Timeout::Closing,
        })
    }

    fn next(&self) -> Option<(Reason, u64)> {
        let due = REASONS.into_iter().zip(self.due).filter(|(_, due)| *due != NEVER);
        due.min_by_key(|(_, due)| *due)
    }

    fn set(&mut self, reason: Reason, now: u64) {
        match (self.due.get_mut(reason as usize), self.timeouts.get(reason as usize)) {
            (Some(due), Some(timeout)) => *due = now.saturating_add(*timeout),
            _ => never!(),
        }
    }

    fn clear(&mut self, reason: Reason) {
        match self.due.get_mut(reason as usize) {
            Some(due) => *due = NEVER,
            None => never!(),
        }
    }

    fn is_due(&self, reason: Reason) -> bool {
        self.due.get(reason as usize).map_or_else(|| never!(false), |due| *due != NEVER)
    }
}
