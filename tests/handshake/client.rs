//! The client's side: RFC 6455 sections 3 and 4.1.

use super::{ACCEPT, ANY, KEY, NONCE, switching};
use barews::connection::Config;
use barews::handshake::{
    Accept, ClientConfig, ClientHandshake, ClientRequest, Progress, Response, ServerConfig, ServerHandshake, Uri,
};
use barews::{BuildError, HandshakeError, HandshakeError::*};

const PLAIN: ClientConfig<'_> = ClientConfig::DEFAULT;

fn request(uri: &str) -> ClientRequest<'_> {
    ClientRequest::new(Uri::parse(uri).unwrap())
}

fn written(config: &ClientConfig<'_>, request: &ClientRequest<'_>) -> Result<String, BuildError> {
    let mut out = [0; 512];
    let len = ClientHandshake::new(config, NONCE, [0; 0]).request(request, &mut out)?;
    Ok(String::from_utf8(out[..len].into()).unwrap())
}

/// A URI with a signature and a token of 1,500 bytes through a buffer of each size.
#[test]
fn request_goes_out_in_parts_of_any_size() {
    let uri = format!("wss://things.example/mqtt?X-Amz-Security-Token={}", "x".repeat(1_500));
    let config = ClientConfig { subprotocols: &["mqtt", "other"], extensions: "foo", ..PLAIN };
    let fields = &[("Authorization", "Basic eA==")];
    let asked = ClientRequest { origin: Some("https://a"), fields, ..request(&uri) };
    let handshake = ClientHandshake::new(&config, NONCE, [0; 0]);
    let mut whole = [0; 2_000];
    let len = handshake.request(&asked, &mut whole).unwrap();
    for size in (1..=80).chain([511, 512, len - 1, len, len + 1]) {
        let (mut parts, mut out) = (Vec::new(), vec![0; size]);
        while let part @ 1.. = handshake.request_part(&asked, parts.len(), &mut out).unwrap() {
            parts.extend_from_slice(&out[..part]);
        }
        assert_eq!(parts, whole[..len], "parts of {size}");
    }
    assert_eq!(handshake.request_part(&asked, 0, &mut []), Ok(0));
    assert_eq!(handshake.request_part(&asked, usize::MAX, &mut [0; 9]), Ok(0));
    let invalid = ClientRequest { fields: &[("Host", "b")], ..asked };
    assert_eq!(handshake.request_part(&invalid, 0, &mut [0; 9]), Err(BuildError::FieldName));
}

#[test]
fn request_has_the_fields_that_the_rfc_requires() {
    let plain = request("ws://server.example.com/chat");
    let key = format!("Sec-WebSocket-Key: {KEY}\r\n");
    let fixed = [
        ("6455-4.1-19", "Upgrade: websocket\r\n"),
        ("6455-4.1-20", "Connection: Upgrade\r\n"),
        ("6455-4.1-26 6455-4.1-27", "Sec-WebSocket-Version: 13\r\n"),
        ("6455-4.1-21 6455-4.1-22", &key),
    ];
    for (ids, config, asked, start, end) in [
        ("6455-4.1-16 6455-4.1-17 6455-4.1-18", PLAIN, plain, "GET /chat HTTP/1.1\r\nHost: server.example.com\r\n", ""),
        ("6455-3-1 6455-3-2 6455-4.1-18", PLAIN, request("ws://a:80"), "GET / HTTP/1.1\r\nHost: a\r\n", ""),
        ("6455-3-1 6455-3-2 6455-4.1-18", PLAIN, request("wss://a:443?x=/?"), "GET /?x=/? HTTP/1.1\r\nHost: a\r\n", ""),
        ("6455-3-1 6455-4.1-18", PLAIN, request("ws://a:443/?"), "GET /? HTTP/1.1\r\nHost: a:443\r\n", ""),
        ("6455-3-1 6455-4.1-18", PLAIN, request("wss://[::1]:80/%20"), "GET /%20 HTTP/1.1\r\nHost: [::1]:80\r\n", ""),
        (
            "6455-4.1-24 6455-4.1-25 6455-4.1-28 6455-4.1-31 6455-4.1-32 6455-9-1",
            ClientConfig {
                subprotocols: &["chat", "superchat"],
                extensions: "permessage-deflate; client_max_window_bits, foo; a=\"b\"",
                ..PLAIN
            },
            ClientRequest {
                origin: Some("http://example.com"),
                fields: &[("Cookie", "a=1; b=\u{e9}"), ("Authorization", "Basic eA==")],
                ..plain
            },
            "GET /chat HTTP/1.1\r\nHost: server.example.com\r\n",
            "Sec-WebSocket-Protocol: chat, superchat\r\n\
             Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, foo; a=\"b\"\r\n\
             Origin: http://example.com\r\nCookie: a=1; b=\u{e9}\r\nAuthorization: Basic eA==\r\n",
        ),
    ] {
        let request = written(&config, &asked).unwrap();
        let mut rest = request.strip_prefix(start).unwrap_or_else(|| panic!("[{ids}] not {start:?}: {request}"));
        for (ids, line) in fixed {
            rest = rest.strip_prefix(line).unwrap_or_else(|| panic!("[{ids}] not {line:?}: {request}"));
        }
        assert_eq!(rest, format!("{end}\r\n"), "[{ids}] [6455-4.1-15] {request}");
    }
}

