//! `Append`: what the engine writes goes to the end of a vector.

use barews::connection::{Config, MessageKind, Outgoing};
use barews::handshake::{Accept, ClientConfig, ClientHandshake, ClientRequest, OriginPolicy, ServerConfig, Uri};
use barews::handshake::{Progress, ServerHandshake};
use barews::wire::MAX_CONTROL_FRAME;
use barews::{Append, BuildError, Client, Connection, SendError, Server};

/// A client draws one key for each frame: the call that only learns the size draws none.
#[test]
fn append_with_adds_exactly_what_the_call_writes() {
    let mut keys = 0;
    let next = || {
        keys += 1;
        [0, 0, 0, keys]
    };
    let mut connection = Connection::new(Client(next), &Config::DEFAULT);
    let mut out = b"kept".to_vec();
    assert_eq!(out.append_with(|out| connection.write_text("a", out)), Ok(7));
    assert_eq!(out.append_with(|out| connection.write_ping(b"", out)), Ok(6));
    assert_eq!(out, b"kept\x81\x81\0\0\0\x01a\x89\x80\0\0\0\x02");
    assert!(connection.receive(&mut [0x89, 1, b'p']).is_ok());
    assert_eq!(out.append_up_to(MAX_CONTROL_FRAME, |out| connection.poll_transmit(out)), 7);
    assert_eq!(out[17..], *b"\x8A\x81\0\0\0\x03p");
    let too_long = out.append_with(|out| connection.write_ping(&[0; 126], out));
    assert_eq!((too_long, out.len()), (Err(SendError::PayloadTooLong), 24));
}

#[test]
fn fragments_fill_a_vector_up_to_the_fragment_size() {
    let config = Config { fragment_size: 4, ..Config::DEFAULT };
    let mut connection = Connection::new(Server, &config);
    let mut message = Outgoing::text("fragments");
    let mut out = Vec::new();
    while let Ok(1..) = out.append_up_to(100, |out| connection.write_fragment(&mut message, out)) {}
    assert_eq!(out, b"\x01\x04frag\x00\x04ment\x80\x01s");
    assert!(message.is_complete());
}

/// A fixed buffer takes what fits: a shorter fragment, or nothing and the room that a frame needs.
#[test]
fn fixed_buffer_is_never_longer_than_its_capacity() {
    let mut connection = Connection::new(Server, &Config::DEFAULT);
    let mut out = heapless::Vec::<u8, 8>::new();
    assert_eq!(out.append_with(|out| connection.write_binary(b"abc", out)), Ok(5));
    let full = out.append_with(|out| connection.write_binary(b"de", out));
    assert_eq!((full, &out[..]), (Err(SendError::BufferTooSmall { need: 4 }), &b"\x82\x03abc"[..]));

    let mut message = Outgoing::binary(b"longer than the rest");
    assert_eq!(out.append_up_to(100, |out| connection.write_fragment(&mut message, out)), Ok(3));
    assert_eq!(out, b"\x82\x03abc\x02\x01l");
    let full = out.append_up_to(100, |out| connection.write_fragment(&mut message, out));
    assert_eq!((full, out.len()), (Err(SendError::BufferTooSmall { need: 3 }), 8));
    assert_eq!(message.left(), 19);
    let other = out.append_with(|out| connection.write_unvalidated(MessageKind::Text, b"x", out));
    assert_eq!((other, out.len()), (Err(SendError::MessageInProgress), 8));
}

#[test]
fn handshake_messages_are_appended_like_frames() {
    static SERVER: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);
    let request = ClientRequest::new(Uri::parse("ws://a/").unwrap());
    let mut client = ClientHandshake::new(&ClientConfig::DEFAULT, [7; 16], [0; 256]);
    let mut stream = Vec::new();
    let len = stream.append_with(|out| client.request(&request, out)).unwrap();
    assert_eq!(len, stream.len());

    let mut server = ServerHandshake::new(&SERVER, [0; 256]);
    assert!(matches!(server.receive(&mut stream), Ok(Progress::Complete { rest: [], .. })));
    let mut answer = Vec::new();
    let len = answer.append_with(|out| server.accept(&Accept::default(), out)).unwrap();
    let mut connection = Connection::new(Server, &Config::DEFAULT);
    assert_eq!(len, answer.len());
    answer.append_with(|out| connection.write_text("first", out)).unwrap();
    let Ok(Progress::Complete { rest, .. }) = client.receive(&mut answer) else { panic!("not complete") };
    assert_eq!(rest, b"\x81\x05first");
    let again = answer.append_with(|out| server.respond(404, &[], b"", out));
    assert_eq!((again, answer.len()), (Err(BuildError::NotNow), len + 7));
}
