//! A naive opening handshake: it gets the whole head at once, parses it with functions of `std`, and checks a list of
//! rules. Its errors are those of the engine, which checks the bytes in their order, then the fields in theirs.

mod head;
mod lists;
mod uri;

pub use head::{End, Head, TrimBlank, head};
pub use lists::{Extension, elements, extensions, is_token, subprotocols};
pub use uri::{host_and_port, is_escaped};

use barews::HandshakeError as E;

/// Returns whether one of the values lists the token.
fn lists(values: &[&[u8]], token: &[u8]) -> bool {
    values.iter().any(|value| elements(value).iter().any(|element| element.eq_ignore_ascii_case(token)))
}

/// A request as a server sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub upgrade: bool,
    pub method: String,
    pub host: String,
    pub target: String,
    pub origin: Option<String>,
    pub subprotocols: Vec<String>,
    pub extensions: Vec<Extension>,
}

/// The origins that are allowed to connect.
#[derive(Clone, Copy, Debug)]
pub enum Origins<'c> {
    Any,
    Same,
    List(&'c [&'c str]),
    SameOr(&'c [&'c str]),
}

/// The parts of a request line: method, authority, target, and the minor version.
type RequestLine = (String, Option<String>, String, u8);

pub fn request_line(line: &[u8]) -> Result<RequestLine, E> {
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts[..] else { return Err(E::StartLine) };
    if !is_token(method) || target.is_empty() {
        return Err(E::StartLine);
    }
    let minor = minor_version(version)?;
    if !matches!(method, b"GET" | b"HEAD") {
        return Err(E::Method);
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (authority, target) = request_target(&text(target)).ok_or(E::Target)?;
    Ok((text(method), authority, target, minor))
}

fn request_target(target: &str) -> Option<(Option<String>, String)> {
    if target.contains(|c: char| !c.is_ascii_graphic() || c == '#') {
        return None;
    }
    if target.starts_with('/') {
        return Some((None, target.into()));
    }
    let (scheme, rest) = target.split_once("://")?;
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    host_and_port(authority).ok()?;
    match path.chars().next() {
        None => Some((Some(authority.into()), "/".into())),
        Some('/') => Some((Some(authority.into()), path.into())),
        _ => None,
    }
}

fn minor_version(version: &[u8]) -> Result<u8, E> {
    match version.strip_prefix(b"HTTP/") {
        Some([b'1', b'.', minor]) if minor.is_ascii_digit() => Ok(minor - b'0'),
        Some([major, b'.', minor]) if major.is_ascii_digit() && minor.is_ascii_digit() => Err(E::HttpVersion),
        _ => Err(E::StartLine),
    }
}

/// Validates a request's fields (RFC 6455 section 4.2.1).
pub fn request(head: &Head<'_>, origins: Origins<'_>) -> Result<Request, E> {
    let (method, authority, target, minor) = request_line(head.start_line)?;
    let once = [
        ("host", E::Host),
        ("sec-websocket-key", E::Key),
        ("sec-websocket-version", E::Version),
        ("origin", E::Origin),
    ];
    let mut seen: Vec<&str> = Vec::new();
    for (name, _) in &head.fields {
        let error = once.iter().find(|(once, _)| once == name).map(|(_, error)| *error);
        if let Some(error) = error.filter(|_| seen.contains(&name.as_str())) {
            return Err(error);
        }
        seen.push(name);
    }
    let first = |name: &str| head.values(name).first().copied();
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).unwrap_or_default().to_owned();

    let no_body = |value: &&[u8]| !value.is_empty() && value.iter().all(|digit| *digit == b'0');
    if !head.values("content-length").iter().all(no_body) || !head.values("transfer-encoding").is_empty() {
        return Err(E::Body);
    }
    match first("host").map(|host| std::str::from_utf8(host).is_ok_and(|host| host_and_port(host).is_ok())) {
        Some(true) => {}
        None if minor == 0 => {}
        _ => return Err(E::Host),
    }
    let host = authority.unwrap_or_else(|| first("host").map(text).unwrap_or_default());
    // RFC 9110 7.8: ignored in HTTP/1.0
    let upgrade = minor > 0 && lists(&head.values("upgrade"), b"websocket");
    let plain = !upgrade && first("sec-websocket-key").is_none() && first("sec-websocket-version").is_none();
    // An empty list is as good as none.
    let values = |name: &str| head.values(name).into_iter().filter(|value| !elements(value).is_empty());
    let protocols: Option<Vec<_>> = values("sec-websocket-protocol").map(subprotocols).collect();
    let offers: Option<Vec<_>> = values("sec-websocket-extensions").map(extensions).collect();
    let rules = [
        (minor == 0, E::HttpVersion),
        (method != "GET", E::Method),
        (!upgrade, E::Upgrade),
        (!lists(&head.values("connection"), b"upgrade"), E::Connection),
        (first("sec-websocket-version") != Some(b"13"), E::Version),
        (!first("sec-websocket-key").is_some_and(is_key), E::Key),
        (protocols.is_none(), E::Subprotocol),
        (offers.is_none(), E::Extensions),
        (!first("origin").is_none_or(|origin| allows(origins, &text(origin), &host)), E::Origin),
    ];
    if !plain && let Some((_, error)) = rules.iter().find(|(broken, _)| *broken) {
        return Err(*error);
    }
    // In a request for a page these have no meaning and are not checked.
    let (protocols, offers) = if plain { (None, None) } else { (protocols, offers) };
    Ok(Request {
        upgrade: !plain,
        method,
        host,
        target,
        origin: first("origin").map(text),
        subprotocols: protocols.unwrap_or_default().concat(),
        extensions: offers.unwrap_or_default().concat(),
    })
}

