//! Shows which implementations accept what RFC 6455 forbids, and which refuse what it allows. Every receiver in `peers`
//! gets every stream of `streams.tsv`, once in one read and once byte by byte. Writes `STRICTNESS.md`.
//!
//! Each run is a separate process, so that a panic, an abort or an endless loop of a peer becomes an entry in the table.

mod rating;
mod stream;
mod table;

use peers::{Outcome, RECEIVERS, Receiver, Socket, version};
use rating::Rating;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};
use stream::Stream;

/// The timeout for one stream, which usually takes a few milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The sizes of reads.
const READS: [usize; 2] = [usize::MAX, 1];
/// The exit code of a Rust program that panics.
const PANICKED: i32 = 101;

/// The results of one peer on one stream, one for each of [`READS`].
pub(crate) type Cell = [Rating; READS.len()];

fn main() {
    let streams = stream::all();
    if let [_, peer, number, read_size] = &env::args().collect::<Vec<_>>()[..] {
        return child(&RECEIVERS[parse(peer)], &streams[parse(number)], parse(read_size));
    }
    let columns: Vec<Vec<Cell>> = (0..RECEIVERS.len())
        .map(|peer| {
            eprintln!("{} {}", RECEIVERS[peer].name, version(RECEIVERS[peer].name));
            (0..streams.len()).map(|number| READS.map(|read_size| run([peer, number, read_size]))).collect()
        })
        .collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/STRICTNESS.md");
    fs::write(path, table::markdown(&streams, &columns)).expect("the table is written");
    print!("{}", table::totals(&streams, &columns));
}

fn parse(number: &str) -> usize {
    number.parse().expect("a number")
}

fn play(receiver: &Receiver, stream: &Stream, read_size: usize) -> Outcome {
    let socket = Socket::once(&stream.bytes, read_size);
    let output = socket.output();
    output.keep_log();
    let mut outcome = Outcome::default();
    (receiver.run)(stream.role, socket, &mut outcome);
    outcome.written = output.take_log();
    outcome
}

fn child(receiver: &Receiver, stream: &Stream, read_size: usize) {
    let outcome = play(receiver, stream, read_size);
    println!("{}", rating::rate(stream, &outcome).word());
    eprintln!("{outcome:?}");
}

fn run(args: [usize; 3]) -> Rating {
    let mut child = Command::new(env::current_exe().expect("this program"))
        .args(args.map(|arg| arg.to_string()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this program runs");
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child's status") {
            break status;
        }
        if start.elapsed() > TIMEOUT {
            child.kill().expect("the child ends");
            child.wait().expect("the child ends");
            return Rating::Hangs;
        }
        thread::sleep(Duration::from_micros(500));
    };
    match status.code() {
        Some(0) => {}
        Some(PANICKED) => return Rating::Panics,
        _ => return Rating::Aborts,
    }
    let mut word = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut word).expect("the rating");
    let rating = [Rating::Right].into_iter().chain(Rating::WRONG).find(|rating| rating.word() == word.trim());
    rating.expect("a rating")
}

#[cfg(test)]
mod tests {
    use super::*;
    use peers::{Message, Role};
    use std::collections::BTreeSet;
    use stream::{End, Expected};

    #[test]
    fn barews_is_rated_right_on_every_stream() {
        let [barews, ..] = &RECEIVERS;
        assert_eq!(barews.name, "barews");
        for stream in &stream::all() {
            for read_size in [usize::MAX, 1, 2, 3, 7] {
                let outcome = play(barews, stream, read_size);
                let named = format!("{} {:?}, reads of {read_size}: {outcome:?}", stream.name, stream.role);
                assert_eq!(rating::rate(stream, &outcome), Rating::Right, "{named}");
                assert_eq!(outcome.messages, stream.expected.messages, "{named}");
                let sent = match stream.expected.end {
                    End::Open => None,
                    End::Close(Some(1010)) => Some(1000), // RFC 6455 7.4.1: a server never sends 1010
                    End::Close(code) => Some(code.unwrap_or(1005)),
                    End::Refused(code) => Some(code),
                    End::Either(_) => continue,
                };
                assert_eq!(rating::close_sent(&outcome.written), sent, "{named}");
            }
        }
    }

    #[test]
    fn names_are_unique_and_both_roles_are_covered() {
        let streams = stream::all();
        let names: BTreeSet<_> = streams.iter().map(|stream| (stream.name, stream.role)).collect();
        assert_eq!(names.len(), streams.len());
        for role in [Role::Server, Role::Client] {
            assert!(names.iter().filter(|(_, of)| *of == role).count() >= 60, "{role:?}");
        }
    }

    /// Bytes of RFC 6455 section 5.7, and the other parts of the notation.
    #[test]
    fn notation_is_parsed_as_described() {
        let streams = stream::all();
        let find = |name, role| streams.iter().find(|stream| stream.name == name && stream.role == role).unwrap();
        let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(find("text", Role::Server).bytes, masked);
        assert_eq!(find("text", Role::Client).bytes, b"\x81\x05Hello");
        assert_eq!(find("mask-wrong-text", Role::Server).bytes, b"\x81\x05Hello");
        assert_eq!(find("mask-wrong-text", Role::Client).bytes, masked);
        assert_eq!(find("length-65535", Role::Client).bytes.len(), 4 + 65535);
        let text = Expected { messages: vec![Message::Text(b"a".to_vec())], end: End::Close(Some(1001)) };
        assert_eq!(find("text-before-close", Role::Server).expected, text);
    }

    #[test]
    fn rate_distinguishes_right_and_wrong_outcomes() {
        use Rating::{Accepts, Differs, Refuses, Right};
        let rate = |name: &str, messages: &[&str], closed: bool, error: bool, written: &[u8]| {
            let stream = stream::all().into_iter().find(|stream| stream.name == name).unwrap();
            let messages = messages.iter().map(|text| Message::Text(text.as_bytes().to_vec())).collect();
            let error = error.then(|| "error".to_owned());
            rating::rate(&stream, &Outcome { messages, closed, error, written: written.to_vec() })
        };
        assert_eq!(rate("text", &["Hello"], false, false, b""), Right);
        assert_eq!(rate("text", &["Hell"], false, false, b""), Differs);
        assert_eq!(rate("text", &["Hello"], true, false, b""), Differs);
        assert_eq!(rate("text", &["Hello"], false, true, b""), Refuses);
        assert_eq!(rate("text", &["Hello"], false, false, b"\x88\x02\x03\xea"), Refuses);
        assert_eq!(rate("rsv1-text", &[], false, true, b""), Right);
        assert_eq!(rate("rsv1-text", &[], true, false, b"\x88\x02\x03\xea"), Right);
        assert_eq!(rate("rsv1-text", &[], true, false, b"\x88\x02\x03\xe8"), Accepts);
        assert_eq!(rate("rsv1-text", &["Hello"], false, true, b""), Differs);
        assert_eq!(rate("rsv1-text", &["Hello"], false, false, b""), Accepts);
        assert_eq!(rate("close-1002", &[], true, false, b"\x8a\x00\x88\x02\x03\xea"), Right);
        assert_eq!(rate("close-1002", &[], false, false, b""), Differs);
        assert_eq!(rate("close-1001", &[], true, false, b"\x88\x02\x03\xea"), Refuses);
        assert_eq!(rate("text-after-close", &["Hello"], true, false, b""), Differs);
        assert_eq!(rate("close-5000", &[], true, false, b""), Right);
        assert_eq!(rate("close-5000", &[], false, true, b""), Right);
    }
}
