//! The Nucleo-F429ZI reports its temperature over Ethernet.

#![no_std]
#![no_main]

use barews_embedded::barews::handshake::Uri;
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_net::{Runner, StackResources};
use embassy_stm32::adc::{Adc, SampleTime};
use embassy_stm32::eth::{Ethernet, GenericPhy, PacketQueue, Sma};
use embassy_stm32::peripherals::{ETH, ETH_SMA, RNG};
use embassy_stm32::rng::Rng;
use embassy_stm32::{bind_interrupts, eth, rng};
use panic_probe as _;
use static_cell::StaticCell;

/// The server.
const URI: Uri<'_> = match Uri::parse(env!("URI")) {
    Ok(uri) => uri,
    Err(_) => panic!("URI is not the URI of a WebSocket"),
};
/// Another one for each board in a network; the second digit `2` says that it is not a manufacturer's.
const MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];

bind_interrupts!(struct Interrupts {
    ETH => eth::InterruptHandler;
    HASH_RNG => rng::InterruptHandler<RNG>;
});

type Device = Ethernet<'static, ETH, GenericPhy<Sma<'static, ETH_SMA>>>;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    static PACKETS: StaticCell<PacketQueue<4, 4>> = StaticCell::new();
    static RESOURCES: StaticCell<StackResources<3>> = StaticCell::new();

    let p = embassy_stm32::init(clocks());
    let mut rng = Rng::new(p.RNG, Interrupts);
    let device = Ethernet::new(
        PACKETS.init(PacketQueue::new()),
        p.ETH,
        Interrupts,
        p.PA1,
        p.PA7,
        p.PC4,
        p.PC5,
        p.PG13,
        p.PB13,
        p.PG11,
        MAC,
        p.ETH_SMA,
        p.PA2,
        p.PC1,
    );
    let network = embassy_net::Config::dhcpv4(Default::default());
    let (stack, runner) = embassy_net::new(device, network, RESOURCES.init(StackResources::new()), rng.next_u64());
    spawner.spawn(defmt::unwrap!(run(runner)));

    let mut adc = Adc::new(p.ADC1);
    let mut sensor = adc.enable_temperature();
    let random = || rng.next_u32().to_le_bytes();
    let celsius = async || {
        let volts = f32::from(adc.blocking_read(&mut sensor, SampleTime::CYCLES480)) * 3.3 / 4095.0;
        // The sensor's typical values, from the data sheet.
        ((volts - 0.76) / 0.0025 + 25.0) as i32
    };
    report::run(stack, URI, random, celsius).await
}

#[embassy_executor::task]
async fn run(mut runner: Runner<'static, Device>) -> ! {
    runner.run().await
}

/// 168 MHz from the 8 MHz of the debugger; the random number generator needs the 48 MHz.
fn clocks() -> embassy_stm32::Config {
    use embassy_stm32::rcc::*;
    use embassy_stm32::time::Hertz;

    let mut config = embassy_stm32::Config::default();
    config.rcc.hse = Some(Hse { freq: Hertz(8_000_000), mode: HseMode::Bypass });
    config.rcc.pll_src = PllSource::HSE;
    config.rcc.pll = Some(Pll {
        prediv: PllPreDiv::DIV4,
        mul: PllMul::MUL168,
        divp: Some(PllPDiv::DIV2), // 8 MHz / 4 * 168 / 2 = 168 MHz
        divq: Some(PllQDiv::DIV7), // 8 MHz / 4 * 168 / 7 = 48 MHz
        divr: None,
    });
    config.rcc.ahb_pre = AHBPrescaler::DIV1;
    config.rcc.apb1_pre = APBPrescaler::DIV4;
    config.rcc.apb2_pre = APBPrescaler::DIV2;
    config.rcc.sys = Sysclk::PLL1_P;
    config
}
