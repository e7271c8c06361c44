//! The same random streams through the C functions and through the engine give the same events, bytes and answers.
#![allow(unsafe_code, reason = "calls a C interface")]

use std::ffi::{CStr, c_void};
use std::mem::zeroed;
use std::ptr::{null, null_mut};

use barews::connection::{Config, Connection, Event as Incoming, MessageKind, State, Transport};
use barews::deadlines::Timeouts;
use barews::handshake::{Accept, ClientConfig, ClientRequest, OriginPolicy, ServerConfig, Uri, accept_key};
use barews::message::{Incoming as Whole, ReceiveBuffer};
use barews::session::{Event, Session, SessionRole};
use barews::wire::{CloseCode, Rsv};
use barews::{Client, SendError, Server};
use barews_c::*;

const ROUNDS: u64 = 3000;

/// xorshift64*: the streams are the same at each run.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end.max(1)
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// Appends a frame.
fn frame(stream: &mut Vec<u8>, first: u8, payload: &[u8], mask: Option<[u8; 4]>) {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    stream.push(first);
    match payload.len() {
        len @ ..126 => stream.push(bit | len as u8),
        len @ ..0x1_0000 => {
            stream.push(bit | 126);
            stream.extend((len as u16).to_be_bytes());
        }
        len => {
            stream.push(bit | 127);
            stream.extend((len as u64).to_be_bytes());
        }
    }
    let mask = mask.inspect(|mask| stream.extend(mask)).unwrap_or_default();
    stream.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Returns frames, most of them valid.
fn stream(random: &mut Random, masked: bool) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut inside = false;
    for _ in 0..random.below(12) {
        let mask = (masked == (random.below(60) > 0)).then(|| [random.below(256) as u8, 2, 3, random.below(256) as u8]);
        let len = random.one_of(&[0, 1, 5, 20, 125, 126, 300, 2000, 70_000]);
        let control = len.min(random.one_of(&[0, 1, 4, 125]));
        let text: Vec<u8> = "Grüße, ".bytes().cycle().take(random.below(len + 1)).collect();
        match random.below(24) {
            0..4 => frame(&mut stream, 0x89, &text[..text.len().min(control)], mask),
            4..6 => frame(&mut stream, 0x8A, &text[..text.len().min(control)], mask),
            6 => frame(&mut stream, 0x88, random.one_of(&[&b""[..], b"\x03\xE8bye", b"\x03", b"\x03\xEC"]), mask),
            7 => stream.extend([0x81, 0xFF, random.below(256) as u8, 1, 2]),
            8 => frame(&mut stream, random.below(256) as u8, &text, mask),
            kind => {
                let fin = random.below(2) as u8 * 0x80;
                let opcode = if inside { 0 } else { 1 + (kind as u8 & 1) };
                frame(&mut stream, fin | opcode, &text, mask);
                inside = fin == 0;
            }
        }
    }
    stream
}

/// An event in a form that both sides have.
#[derive(PartialEq, Debug, Default)]
struct Shown {
    kind: &'static str,
    payload: Vec<u8>,
    numbers: [u64; 5],
    error: String,
}

fn shown(kind: &'static str) -> Shown {
    Shown { kind, ..Shown::default() }
}

/// `MessageTooBig` as MESSAGE_TOO_BIG.
fn upper(name: &str) -> String {
    let mut upper = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            upper.push('_');
        }
        upper.extend(letter.to_uppercase());
    }
    upper
}

/// The name of an error, made of the engine's own, apart from the tables of the crate.
fn name(error: Option<barews::session::Error>) -> String {
    let text = error.map_or("OK".into(), |error| format!("{error:?}"));
    let (kind, rest) = text.trim_end_matches(')').split_once('(').unwrap_or((&text, ""));
    match kind {
        "OK" => "BAREWS_OK".into(),
        "Protocol" => format!("BAREWS_ERR_{}", upper(rest)),
        "Unanswered" => "BAREWS_ERR_UNANSWERED".into(),
        _ => format!("BAREWS_ERR_{}_{}", upper(kind), upper(rest)),
    }
}

fn code_name(code: barews_error) -> String {
    // SAFETY: the function returns a string with a NUL.
    unsafe { CStr::from_ptr(barews_error_name(code)) }.to_str().unwrap().into()
}

