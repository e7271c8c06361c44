//! Opening handshakes.

use crate::{Case, Work};
use barews::Server;
use barews::connection::{Config, Connection};
use barews::handshake::{
    Accept, ClientConfig, ClientHandshake, ClientRequest, OriginPolicy, Progress, ServerConfig, ServerHandshake, Uri,
};
use std::hint::black_box;

pub const CASES: &[Case] = &[
    ("server handshake, a browser's request", || server(usize::MAX)),
    ("server handshake, a browser's request in reads of 64 B", || server(64)),
    ("client handshake", client),
];

const REQUEST: &[u8] = include_bytes!("../../../tests/data/handshakes/captured-chromium.req");
const ROUNDS: usize = 100;

static SERVER: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);

fn server(read: usize) -> Work {
    let mut requests = vec![REQUEST.to_vec(); ROUNDS];
    Work::new(ROUNDS, move || {
        for request in &mut requests {
            let (mut handshake, mut out) = (ServerHandshake::new(&SERVER, [0; 512]), [0; 256]);
            for read in request.chunks_mut(read) {
                let _ = black_box(handshake.receive(read)).unwrap();
            }
            black_box(handshake.accept(&Accept::default(), &mut out)).unwrap();
            black_box(Connection::new(Server, &Config::DEFAULT));
        }
    })
}

fn client() -> Work {
    let nonce = *b"the sample nonce";
    let request = ClientRequest::new(Uri::parse("ws://example.com/chat").unwrap());
    let response = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let mut responses = vec![*response; ROUNDS];
    Work::new(ROUNDS, move || {
        for response in &mut responses {
            let (mut handshake, mut out) = (ClientHandshake::new(&ClientConfig::DEFAULT, nonce, [0; 256]), [0; 256]);
            black_box(handshake.request(&request, &mut out)).unwrap();
            let progress = handshake.receive(response).unwrap();
            assert!(matches!(progress, Progress::Complete { .. }));
            black_box(handshake.connect(|| [1, 2, 3, 4], &Config::DEFAULT)).unwrap();
        }
    })
}
