use super::{Peer, ROOM};
use crate::stream::Role;
use crate::transport::Transport;
use crate::verdict::Outcome;
use barews::connection::{Event, MessageKind};
use barews::message::MessageBuffer;
use barews::{Client, Connection, ProtocolError, Server};

pub const PEER: Peer = Peer { name: "barews", notes: "`Connection` and `MessageBuffer`, default limits.", run };

fn run(role: Role, transport: Transport, outcome: &mut Outcome) {
    match role {
        Role::Server => host(Server, transport, outcome),
        Role::Client => host(Client(|| [1, 2, 3, 4]), transport, outcome),
    }
}

fn host(role: impl barews::Role, mut transport: Transport, outcome: &mut Outcome) {
    let mut connection = Connection::new(role, &Default::default());
    let mut messages = MessageBuffer::new(vec![0; ROOM]);
    while let Some(mut bytes) = transport.take(ROOM) {
        if let Err(error) = receive(&mut connection, &mut messages, &mut bytes, &transport, outcome) {
            drain(&mut connection, &transport);
            outcome.error(error);
        }
    }
}

fn receive(
    connection: &mut Connection<impl barews::Role>,
    messages: &mut MessageBuffer<Vec<u8>>,
    mut bytes: &mut [u8],
    transport: &Transport,
    outcome: &mut Outcome,
) -> Result<(), ProtocolError> {
    while let got = connection.receive(bytes)?
        && let Some(event) = got.event
    {
        bytes = got.rest;
        match event {
            Event::Data(chunk) => match messages.push(chunk).inspect_err(|&error| connection.fail(error))? {
                Some(message) if message.kind == MessageKind::Text => outcome.text(message.payload),
                Some(message) => outcome.binary(message.payload),
                None => {}
            },
            Event::Close(_) => outcome.closed = true,
            _ => {}
        }
        drain(connection, transport);
    }
    Ok(())
}

fn drain(connection: &mut Connection<impl barews::Role>, transport: &Transport) {
    let mut out = [0; barews::wire::MAX_CONTROL_FRAME];
    while let len @ 1.. = connection.poll_transmit(&mut out) {
        transport.put(&out[..len]);
    }
}
