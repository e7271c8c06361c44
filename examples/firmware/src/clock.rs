//! The time, and sleep. SysTick counts the core's cycles in laps of 2^24; timer 0 is an alarm that goes off once. Between
//! the two interrupts of a second and a half that SysTick needs, the core sleeps until something is due or comes in.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::asm;
use cortex_m::interrupt;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};
use cortex_m_rt::exception;

use crate::board::MHZ;
use crate::registers;

registers! { 0x4003_0000:
    TIMER_MODE = 0x004, TIMER_CONTROL = 0x00c, TIMER_MASK = 0x018, TIMER_CLEAR = 0x024, TIMER_LOAD = 0x028
}

const LAP: u32 = 1 << 24;

/// The laps that SysTick has completed: 45 years of them.
static LAPS: AtomicU32 = AtomicU32::new(0);

pub(crate) fn start(mut systick: SYST) {
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(LAP - 1);
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
    TIMER_MODE.write(1); // once, 32 bits
    TIMER_MASK.write(1);
}

#[exception]
fn SysTick() {
    LAPS.store(LAPS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Microseconds since the start. They never run backwards.
pub fn micros() -> u64 {
    let (laps, left) = interrupt::free(|_| {
        let (laps, left) = (LAPS.load(Ordering::Relaxed), SYST::get_current());
        // A lap may have ended while its interrupt had to wait.
        if SCB::is_pendst_pending() { (laps + 1, SYST::get_current()) } else { (laps, left) }
    });
    (u64::from(laps) * u64::from(LAP) + u64::from(LAP - 1 - left)) / u64::from(MHZ)
}

/// Milliseconds since the start.
pub fn millis() -> u64 {
    micros() / 1000
}

defmt::timestamp!("{=u64:ms}", millis());

/// Sleeps until `due`, or until an interrupt. Does not sleep if `busy` says that one has come already.
pub fn sleep_until(due: Option<u64>, busy: impl FnOnce() -> bool) {
    interrupt::free(|_| {
        if let Some(due) = due {
            let wait = due.saturating_sub(micros());
            if wait == 0 {
                return;
            }
            TIMER_CONTROL.write(0);
            TIMER_LOAD.write(u32::try_from(wait).map_or(u32::MAX, |wait| wait.saturating_mul(MHZ)));
            TIMER_CONTROL.write(1);
        }
        if !busy() {
            asm::wfi(); // an interrupt ends it although it has to wait for the end of this section
        }
    });
}

pub(crate) fn acknowledge() {
    TIMER_CLEAR.write(1);
}
