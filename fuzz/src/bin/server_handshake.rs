//! The opening handshake as a server: for any request, at any cut, with any storage and any limits, the result is that of a
//! naive server, and the request can be answered.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use barews::handshake::parsed::{self, Start};
use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};
use barews::{BuildError, HandshakeError};
use barews_fuzz::naive::{self, End, Head, Origins};
use barews_fuzz::seen::{self, KEEP};
use barews_fuzz::{Bytes, Cuts};

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    pub origins: u8,
    pub keep: u8,
    /// The limits. 0 means none.
    pub storage: u16,
    pub head_size: u16,
    pub headers: u8,
    pub cuts: Cuts,
    pub stream: Bytes<'a>,
}

const SUBPROTOCOLS: &[&str] = &["superchat", "chat"];
const ORIGINS: &[&str] = &["https://example.com", "http://localhost:8080", "null"];

/// How far a handshake got. `Complete` has the request, and the number of bytes after it.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Partial,
    Failed(HandshakeError),
    Complete(naive::Request, usize),
}

impl Input<'_> {
    pub fn check(&self) {
        let (policy, origins) = match self.origins % 4 {
            0 => (OriginPolicy::Any, Origins::Any),
            1 => (OriginPolicy::SameOrigin, Origins::Same),
            2 => (OriginPolicy::List(ORIGINS), Origins::List(ORIGINS)),
            _ => (OriginPolicy::SameOriginOr(ORIGINS), Origins::SameOr(ORIGINS)),
        };
        let keep = &KEEP[..usize::from(self.keep) % (KEEP.len() + 1)];
        let roomy = ServerConfig {
            subprotocols: SUBPROTOCOLS,
            keep,
            max_head_size: usize::MAX,
            max_fields: usize::MAX,
            ..ServerConfig::new(policy)
        };
        let stream = self.stream.0;
        let head = naive::head(stream, start_line);
        let expected = match &head {
            End::Partial => Outcome::Partial,
            End::Broken(error) => Outcome::Failed(*error),
            End::Complete(head) => match naive::request(head, origins) {
                Ok(request) => Outcome::Complete(request, stream.len() - head.len),
                Err(error) => Outcome::Failed(error),
            },
        };
        assert_eq!(self.serve(&roomy, stream.len() + 64), expected, "the result of a naive server");
        if let End::Complete(head) = &head {
            parsed_elsewhere(&roomy, head, &expected);
        }

        let limit = |limit: usize| if limit == 0 { usize::MAX } else { limit };
        let limited = ServerConfig {
            max_head_size: limit(self.head_size.into()),
            max_fields: limit(self.headers.into()),
            ..roomy
        };
        let storage = if self.storage == 0 { stream.len() + 64 } else { self.storage.into() };
        let outcome = self.serve(&limited, storage);
        if let Outcome::Failed(error) = outcome
            && outcome != expected
        {
            let exceeded = match error {
                HandshakeError::StartLineTooLong => stream.len() > limited.max_head_size || stream.len() + 64 > storage,
                HandshakeError::HeadTooLarge => stream.len() > limited.max_head_size,
                HandshakeError::TooManyFields => stream.iter().filter(|b| **b == b':').count() > limited.max_fields,
                HandshakeError::StorageFull => stream.len() + 64 > storage,
                _ => false,
            };
            assert!(exceeded, "{error:?}, but its limit is not exceeded");
        } else {
            assert_eq!(outcome, expected);
            assert!(!matches!(head, End::Partial) || stream.len() <= limited.max_head_size);
        }
        if let End::Complete(head) = &head {
            let fits = head.len <= limited.max_head_size
                && head.fields.len() <= limited.max_fields
                && naive::need(head, ENGINE, keep) <= storage;
            let is_limit = matches!(
                outcome,
                Outcome::Failed(
                    HandshakeError::StartLineTooLong
                        | HandshakeError::HeadTooLarge
                        | HandshakeError::TooManyFields
                        | HandshakeError::StorageFull
                )
            );
            assert_eq!(is_limit, !fits, "a limit is exceeded if and only if the handshake fails for it");
        }
    }

    /// Returns the outcome, and checks that it is the same at any cut.
    fn serve(&self, config: &ServerConfig<'_>, storage: usize) -> Outcome {
        let whole = serve(config, storage, &[self.stream.0]);
        assert_eq!(serve(config, storage, &self.cuts.pieces(self.stream.0)), whole, "P4");
        assert_eq!(serve(config, storage, &self.stream.0.chunks(1).collect::<Vec<_>>()), whole, "P4, byte by byte");
        whole
    }
}

