//! Measures the RAM of each type and the stack of each call of the engine. It fills the stack with a pattern, makes the call
//! with the inputs that lead deepest, and counts the words that still have the pattern. Runs in an emulator and prints a line
//! for each measurement.

#![no_std]
#![no_main]

use core::arch::asm;
use core::hint::black_box;
use core::mem::size_of;

use barews::connection::{Chunk, Config, Event, MessageKind, Outgoing, Received, Receiver, Transmitter};
use barews::deadlines::{Deadlines, Timeouts};
use barews::deflate::{Deflater, Direction, Inflater, Level, RSV1};
use barews::handshake::{
    Accept, ClientConfig, ClientHandshake, ClientRequest, OriginPolicy, Progress, ServerConfig, ServerHandshake, Uri,
    accept_key,
};
use barews::message::MessageBuffer;
use barews::session::Session;
use barews::wire::{CloseCode, MAX_CONTROL_FRAME};
use barews::{Client, Connection, HandshakeError, ProtocolError, Role, Server};
use semihosting::println;

type Keys = fn() -> [u8; 4];

footprint::program!({
    sizes();
    uri();
    let (server, client) = (server_handshake(), client_handshake());
    connection("server", server);
    connection("client", client);
    let keys: Keys = || black_box([1, 2, 3, 4]);
    failing("server", [(); 2].map(|()| Connection::new(Server, &Config::DEFAULT)));
    failing("client", [(); 2].map(|()| Connection::new(Client(keys), &Config::DEFAULT)));
    deadlines();
    deflate();
    semihosting::process::exit(0)
});

/// Returns the bytes of stack that `call` takes, including the frame of its caller.
#[inline(never)]
fn depth(call: impl FnOnce()) -> usize {
    unsafe extern "C" {
        static mut stack_end: u32;
    }
    const PAINT: u32 = 0xc5c5_c5c5;
    let bottom = &raw mut stack_end;
    let top: usize;
    // SAFETY: reads the stack pointer.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("mov {}, sp", out(reg) top);
        #[cfg(target_arch = "riscv32")]
        asm!("mv {}, sp", out(reg) top);
    }
    let words = (top - bottom as usize) / size_of::<u32>();
    for word in 0..words {
        // SAFETY: this memory is between the variables and the used stack, and there are no interrupts.
        unsafe { bottom.add(word).write_volatile(PAINT) };
    }
    made(call);
    // SAFETY: as above.
    let unused = (0..words).take_while(|word| unsafe { bottom.add(*word).read_volatile() == PAINT }).count();
    top - (bottom as usize + unused * size_of::<u32>())
}

#[inline(never)]
fn made(call: impl FnOnce()) {
    call();
}

/// Makes the call, prints the stack that it took, and returns its result.
macro_rules! measured {
    ($role:expr, $name:expr, $call:expr) => {{
        let mut result = None;
        let depth = depth(|| result = Some($call));
        println!("stack {}, {}: {}", $role, $name, depth);
        match result {
            Some(result) => result,
            None => semihosting::process::exit(1),
        }
    }};
}

