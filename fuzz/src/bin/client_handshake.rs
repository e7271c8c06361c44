//! The opening handshake as a client: for any response, at any cut, with any storage and any limits, the result is that of a
//! naive client. The same for the response of a proxy to CONNECT.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use barews::handshake::parsed;
use barews::handshake::{ClientConfig, ClientHandshake, Progress, Tunnel};
use barews::{BuildError, HandshakeError};
use barews_fuzz::naive::{self, Asked, End, Head};
use barews_fuzz::{Bytes, Cuts, seen};

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    /// How many were requested.
    pub subprotocols: u8,
    pub extensions: u8,
    /// The limits. 0 means none.
    pub storage: u16,
    pub head_size: u16,
    pub headers: u8,
    pub cuts: Cuts,
    pub stream: Bytes<'a>,
}

const SUBPROTOCOLS: &[&str] = &["chat", "superchat"];
const EXTENSIONS: [&str; 3] = ["", "permessage-deflate; client_max_window_bits", "foo;a=1, permessage-deflate, bar"];
const KEEP: &[&str] = &["set-cookie", "x"];

/// How far a handshake got. `Complete` has the response, and the number of bytes after it.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Partial,
    Failed(HandshakeError),
    Complete(naive::Response, usize),
}

impl Input<'_> {
    pub fn check(&self) {
        let asked = Asked {
            subprotocols: &SUBPROTOCOLS[..usize::from(self.subprotocols) % 3],
            extensions: EXTENSIONS[usize::from(self.extensions) % 3],
        };
        let roomy = ClientConfig {
            subprotocols: asked.subprotocols,
            extensions: asked.extensions,
            keep: KEEP,
            max_head_size: usize::MAX,
            max_fields: usize::MAX,
            ..ClientConfig::DEFAULT
        };
        let stream = self.stream.0;
        let Naive { expected, heads, head_bytes } = naive_outcome(stream, asked);
        assert_eq!(self.connect(&roomy, stream.len() + 64), expected, "the result of a naive client");
        for head in &heads {
            parsed_elsewhere(&roomy, head, asked);
        }
        let (storage, naive) = (stream.len() + 64, naive_tunnel(stream));
        assert_eq!(tunnel(&roomy, storage, &[stream]), naive, "the result of a naive client of a proxy");
        assert_eq!(tunnel(&roomy, storage, &self.cuts.pieces(stream)), naive, "P4");
        assert_eq!(tunnel(&roomy, storage, &stream.chunks(1).collect::<Vec<_>>()), naive, "P4, byte by byte");

        let limit = |limit: usize| if limit == 0 { usize::MAX } else { limit };
        let limited = ClientConfig {
            max_head_size: limit(self.head_size.into()),
            max_fields: limit(self.headers.into()),
            ..roomy
        };
        let storage = if self.storage == 0 { stream.len() + 64 } else { self.storage.into() };
        let outcome = self.connect(&limited, storage);
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
            assert!(expected != Outcome::Partial || stream.len() <= limited.max_head_size);
        }
        if matches!(expected, Outcome::Complete(..)) {
            let fits = head_bytes <= limited.max_head_size
                && heads.iter().map(|head| head.fields.len()).sum::<usize>() <= limited.max_fields
                && heads.iter().all(|head| naive::need(head, ENGINE, KEEP) <= storage);
            assert_eq!(outcome == expected, fits, "a limit is exceeded if and only if the handshake fails for it");
        }
    }

    /// Returns the outcome, and checks that it is the same at any cut.
    fn connect(&self, config: &ClientConfig<'_>, storage: usize) -> Outcome {
        let whole = connect(config, storage, &[self.stream.0]);
        assert_eq!(connect(config, storage, &self.cuts.pieces(self.stream.0)), whole, "P4");
        assert_eq!(connect(config, storage, &self.stream.0.chunks(1).collect::<Vec<_>>()), whole, "P4, byte by byte");
        whole
    }
}

/// The fields that a client keeps.
const ENGINE: &[&str] = &[
    "upgrade",
    "connection",
    "sec-websocket-accept",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "sec-websocket-version",
    "location",
    "www-authenticate",
    "retry-after",
];

struct Naive<'w> {
    expected: Outcome,
    /// The final head, and those of interim responses before it.
    heads: Vec<Head<'w>>,
    head_bytes: usize,
}

/// RFC 9110 section 15.2: other 1xx responses come before the final one.
fn naive_outcome<'w>(stream: &'w [u8], asked: Asked<'_>) -> Naive<'w> {
    let (mut heads, mut head_bytes) = (Vec::new(), 0);
    let expected = loop {
        match naive::head(&stream[head_bytes..], |line| naive::status_line(line).map(|_| true)) {
            End::Partial => break Outcome::Partial,
            End::Broken(error) => break Outcome::Failed(error),
            End::Complete(head) => {
                head_bytes += head.len;
                let expected = naive::response(&head, asked);
                heads.push(head);
                match expected {
                    Ok(response) if (100..200).contains(&response.status) && response.status != 101 => {}
                    Ok(response) => break Outcome::Complete(response, stream.len() - head_bytes),
                    Err(error) => break Outcome::Failed(error),
                }
            }
        }
    };
    Naive { expected, heads, head_bytes }
}

