//! Compares the heads of requests and responses with httparse, whose fields the naive handshake validates.

use super::Known;
use barews::HandshakeError;
use barews::handshake::{ClientConfig, ClientHandshake, OriginPolicy, Progress, ServerConfig, ServerHandshake};
use barews_fuzz::naive::{self, Asked, Head, Origins, TrimBlank};
use barews_fuzz::{Bytes, seen};
use std::fmt::Debug;

/// The result of a handshake: an error, `None` while bytes are missing, or what was seen and the number of bytes after it.
type Outcome<T> = Result<Option<(T, usize)>, HandshakeError>;

/// The differences of httparse.
pub const KNOWN: [Known<Heads>; 4] = [
    Known {
        difference: "a line can end with LF alone",
        rule: "RFC 9112 2.2: the line terminator is CRLF; a recipient MAY recognize a single LF",
        applies: |heads| heads.ours == Err(HandshakeError::LineEnding) && heads.has_bare_lf(),
    },
    Known {
        difference: "only 1.0 and 1.1 of HTTP/1.x are accepted",
        rule: "RFC 9110 2.5: a higher minor version is processed as the highest one that the recipient conforms to",
        applies: |heads| {
            heads.ours.is_ok() && heads.theirs == Err(httparse::Error::Version) && heads.has_later_version()
        },
    },
    Known {
        difference: "a start line is refused at its first invalid byte",
        rule: "RFC 9112 3: an invalid request-line is answered, so it is validated when it is complete",
        applies: |heads| {
            heads.ours == Ok(false)
                && heads.theirs.is_err()
                && !heads.stream[heads.at..].trim_ascii_start().contains(&b'\n')
        },
    },
    Known {
        difference: "a start line is only split into parts",
        rule: "RFC 6455 4.1, 4.2.1: method, target, version and status must be valid, whatever follows",
        applies: |heads| heads.ours.is_err_and(is_of_start_line) && heads.theirs == Ok(false),
    },
];

/// A head with different results: whether it is complete, or the error.
pub struct Heads {
    stream: Vec<u8>,
    /// The start of the last head, after interim responses.
    at: usize,
    ours: Result<bool, HandshakeError>,
    theirs: Result<bool, httparse::Error>,
}

impl Heads {
    fn has_later_version(&self) -> bool {
        self.stream.windows(8).any(|word| word.starts_with(b"HTTP/1.") && (b'2'..=b'9').contains(&word[7]))
    }

    fn has_bare_lf(&self) -> bool {
        self.stream.starts_with(b"\n") || self.stream.windows(2).any(|pair| pair[0] != b'\r' && pair[1] == b'\n')
    }
}

fn is_of_start_line(error: HandshakeError) -> bool {
    use HandshakeError::{HttpVersion, Method, StartLine, Target};
    matches!(error, StartLine | Method | Target | HttpVersion)
}

/// Checks that both refuse a head, or both see the same in it, or the difference is known.
fn compare<T: PartialEq + Debug>(
    stream: &[u8],
    at: usize,
    ours: Outcome<T>,
    theirs: Result<Outcome<T>, httparse::Error>,
) {
    let agrees = match &theirs {
        Ok(theirs) => ours == *theirs,
        Err(_) => ours.is_err(),
    };
    let heads = Heads {
        stream: stream.to_vec(),
        at,
        ours: ours.as_ref().map(Option::is_some).map_err(|error| *error),
        theirs: theirs.as_ref().map(|theirs| !matches!(theirs, Ok(None))).map_err(|error| *error),
    };
    let known = KNOWN.iter().any(|known| (known.applies)(&heads));
    assert!(agrees || known, "{:?}: {ours:?} instead of {theirs:?}", Bytes(stream));
}

pub fn request(stream: &[u8]) {
    let config = ServerConfig {
        max_head_size: usize::MAX,
        max_fields: usize::MAX,
        ..ServerConfig::new(OriginPolicy::SameOrigin)
    };
    let mut handshake = ServerHandshake::new(&config, vec![0; stream.len() + 64]);
    let mut bytes = stream.to_vec();
    let ours = match handshake.receive(&mut bytes) {
        Ok(Progress::Partial) => Ok(None),
        Err(error) => Err(error),
        Ok(Progress::Complete { rest, .. }) => {
            let after_head = rest.len();
            Ok(Some((seen::request(handshake.request().unwrap()), after_head)))
        }
    };
    let mut slots = vec![httparse::EMPTY_HEADER; stream.len() / 3];
    let mut parsed = httparse::Request::new(&mut slots);
    let theirs = parsed.parse(stream).map(|status| match status {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(len) => {
            let (method, path, version) = (parsed.method.unwrap(), parsed.path.unwrap(), parsed.version.unwrap());
            let line = format!("{method} {path} HTTP/1.{version}");
            let head = head(line.as_bytes(), parsed.headers, len);
            naive::request(&head, Origins::Same).map(|request| Some((request, stream.len() - len)))
        }
    });
    compare(stream, 0, ours, theirs);
}

pub fn response(stream: &[u8]) {
    let asked = Asked { subprotocols: &["chat"], extensions: "permessage-deflate" };
    let config = ClientConfig {
        subprotocols: asked.subprotocols,
        extensions: asked.extensions,
        max_head_size: usize::MAX,
        max_fields: usize::MAX,
        ..ClientConfig::DEFAULT
    };
    let mut handshake = ClientHandshake::new(&config, naive::NONCE, vec![0; stream.len() + 64]);
    let mut bytes = stream.to_vec();
    let ours = match handshake.receive(&mut bytes) {
        Ok(Progress::Partial) => Ok(None),
        Err(error) => Err(error),
        Ok(Progress::Complete { rest, .. }) => {
            let after_head = rest.len();
            Ok(Some((seen::response(handshake.response().unwrap()), after_head)))
        }
    };
    let mut at = 0;
    let theirs = loop {
        let mut slots = vec![httparse::EMPTY_HEADER; stream.len() / 3];
        let mut parsed = httparse::Response::new(&mut slots);
        match parsed.parse(&stream[at..]) {
            Err(error) => break Err(error),
            Ok(httparse::Status::Partial) => break Ok(Ok(None)),
            Ok(httparse::Status::Complete(len)) => {
                let line = format!("HTTP/1.{} {:03} x", parsed.version.unwrap(), parsed.code.unwrap());
                match naive::response(&head(line.as_bytes(), parsed.headers, len), asked) {
                    Ok(response) if (100..200).contains(&response.status) && response.status != 101 => at += len,
                    expected => break Ok(expected.map(|response| Some((response, stream.len() - at - len)))),
                }
            }
        }
    };
    compare(stream, at, ours, theirs);
}

/// Converts the fields of httparse for the naive handshake.
fn head<'h>(start_line: &'h [u8], headers: &'h [httparse::Header<'_>], len: usize) -> Head<'h> {
    let field = |field: &'h httparse::Header<'_>| (field.name.to_ascii_lowercase(), field.value.trim_blank());
    Head { start_line, fields: headers.iter().map(field).collect(), raw: vec![], len }
}
