//! The server under embassy: an echo at `/echo`, and at `/slow` an echo whose application is busy for three seconds
//! with each message. Pings are still answered at once, because the reader, the application and the writer of a
//! connection wait only for their queues.

#![no_std]
#![no_main]

mod platform;

use barews::connection::{Config, MessageKind};
use barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews::session::Fault;
use barews_embedded::{EmbassyClock, Error as Failure, Event, Replies, Resources, WebSocket};
use cortex_m_rt::entry;
use embassy_executor::raw::Executor;
use embassy_futures::select::{Either, select};
use embassy_net::tcp::{Error, TcpSocket};
use embassy_net::{Ipv4Address, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embassy_time::{Duration, Timer, with_timeout};
use firmware::ethernet::Ethernet;
use firmware::random::random;
use firmware::{board, stack};
use heapless::Vec;
use static_cell::StaticCell;

use crate::platform::Link;

const PORT: u16 = 80;
const SOCKETS: usize = 3;
/// The size of a socket's receive buffer and of its send buffer.
const BUFFER: usize = 1024;
/// The maximum length of a piece of a message between reader, application and writer.
const PIECE: usize = 256;

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);
/// Messages are echoed piece by piece, so they can have any length.
const LIMITS: Config =
    Config { max_frame_size: u64::MAX, max_message_size: u64::MAX, max_fragments: u32::MAX, ..Config::DEFAULT };

struct Piece {
    kind: MessageKind,
    last: bool,
    payload: Vec<u8, PIECE>,
}

type Queue = Channel<NoopRawMutex, Piece, 2>;

#[entry]
fn main() -> ! {
    static mut ETHERNET: Ethernet = Ethernet::EMPTY;
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    static RESOURCES: StaticCell<StackResources<SOCKETS>> = StaticCell::new();

    let core = cortex_m::Peripherals::take().unwrap();
    board::start(core.SYST);
    let address = Ipv4Cidr::new(Ipv4Address::new(10, 0, 2, 15), 24);
    let config = StaticConfigV4 { address, gateway: None, dns_servers: Default::default() };
    let config = embassy_net::Config::ipv4_static(config);
    let link = Link::new(ETHERNET);
    let resources = RESOURCES.init(StackResources::new());
    let (stack, runner) = embassy_net::new(link, config, resources, u64::from_le_bytes(random()));

    let executor = EXECUTOR.init(Executor::new(core::ptr::null_mut()));
    let spawner = executor.spawner();
    spawner.spawn(network(runner).unwrap());
    for _ in 0..SOCKETS {
        spawner.spawn(serve(stack).unwrap());
    }
    defmt::info!("listening, {} sockets with buffers of 2 x {} bytes", SOCKETS, BUFFER);
    platform::run(executor)
}

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, Link>) -> ! {
    runner.run().await
}

#[embassy_executor::task(pool_size = SOCKETS)]
async fn serve(network: Stack<'static>) -> ! {
    let (mut rx, mut tx) = ([0; BUFFER], [0; BUFFER]);
    loop {
        let mut socket = TcpSocket::new(network, &mut rx, &mut tx);
        socket.set_timeout(Some(Duration::from_secs(20)));
        socket.set_keep_alive(Some(Duration::from_secs(10)));
        socket.set_nagle_enabled(false);
        if socket.accept(PORT).await.is_err() {
            continue;
        }
        match converse(&mut socket).await {
            Ok(()) => {}
            Err(Failure::Session(error)) => defmt::warn!("{}", error),
            Err(error) => defmt::warn!("the connection failed: {}", error.fault()),
        }
        // The server closes first (RFC 6455 section 7.1.1), and reads on until the client has ended its side too,
        // because a reset would destroy the Close frame.
        socket.close();
        let _ =
            with_timeout(Duration::from_secs(2), async { while matches!(socket.read(&mut [0; 64]).await, Ok(1..)) {} })
                .await;
        socket.abort();
        let _ = socket.flush().await;
        defmt::info!("connection over; stack: {} of {} bytes used", stack::used(), stack::size());
    }
}

/// Runs a connection until the Close frame is sent or the transport has ended.
async fn converse(socket: &mut TcpSocket<'_>) -> Result<(), Failure<Error>> {
    let (mut storage, mut read, mut write) = ([0; 512], [0; PIECE], [0; PIECE + 160]);
    let mut resources = Resources::new(&mut storage[..], &mut read[..], &mut write[..], EmbassyClock);
    resources.timeouts.handshake = Some(4_000);
    resources.limits = LIMITS;
    let mut socket = WebSocket::server(socket, resources, &HANDSHAKE);
    let request = socket.request().await?;
    let slow = request.target() == "/slow";
    if !slow && request.target() != "/echo" {
        return socket.respond(404, &[], b"").await;
    }
    socket.accept(&Accept::default()).await?;
    defmt::info!("open");
    let (inbox, outbox, replies) = (Queue::new(), Queue::new(), Replies::new());
    let Ok((mut reader, mut writer)) = socket.split(&replies, |socket| socket.split()) else { return Ok(()) };

    let reading = async {
        loop {
            match reader.receive().await {
                Ok(Some(Event::Chunk(chunk))) => {
                    // The buffer is no longer than a piece.
                    let payload = Vec::from_slice(chunk.payload).unwrap_or_default();
                    inbox.send(Piece { kind: chunk.kind, last: chunk.last, payload }).await;
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                // The writer sends the Close frame that reports the error, and ends the connection.
                Err(Failure::Session(error)) if error.fault() == Fault::Peer => {
                    defmt::warn!("protocol error: {}", error);
                    core::future::pending().await
                }
                Err(error) => return Err(error),
            }
        }
    };
    let application = async {
        loop {
            let piece = inbox.receive().await;
            if slow && piece.last {
                Timer::after_secs(3).await;
            }
            outbox.send(piece).await;
        }
    };
    let writing = async {
        loop {
            // Write the application's output first, because nothing can follow a Close frame.
            match select(outbox.receive(), writer.idle()).await {
                Either::First(piece) => {
                    writer.flush().await?;
                    let _ = writer.put(piece.kind, piece.last, &piece.payload);
                }
                Either::Second(ended) => return ended,
            }
        }
    };
    match select(writing, select(reading, application)).await {
        Either::First(ended) | Either::Second(Either::First(ended)) => ended,
        Either::Second(Either::Second(())) => Ok(()),
    }
}
