//! The server under embassy: an echo at `/echo`, and at `/slow` an echo whose application is busy for three seconds
//! with each message. Pings are still answered at once, because the reader, the application and the writer of a
//! connection wait only for their queues.

#![no_std]
#![no_main]

mod platform;

use barews::ProtocolError;
use barews::connection::{Config, MessageKind};
use barews::handshake::{OriginPolicy, ServerConfig};
use cortex_m_rt::entry;
use embassy_executor::raw::Executor;
use embassy_futures::select::{Either, select};
use embassy_net::tcp::{Error, TcpSocket};
use embassy_net::{Ipv4Address, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embassy_time::{Duration, Timer, with_timeout};
use embedded_io_async_websocket::{Error as Failure, Reader, Replies, Writer, accept};
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
        if let Err(error) = converse(&mut socket).await {
            defmt::warn!("transport: {}", defmt::Debug2Format(&error));
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
async fn converse(socket: &mut TcpSocket<'_>) -> Result<(), Error> {
    let (mut read, mut write) = ([0; PIECE], [0; PIECE + 160]);
    let mut slow = false;
    let accepted = accept(socket, &mut read, &HANDSHAKE, &LIMITS, |target| {
        slow = target == "/slow";
        slow || target == "/echo"
    });
    let (connection, unread) = match with_timeout(Duration::from_secs(4), accepted).await {
        Ok(accepted) => match accepted? {
            Ok(accepted) => accepted,
            Err(error) => {
                defmt::warn!("refused: {}", error);
                return Ok(());
            }
        },
        Err(_) => return Ok(()),
    };
    defmt::info!("open");
    let (receiver, transmitter) = connection.split();
    let (read_half, write_half) = socket.split();
    let (inbox, outbox, replies) = (Queue::new(), Queue::new(), Replies::new());
    let mut reader = Reader::new(read_half, receiver, &mut read, unread, &replies);
    let mut writer = Writer::new(write_half, transmitter, &mut write);

    let reading = async {
        loop {
            match reader.next().await {
                Ok(Some(chunk)) => {
                    // The buffer is no longer than a piece.
                    let payload = Vec::from_slice(chunk.payload).unwrap_or_default();
                    inbox.send(Piece { kind: chunk.kind, last: chunk.last, payload }).await;
                }
                Ok(None) => return Ok(()),
                Err(Failure::Protocol(ProtocolError::UnexpectedEof)) => {
                    defmt::info!("no Close frame");
                    return Ok(());
                }
                // The writer sends the Close frame that reports the error, and ends the connection.
                Err(Failure::Protocol(error)) => {
                    defmt::warn!("protocol error: {}", error);
                    core::future::pending().await
                }
                Err(Failure::Transport(error)) => return Err(error),
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
        while !writer.close_sent() {
            // Write the application's output first, because nothing can follow a Close frame. A reply does not wait
            // long: until the writer takes it, the reader reads nothing.
            match select(outbox.receive(), replies.receive()).await {
                Either::First(piece) => drop(writer.put(piece.kind, piece.last, &piece.payload)),
                Either::Second(reply) => drop(writer.reply(&reply)),
            }
            writer.flush().await?;
        }
        Ok(())
    };
    match select(writing, select(reading, application)).await {
        Either::First(ended) | Either::Second(Either::First(ended)) => ended,
        Either::Second(Either::Second(())) => Ok(()),
    }
}
