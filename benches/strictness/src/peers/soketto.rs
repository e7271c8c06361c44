use super::Peer;
use crate::stream::Role;
use crate::transport::{Transport, drive};
use crate::verdict::Outcome;
use soketto::connection::{Builder, Error, Mode};
use soketto::{Data, Incoming};

pub const PEER: Peer = Peer {
    name: "soketto",
    notes: "`Receiver::receive`. Text comes as bytes: the UTF-8 check is the application's, here `str::from_utf8` on \
            each whole message.",
    run,
};

fn run(role: Role, transport: Transport, outcome: &mut Outcome) {
    let mode = match role {
        Role::Server => Mode::Server,
        Role::Client => Mode::Client,
    };
    drive(async {
        let (_sender, mut receiver) = Builder::new(transport, mode).finish();
        let mut message = Vec::new();
        loop {
            match receiver.receive(&mut message).await {
                Ok(Incoming::Data(Data::Text(_))) => match str::from_utf8(&message) {
                    Ok(text) => {
                        outcome.text(text);
                        message.clear();
                    }
                    Err(error) => return outcome.error(error),
                },
                Ok(Incoming::Data(Data::Binary(_))) => {
                    outcome.binary(&message);
                    message.clear();
                }
                Ok(Incoming::Closed(_)) => outcome.closed = true,
                Ok(Incoming::Pong(_)) => {}
                Err(Error::Closed) => {
                    outcome.closed = true; // also how it reports a Close without a status code
                    return;
                }
                Err(error) => return outcome.error(error),
            }
        }
    });
}
