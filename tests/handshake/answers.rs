//! The server's responses: RFC 6455 sections 4.2.2 and 4.4.

use super::server::requests;
use super::{ACCEPT, ANY, upgrade};
use barews::HandshakeError::*;
use barews::connection::{Config, State};
use barews::handshake::{Accept, Progress, ServerConfig, ServerHandshake, Subprotocol};
use barews::{BuildError, Connection, Server};

/// Whether answers have reason phrases, and refusals a text.
const TEXTS: bool = cfg!(any(target_pointer_width = "64", feature = "refusal-texts"));

/// Runs a whole request through a server with 512 bytes of storage.
fn complete<'c>(config: &'c ServerConfig<'c>, stream: &str) -> ServerHandshake<'c, [u8; 512]> {
    let mut handshake = ServerHandshake::new(config, [0; 512]);
    assert!(matches!(handshake.receive(&mut stream.as_bytes().to_vec()), Ok(Progress::Complete { .. })));
    handshake
}

fn accepted(handshake: &mut ServerHandshake<'_, [u8; 512]>, response: &Accept<'_>) -> Result<String, BuildError> {
    let mut out = [0; 512];
    let len = handshake.accept(response, &mut out)?;
    let connection = Connection::new(Server, &Config::default());
    assert_eq!(connection.state(), State::Open, "[6455-4.2.2-20] an accepted connection is OPEN");
    Ok(String::from_utf8(out[..len].into()).unwrap())
}

#[test]
fn accept_writes_a_valid_101_response() {
    let config = ServerConfig { subprotocols: &["superchat", "chat"], ..ANY };
    let offers = "Sec-WebSocket-Protocol: chat, superchat, chat\r\nSec-WebSocket-Extensions: foo; a, bar\r\n";
    let head = [
        ("6455-4.2.2-13 6455-4.2.2-14", "HTTP/1.1 101 Switching Protocols\r\n"),
        ("6455-4.2.2-15", "Upgrade: websocket\r\n"),
        ("6455-4.2.2-16", "Connection: Upgrade\r\n"),
        ("6455-4.2.2-17", ACCEPT),
    ];
    let default = Accept::default();
    for (ids, offers, response, expected) in [
        ("6455-4.2.2-10", "", default, Ok("\r\n")),
        ("6455-4.2.2-9 6455-4.2.2-18", offers, default, Ok("Sec-WebSocket-Protocol: superchat\r\n\r\n")),
        ("6455-4.2.2-10", "Sec-WebSocket-Protocol: other\r\n", default, Ok("\r\n")),
        ("6455-4.2.2-10", offers, Accept { subprotocol: Subprotocol::None, ..default }, Ok("\r\n")),
        (
            "6455-4.2.2-9 6455-4.2.2-18",
            offers,
            Accept { subprotocol: Subprotocol::Named("chat"), ..default },
            Ok("Sec-WebSocket-Protocol: chat\r\n\r\n"),
        ),
        (
            "6455-4.2.2-9",
            offers,
            Accept { subprotocol: Subprotocol::Named("CHAT"), ..default },
            Err(BuildError::Subprotocol),
        ),
        (
            "6455-4.2.2-9",
            offers,
            Accept { subprotocol: Subprotocol::Named(""), ..default },
            Err(BuildError::Subprotocol),
        ),
        (
            "6455-4.2.2-9",
            "",
            Accept { subprotocol: Subprotocol::Named("chat"), ..default },
            Err(BuildError::Subprotocol),
        ),
        (
            "6455-4.2.2-11 6455-4.2.2-19 6455-9-2",
            offers,
            Accept { subprotocol: Subprotocol::None, extensions: "bar; x=1, foo", ..default },
            Ok("Sec-WebSocket-Extensions: bar; x=1, foo\r\n\r\n"),
        ),
        ("6455-4.2.2-12 6455-9-3", offers, Accept { extensions: "baz", ..default }, Err(BuildError::Extensions)),
        ("6455-4.2.2-12 6455-9-3", offers, Accept { extensions: "foo, baz", ..default }, Err(BuildError::Extensions)),
        ("6455-9.1-1", offers, Accept { extensions: "foo;", ..default }, Err(BuildError::Extensions)),
        ("6455-4.2.2-12 6455-9-3", "", Accept { extensions: "foo", ..default }, Err(BuildError::Extensions)),
        (
            "",
            "",
            Accept { fields: &[("Set-Cookie", "a=\u{e9}"), ("X", "")], ..default },
            Ok("Set-Cookie: a=\u{e9}\r\nX: \r\n\r\n"),
        ),
        ("", "", Accept { fields: &[("Sec-WebSocket-Accept", "a")], ..default }, Err(BuildError::FieldName)),
    ] {
        let mut handshake = complete(&config, &upgrade("", offers));
        let written = accepted(&mut handshake, &response);
        let mut tail = written.as_deref().map_err(|error| *error);
        for (ids, line) in head {
            tail = tail.map(|tail| tail.strip_prefix(line).unwrap_or_else(|| panic!("[{ids}] not {line:?}: {tail}")));
        }
        assert_eq!(tail, expected, "[{ids}] {response:?}");
        // A failed call has changed nothing; after a successful one there is no second response.
        let again = accepted(&mut handshake, &Accept { subprotocol: Subprotocol::None, ..default });
        assert_eq!(again.is_ok(), written.is_err(), "[6455-4.2.2-1] one response, after all checks");
        assert!(handshake.request().is_some());
        // Bytes after the request are left for the connection.
        assert_eq!(
            handshake.receive(&mut b"frame".clone()),
            Ok(Progress::Complete { consumed: 0, rest: &mut b"frame".clone() })
        );
    }
}

