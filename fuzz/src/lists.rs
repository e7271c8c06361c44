//! Sec-WebSocket-Extensions and Sec-WebSocket-Protocol: any value, in any number of fields, is read as a parser by descent reads
//! it. What is repeated up to 48 KiB ends in time only if the work is linear.

use crate::{Bytes, naive};
use arbitrary::Arbitrary;
use barews::HandshakeError;
use barews::handshake::{OriginPolicy, ParamValue, Progress, ServerConfig, ServerHandshake};

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    /// So often stands what follows the first `{`, or else all of it; from 248 on, thousands of times more often.
    pub times: u8,
    /// One field a line.
    pub values: Bytes<'a>,
}

const LONGEST: usize = 48 << 10;

impl Input<'_> {
    pub fn check(&self) {
        let start = self.values.0.iter().position(|byte| *byte == b'{').unwrap_or(0);
        let (before, unit) = self.values.0.split_at(start);
        let unit = unit.strip_prefix(b"{").unwrap_or(unit);
        let times = if self.times < 248 { self.times.into() } else { 4096 * usize::from(self.times - 247) };
        let times = times.clamp(1, 1 + LONGEST / (1 + unit.len()));
        let text = [before, &unit.repeat(times)].concat();
        // What cannot stand in a field value is for the handshake targets.
        let clean = |byte: &u8| if byte.is_ascii_control() && !b"\t\n".contains(byte) { b' ' } else { *byte };
        let text: Vec<u8> = text.iter().map(clean).collect();
        let values: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();

        let offers = values.iter().map(|value| naive::extensions(value)).collect::<Option<Vec<_>>>();
        let heard = serve("Sec-WebSocket-Extensions", &values, |request| {
            let value = |value: ParamValue<'_>| String::from_utf8(value.bytes().collect()).unwrap();
            let params = |offer: barews::handshake::Extension<'_>| {
                offer.params().map(|p| (p.name.to_owned(), p.value.map(value))).collect()
            };
            request.extensions().map(|offer| (offer.name().to_owned(), params(offer))).collect::<Vec<_>>()
        });
        assert_eq!(heard, offers.map(|offers| offers.concat()).ok_or(HandshakeError::Extensions));

        let offers = values.iter().map(|value| naive::subprotocols(value)).collect::<Option<Vec<_>>>();
        let heard = serve("Sec-WebSocket-Protocol", &values, |request| {
            let offers: Vec<String> = request.subprotocols().map(str::to_owned).collect();
            let ours = ["superchat", "chat"].into_iter().find(|ours| offers.iter().any(|offer| offer == ours));
            assert_eq!(request.subprotocol(), ours, "the first of ours that was offered");
            offers
        });
        assert_eq!(heard, offers.map(|offers| offers.concat()).ok_or(HandshakeError::Subprotocol));
    }
}

/// What a server makes of a request with these fields.
fn serve<T>(
    name: &str,
    values: &[&[u8]],
    look: impl Fn(barews::handshake::Request<'_>) -> T,
) -> Result<T, HandshakeError> {
    let mut wire =
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            .to_vec();
    for value in values {
        wire.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    wire.extend(b"\r\n");
    let config = ServerConfig {
        subprotocols: &["superchat", "chat"],
        max_head_size: usize::MAX,
        max_headers: usize::MAX,
        ..ServerConfig::new(OriginPolicy::Any)
    };
    let mut handshake = ServerHandshake::new(&config, vec![0; wire.len() + 64]);
    match handshake.receive(&mut wire)? {
        Progress::Complete { rest } => assert!(rest.is_empty()),
        Progress::Partial => panic!("a request that is not complete"),
    }
    Ok(look(handshake.request().expect("a complete request")))
}
