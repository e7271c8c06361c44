//! The layers `connection`, `message` and `deadlines`.

use barews::connection::{Chunk, Config, Outgoing, Receiver, Reply, State, Transmitter};
use barews::deadlines::{Backoff, Deadlines, Reconnect, Ticks, Timeouts};
use barews::message::{Message, MessageBuffer, ReceiveBuffer};
use barews::wire::{CloseCode, Rsv};
use barews::{Append, Client, Connection, ProtocolError, Role, Server};

use crate::{Unknown, calls};

type Keys = fn() -> [u8; 4];

#[unsafe(no_mangle)]
pub fn server(
    u: &mut Unknown<'_>,
    connection: &mut Connection<Server>,
    receiver: &mut Receiver<Server>,
    transmitter: &mut Transmitter<Server>,
    parts: &mut Parts<'_>,
) {
    calls!(u.which; connection.count_payload(u.bytes), transmitter.count_payload(u.bytes));
    either(u, connection, receiver, transmitter, parts);
}

#[unsafe(no_mangle)]
pub fn client(
    u: &mut Unknown<'_>,
    connection: &mut Connection<Client<Keys>>,
    receiver: &mut Receiver<Client<Keys>>,
    transmitter: &mut Transmitter<Client<Keys>>,
    parts: &mut Parts<'_>,
) {
    either(u, connection, receiver, transmitter, parts);
}

#[unsafe(no_mangle)]
pub fn start(
    u: &mut Unknown<'_>,
    config: &Config,
    keys: Keys,
    server: Connection<Server>,
    client: Connection<Client<Keys>>,
) {
    calls!(u.which;
        Connection::new(Server, config),
        Connection::new(Client(keys), config),
        server.split(),
        client.split(),
    );
}

pub struct Parts<'a> {
    outgoing: Outgoing<'a>,
    reply: Reply,
    error: ProtocolError,
}

#[inline(always)]
fn either<R: Role>(
    u: &mut Unknown<'_>,
    connection: &mut Connection<R>,
    receiver: &mut Receiver<R>,
    transmitter: &mut Transmitter<R>,
    parts: &mut Parts<'_>,
) {
    let code = CloseCode(u.short);
    calls!(u.which;
        connection.receive(u.bytes),
        connection.receive_eof(),
        connection.fail(parts.error),
        connection.control_payload(),
        connection.is_control_payload_cut(),
        connection.unread_payload(),
        connection.is_last_frame(),
        connection.poll_transmit(u.out),
        connection.buffered_amount(),
        connection.write_text(u.text, u.out),
        connection.write_binary(u.bytes, u.out),
        connection.write_unvalidated(u.kind, u.bytes, u.out),
        connection.write_fragment(&mut parts.outgoing, u.out),
        connection.begin_frame(u.kind, u.flag, u.long),
        connection.begin_frame_with_rsv(u.kind, u.flag, Rsv::from_bits(u.byte), u.long),
        connection.mask_payload(u.bytes),
        connection.frame(u.kind, u.flag, u.bytes),
        connection.copy_payload(u.bytes, u.out),
        connection.write_ping(u.bytes, u.out),
        connection.write_pong(u.bytes, u.out),
        connection.write_extension_control(barews::wire::Opcode::from_bits(u.byte), u.bytes, u.out),
        connection.write_close(code, u.text, u.out),
        connection.write_close_without_status(u.out),
        connection.state(),
        connection.transport(),
        connection.close_code(),
        connection.error(),
        connection.close_reason(),
        connection.is_clean(),
        connection.transmitter(),
        connection.internals(),
        receiver.receive(u.bytes),
        receiver.receive_eof(),
        receiver.fail(parts.error),
        receiver.control_payload(),
        receiver.is_control_payload_cut(),
        receiver.unread_payload(),
        receiver.is_last_frame(),
        receiver.take_reply(),
        receiver.close_received(),
        receiver.state(u.flag),
        receiver.transport(u.flag),
        receiver.close_code(),
        receiver.error(),
        receiver.close_reason(),
        transmitter.write_text(u.text, u.out),
        transmitter.write_binary(u.bytes, u.out),
        transmitter.write_unvalidated(u.kind, u.bytes, u.out),
        transmitter.write_fragment(&mut parts.outgoing, u.out),
        transmitter.begin_frame(u.kind, u.flag, u.long),
        transmitter.begin_frame_with_rsv(u.kind, u.flag, Rsv::from_bits(u.byte), u.long),
        transmitter.mask_payload(u.bytes),
        transmitter.frame(u.kind, u.flag, u.bytes),
        transmitter.copy_payload(u.bytes, u.out),
        transmitter.unsent_payload(),
        transmitter.write_ping(u.bytes, u.out),
        transmitter.write_pong(u.bytes, u.out),
        transmitter.write_extension_control(barews::wire::Opcode::from_bits(u.byte), u.bytes, u.out),
        transmitter.write_reply(&parts.reply, u.out),
        transmitter.write_close(code, u.text, u.out),
        transmitter.write_close_without_status(u.out),
        transmitter.close_sent(),
        Outgoing::text(u.text),
        Outgoing::binary(u.bytes),
        Outgoing::unvalidated(u.kind, u.bytes),
        Outgoing::unvalidated(u.kind, u.bytes).resume_at(u.long as usize),
        Outgoing::text(u.text).take(u.long as usize),
        parts.outgoing.kind(),
        parts.outgoing.left(),
        parts.outgoing.is_complete(),
        parts.reply.is_close(),
    );
}

