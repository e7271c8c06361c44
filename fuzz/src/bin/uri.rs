//! URIs, request targets and Host are parsed as by `str` functions, and the request for a URI has its host and target.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use barews::HandshakeError;
use barews::handshake::{
    ClientConfig, ClientHandshake, ClientRequest, OriginPolicy, Progress, ServerConfig, ServerHandshake,
};
use barews::handshake::{Uri, UriError};
use barews_fuzz::naive;

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    pub text: &'a str,
}

type Parts<'u> = (bool, &'u str, u16, &'u str, Option<&'u str>);

impl Input<'_> {
    pub fn check(&self) {
        let parsed = Uri::parse(self.text);
        let parts = parsed.map(|uri| (uri.secure(), uri.host(), uri.port(), uri.path(), uri.query()));
        assert_eq!(parts, parse(self.text));
        if let Ok(uri) = parsed {
            request(uri);
        }
        if !self.text.contains(|c: char| c.is_control()) {
            self.host();
            self.target();
        }
    }

    /// Checks the same grammar in Host.
    fn host(&self) {
        let host = self.text.trim_matches([' ', '\t']);
        let seen = serve(&format!("GET / HTTP/1.1\r\nHost:{}\r\n\r\n", self.text));
        match naive::host_and_port(host) {
            Ok(_) => assert_eq!(seen, Ok((host.to_owned(), "/".to_owned()))),
            Err(_) => assert_eq!(seen, Err(HandshakeError::Host)),
        }
    }

    fn target(&self) {
        let line = format!("GET {} HTTP/1.1", self.text);
        let expected = naive::request_line(line.as_bytes());
        let expected = expected.map(|(_, authority, target, _)| (authority.unwrap_or("a".to_owned()), target));
        assert_eq!(serve(&format!("{line}\r\nHost: a\r\n\r\n")), expected);
    }
}

fn parse(text: &str) -> Result<Parts<'_>, UriError> {
    if text.contains('#') {
        return Err(UriError::Fragment);
    }
    let (scheme, rest) = text.split_once("://").ok_or(UriError::Scheme)?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "ws" => false,
        "wss" => true,
        _ => return Err(UriError::Scheme),
    };
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(UriError::UserInfo);
    }
    let (host, port) = naive::host_and_port(authority)?;
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    if !naive::is_escaped(path, "-._~!$&'()*+,;=:@/") {
        return Err(UriError::Path);
    }
    if !query.is_none_or(|query| naive::is_escaped(query, "-._~!$&'()*+,;=:@/?")) {
        return Err(UriError::Query);
    }
    let path = if path.is_empty() { "/" } else { path };
    Ok((secure, host, port.unwrap_or(if secure { 443 } else { 80 }), path, query))
}

/// RFC 6455 sections 3 and 4.1: the request is for the resource name, at this host and port.
fn request(uri: Uri<'_>) {
    let mut out = vec![0; 8192];
    let len = ClientHandshake::new(&ClientConfig::DEFAULT, [7; 16], [])
        .request(&ClientRequest::new(uri), &mut out)
        .expect("a URI that can be requested");
    let (host, target) = serve(str::from_utf8(&out[..len]).unwrap()).expect("a request that a server understands");
    let default = if uri.secure() { 443 } else { 80 };
    let port = if uri.port() == default { String::new() } else { format!(":{}", uri.port()) };
    assert_eq!(host, format!("{}{port}", uri.host()));
    let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
    assert_eq!(target, format!("{}{query}", uri.path()));
}

/// Returns host and target as a server sees them.
fn serve(request: &str) -> Result<(String, String), HandshakeError> {
    let config = ServerConfig::new(OriginPolicy::Any);
    let mut handshake = ServerHandshake::new(&config, vec![0; request.len() + 64]);
    match handshake.receive(&mut request.as_bytes().to_vec())? {
        Progress::Complete { rest, .. } => assert!(rest.is_empty()),
        Progress::Partial => panic!("an incomplete request: {request:?}"),
    }
    let request = handshake.request().expect("a complete request");
    Ok((request.host().to_owned(), request.target().to_owned()))
}

barews_fuzz::target!(|input: Input<'_>| input.check());
