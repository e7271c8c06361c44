use super::{HEAD, Peer, Role};
use crate::lent::Lent;
use crate::session::Session;
use crate::socket::Socket;
use crate::tally::Tally;
use crate::workload::Outgoing;
use ws_framer::{WsFrame, WsRxFramer, WsTxFramer};

pub const PEER: Peer = Peer {
    name: "ws-framer",
    package: "ws-framer",
    notes: "`WsRxFramer` and `WsTxFramer`, whose frames are written one by one. The checks of the MASK bit and of what \
            follows a Close are the application's.",
    checks_frames: false,
    receive: Some(receive),
    send: Some(send),
    echo: Some(echo),
    connect: Some(connect),
    ..Peer::NEW
};

/// A buffer that lives as long as the framer that borrows it, and so for ever.
fn buffer(len: usize) -> &'static mut [u8] {
    &mut *Box::leak(Box::new(Lent::new(len)))
}

/// For reading and for writing. It moves what is left in the first behind each frame, so that is small.
fn framers(socket: &Socket) -> (WsRxFramer<'static>, WsTxFramer<'static>) {
    let (read, write) = (buffer(socket.longest + 1024), buffer(socket.longest.max(125) + 14));
    (WsRxFramer::new(read), WsTxFramer::new(false, write))
}

/// Reads once; false when there is nothing to read.
fn read(socket: &mut Socket, framer: &mut WsRxFramer<'_>) -> bool {
    let Some(len) = socket.read(framer.read_buf()) else { return false };
    framer.advance(len);
    true
}

fn receive(mut socket: Socket, tally: Tally) -> Session {
    let (mut receiver, mut transmitter) = framers(&socket);
    Box::new(move || {
        while read(&mut socket, &mut receiver) {
            while let Some(frame) = receiver.next_frame() {
                match frame.expect("no error") {
                    WsFrame::Text(text) => tally.message(text.as_bytes()),
                    WsFrame::Binary(payload) => tally.message(payload),
                    WsFrame::Ping(payload) => socket.write(transmitter.pong(payload).expect("it fits")),
                    _ => {}
                }
            }
        }
    })
}

fn send(role: Role, mut socket: Socket, outgoing: Outgoing) -> Session {
    let mut transmitter = WsTxFramer::new(role == Role::Client, buffer(outgoing.longest() + 14));
    Box::new(move || {
        for body in outgoing.bodies() {
            socket.write(transmitter.binary(body).expect("it fits"));
        }
    })
}

fn echo(mut socket: Socket) -> Session {
    let (mut receiver, mut transmitter) = framers(&socket);
    Box::new(move || {
        while read(&mut socket, &mut receiver) {
            while let Some(frame) = receiver.next_frame() {
                socket.write(transmitter.frame(frame.expect("no error")).expect("it fits"));
            }
        }
    })
}

fn connect(socket: &mut Socket) -> bool {
    let (mut out, mut buffer) = ([0; HEAD], [0; HEAD]);
    let mut transmitter = WsTxFramer::new(true, &mut out);
    socket.write(transmitter.http_upgrade_request("example.com", "/chat", &[]).expect("it fits"));
    let key = transmitter.accept_key();
    let mut receiver = WsRxFramer::new(&mut buffer);
    if !read(socket, &mut receiver) {
        return false;
    }
    matches!(receiver.http_response(), Some(Ok(response)) if response.is_websocket_accepted(&key))
}
