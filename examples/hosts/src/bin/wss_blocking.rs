//! `wss://` without a runtime: rustls on `std::net`, a thread for each connection.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin wss_blocking -- server 127.0.0.1:9443 /tmp/certificate.pem
//!     cargo run --release --bin wss_blocking -- client wss://localhost:9443/ /tmp/certificate.pem hello
//!
//! The loop is that of `blocking_echo` on a `StreamOwned`. A close_notify ends a TLS stream; the half-close sends it.
//! Read timeouts replace the deadlines, because a thread that waits in `read` can do nothing else.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use barews::connection::{Config, Event, Transport};
use barews::handshake::{
    Accept, ClientConfig, ClientHandshake, ClientRequest, OriginPolicy, Progress, ServerConfig, ServerHandshake, Uri,
};
use barews::wire::{CloseCode, MAX_CONTROL_FRAME};
use barews::{Connection, Role};
use hosts::websocket::random;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConnection, ServerConnection, StreamOwned};

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any); // an echo has no secrets
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> io::Result<()> {
    let args: Vec<_> = env::args().skip(1).collect();
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server", address, certificate] => server(address, Path::new(certificate)),
        ["client", uri, certificate, texts @ ..] => client(uri, Path::new(certificate), texts),
        _ => Err(io::Error::other("usage: server ADDRESS CERTIFICATE, or client URI CERTIFICATE TEXT...")),
    }
}

