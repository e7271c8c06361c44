//! One connection: handshake, then an echo, the live view or a page, then closing. Messages stream through the socket's
//! buffers, so their size does not matter. A connection keeps only its session, and bytes of a command that arrives in
//! pieces.

use barews::connection::Config;
use barews::deadlines::Timeouts;
#[cfg(feature = "deflate")]
use barews::deflate::{MAX_RESPONSE, RSV1};
use barews::handshake::{Accept, OriginPolicy, ServerConfig};
use barews::message::MessageBuffer;
use barews::session::{Event, Session};
use barews::{BuildError, Server};
use firmware::Turn;
use firmware::link::{Link, Queue, Storage};
use smoltcp::socket::tcp::Socket;

#[cfg(feature = "deflate")]
use crate::deflate_echo::{DeflateEcho, LIMITS};
use crate::live::{COMMAND_SIZE, Live};

const PORT: u16 = 80;

/// Only pages of this server can connect, so that no other website switches the LED.
static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);
/// There are few sockets, so a handshake has a short timeout.
const TIMEOUTS: Timeouts = Timeouts { handshake: Some(4_000), ..Timeouts::MILLISECONDS };
/// Messages are echoed piece by piece, so they can have any length.
const ECHO: Config =
    Config { max_frame_size: u64::MAX, max_message_size: u64::MAX, max_fragments: u32::MAX, ..Config::DEFAULT };
/// The engine refuses a longer command at the header of its first frame.
const LIVE: Config = Config { max_message_size: COMMAND_SIZE as u64, ..Config::DEFAULT };

const PAGE: &[u8] = include_bytes!("page.html");

type ServerLink<'a, 's> = Link<'a, 's, Server>;

/// A connection.
pub struct Connection {
    session: Session<'static, Server, Storage>,
    service: Service,
    queue: Queue,
}

/// The service of a connection.
#[allow(clippy::large_enum_variant, reason = "without a heap there is room for the largest in each connection")]
enum Service {
    /// The request is not complete, or was answered without a WebSocket.
    None,
    Echo,
    /// The echo with compressed messages.
    #[cfg(feature = "deflate")]
    DeflateEcho(DeflateEcho),
    Live {
        commands: MessageBuffer<[u8; COMMAND_SIZE]>,
        /// The number of the snapshot that was sent last.
        sent: u32,
    },
}

/// Runs one turn of a socket and of its connection, if it has one.
pub fn turn(slot: &mut Option<Connection>, socket: &mut Socket<'_>, rx: &mut [u8], live: &mut Live, now: u64) -> Turn {
    let is_open = socket.is_open();
    if slot.is_none() && socket.is_active() {
        begin(slot, now);
    }
    let turn = slot.as_mut().map_or_else(Turn::default, |connection| connection.turn(socket, rx, live, now));
    // This includes TIME-WAIT, because there are too few sockets to let one wait.
    if !is_open && !turn.busy {
        if slot.is_some() {
            defmt::info!("connection over");
            *slot = None;
        }
        let _ = socket.listen(PORT);
    }
    turn
}

/// Starts a connection. Not inlined, so that only this call needs the stack for one.
#[inline(never)]
fn begin(slot: &mut Option<Connection>, now: u64) {
    let session = Session::server(&HANDSHAKE, [0; _], TIMEOUTS, now);
    *slot = Some(Connection { session, service: Service::None, queue: Queue::default() });
}

impl Connection {
    fn turn(&mut self, socket: &mut Socket<'_>, rx: &mut [u8], live: &mut Live, now: u64) -> Turn {
        let mut link = Link { session: &mut self.session, socket, now };
        self.queue.begin(&mut link);
        let received = self.service.turn(&mut link, rx, live);
        let busy = self.queue.end(&link) || received;
        let snapshot = matches!(self.service, Service::Live { .. }).then(|| live.due());
        Turn { busy, due: self.session.poll_timeout().into_iter().chain(snapshot).min() }
    }
}

impl Service {
    /// Receives and sends. Returns true if bytes were received.
    fn turn(&mut self, link: &mut ServerLink<'_, '_>, rx: &mut [u8], live: &mut Live) -> bool {
        #[cfg(feature = "deflate")]
        if let Self::DeflateEcho(echo) = self {
            return echo.turn(link);
        }
        let mut bytes = link.read(rx);
        let received = !bytes.is_empty();
        while let Some(event) = link.next(&mut bytes) {
            match (event, &mut *self) {
                (Event::Request, _) => {
                    if let Err(error) = answer(link, self) {
                        defmt::error!("no answer: {}", error); // the handshake's timeout ends the session
                    }
                    #[cfg(feature = "deflate")]
                    if let Self::DeflateEcho(echo) = self {
                        echo.keep(bytes); // its next turn answers them
                        return true;
                    }
                }
                (Event::Data(chunk), Self::Echo) => link.echo(chunk),
                (Event::Data(chunk), Self::Live { commands, .. }) => match commands.push(chunk) {
                    Ok(Some(command)) => live.command(command.text().unwrap_or_default()),
                    Ok(None) => {}
                    Err(error) => link.fail(error),
                },
                _ => {}
            }
        }
        if let Self::Live { sent, .. } = self
            && *sent != live.number()
            && link.send_text(&live.snapshot(link.now))
        {
            *sent = live.number(); // a slow connection skips snapshots, so none has to be kept
        }
        received
    }
}

/// Answers a request.
#[inline(never)]
fn answer(link: &mut ServerLink<'_, '_>, service: &mut Service) -> Result<(), BuildError> {
    let Some(request) = link.session.request() else { return Ok(()) };
    defmt::info!("{=str} {=str}", request.method(), request.target());
    let path = request.target().split('?').next().unwrap_or_default();
    match (request.is_upgrade(), path) {
        (true, "/echo") => {
            #[cfg(feature = "deflate")]
            let mut value = [0; MAX_RESPONSE];
            #[cfg(feature = "deflate")]
            if let Ok(Some((agreed, extensions))) = LIMITS.accept(request.extensions(), &mut value) {
                let accept = Accept { extensions, ..Accept::default() };
                link.session.accept(&accept, &Config { extension_rsv: RSV1, ..ECHO })?;
                begin_deflate(service, agreed);
                return Ok(());
            }
            *service = Service::Echo;
            link.session.accept(&Accept::default(), &ECHO)
        }
        (true, "/live") => {
            *service = Service::Live { commands: MessageBuffer::new([0; COMMAND_SIZE]), sent: 0 };
            link.session.accept(&Accept::default(), &LIVE)
        }
        (false, "/") => link.session.respond(200, &[("Content-Type", "text/html; charset=utf-8")], PAGE),
        _ => link.session.respond(404, &[], b"not found\n"),
    }
}

/// Starts the echo with the negotiated parameters. Not inlined, so that only this call needs the stack for it.
#[cfg(feature = "deflate")]
#[inline(never)]
fn begin_deflate(service: &mut Service, agreed: barews::deflate::Parameters) {
    *service = Service::DeflateEcho(DeflateEcho::new(agreed));
}
