//! The time of a 32-bit timer.

/// Extends a counter of 32 bits, such as `millis()` of Arduino, to the 64 bits of [`Deadlines`](super::Deadlines). The
/// counter wraps after 49.7 days of milliseconds.
///
/// ```
/// use barews::deadlines::Ticks;
///
/// let mut ticks = Ticks::new(0xFFFF_FFFE); // what the counter shows now
/// assert_eq!(ticks.extend(0xFFFF_FFFF), 0xFFFF_FFFF);
/// assert_eq!(ticks.extend(3), 0x1_0000_0003);
/// assert_eq!(ticks.extend(1), 0x1_0000_0003); // it never runs backwards
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ticks(u64);

impl Ticks {
    /// Starts at what the counter shows now.
    #[must_use]
    pub const fn new(counter: u32) -> Self {
        Self(counter as u64)
    }

    /// Returns the time at which the counter shows `counter`. Call this at least every 2^31 ticks, which are 24.8 days of
    /// milliseconds. A counter that is set back by less counts as one that stands still until it has caught up.
    pub const fn extend(&mut self, counter: u32) -> u64 {
        let step = counter.wrapping_sub(self.0 as u32);
        if step < 1 << 31 {
            self.0 = self.0.wrapping_add(step as u64);
        }
        self.0
    }
}
