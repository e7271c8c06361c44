//! An endpoint with split halves, as in a host with a reading and a writing task. A reply passes from the one to the other
//! through a slot, in which a newer reply replaces an older one.

use barews::connection::{MessageKind, Outgoing, Receiver, Reply, State, Transmitter, Written};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME, Opcode, Rsv};
use barews::{ProtocolError, SendError};
use barews_testkit::{Drain, Entry, Host, Log, Outcome, Side, raw};
use std::fmt::Debug;

pub struct Split<R> {
    receiver: Receiver<R>,
    transmitter: Transmitter<R>,
    waiting: Option<Reply>,
    drain: Drain,
    failed: bool,
    pub log: Log,
    pub output: Vec<u8>,
    pub replies: Vec<(u8, Vec<u8>)>,
}

impl<R: Side + Debug> Split<R> {
    pub fn new(host: Host<R>) -> Self {
        let Host { connection, log, drain, output, replies, .. } = host;
        let (receiver, transmitter) = connection.split();
        let failed = log.entries.iter().any(|entry| matches!(entry, Entry::Error(_)));
        let mut split = Self { receiver, transmitter, waiting: None, drain, failed, log, output, replies };
        split.take_reply();
        split
    }

    pub fn feed(&mut self, input: &[u8]) {
        let mut buffer = input.to_vec();
        let mut bytes = &mut buffer[..];
        loop {
            let event = match self.receiver.receive(bytes) {
                Ok(received) => {
                    bytes = received.rest;
                    received.event
                }
                Err(error) => {
                    self.failed(error);
                    break;
                }
            };
            let Some(event) = event else { break };
            assert!(!self.failed, "P5: an error is sticky");
            self.log.event(event, self.receiver.control_payload(), self.receiver.close_reason());
            self.take_reply();
            if self.drain == Drain::AtOnce {
                self.drain();
            }
        }
        self.drain_unless_by_hand();
    }

    fn failed(&mut self, error: ProtocolError) {
        if !self.failed {
            self.failed = true;
            self.log.error(error);
        }
        assert!(self.log.entries.contains(&Entry::Error(error)), "P5: an error is sticky");
        self.take_reply();
    }

    pub fn eof(&mut self) {
        match self.receiver.receive_eof() {
            Ok(()) => self.log.entries.push(Entry::End),
            Err(error) => self.failed(error),
        }
        self.drain_unless_by_hand();
    }

    pub fn fail(&mut self, error: ProtocolError) {
        self.receiver.fail(error);
        if !self.log.is_over() {
            self.failed(error);
        }
        self.drain_unless_by_hand();
    }

    /// Takes the reply of the reading half.
    fn take_reply(&mut self) {
        if let Some(reply) = self.receiver.take_reply() {
            assert!(!self.waiting.is_some_and(|waiting| waiting.is_close()), "P7: nothing is due after a Close");
            self.waiting = Some(reply);
        }
        assert_eq!(self.receiver.take_reply(), None, "P7: at most one control frame is due");
    }

    fn drain_unless_by_hand(&mut self) {
        if self.drain != Drain::ByHand {
            self.drain();
        }
    }

    pub fn drain(&mut self) {
        let Some(reply) = self.waiting else { return };
        let mut out = [0; MAX_CONTROL_FRAME];
        match self.unchanged(|transmitter| transmitter.write_reply(&reply, &mut out)) {
            Ok(Written(len)) => {
                self.replies.extend(raw::frames(&out[..len]));
                self.output.extend_from_slice(&out[..len]);
                self.waiting = None;
            }
            Err(error) => assert_eq!(error, SendError::FrameInProgress),
        }
    }

    /// Checks that a call that fails changes nothing (P11).
    fn unchanged<T>(&mut self, call: impl FnOnce(&mut Transmitter<R>) -> Result<T, SendError>) -> Result<T, SendError> {
        let before = format!("{:?}", self.transmitter.internals());
        let result = call(&mut self.transmitter);
        assert!(
            result.is_ok() || format!("{:?}", self.transmitter.internals()) == before,
            "P11: a failed call changes nothing"
        );
        result
    }

