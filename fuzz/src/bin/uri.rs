//! URIs, request targets and Host are parsed as by `str` functions, and the request for a URI has its host and target.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use barews::handshake::{
    ClientConfig, ClientHandshake, ClientRequest, OriginPolicy, Progress, ServerConfig, ServerHandshake,
};
use barews::handshake::{Uri, UriError};
use barews::{BuildError, HandshakeError};
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
        self.join();
        if !self.text.contains(|c: char| c.is_control()) {
            self.host();
            self.target();
        }
    }

    /// Resolves the text as a reference. The base has each part.
    fn join(&self) {
        let base = Uri::parse("ws://h:81/a/b/c?d").unwrap();
        let mut out = vec![0; 40 + self.text.len()];
        let joined = base.join(self.text.as_bytes(), &mut out).map(|uri| uri.to_string());
        let expected = match join(&base, self.text) {
            Ok(text) => Uri::parse(&text).map(|uri| uri.to_string()),
            Err(error) => Err(error),
        };
        assert_eq!(joined, expected.map_err(BuildError::Uri));
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

/// RFC 3986 section 5.2, with strings.
fn join(base: &Uri<'_>, reference: &str) -> Result<String, UriError> {
    let reference = reference.split('#').next().unwrap_or_default();
    let lower = reference.to_ascii_lowercase();
    let scheme = ["ws://", "wss://", "http://", "https://"].into_iter().find(|scheme| lower.starts_with(scheme));
    let (scheme, rest) = match scheme {
        Some(scheme) => (scheme, Some(&reference[scheme.len()..])),
        None => ("ws://", reference.strip_prefix("//")),
    };
    if let Some(rest) = rest {
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        return Ok(format!("{scheme}{authority}{}{query}", without_dots(path)));
    }
    let (path, query) = reference.split_at(reference.find('?').unwrap_or(reference.len()));
    if path.find(':').is_some_and(|colon| !path[..colon].contains('/')) {
        return Err(UriError::Scheme);
    }
    let target = match path {
        "" if query.is_empty() => format!("{}?{}", base.path(), base.query().unwrap()),
        "" => format!("{}{query}", base.path()),
        _ if path.starts_with('/') => format!("{}{query}", without_dots(path)),
        _ => format!("{}{query}", without_dots(&format!("{}/{path}", base.path().rsplit_once('/').unwrap().0))),
    };
    Ok(format!("ws://{}:{}{target}", base.host(), base.port()))
}

/// RFC 3986 section 5.2.4.
fn without_dots(path: &str) -> String {
    let Some(path) = path.strip_prefix('/') else { return String::new() };
    let mut kept = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
        if segments.peek().is_none() && matches!(segment, "." | "..") {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

fn parse(text: &str) -> Result<Parts<'_>, UriError> {
    if text.contains('#') {
        return Err(UriError::Fragment);
    }
    let (scheme, rest) = text.split_once("://").ok_or(UriError::Scheme)?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "ws" | "http" => false,
        "wss" | "https" => true,
        _ => return Err(UriError::Scheme),
    };
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(UriError::UserInfo);
    }
    let (host, port) = naive::host_and_port(authority)?;
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    let is_visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_visible(path) {
        return Err(UriError::Path);
    }
    if !query.is_none_or(is_visible) {
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
