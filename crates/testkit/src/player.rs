//! Plays [transcripts](crate::transcript): feeds the peer's bytes, performs the host's actions, and compares the log with the
//! expectations.

use crate::host::Engine;
use crate::transcript::{Call, Line, Transcript, shown};
use crate::{Entry, Host, Side};
use barews::connection::Outgoing;

/// How a transcript's input is cut into reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reads {
    /// Each line is a read.
    Lines,
    /// Everything up to the next action is one read.
    Whole,
    /// Each byte is a read.
    Bytes,
    /// Like [`Reads::Whole`], with one more cut after this many bytes.
    Cut(usize),
}

impl Transcript {
    /// Plays the connection in role `R`, which must be the transcript's, by itself and by a session. Panics if the log differs
    /// from the transcript.
    pub fn play<R: Side + core::fmt::Debug>(&self, reads: Reads) {
        self.play_with(Host::<R>::new(&self.config), reads);
        self.play_with(Host::<R, _>::by_session(&self.config), reads);
    }

    fn play_with<R: Side + core::fmt::Debug, E: Engine<R>>(&self, host: Host<R, E>, reads: Reads) {
        let mut play = Play { host, reads, fed: 0, input: vec![], expected: vec![], seen: 0 };
        for (place, line) in &self.lines {
            let at = format!("{place}, server: {}, {reads:?}", self.is_server);
            match line {
                Line::In(bytes) => {
                    if reads == Reads::Lines {
                        play.settle(&at);
                    }
                    play.input.extend_from_slice(bytes);
                }
                Line::Is(expected) => play.expected.push((at, expected.clone())),
                Line::Do(what) => {
                    play.settle(&at);
                    play.act(what);
                }
                Line::Ask(what) => {
                    play.settle(&at);
                    play.ask(what, &at);
                }
            }
        }
        play.settle(&format!("{}.txt, server: {}, {reads:?}", self.file, self.is_server));
    }
}

struct Play<R, E> {
    host: Host<R, E>,
    reads: Reads,
    /// Number of bytes fed.
    fed: usize,
    /// Bytes to be fed next.
    input: Vec<u8>,
    /// Entries expected after that, each with its line's place.
    expected: Vec<(String, String)>,
    /// Number of log entries already compared.
    seen: usize,
}

impl<R: Side + core::fmt::Debug, E: Engine<R>> Play<R, E> {
    /// Feeds the pending input and compares the log with the expected entries.
    fn settle(&mut self, at: &str) {
        let input = core::mem::take(&mut self.input);
        if !input.is_empty() {
            let sizes = match self.reads {
                Reads::Bytes => vec![1],
                Reads::Cut(at) if (self.fed + 1..self.fed + input.len()).contains(&at) => {
                    vec![at - self.fed, usize::MAX]
                }
                _ => vec![input.len()],
            };
            self.host.feed_cut(&input, &sizes);
            self.fed += input.len();
        }
        let entries = &self.host.log.entries[self.seen..];
        let happened: Vec<String> = entries.iter().map(shown).collect();
        let expected = core::mem::take(&mut self.expected);
        for (n, (place, expected)) in expected.iter().enumerate() {
            let happened = happened.get(n).map_or("nothing", |happened| happened);
            assert!(happened == expected, "{place}: expected: {expected}, happened: {happened}");
        }
        assert!(happened.len() == expected.len(), "before {at}: not expected: {:?}", &happened[expected.len()..]);
        self.seen = self.host.log.entries.len();
    }

    fn act(&mut self, call: &Call) {
        let host = &mut self.host;
        let result = match call {
            Call::Eof => {
                host.eof();
                Ok(())
            }
            Call::Fail(error) => {
                host.fail(*error);
                Ok(())
            }
            Call::Message(kind, body) => host.write_message(*kind, body),
            Call::Fragments(kind, body) => {
                let mut outgoing = Outgoing::unvalidated(*kind, body);
                loop {
                    match host.write_fragment(&mut outgoing, *kind, 200) {
                        Ok(true) => {}
                        Ok(false) => break Ok(()),
                        Err(error) => break Err(error),
                    }
                }
            }
            Call::Frame { kind, fin, rsv, len } => host.begin_frame(*kind, *fin, *rsv, *len).map(drop),
            Call::Payload(part) => host.write_payload(part),
            Call::Ping(payload) => host.write_ping(payload),
            Call::Pong(payload) => host.write_pong(payload),
            Call::Control(opcode, payload) => host.write_extension_control(*opcode, payload),
            Call::Close(None) => host.write_close_without_status(),
            Call::Close(Some((code, reason))) => host.write_close(*code, reason),
        };
        if let Err(error) = result {
            host.log.entries.push(Entry::Refused(error));
        }
    }

    fn ask(&self, questions: &[(String, String)], at: &str) {
        let outcome = self.host.outcome();
        for (name, answer) in questions {
            let is = match &name[..] {
                "state" => format!("{:?}", outcome.state),
                "transport" => format!("{:?}", outcome.transport),
                "code" => outcome.close_code.map_or("-".to_owned(), |code| code.to_string()),
                "reason" => outcome.close_reason.clone(),
                "clean" => if outcome.clean { "yes" } else { "no" }.to_owned(),
                "buffered" => self.host.connection.connection().buffered_amount().to_string(),
                other => panic!("{at}: an unknown question: {other}"),
            };
            assert_eq!(is, *answer, "{name} at {at}");
        }
    }
}
