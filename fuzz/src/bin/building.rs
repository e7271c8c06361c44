//! Building handshakes: a message that is built has exactly the expected lines, is understood by the other side and by
//! httparse, and has the reported size. A message that cannot be built is refused with the error of a naive check.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::{Arbitrary, Unstructured};
use barews::BuildError as E;
use barews::handshake::{
    Accept, ClientConfig, ClientHandshake, ClientRequest, OriginPolicy, Progress, Request, Response,
};
use barews::handshake::{ServerConfig, ServerHandshake, Subprotocol, Uri};
use barews_fuzz::naive::{self, TrimBlank};
use barews_fuzz::{Bytes, Cuts};

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    pub uri: &'a str,
    pub subprotocols: Vec<Name>,
    pub extensions: Offers,
    pub origin: Option<Value>,
    pub fields: Vec<(Name, Value)>,
    pub cuts: Cuts,

    /// The server's own subprotocols, and its choice.
    pub ours: Vec<Name>,
    pub choice: Choice,
    pub chosen: Offers,
    pub answer_fields: Vec<(Name, Value)>,

    /// The answer to a request for a page.
    pub head: bool,
    pub status: u16,
    pub body: Bytes<'a>,
}

#[derive(Debug, Arbitrary)]
pub enum Choice {
    Preferred,
    Offered(u8),
    Named(Name),
    None,
}

/// A token in most cases.
#[derive(Debug)]
pub struct Name(String);

/// Visible ASCII in most cases.
#[derive(Debug)]
pub struct Value(String);

/// A list of extensions in most cases.
#[derive(Debug)]
pub struct Offers(String);

const NAMES: [&str; 8] = ["chat", "superchat", "x", "Cookie", "foo", "permessage-deflate", "Host", "Sec-WebSocket-Key"];

impl<'a> Arbitrary<'a> for Name {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        const TOKEN: &[u8] = b"abcxyzABCXYZ0189!#$%&'*+-.^_`|~";
        Ok(Self(match u8::arbitrary(u)? {
            n @ 0..160 => NAMES[usize::from(n) % NAMES.len()].to_owned(),
            160..240 => {
                let bytes = <&[u8]>::arbitrary(u)?;
                bytes.iter().map(|byte| char::from(TOKEN[usize::from(*byte) % TOKEN.len()])).collect()
            }
            _ => <&str>::arbitrary(u)?.to_owned(),
        }))
    }
}

impl<'a> Arbitrary<'a> for Value {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self(match u8::arbitrary(u)? {
            0..200 => <&[u8]>::arbitrary(u)?.iter().map(|byte| char::from(b' ' + byte % 95)).collect(),
            _ => <&str>::arbitrary(u)?.to_owned(),
        }))
    }
}

impl<'a> Arbitrary<'a> for Offers {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        if u8::arbitrary(u)? >= 200 {
            return Ok(Self(<&str>::arbitrary(u)?.to_owned()));
        }
        let offers = Vec::<(Name, Vec<(Name, Option<Name>, bool)>)>::arbitrary(u)?;
        let param = |(name, value, quoted): &(Name, Option<Name>, bool)| match (value, quoted) {
            (None, _) => format!("; {}", name.0),
            (Some(value), false) => format!(";{}={}", name.0, value.0),
            (Some(value), true) => format!(" ; {} = \"{}\"", name.0, value.0),
        };
        let offer = |(name, params): &(Name, Vec<_>)| name.0.clone() + &params.iter().map(param).collect::<String>();
        Ok(Self(offers.iter().map(offer).collect::<Vec<_>>().join(", ")))
    }
}

/// A field of a message: name and value.
type Field<'f> = (&'f str, &'f str);

fn pairs(fields: &[(Name, Value)]) -> Vec<Field<'_>> {
    fields.iter().map(|(name, value)| (name.0.as_str(), value.0.as_str())).collect()
}

fn names(names: &[Name]) -> Vec<&str> {
    names.iter().map(|name| name.0.as_str()).collect()
}

