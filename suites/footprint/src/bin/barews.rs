//! An echo, chunk by chunk, that answers Pings and Close frames. The features add a handshake in either role, deadlines, and
//! whole messages instead of chunks.

#![no_std]
#![no_main]

use core::ops::Range;

#[cfg(any(feature = "messages", feature = "deadlines"))]
use barews::connection::Written;
use barews::connection::{Config, Event, Received, Transport};
use barews::wire::MAX_CONTROL_FRAME;
use barews::{Connection, Role};
use footprint::{read, write};

footprint::program!({
    let mut rx = [0; 512];
    loop {
        #[cfg(not(any(feature = "server", feature = "client")))]
        echo(&mut Connection::new(barews::Server, &Config::DEFAULT), &mut rx, 0..0);
        #[cfg(feature = "server")]
        serve(&mut rx);
        #[cfg(feature = "client")]
        connect(&mut rx);
    }
});

#[cfg(feature = "server")]
#[inline(never)]
fn serve(rx: &mut [u8]) {
    use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};

    static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);
    let mut handshake = ServerHandshake::new(&CONFIG, [0; 512]);
    let mut out = [0; 256];
    loop {
        let bytes = read(rx);
        let len = bytes.len();
        let error = match handshake.receive(bytes) {
            Ok(Progress::Partial) if len > 0 => continue,
            Ok(Progress::Partial) => return,
            Ok(Progress::Complete { consumed, .. }) => {
                if let Ok(answer) = handshake.accept(&Accept::default(), &mut out) {
                    write(out.get(..answer).unwrap_or_default());
                    return echo(&mut Connection::new(barews::Server, &Config::DEFAULT), rx, consumed..len);
                }
                barews::HandshakeError::Upgrade
            }
            Err(error) => error,
        };
        if cfg!(feature = "refusals") {
            let answer = handshake.refuse(error, &mut out);
            write(answer.ok().and_then(|len| out.get(..len)).unwrap_or_default());
        }
        return;
    }
}

#[cfg(feature = "client")]
#[inline(never)]
fn connect(rx: &mut [u8]) {
    use barews::handshake::{ClientConfig, ClientHandshake, ClientRequest, Progress, Uri};

    const SERVER: &str = "ws://example.com/chat";
    #[cfg(not(feature = "constant-uri"))]
    let Ok(uri) = Uri::parse(SERVER) else { return };
    #[cfg(feature = "constant-uri")]
    let Ok(uri) = (const { Uri::parse(SERVER) }) else { return };
    let mut handshake = ClientHandshake::new(&ClientConfig::DEFAULT, random(), [0; 512]);
    let mut out = [0; 256];
    let request = handshake.request(&ClientRequest::new(uri), &mut out);
    write(request.ok().and_then(|len| out.get(..len)).unwrap_or_default());
    loop {
        let bytes = read(rx);
        let len = bytes.len();
        match handshake.receive(bytes) {
            Ok(Progress::Partial) if len > 0 => {}
            Ok(Progress::Complete { consumed, .. }) => {
                if let Ok(mut connection) = handshake.connect(random as fn() -> _, &Config::DEFAULT) {
                    echo(&mut connection, rx, consumed..len);
                }
                return;
            }
            _ => return,
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
fn echo<R: Role>(connection: &mut Connection<R>, rx: &mut [u8], mut unread: Range<usize>) {
    let mut tx = [0; MAX_CONTROL_FRAME];
    #[cfg(feature = "deadlines")]
    let mut deadlines = {
        let mut deadlines =
            barews::deadlines::Deadlines::new(barews::deadlines::Timeouts::MILLISECONDS, footprint::now());
        deadlines.on_open(footprint::now());
        deadlines
    };
    #[cfg(feature = "messages")]
    let (mut messages, mut frame) = (barews::message::MessageBuffer::new([0; 512]), [0; 528]);
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
                #[cfg(not(feature = "messages"))]
                Event::Data(chunk) => {
                    if let Ok(header) = connection.begin_frame(chunk.kind, chunk.last, chunk.payload.len() as u64)
                        && connection.mask_payload(chunk.payload).is_ok()
                    {
                        write(header.as_bytes());
                        write(chunk.payload);
                    }
                }
                #[cfg(feature = "messages")]
                Event::Data(chunk) => match messages.push(chunk) {
                    Ok(Some(message)) => {
                        if let Ok(Written(len)) =
                            connection.write_unvalidated(message.kind, message.payload, &mut frame)
                        {
                            write(frame.get(..len).unwrap_or_default());
                        }
                    }
                    Ok(None) => {}
                    Err(error) => connection.fail(error),
                },
                #[cfg(feature = "deadlines")]
                Event::Pong => drop(deadlines.on_pong(connection.control_payload(), footprint::now())),
                _ => {}
            }
        }
        #[cfg(feature = "deadlines")]
        {
            use barews::deadlines::Timeout;
            let now = footprint::now();
            deadlines.on_state(connection.state(), now);
            match deadlines.handle_timeout(now) {
                Some(Timeout::Ping(payload)) => {
                    let len = connection.write_ping(&payload, &mut tx).map_or(0, Written::len);
                    write(tx.get(..len).unwrap_or_default());
                }
                Some(_) => return,
                None => {}
            }
            write(&deadlines.poll_timeout().unwrap_or(u64::MAX).to_le_bytes()); // the alarm
        }
        match connection.transport() {
            Transport::Keep | Transport::AwaitEof => {}
            Transport::HalfClose | Transport::Close => return,
        }
        let len = read(rx).len();
        if len == 0 {
            let _ = connection.receive_eof();
        }
        #[cfg(feature = "deadlines")]
        deadlines.on_bytes(footprint::now());
        unread = 0..len;
    }
}