fn of_c(event: &barews_event) -> Shown {
    let payload = match event.len {
        0 => Vec::new(),
        // SAFETY: the function that filled the event says so.
        len => unsafe { std::slice::from_raw_parts(event.payload, len) }.to_vec(),
    };
    let error = if event.error == BAREWS_OK { String::new() } else { code_name(event.error) };
    let flags = u64::from(event.first) * 2 + u64::from(event.last);
    let (kind, numbers) = match event.kind {
        BAREWS_EVENT_NONE => ("none", [0; 5]),
        BAREWS_EVENT_DATA => ("data", [event.opcode.into(), event.rsv.into(), flags, 0, 0]),
        BAREWS_EVENT_PING => ("ping", [event.cut.into(), 0, 0, 0, 0]),
        BAREWS_EVENT_PONG => ("pong", [event.cut.into(), event.round_trip, 0, 0, 0]),
        BAREWS_EVENT_CLOSE => ("close", [event.close_code.into(), 0, 0, 0, 0]),
        BAREWS_EVENT_EXTENSION_CONTROL => ("control", [event.opcode.into(), 0, 0, 0, 0]),
        BAREWS_EVENT_REQUEST => ("request", [0; 5]),
        BAREWS_EVENT_RESPONSE => ("response", [0; 5]),
        BAREWS_EVENT_KEEP_ALIVE => ("keep alive", [0; 5]),
        BAREWS_EVENT_IDLE => ("idle", [0; 5]),
        BAREWS_EVENT_FAILED => ("failed", [0; 5]),
        BAREWS_EVENT_OVER => ("over", [0; 5]),
        kind => panic!("{kind}"),
    };
    Shown { kind, payload, numbers, error }
}

fn of_data(kind: MessageKind, rsv: Rsv, first: bool, last: bool, payload: &[u8]) -> Shown {
    let flags = u64::from(first) * 2 + u64::from(last);
    let numbers = [kind.opcode().bits().into(), rsv.bits().into(), flags, 0, 0];
    Shown { payload: payload.to_vec(), numbers, ..shown("data") }
}

fn of_control<R: SessionRole>(connection: &Connection<R>, kind: &'static str, round_trip: u64) -> Shown {
    let payload = connection.control_payload().to_vec();
    Shown { payload, numbers: [connection.is_control_payload_cut().into(), round_trip, 0, 0, 0], ..shown(kind) }
}

fn of_close<R: SessionRole>(connection: &Connection<R>, code: Option<CloseCode>) -> Shown {
    let numbers = [code.map_or(0, |code| code.0.into()), 0, 0, 0, 0];
    Shown { payload: connection.close_reason().into(), numbers, ..shown("close") }
}

fn of_session<R: SessionRole>(session: &Session<'_, R, Vec<u8>>, event: Option<Event<'_>>) -> Shown {
    let connection = session.connection();
    match event {
        None => shown("none"),
        Some(Event::Data(chunk)) => of_data(chunk.kind, chunk.rsv, chunk.first, chunk.last, chunk.payload),
        Some(Event::Ping) => of_control(connection.unwrap(), "ping", 0),
        Some(Event::Pong(ticks)) => of_control(connection.unwrap(), "pong", ticks.unwrap_or(u64::MAX)),
        Some(Event::Close(code)) => of_close(connection.unwrap(), code),
        Some(Event::Request) => shown("request"),
        Some(Event::Response) => shown("response"),
        Some(Event::KeepAlive) => shown("keep alive"),
        Some(Event::Idle) => shown("idle"),
        Some(Event::Failed(error)) => Shown { error: name(Some(error)), ..shown("failed") },
        Some(Event::Over) => {
            let error = session.error().map_or(String::new(), |error| name(Some(error)));
            Shown { error, ..shown("over") }
        }
        Some(event) => panic!("{event:?}"),
    }
}

type Written<T> = unsafe extern "C" fn(*mut T, u8, *const u8, usize, u64, *mut u8, usize, *mut usize) -> barews_error;

