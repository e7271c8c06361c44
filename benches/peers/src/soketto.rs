use crate::session::drive;
use crate::{Event, Outcome, Receiver, Role, Socket};
use soketto::connection::{Builder, Error, Mode};
use soketto::{Data, Incoming};

pub const RECEIVER: Receiver = Receiver {
    name: "soketto",
    notes: "`Receiver::receive`. Text is returned as bytes: the application checks UTF-8, here with `str::from_utf8` on \
            each whole message.",
    run,
};

fn run(role: Role, socket: Socket, outcome: &mut Outcome) {
    let mode = match role {
        Role::Server => Mode::Server,
        Role::Client => Mode::Client,
    };
    drive(async {
        let (_sender, mut receiver) = Builder::new(socket, mode).finish();
        let mut message = Vec::new();
        loop {
            match receiver.receive(&mut message).await {
                Ok(Incoming::Data(Data::Text(_))) => match str::from_utf8(&message) {
                    Ok(text) => {
                        outcome.event(Event::Text(text.as_bytes()));
                        message.clear();
                    }
                    Err(error) => return outcome.error(error),
                },
                Ok(Incoming::Data(Data::Binary(_))) => {
                    outcome.event(Event::Binary(&message));
                    message.clear();
                }
                Ok(Incoming::Closed(_)) => outcome.event(Event::Close),
                Ok(Incoming::Pong(_)) => {}
                Err(Error::Closed) => {
                    outcome.event(Event::Close); // it also reports a Close without a status code like this
                    return;
                }
                Err(error) => return outcome.error(error),
            }
        }
    });
}
