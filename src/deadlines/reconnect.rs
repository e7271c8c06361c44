//! When a client connects again.

/// The delays before a client connects again, in ticks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Backoff {
    /// The longest delay after the first failure. It doubles with each further failure.
    pub first: u32,
    /// The longest delay after any failure.
    pub max: u32,
    /// The longest delay that a server can ask for with Retry-After.
    pub max_retry_after: u64,
    /// A connection that was open for this long was a success: the next delay is at most `first` again.
    pub success: u64,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl Backoff {
    /// Defaults for ticks of a millisecond: at most 1 s after the first failure, at most 60 s after many, at most an hour
    /// on the server's request, success after 30 s.
    pub const MILLISECONDS: Self =
        Self { first: 1_000, max: 60_000, max_retry_after: 3_600_000, success: 30_000, _non_exhaustive: () };
}

impl Default for Backoff {
    /// Returns [`Backoff::MILLISECONDS`].
    fn default() -> Self {
        Self::MILLISECONDS
    }
}

/// Decides when a client connects again: exponential back-off with full jitter. A delay is drawn between 0 and a limit
/// that doubles with each failure, so that the clients of a server that restarts do not all come back in the same second.
/// The host brings the time and the randomness.
///
/// ```
/// use barews::deadlines::{Backoff, Reconnect};
/// # fn random() -> u32 { 1 << 31 }
///
/// let mut reconnect = Reconnect::new(Backoff::MILLISECONDS);
/// // TCP or the handshake failed at 7 s:
/// assert_eq!(reconnect.on_end(7_000, random(), None), 7_500); // connect again then
/// assert_eq!(reconnect.on_end(7_600, random(), None), 8_600);
/// assert_eq!(reconnect.failures(), 2);
/// // The third attempt succeeds, and the connection ends after a minute:
/// reconnect.on_open(9_000);
/// assert_eq!(reconnect.on_end(69_000, random(), None), 69_500);
/// // The server answers with 503 and `Retry-After: 10`:
/// assert_eq!(reconnect.on_end(70_000, random(), Some(10_000)), 81_000);
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Reconnect {
    backoff: Backoff,
    failures: u8,
    opened: Option<u64>,
}

impl Reconnect {
    /// Creates the state of a client that has not connected yet. The first attempt needs no delay.
    #[must_use]
    pub const fn new(backoff: Backoff) -> Self {
        Self { backoff, failures: 0, opened: None }
    }

    /// Call this when the opening handshake is complete.
    pub const fn on_open(&mut self, now: u64) {
        self.opened = Some(now);
    }

    /// Call this when an attempt has failed, or the connection has ended. Returns the time of the next attempt. `random`
    /// is a fresh random number; it need not be secure. `retry_after` is the delay that the server asks for, in ticks: the
    /// seconds of [`Response::retry_after`](crate::handshake::Response::retry_after) times the ticks of a second, or one
    /// of your own after a Close with [1013](crate::wire::CloseCode::TRY_AGAIN_LATER). It comes before the random delay.
    #[must_use]
    pub fn on_end(&mut self, now: u64, random: u32, retry_after: Option<u64>) -> u64 {
        if self.opened.take().is_some_and(|opened| now.saturating_sub(opened) >= self.backoff.success) {
            self.failures = 0;
        }
        let longest = u64::from(self.backoff.first) << self.failures;
        let longest = longest.min(self.backoff.max.into());
        self.failures = self.failures.saturating_add(1).min(32);
        let delay = (u64::from(random) * (longest + 1)) >> 32;
        now.saturating_add(retry_after.unwrap_or(0).min(self.backoff.max_retry_after)).saturating_add(delay)
    }

    /// Returns how many attempts have failed since the last success, at most 32.
    ///
    /// See [`Reconnect`] for an example.
    #[must_use]
    pub const fn failures(&self) -> u8 {
        self.failures
    }
}
