//! A handshake from parsed HTTP has the result of the handshake from its bytes, and a handshake of RFC 8441 or RFC 9220 has the
//! result of the equivalent HTTP/1.1 handshake.

use barews::HandshakeError::{self, *};
use barews::connection::Config;
use barews::handshake::parsed::{ClientHandshake, RequestHead, ServerHandshake, Start};
use barews::handshake::{
    Accept, ClientConfig, ClientRequest, OriginPolicy, Progress, ServerConfig, Subprotocol, Uri, accept_key,
};
use barews::{BuildError, handshake};

use crate::corpus::{bytes, rows, value};
use crate::server::requests;
use crate::{ANY, KEY, NONCE};

/// A head, read by a naive HTTP parser: the three parts of the start line, and the fields.
struct Head {
    start: [String; 3],
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

fn parse(stream: &[u8]) -> Option<Head> {
    let mut head = stream;
    while let Some(rest) = head.strip_prefix(b"\r\n") {
        head = rest;
    }
    let end = head.windows(4).position(|w| w == b"\r\n\r\n")?;
    head = &head[..end + 2];
    let mut lines = Vec::new();
    while let Some(at) = head.windows(2).position(|w| w == b"\r\n") {
        lines.push(&head[..at]);
        head = &head[at + 2..];
    }
    let start = String::from_utf8(lines.first()?.to_vec()).ok()?;
    let parts: Vec<_> = start.splitn(3, ' ').map(String::from).collect();
    let field = |line: &&[u8]| {
        let colon = line.iter().position(|&b| b == b':')?;
        Some((line[..colon].to_vec(), line[colon + 1..].trim_ascii().to_vec()))
    };
    let fields = lines[1..].iter().map(field).collect::<Option<_>>()?;
    Some(Head { start: parts.try_into().ok()?, fields })
}

impl Head {
    fn is(&self, name: &str) -> bool {
        self.fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// A server's result for a request: an upgrade with its accept value, a plain request, or an error.
type Outcome = Result<Option<String>, HandshakeError>;

fn over_bytes(stream: &[u8]) -> Option<Outcome> {
    let mut handshake = handshake::ServerHandshake::new(&ANY, [0; 1024]);
    match handshake.receive(&mut stream.to_vec()) {
        Ok(Progress::Partial) => return None,
        Ok(Progress::Complete { .. }) => {}
        Err(error) => return Some(Err(error)),
    }
    if !handshake.request().unwrap().is_upgrade() {
        return Some(Ok(None));
    }
    let mut out = [0; 512];
    let len = handshake.accept(&Accept::default(), &mut out).unwrap();
    let head = str::from_utf8(&out[..len]).unwrap();
    Some(Ok(head.split("Sec-WebSocket-Accept: ").nth(1).unwrap().lines().next().map(String::from)))
}

fn over_fields(head: &Head) -> Option<Outcome> {
    let [method, target, version] = &head.start;
    let minor_version = version.strip_prefix("HTTP/1.")?.parse().ok()?;
    let start = Start::Upgrade { method, target, minor_version };
    let fields = head.fields.iter().map(|(name, value)| (name, value));
    let mut handshake = ServerHandshake::new(&ANY, [0; 1024], &start, fields);
    match handshake.request() {
        Err(error) => Some(Err(error)),
        Ok(request) if !request.is_upgrade() => {
            assert_eq!(handshake.accept(&Accept::default(), &Config::DEFAULT).unwrap_err(), BuildError::NotNow);
            Some(Ok(None))
        }
        Ok(request) => {
            assert!(target.ends_with(request.target()));
            let (head, _) = handshake.accept(&Accept::default(), &Config::DEFAULT).unwrap();
            let accept = head.fields().find(|(name, _)| *name == "sec-websocket-accept").unwrap();
            assert_eq!(head.status(), 101);
            assert!(head.fields().any(|field| field == ("upgrade", "websocket")));
            assert!(head.fields().any(|field| field == ("connection", "upgrade")));
            Some(Ok(Some(accept.1.to_owned())))
        }
    }
}

/// Every request in the tables and in the corpus, except those that the HTTP parser refuses. Its errors are those listed below.
#[test]
fn parsed_request_gives_the_result_of_its_bytes() {
    let mut compared = 0;
    let streams = requests().into_iter().map(|(_, stream, _)| (stream.clone(), stream.into_bytes()));
    let files = rows(include_str!("../data/handshakes/requests.tsv")).map(|row| (row[0].into(), bytes(row[0])));
    for (name, stream) in streams.chain(files) {
        let Some(expected) = over_bytes(&stream) else { continue };
        if matches!(expected, Err(LineEnding | ObsoleteFolding | StartLine)) {
            continue;
        }
        let Some(outcome) = parse(&stream).and_then(|head| over_fields(&head)) else {
            assert!(matches!(expected, Err(HttpVersion | FieldName)), "{name}: {expected:?}");
            continue;
        };
        assert_eq!(outcome, expected, "{name}");
        compared += 1;
    }
    assert!(compared >= 140, "{compared} requests");
}

/// [8441-5-5] [8441-5-6] [9220-3-1]: the extended CONNECT has the same fields, without the hop-by-hop fields and the key.
#[test]
fn extended_connect_gives_the_result_of_an_upgrade() {
    let mut compared = 0;
    let streams = requests().into_iter().map(|(_, stream, _)| (stream.clone(), stream.into_bytes()));
    let files = rows(include_str!("../data/handshakes/requests.tsv")).map(|row| (row[0].into(), bytes(row[0])));
    for (name, stream) in streams.chain(files) {
        let (Some(expected), Some(head)) = (over_bytes(&stream), parse(&stream)) else { continue };
        // Errors that are only possible in HTTP/1.1, and requests without WebSocket.
        if matches!(
            expected,
            Ok(None)
                | Err(LineEnding | ObsoleteFolding | StartLine | Method | HttpVersion | Upgrade | Connection | Key)
        ) || !head.start[1].starts_with('/')
            || head.is("keep-alive")
        {
            continue;
        }
        let (hosts, others): (Vec<_>, Vec<_>) =
            head.fields.iter().partition(|(name, _)| name.eq_ignore_ascii_case(b"host"));
        if hosts.len() != 1 || !head.is("sec-websocket-key") {
            continue;
        }
        let Ok(authority) = str::from_utf8(&hosts[0].1) else { continue };
        let drop = ["connection", "upgrade", "sec-websocket-key"];
        let fields =
            others.into_iter().filter(|(name, _)| !drop.iter().any(|drop| name.eq_ignore_ascii_case(drop.as_bytes())));
        let start = connect(authority, &head.start[1]);
        let handshake = ServerHandshake::new(&ANY, [0; 1024], &start, fields.map(|(name, value)| (name, value)));
        let outcome = handshake.request().map(|request| (request.is_upgrade(), request.host().to_owned()));
        assert_eq!(outcome, expected.map(|_| (true, authority.to_owned())), "{name}");
        compared += 1;
    }
    assert!(compared >= 60, "{compared} requests");
}

fn connect<'a>(authority: &'a str, path: &'a str) -> Start<'a> {
    Start::ExtendedConnect { method: "CONNECT", protocol: "websocket", scheme: "https", authority, path }
}

#[test]
fn extended_connect_checks_pseudo_fields_and_refuses_hop_fields() {
    let good = ["CONNECT", "websocket", "https", "example.com", "/chat?a=b"];
    let edit = |place: usize, value| {
        let mut pseudo = good;
        pseudo[place] = value;
        pseudo
    };
    let version = ("sec-websocket-version", "13");
    for (ids, pseudo, fields, expected) in [
        ("8441-4-1 8441-4-2 8441-4-4", good, vec![version], Ok(())),
        ("8441-5-6", good, vec![("Sec-WebSocket-Version", "13"), ("te", "trailers")], Ok(())),
        ("8441-5-6", good, vec![], Err(Version)),
        ("8441-5-6", good, vec![("sec-websocket-version", "12")], Err(Version)),
        ("8441-5-1", edit(0, "GET"), vec![version], Err(Method)),
        ("8441-5-1", edit(0, "connect"), vec![version], Err(Method)),
        ("9220-3-3", edit(1, "connect-udp"), vec![version], Err(Protocol)),
        ("9220-3-3", edit(1, ""), vec![version], Err(Protocol)),
        ("8441-4-1", edit(1, "websocket, other"), vec![version], Err(Protocol)),
        ("8441-4-2 8441-5-2", edit(2, "http"), vec![version], Ok(())),
        ("8441-4-2 8441-5-2", edit(2, "wss"), vec![version], Err(Target)),
        ("8441-4-2 8441-5-2", edit(2, ""), vec![version], Err(Target)),
        ("8441-4-3", edit(3, "example.com:8443"), vec![version], Ok(())),
        ("8441-4-3", edit(3, "user@example.com"), vec![version], Err(Host)),
        ("8441-4-3", edit(3, "a\r\nx: y"), vec![version], Err(Host)),
        ("8441-4-3", edit(3, " example.com"), vec![version], Err(Host)),
        ("8441-4-3", edit(3, ""), vec![version], Err(Host)),
        ("8441-5-4", edit(3, ""), vec![version, ("host", "example.com")], Ok(())),
        ("8441-5-4", good, vec![version, ("host", "EXAMPLE.com")], Ok(())),
        ("8441-5-4", good, vec![version, ("host", "example.org")], Err(Host)),
        ("8441-4-2 8441-5-2", edit(4, ""), vec![version], Err(Target)),
        ("8441-4-2 8441-5-2", edit(4, "*"), vec![version], Err(Target)),
        ("8441-4-2 8441-5-2", edit(4, "https://example.com/"), vec![version], Err(Target)),
        ("8441-4-2 8441-5-2", edit(4, "/a b"), vec![version], Err(Target)),
        ("8441-4-2 8441-5-2", edit(4, "/ HTTP/1.1\r\nx: y"), vec![version], Err(Target)),
        ("8441-4-2 8441-5-2", edit(4, "/a#b"), vec![version], Err(Target)),
        ("8441-5-3", good, vec![version, ("connection", "upgrade")], Err(Connection)),
        ("8441-5-3", good, vec![version, ("Upgrade", "websocket")], Err(Connection)),
        ("8441-5-3", good, vec![version, ("keep-alive", "5")], Err(Connection)),
        ("8441-5-3", good, vec![version, ("proxy-connection", "close")], Err(Connection)),
        ("8441-5-3", good, vec![version, ("transfer-encoding", "chunked")], Err(Body)),
        ("8441-5-5", good, vec![version, ("sec-websocket-key", "no key at all")], Ok(())),
        ("", good, vec![version, ("a", "b\r\norigin: c")], Err(FieldValue)),
        ("", good, vec![version, (":path", "/b")], Err(FieldName)),
    ] {
        let [method, protocol, scheme, authority, path] = pseudo;
        let start = Start::ExtendedConnect { method, protocol, scheme, authority, path };
        let mut handshake = ServerHandshake::new(&ANY, [0; 512], &start, fields.clone());
        let outcome = handshake.request().map(|request| assert_eq!(request.target(), path));
        assert_eq!(outcome, expected, "[{ids}] {start:?} {fields:?}");
        assert_eq!(handshake.accept(&Accept::default(), &Config::DEFAULT).is_ok(), expected.is_ok());
    }
}

/// A field or a start line that would become several lines in an HTTP/1.1 head is refused.
#[test]
fn parsed_parts_cannot_smuggle_lines() {
    let start = Start::Upgrade { method: "GET", target: "/", minor_version: 1 };
    for (start, field, expected) in [
        (Start::Upgrade { method: "GET", target: "/ HTTP/1.1\r\nx: y", minor_version: 1 }, ("a", "b"), Target),
        (Start::Upgrade { method: "GET", target: "", minor_version: 1 }, ("a", "b"), StartLine),
        (Start::Upgrade { method: "GET /", target: "/", minor_version: 1 }, ("a", "b"), StartLine),
        (Start::Upgrade { method: "", target: "/", minor_version: 1 }, ("a", "b"), StartLine),
        (Start::Upgrade { method: "GET", target: "/", minor_version: 10 }, ("a", "b"), HttpVersion),
        (start, ("a", "b\nc: d"), FieldValue),
        (start, ("a", "b\0"), FieldValue),
        (start, ("a: b\r\nc", "d"), FieldName),
        (start, ("", "d"), FieldName),
    ] {
        let fields = [("host", "a"), field];
        assert_eq!(ServerHandshake::new(&ANY, [0; 512], &start, fields).request().unwrap_err(), expected, "{field:?}");
    }
    let start_of_9 = Start::Upgrade { method: "GET", target: "/", minor_version: 9 };
    assert!(ServerHandshake::new(&ANY, [0; 512], &start_of_9, [("host", "a")]).request().is_ok());
    // The limits are those of the handshake from bytes.
    let many = std::iter::repeat_n(("a", "b"), 101);
    assert_eq!(ServerHandshake::new(&ANY, [0; 512], &start, many).request().unwrap_err(), TooManyFields);
    let long = [("a", "b".repeat(16 << 10))];
    assert_eq!(ServerHandshake::new(&ANY, [0; 512], &start, long).request().unwrap_err(), HeadTooLarge);
    let host = [("host", "b".repeat(512))];
    assert_eq!(ServerHandshake::new(&ANY, [0; 512], &start, host).request().unwrap_err(), StorageFull);
}

/// [6455-4.4-1] [9220-3-3] RFC 9110 15.5.6
#[test]
fn parsed_refusal_has_status_and_fields() {
    for (extended, error, status, fields) in [
        (
            false,
            Version,
            426,
            vec![("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13")],
        ),
        (true, Version, 426, vec![("sec-websocket-version", "13")]),
        (false, Method, 405, vec![("allow", "GET, HEAD")]),
        (true, Method, 405, vec![("allow", "CONNECT")]),
        (true, Protocol, 501, vec![]),
        (false, Origin, 403, vec![]),
        (true, HeadTooLarge, 431, vec![]),
    ] {
        let start =
            if extended { connect("a", "/") } else { Start::Upgrade { method: "GET", target: "/", minor_version: 1 } };
        let head = ServerHandshake::new(&ANY, [0; 64], &start, [("host", "a")]).refuse(error);
        assert_eq!((head.status(), head.fields().collect::<Vec<_>>()), (status, fields), "{error:?}");
    }
}

/// [8441-5-7] [8441-5-8]: in HTTP/1.1 and extended CONNECT, each side accepts what the other sends.
#[test]
fn parsed_client_and_server_interoperate() {
    let server = ServerConfig {
        subprotocols: &["superchat", "chat"],
        keep: &["cookie"],
        ..ServerConfig::new(OriginPolicy::SameOrigin)
    };
    for (extended, uri, target) in [
        (false, "ws://example.com/room?a=b", "/room?a=b"),
        (false, "ws://[::1]:9001", "/"),
        (true, "wss://example.com:8443/room", "/room"),
        (true, "ws://example.com", "/"),
    ] {
        let uri = Uri::parse(uri).unwrap();
        let port = if matches!(uri.port(), 80 | 443) { String::new() } else { format!(":{}", uri.port()) };
        let origin = format!("http{}://{}{port}", if uri.secure() { "s" } else { "" }, uri.host());
        let config =
            ClientConfig { subprotocols: &["chat", "superchat"], extensions: "foo; a=1", ..ClientConfig::DEFAULT };
        let asked = ClientRequest { origin: Some(&origin), fields: &[("Cookie", "b=c")], ..ClientRequest::new(uri) };
        let mut client = if extended {
            ClientHandshake::extended_connect(&config, [0; 512])
        } else {
            ClientHandshake::upgrade(&config, NONCE, [0; 512])
        };
        let mut names = [0; 64];
        let RequestHead { start, .. } = client.request(&asked, &mut names).unwrap();
        match start {
            Start::Upgrade { .. } => assert_eq!(start, Start::Upgrade { method: "GET", target, minor_version: 1 }),
            Start::ExtendedConnect { scheme, .. } => {
                assert_eq!(scheme, if uri.secure() { "https" } else { "http" }); // [8441-5-2]
                let authority = origin.split("//").nth(1).unwrap();
                let protocol = "websocket";
                assert_eq!(
                    start,
                    Start::ExtendedConnect { method: "CONNECT", protocol, scheme, authority, path: target }
                );
            }
        }
        let head = client.request(&asked, &mut names).unwrap();
        let named: Vec<_> = head.fields().map(|(name, _)| name).collect();
        for name in ["host", "upgrade", "connection", "sec-websocket-key"] {
            assert_eq!(named.contains(&name), !extended, "{name}"); // [8441-5-3] [8441-5-4] [8441-5-5]
        }
        let mut handshake = ServerHandshake::new(&server, [0; 512], &head.start, head.fields());
        let request = handshake.request().unwrap();
        assert!(request.is_upgrade());
        assert_eq!((request.target(), request.origin()), (target, Some(&origin[..])));
        assert_eq!(request.field("cookie"), Some(&b"b=c"[..]));
        assert!(request.subprotocols().eq(["chat", "superchat"]));
        let wrong = Accept { extensions: "bar", ..Accept::default() };
        assert_eq!(handshake.accept(&wrong, &Config::DEFAULT).unwrap_err(), BuildError::Extensions);
        let wrong = Accept { subprotocol: Subprotocol::Named("other"), ..Accept::default() };
        assert_eq!(handshake.accept(&wrong, &Config::DEFAULT).unwrap_err(), BuildError::Subprotocol);
        let wrong = Accept { fields: &[("upgrade", "h2c")], ..Accept::default() };
        assert_eq!(handshake.accept(&wrong, &Config::DEFAULT).unwrap_err(), BuildError::FieldName);
        let response = Accept { extensions: "foo", fields: &[("set-cookie", "d=e")], ..Accept::default() };
        let (head, mut at_server) = handshake.accept(&response, &Config::DEFAULT).unwrap();
        assert_eq!(head.status(), if extended { 200 } else { 101 });
        let accept = accept_key(KEY.as_bytes()).unwrap();
        let mut expected = vec![
            ("upgrade", "websocket"),
            ("connection", "upgrade"),
            ("sec-websocket-accept", str::from_utf8(&accept).unwrap()),
            ("sec-websocket-protocol", "superchat"),
            ("sec-websocket-extensions", "foo"),
            ("set-cookie", "d=e"),
        ];
        expected.drain(..if extended { 3 } else { 0 });
        assert_eq!(head.fields().collect::<Vec<_>>(), expected);

        client.receive(103, [("link", "</a>")]).unwrap();
        assert!(client.response().is_none());
        client.receive(head.status(), head.fields()).unwrap();
        assert_eq!(client.status(), Some(head.status()));
        let response = client.response().unwrap();
        assert!(response.is_accepted());
        assert_eq!(response.subprotocol(), Some("superchat"));
        assert!(response.extensions().map(|e| e.name()).eq(["foo"]));
        let mut at_client = client.connect(|| [1, 2, 3, 4], &Config::DEFAULT).unwrap();
        assert_eq!(client.connect(|| [0; 4], &Config::DEFAULT).unwrap_err(), BuildError::NotNow);
        assert_eq!(handshake.accept(&Accept::default(), &Config::DEFAULT).unwrap_err(), BuildError::NotNow);
        // A client masks its frames in both.
        let mut stream = [0; 64];
        let len = at_client.write_ping(b"a", &mut stream).unwrap().len();
        assert_eq!(stream[..len], [0x89, 0x81, 1, 2, 3, 4, b'a' ^ 1]);
        assert!(at_server.receive(&mut stream[..len]).unwrap().event.is_some());
    }
}

/// Every response in the corpus, except those that the HTTP parser refuses, and those of HTTP/1.0.
#[test]
fn parsed_response_gives_the_result_of_its_bytes() {
    let mut compared = 0;
    for row in rows(include_str!("../data/handshakes/responses.tsv")) {
        let [file, outcome, status, error, _key, subprotocols, extensions, subprotocol, ..] = row[..] else {
            panic!("{row:?}")
        };
        let offers: Vec<_> = value(subprotocols).map_or(Vec::new(), |list| list.split(", ").collect());
        let config = ClientConfig {
            subprotocols: &offers,
            extensions: value(extensions).unwrap_or_default(),
            ..ClientConfig::DEFAULT
        };
        let Some(Head { start, fields }) = parse(&bytes(file)) else { continue };
        if start[0] != "HTTP/1.1" {
            continue;
        }
        let fields = || fields.iter().map(|(name, value)| (name, value));
        let mut client = ClientHandshake::upgrade(&config, NONCE, [0; 1024]);
        match client.receive(start[1].parse().unwrap(), fields()) {
            Err(found) => {
                assert!(outcome == "error" && value(error).is_none_or(|e| e == format!("{found:?}")), "{file}")
            }
            Ok(()) => {
                let response = client.response().unwrap();
                assert_eq!(response.status().to_string(), status, "{file}");
                assert_eq!(if response.is_accepted() { "open" } else { "refused" }, outcome, "{file}");
                assert_eq!(response.subprotocol(), value(subprotocol), "{file}");
            }
        }
        compared += 1;
    }
    assert!(compared >= 35, "{compared} responses");
}

#[test]
fn extended_connect_response_is_open_with_2xx_only() {
    let config = ClientConfig { subprotocols: &["chat"], extensions: "foo", ..ClientConfig::DEFAULT };
    for (ids, status, fields, expected) in [
        ("8441-5-7", 200, vec![], Ok(true)),
        ("8441-5-6 8441-5-7", 204, vec![("sec-websocket-protocol", "chat")], Ok(true)),
        ("8441-5-6 8441-5-7", 299, vec![("sec-websocket-extensions", "foo; a")], Ok(true)),
        ("8441-5-5", 200, vec![("sec-websocket-accept", "unsolicited")], Ok(true)),
        ("8441-5-6", 200, vec![("sec-websocket-protocol", "other")], Err(Subprotocol)),
        ("8441-5-6", 200, vec![("sec-websocket-extensions", "bar")], Err(Extensions)),
        ("8441-5-3", 200, vec![("upgrade", "websocket")], Err(Connection)),
        ("8441-5-3", 404, vec![("connection", "close")], Err(Connection)),
        ("", 200, vec![("a", "b\r\n")], Err(FieldValue)),
        ("8441-5-7", 101, vec![], Err(StartLine)),
        ("", 99, vec![], Err(StartLine)),
        ("", 1000, vec![], Err(StartLine)),
        ("8441-5-7", 302, vec![("location", "/b")], Ok(false)),
        ("8441-5-7", 501, vec![], Ok(false)),
    ] {
        let mut client = ClientHandshake::extended_connect(&config, [0; 512]);
        let outcome = client.receive(status, fields.clone()).map(|()| client.response().unwrap().is_accepted());
        assert_eq!(outcome, expected, "[{ids}] {status} {fields:?}");
        assert_eq!(client.connect(|| [0; 4], &Config::DEFAULT).is_ok(), expected == Ok(true), "{status} {fields:?}");
    }
}

/// An invalid configuration of the client, or too small a buffer for its names, is refused.
#[test]
fn extended_connect_refuses_unusable_configurations() {
    let uri = Uri::parse("wss://example.com:8443/room?a=b").unwrap();
    let plain = ClientRequest::new(uri);
    let config = ClientConfig { subprotocols: &["a b"], ..ClientConfig::DEFAULT };
    let client = ClientHandshake::extended_connect(&config, [0; 512]);
    assert_eq!(client.request(&plain, &mut [0; 64]).unwrap_err(), BuildError::Subprotocol);
    let client = ClientHandshake::extended_connect(&ClientConfig::DEFAULT, [0; 512]);
    let reserved = ClientRequest { fields: &[("host", "b")], ..plain };
    assert_eq!(client.request(&reserved, &mut [0; 64]).unwrap_err(), BuildError::FieldName);
    for size in 0..25 {
        assert_eq!(client.request(&plain, &mut vec![0; size]).unwrap_err(), BuildError::BufferTooSmall { need: 25 });
    }
    assert!(client.request(&plain, &mut [0; 25]).is_ok());
}