fn connect(config: &ClientConfig<'_>, storage: usize, pieces: &[&[u8]]) -> Outcome {
    let mut handshake = ClientHandshake::new(config, naive::NONCE, vec![0; storage]);
    let mut unread = pieces.iter().map(|piece| piece.len()).sum::<usize>();
    for piece in pieces {
        let mut bytes = piece.to_vec();
        unread -= piece.len();
        match handshake.receive(&mut bytes) {
            Ok(Progress::Partial) => assert!(handshake.response().is_none()),
            Err(error) => {
                assert_eq!(handshake.receive(&mut b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), Err(error), "P5");
                assert_eq!(handshake.receive_eof(), Err(error), "P5");
                assert!(handshake.response().is_none());
                assert_eq!(handshake.connect(|| [0; 4], &Default::default()).err(), Some(BuildError::NotNow));
                return Outcome::Failed(error);
            }
            Ok(Progress::Complete { rest, .. }) => {
                assert!(piece.ends_with(rest), "the rest is the end of the input, unchanged");
                let after_head = unread + rest.len();
                let response = seen::response(handshake.response().expect("a complete response"));
                assert_eq!(handshake.status(), Some(response.status));
                let connection = handshake.connect(|| [0; 4], &Default::default());
                assert_eq!(connection.is_ok(), response.status == 101);
                assert_eq!(handshake.connect(|| [0; 4], &Default::default()).err(), Some(BuildError::NotNow), "once");
                return Outcome::Complete(response, after_head);
            }
        }
    }
    assert_eq!(handshake.receive_eof(), Err(HandshakeError::UnexpectedEof));
    assert_eq!(handshake.receive(&mut [b'x']), Err(HandshakeError::UnexpectedEof), "P5");
    Outcome::Partial
}

/// What a proxy's response leads to: the status, the challenges and the number of bytes after the head; `None` for an incomplete
/// response.
type Tunnelled = Result<Option<(u16, Vec<Vec<u8>>, usize)>, HandshakeError>;

/// RFC 9110 section 9.3.6: the head of the final response ends it, whatever its fields say.
fn naive_tunnel(stream: &[u8]) -> Tunnelled {
    let mut head_bytes = 0;
    loop {
        match naive::head(&stream[head_bytes..], |line| naive::status_line(line).map(|_| true)) {
            End::Partial => return Ok(None),
            End::Broken(error) => return Err(error),
            End::Complete(head) => {
                head_bytes += head.len;
                let (_, status) = naive::status_line(head.start_line)?;
                if !(100..200).contains(&status) || status == 101 {
                    let challenges =
                        head.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authenticate"));
                    let challenges = challenges.map(|(_, value)| value.to_vec()).collect();
                    return Ok(Some((status, challenges, stream.len() - head_bytes)));
                }
            }
        }
    }
}

fn tunnel(config: &ClientConfig<'_>, storage: usize, pieces: &[&[u8]]) -> Tunnelled {
    let mut tunnel = Tunnel::new(config, vec![0; storage]);
    let mut unread = pieces.iter().map(|piece| piece.len()).sum::<usize>();
    for piece in pieces {
        unread -= piece.len();
        let mut bytes = piece.to_vec();
        if let Progress::Complete { rest, .. } = tunnel.receive(&mut bytes)? {
            assert!(piece.ends_with(rest), "the rest is the end of the input, unchanged");
            let after_head = unread + rest.len();
            let status = tunnel.status().expect("a complete response");
            assert_eq!(tunnel.is_open(), (200..300).contains(&status));
            let challenges = tunnel.fields("Proxy-Authenticate").map(<[u8]>::to_vec).collect();
            return Ok(Some((status, challenges, after_head)));
        }
        assert!(!tunnel.is_open());
    }
    assert_eq!(tunnel.receive_eof(), Err(HandshakeError::UnexpectedEof));
    Ok(None)
}

/// Checks that the response gives the same result if its HTTP/1.1 is parsed elsewhere.
fn parsed_elsewhere(config: &ClientConfig<'_>, head: &Head<'_>, asked: Asked<'_>) {
    let Ok((1.., status)) = naive::status_line(head.start_line) else { return };
    let mut handshake = parsed::ClientHandshake::upgrade(config, naive::NONCE, vec![0; head.len + 64]);
    let outcome = handshake.receive(status, head.fields.iter().map(|(name, value)| (name, value)));
    let response = handshake.response().map(seen::response);
    match naive::response(head, asked) {
        Ok(expected) if (100..200).contains(&status) && status != 101 => {
            assert_eq!((outcome, response), (Ok(()), None), "{expected:?} is ignored");
        }
        Ok(expected) => assert_eq!((outcome, response), (Ok(()), Some(expected))),
        Err(error) => assert_eq!((outcome, response), (Err(error), None)),
    }
    assert_eq!(handshake.status(), Some(status));
    let opens = outcome.is_ok() && status == 101;
    assert_eq!(handshake.connect(|| [0; 4], &Default::default()).is_ok(), opens);
}

barews_fuzz::target!(|input: Input<'_>| input.check());
