//! embedded-websocket, as its documentation shows it.

#![no_std]
#![no_main]

use cortex_m_bench::{Aligned, Frame, KEY, Kind, LONGEST, ROOM, fail, random, receives, sends, sink};
use embedded_websocket::{
    Error, WebSocket, WebSocketClient, WebSocketReceiveMessageType, WebSocketSendMessageType, WebSocketServer,
    WebSocketState, WebSocketType,
};
use rand_core_06::RngCore;

cortex_m_bench::program!({
    let receive_server = |frame: &_, messages| receive(server(), frame, messages);
    receives("a server receives binary", Kind::Binary, Some(KEY), receive_server);
    receives("a server receives text", Kind::Text, Some(KEY), receive_server);
    sends("a server sends binary", Kind::Binary, None, |frame, messages| send(server(), frame, messages));
    receives("a client receives binary", Kind::Binary, None, |frame, messages| receive(client(), frame, messages));
    sends("a client sends binary", Kind::Binary, Some(KEY), |frame, messages| send(client(), frame, messages));
});

fn server() -> WebSocketServer {
    let mut websocket = WebSocketServer::new_server();
    websocket.state = WebSocketState::Open;
    websocket
}

fn client() -> WebSocketClient<Random> {
    let mut websocket = WebSocketClient::new_client(Random);
    websocket.state = WebSocketState::Open;
    websocket
}

#[inline(never)]
fn receive<R: RngCore, T: WebSocketType>(mut websocket: WebSocket<R, T>, frame: &Frame, messages: u32) {
    use WebSocketReceiveMessageType::{Binary, CloseCompleted, CloseMustReply, Ping, Pong, Text};
    let (Aligned(rx), Aligned(payload), tx) = (&mut Aligned([0; ROOM]), &mut Aligned([0; LONGEST]), &mut [0; 131]);
    let mut carried = 0;
    for _ in 0..messages {
        let end = carried + frame.read(&mut rx[carried..]);
        let mut at = 0;
        while at < end {
            let got = match websocket.read(&rx[at..end], payload) {
                Ok(got) => got,
                Err(Error::ReadFrameIncomplete) => break,
                Err(_) => fail("receive"),
            };
            at += got.len_from;
            match got.message_type {
                Text | Binary => sink(&payload[..got.len_to]),
                Ping => match websocket.write(WebSocketSendMessageType::Pong, true, &payload[..got.len_to], tx) {
                    Ok(len) => sink(&tx[..len]),
                    Err(_) => fail("send"),
                },
                Pong => {}
                CloseMustReply | CloseCompleted => fail("a Close"),
            }
        }
        carried = end - at;
        if carried > 0 {
            rx.copy_within(at..end, 0);
        }
    }
}

#[inline(never)]
fn send<R: RngCore, T: WebSocketType>(mut websocket: WebSocket<R, T>, frame: &Frame, messages: u32) {
    let Aligned(tx) = &mut Aligned([0; ROOM]);
    for _ in 0..messages {
        match websocket.write(WebSocketSendMessageType::Binary, true, frame.payload(), tx) {
            Ok(len) => sink(&tx[..len]),
            Err(_) => fail("send"),
        }
    }
}

struct Random;

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        random()
    }

    fn next_u64(&mut self) -> u64 {
        random().into()
    }

    fn fill_bytes(&mut self, to: &mut [u8]) {
        for bytes in to.chunks_mut(4) {
            bytes.copy_from_slice(&random().to_le_bytes()[..bytes.len()]);
        }
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.fill_bytes(to);
        Ok(())
    }
}