/// The functions of a role.
struct Api<T> {
    receive: unsafe extern "C" fn(*mut T, *mut u8, usize, u64, *mut barews_event) -> usize,
    receive_eof: unsafe extern "C" fn(*mut T, u64) -> barews_error,
    poll_transmit: unsafe extern "C" fn(*mut T, *mut u8, usize) -> usize,
    poll_timeout: unsafe extern "C" fn(*const T) -> u64,
    transport: unsafe extern "C" fn(*const T) -> barews_transport,
    state: unsafe extern "C" fn(*const T) -> barews_state,
    is_due: unsafe extern "C" fn(*const T) -> bool,
    is_clean: unsafe extern "C" fn(*const T) -> bool,
    unread_payload: unsafe extern "C" fn(*const T) -> u64,
    buffered_amount: unsafe extern "C" fn(*const T) -> u64,
    close_code: unsafe extern "C" fn(*const T) -> u16,
    error: unsafe extern "C" fn(*const T) -> barews_error,
    write_message: Written<T>,
    write_unvalidated: Written<T>,
    write_close: unsafe extern "C" fn(*mut T, u16, barews_str, u64, *mut u8, usize, *mut usize) -> barews_error,
    write_ping: unsafe extern "C" fn(*mut T, *const u8, usize, u64, *mut u8, usize, *mut usize) -> barews_error,
    begin_frame: unsafe extern "C" fn(*mut T, u8, bool, u8, u64, u64, *mut u8, usize, *mut usize) -> barews_error,
    mask_payload: unsafe extern "C" fn(*mut T, *mut u8, usize, u64) -> barews_error,
}

macro_rules! api {
    ($receive:ident, $receive_eof:ident, $poll_transmit:ident, $poll_timeout:ident, $transport:ident,
     $state:ident, $is_due:ident, $is_clean:ident, $unread_payload:ident, $buffered_amount:ident, $close_code:ident,
     $error:ident, $write_message:ident, $write_unvalidated:ident, $write_close:ident, $write_ping:ident,
     $begin_frame:ident, $mask_payload:ident) => {
        Api {
            receive: $receive,
            receive_eof: $receive_eof,
            poll_transmit: $poll_transmit,
            poll_timeout: $poll_timeout,
            transport: $transport,
            state: $state,
            is_due: $is_due,
            is_clean: $is_clean,
            unread_payload: $unread_payload,
            buffered_amount: $buffered_amount,
            close_code: $close_code,
            error: $error,
            write_message: $write_message,
            write_unvalidated: $write_unvalidated,
            write_close: $write_close,
            write_ping: $write_ping,
            begin_frame: $begin_frame,
            mask_payload: $mask_payload,
        }
    };
}

const SERVER: Api<barews_server> = api!(
    barews_server_receive,
    barews_server_receive_eof,
    barews_server_poll_transmit,
    barews_server_poll_timeout,
    barews_server_transport,
    barews_server_state,
    barews_server_is_due,
    barews_server_is_clean,
    barews_server_unread_payload,
    barews_server_buffered_amount,
    barews_server_close_code,
    barews_server_error,
    barews_server_write_message,
    barews_server_write_unvalidated,
    barews_server_write_close,
    barews_server_write_ping,
    barews_server_begin_frame,
    barews_server_mask_payload
);

const CLIENT: Api<barews_client> = api!(
    barews_client_receive,
    barews_client_receive_eof,
    barews_client_poll_transmit,
    barews_client_poll_timeout,
    barews_client_transport,
    barews_client_state,
    barews_client_is_due,
    barews_client_is_clean,
    barews_client_unread_payload,
    barews_client_buffered_amount,
    barews_client_close_code,
    barews_client_error,
    barews_client_write_message,
    barews_client_write_unvalidated,
    barews_client_write_close,
    barews_client_write_ping,
    barews_client_begin_frame,
    barews_client_mask_payload
);

/// Compares a send call: the error's name, the length that is needed, and the bytes.
fn same_output(c: (barews_error, usize, &[u8]), rust: Result<usize, SendError>, out: &[u8]) {
    let (code, len, bytes) = c;
    match rust {
        Ok(written) => {
            assert_eq!((code_name(code), len), ("BAREWS_OK".into(), written));
            assert_eq!(bytes[..len], out[..len]);
        }
        Err(SendError::BufferTooSmall { need }) => {
            assert_eq!((code_name(code), len), ("BAREWS_ERR_BUFFER_TOO_SMALL".into(), need));
        }
        Err(error) => assert_eq!(code_name(code), format!("BAREWS_ERR_SEND_{}", upper(&format!("{error:?}")))),
    }
}

/// A session in C beside one of the engine.
struct Pair<'a, T, R: SessionRole> {
    api: &'a Api<T>,
    c: T,
    rust: Session<'a, R, Vec<u8>>,
    now: u64,
}

