//! The parts common to all programs: start-up code, a transport, random bytes, the time. The transport is a register to read
//! bytes from and write them to, so that the measurements include no driver. Every program contains memcpy, memset and memcmp,
//! because nearly every firmware does: so none has fewer of them than `empty`, whose size is subtracted.

#![no_std]

use core::arch::global_asm;
use core::ffi::c_void;
use core::hint::black_box;

unsafe extern "Rust" {
    safe fn program() -> !;
}

#[cfg(target_arch = "arm")]
global_asm!(
    ".section .vectors, \"a\"",
    ".word stack_start",
    ".word start",
    ".text",
    ".globl start",
    ".thumb_func",
    "start: bl {reset}",
    reset = sym reset,
);

#[cfg(target_arch = "riscv32")]
global_asm!(
    ".section .vectors, \"ax\"",
    ".globl start",
    "start: la sp, stack_start",
    "call {reset}",
    reset = sym reset,
);

unsafe extern "C" {
    fn memcpy(to: *mut c_void, from: *const c_void, len: usize) -> *mut c_void;
    fn memset(to: *mut c_void, byte: i32, len: usize) -> *mut c_void;
    fn memcmp(one: *const c_void, other: *const c_void, len: usize) -> i32;
}

extern "C" fn reset() -> ! {
    black_box((memcpy as *const (), memset as *const (), memcmp as *const ()));
    program()
}

/// Defines the entry point with this body: `footprint::program!(|| loop {})`.
#[macro_export]
macro_rules! program {
    ($body:expr) => {
        #[unsafe(no_mangle)]
        fn program() -> ! {
            $body
        }
    };
}

const TRANSPORT: *mut u8 = 0x4000_0000 as *mut u8;
const RANDOM: *const u8 = 0x4000_1000 as *const u8;
const TIME: *const u32 = 0x4000_2000 as *const u32;

/// Waits for bytes and returns them. An empty slice means the end of the stream.
#[inline(never)]
pub fn read(to: &mut [u8]) -> &mut [u8] {
    // SAFETY: a register.
    let len = unsafe { TRANSPORT.read_volatile() };
    let (read, _) = to.split_at_mut_checked(len.into()).unwrap_or_default();
    for byte in read.iter_mut() {
        // SAFETY: a register.
        *byte = unsafe { TRANSPORT.read_volatile() };
    }
    read
}

#[inline(never)]
pub fn write(bytes: &[u8]) {
    for byte in bytes {
        // SAFETY: a register.
        unsafe { TRANSPORT.write_volatile(*byte) };
    }
}

#[inline(never)]
pub fn random(to: &mut [u8]) {
    for byte in to {
        // SAFETY: a register.
        *byte = unsafe { RANDOM.read_volatile() };
    }
}

/// Returns the time in milliseconds.
#[inline(never)]
pub fn now() -> u64 {
    // SAFETY: a register.
    unsafe { TIME.read_volatile() }.into()
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(feature = "stack")]
    {
        semihosting::println!("failed: {_info}");
        semihosting::process::exit(1)
    }
    #[cfg(not(feature = "stack"))]
    loop {}
}
