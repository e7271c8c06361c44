//! What a host sets: limits, timeouts, and the configuration of both roles.

use barews::connection::Config;
use barews::deadlines::Timeouts;
use barews::handshake::{ClientConfig, OriginPolicy, ServerConfig};
use barews::wire::Rsv;

use crate::error::{BAREWS_ERR_ARGUMENT, BAREWS_OK, barews_error};
use crate::event::BAREWS_NEVER;
use crate::memory::{put, read_or, write};
use crate::text::{barews_str, strings};

/// What a host sets for a connection. Where a function takes it, null means the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_config {
    /// The longest payload of a received data frame, in bytes; above it the connection fails with 1009. Default 16 MiB.
    pub max_frame_size: u64,
    /// The longest received message, in bytes over all its fragments; above it the connection fails with 1009. Default
    /// 64 MiB. No message is stored here: a host that handles chunks as they come can set `UINT64_MAX`.
    pub max_message_size: u64,
    /// The most frames in a received message; above it the connection fails with 1008. Default 2^20.
    pub max_fragments: u32,
    /// The reserved opcodes that a negotiated extension defines: bit n for opcode n. Default none.
    pub extension_opcodes: u16,
    /// The reserved bits that a negotiated extension defines for data frames: 4 for RSV1, 2 for RSV2, 1 for RSV3. Default
    /// none. Text whose first frame has one of them set is not checked for UTF-8.
    pub extension_rsv: u8,
}

impl barews_config {
    const DEFAULT: Self = Self {
        max_frame_size: Config::DEFAULT.max_frame_size,
        max_message_size: Config::DEFAULT.max_message_size,
        max_fragments: Config::DEFAULT.max_fragments,
        extension_opcodes: 0,
        extension_rsv: 0,
    };

    /// Reads the configuration; the default for null.
    ///
    /// # Safety
    ///
    /// `config` is null, or points to one that is initialised.
    pub(crate) unsafe fn read(config: *const Self) -> Config {
        // SAFETY: the same duty.
        let config = unsafe { read_or(config, Self::DEFAULT) };
        Config {
            max_frame_size: config.max_frame_size,
            max_message_size: config.max_message_size,
            max_fragments: config.max_fragments,
            extension_opcodes: config.extension_opcodes,
            extension_rsv: Rsv::from_bits(config.extension_rsv),
            ..Config::DEFAULT
        }
    }
}

/// Sets the defaults.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_config_init(config: *mut barews_config) {
    trusting!(write(config, barews_config::DEFAULT));
}

/// How long the host waits for what, in ticks of its clock: milliseconds, if it takes the defaults. `BAREWS_NEVER`
/// switches one off. Where a function takes it, null means the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_timeouts {
    /// For the opening handshake, from the start of the transport. Default 10 s.
    pub handshake: u64,
    /// For a data message from either side. Default `BAREWS_NEVER`.
    pub idle: u64,
    /// For bytes from the peer. Then a Ping is due. 0 counts as 1. Default 20 s.
    pub ping: u64,
    /// For the Pong or any other bytes after that Ping. 0 counts as 1. Default 20 s.
    pub pong: u64,
    /// For the peer's Close frame, and for the end of the transport. Default 5 s.
    pub closing: u64,
}

const fn ticks(timeout: Option<u64>) -> u64 {
    match timeout {
        Some(ticks) => ticks,
        None => BAREWS_NEVER,
    }
}

const fn timeout(ticks: u64) -> Option<u64> {
    if ticks == BAREWS_NEVER { None } else { Some(ticks) }
}

impl barews_timeouts {
    const DEFAULT: Self = {
        let Timeouts { handshake, idle, ping, pong, closing, .. } = Timeouts::MILLISECONDS;
        Self {
            handshake: ticks(handshake),
            idle: ticks(idle),
            ping: ticks(ping),
            pong: ticks(pong),
            closing: ticks(closing),
        }
    };