fn sizes() {
    println!("size server's connection: {}", size_of::<Connection<Server>>());
    println!("size client's connection: {}", size_of::<Connection<Client<Keys>>>());
    println!("size receiver: {}", size_of::<Receiver<Server>>());
    println!("size transmitter: {}", size_of::<Transmitter<Server>>());
    println!("size server's handshake beside its storage: {}", size_of::<ServerHandshake<'_, [u8; 0]>>());
    println!("size client's handshake beside its storage: {}", size_of::<ClientHandshake<'_, [u8; 0]>>());
    println!("size deadlines: {}", size_of::<Deadlines>());
    println!("size server's session beside its storage: {}", size_of::<Session<'_, Server, [u8; 0]>>());
    println!("size client's session beside its storage: {}", size_of::<Session<'_, Client<Keys>, [u8; 0]>>());
    println!("size message buffer beside its storage: {}", size_of::<MessageBuffer<[u8; 0]>>());
    println!("size event: {}", size_of::<Event<'_>>());
    println!("size inflater beside its window: {}", size_of::<Inflater<[u8; 0]>>());
    println!("size deflater beside its memory: {}", size_of::<Deflater<[u8; 0]>>());
}

fn uri() {
    let parsed =
        measured!("client", "Uri::parse", Uri::parse(black_box("ws://[2001:db8::192.0.2.1]:8080/a%20b?c=%20d")));
    black_box(parsed.is_ok());
    black_box(measured!("server", "accept_key", accept_key(black_box(b"dGhlIHNhbXBsZSBub25jZQ=="))));
}

const REQUEST: &[u8] =
    b"GET http://[::1]:80/chat HTTP/1.1\r\nHost: [::1]:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Origin: http://[::1]:80\r\nCookie: a=b\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: superchat, chat\r\n\
    Sec-WebSocket-Extensions: a; b=c, d; e=\"f\"\r\n\r\n";

fn server_handshake() -> Connection<Server> {
    static CONFIG: ServerConfig<'_> =
        ServerConfig { subprotocols: &["chat"], keep: &["cookie"], ..ServerConfig::new(OriginPolicy::SameOrigin) };
    let mut out = [0; 512];
    let mut handshake = ServerHandshake::new(black_box(&CONFIG), [0; 512]);
    let mut bytes = [0; 512];
    let request = copied(REQUEST, &mut bytes);
    let (start, end) = request.split_at_mut(REQUEST.len() / 2);
    black_box(measured!("server", "handshake.receive", handshake.receive(start)).is_ok());
    match measured!("server", "handshake.receive", handshake.receive(end)) {
        Ok(Progress::Complete { .. }) => {}
        _ => fail("the request"),
    }
    let Some(request) = measured!("server", "handshake.request", handshake.request()) else { fail("the request") };
    black_box(measured!("server", "request.field", request.field(black_box("Cookie"))));
    black_box(measured!("server", "request.subprotocol", request.subprotocol()));
    black_box(measured!("server", "request.subprotocols", request.subprotocols().count()));
    black_box(measured!(
        "server",
        "request.extensions",
        request.extensions().map(|e| e.params().count()).sum::<usize>()
    ));

    let mut refused = ServerHandshake::new(black_box(&CONFIG), [0; 512]);
    let mut bad = *b"GET / HTTP/3.0\r\n";
    black_box(measured!("server", "handshake.receive", refused.receive(&mut bad)).is_err());
    let answer = measured!("server", "handshake.refuse", refused.refuse(black_box(HandshakeError::Version), &mut out));
    black_box(answer.is_ok());
    let mut answered = ServerHandshake::new(black_box(&CONFIG), [0; 512]);
    let fields = [("Content-Type", "text/plain")];
    black_box(
        measured!("server", "handshake.respond", answered.respond(200, black_box(&fields), b"hello", &mut out)).is_ok(),
    );

    let accept = Accept { extensions: "d; e=f", fields: &[("Set-Cookie", "a=b")], ..Accept::default() };
    let part = measured!("server", "handshake.accept_part", handshake.accept_part(black_box(&accept), 9, &mut out));
    let whole = measured!("server", "handshake.accept", handshake.accept(black_box(&accept), &mut out));
    if part.is_err() || whole.is_err() {
        fail("accept");
    }
    measured!("server", "Connection::new", Connection::new(Server, black_box(&Config::DEFAULT)))
}

const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: a; b=c\r\nSec-WebSocket-Accept: ";

fn client_handshake() -> Connection<Client<Keys>> {
    let mut out = [0; 512];
    let Ok(uri) = Uri::parse("ws://[::1]:8080/chat?a=b") else { fail("the URI") };
    let config =
        ClientConfig { subprotocols: &["chat", "superchat"], extensions: "a; b=c, d", ..ClientConfig::DEFAULT };
    let request =
        ClientRequest { origin: Some("http://example.com"), fields: &[("Cookie", "a=b")], ..ClientRequest::new(uri) };
    let (config, request) = black_box((config, request));
    let mut handshake = ClientHandshake::new(&config, [7; 16], [0; 512]);
    let Ok(len) = measured!("client", "handshake.request", handshake.request(&request, &mut out)) else {
        fail("the request")
    };
    let mut key = [0; 24];
    let place = out[..len].windows(5).position(|text| text == b"Key: ").map_or(0, |at| at + 5);
    key.copy_from_slice(&out[place..place + 24]);
    let Some(accept) = accept_key(&key) else { fail("the key") };

    let mut bytes = [0; 512];
    let mut end = copied(RESPONSE, &mut bytes).len();
    end += copied(&accept, &mut bytes[end..]).len();
    end += copied(b"\r\n\r\n", &mut bytes[end..]).len();
    match measured!("client", "handshake.receive", handshake.receive(&mut bytes[..end])) {
        Ok(Progress::Complete { .. }) => {}
        _ => fail("the response"),
    }
    let Some(response) = measured!("client", "handshake.response", handshake.response()) else { fail("the response") };
    black_box(measured!("client", "response.subprotocol", response.subprotocol()));
    black_box(measured!("client", "response.field", response.field(black_box("location"))));
    black_box(measured!(
        "client",
        "response.extensions",
        response.extensions().map(|e| e.params().count()).sum::<usize>()
    ));
    let keys: Keys = || black_box([1, 2, 3, 4]);
    match measured!("client", "handshake.connect", handshake.connect(keys, black_box(&Config::DEFAULT))) {
        Ok(connection) => connection,
        Err(_) => fail("connect"),
    }
}

/// Receives all of `input`, which is masked as role `R` expects it, and drains.
fn receive<R: Role>(role: &str, what: &str, connection: &mut Connection<R>, input: &[u8]) {
    let (mut bytes, mut tx) = ([0; 256], [0; MAX_CONTROL_FRAME]);
    let mut rest = copied(input, &mut bytes);
    loop {
        let received = measured!(role, format_args!("receive, {what}"), connection.receive(rest));
        let len = measured!(role, "poll_transmit", connection.poll_transmit(&mut tx));
        black_box(len);
        match received {
            Ok(Received { rest: after, event: Some(_) }) => rest = after,
            _ => return,
        }
    }
}

/// Returns a frame for role `R`. If it must be masked, its key is zero, so that the payload stays readable.
fn frame<'i, R: Role>(first: u8, payload: &[u8], input: &'i mut [u8; 256]) -> &'i [u8] {
    let mut end = 2;
    input[0] = first;
    input[1] = payload.len().min(126) as u8;
    if payload.len() > 125 {
        input[2..4].copy_from_slice(&(payload.len() as u16).to_be_bytes());
        end = 4;
    }
    if R::IS_SERVER {
        input[1] |= 0x80;
        input[end..end + 4].fill(0);
        end += 4;
    }
    end += copied(payload, &mut input[end..]).len();
    &input[..end]
}

fn connection<R: Role>(role: &str, mut connection: Connection<R>) {
    let mut input = [0; 256];
    let text = "text that is not all ASCII: \u{2014}";
    receive(role, "a text", &mut connection, frame::<R>(0x81, text.as_bytes(), &mut input));
    receive(role, "a long text", &mut connection, frame::<R>(0x81, &[b'x'; 200], &mut input));
    receive(role, "a first fragment", &mut connection, frame::<R>(0x01, text.as_bytes(), &mut input));
    receive(role, "a Ping", &mut connection, frame::<R>(0x89, &[b'x'; 125], &mut input));
    receive(role, "a last fragment", &mut connection, frame::<R>(0x80, text.as_bytes(), &mut input));
    receive(role, "a Pong", &mut connection, frame::<R>(0x8a, &[b'x'; 125], &mut input));
    for byte in frame::<R>(0x82, b"piecemeal", &mut input) {
        receive(role, "a byte", &mut connection, &[*byte]);
    }
    black_box(measured!(role, "control_payload", connection.control_payload()));
    black_box(measured!(role, "unread_payload", connection.unread_payload()));

    let mut out = [0; 256];
    let kind = black_box(MessageKind::Text);
    let body = black_box(&[b'x'; 200]);
    black_box(measured!(role, "write_unvalidated", connection.write_unvalidated(kind, body, &mut out)).is_ok());
    let mut outgoing = Outgoing::unvalidated(kind, body);
    black_box(measured!(role, "write_fragment", connection.write_fragment(&mut outgoing, &mut out[..100])).is_ok());
    black_box(measured!(role, "write_fragment", connection.write_fragment(&mut outgoing, &mut out)).is_ok());
    black_box(measured!(role, "begin_frame", connection.begin_frame(kind, true, black_box(200))).is_ok());
    black_box(measured!(role, "mask_payload", connection.mask_payload(&mut out[..200])).is_ok());
    black_box(measured!(role, "write_ping", connection.write_ping(black_box(&[b'x'; 125]), &mut out)).is_ok());
    black_box(measured!(role, "write_pong", connection.write_pong(black_box(&[b'x'; 125]), &mut out)).is_ok());

    let (mut receiver, mut transmitter) = measured!(role, "split", connection.split());
    let mut bytes = [0; 256];
    let ping = copied(frame::<R>(0x89, &[b'x'; 125], &mut input), &mut bytes);
    black_box(measured!(role, "receiver.receive", receiver.receive(ping)).is_ok());
    match measured!(role, "take_reply", receiver.take_reply()) {
        Some(reply) => black_box(measured!(role, "write_reply", transmitter.write_reply(&reply, &mut out)).is_ok()),
        None => fail("a reply"),
    };
    let mut messages = MessageBuffer::new([0; 256]);
    for (first, what) in [(0x01, "a first fragment"), (0x80, "a last fragment")] {
        let fragment = copied(frame::<R>(first, text.as_bytes(), &mut input), &mut bytes);
        let Ok(Received { event: Some(Event::Data(chunk)), .. }) = receiver.receive(fragment) else { fail("a chunk") };
        black_box(measured!(role, format_args!("push, {what}"), messages.push(chunk)).is_ok());
    }
    let close = copied(frame::<R>(0x88, b"\x03\xe8done", &mut input), &mut bytes);
    black_box(measured!(role, "receive, a Close", receiver.receive(close)).is_ok());
    let code = black_box(CloseCode::NORMAL);
    black_box(measured!(role, "write_close", transmitter.write_close(code, black_box("done"), &mut out)).is_ok());
    black_box(measured!(role, "state", receiver.state(true)));
    black_box(measured!(role, "transport", receiver.transport(true)));
    black_box(measured!(role, "close_reason", receiver.close_reason()));
    black_box(measured!(role, "receive_eof", receiver.receive_eof()).is_ok());
}

/// Fails connections: because the input breaks a rule, and because the host calls `fail`.
fn failing<R: Role>(role: &str, mut connections: [Connection<R>; 2]) {
    let [first, second] = &mut connections;
    receive(role, "an error", first, &[0x8f]);
    receive(role, "an error", first, &[0x00]);
    measured!(role, "fail", second.fail(black_box(ProtocolError::MessageTooBig)));
    black_box(measured!(role, "receive_eof", second.receive_eof()).is_err());
}

fn deadlines() {
    let mut deadlines = measured!("either", "Deadlines::new", Deadlines::new(black_box(Timeouts::MILLISECONDS), 0));
    measured!("either", "deadlines.on_open", deadlines.on_open(1));
    measured!("either", "deadlines.on_bytes", deadlines.on_bytes(2));
    black_box(measured!("either", "deadlines.handle_timeout", deadlines.handle_timeout(black_box(1 << 40))));
    black_box(measured!("either", "deadlines.on_pong", deadlines.on_pong(black_box(&[0, 0, 0, 1]), 3)));
    black_box(measured!("either", "deadlines.poll_timeout", deadlines.poll_timeout()));
    measured!("either", "deadlines.on_state", deadlines.on_state(black_box(barews::connection::State::Closing), 4));
}

fn deflate() {
    let direction = Direction { window_bits: 9, ..Direction::DEFAULT };
    let text = black_box(b"{\"sensor\":7,\"value\":93},{\"sensor\":8,\"value\":94},{\"sensor\":9,\"value\":95}");
    let (mut out, mut piece) = ([0; 256], [0; 256]);
    let mut inflater = Inflater::new([0; 512], direction, 4096);
    let (small, large) = ([0; Level::SMALL.memory(512)], [0; Level::LARGE.memory(512)]);
    let mut small = Deflater::new(small, Level::SMALL, direction, 0);
    let mut large = Deflater::new(large, Level::LARGE, direction, 0);
    for _ in 0..2 {
        let Ok(part) =
            measured!("either", "deflater.deflate_part, Level::LARGE", large.deflate_part(text, true, &mut out))
        else {
            fail("to deflate")
        };
        let mut chunk = Chunk { kind: MessageKind::Text, first: true, last: true, rsv: RSV1, payload: part };
        while let Ok(Some(chunk)) = measured!("either", "inflater.inflate", inflater.inflate(&mut chunk, &mut piece)) {
            if chunk.payload != text {
                fail("to inflate");
            }
        }
    }
    black_box(
        measured!("either", "deflater.deflate_part, Level::SMALL", small.deflate_part(text, true, &mut out)).is_ok(),
    );
}

fn copied<'b>(from: &[u8], to: &'b mut [u8]) -> &'b mut [u8] {
    let to = &mut to[..from.len()];
    to.copy_from_slice(from);
    to
}

fn fail(what: &str) -> ! {
    println!("failed: {what}");
    semihosting::process::exit(1)
}