/// Returns whether these are the 24 characters that encode 16 bytes. The unused bits can have any value.
fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(is_digit)
}

fn allows(origins: Origins<'_>, origin: &str, host: &str) -> bool {
    match origins {
        Origins::Any => true,
        Origins::SameOr(list) => allows(Origins::Same, origin, host) || allows(Origins::List(list), origin, host),
        Origins::List(list) => list.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)),
        Origins::Same => {
            let Some((scheme, authority)) = origin.split_once("://") else { return false };
            let default = match scheme.to_ascii_lowercase().as_str() {
                "http" => 80,
                "https" => 443,
                _ => return false,
            };
            let (Ok(asks), Ok(asked)) = (host_and_port(authority), host_and_port(host)) else { return false };
            asks.0.eq_ignore_ascii_case(asked.0) && asks.1.unwrap_or(default) == asked.1.unwrap_or(default)
        }
    }
}

/// The nonce of RFC 6455 section 1.3, its key and its accept value. The responses in the project's data use these.
pub const NONCE: [u8; 16] = *b"the sample nonce";
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What a client requests with this nonce, as far as it affects the response.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'c> {
    pub subprotocols: &'c [&'c str],
    pub extensions: &'c str,
}

/// A response as a client sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub subprotocol: Option<String>,
    pub extensions: Vec<Extension>,
}

/// Returns the minor version and the status.
pub fn status_line(line: &[u8]) -> Result<(u8, u16), E> {
    let (version, rest) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
    let minor = minor_version(version)?;
    let (code, reason) = rest.split_at(rest.len().min(4));
    let digits = std::str::from_utf8(code).ok().and_then(|code| code.strip_prefix(' '));
    let valid = digits.is_some_and(|digits| digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit()));
    let status = digits.filter(|_| valid && (reason.is_empty() || reason[0] == b' ')).and_then(|d| d.parse().ok());
    Ok((minor, status.filter(|status| *status >= 100).ok_or(E::StartLine)?))
}

/// Validates a response's fields (RFC 6455 section 4.1).
pub fn response(head: &Head<'_>, asked: Asked<'_>) -> Result<Response, E> {
    let (minor, status) = status_line(head.start_line)?;
    if status != 101 {
        return Ok(Response { status, subprotocol: None, extensions: vec![] });
    }
    let once =
        [("upgrade", E::Upgrade), ("sec-websocket-accept", E::Accept), ("sec-websocket-protocol", E::Subprotocol)];
    let mut seen: Vec<&str> = Vec::new();
    for (name, _) in &head.fields {
        let error = once.iter().find(|(once, _)| once == name).map(|(_, error)| *error);
        if let Some(error) = error.filter(|_| seen.contains(&name.as_str())) {
            return Err(error);
        }
        seen.push(name);
    }
    let first = |name: &str| head.values(name).first().copied();
    let chosen: Option<Vec<_>> = head.values("sec-websocket-extensions").into_iter().map(extensions).collect();
    let offers = extensions(asked.extensions.as_bytes()).unwrap_or_default();
    let offered =
        |chosen: &Vec<Extension>| chosen.iter().all(|(name, _)| offers.iter().any(|(offer, _)| offer == name));
    let requested = |name: &[u8]| asked.subprotocols.iter().any(|ours| ours.as_bytes() == name);
    let rules = [
        (minor == 0, E::HttpVersion),
        (!first("upgrade").is_some_and(|upgrade| upgrade.eq_ignore_ascii_case(b"websocket")), E::Upgrade),
        (!lists(&head.values("connection"), b"upgrade"), E::Connection),
        (first("sec-websocket-accept") != Some(ACCEPT.as_bytes()), E::Accept),
        (!chosen.as_ref().is_some_and(|chosen| chosen.iter().all(offered)), E::Extensions),
        (!first("sec-websocket-protocol").is_none_or(requested), E::Subprotocol),
    ];
    match rules.iter().find(|(broken, _)| *broken) {
        Some((_, error)) => Err(*error),
        None => Ok(Response {
            status,
            subprotocol: first("sec-websocket-protocol").map(|name| String::from_utf8_lossy(name).into_owned()),
            extensions: chosen.unwrap_or_default().concat(),
        }),
    }
}

/// Returns the storage that a head needs: 4 bytes and the contents for the start line and for each field that is kept; and,
/// while a value is received, its trailing white space.
pub fn need(head: &Head<'_>, engine: &[&str], keep: &[&str]) -> usize {
    let mut used = 4 + head.start_line.len();
    let mut most = used;
    for ((name, value), raw) in head.fields.iter().zip(&head.raw) {
        if engine.iter().chain(keep).any(|kept| kept.eq_ignore_ascii_case(name)) {
            most = most.max(used + 4 + raw.len());
            used += 4 + value.len();
        }
    }
    most
}
