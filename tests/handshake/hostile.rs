//! Attacks on the handshake that broke other implementations: a test for each, named after what it proves. `attacks.rs` has
//! the attacks after the handshake. Two more are tested with the rules that they break: CVE-2026-1527 (a value that adds a
//! line) in `request_refuses_values_that_add_lines_or_fields`, and cross-site WebSocket hijacking in
//! `origin_policy_refuses_upgrades_of_other_pages`. `suites/linear` counts instructions to prove that the work is linear.

use super::{ACCEPT, ANY, NONCE, serve, switching, upgrade};
use barews::connection::Config;
use barews::handshake::{
    Accept, ClientConfig, ClientHandshake, MAX_FIELDS, MAX_HEAD_SIZE, Progress, ServerConfig, ServerHandshake, parsed,
};
use barews::{BuildError, HandshakeError, HandshakeError::*};

/// CVE-2024-37890 (a crash at too many fields): one field too many is an error, at every limit, in both roles.
#[test]
fn too_many_fields_are_refused_with_431() {
    for max_fields in 0..=MAX_FIELDS {
        let config = ServerConfig { max_fields, ..ANY };
        let page = |fields| format!("GET / HTTP/1.0\r\n{}\r\n", "a:\r\n".repeat(fields));
        assert!(serve(&config, 64, page(max_fields).as_bytes(), [], |_| ()).is_ok());
        assert_eq!(serve(&config, 64, page(max_fields + 1).as_bytes(), [], |_| ()), Err(TooManyFields));
        let config = ClientConfig { max_fields, ..ClientConfig::DEFAULT };
        let page = |fields| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a:\r\n".repeat(fields)).into_bytes();
        let complete = Ok(Progress::Complete { consumed: page(max_fields).len(), rest: &mut [] });
        assert_eq!(ClientHandshake::new(&config, NONCE, [0; 64]).receive(&mut page(max_fields)), complete);
        let one_more = ClientHandshake::new(&config, NONCE, [0; 64]).receive(&mut page(max_fields + 1)).err();
        assert_eq!(one_more, Some(TooManyFields));
    }
    assert_eq!(TooManyFields.status(), 431);
}

/// RUSTSEC-2023-0065 (a head parsed again at every read): an endless head is refused at the limit, and reading it byte by
/// byte is linear work. With quadratic work, this test would not finish for a head of a mebibyte.
#[test]
fn endless_head_is_refused_at_the_limit() {
    for max_head_size in [MAX_HEAD_SIZE, 1 << 20] {
        let config = ServerConfig { max_head_size, ..ANY };
        let line = "GET / HTTP/1.1\r\n";
        for (start, endless, error) in [
            (line, "X", HeadTooLarge),
            ("GET / HTTP/1.1\r\nX: ", "a", HeadTooLarge),
            (line, "Sec-WebSocket-Key", HeadTooLarge),
            ("", "\r\n", StartLineTooLong),
        ] {
            let mut handshake = ServerHandshake::new(&config, [0; 64]);
            let stream = start.bytes().chain(endless.bytes().cycle()).take(max_head_size + 10);
            let mut errors = stream.map(|byte| handshake.receive(&mut [byte]).err()).enumerate();
            let first = errors.find_map(|(consumed, error)| error.map(|error| (consumed, error)));
            assert_eq!(first, Some((max_head_size, error)), "{endless:?}");
            // Nothing is read after an error, not even a valid request.
            assert_eq!(handshake.receive(upgrade("", "").into_bytes().as_mut()), Err(error));
        }
    }
    assert_eq!(HeadTooLarge.status(), 431);
}

/// A vector without elements has capacity, but no storage: the error says that this is the host's mistake.
#[test]
fn empty_storage_is_reported_as_the_host_s_mistake() {
    let request = upgrade("", "");
    let mut handshake = ServerHandshake::new(&ANY, Vec::with_capacity(512));
    assert_eq!(handshake.receive(&mut request.clone().into_bytes()), Err(NoStorage));
    let mut out = [0; 256];
    let len = handshake.refuse(NoStorage, &mut out).unwrap();
    assert!(out[..len].starts_with(b"HTTP/1.1 500 "));

    let mut client = ClientHandshake::new(&ClientConfig::DEFAULT, [0; 16], [0; 0]);
    assert_eq!(client.receive(&mut b"HTTP/1.1 101\r\n".to_vec()), Err(NoStorage));

    let start = parsed::Start::Upgrade { method: "GET", target: "/", minor_version: 1 };
    let handshake = parsed::ServerHandshake::new(&ANY, [0; 0], &start, [("host", "a")]);
    assert_eq!(handshake.request().unwrap_err(), NoStorage);
}

