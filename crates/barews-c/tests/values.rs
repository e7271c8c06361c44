//! The functions that take values: configuration, URIs, proxies, credentials, tunnels, time, negotiation of compression.
#![allow(unsafe_code, reason = "calls a C interface")]

use std::mem::zeroed;
use std::ptr::null;

use barews::connection::Config;
use barews::deadlines::{Backoff, Timeouts};
use barews_c::*;

fn text(text: &str) -> barews_str {
    barews_str { data: text.as_ptr().cast(), len: text.len() }
}

/// Reads a string that a function returned; `None` if it is null.
fn read<'a>(text: barews_str) -> Option<&'a str> {
    // SAFETY: the strings of these tests are static, or stay to the end of their test.
    let bytes = unsafe { std::slice::from_raw_parts(text.data.cast::<u8>().as_ref()?, text.len) };
    std::str::from_utf8(bytes).ok()
}

#[test]
fn defaults_are_those_of_the_engine() {
    // SAFETY: all zeros is a value of these, and the functions fill them.
    let (mut config, mut timeouts, mut backoff): (barews_config, barews_timeouts, barews_backoff) = unsafe { zeroed() };
    // SAFETY: there are these structures.
    unsafe {
        barews_config_init(&mut config);
        barews_timeouts_init(&mut timeouts);
        barews_backoff_init(&mut backoff);
        barews_config_init(std::ptr::null_mut()); // nothing happens
    }
    let engine = Config::DEFAULT;
    assert_eq!(config.max_frame_size, engine.max_frame_size);
    assert_eq!(config.max_message_size, engine.max_message_size);
    assert_eq!(config.max_fragments, engine.max_fragments);
    assert_eq!(config.extension_opcodes, engine.extension_opcodes);
    assert_eq!(config.extension_rsv, engine.extension_rsv.bits());
    let engine = Timeouts::MILLISECONDS;
    let ticks = |timeout: Option<u64>| timeout.unwrap_or(BAREWS_NEVER);
    assert_eq!(
        [timeouts.handshake, timeouts.idle, timeouts.ping, timeouts.pong, timeouts.closing],
        [engine.handshake, engine.idle, engine.ping, engine.pong, engine.closing].map(ticks)
    );
    let engine = Backoff::MILLISECONDS;
    assert_eq!((backoff.first, backoff.max), (engine.first, engine.max));
    assert_eq!((backoff.max_retry_after, backoff.success), (engine.max_retry_after, engine.success));
}

#[test]
fn uri_is_taken_apart() {
    // SAFETY: all zeros is a value, and the strings are static.
    unsafe {
        let mut uri: barews_uri = zeroed();
        assert_eq!(barews_uri_parse(text("wss://[::1]:8443/room?user=7"), &mut uri), BAREWS_OK);
        assert_eq!((read(uri.host), read(uri.path), read(uri.query)), (Some("[::1]"), Some("/room"), Some("user=7")));
        assert_eq!((uri.port, uri.is_secure), (8443, true));
        assert_eq!(barews_uri_parse(text("ws://x/"), &mut uri), BAREWS_OK);
        assert_eq!((uri.port, uri.is_secure, read(uri.query)), (80, false, None));
        for (wrong, error) in [
            ("ftp://x/", BAREWS_ERR_URI_SCHEME),
            ("ws://a@x/", BAREWS_ERR_URI_USER_INFO),
            ("ws:///", BAREWS_ERR_URI_HOST),
            ("ws://x:0/", BAREWS_ERR_URI_PORT),
            ("ws://x/#y", BAREWS_ERR_URI_FRAGMENT),
        ] {
            assert_eq!(barews_uri_parse(text(wrong), &mut uri), error, "{wrong}");
        }
        assert_eq!(barews_uri_parse(text("ws://x/"), std::ptr::null_mut()), BAREWS_ERR_ARGUMENT);
    }
}