impl<T, R: SessionRole> Pair<'_, T, R> {
    fn same_state(&self) {
        let (api, c, rust) = (self.api, &raw const self.c, &self.rust);
        let connection = rust.connection();
        // SAFETY: the object is initialised.
        unsafe {
            assert_eq!((api.poll_timeout)(c), rust.poll_timeout().unwrap_or(BAREWS_NEVER));
            assert_eq!(
                (api.transport)(c),
                match rust.transport() {
                    Transport::Keep => BAREWS_TRANSPORT_KEEP,
                    Transport::HalfClose => BAREWS_TRANSPORT_HALF_CLOSE,
                    Transport::AwaitEof => BAREWS_TRANSPORT_AWAIT_EOF,
                    Transport::Close => BAREWS_TRANSPORT_CLOSE,
                }
            );
            assert_eq!(
                (api.state)(c),
                match connection.map(Connection::state) {
                    None => BAREWS_STATE_CONNECTING,
                    Some(State::Open) => BAREWS_STATE_OPEN,
                    Some(State::Closing) => BAREWS_STATE_CLOSING,
                    Some(State::Closed) => BAREWS_STATE_CLOSED,
                }
            );
            assert_eq!((api.is_due)(c), rust.is_due());
            assert_eq!((api.is_clean)(c), connection.is_some_and(Connection::is_clean));
            assert_eq!((api.unread_payload)(c), connection.map_or(0, Connection::unread_payload));
            assert_eq!((api.buffered_amount)(c), connection.map_or(0, Connection::buffered_amount));
            let close = connection.and_then(Connection::close_code).map_or(0, |code| code.0);
            assert_eq!((api.close_code)(c), close);
            assert_eq!(code_name((api.error)(c)), name(rust.error()));
        }
    }

    /// Writes what is due with outputs of this size. Returns the bytes.
    fn drain(&mut self, size: usize) -> Vec<u8> {
        let mut all = [Vec::new(), Vec::new()];
        let mut out = vec![0; size];
        // SAFETY: the object is initialised, and the output has this length.
        while let len @ 1.. = unsafe { (self.api.poll_transmit)(&mut self.c, out.as_mut_ptr(), out.len()) } {
            all[0].extend(&out[..len]);
        }
        while let len @ 1.. = self.rust.poll_transmit(&mut out) {
            all[1].extend(&out[..len]);
        }
        assert_eq!(all[0], all[1]);
        self.same_state();
        all.into_iter().next().unwrap()
    }

    /// Passes bytes until there is no event. Calls `open` when the head is complete. Returns the kinds of the events.
    fn receive(
        &mut self,
        bytes: &[u8],
        mut open: impl FnMut(&mut T, &mut Session<'_, R, Vec<u8>>),
    ) -> Vec<&'static str> {
        let (mut left, mut right) = (bytes.to_vec(), bytes.to_vec());
        let (mut at, mut kinds) = (0, Vec::new());
        loop {
            // SAFETY: all zeros is an event.
            let mut event: barews_event = unsafe { zeroed() };
            let (rest, len) = (left[at..].as_mut_ptr(), left.len() - at);
            // SAFETY: the object is initialised, and there are these bytes.
            let took = unsafe { (self.api.receive)(&mut self.c, rest, len, self.now, &mut event) };
            let got = self.rust.receive(&mut right[at..], self.now);
            assert_eq!((took, event.is_due), (len - got.rest.len(), got.is_due));
            let ours = match got.event {
                Some(Event::Data(chunk)) => of_data(chunk.kind, chunk.rsv, chunk.first, chunk.last, chunk.payload),
                event => of_session(&self.rust, event),
            };
            let theirs = of_c(&event);
            assert_eq!(theirs, ours);
            at += took;
            if matches!(ours.kind, "request" | "response") {
                open(&mut self.c, &mut self.rust);
            }
            if ours.kind == "none" {
                break;
            }
            kinds.push(ours.kind);
        }
        assert_eq!(left, right); // unmasked in place alike
        self.same_state();
        kinds
    }

    /// Sends something.
    fn send(&mut self, random: &mut Random) {
        let (mut left, mut right) = (vec![0xEE; 400], vec![0xEE; 400]);
        let room = random.one_of(&[0, 1, 2, 10, 100, 400]);
        let body: Vec<u8> = "Grüße, ".bytes().cycle().take(random.one_of(&[0, 1, 8, 8, 130, 380])).collect();
        let (now, mut len) = (self.now, 0);
        let (c, api) = (&raw mut self.c, self.api);
        // SAFETY: in this function: the object is initialised, and each pointer has this much memory.
        match random.below(8) {
            0..3 => {
                let text = std::str::from_utf8(&body);
                let code = unsafe {
                    (api.write_message)(
                        c,
                        BAREWS_TEXT,
                        body.as_ptr(),
                        body.len(),
                        now,
                        left.as_mut_ptr(),
                        room,
                        &mut len,
                    )
                };
                let Ok(text) = text else {
                    assert!(code != BAREWS_OK);
                    // The engine's call is the one that passes the time.
                    let _sender = self.rust.sender(now);
                    return self.same_state();
                };
                let sent = self.rust.sender(now).and_then(|it| it.write_text(text, &mut right[..room]));
                same_output((code, len, &left), sent.map(|it| it.len()), &right);
            }
            3 => {
                let code = unsafe {
                    let (body, size) = (body.as_ptr(), body.len());
                    (api.write_unvalidated)(c, BAREWS_BINARY, body, size, now, left.as_mut_ptr(), room, &mut len)
                };
                let kind = MessageKind::Binary;
                let sent = self.rust.sender(now).and_then(|it| it.write_unvalidated(kind, &body, &mut right[..room]));
                same_output((code, len, &left), sent.map(|it| it.len()), &right);
            }
            4 => {
                let code =
                    unsafe { (api.write_ping)(c, body.as_ptr(), body.len(), now, left.as_mut_ptr(), room, &mut len) };
                let sent = self.rust.sender(now).and_then(|it| it.write_ping(&body, &mut right[..room]));
                same_output((code, len, &left), sent.map(|it| it.len()), &right);
            }
            5 | 6 => {
                let fin = random.below(2) == 0;
                let size = body.len() as u64;
                let code =
                    unsafe { (api.begin_frame)(c, BAREWS_TEXT, fin, 0, size, now, left.as_mut_ptr(), 14, &mut len) };
                let sent = self.rust.sender(now).and_then(|it| it.begin_frame(MessageKind::Text, fin, size));
                let sent = sent.map(|header| {
                    right[..header.as_bytes().len()].copy_from_slice(header.as_bytes());
                    header.as_bytes().len()
                });
                same_output((code, len, &left), sent, &right);
                let (mut a, mut b) = (body.clone(), body.clone());
                for at in [0..body.len() / 3, body.len() / 3..body.len()] {
                    let (part, size) = (a[at.clone()].as_mut_ptr(), at.len());
                    let code = unsafe { (api.mask_payload)(c, part, size, now) };
                    let masked = self.rust.sender(now).and_then(|it| it.mask_payload(&mut b[at]));
                    same_output((code, 0, &[]), masked.map(|()| 0), &[]);
                }
                assert_eq!(a, b);
            }
            _ => {
                let code = random.one_of(&[1000, 1001, 1006, 4000]);
                let reason = barews_str { data: c"bye".as_ptr(), len: 3 };
                let got = unsafe { (api.write_close)(c, code, reason, now, left.as_mut_ptr(), room, &mut len) };
                let sent = self.rust.sender(now);
                let sent = sent.and_then(|it| it.write_close(CloseCode(code), "bye", &mut right[..room]));
                same_output((got, len, &left), sent.map(|it| it.len()), &right);
            }
        }
        self.same_state();
    }

    /// A life after the handshake.
    fn run(&mut self, random: &mut Random, masked: bool) -> Vec<&'static str> {
        let stream = stream(random, masked);
        let (mut at, mut kinds) = (0, Vec::new());
        while at < stream.len() {
            let len = random.one_of(&[1, 2, 7, 200, 100_000]).min(stream.len() - at);
            kinds.extend(self.receive(&stream[at..at + len], |_, _| panic!("a second handshake")));
            at += len;
            if random.below(4) == 0 {
                self.send(random);
            }
            if random.below(3) > 0 {
                let size = random.one_of(&[1, 50, 131, 500]);
                self.drain(size);
            }
            self.now += random.one_of(&[0, 0, 1, 5_000, 19_999, 20_000, 30_000]);
            if random.below(3) == 0 {
                kinds.extend(self.receive(&[], |_, _| panic!("a second handshake")));
            }
        }
        // SAFETY: the object is initialised.
        assert_eq!(unsafe { (self.api.receive_eof)(&mut self.c, self.now) }, BAREWS_OK);
        self.rust.receive_eof(self.now);
        for _ in 0..4 {
            kinds.extend(self.receive(&[], |_, _| panic!("a second handshake")));
            self.drain(131);
            self.now += 30_000;
        }
        kinds
    }
}

