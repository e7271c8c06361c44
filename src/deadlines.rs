//! Deadlines and keepalive without a clock or a connection: the host passes the time and asks what is due.
//!
//! Time is a number of ticks of the host's choice, milliseconds for example, of a clock that never runs backwards:
//! `Instant`, `CLOCK_MONOTONIC` or a timer, not the time of day. [`Ticks`] extends a timer of 32 bits. If a clock is set
//! back all the same, nothing is due until it has caught up, or until the next event sets the deadline again.
//!
//! A peer lives as long as bytes come from it; a Ping asks for them, and any bytes answer it. Read what has arrived
//! before you ask what is due, above all after a sleep of the machine. While bytes wait to be written, a Ping waits
//! until they are gone: when the peer accepts some, it gets more time.
//!
//! The host reports what happened, and acts on the timeouts that are returned:
//!
//! ```
//! use barews::connection::State;
//! use barews::deadlines::{Deadlines, Timeout, Timeouts};
//!
//! let mut deadlines = Deadlines::new(Timeouts::MILLISECONDS, 0);
//! deadlines.on_open(200); // the handshake is done
//! deadlines.on_bytes(1_000); // bytes arrived
//! assert_eq!(deadlines.poll_timeout(), Some(21_000)); // sleep until then, or until bytes arrive
//!
//! let Some(Timeout::Ping(payload)) = deadlines.handle_timeout(21_000) else { panic!() };
//! // here: connection.write_ping(&payload, &mut out)
//! deadlines.on_bytes(21_040);
//! assert_eq!(deadlines.on_pong(&payload, 21_040), Some(40)); // the round trip
//!
//! deadlines.on_state(State::Closing, 30_000); // a Close frame was sent or received
//! assert_eq!(deadlines.handle_timeout(35_000), Some(Timeout::Closing)); // the peer takes too long: close TCP
//! ```

mod reconnect;
mod ticks;

pub use reconnect::{Backoff, Reconnect};
pub use ticks::Ticks;

use crate::connection::State;

/// Timeouts in ticks. `None` disables one; so does a deadline that would fall at or after `u64::MAX`.
///
/// ```
/// use barews::deadlines::{Deadlines, Reason, Timeouts};
///
/// // Ticks are seconds. The host sends no Pings, and closes after five minutes without a message.
/// let timeouts = Timeouts { handshake: Some(10), idle: Some(300), closing: Some(5), ..Timeouts::NEVER };
/// let mut deadlines = Deadlines::new(timeouts, 0);
/// assert_eq!((deadlines.poll_timeout(), deadlines.reason()), (Some(10), Some(Reason::Handshake)));
/// deadlines.on_open(1);
/// assert_eq!((deadlines.poll_timeout(), deadlines.reason()), (Some(301), Some(Reason::Idle)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timeouts {
    /// For the opening handshake, from the start of the transport.
    pub handshake: Option<u64>,
    /// For a data message from either side.
    pub idle: Option<u64>,
    /// For bytes from the peer. Then a Ping is due. 0 counts as 1.
    pub ping: Option<u64>,
    /// For the Pong or any other bytes after that Ping. 0 counts as 1.
    pub pong: Option<u64>,
    /// For the peer's Close frame, and for the end of the transport.
    pub closing: Option<u64>,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl Timeouts {
    /// Defaults for ticks of a millisecond: 10 s for the handshake, no idle timeout, a Ping after 20 s of silence, 20 s
    /// for its Pong, 5 s for closing.
    pub const MILLISECONDS: Self =
        Self { handshake: Some(10_000), ping: Some(20_000), pong: Some(20_000), closing: Some(5_000), ..Self::NEVER };

    /// No deadlines.
    pub const NEVER: Self =
        Self { handshake: None, idle: None, ping: None, pong: None, closing: None, _non_exhaustive: () };
}

impl Default for Timeouts {
    /// Returns [`Timeouts::MILLISECONDS`].
    fn default() -> Self {
        Self::MILLISECONDS
    }
}

/// The purpose of a deadline.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reason {
    /// The opening handshake takes too long.
    Handshake,
    /// There is no data message for too long.
    Idle,
    /// A Ping is due.
    Ping,
    /// The peer does not answer a Ping.
    Pong,
    /// Closing takes too long.
    Closing,
}

/// A deadline that has passed, and what the host should do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Timeout {
    /// The opening handshake took too long: [respond](crate::handshake::ServerHandshake::respond) with 408, or just
    /// close the transport.
    Handshake,
    /// There was no data message for too long: close with 1001 or 1008, according to the host's policy.
    Idle,
    /// Send a Ping with this payload, at once or after the frame that is being sent. The time for its Pong starts now.
    Ping([u8; 4]),
    /// The peer does not answer: close the transport.
    Pong,
    /// Closing took too long: close the transport.
    Closing,
}

