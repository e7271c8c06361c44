//! The nRF52840 reports its temperature over USB: the computer sees a network adapter (CDC-NCM).

#![no_std]
#![no_main]

use barews_embedded::barews::handshake::Uri;
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_net::StackResources;
use embassy_nrf::config::HfclkSource;
use embassy_nrf::peripherals::{RNG, USBD};
use embassy_nrf::rng::Rng;
use embassy_nrf::temp::Temp;
use embassy_nrf::usb::Driver;
use embassy_nrf::usb::vbus_detect::HardwareVbusDetect;
use embassy_nrf::{bind_interrupts, rng, temp, usb};
use embassy_usb::class::cdc_ncm::embassy_net::{Device, Runner, State as Queues};
use embassy_usb::class::cdc_ncm::{CdcNcmClass, State};
use embassy_usb::{Builder, UsbDevice};
use panic_probe as _;
use static_cell::StaticCell;

/// The server.
const URI: Uri<'_> = match Uri::parse(env!("URI")) {
    Ok(uri) => uri,
    Err(_) => panic!("URI is not the URI of a WebSocket"),
};
/// The addresses of both ends of the cable, other ones for each board on a computer. The second digit `2` says that
/// they are not a manufacturer's.
const MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
const COMPUTERS_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x02];
/// Vendor and product of the USB device: take your own for a product.
const USB_ID: (u16, u16) = (0xC0DE, 0xCAFE);

const MTU: usize = 1514;

bind_interrupts!(struct Interrupts {
    CLOCK_POWER => usb::vbus_detect::InterruptHandler;
    RNG => rng::InterruptHandler<RNG>;
    TEMP => temp::InterruptHandler;
    USBD => usb::InterruptHandler<USBD>;
});

type Usb = Driver<'static, HardwareVbusDetect>;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    static CONFIGURATION: StaticCell<[u8; 256]> = StaticCell::new();
    static BOS: StaticCell<[u8; 256]> = StaticCell::new();
    static CONTROL: StaticCell<[u8; 128]> = StaticCell::new();
    static STATE: StaticCell<State> = StaticCell::new();
    static QUEUES: StaticCell<Queues<MTU, 4, 4>> = StaticCell::new();
    static RESOURCES: StaticCell<StackResources<3>> = StaticCell::new();

    let mut config = embassy_nrf::config::Config::default();
    config.hfclk_source = HfclkSource::ExternalXtal; // USB needs it
    let p = embassy_nrf::init(config);
    let mut rng = Rng::new(p.RNG, Interrupts);

    let mut config = embassy_usb::Config::new(USB_ID.0, USB_ID.1);
    config.product = Some("barews");
    config.max_packet_size_0 = 64;
    let driver = Driver::new(p.USBD, Interrupts, HardwareVbusDetect::new(Interrupts));
    let (configuration, bos) = (CONFIGURATION.init([0; 256]), BOS.init([0; 256]));
    let mut builder = Builder::new(driver, config, configuration, bos, &mut [], CONTROL.init([0; 128]));
    let class = CdcNcmClass::new(&mut builder, STATE.init(State::new()), COMPUTERS_MAC, 64);
    let (adapter, device) = class.into_embassy_net_device(QUEUES.init(Queues::new()), MAC);
    let network = embassy_net::Config::dhcpv4(Default::default());
    let seed = rng.blocking_next_u64();
    let (stack, runner) = embassy_net::new(device, network, RESOURCES.init(StackResources::new()), seed);
    spawner.spawn(defmt::unwrap!(run_usb(builder.build())));
    spawner.spawn(defmt::unwrap!(run_adapter(adapter)));
    spawner.spawn(defmt::unwrap!(run_network(runner)));

    let mut sensor = Temp::new(p.TEMP, Interrupts);
    let random = || rng.blocking_next_u32().to_le_bytes();
    let celsius = async || sensor.read().await.to_num();
    report::run(stack, URI, random, celsius).await
}

#[embassy_executor::task]
async fn run_usb(mut device: UsbDevice<'static, Usb>) -> ! {
    device.run().await
}

#[embassy_executor::task]
async fn run_adapter(runner: Runner<'static, Usb, MTU>) -> ! {
    runner.run().await
}

#[embassy_executor::task]
async fn run_network(mut runner: embassy_net::Runner<'static, Device<'static, MTU>>) -> ! {
    runner.run().await
}