/// P11: if the buffer is too small it is not changed, and the error contains the size needed.
#[test]
fn response_that_does_not_fit_is_not_written() {
    let mut handshake = complete(&ANY, &upgrade("", ""));
    let mut out = [b'.'; 512];
    let need = 129; // the response of RFC 6455 1.3 without its subprotocol
    for size in 0..need {
        let error = handshake.accept(&Accept::default(), &mut out[..size]).unwrap_err();
        assert_eq!(error, BuildError::BufferTooSmall { need });
        let error = handshake.respond(418, &[("A", "b")], b"body", &mut out[..size.min(50)]).unwrap_err();
        assert_eq!(error, BuildError::BufferTooSmall { need: 65 });
        assert_eq!(out, [b'.'; 512]);
    }
    let len = handshake.accept(&Accept::default(), &mut out[..need]).unwrap();
    assert_eq!(len, need);
}

/// Refusals and pages all end the connection. Otherwise bytes after a refused request would be read as the next request
/// (kemal#767).
#[test]
fn accept_goes_out_in_parts_of_any_size() {
    let config = ServerConfig { subprotocols: &["chat"], ..ANY };
    let handshake = complete(&config, &upgrade("", "Sec-WebSocket-Protocol: chat\r\n"));
    let response = Accept { fields: &[("Server", "barews")], ..Accept::default() };
    let whole = accepted(&mut complete(&config, &upgrade("", "Sec-WebSocket-Protocol: chat\r\n")), &response).unwrap();
    for size in 1..=whole.len() + 1 {
        let (mut parts, mut out) = (Vec::new(), vec![0; size]);
        while let part @ 1.. = handshake.accept_part(&response, parts.len(), &mut out).unwrap() {
            parts.extend_from_slice(&out[..part]);
        }
        assert_eq!(parts, whole.as_bytes(), "parts of {size}");
    }
    let invalid = Accept { fields: &[("Upgrade", "b")], ..response };
    assert_eq!(handshake.accept_part(&invalid, 0, &mut [0; 9]), Err(BuildError::FieldName));
}

