//! What other implementations fell to.

use super::{ANY, serve, upgrade};
use barews::HandshakeError::*;
use barews::handshake::{MAX_HEAD_SIZE, MAX_HEADERS, ServerConfig, ServerHandshake};

/// CVE-2024-37890: one field too many is a clean error, at every limit.
#[test]
fn too_many_headers() {
    for max_headers in 0..=MAX_HEADERS {
        let config = ServerConfig { max_headers, ..ANY };
        let page = |fields| format!("GET / HTTP/1.0\r\n{}\r\n", "a:\r\n".repeat(fields));
        assert!(serve(&config, 64, page(max_headers).as_bytes(), [], |_| ()).is_ok());
        assert_eq!(serve(&config, 64, page(max_headers + 1).as_bytes(), [], |_| ()), Err(TooManyHeaders));
    }
    assert_eq!(TooManyHeaders.status(), 431);
}

/// RUSTSEC-2023-0065: a head that never ends stops at the cap, and a byte at a time costs no more than its length:
/// reading a mebibyte from its start again for each byte would not end.
#[test]
fn endless_heads() {
    for max_head_size in [MAX_HEAD_SIZE, 1 << 20] {
        let config = ServerConfig { max_head_size, ..ANY };
        let line = "GET / HTTP/1.1\r\n";
        for (start, endless) in [(line, "X"), ("GET / HTTP/1.1\r\nX: ", "a"), (line, "Sec-WebSocket-Key"), ("", "\r\n")]
        {
            let mut handshake = ServerHandshake::new(&config, [0; 64]);
            let wire = start.bytes().chain(endless.bytes().cycle());
            let mut errors = wire.map(|byte| handshake.receive(&mut [byte]).err()).enumerate();
            let first = errors.find_map(|(consumed, error)| error.map(|error| (consumed, error)));
            assert_eq!(first, Some((max_head_size, HeadTooLarge)), "{endless:?}");
            // Nothing is read after an error, be it a good request.
            assert_eq!(handshake.receive(upgrade("", "").into_bytes().as_mut()), Err(HeadTooLarge));
        }
    }
    assert_eq!(HeadTooLarge.status(), 431);
}

/// CVE-2021-32640, CVE-2020-7662: lists made to be parsed slowly.
#[test]
fn hostile_lists() {
    let spaces = " ".repeat(16 << 10);
    let escapes = "\\\"".repeat(8 << 10);
    let config = ServerConfig { max_head_size: 64 << 10, ..ANY };
    for (with, outcome) in [
        (format!("Sec-WebSocket-Protocol: a{spaces},b\r\n"), Ok(())),
        (format!("Sec-WebSocket-Protocol: a{spaces}b\r\n"), Err(Subprotocol)),
        (format!("Sec-WebSocket-Protocol: a{}\r\n", ", b".repeat(5 << 10)), Ok(())),
        (format!("Sec-WebSocket-Extensions: a{spaces};{spaces}b\r\n"), Ok(())),
        (format!("Sec-WebSocket-Extensions: a; b={spaces}\r\n"), Err(Extensions)),
        (format!("Sec-WebSocket-Extensions: a; b=\"{escapes}\r\n"), Err(Extensions)),
        (format!("Sec-WebSocket-Extensions: a; b=\"{escapes}\"\r\n"), Err(Extensions)),
        (format!("Sec-WebSocket-Extensions: {}\r\n", "\"".repeat(16 << 10)), Err(Extensions)),
        (format!("Sec-WebSocket-Extensions: a{}\r\n", ",".repeat(16 << 10)), Ok(())),
        (format!("Connection: {}\r\n", ",".repeat(16 << 10)), Ok(())),
    ] {
        let wire = upgrade("", &with);
        for cuts in [0..0, 0..wire.len()] {
            let seen = serve(&config, 64 << 10, wire.as_bytes(), cuts, |_| ()).map(|seen| seen.unwrap().0);
            assert_eq!(seen, outcome, "{}", &with[..30]);
        }
        assert_eq!(serve(&config, 512, wire.as_bytes(), [], |_| ()), Err(StorageFull));
    }
    assert_eq!(StorageFull.status(), 431);
}

/// A server with 512 bytes of storage takes a browser with 8 KiB of cookies, read in pieces of any size.
#[test]
fn large_cookies_need_no_storage() {
    let with = format!(
        "Pragma: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0\r\n\
         Cookie: id={}\r\nOrigin: http://server.example.com\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
        "x".repeat(8 << 10)
    );
    let wire = upgrade("", &with);
    for size in [1, 2, 3, 7, 64, 512, 1460, 8192, 16384] {
        let cuts = (0..wire.len()).step_by(size);
        assert!(serve(&ANY, 512, wire.as_bytes(), cuts, |r| assert!(r.is_upgrade())).unwrap().is_some());
    }
    let keeping = ServerConfig { keep: &["cookie"], ..ANY };
    assert_eq!(serve(&keeping, 512, wire.as_bytes(), [], |_| ()), Err(StorageFull));
    let seen = serve(&keeping, 16 << 10, wire.as_bytes(), [], |r| r.header("cookie").unwrap().len());
    assert_eq!(seen.unwrap().unwrap().0, 3 + (8 << 10));
}
