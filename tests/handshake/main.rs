//! The opening handshake through the public API: every rule of RFC 6455 section 4 and of the HTTP that it requires, at every
//! cut, and the attacks that broke other implementations.

mod answers;
mod client;
mod corpus;
mod credentials;
mod hostile;
mod parsed;
mod proxy;
mod server;

use barews::HandshakeError;
use barews::handshake::{OriginPolicy, Progress, Request, ServerConfig, ServerHandshake};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const NONCE: [u8; 16] = *b"the sample nonce";
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
static ANY: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);

/// Returns an upgrade request without the field `without`, and with the lines `with`.
fn upgrade(without: &str, with: &str) -> String {
    let lines = [
        "Host: server.example.com",
        "Upgrade: websocket",
        "Connection: Upgrade",
        &format!("Sec-WebSocket-Key: {KEY}"),
        "Sec-WebSocket-Version: 13",
    ];
    edit("GET /chat HTTP/1.1", &lines, without, with)
}

/// Returns a 101 response, edited in the same way.
fn switching(without: &str, with: &str) -> String {
    let lines = ["Upgrade: websocket", "Connection: Upgrade", ACCEPT.trim_end()];
    edit("HTTP/1.1 101 Switching Protocols", &lines, without, with)
}

fn edit(start_line: &str, lines: &[&str], without: &str, with: &str) -> String {
    let kept = lines.iter().filter(|line| line.split(':').next() != Some(without));
    let head: Vec<_> = core::iter::once(&start_line).chain(kept).flat_map(|line| [line, "\r\n"]).collect();
    head.concat() + with + "\r\n"
}

/// Feeds a server in pieces that end at `cuts` and at the end. Returns the result of `look`, and the number of bytes after the
/// head.
fn serve<T>(
    config: &ServerConfig<'_>,
    storage: usize,
    stream: &[u8],
    cuts: impl IntoIterator<Item = usize>,
    look: impl Fn(Request<'_>) -> T,
) -> Result<Option<(T, usize)>, HandshakeError> {
    let mut handshake = ServerHandshake::new(config, vec![0; storage]);
    let mut start = 0;
    for end in cuts.into_iter().chain([stream.len()]) {
        if let Progress::Complete { rest, .. } = handshake.receive(&mut stream[start..end].to_vec())? {
            return Ok(Some((look(handshake.request().unwrap()), rest.len() + stream.len() - end)));
        }
        assert!(handshake.request().is_none());
        start = end;
    }
    Ok(None)
}
