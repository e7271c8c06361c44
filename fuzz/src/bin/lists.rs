//! Sec-WebSocket-Extensions and Sec-WebSocket-Protocol: any value, in any number of fields, is parsed as by a
//! recursive-descent parser. Values repeated up to 48 KiB finish in time only if the work is linear.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use barews::HandshakeError;
use barews::handshake::{OriginPolicy, ParamValue, Progress, ServerConfig, ServerHandshake};
use barews_fuzz::{Bytes, naive};

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    /// Every byte is an index into [`ALPHABET`].
    pub grammar: bool,
    /// The text after the first `{` is repeated a sixteenth of this many times; from 248 on, thousands of times.
    pub times: u8,
    /// One field per line.
    pub values: Bytes<'a>,
}

/// The characters of the grammars, and a few others.
const ALPHABET: &[u8; 16] = b"ab-;;==,,\"\"\\ \n/{";

const LONGEST: usize = 48 << 10;

impl Input<'_> {
    pub fn check(&self) {
        // The handshake targets test bytes that are not allowed in field values.
        let byte = |byte: &u8| match byte {
            _ if self.grammar => ALPHABET[usize::from(*byte) % ALPHABET.len()],
            b'\t' | b'\n' => *byte,
            byte if byte.is_ascii_control() => b' ',
            _ => *byte,
        };
        let mut text: Vec<u8> = self.values.0.iter().map(byte).collect();
        if let Some(start) = text.iter().position(|byte| *byte == b'{') {
            let mut unit = text.split_off(start);
            unit[0] = b' ';
            unit.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b',');
            let times =
                if self.times < 248 { usize::from(self.times / 16) } else { 4096 * usize::from(self.times - 247) };
            text.extend(unit.repeat(times.min(1 + LONGEST / unit.len())));
        }
        let values: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        let lists = || values.iter().filter(|value| !naive::elements(value).is_empty());

        let offers = lists().map(|value| naive::extensions(value)).collect::<Option<Vec<_>>>();
        let received = serve("Sec-WebSocket-Extensions", &values, |request| {
            let value = |value: ParamValue<'_>| String::from_utf8(value.bytes().collect()).unwrap();
            let params = |offer: barews::handshake::Extension<'_>| {
                offer.params().map(|p| (p.name.to_owned(), p.value.map(value))).collect()
            };
            request.extensions().map(|offer| (offer.name().to_owned(), params(offer))).collect::<Vec<_>>()
        });
        assert_eq!(received, offers.map(|offers| offers.concat()).ok_or(HandshakeError::Extensions));

        let offers = lists().map(|value| naive::subprotocols(value)).collect::<Option<Vec<_>>>();
        let received = serve("Sec-WebSocket-Protocol", &values, |request| {
            let offers: Vec<String> = request.subprotocols().map(str::to_owned).collect();
            let ours = ["superchat", "chat"].into_iter().find(|ours| offers.iter().any(|offer| offer == ours));
            assert_eq!(request.subprotocol(), ours, "the first of the server's that was offered");
            offers
        });
        assert_eq!(received, offers.map(|offers| offers.concat()).ok_or(HandshakeError::Subprotocol));
    }
}

/// Passes a request with these fields to a server. Returns the result of `look`, or the error.
fn serve<T>(
    name: &str,
    values: &[&[u8]],
    look: impl Fn(barews::handshake::Request<'_>) -> T,
) -> Result<T, HandshakeError> {
    let mut stream =
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            .to_vec();
    for value in values {
        stream.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    stream.extend(b"\r\n");
    let config = ServerConfig {
        subprotocols: &["superchat", "chat"],
        max_head_size: usize::MAX,
        max_fields: usize::MAX,
        ..ServerConfig::new(OriginPolicy::Any)
    };
    let mut handshake = ServerHandshake::new(&config, vec![0; stream.len() + 64]);
    match handshake.receive(&mut stream)? {
        Progress::Complete { rest, .. } => assert!(rest.is_empty()),
        Progress::Partial => panic!("an incomplete request"),
    }
    Ok(look(handshake.request().expect("a complete request")))
}

barews_fuzz::target!(|input: Input<'_>| input.check());
