//! One connection: handshake, then an echo, the live view or a page, then closing. Messages stream through the socket's
//! buffers, so their size does not matter. A session keeps only bytes of its handshake, or of a command that arrives in
//! pieces.

use barews::connection::{Chunk, Config, State};
use barews::deadlines::{Deadlines, Timeouts};
#[cfg(feature = "deflate")]
use barews::deflate::{MAX_RESPONSE, Parameters, RSV1};
use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};
use barews::message::MessageBuffer;
use barews::{BuildError, Connection, Server};
use firmware::Turn;
use firmware::link::{Link, Queue, expire, is_finished, read, report, send};
use smoltcp::socket::tcp::Socket;

#[cfg(feature = "deflate")]
use crate::deflate_echo::{self, DeflateEcho, LIMITS};
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

/// The maximum length of a read during the handshake. The answer, and the answers to frames that follow the request,
/// then fit the smallest send buffer.
const REQUEST_READ: usize = 64;
/// The maximum length of an answer, except the page.
const ANSWER_SIZE: usize = if cfg!(feature = "deflate") { 320 } else { 256 };

const PAGE: &[u8] = include_bytes!("page.html");

/// A connection and its deadlines.
pub struct Session {
    stage: Stage,
    deadlines: Deadlines,
    queue: Queue,
    /// The memory of [`Service::DeflateEcho`].
    #[cfg(feature = "deflate")]
    deflate: Option<DeflateEcho>,
}

