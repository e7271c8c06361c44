//! `ARCHITECTURE.md` shows how a connection closes, in a diagram and a table. This test generates both from the engine's state.
//! `BAREWS_BLESS=1 cargo test --test closing` rewrites them.

use barews::connection::{Config, State, Transport};
use barews::{Client, Server};
use barews_testkit::oracle::Incoming;
use barews_testkit::{Host, Keys, Side, raw};
use barews_tests::root;
use core::fmt::Debug;
use std::fmt::Write;
use std::{env, fs};

/// What has happened on a connection.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Row {
    incoming: Incoming,
    eof: bool,
    sent: bool,
    is_server: bool,
}

impl Row {
    fn all() -> impl Iterator<Item = Self> {
        let incoming = [Incoming::Nothing, Incoming::Close, Incoming::Error].into_iter();
        let inputs = incoming.flat_map(|incoming| {
            [(false, false), (false, true), (true, false), (true, true)].map(|(eof, sent)| (incoming, eof, sent))
        });
        inputs.flat_map(|(incoming, eof, sent)| [true, false].map(|is_server| Self { incoming, eof, sent, is_server }))
    }

    /// The state and transport that the receiver reports after these events.
    fn answer<R: Side + Debug>(self) -> (State, Transport) {
        let (mut receiver, _) = Host::<R>::new(&Config::DEFAULT).connection.split();
        let key = R::IS_SERVER.then_some([1, 2, 3, 4]);
        let _ = match self.incoming {
            Incoming::Nothing => Ok(None),
            Incoming::Close => receiver.receive(&mut raw::frame(0x88, key, b"")).map(|_| None::<()>),
            Incoming::Error => receiver.receive(&mut raw::frame(0x80, key, b"")).map(|_| None),
        };
        if self.eof {
            let _ = receiver.receive_eof();
        }
        (receiver.state(self.sent), receiver.transport(self.sent))
    }

    fn state(self) -> State {
        if self.is_server { self.answer::<Server>().0 } else { self.answer::<Client<Keys>>().0 }
    }

    fn transport(self) -> Transport {
        if self.is_server { self.answer::<Server>().1 } else { self.answer::<Client<Keys>>().1 }
    }

    /// The rows that one more event leads to.
    fn successors(self) -> Vec<(&'static str, Self)> {
        let mut rows = Vec::new();
        if self.incoming == Incoming::Nothing && self.eof {
            return rows; // the connection is lost: nothing can be sent or received
        }
        if self.incoming == Incoming::Nothing {
            rows.push(("Close received", Self { incoming: Incoming::Close, ..self }));
            rows.push(("error", Self { incoming: Incoming::Error, ..self }));
        }
        if !self.sent {
            rows.push(("our Close sent", Self { sent: true, ..self }));
        }
        if !self.eof {
            rows.push(("end of stream", Self { eof: true, ..self }));
        }
        rows
    }
}

/// Returns the diagram and the table in Markdown.
fn drawn() -> String {
    let mut out = String::from("\n```mermaid\nstateDiagram-v2\n");
    // A node is a state and transport of the engine. While a Close is still to be sent or received, the node also contains the
    // reason, so that each event leads to a single node.
    let name = |row: Row| {
        let pending = row.state() == State::Closing && row.transport() == Transport::Keep;
        let why =
            if pending { format!("_{:?}{}", row.incoming, if row.eof { "_eof" } else { "" }) } else { String::new() };
        format!("{:?}_{:?}{why}", row.state(), row.transport())
    };
    let label = |row: Row| {
        let why = match (row.state() == State::Closing && row.transport() == Transport::Keep, row.incoming, row.eof) {
            (false, ..) => "",
            (true, Incoming::Nothing, _) => ", our Close is sent",
            (true, Incoming::Close, false) => ", a Close was received",
            (true, Incoming::Close, true) => ", a Close was received and the stream has ended",
            (true, Incoming::Error, false) => ", an error",
            (true, Incoming::Error, true) => ", an error and the stream has ended",
        };
        format!("{:?}{why}. Transport: {:?}", row.state(), row.transport())
    };
    let mut nodes = Vec::new();
    let mut edges: Vec<(String, String, &str, Vec<bool>)> = Vec::new();
    for row in Row::all() {
        let from = (name(row), label(row));
        if !nodes.contains(&from) {
            nodes.push(from);
        }
        for (event, to) in row.successors().into_iter().filter(|(_, to)| name(*to) != name(row)) {
            match edges.iter_mut().find(|edge| (&edge.0, &edge.1, edge.2) == (&name(row), &name(to), event)) {
                Some((.., roles)) if roles.contains(&row.is_server) => {}
                Some((.., roles)) => roles.push(row.is_server),
                None => edges.push((name(row), name(to), event, [row.is_server].into())),
            }
        }
    }
    for (name, text) in nodes {
        writeln!(out, "    {name}: {text}").unwrap();
    }
    out += "    [*] --> Open_Keep\n";
    for (from, to, event, roles) in edges {
        let of = match roles[..] {
            [true] => " (server)",
            [false] => " (client)",
            _ => "",
        };
        writeln!(out, "    {from} --> {to}: {event}{of}").unwrap();
    }
    out += "    Closed_Close --> [*]\n```\n\n";
    out += "| received | stream ended | our Close sent | state | transport of a server | of a client |\n";
    out += "|---|---|---|---|---|---|\n";
    let yes = |is: bool| if is { "yes" } else { "" };
    for row in Row::all().filter(|row| row.is_server) {
        let Row { incoming, eof, sent, .. } = row;
        let incoming = match incoming {
            Incoming::Nothing => "",
            Incoming::Close => "Close",
            Incoming::Error => "error",
        };
        let client = Row { is_server: false, ..row }.transport();
        let (state, server) = (row.state(), row.transport());
        writeln!(out, "| {incoming} | {} | {} | {state:?} | {server:?} | {client:?} |", yes(eof), yes(sent)).unwrap();
    }
    out + "\n"
}

#[test]
fn architecture_md_shows_the_closing_table_of_the_engine() {
    const BEGIN: &str = "<!-- closing table -->\n";
    const END: &str = "<!-- end -->";
    let path = root().join("ARCHITECTURE.md");
    let old = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    let (before, rest) = old.split_once(BEGIN).expect("a line that begins the table");
    let (_, after) = rest.split_once(END).expect("a line that ends the table");
    let new = [before, BEGIN, &drawn(), END, after].concat();
    if env::var_os("BAREWS_BLESS").is_some() {
        fs::write(path, &new).unwrap();
    } else {
        assert!(old == new, "ARCHITECTURE.md is out of date: run BAREWS_BLESS=1 cargo test --test closing");
    }
}
