//! An echo, chunk by chunk, in either role, with deadlines, answers to bad requests and reports of failures, made from a
//! session.

#![no_std]
#![no_main]

use barews::connection::Transport;
use barews::deadlines::Timeouts;
use barews::session::{Event, Received, Session, SessionRole};
use barews::wire::MAX_CONTROL_FRAME;
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

#[cfg(feature = "server")]
#[inline(never)]
fn serve(rx: &mut [u8]) {
    use barews::connection::Config;
    use barews::handshake::{Accept, OriginPolicy, ServerConfig};

    static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);
    let mut session = Session::server(&CONFIG, [0; 512], Timeouts::MILLISECONDS, now());
    run(&mut session, rx, |session| session.accept(&Accept::default(), &Config::DEFAULT).is_ok());
}

#[cfg(feature = "client")]
#[inline(never)]
fn connect(rx: &mut [u8]) {
    use barews::connection::Config;
    use barews::handshake::{ClientConfig, ClientRequest, Uri};

    let Ok(uri) = Uri::parse("ws://example.com/chat") else { return };
    let request = ClientRequest::new(uri);
    let config = &ClientConfig::DEFAULT;
    let Ok(mut session) = Session::client(config, &request, random(), [0; 512], Timeouts::MILLISECONDS, now()) else {
        return;
    };
    run(&mut session, rx, |session| session.connect(random as fn() -> _, &Config::DEFAULT).is_ok());
}

#[cfg(feature = "client")]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    footprint::random(&mut bytes);
    bytes
}

#[inline(never)]
fn run<R: SessionRole>(
    session: &mut Session<'_, R, [u8; 512]>,
    rx: &mut [u8],
    answer: impl Fn(&mut Session<'_, R, [u8; 512]>) -> bool,
) {
    let mut tx = [0; MAX_CONTROL_FRAME];
    let mut unread = 0..0;
    loop {
        while let len @ 1.. = session.poll_transmit(&mut tx) {
            write(tx.get(..len).unwrap_or_default());
        }
        match session.transport() {
            Transport::Keep | Transport::AwaitEof => {}
            Transport::HalfClose | Transport::Close => return,
        }
        let end = unread.end;
        let Received { rest, event, .. } = session.receive(rx.get_mut(unread.clone()).unwrap_or_default(), now());
        unread.start = end.saturating_sub(rest.len());
        match event {
            Some(Event::Request | Event::Response) => {
                if !answer(session) {
                    return;
                }
            }
            Some(Event::Data(chunk)) => {
                if let Ok(connection) = session.sender(now())
                    && let Ok(header) = connection.frame(chunk.kind, chunk.last, chunk.payload)
                {
                    write(header.as_bytes());
                    write(chunk.payload);
                }
            }
            Some(Event::Failed(error)) => write(&[error.fault() as u8]),
            Some(_) => {}
            None => {
                write(&session.poll_timeout().unwrap_or(u64::MAX).to_le_bytes()); // the alarm
                unread = 0..read(rx).len();
                if unread.is_empty() {
                    session.receive_eof(now());
                }
            }
        }
    }
}
