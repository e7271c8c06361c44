//! The life of a connection, as one table (RFC 6455 sections 5.5.1, 7.1.1, 7.1.3 and 7.1.7).
//!
//! All rules about closing live here; nothing else in the engine decides when a connection is closing or closed, or what
//! becomes of the transport. The table knows no frame and no byte: only what was received, whether our Close was sent, and
//! whether the transport has ended.

use crate::role::Side;

/// Where a connection stands (RFC 6455 sections 4.1, 7.1.3 and 7.1.4). CONNECTING is the
/// [opening handshake](crate::handshake).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// Messages may go both ways.
    Open,
    /// A Close frame was sent or received, or the connection failed.
    Closing,
    /// Nothing will be sent or received any more.
    Closed,
}

/// What the host is to do with the transport, once [`poll_transmit`](crate::Connection::poll_transmit) has returned 0 and its
/// bytes are written. This is the answer to "when do I close TCP?" (RFC 6455 section 7.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Transport {
    /// Go on reading and writing.
    Keep,
    /// Shut down the writing side, then read and discard until the end of the stream or the closing timeout, then close.
    /// Reading on keeps a reset from destroying the Close frame that was just sent.
    HalfClose,
    /// Read and discard until the peer ends the stream or the closing timeout, then close: the server closes first.
    // RFC 6455 7.1.1 [6455-7.1.1-6]
    AwaitEof,
    /// Close now.
    Close,
}

/// What was received so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Incoming {
    /// Neither a Close frame nor an error.
    Open,
    /// A Close frame.
    Close,
    /// An error; nothing more of the peer's is processed.
    Error,
}