fn any_origin() -> barews_server_config {
    // SAFETY: all zeros is a value of these; then the functions fill them.
    unsafe {
        let (mut settings, mut config): (barews_server_settings, barews_server_config) = (zeroed(), zeroed());
        barews_server_settings_init(&mut settings);
        settings.origin = BAREWS_ORIGIN_ANY;
        assert_eq!(barews_server_config_init(&mut config, &settings), BAREWS_OK);
        config
    }
}

/// Counts how often each kind of event came.
fn count(kinds: &mut std::collections::BTreeMap<&'static str, usize>, new: Vec<&'static str>) {
    for kind in new {
        *kinds.entry(kind).or_default() += 1;
    }
}

#[test]
fn server_does_what_the_engine_does() {
    static CONFIG: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
    let config = any_origin();
    let mut kinds = Default::default();
    for seed in 0..ROUNDS {
        let mut random = Random::new(seed);
        let mut storage = vec![0; random.one_of(&[0, 100, 512, 512, 512, 512])];
        let rust = Session::server(&CONFIG, vec![0; storage.len()], Timeouts::MILLISECONDS, 0);
        // SAFETY: the object is initialised by the function. Storage and configuration stay to the end.
        let c = unsafe { zeroed() };
        let mut pair = Pair { api: &SERVER, c, rust, now: 0 };
        // SAFETY: as before; the object does not move any more.
        let made = unsafe { barews_server_init(&mut pair.c, &config, storage.as_mut_ptr(), storage.len(), null(), 0) };
        assert_eq!(made, BAREWS_OK);
        let mut request = b"GET /room HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            .to_vec();
        if random.below(10) == 0 {
            let at = random.below(request.len());
            request[at] = random.below(256) as u8;
        }
        let answer = random.below(8);
        for part in request.chunks(random.one_of(&[1, 30, 1000])) {
            let new = pair.receive(part, |c, rust| match answer {
                0 => {
                    // SAFETY: the object is initialised; the body is static.
                    let code = unsafe { barews_server_respond(c, 404, null(), 0, b"no".as_ptr(), 2) };
                    assert_eq!(code_name(code) == "BAREWS_OK", rust.respond(404, &[], b"no").is_ok());
                }
                _ => {
                    // SAFETY: the object is initialised.
                    let code = unsafe { barews_server_accept(c, null(), null()) };
                    let accepted = rust.accept(&Accept::default(), &Config::DEFAULT);
                    assert_eq!(code_name(code) == "BAREWS_OK", accepted.is_ok());
                }
            });
            count(&mut kinds, new);
        }
        pair.drain(random.one_of(&[1, 100, 4000]));
        if pair.rust.is_open() {
            count(&mut kinds, pair.run(&mut random, true));
        }
    }
    for kind in ["request", "data", "ping", "pong", "close", "keep alive", "failed", "over"] {
        assert!(kinds.get(kind).is_some_and(|count| *count > 50), "too few {kind}: {kinds:?}");
    }
}

