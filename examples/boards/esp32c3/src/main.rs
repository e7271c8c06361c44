//! The ESP32-C3 reports its temperature over Wi-Fi.

#![no_std]
#![no_main]

use barews_embedded::barews::handshake::Uri;
use embassy_executor::Spawner;
use embassy_net::{Runner, StackResources};
use embassy_time::Timer;
use esp_backtrace as _;
use esp_hal::clock::CpuClock;
use esp_hal::interrupt::software::SoftwareInterruptControl;
use esp_hal::rng::Rng;
use esp_hal::timer::timg::TimerGroup;
use esp_hal::tsens::TemperatureSensor;
use esp_println as _;
use esp_radio::wifi::sta::StationConfig;
use esp_radio::wifi::{Config, ControllerConfig, Interface, WifiController};
use static_cell::StaticCell;

/// The network.
const WIFI: (&str, &str) = (env!("WIFI"), env!("WIFI_PASSWORD"));
/// The server.
const URI: Uri<'_> = match Uri::parse(env!("URI")) {
    Ok(uri) => uri,
    Err(_) => panic!("URI is not the URI of a WebSocket"),
};

esp_bootloader_esp_idf::esp_app_desc!();

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    static RESOURCES: StaticCell<StackResources<3>> = StaticCell::new();

    let p = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    // The radio's driver allocates; the rest does not.
    esp_alloc::heap_allocator!(#[esp_hal::ram(reclaimed)] size: 64 * 1024);
    esp_alloc::heap_allocator!(size: 36 * 1024);
    let interrupts = SoftwareInterruptControl::new(p.SW_INTERRUPT);
    esp_rtos::start(TimerGroup::new(p.TIMG0).timer0, interrupts.software_interrupt0);

    let station = StationConfig::default().with_ssid(WIFI.0).with_password(WIFI.1.into());
    let config = ControllerConfig::default().with_initial_config(Config::Station(station));
    let (controller, interfaces) = defmt::unwrap!(esp_radio::wifi::new(p.WIFI, config));
    spawner.spawn(defmt::unwrap!(join(controller)));

    // Its numbers are random while the radio runs.
    let rng = Rng::new();
    let seed = u64::from(rng.random()) << 32 | u64::from(rng.random());
    let network = embassy_net::Config::dhcpv4(Default::default());
    let (stack, runner) = embassy_net::new(interfaces.station, network, RESOURCES.init(StackResources::new()), seed);
    spawner.spawn(defmt::unwrap!(run(runner)));

    let sensor = TemperatureSensor::new(p.TSENS, Default::default()).unwrap();
    let celsius = async || sensor.get_temperature().to_celsius() as i32;
    report::run(stack, URI, || rng.random().to_le_bytes(), celsius).await
}

/// Joins the network, and joins it again.
#[embassy_executor::task]
async fn join(mut controller: WifiController<'static>) -> ! {
    loop {
        match controller.connect_async().await {
            Ok(_) => {
                let _ = controller.wait_for_disconnect_async().await;
                defmt::warn!("the connection to {} is lost", WIFI.0);
            }
            Err(error) => defmt::warn!("cannot join {}: {}", WIFI.0, error),
        }
        Timer::after_secs(5).await;
    }
}

#[embassy_executor::task]
async fn run(mut runner: Runner<'static, Interface<'static>>) -> ! {
    runner.run().await
}