#[test]
fn redirect_is_resolved() {
    let (mut scratch, mut out, mut len) = ([0; 128], [0; 128], 0);
    let base = text("wss://example.com/chat/room?id=7");
    // SAFETY: there is this memory, and the strings are static.
    let mut join = |reference, room| unsafe {
        let (scratch, out) = (scratch.as_mut_ptr(), out.as_mut_ptr());
        let code = barews_uri_join(base, text(reference), scratch, 128, out, room, &mut len);
        let written = std::slice::from_raw_parts(out, len.min(room)).to_vec();
        (code, len, String::from_utf8(written).unwrap())
    };
    assert_eq!(join("../lobby#top", 128), (BAREWS_OK, 27, "wss://example.com:443/lobby".into()));
    assert_eq!(join("https://[::1]:8443/?x", 128), (BAREWS_OK, 19, "wss://[::1]:8443/?x".into()));
    assert_eq!(join("../lobby", 26).0, BAREWS_ERR_BUFFER_TOO_SMALL);
    assert_eq!(join("../lobby", 26).1, 27);
    assert_eq!(join("http://example.com/", 128).0, BAREWS_ERR_URI_DOWNGRADE);
    // SAFETY: the strings are static.
    unsafe {
        assert!(barews_uri_is_same_origin(base, text("https://EXAMPLE.com:443/")));
        assert!(!barews_uri_is_same_origin(base, text("ws://example.com/")));
    }
}

