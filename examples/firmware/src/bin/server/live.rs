//! The data of the page: snapshots of the board as JSON texts, and the commands that a page sends.

use core::fmt::Write;

use firmware::board::{self, Thermometer};
use firmware::link::TEXT_SIZE;
use firmware::stack;
use heapless::String;

/// The maximum length of a command.
pub const COMMAND_SIZE: usize = 32;

const INTERVALS: core::ops::RangeInclusive<u64> = 20..=10_000;

/// The state that all live views share.
pub struct Live {
    thermometer: Thermometer,
    /// Milliseconds between two snapshots.
    interval: u64,
    /// The time of the next snapshot.
    due: u64,
    /// The number of the newest snapshot. A view that has sent an older one has to send a new one.
    number: u32,
}

impl Live {
    pub fn new() -> Self {
        Self { thermometer: Thermometer::default(), interval: 500, due: 0, number: 0 }
    }

    pub fn poll(&mut self, now: u64) {
        if now >= self.due {
            self.due = now + self.interval;
            self.number = self.number.wrapping_add(1);
        }
    }

    pub fn due(&self) -> u64 {
        self.due
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    /// Executes a command of a page: `led on`, `led off`, or `interval N`. All pages see the result at once.
    pub fn command(&mut self, command: &str) {
        defmt::info!("command: {=str}", command);
        match command.split_once(' ') {
            Some(("led", "on")) => board::set_led(true),
            Some(("led", "off")) => board::set_led(false),
            Some(("interval", interval)) => {
                let interval = interval.parse().ok().filter(|interval| INTERVALS.contains(interval));
                self.interval = interval.unwrap_or(self.interval);
            }
            _ => defmt::warn!("no such command"),
        }
        self.due = 0;
    }

    pub fn snapshot(&mut self, now: u64) -> String<TEXT_SIZE> {
        let mut text = String::new();
        let (led, free, interval) = (board::led(), stack::unused(), self.interval);
        let tenths = self.thermometer.tenths();
        let (degrees, tenth) = (tenths / 10, tenths.rem_euclid(10));
        // There is room for the longest values.
        let _ = write!(
            text,
            r#"{{"uptime":{now},"interval":{interval},"led":{led},"temperature":{degrees}.{tenth},"stack":{free}}}"#
        );
        text
    }
}
