//! What all boards do: a WebSocket client that reports the chip's temperature every second, and logs what the server
//! answers. While it waits for the next second it answers Pings and watches the deadlines. After a failure it connects
//! again, with back-off.

#![no_std]

use core::fmt::Write;

use barews_embedded::barews::deadlines::{Backoff, Reconnect};
use barews_embedded::barews::handshake::{ClientConfig, ClientRequest, Uri};
use barews_embedded::{Clock, EmbassyClock, Error, Event, Resources, WebSocket, back_off};
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_net::dns::DnsQueryType;
use embassy_net::tcp::{self, TcpSocket};
use embassy_time::{Duration, Ticker, with_timeout};
use heapless::String;

/// The size of the TCP socket's receive buffer and of its send buffer.
const SOCKET_BUFFER: usize = 1024;
/// The size of the WebSocket's buffers: the head of the handshake, bytes that were read, bytes to write.
const BUFFER: usize = 512;

static CONFIG: ClientConfig<'_> = ClientConfig::DEFAULT;

/// Reports to the server at `uri` without end.
///
/// `random` returns four fresh bytes of the chip's random number generator: each frame has its own masking key.
/// `celsius` measures the temperature in degrees.
pub async fn run(
    stack: Stack<'static>,
    uri: Uri<'static>,
    mut random: impl FnMut() -> [u8; 4],
    mut celsius: impl AsyncFnMut() -> i32,
) -> ! {
    let (mut receive, mut transmit) = ([0; SOCKET_BUFFER], [0; SOCKET_BUFFER]);
    let mut reconnect = Reconnect::new(Backoff::MILLISECONDS);
    loop {
        stack.wait_config_up().await;
        let mut error = None;
        if let Some(mut socket) = open(stack, &uri, &mut receive, &mut transmit).await {
            let ended = converse(&mut socket, &uri, &mut reconnect, &mut random, &mut celsius).await;
            match &ended {
                Ok(()) => defmt::info!("the server closed the connection"),
                Err(error) => defmt::warn!("{}", error),
            }
            error = ended.err();
            socket.abort();
            // Sends the reset, if the connection is not closed.
            let _ = with_timeout(Duration::from_secs(1), socket.flush()).await;
        }
        back_off(&mut reconnect, &EmbassyClock, u32::from_le_bytes(random()), error.as_ref()).await;
    }
}

/// Opens TCP.
async fn open<'b>(
    stack: Stack<'static>,
    uri: &Uri<'_>,
    receive: &'b mut [u8],
    transmit: &'b mut [u8],
) -> Option<TcpSocket<'b>> {
    let connect = async {
        // An address in the place of a name is not looked up.
        let addresses = stack.dns_query(uri.host(), DnsQueryType::A).await;
        let address = *addresses.inspect_err(|error| defmt::warn!("{}: {}", uri.host(), error)).ok()?.first()?;
        let mut socket = TcpSocket::new(stack, receive, transmit);
        socket.set_nagle_enabled(false);
        let connected = socket.connect((address, uri.port())).await;
        connected.inspect_err(|error| defmt::warn!("{}: {}", address, error)).ok()?;
        Some(socket)
    };
    with_timeout(Duration::from_secs(10), connect).await.unwrap_or_else(|_| {
        defmt::warn!("{} does not answer", uri.host());
        None
    })
}

/// Runs a connection until the closing handshake is done.
async fn converse(
    socket: &mut TcpSocket<'_>,
    uri: &Uri<'_>,
    reconnect: &mut Reconnect,
    random: impl FnMut() -> [u8; 4],
    mut celsius: impl AsyncFnMut() -> i32,
) -> Result<(), Error<tcp::Error>> {
    let (mut storage, mut receive, mut transmit) = ([0; BUFFER], [0; BUFFER], [0; BUFFER]);
    let resources = Resources::new(&mut storage[..], &mut receive[..], &mut transmit[..], EmbassyClock);
    let mut socket = WebSocket::client(socket, resources, &CONFIG, &ClientRequest::new(*uri), random)?;
    let ended = async {
        socket.connect().await?;
        reconnect.on_open(EmbassyClock.now());
        defmt::info!("open");
        let mut seconds = Ticker::every(Duration::from_secs(1));
        loop {
            match select(seconds.next(), socket.receive()).await {
                Either::First(()) => {
                    let mut text = String::<11>::new(); // has room for every number
                    let _ = write!(text, "{}", celsius().await);
                    socket.send_text(&text).await?;
                }
                Either::Second(event) => match event? {
                    None => return Ok(()),
                    Some(Event::Chunk(chunk)) => defmt::info!("received {=[u8]:a}", chunk.payload),
                    Some(Event::Pong(Some(millis))) => defmt::info!("round trip: {} ms", millis),
                    Some(_) => {}
                },
            }
        }
    };
    let ended = ended.await;
    ended.and(socket.end(async |tcp| tcp.close()).await) // the same after an error
}
