//! The opening handshake, up to a connection: a server with a browser's request, a client with the response to its own
//! request.
//!
//! Fewer checks take less time. So each contender first gets invalid requests and responses, and the table marks those that
//! accept them.

use super::Bench;
use crate::options::Options;
use crate::report::{Kind, Report};
use crate::stream::Size;
use barews::handshake::accept_key;
use peers::{FIXED, HEAD, PEERS, Peer, Respond, Role, Session, Socket};

pub const TABLE: &str = "opening handshake";
pub const SERVER: &str = "server";
pub const CLIENT: &str = "client";
pub const OTHER_SIDE: &str = "the other side's work";

/// Handshakes in a pass.
const PASS: usize = 100;

const REQUEST: &str = "GET /chat?room=7 HTTP/1.1\r\n\
    Host: example.com\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n\
    Upgrade: websocket\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate\r\n\
    Accept-Language: en-GB,en;q=0.7,ko;q=0.3\r\n\
    Cookie: theme=dark; session=31d4d96e407aad42-c0ffee\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

/// Invalid requests: the fault, the text replaced in the valid request, and its replacement (RFC 6455 section 4.2.1, RFC
/// 9112).
const BAD_REQUESTS: [(&str, &str, &str); 11] = [
    ("method", "GET", "POST"),
    ("HTTP version", "HTTP/1.1", "HTTP/1.0"),
    ("Host missing", "Host: example.com\r\n", ""),
    ("Upgrade missing", "Upgrade: websocket\r\n", ""),
    ("Connection", "keep-alive, Upgrade", "keep-alive"),
    ("version missing", "Sec-WebSocket-Version: 13\r\n", ""),
    ("version", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
    ("key missing", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
    ("key too short", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="),
    ("header syntax", "Pragma: no-cache", "Pragma : no-cache"),
    ("foreign Origin", "Origin: http://example.com", "Origin: http://example.org"),
];

const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: {}\r\n\
    Date: Mon, 23 Nov 2026 00:00:00 GMT\r\n\
    Server: example\r\n\r\n";

/// Invalid responses (RFC 6455 section 4.1).
const BAD_RESPONSES: [(&str, Respond); 7] = [
    ("status", |request| respond(request, "101 Switching Protocols", "200 OK")),
    ("Upgrade missing", |request| respond(request, "Upgrade: websocket\r\n", "")),
    ("Connection missing", |request| respond(request, "Connection: Upgrade\r\n", "")),
    ("accept missing", |request| respond(request, "Sec-WebSocket-Accept: {}\r\n", "")),
    ("accept", |request| respond(request, "{}", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
    ("subprotocol", |request| respond(request, "Server: example", "Sec-WebSocket-Protocol: chat")),
    ("extension", |request| respond(request, "Server: example", "Sec-WebSocket-Extensions: x")),
];

pub fn run(options: &Options, report: &mut Report) {
    let good = |request: &[u8]| respond(request, "", "");
    serve(options, report, Role::Server, |peer| peer.accept, || Socket::new(REQUEST.as_bytes().into(), usize::MAX, 0));
    serve(options, report, Role::Client, |peer| peer.connect, move || Socket::responding(good));
}

type Handshake = fn(&mut Socket) -> bool;

fn serve(
    options: &Options,
    report: &mut Report,
    role: Role,
    handshake: impl Fn(&Peer) -> Option<Handshake>,
    socket: impl Fn() -> Socket,
) {
    let name = if role == Role::Server { SERVER } else { CLIENT };
    let Some(mut bench) = Bench::new(options, TABLE, name) else { return };
    let peers = PEERS.iter().filter_map(|peer| Some((peer, handshake(peer)?)));
    let accepted: Vec<_> = peers.map(|(peer, handshake)| (peer, handshake, accepts(role, handshake))).collect();
    let own = accepted.iter().find(|(peer, ..)| peer.is_barews()).map_or(&[][..], |(_, _, accepts)| accepts).to_vec();
    for (peer, handshake, accepts) in &accepted {
        // The origin is a policy that most peers leave to the application, and no peer checks all of the rest.
        let more = accepts.iter().filter(|what| !own.contains(what) && **what != "foreign Origin").count();
        let lesser = more > 1;
        let kind = match peer {
            peer if peer.is_barews() => Kind::Barews,
            _ if lesser => Kind::LesserPeer,
            _ => Kind::Peer,
        };
        report.note(&format!("{name} handshake, {}", peer.name), &format!("accepts {}", list(accepts)));
        add(&mut bench, peer.name, kind, *handshake, &socket);
    }
    if role == Role::Client {
        add(&mut bench, OTHER_SIDE, Kind::Limit, ask, &socket);
    }
    bench.run(report, Size::Bytes(1024), PASS * REQUEST.len(), PASS as u64);
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "nothing bad".into() } else { format!("bad: {}", names.join(", ")) }
}

fn add(bench: &mut Bench<'_>, name: &str, kind: Kind, handshake: Handshake, socket: &impl Fn() -> Socket) {
    let make = |_, _| {
        let mut socket = socket();
        let output = socket.output();
        let session: Session = Box::new(move || {
            for _ in 0..PASS {
                assert!(handshake(&mut socket), "the handshake succeeds");
                socket.restart();
            }
        });
        (session, output)
    };
    bench.add((name, kind, false), FIXED, &make, &|done| {
        let is_response = done.written.starts_with(b"HTTP/1.1 101 ");
        let is_request = done.written.starts_with(b"GET /chat HTTP/1.1\r\n");
        let text = String::from_utf8_lossy(&done.written);
        let key = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        let times = if is_response { text.matches(key).count() } else { text.matches("GET /chat").count() };
        match times {
            PASS if is_response || is_request => Ok(()),
            _ => Err(format!("{times} handshakes: {}", text.get(..400).unwrap_or(&text))),
        }
    });
}

/// Returns the faults of the invalid inputs that a peer accepts.
fn accepts(role: Role, handshake: Handshake) -> Vec<&'static str> {
    let requests = BAD_REQUESTS.iter().map(|(what, good, bad)| {
        assert!(REQUEST.contains(good), "{what}");
        (*what, Socket::new(REQUEST.replacen(good, bad, 1).into_bytes().into(), usize::MAX, 0))
    });
    let responses = BAD_RESPONSES.iter().map(|(what, respond)| (*what, Socket::responding(*respond)));
    let sockets: Vec<_> = if role == Role::Server { requests.collect() } else { responses.collect() };
    sockets.into_iter().filter_map(|(what, mut socket)| handshake(&mut socket).then_some(what)).collect()
}

fn respond(request: &[u8], good: &str, bad: &str) -> Vec<u8> {
    const KEY: &[u8] = b"Sec-WebSocket-Key: ";
    let at = request.windows(KEY.len()).position(|window| window.eq_ignore_ascii_case(KEY)).expect("a key");
    let key = accept_key(&request[at + KEY.len()..][..24]).expect("16 bytes in base64");
    RESPONSE.replacen(good, bad, 1).replace("{}", str::from_utf8(&key).expect("base64")).into()
}

/// The cost of the other side alone: a known request.
fn ask(socket: &mut Socket) -> bool {
    let mut buffer = [0; HEAD];
    socket.write(b"GET /chat HTTP/1.1\r\nHost: example.com\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    socket.read(&mut buffer).is_some()
}