/// The deadlines of one connection.
///
/// See the [module](self) for an example.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Deadlines {
    /// By [`Reason`]: the timeout, and the time when it is due, or [`NEVER`].
    timeouts: [u64; REASONS.len()],
    due: [u64; REASONS.len()],
    /// When the unanswered Ping was due, or [`NEVER`].
    asked: u64,
    /// The number of Pings so far. It is the payload of the newest.
    pings: u32,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Phase {
    Opening,
    Open,
    /// The closing deadline was set, which happens only once.
    Closing,
    /// It has passed.
    Over,
}

const REASONS: [Reason; 5] = [Reason::Handshake, Reason::Idle, Reason::Ping, Reason::Pong, Reason::Closing];

/// Instead of an `Option`, which takes twice the RAM.
const NEVER: u64 = u64::MAX;

const fn ticks(timeout: Option<u64>) -> u64 {
    match timeout {
        Some(ticks) => ticks,
        None => NEVER,
    }
}

/// With 0 the next Ping would be due at once, without end, and no Pong could come in time.
const fn at_least_one(timeout: Option<u64>) -> u64 {
    match timeout {
        Some(0) => 1,
        timeout => ticks(timeout),
    }
}

/// Returns the timeouts by [`Reason`].
const fn table(timeouts: Timeouts) -> [u64; REASONS.len()] {
    let Timeouts { handshake, idle, ping, pong, closing, _non_exhaustive: () } = timeouts;
    [ticks(handshake), ticks(idle), at_least_one(ping), at_least_one(pong), ticks(closing)]
}

impl Deadlines {
    /// Call this when the transport has been opened. The time for the handshake starts now: `now` is from a clock that
    /// never runs backwards, such as `Instant` or `CLOCK_MONOTONIC`, not the time of day. See [`Ticks`] for a timer of 32
    /// bits.
    #[must_use]
    pub const fn new(timeouts: Timeouts, now: u64) -> Self {
        let due = [now.saturating_add(ticks(timeouts.handshake)), NEVER, NEVER, NEVER, NEVER];
        Self { timeouts: table(timeouts), due, asked: NEVER, pings: 0, phase: Phase::Opening }
    }

    /// Changes the timeouts. Those of the handshake and of closing still count from their start, so no peer can extend
    /// them by a command; the others start again now. A Ping without an answer still waits for it.
    ///
    /// ```
    /// use barews::deadlines::{Deadlines, Timeouts};
    ///
    /// let mut deadlines = Deadlines::new(Timeouts::MILLISECONDS, 0);
    /// deadlines.on_open(0);
    /// // The server sets the interval of our Pings, as in OCPP:
    /// deadlines.set_timeouts(Timeouts { ping: Some(300_000), ..Timeouts::MILLISECONDS }, 5_000);
    /// assert_eq!(deadlines.poll_timeout(), Some(305_000));
    /// ```
    pub fn set_timeouts(&mut self, timeouts: Timeouts, now: u64) {
        let before = core::mem::replace(&mut self.timeouts, table(timeouts));
        match self.phase {
            Phase::Opening => self.move_to(Reason::Handshake, &before, now),
            Phase::Open => {
                self.set(Reason::Idle, now);
                if self.is_due(Reason::Pong) {
                    self.expect_pong(now);
                } else {
                    self.set(Reason::Ping, now);
                }
            }
            Phase::Closing => self.move_to(Reason::Closing, &before, now),
            Phase::Over => {}
        }
    }

    /// Sets a deadline again, from the time when it was set before, with its timeout then.
    fn move_to(&mut self, reason: Reason, before: &[u64; REASONS.len()], now: u64) {
        let start = match (self.due.get(reason as usize), before.get(reason as usize)) {
            (Some(&NEVER), _) | (_, None) | (None, _) => now,
            (Some(due), Some(timeout)) => due.saturating_sub(*timeout),
        };
        self.set(reason, start);
    }

    /// Call this when the opening handshake is complete.
    pub fn on_open(&mut self, now: u64) {
        self.phase = Phase::Open;
        self.clear(Reason::Handshake);
        self.set(Reason::Idle, now);
        self.set(Reason::Ping, now);
    }

