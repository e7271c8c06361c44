//! A sensor: connects to a server and publishes a reading each second. It reconnects after every failure.
//!
//! The server's URI is set at build time; a product would read it from its settings.

#![no_std]
#![no_main]

use core::fmt::Write;

use barews::connection::Chunk;
use barews::deadlines::{Backoff, Reconnect, Timeouts};
use barews::handshake::Uri;
use cortex_m_rt::entry;
use firmware::board::Thermometer;
use firmware::client::{Application, ClientLink, talk};
use firmware::ethernet::Ethernet;
use firmware::link::TEXT_SIZE;
use firmware::network::{Buffers, Network};
use firmware::random::random;
use firmware::{BUFFER_SIZE, board, clock, stack};
use heapless::String;
use smoltcp::iface::SocketStorage;

const URI: &str = match option_env!("URI") {
    Some(uri) => uri,
    None => "ws://10.0.2.2:9001/",
};

/// Milliseconds between two readings.
const INTERVAL: u64 = 1_000;

/// Sends a Ping after 5 s of silence, and closes if there is no Pong after 5 s more. With a radio or on a battery use
/// minutes: each Ping wakes the modem.
const TIMEOUTS: Timeouts =
    Timeouts { handshake: Some(5_000), ping: Some(5_000), pong: Some(5_000), closing: Some(2_000), ..Timeouts::NEVER };

/// The compiler parses it, so the program has no parser of URIs.
const SERVER: Uri<'static> = match Uri::parse(URI) {
    Ok(uri) => uri,
    Err(_) => panic!("URI is not a WebSocket URI"),
};

/// The delays before the next attempt to connect.
const BACKOFF: Backoff = Backoff { max: 32_000, ..Backoff::MILLISECONDS };

#[entry]
fn main() -> ! {
    static mut ETHERNET: Ethernet = Ethernet::EMPTY;
    static mut SOCKETS: [SocketStorage<'static>; 1] = [SocketStorage::EMPTY];
    static mut BUFFERS: Buffers = Buffers::EMPTY;
    static mut RX: [u8; BUFFER_SIZE] = [0; BUFFER_SIZE];

    let core = cortex_m::Peripherals::take().unwrap();
    board::start(core.SYST);
    let mut network = Network::new(ETHERNET, SOCKETS);
    let socket = network.add_socket(BUFFERS);
    let mut sensor = Sensor { thermometer: Thermometer::default(), due: 0, published: 0 };

    let mut reconnect = Reconnect::new(BACKOFF);
    loop {
        defmt::info!("connecting to {=str}", URI);
        let start = clock::millis();
        let opened = talk(&mut network, socket, RX, SERVER, TIMEOUTS, &mut sensor);
        defmt::info!("{} readings in all; stack: {} of {} bytes used", sensor.published, stack::used(), stack::size());
        if opened {
            reconnect.on_open(start);
        }
        // RFC 6455 7.2.3
        let now = clock::millis();
        let due = reconnect.on_end(now, u32::from_le_bytes(random()), None);
        defmt::info!("next attempt in {} ms", due - now);
        network.rest_until(due);
    }
}

struct Sensor {
    thermometer: Thermometer,
    due: u64,
    published: u32,
}

impl Application for Sensor {
    fn receive(&mut self, _: &mut ClientLink<'_, '_>, chunk: Chunk<'_>) {
        // `echo_server` echoes the readings. A product would receive commands or settings here.
        if chunk.last {
            defmt::debug!("a message from the server");
        }
    }

    fn send(&mut self, link: &mut ClientLink<'_, '_>) -> Option<u64> {
        if link.now >= self.due {
            self.due = link.now + INTERVAL;
            let tenths = self.thermometer.tenths();
            let mut text = String::<TEXT_SIZE>::new();
            let (uptime, degrees, tenth) = (link.now, tenths / 10, tenths % 10);
            let _ = write!(text, r#"{{"uptime":{uptime},"temperature":{degrees}.{tenth}}}"#); // there is room
            // Drop a reading if there is no room or the connection is closing: the next one is newer.
            if link.send_text(&text) {
                defmt::info!("published {=str}", text.as_str());
                self.published += 1;
            }
        }
        Some(self.due)
    }
}
