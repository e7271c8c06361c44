//! The parts common to all programs: start-up code, the counter, a transport, a source of masking keys, and the measurement.
//! The transport and the keys are written in assembler, so that they take the same instructions in every program. A program
//! prints a line for each case: the case, the length of the payload, the instructions that a message takes in addition to the
//! transport, and those of the transport for all messages.

#![no_std]

use core::arch::{asm, global_asm};
use core::cell::Cell;
use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};

pub use semihosting::println;

mod counter;

unsafe extern "Rust" {
    safe fn program();
}

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

extern "C" fn reset() -> ! {
    // Without this, the compiler makes versions of these functions for the arguments of one program.
    black_box((Frame::read as *const (), sink as *const (), random as *const ()));
    counter::start();
    counter::calibrate();
    program();
    semihosting::process::exit(0)
}

/// Defines the entry point with this body.
#[macro_export]
macro_rules! program {
    ($body:block) => {
        #[unsafe(no_mangle)]
        fn program() {
            $body
        }
    };
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    fail("a panic")
}

#[cold]
#[inline(never)]
pub fn fail(what: &str) -> ! {
    println!("failed: {what}");
    semihosting::process::exit(1)
}

/// The longest payload.
pub const LONGEST: usize = 1024;
/// Room for the longest frame.
pub const ROOM: usize = LONGEST + 14;

const SIZES: [usize; 3] = [16, 125, LONGEST];
/// The messages of the shorter of two runs. The longer has twice as many. The difference has no set-up in it.
const MESSAGES: u32 = 500;

/// The first byte of a frame that is a whole message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text = 0x81,
    Binary = 0x82,
}

/// Begins at a word, so that no program is slower because of where its buffers are.
#[repr(align(8))]
pub struct Aligned<const N: usize>(pub [u8; N]);

/// A message, and its frame as it is transmitted.
pub struct Frame {
    bytes: Aligned<ROOM>,
    payload: Aligned<LONGEST>,
    header: usize,
    end: usize,
    /// What `read` has returned of the frame.
    at: Cell<usize>,
}

impl Frame {
    fn new(kind: Kind, key: Option<[u8; 4]>, len: usize) -> Self {
        let (mut bytes, mut payload) = (Aligned([0; ROOM]), Aligned([0; LONGEST]));
        for (at, byte) in payload.0.iter_mut().enumerate() {
            *byte = (at * 5) as u8 & 0x7F; // ASCII, for text
        }
        let mut header = 0;
        let mut put = |byte| {
            bytes.0[header] = byte;
            header += 1;
        };
        let mask_bit = if key.is_some() { 0x80 } else { 0 };
        put(kind as u8);
        if len < 126 {
            put(mask_bit | len as u8);
        } else {
            put(mask_bit | 126);
            (len as u16).to_be_bytes().into_iter().for_each(&mut put);
        }
        key.into_iter().flatten().for_each(put);
        let key = key.unwrap_or_default();
        for (at, byte) in payload.0[..len].iter().enumerate() {
            bytes.0[header + at] = byte ^ key[at % 4];
        }
        Self { bytes, payload, header, end: header + len, at: Cell::new(0) }
    }

    pub fn payload(&self) -> &[u8] {
        &self.payload.0[..self.end - self.header]
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes.0[..self.end]
    }

    /// A read from the transport. It returns the whole frame if there is room for it, otherwise a part, and then the rest.
    #[inline(never)]
    pub fn read(&self, to: &mut [u8]) -> usize {
        let at = self.at.get();
        let rest = self.bytes().get(at..).unwrap_or_default();
        let len = rest.len().min(to.len());
        if len == 0 {
            fail("no room for a read");
        }
        self.at.set(if len < rest.len() { at + len } else { 0 });
        // SAFETY: the loop reads and writes `len` bytes. That is at least 1, and neither slice is shorter.
        unsafe {
            asm!(
                "2: ldrb {byte}, [{from}], #1",
                "strb {byte}, [{to}], #1",
                "subs {left}, #1",
                "bne 2b",
                byte = out(reg) _,
                from = inout(reg) rest.as_ptr() => _,
                to = inout(reg) to.as_mut_ptr() => _,
                left = inout(reg) len => _,
            );
        }
        len
    }
}

/// A sum of all bytes since the start of a run. It depends on their order.
static SUM: AtomicU32 = AtomicU32::new(0);

/// Takes a payload that was received, or bytes that are sent.
#[inline(never)]
pub fn sink(bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let mut sum = SUM.load(Ordering::Relaxed);
    // SAFETY: the loop reads all bytes of the slice, which is not empty.
    unsafe {
        asm!(
            "2: ldrb {byte}, [{at}], #1",
            "add {sum}, {byte}, {sum}, ror #31",
            "subs {left}, #1",
            "bne 2b",
            byte = out(reg) _,
            sum = inout(reg) sum,
            at = inout(reg) bytes.as_ptr() => _,
            left = inout(reg) bytes.len() => _,
            options(readonly),
        );
    }
    SUM.store(sum, Ordering::Relaxed);
}

/// What `random` returns.
pub const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// The source of masking keys. It takes the fewest instructions, so that the figures are the crates'.
#[inline(never)]
pub fn random() -> u32 {
    let key: u32;
    // SAFETY: sets a register.
    unsafe {
        asm!(
            "movw {0}, #{low}",
            "movt {0}, #{high}",
            out(reg) key,
            low = const u16::from_le_bytes([KEY[0], KEY[1]]),
            high = const u16::from_le_bytes([KEY[2], KEY[3]]),
            options(pure, nomem, nostack),
        );
    }
    key
}

/// A program's work: it receives the frame that many times, or sends the payload that many times.
pub type Work = fn(&Frame, u32);

/// Measures receiving. `key` is that of the peer if it is a client.
pub fn receives(case: &str, kind: Kind, key: Option<[u8; 4]>, work: Work) {
    measure(case, kind, key, read_and_sink, work, Frame::payload);
}

/// Measures sending. `key` is what the program makes of `random` if it is a client.
pub fn sends(case: &str, kind: Kind, key: Option<[u8; 4]>, work: Work) {
    measure(case, kind, key, sink_frame, work, Frame::bytes);
}

/// The transport's work where the host receives.
#[inline(never)]
fn read_and_sink(frame: &Frame, messages: u32) {
    let mut rx = Aligned([0; ROOM]);
    for _ in 0..messages {
        frame.read(&mut rx.0);
        sink(frame.payload());
    }
}

/// The transport's work where the host sends.
#[inline(never)]
fn sink_frame(frame: &Frame, messages: u32) {
    for _ in 0..messages {
        sink(frame.bytes());
    }
}

fn measure(case: &str, kind: Kind, key: Option<[u8; 4]>, transport: Work, work: Work, expected: fn(&Frame) -> &[u8]) {
    for size in SIZES {
        let frame = Frame::new(kind, key, size);
        let [transport, work] = [transport, work].map(|work| {
            let [once, twice] = [MESSAGES, 2 * MESSAGES].map(|messages| {
                SUM.store(0, Ordering::Relaxed);
                let instructions = counter::instructions(|| black_box(work)(black_box(&frame), messages));
                let sum = (0..messages)
                    .flat_map(|_| expected(&frame))
                    .fold(0, |sum: u32, byte| sum.rotate_left(1).wrapping_add(u32::from(*byte)));
                if SUM.load(Ordering::Relaxed) != sum {
                    fail(case);
                }
                instructions
            });
            twice - once
        });
        let taken = (work.saturating_sub(transport) + MESSAGES / 2) / MESSAGES;
        println!("{case}\t{size}\t{taken}\t{transport}");
    }
}
