//! The settings of a proxy, and the tunnel through it (RFC 9110 section 9.3.6, RFC 9112 section 3.2.3).

use super::credentials::naive_basic;
use super::{NONCE, switching};
use barews::connection::Config;
use barews::handshake::{ClientConfig, ClientHandshake, Progress, Proxy, ProxyError, Tunnel, Uri};
use barews::{BuildError, HandshakeError, HandshakeError::*};

const PLAIN: ClientConfig<'_> = ClientConfig::DEFAULT;

#[test]
fn proxy_settings_are_parsed_as_people_write_them() {
    for (text, host, port, user_pass) in [
        ("proxy.example:3128", "proxy.example", 3128, None),
        ("http://proxy.example:8080", "proxy.example", 8080, None),
        ("HTTP://proxy.example:8080/", "proxy.example", 8080, None),
        ("http:80", "http", 80, None),
        ("127.0.0.1:1", "127.0.0.1", 1, None),
        ("[::1]:65535", "[::1]", 65535, None),
        ("http://u:p@[2001:db8::1]:3128/", "[2001:db8::1]", 3128, Some(&b"u:p"[..])),
        ("user:pass@proxy:1", "proxy", 1, Some(b"user:pass")),
        ("http://user@proxy:1", "proxy", 1, Some(b"user:")),
        ("http://user:@proxy:1", "proxy", 1, Some(b"user:")),
        ("http://:pass@proxy:1", "proxy", 1, Some(b":pass")),
        ("http://@proxy:1", "proxy", 1, Some(b":")),
        ("http://u:p:q@proxy:1", "proxy", 1, Some(b"u:p:q")),
        ("http://u:p%3Aq@proxy:1", "proxy", 1, Some(b"u:p:q")),
        ("http://u%40example.com:p%2f%3F%23%25%20@proxy:1", "proxy", 1, Some(b"u@example.com:p/?#% ")),
        ("http://u@example.com:p@ss@proxy:1", "proxy", 1, Some(b"u@example.com:p@ss")),
        ("http://u:%C3%BC%ff@proxy:1", "proxy", 1, Some(b"u:\xc3\xbc\xff")),
        ("http://u:!$&'()*+,;=-._~@proxy:1", "proxy", 1, Some(b"u:!$&'()*+,;=-._~")),
    ] {
        let proxy = Proxy::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((proxy.host(), proxy.port()), (host, port), "{text}");
        assert_eq!(Proxy::try_from(text), Ok(proxy), "{text}");
        let expected = user_pass.map(naive_basic);
        assert_eq!(proxy.authorization(&mut [0; 256]), Ok(expected.as_deref()), "{text}");
        if let Some(need) = expected.map(|value| value.len()) {
            assert_eq!(proxy.authorization(&mut vec![0; need - 1]), Err(BuildError::BufferTooSmall { need }), "{text}");
        }
        let shown = format!("{proxy:?}");
        assert_eq!(shown, format!("Proxy {{ host: {host:?}, port: {port}, .. }}"), "no credentials");
    }
}