#[test]
fn respond_ends_the_connection() {
    let text = [("Content-Type", "text/plain")];
    let version = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    for (ids, method, status, fields, body, expected) in [
        (
            "",
            "GET",
            200,
            &text[..],
            "page",
            "200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\npage",
        ),
        ("", "HEAD", 200, &[], "page", "200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\n"),
        (
            "6455-4.2.2-4",
            "GET",
            302,
            &[("Location", "/a")],
            "",
            "302 \r\nConnection: close\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n",
        ),
        ("", "GET", 204, &[], "page", "204 \r\nConnection: close\r\n\r\n"),
        (
            "",
            "GET",
            405,
            &[],
            "",
            "405 Method Not Allowed\r\nConnection: close\r\nAllow: GET, HEAD\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "6455-4.2.2-7 6455-4.4-1 6455-11.3.5-1",
            "GET",
            426,
            &[],
            "",
            &format!("426 Upgrade Required\r\nConnection: close, Upgrade\r\n{version}Content-Length: 0\r\n\r\n"),
        ),
    ] {
        let mut handshake = complete(&ANY, &format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(accepted(&mut handshake, &Accept::default()), Err(BuildError::NotNow)); // no upgrade
        let mut out = [0; 256];
        let len = handshake.respond(status, fields, body.as_bytes(), &mut out).unwrap();
        let written = str::from_utf8(&out[..len]).unwrap();
        assert!(written.contains("\r\nConnection: close"), "[6455-7.2.2-1] a response ends the connection: {written}");
        let (line, rest) = expected.split_once("\r\n").unwrap();
        let line = if TEXTS { line } else { &line[..4] };
        assert_eq!(written, format!("HTTP/1.1 {line}\r\n{rest}"), "[{ids}]");
        assert_eq!(handshake.respond(status, fields, b"", &mut out), Err(BuildError::NotNow)); // answered

        // The head alone, for a host that sends the body itself.
        let whole = &out[..len];
        let head = whole.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let mut handshake = complete(&ANY, &format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        let mut alone = [0; 256];
        let len = handshake.respond_head(status, fields, body.len(), &mut alone).unwrap();
        assert_eq!(alone[..len], whole[..head], "{status}");
        assert_eq!(handshake.respond_head(status, fields, 0, &mut alone), Err(BuildError::NotNow));
    }
    let mut handshake = complete(&ANY, &upgrade("", ""));
    for status in [0, 99, 100, 101, 199, 1000] {
        assert_eq!(handshake.respond(status, &[], b"", &mut [0; 256]), Err(BuildError::Status));
    }
    let outcome = handshake.respond(404, &[], b"", &mut [0; 256]);
    assert!(outcome.is_ok(), "[6455-4.2.2-8] an unavailable resource is answered with 404");
    let refused = accepted(&mut handshake, &Accept::default());
    assert_eq!(refused, Err(BuildError::NotNow), "[6455-4.2.2-6] a refused request cannot be accepted");
}

#[test]
fn reason_phrase_follows_the_status() {
    for (status, reason) in [
        (200, "OK"),
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (408, "Request Timeout"),
        (414, "URI Too Long"),
        (418, ""),
        (426, "Upgrade Required"),
        (429, "Too Many Requests"),
        (431, "Request Header Fields Too Large"),
        (503, "Service Unavailable"),
        (505, "HTTP Version Not Supported"),
    ] {
        let mut handshake = complete(&ANY, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut out = [0; 256];
        let len = handshake.respond(status, &[], b"", &mut out).unwrap();
        let line = str::from_utf8(&out[..len]).unwrap().lines().next().unwrap();
        assert_eq!(line, format!("HTTP/1.1 {status} {}", if TEXTS { reason } else { "" }));
    }
}

#[test]
fn refuse_answers_each_invalid_request_with_its_status() {
    for (ids, request, outcome) in requests() {
        let Err(error) = outcome else { continue };
        let mut handshake = ServerHandshake::new(&ANY, [0; 512]);
        assert_eq!(handshake.receive(&mut request.clone().into_bytes()), Err(error), "[{ids}] {request:?}");
        assert_eq!(accepted(&mut handshake, &Accept::default()), Err(BuildError::NotNow));
        let mut out = [0; 256];
        let len = handshake.refuse(error, &mut out).unwrap();
        let answer = str::from_utf8(&out[..len]).unwrap();
        let line = format!("HTTP/1.1 {} ", error.status());
        assert!(answer.starts_with(&line), "[6455-4.2.1-1] [6455-10.7-4] the error's status: {answer}");
        assert!(answer.contains("\r\nConnection: close"), "{answer}");
        assert_eq!(
            answer.contains("\r\nSec-WebSocket-Version: 13\r\n"),
            matches!(error, Version | Upgrade),
            "[6455-4.2.2-7] the supported versions: {answer}"
        );
        assert_eq!(answer.contains("\r\nAllow: "), error == Method, "{answer}");
        let text = if TEXTS { format!("\r\n\r\n{error}") } else { "\r\nContent-Length: 0\r\n\r\n".into() };
        assert_eq!(answer.ends_with(&text), !TEXTS || !request.starts_with("HEAD"), "{answer}");
        // No byte after it is read.
        let mut next = upgrade("", "").into_bytes();
        assert_eq!(handshake.receive(&mut next), Err(error), "[6455-10.7-2] the connection can be dropped");
        assert!(handshake.request().is_none());
    }
}

/// A host can answer an incomplete request, and then reads no more of it.
#[test]
fn host_may_respond_before_the_head_is_complete() {
    let mut handshake = ServerHandshake::new(&ANY, [0; 512]);
    assert_eq!(handshake.receive(&mut b"GET / HT".clone()), Ok(Progress::Partial));
    assert_eq!(accepted(&mut handshake, &Accept::default()), Err(BuildError::NotNow));
    assert!(handshake.respond(408, &[], b"", &mut [0; 256]).is_ok());
    assert_eq!(handshake.receive(&mut b"TP".clone()), Ok(Progress::Complete { consumed: 0, rest: &mut b"TP".clone() }));
    assert!(handshake.request().is_none());
}

/// [6455-7.1.4-2] [6455-7.2.1-2]
#[test]
fn server_eof_is_an_error_inside_the_head_only() {
    let mut handshake = ServerHandshake::new(&ANY, [0; 512]);
    assert_eq!(handshake.receive(&mut b"GET / HT".clone()), Ok(Progress::Partial));
    assert_eq!(handshake.receive_eof(), Err(UnexpectedEof));
    assert_eq!(handshake.receive(&mut b"TP".clone()), Err(UnexpectedEof));
    assert_eq!(complete(&ANY, &upgrade("", "")).receive_eof(), Ok(()));
}
