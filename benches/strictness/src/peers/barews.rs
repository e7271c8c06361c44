use super::{Peer, ROOM};
use crate::stream::Role;
use crate::verdict::Outcome;
use crate::wire::Wire;
use barews::connection::{Event, MessageKind};
use barews::message::MessageBuffer;
use barews::{Client, Connection, ProtocolError, Server};

pub const PEER: Peer = Peer { name: "barews", notes: "`Connection` and `MessageBuffer`, default limits.", run };

fn run(role: Role, wire: Wire, outcome: &mut Outcome) {
    match role {
        Role::Server => host(Server, wire, outcome),
        Role::Client => host(Client(|| [1, 2, 3, 4]), wire, outcome),
    }
}

fn host(role: impl barews::Role, mut wire: Wire, outcome: &mut Outcome) {
    let mut connection = Connection::new(role, &Default::default());
    let mut messages = MessageBuffer::new(vec![0; ROOM]);
    while let Some(mut bytes) = wire.take(ROOM) {
        if let Err(error) = receive(&mut connection, &mut messages, &mut bytes, &wire, outcome) {
            drain(&mut connection, &wire);
            outcome.error(error);
        }
    }
}

fn receive(
    connection: &mut Connection<impl barews::Role>,
    messages: &mut MessageBuffer<Vec<u8>>,
    mut bytes: &mut [u8],
    wire: &Wire,
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
        drain(connection, wire);
    }
    Ok(())
}

fn drain(connection: &mut Connection<impl barews::Role>, wire: &Wire) {
    let mut out = [0; barews::wire::MAX_CONTROL_FRAME];
    while let len @ 1.. = connection.poll_transmit(&mut out) {
        wire.put(&out[..len]);
    }
}
