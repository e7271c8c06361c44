//! The Raspberry Pi Pico W reports its temperature over Wi-Fi.

#![no_std]
#![no_main]

use core::hint::black_box;

use barews_embedded::barews::handshake::Uri;
use cyw43::{JoinOptions, PowerManagementMode, SpiBus, aligned_bytes};
use cyw43_pio::{DEFAULT_CLOCK_DIVIDER, PioSpi};
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_net::StackResources;
use embassy_rp::adc::{self, Adc, Channel};
use embassy_rp::clocks::RoscRng;
use embassy_rp::gpio::{Level, Output};
use embassy_rp::peripherals::{DMA_CH0, PIO0};
use embassy_rp::pio::{self, Pio};
use embassy_rp::{bind_interrupts, dma};
use panic_probe as _;
use static_cell::StaticCell;

/// The network.
const WIFI: (&str, &str) = (env!("WIFI"), env!("WIFI_PASSWORD"));
/// The server.
const URI: Uri<'_> = match Uri::parse(env!("URI")) {
    Ok(uri) => uri,
    Err(_) => panic!("URI is not the URI of a WebSocket"),
};

bind_interrupts!(struct Interrupts {
    ADC_IRQ_FIFO => adc::InterruptHandler;
    DMA_IRQ_0 => dma::InterruptHandler<DMA_CH0>;
    PIO0_IRQ_0 => pio::InterruptHandler<PIO0>;
});

type Radio = cyw43::Runner<'static, SpiBus<Output<'static>, PioSpi<'static, PIO0, 0>>>;

#[embassy_executor::main(executor = "embassy_rp::executor::Executor", entry = "cortex_m_rt::entry")]
async fn main(spawner: Spawner) {
    static STATE: StaticCell<cyw43::State> = StaticCell::new();
    static RESOURCES: StaticCell<StackResources<3>> = StaticCell::new();

    let firmware = aligned_bytes!(concat!(env!("OUT_DIR"), "/43439A0.bin"));
    let regulatory = aligned_bytes!(concat!(env!("OUT_DIR"), "/43439A0_clm.bin"));
    let board = aligned_bytes!(concat!(env!("OUT_DIR"), "/nvram_rp2040.bin"));
    // The compiler is not to know the length: without the firmware it would leave out the rest of the program.
    if black_box(firmware).is_empty() {
        defmt::panic!("built without the radio's firmware: the README says where to get it");
    }

    let p = embassy_rp::init(Default::default());
    let mut pio = Pio::new(p.PIO0, Interrupts);
    let spi = PioSpi::new(
        &mut pio.common,
        pio.sm0,
        DEFAULT_CLOCK_DIVIDER,
        pio.irq0,
        Output::new(p.PIN_25, Level::High),
        p.PIN_24,
        p.PIN_29,
        dma::Channel::new(p.DMA_CH0, Interrupts),
    );
    let power = Output::new(p.PIN_23, Level::Low);
    let (device, mut control, radio) = cyw43::new(STATE.init(cyw43::State::new()), power, spi, firmware, board).await;
    spawner.spawn(defmt::unwrap!(run_radio(radio)));
    control.init(regulatory).await;
    control.set_power_management(PowerManagementMode::PowerSave).await;

    let mut rng = RoscRng;
    let network = embassy_net::Config::dhcpv4(Default::default());
    let (stack, runner) = embassy_net::new(device, network, RESOURCES.init(StackResources::new()), rng.next_u64());
    spawner.spawn(defmt::unwrap!(run_network(runner)));
    while let Err(error) = control.join(WIFI.0, JoinOptions::new(WIFI.1.as_bytes())).await {
        defmt::warn!("cannot join {}: {}", WIFI.0, error);
    }

    let mut adc = Adc::new(p.ADC, Interrupts, Default::default());
    let mut sensor = Channel::new_temp_sensor(p.ADC_TEMP_SENSOR);
    let random = || rng.next_u32().to_le_bytes();
    let celsius = async || {
        let volts = f32::from(defmt::unwrap!(adc.read(&mut sensor).await)) * 3.3 / 4096.0;
        // From the data sheet of the RP2040, section 4.9.5.
        (27.0 - (volts - 0.706) / 0.001721) as i32
    };
    report::run(stack, URI, random, celsius).await
}

#[embassy_executor::task]
async fn run_radio(runner: Radio) -> ! {
    runner.run().await
}

#[embassy_executor::task]
async fn run_network(mut runner: embassy_net::Runner<'static, cyw43::NetDriver<'static>>) -> ! {
    runner.run().await
}
