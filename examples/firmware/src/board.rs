//! The board, an LM3S6965 evaluation kit: its registers, its clock tree, its LED and its thermometer, and what happens on
//! a fault. The numbers are from the data sheet of the part.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::{ExceptionFrame, exception};
use defmt_semihosting as _; // where the log goes

use crate::{clock, ethernet};

/// The core's clock after [`start`].
pub const MHZ: u32 = 50;

/// A register of the part.
pub struct Register(*mut u32);

impl Register {
    /// # Safety
    ///
    /// `address` is that of a 32-bit register which may be read and written at any time without harm to Rust's memory.
    pub const unsafe fn at(address: usize) -> Self {
        Self(address as *mut u32)
    }

    pub fn read(&self) -> u32 {
        // SAFETY: `at` was told that this is a register.
        unsafe { self.0.read_volatile() }
    }

    pub fn write(&self, value: u32) {
        // SAFETY: `at` was told that this is a register, and what it does leaves Rust's memory alone.
        unsafe { self.0.write_volatile(value) }
    }

    pub fn set(&self, bits: u32) {
        self.write(self.read() | bits);
    }
}

/// Names registers of one peripheral: `registers! { 0x4000_0000: NAME = OFFSET, ... }`.
#[macro_export]
macro_rules! registers {
    ($base:literal: $($name:ident = $offset:literal),* $(,)?) => {
        // SAFETY: these are registers of the LM3S6965, and none of them makes a peripheral write to memory.
        $(const $name: $crate::board::Register = unsafe { $crate::board::Register::at($base + $offset) };)*
    };
}

// System control: raw interrupt status, run-mode clock configuration, clock gates.
registers! { 0x400f_e000: RIS = 0x050, RCC = 0x060, RCGC0 = 0x100, RCGC1 = 0x104, RCGC2 = 0x108 }
// Port F: pin 0 is the LED. The address of the data register holds the mask of the pins that an access is for.
registers! { 0x4002_5000: LED = 0x004, PORT_F_DIRECTION = 0x400, PORT_F_DIGITAL = 0x51c }
// The converter's fourth sequencer: one sample at a time.
registers! { 0x4003_8000: ADC_ACTIVE = 0x000, ADC_TRIGGER = 0x014, ADC_SEQUENCE = 0x0a4, ADC_FIFO = 0x0a8, ADC_STATUS = 0x0ac }
// Timer 1, which triggers it.
registers! { 0x4003_1000: TIMER_MODE = 0x004, TIMER_CONTROL = 0x00c, TIMER_LOAD = 0x028 }

/// The interrupts in use.
#[derive(Clone, Copy)]
#[repr(u16)]
enum Interrupt {
    Timer0 = 19,
    Ethernet = 42,
}

// SAFETY: the numbers are those of the part's vector table.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

/// Starts the clocks and the peripherals.
pub fn start(systick: cortex_m::peripheral::SYST) {
    start_pll();
    RCGC0.set(1 << 16); // the converter
    RCGC1.set(1 << 16 | 1 << 17); // timers 0 and 1
    RCGC2.set(1 << 30 | 1 << 28 | 1 << 5); // Ethernet's PHY and MAC, port F
    cortex_m::asm::delay(6); // a peripheral may be accessed three cycles after its clock has started

    PORT_F_DIRECTION.set(1);
    PORT_F_DIGITAL.set(1);

    ADC_TRIGGER.write(5 << 12); // a timer
    ADC_SEQUENCE.write(0b1110); // one sample, of the thermometer
    ADC_ACTIVE.write(1 << 3);
    TIMER_MODE.write(2); // periodic, 32 bits
    TIMER_LOAD.write(MHZ * 100_000);
    TIMER_CONTROL.write(1 << 5 | 1); // triggers the converter; runs

    clock::start(systick);
    // SAFETY: no critical section depends on these being masked.
    unsafe {
        NVIC::unmask(Interrupt::Timer0);
        NVIC::unmask(Interrupt::Ethernet);
    }
}

/// 50 MHz from the crystal of 8 MHz: 200 MHz out of the PLL, divided by 4.
fn start_pll() {
    const BYPASS: u32 = 1 << 11;
    const PLL_OFF: u32 = 1 << 13;
    const DIVIDE_BY_4: u32 = 3 << 23 | 1 << 22;
    const CRYSTAL_8_MHZ: u32 = 0xe << 6;
    const PLL_LOCKED: u32 = 1 << 6;
    RCC.write(BYPASS | PLL_OFF | CRYSTAL_8_MHZ);
    RCC.write(BYPASS | DIVIDE_BY_4 | CRYSTAL_8_MHZ);
    while RIS.read() & PLL_LOCKED == 0 {}
    RCC.write(DIVIDE_BY_4 | CRYSTAL_8_MHZ);
}

/// Whether the LED is lit.
pub fn led() -> bool {
    LED.read() != 0
}

pub fn set_led(lit: bool) {
    LED.write(lit.into());
}

/// The chip's thermometer, which is sampled ten times a second.
pub struct Thermometer {
    tenths: i32,
}

impl Thermometer {
    pub const fn new() -> Self {
        Self { tenths: 0 }
    }

    /// The temperature in tenths of a degree Celsius.
    pub fn tenths(&mut self) -> i32 {
        const EMPTY: u32 = 1 << 8;
        while ADC_STATUS.read() & EMPTY == 0 {
            // Data sheet: 147.5 - 225 x sample / 1023 degrees.
            self.tenths = 1475 - 2250 * ADC_FIFO.read() as i32 / 1023;
        }
        self.tenths
    }
}

/// Nothing else has a handler, so everything else is a fault.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    match number {
        19 => clock::acknowledge(),
        42 => ethernet::acknowledge(),
        _ => {
            defmt::error!("interrupt {}", number);
            semihosting::process::exit(1)
        }
    }
}

/// A product would write this down where it survives, and reset. Here it ends the emulation.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    defmt::error!("fault at {:#010x}", frame.pc());
    semihosting::process::exit(1)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    match info.location() {
        Some(location) => defmt::error!("panic at {=str}:{}", location.file(), location.line()),
        None => defmt::error!("panic"),
    }
    semihosting::process::exit(1)
}
