//! Prints the messages of a topic from an MQTT 3.1.1 broker over WebSocket:
//!
//!     cargo run --release -p barews-tokio --example mqtt -- ws://127.0.0.1:9001/ 'sensors/#'

use barews_tokio::{ByteStream, Client};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(uri), Some(topic)) = (arguments.next(), arguments.next()) else {
        return Err("usage: mqtt URI TOPIC".into());
    };
    let (socket, response) = Client::new(uri).subprotocols(["mqtt"]).connect().await?;
    if response.subprotocol() != Some("mqtt") {
        return Err("the server does not speak MQTT".into());
    }
    let mut stream = BufReader::new(ByteStream::new(socket));

    // A clean session without a keepalive and with an empty client id.
    let mut packets = vec![12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 0];
    let len = u8::try_from(topic.len() + 5).ok().filter(|len| *len < 0x80).ok_or("the topic is too long")?;
    packets.extend([SUBSCRIBE, len, 0, 1, 0, len - 5]);
    packets.extend(topic.as_bytes());
    packets.push(0); // QoS 0
    // The bounds of messages do not matter to MQTT: this ends the first one after the first byte of a packet.
    stream.write_u8(CONNECT).await?;
    stream.write_all(&packets).await?;
    stream.flush().await?;

    loop {
        let (first, body) = packet(&mut stream).await?;
        match (first, &body[..]) {
            (CONNACK, [_, 0]) => {}
            (SUBACK, [_, _, 0]) => eprintln!("subscribed"),
            (PUBLISH, [high, low, rest @ ..]) => {
                let topic = usize::from(u16::from_be_bytes([*high, *low]));
                println!("{}", String::from_utf8_lossy(rest.get(topic..).ok_or("a packet is too short")?));
            }
            _ => return Err(format!("unexpected packet {first:#x}, {body:?}").into()),
        }
    }
}

/// Reads a packet: its first byte and its body.
async fn packet(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(u8, Vec<u8>)> {
    let first = stream.read_u8().await? & !0x01; // RETAIN
    let mut len = 0;
    for shift in [0, 7, 14, 21] {
        let byte = usize::from(stream.read_u8().await?);
        len |= (byte & 0x7F) << shift;
        if byte < 0x80 {
            break;
        }
    }
    let mut body = vec![0; len];
    stream.read_exact(&mut body).await?;
    Ok((first, body))
}