#[allow(clippy::large_enum_variant, reason = "without a heap there is room for the largest in each session")]
enum Stage {
    Handshake(ServerHandshake<'static, [u8; 512]>),
    Open(Connection<Server>, Service),
    /// A response without a WebSocket; these bytes are still to be sent.
    Response(&'static [u8]),
}

/// The service of a connection.
enum Service {
    Echo,
    /// The echo with compressed messages and the negotiated parameters.
    #[cfg(feature = "deflate")]
    DeflateEcho(Parameters),
    Live {
        commands: MessageBuffer<[u8; COMMAND_SIZE]>,
        /// The number of the snapshot that was sent last.
        sent: u32,
    },
}

/// Runs one turn of a socket and of its session, if it has one.
pub fn turn(slot: &mut Option<Session>, socket: &mut Socket<'_>, rx: &mut [u8], live: &mut Live, now: u64) -> Turn {
    if !socket.is_open() {
        // This includes TIME-WAIT, because there are too few sockets to let one wait.
        if let Some(session) = slot {
            if let Stage::Open(connection, _) = &session.stage {
                report(connection);
            }
            defmt::info!("connection over");
            *slot = None;
        }
        let _ = socket.listen(PORT);
    }
    if !socket.is_active() {
        return Turn::default();
    }
    if slot.is_none() {
        begin(slot, now);
    }
    let Some(session) = slot else { return Turn::default() };
    let busy = session.go_on(socket, rx, live, now);
    Turn { busy, due: session.due(live) }
}

/// Starts a session. Not inlined, so that only this call needs the stack for a session.
#[inline(never)]
fn begin(slot: &mut Option<Session>, now: u64) {
    *slot = Some(Session {
        stage: Stage::Handshake(ServerHandshake::new(&HANDSHAKE, [0; 512])),
        deadlines: Deadlines::new(TIMEOUTS, now),
        queue: Queue::default(),
        #[cfg(feature = "deflate")]
        deflate: None,
    });
}

impl Session {
    fn due(&self, live: &Live) -> Option<u64> {
        let snapshot = matches!(self.stage, Stage::Open(_, Service::Live { .. })).then(|| live.due());
        self.deadlines.poll_timeout().into_iter().chain(snapshot).min()
    }

    /// Runs the session. Returns true if bytes were received or sent.
    fn go_on(&mut self, socket: &mut Socket<'_>, rx: &mut [u8], live: &mut Live, now: u64) -> bool {
        let Self { stage, deadlines, queue, .. } = self;
        if queue.has_shrunk(socket) {
            deadlines.on_bytes(now);
        }
        let busy = match stage {
            #[cfg(feature = "deflate")]
            Stage::Open(connection, Service::DeflateEcho(_)) => {
                let mut link = Link { connection, socket, deadlines, now };
                link.timeouts();
                let busy = self.deflate.as_mut().is_some_and(|echo| echo.go_on(&mut link));
                if !self.deflate.as_ref().is_some_and(DeflateEcho::waits) {
                    link.settle();
                }
                busy
            }
            Stage::Open(connection, service) => {
                let mut link = Link { connection, socket, deadlines, now };
                link.timeouts();
                service.send(&mut link, live);
                let busy = link.receive(rx, |link, chunk| service.receive(link, chunk, live));
                link.settle();
                busy
            }
            Stage::Handshake(_) | Stage::Response(_) => self.http(socket, rx, live, now),
        };
        self.queue.has_grown(socket) || busy
    }

    /// Handles a connection without a WebSocket: a handshake or a response.
    #[inline(never)]
    fn http(&mut self, socket: &mut Socket<'_>, rx: &mut [u8], live: &mut Live, now: u64) -> bool {
        let Self { stage, deadlines, .. } = self;
        while let Some(timeout) = deadlines.handle_timeout(now) {
            expire(socket, timeout);
        }
        let bytes = read(socket, rx, REQUEST_READ);
        let busy = !bytes.is_empty();
        if let Stage::Handshake(handshake) = stage {
            match handshake.receive(bytes) {
                Ok(Progress::Partial) if is_finished(socket) => socket.close(),
                Ok(Progress::Partial) => {}
                Ok(Progress::Complete { rest, .. }) => {
                    *stage = answer(handshake, socket);
                    #[cfg(feature = "deflate")]
                    if let Stage::Open(_, Service::DeflateEcho(agreed)) = stage {
                        deadlines.on_open(now);
                        deflate_echo::begin(&mut self.deflate, *agreed, rest);
                        return true;
                    }
                    if let Stage::Open(connection, service) = stage {
                        deadlines.on_open(now);
                        let mut link = Link { connection, socket, deadlines, now };
                        link.process(rest, |link, chunk| service.receive(link, chunk, live));
                    }
                }
                Err(error) => {
                    defmt::warn!("refused: {}", error);
                    *stage = respond(socket, |out| handshake.refuse(error, out));
                }
            }
        }
        if let Stage::Response(left) = stage {
            let len = socket.send_slice(left).unwrap_or(0);
            *left = &left[len..];
            if left.is_empty() {
                socket.close();
            }
            deadlines.on_state(State::Closing, now); // limits the time for the client to accept the response
        }
        busy
    }
}

impl Service {
    fn receive(&mut self, link: &mut Link<'_, '_, Server>, chunk: Chunk<'_>, live: &mut Live) {
        match self {
            Self::Echo => link.echo(chunk),
            #[cfg(feature = "deflate")]
            Self::DeflateEcho(_) => {} // never reached: `DeflateEcho` receives
            Self::Live { commands, .. } => match commands.push(chunk) {
                Ok(Some(command)) => live.command(command.text().unwrap_or_default()),
                Ok(None) => {}
                Err(error) => link.connection.fail(error),
            },
        }
    }

    fn send(&mut self, link: &mut Link<'_, '_, Server>, live: &mut Live) {
        if let Self::Live { sent, .. } = self
            && *sent != live.number()
            && link.send_text(&live.snapshot(link.now))
        {
            *sent = live.number(); // a slow connection skips snapshots, so none has to be kept
        }
    }
}

/// Answers a complete request.
#[inline(never)]
fn answer(handshake: &mut ServerHandshake<'static, [u8; 512]>, socket: &mut Socket<'_>) -> Stage {
    let Some(request) = handshake.request() else { return Stage::Response(b"") };
    defmt::info!("{=str} {=str}", request.method(), request.target());
    let path = request.target().split('?').next().unwrap_or_default();
    let (config, service) = match (request.is_upgrade(), path) {
        (true, "/echo") => (&ECHO, Service::Echo),
        (true, "/live") => (&LIVE, Service::Live { commands: MessageBuffer::new([0; COMMAND_SIZE]), sent: 0 }),
        (false, "/") => {
            let body = if request.method() == "HEAD" { b"" } else { PAGE };
            let html = [("Content-Type", "text/html; charset=utf-8")];
            respond(socket, |out| handshake.respond_head(200, &html, PAGE.len(), out));
            return Stage::Response(body);
        }
        _ => return respond(socket, |out| handshake.respond(404, &[], b"not found\n", out)),
    };
    #[cfg(feature = "deflate")]
    let mut value = [0; MAX_RESPONSE];
    #[cfg(feature = "deflate")]
    if let Service::Echo = service
        && let Ok(Some((agreed, extensions))) = LIMITS.accept(request.extensions(), &mut value)
    {
        let accept = Accept { extensions, ..Accept::default() };
        return open(handshake, &accept, &Config { extension_rsv: RSV1, ..ECHO }, Service::DeflateEcho(agreed), socket);
    }
    open(handshake, &Accept::default(), config, service, socket)
}

fn open(
    handshake: &mut ServerHandshake<'static, [u8; 512]>,
    accept: &Accept<'_>,
    config: &Config,
    service: Service,
    socket: &mut Socket<'_>,
) -> Stage {
    let mut out = [0; ANSWER_SIZE];
    match handshake.accept(accept, config, &mut out) {
        Ok((len, connection)) => {
            send(socket, &out[..len]);
            Stage::Open(connection, service)
        }
        Err(_) => Stage::Response(b""), // never reached: this is an upgrade without an answer
    }
}

/// Sends a short response.
fn respond(socket: &mut Socket<'_>, build: impl FnOnce(&mut [u8]) -> Result<usize, BuildError>) -> Stage {
    let mut out = [0; ANSWER_SIZE];
    if let Ok(len) = build(&mut out) {
        send(socket, &out[..len]);
    }
    Stage::Response(b"")
}