    /// Makes a call that writes.
    fn write(
        &mut self,
        space: usize,
        call: impl FnOnce(&mut Transmitter<R>, &mut [u8]) -> Result<Written, SendError>,
    ) -> Result<(), SendError> {
        let mut out = vec![0; space];
        let Written(len) = self.unchanged(|transmitter| call(transmitter, &mut out))?;
        self.output.extend_from_slice(&out[..len]);
        Ok(())
    }

    /// RFC 6455 section 6.1: the writing task of a host must check the state before it sends data, Pings and Pongs.
    fn open(&self) -> Result<(), SendError> {
        let open = self.receiver.state(self.transmitter.close_sent()) == State::Open;
        if open { Ok(()) } else { Err(SendError::Closing) }
    }

    pub fn write_message(&mut self, kind: MessageKind, body: &[u8]) -> Result<(), SendError> {
        self.open()?;
        self.write(body.len() + 14, |transmitter, out| transmitter.write_unvalidated(kind, body, out))
    }

    pub fn write_fragment(
        &mut self,
        message: &mut Outgoing<'_>,
        _: MessageKind,
        space: usize,
    ) -> Result<bool, SendError> {
        self.open()?;
        let before = message.clone();
        let sent = self.write(space, |transmitter, out| transmitter.write_fragment(message, out));
        assert!(sent.is_ok() || *message == before, "P11: a failed call changes nothing");
        sent.map(|()| true)
    }

    pub fn begin_frame(&mut self, kind: MessageKind, fin: bool, rsv: u8, len: u64) -> Result<(), SendError> {
        self.open()?;
        let header =
            self.unchanged(|transmitter| transmitter.begin_frame_with_rsv(kind, fin, Rsv::from_bits(rsv), len))?;
        self.output.extend_from_slice(header.as_bytes());
        Ok(())
    }

    pub fn write_payload(&mut self, part: &[u8]) -> Result<(), SendError> {
        let mut masked = vec![0; part.len()];
        let Written(len) = self.unchanged(|transmitter| transmitter.copy_payload(part, &mut masked))?;
        assert_eq!(len, part.len());
        self.output.extend_from_slice(&masked);
        self.drain_unless_by_hand(); // a reply may have been waiting for the end of the frame
        Ok(())
    }

    pub fn write_ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.open()?;
        self.write(MAX_CONTROL_FRAME, |transmitter, out| transmitter.write_ping(payload, out))
    }

    pub fn write_pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.open()?;
        self.write(MAX_CONTROL_FRAME, |transmitter, out| transmitter.write_pong(payload, out))
    }

    pub fn write_extension_control(&mut self, opcode: u8, payload: &[u8]) -> Result<(), SendError> {
        self.open()?;
        self.write(MAX_CONTROL_FRAME, |transmitter, out| {
            transmitter.write_extension_control(Opcode::from_bits(opcode), payload, out)
        })
    }

    pub fn write_close(&mut self, code: u16, reason: &str) -> Result<(), SendError> {
        self.write(MAX_CONTROL_FRAME, |transmitter, out| transmitter.write_close(CloseCode(code), reason, out))
    }

    pub fn write_close_without_status(&mut self) -> Result<(), SendError> {
        self.write(MAX_CONTROL_FRAME, |transmitter, out| transmitter.write_close_without_status(out))
    }

    pub fn outcome(&self) -> Outcome {
        let closed = self.transmitter.close_sent();
        Outcome {
            state: self.receiver.state(closed),
            transport: self.receiver.transport(closed),
            close_code: self.receiver.close_code().map(|code| code.0),
            close_reason: self.receiver.close_reason().to_owned(),
            clean: closed && self.receiver.close_received(),
        }
    }
}
