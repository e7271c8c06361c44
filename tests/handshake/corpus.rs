//! The corpus in `tests/data/handshakes`: requests and responses of real software, and handwritten ones, each at every cut.

use std::fs;
use std::path::Path;

use barews::HandshakeError;
use barews::handshake::{Accept, ClientConfig, ClientHandshake, Progress, ServerHandshake, accept_key};

use crate::{ANY, KEY, NONCE};

pub(super) fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

pub(super) fn bytes(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/handshakes");
    fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Returns the contents of a column, or `None` if the row has none.
pub(super) fn value(text: &str) -> Option<&str> {
    (text != "-").then_some(text)
}

/// A server's result for a request: outcome, status, error, accept value, target, subprotocols, number of bytes after the head.
type Served = (&'static str, u16, Option<HandshakeError>, String, String, String, usize);

fn serve(stream: &[u8], cut: usize) -> Served {
    let mut handshake = ServerHandshake::new(&ANY, [0; 1024]);
    let mut out = [0; 1024];
    let mut after_head = 0;
    for piece in [&stream[..cut], &stream[cut..]] {
        if after_head > 0 {
            after_head += piece.len();
            continue;
        }
        match handshake.receive(&mut piece.to_vec()) {
            Ok(Progress::Partial) => {}
            Ok(Progress::Complete { rest, .. }) => after_head = rest.len(),
            Err(error) => {
                let len = handshake.refuse(error, &mut out).unwrap();
                let head = String::from_utf8(out[..len].to_vec()).unwrap();
                assert!(head.contains("\r\nConnection: close"), "{head}");
                if error.status() == 426 {
                    assert!(head.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{head}");
                }
                let none = String::new();
                return ("error", head[9..12].parse().unwrap(), Some(error), none.clone(), none.clone(), none, 0);
            }
        }
    }
    let request = handshake.request().expect("the request is complete");
    let target = request.target().to_owned();
    let offers: Vec<_> = request.subprotocols().collect();
    let offers = offers.join(",");
    if !request.is_upgrade() {
        return ("plain", 200, None, String::new(), target, offers, after_head);
    }
    let len = handshake.accept(&Accept::default(), &mut out).unwrap();
    let head = String::from_utf8(out[..len].to_vec()).unwrap();
    let accept = head.split("Sec-WebSocket-Accept: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    ("upgrade", 101, None, accept, target, offers, after_head)
}

/// [6455-4.2.1-1] [6455-4.2.2-17]
#[test]
fn requests_of_real_software_give_the_recorded_result() {
    let mut count = 0;
    for row in rows(include_str!("../data/handshakes/requests.tsv")) {
        let [file, outcome, status, error, _key, accept, target, subprotocols, rest, _from] = row[..] else {
            panic!("{row:?}")
        };
        let stream = bytes(file);
        let whole = serve(&stream, stream.len());
        assert_eq!(whole.0, outcome, "{file}: {whole:?}");
        let status = value(status).filter(|_| outcome != "plain");
        assert!(status.is_none_or(|status| status == whole.1.to_string()), "{file}: {whole:?}");
        assert!(
            value(error).is_none_or(|error| Some(error) == whole.2.map(|e| format!("{e:?}")).as_deref()),
            "{file}: {whole:?}"
        );
        assert!(value(accept).is_none_or(|accept| accept == whole.3), "{file}: {whole:?}");
        assert!(value(target).is_none_or(|target| outcome == "error" || target == whole.4), "{file}: {whole:?}");
        if outcome == "upgrade" {
            assert_eq!(whole.5, value(subprotocols).unwrap_or_default(), "{file}");
        }
        assert!(value(rest).is_none_or(|rest| outcome == "error" || rest == whole.6.to_string()), "{file}: {whole:?}");
        for cut in 0..stream.len() - whole.6 {
            assert_eq!(serve(&stream, cut), whole, "{file} cut at {cut}");
        }
        count += 1;
    }
    assert!(count >= 80, "{count} requests");
}

/// A client's result for a response: outcome, status, error, subprotocol, extensions, number of bytes after the head.
type Answered = (&'static str, u16, Option<HandshakeError>, Option<String>, Vec<String>, usize);

fn answer(config: &ClientConfig<'_>, stream: &[u8], cut: usize) -> Option<Answered> {
    let mut handshake = ClientHandshake::new(config, NONCE, [0; 1024]);
    let mut after_head = None;
    for piece in [&stream[..cut], &stream[cut..]] {
        match (handshake.receive(&mut piece.to_vec()), after_head) {
            (Err(error), _) => return Some(("error", 0, Some(error), None, Vec::new(), 0)),
            (Ok(Progress::Partial), _) => {}
            (Ok(Progress::Complete { rest, .. }), before) => after_head = Some(before.unwrap_or(0) + rest.len()),
        }
    }
    let Some(response) = handshake.response() else {
        let error = handshake.receive_eof().unwrap_err();
        return Some(("error", 0, Some(error), None, Vec::new(), 0));
    };
    let outcome = if response.is_accepted() { "open" } else { "refused" };
    let extensions = response.extensions().map(|extension| extension.name().to_owned()).collect();
    Some((outcome, response.status(), None, response.subprotocol().map(String::from), extensions, after_head?))
}

/// [6455-4.1-34] [6455-4.1-35] [6455-4.1-43]
#[test]
fn responses_of_real_software_give_the_recorded_result() {
    let mut count = 0;
    for row in rows(include_str!("../data/handshakes/responses.tsv")) {
        let [file, outcome, status, error, key, subprotocols, extensions, subprotocol, chosen, rest, _from] = row[..]
        else {
            panic!("{row:?}")
        };
        assert_eq!(key, KEY, "{file}: the key belongs to the nonce of this test");
        let offers: Vec<_> = value(subprotocols).map_or(Vec::new(), |list| list.split(", ").collect());
        let config = ClientConfig {
            subprotocols: &offers,
            extensions: value(extensions).unwrap_or_default(),
            ..ClientConfig::DEFAULT
        };
        let stream = bytes(file);
        let whole = answer(&config, &stream, stream.len()).unwrap();
        assert_eq!(whole.0, outcome, "{file}: {whole:?}");
        if outcome != "error" {
            assert_eq!(whole.1.to_string(), status, "{file}");
        }
        assert!(
            value(error).is_none_or(|error| Some(error) == whole.2.map(|e| format!("{e:?}")).as_deref()),
            "{file}: {whole:?}"
        );
        if outcome == "open" {
            assert_eq!(whole.3.as_deref(), value(subprotocol), "{file}");
            let names = |list: &str| -> Vec<_> {
                list.split(',').map(|e| e.split(';').next().unwrap().trim().to_owned()).collect()
            };
            assert_eq!(whole.4, value(chosen).map_or(Vec::new(), names), "{file}");
            assert_eq!(whole.5.to_string(), rest, "{file}");
        }
        for cut in 0..stream.len() {
            assert_eq!(answer(&config, &stream, cut).unwrap(), whole, "{file} cut at {cut}");
        }
        count += 1;
    }
    assert!(count >= 40, "{count} responses");
}

/// [6455-4.2.2-17]
#[test]
fn accept_key_returns_the_recorded_values() {
    for row in rows(include_str!("../data/rfc6455/keys.tsv")) {
        assert_eq!(
            accept_key(row[0].as_bytes()).as_ref().map(|accept| &accept[..]),
            Some(row[1].as_bytes()),
            "{row:?}"
        );
    }
}

/// The response to the request in RFC 6455 section 1.3 is that of the RFC, byte for byte.
#[test]
fn rfc_example_request_gets_the_rfc_example_response() {
    let request = include_bytes!("../data/rfc6455/handshake.req");
    let config = barews::handshake::ServerConfig { subprotocols: &["chat"], ..ANY };
    let mut handshake = ServerHandshake::new(&config, [0; 512]);
    assert!(matches!(handshake.receive(&mut request.to_vec()), Ok(Progress::Complete { .. })));
    let mut out = [0; 512];
    let len = handshake.accept(&Accept::default(), &mut out).unwrap();
    assert_eq!(String::from_utf8_lossy(&out[..len]), include_str!("../data/rfc6455/handshake.resp"));
}