#[test]
fn proxy_settings_are_refused_with_the_part_at_fault() {
    use ProxyError::*;
    for (text, error) in [
        ("https://proxy:1", Tls),
        ("HTTPS://u:p@proxy:1", Tls),
        ("socks5://proxy:1", Socks),
        ("socks5h://proxy:1", Socks),
        ("SOCKS4a://proxy:1", Socks),
        ("socks://proxy:1", Socks),
        ("ws://proxy:1", Scheme),
        ("httpx://proxy:1", Scheme),
        ("://proxy:1", Scheme),
        (" http://proxy:1", Scheme),
        ("", Host),
        ("http://", Host),
        (":8080", Host),
        ("//proxy:1", Host),
        ("http:///", Host),
        ("pro xy:1", Host),
        ("pr\u{f6}xy:1", Host),
        ("[::1:1", Host),
        ("::1:1", Host),
        ("proxy\r\nX: y:1", Host),
        ("proxy", Port),
        ("http://proxy", Port),
        ("http://proxy/", Port),
        ("http://proxy:", Port),
        ("http://u:p@proxy", Port),
        ("[::1]", Port),
        ("proxy:0", Port),
        ("proxy:65536", Port),
        ("proxy:x", Port),
        ("proxy:80 ", Port),
        ("proxy:80\r\n", Port),
        ("http:proxy:1", Port),
        ("proxy:1/path", Path),
        ("proxy:1//", Path),
        ("proxy:1?query", Path),
        ("http://u p:p@proxy:1", UserInfo),
        ("http://u:p#@proxy:1", UserInfo),
        ("http://u:p/q@proxy:1", UserInfo),
        ("http://evil:80/@proxy:1", UserInfo),
        ("http://u:p?@proxy:1", UserInfo),
        ("http://u:p%@proxy:1", UserInfo),
        ("http://u:p%4@proxy:1", UserInfo),
        ("http://u:p%4g@proxy:1", UserInfo),
        ("http://u%3a:p@proxy:1", UserInfo),
        ("http://u%0d%0aX:p@proxy:1", UserInfo),
        ("http://u:%09@proxy:1", UserInfo),
        ("http://u:%7F@proxy:1", UserInfo),
        ("http://\u{fc}:p@proxy:1", UserInfo),
        ("http://u:p\r\n@proxy:1", UserInfo),
    ] {
        assert_eq!(Proxy::parse(text), Err(error), "{text:?}");
    }
    assert_eq!(Tls.to_string(), "proxy over TLS (https) is not supported");
    assert_eq!(Socks.to_string(), "SOCKS proxy is not supported");
}

fn written(uri: &str, fields: &[(&str, &str)]) -> Result<String, BuildError> {
    let mut out = [0; 512];
    let len = Tunnel::new(&PLAIN, [0; 0]).request(&Uri::parse(uri).unwrap(), fields, &mut out)?;
    Ok(String::from_utf8(out[..len].into()).unwrap())
}

/// RFC 9112 section 3.2.3: the target has the host and the port, which is never omitted. Host is the same, and nothing follows
/// the head. [9110-7.2-1] [9110-7.2-2] [9112-3.2-1] [9110-9.3.6-6]
#[test]
fn connect_request_names_the_host_and_always_the_port() {
    let credentials = [("Proxy-Authorization", "Basic eDp5"), ("User-Agent", "x")];
    for (ids, uri, fields, target, lines) in [
        (
            "6455-4.1-6 9110-9.3.6-1 9112-3.2.3-1",
            "ws://server.example.com/chat?x",
            &[][..],
            "server.example.com:80",
            "",
        ),
        ("6455-4.1-6 9110-9.3.6-1 9112-3.2.3-1", "wss://server.example.com", &[], "server.example.com:443", ""),
        ("6455-4.1-6 9110-9.3.6-1 9112-3.2.3-1", "wss://server.example.com:443", &[], "server.example.com:443", ""),
        ("6455-4.1-6 9110-9.3.6-1 9112-3.2.3-1", "ws://127.0.0.1:9001/", &[], "127.0.0.1:9001", ""),
        ("6455-4.1-6 9110-9.3.6-1 9112-3.2.3-1", "ws://[2001:db8::1]/", &[], "[2001:db8::1]:80", ""),
        (
            "6455-4.1-6 9110-9.3.6-1 9112-3.2.3-1 9110-11.7.2-1 9110-15.5.8-2",
            "wss://[::1]:8443/",
            &credentials,
            "[::1]:8443",
            "Proxy-Authorization: Basic eDp5\r\nUser-Agent: x\r\n",
        ),
    ] {
        let expected = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{lines}\r\n");
        assert_eq!(written(uri, fields), Ok(expected), "[{ids}] {uri}");
    }
}