#[unsafe(no_mangle)]
pub fn message(
    u: &mut Unknown<'_>,
    buffer: &mut MessageBuffer<&mut [u8]>,
    array: &mut MessageBuffer<[u8; 1000]>,
    chunk: Chunk<'_>,
    message: &Message<'_>,
) {
    calls!(u.which; MessageBuffer::new(&mut *u.out), buffer.push(chunk), array.push(chunk), message.text());
}

#[unsafe(no_mangle)]
pub fn receive_buffer(
    u: &mut Unknown<'_>,
    buffer: &mut ReceiveBuffer<&mut [u8]>,
    array: &mut ReceiveBuffer<[u8; 1000]>,
    connection: &mut Connection<Server>,
) {
    calls!(u.which;
        ReceiveBuffer::new(&mut *u.out),
        buffer.unfilled(),
        buffer.advance(u.long as usize),
        buffer.receive(connection),
        array.unfilled(),
        array.receive(connection),
    );
}

#[unsafe(no_mangle)]
pub fn append(u: &mut Unknown<'_>, buffer: &mut heapless::Vec<u8, 64>, connection: &mut Connection<Server>) {
    calls!(u.which; buffer.append_with(|out| connection.write_text(u.text, out)));
}

#[unsafe(no_mangle)]
pub fn deadlines(u: &mut Unknown<'_>, deadlines: &mut Deadlines, timeouts: Timeouts, state: State) {
    calls!(u.which;
        Deadlines::new(timeouts, u.long),
        deadlines.on_open(u.long),
        deadlines.on_bytes(u.long),
        deadlines.on_written(u.long),
        deadlines.set_timeouts(Timeouts::MILLISECONDS, u.long),
        deadlines.on_message(u.long),
        deadlines.on_pong(u.bytes, u.long),
        deadlines.on_state(state, u.long),
        deadlines.poll_timeout(),
        deadlines.reason(),
        deadlines.handle_timeout(u.long),
    );
}

#[unsafe(no_mangle)]
pub fn clocks(u: &mut Unknown<'_>, ticks: &mut Ticks, reconnect: &mut Reconnect, backoff: Backoff) {
    calls!(u.which;
        Ticks::new(u.long as u32),
        ticks.extend(u.long as u32),
        Reconnect::new(backoff),
        reconnect.on_open(u.long),
        reconnect.on_end(u.long, u.short.into(), Some(u.long)),
        reconnect.failures(),
    );
}