/// CVE-2026-1527: no value can add a line, and no field can be written twice. [6455-4.1-2] [6455-4.1-29] [6455-4.1-30]
#[test]
fn request_refuses_values_that_add_lines_or_fields() {
    use BuildError::*;
    let plain = request("ws://a/");
    let configured = |config: ClientConfig<'_>| written(&config, &plain);
    let requested = |request: ClientRequest<'_>| written(&PLAIN, &request);
    for bad in ["\r", "\n", "\r\nX: y", "\0", "\x1b", "\x7f"] {
        let bad: &str = &format!("a{bad}");
        for uri in [format!("ws://{bad}/"), format!("ws://a/{bad}"), format!("ws://a/?{bad}"), format!("{bad}ws://a/")]
        {
            assert!(barews::handshake::Uri::parse(&uri).is_err(), "{uri:?}");
        }
        assert_eq!(configured(ClientConfig { subprotocols: &[bad], ..PLAIN }), Err(Subprotocol), "{bad:?}");
        assert_eq!(configured(ClientConfig { extensions: bad, ..PLAIN }), Err(Extensions), "{bad:?}");
        assert_eq!(
            configured(ClientConfig { extensions: &format!("a; b=\"{bad}\""), ..PLAIN }),
            Err(Extensions),
            "{bad:?}"
        );
        assert_eq!(requested(ClientRequest { origin: Some(bad), ..plain }), Err(FieldValue), "{bad:?}");
        assert_eq!(requested(ClientRequest { fields: &[("X", bad)], ..plain }), Err(FieldValue), "{bad:?}");
        assert_eq!(requested(ClientRequest { fields: &[(bad, "x")], ..plain }), Err(FieldName), "{bad:?}");
        // The same for a server.
        let mut server = ServerHandshake::new(&ANY, [0; 512]);
        let mut stream = super::upgrade("", "Sec-WebSocket-Extensions: a\r\n").into_bytes();
        assert!(matches!(server.receive(&mut stream), Ok(Progress::Complete { .. })));
        for (response, error) in [
            (Accept { fields: &[("X", bad)], ..Accept::default() }, FieldValue),
            (Accept { fields: &[(bad, "x")], ..Accept::default() }, FieldName),
            (Accept { extensions: bad, ..Accept::default() }, Extensions),
            (Accept { subprotocol: barews::handshake::Subprotocol::Named(bad), ..Accept::default() }, Subprotocol),
        ] {
            assert_eq!(server.accept(&response, &mut [0; 512]).unwrap_err(), error, "{bad:?}");
        }
        assert_eq!(server.respond(404, &[("X", bad)], b"", &mut [0; 512]), Err(FieldValue));
        assert_eq!(server.respond(404, &[(bad, "x")], b"", &mut [0; 512]), Err(FieldName));
    }
    for name in [
        "Host",
        "UPGRADE",
        "connection",
        "Sec-WebSocket-Key",
        "sec-websocket-x",
        "Origin",
        "Content-Length",
        "Transfer-Encoding",
        "",
        "a b",
        "a:",
    ] {
        assert_eq!(requested(ClientRequest { fields: &[(name, "x")], ..plain }), Err(FieldName), "{name}");
    }
    for subprotocols in [&[""][..], &["a b"], &["a,b"], &["a", "b", "a"]] {
        assert_eq!(configured(ClientConfig { subprotocols, ..PLAIN }), Err(Subprotocol));
    }
    for extensions in [" ", "a;", "a b", "a; b=\"", "a=b"] {
        assert_eq!(configured(ClientConfig { extensions, ..PLAIN }), Err(Extensions), "{extensions}");
    }
    // P11
    let need = requested(plain).unwrap().len();
    let handshake = ClientHandshake::new(&PLAIN, NONCE, [0; 0]);
    let mut out = [b'.'; 512];
    assert_eq!(handshake.request(&plain, &mut out[..need - 1]), Err(BufferTooSmall { need }));
    assert_eq!(out, [b'.'; 512]);
    assert_eq!(handshake.request(&plain, &mut out[..need]), Ok(need));
}