#[test]
fn connect_request_refuses_values_that_add_lines_or_fields() {
    for bad in ["\r", "\n", "\r\nX: y", "\0", "\x7f"] {
        assert_eq!(written("ws://a", &[("X", bad)]), Err(BuildError::FieldValue), "{bad:?}");
        assert_eq!(written("ws://a", &[(bad, "x")]), Err(BuildError::FieldName), "{bad:?}");
    }
    for name in ["Host", "content-length", "Transfer-Encoding", "Upgrade", "Connection", "Sec-WebSocket-Key", ""] {
        assert_eq!(written("ws://a", &[(name, "x")]), Err(BuildError::FieldName), "{name}");
    }
    // P11
    let uri = Uri::parse("ws://a").unwrap();
    let need = written("ws://a", &[]).unwrap().len();
    let tunnel = Tunnel::new(&PLAIN, [0; 0]);
    let mut out = [b'.'; 512];
    assert_eq!(tunnel.request(&uri, &[], &mut out[..need - 1]), Err(BuildError::BufferTooSmall { need }));
    assert_eq!(out, [b'.'; 512]);
    assert_eq!(tunnel.request(&uri, &[], &mut out[..need]), Ok(need));
}

/// What a host sees of a complete response: whether the tunnel is open, the status, Proxy-Authenticate, Location, Retry-After
/// and the number of bytes after the head.
type Seen = (bool, u16, Vec<String>, Option<String>, Option<u32>, usize);

/// Feeds a tunnel in pieces that end at `cuts` and at the end.
fn connect(
    config: &ClientConfig<'_>,
    storage: usize,
    stream: &[u8],
    cuts: impl IntoIterator<Item = usize>,
) -> Result<Option<Seen>, HandshakeError> {
    let mut tunnel = Tunnel::new(config, vec![0; storage]);
    let text = |value: &[u8]| String::from_utf8(value.into()).unwrap();
    let mut start = 0;
    for end in cuts.into_iter().chain([stream.len()]) {
        let mut bytes = stream[start..end].to_vec();
        match tunnel.receive(&mut bytes) {
            Ok(Progress::Partial) => {
                assert!(!tunnel.is_open());
                assert_eq!((tunnel.field("Proxy-Authenticate"), tunnel.retry_after()), (None, None));
            }
            Ok(Progress::Complete { consumed, rest }) => {
                assert_eq!((consumed + rest.len(), &*rest), (end - start, &stream[start + consumed..end]));
                let after_head = rest.len() + stream.len() - end;
                let fields = tunnel.fields("PROXY-authenticate").map(text).collect();
                let (location, retry_after) = (tunnel.field("location").map(text), tunnel.retry_after());
                let seen = (tunnel.is_open(), tunnel.status().unwrap(), fields, location, retry_after, after_head);
                // Nothing more is read.
                assert_eq!(
                    tunnel.receive(&mut b"HTTP/1.1 200\r\n".to_vec()),
                    Ok(Progress::Complete { consumed: 0, rest: &mut b"HTTP/1.1 200\r\n".to_vec() })
                );
                assert_eq!(tunnel.receive_eof(), Ok(()));
                return Ok(Some(seen));
            }
            Err(error) => {
                assert_eq!(tunnel.receive(&mut b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), Err(error), "P5");
                assert_eq!(tunnel.receive_eof(), Err(error), "P5");
                assert!(!tunnel.is_open());
                assert_eq!(tunnel.field("Proxy-Authenticate"), None);
                return Err(error);
            }
        }
        start = end;
    }
    assert_eq!(tunnel.receive_eof(), Err(UnexpectedEof));
    assert_eq!(tunnel.receive(&mut b"\r\n".to_vec()), Err(UnexpectedEof), "P5");
    Ok(None)
}

