//! An echo, piece by piece, that inflates its messages, deflates them, or both. The feature `server` adds a handshake that
//! negotiates the extension.

#![no_std]
#![no_main]

use core::ops::Range;

use barews::connection::{Chunk, Config, Event, Received, Transport};
use barews::deflate::{Deflater, Direction, Inflater, Level, Parameters, RSV1};
use barews::wire::{MAX_CONTROL_FRAME, Rsv};
use barews::{Connection, Server};
use footprint::{read, write};

const LEVEL: Level = if cfg!(feature = "deflater-large") { Level::LARGE } else { Level::SMALL };
const DEFLATES: bool = cfg!(any(feature = "deflater-small", feature = "deflater-large"));
const WINDOW: usize = LIMITS.client.window_size();
const LIMITS: Parameters = {
    let direction = Direction { window_bits: 9, no_context_takeover: false };
    Parameters { server: direction, client: direction }
};
const CONFIG: Config = Config { extension_rsv: RSV1, ..Config::DEFAULT };

footprint::program!({
    let mut rx = [0; 512];
    loop {
        #[cfg(not(feature = "server"))]
        echo(&mut Connection::new(Server, &CONFIG), LIMITS, &mut rx, 0..0);
        #[cfg(feature = "server")]
        serve(&mut rx);
    }
});

#[cfg(feature = "server")]
#[inline(never)]
fn serve(rx: &mut [u8]) {
    use barews::handshake::{Accept, OriginPolicy, Progress, ServerConfig, ServerHandshake};

    static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::SameOrigin);
    let mut handshake = ServerHandshake::new(&HANDSHAKE, [0; 512]);
    let (mut out, mut value) = ([0; 320], [0; barews::deflate::MAX_RESPONSE]);
    loop {
        let bytes = read(rx);
        let len = bytes.len();
        match handshake.receive(bytes) {
            Ok(Progress::Partial) if len > 0 => {}
            Ok(Progress::Complete { rest, .. }) => {
                let rest = rest.len();
                let agreed = handshake.request().map(|request| LIMITS.accept(request.extensions(), &mut value));
                let Some(Ok(Some((agreed, extensions)))) = agreed else { return };
                let accept = Accept { extensions, ..Accept::default() };
                if let Ok(answer) = handshake.accept(&accept, &mut out) {
                    write(out.get(..answer).unwrap_or_default());
                    let mut connection = Connection::new(Server, &CONFIG);
                    echo(&mut connection, agreed, rx, len.saturating_sub(rest)..len);
                }
                return;
            }
            _ => return,
        }
    }
}

#[inline(never)]
fn echo(connection: &mut Connection<Server>, agreed: Parameters, rx: &mut [u8], mut unread: Range<usize>) {
    let mut tx = [0; MAX_CONTROL_FRAME];
    let mut inflater = Inflater::new([0; WINDOW], agreed.client, 1 << 20);
    let mut deflater = Deflater::new([0; LEVEL.memory(WINDOW)], LEVEL, agreed.server, 0);
    let mut piece = [0; 128];
    loop {
        let mut rest = rx.get_mut(unread).unwrap_or_default();
        loop {
            let received = connection.receive(rest);
            while let len @ 1.. = connection.poll_transmit(&mut tx) {
                write(tx.get(..len).unwrap_or_default());
            }
            let Ok(Received { rest: after, event: Some(event) }) = received else { break };
            rest = after;
            let Event::Data(mut chunk) = event else { continue };
            if cfg!(feature = "inflater") {
                loop {
                    match inflater.inflate(&mut chunk, &mut piece) {
                        Ok(Some(piece)) => send(connection, &mut deflater, piece),
                        Ok(None) => break,
                        Err(error) => {
                            connection.fail(error);
                            break;
                        }
                    }
                }
            } else {
                send(connection, &mut deflater, chunk);
            }
        }
        match connection.transport() {
            Transport::Keep | Transport::AwaitEof => {}
            Transport::HalfClose | Transport::Close => return,
        }
        let len = read(rx).len();
        if len == 0 {
            let _ = connection.receive_eof();
        }
        unread = 0..len;
    }
}

fn send(connection: &mut Connection<Server>, deflater: &mut Deflater<[u8; LEVEL.memory(WINDOW)]>, piece: Chunk<'_>) {
    let mut out = [0; 528];
    let (mut rsv, mut payload) = (Rsv::NONE, &mut *piece.payload);
    if DEFLATES {
        let Ok(part) = deflater.deflate_part(payload, piece.last, &mut out) else { return };
        (rsv, payload) = (if piece.first { RSV1 } else { Rsv::NONE }, part);
    }
    if let Ok(header) = connection.begin_frame_with_rsv(piece.kind, piece.last, rsv, payload.len() as u64)
        && connection.mask_payload(payload).is_ok()
    {
        write(header.as_bytes());
        write(payload);
    }
}