#[test]
fn credentials_are_written() {
    let (mut out, mut len) = ([0; 64], 0);
    // SAFETY: there is this memory.
    unsafe {
        let (place, size) = (out.as_mut_ptr(), out.len());
        assert_eq!(barews_basic_credentials(text("Aladdin"), text("open sesame"), place, size, &mut len), BAREWS_OK);
        assert_eq!(&out[..len], b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="); // RFC 7617 section 2
        let (place, size) = (out.as_mut_ptr(), out.len());
        assert_eq!(
            barews_basic_credentials(text("a:b"), text(""), place, size, &mut len),
            BAREWS_ERR_BUILD_CREDENTIALS
        );
        assert_eq!(
            barews_bearer_credentials(text("mF_9.B5f-4.1JqM"), place, 10, &mut len),
            BAREWS_ERR_BUFFER_TOO_SMALL
        );
        assert_eq!(len, 22);
        assert_eq!(barews_bearer_credentials(text("mF_9.B5f-4.1JqM"), place, 22, &mut len), BAREWS_OK);
        assert_eq!(&out[..len], b"Bearer mF_9.B5f-4.1JqM"); // RFC 6750 section 2.1
        let mut proxy: barews_proxy = zeroed();
        let settings = text("http://Aladdin:open%20sesame@proxy:3128");
        assert_eq!(barews_proxy_parse(settings, &mut proxy), BAREWS_OK);
        assert_eq!((read(proxy.host), proxy.port), (Some("proxy"), 3128));
        let (place, size) = (out.as_mut_ptr(), out.len());
        assert_eq!(barews_proxy_authorization(settings, place, size, &mut len), BAREWS_OK);
        assert_eq!(&out[..len], b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let (place, size) = (out.as_mut_ptr(), out.len());
        assert_eq!(barews_proxy_authorization(text("proxy:3128"), place, size, &mut len), BAREWS_OK);
        assert_eq!(len, 0);
        assert_eq!(barews_proxy_parse(text("socks5://proxy:1"), &mut proxy), BAREWS_ERR_PROXY_SOCKS);
    }
}

#[test]
fn accept_key_is_that_of_the_rfc() {
    let mut out = [0; 28];
    // SAFETY: there is this memory.
    unsafe {
        assert!(barews_accept_key(text("dGhlIHNhbXBsZSBub25jZQ=="), out.as_mut_ptr()));
        assert!(!barews_accept_key(text("short"), out.as_mut_ptr()));
    }
    assert_eq!(&out, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); // RFC 6455 section 1.3
}

#[test]
fn tunnel_opens_and_is_refused() {
    // SAFETY: all zeros is a value of these; the functions fill them. There is this memory, to the end.
    unsafe {
        let mut config: barews_client_config = zeroed();
        assert_eq!(barews_client_config_init(&mut config, null()), BAREWS_OK);
        for (response, status, is_open) in [
            ("HTTP/1.1 200 OK\r\n\r\nrest", 200, true),
            ("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\nRetry-After: 9\r\n\r\nrest", 407, false),
        ] {
            let (mut tunnel, mut storage, mut out, mut len): (barews_tunnel, _, _, _) =
                (zeroed(), [0; 256], [0; 256], 0);
            let uri = text("wss://example.com/");
            assert_eq!(barews_tunnel_status(&tunnel), 0);
            assert_eq!(barews_tunnel_init(&mut tunnel, &config, storage.as_mut_ptr(), 256), BAREWS_OK);
            assert_eq!(barews_tunnel_request(&tunnel, uri, null(), 0, out.as_mut_ptr(), 256, &mut len), BAREWS_OK);
            assert!(out[..len].starts_with(b"CONNECT example.com:443 HTTP/1.1\r\n"));
            let mut bytes = response.as_bytes().to_vec();
            let (mut consumed, mut is_complete) = (0, false);
            let code =
                barews_tunnel_receive(&mut tunnel, bytes.as_mut_ptr(), bytes.len(), &mut consumed, &mut is_complete);
            assert_eq!((code, consumed, is_complete), (BAREWS_OK, bytes.len() - 4, true));
            assert_eq!((barews_tunnel_status(&tunnel), barews_tunnel_is_open(&tunnel)), (status, is_open));
            assert_eq!(barews_tunnel_retry_after(&tunnel), if is_open { 0 } else { 9 });
            let mut value = zeroed();
            assert_eq!(barews_tunnel_field(&tunnel, text("proxy-authenticate"), 0, &mut value), !is_open);
            assert!(is_open || read(value) == Some("Basic"));
            assert!(!barews_tunnel_field(&tunnel, text("proxy-authenticate"), 1, &mut value));
            assert_eq!(barews_tunnel_receive_eof(&mut tunnel), BAREWS_OK);
        }
    }
}

#[test]
fn deadlines_pass() {
    // SAFETY: all zeros is a value of these; the functions fill them.
    unsafe {
        let (mut deadlines, mut payload): (barews_deadlines, _) = (zeroed(), [0; 4]);
        assert_eq!(barews_deadlines_on_open(&mut deadlines, 0), BAREWS_ERR_ARGUMENT); // not initialised
        assert_eq!(barews_deadlines_init(&mut deadlines, null(), 0), BAREWS_OK);
        assert_eq!(barews_deadlines_poll_timeout(&deadlines), 10_000);
        assert_eq!(barews_deadlines_on_open(&mut deadlines, 200), BAREWS_OK);
        assert_eq!(barews_deadlines_on_bytes(&mut deadlines, 1_000), BAREWS_OK);
        assert_eq!(barews_deadlines_poll_timeout(&deadlines), 21_000);
        let place = payload.as_mut_ptr();
        assert_eq!(barews_deadlines_handle_timeout(&mut deadlines, 20_999, place), BAREWS_TIMEOUT_NONE);
        assert_eq!(barews_deadlines_handle_timeout(&mut deadlines, 21_000, place), BAREWS_TIMEOUT_PING);
        assert_eq!(barews_deadlines_on_pong(&mut deadlines, place, 4, 21_040), 40);
        assert_eq!(barews_deadlines_on_state(&mut deadlines, 9, 30_000), BAREWS_ERR_ARGUMENT);
        assert_eq!(barews_deadlines_on_state(&mut deadlines, BAREWS_STATE_CLOSING, 30_000), BAREWS_OK);
        assert_eq!(barews_deadlines_handle_timeout(&mut deadlines, 35_000, place), BAREWS_TIMEOUT_CLOSING);
        assert_eq!(barews_deadlines_poll_timeout(&deadlines), BAREWS_NEVER);
    }
}

#[test]
fn back_off_and_ticks() {
    // SAFETY: all zeros is a value of these; the functions fill them.
    unsafe {
        let (mut reconnect, mut ticks): (barews_reconnect, barews_ticks) = zeroed();
        assert_eq!(barews_reconnect_init(&mut reconnect, null()), BAREWS_OK);
        assert_eq!(barews_reconnect_on_end(&mut reconnect, 5, u32::MAX, 0), 1_005);
        assert_eq!(barews_reconnect_on_end(&mut reconnect, 5, u32::MAX, 0), 2_005);
        assert_eq!(barews_reconnect_on_end(&mut reconnect, 5, 0, 7_000), 7_005);
        assert_eq!(barews_reconnect_failures(&reconnect), 3);
        assert_eq!(barews_ticks_init(&mut ticks, 0xFFFF_FFF0), BAREWS_OK);
        assert_eq!(barews_ticks_extend(&mut ticks, 0xFFFF_FFFF), 0xFFFF_FFFF);
        assert_eq!(barews_ticks_extend(&mut ticks, 5), 0x1_0000_0005);
    }
}

#[cfg(feature = "deflate")]
#[test]
fn compression_is_negotiated() {
    static REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    // SAFETY: all zeros is a value of these; the functions fill them. There is this memory, to the end.
    unsafe {
        let (mut limits, mut agreed): (barews_deflate_parameters, barews_deflate_parameters) = zeroed();
        barews_deflate_parameters_init(&mut limits);
        assert_eq!(barews_deflate_window_size(limits.server), 32768);
        limits.client.window_bits = 12;
        let (mut settings, mut config): (barews_server_settings, barews_server_config) = zeroed();
        barews_server_settings_init(&mut settings);
        settings.origin = BAREWS_ORIGIN_SAME;
        assert_eq!(barews_server_config_init(&mut config, &settings), BAREWS_OK);
        let (mut server, mut storage, mut out, mut len): (barews_server, _, _, _) = (zeroed(), [0; 512], [0; 128], 0);
        assert_eq!(barews_server_init(&mut server, &config, storage.as_mut_ptr(), 512, null(), 0), BAREWS_OK);
        let place = out.as_mut_ptr();
        assert_eq!(
            barews_server_accept_deflate(&server, &limits, &mut agreed, place, 128, &mut len),
            BAREWS_ERR_BUILD_NOT_NOW
        );
        let (mut bytes, mut event) = (REQUEST.to_vec(), zeroed());
        barews_server_receive(&mut server, bytes.as_mut_ptr(), bytes.len(), 0, &mut event);
        assert_eq!(event.kind, BAREWS_EVENT_REQUEST);
        let place = out.as_mut_ptr();
        let code = barews_server_accept_deflate(&server, &limits, &mut agreed, place, 10, &mut len);
        assert_eq!((code, len), (BAREWS_ERR_BUFFER_TOO_SMALL, 45));
        assert_eq!(barews_server_accept_deflate(&server, &limits, &mut agreed, place, 128, &mut len), BAREWS_OK);
        assert_eq!(&out[..len], b"permessage-deflate; client_max_window_bits=12");
        assert_eq!((agreed.server.window_bits, agreed.client.window_bits), (15, 12));

        let (place, size) = (out.as_mut_ptr(), out.len());
        assert_eq!(barews_deflate_offer(&limits, 0, place, size, &mut len), BAREWS_ERR_ARGUMENT);
        assert_eq!(barews_deflate_offer(null(), 1, place, size, &mut len), BAREWS_ERR_ARGUMENT);
        assert_eq!(barews_deflate_offer(&limits, 1, place, size, &mut len), BAREWS_OK);
        assert_eq!(&out[..len], b"permessage-deflate; client_max_window_bits=12");
        assert_eq!(barews_deflater_memory(BAREWS_LEVEL_SMALL, limits.client), 6144);
        assert_eq!(barews_deflater_memory(9, limits.client), 0);
    }
}
