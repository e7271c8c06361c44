//! Deadlines for a bare connection, when to connect again, and the time of a 32-bit timer.

use barews::connection::State;
use barews::deadlines::{Backoff, Deadlines, Reconnect, Ticks, Timeout};

use crate::config::barews_timeouts;
use crate::endpoint::change;
use crate::error::{BAREWS_ERR_ARGUMENT, BAREWS_OK, barews_error};
use crate::event::{
    BAREWS_NEVER, BAREWS_STATE_CLOSED, BAREWS_STATE_CLOSING, BAREWS_STATE_CONNECTING, BAREWS_STATE_OPEN, barews_state,
};
use crate::memory::{bytes, get, get_mut, put, read_or, write};

/// The size of `barews_deadlines` in words of 8 bytes.
pub const BAREWS_DEADLINES_WORDS: usize = 13;

/// The deadlines of a bare connection. A session has its own.
#[repr(C)]
pub struct barews_deadlines {
    words: [u64; BAREWS_DEADLINES_WORDS],
}

opaque!(barews_deadlines, Deadlines, 0x50);

/// A deadline that has passed: one of `BAREWS_TIMEOUT_...`.
pub type barews_timeout = u8;

/// None.
pub const BAREWS_TIMEOUT_NONE: barews_timeout = 0;
/// The handshake took too long: close the transport.
pub const BAREWS_TIMEOUT_HANDSHAKE: barews_timeout = 1;
/// There was no message: close with 1001 or 1008.
pub const BAREWS_TIMEOUT_IDLE: barews_timeout = 2;
/// The peer was silent: send a Ping with the payload that was stored.
pub const BAREWS_TIMEOUT_PING: barews_timeout = 3;
/// No Pong came: close the transport.
pub const BAREWS_TIMEOUT_PONG: barews_timeout = 4;
/// The peer does not end the connection: close the transport.
pub const BAREWS_TIMEOUT_CLOSING: barews_timeout = 5;

/// Begins with the opening handshake.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deadlines_init(
    deadlines: *mut barews_deadlines,
    timeouts: *const barews_timeouts,
    now: u64,
) -> barews_error {
    trusting! {
        let made = Deadlines::new(barews_timeouts::read(timeouts), now);
        if put(deadlines, made) { BAREWS_OK } else { BAREWS_ERR_ARGUMENT }
    }
}

/// Changes the timeouts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deadlines_set_timeouts(
    deadlines: *mut barews_deadlines,
    timeouts: *const barews_timeouts,
    now: u64,
) -> barews_error {
    trusting! {
        let timeouts = barews_timeouts::read(timeouts);
        change(deadlines, |deadlines| deadlines.set_timeouts(timeouts, now))
    }
}

/// Reports that the handshake is done.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deadlines_on_open(deadlines: *mut barews_deadlines, now: u64) -> barews_error {
    trusting!(change(deadlines, |deadlines| deadlines.on_open(now)))
}

/// Reports that the peer has sent bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deadlines_on_bytes(deadlines: *mut barews_deadlines, now: u64) -> barews_error {
    trusting!(change(deadlines, |deadlines| deadlines.on_bytes(now)))
}

/// Reports that the transport has accepted bytes that were waiting.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deadlines_on_written(deadlines: *mut barews_deadlines, now: u64) -> barews_error {
    trusting!(change(deadlines, |deadlines| deadlines.on_written(now)))
}

/// Reports a message, from either side.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deadlines_on_message(deadlines: *mut barews_deadlines, now: u64) -> barews_error {
    trusting!(change(deadlines, |deadlines| deadlines.on_message(now)))
}

/// Reports a Pong. Returns the ticks since its Ping, or `BAREWS_NEVER` if it does not answer the newest one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deadlines_on_pong(
    deadlines: *mut barews_deadlines,
    payload: *const u8,
    payload_len: usize,
    now: u64,
) -> u64 {
    trusting! {
        let (Some(inner), Some(payload)) = (get_mut(deadlines), bytes(payload, payload_len)) else { return BAREWS_NEVER };
        inner.on_pong(payload, now).unwrap_or(BAREWS_NEVER)
    }
}

/// Reports the state of the connection, after each call that can change it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deadlines_on_state(
    deadlines: *mut barews_deadlines,
    state: barews_state,
    now: u64,
) -> barews_error {
    let state = match state {
        BAREWS_STATE_CONNECTING | BAREWS_STATE_OPEN => State::Open,
        BAREWS_STATE_CLOSING => State::Closing,
        BAREWS_STATE_CLOSED => State::Closed,
        _ => return BAREWS_ERR_ARGUMENT,
    };
    trusting!(change(deadlines, |deadlines| deadlines.on_state(state, now)))
}