    /// Call this when the peer of an open connection has sent bytes: it is alive. That ends the wait for a Pong: not
    /// every peer copies the payload of our Ping, and its Pong can be queued after these bytes.
    pub fn on_bytes(&mut self, now: u64) {
        if self.is_due(Reason::Pong) || self.is_due(Reason::Ping) {
            self.clear(Reason::Pong);
            self.set(Reason::Ping, now);
        }
    }

    /// Call this when the transport has accepted bytes that were waiting because it had accepted none for a while. The
    /// time for a Pong, or until the next Ping, starts again: our Ping can be queued after these bytes. It is no answer:
    /// a buffer on our side can accept bytes for a peer that is gone.
    ///
    /// ```
    /// use barews::deadlines::{Deadlines, Timeout, Timeouts};
    ///
    /// let mut deadlines = Deadlines::new(Timeouts::MILLISECONDS, 0);
    /// deadlines.on_open(0);
    /// assert_eq!(deadlines.handle_timeout(20_000), Some(Timeout::Ping([0, 0, 0, 1])));
    /// deadlines.on_written(35_000); // megabytes before the Ping
    /// assert_eq!(deadlines.poll_timeout(), Some(55_000)); // for the Pong
    /// ```
    pub fn on_written(&mut self, now: u64) {
        if self.is_due(Reason::Pong) {
            self.set(Reason::Pong, now);
        } else if self.is_due(Reason::Ping) {
            self.set(Reason::Ping, now);
        }
    }

    /// The Ping is written only now: the time for its Pong starts again.
    pub(crate) fn on_ping_written(&mut self, now: u64) {
        self.asked = now;
        self.on_written(now);
    }

    /// Call this when a data message was sent or received.
    ///
    /// ```
    /// use barews::deadlines::{Deadlines, Timeout, Timeouts};
    ///
    /// let mut deadlines = Deadlines::new(Timeouts { idle: Some(300), ..Timeouts::NEVER }, 0);
    /// deadlines.on_open(0);
    /// deadlines.on_message(100);
    /// assert_eq!(deadlines.handle_timeout(300), None);
    /// assert_eq!(deadlines.handle_timeout(400), Some(Timeout::Idle)); // here: connection.write_close(..)
    /// ```
    pub fn on_message(&mut self, now: u64) {
        if self.is_due(Reason::Idle) {
            self.set(Reason::Idle, now);
        }
    }

    /// Call this when a Pong with this payload was received. If the payload is that of the newest Ping, returns the ticks
    /// of the round trip.
    pub fn on_pong(&mut self, payload: &[u8], now: u64) -> Option<u64> {
        self.on_bytes(now);
        if *payload != self.pings.to_be_bytes() || self.asked == NEVER {
            return None;
        }
        let asked = core::mem::replace(&mut self.asked, NEVER);
        Some(now.saturating_sub(asked))
    }

    /// Reports the state of the connection. Call this after each receive and send; only changes have an effect.
    pub fn on_state(&mut self, state: State, now: u64) {
        if state != State::Open {
            for reason in [Reason::Handshake, Reason::Idle, Reason::Ping, Reason::Pong] {
                self.clear(reason);
            }
            if !self.is_closing() {
                self.phase = Phase::Closing;
                self.set(Reason::Closing, now);
            }
        }
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) next, unless something happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.next().map(|(_, due)| due)
    }

    /// Returns the purpose of the next deadline.
    ///
    /// See [`Timeouts`] for an example.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.next().map(|(reason, _)| reason)
    }

    /// Returns a deadline that has passed, if any. Call this until it returns `None`. Before that, read what the
    /// transport has, and report it: a process that was stopped or a machine that slept wakes with the peer's bytes in
    /// the socket.
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
                self.expect_pong(now);
                Timeout::Ping(self.pings.to_be_bytes())
            }
            Reason::Pong => Timeout::Pong,
            Reason::Closing => {
                self.phase = Phase::Over;
                Timeout::Closing
            }
        })
    }

    /// Whether the time for closing has started.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Over)
    }

    fn expect_pong(&mut self, now: u64) {
        self.set(Reason::Pong, now);
        if !self.is_due(Reason::Pong) {
            self.set(Reason::Ping, now); // no Pong timeout: the next Ping is due after the usual time
        }
    }

    fn next(&self) -> Option<(Reason, u64)> {
        // A loop instead of `min_by_key`, which takes 276 bytes more flash.
        let mut next = (None, NEVER);
        for (reason, due) in REASONS.iter().zip(&self.due) {
            if *due < next.1 {
                next = (Some(*reason), *due);
            }
        }
        Some((next.0?, next.1))
    }

    #[inline(never)]
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
