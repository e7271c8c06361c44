//! The time: deadlines, and the delay before a client connects again.

use core::future::{Future, pending, poll_fn};
use core::pin::pin;
use core::task::Poll;

use barews::deadlines::Reconnect;

use crate::error::Error;

/// A clock that counts milliseconds, never runs backwards, and can wake a task.
///
/// ```
/// use barews_embedded::Clock;
/// # struct Timer;
/// # impl Timer { fn millis() -> u64 { 0 } async fn at(_: u64) {} }
///
/// struct Board;
///
/// impl Clock for Board {
///     fn now(&self) -> u64 {
///         Timer::millis()
///     }
///
///     async fn wait_until(&self, time: u64) {
///         Timer::at(time).await;
///     }
/// }
/// ```
#[allow(async_fn_in_trait, reason = "the traits of embedded-io-async do so too: single-core executors need no `Send`")]
pub trait Clock {
    /// Returns the time in milliseconds.
    fn now(&self) -> u64;

    /// Waits until `time`; not at all if it has passed.
    async fn wait_until(&self, time: u64);
}

impl<C: Clock> Clock for &C {
    fn now(&self) -> u64 {
        C::now(self)
    }

    async fn wait_until(&self, time: u64) {
        C::wait_until(self, time).await;
    }
}

/// No clock: no deadline ever passes. A peer that is gone then keeps its socket until the transport ends.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> u64 {
        0
    }

    async fn wait_until(&self, time: u64) {
        if time > 0 {
            pending().await
        }
    }
}

/// The clock of `embassy-time`.
#[cfg(feature = "embassy-time")]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EmbassyClock;

#[cfg(feature = "embassy-time")]
impl Clock for EmbassyClock {
    fn now(&self) -> u64 {
        embassy_time::Instant::now().as_millis()
    }

    async fn wait_until(&self, time: u64) {
        match embassy_time::Instant::try_from_millis(time) {
            Some(time) => embassy_time::Timer::at(time).await,
            None => pending().await,
        }
    }
}

/// Waits before a client connects again: exponential back-off with jitter, as [`Reconnect`] decides. Call it when an
/// attempt has failed or a connection has ended. Call [`Reconnect::on_open`] when a handshake is done.
///
/// `random` is a fresh random number. `error` is why the attempt or the connection ended, if it was an error: a server
/// that refused the request can ask for a delay.
///
/// ```
/// use barews::deadlines::{Backoff, Reconnect};
/// use barews_embedded::{Clock, Error, back_off};
/// # async fn converse(_: &mut Reconnect) -> Result<(), Error<()>> { Ok(()) }
///
/// async fn run(clock: impl Clock, mut random: impl FnMut() -> u32) {
///     let mut reconnect = Reconnect::new(Backoff::MILLISECONDS);
///     loop {
///         // Opens TCP and the WebSocket, calls `reconnect.on_open(clock.now())`, and converses.
///         let ended = converse(&mut reconnect).await;
///         back_off(&mut reconnect, &clock, random(), ended.as_ref().err()).await;
///     }
/// }
/// ```
pub async fn back_off<E>(reconnect: &mut Reconnect, clock: &impl Clock, random: u32, error: Option<&Error<E>>) {
    let retry_after = match error {
        Some(&Error::Refused { retry_after: Some(seconds), .. }) => Some(u64::from(seconds) * 1000),
        _ => None,
    };
    clock.wait_until(reconnect.on_end(clock.now(), random, retry_after)).await;
}

/// Returns the output of `future`, or `None` if the deadline passes before it is ready. The future is polled first:
/// bytes that have arrived count, however late the task is.
pub(crate) async fn until<F: Future>(clock: &impl Clock, deadline: Option<u64>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut alarm = pin!(async {
        match deadline {
            Some(deadline) => clock.wait_until(deadline).await,
            None => pending().await,
        }
    });
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => alarm.as_mut().poll(context).map(|()| None),
    })
    .await
}