/// What does not fit is named: the start line alone, or the fields.
#[test]
fn short_storage_is_reported_with_what_does_not_fit() {
    for (len, outcome) in [(0, Err(NoStorage)), (16, Err(StartLineTooLong)), (64, Err(StorageFull)), (512, Ok(()))] {
        let mut handshake = ServerHandshake::new(&ANY, vec![0; len]);
        let received = handshake.receive(upgrade("", "").into_bytes().as_mut()).map(|_| ());
        assert_eq!(received, outcome, "{len} bytes");
        assert_eq!(handshake.request().is_some(), outcome.is_ok());
    }
}

/// RFC 9112 section 3: the target is longer than the storage, or than the limit of a head.
#[test]
fn long_target_is_refused_with_414() {
    for (storage, max_head_size, len) in [(64, MAX_HEAD_SIZE, 60), (1024, 40, 40)] {
        let config = ServerConfig { max_head_size, ..ANY };
        let line = |len| format!("GET /{} HTTP/1.1", "a".repeat(len - 14));
        let head = |len: usize| line(len) + "\r\nHost: a\r\n\r\n";
        assert_eq!(serve(&config, storage, line(len).as_bytes(), [], |_| ()), Ok(None), "no error yet");
        assert_eq!(serve(&config, storage, line(len + 1).as_bytes(), [], |_| ()), Err(StartLineTooLong));
        let later = if storage == 64 { StorageFull } else { HeadTooLarge };
        assert_eq!(serve(&config, storage, head(len - 3).as_bytes(), [], |_| ()), Err(later));
    }
    assert_eq!(StartLineTooLong.status(), 414);
}

/// CVE-2021-32640, CVE-2020-7662: lists designed to be slow to parse.
#[test]
fn hostile_list_is_refused_or_skipped() {
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
        let stream = upgrade("", &with);
        for cuts in [0..0, 0..stream.len()] {
            let seen = serve(&config, 64 << 10, stream.as_bytes(), cuts, |_| ()).map(|seen| seen.unwrap().0);
            assert_eq!(seen, outcome, "{}", &with[..30]);
        }
        assert_eq!(serve(&config, 512, stream.as_bytes(), [], |_| ()), Err(StorageFull));
    }
    assert_eq!(StorageFull.status(), 431);
}

/// A server with 512 bytes of storage accepts a browser with 8 KiB of cookies, in reads of any size.
#[test]
fn large_cookie_needs_no_storage() {
    let with = format!(
        "Pragma: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0\r\n\
         Cookie: id={}\r\nOrigin: http://server.example.com\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
        "x".repeat(8 << 10)
    );
    let stream = upgrade("", &with);
    for size in [1, 2, 3, 7, 64, 512, 1460, 8192, 16384] {
        let cuts = (0..stream.len()).step_by(size);
        assert!(serve(&ANY, 512, stream.as_bytes(), cuts, |r| assert!(r.is_upgrade())).unwrap().is_some());
    }
    let keeping = ServerConfig { keep: &["cookie"], ..ANY };
    assert_eq!(serve(&keeping, 512, stream.as_bytes(), [], |_| ()), Err(StorageFull));
    let seen = serve(&keeping, 16 << 10, stream.as_bytes(), [], |r| r.field("cookie").unwrap().len());
    assert_eq!(seen.unwrap().unwrap().0, 3 + (8 << 10));
}