/// Returns when to call `barews_deadlines_handle_timeout`, or `BAREWS_NEVER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deadlines_poll_timeout(deadlines: *const barews_deadlines) -> u64 {
    trusting!(get(deadlines)).and_then(|deadlines| deadlines.poll_timeout()).unwrap_or(BAREWS_NEVER)
}

/// Returns a deadline that has passed. For `BAREWS_TIMEOUT_PING` it stores the 4 bytes of the Ping's payload in `payload`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_deadlines_handle_timeout(
    deadlines: *mut barews_deadlines,
    now: u64,
    payload: *mut u8,
) -> barews_timeout {
    let Some(inner) = trusting!(get_mut(deadlines)) else { return BAREWS_TIMEOUT_NONE };
    match inner.handle_timeout(now) {
        None => BAREWS_TIMEOUT_NONE,
        Some(Timeout::Handshake) => BAREWS_TIMEOUT_HANDSHAKE,
        Some(Timeout::Idle) => BAREWS_TIMEOUT_IDLE,
        Some(Timeout::Ping(bytes)) => {
            trusting!(write(payload.cast::<[u8; 4]>(), bytes));
            BAREWS_TIMEOUT_PING
        }
        Some(Timeout::Pong) => BAREWS_TIMEOUT_PONG,
        Some(Timeout::Closing) => BAREWS_TIMEOUT_CLOSING,
    }
}

/// How long a client waits before it connects again, in ticks. Where a function takes it, null means the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_backoff {
    /// The longest delay that a server can ask for with Retry-After. Default 1 hour.
    pub max_retry_after: u64,
    /// A connection that was open for this long was a success: the next delay is at most `first` again. Default 30 s.
    pub success: u64,
    /// The longest delay after the first failure. It doubles with each further failure. Default 1 s.
    pub first: u32,
    /// The longest delay after any failure. Default 60 s.
    pub max: u32,
}

impl barews_backoff {
    const DEFAULT: Self = {
        let Backoff { first, max, max_retry_after, success, .. } = Backoff::MILLISECONDS;
        Self { max_retry_after, success, first, max }
    };
}

/// Sets the defaults, in milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_backoff_init(backoff: *mut barews_backoff) {
    trusting!(write(backoff, barews_backoff::DEFAULT));
}

/// The size of `barews_reconnect` in words of 8 bytes.
pub const BAREWS_RECONNECT_WORDS: usize = 7;

/// When a client connects again.
#[repr(C)]
pub struct barews_reconnect {
    words: [u64; BAREWS_RECONNECT_WORDS],
}

opaque!(barews_reconnect, Reconnect, 0x51);

/// Begins without a failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_reconnect_init(
    reconnect: *mut barews_reconnect,
    backoff: *const barews_backoff,
) -> barews_error {
    trusting! {
        let barews_backoff { max_retry_after, success, first, max } = read_or(backoff, barews_backoff::DEFAULT);
        let backoff = Backoff { first, max, max_retry_after, success, ..Backoff::MILLISECONDS };
        if put(reconnect, Reconnect::new(backoff)) { BAREWS_OK } else { BAREWS_ERR_ARGUMENT }
    }
}

/// Reports that the handshake is done.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_reconnect_on_open(reconnect: *mut barews_reconnect, now: u64) -> barews_error {
    trusting!(change(reconnect, |reconnect| reconnect.on_open(now)))
}

/// Reports the end of an attempt or of a connection. Returns when to connect again. `random` is a random number, from 0 to
/// `UINT32_MAX`, so that many clients do not come back at once. `retry_after` is what the server asked for, in ticks, or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_reconnect_on_end(
    reconnect: *mut barews_reconnect,
    now: u64,
    random: u32,
    retry_after: u64,
) -> u64 {
    trusting!(get_mut(reconnect)).map_or(BAREWS_NEVER, |reconnect| reconnect.on_end(now, random, Some(retry_after)))
}

/// Returns the number of failures in a row.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_reconnect_failures(reconnect: *const barews_reconnect) -> u8 {
    trusting!(get(reconnect)).map_or(0, Reconnect::failures)
}

/// The size of `barews_ticks` in words of 8 bytes.
pub const BAREWS_TICKS_WORDS: usize = 2;

/// The time of a 32-bit timer that wraps, as 64 bits.
#[repr(C)]
pub struct barews_ticks {
    words: [u64; BAREWS_TICKS_WORDS],
}

opaque!(barews_ticks, Ticks, 0x52);

/// Begins at the value of the timer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_ticks_init(ticks: *mut barews_ticks, counter: u32) -> barews_error {
    if trusting!(put(ticks, Ticks::new(counter))) { BAREWS_OK } else { BAREWS_ERR_ARGUMENT }
}

/// Returns the time for a value of the timer. Call it at least once in each 2^31 ticks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_ticks_extend(ticks: *mut barews_ticks, counter: u32) -> u64 {
    trusting!(get_mut(ticks)).map_or(0, |ticks| ticks.extend(counter))
}
