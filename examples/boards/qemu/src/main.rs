//! The emulated LM3S6965 reports a counter over Ethernet. `examples/firmware` has its drivers.

#![no_std]
#![no_main]

#[path = "../../../firmware/embassy/src/platform.rs"]
mod platform;

use barews_embedded::barews::handshake::Uri;
use cortex_m_rt::entry;
use embassy_executor::raw::Executor;
use embassy_net::{Runner, Stack, StackResources};
use firmware::ethernet::Ethernet;
use firmware::random::random;
use firmware::{board, stack};
use static_cell::StaticCell;

use crate::platform::Link;

/// The server.
const URI: Uri<'_> = match Uri::parse(env!("URI")) {
    Ok(uri) => uri,
    Err(_) => panic!("URI is not the URI of a WebSocket"),
};

#[entry]
fn main() -> ! {
    static mut ETHERNET: Ethernet = Ethernet::EMPTY;
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    static RESOURCES: StaticCell<StackResources<3>> = StaticCell::new();

    board::start(cortex_m::Peripherals::take().unwrap().SYST);
    let network = embassy_net::Config::dhcpv4(Default::default());
    let resources = RESOURCES.init(StackResources::new());
    let seed = u64::from_le_bytes(random());
    let (stack, runner) = embassy_net::new(Link::new(ETHERNET), network, resources, seed);
    let executor = EXECUTOR.init(Executor::new(core::ptr::null_mut()));
    let spawner = executor.spawner();
    spawner.spawn(run(runner).unwrap());
    spawner.spawn(report(stack).unwrap());
    platform::run(executor)
}

#[embassy_executor::task]
async fn report(network: Stack<'static>) -> ! {
    let mut count = 0;
    let counter = async || {
        count += 1;
        defmt::info!("stack: {} of {} bytes used", stack::used(), stack::size());
        count
    };
    report::run(network, URI, random, counter).await
}

#[embassy_executor::task]
async fn run(mut runner: Runner<'static, Link>) -> ! {
    runner.run().await
}
