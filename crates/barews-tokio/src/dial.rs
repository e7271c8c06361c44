//! Opens TCP connections: by name, on several addresses, and through a proxy.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use barews::HandshakeError;
use barews::handshake::{ClientConfig, Progress, Proxy, Tunnel, Uri};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::Error;

/// How long an attempt has before the next address is tried as well (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// Connects to a host: to all its addresses, one after the other, and keeps the first connection (RFC 8305).
pub(crate) async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = interleaved(lookup_host((host, port)).await?.collect());
    let mut addresses = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut outcome = Err(ErrorKind::NotFound.into());
    loop {
        match addresses.next() {
            Some(address) => attempts.push(TcpStream::connect(address)),
            None if attempts.is_empty() => return outcome,
            None => {}
        }
        let stagger = if addresses.len() == 0 { Duration::MAX } else { STAGGER };
        match timeout(stagger, attempts.next()).await {
            Ok(Some(Ok(stream))) => {
                let _slower = stream.set_nodelay(true); // frames are small; fails on a connection that is reset already
                return Ok(stream);
            }
            Ok(Some(Err(error))) => outcome = Err(error),
            Ok(None) | Err(_) => {}
        }
    }
}

/// Puts the addresses of the two families in turn, beginning with the first one's (RFC 8305 section 4).
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_first = |address: &SocketAddr| addresses.first().is_some_and(|first| first.is_ipv4() == address.is_ipv4());
    let (first, second): (Vec<_>, Vec<_>) = addresses.iter().copied().partition(|address| is_first(address));
    let mut second = second.into_iter();
    let mut all: Vec<_> = first.into_iter().flat_map(|address| [Some(address), second.next()]).flatten().collect();
    all.extend(second);
    all
}

/// Connects to the host of `uri` through a proxy (CONNECT, RFC 9110 section 9.3.6).
pub(crate) async fn tunnel(proxy: &str, uri: &Uri<'_>) -> Result<TcpStream, Error> {
    let proxy_uri = Proxy::parse(proxy)?;
    let mut value = vec![0; 16 + 2 * proxy.len()];
    let credentials = proxy_uri.authorization(&mut value)?.map(|value| ("Proxy-Authorization", value));
    let mut stream = tcp(proxy_uri.host(), proxy_uri.port()).await?;
    let mut tunnel = Tunnel::new(&ClientConfig::DEFAULT, vec![0; 16 << 10]);
    let mut out = vec![0; 2 * (uri.host().len() + proxy.len()) + 256];
    let len = tunnel.request(uri, credentials.as_slice(), &mut out)?;
    stream.write_all(&out[..len]).await?;
    loop {
        let mut read = [0; 1024];
        let len = stream.read(&mut read).await?;
        if len == 0 {
            tunnel.receive_eof()?;
        }
        match tunnel.receive(&mut read[..len])? {
            Progress::Partial => {}
            Progress::Complete { .. } if !tunnel.is_open() => {
                let status = tunnel.status().unwrap_or_default();
                return Err(Error::Proxy { status, retry_after: tunnel.retry_after() });
            }
            Progress::Complete { rest: [], .. } => return Ok(stream),
            // The server must not send before it gets a request.
            Progress::Complete { .. } => return Err(HandshakeError::StartLine.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families_alternate() {
        let parse = |list: &[&str]| list.iter().map(|it| it.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let given = parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let expected = parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(interleaved(given), expected);
        assert_eq!(interleaved(Vec::new()), []);
    }
}