    /// Reads the timeouts; the defaults for null.
    ///
    /// # Safety
    ///
    /// `timeouts` is null, or points to some that are initialised.
    pub(crate) unsafe fn read(timeouts: *const Self) -> Timeouts {
        // SAFETY: the same duty.
        let Self { handshake, idle, ping, pong, closing } = unsafe { read_or(timeouts, Self::DEFAULT) };
        Timeouts {
            handshake: timeout(handshake),
            idle: timeout(idle),
            ping: timeout(ping),
            pong: timeout(pong),
            closing: timeout(closing),
            ..Timeouts::NEVER
        }
    }
}

/// Sets the defaults, in milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_timeouts_init(timeouts: *mut barews_timeouts) {
    trusting!(write(timeouts, barews_timeouts::DEFAULT));
}

/// Which web pages may connect: one of `BAREWS_ORIGIN_...`. Browsers let any page open a WebSocket to any host, with the
/// user's cookies. A program that is no browser can send any origin, or none; a request without one is accepted.
pub type barews_origin_policy = u8;

/// None was chosen, which is an error: a server must decide.
pub const BAREWS_ORIGIN_UNSET: barews_origin_policy = 0;
/// Pages of the same host and port.
pub const BAREWS_ORIGIN_SAME: barews_origin_policy = 1;
/// Pages of the origins in the list, `https://example.com` for example.
pub const BAREWS_ORIGIN_LIST: barews_origin_policy = 2;
/// Pages of the same host and port, and of the origins in the list.
pub const BAREWS_ORIGIN_SAME_OR_LIST: barews_origin_policy = 3;
/// All pages: only for a server that gives everyone the same.
pub const BAREWS_ORIGIN_ANY: barews_origin_policy = 4;

/// What a server sets for its handshakes. The lists and what they point to must stay as long as the configuration that is
/// made of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_server_settings {
    /// The origins for `BAREWS_ORIGIN_LIST` and `BAREWS_ORIGIN_SAME_OR_LIST`.
    pub origins: *const barews_str,
    /// The number of origins.
    pub origins_len: usize,
    /// The subprotocols that the server supports, most preferred first.
    pub subprotocols: *const barews_str,
    /// The number of subprotocols.
    pub subprotocols_len: usize,
    /// The names, in any case, of fields to keep for the host, such as `cookie` or `authorization`.
    pub keep: *const barews_str,
    /// The number of names.
    pub keep_len: usize,
    /// The most bytes of a head, all of them counted. Default 16 KiB.
    pub max_head_size: usize,
    /// The most fields of a head, whether they matter or not. Default 100.
    pub max_fields: usize,
    /// Which web pages may connect. Default `BAREWS_ORIGIN_UNSET`: choose one.
    pub origin: barews_origin_policy,
}

/// Sets the defaults: no lists, and no origin policy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_settings_init(settings: *mut barews_server_settings) {
    let defaults = barews_server_settings {
        origins: core::ptr::null(),
        origins_len: 0,
        subprotocols: core::ptr::null(),
        subprotocols_len: 0,
        keep: core::ptr::null(),
        keep_len: 0,
        max_head_size: barews::handshake::MAX_HEAD_SIZE,
        max_fields: barews::handshake::MAX_FIELDS,
        origin: BAREWS_ORIGIN_UNSET,
    };
    trusting!(write(settings, defaults));
}

/// The size of `barews_server_config` in words of 8 bytes.
#[cfg(target_pointer_width = "64")]
pub const BAREWS_SERVER_CONFIG_WORDS: usize = 10;
/// The size of `barews_server_config` in words of 8 bytes.
#[cfg(target_pointer_width = "32")]
pub const BAREWS_SERVER_CONFIG_WORDS: usize = 6;

/// The configuration of a server's handshakes, which many sessions can share, also in several threads. It must outlive
/// them, and must not move.
#[repr(C)]
pub struct barews_server_config {
    words: [u64; BAREWS_SERVER_CONFIG_WORDS],
}