/// P4. RFC 9110 section 9.3.6: any 2xx opens the tunnel, which begins after the head; any other status does not.
#[test]
fn proxy_response_gives_the_same_result_at_every_cut() {
    let ok = |open, status| Ok((open, status, Vec::new(), None, None));
    for (ids, response, outcome) in [
        ("9110-9.3.6-3", "HTTP/1.1 200 Connection established\r\n\r\n", ok(true, 200)),
        ("9110-9.3.6-3", "HTTP/1.0 200 OK\r\nVia: x\r\nProxy-agent: x\r\n\r\n", ok(true, 200)),
        ("9110-9.3.6-3", "HTTP/1.1 200\r\n\r\n", ok(true, 200)),
        ("9110-9.3.6-3", "HTTP/1.1 204 No Content\r\n\r\n", ok(true, 204)),
        ("9110-9.3.6-3", "HTTP/1.1 299 \r\n\r\n", ok(true, 299)),
        ("9110-9.3.6-5 9112-6.3-1", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", ok(true, 200)),
        ("9110-9.3.6-5 9112-6.3-1", "HTTP/1.1 200 OK\r\nContent-Length: x\r\nContent-Length: 1\r\n\r\n", ok(true, 200)),
        ("9110-9.3.6-5 9112-6.3-1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ok(true, 200)),
        ("9110-9.3.6-4", "HTTP/1.1 199 x\r\n\r\nHTTP/1.1 300 x\r\n\r\n", ok(false, 300)),
        ("9110-9.3.6-4", "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\n", ok(false, 400)),
        ("9110-9.3.6-4", "HTTP/1.0 403 Filtered\r\n\r\n", ok(false, 403)),
        ("9110-9.3.6-4", "HTTP/1.1 999 x\r\n\r\n", ok(false, 999)),
        ("9110-9.3.6-4", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", ok(false, 101)),
        ("9110-15.2-1", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ok(true, 200)),
        (
            "9110-15.2-1",
            "HTTP/1.1 103 x\r\nLocation: /\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 503 x\r\n\r\n",
            ok(false, 503),
        ),
        (
            "9110-11.6.1-1",
            "HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate:\tBasic realm=\"a, b\" \r\n\
             WWW-Authenticate: no\r\nContent-Length: 4\r\n\r\n",
            Ok((false, 407, vec!["Negotiate".to_owned(), "Basic realm=\"a, b\"".to_owned()], None, None)),
        ),
        (
            "9110-9.3.6-4",
            "HTTP/1.1 302 x\r\nLocation: http://portal.example/\r\n\r\n",
            Ok((false, 302, vec![], Some("http://portal.example/".to_owned()), None)),
        ),
        ("9110-10.2.3-1", "HTTP/1.1 503 x\r\nRetry-After: 120\r\n\r\n", Ok((false, 503, vec![], None, Some(120)))),
        (
            "9110-10.2.3-1",
            "HTTP/1.1 503 x\r\nRetry-After: 99999999999999999999\r\n\r\n",
            Ok((false, 503, vec![], None, Some(u32::MAX))),
        ),
        ("9110-10.2.3-1", "HTTP/1.1 503 x\r\nRetry-After: +1\r\n\r\n", ok(false, 503)),
        ("9110-10.2.3-1", "HTTP/1.1 503 x\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n", ok(false, 503)),
        ("", "FOO\r\n\r\n", Err(StartLine)),
        ("", "SSH-2.0-OpenSSH_9.2\r\n\r\n", Err(StartLine)),
        ("", "\x15\x03\x01\x00\x02\x02\x50", Err(StartLine)),
        ("", "\r\nHTTP/1.1 200 OK\r\n\r\n", Err(StartLine)),
        ("", "HTTP/2 200\r\n\r\n", Err(StartLine)),
        ("", "HTTP/2.0 200 OK\r\n\r\n", Err(HttpVersion)),
        ("", "HTTP/1.1 2000 OK\r\n\r\n", Err(StartLine)),
        ("", "HTTP/1.1 099 OK\r\n\r\n", Err(StartLine)),
        ("", "HTTP/1.1 200 OK\n\n", Err(LineEnding)),
        ("", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n", Err(FieldName)),
        ("", "HTTP/1.1 200 OK\r\nX: \0\r\n\r\n", Err(FieldValue)),
        ("", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", Err(ObsoleteFolding)),
    ] {
        let stream = [response.as_bytes(), b"rest"].concat();
        let outcome: Result<_, _> = outcome;
        let whole = outcome.map(|(open, status, fields, location, retry_after)| {
            Some((open, status, fields, location, retry_after, 4))
        });
        assert_eq!(connect(&PLAIN, 512, &stream, []), whole, "[{ids}] {response:?}");
        for cut in 0..stream.len() {
            assert_eq!(connect(&PLAIN, 512, &stream, [cut]), whole, "[{ids}] {response:?} cut at {cut}");
        }
        assert_eq!(connect(&PLAIN, 512, &stream, 0..stream.len()), whole, "[{ids}] {response:?} byte by byte");
        if whole.is_ok() {
            for len in 0..response.len() {
                assert_eq!(connect(&PLAIN, 512, &stream[..len], []), Ok(None), "[{ids}] {len} bytes of {response:?}");
            }
        }
    }
}

/// The limits are exact, and apply to interim responses and the final one together. Fields that do not matter need no storage.
#[test]
fn tunnel_limits_are_exact() {
    let stream = "HTTP/1.1 100 x\r\nA: b\r\n\r\n".repeat(3)
        + "HTTP/1.1 407 no\r\nProxy-Authenticate: Basic\r\nX-Reason: why\r\nVia: proxy\r\n\r\n";
    let config = ClientConfig { max_head_size: stream.len(), max_fields: 6, keep: &["x-reason"], ..PLAIN };
    // 4 bytes and the value of each: the status line, Proxy-Authenticate and X-Reason.
    let need = 4 + "HTTP/1.1 407 no".len() + 4 + "Basic".len() + 4 + "why".len();
    for cuts in [0..0, 0..stream.len()] {
        let seen = connect(&config, need, stream.as_bytes(), cuts.clone()).unwrap().unwrap();
        assert_eq!((seen.0, seen.1, &seen.2[..], seen.5), (false, 407, &["Basic".to_owned()][..], 0));
        let small = ClientConfig { max_head_size: stream.len() - 1, ..config };
        assert_eq!(connect(&small, need, stream.as_bytes(), cuts.clone()), Err(HeadTooLarge));
        let few = ClientConfig { max_fields: 5, ..config };
        assert_eq!(connect(&few, need, stream.as_bytes(), cuts.clone()), Err(TooManyFields));
        for storage in 0..need {
            let error = match storage {
                0 => NoStorage,
                1..19 => StartLineTooLong,
                _ => StorageFull,
            };
            assert_eq!(connect(&config, storage, stream.as_bytes(), cuts.clone()), Err(error), "{storage}");
        }
    }
    let mut tunnel = Tunnel::new(&config, vec![0; need - 1]);
    assert_eq!(tunnel.receive(&mut stream.into_bytes()), Err(StorageFull));
    assert_eq!((tunnel.status(), tunnel.field("x-reason")), (Some(407), None), "the status is known even so");
}

/// An endless head is refused at the limit.
#[test]
fn endless_response_of_a_proxy_is_refused_at_the_limit() {
    let (limit, mut tunnel) = (PLAIN.max_head_size, Tunnel::new(&PLAIN, [0; 64]));
    let stream = b"HTTP/1.1 200 OK\r\nX: ".iter().copied().chain(core::iter::repeat(b'a'));
    let mut errors = stream.map(|byte| tunnel.receive(&mut [byte]).err()).enumerate();
    let first = errors.find_map(|(consumed, error)| error.map(|error| (consumed, error)));
    assert_eq!(first, Some((limit, HeadTooLarge)));
}

#[test]
fn tunnel_debug_shows_its_state_only() {
    let mut tunnel = Tunnel::new(&PLAIN, [b'x'; 64]);
    assert_eq!(format!("{tunnel:?}"), "Tunnel { state: Reading, status: 0, .. }");
    let _progress = tunnel.receive(&mut b"HTTP/1.1 407 x\r\nProxy-Authenticate: secret\r\n\r\n".to_vec()).unwrap();
    assert_eq!(format!("{tunnel:?}"), "Tunnel { state: Complete, status: 407, .. }");
}

/// The handshake follows in the same storage. It gets the bytes of the server that came in the same read as the proxy's head.
#[test]
fn handshake_follows_through_the_tunnel() {
    let mut storage = [0; 128];
    let mut read =
        [&b"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\n"[..], switching("", "").as_bytes(), b"\x81\0"].concat();
    let mut tunnel = Tunnel::new(&PLAIN, &mut storage);
    let Ok(Progress::Complete { rest, .. }) = tunnel.receive(&mut read) else { panic!() };
    assert!(tunnel.is_open());
    let mut handshake = ClientHandshake::new(&PLAIN, NONCE, &mut storage);
    let Ok(Progress::Complete { rest, .. }) = handshake.receive(rest) else { panic!() };
    assert_eq!(rest, b"\x81\0");
    assert!(handshake.connect(|| [0; 4], &Config::default()).is_ok());
}
