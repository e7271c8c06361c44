//! The board for embassy: its clock, its Ethernet controller, and an executor that sleeps until an interrupt.

use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Waker};

use critical_section::Mutex;
use embassy_executor::raw::Executor;
use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState};
use embassy_sync::waitqueue::AtomicWaker;
use embassy_time_queue_utils::Queue;
use firmware::clock;
use firmware::ethernet::{self, Ethernet};
use smoltcp::phy::{Device, TxToken};
use smoltcp::time::Instant;

/// Whether a task was woken.
static WOKEN: AtomicBool = AtomicBool::new(false);
/// The task that waits for a frame.
static FRAME: AtomicWaker = AtomicWaker::new();

#[unsafe(export_name = "__pender")]
fn pender(_: *mut ()) {
    WOKEN.store(true, Ordering::Relaxed);
}

/// Runs the tasks, and sleeps while there is nothing to do.
pub fn run(executor: &'static Executor) -> ! {
    loop {
        WOKEN.store(false, Ordering::Relaxed);
        // SAFETY: nothing else polls the executor, and the pender only sets a flag.
        unsafe { executor.poll() };
        let due = critical_section::with(|section| CLOCK.0.borrow_ref_mut(section).next_expiration(clock::micros()));
        if ethernet::has_frame() {
            FRAME.wake();
        }
        clock::sleep_until(Some(due).filter(|due| *due < u64::MAX), || {
            WOKEN.load(Ordering::Relaxed) || ethernet::has_frame()
        });
    }
}

struct Clock(Mutex<RefCell<Queue>>);

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock(Mutex::new(RefCell::new(Queue::new()))));

impl embassy_time_driver::Driver for Clock {
    fn now(&self) -> u64 {
        clock::micros()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        // The loop above reads the next expiration before it sleeps.
        critical_section::with(|section| self.0.borrow_ref_mut(section).schedule_wake(at, waker));
    }
}

/// The Ethernet controller with embassy's trait. The tokens wrap those for smoltcp.
pub struct Link {
    device: &'static mut Ethernet,
    address: [u8; 6],
}

impl Link {
    pub fn new(device: &'static mut Ethernet) -> Self {
        let address = device.start().0;
        Self { device, address }
    }
}

pub struct Received<'a>(ethernet::Received<'a>);
pub struct Transmit<'a>(ethernet::Transmit<'a>);

impl Driver for Link {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Transmit<'a>;

    fn receive(&mut self, context: &mut Context<'_>) -> Option<(Received<'_>, Transmit<'_>)> {
        FRAME.register(context.waker());
        let (received, transmit) = self.device.receive(Instant::ZERO)?;
        Some((Received(received), Transmit(transmit)))
    }

    fn transmit(&mut self, _: &mut Context<'_>) -> Option<Transmit<'_>> {
        self.device.transmit(Instant::ZERO).map(Transmit)
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = self.device.capabilities().max_transmission_unit;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.address)
    }
}

impl embassy_net_driver::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, read: F) -> R {
        read(self.0.0)
    }
}

impl embassy_net_driver::TxToken for Transmit<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        self.0.consume(len, write)
    }
}
