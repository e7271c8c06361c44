//! Counts instructions. QEMU with `-icount shift=0` lets 1 ns pass with each instruction, and the system timer counts the
//! processor's cycles of 5 ns.

use crate::{fail, println};
use core::arch::asm;

/// The board's clock: the bits of the divisor are 0, which QEMU takes as 200 MHz.
const RCC: *mut u32 = 0x400F_E060 as *mut u32;
const DIVISOR: u32 = 0xF << 23;
const CONTROL: *mut u32 = 0xE000_E010 as *mut u32;
const RELOAD: *mut u32 = 0xE000_E014 as *mut u32;
const CURRENT: *mut u32 = 0xE000_E018 as *mut u32;
const MAX: u32 = 0xFF_FFFF;
const INSTRUCTIONS: u32 = 5;

/// The timer counts the processor's clock, without an interrupt.
const ENABLE: u32 = 0b101;
/// It has counted to 0 since the last look.
const WRAPPED: u32 = 1 << 16;

pub(crate) fn start() {
    // SAFETY: registers of the board and of the processor.
    unsafe {
        RCC.write_volatile(RCC.read_volatile() & !DIVISOR);
        RELOAD.write_volatile(MAX);
        CONTROL.write_volatile(ENABLE);
    }
}

/// Returns the instructions that `work` takes, with an error below 5, and those of the counting itself.
#[inline(never)]
pub(crate) fn instructions(work: impl FnOnce()) -> u32 {
    // SAFETY: registers of the processor.
    unsafe {
        CURRENT.write_volatile(0); // begins at MAX again, and clears WRAPPED
        while CURRENT.read_volatile() == 0 {}
        let _ = CONTROL.read_volatile();
        let start = CURRENT.read_volatile();
        work();
        let end = CURRENT.read_volatile();
        if CONTROL.read_volatile() & WRAPPED != 0 {
            fail("too many instructions for the timer");
        }
        (start - end) * INSTRUCTIONS
    }
}

/// Counts the instructions of loops whose number is known. Stops if the counter is wrong.
pub(crate) fn calibrate() {
    let [short, long] = [1_000_000, 2_000_000].map(|turns| {
        instructions(|| {
            // SAFETY: counts a register down.
            unsafe { asm!("2: subs {0}, #1", "bne 2b", inout(reg) turns => _, options(nomem, nostack)) }
        })
    });
    println!("calibration\t{}\t{}", 2_000_000, long - short);
    if (long - short).abs_diff(2_000_000) > INSTRUCTIONS {
        fail("the counter does not count instructions");
    }
}