unsafe extern "C" fn sevens(context: *mut c_void, bytes: *mut u8, len: usize) {
    assert!(context.is_null());
    // SAFETY: the caller says that there are these bytes.
    unsafe { bytes.write_bytes(7, len) };
}

#[test]
fn client_does_what_the_engine_does() {
    static CONFIG: ClientConfig<'_> = ClientConfig::DEFAULT;
    let keys = barews_key_source { fill: Some(sevens), context: null_mut() };
    let mut kinds = Default::default();
    for seed in 0..ROUNDS {
        let mut random = Random::new(seed);
        let mut storage = vec![0; 512];
        let url = "ws://example.com:8080/room?x";
        let request = ClientRequest::new(Uri::parse(url).unwrap());
        let rust: Session<'_, Client<Keys>, _> =
            Session::client(&CONFIG, &request, [7; 16], vec![0; 512], Timeouts::MILLISECONDS, 0).unwrap();
        // SAFETY: all zeros is a value of these; then the functions fill them.
        let (c, mut config): (barews_client, barews_client_config) = unsafe { (zeroed(), zeroed()) };
        let mut pair = Pair { api: &CLIENT, c, rust, now: 0 };
        // SAFETY: storage and configuration stay to the end; the object does not move any more.
        let made = unsafe {
            assert_eq!(barews_client_config_init(&mut config, null()), BAREWS_OK);
            let request = barews_client_request { uri: url.as_bytes().into_str(), ..zeroed() };
            let (storage, len) = (storage.as_mut_ptr(), storage.len());
            barews_client_init(&mut pair.c, &config, &request, &keys, storage, len, null(), 0)
        };
        assert_eq!(made, BAREWS_OK);
        let sent = String::from_utf8(pair.drain(random.one_of(&[1, 100, 4000]))).unwrap();
        let key = sent.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = String::from_utf8(accept_key(key.as_bytes()).unwrap().to_vec()).unwrap();
        let mut response = format!(
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes();
        if random.below(10) == 0 {
            let at = random.below(response.len());
            response[at] = random.below(256) as u8;
        }
        for part in response.chunks(random.one_of(&[1, 30, 1000])) {
            let new = pair.receive(part, |c, rust| {
                // SAFETY: the object is initialised.
                let code = unsafe { barews_client_connect(c, &keys, null()) };
                assert_eq!(code_name(code) == "BAREWS_OK", rust.connect(seven as Keys, &Config::DEFAULT).is_ok());
            });
            count(&mut kinds, new);
        }
        if pair.rust.is_open() {
            count(&mut kinds, pair.run(&mut random, false));
        }
    }
    for kind in ["response", "data", "ping", "pong", "close", "keep alive", "failed", "over"] {
        assert!(kinds.get(kind).is_some_and(|count| *count > 50), "too few {kind}: {kinds:?}");
    }
}

type Keys = fn() -> [u8; 4];

fn seven() -> [u8; 4] {
    [7; 4]
}

trait IntoStr {
    fn into_str(self) -> barews_str;
}

impl IntoStr for &[u8] {
    fn into_str(self) -> barews_str {
        barews_str { data: self.as_ptr().cast(), len: self.len() }
    }
}

/// A bare connection with a receive buffer: whole messages.
#[test]
fn connection_with_a_receive_buffer_does_what_the_engine_does() {
    for seed in 0..ROUNDS {
        let mut random = Random::new(seed);
        let size = random.one_of(&[16, 300, 3000, 100_000]);
        let mut memory = vec![0; size];
        // SAFETY: all zeros is a value of these; then the functions fill them, and they do not move.
        let (mut connection, mut buffer): (barews_server_connection, barews_receive_buffer) =
            unsafe { (zeroed(), zeroed()) };
        // SAFETY: there is this memory, to the end.
        unsafe {
            assert_eq!(barews_server_connection_init(&mut connection, null()), BAREWS_OK);
            assert_eq!(barews_receive_buffer_init(&mut buffer, memory.as_mut_ptr(), size), BAREWS_OK);
        }
        let (mut rust, mut ours) = (Connection::new(Server, &Config::DEFAULT), ReceiveBuffer::new(vec![0; size]));
        let stream = stream(&mut random, true);
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let mut room = 0;
            // SAFETY: the buffer is initialised.
            let place = unsafe { barews_receive_buffer_unfilled(&mut buffer, &mut room) };
            let unfilled = ours.unfilled();
            assert_eq!(room, unfilled.len());
            let len = random.one_of(&[1, 50, 5000]).min(rest.len()).min(room);
            let (now, later) = rest.split_at(len);
            unfilled[..len].copy_from_slice(now);
            ours.advance(len);
            // SAFETY: the function says that there are these bytes.
            unsafe {
                place.copy_from_nonoverlapping(now.as_ptr(), len);
                assert_eq!(barews_receive_buffer_advance(&mut buffer, len), BAREWS_OK);
            }
            rest = later;
            loop {
                // SAFETY: all zeros is an event.
                let mut event = unsafe { zeroed() };
                // SAFETY: both objects are initialised.
                unsafe { barews_server_connection_receive_into(&mut connection, &mut buffer, &mut event) };
                let expected = match ours.receive(&mut rust) {
                    Err(error) => {
                        let error = name(Some(barews::session::Error::Protocol(error)));
                        Shown { error, ..shown("failed") }
                    }
                    Ok(None) => shown("none"),
                    Ok(Some(Whole::Message(whole))) => of_data(whole.kind, Rsv::NONE, true, true, whole.payload),
                    Ok(Some(Whole::Event(Incoming::Ping))) => of_control(&rust, "ping", 0),
                    Ok(Some(Whole::Event(Incoming::Pong))) => of_control(&rust, "pong", u64::MAX),
                    Ok(Some(Whole::Event(Incoming::Close(code)))) => of_close(&rust, code),
                    Ok(Some(other)) => panic!("{other:?}"),
                };
                assert_eq!(of_c(&event), expected);
                if matches!(expected.kind, "none" | "failed") {
                    break;
                }
            }
            if rust.error().is_some() || len == 0 {
                break;
            }
        }
    }
}

