//! Plays [transcripts](crate::transcript): feeds what the peer sends, does what the host does, and compares what happens with
//! what is expected.

use crate::transcript::{Line, Token, Transcript, plain, shown, word};
use crate::{Entry, Host, Side};
use barews::ProtocolError;
use barews::connection::{MessageKind, Outgoing};

/// How a transcript's input is cut into reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reads {
    /// A line is a read.
    Lines,
    /// Everything up to the next action is one read.
    Whole,
    /// A byte is a read.
    Bytes,
    /// As [`Reads::Whole`], cut once more after this many bytes.
    Cut(usize),
}

impl Transcript {
    /// Plays the connection for this role, which has to be that of the transcript. Panics if anything else happens than it says.
    pub fn play<R: Side + core::fmt::Debug>(&self, reads: Reads) {
        let mut play =
            Play::<R> { host: Host::new(&self.config), reads, fed: 0, input: vec![], expected: vec![], seen: 0 };
        for (number, line) in &self.lines {
            let at = format!("{}.txt:{number}, server: {}, {reads:?}", self.file, self.is_server);
            match line {
                Line::In(bytes) => {
                    if reads == Reads::Lines {
                        play.settle(&at);
                    }
                    play.input.extend_from_slice(bytes);
                }
                Line::Is(expected) => play.expected.push(expected.clone()),
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

struct Play<R> {
    host: Host<R>,
    reads: Reads,
    /// Bytes that were fed.
    fed: usize,
    /// What is to be fed, and what is expected then.
    input: Vec<u8>,
    expected: Vec<String>,
    /// Entries of the log that were compared.
    seen: usize,
}

impl<R: Side + core::fmt::Debug> Play<R> {
    /// Feeds what there is and compares the log with what is expected.
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
        assert_eq!(happened, core::mem::take(&mut self.expected), "before {at}");
        self.seen = self.host.log.entries.len();
    }

    fn act(&mut self, what: &[Token]) {
        let host = &mut self.host;
        let bytes = |tokens: &[Token]| tokens.iter().flat_map(plain).collect::<Vec<u8>>();
        let result = match word(what.first()) {
            "eof" => {
                host.eof();
                Ok(())
            }
            "fail" => {
                host.fail(match word(what.get(1)) {
                    "MessageTooBig" => ProtocolError::MessageTooBig,
                    "InvalidUtf8" => ProtocolError::InvalidUtf8,
                    other => panic!("an unknown error {other}"),
                });
                Ok(())
            }
            "send" => match word(what.get(1)) {
                "ping" => host.ping(&bytes(&what[2..])),
                "pong" => host.pong(&bytes(&what[2..])),
                "control" => host.extension_control(word(what.get(2)).parse().unwrap(), &bytes(&what[3..])),
                "close" if what.len() == 2 => host.close_without_status(),
                "close" => {
                    let reason = String::from_utf8(bytes(&what[3..])).unwrap();
                    host.close(word(what.get(2)).parse().unwrap(), &reason)
                }
                "fragments" => {
                    let (kind, body) = kind(&what[2..]);
                    let body = bytes(body);
                    let mut outgoing = Outgoing::new(kind, &body);
                    loop {
                        match host.fragment(&mut outgoing, kind, 200) {
                            Ok(true) => {}
                            Ok(false) => break Ok(()),
                            Err(error) => break Err(error),
                        }
                    }
                }
                "frame" => {
                    let (kind, rest) = kind(&what[2..]);
                    let fin = match word(rest.first()) {
                        "fin" => true,
                        "more" => false,
                        other => panic!("neither fin nor more: {other}"),
                    };
                    let rsv = rest.get(3).map_or(0, |rsv| word(Some(rsv)).parse().unwrap());
                    host.frame(kind, fin, rsv, word(rest.get(1)).parse().unwrap()).map(drop)
                }
                "payload" => host.payload(&bytes(&what[2..])),
                _ => {
                    let (kind, body) = kind(&what[1..]);
                    host.message(kind, &bytes(body))
                }
            },
            other => panic!("an unknown action {other}"),
        };
        if let Err(error) = result {
            host.log.entries.push(Entry::Refused(error));
        }
    }

    fn ask(&self, what: &[Token], at: &str) {
        let outcome = self.host.outcome();
        for pair in what.chunks(2) {
            let is = match word(pair.first()) {
                "state" => format!("{:?}", outcome.state),
                "transport" => format!("{:?}", outcome.transport),
                "code" => outcome.close_code.map_or("-".to_owned(), |code| code.to_string()),
                "reason" => outcome.close_reason.clone(),
                "clean" => if outcome.clean { "yes" } else { "no" }.to_owned(),
                "buffered" => self.host.connection.buffered_amount().to_string(),
                other => panic!("{at}: nothing is known about {other}"),
            };
            let expected = match &pair[1] {
                Token::Text(text) => String::from_utf8(text.clone()).unwrap(),
                token => word(Some(token)).to_owned(),
            };
            assert_eq!(is, expected, "{:?} at {at}", pair[0]);
        }
    }
}

fn kind(tokens: &[Token]) -> (MessageKind, &[Token]) {
    match word(tokens.first()) {
        "text" => (MessageKind::Text, &tokens[1..]),
        "binary" => (MessageKind::Binary, &tokens[1..]),
        "extension" => (MessageKind::Extension(word(tokens.get(1)).parse().unwrap()), &tokens[2..]),
        other => panic!("no kind of message: {other}"),
    }
}