/// The table. `eof`: the transport has ended; `sent`: our Close frame was sent.
pub(crate) const fn next(incoming: Incoming, eof: bool, sent: bool, side: Side) -> (State, Transport) {
    use Incoming as I;
    use State::{Closed, Closing, Open};
    match (incoming, eof, sent) {
        (I::Open, false, false) => (Open, Transport::Keep),
        // Our Close is out: CLOSING, and the peer's Close is still to come [6455-7.1.3-1]
        (I::Open, false, true) => (Closing, Transport::Keep),
        // The end without a Close frame: 1006 [6455-7.1.4-1] [6455-7.2.1-2]
        (I::Open, true, _) => (Closed, Transport::Close),
        // The peer's Close, or an error: CLOSING; our Close is due, and the peer may still read it
        // [6455-5.5.1-7] [6455-7.1.7-5]
        (I::Close | I::Error, _, false) => (Closing, Transport::Keep),
        // Close frames went both ways: the server closes TCP at once, the client waits for that
        // [6455-5.5.1-10] [6455-5.5.1-11] [6455-5.5.1-12] [6455-5.5.1-14]
        // [6455-7.1.1-3] [6455-7.1.1-5] [6455-7.1.1-6] [6455-7.1.2-2]
        (I::Close, false, true) if side.is_server() => (Closing, Transport::HalfClose),
        (I::Close, false, true) => (Closing, Transport::AwaitEof),
        // Failed, and the peer was told: close, without waiting for an answer [6455-7.1.7-1] [6455-7.1.7-3] [6455-7.1.7-7]
        (I::Error, false, true) => (Closing, Transport::HalfClose),
        (I::Close | I::Error, true, true) => (Closed, Transport::Close),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Incoming, State, Transport, next};
    use crate::role::Side;
    use std::fmt::Write;
    use std::string::String;
    use std::vec::Vec;
    use std::{env, format, fs};

    /// One input of the table, with its outcome.
    #[derive(Clone, Copy, Debug)]
    struct Row {
        incoming: Incoming,
        eof: bool,
        sent: bool,
        side: Side,
    }

    impl Row {
        fn all() -> impl Iterator<Item = Self> {
            use Incoming::{Close, Error, Open};
            let inputs = [Open, Close, Error].into_iter().flat_map(|incoming| {
                [(false, false), (false, true), (true, false), (true, true)].map(|(eof, sent)| (incoming, eof, sent))
            });
            inputs.flat_map(|(incoming, eof, sent)| {
                [Side::Server, Side::Client].map(|side| Self { incoming, eof, sent, side })
            })
        }

        fn state(self) -> State {
            next(self.incoming, self.eof, self.sent, self.side).0
        }

        fn transport(self) -> Transport {
            next(self.incoming, self.eof, self.sent, self.side).1
        }

        /// The rows to which one more event leads.
        fn successors(self) -> Vec<(&'static str, Self)> {
            let mut rows = Vec::new();
            if self.incoming == Incoming::Open && self.eof {
                return rows; // lost: nothing can be sent or received
            }
            if self.incoming == Incoming::Open {
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

    /// A rule with its ids: to which rows it applies, and what it asks of them.
    type Rule = (&'static str, fn(Row) -> bool, fn(Row) -> bool);

    const RULES: [Rule; 9] = [
        (
            "4.1: a connection is OPEN until something is sent, received or lost",
            |row| row.incoming == Incoming::Open && !row.sent && !row.eof,
            |row| row.state() == State::Open && row.transport() == Transport::Keep,
        ),
        (
            "[6455-7.1.3-1]: CLOSING from the first Close frame or error until the transport has ended",
            |row| (row.incoming != Incoming::Open || row.sent) && !row.eof,
            |row| row.state() == State::Closing,
        ),
        (
            "[6455-5.5.1-7] [6455-7.1.7-5]: a Close that is due is sent first",
            |row| row.incoming != Incoming::Open && !row.sent,
            |row| row.state() == State::Closing && row.transport() == Transport::Keep,
        ),
        (
            "our Close waits for the peer's",
            |row| row.incoming == Incoming::Open && row.sent && !row.eof,
            |row| row.transport() == Transport::Keep,
        ),
        (
            "[6455-5.5.1-11] [6455-5.5.1-12] [6455-7.1.1-3]: after both Close frames the server closes first",
            |row| row.incoming == Incoming::Close && row.sent && !row.eof && row.side == Side::Server,
            |row| row.transport() == Transport::HalfClose,
        ),
        (
            "[6455-7.1.1-3]: after both Close frames the client waits for the server",
            |row| row.incoming == Incoming::Close && row.sent && !row.eof && row.side == Side::Client,
            |row| row.transport() == Transport::AwaitEof,
        ),
        (
            "[6455-7.1.7-1] [6455-7.1.7-3]: after an error and our Close both sides close, without an answer",
            |row| row.incoming == Incoming::Error && row.sent && !row.eof,
            |row| row.transport() == Transport::HalfClose,
        ),
        (
            "[6455-7.2.1-2]: the end of the stream without a Close frame is the end",
            |row| row.incoming == Incoming::Open && row.eof,
            |row| row.state() == State::Closed && row.transport() == Transport::Close,
        ),
        (
            "[6455-5.5.1-10]: CLOSED once the stream has ended and our Close was sent",
            |row| row.eof && row.sent,
            |row| row.state() == State::Closed && row.transport() == Transport::Close,
        ),
    ];

    #[test]
    fn closing_table_keeps_each_rule() {
        for row in Row::all() {
            let rules = RULES.iter().filter(|(_, applies, _)| applies(row));
            assert!(rules.clone().count() > 0, "no rule for {row:?}");
            for (rule, _, holds) in rules {
                assert!(holds(row), "{rule}: {row:?} gives {:?}, {:?}", row.state(), row.transport());
            }
        }
    }

    #[test]
    fn closing_table_closes_the_transport_exactly_in_closed() {
        for row in Row::all() {
            assert_eq!(row.transport() == Transport::Close, row.state() == State::Closed, "{row:?}");
        }
    }

    /// The table and its diagram, in Markdown.
    fn drawn() -> String {
        let mut out = String::from("\n```mermaid\nstateDiagram-v2\n");
        let name = |row: Row| format!("{:?}_{:?}", row.state(), row.transport());
        let mut nodes = Vec::new();
        let mut edges: Vec<(String, String, &str, Vec<Side>)> = Vec::new();
        for row in Row::all() {
            let from = (name(row), format!("{:?}: transport {:?}", row.state(), row.transport()));
            if !nodes.contains(&from) {
                nodes.push(from);
            }
            for (event, to) in row.successors().into_iter().filter(|(_, to)| name(*to) != name(row)) {
                match edges.iter_mut().find(|edge| (&edge.0, &edge.1, edge.2) == (&name(row), &name(to), event)) {
                    Some((.., sides)) if sides.contains(&row.side) => {}
                    Some((.., sides)) => sides.push(row.side),
                    None => edges.push((name(row), name(to), event, [row.side].into())),
                }
            }
        }
        for (name, text) in nodes {
            writeln!(out, "    {name}: {text}").unwrap();
        }
        out += "    [*] --> Open_Keep\n";
        for (from, to, event, sides) in edges {
            let of = if let [side] = sides[..] { format!(" ({side:?})") } else { String::new() };
            writeln!(out, "    {from} --> {to}: {event}{of}").unwrap();
        }
        out += "    Closed_Close --> [*]\n```\n\n";
        out += "| received | stream ended | our Close sent | state | transport of a server | of a client |\n";
        out += "|---|---|---|---|---|---|\n";
        let yes = |is: bool| if is { "yes" } else { "" };
        for row in Row::all().filter(|row| row.side == Side::Server) {
            let Row { incoming, eof, sent, .. } = row;
            let incoming = match incoming {
                Incoming::Open => "",
                Incoming::Close => "Close",
                Incoming::Error => "error",
            };
            let client = Row { side: Side::Client, ..row }.transport();
            let (state, server) = (row.state(), row.transport());
            writeln!(out, "| {incoming} | {} | {} | {state:?} | {server:?} | {client:?} |", yes(eof), yes(sent))
                .unwrap();
        }
        out + "\n"
    }

    /// `BAREWS_BLESS=1` rewrites it.
    #[test]
    fn closing_table_is_shown_in_architecture_md() {
        const BEGIN: &str = "<!-- closing table -->\n";
        const END: &str = "<!-- end -->";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/ARCHITECTURE.md");
        let old = fs::read_to_string(path).unwrap().replace("\r\n", "\n");
        let (before, rest) = old.split_once(BEGIN).expect("a line that begins the table");
        let (_, after) = rest.split_once(END).expect("a line that ends the table");
        let new = [before, BEGIN, &drawn(), END, after].concat();
        if env::var_os("BAREWS_BLESS").is_some() {
            fs::write(path, &new).unwrap();
        } else {
            assert!(old == new, "ARCHITECTURE.md is out of date: run BAREWS_BLESS=1 cargo test --lib closing_table");
        }
    }
}
