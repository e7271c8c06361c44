//! What the program `session` does, made from the layers one by one.

#![no_std]
#![no_main]

use barews::connection::{Config, Connection, Event, Received, Transport, Written};
use barews::deadlines::{Deadlines, Timeout, Timeouts};
use barews::wire::MAX_CONTROL_FRAME;
use barews::{ProtocolError, Role};
use core::ops::Range;
use footprint::{now, read, write};

footprint::program!({
    let mut rx = [0; 512];
    loop {
        #[cfg(feature = "server")]
        serve(&mut rx);
        #[cfg(feature = "client")]
        connect(&mut rx);
    }
});

/// Whose fault a failure is.
enum Fault {
    Peer,
    Transport,
    Host,
}

fn report(fault: Fault) {
    write(&[fault as u8]);
}

fn write_alarm(deadlines: &Deadlines) {
    write(&deadlines.poll_timeout().unwrap_or(u64::MAX).to_le_bytes());
}

#[cfg(feature = "server")]
#[inline(never)]
fn serve(rx: &mut [u8]) {
    use barews::HandshakeError;
    use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};

    static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);
    let mut handshake = ServerHandshake::new(&CONFIG, [0; 512]);
    let mut deadlines = Deadlines::new(Timeouts::MILLISECONDS, now());
    let mut out = [0; 256];
    let mut heard = false;
    loop {
        if deadlines.handle_timeout(now()).is_some() {
            report(Fault::Transport);
            let answer = handshake.respond(408, &[("Content-Type", "text/plain")], b"", &mut out);
            return write(answer.ok().and_then(|len| out.get(..len)).unwrap_or_default());
        }
        write_alarm(&deadlines);
        let bytes = read(rx);
        let len = bytes.len();
        heard |= len > 0;
        let error = match handshake.receive(bytes) {
            Ok(Progress::Partial) if len > 0 => continue,
            Ok(Progress::Partial) => {
                if heard {
                    report(Fault::Transport);
                }
                return;
            }
            Ok(Progress::Complete { consumed, .. }) => {
                if let Ok(answer) = handshake.accept(&Accept::default(), &mut out) {
                    write(out.get(..answer).unwrap_or_default());
                    deadlines.on_open(now());
                    let mut connection = Connection::new(barews::Server, &Config::DEFAULT);
                    return echo(&mut connection, &mut deadlines, rx, consumed..len);
                }
                HandshakeError::Upgrade
            }
            Err(error) => {
                report(if error == HandshakeError::NoStorage { Fault::Host } else { Fault::Peer });
                error
            }
        };
        let answer = handshake.refuse(error, &mut out);
        return write(answer.ok().and_then(|len| out.get(..len)).unwrap_or_default());
    }
}

#[cfg(feature = "client")]
#[inline(never)]
fn connect(rx: &mut [u8]) {
    use barews::HandshakeError;
    use barews::handshake::{ClientConfig, ClientHandshake, ClientRequest, Progress, Uri};

    let Ok(uri) = Uri::parse("ws://example.com/chat") else { return };
    let mut handshake = ClientHandshake::new(&ClientConfig::DEFAULT, random(), [0; 512]);
    let mut deadlines = Deadlines::new(Timeouts::MILLISECONDS, now());
    let mut out = [0; 256];
    let Ok(len) = handshake.request(&ClientRequest::new(uri), &mut out) else { return };
    write(out.get(..len).unwrap_or_default());
    loop {
        if deadlines.handle_timeout(now()).is_some() {
            return report(Fault::Transport);
        }
        write_alarm(&deadlines);
        let bytes = read(rx);
        let len = bytes.len();
        match handshake.receive(bytes) {
            Ok(Progress::Partial) if len > 0 => {}
            Ok(Progress::Partial) => return report(Fault::Transport),
            Ok(Progress::Complete { consumed, .. }) => {
                if let Ok(mut connection) = handshake.connect(random as fn() -> _, &Config::DEFAULT) {
                    deadlines.on_open(now());
                    echo(&mut connection, &mut deadlines, rx, consumed..len);
                }
                return;
            }
            Err(error) => return report(if error == HandshakeError::NoStorage { Fault::Host } else { Fault::Peer }),
        }
    }
}

#[cfg(feature = "client")]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    footprint::random(&mut bytes);
    bytes
}

#[inline(never)]
fn echo<R: Role>(connection: &mut Connection<R>, deadlines: &mut Deadlines, rx: &mut [u8], mut unread: Range<usize>) {
    let mut tx = [0; MAX_CONTROL_FRAME];
    let mut failed = false;
    loop {
        let mut rest = rx.get_mut(unread).unwrap_or_default();
        loop {
            let received = connection.receive(rest);
            while let len @ 1.. = connection.poll_transmit(&mut tx) {
                write(tx.get(..len).unwrap_or_default());
            }
            let Ok(Received { rest: after, event: Some(event) }) = received else { break };
            rest = after;
            match event {
                Event::Data(chunk) => {
                    deadlines.on_message(now());
                    if let Ok(header) = connection.frame(chunk.kind, chunk.last, chunk.payload) {
                        deadlines.on_message(now());
                        write(header.as_bytes());
                        write(chunk.payload);
                    }
                }
                Event::Pong => drop(deadlines.on_pong(connection.control_payload(), now())),
                _ => {}
            }
        }
        deadlines.on_state(connection.state(), now());
        while let Some(timeout) = deadlines.handle_timeout(now()) {
            let written = match timeout {
                Timeout::Ping(payload) => connection.write_ping(&payload, &mut tx),
                Timeout::Idle => connection.write_close(barews::wire::CloseCode::GOING_AWAY, "", &mut tx),
                _ => {
                    if !failed && !connection.is_clean() {
                        report(Fault::Transport);
                    }
                    return;
                }
            };
            write(tx.get(..written.map_or(0, Written::len)).unwrap_or_default());
            deadlines.on_state(connection.state(), now());
        }
        if let (Some(error), false) = (connection.error(), failed) {
            failed = true;
            report(match error {
                ProtocolError::UnexpectedEof => Fault::Transport,
                ProtocolError::NoStorage => Fault::Host,
                _ => Fault::Peer,
            });
        }
        match connection.transport() {
            Transport::Keep | Transport::AwaitEof => {}
            Transport::HalfClose | Transport::Close => return,
        }
        write_alarm(deadlines);
        let len = read(rx).len();
        if len == 0 {
            let _ = connection.receive_eof();
        }
        deadlines.on_bytes(now());
        unread = 0..len;
    }
}
