//! The same echo with embedded-websocket, as its documentation shows it.

#![no_std]
#![no_main]

use embedded_websocket::{
    Error, WebSocket, WebSocketReceiveMessageType, WebSocketSendMessageType, WebSocketState, WebSocketType,
};
use footprint::{read, write};
use rand_core_06::RngCore;

footprint::program!({
    let mut rx = [0; 512];
    loop {
        #[cfg(not(any(feature = "server", feature = "client")))]
        {
            let mut websocket = embedded_websocket::WebSocketServer::new_server();
            websocket.state = WebSocketState::Open;
            echo(&mut websocket, &mut rx, 0, 0);
        }
        #[cfg(feature = "server")]
        serve(&mut rx);
        #[cfg(feature = "client")]
        connect(&mut rx);
    }
});

#[cfg(feature = "server")]
#[inline(never)]
fn serve(rx: &mut [u8]) {
    let mut end = 0;
    let mut out = [0; 256];
    loop {
        let len = read(&mut rx[end..]).len();
        end += len;
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&rx[..end]) {
            Ok(httparse::Status::Partial) if len > 0 => {}
            Ok(httparse::Status::Complete(head)) => {
                let headers = request.headers.iter().map(|header| (header.name, header.value));
                let Ok(Some(context)) = embedded_websocket::read_http_header(headers) else { return };
                let mut websocket = embedded_websocket::WebSocketServer::new_server();
                let Ok(len) = websocket.server_accept(&context.sec_websocket_key, None, &mut out) else { return };
                write(&out[..len]);
                return echo(&mut websocket, rx, head, end);
            }
            _ => return,
        }
    }
}

#[cfg(feature = "client")]
#[inline(never)]
fn connect(rx: &mut [u8]) {
    use embedded_websocket::{WebSocketClient, WebSocketOptions};

    struct Random;
    impl RngCore for Random {
        fn next_u32(&mut self) -> u32 {
            let mut bytes = [0; 4];
            footprint::random(&mut bytes);
            u32::from_le_bytes(bytes)
        }
        fn next_u64(&mut self) -> u64 {
            self.next_u32().into()
        }
        fn fill_bytes(&mut self, to: &mut [u8]) {
            footprint::random(to);
        }
        fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), rand_core_06::Error> {
            footprint::random(to);
            Ok(())
        }
    }

    let options = WebSocketOptions {
        path: "/chat",
        host: "example.com",
        origin: "http://example.com",
        sub_protocols: None,
        additional_headers: None,
    };
    let mut websocket = WebSocketClient::new_client(Random);
    let mut out = [0; 256];
    let Ok((len, key)) = websocket.client_connect(&options, &mut out) else { return };
    write(&out[..len]);
    let mut end = 0;
    loop {
        let len = read(&mut rx[end..]).len();
        end += len;
        match websocket.client_accept(&key, &rx[..end]) {
            Err(Error::HttpHeaderIncomplete) if len > 0 => {}
            Ok((head, _)) => return echo(&mut websocket, rx, head, end),
            Err(_) => return,
        }
    }
}

#[inline(never)]
fn echo<R: RngCore, T: WebSocketType>(websocket: &mut WebSocket<R, T>, rx: &mut [u8], mut at: usize, mut end: usize) {
    use WebSocketReceiveMessageType::{Binary, CloseCompleted, CloseMustReply, Ping, Pong, Text};
    let (mut payload, mut tx) = ([0; 512], [0; 528]);
    loop {
        while at < end {
            let got = match websocket.read(&rx[at..end], &mut payload) {
                Ok(got) => got,
                Err(Error::ReadFrameIncomplete) => break,
                Err(_) => return,
            };
            at += got.len_from;
            let kind = match got.message_type {
                Text => WebSocketSendMessageType::Text,
                Binary => WebSocketSendMessageType::Binary,
                Ping => WebSocketSendMessageType::Pong,
                CloseMustReply => WebSocketSendMessageType::CloseReply,
                CloseCompleted => return,
                Pong => continue,
            };
            let Ok(len) = websocket.write(kind, got.end_of_message, &payload[..got.len_to], &mut tx) else { return };
            write(&tx[..len]);
            if websocket.state == WebSocketState::Closed {
                return;
            }
        }
        rx.copy_within(at..end, 0);
        end -= at;
        at = 0;
        let len = read(&mut rx[end..]).len();
        if len == 0 {
            return;
        }
        end += len;
    }
}
