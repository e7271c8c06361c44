//! What a program sets for a connection.

use std::time::Duration;

use barews::connection::Config as EngineConfig;
use barews::deadlines;
use barews::deflate::{Direction, Level, Parameters, RSV1};
use barews::wire::Rsv;

/// Limits, timeouts and compression of a connection. End a value with `..Config::default()`: any release can add
/// fields.
///
/// ```
/// use barews_tokio::Config;
///
/// let config = Config { max_message_size: 1 << 20, compression: None, ..Config::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The longest message that is received, in bytes; above it the connection fails with 1009. The limit counts
    /// inflated bytes. [`next_chunk`](crate::WebSocket::next_chunk) keeps no whole message, so a program that uses only
    /// that can set `u64::MAX`. Default 64 MiB.
    pub max_message_size: u64,
    /// The longest frame that is received, in bytes; above it the connection fails with 1009. Default 64 MiB.
    pub max_frame_size: u64,
    /// The most frames in a received message; above it the connection fails with 1008. Default 2^20.
    pub max_fragments: u32,
    /// The longest frame that is sent, in bytes. A longer message goes out in fragments, and control frames are sent
    /// between them. Default 1 MiB.
    pub fragment_size: usize,
    /// How many bytes of messages wait to be written before [`feed`](crate::WebSocket::feed) and
    /// [`send`](crate::WebSocket::send) wait for the transport, in addition to one large message. Default 64 KiB.
    pub write_buffer: usize,
    /// How many bytes `send` reads while the peer does not accept what it sends, because many peers write a whole
    /// message before they read. These bytes are kept for `next`. Default 32 MiB.
    pub read_ahead: usize,
    /// The timeouts.
    pub timeouts: Timeouts,
    /// permessage-deflate (RFC 7692), offered by a client and accepted by a server; `None` for none. Default: on.
    pub compression: Option<Compression>,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_message_size: 64 << 20,
            max_frame_size: 64 << 20,
            max_fragments: 1 << 20,
            fragment_size: 1 << 20,
            write_buffer: 64 << 10,
            read_ahead: 32 << 20,
            timeouts: Timeouts::default(),
            compression: Some(Compression::default()),
            _non_exhaustive: (),
        }
    }
}

impl Config {
    /// Returns the limits for the engine. `deflate`: whether compression was agreed.
    pub(crate) fn engine(&self, deflate: bool) -> EngineConfig {
        EngineConfig {
            max_frame_size: self.max_frame_size,
            max_message_size: self.max_message_size,
            max_fragments: self.max_fragments,
            extension_rsv: if deflate { RSV1 } else { Rsv::NONE },
            ..EngineConfig::DEFAULT
        }
    }
}

/// How long to wait for what. `None` disables a timeout. End a value with `..Timeouts::default()`.
///
/// The timeouts run while [`next`](crate::WebSocket::next) or [`close`](crate::WebSocket::close) is polled; that of
/// [`send`](Self::send) while `send`, `feed` or `flush` is polled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// For a client to be connected: names, TCP, TLS, redirects and the opening handshake. Default 30 s.
    pub connect: Option<Duration>,
    /// For the opening handshake over an open transport, with the answer of the server's callback. Default 10 s.
    pub handshake: Option<Duration>,
    /// For bytes from the peer. Then a Ping is sent, and the buffers of the connection are released. Default 20 s.
    pub ping: Option<Duration>,
    /// For the Pong or any other bytes after that Ping; then the connection fails. Default 20 s.
    pub pong: Option<Duration>,
    /// For a data message from either side; then the connection is closed with 1001. Default `None`.
    pub idle: Option<Duration>,
    /// For the peer to accept bytes that wait to be written. A send call fails when none was accepted for this long,
    /// whatever the peer sends meanwhile. Default 40 s.
    pub send: Option<Duration>,
    /// For the peer's Close frame and for the end of the transport, after our Close frame is written. What is queued
    /// before that has the time of `send`. Default 5 s.
    pub closing: Option<Duration>,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        Self {
            connect: seconds(30),
            handshake: seconds(10),
            ping: seconds(20),
            pong: seconds(20),
            idle: None,
            send: seconds(40),
            closing: seconds(5),
            _non_exhaustive: (),
        }
    }
}

impl Timeouts {
    /// No timeouts.
    pub const NEVER: Self = Self {
        connect: None,
        handshake: None,
        ping: None,
        pong: None,
        idle: None,
        send: None,
        closing: None,
        _non_exhaustive: (),
    };

    /// Returns the timeouts of an open connection for the engine, in milliseconds.
    pub(crate) fn engine(&self) -> deadlines::Timeouts {
        let ms = |timeout: Option<Duration>| timeout.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
        deadlines::Timeouts {
            idle: ms(self.idle),
            ping: ms(self.ping),
            pong: ms(self.pong),
            closing: ms(self.closing),
            ..deadlines::Timeouts::NEVER
        }
    }
}

/// How permessage-deflate (RFC 7692) is used, and its memory. End a value with `..Compression::default()`.
///
/// The memory of a direction is allocated with the first message that needs it. A window of 2^n bytes takes 2^n + 2.5
/// KiB to inflate and 6.5 × 2^n to deflate: by default 34.5 KiB and 26 KiB.
///
/// **Secrets.** The length of a message is visible even over TLS. If a secret and text chosen by an attacker are
/// compressed together, in one message or with context takeover in several, the attacker can recover the secret from
/// the lengths (RFC 7692 section 8). Disable compression for such connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compression {
    /// The base-2 logarithm of the largest window for messages that are sent, 8 to 15. Default 12.
    pub send_window_bits: u8,
    /// The same for messages that are received. A server with less than 15 declines clients that do not let it limit
    /// their window. Default 15.
    pub receive_window_bits: u8,
    /// Whether each message that is sent is compressed by itself. Default false.
    pub send_no_context_takeover: bool,
    /// Whether the peer must compress each message by itself. Default false.
    pub receive_no_context_takeover: bool,
    /// Messages shorter than this are not compressed, in bytes. Default 128.
    pub threshold: usize,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            send_window_bits: 12,
            receive_window_bits: 15,
            send_no_context_takeover: false,
            receive_no_context_takeover: false,
            threshold: 128,
            _non_exhaustive: (),
        }
    }
}

impl Compression {
    pub(crate) const LEVEL: Level = Level::LARGE;

    /// Returns the engine's parameters for this side.
    pub(crate) fn parameters(&self, is_server: bool) -> Parameters {
        let send = Direction { window_bits: self.send_window_bits, no_context_takeover: self.send_no_context_takeover };
        let receive =
            Direction { window_bits: self.receive_window_bits, no_context_takeover: self.receive_no_context_takeover };
        if is_server {
            Parameters { server: send, client: receive }
        } else {
            Parameters { server: receive, client: send }
        }
    }
}

/// What was agreed for a connection: the directions of this side, and the threshold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreed {
    pub(crate) send: Direction,
    pub(crate) receive: Direction,
    pub(crate) threshold: usize,
}

impl Agreed {
    /// `limits`: those of [`Compression::parameters`].
    pub(crate) fn new(agreed: Parameters, is_server: bool, compression: &Compression) -> Self {
        let Parameters { server, client } = agreed;
        let (send, receive) = if is_server { (server, client) } else { (client, server) };
        let send = Direction { window_bits: send.window_bits.min(compression.send_window_bits), ..send };
        Self { send, receive, threshold: compression.threshold }
    }
}
