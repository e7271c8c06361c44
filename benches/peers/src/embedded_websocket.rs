use crate::{
    Cork, Event, HEAD, HOST, Lent, Outcome, Outgoing, Peer, READ, ROOM, Random, Receiver, Role, Session, Socket, Tally,
};
use embedded_websocket::{
    Error, WebSocket, WebSocketClient, WebSocketOptions, WebSocketReceiveMessageType, WebSocketSendMessageType,
    WebSocketServer, WebSocketState, WebSocketType,
};
use rand_core_06::RngCore;

pub const PEER: Peer = Peer {
    name: "embedded-websocket",
    package: "embedded-websocket",
    notes: "`WebSocket::read` and `write`, each chunk as it comes; a header that is cut is passed again with more \
            bytes. Text is returned as bytes; the application must check it. A fragment cut by a read makes it \
            hang.",
    checks_text: false,
    takes_fragments: false,
    is_streaming: true,
    read_buffers: HOST,
    receive: Some(receive),
    send: Some(send),
    echo: Some(echo),
    accept: Some(accept),
    connect: Some(connect),
    ..Peer::NEW
};

pub const RECEIVER: Receiver = Receiver {
    name: "embedded-websocket",
    notes: "`WebSocket::read`, after its own handshake; an incomplete header is passed again with more bytes. \
            Text is returned as bytes: each whole message is checked with `str::from_utf8`, as its `Framer` does.",
    run,
};

fn server() -> WebSocketServer {
    let mut websocket = WebSocketServer::new_server();
    websocket.state = WebSocketState::Open;
    websocket
}

fn client() -> WebSocketClient<Random> {
    let mut websocket = WebSocketClient::new_client(Random::default());
    websocket.state = WebSocketState::Open;
    websocket
}

