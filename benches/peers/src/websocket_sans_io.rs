use crate::{Cork, HOST, Lent, Outgoing, Peer, Random, Role, Session, Socket, Tally};
use websocket_sans_io::{
    FrameInfo, MAX_HEADER_LENGTH, Opcode, WebsocketFrameDecoder, WebsocketFrameEncoder, WebsocketFrameEvent,
};

pub const PEER: Peer = Peer {
    name: "websocket-sans-io",
    package: "websocket-sans-io",
    notes: "`WebsocketFrameDecoder::add_data`, each chunk as it comes; `WebsocketFrameEncoder` after a copy. It \
            checks nothing.",
    checks_text: false,
    checks_frames: false,
    is_streaming: true,
    read_buffers: HOST,
    receive: Some(receive),
    send: Some(send),
    echo: Some(echo),
    ..Peer::NEW
};

/// Passes on each event with its payload.
#[inline(always)]
fn decode(
    decoder: &mut WebsocketFrameDecoder,
    buffer: &mut [u8],
    mut on_event: impl FnMut(WebsocketFrameEvent, &[u8]),
) {
    let mut at = 0;
    loop {
        let rest = &mut buffer[at..];
        let got = decoder.add_data(rest).expect("no error");
        at += got.consumed_bytes;
        match got.event {
            Some(event) => on_event(event, &rest[..got.consumed_bytes]),
            None if got.consumed_bytes == 0 => return,
            None => {}
        }
    }
}

fn info(opcode: Opcode, fin: bool, len: usize, mask: Option<[u8; 4]>) -> FrameInfo {
    FrameInfo { opcode, payload_length: len as u64, mask, fin, reserved: 0 }
}

fn receive(mut socket: Socket, tally: Tally) -> Session {
    let (mut decoder, mut encoder) = (WebsocketFrameDecoder::new(), WebsocketFrameEncoder::new());
    let (mut buffer, mut ping) = (Lent::new(socket.host_buffer()), Vec::new());
    Box::new(move || {
        while let Some(len) = socket.read(&mut buffer) {
            decode(&mut decoder, &mut buffer[..len], |event, payload| match event {
                WebsocketFrameEvent::PayloadChunk { original_opcode: Opcode::Text | Opcode::Binary } => {
                    tally.chunk(payload, false);
                }
                WebsocketFrameEvent::End { frame_info, original_opcode: Opcode::Text | Opcode::Binary } => {
                    tally.chunk(&[], frame_info.fin);
                }
                WebsocketFrameEvent::PayloadChunk { original_opcode: Opcode::Ping } => ping.extend(payload),
                WebsocketFrameEvent::End { original_opcode: Opcode::Ping, .. } => {
                    socket.write(&encoder.start_frame(&info(Opcode::Pong, true, ping.len(), None)));
                    socket.write(&ping);
                    ping.clear();
                }
                _ => {}
            });
        }
    })
}

fn send(role: Role, mut socket: Socket, outgoing: Outgoing) -> Session {
    let (mut encoder, mut random, mut cork) =
        (WebsocketFrameEncoder::new(), Random::default(), Cork::new(outgoing.longest()));
    Box::new(move || {
        for body in outgoing.bodies() {
            let mask = (role == Role::Client).then(|| random.key());
            let room = cork.room(body.len() + MAX_HEADER_LENGTH, &mut socket);
            let header = encoder.start_frame(&info(Opcode::Binary, true, body.len(), mask));
            room[..header.len()].copy_from_slice(&header);
            let payload = &mut room[header.len()..][..body.len()];
            payload.copy_from_slice(body);
            encoder.transform_frame_payload(payload);
            cork.take(header.len() + body.len());
        }
        cork.flush(&mut socket);
    })
}

fn echo(mut socket: Socket) -> Session {
    let (mut decoder, mut encoder) = (WebsocketFrameDecoder::new(), WebsocketFrameEncoder::new());
    let (mut buffer, mut cork) = (Lent::new(socket.host_buffer()), Cork::new(0));
    Box::new(move || {
        while let Some(len) = socket.read(&mut buffer) {
            decode(&mut decoder, &mut buffer[..len], |event, payload| match event {
                WebsocketFrameEvent::Start { frame_info, .. } => {
                    cork.put(&encoder.start_frame(&FrameInfo { mask: None, ..frame_info }), &mut socket);
                }
                WebsocketFrameEvent::PayloadChunk { .. } => cork.put(payload, &mut socket),
                WebsocketFrameEvent::End { .. } => {}
            });
            cork.flush(&mut socket);
        }
    })
}
