//! TCP, or TLS over it, without blocking after the handshake.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use socket2::{Domain, Socket, Type};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};

pub const PATIENCE: Duration = Duration::from_secs(10);
/// Maximum of connections from one address: the system has about 28,000 ports for them.
const PER_ADDRESS: usize = 20_000;

pub enum Stream {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    pub fn tcp(&mut self) -> &mut TcpStream {
        match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => &mut stream.sock,
        }
    }

    /// Whether a read that returns fewer bytes than it could has emptied the socket. TLS returns one record.
    pub fn short_read_is_last(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    /// Ends our side.
    pub fn shutdown(&mut self) -> io::Result<()> {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            let _blocked = stream.flush();
        }
        self.tcp().shutdown(std::net::Shutdown::Write)
    }

    fn io(&mut self) -> &mut dyn ReadWrite {
        match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => stream,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.io().read(bytes)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.io().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.io().flush()
    }
}

/// Connects, from 127.0.0.1 and the addresses that follow it if there are many connections to this machine, and does the
/// opening handshake with blocking reads.
pub fn connect<T>(
    index: usize,
    address: SocketAddr,
    tls: Option<&Arc<ClientConfig>>,
    handshake: impl FnOnce(&mut dyn ReadWrite) -> Result<T, Box<dyn Error>>,
) -> Result<(Stream, T), Box<dyn Error>> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.ip().is_loopback() && index >= PER_ADDRESS {
        socket.bind(&SocketAddr::from(([127, 0, 0, 1 + (index / PER_ADDRESS) as u8], 0)).into())?;
    }
    socket.connect_timeout(&address.into(), PATIENCE)?;
    let mut stream = std::net::TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let Some(config) = tls else {
        let done = handshake(&mut stream)?;
        stream.set_nonblocking(true)?;
        return Ok((Stream::Tcp(TcpStream::from_std(stream)), done));
    };
    let mut stream =
        StreamOwned::new(ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost")?)?, stream);
    let done = handshake(&mut stream)?;
    let StreamOwned { conn, sock } = stream;
    sock.set_nonblocking(true)?;
    Ok((Stream::Tls(Box::new(StreamOwned::new(conn, TcpStream::from_std(sock)))), done))
}

pub trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}
