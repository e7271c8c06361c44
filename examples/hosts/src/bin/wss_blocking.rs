//! `wss://` without a runtime: rustls on `std::net`, a thread for each connection.
//!
//! In `examples/hosts`:
//!
//!     cargo run --release --bin wss_blocking -- server 127.0.0.1:9443 /tmp/certificate.pem
//!     cargo run --release --bin wss_blocking -- client wss://localhost:9443/ /tmp/certificate.pem hello
//!
//! The loop is that of `blocking_echo` on a `StreamOwned`. A close_notify ends a TLS stream; the half-close sends it. A
//! read from the socket fails when the session's next deadline has passed, even if rustls needs several for a record.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::DerefMut;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, thread};

use barews::Append;
use barews::connection::{Chunk, Config, Connection, Transport};
use barews::deadlines::Timeouts;
use barews::handshake::{Accept, ClientConfig, ClientRequest, OriginPolicy, ServerConfig, Uri};
use barews::session::{Event, Session, SessionRole};
use barews::wire::CloseCode;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConnection, ConnectionCommon, ServerConnection, SideData, StreamOwned};

static HANDSHAKE: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any); // an echo has no secrets
/// Timeout for the peer to accept bytes.
const PATIENCE: Duration = Duration::from_secs(20);
const TIMEOUTS: Timeouts = Timeouts::MILLISECONDS;

fn main() -> io::Result<()> {
    let args: Vec<_> = env::args().skip(1).collect();
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server", address, certificate] => server(address, Path::new(certificate)),
        ["client", uri, certificate, texts @ ..] => client(uri, Path::new(certificate), texts),
        _ => Err(io::Error::other("usage: server ADDRESS CERTIFICATE, or client URI CERTIFICATE TEXT...")),
    }
}

/// Returns random bytes from the operating system, for masking keys and nonces.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
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

/// A socket whose reads fail with `TimedOut` or `WouldBlock` when `due` has passed.
struct Socket {
    stream: TcpStream,
    due: Instant,
}

impl Socket {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, due: Instant::now() })
    }
}

impl Read for Socket {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(out)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn serve(stream: TcpStream, tls: Arc<rustls::ServerConfig>) -> io::Result<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(tls).map_err(io::Error::other)?, Socket::new(stream)?);
    let mut session = Session::server(&HANDSHAKE, [0; 512], TIMEOUTS, 0);
    let ended = run(&mut stream, &mut session, |session, chunk, now, tx| {
        let Some(chunk) = chunk else {
            return session.accept(&Accept::default(), &Config::DEFAULT).map_err(io::Error::other);
        };
        let connection = session.sender(now).map_err(io::Error::other)?;
        let header = connection.frame(chunk.kind, chunk.last, chunk.payload).map_err(io::Error::other)?;
        tx.extend_from_slice(header.as_bytes());
        tx.extend_from_slice(chunk.payload);
        Ok(())
    });
    // An error of the session also explains why the stream fails later.
    session.error().map_or(ended, |error| Err(io::Error::other(error)))
}

/// The loop of both roles. Calls `handle` without a chunk for the request or the response, then with each chunk. `handle`
/// appends whole frames to its last argument, to be sent.
fn run<'c, C: DerefMut<Target = ConnectionCommon<D>>, D: SideData, R: SessionRole>(
    stream: &mut StreamOwned<C, Socket>,
    session: &mut Session<'c, R, [u8; 512]>,
    mut handle: impl FnMut(&mut Session<'c, R, [u8; 512]>, Option<Chunk<'_>>, u64, &mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let (start, mut now) = (Instant::now(), 0);
    let (mut rx, mut unread, mut tx) = (vec![0; 16 << 10], 0..0, Vec::new());
    loop {
        while tx.append_up_to(512, |out| session.poll_transmit(out)) > 0 {}
        let received = session.receive(&mut rx[unread.clone()], now);
        unread.start = unread.end - received.rest.len();
        match received.event {
            Some(Event::Request | Event::Response) => handle(session, None, now, &mut tx)?,
            Some(Event::Data(chunk)) => handle(session, Some(chunk), now, &mut tx)?,
            Some(Event::Over) => return Ok(()),
            Some(_) => {}
            None => {
                // Writing also reads, during the handshake of TLS.
                stream.sock.due = start + Duration::from_millis(session.poll_timeout().unwrap_or(u64::MAX));
                stream.write_all(&tx)?;
                stream.flush()?;
                tx.clear();
                if session.transport() == Transport::HalfClose {
                    stream.conn.send_close_notify();
                    stream.flush()?;
                }
                match stream.read(&mut rx) {
                    Ok(0) => session.receive_eof(now),
                    Ok(len) => unread = 0..len,
                    // The stream ended without a close_notify. It is complete only if both Close frames were exchanged.
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => session.receive_eof(now),
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue, // read before the clock
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    Err(error) => return Err(error),
                }
                now = start.elapsed().as_millis() as u64;
            }
        }
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
    let mut stream = StreamOwned::new(tls, Socket::new(TcpStream::connect((host, uri.port()))?)?);
    let session = Session::client(&ClientConfig::DEFAULT, &ClientRequest::new(uri), random(), [0; 512], TIMEOUTS, 0);
    let mut session = session.map_err(io::Error::other)?;

    let (mut texts, mut echo) = (texts.iter(), Vec::new());
    let ended = run(&mut stream, &mut session, |session, chunk, now, tx| {
        match chunk {
            None => session.connect(random::<4>, &Config::DEFAULT).map_err(io::Error::other)?,
            Some(chunk) => {
                echo.extend_from_slice(chunk.payload);
                if !chunk.last {
                    return Ok(());
                }
                println!("{}", String::from_utf8_lossy(&echo));
                echo.clear();
            }
        }
        // One text at a time: send the next when the echo of the last is complete.
        let connection = session.sender(now).map_err(io::Error::other)?;
        let written = match texts.next() {
            Some(text) => tx.append_with(|out| connection.write_text(text, out)),
            None => tx.append_with(|out| connection.write_close(CloseCode::NORMAL, "", out)),
        };
        written.map(drop).map_err(io::Error::other)
    });
    session.error().map_or(ended, |error| Err(io::Error::other(error)))?;
    println!("closed: {:?}", session.connection().and_then(Connection::close_code).map(|code| code.0));
    Ok(())
}
