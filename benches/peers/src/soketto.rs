use crate::session::{self, drive, is_done};
use crate::{Event, Outcome, Outgoing, Peer, Receiver, Role, Session, Socket, Tally};
use soketto::connection::{Builder, Error, Mode};
use soketto::handshake::server::Response;
use soketto::handshake::{Client, Server, ServerResponse};
use soketto::{Data, Incoming};
use std::hint::black_box;

pub const PEER: Peer = Peer {
    name: "soketto",
    package: "soketto",
    notes: "`Receiver::receive`, and `Sender::send_binary`, which writes each frame separately. Text is returned as bytes: \
            for a `&str` the application calls `str::from_utf8`.",
    checks_text: false,
    receive: Some(|socket, tally| receive(socket, false, tally)),
    receive_str: Some(|socket, tally| receive(socket, true, tally)),
    send: Some(send),
    accept: Some(|socket| is_done(accept(socket))),
    connect: Some(|socket| is_done(connect(socket))),
    ..Peer::NEW
};

pub const RECEIVER: Receiver = Receiver {
    name: "soketto",
    notes: "`Receiver::receive`. Text is returned as bytes: the application checks UTF-8, here with `str::from_utf8` on \
            each whole message.",
    run,
};

fn mode(role: Role) -> Mode {
    match role {
        Role::Server => Mode::Server,
        Role::Client => Mode::Client,
    }
}

fn run(role: Role, socket: Socket, outcome: &mut Outcome) {
    drive(async {
        let (_sender, mut receiver) = Builder::new(socket, mode(role)).finish();
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

fn receive(socket: Socket, as_str: bool, tally: Tally) -> Session {
    session::receiving(async move {
        let (_sender, mut receiver) = Builder::new(socket, Mode::Server).finish();
        let mut message = Vec::new();
        loop {
            match receiver.receive_data(&mut message).await {
                Ok(Data::Text(_)) if as_str => tally.message(str::from_utf8(&message).expect("it is text").as_bytes()),
                Ok(_) => tally.message(&message),
                Err(error) => return error,
            }
            message.clear();
        }
    })
}

fn send(role: Role, socket: Socket, outgoing: Outgoing) -> Session {
    session::of_future(async move {
        let (mut sender, _receiver) = Builder::new(socket, mode(role)).finish();
        loop {
            for body in outgoing.bodies() {
                sender.send_binary(body).await.expect("it is written");
            }
            sender.flush().await.expect("it is written");
            session::end_of_pass().await;
        }
    })
}

async fn accept(socket: &mut Socket) -> Result<(), ()> {
    let mut server = Server::new(socket);
    let key = server.receive_request().await.map_err(drop)?.key();
    server.send_response(&Response::Accept { key, protocol: None }).await.map_err(drop)?;
    black_box(&server.into_builder().finish());
    Ok(())
}

async fn connect(socket: &mut Socket) -> Result<(), ()> {
    let mut client = Client::new(socket, "example.com", "/chat");
    match client.handshake().await {
        Ok(ServerResponse::Accepted { .. }) => {
            black_box(&client.into_builder().finish());
            Ok(())
        }
        _ => Err(()),
    }
}
