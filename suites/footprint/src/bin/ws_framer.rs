//! The same echo of whole messages with ws-framer, as its documentation shows it. Its masking keys are zeros here, because its
//! features offer no source of keys for bare metal.

#![no_std]
#![no_main]

use footprint::{read, write};
use ws_framer::{WsFrame, WsRxFramer, WsTxFramer};

footprint::program!({
    loop {
        #[cfg(not(any(feature = "server", feature = "client")))]
        echo(&mut WsRxFramer::new(&mut [0; 528]), &mut WsTxFramer::new(false, &mut [0; 528]));
        #[cfg(feature = "server")]
        serve();
        #[cfg(feature = "client")]
        connect();
    }
});

#[cfg(feature = "server")]
#[inline(never)]
fn serve() {
    use ws_framer::Header;
    let (mut rx, mut tx) = ([0; 528], [0; 528]);
    let (mut at, mut end) = (0, 0);
    {
        let mut transmitter = WsTxFramer::new(false, &mut tx);
        while at == 0 {
            let len = read(&mut rx[end..]).len();
            end += len;
            let mut headers = [httparse::EMPTY_HEADER; 16];
            let mut request = httparse::Request::new(&mut headers);
            match request.parse(&rx[..end]) {
                Ok(httparse::Status::Partial) if len > 0 => {}
                Ok(httparse::Status::Complete(head)) => {
                    at = head;
                    let key =
                        request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("Sec-WebSocket-Key"));
                    let Some(key) = key.and_then(|key| core::str::from_utf8(key.value).ok()) else { return };
                    let Some(accept) = ws_framer::process_sec_websocket_key(key) else { return };
                    let headers = [
                        Header { name: "Upgrade", value: b"websocket" },
                        Header { name: "Connection", value: b"Upgrade" },
                        Header { name: "Sec-WebSocket-Accept", value: &accept },
                    ];
                    let Some(out) = transmitter.http_response(101, "Switching Protocols", &headers) else { return };
                    write(out);
                }
                _ => return,
            }
        }
    }
    rx.copy_within(at..end, 0);
    let mut receiver = WsRxFramer::new(&mut rx);
    receiver.advance(end - at);
    echo(&mut receiver, &mut WsTxFramer::new(false, &mut tx));
}

#[cfg(feature = "client")]
#[inline(never)]
fn connect() {
    let (mut rx, mut tx) = ([0; 528], [0; 528]);
    let (mut receiver, mut transmitter) = (WsRxFramer::new(&mut rx), WsTxFramer::new(true, &mut tx));
    let Some(request) = transmitter.http_upgrade_request("example.com", "/chat", &[]) else { return };
    write(request);
    let key = transmitter.accept_key();
    loop {
        let len = read(receiver.read_buf()).len();
        receiver.advance(len);
        match receiver.http_response() {
            None if len > 0 => {}
            Some(Ok(response)) if response.is_websocket_accepted(&key) => break,
            _ => return,
        }
    }
    echo(&mut receiver, &mut transmitter);
}

#[inline(never)]
fn echo(receiver: &mut WsRxFramer<'_>, transmitter: &mut WsTxFramer<'_>) {
    loop {
        while let Some(frame) = receiver.next_frame() {
            let answer = match frame {
                Ok(WsFrame::Ping(payload)) => WsFrame::Pong(payload),
                Ok(WsFrame::Pong(_)) => continue,
                Ok(frame) => frame,
                Err(_) => return,
            };
            let closed = matches!(answer, WsFrame::Close(..));
            let Some(out) = transmitter.frame(answer) else { return };
            write(out);
            if closed {
                return;
            }
        }
        let len = read(receiver.read_buf()).len();
        if len == 0 {
            return;
        }
        receiver.advance(len);
    }
}
