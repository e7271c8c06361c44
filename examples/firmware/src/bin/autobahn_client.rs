//! A client for the Autobahn TestSuite, which is the server here: echoes the messages of every case of the suite, then
//! ends. `examples/firmware/autobahn client` starts both.

#![no_std]
#![no_main]

use core::fmt::Write;

use barews::connection::Chunk;
use barews::deadlines::Timeouts;
use barews::handshake::Uri;
use cortex_m_rt::entry;
use firmware::client::{Application, ClientLink, talk};
use firmware::ethernet::Ethernet;
use firmware::network::{Buffers, Network};
use firmware::{BUFFER_SIZE, board, stack};
use heapless::String;
use smoltcp::iface::{SocketHandle, SocketStorage};

/// The URI of the suite.
const SUITE: &str = match option_env!("URI") {
    Some(uri) => uri,
    None => "ws://10.0.2.2:9001",
};

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

    let mut count = Number(0);
    ask(&mut network, socket, RX, format_args!("{SUITE}/getCaseCount"), &mut count);
    for case in 1..=count.0 {
        ask(&mut network, socket, RX, format_args!("{SUITE}/runCase?case={case}&agent=barews"), &mut Echo);
    }
    ask(&mut network, socket, RX, format_args!("{SUITE}/updateReports?agent=barews"), &mut Echo);
    defmt::info!("{} cases; stack: {} of {} bytes used", count.0, stack::used(), stack::size());
    semihosting::process::exit(0)
}

fn ask(
    network: &mut Network,
    socket: SocketHandle,
    rx: &mut [u8],
    uri: core::fmt::Arguments<'_>,
    application: &mut impl Application,
) {
    let mut text = String::<128>::new();
    if text.write_fmt(uri).is_ok()
        && let Ok(uri) = Uri::parse(&text)
    {
        talk(network, socket, rx, uri, Timeouts::MILLISECONDS, application);
    }
}

struct Echo;

impl Application for Echo {
    fn receive(&mut self, link: &mut ClientLink<'_, '_>, chunk: Chunk<'_>) {
        link.echo(chunk);
    }
}

/// Reads a decimal number, in pieces of any length.
struct Number(u32);

impl Application for Number {
    fn receive(&mut self, _: &mut ClientLink<'_, '_>, chunk: Chunk<'_>) {
        for digit in chunk.payload.iter().filter(|byte| byte.is_ascii_digit()) {
            self.0 = self.0 * 10 + u32::from(digit - b'0');
        }
    }
}