opaque!(barews_server_config, ServerConfig<'static>, 0x01);

/// Makes a configuration. Fails with `BAREWS_ERR_ARGUMENT` if no origin policy was chosen.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_server_config_init(
    config: *mut barews_server_config,
    settings: *const barews_server_settings,
) -> barews_error {
    trusting! {
        let Some(settings) = crate::memory::read(settings) else { return BAREWS_ERR_ARGUMENT };
        let lists = (
            strings(settings.origins, settings.origins_len),
            strings(settings.subprotocols, settings.subprotocols_len),
            strings(settings.keep, settings.keep_len),
        );
        let (Some(origins), Some(subprotocols), Some(keep)) = lists else { return BAREWS_ERR_ARGUMENT };
        let origin = match settings.origin {
            BAREWS_ORIGIN_SAME => OriginPolicy::SameOrigin,
            BAREWS_ORIGIN_LIST => OriginPolicy::List(origins),
            BAREWS_ORIGIN_SAME_OR_LIST => OriginPolicy::SameOriginOr(origins),
            BAREWS_ORIGIN_ANY => OriginPolicy::Any,
            _ => return BAREWS_ERR_ARGUMENT,
        };
        let (max_head_size, max_fields) = (settings.max_head_size, settings.max_fields);
        let made = ServerConfig { subprotocols, keep, max_head_size, max_fields, ..ServerConfig::new(origin) };
        if put(config, made) { BAREWS_OK } else { BAREWS_ERR_ARGUMENT }
    }
}

/// What a client sets for its handshakes and tunnels. The lists and strings must stay as long as the configuration that
/// is made of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_client_settings {
    /// The subprotocols that the client supports, most preferred first, each once.
    pub subprotocols: *const barews_str,
    /// The number of subprotocols.
    pub subprotocols_len: usize,
    /// The names, in any case, of response fields to keep for the host, such as `set-cookie`. Location,
    /// WWW-Authenticate, Retry-After and Sec-WebSocket-Version are always kept.
    pub keep: *const barews_str,
    /// The number of names.
    pub keep_len: usize,
    /// The value of Sec-WebSocket-Extensions, empty for none: the extensions that the client offers. See
    /// `barews_deflate_offer`.
    pub extensions: barews_str,
    /// The most bytes of a head, including interim responses before it. Default 16 KiB.
    pub max_head_size: usize,
    /// The most fields of a head, including interim responses before it. Default 100.
    pub max_fields: usize,
}

/// Sets the defaults: no lists, no extensions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_client_settings_init(settings: *mut barews_client_settings) {
    let defaults = barews_client_settings {
        subprotocols: core::ptr::null(),
        subprotocols_len: 0,
        keep: core::ptr::null(),
        keep_len: 0,
        extensions: barews_str::NONE,
        max_head_size: barews::handshake::MAX_HEAD_SIZE,
        max_fields: barews::handshake::MAX_FIELDS,
    };
    trusting!(write(settings, defaults));
}

/// The size of `barews_client_config` in words of 8 bytes.
#[cfg(target_pointer_width = "64")]
pub const BAREWS_CLIENT_CONFIG_WORDS: usize = 9;
/// The size of `barews_client_config` in words of 8 bytes.
#[cfg(target_pointer_width = "32")]
pub const BAREWS_CLIENT_CONFIG_WORDS: usize = 5;

/// The configuration of a client's handshakes, which many sessions can share, also in several threads. It must outlive
/// them, and must not move.
#[repr(C)]
pub struct barews_client_config {
    words: [u64; BAREWS_CLIENT_CONFIG_WORDS],
}

opaque!(barews_client_config, ClientConfig<'static>, 0x02);

/// Makes a configuration; with null for `settings` the default one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_client_config_init(
    config: *mut barews_client_config,
    settings: *const barews_client_settings,
) -> barews_error {
    trusting! {
        let made = match crate::memory::read(settings) {
            None if settings.is_null() => ClientConfig::DEFAULT,
            None => return BAREWS_ERR_ARGUMENT,
            Some(settings) => {
                let lists = (
                    strings(settings.subprotocols, settings.subprotocols_len),
                    strings(settings.keep, settings.keep_len),
                    settings.extensions.text(),
                );
                let (Some(subprotocols), Some(keep), Some(extensions)) = lists else { return BAREWS_ERR_ARGUMENT };
                let (max_head_size, max_fields) = (settings.max_head_size, settings.max_fields);
                ClientConfig { subprotocols, keep, extensions, max_head_size, max_fields, ..ClientConfig::DEFAULT }
            }
        };
        if put(config, made) { BAREWS_OK } else { BAREWS_ERR_ARGUMENT }
    }
}
