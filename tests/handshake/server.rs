//! The server's reading of requests: RFC 6455 section 4.2.1, and the origin policy of section 10.2.

use super::{ANY, serve, upgrade};
use barews::handshake::{
    ClientConfig, ClientHandshake, OriginPolicy, Progress, Request, ServerConfig, ServerHandshake,
};
use barews::{HandshakeError, HandshakeError::*};

/// Formats everything that a host can see of a request as one line.
fn summary(request: Request<'_>) -> String {
    let extensions: Vec<_> = request.extensions().map(|e| format!("{}/{}", e.name(), e.params().count())).collect();
    format!(
        "{} {} {} {} {:?} {:?} {:?} {:?} {:?}",
        request.is_upgrade(),
        request.method(),
        request.host(),
        request.target(),
        request.origin(),
        request.subprotocols().collect::<Vec<_>>(),
        request.subprotocol(),
        extensions,
        request.fields("cookie").map(String::from_utf8_lossy).collect::<Vec<_>>(),
    )
}

/// Returns requests, each with the ids of its rules and the result: whether it is an upgrade, or the error.
pub(super) fn requests() -> Vec<(&'static str, String, Result<bool, HandshakeError>)> {
    let upgrades = [
        // the order of fields, unknown fields and the case of names do not matter
        ("6455-4.2.1-9", "", "", Ok(true)),
        ("6455-4.2.1-9", "Host", "X-Unknown: \x09~\u{e9}\r\nhOST: a\r\n", Ok(true)),
        // RFC 9112 3.2
        ("6455-4.2.1-3", "Host", "", Err(Host)),
        ("6455-4.2.1-3", "Host", "Host:\r\n", Err(Host)),
        ("6455-4.2.1-3", "Host", "Host: \t\r\n", Err(Host)),
        ("6455-4.2.1-3", "Host", "Host: a b\r\n", Err(Host)),
        ("6455-4.2.1-3", "Host", "Host: a/b\r\n", Err(Host)),
        ("6455-4.2.1-3", "Host", "Host: a@b\r\n", Err(Host)),
        ("6455-4.2.1-3", "Host", "Host: a, b\r\n", Err(Host)),
        ("6455-4.2.1-3", "Host", "Host: a:b\r\n", Err(Host)),
        ("6455-4.2.1-3", "", "Host: server.example.com\r\n", Err(Host)),
        ("6455-4.2.1-3", "Host", "Host: [2001:db8::1]:8080\r\n", Ok(true)),
        ("6455-4.2.1-4", "Upgrade", "", Err(Upgrade)),
        ("6455-4.2.1-4", "Upgrade", "Upgrade:\r\n", Err(Upgrade)),
        ("6455-4.2.1-4", "Upgrade", "Upgrade: h2c\r\n", Err(Upgrade)),
        ("6455-4.2.1-4", "Upgrade", "Upgrade: notwebsocket\r\n", Err(Upgrade)),
        ("6455-4.2.1-4", "Upgrade", "Upgrade: web socket\r\n", Err(Upgrade)),
        ("6455-4.2.1-4", "Upgrade", "Upgrade: WebSocket\r\n", Ok(true)),
        ("6455-4.2.1-4", "Upgrade", "Upgrade: h2c,WEBSOCKET\r\n", Ok(true)),
        ("6455-4.2.1-4", "Upgrade", "Upgrade: h2c\r\nUpgrade: websocket\r\n", Ok(true)),
        ("6455-4.2.1-5", "Connection", "", Err(Connection)),
        ("6455-4.2.1-5", "Connection", "Connection: keep-alive, Upgraded\r\n", Err(Connection)),
        ("6455-4.2.1-5", "Connection", "Connection: \"Upgrade\"\r\n", Err(Connection)),
        ("6455-4.2.1-5", "Connection", "Connection: , keep-alive ,,UPGRADE\t,\r\n", Ok(true)),
        ("6455-4.2.1-5", "Connection", "Connection: keep-alive\r\nConnection: upgrade\r\n", Ok(true)),
        ("6455-4.2.1-6 6455-11.3.1-1 6455-4.3-1", "Sec-WebSocket-Key", "", Err(Key)),
        ("6455-4.2.1-6 6455-11.3.1-1 6455-4.3-1", "Sec-WebSocket-Key", "Sec-WebSocket-Key:\r\n", Err(Key)),
        (
            "6455-4.2.1-6 6455-11.3.1-1 6455-4.3-1",
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n",
            Err(Key),
        ),
        (
            "6455-4.2.1-6 6455-11.3.1-1 6455-4.3-1",
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Key: SGVsbG8sIHdvcmxkIQ==\r\n",
            Err(Key),
        ),
        (
            "6455-4.2.1-6 6455-11.3.1-1 6455-4.3-1",
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n",
            Ok(true),
        ),
        ("6455-4.2.1-6 6455-11.3.1-1 6455-4.3-1", "", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", Err(Key)),
        ("6455-4.2.1-7 6455-4.2.2-7 6455-11.3.5-2", "Sec-WebSocket-Version", "", Err(Version)),
        (
            "6455-4.2.1-7 6455-4.2.2-7 6455-11.3.5-2",
            "Sec-WebSocket-Version",
            "Sec-WebSocket-Version: 8\r\n",
            Err(Version),
        ),
        (
            "6455-4.2.1-7 6455-4.2.2-7 6455-11.3.5-2",
            "Sec-WebSocket-Version",
            "Sec-WebSocket-Version: 013\r\n",
            Err(Version),
        ),
        (
            "6455-4.2.1-7 6455-4.2.2-7 6455-11.3.5-2",
            "Sec-WebSocket-Version",
            "Sec-WebSocket-Version: 13, 8\r\n",
            Err(Version),
        ),
        ("6455-4.2.1-7 6455-4.2.2-7 6455-11.3.5-2", "", "Sec-WebSocket-Version: 13\r\n", Err(Version)),
        (
            "6455-4.2.1-10 6455-4.1-29 6455-4.1-30 6455-11.3.4-1",
            "",
            "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b, a\r\n",
            Ok(true),
        ),
        // RFC 9110 5.6.1: an empty list is as good as none, also on one of several lines
        ("6455-4.2.1-10 6455-4.1-29 6455-4.1-30 6455-11.3.4-1", "", "Sec-WebSocket-Protocol:\r\n", Ok(true)),
        ("6455-4.2.1-10 6455-4.1-29 6455-4.1-30 6455-11.3.4-1", "", "Sec-WebSocket-Protocol: , \t,\r\n", Ok(true)),
        (
            "6455-4.2.1-10 6455-4.1-29 6455-4.1-30 6455-11.3.4-1",
            "",
            "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol:\r\n",
            Ok(true),
        ),
        (
            "6455-4.2.1-10 6455-4.1-29 6455-4.1-30 6455-11.3.4-1",
            "",
            "Sec-WebSocket-Protocol:\r\nSec-WebSocket-Protocol: ch at\r\n",
            Err(Subprotocol),
        ),
        ("6455-9.1-1 6455-9.1-2 6455-9.1-3 6455-11.3.2-1", "", "Sec-WebSocket-Extensions:\r\n", Ok(true)),
        (
            "6455-9.1-1 6455-9.1-2 6455-9.1-3 6455-11.3.2-1",
            "",
            "Sec-WebSocket-Extensions:\r\nSec-WebSocket-Extensions: foo\r\n",
            Ok(true),
        ),
        ("6455-4.2.1-4", "Upgrade", "Upgrade:\r\nUpgrade: websocket\r\n", Ok(true)),
        ("6455-4.2.1-5", "Connection", "Connection: Upgrade\r\nConnection:\r\n", Ok(true)),
        (
            "6455-4.2.1-10 6455-4.1-29 6455-4.1-30 6455-11.3.4-1",
            "",
            "Sec-WebSocket-Protocol: ch at\r\n",
            Err(Subprotocol),
        ),
        (
            "6455-4.2.1-10 6455-4.1-29 6455-4.1-30 6455-11.3.4-1",
            "",
            "Sec-WebSocket-Protocol: chat, \"b\"\r\n",
            Err(Subprotocol),
        ),
        (
            "6455-9.1-1 6455-9.1-2 6455-9.1-3 6455-11.3.2-1",
            "",
            "Sec-WebSocket-Extensions: foo\r\nSec-WebSocket-Extensions: bar; baz=\"2\"\r\n",
            Ok(true),
        ),
        (
            "6455-9.1-1 6455-9.1-2 6455-9.1-3 6455-11.3.2-1",
            "",
            "Sec-WebSocket-Extensions: foo, x-unknown; a; b=1\r\n",
            Ok(true),
        ),
        ("6455-9.1-1 6455-9.1-2 6455-9.1-3 6455-11.3.2-1", "", "Sec-WebSocket-Extensions: ;x\r\n", Err(Extensions)),
        (
            "6455-9.1-1 6455-9.1-2 6455-9.1-3 6455-11.3.2-1",
            "",
            "Sec-WebSocket-Extensions: permessage-deflate; =5\r\n",
            Err(Extensions),
        ),
        ("6455-4.3-2 6455-9.1-2", "", "Sec-WebSocket-Extensions: x; y=\",permessage-deflate,\"\r\n", Err(Extensions)),
        // RFC 6454 7.3: one origin
        ("", "", "Origin: null\r\n", Ok(true)),
        ("", "", "Origin: http://a\r\nOrigin: http://a\r\n", Err(Origin)),
        // a body would be read as frames
        ("", "", "Content-Length: 0\r\n", Ok(true)),
        ("", "", "Content-Length: 5\r\n", Err(Body)),
        ("", "", "Content-Length:\r\n", Err(Body)),
        ("", "", "Content-Length: 0, 5\r\n", Err(Body)),
        ("", "", "Transfer-Encoding: chunked\r\n", Err(Body)),
        // RFC 9112 2.2, 5.1, 5.2, RFC 9110 5.5
        ("6455-4.2.1-1", "", "X : y\r\n", Err(FieldName)),
        ("6455-4.2.1-1", "", "X y\r\n", Err(FieldName)),
        ("6455-4.2.1-1", "", ": y\r\n", Err(FieldName)),
        ("6455-4.2.1-1", "", "X: a\0b\r\n", Err(FieldValue)),
        ("6455-4.2.1-1", "", "Origin: a\x7fb\r\n", Err(FieldValue)),
        ("6455-4.2.1-1", "", "X: a\rb\r\n", Err(LineEnding)),
        ("6455-4.2.1-1", "", "X: a\nUpgrade: h2c\r\n", Err(LineEnding)),
        ("6455-4.2.1-1", "", "X: a\r\n b\r\n", Err(ObsoleteFolding)),
    ];
    // Plain requests without WebSocket, and start lines.
    let others = [
        ("", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(false)),
        ("", "HEAD / HTTP/1.1\r\nHost: a\r\nCookie: b\r\nOrigin: http://c\r\n\r\n", Ok(false)),
        ("", "\r\n\r\nGET /?q HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", Ok(false)),
        ("", "GET / HTTP/1.0\r\n\r\n", Ok(false)),
        ("", "GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", Ok(false)),
        ("6455-4.2.1-3", "GET / HTTP/1.1\r\n\r\n", Err(Host)),
        ("", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", Err(Body)),
        ("", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", Err(Body)),
        ("6455-4.2.1-5", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", Err(Connection)),
        ("6455-4.2.1-4", "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 13\r\n\r\n", Err(Upgrade)),
        ("6455-4.2.1-4", "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: x\r\n\r\n", Err(Upgrade)),
        (
            "6455-4.2.1-7",
            "GET /demo HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n",
            Err(Version),
        ),
        ("6455-4.2.1-2", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", Err(Method)),
        ("6455-4.2.1-2", "GET * HTTP/1.1\r\n\r\n", Err(Target)),
        ("6455-4.2.1-2", "GET /a#b HTTP/1.1\r\n\r\n", Err(Target)),
        ("6455-4.2.1-1", "GET  / HTTP/1.1\r\n\r\n", Err(StartLine)),
        ("6455-4.2.1-2", "GET / HTTP/2.0\r\n\r\n", Err(HttpVersion)),
        ("6455-4.2.1-1", "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\r\n\r\n", Err(StartLine)),
        ("6455-4.2.1-1", "GET / HTTP/1.1\nHost: a\n\n", Err(LineEnding)),
    ];
    let started = [
        ("6455-4.2.1-2", "HEAD /chat HTTP/1.1", Err(Method)),
        ("6455-4.2.1-2", "GET /chat HTTP/1.0", Err(HttpVersion)),
        ("6455-4.2.1-2", "GET /chat HTTP/1.2", Ok(true)),
        ("6455-4.2.1-2", "GET http://server.example.com/chat?x HTTP/1.1", Ok(true)),
        ("6455-4.2.1-2", "GET /chat/%7Euser?token=a%2Bb&x=/../ HTTP/1.1", Ok(true)),
    ];
    let upgrades = upgrades.map(|(ids, without, with, outcome)| (ids, upgrade(without, with), outcome));
    let others = others.map(|(ids, stream, outcome)| (ids, stream.into(), outcome));
    let started =
        started.map(|(ids, line, outcome)| (ids, upgrade("", "").replace("GET /chat HTTP/1.1", line), outcome));
    upgrades.into_iter().chain(others).chain(started).collect()
}

/// P4
#[test]
fn request_gives_the_same_result_at_every_cut() {
    for (ids, request, outcome) in requests() {
        let stream = [request.as_bytes(), b"rest"].concat();
        let whole = serve(&ANY, 512, &stream, [], summary);
        assert_eq!(
            whole.as_ref().map(|seen| seen.as_ref().unwrap().0.starts_with("true")),
            outcome.as_ref().copied(),
            "[{ids}] [6455-10.7-1] {request:?}"
        );
        if let Ok(seen) = &whole {
            assert_eq!(seen.as_ref().unwrap().1, 4, "[{ids}] {request:?}");
        }
        for cut in 0..stream.len() {
            assert_eq!(serve(&ANY, 512, &stream, [cut], summary), whole, "[{ids}] {request:?} cut at {cut}");
        }
        assert_eq!(serve(&ANY, 512, &stream, 0..stream.len(), summary), whole, "[{ids}] {request:?} byte by byte");
    }
}

#[test]
fn request_methods_return_the_values_sent() {
    let with = "Origin: https://example.com\r\nCookie: a=1\r\nSec-WebSocket-Protocol: mqtt, chat\r\nCookie: \t b=\u{e9} \r\n\
        Sec-WebSocket-Protocol: superchat\r\nSec-WebSocket-Extensions: foo\r\nSec-WebSocket-Extensions: bar; baz=\"\\2\"; q, foo\r\n";
    let stream = upgrade("", with).replace("/chat", "/chat?a=/../&b=%20[|]");
    let config = ServerConfig { subprotocols: &["superchat", "chat"], keep: &["COOKIE", "authorization"], ..ANY };
    let check = |request: Request<'_>| {
        assert!(request.is_upgrade());
        assert_eq!((request.method(), request.target()), ("GET", "/chat?a=/../&b=%20[|]"));
        assert_eq!((request.host(), request.origin()), ("server.example.com", Some("https://example.com")));
        assert!(
            request.subprotocols().eq(["mqtt", "chat", "superchat"]),
            "[6455-4.2.1-10] [6455-4.1-28]: in their order"
        );
        assert_eq!(request.subprotocol(), Some("superchat")); // the host's order of preference
        assert_eq!(request.field("cookie"), Some(&b"a=1"[..]));
        assert!(request.fields("Cookie").eq(["a=1".as_bytes(), "b=\u{e9}".as_bytes()]));
        assert_eq!((request.field("authorization"), request.field("x-other")), (None, None));
        let names = request.extensions().map(|e| e.name());
        assert!(names.eq(["foo", "bar", "foo"]), "[6455-9.1-3] [6455-9.1-8] [6455-9.2-1]: all, in their order");
        let params: Vec<_> = request.extensions().nth(1).unwrap().params().collect();
        assert_eq!((params[0].name, params[1].name, params[1].value), ("baz", "q", None));
        assert!(params[0].value.unwrap() == "2");
    };
    assert!(serve(&config, 512, stream.as_bytes(), [], check).unwrap().is_some());
    // RFC 9112 3.2.2: the host in an absolute-form target has precedence over Host
    let stream = upgrade("", "").replace("GET /chat", "GET HTTP://[::1]:80/a?b");
    let seen = serve(&ANY, 512, stream.as_bytes(), [], |r| (r.host().to_owned(), r.target().to_owned()));
    assert_eq!(seen.unwrap().unwrap().0, ("[::1]:80".into(), "/a?b".into()));
}

/// Cross-site WebSocket hijacking. [6455-10.2-2]: an upgrade from a page that the policy does not allow is refused with 403.
/// Plain requests are not affected.
#[test]
fn origin_policy_refuses_upgrades_of_other_pages() {
    let same = ServerConfig::new(OriginPolicy::SameOrigin);
    let list = ServerConfig::new(OriginPolicy::List(&["https://example.com"]));
    // A device with a page of its own, and clients on Arduino.
    let either = ServerConfig::new(OriginPolicy::SameOriginOr(&["file://"]));
    for (origin, by_same, by_list) in [
        ("", true, true), // no Origin is sent
        ("Origin: http://server.example.com\r\n", true, false),
        ("Origin: HTTPS://Server.Example.com:443\r\n", true, false),
        ("Origin: https://example.com\r\n", false, true),
        ("Origin: https://EXAMPLE.com\r\n", false, true),
        ("Origin: file://\r\n", false, false),
        ("Origin: null\r\n", false, false),
        ("Origin:\r\n", false, false),
        ("Origin: \u{e9}\r\n", false, false),
        ("Origin: http://server.example.com.evil.example\r\n", false, false),
        ("Origin: http://evilserver.example.com\r\n", false, false),
        ("Origin: http://example.com\r\n", false, false),
        ("Origin: https://example.com.evil.example\r\n", false, false),
        ("Origin: https://example.com:8443\r\n", false, false),
        ("Origin: http://server.example.com:8080\r\n", false, false),
    ] {
        let stream = upgrade("", origin);
        let by_either = by_same || origin.contains("file");
        for (config, allowed) in [(&same, by_same), (&list, by_list), (&either, by_either), (&ANY, true)] {
            let outcome = serve(config, 512, stream.as_bytes(), [], |_| ());
            assert_eq!(
                outcome,
                if allowed { Ok(Some(((), 0))) } else { Err(Origin) },
                "{origin:?} {:?}",
                config.origin
            );
        }
        let page = format!("GET / HTTP/1.1\r\nHost: server.example.com\r\n{origin}\r\n");
        assert!(serve(&same, 512, page.as_bytes(), [], |_| ()).is_ok());
    }
    assert_eq!(Origin.status(), 403);
}

/// A log must not contain cookies and keys.
#[test]
fn debug_shows_the_progress_without_fields() {
    let config = ServerConfig { keep: &["cookie"], ..ANY };
    let mut handshake = ServerHandshake::new(&config, [0; 512]);
    let mut request = upgrade("", "Cookie: secret\r\n").into_bytes();
    assert_eq!(format!("{handshake:?}"), "ServerHandshake { state: Reading, answered: false, .. }");
    assert!(matches!(handshake.receive(&mut request), Ok(Progress::Complete { .. })));
    assert_eq!(format!("{handshake:?}"), "ServerHandshake { state: Complete, answered: false, .. }");
    let client = ClientHandshake::new(&ClientConfig::DEFAULT, *b"the sample nonce", [0; 512]);
    assert_eq!(format!("{client:?}"), "ClientHandshake { state: Reading, status: 0, .. }");
}