impl Input<'_> {
    pub fn check(&self) {
        let (subprotocols, fields, ours) = (names(&self.subprotocols), pairs(&self.fields), names(&self.ours));
        let answer_fields = pairs(&self.answer_fields);
        let keep: Vec<&str> = answer_fields.iter().map(|(name, _)| *name).collect();
        let uri = Uri::parse(self.uri).unwrap_or(Uri::parse("wss://example.com:8080/chat?room=1").unwrap());
        let config = ClientConfig {
            subprotocols: &subprotocols,
            extensions: &self.extensions.0,
            keep: &keep,
            max_head_size: usize::MAX,
            max_fields: usize::MAX,
            ..ClientConfig::DEFAULT
        };
        let asked = ClientRequest {
            origin: self.origin.as_ref().map(|origin| origin.0.as_str()),
            fields: &fields,
            ..ClientRequest::new(uri)
        };
        let client = ClientHandshake::new(&config, naive::NONCE, vec![0; 1 << 16]);
        let keep: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let server = ServerConfig {
            subprotocols: &ours,
            keep: &keep,
            max_head_size: usize::MAX,
            max_fields: usize::MAX,
            ..ServerConfig::new(OriginPolicy::Any)
        };
        self.page(&server, &answer_fields);

        let built = exactly(|out| client.request(&asked, out));
        match (request_error(&config, &asked), built) {
            (Some(error), built) => assert_eq!(built, Err(error)),
            (None, built) => {
                self.opening(&server, client, (&config, &asked), &built.expect("a request"), &answer_fields)
            }
        }
    }

    /// Checks that the server understands the request, and the client the response.
    fn opening(
        &self,
        server: &ServerConfig<'_>,
        mut client: ClientHandshake<'_, Vec<u8>>,
        (config, asked): (&ClientConfig<'_>, &ClientRequest<'_>),
        stream: &[u8],
        answer_fields: &[Field<'_>],
    ) {
        let target = match asked.uri.query() {
            Some(query) => format!("{}?{query}", asked.uri.path()),
            None => asked.uri.path().to_owned(),
        };
        let default = if asked.uri.secure() { 443 } else { 80 };
        let port = if asked.uri.port() == default { String::new() } else { format!(":{}", asked.uri.port()) };
        let host = format!("{}{port}", asked.uri.host());
        let offered = config.subprotocols.join(", ");
        let mut expected = vec![
            ("Host", host.as_str()),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", naive::KEY),
        ];
        expected.extend((!offered.is_empty()).then_some(("Sec-WebSocket-Protocol", offered.as_str())));
        expected.extend((!config.extensions.is_empty()).then_some(("Sec-WebSocket-Extensions", config.extensions)));
        expected.extend(asked.origin.map(|origin| ("Origin", origin)));
        expected.extend(asked.fields);
        assert_eq!(lines(stream, &format!("GET {target} HTTP/1.1"), &expected), b"");
        let mut slots = vec![httparse::EMPTY_HEADER; expected.len()];
        let mut parsed = httparse::Request::new(&mut slots);
        assert_eq!(parsed.parse(stream), Ok(httparse::Status::Complete(stream.len())));
        assert_eq!((parsed.method, parsed.path, parsed.version), (Some("GET"), Some(target.as_str()), Some(1)));
        same_fields(parsed.headers, &expected);

        let mut handshake = ServerHandshake::new(server, vec![0; 1 << 16]);
        for piece in self.cuts.pieces(stream) {
            let _progress = handshake.receive(&mut piece.to_vec()).expect("a request that a server understands");
        }
        let request = handshake.request().expect("a whole request");
        assert!(request.is_upgrade() && request.method() == "GET");
        assert_eq!((request.host(), request.target()), (host.as_str(), target.as_str()));
        assert_eq!(request.origin(), asked.origin.map(|origin| origin.trim_matches([' ', '\t'])));
        assert!(request.subprotocols().eq(config.subprotocols.iter().copied()));
        assert!(request.extensions().map(|e| e.name().to_owned()).eq(extension_names(config.extensions)));
        kept(asked.fields, |name| Request::fields(&request, name).map(<[u8]>::to_vec).collect());

        let preferred = server.subprotocols.iter().copied().find(|ours| config.subprotocols.contains(ours));
        let (subprotocol, named) = match &self.choice {
            Choice::Preferred => (Subprotocol::Preferred, preferred),
            Choice::Offered(n) => match config.subprotocols.get(usize::from(*n)) {
                Some(name) => (Subprotocol::Named(name), Some(*name)),
                None => (Subprotocol::None, None),
            },
            Choice::Named(name) => (Subprotocol::Named(&name.0), Some(name.0.as_str())),
            Choice::None => (Subprotocol::None, None),
        };
        let accept = Accept { subprotocol, extensions: &self.chosen.0, fields: answer_fields, ..Accept::default() };
        let built = exactly(|out| handshake.accept(&accept, out));
        let chosen = naive::extensions(self.chosen.0.as_bytes());
        let offers: Vec<String> = extension_names(config.extensions).collect();
        let wrong = if named.is_some_and(|name| !config.subprotocols.contains(&name)) {
            Some(E::Subprotocol)
        } else if !self.chosen.0.is_empty()
            && !chosen.is_some_and(|chosen| chosen.iter().all(|(name, _)| offers.contains(name)))
        {
            Some(E::Extensions)
        } else {
            fields_error(answer_fields)
        };
        if let Some(error) = wrong {
            assert_eq!(built, Err(error));
            return;
        }
        let stream = built.expect("an answer");
        let again = handshake.accept(&accept, &mut [0; 1024]);
        assert_eq!(again.err(), Some(E::NotNow), "one answer");
        let mut expected =
            vec![("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", naive::ACCEPT)];
        expected.extend(named.map(|name| ("Sec-WebSocket-Protocol", name)));
        expected.extend((!self.chosen.0.is_empty()).then_some(("Sec-WebSocket-Extensions", self.chosen.0.as_str())));
        expected.extend(answer_fields);
        assert_eq!(lines(&stream, "HTTP/1.1 101 Switching Protocols", &expected), b"");
        parsed_response(&stream, 101, &expected);

        for piece in self.cuts.pieces(&stream) {
            let _progress = client.receive(&mut piece.to_vec()).expect("a response that a client understands");
        }
        let response = client.response().expect("a whole response");
        assert!(response.is_accepted());
        assert_eq!(response.subprotocol(), named);
        assert!(response.extensions().map(|e| e.name().to_owned()).eq(extension_names(&self.chosen.0)));
        kept(answer_fields, |name| Response::fields(&response, name).map(<[u8]>::to_vec).collect());
        assert!(client.connect(|| [0; 4], &Default::default()).is_ok());
    }

    /// Checks the answer to a request for a page.
    fn page(&self, server: &ServerConfig<'_>, fields: &[Field<'_>]) {
        let mut handshake = ServerHandshake::new(server, vec![0; 1 << 10]);
        let method = if self.head { "HEAD" } else { "GET" };
        let mut request = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
        let _progress = handshake.receive(&mut request).expect("a request for a page");
        let (status, body) = (self.status, self.body.0);
        let built = exactly(|out| handshake.respond(status, fields, body, out));
        let wrong = if (200..=999).contains(&status) { fields_error(fields) } else { Some(E::Status) };
        if let Some(error) = wrong {
            return assert_eq!(built, Err(error));
        }
        let stream = built.expect("an answer");
        let len = body.len().to_string();
        let mut expected = match status {
            405 => vec![("Connection", "close"), ("Allow", "GET, HEAD")],
            426 => vec![("Connection", "close, Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
            _ => vec![("Connection", "close")],
        };
        expected.extend(fields);
        let has_length = status != 204 && status != 304;
        expected.extend(has_length.then_some(("Content-Length", len.as_str())));
        let body = if has_length && !self.head { body } else { b"" };
        assert_eq!(lines(&stream, &format!("HTTP/1.1 {status} "), &expected), body);
        parsed_response(&stream, status, &expected);

        let config = ClientConfig { max_head_size: usize::MAX, max_fields: usize::MAX, ..ClientConfig::DEFAULT };
        let mut client = ClientHandshake::new(&config, [0; 16], vec![0; stream.len() + 64]);
        let mut bytes = stream.clone();
        let Ok(Progress::Complete { rest, .. }) = client.receive(&mut bytes) else { panic!("a whole response") };
        assert_eq!(rest, body);
        let response = client.response().unwrap();
        assert_eq!((response.status(), response.is_accepted()), (status, false));
    }
}

/// Returns the bytes that a call writes. Checks that it writes nothing into a buffer of one byte less, and nothing beyond the
/// size that it needs.
fn exactly(mut call: impl FnMut(&mut [u8]) -> Result<usize, E>) -> Result<Vec<u8>, E> {
    const UNTOUCHED: u8 = 0xA5;
    let need = match call(&mut []) {
        Err(E::BufferTooSmall { need }) => need,
        Err(error) => return Err(error),
        Ok(_) => panic!("a message in an empty buffer"),
    };
    let mut out = vec![UNTOUCHED; need + 7];
    assert_eq!(call(&mut out[..need - 1]), Err(E::BufferTooSmall { need }));
    assert!(out.iter().all(|byte| *byte == UNTOUCHED));
    assert_eq!(call(&mut out), Ok(need));
    assert!(out[need..].iter().all(|byte| *byte == UNTOUCHED));
    out.truncate(need);
    Ok(out)
}

/// Checks that the head has exactly these lines; returns the bytes after it.
fn lines<'w>(stream: &'w [u8], start: &str, fields: &[Field<'_>]) -> &'w [u8] {
    let mut rest = stream;
    let mut next = || {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("a line");
        let line = &rest[..end];
        rest = &rest[end + 2..];
        line
    };
    assert!(next().starts_with(start.as_bytes()));
    for (name, value) in fields {
        let line = next();
        assert_eq!(line, format!("{name}: {value}").as_bytes());
        assert!(!line.iter().any(|byte| b"\r\n\0".contains(byte)), "no line is injected");
    }
    assert_eq!(next(), b"", "the end of the head");
    rest
}

fn parsed_response(stream: &[u8], status: u16, expected: &[Field<'_>]) {
    let mut slots = vec![httparse::EMPTY_HEADER; expected.len()];
    let mut parsed = httparse::Response::new(&mut slots);
    assert!(parsed.parse(stream).expect("a response").is_complete());
    assert_eq!((parsed.code, parsed.version), (Some(status), Some(1)));
    same_fields(parsed.headers, expected);
}

fn same_fields(parsed: &[httparse::Header<'_>], expected: &[Field<'_>]) {
    let parsed: Vec<_> = parsed.iter().map(|field| (field.name, field.value.trim_blank())).collect();
    let expected: Vec<_> = expected.iter().map(|(name, value)| (*name, value.as_bytes().trim_blank())).collect();
    assert_eq!(parsed, expected);
}

/// Checks that all values of each field are present, in their order.
fn kept(fields: &[Field<'_>], headers: impl Fn(&str) -> Vec<Vec<u8>>) {
    for (name, _) in fields {
        let same = fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let values: Vec<_> = same.map(|(_, value)| value.as_bytes().trim_blank().to_vec()).collect();
        assert_eq!(headers(name), values, "{name}");
    }
}

fn extension_names(list: &str) -> impl Iterator<Item = String> {
    naive::extensions(list.as_bytes()).unwrap_or_default().into_iter().map(|(name, _)| name)
}

fn request_error(config: &ClientConfig<'_>, asked: &ClientRequest<'_>) -> Option<E> {
    let tokens = config.subprotocols.iter().all(|name| naive::is_token(name.as_bytes()));
    let repeated = |(n, name): (usize, &&str)| config.subprotocols[..n].contains(name);
    if !tokens || config.subprotocols.iter().enumerate().any(repeated) {
        return Some(E::Subprotocol);
    }
    if !config.extensions.is_empty() && naive::extensions(config.extensions.as_bytes()).is_none() {
        return Some(E::Extensions);
    }
    if asked.origin.is_some_and(is_broken) {
        return Some(E::FieldValue);
    }
    fields_error(asked.fields)
}

fn fields_error(fields: &[Field<'_>]) -> Option<E> {
    let own = ["host", "upgrade", "connection", "content-length", "transfer-encoding", "origin"];
    let is_own = |name: &str| own.contains(&name) || name.starts_with("sec-websocket-");
    fields.iter().find_map(|(name, value)| match () {
        () if !naive::is_token(name.as_bytes()) || is_own(&name.to_ascii_lowercase()) => Some(E::FieldName),
        () if is_broken(value) => Some(E::FieldValue),
        () => None,
    })
}

fn is_broken(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t')
}

barews_fuzz::target!(|input: Input<'_>| input.check());