/// Checks that the request gives the same result if its HTTP/1.1 is parsed elsewhere, and as the equivalent extended
/// CONNECT of HTTP/2.
fn parsed_elsewhere(config: &ServerConfig<'_>, head: &Head<'_>, expected: &Outcome) {
    let line = std::str::from_utf8(head.start_line).expect("a validated request line");
    let [method, target, version] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let minor_version = version.as_bytes()[version.len() - 1] - b'0';
    let outcome = |start: &Start<'_>, fields: &[&(String, &[u8])]| {
        let storage = vec![0; head.len + 256];
        let fields = fields.iter().map(|(name, value)| (name, value));
        let mut handshake = parsed::ServerHandshake::new(config, storage, start, fields);
        let (outcome, upgrade) = match handshake.request() {
            Ok(request) => (Ok(seen::request(request)), request.is_upgrade()),
            Err(error) => (Err(error), false),
        };
        assert_eq!(handshake.accept(&Accept::default(), &Default::default()).is_ok(), upgrade);
        outcome
    };
    let fields: Vec<_> = head.fields.iter().collect();
    match (outcome(&Start::Upgrade { method, target, minor_version }, &fields), expected) {
        (Ok(request), Outcome::Complete(expected, _)) => assert_eq!(request, *expected),
        (Err(error), Outcome::Failed(expected)) => assert_eq!(error, *expected),
        (outcome, _) => panic!("{outcome:?}, but over bytes {expected:?}"),
    }

    if let Outcome::Complete(expected, _) = expected
        && expected.upgrade
        && target.starts_with('/')
    {
        let of_hop = ["connection", "upgrade", "sec-websocket-key", "host"];
        let (_, fields): (Vec<_>, Vec<_>) = head.fields.iter().partition(|(name, _)| of_hop.contains(&name.as_str()));
        let (authority, path) = (&expected.host, target);
        let start =
            Start::ExtendedConnect { method: "CONNECT", protocol: "websocket", scheme: "https", authority, path };
        match outcome(&start, &fields) {
            Ok(request) => assert_eq!(request, *expected),
            Err(error) => {
                let hop = fields.iter().any(|(name, _)| ["keep-alive", "proxy-connection"].contains(&name.as_str()));
                assert!(hop && error == HandshakeError::Connection, "{error:?}, but over bytes {expected:?}");
            }
        }
    }
}

/// RFC 9112 section 2.2: empty lines before the request line are ignored.
fn start_line(line: &[u8]) -> Result<bool, HandshakeError> {
    if line.is_empty() { Ok(false) } else { naive::request_line(line).map(|_| true) }
}

/// The fields that a server keeps.
const ENGINE: &[&str] = &[
    "host",
    "upgrade",
    "connection",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "origin",
    "content-length",
    "transfer-encoding",
];

fn serve(config: &ServerConfig<'_>, storage: usize, pieces: &[&[u8]]) -> Outcome {
    let mut handshake = ServerHandshake::new(config, vec![0; storage]);
    let mut unread = pieces.iter().map(|piece| piece.len()).sum::<usize>();
    for piece in pieces {
        let mut bytes = piece.to_vec();
        unread -= piece.len();
        match handshake.receive(&mut bytes) {
            Ok(Progress::Partial) => assert!(handshake.request().is_none()),
            Err(error) => {
                assert_eq!(handshake.receive(&mut b"GET / HTTP/1.1\r\n\r\n".to_vec()), Err(error), "P5");
                assert_eq!(handshake.receive_eof(), Err(error), "P5");
                assert!(handshake.request().is_none());
                let mut out = [0; 512];
                let refused = handshake.accept(&Accept::default(), &mut out);
                assert_eq!(refused.err(), Some(BuildError::NotNow), "a refused request cannot be accepted");
                let len = handshake.refuse(error, &mut out).expect("an error can be answered");
                assert_eq!(status(&out[..len]), error.status());
                return Outcome::Failed(error);
            }
            Ok(Progress::Complete { rest, .. }) => {
                assert!(piece.ends_with(rest), "the rest is the end of the input, unchanged");
                let after_head = unread + rest.len();
                let request = seen::request(handshake.request().expect("a complete request"));
                answer(&mut handshake, request.upgrade);
                return Outcome::Complete(request, after_head);
            }
        }
    }
    assert_eq!(handshake.receive_eof(), Err(HandshakeError::UnexpectedEof));
    assert_eq!(handshake.receive(&mut [b'x']), Err(HandshakeError::UnexpectedEof), "P5");
    Outcome::Partial
}

/// An upgrade can be accepted once, a request for a page cannot; both can be answered once.
fn answer(handshake: &mut ServerHandshake<'_, Vec<u8>>, upgrade: bool) {
    let mut out = [0; 1024];
    let accepted = handshake.accept(&Accept::default(), &mut out);
    match accepted {
        Ok(len) => assert!(upgrade && status(&out[..len]) == 101),
        Err(error) => {
            assert!(!upgrade && error == BuildError::NotNow, "{error:?}");
            let len = handshake.respond(404, &[], b"", &mut out).expect("a page can be answered");
            assert_eq!(status(&out[..len]), 404);
        }
    }
    assert_eq!(handshake.respond(503, &[], b"", &mut out), Err(BuildError::NotNow), "one answer");
    let again = handshake.accept(&Accept::default(), &mut out);
    assert_eq!(again.err(), Some(BuildError::NotNow), "one answer");
}

/// Returns the status of a response, whose head must be complete.
fn status(response: &[u8]) -> u16 {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut parsed = httparse::Response::new(&mut headers);
    let head = parsed.parse(response).expect("a response").is_complete();
    assert!(head, "a whole response");
    parsed.code.expect("a status")
}

barews_fuzz::target!(|input: Input<'_>| input.check());
