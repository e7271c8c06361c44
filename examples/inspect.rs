//! Shows a recorded WebSocket conversation frame by frame, and the rule that a bad frame breaks.
//!
//!     cargo run --release --example inspect -- FILE...
//!
//! A file is one of:
//!
//! * a capture (pcap, as `tcpdump -w FILE port 9001` writes it),
//! * the bytes of one direction,
//! * those bytes in hexadecimal digits, as a logic analyser exports them.
//!
//! The program reassembles the TCP segments of a capture, for all connections and both directions. It checks an opening
//! handshake if the bytes begin with one. Without a handshake it takes masked frames for those of a client.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::process::ExitCode;
use std::{env, fs};

use barews::connection::Config;
use barews::handshake::{OriginPolicy, Progress, ServerConfig, ServerHandshake, accept_key};
use barews::wire::{FrameHeader, Rsv};
use barews::{Client, Connection, HandshakeError, ProtocolError, Server};

#[allow(dead_code, reason = "the tests use the rest of this file")]
fn main() -> ExitCode {
    let files: Vec<_> = env::args_os().skip(1).collect();
    if files.is_empty() || files.iter().any(|file| file.as_encoded_bytes().starts_with(b"-")) {
        eprintln!("usage: inspect FILE...");
        return ExitCode::from(2);
    }
    for file in files {
        let bytes = fs::read(&file).map_err(|error| error.to_string());
        match bytes.and_then(|bytes| Ok(inspect(&bytes)?)) {
            Ok(table) => print!("{table}"),
            Err(error) => {
                eprintln!("inspect: {}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Returns the table for the contents of a file.
pub fn inspect(file: &[u8]) -> Result<String, &'static str> {
    let mut out = String::from("      time  from    at        frame         fin rsv mask      length  payload\n");
    if let Some(packets) = pcap(file)? {
        let mut flows = HashMap::new();
        for packet in packets {
            segment(&mut flows, &packet, &mut out);
        }
        let mut flows: Vec<_> = flows.into_values().collect();
        flows.sort_by_key(|flow: &Flow| flow.number);
        flows.iter_mut().for_each(|flow| flow.directions.iter_mut().for_each(|way| way.end(&mut out)));
    } else {
        let (mut way, mut talk) = (Direction::default(), Talk::default());
        way.read(&hex(file).unwrap_or_else(|| file.to_vec()), "", &mut talk, &mut out);
        way.end(&mut out);
    }
    Ok(out)
}

/// Decodes hexadecimal digits, if the file has nothing else but white space, colons and commas.
fn hex(file: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(file).ok()?.replace("0x", "").replace([':', ','], " ");
    let digits: Vec<u8> = text.split_whitespace().collect::<String>().into_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok().filter(|_| pair.len() == 2)?, 16).ok();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    digits.chunks(2).map(byte).collect()
}

/// What both directions know about the handshake.
#[derive(Default)]
struct Talk {
    key: Option<[u8; 28]>,
    /// The reserved bits that can be set.
    rsv: u8,
}

type Engine = Box<dyn FnMut(&mut [u8]) -> Result<(), ProtocolError>>;

/// The bytes of one direction.
#[derive(Default)]
struct Direction {
    buffer: Vec<u8>,
    /// The number of bytes before `buffer`.
    at: usize,
    time: String,
    is_client: bool,
    /// Set once frames are read.
    engine: Option<Engine>,
    header: Option<(FrameHeader, usize)>,
    /// Whether the rest of the input is ignored.
    over: bool,
    /// In a capture: the sender, the sequence number of its next byte, and the segments that arrived too early.
    sender: Vec<u8>,
    next: Option<u32>,
    early: BTreeMap<u32, Vec<u8>>,
}

impl Direction {
    fn read(&mut self, bytes: &[u8], time: &str, talk: &mut Talk, out: &mut String) {
        self.buffer.extend_from_slice(bytes);
        self.time = time.to_owned();
        while !self.over && !self.buffer.is_empty() && self.step(talk, out) {}
    }

    /// Reads the head of the handshake, a header or a payload. Returns false if that is not complete.
    fn step(&mut self, talk: &mut Talk, out: &mut String) -> bool {
        if self.engine.is_none() {
            if self.buffer.starts_with(&[0x16, 3]) {
                self.row("TLS", "", "encrypted: decrypt it first", out);
                self.over = true;
                return false;
            }
            let request = b"GET ";
            if self.buffer.len() < 4 && request.starts_with(&self.buffer) {
                return false;
            }
            if self.buffer.starts_with(request) || self.buffer.starts_with(b"HTTP") {
                return self.head(talk, out);
            }
            self.is_client = self.buffer.get(1).is_some_and(|byte| byte & 0x80 != 0);
            self.open(talk);
        }
        match self.header {
            None => match FrameHeader::parse(&self.buffer) {
                Ok(None) => false,
                Ok(Some((header, len))) => {
                    self.header = Some((header, len));
                    self.judge(len, out)
                }
                Err(error) => {
                    self.fail(error, out);
                    false
                }
            },
            Some((header, len)) => {
                let whole = usize::try_from(header.payload_len).ok().and_then(|payload| payload.checked_add(len));
                let Some(whole) = whole.filter(|whole| *whole <= self.buffer.len()) else { return false };
                // The engine has already received the header.
                self.judge_payload(len, whole, out)
            }
        }
    }

    fn judge(&mut self, len: usize, out: &mut String) -> bool {
        let mut bytes = self.buffer[..len].to_vec();
        let Some(Err(error)) = self.engine.as_mut().map(|engine| engine(&mut bytes)) else { return true };
        self.fail(error, out);
        false
    }

    fn judge_payload(&mut self, len: usize, whole: usize, out: &mut String) -> bool {
        let mut payload = self.buffer[len..whole].to_vec();
        if let Some(Err(error)) = self.engine.as_mut().map(|engine| engine(&mut payload)) {
            self.fail(error, out);
            return false;
        }
        let Some((header, _)) = self.header.take() else { return false };
        // Unmask the original bytes: the engine unmasks data in place, but control payloads elsewhere.
        payload.copy_from_slice(&self.buffer[len..whole]);
        let key = header.masking_key.unwrap_or([0; 4]);
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        let shown = show(&header, &payload);
        self.frame_row(&header, &shown, out);
        self.buffer.drain(..whole);
        self.at += whole;
        true
    }

    /// Reads the head of the opening handshake.
    fn head(&mut self, talk: &mut Talk, out: &mut String) -> bool {
        let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.is_client = head.starts_with("GET ");
        let field = |name: &str| {
            let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
            lines.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        let line = head.lines().next().unwrap_or_default().to_owned();
        let verdict = if self.is_client {
            talk.key = field("Sec-WebSocket-Key").and_then(|key| accept_key(key.as_bytes()));
            let any = ServerConfig::new(OriginPolicy::Any);
            let mut handshake = ServerHandshake::new(&any, [0; 4096]);
            match handshake.receive(&mut self.buffer[..end + 4].to_vec()) {
                Err(error) => Err(error.to_string()),
                Ok(Progress::Complete { .. }) if handshake.request().is_some_and(|request| request.is_upgrade()) => {
                    Ok(())
                }
                Ok(_) => Err("not a WebSocket request".to_owned()),
            }
        } else if line.split(' ').nth(1) != Some("101") {
            Err("refused".to_owned())
        } else if talk.key.is_some_and(|key| field("Sec-WebSocket-Accept").is_none_or(|found| found.as_bytes() != key))
        {
            Err(HandshakeError::Accept.to_string())
        } else {
            Ok(())
        };
        // The response decides. Without one, an offered extension can be in use.
        let deflate = field("Sec-WebSocket-Extensions").is_some_and(|list| list.contains("permessage-deflate"));
        talk.rsv = if deflate { 4 } else { 0 };
        self.row("handshake", "", &line, out);
        for name in ["Host", "Origin", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"] {
            if let Some(value) = field(name) {
                self.row("", "", &format!("{name}: {value}"), out);
            }
        }
        self.buffer.drain(..end + 4);
        self.at += end + 4;
        match verdict {
            Ok(()) => self.open(talk),
            Err(why) => {
                self.row("", "", &format!("BAD: {why}"), out);
                self.over = true;
            }
        }
        !self.over
    }

    /// Reads frames from now on, in the role of the sender's peer.
    fn open(&mut self, talk: &Talk) {
        let (max, fragments) = (u64::MAX, u32::MAX);
        let config = Config {
            max_frame_size: max,
            max_message_size: max,
            max_fragments: fragments,
            extension_rsv: Rsv::from_bits(talk.rsv),
            ..Config::DEFAULT
        };
        self.engine = Some(if self.is_client {
            engine(Connection::new(Server, &config))
        } else {
            engine(Connection::new(Client(|| [0; 4]), &config))
        });
    }

    fn fail(&mut self, error: ProtocolError, out: &mut String) {
        let why = format!("BAD: {error} (Close {})", error.close_code().0);
        match self.header {
            Some((header, _)) => self.frame_row(&header, &why, out),
            None => {
                let bytes: Vec<_> = self.buffer.iter().take(14).map(|byte| format!("{byte:02x}")).collect();
                self.row(&bytes.join(" "), "", &why, out);
            }
        }
        self.over = true;
    }

    /// Reports the bytes that are left when the recording ends.
    fn end(&mut self, out: &mut String) {
        if self.over || self.buffer.is_empty() {
            return;
        }
        let cut = format!("CUT OFF: the recording ends {} bytes into it", self.buffer.len());
        match self.header {
            Some((header, _)) => self.frame_row(&header, &cut, out),
            None => self.row("", "", &cut, out),
        }
    }

    fn frame_row(&self, header: &FrameHeader, shown: &str, out: &mut String) {
        let name = match header.opcode.bits() {
            0 => "continuation",
            1 => "text",
            2 => "binary",
            8 => "Close",
            9 => "Ping",
            10 => "Pong",
            _ => "reserved",
        };
        let mask = header.masking_key.map_or("-".to_owned(), |key| format!("{:08x}", u32::from_be_bytes(key)));
        let bits = format!("{:3} {:03b} {mask:8}  {:8}", u8::from(header.fin), header.rsv.bits(), header.payload_len);
        self.row(name, &bits, shown, out);
    }

    fn row(&self, frame: &str, bits: &str, shown: &str, out: &mut String) {
        let from = if self.is_client { "client" } else { "server" };
        let (time, at) = (&self.time, self.at);
        let _infallible = writeln!(out, "{time:>10}  {from:6}  {at:<8}  {frame:12}  {bits:26}  {shown}");
    }
}

fn engine<R: barews::Role + 'static>(mut connection: Connection<R>) -> Engine {
    Box::new(move |bytes| {
        let mut rest = bytes;
        loop {
            let received = connection.receive(rest)?;
            rest = received.rest;
            if received.event.is_none() {
                return Ok(());
            }
        }
    })
}

/// Formats the beginning of a payload: text in quotes, anything else as bytes.
fn show(header: &FrameHeader, payload: &[u8]) -> String {
    if let (8, Some((code, reason))) = (header.opcode.bits(), payload.split_first_chunk()) {
        return format!("{} {:?}", u16::from_be_bytes(*code), String::from_utf8_lossy(reason));
    }
    let start = &payload[..payload.len().min(48)];
    let more = if start.len() < payload.len() { " ..." } else { "" };
    match str::from_utf8(start) {
        Ok(text) if header.opcode.bits() != 2 && header.rsv.is_empty() && !text.contains(|c| c < ' ' && c != '\n') => {
            format!("{text:?}{more}")
        }
        _ => {
            let bytes: Vec<_> = start.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            format!("{}{}", bytes.join(" "), if payload.len() > 16 { " ..." } else { "" })
        }
    }
}

/// A TCP connection of a capture.
struct Flow {
    number: usize,
    talk: Talk,
    directions: Vec<Direction>,
}

struct Packet<'a> {
    time: String,
    ip: &'a [u8],
}

/// Returns the IP packets of a capture, or `None` if the file is not a capture.
fn pcap(file: &[u8]) -> Result<Option<Vec<Packet<'_>>>, &'static str> {
    let Some((magic, rest)) = file.split_first_chunk::<4>() else { return Ok(None) };
    let (little, fraction) = match u32::from_le_bytes(*magic) {
        0xa1b2_c3d4 => (true, 1e-6),
        0xa1b2_3c4d => (true, 1e-9),
        0xd4c3_b2a1 => (false, 1e-6),
        0x4d3c_b2a1 => (false, 1e-9),
        0x0a0d_0d0a => return Err("this is pcapng: convert it with `tcpdump -r FILE -w FILE.pcap`"),
        _ => return Ok(None),
    };
    let word = |bytes: &[u8], at: usize| {
        let bytes: Option<[u8; 4]> = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(|bytes| if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let skipped = match word(rest, 16).ok_or("the capture is cut off")? & 0xffff {
        0 => 4,    // loopback of BSD
        1 => 14,   // Ethernet
        101 => 0,  // IP
        113 => 16, // Linux, "any"
        276 => 20, // the same, version 2
        _ => return Err("the link type of the capture is not supported"),
    };
    let (mut rest, mut packets, mut first) = (rest.get(20..).unwrap_or_default(), Vec::new(), None);
    while let (Some(seconds), Some(part), Some(len)) = (word(rest, 0), word(rest, 4), word(rest, 8)) {
        let time = f64::from(seconds) + f64::from(part) * fraction;
        let first = *first.get_or_insert(time);
        let Some(frame) = rest.get(16..16 + len as usize) else { break };
        packets.push(Packet { time: format!("{:.6}", time - first), ip: frame.get(skipped..).unwrap_or_default() });
        rest = &rest[16 + len as usize..];
    }
    Ok(Some(packets))
}

/// Returns the addresses and the TCP segment of an IP packet.
fn tcp(ip: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    match ip.first()? >> 4 {
        4 => {
            let (header, len) =
                (usize::from(ip[0] & 15) * 4, usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?])));
            let len = if len == 0 { ip.len() } else { len.min(ip.len()) }; // 0: segmentation by the network card
            (*ip.get(9)? == 6).then_some((ip.get(12..16)?, ip.get(16..20)?, ip.get(header..len)?))
        }
        6 if *ip.get(6)? == 6 => {
            let len = 40 + usize::from(u16::from_be_bytes([ip[4], ip[5]]));
            Some((ip.get(8..24)?, ip.get(24..40)?, ip.get(40..len.min(ip.len()))?))
        }
        _ => None,
    }
}

/// Adds a segment to its flow, and reads the bytes that are now in order.
fn segment(flows: &mut HashMap<Vec<Vec<u8>>, Flow>, packet: &Packet<'_>, out: &mut String) {
    let Some((from, to, tcp)) = tcp(packet.ip) else { return };
    let (Some(ports), Some(sequence), Some(&[offset, flags])) = (tcp.get(..4), tcp.get(4..8), tcp.get(12..14)) else {
        return;
    };
    let sequence = sequence.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
    let payload = tcp.get(usize::from(offset >> 4) * 4..).unwrap_or_default();
    let (from, to) = ([from, &ports[..2]].concat(), [to, &ports[2..]].concat());
    let mut key = vec![from.clone(), to];
    key.sort();
    let number = flows.len() + 1;
    let flow = flows.entry(key).or_insert_with(|| Flow { number, talk: Talk::default(), directions: Vec::new() });
    let place = flow.directions.iter().position(|way| way.sender == from).unwrap_or(flow.directions.len());
    if place == flow.directions.len() {
        flow.directions.push(Direction { sender: from, ..Direction::default() });
    }
    let Some(way) = flow.directions.get_mut(place) else { return };
    if flags & 2 != 0 {
        way.next = Some(sequence.wrapping_add(1)); // SYN
        return;
    }
    let mut next = *way.next.get_or_insert(sequence);
    if !payload.is_empty() {
        let longest = way.early.entry(sequence).or_default();
        if longest.len() < payload.len() {
            *longest = payload.to_vec();
        }
    }
    let mut bytes = Vec::new();
    // Segments that begin at or before the next byte. The difference is signed, because sequence numbers wrap.
    while let Some(start) = way.early.keys().copied().find(|start| start.wrapping_sub(next).cast_signed() <= 0) {
        let piece = way.early.remove(&start).unwrap_or_default();
        let old = next.wrapping_sub(start) as usize;
        let new = piece.get(old..).unwrap_or_default();
        bytes.extend_from_slice(new);
        next = next.wrapping_add(new.len() as u32);
    }
    way.next = Some(next);
    if !bytes.is_empty() {
        let time = if flow.number > 1 { format!("#{} {}", flow.number, packet.time) } else { packet.time.clone() };
        way.read(&bytes, &time, &mut flow.talk, out);
    }
}
