//! A client under embassy for the Autobahn TestSuite, which is the server here: echoes the messages of every case of the
//! suite, then ends. `examples/firmware/autobahn async_client` starts both.

#![no_std]
#![no_main]

mod platform;

use core::fmt::Write;

use barews::connection::Config;
use barews::handshake::{ClientConfig, ClientRequest, Uri};
use barews_embedded::{EmbassyClock, Error, Event, Resources, WebSocket};
use cortex_m_rt::entry;
use embassy_executor::raw::Executor;
use embassy_net::tcp::{self, TcpSocket};
use embassy_net::{Ipv4Address, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4};
use firmware::ethernet::Ethernet;
use firmware::random::random;
use firmware::{board, stack};
use heapless::String;
use static_cell::StaticCell;

use crate::platform::Link;

/// The URI of the suite.
const SUITE: &str = match option_env!("URI") {
    Some(uri) => uri,
    None => "ws://10.0.2.2:9001",
};
/// The size of the socket's receive buffer and of its send buffer.
const BUFFER: usize = 1024;
/// The maximum length of a chunk, which is echoed as a fragment.
const CHUNK: usize = 512;

static CONFIG: ClientConfig<'_> = ClientConfig::DEFAULT;
/// Messages are echoed chunk by chunk, so they can have any length.
const LIMITS: Config =
    Config { max_frame_size: u64::MAX, max_message_size: u64::MAX, max_fragments: u32::MAX, ..Config::DEFAULT };

#[entry]
fn main() -> ! {
    static mut ETHERNET: Ethernet = Ethernet::EMPTY;
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    static RESOURCES: StaticCell<StackResources<1>> = StaticCell::new();

    let core = cortex_m::Peripherals::take().unwrap();
    board::start(core.SYST);
    let address = Ipv4Cidr::new(Ipv4Address::new(10, 0, 2, 15), 24);
    let config = StaticConfigV4 { address, gateway: None, dns_servers: Default::default() };
    let config = embassy_net::Config::ipv4_static(config);
    let resources = RESOURCES.init(StackResources::new());
    let (stack, runner) = embassy_net::new(Link::new(ETHERNET), config, resources, u64::from_le_bytes(random()));

    let executor = EXECUTOR.init(Executor::new(core::ptr::null_mut()));
    let spawner = executor.spawner();
    spawner.spawn(network(runner).unwrap());
    spawner.spawn(cases(stack).unwrap());
    platform::run(executor)
}

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, Link>) -> ! {
    runner.run().await
}

/// Runs all cases.
#[embassy_executor::task]
async fn cases(network: Stack<'static>) {
    let mut count = 0;
    ask(network, format_args!("{SUITE}/getCaseCount"), Some(&mut count)).await;
    for case in 1..=count {
        ask(network, format_args!("{SUITE}/runCase?case={case}&agent=barews"), None).await;
    }
    ask(network, format_args!("{SUITE}/updateReports?agent=barews"), None).await;
    defmt::info!("{} cases; stack: {} of {} bytes used", count, stack::used(), stack::size());
    semihosting::process::exit(0)
}

/// Echoes all messages of the server at `uri`, or adds their digits to `number`.
async fn ask(network: Stack<'static>, uri: core::fmt::Arguments<'_>, number: Option<&mut u32>) {
    let (mut text, mut rx, mut tx) = (String::<128>::new(), [0; BUFFER], [0; BUFFER]);
    if text.write_fmt(uri).is_ok()
        && let Ok(uri) = Uri::parse(&text)
        && let Ok(address) = uri.host().parse::<Ipv4Address>()
    {
        let mut socket = TcpSocket::new(network, &mut rx, &mut tx);
        socket.set_nagle_enabled(false);
        if socket.connect((address, uri.port())).await.is_err() {
            defmt::warn!("{}: no connection", text.as_str());
            return;
        }
        // In many cases the suite breaks a rule, so an error is no surprise.
        if let Err(error) = converse(&mut socket, &uri, number).await {
            defmt::info!("{}: {}", text.as_str(), error.fault());
        }
        socket.abort();
        let _ = socket.flush().await;
    }
}

async fn converse(
    socket: &mut TcpSocket<'_>,
    uri: &Uri<'_>,
    mut number: Option<&mut u32>,
) -> Result<(), Error<tcp::Error>> {
    let (mut storage, mut read, mut write) = ([0; 512], [0; CHUNK], [0; CHUNK + 160]);
    let mut resources = Resources::new(&mut storage[..], &mut read[..], &mut write[..], EmbassyClock);
    resources.limits = LIMITS;
    let mut socket = WebSocket::client(socket, resources, &CONFIG, &ClientRequest::new(*uri), random)?;
    let conversation = async {
        socket.connect().await?;
        while let Some(event) = socket.receive().await? {
            let Event::Chunk(chunk) = event else { continue };
            if let Some(number) = &mut number {
                for digit in chunk.payload.iter().filter(|byte| byte.is_ascii_digit()) {
                    **number = **number * 10 + u32::from(digit - b'0');
                }
                continue;
            }
            let (kind, last, len) = (chunk.kind, chunk.last, chunk.payload.len());
            let mut echo = [0; CHUNK];
            echo[..len].copy_from_slice(chunk.payload);
            socket.flush().await?;
            socket.put(kind, last, &echo[..len])?; // `receive` writes it
        }
        Ok(())
    };
    let ended = conversation.await;
    ended.and(socket.end(async |tcp| tcp.close()).await)
}
