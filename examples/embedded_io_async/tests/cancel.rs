//! Drops the futures at every point where they wait: no byte is lost or sent twice.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use barews::connection::MessageKind;
use barews::{Client, Connection, Server};
use embedded_io_async::{ErrorType, Read, Write};
use embedded_io_async_websocket::{Error, Reader, Replies, Writer};

/// A transport that moves one byte at a time and is ready at every third poll.
#[derive(Default)]
struct Transport {
    bytes: RefCell<VecDeque<u8>>,
    polls: Cell<usize>,
}

impl Transport {
    fn new(bytes: &[u8]) -> Self {
        Self { bytes: RefCell::new(bytes.iter().copied().collect()), ..Self::default() }
    }

    async fn ready(&self) {
        poll_fn(|_| {
            self.polls.set(self.polls.get() + 1);
            if self.polls.get().is_multiple_of(3) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl ErrorType for &Transport {
    type Error = Infallible;
}

impl Read for &Transport {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        self.ready().await;
        let byte = self.bytes.borrow_mut().pop_front();
        to[..byte.iter().len()].fill(byte.unwrap_or(0));
        Ok(byte.iter().len())
    }
}

impl Write for &Transport {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.ready().await;
        self.bytes.borrow_mut().push_back(bytes[0]);
        Ok(1)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Polls a future `polls` times at most, then drops it.
fn poll<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}

/// Returns what a client writes: fragments with a Ping between them, a text, a Close.
fn stream() -> Vec<u8> {
    let mut client = Connection::new(Client(|| [1, 2, 3, 4]), &Default::default());
    let (mut stream, mut out) = (Vec::new(), [0; 256]);
    let mut take = |len: usize, out: &[u8]| stream.extend_from_slice(&out[..len]);
    let mut message = barews::connection::Outgoing::binary(&[7; 150]);
    let len = client.write_fragment(&mut message, &mut out[..100]).unwrap().len();
    take(len, &out);
    let len = client.write_ping(b"there?", &mut out).unwrap().len();
    take(len, &out);
    let len = client.write_fragment(&mut message, &mut out).unwrap().len();
    take(len, &out);
    let len = client.write_text("ümläut", &mut out).unwrap().len();
    take(len, &out);
    let len = client.write_close(barews::wire::CloseCode::NORMAL, "", &mut out).unwrap().len();
    take(len, &out);
    stream
}

#[test]
fn dropped_reader_loses_nothing() {
    for polls in 1..10 {
        let (transport, replies, mut buffer) = (Transport::new(&stream()), Replies::new(), [0; 64]);
        let (receiver, _) = Connection::new(Server, &Default::default()).split();
        let mut reader = Reader::new(&transport, receiver, &mut buffer, 0..0, &replies);
        let (mut messages, mut message, mut pongs, mut closes) = (Vec::new(), Vec::new(), 0, 0);
        loop {
            let next = poll(polls, reader.next());
            if let Ok(reply) = replies.try_receive() {
                *(if reply.is_close() { &mut closes } else { &mut pongs }) += 1;
            }
            let Some(next) = next else { continue }; // dropped
            let Some(chunk) = next.unwrap() else { break };
            message.extend_from_slice(chunk.payload);
            if chunk.last {
                messages.push(core::mem::take(&mut message));
            }
        }
        assert_eq!(messages, [&[7; 150][..], "ümläut".as_bytes()], "{polls} polls");
        assert_eq!((pongs, closes), (1, 1));
    }
}

#[test]
fn dropped_writer_sends_each_byte_once() {
    for polls in 1..100 {
        let (transport, replies, mut buffer) = (Transport::default(), Replies::new(), [0; 256]);
        let (mut receiver, transmitter) = Connection::new(Server, &Default::default()).split();
        let _ = receiver.receive(&mut b"\x89\x82\0\0\0\0hi".to_vec()).unwrap();
        replies.try_send(receiver.take_reply().unwrap()).unwrap();
        let mut writer = Writer::new(&transport, transmitter, &mut buffer);
        writer.put(MessageKind::Text, false, b"Hello, ").unwrap();
        let _ = poll(polls, writer.flush());
        writer.reply(&replies.try_receive().unwrap()).unwrap(); // after a frame, or after half a frame
        let _ = poll(polls, writer.flush());
        writer.put(MessageKind::Text, true, b"world").unwrap();
        while poll(polls, writer.flush()).is_none() {}
        assert!(transport.bytes.take().iter().eq(b"\x01\x07Hello, \x8a\x02hi\x80\x05world"), "{polls} polls");
    }
}

#[test]
fn error_leaves_its_close_frame() {
    let (transport, replies, mut buffer, mut out) = (Transport::new(b"\x81\x02hi"), Replies::new(), [0; 64], [0; 131]);
    let (receiver, transmitter) = Connection::new(Server, &Default::default()).split();
    let mut reader = Reader::new(&transport, receiver, &mut buffer, 0..0, &replies);
    let error = poll(100, reader.next()).unwrap().unwrap_err();
    assert_eq!(error, Error::Protocol(barews::ProtocolError::NotMasked));
    let sent = Transport::default();
    let mut writer = Writer::new(&sent, transmitter, &mut out);
    writer.reply(&replies.try_receive().unwrap()).unwrap();
    assert!(writer.close_sent());
    poll(100, writer.flush()).unwrap().unwrap();
    assert!(sent.bytes.take().iter().eq(b"\x88\x02\x03\xea"));
}
