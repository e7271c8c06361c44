use crate::{Event, HEAD, Lent, Outcome, Outgoing, Peer, READ, ROOM, Receiver, Role, Session, Socket, Tally};
use ws_framer::{WsFrame, WsRxError, WsRxFramer, WsTxFramer};

pub const PEER: Peer = Peer {
    name: "ws-framer",
    package: "ws-framer",
    notes: "`WsRxFramer` and `WsTxFramer`, whose frames are written one by one. The application must check the MASK \
            bit and what follows a Close.",
    checks_frames: false,
    // Also a small one, because its rest is moved after each frame.
    read_buffers: &[Some(1024), Some(16 << 10), Some(READ)],
    receive: Some(receive),
    receive_str: Some(receive),
    send: Some(send),
    echo: Some(echo),
    connect: Some(connect),
    ..Peer::NEW
};

/// A leaked buffer, because the framer that borrows it is never dropped.
fn buffer(len: usize) -> &'static mut [u8] {
    &mut *Box::leak(Box::new(Lent::new(len)))
}

/// The buffers for reading and for writing.
fn framers(socket: &Socket) -> (WsRxFramer<'static>, WsTxFramer<'static>) {
    let (read, write) = (buffer(socket.longest + socket.host_buffer()), buffer(socket.longest.max(125) + 14));
    (WsRxFramer::new(read), WsTxFramer::new(false, write))
}

/// Reads once. Returns false if there is nothing to read.
fn read(socket: &mut Socket, framer: &mut WsRxFramer<'_>) -> bool {
    let Some(len) = socket.read(framer.read_buf()) else { return false };
    framer.advance(len);
    true
}

pub const RECEIVER: Receiver = Receiver {
    name: "ws-framer",
    notes: "`WsRxFramer` with a buffer of 256 KiB. It has one receiver for both roles and no state of the connection, \
            so the application must check the MASK bit and what follows a Close.",
    run,
};

/// Receives until there is nothing to read. `transmitter` answers Pings.
#[inline]
fn events(
    socket: &mut Socket,
    receiver: &mut WsRxFramer<'_>,
    transmitter: &mut WsTxFramer<'_>,
    mut sink: impl FnMut(Event<'_>),
) -> Result<(), WsRxError> {
    while read(socket, receiver) {
        while let Some(frame) = receiver.next_frame() {
            match frame {
                Ok(WsFrame::Text(text)) => sink(Event::Text(text.as_bytes())),
                Ok(WsFrame::Binary(payload)) => sink(Event::Binary(payload)),
                Ok(WsFrame::Ping(payload)) => socket.write(transmitter.pong(payload).expect("it fits")),
                Ok(WsFrame::Close(..)) => sink(Event::Close),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn run(role: Role, mut socket: Socket, outcome: &mut Outcome) {
    let [mut read, mut write] = [ROOM; 2].map(Lent::new);
    let (mut receiver, mut transmitter) =
        (WsRxFramer::new(&mut read), WsTxFramer::new(role == Role::Client, &mut write));
    if let Err(error) = events(&mut socket, &mut receiver, &mut transmitter, |event| outcome.event(event)) {
        outcome.error(error);
    }
}

fn receive(mut socket: Socket, tally: Tally) -> Session {
    let (mut receiver, mut transmitter) = framers(&socket);
    Box::new(move || {
        events(&mut socket, &mut receiver, &mut transmitter, |event| tally.event(event)).expect("no error");
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