/// A session of a connection that is open, with a receive buffer.
#[test]
fn open_session_with_a_receive_buffer_does_what_the_engine_does() {
    let mut messages = 0;
    for seed in 0..ROUNDS / 10 {
        let mut random = Random::new(seed);
        let size = random.one_of(&[16, 300, 3000, 100_000]);
        let mut memory = vec![0; size];
        // SAFETY: all zeros is a value of these; then the functions fill them.
        let (mut connection, mut server): (barews_server_connection, barews_server) = unsafe { (zeroed(), zeroed()) };
        // SAFETY: as before.
        let mut buffer: barews_receive_buffer = unsafe { zeroed() };
        // SAFETY: there is this memory, to the end, and the objects do not move.
        unsafe {
            assert_eq!(barews_server_connection_init(&mut connection, null()), BAREWS_OK);
            let made = barews_server_init_open(&mut server, &mut connection, null_mut(), 0, null(), 0);
            assert_eq!(made, BAREWS_OK);
            assert_eq!(barews_server_connection_error(&connection), BAREWS_ERR_ARGUMENT); // it has moved
            assert_eq!(barews_receive_buffer_init(&mut buffer, memory.as_mut_ptr(), size), BAREWS_OK);
        }
        let open = Connection::new(Server, &Config::DEFAULT);
        let rust = Session::from_connection(open, Vec::new(), Timeouts::MILLISECONDS, 0);
        let mut pair = Pair { api: &SERVER, c: server, rust, now: 0 };
        let mut ours = ReceiveBuffer::new(vec![0; size]);
        let stream = stream(&mut random, true);
        let mut rest = &stream[..];
        while !rest.is_empty() && pair.rust.error().is_none() {
            let mut room = 0;
            // SAFETY: the buffer is initialised.
            let place = unsafe { barews_receive_buffer_unfilled(&mut buffer, &mut room) };
            let unfilled = ours.unfilled();
            assert_eq!(room, unfilled.len());
            let len = random.one_of(&[1, 50, 5000]).min(rest.len()).min(room);
            let (bytes, later) = rest.split_at(len);
            unfilled[..len].copy_from_slice(bytes);
            ours.advance(len);
            // SAFETY: the function says that there are these bytes.
            unsafe {
                place.copy_from_nonoverlapping(bytes.as_ptr(), len);
                assert_eq!(barews_receive_buffer_advance(&mut buffer, len), BAREWS_OK);
            }
            rest = later;
            loop {
                // SAFETY: all zeros is an event.
                let mut event = unsafe { zeroed() };
                // SAFETY: both objects are initialised.
                unsafe { barews_server_receive_into(&mut pair.c, &mut buffer, pair.now, &mut event) };
                let expected = match pair.rust.receive_into(&mut ours, pair.now) {
                    Some(Whole::Message(whole)) => {
                        messages += 1;
                        of_data(whole.kind, Rsv::NONE, true, true, whole.payload)
                    }
                    Some(Whole::Event(event)) => of_session(&pair.rust, Some(event)),
                    None => shown("none"),
                };
                assert_eq!(of_c(&event), expected);
                if expected.kind == "none" {
                    break;
                }
            }
            if random.below(10) == 0 {
                pair.drain(131);
            }
            pair.now += random.one_of(&[0, 1, 20_000]);
        }
    }
    assert!(messages > 100, "{messages}");
}