/// kemal#767 (a refused upgrade leaves the connection open): whatever the reason, the refusal ends the connection, and a
/// request smuggled in after the refused one is not read, neither in the same read nor in later ones.
#[test]
fn bytes_after_a_refused_request_are_not_read() {
    let smuggled = upgrade("", "");
    for (first, error) in [
        (upgrade("Sec-WebSocket-Key", ""), Key),
        (upgrade("Host", ""), Host),
        (upgrade("", "X : y\r\n"), FieldName),
        (upgrade("", "Content-Length: 200\r\n"), Body),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".into(), Method),
        ("GET / HTTP/1.1\nHost: a\n\n".into(), LineEnding),
    ] {
        let mut handshake = ServerHandshake::new(&ANY, [0; 512]);
        assert_eq!(handshake.receive(&mut [first.as_bytes(), smuggled.as_bytes()].concat()), Err(error));
        assert_eq!(handshake.receive(&mut smuggled.clone().into_bytes()), Err(error));
        assert!(handshake.request().is_none());
        let mut out = [0; 256];
        assert_eq!(handshake.accept(&Accept::default(), &mut out).err(), Some(BuildError::NotNow));
        let len = handshake.refuse(error, &mut out).unwrap();
        assert!(str::from_utf8(&out[..len]).unwrap().contains("\r\nConnection: close"), "{first:?}");
    }
    // The same after a request that the host itself refuses.
    let mut handshake = ServerHandshake::new(&ANY, [0; 512]);
    assert!(handshake.receive(&mut [smuggled.as_bytes(), smuggled.as_bytes()].concat()).is_ok());
    let mut out = [0; 256];
    let len = handshake.respond(403, &[], b"", &mut out).unwrap();
    assert!(str::from_utf8(&out[..len]).unwrap().contains("\r\nConnection: close\r\n"));
    assert_eq!(handshake.accept(&Accept::default(), &mut out).err(), Some(BuildError::NotNow));
}

/// node#60016, envoy#3301 (a body of the upgrade request is read as frames, or frames as a body): a request that announces a
/// body is refused. Bytes after any other request are returned unchanged; only a 101 creates a connection that reads them.
#[test]
fn bytes_before_the_101_are_not_read_as_frames() {
    let frame = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    for body in [
        "Content-Length: 11\r\n",
        "Content-Length: 00011\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n",
    ] {
        let stream = [upgrade("", body).as_bytes(), frame].concat();
        for cuts in [0..0, 0..stream.len()] {
            assert_eq!(serve(&ANY, 512, &stream, cuts, |_| ()), Err(Body), "{body:?}");
        }
    }
    let mut stream = [upgrade("", "Content-Length: 0\r\n").as_bytes(), frame].concat();
    let mut handshake = ServerHandshake::new(&ANY, [0; 512]);
    let consumed = stream.len() - frame.len();
    assert_eq!(handshake.receive(&mut stream), Ok(Progress::Complete { consumed, rest: &mut frame.clone() }));
    // A client does not read bytes after another status than 101 as frames, because there is no connection.
    for (status, opens) in [("101 Switching Protocols", true), ("200 OK", false), ("404 Not Found", false)] {
        let mut handshake = ClientHandshake::new(&ClientConfig::DEFAULT, NONCE, [0; 512]);
        let mut stream = [switching("", "").replace("101 Switching Protocols", status).as_bytes(), b"\x81\0"].concat();
        let consumed = stream.len() - 2;
        assert_eq!(handshake.receive(&mut stream), Ok(Progress::Complete { consumed, rest: &mut b"\x81\0".to_vec() }));
        assert_eq!(handshake.connect(|| [0; 4], &Config::default()).is_ok(), opens, "{status}");
    }
}

/// embedded-websocket's client (a 101 that is hardly checked): if a required field is missing, appears twice, or has any
/// wrong byte in its value, there is no connection.
#[test]
fn response_101_that_does_not_match_the_request_is_refused() {
    let outcome = |stream: &str| {
        let mut handshake = ClientHandshake::new(&ClientConfig::DEFAULT, NONCE, [0; 512]);
        let outcome = handshake.receive(&mut stream.as_bytes().to_vec()).map(|_| ());
        assert_eq!(handshake.connect(|| [0; 4], &Config::default()).is_ok(), outcome.is_ok());
        outcome
    };
    assert_eq!(outcome(&switching("", "")), Ok(()));
    let fields: [(&str, &str, HandshakeError); 3] = [
        ("Upgrade", "Upgrade: websocket\r\n", Upgrade),
        ("Connection", "Connection: upgrade\r\n", Connection),
        ("Sec-WebSocket-Accept", ACCEPT, HandshakeError::Accept),
    ];
    for (name, line, error) in fields {
        assert_eq!(outcome(&switching(name, "")), Err(error), "{name} is missing");
        if error != Connection {
            assert_eq!(outcome(&switching("", line)), Err(error), "{name} comes twice");
        }
        for at in name.len() + 2..line.len() - 2 {
            for spoilt in ["~", ""] {
                let line = format!("{}{spoilt}{}", &line[..at], &line[at + 1..]);
                assert_eq!(outcome(&switching(name, &line)), Err(error), "{line:?}");
            }
        }
    }
}