/// Feeds a client like `serve` feeds a server.
fn open<T>(
    config: &ClientConfig<'_>,
    stream: &[u8],
    cuts: impl IntoIterator<Item = usize>,
    look: impl Fn(Response<'_>) -> T,
) -> Result<Option<(T, usize)>, HandshakeError> {
    let mut handshake = ClientHandshake::new(config, NONCE, [0; 512]);
    let mut start = 0;
    for end in cuts.into_iter().chain([stream.len()]) {
        if let Progress::Complete { rest, .. } = handshake.receive(&mut stream[start..end].to_vec())? {
            let after_head = rest.len() + stream.len() - end;
            let response = handshake.response().unwrap();
            let (open, seen) = (response.is_accepted(), look(response));
            let connection = handshake.connect(|| [1, 2, 3, 4], &Config::default());
            let expected = if open { None } else { Some(BuildError::NotNow) };
            assert_eq!(
                connection.err(),
                expected,
                "[6455-4.1-34] [6455-4.1-42] [6455-7.2.1-1]: OPEN after every check"
            );
            assert!(matches!(handshake.connect(|| [1, 2, 3, 4], &Config::default()), Err(BuildError::NotNow)));
            return Ok(Some((seen, after_head)));
        }
        assert!(handshake.response().is_none(), "[6455-4.1-1] CONNECTING until the response is read");
        let early = handshake.connect(|| [1, 2, 3, 4], &Config::default());
        assert!(matches!(early, Err(BuildError::NotNow)), "[6455-4.1-33] nothing is sent before the response");
        start = end;
    }
    Ok(None)
}

/// P4
#[test]
fn response_gives_the_same_result_at_every_cut() {
    let config = ClientConfig { subprotocols: &["chat", "superchat"], extensions: "foo, bar; x", ..PLAIN };
    let two = format!("{ACCEPT}{ACCEPT}");
    let checked = [
        ("", "", "", Ok(101)),
        ("", "", "X-Unknown: \u{e9}\r\nDate: now\r\nContent-Length: 0\r\n", Ok(101)),
        ("6455-4.1-36", "Upgrade", "", Err(Upgrade)),
        ("6455-4.1-36", "Upgrade", "Upgrade: websocket, h2c\r\n", Err(Upgrade)),
        ("6455-4.1-36", "Upgrade", "Upgrade: websockets\r\n", Err(Upgrade)),
        ("6455-4.1-36", "", "Upgrade: websocket\r\n", Err(Upgrade)),
        ("6455-4.1-36", "Upgrade", "UPGRADE:\tWebSocket \r\n", Ok(101)),
        ("6455-4.1-37", "Connection", "", Err(Connection)),
        ("6455-4.1-37", "Connection", "Connection: keep-alive, Upgraded\r\n", Err(Connection)),
        ("6455-4.1-37", "Connection", "Connection: keep-alive\r\nConnection: close , UPGRADE\r\n", Ok(101)),
        ("6455-4.1-38 6455-11.3.3-1", "Sec-WebSocket-Accept", "", Err(HandshakeError::Accept)),
        ("6455-4.1-38 6455-11.3.3-1", "Sec-WebSocket-Accept", &two, Err(HandshakeError::Accept)),
        (
            "6455-4.1-38 6455-11.3.3-1",
            "Sec-WebSocket-Accept",
            "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
            Err(HandshakeError::Accept),
        ),
        (
            "6455-4.1-38 6455-11.3.3-1",
            "Sec-WebSocket-Accept",
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n",
            Err(HandshakeError::Accept),
        ),
        (
            "6455-4.1-38 6455-11.3.3-1",
            "Sec-WebSocket-Accept",
            "Sec-WebSocket-Accept: \t s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \t\r\n",
            Ok(101),
        ),
        (
            "6455-4.1-39 6455-9.1-1 6455-11.3.2-2",
            "",
            "Sec-WebSocket-Extensions: foo\r\nSec-WebSocket-Extensions: bar; y\r\n",
            Ok(101),
        ),
        (
            "6455-4.1-39 6455-9.1-1 6455-11.3.2-2",
            "",
            "Sec-WebSocket-Extensions: foo\r\nSec-WebSocket-Extensions: baz\r\n",
            Err(Extensions),
        ),
        ("6455-4.1-39 6455-9.1-1 6455-11.3.2-2", "", "Sec-WebSocket-Extensions: FOO\r\n", Err(Extensions)),
        ("6455-4.3-1 6455-9.1-1", "", "Sec-WebSocket-Extensions:\r\n", Err(Extensions)),
        ("6455-4.3-2 6455-9.1-1", "", "Sec-WebSocket-Extensions: foo; y=\"a b\"\r\n", Err(Extensions)),
        ("6455-4.1-40 6455-11.3.4-2", "", "Sec-WebSocket-Protocol: superchat\r\n", Ok(101)),
        ("6455-4.1-40 6455-11.3.4-2", "", "Sec-WebSocket-Protocol: Chat\r\n", Err(Subprotocol)),
        ("6455-4.1-40 6455-11.3.4-2", "", "Sec-WebSocket-Protocol: other\r\n", Err(Subprotocol)),
        ("6455-4.1-40 6455-11.3.4-2", "", "Sec-WebSocket-Protocol:\r\n", Err(Subprotocol)),
        ("6455-4.1-40 6455-11.3.4-2", "", "Sec-WebSocket-Protocol: chat, superchat\r\n", Err(Subprotocol)),
        (
            "6455-4.1-40 6455-11.3.4-2",
            "",
            "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n",
            Err(Subprotocol),
        ),
        ("6455-4.1-41", "", "X : y\r\n", Err(FieldName)),
        ("6455-4.1-41", "", "X: \0\r\n", Err(FieldValue)),
        ("6455-4.1-41", "", "X: y\n", Err(LineEnding)),
        ("6455-4.1-41", "", " X: y\r\n", Err(ObsoleteFolding)),
    ]
    .map(|(ids, without, with, outcome)| (ids, switching(without, with), outcome));
    let whole = switching("", "");
    let others = [
        // the host decides about other statuses, whatever their fields
        (
            "6455-4.1-35",
            "HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nUpgrade: x\r\nSec-WebSocket-Extensions: ;\r\n\r\n".into(),
            Ok(200),
        ),
        ("6455-4.1-35", "HTTP/1.0 404 Not Found\r\n\r\n".into(), Ok(404)),
        ("6455-4.1-35", "HTTP/1.1 302\r\nLocation: /\r\n\r\n".into(), Ok(302)),
        // RFC 9110 15.2: interim responses come first
        (
            "9110-15.2-1",
            format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\nUpgrade: h2c\r\n\r\n{whole}"),
            Ok(101),
        ),
        ("", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 \r\n\r\n".into(), Ok(503)),
        ("", whole.replace("HTTP/1.1", "HTTP/1.0"), Err(HttpVersion)),
        ("", whole.replace("HTTP/1.1", "HTTP/2.0"), Err(HttpVersion)),
        ("", whole.replace(" 101 ", " 0101 "), Err(StartLine)),
        ("", format!("\r\n{whole}"), Err(StartLine)),
        ("", "FOO BAR BAZ\r\n\r\n".into(), Err(StartLine)),
        ("", "HTTP/1.1 101 Switching\0\r\n\r\n".into(), Err(StartLine)),
    ];
    let look = |response: Response<'_>| {
        let extensions: Vec<_> =
            response.extensions().map(|e| format!("{}/{}", e.name(), e.params().count())).collect();
        (response.status(), response.subprotocol().map(String::from), extensions)
    };
    for (ids, response, outcome) in checked.into_iter().chain(others) {
        let stream = [response.as_bytes(), b"rest"].concat();
        let whole = open(&config, &stream, [], look);
        assert_eq!(
            whole.as_ref().map(|seen| seen.as_ref().unwrap().0.0),
            outcome.as_ref().copied(),
            "[{ids}] {response:?}"
        );
        if let Ok(Some((_, after_head))) = whole {
            assert_eq!(after_head, 4, "[6455-4.1-43] {response:?}");
        }
        for cut in 0..stream.len() {
            assert_eq!(open(&config, &stream, [cut], look), whole, "[{ids}] {response:?} cut at {cut}");
        }
        assert_eq!(open(&config, &stream, 0..stream.len(), look), whole, "[{ids}] {response:?} byte by byte");
    }
    // Nothing was requested.
    let stream = switching("", "Sec-WebSocket-Protocol: chat\r\n");
    assert_eq!(open(&PLAIN, stream.as_bytes(), [], |_| ()), Err(Subprotocol), "[6455-4.1-40]");
    let stream = switching("", "Sec-WebSocket-Extensions: foo\r\n");
    assert_eq!(open(&PLAIN, stream.as_bytes(), [], |_| ()), Err(Extensions), "[6455-4.1-39] [6455-9.1-6]");
}

/// [6455-4.1-42] [6455-9.1-7]: the host can see the extensions and the subprotocol in use.
#[test]
fn response_methods_return_the_values_sent() {
    let config = ClientConfig { subprotocols: &["chat"], extensions: "foo, bar", keep: &["set-COOKIE"], ..PLAIN };
    let with = "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: bar; a=1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\
        Sec-WebSocket-Extensions: foo\r\n";
    let seen = open(&config, switching("", with).as_bytes(), [], |response| {
        assert!(response.is_accepted());
        assert_eq!((response.status(), response.subprotocol()), (101, Some("chat")));
        assert!(response.extensions().map(|e| e.name()).eq(["bar", "foo"]));
        assert!(response.extensions().next().unwrap().params().next().unwrap().value.unwrap() == "1");
        assert!(response.fields("Set-Cookie").eq([b"a", b"b"]));
    });
    assert!(seen.unwrap().is_some());
}

/// [6455-4.1-35] [6455-4.4-2] [6455-11.3.5-1] [9110-11.6.1-1]: a response with another status keeps the fields that a host needs to react.
#[test]
fn response_with_another_status_keeps_its_fields() {
    for (status, name, fields, values) in [
        (301, "location", "Location: wss://other.example/\r\n", &["wss://other.example/"][..]),
        (
            401,
            "www-authenticate",
            "WWW-Authenticate: Basic realm=\"x\"\r\nWWW-Authenticate: Digest\r\n",
            &["Basic realm=\"x\"", "Digest"],
        ),
        (426, "sec-websocket-version", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8, 7\r\n", &["13", "8, 7"]),
        (429, "retry-after", "Retry-After: 120\r\n", &["120"]),
        (503, "x-reason", "X-Reason:\r\nX-Other: y\r\n", &[""]),
    ] {
        let stream = format!(
            "HTTP/1.1 {status} x\r\n{fields}Sec-WebSocket-Extensions: foo\r\nSec-WebSocket-Protocol: a\r\n\r\nbody"
        );
        let config = ClientConfig { keep: &["x-reason"], ..PLAIN };
        let seen = open(&config, stream.as_bytes(), [], |response| {
            assert_eq!((response.status(), response.is_accepted()), (status, false));
            assert!(response.fields(name).map(|value| str::from_utf8(value).unwrap()).eq(values.iter().copied()));
            assert_eq!(response.field(name), Some(values[0].as_bytes()));
            assert_eq!(response.field("x-other"), None);
            assert_eq!((response.subprotocol(), response.extensions().next()), (None, None));
        });
        assert_eq!(seen, Ok(Some(((), 4))));
    }
}

/// The limits apply to interim responses and the final response together, so interim responses cannot continue without end.
#[test]
fn client_limits_are_exact() {
    let interim = "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n";
    let stream = interim.repeat(3) + &switching("", "");
    let config = ClientConfig { max_head_size: stream.len(), max_fields: 6, ..PLAIN };
    assert_eq!(open(&config, stream.as_bytes(), [], |response| response.status()), Ok(Some((101, 0))));
    for cuts in [0..0, 0..stream.len()] {
        let small = ClientConfig { max_head_size: stream.len() - 1, ..config };
        assert_eq!(open(&small, stream.as_bytes(), cuts.clone(), |_| ()), Err(HeadTooLarge));
        let few = ClientConfig { max_fields: 5, ..config };
        assert_eq!(open(&few, stream.as_bytes(), cuts, |_| ()), Err(TooManyFields));
    }
}

/// [6455-4.1-35]: the status of a redirect is known even if its fields do not fit into the storage.
#[test]
fn status_is_known_before_the_head_is_complete() {
    let mut handshake = ClientHandshake::new(&PLAIN, NONCE, [0; 64]);
    assert!(matches!(handshake.receive(&mut b"HTTP/1.1 302 Found".to_vec()), Ok(Progress::Partial)));
    assert_eq!(handshake.status(), None);
    let location = format!("\r\nLocation: /{}\r\n\r\n", "x".repeat(64));
    assert_eq!(handshake.receive(&mut location.into_bytes()), Err(StorageFull));
    assert_eq!((handshake.status(), handshake.response().is_some()), (Some(302), false));
}

/// [6455-7.2.1-2]
#[test]
fn client_eof_is_an_error_inside_the_head_only() {
    let mut handshake = ClientHandshake::new(&PLAIN, NONCE, [0; 512]);
    assert_eq!(handshake.receive_eof(), Err(UnexpectedEof));
    assert_eq!(handshake.receive(&mut switching("", "").into_bytes()), Err(UnexpectedEof));
    assert!(matches!(handshake.connect(|| [0; 4], &Config::default()), Err(BuildError::NotNow)));
    let mut handshake = ClientHandshake::new(&PLAIN, NONCE, [0; 512]);
    assert!(matches!(handshake.receive(&mut switching("", "").into_bytes()), Ok(Progress::Complete { .. })));
    assert_eq!(handshake.receive_eof(), Ok(()));
}

/// P9: our server accepts our client's request, and our client accepts our server's response.
#[test]
fn client_and_server_interoperate() {
    let accepts = ServerConfig { subprotocols: &["superchat"], ..ANY };
    let asks = ClientConfig { subprotocols: &["chat", "superchat"], extensions: "foo; a=\"\\b\"", ..PLAIN };
    let asked = ClientRequest { origin: Some("http://example.com"), ..request("wss://[::1]:8443/a?b") };
    let (mut request, mut answer) = ([0; 512], [0; 512]);
    let mut client = ClientHandshake::new(&asks, *b"any other nonce.", [0; 512]);
    let mut server = ServerHandshake::new(&accepts, [0; 512]);
    let len = client.request(&asked, &mut request).unwrap();
    assert!(matches!(server.receive(&mut request[..len]), Ok(Progress::Complete { rest: [], .. })));
    assert_eq!((server.request().unwrap().host(), server.request().unwrap().target()), ("[::1]:8443", "/a?b"));
    let response = Accept { extensions: "foo", ..Accept::default() };
    let len = server.accept(&response, &mut answer).unwrap();
    assert!(matches!(client.receive(&mut answer[..len]), Ok(Progress::Complete { rest: [], .. })));
    assert_eq!(client.response().unwrap().subprotocol(), Some("superchat"));
    assert!(client.connect(|| [0; 4], &Config::default()).is_ok());
}