/// The role is a parameter of the tests above; a client's key source is called for each frame.
#[test]
fn client_asks_the_key_source_for_each_frame() {
    unsafe extern "C" fn counting(context: *mut c_void, bytes: *mut u8, len: usize) {
        // SAFETY: the test passes a counter, and the caller these bytes.
        unsafe {
            let calls = context.cast::<u32>();
            *calls += 1;
            bytes.write_bytes(*calls as u8, len);
        }
    }
    let mut calls = 0_u32;
    let keys = barews_key_source { fill: Some(counting), context: (&raw mut calls).cast() };
    let (mut out, mut len) = ([0_u8; 32], 0);
    // SAFETY: the object is initialised by the function, and there is this memory.
    unsafe {
        let mut connection: barews_client_connection = zeroed();
        assert_eq!(barews_client_connection_init(&mut connection, null(), &keys), BAREWS_OK);
        for call in 1..4_u8 {
            let code = barews_client_connection_write_message(
                &mut connection,
                BAREWS_TEXT,
                b"Hello".as_ptr(),
                5,
                out.as_mut_ptr(),
                out.len(),
                &mut len,
            );
            assert_eq!((code, len), (BAREWS_OK, 11));
            assert_eq!(out[..6], [0x81, 0x85, call, call, call, call]);
        }
    }
    assert_eq!(calls, 3);
}