fn server(address: &str, certificate: &Path) -> io::Result<()> {
    let tls = hosts::tls::server(certificate, b"http/1.1")?;
    let listener = TcpListener::bind(address)?;
    println!("wss://localhost:{}/", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let (stream, tls) = (stream?, Arc::clone(&tls));
        thread::spawn(move || {
            if let Err(error) = serve(stream, tls) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

/// The operations of a rustls stream that the loop needs.
trait Tls: Read + Write {
    fn half_close(&mut self) -> io::Result<()>;
}

impl<S: rustls::SideData, C: std::ops::DerefMut<Target = rustls::ConnectionCommon<S>>> Tls
    for StreamOwned<C, TcpStream>
{
    fn half_close(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()
    }
}

fn prepare(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn serve(stream: TcpStream, tls: Arc<rustls::ServerConfig>) -> io::Result<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(tls).map_err(io::Error::other)?, prepare(stream)?);
    let (mut rx, mut out) = (vec![0; 16 << 10], [0; 512]);
    let mut handshake = ServerHandshake::new(&HANDSHAKE, [0; 512]);
    let (len, connection) = loop {
        let len = stream.read(&mut rx)?;
        if len == 0 {
            return handshake.receive_eof().map_err(io::Error::other);
        }
        match handshake.receive(&mut rx[..len]) {
            Ok(Progress::Partial) => {}
            Ok(Progress::Complete { consumed, .. }) => {
                let unread = consumed..len;
                break match handshake.accept(&Accept::default(), &Config::DEFAULT, &mut out) {
                    Ok((len, connection)) => (len, Some((connection, unread))),
                    Err(_) => (handshake.respond(404, &[], b"", &mut out).map_err(io::Error::other)?, None),
                };
            }
            Err(error) => break (handshake.refuse(error, &mut out).map_err(io::Error::other)?, None),
        }
    };
    stream.write_all(&out[..len])?;
    stream.flush()?;
    match connection {
        None => stream.half_close(),
        Some((mut connection, unread)) => {
            run(&mut stream, &mut connection, &mut rx, unread, &mut |connection, chunk, tx| {
                let header = connection
                    .begin_frame(chunk.kind, chunk.last, chunk.payload.len() as u64)
                    .map_err(io::Error::other)?;
                connection.mask_payload(chunk.payload).map_err(io::Error::other)?;
                tx.extend_from_slice(header.as_bytes());
                tx.extend_from_slice(chunk.payload);
                Ok(())
            })
        }
    }
}

type OnChunk<'a, R> = dyn FnMut(&mut Connection<R>, barews::connection::Chunk<'_>, &mut Vec<u8>) -> io::Result<()> + 'a;

/// The loop of both roles. `on_chunk` appends whole frames to its last argument, to be sent.
fn run<R: Role>(
    stream: &mut dyn Tls,
    connection: &mut Connection<R>,
    rx: &mut [u8],
    mut unread: std::ops::Range<usize>,
    on_chunk: &mut OnChunk<'_, R>,
) -> io::Result<()> {
    let (mut tx, mut control) = (Vec::new(), [0; MAX_CONTROL_FRAME]);
    let mut shut = false;
    loop {
        let mut rest = &mut rx[unread];
        loop {
            let received = connection.receive(rest).ok();
            rest = &mut [];
            let mut more = false;
            if let Some(received) = received {
                rest = received.rest;
                more = received.event.is_some();
                if let Some(Event::Data(chunk)) = received.event {
                    on_chunk(connection, chunk, &mut tx)?;
                }
            }
            while let len @ 1.. = connection.poll_transmit(&mut control) {
                tx.extend_from_slice(&control[..len]);
            }
            if !more {
                break;
            }
        }
        // An error of the engine explains why the stream fails later.
        let cause = |late| connection.error().map_or(late, io::Error::other);
        stream.write_all(&tx).and_then(|()| stream.flush()).map_err(cause)?;
        tx.clear();
        match connection.transport() {
            Transport::Close => return Ok(()),
            Transport::HalfClose if !shut => {
                shut = true;
                stream.half_close().map_err(cause)?;
            }
            _ => {}
        }
        let len = match stream.read(rx) {
            Ok(len) => len,
            // The stream ended without a close_notify. It is complete only if both Close frames were exchanged.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(cause(error)),
        };
        if len == 0 {
            connection.receive_eof().map_err(io::Error::other)?;
        }
        unread = 0..len;
    }
}

fn client(uri: &str, certificate: &Path, texts: &[&str]) -> io::Result<()> {
    let uri = Uri::parse(uri).map_err(io::Error::other)?;
    if !uri.secure() {
        return Err(io::Error::other("the URI is not a wss URI"));
    }
    let host = uri.host().trim_matches(['[', ']']); // remove the URI's brackets around an IPv6 address
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let tls = ClientConnection::new(hosts::tls::client(certificate, b"http/1.1")?, name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(tls, prepare(TcpStream::connect((host, uri.port()))?)?);

    let mut handshake = ClientHandshake::new(&ClientConfig::DEFAULT, random(), [0; 512]);
    let (mut rx, mut out) = (vec![0; 16 << 10], vec![0; 4096]);
    let len = handshake.request(&ClientRequest::new(uri), &mut out).map_err(io::Error::other)?;
    stream.write_all(&out[..len])?;
    stream.flush()?;
    let unread = loop {
        let len = stream.read(&mut rx)?;
        if len == 0 {
            handshake.receive_eof().map_err(io::Error::other)?;
        }
        if let Progress::Complete { consumed, .. } = handshake.receive(&mut rx[..len]).map_err(io::Error::other)? {
            break consumed..len;
        }
    };
    let mut connection = handshake.connect(random::<4>, &Config::DEFAULT).map_err(io::Error::other)?;

    // One text at a time: send the next when the echo of the last is complete.
    let mut texts = texts.iter();
    let mut next = move |connection: &mut Connection<_>, tx: &mut Vec<u8>| {
        let start = tx.len();
        let body = texts.next();
        tx.resize(start + 131 + body.map_or(0, |text| text.len()), 0);
        let written = match body {
            Some(text) => connection.write_text(text, &mut tx[start..]),
            None => connection.write_close(CloseCode::NORMAL, "", &mut tx[start..]),
        };
        tx.truncate(start + written.map_err(io::Error::other)?.len());
        Ok::<_, io::Error>(())
    };
    let mut first = Vec::new();
    next(&mut connection, &mut first)?;
    stream.write_all(&first)?;
    stream.flush()?;
    let mut echo = Vec::new();
    run(&mut stream, &mut connection, &mut rx, unread, &mut |connection, chunk, tx| {
        echo.extend_from_slice(chunk.payload);
        if chunk.last {
            println!("{}", String::from_utf8_lossy(&echo));
            echo.clear();
            next(connection, tx)?;
        }
        Ok(())
    })?;
    println!("closed: {:?}", connection.close_code().map(|code| code.0));
    Ok(())
}