/// Reads once, and passes on the contents. Returns false if there is nothing to read.
#[inline(always)]
fn read<R: RngCore, T: WebSocketType>(
    websocket: &mut WebSocket<R, T>,
    socket: &mut Socket,
    buffers: &mut Buffers,
    mut sink: impl FnMut(&mut WebSocket<R, T>, &mut Socket, WebSocketReceiveMessageType, &[u8], bool),
) -> Result<bool, Error> {
    let Buffers { read, carried, payload } = buffers;
    let Some(len) = socket.read(&mut read[*carried..]) else { return Ok(false) };
    let (mut at, end) = (0, *carried + len);
    *carried = 0;
    while at < end {
        let got = match websocket.read(&read[at..end], payload) {
            Ok(got) if got.len_from > 0 => got,
            // It consumes no more of these bytes.
            Ok(_) | Err(Error::ReadFrameIncomplete) => {
                read.copy_within(at..end, 0);
                *carried = end - at;
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        at += got.len_from;
        sink(websocket, socket, got.message_type, &payload[..got.len_to], got.end_of_message);
    }
    Ok(true)
}

struct Buffers {
    read: Lent,
    /// Bytes of an incomplete header, at the front.
    carried: usize,
    payload: Lent,
}

impl Buffers {
    fn new(room: usize) -> Self {
        Self { read: Lent::new(room), carried: 0, payload: Lent::new(room) }
    }
}

fn run(role: Role, socket: Socket, outcome: &mut Outcome) {
    match role {
        Role::Server => whole_messages(server(), socket, outcome),
        Role::Client => whole_messages(client(), socket, outcome),
    }
}

fn whole_messages<R: RngCore, T: WebSocketType>(
    mut websocket: WebSocket<R, T>,
    mut socket: Socket,
    outcome: &mut Outcome,
) {
    use WebSocketReceiveMessageType::{Binary, CloseCompleted, CloseMustReply, Ping, Pong, Text};
    let (mut buffers, mut message, mut bad_text) = (Buffers::new(ROOM), Vec::new(), None);
    loop {
        let more = read(&mut websocket, &mut socket, &mut buffers, |_, _, kind, payload, last| match kind {
            _ if bad_text.is_some() => {}
            Text | Binary => {
                message.extend(payload);
                if last {
                    match str::from_utf8(&message) {
                        Err(error) if kind == Text => bad_text = Some(error),
                        _ if kind == Text => outcome.event(Event::Text(&message)),
                        _ => outcome.event(Event::Binary(&message)),
                    }
                    message.clear();
                }
            }
            CloseMustReply | CloseCompleted => outcome.event(Event::Close),
            Ping | Pong => {}
        });
        match (bad_text, more) {
            (Some(error), _) => return outcome.error(error),
            (_, Err(error)) => return outcome.error(error),
            (_, Ok(false)) => return,
            (_, Ok(true)) => {}
        }
    }
}

fn receive(mut socket: Socket, tally: Tally) -> Session {
    use WebSocketReceiveMessageType::{Binary, Ping, Text};
    let (mut websocket, mut buffers) = (server(), Buffers::new(socket.host_buffer()));
    let (mut ping, mut pong) = (Vec::new(), [0; 127]);
    Box::new(move || {
        while read(&mut websocket, &mut socket, &mut buffers, |websocket, socket, kind, payload, last| match kind {
            Text | Binary => tally.chunk(payload, last),
            Ping => {
                ping.extend(payload);
                if last {
                    let len = websocket.write(WebSocketSendMessageType::Pong, true, &ping, &mut pong).expect("it fits");
                    socket.write(&pong[..len]);
                    ping.clear();
                }
            }
            _ => {}
        })
        .expect("no error")
        {}
    })
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    match role {
        Role::Server => send_as(server(), socket, outgoing),
        Role::Client => send_as(client(), socket, outgoing),
    }
}

fn send_as<R: RngCore + 'static, T: WebSocketType + 'static>(
    mut websocket: WebSocket<R, T>,
    mut socket: Socket,
    outgoing: Outgoing,
) -> Session {
    let mut cork = Cork::new(outgoing.longest());
    Box::new(move || {
        for body in outgoing.bodies() {
            let room = cork.room(body.len() + 14, &mut socket);
            let len = websocket.write(WebSocketSendMessageType::Binary, true, body, room).expect("it fits");
            cork.take(len);
        }
        cork.flush(&mut socket);
    })
}

fn echo(mut socket: Socket) -> Session {
    let (mut websocket, mut buffers, mut cork) = (server(), Buffers::new(socket.host_buffer()), Cork::new(READ));
    Box::new(move || {
        while read(&mut websocket, &mut socket, &mut buffers, |websocket, socket, _, payload, last| {
            let room = cork.room(payload.len() + 14, socket);
            let len = websocket.write(WebSocketSendMessageType::Binary, last, payload, room).expect("it fits");
            cork.take(len);
        })
        .expect("no error")
        {
            cork.flush(&mut socket);
        }
    })
}

/// Reads a request with httparse, as its documentation does.
fn accept(socket: &mut Socket) -> bool {
    let (mut buffer, mut out) = ([0; HEAD], [0; 512]);
    let Some(len) = socket.read(&mut buffer) else { return false };
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut request = httparse::Request::new(&mut headers);
    if !request.parse(&buffer[..len]).is_ok_and(|status| status.is_complete()) {
        return false;
    }
    let headers = request.headers.iter().map(|header| (header.name, header.value));
    let Ok(Some(context)) = embedded_websocket::read_http_header(headers) else { return false };
    let mut websocket = WebSocketServer::new_server();
    let Ok(len) = websocket.server_accept(&context.sec_websocket_key, None, &mut out) else { return false };
    socket.write(&out[..len]);
    true
}

fn connect(socket: &mut Socket) -> bool {
    let options = WebSocketOptions {
        path: "/chat",
        host: "example.com",
        origin: "http://example.com",
        sub_protocols: None,
        additional_headers: None,
    };
    let mut websocket = WebSocketClient::new_client(Random::default());
    let mut buffer = [0; HEAD];
    let (len, key) = websocket.client_connect(&options, &mut buffer).expect("it fits");
    socket.write(&buffer[..len]);
    let Some(len) = socket.read(&mut buffer) else { return false };
    websocket.client_accept(&key, &buffer[..len]).is_ok()
}
